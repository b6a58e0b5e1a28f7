/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Block nodes: an image is a graph of them, a format (raw, qcow2) over a protocol (file). See docs/block.md.
 *
 * A request is asynchronous: it is submitted by any thread that holds the big lock, never blocks it, and is answered
 * once, by its callback in the IO thread with the big lock held. Nothing orders requests that are under way at the same
 * time; a flush covers those answered before it was submitted.
 */
#ifndef BLOCK_BLOCK_H
#define BLOCK_BLOCK_H

#include <sys/uio.h>
#include "block/event.h"
#include "block/options.h"
#include "qemu/error.h"

#define BLOCK_SECTOR_SIZE   512
#define BLOCK_REQUEST_MAX   (1024 * MiB)    /* bytes of one request */

typedef struct BlockNode BlockNode;
typedef struct BlockDriver BlockDriver;
typedef struct WorkerJob WorkerJob;

/* -drive cache=: does the guest's flush reach the disk, does every write, is the host's page cache used. */
typedef enum BlockCache {
    BLOCK_CACHE_WRITEBACK, BLOCK_CACHE_NONE, BLOCK_CACHE_WRITETHROUGH, BLOCK_CACHE_DIRECTSYNC, BLOCK_CACHE_UNSAFE,
} BlockCache;

/* aio=: who waits for the host's file. NATIVE: the kernel, for files past its page cache; workers where it cannot. */
typedef enum BlockAio { BLOCK_AIO_THREADS, BLOCK_AIO_NATIVE, BLOCK_AIO_IO_URING, BLOCK_AIO__COUNT } BlockAio;

typedef struct BlockOpenOptions {
    const char *format;         /* NULL: look at the contents */
    bool readonly;
    bool auto_readonly;         /* open read-only when writing is not permitted */
    bool no_lock;               /* share the file with other users, whatever they do */
    bool share_write;           /* others may write it too */
    bool discard;               /* what the guest does not need any more is given back to the host */
    bool warn_probed;           /* say so when raw was only a guess */
    bool no_backing;            /* the image below stays closed; what it holds reads as zeros */
    bool check;                 /* for check and info: neither refuse nor repair what is marked as damaged */
    bool at_once;               /* for tools: what the page cache takes or gives need not go through a worker */
    BlockCache cache;
    BlockAio aio;
    BlockDict *dict;            /* options of the driver's own, borrowed: the driver takes out what it knows. Or NULL */
} BlockOpenOptions;

typedef enum BlockOpKind { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_DISCARD, BLOCK_WRITE_ZEROES } BlockOpKind;
#define BLOCK_FUA           (1u << 0)   /* a write is on stable storage when it is answered */
#define BLOCK_MAY_UNMAP     (1u << 1)   /* WRITE_ZEROES: the space may be given back */
#define BLOCK_COMPRESSED    (1u << 2)   /* WRITE: whole clusters, to be stored compressed; -ENOTSUP: not this format */
#define BLOCK_NO_FALLBACK   (1u << 3)   /* WRITE_ZEROES: -ENOTSUP rather than writing zeros one by one */
#define BLOCK_BRIEFLY       (1u << 4)   /* block_try() of a WRITE: the caller can wait for a moment */
#define BLOCK_HIDES         (1u << 5)   /* WRITE_ZEROES: marked also where nothing is below yet, as something will be */

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
/* The same from a dictionary (driver=, file.driver=, file.filename=, ...), which is consumed as far as it is known. */
BlockNode *block_open_dict(BlockDict *dict, const BlockOpenOptions *o, Error **errp);
BlockNode *block_find(const char *node_name);   /* node-name=; no reference */
BlockNode *block_next(const BlockNode *n);      /* of all nodes, newest first; NULL: the first. No reference */
/* Opens what n->backing_file names, below n; true also when there is nothing to open. */
bool block_open_backing(BlockNode *n, const BlockOpenOptions *o, Error **errp);
char *block_backing_path(const char *image, const char *backing);   /* relative names are relative to the image */
/*
 * A node that is open for reading keeps others from the file as if it wrote, or no longer. False: others have it; then
 * nothing is changed.
 */
bool block_relock(BlockNode *n, bool write, Error **errp);
bool block_is_below(const BlockNode *n);        /* another node stands on it */
void block_ref(BlockNode *n);
void block_unref(BlockNode *n);         /* the last one drains, flushes and closes */
uint64_t block_size(BlockNode *n);      /* bytes, a multiple of 512 */
bool block_is_readonly(BlockNode *n);
const char *block_filename(BlockNode *n);
const char *block_format_name(BlockNode *n);
bool block_format_known(const char *name);
const BlockDriver *block_driver_find(const char *name);     /* a format, else a protocol; NULL */
const BlockDriver *block_protocol_find(const char *filename);  /* what a file of that name stands on; NULL: nothing */
/* Sorted names of all drivers, NULL at the end; g_free() the array only. */
const char **block_driver_names(void);
bool block_cache_parse(const char *text, BlockCache *cache);
bool block_aio_parse(const char *text, BlockAio *aio);

/* ---- requests ---------------------------------------------------------------------------------------------------- */

void block_submit(BlockNode *n, const BlockOp *op, BlockDone *cb, void *opaque);
/* The same for who does not mind hearing of success in another thread than the IO thread. */
void block_submit_anywhere(BlockNode *n, const BlockOp *op, BlockDone *cb, void *opaque);
/*
 * At once: 0. -EAGAIN: submit it. Reads do not block. Writes need BLOCK_BRIEFLY and go to the page cache, as long as
 * the host takes them without delay. Writes and long reads give the big lock up while they run, and are none for the IO
 * thread: then the caller calls worker_wake_waiting() when it has noted the result.
 */
int block_try(BlockNode *n, const BlockOp *op);
/* Waits, running the loop if need be: start-up and tools, IO thread, no coroutine. 0 or -errno. */
int block_run_sync(BlockNode *n, const BlockOp *op);
bool block_pread(BlockNode *n, uint64_t offset, void *buf, size_t len, Error **errp);
bool block_pwrite(BlockNode *n, uint64_t offset, const void *buf, size_t len, Error **errp);
/* In a coroutine: gives way until it is done. 0 or -errno. */
int co_block_run(BlockNode *n, const BlockOp *op);
/* The one that fits: co_block_run() in a coroutine, else block_run_sync(). */
int block_run(BlockNode *n, const BlockOp *op);
int block_run_read(BlockNode *n, uint64_t offset, void *buf, size_t len);
int block_run_write(BlockNode *n, uint64_t offset, const void *buf, size_t len);
int block_run_flush(BlockNode *n);
/*
 * The host copies between two files without our reading them. -ENOTSUP: one of them is no plain file, or the host
 * cannot; some of it may have been copied then. Waits, or gives way in a coroutine.
 */
int block_copy_range(BlockNode *from, uint64_t from_offset, BlockNode *to, uint64_t to_offset, uint64_t bytes);
void block_drain(BlockNode *n);         /* runs the loop until nothing of n is under way. IO thread */

/* ---- what tools ask for: IO thread, nothing under way in the node ------------------------------------------------ */

#define BLOCK_ST_ALLOCATED  (1u << 0)   /* this layer decides what is read; else the one below does */
#define BLOCK_ST_DATA       (1u << 1)   /* read from storage */
#define BLOCK_ST_ZERO       (1u << 2)   /* reads as zeros */
#define BLOCK_ST_OFFSET     (1u << 3)   /* file and map are valid: the bytes stand there as they are */
#define BLOCK_ST_COMPRESSED (1u << 4)
#define BLOCK_ST_RECURSE    (1u << 5)   /* drivers only: the file below may know that it reads as zeros */

typedef struct BlockStatus {
    unsigned flags;
    uint64_t bytes;             /* from the offset asked for, at least 1 */
    uint64_t map;
    BlockNode *file;
    unsigned depth;             /* of block_status_above(): 0 the image itself */
} BlockStatus;

/* One layer; bytes > 0 within the image. 0 or -errno. */
int block_status(BlockNode *n, uint64_t offset, uint64_t bytes, BlockStatus *st);
/* The layers from n down to base, which does not count (NULL: all). */
int block_status_above(BlockNode *n, BlockNode *base, uint64_t offset, uint64_t bytes, BlockStatus *st);

typedef enum BlockPrealloc { PREALLOC_OFF, PREALLOC_METADATA, PREALLOC_FALLOC, PREALLOC_FULL, PREALLOC__COUNT }
    BlockPrealloc;
extern const char *const block_prealloc_names[PREALLOC__COUNT];
bool block_prealloc_parse(const char *text, BlockPrealloc *p);

/* What is new reads as zeros, also above a backing file. */
bool block_truncate(BlockNode *n, uint64_t size, BlockPrealloc prealloc, Error **errp);
#define BLOCK_SIZE_UNKNOWN  UINT64_MAX
/* Bytes the host has given to the image and its parts, BLOCK_SIZE_UNKNOWN: they are not on this host. */
uint64_t block_allocated_size(BlockNode *n);

/* A list of facts for people and programs: keys as in JSON, human output has blanks for dashes. */
typedef enum BlockFactKind { FACT_STRING, FACT_BOOL, FACT_UINT, FACT_LIST, FACT_DICT, FACT_END } BlockFactKind;
typedef struct BlockFact {
    BlockFactKind kind;
    const char *key;            /* static; NULL: an element of a list */
    char *text;                 /* STRING */
    uint64_t number;            /* UINT, BOOL */
} BlockFact;
void block_fact_string(GArray *facts, const char *key, const char *text);
void block_fact_bool(GArray *facts, const char *key, bool value);
void block_fact_uint(GArray *facts, const char *key, uint64_t value);
void block_fact_open(GArray *facts, const char *key, BlockFactKind kind);   /* FACT_LIST, FACT_DICT */
void block_fact_close(GArray *facts);

typedef struct BlockInfo {
    uint64_t cluster_size;      /* 0: none */
    uint64_t vm_state_offset;
    bool known;                 /* the driver has something to say of what follows */
    bool dirty, encrypted;
    bool can_compress;          /* knows BLOCK_COMPRESSED */
    bool needs_compressed;      /* and new data is written with that only */
    GArray *facts;              /* BlockFact, empty when the format has nothing to say; owned by the caller */
} BlockInfo;
void block_get_info(BlockNode *n, BlockInfo *info);     /* block_info_clear() afterwards */
void block_info_clear(BlockInfo *info);

typedef struct BlockSnapshot {
    char *id, *name;
    uint64_t vm_state_size;
    uint32_t date_sec, date_nsec;
    uint64_t vm_clock_ns;
    uint64_t icount;            /* all ones: not recorded */
    uint64_t disk_size;
} BlockSnapshot;
void block_snapshot_clear(BlockSnapshot *s);
/* As lists show it: the head, then a line each, g_free() it. Without an id "--" stands there. */
extern const char block_snapshot_head[];
char *block_snapshot_row(const BlockSnapshot *s, bool with_id);
char *block_human_size(uint64_t bytes);     /* "1.5 MiB"; g_free() it */
#define BLOCK_VMSTATE_CHUNK (2 * MiB)       /* whole clusters of any size */

#define BLOCK_FIX_LEAKS     (1u << 0)
#define BLOCK_FIX_ERRORS    (1u << 1)
typedef struct BlockCheck {
    uint64_t corruptions, leaks, check_errors, corruptions_fixed, leaks_fixed;
    uint64_t image_end, total_clusters, allocated_clusters, fragmented_clusters, compressed_clusters;
    bool has_clusters;
    void (*say)(void *opaque, const char *line);    /* findings, one line each; may be NULL */
    void *opaque;
} BlockCheck;

/* What create and amend know: one row per option. */
typedef struct BlockCreateOption {
    const char *name;           /* NULL ends */
    enum { CREATE_STRING, CREATE_BOOL, CREATE_SIZE, CREATE_UINT } kind;
    const char *def;            /* shown when nothing was said; NULL: nothing */
    const char *help;
    bool amend;                 /* an existing image can be changed */
} BlockCreateOption;

/* ---- drivers ----------------------------------------------------------------------------------------------------- */

struct BlockNode {
    const BlockDriver *drv;
    char *filename;
    char *node_name;            /* NULL: none */
    BlockNode *file;            /* what a format stands on; NULL for protocols */
    BlockNode *backing;         /* where unallocated ranges are read; NULL: zeros */
    char *backing_file, *backing_format;    /* as the image says; NULL: nothing. Set by the driver */
    uint64_t size;              /* bytes, as the driver knows it: atomic */
    uint64_t window_start;      /* of pass_through: where byte 0 stands in ->file */
    bool readonly, discard;
    bool whole_clusters;        /* status: holes in the file within what the format says is data are not looked for */
    bool at_once;               /* set by the driver: try_run() is worth it whatever the length */
    bool guard_head;            /* raw by guess: its first sector must not become another format's */
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
    const char *alias;          /* of a protocol: another prefix its names may have. NULL: none */
    size_t state_size;
    bool is_protocol, pass_through;
    int (*probe)(const uint8_t *head, size_t len);  /* 0: not mine .. 100: certainly */
    bool (*open)(BlockNode *n, const BlockOpenOptions *o, Error **errp);    /* sets size; n->file is open */
    void (*close)(BlockNode *n);
    int (*run)(BlockNode *n, const BlockOp *op);
    /* Begins what run would do, and has job->done() called in the IO thread. False: run it. Big lock. May be NULL. */
    bool (*start)(BlockNode *n, const BlockOp *op, WorkerJob *job);
    int (*co_run)(BlockNode *n, const BlockOp *op);
    void (*event)(BlockNode *n, BlockEvent event);      /* see block_event() */
    bool (*relock)(BlockNode *n, bool write, Error **errp);     /* see block_relock() */
    int (*try_run)(BlockNode *n, const BlockOp *op);    /* as run, in any thread; -EAGAIN when it would block */
    /*
     * For co_run: the whole request stands in ->file as it is, from *offset on, and stays there until unpin(). NULL: it
     * does not, or that is not known at once. Any thread, big lock held.
     */
    void *(*pin)(BlockNode *n, const BlockOp *op, uint64_t *offset);
    void (*unpin)(BlockNode *n, void *pin);
    /* As run; both nodes are this driver's. See block_copy_range(). */
    int (*copy_range)(BlockNode *from, uint64_t from_offset, BlockNode *to, uint64_t to_offset, uint64_t bytes);

    /* All of these may be NULL. They run in the IO thread, in a coroutine or while nothing is under way in the node. */
    int (*status)(BlockNode *n, uint64_t offset, uint64_t bytes, BlockStatus *st);
    bool (*truncate)(BlockNode *n, uint64_t size, BlockPrealloc prealloc, Error **errp);
    uint64_t (*allocated_size)(BlockNode *n);
    void (*get_info)(BlockNode *n, BlockInfo *info);
    const BlockCreateOption *create_options;
    bool (*create)(const char *filename, BlockDict *options, Error **errp);
    bool (*measure)(BlockDict *options, uint64_t size, uint64_t data_bytes, uint64_t *required, uint64_t *full,
                    Error **errp);
    bool (*amend)(BlockNode *n, BlockDict *options, Error **errp);
    bool (*check)(BlockNode *n, BlockCheck *c, unsigned fix, Error **errp);
    /* New file below: the image's text is replaced, nothing is opened. NULL: no backing file any more. */
    bool (*change_backing)(BlockNode *n, const char *file, const char *format, Error **errp);
    bool (*make_empty)(BlockNode *n, Error **errp);     /* everything is read from below again */
    bool (*snapshot_create)(BlockNode *n, const BlockSnapshot *s, Error **errp);    /* its id is chosen */
    bool (*snapshot_apply)(BlockNode *n, const char *name_or_id, Error **errp);
    bool (*snapshot_delete)(BlockNode *n, const char *name_or_id, Error **errp);
    bool (*snapshot_load)(BlockNode *n, const char *id, const char *name, Error **errp);    /* read-only view of it */
    unsigned (*snapshot_list)(BlockNode *n, BlockSnapshot **list);  /* caller clears each and frees the list */
    /*
     * State of a machine that goes into the next snapshot whose vm_state_size is not 0. Written from offset 0 on, which
     * forgets what was written before; offsets and lengths are multiples of 512, pieces of BLOCK_VMSTATE_CHUNK fast.
     */
    int (*vmstate_write)(BlockNode *n, uint64_t offset, const void *buf, size_t len);
    int (*vmstate_read)(BlockNode *n, const char *id, uint64_t offset, void *buf, size_t len);  /* of a snapshot */
    int (*vmstate_drop)(BlockNode *n);      /* no snapshot was made of it: its space is free again */
};

/* "This comes now", said by what stands on the node; the IO thread. */
static inline void block_event(BlockNode *n, BlockEvent event)
{
    if (n && n->drv->event) {
        n->drv->event(n, event);
    }
}

/*
 * For protocols that stand on another node: what "key" is in the dictionary, a node's name or options of one (*out is
 * NULL when it is not there), and a plain protocol by its name. One reference.
 */
bool block_open_child(BlockDict *dict, const char *key, const BlockOpenOptions *o, BlockNode **out, Error **errp);
BlockNode *block_open_protocol(const char *filename, const BlockOpenOptions *o, Error **errp);

void block_driver_register(const BlockDriver *drv);
#define BLOCK_DRIVER(d) \
    __attribute__((constructor)) static void register_##d(void) { block_driver_register(&d); }

size_t iov_bytes(const struct iovec *iov, int n);
/* What lies from byte skip on, at most len bytes of it, as a new list in out[] (room for n); how many entries. */
int iov_slice(struct iovec *out, const struct iovec *iov, int n, size_t skip, size_t len);
void iov_copy_out(void *buf, const struct iovec *iov, int n, size_t skip, size_t len);    /* from the list */
void iov_zero(const struct iovec *iov, int n, size_t from);

#endif
