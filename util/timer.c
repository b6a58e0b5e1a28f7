/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Clocks, and one sorted list of timers per clock.
 *
 * CLOCK_VM is the host's monotonic clock plus an offset while the machine runs, and a fixed number while it stands.
 * Readers are many and hot (every RDTSC of the guest), writers rare, so a sequence counter guards the pair.
 */
#include "qemu/osdep.h"
#include <pthread.h>
#include <time.h>
#include "qemu/timer.h"

/* A step of the host's wall clock is noticed after this long at the latest. */
#define HOST_CLOCK_POLL_NS  NANOSECONDS_PER_SECOND
/* A timer that keeps re-arming itself in the past must not keep the loop from its other duties. */
#define MAX_CALLBACKS_PER_RUN 1000

static struct {
    uint32_t seq;       /* odd while a writer is inside */
    bool running;
    bool manual;
    int64_t value;      /* running: offset to the monotonic clock; otherwise the time itself */
} vm_clock;

/* Guards everything below, and serialises writers of vm_clock. */
static pthread_mutex_t timer_lock = PTHREAD_MUTEX_INITIALIZER;
static Timer *timer_lists[CLOCK__COUNT];
/* Per clock the first expiry the main loop knows of: an earlier one has to wake it, a later one has not. */
static int64_t announced_ns[CLOCK__COUNT] = { INT64_MAX, INT64_MAX, INT64_MAX };
static void (*notify_fn)(void);

static int64_t host_clock_ns(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return ts.tv_sec * NANOSECONDS_PER_SECOND + ts.tv_nsec;
}

static int64_t vm_clock_ns(void)
{
    uint32_t seq;
    int64_t value;
    bool running;

    for (;;) {
        seq = __atomic_load_n(&vm_clock.seq, __ATOMIC_ACQUIRE);
        value = __atomic_load_n(&vm_clock.value, __ATOMIC_ACQUIRE);
        running = __atomic_load_n(&vm_clock.running, __ATOMIC_ACQUIRE);
        if (!(seq & 1) && seq == __atomic_load_n(&vm_clock.seq, __ATOMIC_ACQUIRE)) {
            return running ? value + host_clock_ns(CLOCK_MONOTONIC) : value;
        }
    }
}

int64_t clock_get_ns(ClockType clock)
{
    switch (clock) {
    case CLOCK_RT:
        return host_clock_ns(CLOCK_MONOTONIC);
    case CLOCK_HOST:
        return host_clock_ns(CLOCK_REALTIME);
    case CLOCK_VM:
    case CLOCK__COUNT:
        break;
    }
    return vm_clock_ns();
}

static void notify(void)
{
    void (*fn)(void) = __atomic_load_n(&notify_fn, __ATOMIC_ACQUIRE);

    if (fn) {
        fn();
    }
}

void timers_set_notify(void (*fn)(void))
{
    __atomic_store_n(&notify_fn, fn, __ATOMIC_RELEASE);
}

/* Timer lock held. */
static void vm_clock_write_locked(bool running, int64_t value)
{
    __atomic_add_fetch(&vm_clock.seq, 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&vm_clock.running, running, __ATOMIC_RELEASE);
    __atomic_store_n(&vm_clock.value, value, __ATOMIC_RELEASE);
    __atomic_add_fetch(&vm_clock.seq, 1, __ATOMIC_SEQ_CST);
}

void clock_vm_enable(bool run)
{
    pthread_mutex_lock(&timer_lock);
    if (!vm_clock.manual && run != vm_clock.running) {
        int64_t mono = host_clock_ns(CLOCK_MONOTONIC);

        vm_clock_write_locked(run, run ? vm_clock.value - mono : vm_clock.value + mono);
    }
    pthread_mutex_unlock(&timer_lock);
    notify();
}

void clock_vm_set(int64_t ns)
{
    pthread_mutex_lock(&timer_lock);
    vm_clock_write_locked(vm_clock.running, vm_clock.running ? ns - host_clock_ns(CLOCK_MONOTONIC) : ns);
    pthread_mutex_unlock(&timer_lock);
    notify();
}

void clock_vm_set_manual(bool on)
{
    int64_t now = vm_clock_ns();

    pthread_mutex_lock(&timer_lock);
    vm_clock.manual = on;
    vm_clock_write_locked(false, now);
    pthread_mutex_unlock(&timer_lock);
    notify();
}

bool clock_vm_is_manual(void)
{
    return __atomic_load_n(&vm_clock.manual, __ATOMIC_RELAXED);
}

void timer_init(Timer *t, ClockType clock, TimerCb *cb, void *opaque)
{
    *t = (Timer) { .clock = clock, .expire_ns = -1, .cb = cb, .opaque = opaque };
}

static void unlink_locked(Timer *t)
{
    Timer **p;

    if (t->expire_ns < 0) {
        return;
    }
    p = &timer_lists[t->clock];
    while (*p != t) {
        p = &(*p)->next;
    }
    *p = t->next;
    t->next = NULL;
    __atomic_store_n(&t->expire_ns, -1, __ATOMIC_RELAXED);
}

void timer_arm(Timer *t, int64_t expire_ns)
{
    bool earlier;
    Timer **p;

    expire_ns = MAX(expire_ns, 0);      /* -1 means "not armed" */
    pthread_mutex_lock(&timer_lock);
    unlink_locked(t);
    p = &timer_lists[t->clock];
    while (*p && (*p)->expire_ns <= expire_ns) {    /* equal times run in the order of arming */
        p = &(*p)->next;
    }
    t->next = *p;
    __atomic_store_n(&t->expire_ns, expire_ns, __ATOMIC_RELAXED);
    *p = t;
    earlier = expire_ns < announced_ns[t->clock];
    if (earlier) {
        announced_ns[t->clock] = expire_ns;     /* one wake-up is enough */
    }
    pthread_mutex_unlock(&timer_lock);
    if (earlier) {
        notify();
    }
}

void timer_disarm(Timer *t)
{
    pthread_mutex_lock(&timer_lock);
    unlink_locked(t);
    pthread_mutex_unlock(&timer_lock);
}

/* A clock that stands still has no deadlines, and runs nothing: the machine is frozen as it is. */
static bool clock_is_live(ClockType clock)
{
    return clock != CLOCK_VM || __atomic_load_n(&vm_clock.running, __ATOMIC_RELAXED)
           || __atomic_load_n(&vm_clock.manual, __ATOMIC_RELAXED);
}

int64_t timers_deadline_ns(void)
{
    int64_t nearest = INT64_MAX;

    pthread_mutex_lock(&timer_lock);
    for (int c = 0; c < CLOCK__COUNT; c++) {
        const Timer *first = timer_lists[c];
        int64_t now, delta;

        announced_ns[c] = first ? first->expire_ns : INT64_MAX;
        if (!first || !clock_is_live(c)) {
            continue;
        }
        now = clock_get_ns(c);      /* read once: MAX() evaluates twice, and time goes on between the two */
        delta = MAX(first->expire_ns - now, 0);
        if (c == CLOCK_VM && vm_clock.manual && delta) {
            continue;
        }
        if (c == CLOCK_HOST) {
            delta = MIN(delta, HOST_CLOCK_POLL_NS);
        }
        nearest = MIN(nearest, delta);
    }
    pthread_mutex_unlock(&timer_lock);
    return nearest == INT64_MAX ? -1 : nearest;
}

int64_t timers_next_expiry(ClockType clock)
{
    int64_t expire;

    pthread_mutex_lock(&timer_lock);
    expire = timer_lists[clock] ? timer_lists[clock]->expire_ns : -1;
    pthread_mutex_unlock(&timer_lock);
    return expire;
}

static void run_clock(ClockType clock)
{
    int64_t now = clock_get_ns(clock);

    for (int i = 0; i < MAX_CALLBACKS_PER_RUN; i++) {
        Timer *t;
        TimerCb *cb;
        void *opaque;

        pthread_mutex_lock(&timer_lock);
        t = timer_lists[clock];
        if (!t || t->expire_ns > now) {
            pthread_mutex_unlock(&timer_lock);
            return;
        }
        unlink_locked(t);
        cb = t->cb;
        opaque = t->opaque;
        pthread_mutex_unlock(&timer_lock);
        cb(opaque);     /* may re-arm, or free what the timer is part of */
    }
}

void timers_run(void)
{
    for (int c = 0; c < CLOCK__COUNT; c++) {
        if (clock_is_live(c)) {
            run_clock(c);
        }
    }
}
