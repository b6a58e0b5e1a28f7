/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of loops.S, and finding a row in it. Free of any library: the kernel has none. */
#ifndef BENCH_LOOPS_H
#define BENCH_LOOPS_H

#include <stddef.h>
#include <stdint.h>

#define LOOP_BUFFER_SIZE (8u << 20)

typedef struct Loop {
    const char *name;
    void (*code)(void);
} Loop;

extern const Loop loop_table_start[], loop_table_end[];

void loop_call(void (*code)(void), void *buffer, uint64_t iterations);

/* The loop whose name is text up to the first blank; NULL: there is none. */
static inline const Loop *loop_find(const char *text)
{
    for (const Loop *l = loop_table_start; l < loop_table_end; l++) {
        size_t i = 0;

        while (l->name[i] && l->name[i] == text[i]) {
            i++;
        }
        if (!l->name[i] && (!text[i] || text[i] == ' ')) {
            return l;
        }
    }
    return NULL;
}

#endif
