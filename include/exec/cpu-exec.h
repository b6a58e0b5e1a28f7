/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The execution loop of one vCPU, and the request that makes it leave. */
#ifndef EXEC_CPU_EXEC_H
#define EXEC_CPU_EXEC_H

#include "qemu/osdep.h"

typedef struct CPUX86State CPUX86State;

/* Results of cpu_exec. EXCP_ATOMIC: the next instruction wants cpu_exec_exclusive(). */
enum { EXCP_INTERRUPT = 0x10000, EXCP_HLT, EXCP_DEBUG, EXCP_HALTED, EXCP_ATOMIC };

/* Runs until something outside translated code must happen. Own vCPU thread, big lock NOT held. */
int cpu_exec(CPUX86State *env);
/* One instruction in an exclusive section. Own vCPU thread. */
void cpu_exec_exclusive(CPUX86State *env);
/*
 * From helpers: the instruction must be atomic and cannot be while others run. It starts again, alone; MK_PARALLEL is
 * then clear.
 */
__attribute__((noreturn)) void cpu_restart_exclusive(CPUX86State *env);
/*
 * From helpers: unwinds to cpu_exec. The guest state was synced by the call; restore: also eip, from the helper's
 * return address.
 */
__attribute__((noreturn)) void cpu_loop_exit(CPUX86State *env);
__attribute__((noreturn)) void cpu_loop_exit_restore(CPUX86State *env);
/*
 * Sets env->eip to the instruction of the running helper (from jit.host_pc). Helpers that read eip without raising call
 * it.
 */
void cpu_restore_eip(CPUX86State *env);
/* Any thread. */
void cpu_request_exit(CPUX86State *env);

#endif
