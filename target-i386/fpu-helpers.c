/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87 instructions: stack, tags and exception rules here, arithmetic by the host (fpu-host.h).
 *
 * Follows: SDM vol. 1, "Programming with the x87 FPU" and "x87 FPU Floating-Point Exception Handling".
 * An operation reads its operands, runs on the host, then commits: result, flags, pop. With all exceptions masked
 * nothing can stop it half way. Otherwise run_unmasked() decides what an exception leaves undone; the exception
 * itself waits in the status word (ES, B) for the next waiting instruction.
 * Left out: FOP and FDP are those of the last instruction the translator recorded, see docs/cpu-fpu.md.
 */
#include "qemu/osdep.h"
#include "exec/cpu-mem.h"
#include "target-i386/fpu-host.h"
#include "target-i386/helper-fpu.h"

#if defined(__x86_64__) || defined(__i386__)
__thread uint16_t host_fpu_sticky = FPUS_EXC;   /* unknown at first */
#endif

#define CC_COMPARE (FPUS_C0 | FPUS_C2 | FPUS_C3)
#define INLINE static inline __attribute__((always_inline))

static const FpReg fpu_indefinite = { .mant = 0xc000000000000000ull, .se = 0xffff };

INLINE FpReg *st(CPUX86State *env, unsigned i)
{
    return &env->fpregs[(env->fpstt + i) & 7];
}

INLINE bool is_empty(CPUX86State *env, unsigned i)
{
    return env->fptags[(env->fpstt + i) & 7];
}

INLINE void pop(CPUX86State *env)
{
    env->fptags[env->fpstt] = 1;
    env->fpstt = (env->fpstt + 1) & 7;
}

INLINE void pops(CPUX86State *env, unsigned spec)
{
    if (spec & FPU_POP) {
        pop(env);
    }
    if (unlikely(spec & FPU_POP2)) {
        pop(env);
    }
}

/* C1 and exception flags of an instruction that has finished. */
INLINE uint16_t status_with(CPUX86State *env, uint16_t flags)
{
    uint16_t sw = (env->fpus & ~FPUS_C1) | flags;

    if (unlikely(sw & ~env->fpuc & FPUS_EXC)) {
        sw |= FPUS_ES | FPUS_B;
    }
    return sw;
}

INLINE void commit_flags(CPUX86State *env, uint16_t flags)
{
    env->fpus = status_with(env, flags);
}

/* Stack overflow (over) or underflow. True: masked, so the instruction goes on with the indefinite value. */
static bool __attribute__((noinline, cold)) stack_fault(CPUX86State *env, bool over)
{
    commit_flags(env, FPUS_IE | FPUS_SF | (over ? FPUS_C1 : 0));
    return env->fpuc & FPUS_IE;
}

/* ---- running an operation ---- */

/* A load pushes a denormal even if that is unmasked; a store stores nothing on overflow and underflow. */
typedef enum RunKind { RUN_PLAIN, RUN_COMPARE, RUN_LOAD, RUN_STORE } RunKind;

/*
 * With something unmasked: first with everything masked, to learn what happens. Exceptions known before the
 * computation (IE, DE, ZE) leave everything alone. Overflow and underflow run again unmasked, because the result is
 * another one then (rescaled; and an exact denormal counts as underflow). Those store nothing to memory.
 */
static bool __attribute__((noinline, cold))
run_unmasked(CPUX86State *env, void *res, size_t size, const FpReg *a, const void *b, HostFpuFnX *fn, uint16_t cw,
             uint16_t cc, RunKind kind, uint16_t *sw)
{
    FpReg tmp[2] = { { .mant = 0 } };
    uint16_t flags = fn(tmp, a, b, cw | FPUC_MASKS);    /* clears the host's flags before and after */

    if (flags & ~cw & (kind == RUN_LOAD ? FPUS_IE : FPUS_IE | FPUS_DE | FPUS_ZE)) {
        *sw = status_with(env, flags & (FPUS_IE | FPUS_DE | FPUS_ZE));
        *sw &= ~(cc & FPUS_C2);
        if (kind == RUN_COMPARE) {              /* they report all the same, but do not pop */
            *sw = (*sw & ~CC_COMPARE) | (flags & CC_COMPARE);
        }
        return false;
    }
    if (~cw & (FPUS_OE | FPUS_UE)) {
        flags = fn(tmp, a, b, cw | FPUS_IE | FPUS_DE | FPUS_ZE | FPUS_PE);
        if (kind == RUN_STORE && (flags & ~cw & (FPUS_OE | FPUS_UE))) {
            *sw = status_with(env, flags & (FPUS_EXC & ~FPUS_PE));
            return false;
        }
    }
    memcpy(res, tmp, size);
    *sw = status_with(env, flags & (FPUS_EXC | cc));
    *sw = (*sw & ~(cc & ~FPUS_C1)) | (flags & cc);
    return true;
}

/* cc: the condition bits that the instruction defines besides C1. False: an unmasked exception, nothing was done. */
INLINE bool run_sw(CPUX86State *env, void *res, size_t size, const FpReg *a, const void *b, HostFpuFn *fn,
                   HostFpuFnX *fn_x, uint16_t cw, uint16_t cc, RunKind kind, uint16_t *new_sw)
{
    uint16_t sw;

    if (unlikely((cw & FPUC_MASKS) != FPUC_MASKS)) {
        return run_unmasked(env, res, size, a, b, fn_x, cw, cc | FPUS_C1, kind, new_sw);
    }
    host_fpu_enter(env->fpus, cw);
    sw = fn(res, a, b);
    host_fpu_done(sw);
    host_fpu_leave(cw);
    *new_sw = (env->fpus & ~(cc | FPUS_C1)) | (sw & (FPUS_EXC | FPUS_C1 | cc));
    return true;
}

INLINE bool run(CPUX86State *env, FpReg *res, unsigned nres, const FpReg *a, const void *b, HostFpuFn *fn,
                HostFpuFnX *fn_x, uint16_t cc)
{
    uint16_t sw;
    bool done = run_sw(env, res, nres * sizeof(FpReg), a, b, fn, fn_x, env->fpuc, cc, RUN_PLAIN, &sw);

    env->fpus = sw;
    return done;
}

/* ---- arithmetic ---- */

INLINE void arith_regs(CPUX86State *env, unsigned dst, unsigned src, unsigned spec, HostFpuFn *fn, HostFpuFnX *fn_x)
{
    if (unlikely(is_empty(env, dst) || is_empty(env, src))) {
        if (!stack_fault(env, false)) {
            return;
        }
        *st(env, dst) = fpu_indefinite;
        env->fptags[(env->fpstt + dst) & 7] = 0;
    } else if (!run(env, st(env, dst), 1, st(env, dst), st(env, src), fn, fn_x, 0)) {
        return;
    }
    pops(env, spec);
}

INLINE void arith_mem(CPUX86State *env, const void *b, HostFpuFn *fn, HostFpuFnX *fn_x)
{
    if (unlikely(is_empty(env, 0))) {
        if (stack_fault(env, false)) {
            *st(env, 0) = fpu_indefinite;
            env->fptags[env->fpstt] = 0;
        }
        return;
    }
    run(env, st(env, 0), 1, st(env, 0), b, fn, fn_x, 0);
}

#define ARITH(op)                                                                                      \
void helper_f##op##_st0(CPUX86State *env, uint32_t i)                                                  \
{                                                                                                      \
    arith_regs(env, 0, i, 0, host_##op##_t, host_##op##_t_x);                                          \
}                                                                                                      \
void helper_f##op##_sti(CPUX86State *env, uint32_t spec)                                               \
{                                                                                                      \
    arith_regs(env, spec & 7, 0, spec, host_##op##_t, host_##op##_t_x);                                \
}                                                                                                      \
void helper_f##op##_m32(CPUX86State *env, uint32_t v)                                                  \
{                                                                                                      \
    arith_mem(env, &v, host_##op##_m32, host_##op##_m32_x);                                            \
}                                                                                                      \
void helper_f##op##_m64(CPUX86State *env, uint64_t v)                                                  \
{                                                                                                      \
    arith_mem(env, &v, host_##op##_m64, host_##op##_m64_x);                                            \
}                                                                                                      \
void helper_f##op##_i32(CPUX86State *env, uint32_t v)                                                  \
{                                                                                                      \
    arith_mem(env, &v, host_##op##_i32, host_##op##_i32_x);                                            \
}
ARITH(add)
ARITH(mul)
ARITH(sub)
ARITH(subr)
ARITH(div)
ARITH(divr)

/* ST(0) := op(ST(0)); b is ST(1) for those that look at it. */
INLINE void unary(CPUX86State *env, HostFpuFn *fn, HostFpuFnX *fn_x, uint16_t cc, bool two_operands)
{
    if (unlikely(is_empty(env, 0) || (two_operands && is_empty(env, 1)))) {
        if (stack_fault(env, false)) {
            *st(env, 0) = fpu_indefinite;
            env->fptags[env->fpstt] = 0;
        }
        env->fpus &= ~(cc & FPUS_C2);       /* not "incomplete" */
        return;
    }
    run(env, st(env, 0), 1, st(env, 0), st(env, 1), fn, fn_x, cc);
}

#define UNARY(name, cc, two)                                                                           \
void helper_f##name(CPUX86State *env)                                                                  \
{                                                                                                      \
    unary(env, host_##name, host_##name##_x, cc, two);                                                 \
}
UNARY(sqrt, 0, false)
UNARY(rndint, 0, false)
UNARY(scale, 0, true)
UNARY(sin, FPUS_C2, false)
UNARY(cos, FPUS_C2, false)
void helper_f2xm1(CPUX86State *env)
{
    unary(env, host_f2xm1, host_f2xm1_x, 0, false);
}

/* A NaN has no quotient: C0 and C3 stay what they were. */
INLINE void remainder_of(CPUX86State *env, HostFpuFn *fn, HostFpuFnX *fn_x)
{
    uint16_t old = env->fpus & (FPUS_C0 | FPUS_C3);
    const FpReg *r = st(env, 0);

    unary(env, fn, fn_x, FPUS_CC, true);
    if ((r->se & 0x7fff) == 0x7fff && r->mant << 1) {
        env->fpus = (env->fpus & ~(FPUS_C0 | FPUS_C1 | FPUS_C3)) | old;
    }
}

void helper_fprem(CPUX86State *env) { remainder_of(env, host_prem, host_prem_x); }
void helper_fprem1(CPUX86State *env) { remainder_of(env, host_prem1, host_prem1_x); }

/* ST(1) := op(ST(0), ST(1)), pop. */
INLINE void binary_pop(CPUX86State *env, HostFpuFn *fn, HostFpuFnX *fn_x)
{
    if (unlikely(is_empty(env, 0) || is_empty(env, 1))) {
        if (!stack_fault(env, false)) {
            return;
        }
        *st(env, 1) = fpu_indefinite;
        env->fptags[(env->fpstt + 1) & 7] = 0;
    } else if (!run(env, st(env, 1), 1, st(env, 0), st(env, 1), fn, fn_x, 0)) {
        return;
    }
    pop(env);
}

void helper_fyl2x(CPUX86State *env) { binary_pop(env, host_yl2x, host_yl2x_x); }
void helper_fyl2xp1(CPUX86State *env) { binary_pop(env, host_yl2xp1, host_yl2xp1_x); }
void helper_fpatan(CPUX86State *env) { binary_pop(env, host_patan, host_patan_x); }

/* ST(0) is replaced by the second result, then the first is pushed. */
static void two_results(CPUX86State *env, HostFpuFn *fn, HostFpuFnX *fn_x, uint16_t cc)
{
    unsigned top = (env->fpstt - 1) & 7;
    FpReg res[2];

    if (is_empty(env, 0) || !env->fptags[top]) {
        bool masked = stack_fault(env, !is_empty(env, 0));

        env->fpus &= ~(cc & FPUS_C2);
        if (!masked) {
            return;
        }
        res[0] = res[1] = fpu_indefinite;
        env->fptags[env->fpstt] = 0;
    } else if (!run(env, res, 2, st(env, 0), st(env, 0), fn, fn_x, cc)) {
        return;
    }
    *st(env, 0) = res[1];
    env->fpstt = top;
    env->fptags[top] = 0;
    *st(env, 0) = res[0];
}

/* FPTAN, FSINCOS of |x| >= 2^63: C2 set, nothing else (SDM vol. 2A, FPTAN). */
static bool angle_too_big(CPUX86State *env)
{
    unsigned exp = st(env, 0)->se & 0x7fff;

    if (is_empty(env, 0) || exp < 16383 + 63 || exp == 0x7fff || !env->fptags[(env->fpstt - 1) & 7]) {
        return false;
    }
    if (!(st(env, 0)->mant >> 63)) {
        return false;       /* unsupported format: invalid instead */
    }
    env->fpus = (env->fpus & ~FPUS_C1) | FPUS_C2;
    return true;
}

void helper_fsincos(CPUX86State *env)
{
    if (!angle_too_big(env)) {
        two_results(env, host_sincos, host_sincos_x, FPUS_C2);
    }
}

void helper_fptan(CPUX86State *env)
{
    if (!angle_too_big(env)) {
        two_results(env, host_ptan, host_ptan_x, FPUS_C2);
    }
}

void helper_fxtract(CPUX86State *env)
{
    two_results(env, host_xtract, host_xtract_x, 0);
}

/* ---- comparisons ---- */

/* False: an unmasked exception. */
INLINE bool compare(CPUX86State *env, bool empty, const void *b, HostFpuFn *fn, HostFpuFnX *fn_x, uint16_t *sw)
{
    FpReg unused;

    if (unlikely(empty)) {
        bool masked = stack_fault(env, false);

        *sw = env->fpus | CC_COMPARE;
        return masked;
    }
    return run_sw(env, &unused, sizeof(unused), st(env, 0), b, fn, fn_x, env->fpuc, CC_COMPARE, RUN_COMPARE, sw);
}

INLINE void compare_commit(CPUX86State *env, bool empty, const void *b, HostFpuFn *fn, HostFpuFnX *fn_x, unsigned spec)
{
    uint16_t sw;
    bool done = compare(env, empty, b, fn, fn_x, &sw);

    env->fpus = sw;
    if (done) {
        pops(env, spec);
    }
}

void helper_fcom(CPUX86State *env, uint32_t spec)
{
    compare_commit(env, is_empty(env, 0) || is_empty(env, spec), st(env, spec), host_com_t, host_com_t_x, spec);
}

void helper_fucom(CPUX86State *env, uint32_t spec)
{
    compare_commit(env, is_empty(env, 0) || is_empty(env, spec), st(env, spec), host_ucom_t, host_ucom_t_x, spec);
}

void helper_fcom_m32(CPUX86State *env, uint32_t v, uint32_t spec)
{
    compare_commit(env, is_empty(env, 0), &v, host_com_m32, host_com_m32_x, spec);
}

void helper_fcom_m64(CPUX86State *env, uint64_t v, uint32_t spec)
{
    compare_commit(env, is_empty(env, 0), &v, host_com_m64, host_com_m64_x, spec);
}

void helper_fcom_i32(CPUX86State *env, uint32_t v, uint32_t spec)
{
    compare_commit(env, is_empty(env, 0), &v, host_com_i32, host_com_i32_x, spec);
}

void helper_ftst(CPUX86State *env)
{
    compare_commit(env, is_empty(env, 0), st(env, 0), host_tst, host_tst_x, 0);
}

/* FCOMI: the conditions go to EFLAGS, also on an unmasked exception; the status word keeps its own, C1 included. */
INLINE uint32_t compare_flags(CPUX86State *env, unsigned spec, HostFpuFn *fn, HostFpuFnX *fn_x)
{
    bool empty = is_empty(env, 0) || is_empty(env, spec);
    uint16_t kept = env->fpus & (empty ? CC_COMPARE : FPUS_CC), sw;

    if (compare(env, empty, st(env, spec), fn, fn_x, &sw)) {
        pops(env, spec & FPU_POP);
    }
    env->fpus = (sw & ~FPUS_CC) | kept;
    return (sw & FPUS_C0 ? CC_C : 0) | (sw & FPUS_C2 ? CC_P : 0) | (sw & FPUS_C3 ? CC_Z : 0);
}

uint32_t helper_fcomi(CPUX86State *env, uint32_t spec)
{
    return compare_flags(env, spec, host_com_t, host_com_t_x);
}

uint32_t helper_fucomi(CPUX86State *env, uint32_t spec)
{
    return compare_flags(env, spec, host_ucom_t, host_ucom_t_x);
}

/* FXAM (SDM vol. 2A): C3 C2 C0 say what ST(0) is, C1 its sign, also of an empty register. */
void helper_fxam(CPUX86State *env)
{
    const FpReg *r = st(env, 0);
    unsigned exp = r->se & 0x7fff;
    uint16_t cc;

    if (is_empty(env, 0)) {
        cc = FPUS_C3 | FPUS_C0;
    } else if (exp && !(r->mant >> 63)) {
        cc = 0;
    } else if (exp == 0x7fff) {
        cc = r->mant << 1 ? FPUS_C0 : FPUS_C2 | FPUS_C0;
    } else if (exp) {
        cc = FPUS_C2;
    } else {
        cc = r->mant ? FPUS_C3 | FPUS_C2 : FPUS_C3;
    }
    env->fpus = (env->fpus & ~FPUS_CC) | cc | (r->se >> 15 ? FPUS_C1 : 0);
}

/* ---- loads ---- */

/* True: ST(0) is a new register to fill. False: overflow, dealt with. */
INLINE bool push(CPUX86State *env)
{
    unsigned top = (env->fpstt - 1) & 7;

    if (unlikely(!env->fptags[top])) {
        if (stack_fault(env, true)) {
            env->fpstt = top;
            env->fpregs[top] = fpu_indefinite;
        }
        return false;
    }
    env->fpstt = top;
    env->fptags[top] = 0;
    return true;
}

INLINE void load_mem(CPUX86State *env, const void *v, HostFpuFn *fn, HostFpuFnX *fn_x)
{
    uint16_t sw;

    if (unlikely(!push(env))) {
        return;
    }
    if (unlikely(!run_sw(env, st(env, 0), sizeof(FpReg), st(env, 0), v, fn, fn_x, env->fpuc, 0, RUN_LOAD, &sw))) {
        pop(env);           /* unmasked: as if it had not been pushed */
    }
    env->fpus = sw;
}

void helper_fld_m32(CPUX86State *env, uint32_t v) { load_mem(env, &v, host_ld_m32, host_ld_m32_x); }
void helper_fld_m64(CPUX86State *env, uint64_t v) { load_mem(env, &v, host_ld_m64, host_ld_m64_x); }

INLINE void push_value(CPUX86State *env, uint64_t mant, uint16_t se)
{
    if (likely(push(env))) {
        FpReg *r = st(env, 0);

        r->mant = mant;
        r->se = se;
        env->fpus &= ~FPUS_C1;
    }
}

void helper_fld_m80(CPUX86State *env, uint64_t mant, uint32_t se) { push_value(env, mant, se); }

static void push_integer(CPUX86State *env, uint64_t magnitude, bool negative)
{
    unsigned shift = clz64(magnitude);

    push_value(env, magnitude << (shift & 63), (magnitude ? 16383 + 63 - shift : 0) | (negative ? 0x8000 : 0));
}

void helper_fild(CPUX86State *env, uint64_t v)
{
    push_integer(env, (int64_t)v < 0 ? -v : v, (int64_t)v < 0);
}

/* Digits above 9 count with their value, as measured. */
void helper_fbld(CPUX86State *env, uint64_t low, uint32_t high)
{
    uint64_t v = (high >> 4 & 15) * 10 + (high & 15);

    for (int i = 60; i >= 0; i -= 4) {
        v = v * 10 + (low >> i & 15);
    }
    push_integer(env, v, high & 0x8000);
}

void helper_fld_sti(CPUX86State *env, uint32_t i)
{
    FpReg v = *st(env, i);

    if (unlikely(is_empty(env, i))) {
        if (!stack_fault(env, false)) {
            return;
        }
        env->fpstt = (env->fpstt - 1) & 7;
        env->fptags[env->fpstt] = 0;
        *st(env, 0) = fpu_indefinite;
        return;
    }
    push_value(env, v.mant, v.se);
}

/* FLD1 FLDL2T FLDL2E FLDPI FLDLG2 FLDLN2 FLDZ: nearest, and what to add by rounding mode (down, up, to zero). */
void helper_fld_const(CPUX86State *env, uint32_t n)
{
    static const struct {
        uint64_t mant;
        uint16_t se;
        int8_t adjust[4];
    } consts[7] = {
        { 0x8000000000000000ull, 0x3fff, { 0 } },
        { 0xd49a784bcd1b8afeull, 0x4000, { 0, 0, 1, 0 } },
        { 0xb8aa3b295c17f0bcull, 0x3fff, { 0, -1, 0, -1 } },
        { 0xc90fdaa22168c235ull, 0x4000, { 0, -1, 0, -1 } },
        { 0x9a209a84fbcff799ull, 0x3ffd, { 0, -1, 0, -1 } },
        { 0xb17217f7d1cf79acull, 0x3ffe, { 0, -1, 0, -1 } },
        { 0, 0, { 0 } },
    };

    push_value(env, consts[n].mant + (int64_t)consts[n].adjust[env->fpuc >> FPUC_RC_SHIFT & 3], consts[n].se);
}

/* ---- stores ---- */

void helper_fst_sti(CPUX86State *env, uint32_t spec)
{
    if (unlikely(is_empty(env, 0))) {
        if (spec & FPU_QUIET) {
            env->fpus &= ~FPUS_C1;
            pops(env, spec);
            return;
        }
        if (!stack_fault(env, false)) {
            return;
        }
        *st(env, spec) = fpu_indefinite;
    } else {
        *st(env, spec) = *st(env, 0);
        env->fpus &= ~FPUS_C1;
    }
    env->fptags[(env->fpstt + spec) & 7] = 0;
    pops(env, spec);
}

void helper_fxch(CPUX86State *env, uint32_t i)
{
    FpReg *a = st(env, 0), *b = st(env, i), tmp;

    if (unlikely(is_empty(env, 0) || is_empty(env, i))) {
        if (!stack_fault(env, false)) {
            return;
        }
        if (is_empty(env, 0)) {
            *a = fpu_indefinite;
        }
        if (is_empty(env, i)) {
            *b = fpu_indefinite;
        }
        env->fptags[env->fpstt] = env->fptags[(env->fpstt + i) & 7] = 0;
    } else {
        env->fpus &= ~FPUS_C1;
    }
    tmp = *a;
    *a = *b;
    *b = tmp;
}

/* An empty register faults, and ST(0) becomes indefinite, even if the condition is false. C1 stays. */
void helper_fcmov(CPUX86State *env, uint32_t i, uint32_t cond)
{
    if (unlikely(is_empty(env, 0) || is_empty(env, i))) {
        if (stack_fault(env, false)) {
            *st(env, 0) = fpu_indefinite;
            env->fptags[env->fpstt] = 0;
        }
    } else if (cond) {
        *st(env, 0) = *st(env, i);
    }
}

/* Between the two steps of a store: the status word to be. vec_t1 is free in x87 instructions. */
#define pending_sw vec_t1.w[0]

INLINE uint16_t truncating(uint16_t cw)
{
    return cw | 3 << FPUC_RC_SHIFT;
}

#define STORE_VALUE(name, ret, ctype, op, cword, indef, keep_c1)                                       \
ret helper_##name(CPUX86State *env)                                                                    \
{                                                                                                      \
    ctype v = (ctype)(indef);                                                                          \
    uint16_t sw = env->fpus & ~FPUS_C1;                                                                \
                                                                                                       \
    if (unlikely(is_empty(env, 0))) {                                                                  \
        sw |= FPUS_IE | FPUS_SF;                                                                       \
    } else {                                                                                           \
        run_sw(env, &v, sizeof(v), st(env, 0), st(env, 0), host_##op, host_##op##_x, cword, 0, RUN_STORE, &sw); \
        sw &= (keep_c1) ? 0xffff : 0xffff & ~FPUS_C1;                                                  \
    }                                                                                                  \
    env->pending_sw = sw;                                                                              \
    return v;                                                                                          \
}
STORE_VALUE(fst_m32, uint32_t, uint32_t, st_m32, env->fpuc, 0xffc00000u, true)
STORE_VALUE(fst_m64, uint64_t, uint64_t, st_m64, env->fpuc, 0xfff8000000000000ull, true)
STORE_VALUE(fist_i16, uint32_t, uint16_t, ist_i16, env->fpuc, 0x8000u, true)
STORE_VALUE(fist_i32, uint32_t, uint32_t, ist_i32, env->fpuc, 0x80000000u, true)
STORE_VALUE(fist_i64, uint64_t, uint64_t, ist_i64, env->fpuc, 0x8000000000000000ull, true)
STORE_VALUE(fistt_i16, uint32_t, uint16_t, ist_i16, truncating(env->fpuc), 0x8000u, false)
STORE_VALUE(fistt_i32, uint32_t, uint32_t, ist_i32, truncating(env->fpuc), 0x80000000u, false)
STORE_VALUE(fistt_i64, uint64_t, uint64_t, ist_i64, truncating(env->fpuc), 0x8000000000000000ull, false)

void helper_fst_done(CPUX86State *env, uint32_t spec)
{
    env->fpus = env->pending_sw;
    pops(env, spec);
}

static uint16_t copy_m80(void *res, const FpReg *a, const void *b QEMU_UNUSED)
{
    memcpy(res, a, 10);
    return 0;
}

static uint16_t copy_m80_x(void *res, const FpReg *a, const void *b QEMU_UNUSED, uint16_t cw QEMU_UNUSED)
{
    memcpy(res, a, 10);
    return 0;
}

typedef struct FpuStoreRow {
    HostFpuFn *fn;
    HostFpuFnX *fn_x;
    uint8_t len;
    bool truncate;
    uint8_t indefinite[10];
} FpuStoreRow;

static const FpuStoreRow fpu_stores[FPU_ST__COUNT] = {
    [FPU_ST_M32] = { host_st_m32, host_st_m32_x, 4, false, { [2] = 0xc0, 0xff } },
    [FPU_ST_M64] = { host_st_m64, host_st_m64_x, 8, false, { [6] = 0xf8, 0xff } },
    [FPU_ST_M80] = { copy_m80, copy_m80_x, 10, false, { [7] = 0xc0, 0xff, 0xff } },
    [FPU_ST_I16] = { host_ist_i16, host_ist_i16_x, 2, false, { [1] = 0x80 } },
    [FPU_ST_I32] = { host_ist_i32, host_ist_i32_x, 4, false, { [3] = 0x80 } },
    [FPU_ST_I64] = { host_ist_i64, host_ist_i64_x, 8, false, { [7] = 0x80 } },
    [FPU_ST_T16] = { host_ist_i16, host_ist_i16_x, 2, true, { [1] = 0x80 } },
    [FPU_ST_T32] = { host_ist_i32, host_ist_i32_x, 4, true, { [3] = 0x80 } },
    [FPU_ST_T64] = { host_ist_i64, host_ist_i64_x, 8, true, { [7] = 0x80 } },
    [FPU_ST_BCD] = { host_bst, host_bst_x, 10, false, { [7] = 0xc0, 0xff, 0xff } },
};

/* A whole store: may fault, and may store nothing when an exception is unmasked. */
void helper_fpu_store(CPUX86State *env, uint32_t kind, uint64_t addr, uint32_t mmu_idx, uint32_t spec)
{
    const FpuStoreRow *row = &fpu_stores[kind];
    uint16_t cw = row->truncate ? truncating(env->fpuc) : env->fpuc;
    uint16_t sw;
    FpReg v = { .mant = 0 };

    cpu_probe(env, addr, row->len, true, mmu_idx);
    if (is_empty(env, 0)) {
        sw = status_with(env, FPUS_IE | FPUS_SF);
        if (!(env->fpuc & FPUS_IE)) {
            env->fpus = sw;
            return;
        }
        memcpy(v.b, row->indefinite, row->len);
    } else if (!run_sw(env, &v, sizeof(v), st(env, 0), st(env, 0), row->fn, row->fn_x, cw, 0, RUN_STORE, &sw)) {
        env->fpus = sw;
        return;
    } else if (row->truncate) {
        sw &= ~FPUS_C1;
    }
    cpu_st_bytes(env, addr, v.b, row->len, mmu_idx);
    env->fpus = sw;
    pops(env, spec);
}

/* ---- signs, stack ---- */

INLINE bool one_operand(CPUX86State *env)
{
    if (unlikely(is_empty(env, 0))) {
        if (stack_fault(env, false)) {
            *st(env, 0) = fpu_indefinite;
            env->fptags[env->fpstt] = 0;
        }
        return false;
    }
    env->fpus &= ~FPUS_C1;
    return true;
}

void helper_fchs(CPUX86State *env)
{
    if (one_operand(env)) {
        st(env, 0)->se ^= 0x8000;
    }
}

void helper_fabs(CPUX86State *env)
{
    if (one_operand(env)) {
        st(env, 0)->se &= 0x7fff;
    }
}

void helper_fstp_top(CPUX86State *env, uint32_t delta)
{
    env->fpstt = (env->fpstt + delta) & 7;
    env->fpus &= ~FPUS_C1;
}

void helper_ffree(CPUX86State *env, uint32_t spec)
{
    env->fptags[(env->fpstt + spec) & 7] = 1;
    env->fpus &= ~FPUS_C1;
    pops(env, spec);
}
