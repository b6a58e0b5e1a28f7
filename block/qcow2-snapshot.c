/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2: internal snapshots. Specification: "Snapshots".
 *
 * A snapshot is another L1 table that refers to the same L2 tables and clusters; each of them counts one more. Each
 * operation is a draft of the image as it will be (qcow2-draft.c), which becomes valid at once.
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

/* The table of a draft. */
static int write_table(Qcow2Draft *d, const Qcow2Snapshot *list, unsigned n)
{
    g_autoptr(GByteArray) out = g_byte_array_new();

    for (unsigned i = 0; i < n; i++) {
        put_entry(d->q, out, &list[i]);
    }
    d->n_snapshots = n;
    d->snapshots_offset = 0;
    d->snapshots_bytes = out->len;
    return out->len > QCOW2_SNAP_TABLE_MAX ? -EFBIG :
           n ? qcow2_draft_write(d, out->data, out->len, &d->snapshots_offset) : 0;
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

/* The list stays as it is in the file. */
static void keep_table(Qcow2Draft *d)
{
    Qcow2 *q = d->q;

    d->n_snapshots = q->n_snapshots;
    d->snapshots_offset = q->snapshots_offset;
    d->snapshots_bytes = q->snapshots_bytes;
}

static int may_change(Qcow2 *q)
{
    return q->n->readonly || q->view_only ? -EROFS : q->incompat & QCOW2_INCOMPAT_CORRUPT ? -EIO : 0;
}

/* The tables behind the disk's end are a machine's state: the snapshot's, or of a save that was cut short. */
static int draft_create(Qcow2Draft *d, Qcow2Snapshot *s)
{
    Qcow2 *q = d->q;
    uint32_t disk = qcow2_l1_entries(q, d->disk_size);
    uint64_t *l1 = g_memdup2(q->l1, q->l1_size * sizeof(*l1));
    int ret = 0;

    d->l1 = l1;
    d->l1_size = q->l1_size;
    s->l1_size = s->info.vm_state_size ? q->l1_size : disk;
    if (!s->info.vm_state_size) {
        ret = qcow2_draft_count(d, l1, disk, q->l1_size, false);
    }
    ret = ret ? ret : qcow2_draft_count(d, l1, 0, disk, true);
    ret = ret ? ret : qcow2_draft_write_l1(d, l1, s->l1_size, false, &s->l1_offset);
    for (uint32_t i = disk; i < q->l1_size; i++) {
        l1[i] = 0;
    }
    return ret;
}

bool qcow2_snapshot_create(BlockNode *n, const BlockSnapshot *info, Error **errp)
{
    Qcow2 *q = n->state;
    g_autofree Qcow2Snapshot *list = g_new0(Qcow2Snapshot, q->n_snapshots + 2);
    Qcow2Snapshot *s = &list[q->n_snapshots];
    int ret = may_change(q);

    if (q->n_snapshots >= QCOW2_SNAPSHOTS_MAX || strlen(info->name) > UINT16_MAX) {
        ret = -EFBIG;
    }
    memcpy(list, q->snapshots, q->n_snapshots * sizeof(*list));
    s->info = *info;
    s->info.id = new_id(q);
    s->info.name = g_strdup(info->name);
    s->info.disk_size = block_size(n);
    if (!ret) {
        Qcow2Draft d;

        ret = qcow2_draft_begin(q, &d);
        ret = ret ? ret : draft_create(&d, s);
        ret = ret ? ret : write_table(&d, list, q->n_snapshots + 1);
        ret = ret ? ret : qcow2_draft_commit(&d);
        qcow2_draft_end(&d);
    }
    if (ret) {
        clear(s);
        error_set_errno(errp, -ret, "snapshot '%s' cannot be made", info->name);
        return false;
    }
    g_free(q->snapshots);
    q->snapshots = g_steal_pointer(&list);
    return true;
}

/* The tables of the snapshot become the active ones as well. A machine's state stays the snapshot's. */
static int draft_apply(Qcow2Draft *d, const Qcow2Snapshot *s)
{
    Qcow2 *q = d->q;
    int ret = qcow2_read_l1(q, s->l1_offset, s->l1_size, &d->l1);

    d->l1_size = ret ? 0 : s->l1_size;
    d->disk_size = s->info.disk_size;
    for (uint64_t i = qcow2_l1_entries(q, d->disk_size); i < d->l1_size; i++) {
        d->l1[i] = 0;
    }
    keep_table(d);
    ret = ret ? ret : qcow2_draft_count(d, q->l1, 0, q->l1_size, false);
    return ret ? ret : qcow2_draft_count(d, d->l1, 0, d->l1_size, true);
}

bool qcow2_snapshot_apply(BlockNode *n, const char *name_or_id, Error **errp)
{
    Qcow2 *q = n->state;
    Qcow2Snapshot *s = find_any(q, name_or_id);
    int ret = s ? may_change(q) : -ENOENT;

    if (!ret && (qcow2_l1_entries(q, s->info.disk_size) > s->l1_size || s->info.disk_size > INT64_MAX / 2)) {
        error_set(errp, "Failed to load snapshot: its L1 table is too small for its size");
        return false;
    }
    if (!ret) {
        Qcow2Draft d;

        ret = qcow2_draft_begin(q, &d);
        ret = ret ? ret : draft_apply(&d, s);
        ret = ret ? ret : qcow2_draft_commit(&d);
        qcow2_draft_end(&d);
    }
    if (ret) {
        error_set_errno(errp, -ret, "Failed to load snapshot");
    }
    return !ret;
}

static int draft_delete(Qcow2Draft *d, const Qcow2Snapshot *gone, const Qcow2Snapshot *list)
{
    Qcow2 *q = d->q;
    g_autofree uint64_t *l1 = NULL;
    int ret = qcow2_read_l1(q, gone->l1_offset, gone->l1_size, &l1);

    d->l1 = g_memdup2(q->l1, q->l1_size * sizeof(*l1));
    d->l1_size = q->l1_size;
    ret = ret ? ret : write_table(d, list, q->n_snapshots - 1);
    ret = ret ? ret : qcow2_draft_count(d, l1, 0, gone->l1_size, false);
    return ret ? ret : qcow2_draft_free(d, gone->l1_offset, gone->l1_size * 8ull);
}

bool qcow2_snapshot_delete(BlockNode *n, const char *name_or_id, Error **errp)
{
    Qcow2 *q = n->state;
    Qcow2Snapshot *s = find_any(q, name_or_id), gone;
    g_autofree Qcow2Snapshot *list = g_new0(Qcow2Snapshot, q->n_snapshots + 1);
    unsigned left = 0;
    int ret = may_change(q);

    if (!s) {
        error_set(errp, "snapshot not found");
        return false;
    }
    gone = *s;
    for (unsigned i = 0; i < q->n_snapshots; i++) {
        if (&q->snapshots[i] != s) {
            list[left++] = q->snapshots[i];
        }
    }
    if (!ret) {
        Qcow2Draft d;

        ret = qcow2_draft_begin(q, &d);
        ret = ret ? ret : draft_delete(&d, &gone, list);
        ret = ret ? ret : qcow2_draft_commit(&d);
        qcow2_draft_end(&d);
    }
    if (ret) {
        error_set_errno(errp, -ret, "snapshot '%s' cannot be deleted", name_or_id);
        return false;
    }
    clear(&gone);
    g_free(q->snapshots);
    q->snapshots = g_steal_pointer(&list);
    return true;
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
