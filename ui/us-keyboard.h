/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A US keyboard: which key a character is on. For displays that hear of characters and have to send keys. */
#ifndef UI_US_KEYBOARD_H
#define UI_US_KEYBOARD_H

#include "qemu/osdep.h"

/* The key of a printable ASCII character (hw/input/i8042.h), 0: none. *shifted: together with Shift. */
uint8_t us_key(uint8_t c, bool *shifted);

#endif
