/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Human monitors: command lines on character devices. Any number of them; each has its own history and its own CPU that
 * commands look at. IO thread, big lock held. See docs/monitor.md.
 */
#ifndef MONITOR_MONITOR_H
#define MONITOR_MONITOR_H

#include "chardev/char.h"
#include "qemu/option.h"

typedef struct Monitor Monitor;

/* Connects a monitor to chr, for as long as the program runs. On a mux it is the one in the background. */
Monitor *monitor_new(Chardev *chr);
void monitor_printf(Monitor *m, const char *fmt, ...) QEMU_PRINTF(2, 3);
void monitor_puts(Monitor *m, const char *text);

/* The argument of -mon: [chardev=]ID[,mode=readline]. Checked when it is read, opened after the character devices. */
extern const KeyDef monitor_keys[];
bool monitor_open_option(const KeyList *l, Error **errp);

#endif
