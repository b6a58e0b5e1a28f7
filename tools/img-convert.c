/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qemu-img convert and dd
 *
 * Several coroutines take the next stretch of the source each, read it and write it. Unless the order does not matter
 * (-W, compressed targets, raw ones) they write one after the other, so that the target's clusters follow its contents.
 */
#include "qemu/osdep.h"
#include <sys/stat.h>
#include "img.h"
#include "qemu/coroutine.h"
#include "qemu/main-loop.h"
#include "qemu/option.h"

#define CHUNK           (2 * MiB)
#define CHUNK_AT_ONCE   (256 * KiB)     /* what has been read is still in the processor's own cache */
#define SPARSE_DEFAULT  4096
#define COROUTINES_MAX  16

typedef struct Source {
    BlockNode *n, *base;        /* base: what the target has below it too; not read */
    uint64_t start, size;       /* in the concatenation */
} Source;

typedef struct Stretch {
    uint64_t start, bytes, ticket;
    enum { STRETCH_SKIP, STRETCH_ZERO, STRETCH_DATA } kind;
    Source *source;             /* NULL: behind the end of the last */
    BlockNode *file;            /* NULL: only reading shows what is there; else it stands here, at map */
    uint64_t map;
} Stretch;

typedef struct Convert {
    Source *sources;
    unsigned n_sources;
    BlockNode *target;
    uint64_t total, next, done; /* bytes: taken, finished */
    Stretch known;              /* of one kind, as long as the source says: next lies within, or it is out of date */
    CoMutex taking;             /* guards next: asking what is there may give way */
    uint64_t tickets, turn;     /* of writes in order */
    CoQueue waiting;
    unsigned running;
    uint64_t chunk, cluster;
    uint64_t sparse;            /* 0: zeros are written */
    bool compressed, ordered, salvage, target_is_zero, has_backing;
    bool offload;               /* the host copies what stands in files as it is, as long as it can */
    ImgRate rate;
    int ret;                    /* the first failure */
} Convert;

/* ---- what comes next --------------------------------------------------------------------------------------------- */

static Source *source_at(Convert *c, uint64_t at)
{
    for (unsigned i = 0; i < c->n_sources; i++) {
        if (at - c->sources[i].start < c->sources[i].size) {
            return &c->sources[i];
        }
    }
    return NULL;
}

static int status_of(Convert *c, Stretch *s)
{
    BlockStatus st;
    int ret = 0;

    s->kind = STRETCH_DATA;
    ret = block_status_above(s->source->n, s->source->base, s->start - s->source->start, s->bytes, &st);
    if (ret && !c->salvage) {
        return ret;
    }
    if (ret) {
        s->bytes = MIN(s->bytes, c->chunk);     /* behind that it may be known again */
    } else {
        s->bytes = st.bytes;
        if (st.flags & BLOCK_ST_OFFSET) {
            s->file = st.file;
            s->map = st.map;
        }
        if (st.flags & BLOCK_ST_ZERO) {
            s->kind = c->sparse || c->compressed ? STRETCH_ZERO : STRETCH_DATA;
        } else if (s->source->base && !(st.flags & BLOCK_ST_ALLOCATED)) {
            s->kind = STRETCH_SKIP;
        }
    }
    return 0;
}

/* From c->next on, to where something else begins. */
static int look(Convert *c, Stretch *s)
{
    Stretch *known = &c->known;
    uint64_t passed;

    if (c->next - known->start >= known->bytes) {
        Source *source = source_at(c, c->next);

        *known = (Stretch){ .start = c->next, .source = source, .kind = STRETCH_ZERO };
        known->bytes = source ? source->start + source->size - c->next : c->total - c->next;
        if (source) {
            int ret = status_of(c, known);

            if (ret) {
                known->bytes = 0;
                return ret;
            }
        }
    }
    passed = c->next - known->start;
    *s = *known;
    s->start += passed;
    s->bytes -= passed;
    s->map += passed;
    return 0;
}

/* Compressed clusters are made of whole ones: what starts or ends within one is data. */
static int take(Convert *c, Stretch *s)
{
    int ret = look(c, s);

    if (ret) {
        return ret;
    }
    if (c->compressed) {
        uint64_t cluster = c->cluster;

        if (s->kind != STRETCH_DATA && s->bytes >= cluster) {
            s->bytes = c->next + s->bytes == c->total ? s->bytes : ROUND_DOWN(s->bytes, cluster);
        } else {
            s->kind = STRETCH_DATA;
            s->bytes = MIN(ROUND_UP(MIN(s->bytes, c->chunk), cluster), c->total - c->next);
        }
    }
    if (s->kind == STRETCH_DATA) {
        s->bytes = MIN(s->bytes, c->chunk);
    }
    s->bytes = MIN(s->bytes, BLOCK_REQUEST_MAX);
    c->next += s->bytes;
    s->ticket = c->tickets++;
    return 0;
}

/* ---- copying ----------------------------------------------------------------------------------------------------- */

/* Over the edge of a source, as compressed clusters may need. */
static int read_stretch(Convert *c, const Stretch *s, uint8_t *buf)
{
    for (uint64_t done = 0; done < s->bytes;) {
        Source *src = source_at(c, s->start + done);
        uint64_t at = s->start + done, len = s->bytes - done;
        int ret;

        if (!src) {
            memset(buf + done, 0, len);
            return 0;
        }
        len = MIN(len, src->start + src->size - at);
        ret = block_run_read(src->n, at - src->start, buf + done, len);
        if (ret && c->salvage) {
            warn_report("error while reading offset %" PRIu64 ": %s", at, strerror(-ret));
            memset(buf + done, 0, len);
        } else if (ret) {
            error_report("error while reading at byte %" PRIu64 ": %s", at, strerror(-ret));
            return ret;
        }
        done += len;
    }
    return 0;
}

static int write_zeros(Convert *c, uint64_t at, uint64_t bytes)
{
    if (c->target_is_zero && !c->has_backing) {
        return 0;
    }
    return block_run(c->target, &(BlockOp){ .kind = BLOCK_WRITE_ZEROES, .flags = BLOCK_MAY_UNMAP, .offset = at,
                                            .bytes = bytes });
}

/* How much from the start is of one kind, zero or not, where runs of zeros count from c->sparse on. */
static uint64_t run_length(Convert *c, uint64_t at, const uint8_t *buf, uint64_t len, bool *is_zero)
{
    uint64_t unit = c->sparse, first = MIN(len, unit - at % unit), got = first;

    *is_zero = img_is_zero(buf, first);
    while (got < len && img_is_zero(buf + got, MIN(unit, len - got)) == *is_zero) {
        got += MIN(unit, len - got);
    }
    return MIN(got, len);
}

static int write_plain(Convert *c, uint64_t at, const uint8_t *buf, uint64_t len)
{
    while (len) {
        bool is_zero = false;
        uint64_t part = c->sparse ? run_length(c, at, buf, len, &is_zero) : len;
        int ret = is_zero ? write_zeros(c, at, part) : block_run_write(c->target, at, buf, part);

        if (ret) {
            return ret;
        }
        at += part;
        buf += part;
        len -= part;
    }
    return 0;
}

static int write_compressed(Convert *c, uint64_t at, uint8_t *buf, uint64_t len)
{
    while (len) {
        uint64_t part = MIN(len, c->cluster);
        struct iovec iov = { buf, part };
        BlockOp op = { .kind = BLOCK_WRITE, .flags = BLOCK_COMPRESSED, .offset = at, .bytes = part, .iov = &iov,
                       .niov = 1 };
        int ret = img_is_zero(buf, part) ? write_zeros(c, at, part) : block_run(c->target, &op);

        if (ret) {
            return ret;
        }
        at += part;
        buf += part;
        len -= part;
    }
    return 0;
}

static void wait_turn(Convert *c, const Stretch *s)
{
    while (c->ordered && c->turn != s->ticket && !c->ret) {
        co_queue_wait(&c->waiting);
    }
}

/* 0: the host has copied it; -ENOTSUP: read and write. */
static int offload(Convert *c, const Stretch *s)
{
    int ret = c->offload && s->kind == STRETCH_DATA && s->file ?
              block_copy_range(s->file, s->map, c->target, s->start, s->bytes) : -ENOTSUP;

    if (ret == -ENOTSUP && s->file) {
        c->offload = false;
    }
    return ret;
}

static int write_stretch(Convert *c, const Stretch *s, uint8_t *buf)
{
    if (s->kind == STRETCH_SKIP) {
        return 0;
    }
    if (s->kind == STRETCH_ZERO) {
        return write_zeros(c, s->start, s->bytes);
    }
    return c->compressed ? write_compressed(c, s->start, buf, s->bytes) : write_plain(c, s->start, buf, s->bytes);
}

static int copy_stretch(Convert *c, const Stretch *s, uint8_t *buf)
{
    int ret = -ENOTSUP;

    if (s->kind == STRETCH_DATA) {
        img_rate_wait(&c->rate, s->bytes);
        ret = offload(c, s);            /* raw targets only, where turns do not matter */
        if (ret == -ENOTSUP) {
            ret = read_stretch(c, s, buf);
            if (ret) {
                return ret;             /* reported */
            }
            ret = -ENOTSUP;
        }
    }
    if (ret == -ENOTSUP) {
        wait_turn(c, s);
        ret = c->ret ? 0 : write_stretch(c, s, buf);
    }
    if (ret) {
        error_report("error while writing at byte %" PRIu64 ": %s", s->start, strerror(-ret));
    }
    return ret;
}

static void copy_co(void *opaque)
{
    Convert *c = opaque;
    g_autofree uint8_t *buf = g_malloc(c->chunk);

    while (c->next < c->total && !c->ret && !img_interrupted()) {
        Stretch s;
        int ret;

        co_mutex_lock(&c->taking);
        if (c->next >= c->total) {
            co_mutex_unlock(&c->taking);
            break;
        }
        ret = take(c, &s);
        co_mutex_unlock(&c->taking);
        if (ret) {
            error_report("error while reading block status at offset %" PRIu64 ": %s", c->next, strerror(-ret));
        } else {
            ret = copy_stretch(c, &s, buf);
        }
        c->ret = c->ret ? c->ret : ret;
        c->turn++;
        if (!ret) {
            c->done += s.bytes;
            img_progress(c->done * 100.0 / c->total);
        }
        co_queue_all(&c->waiting);
    }
    c->running--;
}

static int copy_all(Convert *c, unsigned coroutines)
{
    c->running = coroutines;
    for (unsigned i = 0; i < coroutines; i++) {
        co_enter(co_new(copy_co, c));
    }
    while (c->running) {
        main_loop_wait(-1);
    }
    if (img_interrupted() && !c->ret) {
        error_report("interrupted: '%s' is incomplete", block_filename(c->target));
        c->ret = -EINTR;
    }
    return c->ret;
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

typedef struct Args {
    ImgOpen in, out;
    const char *backing, *backing_format, *snapshot;
    char *options;
    uint64_t coroutines;
    bool no_create, progress, quiet, help, target_is_zero, has_sparse;
} Args;

static void args_clear(Args *a)
{
    g_free(a->options);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Args, args_clear)

/* A target that stands on the same file as a part of the source's chain need not hold what is in there. */
static BlockNode *find_base(BlockNode *n, const char *target, const char *backing)
{
    g_autofree char *path = block_backing_path(target, backing);
    struct stat want, have;

    if (stat(path, &want)) {
        return NULL;
    }
    for (n = n->backing; n; n = n->backing) {
        if (!stat(block_filename(n), &have) && have.st_dev == want.st_dev && have.st_ino == want.st_ino) {
            return n;
        }
    }
    return NULL;
}

static bool open_sources(Convert *c, const Args *a, char **names, unsigned n, const char *target)
{
    c->sources = g_new0(Source, n);
    for (unsigned i = 0; i < n; i++) {
        Source *s = &c->sources[i];

        s->n = img_open(names[i], &a->in);
        if (!s->n) {
            return false;
        }
        c->n_sources++;
        if (a->snapshot && !img_load_snapshot(s->n, a->snapshot)) {
            return false;
        }
        s->start = c->total;
        s->size = block_size(s->n);
        c->total += s->size;
        if (a->backing && n == 1) {
            s->base = find_base(s->n, target, a->backing);
        }
    }
    return true;
}

static void set_if_given(BlockDict *d, const char *key, const char *value)
{
    if (value) {
        block_dict_set(d, key, value);
    }
}

static bool make_target(Convert *c, const Args *a, const char *filename, const char *format)
{
    const BlockDriver *drv = img_find_format(format);       /* check_args() has found it */
    g_autoptr(GHashTable) d = block_dict_new();
    g_autofree char *size = g_strdup_printf("%" PRIu64, c->total);
    g_autofree char *prefix = g_strdup_printf("%s: error while converting %s", filename, format);

    if (a->options && !img_add_options(d, NULL, a->options)) {
        return false;
    }
    set_if_given(d, "size", block_dict_get(d, "size") ? NULL : size);
    if (drv->create && (!img_can_have_backing(drv, a->backing, a->backing_format, NULL) ||
                        !img_check_options(drv, d, NULL))) {
        return false;
    }
    set_if_given(d, "backing_file", a->backing);
    set_if_given(d, "backing_fmt", a->backing_format);
    if (block_dict_get(d, "backing_file") && !block_dict_get(d, "backing_fmt")) {
        error_report("Use of backing file requires explicit backing format");
        return false;
    }
    for (unsigned i = 0; i < c->n_sources; i++) {
        struct stat x, y;

        if (!stat(block_filename(c->sources[i].n), &x) && !stat(filename, &y) && x.st_dev == y.st_dev &&
            x.st_ino == y.st_ino) {
            error_report("'%s' is source and target", filename);
            return false;
        }
    }
    return img_create_image(filename, format, d, false, prefix);
}

static bool is_regular(const char *filename)
{
    struct stat st;

    return !stat(filename, &st) && S_ISREG(st.st_mode);
}

static bool is_at_once(const BlockNode *n)
{
    while (n->file) {
        n = n->file;
    }
    return n->at_once;
}

static int convert(Convert *c, Args *a, const char *filename, const char *format, char **names, unsigned n)
{
    BlockInfo info;

    if (!open_sources(c, a, names, n, filename) || (!a->no_create && !make_target(c, a, filename, format))) {
        return 1;
    }
    a->out.format = a->out.image_opts ? NULL : format;
    a->out.no_backing = false;
    c->target = img_open(filename, &a->out);
    if (!c->target) {
        return 1;
    }
    if (a->no_create && block_size(c->target) < c->total) {
        error_report("output file is smaller than input file");
        return 1;
    }
    c->has_backing = c->target->backing;
    c->target_is_zero = a->target_is_zero || (!a->no_create && is_regular(filename));
    block_get_info(c->target, &info);
    c->cluster = info.cluster_size ? info.cluster_size : 65536;
    c->compressed |= info.needs_compressed;
    block_info_clear(&info);
    if (c->compressed && !info.can_compress) {
        error_report("Compression not supported for this file format");
        return 1;
    }
    c->chunk = MAX(is_at_once(c->target) && !c->offload ? CHUNK_AT_ONCE : CHUNK, c->cluster);
    if (c->compressed) {
        c->chunk = c->cluster * MAX(1, 256 * KiB / c->cluster);
        c->ordered &= info.needs_compressed;    /* such formats are read from front to back */
    } else if (!c->target->drv->co_run) {
        c->ordered = false;
    }
    img_progress_start(a->progress && !a->quiet);
    if (copy_all(c, a->coroutines)) {
        return 1;
    }
    img_progress_end();
    return 0;
}

static bool parse_option(Args *a, Convert *c, int opt, const char **format)
{
    uint64_t v;

    if (opt != 't' && img_open_option(&a->in, opt)) {
        return true;
    }
    switch (opt) {
    case 'O': *format = optarg; break;
    case 'B': a->backing = optarg; break;
    case 'F': a->backing_format = optarg; break;
    case 'C': c->offload = true; break;
    case 'c': c->compressed = true; break;
    case 'l': a->snapshot = optarg; break;
    case 'n': a->no_create = true; break;
    case 'p': a->progress = true; break;
    case 'q': a->quiet = true; break;
    case 't': a->out.cache = optarg; break;
    case 'T': a->in.cache = optarg; break;
    case 'W': c->ordered = false; break;
    case OPT_SALVAGE: c->salvage = true; break;
    case OPT_BITMAPS:
        error_report("--bitmaps: dirty bitmaps are not supported; without it the image is copied without them");
        return false;
    case OPT_TARGET_IS_ZERO: a->target_is_zero = true; break;
    case OPT_TARGET_IMAGE_OPTS: a->out.image_opts = true; break;
    case 'r': return img_rate_parse(&c->rate, optarg);
    case 'o':
        if (g_str_equal(optarg, "help") || g_str_equal(optarg, "?")) {
            a->help = true;
        } else {
            char *old = a->options;

            a->options = old ? g_strconcat(old, ",", optarg, NULL) : g_strdup(optarg);
            g_free(old);
        }
        break;
    case 'm':
        if (!parse_uint(optarg, 1, COROUTINES_MAX, &a->coroutines, NULL)) {
            error_report("Invalid number of coroutines. Allowed number of coroutines is between 1 and 16");
            return false;
        }
        break;
    case 'S':
        if (!img_parse_size(optarg, "buffer size for sparse output", INT64_MAX, &v)) {
            return false;
        }
        if (v % 512 || v > 16 * MiB) {
            error_report("Invalid buffer size for sparse output specified. Valid sizes are multiples of 512 up to "
                         "16777216. Select 0 to disable sparse detection (fully allocates output).");
            return false;
        }
        c->sparse = v;
        a->has_sparse = true;
        break;
    }
    return true;
}

/* What contradicts itself, or what the target's format cannot do. */
static bool check_args(const Args *a, const Convert *c, const char *format)
{
    BlockCache cache;

    if (a->target_is_zero && !a->no_create) {
        error_report("--target-is-zero requires use of -n flag");
        return false;
    }
    if (a->no_create && a->options) {
        error_report("-o has no effect when skipping image creation");
        return false;
    }
    if (a->out.image_opts && !a->no_create) {
        error_report("--target-image-opts requires use of -n flag");
        return false;
    }
    if (c->offload && c->salvage) {
        error_report("Cannot use copy offloading in salvaging mode");
        return false;
    }
    if (c->offload && (a->has_sparse || c->compressed)) {
        error_report("Cannot enable copy offloading when -%c is used", a->has_sparse ? 'S' : 'c');
        return false;
    }
    if (!block_driver_find(format)) {
        error_report("Unknown file format '%s'", format);
        return false;
    }
    if (c->compressed && block_driver_find(format)->pass_through) {
        error_report("Compression not supported for this file format");
        return false;
    }
    if (!block_cache_parse(a->out.cache, &cache)) {
        error_report("Invalid cache option: %s", a->out.cache);
        return false;
    }
    return true;
}

int img_convert(int argc, char **argv)
{
    static const struct option longs[] = {
        IMG_LONG_OPTIONS, IMG_LONG_IMAGE, IMG_LONG_SHARE,
        { "target-image-opts", no_argument, NULL, OPT_TARGET_IMAGE_OPTS },
        { "bitmaps", no_argument, NULL, OPT_BITMAPS }, { "skip-broken-bitmaps", no_argument, NULL, OPT_BITMAPS },
        { "salvage", no_argument, NULL, OPT_SALVAGE }, { "target-is-zero", no_argument, NULL, OPT_TARGET_IS_ZERO },
        { 0 },
    };
    g_auto(Args) a = { .coroutines = 8, .out = { .cache = "unsafe", .write = true, .quiet = true } };
    Convert c = { .sparse = SPARSE_DEFAULT, .ordered = true };
    const char *format = "raw", *filename;
    int opt, status;

    while ((opt = img_next_option(argc, argv, ":hf:O:B:CcF:o:l:S:pt:T:qnm:WUr:", longs, NULL, &status)) != -1) {
        if (opt == IMG_STOP) {
            return status;
        }
        if (!parse_option(&a, &c, opt, &format)) {
            return 1;
        }
    }
    filename = optind < argc ? argv[argc - 1] : NULL;
    if (a.help) {
        return img_print_format_help(format, filename);
    }
    if (argc - optind < 2) {
        error_report("Must specify image file name");
        return 1;
    }
    if (!check_args(&a, &c, format)) {
        return 1;
    }
    img_catch_interrupt();
    status = convert(&c, &a, filename, format, argv + optind, argc - optind - 1);
    for (unsigned i = 0; i < c.n_sources; i++) {
        block_unref(c.sources[i].n);
    }
    if (c.target && !img_close(c.target)) {
        status = 1;
    }
    g_free(c.sources);
    return status;
}

/* ---- dd ---------------------------------------------------------------------------------------------------------- */

typedef struct Dd {
    char *in, *out;
    uint64_t bs, count, skip;
    bool has_count;
} Dd;

static bool dd_operand(Dd *d, const char *arg)
{
    static const struct {
        const char *name;
        size_t offset;
    } numbers[] = { { "bs", offsetof(Dd, bs) }, { "count", offsetof(Dd, count) }, { "skip", offsetof(Dd, skip) } };
    const char *eq = strchr(arg, '=');
    g_autofree char *name = eq ? g_strndup(arg, eq - arg) : g_strdup(arg);

    if (eq && g_str_equal(name, "if")) {
        d->in = g_strdup(eq + 1);
        return true;
    }
    if (eq && g_str_equal(name, "of")) {
        d->out = g_strdup(eq + 1);
        return true;
    }
    for (unsigned i = 0; eq && i < ARRAY_SIZE(numbers); i++) {
        if (g_str_equal(name, numbers[i].name)) {
            uint64_t *v = (uint64_t *)((char *)d + numbers[i].offset);

            if (!img_parse_size(eq + 1, name, i ? INT64_MAX : INT32_MAX, v)) {
                return false;
            }
            d->has_count |= g_str_equal(name, "count");
            if (!i && (!*v || *v > INT32_MAX)) {
                error_report("Invalid bs specified. Must be between 1 and 2147483647.");
                return false;
            }
            return true;
        }
    }
    error_report("unrecognized operand %s", name);
    return false;
}

static int dd_copy(const Dd *d, BlockNode *in, BlockNode *out, uint64_t from, uint64_t bytes)
{
    uint64_t step = MAX(d->bs, 64 * KiB);
    g_autofree uint8_t *buf = g_try_malloc(step);
    int ret = buf ? 0 : -ENOMEM;

    for (uint64_t done = 0; done < bytes && !ret; done += step) {
        uint64_t len = MIN(step, bytes - done);

        ret = block_run_read(in, from + done, buf, len);
        ret = ret ? ret : block_run_write(out, done, buf, len);
    }
    if (ret) {
        error_report("error while copying '%s': %s", d->in, strerror(-ret));
    }
    return ret;
}

int img_dd(int argc, char **argv)
{
    static const struct option longs[] = { IMG_LONG_OPTIONS, IMG_LONG_IMAGE, IMG_LONG_SHARE, { 0 } };
    Dd d = { .bs = 512 };
    ImgOpen in = { 0 }, out = { .write = true, .quiet = true, .cache = "unsafe" };
    const char *format = "raw";
    uint64_t size, from, bytes;
    g_autofree char *text = NULL, *prefix = NULL;
    g_autoptr(GHashTable) options = block_dict_new();
    BlockNode *src, *dst;
    int opt, status;

    while ((opt = img_next_option(argc, argv, ":hf:O:U", longs, &in, &status)) != -1) {
        if (opt == IMG_STOP) {
            return status;
        }
        format = opt == 'O' ? optarg : format;
    }
    for (int i = optind; i < argc; i++) {
        if (!dd_operand(&d, argv[i])) {
            return 1;
        }
    }
    if (!d.in || !d.out) {
        error_report("Must specify both input and output files");
        return 1;
    }
    if (!block_driver_find(format)) {
        error_report("Unknown file format '%s'", format);
        return 1;
    }
    src = img_open(d.in, &in);
    if (!src) {
        return 1;
    }
    size = block_size(src);
    from = d.skip > size / d.bs ? size : d.skip * d.bs;
    bytes = size - from;
    if (d.has_count && d.count < bytes / d.bs + 1) {
        bytes = MIN(bytes, d.count * d.bs);
    }
    if (d.skip && d.skip > size / d.bs) {
        error_report("%s: cannot skip to specified offset", d.in);
    }
    text = g_strdup_printf("%" PRIu64, bytes);
    block_dict_set(options, "size", text);
    status = 1;
    prefix = g_strdup_printf("%s: error while creating output image", d.out);
    if (img_create_image(d.out, format, options, false, prefix)) {
        out.format = format;
        dst = img_open(d.out, &out);
        status = dst && !dd_copy(&d, src, dst, from, bytes) ? 0 : 1;
        if (dst && !img_close(dst)) {
            status = 1;
        }
    }
    block_unref(src);
    g_free(d.in);
    g_free(d.out);
    return status;
}
