/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VHD (Virtual PC): fixed and dynamic. Big-endian. Differencing images are refused. Follows Microsoft's "Virtual Hard
 * Disk Image Format Specification" 1.0. A dynamic image begins with a copy of its footer: while a new block takes the
 * footer's place at the end, that one is there.
 */
#include "qemu/osdep.h"
#include "table.h"

#define FOOTER_LEN  512
#define HEADER_LEN  1024
#define ABSENT      0xffffffffu
#define MAX_CHS     (65535ull * 16 * 255)
#define MAX_SECTORS 0xff000000ull
#define BLOCK_SIZE  (2 * MiB)
#define FOOTER_SUM  64
#define HEADER_SUM  36
#define EPOCH_2000  946684800           /* times count from 2000-01-01 */

typedef struct Vpc {
    bool is_fixed;
    uint64_t bat;
    uint32_t entries, block_size, bitmap_bytes;
    uint64_t end;               /* where the footer is, and the next block goes */
    uint8_t footer[FOOTER_LEN];
    CoMutex lock;
} Vpc;

static int vpc_map(BlockNode *n, uint64_t offset, TableExtent *e)
{
    Vpc *v = n->state;
    uint64_t in;
    uint32_t entry;
    int ret;

    if (v->is_fixed) {
        e->kind = TABLE_DATA;
        e->host = offset;
        e->bytes = n->size - offset;
        return 0;
    }
    in = offset % v->block_size;
    ret = table_be32(n->file, v->bat + offset / v->block_size * 4, &entry);
    e->bytes = v->block_size - in;
    if (!ret && entry != ABSENT) {
        e->kind = TABLE_DATA;
        e->host = entry * 512ull + v->bitmap_bytes + in;
    }
    return ret;
}

static int vpc_place(BlockNode *n, uint64_t offset, TableBlock *b)
{
    Vpc *v = n->state;

    b->bytes = v->block_size;
    b->start = offset / b->bytes * b->bytes;
    b->host = v->end + v->bitmap_bytes;
    b->entry = v->end / 512;
    return b->entry < ABSENT ? 0 : -EFBIG;
}

/* The bitmap of sectors, all in use, goes where the footer was, and that behind the block. */
static int vpc_link(BlockNode *n, const TableBlock *b)
{
    Vpc *v = n->state;
    g_autofree uint8_t *bitmap = g_malloc(v->bitmap_bytes);
    uint64_t end = b->host + b->bytes;
    uint8_t entry[4];
    int ret;

    memset(bitmap, 0xff, v->bitmap_bytes);
    store_be32(entry, b->entry);
    ret = block_run_write(n->file, b->host - v->bitmap_bytes, bitmap, v->bitmap_bytes);
    ret = ret ? ret : block_run_write(n->file, end, v->footer, FOOTER_LEN);
    ret = ret ? ret : block_run_write(n->file, v->bat + b->start / b->bytes * 4, entry, sizeof(entry));
    if (!ret) {
        v->end = end;
    }
    return ret;
}
TABLE_RW_DRIVER(vpc_map, vpc_place, vpc_link, Vpc)

/* A block of a growing image is data as a whole. */
static int vpc_status(BlockNode *n, uint64_t offset, uint64_t bytes, BlockStatus *st)
{
    int ret = vpc_map_status(n, offset, bytes, st);

    st->flags &= ((Vpc *)n->state)->is_fixed ? ~0u : ~BLOCK_ST_RECURSE;
    return ret;
}

static uint32_t checksum(const uint8_t *p, size_t len, size_t at)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < len; i++) {
        sum += i - at < 4 ? 0 : p[i];
    }
    return ~sum;
}

/* Some creators mean the geometry, some the size; a geometry at its limit says nothing. */
static uint64_t disk_size(const uint8_t *f, const char *calc)
{
    static const char *const exact[] = { "win ", "qem2", "d2v ", "tap\0", "CTXS" };
    uint64_t chs = (uint64_t)load_be16(f + 56) * f[58] * f[59], size = load_be64(f + 48);
    bool use_size = chs == MAX_CHS;

    for (unsigned i = 0; i < ARRAY_SIZE(exact); i++) {
        use_size |= !memcmp(f + 28, exact[i], 4);
    }
    if (calc) {
        use_size = g_str_equal(calc, "current_size");
    }
    return use_size ? size : chs * 512;
}

static bool open_dynamic(BlockNode *n, Vpc *v, uint64_t at, Error **errp)
{
    uint8_t h[HEADER_LEN];

    if (at > INT64_MAX / 2 || !block_pread(n->file, at, h, sizeof(h), errp)) {
        return false;
    }
    if (memcmp(h, "cxsparse", 8)) {
        error_set(errp, "Invalid header magic");
        return false;
    }
    v->bat = load_be64(h + 16);
    v->entries = load_be32(h + 28);
    v->block_size = load_be32(h + 32);
    if (!is_power_of_2(v->block_size) || v->block_size < 512 || v->block_size > GiB) {
        error_set(errp, "Invalid block size %" PRIu32, v->block_size);
        return false;
    }
    v->bitmap_bytes = ROUND_UP(v->block_size / 512 / 8, 512);
    if (n->size > (uint64_t)v->entries * v->block_size) {
        error_set(errp, "Page table too small");
        return false;
    }
    if (v->bat > INT64_MAX / 2 || v->bat + v->entries * 4ull > block_size(n->file)) {
        error_set(errp, "Invalid page table offset");
        return false;
    }
    return true;
}

/* The footer at the end is overwritten by the next block; an end that is none is left alone. */
static bool find_end(BlockNode *n, Vpc *v, Error **errp)
{
    uint64_t size = block_size(n->file), tables = ROUND_UP(v->bat + v->entries * 4ull, 512);
    uint8_t magic[8];

    v->end = MAX(ROUND_UP(size, 512), tables);
    if (size < tables + FOOTER_LEN) {
        return true;
    }
    if (!block_pread(n->file, size - FOOTER_LEN, magic, sizeof(magic), errp)) {
        return false;
    }
    if (!memcmp(magic, "conectix", sizeof(magic)) && size % 512 == 0) {
        v->end = size - FOOTER_LEN;
    }
    return true;
}

static bool vpc_open(BlockNode *n, const BlockOpenOptions *o, Error **errp)
{
    Vpc *v = n->state;
    uint64_t file_size = block_size(n->file);
    g_autofree char *calc = block_dict_take(o->dict, "force_size_calc");
    uint8_t f[FOOTER_LEN];
    uint32_t type;

    if (!block_pread(n->file, 0, f, sizeof(f), errp)) {
        return false;
    }
    if (memcmp(f, "conectix", 8)) {
        if (file_size < FOOTER_LEN || !block_pread(n->file, file_size - FOOTER_LEN, f, sizeof(f), errp) ||
            memcmp(f, "conectix", 8)) {
            error_set(errp, "invalid VPC image");
            return false;
        }
    }
    if (checksum(f, sizeof(f), FOOTER_SUM) != load_be32(f + FOOTER_SUM)) {
        error_set(errp, "Incorrect header checksum");
        return false;
    }
    type = load_be32(f + 60);
    n->size = disk_size(f, calc);
    if (n->size > INT64_MAX / 2) {
        error_set(errp, "The disk is too large");
        return false;
    }
    v->is_fixed = type == 2;
    if (type == 2) {
        n->size = MIN(n->size, file_size < FOOTER_LEN ? 0 : ROUND_DOWN(file_size - FOOTER_LEN, 512));
        return true;
    }
    if (type != 3) {
        error_set(errp, "VHD images of type %u are not supported (a differencing image is 4)", type);
        return false;
    }
    memcpy(v->footer, f, sizeof(f));
    return open_dynamic(n, v, load_be64(f + 16), errp) && find_end(n, v, errp);
}

static int vpc_probe(const uint8_t *h, size_t len)
{
    return !memcmp(h, "conectix", 8) ? 100 : 0;
}

static void vpc_get_info(BlockNode *n, BlockInfo *info)
{
    Vpc *v = n->state;

    info->cluster_size = v->is_fixed ? 0 : v->block_size;
}

/* ---- create ------------------------------------------------------------------------------------------------------ */

typedef struct Geometry {
    uint16_t cylinders;
    uint8_t heads, sectors;
} Geometry;

/* Specification, appendix "CHS Calculation". */
static Geometry geometry_of(uint64_t total)
{
    uint64_t spt, heads, tracks;

    if (total >= 65535ull * 16 * 63) {
        spt = 255;
        heads = 16;
        tracks = MIN(total, MAX_CHS) / spt;
        return (Geometry){ tracks / heads, heads, spt };
    }
    spt = 17;
    tracks = total / spt;
    heads = MAX((tracks + 1023) / 1024, 4);
    if (tracks >= heads * 1024 || heads > 16) {
        spt = 31;
        heads = 16;
        tracks = total / spt;
    }
    if (tracks >= heads * 1024) {
        spt = 63;
        tracks = total / spt;
    }
    return (Geometry){ tracks / heads, heads, spt };
}

/* The size such a disk has for programs that go by the geometry: at least what was asked for, if there is one. */
static uint64_t round_to_geometry(uint64_t sectors, Geometry *g)
{
    for (uint64_t try = sectors; sectors < MAX_CHS; try++) {
        uint64_t chs;

        *g = geometry_of(try);
        chs = (uint64_t)g->cylinders * g->heads * g->sectors;
        if (chs >= sectors) {
            return chs;
        }
    }
    *g = (Geometry){ 65535, 16, 255 };
    return sectors;
}

static void make_footer(uint8_t *f, uint64_t bytes, Geometry g, bool is_fixed, bool exact)
{
    memcpy(f, "conectix", 8);
    store_be32(f + 8, 2);                       /* reserved, always set */
    store_be32(f + 12, 0x00010000);
    store_be64(f + 16, is_fixed ? UINT64_MAX : FOOTER_LEN);
    store_be32(f + 24, g_get_real_time() / G_USEC_PER_SEC - EPOCH_2000);
    memcpy(f + 28, exact ? "qem2" : "qemu", 4); /* disk_size() and others tell by it which size counts */
    store_be32(f + 32, 0x00050003);
    memcpy(f + 36, "Wi2k", 4);
    store_be64(f + 40, bytes);
    store_be64(f + 48, bytes);
    store_be16(f + 56, g.cylinders);
    f[58] = g.heads;
    f[59] = g.sectors;
    store_be32(f + 60, is_fixed ? 2 : 3);
    table_uuid(f + 68);
    store_be32(f + FOOTER_SUM, checksum(f, FOOTER_LEN, FOOTER_SUM));
}

/* Footer, header, empty block table, footer. */
static int write_dynamic(BlockNode *file, const uint8_t *footer, uint64_t bytes)
{
    uint32_t entries = bytes / BLOCK_SIZE + !!(bytes % BLOCK_SIZE), bat_bytes = ROUND_UP(entries * 4, 512);
    uint64_t bat = FOOTER_LEN + HEADER_LEN, len = bat + bat_bytes + FOOTER_LEN;
    g_autofree uint8_t *image = g_try_malloc0(len);
    uint8_t *h = image + FOOTER_LEN;

    if (!image) {
        return -ENOMEM;
    }
    memcpy(image, footer, FOOTER_LEN);
    memcpy(h, "cxsparse", 8);
    store_be64(h + 8, UINT64_MAX);
    store_be64(h + 16, bat);
    store_be32(h + 24, 0x00010000);
    store_be32(h + 28, entries);
    store_be32(h + 32, BLOCK_SIZE);
    store_be32(h + HEADER_SUM, checksum(h, HEADER_LEN, HEADER_SUM));
    memset(image + bat, 0xff, bat_bytes);
    memcpy(image + bat + bat_bytes, footer, FOOTER_LEN);
    return block_run_write(file, 0, image, len);
}

static bool vpc_create(const char *filename, BlockDict *options, Error **errp)
{
    g_autofree char *subformat = block_dict_take(options, "subformat");
    uint8_t footer[FOOTER_LEN] = { 0 };
    Geometry g = { 65535, 16, 255 };
    bool exact = false, is_fixed;
    uint64_t size = 0, sectors;
    BlockNode *file;

    if (!block_dict_take_size(options, "size", &size, errp) ||
        !block_dict_take_bool(options, "force_size", &exact, errp)) {
        return false;
    }
    is_fixed = subformat && g_str_equal(subformat, "fixed");
    if (subformat && !is_fixed && strcmp(subformat, "dynamic")) {
        error_set(errp, "Parameter 'subformat' does not accept value '%s'", subformat);
        return false;
    }
    if (size > MAX_SECTORS * 512) {
        error_set(errp, "The image size is too large for file format 'vpc'");
        return false;
    }
    sectors = size / 512 + !!(size % 512);
    sectors = exact ? sectors : round_to_geometry(sectors, &g);
    make_footer(footer, sectors * 512, g, is_fixed, exact);
    file = table_create(filename, errp);
    return file && table_created(file, is_fixed ? block_run_write(file, sectors * 512, footer, FOOTER_LEN) :
                                 write_dynamic(file, footer, sectors * 512), errp);
}

static const BlockCreateOption vpc_create_options[] = {
    { "size", CREATE_SIZE, NULL, "Virtual disk size", false },
    { "subformat", CREATE_STRING, NULL, "Type of virtual hard disk format. Supported formats are {dynamic (default) | "
      "fixed} ", false },
    { "force_size", CREATE_BOOL, NULL, "Force disk size calculation to use the actual size specified, rather than "
      "using the nearest CHS-based calculation", false },
    { .name = NULL },
};

static const BlockDriver vpc_driver = {
    .name = "vpc", .state_size = sizeof(Vpc), .probe = vpc_probe, .open = vpc_open, .co_run = vpc_map_run,
    .status = vpc_status, .get_info = vpc_get_info, .create = vpc_create,
    .create_options = vpc_create_options,
};
BLOCK_DRIVER(vpc_driver)
