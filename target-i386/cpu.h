/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest CPU: its state, the mode key of translated blocks, and what its parts call of each other.
 *
 *   decode*.c translate*.c   guest bytes -> IR                    excp.c seg.c tss.c   events, segments, task switches
 *   mmu.c                    page-table walk                      sysregs.c msr.c      control registers, MSRs
 *   fpu*.c sse*.c            x87, MMX, SSE                        smm.c svm: none      system management mode
 *   cpuid.c models.c         CPUID, -cpu                          int-helpers.c        what IR has no op for
 */
#ifndef TARGET_I386_CPU_H
#define TARGET_I386_CPU_H

#include "qemu/bitops.h"
#include "exec/cpu-jit.h"
#include "exec/memory.h"
#include "sysemu/cpus.h"
#include "hw/i386/x86-board.h"

enum { R_EAX, R_ECX, R_EDX, R_EBX, R_ESP, R_EBP, R_ESI, R_EDI };
enum { R_ES, R_CS, R_SS, R_DS, R_FS, R_GS, R_LDTR, R_TR, NUM_SEGS };

#define CC_C 0x0001u
#define CC_P 0x0004u
#define CC_A 0x0010u
#define CC_Z 0x0040u
#define CC_S 0x0080u
#define CC_O 0x0800u
#define CC_ALL (CC_C | CC_P | CC_A | CC_Z | CC_S | CC_O)
#define TF_MASK   0x00000100u
#define IF_MASK   0x00000200u
#define DF_MASK   0x00000400u
#define IOPL_MASK 0x00003000u
#define IOPL_SHIFT 12
#define NT_MASK   0x00004000u
#define RF_MASK   0x00010000u
#define VM_MASK   0x00020000u
#define AC_MASK   0x00040000u
#define VIF_MASK  0x00080000u
#define VIP_MASK  0x00100000u
#define ID_MASK   0x00200000u

#define CR0_PE 0x00000001u
#define CR0_MP 0x00000002u
#define CR0_EM 0x00000004u
#define CR0_TS 0x00000008u
#define CR0_ET 0x00000010u
#define CR0_NE 0x00000020u
#define CR0_WP 0x00010000u
#define CR0_AM 0x00040000u
#define CR0_NW 0x20000000u
#define CR0_CD 0x40000000u
#define CR0_PG 0x80000000u
#define CR3_PCID 0xfffull
#define CR3_NO_FLUSH (1ull << 63)
#define CR4_VME 0x0001u
#define CR4_PVI 0x0002u
#define CR4_TSD 0x0004u
#define CR4_DE  0x0008u
#define CR4_PSE 0x0010u
#define CR4_PAE 0x0020u
#define CR4_MCE 0x0040u
#define CR4_PGE 0x0080u
#define CR4_PCE 0x0100u
#define CR4_OSFXSR 0x0200u
#define CR4_OSXMMEXCPT 0x0400u
#define CR4_UMIP 0x0800u
#define CR4_LA57 0x1000u
#define CR4_FSGSBASE 0x10000u
#define CR4_PCIDE 0x20000u
#define CR4_OSXSAVE 0x40000u
#define CR4_SMEP 0x100000u
#define CR4_SMAP 0x200000u
#define CR4_PKE 0x400000u
#define EFER_SCE 0x001u
#define EFER_LME 0x100u
#define EFER_LMA 0x400u
#define EFER_NXE 0x800u
#define EFER_SVME 0x1000u
#define EFER_FFXSR 0x4000u

/* Segment attributes: bits 8..23 of the descriptor's high dword, kept in place. */
#define DESC_G   (1u << 23)
#define DESC_B   (1u << 22)     /* D/B */
#define DESC_L   (1u << 21)
#define DESC_AVL (1u << 20)
#define DESC_P   (1u << 15)
#define DESC_DPL_SHIFT 13
#define DESC_S   (1u << 12)
#define DESC_TYPE_SHIFT 8
#define DESC_CODE (1u << 11)
#define DESC_C   (1u << 10)     /* code: conforming */
#define DESC_R   (1u << 9)      /* code: readable */
#define DESC_E   (1u << 10)     /* data: expand-down */
#define DESC_W   (1u << 9)      /* data: writable */
#define DESC_A   (1u << 8)
#define DESC_ATTR_MASK 0x00f0ff00u

typedef enum Exception {
    EXC_DE = 0, EXC_DB = 1, EXC_NMI = 2, EXC_BP = 3, EXC_OF = 4, EXC_BR = 5, EXC_UD = 6, EXC_NM = 7, EXC_DF = 8,
    EXC_TS = 10, EXC_NP = 11, EXC_SS = 12, EXC_GP = 13, EXC_PF = 14, EXC_MF = 16, EXC_AC = 17, EXC_MC = 18, EXC_XM = 19,
} Exception;

/*
 * A segment register with its hidden part. The check ranges say which offsets may be touched, in a form one compare
 * tests: an access of n bytes at off is inside when (off - lo) + (n - 1) <= span as unsigned 64-bit numbers. An
 * unusable segment has lo = 1 << 62, span = 0. In 64-bit mode translated code does not look at them.
 */
typedef struct SegmentCache {
    uint16_t selector;
    uint32_t attr;              /* DESC_ATTR_MASK bits; P clear and selector null: unusable */
    uint32_t limit;             /* in bytes, inclusive, G already applied */
    uint64_t base;
    uint64_t r_lo, r_span;      /* reads */
    uint64_t w_lo, w_span;      /* writes */
} SegmentCache;
typedef struct DescTable { uint64_t base; uint32_t limit; } DescTable;

typedef union XmmReg {          /* 256 bits: the upper half is for AVX */
    uint8_t b[32]; uint16_t w[16]; uint32_t l[8]; uint64_t q[4]; float s[8]; double d[4];
} XmmReg;
typedef union FpReg {           /* 80-bit x87 register, or an MMX register in the significand */
    struct { uint64_t mant; uint16_t se; uint16_t pad[3]; };
    uint64_t mmx; uint8_t b[16];
} FpReg;

/* Lazy flags: what the last flag-setting operation was and its operands. */
typedef enum CcOp {
    CC_OP_EFLAGS,               /* cc_src holds the status flags themselves (CC_ALL positions); cc_dst unused */
    /* groups of four: byte, word, long, quad */
    CC_OP_ADDB, CC_OP_ADDW, CC_OP_ADDL, CC_OP_ADDQ,     /* dst = result, src = addend */
    CC_OP_ADCB, CC_OP_ADCW, CC_OP_ADCL, CC_OP_ADCQ,     /* dst = result, src = addend, src2 = carry in (0/1) */
    CC_OP_SUBB, CC_OP_SUBW, CC_OP_SUBL, CC_OP_SUBQ,     /* dst = result, src = subtrahend */
    CC_OP_SBBB, CC_OP_SBBW, CC_OP_SBBL, CC_OP_SBBQ,     /* dst = result, src = subtrahend, src2 = borrow in */
    CC_OP_LOGICB, CC_OP_LOGICW, CC_OP_LOGICL, CC_OP_LOGICQ, /* dst = result */
    /*
     * Over another operation, which keeps C: bits 15:8 of cc_op, result in cc_inc (docs/cpu-flags.md).
     * Alone: dst = result, src = C
     */
    CC_OP_INCB, CC_OP_INCW, CC_OP_INCL, CC_OP_INCQ,
    CC_OP_DECB, CC_OP_DECW, CC_OP_DECL, CC_OP_DECQ,
    CC_OP_SHLB, CC_OP_SHLW, CC_OP_SHLL, CC_OP_SHLQ,     /* dst = result, src = see docs/cpu-flags.md: packed C and O */
    CC_OP_SHRB, CC_OP_SHRW, CC_OP_SHRL, CC_OP_SHRQ,
    CC_OP_SARB, CC_OP_SARW, CC_OP_SARL, CC_OP_SARQ,
    CC_OP_MULB, CC_OP_MULW, CC_OP_MULL, CC_OP_MULQ,     /* dst = low half, src = nonzero if C=O=1 */
    CC_OP_BLSIB, CC_OP_BLSIW, CC_OP_BLSIL, CC_OP_BLSIQ,
    CC_OP__COUNT,
    CC_OP_DYNAMIC = 0xff,       /* translate time only: env->cc_op tells */
} CcOp;

/*
 * Mode key: everything besides the address that decides what code a block becomes. env->jit.mode_key holds
 * key | cs_base << 32 (cs_base is 0 in 64-bit mode) and is kept current by cpu_update_mode(), which every change of
 * the state below must call.
 */
#define MK_CPL_MASK   (3u << 0)
#define MK_CS32       (1u << 2)     /* CS.D */
#define MK_CS64       (1u << 3)     /* CS.L in long mode */
#define MK_SS32       (1u << 4)     /* SS.B (1 in 64-bit mode) */
#define MK_PE         (1u << 5)     /* protected mode, not vm86 */
#define MK_VM86       (1u << 6)
#define MK_LMA        (1u << 7)
#define MK_FLAT_DS    (1u << 8)     /* base 0, limit 4G, readable and writable: no checks, no base */
#define MK_FLAT_ES    (1u << 9)
#define MK_FLAT_SS    (1u << 10)
#define MK_FLAT_CS    (1u << 11)    /* base 0, limit 4G (for CS: fetch without checks; data reads still use checks) */
#define MK_TF         (1u << 12)    /* one instruction per block, then #DB */
#define MK_RF         (1u << 13)
#define MK_INHIBIT    (1u << 14)    /* interrupt shadow of STI/MOV SS at block start */
#define MK_IOPL_SHIFT 15            /* 2 bits */
#define MK_FPU_EM     (1u << 17)    /* CR0.EM */
#define MK_FPU_TS     (1u << 18)
#define MK_FPU_MP     (1u << 19)
#define MK_OSFXSR     (1u << 20)
#define MK_SMM        (1u << 21)
#define MK_SMAP       (1u << 22)    /* CR4.SMAP and EFLAGS.AC clear: supervisor data access uses MMU_KSMAP */
#define MK_DB         (1u << 23)    /* hardware breakpoints enabled: slow checks */
#define MK_AC         (1u << 24)    /* alignment check active: CR0.AM, AC, CPL 3 */
#define MK_PARALLEL   (1u << 25)    /* more than one vCPU: real atomics */
#define MK_SSE_EXC    (1u << 26)    /* MXCSR unmasks something: vector ops take the exact slow path */
#define MK_OSXSAVE    (1u << 27)    /* AVX usable */

enum { MMU_KERNEL, MMU_USER, MMU_KSMAP, MMU__COUNT };  /* MMU modes of the TLB */
_Static_assert(MMU__COUNT <= JIT_NB_MMU, "TLB modes");

typedef struct CpuModel CpuModel;

#define MONITOR_LINE 64

/* What MONITOR has set up and MWAIT sleeps for (halt.c). Own vCPU; not saved: a snapshot ends the wait. */
typedef struct CpuMonitor {
    bool armed;                     /* by MONITOR, until MWAIT */
    bool sleeping;                  /* if halted: by MWAIT */
    bool break_masked;              /* interrupts end it though IF is clear */
    hwaddr line;
    uint64_t seen[MONITOR_LINE / 8];
    int64_t nap_ns, end_ns;         /* the next nap; when the wait ends, CLOCK_RT */
} CpuMonitor;

/*
 * The head of the struct is what generated code touches most: offsets -128..127 around JIT_ENV_BIAS encode in one byte.
 */
struct CPUX86State {
    uint64_t regs[16];
    uint64_t eip;
    uint64_t cc_dst, cc_src, cc_src2;
    uint32_t cc_op;
    int32_t df;                     /* 1 or -1: what string instructions add */
    uint64_t cc_inc;                /* result of an INC or DEC after the operation in cc_op's low byte */
    CpuJit jit;                     /* exit request, mode key, TLB, jump cache: exec/cpu-jit.h */

    uint32_t eflags;                /* all but status flags and DF */
    SegmentCache segs[NUM_SEGS];
    DescTable gdt, idt;
    uint64_t cr0, cr2, cr3, cr4, efer, xcr0;
    uint64_t pdpte[4];              /* PAE: loaded with CR3 */
    uint64_t dr[8];
    uint64_t star, lstar, cstar, fmask, kernel_gs_base;
    uint32_t sysenter_cs; uint64_t sysenter_esp, sysenter_eip;
    uint64_t pat, tsc_aux, tsc_offset, tsc_adjust, misc_enable, mtrr_def_type, debugctl, smbase;
    uint64_t mtrr_fixed[11], mtrr_var[16];
    uint64_t mcg_cap, mcg_status, mcg_ctl, mce_banks[10 * 4];

    /* events */
    uint32_t interrupt_request;     /* CpuInterrupt bits, atomic */
    bool halted, wait_for_sipi, nmi_masked, in_smm;
    CpuMonitor monitor;
    uint8_t sipi_vector;
    uint32_t hflags_inhibit;        /* MK_INHIBIT, INHIBIT_MOV_SS: in force for the next instruction */
    int exception_index;            /* -1 none; set by raise functions before unwinding */
    uint32_t exception_error;
    bool exception_is_int; uint64_t exception_next_eip;
    int old_exception;              /* for double-fault detection while delivering */
    uint8_t pending_db;             /* DR6 bits for the #DB to raise at the end of this instruction */
    /* eip is at a repeated string instruction that has begun: images pushed now have RF */
    bool rep_interrupted;
    bool a20_masked;                /* A20 gate closed: bit 20 of physical addresses is forced to 0 */

    /* x87, SSE */
    FpReg fpregs[8] QEMU_ALIGNED(16);
    uint32_t fpstt;                 /* TOP */
    uint16_t fpus, fpuc;            /* status without TOP; control */
    uint8_t fptags[8];              /* 1 = empty, by physical register */
    uint64_t fpip, fpdp; uint16_t fpop, fpcs, fpds;
    uint32_t mxcsr;
    XmmReg xmm[16] QEMU_ALIGNED(32);
    /* behind xmm[], part of the same array for the back end: dead after an instruction */
    XmmReg vec_t0, vec_t1;
    uint64_t pkru;

    uint64_t a20_mask;              /* ~0 or ~(1 << 20) */
    uint32_t apic_id;
    const CpuModel *model;
    uint32_t features[32];          /* indexed by FEAT_* words, see models.h */
    VCpu *vcpu;
};
#define X86_VEC_TEMPS 2
#define X86_VEC_SLOTS (16 + X86_VEC_TEMPS)
_Static_assert(offsetof(CPUX86State, vec_t0) == offsetof(CPUX86State, xmm) + 16 * 32, "one array");
_Static_assert(offsetof(CPUX86State, regs) == 0, "generated code relies on it");

static inline CPUX86State *vcpu_env(VCpu *v) { return v->env; }
static inline unsigned cpu_cpl(const CPUX86State *env) { return env->jit.mode_key & MK_CPL_MASK; }
static inline bool cpu_code64(const CPUX86State *env) { return env->jit.mode_key & MK_CS64; }

/* ---- mode (mode.c) ---- */
void cpu_update_mode(CPUX86State *env);         /* recompute jit.mode_key from state; cheap, call after any change */
void cpu_seg_update_ranges(SegmentCache *sc, bool protected_mode);  /* r_lo.. from base/limit/attr */
void cpu_reset_state(CPUX86State *env);         /* power-up/RESET# */
extern const struct VMStateDescription vmstate_cpu;     /* x86_cpu_create() registers it */

/* ---- flags (flags.c) ---- */
uint32_t cpu_compute_status_flags(CPUX86State *env);    /* CC_ALL bits from the lazy state */
uint32_t cpu_compute_eflags(CPUX86State *env);          /* the whole EFLAGS image */

/* ---- exceptions (excp.c). All are called from helpers with guest state synced; they do not return. ---- */
QEMU_NORETURN void raise_exception(CPUX86State *env, int vector);               /* #UD, #DE, ... no error code */
QEMU_NORETURN void raise_exception_err(CPUX86State *env, int vector, uint32_t error);   /* #GP(err), ... */
QEMU_NORETURN void raise_page_fault(CPUX86State *env, vaddr addr, uint32_t error);
/* An access of size bytes is not aligned though it must be: #GP(0) for 16 bytes, else #AC(0). */
QEMU_NORETURN void raise_misaligned(CPUX86State *env, unsigned size);
/* An access at addr goes on behind FFFFFFFF, outside 64-bit mode: raises unless its segment makes that legal. */
void cpu_check_flat_wrap(CPUX86State *env, vaddr addr);
QEMU_NORETURN void raise_interrupt(CPUX86State *env, int vector, uint64_t next_eip);   /* INT n, INT3, INTO */
static inline bool addr_is_canonical(uint64_t a) { return (uint64_t)((int64_t)(a << 16) >> 16) == a; }
/*
 * Translated code goes to eip, which is not canonical: the fault of the jump, or of running into it. jit.host_pc is
 * set.
 */
QEMU_NORETURN void cpu_bad_jump(CPUX86State *env);
/* Execution loop's side. */
void cpu_deliver_exception(CPUX86State *env);           /* exception_index etc.; handles #DF and triple fault */
/* SMI, NMI, INTR, INIT, SIPI: true when state changed. Takes the big lock itself where needed */
bool cpu_process_interrupts(CPUX86State *env);
bool cpu_has_work(CPUX86State *env);                    /* would wake from HLT or MWAIT */
void cpu_halt(CPUX86State *env);                        /* HLT and what is like it; leaving the loop is the caller's */
/* MWAIT (halt.c). over: true when nothing keeps it waiting; end: the same, and the CPU is not halted any more. */
bool cpu_mwait_over(CPUX86State *env);
bool cpu_mwait_end(CPUX86State *env);
int64_t cpu_nap_ns(CPUX86State *env);                   /* how long a halted CPU may sleep without looking; 0: ever */
void cpu_do_interrupt(CPUX86State *env, int vector, bool is_int, bool is_hw, bool has_error, uint32_t error,
                      uint64_t next_eip);

/* ---- memory as helpers see it (exec/cpu-mem.h has the loads and stores) ---- */
typedef struct MmuResult { hwaddr phys; uint64_t page_size; uint8_t prot; bool global; } MmuResult;
#define PROT_R 1
#define PROT_W 2
#define PROT_X 4
typedef enum MmuAccess { MMU_LOAD, MMU_STORE, MMU_FETCH } MmuAccess;
/* Walks the page tables, sets A/D. true: *r filled. false: *error is the #PF error code. No side effects when probe. */
bool mmu_translate(CPUX86State *env, vaddr addr, MmuAccess access, int mmu_idx, bool probe, MmuResult *r,
                   uint32_t *error);
/* For the monitor: no A/D, no rights; -1 when unmapped. */
hwaddr mmu_debug_translate(CPUX86State *env, vaddr addr);
AddressSpace *cpu_address_space(CPUX86State *env);      /* memory, or SMM's */
int cpu_mmu_index(const CPUX86State *env);              /* for explicit data accesses now */

/*
 * Data breakpoints (debug.c): the slow path tells of accesses to pages that have one. Hits collect in pending_db until
 * the instruction ends.
 */
bool cpu_page_has_breakpoint(const CPUX86State *env, vaddr page);
void cpu_check_breakpoint_data(CPUX86State *env, vaddr addr, unsigned len, bool write);

/* ---- system (sysregs.c msr.c smm.c cpuid.c) ---- */
void cpu_write_cr0(CPUX86State *env, uint64_t v);       /* checks, #GP, flushes */
void cpu_write_cr3(CPUX86State *env, uint64_t v);
void cpu_write_cr4(CPUX86State *env, uint64_t v);
void cpu_enter_smm(CPUX86State *env);
void cpu_cpuid(CPUX86State *env, uint32_t leaf, uint32_t sub, uint32_t *eax, uint32_t *ebx, uint32_t *ecx,
               uint32_t *edx);
void cpu_dump_state(CPUX86State *env, FILE *f);         /* -d cpu_reset, triple-fault report, info registers */
void cpu_log_state(CPUX86State *env);                   /* into the log; x87 and SSE registers only with -d fpu */

/* ---- MXCSR (fpu-state.c): in translated code the host's has the guest's rounding, DAZ/FTZ and sticky flags ---- */
uint32_t mxcsr_get(CPUX86State *env);                   /* folds the host's sticky flags in; call from helpers */
void mxcsr_set(CPUX86State *env, uint32_t v);           /* v checked by the caller */

#endif
