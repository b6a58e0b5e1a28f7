/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The debug log: categories, its file, and the filter on guest addresses.
 *
 * Lines go to stderr until a file is set. The file is line buffered, so that a crash loses nothing that was logged.
 */
#include "qemu/osdep.h"
#include <pthread.h>
#include "qemu/log.h"

const LogItem log_items[] = {
    { LOG_OUT_ASM, "out_asm", "host code generated for each block" },
    { LOG_IN_ASM, "in_asm", "guest code of each block when it is translated" },
    { LOG_OP, "op", "intermediate code of each block" },
    { LOG_OP_OPT, "op_opt", "intermediate code after optimisation" },
    { LOG_INT, "int", "interrupts and exceptions, one short record each" },
    { LOG_EXEC, "exec", "each block as it is entered (much output)" },
    { LOG_CPU, "cpu", "CPU registers before each block that is entered" },
    { LOG_FPU, "fpu", "x87 and SSE registers too in the output of 'cpu' and 'int'" },
    { LOG_MMU, "mmu", "page walks and other MMU activity" },
    { LOG_PCALL, "pcall", "far jumps, calls, returns and task switches in protected mode" },
    { LOG_CPU_RESET, "cpu_reset", "CPU state before each reset" },
    { LOG_UNIMP, "unimp", "guest uses something that is not implemented" },
    { LOG_GUEST_ERROR, "guest_errors", "guest does something a device or CPU does not allow" },
    { LOG_PAGE, "page", "changes of the memory map" },
    { LOG_NOCHAIN, "nochain", "do not chain blocks, so that 'exec' and 'cpu' show all of them" },
    { LOG_JITSTATS, "jitstats", "translator statistics when the program ends" },
    { 0, NULL, NULL }
};

/* Read without a lock by every log_enabled(); written by log_set_mask() and trace events. */
uint32_t log_mask_active;

/* Guards log_file and whole records; recursive: a dump may log. */
static pthread_mutex_t log_mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static FILE *log_file;          /* NULL: stderr */

typedef struct AddrRange {
    uint64_t first, last;
} AddrRange;

typedef struct LogFilter {
    struct LogFilter *old;      /* the one before: a reader may be looking at it, and they are few, so none is freed */
    unsigned count;
    AddrRange range[];
} LogFilter;

static LogFilter *log_filter;   /* swapped as a whole; NULL, or without ranges: everything passes */
static bool (*trace_hook)(const char *pattern, Error **errp);

void log_set_trace_hook(bool (*fn)(const char *pattern, Error **errp))
{
    trace_hook = fn;
}

void qemu_log(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    pthread_mutex_lock(&log_mutex);
    vfprintf(log_file ? log_file : stderr, fmt, ap);
    pthread_mutex_unlock(&log_mutex);
    va_end(ap);
}

FILE *log_lock(void)
{
    if (!__atomic_load_n(&log_mask_active, __ATOMIC_RELAXED)) {
        return NULL;
    }
    pthread_mutex_lock(&log_mutex);
    return log_file ? log_file : stderr;
}

void log_unlock(FILE *f)
{
    if (f) {
        fflush(f);
        pthread_mutex_unlock(&log_mutex);
    }
}

static uint32_t all_items(void)
{
    uint32_t mask = 0;

    for (const LogItem *i = log_items; i->name; i++) {
        mask |= i->mask;
    }
    /* "all" means all output; it should not slow the translator down on top of that. */
    return mask & ~LOG_NOCHAIN;
}

static bool parse_item(const char *name, uint32_t *mask, Error **errp)
{
    if (!strcmp(name, "all")) {
        *mask |= all_items();
        return true;
    }
    if (!strcmp(name, "none")) {
        *mask = 0;
        return true;
    }
    if (g_str_has_prefix(name, "trace:") && trace_hook) {
        *mask |= LOG_TRACE;
        return trace_hook(name + strlen("trace:"), errp);
    }
    for (const LogItem *i = log_items; i->name; i++) {
        if (!strcmp(name, i->name)) {
            *mask |= i->mask;
            return true;
        }
    }
    error_set(errp, "unknown log item '%s'", name);
    error_append_hint(errp, "Try '-d help' for a list of them.");
    return false;
}

bool log_set_mask(const char *list, Error **errp)
{
    g_auto(GStrv) names = g_strsplit(list, ",", -1);
    /* Trace events are switched by their own commands: a new list does not silence them. */
    uint32_t mask = __atomic_load_n(&log_mask_active, __ATOMIC_RELAXED) & LOG_TRACE;

    for (char **n = names; *n; n++) {
        if (**n && !parse_item(*n, &mask, errp)) {
            return false;
        }
    }
    __atomic_store_n(&log_mask_active, mask, __ATOMIC_RELAXED);
    return true;
}

/* Replaces the only allowed conversion, %d, by the process id. */
static char *expand_path(const char *path, Error **errp)
{
    const char *percent = strchr(path, '%');

    if (!percent) {
        return g_strdup(path);
    }
    if (percent[1] != 'd' || strchr(percent + 1, '%')) {
        error_set(errp, "log file name '%s' may contain '%%d' (the process id) once and no other '%%'", path);
        return NULL;
    }
    return g_strdup_printf("%.*s%d%s", (int)(percent - path), path, (int)getpid(), percent + 2);
}

bool log_is_on_stderr(void)
{
    return __atomic_load_n(&log_mask_active, __ATOMIC_RELAXED) && !log_file;
}

bool log_set_file(const char *path, Error **errp)
{
    g_autofree char *name = expand_path(path, errp);
    FILE *f, *old;

    if (!name) {
        return false;
    }
    f = fopen(name, "we");
    if (!f) {
        error_set_errno(errp, errno, "cannot open log file '%s'", name);
        return false;
    }
    setvbuf(f, NULL, _IOLBF, 64 * KiB);
    pthread_mutex_lock(&log_mutex);
    old = log_file;
    log_file = f;
    pthread_mutex_unlock(&log_mutex);
    if (old) {
        fclose(old);
    }
    return true;
}

static bool parse_address(const char *text, const char **end, uint64_t *val)
{
    char *stop;

    if (!g_ascii_isdigit(*text)) {
        return false;
    }
    errno = 0;
    *val = g_ascii_strtoull(text, &stop, 0);
    *end = stop;
    return errno == 0;
}

/* start+len, start-len (the len bytes that end with start), start..end */
static bool parse_range(const char *text, AddrRange *r, Error **errp)
{
    const char *p;
    const char *op;
    uint64_t start, arg;

    if (!parse_address(text, &p, &start)) {
        goto bad;
    }
    op = p;
    if (g_str_has_prefix(op, "..")) {
        p += 2;
    } else if (*op == '+' || *op == '-') {
        p++;
    } else {
        goto bad;
    }
    if (!parse_address(p, &p, &arg) || *p) {
        goto bad;
    }
    if (*op == '.') {
        *r = (AddrRange) { start, arg };
    } else if (!arg) {
        goto bad;
    } else if (*op == '+') {
        *r = (AddrRange) { start, start + (arg - 1) };
    } else {
        *r = (AddrRange) { start - (arg - 1), start };
    }
    if (r->last >= r->first) {
        return true;
    }
bad:
    error_set(errp, "'%s' is not an address range", text);
    error_append_hint(errp, "Ranges are START+LENGTH, START-LENGTH or START..END, for example 0x8000..0x8fff.");
    return false;
}

bool log_set_filter(const char *ranges, Error **errp)
{
    g_auto(GStrv) parts = g_strsplit(ranges, ",", -1);
    unsigned count = g_strv_length(parts);
    LogFilter *filter = g_malloc0(sizeof(*filter) + count * sizeof(filter->range[0]));

    for (unsigned i = 0; i < count; i++) {
        if (!parse_range(parts[i], &filter->range[filter->count++], errp)) {
            g_free(filter);
            return false;
        }
    }
    filter->old = log_filter;
    __atomic_store_n(&log_filter, filter, __ATOMIC_RELEASE);
    return true;
}

bool log_in_filter(uint64_t addr)
{
    const LogFilter *filter = __atomic_load_n(&log_filter, __ATOMIC_ACQUIRE);

    if (!filter || !filter->count) {
        return true;
    }
    for (unsigned i = 0; i < filter->count; i++) {
        if (addr >= filter->range[i].first && addr <= filter->range[i].last) {
            return true;
        }
    }
    return false;
}

void log_print_help(void)
{
    printf("Log items (comma separated):\n");
    printf("%-15s %s\n", "none", "remove all logs");
    printf("%-15s %s\n", "all", "everything below, except 'nochain'");
    for (const LogItem *i = log_items; i->name; i++) {
        printf("%-15s %s\n", i->name, i->help);
    }
    printf("%-15s %s\n", "trace:PATTERN", "trace events; '-trace help' lists them");
}
