/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keyboard controller "i8042" with its keyboard and mouse. device_new() + device_realize() puts it at 60h and 64h
 * with ISA lines 1 and 12. Events of the screen or the monitor come in here. Big lock held.
 *
 * A key is named by its set 1 scan code, with bit 7 set when the code has an E0 prefix: 1Eh is A, CBh is the left
 * arrow.
 */
#ifndef HW_INPUT_I8042_H
#define HW_INPUT_I8042_H

#include "hw/core/device.h"

#define KEY_E0          0x80
#define KEY_PRINT       0xb7            /* PrintScreen; with Alt it is SysRq */
#define KEY_PAUSE       0xc6            /* Pause; with Ctrl it is Break. The device knows the E1 sequence */

enum { KBD_LED_SCROLL = 1, KBD_LED_NUM = 2, KBD_LED_CAPS = 4 };
enum { MOUSE_LEFT = 1, MOUSE_RIGHT = 2, MOUSE_MIDDLE = 4, MOUSE_SIDE = 8, MOUSE_EXTRA = 16 };

/* A repeated down of a held key is ignored: the keyboard repeats by itself. Unknown keys are ignored. */
void kbd_put_key(Device *i8042, unsigned key, bool down);
uint8_t kbd_get_leds(Device *i8042);

/* Movement since the last call, y grows downwards, z is wheel clicks towards the user; buttons held now. */
void mouse_put(Device *i8042, int dx, int dy, int dz, unsigned buttons);

#endif
