/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Images that lie, in one process: opened, mapped, read, checked, repaired and written. The entry for libFuzzer is
 * LLVMFuzzerTestOneInput() (make fuzz-image, built with clang; corpus: a folder it is given); without it a seeded
 * runner cuts good images at every byte of their headers, changes bytes in them and replays tests/block/corpus. An
 * input that takes long is killed by an alarm, one that takes much memory fails at the end.
 */
#include "qemu/osdep.h"
#include <glib/gstdio.h>
#include <sys/resource.h>
#include "block/block.h"
#include "qemu/bitops.h"
#include "qemu/main-loop.h"

#define FILE_MAX        (32 * MiB)
#define SECONDS_MAX     60              /* of one input, on the slowest machine */
#define RSS_MAX         (768 * MiB)

static const char *const formats[] = { "qcow2", "qcow", "vdi", "vpc", "vmdk", "bochs" };

/* ---- a file in memory -------------------------------------------------------------------------------------------- */

static struct {
    uint8_t *data;
    uint64_t size, high;        /* high: behind it all bytes are zero */
} mem;

static bool mem_open(BlockNode *n, const BlockOpenOptions *o, Error **errp)
{
    n->size = mem.size;
    return true;
}

static bool mem_grow(BlockNode *n, uint64_t size)
{
    if (size > FILE_MAX) {
        return false;
    }
    mem.size = n->size = MAX(mem.size, size);
    mem.high = MAX(mem.high, mem.size);
    return true;
}

static int mem_run(BlockNode *n, const BlockOp *op)
{
    uint64_t at = op->offset;

    if (op->kind == BLOCK_FLUSH || op->kind == BLOCK_DISCARD) {
        return 0;
    }
    if (op->kind != BLOCK_READ && (at > FILE_MAX || !mem_grow(n, at + op->bytes))) {
        return -ENOSPC;
    }
    if (op->kind == BLOCK_WRITE_ZEROES) {
        memset(mem.data + at, 0, op->bytes);
    }
    for (int i = 0; i < op->niov; i++) {
        uint64_t len = op->iov[i].iov_len, there = at < mem.size ? MIN(len, mem.size - at) : 0;

        if (op->kind == BLOCK_WRITE) {
            memcpy(mem.data + at, op->iov[i].iov_base, len);
        } else if (op->kind == BLOCK_READ) {
            memcpy(op->iov[i].iov_base, mem.data + (there ? at : 0), there);
            memset((uint8_t *)op->iov[i].iov_base + there, 0, len - there);
        }
        at += len;
    }
    return 0;
}

static bool mem_truncate(BlockNode *n, uint64_t size, BlockPrealloc prealloc, Error **errp)
{
    if (size > FILE_MAX) {
        error_set(errp, "that large it shall not be");
        return false;
    }
    memset(mem.data + MIN(size, mem.size), 0, mem.high - MIN(size, mem.size));
    mem.size = n->size = size;
    mem.high = MAX(mem.high, size);
    return true;
}

static const BlockDriver fuzz_driver = {
    .name = "fuzzmem", .is_protocol = true, .open = mem_open, .run = mem_run, .try_run = mem_run,
    .truncate = mem_truncate,
};
BLOCK_DRIVER(fuzz_driver)

static void load(const uint8_t *data, size_t len)
{
    if (!mem.data) {
        mem.data = g_malloc0(FILE_MAX);
    }
    mem.size = MIN(len, FILE_MAX);
    memcpy(mem.data, data, mem.size);
    memset(mem.data + mem.size, 0, MAX(mem.high, mem.size) - mem.size);
    mem.high = mem.size;
}

/* ---- one input --------------------------------------------------------------------------------------------------- */

static void read_around(BlockNode *n, uint64_t at)
{
    static uint8_t buf[64 * KiB];
    uint64_t size = block_size(n);

    if (at < size) {
        block_run_read(n, at, buf, MIN(size - at, sizeof(buf)));
    }
}

/* Nothing of this may crash, hang or grow; what it answers is its affair. */
static void look_at(BlockNode *n)
{
    BlockSnapshot *list = NULL;
    unsigned count = n->drv->snapshot_list ? n->drv->snapshot_list(n, &list) : 0;
    BlockInfo info;
    uint64_t at = 0;

    block_get_info(n, &info);
    block_info_clear(&info);
    for (unsigned i = 0; i < count; i++) {
        block_snapshot_clear(&list[i]);
    }
    g_free(list);
    for (unsigned i = 0; i < 64 && at < block_size(n); i++) {
        BlockStatus st;

        if (block_status(n, at, block_size(n) - at, &st)) {
            break;
        }
        read_around(n, at);
        at += st.bytes;
    }
    read_around(n, block_size(n) / 2);
    read_around(n, ROUND_DOWN(block_size(n) - MIN(block_size(n), 4096), 512));
}

static void check(BlockNode *n, unsigned fix)
{
    BlockCheck c = { 0 };
    Error *err = NULL;

    if (n->drv->check && !n->drv->check(n, &c, fix, &err)) {
        error_free(err);
    }
}

static void write_into(BlockNode *n)
{
    static uint8_t buf[64 * KiB];

    memset(buf, 0x5a, sizeof(buf));
    for (unsigned i = 0; i < 3; i++) {
        uint64_t at = block_size(n) / 3 * i / 512 * 512;

        if (at + sizeof(buf) <= block_size(n)) {
            block_run_write(n, at, buf, sizeof(buf));
            block_run(n, &(BlockOp){ .kind = BLOCK_DISCARD, .offset = at, .bytes = sizeof(buf) / 2 });
        }
    }
    block_run_flush(n);
}

/* Made, applied, deleted: errors are fine. */
static void use_snapshots(BlockNode *n)
{
    Error *err = NULL;

    if (n->drv->snapshot_create) {
        n->drv->snapshot_create(n, &(BlockSnapshot){ .name = (char *)"f" }, &err);
        error_free(g_steal_pointer(&err));
        n->drv->snapshot_apply(n, "1", &err);
        error_free(g_steal_pointer(&err));
        n->drv->snapshot_delete(n, "1", &err);
        error_free(err);
    }
}

static void open_and(const char *format, bool readonly, bool is_check)
{
    BlockOpenOptions o = { .format = format, .readonly = readonly, .no_backing = true, .check = is_check,
                           .no_lock = true };
    Error *err = NULL;
    BlockNode *n = block_open("fuzzmem:x", &o, &err);

    if (!n) {
        g_assert_nonnull(err);
        g_assert_null(strchr(error_get_message(err), '\n'));
        error_free(err);
        return;
    }
    if (is_check) {
        check(n, readonly ? 0 : BLOCK_FIX_LEAKS | BLOCK_FIX_ERRORS);
    } else {
        look_at(n);
        if (!readonly) {
            write_into(n);
            use_snapshots(n);
        }
    }
    block_unref(n);
}

/* The first byte chooses the format, the rest is the image. VMDK names other files: those are not written. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const char *format = len ? formats[data[0] % ARRAY_SIZE(formats)] : NULL;
    bool writable = format && (g_str_equal(format, "qcow2") || g_str_equal(format, "vdi") ||
                               g_str_equal(format, "vpc"));

    if (!len) {
        return 0;
    }
    alarm(SECONDS_MAX);
    load(data + 1, len - 1);
    open_and(format, true, false);
    open_and(format, true, true);
    if (writable) {
        open_and(format, false, false);
        open_and(format, false, true);
        open_and(format, false, false);
    }
    alarm(0);
    return 0;
}

static void init(void)
{
    main_loop_init(&error_abort);
    big_lock();
}

#ifdef FUZZ_MAIN

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    init();
    return 0;
}

#else

/* ---- without libFuzzer ------------------------------------------------------------------------------------------- */

static GByteArray *from_file(unsigned format, const char *options)
{
    g_autofree char *path = g_build_filename(g_get_tmp_dir(), "image-fuzz-XXXXXX", NULL), *data = NULL;
    const BlockDriver *drv = block_driver_find(formats[format]);
    GByteArray *a = g_byte_array_new();
    uint8_t first = format;
    gsize len;
    int fd = g_mkstemp(path);
    g_autoptr(GHashTable) d = block_dict_new();
    BlockNode *n;

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    g_assert_true(block_dict_parse_keys(d, options, &error_abort));
    block_dict_set(d, "size", "8M");
    g_assert_true(drv->create(path, d, &error_abort));
    n = block_open(path, &(BlockOpenOptions){ .format = formats[format] }, &error_abort);
    if (!strstr(options, "stream")) {
        write_into(n);
    }
    if (drv->snapshot_create) {
        g_assert_true(drv->snapshot_create(n, &(BlockSnapshot){ .name = (char *)"one" }, &error_abort));
        write_into(n);
    }
    block_unref(n);
    g_assert_true(g_file_get_contents(path, &data, &len, NULL));
    g_unlink(path);
    g_byte_array_append(a, &first, 1);
    g_byte_array_append(a, (uint8_t *)data, len);
    return a;
}

/* Formats nobody here can create: headers that are good enough to go on, and noise as tables. */
static GByteArray *by_hand(unsigned format)
{
    GByteArray *a = g_byte_array_new();
    uint8_t *p;

    g_byte_array_set_size(a, 1 + 64 * KiB);
    memset(a->data, 0, a->len);
    a->data[0] = format;
    p = a->data + 1;
    if (g_str_equal(formats[format], "qcow")) {
        memcpy(p, "QFI\xfb\0\0\0\1", 8);
        store_be64(p + 24, 8 * MiB);
        p[32] = 12;
        p[33] = 9;
        store_be64(p + 40, 48);
    } else {
        strcpy((char *)p, "Bochs Virtual HD Image");
        strcpy((char *)p + 32, "Redolog");
        strcpy((char *)p + 48, "Growing");
        store_le32(p + 64, 0x20000);
        store_le32(p + 68, 512);
        store_le32(p + 72, 64);
        store_le32(p + 76, 4096);
        store_le32(p + 80, 65536);
        store_le64(p + 88, 4 * MiB);
    }
    for (unsigned i = 512; i < 4096; i += 8) {
        p[i] = i;
        p[i + 7] = i / 8;
    }
    return a;
}

static const char *const shapes[][2] = {
    { "qcow2", "cluster_size=4k" }, { "qcow2", "cluster_size=512,compat=0.10" },
    { "qcow2", "cluster_size=16k,extended_l2=on" }, { "qcow", NULL }, { "vdi", "" }, { "vpc", "" },
    { "vpc", "subformat=fixed" }, { "vmdk", "" }, { "vmdk", "subformat=streamOptimized" }, { "bochs", NULL },
};

static GByteArray *good_image(unsigned shape)
{
    unsigned format = 0;

    while (strcmp(formats[format], shapes[shape][0])) {
        format++;
    }
    return shapes[shape][1] ? from_file(format, shapes[shape][1]) : by_hand(format);
}

static void test_images_cut_anywhere_are_errors_or_images(void)
{
    for (unsigned shape = 0; shape < ARRAY_SIZE(shapes); shape++) {
        g_autoptr(GByteArray) a = good_image(shape);
        unsigned step = g_test_slow() ? 1 : 7, end = MIN(a->len, 2100);

        for (unsigned len = 1; len < end; len += len < 128 ? 1 : step) {
            LLVMFuzzerTestOneInput(a->data, len);
        }
        LLVMFuzzerTestOneInput(a->data, a->len);
    }
}

/* Numbers that lie in wait: nothing, all, the edges of signs and shifts. */
static uint64_t nasty(GRand *rand)
{
    static const uint64_t values[] = {
        0, 1, 2, 0x7f, 0x80, 0xff, 0x200, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
        INT64_MAX, 1ull << 63, UINT64_MAX, 1ull << 62, 0x00fffffffffffe00, 0x8000000000000200,
    };

    return g_rand_boolean(rand) ? values[g_rand_int_range(rand, 0, ARRAY_SIZE(values))] : g_rand_int(rand);
}

static void mutate(GByteArray *a, GRand *rand)
{
    unsigned n = g_rand_int_range(rand, 1, 5);

    while (n--) {
        /* Half of all changes hit the first sectors, where the headers are. */
        uint64_t room = a->len - 9, limit = g_rand_boolean(rand) ? MIN(room, 1600) : room;
        uint8_t *p = a->data + 1 + g_rand_int_range(rand, 0, limit);

        switch (g_rand_int_range(rand, 0, 6)) {
        case 0:
            *p = g_rand_int(rand);
            break;
        case 1:
            *p ^= 1u << g_rand_int_range(rand, 0, 8);
            break;
        case 2:
            store_be32(p, nasty(rand));
            break;
        case 3:
            store_be64(p, nasty(rand));
            break;
        case 4:
            store_le32(p, nasty(rand));
            break;
        case 5:
            store_le64(p, nasty(rand));
            break;
        }
    }
}

static void test_changed_images_do_no_harm(void)
{
    uint32_t seed = g_test_rand_int();
    GRand *rand = g_rand_new_with_seed(seed);
    unsigned rounds = g_test_slow() ? 3000 : 40;

    g_test_message("seed %u (--seed repeats)", seed);
    for (unsigned shape = 0; shape < ARRAY_SIZE(shapes); shape++) {
        g_autoptr(GByteArray) good = good_image(shape);

        for (unsigned i = 0; i < rounds; i++) {
            GByteArray *bad = g_byte_array_new();

            g_byte_array_append(bad, good->data, good->len);
            mutate(bad, rand);
            LLVMFuzzerTestOneInput(bad->data, bad->len);
            g_byte_array_unref(bad);
        }
    }
    g_rand_free(rand);
}

/* What libFuzzer has kept: tests/block/corpus. */
static void test_inputs_of_the_corpus_do_no_harm(void)
{
    g_autofree char *folder = g_getenv("SRC") ? g_build_filename(g_getenv("SRC"), "tests/block/corpus", NULL) : NULL;
    g_autoptr(GDir) dir = folder ? g_dir_open(folder, 0, NULL) : NULL;
    const char *name;

    if (!dir) {
        g_test_skip("SRC does not name the source folder");
        return;
    }
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL), *data = NULL;
        gsize len;

        g_assert_true(g_file_get_contents(path, &data, &len, NULL));
        LLVMFuzzerTestOneInput((uint8_t *)data, len);
    }
}

static void test_memory_stays_bounded(void)
{
    struct rusage use;

    getrusage(RUSAGE_SELF, &use);
    g_test_message("at most %ld KiB", use.ru_maxrss);
#ifndef __SANITIZE_ADDRESS__
    g_assert_cmpint(use.ru_maxrss, <, RSS_MAX / KiB);
#endif
}

#define TEST(fn) g_test_add_func("/image-fuzz/" #fn, fn)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    init();
    TEST(test_images_cut_anywhere_are_errors_or_images);
    TEST(test_changed_images_do_no_harm);
    TEST(test_inputs_of_the_corpus_do_no_harm);
    TEST(test_memory_stays_bounded);
    return g_test_run();
}

#endif
