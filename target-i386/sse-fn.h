/* SPDX-License-Identifier: GPL-2.0-or-later */
/* C functions behind vector operations: sse-int.c, sse-float.c. The rows that name them are in sse-ops.c. */
#ifndef TARGET_I386_SSE_FN_H
#define TARGET_I386_SSE_FN_H

#include "target-i386/cpu.h"
#include "tcg/ir.h"

typedef enum SseToInt {
    SSE_SS2SI, SSE_SD2SI, SSE_SS2SI_Q, SSE_SD2SI_Q, SSE_SS2SI_T, SSE_SD2SI_T, SSE_SS2SI_TQ, SSE_SD2SI_TQ,
} SseToInt;
typedef enum SseCompare { SSE_UCOMISS, SSE_COMISS, SSE_UCOMISD, SSE_COMISD } SseCompare;

/* v, a, b: the bits of a float or double. */
uint64_t sse_to_int(SseToInt kind, uint64_t v);
uint32_t sse_compare(SseCompare kind, uint64_t a, uint64_t b);      /* status flags */

#define SSE_FNS(F) \
    F(paddb) F(paddb_m) F(paddw) F(paddw_m) F(paddd) F(paddd_m) F(paddq) F(paddq_m) F(psubb) F(psubb_m) F(psubw)  \
    F(psubw_m) F(psubd) F(psubd_m) F(psubq) F(psubq_m) F(paddsb) F(paddsb_m) F(paddsw) F(paddsw_m) F(paddusb)     \
    F(paddusb_m) F(paddusw) F(paddusw_m) F(psubsb) F(psubsb_m) F(psubsw) F(psubsw_m) F(psubusb) F(psubusb_m)      \
    F(psubusw) F(psubusw_m) F(pand) F(pand_m) F(pandn) F(pandn_m) F(por) F(por_m) F(pxor) F(pxor_m) F(pcmpeqb)    \
    F(pcmpeqb_m) F(pcmpeqw) F(pcmpeqw_m) F(pcmpeqd) F(pcmpeqd_m) F(pcmpeqq) F(pcmpeqq_m) F(pcmpgtb) F(pcmpgtb_m)  \
    F(pcmpgtw) F(pcmpgtw_m) F(pcmpgtd) F(pcmpgtd_m) F(pcmpgtq) F(pcmpgtq_m) F(pminub) F(pminub_m) F(pmaxub)       \
    F(pmaxub_m) F(pminsw) F(pminsw_m) F(pmaxsw) F(pmaxsw_m) F(pminsb) F(pminsb_m) F(pmaxsb) F(pmaxsb_m)           \
    F(pminuw) F(pminuw_m) F(pmaxuw) F(pmaxuw_m) F(pminsd) F(pminsd_m) F(pmaxsd) F(pmaxsd_m) F(pminud)             \
    F(pminud_m) F(pmaxud) F(pmaxud_m) F(pavgb) F(pavgb_m) F(pavgw) F(pavgw_m) F(pmullw) F(pmullw_m) F(pmulhuw)    \
    F(pmulhuw_m) F(pmulhw) F(pmulhw_m) F(pmulhrsw) F(pmulhrsw_m) F(pmulld) F(pmulld_m) F(pmuludq) F(pmuludq_m)    \
    F(pmuldq) F(pmuldq_m) F(pabsb) F(pabsb_m) F(pabsw) F(pabsw_m) F(pabsd) F(pabsd_m) F(psignb) F(psignb_m)       \
    F(psignw) F(psignw_m) F(psignd) F(psignd_m) F(psllw) F(psllw_m) F(pslld) F(pslld_m) F(psllq) F(psllq_m)       \
    F(psrlw) F(psrlw_m) F(psrld) F(psrld_m) F(psrlq) F(psrlq_m) F(psraw) F(psraw_m) F(psrad) F(psrad_m)           \
    F(pmaddwd) F(pmaddwd_m) F(pmaddubsw) F(pmaddubsw_m) F(psadbw) F(psadbw_m) F(packsswb) F(packsswb_m)           \
    F(packuswb) F(packuswb_m) F(packssdw) F(packssdw_m) F(packusdw) F(packusdw_m) F(punpcklbw) F(punpcklbw_m)     \
    F(punpcklwd) F(punpcklwd_m) F(punpckldq) F(punpckldq_m) F(punpckhbw) F(punpckhbw_m) F(punpckhwd)              \
    F(punpckhwd_m) F(punpckhdq) F(punpckhdq_m) F(punpcklqdq) F(punpckhqdq) F(unpcklps) F(unpckhps) F(unpcklpd)    \
    F(unpckhpd) F(pmovsxbw) F(pmovsxbd) F(pmovsxbq) F(pmovsxwd) F(pmovsxwq) F(pmovsxdq) F(pmovzxbw) F(pmovzxbd)   \
    F(pmovzxbq) F(pmovzxwd) F(pmovzxwq) F(pmovzxdq) F(phaddw) F(phaddw_m) F(phaddd) F(phaddd_m) F(phaddsw)        \
    F(phaddsw_m) F(phsubw) F(phsubw_m) F(phsubd) F(phsubd_m) F(phsubsw) F(phsubsw_m) F(phminposuw) F(mpsadbw)     \
    F(pshufb) F(pshufb_m) F(pshufw_m) F(pshuflw) F(pshufhw) F(pshufd) F(shufps) F(shufpd) F(palignr)              \
    F(palignr_m) F(blendps) F(blendpd) F(pblendw) F(pblendvb) F(blendvps) F(blendvpd) F(movddup) F(movsldup)      \
    F(movshdup) F(insertps) F(mov128) F(movlow) F(movlow4) F(movhigh) F(movhlps) F(movq) \
    F(psrlw_i) F(psraw_i) F(psllw_i) F(psrld_i) F(psrad_i) F(pslld_i) F(psrlq_i) F(psllq_i) F(psrldq_i) F(pslldq_i) \
    F(psrlw_i_m) F(psraw_i_m) F(psllw_i_m) F(psrld_i_m) F(psrad_i_m) F(pslld_i_m) F(psrlq_i_m) F(psllq_i_m)       \
    F(pclmulqdq) F(aesenc) F(aesenclast) F(aesdec) F(aesdeclast) F(aesimc) F(aeskeygenassist) F(addps)    \
    F(addss) F(addpd) F(addsd) F(subps) F(subss) F(subpd) F(subsd) F(mulps) F(mulss) F(mulpd) F(mulsd) F(divps)   \
    F(divss) F(divpd) F(divsd) F(minps) F(minss) F(minpd) F(minsd) F(maxps) F(maxss) F(maxpd) F(maxsd) F(sqrtps)  \
    F(sqrtss) F(sqrtpd) F(sqrtsd) F(rcpps) F(rcpss) F(rsqrtps) F(rsqrtss) F(cmpps) F(cmpss) F(cmppd) F(cmpsd)     \
    F(addsubps) F(addsubpd) F(haddps) F(haddpd) F(hsubps) F(hsubpd) F(dpps) F(dppd) F(cvtps2pd) F(cvtpd2ps)       \
    F(cvtss2sd) F(cvtsd2ss) F(cvtdq2ps) F(cvtpi2ps) F(cvtps2dq) F(cvttps2dq) F(cvtps2pi) F(cvttps2pi)             \
    F(cvtdq2pd) F(cvtpd2pi) F(cvttpd2pi) F(cvtpd2dq) F(cvttpd2dq) F(cvtsi2ss) F(cvtsi2sd) F(cvtsi2ss_q)           \
    F(cvtsi2sd_q) F(roundps) F(roundss) F(roundpd) F(roundsd) F(sha1rnds4) F(sha1nexte)        \
    F(sha1msg1) F(sha1msg2) F(sha256rnds2) F(sha256msg1) F(sha256msg2)
#define SSE_FN_PROTO(name) void fn_##name(void *env, void *dst, const void *src, uint32_t imm);
SSE_FNS(SSE_FN_PROTO)
#undef SSE_FN_PROTO

/* Functions of VEX forms that are no two halves side by side. */
#define VEX_FNS(F) F(cvtpd2ps) F(cvtpd2dq) F(cvttpd2dq) F(cmpps) F(cmpss) F(cmppd) F(cmpsd)
#define VEX_FN_PROTO(name) void vex_##name(void *env, const IrVexArgs *x);
VEX_FNS(VEX_FN_PROTO)
#undef VEX_FN_PROTO

/* From vectors to general values (sse-helpers.c), and the reverse. */
#define GET_FNS(F) \
    F(movd) F(movq) F(pextrb) F(pextrw) F(pextrd) F(pextrq) F(movmskps) F(movmskpd) F(pmovmskb) F(ptest) \
    F(cvtss2si) F(cvtsd2si) F(cvtss2si_q) F(cvtsd2si_q) F(cvttss2si) F(cvttsd2si) F(cvttss2si_q)         \
    F(cvttsd2si_q) F(ucomiss) F(comiss) F(ucomisd) F(comisd)
#define GET_FN_PROTO(name) uint64_t get_##name(void *env, const void *a, const void *b, unsigned len, uint32_t imm);
GET_FNS(GET_FN_PROTO)
#undef GET_FN_PROTO
#define PUT_FNS(F) \
    F(movd) F(movq) F(pinsrb) F(pinsrw) F(pinsrd) F(pinsrq) F(cvtsi2ss) F(cvtsi2sd) F(cvtsi2ss_q) F(cvtsi2sd_q)
#define PUT_FN_PROTO(name) void put_##name(void *env, void *dst, uint64_t v, uint32_t imm);
PUT_FNS(PUT_FN_PROTO)
#undef PUT_FN_PROTO

#endif
