/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What curses reads from a terminal, as keys of a PC keyboard and as what a terminal would send; and its farewell. */
#ifndef UI_CURSES_KEYS_H
#define UI_CURSES_KEYS_H

#include "qemu/osdep.h"

enum { KEY_MOD_SHIFT = 1, KEY_MOD_CTRL = 2, KEY_MOD_ALT = 4 };

typedef struct CursesKey {
    uint8_t code;               /* hw/input/i8042.h; 0: a PC has no such key */
    uint8_t mods;
    const char *bytes;          /* for a terminal; NULL: a character, or nothing */
} CursesKey;

/* is_function: n is one of curses' KEY_ numbers, else a character. */
CursesKey curses_key(bool is_function, uint32_t n);

/*
 * What a terminal needs to be told at the end, into buf. Looked up beforehand: a signal handler can write it but not
 * look it up.
 */
void curses_goodbye(char *buf, size_t size);

#endif
