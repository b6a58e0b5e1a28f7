/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The floppy disk controller, "isa-fdc": ports 3F0h-3F5h and 3F7h, ISA line 6, DMA channel 2 unless its properties say
 * otherwise. The board says what there is before any is created; the first one takes the board's drives and is the one
 * that firmware is told of. Big lock held.
 */
#ifndef HW_BLOCK_FDC_H
#define HW_BLOCK_FDC_H

#include "hw/core/device.h"

/* As in CMOS cell 10h. */
typedef enum FloppyType {
    FLOPPY_NONE, FLOPPY_360K, FLOPPY_1200K, FLOPPY_720K, FLOPPY_1440K, FLOPPY_2880K,
    FLOPPY_AUTO,                                        /* in no CMOS: by the medium at start, or a default */
} FloppyType;

/* The 8237 pair, and the drives (names of back ends, NULL: none) of the controller that is realized first. Borrowed. */
void fdc_set_board(Device *dma, const char *drive_a, const char *drive_b);
Device *fdc_first(void);                                /* NULL: none */
uint16_t fdc_port(Device *fdc);
FloppyType fdc_drive_type(Device *fdc, unsigned drive);
uint32_t fdc_bootindex(Device *fdc, unsigned drive);    /* UINT32_MAX: none */

#endif
