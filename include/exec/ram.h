/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RAM blocks: mmap()ed host memory in one flat ram_addr_t space, and a dirty bitmap per client with a bit per page.
 * A page whose DIRTY_CODE bit is clear holds translations: stores to it take the slow path of the TLB.
 */
#ifndef EXEC_RAM_H
#define EXEC_RAM_H

#include "qemu/error.h"

#define TARGET_PAGE_BITS 12
#define TARGET_PAGE_SIZE (1u << TARGET_PAGE_BITS)
#define TARGET_PAGE_MASK (~(uint64_t)(TARGET_PAGE_SIZE - 1))
#define RAM_SPACE_MAX (4096 * GiB)  /* of the flat space; what the bitmaps are reserved for */

typedef enum DirtyClient { DIRTY_VGA, DIRTY_CODE, DIRTY_MIGRATION, DIRTY__COUNT } DirtyClient;

typedef struct RamBlock {
    char *name;
    uint8_t *host;              /* mmap, lazily filled, MADV_HUGEPAGE */
    ram_addr_t offset;          /* page aligned, in the flat space */
    uint64_t size;              /* page aligned */
    bool idle;                  /* freed: empty, without a name, waits for somebody who wants that size */
    struct RamBlock *next;
} RamBlock;

/* Zeros. Big lock held once vCPUs run, as for the next one. */
RamBlock *ram_block_new(const char *name, uint64_t size, Error **errp);
/*
 * Gives the memory back to the host. Neither the block nor its addresses vanish: a vCPU that has not flushed its TLB
 * yet, or a disk's transfer that is under way, finds memory there that means nothing.
 */
void ram_block_free(RamBlock *rb);
RamBlock *ram_block_next(RamBlock *rb);             /* in use, by address; NULL: the first; NULL at the end */
#define RAM_BLOCK_FOREACH(rb) for (RamBlock *rb = ram_block_next(NULL); rb; rb = ram_block_next(rb))
RamBlock *ram_block_from_addr(ram_addr_t addr);     /* NULL when none; idle ones too */
uint8_t *ram_ptr(ram_addr_t addr);
bool ram_dirty_get(ram_addr_t addr, DirtyClient c);             /* page of addr */
bool ram_dirty_test_and_clear(ram_addr_t addr, uint64_t len, DirtyClient c);
/* The same for many pages at once: bit n of bits[] is page n. addr is a multiple of 64 pages; true: some were dirty. */
bool ram_dirty_take(ram_addr_t addr, uint64_t len, DirtyClient c, uint64_t *bits);
void ram_dirty_set(ram_addr_t addr, uint64_t len);              /* all clients but DIRTY_CODE */
/* After a device has stored to its own RAM without address_space_write(): translations go, pages become dirty. */
void ram_written(ram_addr_t addr, uint64_t len);
bool ram_dirty_get_all(ram_addr_t addr);                        /* true: no client waits for a store to this page */
/*
 * fn runs, in any thread, after bits of [start, start + len) were cleared: from then on a store to these pages must
 * reach ram_dirty_set() (or, for DIRTY_CODE, the translator). The software TLB hooks in here. One listener.
 */
void ram_dirty_set_listener(void (*fn)(ram_addr_t start, uint64_t len));
/* DIRTY_CODE is the translator's: protect clears the bit (and makes every vCPU's TLB entry slow), unprotect sets it. */
void ram_code_protect(ram_addr_t page);
void ram_code_unprotect(ram_addr_t page);
static inline bool ram_page_has_code(ram_addr_t addr) { return !ram_dirty_get(addr, DIRTY_CODE); }

#endif
