/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ring of io_uring. See io_uring(7), io_uring_enter(2).
 *
 * Entries are made and submitted under the big lock, by whoever has the request; the kernel's answers are taken in the
 * IO thread, which an eventfd of the ring wakes.
 */
#include "qemu/osdep.h"
#include "uring.h"
#ifdef CONFIG_LIBURING
#include <liburing.h>
#include <sys/eventfd.h>
#include "qemu/main-loop.h"

#define ENTRIES 256     /* not yet seen by the kernel; a device has one request under way, drains and tools have more */

static struct io_uring ring;        /* big lock */
static int ring_error = 1;          /* 0: it is there; -errno: the kernel refuses; 1: not asked yet. Big lock */
static int event_fd = -1;           /* set with it */
static Bh *submit_bh;

/* What the kernel does not take for now, for want of memory, is offered again. */
static void submit(void *opaque)
{
    int ret;

    do {
        ret = io_uring_submit(&ring);
    } while (ret == -EINTR);
    if (ret < 0) {
        bh_schedule(submit_bh);
    }
}

/* A callback may run the main loop: the eventfd stays readable until the last answer has been taken. */
static void take_answers(void *opaque)
{
    struct io_uring_cqe *cqe;
    uint64_t count;
    ssize_t n;

    do {
        while (!io_uring_peek_cqe(&ring, &cqe)) {
            UringJob *job = io_uring_cqe_get_data(cqe);
            int res = cqe->res;

            io_uring_cqe_seen(&ring, cqe);
            job->done(job, res);
        }
        n = read(event_fd, &count, sizeof(count));
        (void)n;        /* an inner call may have read it */
    } while (io_uring_cq_ready(&ring));
}

static int make_ring(void)
{
    int ret = io_uring_queue_init(ENTRIES, &ring, 0);

    if (ret) {
        return ret;
    }
    if (!(ring.features & IORING_FEAT_NODROP)) {
        io_uring_queue_exit(&ring);
        return -ENOSYS;             /* before Linux 5.5 answers could get lost */
    }
    event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    ret = event_fd < 0 ? -errno : io_uring_register_eventfd(&ring, event_fd);
    if (ret) {
        if (event_fd >= 0) {
            close(event_fd);
        }
        io_uring_queue_exit(&ring);
        return ret;
    }
    submit_bh = bh_new(submit, NULL);
    fd_set_handler(event_fd, NULL, take_answers, NULL, NULL);
    return 0;
}

bool uring_init(Error **errp)
{
    if (ring_error > 0) {
        ring_error = make_ring();
    }
    if (ring_error) {
        error_set_errno(errp, -ring_error, "the host's kernel refuses io_uring");
    }
    return !ring_error;
}

static bool hand_over(struct io_uring_sqe *sqe, UringJob *job)
{
    io_uring_sqe_set_data(sqe, job);
    submit(NULL);
    return true;
}

bool uring_rw(UringJob *job, int fd, bool is_write, const struct iovec *iov, int niov, uint64_t offset, int flags)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

    if (!sqe) {
        return false;
    }
    if (is_write) {
        io_uring_prep_writev2(sqe, fd, iov, niov, offset, flags);
    } else {
        io_uring_prep_readv2(sqe, fd, iov, niov, offset, flags);
    }
    return hand_over(sqe, job);
}

bool uring_fdatasync(UringJob *job, int fd)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

    if (!sqe) {
        return false;
    }
    io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
    return hand_over(sqe, job);
}

#else

bool uring_init(Error **errp)
{
    error_set(errp, "this program was built without io_uring (liburing)");
    return false;
}

bool uring_rw(UringJob *job, int fd, bool is_write, const struct iovec *iov, int niov, uint64_t offset, int flags)
{
    return false;
}

bool uring_fdatasync(UringJob *job, int fd)
{
    return false;
}

#endif
