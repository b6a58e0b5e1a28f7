/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Formats that are read only: one function says where a stretch of the disk is, the rest is common. Table entries are
 * read when they are needed, so the size of a table is never a question of memory.
 */
#ifndef BLOCK_TABLE_H
#define BLOCK_TABLE_H

#include "block/block.h"
#include "qemu/bitops.h"

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
/* Such formats refuse to be opened for writing. */
bool table_readonly(BlockNode *n, const BlockOpenOptions *o, Error **errp);

/* The two entries a driver needs, from its map function. */
#define TABLE_DRIVER(map)                                                                                       \
    static int map##_run(BlockNode *n, const BlockOp *op) { return table_run(n, op, map); }                     \
    static int map##_status(BlockNode *n, uint64_t offset, uint64_t bytes, BlockStatus *st)                     \
    { return table_status(n, offset, bytes, st, map); }

#endif
