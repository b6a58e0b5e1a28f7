/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PIIX3 ISA bridge and the small ISA parts of the chipset: what the board calls. Big lock held.
 */
#ifndef HW_ISA_PIIX3_H
#define HW_ISA_PIIX3_H

#include "hw/i386/pc.h"

/*
 * Creates pc->piix3 (01.0) with port CF9, routes the PCI bus's INTx lines through it, and opens the ISA bus
 * (isa_bus_init). Before: i440fx_init(), and pc->gsi is set.
 */
bool piix3_init(PcState *pc, Error **errp);
/* The SCI: shares ISA line 9 with whatever PIRQ is routed there. */
Irq piix3_sci(PciDevice *piix3);

Device *port92_create(Error **errp);                /* fast A20 and CPU reset */
Device *portb_create(Device *pit, Error **errp);    /* port 61h; pit: an 8254 */

#endif
