/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trace events: one line of a folder's trace-events file becomes one function trace_NAME(...) in "trace/FOLDER.h"
 * ('/' of the folder written as '-'). An event that is off costs one load and one branch. Output goes to the log.
 * Events may be switched at any time from any thread. See docs/tracing.md.
 */
#ifndef TRACE_TRACE_H
#define TRACE_TRACE_H

#include "qemu/error.h"

typedef struct TraceEvent {
    const char *name;
    bool enabled;       /* read without a lock by every trace_NAME(); written by trace_set_*() only */
} TraceEvent;

extern TraceEvent *const trace_events[];    /* generated; NULL terminated */

/* Shell pattern over event names ('*' and '?'). Returns how many events matched. */
unsigned trace_set_pattern(const char *pattern, bool on);
/*
 * The argument of -trace: PATTERN, or enable=PATTERN and events=FILE, comma separated; FILE holds one pattern per line,
 * a leading '-' switches off, '#' starts a comment. file=FILE sends the log there. A name without '*' or '?' that is
 * no event is an error; a pattern that matches nothing is a warning.
 */
bool trace_parse_option(const char *arg, Error **errp);
/* True for "help" and "?": print the table with trace_print_help() and leave. */
bool trace_is_help(const char *arg);
void trace_print_help(void);
/* "name : state 0|1" for the events that match; pattern NULL means all. */
void trace_print_state(GString *out, const char *pattern);

#endif
