/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The terminal the program was started from: one part has it at a time, and it is put back on every way out: exit(),
 * fatal signals, and while the program is suspended. Big lock held; signal handlers take care of themselves.
 */
#ifndef QEMU_TERMINAL_H
#define QEMU_TERMINAL_H

#include "qemu/error.h"

/* False with an Error when another part has it. user: who takes it, for that message; not copied. */
bool host_terminal_claim(const char *user, Error **errp);
/* From now on nobody can claim it: the program goes into the background. */
void host_terminal_give_up(void);
bool host_terminal_is_given_up(void);
/* Puts it back as it was, and anybody may claim it again. */
void host_terminal_release(void);
/* Puts it back, but stays claimed: for ways out. Async-signal-safe. */
void host_terminal_restore(void);
/*
 * By the one who has it. Raw mode, with output processing left on so that messages stay readable, if standard input is
 * a terminal at all. keep_signals: its keys for signals go on to work.
 */
void host_terminal_set_raw(bool keep_signals);
/*
 * By the one who has it, before he changes modes by himself: they come back as they are now, after goodbye (not
 * copied) has been written to standard output.
 */
void host_terminal_set_goodbye(const char *goodbye);

#endif
