/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Watchdogs of every kind end here. Big lock held. */
#ifndef HW_WATCHDOG_WATCHDOG_H
#define HW_WATCHDOG_WATCHDOG_H

#include "qemu/error.h"

void watchdog_bite(void);           /* does what the user has chosen; resets the machine unless told otherwise */
/* reset, shutdown, poweroff, inject-nmi, pause, debug or none; false with an Error. */
bool watchdog_set_action(const char *name, Error **errp);

#endif
