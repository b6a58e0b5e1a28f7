/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SSE helpers: what does not fit "dst = op(dst, src, imm)", and the exact path for unmasked floating-point exceptions.
 *
 * Follows: SDM vol. 1, "SSE and SSE2 SIMD Floating-Point Exceptions"; vol. 2B, PCMPESTRI and "String and Text
 * Processing".
 */
#include "qemu/osdep.h"
#include "exec/cpu-mem.h"
#include "target-i386/helper-avx.h"
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
    IrVexArgs vex;
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

static void run_vex(CPUX86State *env, ExactOp *op)
{
    op->dst = (XmmReg) { .q = { 0 } };
    op->vex.dst = &op->dst;
    ir_vex_compute(env, op->vec, &op->vex);
}

void helper_vex_exact(CPUX86State *env, uint64_t vec, uint64_t dst_a, uint64_t b_c, uint32_t imm_len)
{
    char *base = (char *)env;
    ExactOp op = { .run = run_vex, .vec = (const IrVecOp *)(uintptr_t)vec };

    op.vex = (IrVexArgs){ .a = base + (dst_a >> 32),
                          .b = base + (uint32_t)b_c,
                          .c = base + (b_c >> 32),
                          .len = imm_len >> 8,
                          .imm = imm_len & 0xff };
    run_exact(env, &op);
    memcpy(base + (uint32_t)dst_a, &op.dst, 32);
}

/* ---- to general registers and flags ---- */

#define GET(name) \
    uint64_t get_##name(void *env QEMU_UNUSED, const void *a QEMU_UNUSED, const void *b, unsigned len QEMU_UNUSED, \
                        uint32_t imm QEMU_UNUSED)

#define TO_INT(name, kind, bytes)                                                                      \
GET(name)                                                                                              \
{                                                                                                      \
    uint64_t v = 0;                                                                                    \
    memcpy(&v, b, bytes);                                                                              \
    return sse_to_int(kind, v);                                                                        \
}
TO_INT(cvtss2si, SSE_SS2SI, 4)
TO_INT(cvtsd2si, SSE_SD2SI, 8)
TO_INT(cvtss2si_q, SSE_SS2SI_Q, 4)
TO_INT(cvtsd2si_q, SSE_SD2SI_Q, 8)
TO_INT(cvttss2si, SSE_SS2SI_T, 4)
TO_INT(cvttsd2si, SSE_SD2SI_T, 8)
TO_INT(cvttss2si_q, SSE_SS2SI_TQ, 4)
TO_INT(cvttsd2si_q, SSE_SD2SI_TQ, 8)

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

#define COMPARE(name, kind, bytes)                                                                     \
GET(name)                                                                                              \
{                                                                                                      \
    uint64_t x = 0, y = 0;                                                                             \
    memcpy(&x, a, bytes);                                                                              \
    memcpy(&y, b, bytes);                                                                              \
    return sse_compare(kind, x, y);                                                                    \
}
COMPARE(ucomiss, SSE_UCOMISS, 4)
COMPARE(comiss, SSE_COMISS, 4)
COMPARE(ucomisd, SSE_UCOMISD, 8)
COMPARE(comisd, SSE_COMISD, 8)

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

/* ---- single elements, masks ---- */

static const void *at(const CPUX86State *env, uint32_t offset)
{
    return (const char *)env + offset;
}

#define ELEMENT(get, put, field, count)                                                                \
GET(get) { return ((const XmmReg *)b)->field[imm & ((count) - 1)]; }                                   \
void put_##put(void *env QEMU_UNUSED, void *dst, uint64_t v, uint32_t imm)                             \
{                                                                                                      \
    ((XmmReg *)dst)->field[imm & ((count) - 1)] = v;                                                   \
}
ELEMENT(pextrb, pinsrb, b, 16)
ELEMENT(pextrw, pinsrw, w, 8)
ELEMENT(pextrd, pinsrd, l, 4)
ELEMENT(pextrq, pinsrq, q, 2)
GET(movd) { return ((const XmmReg *)b)->l[0]; }
GET(movq) { return ((const XmmReg *)b)->q[0]; }

void put_movd(void *env QEMU_UNUSED, void *dst, uint64_t v, uint32_t imm QEMU_UNUSED)
{
    memset(dst, 0, 16);
    ((XmmReg *)dst)->l[0] = v;
}

void put_movq(void *env QEMU_UNUSED, void *dst, uint64_t v, uint32_t imm QEMU_UNUSED)
{
    memset(dst, 0, 16);
    ((XmmReg *)dst)->q[0] = v;
}

#define SIGNS(name, field, bits)                                                                       \
GET(name)                                                                                              \
{                                                                                                      \
    uint32_t mask = 0;                                                                                 \
                                                                                                       \
    for (unsigned i = 0; i < 256 / (bits) && i < len * 8 / (bits); i++) {                              \
        mask |= (uint32_t)(((const XmmReg *)b)->field[i] >> ((bits) - 1)) << i;                        \
        asm("" : "+r"(mask));   /* no vector arithmetic of the compiler's: the guest's MXCSR is loaded */ \
    }                                                                                                  \
    return mask;                                                                                       \
}
SIGNS(movmskps, l, 32)
SIGNS(movmskpd, q, 64)
SIGNS(pmovmskb, b, 8)

GET(ptest)
{
    const XmmReg *d = a, *s = b;
    uint64_t both = 0, rest = 0;

    for (unsigned i = 0; i < len / 8; i++) {
        both |= d->q[i] & s->q[i];
        rest |= ~d->q[i] & s->q[i];
    }
    return (both ? 0 : CC_Z) | (rest ? 0 : CC_C);
}

uint32_t helper_pmovmskb_mm(CPUX86State *env, uint32_t src)
{
    return (*(const uint64_t *)at(env, src) & 0x8080808080808080ull) * 0x0002040810204081ull >> 56;
}

/* ---- masked stores ---- */

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
