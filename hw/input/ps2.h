/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two devices behind the keyboard controller, as the controller sees them: a wire each way.
 *
 * Answers to commands go before buffered events and are available at once; event bytes are paced by the controller.
 * Internal to hw/input. Big lock held.
 */
#ifndef HW_INPUT_PS2_H
#define HW_INPUT_PS2_H

#include "hw/core/vmstate.h"

#define PS2_REPLY_MAX   8
#define PS2_EVENT_MAX   64
#define PS2_SET3_CODES  0x90

#define PS2_ACK         0xfa
#define PS2_RESEND      0xfe
#define PS2_BAT_OK      0xaa

/* Bytes on their way to the host. */
typedef struct Ps2Wire {
    uint8_t reply[PS2_REPLY_MAX], reply_head, reply_count;
    uint8_t event[PS2_EVENT_MAX], event_head, event_count;
    uint8_t last;                       /* last byte sent, for the resend command */
    void (*notify)(void *opaque);       /* something was queued */
    void *opaque;
} Ps2Wire;

typedef struct Ps2Keyboard {
    Ps2Wire wire;
    uint8_t command;                    /* waits for its argument; 0: none */
    uint8_t set;                        /* scan code set 1..3 */
    uint8_t leds, typematic;
    bool scanning;
    bool overrun;
    uint8_t held[32];                   /* bitmap of keys by KEY number */
    uint8_t key_types[PS2_SET3_CODES];  /* set 3: PS2_KEY_* per code */
    uint8_t repeat_key;                 /* 0: none */
    int64_t repeat_at;                  /* CLOCK_VM of its next repetition */
    Timer repeat_timer;
} Ps2Keyboard;

typedef struct Ps2Mouse {
    Ps2Wire wire;
    uint8_t command;
    uint8_t id;                         /* 0, 3 (wheel), 4 (five buttons) */
    uint8_t resolution, rate;
    bool scale21, remote, wrap, enabled;
    uint8_t knock[2];                   /* the last two sample rates, for the wheel's secret knock */
    uint8_t packet_left;                /* bytes of the packet on its way not sent yet */
    uint8_t buttons, sent_buttons;
    int32_t dx, dy, dz;                 /* collected; y up, z down */
} Ps2Mouse;

bool ps2_wire_has_reply(const Ps2Wire *w);
bool ps2_wire_has_event(const Ps2Wire *w);
void ps2_wire_reply(Ps2Wire *w, uint8_t byte);
bool ps2_wire_event(Ps2Wire *w, const uint8_t *bytes, unsigned count);  /* all or nothing */
uint8_t ps2_wire_take(Ps2Wire *w);
void ps2_wire_reset(Ps2Wire *w);        /* as after power-on */
void ps2_wire_clear_events(Ps2Wire *w);
bool ps2_wire_check(const Ps2Wire *w, const char *what, Error **errp);  /* loaded state */
extern const VMStateDescription ps2_wire_vmstate;

void ps2_kbd_init(Ps2Keyboard *k, void (*notify)(void *opaque), void *opaque);
void ps2_kbd_reset(Ps2Keyboard *k);
void ps2_kbd_write(Ps2Keyboard *k, uint8_t byte);
uint8_t ps2_kbd_read(Ps2Keyboard *k);
void ps2_kbd_key(Ps2Keyboard *k, unsigned key, bool down);
extern const VMStateDescription ps2_kbd_vmstate;

void ps2_mouse_init(Ps2Mouse *m, void (*notify)(void *opaque), void *opaque);
void ps2_mouse_reset(Ps2Mouse *m);
void ps2_mouse_write(Ps2Mouse *m, uint8_t byte);
uint8_t ps2_mouse_read(Ps2Mouse *m);
void ps2_mouse_move(Ps2Mouse *m, int dx, int dy, int dz, unsigned buttons);
extern const VMStateDescription ps2_mouse_vmstate;

#endif
