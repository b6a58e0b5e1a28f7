/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine's run state and the requests that change it. Requests may come from any thread, a vCPU included;
 * the IO thread carries them out between two iterations of the main loop.
 */
#ifndef SYSEMU_RUNSTATE_H
#define SYSEMU_RUNSTATE_H

#include "qemu/osdep.h"

typedef enum RunState {
    RUN_STATE_PRELAUNCH, RUN_STATE_RUNNING, RUN_STATE_PAUSED, RUN_STATE_SHUTDOWN, RUN_STATE_SUSPENDED,
    RUN_STATE_INTERNAL_ERROR,
    RUN_STATE_RESTORE_VM,       /* a snapshot was loaded in part: only a reset makes a machine of it again */
    RUN_STATE_WATCHDOG, RUN_STATE_GUEST_PANICKED,   /* stopped, because the user wants to look */
    RUN_STATE_IO_ERROR          /* stopped by a drive's rerror= or werror=; the request is tried again afterwards */
} RunState;
typedef enum ShutdownCause {
    SHUTDOWN_NONE, SHUTDOWN_GUEST, SHUTDOWN_HOST_SIGNAL, SHUTDOWN_QUIT, SHUTDOWN_GUEST_RESET, SHUTDOWN_DEBUG_EXIT
} ShutdownCause;

extern bool opt_no_reboot, opt_no_shutdown;

/* When the guest says that it is dead. */
typedef enum PanicAction { PANIC_SHUTDOWN, PANIC_PAUSE, PANIC_EXIT_FAILURE, PANIC_NONE } PanicAction;
extern PanicAction opt_panic_action;

RunState runstate_get(void);
bool runstate_is_running(void);
const char *runstate_name(RunState s);      /* as monitors print it: "running", "paused", "internal-error", ... */
void vm_start(void);        /* big lock held: clock and vCPUs run */
/*
 * big lock held. While held, vm_start() does not start the machine: that is done when the last one has let go, unless
 * vm_stop() comes later. For work on a machine that stands which runs the main loop, and monitors with it.
 */
void vm_hold(void);
void vm_let_go(void);
bool vm_is_to_run(void);    /* big lock held: it runs, or will when it is let go */
void vm_stop(RunState s);   /* big lock held: vCPUs stand at a block boundary when it returns */

void request_reset(const char *why);                /* why: trace text; -no-reboot turns it into a shutdown */
void request_shutdown(ShutdownCause cause);
void request_exit(int status);                      /* isa-debug-exit: leave with this status */
void request_panic(void);                           /* pvpanic: what opt_panic_action says */
void request_suspend(void);                         /* S3 */
void request_wakeup(void);                          /* leaves S3 through a reset; ignored in any other state */
void request_stop(RunState s);                      /* vm_stop() for callers that are no IO thread */
bool shutdown_requested(void);                      /* for waits that should not outlive a Ctrl-C */
bool runstate_reset_is_wakeup(void);                /* for reset handlers: this reset is the way out of S3 */
/* Main loop side: carries out pending requests; true when the program should end, *status is the exit status. */
bool main_loop_should_exit(int *status);

/* SIGINT, SIGTERM and SIGHUP become shutdown requests; call once, after main_loop_init(). */
void runstate_init_signals(void);
/* Called by vm_start() and vm_stop() after the change, big lock held. */
void runstate_add_notifier(void (*fn)(void *opaque, bool running, RunState s), void *opaque);

#endif
