/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench-guest [SCALE [NAME...]]: runs the programs, or those named (int, fp, mem, sys and code name all of a table).
 *
 * SCALE is the amount of work in percent. Around each program two lines: "BEGIN name", and
 * "BENCH name value s sum=checksum" with the seconds of this machine's clock. An emulated clock may be wrong, so who
 * compares machines takes the time between the two lines by a clock of its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "bench.h"

static const struct { const char *name; const Program *programs; } tables[] = {
    { "int", int_programs }, { "fp", fp_programs }, { "mem", mem_programs }, { "sys", sys_programs },
    { "code", code_programs },
};

void bench_fail(const char *what)
{
    perror(what);
    exit(1);
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void measure(const Program *p, unsigned scale)
{
    unsigned rounds = (unsigned)((uint64_t)p->rounds * scale / 100);
    double start;
    uint64_t sum;

    printf("BEGIN %s\n", p->name);
    fflush(stdout);
    start = now();
    sum = p->run(rounds ? rounds : 1);
    printf("BENCH %s %.6f s sum=%016llx\n", p->name, now() - start, (unsigned long long)sum);
    fflush(stdout);
}

static int is_wanted(const char *table, const char *name, int n, char **wanted)
{
    for (int i = 0; i < n; i++) {
        if (!strcmp(wanted[i], table) || !strcmp(wanted[i], name)) {
            return 1;
        }
    }
    return n == 0;
}

int main(int argc, char **argv)
{
    unsigned scale = argc > 1 ? (unsigned)atoi(argv[1]) : 100;

    /* The second life of this program: what the exec measurement starts. */
    if (argc > 1 && !strcmp(argv[1], "true")) {
        return 0;
    }
    if (argc == 5 && !strcmp(argv[1], "random-read")) {
        return random_reads(argv[2], strtoul(argv[3], NULL, 0), (unsigned)atoi(argv[4]));
    }
    if (!scale) {
        fprintf(stderr, "usage: bench-guest [SCALE [NAME...]]\n");
        return 2;
    }
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
        for (const Program *p = tables[t].programs; p->name; p++) {
            if (is_wanted(tables[t].name, p->name, argc > 2 ? argc - 2 : 0, argv + 2)) {
                measure(p, scale);
            }
        }
    }
    printf("END bench-guest\n");
    return 0;
}
