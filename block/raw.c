/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The raw format: the image is the file. A file that ends within a sector counts as if zeros followed.
 */
#include "qemu/osdep.h"
#include "block/block.h"

static bool raw_open(BlockNode *n, const BlockOpenOptions *o, Error **errp)
{
    n->size = ROUND_UP(block_size(n->file), BLOCK_SECTOR_SIZE);
    return true;
}

static const BlockDriver raw_driver = { .name = "raw", .pass_through = true, .open = raw_open };
BLOCK_DRIVER(raw_driver)
