/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: refcounts, and with them which clusters of the file are free. Specification: "Host cluster management". */
#include "qemu/osdep.h"
#include "qcow2.h"

#define PENDING_CLUSTERS_MAX    65536u
#define FILE_MAX                (1ull << 56)    /* offsets in tables have 56 bits */

uint64_t qcow2_refcount_at(const uint8_t *block, unsigned order, uint64_t index)
{
    switch (order) {
    case 3:
        return block[index];
    case 4:
        return load_be16(block + index * 2);
    case 5:
        return load_be32(block + index * 4);
    case 6:
        return load_be64(block + index * 8);
    }
    return block[index >> (3 - order)] >> (index << order & 7) & ((1u << (1u << order)) - 1);
}

void qcow2_refcount_put(uint8_t *block, unsigned order, uint64_t index, uint64_t value)
{
    unsigned shift = index << order & 7, mask = ((1u << (1u << (order & 3))) - 1) << shift;

    switch (order) {
    case 3:
        block[index] = value;
        return;
    case 4:
        store_be16(block + index * 2, value);
        return;
    case 5:
        store_be32(block + index * 4, value);
        return;
    case 6:
        store_be64(block + index * 8, value);
        return;
    }
    block[index >> (3 - order)] = (block[index >> (3 - order)] & ~mask) | (value << shift & mask);
}

int qcow2_read_reftable(Qcow2 *q)
{
    uint64_t bytes = q->reftable_size * 8ull;
    int ret;

    q->reftable = g_try_malloc(bytes);
    if (!q->reftable) {
        return -ENOMEM;
    }
    block_event(q->file, BLOCK_EVENT_REFTABLE_LOAD);
    ret = block_run_read(q->file, q->reftable_offset, q->reftable, bytes);
    for (uint32_t i = 0; i < q->reftable_size; i++) {
        q->reftable[i] = GUINT64_FROM_BE(q->reftable[i]);
    }
    q->reftable_dirty_from = UINT32_MAX;
    return ret;
}

/* ---- one refcount ------------------------------------------------------------------------------------------------ */

/* The slice with the refcount of a cluster; *s is NULL when there is no block for it: all of them are 0. */
static int get_slice(Qcow2 *q, uint64_t cluster, Slice **s, uint64_t *index)
{
    uint64_t block = cluster >> q->refblock_bits, offset, in_block, byte;

    *s = NULL;
    if (block >= q->reftable_size || !q->reftable[block]) {
        return 0;
    }
    offset = q->reftable[block];
    if (!qcow2_aligned(q, offset) || offset >= FILE_MAX) {
        return qcow2_corrupt(q, "Refblock offset %#" PRIx64 " unaligned (reftable index: %#" PRIx64 ")", offset, block);
    }
    in_block = cluster & ((1ull << q->refblock_bits) - 1);
    byte = (in_block << q->refcount_order) / 8;
    *index = in_block - (((byte & ~(uint64_t)(q->slice_size - 1)) * 8) >> q->refcount_order);
    return qcow2_get(q, &q->ref_cache, offset + (byte & ~(uint64_t)(q->slice_size - 1)), true, s);
}

int qcow2_get_refcount(Qcow2 *q, uint64_t cluster, uint64_t *value)
{
    uint64_t index;
    Slice *s;
    int ret = get_slice(q, cluster, &s, &index);

    *value = !ret && s ? qcow2_refcount_at(s->data, q->refcount_order, index) : 0;
    qcow2_put(s);
    return ret;
}

/* A cluster without references is nobody's: neither metadata, nor the place for more compressed data. */
static void cluster_is_free(Qcow2 *q, uint64_t cluster)
{
    uint64_t offset = cluster << q->cluster_bits;

    q->free_hint = MIN(q->free_hint, cluster);
    g_hash_table_remove(q->metadata, &offset);
    if (q->compressed_at >> q->cluster_bits == cluster) {
        q->compressed_at = 0;
    }
}

static int change_refcount(Qcow2 *q, uint64_t cluster, int64_t delta)
{
    uint64_t index, old, max;
    Slice *s;
    int ret = get_slice(q, cluster, &s, &index);

    if (ret) {
        return ret;
    }
    if (!s) {
        return -EINVAL;
    }
    old = qcow2_refcount_at(s->data, q->refcount_order, index);
    max = qcow2_refcount_max(q);
    if (delta < 0 ? old < (uint64_t)-delta : old > max || (uint64_t)delta > max - old) {
        ret = -EINVAL;
    } else {
        qcow2_refcount_put(s->data, q->refcount_order, index, old + delta);
        qcow2_mark_dirty(&q->ref_cache, s);
        if (!(old + delta)) {
            cluster_is_free(q, cluster);
        }
    }
    qcow2_put(s);
    return ret;
}

/* ---- new refcount blocks and tables ------------------------------------------------------------------------------ */

static void reftable_changed(Qcow2 *q, uint64_t i)
{
    q->reftable_dirty_from = MIN(q->reftable_dirty_from, i);
    q->reftable_dirty_to = MAX(q->reftable_dirty_to, i + 1);
}

int qcow2_claim(Qcow2 *q, uint64_t offset)
{
    BlockOp op = { .kind = BLOCK_WRITE_ZEROES, .offset = offset, .bytes = q->cluster_size };

    return block_run(q->file, &op);
}

/* The block for the refcount of cluster is put into that very cluster, and counts itself. */
static int new_refblock(Qcow2 *q, uint64_t cluster)
{
    uint64_t offset = cluster << q->cluster_bits, i = cluster >> q->refblock_bits;
    uint64_t own = cluster & ((1ull << q->refblock_bits) - 1), per_slice = q->slice_size * 8ull >> q->refcount_order;
    int claimed;

    block_event(q->file, BLOCK_EVENT_REFBLOCK_ALLOC);
    claimed = qcow2_claim(q, offset);
    if (claimed) {
        return claimed;
    }
    for (uint64_t at = 0, first = 0; at < q->cluster_size; at += q->slice_size, first += per_slice) {
        Slice *s;
        int ret = qcow2_get(q, &q->ref_cache, offset + at, false, &s);

        if (ret) {
            qcow2_forget(&q->ref_cache, offset, at);    /* the cluster stays free, and may become anything */
            return ret;
        }
        if (own - first < per_slice) {
            qcow2_refcount_put(s->data, q->refcount_order, own - first, 1);
        }
        s->fresh = true;
        qcow2_mark_dirty(&q->ref_cache, s);
        qcow2_put(s);
    }
    q->reftable[i] = offset;
    g_hash_table_add(q->metadata, g_memdup2(&offset, sizeof(offset)));
    reftable_changed(q, i);
    return 0;
}

/* A longer refcount table with blocks that count it and themselves: they stand from cluster first on, blocks first. */
typedef struct NewTable {
    uint64_t first, block0, blocks, clusters;   /* block0: index of the first new block; clusters of the table */
    uint64_t *entries, size;
} NewTable;

static uint64_t new_table_offset(const Qcow2 *q, const NewTable *t)
{
    return (t->first + t->blocks) << q->cluster_bits;
}

/* Table and blocks count each other: until nothing changes any more. */
static int plan_new_table(Qcow2 *q, NewTable *t)
{
    uint64_t wanted;

    t->block0 = t->first >> q->refblock_bits;
    for (uint64_t total = 0, last = 1; total != last;) {
        last = total;
        t->blocks = ((t->first + total) >> q->refblock_bits) - t->block0 + 1;
        wanted = MAX(t->block0 + t->blocks + 1, q->reftable_size + q->reftable_size / 2);
        t->clusters = qcow2_clusters(q, wanted * 8);
        total = t->blocks + t->clusters;
    }
    t->size = (t->clusters << q->cluster_bits) / 8;
    if (t->size * 8 > QCOW2_REFTABLE_MAX && t->clusters > 1) {
        return -EFBIG;
    }
    if (qcow2_overlaps_metadata(q, t->first << q->cluster_bits, (t->blocks + t->clusters) << q->cluster_bits)) {
        return qcow2_corrupt(q, "Preventing invalid allocation of refcount table at offset %#" PRIx64,
                             t->first << q->cluster_bits);
    }
    t->entries = g_try_new0(uint64_t, t->size);
    if (!t->entries) {
        return -ENOMEM;
    }
    memcpy(t->entries, q->reftable, q->reftable_size * 8ull);
    return 0;
}

static int write_new_blocks(Qcow2 *q, NewTable *t)
{
    uint64_t per_block = 1ull << q->refblock_bits, end = t->first + t->blocks + t->clusters;
    g_autofree uint8_t *buf = g_try_malloc(q->cluster_size);
    int ret = buf ? 0 : -ENOMEM;

    block_event(q->file, BLOCK_EVENT_REFBLOCK_ALLOC_WRITE_BLOCKS);
    for (uint64_t b = 0; b < t->blocks && !ret; b++) {
        uint64_t base = (t->block0 + b) * per_block, *entry = &t->entries[t->block0 + b];

        memset(buf, 0, q->cluster_size);
        for (uint64_t c = MAX(t->first, base); c < MIN(end, base + per_block); c++) {
            qcow2_refcount_put(buf, q->refcount_order, c - base, 1);
        }
        *entry = (t->first + b) << q->cluster_bits;
        qcow2_forget(&q->ref_cache, *entry, q->cluster_size);
        ret = block_run_write(q->file, *entry, buf, q->cluster_size);
    }
    return ret;
}

static int write_new_table(Qcow2 *q, const NewTable *t)
{
    int ret;

    block_event(q->file, BLOCK_EVENT_REFBLOCK_ALLOC_WRITE_TABLE);
    ret = qcow2_write_be64s(q, new_table_offset(q, t), t->entries, 0, t->size);
    /* Blocks the old table learned of have to be there too. */
    for (Slice *s = q->ref_cache.oldest; s && !ret; s = s->newer) {
        if (s->dirty) {
            ret = block_run_write(q->file, s->offset, s->data, q->slice_size);
        }
    }
    return ret ? ret : block_run_flush(q->file);
}

/* All of it is on the disk: the header's first sector makes it valid. */
static int switch_to_table(Qcow2 *q, NewTable *t)
{
    uint64_t old_offset = q->reftable_offset, old_bytes = q->reftable_size * 8ull;
    int ret;

    g_free(q->reftable);
    q->reftable = g_steal_pointer(&t->entries);
    q->reftable_size = t->size;
    q->reftable_offset = new_table_offset(q, t);
    q->reftable_dirty_from = UINT32_MAX;
    q->reftable_dirty_to = 0;
    for (uint64_t b = 0; b < t->blocks; b++) {
        g_hash_table_add(q->metadata, g_memdup2(&q->reftable[t->block0 + b], 8));
    }
    block_event(q->file, BLOCK_EVENT_REFBLOCK_ALLOC_SWITCH_TABLE);
    ret = qcow2_header_write(q);
    ret = ret ? ret : block_run_flush(q->file);
    qcow2_free_later(q, old_offset, qcow2_align(q, old_bytes));
    return ret;
}

/*
 * The table is full: a larger one, with the refcount blocks for itself in front of it, is built behind everything that
 * is counted so far, at cluster first. It is complete before the header points to it.
 */
static int grow_reftable(Qcow2 *q, uint64_t first)
{
    NewTable t = { .first = first };
    int ret;

    block_event(q->file, BLOCK_EVENT_REFTABLE_GROW);
    ret = plan_new_table(q, &t);
    ret = ret ? ret : write_new_blocks(q, &t);
    ret = ret ? ret : write_new_table(q, &t);
    ret = ret ? ret : switch_to_table(q, &t);
    g_free(t.entries);
    return ret;
}

/* Makes sure that there is a refcount for a free cluster. 1: it was used up for that, look again. */
static int ensure_block(Qcow2 *q, uint64_t cluster)
{
    uint64_t block = cluster >> q->refblock_bits;
    int ret;

    if (block < q->reftable_size && q->reftable[block]) {
        return 0;
    }
    if (qcow2_overlaps_metadata(q, cluster << q->cluster_bits, q->cluster_size)) {
        return qcow2_corrupt(q, "Preventing invalid allocation of refcount block at offset %#" PRIx64,
                             cluster << q->cluster_bits);
    }
    ret = block >= q->reftable_size ? grow_reftable(q, cluster) : new_refblock(q, cluster);
    return ret < 0 ? ret : 1;
}

/* ---- allocation -------------------------------------------------------------------------------------------------- */

/* Free clusters in a row from the hint on: the first run, however short, or (all) the first of n. */
static int find_run(Qcow2 *q, uint64_t n, bool all, uint64_t *first, uint64_t *got)
{
    uint64_t start = q->free_hint, count = 0;
    bool hint_moves = true;

    for (uint64_t c = q->free_hint; count < n; c++) {
        uint64_t refs;
        int ret;

        if (c >= FILE_MAX >> q->cluster_bits) {
            return -EFBIG;
        }
        ret = qcow2_get_refcount(q, c, &refs);
        if (ret) {
            return ret;
        }
        if (!refs) {
            start = count++ ? start : c;
            hint_moves = false;
        } else if (count && !all) {
            break;
        } else {
            count = 0;
        }
        if (hint_moves) {
            q->free_hint = c + 1;
        }
    }
    *first = start;
    *got = count;
    return 0;
}

static int alloc_run(Qcow2 *q, uint64_t n, bool all, uint64_t *offset, uint64_t *got)
{
    uint64_t first, count, done;
    int ret;

    block_event(q->file, BLOCK_EVENT_CLUSTER_ALLOC);
    if (q->pending_clusters > PENDING_CLUSTERS_MAX) {
        ret = qcow2_flush(q);
        if (ret) {
            return ret;
        }
    }
    do {
        ret = find_run(q, n, all, &first, &count);
        for (uint64_t c = first; !ret && c < first + count; c++) {
            ret = ensure_block(q, c);
        }
    } while (ret == 1);
    if (ret) {
        return ret;
    }
    if (qcow2_overlaps_metadata(q, first << q->cluster_bits, count << q->cluster_bits)) {
        return qcow2_corrupt(q, "Preventing invalid allocation of cluster at offset %#" PRIx64,
                             first << q->cluster_bits);
    }
    for (done = 0; done < count && !ret; done++) {
        ret = change_refcount(q, first + done, 1);
    }
    if (ret) {
        return ret;         /* what was counted leaks */
    }
    if (first == q->free_hint) {
        q->free_hint = first + count;
    }
    *offset = first << q->cluster_bits;
    *got = count;
    return 0;
}

int qcow2_alloc(Qcow2 *q, uint64_t n, uint64_t *offset, uint64_t *got)
{
    return alloc_run(q, n, false, offset, got);
}

int qcow2_alloc_all(Qcow2 *q, uint64_t n, uint64_t *offset)
{
    uint64_t got;

    return alloc_run(q, n, true, offset, &got);
}

/* Behind the compressed data before it, as long as that ends within a cluster whose refcount has room for one more. */
int qcow2_alloc_bytes(Qcow2 *q, uint32_t bytes, uint64_t *offset)
{
    uint64_t at = q->compressed_at, room = at ? qcow2_align(q, at) - at : 0, next, refs = UINT64_MAX;
    int ret;

    block_event(q->file, BLOCK_EVENT_CLUSTER_ALLOC_BYTES);
    if (room) {
        ret = qcow2_get_refcount(q, at >> q->cluster_bits, &refs);
        if (ret) {
            return ret;
        }
    }
    if (!room || refs >= qcow2_refcount_max(q)) {
        ret = qcow2_alloc_all(q, 1, offset);
        q->compressed_at = ret ? 0 : *offset + bytes;
    } else if (bytes <= room) {
        *offset = at;
        ret = change_refcount(q, at >> q->cluster_bits, 1);
        q->compressed_at = at + bytes;
    } else {
        ret = qcow2_alloc_all(q, 1, &next);
        if (!ret && next == at + room) {
            *offset = at;
            ret = change_refcount(q, at >> q->cluster_bits, 1);
        } else {
            *offset = next;
        }
        q->compressed_at = *offset + bytes;
    }
    if (ret || qcow2_aligned(q, q->compressed_at)) {
        q->compressed_at = 0;
    }
    return ret;
}

int qcow2_add_refcount(Qcow2 *q, uint64_t offset, uint64_t bytes, int64_t delta)
{
    uint64_t first = offset >> q->cluster_bits, last = (offset + bytes - 1) >> q->cluster_bits;
    int ret = 0;

    for (uint64_t c = first; bytes && c <= last && !ret; c++) {
        if (delta > 0) {
            do {
                ret = ensure_block(q, c);
            } while (ret == 1);
        }
        ret = ret ? ret : change_refcount(q, c, delta);
    }
    return ret;
}

/* ---- freeing ----------------------------------------------------------------------------------------------------- */

void qcow2_free_later(Qcow2 *q, uint64_t offset, uint64_t bytes)
{
    FreeRange r = { offset, bytes };

    block_event(q->file, BLOCK_EVENT_CLUSTER_FREE);
    g_array_append_val(q->pending_free, r);
    q->pending_clusters += qcow2_clusters(q, bytes);
}

/* Space the guest gave up goes back to the host when the drive is told to. */
void qcow2_give_back(Qcow2 *q, uint64_t offset, uint64_t bytes)
{
    BlockOp op = { .kind = BLOCK_DISCARD, .offset = offset, .bytes = bytes };

    if (q->n->discard) {
        block_run(q->file, &op);
    }
}

int qcow2_apply_frees(Qcow2 *q)
{
    g_autoptr(GArray) ranges = q->pending_free;
    int result = 0;

    if (!ranges->len) {
        g_steal_pointer(&ranges);
        return 0;
    }
    q->pending_free = g_array_new(FALSE, FALSE, sizeof(FreeRange));
    q->pending_clusters = 0;
    for (unsigned i = 0; i < ranges->len; i++) {
        FreeRange r = g_array_index(ranges, FreeRange, i);
        uint64_t first = r.offset >> q->cluster_bits, last = (r.offset + r.bytes - 1) >> q->cluster_bits;

        for (uint64_t c = first; c <= last; c++) {
            uint64_t offset = c << q->cluster_bits, refs;
            int ret = change_refcount(q, c, -1);

            if (ret) {
                result = ret;           /* a wrong count: nothing worse than what the image had already */
                continue;
            }
            if (qcow2_get_refcount(q, c, &refs) || refs) {
                continue;
            }
            qcow2_forget(&q->l2_cache, offset, q->cluster_size);
            qcow2_give_back(q, offset, q->cluster_size);
        }
    }
    return result == -EINVAL ? 0 : result;
}
