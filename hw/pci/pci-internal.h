/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What pci.c and pci-print.c share. */
#ifndef HW_PCI_PCI_INTERNAL_H
#define HW_PCI_PCI_INTERNAL_H

#include "hw/pci/pci.h"

unsigned pci_bar_offset(int bar);       /* of its register in configuration space */
void pci_print_device(Device *dev, GString *out, int indent);

#endif
