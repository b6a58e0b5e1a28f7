/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qemu-img create, resize, amend, measure. */
#include "qemu/osdep.h"
#include "img.h"
#include "qemu/option.h"

/* ---- create ------------------------------------------------------------------------------------------------------ */

int img_print_format_help(const char *format, const char *filename)
{
    const BlockDriver *drv = block_driver_find(format);
    g_autofree char *title = g_strdup_printf(filename ? "Supported options:" : "Supported %s options:", format);

    if (!drv || !drv->create) {
        error_report(drv ? "Format driver '%s' does not support image creation" : "Unknown file format '%s'", format);
        return 1;
    }
    img_print_create_options(drv, title, false, filename);
    if (!filename) {
        printf("\nThe protocol level may support further options.\n"
               "Specify the target filename to include those options.\n");
    }
    return 0;
}

/* The size of the image below, when none was given. */
static bool look_below(const char *filename, BlockDict *d, bool unsafe)
{
    const char *file = block_dict_get(d, "backing_file"), *format = block_dict_get(d, "backing_fmt");
    g_autofree char *path = file && *file ? block_backing_path(filename, file) : NULL;
    BlockNode *n;
    Error *err = NULL;

    if (!path) {
        return true;
    }
    if (g_str_equal(path, filename)) {
        error_report("%s: Error: Trying to create an image with the same filename as the backing file", filename);
        return false;
    }
    if (unsafe) {
        return true;
    }
    if (format && !block_driver_find(format)) {
        error_report("%s: Unknown driver '%s'", filename, format);
        fprintf(stderr, "Could not open backing image.\n");
        return false;
    }
    n = block_open(path, &(BlockOpenOptions){ .format = format, .readonly = true }, &err);
    if (!n) {
        g_autofree char *text = g_strdup(error_get_message(err));

        *text = g_ascii_toupper(*text);
        error_report("%s: %s", filename, text);
        fprintf(stderr, "Could not open backing image.\n");
        error_free(err);
        return false;
    }
    if (!format) {
        error_report("%s: Backing file specified without backing format", filename);
        fprintf(stderr, "Detected format of %s.\n", block_format_name(n));
        block_unref(n);
        return false;
    }
    if (!block_dict_get(d, "size")) {
        g_autofree char *size = g_strdup_printf("%" PRIu64, block_size(n));

        block_dict_set(d, "size", size);
    }
    block_unref(n);
    return true;
}

static bool is_help(const char *options)
{
    g_auto(GStrv) items = g_strsplit(options, ",", -1);

    return g_strv_contains((const char *const *)items, "help") || g_strv_contains((const char *const *)items, "?");
}

/* -b and -F, for formats that know what these are. */
static bool set_backing(const BlockDriver *drv, BlockDict *d, const char *filename, const char *file,
                        const char *format)
{
    if (!img_can_have_backing(drv, file, format, filename)) {
        return false;
    }
    if (file && !*file) {
        error_report("%s: Expected backing file name, got empty string", filename);
        return false;
    }
    if (file) {
        block_dict_set(d, "backing_file", file);
    }
    if (format) {
        block_dict_set(d, "backing_fmt", format);
    }
    return true;
}

static bool set_size(BlockDict *d, const char *filename, const char *arg)
{
    g_autofree char *text = NULL;
    uint64_t size;

    if (block_dict_get(d, "size")) {
        error_report("%s: The image size must be specified only once", filename);
        return false;
    }
    if (!img_parse_size(arg, "image size", INT64_MAX, &size)) {
        return false;
    }
    text = g_strdup_printf("%" PRIu64, size);
    block_dict_set(d, "size", text);
    return true;
}

static int create(const char *filename, const BlockDriver *drv, BlockDict *d, bool quiet, bool unsafe)
{
    if ((drv->create && !img_check_options(drv, d, filename)) || !look_below(filename, d, unsafe)) {
        return 1;
    }
    if (!block_dict_get(d, "size")) {
        error_report("%s: Image creation needs a size parameter", filename);
        return 1;
    }
    return img_create_image(filename, drv->name, d, !quiet, filename) ? 0 : 1;
}

int img_create(int argc, char **argv)
{
    static const struct option longs[] = { IMG_LONG_OPTIONS, { 0 } };
    g_autoptr(GHashTable) d = block_dict_new();
    const char *format = "raw", *backing = NULL, *backing_format = NULL, *filename;
    const BlockDriver *drv;
    bool quiet = false, unsafe = false, help = false;
    int c, status;

    while ((c = img_next_option(argc, argv, ":f:b:F:o:quh", longs, NULL, &status)) != -1) {
        switch (c) {
        case IMG_STOP: return status;
        case 'f': format = optarg; break;
        case 'b': backing = optarg; break;
        case 'F': backing_format = optarg; break;
        case 'q': quiet = true; break;
        case 'u': unsafe = true; break;
        case 'o':
            help |= is_help(optarg);
            if (!is_help(optarg) && !img_add_options(d, NULL, optarg)) {
                return 1;
            }
            break;
        }
    }
    filename = optind < argc ? argv[optind] : NULL;
    if (help) {
        return img_print_format_help(format, filename);
    }
    if (!filename) {
        return img_usage("Expecting image file name");
    }
    if (argc - optind > 2) {
        return img_usage("Unexpected argument: %s", argv[optind + 2]);
    }
    if (argc - optind == 2 && !set_size(d, filename, argv[optind + 1])) {
        return 1;
    }
    drv = img_find_format(format);
    if (!drv) {
        error_report("%s: Unknown file format '%s'", filename, format);
        return 1;
    }
    return set_backing(drv, d, filename, backing, backing_format) ? create(filename, drv, d, quiet, unsafe) : 1;
}

/* ---- resize ------------------------------------------------------------------------------------------------------ */

static int resize(BlockNode *n, int sign, uint64_t size, BlockPrealloc prealloc, bool may_shrink, bool quiet)
{
    uint64_t old = block_size(n), wanted = sign > 0 ? old + size : sign < 0 ? old - MIN(size, old) : size;
    Error *err = NULL;

    if (!wanted || wanted > INT64_MAX) {
        error_report("New image size must be positive");
        return 1;
    }
    if (wanted < old && prealloc != PREALLOC_OFF) {
        error_report("Preallocation can only be used for growing images");
        return 1;
    }
    if (wanted < old && !may_shrink) {
        error_report("Use the --shrink option to perform a shrink operation.");
        warn_report("Shrinking an image will delete all data beyond the shrunken image's end. Before performing such "
                    "an operation, make sure there is no important data there.");
        return 1;
    }
    if (!block_truncate(n, ROUND_UP(wanted, BLOCK_SECTOR_SIZE), prealloc, &err)) {
        img_report(NULL, err);
        return 1;
    }
    if (!quiet) {
        printf("Image resized.\n");
    }
    return 0;
}

int img_resize(int argc, char **argv)
{
    static const struct option longs[] = {
        IMG_LONG_OPTIONS, IMG_LONG_IMAGE, { "preallocation", required_argument, NULL, OPT_PREALLOC },
        { "shrink", no_argument, NULL, OPT_SHRINK }, { 0 },
    };
    ImgOpen o = { .write = true };
    BlockPrealloc prealloc = PREALLOC_OFF;
    bool quiet = false, may_shrink = false;
    const char *size_text;
    uint64_t size;
    BlockNode *n;
    int c, status, sign = 0;

    /* The size comes last and may look like an option: -512k. */
    if (argc < 3) {
        return argc == 2 && (g_str_equal(argv[1], "-h") || g_str_equal(argv[1], "--help")) ?
               (img_print_help(), 0) : img_usage("Not enough arguments");
    }
    size_text = argv[--argc];
    while ((c = img_next_option(argc, argv, ":f:qh", longs, &o, &status)) != -1) {
        switch (c) {
        case IMG_STOP: return status;
        case 'q': quiet = true; break;
        case OPT_SHRINK: may_shrink = true; break;
        case OPT_PREALLOC:
            if (!block_prealloc_parse(optarg, &prealloc)) {
                error_report("Invalid preallocation mode '%s'", optarg);
                return 1;
            }
            break;
        }
    }
    if (optind != argc - 1) {
        return img_usage("Expecting image file name and size");
    }
    if (*size_text == '+' || *size_text == '-') {
        sign = *size_text++ == '+' ? 1 : -1;
    }
    if (!parse_size(size_text, 1, &size, NULL)) {
        if (errno == ERANGE) {
            error_report("Value '%s' is out of range for parameter 'size'", size_text);
            return 1;
        }
        error_report("Parameter 'size' expects a non-negative number below 2^64");
        fprintf(stderr, "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\n"
                "and exabytes, respectively.\n");
        return 1;
    }
    n = img_open(argv[optind], &o);
    if (!n) {
        return 1;
    }
    status = resize(n, sign, size, prealloc, may_shrink, quiet);
    return img_close(n) ? status : 1;
}

/* ---- amend ------------------------------------------------------------------------------------------------------- */

static bool check_amend_options(const BlockDriver *drv, BlockDict *d)
{
    for (const BlockCreateOption *o = drv->create_options; o && o->name; o++) {
        if (!o->amend && block_dict_get(d, o->name)) {
            error_report("Invalid parameter '%s'", o->name);
            fprintf(stderr, "This option is only supported for image creation\n");
            return false;
        }
    }
    return img_check_options(drv, d, NULL);
}

static int amend(BlockNode *n, BlockDict *d, bool progress)
{
    Error *err = NULL;
    bool ok;

    if (!n->drv->amend) {
        error_report("Format driver '%s' does not support option amendment", n->drv->name);
        return 1;
    }
    if (!check_amend_options(n->drv, d)) {
        return 1;
    }
    img_progress_start(progress);
    ok = n->drv->amend(n, d, &err);
    if (!ok) {
        img_report(NULL, err);
    }
    img_progress_end();
    return ok ? 0 : 1;
}

int img_amend(int argc, char **argv)
{
    static const struct option longs[] = {
        IMG_LONG_OPTIONS, IMG_LONG_IMAGE, { "force", no_argument, NULL, OPT_FORCE }, { 0 }
    };
    g_autoptr(GHashTable) d = block_dict_new();
    ImgOpen o = { .write = true };
    bool progress = false, quiet = false, has_options = false, help = false;
    BlockNode *n;
    int c, status;

    while ((c = img_next_option(argc, argv, ":f:o:t:pqh", longs, &o, &status)) != -1) {
        switch (c) {
        case IMG_STOP: return status;
        case 'p': progress = true; break;
        case 'q': quiet = true; break;
        case OPT_FORCE:
            error_report("--force is for encrypted images, which this version does not have");
            return 1;
        case 'o':
            has_options = true;
            help |= is_help(optarg);
            if (!is_help(optarg) && !img_add_options(d, NULL, optarg)) {
                return 1;
            }
            break;
        }
    }
    if (!has_options) {
        return img_usage("Must specify options (-o)");
    }
    if (help && o.format && block_driver_find(o.format)) {
        g_autofree char *title = g_strdup_printf("Amend options for '%s':", o.format);

        if (!block_driver_find(o.format)->amend) {
            error_report("Format driver '%s' does not support option amendment", o.format);
            return 1;
        }
        img_print_create_options(block_driver_find(o.format), title, true, false);
        return 0;
    }
    if (optind != argc - 1) {
        error_report("Expecting one image file name");
        return 1;
    }
    n = img_open(argv[optind], &o);
    if (!n) {
        return 1;
    }
    status = amend(n, d, progress && !quiet);
    return img_close(n) ? status : 1;
}

/* ---- measure ----------------------------------------------------------------------------------------------------- */

static bool count_data(BlockNode *n, uint64_t cluster, uint64_t *bytes)
{
    uint64_t end = block_size(n), last_cluster = UINT64_MAX;

    *bytes = 0;
    for (uint64_t at = 0; at < end;) {
        BlockStatus st;
        int ret = block_status_above(n, NULL, at, end - at, &st);

        if (ret) {
            error_report("error while reading at offset %" PRIu64 ": %s", at, strerror(-ret));
            return false;
        }
        if (!(st.flags & BLOCK_ST_ZERO)) {
            uint64_t first = at / cluster, last = (at + st.bytes - 1) / cluster;

            *bytes += (last - first + (first != last_cluster)) * cluster;
            last_cluster = last;
        }
        at += st.bytes;
    }
    return true;
}

typedef struct Measure {
    ImgOpen open;
    const char *target, *snapshot, *filename;   /* filename NULL: --size said how large */
    BlockDict *options;
    uint64_t size, data, cluster;
    bool json, has_bitmaps;     /* has_bitmaps: the source could have some */
} Measure;

static bool measure_option(Measure *m, int c)
{
    switch (c) {
    case 'O': m->target = optarg; break;
    case 'l': m->snapshot = optarg; break;
    case 'o': return img_add_options(m->options, NULL, optarg);
    case OPT_OUTPUT: return img_parse_output(optarg, &m->json);
    case OPT_SIZE: return img_parse_size(optarg, "image size", INT64_MAX, &m->size);
    }
    return true;
}

/* qcow2 of version 3, as its facts say. */
static bool can_have_bitmaps(BlockNode *n)
{
    BlockInfo info;
    bool can = false;

    block_get_info(n, &info);
    for (unsigned i = 0; i < info.facts->len; i++) {
        const BlockFact *f = &g_array_index(info.facts, BlockFact, i);

        can |= !g_strcmp0(f->key, "compat") && g_str_equal(f->text, "1.1");
    }
    block_info_clear(&info);
    return can;
}

static bool measure_source(Measure *m)
{
    BlockNode *n = img_open(m->filename, &m->open);
    bool ok = n && (!m->snapshot || img_load_snapshot(n, m->snapshot)) && count_data(n, m->cluster, &m->data);

    m->size = ok ? block_size(n) : 0;
    m->has_bitmaps = ok && can_have_bitmaps(n);
    block_unref(n);
    return ok;
}

static void print_measure(const Measure *m, uint64_t required, uint64_t full)
{
    bool has_bitmaps = m->has_bitmaps && g_str_equal(m->target, "qcow2");
    ImgJson j = { 0 };

    if (!m->json) {
        printf("required size: %" PRIu64 "\nfully allocated size: %" PRIu64 "\n%s", required, full,
               has_bitmaps ? "bitmaps size: 0\n" : "");
        return;
    }
    img_json_open(&j, NULL, '{');
    if (has_bitmaps) {
        img_json_uint(&j, "bitmaps", 0);
    }
    img_json_uint(&j, "required", required);
    img_json_uint(&j, "fully-allocated", full);
    img_json_close(&j, '}');
}

static int measure(Measure *m)
{
    const BlockDriver *drv = block_driver_find(m->target);
    uint64_t required, full;
    Error *err = NULL;

    if (!drv) {
        error_report("Unknown file format '%s'", m->target);
        return 1;
    }
    if (!drv->measure) {
        error_report("Block driver '%s' does not support size measurement", m->target);
        return 1;
    }
    if (!img_check_options(drv, m->options, NULL)) {
        error_report("Invalid options for file format '%s'", m->target);
        return 1;
    }
    if (block_dict_get(m->options, "cluster_size")) {
        parse_size(block_dict_get(m->options, "cluster_size"), 1, &m->cluster, NULL);
    }
    m->cluster = MAX(m->cluster, 512);
    if (m->filename && !measure_source(m)) {
        return 1;
    }
    if (!drv->measure(m->options, m->size, MIN(m->data, ROUND_UP(m->size, m->cluster)), &required, &full, &err)) {
        img_report(NULL, err);
        return 1;
    }
    print_measure(m, required, full);
    return 0;
}

int img_measure(int argc, char **argv)
{
    static const struct option longs[] = {
        IMG_LONG_OPTIONS, IMG_LONG_IMAGE, IMG_LONG_SHARE, { "output", required_argument, NULL, OPT_OUTPUT },
        { "size", required_argument, NULL, OPT_SIZE }, { 0 },
    };
    g_autoptr(GHashTable) d = block_dict_new();
    Measure m = { .target = "raw", .size = UINT64_MAX, .cluster = 65536, .options = d };
    int c, status;

    while ((c = img_next_option(argc, argv, ":f:O:o:l:hU", longs, &m.open, &status)) != -1) {
        if (c == IMG_STOP || !measure_option(&m, c)) {
            return c == IMG_STOP ? status : 1;
        }
    }
    m.filename = optind == argc - 1 ? argv[optind] : NULL;
    if (m.filename && m.size != UINT64_MAX) {
        error_report("--size N cannot be used together with a filename.");
        return 1;
    }
    if (optind == argc && (m.open.image_opts || m.open.format || m.snapshot)) {
        error_report("--image-opts, -f, and -l require a filename argument.");
        return 1;
    }
    if (!m.filename && (optind != argc || m.size == UINT64_MAX)) {
        error_report("Either --size N or one filename must be specified.");
        return 1;
    }
    return measure(&m);
}
