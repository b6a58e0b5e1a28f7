/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fixed resources that ACPI tables and byte code both name, and the DSDT's builder. */
#ifndef HW_I386_ACPI_DSDT_H
#define HW_I386_ACPI_DSDT_H

#include "hw/i386/pc.h"

#define ACPI_SCI_IRQ        9
#define ACPI_SMI_PORT       0xb2
#define ACPI_SMI_ENABLE     0xf1
#define ACPI_SMI_DISABLE    0xf0
#define ACPI_PM_BASE        0x600       /* where SeaBIOS puts the block when it finds our tables */
#define ACPI_GPE0_BASE      0xafe0
#define ACPI_GPE0_LEN       4
#define ACPI_PCI_HOTPLUG_BASE 0xae00
#define ACPI_PCI_HOTPLUG_LEN 0x18
#define ACPI_PCI_HOTPLUG_GPE 1
#define ACPI_PCI_HOTPLUG_SLOT_BUS 0     /* of bus 0: the host bridge is there, so the bit is free for all of the bus */
#define ACPI_HPET_BASE      0xfed00000u

GByteArray *acpi_dsdt_build(PcState *pc);   /* byte code only, without the table header */

#endif
