/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Monitor commands that type and point: sendkey mouse_move mouse_button
 *
 * Keys have the names users of such monitors know; a name's number is the set 1 scan code, with bit 7 for an E0 prefix
 * (hw/input/i8042.h). Keys are pressed in the order given and released together, after hold_ms of the host's time.
 */
#include "qemu/osdep.h"
#include "hmp.h"
#include "hw/i386/pc.h"
#include "hw/input/i8042.h"
#include "qemu/timer.h"

#define KEYS_MAX        16
#define HOLD_MS_DEFAULT 100
#define HOLD_MS_MAX     60000
#define NS_PER_MS       1000000ll

static const struct {
    const char *name;
    uint8_t code;
} keys[] = {
    { "esc", 0x01 }, { "1", 0x02 }, { "2", 0x03 }, { "3", 0x04 }, { "4", 0x05 }, { "5", 0x06 }, { "6", 0x07 },
    { "7", 0x08 }, { "8", 0x09 }, { "9", 0x0a }, { "0", 0x0b }, { "minus", 0x0c }, { "equal", 0x0d },
    { "backspace", 0x0e }, { "tab", 0x0f }, { "q", 0x10 }, { "w", 0x11 }, { "e", 0x12 }, { "r", 0x13 },
    { "t", 0x14 }, { "y", 0x15 }, { "u", 0x16 }, { "i", 0x17 }, { "o", 0x18 }, { "p", 0x19 },
    { "bracket_left", 0x1a }, { "bracket_right", 0x1b }, { "ret", 0x1c }, { "ctrl", 0x1d }, { "a", 0x1e },
    { "s", 0x1f }, { "d", 0x20 }, { "f", 0x21 }, { "g", 0x22 }, { "h", 0x23 }, { "j", 0x24 }, { "k", 0x25 },
    { "l", 0x26 }, { "semicolon", 0x27 }, { "apostrophe", 0x28 }, { "grave_accent", 0x29 }, { "shift", 0x2a },
    { "backslash", 0x2b }, { "z", 0x2c }, { "x", 0x2d }, { "c", 0x2e }, { "v", 0x2f }, { "b", 0x30 }, { "n", 0x31 },
    { "m", 0x32 }, { "comma", 0x33 }, { "dot", 0x34 }, { "slash", 0x35 }, { "shift_r", 0x36 },
    { "kp_multiply", 0x37 }, { "asterisk", 0x37 }, { "alt", 0x38 }, { "spc", 0x39 }, { "caps_lock", 0x3a },
    { "f1", 0x3b }, { "f2", 0x3c }, { "f3", 0x3d }, { "f4", 0x3e }, { "f5", 0x3f }, { "f6", 0x40 }, { "f7", 0x41 },
    { "f8", 0x42 }, { "f9", 0x43 }, { "f10", 0x44 }, { "num_lock", 0x45 }, { "scroll_lock", 0x46 },
    { "kp_7", 0x47 }, { "kp_8", 0x48 }, { "kp_9", 0x49 }, { "kp_subtract", 0x4a }, { "kp_4", 0x4b },
    { "kp_5", 0x4c }, { "kp_6", 0x4d }, { "kp_add", 0x4e }, { "kp_1", 0x4f }, { "kp_2", 0x50 }, { "kp_3", 0x51 },
    { "kp_0", 0x52 }, { "kp_decimal", 0x53 }, { "sysrq", KEY_PRINT }, { "less", 0x56 }, { "f11", 0x57 },
    { "f12", 0x58 }, { "kp_equals", 0x59 }, { "katakanahiragana", 0x70 }, { "ro", 0x73 }, { "hiragana", 0x77 },
    { "henkan", 0x79 }, { "muhenkan", 0x7b }, { "yen", 0x7d }, { "kp_comma", 0x7e }, { "audioprev", 0x90 },
    { "audionext", 0x99 }, { "kp_enter", 0x9c }, { "ctrl_r", 0x9d }, { "audiomute", 0xa0 }, { "calculator", 0xa1 },
    { "audioplay", 0xa2 }, { "audiostop", 0xa4 }, { "volumedown", 0xae }, { "volumeup", 0xb0 }, { "ac_home", 0xb2 },
    { "kp_divide", 0xb5 }, { "print", KEY_PRINT }, { "alt_r", 0xb8 }, { "altgr", 0xb8 }, { "altgr_r", 0xb8 },
    { "pause", KEY_PAUSE }, { "home", 0xc7 }, { "up", 0xc8 }, { "pgup", 0xc9 }, { "left", 0xcb }, { "right", 0xcd },
    { "end", 0xcf }, { "down", 0xd0 }, { "pgdn", 0xd1 }, { "insert", 0xd2 }, { "delete", 0xd3 }, { "meta_l", 0xdb },
    { "meta_r", 0xdc }, { "menu", 0xdd }, { "compose", 0xdd }, { "power", 0xde }, { "sleep", 0xdf }, { "wake", 0xe3 },
    { "ac_bookmarks", 0xe6 }, { "ac_refresh", 0xe7 }, { "stop", 0xe8 }, { "ac_forward", 0xe9 }, { "ac_back", 0xea },
    { "computer", 0xeb }, { "mail", 0xec }, { "mediaselect", 0xed },
};

/* ---- keys -------------------------------------------------------------------------------------------------------- */

/* Big lock: what sendkey holds down. */
static struct {
    uint8_t codes[KEYS_MAX];
    unsigned n;
    Timer timer;
    bool has_timer;
} held;

static void release(void *opaque)
{
    while (held.n) {
        kbd_put_key(pc_state.kbd, held.codes[--held.n], false);
    }
}

void complete_key(Monitor *m, const char *prefix, GPtrArray *list)
{
    const char *dash = strrchr(prefix, '-');

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        g_autofree char *text = g_strdup_printf("%.*s%s", dash ? (int)(dash + 1 - prefix) : 0, prefix, keys[i].name);

        complete_add(list, prefix, text);
    }
}

static bool find_key(const char *name, uint8_t *code)
{
    uint64_t n;

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (!strcmp(keys[i].name, name)) {
            *code = keys[i].code;
            return true;
        }
    }
    if (!g_str_has_prefix(name, "0x") || !parse_uint(name, 1, 0xff, &n, NULL)) {
        return false;
    }
    *code = (uint8_t)n;
    return true;
}

void hmp_sendkey(Monitor *m, const Arg *a)
{
    g_auto(GStrv) names = g_strsplit(a[0].s, "-", -1);
    int64_t hold_ms = a[1].given ? (int64_t)MIN(a[1].n, HOLD_MS_MAX) : HOLD_MS_DEFAULT;
    uint8_t codes[KEYS_MAX];
    unsigned n = 0;

    if (!*names) {
        monitor_puts(m, "invalid parameter: \n");
        return;
    }
    for (char **name = names; *name; name++) {
        if (n == KEYS_MAX) {
            monitor_puts(m, "too many keys\n");
            return;
        }
        if (!find_key(*name, &codes[n++])) {
            monitor_printf(m, "invalid parameter: %s\n", *name);
            return;
        }
    }
    if (!pc_state.kbd) {
        return;
    }
    if (!held.has_timer) {
        timer_init(&held.timer, CLOCK_RT, release, NULL);
        held.has_timer = true;
    }
    release(NULL);      /* what an earlier command still holds */
    for (unsigned i = 0; i < n; i++) {
        kbd_put_key(pc_state.kbd, codes[i], true);
    }
    memcpy(held.codes, codes, n);
    held.n = n;
    timer_arm(&held.timer, clock_get_ns(CLOCK_RT) + hold_ms * NS_PER_MS);
}

/* ---- mouse ------------------------------------------------------------------------------------------------------- */

static unsigned buttons;        /* big lock: what mouse_button holds */

static int to_movement(const Arg *a)
{
    int64_t v = a->given ? g_ascii_strtoll(a->s, NULL, 0) : 0;

    return (int)CLAMP(v, -100000, 100000);
}

/* A positive dz turns the wheel away from the user: up, as the command has always counted. */
void hmp_mouse_move(Monitor *m, const Arg *a)
{
    if (pc_state.kbd) {
        mouse_put(pc_state.kbd, to_movement(&a[0]), to_movement(&a[1]), -to_movement(&a[2]), buttons);
    }
}

/* 1 left, 2 middle, 4 right, as the command has always counted. */
void hmp_mouse_button(Monitor *m, const Arg *a)
{
    buttons = (a[0].n & 1 ? MOUSE_LEFT : 0) | (a[0].n & 2 ? MOUSE_MIDDLE : 0) | (a[0].n & 4 ? MOUSE_RIGHT : 0);
    if (pc_state.kbd) {
        mouse_put(pc_state.kbd, 0, 0, 0, buttons);
    }
}
