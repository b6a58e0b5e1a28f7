/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the system half of the CPU shares: descriptors, stacks of events and far transfers, EFLAGS images, the rights of
 * implicit accesses. Private to excp.c seg.c tss.c mode.c sysregs.c smm.c; everything here runs on the vCPU's own
 * thread.
 */
#ifndef TARGET_I386_SEG_H
#define TARGET_I386_SEG_H

#include "target-i386/cpu.h"
#include "exec/cpu-mem.h"
#include "exec/cpu-exec.h"

#define SEG_UNUSABLE_LO (1ull << 62)
/*
 * In hflags_inhibit beside MK_INHIBIT, never in the key: the shadow is that of MOV SS, which breakpoints do not pass
 * either.
 */
#define INHIBIT_MOV_SS  (1u << 31)
#define DR6_BS          (1u << 14)

/* ---- descriptors: lo and hi are the two dwords as they stand in memory ---- */
static inline uint32_t desc_base(uint32_t lo, uint32_t hi) { return lo >> 16 | (hi & 0xff) << 16 | (hi & 0xff000000u); }
static inline uint32_t desc_limit(uint32_t lo, uint32_t hi)
{
    uint32_t limit = (lo & 0xffff) | (hi & 0x000f0000u);

    return hi & DESC_G ? limit << 12 | 0xfff : limit;
}
static inline unsigned desc_dpl(uint32_t hi) { return hi >> DESC_DPL_SHIFT & 3; }
static inline unsigned desc_type(uint32_t hi) { return hi >> DESC_TYPE_SHIFT & 15; }    /* of system descriptors */
enum { SYS_TSS16 = 1, SYS_LDT = 2, SYS_TSS16_BUSY = 3, SYS_CALL16 = 4, SYS_TASK_GATE = 5, SYS_INT16 = 6, SYS_TRAP16 = 7,
       SYS_TSS32 = 9, SYS_TSS32_BUSY = 11, SYS_CALL32 = 12, SYS_INT32 = 14, SYS_TRAP32 = 15 };

static inline bool addr_canonical(uint64_t a) { return addr_is_canonical(a); }
static inline bool cpu_protected(const CPUX86State *env) { return (env->cr0 & CR0_PE) && !(env->eflags & VM_MASK); }
static inline bool cpu_long_mode(const CPUX86State *env) { return env->efer & EFER_LMA; }
static inline unsigned cpu_iopl(const CPUX86State *env) { return (env->eflags & IOPL_MASK) >> IOPL_SHIFT; }

/*
 * Rights of implicit supervisor accesses (descriptor tables, TSS, frames of events): SMAP holds whatever EFLAGS.AC
 * says.
 */
static inline int cpu_mmu_index_implicit(const CPUX86State *env)
{
    return env->cr4 & CR4_SMAP ? MMU_KSMAP : MMU_KERNEL;
}
static inline int cpu_mmu_index_cpl(const CPUX86State *env, unsigned cpl)
{
    return cpl == 3 ? MMU_USER : cpu_mmu_index_implicit(env);
}

/* Sets a segment register and its check ranges, but not the mode: call cpu_update_mode() after the last one. */
void seg_set(CPUX86State *env, int seg, uint16_t selector, uint64_t base, uint32_t limit, uint32_t attr);
void seg_set_desc(CPUX86State *env, int seg, uint16_t selector, uint32_t lo, uint32_t hi);
void seg_set_vm86(CPUX86State *env, int seg, uint16_t selector);
void seg_set_null(CPUX86State *env, int seg, uint16_t selector);
/* Flat 4 GiB segments that SYSCALL and friends load without looking at a table. */
void seg_set_flat_code(CPUX86State *env, uint16_t selector, unsigned dpl, bool code64);
void seg_set_flat_stack(CPUX86State *env, uint16_t selector, unsigned dpl);

/* Reads the descriptor a selector names; false when the table ends before it. Page faults raise. */
bool desc_read(CPUX86State *env, uint16_t selector, uint32_t *lo, uint32_t *hi);
/* The upper 8 bytes of a 16-byte system descriptor. */
bool desc_read_upper(CPUX86State *env, uint16_t selector, uint32_t *base_hi, uint32_t *last);
/* Sets the accessed bit in the table when it is clear; *hi follows. */
void desc_set_accessed(CPUX86State *env, uint16_t selector, uint32_t *hi);
/* Clears, then sets type bits in the high dword of a descriptor in memory, atomically where RAM allows. */
void desc_change_hi(CPUX86State *env, uint16_t selector, uint32_t clear, uint32_t set);

/* Exceptions with a selector as the error code; ext is 0 or 1. */
static inline QEMU_NORETURN void raise_sel(CPUX86State *env, int vector, uint16_t selector, unsigned ext)
{
    raise_exception_err(env, vector, (selector & 0xfffc) | ext);
}

/* The checks of loading SS for a privilege level on a stack switch; all failures are #TS but "not present". */
void desc_check_inner_stack(CPUX86State *env, uint16_t ss, unsigned dpl, unsigned ext, uint32_t *lo, uint32_t *hi);
/* SS:ESP of a privilege level from the TSS; #TS when the TSS is too short. */
void tss_read_stack(CPUX86State *env, unsigned dpl, unsigned ext, uint16_t *ss, uint32_t *esp);
/* RSP0..2 (n 0..2) or IST1..7 (n 4..10: dword index as the TSS lays them out) of a 64-bit TSS. */
uint64_t tss_read_rsp(CPUX86State *env, unsigned offset, unsigned ext);

/* ---- a stack that is being written or read before anything is committed ---- */
typedef struct Stack {
    uint64_t base, sp, mask;
    uint64_t lo, span;          /* limit check as in SegmentCache; span ~0 when none */
    int mmu_idx;
    uint32_t error;             /* error code of #SS */
} Stack;
void stack_init(CPUX86State *env, Stack *s);    /* the current SS:ESP */
void stack_init_desc(CPUX86State *env, Stack *s, uint32_t ss_lo, uint32_t ss_hi, uint32_t esp, unsigned cpl,
                     uint32_t error);
void stack_push(CPUX86State *env, Stack *s, uint64_t val, unsigned size);
uint64_t stack_pop(CPUX86State *env, Stack *s, unsigned size);
/* Makes s->sp the stack pointer: SP, ESP or RSP by its mask. */
static inline void stack_commit(CPUX86State *env, const Stack *s)
{
    env->regs[R_ESP] = s->mask == 0xffff ? (env->regs[R_ESP] & ~0xffffull) | (s->sp & 0xffff) : s->sp & s->mask;
}

/* A non-canonical address: did the instruction at EIP reach it through SS? (fault-segment.c) */
bool insn_faults_on_stack(CPUX86State *env, vaddr addr);

/* ---- EFLAGS ---- */
/* Takes an EFLAGS image as it is (bits already chosen); the caller updates the mode. */
static inline void eflags_set_image(CPUX86State *env, uint32_t image)
{
    env->cc_op = CC_OP_EFLAGS;
    env->cc_src = image & CC_ALL;
    env->df = image & DF_MASK ? -1 : 1;
    env->eflags = (image & ~(CC_ALL | DF_MASK)) | 2;
}
static inline void flags_set_zf(CPUX86State *env, bool zf)
{
    uint32_t f = cpu_compute_status_flags(env) & ~CC_Z;

    env->cc_op = CC_OP_EFLAGS;
    env->cc_src = f | (zf ? CC_Z : 0);
}
/* RF matters only while a breakpoint is armed in DR7: otherwise it is dropped where it would be loaded. */
static inline uint32_t eflags_rf_keep(const CPUX86State *env, uint32_t image)
{
    return env->dr[7] & 0xff ? image : image & ~RF_MASK;
}
/* Interrupts may have become deliverable: the execution loop must look again. */
static inline void cpu_recheck_interrupts(CPUX86State *env)
{
    if (__atomic_load_n(&env->interrupt_request, __ATOMIC_RELAXED)) {
        __atomic_store_n(&env->jit.exit_request, 1, __ATOMIC_RELAXED);
    }
}

/* ---- task switch (tss.c) ---- */
typedef enum TaskSwitchKind { TASK_JMP, TASK_CALL, TASK_IRET, TASK_INT } TaskSwitchKind;
/*
 * Switches to the task of a TSS descriptor already found present. next_eip is what the old task resumes at. ext: error
 * codes of faults carry EXT. has_error: error is pushed on the new stack.
 */
void task_switch(CPUX86State *env, uint16_t selector, uint32_t lo, uint32_t hi, TaskSwitchKind kind, uint64_t next_eip,
                 unsigned ext, bool has_error, uint32_t error);
/* Follows a task gate (its low dword holds the selector). */
void task_gate(CPUX86State *env, uint32_t gate_lo, TaskSwitchKind kind, uint64_t next_eip, unsigned ext, bool has_error,
               uint32_t error);
/* Bit of the I/O permission map, or of the redirection map before it; see tss.c. */
bool tss_io_allowed(CPUX86State *env, unsigned port, unsigned size);
bool tss_int_redirected(CPUX86State *env, unsigned vector);     /* VME: true when the vm86 task's own vector is used */

/* ---- debug registers (debug.c) ---- */
void cpu_update_breakpoints(CPUX86State *env);                  /* after a change of DR0-3, DR7 or CR4.DE */
void cpu_check_breakpoint_io(CPUX86State *env, unsigned port, unsigned size);
/* #DB with these DR6 bits. trap: eip stays where it is (already the next instruction); else it is a fault. */
QEMU_NORETURN void raise_debug(CPUX86State *env, uint32_t dr6_bits, bool trap);

/* Reset and INIT (cpu.c); SIPI. Big lock held. */
void cpu_init_state(CPUX86State *env);
void cpu_sipi_state(CPUX86State *env, uint8_t vector);

#endif
