/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The block cache: translate, find, chain, invalidate, evict. Translation lock inside; look-ups are lock free.
 */
#ifndef EXEC_TRANSLATE_ALL_H
#define EXEC_TRANSLATE_ALL_H

#include "exec/cpu-jit.h"
#include "qemu/error.h"
#include "tcg/ir.h"

typedef struct CPUX86State CPUX86State;
typedef struct TranslationBlock TranslationBlock;

extern bool tcg_opt_singlestep, tcg_opt_nochain;    /* -singlestep, -d nochain */
extern bool tcg_opt_no_passes;                      /* tests: translate without optimising */
extern uint64_t tcg_opt_buffer_size;                /* -accel tcg,tb-size= MiB; 0: 32 MiB, and more when needed */

bool tcg_init(Error **errp);                        /* code buffer, back end, front end's globals */
void tcg_print_stats(GString *out);                 /* info jit, -d jitstats */

/* RAM [start, end) was or will be written behind the TLB's back: drop the blocks in it. Any thread. */
void tb_invalidate_phys_range(ram_addr_t start, ram_addr_t end);
void tb_flush_all(void);

/* ---- between the execution loop, the TLB and the block cache ---- */
/*
 * The block for the CPU's eip and mode; NULL when it is not translated yet. May raise a fetch fault. Fills the jump
 * cache.
 */
/* plain: the variant without shared TLB checks, which runs where such a check has failed (tcg/share.c). */
TranslationBlock *tb_find(CPUX86State *env, bool plain);
TranslationBlock *tb_generate(CPUX86State *env, bool plain);    /* translates it; may raise */
bool tb_exit_is_plain(uintptr_t cookie);            /* that exit leads to the plain variant; cookie may be 0 */
void tb_unwound(void);                              /* a fault unwound out of translation */
const void *tb_code(const TranslationBlock *tb);
uint64_t tb_eip(const TranslationBlock *tb);
/* cookie: what tcg_backend_run() returned. Makes that exit jump to tb from now on. */
void tb_chain(uintptr_t cookie, TranslationBlock *tb);
/* EIP of the guest instruction that host_pc (a return address in generated code) belongs to. */
bool tb_restore_eip(uint64_t host_pc, uint64_t *eip);
/* The same for a store that is the last act of its instruction: EIP of the next one. False when it is not. */
bool tb_eip_after_store(uint64_t host_pc, uint64_t *eip);
/*
 * Translated code at host_pc stores to [addr, addr + len): drops the blocks there. True when the block at host_pc is
 * one of them: the store must be restarted in a block of its own.
 */
bool tb_invalidate_for_store(ram_addr_t addr, unsigned len, uint64_t host_pc);
/*
 * Without the lock: no block has these bytes of a protected page, nobody is translating there, and the page stays
 * protected. To be asked once more when the bytes have changed.
 */
bool tb_no_code_at(ram_addr_t addr, unsigned len);
/* cputlb.c's part of code protection: the listener of ram_code_protect(). */
void tlb_write_protect(ram_addr_t start, uint64_t len);
/*
 * Set by it: a vCPU that is running now could store to the pages without a slow path until then. The caller clears it.
 */
extern __thread bool tlb_write_rights_taken;
/* Physical RAM address of the code at a linear address: -1 when it is no RAM. Raises the fetch fault. */
ram_addr_t tlb_code_ram_addr(CPUX86State *env, vaddr addr, bool *global);
/* The page of RAM with that code if the TLB knows it: else, and when it is no RAM, -1. */
ram_addr_t tlb_code_ram_page(CPUX86State *env, vaddr addr);
/* Jump cache of one vCPU. */
void jc_note(CPUX86State *env, unsigned slot, vaddr addr, bool global);     /* is about to be filled for this address */
static inline unsigned jc_index(uint64_t eip) { return ((uint32_t)eip >> 12 ^ (uint32_t)eip) & (JIT_JC_SIZE - 1); }

/* ---- the seam to the guest front end (implemented in target-i386/) ---- */
typedef struct TranslateRequest {
    CPUX86State *env;
    IrContext *ir;
    uint64_t eip;               /* offset in CS of the first instruction */
    uint64_t mode_key;          /* key | cs_base << 32 */
    unsigned max_insns;         /* >= 1 */
    /* Are the bytes of an immediate (offsets in the first page) stored to again and again? NULL: none are. */
    bool (*is_soft)(const void *opaque, unsigned lo, unsigned hi);
    const void *opaque;
} TranslateRequest;
#define MAX_SOFT 4
typedef struct SoftBytes {
    uint16_t lo, hi;            /* [lo, hi) in the block's first page */
} SoftBytes;
typedef struct TranslateResult {
    unsigned n_insns;
    uint64_t lo, hi;            /* linear address range [lo, hi) of all guest bytes decoded */
    unsigned guest_bytes;
    unsigned n_soft;
    SoftBytes soft[MAX_SOFT];   /* immediates that the block reads from memory as it runs */
} TranslateResult;
/*
 * Emits IR for one block. Fetch faults at the first instruction raise; later ones end the block before that
 * instruction.
 */
void x86_translate_block(const TranslateRequest *rq, TranslateResult *res);
void x86_translate_init(IrContext *ir);             /* registers the globals */

#endif
