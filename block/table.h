/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Formats that are a table of blocks: one function says where a stretch of the disk is, the rest is common. Table
 * entries are read when they are needed, so the size of a table is never a question of memory. Those that can be
 * written have two more functions (TableWriter); the others refuse to be.
 */
#ifndef BLOCK_TABLE_H
#define BLOCK_TABLE_H

#include "block/block.h"
#include "qemu/bitops.h"
#include "qemu/coroutine.h"

typedef struct TableExtent {
    enum { TABLE_ZERO, TABLE_BACKING, TABLE_DATA, TABLE_PACKED } kind;
    uint64_t bytes;             /* from the offset asked for, at least 1; the caller cuts it to size */
    BlockNode *file;            /* NULL: n->file */
    uint64_t host;              /* DATA: of the first byte; PACKED: of the packed bytes */
    uint32_t packed_len;        /* PACKED: bytes in the file */
    uint32_t unpacked_len, skip;    /* what they become, and where in that the offset is */
    bool zlib_header;
} TableExtent;

typedef int TableMapFn(BlockNode *n, uint64_t offset, TableExtent *e);

int table_run(BlockNode *n, const BlockOp *op, TableMapFn *map);
int table_status(BlockNode *n, uint64_t offset, uint64_t bytes, BlockStatus *st, TableMapFn *map);
int table_le32(BlockNode *file, uint64_t offset, uint32_t *out);
int table_be32(BlockNode *file, uint64_t offset, uint32_t *out);
int table_be64(BlockNode *file, uint64_t offset, uint64_t *out);
/* Blocks that lie behind the end of their file, or that share bytes with others. Nothing can be repaired. */
bool table_check(BlockNode *n, BlockCheck *c, unsigned fix, TableMapFn *map, Error **errp);
/* Such formats refuse to be opened for writing. */
bool table_readonly(BlockNode *n, const BlockOpenOptions *o, Error **errp);

/* ---- writing ---- */

typedef struct TableBlock {
    BlockNode *file;            /* n->file unless place() says otherwise */
    uint64_t start, bytes;      /* of the disk */
    uint64_t host;              /* where start will be, behind everything else: the file ends there, or zeros follow */
    uint64_t entry;             /* the driver's own: for link() */
} TableBlock;

typedef struct TableWriter {
    TableMapFn *map;
    int (*place)(BlockNode *n, uint64_t offset, TableBlock *b);     /* for the block with this offset, which has none */
    int (*link)(BlockNode *n, const TableBlock *b);                 /* its data is in place */
} TableWriter;

/* In place of table_run(). The lock is the node's own. */
int table_run_rw(BlockNode *n, const BlockOp *op, const TableWriter *w, CoMutex *lock);

/* For create(): a new, empty file; NULL: error. table_created() flushes and closes it; ret: of writing it. */
BlockNode *table_create(const char *filename, Error **errp);
bool table_created(BlockNode *file, int ret, Error **errp);
void table_uuid(uint8_t *uuid);                                     /* 16 random bytes */

/* The two entries a driver that reads needs, from its map function. */
#define TABLE_DRIVER(map)                                                                                       \
    static int map##_run(BlockNode *n, const BlockOp *op) { return table_run(n, op, map); }                     \
    static int map##_status(BlockNode *n, uint64_t offset, uint64_t bytes, BlockStatus *st)                     \
    { return table_status(n, offset, bytes, st, map); }

/* The same for one that writes; type is its state, with a CoMutex lock. */
#define TABLE_RW_DRIVER(map, place, link, type)                                                                 \
    static int map##_run(BlockNode *n, const BlockOp *op)                                                       \
    {                                                                                                           \
        static const TableWriter writer = { map, place, link };                                                 \
                                                                                                                \
        return table_run_rw(n, op, &writer, &((type *)n->state)->lock);                                         \
    }                                                                                                           \
    static int map##_status(BlockNode *n, uint64_t offset, uint64_t bytes, BlockStatus *st)                     \
    { return table_status(n, offset, bytes, st, map); }

#endif
