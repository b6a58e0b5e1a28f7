/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Code that is made while it runs: by each thread for itself in pages that all share, and by one for the others. */
#include "torture.h"
#include <cpuid.h>
#include <sys/mman.h>

#define THREADS 4
#define PAGE 4096u

typedef uint32_t Function(void);

static uint8_t *code_pages(unsigned n)
{
    uint8_t *p = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    MUST(p != MAP_FAILED);
    return p;
}

/* mov eax, v; add eax, w; ret */
static void write_function(uint8_t *p, uint32_t v, uint32_t w)
{
    p[0] = 0xb8;
    memcpy(p + 1, &v, 4);
    p[5] = 0x05;
    memcpy(p + 6, &w, 4);
    p[10] = 0xc3;
}

static uint32_t call(const uint8_t *p)
{
    return ((Function *)(uintptr_t)p)();
}

typedef struct Jit {
    unsigned rounds;
    uint8_t *code;
    uint64_t sums[THREADS];
} Jit;

static void jit_thread(void *arg, unsigned t)
{
    Jit *j = arg;

    for (uint32_t i = 0; i < j->rounds * 10; i++) {
        uint8_t *p = j->code + (i * 128 + t * 32) % (2 * PAGE);
        uint32_t w = i * 13 + t;

        write_function(p, i, w);
        MUST(call(p) == i + w);
        memcpy(p + 1, &w, 4);       /* its immediate, and again */
        MUST(call(p) == w + w);
        j->sums[t] = mix(j->sums[t], call(p));
    }
}

static uint64_t run_jit(unsigned rounds)
{
    Jit j = { .rounds = rounds, .code = code_pages(2) };
    uint64_t sum = 0;

    in_threads(THREADS, jit_thread, &j);
    for (unsigned t = 0; t < THREADS; t++) {
        sum = mix(sum, j.sums[t]);
    }
    return sum;
}

/* SDM vol. 3A, "Handling Self- and Cross-Modifying Code": store code, store flag; see flag, serialize, run. */
typedef struct Publish {
    unsigned rounds;
    uint8_t *code;
    volatile uint32_t number, answers;
    uint64_t sum;
} Publish;

static void serialize(void)
{
    unsigned a, b, c, d;

    __cpuid(0, a, b, c, d);
}

static void publish_thread(void *arg, unsigned t)
{
    Publish *s = arg;

    for (uint32_t i = 1; i <= s->rounds * 10; i++) {
        uint8_t *p = s->code + i * 64 % PAGE;

        if (t == 0) {
            write_function(p, i, i * 3);
            s->sum = mix(s->sum, i);
            __atomic_store_n(&s->number, i, __ATOMIC_RELEASE);
            await(&s->answers, i * (THREADS - 1));
        } else {
            await(&s->number, i);
            serialize();
            MUST(call(p) == i * 4);
            __atomic_fetch_add(&s->answers, 1, __ATOMIC_RELEASE);
        }
    }
}

static uint64_t run_publish(unsigned rounds)
{
    Publish s = { .rounds = rounds, .code = code_pages(1) };

    in_threads(THREADS, publish_thread, &s);
    return s.sum;
}

const Job job_jit = { "jit", run_jit };
const Job job_publish = { "publish", run_publish };
