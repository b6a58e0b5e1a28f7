/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes from a PS/2 device to the keyboard controller: a short queue of answers before a queue of events
 */
#include "qemu/osdep.h"
#include "hw/input/ps2.h"

bool ps2_wire_has_reply(const Ps2Wire *w)
{
    return w->reply_count;
}

bool ps2_wire_has_event(const Ps2Wire *w)
{
    return w->event_count;
}

/* A host that sends commands without taking the answers loses the newest. */
void ps2_wire_reply(Ps2Wire *w, uint8_t byte)
{
    if (w->reply_count < PS2_REPLY_MAX) {
        w->reply[(w->reply_head + w->reply_count++) % PS2_REPLY_MAX] = byte;
    }
    w->notify(w->opaque);
}

bool ps2_wire_event(Ps2Wire *w, const uint8_t *bytes, unsigned count)
{
    if (w->event_count + count > PS2_EVENT_MAX) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        w->event[(w->event_head + w->event_count++) % PS2_EVENT_MAX] = bytes[i];
    }
    w->notify(w->opaque);
    return true;
}

/* The next byte in order; the last one again when nothing waits. */
uint8_t ps2_wire_take(Ps2Wire *w)
{
    if (w->reply_count) {
        w->last = w->reply[w->reply_head];
        w->reply_head = (w->reply_head + 1) % PS2_REPLY_MAX;
        w->reply_count--;
    } else if (w->event_count) {
        w->last = w->event[w->event_head];
        w->event_head = (w->event_head + 1) % PS2_EVENT_MAX;
        w->event_count--;
    }
    return w->last;
}

void ps2_wire_reset(Ps2Wire *w)
{
    memset(w->reply, 0, sizeof(w->reply));
    memset(w->event, 0, sizeof(w->event));
    w->reply_head = w->reply_count = 0;
    w->event_head = w->event_count = 0;
    w->last = 0;
}

void ps2_wire_clear_events(Ps2Wire *w)
{
    w->event_count = 0;
}

bool ps2_wire_check(const Ps2Wire *w, const char *what, Error **errp)
{
    if (w->reply_head >= PS2_REPLY_MAX || w->reply_count > PS2_REPLY_MAX || w->event_head >= PS2_EVENT_MAX ||
        w->event_count > PS2_EVENT_MAX) {
        error_set(errp, "queue state of the %s is impossible", what);
        return false;
    }
    return true;
}

const VMStateDescription ps2_wire_vmstate = {
    .name = "ps2-wire", .version = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT8_ARRAY(reply, Ps2Wire, PS2_REPLY_MAX),
        VMSTATE_UINT8(reply_head, Ps2Wire),
        VMSTATE_UINT8(reply_count, Ps2Wire),
        VMSTATE_UINT8_ARRAY(event, Ps2Wire, PS2_EVENT_MAX),
        VMSTATE_UINT8(event_head, Ps2Wire),
        VMSTATE_UINT8(event_count, Ps2Wire),
        VMSTATE_UINT8(last, Ps2Wire),
        VMSTATE_END
    },
};
