/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The IO loop: fds, bottom halves, timers, GLib sources, wake-ups from other threads, and how late a timer is. */
#include "qemu/osdep.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <glib-unix.h>
#include "qemu/main-loop.h"
#include "qemu/timer.h"

#define SECOND_NS   NANOSECONDS_PER_SECOND

static int calls;
static int pipe_fds[2];

static void count_call(void *opaque)
{
    calls++;
}

static void read_byte(void *opaque)
{
    char c;

    g_assert_cmpint(read(pipe_fds[0], &c, 1), ==, 1);
    calls++;
}

static void put_byte(void)
{
    g_assert_cmpint(write(pipe_fds[1], "x", 1), ==, 1);
}

static bool may_read;

static bool can_read(void *opaque)
{
    return may_read;
}

static void test_fd_is_read_when_it_may(void)
{
    calls = 0;
    may_read = false;
    fd_set_handler(pipe_fds[0], can_read, read_byte, NULL, NULL);
    put_byte();
    main_loop_wait(0);
    g_assert_cmpint(calls, ==, 0);
    may_read = true;
    main_loop_wait(SECOND_NS);
    g_assert_cmpint(calls, ==, 1);
    main_loop_wait(0);
    g_assert_cmpint(calls, ==, 1);
    fd_set_handler(pipe_fds[0], NULL, NULL, NULL, NULL);
    put_byte();
    main_loop_wait(0);
    g_assert_cmpint(calls, ==, 1);
    read_byte(NULL);
}

static void remove_both(void *opaque)
{
    calls++;
    fd_set_handler(pipe_fds[0], NULL, NULL, NULL, NULL);
    fd_set_handler(pipe_fds[1], NULL, NULL, NULL, NULL);
}

static void test_handler_removed_by_another_is_not_called(void)
{
    calls = 0;
    put_byte();
    fd_set_handler(pipe_fds[0], NULL, remove_both, NULL, NULL);
    fd_set_handler(pipe_fds[1], NULL, NULL, remove_both, NULL);
    main_loop_wait(SECOND_NS);
    g_assert_cmpint(calls, ==, 1);
    read_byte(NULL);
}

static void run_nested(void *opaque)
{
    read_byte(NULL);
    main_loop_wait(0);
}

static void test_callback_may_run_the_loop(void)
{
    Bh *bh = bh_new(count_call, NULL);

    calls = 0;
    put_byte();
    bh_schedule(bh);
    fd_set_handler(pipe_fds[0], NULL, run_nested, NULL, NULL);
    main_loop_wait(SECOND_NS);
    g_assert_cmpint(calls, ==, 2);
    fd_set_handler(pipe_fds[0], NULL, NULL, NULL, NULL);
    bh_free(bh);
    main_loop_wait(0);
}

static Bh *self_bh;

static void schedule_self(void *opaque)
{
    calls++;
    bh_schedule(self_bh);
}

static void test_bh_runs_once_per_schedule(void)
{
    Bh *bh = bh_new(count_call, NULL);

    calls = 0;
    bh_schedule(bh);
    bh_schedule(bh);
    main_loop_wait(SECOND_NS);
    g_assert_cmpint(calls, ==, 1);
    main_loop_wait(0);
    g_assert_cmpint(calls, ==, 1);
    bh_schedule(bh);
    bh_cancel(bh);
    main_loop_wait(0);
    g_assert_cmpint(calls, ==, 1);
    bh_schedule(bh);
    bh_free(bh);
    main_loop_wait(0);
    g_assert_cmpint(calls, ==, 1);
}

static void test_bh_that_schedules_itself_leaves_room(void)
{
    calls = 0;
    self_bh = bh_new(schedule_self, NULL);
    bh_schedule(self_bh);
    main_loop_wait(SECOND_NS);
    main_loop_wait(SECOND_NS);
    g_assert_cmpint(calls, ==, 2);
    bh_free(self_bh);
    main_loop_wait(0);
}

static Bh *signal_bh;

static void on_signal(int sig)
{
    bh_schedule(signal_bh);
}

static void test_bh_from_signal_handler(void)
{
    calls = 0;
    signal_bh = bh_new(count_call, NULL);
    signal(SIGALRM, on_signal);
    ualarm(5000, 0);
    while (!calls) {
        main_loop_wait(5 * SECOND_NS);
    }
    bh_free(signal_bh);
}

static void *from_thread(void *opaque)
{
    g_usleep(5000);
    g_assert_false(in_io_thread());
    /* The loop sleeps without the lock. */
    big_lock();
    calls = 10;
    big_unlock();
    main_loop_wake();
    return NULL;
}

static void test_wake_ends_the_wait(void)
{
    int64_t start = clock_get_ns(CLOCK_RT);
    GThread *t;

    calls = 0;
    t = g_thread_new("wake", from_thread, NULL);
    while (calls != 10) {
        main_loop_wait(200 * SECOND_NS);
    }
    g_assert_cmpint(clock_get_ns(CLOCK_RT) - start, <, 100 * SECOND_NS);
    g_thread_join(t);
}

static void *count_with_lock(void *opaque)
{
    big_lock();
    calls++;
    big_unlock();
    return NULL;
}

static void test_lock_that_is_given_up_goes_to_who_waits(void)
{
    calls = 0;
    big_lock_yield();
    for (int i = 1; i <= 100; i++) {
        GThread *t = g_thread_new("wait", count_with_lock, NULL);

        while (!big_lock_is_wanted()) {
            g_thread_yield();
        }
        g_assert_cmpint(calls, ==, i - 1);
        big_lock_yield();
        g_assert_true(big_lock_held());
        g_assert_cmpint(calls, ==, i);
        g_thread_join(t);
    }
}

static void *arm_from_thread(void *opaque)
{
    g_usleep(5000);
    timer_arm(opaque, clock_get_ns(CLOCK_RT) + 1000000);
    return NULL;
}

static void test_timer_armed_elsewhere_ends_the_wait(void)
{
    int64_t start = clock_get_ns(CLOCK_RT);
    Timer timer;
    GThread *t;

    calls = 0;
    timer_init(&timer, CLOCK_RT, count_call, NULL);
    t = g_thread_new("arm", arm_from_thread, &timer);
    while (!calls) {
        main_loop_wait(-1);
    }
    g_assert_cmpint(clock_get_ns(CLOCK_RT) - start, <, 100 * SECOND_NS);
    g_thread_join(t);
}

static gboolean glib_idle(gpointer opaque)
{
    calls++;
    return G_SOURCE_REMOVE;
}

static gboolean glib_fd(gint fd, GIOCondition cond, gpointer opaque)
{
    read_byte(NULL);
    return G_SOURCE_REMOVE;
}

static void test_glib_sources_are_served(void)
{
    GSource *src = g_unix_fd_source_new(pipe_fds[0], G_IO_IN);

    calls = 0;
    g_idle_add(glib_idle, NULL);
    g_timeout_add(2, glib_idle, NULL);
    g_source_set_callback(src, (GSourceFunc)(void (*)(void))glib_fd, NULL, NULL);
    g_source_attach(src, NULL);
    put_byte();
    for (int i = 0; calls < 3 && i < 100; i++) {
        main_loop_wait(SECOND_NS);
    }
    g_assert_cmpint(calls, ==, 3);
    g_source_unref(src);
}

static int poll_index;

static void poller_fill(void *opaque, int64_t *timeout_ns)
{
    poll_index = loop_poll_add(pipe_fds[0], POLLIN);
    *timeout_ns = 1000000;
}

static void poller_dispatch(void *opaque)
{
    calls++;
    if (loop_poll_revents(poll_index) & POLLIN) {
        read_byte(NULL);
    }
    g_assert_cmpint(loop_poll_revents(12345), ==, 0);
}

static void test_pollers_bring_their_own_fds(void)
{
    LoopPoller p = { .fill = poller_fill, .dispatch = poller_dispatch };

    calls = 0;
    loop_poller_add(&p);
    main_loop_wait(-1);         /* ends by the poller's timeout */
    g_assert_cmpint(calls, ==, 1);
    put_byte();
    main_loop_wait(-1);
    g_assert_cmpint(calls, ==, 3);
    loop_poller_remove(&p);
    main_loop_wait(0);
    g_assert_cmpint(calls, ==, 3);
}

/* How late a timer comes that is to run in 0.3 ms. */
static int64_t lateness_ns(void)
{
    int64_t due = clock_get_ns(CLOCK_RT) + 300000, late;
    Timer t;

    calls = 0;
    timer_init(&t, CLOCK_RT, count_call, NULL);
    timer_arm(&t, due);
    while (!calls) {
        main_loop_wait(-1);
    }
    late = clock_get_ns(CLOCK_RT) - due;
    g_assert_cmpint(late, >=, 0);
    return late;
}

/*
 * Guest clocks tick from here. A loop that waits in milliseconds is 0.7 of them late each time; a busy host may be
 * later, but not always, so it is asked until it has been in time often enough.
 */
static void test_timers_are_precise(void)
{
    int tries = 0;

    for (int in_time = 0; in_time < 20; in_time += lateness_ns() < 400000) {
        g_assert_cmpint(tries++, <, 20000);
    }
    g_test_message("timers: 20 in time of %d", tries);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    main_loop_init(&error_abort);
    g_assert_true(in_io_thread());
    g_assert_cmpint(pipe2(pipe_fds, O_NONBLOCK), ==, 0);
    big_lock();
    g_test_add_func("/main-loop/fd_is_read_when_it_may", test_fd_is_read_when_it_may);
    g_test_add_func("/main-loop/removed_handler_is_not_called", test_handler_removed_by_another_is_not_called);
    g_test_add_func("/main-loop/callback_may_run_the_loop", test_callback_may_run_the_loop);
    g_test_add_func("/main-loop/bh_runs_once_per_schedule", test_bh_runs_once_per_schedule);
    g_test_add_func("/main-loop/bh_that_schedules_itself_leaves_room", test_bh_that_schedules_itself_leaves_room);
    g_test_add_func("/main-loop/bh_from_signal_handler", test_bh_from_signal_handler);
    g_test_add_func("/main-loop/wake_ends_the_wait", test_wake_ends_the_wait);
    g_test_add_func("/main-loop/lock_given_up_goes_to_who_waits", test_lock_that_is_given_up_goes_to_who_waits);
    g_test_add_func("/main-loop/timer_armed_elsewhere_ends_the_wait", test_timer_armed_elsewhere_ends_the_wait);
    g_test_add_func("/main-loop/glib_sources_are_served", test_glib_sources_are_served);
    g_test_add_func("/main-loop/pollers_bring_their_own_fds", test_pollers_bring_their_own_fds);
    g_test_add_func("/main-loop/timers_are_precise", test_timers_are_precise);
    return g_test_run();
}
