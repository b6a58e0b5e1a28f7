/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPU models, the text of -cpu, CPUID leaves, and the rules of MSRs and control registers that follow from them. */
#include "qemu/osdep.h"
#include "guest-cpu.h"
#include "hw/i386/pc-firmware.h"

typedef struct Leaf {
    uint32_t eax, ebx, ecx, edx;
} Leaf;

static Leaf cpuid(uint32_t leaf, uint32_t sub)
{
    Leaf l;

    cpu_cpuid(env, leaf, sub, &l.eax, &l.ebx, &l.ecx, &l.edx);
    return l;
}

static void test_qemu64_identity(void)
{
    Leaf l;

    guest_reset("qemu64");
    l = cpuid(0, 0);
    g_assert_cmphex(l.eax, ==, 0xd);
    g_assert_cmphex(l.ebx, ==, 0x68747541);
    g_assert_cmphex(l.ecx, ==, 0x444d4163);
    g_assert_cmphex(l.edx, ==, 0x69746e65);
    l = cpuid(1, 0);
    g_assert_cmphex(l.eax, ==, 0x00060fb1);
    g_assert_cmphex(l.ebx, ==, 0x00000800);
    g_assert_cmphex(l.edx & ~CPUID_APIC, ==, 0x078bfbfd & ~CPUID_APIC);
    g_assert_cmphex(env->regs[R_EDX], ==, 0x00060fb1);
    l = cpuid(0x80000002, 0);
    g_assert_cmphex(l.eax, ==, 0x554d4551);
    l = cpuid(0x80000003, 0);
    g_assert_cmphex(l.edx, ==, 0x0000002b);
    l = cpuid(0x80000008, 0);
    g_assert_cmphex(l.eax, ==, 0x3028);
    l = cpuid(0x40000000, 0);
    g_assert_cmphex(l.ebx, ==, 0x54474354);
    g_assert_cmphex(l.ecx, ==, 0x43544743);
    g_assert_cmphex(l.edx, ==, 0x47435447);
}

static void test_basic_leaf_beyond_the_last_answers_as_the_last(void)
{
    guest_reset("qemu32");
    g_assert_cmphex(cpuid(0x1000, 0).eax, ==, cpuid(4, 0).eax);
    g_assert_cmphex(cpuid(0x80000008, 0).eax, ==, cpuid(4, 0).eax);
    g_assert_cmphex(cpuid(0x80000000, 0).eax, ==, 0x80000004);
}

/* ---- topology ---- */

typedef struct Shape {
    unsigned sockets, cores, threads;
} Shape;

static const Shape shapes[] = {
    { 1, 1, 1 }, { 2, 1, 1 }, { 1, 2, 1 }, { 1, 1, 2 }, { 2, 2, 2 }, { 1, 3, 1 }, { 3, 1, 1 }, { 1, 3, 2 }, { 2, 3, 2 },
    { 3, 3, 3 }, { 1, 6, 1 }, { 4, 1, 2 }, { 1, 1, 3 }, { 2, 5, 3 }, { 7, 1, 1 }, { 1, 64, 1 }, { 1, 128, 1 },
    { 2, 63, 2 }, { 1, 100, 2 }, { 1, 1, 255 }, { 1, 255, 1 }, { 64, 1, 2 },
};

static void set_shape(const Shape *s)
{
    smp_sockets = (int)s->sockets;
    smp_cores = (int)s->cores;
    smp_threads = (int)s->threads;
    smp_cpus = smp_max_cpus = (int)(s->sockets * s->cores * s->threads);
}

/* Where an operating system thinks that a CPU is. */
typedef struct Place {
    unsigned package, core, thread;
    unsigned threads_of_core, cpus_of_package;      /* as far as the leaves tell */
} Place;

static unsigned bits_for(unsigned n)
{
    unsigned bits = 0;

    while (1u << bits < n) {
        bits++;
    }
    return bits;
}

static void split_id(Place *p, uint32_t id, unsigned thread_bits, unsigned package_bits)
{
    p->thread = id & ((1u << thread_bits) - 1);
    p->core = (id & ((1u << package_bits) - 1)) >> thread_bits;
    p->package = id >> package_bits;
}

/* SDM vol. 3A, "Identifying Topological Relationships in an MP System": leaves 0Bh and 1Fh. */
static void place_by_levels(uint32_t leaf, Place *p)
{
    Leaf smt = cpuid(leaf, 0), core = cpuid(leaf, 1), end = cpuid(leaf, 2);

    g_assert_cmphex(smt.ecx, ==, 0x100);
    g_assert_cmphex(core.ecx, ==, 0x201);
    g_assert_cmphex(end.ecx, ==, 2);
    g_assert_cmphex(end.eax | end.ebx, ==, 0);
    g_assert_cmphex(smt.edx, ==, core.edx);
    g_assert_cmphex(smt.edx, ==, end.edx);
    split_id(p, smt.edx, smt.eax, core.eax);
    p->threads_of_core = smt.ebx;
    p->cpus_of_package = core.ebx;
}

/* The same, from leaves 1 and 4 alone. */
static void place_by_leaf_4(Place *p)
{
    Leaf one = cpuid(1, 0), four = cpuid(4, 0);
    unsigned cpus = one.edx & CPUID_HT ? one.ebx >> 16 & 0xff : 1, cores = (four.eax >> 26) + 1;
    unsigned package_bits = bits_for(cpus), core_bits = MIN(bits_for(cores), package_bits);

    split_id(p, one.ebx >> 24, package_bits - core_bits, package_bits);
    p->cpus_of_package = cpus;                              /* the same */
    p->threads_of_core = (four.eax >> 14 & 0xfff) + 1;      /* whole bits */
}

/* APM vol. 3, appendix E.5, "Multiple Processor Calculation", and Fn8000_001E. */
static void place_by_amd(Place *p)
{
    Leaf one = cpuid(1, 0), eight = cpuid(0x80000008, 0), e = cpuid(0x8000001e, 0);
    unsigned package_bits = eight.ecx >> 12 & 15;

    g_assert_cmphex(e.eax, ==, one.ebx >> 24);
    p->threads_of_core = (e.ebx >> 8 & 0xff) + 1;
    split_id(p, e.eax, bits_for(p->threads_of_core), package_bits);
    p->cpus_of_package = (eight.ecx & 0xff) + 1;
    g_assert_cmpuint(e.ebx & 0xff, ==, p->core);
    g_assert_cmpuint(e.ecx & 0xff, ==, p->package);
}

static void assert_place(const Place *p, const Shape *s, unsigned cpu)
{
    g_assert_cmpuint(p->thread, ==, cpu % s->threads);
    g_assert_cmpuint(p->core, ==, cpu / s->threads % s->cores);
    g_assert_cmpuint(p->package, ==, cpu / s->threads / s->cores);
}

static void test_topology_leaves_tell_what_smp_says(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(shapes); i++) {
        const Shape *s = &shapes[i];
        Place p;

        set_shape(s);
        for (int cpu = 0; cpu < smp_cpus && pc_apic_id((unsigned)cpu) < 0xff; cpu++) {
            guest_reset("max,level=0x1f");
            env->apic_id = pc_apic_id((unsigned)cpu);
            place_by_levels(0xb, &p);
            assert_place(&p, s, (unsigned)cpu);
            g_assert_cmpuint(p.threads_of_core, ==, s->threads);
            g_assert_cmpuint(p.cpus_of_package, ==, s->threads * s->cores);
            place_by_levels(0x1f, &p);
            assert_place(&p, s, (unsigned)cpu);
            guest_reset("core2duo");
            env->apic_id = pc_apic_id((unsigned)cpu);
            if (s->cores <= 64) {       /* the field has six bits */
                place_by_leaf_4(&p);
                assert_place(&p, s, (unsigned)cpu);
                g_assert_cmpuint(p.threads_of_core, ==, 1u << bits_for(s->threads));
            }
            guest_reset("EPYC");
            env->apic_id = pc_apic_id((unsigned)cpu);
            place_by_amd(&p);
            assert_place(&p, s, (unsigned)cpu);
            g_assert_cmpuint(p.threads_of_core, ==, s->threads);
            g_assert_cmpuint(p.cpus_of_package, ==, s->threads * s->cores);
        }
    }
    env->apic_id = 0;
    set_shape(&shapes[0]);
}

/* What vendors' older systems look at besides. */
static void test_older_topology_bits(void)
{
    static const Shape four = { 1, 2, 2 }, packages = { 4, 1, 1 };

    set_shape(&four);
    guest_reset("pentium3");            /* no leaf 4: all CPUs of a package are threads */
    g_assert_cmphex(cpuid(1, 0).edx & CPUID_HT, ==, CPUID_HT);
    g_assert_cmpuint(cpuid(1, 0).ebx >> 16 & 0xff, ==, 4);
    guest_reset("Opteron_G3");
    g_assert_cmphex(cpuid(0x80000001, 0).ecx & CPUID_EXT_CMP_LEGACY, ==, CPUID_EXT_CMP_LEGACY);
    g_assert_cmphex(cpuid(0x80000008, 0).ecx, ==, 0x2003);
    g_assert_cmphex(cpuid(0x8000001e, 0).eax, ==, cpuid(0xd, 0).eax);       /* beyond its leaves */
    guest_reset("EPYC");
    g_assert_cmphex(cpuid(0x8000001d, 0).eax >> 14 & 0xfff, ==, 1);         /* two threads share the L1 */
    g_assert_cmphex(cpuid(4, 0).eax, ==, 0);
    set_shape(&packages);
    guest_reset("Opteron_G3");
    g_assert_cmphex(cpuid(1, 0).edx & CPUID_HT, ==, 0);
    g_assert_cmphex(cpuid(0x80000001, 0).ecx & CPUID_EXT_CMP_LEGACY, ==, 0);
    g_assert_cmphex(cpuid(0x80000008, 0).ecx, ==, 0);
    guest_reset("core2duo");
    g_assert_cmphex(cpuid(1, 0).edx & CPUID_HT, ==, 0);
    g_assert_cmphex(cpuid(4, 0).eax >> 14, ==, 0);
    set_shape(&shapes[0]);
}

static void test_monitor_leaf(void)
{
    guest_reset("max");
    g_assert_cmphex(cpuid(1, 0).ecx & CPUID_MONITOR, ==, CPUID_MONITOR);
    g_assert_cmphex(cpuid(5, 0).eax, ==, 64);
    g_assert_cmphex(cpuid(5, 0).ebx, ==, 64);
    g_assert_true(cpu_wrmsr(env, 0x1a0, env->misc_enable & ~(uint64_t)MISC_ENABLE_MONITOR));
    g_assert_cmphex(cpuid(1, 0).ecx & CPUID_MONITOR, ==, 0);
    g_assert_cmphex(cpuid(5, 0).ebx, ==, 0);
    guest_reset("qemu64");
    g_assert_cmphex(cpuid(5, 0).eax | cpuid(5, 0).ecx, ==, 0);
}

static void test_features_are_switched_by_name(void)
{
    const CpuModel *m =
        model_parse("max,-avx,-smap,nx=off,+popcnt,family=15,phys-bits=36,vendor=AuthenticAMD", &error_abort);

    g_assert_cmphex(m->features[FEAT_7_EBX] & CPUID_SMAP, ==, 0);
    g_assert_cmphex(m->features[FEAT_8000_0001_EDX] & CPUID_EXT_NX, ==, 0);
    g_assert_cmphex(m->features[FEAT_1_ECX] & CPUID_POPCNT, ==, CPUID_POPCNT);
    g_assert_cmpuint(m->phys_bits, ==, 36);
    g_assert_true(model_is_amd(m));
    g_assert_cmphex(model_signature(m), ==, 0x00030f61);
    g_assert_true(model_parse("max,-avx,-smap,nx=off,+popcnt,family=15,phys-bits=36,vendor=AuthenticAMD", NULL) == m);
}

/* The psABI's micro-architecture level 3, in CPUID's words. */
static void test_default_model_is_x86_64_v3(void)
{
    static const uint32_t v3_1_ecx = CPUID_SSE3 | CPUID_SSSE3 | CPUID_SSE41 | CPUID_SSE42 | CPUID_CX16 | CPUID_POPCNT |
                                     CPUID_AVX | CPUID_FMA | CPUID_F16C | CPUID_MOVBE | CPUID_XSAVE;
    static const uint32_t v3_7_ebx = CPUID_AVX2 | CPUID_BMI1 | CPUID_BMI2;

    guest_reset(NULL);
    g_assert_cmphex(cpuid(1, 0).ecx & v3_1_ecx, ==, v3_1_ecx);
    g_assert_cmphex(cpuid(7, 0).ebx & v3_7_ebx, ==, v3_7_ebx);
    g_assert_cmphex(cpuid(0x80000001, 0).ecx & (CPUID_EXT_LAHF_LM | CPUID_EXT_ABM), ==,
                    CPUID_EXT_LAHF_LM | CPUID_EXT_ABM);
    g_assert_cmphex(cpuid(0xd, 0).eax & 7, ==, 7);
    g_assert_cmphex(cpuid(0xd, 0).ecx, >=, 832);
    g_assert_cmphex(cpuid(0xd, 2).eax, ==, 256);
    g_assert_cmphex(cpuid(0xd, 2).ebx, ==, 576);
}

static void test_without_avx_goes_what_needs_it(void)
{
    static const char *const texts[] = { "max,-avx", "max,-xsave", "qemu64" };

    for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++) {
        const CpuModel *m = model_parse(texts[i], &error_abort);

        g_assert_cmphex(m->features[FEAT_1_ECX] & (CPUID_AVX | CPUID_FMA | CPUID_F16C), ==, 0);
        g_assert_cmphex(m->features[FEAT_7_EBX] & CPUID_AVX2, ==, 0);
        g_assert_cmphex(m->features[FEAT_7_ECX] & (CPUID_VAES | CPUID_VPCLMULQDQ), ==, 0);
    }
}

static void test_wrong_text_is_an_error_with_a_way_out(void)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        { "foo", "unable to find CPU model 'foo'" },
        { "max,+foo", "CPU has no feature or property 'foo'" },
        { "max,nx=maybe", "CPU feature 'nx' is 'on' or 'off', not 'maybe'" },
        { "max,phys-bits=99", "CPU property 'phys-bits' takes a number from 32 to 52, not '99'" },
        { "host", "CPU model 'host' needs a hardware accelerator" },
        { "max,+vmx,enforce", "CPU model 'max': these features are not emulated: vmx" },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        Error *err = NULL;

        g_assert_null(model_parse(cases[i].text, &err));
        g_assert_cmpstr(error_get_message(err), ==, cases[i].message);
        error_free(err);
    }
}

static void test_cr4_and_efer_accept_what_cpuid_says(void)
{
    guest_reset("pentium");
    env->cr0 |= CR0_PE;
    assert_faults(cpu_write_cr4(env, CR4_PAE), EXC_GP, 0);
    assert_works(cpu_write_cr4(env, CR4_PSE));
    assert_faults((void)(cpu_wrmsr(env, 0xc0000080, EFER_SCE) || (raise_exception_err(env, EXC_GP, 0), 0)), EXC_GP, 0);
    guest_reset("max");
    g_assert_true(cpu_wrmsr(env, 0xc0000080, EFER_SCE | EFER_LME | EFER_NXE));
    g_assert_false(cpu_wrmsr(env, 0xc0000080, EFER_SVME));
    assert_works(cpu_write_cr4(env, CR4_PAE | CR4_SMEP | CR4_SMAP | CR4_UMIP | CR4_FSGSBASE | CR4_OSFXSR));
    assert_faults(cpu_write_cr4(env, CR4_PAE | CR4_LA57), EXC_GP, 0);
}

static void test_cr0_rules(void)
{
    guest_reset(NULL);
    assert_faults(cpu_write_cr0(env, CR0_PG), EXC_GP, 0);
    assert_faults(cpu_write_cr0(env, CR0_NW), EXC_GP, 0);
    assert_faults(cpu_write_cr0(env, 1ull << 32), EXC_GP, 0);
    g_assert_true(cpu_wrmsr(env, 0xc0000080, EFER_LME));
    assert_faults(cpu_write_cr0(env, CR0_PE | CR0_PG), EXC_GP, 0);      /* long mode needs PAE */
    assert_works(cpu_write_cr4(env, CR4_PAE));
    assert_works(cpu_write_cr0(env, CR0_PE | CR0_PG));
    g_assert_cmphex(env->efer, ==, EFER_LME | EFER_LMA);
    g_assert_false(cpu_wrmsr(env, 0xc0000080, 0));                      /* LME while paging */
    assert_faults(cpu_write_cr4(env, 0), EXC_GP, 0);
    assert_works(cpu_write_cr0(env, CR0_PE));
    g_assert_cmphex(env->efer, ==, EFER_LME);
    assert_works(helper_lmsw(env, 0));
    g_assert_cmphex(env->cr0 & CR0_PE, ==, CR0_PE);                     /* LMSW cannot leave protected mode */
}

static void test_msr_rules(void)
{
    uint64_t v;

    guest_reset(NULL);
    g_assert_false(cpu_rdmsr(env, 0x12345678, &v));
    g_assert_false(cpu_wrmsr(env, 0x12345678, 0));
    g_assert_false(cpu_wrmsr(env, 0xc0000101, 0x0000800000000000ull));
    g_assert_true(cpu_wrmsr(env, 0xc0000101, 0xffff800000000000ull));
    g_assert_cmphex(env->segs[R_GS].base, ==, 0xffff800000000000ull);
    g_assert_false(cpu_wrmsr(env, 0x277, 2));
    g_assert_true(cpu_wrmsr(env, 0x277, 0x0407050600070106ull));
    g_assert_true(cpu_rdmsr(env, 0xfe, &v));
    g_assert_cmphex(v, ==, 0x508);
    g_assert_false(cpu_wrmsr(env, 0xfe, v));
    g_assert_true(cpu_wrmsr(env, 0x26f, 0x0505050505050505ull));
    g_assert_true(cpu_rdmsr(env, 0x26f, &v));
    g_assert_cmphex(v, ==, 0x0505050505050505ull);
    g_assert_cmphex(env->mtrr_fixed[10], ==, v);
    g_assert_false(cpu_wrmsr(env, 0x201, 1ull << 50));
    g_assert_false(cpu_wrmsr(env, 0x401, 1));
}

static void test_tsc_adjust_moves_along(void)
{
    uint64_t a, b;

    guest_reset(NULL);
    g_assert_true(cpu_wrmsr(env, 0x10, 1ull << 40));
    g_assert_true(cpu_rdmsr(env, 0x10, &a));
    g_assert_cmpuint(a - (1ull << 40), <, 1000000000);
    g_assert_true(cpu_rdmsr(env, 0x3b, &b));
    g_assert_cmphex(b, ==, env->tsc_offset);
    g_assert_true(cpu_wrmsr(env, 0x3b, 0));
    g_assert_cmphex(env->tsc_offset, ==, 0);
}

static void test_popf_obeys_privilege(void)
{
    guest_reset(NULL);
    guest_protected();
    assert_works(helper_popf(env, IF_MASK | 3 << IOPL_SHIFT | CC_C, 4));
    g_assert_cmphex(cpu_compute_eflags(env), ==, IF_MASK | 3 << IOPL_SHIFT | CC_C | 2);
    assert_works(helper_popf(env, 0, 4));
    guest_user(0x1b, 0x23);
    assert_works(helper_popf(env, 0x3f7ed5, 4));
    g_assert_cmphex(cpu_compute_eflags(env), ==, 0x244cd7);       /* all but IF, IOPL, VM, VIF, VIP, RF */
    assert_faults(helper_cli(env), EXC_GP, 0);
    assert_faults(helper_check_cpl0(env), EXC_GP, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    guest_init();
    g_test_add_func("/cpuid/qemu64", test_qemu64_identity);
    g_test_add_func("/cpuid/beyond", test_basic_leaf_beyond_the_last_answers_as_the_last);
    g_test_add_func("/cpuid/topology", test_topology_leaves_tell_what_smp_says);
    g_test_add_func("/cpuid/older-topology", test_older_topology_bits);
    g_test_add_func("/cpuid/monitor", test_monitor_leaf);
    g_test_add_func("/model/features", test_features_are_switched_by_name);
    g_test_add_func("/model/default-is-v3", test_default_model_is_x86_64_v3);
    g_test_add_func("/model/without-avx", test_without_avx_goes_what_needs_it);
    g_test_add_func("/model/errors", test_wrong_text_is_an_error_with_a_way_out);
    g_test_add_func("/sysregs/cr4", test_cr4_and_efer_accept_what_cpuid_says);
    g_test_add_func("/sysregs/cr0", test_cr0_rules);
    g_test_add_func("/msr/rules", test_msr_rules);
    g_test_add_func("/msr/tsc", test_tsc_adjust_moves_along);
    g_test_add_func("/flags/popf", test_popf_obeys_privilege);
    return g_test_run();
}
