/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow version 1, for reading. All numbers are big-endian; two levels of tables, clusters may be packed (deflate). */
#include "qemu/osdep.h"
#include "table.h"

#define HEADER_LEN  48
#define NAME_MAX_   1023u

typedef struct Qcow {
    unsigned cluster_bits, l2_bits;
    uint64_t l1_offset;
} Qcow;

static int qcow_map(BlockNode *n, uint64_t offset, TableExtent *e)
{
    Qcow *q = n->state;
    unsigned bits = q->cluster_bits;
    uint64_t cluster = 1ull << bits, in = offset & (cluster - 1), entry = 0, l2;
    uint64_t l1_entry = q->l1_offset + (offset >> (bits + q->l2_bits)) * 8;
    int ret;

    if (l1_entry >= block_size(n->file)) {      /* nor have those that follow a table */
        e->kind = TABLE_BACKING;
        e->bytes = n->size - offset;
        return 0;
    }
    ret = table_be64(n->file, l1_entry, &l2);
    if (!ret && l2) {
        ret = l2 > INT64_MAX / 2 ? -EIO :
              table_be64(n->file, l2 + (offset >> bits & ((1ull << q->l2_bits) - 1)) * 8, &entry);
    }
    e->bytes = cluster - in;
    if (!ret && !l2) {
        e->bytes = (cluster << q->l2_bits) - (offset & ((cluster << q->l2_bits) - 1));
    }
    if (!entry) {
        e->kind = TABLE_BACKING;
    } else if (entry >> 63) {
        e->kind = TABLE_PACKED;
        e->host = entry & ((1ull << (63 - bits)) - 1);
        e->packed_len = entry >> (63 - bits) & (cluster - 1);
        e->unpacked_len = cluster;
        e->skip = in;
    } else {
        e->kind = TABLE_DATA;
        e->host = entry + in;
    }
    return ret;
}
TABLE_DRIVER(qcow_map)

static bool read_backing_name(BlockNode *n, uint64_t offset, uint32_t len, Error **errp)
{
    if (!offset) {
        return true;
    }
    if (len > NAME_MAX_ || offset > INT64_MAX / 2) {
        error_set(errp, "Backing file name too long");
        return false;
    }
    n->backing_file = g_malloc0(len + 1);
    return block_pread(n->file, offset, n->backing_file, len, errp);
}

static bool qcow_open(BlockNode *n, const BlockOpenOptions *o, Error **errp)
{
    Qcow *q = n->state;
    uint8_t h[HEADER_LEN];

    if (!table_readonly(n, o, errp) || !block_pread(n->file, 0, h, sizeof(h), errp)) {
        return false;
    }
    if (load_be32(h) != 0x514649fb) {
        error_set(errp, "Image not in qcow format");
        return false;
    }
    if (load_be32(h + 4) != 1) {
        error_set(errp, "qcow (v%u) does not support qcow version %u", 1, load_be32(h + 4));
        return false;
    }
    n->size = load_be64(h + 24);
    q->cluster_bits = h[32];
    q->l2_bits = h[33];
    q->l1_offset = load_be64(h + 40);
    if (n->size <= 1 || n->size > INT64_MAX / 2) {
        error_set(errp, "Image size is too small (must be at least 2 bytes) or too large");
        return false;
    }
    if (q->cluster_bits < 9 || q->cluster_bits > 16) {
        error_set(errp, "Cluster size must be between 512 and 64k");
        return false;
    }
    if (q->l2_bits < 6 || q->l2_bits > 13) {
        error_set(errp, "L2 table size must be between 512 and 64k");
        return false;
    }
    if (load_be32(h + 36)) {
        error_set(errp, "encrypted images are not supported by this version");
        return false;
    }
    if (q->l1_offset > INT64_MAX / 2) {
        error_set(errp, "Image too large");
        return false;
    }
    return read_backing_name(n, load_be64(h + 8), load_be32(h + 16), errp);
}

static int qcow_probe(const uint8_t *head, size_t len)
{
    return load_be32(head) == 0x514649fb && load_be32(head + 4) == 1 ? 100 : 0;
}

static void qcow_get_info(BlockNode *n, BlockInfo *info)
{
    info->cluster_size = 1u << ((Qcow *)n->state)->cluster_bits;
}

static const BlockDriver qcow_driver = {
    .name = "qcow", .state_size = sizeof(Qcow), .probe = qcow_probe, .open = qcow_open, .co_run = qcow_map_run,
    .status = qcow_map_status, .get_info = qcow_get_info,
};
BLOCK_DRIVER(qcow_driver)
