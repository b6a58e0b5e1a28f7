/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2, versions 2 and 3: what its parts share. See docs/qcow2.md for the invariants.
 *
 *   qcow2.c             opening, closing, the driver        qcow2-header.c     the first cluster
 *   qcow2-pin.c         requests without a coroutine
 *   qcow2-cache.c       tables in memory, their order       qcow2-refcount.c   allocation
 *   qcow2-cluster.c     L1 and L2 tables                    qcow2-io.c         requests
 *   qcow2-compress.c    compressed clusters                 qcow2-snapshot.c   snapshots
 *   qcow2-check.c       check and repair                    qcow2-create.c     create, measure
 *   qcow2-resize.c      sizes, emptying, amend             qcow2-counts.c     all refcounts at once
 *   qcow2-draft.c       another state beside this one
 *
 * Metadata is touched in coroutines that hold q->lock, or while nothing is under way in the node (tools, start-up).
 * Functions return 0 or -errno unless they say otherwise.
 */
#ifndef BLOCK_QCOW2_H
#define BLOCK_QCOW2_H

#include "block/block.h"
#include "qemu/bitops.h"
#include "qemu/coroutine.h"

#define QCOW2_MAGIC             0x514649fbu
#define QCOW2_MIN_BITS          9
#define QCOW2_MAX_BITS          21
#define QCOW2_L1_MAX            (32 * MiB)      /* bytes of an L1 table */
#define QCOW2_REFTABLE_MAX      (8 * MiB)
#define QCOW2_SNAPSHOTS_MAX     65536u
#define QCOW2_SNAP_EXTRA_MAX    1024u
#define QCOW2_SNAP_TABLE_MAX    (64 * MiB)
#define QCOW2_BACKING_MAX       1023u
#define QCOW2_SUBCLUSTERS       32

#define QCOW2_COPIED            (1ull << 63)
#define QCOW2_COMPRESSED        (1ull << 62)
#define QCOW2_ZERO              (1ull << 0)
#define QCOW2_OFFSET            0x00fffffffffffe00ull
#define QCOW2_L1_RESERVED       0x7f000000000001ffull
#define QCOW2_REFTABLE_RESERVED 0x00000000000001ffull

#define QCOW2_INCOMPAT_DIRTY        (1ull << 0)
#define QCOW2_INCOMPAT_CORRUPT      (1ull << 1)
#define QCOW2_INCOMPAT_DATA_FILE    (1ull << 2)
#define QCOW2_INCOMPAT_COMPRESSION  (1ull << 3)
#define QCOW2_INCOMPAT_EXT_L2       (1ull << 4)
#define QCOW2_COMPAT_LAZY           (1ull << 0)

enum { QCOW2_ZLIB = 0, QCOW2_ZSTD = 1 };

/* A piece of a table in memory. */
typedef struct Slice {
    uint64_t offset;            /* in the file */
    uint8_t *data;
    unsigned pins;
    bool dirty;
    bool fresh;                 /* of a table that nothing on disk points to yet */
    struct Slice *hash_next, *newer, *older;
} Slice;

typedef struct SliceCache {
    Slice **buckets;
    unsigned n_buckets, n_slices, max_slices, n_dirty;
    Slice *newest, *oldest;
} SliceCache;

typedef struct Qcow2Snapshot {
    BlockSnapshot info;
    uint64_t l1_offset;
    uint32_t l1_size;
    uint8_t *extra;             /* what follows the 24 bytes we know; kept */
    uint32_t extra_len;         /* of all extra data as in the file */
} Qcow2Snapshot;

typedef struct Qcow2Extension {
    uint32_t type, len;
    uint8_t *data;
} Qcow2Extension;

typedef struct FreeRange {
    uint64_t offset, bytes;
} FreeRange;

/* A request under way: those that overlap wait for each other unless both only read. */
typedef struct Qcow2Range {
    uint64_t start, end;
    bool is_write;
    CoQueue waiting;
    struct Qcow2Range *next;
} Qcow2Range;

typedef struct Qcow2 {
    BlockNode *n;
    BlockNode *file;            /* = n->file */

    unsigned version, cluster_bits, l2_bits, refcount_order, refblock_bits;
    uint32_t cluster_size, slice_size, entry_size;
    bool ext_l2;
    uint8_t compression;
    uint64_t incompat, compat, autoclear;
    uint32_t header_len;        /* as found: what we do not know of it is in header_rest */
    uint8_t *header_rest;
    GArray *extensions;         /* Qcow2Extension: those we do not write anew ourselves */
    uint32_t crypt_method;
    bool view_only;             /* another snapshot's tables are shown: nothing may be written */

    uint64_t *l1;               /* host byte order */
    uint32_t l1_size;
    uint64_t l1_offset;
    bool *l1_dirty;             /* per 64 entries */
    bool l1_any_dirty;

    uint64_t *reftable;
    uint32_t reftable_size;     /* entries */
    uint64_t reftable_offset;
    uint32_t reftable_dirty_from, reftable_dirty_to;    /* from < to: entries not written yet */

    Qcow2Snapshot *snapshots;
    unsigned n_snapshots;
    uint64_t snapshots_offset;
    uint64_t snapshots_bytes;   /* of the table in the file */

    SliceCache l2_cache, ref_cache;
    CoMutex lock;
    Qcow2Range *ranges;
    uint64_t free_hint;         /* cluster from which on to look for a free one */
    uint64_t compressed_at;     /* byte after the last compressed cluster, while its host cluster has room; 0: none */
    GArray *pending_free;       /* FreeRange: nothing points there any more once the tables are on disk */
    uint64_t pending_clusters;
    GHashTable *metadata;       /* host offsets of L2 tables and refcount blocks in use; writable images only */
    bool header_dirty;          /* the header on the disk may be another one than ours: written before anything else */
    bool dirty_data;            /* tables or data were written after the last flush of the file */
    bool lazy;                  /* refcounts are written at the end only: the dirty bit is set */
} Qcow2;

static inline uint64_t qcow2_align(const Qcow2 *q, uint64_t v) { return ALIGN_UP(v, q->cluster_size); }
static inline uint64_t qcow2_clusters(const Qcow2 *q, uint64_t bytes)
{
    return (bytes >> q->cluster_bits) + !!(bytes & (q->cluster_size - 1));
}
static inline unsigned qcow2_l1_bits(const Qcow2 *q) { return q->cluster_bits + q->l2_bits; }
static inline uint64_t qcow2_l1_entries(const Qcow2 *q, uint64_t size)
{
    unsigned bits = qcow2_l1_bits(q);

    return (size >> bits) + !!(size & ((1ull << bits) - 1));
}
static inline bool qcow2_aligned(const Qcow2 *q, uint64_t v) { return !(v & (q->cluster_size - 1)); }

/* ---- qcow2-cache.c ---- */
void qcow2_cache_init(Qcow2 *q, SliceCache *c, uint64_t bytes);
void qcow2_cache_free(SliceCache *c);
bool qcow2_load_at_once(Qcow2 *q, SliceCache *c, uint64_t offset);  /* it is in memory, or the host had it there */
/* Pinned until qcow2_put(). read: from the file, else zeros. */
int qcow2_get(Qcow2 *q, SliceCache *c, uint64_t offset, bool read, Slice **out);
void qcow2_put(Slice *s);
void qcow2_mark_dirty(SliceCache *c, Slice *s);
void qcow2_forget(SliceCache *c, uint64_t offset, uint64_t bytes);     /* what it holds of that range is void */
int qcow2_write_metadata(Qcow2 *q);     /* tables reach the file in a safe order; not flushed after that */
int qcow2_flush(Qcow2 *q);              /* and stable; then what they gave up is free */
bool qcow2_has_dirty(const Qcow2 *q);
int qcow2_write_be64s(Qcow2 *q, uint64_t offset, const uint64_t *values, uint64_t from, uint64_t to);

/* ---- qcow2-refcount.c ---- */
int qcow2_get_refcount(Qcow2 *q, uint64_t cluster, uint64_t *value);
/* Adds delta to those of all clusters that the range touches. -EINVAL: too wide or below 0 */
int qcow2_add_refcount(Qcow2 *q, uint64_t offset, uint64_t bytes, int64_t delta);
/*
 * Zeros into a cluster for a table, at once: the cache writes the table later, and if the host had no room then, no
 * flush would succeed any more.
 */
int qcow2_claim(Qcow2 *q, uint64_t offset);
/* As many clusters in a row as there are, at most n, at least 1. 0 is no answer: the header is there. */
int qcow2_alloc(Qcow2 *q, uint64_t n, uint64_t *offset, uint64_t *got);
int qcow2_alloc_all(Qcow2 *q, uint64_t n, uint64_t *offset);           /* all or -ENOSPC */
int qcow2_alloc_bytes(Qcow2 *q, uint32_t bytes, uint64_t *offset);     /* for compressed data */
/* When the tables that point there have been written and are stable, the references count one less. */
void qcow2_free_later(Qcow2 *q, uint64_t offset, uint64_t bytes);
int qcow2_apply_frees(Qcow2 *q);
void qcow2_give_back(Qcow2 *q, uint64_t offset, uint64_t bytes);       /* free: the host may have it; advice */
int qcow2_read_reftable(Qcow2 *q);
uint64_t qcow2_refcount_at(const uint8_t *block, unsigned order, uint64_t index);
void qcow2_refcount_put(uint8_t *block, unsigned order, uint64_t index, uint64_t value);
static inline uint64_t qcow2_refcount_max(const Qcow2 *q)
{
    return q->refcount_order == 6 ? INT64_MAX : (1ull << (1u << q->refcount_order)) - 1;
}

/* ---- qcow2-cluster.c ---- */
typedef enum Qcow2Kind { QCOW2_UNALLOCATED, QCOW2_ZEROS, QCOW2_DATA, QCOW2_PACKED } Qcow2Kind;

typedef struct Qcow2Extent {
    Qcow2Kind kind;
    uint64_t bytes;             /* of one kind, in a row in the file when DATA or has_host; within a slice */
    uint64_t host;              /* DATA, or ZEROS with has_host: of the first byte */
    bool has_host;
    bool copied;                /* the cluster is ours alone: may be overwritten */
    uint64_t entry;             /* PACKED: the descriptor */
} Qcow2Extent;

bool qcow2_l2_at_once(Qcow2 *q, uint64_t offset);      /* qcow2_lookup() there reads nothing, then */
int qcow2_lookup(Qcow2 *q, uint64_t offset, uint64_t bytes, Qcow2Extent *e);
/* The slice with the entry of a guest offset, its table made writable; index: of the entry in the slice. */
int qcow2_l2_for_write(Qcow2 *q, uint64_t offset, Slice **s, unsigned *index);
uint64_t qcow2_l2_entry(const Qcow2 *q, const Slice *s, unsigned index);
uint64_t qcow2_l2_bitmap(const Qcow2 *q, const Slice *s, unsigned index);
void qcow2_l2_set(Qcow2 *q, Slice *s, unsigned index, uint64_t entry, uint64_t bitmap);
unsigned qcow2_slice_entries(const Qcow2 *q);
void qcow2_packed_range(const Qcow2 *q, uint64_t entry, uint64_t *offset, uint32_t *bytes);
/* What an entry's cluster or packed data occupies is given up later. */
void qcow2_free_entry(Qcow2 *q, uint64_t entry);
int qcow2_grow_l1(Qcow2 *q, uint64_t entries, bool exact);
int qcow2_read_l1(Qcow2 *q, uint64_t offset, uint32_t entries, uint64_t **out);
void qcow2_l1_changed(Qcow2 *q, uint32_t index);
/* Marks the image and refuses: -EIO. */
int qcow2_corrupt(Qcow2 *q, const char *fmt, ...) QEMU_PRINTF(2, 3);
bool qcow2_overlaps_metadata(Qcow2 *q, uint64_t offset, uint64_t bytes);

/* ---- qcow2-io.c ---- */
int qcow2_co_run(BlockNode *n, const BlockOp *op);
int qcow2_status(BlockNode *n, uint64_t offset, uint64_t bytes, BlockStatus *st);
int qcow2_zero_range(Qcow2 *q, uint64_t offset, uint64_t bytes, unsigned flags);
int qcow2_read(Qcow2 *q, uint64_t offset, uint64_t bytes, const struct iovec *iov, int niov);
int qcow2_write(Qcow2 *q, uint64_t offset, uint64_t bytes, const struct iovec *iov, int niov);
int qcow2_preallocate(Qcow2 *q, uint64_t from, uint64_t to);   /* host clusters for a range, reading as zeros */
void qcow2_range_lock(Qcow2 *q, Qcow2Range *r, uint64_t offset, uint64_t bytes, bool is_write);
void qcow2_range_unlock(Qcow2 *q, Qcow2Range *r);
void qcow2_range_remove(Qcow2 *q, Qcow2Range *r);       /* the same, and those that wait are the caller's business */

/* ---- qcow2-pin.c: of the driver; any thread with the big lock ---- */
void *qcow2_pin(BlockNode *n, const BlockOp *op, uint64_t *host);
void qcow2_unpin(BlockNode *n, void *opaque);

/* ---- qcow2-compress.c ---- */
int qcow2_unpack(Qcow2 *q, uint64_t entry, uint8_t *out);      /* one cluster; in a coroutine another thread does it */
int qcow2_write_compressed(Qcow2 *q, uint64_t offset, uint64_t bytes, const struct iovec *iov, int niov);

/* ---- qcow2.c ---- */
void qcow2_note_metadata(Qcow2 *q);     /* q->metadata follows the tables, after other tables became the active ones */

/* ---- qcow2-header.c ---- */
bool qcow2_header_read(Qcow2 *q, const BlockOpenOptions *o, Error **errp);
int qcow2_header_write(Qcow2 *q);
int qcow2_set_incompat(Qcow2 *q, uint64_t set, uint64_t clear); /* stable when it returns */
extern const uint8_t qcow2_feature_names[];
extern const size_t qcow2_feature_names_len;

/* ---- qcow2-snapshot.c ---- */
bool qcow2_snapshots_read(Qcow2 *q, Error **errp);
void qcow2_snapshots_free(Qcow2 *q);
bool qcow2_snapshot_create(BlockNode *n, const BlockSnapshot *s, Error **errp);
bool qcow2_snapshot_apply(BlockNode *n, const char *name_or_id, Error **errp);
bool qcow2_snapshot_delete(BlockNode *n, const char *name_or_id, Error **errp);
bool qcow2_snapshot_load(BlockNode *n, const char *id, const char *name, Error **errp);
unsigned qcow2_snapshot_list(BlockNode *n, BlockSnapshot **list);
int qcow2_vmstate_write(BlockNode *n, uint64_t offset, const void *buf, size_t len);
int qcow2_vmstate_read(BlockNode *n, const char *id, uint64_t offset, void *buf, size_t len);
int qcow2_vmstate_drop(BlockNode *n);
/* Tables behind the disk's end (a machine's state) are given up. */
int qcow2_drop_behind(Qcow2 *q, uint64_t disk_size);

/* ---- qcow2-counts.c ---- */
#define QCOW2_COUNTS_CHUNK  4096u
typedef struct Qcow2Counts {
    GHashTable *chunks;         /* cluster / QCOW2_COUNTS_CHUNK -> an array of counters */
    uint32_t *last;
    gint64 last_key;
} Qcow2Counts;

void qcow2_counts_init(Qcow2Counts *c);
void qcow2_counts_free(Qcow2Counts *c);
uint32_t *qcow2_counter(Qcow2Counts *c, uint64_t cluster);      /* made when there is none; valid until the next call */
uint32_t qcow2_counted(Qcow2Counts *c, uint64_t cluster);
GArray *qcow2_counts_chunks(const Qcow2Counts *c);              /* gint64: chunks with counters, smallest first */
uint64_t qcow2_counts_gap(Qcow2Counts *c, uint64_t from, uint64_t n);  /* the first of n that count nothing, in a row */

/* A refcount table and the width of its counts. */
typedef struct Qcow2Refs {
    uint64_t *entries, n_entries, offset;
    unsigned order;
} Qcow2Refs;

/*
 * Writes a refcount structure of used - freed (which may be NULL) where used counts nothing, behind cluster from; it
 * counts itself in used, and is stable. Nothing refers to it yet.
 */
int qcow2_write_refs(Qcow2 *q, Qcow2Counts *used, Qcow2Counts *freed, unsigned order, uint64_t from, Qcow2Refs *out);
Qcow2Refs qcow2_swap_refs(Qcow2 *q, Qcow2Refs new);     /* in memory: the caller owns what it gets */

/* ---- qcow2-draft.c: nothing is under way in the node; -EINVAL: a count would be too wide or below 0 ---- */
typedef struct Qcow2Draft {
    Qcow2 *q;
    Qcow2Counts used, freed;    /* used: by either state; freed: how many of these the new one does not have */
    uint64_t hint;              /* cluster from which on to look for single free ones */
    bool was_lazy;
    uint64_t *l1;               /* the new active table, owned, host byte order; COPIED bits are corrected */
    uint32_t l1_size;
    uint64_t l1_offset, disk_size;
    unsigned n_snapshots;
    uint64_t snapshots_offset, snapshots_bytes;
    Qcow2Refs refs;
} Qcow2Draft;

int qcow2_draft_begin(Qcow2 *q, Qcow2Draft *d);         /* qcow2_draft_end() in any case */
void qcow2_draft_end(Qcow2Draft *d);
/* All that entries from..to of an L1 table refer to counts one more or less. */
int qcow2_draft_count(Qcow2Draft *d, const uint64_t *l1, uint32_t from, uint32_t to, bool add);
int qcow2_draft_free(Qcow2Draft *d, uint64_t offset, uint64_t bytes);
int qcow2_draft_write(Qcow2Draft *d, const void *data, uint64_t bytes, uint64_t *offset);  /* to new clusters */
int qcow2_draft_write_l1(Qcow2Draft *d, const uint64_t *l1, uint32_t size, bool active, uint64_t *offset);
/* l1, l1_size, disk_size and what is of snapshots are set. 0: this is the image now; else it is the one it was. */
int qcow2_draft_commit(Qcow2Draft *d);

/* ---- qcow2-check.c, qcow2-create.c, qcow2-resize.c ---- */
bool qcow2_check(BlockNode *n, BlockCheck *c, unsigned fix, Error **errp);
/* Counts everything anew, with counts of 1 << order bits. */
int qcow2_rebuild_refcounts(Qcow2 *q, unsigned order);
bool qcow2_create(const char *filename, BlockDict *options, Error **errp);
bool qcow2_measure(BlockDict *options, uint64_t size, uint64_t data_bytes, uint64_t *required, uint64_t *full,
                   Error **errp);
extern const BlockCreateOption qcow2_create_options[];
bool qcow2_truncate(BlockNode *n, uint64_t size, BlockPrealloc prealloc, Error **errp);
bool qcow2_make_empty(BlockNode *n, Error **errp);
bool qcow2_amend(BlockNode *n, BlockDict *options, Error **errp);
bool qcow2_change_backing(BlockNode *n, const char *file, const char *format, Error **errp);

#endif
