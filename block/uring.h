/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * io_uring: reads, writes and flushes of files that the host's kernel takes without a thread of ours. One ring for the
 * program. It needs liburing when it is built, and a kernel that lets the program have a ring: containers often do not.
 */
#ifndef BLOCK_URING_H
#define BLOCK_URING_H

#include <sys/uio.h>
#include "qemu/error.h"

typedef struct UringJob UringJob;
struct UringJob {           /* part of the caller's request, which stays until done() */
    void (*done)(UringJob *job, int res);       /* IO thread, big lock held; what the system call returns, or -errno */
};

/* Makes the ring when it is asked for the first time; later only tells what came of it. IO thread. */
bool uring_init(Error **errp);
/*
 * As preadv2() and pwritev2(), fdatasync(). The memory and its list stay until done(), which never comes before these
 * have returned. False: there is no room for it now. Big lock, any thread, after uring_init().
 */
bool uring_rw(UringJob *job, int fd, bool is_write, const struct iovec *iov, int niov, uint64_t offset, int flags);
bool uring_fdatasync(UringJob *job, int fd);

#endif
