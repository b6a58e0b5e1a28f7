/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IDE cards and their drives: what the board calls. Big lock held. */
#ifndef HW_IDE_IDE_H
#define HW_IDE_IDE_H

#include "block/backend.h"
#include "hw/pci/pci.h"

#define IDE_CHANNELS    2
#define IDE_UNITS       2

/* Function 01.1 with two channels: ports 1F0/3F6 and 170/376, ISA lines 14 and 15, bus master at BAR 4. */
PciDevice *piix3_ide_create(PciBus *bus, int devfn, Error **errp);
typedef struct IdeFunction IdeFunction;             /* two channels, whatever bus their card is on */
IdeFunction *piix3_ide_function(PciDevice *dev);
IdeFunction *isa_ide_create(Error **errp);          /* the same ports and lines, no bus master; NULL */
Device *ide_function_device(const IdeFunction *f);  /* the card */
/*
 * A disk ("ide-hd") or CD-ROM drive ("ide-cd") at a channel and unit, not realized: set its properties ("drive",
 * "serial", ...), then device_realize(drive, parent, ...).
 */
Device *ide_drive_new(IdeFunction *f, bool is_cdrom, unsigned channel, unsigned unit);

/* What firmware is told of a disk: its geometry, as IDENTIFY has it, and how the BIOS is to see it. */
typedef enum ChsTranslation { CHS_NONE, CHS_LBA, CHS_LARGE, CHS_RECHS, CHS_AUTO } ChsTranslation;   /* codes in CMOS */
typedef struct IdeDiskInfo {
    uint16_t cyls;
    uint8_t heads, secs;
    ChsTranslation translation;
} IdeDiskInfo;
/* False when there is no disk at that place. */
bool ide_disk_info(const IdeFunction *f, unsigned channel, unsigned unit, IdeDiskInfo *info);
/* Every drive with a boot index, as fn(index, channel, unit). */
typedef void IdeBootFn(uint32_t index, unsigned channel, unsigned unit, void *opaque);
void ide_foreach_bootindex(const IdeFunction *f, IdeBootFn *fn, void *opaque);
#define BOOTINDEX_NONE UINT32_MAX

#endif
