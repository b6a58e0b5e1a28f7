/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Going on in the background, for -daemonize. Main thread. */
#ifndef QEMU_DAEMON_H
#define QEMU_DAEMON_H

#include "qemu/error.h"

/*
 * Before there are threads and anything that exit() has to clean up. Returns in the child, which has no terminal any
 * more; the process the user has started ends in here. False: the program could not be split.
 */
bool daemon_begin(Error **errp);
/*
 * The start has succeeded: standard input, output and error (unless the log goes there) are let go, and the first
 * process ends with status 0. Does nothing without daemon_begin().
 */
bool daemon_ready(Error **errp);

#endif
