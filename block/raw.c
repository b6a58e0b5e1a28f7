/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The raw format: the image is the file, or a window in it (offset=, size=). A file that ends within a sector counts
 * as if zeros followed.
 */
#include "qemu/osdep.h"
#include "block/block.h"

static bool raw_open(BlockNode *n, const BlockOpenOptions *o, Error **errp)
{
    uint64_t file_size = block_size(n->file), size = UINT64_MAX;
    bool has_window = block_dict_get(o->dict, "offset") || block_dict_get(o->dict, "size");

    if (!block_dict_take_size(o->dict, "offset", &n->window_start, errp) ||
        !block_dict_take_size(o->dict, "size", &size, errp)) {
        return false;
    }
    if (!has_window) {
        n->size = ROUND_UP(file_size, BLOCK_SECTOR_SIZE);
        return true;
    }
    if (n->window_start > file_size) {
        error_set(errp, "Offset (%" PRIu64 ") cannot be greater than size of the containing file (%" PRIu64 ")",
                  n->window_start, file_size);
        return false;
    }
    if (size == UINT64_MAX) {
        size = file_size - n->window_start;
    }
    if (size > file_size - n->window_start) {
        error_set(errp, "The sum of offset (%" PRIu64 ") and size (%" PRIu64 ") has to be smaller or equal to the "
                  "actual size of the containing file (%" PRIu64 ")", n->window_start, size, file_size);
        return false;
    }
    if (size % BLOCK_SECTOR_SIZE) {
        error_set(errp, "Specified size is not multiple of %d", BLOCK_SECTOR_SIZE);
        return false;
    }
    n->size = size;
    return true;
}

static bool raw_truncate(BlockNode *n, uint64_t size, BlockPrealloc prealloc, Error **errp)
{
    if (n->window_start) {
        error_set(errp, "Cannot resize fixed-size raw disks");
        return false;
    }
    if (!block_truncate(n->file, size, prealloc, errp)) {
        return false;
    }
    n->size = ROUND_UP(block_size(n->file), BLOCK_SECTOR_SIZE);
    return true;
}

static bool raw_create(const char *filename, BlockDict *options, Error **errp)
{
    return block_driver_find("file")->create(filename, options, errp);
}

static bool raw_measure(BlockDict *options, uint64_t size, uint64_t data_bytes, uint64_t *required, uint64_t *full,
                        Error **errp)
{
    *required = *full = size;
    return true;
}

static const BlockCreateOption raw_create_options[] = {
    { "size", CREATE_SIZE, NULL, "Virtual disk size", false },
    { "preallocation", CREATE_STRING, NULL, "Preallocation mode (allowed values: off, falloc, full)", false },
    { "nocow", CREATE_BOOL, NULL, "Turn off copy-on-write (valid only on btrfs)", false },
    { "extent_size_hint", CREATE_SIZE, NULL, "Extent size hint for the image file, 0 to disable", false },
    { .name = NULL },
};

static const BlockDriver raw_driver = {
    .name = "raw", .pass_through = true, .open = raw_open, .truncate = raw_truncate, .create = raw_create,
    .create_options = raw_create_options, .measure = raw_measure,
};
BLOCK_DRIVER(raw_driver)
