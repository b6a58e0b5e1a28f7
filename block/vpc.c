/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VHD (Virtual PC), for reading: fixed and dynamic. Big-endian. Differencing images are refused. */
#include "qemu/osdep.h"
#include "table.h"

#define FOOTER_LEN  512
#define HEADER_LEN  1024
#define ABSENT      0xffffffffu
#define MAX_CHS     (65535ull * 16 * 255)

typedef struct Vpc {
    bool is_fixed;
    uint64_t bat;
    uint32_t entries, block_size, bitmap_bytes;
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
TABLE_DRIVER(vpc_map)

static bool sum_is_right(const uint8_t *p, size_t len, size_t at)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < len; i++) {
        sum += i - at < 4 ? 0 : p[i];
    }
    return ~sum == load_be32(p + at);
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
    if (v->bat > INT64_MAX / 2) {
        error_set(errp, "Invalid page table offset");
        return false;
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

    if (!table_readonly(n, o, errp) || !block_pread(n->file, 0, f, sizeof(f), errp)) {
        return false;
    }
    if (memcmp(f, "conectix", 8)) {
        if (file_size < FOOTER_LEN || !block_pread(n->file, file_size - FOOTER_LEN, f, sizeof(f), errp) ||
            memcmp(f, "conectix", 8)) {
            error_set(errp, "invalid VPC image");
            return false;
        }
    }
    if (!sum_is_right(f, sizeof(f), 64)) {
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
        n->size = MIN(n->size, ROUND_DOWN(file_size - FOOTER_LEN, 512));
        return true;
    }
    if (type != 3) {
        error_set(errp, "VHD images of type %u are not supported (a differencing image is 4)", type);
        return false;
    }
    return open_dynamic(n, v, load_be64(f + 16), errp);
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

static const BlockDriver vpc_driver = {
    .name = "vpc", .state_size = sizeof(Vpc), .probe = vpc_probe, .open = vpc_open, .co_run = vpc_map_run,
    .status = vpc_map_status, .get_info = vpc_get_info,
};
BLOCK_DRIVER(vpc_driver)
