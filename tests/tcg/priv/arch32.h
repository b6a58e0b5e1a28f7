/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 32-bit test kernel: its selectors, task state and page tables. */
#ifndef ARCH32_H
#define ARCH32_H

#include "boot.h"

enum { CODE = 0x08, DATA = 0x10, USER_CODE = 0x1b, USER_DATA = 0x23, CODE16 = 0x28, DATA16 = 0x30, TSS_SEL = 0x40,
       CODE1 = 0x59, DATA1 = 0x61 };

/* SDM vol. 3A, "Task-State Segment (TSS)", and the 16-bit form. */
typedef struct __attribute__((packed)) Tss32 {
    uint32_t link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags, eax, ecx, edx, ebx, esp, ebp, esi, edi;
    uint32_t es, cs, ss, ds, fs, gs, ldt;
    uint16_t trap, iomap;
    uint8_t redirection[32], bitmap[8193];
} Tss32;
typedef struct __attribute__((packed)) Tss16 {
    uint16_t link, sp0, ss0, sp1, ss1, sp2, ss2, ip, flags, ax, cx, dx, bx, sp, bp, si, di, es, cs, ss, ds, ldt;
} Tss16;
extern Tss32 tss;
/* Makes the kernel's task the current one again, whatever a test left. */
void task_reset(void);
extern uint8_t user_stack[4096];

/* How user code, or a vm86 task, begins. */
typedef struct UserState {
    uint32_t ax, bx, cx, dx, si, di, bp, sp, unused, ip, flags, cs, ss, ds, es, fs, gs;
} UserState;
void enter_state(const UserState *u) __attribute__((noreturn));
extern UserState user;
/* Flat segments of level 3, a stack, no interrupts. */
void user_reset(void);
/* Runs user.ip until the exception that brings it back. */
#define RUN_USER() CATCH(enter_state(&user))

/* A piece of code for a level of its own; it ends with INT 80h. */
#define USER_CODE_AT(name, text) __asm__(".text\n" MARK(name) text "\n\tint $0x80\n")
#define CODE16_AT(name, text) __asm__(".text\n.code16\n" MARK(name) text "\n\tint $0x80\n.code32\n")

bool cpu_has(uint32_t leaf, unsigned reg, unsigned bit);
/* Page-aligned memory for tests: 16 pages, in none of the kernel's 4 MiB when paging is two-level. */
extern uint8_t test_memory[16][4096];
#define PHYS(p) ((uint32_t)(uintptr_t)(p))

#endif
