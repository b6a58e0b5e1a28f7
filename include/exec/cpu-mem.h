/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest-linear loads and stores for helpers: through the software TLB, with faults as exceptions of the running
 * instruction (they unwind, eip restored from jit.host_pc). mmu_idx says whose rights. Little endian. Own vCPU thread
 * only.
 */
#ifndef EXEC_CPU_MEM_H
#define EXEC_CPU_MEM_H

#include "exec/cpu-jit.h"

typedef struct CPUX86State CPUX86State;

uint64_t cpu_ld(CPUX86State *env, vaddr addr, unsigned size, int mmu_idx);      /* size 1, 2, 4, 8; zero extended */
void cpu_st(CPUX86State *env, vaddr addr, uint64_t val, unsigned size, int mmu_idx);
/* any length <= 4096; faults before reading is not promised */
void cpu_ld_bytes(CPUX86State *env, vaddr addr, void *buf, unsigned len, int mmu_idx);
void cpu_st_bytes(CPUX86State *env, vaddr addr, const void *buf, unsigned len, int mmu_idx);
/*
 * Checks that [addr, addr+len) may be accessed (len <= 4096, may cross one page), raising the fault if not. write: for
 * writing.
 */
void cpu_probe(CPUX86State *env, vaddr addr, unsigned len, bool write, int mmu_idx);
/*
 * Host pointer to [addr, addr+len) when it lies in one page of plain RAM that may be accessed so without side effects
 * (no I/O, no code page when writing); NULL otherwise (the caller goes element by element). Faults as cpu_probe.
 */
void *cpu_host_ptr(CPUX86State *env, vaddr addr, unsigned len, bool write, int mmu_idx);
/* Instruction bytes at a linear address, for the decoder: raises the fetch fault. Own vCPU, translating. */
uint8_t cpu_fetch_byte(CPUX86State *env, vaddr addr);
/* The same for all of the page: NULL when it is not RAM. It may be executable and not readable. */
const uint8_t *cpu_fetch_page(CPUX86State *env, vaddr addr);

/* TLB maintenance. Own vCPU thread (others: vcpu_run_on). */
void tlb_flush(CPUX86State *env);                       /* everything, and the jump cache */
void tlb_flush_nonglobal(CPUX86State *env);
void tlb_flush_page(CPUX86State *env, vaddr addr);

#endif
