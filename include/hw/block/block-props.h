/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Properties that every device with a drive behind it has: sizes of blocks, write cache. Start-up only.
 *
 *   struct X { Device parent; BlockProps block; ... };
 *   .props = (const Property[]) { BLOCK_PROPS(X, block), ..., PROP_END }      block_props_check() in realize
 */
#ifndef HW_BLOCK_BLOCK_PROPS_H
#define HW_BLOCK_BLOCK_PROPS_H

#include "block/backend.h"
#include "hw/core/device.h"

#define DISCARD_DEFAULT UINT32_MAX      /* the device's own granularity */

typedef struct BlockProps {
    uint64_t logical, physical;         /* bytes: 512 to 2 MiB, powers of two, 0: 512 */
    uint64_t min_io, opt_io;            /* hints of which ATA and floppies tell a guest nothing */
    uint64_t discard;                   /* 0: none, or DISCARD_DEFAULT */
    char *write_cache;                  /* on, off, auto */
    bool share_rw;                      /* the image is opened so: drive_share() */
} BlockProps;

#define BLOCK_PROPS(s, f) \
    { .name = "logical_block_size", .kind = PROPK_SIZE, .offset = offsetof(s, f.logical), .def = 512, \
      .help = "a power of two between 512 B and 2 MiB" }, \
    { .name = "physical_block_size", .kind = PROPK_SIZE, .offset = offsetof(s, f.physical), .def = 512, \
      .help = "a power of two between 512 B and 2 MiB" }, \
    PROP_SIZE("min_io_size", s, f.min_io, 0), PROP_SIZE("opt_io_size", s, f.opt_io, 0), \
    PROP_SIZE("discard_granularity", s, f.discard, DISCARD_DEFAULT), \
    { .name = "write-cache", .kind = PROPK_STRING, .offset = offsetof(s, f.write_cache), .def_str = "auto", \
      .help = "on/off/auto" }, \
    { .name = "share-rw", .kind = PROPK_BOOL, .offset = offsetof(s, f.share_rw), \
      .help = "others may write to the image at the same time" }

/* False with an Error: a size is none, or sizes do not fit each other. Zeros become 512. */
bool block_props_check(BlockProps *p, Error **errp);
/* Properties rerror and werror: report, ignore, stop, for writing enospc; auto leaves it as the drive has it. */
bool block_props_on_error(BlockBackend *blk, const char *rerror, const char *werror, Error **errp);
/* The place of value in names[] (up to a NULL); -1 with an Error that names the property. */
int prop_choice(const char *name, const char *value, const char *const *names, Error **errp);

#endif
