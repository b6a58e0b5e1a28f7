/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Formats that are a table of blocks: reading and status on top of a map of the disk. Writing: table-write.c. */
#include "qemu/osdep.h"
#include <zlib.h>
#include "table.h"

#define PACKED_MAX  (64 * MiB)
#define IOV_LOCAL   64

bool table_readonly(BlockNode *n, const BlockOpenOptions *o, Error **errp)
{
    if (n->readonly || o->auto_readonly) {
        n->readonly = true;
        return true;
    }
    error_set(errp, "Image is read-only: this version only reads images of format '%s'", n->drv->name);
    return false;
}

int table_le32(BlockNode *file, uint64_t offset, uint32_t *out)
{
    uint8_t buf[4];
    int ret = block_run_read(file, offset, buf, sizeof(buf));

    *out = load_le32(buf);
    return ret;
}

int table_be32(BlockNode *file, uint64_t offset, uint32_t *out)
{
    uint8_t buf[4];
    int ret = block_run_read(file, offset, buf, sizeof(buf));

    *out = load_be32(buf);
    return ret;
}

int table_be64(BlockNode *file, uint64_t offset, uint64_t *out)
{
    uint8_t buf[8];
    int ret = block_run_read(file, offset, buf, sizeof(buf));

    *out = load_be64(buf);
    return ret;
}

static int unpack(BlockNode *file, const TableExtent *e, uint8_t *out)
{
    g_autofree uint8_t *in = NULL;
    z_stream z = { .next_out = out, .avail_out = e->unpacked_len };
    int ret;

    if (e->packed_len > PACKED_MAX) {
        return -EIO;
    }
    in = g_try_malloc(MAX(e->packed_len, 1));
    ret = in ? block_run_read(file, e->host, in, e->packed_len) : -ENOMEM;
    if (ret) {
        return ret;
    }
    z.next_in = in;
    z.avail_in = e->packed_len;
    if (inflateInit2(&z, e->zlib_header ? MAX_WBITS : -MAX_WBITS) != Z_OK) {
        return -ENOMEM;
    }
    inflate(&z, Z_FINISH);
    inflateEnd(&z);
    return z.avail_out ? -EIO : 0;
}

static int read_extent(BlockNode *n, const TableExtent *e, const BlockOp *op, uint64_t done, uint64_t bytes)
{
    struct iovec local[IOV_LOCAL], *part = op->niov <= IOV_LOCAL ? local : g_new(struct iovec, op->niov);
    BlockNode *file = e->kind == TABLE_BACKING ? n->backing : e->file ? e->file : n->file;
    BlockOp sub = { .kind = BLOCK_READ, .offset = e->kind == TABLE_BACKING ? op->offset + done : e->host,
                    .bytes = bytes, .iov = part };
    uint64_t there = bytes;
    int ret = 0;

    sub.niov = iov_slice(part, op->iov, op->niov, done, bytes);
    if (e->kind == TABLE_PACKED) {
        g_autofree uint8_t *data = g_try_malloc(e->unpacked_len);
        const uint8_t *from = data + e->skip;

        ret = data ? unpack(file, e, data) : -ENOMEM;
        for (int i = 0; i < sub.niov && !ret; i++) {
            memcpy(part[i].iov_base, from, part[i].iov_len);
            from += part[i].iov_len;
        }
    } else {
        if (e->kind == TABLE_BACKING) {
            uint64_t size = file ? block_size(file) : 0;

            there = sub.offset < size ? MIN(bytes, size - sub.offset) : 0;
        } else if (e->kind == TABLE_ZERO) {
            there = 0;
        }
        iov_zero(part, sub.niov, there);
        if (there) {
            sub.bytes = there;
            sub.niov = iov_slice(part, op->iov, op->niov, done, there);
            ret = block_run(file, &sub);
        }
    }
    if (part != local) {
        g_free(part);
    }
    return ret;
}

int table_run(BlockNode *n, const BlockOp *op, TableMapFn *map)
{
    if (op->kind == BLOCK_FLUSH) {
        return 0;
    }
    if (op->kind != BLOCK_READ) {
        return -EROFS;
    }
    for (uint64_t done = 0; done < op->bytes;) {
        TableExtent e = { .kind = TABLE_ZERO };
        uint64_t bytes;
        int ret = map(n, op->offset + done, &e);

        if (ret) {
            return ret;
        }
        bytes = MIN(e.bytes, op->bytes - done);
        ret = e.host > INT64_MAX / 2 ? -EIO : read_extent(n, &e, op, done, bytes);
        if (ret) {
            return ret;
        }
        done += bytes;
    }
    return 0;
}

int table_status(BlockNode *n, uint64_t offset, uint64_t bytes, BlockStatus *st, TableMapFn *map)
{
    static const unsigned flags[] = {
        [TABLE_ZERO] = BLOCK_ST_ALLOCATED | BLOCK_ST_ZERO, [TABLE_BACKING] = 0,
        [TABLE_DATA] = BLOCK_ST_ALLOCATED | BLOCK_ST_DATA | BLOCK_ST_OFFSET | BLOCK_ST_RECURSE,
        [TABLE_PACKED] = BLOCK_ST_ALLOCATED | BLOCK_ST_DATA | BLOCK_ST_COMPRESSED,
    };
    uint64_t done = 0;

    while (done < bytes) {
        TableExtent e = { .kind = TABLE_ZERO };
        int ret = map(n, offset + done, &e);

        if (ret) {
            return done ? 0 : ret;
        }
        if (done && (flags[e.kind] != st->flags || (e.kind == TABLE_DATA && e.host != st->map + done))) {
            break;
        }
        if (!done) {
            st->flags = flags[e.kind];
            st->map = e.host;
            st->file = e.file ? e.file : n->file;
        }
        done += MIN(e.bytes, bytes - done);
        st->bytes = done;
    }
    return 0;
}
