/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Integer programs: what ordinary user code does between system calls. */
#include <stdlib.h>
#include <string.h>
#include "bench.h"

/* Shifts, adds, multiplications and unpredictable branches on words of four widths. */
static uint64_t run_mix(unsigned rounds)
{
    uint64_t a = 1, b = 2, state = 42;
    uint32_t c = 3;
    uint16_t d = 4;
    uint8_t e = 5;

    for (unsigned i = 0; i < rounds; i++) {
        uint64_t r = next_random(&state);

        switch (r & 7) {
        case 0: a += b ^ r; break;
        case 1: b = b << 13 | b >> 51; break;
        case 2: c = c * 69069 + (uint32_t)a; break;
        case 3: d = (uint16_t)(d + c); break;
        case 4: e = (uint8_t)(e - d); break;
        case 5: a ^= (uint64_t)(int64_t)(int8_t)e; break;
        case 6: b += a / ((r >> 40) | 1); break;
        case 7: c ^= (uint32_t)b >> (r >> 59); break;
        }
    }
    return sum_add(sum_add(a, b), (uint64_t)c << 24 ^ (uint64_t)d << 8 ^ e);
}

static int compare_u32(const void *pa, const void *pb)
{
    uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;

    return (a > b) - (a < b);
}

/* The library's qsort(): indirect calls, compares, moves. */
static uint64_t run_sort(unsigned rounds)
{
    enum { N = 20000 };
    static uint32_t v[N];
    uint64_t sum = 0, state = 7;

    for (unsigned i = 0; i < rounds; i++) {
        for (unsigned k = 0; k < N; k++) {
            v[k] = (uint32_t)next_random(&state);
        }
        qsort(v, N, sizeof(v[0]), compare_u32);
        for (unsigned k = 0; k < N; k += 997) {
            sum = sum_add(sum, v[k]);
        }
    }
    return sum;
}

/* An open-addressing table of words: hashing bytes, probing, comparing strings. */
static uint64_t run_hash(unsigned rounds)
{
    enum { SLOTS = 1 << 15, WORDS = 20000 };
    static char slots[SLOTS][12];
    static uint32_t counts[SLOTS];
    uint64_t sum = 0, state = 99;

    memset(slots, 0, sizeof(slots));
    memset(counts, 0, sizeof(counts));
    for (unsigned i = 0; i < rounds * 1000; i++) {
        uint64_t r = next_random(&state) % WORDS;
        uint32_t h = 2166136261u;
        char word[12] = { 0 };

        for (unsigned k = 0; k < 8; k++) {
            word[k] = (char)('a' + (r * (k + 3) >> (k & 3)) % 26);
            h = (h ^ (uint8_t)word[k]) * 16777619u;
        }
        for (h %= SLOTS; slots[h][0] && strcmp(slots[h], word); h = (h + 1) % SLOTS) {
        }
        memcpy(slots[h], word, sizeof(word));
        counts[h]++;
    }
    for (unsigned k = 0; k < SLOTS; k++) {
        sum = sum_add(sum, counts[k]);
    }
    return sum;
}

/* CRC-32 by table over 64 KiB: a dependent load for each byte. */
static uint64_t run_crc(unsigned rounds)
{
    static uint32_t table[256];
    static uint8_t data[65536];
    uint64_t state = 5;
    uint32_t crc = ~0u;

    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;

        for (int k = 0; k < 8; k++) {
            c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
        }
        table[i] = c;
    }
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)next_random(&state);
    }
    for (unsigned r = 0; r < rounds; r++) {
        for (size_t i = 0; i < sizeof(data); i++) {
            crc = table[(crc ^ data[i]) & 255] ^ crc >> 8;
        }
    }
    return crc;
}

/* A bytecode interpreter with computed jumps: indirect branches that depend on data. The program sums Collatz steps. */
static uint64_t run_interp(unsigned rounds)
{
    enum { HALT, DUP, ODD, JZ, TRIPLE, HALF, COUNT, IS_ONE, NEXT, JMP };
    static const uint8_t code[] = {
        IS_ONE, JZ, 4, NEXT,            /* 0: n == 1 takes the next start, or halts */
        DUP, ODD, JZ, 11,               /* 4 */
        TRIPLE, JMP, 12, HALF,          /* 8; 11: HALF */
        COUNT, JMP, 0, HALT,
    };
    static const void *const labels[] = {
        &&halt, &&dup, &&odd, &&jz, &&triple, &&half, &&count, &&is_one, &&next, &&jmp,
    };
    uint64_t n = 2, start = 2, top = 0, steps = 0;
    const uint8_t *pc = code;

#define DISPATCH goto *labels[*pc++]
    DISPATCH;
dup:    top = n; DISPATCH;
odd:    top &= 1; DISPATCH;
jz:     pc = top ? pc + 1 : code + *pc; DISPATCH;
triple: n = n * 3 + 1; DISPATCH;
half:   n /= 2; DISPATCH;
count:  steps++; DISPATCH;
is_one: top = n == 1; DISPATCH;
next:
    n = ++start;
    if (start > rounds) {
        goto halt;
    }
    DISPATCH;
jmp:    pc = code + *pc; DISPATCH;
halt:
    return steps;
#undef DISPATCH
}

static unsigned __attribute__((noinline)) fib(unsigned n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static uint64_t run_calls(unsigned rounds)
{
    volatile unsigned n = 24;           /* so that no compiler calls it once only */
    uint64_t sum = 0;

    for (unsigned i = 0; i < rounds; i++) {
        sum += fib(n);
    }
    return sum;
}

/* Rotations, adds and xors without memory: the inside of a cipher (ChaCha's quarter round, RFC 8439). */
static uint64_t run_cipher(unsigned rounds)
{
    uint32_t x[16];

    for (uint32_t i = 0; i < 16; i++) {
        x[i] = i * 0x01010101u + 1;
    }
#define ROTL(v, n) ((v) << (n) | (v) >> (32 - (n)))
#define QUARTER(a, b, c, d) \
    x[a] += x[b], x[d] ^= x[a], x[d] = ROTL(x[d], 16), x[c] += x[d], x[b] ^= x[c], x[b] = ROTL(x[b], 12), \
    x[a] += x[b], x[d] ^= x[a], x[d] = ROTL(x[d], 8), x[c] += x[d], x[b] ^= x[c], x[b] = ROTL(x[b], 7)
    for (unsigned i = 0; i < rounds; i++) {
        QUARTER(0, 4, 8, 12);
        QUARTER(1, 5, 9, 13);
        QUARTER(2, 6, 10, 14);
        QUARTER(3, 7, 11, 15);
        QUARTER(0, 5, 10, 15);
        QUARTER(1, 6, 11, 12);
        QUARTER(2, 7, 8, 13);
        QUARTER(3, 4, 9, 14);
    }
#undef QUARTER
#undef ROTL
    return (uint64_t)x[0] << 32 | x[15];
}

const Program int_programs[] = {
    { "mix", "arithmetic and branches on four widths", run_mix, 36000000 },
    { "sort", "qsort of 20,000 words", run_sort, 120 },
    { "hash", "hash table of strings", run_hash, 7200 },
    { "crc", "CRC-32 of 64 KiB, by table", run_crc, 2800 },
    { "interp", "bytecode interpreter", run_interp, 165000 },
    { "calls", "recursive function calls", run_calls, 1000 },
    { "cipher", "rotate, add, xor", run_cipher, 22500000 },
    { NULL, NULL, NULL, 0 },
};
