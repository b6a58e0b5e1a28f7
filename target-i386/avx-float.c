/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fused multiply-add and half precision in C (avx-ops.c has the rows).
 *
 * FMA by the host's instruction where it has one, so that rounding, denormals and flags are its own; else by C's fma(),
 * which rounds once too, with x86's rules for NaNs, DAZ and FTZ around it. Half precision on the bits.
 * Follows: SDM vol. 1, "Fused-Multiply-ADD (FMA) Extensions" and "Half-Precision Floating-Point Conversion".
 */
#include "qemu/osdep.h"
#include <fenv.h>
#include <math.h>
#include "target-i386/helper-avx.h"
#ifdef __SSE2__
#include <immintrin.h>
#endif

#define IE 0x01u
#define DE 0x02u
#define OE 0x08u
#define UE 0x10u
#define PE 0x20u
#define DAZ 0x40u
#define UM 0x800u
#define FTZ 0x8000u

static void raise_flags(unsigned flags)
{
#ifdef __SSE2__
    _mm_setcsr(_mm_getcsr() | flags);
#else
    feraiseexcept((flags & IE ? FE_INVALID : 0) | (flags & OE ? FE_OVERFLOW : 0) | (flags & UE ? FE_UNDERFLOW : 0) |
                  (flags & PE ? FE_INEXACT : 0));
#endif
}

/* ---- FMA by the host ---- */

#ifdef __x86_64__

/* The form matters: it decides which of several NaNs survives. */
#define HOST_CASE(n, insn, x) case n: __asm__ volatile(insn " %2, %1, %0" : "+x"(x[0]) : "x"(x[1]), "x"(x[2])); break;
#define HOST_ORDERS(neg, name, type, x)                                                                                \
    HOST_CASE((neg) | FMA_132, name "132" type, x)                                                                     \
    HOST_CASE((neg) | FMA_213, name "213" type, x) HOST_CASE((neg) | FMA_231, name "231" type, x)
#define HOST_FMA(type, x)                                                                              \
    switch (how) {                                                                                     \
    HOST_ORDERS(0, "vfmadd", type, x)                                                                  \
    HOST_ORDERS(FMA_NEG_SUM, "vfmsub", type, x)                                                        \
    HOST_ORDERS(FMA_NEG_PRODUCT, "vfnmadd", type, x)                                                   \
    HOST_ORDERS(FMA_NEG_PRODUCT | FMA_NEG_SUM, "vfnmsub", type, x)                                     \
    }

static void host_fma64(unsigned how, double x[3])
{
    HOST_FMA("sd", x)
}

static void host_fma32(unsigned how, float x[3])
{
    HOST_FMA("ss", x)
}

static bool host_has_fma(void) { return __builtin_cpu_supports("fma"); }

#else

static void host_fma64(unsigned how QEMU_UNUSED, double x[3] QEMU_UNUSED) { }
static void host_fma32(unsigned how QEMU_UNUSED, float x[3] QEMU_UNUSED) { }
static bool host_has_fma(void) { return false; }

#endif

/* ---- FMA without ---- */

static double from64(uint64_t v) { double f; memcpy(&f, &v, 8); return f; }
static uint64_t bits64(double f) { uint64_t v; memcpy(&v, &f, 8); return v; }
static float from32(uint32_t v) { float f; memcpy(&f, &v, 4); return f; }
static uint32_t bits32(float f) { uint32_t v; memcpy(&v, &f, 4); return v; }

typedef struct Format {
    uint64_t sign, inf, quiet, frac;
} Format;
static const Format format64 = { 1ull << 63, 0x7ffull << 52, 1ull << 51, (1ull << 52) - 1 };
static const Format format32 = { 1ull << 31, 0xffull << 23, 1ull << 22, (1ull << 23) - 1 };

static bool is_nan(const Format *f, uint64_t v) { return (v & ~f->sign) > f->inf; }
static bool is_denormal(const Format *f, uint64_t v) { return !(v & f->inf) && (v & f->frac); }
static bool is_zero(const Format *f, uint64_t v) { return !(v & ~f->sign); }
static bool is_inf(const Format *f, uint64_t v) { return (v & ~f->sign) == f->inf; }

/* Which operands are the factors and the summand. */
static const uint8_t factor[3] = { 0, 1, 1 }, factor2[3] = { 2, 0, 2 }, summand[3] = { 1, 2, 0 };

static bool invalid_product(const Format *f, uint64_t x, uint64_t y)
{
    return (is_inf(f, x) && is_zero(f, y)) || (is_zero(f, x) && is_inf(f, y));
}

static bool infinities_cancel(const Format *f, unsigned how, uint64_t x, uint64_t y, uint64_t z)
{
    bool product_negative = !!((x ^ y) & f->sign) ^ !!(how & FMA_NEG_PRODUCT),
         z_negative = !!(z & f->sign) ^ !!(how & FMA_NEG_SUM);

    return (is_inf(f, x) || is_inf(f, y)) && is_inf(f, z) && product_negative != z_negative;
}

/*
 * DAZ, NaNs (that of a factor survives before the summand's), invalid operations, denormal operands. True: *result is
 * the result.
 */
static bool special(const Format *f, uint32_t mxcsr, unsigned how, uint64_t v[3], uint64_t *result)
{
    unsigned order = how & 3;
    bool denormal = false, signalling = false;

    for (unsigned i = 0; i < 3; i++) {
        denormal |= is_denormal(f, v[i]) && !(mxcsr & DAZ);
        v[i] &= is_denormal(f, v[i]) && (mxcsr & DAZ) ? f->sign : ~0ull;
        signalling |= is_nan(f, v[i]) && !(v[i] & f->quiet);
    }
    for (unsigned i = 0; i < 3; i++) {
        uint64_t x = v[i == 0 ? factor[order] : i == 1 ? factor2[order] : summand[order]];

        if (is_nan(f, x)) {
            raise_flags(signalling ? IE : 0);
            *result = x | f->quiet;
            return true;
        }
    }
    if (invalid_product(f, v[factor[order]], v[factor2[order]]) ||
        infinities_cancel(f, how, v[factor[order]], v[factor2[order]], v[summand[order]])) {
        raise_flags(IE);
        *result = f->sign | f->inf | f->quiet;
        return true;
    }
    raise_flags(denormal ? DE : 0);
    return false;
}

/* What tininess does to a result while FTZ says so: also to one that was rounded up to the least normal number. */
static uint64_t flush(const Format *f, uint32_t mxcsr, uint64_t v, bool underflow)
{
    if ((mxcsr & FTZ) && (mxcsr & UM) && (underflow || is_denormal(f, v))) {
        raise_flags(UE | PE);
        return v & f->sign;
    }
    return v;
}

static uint32_t enter_fma(void)
{
#ifdef __SSE2__
    uint32_t old = _mm_getcsr();

    _mm_setcsr(old & ~(DAZ | FTZ | 0x3f));
    return old;
#else
    return 0;
#endif
}

/* True: underflow. The flags found meanwhile stay, DE excepted: it comes from inner steps. */
static bool leave_fma(uint32_t old QEMU_UNUSED)
{
#ifdef __SSE2__
    uint32_t found = _mm_getcsr() & (IE | OE | UE | PE);

    _mm_setcsr(old | found);
    return found & UE;
#else
    return false;
#endif
}

uint64_t fma64_bits(const CPUX86State *env, unsigned how, const uint64_t op[3], bool soft)
{
    uint64_t v[3] = { op[0], op[1], op[2] }, result;
    double x[3] = { from64(op[0]), from64(op[1]), from64(op[2]) };
    unsigned order = how & 3;
    uint32_t saved;

    if (!soft && host_has_fma()) {
        host_fma64(how, x);
        return bits64(x[0]);
    }
    if (special(&format64, env->mxcsr, how, v, &result)) {
        return result;
    }
    saved = enter_fma();
    v[factor[order]] ^= how & FMA_NEG_PRODUCT ? format64.sign : 0;
    v[summand[order]] ^= how & FMA_NEG_SUM ? format64.sign : 0;
    result = bits64(fma(from64(v[factor[order]]), from64(v[factor2[order]]), from64(v[summand[order]])));
    return flush(&format64, env->mxcsr, result, leave_fma(saved));
}

uint32_t fma32_bits(const CPUX86State *env, unsigned how, const uint32_t op[3], bool soft)
{
    uint64_t v[3] = { op[0], op[1], op[2] }, result;
    float x[3] = { from32(op[0]), from32(op[1]), from32(op[2]) };
    unsigned order = how & 3;
    uint32_t saved;

    if (!soft && host_has_fma()) {
        host_fma32(how, x);
        return bits32(x[0]);
    }
    if (special(&format32, env->mxcsr, how, v, &result)) {
        return (uint32_t)result;
    }
    saved = enter_fma();
    v[factor[order]] ^= how & FMA_NEG_PRODUCT ? format32.sign : 0;
    v[summand[order]] ^= how & FMA_NEG_SUM ? format32.sign : 0;
    result = bits32(fmaf(from32((uint32_t)v[factor[order]]), from32((uint32_t)v[factor2[order]]),
                         from32((uint32_t)v[summand[order]])));
    return (uint32_t)flush(&format32, env->mxcsr, result, leave_fma(saved));
}

/* ---- FMA instructions ---- */

/* Elements 0 .. n-1: c is the old destination, the first operand. odd: what is negated in odd elements. */
static void fma_elements(void *env, const IrVexArgs *x, FmaOrder order, bool wide, unsigned n, unsigned even,
                         unsigned odd)
{
    const XmmReg *a = x->a, *b = x->b, *c = x->c;
    XmmReg *d = x->dst;

    for (unsigned i = 0; i < n; i++) {
        unsigned how = order | (i & 1 ? odd : even);

        if (wide) {
            d->q[i] = fma64_bits(env, how, (uint64_t[]) { c->q[i], a->q[i], b->q[i] }, false);
        } else {
            d->l[i] = fma32_bits(env, how, (uint32_t[]) { c->l[i], a->l[i], b->l[i] }, false);
        }
    }
}

/* The rest of a scalar's register is the old destination's. */
static void fma_scalar(void *env, const IrVexArgs *x, FmaOrder order, bool wide, unsigned how)
{
    memcpy(x->dst, x->c, 16);
    fma_elements(env, x, order, wide, 1, how, how);
}

#define PACKED(name, order, even, odd)                                                                 \
void vex_##name##ps##order(void *env, const IrVexArgs *x)                                              \
{                                                                                                      \
    fma_elements(env, x, FMA_##order, false, x->len / 4, even, odd);                                   \
}                                                                                                      \
void vex_##name##pd##order(void *env, const IrVexArgs *x)                                              \
{                                                                                                      \
    fma_elements(env, x, FMA_##order, true, x->len / 8, even, odd);                                    \
}
#define SCALAR(name, order, negate)                                                                    \
void vex_##name##ss##order(void *env, const IrVexArgs *x) { fma_scalar(env, x, FMA_##order, false, negate); } \
void vex_##name##sd##order(void *env, const IrVexArgs *x) { fma_scalar(env, x, FMA_##order, true, negate); }
#define ORDERS(name, negate)                                                                           \
    PACKED(name, 132, negate, negate) PACKED(name, 213, negate, negate) PACKED(name, 231, negate, negate) \
    SCALAR(name, 132, negate) SCALAR(name, 213, negate) SCALAR(name, 231, negate)
#define ALTERNATING(name, even, odd) \
    PACKED(name, 132, even, odd) PACKED(name, 213, even, odd) PACKED(name, 231, even, odd)
ORDERS(fmadd, 0)
ORDERS(fmsub, FMA_NEG_SUM)
ORDERS(fnmadd, FMA_NEG_PRODUCT)
ORDERS(fnmsub, FMA_NEG_PRODUCT | FMA_NEG_SUM)
ALTERNATING(fmaddsub, FMA_NEG_SUM, 0)
ALTERNATING(fmsubadd, 0, FMA_NEG_SUM)

/* ---- half precision ---- */

static uint32_t half_to_float(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exp = h >> 10 & 31, frac = h & 0x3ff;

    if (exp == 31) {
        if (frac && !(frac & 0x200)) {
            raise_flags(IE);
        }
        return sign | 0x7f800000 | frac << 13 | (frac ? 0x400000 : 0);
    }
    if (exp == 0) {
        unsigned shift;

        if (!frac) {
            return sign;
        }
        shift = (unsigned)__builtin_clz(frac) - 21;     /* 1: the top bit of the fraction */
        return sign | (113 - shift) << 23 | (frac << shift & 0x3ff) << 13;
    }
    return sign | (exp + 112) << 23 | frac << 13;
}

/* mode: 0 nearest even, 1 down, 2 up, 3 to zero. True: away from zero. */
static bool rounds_away(unsigned mode, bool negative, uint32_t kept, uint32_t rest, uint32_t half)
{
    return mode == 0 ? rest > half || (rest == half && (kept & 1))
                     : rest && (mode == 1 ? negative : mode == 2 && !negative);
}

static uint16_t half_overflow(unsigned mode, uint16_t sign)
{
    raise_flags(OE | PE);
    return sign | (mode == 3 || mode == (sign ? 2 : 1) ? 0x7bff : 0x7c00);
}

/* Tininess is found after rounding, as by all of SSE. FTZ has no effect here. */
static uint16_t float_to_half(uint32_t mxcsr, uint32_t v, unsigned mode)
{
    uint16_t sign = v >> 16 & 0x8000;
    int exp = (int)(v >> 23 & 255) - 127;
    uint32_t m = v & 0x7fffff, shift = 13, kept, rest, half;
    bool tiny;

    if (exp == 128) {
        if (!m) {
            return sign | 0x7c00;
        }
        raise_flags(m & 0x400000 ? 0 : IE);
        return sign | 0x7e00 | m >> 13;
    }
    if (exp == -127) {
        if (!m || (mxcsr & DAZ)) {
            return sign;
        }
        raise_flags(DE);
        exp = -126;
    } else {
        m |= 0x800000;
    }
    if (exp > 15) {
        return half_overflow(mode, sign);
    }
    tiny = exp < -15 || (exp == -15 && (m >> 13) + rounds_away(mode, sign, m >> 13, m & 0x1fff, 0x1000) < 0x800);
    if (exp < -14) {
        shift += MIN(-14 - exp, 12);                    /* all of it is below one half of the least: sticky only */
        m = exp < -26 ? 1 : m;
    }
    kept = m >> shift;
    rest = m & ((1u << shift) - 1);
    half = 1u << (shift - 1);
    if (tiny && (rest || !(mxcsr & UM))) {
        raise_flags(UE);
    }
    if (rest) {
        raise_flags(PE);
    }
    kept += rounds_away(mode, sign, kept, rest, half);
    kept += exp >= -14 ? (uint32_t)(exp + 14) << 10 : 0;
    return kept >= 0x7c00 ? half_overflow(mode, sign) : sign | kept;
}

void vex_vcvtph2ps(void *env QEMU_UNUSED, const IrVexArgs *x)
{
    for (unsigned i = 0; i < x->len / 4; i++) {
        ((XmmReg *)x->dst)->l[i] = half_to_float(((const XmmReg *)x->b)->w[i]);
    }
}

void vex_vcvtps2ph(void *env, const IrVexArgs *x)
{
    uint32_t mxcsr = ((CPUX86State *)env)->mxcsr;
    unsigned mode = x->imm & 4 ? mxcsr >> 13 & 3 : x->imm & 3;

    for (unsigned i = 0; i < x->len / 4; i++) {
        ((XmmReg *)x->dst)->w[i] = float_to_half(mxcsr, ((const XmmReg *)x->b)->l[i], mode);
    }
}
