/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * INIT and start-up IPIs, as firmware uses them: one after the other, more than once, to a processor that may be busy,
 * halted or waiting. SDM vol. 3A, "MP Initialization Protocol" and "Interrupt Command Register". This kernel's other
 * processors are not started here: processor 1 belongs to these tests.
 */
#include "arch64.h"

#define AWHILE 20000000ull          /* ticks of the TSC: 20 ms, twice what the protocol gives INIT */
#define LONG 10000000000ull         /* a deadline: 10 s */

enum { INIT = 0x4500, STARTUP = 0x4600 };

/* Pages below 1 MiB, each with the code and the counter of one address of a start-up IPI. */
typedef struct Page {
    uint8_t code[64];
    volatile uint16_t count;
} Page;
#define PAGE(vector) ((Page *)((uintptr_t)(vector) << 12))
enum { FIRST = 0x60, SECOND = 0x61 };

static uint64_t ticks(void)
{
    uint32_t lo, hi;

    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    return lo | (uint64_t)hi << 32;
}

static void stay(uint64_t n)
{
    for (uint64_t end = ticks() + n; ticks() < end;) {
        __asm__ volatile("pause");
    }
}

static bool counts_to(unsigned vector, uint16_t n)
{
    for (uint64_t end = ticks() + LONG; PAGE(vector)->count < n;) {
        if (ticks() > end) {
            return false;
        }
        __asm__ volatile("pause");
    }
    return true;
}

static void send(unsigned what)
{
    apic_write(0x310, 1u << 24);
    apic_write(0x300, what);
}

/* Counts, then halts for good, or spins. */
static void install(unsigned vector, bool halts)
{
    static const uint8_t count[] = { 0xf0, 0x2e, 0xff, 0x06, offsetof(Page, count), 0, 0xfa },  /* lock inc, cli */
                         halt[] = { 0xf4, 0xeb, 0xfd }, spin[] = { 0xf3, 0x90, 0xeb, 0xfc };

    memset(PAGE(vector), 0, sizeof(Page));
    memcpy(PAGE(vector)->code, count, sizeof(count));
    memcpy(PAGE(vector)->code + sizeof(count), halts ? halt : spin, halts ? sizeof(halt) : sizeof(spin));
}

static bool ready(bool halts)
{
    if (!on_command_line("cpus=2")) {
        skip("one processor");
        return false;
    }
    apic_enable();
    install(FIRST, halts);
    install(SECOND, halts);
    send(INIT);
    stay(AWHILE);
    return true;
}

TEST(startup_ipi_starts_a_processor_once)
{
    if (!ready(true)) {
        return;
    }
    send(STARTUP | FIRST);
    CHECK(counts_to(FIRST, 1));
    send(STARTUP | SECOND);                     /* the protocol's second one: nobody waits */
    stay(AWHILE);
    CHECK_EQ(PAGE(FIRST)->count, 1);
    CHECK_EQ(PAGE(SECOND)->count, 0);
}

/* As firmware does that wakes the others for each piece of work, out of a page it borrows in between. */
static void check_lost(bool halts)
{
    if (!ready(halts)) {
        return;
    }
    send(STARTUP | FIRST);
    CHECK(counts_to(FIRST, 1));
    stay(AWHILE);                               /* it has halted */
    send(STARTUP | FIRST);
    stay(AWHILE);
    send(INIT);
    stay(AWHILE);
    CHECK_EQ(PAGE(FIRST)->count, 1);
    send(STARTUP | SECOND);
    CHECK(counts_to(SECOND, 1));
    CHECK_EQ(PAGE(FIRST)->count, 1);
}

TEST(startup_ipi_to_a_halted_processor_is_lost_before_init)
{
    check_lost(true);
}

TEST(startup_ipi_to_a_busy_processor_is_lost_before_init)
{
    check_lost(false);
}

TEST(startup_ipi_right_after_init_is_not_lost)
{
    if (!ready(true)) {
        return;
    }
    for (unsigned i = 1; i <= 200; i++) {
        send(INIT);
        send(STARTUP | FIRST);
        CHECK(counts_to(FIRST, i));
    }
}
