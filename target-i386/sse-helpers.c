/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SSE helpers: what does not fit "dst = op(dst, src, imm)", and the exact path for unmasked floating-point exceptions.
 *
 * Follows: SDM vol. 1, "SSE and SSE2 SIMD Floating-Point Exceptions"; vol. 2B, PCMPESTRI and "String and Text
 * Processing".
 */
#include "qemu/osdep.h"
#include "exec/cpu-mem.h"
#include "target-i386/helper-sse.h"
#ifdef __SSE2__
#include <immintrin.h>
#else
#include <fenv.h>
#endif

DEFINE_HELPERS(HELPERS_SSE)

/* ---- the exact path ---- */

#define MXCSR_PRE   0x07u       /* IE DE ZE: found before computing */
#define MXCSR_FLAGS 0x3fu
#define MXCSR_UE    0x10u
#define MXCSR_FTZ   0x8000u
#define MXCSR_MASK_SHIFT 7

static void host_clear_flags(const CPUX86State *env QEMU_UNUSED, uint32_t extra QEMU_UNUSED)
{
#ifdef __SSE2__
    _mm_setcsr((env->jit.mxcsr_host & ~MXCSR_FLAGS) | extra);
#else
    feclearexcept(FE_ALL_EXCEPT);
#endif
}

/* Flags since host_clear_flags(). */
static uint32_t host_take_flags(void)
{
#ifdef __SSE2__
    return _mm_getcsr() & MXCSR_FLAGS;
#else
    int f = fetestexcept(FE_ALL_EXCEPT);

    return (f & FE_INVALID ? 0x01 : 0) | (f & FE_DIVBYZERO ? 0x04 : 0) | (f & FE_OVERFLOW ? 0x08 : 0)
           | (f & FE_UNDERFLOW ? 0x10 : 0) | (f & FE_INEXACT ? 0x20 : 0);
#endif
}

typedef struct ExactOp {
    void (*run)(CPUX86State *env, struct ExactOp *op);
    const IrVecOp *vec;
    const void *src;
    XmmReg dst;
    uint32_t imm;
    uint64_t a, b, result;
    unsigned kind;
} ExactOp;

/*
 * Runs op alone, so that its flags are known, and raises what is unmasked before anything is written. An exact denormal
 * result is an underflow only while that is unmasked; the host, which masks, shows it when it flushes to zero.
 */
static void run_exact(CPUX86State *env, ExactOp *op)
{
    uint32_t mxcsr = mxcsr_get(env), unmasked = ~(mxcsr >> MXCSR_MASK_SHIFT) & MXCSR_FLAGS, flags;

    if (unmasked & MXCSR_UE) {
        ExactOp probe = *op;

        host_clear_flags(env, MXCSR_FTZ);
        probe.run(env, &probe);
        flags = host_take_flags() & MXCSR_UE;
    } else {
        flags = 0;
    }
    host_clear_flags(env, 0);
    op->run(env, op);
    flags |= host_take_flags();
    if (flags & unmasked & MXCSR_PRE) {
        flags &= MXCSR_PRE;
    }
    env->mxcsr |= flags;
    host_clear_flags(env, env->mxcsr & MXCSR_FLAGS);
    if (flags & unmasked) {
        raise_exception(env, env->cr4 & CR4_OSXMMEXCPT ? EXC_XM : EXC_UD);
    }
}

static void run_vec(CPUX86State *env, ExactOp *op)
{
    op->vec->fn(env, &op->dst, op->src, op->imm);
}

void helper_sse_exact(CPUX86State *env, uint64_t vec, uint64_t offsets, uint32_t imm)
{
    const IrVecOp *v = (const IrVecOp *)(uintptr_t)vec;
    void *dst = (char *)env + (uint32_t)offsets;
    ExactOp op = { .run = run_vec, .vec = v, .src = (const char *)env + (offsets >> 32), .imm = imm };

    memcpy(&op.dst, dst, v->dst_bytes);
    run_exact(env, &op);
    memcpy(dst, &op.dst, v->dst_bytes);
}

/* ---- to general registers and flags ---- */

#define TO_INT(name, ret, arg, kind)                                                                   \
ret helper_##name(CPUX86State *env QEMU_UNUSED, arg v)                                                 \
{                                                                                                      \
    return sse_to_int(kind, v);                                                                        \
}
#ifdef __x86_64__
#define CVT(name, ret, T, arg, intrinsic)                                                              \
ret helper_##name(CPUX86State *env QEMU_UNUSED, arg v)                                                 \
{                                                                                                      \
    T f;                                                                                               \
    memcpy(&f, &v, sizeof(f));                                                                         \
    return intrinsic(f);                                                                               \
}
#define SS2SI(f) _mm_cvtss_si32(_mm_set_ss(f))
#define SD2SI(f) _mm_cvtsd_si32(_mm_set_sd(f))
#define SS2SI_Q(f) _mm_cvtss_si64(_mm_set_ss(f))
#define SD2SI_Q(f) _mm_cvtsd_si64(_mm_set_sd(f))
#define SS2SI_T(f) _mm_cvttss_si32(_mm_set_ss(f))
#define SD2SI_T(f) _mm_cvttsd_si32(_mm_set_sd(f))
#define SS2SI_TQ(f) _mm_cvttss_si64(_mm_set_ss(f))
#define SD2SI_TQ(f) _mm_cvttsd_si64(_mm_set_sd(f))
CVT(cvtss2si, uint32_t, float, uint32_t, SS2SI)
CVT(cvtsd2si, uint32_t, double, uint64_t, SD2SI)
CVT(cvtss2si_q, uint64_t, float, uint32_t, SS2SI_Q)
CVT(cvtsd2si_q, uint64_t, double, uint64_t, SD2SI_Q)
CVT(cvttss2si, uint32_t, float, uint32_t, SS2SI_T)
CVT(cvttsd2si, uint32_t, double, uint64_t, SD2SI_T)
CVT(cvttss2si_q, uint64_t, float, uint32_t, SS2SI_TQ)
CVT(cvttsd2si_q, uint64_t, double, uint64_t, SD2SI_TQ)
#else
TO_INT(cvtss2si, uint32_t, uint32_t, SSE_SS2SI)
TO_INT(cvtsd2si, uint32_t, uint64_t, SSE_SD2SI)
TO_INT(cvtss2si_q, uint64_t, uint32_t, SSE_SS2SI_Q)
TO_INT(cvtsd2si_q, uint64_t, uint64_t, SSE_SD2SI_Q)
TO_INT(cvttss2si, uint32_t, uint32_t, SSE_SS2SI_T)
TO_INT(cvttsd2si, uint32_t, uint64_t, SSE_SD2SI_T)
TO_INT(cvttss2si_q, uint64_t, uint32_t, SSE_SS2SI_TQ)
TO_INT(cvttsd2si_q, uint64_t, uint64_t, SSE_SD2SI_TQ)
#endif

static void run_to_int(CPUX86State *env QEMU_UNUSED, ExactOp *op)
{
    op->result = sse_to_int(op->kind, op->a);
}

uint64_t helper_cvt2si_exact(CPUX86State *env, uint64_t v, uint32_t kind)
{
    ExactOp op = { .run = run_to_int, .a = v, .kind = kind };

    run_exact(env, &op);
    return op.result;
}

uint32_t helper_ucomiss(CPUX86State *env QEMU_UNUSED, uint32_t a, uint32_t b) { return sse_compare(SSE_UCOMISS, a, b); }
uint32_t helper_comiss(CPUX86State *env QEMU_UNUSED, uint32_t a, uint32_t b) { return sse_compare(SSE_COMISS, a, b); }
uint32_t helper_ucomisd(CPUX86State *env QEMU_UNUSED, uint64_t a, uint64_t b) { return sse_compare(SSE_UCOMISD, a, b); }
uint32_t helper_comisd(CPUX86State *env QEMU_UNUSED, uint64_t a, uint64_t b) { return sse_compare(SSE_COMISD, a, b); }

static void run_compare(CPUX86State *env QEMU_UNUSED, ExactOp *op)
{
    op->result = sse_compare(op->kind, op->a, op->b);
}

uint32_t helper_comis_exact(CPUX86State *env, uint64_t a, uint64_t b, uint32_t kind)
{
    ExactOp op = { .run = run_compare, .a = a, .b = b, .kind = kind };

    run_exact(env, &op);
    return op.result;
}

/* ---- masks ---- */

static const void *at(const CPUX86State *env, uint32_t offset)
{
    return (const char *)env + offset;
}

uint32_t helper_movmskps(CPUX86State *env, uint32_t src)
{
    const XmmReg *x = at(env, src);

    return x->l[0] >> 31 | x->l[1] >> 31 << 1 | x->l[2] >> 31 << 2 | x->l[3] >> 31 << 3;
}

uint32_t helper_movmskpd(CPUX86State *env, uint32_t src)
{
    const XmmReg *x = at(env, src);

    return x->q[0] >> 63 | x->q[1] >> 63 << 1;
}

static uint32_t sign_mask8(uint64_t v)
{
    return (v & 0x8080808080808080ull) * 0x0002040810204081ull >> 56;
}

uint32_t helper_pmovmskb(CPUX86State *env, uint32_t src)
{
#ifdef __SSE2__
    return _mm_movemask_epi8(_mm_loadu_si128(at(env, src)));
#else
    const XmmReg *x = at(env, src);

    return sign_mask8(x->q[0]) | sign_mask8(x->q[1]) << 8;
#endif
}

uint32_t helper_pmovmskb_mm(CPUX86State *env, uint32_t src)
{
    return sign_mask8(*(const uint64_t *)at(env, src));
}

uint32_t helper_ptest(CPUX86State *env, uint32_t dst, uint32_t src)
{
    const XmmReg *d = at(env, dst), *s = at(env, src);

    return (((d->q[0] & s->q[0]) | (d->q[1] & s->q[1])) ? 0 : CC_Z)
           | (((~d->q[0] & s->q[0]) | (~d->q[1] & s->q[1])) ? 0 : CC_C);
}

/* ---- byte shifts of the whole register ---- */

void helper_pslldq(CPUX86State *env, uint32_t dst, uint32_t n)
{
    XmmReg *d = (XmmReg *)at(env, dst);
    uint8_t v[32] = { 0 };

    n = n > 16 ? 16 : n;
    memcpy(v + 16, d->b, 16);
    memcpy(d->b, v + 16 - n, 16);
}

void helper_psrldq(CPUX86State *env, uint32_t dst, uint32_t n)
{
    XmmReg *d = (XmmReg *)at(env, dst);
    uint8_t v[32] = { 0 };

    n = n > 16 ? 16 : n;
    memcpy(v, d->b, 16);
    memcpy(d->b, v + n, 16);
}

/* A mask of zeros faults as well: measured, and allowed by SDM vol. 2B, MASKMOVDQU. */
void helper_maskmov(CPUX86State *env, uint32_t data, uint32_t mask, uint32_t n, uint64_t addr, uint32_t mmu_idx)
{
    const uint8_t *d = at(env, data), *m = at(env, mask);

    cpu_probe(env, addr, n, true, mmu_idx);
    for (unsigned i = 0; i < n; i++) {
        if (m[i] & 0x80) {
            cpu_st(env, addr + i, d[i], 1, mmu_idx);
        }
    }
}

/* ---- PCMPxSTRx ---- */

typedef struct StrOperand {
    int32_t v[16];
    unsigned len;               /* valid elements */
} StrOperand;

static StrOperand str_operand(const XmmReg *x, uint32_t imm, uint64_t length)
{
    unsigned lanes = imm & 1 ? 8 : 16;
    bool sign = imm & 2;
    StrOperand s;

    for (unsigned i = 0; i < lanes; i++) {
        s.v[i] = imm & 1 ? (sign ? (int16_t)x->w[i] : x->w[i]) : (sign ? (int8_t)x->b[i] : x->b[i]);
    }
    if (imm & PCMPSTR_IMPLICIT) {
        for (s.len = 0; s.len < lanes && s.v[s.len]; s.len++) {
        }
    } else {
        uint64_t n = (int64_t)length < 0 ? -length : length;
        s.len = n > lanes ? lanes : n;
    }
    return s;
}

static unsigned equal_any(const StrOperand *a, const StrOperand *b, unsigned lanes QEMU_UNUSED)
{
    unsigned res = 0;

    for (unsigned j = 0; j < b->len; j++) {
        for (unsigned i = 0; i < a->len; i++) {
            res |= (a->v[i] == b->v[j]) << j;
        }
    }
    return res;
}

static unsigned in_ranges(const StrOperand *a, const StrOperand *b, unsigned lanes QEMU_UNUSED)
{
    unsigned res = 0;

    for (unsigned j = 0; j < b->len; j++) {
        for (unsigned i = 0; i + 1 < a->len; i += 2) {
            res |= (b->v[j] >= a->v[i] && b->v[j] <= a->v[i + 1]) << j;
        }
    }
    return res;
}

static unsigned equal_each(const StrOperand *a, const StrOperand *b, unsigned lanes)
{
    unsigned res = 0;

    for (unsigned i = 0; i < lanes; i++) {
        bool va = i < a->len, vb = i < b->len;
        res |= (va && vb ? a->v[i] == b->v[i] : va == vb) << i;
    }
    return res;
}

static unsigned equal_ordered(const StrOperand *a, const StrOperand *b, unsigned lanes)
{
    unsigned res = 0;

    for (unsigned j = 0; j < lanes; j++) {
        bool match = true;

        for (unsigned i = 0; i < a->len && i + j < lanes; i++) {
            match &= i + j < b->len && a->v[i] == b->v[i + j];
        }
        res |= match << j;
    }
    return res;
}

uint64_t helper_pcmpstr(CPUX86State *env, uint32_t a_off, uint32_t b_off, uint32_t imm, uint64_t len_a, uint64_t len_b)
{
    static unsigned (*const compare[4])(const StrOperand *, const StrOperand *, unsigned) = {
        equal_any, in_ranges, equal_each, equal_ordered,
    };
    StrOperand a = str_operand(at(env, a_off), imm, len_a), b = str_operand(at(env, b_off), imm, len_b);
    unsigned lanes = imm & 1 ? 8 : 16;
    unsigned res = compare[imm >> 2 & 3](&a, &b, lanes), out;
    uint64_t flags;

    if ((imm & 0x30) == 0x10) {
        res = ~res & ((1u << lanes) - 1);
    } else if ((imm & 0x30) == 0x30) {
        res ^= (1u << b.len) - 1;
    }
    if (imm & PCMPSTR_MASK) {
        out = res;
    } else if (!res) {
        out = lanes;
    } else {
        out = imm & 0x40 ? 31 - __builtin_clz(res) : __builtin_ctz(res);
    }
    flags = (res ? CC_C : 0) | (b.len < lanes ? CC_Z : 0) | (a.len < lanes ? CC_S : 0) | (res & 1 ? CC_O : 0);
    return out | flags << 32;
}

void helper_pcmpstrm(CPUX86State *env, uint32_t mask, uint32_t imm)
{
    XmmReg *d = &env->xmm[0];

    if (!(imm & 0x40)) {
        d->q[0] = mask;
        d->q[1] = 0;
        return;
    }
    for (unsigned i = 0; i < (imm & 1 ? 8 : 16); i++) {
        if (imm & 1) {
            d->w[i] = mask >> i & 1 ? 0xffff : 0;
        } else {
            d->b[i] = mask >> i & 1 ? 0xff : 0;
        }
    }
}
