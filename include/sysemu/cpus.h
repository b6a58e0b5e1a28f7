/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPU threads. Each vCPU runs in its own thread; see docs/threads.md for halt, kick, stop and exclusive sections.
 */
#ifndef SYSEMU_CPUS_H
#define SYSEMU_CPUS_H

#include "qemu/error.h"
#include <pthread.h>
#include <signal.h>

typedef struct CPUX86State CPUX86State;
typedef struct VCpu VCpu;

struct VCpu {
    int index;
    CPUX86State *env;           /* the guest CPU */
    GThread *thread;
    pthread_mutex_t work_lock;     /* guards: work, halted wake-up */
    pthread_cond_t wake;
    GQueue work;                /* run-on-cpu items */
    bool created, stop, stopped, unplug;
    bool halted;                /* HLT or wait-for-SIPI: sleeps until kicked */
    VCpu *next;
    bool running;               /* atomic: inside cpu_exec(), what an exclusive section waits for */
    bool needs_signal;          /* set by an accelerator that blocks in the kernel: a kick also sends SIG_IPI */
    uint32_t work_pending;      /* atomic: the work queue is not empty */
    pthread_t tid;
};

#define SIG_IPI SIGUSR1         /* the only signal vCPU threads take; its handler does nothing but interrupt */

extern VCpu *vcpus;             /* list by index */
extern __thread VCpu *current_vcpu;
extern int smp_cpus, smp_cores, smp_threads, smp_sockets, smp_max_cpus;
#define VCPU_FOREACH(v) for (VCpu *v = vcpus; v; v = v->next)

VCpu *vcpu_new(int index, CPUX86State *env);
void vcpu_start_thread(VCpu *v);
void vcpu_kick(VCpu *v);                    /* any thread: leaves translated code or HLT soon and looks at requests */
/*
 * True when cpu_exec() has to return EXCP_INTERRUPT: somebody wants this vCPU to stand, to do work or to let an
 * exclusive section pass. A kick for anything else (an interrupt) may be dealt with inside cpu_exec().
 */
static inline bool vcpu_must_leave(const VCpu *v)
{
    extern uint32_t exclusive_active;

    return __atomic_load_n(&v->stop, __ATOMIC_ACQUIRE) || __atomic_load_n(&v->work_pending, __ATOMIC_ACQUIRE)
           || __atomic_load_n(&v->unplug, __ATOMIC_ACQUIRE) || __atomic_load_n(&exclusive_active, __ATOMIC_ACQUIRE);
}
/* Big lock held, not from a vCPU thread. On return all stand, and have done their work. */
void vcpus_pause_all(void);
void vcpus_resume_all(void);
void vcpus_shutdown(void);                  /* joins all threads */
/* Stops the calling vCPU after the instruction that made a request (reset); vcpus_resume_all() continues it. */
void vcpu_stop_current(void);
/*
 * Work runs in v's thread between two blocks, also while v is halted or paused; without the big lock. Async work that
 * the IO thread has for a vCPU that stands it does itself, at once: a paused guest CPU is its own to change.
 */
typedef void VCpuWorkFn(VCpu *v, void *opaque);
void vcpu_run_on(VCpu *v, VCpuWorkFn *fn, void *opaque);        /* waits; runs at once when v is the caller */
void vcpu_run_on_async(VCpu *v, VCpuWorkFn *fn, void *opaque);
/*
 * Stops every vCPU at a block boundary. The big lock, when held, is given up while waiting and held again on return.
 * Callable from a vCPU (outside translated code) or the IO thread. Does not nest. Both may wait for other sections, so
 * of all locks only the big lock may be held around either.
 * Counted in jit statistics.
 */
void exclusive_start(void);
void exclusive_end(void);
bool exclusive_held(void);                  /* by the calling thread */
uint64_t exclusive_count(void);
/* EXCP_DEBUG: called in the vCPU's thread, without the big lock. NULL: the machine pauses. Set by the gdb stub. */
extern void (*vcpu_debug_hook)(VCpu *v);

#endif
