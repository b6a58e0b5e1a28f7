/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The debug console port "isa-debugcon": properties iobase (0xe9), readback (0xe9), chardev. Big lock held. */
#ifndef HW_CHAR_DEBUGCON_H
#define HW_CHAR_DEBUGCON_H

#include "hw/isa/isa.h"

Device *debugcon_create(Chardev *chr, Error **errp);    /* realized, at the default port */

#endif
