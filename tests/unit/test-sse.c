/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of vector operations against the host: for every row that names a host instruction the C function behind it
 * must give the same bytes and the same MXCSR flags, for random operands, roundings and denormal modes.
 *
 * The native side is what the x86-64 back end does: load both operands to registers, run the row's encoding, store.
 * Rows without a host encoding (MMX packs, blends by XMM0, ...) run natively with encodings of their own.
 */
#include "qemu/osdep.h"
#include <sys/mman.h>
#include "bare-cpu.h"
#include "target-i386/helper-sse.h"

#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>

static GRand *rng;
static uint8_t *code_page;
static uint32_t host_features;      /* bits IR_VEC_* */

static uint64_t random64(void)
{
    return (uint64_t)g_rand_int(rng) << 32 | g_rand_int(rng);
}

static unsigned random_below(unsigned n)
{
    return g_rand_int_range(rng, 0, n);
}

/* Numbers of float and double that meet in interesting ways, and bytes of any kind. */
static void random_xmm(XmmReg *x, bool fp)
{
    static const uint32_t special32[] = { 0, 1, 0x7fffff, 0x800000, 0x3f800000, 0x3f000000, 0x7f7fffff, 0x7f800000,
                                          0x7f800001, 0x7fc00123, 0x4f000000, 0x4effffff, 0x3fc00000, 0x40200000 };
    static const uint64_t special64[] = { 0, 1, 0xfffffffffffffull, 0x10000000000000ull, 0x3ff0000000000000ull,
                                          0x3fe0000000000000ull, 0x7fefffffffffffffull, 0x7ff0000000000000ull,
                                          0x7ff0000000000001ull, 0x7ff8000000000123ull, 0x41e0000000000000ull,
                                          0x43e0000000000000ull, 0x3ff8000000000000ull, 0x4004000000000000ull };

    for (unsigned i = 0; i < 4; i++) {
        x->q[i] = random64();
    }
    if (!fp) {
        unsigned kind = random_below(4);

        for (unsigned i = 0; i < 16 && kind; i++) {
            x->b[i] = kind == 1 ? x->b[i] & 0x1f : random_below(3) ? x->b[i] : 0x7f + random_below(3);
        }
        return;
    }
    if (random_below(2)) {
        for (unsigned i = 0; i < 2; i++) {
            uint64_t v = random_below(2) ? special64[random_below(ARRAY_SIZE(special64))]
                                         : (1023ull - 70 + random_below(140)) << 52 | random64() >> 12;
            x->q[i] = v | (uint64_t)random_below(2) << 63;
        }
    } else {
        for (unsigned i = 0; i < 4; i++) {
            uint32_t v = random_below(2) ? special32[random_below(ARRAY_SIZE(special32))]
                                         : (127u - 40 + random_below(80)) << 23 | g_rand_int(rng) >> 9;
            x->l[i] = v | random_below(2) << 31;
        }
    }
}

typedef void Native(XmmReg *dst, const XmmReg *src);

static uint8_t *emit_move(uint8_t *p, unsigned bytes, bool store, unsigned modrm)
{
    static const uint8_t load[17][4] = {
        [4] = { 0xf3, 0x0f, 0x10 }, [8] = { 0xf3, 0x0f, 0x7e }, [16] = { 0x90, 0x0f, 0x10 },
    };
    static const uint8_t stores[17][4] = {
        [4] = { 0xf3, 0x0f, 0x11 }, [8] = { 0x66, 0x0f, 0xd6 }, [16] = { 0x90, 0x0f, 0x11 },
    };

    memcpy(p, store ? stores[bytes] : load[bytes], 3);
    p[3] = modrm;
    return p + 4;
}

static uint8_t *emit_op(uint8_t *p, unsigned prefix, unsigned map, unsigned opcode, unsigned modrm, int imm)
{
    if (prefix) {
        *p++ = prefix;
    }
    *p++ = 0x0f;
    if (map > 1) {
        *p++ = map == 2 ? 0x38 : 0x3a;
    }
    *p++ = opcode;
    *p++ = modrm;
    if (imm >= 0) {
        *p++ = imm;
    }
    return p;
}

static Native *native_sse(const IrVecOp *v, unsigned imm)
{
    uint8_t *p = code_page;

    p = emit_move(p, v->dst_bytes, false, 0x07);
    p = emit_move(p, MAX(v->src_bytes, 4u), false, 0x0e);
    p = emit_op(p, v->prefix, v->map, v->opcode, 0xc1, v->has_imm ? (int)imm : -1);
    p = emit_move(p, v->dst_bytes, true, 0x07);
    *p = 0xc3;
    return (Native *)(uintptr_t)code_page;
}

/* movq mm0, [rdi]; op mm0, [rsi]; movq [rdi], mm0; emms; ret */
static Native *native_mmx(unsigned map, unsigned opcode, int imm)
{
    uint8_t *p = code_page;

    p = emit_op(p, 0, 1, 0x6f, 0x07, -1);
    p = emit_op(p, 0, map, opcode, 0x06, imm);
    p = emit_op(p, 0, 1, 0x7f, 0x07, -1);
    memcpy(p, "\x0f\x77\xc3", 3);
    return (Native *)(uintptr_t)code_page;
}

/* movups xmm1, [rdi]; movups xmm0, [rsi]; op xmm1, xmm0 ...: for what has XMM0 as a third operand, here the source */
static Native *native_xmm0(unsigned prefix, unsigned opcode)
{
    uint8_t *p = code_page;

    p = emit_move(p, 16, false, 0x0f);
    p = emit_move(p, 16, false, 0x06);
    p = emit_op(p, prefix, 2, opcode, 0xc8, -1);
    p = emit_move(p, 16, true, 0x0f);
    *p = 0xc3;
    return (Native *)(uintptr_t)code_page;
}

static const uint32_t mxcsr_modes[] = { 0x1f80, 0x3f80, 0x5f80, 0x7f80, 0x1fc0, 0x9f80, 0x9fc0, 0xff80 };

typedef struct Job {
    const SseRow *row;
    unsigned map, opcode;
    bool mmx;
} Job;

static bool compare(const char *name, Native *native, const IrVecOp *v, unsigned imm, bool fp)
{
    uint32_t mode = fp ? mxcsr_modes[random_below(ARRAY_SIZE(mxcsr_modes))] : 0x1f80;
    XmmReg a QEMU_ALIGNED(32), b QEMU_ALIGNED(32), want QEMU_ALIGNED(32), got QEMU_ALIGNED(32);
    uint32_t flags_want, flags_got;

    random_xmm(&a, fp);
    random_xmm(&b, fp);
    if (!fp && random_below(3) == 0) {
        b.q[0] = random_below(70);              /* shift counts */
    }
    env->xmm[0] = b;                            /* selector of blends */
    want = got = a;
    _mm_setcsr(mode);
    native(&want, &b);
    flags_want = _mm_getcsr();
    _mm_setcsr(mode);
    env->mxcsr = mode;
    v->fn(env, &got, &b, imm);
    flags_got = _mm_getcsr();
    _mm_setcsr(0x1f80);
    if (!memcmp(&want, &got, 16) && flags_want == flags_got) {
        return true;
    }
    printf("# %s imm %02x mxcsr %04x\n", name, imm, mode);
    printf("#   dst  %016" PRIx64 " %016" PRIx64 "\n", a.q[1], a.q[0]);
    printf("#   src  %016" PRIx64 " %016" PRIx64 "\n", b.q[1], b.q[0]);
    printf("#   host %016" PRIx64 " %016" PRIx64 " flags %02x\n", want.q[1], want.q[0], flags_want & 0x3f);
    printf("#   fn   %016" PRIx64 " %016" PRIx64 " flags %02x\n", got.q[1], got.q[0], flags_got & 0x3f);
    return false;
}

static void test_function_equals_host_instruction(const void *opaque)
{
    const Job *job = opaque;
    const IrVecOp *v = &job->row->vec;
    bool fp = job->row->fp || job->row->isa == ISA_SSE;
    unsigned tries = g_test_quick() ? 2000 : 50000;

    for (unsigned n = 0; n < tries; n++) {
        unsigned imm = v->has_imm ? random_below(256) : 0;
        Native *native;

        if (v->opcode == 0xc2) {
            imm &= 7;
        }
        if (v->host_feature < 32 && v->host_feature != IR_VEC_AVX && !(host_features >> v->host_feature & 1)) {
            g_test_skip("the host lacks it");
            return;
        }
        if (v->c_is_first) {
            native = native_xmm0(v->prefix, job->opcode);
        } else if (v->host_feature != IR_VEC_FN_ONLY) {
            native = native_sse(v, imm);
        } else if (job->mmx) {
            native = native_mmx(job->map, job->opcode, v->has_imm ? (int)imm : -1);
        } else {
            g_test_skip("no native form of this shape");
            return;
        }
        if (!compare(v->name, native, v, imm, fp)) {
            g_test_fail();
            return;
        }
    }
}

/* MMX operations that run as SSE2: also against the real MMX instruction. */
static void test_mmx_row_equals_mmx_instruction(const void *opaque)
{
    const Job *job = opaque;
    const IrVecOp *v = &job->row->vec;

    for (unsigned n = 0; n < 1000; n++) {
        unsigned imm = v->has_imm ? random_below(256) : 0;

        if (!compare(v->name, native_mmx(job->map, job->opcode, v->has_imm ? (int)imm : -1), v, imm, false)) {
            g_test_fail();
            return;
        }
    }
}

static void add_rows(void)
{
    static const uint8_t prefixes[] = { 0, 0x66, 0xf3, 0xf2 };

    for (unsigned map = 1; map <= 3; map++) {
        for (unsigned opcode = 0; opcode < 256; opcode++) {
            for (unsigned p = 0; p < 4; p++) {
                const SseRow *row = sse_row(map, opcode, prefixes[p]);
                g_autofree char *path = NULL, *path2 = NULL;
                Job *job;

                if (row->kind != K_VEC && row->kind != K_MMX) {
                    continue;
                }
                job = g_new0(Job, 1);           /* lives as long as the test */
                *job = (Job){ row, map, opcode, row->kind == K_MMX };
                path = g_strdup_printf("/sse/%s/%02x-%x-%02x", row->vec.name, prefixes[p], map, opcode);
                g_test_add_data_func(path, job, test_function_equals_host_instruction);
                if (job->mmx && row->vec.host_feature != IR_VEC_FN_ONLY) {
                    path2 = g_strdup_printf("/mmx/%s", row->vec.name);
                    g_test_add_data_func(path2, job, test_mmx_row_equals_mmx_instruction);
                }
            }
        }
    }
}

/* op xmm0, imm on a copy of the source */
static Native *native_shift(const IrVecOp *v, unsigned imm)
{
    uint8_t *p = code_page;

    p = emit_move(p, v->dst_bytes, false, 0x06);
    p = emit_op(p, v->prefix, v->map, v->opcode, 0xc0 | v->group << 3, (int)imm);
    p = emit_move(p, v->dst_bytes, true, 0x07);
    *p = 0xc3;
    return (Native *)(uintptr_t)code_page;
}

static void test_shifts_by_an_immediate(void)
{
    for (unsigned i = 0; i < 3 * 8 * 2; i++) {
        const IrVecOp *v = sse_shift_op(0x71 + i / 16, i % 8, i / 8 % 2);

        for (unsigned n = 0; n < 300 && v; n++) {
            unsigned imm = n < 256 ? n : random_below(70);

            g_assert_true(compare(v->name, native_shift(v, imm), v, imm, false));
        }
    }
}

static void test_moves_clear_or_keep_the_rest(void)
{
    static const IrVecOp *const ops[] = {
        &vec_mov128, &vec_movq, &vec_movlow, &vec_movlow4, &vec_movhigh, &vec_movhlps
    };

    for (unsigned i = 0; i < ARRAY_SIZE(ops); i++) {
        for (unsigned n = 0; n < 100; n++) {
            g_assert_true(compare(ops[i]->name, native_sse(ops[i], 0), ops[i], 0, false));
        }
    }
}

/* ---- strings ---- */

#define STR_CASES(X) X(0x00) X(0x01) X(0x02) X(0x03) X(0x04) X(0x05) X(0x06) X(0x07) X(0x08) X(0x09) X(0x0a) \
    X(0x0b) X(0x0c) X(0x0d) X(0x0e) X(0x0f) X(0x14) X(0x18) X(0x19) X(0x1a) X(0x1c) X(0x30) X(0x31) X(0x34) X(0x38) \
    X(0x3a) X(0x3c) X(0x40) X(0x44) X(0x4c) X(0x50) X(0x58) X(0x70) X(0x71) X(0x78) X(0x7c)

static void check_pcmpstr(unsigned imm, uint64_t got, int index, unsigned flags)
{
    if ((int)(uint32_t)got != index || got >> 32 != flags) {
        printf("# pcmpstr imm %02x: index %d flags %03x, wanted %d %03x\n", imm, (int)(uint32_t)got,
               (unsigned)(got >> 32), index, flags);
        g_test_fail();
    }
}

__attribute__((target("sse4.2"))) static void test_string_comparison_equals_host(void)
{
    if (!(host_features >> IR_VEC_SSE42 & 1)) {
        g_test_skip("the host lacks SSE4.2");
        return;
    }
    for (unsigned n = 0; n < 500 && !g_test_failed(); n++) {
        XmmReg *x = env->xmm;
        int la = (int)random_below(40) - 20, lb = (int)random_below(40) - 20;
        __m128i a, b;

        for (unsigned i = 0; i < 16; i++) {
            x[1].b[i] = random_below(4) + (random_below(8) ? 0 : 0x7e);
            x[2].b[i] = random_below(4) + (random_below(8) ? 0 : 0x7e);
        }
        a = _mm_loadu_si128((__m128i *)&x[1]);
        b = _mm_loadu_si128((__m128i *)&x[2]);
#define FLAGS(k, c, z, s, o) ((c ? CC_C : 0) | (z ? CC_Z : 0) | (s ? CC_S : 0) | (o ? CC_O : 0))
#define CHECK(imm)                                                                                     \
        check_pcmpstr(imm, helper_pcmpstr(env, ENV_OFF_X(1), ENV_OFF_X(2), imm | PCMPSTR_IMPLICIT, 0, 0), \
                      _mm_cmpistri(a, b, imm), FLAGS(i, _mm_cmpistrc(a, b, imm), _mm_cmpistrz(a, b, imm), \
                      _mm_cmpistrs(a, b, imm), _mm_cmpistro(a, b, imm)));                              \
        check_pcmpstr(imm, helper_pcmpstr(env, ENV_OFF_X(1), ENV_OFF_X(2), imm, (int64_t)la, (int64_t)lb), \
                      _mm_cmpestri(a, la, b, lb, imm), FLAGS(e, _mm_cmpestrc(a, la, b, lb, imm),       \
                      _mm_cmpestrz(a, la, b, lb, imm), _mm_cmpestrs(a, la, b, lb, imm), \
                      _mm_cmpestro(a, la, b, lb, imm))); \
        {                                                                                              \
            __m128i m = _mm_cmpistrm(a, b, imm);                                                       \
            uint64_t r = helper_pcmpstr(env, ENV_OFF_X(1), ENV_OFF_X(2), imm | PCMPSTR_IMPLICIT | PCMPSTR_MASK, 0, 0); \
            helper_pcmpstrm(env, r, imm);                                                              \
            g_assert_cmpmem(&m, 16, &x[0], 16);                                                        \
        }
#define ENV_OFF_X(k) (offsetof(CPUX86State, xmm) + (k) * sizeof(XmmReg))
        STR_CASES(CHECK)
    }
}

/* ---- exceptions ---- */

static int run_exact(const SseRow *row, uint32_t mxcsr, const XmmReg *a, const XmmReg *b)
{
    mxcsr_set(env, mxcsr);
    env->xmm[1] = *a;
    env->xmm[2] = *b;
    return FAULT_OF(helper_sse_exact(env, (uintptr_t)&row->vec, (uint64_t)ENV_OFF_X(2) << 32 | ENV_OFF_X(1), 0));
}

static void test_unmasked_exception_writes_nothing(void)
{
    const SseRow *divps = sse_row(1, 0x5e, 0), *mulss = sse_row(1, 0x59, 0xf3);
    XmmReg a = { .s = { 1, 1, 3, 0 } }, b = { .s = { 0, 2, 3, 0 } };

    env->jit.host_sp = 1;
    env->cr4 = CR4_OSXMMEXCPT;
    g_assert_cmpint(run_exact(divps, 0x1f80, &a, &b), ==, -1);          /* 1/0 and 0/0, masked */
    g_assert_cmphex(mxcsr_get(env), ==, 0x1f85);
    g_assert_cmphex(env->xmm[1].l[0], ==, 0x7f800000);
    g_assert_cmpint(run_exact(divps, 0x1d80, &a, &b), ==, EXC_XM);      /* ZE unmasked */
    g_assert_cmphex(mxcsr_get(env), ==, 0x1d85);
    g_assert_cmpmem(&env->xmm[1], 16, &a, 16);
    env->cr4 = 0;
    g_assert_cmpint(run_exact(divps, 0x1d80, &a, &b), ==, EXC_UD);
    env->cr4 = CR4_OSXMMEXCPT;
    a.l[0] = 0x00800000;                                                /* smallest normal times 1/2: exact denormal */
    b.s[0] = 0.5f;
    g_assert_cmpint(run_exact(mulss, 0x1f80, &a, &b), ==, -1);
    g_assert_cmphex(mxcsr_get(env), ==, 0x1f80);
    g_assert_cmphex(env->xmm[1].l[0], ==, 0x00400000);
    g_assert_cmpint(run_exact(mulss, 0x1780, &a, &b), ==, EXC_XM);      /* UE unmasked */
    g_assert_cmphex(mxcsr_get(env) & 0x10, ==, 0x10);
    b.s[0] = 1.5f;
    a.s[0] = 1.1f;
    g_assert_cmpint(run_exact(mulss, 0x0f80, &a, &b), ==, EXC_XM);      /* PE unmasked */
    mxcsr_set(env, 0x1f80);
    env->jit.host_sp = 0;
    _mm_setcsr(0x1f80);
}

static void test_mxcsr_is_kept_in_the_host_register_inside(void)
{
    env->jit.host_sp = 1;
    mxcsr_set(env, 0x7fc0);
    g_assert_cmphex(_mm_getcsr(), ==, 0x7fc0);
    _mm_setcsr(_mm_getcsr() | 0x20);
    g_assert_cmphex(mxcsr_get(env), ==, 0x7fe0);
    _mm_setcsr(0x1f80);
    env->jit.host_sp = 0;
    env->jit.mxcsr_host |= 0x01;
    g_assert_cmphex(mxcsr_get(env), ==, 0x7fe1);
    mxcsr_set(env, 0x8000);                     /* all unmasked, FTZ: not in force while underflow is unmasked */
    g_assert_cmphex(env->jit.mxcsr_host, ==, 0x1f80);
    g_assert_cmphex(fpu_mode_bits(env) & MK_SSE_EXC, ==, MK_SSE_EXC);
    mxcsr_set(env, 0x1f80);
}

int main(int argc, char **argv)
{
    unsigned eax, ebx, ecx, edx;
    bool sha;

    g_test_init(&argc, &argv, NULL);
    rng = g_rand_new_with_seed(20240608);
    bare_cpu_init();
    fpu_init(env);
    fpu_reset(env);
    __cpuid_count(7, 0, eax, ebx, ecx, edx);
    sha = ebx & bit_SHA;
    __cpuid(1, eax, ebx, ecx, edx);
    host_features = 1u << IR_VEC_SSE2 | (ecx & bit_SSE3 ? 1u << IR_VEC_SSE3 : 0)
                    | (ecx & bit_SSSE3 ? 1u << IR_VEC_SSSE3 : 0)
                    | (ecx & bit_SSE4_1 ? 1u << IR_VEC_SSE41 : 0) | (ecx & bit_SSE4_2 ? 1u << IR_VEC_SSE42 : 0)
                    | (ecx & bit_AES ? 1u << IR_VEC_AES : 0) | (ecx & bit_PCLMUL ? 1u << IR_VEC_PCLMUL : 0)
                    | (sha ? 1u << IR_VEC_SHA : 0);
    code_page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    g_assert(code_page != MAP_FAILED);
    add_rows();
    g_test_add_func("/sse/moves", test_moves_clear_or_keep_the_rest);
    g_test_add_func("/sse/shifts-by-an-immediate", test_shifts_by_an_immediate);
    g_test_add_func("/sse/strings", test_string_comparison_equals_host);
    g_test_add_func("/sse/unmasked", test_unmasked_exception_writes_nothing);
    g_test_add_func("/sse/mxcsr", test_mxcsr_is_kept_in_the_host_register_inside);
    return g_test_run();
}

#else

#include "no-x86-host.h"

#endif
