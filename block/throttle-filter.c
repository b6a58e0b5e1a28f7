/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * throttle: a node that lets requests through no faster than its group may (driver=throttle,throttle-group=,file=...).
 * Reads and writes wait, flushes and discards do not.
 */
#include "qemu/osdep.h"
#include "block/block.h"
#include "block/throttle-group.h"
#include "qemu/coroutine.h"

typedef struct Filter {
    ThrottleMember member;
} Filter;

typedef struct Waiting {
    ThrottleEntry entry;
    Coroutine *co;              /* NULL: its turn has come before it waited */
    bool may_go;
} Waiting;

static void filter_go(ThrottleMember *m, ThrottleEntry *e)
{
    Waiting *w = container_of(e, Waiting, entry);

    w->may_go = true;
    if (w->co) {
        co_enter(w->co);
    }
}

static bool filter_open(BlockNode *n, const BlockOpenOptions *o, Error **errp)
{
    Filter *f = n->state;
    g_autofree char *group = block_dict_take(o->dict, "throttle-group");

    if (!group) {
        error_set(errp, "Parameter 'throttle-group' is missing");
        return false;
    }
    if (!throttle_group_exists(group)) {
        error_set(errp, "Throttle group '%s' does not exist: -object throttle-group,id=%s makes it", group, group);
        return false;
    }
    n->size = block_size(n->file);
    throttle_join(&f->member, group, filter_go);
    return true;
}

static void filter_close(BlockNode *n)
{
    throttle_leave(&((Filter *)n->state)->member);
}

static int filter_co_run(BlockNode *n, const BlockOp *op)
{
    Filter *f = n->state;
    Waiting w = { .entry = { .is_write = op->kind == BLOCK_WRITE || op->kind == BLOCK_WRITE_ZEROES,
                             .bytes = op->bytes } };

    if (op->kind != BLOCK_FLUSH && op->kind != BLOCK_DISCARD) {
        throttle_submit(&f->member, &w.entry);
        w.co = co_self();
        if (!w.may_go) {
            co_yield();
        }
    }
    return co_block_run(n->file, op);
}

static int filter_status(BlockNode *n, uint64_t offset, uint64_t bytes, BlockStatus *st)
{
    return block_status_above(n->file, NULL, offset, bytes, st);
}

static bool filter_truncate(BlockNode *n, uint64_t size, BlockPrealloc prealloc, Error **errp)
{
    if (!block_truncate(n->file, size, prealloc, errp)) {
        return false;
    }
    n->size = block_size(n->file);
    return true;
}

static const BlockDriver throttle_driver = {
    .name = "throttle", .state_size = sizeof(Filter), .open = filter_open, .close = filter_close,
    .co_run = filter_co_run, .status = filter_status, .truncate = filter_truncate,
};
BLOCK_DRIVER(throttle_driver)
