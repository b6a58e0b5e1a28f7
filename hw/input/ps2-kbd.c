/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PS/2 keyboard: scan code sets 1 to 3, commands, typematic repetition
 *
 * Follows: IBM PS/2 Hardware Interface Technical Reference, "Keyboards (101- and 102-Key)"; Microsoft's "Keyboard Scan
 * Code Specification" for the keys of later keyboards.
 * Left out: the fake shifts around the grey keys while NumLock is lit; no driver needs them to tell the keys apart.
 */
#include "qemu/osdep.h"
#include "hw/input/i8042.h"
#include "hw/input/ps2.h"
#include "qemu/log.h"
#include "trace/hw-input.h"

#define KBD_BUFFER          16          /* bytes the keyboard itself holds */
#define TYPEMATIC_DEFAULT   0x2b        /* 500 ms, 10.9 per second */
#define ID_LOW              0xab
#define ID_HIGH             0x83

enum { PS2_KEY_REPEATS = 1, PS2_KEY_BREAKS = 2 };

enum {
    CMD_LEDS = 0xed, CMD_ECHO = 0xee, CMD_SET = 0xf0, CMD_ID = 0xf2, CMD_TYPEMATIC = 0xf3, CMD_ENABLE = 0xf4,
    CMD_DISABLE = 0xf5, CMD_DEFAULTS = 0xf6, CMD_ALL_REPEAT = 0xf7, CMD_ALL_BREAK = 0xf8, CMD_ALL_MAKE = 0xf9,
    CMD_ALL_BOTH = 0xfa, CMD_KEY_REPEAT = 0xfb, CMD_KEY_BREAK = 0xfc, CMD_KEY_MAKE = 0xfd, CMD_RESEND = 0xfe,
    CMD_RESET = 0xff,
};

/* Codes of sets 2 and 3 by KEY number (set 1 code, bit 7: E0 prefix, which sets 1 and 2 share). 0: no such key. */
typedef struct KeyCodes {
    uint8_t set2, set3;
} KeyCodes;

static const KeyCodes key_codes[256] = {
    [0x01] = { 0x76, 0x08 }, /* Esc */
    [0x02] = { 0x16, 0x16 }, { 0x1e, 0x1e }, { 0x26, 0x26 }, { 0x25, 0x25 }, { 0x2e, 0x2e }, /* 1..5 */
    [0x07] = { 0x36, 0x36 }, { 0x3d, 0x3d }, { 0x3e, 0x3e }, { 0x46, 0x46 }, { 0x45, 0x45 }, /* 6..0 */
    [0x0c] = { 0x4e, 0x4e }, { 0x55, 0x55 }, { 0x66, 0x66 }, { 0x0d, 0x0d }, /* - = Bksp Tab */
    [0x10] = { 0x15, 0x15 }, { 0x1d, 0x1d }, { 0x24, 0x24 }, { 0x2d, 0x2d }, { 0x2c, 0x2c }, /* QWERT */
    [0x15] = { 0x35, 0x35 }, { 0x3c, 0x3c }, { 0x43, 0x43 }, { 0x44, 0x44 }, { 0x4d, 0x4d }, /* YUIOP */
    [0x1a] = { 0x54, 0x54 }, { 0x5b, 0x5b }, { 0x5a, 0x5a }, { 0x14, 0x11 }, /* [ ] Enter Ctrl */
    [0x1e] = { 0x1c, 0x1c }, { 0x1b, 0x1b }, { 0x23, 0x23 }, { 0x2b, 0x2b }, { 0x34, 0x34 }, /* ASDFG */
    [0x23] = { 0x33, 0x33 }, { 0x3b, 0x3b }, { 0x42, 0x42 }, { 0x4b, 0x4b }, /* HJKL */
    [0x27] = { 0x4c, 0x4c }, { 0x52, 0x52 }, { 0x0e, 0x0e }, { 0x12, 0x12 }, { 0x5d, 0x5c }, /* ; ' ` Shift \ */
    [0x2c] = { 0x1a, 0x1a }, { 0x22, 0x22 }, { 0x21, 0x21 }, { 0x2a, 0x2a }, { 0x32, 0x32 }, /* ZXCVB */
    [0x31] = { 0x31, 0x31 }, { 0x3a, 0x3a }, { 0x41, 0x41 }, { 0x49, 0x49 }, { 0x4a, 0x4a }, /* NM , . / */
    [0x36] = { 0x59, 0x59 }, { 0x7c, 0x7e }, { 0x11, 0x19 }, { 0x29, 0x29 }, { 0x58, 0x14 }, /* Shift KP* Alt Spc Cap */
    [0x3b] = { 0x05, 0x07 }, { 0x06, 0x0f }, { 0x04, 0x17 }, { 0x0c, 0x1f }, { 0x03, 0x27 }, /* F1..F5 */
    [0x40] = { 0x0b, 0x2f }, { 0x83, 0x37 }, { 0x0a, 0x3f }, { 0x01, 0x47 }, { 0x09, 0x4f }, /* F6..F10 */
    [0x45] = { 0x77, 0x76 }, { 0x7e, 0x5f }, /* Num Scroll */
    [0x47] = { 0x6c, 0x6c }, { 0x75, 0x75 }, { 0x7d, 0x7d }, { 0x7b, 0x84 }, /* KP 7 8 9 - */
    [0x4b] = { 0x6b, 0x6b }, { 0x73, 0x73 }, { 0x74, 0x74 }, { 0x79, 0x7c }, /* KP 4 5 6 + */
    [0x4f] = { 0x69, 0x69 }, { 0x72, 0x72 }, { 0x7a, 0x7a }, { 0x70, 0x70 }, { 0x71, 0x71 }, /* KP 1 2 3 0 . */
    [0x54] = { 0x84, 0x57 }, [0x56] = { 0x61, 0x13 }, /* SysRq 102nd */
    [0x57] = { 0x78, 0x56 }, { 0x07, 0x5e }, { 0x0f, 0 }, /* F11 F12 KP = */
    [0x70] = { 0x13, 0x87 }, [0x77] = { 0x62, 0x87 }, /* Katakana/Hiragana, Hiragana */
    [0x73] = { 0x51, 0x51 }, [0x79] = { 0x64, 0x86 }, [0x7b] = { 0x67, 0x85 }, /* Ro Henkan Muhenkan */
    [0x7d] = { 0x6a, 0x5d }, [0x7e] = { 0x6d, 0x7b }, /* Yen, KP , */
    /* KP Enter, RCtrl, KP /, RAlt */
    [0x9c] = { 0x5a, 0x79 }, [0x9d] = { 0x14, 0x58 }, [0xb5] = { 0x4a, 0x77 }, [0xb8] = { 0x11, 0x39 },
    [0xb7] = { 0x7c, 0x57 }, [0xc6] = { 0x77, 0x62 }, /* PrintScreen, Pause */
    [0xc7] = { 0x6c, 0x6e }, { 0x75, 0x63 }, { 0x7d, 0x6f }, [0xcb] = { 0x6b, 0x61 }, /* Home Up PgUp Left */
    [0xcd] = { 0x74, 0x6a }, [0xcf] = { 0x69, 0x65 }, { 0x72, 0x60 }, { 0x7a, 0x6d }, /* Right End Down PgDn */
    [0xd2] = { 0x70, 0x67 }, { 0x71, 0x64 }, /* Ins Del */
    [0xdb] = { 0x1f, 0x8b }, { 0x27, 0x8c }, { 0x2f, 0x8d }, /* LWin RWin Menu */
    [0xde] = { 0x37, 0 }, { 0x3f, 0 }, [0xe3] = { 0x5e, 0 }, /* Power Sleep Wake */
    /* Previous and next track, mute, play, stop; volume down and up: younger than set 3 */
    [0x90] = { 0x15, 0 }, [0x99] = { 0x4d, 0 }, [0xa0] = { 0x23, 0 }, [0xa2] = { 0x34, 0 }, [0xa4] = { 0x3b, 0 },
    [0xae] = { 0x21, 0 }, [0xb0] = { 0x32, 0 },
    /* Calculator; of browsers: home, search, bookmarks, refresh, stop, forward, back; computer, mail, media */
    [0xa1] = { 0x2b, 0 }, [0xb2] = { 0x3a, 0 }, [0xe5] = { 0x10, 0 }, [0xe6] = { 0x18, 0 },
    [0xe7] = { 0x20, 0 }, [0xe8] = { 0x28, 0 }, [0xe9] = { 0x30, 0 }, [0xea] = { 0x38, 0 },
    [0xeb] = { 0x40, 0 }, [0xec] = { 0x48, 0 }, [0xed] = { 0x50, 0 },
};

#define KEY_CTRL    0x1d
#define KEY_ALT     0x38
#define KEY_SHIFT_L 0x2a
#define KEY_SHIFT_R 0x36

/* The keys whose codes do not follow the pattern (set 2 form; set 1 is derived byte by byte). */
static const uint8_t seq_pause[] = { 0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77 };
static const uint8_t seq_break[] = { 0xe0, 0x7e, 0xe0, 0xf0, 0x7e };
static const uint8_t seq_print_down[] = { 0xe0, 0x12, 0xe0, 0x7c };
static const uint8_t seq_print_up[] = { 0xe0, 0xf0, 0x7c, 0xe0, 0xf0, 0x12 };
static const uint8_t seq_pause_set1[] = { 0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5 };
static const uint8_t seq_break_set1[] = { 0xe0, 0x46, 0xe0, 0xc6 };
static const uint8_t seq_print_down_set1[] = { 0xe0, 0x2a, 0xe0, 0x37 };
static const uint8_t seq_print_up_set1[] = { 0xe0, 0xb7, 0xe0, 0xaa };

/*
 * IBM reference, "Scan Code Set 3": by default these make and break without repeating, the rest repeats without
 * breaking.
 */
static const uint8_t set3_modifiers[] = { 0x11, 0x12, 0x14, 0x19, 0x39, 0x58, 0x59, 0x8b, 0x8c };

static bool key_held(const Ps2Keyboard *k, unsigned key)
{
    return k->held[key >> 3] >> (key & 7) & 1;
}

static bool any_held(const Ps2Keyboard *k, unsigned a, unsigned b)
{
    return key_held(k, a) || key_held(k, b);
}

/* ---- codes ------------------------------------------------------------------------------------------------ */

/* The keyboard's own buffer is 16 bytes; when it is full one overrun code takes the last place. */
static void kbd_send(Ps2Keyboard *k, const uint8_t *codes, unsigned count)
{
    if (k->wire.event_count + count <= KBD_BUFFER) {
        k->overrun = false;
        ps2_wire_event(&k->wire, codes, count);
    } else if (!k->overrun) {
        uint8_t code = k->set == 1 ? 0xff : 0x00;

        k->overrun = true;
        ps2_wire_event(&k->wire, &code, 1);
    }
}

#define SEND(k, seq) kbd_send(k, seq, sizeof(seq))

static void kbd_send_set3(Ps2Keyboard *k, unsigned key, bool down)
{
    uint8_t code = key_codes[key].set3;
    uint8_t seq[2] = { 0xf0, code };

    assert(code < PS2_SET3_CODES);
    if (!code) {
        return;
    }
    if (down) {
        kbd_send(k, &code, 1);
    } else if (k->key_types[code] & PS2_KEY_BREAKS) {
        SEND(k, seq);
    }
}

static void kbd_send_plain(Ps2Keyboard *k, unsigned key, bool down)
{
    uint8_t seq[3];
    unsigned n = 0;

    if (key & KEY_E0) {
        seq[n++] = 0xe0;
    }
    if (k->set == 1) {
        seq[n++] = (key & 0x7f) | (down ? 0 : 0x80);
    } else {
        if (!down) {
            seq[n++] = 0xf0;
        }
        seq[n++] = key_codes[key].set2;
    }
    kbd_send(k, seq, n);
}

/* SysRq with Alt, the bare code with Ctrl or Shift, else framed by a shift of its own. */
static void kbd_send_print(Ps2Keyboard *k, bool down)
{
    if (any_held(k, KEY_ALT, KEY_ALT | KEY_E0)) {
        uint8_t seq1 = down ? 0x54 : 0xd4, seq2[2] = { 0xf0, 0x84 };

        if (k->set == 1) {
            kbd_send(k, &seq1, 1);
        } else {
            kbd_send(k, down ? seq2 + 1 : seq2, down ? 1 : 2);
        }
    } else if (any_held(k, KEY_CTRL, KEY_CTRL | KEY_E0) || any_held(k, KEY_SHIFT_L, KEY_SHIFT_R)) {
        kbd_send_plain(k, KEY_PRINT, down);
    } else if (k->set == 1) {
        kbd_send(k, down ? seq_print_down_set1 : seq_print_up_set1, 4);
    } else if (down) {
        SEND(k, seq_print_down);
    } else {
        SEND(k, seq_print_up);
    }
}

/* Pause has no break code: everything comes at the press. */
static void kbd_send_pause(Ps2Keyboard *k)
{
    bool ctrl = any_held(k, KEY_CTRL, KEY_CTRL | KEY_E0);

    if (k->set == 1) {
        if (ctrl) {
            SEND(k, seq_break_set1);
        } else {
            SEND(k, seq_pause_set1);
        }
    } else if (ctrl) {
        SEND(k, seq_break);
    } else {
        SEND(k, seq_pause);
    }
}

static void kbd_send_key(Ps2Keyboard *k, unsigned key, bool down)
{
    if (k->set == 3) {
        kbd_send_set3(k, key, down);
    } else if (key == KEY_PRINT) {
        kbd_send_print(k, down);
    } else if (key != KEY_PAUSE) {
        kbd_send_plain(k, key, down);
    } else if (down) {
        kbd_send_pause(k);
    }
}

/* ---- typematic -------------------------------------------------------------------------------------------- */

/* Argument of F3: bits 6:5 delay (n + 1) * 250 ms; period (8 + bits 2:0) * 2^(bits 4:3) / 240 s. */
static int64_t typematic_delay_ns(const Ps2Keyboard *k)
{
    return ((k->typematic >> 5 & 3) + 1) * 250000000ll;
}

static int64_t typematic_period_ns(const Ps2Keyboard *k)
{
    return ((8 + (k->typematic & 7)) << (k->typematic >> 3 & 3)) * (NANOSECONDS_PER_SECOND / 240);
}

static bool key_repeats(const Ps2Keyboard *k, unsigned key)
{
    if (key == KEY_PAUSE) {
        return false;
    }
    return k->set != 3 || (k->key_types[key_codes[key].set3] & PS2_KEY_REPEATS);
}

static void repeat_stop(Ps2Keyboard *k)
{
    k->repeat_key = 0;
    timer_disarm(&k->repeat_timer);
}

static void repeat_start(Ps2Keyboard *k, unsigned key)
{
    if (!key_repeats(k, key)) {
        repeat_stop(k);
        return;
    }
    k->repeat_key = key;
    k->repeat_at = clock_get_ns(CLOCK_VM) + typematic_delay_ns(k);
    timer_arm(&k->repeat_timer, k->repeat_at);
}

/* A guest that does not fetch its keys gets no pile of repetitions: only an empty buffer is fed. */
static void repeat_cb(void *opaque)
{
    Ps2Keyboard *k = opaque;

    if (!k->repeat_key || !k->scanning) {
        return;
    }
    if (!ps2_wire_has_event(&k->wire)) {
        kbd_send_key(k, k->repeat_key, true);
    }
    k->repeat_at = MAX(k->repeat_at, clock_get_ns(CLOCK_VM) - typematic_period_ns(k)) + typematic_period_ns(k);
    timer_arm(&k->repeat_timer, k->repeat_at);
}

void ps2_kbd_key(Ps2Keyboard *k, unsigned key, bool down)
{
    uint8_t *byte, bit = 1u << (key & 7);

    if (key > 0xff || !(key_codes[key].set2 || key_codes[key].set3)) {
        return;
    }
    byte = &k->held[key >> 3];
    if (down == !!(*byte & bit)) {
        return;
    }
    *byte ^= bit;
    trace_ps2_key(key, down);
    if (!k->scanning) {
        return;
    }
    if (down) {
        repeat_start(k, key);
    } else if (key == k->repeat_key) {
        repeat_stop(k);
    }
    kbd_send_key(k, key, down);
}

/* ---- commands --------------------------------------------------------------------------------------------- */

static void set3_all(Ps2Keyboard *k, uint8_t type)
{
    memset(k->key_types, type, sizeof(k->key_types));
}

static void kbd_defaults(Ps2Keyboard *k)
{
    k->set = 2;
    k->typematic = TYPEMATIC_DEFAULT;
    k->command = 0;
    set3_all(k, PS2_KEY_REPEATS);
    for (unsigned i = 0; i < ARRAY_SIZE(set3_modifiers); i++) {
        k->key_types[set3_modifiers[i]] = PS2_KEY_BREAKS;
    }
    repeat_stop(k);
    ps2_wire_clear_events(&k->wire);
}

static void kbd_set_leds(Ps2Keyboard *k, uint8_t leds)
{
    k->leds = leds;
    trace_ps2_leds(leds);
}

/* An argument for the command before it. A command byte in its place aborts that (every command is EDh or more). */
static void kbd_argument(Ps2Keyboard *k, uint8_t command, uint8_t arg)
{
    static const uint8_t type_of[] = { [0] = PS2_KEY_REPEATS, [1] = PS2_KEY_BREAKS, [2] = 0 };

    switch (command) {
    case CMD_LEDS:
        kbd_set_leds(k, arg & 7);
        break;
    case CMD_TYPEMATIC:
        k->typematic = arg & 0x7f;
        break;
    case CMD_SET:
        if (arg > 3) {
            ps2_wire_reply(&k->wire, PS2_RESEND);
            return;
        }
        ps2_wire_reply(&k->wire, PS2_ACK);
        if (arg == 0) {
            ps2_wire_reply(&k->wire, k->set);
        } else {
            k->set = arg;
            ps2_wire_clear_events(&k->wire);
        }
        return;
    default:                            /* FBh..FDh: a list of set 3 codes, ended by the next command */
        if (arg < PS2_SET3_CODES) {
            k->key_types[arg] = type_of[command - CMD_KEY_REPEAT];
        }
        k->command = command;
        break;
    }
    ps2_wire_reply(&k->wire, PS2_ACK);
}

static void kbd_command(Ps2Keyboard *k, uint8_t command)
{
    switch (command) {
    case CMD_LEDS:
    case CMD_SET:
    case CMD_TYPEMATIC:
        k->command = command;
        break;
    case CMD_KEY_REPEAT:
    case CMD_KEY_BREAK:
    case CMD_KEY_MAKE:
        k->command = command;
        k->scanning = false;
        break;
    case CMD_ECHO:
        ps2_wire_reply(&k->wire, CMD_ECHO);
        return;
    case CMD_ID:
        ps2_wire_reply(&k->wire, PS2_ACK);
        ps2_wire_reply(&k->wire, ID_LOW);
        ps2_wire_reply(&k->wire, ID_HIGH);
        return;
    case CMD_ENABLE:
        ps2_wire_clear_events(&k->wire);
        k->scanning = true;
        break;
    case CMD_DISABLE:
        kbd_defaults(k);
        k->scanning = false;
        break;
    case CMD_DEFAULTS:
        kbd_defaults(k);
        break;
    case CMD_ALL_REPEAT:
        set3_all(k, PS2_KEY_REPEATS);
        break;
    case CMD_ALL_BREAK:
        set3_all(k, PS2_KEY_BREAKS);
        break;
    case CMD_ALL_MAKE:
        set3_all(k, 0);
        break;
    case CMD_ALL_BOTH:
        set3_all(k, PS2_KEY_REPEATS | PS2_KEY_BREAKS);
        break;
    case CMD_RESEND:
        ps2_wire_reply(&k->wire, k->wire.last);
        return;
    case CMD_RESET:
        ps2_kbd_reset(k);
        ps2_wire_reply(&k->wire, PS2_ACK);
        ps2_wire_reply(&k->wire, PS2_BAT_OK);
        return;
    default:
        qemu_log_mask(LOG_GUEST_ERROR, "ps2-kbd: unknown command 0x%02x\n", command);
        ps2_wire_reply(&k->wire, PS2_RESEND);
        return;
    }
    ps2_wire_reply(&k->wire, PS2_ACK);
}

void ps2_kbd_write(Ps2Keyboard *k, uint8_t byte)
{
    uint8_t command = k->command;

    trace_ps2_kbd_write(byte);
    k->command = 0;
    k->wire.reply_count = 0;            /* a new command overtakes the answer to the old one */
    if (command && byte < CMD_LEDS) {
        kbd_argument(k, command, byte);
    } else {
        kbd_command(k, byte);
    }
}

uint8_t ps2_kbd_read(Ps2Keyboard *k)
{
    return ps2_wire_take(&k->wire);
}

void ps2_kbd_reset(Ps2Keyboard *k)
{
    k->wire.reply_count = 0;
    kbd_defaults(k);
    kbd_set_leds(k, 0);
    k->scanning = true;
    k->overrun = false;
}

void ps2_kbd_init(Ps2Keyboard *k, void (*notify)(void *opaque), void *opaque)
{
    k->wire.notify = notify;
    k->wire.opaque = opaque;
    timer_init(&k->repeat_timer, CLOCK_VM, repeat_cb, k);
}

static bool kbd_post_load(void *opaque, int version, Error **errp)
{
    Ps2Keyboard *k = opaque;

    if (k->set < 1 || k->set > 3 || (k->command && k->command < CMD_LEDS)) {
        error_set(errp, "state of the keyboard is impossible");
        return false;
    }
    return ps2_wire_check(&k->wire, "keyboard", errp);
}

const VMStateDescription ps2_kbd_vmstate = {
    .name = "ps2-kbd", .version = 1, .post_load = kbd_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_STRUCT(wire, Ps2Keyboard, ps2_wire_vmstate),
        VMSTATE_UINT8(command, Ps2Keyboard),
        VMSTATE_UINT8_MASK(set, Ps2Keyboard, 3),
        VMSTATE_UINT8_MASK(leds, Ps2Keyboard, 7),
        VMSTATE_UINT8_MASK(typematic, Ps2Keyboard, 0x7f),
        VMSTATE_BOOL(scanning, Ps2Keyboard),
        VMSTATE_BOOL(overrun, Ps2Keyboard),
        VMSTATE_UINT8_ARRAY(held, Ps2Keyboard, 32),
        VMSTATE_UINT8_ARRAY(key_types, Ps2Keyboard, PS2_SET3_CODES),
        VMSTATE_UINT8(repeat_key, Ps2Keyboard),
        VMSTATE_INT64(repeat_at, Ps2Keyboard),
        VMSTATE_TIMER(repeat_timer, Ps2Keyboard),
        VMSTATE_END
    },
};
