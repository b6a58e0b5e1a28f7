/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMDK: sparse extents (also packed ones), flat ones, and descriptors that list several files. Follows VMware's
 * "Virtual Disk Format 5.0". Little-endian, units are sectors. New images: vmdk-create.c.
 * Images that stand on others are read only. Grain tables that are not there are not made.
 */
#include "qemu/osdep.h"
#include <zlib.h>
#include "table.h"
#include "vmdk.h"

#define DESCRIPTOR_MAX  (1 * MiB)
#define EXTENTS_MAX     4096
#define GD_AT_END       UINT64_MAX

typedef struct VmdkExtent {
    BlockNode *file;
    bool is_own, is_flat, is_zero;          /* is_own: a file beside the descriptor */
    uint64_t start, end;        /* bytes of the disk */
    uint64_t flat_offset;
    uint64_t directory;         /* byte offset of the grain directory */
    uint64_t second;            /* and of the other one, whose tables say the same; 0: none */
    uint64_t grain;             /* bytes */
    uint32_t per_table;
    bool has_zero_grains, is_packed;
} VmdkExtent;

typedef struct Vmdk {
    GArray *extents;            /* VmdkExtent, in order */
    uint32_t cid, parent_cid;
    char *create_type;
    CoMutex lock;
} Vmdk;

/* ---- where data is ----------------------------------------------------------------------------------------------- */

/* The last grain may have been packed as far as the disk goes. */
static int map_packed(const VmdkExtent *x, uint64_t host, uint64_t at, TableExtent *e)
{
    uint8_t marker[MARKER_LEN];
    int ret = block_run_read(x->file, host, marker, sizeof(marker));

    e->kind = TABLE_PACKED;
    e->host = host + sizeof(marker);
    e->packed_len = load_le32(marker + 8);
    e->skip = at % x->grain;
    e->unpacked_len = MIN(x->grain, x->end - x->start - (at - e->skip));
    e->zlib_header = true;
    return ret;
}

static const VmdkExtent *extent_at(const Vmdk *v, uint64_t offset)
{
    const VmdkExtent *x = NULL;

    for (unsigned i = 0; i < v->extents->len; i++) {
        x = &g_array_index(v->extents, VmdkExtent, i);
        if (offset < x->end) {
            break;
        }
    }
    return x;
}

static int vmdk_map(BlockNode *n, uint64_t offset, TableExtent *e)
{
    const VmdkExtent *x = extent_at(n->state, offset);
    uint64_t at, in, grain;
    uint32_t table = 0, entry = 0;
    int ret;

    at = offset - x->start;
    e->file = x->file;
    if (x->is_flat || x->is_zero) {
        e->kind = x->is_flat ? TABLE_DATA : TABLE_ZERO;
        e->host = x->flat_offset + at;
        e->bytes = x->end - offset;
        return 0;
    }
    grain = at / x->grain;
    in = at % x->grain;
    e->bytes = MIN(x->grain - in, x->end - offset);
    e->kind = TABLE_BACKING;
    if (x->directory + grain / x->per_table * 4 >= block_size(x->file)) {
        e->bytes = x->end - offset;             /* nor have those that follow a table */
        return 0;
    }
    ret = table_le32(x->file, x->directory + grain / x->per_table * 4, &table);
    if (!ret && table) {
        ret = table_le32(x->file, table * 512ull + grain % x->per_table * 4, &entry);
    } else if (!ret) {
        e->bytes = MIN((x->per_table - grain % x->per_table) * x->grain - in, x->end - offset);
    }
    if (ret || !entry) {
        return ret;
    }
    if (entry == 1 && x->has_zero_grains) {
        e->kind = TABLE_ZERO;
        return 0;
    }
    if (x->is_packed) {
        return map_packed(x, entry * 512ull, at, e);
    }
    e->kind = TABLE_DATA;
    e->host = entry * 512ull + in;
    return 0;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* Where the entry of this grain stands. directory: one of the two. -ENOTSUP: it has no table. */
static int find_entry(const VmdkExtent *x, uint64_t directory, uint64_t grain, uint64_t *at)
{
    uint32_t table = 0;
    int ret = table_le32(x->file, directory + grain / x->per_table * 4, &table);

    *at = table * 512ull + grain % x->per_table * 4;
    return ret ? ret : table ? 0 : -ENOTSUP;
}

static int vmdk_place(BlockNode *n, uint64_t offset, TableBlock *b)
{
    const VmdkExtent *x = extent_at(n->state, offset);
    uint64_t grain, at;

    if (x->is_zero || x->is_packed) {
        return -ENOTSUP;
    }
    grain = (offset - x->start) / x->grain;
    b->file = x->file;
    b->bytes = MIN(x->grain, x->end - (x->start + grain * x->grain));
    b->start = x->start + grain * x->grain;
    b->host = ROUND_UP(block_size(x->file), x->grain);
    b->entry = b->host / 512;
    return b->entry > UINT32_MAX ? -EFBIG : find_entry(x, x->directory, grain, &at);
}

static int vmdk_link(BlockNode *n, const TableBlock *b)
{
    const VmdkExtent *x = extent_at(n->state, b->start);
    uint64_t grain = (b->start - x->start) / x->grain, directories[2] = { x->second, x->directory };
    uint8_t entry[4];
    int ret = 0;

    store_le32(entry, b->entry);
    for (unsigned i = 0; i < 2 && !ret; i++) {
        uint64_t at;

        ret = directories[i] ? find_entry(x, directories[i], grain, &at) : 1;
        ret = ret ? (ret > 0 ? 0 : ret) : block_run_write(x->file, at, entry, sizeof(entry));
    }
    return ret;
}

/* A grain of packed data: marker (sector, length), deflate stream, zeros up to the next sector. */
static int write_packed_grain(BlockNode *n, const VmdkExtent *x, uint64_t offset, const uint8_t *data)
{
    uLongf len = compressBound(x->grain);
    g_autofree uint8_t *buf = g_try_malloc0(MARKER_LEN + len + 512);
    TableBlock b = { .start = offset, .host = ROUND_UP(block_size(x->file), 512) };
    int ret;

    if (!buf || compress2(buf + MARKER_LEN, &len, data, x->grain, Z_DEFAULT_COMPRESSION) != Z_OK) {
        return -ENOMEM;
    }
    b.entry = b.host / 512;
    if (b.entry > UINT32_MAX) {
        return -EFBIG;
    }
    store_le64(buf, (offset - x->start) / 512);
    store_le32(buf + 8, len);
    ret = block_run_write(x->file, b.host, buf, ROUND_UP(MARKER_LEN + len, 512));
    return ret ? ret : vmdk_link(n, &b);
}

static int write_packed(BlockNode *n, const BlockOp *op)
{
    Vmdk *v = n->state;
    int ret = 0;

    for (uint64_t done = 0, len; done < op->bytes && !ret; done += len) {
        const VmdkExtent *x = extent_at(v, op->offset + done);
        g_autofree uint8_t *grain = x->is_packed ? g_try_malloc0(x->grain) : NULL;
        TableExtent e = { .kind = TABLE_ZERO };

        if (!grain) {
            return x->is_packed ? -ENOMEM : -ENOTSUP;
        }
        len = MIN(x->grain, op->bytes - done);
        if ((op->offset + done - x->start) % x->grain || (len < x->grain && op->offset + done + len != x->end)) {
            return -EINVAL;
        }
        ret = vmdk_map(n, op->offset + done, &e);
        if (!ret && e.kind == TABLE_PACKED) {
            return -EIO;        /* it would not fit into its place */
        }
        iov_copy_out(grain, op->iov, op->niov, done, len);
        ret = ret ? ret : write_packed_grain(n, x, op->offset + done, grain);
    }
    return ret;
}

static int flush_extents(BlockNode *n)
{
    Vmdk *v = n->state;
    int ret = 0;

    for (unsigned i = 0; i < v->extents->len && !ret; i++) {
        const VmdkExtent *x = &g_array_index(v->extents, VmdkExtent, i);

        ret = x->is_own && x->file ? block_run_flush(x->file) : 0;
    }
    return ret ? ret : block_run_flush(n->file);
}

static int vmdk_run(BlockNode *n, const BlockOp *op)
{
    static const TableWriter writer = { vmdk_map, vmdk_place, vmdk_link };
    Vmdk *v = n->state;
    int ret;

    if (op->kind == BLOCK_WRITE && op->flags & BLOCK_COMPRESSED) {
        co_mutex_lock(&v->lock);
        ret = write_packed(n, op);
        co_mutex_unlock(&v->lock);
        return ret;
    }
    if (op->kind == BLOCK_FLUSH) {
        return n->readonly ? 0 : flush_extents(n);
    }
    ret = table_run_rw(n, op, &writer, &v->lock);
    return ret || !(op->flags & BLOCK_FUA) ? ret : flush_extents(n);
}

static int vmdk_status(BlockNode *n, uint64_t offset, uint64_t bytes, BlockStatus *st)
{
    return table_status(n, offset, bytes, st, vmdk_map);
}

/* ---- extents ----------------------------------------------------------------------------------------------------- */

static bool check_sparse(VmdkExtent *x, Error **errp)
{
    if (!x->per_table || x->per_table > 512 * 64) {
        error_set(errp, "L2 table size too big");
        return false;
    }
    if (x->grain < 512 || x->grain > 64 * MiB || !is_power_of_2(x->grain)) {
        error_set(errp, "Invalid granularity, image may be corrupt");
        return false;
    }
    if (x->directory > INT64_MAX / 4 || x->end > INT64_MAX / 4) {
        error_set(errp, "L1 size too big");
        return false;
    }
    return true;
}

static bool read_kdmv(VmdkExtent *x, const uint8_t *h, uint64_t *descriptor, uint64_t *descriptor_len, Error **errp)
{
    uint8_t footer[512];
    uint32_t flags = load_le32(h + 8);

    if (load_le64(h + 56) == GD_AT_END) {       /* a footer: the header again, then an end marker */
        uint64_t size = block_size(x->file);

        if (size < 1536 || !block_pread(x->file, size - 1024, footer, sizeof(footer), errp)) {
            error_set(size < 1536 ? errp : NULL, "Invalid footer");
            return false;
        }
        if (memcmp(footer, "KDMV", 4)) {
            error_set(errp, "Invalid footer");
            return false;
        }
        h = footer;
    }
    if (load_le32(h + 4) > 3) {
        error_set(errp, "Unsupported VMDK version %u", load_le32(h + 4));
        return false;
    }
    if (load_le64(h + 12) > INT64_MAX / 1024 || load_le64(h + 20) > MiB || load_le64(h + 56) > INT64_MAX / 1024) {
        error_set(errp, "Invalid granularity, image may be corrupt");
        return false;
    }
    if (!load_le32(h + 44)) {
        error_set(errp, "L1 entry size is invalid");
        return false;
    }
    x->end = load_le64(h + 12) * 512;
    x->grain = load_le64(h + 20) * 512;
    x->per_table = load_le32(h + 44);
    x->directory = load_le64(h + 56) * 512;
    x->second = flags & FLAG_REDUNDANT && load_le64(h + 48) < INT64_MAX / 1024 ? load_le64(h + 48) * 512 : 0;
    x->has_zero_grains = flags & FLAG_ZERO_GRAIN;
    x->is_packed = flags & FLAG_COMPRESSED && load_le16(h + 77) == 1;
    if (x->is_packed && !(flags & FLAG_MARKERS)) {
        error_set(errp, "packed grains without markers are not supported");
        return false;
    }
    *descriptor = MIN(load_le64(h + 28), INT64_MAX / 1024) * 512;
    *descriptor_len = MIN(load_le64(h + 36), DESCRIPTOR_MAX / 512) * 512;
    return check_sparse(x, errp);
}

static bool read_cowd(VmdkExtent *x, const uint8_t *h, Error **errp)
{
    x->end = load_le32(h + 12) * 512ull;
    x->grain = load_le32(h + 16) * 512ull;
    x->directory = load_le32(h + 20) * 512ull;
    x->per_table = 4096;
    return check_sparse(x, errp);
}

/* What kind of file it is, from its first bytes. descriptor: where an embedded one is. */
static bool read_sparse(VmdkExtent *x, uint64_t *descriptor, uint64_t *descriptor_len, Error **errp)
{
    uint8_t h[512];

    *descriptor = 0;
    if (!block_pread(x->file, 0, h, sizeof(h), errp)) {
        return false;
    }
    if (!memcmp(h, "COWD", 4)) {
        return read_cowd(x, h, errp);
    }
    if (memcmp(h, "KDMV", 4)) {
        error_set(errp, "'%s' is no sparse VMDK extent", block_filename(x->file));
        return false;
    }
    return read_kdmv(x, h, descriptor, descriptor_len, errp);
}

static void add_extent(Vmdk *v, BlockNode *n, VmdkExtent x)
{
    uint64_t len = x.end;

    x.start = n->size;
    x.end = n->size + len;
    n->size = x.end;
    g_array_append_val(v->extents, x);
}

/* RW 131072 SPARSE "x.vmdk"; RW 131072 FLAT "x-flat.vmdk" 0; RW 100 ZERO */
static bool open_extent(BlockNode *n, const char *line, const BlockOpenOptions *o, Error **errp)
{
    Vmdk *v = n->state;
    char access[16], type[16], name[512] = "";
    unsigned long long sectors, offset = 0;
    int got = sscanf(line, "%15s %llu %15s \"%511[^\"]\" %llu", access, &sectors, type, name, &offset);
    uint64_t d, d_len;
    VmdkExtent x = { 0 };

    if (got < 3 || v->extents->len >= EXTENTS_MAX || sectors > (1ull << 44)) {
        error_set(errp, "Invalid extent line: %s", line);
        return false;
    }
    if (g_str_equal(type, "ZERO")) {
        x.is_zero = true;
        x.end = sectors * 512;
        add_extent(v, n, x);
        return true;
    }
    x.is_flat = g_str_equal(type, "FLAT") || g_str_equal(type, "VMFS");
    if (got < 4 || offset > (1ull << 44) || (!x.is_flat && strcmp(type, "SPARSE") && strcmp(type, "VMFSSPARSE"))) {
        error_set(errp, "Unsupported extent type '%s'", type);
        return false;
    }
    {
        g_autofree char *path = block_backing_path(n->filename, name);

        x.file = block_open(path, &(BlockOpenOptions){ .format = "file", .readonly = n->readonly,
                                                       .no_lock = o->no_lock, .cache = o->cache }, errp);
    }
    x.is_own = true;
    if (!x.file) {
        return false;
    }
    if (!x.is_flat && !read_sparse(&x, &d, &d_len, errp)) {
        block_unref(x.file);
        return false;
    }
    x.end = sectors * 512;
    x.flat_offset = offset * 512;
    add_extent(v, n, x);
    return true;
}

/* ---- the descriptor ---------------------------------------------------------------------------------------------- */

static char *descriptor_value(const char *text, const char *key)
{
    g_auto(GStrv) lines = g_strsplit_set(text, "\r\n", -1);

    for (unsigned i = 0; lines[i]; i++) {
        if (g_str_has_prefix(lines[i], key) && lines[i][strlen(key)] == '=') {
            char *value = g_strdup(g_strstrip(lines[i] + strlen(key) + 1));
            size_t len = strlen(value);

            if (len >= 2 && value[0] == '"' && value[len - 1] == '"') {
                memmove(value, value + 1, len - 2);
                value[len - 2] = 0;
            }
            return value;
        }
    }
    return NULL;
}

static void note_descriptor(BlockNode *n, Vmdk *v, const char *text)
{
    g_autofree char *cid = descriptor_value(text, "CID"), *parent = descriptor_value(text, "parentCID");
    char *hint = descriptor_value(text, "parentFileNameHint");

    v->cid = cid ? g_ascii_strtoull(cid, NULL, 16) : 0;
    v->parent_cid = parent ? g_ascii_strtoull(parent, NULL, 16) : UINT32_MAX;
    v->create_type = descriptor_value(text, "createType");
    if (hint && *hint && v->parent_cid != UINT32_MAX && strlen(hint) < 1024) {
        n->backing_file = hint;
        n->backing_format = g_strdup("vmdk");
    } else {
        g_free(hint);
    }
}

static bool open_descriptor(BlockNode *n, const BlockOpenOptions *o, const char *text, Error **errp)
{
    g_auto(GStrv) lines = g_strsplit_set(text, "\r\n", -1);
    Vmdk *v = n->state;

    note_descriptor(n, v, text);
    if (!v->create_type) {
        error_set(errp, "invalid VMDK image descriptor");
        return false;
    }
    for (unsigned i = 0; lines[i]; i++) {
        if ((g_str_has_prefix(lines[i], "RW ") || g_str_has_prefix(lines[i], "RDONLY ") ||
             g_str_has_prefix(lines[i], "NOACCESS ")) && !open_extent(n, lines[i], o, errp)) {
            return false;
        }
    }
    if (!v->extents->len) {
        error_set(errp, "invalid VMDK image descriptor");
        return false;
    }
    return true;
}

static void vmdk_close(BlockNode *n)
{
    Vmdk *v = n->state;

    for (unsigned i = 0; i < v->extents->len; i++) {
        VmdkExtent *x = &g_array_index(v->extents, VmdkExtent, i);

        block_unref(x->is_own ? x->file : NULL);
    }
    g_array_unref(v->extents);
    g_free(v->create_type);
}

static char *read_text(BlockNode *file, uint64_t offset, uint64_t len, Error **errp)
{
    g_autofree char *text = g_try_malloc0(len + 1);

    return text && block_pread(file, offset, text, len, errp) ? g_steal_pointer(&text) : NULL;
}

static bool open_parts(BlockNode *n, const BlockOpenOptions *o, Error **errp)
{
    Vmdk *v = n->state;
    VmdkExtent x = { .file = n->file };
    g_autofree char *text = NULL;
    uint8_t magic[4];
    uint64_t at, len;

    if (!block_pread(n->file, 0, magic, sizeof(magic), errp)) {
        return false;
    }
    if (memcmp(magic, "KDMV", 4) && memcmp(magic, "COWD", 4)) {
        if (block_size(n->file) > DESCRIPTOR_MAX) {
            error_set(errp, "invalid VMDK image descriptor");
            return false;
        }
        text = read_text(n->file, 0, block_size(n->file), errp);
        return text && open_descriptor(n, o, text, errp);
    }
    if (!read_sparse(&x, &at, &len, errp)) {
        return false;
    }
    if (at) {
        text = read_text(n->file, at, len, errp);
        if (!text) {
            return false;
        }
        note_descriptor(n, v, text);
    }
    add_extent(v, n, x);
    return true;
}

static bool vmdk_open(BlockNode *n, const BlockOpenOptions *o, Error **errp)
{
    Vmdk *v = n->state;

    v->extents = g_array_new(FALSE, TRUE, sizeof(VmdkExtent));
    if (!open_parts(n, o, errp)) {
        vmdk_close(n);
        return false;
    }
    if (n->backing_file && !table_readonly(n, o, errp)) {
        vmdk_close(n);
        return false;
    }
    return true;
}

/* A text is one when the first line that is neither empty nor a comment is a known version. */
static int vmdk_probe(const uint8_t *h, size_t len)
{
    size_t i = 0;

    if (!memcmp(h, "KDMV", 4) || !memcmp(h, "COWD", 4)) {
        return 100;
    }
    while (i < len && (h[i] == '#' || h[i] == '\n' || h[i] == ' ')) {
        while (i < len && h[i] != '\n') {
            i++;
        }
        i++;
    }
    return i + 10 < len && !memcmp(h + i, "version=", 8) && h[i + 8] >= '1' && h[i + 8] <= '3' &&
           (h[i + 9] == '\n' || h[i + 9] == '\r') ? 100 : 0;
}

static void vmdk_get_info(BlockNode *n, BlockInfo *info)
{
    Vmdk *v = n->state;

    block_fact_uint(info->facts, "cid", v->cid);
    block_fact_uint(info->facts, "parent-cid", v->parent_cid);
    block_fact_string(info->facts, "create-type", v->create_type ? v->create_type : "");
    block_fact_open(info->facts, "extents", FACT_LIST);
    for (unsigned i = 0; i < v->extents->len; i++) {
        const VmdkExtent *x = &g_array_index(v->extents, VmdkExtent, i);

        info->cluster_size = x->grain;
        info->can_compress = info->needs_compressed |= x->is_packed;
        block_fact_open(info->facts, NULL, FACT_DICT);
        if (x->is_packed) {
            block_fact_bool(info->facts, "compressed", true);
        }
        block_fact_uint(info->facts, "virtual-size", x->end - x->start);
        block_fact_string(info->facts, "filename", x->file ? block_filename(x->file) : "");
        if (x->grain) {
            block_fact_uint(info->facts, "cluster-size", x->grain);
        }
        block_fact_string(info->facts, "format", x->is_flat ? "FLAT" : x->is_own ? "SPARSE" : "");
        block_fact_close(info->facts);
    }
    block_fact_close(info->facts);
}

static bool vmdk_check(BlockNode *n, BlockCheck *c, unsigned fix, Error **errp)
{
    return table_check(n, c, fix, vmdk_map, errp);
}

static uint64_t vmdk_allocated_size(BlockNode *n)
{
    Vmdk *v = n->state;
    uint64_t sum = block_allocated_size(n->file);

    for (unsigned i = 0; i < v->extents->len; i++) {
        const VmdkExtent *x = &g_array_index(v->extents, VmdkExtent, i);

        sum += x->is_own ? block_allocated_size(x->file) : 0;
    }
    return sum;
}

static const BlockDriver vmdk_driver = {
    .name = "vmdk", .state_size = sizeof(Vmdk), .probe = vmdk_probe, .open = vmdk_open, .close = vmdk_close,
    .co_run = vmdk_run, .status = vmdk_status, .get_info = vmdk_get_info,
    .check = vmdk_check, .allocated_size = vmdk_allocated_size, .create = vmdk_create,
    .create_options = vmdk_create_options,
};
BLOCK_DRIVER(vmdk_driver)
