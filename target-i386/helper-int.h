/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Helpers of the integer front end: what the IR has no operation for. Rows as in helper-sys.h.
 * PURE ones touch nothing but their arguments, so that unused results cost nothing.
 */
#ifndef TARGET_I386_HELPER_INT_H
#define TARGET_I386_HELPER_INT_H

#include "target-i386/helper.h"

#define HELPERS_INT(H)                                                                                        \
    /* flags.c */                                                                                             \
    H(cc_compute, i32, PURE, i64 /*dst*/, i64 /*src*/, i64 /*src2*/, i64 /*inc*/, i32 /*cc_op*/)    /* CC_ALL bits */ \
    /* int-helpers.c: quotient in the low half of the result, remainder in the high half */                   \
    H(div8, i32, RAISES, i32 /*AX*/, i32) H(idiv8, i32, RAISES, i32, i32)                                     \
    H(div16, i32, RAISES, i32 /*DX:AX*/, i32) H(idiv16, i32, RAISES, i32, i32)                                \
    H(div32, i64, RAISES, i64 /*EDX:EAX*/, i32) H(idiv32, i64, RAISES, i64, i32)                              \
    H(div64, i64, RAISES, i64 /*RDX*/, i64 /*RAX*/, i64)        /* quotient; the remainder is in vec_t0.q[0] */ \
    H(idiv64, i64, RAISES, i64, i64, i64)                                                                     \
    H(rcl, i64, PURE, i64 /*value*/, i32 /*masked count*/, i32 /*bytes*/, i32 /*C*/)                          \
    H(rcr, i64, PURE, i64, i32, i32, i32)                                                                     \
    H(rcl_flags, i32, PURE, i64 /*value*/, i32 /*masked count*/, i32 /*bytes*/, i32 /*old flags*/)            \
    H(rcr_flags, i32, PURE, i64, i32, i32, i32)                                                               \
    H(bcd, i32, PURE, i32 /*opcode | imm << 8*/, i32 /*AX*/, i32 /*old flags*/) /* AX | flags << 16 */        \
    H(crc32, i32, PURE, i32 /*crc*/, i64 /*value*/, i32 /*bytes*/)                                            \
    H(pdep, i64, PURE, i64 /*source*/, i64 /*mask*/) H(pext, i64, PURE, i64, i64)                             \
    H(cmpxchg16b, void, RAISES | IR_CALL_WRITES, i64 /*linear*/)                                              \
    H(end_shadow, void, WRITES)                 /* the instruction after STI, MOV SS: drop shadow and RF */   \
    H(start_shadow, void, WRITES)               /* MOV SS, POP SS */                                          \
    H(cs_limit_changed, void, RAISES | IR_CALL_NORETURN, i64 /*eip*/)   /* block made for another CS limit */ \
    /* string-helpers.c: how packs operand and address size, segment and repeat kind (STRING_*) */            \
    H(rep_movs, void, RAISES | IR_CALL_WRITES, i32 /*how*/)                                                   \
    H(rep_stos, void, RAISES | IR_CALL_WRITES, i32) H(rep_lods, void, RAISES | IR_CALL_WRITES, i32)           \
    H(rep_cmps, void, RAISES | IR_CALL_WRITES, i32) H(rep_scas, void, RAISES | IR_CALL_WRITES, i32)           \
    H(rep_ins, void, RAISES | IR_CALL_WRITES, i32) H(rep_outs, void, RAISES | IR_CALL_WRITES, i32)            \
    H(probe_write, void, RAISES, i64 /*linear*/, i32 /*bytes*/, i32 /*MMU mode*/)

HELPERS_INT(HELPER_PROTO)

/* The argument "how" of the string helpers. */
#define STRING_SIZE(how)   (1u << ((how) & 3))
#define STRING_ASIZE(how)  (1u << ((how) >> 2 & 3))     /* 2, 4, 8 */
#define STRING_SEG(how)    ((how) >> 4 & 7)             /* of the source */
#define STRING_REPNE       (1u << 7)
#define STRING_STEP        (1u << 8)                    /* TF: one element at a time */
#define STRING_ONCE        (1u << 9)                    /* no REP prefix: exactly one element, count untouched */
#define STRING_CHECK_IO    (1u << 10)

#endif
