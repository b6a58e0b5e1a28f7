/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Debug console: a port whose every written byte goes to a character device
 *
 * The Bochs convention: port E9h, and reading it gives E9h, by which firmware recognises it. SeaBIOS writes its log
 * to one at 402h.
 * Left out: nothing; there is no input.
 */
#include "qemu/osdep.h"
#include "chardev/char.h"
#include "hw/char/debugcon.h"
#include "trace/hw-char.h"

#define DEBUGCON_IOBASE     0xe9
#define DEBUGCON_READBACK   0xe9

typedef struct DebugCon {
    Device parent;
    MemoryRegion io;
    uint32_t iobase;        /* properties */
    uint32_t readback;
    Chardev *chr;
} DebugCon;

static uint64_t debugcon_read(void *opaque, hwaddr addr, unsigned size)
{
    return ((DebugCon *)opaque)->readback;
}

static void debugcon_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    DebugCon *s = opaque;
    uint8_t byte = val;

    trace_debugcon_write(byte);
    if (s->chr) {
        chardev_write_all(s->chr, &byte, 1);    /* a log with holes is worth little: rather wait a moment */
    }
}

static const MemoryRegionOps debugcon_ops = {
    .read = debugcon_read, .write = debugcon_write, .size = { .min = 1, .max = 1 },
};

static bool debugcon_realize(Device *dev, Error **errp)
{
    DebugCon *s = container_of(dev, DebugCon, parent);

    if (s->iobase > 0xffff) {
        error_set(errp, "'iobase' of isa-debugcon is 0x%x, ports end at 0xffff", s->iobase);
        return false;
    }
    if (!chardev_check_free(s->chr, errp)) {
        return false;
    }
    memory_region_init_io(&s->io, dev, &debugcon_ops, s, "isa-debugcon", 1);
    isa_map_port(dev, s->iobase, &s->io);
    if (s->chr) {
        chardev_attach(s->chr, &(ChardevFrontend) { .opaque = s });
    }
    return true;
}

/* Stateless: nothing to reset and nothing to save. */
static const DeviceType debugcon_type = {
    .name = "isa-debugcon", .desc = "debug console port", .bus = BUS_ISA, .user_creatable = true,
    .instance_size = sizeof(DebugCon),
    .props = (const Property[]) {
        PROP_UINT32("iobase", DebugCon, iobase, DEBUGCON_IOBASE),
        PROP_UINT32("readback", DebugCon, readback, DEBUGCON_READBACK),
        PROP_CHARDEV("chardev", DebugCon, chr),
        PROP_END
    },
    .realize = debugcon_realize,
};
DEVICE_TYPE(debugcon_type)

Device *debugcon_create(Chardev *chr, Error **errp)
{
    Device *dev = device_new("isa-debugcon");

    device_set_prop_ptr(dev, "chardev", chr);
    return device_realize_or_free(dev, errp);
}
