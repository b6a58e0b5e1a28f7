/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file protocol: a regular file or a block device of the host
 *
 * Everything that may block runs in worker threads, or in the kernel with aio=io_uring and aio=native. Reads that the
 * page cache can answer are answered at once.
 * cache=none and directsync bypass the page cache (O_DIRECT) where offset, length and memory are aligned for it; the
 * rest goes through a second, buffered descriptor, which the kernel keeps coherent with the first.
 * Left out: host CD-ROM drives with their trays, sockets.
 */
#include "qemu/osdep.h"
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include "block/block.h"
#include "file-lock.h"
#include "qemu/timer.h"
#include "qemu/worker.h"
#include "uring.h"

#define DIRECT_ALIGN    4096u   /* enough for every disk there is */
#define IOV_BATCH       256     /* at most IOV_MAX */
#define ZERO_CHUNK      (256 * KiB)
#define BRIEF_NS        10000000        /* a write of the page cache that takes longer has waited for something */
#define SLOW_MIN_NS     100000000LL
#define SLOW_MAX_NS     (10 * NANOSECONDS_PER_SECOND)

typedef struct FileState {
    int fd;
    int direct_fd;              /* -1: no cache=none */
    bool is_blockdev;
    bool use_uring;
    bool is_locked, share_write;    /* see file_lock() */
    bool no_nowait;             /* atomic: the file system does not know RWF_NOWAIT */
    bool no_punch, no_zero;     /* atomic: nor these kinds of fallocate() */
    int64_t slow_until_ns;      /* atomic: the host made a writer wait; until then workers do that */
    int64_t slow_ns;            /* atomic: for how long, the last time */
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
        error_set_errno(errp, errno, "Could not open '%s'", n->filename);
        return false;
    }
    if (o->cache == BLOCK_CACHE_NONE || o->cache == BLOCK_CACHE_DIRECTSYNC) {
        s->direct_fd = open(n->filename, (n->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_DIRECT | sync);
        if (s->direct_fd < 0) {
            error_set_errno(errp, errno, "Could not open '%s' without the host's cache (cache=none)", n->filename);
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

static bool choose_aio(FileState *s, const BlockOpenOptions *o, Error **errp)
{
    bool direct = o->cache == BLOCK_CACHE_NONE || o->cache == BLOCK_CACHE_DIRECTSYNC;

    switch (o->aio) {
    case BLOCK_AIO_NATIVE:
        if (!direct) {
            error_set(errp, "aio=native was specified, but it requires cache.direct=on, which was not specified.");
            return false;
        }
        s->use_uring = uring_init(NULL);
        return true;
    case BLOCK_AIO_IO_URING:
        s->use_uring = uring_init(errp);
        if (!s->use_uring) {
            error_prepend(errp, "aio=io_uring is not possible: ");
        }
        return s->use_uring;
    case BLOCK_AIO_THREADS:
    case BLOCK_AIO__COUNT:
        break;
    }
    return true;
}

static bool file_relock(BlockNode *n, bool write, Error **errp)
{
    FileState *s = n->state;

    if (!s->is_locked || file_lock(s->fd, n->filename, write || !n->readonly, s->share_write, errp)) {
        return true;
    }
    file_lock(s->fd, n->filename, !n->readonly, s->share_write, error_ignore);
    return false;
}

static bool file_open(BlockNode *n, const BlockOpenOptions *o, Error **errp)
{
    FileState *s = n->state;

    s->fd = s->direct_fd = -1;
    if (!choose_aio(s, o, errp)) {
        return false;
    }
    s->is_locked = !o->no_lock;
    s->share_write = o->share_write;
    if (!open_fd(s, n, o, errp) || !get_size(s, n, errp) || !file_relock(n, false, errp)) {
        file_close(n);
        return false;
    }
    n->at_once = o->at_once && o->cache != BLOCK_CACHE_NONE && o->cache != BLOCK_CACHE_DIRECTSYNC;
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

static int fd_for(const FileState *s, const struct iovec *iov, int niov, uint64_t offset)
{
    return s->direct_fd >= 0 && is_aligned(iov, niov, offset) ? s->direct_fd : s->fd;
}

static ssize_t transfer(FileState *s, const BlockOp *op, const struct iovec *iov, int niov, uint64_t offset)
{
    int fd = fd_for(s, iov, niov, offset);
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

/*
 * All of it, in as many calls as it takes. What lies behind the end of the file reads as zeros, unless the file has
 * been longer: somebody has cut it off, and zeros would be taken for what was in it.
 */
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
            if (op->offset + done < block_size(n)) {
                return -EIO;
            }
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

static int file_copy_range(BlockNode *from, uint64_t from_offset, BlockNode *to, uint64_t to_offset, uint64_t bytes)
{
    FileState *in = from->state, *out = to->state;
    off_t at_in = from_offset, at_out = to_offset;

    while (bytes) {
        ssize_t got = copy_file_range(in->fd, &at_in, out->fd, &at_out, bytes, 0);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)) {
            return -ENOTSUP;
        }
        if (got <= 0) {
            return got ? -errno : -ENOTSUP;     /* behind the end of the file: zeros, which reading knows */
        }
        bytes -= got;
        note_growth(to, at_out);
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

    if (!n->discard && !(op->flags & BLOCK_MAY_UNMAP)) {
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
        int how = op->flags & BLOCK_MAY_UNMAP && op->offset + op->bytes <= block_size(n) ?
                  FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE : FALLOC_FL_ZERO_RANGE;

        if (!fallocate(s->fd, how, op->offset, op->bytes)) {
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
    return op->flags & BLOCK_NO_FALLBACK ? -ENOTSUP : write_zero_bytes(n, op);
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

static int read_nowait(FileState *s, const BlockOp *op)
{
    ssize_t got;

    if (s->direct_fd >= 0 || op->niov > IOV_BATCH || __atomic_load_n(&s->no_nowait, __ATOMIC_RELAXED)) {
        return -EAGAIN;
    }
    got = preadv2(s->fd, op->iov, op->niov, op->offset, RWF_NOWAIT);
    if (got < 0 && errno == EOPNOTSUPP) {
        __atomic_store_n(&s->no_nowait, true, __ATOMIC_RELAXED);
    }
    return got == (ssize_t)op->bytes ? 0 : -EAGAIN;
}

/*
 * Writing costs a copy too, until the host has too many pages to write back and makes writers wait. The first one that
 * waits sends the others to the workers for a while, which grows as long as nothing has changed.
 */
static int write_briefly(BlockNode *n, const BlockOp *op)
{
    FileState *s = n->state;
    int64_t start = clock_get_ns(CLOCK_RT), took, pause = __atomic_load_n(&s->slow_ns, __ATOMIC_RELAXED);
    int ret;

    if (start < __atomic_load_n(&s->slow_until_ns, __ATOMIC_RELAXED)) {
        return -EAGAIN;
    }
    ret = file_rw(n, op);
    took = clock_get_ns(CLOCK_RT) - start;
    if (took > BRIEF_NS) {
        pause = CLAMP(pause * 2, SLOW_MIN_NS, SLOW_MAX_NS);
        __atomic_store_n(&s->slow_ns, pause, __ATOMIC_RELAXED);
        __atomic_store_n(&s->slow_until_ns, start + took + pause, __ATOMIC_RELAXED);
    } else if (pause) {
        __atomic_store_n(&s->slow_ns, pause / 2, __ATOMIC_RELAXED);
    }
    return ret;
}

/*
 * What is in the page cache costs a copy; anything less than all of it is left to a worker. Writes are done here for
 * those who say that they can wait; tools always can, as their loop has nothing else to do.
 */
static int file_try_run(BlockNode *n, const BlockOp *op)
{
    FileState *s = n->state;

    if ((op->kind == BLOCK_FLUSH && n->cache == BLOCK_CACHE_UNSAFE) ||
        (op->kind == BLOCK_DISCARD && !n->discard && !(op->flags & BLOCK_MAY_UNMAP))) {
        return 0;
    }
    if (op->kind == BLOCK_READ) {
        return read_nowait(s, op);
    }
    if (op->kind != BLOCK_WRITE || op->flags & BLOCK_FUA || s->direct_fd >= 0 || n->cache == BLOCK_CACHE_WRITETHROUGH) {
        return -EAGAIN;
    }
    return n->at_once ? file_rw(n, op) : op->flags & BLOCK_BRIEFLY ? write_briefly(n, op) : -EAGAIN;
}

/* ---- reading and writing: the kernel ----------------------------------------------------------------------------- */

typedef struct KernelRequest {
    UringJob uring;
    BlockNode *n;
    const BlockOp *op;
    WorkerJob *job;
} KernelRequest;

/* What is short (the end of the file, a full disk) or not possible this way is done again by a worker, all of it. */
static void kernel_done(UringJob *uring, int res)
{
    KernelRequest *k = container_of(uring, KernelRequest, uring);
    const BlockOp *op = k->op;
    WorkerJob *job = k->job;

    if (op->kind == BLOCK_WRITE && res == (int)op->bytes) {
        note_growth(k->n, op->offset + op->bytes);
    }
    g_free(k);
    if (op->kind == BLOCK_FLUSH ? !res : res == (int)op->bytes) {
        job->done(job, 0);
    } else if (res >= 0 || res == -EAGAIN || res == -EINTR || res == -EOPNOTSUPP || res == -EINVAL) {
        worker_submit(job);
    } else {
        job->done(job, res);
    }
}

static bool file_start(BlockNode *n, const BlockOp *op, WorkerJob *job)
{
    FileState *s = n->state;
    KernelRequest *k;
    bool begun;

    if (!s->use_uring || (op->kind != BLOCK_READ && op->kind != BLOCK_WRITE && op->kind != BLOCK_FLUSH) ||
        op->niov > IOV_BATCH || op->bytes > INT32_MAX) {
        return false;
    }
    k = g_new(KernelRequest, 1);
    *k = (KernelRequest){ .uring.done = kernel_done, .n = n, .op = op, .job = job };
    if (op->kind == BLOCK_FLUSH) {
        begun = uring_fdatasync(&k->uring, s->fd);
    } else {
        begun = uring_rw(&k->uring, fd_for(s, op->iov, op->niov, op->offset), op->kind == BLOCK_WRITE, op->iov,
                         op->niov, op->offset, op->flags & BLOCK_FUA ? RWF_DSYNC : 0);
    }
    if (!begun) {
        g_free(k);
    }
    return begun;
}

/* ---- for tools: IO thread ---------------------------------------------------------------------------------------- */

static int file_status(BlockNode *n, uint64_t offset, uint64_t bytes, BlockStatus *st)
{
    FileState *s = n->state;
    off_t data = lseek(s->fd, offset, SEEK_DATA), hole;

    st->file = n;
    st->map = offset;
    st->flags = BLOCK_ST_ALLOCATED | BLOCK_ST_DATA | BLOCK_ST_OFFSET;
    if (data < 0 && errno != ENXIO) {
        return 0;                   /* the host cannot tell: data */
    }
    if (data < 0 || (uint64_t)data > offset) {
        st->flags = BLOCK_ST_ALLOCATED | BLOCK_ST_ZERO | BLOCK_ST_OFFSET;
        st->bytes = data < 0 ? bytes : MIN(bytes, (uint64_t)data - offset);
        return 0;
    }
    hole = lseek(s->fd, offset, SEEK_HOLE);
    if (hole > (off_t)offset) {
        st->bytes = MIN(bytes, (uint64_t)hole - offset);
    }
    return 0;
}

static bool fill(int fd, uint64_t from, uint64_t to)
{
    static const uint8_t zeros[ZERO_CHUNK];

    while (from < to) {
        ssize_t done = pwrite(fd, zeros, MIN(to - from, sizeof(zeros)), from);

        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return false;
        }
        from += done;
    }
    return true;
}

static bool resize_fd(int fd, uint64_t old, uint64_t size, BlockPrealloc prealloc, Error **errp)
{
    int err = 0;

    if (prealloc == PREALLOC_METADATA) {
        error_set(errp, "Unsupported preallocation mode 'metadata'");
        return false;
    }
    if (size > INT64_MAX) {
        error_set(errp, "size %" PRIu64 " is more than a file can have", size);
        return false;
    }
    if (ftruncate(fd, size)) {
        error_set_errno(errp, errno, "Failed to resize the file");
        return false;
    }
    if (size > old && prealloc == PREALLOC_FALLOC) {
        err = posix_fallocate(fd, old, size - old);
    } else if (size > old && prealloc == PREALLOC_FULL && (!fill(fd, old, size) || fsync(fd))) {
        err = errno;
    }
    if (err) {
        error_set_errno(errp, err, "Could not allocate space for the file");
        if (ftruncate(fd, old)) {
            error_append_hint(errp, "The file stays larger.");
        }
        return false;
    }
    return true;
}

static bool file_truncate(BlockNode *n, uint64_t size, BlockPrealloc prealloc, Error **errp)
{
    FileState *s = n->state;

    if (s->is_blockdev) {
        if (size > n->size) {
            error_set(errp, "Cannot grow device files");
            return false;
        }
        return true;
    }
    if (!resize_fd(s->fd, n->size, size, prealloc, errp)) {
        return false;
    }
    n->size = size;
    return true;
}

static uint64_t file_allocated_size(BlockNode *n)
{
    FileState *s = n->state;
    struct stat st;

    return fstat(s->fd, &st) ? 0 : (uint64_t)st.st_blocks * 512;
}

static void set_nocow(int fd)
{
    int flags;

    if (ioctl(fd, FS_IOC_GETFLAGS, &flags) || (flags |= FS_NOCOW_FL, ioctl(fd, FS_IOC_SETFLAGS, &flags))) {
        warn_report("nocow=on has no effect on this file system: %s", strerror(errno));
    }
}

static void set_extent_hint(int fd, uint64_t bytes)
{
    struct fsxattr attr;

    if (ioctl(fd, FS_IOC_FSGETXATTR, &attr)) {
        warn_report("extent_size_hint has no effect on this file system: %s", strerror(errno));
        return;
    }
    attr.fsx_xflags |= FS_XFLAG_EXTSIZE;
    attr.fsx_extsize = bytes;
    if (ioctl(fd, FS_IOC_FSSETXATTR, &attr)) {
        warn_report("extent_size_hint has no effect on this file system: %s", strerror(errno));
    }
}

/* What the host makes of its file: asked for while it is empty, and no reason to fail. */
typedef struct FileHints {
    bool nocow;
    uint64_t extent;
} FileHints;

static void apply_hints(int fd, const FileHints *h)
{
    if (h->nocow) {
        set_nocow(fd);
    }
    if (h->extent) {
        set_extent_hint(fd, h->extent);
    }
}

/* An image that somebody uses is not emptied: the lock comes before the truncation. */
static bool file_create(const char *filename, BlockDict *options, Error **errp)
{
    const char *path = g_str_has_prefix(filename, "file:") ? filename + strlen("file:") : filename;
    g_autofree char *mode = block_dict_take(options, "preallocation");
    BlockPrealloc prealloc = PREALLOC_OFF;
    FileHints hints = { 0 };
    uint64_t size = 0;
    bool ok = false;
    int fd;

    if (!block_dict_take_size(options, "size", &size, errp) ||
        !block_dict_take_bool(options, "nocow", &hints.nocow, errp) ||
        !block_dict_take_size(options, "extent_size_hint", &hints.extent, errp)) {
        return false;
    }
    if (mode && (!block_prealloc_parse(mode, &prealloc) || prealloc == PREALLOC_METADATA)) {
        error_set(errp, "Parameter 'preallocation' does not accept value '%s'", mode);
        return false;
    }
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) {
        error_set_errno(errp, errno, "Could not create '%s'", path);
        return false;
    }
    size = ROUND_UP(size, BLOCK_SECTOR_SIZE);
    if (file_lock(fd, path, true, false, errp)) {
        struct stat st;

        ok = fstat(fd, &st) == 0 && S_ISBLK(st.st_mode) ? true :
             resize_fd(fd, 0, 0, PREALLOC_OFF, errp) && (apply_hints(fd, &hints), true) &&
             resize_fd(fd, 0, size, prealloc, errp);
    }
    close(fd);
    return ok;
}

#define FILE_MEMBERS                                                                                            \
    .is_protocol = true, .state_size = sizeof(FileState), .open = file_open, .close = file_close,               \
    .relock = file_relock,                                                                                      \
    .run = file_run, .start = file_start, .try_run = file_try_run, .copy_range = file_copy_range,               \
    .status = file_status, .truncate = file_truncate, .allocated_size = file_allocated_size,                    \
    .create = file_create

static const BlockDriver file_driver = { .name = "file", FILE_MEMBERS };
BLOCK_DRIVER(file_driver)

/* The same code under the name that block devices of the host have in option lists. */
static const BlockDriver host_device_driver = { .name = "host_device", FILE_MEMBERS };
BLOCK_DRIVER(host_device_driver)
