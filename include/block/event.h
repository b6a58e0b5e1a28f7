/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Points in the work of a format that blkdebug's rules can name. A format says "this comes now" to the node below it
 * with block_event(); only blkdebug listens. The names are those users of such rules know.
 */
#ifndef BLOCK_EVENT_H
#define BLOCK_EVENT_H

#define BLOCK_EVENTS(X)                                                                                         \
    X(L1_UPDATE, "l1_update") X(L1_GROW_ALLOC_TABLE, "l1_grow_alloc_table")                                     \
    X(L1_GROW_WRITE_TABLE, "l1_grow_write_table") X(L1_GROW_ACTIVATE_TABLE, "l1_grow_activate_table")           \
    X(L2_LOAD, "l2_load") X(L2_UPDATE, "l2_update") X(L2_ALLOC_WRITE, "l2_alloc_write")                         \
    X(READ_AIO, "read_aio") X(READ_BACKING_AIO, "read_backing_aio") X(READ_COMPRESSED, "read_compressed")       \
    X(WRITE_AIO, "write_aio") X(WRITE_COMPRESSED, "write_compressed")                                           \
    X(COW_READ, "cow_read") X(COW_WRITE, "cow_write")                                                           \
    X(REFTABLE_LOAD, "reftable_load") X(REFTABLE_GROW, "reftable_grow") X(REFTABLE_UPDATE, "reftable_update")   \
    X(REFBLOCK_LOAD, "refblock_load") X(REFBLOCK_UPDATE, "refblock_update") X(REFBLOCK_ALLOC, "refblock_alloc") \
    X(REFBLOCK_ALLOC_WRITE_BLOCKS, "refblock_alloc_write_blocks")                                               \
    X(REFBLOCK_ALLOC_WRITE_TABLE, "refblock_alloc_write_table")                                                 \
    X(REFBLOCK_ALLOC_SWITCH_TABLE, "refblock_alloc_switch_table")                                               \
    X(CLUSTER_ALLOC, "cluster_alloc") X(CLUSTER_ALLOC_BYTES, "cluster_alloc_bytes")                             \
    X(CLUSTER_FREE, "cluster_free") X(FLUSH_TO_OS, "flush_to_os") X(FLUSH_TO_DISK, "flush_to_disk")             \
    X(PWRITEV, "pwritev") X(PWRITEV_ZERO, "pwritev_zero") X(PWRITEV_DONE, "pwritev_done") X(NONE, "none")

#define BLOCK_EVENT_ENUM(id, name) BLOCK_EVENT_##id,
typedef enum BlockEvent { BLOCK_EVENTS(BLOCK_EVENT_ENUM) BLOCK_EVENT__COUNT } BlockEvent;

#endif
