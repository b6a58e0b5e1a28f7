/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Block nodes: an image is a graph of them, a format (raw, later qcow2) over a protocol (file). See docs/block.md.
 *
 * A request is asynchronous: it is submitted by any thread that holds the big lock, never blocks it, and is answered
 * once, by its callback in the IO thread with the big lock held. Nothing orders requests that are under way at the same
 * time; a flush covers those answered before it was submitted.
 */
#ifndef BLOCK_BLOCK_H
#define BLOCK_BLOCK_H

#include <sys/uio.h>
#include "qemu/error.h"

#define BLOCK_SECTOR_SIZE   512
#define BLOCK_REQUEST_MAX   (1024 * MiB)    /* bytes of one request */

typedef struct BlockNode BlockNode;
typedef struct BlockDriver BlockDriver;

/* -drive cache=: does the guest's flush reach the disk, does every write, is the host's page cache used. */
typedef enum BlockCache {
    BLOCK_CACHE_WRITEBACK, BLOCK_CACHE_NONE, BLOCK_CACHE_WRITETHROUGH, BLOCK_CACHE_DIRECTSYNC, BLOCK_CACHE_UNSAFE,
} BlockCache;

typedef struct BlockOpenOptions {
    const char *format;         /* NULL: look at the contents */
    bool readonly;
    bool auto_readonly;         /* open read-only when writing is not permitted */
    bool no_lock;               /* share the file with other users, whatever they do */
    bool share_write;           /* others may write it too */
    bool discard;               /* what the guest does not need any more is given back to the host */
    bool warn_probed;           /* say so when raw was only a guess */
    BlockCache cache;
} BlockOpenOptions;

typedef enum BlockOpKind { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_DISCARD, BLOCK_WRITE_ZEROES } BlockOpKind;
#define BLOCK_FUA (1u << 0)     /* a write is on stable storage when it is answered */

typedef struct BlockOp {
    BlockOpKind kind;
    unsigned flags;
    uint64_t offset, bytes;
    const struct iovec *iov;    /* of READ and WRITE: exactly bytes; not copied, it stays until the answer */
    int niov;
} BlockOp;

typedef void BlockDone(void *opaque, int ret);  /* 0 or -errno */

/* ---- nodes: start-up code, monitor, drivers; IO thread ----------------------------------------------------------- */

/* One reference. NULL with an Error: missing, not permitted, in use by another program, not of that format. */
BlockNode *block_open(const char *filename, const BlockOpenOptions *o, Error **errp);
void block_ref(BlockNode *n);
void block_unref(BlockNode *n);         /* the last one drains, flushes and closes */
uint64_t block_size(BlockNode *n);      /* bytes, a multiple of 512 */
bool block_is_readonly(BlockNode *n);
const char *block_filename(BlockNode *n);
const char *block_format_name(BlockNode *n);
bool block_format_known(const char *name);

/* ---- requests ---------------------------------------------------------------------------------------------------- */

void block_submit(BlockNode *n, const BlockOp *op, BlockDone *cb, void *opaque);
/* Waits, running the loop if need be: start-up and tools, IO thread, no coroutine. 0 or -errno. */
int block_run_sync(BlockNode *n, const BlockOp *op);
bool block_pread(BlockNode *n, uint64_t offset, void *buf, size_t len, Error **errp);
bool block_pwrite(BlockNode *n, uint64_t offset, const void *buf, size_t len, Error **errp);
/* In a coroutine: gives way until it is done. 0 or -errno. */
int co_block_run(BlockNode *n, const BlockOp *op);
void block_drain(BlockNode *n);         /* runs the loop until nothing of n is under way. IO thread */

/* ---- drivers ----------------------------------------------------------------------------------------------------- */

struct BlockNode {
    const BlockDriver *drv;
    char *filename;
    BlockNode *file;            /* what a format stands on; NULL for protocols */
    uint64_t size;              /* bytes, as the driver knows it: atomic */
    bool readonly, discard;
    BlockCache cache;
    int refs;
    unsigned in_flight;         /* big lock */
    BlockNode *next;            /* list of all nodes */
    void *state;                /* state_size bytes, zeroed before open */
};

/*
 * One driver. Requests reach it in one of three ways, the first it has:
 *   pass_through   they go to ->file as they are
 *   run            in a worker thread, may block, without the big lock; several at once
 *   co_run         in a coroutine of the IO thread, big lock held; it uses co_block_run() on its children
 */
struct BlockDriver {
    const char *name;
    size_t state_size;
    bool is_protocol, pass_through;
    int (*probe)(const uint8_t *head, size_t len);  /* 0: not mine .. 100: certainly */
    bool (*open)(BlockNode *n, const BlockOpenOptions *o, Error **errp);    /* sets size; n->file is open */
    void (*close)(BlockNode *n);
    int (*run)(BlockNode *n, const BlockOp *op);
    int (*co_run)(BlockNode *n, const BlockOp *op);
    int (*try_run)(BlockNode *n, const BlockOp *op);    /* as run, in any thread; -EAGAIN when it would block */
};

void block_driver_register(const BlockDriver *drv);
#define BLOCK_DRIVER(d) \
    __attribute__((constructor)) static void register_##d(void) { block_driver_register(&d); }

size_t iov_bytes(const struct iovec *iov, int n);
/* What lies from byte skip on, at most len bytes of it, as a new list in out[] (room for n); how many entries. */
int iov_slice(struct iovec *out, const struct iovec *iov, int n, size_t skip, size_t len);
void iov_zero(const struct iovec *iov, int n, size_t from);

#endif
