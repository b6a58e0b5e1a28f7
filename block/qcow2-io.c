/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2: requests
 *
 * q->lock is held while tables are looked at or changed and given up while data moves. What keeps a cluster where it
 * is meanwhile is the range lock: requests whose clusters overlap wait for each other, unless both read.
 */
#include "qemu/osdep.h"
#include "qcow2.h"

#define IOV_LOCAL 64

static void lock(Qcow2 *q)
{
    if (co_self()) {
        co_mutex_lock(&q->lock);
    }
}

static void unlock(Qcow2 *q)
{
    if (co_self()) {
        co_mutex_unlock(&q->lock);
    }
}

/* ---- ranges ------------------------------------------------------------------------------------------------------ */

void qcow2_range_lock(Qcow2 *q, Qcow2Range *r, uint64_t offset, uint64_t bytes, bool is_write)
{
    uint64_t mask = q->cluster_size - 1;
    Qcow2Range *other;

    *r = (Qcow2Range){ .start = offset & ~mask, .end = (offset + bytes + mask) & ~mask, .is_write = is_write };
    if (!co_self()) {
        return;             /* nothing else is under way */
    }
    do {
        for (other = q->ranges; other; other = other->next) {
            if (other->start < r->end && r->start < other->end && (is_write || other->is_write)) {
                co_queue_wait(&other->waiting);
                break;
            }
        }
    } while (other);
    r->next = q->ranges;
    q->ranges = r;
}

void qcow2_range_remove(Qcow2 *q, Qcow2Range *r)
{
    Qcow2Range **at = &q->ranges;

    while (*at != r) {
        at = &(*at)->next;
    }
    *at = r->next;
}

void qcow2_range_unlock(Qcow2 *q, Qcow2Range *r)
{
    if (co_self()) {
        qcow2_range_remove(q, r);
        co_queue_all(&r->waiting);
    }
}

/* ---- pieces of the caller's memory ------------------------------------------------------------------------------- */

/* A request to a node for the bytes from skip on. */
static int rw_part(BlockNode *n, BlockOpKind kind, uint64_t offset, const struct iovec *iov, int niov, size_t skip,
                   uint64_t bytes)
{
    struct iovec local[IOV_LOCAL], *part = niov <= IOV_LOCAL ? local : g_new(struct iovec, niov);
    BlockOp op = { .kind = kind, .offset = offset, .bytes = bytes, .iov = part };
    int ret;

    op.niov = iov_slice(part, iov, niov, skip, bytes);
    ret = block_run(n, &op);
    if (part != local) {
        g_free(part);
    }
    return ret;
}

static void zero_part(const struct iovec *iov, int niov, size_t skip, size_t bytes)
{
    struct iovec local[IOV_LOCAL], *part = niov <= IOV_LOCAL ? local : g_new(struct iovec, niov);
    int n = iov_slice(part, iov, niov, skip, bytes);

    iov_zero(part, n, 0);
    if (part != local) {
        g_free(part);
    }
}

static void copy_to_part(const struct iovec *iov, int niov, size_t skip, const uint8_t *from, size_t bytes)
{
    struct iovec local[IOV_LOCAL], *part = niov <= IOV_LOCAL ? local : g_new(struct iovec, niov);
    int n = iov_slice(part, iov, niov, skip, bytes);

    for (int i = 0; i < n; i++) {
        memcpy(part[i].iov_base, from, part[i].iov_len);
        from += part[i].iov_len;
    }
    if (part != local) {
        g_free(part);
    }
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* What the image does not hold itself; the image below may be shorter. */
static int read_backing(Qcow2 *q, uint64_t offset, const struct iovec *iov, int niov, size_t skip, uint64_t bytes)
{
    BlockNode *below = q->n->backing;
    uint64_t size = below ? block_size(below) : 0, there = offset < size ? MIN(bytes, size - offset) : 0;

    if (there < bytes) {
        zero_part(iov, niov, skip + there, bytes - there);
    }
    return there ? rw_part(below, BLOCK_READ, offset, iov, niov, skip, there) : 0;
}

static int read_packed(Qcow2 *q, uint64_t entry, uint64_t offset, const struct iovec *iov, int niov, size_t skip,
                       uint64_t bytes)
{
    g_autofree uint8_t *cluster = g_try_malloc(q->cluster_size);
    int ret = cluster ? qcow2_unpack(q, entry, cluster) : -ENOMEM;

    if (!ret) {
        copy_to_part(iov, niov, skip, cluster + (offset & (q->cluster_size - 1)), bytes);
    }
    return ret;
}

int qcow2_read(Qcow2 *q, uint64_t offset, uint64_t bytes, const struct iovec *iov, int niov)
{
    uint64_t done = 0;

    while (done < bytes) {
        Qcow2Extent e;
        int ret;

        lock(q);
        ret = qcow2_lookup(q, offset + done, bytes - done, &e);
        unlock(q);
        if (ret) {
            return ret;
        }
        switch (e.kind) {
        case QCOW2_UNALLOCATED:
            block_event(q->file, BLOCK_EVENT_READ_BACKING_AIO);
            ret = read_backing(q, offset + done, iov, niov, done, e.bytes);
            break;
        case QCOW2_ZEROS:
            zero_part(iov, niov, done, e.bytes);
            break;
        case QCOW2_DATA:
            block_event(q->file, BLOCK_EVENT_READ_AIO);
            ret = rw_part(q->file, BLOCK_READ, e.host, iov, niov, done, e.bytes);
            break;
        case QCOW2_PACKED:
            ret = read_packed(q, e.entry, offset + done, iov, niov, done, e.bytes);
            break;
        }
        if (ret) {
            return ret;
        }
        done += e.bytes;
    }
    return 0;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* A run of clusters that get new entries: where the data goes and what is around it. */
typedef struct NewRun {
    uint64_t start, end;        /* guest, cluster aligned */
    uint64_t host;              /* of start */
    bool is_new;                /* freshly allocated; else the clusters the entries have already */
    bool reads_zero;            /* lies behind the end of the file: what is not written is zero */
} NewRun;

/* How many clusters from pos on have to get a new one, and (reuse) whether they have one of their own to fill. */
static int measure_run(Qcow2 *q, uint64_t pos, uint64_t end, NewRun *run, bool *reuse)
{
    uint64_t at = pos & ~(uint64_t)(q->cluster_size - 1), limit = qcow2_align(q, end);
    uint64_t bits = qcow2_l1_bits(q);
    unsigned index;
    Slice *s;
    int ret = qcow2_l2_for_write(q, at, &s, &index);

    if (ret) {
        return ret;
    }
    limit = MIN(limit, ((at >> bits) + 1) << bits);
    run->start = run->end = at;
    while (run->end < limit && index < qcow2_slice_entries(q)) {
        uint64_t entry = qcow2_l2_entry(q, s, index++), host = entry & QCOW2_OFFSET;
        bool own = !(entry & QCOW2_COMPRESSED) && entry & QCOW2_COPIED && host && qcow2_aligned(q, host);
        bool is_data = own && !q->ext_l2 && !(q->version >= 3 && entry & QCOW2_ZERO);

        if (run->end == at) {
            *reuse = own;
            run->host = host;
        } else if (own != *reuse || is_data || (own && host != run->host + (run->end - at))) {
            break;
        }
        run->end += q->cluster_size;
    }
    qcow2_put(s);
    return 0;
}

/* Which bytes around [pos, end) have to be filled in: whole clusters, or just the subclusters that are touched. */
static int fill_limits(Qcow2 *q, const NewRun *run, uint64_t pos, uint64_t end, uint64_t *from, uint64_t *to)
{
    uint64_t unit = q->ext_l2 ? q->cluster_size / QCOW2_SUBCLUSTERS : q->cluster_size;
    uint64_t guest_end = ROUND_UP(block_size(q->n), 512);

    *from = pos & ~(unit - 1);
    *to = (end + unit - 1) & ~(unit - 1);
    if (q->ext_l2 && run->is_new) {
        /* A cluster that held data, or packed data, moves as a whole. */
        Qcow2Extent e;
        uint64_t edges[2] = { run->start, run->end - q->cluster_size };

        for (int i = 0; i < 2; i++) {
            int ret = qcow2_lookup(q, edges[i], 1, &e);

            if (ret) {
                return ret;
            }
            if (e.kind == QCOW2_PACKED || e.has_host) {
                *from = i ? *from : run->start;
                *to = i || run->end - run->start == q->cluster_size ? run->end : *to;
            }
        }
    }
    *from = MAX(*from, run->start);
    *to = MIN(*to, run->end);
    *to = MAX(MIN(*to, MAX(guest_end, end)), end);
    return 0;
}

/* Head and tail that come from elsewhere, and the caller's bytes between them, in one write. */
static int write_around(Qcow2 *q, const NewRun *run, uint64_t pos, uint64_t end, uint64_t from, uint64_t to,
                        const struct iovec *iov, int niov, size_t skip)
{
    size_t head = pos - from, tail = to - end;
    g_autofree uint8_t *buf = NULL;
    g_autofree struct iovec *all = g_new(struct iovec, niov + 2);
    BlockOp op = { .kind = BLOCK_WRITE, .offset = run->host + (from - run->start), .bytes = to - from, .iov = all };
    int ret = 0;

    block_event(q->file, head + tail ? BLOCK_EVENT_COW_READ : BLOCK_EVENT_WRITE_AIO);

    if (head + tail) {
        buf = g_try_malloc(head + tail);
        if (!buf) {
            return -ENOMEM;
        }
        if (head) {
            ret = qcow2_read(q, from, head, &(struct iovec){ buf, head }, 1);
        }
        if (tail && !ret) {
            ret = qcow2_read(q, end, tail, &(struct iovec){ buf + head, tail }, 1);
        }
        if (ret) {
            return ret;
        }
    }
    if (head) {
        all[op.niov++] = (struct iovec){ buf, head };
    }
    op.niov += iov_slice(all + op.niov, iov, niov, skip, end - pos);
    if (tail) {
        all[op.niov++] = (struct iovec){ buf + head, tail };
    }
    if (head + tail) {
        block_event(q->file, BLOCK_EVENT_COW_WRITE);
        block_event(q->file, BLOCK_EVENT_WRITE_AIO);
    }
    return block_run(q->file, &op);
}

/* Is what is around zero, so that clusters behind the end of the file need not be filled? */
static int around_is_zero(Qcow2 *q, uint64_t offset, uint64_t bytes, bool *is_zero)
{
    while (bytes && *is_zero) {
        Qcow2Extent e;
        int ret = qcow2_lookup(q, offset, bytes, &e);

        if (ret) {
            return ret;
        }
        *is_zero = e.kind == QCOW2_ZEROS || (e.kind == QCOW2_UNALLOCATED &&
                   (!q->n->backing || offset >= block_size(q->n->backing)));
        offset += e.bytes;
        bytes -= e.bytes;
    }
    return 0;
}

static uint64_t sub_bits(const Qcow2 *q, uint64_t cluster, uint64_t from, uint64_t to)
{
    uint64_t unit = q->cluster_size / QCOW2_SUBCLUSTERS;
    uint64_t first = from > cluster ? (from - cluster) / unit : 0;
    uint64_t last = to < cluster + q->cluster_size ? (to - cluster + unit - 1) / unit : QCOW2_SUBCLUSTERS;

    return last > first ? (~0ull >> (64 - (last - first))) << first : 0;
}

/* The data is in place: entries follow it. */
static int link_run(Qcow2 *q, const NewRun *run, uint64_t from, uint64_t to)
{
    for (uint64_t at = run->start; at < run->end; at += q->cluster_size) {
        uint64_t host = run->host + (at - run->start), old, bitmap;
        unsigned index;
        Slice *s;
        int ret = qcow2_l2_for_write(q, at, &s, &index);

        if (ret) {
            return ret;
        }
        old = qcow2_l2_entry(q, s, index);
        bitmap = qcow2_l2_bitmap(q, s, index);
        if (q->ext_l2) {
            uint64_t bits = sub_bits(q, at, from, to);

            bitmap = (bitmap | bits) & ~(bits << 32);
        }
        qcow2_l2_set(q, s, index, host | QCOW2_COPIED, bitmap);
        qcow2_put(s);
        if (run->is_new) {
            qcow2_free_entry(q, old);
        }
    }
    return 0;
}

/* Clusters without one of their own, from pos on. *done: how many of the caller's bytes. Lock held. */
static int write_new(Qcow2 *q, uint64_t pos, uint64_t end, const struct iovec *iov, int niov, size_t skip,
                     uint64_t *done)
{
    NewRun run = { 0 };
    uint64_t from, to, got;
    bool reuse = false, zero = true;
    int ret = measure_run(q, pos, end, &run, &reuse);

    if (ret) {
        return ret;
    }
    if (!reuse) {
        ret = qcow2_alloc(q, (run.end - run.start) >> q->cluster_bits, &run.host, &got);
        if (ret) {
            return ret;
        }
        run.end = run.start + (got << q->cluster_bits);
        run.is_new = true;
        run.reads_zero = run.host >= block_size(q->file);
    } else if (qcow2_overlaps_metadata(q, run.host, run.end - run.start)) {
        return qcow2_corrupt(q, "Preventing invalid write on metadata at offset %#" PRIx64, run.host);
    }
    end = MIN(end, run.end);
    ret = fill_limits(q, &run, pos, end, &from, &to);
    if (!ret && run.reads_zero) {
        ret = around_is_zero(q, from, pos - from, &zero);
        ret = ret ? ret : around_is_zero(q, end, to - end, &zero);
    }
    if (!ret) {
        bool skip_fill = run.reads_zero && zero;

        unlock(q);
        ret = write_around(q, &run, pos, end, skip_fill ? pos : from, skip_fill ? end : to, iov, niov, skip);
        lock(q);
        q->dirty_data = true;
    }
    if (!ret) {
        ret = link_run(q, &run, from, to);
    } else if (run.is_new) {
        qcow2_add_refcount(q, run.host, run.end - run.start, -1);   /* nobody knows of them yet */
    }
    *done = end - pos;
    return ret;
}

int qcow2_write(Qcow2 *q, uint64_t offset, uint64_t bytes, const struct iovec *iov, int niov)
{
    uint64_t done = 0, part;
    int ret = 0;

    while (done < bytes && !ret) {
        Qcow2Extent e;

        lock(q);
        ret = qcow2_lookup(q, offset + done, bytes - done, &e);
        part = e.bytes;
        if (ret) {
            unlock(q);
        } else if (e.kind == QCOW2_DATA && e.copied) {
            if (qcow2_overlaps_metadata(q, e.host, e.bytes)) {
                ret = qcow2_corrupt(q, "Preventing invalid write on metadata at offset %#" PRIx64, e.host);
            }
            unlock(q);
            block_event(q->file, BLOCK_EVENT_WRITE_AIO);
            ret = ret ? ret : rw_part(q->file, BLOCK_WRITE, e.host, iov, niov, done, e.bytes);
            q->dirty_data = true;
        } else {
            ret = write_new(q, offset + done, offset + bytes, iov, niov, done, &part);
            unlock(q);
        }
        done += part;
    }
    return ret;
}

/* ---- zeros ------------------------------------------------------------------------------------------------------- */

/* Whole clusters within one slice. v2 without a flag for zeros: none below only, and none to come. */
static int zero_clusters(Qcow2 *q, uint64_t offset, uint64_t end, unsigned flags, uint64_t *done)
{
    bool unmap = flags & BLOCK_MAY_UNMAP, hides = flags & BLOCK_HIDES;
    unsigned index;
    Slice *s;
    int ret;
    uint64_t at = offset, bits = qcow2_l1_bits(q);

    if (offset >> bits >= q->l1_size || !(q->l1[offset >> bits] & QCOW2_OFFSET)) {
        if (!hides && (!q->n->backing || offset >= block_size(q->n->backing))) {
            *done = MIN(end, ((offset >> bits) + 1) << bits) - offset;      /* nothing there: zeros already */
            return 0;
        }
    }
    if (q->version < 3 && (q->n->backing || hides)) {
        return -ENOTSUP;
    }
    ret = qcow2_l2_for_write(q, offset, &s, &index);
    if (ret) {
        return ret;
    }
    for (; at < end && index < qcow2_slice_entries(q); at += q->cluster_size, index++) {
        uint64_t old = qcow2_l2_entry(q, s, index), bitmap = qcow2_l2_bitmap(q, s, index);
        bool keep = !unmap && !(old & QCOW2_COMPRESSED) && old & QCOW2_OFFSET && q->version >= 3;
        uint64_t entry = keep ? old : 0, new_bitmap = 0;

        if (q->ext_l2) {
            new_bitmap = (uint64_t)UINT32_MAX << 32;
        } else if (q->version >= 3) {
            entry |= QCOW2_ZERO;
        }
        if (entry == old && new_bitmap == bitmap) {
            continue;
        }
        if (!old && !bitmap && !q->n->backing && !keep && !hides) {
            continue;           /* unallocated above nothing reads as zeros too */
        }
        qcow2_l2_set(q, s, index, entry, new_bitmap);
        if (!keep) {
            qcow2_free_entry(q, old);
        }
    }
    qcow2_put(s);
    *done = at - offset;
    return 0;
}

/* Part of a cluster. With subclusters, whole ones of them are only marked. */
static int zero_partial(Qcow2 *q, uint64_t offset, uint64_t bytes, unsigned flags)
{
    uint64_t unit = q->ext_l2 ? q->cluster_size / QCOW2_SUBCLUSTERS : q->cluster_size;
    g_autofree uint8_t *zeros = NULL;
    bool is_zero = !(flags & BLOCK_HIDES);
    int ret;

    lock(q);
    ret = around_is_zero(q, offset, bytes, &is_zero);
    if (!ret && !is_zero && q->ext_l2 && !(offset & (unit - 1)) && !((offset + bytes) & (unit - 1))) {
        unsigned index;
        Slice *s;

        ret = qcow2_l2_for_write(q, offset, &s, &index);
        if (!ret && !(qcow2_l2_entry(q, s, index) & QCOW2_COMPRESSED)) {
            uint64_t bits = sub_bits(q, offset & ~(uint64_t)(q->cluster_size - 1), offset, offset + bytes);

            qcow2_l2_set(q, s, index, qcow2_l2_entry(q, s, index),
                         (qcow2_l2_bitmap(q, s, index) & ~bits) | bits << 32);
            is_zero = true;
        }
        qcow2_put(s);
    }
    unlock(q);
    if (ret || is_zero) {
        return ret;
    }
    if (flags & BLOCK_NO_FALLBACK) {
        return -ENOTSUP;
    }
    zeros = g_try_malloc0(bytes);
    return zeros ? qcow2_write(q, offset, bytes, &(struct iovec){ zeros, bytes }, 1) : -ENOMEM;
}

int qcow2_zero_range(Qcow2 *q, uint64_t offset, uint64_t bytes, unsigned flags)
{
    uint64_t end = offset + bytes, image_end = block_size(q->n);
    uint32_t unit = q->ext_l2 ? q->cluster_size / QCOW2_SUBCLUSTERS : q->cluster_size;
    int ret = 0;

    if (end == image_end) {
        end = qcow2_align(q, end);      /* what lies behind the end does not count */
    }
    while (offset < end && !ret) {
        uint64_t cluster_end = (offset & ~(uint64_t)(q->cluster_size - 1)) + q->cluster_size, part;

        if (qcow2_aligned(q, offset) && cluster_end <= end) {
            lock(q);
            ret = zero_clusters(q, offset, end & ~(uint64_t)(q->cluster_size - 1), flags, &part);
            unlock(q);
            if (ret == -ENOTSUP) {
                part = MIN(cluster_end, image_end) - offset;
                ret = zero_partial(q, offset, part, flags);
                part = cluster_end - offset;
            }
        } else {
            uint64_t stop = MIN(cluster_end, end);

            /* With subclusters: up to the first whole one, then all whole ones, then the rest. */
            if (unit != q->cluster_size && offset & (unit - 1)) {
                stop = MIN(stop, (offset & ~(uint64_t)(unit - 1)) + unit);
            } else if (unit != q->cluster_size && (stop & (unit - 1)) && stop - offset > unit) {
                stop &= ~(uint64_t)(unit - 1);
            }
            part = stop - offset;
            ret = zero_partial(q, offset, part, flags);
        }
        offset += part;
    }
    return ret;
}

/* Advice: parts of clusters stay. Above a backing file zeros must hide what is below. */
static int discard(Qcow2 *q, uint64_t offset, uint64_t bytes)
{
    uint64_t mask = q->cluster_size - 1, end = offset + bytes, part;
    int ret = 0;

    end = end == block_size(q->n) ? qcow2_align(q, end) : end & ~mask;
    offset = (offset + mask) & ~mask;
    while (offset < end && !ret) {
        lock(q);
        ret = zero_clusters(q, offset, end, BLOCK_MAY_UNMAP, &part);
        unlock(q);
        if (ret == -ENOTSUP) {
            return 0;
        }
        offset += ret ? 0 : part;
    }
    return ret;
}

int qcow2_preallocate(Qcow2 *q, uint64_t from, uint64_t to)
{
    int ret = 0;

    for (uint64_t at = from; at < to && !ret;) {
        Qcow2Extent e;
        uint64_t got, host, n;
        unsigned index;
        Slice *s = NULL;

        ret = qcow2_lookup(q, at, qcow2_align(q, to) - at, &e);
        if (!ret && (e.kind != QCOW2_UNALLOCATED || e.has_host)) {
            at += e.bytes;
            continue;
        }
        if (!ret) {
            ret = qcow2_l2_for_write(q, at, &s, &index);
        }
        if (!ret) {
            n = MIN(qcow2_slice_entries(q) - index, qcow2_clusters(q, e.bytes));
            ret = qcow2_alloc(q, n, &host, &got);
        }
        for (uint64_t i = 0; !ret && i < got; i++) {
            /* New space at the end of the file is zero; used space, or what would hide a backing file, is marked. */
            uint64_t entry = (host + (i << q->cluster_bits)) | QCOW2_COPIED;
            bool mark = q->version >= 3 && (q->n->backing_file || host < block_size(q->file));

            entry |= mark && !q->ext_l2 ? QCOW2_ZERO : 0;
            qcow2_l2_set(q, s, index + i, entry, mark ? (uint64_t)UINT32_MAX << 32 : UINT32_MAX);
        }
        qcow2_put(s);
        at += ret ? 0 : got << q->cluster_bits;
    }
    return ret;
}

/* ---- the driver's entries ---------------------------------------------------------------------------------------- */

static int make_lazy(Qcow2 *q)
{
    if (!(q->compat & QCOW2_COMPAT_LAZY) || q->lazy || q->version < 3) {
        return 0;
    }
    q->lazy = true;
    return qcow2_set_incompat(q, QCOW2_INCOMPAT_DIRTY, 0);
}

static int change(Qcow2 *q, const BlockOp *op)
{
    if (op->kind == BLOCK_DISCARD) {
        return discard(q, op->offset, op->bytes);
    }
    if (op->kind == BLOCK_WRITE_ZEROES) {
        return qcow2_zero_range(q, op->offset, op->bytes, op->flags);
    }
    if (op->flags & BLOCK_COMPRESSED) {
        return qcow2_write_compressed(q, op->offset, op->bytes, op->iov, op->niov);
    }
    return qcow2_write(q, op->offset, op->bytes, op->iov, op->niov);
}

static int flush(Qcow2 *q)
{
    int ret;

    if (q->n->readonly) {
        return 0;
    }
    lock(q);
    ret = qcow2_flush(q);
    unlock(q);
    return ret;
}

int qcow2_co_run(BlockNode *n, const BlockOp *op)
{
    Qcow2 *q = n->state;
    Qcow2Range range;
    int ret;

    if (op->kind == BLOCK_FLUSH) {
        return flush(q);
    }
    if (!op->bytes) {
        return 0;
    }
    if (op->kind == BLOCK_READ) {
        qcow2_range_lock(q, &range, op->offset, op->bytes, false);
        ret = qcow2_read(q, op->offset, op->bytes, op->iov, op->niov);
        qcow2_range_unlock(q, &range);
        return ret;
    }
    if (q->incompat & QCOW2_INCOMPAT_CORRUPT || q->view_only) {
        return -EIO;
    }
    lock(q);
    ret = make_lazy(q);
    unlock(q);
    if (ret) {
        return ret;
    }
    qcow2_range_lock(q, &range, op->offset, op->bytes, true);
    ret = change(q, op);
    qcow2_range_unlock(q, &range);
    return ret || !(op->flags & BLOCK_FUA) ? ret : flush(q);
}

int qcow2_status(BlockNode *n, uint64_t offset, uint64_t bytes, BlockStatus *st)
{
    static const unsigned flags[] = {
        [QCOW2_UNALLOCATED] = 0, [QCOW2_ZEROS] = BLOCK_ST_ALLOCATED | BLOCK_ST_ZERO,
        [QCOW2_DATA] = BLOCK_ST_ALLOCATED | BLOCK_ST_DATA | BLOCK_ST_OFFSET | BLOCK_ST_RECURSE,
        [QCOW2_PACKED] = BLOCK_ST_ALLOCATED | BLOCK_ST_DATA | BLOCK_ST_COMPRESSED,
    };
    Qcow2 *q = n->state;
    Qcow2Extent e, next;
    uint64_t got;
    int ret;

    lock(q);
    ret = qcow2_lookup(q, offset, bytes, &e);
    got = e.bytes;
    /* Neighbours of the same kind, over slices and packed clusters. */
    while (!ret && got < bytes && !qcow2_lookup(q, offset + got, bytes - got, &next) && next.kind == e.kind &&
           next.has_host == e.has_host && (!e.has_host || next.host == e.host + got)) {
        got += next.bytes;
    }
    unlock(q);
    if (ret) {
        return ret;
    }
    st->flags = flags[e.kind];
    st->bytes = got;
    if (e.kind == QCOW2_ZEROS && e.has_host) {
        st->flags |= BLOCK_ST_OFFSET;
    }
    st->map = e.host;
    st->file = q->file;
    return 0;
}
