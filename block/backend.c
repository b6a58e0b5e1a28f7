/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Block back ends: drives as devices see them. What reaches a node from here lies within its size. */
#include "qemu/osdep.h"
#include "block/backend.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "qemu/worker.h"

typedef struct BlkQueue {
    struct BlkRequest *first, **end;
} BlkQueue;

/* Drives that share limits: usually one. */
typedef struct ThrottleGroup {
    char *name;                 /* NULL: of this drive alone */
    GPtrArray *members;         /* BlockBackend * */
    Throttle throttle;
    bool is_on;
    unsigned turn;              /* which queue of which member is looked at next */
    Timer timer;
} ThrottleGroup;

struct BlockBackend {
    char *name;
    BlockNode *node;
    const BlkDeviceOps *ops;
    void *dev;                  /* opaque of ops; NULL: no device */
    bool write_cache;
    unsigned in_flight;
    BlkOnError on_read_error, on_write_error;
    struct BlkRequest *parked;  /* failed, to be tried again when the machine runs again */
    BlkStats stats;
    ThrottleGroup *group;
    BlkQueue throttled[2];      /* reads, writes: counted as under way */
    BlockBackend *next;
};

typedef struct BlkRequest {
    BlockBackend *blk;
    BlockDone *cb;
    void *opaque;
    BlockOp op;                 /* for another try */
    WorkerJob refused;          /* the way back of a request that never reaches the node */
    struct BlkRequest *next;    /* parked, or throttled */
} BlkRequest;

static void group_join(BlockBackend *blk, const char *name);
static void group_leave(BlockBackend *blk);

static BlockBackend *backends;  /* in order of creation; big lock */
static void (*stop_machine)(void);      /* set once, at start */

/* ---- the list ---------------------------------------------------------------------------------------------------- */

BlockBackend *blk_find(const char *name)
{
    for (BlockBackend *b = backends; b; b = b->next) {
        if (!strcmp(b->name, name)) {
            return b;
        }
    }
    return NULL;
}

BlockBackend *blk_new(const char *name)
{
    BlockBackend **end = &backends, *b;

    if (blk_find(name)) {
        return NULL;
    }
    while (*end) {
        end = &(*end)->next;
    }
    b = g_new0(BlockBackend, 1);
    b->name = g_strdup(name);
    b->write_cache = true;
    b->throttled[0].end = &b->throttled[0].first;
    b->throttled[1].end = &b->throttled[1].first;
    group_join(b, NULL);
    *end = b;
    return b;
}

BlockBackend *blk_next(BlockBackend *blk)
{
    return blk ? blk->next : backends;
}

const char *blk_name(const BlockBackend *blk)
{
    return blk->name;
}

/* ---- device and medium ------------------------------------------------------------------------------------------- */

bool blk_attach(BlockBackend *blk, const BlkDeviceOps *ops, void *opaque, Error **errp)
{
    if (blk->dev) {
        error_set(errp, "drive '%s' is already in use by another device", blk->name);
        return false;
    }
    blk->ops = ops;
    blk->dev = opaque;
    return true;
}

void blk_detach(BlockBackend *blk, void *opaque)
{
    if (blk->dev == opaque) {
        blk->ops = NULL;
        blk->dev = NULL;
    }
}

bool blk_is_attached(const BlockBackend *blk)
{
    return blk->dev;
}

static void tell_device(BlockBackend *blk, bool loaded)
{
    if (blk->ops && blk->ops->media_changed) {
        blk->ops->media_changed(blk->dev, loaded);
    }
}

bool blk_open_tray(BlockBackend *blk, bool force)
{
    return !blk->ops || !blk->ops->eject_request || blk->ops->eject_request(blk->dev, force);
}

void blk_insert(BlockBackend *blk, BlockNode *node)
{
    assert(!blk->node);
    blk->node = node;
    tell_device(blk, true);
}

void blk_eject(BlockBackend *blk)
{
    BlockNode *node = blk->node;

    if (node) {
        blk_drain(blk);
        blk->node = NULL;
        block_unref(node);
        tell_device(blk, false);
    }
}

BlockNode *blk_node(const BlockBackend *blk)
{
    return blk->node;
}

uint64_t blk_size(const BlockBackend *blk)
{
    return blk->node ? block_size(blk->node) : 0;
}

bool blk_is_readonly(const BlockBackend *blk)
{
    return blk->node && block_is_readonly(blk->node);
}

bool blk_is_tray_open(const BlockBackend *blk)
{
    return blk->ops && blk->ops->is_tray_open && blk->ops->is_tray_open(blk->dev);
}

bool blk_is_locked(const BlockBackend *blk)
{
    return blk->ops && blk->ops->is_locked && blk->ops->is_locked(blk->dev);
}

void blk_set_write_cache(BlockBackend *blk, bool on)
{
    blk->write_cache = on;
}

bool blk_write_cache(const BlockBackend *blk)
{
    return blk->write_cache;
}

const BlkStats *blk_stats(const BlockBackend *blk)
{
    return &blk->stats;
}

/* ---- requests ---------------------------------------------------------------------------------------------------- */

void blk_set_on_error(BlockBackend *blk, BlkOnError on_read, BlkOnError on_write)
{
    blk->on_read_error = on_read;
    blk->on_write_error = on_write;
}

void blk_set_stop_handler(void (*stop)(void))
{
    stop_machine = stop;
}

/* What the user wants done about a failure: true when the request waits for a human now. */
static bool blk_handle_error(BlkRequest *r, int *ret)
{
    BlockBackend *blk = r->blk;
    BlkOnError what = r->op.kind == BLOCK_READ ? blk->on_read_error : blk->on_write_error;

    if (what == BLK_ERROR_ENOSPC) {
        what = *ret == -ENOSPC ? BLK_ERROR_STOP : BLK_ERROR_REPORT;
    }
    if (what == BLK_ERROR_IGNORE) {
        *ret = 0;
    }
    if (what != BLK_ERROR_STOP || !stop_machine) {
        return false;
    }
    if (!blk->parked) {
        warn_report("drive '%s': %s failed: %s; the machine is stopped and tries again when it goes on", blk->name,
                    r->op.kind == BLOCK_READ ? "reading" : "writing", strerror(-*ret));
    }
    r->next = blk->parked;
    blk->parked = r;
    stop_machine();
    return true;
}

static void blk_answer(BlkRequest *r, int ret)
{
    r->cb(r->opaque, ret);
    g_free(r);
}

static void blk_done(void *opaque, int ret)
{
    BlkRequest *r = opaque;

    r->blk->in_flight--;
    r->blk->stats.failed += ret < 0;
    if (ret >= 0 || !blk_handle_error(r, &ret)) {
        blk_answer(r, ret);
    }
}

/* The guest's own mistake: nothing the user could mend. */
static void blk_refused(WorkerJob *job, int ret)
{
    BlkRequest *r = container_of(job, BlkRequest, refused);

    r->blk->in_flight--;
    r->blk->stats.failed++;
    blk_answer(r, ret);
}

static void submit(BlockNode *n, const BlockOp *op, BlockDone *cb, BlkRequest *r)
{
    bool anywhere = r->blk->ops && r->blk->ops->any_thread;

    (anywhere ? block_submit_anywhere : block_submit)(n, op, cb, r);
}

static int blk_check(const BlockBackend *blk, const BlockOp *op)
{
    uint64_t size = blk_size(blk);

    if (!blk->node) {
        return -ENOMEDIUM;
    }
    if (op->bytes > BLOCK_REQUEST_MAX || op->offset > size || op->bytes > size - op->offset) {
        return -EIO;
    }
    return 0;
}

/* ---- rates ------------------------------------------------------------------------------------------------------- */

static void throttle_queue(BlkRequest *r)
{
    BlkQueue *q = &r->blk->throttled[r->op.kind == BLOCK_WRITE];

    *q->end = r;
    q->end = &r->next;
}

static void throttle_pop(BlkQueue *q)
{
    BlkRequest *r = q->first;

    q->first = r->next;
    if (!q->first) {
        q->end = &q->first;
    }
    r->next = NULL;
    submit(r->blk->node, &r->op, blk_done, r);
}

/* All that may go now goes, one direction of one drive after the other; the timer comes back for the rest. */
static void throttle_run(void *opaque)
{
    ThrottleGroup *g = opaque;
    unsigned queues = g->members->len * 2;
    int64_t now = clock_get_ns(CLOCK_VM), next = INT64_MAX;

    for (unsigned idle = 0; idle < queues; g->turn++) {
        bool is_write = g->turn % 2;
        BlockBackend *blk = g_ptr_array_index(g->members, g->turn / 2 % g->members->len);
        BlkQueue *q = &blk->throttled[is_write];
        int64_t wait = q->first && g->is_on ? throttle_wait_ns(&g->throttle, is_write, now) : 0;

        if (q->first && !wait) {
            throttle_account(&g->throttle, is_write, q->first->op.bytes);
            throttle_pop(q);
            idle = 0;
        } else {
            next = q->first ? MIN(next, wait) : next;
            idle++;
        }
    }
    if (next < INT64_MAX) {
        timer_arm(&g->timer, now + next);
    }
}

static ThrottleGroup *find_group(const char *name)
{
    for (BlockBackend *b = backends; b; b = b->next) {
        if (b->group && b->group->name && g_str_equal(b->group->name, name)) {
            return b->group;
        }
    }
    return NULL;
}

static void group_join(BlockBackend *blk, const char *name)
{
    ThrottleGroup *g = name ? find_group(name) : NULL;

    if (!g) {
        g = g_new0(ThrottleGroup, 1);
        g->name = g_strdup(name);
        g->members = g_ptr_array_new();
        timer_init(&g->timer, CLOCK_VM, throttle_run, g);
    }
    g_ptr_array_add(g->members, blk);
    blk->group = g;
}

/* Nothing of the drive waits there any more. */
static void group_leave(BlockBackend *blk)
{
    ThrottleGroup *g = g_steal_pointer(&blk->group);

    g_ptr_array_remove(g->members, blk);
    if (!g->members->len) {
        timer_disarm(&g->timer);
        g_ptr_array_unref(g->members);
        g_free(g->name);
        g_free(g);
    }
}

void blk_set_throttle(BlockBackend *blk, const ThrottleConfig *cfg)
{
    ThrottleGroup *g = blk->group;

    g->is_on = throttle_is_on(cfg);
    throttle_set(&g->throttle, cfg, clock_get_ns(CLOCK_VM));
    timer_disarm(&g->timer);
    throttle_run(g);
}

void blk_set_throttle_group(BlockBackend *blk, const char *name)
{
    assert(!blk->throttled[0].first && !blk->throttled[1].first);
    group_leave(blk);
    group_join(blk, name);
}

const char *blk_throttle_group(const BlockBackend *blk)
{
    return blk->group->name;
}

const ThrottleConfig *blk_throttle(const BlockBackend *blk)
{
    return &blk->group->throttle.cfg;
}

/* The clock may stand still: who waits for the end of all requests cannot wait for it. */
static void throttle_release(BlockBackend *blk)
{
    for (unsigned i = 0; i < 2; i++) {
        while (blk->throttled[i].first) {
            throttle_pop(&blk->throttled[i]);
        }
    }
}

/* ---- submitting -------------------------------------------------------------------------------------------------- */

static void blk_submit(BlockBackend *blk, const BlockOp *op, BlockDone *cb, void *opaque)
{
    BlkRequest *r = g_new0(BlkRequest, 1);
    int ret = blk_check(blk, op);

    *r = (BlkRequest){ .blk = blk, .cb = cb, .opaque = opaque, .op = *op, .refused.done = blk_refused };
    blk->in_flight++;
    if (ret) {
        worker_complete(&r->refused, ret);
    } else if (blk->group->is_on && (op->kind == BLOCK_READ || op->kind == BLOCK_WRITE)) {
        throttle_queue(r);
        throttle_run(blk->group);
    } else {
        submit(blk->node, op, blk_done, r);
    }
}

BlockBackend *blk_find_parked(void)
{
    BlockBackend *b = backends;

    while (b && !b->parked) {
        b = b->next;
    }
    return b;
}

void blk_retry_parked(void)
{
    for (BlockBackend *b = backends; b; b = b->next) {
        BlkRequest *list = g_steal_pointer(&b->parked), *r;

        while (list) {
            r = list;
            list = r->next;
            b->in_flight++;
            if (b->node) {
                submit(b->node, &r->op, blk_done, r);
            } else {
                worker_complete(&r->refused, -ENODEV);
            }
        }
    }
}

void blk_cancel_parked(void)
{
    for (BlockBackend *b = backends; b; b = b->next) {
        while (b->parked) {
            BlkRequest *r = b->parked;

            b->parked = r->next;
            blk_answer(r, -ECANCELED);
        }
    }
}

static BlockOp read_op(uint64_t offset, const struct iovec *iov, int niov)
{
    return (BlockOp){ .kind = BLOCK_READ, .offset = offset, .bytes = iov_bytes(iov, niov), .iov = iov, .niov = niov };
}

static void count_read(BlockBackend *blk, const BlockOp *op)
{
    blk->stats.reads++;
    blk->stats.read_bytes += op->bytes;
}

void blk_readv(BlockBackend *blk, uint64_t offset, const struct iovec *iov, int niov, BlockDone *cb, void *opaque)
{
    BlockOp op = read_op(offset, iov, niov);

    count_read(blk, &op);
    blk_submit(blk, &op, cb, opaque);
}

bool blk_try_readv(BlockBackend *blk, uint64_t offset, const struct iovec *iov, int niov)
{
    BlockOp op = read_op(offset, iov, niov);
    bool done;

    if (blk_check(blk, &op) || blk->group->is_on) {
        return false;
    }
    blk->in_flight++;
    done = !block_try(blk->node, &op);
    blk->in_flight--;
    worker_wake_waiting();
    if (done) {
        count_read(blk, &op);
    }
    return done;
}

void blk_writev(BlockBackend *blk, uint64_t offset, const struct iovec *iov, int niov, BlockDone *cb, void *opaque)
{
    BlockOp op = {
        .kind = BLOCK_WRITE, .flags = blk->write_cache ? 0 : BLOCK_FUA, .offset = offset,
        .bytes = iov_bytes(iov, niov), .iov = iov, .niov = niov,
    };

    blk->stats.writes++;
    blk->stats.write_bytes += op.bytes;
    blk_submit(blk, &op, cb, opaque);
}

void blk_flush(BlockBackend *blk, BlockDone *cb, void *opaque)
{
    blk->stats.flushes++;
    blk_submit(blk, &(BlockOp){ .kind = BLOCK_FLUSH }, cb, opaque);
}

void blk_discard(BlockBackend *blk, uint64_t offset, uint64_t bytes, BlockDone *cb, void *opaque)
{
    blk_submit(blk, &(BlockOp){ .kind = BLOCK_DISCARD, .offset = offset, .bytes = bytes }, cb, opaque);
}

int blk_pread_sync(BlockBackend *blk, uint64_t offset, void *buf, size_t len)
{
    struct iovec iov = { buf, len };
    BlockOp op = { .kind = BLOCK_READ, .offset = offset, .bytes = len, .iov = &iov, .niov = 1 };
    int ret = blk_check(blk, &op);

    return ret ? ret : block_run_sync(blk->node, &op);
}

/* ---- draining ---------------------------------------------------------------------------------------------------- */

void blk_drain(BlockBackend *blk)
{
    while (blk->in_flight) {
        throttle_release(blk);
        worker_wait();
    }
}

static bool anything_in_flight(void)
{
    bool any = false;

    for (BlockBackend *b = backends; b; b = b->next) {
        throttle_release(b);
        any |= b->in_flight;
    }
    return any;
}

void blk_drain_all(void)
{
    while (anything_in_flight()) {
        worker_wait();
    }
}

void blk_close_all(void)
{
    blk_drain_all();
    while (backends) {
        BlockBackend *b = backends;

        backends = b->next;
        while (b->parked) {
            BlkRequest *r = b->parked;

            b->parked = r->next;
            g_free(r);
        }
        group_leave(b);
        block_unref(b->node);
        g_free(b->name);
        g_free(b);
    }
}
