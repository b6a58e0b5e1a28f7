/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupts by message: a function writes a number to an address instead of driving INTx. On a PC that address is the
 * local APICs' window (SDM vol. 3A, "Message Signalled Interrupts").
 *
 * Both kinds are set up in a function's realize and need nothing else: masks, pending bits, reset and, for what lies in
 * configuration space, snapshots are the bus's business. While either is enabled the bus holds back the function's
 * INTx, whatever pci_set_irq() says. Big lock held.
 * Follows: PCI Local Bus Specification 3.0, "MSI and MSI-X Capabilities".
 */
#ifndef HW_PCI_MSI_H
#define HW_PCI_MSI_H

#include "hw/pci/pci.h"

#define MSI_VECTORS_MAX     32
#define MSIX_VECTORS_MAX    2048
#define MSIX_ENTRY_SIZE     16

/* ---- MSI --------------------------------------------------------------------------------------------------------- */

typedef struct MsiLayout {
    uint8_t at;             /* offset in configuration space; 0: behind the last capability */
    unsigned vectors;       /* 1, 2, 4, ... 32 */
    bool is_64, maskable;   /* 64-bit address; a mask bit for each vector */
} MsiLayout;

/* Fails when configuration space has no room for the capability. */
bool msi_init(PciDevice *dev, const MsiLayout *layout, Error **errp);
bool msi_enabled(const PciDevice *dev);
unsigned msi_vectors(const PciDevice *dev);     /* how many the guest lets the function use */
/* Does nothing while MSI is not enabled; vectors the guest has not granted are folded into the last one. */
void msi_notify(PciDevice *dev, unsigned vector);

/* ---- MSI-X ------------------------------------------------------------------------------------------------------- */

typedef struct MsixLayout {
    uint8_t at;             /* as above */
    unsigned vectors;       /* 1 to 2048 */
    MemoryRegion *bar;      /* a container that is registered as BAR bar_nr; table and pending bits are put into it */
    uint8_t bar_nr;
    uint32_t table_at, pba_at;      /* offsets in it, multiples of 8; they may not overlap */
    uint8_t *entries;       /* vectors * MSIX_ENTRY_SIZE bytes: the table, for the function to keep and to save */
    uint8_t *pending;       /* MSIX_PBA_SIZE(vectors) bytes, likewise */
} MsixLayout;
#define MSIX_PBA_SIZE(vectors)  (((vectors) + 63) / 64 * 8)

bool msix_init(PciDevice *dev, const MsixLayout *layout, Error **errp);
bool msix_enabled(const PciDevice *dev);
/* Does nothing while MSI-X is not enabled; a masked vector becomes pending. vector must be one of the table's. */
void msix_notify(PciDevice *dev, unsigned vector);

#endif
