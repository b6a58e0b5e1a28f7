/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 32-bit test kernel: tables, the task, user level. */
#include "arch32.h"

void arch_init(void);

Tss32 tss __attribute__((aligned(16)));
static uint8_t interrupt_stack[8192] __attribute__((aligned(16)));
uint8_t user_stack[4096] __attribute__((aligned(4096)));
uint8_t test_memory[16][4096] __attribute__((aligned(4096)));
UserState user;

bool cpu_has(uint32_t leaf, unsigned reg, unsigned bit)
{
    return cpuid_word(leaf & 0x80000000, 0) >= leaf && (cpuid_word(leaf, reg) >> bit & 1);
}

/* The gate of a vector; ist has no meaning here. */
void idt_set(unsigned vector, unsigned selector, Word offset, unsigned access, unsigned ist)
{
    (void)ist;
    idt_table[vector] = (offset & 0xffff) | (uint64_t)selector << 16 | (uint64_t)access << 40 |
                        (uint64_t)(offset >> 16) << 48;
}

void task_reset(void)
{
    gdt_table[TSS_SEL / 8] = descriptor(PHYS(&tss), sizeof(tss) - 1, 0x89, 0);
    tss.ss0 = DATA;
    tss.esp0 = (Word)(uintptr_t)(interrupt_stack + sizeof(interrupt_stack));
    tss.ss1 = DATA1;
    tss.esp1 = (Word)(uintptr_t)(interrupt_stack + 2048);
    tss.iomap = offsetof(Tss32, bitmap);
    memset(tss.redirection, 0xff, sizeof(tss.redirection));
    memset(tss.bitmap, 0xff, sizeof(tss.bitmap));
    write_flags(2);
    __asm__ volatile("ltr %w0; lldt %w1; clts" : : "r"(TSS_SEL), "r"(0));
}

void arch_init(void)
{
    gdt_table[1] = descriptor(0, 0xfffff, 0x9b, 12);
    gdt_table[2] = descriptor(0, 0xfffff, 0x93, 12);
    gdt_table[3] = descriptor(0, 0xfffff, 0xfb, 12);
    gdt_table[4] = descriptor(0, 0xfffff, 0xf3, 12);
    gdt_table[5] = descriptor(0, 0xffff, 0x9b, 0);
    gdt_table[6] = descriptor(0, 0xffff, 0x93, 0);
    gdt_table[11] = descriptor(0, 0xfffff, 0xbb, 12);
    gdt_table[12] = descriptor(0, 0xfffff, 0xb3, 12);
    gdt_load(GDT_ENTRIES);
    idt_load(256 * 8 - 1);
    __asm__ volatile("ljmp $8, $1f; 1: mov %w0, %%ds; mov %w0, %%es; mov %w0, %%ss; mov %w1, %%fs; mov %w1, %%gs"
                     : : "r"(DATA), "r"(0) : "memory");
    task_reset();
    user_reset();
}

void user_reset(void)
{
    memset(&user, 0, sizeof(user));
    user.cs = USER_CODE;
    user.ss = user.ds = user.es = USER_DATA;
    user.sp = (Word)(uintptr_t)(user_stack + sizeof(user_stack) - 64);
    user.flags = 2;
}

void enter_user(Word ip, Word sp, Word flags)
{
    user_reset();
    user.ip = ip;
    user.sp = sp;
    user.flags = flags;
    enter_state(&user);
}

int run_user(const void *code, Word flags)
{
    return CATCH(enter_user((Word)(uintptr_t)code, (Word)(uintptr_t)(user_stack + sizeof(user_stack) - 64), flags | 2));
}
