/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clocks and timers, without a main loop: time is read, stopped, set and stepped here. */
#include "qemu/osdep.h"
#include "qemu/timer.h"

typedef struct Trail {
    Timer t;
    int id;
    int64_t rearm_at;
} Trail;

static GString *trail;
static int notified;

static void leave_trail(void *opaque)
{
    Trail *x = opaque;

    g_string_append_printf(trail, "%d", x->id);
    if (x->rearm_at >= 0) {
        timer_arm(&x->t, x->rearm_at);
    }
}

static void trail_init(Trail *x, ClockType clock, int id)
{
    timer_init(&x->t, clock, leave_trail, x);
    x->id = id;
    x->rearm_at = -1;
}

static void count_notify(void)
{
    __atomic_add_fetch(&notified, 1, __ATOMIC_RELAXED);
}

static void fresh(void)
{
    clock_vm_enable(false);
    clock_vm_set(0);
    g_string_truncate(trail, 0);
    notified = 0;
}

static void test_vm_clock_stands_until_enabled(void)
{
    int64_t a, b;

    fresh();
    g_usleep(1000);
    g_assert_cmpint(clock_get_ns(CLOCK_VM), ==, 0);
    clock_vm_enable(true);
    g_usleep(2000);
    clock_vm_enable(false);
    a = clock_get_ns(CLOCK_VM);
    g_assert_cmpint(a, >=, 2000000);
    g_usleep(1000);
    g_assert_cmpint(clock_get_ns(CLOCK_VM), ==, a);
    clock_vm_enable(true);
    b = clock_get_ns(CLOCK_VM);
    g_assert_cmpint(b, >=, a);
    clock_vm_set(5000000000000);
    g_assert_cmpint(clock_get_ns(CLOCK_VM), >=, 5000000000000);
    fresh();
}

static void test_timers_run_in_order_of_time_then_of_arming(void)
{
    Trail x[4];

    fresh();
    clock_vm_set_manual(true);
    for (int i = 0; i < 4; i++) {
        trail_init(&x[i], CLOCK_VM, i);
    }
    timer_arm(&x[0].t, 300);
    timer_arm(&x[1].t, 100);
    timer_arm(&x[2].t, 300);
    timer_arm(&x[3].t, 100);
    timer_arm(&x[0].t, 200);        /* moves */
    g_assert_cmpint(timers_next_expiry(CLOCK_VM), ==, 100);
    clock_vm_set(99);
    timers_run();
    g_assert_cmpstr(trail->str, ==, "");
    clock_vm_set(250);
    timers_run();
    g_assert_cmpstr(trail->str, ==, "130");
    timer_disarm(&x[2].t);
    g_assert_false(timer_armed(&x[2].t));
    clock_vm_set(1000);
    timers_run();
    g_assert_cmpstr(trail->str, ==, "130");
    g_assert_cmpint(timers_next_expiry(CLOCK_VM), ==, -1);
    clock_vm_set_manual(false);
}

static void test_stopped_clock_runs_nothing_and_has_no_deadline(void)
{
    Trail x;

    fresh();
    clock_vm_set(100);
    trail_init(&x, CLOCK_VM, 7);
    timer_arm(&x.t, 50);
    g_assert_cmpint(timers_deadline_ns(), ==, -1);
    timers_run();
    g_assert_cmpstr(trail->str, ==, "");
    clock_vm_enable(true);
    g_assert_cmpint(timers_deadline_ns(), ==, 0);
    timers_run();
    g_assert_cmpstr(trail->str, ==, "7");
    fresh();
}

static void test_negative_time_means_now(void)
{
    Trail x;

    fresh();
    trail_init(&x, CLOCK_RT, 1);
    timer_arm(&x.t, -12345);
    g_assert_true(timer_armed(&x.t));
    g_assert_cmpint(timers_deadline_ns(), ==, 0);
    timers_run();
    g_assert_cmpstr(trail->str, ==, "1");
    g_assert_false(timer_armed(&x.t));
}

static void test_rearming_in_the_past_ends(void)
{
    Trail x;

    fresh();
    trail_init(&x, CLOCK_RT, 1);
    x.rearm_at = 0;
    timer_arm(&x.t, 0);
    timers_run();
    g_assert_cmpuint(trail->len, >, 1);
    g_assert_cmpint(timers_deadline_ns(), ==, 0);
    timer_disarm(&x.t);
}

static void test_only_an_earlier_deadline_notifies(void)
{
    Trail a, b;
    int64_t now = clock_get_ns(CLOCK_RT);
    int64_t hour = 3600 * NANOSECONDS_PER_SECOND;

    fresh();
    trail_init(&a, CLOCK_RT, 1);
    trail_init(&b, CLOCK_RT, 2);
    timers_deadline_ns();
    timer_arm(&a.t, now + hour);
    g_assert_cmpint(notified, ==, 1);
    timer_arm(&b.t, now + 2 * hour);
    g_assert_cmpint(notified, ==, 1);
    timer_arm(&a.t, now + 3 * hour);
    timer_arm(&a.t, now + hour);        /* the loop knows of this time still */
    g_assert_cmpint(notified, ==, 1);
    timer_arm(&b.t, now + hour / 2);
    g_assert_cmpint(notified, ==, 2);
    timer_disarm(&a.t);
    timer_disarm(&b.t);
    g_assert_cmpint(timers_deadline_ns(), ==, -1);
}

static void *rearm_many(void *opaque)
{
    Trail *x = opaque;

    for (int i = 0; i < 20000; i++) {
        timer_arm(&x->t, clock_get_ns(CLOCK_VM) + i % 3 * 1000);
        if (i % 7 == 0) {
            timer_disarm(&x->t);
        }
    }
    timer_disarm(&x->t);
    return NULL;
}

static void test_arming_from_threads(void)
{
    Trail x[3];
    GThread *t[3];

    fresh();
    clock_vm_enable(true);
    for (int i = 0; i < 3; i++) {
        trail_init(&x[i], CLOCK_VM, i);
        t[i] = g_thread_new("arm", rearm_many, &x[i]);
    }
    for (int i = 0; i < 2000; i++) {
        timers_run();
    }
    for (int i = 0; i < 3; i++) {
        g_thread_join(t[i]);
    }
    g_assert_cmpint(timers_next_expiry(CLOCK_VM), ==, -1);
    fresh();
}

/* Negative would mean "no deadline", and a main loop that sleeps for ever. The clock moves on while it is compared. */
static void test_deadline_that_passes_meanwhile_is_now(void)
{
    Trail x;

    fresh();
    trail_init(&x, CLOCK_RT, 1);
    for (int i = 0; i < 100000; i++) {
        timer_arm(&x.t, clock_get_ns(CLOCK_RT) + i % 500);
        g_assert_cmpint(timers_deadline_ns(), >=, 0);
    }
    timer_disarm(&x.t);
    fresh();
}

static void test_muldiv64_is_exact(void)
{
    g_assert_cmpuint(muldiv64(UINT64_MAX, 1000000007, 1000000007), ==, UINT64_MAX);
    g_assert_cmpuint(muldiv64(1193182, NANOSECONDS_PER_SECOND, 1193182), ==, NANOSECONDS_PER_SECOND);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    trail = g_string_new(NULL);
    timers_set_notify(count_notify);
    g_test_add_func("/timer/vm_clock_stands_until_enabled", test_vm_clock_stands_until_enabled);
    g_test_add_func("/timer/order_of_time_then_of_arming", test_timers_run_in_order_of_time_then_of_arming);
    g_test_add_func("/timer/stopped_clock_runs_nothing", test_stopped_clock_runs_nothing_and_has_no_deadline);
    g_test_add_func("/timer/negative_time_means_now", test_negative_time_means_now);
    g_test_add_func("/timer/rearming_in_the_past_ends", test_rearming_in_the_past_ends);
    g_test_add_func("/timer/only_an_earlier_deadline_notifies", test_only_an_earlier_deadline_notifies);
    g_test_add_func("/timer/arming_from_threads", test_arming_from_threads);
    g_test_add_func("/timer/deadline_that_passes_meanwhile_is_now", test_deadline_that_passes_meanwhile_is_now);
    g_test_add_func("/timer/muldiv64_is_exact", test_muldiv64_is_exact);
    return g_test_run();
}
