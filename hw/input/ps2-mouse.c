/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PS/2 mouse with the IntelliMouse (wheel) and IntelliMouse Explorer (five buttons) extensions
 *
 * Follows: IBM PS/2 Hardware Interface Technical Reference, "Mouse"; the wheel's knock is Microsoft's convention:
 * sample rates 200, 100, 80 switch to identity 3, and 200, 200, 80 to identity 4, with or without the former.
 * Left out: the sample rate paces nothing, the controller's wire does; movement collects while a packet is on its
 * way.
 */
#include "qemu/osdep.h"
#include "hw/input/i8042.h"
#include "hw/input/ps2.h"
#include "qemu/log.h"
#include "trace/hw-input.h"

#define ID_PLAIN        0
#define ID_WHEEL        3
#define ID_EXPLORER     4
#define MAX_BACKLOG     24          /* bytes; beyond it even button changes wait for the guest */

enum {
    CMD_SCALE11 = 0xe6, CMD_SCALE21 = 0xe7, CMD_RESOLUTION = 0xe8, CMD_STATUS = 0xe9, CMD_STREAM = 0xea,
    CMD_POLL = 0xeb, CMD_WRAP_OFF = 0xec, CMD_WRAP = 0xee, CMD_REMOTE = 0xf0, CMD_ID = 0xf2, CMD_RATE = 0xf3,
    CMD_ENABLE = 0xf4,
    CMD_DISABLE = 0xf5, CMD_DEFAULTS = 0xf6, CMD_RESEND = 0xfe, CMD_RESET = 0xff,
};

/* ---- packets ---------------------------------------------------------------------------------------------- */

static int clamp(int v, int min, int max)
{
    return v < min ? min : v > max ? max : v;
}

/* 2:1 scaling, in stream mode only (IBM reference, "Set Scaling 2:1"). */
static int scale(const Ps2Mouse *m, int v)
{
    static const uint8_t small[6] = { 0, 1, 1, 3, 6, 9 };
    int size = abs(v);

    if (!m->scale21 || m->remote) {
        return v;
    }
    size = size < 6 ? small[size] : 2 * size;
    return v < 0 ? -size : size;
}

/* Builds a packet from what was collected; what does not fit into it stays for the next. */
static unsigned make_packet(Ps2Mouse *m, uint8_t *packet)
{
    int limit = m->scale21 && !m->remote ? 127 : 255;
    int x = clamp(m->dx, -limit, limit), y = clamp(m->dy, -limit, limit), z = clamp(m->dz, -8, 7);
    int sx = scale(m, x), sy = scale(m, y);

    m->dx -= x;
    m->dy -= y;
    packet[0] = 0x08 | (m->buttons & 7) | (sx < 0 ? 0x10 : 0) | (sy < 0 ? 0x20 : 0);
    packet[1] = sx;
    packet[2] = sy;
    m->sent_buttons = m->buttons;
    if (m->id == ID_PLAIN) {
        m->dz = 0;
        return 3;
    }
    m->dz -= z;
    packet[3] = m->id == ID_WHEEL ? (uint8_t)z : (z & 0x0f) | (m->buttons & 0x18) << 1;
    return 4;
}

static bool has_news(const Ps2Mouse *m)
{
    return m->dx || m->dy || (m->dz && m->id != ID_PLAIN) || m->buttons != m->sent_buttons;
}

/* Movement waits for the wire; a button change takes its place in the queue, or a click could vanish. */
static void mouse_flush(Ps2Mouse *m)
{
    uint8_t packet[4];

    if (!m->enabled || m->remote || m->wrap) {
        return;
    }
    while (has_news(m) && m->wire.event_count < MAX_BACKLOG &&
           (!ps2_wire_has_event(&m->wire) || m->buttons != m->sent_buttons)) {
        unsigned len = make_packet(m, packet);

        trace_ps2_mouse_packet(packet[0], packet[1], packet[2], len == 4 ? packet[3] : 0);
        ps2_wire_event(&m->wire, packet, len);
    }
}

void ps2_mouse_move(Ps2Mouse *m, int dx, int dy, int dz, unsigned buttons)
{
    if (!m->enabled && !m->remote) {
        m->buttons = buttons & 0x1f;
        return;
    }
    if (buttons != m->buttons && m->buttons != m->sent_buttons) {
        mouse_flush(m);
    }
    m->dx = clamp(m->dx + clamp(dx, -4096, 4096), -4096, 4096);
    m->dy = clamp(m->dy - clamp(dy, -4096, 4096), -4096, 4096);
    m->dz = clamp(m->dz + clamp(dz, -127, 127), -127, 127);
    m->buttons = buttons & 0x1f;
    mouse_flush(m);
}

/* ---- commands --------------------------------------------------------------------------------------------- */

static void mouse_forget_movement(Ps2Mouse *m)
{
    m->dx = m->dy = m->dz = 0;
    m->sent_buttons = m->buttons;
    ps2_wire_clear_events(&m->wire);
}

static void mouse_defaults(Ps2Mouse *m)
{
    m->rate = 100;
    m->resolution = 2;
    m->scale21 = m->remote = m->enabled = m->wrap = false;
    mouse_forget_movement(m);
}

static void mouse_set_rate(Ps2Mouse *m, uint8_t rate)
{
    if (m->knock[0] == 200 && m->knock[1] == 100 && rate == 80) {
        m->id = ID_WHEEL;
    } else if (m->knock[0] == 200 && m->knock[1] == 200 && rate == 80) {
        m->id = ID_EXPLORER;
    }
    m->knock[0] = m->knock[1];
    m->knock[1] = rate;
    m->rate = rate;
}

/* IBM reference, "Status Request": remote, enabled, scaling, then left, middle, right from bit 2 down. */
static void mouse_send_status(Ps2Mouse *m)
{
    ps2_wire_reply(&m->wire, (m->remote ? 0x40 : 0) | (m->enabled ? 0x20 : 0) | (m->scale21 ? 0x10 : 0) |
                   (m->buttons & MOUSE_LEFT ? 4 : 0) | (m->buttons & MOUSE_MIDDLE ? 2 : 0) |
                   (m->buttons & MOUSE_RIGHT ? 1 : 0));
    ps2_wire_reply(&m->wire, m->resolution);
    ps2_wire_reply(&m->wire, m->rate);
}

static void mouse_send_poll(Ps2Mouse *m)
{
    uint8_t packet[4];
    unsigned len = make_packet(m, packet);

    for (unsigned i = 0; i < len; i++) {
        ps2_wire_reply(&m->wire, packet[i]);
    }
}

static void mouse_command(Ps2Mouse *m, uint8_t command)
{
    switch (command) {
    case CMD_SCALE11: case CMD_SCALE21: case CMD_RESOLUTION: case CMD_STATUS: case CMD_STREAM: case CMD_POLL:
    case CMD_WRAP_OFF: case CMD_WRAP: case CMD_REMOTE: case CMD_ID: case CMD_RATE: case CMD_ENABLE: case CMD_DISABLE:
    case CMD_DEFAULTS:
        ps2_wire_reply(&m->wire, PS2_ACK);
        break;
    case CMD_RESET:
        break;                          /* empties the wire, then answers all by itself */
    case CMD_RESEND:
        ps2_wire_reply(&m->wire, m->wire.last);
        return;
    default:
        qemu_log_mask(LOG_GUEST_ERROR, "ps2-mouse: unknown command 0x%02x\n", command);
        ps2_wire_reply(&m->wire, PS2_RESEND);
        return;
    }
    switch (command) {
    case CMD_SCALE11:
        m->scale21 = false;
        break;
    case CMD_SCALE21:
        m->scale21 = true;
        break;
    case CMD_RESOLUTION:
    case CMD_RATE:
        m->command = command;
        break;
    case CMD_STATUS:
        mouse_send_status(m);
        break;
    case CMD_STREAM:
        m->remote = false;
        mouse_forget_movement(m);
        break;
    case CMD_POLL:
        mouse_send_poll(m);
        break;
    case CMD_WRAP:
        m->wrap = true;
        break;
    case CMD_REMOTE:
        m->remote = true;
        mouse_forget_movement(m);
        break;
    case CMD_ID:
        ps2_wire_reply(&m->wire, m->id);
        break;
    case CMD_ENABLE:
        m->enabled = true;
        mouse_forget_movement(m);
        break;
    case CMD_DISABLE:
        m->enabled = false;
        mouse_forget_movement(m);
        break;
    case CMD_DEFAULTS:
        mouse_defaults(m);
        break;
    case CMD_RESET:
        ps2_mouse_reset(m);
        ps2_wire_reply(&m->wire, PS2_ACK);
        ps2_wire_reply(&m->wire, PS2_BAT_OK);
        ps2_wire_reply(&m->wire, m->id);
        break;
    }
}

/* A command cuts off the packet on its way: the host would take the rest of it for the answer. */
static void drop_partial_packet(Ps2Mouse *m)
{
    for (; m->packet_left && ps2_wire_has_event(&m->wire); m->packet_left--) {
        m->wire.event_head = (m->wire.event_head + 1) % PS2_EVENT_MAX;
        m->wire.event_count--;
    }
    m->packet_left = 0;
}

void ps2_mouse_write(Ps2Mouse *m, uint8_t byte)
{
    uint8_t command = m->command;

    trace_ps2_mouse_write(byte);
    m->command = 0;
    m->wire.reply_count = 0;
    drop_partial_packet(m);
    if (m->wrap && byte != CMD_RESET && byte != CMD_WRAP_OFF) {
        ps2_wire_reply(&m->wire, byte);
    } else if (command == CMD_RATE) {
        mouse_set_rate(m, byte);
        ps2_wire_reply(&m->wire, PS2_ACK);
    } else if (command == CMD_RESOLUTION) {
        m->resolution = byte & 3;
        ps2_wire_reply(&m->wire, PS2_ACK);
    } else {
        m->wrap = false;
        mouse_command(m, byte);
    }
}

uint8_t ps2_mouse_read(Ps2Mouse *m)
{
    uint8_t val;

    if (ps2_wire_has_reply(&m->wire) || !ps2_wire_has_event(&m->wire)) {
        return ps2_wire_take(&m->wire);
    }
    if (!m->packet_left) {
        m->packet_left = m->id == ID_PLAIN ? 3 : 4;
    }
    m->packet_left--;
    val = ps2_wire_take(&m->wire);
    mouse_flush(m);
    return val;
}

void ps2_mouse_reset(Ps2Mouse *m)
{
    m->wire.reply_count = 0;
    m->command = 0;
    m->id = ID_PLAIN;
    m->knock[0] = m->knock[1] = 0;
    m->packet_left = 0;
    mouse_defaults(m);
}

void ps2_mouse_init(Ps2Mouse *m, void (*notify)(void *opaque), void *opaque)
{
    m->wire.notify = notify;
    m->wire.opaque = opaque;
}

static bool mouse_post_load(void *opaque, int version, Error **errp)
{
    Ps2Mouse *m = opaque;

    if ((m->id != ID_PLAIN && m->id != ID_WHEEL && m->id != ID_EXPLORER) || m->packet_left > 3 || abs(m->dx) > 4096 ||
        abs(m->dy) > 4096 || abs(m->dz) > 127) {
        error_set(errp, "state of the mouse is impossible");
        return false;
    }
    return ps2_wire_check(&m->wire, "mouse", errp);
}

const VMStateDescription ps2_mouse_vmstate = {
    .name = "ps2-mouse", .version = 1, .post_load = mouse_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_STRUCT(wire, Ps2Mouse, ps2_wire_vmstate),
        VMSTATE_UINT8(command, Ps2Mouse),
        VMSTATE_UINT8(id, Ps2Mouse),
        VMSTATE_UINT8_MASK(resolution, Ps2Mouse, 3),
        VMSTATE_UINT8(rate, Ps2Mouse),
        VMSTATE_BOOL(scale21, Ps2Mouse),
        VMSTATE_BOOL(remote, Ps2Mouse),
        VMSTATE_BOOL(wrap, Ps2Mouse),
        VMSTATE_BOOL(enabled, Ps2Mouse),
        VMSTATE_UINT8_ARRAY(knock, Ps2Mouse, 2),
        VMSTATE_UINT8(packet_left, Ps2Mouse),
        VMSTATE_UINT8_MASK(buttons, Ps2Mouse, 0x1f),
        VMSTATE_UINT8_MASK(sent_buttons, Ps2Mouse, 0x1f),
        VMSTATE_INT32(dx, Ps2Mouse),
        VMSTATE_INT32(dy, Ps2Mouse),
        VMSTATE_INT32(dz, Ps2Mouse),
        VMSTATE_END
    },
};
