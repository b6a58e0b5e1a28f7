/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cards that come and go: what the bus does of it. Who tells the guest is the board's hot-plug controller.
 *
 * Buses that take part have numbers: 0 is the root, those behind bridges that were there from the start count from 1.
 * The guest learns the numbers from firmware tables, so what has been plugged later cannot have one. Cards behind
 * such a bridge come and go nevertheless; the guest is told to look everywhere.
 */
#include "qemu/osdep.h"
#include "pci-internal.h"
#include "trace/hw-pci.h"

#define BUSES_MAX   256

void pci_bus_set_hotplug(PciBus *root, const PciHotplug *ops, void *opaque)
{
    assert(!root->bridge);
    root->hotplug = ops;
    root->hotplug_opaque = opaque;
}

void pci_bus_number_for_hotplug(PciBus *bus)
{
    static int last;

    bus->hotplug_nr = bus->bridge->parent.hotplugged || last == BUSES_MAX - 1 ? -1 : ++last;
}

int pci_bus_hotplug_nr(const PciBus *bus)
{
    return bus->hotplug_nr;
}

static bool is_switched_on(const PciBus *bus)
{
    const PciBus *root = pci_root_bus();

    return root->hotplug && root->hotplug->takes_part(root->hotplug_opaque, bus);
}

bool pci_bus_takes_part(const PciBus *bus)
{
    return bus->hotplug_nr >= 0 && is_switched_on(bus);
}

PciBus *pci_bus_by_hotplug_nr(PciBus *bus, int nr)
{
    PciBus *found = bus->hotplug_nr == nr ? bus : NULL;

    for (unsigned i = 0; !found && i < ARRAY_SIZE(bus->devices); i++) {
        PciDevice *dev = bus->devices[i];

        found = dev && dev->secondary ? pci_bus_by_hotplug_nr(dev->secondary, nr) : NULL;
    }
    return found;
}

PciDevice *pci_bus_device(const PciBus *bus, uint8_t devfn)
{
    return bus->devices[devfn];
}

bool pci_is_pluggable(const PciDevice *dev)
{
    const DeviceType *t = dev->parent.type;

    return t->user_creatable && !t->no_hotplug && (!dev->secondary || dev->parent.hotplugged);
}

static PciDevice *pci_dev(Device *dev)
{
    return container_of(dev, PciDevice, parent);
}

bool pci_hotplug_check(Device *d, Error **errp)
{
    const PciBus *root = pci_root_bus(), *bus = pci_dev(d)->bus ? pci_dev(d)->bus : root;

    if (!root) {
        error_set(errp, "No 'PCI' bus found for device '%s'", d->type->name);
        return false;
    }
    if (!is_switched_on(bus)) {
        error_set(errp, "Bus '%s' does not support hotplugging", bus->name);
        return false;
    }
    return true;
}

void pci_plugged(Device *d)
{
    const PciBus *root = pci_root_bus();

    root->hotplug->plugged(root->hotplug_opaque, pci_dev(d));
}

void pci_unplug_request(Device *d)
{
    const PciBus *root = pci_root_bus();

    root->hotplug->unplug_request(root->hotplug_opaque, pci_dev(d));
}

/* Neither interrupts nor transfers come from it or from what is behind it. */
static void silence(PciDevice *dev)
{
    dev->gone = true;
    pci_set_irq(dev, 0);
    for (unsigned i = 0; dev->secondary && i < ARRAY_SIZE(dev->secondary->devices); i++) {
        if (dev->secondary->devices[i]) {
            silence(dev->secondary->devices[i]);
        }
    }
}

void pci_eject(PciDevice *dev)
{
    trace_pci_eject(dev->parent.type->name, dev->devfn);
    silence(dev);
    memory_transaction_begin();
    pci_config_write(dev, PCI_COMMAND, 0, 2);       /* shuts a bridge's windows too */
    pci_leave_bus(dev);
    memory_transaction_commit();
    device_retire(&dev->parent);
}
