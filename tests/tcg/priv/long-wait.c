/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MONITOR and MWAIT on one processor: what they check, and what ends the wait. SDM vol. 2, "MONITOR", "MWAIT"; that a
 * wait lasts at all, when nothing ends it, is this emulator's promise and no architecture's.
 */
#include "arch64.h"

#define MISC_ENABLE 0x1a0
#define MISC_ENABLE_MONITOR (1ull << 18)
#define AWHILE 1000000          /* ticks of the TSC: a millisecond */

static volatile uint64_t line[8] __attribute__((aligned(64)));

static void monitor(volatile void *p, uint64_t extensions)
{
    __asm__ volatile("monitor" : : "a"(p), "c"(extensions), "d"(0) : "memory");
}

static void mwait(uint64_t extensions)
{
    __asm__ volatile("mwait" : : "a"(0), "c"(extensions) : "memory");
}

static uint64_t ticks(void)
{
    uint32_t lo, hi;

    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    return lo | (uint64_t)hi << 32;
}

static bool have_monitor(void)
{
    if (!cpu_has(1, 2, 3)) {
        skip("this CPU has no MONITOR");
        return false;
    }
    return true;
}

TEST(monitor_and_mwait_exist_as_cpuid_says)
{
    uint32_t r[4];

    if (cpu_has(1, 2, 3)) {
        cpuid(5, 0, r);
        CHECK(r[0] >= 16 && r[0] <= r[1] && r[1] <= 4096);
        CHECK_EQ(r[2] & 3, 3);
        CHECK_FINE(monitor(line, 0));
    } else {
        CHECK_FAULT(UD, 0, monitor(line, 0));
        CHECK_FAULT(UD, 0, mwait(0));
    }
}

TEST(monitor_and_mwait_refuse_extensions_that_do_not_exist)
{
    if (!have_monitor()) {
        return;
    }
    CHECK_FAULT(GP, 0, monitor(line, 1));
    CHECK_FAULT(GP, 0, mwait(2));
    CHECK_FAULT(GP, 0, mwait(1ull << 32));
}

TEST(monitor_faults_as_a_load_does)
{
    if (!have_monitor()) {
        return;
    }
    pages_reset();
    CHECK_FAULT(PF, 0, monitor((void *)TEST_VA, 0));
    CHECK_EQ(trap.cr2, TEST_VA);
    CHECK_FAULT(GP, 0, monitor((void *)0x800000000000ull, 0));
    page_map(0, PHYS(test_memory[0]), PTE_P);
    CHECK_FINE(monitor((void *)TEST_VA, 0));
    CHECK_EQ(test_pt[0] & (PTE_A | PTE_D), PTE_A);
}

TEST(monitor_and_mwait_are_undefined_at_user_level)
{
    static const uint8_t user_monitor[] = { 0x0f, 0x01, 0xc8, 0xcd, 0x80 };
    static const uint8_t user_mwait[] = { 0x0f, 0x01, 0xc9, 0xcd, 0x80 };

    CHECK_EQ(run_user(user_monitor, 0), UD);
    CHECK_EQ(run_user(user_mwait, 0), UD);
}

TEST(monitor_can_be_switched_off_by_firmware)
{
    uint64_t before = read_msr(MISC_ENABLE);
    uint32_t r[4];

    cpuid(0, 0, r);
    if (!have_monitor() || r[1] != 0x756e6547) {
        skip("for Intel's processors");
        return;
    }
    CHECK(before & MISC_ENABLE_MONITOR);
    write_msr(MISC_ENABLE, before & ~MISC_ENABLE_MONITOR);
    CHECK(!cpu_has(1, 2, 3));
    CHECK_FAULT(UD, 0, monitor(line, 0));
    CHECK_FAULT(UD, 0, mwait(0));
    write_msr(MISC_ENABLE, before);
    CHECK(cpu_has(1, 2, 3));
}

TEST(mwait_without_a_store_rests)
{
    uint64_t start;

    if (!have_monitor()) {
        return;
    }
    monitor(line, 0);
    start = ticks();
    mwait(0);
    CHECK(ticks() - start > AWHILE);
}

/* A wait would end by itself after a while: hence the clock. */
TEST(mwait_after_a_store_does_not_wait)
{
    uint64_t quickest = ~0ull;

    if (!have_monitor()) {
        return;
    }
    for (unsigned i = 0; i < 20; i++) {         /* a host may take the processor away from one, not from all */
        uint64_t start;

        monitor(&line[1], 0);
        line[7] = line[7] + 1;
        start = ticks();
        mwait(0);
        mwait(0);                               /* and with nothing monitored */
        if (ticks() - start < quickest) {
            quickest = ticks() - start;
        }
    }
    CHECK(quickest < 10 * AWHILE);
}

static volatile uint32_t interrupts;

static bool on_interrupt(Frame *f)
{
    (void)f;
    interrupts = interrupts + 1;
    apic_write(0xb0, 0);
    return true;
}

/* The timer, once, after a millisecond. */
static void interrupt_soon(void)
{
    apic_enable();
    trap_hooks[0x61] = on_interrupt;
    apic_write(0x3e0, 0xb);
    apic_write(0x320, 0x61);
    interrupts = 0;
    apic_write(0x380, AWHILE);
}

TEST(mwait_ends_with_an_interrupt)
{
    if (!have_monitor()) {
        return;
    }
    interrupt_soon();
    while (!interrupts) {
        monitor(line, 0);
        __asm__ volatile("sti");
        mwait(0);
        __asm__ volatile("cli");
    }
    CHECK_EQ(interrupts, 1);
}

TEST(mwait_may_end_with_an_interrupt_that_is_not_let_in)
{
    if (!have_monitor()) {
        return;
    }
    interrupt_soon();
    while (!(apic_read(0x230) & 2)) {           /* request register, vector 61h */
        monitor(line, 0);
        mwait(1);
    }
    CHECK_EQ(interrupts, 0);
    monitor(line, 0);
    mwait(1);
    __asm__ volatile("sti; nop; cli");
    CHECK_EQ(interrupts, 1);
}

TEST(a_halt_after_mwait_is_ended_by_interrupts_only)
{
    if (!have_monitor()) {
        return;
    }
    interrupt_soon();
    monitor(line, 0);
    __asm__ volatile("sti");
    mwait(0);
    __asm__ volatile("cli");
    interrupt_soon();
    __asm__ volatile("sti; hlt; cli");
    CHECK(interrupts >= 1);                     /* both timers, when the host was slow */
}
