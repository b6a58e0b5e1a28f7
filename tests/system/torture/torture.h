/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A program that a guest with several processors runs: jobs of the kinds that go wrong when processors disagree about
 * memory, translations, code or interrupts, all at the same time. Each job does a fixed amount of work, checks itself,
 * and returns a checksum that is the same on every machine: the test compares with the host's.
 */
#ifndef TORTURE_H
#define TORTURE_H

#define _GNU_SOURCE
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Job {
    const char *name;
    uint64_t (*run)(unsigned rounds);
} Job;

extern const Job job_fork, job_pipe, job_map, job_protect, job_lock, job_ring, job_signal, job_float, job_jit,
                 job_publish;

/* Says what is wrong and ends the program with status 1. */
#define MUST(c) do { if (!(c)) { failed(__FILE__, __LINE__, #c); } } while (0)
void failed(const char *file, int line, const char *what) __attribute__((noreturn));

static inline uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0x9e3779b97f4a7c15ull;
    return h ^ h >> 29;
}

/* In loops that wait for another thread, which may have no processor yet. */
static inline void relax(unsigned *spins)
{
    __builtin_ia32_pause();
    if (++*spins % 128 == 0) {
        sched_yield();
    }
}

static inline void await(volatile uint32_t *p, uint32_t v)
{
    for (unsigned spins = 0; __atomic_load_n(p, __ATOMIC_ACQUIRE) < v;) {
        relax(&spins);
    }
}

/* Runs fn(arg, i) in n threads and returns when all have. */
void in_threads(unsigned n, void (*fn)(void *arg, unsigned i), void *arg);
/* What "torture child N" ends with. */
int child_status(unsigned n);
extern const char *own_path;

#endif
