/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Coroutines: functions with a stack of their own that give way in the middle, for drivers written as straight-line
 * code. They live in the IO thread only, big lock held: created, entered and ended there, one at a time. Between two
 * yields nothing else runs, so data that only coroutines touch needs a CoMutex only where it must hold across a yield.
 */
#ifndef QEMU_COROUTINE_H
#define QEMU_COROUTINE_H

#include "qemu/osdep.h"

typedef struct Coroutine Coroutine;
typedef void CoroutineFn(void *opaque);

Coroutine *co_new(CoroutineFn *fn, void *opaque);   /* does not start it */
/* Runs it until it yields or ends. May nest: a coroutine may enter another one. It is freed when it ends. */
void co_enter(Coroutine *co);
void co_yield(void);                                /* back to who entered; whoever needs us again calls co_enter() */
Coroutine *co_self(void);                           /* NULL outside */

/* Who waits for something: first in, first out. */
typedef struct CoQueue {
    Coroutine *first, *last;
} CoQueue;
void co_queue_wait(CoQueue *q);
bool co_queue_next(CoQueue *q);                     /* enters the first; false: nobody waits */
void co_queue_all(CoQueue *q);                      /* enters those that wait now */

/* Not recursive. Zero-initialised is free. */
typedef struct CoMutex {
    Coroutine *holder;
    CoQueue waiting;
} CoMutex;
void co_mutex_lock(CoMutex *m);
void co_mutex_unlock(CoMutex *m);

#endif
