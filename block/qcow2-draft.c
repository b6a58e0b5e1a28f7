/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2: a draft of another state of the image
 *
 * Snapshots are made, applied and deleted by changes in thousands of places: counts, COPIED bits, tables. Done in place
 * these would disagree when the power fails between two of them. So everything that becomes different is written to
 * clusters nobody uses: the active L1 table, those L2 tables whose COPIED bits change, the list of snapshots, and all
 * refcounts. One write of the header's first sector makes the draft the image. Before it the image is the old one and
 * after it the new one, without even a lost cluster.
 *
 * What the old state alone uses is free in the new one, but is not used for the draft itself: two sets of counters.
 */
#include "qemu/osdep.h"
#include "qcow2.h"

/* ---- the counts of the image ------------------------------------------------------------------------------------- */

static int load_block(Qcow2Draft *d, uint64_t index, uint8_t *buf)
{
    Qcow2 *q = d->q;
    uint64_t offset = q->reftable[index];
    int ret = qcow2_aligned(q, offset) ? block_run_read(q->file, offset, buf, q->cluster_size) : -EIO;

    for (uint64_t i = 0; i < 1ull << q->refblock_bits && !ret; i++) {
        uint64_t refs = qcow2_refcount_at(buf, q->refcount_order, i);

        if (refs > INT32_MAX) {
            return -EFBIG;
        }
        if (refs) {
            *qcow2_counter(&d->used, (index << q->refblock_bits) + i) = refs;
        }
    }
    return ret;
}

static int settle(Qcow2 *q)
{
    int ret = qcow2_flush(q);

    return ret ? ret : qcow2_flush(q);
}

int qcow2_draft_begin(Qcow2 *q, Qcow2Draft *d)
{
    g_autofree uint8_t *buf = g_try_malloc(q->cluster_size);
    int ret = buf ? 0 : -ENOMEM;

    *d = (Qcow2Draft){ .q = q, .was_lazy = q->lazy, .disk_size = block_size(q->n) };
    qcow2_counts_init(&d->used);
    qcow2_counts_init(&d->freed);
    q->lazy = false;            /* the counts on the disk are right for once */
    ret = ret ? ret : settle(q);
    for (uint32_t i = 0; i < q->reftable_size && !ret; i++) {
        ret = q->reftable[i] ? load_block(d, i, buf) : 0;
    }
    return ret;
}

void qcow2_draft_end(Qcow2Draft *d)
{
    d->q->lazy = d->was_lazy;
    qcow2_counts_free(&d->used);
    qcow2_counts_free(&d->freed);
    g_clear_pointer(&d->l1, g_free);
    g_clear_pointer(&d->refs.entries, g_free);
}

/* ---- changing them ----------------------------------------------------------------------------------------------- */

static uint64_t final_count(Qcow2Draft *d, uint64_t offset)
{
    uint64_t cluster = offset >> d->q->cluster_bits;

    return qcow2_counted(&d->used, cluster) - (uint64_t)qcow2_counted(&d->freed, cluster);
}

static int change(Qcow2Draft *d, uint64_t offset, uint64_t bytes, bool add)
{
    uint64_t last = (offset + bytes - 1) >> d->q->cluster_bits;

    for (uint64_t c = offset >> d->q->cluster_bits; c <= last; c++) {
        uint64_t final = final_count(d, c << d->q->cluster_bits);

        if (add ? final >= MIN(qcow2_refcount_max(d->q), INT32_MAX) : !final) {
            return -EINVAL;
        }
        *qcow2_counter(add ? &d->used : &d->freed, c) += 1;
    }
    return 0;
}

static int change_entry(Qcow2Draft *d, uint64_t entry, bool add)
{
    uint64_t offset = entry & QCOW2_OFFSET;
    uint32_t bytes = d->q->cluster_size;

    if (entry & QCOW2_COMPRESSED) {
        qcow2_packed_range(d->q, entry, &offset, &bytes);
    } else if (!offset) {
        return 0;
    } else if (!qcow2_aligned(d->q, offset)) {
        return -EIO;
    }
    return change(d, offset, bytes, add);
}

static int read_l2(Qcow2 *q, uint64_t offset, uint8_t *buf)
{
    return qcow2_aligned(q, offset) ? block_run_read(q->file, offset, buf, q->cluster_size) : -EIO;
}

int qcow2_draft_count(Qcow2Draft *d, const uint64_t *l1, uint32_t from, uint32_t to, bool add)
{
    Qcow2 *q = d->q;
    g_autofree uint8_t *table = g_try_malloc(q->cluster_size);
    int ret = table ? 0 : -ENOMEM;

    for (uint32_t i = from; i < to && !ret; i++) {
        uint64_t offset = l1[i] & QCOW2_OFFSET;

        if (!offset) {
            continue;
        }
        ret = read_l2(q, offset, table);
        for (uint32_t at = 0; at < q->cluster_size && !ret; at += q->entry_size) {
            ret = change_entry(d, load_be64(table + at), add);
        }
        ret = ret ? ret : change(d, offset, q->cluster_size, add);
    }
    return ret;
}

int qcow2_draft_free(Qcow2Draft *d, uint64_t offset, uint64_t bytes)
{
    return bytes ? change(d, offset, bytes, false) : 0;
}

/* ---- new tables -------------------------------------------------------------------------------------------------- */

int qcow2_draft_write(Qcow2Draft *d, const void *data, uint64_t bytes, uint64_t *offset)
{
    Qcow2 *q = d->q;
    uint64_t n = qcow2_clusters(q, bytes), first = qcow2_counts_gap(&d->used, d->hint, n);
    g_autofree uint8_t *buf = g_try_malloc0(n << q->cluster_bits);

    if (!buf) {
        return -ENOMEM;
    }
    *offset = first << q->cluster_bits;
    if (qcow2_overlaps_metadata(q, *offset, n << q->cluster_bits)) {
        return qcow2_corrupt(q, "Preventing invalid allocation of cluster at offset %#" PRIx64, *offset);
    }
    d->hint = n == 1 ? first + 1 : d->hint;
    for (uint64_t c = first; c < first + n; c++) {
        *qcow2_counter(&d->used, c) = 1;
    }
    memcpy(buf, data, bytes);
    return block_run_write(q->file, *offset, buf, n << q->cluster_bits);
}

int qcow2_draft_write_l1(Qcow2Draft *d, const uint64_t *l1, uint32_t size, bool active, uint64_t *offset)
{
    g_autofree uint64_t *be = g_try_new(uint64_t, MAX(size, 1));

    *offset = 0;
    if (!be) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < size; i++) {
        be[i] = GUINT64_TO_BE(active ? l1[i] : l1[i] & ~QCOW2_COPIED);
    }
    return size ? qcow2_draft_write(d, be, size * 8ull, offset) : 0;
}

/* Whether an entry's COPIED bit has to say so. */
static bool is_wrong(Qcow2Draft *d, uint64_t entry)
{
    return !(entry & QCOW2_COMPRESSED) && entry & QCOW2_OFFSET &&
           (final_count(d, entry & QCOW2_OFFSET) == 1) != !!(entry & QCOW2_COPIED);
}

/* An L2 table of the active L1 table: a corrected copy where COPIED bits are wrong. */
static int correct_l2(Qcow2Draft *d, uint64_t *l1_entry, uint8_t *table)
{
    Qcow2 *q = d->q;
    uint64_t offset = *l1_entry & QCOW2_OFFSET, copy;
    bool changed = false;
    int ret = read_l2(q, offset, table);

    for (uint32_t at = 0; at < q->cluster_size && !ret; at += q->entry_size) {
        uint64_t entry = load_be64(table + at);

        if (is_wrong(d, entry)) {
            store_be64(table + at, entry ^ QCOW2_COPIED);
            changed = true;
        }
    }
    if (ret || !changed) {
        *l1_entry = offset | (final_count(d, offset) == 1 ? QCOW2_COPIED : 0);
        return ret;
    }
    ret = qcow2_draft_write(d, table, q->cluster_size, &copy);
    *l1_entry = copy | QCOW2_COPIED;
    return ret ? ret : qcow2_draft_free(d, offset, q->cluster_size);
}

static int correct_copied(Qcow2Draft *d)
{
    g_autofree uint8_t *table = g_try_malloc(d->q->cluster_size);
    int ret = table ? 0 : -ENOMEM;

    for (uint32_t i = 0; i < d->l1_size && !ret; i++) {
        ret = d->l1[i] & QCOW2_OFFSET ? correct_l2(d, &d->l1[i], table) : 0;
    }
    return ret;
}

static int free_old_tables(Qcow2Draft *d)
{
    Qcow2 *q = d->q;
    bool other_list = q->n_snapshots && d->snapshots_offset != q->snapshots_offset;
    int ret = qcow2_draft_free(d, q->l1_offset, q->l1_size * 8ull);

    ret = ret ? ret : qcow2_draft_free(d, q->snapshots_offset, other_list ? q->snapshots_bytes : 0);
    ret = ret ? ret : qcow2_draft_free(d, q->reftable_offset, q->reftable_size * 8ull);
    for (uint32_t i = 0; i < q->reftable_size && !ret; i++) {
        ret = q->reftable[i] ? qcow2_draft_free(d, q->reftable[i], q->cluster_size) : 0;
    }
    return ret;
}

/* ---- the switch -------------------------------------------------------------------------------------------------- */

static void swap_fields(Qcow2Draft *d)
{
    Qcow2 *q = d->q;
    Qcow2Draft old = {
        .l1 = q->l1, .l1_size = q->l1_size, .l1_offset = q->l1_offset, .disk_size = q->n->size,
        .n_snapshots = q->n_snapshots, .snapshots_offset = q->snapshots_offset, .snapshots_bytes = q->snapshots_bytes,
    };

    q->l1 = d->l1;
    q->l1_size = d->l1_size;
    q->l1_offset = d->l1_offset;
    q->n->size = d->disk_size;
    q->n_snapshots = d->n_snapshots;
    q->snapshots_offset = d->snapshots_offset;
    q->snapshots_bytes = d->snapshots_bytes;
    d->refs = qcow2_swap_refs(q, d->refs);
    d->l1 = old.l1;
    d->l1_size = old.l1_size;
    d->l1_offset = old.l1_offset;
    d->disk_size = old.disk_size;
    d->n_snapshots = old.n_snapshots;
    d->snapshots_offset = old.snapshots_offset;
    d->snapshots_bytes = old.snapshots_bytes;
    g_free(q->l1_dirty);
    q->l1_dirty = g_new0(bool, q->l1_size / 64 + 1);    /* settled before: nothing was */
}

/* Calls fn for each run of clusters that only one of the two states uses. */
static void each_run(Qcow2Draft *d, bool of_draft, void (*fn)(Qcow2 *q, uint64_t offset, uint64_t bytes))
{
    Qcow2 *q = d->q;
    g_autoptr(GArray) chunks = qcow2_counts_chunks(of_draft ? &d->used : &d->freed);

    for (unsigned i = 0; i < chunks->len; i++) {
        uint64_t base = g_array_index(chunks, gint64, i) * QCOW2_COUNTS_CHUNK, run = 0;

        for (uint64_t c = base; c <= base + QCOW2_COUNTS_CHUNK; c++) {
            bool hit = c < base + QCOW2_COUNTS_CHUNK && qcow2_counted(&d->used, c);
            uint64_t refs = 1;

            if (hit && of_draft) {
                hit = !qcow2_get_refcount(q, c, &refs) && !refs;
            } else if (hit) {
                hit = !final_count(d, c << q->cluster_bits);
            }
            if (!hit && run) {
                fn(q, (c - run) << q->cluster_bits, run << q->cluster_bits);
            }
            run = hit ? run + 1 : 0;
        }
    }
}

static void count_one(Qcow2 *q, uint64_t offset, uint64_t bytes)
{
    qcow2_add_refcount(q, offset, bytes, 1);    /* what fails is not counted, and the header is written first */
}

static void forget_tables(Qcow2 *q)
{
    qcow2_forget(&q->l2_cache, 0, UINT64_MAX);
    qcow2_forget(&q->ref_cache, 0, UINT64_MAX);
    q->free_hint = 0;
    q->compressed_at = 0;
    qcow2_note_metadata(q);
}

int qcow2_draft_commit(Qcow2Draft *d)
{
    Qcow2 *q = d->q;
    int ret = free_old_tables(d);

    ret = ret ? ret : correct_copied(d);
    ret = ret ? ret : qcow2_draft_write_l1(d, d->l1, d->l1_size, true, &d->l1_offset);
    ret = ret ? ret : qcow2_write_refs(q, &d->used, &d->freed, q->refcount_order, 1, &d->refs);
    if (ret) {
        return ret;
    }
    swap_fields(d);
    block_event(q->file, BLOCK_EVENT_REFBLOCK_ALLOC_SWITCH_TABLE);
    ret = qcow2_header_write(q);
    ret = ret ? ret : block_run_flush(q->file);
    if (ret) {
        /* The disk may have either header until the old one has been written again: the draft's clusters stay as is. */
        swap_fields(d);
        q->header_dirty = true;
        each_run(d, true, count_one);
        return ret;
    }
    forget_tables(q);
    if (q->n->discard) {
        each_run(d, false, qcow2_give_back);
    }
    return 0;
}
