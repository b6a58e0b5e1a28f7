/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: the first cluster: header, extensions, name of the backing file. Specification: "Header". */
#include "qemu/osdep.h"
#include "qcow2.h"

#define V2_LEN          72u
#define V3_LEN          104u
#define OUR_V3_LEN      112u

#define EXT_END             0u
#define EXT_BACKING_FORMAT  0xe2792acau
#define EXT_FEATURES        0x6803f857u
#define EXT_CRYPTO          0x0537be77u
#define EXT_DATA_FILE       0x44415441u
#define EXT_BITMAPS         0x23852875u
#define FEATURE_ROW         48u

/* ---- features ---------------------------------------------------------------------------------------------------- */

static const struct {
    uint8_t type, bit;
    const char *name;
} features[] = {
    { 0, 0, "dirty bit" }, { 0, 1, "corrupt bit" }, { 0, 2, "external data file" }, { 0, 3, "compression type" },
    { 0, 4, "extended L2 entries" }, { 1, 0, "lazy refcounts" }, { 2, 0, "bitmaps" }, { 2, 1, "raw external data" },
};

#define KNOWN_INCOMPAT (QCOW2_INCOMPAT_DIRTY | QCOW2_INCOMPAT_CORRUPT | QCOW2_INCOMPAT_COMPRESSION | \
                        QCOW2_INCOMPAT_EXT_L2)

static char *feature_name(const Qcow2Extension *table, unsigned bit)
{
    for (uint32_t at = 0; table && at + FEATURE_ROW <= table->len; at += FEATURE_ROW) {
        const uint8_t *row = table->data + at;

        if (row[0] == 0 && row[1] == bit) {
            return g_strndup((const char *)row + 2, FEATURE_ROW - 2);
        }
    }
    for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
        if (features[i].type == 0 && features[i].bit == bit) {
            return g_strdup(features[i].name);
        }
    }
    return NULL;
}

static void refuse_features(uint64_t unknown, const Qcow2Extension *table, Error **errp)
{
    g_autoptr(GString) names = g_string_new(NULL);

    for (unsigned bit = 0; bit < 64; bit++) {
        g_autofree char *name = unknown >> bit & 1 ? feature_name(table, bit) : NULL;

        if (name) {
            g_string_append_printf(names, "%s%s", names->len ? ", " : "", name);
            unknown &= ~(1ull << bit);
        }
    }
    if (unknown) {
        g_string_append_printf(names, "%sUnknown incompatible feature: %" PRIx64, names->len ? ", " : "", unknown);
    }
    error_set(errp, "Unsupported qcow2 feature(s): %s", names->str);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static bool read_extensions(Qcow2 *q, const uint8_t *head, uint64_t from, uint64_t to, Error **errp)
{
    while (from + 8 <= to) {
        Qcow2Extension e = { .type = load_be32(head + from), .len = load_be32(head + from + 4) };

        from += 8;
        if (e.type == EXT_END) {
            return true;
        }
        if (e.len > to - from) {
            error_set(errp, "Header extension too large");
            return false;
        }
        if (e.type == EXT_BACKING_FORMAT) {
            if (e.len >= 16) {
                error_set(errp, "ERROR: ext_backing_format: len=%u too large (>=%u)", e.len, 16u);
                return false;
            }
            g_free(q->n->backing_format);
            q->n->backing_format = g_strndup((const char *)head + from, e.len);
        } else {
            e.data = g_memdup2(head + from, e.len);
            g_array_append_val(q->extensions, e);
        }
        from += ROUND_UP((uint64_t)e.len, 8);
    }
    return true;
}

static Qcow2Extension *find_extension(Qcow2 *q, uint32_t type)
{
    for (unsigned i = 0; i < q->extensions->len; i++) {
        Qcow2Extension *e = &g_array_index(q->extensions, Qcow2Extension, i);

        if (e->type == type) {
            return e;
        }
    }
    return NULL;
}

static bool read_v3(Qcow2 *q, const uint8_t *h, Error **errp)
{
    q->incompat = load_be64(h + 72);
    q->compat = load_be64(h + 80);
    q->autoclear = load_be64(h + 88);
    q->refcount_order = load_be32(h + 96);
    q->header_len = load_be32(h + 100);
    if (q->header_len < V3_LEN) {
        error_set(errp, "qcow2 header too short");
        return false;
    }
    if (q->header_len > q->cluster_size) {
        error_set(errp, "qcow2 header exceeds cluster size");
        return false;
    }
    if (q->refcount_order > 6) {
        error_set(errp, "Reference count entry width too large; may not exceed 64 bits");
        return false;
    }
    q->compression = q->header_len > V3_LEN ? h[104] : QCOW2_ZLIB;
    return true;
}

static bool check_compression(Qcow2 *q, Error **errp)
{
    bool flagged = q->incompat & QCOW2_INCOMPAT_COMPRESSION;

    if (q->compression > QCOW2_ZSTD) {
        error_set(errp, "qcow2: unknown compression type: %u", q->compression);
        return false;
    }
    if (flagged != (q->compression != QCOW2_ZLIB)) {
        error_set(errp, "qcow2: Compression type incompatible feature bit must%s be set", flagged ? " not" : "");
        return false;
    }
#ifndef CONFIG_ZSTD
    if (q->compression == QCOW2_ZSTD) {
        error_set(errp, "qcow2: compression type zstd: this program was built without libzstd");
        return false;
    }
#endif
    return true;
}

static bool check_tables(Qcow2 *q, const uint8_t *h, Error **errp)
{
    uint64_t table = (uint64_t)load_be32(h + 56) << q->cluster_bits, size = load_be64(h + 24);

    if (!table) {
        error_set(errp, "Image does not contain a reference count table");
        return false;
    }
    if (table > QCOW2_REFTABLE_MAX) {
        error_set(errp, "Reference count table too large");
        return false;
    }
    if (!qcow2_aligned(q, q->reftable_offset) || q->reftable_offset > INT64_MAX - QCOW2_REFTABLE_MAX ||
        !q->reftable_offset) {
        error_set(errp, "Reference count table offset invalid");
        return false;
    }
    q->reftable_size = table / 8;
    if (q->n_snapshots > QCOW2_SNAPSHOTS_MAX) {
        error_set(errp, "Snapshot table too large");
        return false;
    }
    if (q->n_snapshots && (!qcow2_aligned(q, q->snapshots_offset) || q->snapshots_offset > INT64_MAX - 64 * GiB)) {
        error_set(errp, "Snapshot table offset invalid");
        return false;
    }
    if (q->l1_size > QCOW2_L1_MAX / 8) {
        error_set(errp, "Active L1 table too large");
        return false;
    }
    if (size > INT64_MAX - MiB * 4) {
        error_set(errp, "Image is too big");
        return false;
    }
    if (qcow2_l1_entries(q, size) > q->l1_size) {
        error_set(errp, "L1 table is too small");
        return false;
    }
    if (q->l1_size && (!qcow2_aligned(q, q->l1_offset) || q->l1_offset > INT64_MAX - QCOW2_L1_MAX)) {
        error_set(errp, "Active L1 table offset invalid");
        return false;
    }
    return true;
}

static bool check_features(Qcow2 *q, const BlockOpenOptions *o, Error **errp)
{
    if (q->incompat & ~KNOWN_INCOMPAT) {
        refuse_features(q->incompat & ~KNOWN_INCOMPAT, find_extension(q, EXT_FEATURES), errp);
        return false;
    }
    if (q->incompat & QCOW2_INCOMPAT_CORRUPT && !q->n->readonly && !o->check) {
        error_set(errp, "qcow2: Image is corrupt; cannot be opened read/write");
        return false;
    }
    if (q->crypt_method > 2) {
        error_set(errp, "Unsupported encryption method %u", q->crypt_method);
        return false;
    }
    if (q->crypt_method) {
        error_set(errp, "encrypted images are not supported by this version (encryption method '%s')",
                  q->crypt_method == 1 ? "aes" : "luks");
        return false;
    }
    if (find_extension(q, EXT_CRYPTO)) {
        error_set(errp, "CRYPTO header extension only expected with LUKS encryption method");
        return false;
    }
    return true;
}

static bool read_backing_name(Qcow2 *q, const uint8_t *head, uint64_t offset, uint32_t len, Error **errp)
{
    if (!offset) {
        g_clear_pointer(&q->n->backing_format, g_free);
        return true;
    }
    if (len > QCOW2_BACKING_MAX) {
        error_set(errp, "Backing file name too long");
        return false;
    }
    if (offset > q->cluster_size || len > q->cluster_size - offset) {
        error_set(errp, "Invalid backing file offset");
        return false;
    }
    q->n->backing_file = g_strndup((const char *)head + offset, len);
    if (!*q->n->backing_file) {
        g_clear_pointer(&q->n->backing_file, g_free);
    }
    return true;
}

static void set_geometry(Qcow2 *q)
{
    q->cluster_size = 1u << q->cluster_bits;
    q->slice_size = MIN(q->cluster_size, 4096);
    q->ext_l2 = q->incompat & QCOW2_INCOMPAT_EXT_L2;
    q->entry_size = q->ext_l2 ? 16 : 8;
    q->l2_bits = q->cluster_bits - (q->ext_l2 ? 4 : 3);
    q->refblock_bits = q->cluster_bits + 3 - q->refcount_order;
}

bool qcow2_header_read(Qcow2 *q, const BlockOpenOptions *o, Error **errp)
{
    g_autofree uint8_t *head = NULL;
    uint8_t h[OUR_V3_LEN];
    uint64_t backing_offset;

    if (!block_pread(q->file, 0, h, sizeof(h), errp)) {
        return false;
    }
    q->version = load_be32(h + 4);
    if (load_be32(h) != QCOW2_MAGIC) {
        error_set(errp, "Image is not in qcow2 format");
        return false;
    }
    if (q->version < 2 || q->version > 3) {
        error_set(errp, "Unsupported qcow2 version %u", q->version);
        return false;
    }
    q->cluster_bits = load_be32(h + 20);
    if (q->cluster_bits < QCOW2_MIN_BITS || q->cluster_bits > QCOW2_MAX_BITS) {
        error_set(errp, "Unsupported cluster size: 2^%u", q->cluster_bits);
        return false;
    }
    q->cluster_size = 1u << q->cluster_bits;
    q->refcount_order = 4;
    q->header_len = V2_LEN;
    if (q->version >= 3 && !read_v3(q, h, errp)) {
        return false;
    }
    set_geometry(q);
    if (q->ext_l2 && q->cluster_bits < 14) {
        error_set(errp, "Extended L2 entries are only supported with cluster sizes of at least 16384 bytes");
        return false;
    }
    backing_offset = load_be64(h + 8);
    q->crypt_method = load_be32(h + 32);
    q->l1_size = load_be32(h + 36);
    q->l1_offset = load_be64(h + 40);
    q->reftable_offset = load_be64(h + 48);
    q->n_snapshots = load_be32(h + 60);
    q->snapshots_offset = load_be64(h + 64);
    q->n->size = load_be64(h + 24);

    head = g_try_malloc0(q->cluster_size);
    if (!head || !block_pread(q->file, 0, head, q->cluster_size, errp)) {
        return false;
    }
    if (backing_offset > q->cluster_size) {
        error_set(errp, "Invalid backing file offset");
        return false;
    }
    if (q->header_len > OUR_V3_LEN) {
        q->header_rest = g_memdup2(head + OUR_V3_LEN, q->header_len - OUR_V3_LEN);
    }
    return read_extensions(q, head, q->header_len, backing_offset ? backing_offset : q->cluster_size, errp) &&
           check_features(q, o, errp) && check_compression(q, errp) && check_tables(q, h, errp) &&
           read_backing_name(q, head, backing_offset, load_be32(h + 16), errp);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static void put_extension(GByteArray *out, uint32_t type, const void *data, uint32_t len)
{
    uint8_t head[8], pad[8] = { 0 };

    store_be32(head, type);
    store_be32(head + 4, len);
    g_byte_array_append(out, head, sizeof(head));
    g_byte_array_append(out, data, len);
    g_byte_array_append(out, pad, ROUND_UP(len, 8) - len);
}

static void put_features(GByteArray *out)
{
    uint8_t table[ARRAY_SIZE(features) * FEATURE_ROW] = { 0 };

    for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
        uint8_t *row = table + i * FEATURE_ROW;

        row[0] = features[i].type;
        row[1] = features[i].bit;
        memcpy(row + 2, features[i].name, strlen(features[i].name));
    }
    put_extension(out, EXT_FEATURES, table, sizeof(table));
}

static void put_fields(const Qcow2 *q, uint8_t *h)
{
    store_be32(h, QCOW2_MAGIC);
    store_be32(h + 4, q->version);
    store_be32(h + 20, q->cluster_bits);
    store_be64(h + 24, q->n->size);
    store_be32(h + 32, q->crypt_method);
    store_be32(h + 36, q->l1_size);
    store_be64(h + 40, q->l1_offset);
    store_be64(h + 48, q->reftable_offset);
    store_be32(h + 56, q->reftable_size * 8ull >> q->cluster_bits);
    store_be32(h + 60, q->n_snapshots);
    store_be64(h + 64, q->n_snapshots ? q->snapshots_offset : 0);
    if (q->version >= 3) {
        store_be64(h + 72, q->incompat);
        store_be64(h + 80, q->compat);
        store_be64(h + 88, q->autoclear);
        store_be32(h + 96, q->refcount_order);
        store_be32(h + 100, MAX(q->header_len, OUR_V3_LEN));
        h[104] = q->compression;
    }
}

int qcow2_header_write(Qcow2 *q)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    uint8_t h[OUR_V3_LEN] = { 0 }, end[8] = { 0 };
    int ret;
    const char *file = q->n->backing_file, *format = q->n->backing_format;

    put_fields(q, h);
    g_byte_array_append(out, h, q->version >= 3 ? OUR_V3_LEN : V2_LEN);
    if (q->header_rest && q->version >= 3) {
        g_byte_array_append(out, q->header_rest, q->header_len - OUR_V3_LEN);
        while (out->len % 8) {
            g_byte_array_append(out, end, 1);
        }
    }
    if (file && format) {
        put_extension(out, EXT_BACKING_FORMAT, format, strlen(format));
    }
    for (unsigned i = 0; i < q->extensions->len; i++) {
        Qcow2Extension *e = &g_array_index(q->extensions, Qcow2Extension, i);

        if (e->type != EXT_FEATURES) {
            put_extension(out, e->type, e->data, e->len);
        }
    }
    /* Names are a service for others; where a cluster is too small they stay away. */
    if (q->version >= 3 && out->len + 8 + ARRAY_SIZE(features) * FEATURE_ROW + 8 + (file ? strlen(file) : 0) <=
        q->cluster_size) {
        put_features(out);
    }
    g_byte_array_append(out, end, sizeof(end));
    if (file) {
        store_be64(out->data + 8, out->len);
        store_be32(out->data + 16, strlen(file));
        g_byte_array_append(out, (const uint8_t *)file, strlen(file));
    }
    if (out->len > q->cluster_size) {
        return -ENOSPC;
    }
    /* No remains of a longer header may follow: zeros up to the next sector. */
    while (out->len % 512) {
        g_byte_array_append(out, end, MIN(sizeof(end), 512 - out->len % 512));
    }
    q->dirty_data = true;
    ret = block_run_write(q->file, 0, out->data, MIN(out->len, q->cluster_size));
    q->header_dirty = ret;          /* who knows what the disk has now: every flush tries again before anything else */
    return ret;
}

int qcow2_set_incompat(Qcow2 *q, uint64_t set, uint64_t clear)
{
    uint64_t old = q->incompat;
    int ret;

    q->incompat = (q->incompat | set) & ~clear;
    if (q->version < 3 || old == q->incompat) {
        return 0;
    }
    ret = qcow2_header_write(q);
    return ret ? ret : block_run_flush(q->file);
}
