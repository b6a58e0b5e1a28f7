/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A CPU state and nothing around it, for unit tests of helpers that compute: guest addresses are host pointers, the
 * mode is 64-bit, and FAULT_OF() says which exception a statement raises. What the helpers call outside of themselves
 * is replaced here. Include in one file per program; tests that need paging or segments take guest-cpu.h.
 */
#ifndef TESTS_UNIT_BARE_CPU_H
#define TESTS_UNIT_BARE_CPU_H

#include <setjmp.h>
#include "exec/cpu-mem.h"
#include "target-i386/helper-fpu.h"

static CPUX86State *env;
static int raised;                      /* the last exception's vector; -1: none */
static bool catching;
static jmp_buf unwind;
static unsigned ferr_count QEMU_UNUSED; /* how often FERR# was raised */

/* The vector a statement raises, -1 when it returns. */
#define FAULT_OF(statement) ({                      \
    raised = -1;                                    \
    catching = true;                                \
    if (!setjmp(unwind)) {                          \
        statement;                                  \
    }                                               \
    catching = false;                               \
    raised;                                         \
})

QEMU_NORETURN void raise_exception(CPUX86State *e QEMU_UNUSED, int vector)
{
    if (!catching) {
        g_error("unexpected exception %d", vector);
    }
    raised = vector;
    longjmp(unwind, 1);
}

QEMU_NORETURN void raise_exception_err(CPUX86State *e, int vector, uint32_t error QEMU_UNUSED)
{
    raise_exception(e, vector);
}

void cpu_update_mode(CPUX86State *e) { e->jit.mode_key = MK_CS64 | MK_PE | fpu_mode_bits(e); }

uint64_t cpu_ld(CPUX86State *e QEMU_UNUSED, vaddr addr, unsigned size, int idx QEMU_UNUSED)
{
    uint64_t v = 0;

    memcpy(&v, (void *)(uintptr_t)addr, size);
    return v;
}

void cpu_st(CPUX86State *e QEMU_UNUSED, vaddr addr, uint64_t val, unsigned size, int idx QEMU_UNUSED)
{
    memcpy((void *)(uintptr_t)addr, &val, size);
}

void cpu_ld_bytes(CPUX86State *e QEMU_UNUSED, vaddr addr, void *buf, unsigned len, int idx QEMU_UNUSED)
{
    memcpy(buf, (void *)(uintptr_t)addr, len);
}

void cpu_st_bytes(CPUX86State *e QEMU_UNUSED, vaddr addr, const void *buf, unsigned len, int idx QEMU_UNUSED)
{
    memcpy((void *)(uintptr_t)addr, buf, len);
}

void cpu_probe(CPUX86State *e QEMU_UNUSED, vaddr addr QEMU_UNUSED, unsigned len QEMU_UNUSED, bool write QEMU_UNUSED,
               int idx QEMU_UNUSED)
{
}

void tlb_flush(CPUX86State *e QEMU_UNUSED) { }
void x86_board_ferr(bool level) { ferr_count += level; }
void big_lock(void) { }
void big_unlock(void) { }
bool big_lock_held(void) { return false; }

static inline void bare_cpu_init(void)
{
    env = g_aligned_alloc0(1, sizeof(*env), 64);
    cpu_update_mode(env);
}

#endif
