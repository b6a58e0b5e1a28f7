/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest CPU without an execution loop, for unit tests of target-i386/: 16 MiB of RAM, and faults() to run a helper
 * and see which exception it raises. The functions of cpu-exec.c are replaced here. Include in one file per program.
 */
#ifndef TESTS_UNIT_GUEST_CPU_H
#define TESTS_UNIT_GUEST_CPU_H

#include <setjmp.h>
#include "exec/cpu-exec.h"
#include "exec/cpu-mem.h"
#include "exec/memory.h"
#include "exec/translate-all.h"
#include "hw/core/device.h"
#include "qemu/main-loop.h"
#include "target-i386/cpu.h"
#include "target-i386/helper-fpu.h"
#include "target-i386/helper.h"
#include "target-i386/models.h"
#include "target-i386/seg.h"
#include "target-i386/sysregs.h"

static CPUX86State *env;
static VCpu test_vcpu;
static uint8_t *ram;
static sigjmp_buf unwind;

#define NO_FAULT (-1)
#define LOOP_EXIT (-2)      /* the helper left without an exception */

/* ---- in place of cpu-exec.c ---- */

int cpu_exec(CPUX86State *e) { return EXCP_INTERRUPT; }
void cpu_loop_exit(CPUX86State *e) { siglongjmp(unwind, 1); }
void cpu_loop_exit_restore(CPUX86State *e) { siglongjmp(unwind, 1); }
void cpu_restore_eip(CPUX86State *e) { }
void cpu_request_exit(CPUX86State *e) { }

/* ---- running helpers ---- */

static inline int raised_vector(void)
{
    int vector = env->exception_index;

    env->exception_index = -1;
    return vector >= 0 ? vector : LOOP_EXIT;
}

/* The vector a statement raises, NO_FAULT when it returns. exception_error has the error code. */
#define FAULT_OF(statement) \
    (env->exception_index = -1, env->exception_error = 0, \
     sigsetjmp(unwind, 0) ? raised_vector() : ({ statement; NO_FAULT; }))
#define assert_faults(statement, vector, error) do {            \
    g_assert_cmpint(FAULT_OF(statement), ==, (vector));         \
    g_assert_cmphex(env->exception_error, ==, (error));         \
} while (0)
#define assert_works(statement) g_assert_cmpint(FAULT_OF(statement), ==, NO_FAULT)

/* ---- state ---- */

#define FLAT_DATA (DESC_G | DESC_B | DESC_P | DESC_S | DESC_W | DESC_A)
#define FLAT_CODE (DESC_G | DESC_B | DESC_P | DESC_S | DESC_CODE | DESC_R | DESC_A)
#define CODE64    (DESC_G | DESC_L | DESC_P | DESC_S | DESC_CODE | DESC_R | DESC_A)
#define DPL(n)    ((uint32_t)(n) << DESC_DPL_SHIFT)

static inline void poke32(uint32_t addr, uint32_t v) { store_le32(ram + addr, v); }
static inline void poke64(uint32_t addr, uint64_t v) { store_le64(ram + addr, v); }
static inline uint32_t peek32(uint32_t addr) { return load_le32(ram + addr); }
static inline uint64_t peek64(uint32_t addr) { return load_le64(ram + addr); }

#define GDT 0x1000u
#define IDT 0x2000u

/* The descriptor of selector sel; limit as in memory (20 bits). */
static inline void put_desc(uint16_t sel, uint32_t base, uint32_t limit, uint32_t attr)
{
    poke32(GDT + (sel & ~7), (limit & 0xffff) | base << 16);
    poke32(GDT + (sel & ~7) + 4, (base >> 16 & 0xff) | (base & 0xff000000) | (limit & 0xf0000) | attr);
}

/* Power-up state of a model with the RAM cleared. */
static void guest_reset(const char *model)
{
    const CpuModel *m = model_parse(model, &error_abort);

    memset(ram, 0, 1 << 20);
    env->model = m;
    memcpy(env->features, m->features, sizeof(m->features));
    env->a20_mask = ~0ull;
    env->vcpu = &test_vcpu;
    cpu_reset_state(env);
}

/* 32-bit protected mode, flat, level 0, no paging: CS 8, data 10h, user code 1Bh, user data 23h, TSS 28h. */
static inline void guest_protected(void)
{
    put_desc(0x08, 0, 0xfffff, FLAT_CODE);
    put_desc(0x10, 0, 0xfffff, FLAT_DATA);
    put_desc(0x18, 0, 0xfffff, FLAT_CODE | DPL(3));
    put_desc(0x20, 0, 0xfffff, FLAT_DATA | DPL(3));
    put_desc(0x28, 0x3000, 0x67, DESC_P | SYS_TSS32 << DESC_TYPE_SHIFT);
    env->gdt = (DescTable) { GDT, 0xff };
    env->idt = (DescTable) { IDT, 0x7ff };
    env->cr0 |= CR0_PE;
    cpu_update_all_ranges(env);
    seg_set(env, R_CS, 0x08, 0, 0xffffffff, FLAT_CODE);
    seg_set(env, R_SS, 0x10, 0, 0xffffffff, FLAT_DATA);
    seg_set(env, R_DS, 0x10, 0, 0xffffffff, FLAT_DATA);
    seg_set(env, R_ES, 0x10, 0, 0xffffffff, FLAT_DATA);
    cpu_update_mode(env);
    poke32(0x3004, 0x9000);     /* ESP0 */
    poke32(0x3008, 0x10);       /* SS0 */
    helper_ltr(env, 0x28);
    env->regs[R_ESP] = 0x8000;
    env->eip = 0x4000;
}

/* 64-bit mode on 2 MiB identity pages of the first 16 MiB. */
static inline void guest_long(void)
{
    guest_protected();
    put_desc(0x08, 0, 0xfffff, CODE64);
    put_desc(0x18, 0, 0xfffff, CODE64 | DPL(3));
    poke64(0x10000, 0x11007);
    poke64(0x11000, 0x12007);
    for (unsigned i = 0; i < 8; i++) {
        poke64(0x12000 + i * 8, i << 21 | 0x87);
    }
    env->cr4 = CR4_PAE;
    env->cr3 = 0x10000;
    env->cr0 |= CR0_PG;
    env->efer = EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE;
    seg_set(env, R_CS, 0x08, 0, 0xffffffff, CODE64);
    poke64(0x3004, 0x9000);     /* RSP0 */
    poke64(0x3024, 0xa000);     /* IST1 */
    tlb_flush(env);
    cpu_update_mode(env);
}

static inline void guest_user(uint16_t cs, uint16_t ss)
{
    env->segs[R_CS].selector = cs;
    env->segs[R_CS].attr |= DPL(3);
    env->segs[R_SS].selector = ss;
    env->segs[R_SS].attr |= DPL(3);
    cpu_update_mode(env);
}

static void guest_init(void)
{
    static MemoryRegion region;

    g_assert_true(main_loop_init(&error_abort));
    memory_init();
    g_assert_true(memory_region_init_ram(&region, NULL, "ram", 16 * MiB, &error_abort));
    memory_region_add(get_system_memory(), 0, &region, 0);
    ram = memory_region_ram_ptr(&region);
    env = g_aligned_alloc0(1, ROUND_UP(sizeof(*env), 4096), 4096);
    test_vcpu.env = env;
    smp_cpus = 1;
}

#endif
