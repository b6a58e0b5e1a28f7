/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Block back ends: the drive as a device sees it, with or without a medium (a BlockNode) in it. Big lock held.
 *
 * Offsets and lengths are bytes and multiples of 512. Requests outside the medium, or without one, are answered with an
 * error, like any other through the callback.
 */
#ifndef BLOCK_BACKEND_H
#define BLOCK_BACKEND_H

#include "block/block.h"
#include "block/throttle.h"

typedef struct BlockBackend BlockBackend;

/* What the device is asked or told. Any member may be NULL. */
typedef struct BlkDeviceOps {
    bool any_thread;                                    /* callbacks of requests need the big lock, not the IO thread */
    void (*media_changed)(void *opaque, bool loaded);   /* after the change */
    bool (*is_tray_open)(void *opaque);
    bool (*is_locked)(void *opaque);                    /* the guest forbids removal */
    /* The user presses the button, or, with force, uses a paper clip. False: the guest has been asked to open it. */
    bool (*eject_request)(void *opaque, bool force);
} BlkDeviceOps;

typedef struct BlkStats {
    uint64_t read_bytes, write_bytes, reads, writes, flushes, failed;
} BlkStats;

BlockBackend *blk_new(const char *name);            /* NULL when the name is taken. Lives until blk_close_all() */
void blk_delete(BlockBackend *blk);                 /* before that: no device uses it any more */
BlockBackend *blk_find(const char *name);
BlockBackend *blk_next(BlockBackend *blk);          /* NULL: the first */
const char *blk_name(const BlockBackend *blk);

/* One device per back end: false with an Error when it has one. */
bool blk_attach(BlockBackend *blk, const BlkDeviceOps *ops, void *opaque, Error **errp);
void blk_detach(BlockBackend *blk, void *opaque);
bool blk_is_attached(const BlockBackend *blk);          /* a device uses it */

/*
 * For the monitor, before blk_eject(): the drive's tray opens, and stays so until a medium is put in. False when the
 * guest keeps it locked; it has been told of the wish, and may open it by itself. force: whatever it says.
 */
bool blk_open_tray(BlockBackend *blk, bool force);
void blk_insert(BlockBackend *blk, BlockNode *node);    /* takes the reference; no medium may be in it */
void blk_eject(BlockBackend *blk);                      /* drains; no medium: nothing happens */
BlockNode *blk_node(const BlockBackend *blk);           /* NULL: no medium */
uint64_t blk_size(const BlockBackend *blk);             /* 0: no medium */
bool blk_is_readonly(const BlockBackend *blk);
bool blk_is_tray_open(const BlockBackend *blk);
bool blk_is_locked(const BlockBackend *blk);
/* The device's volatile write cache: off makes every write reach the disk before it is answered. */
void blk_set_write_cache(BlockBackend *blk, bool on);
bool blk_write_cache(const BlockBackend *blk);
const BlkStats *blk_stats(const BlockBackend *blk);

/* -drive rerror= and werror=. STOP: the request waits until the machine runs again and is then tried anew. */
typedef enum BlkOnError { BLK_ERROR_REPORT, BLK_ERROR_IGNORE, BLK_ERROR_STOP, BLK_ERROR_ENOSPC } BlkOnError;
void blk_set_on_error(BlockBackend *blk, BlkOnError on_read, BlkOnError on_write);
BlkOnError blk_on_error(const BlockBackend *blk, bool is_write);
void blk_set_stop_handler(void (*stop)(void));  /* stops the machine soon; without one STOP means REPORT */
void blk_retry_parked(void);                    /* the machine runs again */
/* A drive with a failed request that waits, NULL: none. Such requests are in no saved state. */
BlockBackend *blk_find_parked(void);
/* the device gets an error after all: the machine becomes another one */
void blk_cancel_parked(void);

/*
 * How fast the device may read and write. Requests above that wait their turn on CLOCK_VM, per direction first in,
 * first out; whoever drains lets them all go at once. Flushes and discards do not wait. cfg has passed
 * throttle_check().
 */
void blk_set_throttle(BlockBackend *blk, const ThrottleConfig *cfg);     /* of all drives of its group */
/* Drives of one group share its limits and take turns. Nothing waits. NULL: alone, without limits; as new ones are. */
void blk_set_throttle_group(BlockBackend *blk, const char *name);
const char *blk_throttle_group(const BlockBackend *blk);                /* NULL: alone */
const ThrottleConfig *blk_throttle(const BlockBackend *blk);

void blk_readv(BlockBackend *blk, uint64_t offset, const struct iovec *iov, int niov, BlockDone *cb, void *opaque);
void blk_writev(BlockBackend *blk, uint64_t offset, const struct iovec *iov, int niov, BlockDone *cb, void *opaque);
/*
 * From the host's memory, or into it, at once: true. False: nothing is counted, and blk_readv() or blk_writev() is the
 * way. The big lock may be given up meanwhile; the caller's own state must look as if the request were under way. A
 * write may wait for the host once in a while; the IO thread cannot do it.
 */
bool blk_try_readv(BlockBackend *blk, uint64_t offset, const struct iovec *iov, int niov);
bool blk_try_writev(BlockBackend *blk, uint64_t offset, const struct iovec *iov, int niov);
void blk_flush(BlockBackend *blk, BlockDone *cb, void *opaque);
void blk_discard(BlockBackend *blk, uint64_t offset, uint64_t bytes, BlockDone *cb, void *opaque);
int blk_pread_sync(BlockBackend *blk, uint64_t offset, void *buf, size_t len);  /* start-up only */

/* Run the loop until nothing is under way; IO thread. New requests may follow from callbacks: those are awaited too. */
void blk_drain(BlockBackend *blk);
void blk_drain_all(void);
void blk_close_all(void);       /* orderly exit: drains, flushes, closes */

#endif
