/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Clocks and timers. All times are nanoseconds in int64_t.
 * CLOCK_VM stops with the machine and starts at 0; every guest-visible clock (TSC, APIC, PIT, HPET, PM timer, RTC)
 * derives from it. Timer callbacks run in the IO thread with the big lock held. Arming is allowed from any thread.
 */
#ifndef QEMU_TIMER_H
#define QEMU_TIMER_H

#include "qemu/osdep.h"

typedef enum ClockType { CLOCK_RT, CLOCK_VM, CLOCK_HOST, CLOCK__COUNT } ClockType;
#define NANOSECONDS_PER_SECOND 1000000000LL

typedef void TimerCb(void *opaque);
typedef struct Timer {
    ClockType clock;
    int64_t expire_ns;      /* -1: not armed */
    TimerCb *cb;
    void *opaque;
    struct Timer *next;     /* sorted list of its clock */
} Timer;

int64_t clock_get_ns(ClockType clock);          /* any thread, lock free */
/* CLOCK_VM runs or stands still; called by the run-state code only. */
void clock_vm_enable(bool run);
/* Set CLOCK_VM (loading a snapshot, qtest). */
void clock_vm_set(int64_t ns);

void timer_init(Timer *t, ClockType clock, TimerCb *cb, void *opaque);  /* embedded timers: no allocation */
void timer_arm(Timer *t, int64_t expire_ns);    /* absolute; re-arms; wakes the IO thread when it becomes the first */
void timer_disarm(Timer *t);
static inline bool timer_armed(const Timer *t) { return __atomic_load_n(&t->expire_ns, __ATOMIC_RELAXED) >= 0; }
/* For the main loop: nearest deadline relative to now, -1 = none; and run what is due. */
int64_t timers_deadline_ns(void);
void timers_run(void);
/* Called, from any thread, when timers_deadline_ns() would now answer something earlier than it last did. */
void timers_set_notify(void (*fn)(void));

/*
 * Manual time, for qtest: CLOCK_VM moves by clock_vm_set() only, yet its timers run. To step it exactly, go from one
 * timers_next_expiry(CLOCK_VM) to the next with clock_vm_set() and timers_run().
 */
void clock_vm_set_manual(bool on);
bool clock_vm_is_manual(void);
int64_t timers_next_expiry(ClockType clock);    /* absolute; -1 = no timer is armed */

/* a * b / c with a 128-bit intermediate: exact, never through floating point. */
static inline uint64_t muldiv64(uint64_t a, uint64_t b, uint64_t c)
{
    return (uint64_t)((unsigned __int128)a * b / c);
}

#endif
