/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parallel ports "isa-parallel": a printer that takes every byte, written to a character device
 *
 * Follows: IBM PC/AT Technical Reference, "Serial/Parallel Adapter"; IEEE 1284-1994, compatibility mode.
 * Left out: EPP and ECP (ports 3 to 7 read FFh), input from the printer.
 *
 *   STROBE 0 -> 1: byte taken ─► ACK#, interrupt if enabled ─► (next read of the status) ACK# over, line down
 *                 ╰ character device full: BUSY until it has room
 */
#include "qemu/osdep.h"
#include "chardev/char.h"
#include "hw/isa/isa.h"
#include "qemu/log.h"
#include "qemu/timer.h"
#include "trace/hw-char.h"

enum { REG_DATA, REG_STATUS, REG_CONTROL, REG_COUNT = 8 };

#define STATUS_FIXED    0x19u       /* selected, no error; bit 0 floats high */
#define STATUS_ACK      0x40u       /* low: the byte was taken */
#define STATUS_READY    0x80u       /* low: busy */

#define CONTROL_STROBE  0x01u
#define CONTROL_INIT    0x04u       /* low: reset the printer */
#define CONTROL_SELECT  0x08u
#define CONTROL_IRQ     0x10u
#define CONTROL_INPUT   0x20u       /* the port lets go of the data lines */
#define CONTROL_BITS    0x3fu
#define CONTROL_FIXED   0xc0u

typedef struct Parallel {
    Device parent;
    MemoryRegion io;
    uint32_t index, iobase, irq;    /* properties */
    Chardev *chr;
    uint8_t data, control;
    bool ack;                       /* taken, and the status not read since */
    bool busy;                      /* `sending` waits for room */
    uint8_t sending;
    Timer resend_timer;             /* after a load: nobody promised this host's device a writable(); not saved */
} Parallel;

#define FROM_INDEX  (~0u)

static void set_irq(Parallel *s, int level)
{
    irq_set(isa_irq(s->irq), level && s->control & CONTROL_IRQ);
}

static void byte_taken(Parallel *s)
{
    s->busy = false;
    s->ack = true;
    set_irq(s, 0);
    set_irq(s, 1);
}

static void try_send(Parallel *s)
{
    if (!s->chr || chardev_write(s->chr, &s->sending, 1) == 1) {
        byte_taken(s);
    }
}

static void strobe(Parallel *s)
{
    if (s->busy) {
        qemu_log_mask(LOG_GUEST_ERROR, "parallel: byte 0x%02x sent to a busy printer is lost\n", s->data);
        return;
    }
    trace_parallel_byte(s->index, s->data);
    s->sending = s->data;
    s->busy = true;
    s->ack = false;
    try_send(s);
}

static void parallel_writable(void *opaque)
{
    Parallel *s = opaque;

    if (s->busy) {
        try_send(s);
    }
}

static uint8_t read_status(Parallel *s)
{
    uint8_t val = STATUS_FIXED | (s->busy ? 0 : STATUS_READY) | (s->ack ? 0 : STATUS_ACK);

    if (s->ack) {
        s->ack = false;
        set_irq(s, 0);
    }
    return val;
}

static uint64_t parallel_read(void *opaque, hwaddr addr, unsigned size)
{
    Parallel *s = opaque;
    uint8_t val = 0xff;

    switch (addr) {
    case REG_DATA:
        val = s->control & CONTROL_INPUT ? 0xff : s->data;
        break;
    case REG_STATUS:
        val = read_status(s);
        break;
    case REG_CONTROL:
        val = CONTROL_FIXED | s->control;
        break;
    }
    trace_parallel_read(s->index, addr, val);
    return val;
}

static void write_control(Parallel *s, uint8_t val)
{
    uint8_t rising = val & ~s->control;

    if (!(val & CONTROL_IRQ)) {
        irq_lower(isa_irq(s->irq));
    }
    s->control = val & CONTROL_BITS;
    if (rising & CONTROL_STROBE && val & CONTROL_INIT) {
        strobe(s);
    }
}

static void parallel_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    Parallel *s = opaque;

    trace_parallel_write(s->index, addr, val);
    switch (addr) {
    case REG_DATA:
        s->data = val;
        break;
    case REG_CONTROL:
        write_control(s, val);
        break;
    default:
        qemu_log_mask(LOG_GUEST_ERROR, "parallel: write to read-only register %" PRIu64 "\n", addr);
    }
}

static const MemoryRegionOps parallel_ops = {
    .read = parallel_read, .write = parallel_write, .size = { .min = 1, .max = 1 },
};

static bool parallel_realize(Device *dev, Error **errp)
{
    static const struct {
        uint16_t iobase;
        uint8_t irq;
    } places[] = { { 0x378, 7 }, { 0x278, 5 }, { 0x3bc, 7 } };
    Parallel *s = container_of(dev, Parallel, parent);

    if (s->index == FROM_INDEX) {
        s->index = isa_port_free_index("isa-parallel", ARRAY_SIZE(places));
    }
    if (s->index >= ARRAY_SIZE(places)) {
        error_set(errp, "isa-parallel: index %u is outside 0 to %zu", s->index, ARRAY_SIZE(places) - 1);
        return false;
    }
    s->iobase = s->iobase == FROM_INDEX ? places[s->index].iobase : s->iobase;
    s->irq = s->irq == FROM_INDEX ? places[s->index].irq : s->irq;
    if (s->iobase > 0x10000 - REG_COUNT || s->irq >= ISA_NUM_IRQS) {
        error_set(errp, "isa-parallel: there is no iobase 0x%x with irq %u", s->iobase, s->irq);
        return false;
    }
    if (!chardev_check_free(s->chr, errp)) {
        return false;
    }
    timer_init(&s->resend_timer, CLOCK_VM, parallel_writable, s);
    memory_region_init_io(&s->io, dev, &parallel_ops, s, "parallel", s->iobase == 0x3bc ? 3 : REG_COUNT);
    isa_map_port(dev, s->iobase, &s->io);
    if (s->chr) {
        chardev_attach(s->chr, &(ChardevFrontend) { .opaque = s, .writable = parallel_writable });
    }
    return true;
}

static void parallel_unrealize(Device *dev)
{
    Parallel *s = container_of(dev, Parallel, parent);

    timer_disarm(&s->resend_timer);
    if (s->chr) {
        chardev_attach(s->chr, NULL);
    }
    isa_unmap_port(&s->io);
}

static void parallel_reset(Device *dev)
{
    Parallel *s = container_of(dev, Parallel, parent);

    s->data = 0xff;
    s->control = CONTROL_INIT | CONTROL_SELECT;
    s->ack = s->busy = false;
    irq_lower(isa_irq(s->irq));
}

static bool parallel_post_load(void *opaque, int version, Error **errp)
{
    Parallel *s = opaque;

    if (s->busy) {
        timer_arm(&s->resend_timer, clock_get_ns(CLOCK_VM));
    }
    return true;
}

static const VMStateDescription parallel_vmstate = {
    .name = "parallel", .version = 1, .post_load = parallel_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT8(data, Parallel),
        VMSTATE_UINT8_MASK(control, Parallel, CONTROL_BITS),
        VMSTATE_BOOL(ack, Parallel),
        VMSTATE_BOOL(busy, Parallel),
        VMSTATE_UINT8(sending, Parallel),
        VMSTATE_END     /* the line's level is the interrupt controllers' to save */
    },
};

static const DeviceType parallel_type = {
    .name = "isa-parallel", .desc = "parallel port", .bus = BUS_ISA, .user_creatable = true,
    .instance_size = sizeof(Parallel),
    .props = (const Property[]) {
        PROP_UINT32("index", Parallel, index, FROM_INDEX),
        PROP_UINT32("iobase", Parallel, iobase, FROM_INDEX),
        PROP_UINT32("irq", Parallel, irq, FROM_INDEX),
        PROP_CHARDEV("chardev", Parallel, chr),
        PROP_END
    },
    .realize = parallel_realize, .unrealize = parallel_unrealize, .reset = parallel_reset,
    .vmstate = &parallel_vmstate,
};
DEVICE_TYPE(parallel_type)
