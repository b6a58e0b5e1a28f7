/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2: L2 tables and refcount blocks in memory, in slices, and the order in which they reach the disk
 *
 * At any instant the disk may lose power. What it holds then must be a valid image, leaks aside, so:
 *
 *   1. refcounts, and new tables that nothing points to yet
 *      -- barrier, and the refcount table after it when it has new blocks --
 *   2. L2 and L1 entries, which point to clusters counted and filled before the barrier
 *      -- barrier (the guest's flush) --
 *   3. only now the refcounts of clusters that no table points to any more count down (qcow2_apply_frees)
 */
#include "qemu/osdep.h"
#include "qcow2.h"

#define SLICES_MIN 64u

/* ---- the hash and the order of use ------------------------------------------------------------------------------- */

void qcow2_cache_init(Qcow2 *q, SliceCache *c, uint64_t bytes)
{
    c->max_slices = MAX(bytes / q->slice_size, SLICES_MIN);
    c->n_buckets = pow2ceil(c->max_slices);
    c->buckets = g_new0(Slice *, c->n_buckets);
}

void qcow2_cache_free(SliceCache *c)
{
    while (c->oldest) {
        Slice *s = c->oldest;

        c->oldest = s->newer;
        g_free(s->data);
        g_free(s);
    }
    g_free(c->buckets);
    *c = (SliceCache){ 0 };
}

static Slice **bucket(SliceCache *c, uint64_t offset)
{
    return &c->buckets[(offset >> 9) * 0x9e3779b97f4a7c15ull >> 32 & (c->n_buckets - 1)];
}

static Slice *find(SliceCache *c, uint64_t offset)
{
    Slice *s = *bucket(c, offset);

    while (s && s->offset != offset) {
        s = s->hash_next;
    }
    return s;
}

static void unlink_use(SliceCache *c, Slice *s)
{
    *(s->newer ? &s->newer->older : &c->newest) = s->older;
    *(s->older ? &s->older->newer : &c->oldest) = s->newer;
}

static void link_newest(SliceCache *c, Slice *s)
{
    s->newer = NULL;
    s->older = c->newest;
    *(c->newest ? &c->newest->newer : &c->oldest) = s;
    c->newest = s;
}

static void drop(SliceCache *c, Slice *s)
{
    Slice **at = bucket(c, s->offset);

    while (*at != s) {
        at = &(*at)->hash_next;
    }
    *at = s->hash_next;
    unlink_use(c, s);
    c->n_dirty -= s->dirty;
    c->n_slices--;
    g_free(s->data);
    g_free(s);
}

void qcow2_forget(SliceCache *c, uint64_t offset, uint64_t bytes)
{
    for (Slice *s = c->newest, *older; s; s = older) {
        older = s->older;
        if (s->offset - offset < bytes && !s->pins) {
            drop(c, s);
        }
    }
}

void qcow2_put(Slice *s)
{
    if (s) {
        assert(s->pins);
        s->pins--;
    }
}

void qcow2_mark_dirty(SliceCache *c, Slice *s)
{
    c->n_dirty += !s->dirty;
    s->dirty = true;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static int write_slice(Qcow2 *q, SliceCache *c, Slice *s)
{
    int ret;

    block_event(q->file, c == &q->l2_cache ? BLOCK_EVENT_L2_UPDATE : BLOCK_EVENT_REFBLOCK_UPDATE);
    ret = block_run_write(q->file, s->offset, s->data, q->slice_size);
    if (!ret) {
        c->n_dirty--;
        s->dirty = s->fresh = false;
        q->dirty_data = true;
    }
    return ret;
}

static int compare_offsets(const void *a, const void *b)
{
    uint64_t x = (*(Slice *const *)a)->offset, y = (*(Slice *const *)b)->offset;

    return x < y ? -1 : x > y;
}

static int write_dirty(Qcow2 *q, SliceCache *c, bool only_fresh)
{
    g_autofree Slice **list = NULL;
    unsigned n = 0;
    int ret = 0;

    if (!c->n_dirty) {
        return 0;
    }
    list = g_new(Slice *, c->n_dirty);
    for (Slice *s = c->oldest; s; s = s->newer) {
        if (s->dirty && (s->fresh || !only_fresh)) {
            list[n++] = s;
        }
    }
    qsort(list, n, sizeof(*list), compare_offsets);
    for (unsigned i = 0; i < n && !ret; i++) {
        ret = write_slice(q, c, list[i]);
    }
    return ret;
}

static int barrier(Qcow2 *q)
{
    int ret = q->dirty_data ? block_run_flush(q->file) : 0;

    if (!ret) {
        q->dirty_data = false;
    }
    return ret;
}

int qcow2_write_be64s(Qcow2 *q, uint64_t offset, const uint64_t *values, uint64_t from, uint64_t to)
{
    g_autofree uint64_t *be = g_try_new(uint64_t, to - from);

    if (!be) {
        return -ENOMEM;
    }
    for (uint64_t i = from; i < to; i++) {
        be[i - from] = GUINT64_TO_BE(values[i]);
    }
    q->dirty_data = true;
    return block_run_write(q->file, offset + from * 8, be, (to - from) * 8);
}

static int write_reftable(Qcow2 *q)
{
    int ret;

    if (q->reftable_dirty_from >= q->reftable_dirty_to) {
        return 0;
    }
    ret = barrier(q);
    if (!ret) {
        block_event(q->file, BLOCK_EVENT_REFTABLE_UPDATE);
        ret = qcow2_write_be64s(q, q->reftable_offset, q->reftable, q->reftable_dirty_from, q->reftable_dirty_to);
    }
    if (!ret) {
        q->reftable_dirty_from = UINT32_MAX;
        q->reftable_dirty_to = 0;
    }
    return ret;
}

static int write_l1(Qcow2 *q)
{
    if (!q->l1_any_dirty) {
        return 0;
    }
    for (uint32_t i = 0; i * 64 < q->l1_size; i++) {
        if (q->l1_dirty[i]) {
            int ret;

            block_event(q->file, BLOCK_EVENT_L1_UPDATE);
            ret = qcow2_write_be64s(q, q->l1_offset, q->l1, i * 64, MIN(i * 64 + 64, q->l1_size));
            if (ret) {
                return ret;
            }
            q->l1_dirty[i] = false;
        }
    }
    q->l1_any_dirty = false;
    return 0;
}

bool qcow2_has_dirty(const Qcow2 *q)
{
    return q->header_dirty || q->l2_cache.n_dirty || q->ref_cache.n_dirty || q->l1_any_dirty || q->pending_free->len ||
           q->reftable_dirty_from < q->reftable_dirty_to;
}

int qcow2_write_metadata(Qcow2 *q)
{
    int ret = 0;

    if (q->header_dirty) {
        ret = qcow2_header_write(q);
        ret = ret ? ret : barrier(q);
        q->header_dirty = ret;      /* nothing that the other header points to is touched before it is gone for good */
    }
    if (ret) {
        return ret;
    }
    /* With lazy refcounts a repair counts anew after a crash; blocks must still exist for the table to point to. */
    if (!q->lazy || q->reftable_dirty_from < q->reftable_dirty_to) {
        ret = write_dirty(q, &q->ref_cache, false);
        if (!ret) {
            ret = write_reftable(q);
        }
    }
    if (!ret) {
        ret = write_dirty(q, &q->l2_cache, true);
    }
    if (!ret && (q->l2_cache.n_dirty || q->l1_any_dirty)) {
        ret = barrier(q);
    }
    if (!ret) {
        ret = write_dirty(q, &q->l2_cache, false);
    }
    return ret ? ret : write_l1(q);
}

int qcow2_flush(Qcow2 *q)
{
    int ret = qcow2_write_metadata(q);

    if (!ret) {
        ret = barrier(q);
    }
    return ret ? ret : qcow2_apply_frees(q);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* Clean ones go first; when all of them are dirty everything is written, in order. */
static int make_room(Qcow2 *q, SliceCache *c)
{
    while (c->n_slices >= c->max_slices) {
        Slice *s = c->oldest;
        int ret;

        while (s && (s->pins || s->dirty)) {
            s = s->newer;
        }
        if (s) {
            drop(c, s);
            continue;
        }
        if (!c->n_dirty) {
            return 0;       /* all are in use: a little more memory than planned */
        }
        ret = c == &q->ref_cache && !q->header_dirty ? write_dirty(q, c, false) : qcow2_write_metadata(q);
        if (ret) {
            return ret;
        }
    }
    return 0;
}

static Slice *slice_new(const Qcow2 *q, uint64_t offset, bool zeroed)
{
    Slice *s = g_new0(Slice, 1);

    s->offset = offset;
    s->data = zeroed ? g_malloc0(q->slice_size) : g_malloc(q->slice_size);
    return s;
}

static void slice_free(Slice *s)
{
    g_free(s->data);
    g_free(s);
}

static void insert(SliceCache *c, Slice *s)
{
    s->hash_next = *bucket(c, s->offset);
    *bucket(c, s->offset) = s;
    link_newest(c, s);
    c->n_slices++;
}

bool qcow2_load_at_once(Qcow2 *q, SliceCache *c, uint64_t offset)
{
    bool is_full = c->n_slices >= c->max_slices;
    struct iovec iov = { .iov_len = q->slice_size };
    BlockOp op = { .kind = BLOCK_READ, .offset = offset, .bytes = q->slice_size, .iov = &iov, .niov = 1 };
    Slice *s;

    if (find(c, offset)) {
        return true;
    }
    if (!q->file->drv->try_run || (is_full && (c->oldest->pins || c->oldest->dirty))) {
        return false;
    }
    s = slice_new(q, offset, false);
    iov.iov_base = s->data;
    if (q->file->drv->try_run(q->file, &op)) {
        slice_free(s);
        return false;
    }
    if (is_full) {
        drop(c, c->oldest);
    }
    insert(c, s);
    return true;
}

int qcow2_get(Qcow2 *q, SliceCache *c, uint64_t offset, bool read, Slice **out)
{
    Slice *s = find(c, offset);
    int ret;

    if (!s) {
        ret = make_room(q, c);
        if (ret) {
            return ret;
        }
        s = slice_new(q, offset, !read);
        if (read) {
            block_event(q->file, c == &q->l2_cache ? BLOCK_EVENT_L2_LOAD : BLOCK_EVENT_REFBLOCK_LOAD);
        }
        ret = read ? block_run_read(q->file, offset, s->data, q->slice_size) : 0;
        if (ret) {
            slice_free(s);
            return ret;
        }
        insert(c, s);
    } else {
        if (!read) {
            memset(s->data, 0, q->slice_size);
        }
        unlink_use(c, s);
        link_newest(c, s);
    }
    s->pins++;
    *out = s;
    return 0;
}
