/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trace events by name: switching them on and off, listing them. The events themselves are generated, see
 * scripts/tracegen; their output is the debug log's.
 */
#include "qemu/osdep.h"
#include "qemu/log.h"
#include "trace/trace.h"

static bool is_pattern(const char *s)
{
    return strpbrk(s, "*?") != NULL;
}

unsigned trace_set_pattern(const char *pattern, bool on)
{
    g_autoptr(GPatternSpec) spec = g_pattern_spec_new(pattern);
    unsigned matched = 0;

    for (TraceEvent *const *e = trace_events; *e; e++) {
        if (g_pattern_spec_match_string(spec, (*e)->name)) {
            __atomic_store_n(&(*e)->enabled, on, __ATOMIC_RELAXED);
            matched++;
        }
    }
    if (matched && on) {
        __atomic_or_fetch(&log_mask_active, LOG_TRACE, __ATOMIC_RELAXED);
    }
    return matched;
}

/* One pattern as users write it: "-name" switches off. */
static bool apply_pattern(const char *text, Error **errp)
{
    bool on = text[0] != '-';

    text += !on;
    if (trace_set_pattern(text, on)) {
        return true;
    }
    if (is_pattern(text)) {
        warn_report("trace event pattern '%s' matches nothing", text);
        return true;
    }
    error_set(errp, "unknown trace event '%s'", text);
    error_append_hint(errp, "Try '-trace help' for a list of them.");
    return false;
}

static bool apply_file(const char *path, Error **errp)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    g_autoptr(GError) gerr = NULL;

    if (!g_file_get_contents(path, &text, NULL, &gerr)) {
        error_set(errp, "cannot read trace events: %s", gerr->message);
        return false;
    }
    lines = g_strsplit(text, "\n", -1);
    for (char **l = lines; *l; l++) {
        char *line = g_strstrip(*l);

        if (line[0] && line[0] != '#' && !apply_pattern(line, errp)) {
            error_prepend(errp, "%s:%d: ", path, (int)(l - lines) + 1);
            return false;
        }
    }
    return true;
}

bool trace_parse_option(const char *arg, Error **errp)
{
    static const struct {
        const char *key;
        bool (*apply)(const char *value, Error **errp);
    } keys[] = {
        { "enable=", apply_pattern },
        { "events=", apply_file },
        { "file=", log_set_file },
    };
    g_auto(GStrv) parts = g_strsplit(arg, ",", -1);

    for (char **p = parts; *p; p++) {
        bool (*apply)(const char *, Error **) = apply_pattern;
        const char *value = *p;

        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
            if (g_str_has_prefix(*p, keys[i].key)) {
                apply = keys[i].apply;
                value = *p + strlen(keys[i].key);
            }
        }
        if (*value && !apply(value, errp)) {
            return false;
        }
    }
    return true;
}

bool trace_is_help(const char *arg)
{
    return !strcmp(arg, "help") || !strcmp(arg, "?");
}

void trace_print_help(void)
{
    printf("Trace events (-trace PATTERN, where * stands for any text):\n");
    for (TraceEvent *const *e = trace_events; *e; e++) {
        printf("%s\n", (*e)->name);
    }
}

void trace_print_state(GString *out, const char *pattern)
{
    g_autoptr(GPatternSpec) spec = g_pattern_spec_new(pattern ? pattern : "*");

    for (TraceEvent *const *e = trace_events; *e; e++) {
        if (g_pattern_spec_match_string(spec, (*e)->name)) {
            g_string_append_printf(out, "%s : state %d\n", (*e)->name, (*e)->enabled);
        }
    }
}

/* "-d trace:PATTERN" reaches us through the log, which must not depend on us. */
__attribute__((constructor)) static void trace_hook_into_log(void)
{
    log_set_trace_hook(apply_pattern);
}
