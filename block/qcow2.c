/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: opening, closing, and the driver's table. */
#include "qemu/osdep.h"
#include "qcow2.h"

#define L2_CACHE_MAX    (32 * MiB)      /* of tables in memory: 256 GiB of disk with clusters of 64 KiB */
#define REF_CACHE_MAX   (8 * MiB)

static void free_extension(gpointer p)
{
    g_free(((Qcow2Extension *)p)->data);
}

static void release(Qcow2 *q)
{
    qcow2_cache_free(&q->l2_cache);
    qcow2_cache_free(&q->ref_cache);
    qcow2_snapshots_free(q);
    g_free(q->l1);
    g_free(q->l1_dirty);
    g_free(q->reftable);
    g_free(q->header_rest);
    g_clear_pointer(&q->extensions, g_array_unref);
    g_clear_pointer(&q->pending_free, g_array_unref);
    g_clear_pointer(&q->metadata, g_hash_table_unref);
}

/* Which clusters hold tables: data must never be written there. */
void qcow2_note_metadata(Qcow2 *q)
{
    if (!q->metadata) {
        q->metadata = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    }
    g_hash_table_remove_all(q->metadata);
    if (q->n->readonly) {
        return;
    }
    for (uint32_t i = 0; i < q->l1_size; i++) {
        uint64_t offset = q->l1[i] & QCOW2_OFFSET;

        if (offset) {
            g_hash_table_add(q->metadata, g_memdup2(&offset, sizeof(offset)));
        }
    }
    for (uint32_t i = 0; i < q->reftable_size; i++) {
        if (q->reftable[i]) {
            g_hash_table_add(q->metadata, g_memdup2(&q->reftable[i], sizeof(uint64_t)));
        }
    }
}

static bool read_tables(Qcow2 *q, Error **errp)
{
    uint64_t l2_bytes = q->l1_size * (uint64_t)q->cluster_size;
    int ret = qcow2_read_l1(q, q->l1_offset, q->l1_size, &q->l1);

    if (!ret) {
        ret = qcow2_read_reftable(q);
    }
    if (ret) {
        error_set_errno(errp, -ret, "Could not read the tables of '%s'", q->n->filename);
        return false;
    }
    q->l1_dirty = g_new0(bool, q->l1_size / 64 + 1);
    qcow2_cache_init(q, &q->l2_cache, MIN(L2_CACHE_MAX, MAX(l2_bytes, MiB)));
    qcow2_cache_init(q, &q->ref_cache, REF_CACHE_MAX);
    return qcow2_snapshots_read(q, errp);
}

/* What an unclean end left behind, and what only others could keep up to date. */
static bool prepare_for_writing(Qcow2 *q, Error **errp)
{
    int ret = 0;

    if (q->incompat & QCOW2_INCOMPAT_DIRTY) {
        BlockCheck c = { 0 };

        if (!qcow2_check(q->n, &c, BLOCK_FIX_LEAKS | BLOCK_FIX_ERRORS, errp)) {
            error_prepend(errp, "Could not repair dirty image: ");
            return false;
        }
        if (c.corruptions || c.check_errors) {
            error_set(errp, "Could not repair dirty image: run a check with -r all");
            return false;
        }
        ret = qcow2_set_incompat(q, 0, QCOW2_INCOMPAT_DIRTY);
    }
    if (!ret && q->autoclear) {
        q->autoclear = 0;
        ret = qcow2_header_write(q);
    }
    if (ret) {
        error_set_errno(errp, -ret, "Could not update qcow2 header");
    }
    return !ret;
}

static bool qcow2_open(BlockNode *n, const BlockOpenOptions *o, Error **errp)
{
    Qcow2 *q = n->state;

    *q = (Qcow2){ .n = n, .file = n->file, .reftable_dirty_from = UINT32_MAX };
    q->extensions = g_array_new(FALSE, TRUE, sizeof(Qcow2Extension));
    g_array_set_clear_func(q->extensions, free_extension);
    q->pending_free = g_array_new(FALSE, FALSE, sizeof(FreeRange));
    if (!qcow2_header_read(q, o, errp) || !read_tables(q, errp)) {
        release(q);
        return false;
    }
    qcow2_note_metadata(q);
    if (!n->readonly && !o->check && !prepare_for_writing(q, errp)) {
        release(q);
        return false;
    }
    return true;
}

static void qcow2_close(BlockNode *n)
{
    Qcow2 *q = n->state;
    int ret = 0;

    if (!n->readonly && !q->view_only && !(q->incompat & QCOW2_INCOMPAT_CORRUPT)) {
        bool was_lazy = q->lazy;

        q->lazy = false;
        ret = qcow2_flush(q);
        if (!ret && qcow2_has_dirty(q)) {
            ret = qcow2_flush(q);       /* the counts of what the first one gave up */
        }
        if (!ret && was_lazy) {
            ret = qcow2_set_incompat(q, 0, QCOW2_INCOMPAT_DIRTY);
        }
        if (ret) {
            warn_report("'%s': tables could not be written: %s", n->filename, strerror(-ret));
        }
    }
    release(q);
}

static int qcow2_probe(const uint8_t *head, size_t len)
{
    return load_be32(head) == QCOW2_MAGIC && load_be32(head + 4) >= 2 ? 100 : 0;
}

static void qcow2_get_info(BlockNode *n, BlockInfo *info)
{
    Qcow2 *q = n->state;

    info->cluster_size = q->cluster_size;
    info->can_compress = true;
    info->vm_state_offset = qcow2_l1_entries(q, n->size) << qcow2_l1_bits(q);
    info->dirty = q->incompat & QCOW2_INCOMPAT_DIRTY;
    block_fact_string(info->facts, "compat", q->version == 2 ? "0.10" : "1.1");
    block_fact_string(info->facts, "compression-type", q->compression == QCOW2_ZSTD ? "zstd" : "zlib");
    if (q->version >= 3) {
        block_fact_bool(info->facts, "lazy-refcounts", q->compat & QCOW2_COMPAT_LAZY);
    }
    block_fact_uint(info->facts, "refcount-bits", 1u << q->refcount_order);
    if (q->version >= 3) {
        block_fact_bool(info->facts, "corrupt", q->incompat & QCOW2_INCOMPAT_CORRUPT);
        block_fact_bool(info->facts, "extended-l2", q->ext_l2);
    }
}

static const BlockDriver qcow2_driver = {
    .name = "qcow2", .state_size = sizeof(Qcow2), .probe = qcow2_probe, .open = qcow2_open, .close = qcow2_close,
    .co_run = qcow2_co_run, .pin = qcow2_pin, .unpin = qcow2_unpin, .status = qcow2_status,
    .get_info = qcow2_get_info, .truncate = qcow2_truncate,
    .create = qcow2_create, .create_options = qcow2_create_options, .measure = qcow2_measure, .amend = qcow2_amend,
    .check = qcow2_check, .change_backing = qcow2_change_backing, .make_empty = qcow2_make_empty,
    .snapshot_create = qcow2_snapshot_create, .snapshot_apply = qcow2_snapshot_apply,
    .snapshot_delete = qcow2_snapshot_delete, .snapshot_load = qcow2_snapshot_load,
    .snapshot_list = qcow2_snapshot_list, .vmstate_write = qcow2_vmstate_write,
    .vmstate_read = qcow2_vmstate_read, .vmstate_drop = qcow2_vmstate_drop,
};
BLOCK_DRIVER(qcow2_driver)
