/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPU threads around a toy CPU: pausing, halting, kicks, work for others, exclusive sections, and the requests that
 * change the machine's run state.
 */
#include "qemu/osdep.h"
#include "exec/cpu-exec.h"
#include "hw/core/device.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "sysemu/cpus.h"
#include "sysemu/runstate.h"
#include "trace/trace.h"

#define N_CPUS 3

struct CPUX86State {
    VCpu *v;
    uint32_t exit_request, irq, spins, halt_next, reset_next;   /* atomic */
    uint64_t insns;                                             /* atomic: what it has executed */
};

static CPUX86State cpus[N_CPUS];
static int resets, in_section;
static void (*during_reset)(void);

/* ---- the toy CPU: spins until asked to leave, halts or resets the machine when told to ---- */

static uint32_t take(uint32_t *flag)
{
    return __atomic_exchange_n(flag, 0, __ATOMIC_SEQ_CST);
}

int cpu_exec(CPUX86State *env)
{
    g_assert_true(current_vcpu == env->v);
    for (;;) {
        if (take(&env->exit_request)) {
            return EXCP_INTERRUPT;
        }
        take(&env->irq);
        if (take(&env->halt_next)) {
            return EXCP_HLT;
        }
        if (take(&env->reset_next)) {
            request_reset("test");
            continue;       /* guest code goes on only after the reset */
        }
        g_assert_cmpint(__atomic_load_n(&in_section, __ATOMIC_SEQ_CST), ==, 0);
        __atomic_add_fetch(&env->insns, 1, __ATOMIC_SEQ_CST);
    }
}

bool cpu_has_work(CPUX86State *env)
{
    return __atomic_load_n(&env->irq, __ATOMIC_SEQ_CST);
}

int64_t cpu_nap_ns(CPUX86State *env)
{
    return 0;
}

void cpu_request_exit(CPUX86State *env)
{
    __atomic_store_n(&env->exit_request, 1, __ATOMIC_SEQ_CST);
}

void device_reset_all(void)
{
    VCPU_FOREACH(v) {
        g_assert_true(v->stopped);
    }
    g_assert_true(big_lock_held());
    resets++;
    if (during_reset) {
        during_reset();
    }
}

/* ---- helpers ---- */

static uint64_t insns(int n)
{
    return __atomic_load_n(&cpus[n].insns, __ATOMIC_SEQ_CST);
}

static void wait_until_runs(int n)
{
    uint64_t before = insns(n);

    while (insns(n) == before) {
        g_usleep(100);
    }
}

static bool stands(int n)
{
    uint64_t before = insns(n);

    g_usleep(3000);
    return insns(n) == before;
}

static bool step_loop(int *status)
{
    main_loop_wait(1000000);
    return main_loop_should_exit(status);
}

/* ---- the tests ---- */

static void test_nothing_runs_before_start(void)
{
    g_assert_true(runstate_get() == RUN_STATE_PRELAUNCH);
    for (int i = 0; i < N_CPUS; i++) {
        g_assert_true(stands(i));
    }
}

static void test_stop_and_start(void)
{
    int64_t t;

    for (int round = 0; round < 50; round++) {
        vm_start();
        wait_until_runs(round % N_CPUS);
        vm_stop(RUN_STATE_PAUSED);
        g_assert_false(runstate_is_running());
        t = clock_get_ns(CLOCK_VM);
        VCPU_FOREACH(v) {
            uint64_t before = insns(v->index);

            g_thread_yield();
            g_assert_true(v->stopped);
            g_assert_cmpuint(insns(v->index), ==, before);
        }
        g_assert_cmpint(clock_get_ns(CLOCK_VM), ==, t);
    }
}

static void tell(uint32_t *flag)
{
    __atomic_store_n(flag, 1, __ATOMIC_SEQ_CST);
}

static void test_halted_sleeps_until_an_interrupt(void)
{
    vm_start();
    for (int round = 0; round < 50; round++) {
        tell(&cpus[1].halt_next);
        while (__atomic_load_n(&cpus[1].halt_next, __ATOMIC_SEQ_CST)) {
            g_usleep(50);
        }
        if (round < 2) {
            g_usleep(1000);
            g_assert_true(stands(1));
            vcpu_kick(cpus[1].v);       /* without an event HLT goes on */
            g_assert_true(stands(1));
        }
        tell(&cpus[1].irq);
        vcpu_kick(cpus[1].v);
        wait_until_runs(1);
    }
    vm_stop(RUN_STATE_PAUSED);
}

typedef struct Job {
    int ran_on[8], count;
} Job;

static void do_job(VCpu *v, void *opaque)
{
    Job *j = opaque;

    g_assert_true(current_vcpu == v);
    g_assert_false(big_lock_held());
    __atomic_store_n(&j->ran_on[__atomic_fetch_add(&j->count, 1, __ATOMIC_SEQ_CST) % 8], v->index, __ATOMIC_SEQ_CST);
}

static void test_work_runs_in_its_thread(void)
{
    Job j = { .count = 0 };

    vcpu_run_on(cpus[2].v, do_job, &j);     /* paused */
    vm_start();
    vcpu_run_on(cpus[0].v, do_job, &j);     /* running */
    tell(&cpus[1].halt_next);
    vcpu_run_on(cpus[1].v, do_job, &j);     /* halted, or about to */
    g_assert_true(big_lock_held());
    g_assert_cmpint(j.count, ==, 3);
    g_assert_cmpint(j.ran_on[0], ==, 2);
    g_assert_cmpint(j.ran_on[1], ==, 0);
    g_assert_cmpint(j.ran_on[2], ==, 1);
    vcpu_run_on_async(cpus[2].v, do_job, &j);
    while (__atomic_load_n(&j.count, __ATOMIC_SEQ_CST) < 4) {
        g_usleep(50);
    }
    tell(&cpus[1].irq);
    vcpu_kick(cpus[1].v);
    vm_stop(RUN_STATE_PAUSED);
}

static void note_thread(VCpu *v, void *opaque)
{
    *(VCpu **)opaque = current_vcpu ? current_vcpu : v;
}

static void test_async_work_for_who_stands_is_done_on_return(void)
{
    VCpu *done_for = NULL;

    g_assert_true(cpus[1].v->stopped);
    vcpu_run_on_async(cpus[1].v, note_thread, &done_for);
    g_assert_true(done_for == cpus[1].v);
}

static void take_long(VCpu *v, void *opaque)
{
    g_usleep(5000);
    __atomic_store_n((int *)opaque, 1, __ATOMIC_SEQ_CST);
}

/* Runs while the machine is being paused: for a vCPU that stands already. */
static void give_work_to_who_stands(VCpu *v, void *opaque)
{
    while (!__atomic_load_n(&cpus[1].v->stopped, __ATOMIC_ACQUIRE)) {
        g_usleep(50);
    }
    vcpu_run_on_async(cpus[1].v, take_long, opaque);
}

static void test_pause_waits_for_work(void)
{
    int done = 0;

    vm_start();
    vcpu_run_on_async(cpus[0].v, give_work_to_who_stands, &done);
    vm_stop(RUN_STATE_PAUSED);
    g_assert_cmpint(done, ==, 1);
}

static void ask_the_others(VCpu *v, void *opaque)
{
    VCPU_FOREACH(other) {
        if (other != v) {
            vcpu_run_on(other, do_job, opaque);
        }
    }
    __atomic_add_fetch(&((Job *)opaque)->count, 100, __ATOMIC_SEQ_CST);
}

static void test_vcpus_may_wait_for_each_other(void)
{
    Job j = { .count = 0 };

    vm_start();
    VCPU_FOREACH(v) {
        vcpu_run_on_async(v, ask_the_others, &j);
    }
    while (__atomic_load_n(&j.count, __ATOMIC_SEQ_CST) < 100 * N_CPUS + N_CPUS * (N_CPUS - 1)) {
        g_usleep(100);
    }
    vm_stop(RUN_STATE_PAUSED);
}

static void section(VCpu *v, void *opaque)
{
    int *sum = opaque;

    for (int i = 0; i < 200; i++) {
        exclusive_start();
        g_assert_cmpint(__atomic_add_fetch(&in_section, 1, __ATOMIC_SEQ_CST), ==, 1);
        ++*sum;     /* nobody else, so no atomic */
        __atomic_sub_fetch(&in_section, 1, __ATOMIC_SEQ_CST);
        exclusive_end();
    }
}

static void test_exclusive_sections_exclude(void)
{
    int sum = 0;
    uint64_t before = exclusive_count();

    vm_start();
    VCPU_FOREACH(v) {
        vcpu_run_on_async(v, section, &sum);
    }
    section(NULL, &sum);    /* the IO thread, with the big lock */
    g_assert_true(big_lock_held());
    while (exclusive_count() - before < 200 * (N_CPUS + 1)) {
        g_usleep(100);
    }
    vm_stop(RUN_STATE_PAUSED);
    g_assert_cmpint(sum, ==, 200 * (N_CPUS + 1));
}

static uint32_t sections_enough;

static gpointer sections_all_the_time(gpointer opaque)
{
    uint32_t *count = opaque;

    while (!__atomic_load_n(&sections_enough, __ATOMIC_SEQ_CST)) {
        exclusive_start();
        exclusive_end();
        __atomic_add_fetch(count, 1, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

static void test_sections_starve_nobody(void)
{
    uint32_t count[2] = { 0, 0 };
    GThread *threads[2];

    vm_start();
    sections_enough = 0;
    for (int i = 0; i < 2; i++) {
        threads[i] = g_thread_new("sections", sections_all_the_time, &count[i]);
    }
    for (int round = 0; round < 20; round++) {
        uint32_t before[2];

        for (int i = 0; i < 2; i++) {
            before[i] = __atomic_load_n(&count[i], __ATOMIC_SEQ_CST);
        }

        for (int i = 0; i < N_CPUS; i++) {
            wait_until_runs(i);
        }
        for (int i = 0; i < 2; i++) {
            while (__atomic_load_n(&count[i], __ATOMIC_SEQ_CST) == before[i]) {
                g_usleep(100);
            }
        }
    }
    tell(&sections_enough);
    for (int i = 0; i < 2; i++) {
        g_thread_join(threads[i]);
    }
    vm_stop(RUN_STATE_PAUSED);
}

static void test_reset_request_from_a_vcpu(void)
{
    int status = -1;

    vm_start();
    resets = 0;
    tell(&cpus[1].reset_next);
    while (!resets) {
        g_assert_false(step_loop(&status));
    }
    g_assert_true(runstate_is_running());
    for (int i = 0; i < N_CPUS; i++) {
        wait_until_runs(i);
    }
    vm_stop(RUN_STATE_PAUSED);
    request_reset("test");
    g_assert_false(main_loop_should_exit(&status));
    g_assert_cmpint(resets, ==, 2);
    g_assert_true(runstate_get() == RUN_STATE_PAUSED && stands(0));
}

static void stop_and_cont(void)
{
    vm_stop(RUN_STATE_PAUSED);
    vm_start();
    VCPU_FOREACH(v) {
        g_assert_true(v->stopped);
    }
}

static void cont_and_stop(void)
{
    stop_and_cont();
    g_assert_true(vm_is_to_run());
    vm_stop(RUN_STATE_PAUSED);
}

/* While drives are drained monitors are listened to. */
static void test_cont_waits_for_the_end_of_a_reset(void)
{
    int status = -1;

    vm_start();
    during_reset = stop_and_cont;
    request_reset("test");
    g_assert_false(main_loop_should_exit(&status));
    g_assert_true(runstate_is_running());
    wait_until_runs(0);
    during_reset = cont_and_stop;
    request_reset("test");
    g_assert_false(main_loop_should_exit(&status));
    g_assert_true(runstate_get() == RUN_STATE_PAUSED && !vm_is_to_run() && stands(0));
    during_reset = NULL;
}

static void test_suspend_and_wake_up(void)
{
    int status = -1;

    vm_start();
    resets = 0;
    request_wakeup();       /* nothing to wake */
    request_suspend();
    g_assert_false(main_loop_should_exit(&status));
    g_assert_true(runstate_get() == RUN_STATE_SUSPENDED && stands(0));
    request_wakeup();
    g_assert_false(main_loop_should_exit(&status));
    g_assert_cmpint(resets, ==, 1);
    wait_until_runs(0);
    request_stop(RUN_STATE_PAUSED);
    g_assert_false(main_loop_should_exit(&status));
    g_assert_true(runstate_get() == RUN_STATE_PAUSED);
}

static void test_shutdown_rules(void)
{
    int status = -1;

    opt_no_shutdown = true;
    vm_start();
    request_shutdown(SHUTDOWN_GUEST);
    g_assert_true(shutdown_requested());
    g_assert_false(main_loop_should_exit(&status));
    g_assert_true(runstate_get() == RUN_STATE_SHUTDOWN);
    request_reset("test");
    g_assert_false(main_loop_should_exit(&status));
    g_assert_true(runstate_get() == RUN_STATE_PAUSED);
    request_shutdown(SHUTDOWN_QUIT);        /* the user always gets out */
    request_shutdown(SHUTDOWN_GUEST);       /* also when the guest is switched off before that is seen */
    g_assert_true(main_loop_should_exit(&status));
    g_assert_cmpint(status, ==, 0);
    g_assert_false(main_loop_should_exit(&status));
    opt_no_shutdown = false;
    opt_no_reboot = true;
    request_reset("test");
    g_assert_true(main_loop_should_exit(&status));
    opt_no_reboot = false;
    request_exit(33);
    g_assert_true(main_loop_should_exit(&status));
    g_assert_cmpint(status, ==, 33);
    g_assert_false(main_loop_should_exit(&status));
}

/* As a disk does that waits for its last transfer. */
static void ask_and_run_the_loop(void)
{
    during_reset = NULL;
    request_shutdown(SHUTDOWN_QUIT);
    main_loop_wait(0);
}

static void test_a_request_during_a_reset_is_not_slept_over(void)
{
    int status = -1;

    during_reset = ask_and_run_the_loop;
    request_reset("test");
    g_assert_false(main_loop_should_exit(&status));
    main_loop_wait(-1);
    g_assert_true(main_loop_should_exit(&status));
}

static void test_signal_becomes_a_shutdown(void)
{
    int status = -1;

    runstate_init_signals();
    raise(SIGTERM);
    while (!step_loop(&status)) {
    }
    g_assert_cmpint(status, ==, 0);
}

static void test_all_threads_end(void)
{
    vm_start();
    tell(&cpus[1].halt_next);
    vcpus_shutdown();
    g_assert_true(big_lock_held());
    VCPU_FOREACH(v) {
        g_assert_null(v->thread);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    main_loop_init(&error_abort);
    big_lock();
    for (int i = 0; i < N_CPUS; i++) {
        cpus[i].v = vcpu_new(i, &cpus[i]);
    }
    VCPU_FOREACH(v) {
        vcpu_start_thread(v);
    }
    g_test_add_func("/cpus/nothing_runs_before_start", test_nothing_runs_before_start);
    g_test_add_func("/cpus/stop_and_start", test_stop_and_start);
    g_test_add_func("/cpus/halted_sleeps_until_an_interrupt", test_halted_sleeps_until_an_interrupt);
    g_test_add_func("/cpus/work_runs_in_its_thread", test_work_runs_in_its_thread);
    g_test_add_func("/cpus/async_work_for_who_stands_is_done_on_return",
                    test_async_work_for_who_stands_is_done_on_return);
    g_test_add_func("/cpus/pause_waits_for_work", test_pause_waits_for_work);
    g_test_add_func("/cpus/vcpus_may_wait_for_each_other", test_vcpus_may_wait_for_each_other);
    g_test_add_func("/cpus/sections_starve_nobody", test_sections_starve_nobody);
    g_test_add_func("/cpus/exclusive_sections_exclude", test_exclusive_sections_exclude);
    g_test_add_func("/cpus/reset_request_from_a_vcpu", test_reset_request_from_a_vcpu);
    g_test_add_func("/cpus/cont_waits_for_the_end_of_a_reset", test_cont_waits_for_the_end_of_a_reset);
    g_test_add_func("/cpus/suspend_and_wake_up", test_suspend_and_wake_up);
    g_test_add_func("/cpus/shutdown_rules", test_shutdown_rules);
    g_test_add_func("/cpus/a_request_during_a_reset_is_not_slept_over",
                    test_a_request_during_a_reset_is_not_slept_over);
    g_test_add_func("/cpus/signal_becomes_a_shutdown", test_signal_becomes_a_shutdown);
    g_test_add_func("/cpus/all_threads_end", test_all_threads_end);
    return g_test_run();
}
