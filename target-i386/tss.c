/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hardware task switch, 16- and 32-bit, and the bitmaps behind a TSS.
 * Follows SDM vol. 3A, "Task Management"; the steps are numbered as in "Task Switching".
 * Left out: nothing; inside long mode there are no task switches and callers have raised #GP.
 */
#include "qemu/osdep.h"
#include "qemu/log.h"
#include "target-i386/cpu.h"
#include "target-i386/helper.h"
#include "target-i386/seg.h"

/* Where things stand in the two forms of a TSS; regs in the order of the hardware: AX CX DX BX SP BP SI DI. */
typedef struct TssLayout {
    uint8_t size;               /* of a register */
    uint8_t min_limit;
    uint8_t ip, flags, regs, segs, ldt;
    uint8_t seg_step;
    uint8_t n_segs;             /* ES CS SS DS, and FS GS in the 32-bit form */
    uint8_t save_from, save_len;    /* what the old task's switch writes: IP to the last selector */
} TssLayout;
static const TssLayout tss16 = { .size = 2, .min_limit = 0x2b, .ip = 0x0e, .flags = 0x10, .regs = 0x12, .segs = 0x22,
                                 .ldt = 0x2a, .seg_step = 2, .n_segs = 4, .save_from = 0x0e, .save_len = 0x1c };
static const TssLayout tss32 = { .size = 4, .min_limit = 0x67, .ip = 0x20, .flags = 0x24, .regs = 0x28, .segs = 0x48,
                                 .ldt = 0x60, .seg_step = 4, .n_segs = 6, .save_from = 0x20, .save_len = 0x40 };
#define TSS32_CR3   0x1c
#define TSS32_TRAP  0x64
#define TSS_BUSY    (2u << DESC_TYPE_SHIFT)

typedef struct TaskState {
    uint32_t ip, flags, cr3, regs[8];
    uint16_t segs[6], ldt;
    bool trap;
} TaskState;

static const TssLayout *tss_layout(uint32_t attr)
{
    return desc_type(attr) & 8 ? &tss32 : &tss16;
}

/* Step 8: the old task's registers, without CR3 and LDTR, which it cannot have changed by itself. */
static void save_old(CPUX86State *env, const TssLayout *l, uint64_t base, uint64_t next_eip, uint32_t flags)
{
    int idx = cpu_mmu_index_implicit(env);

    cpu_st(env, base + l->ip, next_eip, l->size, idx);
    cpu_st(env, base + l->flags, flags, l->size, idx);
    for (unsigned i = 0; i < 8; i++) {
        cpu_st(env, base + l->regs + i * l->size, env->regs[i], l->size, idx);
    }
    for (unsigned i = 0; i < l->n_segs; i++) {
        cpu_st(env, base + l->segs + i * l->seg_step, env->segs[i].selector, 2, idx);
    }
}

static void load_new(CPUX86State *env, const TssLayout *l, uint64_t base, TaskState *ts)
{
    int idx = cpu_mmu_index_implicit(env);

    memset(ts, 0, sizeof(*ts));
    ts->ip = cpu_ld(env, base + l->ip, l->size, idx);
    ts->flags = cpu_ld(env, base + l->flags, l->size, idx);
    for (unsigned i = 0; i < 8; i++) {
        ts->regs[i] = cpu_ld(env, base + l->regs + i * l->size, l->size, idx);
        if (l->size == 2) {
            ts->regs[i] |= 0xffff0000u;     /* SDM: upper halves are undefined; real parts read ones */
        }
    }
    for (unsigned i = 0; i < l->n_segs; i++) {
        ts->segs[i] = cpu_ld(env, base + l->segs + i * l->seg_step, 2, idx);
    }
    ts->ldt = cpu_ld(env, base + l->ldt, 2, idx);
    if (l->size == 4) {
        ts->cr3 = cpu_ld(env, base + TSS32_CR3, 4, idx);
        ts->trap = cpu_ld(env, base + TSS32_TRAP, 2, idx) & 1;
    }
}

/* Faults from here on belong to the new task. */
static void load_ldt(CPUX86State *env, uint16_t sel, unsigned ext)
{
    uint32_t lo, hi;

    seg_set_null(env, R_LDTR, sel);
    if (!(sel & 0xfffc)) {
        return;
    }
    if ((sel & 4) || !desc_read(env, sel, &lo, &hi) || (hi & DESC_S) || desc_type(hi) != SYS_LDT || !(hi & DESC_P)) {
        raise_sel(env, EXC_TS, sel, ext);
    }
    seg_set_desc(env, R_LDTR, sel, lo, hi);
}

static void load_cs(CPUX86State *env, uint16_t sel, unsigned ext)
{
    uint32_t lo, hi;
    unsigned rpl = sel & 3;

    if (!(sel & 0xfffc) || !desc_read(env, sel, &lo, &hi) || (hi & (DESC_S | DESC_CODE)) != (DESC_S | DESC_CODE) ||
        (hi & DESC_C ? desc_dpl(hi) > rpl : desc_dpl(hi) != rpl)) {
        raise_sel(env, EXC_TS, sel, ext);
    }
    if (!(hi & DESC_P)) {
        raise_sel(env, EXC_NP, sel, ext);
    }
    desc_set_accessed(env, sel, &hi);
    seg_set_desc(env, R_CS, sel, lo, hi);
}

static void load_ss(CPUX86State *env, uint16_t sel, unsigned cpl, unsigned ext)
{
    uint32_t lo, hi;

    desc_check_inner_stack(env, sel, cpl, ext, &lo, &hi);
    desc_set_accessed(env, sel, &hi);
    seg_set_desc(env, R_SS, sel, lo, hi);
}

static void load_data(CPUX86State *env, unsigned seg, uint16_t sel, unsigned cpl, unsigned ext)
{
    uint32_t lo, hi;
    bool conforming;

    if (!(sel & 0xfffc)) {
        return;     /* already null */
    }
    if (!desc_read(env, sel, &lo, &hi) || !(hi & DESC_S) || (hi & (DESC_CODE | DESC_R)) == DESC_CODE) {
        raise_sel(env, EXC_TS, sel, ext);
    }
    conforming = (hi & (DESC_CODE | DESC_C)) == (DESC_CODE | DESC_C);
    if (!conforming && desc_dpl(hi) < MAX(cpl, sel & 3u)) {
        raise_sel(env, EXC_TS, sel, ext);
    }
    if (!(hi & DESC_P)) {
        raise_sel(env, EXC_NP, sel, ext);
    }
    desc_set_accessed(env, sel, &hi);
    seg_set_desc(env, seg, sel, lo, hi);
}

/*
 * Segments of the new task. All are made null with the new selectors first: a fault finds the state of a new task
 * whose segments are not loaded yet. SS carries the level of the new CS from the start.
 */
static void load_segments(CPUX86State *env, const TaskState *ts, unsigned ext)
{
    static const uint8_t data[] = { R_DS, R_ES, R_FS, R_GS };
    unsigned cpl = ts->segs[R_CS] & 3;

    if (ts->flags & VM_MASK) {
        for (unsigned i = 0; i < 6; i++) {
            seg_set_vm86(env, i, ts->segs[i]);
        }
        cpu_update_mode(env);
        load_ldt(env, ts->ldt, ext);
        return;
    }
    for (unsigned i = 0; i < 6; i++) {
        seg_set_null(env, i, ts->segs[i]);
    }
    env->segs[R_SS].attr = cpl << DESC_DPL_SHIFT;
    env->segs[R_CS].limit = 0xffffffff;     /* EIP is not checked before CS is loaded */
    cpu_update_mode(env);
    load_ldt(env, ts->ldt, ext);
    load_cs(env, ts->segs[R_CS], ext);
    load_ss(env, ts->segs[R_SS], cpl, ext);
    cpu_update_mode(env);
    for (unsigned i = 0; i < ARRAY_SIZE(data); i++) {
        load_data(env, data[i], ts->segs[data[i]], cpl, ext);
    }
    cpu_update_mode(env);
}

/*
 * CR3 of the new task, unless paging is off. PAE's table pointers come with it; the segment is checked by
 * cpu_write_cr3().
 */
static void load_cr3(CPUX86State *env, const TssLayout *l, const TaskState *ts)
{
    if (l->size == 4 && (env->cr0 & CR0_PG) && ts->cr3 != env->cr3) {
        cpu_write_cr3(env, ts->cr3);
    }
}

/* The error code of the event that switched, on the new task's stack. */
static void push_error(CPUX86State *env, const TssLayout *l, uint32_t error)
{
    Stack s;

    stack_init(env, &s);
    stack_push(env, &s, error, l->size);
    stack_commit(env, &s);
}

void task_switch(CPUX86State *env, uint16_t selector, uint32_t lo, uint32_t hi, TaskSwitchKind kind, uint64_t next_eip,
                 unsigned ext, bool has_error, uint32_t error)
{
    SegmentCache *tr = &env->segs[R_TR];
    const TssLayout *old = tss_layout(tr->attr), *new = tss_layout(hi);
    uint32_t base = desc_base(lo, hi), limit = desc_limit(lo, hi), flags = cpu_compute_eflags(env);
    bool busy = hi & TSS_BUSY, nests = kind == TASK_CALL || kind == TASK_INT;
    int idx = cpu_mmu_index_implicit(env);
    TaskState ts;

    qemu_log_mask(LOG_PCALL, "task switch: %04x -> %04x kind %d eip %08x\n", tr->selector, selector, kind,
                  (uint32_t)next_eip);
    /* steps 3 to 5: checks; steps 6, 7: both segments must be there before anything changes */
    if (busy != (kind == TASK_IRET)) {
        raise_sel(env, kind == TASK_IRET ? EXC_TS : EXC_GP, selector, ext);
    }
    if (limit < new->min_limit) {
        raise_sel(env, EXC_TS, selector, ext);
    }
    if (!(tr->attr & DESC_P) || tr->limit < old->min_limit) {
        raise_sel(env, EXC_TS, tr->selector, ext);
    }
    cpu_probe(env, tr->base + old->save_from, old->save_len, true, idx);
    load_new(env, new, base, &ts);
    if (nests) {
        cpu_probe(env, base, 2, true, idx);
    }

    if (kind == TASK_JMP || kind == TASK_IRET) {
        desc_change_hi(env, tr->selector, TSS_BUSY, 0);
    }
    if (kind == TASK_IRET) {
        flags &= ~NT_MASK;
    }
    save_old(env, old, tr->base, next_eip, flags);
    if (nests) {
        cpu_st(env, base, tr->selector, 2, idx);
        ts.flags |= NT_MASK;
    }
    if (kind != TASK_IRET) {
        desc_change_hi(env, selector, 0, TSS_BUSY);
    }

    /* step 12 on: the commit point is passed, faults are the new task's */
    env->cr0 |= CR0_TS;
    seg_set(env, R_TR, selector, base, limit, hi | TSS_BUSY);
    env->dr[7] &= ~0x55ull;     /* local breakpoints are the old task's */
    cpu_update_breakpoints(env);
    env->jit.host_pc = 0;
    env->eip = ts.ip;
    load_cr3(env, new, &ts);
    for (unsigned i = 0; i < 8; i++) {
        env->regs[i] = ts.regs[i];
    }
    if (new->size == 2) {
        ts.flags = (ts.flags & 0xffff) | (flags & 0xffff0000u & ~(VM_MASK | RF_MASK));
    }
    eflags_set_image(env, eflags_rf_keep(env, ts.flags & 0x003f7fd7u));
    env->hflags_inhibit = 0;
    load_segments(env, &ts, ext);
    if (ts.ip > env->segs[R_CS].limit) {
        raise_exception_err(env, EXC_GP, ext);
    }
    if (has_error) {
        push_error(env, new, error);
    }
    cpu_recheck_interrupts(env);
    if (ts.trap) {
        raise_debug(env, 1u << 15, true);
    }
}

void task_gate(CPUX86State *env, uint32_t gate_lo, TaskSwitchKind kind, uint64_t next_eip, unsigned ext, bool has_error,
               uint32_t error)
{
    uint16_t sel = gate_lo >> 16;
    uint32_t lo, hi;

    if ((sel & 4) || !(sel & 0xfffc) || !desc_read(env, sel, &lo, &hi) || (hi & DESC_S) ||
        (desc_type(hi) & ~(8u | 2u)) != SYS_TSS16 || (hi & TSS_BUSY)) {
        raise_sel(env, EXC_GP, sel, ext);
    }
    if (!(hi & DESC_P)) {
        raise_sel(env, EXC_NP, sel, ext);
    }
    task_switch(env, sel, lo, hi, kind, next_eip, ext, has_error, error);
}

/* ---- bitmaps ----------------------------------------------------------------------------------------------------- */

/* Offset of the I/O permission map in a 32-bit TSS; false when there is none. */
static bool tss_iomap(CPUX86State *env, uint32_t *offset)
{
    const SegmentCache *tr = &env->segs[R_TR];

    if (!(tr->attr & DESC_P) || !(desc_type(tr->attr) & 8) || tr->limit < 0x67) {
        return false;
    }
    *offset = cpu_ld(env, tr->base + 0x66, 2, cpu_mmu_index_implicit(env));
    return true;
}

/*
 * Two bytes are always read, so the map needs a byte of ones behind its last port (SDM vol. 1, "I/O Permission Bit
 * Map").
 */
bool tss_io_allowed(CPUX86State *env, unsigned port, unsigned size)
{
    const SegmentCache *tr = &env->segs[R_TR];
    uint32_t off;
    unsigned bits;

    if (!tss_iomap(env, &off)) {
        return false;
    }
    off += port / 8;
    if (off + 1 > tr->limit) {
        return false;
    }
    bits = cpu_ld(env, tr->base + off, 2, cpu_mmu_index_implicit(env));
    return !(bits >> (port & 7) & ((1u << size) - 1));
}

/* The 32 bytes before the I/O map: a clear bit sends INT n to the task's own real-mode vector. */
bool tss_int_redirected(CPUX86State *env, unsigned vector)
{
    const SegmentCache *tr = &env->segs[R_TR];
    uint32_t off;

    if (!(env->cr4 & CR4_VME) || !tss_iomap(env, &off) || off < 32 || off - 32 + vector / 8 > tr->limit) {
        return false;
    }
    return !(cpu_ld(env, tr->base + off - 32 + vector / 8, 1, cpu_mmu_index_implicit(env)) >> (vector & 7) & 1);
}
