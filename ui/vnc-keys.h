/* SPDX-License-Identifier: GPL-2.0-or-later */
/* X11's names of keys, which VNC sends (RFC 6143, 7.5.4), as keys of a PC keyboard. */
#ifndef UI_VNC_KEYS_H
#define UI_VNC_KEYS_H

#include "qemu/osdep.h"

uint8_t vnc_key(uint32_t keysym);       /* hw/input/i8042.h; 0: a PC has no such key */

#endif
