/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Block nodes and their requests: opening, finding the driver, and the three ways a request can take.
 *
 *   block_submit ─► leaf runs ──► (try_run answers at once) or start or worker_submit ───┐
 *        │                                                                               ├─► callback, IO thread
 *        └────────► format in coroutines ─► bottom half ─► co_run ─► co_block_run(child) ┘
 *
 * See docs/block.md.
 */
#include "qemu/osdep.h"
#include "block/block.h"
#include "block/throttle-group.h"
#include "qemu/coroutine.h"
#include "qemu/main-loop.h"
#include "qemu/worker.h"
#include "trace/root.h"

#define PROBE_BYTES     512
#define TRY_BYTES_MAX   (64 * KiB)      /* with the big lock held; more is worth a thread switch */

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

/* The next piece of bytes [*skip, *skip + len) of the list, *i entries of which are behind us; 0: that was all. */
static size_t iov_next(const struct iovec *iov, int n, int *i, size_t *skip, size_t len, uint8_t **piece)
{
    size_t part;

    while (*i < n && *skip >= iov[*i].iov_len) {
        *skip -= iov[(*i)++].iov_len;
    }
    if (*i == n || !len) {
        return 0;
    }
    *piece = (uint8_t *)iov[*i].iov_base + *skip;
    part = MIN(iov[*i].iov_len - *skip, len);
    *skip = 0;
    (*i)++;
    return part;
}

int iov_slice(struct iovec *out, const struct iovec *iov, int n, size_t skip, size_t len)
{
    int count = 0, i = 0;
    uint8_t *piece;
    size_t part;

    while ((part = iov_next(iov, n, &i, &skip, len, &piece))) {
        out[count++] = (struct iovec){ piece, part };
        len -= part;
    }
    return count;
}

void iov_copy_out(void *buf, const struct iovec *iov, int n, size_t skip, size_t len)
{
    uint8_t *to = buf, *piece;
    size_t part;
    int i = 0;

    while ((part = iov_next(iov, n, &i, &skip, len, &piece))) {
        memcpy(to, piece, part);
        to += part;
        len -= part;
    }
}

void iov_zero(const struct iovec *iov, int n, size_t from)
{
    uint8_t *piece;
    size_t part;
    int i = 0;

    while ((part = iov_next(iov, n, &i, &from, SIZE_MAX, &piece))) {
        memset(piece, 0, part);
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

const BlockDriver *block_driver_find(const char *name)
{
    for (int is_protocol = 0; is_protocol < 2; is_protocol++) {
        for (unsigned i = 0; drivers[i]; i++) {
            if (drivers[i]->is_protocol == is_protocol && !strcmp(drivers[i]->name, name)) {
                return drivers[i];
            }
        }
    }
    return NULL;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **block_driver_names(void)
{
    const char **names = g_new0(const char *, DRIVERS_MAX + 1);
    unsigned n = 0;

    while (drivers[n]) {
        names[n] = drivers[n]->name;
        n++;
    }
    qsort(names, n, sizeof(*names), compare_names);
    return names;
}

static const BlockDriver *driver_find(const char *name, bool is_protocol)
{
    for (unsigned i = 0; drivers[i]; i++) {
        if (drivers[i]->is_protocol == is_protocol &&
            (!strcmp(drivers[i]->name, name) || !g_strcmp0(drivers[i]->alias, name))) {
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
    { "vhdx", "vhdxfile", 8, 0 }, { "qed", "QED", 4, 0 }, { "luks", "LUKS\xba\xbe", 6, 0 },
    { "parallels", "WithoutFreeSpace", 16, 0 }, { "parallels", "WithouFreSpacExt", 16, 0 },
};

static const char *probe_foreign(const uint8_t *head)
{
    for (unsigned i = 0; i < ARRAY_SIZE(foreign_formats); i++) {
        if (!memcmp(head + foreign_formats[i].offset, foreign_formats[i].magic, foreign_formats[i].len)) {
            return foreign_formats[i].name;
        }
    }
    return NULL;
}

static const BlockDriver *probe_head(const uint8_t *head)
{
    const BlockDriver *best = NULL;
    int best_score = 0;

    for (unsigned i = 0; drivers[i]; i++) {
        int score = drivers[i]->probe ? drivers[i]->probe(head, PROBE_BYTES) : 0;

        if (score > best_score) {
            best = drivers[i];
            best_score = score;
        }
    }
    return best;
}

static const BlockDriver *probe_format(BlockNode *file, const BlockOpenOptions *o, bool *guessed, Error **errp)
{
    uint8_t head[PROBE_BYTES] = { 0 };
    const BlockDriver *drv;
    const char *foreign;

    if (!block_pread(file, 0, head, MIN(sizeof(head), block_size(file)), errp)) {
        return NULL;
    }
    drv = probe_head(head);
    if (drv) {
        return drv;
    }
    foreign = probe_foreign(head);
    if (foreign) {
        error_set(errp, "image format '%s' of '%s' is not supported by this version", foreign, file->filename);
        error_append_hint(errp, "format=raw shows the guest the file as it is.");
        return NULL;
    }
    if (o->warn_probed && !file->readonly) {
        warn_report("image format was not specified for '%s' and taken to be raw; say format=raw to be sure: until "
                    "then, nothing that looks like another format can be written to its first sector",
                    file->filename);
    }
    *guessed = true;
    return driver_find("raw", false);
}

/* ---- opening and closing ----------------------------------------------------------------------------------------- */

const char *const block_prealloc_names[PREALLOC__COUNT] = { "off", "metadata", "falloc", "full" };

bool block_prealloc_parse(const char *text, BlockPrealloc *p)
{
    for (int i = 0; i < PREALLOC__COUNT; i++) {
        if (g_str_equal(text, block_prealloc_names[i])) {
            *p = i;
            return true;
        }
    }
    return false;
}

bool block_cache_parse(const char *text, BlockCache *cache)
{
    static const struct {
        const char *name;
        BlockCache cache;
    } modes[] = {
        { "writeback", BLOCK_CACHE_WRITEBACK }, { "none", BLOCK_CACHE_NONE }, { "off", BLOCK_CACHE_NONE },
        { "writethrough", BLOCK_CACHE_WRITETHROUGH }, { "directsync", BLOCK_CACHE_DIRECTSYNC },
        { "unsafe", BLOCK_CACHE_UNSAFE },
    };

    for (unsigned i = 0; i < ARRAY_SIZE(modes); i++) {
        if (g_str_equal(text, modes[i].name)) {
            *cache = modes[i].cache;
            return true;
        }
    }
    return false;
}

bool block_aio_parse(const char *text, BlockAio *aio)
{
    static const char *const names[BLOCK_AIO__COUNT] = { "threads", "native", "io_uring" };

    for (unsigned i = 0; i < BLOCK_AIO__COUNT; i++) {
        if (g_str_equal(text, names[i])) {
            *aio = i;
            return true;
        }
    }
    return false;
}

static void node_free(BlockNode *n)
{
    g_free(n->state);
    g_free(n->filename);
    g_free(n->node_name);
    g_free(n->backing_file);
    g_free(n->backing_format);
    g_free(n);
}

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
    n->node_name = block_dict_take(o->dict, "node-name");
    if (n->node_name && block_find(n->node_name)) {
        error_set(errp, "Duplicate nodes with node-name='%s'", n->node_name);
        node_free(n);
        return NULL;
    }
    if (!drv->open(n, o, errp)) {
        node_free(n);
        return NULL;
    }
    n->next = nodes;
    nodes = n;
    return n;
}

BlockNode *block_next(const BlockNode *n)
{
    return n ? n->next : nodes;
}

BlockNode *block_find(const char *node_name)
{
    for (BlockNode *n = nodes; n; n = n->next) {
        if (n->node_name && g_str_equal(n->node_name, node_name)) {
            return n;
        }
    }
    return NULL;
}

/* A format (NULL: look) on a protocol, whose reference is taken also when it fails. */
static BlockNode *open_format(const BlockDriver *format, BlockNode *file, const BlockOpenOptions *o, Error **errp)
{
    bool guessed = false;
    BlockNode *n;

    if (!format) {
        format = probe_format(file, o, &guessed, errp);
    }
    n = format ? node_open(format, file->filename, file, o, errp) : NULL;
    if (!n) {
        block_unref(file);
        return NULL;
    }
    n->guard_head = guessed;
    if (!o->no_backing && n->backing_file && !n->backing && !block_open_backing(n, o, errp)) {
        error_prepend(errp, "Could not open backing file: ");
        block_unref(n);
        return NULL;
    }
    return n;
}

/* "name:" before any slash names a protocol, unless there is such a file. */
static char *protocol_prefix(const char *filename)
{
    size_t len = strspn(filename, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-._");

    return len && filename[len] == ':' ? g_strndup(filename, len) : NULL;
}

static const char *skip_file_prefix(const char *filename)
{
    return g_str_has_prefix(filename, "file:") ? filename + strlen("file:") : filename;
}

const BlockDriver *block_protocol_find(const char *filename)
{
    const char *path = skip_file_prefix(filename);
    g_autofree char *prefix = protocol_prefix(path);

    if (prefix && driver_find(prefix, true)) {
        return driver_find(prefix, true);
    }
    return prefix && path == filename && !g_file_test(path, G_FILE_TEST_EXISTS) ? NULL : driver_find("file", true);
}

BlockNode *block_open_protocol(const char *filename, const BlockOpenOptions *o, Error **errp)
{
    const BlockDriver *drv = block_protocol_find(filename);

    if (!drv) {
        g_autofree char *prefix = protocol_prefix(filename);

        error_set(errp, "Unknown protocol '%s'", prefix);
        return NULL;
    }
    return node_open(drv, skip_file_prefix(filename), NULL, o, errp);
}

BlockNode *block_open(const char *filename, const BlockOpenOptions *o, Error **errp)
{
    const BlockDriver *format = NULL;
    BlockOpenOptions plain = *o;
    BlockNode *file;

    plain.dict = NULL;
    if (g_str_has_prefix(filename, "json:")) {
        BlockDict *dict = block_dict_new();
        BlockNode *n = NULL;

        if (block_dict_parse_json(dict, filename + strlen("json:"), errp)) {
            if (o->format && !block_dict_get(dict, "driver")) {
                block_dict_set(dict, "driver", o->format);
            }
            n = block_open_dict(dict, o, errp);
        }
        block_dict_free(dict);
        return n;
    }
    if (o->format) {
        format = block_driver_find(o->format);
        if (!format) {
            error_set(errp, "unknown image format '%s'", o->format);
            return NULL;
        }
    }
    file = block_open_protocol(filename, &plain, errp);
    if (!file || (format && format->is_protocol)) {
        return file;
    }
    return open_format(format, file, o, errp);
}

/* cache.direct, cache.no-flush and the like, as they change what stands above. */
static bool take_common(BlockDict *dict, BlockOpenOptions *o, Error **errp)
{
    g_autofree char *discard = block_dict_take(dict, "discard"), *locking = block_dict_take(dict, "locking");
    g_autofree char *aio = block_dict_take(dict, "aio");
    bool direct = o->cache == BLOCK_CACHE_NONE || o->cache == BLOCK_CACHE_DIRECTSYNC;
    bool no_flush = o->cache == BLOCK_CACHE_UNSAFE;

    g_free(block_dict_take(dict, "detect-zeroes"));     /* accepted: advice */
    if (!block_dict_take_bool(dict, "read-only", &o->readonly, errp) ||
        !block_dict_take_bool(dict, "auto-read-only", &o->auto_readonly, errp) ||
        !block_dict_take_bool(dict, "force-share", &o->no_lock, errp) ||
        !block_dict_take_bool(dict, "cache.direct", &direct, errp) ||
        !block_dict_take_bool(dict, "cache.no-flush", &no_flush, errp)) {
        return false;
    }
    if (no_flush) {
        o->cache = BLOCK_CACHE_UNSAFE;
    } else if (direct && o->cache != BLOCK_CACHE_DIRECTSYNC) {
        o->cache = BLOCK_CACHE_NONE;
    } else if (!direct && o->cache == BLOCK_CACHE_NONE) {
        o->cache = BLOCK_CACHE_WRITEBACK;
    }
    if (discard) {
        o->discard = g_str_equal(discard, "unmap") || g_str_equal(discard, "on");
    }
    if (aio && !block_aio_parse(aio, &o->aio)) {
        error_set(errp, "Parameter 'aio' does not accept value '%s'", aio);
        return false;
    }
    if (locking) {
        o->no_lock = g_str_equal(locking, "off");
    }
    return true;
}

/* What "key" is in the dictionary: a name of a node, or options of one. Not there: *out stays NULL. */
bool block_open_child(BlockDict *dict, const char *key, const BlockOpenOptions *o, BlockNode **out, Error **errp)
{
    g_autofree char *name = block_dict_take(dict, key);
    BlockDict *sub = block_dict_take_sub(dict, key);

    if (name && *name) {
        *out = block_find(name);
        if (!*out) {
            error_set(errp, "Cannot find device='%s' nor node-name='%s'", name, name);
            block_dict_free(sub);
            return false;
        }
        block_ref(*out);
    } else if (sub) {
        *out = block_open_dict(sub, o, errp);
        if (!*out) {
            block_dict_free(sub);
            return false;
        }
    }
    block_dict_free(sub);
    return true;
}

/* A driver that was not named: a file when there is only a name, else whatever is found in it. */
static BlockNode *open_unnamed(BlockDict *dict, const BlockOpenOptions *o, bool is_file, Error **errp)
{
    g_autofree char *filename = block_dict_take(dict, "filename");

    if (!filename) {
        error_set(errp, "Must specify either driver or file");
        return NULL;
    }
    return is_file ? block_open_protocol(filename, o, errp) : block_open(filename, o, errp);
}

/* drv NULL: the format is looked for in the file. */
static BlockNode *open_named(const BlockDriver *drv, BlockDict *dict, const BlockOpenOptions *o, Error **errp)
{
    BlockOpenOptions below = *o, with_backing = *o;
    BlockNode *file = NULL, *backing = NULL, *n;
    bool no_backing = g_strcmp0(block_dict_get(dict, "backing"), "") == 0;

    if (drv && drv->is_protocol) {
        g_autofree char *filename = block_dict_take(dict, "filename");

        if (!filename && g_str_equal(drv->name, "file")) {
            error_set(errp, "Parameter 'filename' is missing");
            return NULL;
        }
        return node_open(drv, filename ? filename : drv->name, NULL, o, errp);
    }
    below.format = NULL;
    below.dict = NULL;
    if (!block_open_child(dict, "file", &below, &file, errp)) {
        return NULL;
    }
    if (!file && block_dict_get(dict, "filename")) {
        file = open_unnamed(dict, &below, true, errp);
        if (!file) {
            return NULL;
        }
    }
    if (!file) {
        error_set(errp, "A block device must be specified for \"file\"");
        return NULL;
    }
    below.readonly = true;
    if (no_backing) {
        g_hash_table_remove(dict, "backing");
    } else if (!block_open_child(dict, "backing", &below, &backing, errp)) {
        block_unref(file);
        return NULL;
    }
    with_backing.no_backing |= no_backing || backing;
    n = open_format(drv, file, &with_backing, errp);
    if (n) {
        n->backing = backing;
    } else {
        block_unref(backing);
    }
    return n;
}

static bool names_file(BlockDict *dict)
{
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init(&iter, dict);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        if (g_str_equal(key, "file") || g_str_has_prefix(key, "file.")) {
            return true;
        }
    }
    return false;
}

static int open_depth;          /* IO thread: files below files; bounded against loops of dictionaries */

BlockNode *block_open_dict(BlockDict *dict, const BlockOpenOptions *o, Error **errp)
{
    g_autofree char *name = block_dict_take(dict, "driver");
    const BlockDriver *drv = name ? block_driver_find(name) : NULL;
    BlockOpenOptions own = *o;
    BlockNode *n;

    if (name && !drv) {
        error_set(errp, "Unknown driver '%s'", name);
        return NULL;
    }
    if (!take_common(dict, &own, errp)) {
        return NULL;
    }
    own.dict = dict;
    own.format = NULL;
    open_depth++;
    n = drv || names_file(dict) ? open_named(drv, dict, &own, errp) : open_unnamed(dict, &own, open_depth > 1, errp);
    open_depth--;
    if (n && !block_dict_all_used(dict, errp)) {
        block_unref(n);
        n = NULL;
    }
    return n;
}

char *block_backing_path(const char *image, const char *backing)
{
    g_autofree char *dir = NULL, *prefix = protocol_prefix(backing);

    if (g_path_is_absolute(backing) || prefix || !strchr(image, '/') || g_str_has_prefix(image, "json:")) {
        return g_strdup(g_str_has_prefix(backing, "file:") ? backing + strlen("file:") : backing);
    }
    dir = g_strndup(image, strrchr(image, '/') + 1 - image);
    return g_strconcat(dir, backing, NULL);
}

#define CHAIN_MAX 200
static unsigned chain_length;   /* IO thread: backing files being opened below each other; a loop never ends */

bool block_open_backing(BlockNode *n, const BlockOpenOptions *o, Error **errp)
{
    g_autofree char *path = NULL;
    BlockOpenOptions below = {
        .format = n->backing_format, .readonly = true, .no_lock = o->no_lock, .share_write = o->share_write,
        .cache = o->cache, .aio = o->aio, .at_once = o->at_once,
    };

    if (!n->backing_file || n->backing) {
        return true;
    }
    path = block_backing_path(n->filename, n->backing_file);
    if (chain_length >= CHAIN_MAX) {
        error_set(errp, "Backing file '%s' creates an infinite loop.", path);
        return false;
    }
    chain_length++;
    n->backing = block_open(path, &below, errp);
    chain_length--;
    return n->backing;
}

bool block_relock(BlockNode *n, bool write, Error **errp)
{
    while (n && !n->drv->relock) {
        n = n->file;
    }
    return !n || n->drv->relock(n, write, errp);
}

bool block_is_below(const BlockNode *n)
{
    for (const BlockNode *other = nodes; other; other = other->next) {
        if (other->file == n || other->backing == n) {
            return true;
        }
    }
    return false;
}

void block_ref(BlockNode *n)
{
    n->refs++;
}

void block_unref(BlockNode *n)
{
    BlockNode **at = &nodes, *file, *backing;

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
    backing = n->backing;
    if (n->drv->close) {
        n->drv->close(n);
    }
    node_free(n);
    block_unref(file);
    block_unref(backing);
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

static BlockNode *leaf_of(BlockNode *n, uint64_t *offset)
{
    while (n->drv->pass_through) {
        *offset += n->window_start;
        n = n->file;
    }
    return n;
}

/* raw has no code of its own that could say what it does. */
static void raw_event(BlockNode *n, BlockNode *leaf, const BlockOp *op)
{
    if (leaf->drv->event && n != leaf && (op->kind == BLOCK_READ || op->kind == BLOCK_WRITE)) {
        block_event(leaf, op->kind == BLOCK_READ ? BLOCK_EVENT_READ_AIO : BLOCK_EVENT_WRITE_AIO);
    }
}

/* Raw was only a guess: a guest that writes another format's header there would make the next guess come out wrong. */
static bool disguises_head(const BlockOp *op)
{
    uint8_t head[PROBE_BYTES] = { 0 };
    size_t at = op->offset;

    if (op->kind != BLOCK_WRITE || op->offset >= PROBE_BYTES) {
        return false;
    }
    for (int i = 0; i < op->niov && at < PROBE_BYTES; i++) {
        size_t len = MIN(op->iov[i].iov_len, PROBE_BYTES - at);

        memcpy(head + at, op->iov[i].iov_base, len);
        at += len;
    }
    return probe_head(head) || probe_foreign(head);
}

static int check_op(BlockNode *n, const BlockOp *op)
{
    if (op->kind != BLOCK_READ && op->kind != BLOCK_FLUSH && n->readonly) {
        return -EROFS;
    }
    if ((op->flags & BLOCK_COMPRESSED) && !n->drv->co_run) {
        return -ENOTSUP;
    }
    return n->guard_head && disguises_head(op) ? -EPERM : 0;
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

    raw_event(r->node, r->leaf, &r->op);
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

static int try_leaf(BlockNode *leaf, const BlockOp *op)
{
    return leaf->drv->try_run ? leaf->drv->try_run(leaf, op) : -EAGAIN;
}

static int try_leaf_locked(BlockNode *leaf, const BlockOp *op)
{
    return op->bytes <= TRY_BYTES_MAX || leaf->at_once ? try_leaf(leaf, op) : -EAGAIN;
}

static int try_unlocked(BlockNode *leaf, const BlockOp *op)
{
    int ret;

    big_unlock();
    ret = try_leaf(leaf, op);
    big_lock();
    return ret;
}

/* What takes longer is copied without the big lock, while everybody else sees a request under way. */
int block_try(BlockNode *n, const BlockOp *op)
{
    bool is_long = op->kind == BLOCK_WRITE || op->bytes > TRY_BYTES_MAX;
    BlockOp moved = *op;
    BlockNode *top = leaf_of(n, &moved.offset), *leaf = top;
    void *pin = NULL;
    int ret;

    if (check_op(n, op) || (is_long && in_io_thread())) {
        return -EAGAIN;
    }
    if (top->drv->pin) {
        pin = top->drv->pin(top, &moved, &moved.offset);
        if (!pin) {
            return -EAGAIN;
        }
        leaf = top->file;
    }
    n->in_flight++;
    ret = is_long ? try_unlocked(leaf, &moved) : try_leaf(leaf, &moved);
    n->in_flight--;
    if (pin) {
        top->drv->unpin(top, pin);
    }
    return ret ? -EAGAIN : 0;
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

static void submit(BlockNode *n, const BlockOp *op, BlockDone *cb, void *opaque, bool anywhere)
{
    BlockRequest *r = g_new0(BlockRequest, 1);
    const BlockDriver *drv;
    int ret = check_op(n, op);

    *r = (BlockRequest){
        .op = *op, .node = n, .cb = cb, .opaque = opaque,
        .job = { .run = request_run, .done = request_ran, .done_anywhere = anywhere },
    };
    r->leaf = leaf_of(n, &r->op.offset);
    trace_block_submit(r, op->kind, op->offset, op->bytes, n->filename);
    n->in_flight++;
    drv = r->leaf->drv;
    if (!ret) {
        ret = try_leaf_locked(r->leaf, &r->op);
    }
    if (ret != -EAGAIN) {
        worker_complete(&r->job, ret);
    } else if (drv->run) {
        if (!drv->start || !drv->start(r->leaf, &r->op, &r->job)) {
            worker_submit(&r->job);
        }
    } else {
        queue_for_coroutine(r);
    }
}

void block_submit(BlockNode *n, const BlockOp *op, BlockDone *cb, void *opaque)
{
    submit(n, op, cb, opaque, false);
}

void block_submit_anywhere(BlockNode *n, const BlockOp *op, BlockDone *cb, void *opaque)
{
    submit(n, op, cb, opaque, true);
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
    BlockOp moved = *op;
    BlockNode *leaf = leaf_of(n, &moved.offset);
    int ret = check_op(n, op);

    if (ret) {
        return ret;
    }
    if (!leaf->drv->run) {
        raw_event(n, leaf, &moved);
        return leaf->drv->co_run(leaf, &moved);
    }
    ret = try_leaf_locked(leaf, &moved);
    if (ret != -EAGAIN) {
        return ret;
    }
    block_submit(n, op, co_wait_done, &w);
    co_yield();
    return w.ret;
}

int block_run_sync(BlockNode *n, const BlockOp *op)
{
    CoWait w = { 0 };
    BlockOp moved = *op;
    BlockNode *leaf = leaf_of(n, &moved.offset);

    if (leaf->drv->run) {
        int ret = check_op(n, op);

        return ret ? ret : leaf->drv->run(leaf, &moved);
    }
    block_submit(n, op, co_wait_done, &w);
    while (!w.done) {
        main_loop_wait(-1);
    }
    return w.ret;
}

int block_run(BlockNode *n, const BlockOp *op)
{
    return co_self() ? co_block_run(n, op) : block_run_sync(n, op);
}

static int run_rw(BlockNode *n, BlockOpKind kind, uint64_t offset, void *buf, size_t len)
{
    struct iovec iov = { buf, len };

    return len ? block_run(n, &(BlockOp){ .kind = kind, .offset = offset, .bytes = len, .iov = &iov, .niov = 1 }) : 0;
}

int block_run_read(BlockNode *n, uint64_t offset, void *buf, size_t len)
{
    return run_rw(n, BLOCK_READ, offset, buf, len);
}

int block_run_write(BlockNode *n, uint64_t offset, const void *buf, size_t len)
{
    return run_rw(n, BLOCK_WRITE, offset, (void *)buf, len);
}

int block_run_flush(BlockNode *n)
{
    return block_run(n, &(BlockOp){ .kind = BLOCK_FLUSH });
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

typedef struct CopyRange {
    BlockNode *from, *to;
    uint64_t from_offset, to_offset, bytes;
} CopyRange;

static int run_copy_range(void *opaque)
{
    const CopyRange *c = opaque;

    return c->from->drv->copy_range(c->from, c->from_offset, c->to, c->to_offset, c->bytes);
}

int block_copy_range(BlockNode *from, uint64_t from_offset, BlockNode *to, uint64_t to_offset, uint64_t bytes)
{
    CopyRange c = { .from_offset = from_offset, .to_offset = to_offset, .bytes = bytes };
    int ret;

    c.from = leaf_of(from, &c.from_offset);
    c.to = leaf_of(to, &c.to_offset);
    if (to->readonly) {
        return -EROFS;
    }
    if (!c.from->drv->copy_range || c.from->drv->copy_range != c.to->drv->copy_range || to->guard_head) {
        return -ENOTSUP;
    }
    ret = co_worker_run(run_copy_range, &c);
    trace_block_copy_range(from->filename, to->filename, to_offset, bytes, ret);
    return ret;
}

void block_drain(BlockNode *n)
{
    throttle_release_all();
    while (n->in_flight) {
        worker_wait();
        throttle_release_all();
    }
}
