/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing formats that are a table of blocks: what has a place is written there, the first write to a block puts it
 * behind all others. Its data comes first and the table's entry second, so that the entry never points to nothing.
 * Each such driver says where a new block goes and how the table learns of it.
 */
#include "qemu/osdep.h"
#include "table.h"

#define IOV_LOCAL 64

static int rw_piece(BlockNode *file, const BlockOp *op, uint64_t host, uint64_t done, uint64_t bytes)
{
    struct iovec local[IOV_LOCAL], *part = op->niov <= IOV_LOCAL ? local : g_new(struct iovec, op->niov);
    BlockOp sub = { .kind = op->kind, .flags = op->flags & (BLOCK_FUA | BLOCK_NO_FALLBACK), .offset = host,
                    .bytes = bytes, .iov = part };
    int ret;

    sub.niov = iov_slice(part, op->iov, op->niov, done, bytes);
    ret = block_run(file, &sub);
    if (part != local) {
        g_free(part);
    }
    return ret;
}

/* A new block for what is written: lock held. What lies behind the end of the file, the rest of the block, is zero. */
static int write_new_block(BlockNode *n, const BlockOp *op, const TableWriter *w, uint64_t done, uint64_t bytes)
{
    static const uint8_t zeros[BLOCK_SECTOR_SIZE];
    uint64_t at = op->offset + done, end;
    TableBlock b = { .file = n->file };
    int ret = w->place(n, at, &b);

    if (ret) {
        return ret;
    }
    ret = rw_piece(b.file, op, b.host + (at - b.start), done, bytes);
    end = b.host + b.bytes;
    if (!ret && block_size(b.file) < end) {
        ret = block_run_write(b.file, end - sizeof(zeros), zeros, sizeof(zeros));
    }
    return ret ? ret : w->link(n, &b);
}

static int write_piece(BlockNode *n, const BlockOp *op, const TableWriter *w, CoMutex *lock, uint64_t done,
                       uint64_t *bytes)
{
    TableExtent e = { .kind = TABLE_ZERO };
    int ret;

    co_mutex_lock(lock);
    ret = w->map(n, op->offset + done, &e);
    *bytes = MIN(e.bytes, op->bytes - done);
    if (ret || e.kind == TABLE_PACKED) {
        ret = ret ? ret : -EIO;                 /* packed data cannot be replaced in its place */
    } else if (e.kind == TABLE_DATA) {
        co_mutex_unlock(lock);
        return rw_piece(e.file ? e.file : n->file, op, e.host, done, *bytes);
    } else if (op->kind == BLOCK_WRITE) {
        ret = write_new_block(n, op, w, done, *bytes);
    }                                           /* zeros where nothing is: they are there */
    co_mutex_unlock(lock);
    return ret;
}

int table_run_rw(BlockNode *n, const BlockOp *op, const TableWriter *w, CoMutex *lock)
{
    uint64_t bytes;
    int ret = 0;

    switch (op->kind) {
    case BLOCK_READ:
        return table_run(n, op, w->map);
    case BLOCK_FLUSH:
        return n->readonly ? 0 : block_run_flush(n->file);
    case BLOCK_DISCARD:
        return 0;
    case BLOCK_WRITE:
    case BLOCK_WRITE_ZEROES:
        break;
    }
    if (op->flags & BLOCK_COMPRESSED) {
        return -ENOTSUP;
    }
    for (uint64_t done = 0; done < op->bytes && !ret; done += bytes) {
        ret = write_piece(n, op, w, lock, done, &bytes);
    }
    return ret || !(op->flags & BLOCK_FUA) ? ret : block_run_flush(n->file);
}

BlockNode *table_create(const char *filename, Error **errp)
{
    g_autoptr(GHashTable) none = block_dict_new();
    BlockOpenOptions o = { .format = "file", .cache = BLOCK_CACHE_UNSAFE };

    return block_driver_find("file")->create(filename, none, errp) ? block_open(filename, &o, errp) : NULL;
}

bool table_created(BlockNode *file, int ret, Error **errp)
{
    ret = ret ? ret : block_run_flush(file);
    if (ret) {
        error_set_errno(errp, -ret, "Could not write the new image '%s'", block_filename(file));
    }
    block_unref(file);
    return !ret;
}

void table_uuid(uint8_t *uuid)
{
    for (unsigned i = 0; i < 4; i++) {
        store_le32(uuid + i * 4, g_random_int());
    }
    uuid[6] = (uuid[6] & 0x0f) | 0x40;          /* RFC 4122, version 4 */
    uuid[8] = (uuid[8] & 0x3f) | 0x80;
}
