/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pvpanic: how a guest's kernel says that it has crashed. No real chip.
 *
 * One byte: reads give the events that are understood, writes report some of them. "pvpanic" is a port (505h),
 * "pvpanic-pci" a PCI function (1B36:0011) with the byte at the start of BAR 0. Drivers find the port by ACPI, as
 * QEMU0001.
 */
#include "qemu/osdep.h"
#include "hw/i386/pc.h"
#include "qemu/log.h"
#include "sysemu/runstate.h"
#include "trace/hw-misc.h"

#define EVENT_PANICKED      0x01u       /* the guest is dead */
#define EVENT_CRASH_LOADED  0x02u       /* it has crashed and now runs its crash kernel */
#define EVENTS_ALL          (EVENT_PANICKED | EVENT_CRASH_LOADED)

static void report(uint8_t events)
{
    trace_pvpanic_event(events);
    if (events & ~EVENTS_ALL) {
        qemu_log_mask(LOG_GUEST_ERROR, "pvpanic: unknown event 0x%02x\n", events & ~EVENTS_ALL);
    }
    if (events & EVENT_PANICKED) {
        request_panic();
    }
}

/* opaque: the events property. */
static uint64_t pvpanic_read(void *opaque, hwaddr addr, unsigned size)
{
    return *(uint8_t *)opaque;
}

static void pvpanic_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    report(val);
}

static const MemoryRegionOps pvpanic_ops = {
    .read = pvpanic_read, .write = pvpanic_write, .size = { .min = 1, .max = 1 },
};

/* ---- the port ---------------------------------------------------------------------------------------------------- */

typedef struct PvpanicIsa {
    Device parent;
    MemoryRegion io;
    uint16_t ioport;            /* properties */
    uint8_t events;
} PvpanicIsa;

static bool pvpanic_isa_realize(Device *dev, Error **errp)
{
    PvpanicIsa *s = container_of(dev, PvpanicIsa, parent);

    if (pc_state.pvpanic_port) {
        error_set(errp, "there is a pvpanic at port 0x%x already, and a guest is told of one", pc_state.pvpanic_port);
        return false;
    }
    memory_region_init_io(&s->io, dev, &pvpanic_ops, &s->events, "pvpanic", 1);
    isa_map_port(dev, s->ioport, &s->io);
    pc_state.pvpanic_port = s->ioport;
    return true;
}

static void pvpanic_isa_unrealize(Device *dev)
{
    isa_unmap_port(&container_of(dev, PvpanicIsa, parent)->io);
    pc_state.pvpanic_port = 0;
}

static const DeviceType pvpanic_isa_type = {
    .name = "pvpanic", .desc = "port by which a guest reports a panic", .bus = BUS_ISA, .user_creatable = true,
    .instance_size = sizeof(PvpanicIsa),
    .props = (const Property[]) {
        PROP_UINT16("ioport", PvpanicIsa, ioport, 0x505), PROP_UINT8("events", PvpanicIsa, events, EVENTS_ALL), PROP_END
    },
    .realize = pvpanic_isa_realize, .unrealize = pvpanic_isa_unrealize,
};
DEVICE_TYPE(pvpanic_isa_type)

/* ---- the PCI function -------------------------------------------------------------------------------------------- */

typedef struct PvpanicPci {
    PciDevice parent;
    MemoryRegion bar;
    uint8_t events;             /* property */
} PvpanicPci;

static bool pvpanic_pci_realize(PciDevice *dev, Error **errp)
{
    PvpanicPci *s = container_of(dev, PvpanicPci, parent);

    memory_region_init_io(&s->bar, &dev->parent, &pvpanic_ops, &s->events, "pvpanic-pci", 16);
    pci_register_bar(dev, 0, 0, &s->bar);
    return true;
}

static void pvpanic_pci_unrealize(Device *dev)
{
    memory_region_destroy(&container_of(dev, PvpanicPci, parent.parent)->bar);
}

static const PciDeviceClass pvpanic_pci_class = {
    .vendor = 0x1b36, .device = 0x0011, .class_id = 0x0880, .revision = 1, .realize = pvpanic_pci_realize,
};

static const VMStateDescription pvpanic_pci_vmstate = {
    .name = "pvpanic-pci", .version = 1,
    .fields = (const VMStateField[]) { VMSTATE_STRUCT(parent, PvpanicPci, vmstate_pci_device), VMSTATE_END },
};

static const DeviceType pvpanic_pci_type = {
    .name = "pvpanic-pci", .desc = "PCI function by which a guest reports a panic", .bus = BUS_PCI,
    .user_creatable = true, .instance_size = sizeof(PvpanicPci),
    .props = (const Property[]) { PROP_UINT8("events", PvpanicPci, events, EVENTS_ALL), PROP_END },
    .unrealize = pvpanic_pci_unrealize, .vmstate = &pvpanic_pci_vmstate, .class_data = &pvpanic_pci_class,
};
DEVICE_TYPE(pvpanic_pci_type)
