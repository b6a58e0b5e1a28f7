/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an image holds goes into one below it: qemu-img commit, and the monitor's. */
#include "qemu/osdep.h"
#include "block/commit.h"

#define STEP (1 * MiB)

static int copy_data(BlockNode *top, BlockNode *base, BlockNode *target, const BlockCommit *c)
{
    g_autofree uint8_t *buf = g_malloc(STEP);
    uint64_t size = block_size(top);
    int ret = 0;

    for (uint64_t at = 0; at < size && !ret;) {
        BlockStatus st;

        ret = block_status_above(top, base, at, MIN(size - at, 1 * GiB), &st);
        if (ret) {
            break;
        }
        if (st.flags & BLOCK_ST_ALLOCATED && st.flags & BLOCK_ST_ZERO) {
            ret = block_run(target, &(BlockOp){ .kind = BLOCK_WRITE_ZEROES, .flags = BLOCK_MAY_UNMAP, .offset = at,
                                                .bytes = st.bytes });
        } else if (st.flags & BLOCK_ST_ALLOCATED) {
            st.bytes = MIN(st.bytes, STEP);
            ret = block_run_read(top, at, buf, st.bytes);
            if (c->progress) {
                c->progress(c->opaque, st.bytes, at, size);
            }
            ret = ret ? ret : block_run_write(target, at, buf, st.bytes);
        }
        at += st.bytes;
        if (c->progress) {
            c->progress(c->opaque, 0, at, size);
        }
    }
    return ret ? ret : block_run_flush(target);
}

static bool commit_into(BlockNode *top, BlockNode *base, BlockNode *target, const BlockCommit *c, Error **errp)
{
    uint64_t size = block_size(top);
    int ret;

    if (block_size(target) < size && !block_truncate(target, size, PREALLOC_OFF, errp)) {
        return false;
    }
    ret = copy_data(top, base, target, c);
    if (ret) {
        error_set(errp, "Error while committing image: %s", strerror(-ret));
    }
    return !ret;
}

/* It is open for reading below us: another view of it writes, under the lock of the first, which says so to others. */
bool block_commit(BlockNode *top, const BlockCommit *c, Error **errp)
{
    BlockNode *base = c->base ? c->base : top->backing, *target;
    BlockOpenOptions o = { .format = base->drv->name, .no_lock = true, .no_backing = !base->backing_file,
                           .cache = c->cache, .discard = true, .at_once = true };
    bool ok = false;

    if (!block_relock(base, true, errp)) {
        return false;
    }
    target = block_open(base->filename, &o, errp);
    if (target) {
        ok = commit_into(top, base, target, c, errp);
        block_unref(target);
    }
    block_relock(base, false, error_ignore);
    return ok;
}

static bool may_commit(BlockBackend *blk, Error **errp)
{
    BlockNode *n = blk_node(blk);
    BlockSnapshot *list = NULL;
    unsigned count;

    if (!n) {
        error_set(errp, "Device '%s' has no medium", blk_name(blk));
        return false;
    }
    if (!n->backing || !n->drv->make_empty || n->readonly) {
        error_set(errp, "Device '%s' has no image below it that could be written back to", blk_name(blk));
        return false;
    }
    if (n->backing->refs > 1) {
        error_set(errp, "Image '%s' is used by others too", n->backing->filename);
        return false;
    }
    count = n->drv->snapshot_list ? n->drv->snapshot_list(n, &list) : 0;
    for (unsigned i = 0; i < count; i++) {
        block_snapshot_clear(&list[i]);
    }
    g_free(list);
    if (count) {
        error_set(errp, "Device '%s' has snapshots, whose contents would change", blk_name(blk));
    }
    return !count;
}

bool blk_commit(BlockBackend *blk, Error **errp)
{
    BlockNode *top = blk_node(blk), *base, *fresh;

    if (!may_commit(blk, errp)) {
        return false;
    }
    base = top->backing;
    if (!block_commit(top, &(BlockCommit){ .cache = base->cache }, errp)) {
        return false;
    }
    /* Until here everything is read from the top, so that it does not matter what the node below remembers. */
    fresh = block_open(base->filename, &(BlockOpenOptions){ .format = base->drv->name, .readonly = true,
                                                            .no_backing = !base->backing_file,
                                                            .cache = base->cache }, errp);
    if (!fresh) {
        return false;
    }
    top->backing = fresh;
    block_unref(base);
    return top->drv->make_empty(top, errp);
}
