/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The 440FX host bridge: what the board calls. Big lock held.
 */
#ifndef HW_PCI_I440FX_H
#define HW_PCI_I440FX_H

#include "hw/i386/pc.h"

/*
 * Creates pc->bus and pc->i440fx (00.0), maps the PCI hole under system memory, ports CF8/CFC and the views of
 * A0000-FFFFF, and sets address_space_smm. Before: pc->ram is initialised (all of RAM, offset = address below 1 MiB)
 * and the board has put its aliases of it into system memory with priority 0. After: memory of the PCI and ISA side
 * (ROMs at FFFC0000 and E0000, the VGA window, BARs) goes into pci_bus_mem(pc->bus).
 */
bool i440fx_init(PcState *pc, Error **errp);

#endif
