/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87 helpers against the host's x87: each instruction runs natively on a random state loaded with FXRSTOR, and the
 * state that FXSAVE shows afterwards must be the helpers' one, stack faults and unmasked exceptions included.
 */
#include "qemu/osdep.h"
#include <sys/mman.h>
#include <time.h>
#include "bare-cpu.h"
#include "target-i386/fpu-host.h"

#ifdef __x86_64__

/* ---- the instructions ---- */

typedef struct Mem {
    uint8_t b[128];
} Mem;

typedef struct Case {
    const char *name;
    uint8_t bytes[2];           /* the second is ModRM: of a register form with ST(0), or of [rsi] */
    uint8_t mem;                /* bytes of the memory operand */
    bool sti;                   /* add i to ModRM */
    bool approximate;           /* transcendental: the last bit may depend on the host's state */
    void (*run)(Mem *m, unsigned i);
    uint8_t kind;               /* 1: only with everything masked */
} Case;

static uint64_t flags_out;

#define M32 (*(uint32_t *)m->b)
#define M64 (*(uint64_t *)m->b)
#define FN(name, stmt) static void name(Mem *m QEMU_UNUSED, unsigned i QEMU_UNUSED) { stmt; }
#define ARITH(op)                                                                                      \
    FN(r_##op##_st0, helper_f##op##_st0(env, i)) FN(r_##op##_sti, helper_f##op##_sti(env, i))          \
    FN(r_##op##_p, helper_f##op##_sti(env, i | FPU_POP)) FN(r_##op##_m32, helper_f##op##_m32(env, M32)) \
    FN(r_##op##_m64, helper_f##op##_m64(env, M64)) FN(r_##op##_i32, helper_f##op##_i32(env, M32))      \
    FN(r_##op##_i16, helper_f##op##_i32(env, (int16_t)M32))
ARITH(add)
ARITH(mul)
ARITH(sub)
ARITH(subr)
ARITH(div)
ARITH(divr)
#define ARITH_CASES(op, n, rn)                                                                         \
    { "f" #op " st0,sti", { 0xd8, 0xc0 + n * 8 }, .sti = true, .run = r_##op##_st0 },                  \
    { "f" #op " sti,st0", { 0xdc, 0xc0 + rn * 8 }, .sti = true, .run = r_##op##_sti },                 \
    { "f" #op "p", { 0xde, 0xc0 + rn * 8 }, .sti = true, .run = r_##op##_p },                          \
    { "f" #op " m32", { 0xd8, n * 8 + 6 }, 4, .run = r_##op##_m32 },                                   \
    { "f" #op " m64", { 0xdc, n * 8 + 6 }, 8, .run = r_##op##_m64 },                                   \
    { "f" #op " i32", { 0xda, n * 8 + 6 }, 4, .run = r_##op##_i32 },                                   \
    { "f" #op " i16", { 0xde, n * 8 + 6 }, 2, .run = r_##op##_i16 }

FN(r_fcom, helper_fcom(env, i)) FN(r_fcomp, helper_fcom(env, i | FPU_POP)) FN(r_fucom, helper_fucom(env, i))
FN(r_fucomp, helper_fucom(env, i | FPU_POP)) FN(r_fcompp, helper_fcom(env, 1 | FPU_POP | FPU_POP2))
FN(r_fucompp, helper_fucom(env, 1 | FPU_POP | FPU_POP2))
FN(r_fcom_m32, helper_fcom_m32(env, M32, 0)) FN(r_fcomp_m64, helper_fcom_m64(env, M64, FPU_POP))
FN(r_ficom_m16, helper_fcom_i32(env, (int16_t)M32, 0)) FN(r_ficomp_m32, helper_fcom_i32(env, M32, FPU_POP))
FN(r_fcomi, flags_out = helper_fcomi(env, i)) FN(r_fucomi, flags_out = helper_fucomi(env, i))
FN(r_fcomip, flags_out = helper_fcomi(env, i | FPU_POP))
FN(r_fucomip, flags_out = helper_fucomi(env, i | FPU_POP))
FN(r_fld_m32, helper_fld_m32(env, M32)) FN(r_fld_m64, helper_fld_m64(env, M64))
FN(r_fld_m80, helper_fld_m80(env, M64, *(uint16_t *)(m->b + 8))) FN(r_fild16, helper_fild(env, (int16_t)M32))
FN(r_fild32, helper_fild(env, (int32_t)M32)) FN(r_fild64, helper_fild(env, M64))
FN(r_fbld, helper_fbld(env, M64, *(uint16_t *)(m->b + 8)))
FN(r_fld_sti, helper_fld_sti(env, i)) FN(r_fst_sti, helper_fst_sti(env, i))
FN(r_fstp_sti, helper_fst_sti(env, i | FPU_POP))
FN(r_fxch, helper_fxch(env, i)) FN(r_ffree, helper_ffree(env, i)) FN(r_ffreep, helper_ffree(env, i | FPU_POP))
FN(r_fcmovu0, helper_fcmov(env, i, 0)) FN(r_fcmovnu1, helper_fcmov(env, i, 1))
#define CONSTS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6)
#define CONST_FN(n) FN(r_const##n, helper_fld_const(env, n))
CONSTS(CONST_FN)
#define CONST_CASE(n) { "fld constant " #n, { 0xd9, 0xe8 + n }, .run = r_const##n },
#define PLAIN(X)                                                                                       \
    X(fchs, 0xe0, 0) X(fabs, 0xe1, 0) X(ftst, 0xe4, 0) X(fxam, 0xe5, 0) X(f2xm1, 0xf0, 1) X(fyl2x, 0xf1, 1) \
    X(fptan, 0xf2, 1) X(fpatan, 0xf3, 1) X(fxtract, 0xf4, 0) X(fprem1, 0xf5, 0) X(fprem, 0xf8, 0) X(fyl2xp1, 0xf9, 1) \
    X(fsqrt, 0xfa, 0) X(fsincos, 0xfb, 1) X(frndint, 0xfc, 0) X(fscale, 0xfd, 0) X(fsin, 0xfe, 1) X(fcos, 0xff, 1)
#define PLAIN_FN(name, b, ap) FN(r_##name, helper_##name(env))
PLAIN(PLAIN_FN)
#define PLAIN_CASE(name, b, ap) { #name, { 0xd9, b }, .approximate = ap, .run = r_##name },
FN(r_fdecstp, helper_fstp_top(env, 7)) FN(r_fincstp, helper_fstp_top(env, 1))
#define STORES(X)                                                                                      \
    X(M32, 0, 0xd9, 2, 4) X(M32, 1, 0xd9, 3, 4) X(M64, 0, 0xdd, 2, 8) X(M64, 1, 0xdd, 3, 8) X(M80, 1, 0xdb, 7, 10) \
    X(I16, 0, 0xdf, 2, 2) X(I16, 1, 0xdf, 3, 2) X(I32, 0, 0xdb, 2, 4) X(I32, 1, 0xdb, 3, 4) X(I64, 1, 0xdf, 7, 8) \
    X(T16, 1, 0xdf, 1, 2) X(T32, 1, 0xdb, 1, 4) X(T64, 1, 0xdd, 1, 8) X(BCD, 1, 0xdf, 6, 10)
#define STORE_FN(k, p, o, r, n) FN(r_st_##k##p, helper_fpu_store(env, FPU_ST_##k, (uintptr_t)m->b, 0, p ? FPU_POP : 0))
STORES(STORE_FN)
#define STORE_CASE(k, p, o, r, n) { "store " #k, { o, r * 8 + 6 }, n, .run = r_st_##k##p },
#define FAST_STORES(X)                                                                                 \
    X(fst_m32, 0, 0xd9, 2, 4) X(fst_m64, 8, 0xdd, 3, 8) X(fist_i16, 0, 0xdf, 2, 2) X(fist_i32, 8, 0xdb, 3, 4) \
    X(fist_i64, 8, 0xdf, 7, 8) X(fistt_i16, 8, 0xdf, 1, 2) X(fistt_i32, 8, 0xdb, 1, 4) X(fistt_i64, 8, 0xdd, 1, 8)
#define FAST_FN(h, p, o, r, n)                                                                         \
    static void r_fast_##h(Mem *m, unsigned i QEMU_UNUSED)                                             \
    {                                                                                                  \
        uint64_t v = helper_##h(env);                                                                  \
        memcpy(m->b, &v, n);                                                                           \
        helper_fst_done(env, p);                                                                       \
    }
FAST_STORES(FAST_FN)
#define FAST_CASE(h, p, o, r, n) { "fast " #h, { o, r * 8 + 6 }, n, .run = r_fast_##h, .kind = 1 },
FN(r_fnstenv, helper_fnstenv(env, (uintptr_t)m->b, 0, FPU_ENV_32))
FN(r_fnsave, helper_fnsave(env, (uintptr_t)m->b, 0, FPU_ENV_32))
FN(r_fnclex, helper_fnclex(env)) FN(r_fninit, helper_fninit(env)) FN(r_fldcw, helper_fldcw(env, M32 & 0xffff))

static const Case cases[] = {
    ARITH_CASES(add, 0, 0), ARITH_CASES(mul, 1, 1), ARITH_CASES(sub, 4, 5), ARITH_CASES(subr, 5, 4),
    ARITH_CASES(div, 6, 7), ARITH_CASES(divr, 7, 6),
    { "fcom", { 0xd8, 0xd0 }, .sti = true, .run = r_fcom }, { "fcomp", { 0xd8, 0xd8 }, .sti = true, .run = r_fcomp },
    { "fucom", { 0xdd, 0xe0 }, .sti = true, .run = r_fucom },
    { "fucomp", { 0xdd, 0xe8 }, .sti = true, .run = r_fucomp },
    { "fcompp", { 0xde, 0xd9 }, .run = r_fcompp }, { "fucompp", { 0xda, 0xe9 }, .run = r_fucompp },
    { "fcom m32", { 0xd8, 0x16 }, 4, .run = r_fcom_m32 }, { "fcomp m64", { 0xdc, 0x1e }, 8, .run = r_fcomp_m64 },
    { "ficom m16", { 0xde, 0x16 }, 2, .run = r_ficom_m16 }, { "ficomp m32", { 0xda, 0x1e }, 4, .run = r_ficomp_m32 },
    { "fcomi", { 0xdb, 0xf0 }, .sti = true, .run = r_fcomi },
    { "fucomi", { 0xdb, 0xe8 }, .sti = true, .run = r_fucomi },
    { "fcomip", { 0xdf, 0xf0 }, .sti = true, .run = r_fcomip },
    { "fucomip", { 0xdf, 0xe8 }, .sti = true, .run = r_fucomip },
    { "fld m32", { 0xd9, 0x06 }, 4, .run = r_fld_m32 }, { "fld m64", { 0xdd, 0x06 }, 8, .run = r_fld_m64 },
    { "fld m80", { 0xdb, 0x2e }, 10, .run = r_fld_m80 }, { "fild m16", { 0xdf, 0x06 }, 2, .run = r_fild16 },
    { "fild m32", { 0xdb, 0x06 }, 4, .run = r_fild32 }, { "fild m64", { 0xdf, 0x2e }, 8, .run = r_fild64 },
    { "fbld", { 0xdf, 0x26 }, 10, .run = r_fbld },
    { "fld sti", { 0xd9, 0xc0 }, .sti = true, .run = r_fld_sti },
    { "fst sti", { 0xdd, 0xd0 }, .sti = true, .run = r_fst_sti },
    { "fstp sti", { 0xdd, 0xd8 }, .sti = true, .run = r_fstp_sti },
    { "fxch", { 0xd9, 0xc8 }, .sti = true, .run = r_fxch },
    { "ffree", { 0xdd, 0xc0 }, .sti = true, .run = r_ffree },
    { "ffreep", { 0xdf, 0xc0 }, .sti = true, .run = r_ffreep },
    { "fcmovu, P=0", { 0xda, 0xd8 }, .sti = true, .run = r_fcmovu0 },
    { "fcmovnu, P=0", { 0xdb, 0xd8 }, .sti = true, .run = r_fcmovnu1 },
    CONSTS(CONST_CASE) PLAIN(PLAIN_CASE)
    { "fdecstp", { 0xd9, 0xf6 }, .run = r_fdecstp }, { "fincstp", { 0xd9, 0xf7 }, .run = r_fincstp },
    STORES(STORE_CASE) FAST_STORES(FAST_CASE)
    { "fnstenv", { 0xd9, 0x36 }, 28, .run = r_fnstenv }, { "fnsave", { 0xdd, 0x36 }, 108, .run = r_fnsave },
    { "fnclex", { 0xdb, 0xe2 }, .run = r_fnclex }, { "fninit", { 0xdb, 0xe3 }, .run = r_fninit },
    { "fldcw", { 0xd9, 0x2e }, 2, .run = r_fldcw },
};

/* ---- random states ---- */

static GRand *rng;

static uint64_t random64(void)
{
    return (uint64_t)g_rand_int(rng) << 32 | g_rand_int(rng);
}

static unsigned random_below(unsigned n)
{
    return g_rand_int_range(rng, 0, n);
}

static uint64_t random_fraction(void)
{
    switch (random_below(5)) {
    case 0: return 0;
    case 1: return ~0ull;
    case 2: return random64() & ~0ull << random_below(64);
    case 3: return 1ull << random_below(64);
    default: return random64();
    }
}

static void random_m80(uint8_t *p)
{
    static const uint16_t exps[] = { 0, 0, 0x7fff, 0x7fff, 1, 0x7ffe, 0x3fff, 0x3ffe };
    uint64_t mant = random_fraction();
    uint16_t se = random_below(3) ? 0x3fff - 70 + random_below(140) : exps[random_below(ARRAY_SIZE(exps))];

    if (random_below(16)) {
        mant = se ? mant | 1ull << 63 : mant & ~(1ull << 63);
    }
    if (!random_below(10)) {
        se = g_rand_int(rng) & 0x7fff;
    }
    se |= random_below(2) << 15;
    memcpy(p, &mant, 8);
    memcpy(p + 8, &se, 2);
}

static void random_mem(Mem *m, unsigned size)
{
    for (unsigned i = 0; i < sizeof(m->b); i++) {
        m->b[i] = g_rand_int(rng);
    }
    if (size == 10) {
        random_m80(m->b);
    } else if (size == 8 && random_below(2)) {
        uint64_t exp = random_below(3) ? 1023 - 40 + random_below(80) : random_below(2) ? 0 : 0x7ff;
        uint64_t v = exp << 52 | random_fraction() >> 12 | (uint64_t)random_below(2) << 63;
        memcpy(m->b, &v, 8);
    } else if (size == 4 && random_below(2)) {
        uint32_t exp = random_below(3) ? 127 - 30 + random_below(60) : random_below(2) ? 0 : 0xff;
        uint32_t v = exp << 23 | random_fraction() >> 41 | random_below(2) << 31;
        memcpy(m->b, &v, 4);
    } else if (size == 2 && !random_below(3)) {
        memset(m->b, 0, 2);
    }
}

typedef struct Fx {
    uint8_t b[512];
} QEMU_ALIGNED(16) Fx;

static void random_state(Fx *fx, bool masked)
{
    uint16_t cw = random_below(3) ? 0x37f : 0x7f | random_below(16) << 8;
    uint16_t sw;

    memset(fx, 0, sizeof(*fx));
    if (!masked && random_below(2)) {
        cw &= ~(g_rand_int(rng) & 0x3f);
    }
    sw = (g_rand_int(rng) & 0x7f00) | (random_below(2) ? 0 : g_rand_int(rng) & cw & 0x3f);
    store_le16(fx->b, cw);
    store_le16(fx->b + 2, sw);
    fx->b[4] = !random_below(4) ? g_rand_int(rng) : random_below(2) ? 0xffu : 0x7fu >> random_below(8);
    if (random_below(3) == 0) {
        fx->b[4] = ~(1u << (((sw >> 11) - 1) & 7));       /* room for one push */
    }
    store_le32(fx->b + 24, 0x1f80);
    for (unsigned i = 0; i < 8; i++) {
        random_m80(fx->b + 32 + 16 * i);
    }
}

/* ---- native run ---- */

typedef void Native(const Fx *in, Mem *m, Fx *out, uint64_t *flags);

static uint8_t *code_page;

static Native *native_code(const uint8_t *insn, unsigned len)
{
    static const uint8_t head[] = { 0x30, 0xc0, 0x0c, 0x80, 0x04, 0x80, 0x50, 0x48, 0x0f, 0xae, 0x0f,
                                    /* xor al,al; or al,80h; add al,80h (CF OF ZF); push rax; fxrstor64 [rdi] */
                                    0x58, 0x04, 0x80 /* pop rax; add al,80h: OF=1, others 0 but S */ };
    static const uint8_t tail[] = { 0x9c, 0x8f, 0x01, 0x48, 0x0f, 0xae, 0x02, 0xdb, 0xe3, 0xc3 };
                                    /* pushfq; pop [rcx]; fxsave64 [rdx]; fninit; ret */
    uint8_t *p = code_page;

    memcpy(p, head, sizeof(head));
    memcpy(p + sizeof(head), insn, len);
    memcpy(p + sizeof(head) + len, tail, sizeof(tail));
    return (Native *)(uintptr_t)code_page;
}

static bool close_m80(const uint8_t *a, const uint8_t *b)
{
    return !memcmp(a + 8, b + 8, 2) && llabs((int64_t)(load_le64(a) - load_le64(b))) <= 1;
}

static bool same_state(const Case *c, const Fx *a, const Fx *b)
{
    if (memcmp(a->b, b->b, 6)) {
        return false;
    }
    for (unsigned i = 0; i < 8; i++) {
        const uint8_t *x = a->b + 32 + 16 * i, *y = b->b + 32 + 16 * i;

        if (memcmp(x, y, 10) && !(c->approximate && close_m80(x, y))) {
            return false;
        }
    }
    return true;
}

static void print_state(const char *title, const Fx *fx)
{
    printf("# %s: CW %04x SW %04x tags %02x\n", title, load_le16(fx->b), load_le16(fx->b + 2), fx->b[4]);
    for (unsigned i = 0; i < 3; i++) {
        printf("#    st%u %04x %016" PRIx64 "\n", i, load_le16(fx->b + 40 + 16 * i), load_le64(fx->b + 32 + 16 * i));
    }
}

static void run_case(const Case *c)
{
    Fx in, want, got;
    Mem m0, m_want, m_got;
    unsigned i = c->sti ? random_below(8) : 0;
    uint8_t insn[2] = { c->bytes[0], c->bytes[1] + i };
    uint64_t eflags;

    random_state(&in, c->kind == 1);
    random_mem(&m0, c->mem);
    if (c->run == r_fldcw) {
        m0.b[0] |= 0x3f;                /* may not make an old flag pending: the next fxrstor would */
    }
    m_want = m_got = m0;
    memcpy(&want, &in, sizeof(in));
    memcpy(&got, &in, sizeof(in));
    native_code(insn, 2)(&in, &m_want, &want, &eflags);
    helper_fxrstor(env, (uintptr_t)&in, 0, 1);
    flags_out = 0;
    c->run(&m_got, i);
    helper_fxsave(env, (uintptr_t)&got, 0, 1);
    if (c->mem >= 28) {                 /* pointers and selectors are not compared */
        memset(m_want.b + 12, 0, 16);
        memset(m_got.b + 12, 0, 16);
    }
    if (!same_state(c, &want, &got) || memcmp(&m_want, &m_got, sizeof(m_want))) {
        printf("# %s, i = %u, mem %016" PRIx64 " %04x\n", c->name, i, load_le64(m0.b), load_le16(m0.b + 8));
        print_state("before", &in);
        print_state("host", &want);
        print_state("helper", &got);
        printf("# stored: host %016" PRIx64 " %04x, helper %016" PRIx64 " %04x\n", load_le64(m_want.b),
               load_le16(m_want.b + 8), load_le64(m_got.b), load_le16(m_got.b + 8));
        g_test_fail();
    } else if (strstr(c->name, "comi") && (eflags & (CC_ALL)) != (flags_out & (CC_ALL))) {
        printf("# %s: flags %03x, wanted %03x\n", c->name, (unsigned)flags_out, (unsigned)eflags & CC_ALL);
        g_test_fail();
    }
}

static void test_instruction_does_what_the_host_does(const void *opaque)
{
    const Case *c = opaque;
    unsigned tries = g_test_quick() ? 3000 : 100000;

    for (unsigned n = 0; n < tries && !g_test_failed(); n++) {
        run_case(c);
    }
}

/* ---- without the host ---- */

static void test_fpu_wait_raises_ferr_without_ne(void)
{
    fpu_init(env);
    env->cr0 = 0;
    ferr_count = 0;
    helper_fpu_wait(env);
    g_assert_cmpuint(ferr_count, ==, 0);
    fpu_set_status(env, FPUS_ZE);
    fpu_set_control(env, 0x37b);
    g_assert_cmphex(env->fpus & (FPUS_ES | FPUS_B), ==, FPUS_ES | FPUS_B);
    cpu_update_mode(env);
    helper_fpu_wait(env);
    g_assert_cmpuint(ferr_count, ==, 1);
    g_assert_cmpuint(helper_fnclex(env), ==, 0);        /* still unmasked: the mode stays */
    g_assert_cmphex(fpu_mode_bits(env), ==, MK_FPU_EXC);
    fpu_init(env);
    g_assert_cmphex(fpu_mode_bits(env), ==, 0);
}

static void test_environment_survives_both_formats_and_sizes(void)
{
    uint8_t buf[108], again[108];

    for (unsigned pe = 0; pe < 2; pe++) {
        for (unsigned flags = 0; flags < 2; flags++) {
            Fx fx;

            random_state(&fx, true);
            helper_fxrstor(env, (uintptr_t)&fx, 0, 1);
            env->jit.mode_key = pe ? MK_PE : 0;
            env->fpip = 0x1234;
            env->fpdp = 0x5678;
            memset(buf, 0, sizeof(buf));
            memset(again, 0, sizeof(again));
            helper_fnsave(env, (uintptr_t)buf, 0, flags);
            env->jit.mode_key = pe ? MK_PE : 0;
            helper_frstor(env, (uintptr_t)buf, 0, flags);
            env->jit.mode_key = pe ? MK_PE : 0;
            helper_fnsave(env, (uintptr_t)again, 0, flags);
            g_assert_cmpmem(buf, sizeof(buf), again, sizeof(again));
        }
    }
}

static gint64 cpu_us(void)
{
    return (gint64)clock() * G_USEC_PER_SEC / CLOCKS_PER_SEC;
}

static void test_speed(void)
{
    gint64 start;

    if (!g_test_perf()) {
        g_test_skip("use -m perf");
        return;
    }
    fpu_init(env);
    for (int i = 0; i < 4; i++) {
        helper_fld_const(env, i);
    }
    start = cpu_us();
    for (int i = 0; i < 10000000; i++) {
        helper_fadd_st0(env, 2);
    }
    g_test_minimized_result((cpu_us() - start) / 1e4, "fadd st0,st2: %.2f ns",
                            (cpu_us() - start) / 1e4);
    start = cpu_us();
    for (int i = 0; i < 10000000; i++) {
        helper_fld_m64(env, 0x3ff8000000000000ull);
        helper_fst_m64(env);
        helper_fst_done(env, FPU_POP);
    }
    g_test_minimized_result((cpu_us() - start) / 1e4, "fld + fstp m64: %.2f ns",
                            (cpu_us() - start) / 1e4);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    rng = g_rand_new_with_seed(20240607);
    bare_cpu_init();
    code_page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    g_assert(code_page != MAP_FAILED);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autofree char *path = g_strdup_printf("/fpu/%03u %s", i, cases[i].name);
        g_test_add_data_func(path, &cases[i], test_instruction_does_what_the_host_does);
    }
    g_test_add_func("/fpu/ferr", test_fpu_wait_raises_ferr_without_ne);
    g_test_add_func("/fpu/environment", test_environment_survives_both_formats_and_sizes);
    g_test_add_func("/fpu/speed", test_speed);
    return g_test_run();
}

#else

#include "no-x86-host.h"

#endif
