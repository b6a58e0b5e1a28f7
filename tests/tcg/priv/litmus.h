/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Litmus tests: a few instructions on each processor, and an outcome that is counted. Each round runs SLOTS instances
 * of a test, every instance on locations of its own, all zero to begin with.
 */
#ifndef LITMUS_H
#define LITMUS_H

#include "arch64.h"

#define SLOTS 512
#define ROUNDS 100

typedef struct Slot {           /* a cache line per location */
    volatile uint64_t x __attribute__((aligned(64)));
    volatile uint64_t y __attribute__((aligned(64)));
    volatile uint64_t z __attribute__((aligned(64)));
    volatile uint64_t w __attribute__((aligned(64)));
    volatile uint64_t r[4][2] __attribute__((aligned(64)));     /* what was read */
} Slot;

typedef struct Litmus {
    unsigned cpus;
    void (*run)(Slot *s, unsigned cpu);
    bool (*outcome)(const Slot *s);
} Litmus;

/* How many instances had the outcome. Skips the test when there are not so many processors. */
unsigned litmus_outcomes(const Litmus *l);

/* A test whose outcome must not be seen. */
#define FORBIDDEN(name, cpus, run, outcome)                     \
TEST(name)                                                      \
{                                                               \
    static const Litmus l_ = { cpus, run, outcome };            \
                                                                \
    CHECK_EQ(litmus_outcomes(&l_), 0);                          \
}

/* One instruction each, in this order. */
#define STORE(l, v) __asm__ volatile("movq %1, %0" : "=m"(l) : "i"(v) : "memory")
#define LOAD(l) ({ uint64_t v_; __asm__ volatile("movq %1, %0" : "=r"(v_) : "m"(l) : "memory"); v_; })
#define XCHG(l, v) ({ uint64_t v_ = v; __asm__ volatile("xchgq %0, %1" : "+r"(v_), "+m"(l) : : "memory"); v_; })
#define XADD(l, v) \
    ({ uint64_t v_ = v; __asm__ volatile("lock xaddq %0, %1" : "+r"(v_), "+m"(l) : : "memory", "cc"); v_; })
/* What was there; it is v then if it was old. */
#define CMPXCHG(l, old, v)                                                                                             \
    ({                                                                                                                 \
        uint64_t v_ = old;                                                                                             \
        __asm__ volatile("lock cmpxchgq %2, %1" : "+a"(v_), "+m"(l) : "r"((uint64_t)(v)) : "memory", "cc");            \
        v_;                                                                                                            \
    })
#define MFENCE() __asm__ volatile("mfence" : : : "memory")
/* Both loads are done before either result is stored. */
#define LOAD2(r0, l0, r1, l1)                                                                                          \
    do {                                                                                                               \
        uint64_t a_, b_;                                                                                               \
        __asm__ volatile("movq %2, %0; movq %3, %1" : "=&r"(a_), "=&r"(b_) : "m"(l0), "m"(l1) : "memory");             \
        r0 = a_;                                                                                                       \
        r1 = b_;                                                                                                       \
    } while (0)
/* A store, and a load behind it with nothing in between but what is given as text. */
#define STORE_LOAD(st, between, ld)                                                                                    \
    ({                                                                                                                 \
        uint64_t v_;                                                                                                   \
        __asm__ volatile("movq $1, %1; " between "movq %2, %0" : "=&r"(v_), "=m"(st) : "m"(ld)                         \
                         : "memory", "cc", "rax", "rbx", "rcx", "rdx");                                                \
        v_;                                                                                                            \
    })
/* A load, and a store of 1 behind it. */
#define LOAD_STORE(ld, st)                                                                                             \
    ({                                                                                                                 \
        uint64_t v_;                                                                                                   \
        __asm__ volatile("movq %2, %0; movq $1, %1" : "=&r"(v_), "=m"(st) : "m"(ld) : "memory");                       \
        v_;                                                                                                            \
    })

/* Store buffering: processor 0 writes x and reads y, processor 1 the other way round. */
#define SB(name, between)                                                                                              \
static void name(Slot *s, unsigned cpu)                                                                                \
{                                                                                                                      \
    s->r[cpu][0] = cpu == 0 ? STORE_LOAD(s->x, between, s->y) : STORE_LOAD(s->y, between, s->x);                       \
}

#endif
