/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exceptions and interrupts: raising from helpers, double faults, delivery in every mode, pending external events.
 * Follows SDM vol. 3A, "Interrupt and Exception Handling" and "Virtual-8086 Mode".
 *
 *   helper -> raise_*() -> unwinds to cpu_exec() -> cpu_deliver_exception() -> cpu_do_interrupt()
 *                               ^                          |  a fault while delivering
 *                               +--------------------------+  (old_exception says what was being delivered)
 *
 * Delivery computes and checks everything, writes the frame, and only then changes registers: a fault on the way leaves
 * the state of the interrupted instruction. Words pushed below the stack pointer before a fault stay written.
 * Left out: bus locks of the gate reads, machine-check delivery.
 */
#include "qemu/osdep.h"
#include "qemu/log.h"
#include "qemu/main-loop.h"
#include "sysemu/runstate.h"
#include "target-i386/cpu.h"
#include "target-i386/helper.h"
#include "target-i386/seg.h"

/* old_exception while something benign (INT n, interrupt, NMI) is delivered: a fault then is handled serially. */
#define DELIVERING_BENIGN 0x100

/* Vectors that push an error code: 8, 10 to 14, 17. */
static bool exc_has_error(int vector)
{
    return vector < 32 && (1u << vector & 0x00027d00u);
}

/* ---- raising --------------------------------------------------------------------------------------------------- */

static QEMU_NORETURN void raise_event(CPUX86State *env, int vector, uint32_t error)
{
    env->exception_index = vector;
    env->exception_error = error;
    env->exception_is_int = false;
    cpu_loop_exit_restore(env);
}

void raise_exception(CPUX86State *env, int vector)
{
    raise_event(env, vector, 0);
}

void raise_exception_err(CPUX86State *env, int vector, uint32_t error)
{
    raise_event(env, vector, error);
}

/*
 * A non-canonical address gets here too, since it has no translation; it is no page fault (SDM vol. 1, "Canonical
 * Addressing").
 */
void raise_page_fault(CPUX86State *env, vaddr addr, uint32_t error)
{
    if (cpu_long_mode(env) && !addr_canonical(addr)) {
        bool data = env->jit.host_pc != 0;      /* not a fetch */

        cpu_restore_eip(env);
        raise_event(env, data && cpu_code64(env) && insn_faults_on_stack(env, addr) ? EXC_SS : EXC_GP, 0);
    }
    env->cr2 = addr;
    raise_event(env, EXC_PF, error);
}

void raise_misaligned(CPUX86State *env, unsigned size)
{
    raise_event(env, size >= 16 ? EXC_GP : EXC_AC, 0);
}

void raise_interrupt(CPUX86State *env, int vector, uint64_t next_eip)
{
    env->exception_index = vector;
    env->exception_error = 0;
    env->exception_is_int = true;
    env->exception_next_eip = next_eip;
    cpu_loop_exit_restore(env);
}

/* What a #DB does to the registers (SDM vol. 3B, "Debug Exceptions"). */
static void debug_begin(CPUX86State *env, uint32_t dr6_bits)
{
    env->dr[6] |= dr6_bits;
    env->dr[7] &= ~(1ull << 13);    /* GD: the handler may use the registers */
    env->debugctl &= ~2ull;         /* BTF */
    env->pending_db = 0;
}

void raise_debug(CPUX86State *env, uint32_t dr6_bits, bool trap)
{
    debug_begin(env, dr6_bits);
    env->exception_index = EXC_DB;
    env->exception_error = 0;
    env->exception_is_int = false;
    if (trap) {
        cpu_loop_exit(env);
    }
    cpu_loop_exit_restore(env);
}

/* ---- double and triple faults ---------------------------------------------------------------------------------- */

static bool exc_contributory(int vector)
{
    return vector == EXC_DE || (vector >= EXC_TS && vector <= EXC_GP);
}

/* SDM vol. 3A, "Interrupt 8", table "Conditions for Generating a Double Fault". */
static bool exc_doubles(int first, int second)
{
    if (first == EXC_PF) {
        return second == EXC_PF || exc_contributory(second);
    }
    return exc_contributory(first) && exc_contributory(second);
}

/* Shutdown state of the CPU; the board answers with a reset. The report is given once: some systems reboot this way. */
static QEMU_NORETURN void cpu_triple_fault(CPUX86State *env, int vector)
{
    static int reported;

    if (!__atomic_exchange_n(&reported, 1, __ATOMIC_RELAXED)) {
        fprintf(stderr, "CPU#%d: triple fault: exception 0x%02x (error 0x%04x) while delivering a double fault; "
                "the machine resets. State of the faulting instruction:\n",
                env->vcpu ? env->vcpu->index : 0, vector, env->exception_error);
        cpu_dump_state(env, stderr);
        fflush(stderr);
    }
    qemu_log_mask(LOG_INT | LOG_CPU_RESET, "Triple fault\n");
    request_reset("triple fault");
    env->old_exception = -1;
    env->nmi_masked = true;
    env->eflags &= ~IF_MASK;
    cpu_halt(env);
    env->exception_index = EXCP_HLT;
    cpu_loop_exit(env);
}

static void log_event(CPUX86State *env, int vector, bool is_int, uint32_t error, uint64_t eip)
{
    static unsigned count;
    FILE *f = log_lock();

    if (!f) {
        return;
    }
    fprintf(f, "%6u: v=%02x e=%04x i=%d cpl=%u IP=%04x:%016" PRIx64 " pc=%016" PRIx64 " SP=%04x:%016" PRIx64,
            __atomic_fetch_add(&count, 1, __ATOMIC_RELAXED), vector, error, is_int, cpu_cpl(env),
            env->segs[R_CS].selector, eip, cpu_code64(env) ? eip : env->segs[R_CS].base + eip,
            env->segs[R_SS].selector, env->regs[R_ESP]);
    if (vector == EXC_PF) {
        fprintf(f, " CR2=%016" PRIx64 "\n", env->cr2);
    } else {
        fprintf(f, " EAX=%016" PRIx64 "\n", env->regs[R_EAX]);
    }
    cpu_log_state(env);
    log_unlock(f);
}

void cpu_deliver_exception(CPUX86State *env)
{
    int vector = env->exception_index, old = env->old_exception;
    uint32_t error = env->exception_error;
    bool is_int = env->exception_is_int;

    env->exception_index = -1;
    env->jit.host_pc = 0;       /* faults from here on belong to no translated instruction */
    if (!is_int && old >= 0) {
        qemu_log_mask(LOG_INT, "check_exception old: 0x%x new 0x%x\n", old, vector);
        if (old == EXC_DF) {
            cpu_triple_fault(env, vector);
        }
        if (exc_doubles(old, vector)) {
            vector = EXC_DF;
            error = 0;
        }
    }
    env->old_exception = is_int ? DELIVERING_BENIGN : vector;
    cpu_do_interrupt(env, vector, is_int, false, !is_int && exc_has_error(vector), error,
                     is_int ? env->exception_next_eip : env->eip);
    env->old_exception = -1;
}

/* ---- delivery: what all modes share ---------------------------------------------------------------------------- */

typedef struct Event {
    int vector;
    bool is_int, is_hw, has_error;
    uint32_t error;
    unsigned ext;               /* EXT bit of error codes of faults on the way */
    uint64_t eip;               /* to be saved */
    uint32_t flags;             /* EFLAGS image to be saved */
} Event;

/* Error code of a fault that concerns an IDT entry: bit 1 says IDT. */
static QEMU_NORETURN void raise_idt(CPUX86State *env, int exception, const Event *ev)
{
    raise_exception_err(env, exception, ev->vector * 8 + 2 + ev->ext);
}

/*
 * Image of RF (SDM vol. 3B, "Debug Exceptions"): set for faults and between the iterations of a string instruction, so
 * that a breakpoint does not fire again on return.
 */
static uint32_t event_flags(CPUX86State *env, const Event *ev)
{
    uint32_t flags = cpu_compute_eflags(env) | (env->rep_interrupted && !ev->is_int ? RF_MASK : 0);

    if (ev->is_int || ev->is_hw || ev->vector == EXC_DB || ev->vector == EXC_BP || ev->vector == EXC_OF) {
        return flags;
    }
    return ev->vector == EXC_DF ? flags : flags | RF_MASK;
}

/* ---- real mode, and INT n of a vm86 task that VME redirects to the task's own vectors ---------------------------- */

static void deliver_real(CPUX86State *env, const Event *ev, uint64_t table, uint32_t flags, uint32_t clear)
{
    int idx = cpu_mmu_index(env);
    uint32_t entry = cpu_ld(env, table + ev->vector * 4, 4, idx);
    Stack s;

    stack_init(env, &s);
    stack_push(env, &s, (uint16_t)flags, 2);
    stack_push(env, &s, env->segs[R_CS].selector, 2);
    stack_push(env, &s, (uint16_t)ev->eip, 2);
    stack_commit(env, &s);
    env->eip = entry & 0xffff;
    if (env->eflags & VM_MASK) {
        seg_set_vm86(env, R_CS, entry >> 16);
    } else {
        SegmentCache *cs = &env->segs[R_CS];

        seg_set(env, R_CS, entry >> 16, entry >> 16 << 4, cs->limit, cs->attr);
    }
    env->eflags &= ~clear;
}

static void deliver_real_mode(CPUX86State *env, const Event *ev)
{
    if ((uint32_t)ev->vector * 4 + 3 > env->idt.limit) {
        raise_idt(env, EXC_GP, ev);
    }
    deliver_real(env, ev, env->idt.base, ev->flags, TF_MASK | IF_MASK | AC_MASK | RF_MASK);
}

/* SDM vol. 3B, "Virtual-8086 Mode", VME methods 5 and 6: with IOPL < 3 the task sees VIF as its IF. */
static void deliver_vme(CPUX86State *env, int vector, uint64_t next_eip)
{
    Event ev = { .vector = vector, .is_int = true, .eip = next_eip };
    uint32_t flags = cpu_compute_eflags(env), clear = TF_MASK | NT_MASK;

    if (cpu_iopl(env) == 3) {
        clear |= IF_MASK;
    } else {
        flags = (flags & ~IF_MASK) | IOPL_MASK | (flags & VIF_MASK ? IF_MASK : 0);
        clear |= VIF_MASK;
    }
    deliver_real(env, &ev, 0, flags, clear);
    env->hflags_inhibit = 0;
    cpu_update_mode(env);
}

/* ---- protected mode, 16- and 32-bit gates ------------------------------------------------------------------------ */

typedef struct Gate {
    uint16_t selector;
    uint64_t offset;
    unsigned type;
    uint32_t cs_lo, cs_hi;
    unsigned cpl;               /* level of the handler */
} Gate;

/* Checks of the handler's code segment that all protected modes share; g->cpl is the level it will run at. */
static void gate_read_code(CPUX86State *env, const Event *ev, Gate *g)
{
    unsigned cpl = cpu_cpl(env), dpl;

    if (!(g->selector & 0xfffc)) {
        raise_exception_err(env, EXC_GP, ev->ext);
    }
    if (!desc_read(env, g->selector, &g->cs_lo, &g->cs_hi) ||
        (g->cs_hi & (DESC_S | DESC_CODE)) != (DESC_S | DESC_CODE)) {
        raise_sel(env, EXC_GP, g->selector, ev->ext);
    }
    dpl = desc_dpl(g->cs_hi);
    if (dpl > cpl) {
        raise_sel(env, EXC_GP, g->selector, ev->ext);
    }
    if (!(g->cs_hi & DESC_P)) {
        raise_sel(env, EXC_NP, g->selector, ev->ext);
    }
    g->cpl = g->cs_hi & DESC_C ? cpl : dpl;
}

static void gate_push_frame(CPUX86State *env, const Event *ev, Stack *s, unsigned size, bool outer, bool vm86)
{
    if (vm86) {
        static const uint8_t order[] = { R_GS, R_FS, R_DS, R_ES };

        for (unsigned i = 0; i < ARRAY_SIZE(order); i++) {
            stack_push(env, s, env->segs[order[i]].selector, size);
        }
    }
    if (outer) {
        stack_push(env, s, env->segs[R_SS].selector, size);
        stack_push(env, s, env->regs[R_ESP], size);
    }
    stack_push(env, s, ev->flags, size);
    stack_push(env, s, env->segs[R_CS].selector, size);
    stack_push(env, s, ev->eip, size);
    if (ev->has_error) {
        stack_push(env, s, ev->error, size);
    }
}

static void deliver_protected(CPUX86State *env, const Event *ev)
{
    uint64_t entry;
    uint32_t lo, hi, ss_lo = 0, ss_hi = 0, new_esp = 0;
    unsigned cpl = cpu_cpl(env), size;
    bool vm86 = env->eflags & VM_MASK, outer;
    uint16_t new_ss = 0;
    Gate g;
    Stack s;

    if ((uint32_t)ev->vector * 8 + 7 > env->idt.limit) {
        raise_idt(env, EXC_GP, ev);
    }
    entry = cpu_ld(env, env->idt.base + ev->vector * 8, 8, cpu_mmu_index_implicit(env));
    lo = entry;
    hi = entry >> 32;
    g.type = hi >> DESC_TYPE_SHIFT & 31;    /* with the S bit, which must be clear */
    if (g.type != SYS_TASK_GATE && (g.type & ~9u) != SYS_INT16) {
        raise_idt(env, EXC_GP, ev);
    }
    if (ev->is_int && desc_dpl(hi) < cpl) {
        raise_idt(env, EXC_GP, ev);
    }
    if (!(hi & DESC_P)) {
        raise_idt(env, EXC_NP, ev);
    }
    if (g.type == SYS_TASK_GATE) {
        env->eflags |= ev->flags & RF_MASK;     /* in the image that the old task's TSS gets */
        task_gate(env, lo, TASK_INT, ev->eip, ev->ext, ev->has_error, ev->error);
        return;
    }
    size = g.type & 8 ? 4 : 2;
    g.selector = lo >> 16;
    g.offset = size == 4 ? (lo & 0xffff) | (hi & 0xffff0000u) : lo & 0xffff;
    gate_read_code(env, ev, &g);
    if (vm86 && g.cpl != 0) {
        raise_sel(env, EXC_GP, g.selector, ev->ext);
    }
    outer = g.cpl < cpl;
    if (outer) {
        tss_read_stack(env, g.cpl, ev->ext, &new_ss, &new_esp);
        desc_check_inner_stack(env, new_ss, g.cpl, ev->ext, &ss_lo, &ss_hi);
        stack_init_desc(env, &s, ss_lo, ss_hi, new_esp, g.cpl, (new_ss & 0xfffc) | ev->ext);
    } else {
        stack_init(env, &s);
        s.error = ev->ext;
    }
    if (g.offset > desc_limit(g.cs_lo, g.cs_hi)) {
        raise_exception_err(env, EXC_GP, ev->ext);
    }
    gate_push_frame(env, ev, &s, size, outer, vm86);
    desc_set_accessed(env, g.selector, &g.cs_hi);
    if (outer) {
        desc_set_accessed(env, new_ss, &ss_hi);
    }

    /* nothing faults from here on */
    env->eflags &= ~(TF_MASK | VM_MASK | RF_MASK | NT_MASK | (g.type & 1 ? 0 : IF_MASK));
    if (vm86) {
        seg_set_null(env, R_ES, 0);
        seg_set_null(env, R_DS, 0);
        seg_set_null(env, R_FS, 0);
        seg_set_null(env, R_GS, 0);
    }
    if (outer) {
        seg_set_desc(env, R_SS, (new_ss & ~3) | g.cpl, ss_lo, ss_hi);
    }
    stack_commit(env, &s);
    seg_set_desc(env, R_CS, (g.selector & ~3) | g.cpl, g.cs_lo, g.cs_hi);
    env->eip = g.offset;
}

/* ---- long mode -------------------------------------------------------------------------------------------------- */

static void push_frame64(CPUX86State *env, const Event *ev, uint64_t rsp, int idx)
{
    unsigned n = ev->has_error ? 6 : 5, i = 0;
    uint64_t frame[6], *p;

    if (ev->has_error) {
        frame[i++] = ev->error;
    }
    frame[i++] = ev->eip;
    frame[i++] = env->segs[R_CS].selector;
    frame[i++] = ev->flags;
    frame[i++] = env->regs[R_ESP];
    frame[i++] = env->segs[R_SS].selector;
    /* Words are pushed from SS on: a fault names the uppermost that cannot be written. */
    for (i = n; i-- > 0;) {
        cpu_probe(env, rsp + i * 8, 8, true, idx);
        if (((rsp + i * 8) & TARGET_PAGE_MASK) == (rsp & TARGET_PAGE_MASK)) {
            break;      /* the rest is on the same page */
        }
    }
    p = cpu_host_ptr(env, rsp, n * 8, true, idx);
    if (likely(p)) {
        for (i = 0; i < n; i++) {
            p[i] = frame[i];
        }
        return;
    }
    for (i = 0; i < n; i++) {
        cpu_st(env, rsp + i * 8, frame[i], 8, idx);
    }
}

static void deliver_long(CPUX86State *env, const Event *ev)
{
    uint64_t gate_addr = env->idt.base + ev->vector * 16, lo64, hi64, rsp;
    unsigned cpl = cpu_cpl(env), ist;
    int idx = cpu_mmu_index_implicit(env);
    const uint64_t *p;
    uint32_t hi;
    Gate g;

    if ((uint32_t)ev->vector * 16 + 15 > env->idt.limit) {
        raise_idt(env, EXC_GP, ev);
    }
    p = cpu_host_ptr(env, gate_addr, 16, false, idx);
    lo64 = p ? p[0] : cpu_ld(env, gate_addr, 8, idx);
    hi64 = p ? p[1] : cpu_ld(env, gate_addr + 8, 8, idx);
    hi = lo64 >> 32;
    g.type = hi >> DESC_TYPE_SHIFT & 31;
    if ((g.type & ~1u) != SYS_INT32 || (ev->is_int && desc_dpl(hi) < cpl)) {
        raise_idt(env, EXC_GP, ev);
    }
    if (!(hi & DESC_P)) {
        raise_idt(env, EXC_NP, ev);
    }
    g.selector = (uint32_t)lo64 >> 16;
    g.offset = (lo64 & 0xffff) | (hi & 0xffff0000u) | hi64 << 32;
    ist = hi & 7;
    gate_read_code(env, ev, &g);
    if ((g.cs_hi & (DESC_L | DESC_B)) != DESC_L) {
        raise_sel(env, EXC_GP, g.selector, ev->ext);
    }
    if (ist) {
        rsp = tss_read_rsp(env, ist + 3, ev->ext);
    } else if (g.cpl < cpl) {
        rsp = tss_read_rsp(env, g.cpl, ev->ext);
    } else {
        rsp = env->regs[R_ESP];
    }
    rsp = (rsp & ~15ull) - (ev->has_error ? 48 : 40);
    if (!addr_canonical(rsp) || !addr_canonical(rsp + 47)) {
        raise_exception_err(env, EXC_SS, ev->ext);
    }
    if (!addr_canonical(g.offset)) {
        raise_exception_err(env, EXC_GP, ev->ext);
    }
    push_frame64(env, ev, rsp, cpu_mmu_index_cpl(env, g.cpl));
    if (unlikely(!(g.cs_hi & DESC_A))) {
        desc_set_accessed(env, g.selector, &g.cs_hi);
    }

    env->eflags &= ~(TF_MASK | VM_MASK | RF_MASK | NT_MASK | (g.type & 1 ? 0 : IF_MASK));
    seg_set_desc(env, R_CS, (g.selector & ~3) | g.cpl, g.cs_lo, g.cs_hi);
    if (g.cpl != cpl) {
        seg_set(env, R_SS, g.cpl, 0, 0, g.cpl << DESC_DPL_SHIFT);   /* null, but it carries the level */
    }
    env->regs[R_ESP] = rsp;
    env->eip = g.offset;
}

void cpu_do_interrupt(CPUX86State *env, int vector, bool is_int, bool is_hw, bool has_error, uint32_t error,
                      uint64_t next_eip)
{
    Event ev = { .vector = vector, .is_int = is_int, .is_hw = is_hw, .has_error = has_error, .error = error,
                 .ext = !is_int, .eip = next_eip };

    if (log_enabled(LOG_INT)) {
        log_event(env, vector, is_int, error, env->eip);
    }
    ev.flags = event_flags(env, &ev);
    if (likely(env->efer & EFER_LMA)) {
        deliver_long(env, &ev);
    } else if (env->cr0 & CR0_PE) {
        deliver_protected(env, &ev);
    } else {
        deliver_real_mode(env, &ev);
    }
    env->hflags_inhibit = 0;
    env->pending_db = 0;
    env->rep_interrupted = false;
    cpu_update_mode(env);
}

/* ---- pending events ---------------------------------------------------------------------------------------------- */

static uint32_t requests(const CPUX86State *env)
{
    return __atomic_load_n(&env->interrupt_request, __ATOMIC_ACQUIRE);
}

static void request_done(CPUX86State *env, uint32_t mask)
{
    __atomic_fetch_and(&env->interrupt_request, ~mask, __ATOMIC_ACQ_REL);
}

bool cpu_has_work(CPUX86State *env)
{
    uint32_t req = requests(env);

    if (unlikely(env->monitor.sleeping) && cpu_mwait_over(env)) {
        return true;
    }
    if (likely(!req)) {
        return false;
    }
    if (env->wait_for_sipi) {
        return req & (CPU_INT_INIT | CPU_INT_SIPI | CPU_INT_RESET);
    }
    return (req & (CPU_INT_INIT | CPU_INT_RESET)) || ((req & CPU_INT_HARD) && (env->eflags & IF_MASK)) ||
           ((req & CPU_INT_NMI) && !env->nmi_masked) || ((req & CPU_INT_SMI) && !env->in_smm);
}

static void event_external(CPUX86State *env, int vector)
{
    env->halted = false;
    env->old_exception = DELIVERING_BENIGN;
    cpu_do_interrupt(env, vector, false, true, false, 0, env->eip);
    env->old_exception = -1;
}

static bool event_hard(CPUX86State *env)
{
    int vector = x86_board_ack_interrupt(env->vcpu);

    if (vector < 0) {
        return false;
    }
    qemu_log_mask(LOG_INT, "Servicing hardware INT=0x%02x\n", vector);
    event_external(env, vector);
    return true;
}

/* Data breakpoints hit by the instruction that has just ended. */
static void event_debug_trap(CPUX86State *env)
{
    env->dr[6] &= ~15ull;
    debug_begin(env, env->pending_db);
    env->old_exception = EXC_DB;
    cpu_do_interrupt(env, EXC_DB, false, false, false, 0, env->eip);
    env->old_exception = -1;
}

/* INIT and start-up IPIs (SDM vol. 3A, "Multiple-Processor Initialization"). */
static bool event_init_sipi(CPUX86State *env, uint32_t req)
{
    if (req & CPU_INT_RESET) {
        request_done(env, CPU_INT_RESET);
        cpu_reset_state(env);
        return true;
    }
    if ((req & CPU_INT_INIT) && !env->in_smm) {
        /* A start-up IPI that stands now came after it: the sender has taken back those before. */
        request_done(env, CPU_INT_INIT);
        big_lock();
        cpu_init_state(env);
        big_unlock();
        return true;
    }
    if (req & CPU_INT_SIPI) {
        request_done(env, CPU_INT_SIPI);
        if (env->wait_for_sipi) {
            cpu_sipi_state(env, env->sipi_vector);
            return true;
        }
    }
    return false;
}

/* In the order of SDM vol. 3A, "Priority Among Simultaneous Exceptions and Interrupts". */
bool cpu_process_interrupts(CPUX86State *env)
{
    uint32_t req = requests(env);

    if (likely(!req)) {
        return false;
    }
    env->jit.host_pc = 0;
    if (req & CPU_INT_EXIT) {
        request_done(env, CPU_INT_EXIT);
    }
    if ((req & CPU_INT_SMI) && !env->in_smm && !env->wait_for_sipi) {
        request_done(env, CPU_INT_SMI);
        cpu_enter_smm(env);
        return true;
    }
    if ((req & (CPU_INT_RESET | CPU_INT_INIT | CPU_INT_SIPI)) && event_init_sipi(env, req)) {
        return true;
    }
    if (env->wait_for_sipi || (env->hflags_inhibit & MK_INHIBIT)) {
        return false;
    }
    if (unlikely(env->pending_db)) {
        event_debug_trap(env);
        return true;
    }
    if ((req & CPU_INT_NMI) && !env->nmi_masked) {
        request_done(env, CPU_INT_NMI);
        env->nmi_masked = true;
        event_external(env, EXC_NMI);
        return true;
    }
    return (req & CPU_INT_HARD) && (env->eflags & IF_MASK) && event_hard(env);
}

/* ---- helpers ----------------------------------------------------------------------------------------------------- */

void helper_raise(CPUX86State *env, uint32_t vector)
{
    raise_exception(env, vector);
}

void helper_raise_err(CPUX86State *env, uint32_t vector, uint32_t error)
{
    raise_exception_err(env, vector, error);
}

void helper_int(CPUX86State *env, uint32_t vector, uint64_t next)
{
    if (unlikely(env->eflags & VM_MASK)) {
        if (tss_int_redirected(env, vector)) {
            deliver_vme(env, vector, next);
            cpu_loop_exit(env);
        }
        if (cpu_iopl(env) < 3) {
            raise_exception_err(env, EXC_GP, 0);
        }
    }
    raise_interrupt(env, vector, next);
}

void helper_int3(CPUX86State *env, uint64_t next)
{
    raise_interrupt(env, EXC_BP, next);
}

void helper_into(CPUX86State *env, uint64_t next)
{
    if (cpu_compute_status_flags(env) & CC_O) {
        raise_interrupt(env, EXC_OF, next);
    }
}

/* INT1 is a trap that no DPL stops and that leaves DR6 alone (SDM vol. 3B, "Debug Exceptions"). */
void helper_icebp(CPUX86State *env, uint64_t next)
{
    env->eip = next;
    raise_debug(env, 0, true);
}

void helper_bound(CPUX86State *env, uint32_t size, uint64_t index, uint64_t addr)
{
    int idx = cpu_mmu_index(env);
    unsigned shift = 64 - size * 8;
    int64_t lower = (int64_t)(cpu_ld(env, addr, size, idx) << shift) >> shift;
    int64_t upper = (int64_t)(cpu_ld(env, addr + size, size, idx) << shift) >> shift;

    if ((int64_t)index < lower || (int64_t)index > upper) {
        raise_exception(env, EXC_BR);
    }
}

void helper_seg_fault(CPUX86State *env, uint32_t seg)
{
    qemu_log_mask(LOG_GUEST_ERROR,
                  "segment %u (%04x, limit %08x, attributes %06x): access outside its limit or rights\n", seg,
                  env->segs[seg].selector, env->segs[seg].limit, env->segs[seg].attr);
    raise_exception_err(env, seg == R_SS ? EXC_SS : EXC_GP, 0);
}
