/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The terminal the program was started from
 *
 * Its modes are read when somebody claims it, and written back on every way out.
 */
#include "qemu/osdep.h"
#include <signal.h>
#include <termios.h>
#include "qemu/terminal.h"

/* There is one terminal. Written under the big lock; signal handlers read it. */
static struct {
    const char *user;           /* NULL: nobody's */
    const char *goodbye;
    volatile sig_atomic_t is_changed;
    bool want_raw, keep_signals, handlers_set, given_up;
    struct termios saved;
} term;

/* write(), tcsetattr() and tcgetpgrp() are allowed in signal handlers. */
void host_terminal_restore(void)
{
    if (!term.is_changed) {
        return;
    }
    term.is_changed = false;
    if (term.goodbye) {
        (void)!write(STDOUT_FILENO, term.goodbye, strlen(term.goodbye));
    }
    tcsetattr(STDIN_FILENO, TCSANOW, &term.saved);
}

static void set_raw(void)
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
    term.is_changed = true;
    tcsetattr(STDIN_FILENO, TCSANOW, &t);
}

static void on_stop(int sig)
{
    int saved_errno = errno;

    host_terminal_restore();
    raise(SIGSTOP);
    errno = saved_errno;
}

static void on_continue(int sig)
{
    int saved_errno = errno;

    set_raw();
    errno = saved_errno;
}

static void on_fatal(int sig)
{
    host_terminal_restore();
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

static void handle_exits(void)
{
    static const int fatal[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS };

    if (term.handlers_set) {
        return;
    }
    term.handlers_set = true;
    atexit(host_terminal_restore);
    for (size_t i = 0; i < ARRAY_SIZE(fatal); i++) {
        handle(fatal[i], on_fatal, SA_RESETHAND | SA_NODEFER);
    }
    handle(SIGTSTP, on_stop, SA_RESTART);
    handle(SIGCONT, on_continue, SA_RESTART);
}

void host_terminal_give_up(void)
{
    term.given_up = true;
}

bool host_terminal_is_given_up(void)
{
    return term.given_up;
}

bool host_terminal_claim(const char *user, Error **errp)
{
    if (term.given_up) {
        error_set(errp, "stdio cannot be used with -daemonize");
        return false;
    }
    if (term.user) {
        error_set(errp, "stdio is in use by %s", term.user);
        return false;
    }
    term.user = user;
    return true;
}

void host_terminal_set_raw(bool keep_signals)
{
    if (tcgetattr(STDIN_FILENO, &term.saved) == 0) {
        term.want_raw = true;
        term.keep_signals = keep_signals;
        handle_exits();
        set_raw();
    }
}

void host_terminal_set_goodbye(const char *goodbye)
{
    if (tcgetattr(STDIN_FILENO, &term.saved) == 0) {
        term.goodbye = goodbye;
        handle_exits();
        term.is_changed = true;
    }
}

void host_terminal_release(void)
{
    host_terminal_restore();
    term.want_raw = false;
    term.goodbye = NULL;
    term.user = NULL;
}
