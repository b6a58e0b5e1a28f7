/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * XSAVE and its relatives against the host: from the same state the same bytes of the area are written, from the same
 * area the same state is loaded. What must fault is tested without the host.
 */
#include "qemu/osdep.h"
#include "bare-cpu.h"
#include "target-i386/models.h"

enum { AREA = 4096, X87 = 1, SSE = 2, AVX = 4 };

static uint8_t area_ours[AREA] QEMU_ALIGNED(64), area_host[AREA] QEMU_ALIGNED(64);

static void state_initial(void)
{
    memset(env->fpregs, 0, sizeof(env->fpregs));
    memset(env->xmm, 0, sizeof(env->xmm));
    fpu_init(env);
    env->fpus = 0;
    env->mxcsr = 0x1f80;
    env->jit.mxcsr_host = 0x1f80;
    env->cr4 = CR4_OSXSAVE;
    env->xcr0 = X87 | SSE | AVX;
    env->features[FEAT_1_ECX] = CPUID_XSAVE | CPUID_AVX;
    env->features[FEAT_7_EBX] = CPUID_NO_FPU_CS_DS;
    env->features[FEAT_D1_EAX] = CPUID_XSAVEOPT | CPUID_XSAVEC | CPUID_XGETBV1;
    cpu_update_mode(env);
}

static void request(uint64_t mask)
{
    env->regs[R_EAX] = (uint32_t)mask;
    env->regs[R_EDX] = mask >> 32;
}

static bool raises(int vector, void (*fn)(void))
{
    return FAULT_OF(fn()) == vector;
}

static void do_xsave(void) { helper_xsave(env, (uintptr_t)area_ours, 0, 1, XSAVE_PLAIN); }
static void do_xsave_unaligned(void) { helper_xsave(env, (uintptr_t)area_ours + 16, 0, 1, XSAVE_PLAIN); }
static void do_xrstor(void) { helper_xrstor(env, (uintptr_t)area_ours, 0, 1); }

static void test_without_osxsave_all_are_undefined(void)
{
    state_initial();
    env->cr4 = 0;
    g_assert_true(raises(EXC_UD, do_xsave));
    g_assert_true(raises(EXC_UD, do_xrstor));
}

static void test_area_is_aligned_to_64(void)
{
    state_initial();
    g_assert_true(raises(EXC_GP, do_xsave_unaligned));
}

/* Offset in the header, value to put there; what XRSTOR must refuse. */
static void test_bad_headers_are_refused(void)
{
    static const struct {
        unsigned at;
        uint64_t v;
    } bad[] = {
        { 512, 8 },                 /* not enabled in XCR0 */
        { 520, 7 },                 /* XCOMP_BV without its bit 63 */
        { 520, 1ull << 63 | 8 },    /* compacted, not enabled */
        { 528, 1 },                 /* reserved */
    };

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        state_initial();
        request(7);
        memset(area_ours, 0, sizeof(area_ours));
        store_le32(area_ours + 24, 0x1f80);
        g_assert_false(raises(EXC_GP, do_xrstor));
        store_le64(area_ours + bad[i].at, bad[i].v);
        g_assert_true(raises(EXC_GP, do_xrstor));
    }
    memset(area_ours, 0, sizeof(area_ours));        /* compacted: XSTATE_BV within XCOMP_BV; more is reserved */
    store_le64(area_ours + 512, 2);
    store_le64(area_ours + 520, 1ull << 63 | 1);
    g_assert_true(raises(EXC_GP, do_xrstor));
    store_le64(area_ours + 512, 1);
    g_assert_false(raises(EXC_GP, do_xrstor));
    area_ours[575] = 1;
    g_assert_true(raises(EXC_GP, do_xrstor));
}

static void test_reserved_mxcsr_bits_are_refused(void)
{
    state_initial();
    memset(area_ours, 0, sizeof(area_ours));
    store_le32(area_ours + 24, 0x10000);
    request(4);                         /* AVX alone looks at MXCSR too */
    g_assert_true(raises(EXC_GP, do_xrstor));
    request(1);
    g_assert_false(raises(EXC_GP, do_xrstor));
}

#ifdef __x86_64__
#include <cpuid.h>

static GRand *rng;
static bool host_opt, host_compact;

static bool host_has_xsave(void)
{
    unsigned a, b, c, d, xcr0 = 0;

    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) {
        return false;
    }
    __asm__ volatile("xgetbv" : "=a"(xcr0) : "c"(0) : "rdx");
    __get_cpuid_count(13, 1, &a, &b, &c, &d);
    host_opt = a & 1;
    host_compact = a & 2;
    return (xcr0 & 7) == 7;
}

static bool chance(unsigned percent)
{
    return (unsigned)g_rand_int_range(rng, 0, 100) < percent;
}

static void random_bytes(void *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ((uint8_t *)p)[i] = (uint8_t)g_rand_int(rng);
    }
}

static void state_random(void)
{
    state_initial();
    if (chance(60)) {
        env->fpuc = 0x7f | (g_rand_int(rng) & 0xf00);
        env->fpus = g_rand_int(rng) & 0x477f;
        env->fpstt = g_rand_int(rng) & 7;
        for (unsigned i = 0; i < 8; i++) {
            env->fptags[i] = chance(50);
            random_bytes(env->fpregs[i].b, 10);
        }
    }
    for (unsigned i = 0; i < 16; i++) {
        random_bytes(env->xmm[i].b, 32);
    }
    for (unsigned i = 0, keep = g_rand_int(rng); i < 16; i++) {
        memset(env->xmm[i].b, 0, keep & 1 ? 16 : 0);
        memset(env->xmm[i].b + 16, 0, keep & 2 ? 16 : 0);
    }
    env->mxcsr = chance(50) ? 0x1f80 : 0x1f80 | (g_rand_int(rng) & 0xe03f);
    env->jit.mxcsr_host = env->mxcsr;
}

/* The guest's state as an image in the standard format, made by hand. */
static void image_of_state(uint8_t *img)
{
    memset(img, 0, AREA);
    store_le16(img, env->fpuc);
    store_le16(img + 2, fpu_status_word(env));
    for (unsigned i = 0; i < 8; i++) {
        img[4] |= !env->fptags[i] << i;
        memcpy(img + 32 + 16 * i, env->fpregs[(env->fpstt + i) & 7].b, 10);
    }
    store_le32(img + 24, env->mxcsr);
    for (unsigned i = 0; i < 16; i++) {
        memcpy(img + 160 + 16 * i, env->xmm[i].b, 16);
        memcpy(img + 576 + 16 * i, env->xmm[i].b + 16, 16);
    }
    store_le64(img + 512, fpu_components_in_use(env));
}

static uint8_t host_before[AREA] QEMU_ALIGNED(64), host_state[AREA] QEMU_ALIGNED(64);

#define RUN_BETWEEN(insn, area)                                                                        \
    __asm__ volatile("xsave64 %[saved]\n\txrstor64 %[state]\n\tmov %[m], %%eax\n\t" insn "\n\tmov $7, %%eax\n\t"    \
                     "xsave64 %[state]\n\txrstor64 %[saved]"                                           \
                     : [saved] "+m"(host_before), [state] "+m"(host_state), [a] "+m"(area)             \
                     : "a"(7), "d"(0), [m] "r"(mask) : "memory")

/*
 * Each on the state that env holds. A component in its initial configuration may still count as in use (SDM vol. 1,
 * "Processor Tracking of XSAVE-Managed State"), and does after an interrupt of the host in between: some more tries.
 */
#define HOST_TRIES 50

static void host_save(unsigned kind, uint32_t mask, const uint8_t *before, uint64_t wanted)
{
    for (unsigned i = 0; i < HOST_TRIES && (!i || load_le64(area_host + 512) != wanted); i++) {
        memcpy(area_host, before, AREA);
        memset(host_before, 0, sizeof(host_before));
        image_of_state(host_state);
        switch (kind) {
        case XSAVE_PLAIN: RUN_BETWEEN("xsave64 %[a]", area_host); break;
        case XSAVE_OPT: RUN_BETWEEN("xsaveopt64 %[a]", area_host); break;
        default: RUN_BETWEEN("xsavec64 %[a]", area_host); break;
        }
    }
}

static void host_load(uint32_t mask, const uint8_t *state, uint64_t wanted)
{
    for (unsigned i = 0; i < HOST_TRIES && (!i || load_le64(host_state + 512) != wanted); i++) {
        memcpy(host_state, state, AREA);
        memset(host_before, 0, sizeof(host_before));
        RUN_BETWEEN("xrstor64 %[a]", area_host);
    }
}

static void compare_areas(const char *what, uint32_t mask)
{
    store_le32(area_host + 28, load_le32(area_ours + 28));      /* MXCSR_MASK differs between processors */
    for (unsigned i = 0; i < AREA; i++) {
        if (area_ours[i] != area_host[i]) {
            g_error("%s mask %x: byte %u is %02x, host %02x (in use %" PRIx64 ", XSTATE_BV %" PRIx64
                    " host %" PRIx64 ")",
                    what, mask, i, area_ours[i], area_host[i], fpu_components_in_use(env), load_le64(area_ours + 512),
                    load_le64(area_host + 512));
        }
    }
}

static void test_saves_the_same_bytes_as_the_host(void)
{
    static const char *const names[] = { "XSAVE", "XSAVEOPT", "XSAVEC" };

    for (unsigned n = 0; n < 3000; n++) {
        uint8_t before[AREA];
        unsigned kind = n % 3;
        uint32_t mask = g_rand_int(rng) & 7;

        if ((kind == XSAVE_OPT && !host_opt) || (kind == XSAVE_COMPACT && !host_compact)) {
            continue;
        }
        state_random();
        random_bytes(area_ours, AREA);
        memset(area_ours + 512, 0, 64);
        area_ours[512] = g_rand_int(rng) & 7;
        memcpy(before, area_ours, AREA);
        request(mask);
        helper_xsave(env, (uintptr_t)area_ours, 0, 1, kind);
        host_save(kind, mask, before, load_le64(area_ours + 512));
        compare_areas(names[kind], mask);
    }
}

static void random_image(void)
{
    bool compact = host_compact && chance(50);
    uint64_t comp = compact ? (g_rand_int(rng) & 7) : 7;

    random_bytes(area_ours, AREA);
    store_le16(area_ours, 0x7f | (g_rand_int(rng) & 0xf00));
    store_le16(area_ours + 2, g_rand_int(rng) & 0x7f7f);
    store_le64(area_ours + 8, 0);
    store_le64(area_ours + 16, 0);
    store_le16(area_ours + 6, 0);
    store_le32(area_ours + 24, 0x1f80 | (g_rand_int(rng) & 0xe03f));
    memset(area_ours + 512, 0, 64);
    store_le64(area_ours + 512, g_rand_int(rng) & comp);
    store_le64(area_ours + 520, compact ? 1ull << 63 | comp : 0);
}

static void test_loads_the_same_state_as_the_host(void)
{
    for (unsigned n = 0; n < 3000; n++) {
        uint32_t mask = g_rand_int(rng) & 7;
        uint8_t before[AREA];

        state_random();
        image_of_state(before);
        random_image();
        memcpy(area_host, area_ours, AREA);
        request(mask);
        helper_xrstor(env, (uintptr_t)area_ours, 0, 1);
        image_of_state(area_ours);
        host_load(mask, before, load_le64(area_ours + 512));
        memcpy(area_host, host_state, AREA);
        store_le32(area_ours + 28, 0);
        compare_areas("XRSTOR", mask);
    }
}
#endif

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bare_cpu_init();
    g_test_add_func("/xsave/without-osxsave-all-are-undefined", test_without_osxsave_all_are_undefined);
    g_test_add_func("/xsave/area-is-aligned-to-64", test_area_is_aligned_to_64);
    g_test_add_func("/xsave/bad-headers-are-refused", test_bad_headers_are_refused);
    g_test_add_func("/xsave/reserved-mxcsr-bits-are-refused", test_reserved_mxcsr_bits_are_refused);
#ifdef __x86_64__
    if (host_has_xsave()) {
        rng = g_rand_new_with_seed(0x7a5e);
        g_test_add_func("/xsave/saves-the-same-bytes-as-the-host", test_saves_the_same_bytes_as_the_host);
        g_test_add_func("/xsave/loads-the-same-state-as-the-host", test_loads_the_same_state_as_the_host);
    }
#endif
    return g_test_run();
}
