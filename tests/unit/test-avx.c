/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FMA without the host's instruction against the same with it: bits and MXCSR flags, for random operands, roundings and
 * denormal modes. The other C functions of AVX meet the host in tests/tcg under the interpreter.
 */
#include "qemu/osdep.h"
#include "bare-cpu.h"
#include "target-i386/helper-avx.h"

#ifdef __x86_64__
#include <immintrin.h>

static GRand *rng;

static uint64_t random64(void)
{
    return (uint64_t)g_rand_int(rng) << 32 | g_rand_int(rng);
}

/* Edges, numbers close to each other, any bits. */
static uint64_t random_operand(unsigned frac, unsigned exp_bits)
{
    uint64_t max_exp = (1ull << exp_bits) - 1, bias = max_exp / 2, sign = random64() & 1ull << (frac + exp_bits);
    uint64_t low = random64() & ((1ull << frac) - 1);

    switch (g_rand_int_range(rng, 0, 10)) {
    case 0: return sign;
    case 1: return sign | (g_rand_boolean(rng) ? low : 1);                              /* denormal */
    case 2: return sign | max_exp << frac | (g_rand_boolean(rng) ? low : 0);            /* NaN, infinity */
    case 3: return sign | 1ull << frac | (g_rand_boolean(rng) ? low : 0);
    case 4: return sign | (max_exp - 1) << frac | low;
    case 5:
        return sign | (bias / 2 + (uint64_t)g_rand_int_range(rng, 0, 8)) << frac | low; /* products near the least */
    case 6: return sign | bias << frac | (low & 3);
    default: return sign | (bias - 20 + (uint64_t)g_rand_int_range(rng, 0, 40)) << frac | low;
    }
}

static uint64_t run(unsigned how, const uint64_t op[3], bool wide, bool soft, uint32_t mxcsr, uint32_t *flags)
{
    uint32_t op32[3] = { (uint32_t)op[0], (uint32_t)op[1], (uint32_t)op[2] };
    uint64_t result;

    env->mxcsr = mxcsr;
    _mm_setcsr(mxcsr);
    result = wide ? fma64_bits(env, how, op, soft) : fma32_bits(env, how, op32, soft);
    *flags = _mm_getcsr() & 0x3f;
    _mm_setcsr(0x1f80);
    return result;
}

static void compare(bool wide)
{
    static const uint32_t modes[] = { 0x1f80, 0x3f80, 0x5f80, 0x7f80, 0x1fc0, 0x9f80, 0x9fc0, 0xff80 };
    unsigned tries = g_test_quick() ? 300000 : 5000000;

    if (!__builtin_cpu_supports("fma")) {
        g_test_skip("the host lacks FMA");
        return;
    }
    for (unsigned n = 0; n < tries; n++) {
        unsigned how = (unsigned)g_rand_int_range(rng, 0, 3) | (unsigned)g_rand_int_range(rng, 0, 4) << 2;
        uint32_t mode = modes[g_rand_int_range(rng, 0, ARRAY_SIZE(modes))], flags_host, flags_soft;
        uint64_t op[3], host, soft;

        for (unsigned i = 0; i < 3; i++) {
            op[i] = wide ? random_operand(52, 11) : random_operand(23, 8);
        }
        host = run(how, op, wide, false, mode, &flags_host);
        soft = run(how, op, wide, true, mode, &flags_soft);
        if (host != soft || flags_host != flags_soft) {
            printf("# how %x mxcsr %04x: %" PRIx64 " %" PRIx64 " %" PRIx64 "\n", how, mode, op[0], op[1], op[2]);
            printf("# host %" PRIx64 " flags %02x, soft %" PRIx64 " flags %02x\n", host, flags_host, soft, flags_soft);
            g_test_fail();
            return;
        }
    }
}

static void test_soft_fma_of_floats_equals_the_host(void) { compare(false); }
static void test_soft_fma_of_doubles_equals_the_host(void) { compare(true); }

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    rng = g_rand_new_with_seed(20240611);
    bare_cpu_init();
    g_test_add_func("/avx/soft-fma/float", test_soft_fma_of_floats_equals_the_host);
    g_test_add_func("/avx/soft-fma/double", test_soft_fma_of_doubles_equals_the_host);
    return g_test_run();
}

#else

#include "no-x86-host.h"

#endif
