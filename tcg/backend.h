/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A back end turns a finished operation list into code and runs it. Two exist: tcg/x86_64 (host code) and tcg/tci
 * (byte code for an interpreter). The block cache (translate-all.c) knows only this face.
 */
#ifndef TCG_BACKEND_H
#define TCG_BACKEND_H

#include "tcg-internal.h"

/* Where the back end finds things in the CPU state, and the C functions its slow paths call. */
typedef struct TcgEnvLayout {
    /* args: 8 words for helper arguments */
    size_t eip, exit_request, interrupt_request, mxcsr_host, mode_key, host_pc, host_sp, args;
    /* vector slots of 32 bytes: registers, then temporaries that are dead after an instruction */
    size_t vec;
    unsigned n_vec, n_vec_temps;    /* all of them (at most 24); how many of those are temporaries */
    size_t jc;                      /* JumpCacheEntry[JIT_JC_SIZE] */
    size_t tlb[4];                  /* per MMU mode: TlbEntry[JIT_TLB_SIZE] */
    uint64_t (*slow_ld)(void *env, uint64_t addr, uint32_t memop);
    void (*slow_st)(void *env, uint64_t addr, uint32_t memop, uint64_t val);
    void (*slow_ldv)(void *env, uint64_t addr, uint32_t memop, uint64_t dst_off);
    void (*slow_stv)(void *env, uint64_t addr, uint32_t memop, uint64_t src_off);
    uint64_t (*atomic_rmw)(void *env, uint64_t addr, uint64_t val, uint64_t memop_rmw);
    uint64_t (*atomic_cas)(void *env, uint64_t addr, uint64_t expected, uint64_t val, uint64_t memop);
    /*
     * Finds the block for the CPU's current eip and mode: code to run, or NULL to go back to the execution loop: also
     * when an exit is requested. May raise the fault of a computed jump: host_pc says whose.
     */
    const void *(*lookup)(void *env);
} TcgEnvLayout;

typedef struct TcgExit {            /* a chain exit of the generated code */
    uint32_t patch_off;             /* what tcg_backend_patch() changes */
    uint32_t stub_off;              /* its target while unchained */
    /* not 0: where it goes when it leads to its own block; it must not be chained to another */
    uint32_t loop_off;
    bool plain;                     /* of a failed gchk: leads to the block without shared checks */
} TcgExit;

typedef struct TcgRestore {         /* the return address of a slow path or call -> guest instruction */
    uint32_t code_off;
    int16_t eip_delta;              /* from the block's eip */
    int16_t next_delta;             /* a store that ends its instruction: eip of the next one; else 0 */
} TcgRestore;

typedef struct TcgOut {             /* a reference of the code to the back end's thunks */
    uint32_t code_off, to;
} TcgOut;
#define TCG_MAX_OUT (IR_MAX_OPS + 4 * IR_MAX_EXITS)
#define TCG_CODE_ALIGN 16           /* of a block's code, wherever it is */

typedef struct TcgCode {
    /* in */
    uint8_t *rw;                    /* where to write, TCG_CODE_ALIGN aligned: at first, of the caller's thread */
    const uint8_t *rx;              /* where the same is executed, once tcg_backend_place() has said so */
    size_t capacity;
    uint64_t eip;                   /* of the block */
    bool leave;                     /* every exit goes to the execution loop: the block runs once */
    uintptr_t cookies;              /* exit n returns cookies + n * cookie_stride from tcg_backend_run() */
    size_t cookie_stride;
    /* out */
    size_t size;
    unsigned n_restore, n_out;
    TcgExit exits[IR_MAX_EXITS];
    TcgRestore restore[IR_MAX_OPS]; /* ascending code_off */
    TcgOut out[TCG_MAX_OUT];
} TcgCode;

/* Gives globals their host registers (IrTempInfo.pin). Once, after the front end registered them. */
void tcg_backend_assign_pins(IrContext *ir);
/* Writes entry and exit thunks at the start of the buffer; returns bytes used. */
size_t tcg_backend_init(IrContext *ir, const TcgEnvLayout *layout, uint8_t *rw, const uint8_t *rx, size_t capacity);
/*
 * False when the code does not fit (out of space or out of spill slots: *too_complex). The list must have passed
 * liveness. What comes out can't run before it is placed. Any thread, with a context and code of its own.
 */
bool tcg_backend_generate(IrContext *ir, TcgCode *code, bool *too_complex);
/* Copies it to where it will run: rw and rx are the two views of that place in the buffer, and become the code's. */
void tcg_backend_place(TcgCode *code, uint8_t *rw, const uint8_t *rx);
/* Redirects an exit; other threads may be running the code. */
void tcg_backend_patch(uint8_t *patch_rw, const uint8_t *patch_rx, const void *target_rx);
/* Runs code until it exits: the cookie of the chain exit taken, or 0. May not return when a helper unwinds. */
uintptr_t tcg_backend_run(void *env, const void *code);
/* After an unwind: restores host floating-point state that translated code had changed. */
void tcg_backend_unwound(void *env);
void tcg_backend_disassemble(const TcgCode *code, FILE *f);     /* -d out_asm */
extern const char tcg_backend_name[];

#endif
