/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What -display names: who shows the screen to the user. Main thread, big lock held. */
#ifndef UI_DISPLAY_H
#define UI_DISPLAY_H

#include "qemu/error.h"

/*
 * -display curses: takes over the terminal the program was started from. To be called when the machine and its ports
 * are there. False with an Error when standard input and output are no terminal, or somebody else has them.
 */
bool curses_init(Error **errp);

#endif
