/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System control port B (I/O port 61h)
 *
 * Timer gate, speaker gate, memory-refresh toggle, NMI sources. Firmware times short delays by watching bit 4, so that
 * bit follows virtual time and not the number of reads.
 * Follows: Intel 82371SB datasheet, "NMI Status and Control Register".
 * Left out: sound and NMIs. Bits 3:1 are only remembered; bits 7:6 (SERR#, IOCHK#) read as 0.
 */
#include "qemu/osdep.h"
#include "hw/i386/pc.h"
#include "hw/isa/piix3.h"
#include "qemu/timer.h"
#include "trace/hw-isa.h"

#define PORTB_GATE2     (1u << 0)   /* RW: timer channel 2 counts */
#define PORTB_REFRESH   (1u << 4)   /* RO: flips with each refresh request */
#define PORTB_OUT2      (1u << 5)   /* RO: output of channel 2 */
#define PORTB_WRITABLE  0x0fu
#define REFRESH_NS      15085       /* channel 1 as firmware sets it: 18 ticks of 1.193182 MHz */

typedef struct PortB {
    Device parent;
    MemoryRegion io;
    Device *pit;            /* property: fixed once realized */
    uint8_t control;        /* last value written, within PORTB_WRITABLE */
} PortB;

static uint64_t portb_read(void *opaque, hwaddr addr, unsigned size)
{
    PortB *s = opaque;
    uint8_t val = s->control;

    val |= clock_get_ns(CLOCK_VM) / REFRESH_NS % 2 ? PORTB_REFRESH : 0;
    val |= i8254_out(s->pit, 2) ? PORTB_OUT2 : 0;
    trace_portb_read(val);
    return val;
}

static void portb_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    PortB *s = opaque;

    trace_portb_write(val);
    s->control = val & PORTB_WRITABLE;
    i8254_set_gate(s->pit, 2, s->control & PORTB_GATE2);
}

static const MemoryRegionOps portb_ops = { .read = portb_read, .write = portb_write, .size = { .min = 1, .max = 1 } };

static bool portb_realize(Device *dev, Error **errp)
{
    PortB *s = container_of(dev, PortB, parent);

    if (!s->pit) {
        error_set(errp, "isa-portb needs its 'pit' property");
        return false;
    }
    memory_region_init_io(&s->io, dev, &portb_ops, s, "portb", 1);
    isa_map_port(dev, 0x61, &s->io);
    return true;
}

static void portb_reset(Device *dev)    /* the timer resets its own gate */
{
    container_of(dev, PortB, parent)->control = 0x00;
}

static const VMStateDescription portb_vmstate = {
    .name = "portb", .version = 1, .min_version = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT8_MASK(control, PortB, PORTB_WRITABLE),
        VMSTATE_END     /* channel 2's gate is the timer's to save */
    },
};

static const DeviceType portb_type = {
    .name = "isa-portb", .desc = "system control port B (61h)", .bus = BUS_ISA, .instance_size = sizeof(PortB),
    .props = (const Property[]) { PROP_DEVICE("pit", PortB, pit), PROP_END },
    .realize = portb_realize, .reset = portb_reset, .vmstate = &portb_vmstate,
};
DEVICE_TYPE(portb_type)

Device *portb_create(Device *pit, Error **errp)
{
    Device *dev = device_new("isa-portb");

    device_set_prop_ptr(dev, "pit", pit);
    return device_realize_or_free(dev, errp);
}
