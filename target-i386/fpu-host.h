/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One x87 operation at a time, done by the host.
 *
 * On x86 hosts each host_NAME() pushes the operands on the (empty) host stack, runs the instruction itself and returns
 * the host's status word: results, rounding, NaNs, exception flags and condition codes are the processor's own. Any
 * other host computes with long double and the C library; the results are as good as its long double (binary128 gives
 * all 64 bits, binary64 only 53), and flags come from <fenv.h>. The denormal-operand flag is then not reported.
 *
 *   host_NAME(res, a, b)          the control word in force is HOST_FPUC, or what host_fpu_enter() has loaded
 *   host_NAME_x(res, a, b, cw)    exact flags of this operation alone, with exactly this control word: an unmasked
 *                                 overflow or underflow leaves the rescaled result, as in hardware, without a trap,
 *                                 because FNCLEX comes before the next waiting instruction
 *
 * a is what the guest has in ST(0) (or the destination), b the other operand: FpReg, float, double or int32_t. res is
 * an FpReg (two of them for FSINCOS, FPTAN, FXTRACT: [0] is what is pushed last) or the memory image to store.
 */
#ifndef TARGET_I386_FPU_HOST_H
#define TARGET_I386_FPU_HOST_H

#include "target-i386/cpu.h"

#define FPUS_IE 0x0001
#define FPUS_DE 0x0002
#define FPUS_ZE 0x0004
#define FPUS_OE 0x0008
#define FPUS_UE 0x0010
#define FPUS_PE 0x0020
#define FPUS_SF 0x0040
#define FPUS_ES 0x0080
#define FPUS_C0 0x0100
#define FPUS_C1 0x0200
#define FPUS_C2 0x0400
#define FPUS_C3 0x4000
#define FPUS_B  0x8000
#define FPUS_EXC 0x003f         /* the exception flags */
#define FPUS_CC (FPUS_C0 | FPUS_C1 | FPUS_C2 | FPUS_C3)
#define FPUC_MASKS 0x003f
#define FPUC_RC_SHIFT 10

#define HOST_FPUC 0x037f        /* what the C environment runs with: 64 bits, nearest, all masked */

typedef uint16_t HostFpuFn(void *res, const FpReg *a, const void *b);
typedef uint16_t HostFpuFnX(void *res, const FpReg *a, const void *b, uint16_t cw);

/*
 * The operations: name, type of res (and how many), type of b, then for x86 the instructions that load, that compute
 * and that store. Order on the host stack: ST(0) = a, ST(1) = b.
 */
#define LD_AB  "fldt %[b]\n\tfldt %[a]\n\t"
#define LD_A   "fldt %[a]\n\t"
#define ST_1   "fstpt %[res]\n\t"
#define ST_1D  "fstpt %[res]\n\tfstp %%st(0)\n\t"
#define ST_2   "fstpt %[res]\n\tfstpt %[res1]\n\t"
#define DROP_1 "fstp %%st(0)\n\t"
#define DROP_2 "fstp %%st(0)\n\tfstp %%st(0)\n\t"

#define HOST_FPU_ARITH(H, name, insn)                                                                  \
    H(name##_t, FpReg, 1, FpReg, LD_AB, insn " %%st(1),%%st\n\t", ST_1D)                               \
    H(name##_m32, FpReg, 1, float, LD_A, insn "s %[b]\n\t", ST_1)                                      \
    H(name##_m64, FpReg, 1, double, LD_A, insn "l %[b]\n\t", ST_1)                                     \
    H(name##_i32, FpReg, 1, int32_t, LD_A, "fi" #name "l %[b]\n\t", ST_1)
#define HOST_FPU_OPS(H)                                                                                \
    HOST_FPU_ARITH(H, add, "fadd") HOST_FPU_ARITH(H, mul, "fmul")                                      \
    HOST_FPU_ARITH(H, sub, "fsub") HOST_FPU_ARITH(H, subr, "fsubr")                                    \
    HOST_FPU_ARITH(H, div, "fdiv") HOST_FPU_ARITH(H, divr, "fdivr")                                    \
    H(com_t, FpReg, 1, FpReg, LD_AB, "fcom %%st(1)\n\t", DROP_2)                                       \
    H(ucom_t, FpReg, 1, FpReg, LD_AB, "fucom %%st(1)\n\t", DROP_2)                                     \
    H(com_m32, FpReg, 1, float, LD_A, "fcoms %[b]\n\t", DROP_1)                                        \
    H(com_m64, FpReg, 1, double, LD_A, "fcoml %[b]\n\t", DROP_1)                                       \
    H(com_i32, FpReg, 1, int32_t, LD_A, "ficoml %[b]\n\t", DROP_1)                                     \
    H(tst, FpReg, 1, FpReg, LD_A, "ftst\n\t", DROP_1)                                                  \
    H(ld_m32, FpReg, 1, float, "", "flds %[b]\n\t", ST_1)                                              \
    H(ld_m64, FpReg, 1, double, "", "fldl %[b]\n\t", ST_1)                                             \
    H(st_m32, float, 1, FpReg, LD_A, "fsts %[res]\n\t", DROP_1)                                        \
    H(st_m64, double, 1, FpReg, LD_A, "fstl %[res]\n\t", DROP_1)                                       \
    H(ist_i16, int16_t, 1, FpReg, LD_A, "fistps %[res]\n\t", "")                                       \
    H(ist_i32, int32_t, 1, FpReg, LD_A, "fistpl %[res]\n\t", "")                                       \
    H(ist_i64, int64_t, 1, FpReg, LD_A, "fistpll %[res]\n\t", "")                                      \
    H(bst, FpReg, 1, FpReg, LD_A, "fbstp %[res]\n\t", "")                                              \
    H(sqrt, FpReg, 1, FpReg, LD_A, "fsqrt\n\t", ST_1)                                                  \
    H(rndint, FpReg, 1, FpReg, LD_A, "frndint\n\t", ST_1)                                              \
    H(f2xm1, FpReg, 1, FpReg, LD_A, "f2xm1\n\t", ST_1)                                                 \
    H(scale, FpReg, 1, FpReg, LD_AB, "fscale\n\t", ST_1D)                                              \
    H(prem, FpReg, 1, FpReg, LD_AB, "fprem\n\t", ST_1D)                                                \
    H(prem1, FpReg, 1, FpReg, LD_AB, "fprem1\n\t", ST_1D)                                              \
    H(yl2x, FpReg, 1, FpReg, LD_AB, "fyl2x\n\t", ST_1)                                                 \
    H(yl2xp1, FpReg, 1, FpReg, LD_AB, "fyl2xp1\n\t", ST_1)                                             \
    H(patan, FpReg, 1, FpReg, LD_AB, "fpatan\n\t", ST_1)                                               \
    H(sin, FpReg, 1, FpReg, LD_A, "fsin\n\t", ST_1)                                                    \
    H(cos, FpReg, 1, FpReg, LD_A, "fcos\n\t", ST_1)                                                    \
    H(sincos, FpReg, 2, FpReg, LD_A, "fsincos\n\t", ST_2)                                              \
    H(ptan, FpReg, 2, FpReg, LD_A, "fptan\n\t", ST_2)                                                  \
    H(xtract, FpReg, 2, FpReg, LD_A, "fxtract\n\t", ST_2)

#if defined(__x86_64__) || defined(__i386__)

/* The host stack is empty between operations, so all of it may be declared clobbered. */
#define HOST_FPU_CLOBBER "st", "st(1)", "memory"

#define HOST_FPU_DEFINE(name, RT, nres, BT, load, op, store)                                           \
static QEMU_UNUSED inline uint16_t host_##name(void *res_, const FpReg *a, const void *b_)             \
{                                                                                                      \
    RT (*res)[nres] = res_;                                                                            \
    const BT *b = b_;                                                                                  \
    uint16_t sw;                                                                                       \
    __asm__ volatile(load op "fnstsw %[sw]\n\t" store                                                  \
                     : [sw] "=&a"(sw), [res] "+m"(*res), [res1] "+m"((*res)[nres - 1])                   \
                     : [a] "m"(*a), [b] "m"(*b) : HOST_FPU_CLOBBER);                                   \
    return sw;                                                                                         \
}                                                                                                      \
static QEMU_UNUSED uint16_t host_##name##_x(void *res_, const FpReg *a, const void *b_, uint16_t cw)   \
{                                                                                                      \
    static const uint16_t c_env = HOST_FPUC;                                                           \
    RT (*res)[nres] = res_;                                                                            \
    const BT *b = b_;                                                                                  \
    uint16_t sw;                                                                                       \
    __asm__ volatile("fnclex\n\t" load "fldcw %[cw]\n\t" op "fnstsw %[sw]\n\tfnclex\n\tfldcw %[c_env]\n\t" store \
                     : [sw] "=&a"(sw), [res] "+m"(*res), [res1] "+m"((*res)[nres - 1])                   \
                     : [a] "m"(*a), [b] "m"(*b), [cw] "m"(cw), [c_env] "m"(c_env) : HOST_FPU_CLOBBER); \
    return sw;                                                                                         \
}

static inline void host_fldcw(uint16_t cw)
{
    __asm__ volatile("fldcw %0" : : "m"(cw));
}

/*
 * Host flags are sticky, and clearing them costs more than most operations. So they stay, as long as they claim
 * nothing that the guest's own sticky flags do not say as well. Reading them costs as much as an addition: what the
 * last operation left is remembered, per thread as the host's registers are. Nothing else here uses the x87.
 */
extern __thread uint16_t host_fpu_sticky;

static inline void host_fpu_enter(uint16_t guest_sw, uint16_t guest_cw)
{
    if (unlikely(host_fpu_sticky & ~guest_sw & FPUS_EXC)) {
        __asm__ volatile("fnclex");
    }
    if (unlikely(guest_cw != HOST_FPUC)) {
        host_fldcw(guest_cw);
    }
}

static inline void host_fpu_done(uint16_t host_sw)
{
    host_fpu_sticky = host_sw;
}

static inline void host_fpu_leave(uint16_t guest_cw)
{
    if (unlikely(guest_cw != HOST_FPUC)) {
        host_fldcw(HOST_FPUC);
    }
}

#else /* no x87 in the host */

static inline void host_fpu_done(uint16_t host_sw QEMU_UNUSED)
{
}

#include <fenv.h>
#include <math.h>

static inline long double host_to_ld(const FpReg *r)
{
    unsigned exp = r->se & 0x7fff;
    long double v;

    if (exp == 0x7fff) {
        v = r->mant << 1 ? (long double)NAN : (long double)INFINITY;
    } else if (exp && !(r->mant >> 63)) {
        v = (long double)NAN;                           /* unnormal: invalid in every operation */
        feraiseexcept(FE_INVALID);
    } else {
        v = ldexpl((long double)r->mant, (int)(exp ? exp : 1) - 16383 - 63);
    }
    return r->se >> 15 ? -v : v;
}

static inline void host_from_ld(FpReg *r, long double v)
{
    int exp;

    r->se = signbit(v) ? 0x8000 : 0;
    if (isnan(v)) {
        r->se |= 0x7fff;
        r->mant = 0xc000000000000000ull;
    } else if (isinf(v)) {
        r->se |= 0x7fff;
        r->mant = 1ull << 63;
    } else if (v == 0) {
        r->mant = 0;
    } else {
        v = frexpl(fabsl(v), &exp);
        exp += 16382;
        if (exp <= 0) {
            v = ldexpl(v, exp - 1);
            exp = 0;
        }
        r->se |= exp;
        r->mant = (uint64_t)ldexpl(v, 64);
    }
}

static inline uint16_t host_flags(void)
{
    int f = fetestexcept(FE_ALL_EXCEPT);

    return (f & FE_INVALID ? FPUS_IE : 0) | (f & FE_DIVBYZERO ? FPUS_ZE : 0) | (f & FE_OVERFLOW ? FPUS_OE : 0)
           | (f & FE_UNDERFLOW ? FPUS_UE : 0) | (f & FE_INEXACT ? FPUS_PE : 0);
}

static inline void host_fpu_enter(uint16_t guest_sw QEMU_UNUSED, uint16_t guest_cw)
{
    static const int mode[4] = { FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO };

    feclearexcept(FE_ALL_EXCEPT);
    fesetround(mode[guest_cw >> FPUC_RC_SHIFT & 3]);
}

static inline void host_fpu_leave(uint16_t guest_cw QEMU_UNUSED)
{
    fesetround(FE_TONEAREST);
}

static inline uint16_t host_compare(long double a, long double b, bool quiet)
{
    if (isunordered(a, b)) {
        return host_flags() | (quiet ? 0 : FPUS_IE) | FPUS_C0 | FPUS_C2 | FPUS_C3;
    }
    return host_flags() | (a > b ? 0 : a < b ? FPUS_C0 : FPUS_C3);
}

static inline void host_to_bcd(uint8_t *out, long double v)
{
    long double r = rintl(v);
    uint64_t n;

    if (!(fabsl(r) < 1e18L)) {
        static const uint8_t indefinite[10] = { [7] = 0xc0, 0xff, 0xff };
        memcpy(out, indefinite, 10);
        feraiseexcept(FE_INVALID);
        return;
    }
    n = (uint64_t)fabsl(r);
    for (int i = 0; i < 9; i++, n /= 100) {
        out[i] = n / 10 % 10 << 4 | n % 10;
    }
    out[9] = signbit(v) ? 0x80 : 0;
}

static inline uint16_t host_remainder(FpReg *res, const FpReg *a, const FpReg *b, bool nearest)
{
    long double x = host_to_ld(a), y = host_to_ld(b);
    int q = 0;
    long double r;

    if (nearest) {
        r = remquol(x, y, &q);
    } else {
        long double m = fmodl(fabsl(x), fabsl(y) * 8);
        q = isnan(m) ? 0 : (int)(m / fabsl(y));
        r = fmodl(x, y);
    }
    q = abs(q);
    host_from_ld(res, r);
    return host_flags() | (q & 4 ? FPUS_C0 : 0) | (q & 2 ? FPUS_C3 : 0) | (q & 1 ? FPUS_C1 : 0);
}

static inline int64_t host_to_int(long double v, int bits)
{
    long double r = rintl(v), lim = ldexpl(1, bits - 1);

    if (!(r >= -lim && r < lim)) {
        feclearexcept(FE_ALL_EXCEPT);
        feraiseexcept(FE_INVALID);
        return (int64_t)(~0ull << (bits - 1));
    }
    return (int64_t)r;
}

/* name, statement; x and y are a and b */
#define HOST_FPU_SOFT_ARITH(H, name, expr)                                                             \
    H(name##_t, host_to_ld(b), host_from_ld(res, expr)) H(name##_m32, *(const float *)b, host_from_ld(res, expr)) \
    H(name##_m64, *(const double *)b, host_from_ld(res, expr))                                         \
    H(name##_i32, *(const int32_t *)b, host_from_ld(res, expr))
#define HOST_FPU_SOFT(H)                                                                               \
    HOST_FPU_SOFT_ARITH(H, add, x + y) HOST_FPU_SOFT_ARITH(H, mul, x * y) HOST_FPU_SOFT_ARITH(H, sub, x - y) \
    HOST_FPU_SOFT_ARITH(H, subr, y - x) HOST_FPU_SOFT_ARITH(H, div, x / y) HOST_FPU_SOFT_ARITH(H, divr, y / x) \
    H(com_t, host_to_ld(b), return host_compare(x, y, false))                                          \
    H(ucom_t, host_to_ld(b), return host_compare(x, y, true)) \
    H(com_m32, *(const float *)b, return host_compare(x, y, false))                                    \
    H(com_m64, *(const double *)b, return host_compare(x, y, false))                                   \
    H(com_i32, *(const int32_t *)b, return host_compare(x, y, false))                                  \
    H(tst, 0, return host_compare(x, y, false))                                                        \
    H(ld_m32, *(const float *)b, host_from_ld(res, y)) H(ld_m64, *(const double *)b, host_from_ld(res, y)) \
    H(st_m32, 0, *(float *)res = x) H(st_m64, 0, *(double *)res = x)                                   \
    H(ist_i16, 0, *(int16_t *)res = host_to_int(x, 16)) H(ist_i32, 0, *(int32_t *)res = host_to_int(x, 32)) \
    H(ist_i64, 0, *(int64_t *)res = host_to_int(x, 64)) H(bst, 0, host_to_bcd(res, x))                 \
    H(sqrt, 0, host_from_ld(res, sqrtl(x))) H(rndint, 0, host_from_ld(res, rintl(x)))                  \
    H(f2xm1, 0, host_from_ld(res, expm1l(x * 0.6931471805599453094172321L)))                           \
    H(scale, host_to_ld(b), host_from_ld(res, scalbnl(x, y > 65536 ? 65536 : y < -65536 ? -65536 : (int)y))) \
    H(prem, 0, return host_remainder(res, a, b, false)) H(prem1, 0, return host_remainder(res, a, b, true)) \
    H(yl2x, host_to_ld(b), host_from_ld(res, y * log2l(x)))                                            \
    H(yl2xp1, host_to_ld(b), host_from_ld(res, y * log1pl(x) * 1.4426950408889634073599247L))          \
    H(patan, host_to_ld(b), host_from_ld(res, atan2l(y, x)))                                           \
    H(sin, 0, host_from_ld(res, sinl(x))) H(cos, 0, host_from_ld(res, cosl(x)))                        \
    H(sincos, 0, (host_from_ld((FpReg *)res + 1, sinl(x)), host_from_ld(res, cosl(x))))                \
    H(ptan, 0, (host_from_ld((FpReg *)res + 1, tanl(x)), host_from_ld(res, 1)))                        \
    H(xtract, logbl(x), (host_from_ld((FpReg *)res + 1, y), \
    host_from_ld(res, x == 0 || isinf(x) ? x : scalbnl(x, -(int)y))))

#define HOST_FPU_DEFINE_SOFT(name, second, stmt)                                                       \
static QEMU_UNUSED inline uint16_t                                                                     \
host_##name(void *res QEMU_UNUSED, const FpReg *a QEMU_UNUSED, const void *b QEMU_UNUSED)              \
{                                                                                                      \
    long double x QEMU_UNUSED = a ? host_to_ld(a) : 0, y QEMU_UNUSED = (second);                       \
                                                                                                       \
    stmt;                                                                                              \
    return host_flags();                                                                               \
}                                                                                                      \
static QEMU_UNUSED uint16_t host_##name##_x(void *res, const FpReg *a, const void *b, uint16_t cw)     \
{                                                                                                      \
    uint16_t sw;                                                                                       \
                                                                                                       \
    host_fpu_enter(0, cw);                                                                             \
    sw = host_##name(res, a, b);                                                                       \
    host_fpu_leave(cw);                                                                                \
    return sw;                                                                                         \
}
HOST_FPU_SOFT(HOST_FPU_DEFINE_SOFT)

#endif

#if defined(__x86_64__) || defined(__i386__)
HOST_FPU_OPS(HOST_FPU_DEFINE)
#endif

#endif
