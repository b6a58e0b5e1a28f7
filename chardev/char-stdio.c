/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The terminal the program was started from, or whatever its standard input and output are.
 *
 * A terminal is put into raw mode, with output processing left on, so that our own messages stay readable. It is put
 * back on every way out: exit(), fatal signals, and while the program is suspended by Ctrl-Z.
 * The fds are shared with other programs, the shell for one; so they are not made non-blocking, which would be a
 * property of the open file and not of ours. Output asks for room first.
 * End of input is no reason to exit: "qemu-system-x86_64 -serial stdio < /dev/null" is a fine thing to do.
 */
#include "qemu/osdep.h"
#include <signal.h>
#include <termios.h>
#include "char-int.h"
#include "qemu/main-loop.h"

typedef struct StdioChardev {
    Chardev parent;
    FdStream stream;
} StdioChardev;

/* There is one terminal. Written under the big lock; signal handlers read it. */
static struct {
    bool in_use;
    volatile sig_atomic_t is_raw;
    bool want_raw, keep_signals, handlers_set;
    struct termios saved;
} term;

/* tcsetattr() and tcgetpgrp() are allowed in signal handlers. */
static void term_restore(void)
{
    if (term.is_raw) {
        term.is_raw = false;
        tcsetattr(STDIN_FILENO, TCSANOW, &term.saved);
    }
}

static void term_set_raw(void)
{
    struct termios t = term.saved;
    pid_t foreground = tcgetpgrp(STDIN_FILENO);     /* -1: not our controlling terminal, so nobody stops us */

    /* From the background this would stop us (SIGTTOU); SIGCONT brings us here again. */
    if (!term.want_raw || (foreground >= 0 && foreground != getpgrp())) {
        return;
    }
    t.c_iflag &= ~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    t.c_oflag |= OPOST;
    t.c_lflag &= ~(ECHO | ECHONL | ICANON | IEXTEN);
    if (!term.keep_signals) {
        t.c_lflag &= ~ISIG;
    }
    t.c_cflag = (t.c_cflag & ~(CSIZE | PARENB)) | CS8;
    t.c_cc[VMIN] = 1;
    t.c_cc[VTIME] = 0;
    term.is_raw = true;
    tcsetattr(STDIN_FILENO, TCSANOW, &t);
}

static void on_stop(int sig)
{
    int saved_errno = errno;

    term_restore();
    raise(SIGSTOP);
    errno = saved_errno;
}

static void on_continue(int sig)
{
    int saved_errno = errno;

    term_set_raw();
    errno = saved_errno;
}

static void on_fatal(int sig)
{
    term_restore();
    raise(sig);     /* SA_RESETHAND: now for good, with the status and the core dump it deserves */
}

static void handle(int sig, void (*fn)(int), int flags)
{
    struct sigaction action = { .sa_handler = fn, .sa_flags = flags }, old;

    sigaction(sig, NULL, &old);
    if (old.sa_handler == SIG_DFL) {    /* somebody else's handler, or a shell's "ignore", knows better */
        sigaction(sig, &action, NULL);
    }
}

static void term_handle_exits(void)
{
    static const int fatal[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS };

    if (term.handlers_set) {
        return;
    }
    term.handlers_set = true;
    atexit(term_restore);
    for (size_t i = 0; i < ARRAY_SIZE(fatal); i++) {
        handle(fatal[i], on_fatal, SA_RESETHAND | SA_NODEFER);
    }
    handle(SIGTSTP, on_stop, SA_RESTART);
    handle(SIGCONT, on_continue, SA_RESTART);
}

static void stdio_hangup(Chardev *chr)
{
    /* The stream has stopped reading; output goes on. */
}

static bool stdio_open(Chardev *chr, const ChardevSpec *spec, Error **errp)
{
    StdioChardev *s = container_of(chr, StdioChardev, parent);

    s->stream.in_fd = s->stream.out_fd = -1;
    if (term.in_use) {
        error_set(errp, "stdio is in use by another character device");
        error_append_hint(errp, "Use 'mon:stdio' for the serial port to share the terminal with the monitor.");
        return false;
    }
    term.in_use = true;
    if (tcgetattr(STDIN_FILENO, &term.saved) == 0) {
        term.want_raw = true;
        term.keep_signals = spec->signal;
        term_handle_exits();
        term_set_raw();
    }
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
    term_restore();
    term.want_raw = false;
    term.in_use = false;
}

static void stdio_emergency(Chardev *chr)
{
    term_restore();
}

const ChardevType chardev_stdio = {
    .name = "stdio", .instance_size = sizeof(StdioChardev),
    .open = stdio_open, .write = stdio_write, .wait_writable = stdio_wait_writable, .close = stdio_close,
    .emergency = stdio_emergency,
};
