/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qemu-img info, map, check, snapshot: what looks at an image. */
#include "qemu/osdep.h"
#include <sys/time.h>
#include "img.h"

/* Options that these commands have in common; what is left is the command's. */
typedef struct Look {
    ImgOpen open;
    bool json, quiet;
} Look;

static bool look_option(Look *l, int c, bool *failed)
{
    switch (c) {
    case 'T':
        l->open.cache = optarg;
        return true;
    case 'q':
        l->quiet = true;
        return true;
    case OPT_OUTPUT:
        *failed |= !img_parse_output(optarg, &l->json);
        return true;
    }
    return false;
}

/* ---- info -------------------------------------------------------------------------------------------------------- */

static void json_snapshots(ImgJson *j, BlockNode *n)
{
    BlockSnapshot *list = NULL;
    unsigned count = n->drv->snapshot_list ? n->drv->snapshot_list(n, &list) : 0;

    if (count) {
        img_json_open(j, "snapshots", '[');
    }
    for (unsigned i = 0; i < count; i++) {
        BlockSnapshot *s = &list[i];

        img_json_open(j, NULL, '{');
        if (s->icount != UINT64_MAX) {
            img_json_uint(j, "icount", s->icount);
        }
        img_json_uint(j, "vm-clock-nsec", s->vm_clock_ns % 1000000000);
        img_json_string(j, "name", s->name);
        img_json_uint(j, "date-sec", s->date_sec);
        img_json_uint(j, "date-nsec", s->date_nsec);
        img_json_uint(j, "vm-clock-sec", s->vm_clock_ns / 1000000000);
        img_json_string(j, "id", s->id);
        img_json_uint(j, "vm-state-size", s->vm_state_size);
        img_json_close(j, '}');
        block_snapshot_clear(s);
    }
    if (count) {
        img_json_close(j, ']');
    }
    g_free(list);
}

static void info_json(ImgJson *j, BlockNode *n, const BlockInfo *info, const char *path)
{
    img_json_open(j, NULL, '{');
    if (n->backing_format) {
        img_json_string(j, "backing-filename-format", n->backing_format);
    }
    json_snapshots(j, n);
    img_json_uint(j, "virtual-size", block_size(n));
    img_json_string(j, "filename", block_filename(n));
    if (info->cluster_size) {
        img_json_uint(j, "cluster-size", info->cluster_size);
    }
    img_json_string(j, "format", block_format_name(n));
    if (block_allocated_size(n) != BLOCK_SIZE_UNKNOWN) {
        img_json_uint(j, "actual-size", block_allocated_size(n));
    }
    if (info->facts->len) {
        img_json_open(j, "format-specific", '{');
        img_json_string(j, "type", block_format_name(n));
        img_json_facts(j, "data", info->facts);
        img_json_close(j, '}');
    }
    if (path) {
        img_json_string(j, "full-backing-filename", path);
        img_json_string(j, "backing-filename", n->backing_file);
    }
    if (info->known) {
        img_json_bool(j, "dirty-flag", info->dirty);
    }
    img_json_close(j, '}');
}

static void info_human(BlockNode *n, const BlockInfo *info, const char *path)
{
    uint64_t allocated = block_allocated_size(n);
    g_autofree char *size = block_human_size(block_size(n));
    g_autofree char *used = allocated == BLOCK_SIZE_UNKNOWN ? g_strdup("unavailable") : block_human_size(allocated);

    printf("image: %s\nfile format: %s\nvirtual size: %s (%" PRIu64 " bytes)\ndisk size: %s\n", block_filename(n),
           block_format_name(n), size, block_size(n), used);
    if (info->encrypted) {
        printf("encrypted: yes\n");
    }
    if (info->cluster_size) {
        printf("cluster_size: %" PRIu64 "\n", info->cluster_size);
    }
    if (info->dirty) {
        printf("cleanly shut down: no\n");
    }
    if (path) {
        printf("backing file: %s", n->backing_file);
        if (!g_str_equal(path, n->backing_file)) {
            printf(" (actual path: %s)", path);
        }
        putchar('\n');
        if (n->backing_format) {
            printf("backing file format: %s\n", n->backing_format);
        }
    }
    img_print_snapshots(n);
    img_print_facts(info->facts);
}

int img_info(int argc, char **argv)
{
    static const struct option longs[] = {
        IMG_LONG_OPTIONS, IMG_LONG_IMAGE, IMG_LONG_SHARE, { "output", required_argument, NULL, OPT_OUTPUT },
        { "backing-chain", no_argument, NULL, OPT_BACKING_CHAIN }, { 0 },
    };
    Look l = { .open = { .no_backing = true, .check = true } };
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autofree char *filename = NULL, *format = NULL;
    bool chain = false, failed = false;
    ImgJson j = { 0 };
    int c, status;

    while ((c = img_next_option(argc, argv, ":f:hU", longs, &l.open, &status)) != -1) {
        if (c == IMG_STOP) {
            return status;
        }
        if (!look_option(&l, c, &failed) && c == OPT_BACKING_CHAIN) {
            chain = true;
        }
    }
    if (failed) {
        return 1;
    }
    if (optind != argc - 1) {
        return img_usage("Expecting one image file name");
    }
    filename = g_strdup(argv[optind]);
    format = g_strdup(l.open.format);
    status = 0;
    for (bool first = true; filename && !status; first = false) {
        BlockInfo info;
        BlockNode *n;
        char *path;

        if (!g_hash_table_add(seen, g_strdup(filename))) {
            error_report("Backing file '%s' creates an infinite loop.", filename);
            status = 1;
            break;
        }
        l.open.format = format;
        n = img_open(filename, &l.open);
        if (!n) {
            status = 1;
            break;
        }
        path = n->backing_file ? block_backing_path(n->filename, n->backing_file) : NULL;
        block_get_info(n, &info);
        if (l.json) {
            if (first && chain) {
                img_json_open(&j, NULL, '[');
            }
            info_json(&j, n, &info, path);
        } else {
            printf("%s", first ? "" : "\n");
            info_human(n, &info, path);
        }
        block_info_clear(&info);
        g_free(filename);
        g_free(format);
        filename = chain ? path : (g_free(path), NULL);
        format = g_strdup(n->backing_format);
        l.open.image_opts = false;
        block_unref(n);
    }
    if (l.json && chain && j.depth) {
        img_json_close(&j, ']');
    }
    return status;
}

/* ---- map --------------------------------------------------------------------------------------------------------- */

typedef struct MapRow {
    uint64_t start;
    BlockStatus st;
} MapRow;

static bool can_merge(const MapRow *a, const MapRow *b)
{
    return a->st.flags == b->st.flags && a->st.depth == b->st.depth && a->start + a->st.bytes == b->start &&
           (!(a->st.flags & BLOCK_ST_OFFSET) || (a->st.file == b->st.file && a->st.map + a->st.bytes == b->st.map));
}

static bool print_row(const MapRow *r, bool json, bool is_last)
{
    bool data = r->st.flags & BLOCK_ST_DATA, zero = r->st.flags & BLOCK_ST_ZERO, offset = r->st.flags & BLOCK_ST_OFFSET;

    if (json) {
        printf("{ \"start\": %" PRIu64 ", \"length\": %" PRIu64 ", \"depth\": %u, \"present\": %s, \"zero\": %s, "
               "\"data\": %s", r->start, r->st.bytes, r->st.depth, r->st.flags & BLOCK_ST_ALLOCATED ? "true" : "false",
               zero ? "true" : "false", data ? "true" : "false");
        if (offset) {
            printf(", \"offset\": %" PRIu64, r->st.map);
        }
        printf("}%s\n", is_last ? "]" : ",");
        return true;
    }
    if (data && !offset) {
        error_report("File contains external, encrypted or compressed clusters.");
        return false;
    }
    if (data && !zero) {
        g_autofree char *start = g_strdup_printf(r->start ? "0x%" PRIx64 : "%" PRIx64, r->start);
        g_autofree char *length = g_strdup_printf("0x%" PRIx64, r->st.bytes);
        g_autofree char *map = g_strdup_printf(r->st.map ? "0x%" PRIx64 : "%" PRIx64, r->st.map);

        printf("%-15s %-15s %-15s %s\n", start, length, map, r->st.file ? block_filename(r->st.file) : "");
    }
    return true;
}

static bool print_map(BlockNode *n, uint64_t at, uint64_t end, bool json)
{
    MapRow row = { 0 };

    printf(json ? "[" : "%-15s %-15s %-15s %s\n", "Offset", "Length", "Mapped to", "File");
    while (at < end) {
        MapRow next = { .start = at };
        int ret = block_status_above(n, NULL, at, end - at, &next.st);

        if (ret) {
            error_report("Failed to read the image's map at offset %" PRIu64 ": %s", at, strerror(-ret));
            return false;
        }
        at += next.st.bytes;
        if (row.st.bytes && can_merge(&row, &next)) {
            row.st.bytes += next.st.bytes;
            continue;
        }
        if (row.st.bytes && !print_row(&row, json, false)) {
            return false;
        }
        row = next;
    }
    return row.st.bytes ? print_row(&row, json, true) : (json && puts("]") >= 0) || true;
}

/*
 * Clusters are shown as a whole, but where the host has not given them their space: preallocated ones. Then the file is
 * larger than what it occupies, by more than tables that are hardly used.
 */
#define TABLE_HOLES 8u

static void whole_clusters(BlockNode *n)
{
    for (; n; n = n->backing) {
        BlockInfo info;
        uint64_t used;

        block_get_info(n, &info);
        used = n->file ? block_allocated_size(n->file) : 0;
        used = used == BLOCK_SIZE_UNKNOWN ? 0 : used;
        n->whole_clusters = info.cluster_size && n->file &&
                            block_size(n->file) <= MAX(used / 9 * 10, used + TABLE_HOLES * info.cluster_size);
        block_info_clear(&info);
    }
}

int img_map(int argc, char **argv)
{
    static const struct option longs[] = {
        IMG_LONG_OPTIONS, IMG_LONG_IMAGE, IMG_LONG_SHARE, { "output", required_argument, NULL, OPT_OUTPUT },
        { "start-offset", required_argument, NULL, OPT_START_OFFSET },
        { "max-length", required_argument, NULL, OPT_MAX_LENGTH }, { 0 },
    };
    Look l = { 0 };
    uint64_t start = 0, max = INT64_MAX, size;
    bool failed = false;
    BlockNode *n;
    int c, status;

    while ((c = img_next_option(argc, argv, ":f:s:l:hU", longs, &l.open, &status)) != -1) {
        if (c == IMG_STOP) {
            return status;
        }
        if (look_option(&l, c, &failed)) {
            continue;
        }
        if ((c == OPT_START_OFFSET || c == 's') && !img_parse_size(optarg, "start offset", INT64_MAX, &start)) {
            return 1;
        }
        if ((c == OPT_MAX_LENGTH || c == 'l') && !img_parse_size(optarg, "max length", INT64_MAX, &max)) {
            return 1;
        }
    }
    if (failed) {
        return 1;
    }
    if (optind != argc - 1) {
        return img_usage("Expecting one image file name");
    }
    n = img_open(argv[optind], &l.open);
    if (!n) {
        return 1;
    }
    whole_clusters(n);
    size = block_size(n);
    start = MIN(start, size);
    status = print_map(n, start, start + MIN(max, size - start), l.json) ? 0 : 1;
    block_unref(n);
    return status;
}

/* ---- check ------------------------------------------------------------------------------------------------------- */

static void say(void *opaque, const char *line)
{
    fprintf(stderr, "%s\n", line);
}

static void check_human(const BlockCheck *c)
{
    if (!c->corruptions && !c->leaks && !c->check_errors) {
        printf("No errors were found on the image.\n");
    }
    if (c->corruptions) {
        printf("\n%" PRIu64 " errors were found on the image.\n"
               "Data may be corrupted, or further writes to the image may corrupt it.\n", c->corruptions);
    }
    if (c->leaks) {
        printf("\n%" PRIu64 " leaked clusters were found on the image.\n"
               "This means waste of disk space, but no harm to data.\n", c->leaks);
    }
    if (c->check_errors) {
        printf("\n%" PRIu64 " internal errors have occurred during the check.\n", c->check_errors);
    }
    if (c->allocated_clusters && c->total_clusters) {
        printf("%" PRIu64 "/%" PRIu64 " = %0.2f%% allocated, %0.2f%% fragmented, %0.2f%% compressed clusters\n",
               c->allocated_clusters, c->total_clusters, c->allocated_clusters * 100.0 / c->total_clusters,
               c->fragmented_clusters * 100.0 / c->allocated_clusters,
               c->compressed_clusters * 100.0 / c->allocated_clusters);
    }
    if (c->image_end) {
        printf("Image end offset: %" PRIu64 "\n", c->image_end);
    }
}

static void check_json(BlockNode *n, const BlockCheck *c)
{
    const struct {
        const char *key;
        uint64_t value;
        bool always;
    } rows[] = {
        { "image-end-offset", c->image_end, false }, { "compressed-clusters", c->compressed_clusters, false },
        { "total-clusters", c->total_clusters, c->has_clusters }, { "corruptions", c->corruptions, false },
        { "corruptions-fixed", c->corruptions_fixed, false }, { "leaks", c->leaks, false },
        { "leaks-fixed", c->leaks_fixed, false }, { "check-errors", c->check_errors, true },
        { "allocated-clusters", c->allocated_clusters, false },
    };
    ImgJson j = { 0 };      /* the order is the one scripts may have got used to */

    img_json_open(&j, NULL, '{');
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        if (rows[i].value || rows[i].always) {
            img_json_uint(&j, rows[i].key, rows[i].value);
        }
    }
    img_json_string(&j, "filename", block_filename(n));
    img_json_string(&j, "format", block_format_name(n));
    if (c->fragmented_clusters) {
        img_json_uint(&j, "fragmented-clusters", c->fragmented_clusters);
    }
    img_json_close(&j, '}');
}

static int run_check(BlockNode *n, const Look *l, unsigned fix)
{
    BlockCheck c = { .say = l->quiet ? NULL : say };
    Error *err = NULL;

    if (!n->drv->check) {
        error_report("This image format does not support checks");
        return 63;
    }
    if (!n->drv->check(n, &c, fix, &err)) {
        img_report(NULL, err);
        return 1;
    }
    if (c.corruptions_fixed || c.leaks_fixed) {
        BlockCheck again = { .say = l->quiet ? NULL : say };

        if (!l->json && !l->quiet) {
            printf("The following inconsistencies were found and repaired:\n\n    %" PRIu64 " leaked clusters\n    %"
                   PRIu64 " corruptions\n\nDouble checking the fixed image now...\n", c.leaks_fixed,
                   c.corruptions_fixed);
            fflush(stdout);
        }
        again.corruptions_fixed = c.corruptions_fixed;
        again.leaks_fixed = c.leaks_fixed;
        if (!n->drv->check(n, &again, 0, &err)) {
            img_report(NULL, err);
            return 1;
        }
        c = again;
    }
    if (!l->quiet) {
        if (l->json) {
            check_json(n, &c);
        } else {
            check_human(&c);
        }
    }
    return c.corruptions ? 2 : c.leaks ? 3 : c.check_errors ? 1 : 0;
}

int img_check(int argc, char **argv)
{
    static const struct option longs[] = {
        IMG_LONG_OPTIONS, IMG_LONG_IMAGE, IMG_LONG_SHARE, { "output", required_argument, NULL, OPT_OUTPUT },
        { "repair", required_argument, NULL, 'r' }, { 0 },
    };
    Look l = { .open = { .no_backing = true, .check = true } };
    unsigned fix = 0;
    bool failed = false;
    BlockNode *n;
    int c, status;

    while ((c = img_next_option(argc, argv, ":f:r:T:qhU", longs, &l.open, &status)) != -1) {
        if (c == IMG_STOP) {
            return status;
        }
        if (look_option(&l, c, &failed) || c != 'r') {
            continue;
        }
        if (g_str_equal(optarg, "leaks")) {
            fix = BLOCK_FIX_LEAKS;
        } else if (g_str_equal(optarg, "all")) {
            fix = BLOCK_FIX_LEAKS | BLOCK_FIX_ERRORS;
        } else {
            return img_usage("Unknown option value for -r (expecting 'leaks' or 'all'): %s", optarg);
        }
    }
    if (failed) {
        return 1;
    }
    if (optind != argc - 1) {
        return img_usage("Expecting one image file name");
    }
    l.open.write = fix;
    l.open.quiet = true;
    n = img_open(argv[optind], &l.open);
    if (!n) {
        return 1;
    }
    status = run_check(n, &l, fix);
    return img_close(n) ? status : 1;
}

/* ---- snapshot ---------------------------------------------------------------------------------------------------- */

static bool snapshot_create(BlockNode *n, const char *name, Error **errp)
{
    struct timeval tv;
    BlockSnapshot s = { .name = (char *)name };

    gettimeofday(&tv, NULL);
    s.date_sec = tv.tv_sec;
    s.date_nsec = tv.tv_usec * 1000;
    return n->drv->snapshot_create(n, &s, errp);
}

/* Named by its tag only: a tag may look like another snapshot's id. */
static bool snapshot_delete(BlockNode *n, const char *name, Error **errp)
{
    BlockSnapshot *list = NULL;
    unsigned count = n->drv->snapshot_list(n, &list);
    g_autofree char *id = NULL;

    for (unsigned i = 0; i < count; i++) {
        if (!id && g_str_equal(list[i].name, name)) {
            id = g_strdup(list[i].id);
        }
        block_snapshot_clear(&list[i]);
    }
    g_free(list);
    if (!id) {
        error_set(errp, "snapshot not found");
        return false;
    }
    return n->drv->snapshot_delete(n, id, errp);
}

static int run_snapshot(BlockNode *n, int action, const char *name)
{
    const char *what = action == 'c' ? "create" : action == 'a' ? "apply" : "delete";
    Error *err = NULL;
    bool ok;

    if (action == 'l') {
        img_print_snapshots(n);
        return 0;
    }
    if (!n->drv->snapshot_create) {
        static const char *const why[] = { "-95 (Operation not supported)", "Block driver does not support snapshots",
                                           "snapshot not found" };

        error_report("Could not %s snapshot '%s': %s", what, name, why[action == 'c' ? 0 : action == 'a' ? 1 : 2]);
        return 1;
    }
    ok = action == 'c' ? snapshot_create(n, name, &err) : action == 'a' ? n->drv->snapshot_apply(n, name, &err) :
         snapshot_delete(n, name, &err);
    if (!ok) {
        error_prepend(&err, "Could not %s snapshot '%s': ", what, name);
        error_report_err(err);
    }
    return ok ? 0 : 1;
}

int img_snapshot(int argc, char **argv)
{
    static const struct option longs[] = { IMG_LONG_OPTIONS, IMG_LONG_IMAGE, IMG_LONG_SHARE, { 0 } };
    Look l = { .open = { .no_backing = true } };
    const char *name = NULL;
    int c, status, action = 0;
    bool failed = false;
    BlockNode *n;

    while ((c = img_next_option(argc, argv, ":f:la:c:d:hqU", longs, &l.open, &status)) != -1) {
        if (c == IMG_STOP) {
            return status;
        }
        if (look_option(&l, c, &failed)) {
            continue;
        }
        if (action) {
            return img_usage("Cannot mix '-l', '-a', '-c', '-d'");
        }
        action = c;
        name = optarg;
    }
    if (optind != argc - 1) {
        return img_usage("Expecting one image file name");
    }
    l.open.write = action && action != 'l';
    n = img_open(argv[optind], &l.open);
    if (!n) {
        return 1;
    }
    status = action ? run_snapshot(n, action, name) : 0;
    return img_close(n) ? status : 1;
}
