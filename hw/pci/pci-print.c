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

static void append_function(GString *out, const PciDevice *dev)
{
    const uint8_t *c = dev->config;

    g_string_append_printf(out, "  Bus  0, device %3d, function %d:\n    ", dev->devfn >> 3, dev->devfn & 7);
    if (class_name(dev)) {
        g_string_append(out, class_name(dev));
    } else {
        g_string_append_printf(out, "Class %04u", class_of(dev));   /* decimal: so scripts know it */
    }
    g_string_append_printf(out, ": PCI device %04x:%04x\n", load_le16(c + PCI_VENDOR_ID), load_le16(c + PCI_DEVICE_ID));
    g_string_append_printf(out, "      PCI subsystem %04x:%04x\n", load_le16(c + PCI_SUBSYSTEM_VENDOR_ID),
                           load_le16(c + PCI_SUBSYSTEM_ID));
    if (c[PCI_INTERRUPT_PIN]) {
        g_string_append_printf(out, "      IRQ %d, pin %c\n", c[PCI_INTERRUPT_LINE], 'A' + c[PCI_INTERRUPT_PIN] - 1);
    }
    for (int i = 0; i <= PCI_ROM_SLOT; i++) {
        if (dev->bars[i].mr) {
            append_bar(out, dev, i);
        }
    }
    g_string_append_printf(out, "      id \"%s\"\n", dev->parent.id ? dev->parent.id : "");
}

void pci_print(GString *out)
{
    PciBus *bus = pci_root_bus();

    for (unsigned devfn = 0; bus && devfn < 256; devfn++) {
        const PciDevice *dev = pci_find(bus, 0, devfn);

        if (dev) {
            append_function(out, dev);
        }
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
    g_string_append_printf(out, ", addr 00:%02x.%x, pci id %04x:%04x (sub %04x:%04x)\n", dev->devfn >> 3,
                           dev->devfn & 7, load_le16(c + PCI_VENDOR_ID), load_le16(c + PCI_DEVICE_ID),
                           load_le16(c + PCI_SUBSYSTEM_VENDOR_ID), load_le16(c + PCI_SUBSYSTEM_ID));
    for (int i = 0; i <= PCI_ROM_SLOT; i++) {
        const PciBar *b = &dev->bars[i];

        if (b->mr) {
            g_string_append_printf(out, "%*sbar %d: %s at 0x%" PRIx64 " [0x%" PRIx64 "]\n", indent, "", i,
                                   b->type & 1 ? "i/o" : "mem", b->mapped_at, b->mapped_at + b->size - 1);
        }
    }
}
