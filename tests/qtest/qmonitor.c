/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The client of the human monitor. */
#include "qemu/osdep.h"
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "qmonitor.h"

#define ANSWER_MS   60000
#define PROMPT      "(qemu) "

struct QMonitor {
    int fd;
    char *dir, *path;
};

QMonitor *qmonitor_place(void)
{
    QMonitor *m = g_new0(QMonitor, 1);

    m->fd = -1;
    m->dir = g_dir_make_tmp("qtest-monitor-XXXXXX", NULL);
    g_assert_nonnull(m->dir);
    m->path = g_build_filename(m->dir, "monitor", NULL);
    return m;
}

const char *qmonitor_path(const QMonitor *m)
{
    return m->path;
}

/* Everything until it asks for the next command. */
static char *read_to_prompt(QMonitor *m)
{
    GString *text = g_string_new(NULL);
    char buf[4096];

    while (!g_str_has_suffix(text->str, PROMPT)) {
        struct pollfd p = { .fd = m->fd, .events = POLLIN };
        ssize_t n;

        if (poll(&p, 1, ANSWER_MS) != 1) {
            g_error("the monitor does not answer");
        }
        n = read(m->fd, buf, sizeof(buf));
        if (n <= 0) {
            g_error("the monitor is gone");
        }
        g_string_append_len(text, buf, n);
    }
    g_string_truncate(text, text->len - strlen(PROMPT));
    return g_string_free(text, FALSE);
}

void qmonitor_connect(QMonitor *m)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };

    g_strlcpy(addr.sun_path, m->path, sizeof(addr.sun_path));
    m->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(connect(m->fd, (struct sockaddr *)&addr, sizeof(addr)), ==, 0);
    g_free(read_to_prompt(m));
}

/* Lines as a file has them: the monitor ends them for a terminal. */
static char *without_returns(const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, "\r", -1);

    return g_strjoinv("", parts);
}

char *qmonitor_ask(QMonitor *m, const char *command)
{
    g_autofree char *line = g_strconcat(command, "\r", NULL), *text = NULL;
    const char *echo_end;

    g_assert_cmpint(send(m->fd, line, strlen(line), MSG_NOSIGNAL), ==, (ssize_t)strlen(line));
    text = read_to_prompt(m);
    echo_end = strchr(text, '\n');
    return without_returns(echo_end ? echo_end + 1 : text);
}

void qmonitor_free(QMonitor *m)
{
    if (m->fd >= 0) {
        close(m->fd);
    }
    unlink(m->path);
    rmdir(m->dir);
    g_free(m->dir);
    g_free(m->path);
    g_free(m);
}
