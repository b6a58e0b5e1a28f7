/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VDI (VirtualBox), for reading. Little-endian; a map of 32-bit block numbers. */
#include "qemu/osdep.h"
#include "table.h"

#define HEADER_LEN  512
#define ABSENT_FROM 0xfffffffeu     /* ...fffe: discarded, ...ffff: never written */

typedef struct Vdi {
    uint64_t map, data;
    uint32_t blocks, block_size;
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
TABLE_DRIVER(vdi_map)

static int vdi_probe(const uint8_t *h, size_t len)
{
    return load_le32(h + 64) == 0xbeda107f ? 100 : 0;
}

static bool vdi_open(BlockNode *n, const BlockOpenOptions *o, Error **errp)
{
    static const uint8_t none[32];
    Vdi *v = n->state;
    uint8_t h[HEADER_LEN];

    if (!table_readonly(n, o, errp) || !block_pread(n->file, 0, h, sizeof(h), errp)) {
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

static const BlockDriver vdi_driver = {
    .name = "vdi", .state_size = sizeof(Vdi), .probe = vdi_probe, .open = vdi_open, .co_run = vdi_map_run,
    .status = vdi_map_status, .get_info = vdi_get_info,
};
BLOCK_DRIVER(vdi_driver)
