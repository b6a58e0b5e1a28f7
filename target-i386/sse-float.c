/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SSE floating point in C: what an IrVecOp's fn does (sse-ops.c has the rows), one element at a time.
 *
 * On x86 hosts an element is computed by the host's scalar instruction, in asm so that the compiler keeps the operands'
 * order: which NaN survives depends on it. The host's MXCSR gives rounding, DAZ and FTZ and collects the flags.
 * Elsewhere by C's operators with the NaN rules added; DAZ, FTZ and the denormal flag are then not modelled.
 * Follows: SDM vol. 1, "SIMD Floating-Point Exceptions"; vol. 2, the single instructions.
 */
#include "qemu/osdep.h"
#include <math.h>
#include "target-i386/sse-fn.h"

typedef uint32_t __attribute__((may_alias)) a_u32;
typedef uint64_t __attribute__((may_alias)) a_u64;
typedef int32_t __attribute__((may_alias)) a_s32;
typedef float __attribute__((may_alias)) a_f32;
typedef double __attribute__((may_alias)) a_f64;

#define FN(name) void fn_##name(void *env QEMU_UNUSED, void *dst, const void *src QEMU_UNUSED, uint32_t imm QEMU_UNUSED)

static inline uint32_t bits32(float f) { uint32_t v; memcpy(&v, &f, 4); return v; }
static inline float from32(uint32_t v) { float f; memcpy(&f, &v, 4); return f; }
static inline uint64_t bits64(double f) { uint64_t v; memcpy(&v, &f, 8); return v; }
static inline double from64(uint64_t v) { double f; memcpy(&f, &v, 8); return f; }

/* ---- one element ---- */

#ifdef __SSE2__

#define PRIM2(name)                                                                                    \
static inline float f32_##name(float d, float s)                                                       \
{                                                                                                      \
    __asm__ volatile(#name "ss %1, %0" : "+x"(d) : "x"(s));                                            \
    return d;                                                                                          \
}                                                                                                      \
static inline double f64_##name(double d, double s)                                                    \
{                                                                                                      \
    __asm__ volatile(#name "sd %1, %0" : "+x"(d) : "x"(s));                                            \
    return d;                                                                                          \
}
#define PRIM1(fname, insn, TD, TS, cd, cs)                                                             \
static inline TD fname(TS s)                                                                           \
{                                                                                                      \
    TD d;                                                                                              \
    __asm__ volatile(insn " %1, %0" : "=" cd(d) : cs(s));                                              \
    return d;                                                                                          \
}
PRIM1(f32_rcp, "rcpss", float, float, "x", "x")
PRIM1(f32_rsqrt, "rsqrtss", float, float, "x", "x")
PRIM1(f32_sqrt, "sqrtss", float, float, "x", "x")
PRIM1(f64_sqrt, "sqrtsd", double, double, "x", "x")
PRIM1(f32_to_f64, "cvtss2sd", double, float, "x", "x")
PRIM1(f64_to_f32, "cvtsd2ss", float, double, "x", "x")
PRIM1(f32_from_i32, "cvtsi2ssl", float, int32_t, "x", "r")
PRIM1(f64_from_i32, "cvtsi2sdl", double, int32_t, "x", "r")
PRIM1(f32_to_i32, "cvtss2sil", int32_t, float, "r", "x")
PRIM1(f64_to_i32, "cvtsd2sil", int32_t, double, "r", "x")
PRIM1(f32_trunc_i32, "cvttss2sil", int32_t, float, "r", "x")
PRIM1(f64_trunc_i32, "cvttsd2sil", int32_t, double, "r", "x")
#ifdef __x86_64__
PRIM1(f32_from_i64, "cvtsi2ssq", float, int64_t, "x", "r")
PRIM1(f64_from_i64, "cvtsi2sdq", double, int64_t, "x", "r")
PRIM1(f32_to_i64, "cvtss2siq", int64_t, float, "r", "x")
PRIM1(f64_to_i64, "cvtsd2siq", int64_t, double, "r", "x")
PRIM1(f32_trunc_i64, "cvttss2siq", int64_t, float, "r", "x")
PRIM1(f64_trunc_i64, "cvttsd2siq", int64_t, double, "r", "x")
#define HAVE_PRIM_I64
#endif

#define CMP_CASE(insn, n) case n: __asm__ volatile(insn " $" #n ", %1, %0" : "+x"(d) : "x"(s)); break;
#define CMP_CASES(insn) CMP_CASE(insn, 0) CMP_CASE(insn, 1) CMP_CASE(insn, 2) CMP_CASE(insn, 3)         \
    CMP_CASE(insn, 4) CMP_CASE(insn, 5) CMP_CASE(insn, 6) CMP_CASE(insn, 7)
static uint32_t f32_cmp(float d, float s, unsigned pred)
{
    switch (pred & 7) { CMP_CASES("cmpss") }
    return bits32(d);
}

static uint64_t f64_cmp(double d, double s, unsigned pred)
{
    switch (pred & 7) { CMP_CASES("cmpsd") }
    return bits64(d);
}

#define COMPARE(fname, insn, T)                                                                        \
static uint32_t fname(T a, T b)                                                                        \
{                                                                                                      \
    uint8_t z, p, c;                                                                                   \
    __asm__ volatile(insn " %4, %3\n\tsetz %0\n\tsetp %1\n\tsetc %2"                                   \
                     : "=&q"(z), "=&q"(p), "=&q"(c) : "x"(a), "x"(b) : "cc");                          \
    return (z ? CC_Z : 0) | (p ? CC_P : 0) | (c ? CC_C : 0);                                           \
}
COMPARE(f32_comi, "comiss", float)
COMPARE(f64_comi, "comisd", double)
COMPARE(f32_ucomi, "ucomiss", float)
COMPARE(f64_ucomi, "ucomisd", double)

#else /* not x86 */

static float nan32(float d, float s, float r)
{
    if (isnan(d) || isnan(s)) {
        return from32(bits32(isnan(d) ? d : s) | 0x400000);
    }
    return isnan(r) ? from32(0xffc00000) : r;
}

static double nan64(double d, double s, double r)
{
    if (isnan(d) || isnan(s)) {
        return from64(bits64(isnan(d) ? d : s) | 0x8000000000000ull);
    }
    return isnan(r) ? from64(0xfff8000000000000ull) : r;
}

#define SOFT2(name, op)                                                                                \
static inline float f32_##name(float d, float s) { return nan32(d, s, d op s); }                       \
static inline double f64_##name(double d, double s) { return nan64(d, s, d op s); }
#define PRIM2(name) SOFT2_##name
#define SOFT2_add SOFT2(add, +)
#define SOFT2_sub SOFT2(sub, -)
#define SOFT2_mul SOFT2(mul, *)
#define SOFT2_div SOFT2(div, /)
#define SOFT2_min                                                                                      \
static inline float f32_min(float d, float s) { return d < s ? d : s; }                                \
static inline double f64_min(double d, double s) { return d < s ? d : s; }
#define SOFT2_max                                                                                      \
static inline float f32_max(float d, float s) { return d > s ? d : s; }                                \
static inline double f64_max(double d, double s) { return d > s ? d : s; }
static inline float f32_rcp(float s) { return from32(bits32(1 / s) & ~0xfffu); }
static inline float f32_rsqrt(float s) { return from32(bits32(1 / sqrtf(s)) & ~0xfffu); }
static inline float f32_sqrt(float s) { return nan32(s, s, sqrtf(s)); }
static inline double f64_sqrt(double s) { return nan64(s, s, sqrt(s)); }
static inline double f32_to_f64(float s) { return s; }
static inline float f64_to_f32(double s) { return s; }
static inline float f32_from_i32(int32_t s) { return s; }
static inline double f64_from_i32(int32_t s) { return s; }
static int64_t to_int(double v, int n)
{
    double l = ldexp(1, n - 1);

    return v >= -l && v < l ? (int64_t)v : INT64_MIN >> (64 - n);
}
static inline int32_t f64_to_i32(double s) { return to_int(rint(s), 32); }
static inline int32_t f32_to_i32(float s) { return to_int(rint(s), 32); }
static inline int32_t f64_trunc_i32(double s) { return to_int(trunc(s), 32); }
static inline int32_t f32_trunc_i32(float s) { return to_int(trunc(s), 32); }
static uint64_t f64_cmp(double a, double b, unsigned pred)
{
    bool un = isunordered(a, b);
    bool r = (pred & 3) == 0 ? a == b : (pred & 3) == 1 ? a < b : (pred & 3) == 2 ? a <= b : un;

    return r != (pred >> 2 & 1) ? ~0ull : 0;
}
static uint32_t f32_cmp(float a, float b, unsigned pred) { return f64_cmp(a, b, pred); }
static uint32_t f64_ucomi(double a, double b)
{
    return isunordered(a, b) ? CC_Z | CC_P | CC_C : a > b ? 0 : a < b ? CC_C : CC_Z;
}
static uint32_t f32_ucomi(float a, float b) { return f64_ucomi(a, b); }
#define f64_comi f64_ucomi
#define f32_comi f32_ucomi

#endif

#ifndef HAVE_PRIM_I64
static int64_t to_i64(double v) { return v >= -0x1p63 && v < 0x1p63 ? (int64_t)v : INT64_MIN; }
static inline float f32_from_i64(int64_t s) { return s; }
static inline double f64_from_i64(int64_t s) { return s; }
static inline int64_t f64_to_i64(double s) { return to_i64(rint(s)); }
static inline int64_t f32_to_i64(float s) { return to_i64(rint(s)); }
static inline int64_t f64_trunc_i64(double s) { return to_i64(s); }
static inline int64_t f32_trunc_i64(float s) { return to_i64(s); }
#endif

PRIM2(add)
PRIM2(sub)
PRIM2(mul)
PRIM2(div)
PRIM2(min)
PRIM2(max)

/* ---- arithmetic: ps, pd, ss, sd ---- */

#define LANES(name, T, count, expr)                                                                    \
FN(name)                                                                                               \
{                                                                                                      \
    a_##T *d = dst;                                                                                    \
    const a_##T *s = src;                                                                              \
                                                                                                       \
    for (unsigned i = 0; i < (count); i++) {                                                           \
        d[i] = (expr);                                                                                 \
    }                                                                                                  \
}
#define FOUR(name)                                                                                     \
    LANES(name##ps, f32, 4, f32_##name(d[i], s[i])) LANES(name##ss, f32, 1, f32_##name(d[i], s[i]))    \
    LANES(name##pd, f64, 2, f64_##name(d[i], s[i])) LANES(name##sd, f64, 1, f64_##name(d[i], s[i]))
FOUR(add)
FOUR(sub)
FOUR(mul)
FOUR(div)
FOUR(min)
FOUR(max)
LANES(sqrtps, f32, 4, f32_sqrt(s[i]))
LANES(sqrtss, f32, 1, f32_sqrt(s[i]))
LANES(sqrtpd, f64, 2, f64_sqrt(s[i]))
LANES(sqrtsd, f64, 1, f64_sqrt(s[i]))
LANES(rcpps, f32, 4, f32_rcp(s[i]))
LANES(rcpss, f32, 1, f32_rcp(s[i]))
LANES(rsqrtps, f32, 4, f32_rsqrt(s[i]))
LANES(rsqrtss, f32, 1, f32_rsqrt(s[i]))

#define CMP(name, T, bits, count)                                                                      \
FN(name)                                                                                               \
{                                                                                                      \
    for (unsigned i = 0; i < (count); i++) {                                                           \
        ((a_u##bits *)dst)[i] = f##bits##_cmp(((a_##T *)dst)[i], ((const a_##T *)src)[i], imm);        \
    }                                                                                                  \
}
CMP(cmpps, f32, 32, 4)
CMP(cmpss, f32, 32, 1)
CMP(cmppd, f64, 64, 2)
CMP(cmpsd, f64, 64, 1)

/*
 * VEX: a predicate is a set of relations for which it is true. It signals invalid for any NaN, or for signalling ones
 * only (SDM vol. 2A, CMPPD, "Comparison Predicate for CMPPD and VCMPPD Instructions").
 */
enum { REL_LT = 1, REL_EQ = 2, REL_GT = 4, REL_UN = 8 };
static const uint8_t predicates[16] = {
    REL_EQ, REL_LT, REL_LT | REL_EQ, REL_UN, REL_LT | REL_GT | REL_UN, REL_EQ | REL_GT | REL_UN, REL_GT | REL_UN,
    REL_LT | REL_EQ | REL_GT, REL_EQ | REL_UN, REL_LT | REL_UN, REL_LT | REL_EQ | REL_UN, 0, REL_LT | REL_GT,
    REL_EQ | REL_GT, REL_GT, REL_LT | REL_EQ | REL_GT | REL_UN,
};

static bool predicate_holds(uint32_t flags, unsigned pred)
{
    unsigned rel = flags & CC_P ? REL_UN : flags & CC_C ? REL_LT : flags & CC_Z ? REL_EQ : REL_GT;

    return predicates[pred & 15] & rel;
}

static bool predicate_signals(unsigned pred)
{
    return (0x6666u >> (pred & 15) & 1) ^ (pred >> 4 & 1);
}

#define VEX_CMP(name, T, bits)                                                                         \
static uint##bits##_t f##bits##_vex_cmp(T a, T b, unsigned pred)                                       \
{                                                                                                      \
    uint32_t flags = predicate_signals(pred) ? f##bits##_comi(a, b) : f##bits##_ucomi(a, b);           \
                                                                                                       \
    return predicate_holds(flags, pred) ? (uint##bits##_t)~0ull : 0;                                   \
}                                                                                                      \
void vex_cmpp##name(void *env QEMU_UNUSED, const IrVexArgs *x)                                         \
{                                                                                                      \
    for (unsigned i = 0; i < x->len * 8 / (bits); i++) {                                               \
        a_f##bits a = ((const a_f##bits *)x->a)[i], b = ((const a_f##bits *)x->b)[i];                  \
                                                                                                       \
        ((a_u##bits *)x->dst)[i] = f##bits##_vex_cmp(a, b, x->imm);                                    \
    }                                                                                                  \
}                                                                                                      \
void vex_cmps##name(void *env QEMU_UNUSED, const IrVexArgs *x)                                         \
{                                                                                                      \
    memcpy(x->dst, x->a, 16);                                                                          \
    *(a_u##bits *)x->dst = f##bits##_vex_cmp(*(const a_f##bits *)x->a, *(const a_f##bits *)x->b, x->imm); \
}
VEX_CMP(s, float, 32)
VEX_CMP(d, double, 64)

/* Even elements subtract, odd ones add. */
LANES(addsubps, f32, 4, i & 1 ? f32_add(d[i], s[i]) : f32_sub(d[i], s[i]))
LANES(addsubpd, f64, 2, i & 1 ? f64_add(d[i], s[i]) : f64_sub(d[i], s[i]))

#define HORIZONTAL(name, T, count, op)                                                                 \
FN(name)                                                                                               \
{                                                                                                      \
    a_##T v[2 * (count)];                                                                              \
                                                                                                       \
    memcpy(v, dst, 16);                                                                                \
    memcpy(v + (count), src, 16);                                                                      \
    for (unsigned i = 0; i < (count); i++) {                                                           \
        ((a_##T *)dst)[i] = op(v[2 * i], v[2 * i + 1]);                                                \
    }                                                                                                  \
}
HORIZONTAL(haddps, f32, 4, f32_add)
HORIZONTAL(haddpd, f64, 2, f64_add)
HORIZONTAL(hsubps, f32, 4, f32_sub)
HORIZONTAL(hsubpd, f64, 2, f64_sub)

/* Products of unselected elements are +0 and not computed; the sum is (0 + 1) + (2 + 3). */
FN(dpps)
{
    float p[4];
    float sum;

    for (unsigned i = 0; i < 4; i++) {
        p[i] = imm >> (4 + i) & 1 ? f32_mul(((a_f32 *)dst)[i], ((const a_f32 *)src)[i]) : 0;
    }
    sum = f32_add(f32_add(p[0], p[1]), f32_add(p[2], p[3]));
    for (unsigned i = 0; i < 4; i++) {
        ((a_u32 *)dst)[i] = imm >> i & 1 ? bits32(sum) : 0;
    }
}

FN(dppd)
{
    double p[2];
    double sum;

    for (unsigned i = 0; i < 2; i++) {
        p[i] = imm >> (4 + i) & 1 ? f64_mul(((a_f64 *)dst)[i], ((const a_f64 *)src)[i]) : 0;
    }
    sum = f64_add(p[0], p[1]);
    for (unsigned i = 0; i < 2; i++) {
        ((a_u64 *)dst)[i] = imm >> i & 1 ? bits64(sum) : 0;
    }
}

/* ---- conversions ---- */

FN(cvtps2pd)
{
    float a = ((const a_f32 *)src)[0], b = ((const a_f32 *)src)[1];

    ((a_f64 *)dst)[0] = f32_to_f64(a);
    ((a_f64 *)dst)[1] = f32_to_f64(b);
}

FN(cvtpd2ps)
{
    float a = f64_to_f32(((const a_f64 *)src)[0]), b = f64_to_f32(((const a_f64 *)src)[1]);

    ((a_f32 *)dst)[0] = a;
    ((a_f32 *)dst)[1] = b;
    ((a_u64 *)dst)[1] = 0;
}

FN(cvtss2sd) { ((a_f64 *)dst)[0] = f32_to_f64(((const a_f32 *)src)[0]); }
FN(cvtsd2ss) { ((a_f32 *)dst)[0] = f64_to_f32(((const a_f64 *)src)[0]); }

LANES(cvtdq2ps, f32, 4, f32_from_i32(((const a_s32 *)s)[i]))
LANES(cvtpi2ps, f32, 2, f32_from_i32(((const a_s32 *)s)[i]))
FN(cvtps2dq) { for (int i = 0; i < 4; i++) { ((a_s32 *)dst)[i] = f32_to_i32(((const a_f32 *)src)[i]); } }
FN(cvttps2dq) { for (int i = 0; i < 4; i++) { ((a_s32 *)dst)[i] = f32_trunc_i32(((const a_f32 *)src)[i]); } }
FN(cvtps2pi) { for (int i = 0; i < 2; i++) { ((a_s32 *)dst)[i] = f32_to_i32(((const a_f32 *)src)[i]); } }
FN(cvttps2pi) { for (int i = 0; i < 2; i++) { ((a_s32 *)dst)[i] = f32_trunc_i32(((const a_f32 *)src)[i]); } }

FN(cvtdq2pd)
{
    int32_t a = ((const a_s32 *)src)[0], b = ((const a_s32 *)src)[1];

    ((a_f64 *)dst)[0] = f64_from_i32(a);
    ((a_f64 *)dst)[1] = f64_from_i32(b);
}

static void pd_to_i32(void *dst, const void *src, int32_t (*conv)(double))
{
    int32_t a = conv(((const a_f64 *)src)[0]), b = conv(((const a_f64 *)src)[1]);

    ((a_s32 *)dst)[0] = a;
    ((a_s32 *)dst)[1] = b;
}

FN(cvtpd2pi) { pd_to_i32(dst, src, f64_to_i32); }
FN(cvttpd2pi) { pd_to_i32(dst, src, f64_trunc_i32); }
FN(cvtpd2dq)
{
    pd_to_i32(dst, src, f64_to_i32);
    ((a_u64 *)dst)[1] = 0;
}

FN(cvttpd2dq)
{
    pd_to_i32(dst, src, f64_trunc_i32);
    ((a_u64 *)dst)[1] = 0;
}

/* VEX.256: 32 bytes become 16. */
#define NARROW(name, TD, TS, conv)                                                                     \
void vex_##name(void *env QEMU_UNUSED, const IrVexArgs *x)                                             \
{                                                                                                      \
    for (unsigned i = 0; i < x->len / 8; i++) {                                                        \
        ((a_##TD *)x->dst)[i] = conv(((const a_##TS *)x->b)[i]);                                       \
    }                                                                                                  \
}
NARROW(cvtpd2ps, f32, f64, f64_to_f32)
NARROW(cvtpd2dq, s32, f64, f64_to_i32)
NARROW(cvttpd2dq, s32, f64, f64_trunc_i32)

FN(cvtsi2ss) { *(a_f32 *)dst = f32_from_i32(*(const a_s32 *)src); }
FN(cvtsi2sd) { *(a_f64 *)dst = f64_from_i32(*(const a_s32 *)src); }
FN(cvtsi2ss_q) { *(a_f32 *)dst = f32_from_i64(*(const a_u64 *)src); }
FN(cvtsi2sd_q) { *(a_f64 *)dst = f64_from_i64(*(const a_u64 *)src); }

void put_cvtsi2ss(void *env QEMU_UNUSED, void *dst, uint64_t v, uint32_t imm QEMU_UNUSED)
{
    *(a_f32 *)dst = f32_from_i32((int32_t)v);
}
void put_cvtsi2sd(void *env QEMU_UNUSED, void *dst, uint64_t v, uint32_t imm QEMU_UNUSED)
{
    *(a_f64 *)dst = f64_from_i32((int32_t)v);
}
void put_cvtsi2ss_q(void *env QEMU_UNUSED, void *dst, uint64_t v, uint32_t imm QEMU_UNUSED)
{
    *(a_f32 *)dst = f32_from_i64((int64_t)v);
}
void put_cvtsi2sd_q(void *env QEMU_UNUSED, void *dst, uint64_t v, uint32_t imm QEMU_UNUSED)
{
    *(a_f64 *)dst = f64_from_i64((int64_t)v);
}

/* To general registers: sse-helpers.c calls these. */
uint64_t sse_to_int(SseToInt kind, uint64_t v)
{
    switch (kind) {
    case SSE_SS2SI: return (uint32_t)f32_to_i32(from32(v));
    case SSE_SD2SI: return (uint32_t)f64_to_i32(from64(v));
    case SSE_SS2SI_Q: return f32_to_i64(from32(v));
    case SSE_SD2SI_Q: return f64_to_i64(from64(v));
    case SSE_SS2SI_T: return (uint32_t)f32_trunc_i32(from32(v));
    case SSE_SD2SI_T: return (uint32_t)f64_trunc_i32(from64(v));
    case SSE_SS2SI_TQ: return f32_trunc_i64(from32(v));
    case SSE_SD2SI_TQ: return f64_trunc_i64(from64(v));
    }
    return 0;
}

uint32_t sse_compare(SseCompare kind, uint64_t a, uint64_t b)
{
    switch (kind) {
    case SSE_UCOMISS: return f32_ucomi(from32(a), from32(b));
    case SSE_COMISS: return f32_comi(from32(a), from32(b));
    case SSE_UCOMISD: return f64_ucomi(from64(a), from64(b));
    case SSE_COMISD: return f64_comi(from64(a), from64(b));
    }
    return 0;
}

/* ---- rounding to integers ---- */

#define MXCSR_DAZ 0x40u

/* SNaN: quieted by an operation that raises IE. PE by one that is inexact. */
static double quiet_nan(double v) { return f64_add(v, v); }
static void raise_inexact(void) { f64_add(1.0, 0x1p-60); }

/*
 * mode: 0 nearest even, 1 down, 2 up, 3 to zero. On the bits, because C's functions follow the host's mode and
 * flags: sign-magnitude, frac_bits of fraction, the unit in the place given by the exponent.
 */
static uint64_t round_bits(uint64_t v, unsigned frac_bits, unsigned exp_bits, unsigned mode, bool *inexact)
{
    unsigned width = 1 + frac_bits + exp_bits;
    uint64_t sign = v & 1ull << (width - 1), mag = v & ~(1ull << (width - 1) | ~0ull << (width - 1));
    int exp = (int)(mag >> frac_bits) - ((1 << (exp_bits - 1)) - 1);
    uint64_t one = ((1ull << (exp_bits - 1)) - 1) << frac_bits, unit, rest;
    bool away = mode == 1 ? sign != 0 : mode == 2 && !sign;

    if (exp >= (int)frac_bits || mag == 0) {
        return v;                           /* already an integer, infinity, zero */
    }
    if (exp < 0) {                          /* below 1: 0 or 1 */
        *inexact = true;
        if (mode == 0) {
            away = mag > one - (1ull << frac_bits);     /* above one half */
        }
        return sign | (away ? one : 0);
    }
    unit = 1ull << (frac_bits - exp);
    rest = mag & (unit - 1);
    if (!rest) {
        return v;
    }
    *inexact = true;
    if (mode == 0) {
        away = rest > unit / 2 || (rest == unit / 2 && (mag & unit));   /* exp 0: the bias is odd, as the implicit 1 */
    }
    mag -= rest;
    return sign | (mag + (away ? unit : 0));
}

/* imm: bits 1:0 mode, bit 2: MXCSR's instead, bit 3: no precision exception (SDM vol. 2B, ROUNDPD). */
static unsigned round_mode(const CPUX86State *env, uint32_t imm)
{
    return imm & 4 ? env->mxcsr >> 13 & 3 : imm & 3;
}

static uint32_t round32(const CPUX86State *env, uint32_t v, uint32_t imm)
{
    bool inexact = false;

    if ((v & 0x7fffffff) > 0x7f800000) {
        float f = from32(v);
        return bits32(f32_add(f, f));
    }
    if ((env->mxcsr & MXCSR_DAZ) && !(v & 0x7f800000)) {
        v &= 0x80000000;
    }
    v = round_bits(v, 23, 8, round_mode(env, imm), &inexact);
    if (inexact && !(imm & 8)) {
        raise_inexact();
    }
    return v;
}

static uint64_t round64(const CPUX86State *env, uint64_t v, uint32_t imm)
{
    bool inexact = false;

    if ((v & INT64_MAX) > 0x7ff0000000000000ull) {
        return bits64(quiet_nan(from64(v)));
    }
    if ((env->mxcsr & MXCSR_DAZ) && !(v & 0x7ff0000000000000ull)) {
        v &= 1ull << 63;
    }
    v = round_bits(v, 52, 11, round_mode(env, imm), &inexact);
    if (inexact && !(imm & 8)) {
        raise_inexact();
    }
    return v;
}

#define ROUND(name, bits, count)                                                                       \
FN(name)                                                                                               \
{                                                                                                      \
    for (unsigned i = 0; i < (count); i++) {                                                           \
        ((a_u##bits *)dst)[i] = round##bits(env, ((const a_u##bits *)src)[i], imm);                    \
    }                                                                                                  \
}
ROUND(roundps, 32, 4)
ROUND(roundss, 32, 1)
ROUND(roundpd, 64, 2)
ROUND(roundsd, 64, 1)
