/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MWAIT that others end: by a store to the line, by an interrupt. SDM vol. 3A, "MONITOR/MWAIT Instructions". */
#include "arch64.h"

#define ROUNDS 300

static volatile uint32_t line[16] __attribute__((aligned(64))), answers[4 * 16] __attribute__((aligned(64)));
static unsigned players;

static bool ready(void)
{
    players = cpus_start();
    if (players < 2 || !cpu_has(1, 2, 3)) {
        skip(players < 2 ? "one processor" : "this CPU has no MONITOR");
        return false;
    }
    return true;
}

/* Until *p is not old. The look between the two is what makes a store before MONITOR be seen. */
static uint32_t wait_for_change(volatile uint32_t *p, uint32_t old)
{
    while (*p == old) {
        __asm__ volatile("monitor" : : "a"(p), "c"(0), "d"(0) : "memory");
        if (*p == old) {
            __asm__ volatile("mwait" : : "a"(0), "c"(0) : "memory");
        }
    }
    return *p;
}

static volatile unsigned wrong;

/* Processor 0 counts and waits for all answers; the others wait for the count. */
static void ask_or_answer(unsigned cpu)
{
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        if (cpu == 0) {
            line[3] = i;
            for (unsigned c = 1; c < players; c++) {
                wrong += wait_for_change(&answers[c * 16], i - 1) != i;
            }
        } else {
            wrong += wait_for_change(&line[3], i - 1) != i;
            answers[cpu * 16] = i;
        }
    }
}

TEST(a_store_to_the_monitored_line_ends_mwait)
{
    if (!ready()) {
        return;
    }
    wrong = 0;
    line[3] = 0;
    memset((void *)answers, 0, sizeof(answers));
    cpus_run(players, ask_or_answer);
    CHECK_EQ(wrong, 0);
}

/* Locked operations store like others. */
static void add_or_wait(unsigned cpu)
{
    for (uint32_t i = 1; i <= ROUNDS / 4; i++) {
        if (cpu == 0) {
            __atomic_fetch_add(&line[0], 1, __ATOMIC_SEQ_CST);
            wait_for_change(&answers[16], i - 1);
        } else if (cpu == 1) {
            wait_for_change(&line[0], i - 1);
            __asm__ volatile("lock incl %0" : "+m"(answers[16]) : : "cc");
        }
    }
}

TEST(a_locked_operation_ends_mwait)
{
    if (!ready()) {
        return;
    }
    line[0] = answers[16] = 0;
    cpus_run(2, add_or_wait);
    CHECK_EQ(line[0], ROUNDS / 4);
    CHECK_EQ(answers[16], ROUNDS / 4);
}

static volatile uint32_t ipis, go_on;

static bool on_ipi(Frame *f)
{
    (void)f;
    __atomic_fetch_add(&ipis, 1, __ATOMIC_SEQ_CST);
    apic_write(0xb0, 0);
    return true;
}

static void send_or_sleep(unsigned cpu)
{
    if (cpu == 1) {
        while (!go_on) {
            __asm__ volatile("cli; monitor" : : "a"(line), "c"(0), "d"(0) : "memory");
            if (!go_on) {
                __asm__ volatile("sti; mwait" : : "a"(0), "c"(0) : "memory");
            }
        }
        __asm__ volatile("sti; nop; cli");
    } else if (cpu == 0) {
        for (uint32_t i = 1; i <= ROUNDS; i++) {
            apic_write(0x310, 1 << 24);
            apic_write(0x300, 0x4061);
            while (ipis < i) {
                __asm__ volatile("pause");
            }
        }
        go_on = 1;
    }
}

TEST(interrupts_of_other_processors_end_mwait)
{
    if (!ready()) {
        return;
    }
    trap_hooks[0x61] = on_ipi;
    ipis = go_on = 0;
    cpus_run(2, send_or_sleep);
    CHECK_EQ(ipis, ROUNDS);
}
