/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PIIX4 power management function: what the board and the machine call. Big lock held.
 * The power button and the SCI switch are declared in hw/i386/pc.h.
 */
#ifndef HW_ACPI_PIIX4_H
#define HW_ACPI_PIIX4_H

#include "hw/i386/pc.h"

/* Creates pc->piix4_pm (01.3) with the APM and GPE0 ports. Before: piix3_init(). */
bool piix4_pm_init(PcState *pc, Error **errp);
/* A general purpose event 0..15: sets its status bit, raises SCI when enabled. */
void piix4_pm_gpe(Device *pm, unsigned n);

#endif
