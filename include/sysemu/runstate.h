/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine's run state and the requests that change it. Requests may come from any thread, a vCPU included;
 * the IO thread carries them out between two iterations of the main loop.
 */
#ifndef SYSEMU_RUNSTATE_H
#define SYSEMU_RUNSTATE_H

#include "qemu/osdep.h"

typedef enum RunState { RUN_STATE_PRELAUNCH, RUN_STATE_RUNNING, RUN_STATE_PAUSED, RUN_STATE_SHUTDOWN, RUN_STATE_SUSPENDED,
                        RUN_STATE_INTERNAL_ERROR } RunState;
typedef enum ShutdownCause { SHUTDOWN_NONE, SHUTDOWN_GUEST, SHUTDOWN_HOST_SIGNAL, SHUTDOWN_QUIT, SHUTDOWN_GUEST_RESET,
                             SHUTDOWN_DEBUG_EXIT } ShutdownCause;

extern bool opt_no_reboot, opt_no_shutdown;

RunState runstate_get(void);
bool runstate_is_running(void);
void vm_start(void);        /* big lock held: clock and vCPUs run */
void vm_stop(RunState s);   /* big lock held: vCPUs stand at a block boundary when it returns */

void request_reset(const char *why);                /* why: trace text; -no-reboot turns it into a shutdown */
void request_shutdown(ShutdownCause cause);
void request_exit(int status);                      /* isa-debug-exit: leave with this status */
void request_suspend(void);                         /* S3 */
/* Main loop side: carries out pending requests; true when the program should end, *status is the exit status. */
bool main_loop_should_exit(int *status);

#endif
