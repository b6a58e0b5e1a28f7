/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2: internal snapshots. Specification: "Snapshots".
 *
 * A snapshot is another L1 table that refers to the same L2 tables and clusters; each of them counts one more. The
 * order of steps leaves leaks at most when it is cut short: counts go up before somebody refers to them and down after.
 * Only counts and COPIED bits disagree for a moment: the dirty bit (version 3) has that repaired.
 *
 * The state of a machine is written as if the disk were longer, from the first L1 entry behind its end on. The snapshot
 * keeps these tables; the active L1 table loses them as soon as it is made.
 */
#include "qemu/osdep.h"
#include "qcow2.h"

#define ENTRY_LEN       40u
#define EXTRA_KNOWN     24u

/* ---- the table of snapshots -------------------------------------------------------------------------------------- */

static void clear(Qcow2Snapshot *s)
{
    block_snapshot_clear(&s->info);
    g_clear_pointer(&s->extra, g_free);
}

void qcow2_snapshots_free(Qcow2 *q)
{
    for (unsigned i = 0; q->snapshots && i < q->n_snapshots; i++) {
        clear(&q->snapshots[i]);
    }
    g_clear_pointer(&q->snapshots, g_free);
}

static bool read_text(Qcow2 *q, uint64_t at, unsigned len, char **out, Error **errp)
{
    *out = g_malloc0(len + 1u);
    return !len || block_pread(q->file, at, *out, len, errp);
}

static bool read_entry(Qcow2 *q, Qcow2Snapshot *s, unsigned index, uint64_t *at, Error **errp)
{
    uint8_t e[ENTRY_LEN], extra[EXTRA_KNOWN] = { 0 };
    unsigned id_len, name_len, known;

    if (!block_pread(q->file, *at, e, sizeof(e), errp)) {
        return false;
    }
    s->l1_offset = load_be64(e);
    s->l1_size = load_be32(e + 8);
    id_len = load_be16(e + 12);
    name_len = load_be16(e + 14);
    s->info.date_sec = load_be32(e + 16);
    s->info.date_nsec = load_be32(e + 20);
    s->info.vm_clock_ns = load_be64(e + 24);
    s->info.vm_state_size = load_be32(e + 32);
    s->extra_len = load_be32(e + 36);
    if (s->extra_len > QCOW2_SNAP_EXTRA_MAX) {
        error_set(errp, "Too much extra metadata in snapshot table entry %u", index);
        return false;
    }
    known = MIN(s->extra_len, EXTRA_KNOWN);
    if (!block_pread(q->file, *at + ENTRY_LEN, extra, known, errp)) {
        return false;
    }
    if (s->extra_len > EXTRA_KNOWN) {
        s->extra = g_malloc(s->extra_len - EXTRA_KNOWN);
        if (!block_pread(q->file, *at + ENTRY_LEN + EXTRA_KNOWN, s->extra, s->extra_len - EXTRA_KNOWN, errp)) {
            return false;
        }
    }
    s->info.vm_state_size = known >= 8 ? load_be64(extra) : s->info.vm_state_size;
    s->info.disk_size = known >= 16 ? load_be64(extra + 8) : block_size(q->n);
    s->info.icount = known >= 24 ? load_be64(extra + 16) : UINT64_MAX;
    *at += ENTRY_LEN + s->extra_len;
    if (!read_text(q, *at, id_len, &s->info.id, errp) || !read_text(q, *at + id_len, name_len, &s->info.name, errp)) {
        return false;
    }
    *at += ROUND_UP(id_len + name_len + s->extra_len, 8) - s->extra_len;
    return true;
}

bool qcow2_snapshots_read(Qcow2 *q, Error **errp)
{
    uint64_t at = q->snapshots_offset;

    q->snapshots = g_new0(Qcow2Snapshot, q->n_snapshots + 1);
    for (unsigned i = 0; i < q->n_snapshots; i++) {
        if (!read_entry(q, &q->snapshots[i], i, &at, errp)) {
            return false;
        }
        at = q->snapshots_offset + ROUND_UP(at - q->snapshots_offset, 8);
        if (at - q->snapshots_offset > QCOW2_SNAP_TABLE_MAX) {
            error_set(errp, "Snapshot table is too big");
            return false;
        }
    }
    q->snapshots_bytes = at - q->snapshots_offset;
    return true;
}

static void put_entry(const Qcow2 *q, GByteArray *out, const Qcow2Snapshot *s)
{
    uint8_t e[ENTRY_LEN], extra[EXTRA_KNOWN], zero[8] = { 0 };
    uint32_t rest = s->extra_len > EXTRA_KNOWN ? s->extra_len - EXTRA_KNOWN : 0;

    store_be64(e, s->l1_offset);
    store_be32(e + 8, s->l1_size);
    store_be16(e + 12, strlen(s->info.id));
    store_be16(e + 14, strlen(s->info.name));
    store_be32(e + 16, s->info.date_sec);
    store_be32(e + 20, s->info.date_nsec);
    store_be64(e + 24, s->info.vm_clock_ns);
    store_be32(e + 32, s->info.vm_state_size > UINT32_MAX ? 0 : s->info.vm_state_size);
    store_be32(e + 36, EXTRA_KNOWN + rest);
    store_be64(extra, s->info.vm_state_size);
    store_be64(extra + 8, s->info.disk_size);
    store_be64(extra + 16, s->info.icount);
    g_byte_array_append(out, e, sizeof(e));
    g_byte_array_append(out, extra, sizeof(extra));
    g_byte_array_append(out, s->extra, rest);
    g_byte_array_append(out, (const uint8_t *)s->info.id, strlen(s->info.id));
    g_byte_array_append(out, (const uint8_t *)s->info.name, strlen(s->info.name));
    while (out->len % 8) {
        g_byte_array_append(out, zero, 1);
    }
}

/* A new table next to the old one; the header switches. list becomes q's. */
static int write_table(Qcow2 *q, Qcow2Snapshot *list, unsigned n)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    uint64_t old_offset = q->snapshots_offset, old_bytes = q->snapshots_bytes, offset = 0;
    unsigned old_n = q->n_snapshots;
    int ret = 0;

    for (unsigned i = 0; i < n; i++) {
        put_entry(q, out, &list[i]);
    }
    if (out->len > QCOW2_SNAP_TABLE_MAX) {
        return -EFBIG;
    }
    if (n) {
        ret = qcow2_alloc_all(q, qcow2_clusters(q, out->len), &offset);
        ret = ret ? ret : qcow2_flush(q);
        ret = ret ? ret : block_run_write(q->file, offset, out->data, out->len);
        ret = ret ? ret : block_run_flush(q->file);
    }
    if (ret) {
        return ret;
    }
    q->n_snapshots = n;
    q->snapshots_offset = offset;
    q->snapshots_bytes = out->len;
    ret = qcow2_header_write(q);
    ret = ret ? ret : block_run_flush(q->file);
    if (ret) {
        q->header_dirty = true;
        q->n_snapshots = old_n;
        q->snapshots_offset = old_offset;
        q->snapshots_bytes = old_bytes;
        return ret;
    }
    q->snapshots = list;
    if (old_n && old_bytes) {
        qcow2_free_later(q, old_offset, old_bytes);
    }
    return 0;
}

/* ---- counting what a table refers to ----------------------------------------------------------------------------- */

typedef struct Walk {
    int64_t delta;
    uint64_t left;              /* steps still allowed; for undoing as much as was done */
} Walk;

static int count_range(Qcow2 *q, Walk *w, uint64_t offset, uint64_t bytes)
{
    if (!w->left) {
        return -ECANCELED;
    }
    w->left--;
    return qcow2_add_refcount(q, offset, bytes, w->delta);
}

static int count_entry(Qcow2 *q, Walk *w, uint64_t entry)
{
    uint64_t offset;
    uint32_t bytes;

    if (entry & QCOW2_COMPRESSED) {
        qcow2_packed_range(q, entry, &offset, &bytes);
        return count_range(q, w, offset, bytes);
    }
    if (entry & QCOW2_OFFSET) {
        if (!qcow2_aligned(q, entry & QCOW2_OFFSET)) {
            return -EIO;
        }
        return count_range(q, w, entry & QCOW2_OFFSET, q->cluster_size);
    }
    return 0;
}

static int count_walk(Qcow2 *q, Walk *w, const uint64_t *l1, uint32_t l1_size)
{
    g_autofree uint8_t *table = g_try_malloc(q->cluster_size);
    int ret = table ? 0 : -ENOMEM;

    for (uint32_t i = 0; i < l1_size && !ret; i++) {
        uint64_t offset = l1[i] & QCOW2_OFFSET;

        if (!offset) {
            continue;
        }
        ret = qcow2_aligned(q, offset) ? block_run_read(q->file, offset, table, q->cluster_size) : -EIO;
        for (uint32_t at = 0; at < q->cluster_size && !ret; at += q->entry_size) {
            ret = count_entry(q, w, load_be64(table + at));
        }
        if (!ret) {
            ret = count_range(q, w, offset, q->cluster_size);
        }
    }
    return ret;
}

/* The tables in memory must have been written. What fails is undone. */
int qcow2_count_tables(Qcow2 *q, const uint64_t *l1, uint32_t l1_size, int64_t delta)
{
    Walk w = { delta, UINT64_MAX };
    int ret = count_walk(q, &w, l1, l1_size);

    if (ret) {
        Walk undo = { -delta, UINT64_MAX - w.left - 1 };

        count_walk(q, &undo, l1, l1_size);
    }
    return ret;
}

/* ---- COPIED ------------------------------------------------------------------------------------------------------ */

static int is_sole(Qcow2 *q, uint64_t offset, bool *sole)
{
    uint64_t refs;
    int ret = qcow2_get_refcount(q, offset >> q->cluster_bits, &refs);

    *sole = refs == 1;
    return ret;
}

static int fix_slice(Qcow2 *q, uint64_t offset)
{
    Slice *s;
    int ret = qcow2_get(q, &q->l2_cache, offset, true, &s);

    for (unsigned i = 0; !ret && i < qcow2_slice_entries(q); i++) {
        uint64_t entry = qcow2_l2_entry(q, s, i), fixed = entry & ~QCOW2_COPIED;
        bool sole;

        if (entry & QCOW2_COMPRESSED || !(entry & QCOW2_OFFSET)) {
            continue;
        }
        ret = is_sole(q, entry & QCOW2_OFFSET, &sole);
        fixed |= sole ? QCOW2_COPIED : 0;
        if (!ret && fixed != entry) {
            qcow2_l2_set(q, s, i, fixed, qcow2_l2_bitmap(q, s, i));
        }
    }
    if (!ret) {
        qcow2_put(s);
    }
    return ret;
}

int qcow2_fix_copied(Qcow2 *q)
{
    int ret = 0;

    for (uint32_t i = 0; i < q->l1_size && !ret; i++) {
        uint64_t offset = q->l1[i] & QCOW2_OFFSET, fixed = offset;
        bool sole;

        if (!offset) {
            continue;
        }
        ret = is_sole(q, offset, &sole);
        fixed |= sole ? QCOW2_COPIED : 0;
        if (!ret && fixed != q->l1[i]) {
            q->l1[i] = fixed;
            qcow2_l1_changed(q, i);
        }
        for (uint32_t at = 0; at < q->cluster_size && !ret; at += q->slice_size) {
            ret = fix_slice(q, offset + at);
        }
    }
    return ret;
}

static int settle(Qcow2 *q)
{
    int ret = qcow2_flush(q);

    return ret ? ret : qcow2_flush(q);
}

/* ---- state of a machine ------------------------------------------------------------------------------------------ */

/* What a table refers to counts one less when nothing points to it any more. What cannot be read is lost space. */
static int drop_table(Qcow2 *q, uint32_t l1_index)
{
    uint64_t table = q->l1[l1_index] & QCOW2_OFFSET;
    int ret = qcow2_aligned(q, table) ? 0 : -EIO;

    for (uint32_t at = 0; at < q->cluster_size && !ret; at += q->slice_size) {
        Slice *s;

        ret = qcow2_get(q, &q->l2_cache, table + at, true, &s);
        for (unsigned i = 0; !ret && i < qcow2_slice_entries(q); i++) {
            qcow2_free_entry(q, qcow2_l2_entry(q, s, i));
        }
        if (!ret) {
            qcow2_put(s);
        }
    }
    q->l1[l1_index] = 0;
    qcow2_l1_changed(q, l1_index);
    if (!ret) {
        qcow2_forget(&q->l2_cache, table, q->cluster_size);     /* not to be written: it may not even fit */
        g_hash_table_remove(q->metadata, &table);
        qcow2_free_later(q, table, q->cluster_size);
    }
    return ret;
}

int qcow2_drop_behind(Qcow2 *q, uint64_t disk_size)
{
    int ret = 0;

    for (uint64_t i = qcow2_l1_entries(q, disk_size); i < q->l1_size; i++) {
        int one = q->l1[i] & QCOW2_OFFSET ? drop_table(q, i) : 0;

        ret = ret ? ret : one;
    }
    return ret;
}

static uint64_t vmstate_start(const Qcow2 *q, uint64_t disk_size)
{
    return qcow2_l1_entries(q, disk_size) << qcow2_l1_bits(q);
}

int qcow2_vmstate_write(BlockNode *n, uint64_t offset, const void *buf, size_t len)
{
    Qcow2 *q = n->state;
    struct iovec iov = { (void *)buf, len };
    int ret = n->readonly || q->view_only ? -EROFS : q->incompat & QCOW2_INCOMPAT_CORRUPT ? -EIO : 0;

    if (!ret && !offset) {
        ret = qcow2_drop_behind(q, block_size(n));
    }
    return ret ? ret : qcow2_write(q, vmstate_start(q, block_size(n)) + offset, len, &iov, 1);
}

int qcow2_vmstate_drop(BlockNode *n)
{
    Qcow2 *q = n->state;
    int ret = qcow2_drop_behind(q, block_size(n)), settled = settle(q);

    return ret ? ret : settled;
}

/* ---- the operations ---------------------------------------------------------------------------------------------- */

static Qcow2Snapshot *find(Qcow2 *q, const char *id, const char *name)
{
    for (unsigned i = 0; i < q->n_snapshots; i++) {
        Qcow2Snapshot *s = &q->snapshots[i];

        if ((!id || g_str_equal(s->info.id, id)) && (!name || g_str_equal(s->info.name, name))) {
            return s;
        }
    }
    return NULL;
}

static Qcow2Snapshot *find_any(Qcow2 *q, const char *name_or_id)
{
    Qcow2Snapshot *s = find(q, name_or_id, NULL);

    return s ? s : find(q, NULL, name_or_id);
}

static char *new_id(Qcow2 *q)
{
    uint64_t max = 0;

    for (unsigned i = 0; i < q->n_snapshots; i++) {
        max = MAX(max, g_ascii_strtoull(q->snapshots[i].info.id, NULL, 10));
    }
    return g_strdup_printf("%" PRIu64, max + 1);
}

/* An L1 table for others: no entry in it may be written through. */
static int write_l1_copy(Qcow2 *q, const uint64_t *l1, uint32_t size, uint64_t *offset)
{
    g_autofree uint64_t *be = g_new0(uint64_t, MAX(size, 1));
    int ret = qcow2_alloc_all(q, qcow2_clusters(q, MAX(size, 1) * 8ull), offset);

    for (uint32_t i = 0; i < size; i++) {
        be[i] = GUINT64_TO_BE(l1[i] & ~QCOW2_COPIED);
    }
    return ret ? ret : block_run_write(q->file, *offset, be, MAX(size, 1) * 8ull);
}

bool qcow2_snapshot_create(BlockNode *n, const BlockSnapshot *info, Error **errp)
{
    Qcow2 *q = n->state;
    Qcow2Snapshot *list, *old = q->snapshots, *s;
    int ret = n->readonly || q->view_only ? -EROFS : 0;

    if (q->n_snapshots >= QCOW2_SNAPSHOTS_MAX || strlen(info->name) > UINT16_MAX) {
        ret = -EFBIG;
    }
    list = g_new0(Qcow2Snapshot, q->n_snapshots + 2);
    memcpy(list, old, q->n_snapshots * sizeof(*list));
    s = &list[q->n_snapshots];
    s->info = *info;
    s->info.id = new_id(q);
    s->info.name = g_strdup(info->name);
    s->info.disk_size = block_size(n);
    s->l1_size = q->l1_size;

    if (!ret && !info->vm_state_size) {
        ret = qcow2_drop_behind(q, block_size(n));      /* of a save that was cut short */
    }
    ret = ret ? ret : settle(q);
    ret = ret ? ret : write_l1_copy(q, q->l1, q->l1_size, &s->l1_offset);
    if (!ret) {
        ret = qcow2_count_tables(q, q->l1, q->l1_size, 1);
        if (ret) {
            qcow2_free_later(q, s->l1_offset, MAX(q->l1_size, 1) * 8ull);
        }
    }
    ret = ret ? ret : qcow2_set_incompat(q, QCOW2_INCOMPAT_DIRTY, 0);
    ret = ret ? ret : qcow2_flush(q);
    ret = ret ? ret : qcow2_fix_copied(q);
    ret = ret ? ret : qcow2_flush(q);
    ret = ret ? ret : write_table(q, list, q->n_snapshots + 1);
    if (!ret && !q->lazy) {
        ret = qcow2_set_incompat(q, 0, QCOW2_INCOMPAT_DIRTY);
    }
    if (ret) {
        clear(s);
        g_free(list);
        settle(q);
        error_set_errno(errp, -ret, "snapshot '%s' cannot be made", info->name);
        return false;
    }
    g_free(old);
    ret = qcow2_drop_behind(q, block_size(n));
    ret = ret ? ret : settle(q);
    if (ret) {
        error_set_errno(errp, -ret, "snapshot '%s' was made, then writing failed", info->name);
    }
    return !ret;
}

/* The tables of the snapshot become the active ones by a switch in the header. */
bool qcow2_snapshot_apply(BlockNode *n, const char *name_or_id, Error **errp)
{
    Qcow2 *q = n->state;
    Qcow2Snapshot *s = find_any(q, name_or_id);
    uint64_t *l1 = NULL, *old_l1 = q->l1, old_offset = q->l1_offset, old_size = block_size(n), offset;
    uint32_t old_n = q->l1_size;
    int ret = s ? settle(q) : -ENOENT;

    if (!ret && (qcow2_l1_entries(q, s->info.disk_size) > s->l1_size || s->info.disk_size > INT64_MAX / 2)) {
        error_set(errp, "Failed to load snapshot: its L1 table is too small for its size");
        return false;
    }
    ret = ret ? ret : n->readonly ? -EROFS : qcow2_read_l1(q, s->l1_offset, s->l1_size, &l1);
    for (uint64_t i = ret ? s->l1_size : qcow2_l1_entries(q, s->info.disk_size); i < s->l1_size; i++) {
        l1[i] = 0;              /* a machine's state stays the snapshot's */
    }
    ret = ret ? ret : qcow2_count_tables(q, l1, s->l1_size, 1);
    ret = ret ? ret : write_l1_copy(q, l1, s->l1_size, &offset);
    ret = ret ? ret : qcow2_flush(q);
    ret = ret ? ret : block_run_flush(q->file);
    if (ret) {
        g_free(l1);
        error_set_errno(errp, -ret, "Failed to load snapshot");
        return false;
    }
    for (uint32_t i = 0; i < s->l1_size; i++) {
        l1[i] &= ~QCOW2_COPIED;
    }
    q->l1 = l1;
    q->l1_size = s->l1_size;
    q->l1_offset = offset;
    n->size = s->info.disk_size;
    g_free(q->l1_dirty);
    q->l1_dirty = g_new0(bool, q->l1_size / 64 + 1);
    ret = qcow2_header_write(q);
    ret = ret ? ret : block_run_flush(q->file);
    if (ret) {
        g_free(q->l1);
        g_free(q->l1_dirty);
        q->l1 = old_l1;
        q->l1_size = old_n;
        q->l1_offset = old_offset;
        q->header_dirty = true;
        q->l1_dirty = g_new0(bool, old_n / 64 + 1);     /* settled before: nothing was */
        n->size = old_size;
        error_set_errno(errp, -ret, "Failed to load snapshot");
        return false;
    }
    ret = qcow2_count_tables(q, old_l1, old_n, -1);
    g_free(old_l1);
    qcow2_free_later(q, old_offset, MAX(old_n, 1) * 8ull);
    qcow2_forget(&q->l2_cache, 0, UINT64_MAX);
    qcow2_note_metadata(q);
    ret = ret ? ret : qcow2_fix_copied(q);
    ret = ret ? ret : settle(q);
    if (ret) {
        error_set_errno(errp, -ret, "the snapshot is loaded, then writing failed");
    }
    return !ret;
}

bool qcow2_snapshot_delete(BlockNode *n, const char *name_or_id, Error **errp)
{
    Qcow2 *q = n->state;
    Qcow2Snapshot *s = find_any(q, name_or_id), gone, *list, *old = q->snapshots;
    uint64_t *l1 = NULL;
    unsigned index, left = 0;
    int ret;

    if (!s) {
        error_set(errp, "snapshot not found");
        return false;
    }
    gone = *s;
    index = s - q->snapshots;
    list = g_new0(Qcow2Snapshot, q->n_snapshots);
    for (unsigned i = 0; i < q->n_snapshots; i++) {
        if (i != index) {
            list[left++] = old[i];
        }
    }
    ret = n->readonly || q->view_only ? -EROFS : settle(q);
    ret = ret ? ret : qcow2_read_l1(q, gone.l1_offset, gone.l1_size, &l1);
    ret = ret ? ret : qcow2_set_incompat(q, QCOW2_INCOMPAT_DIRTY, 0);
    ret = ret ? ret : write_table(q, list, left);
    if (ret) {
        g_free(list);
        g_free(l1);
        error_set_errno(errp, -ret, "snapshot '%s' cannot be deleted", name_or_id);
        return false;
    }
    g_free(old);
    ret = qcow2_count_tables(q, l1, gone.l1_size, -1);
    qcow2_free_later(q, gone.l1_offset, MAX(gone.l1_size, 1) * 8ull);
    ret = ret ? ret : settle(q);
    qcow2_forget(&q->l2_cache, 0, UINT64_MAX);
    qcow2_note_metadata(q);
    ret = ret ? ret : qcow2_fix_copied(q);
    ret = ret ? ret : settle(q);
    if (!ret && !q->lazy) {
        ret = qcow2_set_incompat(q, 0, QCOW2_INCOMPAT_DIRTY);
    }
    g_free(l1);
    clear(&gone);
    if (ret) {
        error_set_errno(errp, -ret, "the snapshot is deleted, its space could not be freed");
    }
    return !ret;
}

bool qcow2_snapshot_load(BlockNode *n, const char *id, const char *name, Error **errp)
{
    Qcow2 *q = n->state;
    Qcow2Snapshot *s = id || name ? find(q, id, name) : NULL;
    uint64_t *l1;
    int ret;

    if (!s) {
        error_set(errp, "Can't find snapshot");
        return false;
    }
    if (qcow2_l1_entries(q, s->info.disk_size) > s->l1_size || s->info.disk_size > INT64_MAX / 2) {
        error_set(errp, "its L1 table is too small for its size");
        return false;
    }
    ret = qcow2_read_l1(q, s->l1_offset, s->l1_size, &l1);
    if (ret) {
        error_set_errno(errp, -ret, "its L1 table cannot be read");
        return false;
    }
    g_free(q->l1);
    q->l1 = l1;
    q->l1_size = s->l1_size;
    n->size = s->info.disk_size;
    q->view_only = true;
    return true;
}

unsigned qcow2_snapshot_list(BlockNode *n, BlockSnapshot **list)
{
    Qcow2 *q = n->state;

    *list = g_new0(BlockSnapshot, q->n_snapshots + 1);
    for (unsigned i = 0; i < q->n_snapshots; i++) {
        (*list)[i] = q->snapshots[i].info;
        (*list)[i].id = g_strdup(q->snapshots[i].info.id);
        (*list)[i].name = g_strdup(q->snapshots[i].info.name);
    }
    return q->n_snapshots;
}

/* Reads through the snapshot's tables: they take the active ones' place meanwhile, nothing else is under way. */
int qcow2_vmstate_read(BlockNode *n, const char *id, uint64_t offset, void *buf, size_t len)
{
    Qcow2 *q = n->state;
    Qcow2Snapshot *s = find(q, id, NULL);
    uint64_t *active = q->l1, *l1;
    uint32_t active_size = q->l1_size;
    struct iovec iov = { buf, len };
    int ret = s ? qcow2_read_l1(q, s->l1_offset, s->l1_size, &l1) : -ENOENT;

    if (ret) {
        return ret;
    }
    q->l1 = l1;
    q->l1_size = s->l1_size;
    ret = qcow2_read(q, vmstate_start(q, s->info.disk_size) + offset, len, &iov, 1);
    q->l1 = active;
    q->l1_size = active_size;
    g_free(l1);
    return ret;
}
