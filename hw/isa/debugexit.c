/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * isa-debug-exit: a port for test kernels that ends the program. No real chip.
 *
 * A write of v leaves with status (v << 1) | 1: always odd, so that it cannot be taken for a success. Reads give 0.
 */
#include "qemu/osdep.h"
#include "hw/isa/isa.h"
#include "sysemu/runstate.h"

typedef struct DebugExit {
    Device parent;
    MemoryRegion io;
    uint32_t iobase, iosize;
} DebugExit;

static uint64_t debug_exit_read(void *opaque, hwaddr addr, unsigned size)
{
    return 0;
}

static void debug_exit_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    request_exit((int)(val << 1 | 1));
}

static const MemoryRegionOps debug_exit_ops = {
    .read = debug_exit_read, .write = debug_exit_write, .size = { .min = 1, .max = 4 },
};

static bool debug_exit_realize(Device *dev, Error **errp)
{
    DebugExit *s = container_of(dev, DebugExit, parent);

    if (!s->iosize || s->iobase > 0xffff || s->iosize > 0x10000 - s->iobase) {
        error_set(errp, "isa-debug-exit: ports 0x%x to 0x%x do not exist", s->iobase, s->iobase + s->iosize - 1);
        return false;
    }
    memory_region_init_io(&s->io, dev, &debug_exit_ops, s, "isa-debug-exit", s->iosize);
    isa_map_port(dev, s->iobase, &s->io);
    return true;
}

static void debug_exit_unrealize(Device *dev)
{
    isa_unmap_port(&container_of(dev, DebugExit, parent)->io);
}

static const DeviceType debug_exit_type = {
    .name = "isa-debug-exit", .desc = "debug port: a write ends the program", .bus = BUS_ISA, .user_creatable = true,
    .instance_size = sizeof(DebugExit),
    .props = (const Property[]) {
        PROP_UINT32("iobase", DebugExit, iobase, 0x501),
        PROP_UINT32("iosize", DebugExit, iosize, 0x02),
        PROP_END
    },
    .realize = debug_exit_realize, .unrealize = debug_exit_unrealize,
};
DEVICE_TYPE(debug_exit_type)
