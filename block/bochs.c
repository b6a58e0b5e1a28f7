/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Growing images of Bochs, for reading: a catalog of extents, each with a bitmap of the sectors that are there. */
#include "qemu/osdep.h"
#include "table.h"

#define HEADER_LEN  96
#define ABSENT      0xffffffffu

typedef struct Bochs {
    uint64_t catalog, data;     /* in the file */
    uint32_t entries, bitmap_bytes, extent_bytes;
} Bochs;

static int bochs_map(BlockNode *n, uint64_t offset, TableExtent *e)
{
    Bochs *b = n->state;
    uint64_t extent = offset / b->extent_bytes, in = offset % b->extent_bytes, start;
    uint32_t entry = ABSENT;
    uint8_t bits;
    int ret = extent < b->entries ? table_le32(n->file, b->catalog + extent * 4, &entry) : 0;

    if (entry == ABSENT) {
        e->bytes = b->extent_bytes - in;
        return ret;
    }
    e->bytes = 512 - offset % 512;
    start = b->data + entry * ((uint64_t)ROUND_UP(b->bitmap_bytes, 512u) + ROUND_UP(b->extent_bytes, 512u));
    ret = block_run_read(n->file, start + in / 512 / 8, &bits, 1);
    if (!ret && bits >> (in / 512 % 8) & 1) {
        e->kind = TABLE_DATA;
        e->host = start + ROUND_UP(b->bitmap_bytes, 512u) + in;
    }
    return ret;
}
TABLE_DRIVER(bochs_map)

static int bochs_probe(const uint8_t *h, size_t len)
{
    uint32_t version = load_le32(h + 64);

    return !memcmp(h, "Bochs Virtual HD Image", 22) && !memcmp(h + 32, "Redolog", 7) &&
           !memcmp(h + 48, "Growing", 7) && (version == 0x10000 || version == 0x20000) ? 100 : 0;
}

static bool bochs_open(BlockNode *n, const BlockOpenOptions *o, Error **errp)
{
    Bochs *b = n->state;
    uint8_t h[HEADER_LEN];
    uint32_t header;

    if (!table_readonly(n, o, errp) || !block_pread(n->file, 0, h, sizeof(h), errp)) {
        return false;
    }
    if (!bochs_probe(h, sizeof(h))) {
        error_set(errp, "Image not in Bochs format");
        return false;
    }
    header = load_le32(h + 68);
    b->entries = load_le32(h + 72);
    b->bitmap_bytes = load_le32(h + 76);
    b->extent_bytes = load_le32(h + 80);
    n->size = load_le32(h + 64) == 0x10000 ? load_le64(h + 84) : load_le64(h + 88);
    b->catalog = header;
    b->data = header + 4ull * b->entries;
    if (b->entries > 0x100000 || header < 512 || header > MiB) {
        error_set(errp, "Catalog size is too large");
        return false;
    }
    if (b->extent_bytes < 512 || !is_power_of_2(b->extent_bytes) || b->extent_bytes > 8 * MiB ||
        b->bitmap_bytes < b->extent_bytes / 512 / 8 || b->bitmap_bytes > MiB) {
        error_set(errp, "Extent size %u is out of range", b->extent_bytes);
        return false;
    }
    if (n->size > (uint64_t)b->entries * b->extent_bytes) {
        error_set(errp, "Catalog size is too small for this disk size");
        return false;
    }
    n->size = ROUND_DOWN(n->size, 512);
    return true;
}

static const BlockDriver bochs_driver = {
    .name = "bochs", .state_size = sizeof(Bochs), .probe = bochs_probe, .open = bochs_open, .co_run = bochs_map_run,
    .status = bochs_map_status,
};
BLOCK_DRIVER(bochs_driver)
