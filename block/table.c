/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Formats that are a table of blocks: reading and status on top of a map of the disk. Writing: table-write.c. */
#include "qemu/osdep.h"
#include <zlib.h>
#include "table.h"

#define PACKED_MAX  (64 * MiB)
#define IOV_LOCAL   64
#define STATUS_STEPS 4096u              /* of one answer: who wants to know more asks again */

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

    for (unsigned step = 0; step < STATUS_STEPS && done < bytes; step++) {
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

/* ---- check ------------------------------------------------------------------------------------------------------- */

typedef struct Piece {
    BlockNode *file;
    uint64_t host, end;         /* bytes of the file */
    uint64_t offset;            /* of the disk */
} Piece;

static int compare_pieces(const void *a, const void *b)
{
    const Piece *x = a, *y = b;

    return x->file != y->file ? (x->file < y->file ? -1 : 1) : x->host < y->host ? -1 : x->host > y->host;
}

static void say(BlockCheck *c, const char *fmt, ...) QEMU_PRINTF(2, 3);
static void say(BlockCheck *c, const char *fmt, ...)
{
    if (c->say) {
        g_autofree char *line = NULL;
        va_list ap;

        va_start(ap, fmt);
        line = g_strdup_vprintf(fmt, ap);
        va_end(ap);
        c->say(c->opaque, line);
    }
}

static bool check_packed(const TableExtent *e)
{
    g_autofree uint8_t *data = g_try_malloc(e->unpacked_len);

    return data && !unpack(e->file, e, data);
}

static void check_piece(BlockCheck *c, GArray *pieces, TableExtent *e, uint64_t offset)
{
    uint64_t len = e->kind == TABLE_PACKED ? e->packed_len : e->bytes;
    Piece p = { e->file, e->host, e->host + len, offset };

    if (p.host > INT64_MAX / 2 || p.end > ROUND_UP(block_size(e->file), BLOCK_SECTOR_SIZE)) {
        say(c, "ERROR: block at offset %" PRIu64 " of the disk lies behind the end of the file", offset);
        c->corruptions++;
    } else if (e->kind == TABLE_PACKED && !check_packed(e)) {
        say(c, "ERROR: packed block at offset %" PRIu64 " of the disk cannot be unpacked", offset);
        c->corruptions++;
    } else {
        g_array_append_val(pieces, p);
    }
}

static void check_overlaps(BlockCheck *c, GArray *pieces)
{
    g_array_sort(pieces, compare_pieces);
    for (unsigned i = 1; i < pieces->len; i++) {
        const Piece *a = &g_array_index(pieces, Piece, i - 1), *b = &g_array_index(pieces, Piece, i);

        if (a->file == b->file && b->host < a->end) {
            say(c, "ERROR: blocks at offsets %" PRIu64 " and %" PRIu64 " of the disk share bytes of the file",
                a->offset, b->offset);
            c->corruptions++;
        }
    }
}

/* Each step has a table entry of its own, unless tables are used twice: then the walk ends some time. */
#define ENTRY_LEN   4
#define STEPS_MORE  65536

bool table_check(BlockNode *n, BlockCheck *c, unsigned fix, TableMapFn *map, Error **errp)
{
    g_autoptr(GArray) pieces = g_array_new(FALSE, FALSE, sizeof(Piece));
    uint64_t end = block_size(n), steps = block_size(n->file) / ENTRY_LEN + STEPS_MORE;
    BlockNode *last = n->file;

    if (fix) {
        error_set(errp, "images of format '%s' can be checked, not repaired", n->drv->name);
        return false;
    }
    for (uint64_t at = 0; at < end;) {
        TableExtent e = { .kind = TABLE_ZERO, .file = n->file };
        int ret = steps-- ? map(n, at, &e) : -ELOOP;

        if (ret) {
            say(c, "ERROR: the table entry of offset %" PRIu64 " cannot be read: %s", at, strerror(-ret));
            c->check_errors++;
            return true;
        }
        e.bytes = MIN(e.bytes, end - at);
        e.file = e.file ? e.file : n->file;
        steps += e.file != last ? block_size(e.file) / ENTRY_LEN : 0;
        last = e.file;
        if (e.kind == TABLE_DATA || e.kind == TABLE_PACKED) {
            check_piece(c, pieces, &e, at);
        }
        at += e.bytes;
    }
    check_overlaps(c, pieces);
    return true;
}
