/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The terminal the program was started from, or whatever its standard input and output are.
 *
 * A terminal is put into raw mode and back on every way out: util/host-terminal.c.
 * The fds are shared with other programs, the shell for one; so they are not made non-blocking, which would be a
 * property of the open file and not of ours. Output asks for room first.
 * End of input is no reason to exit: "qemu-system-x86_64 -serial stdio < /dev/null" is a fine thing to do.
 */
#include "qemu/osdep.h"
#include "char-int.h"
#include "qemu/main-loop.h"
#include "qemu/terminal.h"

typedef struct StdioChardev {
    Chardev parent;
    FdStream stream;
} StdioChardev;

static void stdio_hangup(Chardev *chr)
{
    /* The stream has stopped reading; output goes on. */
}

static bool stdio_open(Chardev *chr, const ChardevSpec *spec, Error **errp)
{
    StdioChardev *s = container_of(chr, StdioChardev, parent);

    s->stream.in_fd = s->stream.out_fd = -1;
    if (!host_terminal_claim("another character device", errp)) {
        if (!host_terminal_is_given_up()) {
            error_append_hint(errp, "Use 'mon:stdio' for the serial port to share the terminal with the monitor.");
        }
        return false;
    }
    host_terminal_set_raw(spec->signal);
    s->stream.poll_first = true;
    s->stream.hangup = stdio_hangup;
    fd_stream_open(&s->stream, chr, STDIN_FILENO, STDOUT_FILENO);
    chr->be_open = true;
    return true;
}

static int stdio_write(Chardev *chr, const uint8_t *buf, int len)
{
    int n = fd_stream_write(&container_of(chr, StdioChardev, parent)->stream, buf, len);

    return n < 0 ? len : n;     /* nobody reads standard output any more */
}

static bool stdio_wait_writable(Chardev *chr, int timeout_ms)
{
    return fd_stream_wait_writable(&container_of(chr, StdioChardev, parent)->stream, timeout_ms);
}

static void stdio_close(Chardev *chr)
{
    StdioChardev *s = container_of(chr, StdioChardev, parent);

    if (s->stream.out_fd < 0) {
        return;     /* it was another one's terminal */
    }
    fd_set_handler(STDIN_FILENO, NULL, NULL, NULL, NULL);
    fd_set_handler(STDOUT_FILENO, NULL, NULL, NULL, NULL);
    host_terminal_release();
}

static void stdio_emergency(Chardev *chr)
{
    host_terminal_restore();
}

const ChardevType chardev_stdio = {
    .name = "stdio", .instance_size = sizeof(StdioChardev), .params = "signal",
    .open = stdio_open, .write = stdio_write, .wait_writable = stdio_wait_writable, .close = stdio_close,
    .emergency = stdio_emergency,
};
