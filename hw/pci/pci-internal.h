/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of hw/pci share. */
#ifndef HW_PCI_PCI_INTERNAL_H
#define HW_PCI_PCI_INTERNAL_H

#include "hw/pci/pci.h"

struct PciBus {
    char *name;
    PciDevice *bridge;          /* NULL: the root */
    MemoryRegion *mem, *io;
    PciDevice *devices[256];    /* by devfn */
    int hotplug_nr;             /* -1: cards there do not come and go */
    /* of the root, where all interrupts arrive */
    int (*map_irq)(PciDevice *dev, int pin);
    void (*set_irq)(void *opaque, int pirq, int level);
    void *irq_opaque;
    int n_pirq;
    int *pirq_count;            /* devices that drive each line */
    const PciHotplug *hotplug;
    void *hotplug_opaque;
};

void pci_leave_bus(PciDevice *dev);     /* nothing of it is mapped, its address is free; the regions stay as they are */
void pci_bus_number_for_hotplug(PciBus *bus);           /* a bridge's, when it is realized */
bool pci_hotplug_check(Device *dev, Error **errp);      /* BusOps */
void pci_plugged(Device *dev);
void pci_unplug_request(Device *dev);
void pci_print_device(Device *dev, GString *out, int indent);
bool pci_add_rom(PciDevice *dev, Error **errp);         /* what romfile= or the class asks for */
void pci_remove_rom(PciDevice *dev);
bool pci_caps_are_sane(const PciDevice *dev);           /* after a load */
void pci_caps_reset(PciDevice *dev);
/* An interrupt message is a write like any other of the function's. */
void pci_send_message(PciDevice *dev, uint64_t addr, uint32_t data);
void msi_config_written(PciDevice *dev);
void msix_config_written(PciDevice *dev);
void msix_reset(PciDevice *dev);
void msix_unrealize(PciDevice *dev);

#endif
