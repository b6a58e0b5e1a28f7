/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: from guest offsets to clusters of the file, through L1 and L2. Specification: "Cluster mapping". */
#include "qemu/osdep.h"
#include "qcow2.h"

/* ---- damage ------------------------------------------------------------------------------------------------------ */

int qcow2_corrupt(Qcow2 *q, const char *fmt, ...)
{
    g_autofree char *what = NULL;
    va_list ap;

    if (q->incompat & QCOW2_INCOMPAT_CORRUPT) {
        return -EIO;
    }
    va_start(ap, fmt);
    what = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    if (q->n->readonly || q->version < 3) {
        warn_report("qcow2: Image '%s' is corrupt: %s; further non-fatal corruption events will be suppressed",
                    q->n->filename, what);
        q->incompat |= QCOW2_INCOMPAT_CORRUPT;
        return -EIO;
    }
    warn_report("qcow2: Marking image '%s' as corrupt: %s; further corruption events will be suppressed",
                q->n->filename, what);
    q->incompat |= QCOW2_INCOMPAT_CORRUPT;
    qcow2_header_write(q);
    return -EIO;
}

static bool overlap(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
    return a_len && b_len && a < b + b_len && b < a + a_len;
}

/* Would data written there destroy a table? The tables in use are few, the check is made for every run of clusters. */
bool qcow2_overlaps_metadata(Qcow2 *q, uint64_t offset, uint64_t bytes)
{
    if (overlap(offset, bytes, 0, q->cluster_size) || overlap(offset, bytes, q->l1_offset, q->l1_size * 8ull) ||
        overlap(offset, bytes, q->reftable_offset, q->reftable_size * 8ull) ||
        overlap(offset, bytes, q->snapshots_offset, q->snapshots_bytes)) {
        return true;
    }
    for (uint64_t at = offset & ~(uint64_t)(q->cluster_size - 1); at < offset + bytes; at += q->cluster_size) {
        if (g_hash_table_contains(q->metadata, &at)) {
            return true;
        }
    }
    return false;
}

/* ---- L1 ---------------------------------------------------------------------------------------------------------- */

void qcow2_l1_changed(Qcow2 *q, uint32_t index)
{
    q->l1_dirty[index / 64] = true;
    q->l1_any_dirty = true;
}

int qcow2_read_l1(Qcow2 *q, uint64_t offset, uint32_t entries, uint64_t **out)
{
    uint64_t *l1;
    int ret;

    if (entries * 8ull > QCOW2_L1_MAX || !qcow2_aligned(q, offset) || offset > INT64_MAX - QCOW2_L1_MAX) {
        return -EINVAL;
    }
    l1 = g_try_malloc(MAX(entries, 1) * 8ull);
    if (!l1) {
        return -ENOMEM;
    }
    ret = block_run_read(q->file, offset, l1, entries * 8ull);
    if (ret) {
        g_free(l1);
        return ret;
    }
    for (uint32_t i = 0; i < entries; i++) {
        l1[i] = GUINT64_FROM_BE(l1[i]);
    }
    *out = l1;
    return 0;
}

/* A new, longer table elsewhere, then the header. exact: no room for more. */
int qcow2_grow_l1(Qcow2 *q, uint64_t entries, bool exact)
{
    uint64_t old_offset = q->l1_offset, old_bytes = q->l1_size * 8ull, offset, bytes;
    g_autofree uint64_t *be = NULL;
    uint64_t *l1;
    int ret;

    if (entries <= q->l1_size) {
        return 0;
    }
    if (!exact) {
        entries = MAX(entries, MIN(q->l1_size * 3ull / 2 + 1, QCOW2_L1_MAX / 8));
    }
    if (entries * 8 > QCOW2_L1_MAX) {
        return -EFBIG;
    }
    bytes = entries * 8;
    block_event(q->file, BLOCK_EVENT_L1_GROW_ALLOC_TABLE);
    l1 = g_try_malloc0(bytes);
    be = g_try_malloc0(bytes);
    ret = l1 && be ? qcow2_alloc_all(q, qcow2_clusters(q, bytes), &offset) : -ENOMEM;
    if (!ret) {
        ret = qcow2_flush(q);               /* counted, and no entry of the old table waits */
    }
    if (ret) {
        g_free(l1);
        return ret;
    }
    memcpy(l1, q->l1, old_bytes);
    for (uint64_t i = 0; i < entries; i++) {
        be[i] = GUINT64_TO_BE(l1[i]);
    }
    block_event(q->file, BLOCK_EVENT_L1_GROW_WRITE_TABLE);
    ret = block_run_write(q->file, offset, be, bytes);
    if (!ret) {
        ret = block_run_flush(q->file);
    }
    if (ret) {
        g_free(l1);
        return ret;
    }
    g_free(q->l1);
    g_free(q->l1_dirty);
    q->l1 = l1;
    q->l1_size = entries;
    q->l1_dirty = g_new0(bool, entries / 64 + 1);
    q->l1_offset = offset;
    block_event(q->file, BLOCK_EVENT_L1_GROW_ACTIVATE_TABLE);
    ret = qcow2_header_write(q);
    if (!ret) {
        ret = block_run_flush(q->file);
    }
    if (old_bytes) {
        qcow2_free_later(q, old_offset, old_bytes);
    }
    return ret;
}

/* ---- L2 ---------------------------------------------------------------------------------------------------------- */

unsigned qcow2_slice_entries(const Qcow2 *q)
{
    return q->slice_size / q->entry_size;
}

uint64_t qcow2_l2_entry(const Qcow2 *q, const Slice *s, unsigned index)
{
    return load_be64(s->data + (size_t)index * q->entry_size);
}

uint64_t qcow2_l2_bitmap(const Qcow2 *q, const Slice *s, unsigned index)
{
    return q->ext_l2 ? load_be64(s->data + (size_t)index * q->entry_size + 8) : 0;
}

void qcow2_l2_set(Qcow2 *q, Slice *s, unsigned index, uint64_t entry, uint64_t bitmap)
{
    store_be64(s->data + (size_t)index * q->entry_size, entry);
    if (q->ext_l2) {
        store_be64(s->data + (size_t)index * q->entry_size + 8, bitmap);
    }
    qcow2_mark_dirty(&q->l2_cache, s);
}

/* A table of our own for an L1 entry that has none, or one that snapshots share. */
static int own_table(Qcow2 *q, uint32_t l1_index)
{
    uint64_t old = q->l1[l1_index] & QCOW2_OFFSET, offset, got;
    int ret = qcow2_alloc(q, 1, &offset, &got);

    if (ret) {
        return ret;
    }
    block_event(q->file, BLOCK_EVENT_L2_ALLOC_WRITE);
    ret = qcow2_claim(q, offset);
    for (uint32_t at = 0; at < q->cluster_size && !ret; at += q->slice_size) {
        Slice *to = NULL, *from = NULL;

        ret = qcow2_get(q, &q->l2_cache, offset + at, false, &to);
        if (!ret && old) {
            ret = qcow2_get(q, &q->l2_cache, old + at, true, &from);
        }
        if (!ret) {
            if (from) {
                memcpy(to->data, from->data, q->slice_size);
            }
            to->fresh = true;
            qcow2_mark_dirty(&q->l2_cache, to);
        }
        qcow2_put(from);
        qcow2_put(to);
    }
    if (ret) {
        qcow2_forget(&q->l2_cache, offset, q->cluster_size);
        qcow2_add_refcount(q, offset, q->cluster_size, -1);
        return ret;
    }
    g_hash_table_add(q->metadata, g_memdup2(&offset, sizeof(offset)));
    q->l1[l1_index] = offset | QCOW2_COPIED;
    qcow2_l1_changed(q, l1_index);
    if (old) {
        qcow2_free_later(q, old, q->cluster_size);
    }
    return 0;
}

static uint64_t slice_at(const Qcow2 *q, uint64_t table, uint64_t offset, unsigned *index)
{
    unsigned i = offset >> q->cluster_bits & ((1u << q->l2_bits) - 1), per_slice = qcow2_slice_entries(q);

    *index = i % per_slice;
    return table + (uint64_t)(i / per_slice) * q->slice_size;
}

static int table_slice(Qcow2 *q, uint64_t table, uint64_t offset, Slice **s, unsigned *index)
{
    return qcow2_get(q, &q->l2_cache, slice_at(q, table, offset, index), true, s);
}

bool qcow2_l2_at_once(Qcow2 *q, uint64_t offset)
{
    uint64_t l1_index = offset >> qcow2_l1_bits(q), table = l1_index < q->l1_size ? q->l1[l1_index] & QCOW2_OFFSET : 0;
    unsigned index;

    return table && qcow2_aligned(q, table) &&
           qcow2_load_at_once(q, &q->l2_cache, slice_at(q, table, offset, &index));
}

static int check_l1_entry(Qcow2 *q, uint64_t l1_index)
{
    uint64_t table = q->l1[l1_index] & QCOW2_OFFSET;

    if (!qcow2_aligned(q, table)) {
        return qcow2_corrupt(q, "L2 table offset %#" PRIx64 " unaligned (L1 index: %#" PRIx64 ")", table, l1_index);
    }
    return 0;
}

int qcow2_l2_for_write(Qcow2 *q, uint64_t offset, Slice **s, unsigned *index)
{
    uint64_t l1_index = offset >> qcow2_l1_bits(q), entry;
    int ret = 0;

    *s = NULL;
    if (l1_index >= q->l1_size) {
        ret = qcow2_grow_l1(q, l1_index + 1, false);
    }
    if (!ret) {
        ret = check_l1_entry(q, l1_index);
    }
    if (ret) {
        return ret;
    }
    entry = q->l1[l1_index];
    if (!(entry & QCOW2_OFFSET) || !(entry & QCOW2_COPIED)) {
        ret = own_table(q, l1_index);
        if (ret) {
            return ret;
        }
    }
    return table_slice(q, q->l1[l1_index] & QCOW2_OFFSET, offset, s, index);
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

void qcow2_packed_range(const Qcow2 *q, uint64_t entry, uint64_t *offset, uint32_t *bytes)
{
    unsigned offset_bits = 62 - (q->cluster_bits - 8);
    uint64_t sectors = extract64(entry, offset_bits, 62 - offset_bits) + 1;

    *offset = extract64(entry, 0, offset_bits) & 0x00ffffffffffffffull;
    *bytes = sectors * 512 - *offset % 512;
}

void qcow2_free_entry(Qcow2 *q, uint64_t entry)
{
    uint64_t offset;
    uint32_t bytes;

    if (entry & QCOW2_COMPRESSED) {
        qcow2_packed_range(q, entry, &offset, &bytes);
        qcow2_free_later(q, offset, bytes);
    } else if (entry & QCOW2_OFFSET) {
        qcow2_free_later(q, entry & QCOW2_OFFSET, q->cluster_size);
    }
}

/* Of a cluster (or, with subclusters, one of them): what is read there. */
static int classify(Qcow2 *q, uint64_t entry, uint64_t bitmap, unsigned sub, uint64_t guest, Qcow2Kind *kind)
{
    uint64_t host = entry & QCOW2_OFFSET;

    if (entry & QCOW2_COMPRESSED) {
        *kind = QCOW2_PACKED;
        return 0;
    }
    if (!qcow2_aligned(q, host)) {
        return qcow2_corrupt(q, "Cluster allocation offset %#" PRIx64 " unaligned (guest offset: %#" PRIx64 ")", host,
                             guest);
    }
    if (!q->ext_l2) {
        *kind = q->version >= 3 && entry & QCOW2_ZERO ? QCOW2_ZEROS : host ? QCOW2_DATA : QCOW2_UNALLOCATED;
        return 0;
    }
    if (bitmap & bitmap >> 32 & UINT32_MAX || (!host && bitmap & UINT32_MAX) || entry & QCOW2_ZERO) {
        return qcow2_corrupt(q, "Invalid subcluster bitmap %#" PRIx64 " (guest offset: %#" PRIx64 ")", bitmap, guest);
    }
    *kind = bitmap >> (32 + sub) & 1 ? QCOW2_ZEROS : bitmap >> sub & 1 ? QCOW2_DATA : QCOW2_UNALLOCATED;
    return 0;
}

static int add_unit(Qcow2 *q, const Slice *s, unsigned index, uint64_t at, bool is_first, Qcow2Extent *e)
{
    uint64_t entry = qcow2_l2_entry(q, s, index), in_cluster = at & (q->cluster_size - 1);
    unsigned sub = q->ext_l2 ? in_cluster / (q->cluster_size / QCOW2_SUBCLUSTERS) : 0;
    Qcow2Extent unit = { 0 };
    int ret = classify(q, entry, qcow2_l2_bitmap(q, s, index), sub, at, &unit.kind);

    if (ret) {
        return ret;
    }
    unit.has_host = unit.kind != QCOW2_PACKED && entry & QCOW2_OFFSET;
    unit.copied = entry & QCOW2_COPIED;
    unit.host = unit.has_host ? (entry & QCOW2_OFFSET) + in_cluster : 0;
    unit.entry = entry;
    if (is_first) {
        *e = unit;
        return 0;
    }
    return unit.kind == e->kind && unit.kind != QCOW2_PACKED && unit.has_host == e->has_host &&
           unit.copied == e->copied && (!unit.has_host || unit.host == e->host + e->bytes) ? 0 : 1;
}

int qcow2_lookup(Qcow2 *q, uint64_t offset, uint64_t bytes, Qcow2Extent *e)
{
    uint64_t l1_index = offset >> qcow2_l1_bits(q), end = offset + bytes, at = offset;
    uint64_t unit = q->ext_l2 ? q->cluster_size / QCOW2_SUBCLUSTERS : q->cluster_size;
    unsigned index;
    Slice *s;
    int ret;

    *e = (Qcow2Extent){ .kind = QCOW2_UNALLOCATED };
    if (l1_index >= q->l1_size || !(q->l1[l1_index] & QCOW2_OFFSET)) {
        e->bytes = MIN(bytes, ((l1_index + 1) << qcow2_l1_bits(q)) - offset);
        return 0;
    }
    ret = check_l1_entry(q, l1_index);
    if (!ret) {
        ret = table_slice(q, q->l1[l1_index] & QCOW2_OFFSET, offset, &s, &index);
    }
    if (ret) {
        return ret;
    }
    while (at < end && index < qcow2_slice_entries(q)) {
        uint64_t next = MIN((at & ~(unit - 1)) + unit, end);

        ret = add_unit(q, s, index, at, at == offset, e);
        if (ret) {
            break;
        }
        e->bytes += next - at;
        at = next;
        index += qcow2_aligned(q, at) ? 1 : 0;
    }
    qcow2_put(s);
    if (ret < 0 && e->bytes) {
        return 0;           /* up to the broken entry */
    }
    return MIN(ret, 0);
}
