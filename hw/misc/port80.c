/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * POST code latch (port 80h)
 *
 * On the PC/AT an unused DMA page register; firmware shows its progress there, and kernels write to it only to pass a
 * microsecond. It is the most written port of a booting machine, so it does without the big lock.
 * Follows: IBM PC/AT Technical Reference, "Manufacturing test port"; reads return the last code, FFh after reset.
 */
#include "qemu/osdep.h"
#include "hw/isa/isa.h"
#include "trace/hw-misc.h"

typedef struct Port80 {
    Device parent;
    MemoryRegion io;
    uint8_t code;           /* atomic */
} Port80;

static uint64_t port80_read(void *opaque, hwaddr addr, unsigned size)
{
    return __atomic_load_n(&((Port80 *)opaque)->code, __ATOMIC_RELAXED);
}

static void port80_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    trace_port80_write(val);
    __atomic_store_n(&((Port80 *)opaque)->code, val, __ATOMIC_RELAXED);
}

static const MemoryRegionOps port80_ops = {
    .read = port80_read, .write = port80_write, .size = { .min = 1, .max = 1 }, .no_lock = true,
};

static bool port80_realize(Device *dev, Error **errp)
{
    Port80 *s = container_of(dev, Port80, parent);

    memory_region_init_io(&s->io, dev, &port80_ops, s, "port80", 1);
    isa_map_port(dev, 0x80, &s->io);
    return true;
}

static void port80_reset(Device *dev)
{
    port80_write(container_of(dev, Port80, parent), 0, 0xff, 1);
}

static const VMStateDescription port80_vmstate = {
    .name = "port80", .version = 1,
    .fields = (const VMStateField[]) { VMSTATE_UINT8(code, Port80), VMSTATE_END },
};

static const DeviceType port80_type = {
    .name = "port80", .desc = "POST code latch (80h)", .bus = BUS_ISA,
    .instance_size = sizeof(Port80),
    .realize = port80_realize, .reset = port80_reset, .vmstate = &port80_vmstate,
};
DEVICE_TYPE(port80_type)
