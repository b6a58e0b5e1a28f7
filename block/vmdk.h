/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VMDK: what reading and creating share. Offsets of the header's fields are with the code. */
#ifndef BLOCK_VMDK_H
#define BLOCK_VMDK_H

#include "block/block.h"

#define FLAG_NEWLINES   (1u << 0)       /* the header's line-end test is there */
#define FLAG_REDUNDANT  (1u << 1)       /* two grain directories */
#define FLAG_ZERO_GRAIN (1u << 2)
#define FLAG_COMPRESSED (1u << 16)
#define FLAG_MARKERS    (1u << 17)
#define MARKER_LEN      12

bool vmdk_create(const char *filename, BlockDict *options, Error **errp);
extern const BlockCreateOption vmdk_create_options[];

#endif
