/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Far transfers: JMP, CALL and RET between segments, call gates, IRET, and the SYSCALL and SYSENTER families.
 * Follows SDM vol. 2 (JMP, CALL, RET, IRET, SYSCALL, SYSRET, SYSENTER, SYSEXIT) and vol. 3A, "Protection".
 * Left out: shadow stacks. Control-transfer checks are Intel's where the vendors differ (SYSRET to a non-canonical
 * address faults at level 0).
 */
#include "qemu/osdep.h"
#include "qemu/log.h"
#include "target-i386/cpu.h"
#include "target-i386/helper.h"
#include "target-i386/models.h"
#include "target-i386/seg.h"

/* ---- targets ----------------------------------------------------------------------------------------------------- */

static inline uint64_t truncate_offset(uint64_t off, unsigned opsize)
{
    return opsize == 2 ? off & 0xffff : opsize == 4 ? off & 0xffffffff : off;
}

static inline bool desc_is_code(uint32_t hi)
{
    return (hi & (DESC_S | DESC_CODE)) == (DESC_S | DESC_CODE);
}

/* Is the descriptor 64-bit code here? L and D together are reserved. */
static bool code_is_64(CPUX86State *env, uint16_t sel, uint32_t hi)
{
    if (!cpu_long_mode(env) || !(hi & DESC_L)) {
        return false;
    }
    if (hi & DESC_B) {
        raise_sel(env, EXC_GP, sel, 0);
    }
    return true;
}

static void check_target(CPUX86State *env, uint64_t off, uint32_t lo, uint32_t hi, bool code64)
{
    if (code64 ? !addr_canonical(off) : off > desc_limit(lo, hi)) {
        raise_exception_err(env, EXC_GP, 0);
    }
}

static void set_real_cs(CPUX86State *env, uint16_t sel, uint64_t off)
{
    SegmentCache *cs = &env->segs[R_CS];

    if (env->eflags & VM_MASK) {
        seg_set_vm86(env, R_CS, sel);
    } else {
        seg_set(env, R_CS, sel, (uint32_t)sel << 4, cs->limit, cs->attr);
    }
    env->eip = off;
    cpu_update_mode(env);
}

static void check_real_target(CPUX86State *env, uint64_t off)
{
    uint32_t limit = env->eflags & VM_MASK ? 0xffff : env->segs[R_CS].limit;

    if (off > limit) {
        raise_exception_err(env, EXC_GP, 0);
    }
}

/* ---- JMP and CALL ------------------------------------------------------------------------------------------------ */

/* Rights for a direct transfer: conforming code of a lower or equal DPL, other code of just this level. */
static void check_direct(CPUX86State *env, uint16_t sel, uint32_t hi)
{
    unsigned cpl = cpu_cpl(env), dpl = desc_dpl(hi);

    if (hi & DESC_C ? dpl > cpl : (sel & 3u) > cpl || dpl != cpl) {
        raise_sel(env, EXC_GP, sel, 0);
    }
    if (!(hi & DESC_P)) {
        raise_sel(env, EXC_NP, sel, 0);
    }
}

static void commit_code(CPUX86State *env, uint16_t sel, uint32_t lo, uint32_t hi, uint64_t off)
{
    seg_set_desc(env, R_CS, (sel & ~3) | cpu_cpl(env), lo, hi);
    env->eip = off;
    cpu_update_mode(env);
}

typedef struct CallGate {
    uint16_t selector;
    uint64_t offset;
    unsigned count, size;       /* parameters; 2, 4 or 8 */
    uint32_t lo, hi;            /* code segment */
} CallGate;

/* Reads a call gate and the code segment behind it. */
static void gate_read(CPUX86State *env, uint16_t gate_sel, uint32_t lo, uint32_t hi, bool is_jmp, CallGate *g)
{
    bool lma = cpu_long_mode(env);
    unsigned cpl = cpu_cpl(env), dpl;

    if (desc_dpl(hi) < MAX(cpl, gate_sel & 3u)) {
        raise_sel(env, EXC_GP, gate_sel, 0);
    }
    if (!(hi & DESC_P)) {
        raise_sel(env, EXC_NP, gate_sel, 0);
    }
    g->selector = lo >> 16;
    g->size = lma ? 8 : desc_type(hi) & 8 ? 4 : 2;
    g->offset = g->size == 2 ? lo & 0xffff : (lo & 0xffff) | (hi & 0xffff0000u);
    g->count = lma ? 0 : hi & 31;
    if (lma) {
        uint32_t upper, last;

        if (!desc_read_upper(env, gate_sel, &upper, &last) || (last & 0x1f00)) {
            raise_sel(env, EXC_GP, gate_sel, 0);
        }
        g->offset |= (uint64_t)upper << 32;
    }
    if (!(g->selector & 0xfffc)) {
        raise_exception_err(env, EXC_GP, 0);
    }
    if (!desc_read(env, g->selector, &g->lo, &g->hi) || !desc_is_code(g->hi)) {
        raise_sel(env, EXC_GP, g->selector, 0);
    }
    dpl = desc_dpl(g->hi);
    if (dpl > cpl || (is_jmp && !(g->hi & DESC_C) && dpl != cpl)) {
        raise_sel(env, EXC_GP, g->selector, 0);
    }
    if (lma && (g->hi & (DESC_L | DESC_B)) != DESC_L) {     /* only 64-bit code stands behind gates of long mode */
        raise_sel(env, EXC_GP, g->selector, 0);
    }
    if (!(g->hi & DESC_P)) {
        raise_sel(env, EXC_NP, g->selector, 0);
    }
    check_target(env, g->offset, g->lo, g->hi, lma);
}

/* Is it a task switch (done here), or a call gate (true)? Anything else is #GP. */
static bool system_is_gate(CPUX86State *env, uint16_t sel, uint32_t lo, uint32_t hi, TaskSwitchKind kind, uint64_t next)
{
    unsigned type = desc_type(hi);

    if (type == SYS_CALL32 || (type == SYS_CALL16 && !cpu_long_mode(env))) {
        return true;
    }
    if (cpu_long_mode(env) || !(type == SYS_TSS16 || type == SYS_TSS32 || type == SYS_TASK_GATE) ||
        desc_dpl(hi) < MAX(cpu_cpl(env), sel & 3u)) {
        raise_sel(env, EXC_GP, sel, 0);
    }
    if (!(hi & DESC_P)) {
        raise_sel(env, EXC_NP, sel, 0);
    }
    if (type == SYS_TASK_GATE) {
        task_gate(env, lo, kind, next, 0, false, 0);
    } else {
        if (sel & 4) {
            raise_sel(env, EXC_GP, sel, 0);
        }
        task_switch(env, sel, lo, hi, kind, next, 0, false, 0);
    }
    return false;
}

static void read_target(CPUX86State *env, uint16_t sel, uint32_t *lo, uint32_t *hi)
{
    if (!(sel & 0xfffc)) {
        raise_exception_err(env, EXC_GP, 0);
    }
    if (!desc_read(env, sel, lo, hi)) {
        raise_sel(env, EXC_GP, sel, 0);
    }
}

/* A jump or call straight to a descriptor that is not a system one. */
static void check_code_target(CPUX86State *env, uint16_t sel, uint64_t off, uint32_t lo, uint32_t hi)
{
    bool code64;

    if (!(hi & DESC_CODE)) {
        raise_sel(env, EXC_GP, sel, 0);
    }
    code64 = code_is_64(env, sel, hi);
    check_direct(env, sel, hi);
    check_target(env, off, lo, hi, code64);
}

/* -d pcall: what a transfer in protected mode asks for, before any check. */
static void log_transfer(CPUX86State *env, const char *what, uint16_t sel, uint64_t off, unsigned opsize)
{
    qemu_log_mask(LOG_PCALL, "%s %04x:%08" PRIx64 " size %u from CS=%04x CPL=%u\n", what, sel, off, opsize,
                  env->segs[R_CS].selector, cpu_cpl(env));
}

void helper_far_jmp(CPUX86State *env, uint32_t selector, uint64_t off, uint32_t opsize, uint64_t next)
{
    uint16_t sel = selector;
    uint32_t lo, hi;
    CallGate g;

    off = truncate_offset(off, opsize);
    if (!cpu_protected(env)) {
        check_real_target(env, off);
        set_real_cs(env, sel, off);
        return;
    }
    log_transfer(env, "ljmp", sel, off, opsize);
    read_target(env, sel, &lo, &hi);
    if (hi & DESC_S) {
        check_code_target(env, sel, off, lo, hi);
        desc_set_accessed(env, sel, &hi);
        commit_code(env, sel, lo, hi, off);
    } else if (system_is_gate(env, sel, lo, hi, TASK_JMP, next)) {
        gate_read(env, sel, lo, hi, true, &g);
        desc_set_accessed(env, g.selector, &g.hi);
        commit_code(env, g.selector, g.lo, g.hi, g.offset);
    }
}

/* A call to a more privileged level through a 16- or 32-bit gate: new stack from the TSS, parameters copied. */
static void call_inner(CPUX86State *env, CallGate *g, unsigned new_cpl, uint64_t next)
{
    uint32_t ss_lo, ss_hi, esp, params[32];
    uint16_t ss;
    Stack old, s;

    tss_read_stack(env, new_cpl, 0, &ss, &esp);
    desc_check_inner_stack(env, ss, new_cpl, 0, &ss_lo, &ss_hi);
    stack_init(env, &old);
    stack_init_desc(env, &s, ss_lo, ss_hi, esp, new_cpl, ss & 0xfffc);
    for (unsigned i = 0; i < g->count; i++) {
        params[i] = stack_pop(env, &old, g->size);
    }
    stack_push(env, &s, env->segs[R_SS].selector, g->size);
    stack_push(env, &s, env->regs[R_ESP], g->size);
    for (unsigned i = g->count; i-- > 0; ) {
        stack_push(env, &s, params[i], g->size);
    }
    stack_push(env, &s, env->segs[R_CS].selector, g->size);
    stack_push(env, &s, next, g->size);
    desc_set_accessed(env, ss, &ss_hi);
    desc_set_accessed(env, g->selector, &g->hi);
    seg_set_desc(env, R_SS, (ss & ~3) | new_cpl, ss_lo, ss_hi);
    stack_commit(env, &s);
}

/* The same in long mode: RSP from the TSS, SS null. */
static void call_inner64(CPUX86State *env, CallGate *g, unsigned new_cpl, uint64_t next)
{
    Stack s = { .sp = tss_read_rsp(env, new_cpl, 0), .mask = ~0ull, .span = ~0ull,
                .mmu_idx = cpu_mmu_index_cpl(env, new_cpl) };

    stack_push(env, &s, env->segs[R_SS].selector, 8);
    stack_push(env, &s, env->regs[R_ESP], 8);
    stack_push(env, &s, env->segs[R_CS].selector, 8);
    stack_push(env, &s, next, 8);
    desc_set_accessed(env, g->selector, &g->hi);
    seg_set(env, R_SS, new_cpl, 0, 0, new_cpl << DESC_DPL_SHIFT);
    env->regs[R_ESP] = s.sp;
}

static void call_gate(CPUX86State *env, uint16_t sel, uint32_t lo, uint32_t hi, uint64_t next)
{
    CallGate g;
    unsigned cpl = cpu_cpl(env), dpl;

    gate_read(env, sel, lo, hi, false, &g);
    dpl = desc_dpl(g.hi);
    if (!(g.hi & DESC_C) && dpl < cpl) {
        if (g.size == 8) {
            call_inner64(env, &g, dpl, next);
        } else {
            call_inner(env, &g, dpl, next);
        }
        cpu_update_mode(env);
    } else {
        Stack s;

        stack_init(env, &s);
        if (g.size == 8) {      /* from compatibility mode too the frame is of 64-bit words, on a 64-bit stack */
            s = (Stack) { .sp = env->regs[R_ESP], .mask = ~0ull, .span = ~0ull, .mmu_idx = s.mmu_idx };
        }
        stack_push(env, &s, env->segs[R_CS].selector, g.size);
        stack_push(env, &s, next, g.size);
        desc_set_accessed(env, g.selector, &g.hi);
        stack_commit(env, &s);
    }
    commit_code(env, g.selector, g.lo, g.hi, g.offset);
}

static void push_return(CPUX86State *env, Stack *s, uint64_t next, unsigned opsize)
{
    stack_init(env, s);
    stack_push(env, s, env->segs[R_CS].selector, opsize);
    stack_push(env, s, next, opsize);
}

void helper_far_call(CPUX86State *env, uint32_t selector, uint64_t off, uint32_t opsize, uint64_t next)
{
    uint16_t sel = selector;
    uint32_t lo, hi;
    Stack s;

    off = truncate_offset(off, opsize);
    if (!cpu_protected(env)) {
        check_real_target(env, off);
        push_return(env, &s, next, opsize);
        stack_commit(env, &s);
        set_real_cs(env, sel, off);
        return;
    }
    log_transfer(env, "lcall", sel, off, opsize);
    read_target(env, sel, &lo, &hi);
    if (hi & DESC_S) {
        check_code_target(env, sel, off, lo, hi);
        push_return(env, &s, next, opsize);
        desc_set_accessed(env, sel, &hi);
        stack_commit(env, &s);
        commit_code(env, sel, lo, hi, off);
    } else if (system_is_gate(env, sel, lo, hi, TASK_CALL, next)) {
        call_gate(env, sel, lo, hi, next);
    }
}

/* ---- RET and IRET ------------------------------------------------------------------------------------------------ */

/* Bits of an image that IRET may change; cpl is the level before it. */
static uint32_t iret_flags_mask(CPUX86State *env, unsigned cpl, unsigned opsize)
{
    uint32_t mask = CC_ALL | TF_MASK | DF_MASK | NT_MASK | RF_MASK | AC_MASK | ID_MASK;

    if (cpl == 0) {
        mask |= IOPL_MASK | VIF_MASK | VIP_MASK;
    }
    if (cpl <= cpu_iopl(env)) {
        mask |= IF_MASK;
    }
    return opsize == 2 ? mask & 0xffff : mask;
}

/* Loads the bits of mask; the mode is updated by the caller. */
static void iret_load_flags(CPUX86State *env, uint32_t image, uint32_t mask)
{
    uint32_t flags = (cpu_compute_eflags(env) & ~mask) | (image & mask);

    eflags_set_image(env, eflags_rf_keep(env, flags));
}

static void finish_return(CPUX86State *env)
{
    cpu_update_mode(env);
    cpu_recheck_interrupts(env);
}

/* A level must not keep data segments that it could not have loaded (SDM vol. 2, RET, IRET). */
static void drop_inner_segments(CPUX86State *env, unsigned new_cpl)
{
    static const uint8_t data[] = { R_ES, R_DS, R_FS, R_GS };

    for (unsigned i = 0; i < ARRAY_SIZE(data); i++) {
        const SegmentCache *sc = &env->segs[data[i]];
        bool conforming = (sc->attr & (DESC_CODE | DESC_C)) == (DESC_CODE | DESC_C);

        if ((sc->attr & DESC_P) && (!(sc->attr & DESC_S) || (!conforming && desc_dpl(sc->attr) < new_cpl))) {
            seg_set_null(env, data[i], 0);
        }
    }
}

static void iret_real(CPUX86State *env, unsigned opsize)
{
    bool vm86 = env->eflags & VM_MASK;
    uint32_t mask = CC_ALL | TF_MASK | IF_MASK | DF_MASK | NT_MASK | RF_MASK | AC_MASK | ID_MASK;
    uint64_t off, image;
    uint16_t sel;
    Stack s;

    stack_init(env, &s);
    off = stack_pop(env, &s, opsize);
    sel = stack_pop(env, &s, opsize);
    image = stack_pop(env, &s, opsize);
    check_real_target(env, off);
    mask |= vm86 ? 0 : IOPL_MASK;
    if (vm86 && cpu_iopl(env) < 3) {
        /*
         * VME, 16-bit operands (the caller has checked): IF of the image goes to VIF (SDM vol. 3B, "Virtual-8086
         * Mode").
         */
        if ((image & TF_MASK) || ((image & IF_MASK) && (env->eflags & VIP_MASK))) {
            raise_exception_err(env, EXC_GP, 0);
        }
        env->eflags = (env->eflags & ~VIF_MASK) | (image & IF_MASK ? VIF_MASK : 0);
        mask &= ~IF_MASK;
    }
    if (opsize == 2) {
        mask &= 0xffff;
    }
    stack_commit(env, &s);
    iret_load_flags(env, image, mask);
    set_real_cs(env, sel, off);
    cpu_recheck_interrupts(env);
}

/* Back to a vm86 task: from level 0 only, with the segments on the stack. */
static void iret_to_vm86(CPUX86State *env, Stack *s, uint16_t cs, uint64_t eip, uint32_t image)
{
    static const uint8_t order[] = { R_ES, R_DS, R_FS, R_GS };
    uint32_t esp = stack_pop(env, s, 4);
    uint16_t sel[4], ss = stack_pop(env, s, 4);

    for (unsigned i = 0; i < 4; i++) {
        sel[i] = stack_pop(env, s, 4);
    }
    iret_load_flags(env, image,
                    CC_ALL | TF_MASK | IF_MASK | DF_MASK | IOPL_MASK | NT_MASK | RF_MASK | VM_MASK | AC_MASK |
                        VIF_MASK | VIP_MASK | ID_MASK);
    seg_set_vm86(env, R_CS, cs);
    seg_set_vm86(env, R_SS, ss);
    for (unsigned i = 0; i < 4; i++) {
        seg_set_vm86(env, order[i], sel[i]);
    }
    env->eip = eip & 0xffff;
    env->regs[R_ESP] = esp;
    finish_return(env);
}

/* Checks of the code segment that RET and IRET return to. */
static void check_return_code(CPUX86State *env, uint16_t cs, uint32_t *lo, uint32_t *hi)
{
    unsigned rpl = cs & 3, dpl;

    read_target(env, cs, lo, hi);
    dpl = desc_dpl(*hi);
    if (!desc_is_code(*hi) || rpl < cpu_cpl(env) || (*hi & DESC_C ? dpl > rpl : dpl != rpl)) {
        raise_sel(env, EXC_GP, cs, 0);
    }
    if (!(*hi & DESC_P)) {
        raise_sel(env, EXC_NP, cs, 0);
    }
}

/*
 * Checks of the stack segment for level rpl; a null one is fine for 64-bit code below level 3: *hi is then 0 but the
 * DPL.
 */
static void check_return_stack(CPUX86State *env, uint16_t ss, unsigned rpl, bool to_code64, uint32_t *lo, uint32_t *hi)
{
    if (!(ss & 0xfffc)) {
        if (!to_code64 || rpl == 3 || (ss & 3u) != rpl) {
            raise_exception_err(env, EXC_GP, 0);
        }
        *lo = 0;
        *hi = rpl << DESC_DPL_SHIFT;
        return;
    }
    if (!desc_read(env, ss, lo, hi) || (ss & 3u) != rpl || desc_dpl(*hi) != rpl ||
        (*hi & (DESC_S | DESC_CODE | DESC_W)) != (DESC_S | DESC_W)) {
        raise_sel(env, EXC_GP, ss, 0);
    }
    if (!(*hi & DESC_P)) {
        raise_sel(env, EXC_SS, ss, 0);
    }
}

typedef struct ReturnFrame {
    uint64_t eip, esp;
    uint16_t cs, ss;
    uint32_t flags;
    bool has_stack;             /* esp and ss were popped */
} ReturnFrame;

/* Everything after the frame is known. release: bytes RET drops on the outer stack too. */
static void return_to(CPUX86State *env, ReturnFrame *f, Stack *s, bool is_iret, unsigned opsize, unsigned release)
{
    unsigned cpl = cpu_cpl(env), rpl = f->cs & 3;
    uint32_t lo, hi, ss_lo = 0, ss_hi = 0, mask = 0;
    bool code64;

    log_transfer(env, is_iret ? "iret" : "lret", f->cs, f->eip, opsize);
    check_return_code(env, f->cs, &lo, &hi);
    code64 = code_is_64(env, f->cs, hi);
    if (f->has_stack) {
        check_return_stack(env, f->ss, rpl, code64, &ss_lo, &ss_hi);
    }
    check_target(env, f->eip, lo, hi, code64);
    desc_set_accessed(env, f->cs, &hi);
    if (f->has_stack && (f->ss & 0xfffc)) {
        desc_set_accessed(env, f->ss, &ss_hi);
    }
    if (is_iret) {
        mask = iret_flags_mask(env, cpl, opsize);
    }

    /* nothing faults from here on */
    seg_set_desc(env, R_CS, f->cs, lo, hi);
    env->eip = f->eip;
    if (f->has_stack) {
        seg_set_desc(env, R_SS, f->ss, ss_lo, ss_hi);
        f->esp += release;
        if (code64) {
            env->regs[R_ESP] = f->esp;
        } else if (ss_hi & DESC_B) {
            env->regs[R_ESP] = (uint32_t)f->esp;
        } else {
            env->regs[R_ESP] = (env->regs[R_ESP] & ~0xffffull) | (f->esp & 0xffff);
        }
        if (rpl > cpl) {
            drop_inner_segments(env, rpl);
        }
    } else {
        stack_commit(env, s);
    }
    if (is_iret) {
        iret_load_flags(env, f->flags, mask);
    }
    finish_return(env);
}

void helper_far_ret(CPUX86State *env, uint32_t opsize, uint32_t release)
{
    ReturnFrame f = { 0 };
    Stack s;

    stack_init(env, &s);
    f.eip = stack_pop(env, &s, opsize);
    f.cs = stack_pop(env, &s, opsize);
    s.sp += release;
    if (!cpu_protected(env)) {
        check_real_target(env, f.eip);
        stack_commit(env, &s);
        set_real_cs(env, f.cs, f.eip);
        return;
    }
    if ((f.cs & 3u) > cpu_cpl(env)) {
        f.esp = stack_pop(env, &s, opsize);
        f.ss = stack_pop(env, &s, opsize);
        f.has_stack = true;
    }
    return_to(env, &f, &s, false, opsize, f.has_stack ? release : 0);
}

/* 64-bit mode always pops SS:RSP, whatever the level returned to and the operand size. */
static void iret_code64(CPUX86State *env, unsigned opsize)
{
    uint64_t rsp = env->regs[R_ESP];
    ReturnFrame f = { .has_stack = true };
    const uint64_t *p = NULL;

    if (likely(opsize == 8)) {
        p = cpu_host_ptr(env, rsp, 40, false, cpu_mmu_index(env));
    }
    if (likely(p)) {
        f.eip = p[0];
        f.cs = p[1];
        f.flags = p[2];
        f.esp = p[3];
        f.ss = p[4];
    } else {
        Stack s;

        stack_init(env, &s);
        f.eip = stack_pop(env, &s, opsize);
        f.cs = stack_pop(env, &s, opsize);
        f.flags = stack_pop(env, &s, opsize);
        f.esp = stack_pop(env, &s, opsize);
        f.ss = stack_pop(env, &s, opsize);
    }
    return_to(env, &f, NULL, true, opsize, 0);
}

static void iret_task(CPUX86State *env, uint64_t next)
{
    uint32_t lo, hi;
    uint16_t link = cpu_ld(env, env->segs[R_TR].base, 2, cpu_mmu_index_implicit(env));

    if ((link & 4) || !(link & 0xfffc) || !desc_read(env, link, &lo, &hi) || (hi & DESC_S) ||
        (desc_type(hi) != SYS_TSS16_BUSY && desc_type(hi) != SYS_TSS32_BUSY)) {
        raise_sel(env, EXC_TS, link, 0);
    }
    if (!(hi & DESC_P)) {
        raise_sel(env, EXC_NP, link, 0);
    }
    task_switch(env, link, lo, hi, TASK_IRET, next, 0, false, 0);
}

void helper_iret(CPUX86State *env, uint32_t opsize, uint64_t next)
{
    ReturnFrame f = { 0 };
    unsigned cpl;
    Stack s;

    if ((env->eflags & VM_MASK) && cpu_iopl(env) < 3 && !((env->cr4 & CR4_VME) && opsize == 2)) {
        raise_exception_err(env, EXC_GP, 0);
    }
    if (unlikely(env->nmi_masked) && !env->in_smm) {
        env->nmi_masked = false;    /* whatever becomes of this IRET (SDM vol. 3A, "Handling Multiple NMIs") */
        cpu_recheck_interrupts(env);
    }
    if (!cpu_protected(env)) {
        iret_real(env, opsize);
        return;
    }
    if (unlikely(env->eflags & NT_MASK)) {
        if (cpu_long_mode(env)) {
            raise_exception_err(env, EXC_GP, 0);
        }
        iret_task(env, next);
        return;
    }
    if (cpu_code64(env)) {
        iret_code64(env, opsize);
        return;
    }
    cpl = cpu_cpl(env);
    stack_init(env, &s);
    f.eip = stack_pop(env, &s, opsize);
    f.cs = stack_pop(env, &s, opsize);
    f.flags = stack_pop(env, &s, opsize);
    if (opsize == 4 && (f.flags & VM_MASK) && cpl == 0 && !cpu_long_mode(env)) {
        iret_to_vm86(env, &s, f.cs, f.eip, f.flags);
        return;
    }
    if ((f.cs & 3u) > cpl) {
        f.esp = stack_pop(env, &s, opsize);
        f.ss = stack_pop(env, &s, opsize);
        f.has_stack = true;
    }
    return_to(env, &f, &s, true, opsize, 0);
}

/* ---- SYSCALL, SYSRET --------------------------------------------------------------------------------------------- */

/* Single-stepping of these two goes by TF as they leave it: SYSRET traps before the first instruction it returns to. */
static void step_by_new_flags(CPUX86State *env)
{
    if (unlikely(env->eflags & TF_MASK)) {
        raise_debug(env, DR6_BS, true);
    }
}

void helper_syscall(CPUX86State *env, uint64_t next)
{
    uint16_t sel = env->star >> 32 & 0xfffc;
    uint32_t flags;

    if (!(env->efer & EFER_SCE)) {
        raise_exception(env, EXC_UD);
    }
    if (cpu_long_mode(env)) {
        bool code64 = cpu_code64(env);

        if (!code64 && !model_is_amd(env->model)) {     /* Intel: 64-bit mode only */
            raise_exception(env, EXC_UD);
        }
        flags = cpu_compute_eflags(env) & ~RF_MASK;
        env->regs[R_ECX] = next;
        env->regs[11] = flags;
        eflags_set_image(env, flags & ~(uint32_t)env->fmask);
        env->eip = code64 ? env->lstar : env->cstar;
        seg_set_flat_code(env, sel, 0, true);
        seg_set_flat_stack(env, sel + 8, 0);
    } else {
        /* AMD's legacy form (APM vol. 3, SYSCALL). */
        if (!model_is_amd(env->model) || !cpu_protected(env)) {
            raise_exception(env, EXC_UD);
        }
        env->regs[R_ECX] = (uint32_t)next;
        env->eflags &= ~(IF_MASK | RF_MASK | VM_MASK);
        env->eip = (uint32_t)env->star;
        seg_set_flat_code(env, sel, 0, false);
        seg_set_flat_stack(env, sel + 8, 0);
    }
    cpu_update_mode(env);
    step_by_new_flags(env);
}

void helper_sysret(CPUX86State *env, uint32_t rex_w)
{
    uint16_t sel = env->star >> 48 & 0xfffc;

    if (!(env->efer & EFER_SCE)) {
        raise_exception(env, EXC_UD);
    }
    if (!cpu_protected(env) || cpu_cpl(env)) {
        raise_exception_err(env, EXC_GP, 0);
    }
    if (cpu_long_mode(env)) {
        uint32_t keep =
            ~(CC_ALL | TF_MASK | IF_MASK | DF_MASK | IOPL_MASK | NT_MASK | AC_MASK | ID_MASK | VIF_MASK | VIP_MASK);

        if (!cpu_code64(env) && !model_is_amd(env->model)) {
            raise_exception(env, EXC_UD);
        }
        if (rex_w && !addr_canonical(env->regs[R_ECX])) {
            raise_exception_err(env, EXC_GP, 0);
        }
        eflags_set_image(env, env->regs[11] & ~keep);
        env->eip = rex_w ? env->regs[R_ECX] : (uint32_t)env->regs[R_ECX];
        seg_set_flat_code(env, (rex_w ? sel + 16 : sel) | 3, 3, rex_w);
        seg_set_flat_stack(env, (sel + 8) | 3, 3);
    } else {
        env->eflags |= IF_MASK;
        env->eip = (uint32_t)env->regs[R_ECX];
        seg_set_flat_code(env, sel | 3, 3, false);
        seg_set_flat_stack(env, (sel + 8) | 3, 3);
    }
    finish_return(env);
    step_by_new_flags(env);
}

/* ---- SYSENTER, SYSEXIT ------------------------------------------------------------------------------------------- */

void helper_sysenter(CPUX86State *env)
{
    uint16_t sel = env->sysenter_cs & 0xfffc;
    bool lma = cpu_long_mode(env);

    if (!(env->cr0 & CR0_PE) || !sel) {
        raise_exception_err(env, EXC_GP, 0);
    }
    env->eflags &= ~(VM_MASK | IF_MASK | RF_MASK);
    seg_set_flat_code(env, sel, 0, lma);
    seg_set_flat_stack(env, sel + 8, 0);
    env->eip = lma ? env->sysenter_eip : (uint32_t)env->sysenter_eip;
    env->regs[R_ESP] = lma ? env->sysenter_esp : (uint32_t)env->sysenter_esp;
    cpu_update_mode(env);
}

void helper_sysexit(CPUX86State *env, uint32_t rex_w)
{
    uint16_t sel = env->sysenter_cs & 0xfffc;
    uint64_t eip = env->regs[R_EDX], esp = env->regs[R_ECX];

    if (!cpu_protected(env) || cpu_cpl(env) || !sel) {
        raise_exception_err(env, EXC_GP, 0);
    }
    if (rex_w && (!addr_canonical(eip) || !addr_canonical(esp))) {
        raise_exception_err(env, EXC_GP, 0);
    }
    seg_set_flat_code(env, (rex_w ? sel + 32 : sel + 16) | 3, 3, rex_w);
    seg_set_flat_stack(env, (rex_w ? sel + 40 : sel + 24) | 3, 3);
    env->eip = rex_w ? eip : (uint32_t)eip;
    env->regs[R_ESP] = rex_w ? esp : (uint32_t)esp;
    finish_return(env);
}
