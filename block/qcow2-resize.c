/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: what changes an image as a whole: its size, its version, its backing file, all of its contents. */
#include "qemu/osdep.h"
#include "qcow2.h"

static int settle(Qcow2 *q)
{
    int ret = qcow2_flush(q);

    ret = ret ? ret : qcow2_flush(q);
    return ret ? ret : block_run_flush(q->file);
}

/* ---- resize ------------------------------------------------------------------------------------------------------ */

/* Gives up the entries from..to, tables included where none of their range stays. */
static int drop_clusters(Qcow2 *q, uint64_t from, uint64_t to)
{
    uint64_t table_bytes = 1ull << qcow2_l1_bits(q);
    int ret = 0;

    for (uint64_t at = from; at < to && !ret;) {
        uint64_t l1_index = at >> qcow2_l1_bits(q), table = l1_index < q->l1_size ? q->l1[l1_index] & QCOW2_OFFSET : 0;
        uint64_t end = MIN((l1_index + 1) * table_bytes, to);
        bool whole = !(at & (table_bytes - 1));
        unsigned index;
        Slice *s;

        if (!table) {
            at = end;
            continue;
        }
        for (; at < end && !ret;) {
            ret = qcow2_l2_for_write(q, at, &s, &index);
            for (; !ret && at < end && index < qcow2_slice_entries(q); index++, at += q->cluster_size) {
                uint64_t old = qcow2_l2_entry(q, s, index);

                if (old || qcow2_l2_bitmap(q, s, index)) {
                    qcow2_l2_set(q, s, index, 0, 0);
                    qcow2_free_entry(q, old);
                }
            }
            if (!ret) {
                qcow2_put(s);
            }
        }
        if (!ret && whole) {
            qcow2_free_later(q, q->l1[l1_index] & QCOW2_OFFSET, q->cluster_size);
            q->l1[l1_index] = 0;
            qcow2_l1_changed(q, l1_index);
        }
    }
    return ret;
}

/* The file ends behind the last cluster in use. */
static void cut_file(Qcow2 *q)
{
    uint64_t clusters = qcow2_clusters(q, block_size(q->file)), end = clusters, refs = 0;
    Error *err = NULL;

    while (end && !qcow2_get_refcount(q, end - 1, &refs) && !refs) {
        end--;
    }
    if (end && end < clusters && !block_truncate(q->file, end << q->cluster_bits, PREALLOC_OFF, &err)) {
        error_free(err);        /* space is wasted, nothing else */
    }
}

static int shrink(Qcow2 *q, uint64_t old, uint64_t size)
{
    uint64_t tail_end = MIN(qcow2_align(q, size), old);
    int ret = tail_end > size ? qcow2_zero_range(q, size, tail_end - size, 0) : 0;  /* for who makes it longer again */

    ret = ret ? ret : settle(q);
    if (ret) {
        return ret;
    }
    q->n->size = size;
    ret = qcow2_header_write(q);
    ret = ret ? ret : block_run_flush(q->file);
    ret = ret ? ret : drop_clusters(q, qcow2_align(q, size), qcow2_align(q, old));
    ret = ret ? ret : settle(q);
    if (!ret) {
        cut_file(q);
    }
    return ret;
}

/* What a shrink that was cut short has left in the last table must not show. */
static int drop_remains(Qcow2 *q, uint64_t old)
{
    uint64_t table_bytes = 1ull << qcow2_l1_bits(q), from = qcow2_align(q, old), to = ROUND_UP(from, table_bytes);

    for (uint64_t at = from; at < to;) {
        Qcow2Extent e;
        int ret = qcow2_lookup(q, at, to - at, &e);

        if (ret) {
            return ret;
        }
        if (e.kind != QCOW2_UNALLOCATED) {
            return drop_clusters(q, at, to);
        }
        at += e.bytes;
    }
    return 0;
}

static int grow(Qcow2 *q, uint64_t old, uint64_t size, BlockPrealloc prealloc, Error **errp)
{
    BlockNode *below = q->n->backing;
    uint64_t tail_end = MIN(qcow2_align(q, old), size), zero_end = tail_end;
    int ret = qcow2_drop_behind(q, old);    /* the state of a machine that was never finished must not show */

    ret = ret ? ret : drop_remains(q, old);
    ret = ret ? ret : qcow2_grow_l1(q, qcow2_l1_entries(q, size), true);

    if (below && block_size(below) > old) {
        zero_end = MAX(tail_end, MIN(size, block_size(below)));     /* it must not show through */
    }
    q->n->size = size;
    if (!ret && zero_end > old) {
        ret = qcow2_zero_range(q, old, zero_end - old, 0);
    }
    if (!ret && prealloc != PREALLOC_OFF) {
        ret = qcow2_preallocate(q, qcow2_align(q, old), size);
    }
    ret = ret ? ret : settle(q);
    ret = ret ? ret : qcow2_header_write(q);
    ret = ret ? ret : block_run_flush(q->file);
    if (ret) {
        q->n->size = old;
        q->header_dirty = true;
        return ret;
    }
    if (prealloc >= PREALLOC_FALLOC) {
        uint64_t end = block_size(q->file) >> q->cluster_bits, refs = 1;

        while (!qcow2_get_refcount(q, end, &refs) && refs) {
            end++;
        }
        return block_truncate(q->file, MAX(end << q->cluster_bits, block_size(q->file)), prealloc, errp) ? 0 : -ENOSPC;
    }
    return 0;
}

bool qcow2_truncate(BlockNode *n, uint64_t size, BlockPrealloc prealloc, Error **errp)
{
    Qcow2 *q = n->state;
    uint64_t old = block_size(n);
    Error *err = NULL;
    int ret;

    if (size % BLOCK_SECTOR_SIZE) {
        error_set(errp, "The new size must be a multiple of %d", BLOCK_SECTOR_SIZE);
        return false;
    }
    if (size > INT64_MAX - 4 * MiB || qcow2_l1_entries(q, size) * 8 > QCOW2_L1_MAX) {
        error_set(errp, "The image size is too large for file format 'qcow2'");
        return false;
    }
    if (q->n_snapshots && q->version < 3) {
        error_set(errp, "Can't resize a v2 image which has snapshots");
        return false;
    }
    if (q->view_only || q->incompat & QCOW2_INCOMPAT_CORRUPT) {
        error_set(errp, "the image cannot be written");
        return false;
    }
    if (size == old) {
        return true;
    }
    ret = size < old ? shrink(q, old, size) : grow(q, old, size, prealloc, &err);
    if (err) {
        error_propagate(errp, err);
    } else if (ret) {
        error_set_errno(errp, -ret, "Failed to resize the image");
    }
    return !ret;
}

bool qcow2_make_empty(BlockNode *n, Error **errp)
{
    Qcow2 *q = n->state;
    int ret = n->readonly ? -EROFS : drop_clusters(q, 0, qcow2_align(q, block_size(n)));

    ret = ret ? ret : settle(q);
    if (ret) {
        error_set_errno(errp, -ret, "Could not empty '%s'", n->filename);
        return false;
    }
    cut_file(q);
    return true;
}

/* ---- the file below ---------------------------------------------------------------------------------------------- */

bool qcow2_change_backing(BlockNode *n, const char *file, const char *format, Error **errp)
{
    Qcow2 *q = n->state;
    char *old_file = n->backing_file, *old_format = n->backing_format;
    int ret;

    if (file && strlen(file) > QCOW2_BACKING_MAX) {
        error_set(errp, "Backing file name too long");
        return false;
    }
    if (format && strlen(format) > 15) {
        error_set(errp, "Backing format name too long");
        return false;
    }
    n->backing_file = g_strdup(file);
    n->backing_format = file ? g_strdup(format) : NULL;
    ret = settle(q);
    ret = ret ? ret : qcow2_header_write(q);
    ret = ret ? ret : block_run_flush(q->file);
    if (ret) {
        g_free(n->backing_file);
        g_free(n->backing_format);
        n->backing_file = old_file;
        n->backing_format = old_format;
        q->header_dirty = true;
        error_set_errno(errp, -ret, "the header cannot be written");
        return false;
    }
    g_free(old_file);
    g_free(old_format);
    return true;
}

/* ---- amend ------------------------------------------------------------------------------------------------------- */

static bool fail(Error **errp, int ret, const char *what)
{
    if (ret) {
        error_set_errno(errp, -ret, "%s", what);
    }
    return !ret;
}

/* Version 2 has no mark for zeros: they are written, or given up where nothing is below. */
static int expand_zeros(Qcow2 *q)
{
    uint64_t end = block_size(q->n);
    g_autofree uint8_t *zeros = g_try_malloc0(q->cluster_size);
    int ret = zeros ? 0 : -ENOMEM;

    for (uint64_t at = 0; at < end && !ret;) {
        Qcow2Extent e;

        ret = qcow2_lookup(q, at, end - at, &e);
        if (!ret && e.kind == QCOW2_ZEROS) {
            uint64_t len = MIN(q->cluster_size - (at & (q->cluster_size - 1)), e.bytes);

            if (!q->n->backing_file && !e.has_host) {
                unsigned index;
                Slice *s;

                ret = qcow2_l2_for_write(q, at, &s, &index);
                if (!ret) {
                    qcow2_l2_set(q, s, index, 0, 0);
                    qcow2_put(s);
                }
            } else {
                ret = qcow2_write(q, at, len, &(struct iovec){ zeros, len }, 1);
            }
            at += len;
        } else {
            at += e.bytes;
        }
    }
    return ret;
}

/* 1: a snapshot has zero clusters, 0: none has, or -errno. */
static int snapshots_have_zeros(Qcow2 *q)
{
    g_autofree uint8_t *table = g_try_malloc(q->cluster_size);
    int ret = table ? 0 : -ENOMEM;

    for (unsigned i = 0; i < q->n_snapshots && !ret; i++) {
        const Qcow2Snapshot *s = &q->snapshots[i];
        g_autofree uint64_t *l1 = NULL;

        ret = qcow2_read_l1(q, s->l1_offset, s->l1_size, &l1);
        for (uint32_t j = 0; j < s->l1_size && !ret; j++) {
            uint64_t offset = l1[j] & QCOW2_OFFSET;

            ret = offset ? block_run_read(q->file, offset, table, q->cluster_size) : 0;
            for (uint32_t at = 0; offset && at < q->cluster_size && !ret; at += q->entry_size) {
                uint64_t entry = load_be64(table + at);

                ret = !(entry & QCOW2_COMPRESSED) && entry & QCOW2_ZERO;
            }
        }
    }
    return ret;
}

static bool to_v2(Qcow2 *q, Error **errp)
{
    uint64_t compat = q->compat, others = q->incompat & ~(uint64_t)(QCOW2_INCOMPAT_DIRTY | QCOW2_INCOMPAT_CORRUPT);
    int ret;

    if (q->refcount_order != 4) {
        error_set(errp, "compat=0.10 requires refcount_bits=16");
        return false;
    }
    if (others) {
        error_set(errp, "Cannot downgrade an image with incompatible features %#" PRIx64 " set", others);
        return false;
    }
    ret = snapshots_have_zeros(q);
    if (ret) {
        error_set(errp, ret < 0 ? "the snapshots cannot be read" :
                  "Cannot downgrade an image whose snapshots have zero clusters, which compat=0.10 does not know");
        return false;
    }
    for (unsigned i = 0; i < q->n_snapshots; i++) {
        if (q->snapshots[i].info.disk_size != block_size(q->n)) {
            error_set(errp, "Cannot downgrade an image with snapshots of other sizes");
            return false;
        }
    }
    q->compat &= ~QCOW2_COMPAT_LAZY;
    ret = expand_zeros(q);
    ret = ret ? ret : settle(q);
    ret = ret ? ret : qcow2_set_incompat(q, 0, QCOW2_INCOMPAT_DIRTY);
    if (ret) {
        q->compat = compat;
        return fail(errp, ret, "zero clusters cannot be expanded");
    }
    q->lazy = false;
    q->version = 2;
    q->header_len = 72;
    q->compat = q->incompat = q->autoclear = 0;
    return fail(errp, qcow2_header_write(q), "the header cannot be written");
}

static bool to_v3(Qcow2 *q, Error **errp)
{
    q->version = 3;
    q->header_len = 112;
    return fail(errp, qcow2_header_write(q), "the header cannot be written");
}

static bool set_width(Qcow2 *q, uint64_t bits, Error **errp)
{
    uint64_t old_offset = q->reftable_offset;
    int ret;

    if (!is_power_of_2(bits) || bits > 64) {
        error_set(errp, "Refcount width must be a power of two and may not exceed 64 bits");
        return false;
    }
    if (bits == 1u << q->refcount_order) {
        return true;
    }
    if (q->version < 3) {
        error_set(errp, "Refcount widths other than 16 bits require compatibility level 1.1 or above (use compat=1.1 "
                  "or greater)");
        return false;
    }
    ret = settle(q);
    ret = ret ? ret : qcow2_rebuild_refcounts(q, ctz64(bits));
    if (!ret && q->reftable_offset != old_offset) {
        cut_file(q);
    }
    return fail(errp, ret, "the refcounts cannot be written anew");
}

bool qcow2_amend(BlockNode *n, BlockDict *d, Error **errp)
{
    Qcow2 *q = n->state;
    g_autofree char *compat = block_dict_take(d, "compat"), *file = block_dict_take(d, "backing_file");
    g_autofree char *format = block_dict_take(d, "backing_fmt");
    bool lazy = q->compat & QCOW2_COMPAT_LAZY, was_lazy = lazy;
    uint64_t size = block_size(n), bits = 1u << q->refcount_order;
    unsigned version = q->version;

    if (!block_dict_take_bool(d, "lazy_refcounts", &lazy, errp) || !block_dict_take_size(d, "size", &size, errp) ||
        !block_dict_take_size(d, "refcount_bits", &bits, errp)) {
        return false;
    }
    if ((file && g_strcmp0(file, n->backing_file)) || (format && g_strcmp0(format, n->backing_format))) {
        error_set(errp, "Cannot amend the backing file");
        error_append_hint(errp, "You can use 'qemu-img rebase' instead.");
        return false;
    }
    if (compat) {
        version = g_str_equal(compat, "0.10") || g_str_equal(compat, "v2") ? 2 :
                  g_str_equal(compat, "1.1") || g_str_equal(compat, "v3") ? 3 : 0;
    }
    if (!version) {
        error_set(errp, "Unknown compatibility level %s", compat);
        return false;
    }
    if (version > q->version && !to_v3(q, errp)) {
        return false;
    }
    if (!set_width(q, bits, errp)) {
        return false;
    }
    if (lazy && version < 3) {
        if (lazy != was_lazy) {
            error_set(errp, "Lazy refcounts only supported with compatibility level 1.1 and above (use compat=1.1 or "
                      "greater)");
            return false;
        }
        lazy = false;
    }
    if (lazy != was_lazy && q->version >= 3) {
        q->compat = lazy ? q->compat | QCOW2_COMPAT_LAZY : q->compat & ~QCOW2_COMPAT_LAZY;
        if (!fail(errp, qcow2_header_write(q), "the header cannot be written")) {
            return false;
        }
    }
    if (size != block_size(n) && !block_truncate(n, ROUND_UP(size, BLOCK_SECTOR_SIZE), PREALLOC_OFF, errp)) {
        return false;
    }
    return version == q->version || to_v2(q, errp);
}
