/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPU threads: run, halt, kick, stop, work from other threads, exclusive sections.
 *
 *             +------------------- stop ------------------+
 *             v                                           |
 *         standing -- resume --> may it run? -- yes --> cpu_exec()
 *             ^                   |     ^                 |
 *             +------ stop -------+     | kick            | HLT
 *                                 v     |                 |
 *                                halted +<----------------+
 *
 * Work queued by others runs wherever the thread is outside cpu_exec(). See docs/threads.md.
 */
#include "qemu/osdep.h"
#include "exec/cpu-exec.h"
#include "qemu/log.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "sysemu/cpus.h"
#include "sysemu/runstate.h"

/* The guest CPU's own question (target-i386): is there an event that ends HLT? Any state of the locks. */
bool cpu_has_work(CPUX86State *env);
/* How long it may sleep before it has to be asked again; 0: until somebody kicks it. Its own thread. */
int64_t cpu_nap_ns(CPUX86State *env);

typedef struct WorkItem {
    VCpuWorkFn *fn;
    void *opaque;
    VCpu *waiter;       /* the vCPU that waits for it, or NULL: any other thread, or nobody */
    bool done;          /* atomic */
    bool async;         /* ours to free */
} WorkItem;

VCpu *vcpus;            /* grows while the machine is built, before any vCPU runs; constant afterwards */
__thread VCpu *current_vcpu;
int smp_cpus = 1, smp_cores = 1, smp_threads = 1, smp_sockets = 1, smp_max_cpus = 1;
void (*vcpu_debug_hook)(VCpu *v);

/* Guards all below, and VCpu.stopped. (Not GMutex: race detectors cannot look into GLib's.) */
static pthread_mutex_t sync_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t sync_cond = PTHREAD_COND_INITIALIZER;     /* a vCPU has stopped, left cpu_exec() or done work */
static pthread_cond_t exclusive_over = PTHREAD_COND_INITIALIZER;
uint32_t exclusive_active;      /* atomic; 1 from the request to the end of an exclusive section */
static uint64_t exclusive_sections, tickets_drawn, tickets_done;     /* begun; places in the queue for one */
/* vCPUs that wait for the end of a section: the next one begins after they have gone on */
static unsigned held_up;
static unsigned work_open;      /* atomic: items of all queues that have not been done; they may queue others */

/* ---- creation ---- */

VCpu *vcpu_new(int index, CPUX86State *env)
{
    VCpu *v = g_new0(VCpu, 1);
    VCpu **end = &vcpus;
    pthread_condattr_t attr;

    v->index = index;
    v->env = env;
    v->stop = true;             /* until vm_start() */
    pthread_mutex_init(&v->work_lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&v->wake, &attr);
    pthread_condattr_destroy(&attr);
    g_queue_init(&v->work);
    while (*end && (*end)->index < index) {
        end = &(*end)->next;
    }
    v->next = *end;
    *end = v;
    return v;
}

/* ---- waking a vCPU ---- */

/* The halted or standing thread looks again. Taking the lock closes the gap between its look and its sleep. */
static void wake_thread(VCpu *v)
{
    pthread_mutex_lock(&v->work_lock);
    pthread_cond_broadcast(&v->wake);
    pthread_mutex_unlock(&v->work_lock);
}

void vcpu_kick(VCpu *v)
{
    cpu_request_exit(v->env);
    if (v == current_vcpu) {
        return;     /* it is awake, and sees the flag when it enters the next block */
    }
    wake_thread(v);
    if (v->needs_signal && __atomic_load_n(&v->created, __ATOMIC_ACQUIRE)) {
        pthread_kill(v->tid, SIG_IPI);
    }
}

/* ---- exclusive sections ---- */

/*
 * running and exclusive_active are a pair of flags, each written by one side and then read by the other (Dekker): with
 * sequentially consistent accesses at least one of the two sees the other.
 */
static void enter_running(VCpu *v)
{
    __atomic_store_n(&v->running, true, __ATOMIC_SEQ_CST);
    if (likely(!__atomic_load_n(&exclusive_active, __ATOMIC_SEQ_CST))) {
        return;
    }
    pthread_mutex_lock(&sync_lock);
    __atomic_store_n(&v->running, false, __ATOMIC_SEQ_CST);
    pthread_cond_broadcast(&sync_cond);
    held_up++;
    while (exclusive_active) {
        pthread_cond_wait(&exclusive_over, &sync_lock);
    }
    held_up--;
    __atomic_store_n(&v->running, true, __ATOMIC_SEQ_CST);      /* the lock keeps the next section off until here */
    pthread_cond_broadcast(&exclusive_over);
    pthread_mutex_unlock(&sync_lock);
}

static void leave_running(VCpu *v)
{
    __atomic_store_n(&v->running, false, __ATOMIC_SEQ_CST);
    if (unlikely(__atomic_load_n(&exclusive_active, __ATOMIC_SEQ_CST))) {
        pthread_mutex_lock(&sync_lock);
        pthread_cond_broadcast(&sync_cond);
        pthread_mutex_unlock(&sync_lock);
    }
}

static bool any_running(void)
{
    VCPU_FOREACH(v) {
        if (__atomic_load_n(&v->running, __ATOMIC_SEQ_CST)) {
            return true;
        }
    }
    return false;
}

static __thread bool was_running;   /* of the thread in an exclusive section: to be restored at its end */
static __thread bool in_exclusive;

/* Whoever waits for vCPUs must not hold what they may need to get there. Returns what to hand to retake_big_lock(). */
static bool drop_big_lock(void)
{
    bool held = big_lock_held();

    if (held) {
        big_unlock();
    }
    return held;
}

static void retake_big_lock(bool held)
{
    if (held) {
        big_lock();
    }
}

/* In the order of asking, and with a turn for everybody who was held up by the section before. Sync lock held. */
static void wait_for_turn(void)
{
    uint64_t ticket = tickets_drawn++;

    while (exclusive_active || held_up || tickets_done != ticket) {
        pthread_cond_wait(&exclusive_over, &sync_lock);
    }
}

void exclusive_start(void)
{
    bool held = drop_big_lock();

    was_running = current_vcpu && current_vcpu->running;
    if (was_running) {
        leave_running(current_vcpu);    /* two that want a section must not wait for each other */
    }
    pthread_mutex_lock(&sync_lock);
    wait_for_turn();
    __atomic_store_n(&exclusive_active, 1, __ATOMIC_SEQ_CST);
    exclusive_sections++;
    VCPU_FOREACH(v) {
        if (__atomic_load_n(&v->running, __ATOMIC_SEQ_CST)) {
            cpu_request_exit(v->env);
            if (v->needs_signal) {
                pthread_kill(v->tid, SIG_IPI);
            }
        }
    }
    while (any_running()) {
        pthread_cond_wait(&sync_cond, &sync_lock);
    }
    pthread_mutex_unlock(&sync_lock);
    in_exclusive = true;
    retake_big_lock(held);
}

bool exclusive_held(void)
{
    return in_exclusive;
}

void exclusive_end(void)
{
    in_exclusive = false;
    pthread_mutex_lock(&sync_lock);
    assert(exclusive_active);
    __atomic_store_n(&exclusive_active, 0, __ATOMIC_SEQ_CST);
    tickets_done++;
    pthread_cond_broadcast(&exclusive_over);
    pthread_mutex_unlock(&sync_lock);
    if (was_running) {
        bool held = drop_big_lock();    /* another section may be under way */

        was_running = false;
        enter_running(current_vcpu);
        retake_big_lock(held);
    }
}

uint64_t exclusive_count(void)
{
    uint64_t count;

    pthread_mutex_lock(&sync_lock);
    count = exclusive_sections;
    pthread_mutex_unlock(&sync_lock);
    return count;
}

/* ---- work from other threads ---- */

static void finish_item(WorkItem *item)
{
    VCpu *waiter = item->waiter;

    if (item->async) {
        g_free(item);
        return;
    }
    /* From "done" on the item may vanish: it lives on its waiter's stack. */
    if (waiter) {
        pthread_mutex_lock(&waiter->work_lock);
        __atomic_store_n(&item->done, true, __ATOMIC_RELEASE);
        pthread_cond_broadcast(&waiter->wake);
        pthread_mutex_unlock(&waiter->work_lock);
    } else {
        pthread_mutex_lock(&sync_lock);
        __atomic_store_n(&item->done, true, __ATOMIC_RELEASE);
        pthread_cond_broadcast(&sync_cond);
        pthread_mutex_unlock(&sync_lock);
    }
}

/* Whoever pauses waits for the last one. */
static void note_done(void)
{
    if (!__atomic_sub_fetch(&work_open, 1, __ATOMIC_SEQ_CST)) {
        pthread_mutex_lock(&sync_lock);
        pthread_cond_broadcast(&sync_cond);
        pthread_mutex_unlock(&sync_lock);
    }
}

/* Own thread, work lock held; it is given up while an item runs. */
static void run_work_locked(VCpu *v)
{
    WorkItem *item;

    while ((item = g_queue_pop_head(&v->work))) {
        VCpuWorkFn *fn = item->fn;
        void *opaque = item->opaque;

        pthread_mutex_unlock(&v->work_lock);
        fn(v, opaque);
        note_done();
        finish_item(item);
        pthread_mutex_lock(&v->work_lock);
    }
    __atomic_store_n(&v->work_pending, 0, __ATOMIC_RELEASE);
}

static void queue_work(VCpu *v, WorkItem *item)
{
    __atomic_add_fetch(&work_open, 1, __ATOMIC_SEQ_CST);
    pthread_mutex_lock(&v->work_lock);
    g_queue_push_tail(&v->work, item);
    __atomic_store_n(&v->work_pending, 1, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&v->work_lock);
    vcpu_kick(v);
}

/* A vCPU that waits for another one goes on working for others: two may wait for each other. */
static void wait_for_item_as_vcpu(VCpu *self, WorkItem *item)
{
    bool running = self->running;

    if (running) {
        leave_running(self);
    }
    pthread_mutex_lock(&self->work_lock);
    while (!__atomic_load_n(&item->done, __ATOMIC_ACQUIRE)) {
        if (!g_queue_is_empty(&self->work)) {
            run_work_locked(self);
        } else {
            pthread_cond_wait(&self->wake, &self->work_lock);
        }
    }
    pthread_mutex_unlock(&self->work_lock);
    if (running) {
        enter_running(self);
    }
}

void vcpu_run_on(VCpu *v, VCpuWorkFn *fn, void *opaque)
{
    WorkItem item = { .fn = fn, .opaque = opaque, .waiter = current_vcpu };
    bool held;

    if (v == current_vcpu || !v->thread) {
        fn(v, opaque);      /* without a thread nobody else can be in there */
        return;
    }
    held = drop_big_lock();
    queue_work(v, &item);
    if (current_vcpu) {
        wait_for_item_as_vcpu(current_vcpu, &item);
    } else {
        pthread_mutex_lock(&sync_lock);
        while (!__atomic_load_n(&item.done, __ATOMIC_ACQUIRE)) {
            pthread_cond_wait(&sync_cond, &sync_lock);
        }
        pthread_mutex_unlock(&sync_lock);
    }
    retake_big_lock(held);
}

/*
 * The IO thread is the only one to let a vCPU go that stands, and with the big lock the only one to give it work: the
 * guest CPU is the caller's. A reset or loadvm goes on with it at once, and its thread must not do so too.
 */
static bool is_in_our_hands(const VCpu *v)
{
    return in_io_thread() && big_lock_held() && __atomic_load_n(&v->stopped, __ATOMIC_ACQUIRE)
           && !__atomic_load_n(&work_open, __ATOMIC_SEQ_CST);
}

void vcpu_run_on_async(VCpu *v, VCpuWorkFn *fn, void *opaque)
{
    WorkItem *item;

    if (!v->thread || is_in_our_hands(v)) {
        fn(v, opaque);
        return;
    }
    item = g_new0(WorkItem, 1);
    item->fn = fn;
    item->opaque = opaque;
    item->async = true;
    queue_work(v, item);
}

/* ---- the thread ---- */

/* Work lock held: "stop" and "stopped" are looked at together. */
static void set_stopped_locked(VCpu *v, bool stopped)
{
    if (__atomic_load_n(&v->stopped, __ATOMIC_ACQUIRE) != stopped) {
        pthread_mutex_lock(&sync_lock);
        __atomic_store_n(&v->stopped, stopped, __ATOMIC_RELEASE);
        pthread_cond_broadcast(&sync_cond);
        pthread_mutex_unlock(&sync_lock);
    }
}

/* Work lock held. A CPU that waits for what nobody tells us of looks for itself now and then. */
static void sleep_locked(VCpu *v)
{
    int64_t nap = __atomic_load_n(&v->stop, __ATOMIC_ACQUIRE) ? 0 : cpu_nap_ns(v->env);
    struct timespec until;

    if (!nap) {
        pthread_cond_wait(&v->wake, &v->work_lock);
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    nap += until.tv_nsec;
    until.tv_sec += nap / NANOSECONDS_PER_SECOND;
    until.tv_nsec = nap % NANOSECONDS_PER_SECOND;
    pthread_cond_timedwait(&v->wake, &v->work_lock, &until);
}

/* Sleeps until guest code may run. False: the thread should end. */
static bool wait_until_runnable(VCpu *v)
{
    bool go_on = true;

    pthread_mutex_lock(&v->work_lock);
    for (;;) {
        run_work_locked(v);
        if (__atomic_load_n(&v->unplug, __ATOMIC_ACQUIRE)) {
            go_on = false;
            break;
        }
        if (__atomic_load_n(&v->stop, __ATOMIC_ACQUIRE)) {
            set_stopped_locked(v, true);
        } else {
            set_stopped_locked(v, false);
            if (!v->halted || cpu_has_work(v->env)) {
                v->halted = false;
                break;
            }
        }
        sleep_locked(v);
    }
    pthread_mutex_unlock(&v->work_lock);
    return go_on;
}

static void debug_stop(VCpu *v)
{
    if (vcpu_debug_hook) {
        vcpu_debug_hook(v);
    } else {
        request_stop(RUN_STATE_PAUSED);
    }
}

/* Only SIG_IPI, and the signals that mean this thread itself has failed. */
static void block_signals(void)
{
    static const int own[] = { SIG_IPI, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP };
    sigset_t set;

    sigfillset(&set);
    for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
        sigdelset(&set, own[i]);
    }
    pthread_sigmask(SIG_SETMASK, &set, NULL);
}

static gpointer vcpu_thread(gpointer opaque)
{
    VCpu *v = opaque;

    block_signals();
    current_vcpu = v;
    v->tid = pthread_self();
    __atomic_store_n(&v->created, true, __ATOMIC_RELEASE);

    while (wait_until_runnable(v)) {
        int result;

        enter_running(v);
        result = cpu_exec(v->env);
        leave_running(v);
        assert(!big_lock_held());
        if (result == EXCP_ATOMIC) {
            exclusive_start();
            cpu_exec_exclusive(v->env);
            exclusive_end();
        }
        if (result == EXCP_HLT || result == EXCP_HALTED) {
            v->halted = true;
        } else if (result == EXCP_DEBUG) {
            debug_stop(v);
        }
    }
    pthread_mutex_lock(&v->work_lock);
    set_stopped_locked(v, true);
    pthread_mutex_unlock(&v->work_lock);
    return NULL;
}

static void ipi_received(int sig)
{
}

void vcpu_start_thread(VCpu *v)
{
    g_autofree char *name = g_strdup_printf("CPU %d", v->index);
    struct sigaction ipi = { .sa_handler = ipi_received };     /* no SA_RESTART: it is there to interrupt */

    sigaction(SIG_IPI, &ipi, NULL);
    v->thread = g_thread_new(name, vcpu_thread, v);
}

/* ---- all of them ---- */

void vcpu_stop_current(void)
{
    if (current_vcpu) {
        __atomic_store_n(&current_vcpu->stop, true, __ATOMIC_RELEASE);
        cpu_request_exit(current_vcpu->env);
    }
}

/* And have nothing to do: what one queues for another while it stops is done before the caller looks at either. */
static bool all_stopped_locked(void)
{
    VCPU_FOREACH(v) {
        if (v->thread && !__atomic_load_n(&v->stopped, __ATOMIC_ACQUIRE)) {
            return false;
        }
    }
    return !__atomic_load_n(&work_open, __ATOMIC_SEQ_CST);
}

void vcpus_pause_all(void)
{
    bool held;

    assert(!current_vcpu);
    VCPU_FOREACH(v) {
        __atomic_store_n(&v->stop, true, __ATOMIC_RELEASE);
        vcpu_kick(v);
    }
    held = drop_big_lock();
    pthread_mutex_lock(&sync_lock);
    while (!all_stopped_locked()) {
        pthread_cond_wait(&sync_cond, &sync_lock);
    }
    pthread_mutex_unlock(&sync_lock);
    retake_big_lock(held);
}

void vcpus_resume_all(void)
{
    VCPU_FOREACH(v) {
        pthread_mutex_lock(&v->work_lock);
        __atomic_store_n(&v->stop, false, __ATOMIC_RELEASE);
        /* Here and not in its thread: a pause that follows at once must wait for it. */
        set_stopped_locked(v, false);
        pthread_cond_broadcast(&v->wake);
        pthread_mutex_unlock(&v->work_lock);
    }
}

void vcpus_shutdown(void)
{
    bool held;

    assert(!current_vcpu);
    VCPU_FOREACH(v) {
        __atomic_store_n(&v->unplug, true, __ATOMIC_RELEASE);
        vcpu_kick(v);
    }
    held = drop_big_lock();
    VCPU_FOREACH(v) {
        if (v->thread) {
            g_thread_join(v->thread);
            v->thread = NULL;
        }
    }
    retake_big_lock(held);
}
