/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the commands of qemu-img share: opening, numbers, progress, JSON. */
#include "qemu/osdep.h"
#include <math.h>
#include <signal.h>
#include "img.h"
#include "qemu/coroutine.h"
#include "qemu/main-loop.h"
#include "qemu/option.h"
#include "qemu/timer.h"
#include "qemu/user-object.h"

/* ---- options ----------------------------------------------------------------------------------------------------- */

int img_usage(const char *fmt, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    error_report("%s", text);
    fprintf(stderr, "Try '%s --help' for more information\n", error_get_progname());
    return 1;
}

bool img_parse_aio(const char *text, BlockAio *aio)
{
    if (!block_aio_parse(text, aio)) {
        error_report("Invalid aio option: %s", text);
        return false;
    }
    return true;
}

bool img_open_option(ImgOpen *o, int c)
{
    switch (c) {
    case 'f':
        o->format = optarg;
        return true;
    case 't':
        o->cache = optarg;
        return true;
    case 'U':
        o->force_share = true;
        return true;
    case OPT_IMAGE_OPTS:
        o->image_opts = true;
        return true;
    }
    return false;
}

bool img_add_object(const char *text)
{
    Error *err = NULL;

    if (!user_object_add(text, &err)) {
        error_report_err(err);
        return false;
    }
    return true;
}

int img_next_option(int argc, char **argv, const char *shorts, const struct option *longs, ImgOpen *o, int *status)
{
    int c;

    do {
        c = getopt_long(argc, argv, shorts, longs, NULL);
    } while (o && img_open_option(o, c));
    switch (c) {
    case 'h':
        img_print_help();
        *status = 0;
        return IMG_STOP;
    case '?':
        *status = img_usage("unrecognized option '%s'", argv[optind - 1]);
        return IMG_STOP;
    case ':':
        *status = img_usage("missing argument for option '%s'", argv[optind - 1]);
        return IMG_STOP;
    case OPT_OBJECT:
        if (img_add_object(optarg)) {
            return OPT_OBJECT;
        }
        *status = 1;
        return IMG_STOP;
    }
    return c;
}

bool img_parse_output(const char *text, bool *json)
{
    *json = g_str_equal(text, "json");
    if (!*json && !g_str_equal(text, "human")) {
        error_report("--output must be used with human or json as argument.");
        return false;
    }
    return true;
}

bool img_parse_size(const char *text, const char *what, uint64_t max, uint64_t *out)
{
    bool ok = parse_size(text, 1, out, NULL), too_large = ok ? *out > max : errno == ERANGE;

    if (!ok && !too_large) {
        error_report("Invalid %s specified. You may use k, M, G, T, P or E suffixes for", what);
        error_report("kilobytes, megabytes, gigabytes, terabytes, petabytes and exabytes.");
        return false;
    }
    if (too_large) {
        error_report("Invalid %s specified. Must be between 0 and %" PRIu64 ".", what, max);
    }
    return !too_large;
}

/* ---- images ------------------------------------------------------------------------------------------------------ */

void img_report(const char *prefix, Error *err)
{
    if (prefix) {
        error_prepend(&err, "%s: ", prefix);
    }
    error_report_err(err);
}

static void report_open(const char *filename, Error *err)
{
    if (g_str_has_prefix(error_get_message(err), "Failed to get")) {
        error_append_hint(&err, "Is another process using the image [%s]?", filename);
    }
    error_prepend(&err, "Could not open '%s': ", filename);
    error_report_err(err);
}

BlockNode *img_open(const char *filename, const ImgOpen *o)
{
    BlockOpenOptions b = {
        .format = o->format, .readonly = !o->write, .no_lock = o->force_share,
        .no_backing = o->no_backing,
        .check = o->check, .warn_probed = o->write && !o->quiet, .discard = o->write && !o->no_discard,
        .aio = o->aio, .at_once = !o->in_workers,
    };
    BlockNode *n = NULL;
    Error *err = NULL;

    if (o->cache && !block_cache_parse(o->cache, &b.cache)) {
        error_report("Invalid %scache option: %s", o->write ? "" : "source ", o->cache);
        return NULL;
    }
    if (o->format && !block_driver_find(o->format)) {
        error_report("Could not open '%s': Unknown driver '%s'", filename, o->format);
        return NULL;
    }
    if (o->write && o->force_share) {
        error_report("Could not open '%s': force-share=on can only be used with read-only images", filename);
        return NULL;
    }
    if (o->image_opts && o->format) {
        error_report("--image-opts and --format are mutually exclusive");
        return NULL;
    }
    if (o->image_opts) {
        BlockDict *d = block_dict_new();

        if (!strchr(filename, '=')) {
            error_set(&err, "Cannot find device='%s' nor node-name='%s'", filename, filename);
        } else if (block_dict_parse_keys(d, filename, &err)) {
            n = block_open_dict(d, &b, &err);
        }
        block_dict_free(d);
    } else {
        n = block_open(filename, &b, &err);
    }
    if (!n) {
        report_open(filename, err);
    }
    return n;
}

bool img_close(BlockNode *n)
{
    int ret = n && !block_is_readonly(n) ? block_run_flush(n) : 0;
    g_autofree char *name = n ? g_strdup(block_filename(n)) : NULL;

    block_unref(n);
    if (ret) {
        error_report("%s: the last data could not be written: %s", name, strerror(-ret));
    }
    return !ret;
}

static bool only_snapshot_keys(BlockDict *d)
{
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init(&iter, d);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        if (strcmp(key, "snapshot.id") && strcmp(key, "snapshot.name")) {
            error_report("Invalid parameter '%s'", (const char *)key);
            return false;
        }
    }
    return true;
}

bool img_load_snapshot(BlockNode *n, const char *text)
{
    g_autoptr(GHashTable) d = block_dict_new();
    const char *id = NULL, *name = NULL;
    Error *err = NULL;
    bool ok;

    if (g_str_has_prefix(text, "snapshot.")) {
        if (!block_dict_parse_keys(d, text, NULL) || !only_snapshot_keys(d)) {
            error_report("Failed in parsing snapshot param '%s'", text);
            return false;
        }
        id = block_dict_get(d, "snapshot.id");
        name = block_dict_get(d, "snapshot.name");
    }
    if (!n->drv->snapshot_load) {
        error_report("Failed to load snapshot: Device '' does not support internal snapshots");
        return false;
    }
    ok = id || name ? n->drv->snapshot_load(n, id, name, &err) :
         n->drv->snapshot_load(n, text, NULL, NULL) || n->drv->snapshot_load(n, NULL, text, &err);
    if (!ok) {
        error_prepend(&err, "Failed to load snapshot: ");
        error_report_err(err);
    }
    return ok;
}

/* ---- creating ---------------------------------------------------------------------------------------------------- */

bool img_add_options(BlockDict *d, char **all, const char *text)
{
    Error *err = NULL;

    if (!block_dict_parse_keys(d, text, &err)) {
        img_report(NULL, err);
        return false;
    }
    if (all) {
        char *old = *all;

        *all = old ? g_strconcat(old, ",", text, NULL) : g_strdup(text);
        g_free(old);
    }
    return true;
}

static const BlockCreateOption *find_option(const BlockDriver *drv, const char *name)
{
    for (const BlockCreateOption *c = drv->create_options; c && c->name; c++) {
        if (g_str_equal(c->name, name)) {
            return c;
        }
    }
    return NULL;
}

/* What the file under an image has by itself, whatever the format: rows of raw. */
static const char *const file_options[] = { "nocow", "extent_size_hint" };

static const BlockCreateOption *find_file_option(const char *name)
{
    for (unsigned i = 0; i < ARRAY_SIZE(file_options); i++) {
        if (g_str_equal(name, file_options[i])) {
            return find_option(block_driver_find("raw"), name);
        }
    }
    return NULL;
}

/* Known to users of such tools, and why not to us: names, or how they begin. */
static const char *const refused_options[][2] = {
    { "encrypt", "encryption is not supported" }, { "data_file", "external data files are not supported" },
    { "zeroed_grain", "zeroed grains are read, but not written" },
};

static void report_option(const char *prefix, const char *name)
{
    const char *why = NULL;

    for (unsigned i = 0; i < ARRAY_SIZE(refused_options) && !why; i++) {
        why = g_str_has_prefix(name, refused_options[i][0]) ? refused_options[i][1] : NULL;
    }
    error_report("%s%sInvalid parameter '%s'%s%s", prefix ? prefix : "", prefix ? ": " : "", name, why ? ": " : "",
                 why ? why : "");
}

bool img_can_have_backing(const BlockDriver *drv, const char *file, const char *format, const char *prefix)
{
    bool bad_file = file && !find_option(drv, "backing_file"), bad_format = format && !find_option(drv, "backing_fmt");

    if (bad_file || bad_format) {
        error_report("%s%sBacking file %snot supported for file format '%s'", prefix ? prefix : "", prefix ? ": " : "",
                     bad_file ? "" : "format ", drv->name);
    }
    return !bad_file && !bad_format;
}

bool img_check_options(const BlockDriver *drv, BlockDict *d, const char *prefix)
{
    GHashTableIter iter;
    gpointer key, value;

    g_hash_table_iter_init(&iter, d);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        const BlockCreateOption *c = find_option(drv, key);

        c = c ? c : find_file_option(key);
        if (!c) {
            report_option(prefix, key);
            return false;
        }
        if (c->kind == CREATE_BOOL && strcmp(value, "on") && strcmp(value, "off")) {
            error_report("%s%sParameter '%s' expects 'on' or 'off'", prefix ? prefix : "", prefix ? ": " : "",
                         (char *)key);
            return false;
        }
    }
    return true;
}

static void print_option(const BlockCreateOption *c, BlockDict *d)
{
    const char *value = block_dict_get(d, c->name);
    uint64_t number;

    value = value ? value : c->def;
    if (value && (c->kind == CREATE_SIZE || c->kind == CREATE_UINT) && parse_size(value, 1, &number, NULL)) {
        printf(" %s=%" PRIu64, c->name, number);
    } else if (value) {
        printf(" %s=%s", c->name, value);
    }
}

static void print_formatting(const char *filename, const BlockDriver *drv, BlockDict *d)
{
    printf("Formatting '%s', fmt=%s", filename, drv->name);
    for (const BlockCreateOption *c = drv->create_options; c && c->name; c++) {
        print_option(c, d);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(file_options) && !find_option(drv, file_options[i]); i++) {
        print_option(find_file_option(file_options[i]), d);
    }
    putchar('\n');
    fflush(stdout);
}

/* The file gets its options while it is empty; the format then finds it there. */
static bool create_file(const char *filename, const BlockDriver *drv, BlockDict *d, Error **errp)
{
    g_autoptr(GHashTable) own = block_dict_new();

    for (unsigned i = 0; i < ARRAY_SIZE(file_options) && !find_option(drv, file_options[i]); i++) {
        g_autofree char *value = block_dict_take(d, file_options[i]);

        if (value) {
            block_dict_set(own, file_options[i], value);
        }
    }
    return !g_hash_table_size(own) || block_driver_find("file")->create(filename, own, errp);
}

/* Where a protocol makes no files, as a server does not, a raw image is what is there, if it is large enough. */
static bool use_existing(const char *filename, const BlockDriver *drv, BlockDict *d, Error **errp)
{
    uint64_t size = 0;
    BlockNode *n = NULL;
    bool ok = block_dict_take_size(d, "size", &size, errp);

    if (ok && !drv->pass_through) {
        error_set(errp, "Protocol driver '%s' does not support image creation",
                  block_protocol_find(filename)->name);
        return false;
    }
    n = ok ? block_open(filename, &(BlockOpenOptions){ .format = "raw" }, errp) : NULL;
    if (ok && !n) {
        error_prepend(errp, "Protocol driver '%s' does not support image creation, and opening the image failed: ",
                      block_protocol_find(filename)->name);
    }
    ok = n;
    if (ok && block_size(n) < size) {
        error_set(errp, "Current image size is %" PRIu64 " bytes, less than %" PRIu64, block_size(n), size);
        ok = false;
    }
    block_unref(n);
    return ok;
}

static bool make_image(const char *filename, const BlockDriver *drv, BlockDict *d, Error **errp)
{
    const BlockDriver *protocol = block_protocol_find(filename);

    if (!protocol || g_str_has_prefix(filename, "json:")) {
        error_set(errp, "Unknown protocol '%.*s'", (int)strcspn(filename, ":"), filename);
        return false;
    }
    return protocol->create ? create_file(filename, drv, d, errp) && drv->create(filename, d, errp) :
           use_existing(filename, drv, d, errp);
}

const BlockDriver *img_find_format(const char *name)
{
    const BlockDriver *drv = block_driver_find(name);

    return drv && drv->is_protocol && drv->create ? block_driver_find("raw") : drv;     /* by what it stands on */
}

bool img_create_image(const char *filename, const char *format, BlockDict *d, bool line, const char *prefix)
{
    const BlockDriver *drv = img_find_format(format);
    Error *err = NULL;

    if (!drv) {
        error_report("%s%sUnknown file format '%s'", prefix ? prefix : "", prefix ? ": " : "", format);
        return false;
    }
    if (!drv->create) {
        error_report("%s%sFormat driver '%s' does not support image creation", prefix ? prefix : "",
                     prefix ? ": " : "", format);
        return false;
    }
    if (!img_check_options(drv, d, prefix)) {
        return false;
    }
    if (line) {
        print_formatting(filename, drv, d);
    }
    if (!make_image(filename, drv, d, &err)) {
        img_report(prefix, err);
        return false;
    }
    return true;
}

static int compare_options(const void *a, const void *b)
{
    return strcmp((*(const BlockCreateOption *const *)a)->name, (*(const BlockCreateOption *const *)b)->name);
}

void img_print_create_options(const BlockDriver *drv, const char *title, bool amend, bool with_file)
{
    static const char *const kinds[] = { "str", "bool (on/off)", "size", "num" };
    const BlockCreateOption *list[64];
    unsigned n = 0;

    for (const BlockCreateOption *c = drv->create_options; c && c->name && n < 62; c++) {
        bool is_files = find_file_option(c->name) || (drv->pass_through && g_str_equal(c->name, "preallocation"));

        if ((!amend || c->amend) && (with_file || !is_files)) {
            list[n++] = c;
        }
    }
    if (with_file && !g_str_equal(drv->name, "raw")) {
        list[n++] = find_file_option("extent_size_hint");
        list[n++] = find_file_option("nocow");
    }
    qsort(list, n, sizeof(*list), compare_options);
    printf("%s\n", title);
    for (unsigned i = 0; i < n; i++) {
        g_autofree char *left = g_strdup_printf("%s=<%s>", list[i]->name, kinds[list[i]->kind]);

        printf("  %-22s - %s\n", left, list[i]->help);
    }
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

bool img_is_zero(const uint8_t *buf, size_t len)
{
    return !len || (!buf[0] && !memcmp(buf, buf + 1, len - 1));
}

/* ---- progress ---------------------------------------------------------------------------------------------------- */

static struct {
    bool shown;
    double last;
} progress;                                     /* the only thread */
static volatile sig_atomic_t print_once, interrupted;

static void on_usr1(int sig)
{
    print_once = 1;
}

static void on_int(int sig)
{
    interrupted = 1;
}

void img_catch_interrupt(void)
{
    struct sigaction sa = { .sa_handler = on_int };

    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
}

bool img_interrupted(void)
{
    return interrupted;
}

void img_progress_start(bool shown)
{
    struct sigaction sa = { .sa_handler = on_usr1, .sa_flags = SA_RESTART };

    sigaction(SIGUSR1, &sa, NULL);
    progress.shown = shown;
    progress.last = -1;
    img_progress(0);
}

void img_progress(double percent)
{
    if (print_once || (progress.shown && (percent - progress.last >= 1 || (percent >= 100 && progress.last < 100)))) {
        printf("    (%3.2f/100%%)\r", percent);
        fflush(stdout);
        progress.last = percent;
        print_once = 0;
    }
}

void img_progress_end(void)
{
    if (progress.shown) {
        img_progress(100);
        putchar('\n');
    }
    progress.shown = false;
}

/* ---- rate -------------------------------------------------------------------------------------------------------- */

bool img_rate_parse(ImgRate *r, const char *text)
{
    ThrottleConfig cfg = { 0 };
    Error *err = NULL;

    if (!img_parse_size(text, "rate limit", INT64_MAX, &cfg.limit[THROTTLE_BPS_WRITE].avg)) {
        return false;
    }
    if (!throttle_check(&cfg, &err)) {
        img_report("Invalid rate limit specified", err);
        return false;
    }
    r->is_limited = throttle_is_on(&cfg);
    throttle_set(&r->t, &cfg, clock_get_ns(CLOCK_RT));
    return true;
}

static void rate_over(void *opaque)
{
    co_enter(opaque);
}

void img_rate_wait(ImgRate *r, uint64_t bytes)
{
    Timer timer;
    int64_t wait;

    if (!r->is_limited) {
        return;
    }
    while ((wait = throttle_wait_ns(&r->t, true, clock_get_ns(CLOCK_RT))) && !img_interrupted()) {
        if (co_self()) {
            timer_init(&timer, CLOCK_RT, rate_over, co_self());
            timer_arm(&timer, clock_get_ns(CLOCK_RT) + wait);
            co_yield();
        } else {
            main_loop_wait(wait);
        }
    }
    throttle_account(&r->t, true, bytes);
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

static void json_member(ImgJson *j, const char *key)
{
    if (j->has_members) {
        putchar(',');
    }
    if (j->depth) {
        printf("\n%*s", (int)j->depth * 4, "");
    }
    if (key) {
        printf("\"%s\": ", key);
    }
    j->has_members = true;
}

void img_json_open(ImgJson *j, const char *key, char bracket)
{
    json_member(j, key);
    putchar(bracket);
    j->depth++;
    j->has_members = false;
}

void img_json_close(ImgJson *j, char bracket)
{
    j->depth--;
    if (j->has_members) {
        printf("\n%*s", (int)j->depth * 4, "");
    }
    putchar(bracket);
    j->has_members = true;
    if (!j->depth) {
        putchar('\n');
    }
}

void img_json_string(ImgJson *j, const char *key, const char *value)
{
    json_member(j, key);
    putchar('"');
    for (const unsigned char *c = (const unsigned char *)value; *c; c++) {
        if (*c == '"' || *c == '\\') {
            printf("\\%c", *c);
        } else if (*c < 32 || *c == 127) {
            printf("\\u%04X", *c);
        } else {
            putchar(*c);
        }
    }
    putchar('"');
}

void img_json_uint(ImgJson *j, const char *key, uint64_t value)
{
    json_member(j, key);
    printf("%" PRIu64, value);
}

void img_json_bool(ImgJson *j, const char *key, bool value)
{
    json_member(j, key);
    printf("%s", value ? "true" : "false");
}

void img_json_facts(ImgJson *j, const char *key, const GArray *facts)
{
    g_autofree char *brackets = g_malloc(facts->len + 1);
    unsigned depth = 0;

    img_json_open(j, key, '{');
    for (unsigned i = 0; i < facts->len; i++) {
        const BlockFact *f = &g_array_index(facts, BlockFact, i);

        switch (f->kind) {
        case FACT_STRING:
            img_json_string(j, f->key, f->text);
            break;
        case FACT_BOOL:
            img_json_bool(j, f->key, f->number);
            break;
        case FACT_UINT:
            img_json_uint(j, f->key, f->number);
            break;
        case FACT_LIST:
        case FACT_DICT:
            brackets[depth++] = f->kind == FACT_LIST ? ']' : '}';
            img_json_open(j, f->key, f->kind == FACT_LIST ? '[' : '{');
            break;
        case FACT_END:
            img_json_close(j, brackets[--depth]);
            break;
        }
    }
    img_json_close(j, '}');
}

/* ---- facts and snapshots for people ------------------------------------------------------------------------------ */

void img_print_facts(const GArray *facts)
{
    unsigned indent = 4, index[16] = { 0 }, depth = 0;

    if (facts->len) {
        printf("Format specific information:\n");
    }
    for (unsigned i = 0; i < facts->len; i++) {
        const BlockFact *f = &g_array_index(facts, BlockFact, i);
        g_autofree char *key = f->key ? g_strdelimit(g_strdup(f->key), "-", ' ') : NULL;

        if (f->kind == FACT_END) {
            indent -= 4;
            depth--;
            continue;
        }
        if (key) {
            printf("%*s%s:", (int)indent, "", key);
        } else {
            printf("%*s[%u]:", (int)indent, "", index[depth]++);
        }
        if (f->kind == FACT_STRING) {
            printf(" %s\n", f->text);
        } else if (f->kind == FACT_BOOL) {
            printf(" %s\n", f->number ? "true" : "false");
        } else if (f->kind == FACT_UINT) {
            printf(" %" PRIu64 "\n", f->number);
        } else {
            putchar('\n');
            indent += 4;
            index[++depth % ARRAY_SIZE(index)] = 0;
        }
    }
}

void img_print_snapshots(BlockNode *n)
{
    BlockSnapshot *list = NULL;
    unsigned count = n->drv->snapshot_list ? n->drv->snapshot_list(n, &list) : 0;

    if (count) {
        printf("Snapshot list:\n%s", block_snapshot_head);
    }
    for (unsigned i = 0; i < count; i++) {
        g_autofree char *row = block_snapshot_row(&list[i], true);

        fputs(row, stdout);
        block_snapshot_clear(&list[i]);
    }
    g_free(list);
}
