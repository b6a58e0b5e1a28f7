/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptors, stacks of far transfers, loading of segment registers, and the instructions that look at descriptors.
 * Follows SDM vol. 3A, "Protected-Mode Memory Management" and "Protection"; vol. 2, the instructions' pages.
 */
#include "qemu/osdep.h"
#include "target-i386/cpu.h"
#include "target-i386/helper.h"
#include "target-i386/models.h"
#include "target-i386/seg.h"

/* ---- descriptors in memory --------------------------------------------------------------------------------------- */

/* Linear address of a selector's descriptor if len bytes of it lie within its table. */
static bool desc_addr(CPUX86State *env, uint16_t selector, unsigned len, uint64_t *addr)
{
    uint64_t base = env->gdt.base;
    uint32_t limit = env->gdt.limit;

    if (selector & 4) {
        base = env->segs[R_LDTR].base;
        limit = env->segs[R_LDTR].limit;
        if (!(env->segs[R_LDTR].attr & DESC_P)) {
            return false;
        }
    }
    if ((selector & 0xfff8u) + len - 1 > limit) {
        return false;
    }
    *addr = base + (selector & 0xfff8);
    if (!cpu_long_mode(env)) {
        *addr = (uint32_t)*addr;
    }
    return true;
}

bool desc_read(CPUX86State *env, uint16_t selector, uint32_t *lo, uint32_t *hi)
{
    int idx = cpu_mmu_index_implicit(env);
    uint64_t addr, d;
    const uint64_t *p;

    if (!desc_addr(env, selector, 8, &addr)) {
        return false;
    }
    p = cpu_host_ptr(env, addr, 8, false, idx);
    d = likely(p) ? load_le64(p) : cpu_ld(env, addr, 8, idx);
    *lo = d;
    *hi = d >> 32;
    return true;
}

bool desc_read_upper(CPUX86State *env, uint16_t selector, uint32_t *base_hi, uint32_t *last)
{
    uint64_t addr, d;

    if (!desc_addr(env, selector, 16, &addr)) {
        return false;
    }
    d = cpu_ld(env, addr + 8, 8, cpu_mmu_index_implicit(env));
    *base_hi = d;
    *last = d >> 32;
    return true;
}

void desc_change_hi(CPUX86State *env, uint16_t selector, uint32_t clear, uint32_t set)
{
    int idx = cpu_mmu_index_implicit(env);
    uint64_t addr;
    uint32_t *p, old;

    if (!desc_addr(env, selector, 8, &addr)) {
        return;
    }
    addr += 4;
    p = cpu_host_ptr(env, addr, 4, true, idx);
    if (p && !((uintptr_t)p & 3)) {
        old = __atomic_load_n(p, __ATOMIC_RELAXED);
        while (!__atomic_compare_exchange_n(p, &old, (old & ~clear) | set, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
            ;
        }
        return;
    }
    old = cpu_ld(env, addr, 4, idx);
    cpu_st(env, addr, (old & ~clear) | set, 4, idx);
}

void desc_set_accessed(CPUX86State *env, uint16_t selector, uint32_t *hi)
{
    if (unlikely(!(*hi & DESC_A))) {
        desc_change_hi(env, selector, 0, DESC_A);
        *hi |= DESC_A;
    }
}

/* ---- TSS stacks -------------------------------------------------------------------------------------------------- */

void tss_read_stack(CPUX86State *env, unsigned dpl, unsigned ext, uint16_t *ss, uint32_t *esp)
{
    const SegmentCache *tr = &env->segs[R_TR];
    int idx = cpu_mmu_index_implicit(env);
    bool wide = desc_type(tr->attr) & 8;
    uint32_t off = wide ? 4 + dpl * 8 : 2 + dpl * 4;

    if (!(tr->attr & DESC_P) || off + (wide ? 5 : 3) > tr->limit) {
        raise_sel(env, EXC_TS, tr->selector, ext);
    }
    *esp = cpu_ld(env, tr->base + off, wide ? 4 : 2, idx);
    *ss = cpu_ld(env, tr->base + off + (wide ? 4 : 2), 2, idx);
}

uint64_t tss_read_rsp(CPUX86State *env, unsigned n, unsigned ext)
{
    const SegmentCache *tr = &env->segs[R_TR];
    int idx = cpu_mmu_index_implicit(env);
    uint32_t off = 4 + n * 8;
    const void *p;

    if (!(tr->attr & DESC_P) || off + 7 > tr->limit) {
        raise_sel(env, EXC_TS, tr->selector, ext);
    }
    p = cpu_host_ptr(env, tr->base + off, 8, false, idx);
    return likely(p) ? load_le64(p) : cpu_ld(env, tr->base + off, 8, idx);
}

void desc_check_inner_stack(CPUX86State *env, uint16_t ss, unsigned dpl, unsigned ext, uint32_t *lo, uint32_t *hi)
{
    if (!(ss & 0xfffc) || (ss & 3u) != dpl || !desc_read(env, ss, lo, hi) || desc_dpl(*hi) != dpl ||
        (*hi & (DESC_S | DESC_CODE | DESC_W)) != (DESC_S | DESC_W)) {
        raise_sel(env, EXC_TS, ss, ext);
    }
    if (!(*hi & DESC_P)) {
        raise_sel(env, EXC_SS, ss, ext);
    }
}

/* ---- stacks ------------------------------------------------------------------------------------------------------ */

void stack_init(CPUX86State *env, Stack *s)
{
    const SegmentCache *ss = &env->segs[R_SS];

    s->mmu_idx = cpu_mmu_index(env);
    s->error = 0;
    s->sp = env->regs[R_ESP];
    if (cpu_code64(env)) {
        s->base = s->lo = 0;
        s->mask = s->span = ~0ull;
    } else {
        s->base = ss->base;
        s->mask = ss->attr & DESC_B && !(env->eflags & VM_MASK) ? 0xffffffff : 0xffff;
        s->lo = ss->w_lo;
        s->span = ss->w_span;
    }
}

void stack_init_desc(CPUX86State *env, Stack *s, uint32_t ss_lo, uint32_t ss_hi, uint32_t esp, unsigned cpl,
                     uint32_t error)
{
    SegmentCache sc = { .base = desc_base(ss_lo, ss_hi), .limit = desc_limit(ss_lo, ss_hi),
                        .attr = ss_hi & DESC_ATTR_MASK };

    cpu_seg_update_ranges(&sc, true);
    *s = (Stack) { .base = sc.base, .sp = esp, .mask = ss_hi & DESC_B ? 0xffffffff : 0xffff,
                   .lo = sc.w_lo, .span = sc.w_span, .mmu_idx = cpu_mmu_index_cpl(env, cpl), .error = error };
}

static inline void stack_check_alignment(CPUX86State *env, const Stack *s, uint64_t addr, unsigned size)
{
    if (unlikely(env->jit.mode_key & MK_AC) && s->mmu_idx == MMU_USER && (addr & (size - 1))) {
        raise_misaligned(env, size);
    }
}

static uint64_t stack_linear(CPUX86State *env, const Stack *s, unsigned size)
{
    uint64_t off = s->sp & s->mask;

    if (s->mask == ~0ull) {
        if (unlikely(!addr_canonical(off) || !addr_canonical(off + size - 1))) {
            raise_exception_err(env, EXC_SS, s->error);
        }
        stack_check_alignment(env, s, off, size);
        return off;
    }
    if (unlikely(off - s->lo + (size - 1) > s->span)) {
        raise_exception_err(env, EXC_SS, s->error);
    }
    off = (uint32_t)(s->base + off);
    stack_check_alignment(env, s, off, size);
    return off;
}

void stack_push(CPUX86State *env, Stack *s, uint64_t val, unsigned size)
{
    s->sp -= size;
    cpu_st(env, stack_linear(env, s, size), val, size, s->mmu_idx);
}

uint64_t stack_pop(CPUX86State *env, Stack *s, unsigned size)
{
    uint64_t val = cpu_ld(env, stack_linear(env, s, size), size, s->mmu_idx);

    s->sp += size;
    return val;
}

/* ---- loading ES SS DS FS GS -------------------------------------------------------------------------------------- */

/* A null selector: data segments become unusable. SS takes one only in 64-bit mode, below level 3. */
static void load_null(CPUX86State *env, unsigned seg, uint16_t sel)
{
    if (seg == R_SS) {
        unsigned cpl = cpu_cpl(env);

        if (!cpu_code64(env) || cpl == 3 || (sel & 3u) != cpl) {
            raise_exception_err(env, EXC_GP, 0);
        }
        seg_set(env, seg, sel, 0, 0, cpl << DESC_DPL_SHIFT);
    } else {
        seg_set_null(env, seg, sel);
    }
}

static void load_stack(CPUX86State *env, uint16_t sel, uint32_t hi)
{
    unsigned cpl = cpu_cpl(env);

    if ((sel & 3u) != cpl || desc_dpl(hi) != cpl ||
        (hi & (DESC_S | DESC_CODE | DESC_W)) != (DESC_S | DESC_W)) {
        raise_sel(env, EXC_GP, sel, 0);
    }
    if (!(hi & DESC_P)) {
        raise_sel(env, EXC_SS, sel, 0);
    }
}

static void load_data(CPUX86State *env, uint16_t sel, uint32_t hi)
{
    bool code = hi & DESC_CODE;

    if (!(hi & DESC_S) || (code && !(hi & DESC_R))) {
        raise_sel(env, EXC_GP, sel, 0);
    }
    if (!(code && (hi & DESC_C)) && desc_dpl(hi) < MAX(cpu_cpl(env), sel & 3u)) {
        raise_sel(env, EXC_GP, sel, 0);
    }
    if (!(hi & DESC_P)) {
        raise_sel(env, EXC_NP, sel, 0);
    }
}

void helper_load_seg(CPUX86State *env, uint32_t seg, uint32_t selector)
{
    uint16_t sel = selector;
    uint32_t lo, hi;

    if (!cpu_protected(env)) {
        SegmentCache *sc = &env->segs[seg];

        if (env->eflags & VM_MASK) {
            seg_set_vm86(env, seg, sel);
        } else {
            /* Limit and attributes stay: "big real mode". */
            sc->selector = sel;
            sc->base = (uint32_t)sel << 4;
            cpu_seg_update_ranges(sc, false);
        }
    } else if (!(sel & 0xfffc)) {
        load_null(env, seg, sel);
    } else {
        if (!desc_read(env, sel, &lo, &hi)) {
            raise_sel(env, EXC_GP, sel, 0);
        }
        if (seg == R_SS) {
            load_stack(env, sel, hi);
        } else {
            load_data(env, sel, hi);
        }
        desc_set_accessed(env, sel, &hi);
        seg_set_desc(env, seg, sel, lo, hi);
    }
    cpu_update_mode(env);
}

/* ---- LDTR, TR, GDTR, IDTR ---------------------------------------------------------------------------------------- */

/* A system segment's base; long mode reads 16 bytes, whose type field in the last dword must be 0. */
static uint64_t system_base(CPUX86State *env, uint16_t sel, uint32_t lo, uint32_t hi)
{
    uint32_t upper, last;
    uint64_t base = desc_base(lo, hi);

    if (!cpu_long_mode(env)) {
        return base;
    }
    if (!desc_read_upper(env, sel, &upper, &last) || (last & 0x1f00)) {
        raise_sel(env, EXC_GP, sel, 0);
    }
    base |= (uint64_t)upper << 32;
    if (!addr_canonical(base)) {
        raise_sel(env, EXC_GP, sel, 0);
    }
    return base;
}

void helper_lldt(CPUX86State *env, uint32_t selector)
{
    uint16_t sel = selector;
    uint32_t lo, hi;
    uint64_t base;

    if (cpu_cpl(env)) {
        raise_exception_err(env, EXC_GP, 0);
    }
    if (!(sel & 0xfffc)) {
        seg_set_null(env, R_LDTR, sel);
        return;
    }
    if ((sel & 4) || !desc_read(env, sel, &lo, &hi) || (hi & DESC_S) || desc_type(hi) != SYS_LDT) {
        raise_sel(env, EXC_GP, sel, 0);
    }
    base = system_base(env, sel, lo, hi);
    if (!(hi & DESC_P)) {
        raise_sel(env, EXC_NP, sel, 0);
    }
    seg_set(env, R_LDTR, sel, base, desc_limit(lo, hi), hi);
}

void helper_ltr(CPUX86State *env, uint32_t selector)
{
    uint16_t sel = selector;
    uint32_t lo, hi;
    uint64_t base;

    if (cpu_cpl(env)) {
        raise_exception_err(env, EXC_GP, 0);
    }
    if (!(sel & 0xfffc) || (sel & 4) || !desc_read(env, sel, &lo, &hi) || (hi & DESC_S) ||
        !(desc_type(hi) == SYS_TSS32 || (desc_type(hi) == SYS_TSS16 && !cpu_long_mode(env)))) {
        raise_sel(env, EXC_GP, sel, 0);
    }
    base = system_base(env, sel, lo, hi);
    if (!(hi & DESC_P)) {
        raise_sel(env, EXC_NP, sel, 0);
    }
    desc_change_hi(env, sel, 0, 2u << DESC_TYPE_SHIFT);
    seg_set(env, R_TR, sel, base, desc_limit(lo, hi), hi | 2u << DESC_TYPE_SHIFT);
}

static void load_table(CPUX86State *env, DescTable *t, uint64_t base, uint32_t limit)
{
    if (cpu_cpl(env) || (cpu_code64(env) && !addr_canonical(base))) {
        raise_exception_err(env, EXC_GP, 0);
    }
    t->base = base;
    t->limit = limit & 0xffff;
}

void helper_lgdt(CPUX86State *env, uint64_t base, uint32_t limit)
{
    load_table(env, &env->gdt, base, limit);
}

void helper_lidt(CPUX86State *env, uint64_t base, uint32_t limit)
{
    load_table(env, &env->idt, base, limit);
}

/* ---- LAR LSL VERR VERW ARPL: never fault on the descriptor, the answer is Z -------------------------------------- */

#define T(n) (1u << (n))
/* System types that LAR and LSL accept, outside and inside long mode (SDM vol. 2A, LAR and LSL, tables). */
static const uint16_t lar_types[2] = { T(1) | T(2) | T(3) | T(4) | T(5) | T(9) | T(11) | T(12),
                                       T(2) | T(9) | T(11) | T(12) };
static const uint16_t lsl_types[2] = { T(1) | T(2) | T(3) | T(9) | T(11), T(2) | T(9) | T(11) };
#undef T

/* Reads a descriptor if the selector may be looked at with the rights of CPL and RPL. */
static bool desc_visible(CPUX86State *env, uint16_t sel, const uint16_t types[2], uint32_t *lo, uint32_t *hi)
{
    if (!(sel & 0xfffc) || !desc_read(env, sel, lo, hi)) {
        return false;
    }
    if (!(*hi & DESC_S)) {
        if (!types || !(types[cpu_long_mode(env)] >> desc_type(*hi) & 1)) {
            return false;
        }
    } else if ((*hi & (DESC_CODE | DESC_C)) == (DESC_CODE | DESC_C)) {
        return true;
    }
    return desc_dpl(*hi) >= MAX(cpu_cpl(env), sel & 3u);
}

uint64_t helper_lar(CPUX86State *env, uint32_t sel, uint64_t old)
{
    uint32_t lo, hi;
    bool ok = desc_visible(env, sel, lar_types, &lo, &hi);

    flags_set_zf(env, ok);
    return ok ? hi & 0x00ffff00 : old;
}

uint64_t helper_lsl(CPUX86State *env, uint32_t sel, uint64_t old)
{
    uint32_t lo, hi;
    bool ok = desc_visible(env, sel, lsl_types, &lo, &hi);

    flags_set_zf(env, ok);
    return ok ? desc_limit(lo, hi) : old;
}

void helper_verr(CPUX86State *env, uint32_t sel)
{
    uint32_t lo, hi;

    flags_set_zf(env, desc_visible(env, sel, NULL, &lo, &hi) && (!(hi & DESC_CODE) || (hi & DESC_R)));
}

void helper_verw(CPUX86State *env, uint32_t sel)
{
    uint32_t lo, hi;

    flags_set_zf(env, desc_visible(env, sel, NULL, &lo, &hi) && !(hi & DESC_CODE) && (hi & DESC_W));
}

uint32_t helper_arpl(CPUX86State *env, uint32_t dst, uint32_t src)
{
    bool raise = (dst & 3) < (src & 3);

    flags_set_zf(env, raise);
    return raise ? (dst & ~3u) | (src & 3) : dst;
}

/* ---- FS and GS bases --------------------------------------------------------------------------------------------- */

void helper_swapgs(CPUX86State *env)
{
    uint64_t base = env->segs[R_GS].base;

    if (!cpu_code64(env)) {
        raise_exception(env, EXC_UD);
    }
    if (cpu_cpl(env)) {
        raise_exception_err(env, EXC_GP, 0);
    }
    env->segs[R_GS].base = env->kernel_gs_base;
    env->kernel_gs_base = base;
}

uint64_t helper_rdfsgsbase(CPUX86State *env, uint32_t seg)
{
    if (!(env->cr4 & CR4_FSGSBASE)) {
        raise_exception(env, EXC_UD);
    }
    return env->segs[seg].base;
}

void helper_wrfsgsbase(CPUX86State *env, uint32_t seg, uint64_t val)
{
    if (!(env->cr4 & CR4_FSGSBASE)) {
        raise_exception(env, EXC_UD);
    }
    if (!addr_canonical(val)) {
        raise_exception_err(env, EXC_GP, 0);
    }
    env->segs[seg].base = val;
}
