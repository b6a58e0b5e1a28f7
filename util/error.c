/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Error objects and the one place where messages for the user are put together.
 */
#include "qemu/osdep.h"
#include "qemu/error.h"

struct Error {
    char *message;
    char *hint;     /* complete lines, or NULL */
};

/* Never hold an error: their addresses are the message. */
Error *error_fatal;
Error *error_abort;

/* Set by the main thread while it parses options, before other threads exist. */
static const char *progname = "qemu-system-x86_64";
static const char *location_opt, *location_arg;

/* A new error goes to its receiver; the two special ones end the program here. */
static void deliver(Error **errp, Error *err)
{
    if (errp == &error_abort) {
        error_report_err(err);
        abort();
    }
    if (errp == &error_fatal) {
        error_report_err(err);
        exit(1);
    }
    *errp = err;
}

static void QEMU_PRINTF(3, 0) set_va(Error **errp, int err_no, const char *fmt, va_list ap)
{
    Error *err;
    int saved_errno = errno;

    if (!errp) {
        return;
    }
    assert(!*errp);
    err = g_new0(Error, 1);
    err->message = g_strdup_vprintf(fmt, ap);
    if (err_no) {
        char *with_reason = g_strdup_printf("%s: %s", err->message, g_strerror(err_no));

        g_free(err->message);
        err->message = with_reason;
    }
    deliver(errp, err);
    errno = saved_errno;
}

void error_set(Error **errp, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    set_va(errp, 0, fmt, ap);
    va_end(ap);
}

void error_set_errno(Error **errp, int err, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    set_va(errp, err, fmt, ap);
    va_end(ap);
}

void error_append_hint(Error **errp, const char *fmt, ...)
{
    g_autofree char *text = NULL;
    char *old;
    va_list ap;

    if (!errp || !*errp) {
        return;
    }
    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    old = (*errp)->hint;
    (*errp)->hint = g_strconcat(old ? old : "", text, g_str_has_suffix(text, "\n") ? NULL : "\n", NULL);
    g_free(old);
}

void error_prepend(Error **errp, const char *fmt, ...)
{
    g_autofree char *text = NULL;
    char *old;
    va_list ap;

    if (!errp || !*errp) {
        return;
    }
    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    old = (*errp)->message;
    (*errp)->message = g_strconcat(text, old, NULL);
    g_free(old);
}

void error_propagate(Error **errp, Error *err)
{
    if (!err) {
        return;
    }
    if (!errp || *errp) {
        error_free(err);
        return;
    }
    deliver(errp, err);
}

const char *error_get_message(const Error *err)
{
    return err->message;
}

void error_free(Error *err)
{
    if (err) {
        g_free(err->message);
        g_free(err->hint);
        g_free(err);
    }
}

/* One write per message: lines of several threads do not mix. */
static void print_message(const char *kind, const char *message, const char *hint)
{
    GString *s = g_string_new(NULL);

    g_string_append_printf(s, "%s: ", progname);
    if (location_opt) {
        g_string_append_printf(s, "%s%s", location_opt[0] == '-' ? "" : "-", location_opt);
        if (location_arg) {
            g_string_append_printf(s, " %s", location_arg);
        }
        g_string_append(s, ": ");
    }
    g_string_append_printf(s, "%s%s\n%s", kind, message, hint ? hint : "");
    fflush(stdout);
    fputs(s->str, stderr);
    g_string_free(s, TRUE);
}

static void QEMU_PRINTF(2, 0) report_va(const char *kind, const char *fmt, va_list ap)
{
    g_autofree char *message = g_strdup_vprintf(fmt, ap);

    print_message(kind, message, NULL);
}

void error_report_err(Error *err)
{
    print_message("", err->message, err->hint);
    error_free(err);
}

void error_report(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    report_va("", fmt, ap);
    va_end(ap);
}

void warn_report(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    report_va("warning: ", fmt, ap);
    va_end(ap);
}

void info_report(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    report_va("info: ", fmt, ap);
    va_end(ap);
}

void error_set_progname(const char *argv0)
{
    const char *slash = strrchr(argv0, '/');

    progname = slash ? slash + 1 : argv0;
}

const char *error_get_progname(void)
{
    return progname;
}

void error_set_location(const char *opt, const char *arg)
{
    location_opt = opt;
    location_arg = arg;
}
