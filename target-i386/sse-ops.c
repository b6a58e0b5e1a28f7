/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of MMX and SSE operations (helper-sse.h says what a row means).
 *
 * Follows: SDM vol. 2D, appendix A, tables and group tables. Columns are the mandatory prefixes: none,
 * 66, F3, F2. VEX forms use the same operations (translate-avx.c). Left out: 3DNow!.
 */
#include "qemu/osdep.h"
#include "target-i386/helper-sse.h"

enum { P_NONE, P_66, P_F3, P_F2, P__COUNT };

/* CPUID requirement of the host instruction */
#define HOST_SSE  IR_VEC_SSE2
#define HOST_SSE2 IR_VEC_SSE2
#define HOST_SSE3 IR_VEC_SSE3
#define HOST_SSSE3 IR_VEC_SSSE3
#define HOST_SSE41 IR_VEC_SSE41
#define HOST_SSE42 IR_VEC_SSE42
#define HOST_AES IR_VEC_AES
#define HOST_PCLMUL IR_VEC_PCLMUL
#define HOST_MMX IR_VEC_SSE2
#define HOST_SHA IR_VEC_SHA

#define VEC(n, p, m, o, sbytes, host, ...)                                                             \
    { .name = #n, .prefix = p, .map = m, .opcode = o, .src_bytes = sbytes, .dst_bytes = 16, .host_feature = host, \
      .fn = fn_##n, ##__VA_ARGS__ }
#define ROW_OF(i, membytes, vecop, ...) { .vec = vecop, .kind = K_VEC, .isa = ISA_##i, .mem = membytes, ##__VA_ARGS__ }
/* The VEX form of 256 bits (avx-ops.c): integers came with AVX2, floating point with AVX; n bytes of source. */
#define I256 .src_bytes256 = 32, .host_feature256 = IR_VEC_AVX2
#define F256 .src_bytes256 = 32, .host_feature256 = IR_VEC_AVX
#define N256(n, i) .src_bytes256 = n, .host_feature256 = IR_VEC_##i

/* 16 bytes with 16: X integers, F floating point that may raise, B its moves and logic; U: destination unread */
#define X(n, p, m, o, i)          ROW_OF(i, 16, VEC(n, p, m, o, 16, HOST_##i, I256))
#define X_U(n, p, m, o, i)        ROW_OF(i, 16, VEC(n, p, m, o, 16, HOST_##i, I256, .dst_unread = true))
#define X_I(n, p, m, o, i)        ROW_OF(i, 16, VEC(n, p, m, o, 16, HOST_##i, I256, .has_imm = true))
#define X_UI(n, p, m, o, i)                                                                                            \
    ROW_OF(i, 16, VEC(n, p, m, o, 16, HOST_##i, I256, .has_imm = true, .dst_unread = true))
#define B(n, p, m, o, i)          ROW_OF(i, 16, VEC(n, p, m, o, 16, HOST_##i, F256))
#define B_U(n, p, m, o, i)        ROW_OF(i, 16, VEC(n, p, m, o, 16, HOST_##i, F256, .dst_unread = true))
#define B_I(n, p, m, o, i, shift)                                                                                      \
    ROW_OF(i, 16, VEC(n, p, m, o, 16, HOST_##i, F256, .has_imm = true, .imm_shift256 = shift))
#define F(n, p, m, o, i)          ROW_OF(i, 16, VEC(n, p, m, o, 16, HOST_##i, F256), .fp = true)
#define F_U(n, p, m, o, i)        ROW_OF(i, 16, VEC(n, p, m, o, 16, HOST_##i, F256, .dst_unread = true), .fp = true)
#define F_I(n, p, m, o, i)        ROW_OF(i, 16, VEC(n, p, m, o, 16, HOST_##i, F256, .has_imm = true), .fp = true)
#define F_UI(n, p, m, o, i)                                                                            \
    ROW_OF(i, 16, VEC(n, p, m, o, 16, HOST_##i, F256, .has_imm = true, .dst_unread = true), .fp = true)
/* no form of 256 bits */
#define X_U128(n, p, m, o, i)     ROW_OF(i, 16, VEC(n, p, m, o, 16, HOST_##i, .dst_unread = true))
#define X_UI128(n, p, m, o, i)    ROW_OF(i, 16, VEC(n, p, m, o, 16, HOST_##i, .has_imm = true, .dst_unread = true))
/* VEX has 32 predicates, legacy encodings 8 */
#define CMP_P(n, p, m, o, i)                                                                           \
    ROW_OF(i, 16, VEC(n, p, m, o, 16, HOST_##i, F256, .has_imm = true, .vex = vex_##n), .fp = true)
#define CMP_S(n, p, m, o, i, b) \
    ROW_OF(i, b, VEC(n, p, m, o, b, HOST_##i, .has_imm = true, .vex = vex_##n), .fp = true)
#define SHA(n, m, o, ...)         ROW_OF(SHA, 16, VEC(n, 0, m, o, 16, IR_VEC_SHA, .no_vex = true, ##__VA_ARGS__))
/* 32 bytes become 16 with VEX.L: a function of its own */
#define F_NARROW(n, p, m, o, i)                                                                        \
    ROW_OF(i, 16, VEC(n, p, m, o, 16, HOST_##i, F256, .dst_unread = true, .vex = vex_##n), .fp = true)
/* a part of the source only: n bytes of it */
#define S(n, p, m, o, i, b)       ROW_OF(i, b, VEC(n, p, m, o, b, HOST_##i), .fp = true)
#define S_I(n, p, m, o, i, b)     ROW_OF(i, b, VEC(n, p, m, o, b, HOST_##i, .has_imm = true), .fp = true)
#define P(n, p, m, o, i, b)       ROW_OF(i, b, VEC(n, p, m, o, b, HOST_##i))
#define P_U(n, p, m, o, i, b, ...) ROW_OF(i, b, VEC(n, p, m, o, b, HOST_##i, .dst_unread = true, ##__VA_ARGS__))
#define PF_U(n, p, m, o, i, b, ...) \
    ROW_OF(i, b, VEC(n, p, m, o, b, HOST_##i, .dst_unread = true, ##__VA_ARGS__), .fp = true)
/* selected by the signs in XMM0; VEX has a register for that, which lets the host choose one */
#define BLENDV(n, o, i)           ROW_OF(i, 16, VEC(n, 0x66, 3, o, 16, IR_VEC_AVX, .c_is_first = true))

/* MMX. The host runs them as SSE2 (prefix 66) on the low 8 bytes, where that is the same (M), or calls fn (MC). */
#define MVEC(n, p, m, o, host, ...)                                                                    \
    { .name = #n, .prefix = p, .map = m, .opcode = o, .src_bytes = 8, .dst_bytes = 8, .host_feature = host, \
      .fn = fn_##n##_m, ##__VA_ARGS__ }
#define M_ROW(i, b, vecop)        { .vec = vecop, .kind = K_MMX, .isa = ISA_##i, .mem = b }
#define M(n, m, o, i)             M_ROW(i, 8, MVEC(n, 0x66, m, o, HOST_##i))
#define MC(n, m, o, i)            M_ROW(i, 8, MVEC(n, 0x66, m, o, IR_VEC_FN_ONLY))

/* both, in the columns "none" and "66": MMX by host or by fn; second ISA is that of the XMM form */
#define INT(o, n, im, ix)         [o] = { M(n, 1, o, im), X(n, 0x66, 1, o, ix) }
/* shifts: one count for all */
#define SHIFT(o, n)                                                                                                    \
    [o] = { M(n, 1, o, MMX), ROW_OF(SSE2, 16, VEC(n, 0x66, 1, o, 16, IR_VEC_SSE2, N256(16, AVX2))) }
#define INTC(o, n, im, ix)        [o] = { MC(n, 1, o, im), X(n, 0x66, 1, o, ix) }
#define INT_SSSE3(o, n)           [o] = { M(n, 2, o, SSSE3), X(n, 0x66, 2, o, SSSE3) }
#define INTC_SSSE3(o, n)          [o] = { MC(n, 2, o, SSSE3), X(n, 0x66, 2, o, SSSE3) }
#define INTU_SSSE3(o, n)                                                                               \
    [o] = { M_ROW(SSSE3, 8, MVEC(n, 0x66, 2, o, IR_VEC_SSSE3, .dst_unread = true)), X_U(n, 0x66, 2, o, SSSE3) }
/* only with 66 */
#define XMM_66(o, n, i)           [o] = { [P_66] = X(n, 0x66, 1, o, i) }
/* ps pd ss sd */
#define FLOAT(o, n)                                                                                    \
    [o] = { F(n##ps, 0, 1, o, SSE), F(n##pd, 0x66, 1, o, SSE2), S(n##ss, 0xf3, 1, o, SSE, 4),          \
            S(n##sd, 0xf2, 1, o, SSE2, 8) }
/* ps pd, bits only: fn of the integer operation */
#define BITS(o, n)                [o] = { B(n, 0, 1, o, SSE), B(n, 0x66, 1, o, SSE2) }

#define K(k, i)                   { .kind = k, .isa = ISA_##i }
#define KM(k, i, b)               { .kind = k, .isa = ISA_##i, .mem = b }
#define KA(k, i, b, a)            { .kind = k, .isa = ISA_##i, .mem = b, .arg = a }
/* flags by get_NAME */
#define KF(k, i, b, a, n, p, o)                                                                              \
    { .vec = { .name = #n, .prefix = p, .map = 1, .opcode = o, .src_bytes = b, .host_feature = IR_VEC_SSE2,  \
               .is_flags = true, .get = get_##n }, .kind = k, .isa = ISA_##i, .mem = b, .arg = a }
#define KV(k, i, b, vecop, isfp)  { .vec = vecop, .kind = k, .isa = ISA_##i, .mem = b, .fp = isfp }

static const SseRow map_0f[256][P__COUNT] = {
    [0x10] = { K(K_LOAD, SSE), K(K_LOAD, SSE2), KM(K_MOVSS_LD, SSE, 4), KM(K_MOVSS_LD, SSE2, 8) },
    [0x11] = { K(K_STORE, SSE), K(K_STORE, SSE2), KM(K_MOVSS_ST, SSE, 4), KM(K_MOVSS_ST, SSE2, 8) },
    [0x12] = { K(K_MOVL_LD, SSE), K(K_MOVLPD_LD, SSE2), B_U(movsldup, 0xf3, 1, 0x12, SSE3),
               P_U(movddup, 0xf2, 1, 0x12, SSE3, 8, F256) },
    [0x13] = { K(K_MOVL_ST, SSE), K(K_MOVL_ST, SSE2) },
    [0x14] = { B(unpcklps, 0, 1, 0x14, SSE), B(unpcklpd, 0x66, 1, 0x14, SSE2) },
    [0x15] = { B(unpckhps, 0, 1, 0x15, SSE), B(unpckhpd, 0x66, 1, 0x15, SSE2) },
    [0x16] = { K(K_MOVH_LD, SSE), K(K_MOVHPD_LD, SSE2), B_U(movshdup, 0xf3, 1, 0x16, SSE3) },
    [0x17] = { K(K_MOVH_ST, SSE), K(K_MOVH_ST, SSE2) },
    [0x28] = { K(K_LOAD_A, SSE), K(K_LOAD_A, SSE2) },
    [0x29] = { K(K_STORE_A, SSE), K(K_STORE_A, SSE2) },
    [0x2a] = { KV(K_PI2XMM, SSE, 8, VEC(cvtpi2ps, 0, 1, 0x2a, 8, IR_VEC_FN_ONLY), true),
               KV(K_PI2XMM, SSE2, 8, VEC(cvtdq2pd, 0xf3, 1, 0xe6, 8, IR_VEC_SSE2, .dst_unread = true), false),
               KV(K_CVTSI, SSE, 4, VEC(cvtsi2ss, 0xf3, 1, 0x2a, 4, IR_VEC_FN_ONLY), true),
               KV(K_CVTSI, SSE2, 4, VEC(cvtsi2sd, 0xf2, 1, 0x2a, 4, IR_VEC_FN_ONLY), true) },
    [0x2b] = { K(K_STORE_NT, SSE), K(K_STORE_NT, SSE2), KM(K_MOVNTS, SSE4A, 4), KM(K_MOVNTS, SSE4A, 8) },
    [0x2c] = { KV(K_XMM2PI, SSE, 8, VEC(cvttps2pi, 0, 1, 0x2c, 8, IR_VEC_FN_ONLY, .dst_unread = true), true),
               KV(K_XMM2PI, SSE2, 16, VEC(cvttpd2pi, 0x66, 1, 0x2c, 16, IR_VEC_FN_ONLY, .dst_unread = true), true),
               KA(K_CVT2SI, SSE, 4, SSE_SS2SI_T), KA(K_CVT2SI, SSE2, 8, SSE_SD2SI_T) },
    [0x2d] = { KV(K_XMM2PI, SSE, 8, VEC(cvtps2pi, 0, 1, 0x2d, 8, IR_VEC_FN_ONLY, .dst_unread = true), true),
               KV(K_XMM2PI, SSE2, 16, VEC(cvtpd2pi, 0x66, 1, 0x2d, 16, IR_VEC_FN_ONLY, .dst_unread = true), true),
               KA(K_CVT2SI, SSE, 4, SSE_SS2SI), KA(K_CVT2SI, SSE2, 8, SSE_SD2SI) },
    [0x2e] = { KF(K_COMIS, SSE, 4, SSE_UCOMISS, ucomiss, 0, 0x2e),
               KF(K_COMIS, SSE2, 8, SSE_UCOMISD, ucomisd, 0x66, 0x2e) },
    [0x2f] = { KF(K_COMIS, SSE, 4, SSE_COMISS, comiss, 0, 0x2f), KF(K_COMIS, SSE2, 8, SSE_COMISD, comisd, 0x66, 0x2f) },
    [0x50] = { KA(K_MOVMSK, SSE, 0, 0), KA(K_MOVMSK, SSE2, 0, 1) },
    [0x51] = { F_U(sqrtps, 0, 1, 0x51, SSE), F_U(sqrtpd, 0x66, 1, 0x51, SSE2), S(sqrtss, 0xf3, 1, 0x51, SSE, 4),
               S(sqrtsd, 0xf2, 1, 0x51, SSE2, 8) },
    [0x52] = { B_U(rsqrtps, 0, 1, 0x52, SSE), [P_F3] = P(rsqrtss, 0xf3, 1, 0x52, SSE, 4) },
    [0x53] = { B_U(rcpps, 0, 1, 0x53, SSE), [P_F3] = P(rcpss, 0xf3, 1, 0x53, SSE, 4) },
    BITS(0x54, pand),
    BITS(0x55, pandn),
    BITS(0x56, por),
    BITS(0x57, pxor),
    FLOAT(0x58, add),
    FLOAT(0x59, mul),
    FLOAT(0x5c, sub),
    FLOAT(0x5d, min),
    FLOAT(0x5e, div),
    FLOAT(0x5f, max),
    [0x5a] = { PF_U(cvtps2pd, 0, 1, 0x5a, SSE2, 8, N256(16, AVX)), F_NARROW(cvtpd2ps, 0x66, 1, 0x5a, SSE2),
               S(cvtss2sd, 0xf3, 1, 0x5a, SSE2, 4), S(cvtsd2ss, 0xf2, 1, 0x5a, SSE2, 8) },
    [0x5b] = { F_U(cvtdq2ps, 0, 1, 0x5b, SSE2), F_U(cvtps2dq, 0x66, 1, 0x5b, SSE2),
               F_U(cvttps2dq, 0xf3, 1, 0x5b, SSE2) },
    [0x60] = { M_ROW(MMX, 4, MVEC(punpcklbw, 0x66, 1, 0x60, IR_VEC_SSE2)), X(punpcklbw, 0x66, 1, 0x60, SSE2) },
    [0x61] = { M_ROW(MMX, 4, MVEC(punpcklwd, 0x66, 1, 0x61, IR_VEC_SSE2)), X(punpcklwd, 0x66, 1, 0x61, SSE2) },
    [0x62] = { M_ROW(MMX, 4, MVEC(punpckldq, 0x66, 1, 0x62, IR_VEC_SSE2)), X(punpckldq, 0x66, 1, 0x62, SSE2) },
    INTC(0x63, packsswb, MMX, SSE2),
    INT(0x64, pcmpgtb, MMX, SSE2),
    INT(0x65, pcmpgtw, MMX, SSE2),
    INT(0x66, pcmpgtd, MMX, SSE2),
    INTC(0x67, packuswb, MMX, SSE2),
    INTC(0x68, punpckhbw, MMX, SSE2),
    INTC(0x69, punpckhwd, MMX, SSE2),
    INTC(0x6a, punpckhdq, MMX, SSE2),
    INTC(0x6b, packssdw, MMX, SSE2),
    XMM_66(0x6c, punpcklqdq, SSE2),
    XMM_66(0x6d, punpckhqdq, SSE2),
    [0x6e] = { K(K_MOVD_TO_MM, MMX), K(K_MOVD_TO_XMM, SSE2) },
    [0x6f] = { K(K_MOVQ_MM_LD, MMX), K(K_LOAD_A, SSE2), K(K_LOAD, SSE2) },
    [0x70] = { M_ROW(SSE, 8, MVEC(pshufw, 0xf2, 1, 0x70, IR_VEC_SSE2, .has_imm = true, .dst_unread = true)),
               X_UI(pshufd, 0x66, 1, 0x70, SSE2), X_UI(pshufhw, 0xf3, 1, 0x70, SSE2),
               X_UI(pshuflw, 0xf2, 1, 0x70, SSE2) },
    [0x71 ... 0x73] = { K(K_SHIFT_MMX, MMX), K(K_SHIFT_XMM, SSE2) },
    INT(0x74, pcmpeqb, MMX, SSE2),
    INT(0x75, pcmpeqw, MMX, SSE2),
    INT(0x76, pcmpeqd, MMX, SSE2),
    [0x77] = { K(K_EMMS, MMX) },
    [0x78] = { [P_66] = K(K_EXTRQ_I, SSE4A), [P_F2] = K(K_INSERTQ_I, SSE4A) },
    [0x79] = { [P_66] = K(K_EXTRQ, SSE4A), [P_F2] = K(K_INSERTQ, SSE4A) },
    [0x7c] = { [P_66] = F(haddpd, 0x66, 1, 0x7c, SSE3), [P_F2] = F(haddps, 0xf2, 1, 0x7c, SSE3) },
    [0x7d] = { [P_66] = F(hsubpd, 0x66, 1, 0x7d, SSE3), [P_F2] = F(hsubps, 0xf2, 1, 0x7d, SSE3) },
    [0x7e] = { K(K_MOVD_FROM_MM, MMX), K(K_MOVD_FROM_XMM, SSE2), K(K_MOVQ_LD, SSE2) },
    [0x7f] = { K(K_MOVQ_MM_ST, MMX), K(K_STORE_A, SSE2), K(K_STORE, SSE2) },
    [0xae] = { K(K_STATE, NONE) },
    [0xc2] = { CMP_P(cmpps, 0, 1, 0xc2, SSE), CMP_P(cmppd, 0x66, 1, 0xc2, SSE2), CMP_S(cmpss, 0xf3, 1, 0xc2, SSE, 4),
               CMP_S(cmpsd, 0xf2, 1, 0xc2, SSE2, 8) },
    [0xc3] = { K(K_MOVNTI, SSE2) },
    [0xc4] = { K(K_PINSRW_MM, SSE), K(K_PINSRW, SSE2) },
    [0xc5] = { K(K_PEXTRW_MM, SSE), K(K_PEXTRW, SSE2) },
    [0xc6] = { B_I(shufps, 0, 1, 0xc6, SSE, 0), B_I(shufpd, 0x66, 1, 0xc6, SSE2, 2) },
    [0xc7] = { K(K_XSAVEC, NONE) },
    [0xd0] = { [P_66] = F(addsubpd, 0x66, 1, 0xd0, SSE3), [P_F2] = F(addsubps, 0xf2, 1, 0xd0, SSE3) },
    SHIFT(0xd1, psrlw),
    SHIFT(0xd2, psrld),
    SHIFT(0xd3, psrlq),
    INT(0xd4, paddq, SSE2, SSE2),
    INT(0xd5, pmullw, MMX, SSE2),
    [0xd6] = { [P_66] = K(K_MOVQ_ST, SSE2), [P_F3] = K(K_MOVQ2DQ, SSE2), [P_F2] = K(K_MOVDQ2Q, SSE2) },
    [0xd7] = { K(K_PMOVMSKB_MM, SSE), K(K_PMOVMSKB, SSE2) },
    INT(0xd8, psubusb, MMX, SSE2),
    INT(0xd9, psubusw, MMX, SSE2),
    INT(0xda, pminub, SSE, SSE2),
    INT(0xdb, pand, MMX, SSE2),
    INT(0xdc, paddusb, MMX, SSE2),
    INT(0xdd, paddusw, MMX, SSE2),
    INT(0xde, pmaxub, SSE, SSE2),
    INT(0xdf, pandn, MMX, SSE2),
    INT(0xe0, pavgb, SSE, SSE2),
    SHIFT(0xe1, psraw),
    SHIFT(0xe2, psrad),
    INT(0xe3, pavgw, SSE, SSE2),
    INT(0xe4, pmulhuw, SSE, SSE2),
    INT(0xe5, pmulhw, MMX, SSE2),
    [0xe6] = { [P_66] = F_NARROW(cvttpd2dq, 0x66, 1, 0xe6, SSE2),
               [P_F3] = P_U(cvtdq2pd, 0xf3, 1, 0xe6, SSE2, 8, N256(16, AVX)),
               [P_F2] = F_NARROW(cvtpd2dq, 0xf2, 1, 0xe6, SSE2) },
    [0xe7] = { K(K_MOVNTQ, SSE), K(K_STORE_NT, SSE2) },
    INT(0xe8, psubsb, MMX, SSE2),
    INT(0xe9, psubsw, MMX, SSE2),
    INT(0xea, pminsw, SSE, SSE2),
    INT(0xeb, por, MMX, SSE2),
    INT(0xec, paddsb, MMX, SSE2),
    INT(0xed, paddsw, MMX, SSE2),
    INT(0xee, pmaxsw, SSE, SSE2),
    INT(0xef, pxor, MMX, SSE2),
    [0xf0] = { [P_F2] = K(K_LOAD, SSE3) },
    SHIFT(0xf1, psllw),
    SHIFT(0xf2, pslld),
    SHIFT(0xf3, psllq),
    INT(0xf4, pmuludq, SSE2, SSE2),
    INT(0xf5, pmaddwd, MMX, SSE2),
    INT(0xf6, psadbw, SSE, SSE2),
    [0xf7] = { K(K_MASKMOV_MM, SSE), K(K_MASKMOV, SSE2) },
    INT(0xf8, psubb, MMX, SSE2),
    INT(0xf9, psubw, MMX, SSE2),
    INT(0xfa, psubd, MMX, SSE2),
    INT(0xfb, psubq, SSE2, SSE2),
    INT(0xfc, paddb, MMX, SSE2),
    INT(0xfd, paddw, MMX, SSE2),
    INT(0xfe, paddd, MMX, SSE2),
};

#define SSE41(o, n)        [o] = { [P_66] = X(n, 0x66, 2, o, SSE41) }
#define PMOVX(o, n, b)                                                                                 \
    [o] = { [P_66] = ROW_OF(SSE41, b, VEC(n, 0x66, 2, o, b, IR_VEC_SSE41, .dst_unread = true, N256(2 * (b), AVX2))) }

static const SseRow map_0f38[256][P__COUNT] = {
    INTC_SSSE3(0x00, pshufb), INTC_SSSE3(0x01, phaddw), INTC_SSSE3(0x02, phaddd), INTC_SSSE3(0x03, phaddsw),
    INT_SSSE3(0x04, pmaddubsw), INTC_SSSE3(0x05, phsubw), INTC_SSSE3(0x06, phsubd), INTC_SSSE3(0x07, phsubsw),
    INT_SSSE3(0x08, psignb), INT_SSSE3(0x09, psignw), INT_SSSE3(0x0a, psignd), INT_SSSE3(0x0b, pmulhrsw),
    [0x10] = { [P_66] = BLENDV(pblendvb, 0x4c, SSE41) },
    [0x14] = { [P_66] = BLENDV(blendvps, 0x4a, SSE41) },
    [0x15] = { [P_66] = BLENDV(blendvpd, 0x4b, SSE41) },
    [0x17] = { [P_66] = KM(K_PTEST, SSE41, 16) },
    INTU_SSSE3(0x1c, pabsb), INTU_SSSE3(0x1d, pabsw), INTU_SSSE3(0x1e, pabsd),
    PMOVX(0x20, pmovsxbw, 8), PMOVX(0x21, pmovsxbd, 4), PMOVX(0x22, pmovsxbq, 2),
    PMOVX(0x23, pmovsxwd, 8), PMOVX(0x24, pmovsxwq, 4), PMOVX(0x25, pmovsxdq, 8),
    SSE41(0x28, pmuldq), SSE41(0x29, pcmpeqq), [0x2a] = { [P_66] = K(K_LOAD_NT, SSE41) }, SSE41(0x2b, packusdw),
    PMOVX(0x30, pmovzxbw, 8), PMOVX(0x31, pmovzxbd, 4), PMOVX(0x32, pmovzxbq, 2),
    PMOVX(0x33, pmovzxwd, 8), PMOVX(0x34, pmovzxwq, 4), PMOVX(0x35, pmovzxdq, 8),
    [0x37] = { [P_66] = X(pcmpgtq, 0x66, 2, 0x37, SSE42) },
    SSE41(0x38, pminsb), SSE41(0x39, pminsd), SSE41(0x3a, pminuw), SSE41(0x3b, pminud),
    SSE41(0x3c, pmaxsb), SSE41(0x3d, pmaxsd), SSE41(0x3e, pmaxuw), SSE41(0x3f, pmaxud),
    SSE41(0x40, pmulld), [0x41] = { [P_66] = X_U128(phminposuw, 0x66, 2, 0x41, SSE41) },
    [0xc8] = { SHA(sha1nexte, 2, 0xc8) }, [0xc9] = { SHA(sha1msg1, 2, 0xc9) }, [0xca] = { SHA(sha1msg2, 2, 0xca) },
    [0xcb] = { SHA(sha256rnds2, 2, 0xcb, .c_is_first = true) }, [0xcc] = { SHA(sha256msg1, 2, 0xcc) },
    [0xcd] = { SHA(sha256msg2, 2, 0xcd) },
    [0xdb] = { [P_66] = X_U128(aesimc, 0x66, 2, 0xdb, AES) },
    [0xdc] = { [P_66] = ROW_OF(AES, 16, VEC(aesenc, 0x66, 2, 0xdc, 16, IR_VEC_AES, N256(32, VAES))) },
    [0xdd] = { [P_66] = ROW_OF(AES, 16, VEC(aesenclast, 0x66, 2, 0xdd, 16, IR_VEC_AES, N256(32, VAES))) },
    [0xde] = { [P_66] = ROW_OF(AES, 16, VEC(aesdec, 0x66, 2, 0xde, 16, IR_VEC_AES, N256(32, VAES))) },
    [0xdf] = { [P_66] = ROW_OF(AES, 16, VEC(aesdeclast, 0x66, 2, 0xdf, 16, IR_VEC_AES, N256(32, VAES))) },
};

static const SseRow map_0f3a[256][P__COUNT] = {
    [0x08] = { [P_66] = F_UI(roundps, 0x66, 3, 0x08, SSE41) },
    [0x09] = { [P_66] = F_UI(roundpd, 0x66, 3, 0x09, SSE41) },
    [0x0a] = { [P_66] = S_I(roundss, 0x66, 3, 0x0a, SSE41, 4) },
    [0x0b] = { [P_66] = S_I(roundsd, 0x66, 3, 0x0b, SSE41, 8) },
    [0x0c] = { [P_66] = B_I(blendps, 0x66, 3, 0x0c, SSE41, 4) },
    [0x0d] = { [P_66] = B_I(blendpd, 0x66, 3, 0x0d, SSE41, 2) },
    [0x0e] = { [P_66] = X_I(pblendw, 0x66, 3, 0x0e, SSE41) },
    [0x0f] = { M_ROW(SSSE3, 8, MVEC(palignr, 0x66, 3, 0x0f, IR_VEC_FN_ONLY, .has_imm = true)),
               X_I(palignr, 0x66, 3, 0x0f, SSSE3) },
    [0x14] = { [P_66] = KA(K_PEXTR, SSE41, 0, 1) }, /* arg: bytes; 4 may become 8 by REX.W */
    [0x15] = { [P_66] = KA(K_PEXTR, SSE41, 0, 2) },
    [0x16] = { [P_66] = KA(K_PEXTR, SSE41, 0, 4) },
    [0x17] = { [P_66] = KA(K_PEXTR, SSE41, 0, 4) }, /* EXTRACTPS */
    [0x20] = { [P_66] = KA(K_PINSR, SSE41, 0, 1) },
    [0x21] = { [P_66] = K(K_INSERTPS, SSE41) },
    [0x22] = { [P_66] = KA(K_PINSR, SSE41, 0, 4) },
    [0x40] = { [P_66] = F_I(dpps, 0x66, 3, 0x40, SSE41) },
    [0x41] = { [P_66] = ROW_OF(SSE41, 16, VEC(dppd, 0x66, 3, 0x41, 16, IR_VEC_SSE41, .has_imm = true), .fp = true) },
    [0x42] = { [P_66] =
                   ROW_OF(SSE41, 16,
                          VEC(mpsadbw, 0x66, 3, 0x42, 16, IR_VEC_SSE41, I256, .has_imm = true, .imm_shift256 = 3)) },
    [0x44] = { [P_66] = ROW_OF(PCLMUL, 16,
                               VEC(pclmulqdq, 0x66, 3, 0x44, 16, IR_VEC_PCLMUL, N256(32, VPCLMUL), .has_imm = true)) },
    [0x60 ... 0x63] = { [P_66] = K(K_PCMPSTR, SSE42) },
    [0xcc] = { SHA(sha1rnds4, 3, 0xcc, .has_imm = true) },
    [0xdf] = { [P_66] = X_UI128(aeskeygenassist, 0x66, 3, 0xdf, AES) },
};

const SseRow *sse_row(unsigned map, unsigned opcode, unsigned mandatory)
{
    unsigned p = mandatory == 0x66 ? P_66 : mandatory == 0xf3 ? P_F3 : mandatory == 0xf2 ? P_F2 : P_NONE;

    return map == 1 ? &map_0f[opcode][p] : map == 2 ? &map_0f38[opcode][p] : &map_0f3a[opcode][p];
}

/* Groups 12 to 14, count in the immediate. */
#define SHIFT_I(n, o, ext, bytes, suffix, ...)                                                         \
    { .name = #n, .prefix = 0x66, .map = 1, .opcode = o, .group = ext, .src_bytes = bytes, .dst_bytes = bytes, \
      .host_feature = IR_VEC_SSE2, .has_imm = true, .dst_unread = true, .fn = fn_##n##_i##suffix, ##__VA_ARGS__ }

static const IrVecOp shifts_xmm[3][8] = {
#define S_X(n, o, ext) [ext] = SHIFT_I(n, o, ext, 16, , I256)
    { S_X(psrlw, 0x71, 2), S_X(psraw, 0x71, 4), S_X(psllw, 0x71, 6) },
    { S_X(psrld, 0x72, 2), S_X(psrad, 0x72, 4), S_X(pslld, 0x72, 6) },
    { S_X(psrlq, 0x73, 2), S_X(psrldq, 0x73, 3), S_X(psllq, 0x73, 6), S_X(pslldq, 0x73, 7) },
};

static const IrVecOp shifts_mmx[3][8] = {
#define S_M(n, o, ext) [ext] = SHIFT_I(n, o, ext, 8, _m)
    { S_M(psrlw, 0x71, 2), S_M(psraw, 0x71, 4), S_M(psllw, 0x71, 6) },
    { S_M(psrld, 0x72, 2), S_M(psrad, 0x72, 4), S_M(pslld, 0x72, 6) },
    { S_M(psrlq, 0x73, 2), S_M(psllq, 0x73, 6) },
};

const IrVecOp *sse_shift_op(unsigned opcode, unsigned op3, bool mmx)
{
    const IrVecOp *v = &(mmx ? shifts_mmx : shifts_xmm)[opcode - 0x71][op3];

    return v->fn ? v : NULL;
}

/* ---- operations that instructions with other operands are made of ---- */

const IrVecOp vec_mov128 = VEC(mov128, 0, 1, 0x28, 16, IR_VEC_SSE2, F256, .dst_unread = true);
const IrVecOp vec_movq = VEC(movq, 0xf3, 1, 0x7e, 8, IR_VEC_SSE2, .dst_unread = true);
const IrVecOp vec_movlow = VEC(movlow, 0xf2, 1, 0x10, 8, IR_VEC_SSE2);      /* MOVSD */
const IrVecOp vec_movlow4 = VEC(movlow4, 0xf3, 1, 0x10, 4, IR_VEC_SSE2);    /* MOVSS */
const IrVecOp vec_movhigh = VEC(movhigh, 0, 1, 0x16, 8, IR_VEC_SSE2);       /* MOVLHPS */
const IrVecOp vec_movhlps = VEC(movhlps, 0, 1, 0x12, 16, IR_VEC_SSE2);
const IrVecOp vec_pshufd = VEC(pshufd, 0x66, 1, 0x70, 16, IR_VEC_SSE2, .has_imm = true, .dst_unread = true);
const IrVecOp vec_cvtsi2ss_q = VEC(cvtsi2ss_q, 0, 1, 0, 8, IR_VEC_FN_ONLY);
const IrVecOp vec_cvtsi2sd_q = VEC(cvtsi2sd_q, 0, 1, 0, 8, IR_VEC_FN_ONLY);
const IrVecOp vec_insertps = VEC(insertps, 0x66, 3, 0x21, 16, IR_VEC_SSE41, .has_imm = true);

/* Vector to general register. */
#define GET(n, p, m, o, bytes, host, ...)                                                              \
    { .name = #n, .prefix = p, .map = m, .opcode = o, .src_bytes = bytes, .src_bytes256 = 32, .host_feature = host, \
      .get = get_##n, ##__VA_ARGS__ }

const IrVecOp vec_get_d = GET(movd, 0x66, 1, 0x7e, 4, IR_VEC_SSE2, .reg_is_src = true);
const IrVecOp vec_get_q = GET(movq, 0x66, 1, 0x7e, 8, IR_VEC_SSE2, .reg_is_src = true, .w = true);
const IrVecOp vec_pextrb = GET(pextrb, 0x66, 3, 0x14, 16, IR_VEC_SSE41, .reg_is_src = true, .has_imm = true);
const IrVecOp vec_pextrw = GET(pextrw, 0x66, 1, 0xc5, 16, IR_VEC_SSE2, .has_imm = true);
const IrVecOp vec_pextrd = GET(pextrd, 0x66, 3, 0x16, 16, IR_VEC_SSE41, .reg_is_src = true, .has_imm = true);
const IrVecOp vec_pextrq = GET(pextrq, 0x66, 3, 0x16, 16, IR_VEC_SSE41, .reg_is_src = true, .has_imm = true, .w = true);
const IrVecOp vec_movmskps = GET(movmskps, 0, 1, 0x50, 16, IR_VEC_SSE2, .host_feature256 = IR_VEC_AVX);
const IrVecOp vec_movmskpd = GET(movmskpd, 0x66, 1, 0x50, 16, IR_VEC_SSE2, .host_feature256 = IR_VEC_AVX);
const IrVecOp vec_pmovmskb = GET(pmovmskb, 0x66, 1, 0xd7, 16, IR_VEC_SSE2, .host_feature256 = IR_VEC_AVX2);
const IrVecOp vec_ptest = GET(ptest, 0x66, 2, 0x17, 16, IR_VEC_SSE41, .is_flags = true, .host_feature256 = IR_VEC_AVX);

/* Indexed by SseToInt. */
const IrVecOp vec_cvt2si[] = {
    [SSE_SS2SI] = GET(cvtss2si, 0xf3, 1, 0x2d, 4, IR_VEC_SSE2),
    [SSE_SD2SI] = GET(cvtsd2si, 0xf2, 1, 0x2d, 8, IR_VEC_SSE2),
    [SSE_SS2SI_Q] = GET(cvtss2si_q, 0xf3, 1, 0x2d, 4, IR_VEC_SSE2, .w = true),
    [SSE_SD2SI_Q] = GET(cvtsd2si_q, 0xf2, 1, 0x2d, 8, IR_VEC_SSE2, .w = true),
    [SSE_SS2SI_T] = GET(cvttss2si, 0xf3, 1, 0x2c, 4, IR_VEC_SSE2),
    [SSE_SD2SI_T] = GET(cvttsd2si, 0xf2, 1, 0x2c, 8, IR_VEC_SSE2),
    [SSE_SS2SI_TQ] = GET(cvttss2si_q, 0xf3, 1, 0x2c, 4, IR_VEC_SSE2, .w = true),
    [SSE_SD2SI_TQ] = GET(cvttsd2si_q, 0xf2, 1, 0x2c, 8, IR_VEC_SSE2, .w = true),
};

/* General register to vector. */
#define PUT(n, p, m, o, host, ...)                                                                     \
    { .name = #n, .prefix = p, .map = m, .opcode = o, .host_feature = host, .put = put_##n, ##__VA_ARGS__ }

const IrVecOp vec_put_d = PUT(movd, 0x66, 1, 0x6e, IR_VEC_SSE2, .dst_unread = true);
const IrVecOp vec_put_q = PUT(movq, 0x66, 1, 0x6e, IR_VEC_SSE2, .dst_unread = true, .w = true);
const IrVecOp vec_pinsrb = PUT(pinsrb, 0x66, 3, 0x20, IR_VEC_SSE41, .has_imm = true);
const IrVecOp vec_pinsrw = PUT(pinsrw, 0x66, 1, 0xc4, IR_VEC_SSE2, .has_imm = true);
const IrVecOp vec_pinsrd = PUT(pinsrd, 0x66, 3, 0x22, IR_VEC_SSE41, .has_imm = true);
const IrVecOp vec_pinsrq = PUT(pinsrq, 0x66, 3, 0x22, IR_VEC_SSE41, .has_imm = true, .w = true);
/* [double][64 bits] */
const IrVecOp vec_cvtsi[2][2] = {
    { PUT(cvtsi2ss, 0xf3, 1, 0x2a, IR_VEC_SSE2), PUT(cvtsi2ss_q, 0xf3, 1, 0x2a, IR_VEC_SSE2, .w = true) },
    { PUT(cvtsi2sd, 0xf2, 1, 0x2a, IR_VEC_SSE2), PUT(cvtsi2sd_q, 0xf2, 1, 0x2a, IR_VEC_SSE2, .w = true) },
};
