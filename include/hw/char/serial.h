/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Serial ports "isa-serial". Properties: index (0..3: COM1..COM4, gives iobase and irq unless they are set), iobase,
 * irq, chardev. Big lock held.
 */
#ifndef HW_CHAR_SERIAL_H
#define HW_CHAR_SERIAL_H

#include "hw/isa/isa.h"

/* One port, realized; chr may be NULL: what is sent is lost and nothing ever comes. */
Device *serial_isa_create(unsigned index, Chardev *chr, Error **errp);

#endif
