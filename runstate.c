/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The run state of the machine, and the requests that change it.
 *
 * Requests are bits that any thread or signal handler sets; the IO thread takes them between two iterations of its
 * loop. A vCPU that makes a request stands still right after the instruction that made it.
 */
#include "qemu/osdep.h"
#include <signal.h>
#include "block/backend.h"
#include "hw/core/device.h"
#include "qemu/log.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "sysemu/cpus.h"
#include "sysemu/runstate.h"
#include "trace/root.h"

enum {
    REQ_EXIT = 1 << 0, REQ_SHUTDOWN = 1 << 1, REQ_RESET = 1 << 2, REQ_SUSPEND = 1 << 3, REQ_WAKEUP = 1 << 4,
    REQ_STOP = 1 << 5,
    REQ_LEAVE = 1 << 6,         /* as REQ_SHUTDOWN, by the user: -no-shutdown is about what the guest does */
};

typedef struct Notifier {
    void (*fn)(void *opaque, bool running, RunState s);
    void *opaque;
    struct Notifier *next;
} Notifier;

/* Set while options are parsed. */
bool opt_no_reboot, opt_no_shutdown;
PanicAction opt_panic_action;

/* Atomic, each: requests come without a lock. What belongs to a request is written before its bit. */
static uint32_t requests;
static int exit_status;
static RunState stop_state;
static int killed_by_signal;
static pid_t killer_pid;

/* Big lock. */
static RunState run_state = RUN_STATE_PRELAUNCH;
static Notifier *notifiers;
static bool reset_is_wakeup;
static unsigned holds;
static bool start_when_let_go;

static const char *const state_names[] = {
    [RUN_STATE_PRELAUNCH] = "prelaunch", [RUN_STATE_RUNNING] = "running", [RUN_STATE_PAUSED] = "paused",
    [RUN_STATE_SHUTDOWN] = "shutdown", [RUN_STATE_SUSPENDED] = "suspended",
    [RUN_STATE_INTERNAL_ERROR] = "internal-error", [RUN_STATE_RESTORE_VM] = "restore-vm",
    [RUN_STATE_WATCHDOG] = "watchdog", [RUN_STATE_GUEST_PANICKED] = "guest-panicked",
    [RUN_STATE_IO_ERROR] = "io-error",
};

static const char *const cause_names[] = {
    [SHUTDOWN_NONE] = "none", [SHUTDOWN_GUEST] = "guest", [SHUTDOWN_HOST_SIGNAL] = "host signal",
    [SHUTDOWN_QUIT] = "quit", [SHUTDOWN_GUEST_RESET] = "guest reset", [SHUTDOWN_DEBUG_EXIT] = "debug exit",
};

const char *runstate_name(RunState s)
{
    return state_names[s];
}

RunState runstate_get(void)
{
    return __atomic_load_n(&run_state, __ATOMIC_ACQUIRE);
}

bool runstate_is_running(void)
{
    return runstate_get() == RUN_STATE_RUNNING;
}

void runstate_add_notifier(void (*fn)(void *opaque, bool running, RunState s), void *opaque)
{
    Notifier **end = &notifiers;
    Notifier *n = g_new0(Notifier, 1);

    n->fn = fn;
    n->opaque = opaque;
    while (*end) {
        end = &(*end)->next;
    }
    *end = n;
}

static void set_state(RunState s)
{
    if (s != run_state) {
        trace_runstate_set(state_names[run_state], state_names[s]);
        __atomic_store_n(&run_state, s, __ATOMIC_RELEASE);
        for (Notifier *n = notifiers; n; n = n->next) {
            n->fn(n->opaque, s == RUN_STATE_RUNNING, s);
        }
    }
}

/* ---- changes, in the IO thread ---- */

void vm_start(void)
{
    if (run_state == RUN_STATE_RUNNING) {
        return;
    }
    if (holds) {
        start_when_let_go = true;
    } else {
        clock_vm_enable(true);
        set_state(RUN_STATE_RUNNING);
        vcpus_resume_all();
    }
}

void vm_hold(void)
{
    holds++;
}

void vm_let_go(void)
{
    assert(holds);
    if (!--holds && start_when_let_go) {
        start_when_let_go = false;
        vm_start();
    }
}

bool vm_is_to_run(void)
{
    return runstate_is_running() || start_when_let_go;
}

void vm_stop(RunState s)
{
    if (current_vcpu) {
        request_stop(s);
        return;
    }
    start_when_let_go = false;
    vcpus_pause_all();
    clock_vm_enable(false);
    set_state(s);
}

/*
 * A reset walks over devices and memory in one go: nothing may run the loop in there, as a user or a guest could take a
 * device away from under it. So drives are drained before. The loop runs meanwhile; who says "cont" there has to wait.
 */
static void reset_machine(bool wakeup)
{
    trace_runstate_reset(wakeup);
    vm_hold();
    vcpus_pause_all();
    blk_drain_all();
    reset_is_wakeup = wakeup;
    device_reset_all();
    reset_is_wakeup = false;
    vm_let_go();
    if (run_state == RUN_STATE_RUNNING) {
        return;     /* main_loop_should_exit() lets the vCPUs go */
    }
    if (wakeup) {
        vm_start();
    } else if (run_state == RUN_STATE_SHUTDOWN || run_state == RUN_STATE_INTERNAL_ERROR
               || run_state == RUN_STATE_SUSPENDED || run_state == RUN_STATE_RESTORE_VM) {
        set_state(RUN_STATE_PAUSED);    /* there is a machine again that may be continued */
    }
}

bool runstate_reset_is_wakeup(void)
{
    return reset_is_wakeup;
}

/* ---- requests, from anywhere ---- */

static void post(uint32_t request)
{
    vcpu_stop_current();    /* first: carrying the request out is what continues it */
    __atomic_or_fetch(&requests, request, __ATOMIC_SEQ_CST);
    main_loop_wake();
}

void request_shutdown(ShutdownCause cause)
{
    trace_runstate_request("shutdown", cause_names[cause]);
    post(cause == SHUTDOWN_GUEST || cause == SHUTDOWN_GUEST_RESET ? REQ_SHUTDOWN : REQ_LEAVE);
}

void request_reset(const char *why)
{
    trace_runstate_request("reset", why);
    if (opt_no_reboot) {
        request_shutdown(SHUTDOWN_GUEST_RESET);
    } else {
        post(REQ_RESET);
    }
}

void request_exit(int status)
{
    trace_runstate_request("exit", cause_names[SHUTDOWN_DEBUG_EXIT]);
    __atomic_store_n(&exit_status, status, __ATOMIC_RELEASE);
    post(REQ_EXIT);
}

void request_panic(void)
{
    switch (opt_panic_action) {
    case PANIC_SHUTDOWN:
        request_shutdown(SHUTDOWN_GUEST);
        break;
    case PANIC_PAUSE:
        request_stop(RUN_STATE_GUEST_PANICKED);
        break;
    case PANIC_EXIT_FAILURE:
        request_exit(1);
        break;
    case PANIC_NONE:
        break;
    }
}

void request_suspend(void)
{
    trace_runstate_request("suspend", cause_names[SHUTDOWN_GUEST]);
    post(REQ_SUSPEND);
}

void request_wakeup(void)
{
    if (runstate_get() == RUN_STATE_SUSPENDED) {
        trace_runstate_request("wakeup", "device");
        post(REQ_WAKEUP);
    }
}

void request_stop(RunState s)
{
    trace_runstate_request("stop", state_names[s]);
    __atomic_store_n(&stop_state, s, __ATOMIC_RELEASE);
    post(REQ_STOP);
}

bool shutdown_requested(void)
{
    return __atomic_load_n(&requests, __ATOMIC_ACQUIRE) & (REQ_SHUTDOWN | REQ_LEAVE | REQ_EXIT);
}

/* ---- signals ---- */

static void on_terminating_signal(int sig, siginfo_t *info, void *context)
{
    /* Only what is allowed in a signal handler: no trace, no lock. */
    __atomic_store_n(&killer_pid, info->si_code == SI_USER || info->si_code == SI_QUEUE ? info->si_pid : 0,
                     __ATOMIC_RELAXED);
    __atomic_store_n(&killed_by_signal, sig, __ATOMIC_RELAXED);
    __atomic_or_fetch(&requests, REQ_LEAVE, __ATOMIC_SEQ_CST);
    main_loop_wake();
}

void runstate_init_signals(void)
{
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction action = { .sa_sigaction = on_terminating_signal, .sa_flags = SA_SIGINFO };

    for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
        struct sigaction old;

        /* nohup and background jobs of a shell script have some of them ignored: keep it so. */
        sigaction(signals[i], NULL, &old);
        if (old.sa_handler != SIG_IGN) {
            sigaction(signals[i], &action, NULL);
        }
    }
}

static char *process_name(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/comm", (int)pid);
    char *name = NULL;

    if (!g_file_get_contents(path, &name, NULL, NULL)) {
        return g_strdup("<unknown process>");
    }
    return g_strchomp(name);
}

static void report_signal(void)
{
    int sig = __atomic_exchange_n(&killed_by_signal, 0, __ATOMIC_RELAXED);
    pid_t pid = __atomic_load_n(&killer_pid, __ATOMIC_RELAXED);

    if (sig && pid) {
        g_autofree char *name = process_name(pid);

        error_report("terminating on signal %d from pid %d (%s)", sig, (int)pid, name);
    } else if (sig) {
        error_report("terminating on signal %d", sig);
    }
}

/* ---- carrying requests out ---- */

static bool take(uint32_t request)
{
    return __atomic_fetch_and(&requests, ~request, __ATOMIC_SEQ_CST) & request;
}

bool main_loop_should_exit(int *status)
{
    if (likely(!__atomic_load_n(&requests, __ATOMIC_ACQUIRE))) {
        return false;
    }
    if (take(REQ_EXIT)) {
        *status = __atomic_load_n(&exit_status, __ATOMIC_ACQUIRE);
        return true;
    }
    if (take(REQ_LEAVE)) {
        report_signal();
        *status = 0;
        return true;
    }
    if (take(REQ_SHUTDOWN)) {
        if (!opt_no_shutdown) {
            *status = 0;
            return true;
        }
        vm_stop(RUN_STATE_SHUTDOWN);
    }
    if (take(REQ_SUSPEND) && run_state == RUN_STATE_RUNNING) {
        vcpus_pause_all();      /* time goes on: the alarm clock wakes the machine */
        set_state(RUN_STATE_SUSPENDED);
    }
    if (take(REQ_RESET)) {
        reset_machine(false);
    }
    if (take(REQ_WAKEUP) && run_state == RUN_STATE_SUSPENDED) {
        reset_machine(true);
    }
    if (take(REQ_STOP)) {
        vm_stop(__atomic_load_n(&stop_state, __ATOMIC_ACQUIRE));
    }
    if (run_state == RUN_STATE_RUNNING) {
        vcpus_resume_all();     /* a request that came to nothing has still stopped the vCPU that made it */
    }
    if (unlikely(__atomic_load_n(&requests, __ATOMIC_ACQUIRE))) {
        main_loop_wake();       /* it came while a device ran the loop to drain its disk: that took the wake-up */
    }
    return false;
}
