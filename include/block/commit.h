/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an image holds goes into one below it. IO thread, big lock held. */
#ifndef BLOCK_COMMIT_H
#define BLOCK_COMMIT_H

#include "block/backend.h"

typedef struct BlockCommit {
    BlockNode *base;            /* in the chain below the image; NULL: the next below */
    BlockCache cache;           /* of what is written */
    /* Before so many bytes are written, which lie at `at` of `size`. NULL: nobody wants to know. */
    void (*progress)(void *opaque, uint64_t bytes, uint64_t at, uint64_t size);
    void *opaque;
} BlockCommit;

/*
 * Copies what stands in the images from top down to base, which does not count, into base; that grows to top's size if
 * it is shorter. Nothing else may be under way in the chain. top is not changed, and what base's node remembers of its
 * image is out of date: it has to be closed before anything is read that only base holds. False: base cannot be
 * written, or somebody else uses it, and it is as it was; or writing failed in the middle, and it holds some of both.
 */
bool block_commit(BlockNode *top, const BlockCommit *c, Error **errp);
/*
 * Of a drive in a machine that stands and has nothing under way: into the image directly below, then the drive's own is
 * emptied. The guest sees no difference. False: as above; the drive has no medium, nothing below, or snapshots, whose
 * contents would change.
 */
bool blk_commit(BlockBackend *blk, Error **errp);

#endif
