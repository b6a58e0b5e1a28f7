/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A pseudo terminal that a terminal program (screen, minicom) may open, leave and open again.
 *
 * While nobody has the other side open the kernel reports a hang-up, permanently, so select() cannot wait for the next
 * visitor. A timer looks for one, and so does each write; what is written to nobody is lost, as on a serial line.
 */
#include "qemu/osdep.h"
#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include "char-int.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"

#define LOOK_INTERVAL_NS    (250 * 1000000LL)

typedef struct PtyChardev {
    Chardev parent;
    FdStream stream;
    Timer look;
    bool connected;
} PtyChardev;

static bool has_visitor(PtyChardev *s)
{
    struct pollfd p = { .fd = s->stream.in_fd, .events = POLLOUT };

    return poll(&p, 1, 0) >= 0 && !(p.revents & POLLHUP);
}

static void pty_set_connected(PtyChardev *s, bool connected)
{
    if (s->connected != connected) {
        s->connected = connected;
        s->stream.paused = !connected;
        s->stream.want_writable = false;
        fd_stream_update(&s->stream);
        chr_be_event(&s->parent, connected ? CHR_EVENT_OPENED : CHR_EVENT_CLOSED);
        chr_be_writable(&s->parent);    /* either there is room now, or what waits may be thrown away */
    }
    if (!s->connected) {
        timer_arm(&s->look, clock_get_ns(CLOCK_RT) + LOOK_INTERVAL_NS);
    }
}

static void pty_look(void *opaque)
{
    PtyChardev *s = opaque;

    pty_set_connected(s, has_visitor(s));
}

static void pty_hangup(Chardev *chr)
{
    pty_set_connected(container_of(chr, PtyChardev, parent), false);
}

static int pty_write(Chardev *chr, const uint8_t *buf, int len)
{
    PtyChardev *s = container_of(chr, PtyChardev, parent);
    int n;

    if (!s->connected) {
        if (!has_visitor(s)) {
            return len;
        }
        timer_arm(&s->look, 0);     /* the event is not for inside a front end's write */
    }
    n = fd_stream_write(&s->stream, buf, len);
    return n < 0 ? len : n;
}

static bool pty_wait_writable(Chardev *chr, int timeout_ms)
{
    return fd_stream_wait_writable(&container_of(chr, PtyChardev, parent)->stream, timeout_ms);
}

/* A terminal that changes no byte. Set through the other side, which is then closed again. */
static bool make_raw(const char *name, Error **errp)
{
    struct termios t;
    int fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);

    if (fd < 0) {
        error_set_errno(errp, errno, "cannot open '%s'", name);
        return false;
    }
    if (tcgetattr(fd, &t) == 0) {
        cfmakeraw(&t);
        tcsetattr(fd, TCSAFLUSH, &t);
    }
    close(fd);
    return true;
}

static bool pty_open(Chardev *chr, const ChardevSpec *spec, Error **errp)
{
    PtyChardev *s = container_of(chr, PtyChardev, parent);
    char name[64];
    int fd;

    s->stream.in_fd = s->stream.out_fd = -1;
    timer_init(&s->look, CLOCK_RT, pty_look, s);
    fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        error_set_errno(errp, errno, "cannot create a pseudo terminal");
        return false;
    }
    if (!fd_is_usable(fd, errp)) {
        return false;
    }
    if (grantpt(fd) || unlockpt(fd) || ptsname_r(fd, name, sizeof(name))) {
        error_set_errno(errp, errno, "cannot create a pseudo terminal");
        close(fd);
        return false;
    }
    if (!make_raw(name, errp)) {
        close(fd);
        return false;
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    s->stream.hangup = pty_hangup;
    fd_stream_open(&s->stream, chr, fd, fd);
    s->stream.paused = true;
    fd_stream_update(&s->stream);
    chr_set_filename(chr, "pty:%s", name);
    /* Harnesses read this line: its form is fixed. The label of a mux's back end is the mux's plus "-base". */
    printf("char device redirected to %s (label %s)\n", name, spec->label);
    fflush(stdout);
    timer_arm(&s->look, 0);
    return true;
}

static void pty_close(Chardev *chr)
{
    PtyChardev *s = container_of(chr, PtyChardev, parent);

    timer_disarm(&s->look);
    fd_stream_close(&s->stream);
}

const ChardevType chardev_pty = {
    .name = "pty", .instance_size = sizeof(PtyChardev),
    .open = pty_open, .write = pty_write, .wait_writable = pty_wait_writable, .close = pty_close,
};
