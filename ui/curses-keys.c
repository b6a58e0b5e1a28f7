/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keys of a terminal
 *
 * A terminal sends characters, not keys: they are turned back into keys of a US keyboard, which is what a guest without
 * a keymap of its own expects. Alt is a prefix (ESC), and whoever reads characters has dealt with it.
 */
#define NCURSES_WIDECHAR 1
#include "qemu/osdep.h"
#include <curses.h>
#include <term.h>
#include "curses-keys.h"
#include "us-keyboard.h"

/* Control characters that are keys of their own, and those without a letter. */
static const struct {
    uint8_t c;
    CursesKey key;
} controls[] = {
    { 0x00, { 0x03, KEY_MOD_CTRL | KEY_MOD_SHIFT, NULL } },     /* Ctrl-@ */
    { '\t', { 0x0f, 0, NULL } }, { '\r', { 0x1c, 0, NULL } }, { 0x1b, { 0x01, 0, NULL } },
    { 0x1c, { 0x2b, KEY_MOD_CTRL, NULL } }, { 0x1d, { 0x1b, KEY_MOD_CTRL, NULL } },
    { 0x1e, { 0x07, KEY_MOD_CTRL | KEY_MOD_SHIFT, NULL } }, { 0x1f, { 0x0c, KEY_MOD_CTRL | KEY_MOD_SHIFT, NULL } },
    { 0x7f, { 0x0e, 0, NULL } },
};

static const struct {
    uint16_t n;
    CursesKey key;
} functions[] = {
    { KEY_UP, { 0xc8, 0, "\033[A" } }, { KEY_DOWN, { 0xd0, 0, "\033[B" } }, { KEY_RIGHT, { 0xcd, 0, "\033[C" } },
    { KEY_LEFT, { 0xcb, 0, "\033[D" } }, { KEY_HOME, { 0xc7, 0, "\033[1~" } }, { KEY_END, { 0xcf, 0, "\033[4~" } },
    { KEY_PPAGE, { 0xc9, 0, "\033[5~" } }, { KEY_NPAGE, { 0xd1, 0, "\033[6~" } }, { KEY_IC, { 0xd2, 0, "\033[2~" } },
    { KEY_DC, { 0xd3, 0, "\033[3~" } }, { KEY_BACKSPACE, { 0x0e, 0, "\177" } }, { KEY_ENTER, { 0x9c, 0, "\r" } },
    { KEY_A1, { 0x47, 0, NULL } }, { KEY_A3, { 0x49, 0, NULL } }, { KEY_B2, { 0x4c, 0, NULL } },
    { KEY_C1, { 0x4f, 0, NULL } }, { KEY_C3, { 0x51, 0, NULL } },
    { KEY_BTAB, { 0x0f, KEY_MOD_SHIFT, "\033[Z" } }, { KEY_SR, { 0xc8, KEY_MOD_SHIFT, NULL } },
    { KEY_SF, { 0xd0, KEY_MOD_SHIFT, NULL } }, { KEY_SRIGHT, { 0xcd, KEY_MOD_SHIFT, NULL } },
    { KEY_SLEFT, { 0xcb, KEY_MOD_SHIFT, NULL } }, { KEY_SHOME, { 0xc7, KEY_MOD_SHIFT, NULL } },
    { KEY_SEND, { 0xcf, KEY_MOD_SHIFT, NULL } }, { KEY_SPREVIOUS, { 0xc9, KEY_MOD_SHIFT, NULL } },
    { KEY_SNEXT, { 0xd1, KEY_MOD_SHIFT, NULL } }, { KEY_SIC, { 0xd2, KEY_MOD_SHIFT, NULL } },
    { KEY_SDC, { 0xd3, KEY_MOD_SHIFT, NULL } }, { KEY_PRINT, { 0xb7, 0, NULL } },
};

/* F1 to F12 without and with Shift, Ctrl, both, Alt: as terminals of the xterm family number them. */
static CursesKey function_key(unsigned n)
{
    static const uint8_t codes[12] = { 0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x40, 0x41, 0x42, 0x43, 0x44, 0x57, 0x58 };
    static const uint8_t mods[] = { 0, KEY_MOD_SHIFT, KEY_MOD_CTRL, KEY_MOD_CTRL | KEY_MOD_SHIFT, KEY_MOD_ALT };

    if (n / 12 >= ARRAY_SIZE(mods)) {
        return (CursesKey) { 0 };
    }
    return (CursesKey) { .code = codes[n % 12], .mods = mods[n / 12] };
}

static CursesKey character_key(uint8_t c)
{
    bool shifted = false;
    uint8_t code = us_key(c, &shifted);

    return (CursesKey) { .code = code, .mods = shifted ? KEY_MOD_SHIFT : 0 };
}

CursesKey curses_key(bool is_function, uint32_t n)
{
    CursesKey key;

    if (is_function && n > KEY_F0 && n <= KEY_F0 + 63) {
        return function_key(n - KEY_F0 - 1);
    }
    for (size_t i = 0; is_function && i < ARRAY_SIZE(functions); i++) {
        if (functions[i].n == n) {
            return functions[i].key;
        }
    }
    for (size_t i = 0; !is_function && i < ARRAY_SIZE(controls); i++) {
        if (controls[i].c == n) {
            return controls[i].key;
        }
    }
    if (is_function || n > 0x7e) {
        return (CursesKey) { 0 };
    }
    if (n >= 0x20) {
        return character_key((uint8_t)n);
    }
    key = character_key((uint8_t)(n + 0x60));
    key.mods = KEY_MOD_CTRL;
    return key;
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

void curses_goodbye(char *buf, size_t size)
{
    static const char *const names[] = { "sgr0", "cnorm", "rmkx", "rmcup" };

    buf[0] = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const char *s = tigetstr(names[i]);

        if (s && s != (const char *)-1) {
            g_strlcat(buf, s, size);
        }
    }
}
