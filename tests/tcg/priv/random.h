/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers that are the same in each run: set seed, anything but 0. G. Marsaglia, "Xorshift RNGs", section 3. */
#ifndef RANDOM_H
#define RANDOM_H

#include "boot.h"

static Word seed;

static Word random_word(void)
{
    bool is64 = sizeof(Word) == 8;

    seed ^= seed << 13;
    seed ^= seed >> (is64 ? 7 : 17);
    seed ^= seed << (is64 ? 17 : 5);
    return seed;
}

static bool one_in(unsigned n)
{
    return random_word() % n == 0;
}

#endif
