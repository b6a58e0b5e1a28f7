/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2 when the power fails: a protocol that remembers every write and flush. After each operation the disk is put
 * together as it could look had the power failed in the middle of it: all that was flushed, and of the later writes any
 * sectors, in any choice. That image has to check as it is (lost clusters aside; with lazy refcounts once it was opened
 * for writing), and to hold what the guest flushed; snapshots that are there hold what they were made of.
 * States of machines in snapshots are filled with one byte that follows from their size: whoever finds one can tell.
 */
#include "qemu/osdep.h"
#include <glib/gstdio.h>
#include "block/block.h"
#include "qemu/main-loop.h"

#define FILE_MAX    (24 * MiB)
#define DISK        (1 * MiB)
#define SECTORS     (DISK / 512)

/* ---- the protocol ------------------------------------------------------------------------------------------------ */

typedef struct LogEntry {
    bool is_flush, is_truncate;
    uint64_t offset, len;
    uint8_t *data;
} LogEntry;

typedef struct MemFile {
    uint8_t *now, *durable;     /* as read; as it would be after a failure, without any later write */
    uint64_t size, durable_size, high;      /* high: behind it all bytes are zero */
    GArray *log;                /* LogEntry, since durable */
} MemFile;
static MemFile files[2];        /* the one in use, and the one after the failure */
static uint64_t file_limit = FILE_MAX;

/* Requests of a kind left until one fails, and how many then do. */
static struct {
    unsigned after, count;
    int error;
} fault;

static bool fails_now(void)
{
    if (!fault.count) {
        return false;
    }
    if (fault.after) {
        fault.after--;
        return false;
    }
    fault.count--;
    return true;
}

static void free_entry(gpointer p)
{
    g_free(((LogEntry *)p)->data);
}

static bool mem_open(BlockNode *n, const BlockOpenOptions *o, Error **errp)
{
    MemFile *f = &files[n->filename[strlen("memlog:")] - '0'];

    *(MemFile **)n->state = f;
    n->size = f->size;
    return true;
}

static void add_log(MemFile *f, LogEntry e)
{
    g_array_append_val(f->log, e);
}

static void store(MemFile *f, uint64_t offset, const uint8_t *data, uint64_t len)
{
    memcpy(f->now + offset, data, len);
    f->size = MAX(f->size, offset + len);
    f->high = MAX(f->high, f->size);
    add_log(f, (LogEntry){ .offset = offset, .len = len, .data = g_memdup2(data, len) });
}

static int mem_run(BlockNode *n, const BlockOp *op)
{
    MemFile *f = *(MemFile **)n->state;
    uint64_t at = op->offset;

    if (op->kind != BLOCK_DISCARD && fails_now()) {
        return -fault.error;
    }
    if (op->kind == BLOCK_FLUSH) {
        add_log(f, (LogEntry){ .is_flush = true });
        return 0;
    }
    if (op->kind == BLOCK_DISCARD) {
        return 0;
    }
    if (op->offset > file_limit || op->bytes > file_limit - op->offset) {
        if (op->kind == BLOCK_READ) {
            iov_zero(op->iov, op->niov, 0);
            return 0;
        }
        return -ENOSPC;
    }
    if (op->kind == BLOCK_WRITE_ZEROES) {
        g_autofree uint8_t *zeros = g_malloc0(op->bytes);

        store(f, at, zeros, op->bytes);
    }
    for (int i = 0; i < op->niov; i++) {
        if (op->kind == BLOCK_READ) {
            memcpy(op->iov[i].iov_base, f->now + at, op->iov[i].iov_len);
        } else {
            store(f, at, op->iov[i].iov_base, op->iov[i].iov_len);
        }
        at += op->iov[i].iov_len;
    }
    n->size = f->size;
    return 0;
}

static bool mem_truncate(BlockNode *n, uint64_t size, BlockPrealloc prealloc, Error **errp)
{
    MemFile *f = *(MemFile **)n->state;

    g_assert_cmpuint(size, <=, FILE_MAX);
    memset(f->now + size, 0, MAX(f->high, size) - size);
    n->size = f->size = size;
    add_log(f, (LogEntry){ .is_truncate = true, .len = size });
    return true;
}

static const BlockDriver memlog_driver = {
    .name = "memlog", .is_protocol = true, .state_size = sizeof(MemFile *), .open = mem_open, .run = mem_run,
    .try_run = mem_run, .truncate = mem_truncate,
};
BLOCK_DRIVER(memlog_driver)

static void apply(MemFile *f, const LogEntry *e, uint8_t *to, uint64_t *size, GRand *choice, unsigned mode)
{
    if (e->is_truncate) {
        memset(to + e->len, 0, MAX(f->high, e->len) - e->len);
        *size = e->len;
        return;
    }
    for (uint64_t at = 0, len; at < e->len; at += len) {
        len = MIN(512 - (e->offset + at) % 512, e->len - at);
        if (mode == 0 || (mode == 1 && g_rand_boolean(choice))) {
            memcpy(to + e->offset + at, e->data + at, len);
            *size = MAX(*size, e->offset + at + len);
        }
    }
}

/* The disk after a failure when the first n entries of the log had been handed to it. */
static void fail_at(MemFile *f, unsigned n, GRand *choice, MemFile *out)
{
    unsigned flushed = 0;

    out->high = MAX(out->high, f->high);
    memcpy(out->now, f->durable, out->high);
    out->size = f->durable_size;
    for (unsigned i = 0; i < n; i++) {
        flushed = g_array_index(f->log, LogEntry, i).is_flush ? i : flushed;
    }
    for (unsigned i = 0; i < n; i++) {
        const LogEntry *e = &g_array_index(f->log, LogEntry, i);
        bool lost = i >= flushed && g_rand_int_range(choice, 0, 3) == 0;

        apply(f, e, out->now, &out->size, choice, i < flushed || e->is_truncate ? 0 : lost ? 2 : 1);
    }
    g_array_set_size(out->log, 0);
}

/* What is behind the last flush stays in the log, the rest is certain. */
static void settle(MemFile *f)
{
    unsigned flushed = 0;

    for (unsigned i = 0; i < f->log->len; i++) {
        flushed = g_array_index(f->log, LogEntry, i).is_flush ? i + 1 : flushed;
    }
    for (unsigned i = 0; i < flushed; i++) {
        const LogEntry *e = &g_array_index(f->log, LogEntry, i);

        if (!e->is_flush) {
            apply(f, e, f->durable, &f->durable_size, NULL, 0);
        }
    }
    g_array_remove_range(f->log, 0, flushed);
}

/* ---- the guest's view -------------------------------------------------------------------------------------------- */

typedef struct Model {
    uint64_t size, old_size;            /* of the disk; before the operation that may have been cut short */
    uint8_t now[SECTORS];               /* each sector is filled with one byte */
    uint32_t allowed[SECTORS][8];       /* what may be found after a failure: a set of bytes */
} Model;

static void allow(Model *m, unsigned sector, uint8_t v)
{
    m->allowed[sector][v / 32] |= 1u << v % 32;
}

static void set(Model *m, uint64_t offset, uint64_t len, uint8_t v)
{
    for (unsigned s = offset / 512; s < (offset + len) / 512; s++) {
        m->now[s] = v;
        allow(m, s, v);
    }
}

static void flushed(Model *m)
{
    memset(m->allowed, 0, sizeof(m->allowed));
    for (unsigned s = 0; s < SECTORS; s++) {
        allow(m, s, m->now[s]);
    }
}

static void say(void *opaque, const char *line)
{
    g_test_message("check: %s", line);
}

static uint8_t state_byte(uint64_t size)
{
    return size / 512 % 251 + 1;
}

static void verify_states(BlockNode *n)
{
    BlockSnapshot *list;
    unsigned count = n->drv->snapshot_list(n, &list);

    for (unsigned i = 0; i < count; i++) {
        uint64_t size = list[i].vm_state_size;
        g_autofree uint8_t *buf = g_malloc(size + 1), *wanted = g_malloc(size + 1);

        memset(wanted, state_byte(size), size);
        g_assert_cmpint(size ? n->drv->vmstate_read(n, list[i].id, 0, buf, size) : 0, ==, 0);
        g_assert_true(!memcmp(buf, wanted, size));
        block_snapshot_clear(&list[i]);
    }
    g_free(list);
}

/* Each snapshot that is there holds all of what it was made of. */
static void verify_snapshot(const Model *made_of)
{
    BlockOpenOptions o = { .format = "qcow2", .no_lock = true, .readonly = true, .no_backing = true };
    BlockNode *n = block_open("memlog:1", &o, &error_abort);
    BlockSnapshot *list;
    unsigned count = n->drv->snapshot_list(n, &list);
    uint8_t sector[512];

    for (unsigned i = 0; i < count; i++) {
        g_assert_true(n->drv->snapshot_load(n, list[i].id, NULL, &error_abort));
        g_assert_nonnull(made_of);
        g_assert_cmpuint(block_size(n), ==, made_of->size);
        for (uint64_t s = 0; s < made_of->size / 512; s++) {
            g_assert_true(block_pread(n, s * 512, sector, sizeof(sector), &error_abort));
            for (unsigned b = 0; b < sizeof(sector); b++) {
                g_assert_cmphex(sector[b], ==, made_of->now[s]);
            }
        }
        block_snapshot_clear(&list[i]);
    }
    g_free(list);
    block_unref(n);
}

static void verify(const Model *m, const Model *snapshot, const char *what, bool is_lazy)
{
    BlockOpenOptions o = {
        .format = "qcow2", .no_lock = true, .readonly = !is_lazy, .check = !is_lazy, .no_backing = true
    };
    g_autofree uint8_t *buf = g_malloc(DISK);
    BlockCheck c = { .say = say };
    BlockNode *n = block_open("memlog:1", &o, &error_abort);
    BlockInfo info;

    block_get_info(n, &info);
    g_assert_false(info.dirty);
    block_info_clear(&info);
    g_assert_true(block_size(n) == m->size || block_size(n) == m->old_size);
    g_assert_true(n->drv->check(n, &c, 0, &error_abort));
    if (c.corruptions || c.check_errors) {
        g_test_message("%s: %" PRIu64 " corruptions", what, c.corruptions);
        g_file_set_contents("/tmp/crash.qcow2", (char *)files[1].now, files[1].size, NULL);
    }
    g_assert_cmpuint(c.corruptions, ==, 0);
    g_assert_cmpuint(c.check_errors, ==, 0);
    g_assert_true(block_pread(n, 0, buf, MIN(DISK, block_size(n)), &error_abort));
    for (unsigned s = 0; s < MIN(DISK, block_size(n)) / 512; s++) {
        for (unsigned i = 0; i < 512; i++) {
            uint8_t v = buf[s * 512 + i];

            if (v != buf[s * 512] || !(m->allowed[s][v / 32] >> v % 32 & 1)) {
                g_test_message("%s: sector %u byte %u is %#x, last written %#x", what, s, i, v, m->now[s]);
                g_test_fail();
                g_assert_not_reached();
            }
        }
    }
    verify_states(n);
    block_unref(n);
    verify_snapshot(snapshot);
}

/* ---- operations -------------------------------------------------------------------------------------------------- */

typedef struct Run {
    BlockNode *n;
    GRand *rand;
    Model m;
    Model *snapshot;            /* contents of the one snapshot there may be */
    Model *gone;                /* and of the one that was deleted last */
    const char *what;
    bool with_snapshots, with_states, with_shapes;
    bool is_lazy, is_v2;
} Run;

static void op_write(Run *r, bool packed)
{
    static uint8_t buf[DISK];
    uint64_t unit = packed ? 65536 : 512, offset = g_rand_int_range(r->rand, 0, r->m.size / unit) * unit;
    uint64_t wanted = packed ? unit : g_rand_int_range(r->rand, 1, 80) * 512ull, len = MIN(wanted, r->m.size - offset);
    uint8_t v = g_rand_int_range(r->rand, 1, 256);
    struct iovec iov = { buf, len };

    memset(buf, v, len);
    set(&r->m, offset, len, v);
    r->what = packed ? "compressed write" : "write";
    g_assert_cmpint(block_run_sync(r->n, &(BlockOp){ .kind = BLOCK_WRITE, .flags = packed ? BLOCK_COMPRESSED : 0,
                                                     .offset = offset, .bytes = len, .iov = &iov, .niov = 1 }), ==, 0);
}

static void op_zero(Run *r)
{
    uint64_t offset = g_rand_int_range(r->rand, 0, r->m.size / 512) * 512ull;
    uint64_t wanted = g_rand_int_range(r->rand, 1, 300) * 512ull, len = MIN(wanted, r->m.size - offset);

    set(&r->m, offset, len, 0);
    r->what = "write zeroes";
    g_assert_cmpint(block_run_sync(r->n, &(BlockOp){ .kind = BLOCK_WRITE_ZEROES,
                                                     .flags = g_rand_boolean(r->rand) ? BLOCK_MAY_UNMAP : 0,
                                                     .offset = offset, .bytes = len }), ==, 0);
}

static void op_snapshot(Run *r)
{
    if (!r->snapshot) {
        r->what = "snapshot create";
        g_assert_true(r->n->drv->snapshot_create(r->n, &(BlockSnapshot){ .name = (char *)"s" }, &error_abort));
        r->snapshot = g_memdup2(&r->m, sizeof(r->m));
    } else if (g_rand_boolean(r->rand)) {
        r->what = "snapshot apply";
        for (unsigned s = 0; s < SECTORS; s++) {
            set(&r->m, s * 512ull, 512, r->snapshot->now[s]);
        }
        r->m.size = r->snapshot->size;
        g_assert_true(r->n->drv->snapshot_apply(r->n, "s", &error_abort));
    } else {
        r->what = "snapshot delete";
        g_assert_true(r->n->drv->snapshot_delete(r->n, "s", &error_abort));
        g_free(r->gone);
        r->gone = g_steal_pointer(&r->snapshot);
    }
}

static void op_discard(Run *r)
{
    uint64_t offset = g_rand_int_range(r->rand, 0, r->m.size / 65536) * 65536ull;
    uint64_t wanted = g_rand_int_range(r->rand, 1, 5) * 65536ull, len = MIN(wanted, r->m.size - offset);
    BlockOp op = { .kind = BLOCK_DISCARD, .offset = offset, .bytes = len };

    r->what = "discard";
    set(&r->m, offset, len, 0);
    g_assert_cmpint(block_run_sync(r->n, &op), ==, 0);
}

static void op_resize(Run *r)
{
    uint64_t size = g_rand_int_range(r->rand, 2, DISK / 65536 + 1) * 65536ull;

    r->what = size < r->m.size ? "shrink" : "grow";
    if (size < r->m.size) {
        set(&r->m, size, r->m.size - size, 0);
    }
    r->m.size = size;
    g_assert_true(block_truncate(r->n, size, PREALLOC_OFF, &error_abort));
}

static void amend(Run *r, const char *options)
{
    g_autoptr(GHashTable) d = block_dict_new();

    r->what = options;
    g_assert_true(block_dict_parse_keys(d, options, &error_abort));
    g_assert_true(r->n->drv->amend(r->n, d, &error_abort));
}

/* What rebase, commit and amend do to an image. */
static void op_shape(Run *r)
{
    static const char *const widths[] = { "refcount_bits=8", "refcount_bits=16", "refcount_bits=64" };

    switch (g_rand_int_range(r->rand, 0, 4)) {
    case 0:
        r->what = "emptying";
        set(&r->m, 0, r->m.size, 0);
        g_assert_true(r->n->drv->make_empty(r->n, &error_abort));
        return;
    case 1:
        r->what = "another backing file";
        g_assert_true(r->n->drv->change_backing(r->n, g_rand_boolean(r->rand) ? "b.raw" : NULL, "raw", &error_abort));
        return;
    }
    if (!r->is_v2) {
        amend(r, widths[g_rand_int_range(r->rand, 0, ARRAY_SIZE(widths))]);
    } else if (!r->snapshot) {
        amend(r, "compat=1.1");
        amend(r, "compat=0.10");
    }
}

static void write_state(Run *r, uint64_t size)
{
    g_autofree uint8_t *buf = g_malloc(size);

    memset(buf, state_byte(size), size);
    for (uint64_t at = 0, len; at < size; at += len) {
        uint64_t wanted = g_rand_int_range(r->rand, 1, 257) * 512ull;

        len = MIN(wanted, size - at);
        g_assert_cmpint(r->n->drv->vmstate_write(r->n, at, buf + at, len), ==, 0);
    }
}

/* Some saves are cut short: given up, or forgotten, as when the program was killed. */
static void op_state(Run *r)
{
    uint64_t size = g_rand_int_range(r->rand, 1, 600) * 512ull;
    BlockSnapshot s = { .name = (char *)"s", .vm_state_size = size };

    write_state(r, size);
    if (!r->snapshot && g_rand_boolean(r->rand)) {
        r->what = "snapshot with state";
        g_assert_true(r->n->drv->snapshot_create(r->n, &s, &error_abort));
        r->snapshot = g_memdup2(&r->m, sizeof(r->m));
    } else if (g_rand_boolean(r->rand)) {
        r->what = "state given up";
        g_assert_cmpint(r->n->drv->vmstate_drop(r->n), ==, 0);
    } else {
        r->what = "state forgotten";
    }
}

static bool step(Run *r)
{
    if (r->with_shapes && g_rand_int_range(r->rand, 0, 3) == 0) {
        if (g_rand_boolean(r->rand)) {
            op_shape(r);
        } else if (!r->is_v2 || !r->snapshot) {
            op_resize(r);
        }
        return false;
    }
    switch (g_rand_int_range(r->rand, 0, r->with_states ? 13 : r->with_snapshots ? 11 : 10)) {
    case 0:
    case 1:
        r->what = "flush";
        g_assert_cmpint(block_run_sync(r->n, &(BlockOp){ .kind = BLOCK_FLUSH }), ==, 0);
        return true;
    case 2:
        op_zero(r);
        return false;
    case 3:
        op_write(r, true);
        return false;
    case 9:
        op_discard(r);
        return false;
    case 10:
        op_snapshot(r);
        return false;
    case 11:
    case 12:
        op_state(r);
        return false;
    }
    op_write(r, false);
    return false;
}

static void load(const char *options)
{
    g_autofree char *path = g_build_filename(g_get_tmp_dir(), "crash-test-XXXXXX", NULL);
    g_autoptr(GHashTable) d = block_dict_new();
    g_autofree char *data = NULL;
    gsize len;
    int fd = g_mkstemp(path);

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    g_assert_true(block_dict_parse_keys(d, options, &error_abort));
    block_dict_set(d, "size", "1M");
    g_assert_true(block_driver_find("qcow2")->create(path, d, &error_abort));
    g_assert_true(g_file_get_contents(path, &data, &len, NULL));
    g_unlink(path);
    for (int i = 0; i < 2; i++) {
        MemFile *f = &files[i];

        g_free(f->now);
        g_free(f->durable);
        f->now = g_malloc0(FILE_MAX);
        f->durable = g_malloc0(FILE_MAX);
        memcpy(f->now, data, len);
        memcpy(f->durable, data, len);
        f->size = f->durable_size = f->high = len;
        if (!f->log) {
            f->log = g_array_new(FALSE, TRUE, sizeof(LogEntry));
            g_array_set_clear_func(f->log, free_entry);
        }
        g_array_set_size(f->log, 0);
    }
}

static void check_no_leaks(BlockNode *n)
{
    BlockCheck c = { .say = say };

    g_assert_true(n->drv->check(n, &c, 0, &error_abort));
    g_assert_cmpuint(c.corruptions + c.check_errors + c.leaks, ==, 0);
}

typedef enum Kinds { WITH_SNAPSHOTS = 1, WITH_STATES = 2, WITH_SHAPES = 4 } Kinds;

static void fail_and_verify(Run *r, unsigned at, const char *what)
{
    fail_at(&files[0], at, r->rand, &files[1]);
    verify(&r->m, r->snapshot ? r->snapshot : r->gone, what, r->is_lazy);
}

static void crash_run(const char *options, Kinds kinds, unsigned steps)
{
    BlockOpenOptions o = { .format = "qcow2", .no_lock = true, .discard = true, .no_backing = true };
    uint32_t seed = g_test_rand_int();
    g_autofree Run *r = g_new0(Run, 1);

    g_test_message("options '%s', kinds %d, seed %u (--seed repeats)", options, kinds, seed);
    load(options);
    r->rand = g_rand_new_with_seed(seed);
    r->with_snapshots = kinds & WITH_SNAPSHOTS;
    r->with_states = kinds & WITH_STATES;
    r->with_shapes = kinds & WITH_SHAPES;
    r->is_lazy = strstr(options, "lazy");
    r->is_v2 = strstr(options, "compat");
    r->m.size = DISK;
    r->n = block_open("memlog:0", &o, &error_abort);
    flushed(&r->m);
    for (unsigned i = 0; i < steps; i++) {
        unsigned before = files[0].log->len, after;
        bool was_flush;

        r->m.old_size = r->m.size;
        was_flush = step(r);
        after = files[0].log->len;
        for (unsigned j = 0; j < 3; j++) {
            fail_and_verify(r, g_rand_int_range(r->rand, before, after + 1), r->what);
        }
        settle(&files[0]);
        if (was_flush) {
            flushed(&r->m);
            fail_and_verify(r, files[0].log->len, "after the flush");
        }
    }
    block_unref(r->n);
    settle(&files[0]);
    flushed(&r->m);
    fail_and_verify(r, files[0].log->len, "after closing");
    g_rand_free(r->rand);
    g_free(r->snapshot);
    g_free(r->gone);
}

static void crash_runs(const char *const *shapes, unsigned n, Kinds kinds, unsigned steps)
{
    for (unsigned i = 0; i < n; i++) {
        crash_run(shapes[i], kinds, g_test_slow() ? 400 : steps);
    }
}

static void test_a_power_failure_at_any_write_loses_nothing_flushed(void)
{
    static const char *const shapes[] = {
        "cluster_size=4k", "cluster_size=512", "cluster_size=64k", "cluster_size=16k,extended_l2=on",
        "cluster_size=4k,refcount_bits=1", "cluster_size=4k,lazy_refcounts=on", "cluster_size=1k,compat=0.10",
    };

    crash_runs(shapes, ARRAY_SIZE(shapes), 0, 40);
}

static const char *const snapshot_shapes[] = {
    "cluster_size=4k", "cluster_size=64k", "cluster_size=16k,extended_l2=on", "cluster_size=512,refcount_bits=8",
    "cluster_size=4k,lazy_refcounts=on", "cluster_size=1k,compat=0.10",
};

static void test_a_power_failure_while_snapshots_change_loses_nothing(void)
{
    crash_runs(snapshot_shapes, ARRAY_SIZE(snapshot_shapes), WITH_SNAPSHOTS, 40);
}

static void test_a_power_failure_while_the_image_is_reshaped_loses_nothing(void)
{
    crash_runs(snapshot_shapes, ARRAY_SIZE(snapshot_shapes), WITH_SNAPSHOTS | WITH_SHAPES, 40);
}

static void test_a_power_failure_while_states_are_saved_loses_nothing(void)
{
    crash_runs(snapshot_shapes, ARRAY_SIZE(snapshot_shapes), WITH_SNAPSHOTS | WITH_STATES, 20);
}

/* The state does not fit: what is written of it is given up, and all goes on in the space that was there before. */
static void test_a_full_disk_leaves_no_trace_of_the_state(void)
{
    static const char *const shapes[] = { "cluster_size=4k", "cluster_size=64k", "cluster_size=512,refcount_bits=64" };
    BlockOpenOptions o = { .format = "qcow2", .no_lock = true };
    g_autofree uint8_t *chunk = g_malloc0(256 * KiB);

    for (unsigned i = 0; i < ARRAY_SIZE(shapes); i++) {
        Run r = { .rand = g_rand_new_with_seed(g_test_rand_int()), .m.size = DISK };
        BlockSnapshot s = { .name = (char *)"s", .vm_state_size = 100 * KiB };
        uint64_t at = 0;
        int ret = 0;

        load(shapes[i]);
        r.n = block_open("memlog:0", &o, &error_abort);
        op_write(&r, false);
        g_assert_cmpint(block_run_sync(r.n, &(BlockOp){ .kind = BLOCK_FLUSH }), ==, 0);
        file_limit = files[0].size + 3 * MiB;
        for (; !ret; at += 256 * KiB) {
            ret = r.n->drv->vmstate_write(r.n, at, chunk, 256 * KiB);
        }
        g_assert_cmpint(ret, ==, -ENOSPC);
        g_assert_cmpint(r.n->drv->vmstate_drop(r.n), ==, 0);
        check_no_leaks(r.n);
        op_write(&r, false);
        write_state(&r, 100 * KiB);
        g_assert_true(r.n->drv->snapshot_create(r.n, &s, &error_abort));
        verify_states(r.n);
        check_no_leaks(r.n);
        g_assert_true(r.n->drv->snapshot_apply(r.n, "s", &error_abort));
        verify_states(r.n);
        check_no_leaks(r.n);
        g_assert_true(r.n->drv->snapshot_delete(r.n, "s", &error_abort));
        check_no_leaks(r.n);
        block_unref(r.n);
        file_limit = FILE_MAX;
        g_rand_free(r.rand);
    }
}

/* A state nobody made a snapshot of lies where the disk grows to. */
static void test_a_forgotten_state_does_not_show_when_the_disk_grows(void)
{
    BlockOpenOptions o = { .format = "qcow2", .no_lock = true };
    uint8_t byte[512];
    Run r = { .rand = g_rand_new_with_seed(g_test_rand_int()), .m.size = DISK };

    load("cluster_size=512");
    r.n = block_open("memlog:0", &o, &error_abort);
    write_state(&r, 100 * KiB);
    g_assert_true(block_truncate(r.n, 2 * DISK, PREALLOC_OFF, &error_abort));
    for (uint64_t at = DISK; at < 2 * DISK; at += sizeof(byte)) {
        g_assert_true(block_pread(r.n, at, byte, sizeof(byte), &error_abort));
        g_assert_cmpint(byte[0], ==, 0);
    }
    check_no_leaks(r.n);
    block_unref(r.n);
    g_rand_free(r.rand);
}

/* A disk was to become smaller, the power failed, and later it grows again: what is new is zero. */
static void test_what_a_shrink_that_was_cut_short_left_does_not_show(void)
{
    BlockOpenOptions o = { .format = "qcow2", .no_lock = true };
    static uint8_t data[DISK];
    unsigned smaller = 0;
    GRand *rand = g_rand_new_with_seed(g_test_rand_int());
    BlockNode *n, *after;
    unsigned before;

    load("cluster_size=4k");
    n = block_open("memlog:0", &o, &error_abort);
    memset(data, 7, sizeof(data));
    g_assert_true(block_pwrite(n, 0, data, sizeof(data), &error_abort));
    g_assert_cmpint(block_run_sync(n, &(BlockOp){ .kind = BLOCK_FLUSH }), ==, 0);
    before = files[0].log->len;
    g_assert_true(block_truncate(n, DISK / 4, PREALLOC_OFF, &error_abort));
    for (unsigned at = before; at <= files[0].log->len; at++) {
        fail_at(&files[0], at, rand, &files[1]);
        after = block_open("memlog:1", &o, &error_abort);
        if (block_size(after) == DISK / 4) {
            smaller++;
            g_assert_true(block_truncate(after, DISK, PREALLOC_OFF, &error_abort));
            g_assert_true(block_pread(after, DISK / 4, data, DISK - DISK / 4, &error_abort));
            g_assert_true(!data[0] && !memcmp(data, data + 1, DISK - DISK / 4 - 1));
        }
        block_unref(after);
    }
    g_assert_cmpuint(smaller, >, 1);
    block_unref(n);
    g_rand_free(rand);
}

/* ---- failing requests -------------------------------------------------------------------------------------------- */

/* May fail: then what it would have written is as uncertain as after a power failure. */
static int try_step(Run *r)
{
    static uint8_t buf[DISK];
    bool packed = g_rand_int_range(r->rand, 0, 6) == 0, zeros = !packed && g_rand_int_range(r->rand, 0, 5) == 0;
    uint64_t unit = packed ? 65536 : 512, offset = g_rand_int_range(r->rand, 0, DISK / unit) * unit;
    uint64_t wanted = g_rand_int_range(r->rand, 1, 200) * 512ull, len = packed ? unit : MIN(wanted, DISK - offset);
    uint8_t v = zeros ? 0 : g_rand_int_range(r->rand, 1, 256);
    struct iovec iov = { buf, len };
    BlockOp op = { .kind = zeros ? BLOCK_WRITE_ZEROES : BLOCK_WRITE, .flags = packed ? BLOCK_COMPRESSED : 0,
                   .offset = offset, .bytes = len, .iov = zeros ? NULL : &iov, .niov = !zeros };
    int ret;

    memset(buf, v, len);
    ret = block_run_sync(r->n, &op);
    if (!ret) {
        for (unsigned s = offset / 512; s < (offset + len) / 512; s++) {
            memset(r->m.allowed[s], 0, sizeof(r->m.allowed[s]));
        }
    }
    set(&r->m, offset, len, v);
    return ret;
}

/* A snapshot more or less, or an error and all is as it was. */
static void try_snapshot(Run *r)
{
    Error *err = NULL;
    bool ok = g_rand_boolean(r->rand) ?
              r->n->drv->snapshot_create(r->n, &(BlockSnapshot){ .name = (char *)"s" }, &err) :
              r->n->drv->snapshot_delete(r->n, "s", &err);

    g_assert_true(ok == !err);
    error_free(err);
}

/* What is read now: everything that did not fail is there, and everything that did is old or new. */
static void verify_live(Run *r)
{
    g_autofree uint8_t *buf = g_malloc(DISK);

    g_assert_true(block_pread(r->n, 0, buf, DISK, &error_abort));
    for (unsigned i = 0; i < DISK; i++) {
        unsigned s = i / 512;

        if (!(r->m.allowed[s][buf[i] / 32] >> buf[i] % 32 & 1)) {
            g_test_message("sector %u byte %u is %#x, last written %#x", s, i % 512, buf[i], r->m.now[s]);
            g_test_fail();
            g_assert_not_reached();
        }
    }
}

static void verify_after_faults(const Run *r)
{
    BlockOpenOptions o = { .format = "qcow2", .no_lock = true };
    BlockCheck c = { .say = say };
    BlockNode *n;

    fail_at(&files[0], files[0].log->len, r->rand, &files[1]);
    n = block_open("memlog:1", &o, &error_abort);
    g_assert_true(n->drv->check(n, &c, 0, &error_abort));
    g_assert_cmpuint(c.corruptions, ==, 0);
    g_assert_cmpuint(c.check_errors, ==, 0);
    block_unref(n);
}

static void fault_run(const char *options, bool with_snapshots, unsigned rounds)
{
    BlockOpenOptions o = { .format = "qcow2", .no_lock = true };
    uint32_t seed = g_test_rand_int();
    g_autofree Run *r = g_new0(Run, 1);

    g_test_message("options '%s', seed %u (--seed repeats)", options, seed);
    load(options);
    r->rand = g_rand_new_with_seed(seed);
    r->n = block_open("memlog:0", &o, &error_abort);
    flushed(&r->m);
    for (unsigned i = 0; i < rounds; i++) {
        fault.after = g_rand_int_range(r->rand, 0, 12);
        fault.count = g_rand_int_range(r->rand, 1, 4);
        fault.error = g_rand_boolean(r->rand) ? EIO : ENOSPC;
        for (unsigned j = 0; j < 6; j++) {
            try_step(r);
            if (with_snapshots && g_rand_int_range(r->rand, 0, 6) == 0) {
                try_snapshot(r);
            }
            if (g_rand_int_range(r->rand, 0, 3) == 0) {
                block_run_sync(r->n, &(BlockOp){ .kind = BLOCK_FLUSH });
            }
        }
        fault.count = 0;
        verify_live(r);
        if (g_rand_int_range(r->rand, 0, 3) == 0) {
            g_assert_cmpint(block_run_sync(r->n, &(BlockOp){ .kind = BLOCK_FLUSH }), ==, 0);
            verify_live(r);
        }
        verify_after_faults(r);
        settle(&files[0]);
    }
    block_unref(r->n);
    settle(&files[0]);
    verify_after_faults(r);
    g_rand_free(r->rand);
}

static void test_failing_requests_damage_nothing(void)
{
    static const char *const shapes[] = {
        "cluster_size=512", "cluster_size=4k", "cluster_size=512,refcount_bits=64", "cluster_size=16k,extended_l2=on",
        "cluster_size=512,compat=0.10", "cluster_size=64k",
    };

    for (unsigned i = 0; i < ARRAY_SIZE(shapes); i++) {
        fault_run(shapes[i], false, g_test_slow() ? 1000 : 30);
        fault_run(shapes[i], true, g_test_slow() ? 1000 : 30);
    }
}

#define TEST(fn) g_test_add_func("/qcow2-crash/" #fn, fn)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    main_loop_init(&error_abort);
    big_lock();
    TEST(test_a_power_failure_at_any_write_loses_nothing_flushed);
    TEST(test_failing_requests_damage_nothing);
    TEST(test_a_power_failure_while_snapshots_change_loses_nothing);
    TEST(test_a_power_failure_while_the_image_is_reshaped_loses_nothing);
    TEST(test_a_power_failure_while_states_are_saved_loses_nothing);
    TEST(test_a_full_disk_leaves_no_trace_of_the_state);
    TEST(test_what_a_shrink_that_was_cut_short_left_does_not_show);
    TEST(test_a_forgotten_state_does_not_show_when_the_disk_grows);
    return g_test_run();
}
