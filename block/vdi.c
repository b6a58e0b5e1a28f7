/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VDI (VirtualBox). Little-endian; a map of 32-bit block numbers. Images that stand on others are refused. */
#include "qemu/osdep.h"
#include "table.h"

#define HEADER_LEN  512
#define BLOCK_SIZE  (1 * MiB)
#define BLOCKS_MAX  0x1fffff80u         /* almost 512 TiB, as other programs limit it */
#define ABSENT_FROM 0xfffffffeu     /* ...fffe: discarded, ...ffff: never written */

typedef struct Vdi {
    uint64_t map, data;
    uint32_t blocks, block_size;
    CoMutex lock;
} Vdi;

static int vdi_map(BlockNode *n, uint64_t offset, TableExtent *e)
{
    Vdi *v = n->state;
    uint64_t in = offset % v->block_size;
    uint32_t entry;
    int ret = table_le32(n->file, v->map + offset / v->block_size * 4, &entry);

    e->bytes = v->block_size - in;
    if (!ret && entry < ABSENT_FROM) {
        e->kind = TABLE_DATA;
        e->host = v->data + (uint64_t)entry * v->block_size + in;
    }
    return ret;
}

static int write_le32(BlockNode *file, uint64_t offset, uint32_t v)
{
    uint8_t buf[4];

    store_le32(buf, v);
    return block_run_write(file, offset, buf, sizeof(buf));
}

static int vdi_place(BlockNode *n, uint64_t offset, TableBlock *b)
{
    Vdi *v = n->state;
    uint64_t end = block_size(n->file), used = end > v->data ? end - v->data : 0;

    b->entry = used / v->block_size + !!(used % v->block_size);
    b->bytes = v->block_size;
    b->start = offset / b->bytes * b->bytes;
    b->host = v->data + b->entry * b->bytes;
    return b->entry < ABSENT_FROM ? 0 : -EFBIG;
}

/* The number of blocks in use is for people: in the header it follows the map. */
static int vdi_link(BlockNode *n, const TableBlock *b)
{
    Vdi *v = n->state;
    int ret = write_le32(n->file, v->map + b->start / b->bytes * 4, b->entry);

    return ret ? ret : write_le32(n->file, 388, b->entry + 1);
}
TABLE_RW_DRIVER(vdi_map, vdi_place, vdi_link, Vdi)

static int vdi_probe(const uint8_t *h, size_t len)
{
    return load_le32(h + 64) == 0xbeda107f ? 100 : 0;
}

static bool vdi_open(BlockNode *n, const BlockOpenOptions *o, Error **errp)
{
    static const uint8_t none[32];
    Vdi *v = n->state;
    uint8_t h[HEADER_LEN];

    if (!block_pread(n->file, 0, h, sizeof(h), errp)) {
        return false;
    }
    v->map = load_le32(h + 340);
    v->data = load_le32(h + 344);
    v->block_size = load_le32(h + 376);
    v->blocks = load_le32(h + 384);
    n->size = load_le64(h + 368);
    if (!vdi_probe(h, sizeof(h))) {
        error_set(errp, "Image not in VDI format (bad signature %08" PRIx32 ")", load_le32(h + 64));
        return false;
    }
    if (load_le32(h + 68) != 0x00010001) {
        error_set(errp, "unsupported VDI image (version %u.%u)", load_le32(h + 68) >> 16, load_le32(h + 68) & 0xffff);
        return false;
    }
    if (v->map % 512 || v->data % 512 || load_le32(h + 360) != 512) {
        error_set(errp, "unsupported VDI image (unaligned tables or sectors that are not 512 bytes)");
        return false;
    }
    if (v->block_size != MiB) {
        error_set(errp, "unsupported VDI image (block size %u is not 1 MiB)", v->block_size);
        return false;
    }
    if (n->size > (uint64_t)v->blocks * v->block_size) {
        error_set(errp, "unsupported VDI image (disk size %" PRIu64 ", image bitmap has room for %" PRIu64 ")",
                  n->size, (uint64_t)v->blocks * v->block_size);
        return false;
    }
    if (v->map + v->blocks * 4ull > ROUND_UP(block_size(n->file), 512)) {
        error_set(errp, "unsupported VDI image (the file ends before its block map does)");
        return false;
    }
    if (memcmp(h + 424, none, sizeof(none))) {
        error_set(errp, "unsupported VDI image (it stands on another one)");
        return false;
    }
    n->size = ROUND_UP(n->size, 512);
    return true;
}

static void vdi_get_info(BlockNode *n, BlockInfo *info)
{
    info->cluster_size = ((Vdi *)n->state)->block_size;
}

static bool vdi_check(BlockNode *n, BlockCheck *c, unsigned fix, Error **errp)
{
    return table_check(n, c, fix, vdi_map, errp);
}

/* ---- create ------------------------------------------------------------------------------------------------------ */

static int write_vdi(BlockNode *file, uint64_t size, bool is_static)
{
    uint32_t blocks = size / BLOCK_SIZE + !!(size % BLOCK_SIZE), map_bytes = ROUND_UP(blocks * 4, 512);
    g_autofree uint8_t *image = g_try_malloc0(HEADER_LEN + map_bytes);
    Error *err = NULL;
    int ret;

    if (!image) {
        return -ENOMEM;
    }
    strcpy((char *)image, "<<< QEMU VM Virtual Disk Image >>>\n");
    store_le32(image + 64, 0xbeda107f);
    store_le32(image + 68, 0x00010001);
    store_le32(image + 72, 0x180);              /* length of the header's main part */
    store_le32(image + 76, is_static ? 2 : 1);
    store_le32(image + 340, HEADER_LEN);
    store_le32(image + 344, HEADER_LEN + map_bytes);
    store_le32(image + 360, 512);
    store_le64(image + 368, size);
    store_le32(image + 376, BLOCK_SIZE);
    store_le32(image + 384, blocks);
    store_le32(image + 388, is_static ? blocks : 0);
    table_uuid(image + 392);
    table_uuid(image + 408);
    for (uint32_t i = 0; i < blocks; i++) {
        store_le32(image + HEADER_LEN + i * 4, is_static ? i : UINT32_MAX);
    }
    ret = block_run_write(file, 0, image, HEADER_LEN + map_bytes);
    if (!ret && is_static && !block_truncate(file, HEADER_LEN + map_bytes + blocks * (uint64_t)BLOCK_SIZE,
                                             PREALLOC_OFF, &err)) {
        error_free(err);
        ret = -ENOSPC;
    }
    return ret;
}

static bool vdi_create(const char *filename, BlockDict *options, Error **errp)
{
    uint64_t size = 0;
    bool is_static = false;
    BlockNode *file;

    if (!block_dict_take_size(options, "size", &size, errp) ||
        !block_dict_take_bool(options, "static", &is_static, errp)) {
        return false;
    }
    if (size > BLOCKS_MAX * (uint64_t)BLOCK_SIZE) {
        error_set(errp, "Unsupported VDI image size (size is 0x%" PRIx64 ", max supported is 0x%" PRIx64 ")", size,
                  BLOCKS_MAX * (uint64_t)BLOCK_SIZE);
        return false;
    }
    file = table_create(filename, errp);
    return file && table_created(file, write_vdi(file, ROUND_UP(size, 512), is_static), errp);
}

static const BlockCreateOption vdi_create_options[] = {
    { "size", CREATE_SIZE, NULL, "Virtual disk size", false },
    { "static", CREATE_BOOL, "off", "VDI static (pre-allocated) image", false },
    { .name = NULL },
};

static const BlockDriver vdi_driver = {
    .name = "vdi", .state_size = sizeof(Vdi), .probe = vdi_probe, .open = vdi_open, .co_run = vdi_map_run,
    .check = vdi_check, .status = vdi_map_status, .get_info = vdi_get_info, .create = vdi_create,
    .create_options = vdi_create_options,
};
BLOCK_DRIVER(vdi_driver)
