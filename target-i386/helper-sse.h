/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MMX and SSE: the table of operations, and the helpers translated code calls for what is no vector operation.
 *
 * A row says what one encoding (prefix, map, opcode) is. Most are K_VEC: load the operand, run row->vec. Its fields
 * describe the host instruction to copy, which need not be the guest's: an MMX operation on lanes runs as the SSE2
 * one on the low half. Scalar operations are declared to write all 16 bytes, because a partial store followed by a
 * full load would cost the host a store-forwarding stall.
 */
#ifndef TARGET_I386_HELPER_SSE_H
#define TARGET_I386_HELPER_SSE_H

#include "target-i386/helper.h"
#include "target-i386/sse-fn.h"

typedef enum SseIsa {
    ISA_NONE, ISA_MMX, ISA_SSE, ISA_SSE2, ISA_SSE3, ISA_SSSE3, ISA_SSE41, ISA_SSE42, ISA_AES, ISA_PCLMUL,
    ISA_SHA, ISA_SSE4A, ISA__COUNT,
} SseIsa;

typedef enum SseKind {
    K_UD,
    K_VEC,          /* xmm op= xmm/m */
    K_MMX,          /* mm op= mm/m */
    K_PI2XMM,       /* xmm op= mm/m64 */
    K_XMM2PI,       /* mm := xmm/m */
    K_SHIFT_MMX, K_SHIFT_XMM,       /* group: count in the immediate */
    K_LOAD, K_LOAD_A, K_STORE, K_STORE_A,       /* 16 bytes; A: aligned */
    K_STORE_NT,     /* K_STORE_A, memory only */
    K_LOAD_NT,      /* MOVNTDQA */
    K_MOVSS_LD, K_MOVSS_ST,         /* MOVSS and MOVSD: row->mem bytes */
    K_MOVL_LD, K_MOVH_LD, K_MOVL_ST, K_MOVH_ST, /* MOVLPS and MOVHPS; the register forms MOVHLPS and MOVLHPS */
    K_MOVLPD_LD, K_MOVHPD_LD,       /* memory only */
    K_CVTSI, K_CVT2SI, K_COMIS, K_MOVMSK,       /* arg: see translate-sse.c */
    K_MOVD_TO_MM, K_MOVD_TO_XMM, K_MOVD_FROM_MM, K_MOVD_FROM_XMM,
    K_MOVQ_MM_LD, K_MOVQ_MM_ST, K_MOVNTQ, K_MOVQ_LD, K_MOVQ_ST, K_MOVQ2DQ, K_MOVDQ2Q,
    K_EMMS, K_STATE, K_XSAVEC, K_MOVNTI,
    K_PINSRW_MM, K_PEXTRW_MM, K_PINSRW, K_PEXTRW, K_PMOVMSKB_MM, K_PMOVMSKB, K_MASKMOV_MM, K_MASKMOV,
    K_PTEST, K_PEXTR, K_PINSR, K_INSERTPS, K_PCMPSTR,
    K_EXTRQ_I, K_EXTRQ, K_INSERTQ_I, K_INSERTQ, K_MOVNTS,   /* _I: length and index in the immediate */
    K__COUNT,
} SseKind;

typedef struct SseRow {
    IrVecOp vec;
    uint8_t kind;               /* SseKind */
    uint8_t isa;                /* SseIsa */
    uint8_t mem;                /* bytes of a memory operand; 16: must be aligned */
    bool fp;                    /* may raise SIMD floating-point exceptions */
    uint8_t arg;
} SseRow;

/* map 1..3; mandatory 0, 0x66, 0xf2, 0xf3. kind K_UD: no such instruction. */
const SseRow *sse_row(unsigned map, unsigned opcode, unsigned mandatory);
/* Groups 12 to 14 (0F 71..73): shifts by an immediate, PSRLDQ and PSLLDQ included. NULL: none. */
const IrVecOp *sse_shift_op(unsigned opcode, unsigned op3, bool mmx);
/* Operations that instructions with other operands are made of. */
extern const IrVecOp vec_mov128, vec_movq, vec_movlow, vec_movlow4, vec_movhigh, vec_movhlps, vec_pshufd, vec_insertps;
extern const IrVecOp vec_cvtsi2ss_q, vec_cvtsi2sd_q;        /* by function only: for the exact path */
extern const IrVecOp vec_get_d, vec_get_q, vec_pextrb, vec_pextrw, vec_pextrd, vec_pextrq;
extern const IrVecOp vec_movmskps, vec_movmskpd, vec_pmovmskb, vec_ptest, vec_cvt2si[];
extern const IrVecOp vec_put_d, vec_put_q, vec_pinsrb, vec_pinsrw, vec_pinsrd, vec_pinsrq, vec_cvtsi[2][2];

#define HELPERS_SSE(H)                                                                                 \
    /* the exact path for unmasked exceptions: IrVecOp *, offset of dst | offset of src << 32, immediate */ \
    H(sse_exact, void, RAISES, i64, i64, i32)                                                          \
    H(cvt2si_exact, i64, RAISES, i64 /*bits of the operand*/, i32 /*SseToInt*/)                        \
    H(comis_exact, i32, RAISES, i64, i64, i32 /*SseCompare*/)                                          \
    /* arguments that are offsets in the CPU state: of XMM or MMX registers */                         \
    H(pmovmskb_mm, i32, PURE, i32)                                                                     \
    H(maskmov, void, RAISES, i32 /*data*/, i32 /*mask*/, i32 /*8 or 16 bytes*/, i64 /*linear*/, i32 /*MMU mode*/) \
    /* PCMPxSTRx: a, b, imm | PCMPSTR_*, lengths. Result: index or mask in the low half, flags in the high one */ \
    H(pcmpstr, i64, PURE, i32, i32, i32, i64 /*length of a, signed*/, i64 /*of b*/)                    \
    H(pcmpstrm, void, PURE, i32 /*mask*/, i32 /*imm*/)      /* its mask to XMM0 */
HELPERS_SSE(HELPER_PROTO)

#define PCMPSTR_MASK     0x100u     /* give the mask, not an index */
#define PCMPSTR_IMPLICIT 0x200u     /* strings end at a zero element, the lengths do not count */

#endif
