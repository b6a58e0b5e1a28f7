/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The POST code latch at port 80h, device "port80" (no properties). */
#ifndef HW_MISC_PORT80_H
#define HW_MISC_PORT80_H

#include "hw/isa/isa.h"

uint8_t port80_code(Device *dev);       /* last code written. Any thread */

#endif
