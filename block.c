/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Block nodes and their requests: opening, finding the driver, and the three ways a request can take.
 *
 *   block_submit ─► leaf runs in workers ──► (try_run answers at once) or worker_submit ─┐
 *        │                                                                               ├─► callback, IO thread
 *        └────────► format in coroutines ─► bottom half ─► co_run ─► co_block_run(child) ┘
 *
 * See docs/block.md.
 */
#include "qemu/osdep.h"
#include "block/block.h"
#include "qemu/coroutine.h"
#include "qemu/main-loop.h"
#include "qemu/worker.h"
#include "trace/root.h"

#define PROBE_BYTES     512
#define TRY_BYTES_MAX   (64 * KiB)      /* more is worth a thread switch: the caller may be a vCPU */

typedef struct BlockRequest {
    BlockOp op;
    BlockNode *node;            /* who was asked */
    BlockNode *leaf;            /* who does it */
    BlockDone *cb;
    void *opaque;
    WorkerJob job;
    struct BlockRequest *next;
} BlockRequest;

#define DRIVERS_MAX     32
static const BlockDriver *drivers[DRIVERS_MAX + 1];     /* written by constructors; NULL at the end */
static BlockNode *nodes;                /* big lock */

/* Requests for coroutines, oldest first; big lock. */
static BlockRequest *co_pending, **co_pending_end = &co_pending;
static Bh *co_bh;

/* ---- lists of memory --------------------------------------------------------------------------------------------- */

size_t iov_bytes(const struct iovec *iov, int n)
{
    size_t sum = 0;

    for (int i = 0; i < n; i++) {
        sum += iov[i].iov_len;
    }
    return sum;
}

int iov_slice(struct iovec *out, const struct iovec *iov, int n, size_t skip, size_t len)
{
    int count = 0;

    for (int i = 0; i < n && len; i++) {
        size_t part;

        if (skip >= iov[i].iov_len) {
            skip -= iov[i].iov_len;
            continue;
        }
        part = MIN(iov[i].iov_len - skip, len);
        out[count++] = (struct iovec){ (uint8_t *)iov[i].iov_base + skip, part };
        skip = 0;
        len -= part;
    }
    return count;
}

void iov_zero(const struct iovec *iov, int n, size_t from)
{
    for (int i = 0; i < n; i++) {
        if (from < iov[i].iov_len) {
            memset((uint8_t *)iov[i].iov_base + from, 0, iov[i].iov_len - from);
            from = 0;
        } else {
            from -= iov[i].iov_len;
        }
    }
}

/* ---- drivers ----------------------------------------------------------------------------------------------------- */

void block_driver_register(const BlockDriver *drv)
{
    unsigned n = 0;

    while (drivers[n]) {
        n++;
    }
    assert(n < DRIVERS_MAX);
    drivers[n] = drv;
}

static const BlockDriver *driver_find(const char *name, bool is_protocol)
{
    for (unsigned i = 0; drivers[i]; i++) {
        if (drivers[i]->is_protocol == is_protocol && !strcmp(drivers[i]->name, name)) {
            return drivers[i];
        }
    }
    return NULL;
}

bool block_format_known(const char *name)
{
    return driver_find(name, false);
}

/* Formats we have no driver for: taking them for raw would show the guest their metadata, and let it destroy them. */
static const struct {
    const char *name, *magic;
    unsigned len, offset;
} foreign_formats[] = {
    { "qcow", "QFI\xfb", 4, 0 }, { "vmdk", "KDMV", 4, 0 }, { "vmdk", "# Disk DescriptorFile", 21, 0 },
    { "vdi", "\x7f\x10\xda\xbe", 4, 0x40 }, { "vhdx", "vhdxfile", 8, 0 }, { "vpc", "conectix", 8, 0 },
    { "bochs", "Bochs Virtual HD Image", 22, 0 }, { "qed", "QED", 4, 0 }, { "luks", "LUKS\xba\xbe", 6, 0 },
};

static const BlockDriver *probe_format(BlockNode *file, const BlockOpenOptions *o, Error **errp)
{
    uint8_t head[PROBE_BYTES] = { 0 };
    const BlockDriver *best = NULL;
    int best_score = 0;

    if (!block_pread(file, 0, head, MIN(sizeof(head), block_size(file)), errp)) {
        return NULL;
    }
    for (unsigned i = 0; drivers[i]; i++) {
        int score = drivers[i]->probe ? drivers[i]->probe(head, sizeof(head)) : 0;

        if (score > best_score) {
            best = drivers[i];
            best_score = score;
        }
    }
    if (best) {
        return best;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(foreign_formats); i++) {
        if (!memcmp(head + foreign_formats[i].offset, foreign_formats[i].magic, foreign_formats[i].len)) {
            error_set(errp, "image format '%s' of '%s' is not supported by this version", foreign_formats[i].name,
                      file->filename);
            error_append_hint(errp, "format=raw shows the guest the file as it is.");
            return NULL;
        }
    }
    if (o->warn_probed && !file->readonly) {
        warn_report("image format was not specified for '%s' and taken to be raw; say format=raw to be sure",
                    file->filename);
    }
    return driver_find("raw", false);
}

/* ---- opening and closing ----------------------------------------------------------------------------------------- */

static BlockNode *node_open(const BlockDriver *drv, const char *filename, BlockNode *file, const BlockOpenOptions *o,
                            Error **errp)
{
    BlockNode *n = g_new0(BlockNode, 1);

    n->drv = drv;
    n->filename = g_strdup(filename);
    n->file = file;
    n->readonly = o->readonly || (file && file->readonly);
    n->discard = o->discard;
    n->cache = o->cache;
    n->refs = 1;
    n->state = g_malloc0(MAX(drv->state_size, 1));
    if (!drv->open(n, o, errp)) {
        g_free(n->state);
        g_free(n->filename);
        g_free(n);
        return NULL;
    }
    n->next = nodes;
    nodes = n;
    return n;
}

BlockNode *block_open(const char *filename, const BlockOpenOptions *o, Error **errp)
{
    const char *path = g_str_has_prefix(filename, "file:") ? filename + strlen("file:") : filename;
    const BlockDriver *format = o->format ? driver_find(o->format, false) : NULL;
    BlockNode *file, *n;

    if (o->format && !format) {
        error_set(errp, "unknown image format '%s'", o->format);
        return NULL;
    }
    file = node_open(driver_find("file", true), path, NULL, o, errp);
    if (!file) {
        return NULL;
    }
    if (!format) {
        format = probe_format(file, o, errp);
    }
    n = format ? node_open(format, path, file, o, errp) : NULL;
    if (!n) {
        block_unref(file);
    }
    return n;
}

void block_ref(BlockNode *n)
{
    n->refs++;
}

void block_unref(BlockNode *n)
{
    BlockNode **at = &nodes, *file;

    if (!n || --n->refs) {
        return;
    }
    block_drain(n);
    if (!n->readonly) {
        int ret = block_run_sync(n, &(BlockOp){ .kind = BLOCK_FLUSH });

        if (ret < 0) {
            warn_report("'%s' may be incomplete: %s", n->filename, strerror(-ret));
        }
    }
    while (*at != n) {
        at = &(*at)->next;
    }
    *at = n->next;
    file = n->file;
    if (n->drv->close) {
        n->drv->close(n);
    }
    g_free(n->state);
    g_free(n->filename);
    g_free(n);
    block_unref(file);
}

uint64_t block_size(BlockNode *n)
{
    return __atomic_load_n(&n->size, __ATOMIC_RELAXED);
}

bool block_is_readonly(BlockNode *n)
{
    return n->readonly;
}

const char *block_filename(BlockNode *n)
{
    return n->filename;
}

const char *block_format_name(BlockNode *n)
{
    return n->drv->name;
}

/* ---- requests ---------------------------------------------------------------------------------------------------- */

static BlockNode *leaf_of(BlockNode *n)
{
    while (n->drv->pass_through) {
        n = n->file;
    }
    return n;
}

static int check_op(BlockNode *n, const BlockOp *op)
{
    if (op->kind != BLOCK_READ && op->kind != BLOCK_FLUSH && n->readonly) {
        return -EROFS;
    }
    return 0;
}

static void request_done(BlockRequest *r, int ret)
{
    trace_block_done(r, ret);
    r->node->in_flight--;
    r->cb(r->opaque, ret);
    g_free(r);
}

static int request_run(WorkerJob *job)
{
    BlockRequest *r = container_of(job, BlockRequest, job);

    return r->leaf->drv->run(r->leaf, &r->op);
}

static void request_ran(WorkerJob *job, int ret)
{
    request_done(container_of(job, BlockRequest, job), ret);
}

static void co_request(void *opaque)
{
    BlockRequest *r = opaque;

    request_done(r, r->leaf->drv->co_run(r->leaf, &r->op));
}

static void start_pending(void *opaque)
{
    while (co_pending) {
        BlockRequest *r = co_pending;

        co_pending = r->next;
        if (!co_pending) {
            co_pending_end = &co_pending;
        }
        co_enter(co_new(co_request, r));
    }
}

static void queue_for_coroutine(BlockRequest *r)
{
    if (!co_bh) {
        co_bh = bh_new(start_pending, NULL);
    }
    *co_pending_end = r;
    co_pending_end = &r->next;
    bh_schedule(co_bh);
}

void block_submit(BlockNode *n, const BlockOp *op, BlockDone *cb, void *opaque)
{
    BlockRequest *r = g_new0(BlockRequest, 1);
    const BlockDriver *drv;
    int ret = check_op(n, op);

    *r = (BlockRequest){
        .op = *op, .node = n, .leaf = leaf_of(n), .cb = cb, .opaque = opaque,
        .job = { .run = request_run, .done = request_ran },
    };
    trace_block_submit(r, op->kind, op->offset, op->bytes, n->filename);
    n->in_flight++;
    drv = r->leaf->drv;
    if (!ret && drv->try_run && op->bytes <= TRY_BYTES_MAX) {
        ret = drv->try_run(r->leaf, op);
        if (ret != -EAGAIN) {
            worker_complete(&r->job, ret);
            return;
        }
        ret = 0;
    }
    if (ret) {
        worker_complete(&r->job, ret);
    } else if (drv->run) {
        worker_submit(&r->job);
    } else {
        queue_for_coroutine(r);
    }
}

typedef struct CoWait {
    Coroutine *co;
    int ret;
    bool done;
} CoWait;

static void co_wait_done(void *opaque, int ret)
{
    CoWait *w = opaque;

    w->ret = ret;
    w->done = true;
    if (w->co) {
        co_enter(w->co);
    }
}

int co_block_run(BlockNode *n, const BlockOp *op)
{
    CoWait w = { .co = co_self() };
    BlockNode *leaf = leaf_of(n);

    if (!leaf->drv->run) {
        int ret = check_op(n, op);

        return ret ? ret : leaf->drv->co_run(leaf, op);
    }
    block_submit(n, op, co_wait_done, &w);
    co_yield();
    return w.ret;
}

int block_run_sync(BlockNode *n, const BlockOp *op)
{
    CoWait w = { 0 };
    BlockNode *leaf = leaf_of(n);

    if (leaf->drv->run) {
        int ret = check_op(n, op);

        return ret ? ret : leaf->drv->run(leaf, op);
    }
    block_submit(n, op, co_wait_done, &w);
    while (!w.done) {
        main_loop_wait(-1);
    }
    return w.ret;
}

static bool rw_sync(BlockNode *n, BlockOpKind kind, uint64_t offset, void *buf, size_t len, Error **errp)
{
    struct iovec iov = { buf, len };
    int ret = block_run_sync(n, &(BlockOp){ .kind = kind, .offset = offset, .bytes = len, .iov = &iov, .niov = 1 });

    if (ret < 0) {
        error_set_errno(errp, -ret, "cannot %s '%s' at offset %" PRIu64, kind == BLOCK_READ ? "read" : "write",
                        n->filename, offset);
    }
    return ret >= 0;
}

bool block_pread(BlockNode *n, uint64_t offset, void *buf, size_t len, Error **errp)
{
    return rw_sync(n, BLOCK_READ, offset, buf, len, errp);
}

bool block_pwrite(BlockNode *n, uint64_t offset, const void *buf, size_t len, Error **errp)
{
    return rw_sync(n, BLOCK_WRITE, offset, (void *)buf, len, errp);
}

void block_drain(BlockNode *n)
{
    while (n->in_flight) {
        main_loop_wait(-1);
    }
}
