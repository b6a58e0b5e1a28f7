/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ACPI PCI hot plug: part of the power management function, which owns it. Big lock held. */
#ifndef HW_ACPI_PCI_HOTPLUG_H
#define HW_ACPI_PCI_HOTPLUG_H

#include "hw/pci/pci.h"

#define ACPI_PCI_HOTPLUG_BUSES  256

typedef struct AcpiPciHotplug {
    MemoryRegion io;
    PciBus *root;
    void (*event)(void *opaque);        /* something is in UP or DOWN */
    void *opaque;
    bool on_root, behind_bridges;       /* properties of the owner: which buses take part */
    uint32_t select;                    /* a bus's number, or UINT32_MAX: there is no such */
    uint32_t up[ACPI_PCI_HOTPLUG_BUSES], down[ACPI_PCI_HOTPLUG_BUSES];      /* a bit for each slot */
} AcpiPciHotplug;

/* Maps the ports and answers for root and all behind it. on_root and behind_bridges are set already. */
void acpi_pci_hotplug_init(AcpiPciHotplug *s, Device *owner, PciBus *root, void (*event)(void *opaque), void *opaque);
void acpi_pci_hotplug_clear(AcpiPciHotplug *s);     /* after the load of a state that knew nothing of it */
extern const VMStateDescription vmstate_acpi_pci_hotplug;

#endif
