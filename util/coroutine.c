/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Coroutines by switching stacks.
 *
 * On x86-64 a switch saves the registers that the ABI lets a callee own (System V ABI, AMD64 supplement, "Registers")
 * and loads another stack pointer; elsewhere ucontext does it, with a system call each time. Stacks have a guard page
 * below them and are kept for reuse. Sanitizers are told about every switch.
 */
#include "qemu/osdep.h"
#include <sys/mman.h>
#include "qemu/coroutine.h"
#include "qemu/main-loop.h"
#include "qemu/sanitizers.h"

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

#define STACK_SIZE      (256 * KiB)
#define GUARD_SIZE      (4 * KiB)
#define POOL_MAX        32

struct Coroutine {
    CoroutineFn *fn;
    void *opaque;
    Coroutine *caller;          /* who entered it; the outermost one's is the thread's own */
    Coroutine *next;            /* in a CoQueue or in the pool */
    uint8_t *stack;             /* lowest usable byte; NULL: the thread itself */
    bool ended;
#if defined(__x86_64__)
    void *sp;
#else
    ucontext_t context;
#endif
#if defined(QEMU_ASAN)
    void *fake_stack;
    const void *asan_bottom;
    size_t asan_size;
#endif
#if defined(QEMU_TSAN)
    void *fiber;
#endif
};

/* IO thread only. */
static Coroutine thread_itself, *current = &thread_itself;
static Coroutine *pool;
static unsigned pool_len;

/* ---- sanitizers -------------------------------------------------------------------------------------------------- */

#if defined(QEMU_ASAN)
void __sanitizer_start_switch_fiber(void **fake_stack_save, const void *bottom, size_t size);
void __sanitizer_finish_switch_fiber(void *fake_stack_save, const void **bottom_old, size_t *size_old);

void __asan_unpoison_memory_region(void const volatile *addr, size_t size);

/* The functions at the end of a coroutine never return: what they marked on the stack must not outlive them. */
static void announce_new(Coroutine *co)
{
    __asan_unpoison_memory_region(co->stack, STACK_SIZE);
}

static void announce_switch(Coroutine *from, Coroutine *to)
{
    const void *bottom = to->stack ? to->stack : to->asan_bottom;

    __sanitizer_start_switch_fiber(from->ended ? NULL : &from->fake_stack, bottom,
                                   to->stack ? STACK_SIZE : to->asan_size);
}

static void announce_arrival(Coroutine *self)
{
    const void *bottom;
    size_t size;

    __sanitizer_finish_switch_fiber(self->fake_stack, &bottom, &size);
    if (self->caller == &thread_itself) {
        thread_itself.asan_bottom = bottom;
        thread_itself.asan_size = size;
    }
}
#else
static void announce_new(Coroutine *co)
{
}

static void announce_switch(Coroutine *from, Coroutine *to)
{
}

static void announce_arrival(Coroutine *self)
{
}
#endif

#if defined(QEMU_TSAN)
void *__tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void *fiber);
void __tsan_switch_to_fiber(void *fiber, unsigned flags);
void *__tsan_get_current_fiber(void);
#define fiber_new()         __tsan_create_fiber(0)
#define fiber_free(co)      __tsan_destroy_fiber((co)->fiber)
#define fiber_note_self()   (thread_itself.fiber = __tsan_get_current_fiber())
#define fiber_switch(co)    __tsan_switch_to_fiber((co)->fiber, 0)
#else
#define fiber_free(co)      ((void)(co))
#define fiber_note_self()   ((void)0)
#define fiber_switch(co)    ((void)(co))
#endif

/* ---- switching --------------------------------------------------------------------------------------------------- */

static void co_run(void);

#if defined(__x86_64__)

/* Pushes what a callee must preserve, swaps stacks, pops the same of the other side, and returns there. */
void co_switch_stack(void **save_sp, void *to_sp);
__asm__(".text\n"
        ".p2align 4\n"
        ".globl co_switch_stack\n"
        ".hidden co_switch_stack\n"
        ".type co_switch_stack, @function\n"
        "co_switch_stack:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        ".size co_switch_stack, . - co_switch_stack\n");

/* A stack as co_switch_stack() leaves one: six registers, then where to go. */
static void prepare(Coroutine *co)
{
    void **sp = (void **)(co->stack + STACK_SIZE);

    *--sp = NULL;               /* where co_run() would return to: aligned as after a call */
    *--sp = (void *)co_run;
    for (int i = 0; i < 6; i++) {
        *--sp = NULL;
    }
    co->sp = sp;
}

static void switch_context(Coroutine *from, Coroutine *to)
{
    co_switch_stack(&from->sp, to->sp);
}

#else

static void prepare(Coroutine *co)
{
    getcontext(&co->context);
    co->context.uc_stack.ss_sp = co->stack;
    co->context.uc_stack.ss_size = STACK_SIZE;
    co->context.uc_link = NULL;
    makecontext(&co->context, co_run, 0);
}

static void switch_context(Coroutine *from, Coroutine *to)
{
    swapcontext(&from->context, &to->context);
}

#endif

static void switch_to(Coroutine *to)
{
    Coroutine *from = current;

    announce_switch(from, to);
    if (from == &thread_itself) {
        fiber_note_self();
    }
    current = to;
    fiber_switch(to);
    switch_context(from, to);
    announce_arrival(from);
}

/* The first function on every stack; a stack from the pool comes here anew. */
static void co_run(void)
{
    Coroutine *self = current;

    announce_arrival(self);
    self->fn(self->opaque);
    self->ended = true;
    switch_to(self->caller);
    g_assert_not_reached();
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static Coroutine *allocate(void)
{
    Coroutine *co = pool;
    uint8_t *base;

    if (co) {
        pool = co->next;
        pool_len--;
        return co;
    }
    base = mmap(NULL, STACK_SIZE + GUARD_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (base == MAP_FAILED || mprotect(base, GUARD_SIZE, PROT_NONE)) {
        g_error("out of memory for a coroutine's stack");
    }
    co = g_new0(Coroutine, 1);
    co->stack = base + GUARD_SIZE;
    return co;
}

static void release(Coroutine *co)
{
    fiber_free(co);
    if (pool_len < POOL_MAX) {
        co->next = pool;
        pool = co;
        pool_len++;
    } else {
        munmap(co->stack - GUARD_SIZE, STACK_SIZE + GUARD_SIZE);
        g_free(co);
    }
}

Coroutine *co_new(CoroutineFn *fn, void *opaque)
{
    Coroutine *co = allocate();

    co->fn = fn;
    co->opaque = opaque;
    co->caller = co->next = NULL;
    co->ended = false;
#if defined(QEMU_TSAN)
    co->fiber = fiber_new();
#endif
    announce_new(co);
    prepare(co);
    return co;
}

void co_enter(Coroutine *co)
{
    assert(in_io_thread() && !co->caller && co != current);
    co->caller = current;
    switch_to(co);
    co->caller = NULL;
    if (co->ended) {
        release(co);
    }
}

void co_yield(void)
{
    assert(current != &thread_itself);
    switch_to(current->caller);
}

Coroutine *co_self(void)
{
    return in_io_thread() && current != &thread_itself ? current : NULL;
}

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

void co_queue_wait(CoQueue *q)
{
    Coroutine *self = current;

    self->next = NULL;
    if (q->last) {
        q->last->next = self;
    } else {
        q->first = self;
    }
    q->last = self;
    co_yield();
}

bool co_queue_next(CoQueue *q)
{
    Coroutine *co = q->first;

    if (!co) {
        return false;
    }
    q->first = co->next;
    if (!q->first) {
        q->last = NULL;
    }
    co->next = NULL;
    co_enter(co);
    return true;
}

void co_queue_all(CoQueue *q)
{
    CoQueue now = *q;

    *q = (CoQueue){ NULL, NULL };
    while (co_queue_next(&now)) {
    }
}

void co_mutex_lock(CoMutex *m)
{
    assert(m->holder != current);
    while (m->holder) {
        co_queue_wait(&m->waiting);
    }
    m->holder = current;
}

/* The next one runs at once, up to its own next yield. */
void co_mutex_unlock(CoMutex *m)
{
    assert(m->holder == current);
    m->holder = NULL;
    co_queue_next(&m->waiting);
}
