/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file protocol: a regular file or a block device of the host
 *
 * Everything that may block runs in worker threads. Reads that the page cache can answer are answered at once.
 * cache=none and directsync bypass the page cache (O_DIRECT) where offset, length and memory are aligned for it; the
 * rest goes through a second, buffered descriptor, which the kernel keeps coherent with the first.
 * Left out: host CD-ROM drives with their trays, sockets, io_uring.
 */
#include "qemu/osdep.h"
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include "block/block.h"
#include "file-lock.h"

#define DIRECT_ALIGN    4096u   /* enough for every disk there is */
#define IOV_BATCH       256     /* at most IOV_MAX */
#define ZERO_CHUNK      (256 * KiB)

typedef struct FileState {
    int fd;
    int direct_fd;              /* -1: no cache=none */
    bool is_blockdev;
    bool no_nowait;             /* atomic: the file system does not know RWF_NOWAIT */
    bool no_punch, no_zero;     /* atomic: nor these kinds of fallocate() */
} FileState;

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static bool open_fd(FileState *s, BlockNode *n, const BlockOpenOptions *o, Error **errp)
{
    int sync = o->cache == BLOCK_CACHE_WRITETHROUGH || o->cache == BLOCK_CACHE_DIRECTSYNC ? O_DSYNC : 0;

    s->fd = open(n->filename, (n->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | sync);
    if (s->fd < 0 && !n->readonly && o->auto_readonly && (errno == EACCES || errno == EROFS || errno == EPERM)) {
        n->readonly = true;
        s->fd = open(n->filename, O_RDONLY | O_CLOEXEC);
    }
    if (s->fd < 0) {
        error_set_errno(errp, errno, "could not open '%s'", n->filename);
        return false;
    }
    if (o->cache == BLOCK_CACHE_NONE || o->cache == BLOCK_CACHE_DIRECTSYNC) {
        s->direct_fd = open(n->filename, (n->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_DIRECT | sync);
        if (s->direct_fd < 0) {
            error_set_errno(errp, errno, "could not open '%s' without the host's cache (cache=none)", n->filename);
            return false;
        }
    }
    return true;
}

static bool get_size(FileState *s, BlockNode *n, Error **errp)
{
    struct stat st;

    if (fstat(s->fd, &st)) {
        error_set_errno(errp, errno, "could not look at '%s'", n->filename);
        return false;
    }
    if (S_ISBLK(st.st_mode)) {
        s->is_blockdev = true;
        if (ioctl(s->fd, BLKGETSIZE64, &n->size)) {
            error_set_errno(errp, errno, "could not get the size of '%s'", n->filename);
            return false;
        }
        return true;
    }
    if (!S_ISREG(st.st_mode)) {
        error_set(errp, "'%s' is neither a regular file nor a block device", n->filename);
        return false;
    }
    n->size = st.st_size;
    return true;
}

static void file_close(BlockNode *n)
{
    FileState *s = n->state;

    if (s->direct_fd >= 0) {
        close(s->direct_fd);
    }
    if (s->fd >= 0) {
        close(s->fd);
    }
}

static bool file_open(BlockNode *n, const BlockOpenOptions *o, Error **errp)
{
    FileState *s = n->state;

    s->fd = s->direct_fd = -1;
    if (!open_fd(s, n, o, errp) || !get_size(s, n, errp) ||
        (!o->no_lock && !file_lock(s->fd, n->filename, !n->readonly, o->share_write, errp))) {
        file_close(n);
        return false;
    }
    return true;
}

/* ---- reading and writing: worker threads ------------------------------------------------------------------------- */

static bool is_aligned(const struct iovec *iov, int n, uint64_t offset)
{
    uintptr_t bits = offset;

    for (int i = 0; i < n; i++) {
        bits |= (uintptr_t)iov[i].iov_base | iov[i].iov_len;
    }
    return !(bits & (DIRECT_ALIGN - 1));
}

static void note_growth(BlockNode *n, uint64_t end)
{
    uint64_t size = __atomic_load_n(&n->size, __ATOMIC_RELAXED);

    while (end > size && !__atomic_compare_exchange_n(&n->size, &size, end, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

static ssize_t transfer(FileState *s, const BlockOp *op, const struct iovec *iov, int niov, uint64_t offset)
{
    int fd = s->direct_fd >= 0 && is_aligned(iov, niov, offset) ? s->direct_fd : s->fd;
    ssize_t got;

    do {
        if (op->kind == BLOCK_READ) {
            got = preadv(fd, iov, niov, offset);
        } else if (op->flags & BLOCK_FUA) {
            got = pwritev2(fd, iov, niov, offset, RWF_DSYNC);
        } else {
            got = pwritev(fd, iov, niov, offset);
        }
    } while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

/* All of it, in as many calls as it takes; what lies behind the end of the file reads as zeros. */
static int file_rw(BlockNode *n, const BlockOp *op)
{
    FileState *s = n->state;
    struct iovec part[IOV_BATCH];
    uint64_t done = 0;

    while (done < op->bytes) {
        int first = 0, count;
        size_t skip = done;
        ssize_t got;

        while (skip >= op->iov[first].iov_len) {
            skip -= op->iov[first++].iov_len;
        }
        count = MIN(op->niov - first, IOV_BATCH);
        count = iov_slice(part, op->iov + first, count, skip, op->bytes - done);
        got = transfer(s, op, part, count, op->offset + done);
        if (got < 0) {
            return got;
        }
        if (!got && op->kind == BLOCK_READ) {
            iov_zero(op->iov, op->niov, done);
            return 0;
        }
        if (!got) {
            return -ENOSPC;
        }
        done += got;
    }
    if (op->kind == BLOCK_WRITE) {
        note_growth(n, op->offset + done);
    }
    return 0;
}

static int file_flush(BlockNode *n)
{
    FileState *s = n->state;

    if (n->cache == BLOCK_CACHE_UNSAFE) {
        return 0;
    }
    return fdatasync(s->fd) ? -errno : 0;
}

/* Advice: what the host cannot do is no error. */
static int file_discard(BlockNode *n, const BlockOp *op)
{
    FileState *s = n->state;
    uint64_t range[2] = { op->offset, op->bytes };
    int ret;

    if (!n->discard) {
        return 0;
    }
    if (s->is_blockdev) {
        ioctl(s->fd, BLKDISCARD, range);
        return 0;
    }
    if (__atomic_load_n(&s->no_punch, __ATOMIC_RELAXED)) {
        return 0;
    }
    do {
        ret = fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, op->offset, op->bytes);
    } while (ret && errno == EINTR);
    if (ret && errno == EOPNOTSUPP) {
        __atomic_store_n(&s->no_punch, true, __ATOMIC_RELAXED);
        return 0;
    }
    return ret ? -errno : 0;
}

static int write_zero_bytes(BlockNode *n, const BlockOp *op)
{
    static const uint8_t zeros[ZERO_CHUNK] QEMU_ALIGNED(4096);
    int ret = 0;

    for (uint64_t done = 0, len; done < op->bytes && !ret; done += len) {
        struct iovec iov = { (void *)zeros, MIN(op->bytes - done, sizeof(zeros)) };

        len = iov.iov_len;
        ret = file_rw(n, &(BlockOp){ .kind = BLOCK_WRITE, .flags = op->flags, .offset = op->offset + done,
                                     .bytes = len, .iov = &iov, .niov = 1 });
    }
    return ret;
}

static int file_write_zeroes(BlockNode *n, const BlockOp *op)
{
    FileState *s = n->state;

    if (!s->is_blockdev && !__atomic_load_n(&s->no_zero, __ATOMIC_RELAXED) && !(op->flags & BLOCK_FUA)) {
        if (!fallocate(s->fd, FALLOC_FL_ZERO_RANGE, op->offset, op->bytes)) {
            note_growth(n, op->offset + op->bytes);
            return 0;
        }
        if (errno != EOPNOTSUPP && errno != EINTR) {
            return -errno;
        }
        if (errno == EOPNOTSUPP) {
            __atomic_store_n(&s->no_zero, true, __ATOMIC_RELAXED);
        }
    }
    return write_zero_bytes(n, op);
}

static int file_run(BlockNode *n, const BlockOp *op)
{
    switch (op->kind) {
    case BLOCK_READ:
    case BLOCK_WRITE:
        return file_rw(n, op);
    case BLOCK_FLUSH:
        return file_flush(n);
    case BLOCK_DISCARD:
        return file_discard(n, op);
    case BLOCK_WRITE_ZEROES:
        return file_write_zeroes(n, op);
    }
    return -EINVAL;
}

/* What is in the page cache costs a copy; anything less than all of it is left to a worker. */
static int file_try_run(BlockNode *n, const BlockOp *op)
{
    FileState *s = n->state;
    ssize_t got;

    if ((op->kind == BLOCK_FLUSH && n->cache == BLOCK_CACHE_UNSAFE) || (op->kind == BLOCK_DISCARD && !n->discard)) {
        return 0;
    }
    if (op->kind != BLOCK_READ || s->direct_fd >= 0 || op->niov > IOV_BATCH ||
        __atomic_load_n(&s->no_nowait, __ATOMIC_RELAXED)) {
        return -EAGAIN;
    }
    got = preadv2(s->fd, op->iov, op->niov, op->offset, RWF_NOWAIT);
    if (got < 0 && errno == EOPNOTSUPP) {
        __atomic_store_n(&s->no_nowait, true, __ATOMIC_RELAXED);
    }
    return got == (ssize_t)op->bytes ? 0 : -EAGAIN;
}

static const BlockDriver file_driver = {
    .name = "file", .is_protocol = true, .state_size = sizeof(FileState),
    .open = file_open, .close = file_close, .run = file_run, .try_run = file_try_run,
};
BLOCK_DRIVER(file_driver)
