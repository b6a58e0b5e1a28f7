/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The status flags from their lazy form, and EFLAGS as a whole.
 *
 * Follows docs/cpu-flags.md (CcOp and its operands) and SDM vol. 1, "EFLAGS Register". Only the operation's low bits of
 * the operands count. A number that is no CcOp gives no flags: dead flags may hold anything.
 */
#include "qemu/osdep.h"
#include "target-i386/helper-int.h"

typedef struct Lazy {
    uint64_t dst, src, src2;    /* cut to the width */
    unsigned bits;
    uint64_t sign;
} Lazy;

/* ---- parts ---- */

static uint32_t flag_szp(const Lazy *f)
{
    uint32_t r = f->dst & f->sign ? CC_S : 0;

    r |= f->dst ? 0 : CC_Z;
    return r | (__builtin_parity((unsigned)f->dst & 0xff) ? 0 : CC_P);
}

static uint64_t cut(const Lazy *f, uint64_t v)
{
    return f->bits == 64 ? v : v & ((1ull << f->bits) - 1);
}

static uint32_t sum_flags(const Lazy *f, uint64_t a, bool carry)
{
    uint32_t r = flag_szp(f) | (carry ? CC_C : 0);

    r |= (a ^ f->src ^ f->dst) & CC_A;
    return r | ((f->dst ^ a) & (f->dst ^ f->src) & f->sign ? CC_O : 0);
}

static uint32_t difference_flags(const Lazy *f, uint64_t a, bool borrow)
{
    uint32_t r = flag_szp(f) | (borrow ? CC_C : 0);

    r |= (a ^ f->src ^ f->dst) & CC_A;
    return r | ((a ^ f->src) & (a ^ f->dst) & f->sign ? CC_O : 0);
}

/* ---- operations ---- */

static uint32_t flags_add(const Lazy *f)
{
    return sum_flags(f, cut(f, f->dst - f->src), f->dst < f->src);
}

static uint32_t flags_adc(const Lazy *f)
{
    bool carry = f->src2 & 1 ? f->dst <= f->src : f->dst < f->src;

    return sum_flags(f, cut(f, f->dst - f->src - (f->src2 & 1)), carry);
}

static uint32_t flags_sub(const Lazy *f)
{
    uint64_t a = cut(f, f->dst + f->src);

    return difference_flags(f, a, a < f->src);
}

static uint32_t flags_sbb(const Lazy *f)
{
    uint64_t a = cut(f, f->dst + f->src + (f->src2 & 1));

    return difference_flags(f, a, f->src2 & 1 ? a <= f->src : a < f->src);
}

static uint32_t flags_logic(const Lazy *f)
{
    return flag_szp(f);
}

static uint32_t flags_inc(const Lazy *f)
{
    uint32_t r = flag_szp(f) | (f->src & 1 ? CC_C : 0);

    r |= f->dst & 15 ? 0 : CC_A;
    return r | (f->dst == f->sign ? CC_O : 0);
}

static uint32_t flags_dec(const Lazy *f)
{
    uint32_t r = flag_szp(f) | (f->src & 1 ? CC_C : 0);

    r |= (f->dst & 15) == 15 ? CC_A : 0;
    return r | (f->dst == f->sign - 1 ? CC_O : 0);
}

/* src packs C and O at their places in EFLAGS; it is never cut. */
static uint32_t flags_shift(const Lazy *f)
{
    return flag_szp(f) | ((uint32_t)f->src & (CC_C | CC_O));
}

static uint32_t flags_mul(const Lazy *f)
{
    return (flag_szp(f) & ~CC_Z) | (f->src ? CC_C | CC_O : 0);
}

static uint32_t flags_blsi(const Lazy *f)
{
    return (flag_szp(f) & ~CC_P) | (f->src ? CC_C : 0);
}

typedef struct LazyOp {
    uint32_t (*flags)(const Lazy *f);
    bool whole_src;             /* src is no operand of the width */
} LazyOp;

/* By group of four: see CcOp. */
static const LazyOp lazy_ops[] = {
    { flags_add, false }, { flags_adc, false }, { flags_sub, false }, { flags_sbb, false }, { flags_logic, false },
    { flags_inc, true }, { flags_dec, true }, { flags_shift, true }, { flags_shift, true }, { flags_shift, true },
    { flags_mul, true }, { flags_blsi, false },
};
_Static_assert(ARRAY_SIZE(lazy_ops) * 4 + 1 == CC_OP__COUNT, "one row per group of CcOp");

static uint32_t compute(uint64_t dst, uint64_t src, uint64_t src2, uint32_t op)
{
    const LazyOp *lo;
    Lazy f;

    if (op == CC_OP_EFLAGS) {
        return src & CC_ALL;
    }
    if (op >= CC_OP__COUNT) {
        return 0;
    }
    lo = &lazy_ops[(op - 1) >> 2];
    f.bits = 8u << ((op - 1) & 3);
    f.sign = 1ull << (f.bits - 1);
    f.dst = cut(&f, dst);
    f.src = lo->whole_src ? src : cut(&f, src);
    f.src2 = src2;
    return lo->flags(&f);
}

/* An INC or DEC in bits 15:8 has replaced all but C. */
uint32_t helper_cc_compute(CPUX86State *env, uint64_t dst, uint64_t src, uint64_t src2, uint64_t inc, uint32_t op)
{
    uint32_t f = compute(dst, src, src2, op & 0xff);

    return op >> 8 ? compute(inc, f & CC_C, 0, op >> 8) : f;
}

/* ---- EFLAGS ---- */

uint32_t cpu_compute_status_flags(CPUX86State *env)
{
    return helper_cc_compute(env, env->cc_dst, env->cc_src, env->cc_src2, env->cc_inc, env->cc_op);
}

uint32_t cpu_compute_eflags(CPUX86State *env)
{
    return env->eflags | cpu_compute_status_flags(env) | (env->df < 0 ? DF_MASK : 0) | 2;
}
