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
extern uint64_t tcg_opt_buffer_size;                /* -accel tcg,tb-size= MiB; 0: default 32 MiB */

bool tcg_init(Error **errp);                        /* code buffer, back end, front end's globals */
void tcg_print_stats(GString *out);                 /* info jit, -d jitstats */

/* RAM [start, end) was or will be written behind the TLB's back: drop the blocks in it. Any thread. */
void tb_invalidate_phys_range(ram_addr_t start, ram_addr_t end);
void tb_flush_all(void);

/* ---- the seam to the guest front end (implemented in target-i386/) ---- */
typedef struct TranslateRequest {
    CPUX86State *env;
    IrContext *ir;
    uint64_t eip;               /* offset in CS of the first instruction */
    uint64_t mode_key;          /* key | cs_base << 32 */
    unsigned max_insns;         /* >= 1 */
} TranslateRequest;
typedef struct TranslateResult {
    unsigned n_insns;
    uint64_t lo, hi;            /* linear address range [lo, hi) of all guest bytes decoded */
    unsigned guest_bytes;
} TranslateResult;
/* Emits IR for one block. Fetch faults at the first instruction raise; later ones end the block before that instruction. */
void x86_translate_block(const TranslateRequest *rq, TranslateResult *res);
void x86_translate_init(IrContext *ir);             /* registers the globals */

#endif
