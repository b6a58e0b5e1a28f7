/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 64-bit test kernel: tables, user level, processors. */
#include "arch64.h"

void arch_init(void);
void ap_main(unsigned cpu);

Tss64 tss __attribute__((aligned(16)));
static uint8_t interrupt_stack[8192] __attribute__((aligned(16)));
static uint8_t fault_stack[8192] __attribute__((aligned(16)));   /* of faults that may have no stack: IST 1 */
uint8_t user_stack[4096] __attribute__((aligned(4096)));
uint64_t test_pt[512] __attribute__((aligned(4096))), test_pd[512] __attribute__((aligned(4096)));
uint8_t test_memory[16][4096] __attribute__((aligned(4096)));
static uint64_t apic_pd[512] __attribute__((aligned(4096)));

bool cpu_has(uint32_t leaf, unsigned reg, unsigned bit)
{
    uint32_t r[4];

    cpuid(leaf & 0x80000000, 0, r);
    return r[0] >= leaf && (cpuid_word(leaf, reg) >> bit & 1);
}

unsigned phys_bits(void)
{
    return cpuid_word(0x80000008, 0) & 0xff;
}

/* ---- tables ---- */

unsigned gdt_set_system(unsigned n, uint64_t base, uint32_t limit, unsigned access)
{
    unsigned sel = gdt_set(n, descriptor((uint32_t)base, limit, access, 0));

    gdt_set(n + 1, base >> 32);
    return sel;
}

void idt_set(unsigned vector, unsigned selector, Word offset, unsigned access, unsigned ist)
{
    idt_table[vector * 2] = (offset & 0xffff) | (uint64_t)selector << 16 | (uint64_t)ist << 32 |
                            (uint64_t)access << 40 | (offset >> 16 & 0xffff) << 48;
    idt_table[vector * 2 + 1] = offset >> 32;
}

void pages_reset(void)
{
    memset(test_pt, 0, sizeof(test_pt));
    memset(test_pd, 0, sizeof(test_pd));
    memset(test_memory, 0, sizeof(test_memory));
    test_pd[0] = PHYS(test_pt) | PTE_P | PTE_W | PTE_U;
    boot_pdpt[1] = PHYS(test_pd) | PTE_P | PTE_W | PTE_U;
    flush_tlb();
}

volatile uint8_t *page_map(unsigned n, uint64_t phys, uint64_t bits)
{
    uint8_t *va = (uint8_t *)TEST_VA + n * 4096ull;

    test_pt[n] = phys | bits;
    invlpg(va);
    return va;
}

void arch_init(void)
{
    gdt_table[1] = descriptor(0, 0xfffff, 0x9b, 10);
    gdt_table[2] = descriptor(0, 0xfffff, 0x93, 12);
    gdt_table[3] = descriptor(0, 0xfffff, 0x9b, 12);
    gdt_table[4] = descriptor(0, 0xfffff, 0xfb, 12);
    gdt_table[5] = descriptor(0, 0xfffff, 0xf3, 12);
    gdt_table[6] = descriptor(0, 0xfffff, 0xfb, 10);
    gdt_table[8] = descriptor((uint32_t)PHYS(&tss), sizeof(tss) - 1, 0x89, 0);
    gdt_table[9] = PHYS(&tss) >> 32;
    tss.rsp[0] = (Word)(uintptr_t)(interrupt_stack + sizeof(interrupt_stack));
    tss.ist[0] = (Word)(uintptr_t)(fault_stack + sizeof(fault_stack));
    tss.iomap = offsetof(Tss64, bitmap);
    memset(tss.bitmap, 0xff, sizeof(tss.bitmap));
    gdt_load(GDT_ENTRIES);
    idt_load(sizeof(idt_table) - 1);
    __asm__ volatile("ltr %w0; lldt %w1" : : "r"(TSS_SEL), "r"(0));
    /* the local APIC's page, uncached, 2 MiB */
    apic_pd[(APIC_BASE >> 21) & 511] = (APIC_BASE & ~0x1fffffull) | PTE_P | PTE_W | PTE_PS | 0x18;
    boot_pdpt[3] = PHYS(apic_pd) | PTE_P | PTE_W;
    pages_reset();
}

/* ---- user level ---- */

void enter_user(Word ip, Word sp, Word flags)
{
    __asm__ volatile("push %0; push %1; push %2; push %3; push %4; iretq"
                     : : "i"(USER_DATA), "r"(sp), "r"(flags), "i"(USER_CODE64), "r"(ip) : "memory");
    __builtin_unreachable();
}

int run_user(const void *code, Word flags)
{
    return CATCH(enter_user((Word)(uintptr_t)USER(code), (Word)(uintptr_t)USER(user_stack + sizeof(user_stack) - 64),
                            flags | 2));
}

/* ---- processors ---- */

uint32_t apic_read(unsigned reg)
{
    return *(volatile uint32_t *)(APIC_BASE + reg);
}

void apic_write(unsigned reg, uint32_t v)
{
    *(volatile uint32_t *)(APIC_BASE + reg) = v;
}

void apic_enable(void)
{
    apic_write(0xf0, 0x1ff);
}

static void (*volatile work)(unsigned cpu);
static volatile uint32_t work_number, work_cpus, work_done, cpus_ready = 1;

void ap_main(unsigned cpu)
{
    uint32_t seen = 0;

    gdt_load(GDT_ENTRIES);
    idt_load(sizeof(idt_table) - 1);
    apic_enable();
    __atomic_fetch_add(&cpus_ready, 1, __ATOMIC_SEQ_CST);
    for (;;) {
        uint32_t now = work_number;

        if (now == seen) {
            __asm__ volatile("pause");
            continue;
        }
        seen = now;
        if (cpu < work_cpus) {
            work(cpu);
        }
        __atomic_fetch_add(&work_done, 1, __ATOMIC_SEQ_CST);
    }
}

static void spin(unsigned n)
{
    while (n--) {
        __asm__ volatile("pause");
    }
}

/* "cpus=4" on the command line; 1 without. */
static unsigned cpus_wanted(void)
{
    for (const char *p = command_line; *p; p++) {
        if (p[0] == 'c' && p[1] == 'p' && p[2] == 'u' && p[3] == 's' && p[4] == '=') {
            return (unsigned)(p[5] - '0');
        }
    }
    return 1;
}

unsigned cpus_start(void)
{
    static bool started;

    apic_enable();
    if (!started) {
        started = true;
        apic_write(0x300, 0xc4500);         /* INIT to all but this one */
        spin(100000);
        apic_write(0x300, 0xc4600 | 8);     /* start-up at 8000h */
        while (cpus_ready < cpus_wanted()) {
            spin(1);
        }
    }
    return cpus_wanted();
}

void cpus_run(unsigned n, void (*fn)(unsigned cpu))
{
    work = fn;
    work_cpus = n;
    work_done = 0;
    __atomic_fetch_add(&work_number, 1, __ATOMIC_SEQ_CST);
    fn(0);
    /* Those without work answer too: nobody may meet the next round with this one's number. */
    while (work_done != cpus_ready - 1) {
        __asm__ volatile("pause");
    }
}
