/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System helpers that translated code calls: one row each, and from the rows the prototypes and the IrHelper
 * descriptors (helper_NAME is the C function, ir_helper_NAME its descriptor).
 *
 *   H(name, return, flags, arguments after env)         types: i32 -> uint32_t, i64 -> uint64_t, void
 *
 * "next" arguments are the EIP after the instruction. A helper marked RAISES unwinds on a fault with the state of the
 * instruction's start. Those that change modes or transfer control set env->eip and update the mode; the translator
 * ends the block after them with ir_exit_loop() (or, where marked JUMP, may look up the next block at once).
 */
#ifndef TARGET_I386_HELPER_SYS_H
#define TARGET_I386_HELPER_SYS_H

/* How the instruction that ended began, and whether it was a taken transfer. */
enum { STEP_TF = 1, STEP_BRANCH = 2 };

#define HELPERS_SYS(H)                                                                                        \
    /* exceptions and interrupts */                                                                           \
    H(raise, void, RAISES | IR_CALL_NORETURN, i32 /*vector*/)                                                 \
    H(raise_err, void, RAISES | IR_CALL_NORETURN, i32 /*vector*/, i32 /*error*/)                              \
    /* INT n: vm86, IOPL and gate checks inside */                                                            \
    H(int, void, RAISES | IR_CALL_NORETURN, i32 /*vector*/, i64 /*next*/)                                     \
    H(int3, void, RAISES | IR_CALL_NORETURN, i64 /*next*/)                                                    \
    H(into, void, RAISES | IR_CALL_WRITES, i64 /*next*/)                          /* raises when O */         \
    H(icebp, void, RAISES | IR_CALL_NORETURN, i64 /*next*/)                                                   \
    H(bound, void, RAISES, i32 /*size*/, i64 /*index, sign extended*/, i64 /*linear address of the pair*/)    \
    H(single_step, void, RAISES | IR_CALL_WRITES, i64 /*next*/, i32 /*STEP_*/) /* with TF or breakpoints */ \
    H(insn_breakpoint, void, RAISES, i64 /*eip*/)                                 /* MK_DB: before each instruction */ \
    /* far transfers; opsize 2, 4, 8 */                                                                       \
    H(far_jmp, void, RAISES | IR_CALL_WRITES, i32 /*sel*/, i64 /*off*/, i32 /*opsize*/, i64 /*next*/)         \
    H(far_call, void, RAISES | IR_CALL_WRITES, i32 /*sel*/, i64 /*off*/, i32 /*opsize*/, i64 /*next*/)        \
    H(far_ret, void, RAISES | IR_CALL_WRITES, i32 /*opsize*/, i32 /*bytes to release*/)                       \
    H(iret, void, RAISES | IR_CALL_WRITES, i32 /*opsize*/, i64 /*next*/)                                      \
    H(syscall, void, RAISES | IR_CALL_WRITES, i64 /*next*/)                                                   \
    H(sysret, void, RAISES | IR_CALL_WRITES, i32 /*rex.w*/)                                                   \
    H(sysenter, void, RAISES | IR_CALL_WRITES)                                                                \
    H(sysexit, void, RAISES | IR_CALL_WRITES, i32 /*rex.w*/)                                                  \
    H(rsm, void, RAISES | IR_CALL_WRITES)                                                                     \
    /* checks CPL; leaves to the loop; does not return */                                                     \
    H(hlt, void, RAISES | IR_CALL_WRITES, i64 /*next*/)                                                       \
    H(mwait, void, RAISES | IR_CALL_WRITES, i64 /*next*/)                                                     \
    H(monitor, void, RAISES, i64 /*linear address*/)                                                          \
    H(pause, void, WRITES, i64 /*next*/)                                          /* yields when it makes sense */ \
    /* segments; seg is R_ES.. */                                                                             \
    /* MOV/POP/LxS to ES SS DS FS GS, any mode */                                                             \
    H(load_seg, void, RAISES | IR_CALL_WRITES, i32 /*seg*/, i32 /*sel*/)                                      \
    H(lldt, void, RAISES | IR_CALL_WRITES, i32) H(ltr, void, RAISES | IR_CALL_WRITES, i32)                    \
    /* result; sets Z in the lazy flags */                                                                    \
    H(lar, i64, RAISES | IR_CALL_WRITES, i32 /*sel*/, i64 /*old dst*/)                                        \
    H(lsl, i64, RAISES | IR_CALL_WRITES, i32 /*sel*/, i64 /*old dst*/)                                        \
    H(verr, void, RAISES | IR_CALL_WRITES, i32) H(verw, void, RAISES | IR_CALL_WRITES, i32)                   \
    H(arpl, i32, WRITES, i32 /*dst*/, i32 /*src*/)                               /* new dst; sets Z */        \
    H(lgdt, void, RAISES | IR_CALL_WRITES, i64 /*base*/, i32 /*limit*/)                                       \
    H(lidt, void, RAISES | IR_CALL_WRITES, i64 /*base*/, i32 /*limit*/)                                       \
    /* an inline check failed: #GP(0) or #SS(0) */                                                            \
    H(seg_fault, void, RAISES | IR_CALL_NORETURN, i32 /*seg*/)                                                \
    H(check_umip, void, RAISES)                                                  /* SGDT SIDT SLDT STR SMSW */ \
    H(check_cpl0, void, RAISES)                                                                               \
    /* registers */                                                                                           \
    H(read_cr, i64, RAISES | IR_CALL_READS, i32 /*n, valid*/)                    /* CPL checked inside */      \
    H(write_cr, void, RAISES | IR_CALL_WRITES, i32 /*n*/, i64)                                                \
    H(read_dr, i64, RAISES | IR_CALL_READS, i32) H(write_dr, void, RAISES | IR_CALL_WRITES, i32, i64)         \
    H(lmsw, void, RAISES | IR_CALL_WRITES, i32) H(clts, void, RAISES | IR_CALL_WRITES)                        \
    H(rdmsr, void, RAISES | IR_CALL_WRITES) H(wrmsr, void, RAISES | IR_CALL_WRITES)     /* ECX, EDX:EAX in env */ \
    H(rdtsc, void, RAISES | IR_CALL_WRITES) H(rdtscp, void, RAISES | IR_CALL_WRITES)                          \
    H(rdpmc, void, RAISES | IR_CALL_WRITES)                                                                   \
    H(rdpid, i64, RAISES)                                                                                     \
    H(cpuid, void, WRITES)                                                                                    \
    H(xgetbv, void, RAISES | IR_CALL_WRITES) H(xsetbv, void, RAISES | IR_CALL_WRITES)                         \
    H(rdpkru, void, RAISES | IR_CALL_WRITES) H(wrpkru, void, RAISES | IR_CALL_WRITES)                         \
    H(swapgs, void, RAISES | IR_CALL_WRITES)                                                                  \
    H(rdfsgsbase, i64, RAISES, i32 /*seg*/) H(wrfsgsbase, void, RAISES | IR_CALL_WRITES, i32 /*seg*/, i64)    \
    H(invlpg, void, RAISES | IR_CALL_WRITES, i64 /*linear*/)                                                  \
    H(invpcid, void, RAISES | IR_CALL_WRITES, i64 /*type*/, i64 /*linear address of the descriptor*/)         \
    H(wbinvd, void, RAISES)                                                                                   \
    /* flags; the image is EFLAGS low 32 bits */                                                              \
    /* PUSHF's image, VM and RF clear, no checks */                                                           \
    H(read_eflags, i32, READS)                                                                                \
    H(pushf_check, void, RAISES)                                                 /* vm86 with IOPL < 3 */      \
    H(popf, void, RAISES | IR_CALL_WRITES, i64 /*value*/, i32 /*opsize*/)        /* CPL, IOPL, vm86 rules */  \
    H(cli, void, RAISES | IR_CALL_WRITES) H(sti, void, RAISES | IR_CALL_WRITES) /* STI: also starts the shadow */ \
    H(clac_stac, void, RAISES | IR_CALL_WRITES, i32 /*1: STAC*/)                                              \
    /* ports; size 1, 2, 4. check: IOPL and bitmap, raises #GP */                                             \
    H(check_io, void, RAISES, i32 /*port*/, i32 /*size*/)                                                     \
    H(in, i32, RAISES | IR_CALL_WRITES, i32 /*port*/, i32 /*size*/)                                           \
    H(out, void, RAISES | IR_CALL_WRITES, i32 /*port*/, i32 /*size*/, i32 /*value*/)                          \
    /* random */                                                                                              \
    H(rdrand, i64, WRITES, i32 /*size*/)                                         /* value; flags C=1, others 0 */

#endif
