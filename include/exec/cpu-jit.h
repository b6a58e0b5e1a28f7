/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The part of a guest CPU's state that translated code and the execution loop share, whatever the guest is:
 * software TLB, jump cache, exit request. Layout is known to the back ends (tcg/): docs/tcg.md, "TLB layout".
 */
#ifndef EXEC_CPU_JIT_H
#define EXEC_CPU_JIT_H

#include "qemu/osdep.h"
#include "exec/ram.h"

#define JIT_NB_MMU      3
#define JIT_TLB_BITS    11
#define JIT_TLB_SIZE    (1u << JIT_TLB_BITS)
#define JIT_JC_BITS     12
#define JIT_JC_SIZE     (1u << JIT_JC_BITS)
#define JIT_JC_PAGE_BITS 4096u
#define JIT_ENV_BIAS    128         /* the host register points here in the CPU state */

/*
 * Tags are page addresses. addr ^ tag is the offset in the page on a hit, and larger than a page on a miss; one
 * unsigned compare against PAGE_SIZE - size covers the miss and the access that crosses the page.
 * A tag that must never match (entry unused, access not allowed, or every access wants the slow path: I/O, code,
 * watchpoint) is a page of the neighbouring index, which no address that selects this entry can equal.
 */
#define JIT_TLB_NEVER(page) (((page) & TARGET_PAGE_MASK) ^ TARGET_PAGE_SIZE)
#define JIT_NO_PAGE         (~0ull)     /* TlbFull.page of an unused entry: no page address */
typedef struct TlbEntry {
    uint64_t read, write, code;
    uintptr_t host;                 /* host address of the page's first byte; RAM only */
} TlbEntry;
/* What the slow path needs to know; same index as the entry. */
typedef struct TlbFull {
    uint64_t page;                  /* linear page, JIT_NO_PAGE when unused */
    hwaddr phys;
    ram_addr_t ram_addr;            /* ~0 when not RAM */
    uint8_t prot;                   /* PROT_R/W/X */
    uint8_t page_bits;              /* log2 of the size of the page it is a piece of */
    bool global, io, rom;
    bool watched;                   /* a data breakpoint lies in it: every load and store is looked at */
} TlbFull;

/*
 * Filled slots of a table, so that a flush walks these and not the table: those an address-space switch drops, and
 * those it keeps. A slot whose kind changes is in both lists until they are walked; its state tells what it is now.
 */
enum { JIT_LOCAL, JIT_GLOBAL, JIT_SCOPES };
#define SLOT_LISTED(scope)  (1u << (scope))
#define SLOT_IS_GLOBAL      4u
#define SLOT_LOG_SIZE       (JIT_NB_MMU * JIT_TLB_SIZE)
typedef struct SlotLog {
    uint16_t list[JIT_SCOPES][SLOT_LOG_SIZE];
    uint32_t len[JIT_SCOPES];
    uint8_t state[SLOT_LOG_SIZE];
} SlotLog;

static inline void slot_log_add(SlotLog *l, unsigned slot, bool global)
{
    unsigned scope = global ? JIT_GLOBAL : JIT_LOCAL, listed = l->state[slot] & ~SLOT_IS_GLOBAL;

    if (!(listed & SLOT_LISTED(scope))) {
        l->list[scope][l->len[scope]++] = (uint16_t)slot;
    }
    l->state[slot] = (uint8_t)(listed | SLOT_LISTED(scope) | (global ? SLOT_IS_GLOBAL : 0));
}

typedef struct JumpCacheEntry {
    uint64_t eip, mode_key;
    const void *code;
    void *tb;
} JumpCacheEntry;

typedef struct CpuJit {
    int32_t exit_request;           /* atomic: leave translated code at the next loop */
    uint32_t mxcsr_host;            /* what the host's MXCSR holds while translated code runs */
    uint64_t mode_key;
    /* return address of the slow path or helper being run: finds the guest instruction */
    uint64_t host_pc;
    uint64_t host_sp;               /* stack of the entry thunk */
    /* rarely touched from here on */
    uint64_t args[8];               /* of the helper being called */
    uint64_t frame[64];             /* spill area of the interpreter back end */
    JumpCacheEntry jc[JIT_JC_SIZE] QEMU_ALIGNED(64);
    TlbEntry tlb[JIT_NB_MMU][JIT_TLB_SIZE] QEMU_ALIGNED(64);
    TlbFull tlb_full[JIT_NB_MMU][JIT_TLB_SIZE];
    SlotLog tlb_log, jc_log;
    /*
     * What spares INVLPG the walks: covers all large pages filled, per half of the address space; mask 0: none.
     */
    struct { uint64_t base, mask; } tlb_large[JIT_SCOPES][2];
    uint64_t jc_pages[JIT_SCOPES][JIT_JC_PAGE_BITS / 64];   /* Bloom filters: pages with jump-cache entries */
    bool tlb_ready;                 /* tables were initialised */
    bool smc_leave;                 /* the store under way overwrites the running block and ends its instruction */
    uint64_t smc_next;              /* eip after it */
    bool smc_single;                /* the next block is one instruction: it stores into code that was running */
    /* REP MOVS, STOS or INS stores: it goes on as what it was, its block ends behind it */
    bool smc_repeat;
    uint64_t stat_tlb_miss, stat_slow, stat_jc_miss, stat_lookup, stat_io, stat_flush, stat_flush_page, stat_smc;
} CpuJit;

#endif
