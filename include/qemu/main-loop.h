/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The IO thread: one select() over fd handlers, GLib sources, timers and bottom halves; and the big lock.
 * Callbacks run in the IO thread with the big lock held; the loop drops it around select().
 */
#ifndef QEMU_MAIN_LOOP_H
#define QEMU_MAIN_LOOP_H

#include "qemu/error.h"

typedef void FdHandler(void *opaque);
typedef bool FdCanRead(void *opaque);
typedef void BhCb(void *opaque);
typedef struct Bh Bh;

bool main_loop_init(Error **errp);      /* creates the wake-up pipe, the locks; call once, first */
void main_loop_wait(int64_t max_ns);    /* one iteration; -1 = no limit. Big lock held on entry and exit */
void main_loop_wake(void);              /* any thread, async-signal-safe */

/* NULL handlers remove. can_read (optional) is asked before each select(). fds must be < FD_SETSIZE. Big lock held. */
void fd_set_handler(int fd, FdCanRead *can_read, FdHandler *read, FdHandler *write, void *opaque);

/*
 * For libraries that bring their own list of fds (user networking). fill() is called before each wait: it names its fds
 * with loop_poll_add() and may shorten *timeout_ns (-1 = no limit). dispatch() is called after it and asks
 * loop_poll_revents() with the indexes it was given. Events are POLLIN, POLLOUT and POLLPRI; big lock held.
 */
typedef struct LoopPoller {
    void (*fill)(void *opaque, int64_t *timeout_ns);
    void (*dispatch)(void *opaque);
    void *opaque;
    struct LoopPoller *next;
} LoopPoller;
void loop_poller_add(LoopPoller *p);        /* not copied: the caller keeps it until it is removed */
void loop_poller_remove(LoopPoller *p);
int loop_poll_add(int fd, int events);      /* index for this iteration */
int loop_poll_revents(int index);

/* A bottom half runs once, soon, in the IO thread. bh_schedule is safe from any thread and from signal handlers. */
Bh *bh_new(BhCb *cb, void *opaque);
void bh_schedule(Bh *bh);
void bh_cancel(Bh *bh);
void bh_free(Bh *bh);

/* The big lock (not recursive). Order of all locks: see qemu/locks.h. */
void big_lock(void);
void big_unlock(void);
bool big_lock_held(void);
bool big_lock_is_wanted(void);      /* some thread waits for it */
/*
 * Amid something long: if anybody waits for the lock, gives it up until somebody has had it. The caller keeps no
 * pointer to anything that others may change or free.
 */
void big_lock_yield(void);

/*
 * For what is called with the big lock and without it: takes the lock unless this thread has it. Returns what
 * big_lock_leave() wants to know.
 */
static inline bool big_lock_enter(void)
{
    bool taken = !big_lock_held();

    if (taken) {
        big_lock();
    }
    return taken;
}

static inline void big_lock_leave(bool taken)
{
    if (taken) {
        big_unlock();
    }
}
bool in_io_thread(void);    /* the thread that called main_loop_init() */

#endif
