/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Control registers as sysregs.c, msr.c and smm.c share them. Own vCPU thread. */
#ifndef TARGET_I386_SYSREGS_H
#define TARGET_I386_SYSREGS_H

#include "target-i386/cpu.h"

bool cpu_write_efer(CPUX86State *env, uint64_t v);      /* WRMSR's rules; false: #GP */
uint64_t cpu_cr4_reserved(const CPUX86State *env);      /* bits this model does not have */
uint64_t cpu_efer_valid(const CPUX86State *env);        /* writable bits besides LMA */
uint64_t cpu_xcr0_valid(const CPUX86State *env);
void cpu_update_all_ranges(CPUX86State *env);           /* after CR0.PE or EFLAGS.VM changed */
/* Loads the PAE page-directory pointers; false when a present one has reserved bits, nothing changed then. */
bool cpu_load_pdptes(CPUX86State *env, uint64_t cr3);
uint64_t cpu_tsc(CPUX86State *env);                     /* RDTSC's value */
/* MSRs without the instruction around them; false: #GP. */
bool cpu_rdmsr(CPUX86State *env, uint32_t index, uint64_t *val);
bool cpu_wrmsr(CPUX86State *env, uint32_t index, uint64_t val);

#endif
