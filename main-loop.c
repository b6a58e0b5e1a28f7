/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The IO thread's loop, and the big lock.
 *
 *   collect what to wait for -> give the big lock up -> select -> take it -> fds, GLib, pollers, timers, bottom halves
 *
 * Everything that changes what the loop waits for from another thread ends in main_loop_wake(), a write to an eventfd
 * that the select watches. See docs/main-loop.md.
 */
#include "qemu/osdep.h"
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include "qemu/main-loop.h"
#include "qemu/timer.h"

typedef struct FdEntry {
    int fd;
    FdCanRead *can_read;
    FdHandler *read, *write;
    void *opaque;
    bool wait_read, wait_write;     /* what this iteration asked select() for */
    struct FdEntry *next;
} FdEntry;

struct Bh {
    BhCb *cb;
    void *opaque;
    bool scheduled, deleted;        /* atomic */
    Bh *next;                       /* written once, before the Bh is published */
};

/* ---- the big lock ---- */

/* Adaptive: a device access is short, so a waiter on another core spins briefly before it sleeps. */
static pthread_mutex_t big_mutex = PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP;
static __thread bool holds_big_lock;
static unsigned lock_waiters, lock_handovers;  /* atomic: threads that wait for it; how often one of those has got it */

void big_lock(void)
{
    assert(!holds_big_lock);
    if (pthread_mutex_trylock(&big_mutex)) {
        __atomic_fetch_add(&lock_waiters, 1, __ATOMIC_RELAXED);
        pthread_mutex_lock(&big_mutex);
        __atomic_fetch_add(&lock_handovers, 1, __ATOMIC_RELAXED);
        __atomic_fetch_sub(&lock_waiters, 1, __ATOMIC_RELAXED);
    }
    holds_big_lock = true;
}

bool big_lock_is_wanted(void)
{
    return __atomic_load_n(&lock_waiters, __ATOMIC_RELAXED);
}

/* The mutex is not fair: it would be ours again before who waits for it has woken up. */
void big_lock_yield(void)
{
    unsigned before = __atomic_load_n(&lock_handovers, __ATOMIC_RELAXED);

    if (!big_lock_is_wanted()) {
        return;
    }
    big_unlock();
    while (big_lock_is_wanted() && __atomic_load_n(&lock_handovers, __ATOMIC_RELAXED) == before) {
        sched_yield();
    }
    big_lock();
}

void big_unlock(void)
{
    assert(holds_big_lock);
    holds_big_lock = false;
    pthread_mutex_unlock(&big_mutex);
}

bool big_lock_held(void)
{
    return holds_big_lock;
}

/* ---- waking the loop ---- */

static int wake_fd = -1;            /* set once by main_loop_init() */
static bool wake_pending;           /* atomic: the eventfd has been written and not been read */
static __thread bool is_io_thread;

bool in_io_thread(void)
{
    return is_io_thread;
}

void main_loop_wake(void)
{
    static const uint64_t one = 1;
    int saved_errno = errno;        /* signal handlers call this */

    if (wake_fd >= 0 && !__atomic_exchange_n(&wake_pending, true, __ATOMIC_SEQ_CST)) {
        ssize_t n = write(wake_fd, &one, sizeof(one));

        (void)n;    /* it cannot fail: the counter is far from its limit */
    }
    errno = saved_errno;
}

static void wake_drain(void *opaque)
{
    uint64_t count;
    ssize_t n = read(wake_fd, &count, sizeof(count));

    (void)n;
    /* After the read: a wake-up between the two is covered, because all conditions are looked at again from here on. */
    __atomic_store_n(&wake_pending, false, __ATOMIC_SEQ_CST);
}

/* What the IO thread itself changes it sees before its next wait. */
static void wake_from_outside(void)
{
    if (!is_io_thread) {
        main_loop_wake();
    }
}

/* A callback may run the loop itself (to drain requests). Lists that an outer call walks are then only marked. */
static int loop_depth;

/* ---- fd handlers: big lock held ---- */

static FdEntry *fd_entries;

void fd_set_handler(int fd, FdCanRead *can_read, FdHandler *read, FdHandler *write, void *opaque)
{
    FdEntry *e = fd_entries;

    assert(fd >= 0 && fd < FD_SETSIZE);
    while (e && e->fd != fd) {
        e = e->next;
    }
    if (!e) {
        if (!read && !write) {
            return;
        }
        e = g_new0(FdEntry, 1);
        e->fd = fd;
        e->next = fd_entries;
        fd_entries = e;
    }
    /* What select() has said was for the old handlers, perhaps even for another file of the same number. */
    e->wait_read = e->wait_read && read && e->read == read && e->opaque == opaque;
    e->wait_write = e->wait_write && write && e->write == write && e->opaque == opaque;
    e->can_read = can_read;
    e->read = read;
    e->write = write;
    e->opaque = opaque;
    wake_from_outside();
}

/* Entries without handlers go away here and not in fd_set_handler(), which callbacks call while we walk the list. */
static void fds_free_unused(void)
{
    FdEntry **p = &fd_entries;

    while (*p && loop_depth == 1) {
        FdEntry *e = *p;

        if (!e->read && !e->write) {
            *p = e->next;
            g_free(e);
        } else {
            p = &e->next;
        }
    }
}

/* ---- the sets for select() ---- */

typedef struct WaitSet {
    fd_set rd, wr, ex;
    int max_fd;
} WaitSet;

static WaitSet wait_set;            /* IO thread only */

static void wait_set_add(WaitSet *w, int fd, int events)
{
    if (fd < 0 || fd >= FD_SETSIZE) {
        return;     /* foreign lists may hold placeholders; our own fds are checked by fd_set_handler() */
    }
    if (events & POLLIN) {
        FD_SET(fd, &w->rd);
    }
    if (events & POLLOUT) {
        FD_SET(fd, &w->wr);
    }
    if (events & POLLPRI) {
        FD_SET(fd, &w->ex);
    }
    w->max_fd = MAX(w->max_fd, fd);
}

static int wait_set_revents(const WaitSet *w, int fd, int events)
{
    int revents = 0;

    if (fd < 0 || fd >= FD_SETSIZE) {
        return 0;
    }
    revents |= (events & POLLIN) && FD_ISSET(fd, &w->rd) ? POLLIN : 0;
    revents |= (events & POLLOUT) && FD_ISSET(fd, &w->wr) ? POLLOUT : 0;
    revents |= (events & POLLPRI) && FD_ISSET(fd, &w->ex) ? POLLPRI : 0;
    return revents;
}

static void fds_collect(WaitSet *w)
{
    fds_free_unused();
    for (FdEntry *e = fd_entries; e; e = e->next) {
        e->wait_read = e->read && (!e->can_read || e->can_read(e->opaque));
        e->wait_write = e->write != NULL;
        wait_set_add(w, e->fd, (e->wait_read ? POLLIN : 0) | (e->wait_write ? POLLOUT : 0));
    }
}

static void fds_dispatch(const WaitSet *w)
{
    /* New entries are put in front and wait for nothing yet, so a walk never meets them half done. */
    for (FdEntry *e = fd_entries; e; e = e->next) {
        if (e->wait_read && FD_ISSET(e->fd, &w->rd)) {
            e->wait_read = false;   /* first: a callback may run the loop itself, which asks and answers anew */
            e->read(e->opaque);
        }
        if (e->wait_write && FD_ISSET(e->fd, &w->wr)) {
            e->wait_write = false;
            e->write(e->opaque);
        }
    }
}

/* ---- GLib sources: the default context, polled with our own fds ---- */

static struct {
    GArray *fds;        /* GPollFD */
    int count;
    int priority;
} glib;

static int64_t earlier(int64_t a_ns, int64_t b_ns)
{
    return a_ns < 0 ? b_ns : b_ns < 0 ? a_ns : MIN(a_ns, b_ns);
}

static int64_t glib_collect(WaitSet *w)
{
    GMainContext *ctx = g_main_context_default();
    int timeout_ms;

    g_main_context_prepare(ctx, &glib.priority);
    for (;;) {
        glib.count = g_main_context_query(ctx, glib.priority, &timeout_ms, (GPollFD *)(void *)glib.fds->data,
                                          glib.fds->len);
        if (glib.count <= (int)glib.fds->len) {
            break;
        }
        g_array_set_size(glib.fds, glib.count);
    }
    for (int i = 0; i < glib.count; i++) {
        const GPollFD *p = &g_array_index(glib.fds, GPollFD, i);

        wait_set_add(w, p->fd, p->events);
    }
    return timeout_ms < 0 ? -1 : timeout_ms * 1000000LL;
}

static void glib_dispatch(const WaitSet *w)
{
    GMainContext *ctx = g_main_context_default();

    for (int i = 0; i < glib.count; i++) {
        GPollFD *p = &g_array_index(glib.fds, GPollFD, i);

        p->revents = wait_set_revents(w, p->fd, p->events);
    }
    if (g_main_context_check(ctx, glib.priority, (GPollFD *)(void *)glib.fds->data, glib.count)) {
        g_main_context_dispatch(ctx);
    }
}

/* ---- pollers: big lock held ---- */

static LoopPoller *pollers;
static GArray *poller_fds;          /* GPollFD, of one iteration */

void loop_poller_add(LoopPoller *p)
{
    p->next = pollers;
    pollers = p;
    wake_from_outside();
}

void loop_poller_remove(LoopPoller *p)
{
    LoopPoller **at = &pollers;

    while (*at && *at != p) {
        at = &(*at)->next;
    }
    if (*at) {
        *at = p->next;
    }
}

int loop_poll_add(int fd, int events)
{
    GPollFD p = { .fd = fd, .events = events };

    g_array_append_val(poller_fds, p);
    wait_set_add(&wait_set, fd, events);
    return poller_fds->len - 1;
}

int loop_poll_revents(int index)
{
    if (index < 0 || index >= (int)poller_fds->len) {
        return 0;       /* added after the wait of this iteration */
    }
    return g_array_index(poller_fds, GPollFD, index).revents;
}

static int64_t pollers_collect(void)
{
    int64_t timeout_ns = -1;

    g_array_set_size(poller_fds, 0);
    for (LoopPoller *p = pollers; p; p = p->next) {
        p->fill(p->opaque, &timeout_ns);
    }
    return timeout_ns;
}

static void pollers_dispatch(const WaitSet *w)
{
    LoopPoller *next;

    for (guint i = 0; i < poller_fds->len; i++) {
        GPollFD *p = &g_array_index(poller_fds, GPollFD, i);

        p->revents = wait_set_revents(w, p->fd, p->events);
    }
    for (LoopPoller *p = pollers; p; p = next) {
        next = p->next;
        p->dispatch(p->opaque);
    }
}

/* ---- bottom halves ---- */

/* Pushed by any thread without a lock; only the IO thread takes entries out. */
static Bh *bhs;

Bh *bh_new(BhCb *cb, void *opaque)
{
    Bh *bh = g_new0(Bh, 1);

    bh->cb = cb;
    bh->opaque = opaque;
    bh->next = __atomic_load_n(&bhs, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&bhs, &bh->next, bh, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
    }
    return bh;
}

void bh_schedule(Bh *bh)
{
    if (!__atomic_exchange_n(&bh->scheduled, true, __ATOMIC_SEQ_CST)) {
        main_loop_wake();
    }
}

void bh_cancel(Bh *bh)
{
    __atomic_store_n(&bh->scheduled, false, __ATOMIC_SEQ_CST);
}

void bh_free(Bh *bh)
{
    if (bh) {
        bh_cancel(bh);
        __atomic_store_n(&bh->deleted, true, __ATOMIC_RELEASE);
    }
}

static bool bhs_pending(void)
{
    for (Bh *bh = __atomic_load_n(&bhs, __ATOMIC_ACQUIRE); bh; bh = bh->next) {
        if (__atomic_load_n(&bh->scheduled, __ATOMIC_SEQ_CST)) {
            return true;
        }
    }
    return false;
}

/* The head may be replaced by bh_new() at any time, so only entries behind it are taken out. */
static void bhs_free_deleted(void)
{
    Bh *prev = __atomic_load_n(&bhs, __ATOMIC_ACQUIRE);

    while (prev && prev->next && loop_depth == 1) {
        Bh *bh = prev->next;

        if (__atomic_load_n(&bh->deleted, __ATOMIC_ACQUIRE)) {
            prev->next = bh->next;
            g_free(bh);
        } else {
            prev = bh;
        }
    }
}

/* Each runs at most once per iteration: one that schedules itself does not keep fds and timers waiting. */
static void bhs_run(void)
{
    for (Bh *bh = __atomic_load_n(&bhs, __ATOMIC_ACQUIRE); bh; bh = bh->next) {
        if (__atomic_exchange_n(&bh->scheduled, false, __ATOMIC_SEQ_CST)
            && !__atomic_load_n(&bh->deleted, __ATOMIC_ACQUIRE)) {
            bh->cb(bh->opaque);
        }
    }
    bhs_free_deleted();
}

/* ---- the loop ---- */

bool main_loop_init(Error **errp)
{
    struct sigaction ignore = { .sa_handler = SIG_IGN };

    wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (wake_fd < 0) {
        error_set_errno(errp, errno, "cannot create the main loop's eventfd");
        return false;
    }
    is_io_thread = true;
    /* Peers of sockets and pipes may go away at any time: we want EPIPE. */
    sigaction(SIGPIPE, &ignore, NULL);
    /* The kernel's default is 50 us late on every timeout; guest clocks tick from here. */
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    glib.fds = g_array_new(FALSE, TRUE, sizeof(GPollFD));
    poller_fds = g_array_new(FALSE, TRUE, sizeof(GPollFD));
    g_main_context_acquire(g_main_context_default());
    timers_set_notify(wake_from_outside);
    fd_set_handler(wake_fd, NULL, wake_drain, NULL, NULL);
    return true;
}

static int select_unlocked(WaitSet *w, int64_t timeout_ns)
{
    struct timespec ts = { timeout_ns / NANOSECONDS_PER_SECOND, timeout_ns % NANOSECONDS_PER_SECOND };
    int ready;

    big_unlock();
    ready = pselect(w->max_fd + 1, &w->rd, &w->wr, &w->ex, timeout_ns < 0 ? NULL : &ts, NULL);
    if (ready < 0 && errno == EBADF) {
        g_usleep(1000);     /* a closed fd with a handler is our mistake: go on, but do not burn the host */
    }
    big_lock();
    return ready;
}

void main_loop_wait(int64_t max_ns)
{
    int64_t timeout_ns = max_ns;
    int ready;

    loop_depth++;
    FD_ZERO(&wait_set.rd);
    FD_ZERO(&wait_set.wr);
    FD_ZERO(&wait_set.ex);
    wait_set.max_fd = -1;
    fds_collect(&wait_set);
    timeout_ns = earlier(timeout_ns, glib_collect(&wait_set));
    timeout_ns = earlier(timeout_ns, pollers_collect());
    timeout_ns = earlier(timeout_ns, timers_deadline_ns());
    if (bhs_pending()) {
        timeout_ns = 0;
    }

    ready = select_unlocked(&wait_set, timeout_ns);
    if (ready <= 0) {       /* nothing, or an error that leaves the sets undefined */
        FD_ZERO(&wait_set.rd);
        FD_ZERO(&wait_set.wr);
        FD_ZERO(&wait_set.ex);
    }
    fds_dispatch(&wait_set);
    glib_dispatch(&wait_set);
    pollers_dispatch(&wait_set);
    timers_run();
    bhs_run();
    loop_depth--;
}
