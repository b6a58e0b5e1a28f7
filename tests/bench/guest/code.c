/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs that write code: what JIT compilers, linkers and loaders do to a translator. */
#include <string.h>
#include <sys/mman.h>
#include "bench.h"

typedef uint32_t (*Function)(uint32_t);

enum { POOL = 1 << 20 };

static uint8_t *code_pool(void)
{
    static uint8_t *p;

    if (!p) {
        p = mmap(NULL, POOL, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) {
            bench_fail("mmap");
        }
    }
    return p;
}

/* f(x) = (x + add) * 3 */
static size_t write_function(uint8_t *to, uint32_t add)
{
    static const uint8_t shape[] = {
        0x8d, 0x87, 0, 0, 0, 0,         /* lea eax, [rdi + add] */
        0x8d, 0x04, 0x40,               /* lea eax, [rax + rax * 2] */
        0xc3,
    };

    memcpy(to, shape, sizeof(shape));
    memcpy(to + 2, &add, sizeof(add));
    return sizeof(shape);
}

static uint32_t call(const uint8_t *code, uint32_t x)
{
    Function f;

    memcpy(&f, &code, sizeof(f));
    return f(x);
}

/* A new function behind the last one, called a few times, until the pool is full: then again from its start. */
static uint64_t run_jit(unsigned rounds)
{
    uint8_t *pool = code_pool();
    uint64_t sum = 0;
    size_t used = 0;

    for (unsigned i = 0; i < rounds; i++) {
        uint8_t *f = pool + used;

        used += (write_function(f, i) + 15) & ~(size_t)15;
        for (uint32_t k = 0; k < 20; k++) {
            sum += call(f, k);
        }
        if (used + 64 > POOL) {
            used = 0;
        }
    }
    return sum;
}

/* The operand of one hot function changes, as inline caches do. */
static uint64_t run_patch(unsigned rounds)
{
    uint8_t *f = code_pool();
    uint64_t sum = 0;

    write_function(f, 0);
    for (uint32_t i = 0; i < rounds; i++) {
        memcpy(f + 2, &i, sizeof(i));
        sum += call(f, i) + call(f, i + 1);
    }
    return sum;
}

/* Data beside code in one page: stores that hit no instruction. */
static uint64_t run_neighbour(unsigned rounds)
{
    uint8_t *pool = code_pool();
    uint64_t *counter = (uint64_t *)(pool + 2048);
    uint64_t sum = 0;

    write_function(pool, 11);
    *counter = 0;
    for (uint32_t i = 0; i < rounds; i++) {
        *(volatile uint64_t *)counter += i;
        sum += call(pool, i);
    }
    return sum_add(sum, *counter);
}

const Program code_programs[] = {
    { "jit", "write a function, call it 20 times", run_jit, 78000 },
    { "patch", "change an operand of a hot function", run_patch, 60000 },
    { "neighbour", "stores beside code in its page", run_neighbour, 420000 },
    { NULL, NULL, NULL, 0 },
};
