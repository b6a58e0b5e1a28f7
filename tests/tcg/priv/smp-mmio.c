/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locked operations of several processors on device registers, on read-only memory and on pages of two kinds. SDM vol.
 * 3A, "Locked Atomic Operations": they are atomic wherever they go. The registers: main counter of a stopped HPET
 * (IA-PC HPET specification, 64 bits, read and written freely), index of the I/O APIC (82093AA, 8 bits of 32).
 */
#include "arch64.h"
#include "locked.h"

#define COUNT 3000
#define HPET 0xfed00000ull
#define IOAPIC 0xfec00000ull
#define ROM 0xfffff000ull           /* the last page of the firmware's chip */

static volatile uint8_t *hpet, *ioapic;
static volatile uint64_t *counter;
static unsigned cpus;

static bool have_hpet(void)
{
    cpus = cpus_start();
    pages_reset();
    hpet = page_map(0, HPET, PTE_P | PTE_W);
    ioapic = page_map(1, IOAPIC, PTE_P | PTE_W);
    counter = (volatile uint64_t *)(hpet + 0xf0);
    if (*(volatile uint32_t *)hpet >> 16 != 0x8086) {
        skip("no HPET");
        return false;
    }
    *(volatile uint64_t *)(hpet + 0x10) &= ~1ull;
    *counter = 0;
    return true;
}

static void (*operation)(volatile void *p);
static volatile void *place;

static void repeat(unsigned cpu)
{
    (void)cpu;
    for (unsigned i = 0; i < COUNT; i++) {
        operation((volatile void *)place);
    }
}

/* The counter after everybody has done the operation COUNT times. */
static uint64_t count_in_device(void (*op)(volatile void *))
{
    operation = op;
    place = counter;
    cpus_run(cpus, repeat);
    return *counter;
}

static void add32(volatile void *p) { __asm__ volatile("lock addl $3, %0" : "+m"(*(volatile uint32_t *)p) : : "cc"); }
static void inc64(volatile void *p) { __asm__ volatile("lock incq %0" : "+m"(*(volatile uint64_t *)p) : : "cc"); }

static void xadd64(volatile void *p)
{
    uint64_t v = 5;

    __asm__ volatile("lock xaddq %0, %1" : "+r"(v), "+m"(*(volatile uint64_t *)p) : : "cc");
}

TEST(locked_additions_to_a_device_register_add_up)
{
    if (have_hpet()) {
        CHECK_EQ(count_in_device(add32), cpus * COUNT * 3);
    }
}

TEST(locked_increments_of_a_device_register_add_up)
{
    if (have_hpet()) {
        CHECK_EQ(count_in_device(inc64), cpus * COUNT);
    }
}

TEST(xadd_to_a_device_register_adds_up)
{
    if (have_hpet()) {
        CHECK_EQ(count_in_device(xadd64), cpus * COUNT * 5);
    }
}

TEST(cmpxchg_loops_on_a_device_register_add_up)
{
    if (have_hpet()) {
        CHECK_EQ(count_in_device(cmpxchg64), cpus * COUNT);
    }
}

TEST(cmpxchg8b_loops_on_a_device_register_add_up)
{
    if (have_hpet()) {
        CHECK_EQ(count_in_device(cmpxchg8b_loop), cpus * COUNT);
    }
}

/* 16 bytes: the counter, and behind it what reads as zero. */
static void cmpxchg16b_loop(volatile void *p)
{
    __asm__ volatile("mov (%0), %%rax; mov 8(%0), %%rdx\n"
                     "1: lea 1(%%rax), %%rbx; mov %%rdx, %%rcx; lock cmpxchg16b (%0); jne 1b"
                     : : "r"(p) : "rax", "rbx", "rcx", "rdx", "cc", "memory");
}

TEST(cmpxchg16b_loops_on_device_registers_add_up)
{
    if (have_hpet()) {
        operation = cmpxchg16b_loop;
        place = counter;
        cpus_run(cpus > 2 ? 2 : cpus, repeat);
        CHECK_EQ(*counter, (cpus > 2 ? 2 : cpus) * COUNT);
    }
}

static void inc8(volatile void *p) { __asm__ volatile("lock incb %0" : "+m"(*(volatile uint8_t *)p) : : "cc"); }

TEST(locked_increments_of_another_chip_add_up)
{
    if (have_hpet()) {
        *(volatile uint32_t *)ioapic = 0;
        operation = inc8;
        place = ioapic;
        cpus_run(cpus, repeat);
        CHECK_EQ(*(volatile uint32_t *)ioapic & 0xff, cpus * COUNT & 0xff);
    }
}

/* ---- a spin lock in a device, which guards plain memory ---- */

static volatile uint64_t guarded;

static void lock_in_device(unsigned cpu)
{
    (void)cpu;
    for (unsigned i = 0; i < COUNT / 4; i++) {
        uint32_t one = 1;

        do {
            __asm__ volatile("pause; xchgl %0, %1" : "+r"(one), "+m"(*counter) : : "memory");
        } while (one);
        guarded = guarded + 1;
        __asm__ volatile("movl $0, %0" : "=m"(*counter) : : "memory");
    }
}

TEST(a_spin_lock_in_a_device_register_excludes)
{
    if (have_hpet()) {
        guarded = 0;
        cpus_run(cpus, lock_in_device);
        CHECK_EQ(guarded, cpus * (COUNT / 4));
    }
}

/* ---- one half in memory, the other in a device: page 2 is memory, page 3 the I/O APIC ---- */

#define FEW 100     /* nothing carries from one byte to the next */

static void add_a_few_times(unsigned cpu)
{
    (void)cpu;
    for (unsigned i = 0; i < FEW; i++) {
        __asm__ volatile("lock addw $0x0101, %0" : "+m"(*(volatile uint16_t *)place) : : "cc");
    }
}

TEST(locked_additions_across_memory_and_a_device_add_up)
{
    unsigned n;

    if (!have_hpet()) {
        return;
    }
    n = cpus > 2 ? 2 : cpus;
    place = page_map(2, PHYS(test_memory[0]), PTE_P | PTE_W) + 4095;
    page_map(3, IOAPIC, PTE_P | PTE_W);
    *(volatile uint32_t *)ioapic = 0;
    cpus_run(n, add_a_few_times);
    CHECK_EQ(test_memory[0][4095], FEW * n);
    CHECK_EQ(*(volatile uint32_t *)ioapic & 0xff, FEW * n);
}

/* ---- what does not store ---- */

TEST(a_locked_operation_on_read_only_memory_changes_nothing)
{
    volatile uint8_t *rom;
    uint32_t before, old = 1;

    cpus_start();
    pages_reset();
    rom = page_map(0, ROM, PTE_P | PTE_W);
    before = *(volatile uint32_t *)(rom + 0xff0);
    __asm__ volatile("lock xaddl %0, %1" : "+r"(old), "+m"(*(volatile uint32_t *)(rom + 0xff0)) : : "cc");
    CHECK_EQ(old, before);
    CHECK_EQ(*(volatile uint32_t *)(rom + 0xff0), before);
    __asm__ volatile("lock incl %0" : "+m"(*(volatile uint32_t *)(rom + 0xff0)) : : "cc");
    CHECK_EQ(*(volatile uint32_t *)(rom + 0xff0), before);
}
