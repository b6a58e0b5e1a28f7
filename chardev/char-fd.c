/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A byte stream over file descriptors: flow control in both directions, for all back ends that end in an fd.
 */
#include "qemu/osdep.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/select.h>
#include "char-int.h"
#include "qemu/main-loop.h"

#define READ_CHUNK      4096
/* A terminal or pipe that select() calls writable takes this much without blocking (pipes: PIPE_BUF; ttys: less). */
#define POLLED_CHUNK    256

bool fd_is_usable(int fd, Error **errp)
{
    if (fd < FD_SETSIZE) {
        return true;
    }
    close(fd);
    error_set(errp, "too many open files");
    return false;
}

int fd_open_output(const char *path, bool append)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : O_TRUNC), 0666);

    if (fd >= 0) {
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);    /* not in open(): a pipe's reader may come later */
    }
    return fd;
}

static bool stream_can_read(void *opaque)
{
    FdStream *s = opaque;

    return chr_be_can_read(s->chr) > 0;
}

static void stream_hangup(FdStream *s)
{
    s->paused = true;
    fd_stream_update(s);
    if (s->hangup) {
        s->hangup(s->chr);
    }
}

static void stream_read(void *opaque)
{
    FdStream *s = opaque;
    uint8_t buf[READ_CHUNK];
    int room = chr_be_can_read(s->chr);
    ssize_t n;

    if (room <= 0) {
        return;     /* filled by somebody since it was asked */
    }
    n = read(s->in_fd, buf, MIN(room, READ_CHUNK));
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        stream_hangup(s);
        return;
    }
    if (s->filter) {
        n = s->filter(s->chr, buf, n);
    }
    if (n) {
        chr_be_read(s->chr, buf, n);
    }
}

static void stream_writable(void *opaque)
{
    FdStream *s = opaque;

    s->want_writable = false;
    fd_stream_update(s);
    chr_be_writable(s->chr);
}

void fd_stream_update(FdStream *s)
{
    FdHandler *read = s->paused ? NULL : stream_read;
    FdHandler *write = s->want_writable ? stream_writable : NULL;

    if (s->in_fd >= 0) {
        fd_set_handler(s->in_fd, stream_can_read, read, s->in_fd == s->out_fd ? write : NULL, s);
    }
    if (s->out_fd >= 0 && s->out_fd != s->in_fd) {
        fd_set_handler(s->out_fd, NULL, NULL, write, s);
    }
}

void fd_stream_open(FdStream *s, Chardev *chr, int in_fd, int out_fd)
{
    s->chr = chr;
    s->in_fd = in_fd;
    s->out_fd = out_fd;
    s->paused = false;
    s->want_writable = false;
    fd_stream_update(s);
}

bool fd_stream_wait_writable(FdStream *s, int timeout_ms)
{
    struct pollfd p = { .fd = s->out_fd, .events = POLLOUT };

    return s->out_fd >= 0 && poll(&p, 1, timeout_ms) > 0 && (p.revents & POLLOUT);
}

static ssize_t write_some(FdStream *s, const uint8_t *buf, int len)
{
    if (s->poll_first) {
        if (!fd_stream_wait_writable(s, 0)) {
            struct pollfd p = { .fd = s->out_fd };

            /* The difference between "full" and "gone" is in the error bits. */
            errno = poll(&p, 1, 0) > 0 && (p.revents & (POLLERR | POLLHUP | POLLNVAL)) ? EPIPE : EAGAIN;
            return -1;
        }
        len = MIN(len, POLLED_CHUNK);
    }
    return write(s->out_fd, buf, len);
}

int fd_stream_write(FdStream *s, const uint8_t *buf, int len)
{
    int done = 0;

    while (done < len) {
        ssize_t n = write_some(s, buf + done, len - done);

        if (n > 0) {
            done += n;
        } else if (n < 0 && errno == EINTR) {
            continue;
        } else if (n < 0 && errno == EAGAIN) {
            s->want_writable = true;
            fd_stream_update(s);
            return done;
        } else {
            return -1;
        }
    }
    return done;
}

void fd_stream_close(FdStream *s)
{
    if (s->in_fd >= 0) {
        fd_set_handler(s->in_fd, NULL, NULL, NULL, NULL);
        close(s->in_fd);
    }
    if (s->out_fd >= 0 && s->out_fd != s->in_fd) {
        fd_set_handler(s->out_fd, NULL, NULL, NULL, NULL);
        close(s->out_fd);
    }
    s->in_fd = s->out_fd = -1;
}
