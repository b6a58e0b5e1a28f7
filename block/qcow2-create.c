/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: new images, and how large one would become. */
#include "qemu/osdep.h"
#include "qcow2.h"

/* In the order in which "Formatting ..." shows them. */
const BlockCreateOption qcow2_create_options[] = {
    { "cluster_size", CREATE_SIZE, "65536", "qcow2 cluster size", false },
    { "extended_l2", CREATE_BOOL, "off", "Extended L2 tables", false },
    { "preallocation", CREATE_STRING, NULL, "Preallocation mode (allowed values: off, metadata, falloc, full)", false },
    { "compression_type", CREATE_STRING, "zlib", "Compression method used for image cluster compression", false },
    { "size", CREATE_SIZE, NULL, "Virtual disk size", true },
    { "compat", CREATE_STRING, NULL, "Compatibility level (v2 [0.10] or v3 [1.1])", true },
    { "backing_file", CREATE_STRING, NULL, "File name of a base image", true },
    { "backing_fmt", CREATE_STRING, NULL, "Image format of the base image", true },
    { "lazy_refcounts", CREATE_BOOL, "off", "Postpone refcount updates", true },
    { "refcount_bits", CREATE_UINT, "16", "Width of a reference count entry in bits", true },
    { .name = NULL },
};

typedef struct Plan {
    uint64_t size, cluster_size, refcount_bits;
    bool ext_l2, lazy;
    unsigned version;
    uint8_t compression;
    BlockPrealloc prealloc;
    char *backing_file, *backing_format;
} Plan;

static void plan_clear(Plan *p)
{
    g_free(p->backing_file);
    g_free(p->backing_format);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Plan, plan_clear)

/* ---- options ----------------------------------------------------------------------------------------------------- */

static bool parse_words(Plan *p, BlockDict *d, Error **errp)
{
    g_autofree char *compat = block_dict_take(d, "compat"), *prealloc = block_dict_take(d, "preallocation");
    g_autofree char *compression = block_dict_take(d, "compression_type");

    p->version = 3;
    if (compat && (g_str_equal(compat, "0.10") || g_str_equal(compat, "v2"))) {
        p->version = 2;
    } else if (compat && !g_str_equal(compat, "1.1") && !g_str_equal(compat, "v3")) {
        error_set(errp, "Parameter 'version' does not accept value '%s'", compat);
        return false;
    }
    if (prealloc && !block_prealloc_parse(prealloc, &p->prealloc)) {
        error_set(errp, "Parameter 'preallocation' does not accept value '%s'", prealloc);
        return false;
    }
    if (compression && g_str_equal(compression, "zstd")) {
        p->compression = QCOW2_ZSTD;
    } else if (compression && !g_str_equal(compression, "zlib")) {
        error_set(errp, "Parameter 'compression-type' does not accept value '%s'", compression);
        return false;
    }
    p->backing_file = block_dict_take(d, "backing_file");
    p->backing_format = block_dict_take(d, "backing_fmt");
    return true;
}

static bool check_versions(const Plan *p, Error **errp)
{
    const char *what = NULL;

    if (p->version < 3 && p->compression != QCOW2_ZLIB) {
        what = "Non-zlib compression type is only";
    } else if (p->version < 3 && p->ext_l2) {
        what = "Extended L2 entries are only";
    } else if (p->version < 3 && p->lazy) {
        what = "Lazy refcounts only";
    }
    if (what) {
        error_set(errp, "%s supported with compatibility level 1.1 and above (use version=v3 or greater)", what);
        return false;
    }
    if (p->version < 3 && p->refcount_bits != 16) {
        error_set(errp, "Different refcount widths than 16 bits require compatibility level 1.1 or above (use "
                  "version=v3 or greater)");
        return false;
    }
#ifndef CONFIG_ZSTD
    if (p->compression == QCOW2_ZSTD) {
        error_set(errp, "Parameter 'compression-type' does not accept value 'zstd'");
        return false;
    }
#endif
    return true;
}

static bool plan_read(Plan *p, BlockDict *d, Error **errp)
{
    p->cluster_size = 65536;
    p->refcount_bits = 16;
    if (!block_dict_take_size(d, "size", &p->size, errp) ||
        !block_dict_take_size(d, "cluster_size", &p->cluster_size, errp) ||
        !block_dict_take_size(d, "refcount_bits", &p->refcount_bits, errp) ||
        !block_dict_take_bool(d, "extended_l2", &p->ext_l2, errp) ||
        !block_dict_take_bool(d, "lazy_refcounts", &p->lazy, errp) || !parse_words(p, d, errp)) {
        return false;
    }
    if (p->cluster_size < 512 || p->cluster_size > 2 * MiB || !is_power_of_2(p->cluster_size)) {
        error_set(errp, "Cluster size must be a power of two between 512 and 2048k");
        return false;
    }
    if (p->ext_l2 && p->version >= 3 && p->cluster_size < 16 * KiB) {
        error_set(errp, "Extended L2 entries are only supported with cluster sizes of at least 16384 bytes");
        return false;
    }
    if (!is_power_of_2(p->refcount_bits) || p->refcount_bits > 64) {
        error_set(errp, "Refcount width must be a power of two and may not exceed 64 bits");
        return false;
    }
    if (p->backing_format && !p->backing_file) {
        error_set(errp, "Backing format cannot be used without backing file");
        return false;
    }
    if (p->backing_file && strlen(p->backing_file) > QCOW2_BACKING_MAX) {
        error_set(errp, "Backing file name too long");
        return false;
    }
    if (!check_versions(p, errp)) {
        return false;
    }
    if (p->size > INT64_MAX - 4 * MiB) {
        error_set(errp, "The image size is too large for file format 'qcow2' (try using a larger cluster size)");
        return false;
    }
    p->size = ROUND_UP(p->size, BLOCK_SECTOR_SIZE);
    return true;
}

static uint64_t div_up(uint64_t a, uint64_t b)
{
    return a / b + !!(a % b);
}

static uint64_t l1_entries(const Plan *p)
{
    return div_up(div_up(p->size, p->cluster_size), p->cluster_size / (p->ext_l2 ? 16 : 8));
}

/* Clusters of refcount blocks and of their table, when there are others too. */
static void refcount_clusters(const Plan *p, uint64_t others, uint64_t *blocks, uint64_t *table)
{
    uint64_t per_block = p->cluster_size * 8 / p->refcount_bits, total = others, last;

    *blocks = *table = 0;
    do {
        last = total;
        *blocks = div_up(total, per_block);
        *table = div_up(*blocks * 8, p->cluster_size);
        total = others + *blocks + *table;
    } while (total != last);
}

/* ---- measure ----------------------------------------------------------------------------------------------------- */

bool qcow2_measure(BlockDict *options, uint64_t size, uint64_t data_bytes, uint64_t *required, uint64_t *full,
                   Error **errp)
{
    g_auto(Plan) p = { 0 };
    uint64_t clusters, meta, blocks, table;

    if (!plan_read(&p, options, errp)) {
        return false;
    }
    p.size = ROUND_UP(size, BLOCK_SECTOR_SIZE);
    if (l1_entries(&p) * 8 > QCOW2_L1_MAX) {
        error_set(errp, "The image size is too large (try using a larger cluster size)");
        return false;
    }
    clusters = div_up(p.size, p.cluster_size);
    meta = 1 + div_up(l1_entries(&p) * 8, p.cluster_size) + l1_entries(&p);
    refcount_clusters(&p, meta + clusters, &blocks, &table);
    meta += blocks + table;
    *full = (meta + clusters) * p.cluster_size;
    *required = p.prealloc >= PREALLOC_FALLOC ? *full : meta * p.cluster_size + ROUND_UP(data_bytes, p.cluster_size);
    return true;
}

/* ---- create ------------------------------------------------------------------------------------------------------ */

/* Where things are in a new image: header, refcount table, refcount blocks, L1, each in whole clusters. */
typedef struct Layout {
    uint64_t table, blocks, l1_clusters;    /* clusters of each */
    uint64_t table_at, blocks_at, l1_at, used;
} Layout;

static Layout layout_of(const Plan *p)
{
    Layout l = { .l1_clusters = MAX(div_up(l1_entries(p) * 8, p->cluster_size), 1), .table_at = 1 };

    refcount_clusters(p, 1 + l.l1_clusters, &l.blocks, &l.table);
    l.blocks_at = l.table_at + l.table;
    l.l1_at = l.blocks_at + l.blocks;
    l.used = l.l1_at + l.l1_clusters;
    return l;
}

/* Each cluster of the layout is counted once. */
static int write_refcounts(BlockNode *file, const Plan *p, const Layout *l)
{
    uint64_t per_block = p->cluster_size * 8 / p->refcount_bits;
    g_autofree uint8_t *buf = g_malloc(p->cluster_size);
    int ret = 0;

    for (uint64_t b = 0; b < l->blocks && !ret; b++) {
        uint8_t entry[8];

        memset(buf, 0, p->cluster_size);
        for (uint64_t c = b * per_block; c < MIN((b + 1) * per_block, l->used); c++) {
            qcow2_refcount_put(buf, ctz64(p->refcount_bits), c - b * per_block, 1);
        }
        store_be64(entry, (l->blocks_at + b) * p->cluster_size);
        ret = block_run_write(file, (l->blocks_at + b) * p->cluster_size, buf, p->cluster_size);
        ret = ret ? ret : block_run_write(file, l->table_at * p->cluster_size + b * 8, entry, sizeof(entry));
    }
    return ret;
}

static int write_new_header(BlockNode *file, const Plan *p, const Layout *l)
{
    BlockNode fake = { .size = p->size, .backing_file = p->backing_file, .backing_format = p->backing_format };
    Qcow2 q = {
        .n = &fake, .file = file, .version = p->version, .refcount_order = ctz64(p->refcount_bits),
        .ext_l2 = p->ext_l2, .cluster_bits = ctz64(p->cluster_size), .cluster_size = p->cluster_size,
        .reftable_offset = l->table_at * p->cluster_size, .reftable_size = l->table * p->cluster_size / 8,
        .l1_size = l1_entries(p), .l1_offset = l->l1_at * p->cluster_size, .compression = p->compression,
        .incompat = (p->compression ? QCOW2_INCOMPAT_COMPRESSION : 0) | (p->ext_l2 ? QCOW2_INCOMPAT_EXT_L2 : 0),
        .compat = p->lazy ? QCOW2_COMPAT_LAZY : 0,
        .extensions = g_array_new(FALSE, TRUE, sizeof(Qcow2Extension)),
    };
    int ret = qcow2_header_write(&q);

    g_array_unref(q.extensions);
    return ret;
}

/* What is not written is a hole. The header comes last: until then it is no image. */
static bool write_image(BlockNode *file, const Plan *p, Error **errp)
{
    Layout l = layout_of(p);
    int ret = write_refcounts(file, p, &l);

    if (!ret && !block_truncate(file, l.l1_at * p->cluster_size + MAX(l1_entries(p) * 8, 8), PREALLOC_OFF, errp)) {
        return false;
    }
    ret = ret ? ret : write_new_header(file, p, &l);
    ret = ret ? ret : block_run_flush(file);
    if (ret) {
        error_set_errno(errp, -ret, "Could not write the new image '%s'", block_filename(file));
    }
    return !ret;
}

static bool preallocate(const char *filename, const Plan *p, Error **errp)
{
    BlockNode *n = block_open(filename, &(BlockOpenOptions){ .format = "qcow2", .no_backing = true,
                                                             .cache = BLOCK_CACHE_UNSAFE }, errp);
    Qcow2 *q;
    int ret;
    bool ok;

    if (!n) {
        return false;
    }
    q = n->state;
    ret = qcow2_preallocate(q, 0, p->size);
    ret = ret ? ret : qcow2_flush(q);
    ok = !ret;
    if (ret) {
        error_set_errno(errp, -ret, "Could not preallocate metadata");
    } else {
        uint64_t end = block_size(n->file);

        for (uint64_t c = end >> q->cluster_bits, refs = 1; refs; c++) {
            ret = qcow2_get_refcount(q, c, &refs);
            end = refs && !ret ? (c + 1) << q->cluster_bits : end;
            refs = ret ? 0 : refs;
        }
        ok = block_truncate(n->file, end, p->prealloc == PREALLOC_METADATA ? PREALLOC_OFF : p->prealloc, errp);
    }
    block_unref(n);
    return ok;
}

bool qcow2_create(const char *filename, BlockDict *options, Error **errp)
{
    g_auto(Plan) p = { 0 };
    g_autoptr(GHashTable) empty = block_dict_new();
    BlockNode *file;
    bool ok;

    if (!plan_read(&p, options, errp)) {
        return false;
    }
    if (l1_entries(&p) * 8 > QCOW2_L1_MAX) {
        error_set(errp, "The image size is too large for file format 'qcow2' (try using a larger cluster size)");
        return false;
    }
    if (!block_driver_find("file")->create(filename, empty, errp)) {
        return false;
    }
    file = block_open(filename, &(BlockOpenOptions){ .format = "file", .cache = BLOCK_CACHE_UNSAFE }, errp);
    if (!file) {
        return false;
    }
    ok = write_image(file, &p, errp);
    block_unref(file);
    return ok && (p.prealloc == PREALLOC_OFF || preallocate(filename, &p, errp));
}
