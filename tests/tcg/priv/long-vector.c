/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When VEX instructions exist, what they raise, and what XSAVE keeps of them. SDM vol. 1, "Detection of AVX
 * Instructions" and "Managing State Using the XSAVE Feature Set"; vol. 2A, "VEX Encoding and Exception Classes".
 */
#include "arch64.h"

#define CR0_MP 2u
#define CR0_EM 4u
#define CR0_TS 8u
#define CR4_OSFXSR (1u << 9)
#define CR4_OSXMMEXCPT (1u << 10)
#define CR4_OSXSAVE (1u << 18)

#define VADDPS "vaddps %%ymm0, %%ymm0, %%ymm1"
#define VEX_RUNS(v) CHECK_EQ(CATCH(__asm__ volatile(VADDPS :)), v)

static uint64_t read_xcr(uint32_t n)
{
    uint32_t lo, hi;

    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(n));
    return lo | (uint64_t)hi << 32;
}

static void write_xcr0(uint64_t v)
{
    __asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)));
}

static bool has_avx(void)
{
    return cpu_has(1, 2, 26) && cpu_has(1, 2, 28);
}

/* AVX as an operating system switches it on. False, with the test skipped, where there is none. */
static bool avx_on(void)
{
    if (!has_avx()) {
        skip("no AVX");
        return false;
    }
    write_cr0((read_cr0() | CR0_MP) & ~(Word)(CR0_EM | CR0_TS));
    write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE);
    write_xcr0(7);
    return true;
}

TEST(vex_is_undefined_where_cpuid_has_no_avx)
{
    if (has_avx()) {
        skip("there is AVX");
        return;
    }
    VEX_RUNS(UD);
    CHECK_EQ(CATCH(__asm__ volatile("vzeroupper")), UD);
    CHECK_EQ(CATCH(__asm__ volatile("vpaddd %%xmm0, %%xmm0, %%xmm1" :)), UD);
    CHECK_EQ(CATCH(__asm__ volatile("vfmadd231ps %%xmm0, %%xmm0, %%xmm1" :)), UD);
    if (!cpu_has(1, 2, 26)) {
        CHECK_FAULT(GP, 0, write_cr4(read_cr4() | CR4_OSXSAVE));
    }
}

TEST(vex_needs_osxsave_and_both_vector_states_in_xcr0)
{
    if (!avx_on()) {
        return;
    }
    VEX_RUNS(NONE);
    write_xcr0(3);
    VEX_RUNS(UD);
    write_xcr0(1);
    VEX_RUNS(UD);
    CHECK_FAULT(GP, 0, write_xcr0(5));          /* AVX without SSE */
    CHECK_FAULT(GP, 0, write_xcr0(6));          /* without x87 */
    write_xcr0(7);
    VEX_RUNS(NONE);
    write_cr4(read_cr4() & ~(Word)CR4_OSXSAVE);
    CHECK(!cpu_has(1, 2, 27));
    VEX_RUNS(UD);
    write_cr4(read_cr4() | CR4_OSXSAVE);
    CHECK(cpu_has(1, 2, 27));
    VEX_RUNS(NONE);
}

TEST(vex_asks_neither_cr0_em_nor_osfxsr)
{
    if (!avx_on()) {
        return;
    }
    write_cr0(read_cr0() | CR0_EM);
    VEX_RUNS(NONE);
    write_cr0(read_cr0() & ~(Word)CR0_EM);
    write_cr4(read_cr4() & ~(Word)CR4_OSFXSR);
    VEX_RUNS(NONE);
    write_cr4(read_cr4() | CR4_OSFXSR);
}

TEST(vex_with_ts_is_not_available_unless_it_is_undefined)
{
    if (!avx_on()) {
        return;
    }
    write_cr0(read_cr0() | CR0_TS);
    VEX_RUNS(NM);
    CHECK_EQ(CATCH(__asm__ volatile("vzeroupper")), NM);
    CHECK_EQ(CATCH(__asm__ volatile(".byte 0xc5, 0xe8, 0x51, 0xc1")), UD);     /* vsqrtps, vvvv not 1111 */
    CHECK_EQ(CATCH(__asm__ volatile("vmovaps (%0), %%ymm0" : : "r"(1))), NM);
    __asm__ volatile("clts");
}

TEST(simd_exceptions_of_vex_are_xm_or_ud)
{
    static const uint32_t zero_divide_unmasked = 0x1d80, masked = 0x1f80;
    static const float one[8] __attribute__((aligned(32))) = { 1, 1, 1, 1, 1, 1, 1, 1 };
    static const float zero_last[8] __attribute__((aligned(32))) = { 1, 1, 1, 1, 1, 1, 1, 0 };
    uint64_t before = 0, after = 0;

#define DIVIDE __asm__ volatile("vmovaps %0, %%ymm1; vdivps %1, %%ymm1, %%ymm0" : : "m"(one), "m"(zero_last))
    if (!avx_on()) {
        return;
    }
    __asm__ volatile("ldmxcsr %1; vmovq %%xmm0, %0" : "=m"(before) : "m"(zero_divide_unmasked));
    CHECK_EQ(CATCH(DIVIDE), XM);
    __asm__ volatile("vmovq %%xmm0, %0" : "=m"(after));
    CHECK_EQ(after, before);
    write_cr4(read_cr4() & ~(Word)CR4_OSXMMEXCPT);
    __asm__ volatile("ldmxcsr %0" : : "m"(zero_divide_unmasked));
    CHECK_EQ(CATCH(DIVIDE), UD);
    write_cr4(read_cr4() | CR4_OSXMMEXCPT);
    __asm__ volatile("ldmxcsr %0" : : "m"(masked));
    CHECK_EQ(CATCH(DIVIDE), NONE);
}

static uint8_t area[4096] __attribute__((aligned(64)));

static uint64_t at(unsigned offset)
{
    uint64_t v;

    memcpy(&v, area + offset, 8);
    return v;
}

static void set_ymm3(const uint64_t v[4])
{
    __asm__ volatile("vmovdqu (%0), %%ymm3" : : "r"(v) : "memory");
}

static void get_ymm3(uint64_t v[4])
{
    __asm__ volatile("vmovdqu %%ymm3, (%0)" : : "r"(v) : "memory");
}

#define XSAVE(insn, which) __asm__ volatile(insn " (%0)" : : "r"(area), "a"(which), "d"(0) : "memory")

TEST(xsave_keeps_upper_halves_at_the_offset_that_cpuid_gives)
{
    static const uint64_t value[4] = { 1, 2, 3, 4 };
    uint64_t got[4];
    uint32_t r[4];

    if (!avx_on()) {
        return;
    }
    cpuid(0xd, 2, r);
    CHECK_EQ(r[0], 256);
    CHECK_EQ(r[1], 576);
    set_ymm3(value);
    memset(area, 0, sizeof(area));
    XSAVE("xsave", 7);
    CHECK_EQ(at(512) & 4, 4);
    CHECK_EQ(at(160 + 3 * 16), 1);
    CHECK_EQ(at(r[1] + 3 * 16), 3);
    CHECK_EQ(at(r[1] + 3 * 16 + 8), 4);
    __asm__ volatile("vzeroall");
    XSAVE("xrstor", 4);                             /* the upper halves alone */
    get_ymm3(got);
    CHECK_EQ(got[0], 0);
    CHECK_EQ(got[2], 3);
    set_ymm3(value);
    area[512] &= ~4u;                               /* in its initial state */
    XSAVE("xrstor", 4);
    get_ymm3(got);
    CHECK_EQ(got[1], 2);
    CHECK_EQ(got[2], 0);
}

TEST(vzeroupper_takes_the_upper_halves_out_of_use)
{
    static const uint64_t value[4] = { 1, 2, 3, 4 };

    if (!avx_on()) {
        return;
    }
    set_ymm3(value);
    CHECK_EQ(read_xcr(1) & 4, 4);
    __asm__ volatile("vzeroupper");
    CHECK_EQ(read_xcr(1) & 4, 0);
    CHECK_EQ(read_xcr(1) & 2, 2);
    __asm__ volatile("vzeroall");
    CHECK_EQ(read_xcr(1) & 6, 0);
}

TEST(cpuid_says_how_much_the_enabled_states_need)
{
    uint32_t r[4];

    if (!avx_on()) {
        return;
    }
    cpuid(0xd, 0, r);
    CHECK_EQ(r[0] & 7, 7);
    CHECK_EQ(r[1], 832);
    write_xcr0(3);
    cpuid(0xd, 0, r);
    CHECK_EQ(r[1], 576);
    CHECK(r[2] >= 832);
    write_xcr0(7);
}
