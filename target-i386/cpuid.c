/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUID: the leaves, computed from the model's feature words. SDM vol. 2A, CPUID; APM vol. 3, appendix E.
 * A leaf beyond the highest basic one answers like that one, as Intel's do; unknown leaves within are zero.
 */
#include "qemu/osdep.h"
#include "target-i386/cpu.h"
#include "target-i386/models.h"
#include "target-i386/sysregs.h"

typedef struct CpuidRegs {
    uint32_t eax, ebx, ecx, edx;
} CpuidRegs;

static void put_text(CpuidRegs *r, const char *p)
{
    r->eax = load_le32(p);
    r->ebx = load_le32(p + 4);
    r->ecx = load_le32(p + 8);
    r->edx = load_le32(p + 12);
}

static void put_vendor(CpuidRegs *r, uint32_t max, const char *vendor)
{
    r->eax = max;
    r->ebx = load_le32(vendor);
    r->edx = load_le32(vendor + 4);
    r->ecx = load_le32(vendor + 8);
}

/* ---- topology: threads, cores, packages from -smp ---------------------------------------------------------------- */

static unsigned log2_up(unsigned n)
{
    return n > 1 ? 32 - __builtin_clz(n - 1) : 0;
}

static unsigned smt_shift(void)
{
    return log2_up(MAX(smp_threads, 1));
}

static unsigned package_shift(void)
{
    return smt_shift() + log2_up(MAX(smp_cores, 1));
}

static unsigned package_cpus(void)
{
    return MAX(smp_threads, 1) * MAX(smp_cores, 1);
}

/* ---- basic leaves ------------------------------------------------------------------------------------------------ */

static void leaf_0(CPUX86State *env, uint32_t sub, CpuidRegs *r)
{
    put_vendor(r, env->model->level, env->model->vendor);
}

/* EBX bits 23:16: how many IDs a package has room for (Intel), how many CPUs it has (AMD). */
static void leaf_1(CPUX86State *env, uint32_t sub, CpuidRegs *r)
{
    unsigned cpus = package_cpus(), ids = model_is_amd(env->model) ? cpus : 1u << package_shift();

    r->eax = model_signature(env->model);
    r->ebx = env->apic_id << 24 | (cpus > 1 ? MIN(ids, 255u) << 16 : 0) | 8 << 8;   /* CLFLUSH: 64 bytes */
    r->ecx = env->features[FEAT_1_ECX] & ~CPUID_OSXSAVE;
    r->ecx |= env->cr4 & CR4_OSXSAVE ? CPUID_OSXSAVE : 0;
    r->ecx &= cpu_has_monitor(env) ? ~0u : ~CPUID_MONITOR;
    r->edx = env->features[FEAT_1_EDX] | (cpus > 1 ? CPUID_HT : 0);
    if (!(apic_get_base(env->vcpu) & 1u << 11)) {
        r->edx &= ~CPUID_APIC;      /* globally disabled */
    }
}

/* Descriptors: FFh says ask leaf 4, F0h 64-byte prefetch, B2h and 03h instruction and data TLBs of 64 entries. */
static void leaf_2(CPUX86State *env, uint32_t sub, CpuidRegs *r)
{
    if (!model_is_amd(env->model)) {
        *r = (CpuidRegs) { .eax = 0x03ffb201, .edx = 0xf0 };
    }
}

/* Caches of leaf 4: type (1 data, 2 code, 3 both), level, ways, sets; 64-byte lines. */
static const struct {
    uint8_t type, level, ways;
    uint16_t sets;
} caches[] = { { 1, 1, 8, 64 }, { 2, 1, 8, 64 }, { 3, 2, 16, 512 } };

static void leaf_4(CPUX86State *env, uint32_t sub, CpuidRegs *r)
{
    unsigned cores = (1u << (package_shift() - smt_shift())) - 1;

    if (model_is_amd(env->model) || sub >= ARRAY_SIZE(caches)) {
        return;
    }
    r->eax = caches[sub].type | caches[sub].level << 5 | 1u << 8 | ((1u << smt_shift()) - 1) << 14 | cores << 26;
    r->ebx = 63 | (caches[sub].ways - 1u) << 22;
    r->ecx = caches[sub].sets - 1u;
    r->edx = 1;
}

static void leaf_5(CPUX86State *env, uint32_t sub, CpuidRegs *r)
{
    if (cpu_has_monitor(env)) {
        r->eax = r->ebx = MONITOR_LINE;     /* smallest and largest line */
        r->ecx = 3;     /* extensions enumerated, interrupts break even when masked; no power states (EDX) */
    }
}

static void leaf_6(CPUX86State *env, uint32_t sub, CpuidRegs *r)
{
    r->eax = env->features[FEAT_6_EAX];
}

static void leaf_7(CPUX86State *env, uint32_t sub, CpuidRegs *r)
{
    if (sub == 0) {
        r->ebx = env->features[FEAT_7_EBX];
        r->ecx = env->features[FEAT_7_ECX] & ~CPUID_OSPKE;
        r->ecx |= env->cr4 & CR4_PKE ? CPUID_OSPKE : 0;
        r->edx = env->features[FEAT_7_EDX];
    }
}

/* Leaf B: level 0 counts threads of a core, level 1 CPUs of a package. */
static void leaf_b(CPUX86State *env, uint32_t sub, CpuidRegs *r)
{
    r->ecx = sub & 0xff;
    r->edx = env->apic_id;
    if (sub == 0) {
        r->eax = smt_shift();
        r->ebx = MAX(smp_threads, 1);
        r->ecx |= 1 << 8;
    } else if (sub == 1) {
        r->eax = package_shift();
        r->ebx = package_cpus();
        r->ecx |= 2 << 8;
    }
}

/* XSAVE: the standard format's offsets of the components emulated (SDM vol. 1, "XSAVE Area"). */
static const struct {
    uint8_t bit;
    uint16_t size, offset;
} xsave_parts[] = { { 2, 256, 576 }, { 9, 8, 0xa80 } };

static void leaf_d(CPUX86State *env, uint32_t sub, CpuidRegs *r)
{
    uint64_t valid = cpu_xcr0_valid(env);

    if (!cpu_has(env, FEAT_1_ECX, CPUID_XSAVE)) {
        return;
    }
    if (sub == 0) {
        r->eax = valid;
        r->edx = valid >> 32;
        r->ebx = r->ecx = 576;
    } else if (sub == 1) {
        r->eax = env->features[FEAT_D1_EAX];
        r->ebx = r->eax & CPUID_XSAVEC ? 576 : 0;      /* compacted: what XCR0 enables, side by side */
    }
    for (unsigned i = 0; i < ARRAY_SIZE(xsave_parts); i++) {
        uint32_t end = xsave_parts[i].offset + xsave_parts[i].size;
        bool enabled = env->xcr0 >> xsave_parts[i].bit & 1;

        if (!(valid >> xsave_parts[i].bit & 1)) {
            continue;
        }
        if (sub == 0) {
            r->ecx = MAX(r->ecx, end);
            r->ebx = enabled ? MAX(r->ebx, end) : r->ebx;
        } else if (sub == 1) {
            r->ebx += r->ebx && enabled ? xsave_parts[i].size : 0;
        } else if (sub == xsave_parts[i].bit) {
            r->eax = xsave_parts[i].size;
            r->ebx = xsave_parts[i].offset;
        }
    }
}

/*
 * The ratio of TSC and crystal. The crystal is what the local APIC's timer counts: 1 GHz. Guests that know
 * both need not measure them.
 */
static void leaf_15(CPUX86State *env, uint32_t sub, CpuidRegs *r)
{
    uint64_t tsc = model_tsc_hz(), a = tsc, b = 1000000000;

    while (b) {
        uint64_t rest = a % b;

        a = b;
        b = rest;
    }
    *r = (CpuidRegs) { .eax = 1000000000 / a, .ebx = tsc / a, .ecx = 1000000000 };
}

/* ---- extended leaves --------------------------------------------------------------------------------------------- */

static void leaf_ext_0(CPUX86State *env, uint32_t sub, CpuidRegs *r)
{
    if (model_is_amd(env->model)) {
        put_vendor(r, env->model->xlevel, env->model->vendor);
    } else {
        r->eax = env->model->xlevel;
    }
}

static void leaf_ext_1(CPUX86State *env, uint32_t sub, CpuidRegs *r)
{
    bool amd = model_is_amd(env->model);

    r->eax = amd ? model_signature(env->model) : 0;
    r->ecx = env->features[FEAT_8000_0001_ECX];
    r->edx = env->features[FEAT_8000_0001_EDX] | (amd ? env->features[FEAT_1_EDX] & CPUID_EXT_AMD_ALIASES : 0);
    if (amd && package_cpus() > 1) {
        r->ecx |= CPUID_EXT_CMP_LEGACY;
    }
    if (!amd && !cpu_code64(env)) {
        r->edx &= ~CPUID_EXT_SYSCALL;       /* Intel: reported in 64-bit mode only */
    }
}

static void leaf_brand(CPUX86State *env, uint32_t leaf, CpuidRegs *r)
{
    put_text(r, env->model->brand + (leaf - 0x80000002) * 16);
}

/* L1 and L2 as AMD tells them; Intel's say the L2 only. */
static void leaf_ext_5(CPUX86State *env, uint32_t sub, CpuidRegs *r)
{
    if (model_is_amd(env->model)) {
        *r = (CpuidRegs) { 0x01ff01ff, 0x01ff01ff, 0x40020140, 0x40020140 };
    }
}

static void leaf_ext_6(CPUX86State *env, uint32_t sub, CpuidRegs *r)
{
    if (model_is_amd(env->model)) {
        *r = (CpuidRegs) { 0, 0x42004200, 0x02008140, 0 };
    } else {
        r->ecx = 512 << 16 | 8 << 12 | 64;
    }
}

static void leaf_ext_7(CPUX86State *env, uint32_t sub, CpuidRegs *r)
{
    r->edx = env->features[FEAT_8000_0007_EDX];
}

static void leaf_ext_8(CPUX86State *env, uint32_t sub, CpuidRegs *r)
{
    unsigned cpus = package_cpus();

    r->eax = env->model->phys_bits;
    r->eax |= (cpu_has(env, FEAT_8000_0001_EDX, CPUID_EXT_LM) ? 48 : 32) << 8;
    r->ebx = env->features[FEAT_8000_0008_EBX];
    if (model_is_amd(env->model) && cpus > 1) {
        r->ecx = package_shift() << 12 | ((cpus - 1) & 0xff);
    }
}

/* AMD's topology extensions (APM vol. 3, CPUID Fn8000_001D and Fn8000_001E). */
static bool has_topoext(CPUX86State *env)
{
    return model_is_amd(env->model) && cpu_has(env, FEAT_8000_0001_ECX, CPUID_EXT_TOPOEXT);
}

static void leaf_ext_1d(CPUX86State *env, uint32_t sub, CpuidRegs *r)
{
    if (!has_topoext(env) || sub >= ARRAY_SIZE(caches)) {
        return;
    }
    r->eax = caches[sub].type | caches[sub].level << 5 | 1u << 8 | (MAX(smp_threads, 1) - 1) << 14;
    r->ebx = 63 | (caches[sub].ways - 1u) << 22;
    r->ecx = caches[sub].sets - 1u;
}

static void leaf_ext_1e(CPUX86State *env, uint32_t sub, CpuidRegs *r)
{
    unsigned core = env->apic_id >> smt_shift() & ((1u << (package_shift() - smt_shift())) - 1);

    if (!has_topoext(env)) {
        return;
    }
    r->eax = env->apic_id;
    r->ebx = (core & 0xff) | (MAX(smp_threads, 1) - 1) << 8;
    r->ecx = env->apic_id >> package_shift() & 0xff;        /* node: one per package */
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

typedef void CpuidLeaf(CPUX86State *env, uint32_t sub, CpuidRegs *r);
static CpuidLeaf *const basic_leaves[] = {
    [0] = leaf_0, [1] = leaf_1, [2] = leaf_2, [4] = leaf_4, [5] = leaf_5, [6] = leaf_6, [7] = leaf_7, [0xb] = leaf_b,
    [0xd] = leaf_d, [0x15] = leaf_15, [0x1f] = leaf_b,
};
static CpuidLeaf *const extended_leaves[] = {
    [0] = leaf_ext_0, [1] = leaf_ext_1, [5] = leaf_ext_5, [6] = leaf_ext_6, [7] = leaf_ext_7, [8] = leaf_ext_8,
    [0x1d] = leaf_ext_1d, [0x1e] = leaf_ext_1e,
};

static void hypervisor_leaf(uint32_t leaf, CpuidRegs *r)
{
    if (leaf == 0x40000000) {
        *r = (CpuidRegs) { .eax = 0x40000001 };
        r->ebx = load_le32("TCGT");
        r->ecx = load_le32("CGTC");
        r->edx = load_le32("GTCG");
    }
}

void cpu_cpuid(CPUX86State *env, uint32_t leaf, uint32_t sub, uint32_t *eax, uint32_t *ebx, uint32_t *ecx,
               uint32_t *edx)
{
    CpuidRegs r = { 0 };
    CpuidLeaf *fn = NULL;

    if (leaf >> 28 == 4 && cpu_has(env, FEAT_1_ECX, CPUID_HYPERVISOR)) {
        hypervisor_leaf(leaf, &r);
    } else if (leaf >= 0x80000002 && leaf <= 0x80000004 && env->model->xlevel >= 0x80000004) {
        leaf_brand(env, leaf, &r);
    } else if (leaf >> 31 && leaf <= env->model->xlevel) {
        fn = leaf - 0x80000000 < ARRAY_SIZE(extended_leaves) ? extended_leaves[leaf - 0x80000000] : NULL;
    } else {
        leaf = MIN(leaf, env->model->level);
        fn = leaf < ARRAY_SIZE(basic_leaves) ? basic_leaves[leaf] : NULL;
    }
    if (fn) {
        fn(env, sub, &r);
    }
    *eax = r.eax;
    *ebx = r.ebx;
    *ecx = r.ecx;
    *edx = r.edx;
}
