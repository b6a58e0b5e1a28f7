/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory programs: copies by the library and by string instructions, patterns that TLBs like and dislike. */
#include <stdlib.h>
#include <string.h>
#include "bench.h"

enum { KIB = 1024, MIB = 1024 * KIB, AREA = 8 * MIB };

static uint8_t *area(void)
{
    static uint8_t *p;

    if (!p) {
        p = malloc(AREA);
        if (!p) {
            bench_fail("malloc");
        }
        for (size_t i = 0; i < AREA; i++) {
            p[i] = (uint8_t)(i * 167 >> 3);
        }
    }
    return p;
}

static uint64_t sum_of(const uint8_t *p)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < AREA; i += 4093) {
        sum = sum_add(sum, p[i]);
    }
    return sum;
}

static uint64_t run_copy(unsigned rounds)
{
    uint8_t *p = area();

    for (unsigned i = 0; i < rounds; i++) {
        memcpy(p + AREA / 2, p + (i & 7) * 64, AREA / 2 - 512);
        memcpy(p, p + AREA / 2 + (i & 3), 64 * KIB);
    }
    return sum_of(p);
}

static uint64_t run_set(unsigned rounds)
{
    uint8_t *p = area();

    for (unsigned i = 0; i < rounds; i++) {
        memset(p + i % 61, (int)i, AREA / 2);
    }
    return sum_of(p);
}

/* What kernels use: REP MOVSQ of a page. */
static uint64_t run_repcopy(unsigned rounds)
{
    uint8_t *p = area();

    for (unsigned i = 0; i < rounds; i++) {
        void *to = p + (i * 3 & 1023) * 4096, *from = p + (i * 5 & 1023) * 4096 + 4 * MIB;
        size_t n = 512;

        __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
    }
    return sum_of(p);
}

/* A load from each of 2048 pages, again and again. */
static uint64_t run_stride(unsigned rounds)
{
    const uint8_t *p = area();
    uint64_t sum = 0;

    for (unsigned i = 0; i < rounds; i++) {
        for (size_t k = 0; k < AREA; k += 4096) {
            sum += p[k + (i & 63) * 64];
        }
    }
    return sum;
}

/* A linked list in random order over 8 MiB: each load waits for the one before, and most miss a small TLB. */
static uint64_t run_chase(unsigned rounds)
{
    enum { NODES = AREA / 64 };
    static uint32_t *next;
    uint64_t state = 21;
    uint32_t at = 0;

    if (!next) {
        next = malloc(AREA);
        if (!next) {
            bench_fail("malloc");
        }
        for (uint32_t i = 0; i < NODES; i++) {
            next[i * 16] = i;
        }
        for (uint32_t i = NODES - 1; i > 0; i--) {      /* Sattolo: one cycle through all */
            uint32_t k = (uint32_t)(next_random(&state) % i), t = next[i * 16];

            next[i * 16] = next[k * 16];
            next[k * 16] = t;
        }
    }
    for (unsigned i = 0; i < rounds; i++) {
        at = next[at * 16];
    }
    return at;
}

/* a[i] = b[i] + 3 * c[i] on words of eight bytes. */
static uint64_t run_triad(unsigned rounds)
{
    uint64_t *a = (uint64_t *)area(), *b = a + MIB / 8, *c = b + MIB / 8;

    for (unsigned i = 0; i < rounds; i++) {
        for (size_t k = 0; k < MIB / 8; k++) {
            a[k] = b[k] + 3 * c[k] + i;
        }
    }
    return sum_of((uint8_t *)a);
}

const Program mem_programs[] = {
    { "copy", "memcpy of 4 MiB", run_copy, 200 },
    { "set", "memset of 4 MiB", run_set, 1200 },
    { "repcopy", "REP MOVSQ of a page", run_repcopy, 400000 },
    { "stride", "a load from each of 2048 pages", run_stride, 5000 },
    { "chase", "linked list in random order", run_chase, 3600000 },
    { "triad", "loads, arithmetic and stores in order", run_triad, 180 },
    { NULL, NULL, NULL, 0 },
};
