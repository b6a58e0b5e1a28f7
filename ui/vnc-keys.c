/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keys of VNC clients
 *
 * A client names what a key means, not where it is, and sends Shift by itself: characters are looked for on a US
 * keyboard, whatever their case.
 */
#include "qemu/osdep.h"
#include <rfb/keysym.h>
#include "hw/input/i8042.h"
#include "us-keyboard.h"
#include "vnc-keys.h"

static const struct {
    uint16_t sym;
    uint8_t code;
} keys[] = {
    { XK_BackSpace, 0x0e }, { XK_Tab, 0x0f }, { 0xfe20, 0x0f }, { XK_Return, 0x1c }, { XK_Escape, 0x01 },
    { XK_Shift_L, 0x2a }, { XK_Shift_R, 0x36 }, { XK_Control_L, 0x1d }, { XK_Control_R, 0x9d }, { XK_Alt_L, 0x38 },
    { XK_Alt_R, 0xb8 }, { XK_Meta_L, 0x38 }, { XK_Meta_R, 0xb8 }, { 0xfe03, 0xb8 /* AltGr */ }, { XK_Super_L, 0xdb },
    { XK_Super_R, 0xdc }, { XK_Menu, 0xdd }, { XK_Caps_Lock, 0x3a }, { XK_Num_Lock, 0x45 }, { XK_Scroll_Lock, 0x46 },
    { XK_Home, 0xc7 }, { XK_Up, 0xc8 }, { XK_Page_Up, 0xc9 }, { XK_Left, 0xcb }, { XK_Right, 0xcd }, { XK_End, 0xcf },
    { XK_Down, 0xd0 }, { XK_Page_Down, 0xd1 }, { XK_Insert, 0xd2 }, { XK_Delete, 0xd3 }, { XK_Print, KEY_PRINT },
    { XK_Sys_Req, KEY_PRINT }, { XK_Pause, KEY_PAUSE }, { XK_Break, KEY_PAUSE },
    { XK_F1, 0x3b }, { XK_F2, 0x3c }, { XK_F3, 0x3d }, { XK_F4, 0x3e }, { XK_F5, 0x3f }, { XK_F6, 0x40 },
    { XK_F7, 0x41 }, { XK_F8, 0x42 }, { XK_F9, 0x43 }, { XK_F10, 0x44 }, { XK_F11, 0x57 }, { XK_F12, 0x58 },
    { XK_KP_Enter, 0x9c }, { XK_KP_Divide, 0xb5 }, { XK_KP_Multiply, 0x37 }, { XK_KP_Subtract, 0x4a },
    { XK_KP_Add, 0x4e }, { XK_KP_7, 0x47 }, { XK_KP_8, 0x48 }, { XK_KP_9, 0x49 }, { XK_KP_4, 0x4b }, { XK_KP_5, 0x4c },
    { XK_KP_6, 0x4d }, { XK_KP_1, 0x4f }, { XK_KP_2, 0x50 }, { XK_KP_3, 0x51 }, { XK_KP_0, 0x52 },
    { XK_KP_Decimal, 0x53 }, { XK_KP_Home, 0x47 }, { XK_KP_Up, 0x48 }, { XK_KP_Page_Up, 0x49 }, { XK_KP_Left, 0x4b },
    { XK_KP_Begin, 0x4c }, { XK_KP_Right, 0x4d }, { XK_KP_End, 0x4f }, { XK_KP_Down, 0x50 }, { XK_KP_Page_Down, 0x51 },
    { XK_KP_Insert, 0x52 }, { XK_KP_Delete, 0x53 },
};

uint8_t vnc_key(uint32_t keysym)
{
    bool shifted;

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (keys[i].sym == keysym) {
            return keys[i].code;
        }
    }
    return keysym < 0x7f ? us_key((uint8_t)keysym, &shifted) : 0;
}
