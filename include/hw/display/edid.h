/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a monitor says about itself over its cable. Pure: any thread. */
#ifndef HW_DISPLAY_EDID_H
#define HW_DISPLAY_EDID_H

#include "qemu/osdep.h"

#define EDID_SIZE 128

/* A monitor that likes width x height best and takes anything common below. */
void edid_generate(uint8_t edid[EDID_SIZE], unsigned width, unsigned height);

#endif
