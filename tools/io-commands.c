/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qemu-io: the commands. */
#include "qemu/osdep.h"
#include <math.h>
#include <signal.h>
#include "io.h"
#include "qemu/main-loop.h"
#include "qemu/option.h"

#define LEN_MAX     BLOCK_REQUEST_MAX
#define FILL        0xcd

typedef struct IoCommand {
    const char *name, *alias;
    int (*run)(Io *io, int argc, char **argv);  /* < 0: failed, said why */
    int min_args, max_args;     /* max < 0: any number */
    bool needs_file;
    const char *args, *about;
} IoCommand;
static const IoCommand io_commands[];

/* ---- opening ----------------------------------------------------------------------------------------------------- */

bool io_open_option(Io *io, int c)
{
    BlockCache cache;

    switch (c) {
    case 'n': io->open.cache = "none"; return true;
    case 'U': io->open.force_share = true; return true;
    case 't':
        if (!block_cache_parse(optarg, &cache)) {
            error_report("Invalid cache option: %s", optarg);
            return false;
        }
        io->open.cache = optarg;
        return true;
    case 'd':
        io->open.no_discard = g_str_equal(optarg, "ignore") || g_str_equal(optarg, "off");
        if (!io->open.no_discard && strcmp(optarg, "unmap") && strcmp(optarg, "on")) {
            error_report("Invalid discard option: %s", optarg);
            return false;
        }
        return true;
    case 's': case 'C': case 'k': case 'm':
        error_report("-%c is not in this version", c);
        return false;
    }
    return false;                                   /* getopt() has said so */
}

bool io_open(Io *io, const char *filename)
{
    BlockOpenOptions b = {
        .format = io->open.format, .readonly = !io->open.write, .no_lock = io->open.force_share,
        .discard = !io->open.no_discard,
        .warn_probed = io->open.write,
    };
    Error *err = NULL;

    if (io->n) {
        error_report("file open already, try 'help close'");
        return false;
    }
    if (io->open.cache && !block_cache_parse(io->open.cache, &b.cache)) {
        error_report("Invalid cache option: %s", io->open.cache);
        return false;
    }
    if (io->open.image_opts && b.format) {
        error_report("--image-opts and -f are mutually exclusive");
        return false;
    }
    if (b.format && !block_driver_find(b.format)) {
        error_report("can't open device %s: Unknown driver '%s'", filename, b.format);
        return false;
    }
    if (io->open.image_opts) {
        BlockDict *d = block_dict_new();

        io->n = block_dict_parse_keys(d, filename, &err) ? block_open_dict(d, &b, &err) : NULL;
        block_dict_free(d);
    } else {
        io->n = block_open(filename, &b, &err);
    }
    if (!io->n) {
        g_autofree char *text = g_strdup(error_get_message(err));

        *text = g_ascii_toupper(*text);
        error_report("can't open%s %s: %s", filename ? " device" : "", filename, text);
        error_free(err);
        return false;
    }
    g_free(io->filename);
    io->filename = g_strdup(filename);
    io->by_options = io->open.image_opts;
    return true;
}

void io_close(Io *io)
{
    while (io->in_flight) {
        main_loop_wait(-1);
    }
    block_unref(io->n);
    io->n = NULL;
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

static bool number(const char *text, uint64_t *out)
{
    Error *err = NULL;

    if (!parse_size(text, 1, out, &err)) {
        error_free(err);
        printf("Parsing error: non-numeric argument, or extraneous/unrecognized suffix -- %s\n", text);
        return false;
    }
    return true;
}

static bool pattern_byte(const char *text, int *out)
{
    char *end;
    long v = strtol(text, &end, 0);

    if (*end || end == text || v < 0 || v > 255) {
        printf("%s is not a valid pattern byte\n", text);
        return false;
    }
    *out = v;
    return true;
}

/* As the statistics show them: four significant digits and three decimals, without ".000". */
static char *decimal_size(double v)
{
    static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    g_autofree char *text = NULL;
    unsigned unit = 0;

    while (v >= 1024 && unit + 1 < ARRAY_SIZE(units)) {
        v /= 1024;
        unit++;
    }
    text = g_strdup_printf("%.3f", v);
    if (g_str_has_suffix(text, ".000")) {
        text[strlen(text) - 4] = 0;
    }
    return g_strdup_printf("%s %s", text, units[unit]);
}

typedef struct Report {
    const char *verb;           /* "read" */
    uint64_t offset, bytes, done;
    gint64 start;
    bool quiet, terse;
} Report;

static void print_report(const Report *r)
{
    double t = MAX(g_get_monotonic_time() - r->start, 1) / 1e6, rate = r->done / t;
    g_autofree char *size = decimal_size(r->done), *speed = decimal_size(rate);

    if (r->quiet) {
        return;
    }
    if (r->terse) {
        printf("%" PRIu64 ",1,%d:%02d:%05.2f,%.3f,%.3f\n", r->done, (int)(t / 3600), (int)(t / 60) % 60,
               fmod(t, 60), rate, 1 / t);
        return;
    }
    printf("%s %" PRIu64 "/%" PRIu64 " bytes at offset %" PRIu64 "\n%s, 1 ops; ", r->verb, r->done, r->bytes,
           r->offset, size);
    if (t < 60) {
        printf("%05.2f sec", t);
    } else {
        printf("%d:%02d:%05.2f", (int)(t / 3600), (int)(t / 60) % 60, fmod(t, 60));
    }
    printf(" (%s/sec and %.4f ops/sec)\n", speed, 1 / t);
}

static void dump(const uint8_t *buf, uint64_t offset, uint64_t len)
{
    for (uint64_t i = 0; i < len; i += 16) {
        printf("%08" PRIx64 ":  ", offset + i);
        for (uint64_t j = i; j < MIN(i + 16, len); j++) {
            printf("%02x ", buf[j]);
        }
        putchar(' ');
        for (uint64_t j = i; j < MIN(i + 16, len); j++) {
            putchar(g_ascii_isalnum(buf[j]) ? buf[j] : '.');
        }
        putchar('\n');
    }
}

/* ---- read and write ---------------------------------------------------------------------------------------------- */

typedef struct Rw {
    Io *io;
    Report report;
    uint8_t *buf;
    struct iovec *iov;
    int niov, pattern;          /* -1: none */
    uint64_t offset, bytes, pattern_offset, pattern_len;
    bool is_write, zeroes, verbose, fua, unmap, compressed, no_fallback, has_length;
    char *source;
} Rw;

static void rw_free(Rw *rw)
{
    g_free(rw->buf);
    g_free(rw->iov);
    g_free(rw->source);
    g_free(rw);
}

static bool rw_options(Rw *rw, int argc, char **argv, const char *letters, const char *usage)
{
    bool ok = true;
    int c;

    optind = 0;
    opterr = 0;
    while (ok && (c = getopt(argc, argv, letters)) != -1) {
        switch (c) {
        case 'C': rw->report.terse = true; break;
        case 'q': rw->report.quiet = true; break;
        case 'v': rw->verbose = true; break;
        case 'b': break;
        case 'a': break;
        case 'n': rw->no_fallback = true; break;
        case 'f': rw->fua = true; break;
        case 'u': rw->unmap = true; break;
        case 'z': rw->zeroes = true; break;
        case 'c': rw->compressed = true; break;
        case 'P': ok = pattern_byte(optarg, &rw->pattern); break;
        case 's':
            if (rw->is_write) {
                g_free(rw->source);
                rw->source = g_strdup(optarg);
            } else {
                ok = number(optarg, &rw->pattern_offset);
            }
            break;
        case 'l':
            ok = number(optarg, &rw->pattern_len);
            rw->has_length = true;
            break;
        default:
            printf("%s: invalid option -- '%c'\n%s %s\n", argv[0], optopt, argv[0], usage);
            ok = false;
        }
    }
    if (ok && rw->zeroes + (rw->pattern >= 0) + !!rw->source > 1) {
        printf("Only one of -z, -P, and -s can be specified at the same time\n");
        ok = false;
    }
    return ok;
}

/* off len [len..] */
static bool rw_range(Rw *rw, int argc, char **argv)
{
    if (argc - optind < 2) {
        printf("bad argument count %d to %s, expected at least 2 arguments\n", argc - optind, argv[0]);
        return false;
    }
    if (!number(argv[optind++], &rw->offset)) {
        return false;
    }
    rw->niov = argc - optind;
    rw->iov = g_new0(struct iovec, rw->niov);
    for (int i = 0; i < rw->niov; i++) {
        uint64_t len;

        if (!number(argv[optind + i], &len)) {
            return false;
        }
        if (len > LEN_MAX || rw->bytes + len > LEN_MAX) {
            printf("length cannot exceed %" PRIu64 ", given %s\n", (uint64_t)LEN_MAX, argv[optind + i]);
            return false;
        }
        rw->iov[i].iov_len = len;
        rw->bytes += len;
    }
    if (!rw->has_length) {
        rw->pattern_len = rw->bytes - MIN(rw->pattern_offset, rw->bytes);
    }
    if (rw->pattern_offset > rw->bytes || rw->pattern_len > rw->bytes - rw->pattern_offset) {
        printf("pattern verification range exceeds end of read data\n");
        return false;
    }
    return true;
}

static bool rw_buffer(Rw *rw)
{
    uint8_t *at;

    rw->buf = g_try_malloc(MAX(rw->bytes, 1));
    if (!rw->buf) {
        printf("not enough memory for %" PRIu64 " bytes\n", rw->bytes);
        return false;
    }
    memset(rw->buf, rw->is_write && rw->pattern >= 0 ? rw->pattern : rw->is_write ? FILL : 0xab, rw->bytes);
    at = rw->buf;
    for (int i = 0; i < rw->niov; i++) {
        rw->iov[i].iov_base = at;
        at += rw->iov[i].iov_len;
    }
    if (rw->source) {
        g_autofree char *data = NULL;
        gsize len;

        if (!g_file_get_contents(rw->source, &data, &len, NULL) || !len) {
            printf("%s: cannot be read\n", rw->source);
            return false;
        }
        for (uint64_t i = 0; i < rw->bytes; i += len) {
            memcpy(rw->buf + i, data, MIN(len, rw->bytes - i));
        }
    }
    return true;
}

static BlockOp rw_op(Rw *rw)
{
    BlockOp op = { .kind = rw->zeroes ? BLOCK_WRITE_ZEROES : rw->is_write ? BLOCK_WRITE : BLOCK_READ,
                   .offset = rw->offset, .bytes = rw->bytes, .iov = rw->iov, .niov = rw->niov };

    op.flags = (rw->fua ? BLOCK_FUA : 0) | (rw->unmap ? BLOCK_MAY_UNMAP : 0) |
               (rw->compressed ? BLOCK_COMPRESSED : 0) | (rw->no_fallback ? BLOCK_NO_FALLBACK : 0);
    return op;
}

static int rw_done(Rw *rw, int ret)
{
    if (ret < 0) {
        printf("%s failed: %s\n", rw->is_write ? "write" : "read", strerror(-ret));
        return ret;
    }
    if (!rw->is_write && rw->pattern >= 0) {
        const uint8_t *p = rw->buf + rw->pattern_offset;

        for (uint64_t i = 0; i < rw->pattern_len; i++) {
            if (p[i] != rw->pattern) {
                printf("Pattern verification failed at offset %" PRIu64 ", %" PRIu64 " bytes\n",
                       rw->offset + rw->pattern_offset, rw->pattern_len);
                ret = -EINVAL;
                break;
            }
        }
    }
    rw->report.verb = rw->is_write ? "wrote" : "read";
    rw->report.offset = rw->offset;
    rw->report.bytes = rw->report.done = rw->bytes;
    if (rw->verbose && !rw->is_write) {
        dump(rw->buf, rw->offset, rw->bytes);
    }
    print_report(&rw->report);
    return ret;
}

static int check_range(Io *io, uint64_t offset, uint64_t bytes)
{
    uint64_t size = block_size(io->n);

    return offset > size || bytes > size - offset ? -EIO : 0;
}

static const char *usage_of(const char *name);

static Rw *rw_new(Io *io, int argc, char **argv, const char *letters, bool is_write)
{
    Rw *rw = g_new0(Rw, 1);

    rw->io = io;
    rw->pattern = -1;
    rw->is_write = is_write;
    if (!rw_options(rw, argc, argv, letters, usage_of(argv[0])) || !rw_range(rw, argc, argv) || !rw_buffer(rw)) {
        rw_free(rw);
        return NULL;
    }
    if (is_write && block_is_readonly(io->n)) {
        error_report("Block node is read-only");
        rw_free(rw);
        return NULL;
    }
    rw->report.start = g_get_monotonic_time();
    return rw;
}

static int rw_sync(Io *io, int argc, char **argv, const char *letters, bool is_write)
{
    Rw *rw = rw_new(io, argc, argv, letters, is_write);
    int ret;

    if (!rw) {
        return -EINVAL;
    }
    ret = check_range(io, rw->offset, rw->bytes);
    if (!ret) {
        BlockOp op = rw_op(rw);

        ret = block_run_sync(io->n, &op);
    }
    ret = rw_done(rw, ret);
    rw_free(rw);
    return ret;
}

static int cmd_read(Io *io, int argc, char **argv)
{
    return rw_sync(io, argc, argv, "abCl:P:qs:v", false);
}

static int cmd_readv(Io *io, int argc, char **argv)
{
    return rw_sync(io, argc, argv, "CP:qv", false);
}

static int cmd_write(Io *io, int argc, char **argv)
{
    return rw_sync(io, argc, argv, "bcCfnqP:s:uz", true);
}

static int cmd_writev(Io *io, int argc, char **argv)
{
    return rw_sync(io, argc, argv, "CfqP:", true);
}

static void aio_done(void *opaque, int ret)
{
    Rw *rw = opaque;

    rw->io->in_flight--;
    if (ret < 0) {
        printf("aio_%s failed: %s\n", rw->is_write ? "write" : "read", strerror(-ret));
    } else {
        ret = rw_done(rw, ret);
    }
    rw->io->failed |= ret < 0;
    rw_free(rw);
}

static int rw_async(Io *io, int argc, char **argv, const char *letters, bool is_write)
{
    Rw *rw = rw_new(io, argc, argv, letters, is_write);
    BlockOp op;
    int ret;

    if (!rw) {
        return -EINVAL;
    }
    io->in_flight++;
    ret = check_range(io, rw->offset, rw->bytes);
    if (ret) {
        aio_done(rw, ret);
        return 0;
    }
    op = rw_op(rw);
    block_submit(io->n, &op, aio_done, rw);
    return 0;
}

static int cmd_aio_read(Io *io, int argc, char **argv)
{
    return rw_async(io, argc, argv, "CiP:qv", false);
}

static int cmd_aio_write(Io *io, int argc, char **argv)
{
    return rw_async(io, argc, argv, "CfiP:quz", true);
}

static int cmd_aio_flush(Io *io, int argc, char **argv)
{
    while (io->in_flight) {
        main_loop_wait(-1);
    }
    return block_run_sync(io->n, &(BlockOp){ .kind = BLOCK_FLUSH });
}

/* ---- others ------------------------------------------------------------------------------------------------------ */

static int cmd_flush(Io *io, int argc, char **argv)
{
    int ret = block_run_sync(io->n, &(BlockOp){ .kind = BLOCK_FLUSH });

    if (ret < 0) {
        printf("flush failed: %s\n", strerror(-ret));
    }
    return ret;
}

static int cmd_discard(Io *io, int argc, char **argv)
{
    Rw rw = { .io = io, .pattern = -1 };
    int ret = -EINVAL;

    if (!rw_options(&rw, argc, argv, "Cq", usage_of("discard"))) {
        return ret;
    }
    if (argc - optind != 2) {
        printf("bad argument count %d to discard, expected at least 2 arguments\n", argc - optind);
        return ret;
    }
    if (!number(argv[optind], &rw.offset) || !number(argv[optind + 1], &rw.bytes)) {
        return ret;
    }
    rw.report = (Report){ .verb = "discard", .offset = rw.offset, .bytes = rw.bytes, .done = rw.bytes,
                          .start = g_get_monotonic_time(), .quiet = rw.report.quiet, .terse = rw.report.terse };
    ret = block_is_readonly(io->n) ? -EPERM : check_range(io, rw.offset, rw.bytes);
    if (!ret) {
        ret = block_run_sync(io->n, &(BlockOp){ .kind = BLOCK_DISCARD, .flags = BLOCK_MAY_UNMAP, .offset = rw.offset,
                                                .bytes = rw.bytes });
    }
    if (ret < 0) {
        printf("discard failed: %s\n", strerror(-ret));
        return ret;
    }
    print_report(&rw.report);
    return 0;
}

/* In this image, or anywhere below when there is no image below. */
static int next_extent(Io *io, uint64_t at, uint64_t bytes, bool *allocated, uint64_t *len)
{
    BlockStatus st;
    int ret = block_status(io->n, at, bytes, &st);

    *allocated = st.flags & BLOCK_ST_ALLOCATED;
    *len = st.bytes;
    return ret;
}

static int cmd_alloc(Io *io, int argc, char **argv)
{
    uint64_t offset, count = BLOCK_SECTOR_SIZE, sum = 0, len;
    g_autofree char *text = NULL;
    bool allocated;

    if (!number(argv[1], &offset) || (argc > 2 && !number(argv[2], &count))) {
        return -EINVAL;
    }
    if (check_range(io, offset, count)) {
        printf("is_allocated failed: %s\n", strerror(EIO));
        return -EIO;
    }
    for (uint64_t at = offset; at < offset + count; at += len) {
        int ret = next_extent(io, at, offset + count - at, &allocated, &len);

        if (ret) {
            printf("is_allocated failed: %s\n", strerror(-ret));
            return ret;
        }
        sum += allocated ? len : 0;
    }
    text = decimal_size(offset);
    printf("%" PRIu64 "/%" PRIu64 " bytes allocated at offset %s\n", sum, count, text);
    return 0;
}

static int cmd_map(Io *io, int argc, char **argv)
{
    uint64_t size = block_size(io->n);

    for (uint64_t at = 0; at < size;) {
        g_autofree char *len_text = NULL, *at_text = NULL;
        bool allocated, same;
        uint64_t len, more;
        int ret = next_extent(io, at, size - at, &allocated, &len);

        while (!ret && at + len < size && !next_extent(io, at + len, size - at - len, &same, &more) &&
               same == allocated) {
            len += more;
        }
        if (ret) {
            printf("Failed to get allocation status: %s\n", strerror(-ret));
            return ret;
        }
        len_text = decimal_size(len);
        at_text = decimal_size(at);
        printf("%s (0x%" PRIx64 ") bytes %s allocated at offset %s (0x%" PRIx64 ")\n", len_text, len,
               allocated ? "   " : "not", at_text, at);
        at += len;
    }
    return 0;
}

static int cmd_length(Io *io, int argc, char **argv)
{
    g_autofree char *text = decimal_size(block_size(io->n));

    printf("%s\n", text);
    return 0;
}

static int cmd_truncate(Io *io, int argc, char **argv)
{
    BlockPrealloc prealloc = PREALLOC_OFF;
    uint64_t size;
    Error *err = NULL;
    int c;

    optind = 0;
    while ((c = getopt(argc, argv, "m:")) != -1) {
        if (c != 'm' || !block_prealloc_parse(optarg, &prealloc)) {
            printf("Invalid preallocation mode\n");
            return -EINVAL;
        }
    }
    if (optind != argc - 1 || !number(argv[optind], &size)) {
        return -EINVAL;
    }
    if (!block_truncate(io->n, size, prealloc, &err)) {
        error_report_err(err);
        return -EIO;
    }
    return 0;
}

static int cmd_info(Io *io, int argc, char **argv)
{
    g_autofree char *cluster = NULL, *state = NULL;
    BlockInfo info;

    block_get_info(io->n, &info);
    cluster = decimal_size(info.cluster_size);
    state = decimal_size(info.vm_state_offset);
    printf("format name: %s\ncluster size: %s\nvm state offset: %s\n", block_format_name(io->n), cluster, state);
    img_print_facts(info.facts);
    block_info_clear(&info);
    return 0;
}

/* -o: with a path its options, else what is opened. */
static char *open_name(Io *io, const char *path, const char *options)
{
    if (!options) {
        return g_strdup(path);
    }
    io->open.image_opts = true;
    return path ? g_strdup_printf("%s,file.filename=%s", options, path) : g_strdup(options);
}

static int cmd_open(Io *io, int argc, char **argv)
{
    ImgOpen saved = io->open;
    const char *options = NULL;
    g_autofree char *name = NULL;
    bool ok = true;
    int c;

    io->open.write = true;
    optind = 0;
    while (ok && (c = getopt(argc, argv, "rsnCkUo:t:d:")) != -1) {
        switch (c) {
        case 'r': io->open.write = false; break;
        case 'o': options = optarg; break;
        default: ok = io_open_option(io, c); break;
        }
    }
    if (ok && (optind < argc - 1 || (optind == argc && !options))) {
        error_report("open: one path or -o is needed, see 'help open'");
        ok = false;
    }
    name = ok ? open_name(io, optind < argc ? argv[optind] : NULL, options) : NULL;
    ok = ok && io_open(io, name);
    io->open = saved;
    return ok ? 0 : -EINVAL;
}

static int cmd_reopen(Io *io, int argc, char **argv)
{
    g_autofree char *filename = g_strdup(io->filename);
    int c;

    optind = 0;
    while ((c = getopt(argc, argv, "rwc:o:")) != -1) {
        if (c == 'r' || c == 'w') {
            io->open.write = c == 'w';
        } else if (c == 'o' || c == '?') {
            error_report(c == 'o' ? "reopen: -o is not in this version" : "reopen: see 'help reopen'");
            return -EINVAL;
        } else if (!io_open_option(io, 't')) {
            return -EINVAL;
        }
    }
    io_close(io);
    io->open.image_opts = io->by_options;
    return io_open(io, filename) ? 0 : -EIO;
}

static int cmd_close(Io *io, int argc, char **argv)
{
    io_close(io);
    return 0;
}

static int cmd_quit(Io *io, int argc, char **argv)
{
    io->quit = true;
    return 0;
}

static int cmd_sleep(Io *io, int argc, char **argv)
{
    gint64 end, now;
    uint64_t ms;

    if (!number(argv[1], &ms)) {
        return -EINVAL;
    }
    end = g_get_monotonic_time() + (gint64)MIN(ms, 3600000) * 1000;
    while ((now = g_get_monotonic_time()) < end) {
        main_loop_wait((end - now) * 1000);
    }
    return 0;
}

static int cmd_sigraise(Io *io, int argc, char **argv)
{
    uint64_t sig;

    if (!number(argv[1], &sig) || sig > 64) {
        return -EINVAL;
    }
    fflush(stdout);
    raise(sig);
    return 0;
}

static int cmd_abort(Io *io, int argc, char **argv)
{
    fflush(stdout);
    abort();
}

static int cmd_help(Io *io, int argc, char **argv)
{
    for (const IoCommand *c = io_commands; c->name; c++) {
        if (argc < 2 || g_str_equal(argv[1], c->name)) {
            printf("%s %s%s-- %s\n", c->name, c->args, *c->args ? " " : "", c->about);
        }
    }
    if (argc < 2) {
        printf("\nUse 'help commandname' for extended help.\n");
    }
    return 0;
}

static const IoCommand io_commands[] = {
    { "abort", NULL, cmd_abort, 0, 0, false, "", "simulate a program crash using abort(3)" },
    { "aio_flush", NULL, cmd_aio_flush, 0, 0, true, "", "completes all outstanding aio requests" },
    { "aio_read", NULL, cmd_aio_read, 0, -1, true, "[-Ciqv] [-P pattern] off len [len..]",
      "asynchronously reads a number of bytes" },
    { "aio_write", NULL, cmd_aio_write, 0, -1, true, "[-Cfiquz] [-P pattern] off len [len..]",
      "asynchronously writes a number of bytes" },
    { "alloc", NULL, cmd_alloc, 1, 2, true, "offset [count]", "checks if offset is allocated in the file" },
    { "close", NULL, cmd_close, 0, 0, true, "", "close the current open file" },
    { "discard", "d", cmd_discard, 0, -1, true, "[-Cq] off len", "discards a number of bytes at a specified offset" },
    { "flush", "f", cmd_flush, 0, 0, true, "", "flush all in-core file state to disk" },
    { "help", "?", cmd_help, 0, 1, false, "[command]", "help for one or all commands" },
    { "info", "i", cmd_info, 0, 0, true, "", "prints information about the current file" },
    { "length", "l", cmd_length, 0, 0, true, "", "gets the length of the current file" },
    { "map", NULL, cmd_map, 0, 0, true, "", "prints the allocated areas of a file" },
    { "open", "o", cmd_open, 1, -1, false, "[-rsCnkU] [-t cache] [-d discard] [-o options] [path]",
      "open the file specified by path" },
    { "quit", "q", cmd_quit, 0, 0, false, "", "exit the program" },
    { "read", "r", cmd_read, 0, -1, true, "[-abCqv] [-P pattern [-s off] [-l len]] off len",
      "reads a number of bytes at a specified offset" },
    { "readv", "rv", cmd_readv, 0, -1, true, "[-Cqv] [-P pattern] off len [len..]",
      "reads a number of bytes at a specified offset" },
    { "reopen", NULL, cmd_reopen, 0, -1, true, "[(-r|-w)] [-c cache] [-o options]",
      "reopens an image with new options" },
    { "sigraise", NULL, cmd_sigraise, 1, 1, false, "signal", "raises a signal" },
    { "sleep", NULL, cmd_sleep, 1, 1, false, "", "waits for the given value in milliseconds" },
    { "truncate", "t", cmd_truncate, 1, 3, true, "[-m prealloc_mode] off",
      "truncates the current file at the given offset" },
    { "write", "w", cmd_write, 0, -1, true, "[-bcCfnquz] [-P pattern | -s source_file] off len",
      "writes a number of bytes at a specified offset" },
    { "writev", "wv", cmd_writev, 0, -1, true, "[-Cfq] [-P pattern] off len [len..]",
      "writes a number of bytes at a specified offset" },
    { .name = NULL },
};

static const IoCommand *find(const char *name)
{
    for (const IoCommand *c = io_commands; c->name; c++) {
        if (g_str_equal(c->name, name) || !g_strcmp0(c->alias, name)) {
            return c;
        }
    }
    return NULL;
}

static const char *usage_of(const char *name)
{
    const IoCommand *c = find(name);

    return c ? c->args : "";
}

static bool count_fits(const IoCommand *c, int n)
{
    if (n >= c->min_args && (c->max_args < 0 || n <= c->max_args)) {
        return true;
    }
    if (c->max_args < 0) {
        printf("bad argument count %d to %s, expected at least %d arguments\n", n, c->name, c->min_args);
    } else if (c->min_args == c->max_args) {
        printf("bad argument count %d to %s, expected %d arguments\n", n, c->name, c->min_args);
    } else {
        printf("bad argument count %d to %s, expected between %d and %d arguments\n", n, c->name, c->min_args,
               c->max_args);
    }
    return false;
}

void io_run_line(Io *io, const char *line)
{
    g_autofree char *copy = g_strstrip(g_strdup(line));
    g_autoptr(GPtrArray) args = g_ptr_array_new();
    const IoCommand *c;

    for (char *save, *word = strtok_r(copy, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
        g_ptr_array_add(args, word);
    }
    if (!args->len) {
        return;
    }
    g_ptr_array_add(args, NULL);
    c = find(args->pdata[0]);
    if (!c) {
        printf("command \"%s\" not found\n", (char *)args->pdata[0]);
        io->failed = 1;
    } else if (c->needs_file && !io->n) {
        fprintf(stderr, "no file open, try 'help open'\n");
        io->failed = 1;
    } else if (!count_fits(c, args->len - 2) || c->run(io, args->len - 1, (char **)args->pdata) < 0) {
        io->failed = 1;
    }
    fflush(stdout);
}
