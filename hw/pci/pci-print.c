/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI for people: info pci, and a function's lines in info qtree. */
#include "qemu/osdep.h"
#include "hw/pci/pci.h"
#include "pci-internal.h"
#include "qemu/bitops.h"

/* PCI Local Bus Specification, "Class Codes": the ones a PC has. */
static const struct {
    uint16_t class_id;
    const char *name;
} class_names[] = {
    { 0x0100, "SCSI controller" }, { 0x0101, "IDE controller" }, { 0x0102, "Floppy controller" },
    { 0x0106, "SATA controller" }, { 0x0107, "SAS controller" }, { 0x0108, "NVMe controller" },
    { 0x0180, "Storage controller" }, { 0x0200, "Ethernet controller" }, { 0x0280, "Network controller" },
    { 0x0300, "VGA controller" }, { 0x0301, "XGA controller" }, { 0x0380, "Display controller" },
    { 0x0400, "Video controller" }, { 0x0401, "Audio controller" }, { 0x0403, "Audio controller" },
    { 0x0500, "RAM controller" }, { 0x0600, "Host bridge" }, { 0x0601, "ISA bridge" }, { 0x0604, "PCI bridge" },
    { 0x0680, "Bridge" }, { 0x0700, "Serial port" }, { 0x0c03, "USB controller" }, { 0x0c05, "SMBus" },
};

static uint16_t class_of(const PciDevice *dev)
{
    return load_le16(dev->config + PCI_CLASS_DEVICE);
}

static const char *class_name(const PciDevice *dev)
{
    for (unsigned i = 0; i < ARRAY_SIZE(class_names); i++) {
        if (class_names[i].class_id == class_of(dev)) {
            return class_names[i].name;
        }
    }
    return NULL;
}

static void append_bar(GString *out, const PciDevice *dev, int i)
{
    const PciBar *b = &dev->bars[i];
    uint64_t last = b->mapped_at + b->size - 1;     /* wraps when unmapped: size - 2, as scripts know it */

    if (b->type & 1) {
        g_string_append_printf(out, "      BAR%d: I/O at 0x%04" PRIx64 " [0x%04" PRIx64 "].\n", i, b->mapped_at, last);
    } else {
        g_string_append_printf(out, "      BAR%d: %d bit %smemory at 0x%08" PRIx64 " [0x%08" PRIx64 "].\n", i,
                               b->type & 4 ? 64 : 32, b->type & 8 ? "prefetchable " : "", b->mapped_at, last);
    }
}

/* The windows as the registers have them, whether they are open or not. */
static void append_bridge(GString *out, const uint8_t *c)
{
    uint64_t pref_base = (uint64_t)load_le32(c + 0x28) << 32, pref_limit = (uint64_t)load_le32(c + 0x2c) << 32;

    g_string_append_printf(out, "      BUS %u.\n      secondary bus %u.\n      subordinate bus %u.\n",
                           c[PCI_PRIMARY_BUS], c[PCI_SECONDARY_BUS], c[PCI_SUBORDINATE_BUS]);
    g_string_append_printf(out, "      IO range [0x%04x, 0x%04x]\n", (c[0x1c] & 0xf0u) << 8,
                           (c[0x1d] & 0xf0u) << 8 | 0xfff);
    g_string_append_printf(out, "      memory range [0x%08x, 0x%08x]\n", (load_le16(c + 0x20) & 0xfff0u) << 16,
                           (load_le16(c + 0x22) & 0xfff0u) << 16 | 0xfffff);
    pref_base |= (load_le16(c + 0x24) & 0xfff0u) << 16;
    pref_limit |= (load_le16(c + 0x26) & 0xfff0u) << 16 | 0xfffff;
    g_string_append_printf(out, "      prefetchable memory range [0x%08" PRIx64 ", 0x%08" PRIx64 "]\n", pref_base,
                           pref_limit);
}

static void append_function(GString *out, const PciDevice *dev)
{
    const uint8_t *c = dev->config;

    g_string_append_printf(out, "  Bus %2u, device %3d, function %d:\n    ", pci_bus_nr(dev->bus), dev->devfn >> 3,
                           dev->devfn & 7);
    if (class_name(dev)) {
        g_string_append(out, class_name(dev));
    } else {
        g_string_append_printf(out, "Class %04u", class_of(dev));   /* decimal: so scripts know it */
    }
    g_string_append_printf(out, ": PCI device %04x:%04x\n", load_le16(c + PCI_VENDOR_ID), load_le16(c + PCI_DEVICE_ID));
    if (!dev->secondary) {
        g_string_append_printf(out, "      PCI subsystem %04x:%04x\n", load_le16(c + PCI_SUBSYSTEM_VENDOR_ID),
                               load_le16(c + PCI_SUBSYSTEM_ID));
    }
    if (c[PCI_INTERRUPT_PIN]) {
        g_string_append_printf(out, "      IRQ %d, pin %c\n", c[PCI_INTERRUPT_LINE], 'A' + c[PCI_INTERRUPT_PIN] - 1);
    }
    if (dev->secondary) {
        append_bridge(out, c);
    }
    for (int i = 0; i <= PCI_ROM_SLOT; i++) {
        if (dev->bars[i].mr) {
            append_bar(out, dev, i);
        }
    }
    g_string_append_printf(out, "      id \"%s\"\n", dev->parent.id ? dev->parent.id : "");
}

/* What is behind a bridge follows it, once it has a number. */
static void append_bus(GString *out, const PciBus *bus)
{
    for (unsigned i = 0; i < ARRAY_SIZE(bus->devices); i++) {
        const PciDevice *dev = bus->devices[i];

        if (dev) {
            append_function(out, dev);
        }
        if (dev && dev->secondary && dev->config[PCI_SECONDARY_BUS]) {
            append_bus(out, dev->secondary);
        }
    }
}

void pci_print(GString *out)
{
    if (pci_root_bus()) {
        append_bus(out, pci_root_bus());
    }
}

void pci_print_device(Device *d, GString *out, int indent)
{
    const PciDevice *dev = container_of(d, PciDevice, parent);
    const uint8_t *c = dev->config;

    g_string_append_printf(out, "%*saddr = %02x.%x\n%*sclass ", indent, "", dev->devfn >> 3, dev->devfn & 7, indent,
                           "");
    if (class_name(dev)) {
        g_string_append(out, class_name(dev));
    } else {
        g_string_append_printf(out, "Class %04x", class_of(dev));
    }
    g_string_append_printf(out, ", addr %02x:%02x.%x, pci id %04x:%04x (sub %04x:%04x)\n", pci_bus_nr(dev->bus),
                           dev->devfn >> 3, dev->devfn & 7, load_le16(c + PCI_VENDOR_ID), load_le16(c + PCI_DEVICE_ID),
                           dev->secondary ? 0 : load_le16(c + PCI_SUBSYSTEM_VENDOR_ID),
                           dev->secondary ? 0 : load_le16(c + PCI_SUBSYSTEM_ID));
    for (int i = 0; i <= PCI_ROM_SLOT; i++) {
        const PciBar *b = &dev->bars[i];

        if (b->mr) {
            g_string_append_printf(out, "%*sbar %d: %s at 0x%" PRIx64 " [0x%" PRIx64 "]\n", indent, "", i,
                                   b->type & 1 ? "i/o" : "mem", b->mapped_at, b->mapped_at + b->size - 1);
        }
    }
    if (dev->secondary) {
        g_string_append_printf(out, "%*sbus: %s\n", indent, "", dev->secondary->name);
    }
}
