/* SPDX-License-Identifier: GPL-2.0-or-later */
/* native LOOP ITERATIONS: runs a loop of loops.S on the host and prints the seconds of CPU time it took. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include "loops.h"

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    const Loop *loop = argc == 3 ? loop_find(argv[1]) : NULL;
    uint64_t n = loop ? strtoull(argv[2], NULL, 10) : 0;
    void *buffer = mmap(NULL, LOOP_BUFFER_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
                        -1, 0);
    double start;

    if (!n || buffer == MAP_FAILED) {
        fprintf(stderr, "usage: native LOOP ITERATIONS\n");
        return 2;
    }
    loop_call(loop->code, buffer, n / 10 + 1);
    start = now();
    loop_call(loop->code, buffer, n);
    printf("%.9f\n", now() - start);
    return 0;
}
