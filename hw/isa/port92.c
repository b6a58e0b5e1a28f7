/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System control port A (I/O port 92h), and the A20 gate it shares with the keyboard controller
 *
 * Follows: Intel 82371SB datasheet, "Port 92 Register".
 * The gate obeys whoever moved it last. It is open after reset, although the register then reads 0; bit 1 of the
 * register survives a reset, as on the reference board. Left out: the other bits (HDD light, security lock).
 */
#include "qemu/osdep.h"
#include "hw/i386/pc.h"
#include "hw/i386/x86-board.h"
#include "hw/isa/piix3.h"
#include "sysemu/runstate.h"
#include "trace/hw-isa.h"

#define PORT92_INIT     (1u << 0)   /* a write of 1 resets the processor */
#define PORT92_A20      (1u << 1)   /* RW: address line 20 passes */

typedef struct Port92 {
    Device parent;
    MemoryRegion io;
    uint8_t control;        /* within PORT92_A20 */
    bool a20;               /* saved copy of the board's gate */
} Port92;

static bool a20_open = true;        /* the board's one wire. Guarded by the big lock */

/* ---- the gate --------------------------------------------------------------------------------------------------- */

static void set_a20_on_vcpu(VCpu *v, void *opaque)
{
    x86_cpu_set_a20(v, opaque != NULL);
}

/*
 * The vCPU that moves the gate sees it before its next instruction; the others at their next block boundary. They are
 * not waited for: they may need the big lock, which the caller holds, to get there.
 */
static void propagate_a20(void)
{
    VCPU_FOREACH(v) {
        if (v == current_vcpu || !v->created) {
            x86_cpu_set_a20(v, a20_open);
        } else {
            vcpu_run_on_async(v, set_a20_on_vcpu, a20_open ? &a20_open : NULL);
        }
    }
}

void pc_set_a20(bool on)
{
    if (a20_open != on) {
        a20_open = on;
        trace_pc_a20(on);
        propagate_a20();
    }
}

bool pc_get_a20(void)
{
    return a20_open;
}

/* ---- the port --------------------------------------------------------------------------------------------------- */

static uint64_t port92_read(void *opaque, hwaddr addr, unsigned size)
{
    Port92 *s = opaque;

    trace_port92_read(s->control);
    return s->control;
}

static void port92_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    Port92 *s = opaque;

    trace_port92_write(val);
    s->control = val & PORT92_A20;
    pc_set_a20(val & PORT92_A20);
    if (val & PORT92_INIT) {
        request_reset("port 92h");
    }
}

static const MemoryRegionOps port92_ops = {
    .read = port92_read, .write = port92_write, .size = { .min = 1, .max = 1 },
};

static bool port92_realize(Device *dev, Error **errp)
{
    Port92 *s = container_of(dev, Port92, parent);

    memory_region_init_io(&s->io, dev, &port92_ops, s, "port92", 1);
    isa_map_port(dev, 0x92, &s->io);
    return true;
}

static void port92_reset(Device *dev)
{
    pc_set_a20(true);       /* the reset vector lies above 1 MiB */
}

static void port92_pre_save(void *opaque)
{
    ((Port92 *)opaque)->a20 = a20_open;
}

static bool port92_post_load(void *opaque, int version, Error **errp)
{
    a20_open = ((Port92 *)opaque)->a20;
    propagate_a20();        /* unconditionally: the vCPUs' copies may come from elsewhere */
    return true;
}

static const VMStateDescription port92_vmstate = {
    .name = "port92", .version = 1, .min_version = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT8_MASK(control, Port92, PORT92_A20),
        VMSTATE_BOOL(a20, Port92),
        VMSTATE_END
    },
    .pre_save = port92_pre_save, .post_load = port92_post_load,
};

static const DeviceType port92_type = {
    .name = "port92", .desc = "system control port A (92h)", .bus = BUS_ISA, .instance_size = sizeof(Port92),
    .realize = port92_realize, .reset = port92_reset, .vmstate = &port92_vmstate,
};
DEVICE_TYPE(port92_type)

Device *port92_create(Error **errp)
{
    return device_realize_or_free(device_new("port92"), errp);
}
