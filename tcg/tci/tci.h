/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Byte code of the interpreter. Words of 32 bits; an instruction is
 *
 *     head                 opcode, types, condition and a 16-bit immediate, see TCI_HEAD
 *     a word per argument  results first: where the value is, see TCI_ARG_x
 *     tail                 what the operation needs besides: offsets, pointers (two words), branch distances
 *
 * Scalar operations keep their IrOpcode. Exits are taken apart: see the enumeration. A block's large constants follow
 * its code.
 */
#ifndef TCG_TCI_H
#define TCG_TCI_H

#include "backend.h"
#include "exec/cpu-jit.h"

#define TCI_NUM_SLOTS 512

enum {
    TCI_STUB = IRO__COUNT,      /* tail: eip (2), cookie (2). Stores eip, leaves with the cookie */
    TCI_SKIP_UNLESS,            /* two operands; tail: words to skip unless the condition holds */
    /* imm: exit flags; tail: distance in bytes from itself to the target (patched), eip (2) */
    TCI_CHAIN,
    TCI_CROSS,                  /* imm: exit flags; tail: eip (2). Through the jump cache */
    TCI_END,                    /* of the code: the constants follow */
};

/* Where an argument is: low three bits kind, the rest an offset in bytes, or the value itself. */
enum {
    TCI_ARG_ENV64,              /* in the CPU state */
    TCI_ARG_ENV32,
    TCI_ARG_SLOT,               /* in the interpreter's frame */
    TCI_ARG_POOL,               /* in the constants behind the code, from the start of the block */
    TCI_ARG_IMM,                /* signed 29 bits */
};

typedef struct TciHead {
    uint8_t opc;
    bool is64, cmp64;
    uint8_t cond;               /* IrCond; IrRmw of an atomic_rmw; numbers of arguments of a call */
    /*
     * Field position and length, memop, exit flags (exit_jump: 1 = to the loop; exit_loop: 1 = look up first), IrExt,
     * immediate of a vec, types of a call's arguments.
     */
    uint16_t imm;
} TciHead;

#define TCI_CALL_COND(nout, nin) ((nout) << 3 | (nin))
#define TCI_CALL_NIN(h) ((h).cond & 7u)
#define TCI_CALL_NOUT(h) ((unsigned)(h).cond >> 3)

static inline uint32_t tci_pack(TciHead h)
{
    return h.opc | (uint32_t)h.is64 << 8 | (uint32_t)h.cmp64 << 9 | (uint32_t)h.cond << 12 | (uint32_t)h.imm << 16;
}

static inline TciHead tci_unpack(uint32_t w)
{
    return (TciHead) { .opc = w & 0xff, .is64 = w >> 8 & 1, .cmp64 = w >> 9 & 1, .cond = w >> 12 & 15,
        .imm = (uint16_t)(w >> 16) };
}

extern TcgEnvLayout tci_layout;

uint64_t tci_call(const IrHelper *h, unsigned types, void *env, const uint64_t *args);      /* call.c */
uintptr_t tci_run(uint8_t *env, const uint32_t *code);                                       /* run.c */
void tci_print(const TcgCode *code, FILE *f);                                                /* print.c */

#endif
