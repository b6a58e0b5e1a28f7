/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qemu-img commit, rebase, compare, bench: what moves or compares data of two images. */
#include "qemu/osdep.h"
#include <time.h>
#include "img.h"
#include "block/commit.h"
#include "qemu/coroutine.h"
#include "qemu/main-loop.h"
#include "qemu/option.h"

#define STEP (1 * MiB)

/* Of n as it is above base (NULL: all of it); behind its end zeros. */
static int read_padded(BlockNode *n, uint64_t at, uint8_t *buf, uint64_t len)
{
    uint64_t size = n ? block_size(n) : 0, there = at < size ? MIN(len, size - at) : 0;

    memset(buf + there, 0, len - there);
    return there ? block_run_read(n, at, buf, there) : 0;
}

/* ---- commit ------------------------------------------------------------------------------------------------------ */

static BlockNode *find_in_chain(BlockNode *top, const char *name)
{
    g_autofree char *want = realpath(name, NULL);

    for (BlockNode *n = top; n && n->backing; n = n->backing) {
        g_autofree char *have = realpath(block_filename(n->backing), NULL);

        if (!g_strcmp0(name, n->backing_file) || !g_strcmp0(name, block_filename(n->backing)) ||
            (have && want && g_str_equal(have, want))) {
            return n->backing;
        }
    }
    return NULL;
}

typedef struct Commit {
    ImgOpen open;
    const char *base;
    bool drop, quiet, progress;
    ImgRate rate;
} Commit;

/* For block_commit(). */
static void commit_progress(void *opaque, uint64_t bytes, uint64_t at, uint64_t size)
{
    Commit *a = opaque;

    if (bytes) {
        img_rate_wait(&a->rate, bytes);
    } else {
        img_progress(at * 100.0 / size);
    }
}

static int commit(BlockNode *top, const char *filename, Commit *a)
{
    BlockCommit c = { .base = a->base ? find_in_chain(top, a->base) : top->backing, .progress = commit_progress,
                      .opaque = a };
    Error *err = NULL;

    if (!top->backing) {
        error_report("Image does not have a backing file");
        return 1;
    }
    if (!c.base) {
        error_report("Did not find '%s' in the backing chain of '%s'", a->base, filename);
        return 1;
    }
    if (a->open.cache && !block_cache_parse(a->open.cache, &c.cache)) {
        error_report("Invalid cache option: %s", a->open.cache);
        return 1;
    }
    if (!block_commit(top, &c, &err)) {
        img_report(NULL, err);
        return 1;
    }
    if (!a->drop && c.base == top->backing) {
        if (!top->drv->make_empty) {
            error_report("Could not empty %s: the format cannot do that", filename);
            return 1;
        }
        if (!top->drv->make_empty(top, &err)) {
            img_report(NULL, err);
            return 1;
        }
    }
    img_progress_end();
    if (!a->quiet) {
        printf("Image committed.\n");
    }
    return 0;
}

int img_commit(int argc, char **argv)
{
    static const struct option longs[] = { IMG_LONG_OPTIONS, IMG_LONG_IMAGE, { 0 } };
    Commit a = { .open = { .write = true } };
    BlockNode *n;
    int c, status;

    while ((c = img_next_option(argc, argv, ":f:ht:b:dpqr:", longs, &a.open, &status)) != -1) {
        if (c == IMG_STOP) {
            return status;
        }
        switch (c) {
        case 'b': a.base = optarg; a.drop = true; break;
        case 'd': a.drop = true; break;
        case 'p': a.progress = true; break;
        case 'q': a.quiet = true; break;
        case 'r':
            if (!img_rate_parse(&a.rate, optarg)) {
                return 1;
            }
            break;
        }
    }
    if (optind != argc - 1) {
        return img_usage("Expecting one image file name");
    }
    n = img_open(argv[optind], &a.open);
    if (!n) {
        return 1;
    }
    img_progress_start(a.progress && !a.quiet);
    status = commit(n, argv[optind], &a);
    return img_close(n) ? status : 1;
}

/* ---- rebase ------------------------------------------------------------------------------------------------------ */

/* Does a chain (NULL: none) read as zeros, as far as it knows? *bytes: how far that is asked, and how far it holds. */
static int zeros_or_not(BlockNode *n, uint64_t at, uint64_t *bytes, bool *is_zero)
{
    uint64_t size = n ? block_size(n) : 0;
    BlockStatus st;
    int ret;

    *is_zero = at >= size;
    if (*is_zero) {
        return 0;
    }
    ret = block_status_above(n, NULL, at, MIN(*bytes, size - at), &st);
    if (!ret) {
        *is_zero = st.flags & BLOCK_ST_ZERO;
        *bytes = st.bytes;
    }
    return ret;
}

/* Not more than len: where the old one and the new one differ, the image itself takes over. */
static int take_over_part(BlockNode *n, BlockNode *old, BlockNode *new, uint64_t at, uint64_t len, uint8_t *a,
                          uint8_t *b)
{
    int ret = read_padded(old, at, a, len);

    ret = ret ? ret : read_padded(new, at, b, len);
    if (ret || !memcmp(a, b, len)) {
        return ret;
    }
    return img_is_zero(a, len) ? block_run(n, &(BlockOp){ .kind = BLOCK_WRITE_ZEROES, .flags = BLOCK_HIDES,
                                                          .offset = at, .bytes = len }) :
                                 block_run_write(n, at, a, len);
}

static int take_over(BlockNode *n, BlockNode *old, BlockNode *new)
{
    g_autofree uint8_t *a = g_malloc(STEP), *b = g_malloc(STEP);
    uint64_t size = block_size(n), step, len;
    BlockInfo info;
    int ret = 0;

    block_get_info(n, &info);
    step = info.cluster_size ? MIN(info.cluster_size, STEP) : 64 * KiB;
    block_info_clear(&info);
    for (uint64_t at = 0; at < size && !ret; at += len) {
        bool old_is_zero = false, new_is_zero = false;
        BlockStatus st = { 0 };

        ret = block_status(n, at, size - at, &st);
        len = st.bytes;
        if (ret || st.flags & BLOCK_ST_ALLOCATED) {
            continue;
        }
        ret = zeros_or_not(old, at, &len, &old_is_zero);
        ret = ret ? ret : zeros_or_not(new, at, &len, &new_is_zero);
        if (!ret && !(old_is_zero && new_is_zero)) {
            len = MIN(len, step - at % step);
            ret = take_over_part(n, old, new, at, len, a, b);
        }
        img_progress((at + len) * 100.0 / size);
    }
    return ret ? ret : block_run_flush(n);
}

typedef struct Rebase {
    ImgOpen open;
    BlockOpenOptions below;     /* the new backing file */
    const char *backing;
    bool unsafe, progress, quiet;
} Rebase;

static int rebase(BlockNode *n, const char *filename, const Rebase *a)
{
    const char *backing = a->backing, *format = a->below.format;
    BlockNode *below = NULL;
    Error *err = NULL;
    int ret = 0;

    if (!n->drv->change_backing) {
        error_report("Could not change the backing file to '%s': Operation not supported", backing ? backing : "");
        return 1;
    }
    if (format && !block_driver_find(format)) {
        error_report("Invalid format name: '%s'", format);
        return 1;
    }
    if (!a->unsafe && backing && *backing) {
        g_autofree char *path = block_backing_path(filename, backing);

        below = block_open(path, &a->below, &err);
        if (!below) {
            g_autofree char *text = g_strdup(error_get_message(err));

            *text = g_ascii_toupper(*text);
            error_report("Could not open new backing file '%s': %s", backing, text);
            error_free(err);
            return 1;
        }
    }
    if (backing && *backing && !format) {
        error_report("Could not change the backing file to '%s': backing format must be specified", backing);
        block_unref(below);
        return 1;
    }
    if (!a->unsafe) {
        ret = take_over(n, n->backing, below);
        block_unref(below);
    }
    if (ret) {
        error_report("error while copying from the old backing file: %s", strerror(-ret));
        return 1;
    }
    if (!n->drv->change_backing(n, backing && *backing ? backing : NULL, format, &err)) {
        error_prepend(&err, "Could not change the backing file to '%s': ", backing ? backing : "");
        error_report_err(err);
        return 1;
    }
    return 0;
}

int img_rebase(int argc, char **argv)
{
    static const struct option longs[] = { IMG_LONG_OPTIONS, IMG_LONG_IMAGE, IMG_LONG_SHARE, { 0 } };
    Rebase a = { .open = { .write = true }, .below = { .readonly = true } };
    BlockNode *n;
    int c, status;

    while ((c = img_next_option(argc, argv, ":hf:F:b:upt:T:qU", longs, &a.open, &status)) != -1) {
        if (c == IMG_STOP) {
            return status;
        }
        switch (c) {
        case 'F': a.below.format = optarg; break;
        case 'b': a.backing = optarg; break;
        case 'u': a.unsafe = true; break;
        case 'p': a.progress = true; break;
        case 'q': a.quiet = true; break;
        case 'T':
            if (!block_cache_parse(optarg, &a.below.cache)) {
                error_report("Invalid source cache option: %s", optarg);
                return 1;
            }
            break;
        }
    }
    if (optind != argc - 1) {
        return img_usage("Expecting one image file name");
    }
    if (!a.unsafe && !a.backing) {
        return img_usage("Must specify backing file (-b) or use unsafe mode (-u)");
    }
    a.open.no_backing = a.unsafe;
    a.below.no_lock = a.open.force_share;       /* only files that are read can be shared */
    a.open.force_share = false;
    n = img_open(argv[optind], &a.open);
    if (!n) {
        return 1;
    }
    img_progress_start(a.progress && !a.quiet);
    status = rebase(n, argv[optind], &a);
    img_progress_end();
    return img_close(n) ? status : 1;
}

/* ---- compare ----------------------------------------------------------------------------------------------------- */

typedef struct Pair {
    BlockNode *n[2];
    const char *names[2];
    bool strict, quiet;
} Pair;

static int differ(const Pair *p, const char *fmt, uint64_t at)
{
    if (!p->quiet) {
        printf(fmt, at);
    }
    return 1;
}

static uint64_t first_difference(const uint8_t *a, const uint8_t *b, uint64_t len)
{
    uint64_t i = 0;

    while (i + 512 <= len && !memcmp(a + i, b + i, 512)) {
        i += 512;
    }
    return i;
}

static int compare_range(const Pair *p, uint64_t at, uint64_t *len, uint8_t *buf[2])
{
    BlockStatus st[2] = { { .flags = BLOCK_ST_ZERO }, { .flags = BLOCK_ST_ZERO } };
    bool zero[2];

    for (int i = 0; i < 2; i++) {
        uint64_t size = block_size(p->n[i]);

        st[i].bytes = *len;
        if (at < size) {
            int ret = block_status_above(p->n[i], NULL, at, MIN(*len, size - at), &st[i]);

            if (ret) {
                error_report("Sector allocation test failed for %s: %s", p->names[i], strerror(-ret));
                return 3;
            }
        }
        *len = MIN(*len, st[i].bytes);
    }
    zero[0] = st[0].flags & BLOCK_ST_ZERO;
    zero[1] = st[1].flags & BLOCK_ST_ZERO;
    if (p->strict && (st[0].flags ^ st[1].flags) & BLOCK_ST_ALLOCATED) {
        return differ(p, "Strict mode: Offset %" PRIu64 " block status mismatch!\n", at);
    }
    if (zero[0] && zero[1]) {
        return 0;
    }
    *len = MIN(*len, STEP);
    for (int i = 0; i < 2; i++) {
        int ret = read_padded(p->n[i], at, buf[i], *len);

        if (ret) {
            error_report("Error while reading offset %" PRIu64 " of %s: %s", at, p->names[i], strerror(-ret));
            return 4;
        }
    }
    return memcmp(buf[0], buf[1], *len) ?
           differ(p, "Content mismatch at offset %" PRIu64 "!\n", at + first_difference(buf[0], buf[1], *len)) : 0;
}

static int compare(const Pair *p)
{
    uint64_t sizes[2] = { block_size(p->n[0]), block_size(p->n[1]) }, end = MAX(sizes[0], sizes[1]);
    g_autofree uint8_t *a = g_malloc(STEP), *b = g_malloc(STEP);
    uint8_t *buf[2] = { a, b };
    uint64_t both = MIN(sizes[0], sizes[1]);

    if (sizes[0] != sizes[1] && p->strict) {
        return differ(p, "Strict mode: Image size mismatch!\n", 0);
    }
    for (uint64_t at = 0; at < end;) {
        uint64_t len = (at < both ? both : end) - at;
        int ret;

        if (at == both && !p->quiet) {
            printf("Warning: Image size mismatch!\n");     /* what both have is the same */
        }
        ret = compare_range(p, at, &len, buf);
        if (ret) {
            return ret;
        }
        at += len;
        img_progress(at * 100.0 / end);
    }
    img_progress_end();
    if (!p->quiet) {
        printf("Images are identical.\n");
    }
    return 0;
}

int img_compare(int argc, char **argv)
{
    static const struct option longs[] = { IMG_LONG_OPTIONS, IMG_LONG_IMAGE, IMG_LONG_SHARE, { 0 } };
    ImgOpen o[2] = { { 0 }, { 0 } };
    Pair p = { 0 };
    bool progress = false;
    int c, status;

    while ((c = img_next_option(argc, argv, ":hf:F:T:pqsU", longs, &o[0], &status)) != -1) {
        if (c == IMG_STOP) {
            return status;
        }
        switch (c) {
        case 'F': o[1].format = optarg; break;
        case 'T': o[0].cache = o[1].cache = optarg; break;
        case 'p': progress = true; break;
        case 'q': p.quiet = true; break;
        case 's': p.strict = true; break;
        }
    }
    o[1].force_share = o[0].force_share;
    o[1].image_opts = o[0].image_opts;
    if (optind != argc - 2) {
        return img_usage("Expecting two image file names");
    }
    status = 2;
    for (int i = 0; i < 2; i++) {
        p.names[i] = argv[optind + i];
        p.n[i] = img_open(p.names[i], &o[i]);
        if (!p.n[i]) {
            block_unref(p.n[0]);
            return 2;
        }
    }
    img_progress_start(progress && !p.quiet);
    status = compare(&p);
    block_unref(p.n[0]);
    block_unref(p.n[1]);
    return status;
}

/* ---- bench ------------------------------------------------------------------------------------------------------- */

#define BENCH_ALIGN 4096      /* past the page cache */

typedef struct Bench {
    BlockNode *n;
    uint64_t count, depth, size, step, offset, flush_interval, pattern;
    bool write, no_drain, quiet;
    uint64_t started, in_flight, until_flush;
    bool flushing;
    uint8_t *buf;
    struct iovec iov;
    int ret;
} Bench;

static void bench_step(Bench *b);

static void bench_done(void *opaque, int ret)
{
    Bench *b = opaque;

    b->in_flight--;
    b->ret = b->ret ? b->ret : ret;
    bench_step(b);
}

static void bench_flushed(void *opaque, int ret)
{
    Bench *b = opaque;

    b->flushing = false;
    bench_done(opaque, ret);
}

static void bench_step(Bench *b)
{
    while (!b->ret && b->in_flight < b->depth && b->started < b->count && !(b->flushing && !b->no_drain)) {
        BlockOp op = { .kind = b->write ? BLOCK_WRITE : BLOCK_READ, .offset = b->offset, .bytes = b->size,
                       .iov = &b->iov, .niov = 1 };

        if (b->flush_interval && !b->until_flush) {
            if (b->in_flight && !b->no_drain) {
                return;
            }
            b->until_flush = b->flush_interval;
            b->flushing = true;
            b->in_flight++;
            block_submit(b->n, &(BlockOp){ .kind = BLOCK_FLUSH }, bench_flushed, b);
            continue;
        }
        b->until_flush -= b->flush_interval ? 1 : 0;
        b->started++;
        b->in_flight++;
        b->offset += b->step;
        if (b->offset > block_size(b->n) - b->size) {
            b->offset = 0;
        }
        block_submit(b->n, &op, bench_done, b);
    }
}

static void bench_announce(const Bench *b)
{
    printf("Sending %" PRIu64 " %s requests, %" PRIu64 " bytes each, %" PRIu64 " in parallel (starting at offset %"
           PRIu64 ", step size %" PRIu64 ")\n", b->count, b->write ? "write" : "read", b->size, b->depth, b->offset,
           b->step ? b->step : b->size);
    if (b->flush_interval) {
        printf("Sending flush every %" PRIu64 " %srequests\n", b->flush_interval, b->no_drain ? "" : "drained ");
    }
    fflush(stdout);
}

static int bench(Bench *b)
{
    gint64 start;

    if (b->size > block_size(b->n) || b->offset > block_size(b->n) - b->size) {
        error_report("the image is too small for that");
        return 1;
    }
    if (posix_memalign((void **)&b->buf, BENCH_ALIGN, b->size)) {
        error_report("not enough memory for buffers of %" PRIu64 " bytes", b->size);
        return 1;
    }
    memset(b->buf, b->pattern, b->size);
    b->iov = (struct iovec){ b->buf, b->size };
    if (!b->quiet) {
        bench_announce(b);
    }
    b->step = b->step ? b->step : b->size;
    b->until_flush = b->flush_interval;
    start = g_get_monotonic_time();
    bench_step(b);
    while (b->in_flight) {
        main_loop_wait(-1);
    }
    free(b->buf);
    if (b->ret) {
        error_report("Failed request: %s", strerror(-b->ret));
        return 1;
    }
    printf("Run completed in %3.3f seconds.\n", (g_get_monotonic_time() - start) / 1e6);
    return 0;
}

static bool bench_number(const char *text, const char *what, uint64_t max, uint64_t *out)
{
    if (!parse_size(text, 1, out, NULL) || *out > max) {
        error_report("Invalid %s specified", what);
        return false;
    }
    return true;
}

int img_bench(int argc, char **argv)
{
    static const struct option longs[] = {
        IMG_LONG_OPTIONS, IMG_LONG_IMAGE, IMG_LONG_SHARE,
        { "flush-interval", required_argument, NULL, OPT_FLUSH_INTERVAL },
        { "pattern", required_argument, NULL, OPT_PATTERN }, { "no-drain", no_argument, NULL, OPT_NO_DRAIN }, { 0 },
    };
    Bench b = { .count = 75000, .depth = 64, .size = 4096 };
    ImgOpen o = { .quiet = true, .in_workers = true };
    BlockCache cache;
    int c, status;
    bool ok = true;

    while ((c = img_next_option(argc, argv, ":hc:d:f:ni:o:qs:S:t:wU", longs, &o, &status)) != -1) {
        if (c == IMG_STOP) {
            return status;
        }
        switch (c) {
        case 'c': ok &= bench_number(optarg, "request count", INT32_MAX, &b.count); break;
        case 'd': ok &= bench_number(optarg, "queue depth", INT32_MAX, &b.depth); break;
        case 's': ok &= img_parse_size(optarg, "buffer size", INT32_MAX, &b.size); break;
        case 'S': ok &= img_parse_size(optarg, "step_size", INT32_MAX, &b.step); break;
        case 'o': ok &= img_parse_size(optarg, "offset", INT64_MAX, &b.offset); break;
        case OPT_FLUSH_INTERVAL: ok &= bench_number(optarg, "flush interval", INT32_MAX, &b.flush_interval); break;
        case OPT_PATTERN: ok &= bench_number(optarg, "pattern byte", 255, &b.pattern); break;
        case OPT_NO_DRAIN: b.no_drain = true; break;
        case 'n': o.aio = BLOCK_AIO_NATIVE; break;
        case 'w': b.write = o.write = true; break;
        case 'i':
            if (!img_parse_aio(optarg, &o.aio)) {
                return 1;
            }
            break;
        case 'q': b.quiet = true; break;
        }
    }
    if (!ok) {
        return 1;
    }
    if (optind != argc - 1) {
        return img_usage("Expecting one image file name");
    }
    if (o.cache && !block_cache_parse(o.cache, &cache)) {
        error_report("Invalid cache mode");
        return 1;
    }
    if (!b.size || !b.depth) {
        error_report("Invalid %s specified", b.size ? "queue depth" : "buffer size");
        return 1;
    }
    if (!b.write && b.flush_interval) {
        error_report("--flush-interval is only available in write tests");
        return 1;
    }
    if (b.flush_interval && b.flush_interval < b.depth) {
        error_report("Flush interval can't be smaller than depth");
        return 1;
    }
    b.n = img_open(argv[optind], &o);
    if (!b.n) {
        return 1;
    }
    status = bench(&b);
    return img_close(b.n) ? status : 1;
}
