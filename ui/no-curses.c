/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where configure has not found ncursesw: options-devices.c has refused -display curses, this is for the linker. */
#include "qemu/osdep.h"
#include "ui/display.h"

bool curses_init(Error **errp)
{
    error_set(errp, "display 'curses' is not part of this program: it was built without ncursesw");
    return false;
}
