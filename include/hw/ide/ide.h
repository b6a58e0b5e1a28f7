/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PIIX3 IDE function and its drives: what the board calls. Big lock held. */
#ifndef HW_IDE_IDE_H
#define HW_IDE_IDE_H

#include "block/backend.h"
#include "hw/pci/pci.h"

#define IDE_CHANNELS    2
#define IDE_UNITS       2

/* Function 01.1 with two channels: ports 1F0/3F6 and 170/376, ISA lines 14 and 15, bus master at BAR 4. */
PciDevice *piix3_ide_create(PciBus *bus, int devfn, Error **errp);
/*
 * A disk ("ide-hd") or CD-ROM drive ("ide-cd") at a channel and unit, not realized: set its properties ("drive",
 * "serial", ...), then device_realize(drive, parent, ...).
 */
Device *ide_drive_new(PciDevice *ide, bool is_cdrom, unsigned channel, unsigned unit);

/* What firmware is told of a disk: false when there is none at that place. Its geometry, as IDENTIFY has it. */
bool ide_disk_geometry(PciDevice *ide, unsigned channel, unsigned unit, uint16_t *cyls, uint8_t *heads, uint8_t *secs);
/* Every drive with a boot index, as fn(index, channel, unit). */
void ide_foreach_bootindex(PciDevice *ide, void (*fn)(uint32_t index, unsigned channel, unsigned unit, void *opaque),
                           void *opaque);
#define BOOTINDEX_NONE UINT32_MAX

#endif
