/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI PCI hot plug: the ports by which firmware's byte code learns of cards that come and go. No real chip.
 *
 *   AE00  RO  slots with a new card; reading clears     AE0C  RO  slots whose cards may go, or may come
 *   AE04  RO  slots whose card the user wants back      AE10  RW  the bus all of this is about
 *   AE08  WO  slots to take the card from: ejects it    AE14      names of cards (acpi-index): none have one
 *
 * All are 32 bits wide, a bit for each slot. General purpose event 1 says that there is something to see. The guest
 * agrees to an unplug by ejecting, and may eject without having been asked; a reset is taken for agreement.
 * A card behind a bridge that was plugged later has no bit: slot 0 of bus 0 has news when it comes or goes, unasked.
 * Left out: acpi-index.
 */
#include "qemu/osdep.h"
#include "hw/i386/acpi-dsdt.h"
#include "pci-hotplug.h"
#include "qemu/log.h"
#include "sysemu/runstate.h"
#include "trace/hw-acpi.h"

enum { REG_UP = 0x00, REG_DOWN = 0x04, REG_EJECT = 0x08, REG_REMOVABLE = 0x0c, REG_SELECT = 0x10 };
#define NO_BUS      UINT32_MAX
#define FUNCTIONS   8

static bool takes_part(void *opaque, const PciBus *bus)
{
    const AcpiPciHotplug *s = opaque;

    return bus == s->root ? s->on_root : s->behind_bridges;
}

static PciBus *bus_of(const AcpiPciHotplug *s, uint32_t nr)
{
    PciBus *bus = nr < ACPI_PCI_HOTPLUG_BUSES ? pci_bus_by_hotplug_nr(s->root, nr) : NULL;

    return bus && pci_bus_takes_part(bus) ? bus : NULL;
}

/* ---- what goes --------------------------------------------------------------------------------------------------- */

/* What is part of the board, or described by tables, stays. */
static uint32_t removable(const PciBus *bus)
{
    uint32_t slots = UINT32_MAX;

    for (unsigned devfn = 0; bus && devfn < 256; devfn++) {
        const PciDevice *dev = pci_bus_device(bus, devfn);

        if (dev && !pci_is_pluggable(dev)) {
            slots &= ~(1u << (devfn >> 3));
        }
    }
    return slots;
}

/* A card goes as a whole. */
static void eject_slots(PciBus *bus, uint32_t slots)
{
    slots &= removable(bus);
    for (unsigned devfn = 0; bus && devfn < 256; devfn++) {
        PciDevice *dev = pci_bus_device(bus, devfn);

        if (dev && slots >> (devfn / FUNCTIONS) & 1) {
            pci_eject(dev);
        }
    }
}

static void eject(AcpiPciHotplug *s, uint32_t nr, uint32_t slots)
{
    trace_acpi_pci_eject(nr, slots);
    eject_slots(bus_of(s, nr), slots);
}

/* ---- from the user to the guest ---------------------------------------------------------------------------------- */

/* Neither the card nor its bus is in tables: the guest is to look everywhere. */
static void tell_of_change(AcpiPciHotplug *s)
{
    s->up[0] |= 1u << ACPI_PCI_HOTPLUG_SLOT_BUS;
    s->event(s->opaque);
}

static void plugged(void *opaque, PciDevice *dev)
{
    AcpiPciHotplug *s = opaque;
    int nr = pci_bus_hotplug_nr(dev->bus);
    unsigned slot = dev->devfn >> 3;

    trace_acpi_pci_plugged(nr, slot);
    if (nr < 0) {
        tell_of_change(s);
        return;
    }
    s->up[nr] |= 1u << slot;
    s->event(s->opaque);
}

/* There is no way to ask for what is behind a bridge that was plugged later: it is pulled out. */
static void unplug_request(void *opaque, PciDevice *dev)
{
    AcpiPciHotplug *s = opaque;
    int nr = pci_bus_hotplug_nr(dev->bus);
    unsigned slot = dev->devfn >> 3;

    trace_acpi_pci_unplug_request(nr, slot);
    if (nr < 0) {
        eject_slots(dev->bus, 1u << slot);
        tell_of_change(s);
        return;
    }
    s->down[nr] |= 1u << slot;
    s->event(s->opaque);
}

static const PciHotplug hotplug_ops = {
    .takes_part = takes_part, .plugged = plugged, .unplug_request = unplug_request,
};

/* ---- the registers ----------------------------------------------------------------------------------------------- */

static uint64_t hotplug_read(void *opaque, hwaddr addr, unsigned size)
{
    AcpiPciHotplug *s = opaque;
    uint32_t val = 0;

    if (s->select == NO_BUS) {
        return 0;
    }
    switch (addr) {
    case REG_UP:
        val = s->up[s->select];
        s->up[s->select] = 0;
        break;
    case REG_DOWN:
        val = s->down[s->select];
        break;
    case REG_REMOVABLE:
        val = removable(bus_of(s, s->select));
        break;
    case REG_SELECT:
        val = s->select;
        break;
    }
    trace_acpi_pci_read(addr, val);
    return val;
}

static void hotplug_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    AcpiPciHotplug *s = opaque;

    if (addr == REG_SELECT) {
        s->select = val < ACPI_PCI_HOTPLUG_BUSES ? val : NO_BUS;
    } else if (addr == REG_EJECT && s->select != NO_BUS) {
        eject(s, s->select, val);
        s->down[s->select] &= ~(uint32_t)val;
    } else if (addr < REG_EJECT || addr == REG_REMOVABLE) {
        qemu_log_mask(LOG_GUEST_ERROR, "acpi-pci-hotplug: write to port 0x%" PRIx64 ", which is for reading only\n",
                      ACPI_PCI_HOTPLUG_BASE + addr);
    }
}

static const MemoryRegionOps hotplug_ops_io = {
    .read = hotplug_read, .write = hotplug_write, .size = { .min = 4, .max = 4 }, .access = { .min = 4, .max = 4 },
};

/* ---- life -------------------------------------------------------------------------------------------------------- */

void acpi_pci_hotplug_clear(AcpiPciHotplug *s)
{
    memset(s->up, 0, sizeof(s->up));
    memset(s->down, 0, sizeof(s->down));
    s->select = 0;
}

static bool has_news(const AcpiPciHotplug *s)
{
    uint32_t any = 0;

    for (unsigned nr = 0; nr < ACPI_PCI_HOTPLUG_BUSES; nr++) {
        any |= s->up[nr] | s->down[nr];
    }
    return any;
}

/*
 * After the devices' own resets: a guest that restarts will not miss what it was asked for. One that wakes up from S3
 * goes on with its drivers and is told again.
 */
static void reset(void *opaque)
{
    AcpiPciHotplug *s = opaque;

    if (runstate_reset_is_wakeup()) {
        if (has_news(s)) {
            s->event(s->opaque);
        }
        return;
    }
    for (unsigned nr = 0; nr < ACPI_PCI_HOTPLUG_BUSES; nr++) {
        if (s->down[nr]) {
            eject(s, nr, s->down[nr]);
        }
    }
    acpi_pci_hotplug_clear(s);
}

void acpi_pci_hotplug_init(AcpiPciHotplug *s, Device *owner, PciBus *root, void (*event)(void *opaque), void *opaque)
{
    s->root = root;
    s->event = event;
    s->opaque = opaque;
    pci_bus_set_hotplug(root, &hotplug_ops, s);
    memory_region_init_io(&s->io, owner, &hotplug_ops_io, s, "acpi-pci-hotplug", ACPI_PCI_HOTPLUG_LEN);
    memory_region_add(pci_bus_io(root), ACPI_PCI_HOTPLUG_BASE, &s->io, 0);
    reset_handler_add(reset, s);
}

static bool hotplug_post_load(void *opaque, int version, Error **errp)
{
    const AcpiPciHotplug *s = opaque;

    if (s->select >= ACPI_PCI_HOTPLUG_BUSES && s->select != NO_BUS) {
        error_set(errp, "state of the PCI hot-plug controller selects bus %" PRIu32, s->select);
        return false;
    }
    return true;
}

const VMStateDescription vmstate_acpi_pci_hotplug = {
    .name = "acpi-pci-hotplug", .version = 1, .min_version = 1, .post_load = hotplug_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(select, AcpiPciHotplug),
        VMSTATE_UINT32_ARRAY(up, AcpiPciHotplug, ACPI_PCI_HOTPLUG_BUSES),
        VMSTATE_UINT32_ARRAY(down, AcpiPciHotplug, ACPI_PCI_HOTPLUG_BUSES),
        VMSTATE_END
    },
};
