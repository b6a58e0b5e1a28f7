/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the block cache share: translate-all.c (translate, find, chain, drop) stands on tb-pages.c (which
 * blocks have bytes in a page of RAM, and who stores there) and tb-buffer.c (where their code lies). One lock guards
 * all of it. Functions here want it held unless they say otherwise.
 */
#ifndef EXEC_TB_INTERNAL_H
#define EXEC_TB_INTERNAL_H

#include "exec/translate-all.h"
#include "tcg/backend.h"

typedef struct TbExit {
    TranslationBlock *tb;               /* the block it belongs to */
    TranslationBlock *target;           /* chained to, or NULL */
    struct TbExit *next_in;             /* list of exits chained to target */
    uint32_t patch_off, stub_off, loop_off;
    bool plain;                         /* to the variant of the successor without shared checks */
} TbExit;

struct TranslationBlock {
    uint64_t eip, mode_key;
    ram_addr_t ram_addr;                /* of the first byte; ~0: not RAM, runs once */
    ram_addr_t page[2];                 /* pages it has bytes in; ~0 none */
    uint16_t lo[2], hi[2];              /* bytes [lo, hi) in each page */
    TranslationBlock *next_in_page[2], **link_in_page[2];       /* link: what points here; NULL: in no list */
    TranslationBlock *next_hit;         /* tb_pages_hit() */
    TranslationBlock *hash_next;
    uint8_t *rw;
    const uint8_t *rx;
    uint32_t size;
    TbExit *incoming;
    TbExit *exits;
    TcgRestore *restore;
    uint32_t n_restore;
    uint16_t n_exits, n_insns, guest_bytes;
    bool invalid, plain;
    uint8_t n_soft;
    SoftBytes soft[MAX_SOFT];           /* of its first page: stores within one of them are none of its business */
    const CPUX86State *owner;           /* of a block that runs once */
};

/*
 * The lock. Recursive: setting an accessed bit in a page table that holds code comes back here. A fetch fault may
 * unwind with it held; cpu_exec() then calls tb_unwound().
 */
void tb_lock(void);
void tb_unlock(void);
unsigned tb_locks_held(void);           /* by this thread */

void tb_free(TranslationBlock *tb);

/* ---- tb-pages.c ---- */

/* Into the lists of its pages, whose bytes are marked as code, and out of them. */
void tb_pages_add(TranslationBlock *tb);
void tb_pages_remove(TranslationBlock *tb);
/*
 * A store to [lo, hi) of the page: the blocks that it concerns, out of the page's list, as a list by next_hit. The
 * caller drops them. Translations under way that read the page learn of it.
 */
TranslationBlock *tb_pages_hit(ram_addr_t page, unsigned lo, unsigned hi);
/* The store has been dealt with: if no block is left the page may become data again. */
void tb_pages_settle(ram_addr_t page);
/* Without the lock: a store there concerns neither a block nor a translation under way. May be false for less. */
bool tb_pages_quiet(ram_addr_t page, unsigned lo, unsigned hi);
/*
 * Stores to the page must reach us before its bytes are read. The lock may be given up meanwhile: true.
 */
bool tb_pages_protect(ram_addr_t page);

/* A translation that reads bytes without the lock: stores to its pages in the meantime are noted here. */
typedef struct TbFlight {
    ram_addr_t page[2];                 /* ~0: none */
    uint16_t lo[2], hi[2];              /* what was stored to lies within [lo, hi) */
    bool active;
    struct TbFlight *next;
} TbFlight;

void tb_flight_start(TbFlight *f, ram_addr_t first, ram_addr_t second);     /* ~0: none */
void tb_flight_end(TbFlight *f);                                    /* nothing if it isn't active */
bool tb_flight_spoilt(const TbFlight *f, const TranslationBlock *tb);       /* a byte of the block was stored to */

/* A store of so many bytes has taken blocks away: see is_soft of TranslateRequest. */
void tb_note_overwritten(ram_addr_t addr, unsigned len);
/* is_soft; opaque: a ram_addr_t, the page. Without the lock. */
bool tb_is_soft(const void *opaque, unsigned lo, unsigned hi);

/* ---- tb-buffer.c ---- */

#define TB_MAX_CODE (64 * KiB)          /* a block's code is smaller */

/* size: bytes, at least 4 MiB; up to max if it turns out too small. Its first bytes go to the back end's thunks. */
bool tb_buffer_init(size_t size, size_t max, IrContext *ir, const TcgEnvLayout *layout, Error **errp);
bool tb_buffer_has_room(size_t size);
/*
 * Blocks of the region whose turn is next. The caller drops them, in an exclusive section if there are any, and calls
 * tb_buffer_advance(), which frees them; it may take several turns until there is room.
 */
const GPtrArray *tb_buffer_next(void);
void tb_buffer_advance(void);
unsigned tb_buffer_turns(void);         /* how often that was called */
/* Places the code and adds the block, whose rw, rx, size and restore it sets. There must be room. */
void tb_buffer_add(TranslationBlock *tb, TcgCode *code);
/* The block added last, NULL if there is none; takes it back and frees it. */
TranslationBlock *tb_buffer_last(void);
void tb_buffer_take_back(void);
/* All regions, one after the other; NULL behind the last. Then all blocks are freed, whom the caller has dropped. */
const GPtrArray *tb_buffer_blocks(unsigned region);
void tb_buffer_clear(void);
/* The block whose code a return address belongs to, or NULL; and what it says of that address, or NULL. */
TranslationBlock *tb_of_host_pc(uint64_t host_pc);
const TcgRestore *tb_restore_find(uint64_t host_pc, const TranslationBlock **tb);
void tb_buffer_print(GString *out);     /* for info jit */

#endif
