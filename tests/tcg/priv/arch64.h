/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 64-bit test kernel: its selectors, task state, page tables and processors. */
#ifndef ARCH64_H
#define ARCH64_H

#include "boot.h"

enum { CODE64 = 0x08, DATA = 0x10, CODE32 = 0x18, USER_CODE32 = 0x23, USER_DATA = 0x2b, USER_CODE64 = 0x33,
       TSS_SEL = 0x40 };

typedef struct __attribute__((packed)) Tss64 {
    uint32_t reserved0;
    uint64_t rsp[3], reserved1, ist[7], reserved2;
    uint16_t reserved3, iomap;
    uint8_t bitmap[8193];
} Tss64;
extern Tss64 tss;
/* A system descriptor of 16 bytes at entry GDT_FREE + n. */
unsigned gdt_set_system(unsigned n, uint64_t base, uint32_t limit, unsigned access);

#define PTE_P   1ull
#define PTE_W   2ull
#define PTE_U   4ull
#define PTE_A   0x20ull
#define PTE_D   0x40ull
#define PTE_PS  0x80ull
#define PTE_G   0x100ull
#define PTE_NX  (1ull << 63)
/*
 * 512 pages of 4 KiB that tests map as they like: table test_pt, at TEST_VA. Empty at the start of a test that calls
 * pages_reset().
 */
#define TEST_VA 0x40000000ull
extern uint64_t test_pml4e_copy, test_pt[512], test_pd[512], boot_pml4[512], boot_pdpt[512], boot_pd[512];
void pages_reset(void);
/* Maps page n of the test area and gives its address. */
volatile uint8_t *page_map(unsigned n, uint64_t phys, uint64_t bits);
/* Page-aligned memory for tests, zeroed by pages_reset(): 16 pages. */
extern uint8_t test_memory[16][4096];
#define PHYS(p) ((uint64_t)(uintptr_t)(p))
unsigned phys_bits(void);
bool cpu_has(uint32_t leaf, unsigned reg, unsigned bit);

/* ---- processors ---- */
#define APIC_BASE 0xfee00000ull
uint32_t apic_read(unsigned reg);
void apic_write(unsigned reg, uint32_t v);
void apic_enable(void);
/* Starts all that there are; gives their number. The others run work(index) when it is set by cpus_run(). */
unsigned cpus_start(void);
/* fn(0) here and fn(i) on n - 1 others, at the same time; returns when all have. */
void cpus_run(unsigned n, void (*fn)(unsigned cpu));

#endif
