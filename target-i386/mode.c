/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mode key, and segment registers as plain state.
 *
 * The current privilege level is SS.DPL, as in the VMCS and in APM vol. 2 ("Current Privilege-Level Field"): the RPL
 * of CS is of no use between setting CR0.PE and the first far jump. Whoever changes the level therefore loads SS, or
 * at least the DPL in its attributes (a null SS in 64-bit mode keeps one).
 */
#include "qemu/osdep.h"
#include "target-i386/cpu.h"
#include "target-i386/helper-fpu.h"
#include "target-i386/seg.h"

/* (off - lo) + (n - 1) <= span: docs of SegmentCache in cpu.h. */
static void range_unusable(uint64_t *lo, uint64_t *span)
{
    *lo = SEG_UNUSABLE_LO;
    *span = 0;
}

void cpu_seg_update_ranges(SegmentCache *sc, bool protected_mode)
{
    uint64_t lo = 0, span = sc->limit;
    bool readable = true, writable = true;

    if (protected_mode) {
        bool code = sc->attr & DESC_CODE;

        if (!(sc->attr & DESC_P) || !(sc->attr & DESC_S)) {
            readable = writable = false;
        } else if (code) {
            readable = sc->attr & DESC_R;
            writable = false;
        } else {
            writable = sc->attr & DESC_W;
            if (sc->attr & DESC_E) {
                uint64_t top = sc->attr & DESC_B ? 0xffffffffull : 0xffff;

                lo = (uint64_t)sc->limit + 1;
                if (lo > top) {
                    readable = writable = false;
                }
                span = top - lo;
            }
        }
    }
    /*
     * Real mode and vm86 look at the limit only: even CS may be written (SDM vol. 3B, "Real-Address Mode Operation").
     */
    sc->r_lo = sc->w_lo = lo;
    sc->r_span = sc->w_span = span;
    if (!readable) {
        range_unusable(&sc->r_lo, &sc->r_span);
    }
    if (!writable) {
        range_unusable(&sc->w_lo, &sc->w_span);
    }
}

static inline bool seg_flat_data(const SegmentCache *sc)
{
    return !(sc->base | sc->r_lo | sc->w_lo) && sc->r_span == 0xffffffff && sc->w_span == 0xffffffff;
}

void cpu_update_mode(CPUX86State *env)
{
    uint32_t key = env->hflags_inhibit & MK_INHIBIT;
    uint32_t flags = env->eflags;
    uint64_t cs_base = 0;
    unsigned cpl = 0;
    bool protected_mode = false;

    if (env->cr0 & CR0_PE) {
        if (flags & VM_MASK) {
            key |= MK_VM86;
            cpl = 3;
        } else {
            key |= MK_PE;
            cpl = env->segs[R_SS].attr >> DESC_DPL_SHIFT & 3;
            protected_mode = true;
        }
    }
    key |= cpl | (flags & IOPL_MASK) >> IOPL_SHIFT << MK_IOPL_SHIFT;
    if (env->efer & EFER_LMA) {
        key |= MK_LMA;
    }
    if (protected_mode && (env->efer & EFER_LMA) && (env->segs[R_CS].attr & DESC_L)) {
        key |= MK_CS64 | MK_SS32 | MK_FLAT_DS | MK_FLAT_ES | MK_FLAT_SS | MK_FLAT_CS;
    } else {
        const SegmentCache *cs = &env->segs[R_CS];

        cs_base = (uint32_t)cs->base;
        key |= cs->attr & DESC_B ? MK_CS32 : 0;
        key |= env->segs[R_SS].attr & DESC_B ? MK_SS32 : 0;
        key |= seg_flat_data(&env->segs[R_DS]) ? MK_FLAT_DS : 0;
        key |= seg_flat_data(&env->segs[R_ES]) ? MK_FLAT_ES : 0;
        key |= seg_flat_data(&env->segs[R_SS]) ? MK_FLAT_SS : 0;
        key |= cs->base == 0 && cs->limit == 0xffffffff ? MK_FLAT_CS : 0;
        if (key & MK_VM86) {
            key &= ~(MK_CS32 | MK_SS32);
        }
    }
    key |= flags & TF_MASK ? MK_TF : 0;
    key |= env->cr0 & CR0_EM ? MK_FPU_EM : 0;
    key |= env->cr0 & CR0_TS ? MK_FPU_TS : 0;
    key |= env->cr0 & CR0_MP ? MK_FPU_MP : 0;
    key |= env->cr4 & CR4_OSFXSR ? MK_OSFXSR : 0;
    key |= env->in_smm ? MK_SMM : 0;
    if (cpl == 3) {
        key |= (env->cr0 & CR0_AM) && (flags & AC_MASK) ? MK_AC : 0;
    } else {
        key |= (env->cr4 & CR4_SMAP) && !(flags & AC_MASK) ? MK_SMAP : 0;
    }
    if (env->dr[7] & 0xff) {
        key |= MK_DB | (flags & RF_MASK ? MK_RF : 0);
    }
    key |= smp_cpus > 1 ? MK_PARALLEL : 0;
    key |= fpu_mode_bits(env);
    key |= (env->cr4 & CR4_OSXSAVE) && (env->xcr0 & 6) == 6 ? MK_OSXSAVE : 0;
    env->jit.mode_key = key | cs_base << 32;
}

int cpu_mmu_index(const CPUX86State *env)
{
    uint32_t key = env->jit.mode_key;

    return (key & MK_CPL_MASK) == 3 ? MMU_USER : key & MK_SMAP ? MMU_KSMAP : MMU_KERNEL;
}

AddressSpace *cpu_address_space(CPUX86State *env)
{
    return env->in_smm && address_space_smm ? address_space_smm : address_space_memory;
}

void seg_set(CPUX86State *env, int seg, uint16_t selector, uint64_t base, uint32_t limit, uint32_t attr)
{
    SegmentCache *sc = &env->segs[seg];

    sc->selector = selector;
    sc->base = base;
    sc->limit = limit;
    sc->attr = attr & DESC_ATTR_MASK;
    cpu_seg_update_ranges(sc, cpu_protected(env));
}

void seg_set_desc(CPUX86State *env, int seg, uint16_t selector, uint32_t lo, uint32_t hi)
{
    seg_set(env, seg, selector, desc_base(lo, hi), desc_limit(lo, hi), hi);
}

/* SDM vol. 3B, "Virtual-8086 Mode": fixed limit, data, DPL 3. The caller has set EFLAGS.VM. */
void seg_set_vm86(CPUX86State *env, int seg, uint16_t selector)
{
    seg_set(env, seg, selector, (uint32_t)selector << 4, 0xffff,
            DESC_P | 3 << DESC_DPL_SHIFT | DESC_S | DESC_W | DESC_A);
}

void seg_set_null(CPUX86State *env, int seg, uint16_t selector)
{
    seg_set(env, seg, selector, 0, 0, 0);
}

#define FLAT_ATTR (DESC_G | DESC_P | DESC_S | DESC_A)

static void seg_set_flat(CPUX86State *env, int seg, uint16_t selector, uint32_t attr, bool readable, bool writable)
{
    SegmentCache *sc = &env->segs[seg];

    *sc = (SegmentCache) {
        .selector = selector, .limit = 0xffffffff, .attr = attr,
        .r_lo = readable ? 0 : SEG_UNUSABLE_LO, .r_span = readable ? 0xffffffff : 0,
        .w_lo = writable ? 0 : SEG_UNUSABLE_LO, .w_span = writable ? 0xffffffff : 0,
    };
}

void seg_set_flat_code(CPUX86State *env, uint16_t selector, unsigned dpl, bool code64)
{
    seg_set_flat(env, R_CS, selector,
                 FLAT_ATTR | DESC_CODE | DESC_R | dpl << DESC_DPL_SHIFT | (code64 ? DESC_L : DESC_B), true, false);
}

void seg_set_flat_stack(CPUX86State *env, uint16_t selector, unsigned dpl)
{
    seg_set_flat(env, R_SS, selector, FLAT_ATTR | DESC_B | DESC_W | dpl << DESC_DPL_SHIFT, true, true);
}
