/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Block back ends: drives as devices see them. What reaches a node from here lies within its size. */
#include "qemu/osdep.h"
#include "block/backend.h"
#include "block/throttle-group.h"
#include "qemu/main-loop.h"
#include "qemu/worker.h"

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
    ThrottleMember throttle;    /* what waits there counts as under way */
    BlockBackend *next;
};

typedef struct BlkRequest {
    BlockBackend *blk;
    BlockDone *cb;
    void *opaque;
    BlockOp op;                 /* for another try */
    WorkerJob refused;          /* the way back of a request that never reaches the node */
    ThrottleEntry turn;
    struct BlkRequest *next;    /* parked */
} BlkRequest;

static void throttle_go(ThrottleMember *m, ThrottleEntry *e);

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
    throttle_join(&b->throttle, NULL, throttle_go);
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

BlkOnError blk_on_error(const BlockBackend *blk, bool is_write)
{
    return is_write ? blk->on_write_error : blk->on_read_error;
}

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

static void throttle_go(ThrottleMember *m, ThrottleEntry *e)
{
    BlkRequest *r = container_of(e, BlkRequest, turn);

    submit(r->blk->node, &r->op, blk_done, r);
}

void blk_set_throttle(BlockBackend *blk, const ThrottleConfig *cfg)
{
    throttle_group_set(&blk->throttle, cfg);
}

void blk_set_throttle_group(BlockBackend *blk, const char *name)
{
    throttle_leave(&blk->throttle);
    throttle_join(&blk->throttle, name, throttle_go);
}

const char *blk_throttle_group(const BlockBackend *blk)
{
    return throttle_group_name(&blk->throttle);
}

const ThrottleConfig *blk_throttle(const BlockBackend *blk)
{
    return throttle_group_config(&blk->throttle);
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
    } else if (throttle_group_limits(&blk->throttle) && (op->kind == BLOCK_READ || op->kind == BLOCK_WRITE)) {
        r->turn = (ThrottleEntry){ .is_write = op->kind == BLOCK_WRITE, .bytes = op->bytes };
        throttle_submit(&blk->throttle, &r->turn);
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

static bool blk_try(BlockBackend *blk, const BlockOp *op)
{
    bool done;

    if (blk_check(blk, op) || throttle_group_limits(&blk->throttle)) {
        return false;
    }
    blk->in_flight++;
    done = !block_try(blk->node, op);
    blk->in_flight--;
    worker_wake_waiting();
    return done;
}

bool blk_try_readv(BlockBackend *blk, uint64_t offset, const struct iovec *iov, int niov)
{
    BlockOp op = read_op(offset, iov, niov);
    bool done = blk_try(blk, &op);

    if (done) {
        count_read(blk, &op);
    }
    return done;
}

static BlockOp write_op(const BlockBackend *blk, uint64_t offset, const struct iovec *iov, int niov)
{
    return (BlockOp){
        .kind = BLOCK_WRITE, .flags = blk->write_cache ? 0 : BLOCK_FUA, .offset = offset,
        .bytes = iov_bytes(iov, niov), .iov = iov, .niov = niov,
    };
}

static void count_write(BlockBackend *blk, const BlockOp *op)
{
    blk->stats.writes++;
    blk->stats.write_bytes += op->bytes;
}

void blk_writev(BlockBackend *blk, uint64_t offset, const struct iovec *iov, int niov, BlockDone *cb, void *opaque)
{
    BlockOp op = write_op(blk, offset, iov, niov);

    count_write(blk, &op);
    blk_submit(blk, &op, cb, opaque);
}

bool blk_try_writev(BlockBackend *blk, uint64_t offset, const struct iovec *iov, int niov)
{
    BlockOp op = write_op(blk, offset, iov, niov);
    bool done;

    op.flags |= BLOCK_BRIEFLY;
    done = blk_try(blk, &op);
    if (done) {
        count_write(blk, &op);
    }
    return done;
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
    throttle_release_all();             /* its own, and of nodes below it; some are done then */
    while (blk->in_flight) {
        worker_wait();
        throttle_release_all();
    }
}

static bool anything_in_flight(void)
{
    bool any = false;

    throttle_release_all();
    for (BlockBackend *b = backends; b; b = b->next) {
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

/* Nothing is under way; what waits for a human is forgotten. */
static void blk_free(BlockBackend *b)
{
    while (b->parked) {
        BlkRequest *r = b->parked;

        b->parked = r->next;
        g_free(r);
    }
    throttle_leave(&b->throttle);
    block_unref(b->node);
    g_free(b->name);
    g_free(b);
}

void blk_delete(BlockBackend *blk)
{
    BlockBackend **at = &backends;

    assert(!blk->dev);
    blk_drain(blk);
    while (*at != blk) {
        at = &(*at)->next;
    }
    *at = blk->next;
    blk_free(blk);
}

void blk_close_all(void)
{
    blk_drain_all();
    while (backends) {
        BlockBackend *b = backends;

        backends = b->next;
        blk_free(b);
    }
}
