/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bounded pool of threads for calls that block: file I/O, VNC clients. A job's run() is called in a worker, without
 * the big lock; done() follows with it, in the IO thread unless the job says otherwise. Threads are started when they
 * are needed and then stay.
 */
#ifndef QEMU_WORKER_H
#define QEMU_WORKER_H

#include "qemu/osdep.h"

#define WORKERS_MAX 16

typedef struct WorkerJob WorkerJob;
struct WorkerJob {          /* part of the caller's request, which stays until done() */
    int (*run)(WorkerJob *job);
    void (*done)(WorkerJob *job, int ret);      /* ret: what run() returned */
    bool done_anywhere;         /* a good result may be told in the worker, with the big lock: a thread switch less */
    int ret;
    WorkerJob *next;
};

void worker_submit(WorkerJob *job);             /* any thread */
/* For a job whose work is done already: done() follows as if a worker had run it. Any thread. */
void worker_complete(WorkerJob *job, int ret);
/* One turn of the main loop, for who waits for jobs to end, wherever that is noted. IO thread. */
void worker_wait(void);
void worker_wake_waiting(void);                 /* it has been noted; any thread, big lock held */
/* In a coroutine: gives way while fn runs in a worker. Elsewhere fn runs at once. What fn returned. */
int co_worker_run(int (*fn)(void *opaque), void *opaque);

#endif
