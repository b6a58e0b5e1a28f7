/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pool of threads for blocking calls, and the way of their results back to the IO thread. */
#include "qemu/osdep.h"
#include <pthread.h>
#include <signal.h>
#include "qemu/coroutine.h"
#include "qemu/main-loop.h"
#include "qemu/worker.h"

/* Guards the queue and the counts below. */
static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t pool_cond = PTHREAD_COND_INITIALIZER;
static WorkerJob *queue_first, *queue_last;
static unsigned n_threads, n_idle, n_queued;

/* A stack, last one first: pushed by any thread, taken as a whole by the IO thread. */
static WorkerJob *completed;
static unsigned n_waiting;          /* calls of worker_wait() under way; big lock */
static Bh *completed_bh;            /* made once, under pool_lock; read after a job has been seen */

/* In the order in which they were completed. */
static void run_completed(void *opaque)
{
    WorkerJob *job = __atomic_exchange_n(&completed, NULL, __ATOMIC_ACQUIRE), *in_order = NULL;

    while (job) {
        WorkerJob *next = job->next;

        job->next = in_order;
        in_order = job;
        job = next;
    }
    while (in_order) {
        job = in_order;
        in_order = job->next;
        job->done(job, job->ret);
    }
}

static Bh *get_bh(void)
{
    Bh *bh = __atomic_load_n(&completed_bh, __ATOMIC_ACQUIRE);

    if (unlikely(!bh)) {
        pthread_mutex_lock(&pool_lock);
        if (!completed_bh) {
            __atomic_store_n(&completed_bh, bh_new(run_completed, NULL), __ATOMIC_RELEASE);
        }
        bh = completed_bh;
        pthread_mutex_unlock(&pool_lock);
    }
    return bh;
}

void worker_complete(WorkerJob *job, int ret)
{
    Bh *bh = get_bh();

    job->ret = ret;
    job->next = __atomic_load_n(&completed, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&completed, &job->next, job, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
    }
    bh_schedule(bh);
}

static void finish(WorkerJob *job, int ret)
{
    if (!job->done_anywhere || ret < 0) {
        worker_complete(job, ret);
        return;
    }
    big_lock();
    job->done(job, ret);
    worker_wake_waiting();
    big_unlock();
}

void worker_wake_waiting(void)
{
    if (n_waiting) {
        main_loop_wake();
    }
}

void worker_wait(void)
{
    n_waiting++;
    main_loop_wait(-1);
    n_waiting--;
}

static void *worker_thread(void *opaque)
{
    pthread_setname_np(pthread_self(), "worker");
    pthread_mutex_lock(&pool_lock);
    for (;;) {
        WorkerJob *job = queue_first;

        if (!job) {
            n_idle++;
            pthread_cond_wait(&pool_cond, &pool_lock);
            n_idle--;
            continue;
        }
        queue_first = job->next;
        if (!queue_first) {
            queue_last = NULL;
        }
        n_queued--;
        pthread_mutex_unlock(&pool_lock);
        finish(job, job->run(job));
        pthread_mutex_lock(&pool_lock);
    }
    return NULL;
}

/* Workers take no signals: those are the main thread's and the vCPUs'. */
static void start_thread_locked(void)
{
    pthread_t thread;
    sigset_t all, old;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    if (!pthread_create(&thread, NULL, worker_thread, NULL)) {
        pthread_detach(thread);
        n_threads++;
    } else if (!n_threads) {
        g_error("cannot start a thread for I/O");
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void worker_submit(WorkerJob *job)
{
    bool anyone_sleeps;

    job->next = NULL;
    pthread_mutex_lock(&pool_lock);
    if (queue_last) {
        queue_last->next = job;
    } else {
        queue_first = job;
    }
    queue_last = job;
    n_queued++;
    if (n_queued > n_idle && n_threads < WORKERS_MAX) {
        start_thread_locked();
    }
    anyone_sleeps = n_idle;
    pthread_mutex_unlock(&pool_lock);
    if (anyone_sleeps) {
        pthread_cond_signal(&pool_cond);    /* without the lock, which the woken thread takes first */
    }
}

/* ---- for coroutines ---------------------------------------------------------------------------------------------- */

typedef struct CoJob {
    WorkerJob job;
    Coroutine *co;
    int (*fn)(void *opaque);
    void *opaque;
    int ret;
} CoJob;

static int co_job_run(WorkerJob *job)
{
    CoJob *c = container_of(job, CoJob, job);

    return c->fn(c->opaque);
}

static void co_job_done(WorkerJob *job, int ret)
{
    CoJob *c = container_of(job, CoJob, job);

    c->ret = ret;
    co_enter(c->co);
}

int co_worker_run(int (*fn)(void *opaque), void *opaque)
{
    CoJob c = { .job = { .run = co_job_run, .done = co_job_done }, .co = co_self(), .fn = fn, .opaque = opaque };

    if (!c.co) {
        return fn(opaque);
    }
    worker_submit(&c.job);
    co_yield();
    return c.ret;
}
