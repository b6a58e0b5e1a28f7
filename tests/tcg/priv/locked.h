/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Adding one by a loop around a locked comparison, to RAM and to what is none. */
#ifndef LOCKED_H
#define LOCKED_H

#include <stdint.h>

static inline void cmpxchg64(volatile void *p)
{
    uint64_t old = 0;

    __asm__ volatile("movq %1, %0\n1: lea 1(%0), %%rcx; lock cmpxchgq %%rcx, %1; jne 1b"
                     : "+a"(old), "+m"(*(volatile uint64_t *)p)
                     :
                     : "rcx", "cc");
}

static inline void cmpxchg8b_loop(volatile void *p)
{
    __asm__ volatile("mov (%0), %%eax; mov 4(%0), %%edx\n"
                     "1: mov %%eax, %%ebx; mov %%edx, %%ecx; add $1, %%ebx; adc $0, %%ecx; lock cmpxchg8b (%0); jne 1b"
                     : : "r"(p) : "eax", "ebx", "ecx", "edx", "cc", "memory");
}

#endif
