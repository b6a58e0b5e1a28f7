/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mappings that come and go under several threads: every change is to be known to all processors. */
#include "torture.h"
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

#define THREADS 4
#define PAGE 4096u

/* Each maps, fills, checks and unmaps regions of its own; new pages must be zero whoever had the memory before. */
static void map_thread(void *arg, unsigned t)
{
    uint64_t *sums = arg;
    unsigned rounds = (unsigned)sums[THREADS];

    for (unsigned r = 0; r < rounds * 4; r++) {
        size_t pages = 1 + (r * 7 + t) % 24;
        volatile uint64_t *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        MUST(p != MAP_FAILED);
        for (size_t i = 0; i < pages; i++) {
            MUST(p[i * (PAGE / 8)] == 0 && p[i * (PAGE / 8) + PAGE / 8 - 1] == 0);
            p[i * (PAGE / 8)] = mix(t, i);
        }
        for (size_t i = 0; i < pages; i++) {
            MUST(p[i * (PAGE / 8)] == mix(t, i));
            sums[t] = mix(sums[t], p[i * (PAGE / 8)]);
        }
        MUST(munmap((void *)p, pages * PAGE) == 0);
    }
}

static uint64_t run_map(unsigned rounds)
{
    uint64_t sums[THREADS + 1] = { [THREADS] = rounds }, sum = 0;

    in_threads(THREADS, map_thread, sums);
    for (unsigned t = 0; t < THREADS; t++) {
        sum = mix(sum, sums[t]);
    }
    return sum;
}

/*
 * One page of each thread is read by all others all the time. When its owner has taken the right to read away, a read
 * that begins afterwards must fault.
 */
static __thread sigjmp_buf fault_target;
static __thread volatile sig_atomic_t fault_expected;

static void on_fault(int sig)
{
    MUST(fault_expected);
    siglongjmp(fault_target, sig);
}

static bool can_read(volatile uint64_t *p, uint64_t *v)
{
    fault_expected = 1;
    if (sigsetjmp(fault_target, 1)) {
        fault_expected = 0;
        return false;
    }
    *v = *p;
    fault_expected = 0;
    return true;
}

typedef struct Shared {
    unsigned rounds;
    uint64_t *page;
    volatile uint32_t phase, answers;
    uint64_t sum;
} Shared;

/* Thread 0 owns; the others say what they can do in each phase: odd ones allow reading. */
static void protect_thread(void *arg, unsigned t)
{
    Shared *s = arg;

    for (uint32_t phase = 1; phase <= s->rounds * 4; phase++) {
        uint64_t v;

        if (t == 0) {
            if (phase % 2) {
                MUST(mprotect(s->page, PAGE, PROT_READ | PROT_WRITE) == 0);
                *s->page = phase;
                s->sum = mix(s->sum, phase);
            } else {
                MUST(mprotect(s->page, PAGE, PROT_NONE) == 0);
            }
            __atomic_store_n(&s->phase, phase, __ATOMIC_RELEASE);
            await(&s->answers, phase * (THREADS - 1));
        } else {
            for (unsigned spins = 0; __atomic_load_n(&s->phase, __ATOMIC_ACQUIRE) < phase;) {
                can_read(s->page, &v);
                relax(&spins);
            }
            if (phase % 2) {
                MUST(can_read(s->page, &v) && v == phase);
            } else {
                MUST(!can_read(s->page, &v));
            }
            __atomic_fetch_add(&s->answers, 1, __ATOMIC_RELEASE);
        }
    }
}

static uint64_t run_protect(unsigned rounds)
{
    struct sigaction action = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };
    Shared s = { .rounds = rounds };

    sigaction(SIGSEGV, &action, NULL);
    s.page = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(s.page != MAP_FAILED);
    in_threads(THREADS, protect_thread, &s);
    MUST(munmap(s.page, PAGE) == 0);
    return s.sum;
}

const Job job_map = { "map", run_map };
const Job job_protect = { "protect", run_protect };
