/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Character devices that write to a file, or talk through named pipes.
 *
 * pipe:PATH uses PATH.in and PATH.out when both exist, otherwise PATH for both directions. Named pipes are opened for
 * reading and writing: the open does not wait for a peer, and peers that come and go are no end of file.
 */
#include "qemu/osdep.h"
#include <fcntl.h>
#include "char-int.h"

typedef struct StreamChardev {
    Chardev parent;
    FdStream stream;
    bool failed;        /* said so once */
} StreamChardev;

static int stream_chr_write(Chardev *chr, const uint8_t *buf, int len)
{
    StreamChardev *s = container_of(chr, StreamChardev, parent);
    int n = fd_stream_write(&s->stream, buf, len);

    if (n >= 0) {
        s->failed = false;
        return n;
    }
    if (!s->failed) {
        warn_report("character device '%s': output is lost: %s", chr->label, g_strerror(errno));
        s->failed = true;
    }
    return len;     /* the guest must not wait for a full disk */
}

static bool stream_chr_wait_writable(Chardev *chr, int timeout_ms)
{
    return fd_stream_wait_writable(&container_of(chr, StreamChardev, parent)->stream, timeout_ms);
}

static void stream_chr_close(Chardev *chr)
{
    fd_stream_close(&container_of(chr, StreamChardev, parent)->stream);
}

static bool file_open(Chardev *chr, const ChardevSpec *spec, Error **errp)
{
    StreamChardev *s = container_of(chr, StreamChardev, parent);
    int fd = fd_open_output(spec->path, spec->append);

    s->stream.in_fd = s->stream.out_fd = -1;
    if (fd < 0) {
        error_set_errno(errp, errno, "cannot open '%s'", spec->path);
        return false;
    }
    if (!fd_is_usable(fd, errp)) {
        return false;
    }
    fd_stream_open(&s->stream, chr, -1, fd);
    chr->be_open = true;
    return true;
}

static int open_pipe_end(const char *path, const char *suffix)
{
    g_autofree char *name = g_strconcat(path, suffix, NULL);

    return open(name, O_RDWR | O_NONBLOCK | O_CLOEXEC);
}

static bool pipe_open(Chardev *chr, const ChardevSpec *spec, Error **errp)
{
    StreamChardev *s = container_of(chr, StreamChardev, parent);
    int in = open_pipe_end(spec->path, ".in");
    int out = open_pipe_end(spec->path, ".out");

    s->stream.in_fd = s->stream.out_fd = -1;
    if (in < 0 || out < 0) {
        if (in >= 0) {
            close(in);
        }
        if (out >= 0) {
            close(out);
        }
        in = out = open_pipe_end(spec->path, "");
    }
    if (in < 0) {
        error_set_errno(errp, errno, "cannot open pipe '%s'", spec->path);
        return false;
    }
    if (!fd_is_usable(MAX(in, out), errp)) {
        if (in != out) {
            close(MIN(in, out));
        }
        return false;
    }
    fd_stream_open(&s->stream, chr, in, out);
    chr->be_open = true;
    return true;
}

const ChardevType chardev_file = {
    .name = "file", .instance_size = sizeof(StreamChardev), .params = "path append", .needs_path = true,
    .open = file_open, .write = stream_chr_write, .wait_writable = stream_chr_wait_writable, .close = stream_chr_close,
};

const ChardevType chardev_pipe = {
    .name = "pipe", .instance_size = sizeof(StreamChardev), .params = "path", .needs_path = true,
    .open = pipe_open, .write = stream_chr_write, .wait_writable = stream_chr_wait_writable, .close = stream_chr_close,
};
