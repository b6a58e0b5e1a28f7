/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Block nodes over files, back ends, the worker pool, coroutines. */
#include "qemu/osdep.h"
#include <fcntl.h>
#include <glib/gstdio.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include "block/backend.h"
#include "qemu/coroutine.h"
#include "qemu/main-loop.h"
#include "qemu/worker.h"

static char *dir;

static char *make_file(const char *name, const void *data, size_t len)
{
    char *path = g_build_filename(dir, name, NULL);

    g_assert_true(g_file_set_contents(path, data, len, NULL));
    return path;
}

static BlockNode *open_raw(const char *path)
{
    return block_open(path, &(BlockOpenOptions){ .format = "raw" }, &error_abort);
}

typedef struct Answer {
    unsigned n;
    int ret;
} Answer;

static void answered(void *opaque, int ret)
{
    Answer *a = opaque;

    g_assert_true(in_io_thread());
    g_assert_true(big_lock_held());
    a->n++;
    a->ret = ret;
}

/* ---- nodes ----------------------------------------------------------------------------------------------------- */

static void test_a_file_within_a_sector_ends_with_zeros(void)
{
    g_autofree char *path = make_file("short", "abc", 3);
    BlockNode *n = open_raw(path);
    uint8_t buf[512];

    g_assert_cmpuint(block_size(n), ==, 512);
    memset(buf, 0xee, sizeof(buf));
    g_assert_true(block_pread(n, 0, buf, 512, &error_abort));
    g_assert_cmpmem(buf, 3, "abc", 3);
    for (unsigned i = 3; i < 512; i++) {
        g_assert_cmphex(buf[i], ==, 0);
    }
    block_unref(n);
}

static void assert_refused(const char *path, const BlockOpenOptions *o, const char *why)
{
    Error *err = NULL;

    g_assert_null(block_open(path, o, &err));
    g_test_message("says: %s", error_get_message(err));
    g_assert_nonnull(strstr(error_get_message(err), why));
    error_free(err);
}

static void test_foreign_formats_are_named_unless_raw_is_asked_for(void)
{
    uint8_t head[1024] = "QED";
    g_autofree char *path = make_file("foreign", head, sizeof(head));

    assert_refused(path, &(BlockOpenOptions){ 0 }, "'qed'");
    block_unref(open_raw(path));
    memcpy(head, "vhdxfile", 8);
    g_free(path);
    path = make_file("foreign", head, sizeof(head));
    assert_refused(path, &(BlockOpenOptions){ 0 }, "'vhdx'");
    assert_refused(path, &(BlockOpenOptions){ .format = "nosuch" }, "unknown image format");
    assert_refused("/nosuch", &(BlockOpenOptions){ 0 }, "No such file");
    assert_refused(dir, &(BlockOpenOptions){ .readonly = true }, "neither a regular file nor");
}

static void test_locks_keep_writers_apart_and_readers_together(void)
{
    g_autofree char *path = make_file("lock", "x", 1);
    BlockOpenOptions rw = { .format = "raw" }, ro = { .format = "raw", .readonly = true };
    BlockOpenOptions unlocked = { .format = "raw", .no_lock = true };
    BlockNode *a = open_raw(path), *b;

    assert_refused(path, &rw, "\"write\" lock");
    assert_refused(path, &ro, "shared \"write\" lock");
    b = block_open(path, &unlocked, &error_abort);
    block_unref(b);
    block_unref(a);
    a = block_open(path, &ro, &error_abort);
    b = block_open(path, &ro, &error_abort);
    assert_refused(path, &rw, "\"write\" lock");
    block_unref(a);
    block_unref(b);
    block_unref(open_raw(path));
}

static void test_every_cache_mode_reads_what_was_written(void)
{
    for (BlockCache c = BLOCK_CACHE_WRITEBACK; c <= BLOCK_CACHE_UNSAFE; c++) {
        g_autofree uint8_t *zero = g_malloc0(256 * KiB);
        g_autofree char *path = make_file("cache", zero, 256 * KiB);
        BlockNode *n = block_open(path, &(BlockOpenOptions){ .format = "raw", .cache = c }, NULL);
        g_autofree uint8_t *in = g_malloc(96 * KiB), *out = g_malloc(96 * KiB);

        if (!n) {
            g_test_message("cache mode %d is not possible here", c);
            continue;
        }
        for (unsigned i = 0; i < 96 * KiB; i++) {
            out[i] = i * 31 + i / 4096;
        }
        g_assert_true(block_pwrite(n, 512, out, 96 * KiB - 512, &error_abort));
        g_assert_cmpint(block_run_sync(n, &(BlockOp){ .kind = BLOCK_FLUSH }), ==, 0);
        g_assert_true(block_pread(n, 512, in, 96 * KiB - 512, &error_abort));
        g_assert_cmpmem(in, 96 * KiB - 512, out, 96 * KiB - 512);
        g_assert_cmpint(block_run_sync(n, &(BlockOp){ .kind = BLOCK_WRITE_ZEROES, .offset = 1024, .bytes = 8192 }), ==,
                        0);
        g_assert_true(block_pread(n, 1024, in, 8192, &error_abort));
        g_assert_cmpmem(in, 8192, zero, 8192);
        block_unref(n);
    }
}

static void test_discard_gives_space_back_only_when_allowed(void)
{
    for (unsigned allowed = 0; allowed < 2; allowed++) {
        g_autofree uint8_t *data = g_malloc(MiB);
        g_autofree char *path = NULL;
        uint8_t got[512];
        BlockNode *n;

        memset(data, 0x55, MiB);
        path = make_file("discard", data, MiB);
        n = block_open(path, &(BlockOpenOptions){ .format = "raw", .discard = allowed }, &error_abort);
        g_assert_cmpint(block_run_sync(n, &(BlockOp){ .kind = BLOCK_DISCARD, .offset = 64 * KiB, .bytes = 64 * KiB }),
                        ==, 0);
        g_assert_true(block_pread(n, 64 * KiB, got, 512, &error_abort));
        g_assert_cmphex(got[0], ==, allowed ? 0 : 0x55);
        block_unref(n);
    }
}

static void test_scattered_memory_is_one_request(void)
{
    enum { N = 700 };
    static uint8_t mem[N][48], file[N * 48];
    g_autofree char *path = NULL;
    struct iovec iov[N];
    BlockNode *n;

    for (unsigned i = 0; i < sizeof(file); i++) {
        file[i] = i * 3 + i / 251;
    }
    path = make_file("scatter", file, sizeof(file));
    n = open_raw(path);
    for (unsigned i = 0; i < N; i++) {
        iov[i] = (struct iovec){ mem[i], 48 };
    }
    g_assert_cmpint(block_run_sync(n, &(BlockOp){ .kind = BLOCK_READ, .bytes = sizeof(file), .iov = iov, .niov = N }),
                    ==, 0);
    g_assert_cmpmem(mem, sizeof(mem), file, sizeof(file));
    block_unref(n);
}

/* ---- back ends ------------------------------------------------------------------------------------------------- */

static void test_answers_come_later_and_once(void)
{
    g_autofree uint8_t *data = g_malloc0(MiB), *big = g_malloc(MiB);
    g_autofree char *path = make_file("later", data, MiB);
    BlockBackend *blk = blk_new("later");
    struct iovec small_iov = { data, 512 }, big_iov = { big, MiB };
    Answer a[40] = { { 0 } };

    blk_insert(blk, open_raw(path));
    for (unsigned i = 0; i < ARRAY_SIZE(a); i++) {
        if (i % 3 == 0) {
            blk_readv(blk, 0, &big_iov, 1, answered, &a[i]);
        } else if (i % 3 == 1) {
            blk_readv(blk, i * 512, &small_iov, 1, answered, &a[i]);
        } else {
            blk_flush(blk, answered, &a[i]);
        }
    }
    for (unsigned i = 0; i < ARRAY_SIZE(a); i++) {
        g_assert_cmpuint(a[i].n, ==, 0);
    }
    blk_drain_all();
    for (unsigned i = 0; i < ARRAY_SIZE(a); i++) {
        g_assert_cmpuint(a[i].n, ==, 1);
        g_assert_cmpint(a[i].ret, ==, 0);
    }
    blk_eject(blk);
}

static void test_what_lies_outside_is_an_error(void)
{
    uint8_t buf[1024] = { 0 };
    g_autofree char *path = make_file("outside", buf, sizeof(buf));
    BlockBackend *blk = blk_new("outside");
    struct iovec iov = { buf, 512 };
    Answer a[4] = { { 0 } };

    blk_readv(blk, 0, &iov, 1, answered, &a[0]);
    blk_insert(blk, block_open(path, &(BlockOpenOptions){ .format = "raw", .readonly = true }, &error_abort));
    blk_readv(blk, 1024, &iov, 1, answered, &a[1]);
    blk_readv(blk, UINT64_MAX - 511, &iov, 1, answered, &a[2]);
    blk_writev(blk, 0, &iov, 1, answered, &a[3]);
    blk_drain_all();
    g_assert_cmpint(a[0].ret, ==, -ENOMEDIUM);
    g_assert_cmpint(a[1].ret, ==, -EIO);
    g_assert_cmpint(a[2].ret, ==, -EIO);
    g_assert_cmpint(a[3].ret, ==, -EROFS);
    g_assert_null(blk_new("outside"));
    blk_eject(blk);
}

/* Zeros in the place of what somebody has cut off would be taken for the contents. */
static void test_a_file_that_was_cut_off_is_an_error(void)
{
    g_autofree uint8_t *data = g_malloc(MiB);
    g_autofree char *path = NULL;
    BlockNode *n;
    int fd;

    memset(data, 0x5a, MiB);
    path = make_file("cut", data, MiB);
    n = open_raw(path);
    fd = open(path, O_RDWR);
    g_assert_cmpint(ftruncate(fd, MiB / 2), ==, 0);
    for (int again = 0; again < 2; again++) {
        struct iovec iov = { data, 4096 };
        BlockOp op = { .kind = BLOCK_READ, .offset = MiB / 2 - 4096, .bytes = 4096, .iov = &iov, .niov = 1 };

        g_assert_cmpint(block_run_sync(n, &op), ==, 0);
        op.offset = MiB / 2;
        g_assert_cmpint(block_run_sync(n, &op), ==, again ? 0 : -EIO);
        op.offset = MiB / 2 - 2048;
        g_assert_cmpint(block_run_sync(n, &op), ==, again ? 0 : -EIO);
        g_assert_cmpint(ftruncate(fd, MiB), ==, 0);
    }
    close(fd);
    block_unref(n);
}

/* What is not in the host's memory, or cannot be known to be, has to be asked for the long way. */
static void test_a_read_at_once_is_whole_or_nothing(void)
{
    g_autofree uint8_t *data = g_malloc(MiB), *buf = g_malloc0(MiB);
    g_autofree char *path = NULL;
    BlockBackend *blk = blk_new("at-once");
    struct iovec iov = { buf, MiB }, half = { buf, 4096 };
    BlkStats before;

    for (unsigned i = 0; i < MiB; i++) {
        data[i] = i * 7 + i / 509;
    }
    path = make_file("at-once", data, MiB);
    g_assert_false(blk_try_readv(blk, 0, &half, 1));
    blk_insert(blk, open_raw(path));
    g_assert_false(blk_try_readv(blk, MiB - 512, &half, 1));
    g_assert_false(blk_try_readv(blk, 0, &iov, 1));     /* much at once is not for the IO thread */
    before = *blk_stats(blk);
    if (blk_try_readv(blk, 8192, &half, 1)) {           /* not every file system of the host can */
        g_assert_cmpmem(buf, 4096, data + 8192, 4096);
        g_assert_cmpuint(blk_stats(blk)->reads, ==, before.reads + 1);
        g_assert_cmpuint(blk_stats(blk)->read_bytes, ==, before.read_bytes + 4096);
    } else {
        g_assert_cmpuint(blk_stats(blk)->reads, ==, before.reads);
    }
    blk_set_throttle(blk, &(ThrottleConfig){ .limit[THROTTLE_BPS_TOTAL].avg = 1 << 20 });
    g_assert_false(blk_try_readv(blk, 8192, &half, 1));
    blk_eject(blk);
}

typedef struct AtOnce {
    BlockBackend *blk;
    struct iovec iov;
    uint64_t offset;
    bool is_write, ok, ended;
} AtOnce;

static gpointer try_in_another_thread(gpointer opaque)
{
    AtOnce *a = opaque;

    big_lock();
    a->ok = (a->is_write ? blk_try_writev : blk_try_readv)(a->blk, a->offset, &a->iov, 1);
    a->ended = true;
    main_loop_wake();
    big_unlock();
    return NULL;
}

/* As a vCPU does it: whoever drains meanwhile waits for it. */
static void test_a_long_read_at_once_in_another_thread(void)
{
    g_autofree uint8_t *data = g_malloc(MiB), *buf = g_malloc0(MiB);
    g_autofree char *path = NULL;
    AtOnce a = { .blk = blk_new("at-once-2"), .iov = { buf, MiB } };
    GThread *thread;

    memset(data, 0x5c, MiB);
    path = make_file("at-once-2", data, MiB);
    blk_insert(a.blk, open_raw(path));
    thread = g_thread_new("vcpu", try_in_another_thread, &a);
    while (!a.ended) {
        main_loop_wait(-1);
        blk_drain_all();
    }
    g_thread_join(thread);
    if (a.ok) {
        g_assert_cmpmem(buf, MiB, data, MiB);
    }
    blk_eject(a.blk);
}

static bool try_as_vcpu(BlockBackend *blk, bool is_write, uint64_t offset, void *buf, size_t len)
{
    AtOnce a = { .blk = blk, .iov = { buf, len }, .offset = offset, .is_write = is_write };
    GThread *thread = g_thread_new("vcpu", try_in_another_thread, &a);

    while (!a.ended) {
        main_loop_wait(-1);
    }
    g_thread_join(thread);
    return a.ok;
}

/* Into the host's memory, unless each write has to reach the disk. */
static void test_a_vcpu_writes_at_once(void)
{
    g_autofree uint8_t *data = g_malloc0(256 * KiB), *back = g_malloc(256 * KiB);
    g_autofree char *path = make_file("at-once", data, 256 * KiB);
    BlockBackend *blk = blk_new("at-once-3");
    struct iovec iov = { data, 4096 };

    blk_insert(blk, open_raw(path));
    memset(data, 0x3a, 256 * KiB);
    g_assert_true(try_as_vcpu(blk, true, 4096, data, 128 * KiB));
    g_assert_cmpuint(blk_stats(blk)->write_bytes, ==, 128 * KiB);
    g_assert_cmpint(blk_pread_sync(blk, 4096, back, 128 * KiB), ==, 0);
    g_assert_cmpmem(back, 128 * KiB, data, 128 * KiB);
    g_assert_false(blk_try_writev(blk, 0, &iov, 1));                    /* not the IO thread's business */
    g_assert_false(try_as_vcpu(blk, true, 255 * KiB, data, 4096));      /* behind the end */
    blk_set_write_cache(blk, false);
    g_assert_false(try_as_vcpu(blk, true, 4096, data, 4096));
    g_assert_cmpuint(blk_stats(blk)->writes, ==, 1);
    blk_eject(blk);
}

static BlockNode *make_qcow2(const char *name)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    BlockDict *d = block_dict_new();

    block_dict_set(d, "size", "4M");
    g_assert_true(block_driver_find("qcow2")->create(path, d, &error_abort));
    block_dict_free(d);
    return block_open(path, &(BlockOpenOptions){ .format = "qcow2", .discard = true }, &error_abort);
}

/* Only what stands in one piece of the file, is this image's own, and needs no change of a table. */
static void test_a_vcpu_uses_qcow2_clusters_that_are_there(void)
{
    g_autofree uint8_t *data = g_malloc(MiB), *back = g_malloc(MiB);
    BlockBackend *blk = blk_new("at-once-4");
    BlockNode *n = make_qcow2("qcow2");

    blk_insert(blk, n);
    for (unsigned i = 0; i < MiB; i++) {
        data[i] = i * 7 + i / 509;
    }
    g_assert_false(try_as_vcpu(blk, true, 64 * KiB, data, 64 * KiB));       /* no cluster yet */
    g_assert_false(try_as_vcpu(blk, false, 64 * KiB, back, 64 * KiB));
    g_assert_true(block_pwrite(n, 64 * KiB, data, MiB, &error_abort));
    g_assert_true(try_as_vcpu(blk, true, 65 * KiB, data, 512 * KiB));
    g_assert_true(block_pread(n, 64 * KiB, back, MiB, &error_abort));
    g_assert_cmpmem(back, KiB, data, KiB);
    g_assert_cmpmem(back + KiB, 512 * KiB, data, 512 * KiB);
    g_assert_cmpmem(back + 513 * KiB, 511 * KiB, data + 513 * KiB, 511 * KiB);
    if (try_as_vcpu(blk, false, 65 * KiB, back, 512 * KiB)) {
        g_assert_cmpmem(back, 512 * KiB, data, 512 * KiB);
    }
    g_assert_false(try_as_vcpu(blk, true, MiB, data, 128 * KiB));           /* ends where there is nothing */
    g_assert_true(n->drv->snapshot_create(n, &(BlockSnapshot){ .name = (char *)"s", .disk_size = 4 * MiB },
                                          &error_abort));
    g_assert_false(try_as_vcpu(blk, true, 64 * KiB, data, 4096));           /* the snapshot's too now */
    blk_eject(blk);
}

/* What somebody uses without a coroutine keeps coroutines that overlap waiting, and no others. */
static void test_a_pinned_qcow2_range_keeps_others_away(void)
{
    g_autofree uint8_t *data = g_malloc0(MiB);
    BlockNode *n = make_qcow2("qcow2");
    struct iovec iov = { data, 64 * KiB };
    BlockOp near = { .kind = BLOCK_WRITE, .offset = 32 * KiB, .bytes = 64 * KiB, .iov = &iov, .niov = 1 };
    BlockOp far = near, discard = { .kind = BLOCK_DISCARD, .offset = 0, .bytes = MiB };
    Answer written = { 0 }, discarded = { 0 };
    uint64_t host;
    void *pin;

    far.offset = 512 * KiB;
    g_assert_true(block_pwrite(n, 0, data, MiB, &error_abort));
    pin = n->drv->pin(n, &far, &host);
    g_assert_nonnull(pin);
    g_assert_null(n->drv->pin(n, &far, &host));
    block_submit(n, &near, answered, &written);
    while (!written.n) {
        main_loop_wait(-1);
    }
    block_submit(n, &discard, answered, &discarded);
    for (unsigned i = 0; i < 10; i++) {
        main_loop_wait(0);
    }
    g_assert_cmpuint(discarded.n, ==, 0);
    n->drv->unpin(n, pin);
    block_drain(n);
    g_assert_cmpuint(discarded.n, ==, 1);
    g_assert_cmpint(discarded.ret, ==, 0);
    g_assert_null(n->drv->pin(n, &far, &host));     /* gone */
    block_unref(n);
}

typedef struct ToolWrite {
    BlockNode *n;
    struct iovec iov;
    bool ended;
} ToolWrite;

static void write_as_tools_do(void *opaque)
{
    ToolWrite *w = opaque;
    BlockOp op = { .kind = BLOCK_WRITE, .offset = 4096, .bytes = w->iov.iov_len, .iov = &w->iov, .niov = 1 };

    g_assert_cmpint(co_block_run(w->n, &op), ==, 0);
    w->ended = true;
}

/* What goes to the page cache is written at once when tools ask for it; long writes go through a worker otherwise. */
static void test_tools_write_at_once(void)
{
    for (unsigned at_once = 0; at_once < 2; at_once++) {
        BlockOpenOptions o = { .format = "raw", .at_once = at_once };
        g_autofree uint8_t *data = g_malloc0(2 * MiB), *back = g_malloc0(MiB);
        g_autofree char *path = make_file("tool", data, 2 * MiB);
        ToolWrite w = { .n = block_open(path, &o, &error_abort), .iov = { data, MiB } };

        memset(data, 0x33 + at_once, MiB);
        co_enter(co_new(write_as_tools_do, &w));
        g_assert_cmpint(w.ended, ==, at_once);
        block_drain(w.n);
        g_assert_true(w.ended);
        g_assert_true(block_pread(w.n, 4096, back, MiB, &error_abort));
        g_assert_cmpmem(back, MiB, data, MiB);
        block_unref(w.n);
    }
}

/* ---- aio=io_uring ---------------------------------------------------------------------------------------------- */

/* NULL, and the test is skipped: this host has none. */
static BlockNode *open_uring(const char *path, BlockCache cache)
{
    BlockOpenOptions o = { .format = "raw", .cache = cache, .aio = BLOCK_AIO_IO_URING };
    Error *err = NULL;
    BlockNode *n = block_open(path, &o, &err);

    if (!n) {
        g_assert_nonnull(strstr(error_get_message(err), "io_uring"));
        g_test_skip(error_get_message(err));
        error_free(err);
    }
    return n;
}

static int submit_and_wait(BlockNode *n, BlockOpKind kind, unsigned flags, uint64_t offset, void *buf, size_t len)
{
    struct iovec iov = { buf, len };
    BlockOp op = { .kind = kind, .flags = flags, .offset = offset, .bytes = len, .iov = &iov, .niov = !!len };
    Answer a = { 0 };

    block_submit(n, &op, answered, &a);
    g_assert_cmpuint(a.n, ==, 0);
    block_drain(n);
    g_assert_cmpuint(a.n, ==, 1);
    return a.ret;
}

static void test_io_uring_reads_what_it_wrote(void)
{
    for (BlockCache c = BLOCK_CACHE_WRITEBACK; c <= BLOCK_CACHE_UNSAFE; c++) {
        static uint8_t in[256 * KiB] QEMU_ALIGNED(4096), out[256 * KiB] QEMU_ALIGNED(4096);
        g_autofree uint8_t *zero = g_malloc0(MiB);
        g_autofree char *path = make_file("uring", zero, MiB);
        BlockNode *n = block_open(path, &(BlockOpenOptions){ .format = "raw", .cache = c }, NULL);

        if (!n) {
            g_test_message("cache mode %d is not possible here", c);
            continue;
        }
        block_unref(n);
        n = open_uring(path, c);
        if (!n) {
            return;
        }
        for (unsigned i = 0; i < 256 * KiB; i++) {
            out[i] = i * 31 + i / 4096;
        }
        g_assert_cmpint(submit_and_wait(n, BLOCK_WRITE, 0, 4096, out, 128 * KiB), ==, 0);
        g_assert_cmpint(submit_and_wait(n, BLOCK_WRITE, BLOCK_FUA, 132 * KiB, out + 128 * KiB, 128 * KiB), ==, 0);
        g_assert_cmpint(submit_and_wait(n, BLOCK_FLUSH, 0, 0, NULL, 0), ==, 0);
        g_assert_cmpint(submit_and_wait(n, BLOCK_READ, 0, 4096, in, 256 * KiB), ==, 0);
        g_assert_cmpmem(in, 256 * KiB, out, 256 * KiB);
        block_unref(n);
    }
}

/* What an answer of the kernel leaves open is done by a worker: the rest of the last sector reads as zeros. */
static void test_io_uring_knows_the_end_of_the_file(void)
{
    g_autofree uint8_t *data = g_malloc(200 * KiB), *in = g_malloc(256 * KiB), *zero = g_malloc0(256 * KiB);
    g_autofree char *path = NULL;
    BlockNode *n;

    memset(data, 0x77, 200 * KiB);
    path = make_file("uring", data, 200 * KiB - 100);
    n = open_uring(path, BLOCK_CACHE_WRITEBACK);
    if (!n) {
        return;
    }
    memset(in, 0xee, 256 * KiB);
    g_assert_cmpuint(block_size(n), ==, 200 * KiB);
    g_assert_cmpint(submit_and_wait(n, BLOCK_READ, 0, 0, in, 200 * KiB), ==, 0);
    g_assert_cmpmem(in, 200 * KiB - 100, data, 200 * KiB - 100);
    g_assert_cmpmem(in + 200 * KiB - 100, 100, zero, 100);
    g_assert_cmpint(submit_and_wait(n, BLOCK_WRITE, 0, 200 * KiB - 512, data, 128 * KiB), ==, 0);   /* it grows */
    g_assert_cmpuint(block_size(n->file), ==, 200 * KiB - 512 + 128 * KiB);
    block_unref(n);
}

static void test_io_uring_tells_failures(void)
{
    g_autofree uint8_t *data = g_malloc0(256 * KiB);
    g_autofree char *path = make_file("uring", data, 256 * KiB);
    struct rlimit old, low = { .rlim_cur = 128 * KiB };
    BlockNode *n = open_uring(path, BLOCK_CACHE_WRITEBACK);

    if (!n) {
        return;
    }
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    low.rlim_max = old.rlim_max;
    setrlimit(RLIMIT_FSIZE, &low);
    g_assert_cmpint(submit_and_wait(n, BLOCK_WRITE, 0, 192 * KiB, data, 4096), ==, -EFBIG);
    /* Half of it fits. */
    g_assert_cmpint(submit_and_wait(n, BLOCK_WRITE, 0, 96 * KiB, data, 64 * KiB), ==, -EFBIG);
    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, SIG_DFL);
    g_assert_cmpint(submit_and_wait(n, BLOCK_WRITE, 0, 96 * KiB, data, 64 * KiB), ==, 0);
    block_unref(n);
}

/* More than the ring has room for, all of them answered before the node is closed. */
static void test_io_uring_takes_many_at_once(void)
{
    enum { N = 1500 };
    g_autofree uint8_t *data = g_malloc0(MiB);
    g_autofree char *path = make_file("uring", data, MiB);
    struct iovec iov = { data, 4096 };
    BlockNode *n = open_uring(path, BLOCK_CACHE_WRITEBACK);
    Answer a = { 0 };

    if (!n) {
        return;
    }
    for (unsigned i = 0; i < N; i++) {
        BlockOp op = { .kind = BLOCK_WRITE, .offset = i % 256 * 4096, .bytes = 4096, .iov = &iov, .niov = 1 };

        block_submit(n, &op, answered, &a);
    }
    block_unref(n);
    g_assert_cmpuint(a.n, ==, N);
    g_assert_cmpint(a.ret, ==, 0);
}

/* As containers do it. In a process of its own: it cannot be undone. */
static void test_a_kernel_that_refuses_io_uring(void)
{
    struct sock_filter no_uring[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = { ARRAY_SIZE(no_uring), no_uring };
    g_autofree char *path = NULL;

    if (!g_test_subprocess()) {
        g_test_trap_subprocess(NULL, 0, 0);
        g_test_trap_assert_passed();
        return;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog)) {
        return;     /* this kernel has no filters */
    }
    path = make_file("refused", "", 0);
    assert_refused(path, &(BlockOpenOptions){ .format = "raw", .aio = BLOCK_AIO_IO_URING }, "aio=io_uring is not poss");
    assert_refused(path, &(BlockOpenOptions){ .format = "raw", .aio = BLOCK_AIO_NATIVE }, "requires cache.direct=on");
    for (BlockAio aio = BLOCK_AIO_THREADS; aio <= BLOCK_AIO_NATIVE; aio++) {
        BlockOpenOptions o = { .format = "raw", .aio = aio, .cache = aio ? BLOCK_CACHE_NONE : BLOCK_CACHE_WRITEBACK };
        g_autofree uint8_t *data = g_malloc0(8192);
        BlockNode *n = block_open(path, &o, NULL);

        g_assert_true(n || aio == BLOCK_AIO_NATIVE);    /* not every file system can do without the page cache */
        if (n) {
            g_assert_cmpint(submit_and_wait(n, BLOCK_WRITE, 0, 0, data, 8192), ==, 0);
            block_unref(n);
        }
    }
    g_unlink(path);
}

/* ---- workers --------------------------------------------------------------------------------------------------- */

typedef struct SlowJob {
    WorkerJob job;
    unsigned *running, *most, *left;
} SlowJob;

static int slow_run(WorkerJob *job)
{
    SlowJob *s = container_of(job, SlowJob, job);
    unsigned now = __atomic_add_fetch(s->running, 1, __ATOMIC_SEQ_CST), most = *s->most;

    while (now > most && !__atomic_compare_exchange_n(s->most, &most, now, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
    }
    g_usleep(2000);
    /* The first waits for company, however long the host takes to bring it. */
    for (int i = 0; i < 60000 && __atomic_load_n(s->most, __ATOMIC_SEQ_CST) < 2; i++) {
        g_usleep(1000);
    }
    __atomic_sub_fetch(s->running, 1, __ATOMIC_SEQ_CST);
    return 42;
}

static void slow_done(WorkerJob *job, int ret)
{
    g_assert_cmpint(ret, ==, 42);
    --*container_of(job, SlowJob, job)->left;
}

static void test_the_pool_is_bounded(void)
{
    static SlowJob jobs[100];
    unsigned running = 0, most = 0, left = ARRAY_SIZE(jobs);

    for (unsigned i = 0; i < ARRAY_SIZE(jobs); i++) {
        jobs[i] = (SlowJob){ { .run = slow_run, .done = slow_done }, &running, &most, &left };
        worker_submit(&jobs[i].job);
    }
    while (left) {
        main_loop_wait(-1);
    }
    g_assert_cmpuint(most, <=, WORKERS_MAX);
    g_assert_cmpuint(most, >, 1);
}

typedef struct AnywhereJob {
    WorkerJob job;
    unsigned left, in_io_thread;
} AnywhereJob;

static int anywhere_run(WorkerJob *job)
{
    return container_of(job, AnywhereJob, job)->left == 2 ? 7 : -EIO;
}

static void anywhere_done(WorkerJob *job, int ret)
{
    AnywhereJob *j = container_of(job, AnywhereJob, job);

    g_assert_true(big_lock_held());
    g_assert_cmpint(ret, ==, j->left == 2 ? 7 : -EIO);
    j->in_io_thread += in_io_thread();
    j->left--;
}

static void test_only_good_results_are_told_in_a_worker(void)
{
    AnywhereJob j = { .job = { .run = anywhere_run, .done = anywhere_done, .done_anywhere = true }, .left = 2 };

    worker_submit(&j.job);
    while (j.left == 2) {
        worker_wait();
    }
    g_assert_cmpuint(j.in_io_thread, ==, 0);
    worker_submit(&j.job);
    while (j.left) {
        worker_wait();
    }
    g_assert_cmpuint(j.in_io_thread, ==, 1);
}

/* ---- coroutines ------------------------------------------------------------------------------------------------ */

typedef struct Count {
    unsigned n, steps;
    CoMutex *lock;
    unsigned *inside;
} Count;

static void count_up(void *opaque)
{
    Count *c = opaque;

    g_assert_nonnull(co_self());
    while (c->n < c->steps) {
        c->n++;
        co_yield();
    }
}

static void test_coroutines_go_on_where_they_gave_way(void)
{
    enum { N = 100 };
    Count c[N];
    Coroutine *co[N];

    for (unsigned i = 0; i < N; i++) {
        c[i] = (Count){ .steps = i };
        co[i] = co_new(count_up, &c[i]);
    }
    for (unsigned round = 0; round < N; round++) {
        for (unsigned i = round; i < N; i++) {
            co_enter(co[i]);        /* number i yields i times, then ends */
        }
    }
    for (unsigned i = 0; i < N; i++) {
        g_assert_cmpuint(c[i].n, ==, i);
    }
    g_assert_null(co_self());
}

static void hold_lock(void *opaque)
{
    Count *c = opaque;

    co_mutex_lock(c->lock);
    g_assert_cmpuint(++*c->inside, ==, 1);
    co_yield();
    --*c->inside;
    co_mutex_unlock(c->lock);
    c->n = 1;
}

static void test_a_co_mutex_is_held_across_yields(void)
{
    CoMutex lock = { 0 };
    unsigned inside = 0;
    Count a = { .lock = &lock, .inside = &inside }, b = a, c = a;
    Coroutine *co[3] = { co_new(hold_lock, &a), co_new(hold_lock, &b), co_new(hold_lock, &c) };

    for (unsigned i = 0; i < 3; i++) {
        co_enter(co[i]);
    }
    g_assert_cmpuint(inside, ==, 1);
    co_enter(co[0]);        /* ends, and the next one gets it */
    g_assert_cmpuint(a.n + b.n + c.n, ==, 1);
    co_enter(co[1]);
    co_enter(co[2]);
    g_assert_cmpuint(a.n + b.n + c.n, ==, 3);
    g_assert_null(lock.holder);
}

/* A format that inverts every byte: what a driver in coroutines looks like. */
static bool invert_open(BlockNode *n, const BlockOpenOptions *o, Error **errp)
{
    n->size = block_size(n->file);
    return true;
}

static void invert(const struct iovec *iov, int n)
{
    for (int i = 0; i < n; i++) {
        for (size_t k = 0; k < iov[i].iov_len; k++) {
            ((uint8_t *)iov[i].iov_base)[k] ^= 0xff;
        }
    }
}

static int invert_run(BlockNode *n, const BlockOp *op)
{
    int ret;

    if (op->kind == BLOCK_WRITE) {
        invert(op->iov, op->niov);
    }
    ret = co_block_run(n->file, op);
    if (op->kind == BLOCK_WRITE || op->kind == BLOCK_READ) {
        invert(op->iov, op->niov);
    }
    return ret;
}

static int invert_probe(const uint8_t *head, size_t len)
{
    return memcmp(head, "INVERTED", 8) ? 0 : 100;
}

static const BlockDriver invert_driver = {
    .name = "invert", .probe = invert_probe, .open = invert_open, .co_run = invert_run,
};
BLOCK_DRIVER(invert_driver)

/* ---- failures ---------------------------------------------------------------------------------------------------- */

static int fail_with;           /* of the driver below: the next answers */

static bool failing_open(BlockNode *n, const BlockOpenOptions *o, Error **errp)
{
    n->size = MiB;
    return true;
}

static int failing_run(BlockNode *n, const BlockOp *op)
{
    return fail_with;
}

static const BlockDriver failing_driver = {
    .name = "failing", .is_protocol = true, .open = failing_open, .run = failing_run,
};
BLOCK_DRIVER(failing_driver)

static unsigned stops;

static void note_stop(void)
{
    stops++;
}

static int write_failing(BlockBackend *blk, BlkOnError what, int err, unsigned *answers)
{
    static uint8_t buf[512];
    static struct iovec iov = { buf, sizeof(buf) };
    static Answer a;

    a = (Answer){ 0 };
    stops = 0;
    fail_with = err;
    blk_set_on_error(blk, BLK_ERROR_REPORT, what);
    blk_writev(blk, 0, &iov, 1, answered, &a);
    blk_drain_all();
    *answers = a.n;
    g_assert_true((blk_find_parked() == blk) == !a.n);      /* its state cannot be saved then */
    if (!a.n) {
        fail_with = 0;
        blk_retry_parked();
        blk_drain_all();
        g_assert_cmpuint(a.n, ==, 1);
    }
    return a.ret;
}

static void test_werror_says_what_happens_to_a_failed_write(void)
{
    BlockBackend *blk = blk_new("failing");
    unsigned answers;

    blk_set_stop_handler(note_stop);
    blk_insert(blk, block_open("failing:x", &(BlockOpenOptions){ .format = "failing" }, &error_abort));
    g_assert_cmpint(write_failing(blk, BLK_ERROR_REPORT, -EIO, &answers), ==, -EIO);
    g_assert_cmpuint(stops, ==, 0);
    g_assert_cmpint(write_failing(blk, BLK_ERROR_IGNORE, -EIO, &answers), ==, 0);
    g_assert_cmpuint(answers, ==, 1);
    g_assert_cmpint(write_failing(blk, BLK_ERROR_ENOSPC, -EIO, &answers), ==, -EIO);
    g_assert_cmpint(write_failing(blk, BLK_ERROR_ENOSPC, -ENOSPC, &answers), ==, 0);
    g_assert_cmpuint(answers, ==, 0);
    g_assert_cmpuint(stops, ==, 1);
    g_assert_cmpint(write_failing(blk, BLK_ERROR_STOP, -EIO, &answers), ==, 0);
    g_assert_cmpuint(stops, ==, 1);
    fail_with = 0;
    blk_set_stop_handler(NULL);
    blk_eject(blk);
}

static void test_a_guessed_raw_disk_does_not_become_another_format(void)
{
    uint8_t zero[1024] = { 0 }, head[512] = "QFI\xfb\0\0\0\3";
    g_autofree char *path = make_file("guessed", zero, sizeof(zero));
    BlockNode *n = block_open(path, &(BlockOpenOptions){ 0 }, &error_abort);
    struct iovec iov = { head, sizeof(head) };
    BlockOp op = { .kind = BLOCK_WRITE, .bytes = sizeof(head), .iov = &iov, .niov = 1 };

    g_assert_cmpint(block_run_sync(n, &op), ==, -EPERM);
    op.offset = 512;
    g_assert_cmpint(block_run_sync(n, &op), ==, 0);
    block_unref(n);
    n = open_raw(path);
    op.offset = 0;
    g_assert_cmpint(block_run_sync(n, &op), ==, 0);
    block_unref(n);
}

static void test_a_driver_in_coroutines(void)
{
    uint8_t data[4096] = "INVERTED", in[512];
    g_autofree char *path = make_file("inverted", data, sizeof(data));
    BlockNode *n = block_open(path, &(BlockOpenOptions){ 0 }, &error_abort);
    BlockBackend *blk = blk_new("inverted");
    struct iovec iov = { in, sizeof(in) };
    Answer a = { 0 };

    g_assert_cmpstr(block_format_name(n), ==, "invert");
    g_assert_true(block_pread(n, 512, in, 512, &error_abort));
    g_assert_cmphex(in[0], ==, 0xff);
    memset(in, 0x12, sizeof(in));
    g_assert_true(block_pwrite(n, 1024, in, 512, &error_abort));
    blk_insert(blk, n);
    blk_readv(blk, 1024, &iov, 1, answered, &a);
    blk_drain_all();
    g_assert_cmpuint(a.n, ==, 1);
    g_assert_cmphex(in[511], ==, 0x12);
    blk_eject(blk);
    n = open_raw(path);
    g_assert_true(block_pread(n, 1024, in, 512, &error_abort));
    g_assert_cmphex(in[0], ==, 0xed);
    block_unref(n);
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    main_loop_init(&error_abort);
    big_lock();
    dir = g_dir_make_tmp("block-test-XXXXXX", NULL);
#define T(name) g_test_add_func("/block/" #name, name)
    T(test_a_file_within_a_sector_ends_with_zeros);
    T(test_foreign_formats_are_named_unless_raw_is_asked_for);
    T(test_locks_keep_writers_apart_and_readers_together);
    T(test_every_cache_mode_reads_what_was_written);
    T(test_discard_gives_space_back_only_when_allowed);
    T(test_scattered_memory_is_one_request);
    T(test_answers_come_later_and_once);
    T(test_what_lies_outside_is_an_error);
    T(test_a_file_that_was_cut_off_is_an_error);
    T(test_a_read_at_once_is_whole_or_nothing);
    T(test_a_long_read_at_once_in_another_thread);
    T(test_a_vcpu_writes_at_once);
    T(test_a_vcpu_uses_qcow2_clusters_that_are_there);
    T(test_a_pinned_qcow2_range_keeps_others_away);
    T(test_tools_write_at_once);
    T(test_io_uring_reads_what_it_wrote);
    T(test_io_uring_knows_the_end_of_the_file);
    T(test_io_uring_tells_failures);
    T(test_io_uring_takes_many_at_once);
    T(test_a_kernel_that_refuses_io_uring);
    T(test_the_pool_is_bounded);
    T(test_only_good_results_are_told_in_a_worker);
    T(test_coroutines_go_on_where_they_gave_way);
    T(test_a_co_mutex_is_held_across_yields);
    T(test_a_driver_in_coroutines);
    T(test_werror_says_what_happens_to_a_failed_write);
    T(test_a_guessed_raw_disk_does_not_become_another_format);
    status = g_test_run();
    blk_close_all();
    for (const char *const *f = (const char *const[]){ "short", "foreign", "lock", "cache", "discard", "scatter",
                                                       "later", "outside", "inverted", "at-once", "at-once-2",
                                                       "tool", "uring", "qcow2", NULL }; *f; f++) {
        g_autofree char *path = g_build_filename(dir, *f, NULL);

        g_unlink(path);
    }
    g_rmdir(dir);
    return status;
}
