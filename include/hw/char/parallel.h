/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parallel ports "isa-parallel". Properties: index (0..2: LPT1..LPT3, gives iobase and irq unless they are set),
 * iobase, irq, chardev. Big lock held.
 */
#ifndef HW_CHAR_PARALLEL_H
#define HW_CHAR_PARALLEL_H

#include "hw/isa/isa.h"

#define PARALLEL_PORTS 3

/* One port, realized; chr may be NULL: what is printed is lost. */
Device *parallel_isa_create(unsigned index, Chardev *chr, Error **errp);

#endif
