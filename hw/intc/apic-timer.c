/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local APIC: its timer, which counts down or waits for the TSC
 *
 * Follows: Intel SDM vol. 3A, "APIC Timer".
 */
#include "qemu/osdep.h"
#include "hw/intc/apic-internal.h"

#define PERIOD_FLOOR_NS     20000           /* a guest asking for more than 50000 ticks a second gets them coalesced */

unsigned apic_divider(const Apic *a)
{
    unsigned code = (a->divide & 3) | (a->divide >> 1 & 4);

    return code == 7 ? 1 : 2u << code;
}

static int64_t apic_period_ns(const Apic *a)
{
    return (int64_t)a->init_count * apic_divider(a);
}

uint32_t apic_current_count(const Apic *a, int64_t now)
{
    uint64_t elapsed;

    if (!a->counting || !a->init_count || (a->lvt[LVT_TIMER] & LVT_DEADLINE)) {
        return 0;
    }
    elapsed = (uint64_t)(now - a->count_start) / apic_divider(a);
    if (a->lvt[LVT_TIMER] & LVT_PERIODIC) {
        return a->init_count - elapsed % a->init_count;
    }
    return elapsed >= a->init_count ? 0 : a->init_count - elapsed;
}

/* First nanosecond at which the TSC has reached the deadline. */
static int64_t tsc_deadline_ns(uint64_t deadline)
{
    uint64_t hz = x86_cpu_tsc_hz();
    unsigned __int128 ns = ((unsigned __int128)deadline * NANOSECONDS_PER_SECOND + hz - 1) / hz;

    return ns > INT64_MAX ? INT64_MAX : (int64_t)ns;
}

static void apic_timer_arm_deadline(Apic *a)
{
    if (a->tsc_deadline) {
        timer_arm(&a->timer, tsc_deadline_ns(a->tsc_deadline));
    } else {
        timer_disarm(&a->timer);
    }
}

/*
 * Expiries lie at count_start + k * period, so lateness never adds up; those missed meanwhile merge into one.
 * A masked timer counts without anybody waiting for it.
 */
void apic_timer_arm(Apic *a, int64_t now)
{
    uint32_t lvt = a->lvt[LVT_TIMER];
    int64_t period = apic_period_ns(a), next;

    if (lvt & LVT_DEADLINE) {
        apic_timer_arm_deadline(a);
        return;
    }
    if (!a->counting || !period || (lvt & LVT_MASKED)) {
        timer_disarm(&a->timer);
        return;
    }
    next = a->count_start + period;
    if ((lvt & LVT_PERIODIC) && next <= now) {
        next = a->count_start + ((now - a->count_start) / period + 1) * period;
    }
    if ((lvt & LVT_PERIODIC) && period < PERIOD_FLOOR_NS && next < now + PERIOD_FLOOR_NS) {
        next = a->count_start + ((now + PERIOD_FLOOR_NS - a->count_start) / period + 1) * period;
    }
    timer_arm(&a->timer, next);
}

static void apic_timer_cb(void *opaque)
{
    Apic *a = opaque;
    int64_t now = clock_get_ns(CLOCK_VM);

    pthread_mutex_lock(&a->lock);
    if (a->lvt[LVT_TIMER] & LVT_DEADLINE) {
        /* The vCPU may have moved the deadline between this timer's expiry and the lock. */
        if (a->tsc_deadline && tsc_deadline_ns(a->tsc_deadline) <= now) {
            a->tsc_deadline = 0;
            apic_local_event(a, LVT_TIMER);
        }
        apic_timer_arm_deadline(a);
    } else if (a->counting && apic_period_ns(a)) {
        bool periodic = a->lvt[LVT_TIMER] & LVT_PERIODIC;

        if (now - a->count_start >= apic_period_ns(a)) {
            int64_t periods = (now - a->count_start) / apic_period_ns(a);

            a->counting = periodic;
            a->count_start += periodic ? periods * apic_period_ns(a) : 0;
            apic_local_event(a, LVT_TIMER);
        }
        apic_timer_arm(a, now);
    }
    pthread_mutex_unlock(&a->lock);
}

void apic_write_init_count(Apic *a, uint32_t val)
{
    int64_t now = clock_get_ns(CLOCK_VM);

    if (a->lvt[LVT_TIMER] & LVT_DEADLINE) {
        return;                 /* SDM: ignored in TSC-deadline mode */
    }
    a->init_count = val;
    a->counting = val != 0;
    a->count_start = now;
    apic_timer_arm(a, now);
}

/* The count goes on from where it is, at the new rate. */
void apic_write_divide(Apic *a, uint32_t val)
{
    int64_t now = clock_get_ns(CLOCK_VM);
    uint32_t left = apic_current_count(a, now);

    a->divide = val & DIVIDE_MASK;
    a->counting = a->counting && left;
    a->count_start = now - (int64_t)(a->init_count - left) * apic_divider(a);
    apic_timer_arm(a, now);
}

void apic_write_lvt_timer(Apic *a, uint32_t val)
{
    int64_t now = clock_get_ns(CLOCK_VM);
    uint32_t old = a->lvt[LVT_TIMER];

    if ((old ^ val) & LVT_DEADLINE) {
        a->counting = false;
        a->init_count = 0;
        a->tsc_deadline = 0;
    } else if (a->counting && !(old & LVT_PERIODIC) && !apic_current_count(a, now)) {
        a->counting = false;    /* ran out while masked: stays out, whatever the new mode */
    } else if (a->counting && (old & LVT_PERIODIC) && apic_period_ns(a)) {
        a->count_start += (now - a->count_start) / apic_period_ns(a) * apic_period_ns(a);
    }
    if (a->tsc_deadline && (old & LVT_MASKED) && tsc_deadline_ns(a->tsc_deadline) <= now) {
        a->tsc_deadline = 0;    /* passed while masked: lost */
    }
    a->lvt[LVT_TIMER] = val;
    apic_timer_arm(a, now);
}

uint64_t apic_read_deadline(Apic *a)
{
    if (a->tsc_deadline && tsc_deadline_ns(a->tsc_deadline) <= clock_get_ns(CLOCK_VM)) {
        return 0;           /* passed; the timer thread may just not have said so yet */
    }
    return a->tsc_deadline;
}

void apic_write_deadline(Apic *a, uint64_t val)
{
    if (!(a->lvt[LVT_TIMER] & LVT_DEADLINE)) {
        return;
    }
    a->tsc_deadline = val;
    if (val && tsc_deadline_ns(val) <= clock_get_ns(CLOCK_VM)) {
        a->tsc_deadline = 0;
        apic_local_event(a, LVT_TIMER);
    }
    apic_timer_arm_deadline(a);
}

void apic_timer_init(Apic *a)
{
    timer_init(&a->timer, CLOCK_VM, apic_timer_cb, a);
}
