/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Going on in the background (-daemonize)
 *
 * The program splits before it has threads. The one the user has started waits until the machine is built, so that its
 * status and its messages are those of the start, and then leaves; the other one lives on in a session of its own. It
 * stays in its folder, because files may be named relative to it.
 */
#include "qemu/osdep.h"
#include <fcntl.h>
#include <sys/wait.h>
#include "qemu/daemon.h"
#include "qemu/log.h"
#include "qemu/terminal.h"

static int ready_fd = -1;       /* main thread; -1: not in the background, or there already */

/* The program the user has started: ends with the status of the start. */
static void QEMU_NORETURN wait_for_child(pid_t child, int fd)
{
    int status;
    char byte;
    ssize_t n;

    do {
        n = read(fd, &byte, 1);
    } while (n < 0 && errno == EINTR);
    if (n == 1) {
        _exit(0);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

bool daemon_begin(Error **errp)
{
    int fds[2];
    pid_t child;

    fflush(NULL);       /* or both would write it */
    if (pipe2(fds, O_CLOEXEC) == 0) {
        child = fork();
        if (child > 0) {
            close(fds[1]);
            wait_for_child(child, fds[0]);
        }
        close(fds[0]);
        if (child == 0) {
            ready_fd = fds[1];
            setsid();
            host_terminal_give_up();
            return true;
        }
        close(fds[1]);
    }
    error_set_errno(errp, errno, "cannot go on in the background");
    return false;
}

bool daemon_ready(Error **errp)
{
    int null_fd;

    if (ready_fd < 0) {
        return true;
    }
    null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null_fd < 0) {
        error_set_errno(errp, errno, "cannot open '/dev/null'");
        return false;
    }
    fflush(NULL);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fd != STDERR_FILENO || !log_is_on_stderr()) {
            dup2(null_fd, fd);
        }
    }
    close(null_fd);
    (void)!write(ready_fd, "", 1);      /* nobody waits any more: then nobody needs to know */
    close(ready_fd);
    ready_fd = -1;
    return true;
}
