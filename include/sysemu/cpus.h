/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPU threads. Each vCPU runs in its own thread; see docs/threads.md for halt, kick, stop and exclusive sections.
 */
#ifndef SYSEMU_CPUS_H
#define SYSEMU_CPUS_H

#include "qemu/error.h"

typedef struct CPUX86State CPUX86State;
typedef struct VCpu VCpu;

struct VCpu {
    int index;
    CPUX86State *env;           /* the guest CPU */
    GThread *thread;
    GMutex work_lock;           /* guards: work, halted wake-up */
    GCond wake;
    GQueue work;                /* run-on-cpu items */
    bool created, stop, stopped, unplug;
    bool halted;                /* HLT or wait-for-SIPI: sleeps until kicked */
    VCpu *next;
};

extern VCpu *vcpus;             /* list by index */
extern __thread VCpu *current_vcpu;
extern int smp_cpus, smp_cores, smp_threads, smp_sockets, smp_max_cpus;
#define VCPU_FOREACH(v) for (VCpu *v = vcpus; v; v = v->next)

VCpu *vcpu_new(int index, CPUX86State *env);
void vcpu_start_thread(VCpu *v);
void vcpu_kick(VCpu *v);                    /* any thread: leaves translated code or HLT soon and looks at requests */
void vcpus_pause_all(void);                 /* big lock held, not from a vCPU thread; returns when all stand */
void vcpus_resume_all(void);
void vcpus_shutdown(void);                  /* joins all threads */
typedef void VCpuWorkFn(VCpu *v, void *opaque);
void vcpu_run_on(VCpu *v, VCpuWorkFn *fn, void *opaque);        /* waits; runs at once when v is the caller */
void vcpu_run_on_async(VCpu *v, VCpuWorkFn *fn, void *opaque);
/* Stops every vCPU at a block boundary. Callable from a vCPU (outside translated code) or the IO thread. Counted in jit statistics. */
void exclusive_start(void);
void exclusive_end(void);

#endif
