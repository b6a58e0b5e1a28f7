/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control registers and the privileged instructions around them; the descriptors of all system helpers.
 * Follows SDM vol. 3A, "Control Registers", "Caching Translation Information" (what flushes), "Paging" (PDPTEs).
 */
#include "qemu/osdep.h"
#include "qemu/log.h"
#include <sys/random.h>
#include "target-i386/cpu.h"
#include "target-i386/helper.h"
#include "target-i386/helper-fpu.h"
#include "target-i386/models.h"
#include "target-i386/seg.h"
#include "target-i386/sysregs.h"

DEFINE_HELPERS(HELPERS_SYS)

#define CR0_KNOWN (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG)

static QEMU_NORETURN void gp0(CPUX86State *env)
{
    raise_exception_err(env, EXC_GP, 0);
}

static void require_cpl0(CPUX86State *env)
{
    if (unlikely(cpu_cpl(env))) {
        gp0(env);
    }
}

/* ---- PAE page-directory pointers --------------------------------------------------------------------------------- */

bool cpu_load_pdptes(CPUX86State *env, uint64_t cr3)
{
    AddressSpace *as = cpu_address_space(env);
    uint64_t rsvd = 0x1e6 | ~((1ull << env->model->phys_bits) - 1), pdpte[4];

    for (unsigned i = 0; i < 4; i++) {
        pdpte[i] = ldq_phys(as, ((cr3 & 0xffffffe0u) + i * 8) & env->a20_mask);
        if ((pdpte[i] & 1) && (pdpte[i] & rsvd)) {
            return false;
        }
    }
    memcpy(env->pdpte, pdpte, sizeof(pdpte));
    return true;
}

static bool uses_pdptes(uint64_t cr0, uint64_t cr4, uint64_t efer)
{
    return (cr0 & CR0_PG) && (cr4 & CR4_PAE) && !(efer & (EFER_LMA | EFER_LME));
}

/* ---- CR0 CR3 CR4 EFER -------------------------------------------------------------------------------------------- */

void cpu_update_all_ranges(CPUX86State *env)
{
    bool protected_mode = cpu_protected(env);

    for (unsigned i = 0; i < NUM_SEGS; i++) {
        cpu_seg_update_ranges(&env->segs[i], protected_mode);
    }
}

void cpu_write_cr0(CPUX86State *env, uint64_t v)
{
    uint64_t old = env->cr0, changed, efer = env->efer;

    if (v >> 32) {
        gp0(env);
    }
    v = (v & CR0_KNOWN) | CR0_ET;
    changed = v ^ old;
    if ((v & (CR0_PG | CR0_PE)) == CR0_PG || (v & (CR0_NW | CR0_CD)) == CR0_NW) {
        gp0(env);
    }
    if (changed & v & CR0_PG) {
        if (efer & EFER_LME) {
            if (!(env->cr4 & CR4_PAE) || (env->segs[R_CS].attr & DESC_L)) {
                gp0(env);
            }
            efer |= EFER_LMA;
        }
    } else if (changed & CR0_PG) {
        if (cpu_code64(env) || (env->cr4 & CR4_PCIDE)) {
            gp0(env);
        }
        efer &= ~(uint64_t)EFER_LMA;
    }
    if ((changed & (CR0_PG | CR0_CD | CR0_NW)) && uses_pdptes(v, env->cr4, efer) && !cpu_load_pdptes(env, env->cr3)) {
        gp0(env);
    }
    env->cr0 = v;
    env->efer = efer;
    if (changed & CR0_PE) {
        cpu_update_all_ranges(env);
    }
    if (changed & (CR0_PG | CR0_WP)) {
        tlb_flush(env);
    }
    cpu_update_mode(env);
}

/*
 * With PCIDs the TLB holds the current one's translations only: another PCID drops them all, which is always allowed
 * (SDM vol. 3A, "Operations that Invalidate TLBs"), and nothing is left that INVPCID for another PCID had to find.
 * Bit 63 keeps translations when the PCID stays.
 */
void cpu_write_cr3(CPUX86State *env, uint64_t v)
{
    bool keep = false;

    if (cpu_long_mode(env)) {
        if (env->cr4 & CR4_PCIDE) {
            keep = v & CR3_NO_FLUSH && !((v ^ env->cr3) & CR3_PCID);
            v &= ~CR3_NO_FLUSH;
        }
        if (v >> env->model->phys_bits) {
            gp0(env);
        }
    } else {
        v = (uint32_t)v;
        if (uses_pdptes(env->cr0, env->cr4, env->efer) && !cpu_load_pdptes(env, v)) {
            gp0(env);
        }
    }
    env->cr3 = v;
    if ((env->cr0 & CR0_PG) && !keep) {
        tlb_flush_nonglobal(env);
    }
}

/* CR4 bits and the CPUID bit that brings each. */
static const struct {
    uint32_t cr4;
    FeatureWord word;
    uint32_t bits;
} cr4_features[] = {
    { CR4_VME | CR4_PVI, FEAT_1_EDX, CPUID_VME }, { CR4_TSD, FEAT_1_EDX, CPUID_TSC }, { CR4_DE, FEAT_1_EDX, CPUID_DE },
    { CR4_PSE, FEAT_1_EDX, CPUID_PSE }, { CR4_PAE, FEAT_1_EDX, CPUID_PAE }, { CR4_MCE, FEAT_1_EDX, CPUID_MCE },
    { CR4_PGE, FEAT_1_EDX, CPUID_PGE }, { CR4_PCE, FEAT_1_EDX, CPUID_MMX }, { CR4_OSFXSR, FEAT_1_EDX, CPUID_FXSR },
    { CR4_OSXMMEXCPT, FEAT_1_EDX, CPUID_SSE }, { CR4_UMIP, FEAT_7_ECX, CPUID_UMIP },
    { CR4_FSGSBASE, FEAT_7_EBX, CPUID_FSGSBASE }, { CR4_OSXSAVE, FEAT_1_ECX, CPUID_XSAVE },
    { CR4_SMEP, FEAT_7_EBX, CPUID_SMEP }, { CR4_SMAP, FEAT_7_EBX, CPUID_SMAP },
    { CR4_PCIDE, FEAT_1_ECX, CPUID_PCID }, { CR4_PKE, FEAT_7_ECX, CPUID_PKU },
};

uint64_t cpu_cr4_reserved(const CPUX86State *env)
{
    uint64_t known = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(cr4_features); i++) {
        known |= cpu_has(env, cr4_features[i].word, cr4_features[i].bits) ? cr4_features[i].cr4 : 0;
    }
    return ~known;
}

void cpu_write_cr4(CPUX86State *env, uint64_t v)
{
    uint64_t changed = v ^ env->cr4;

    if (v & cpu_cr4_reserved(env)) {
        gp0(env);
    }
    if (cpu_long_mode(env) && !(v & CR4_PAE)) {
        gp0(env);
    }
    if ((changed & v & CR4_PCIDE) && (!cpu_long_mode(env) || (env->cr3 & CR3_PCID))) {
        gp0(env);
    }
    if ((changed & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP)) && uses_pdptes(env->cr0, v, env->efer) &&
        !cpu_load_pdptes(env, env->cr3)) {
        gp0(env);
    }
    env->cr4 = v;
    if (changed & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP | CR4_SMAP | CR4_PCIDE | CR4_PKE)) {
        tlb_flush(env);
    }
    cpu_update_mode(env);
}

uint64_t cpu_efer_valid(const CPUX86State *env)
{
    return (cpu_has(env, FEAT_8000_0001_EDX, CPUID_EXT_SYSCALL) ? EFER_SCE : 0) |
           (cpu_has(env, FEAT_8000_0001_EDX, CPUID_EXT_LM) ? EFER_LME : 0) |
           (cpu_has(env, FEAT_8000_0001_EDX, CPUID_EXT_NX) ? EFER_NXE : 0) |
           (cpu_has(env, FEAT_8000_0001_EDX, CPUID_EXT_FFXSR) ? EFER_FFXSR : 0);
}

bool cpu_write_efer(CPUX86State *env, uint64_t v)
{
    uint64_t changed;

    v &= ~(uint64_t)EFER_LMA;
    if (v & ~cpu_efer_valid(env)) {
        return false;
    }
    v |= env->efer & EFER_LMA;
    changed = v ^ env->efer;
    if ((changed & EFER_LME) && (env->cr0 & CR0_PG)) {
        return false;
    }
    env->efer = v;
    if (changed & EFER_NXE) {
        tlb_flush(env);
    }
    cpu_update_mode(env);
    return true;
}

/* ---- helpers: control registers ---------------------------------------------------------------------------------- */

uint64_t helper_read_cr(CPUX86State *env, uint32_t n)
{
    require_cpl0(env);
    switch (n) {
    case 0:
        return env->cr0;
    case 2:
        return env->cr2;
    case 3:
        return env->cr3;
    case 4:
        return env->cr4;
    case 8:
        return apic_get_tpr(env->vcpu);     /* the local APIC guards itself */
    default:
        raise_exception(env, EXC_UD);
    }
}

void helper_write_cr(CPUX86State *env, uint32_t n, uint64_t val)
{
    require_cpl0(env);
    if (!cpu_code64(env)) {
        val = (uint32_t)val;
    }
    switch (n) {
    case 0:
        cpu_write_cr0(env, val);
        break;
    case 2:
        env->cr2 = val;
        break;
    case 3:
        cpu_write_cr3(env, val);
        break;
    case 4:
        cpu_write_cr4(env, val);
        break;
    case 8:
        if (val > 15) {
            gp0(env);
        }
        apic_set_tpr(env->vcpu, val);
        cpu_recheck_interrupts(env);
        break;
    default:
        raise_exception(env, EXC_UD);
    }
}

void helper_lmsw(CPUX86State *env, uint32_t val)
{
    require_cpl0(env);
    cpu_write_cr0(env, (env->cr0 & ~0xeull) | (val & 0xf));     /* PE can be set but not cleared */
}

void helper_clts(CPUX86State *env)
{
    require_cpl0(env);
    env->cr0 &= ~(uint64_t)CR0_TS;
    cpu_update_mode(env);
}

void helper_check_umip(CPUX86State *env)
{
    if ((env->cr4 & CR4_UMIP) && cpu_cpl(env)) {
        gp0(env);
    }
}

void helper_check_cpl0(CPUX86State *env)
{
    require_cpl0(env);
}

void helper_invlpg(CPUX86State *env, uint64_t addr)
{
    require_cpl0(env);
    tlb_flush_page(env, cpu_code64(env) ? addr : (uint32_t)addr);
}

/* SDM vol. 2A, INVPCID. Without CR4.PCIDE there is one context, number 0. */
void helper_invpcid(CPUX86State *env, uint64_t type, uint64_t desc)
{
    int idx = cpu_mmu_index(env);
    uint64_t pcid, addr, current = env->cr4 & CR4_PCIDE ? env->cr3 & CR3_PCID : 0;

    if (!cpu_has(env, FEAT_7_EBX, CPUID_INVPCID)) {
        raise_exception(env, EXC_UD);
    }
    require_cpl0(env);
    pcid = cpu_ld(env, desc, 8, idx);
    addr = cpu_ld(env, desc + 8, 8, idx);
    if (type > 3 || pcid >> 12 || (type <= 1 && pcid && !(env->cr4 & CR4_PCIDE)) ||
        (type == 0 && !addr_canonical(addr))) {
        gp0(env);
    }
    if (type == 2) {
        tlb_flush(env);
    } else if (type == 3 || (type == 1 && pcid == current)) {
        tlb_flush_nonglobal(env);
    } else if (type == 0 && pcid == current) {
        tlb_flush_page(env, addr);
    }
}

/* Caches are not modelled. */
void helper_wbinvd(CPUX86State *env)
{
    require_cpl0(env);
}

/* ---- helpers: time, identity, random numbers --------------------------------------------------------------------- */

uint64_t cpu_tsc(CPUX86State *env)
{
    return x86_board_tsc() + env->tsc_offset;
}

static void set_edx_eax(CPUX86State *env, uint64_t val)
{
    env->regs[R_EAX] = (uint32_t)val;
    env->regs[R_EDX] = val >> 32;
}

void helper_rdtsc(CPUX86State *env)
{
    if ((env->cr4 & CR4_TSD) && cpu_cpl(env)) {
        gp0(env);
    }
    set_edx_eax(env, cpu_tsc(env));
}

void helper_rdtscp(CPUX86State *env)
{
    if (!cpu_has(env, FEAT_8000_0001_EDX, CPUID_EXT_RDTSCP)) {
        raise_exception(env, EXC_UD);
    }
    helper_rdtsc(env);
    env->regs[R_ECX] = (uint32_t)env->tsc_aux;
}

/* No performance counter exists, so no index is valid. */
void helper_rdpmc(CPUX86State *env)
{
    gp0(env);
}

uint64_t helper_rdpid(CPUX86State *env)
{
    if (!cpu_has(env, FEAT_7_ECX, CPUID_RDPID)) {
        raise_exception(env, EXC_UD);
    }
    return env->tsc_aux;
}

void helper_cpuid(CPUX86State *env)
{
    uint32_t eax, ebx, ecx, edx;

    cpu_cpuid(env, env->regs[R_EAX], env->regs[R_ECX], &eax, &ebx, &ecx, &edx);
    env->regs[R_EAX] = eax;
    env->regs[R_EBX] = ebx;
    env->regs[R_ECX] = ecx;
    env->regs[R_EDX] = edx;
}

/* Cryptographic numbers for the guest come from the host's generator, fetched by the page. */
uint64_t helper_rdrand(CPUX86State *env, uint32_t size)
{
    static __thread uint64_t pool[64];
    static __thread unsigned left;
    uint64_t val;
    bool ok = true;

    if (!left) {
        ok = getrandom(pool, sizeof(pool), 0) == sizeof(pool);
        left = ok ? ARRAY_SIZE(pool) : 0;
    }
    val = ok ? pool[--left] : 0;
    env->cc_op = CC_OP_EFLAGS;
    env->cc_src = ok ? CC_C : 0;
    return size == 8 ? val : val & ((1ull << size * 8) - 1);
}

/* ---- helpers: extended control registers ------------------------------------------------------------------------- */

uint64_t cpu_xcr0_valid(const CPUX86State *env)
{
    if (!cpu_has(env, FEAT_1_ECX, CPUID_XSAVE)) {
        return 1;
    }
    return 3 | (cpu_has(env, FEAT_1_ECX, CPUID_AVX) ? 4 : 0) | (cpu_has(env, FEAT_7_ECX, CPUID_PKU) ? 0x200 : 0);
}

void helper_xgetbv(CPUX86State *env)
{
    uint32_t index = env->regs[R_ECX];

    if (!(env->cr4 & CR4_OSXSAVE)) {
        raise_exception(env, EXC_UD);
    }
    if (index == 1 && (env->features[FEAT_D1_EAX] & 4)) {
        set_edx_eax(env, fpu_components_in_use(env));
    } else if (index == 0) {
        set_edx_eax(env, env->xcr0);
    } else {
        gp0(env);
    }
}

void helper_xsetbv(CPUX86State *env)
{
    uint64_t val = (uint32_t)env->regs[R_EAX] | env->regs[R_EDX] << 32;

    if (!(env->cr4 & CR4_OSXSAVE)) {
        raise_exception(env, EXC_UD);
    }
    if (cpu_cpl(env) || (uint32_t)env->regs[R_ECX] || !(val & 1) || (val & ~cpu_xcr0_valid(env)) || (val & 6) == 4) {
        gp0(env);
    }
    env->xcr0 = val;
    cpu_update_mode(env);
}

/* ---- helpers: protection keys (SDM vol. 2B, RDPKRU, WRPKRU) ------------------------------------------------------ */

static void check_pkru(CPUX86State *env, bool upper)
{
    if (!(env->cr4 & CR4_PKE)) {
        raise_exception(env, EXC_UD);
    }
    if ((uint32_t)env->regs[R_ECX] || (upper && (uint32_t)env->regs[R_EDX])) {
        gp0(env);
    }
}

void helper_rdpkru(CPUX86State *env)
{
    check_pkru(env, false);
    set_edx_eax(env, env->pkru);
}

/* Rights are looked at when the TLB is filled. */
void helper_wrpkru(CPUX86State *env)
{
    check_pkru(env, true);
    if (env->pkru != (uint32_t)env->regs[R_EAX]) {
        env->pkru = (uint32_t)env->regs[R_EAX];
        tlb_flush(env);
    }
}
