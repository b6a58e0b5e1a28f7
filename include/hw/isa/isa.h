/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ISA bus: ports and 16 interrupt lines. Big lock held. */
#ifndef HW_ISA_ISA_H
#define HW_ISA_ISA_H

#include "hw/core/device.h"

#define ISA_NUM_IRQS 16

/* Set by the machine once: where ISA ports go, and the 16 lines. */
void isa_bus_init(MemoryRegion *io, MemoryRegion *mem, Irq *irqs);
Irq isa_irq(int n);                                             /* 0..15 */
void isa_map_port(Device *dev, uint16_t port, MemoryRegion *mr);   /* undone by unrealize through memory_region_del */
MemoryRegion *isa_address_space(void);
MemoryRegion *isa_address_space_io(void);

#endif
