/* SPDX-License-Identifier: GPL-2.0-or-later */
/* null-co: a disk that forgets everything, for measurements. size= (default 1 GiB), read-zeroes=on. */
#include "qemu/osdep.h"
#include "block/block.h"

typedef struct Null {
    bool read_zeroes;
} Null;

static bool null_open(BlockNode *n, const BlockOpenOptions *o, Error **errp)
{
    Null *s = n->state;

    n->size = GiB;
    return block_dict_take_size(o->dict, "size", &n->size, errp) &&
           block_dict_take_bool(o->dict, "read-zeroes", &s->read_zeroes, errp);
}

static int null_run(BlockNode *n, const BlockOp *op)
{
    Null *s = n->state;

    if (op->kind == BLOCK_READ && s->read_zeroes) {
        iov_zero(op->iov, op->niov, 0);
    }
    return 0;
}

static int null_status(BlockNode *n, uint64_t offset, uint64_t bytes, BlockStatus *st)
{
    st->flags = BLOCK_ST_ALLOCATED | (((Null *)n->state)->read_zeroes ? BLOCK_ST_ZERO : BLOCK_ST_DATA);
    return 0;
}

static const BlockDriver null_driver = {
    .name = "null-co", .is_protocol = true, .state_size = sizeof(Null), .open = null_open, .run = null_run,
    .try_run = null_run, .status = null_status,
};
BLOCK_DRIVER(null_driver)
