/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The floppy disk controller, "isa-fdc": ports 3F0h-3F5h and 3F7h, ISA line 6, DMA channel 2. device_new(),
 * fdc_set_dma(), properties "driveA" and "driveB" (ids of drives), device_realize(). Big lock held.
 */
#ifndef HW_BLOCK_FDC_H
#define HW_BLOCK_FDC_H

#include "hw/core/device.h"

/* As in CMOS cell 10h. */
typedef enum FloppyType {
    FLOPPY_NONE, FLOPPY_360K, FLOPPY_1200K, FLOPPY_720K, FLOPPY_1440K, FLOPPY_2880K,
} FloppyType;

void fdc_set_dma(Device *fdc, Device *dma);             /* before realize: the 8237 pair */
FloppyType fdc_drive_type(Device *fdc, unsigned drive); /* after realize; by the medium that was in it then */
uint32_t fdc_bootindex(Device *fdc, unsigned drive);    /* UINT32_MAX: none */

#endif
