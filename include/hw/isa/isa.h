/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ISA bus: ports and 16 interrupt lines. Big lock held. */
#ifndef HW_ISA_ISA_H
#define HW_ISA_ISA_H

#include "chardev/char.h"
#include "hw/core/device.h"

#define ISA_NUM_IRQS 16

/* Set by the machine once: where ISA ports go, and the 16 lines. */
void isa_bus_init(MemoryRegion *io, MemoryRegion *mem, Irq *irqs);
Irq isa_irq(int n);                                             /* 0..15 */
void isa_map_port(Device *dev, uint16_t port, MemoryRegion *mr);   /* undone by unrealize with isa_unmap_port() */
void isa_unmap_port(MemoryRegion *mr);                              /* that, and the region is destroyed */
MemoryRegion *isa_address_space(void);
MemoryRegion *isa_address_space_io(void);

/*
 * A port, realized: type "isa-serial" (index 0..3, COM1..COM4) or "isa-parallel" (0..2, LPT1..LPT3); the index gives
 * I/O port and interrupt. chr may be NULL: what is sent is lost and nothing ever comes. NULL with errp.
 */
Device *isa_port_create(const char *type, unsigned index, Chardev *chr, Error **errp);

/* There is such a device, realized, whose "index" or "iobase" is value. The lowest index that none has; max: none. */
bool isa_port_exists(const char *type, const char *prop, uint64_t value);
uint32_t isa_port_free_index(const char *type, uint32_t max);

#endif
