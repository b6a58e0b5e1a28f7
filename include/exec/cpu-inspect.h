/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest CPU looked at from outside: monitor, debugger. In the vCPU's own thread (vcpu_run_on()) or while it stands;
 * nothing here changes it or takes part in translation.
 */
#ifndef EXEC_CPU_INSPECT_H
#define EXEC_CPU_INSPECT_H

#include "qemu/osdep.h"

typedef struct CPUX86State CPUX86State;

/* Registers by the names assemblers use, and pc, flags, fs_base. False: there is none of that name. */
bool cpu_inspect_register(CPUX86State *env, const char *name, uint64_t *value);
/* 16, 32 or 64: how the code at CS:EIP is decoded. */
unsigned cpu_inspect_code_bits(CPUX86State *env);
/* Linear memory, through the page tables, without rights and without effects. False when a page of it is not mapped. */
bool cpu_inspect_read(CPUX86State *env, uint64_t addr, void *buf, size_t len);
bool cpu_inspect_translate(CPUX86State *env, uint64_t addr, hwaddr *phys);
/* info tlb: each mapped page; info mem: ranges of equal rights. Long lists are cut with a line that says so. */
void cpu_inspect_tlb(CPUX86State *env, GString *out);
void cpu_inspect_mem(CPUX86State *env, GString *out);

#endif
