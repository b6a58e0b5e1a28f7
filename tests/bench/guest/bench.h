/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs that are measured inside a guest: one row each, in the tables of int.c, fp.c, mem.c, sys.c and code.c.
 *
 * A program does a fixed amount of work and returns a checksum of its results, which must be the same on every machine:
 * a fast wrong answer is worth nothing. It takes about as long as the others of its table on a fast emulator.
 */
#ifndef BENCH_GUEST_H
#define BENCH_GUEST_H

#include <stddef.h>
#include <stdint.h>

typedef struct Program {
    const char *name, *what;
    uint64_t (*run)(unsigned rounds);
    unsigned rounds;                    /* at scale 100 */
} Program;

extern const Program int_programs[], fp_programs[], mem_programs[], sys_programs[], code_programs[];

/* xorshift64*: the same numbers everywhere, without libc. */
static inline uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * 0x2545f4914f6cdd1dull;
}

static inline uint64_t sum_add(uint64_t sum, uint64_t value)
{
    sum ^= value + 0x9e3779b97f4a7c15ull + (sum << 6) + (sum >> 2);
    return sum;
}

/* disk.c: that many reads, each somewhere else. Status of the program. */
int random_reads(const char *device, size_t bytes, unsigned count);

/* Prints what failed and ends the program. */
void bench_fail(const char *what) __attribute__((noreturn));

#endif
