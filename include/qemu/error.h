/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Error objects: who detects fills one and returns false (or NULL / a negative errno); who can act reports it, once.
 *
 * Messages: lower case, no full stop, what failed first, 'values in quotes', then the way out. Any thread.
 */
#ifndef QEMU_ERROR_H
#define QEMU_ERROR_H

#include "qemu/osdep.h"

typedef struct Error Error;

/* Ignores the error. */
#define error_ignore ((Error **)NULL)
/* Prints the error and exits with status 1 when one is set. */
extern Error *error_fatal;
/* abort()s when an error is set: for calls that cannot fail by construction. */
extern Error *error_abort;

/* Fill *errp (must be empty) with a formatted message. errp may be NULL. */
void error_set(Error **errp, const char *fmt, ...) QEMU_PRINTF(2, 3);
/* The same followed by ": strerror(err)". */
void error_set_errno(Error **errp, int err, const char *fmt, ...) QEMU_PRINTF(3, 4);
/* A second line printed after the message by error_report_err(): the way out. */
void error_append_hint(Error **errp, const char *fmt, ...) QEMU_PRINTF(2, 3);
void error_prepend(Error **errp, const char *fmt, ...) QEMU_PRINTF(2, 3);
/* Moves err to *errp, or frees it when errp is NULL or already holds one. */
void error_propagate(Error **errp, Error *err);
const char *error_get_message(const Error *err);
void error_free(Error *err);
/* Prints "qemu-system-x86_64: message" (and hint) to stderr, frees err. */
void error_report_err(Error *err);
/* Direct reports for the top level. Adds the program name and, while options are parsed, the option. */
void error_report(const char *fmt, ...) QEMU_PRINTF(1, 2);
void warn_report(const char *fmt, ...) QEMU_PRINTF(1, 2);
void info_report(const char *fmt, ...) QEMU_PRINTF(1, 2);
/* Name that starts each message; default "qemu-system-x86_64". Not copied. */
void error_set_progname(const char *argv0);
const char *error_get_progname(void);
/* While set, messages read "prog: -opt arg: message". Pass NULL to clear. */
void error_set_location(const char *opt, const char *arg);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Error, error_free)

#endif
