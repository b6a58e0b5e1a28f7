/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Block back ends: drives as devices see them. What reaches a node from here lies within its size. */
#include "qemu/osdep.h"
#include "block/backend.h"
#include "qemu/main-loop.h"
#include "qemu/worker.h"

struct BlockBackend {
    char *name;
    BlockNode *node;
    const BlkDeviceOps *ops;
    void *dev;                  /* opaque of ops; NULL: no device */
    bool write_cache;
    unsigned in_flight;
    BlkStats stats;
    BlockBackend *next;
};

typedef struct BlkRequest {
    BlockBackend *blk;
    BlockDone *cb;
    void *opaque;
    WorkerJob refused;          /* the way back of a request that never reaches the node */
} BlkRequest;

static BlockBackend *backends;  /* in order of creation; big lock */

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

static void tell_device(BlockBackend *blk, bool loaded)
{
    if (blk->ops && blk->ops->media_changed) {
        blk->ops->media_changed(blk->dev, loaded);
    }
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

static void blk_done(void *opaque, int ret)
{
    BlkRequest *r = opaque;

    r->blk->in_flight--;
    r->blk->stats.failed += ret < 0;
    r->cb(r->opaque, ret);
    g_free(r);
}

static void blk_refused(WorkerJob *job, int ret)
{
    blk_done(container_of(job, BlkRequest, refused), ret);
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

static void blk_submit(BlockBackend *blk, const BlockOp *op, BlockDone *cb, void *opaque)
{
    BlkRequest *r = g_new0(BlkRequest, 1);
    int ret = blk_check(blk, op);

    *r = (BlkRequest){ .blk = blk, .cb = cb, .opaque = opaque, .refused.done = blk_refused };
    blk->in_flight++;
    if (ret) {
        worker_complete(&r->refused, ret);
    } else {
        block_submit(blk->node, op, blk_done, r);
    }
}

void blk_readv(BlockBackend *blk, uint64_t offset, const struct iovec *iov, int niov, BlockDone *cb, void *opaque)
{
    BlockOp op = { .kind = BLOCK_READ, .offset = offset, .bytes = iov_bytes(iov, niov), .iov = iov, .niov = niov };

    blk->stats.reads++;
    blk->stats.read_bytes += op.bytes;
    blk_submit(blk, &op, cb, opaque);
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
        main_loop_wait(-1);
    }
}

static bool anything_in_flight(void)
{
    for (BlockBackend *b = backends; b; b = b->next) {
        if (b->in_flight) {
            return true;
        }
    }
    return false;
}

void blk_drain_all(void)
{
    while (anything_in_flight()) {
        main_loop_wait(-1);
    }
}

void blk_close_all(void)
{
    blk_drain_all();
    while (backends) {
        BlockBackend *b = backends;

        backends = b->next;
        block_unref(b->node);
        g_free(b->name);
        g_free(b);
    }
}
