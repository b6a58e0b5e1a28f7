/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Debug log: -d CATEGORIES, -D FILE, -dfilter RANGES. Testing a category costs one load and a branch.
 * Thread-safe; one qemu_log() call is one atomic write.
 */
#ifndef QEMU_LOG_H
#define QEMU_LOG_H

#include "qemu/error.h"

typedef enum LogMask {
    LOG_IN_ASM = 1 << 0,  LOG_OP = 1 << 1,     LOG_OP_OPT = 1 << 2, LOG_OUT_ASM = 1 << 3,
    LOG_INT = 1 << 4,     LOG_EXEC = 1 << 5,   LOG_CPU = 1 << 6,    LOG_CPU_RESET = 1 << 7,
    LOG_MMU = 1 << 8,     LOG_PCALL = 1 << 9,  LOG_UNIMP = 1 << 10, LOG_GUEST_ERROR = 1 << 11,
    LOG_NOCHAIN = 1 << 12, LOG_JITSTATS = 1 << 13, LOG_TRACE = 1 << 14, LOG_FPU = 1 << 15, LOG_PAGE = 1 << 16,
} LogMask;

typedef struct LogItem {
    uint32_t mask;
    const char *name, *help;
} LogItem;
extern const LogItem log_items[];   /* ends with name == NULL: -d help, the manual and the parser read this table */

extern uint32_t log_mask_active;
#define log_enabled(mask) unlikely(__atomic_load_n(&log_mask_active, __ATOMIC_RELAXED) & (mask))

void qemu_log(const char *fmt, ...) QEMU_PRINTF(1, 2);
#define qemu_log_mask(mask, ...) do { if (log_enabled(mask)) { qemu_log(__VA_ARGS__); } } while (0)
/* "int,cpu" or "help"-less list; "all" and "none" known; "trace:PATTERN" enables trace events. */
bool log_set_mask(const char *list, Error **errp);
bool log_set_file(const char *path, Error **errp);      /* %d is the pid */
bool log_is_on_stderr(void);                            /* something is logged, and not to a file */
/* -dfilter: start+len, start-len, start..end, comma separated */
bool log_set_filter(const char *ranges, Error **errp);
bool log_in_filter(uint64_t addr);                      /* true when no filter is set */
void log_print_help(void);
/* FILE * for multi-line dumps: lock, print, unlock. NULL when logging is off. */
FILE *log_lock(void);
void log_unlock(FILE *f);
/* Who understands PATTERN in "-d trace:PATTERN"; set by trace/trace.c. */
void log_set_trace_hook(bool (*fn)(const char *pattern, Error **errp));

#endif
