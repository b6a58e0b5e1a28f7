/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2: check and repair. Every reference in the image is counted and compared with what the refcounts say. Nothing in
 * the image is believed: sizes and offsets are bounded before use, counters exist only where something refers to.
 */
#include "qemu/osdep.h"
#include "qcow2.h"

typedef struct Check {
    Qcow2 *q;
    BlockCheck *c;
    unsigned fix;
    uint64_t file_size;
    Qcow2Counts counts;         /* of references */
    uint64_t next_data;         /* where the next cluster would follow without a gap; 0: the first */
    uint64_t end_cluster;       /* behind the last one counted or referred to */
    bool rebuild;               /* the refcount structure itself is broken */
    bool quiet;
} Check;

static void say(Check *k, const char *fmt, ...) QEMU_PRINTF(2, 3);
static void say(Check *k, const char *fmt, ...)
{
    va_list ap;

    if (k->c->say && !k->quiet) {
        g_autofree char *line = NULL;

        va_start(ap, fmt);
        line = g_strdup_vprintf(fmt, ap);
        va_end(ap);
        k->c->say(k->c->opaque, line);
    }
}

/* ---- references -------------------------------------------------------------------------------------------------- */

static uint64_t counted(Check *k, uint64_t cluster)
{
    return qcow2_counted(&k->counts, cluster);
}

static void refer(Check *k, uint64_t offset, uint64_t bytes)
{
    uint64_t first = offset >> k->q->cluster_bits, last;

    if (!bytes) {
        return;
    }
    if (offset > k->file_size || qcow2_align(k->q, offset + bytes) - k->file_size >= k->q->cluster_size + 0ull) {
        if (offset >= qcow2_align(k->q, k->file_size) || qcow2_align(k->q, offset + bytes) >
            qcow2_align(k->q, k->file_size)) {
            say(k, "ERROR: counting reference for region exceeding the end of the file by one cluster or more: "
                "offset 0x%" PRIx64 " size 0x%" PRIx64, offset, bytes);
            k->c->corruptions++;
            return;
        }
    }
    last = (offset + bytes - 1) >> k->q->cluster_bits;
    for (uint64_t i = first; i <= last; i++) {
        uint32_t *n = qcow2_counter(&k->counts, i);

        *n += *n < UINT32_MAX;
        k->end_cluster = MAX(k->end_cluster, i + 1);
    }
}

static void refer_cluster(Check *k, uint64_t entry, uint64_t bitmap, bool is_active)
{
    BlockCheck *c = k->c;
    Qcow2 *q = k->q;
    uint64_t offset = entry & QCOW2_OFFSET;
    uint32_t bytes;

    if (entry & QCOW2_COMPRESSED) {
        if (entry & QCOW2_COPIED) {
            say(k, "ERROR: coffset=0x%" PRIx64 ": copied flag must never be set for compressed clusters", offset);
            c->corruptions++;
        }
        qcow2_packed_range(q, entry, &offset, &bytes);
        refer(k, offset, bytes);
        c->compressed_clusters += is_active;
        c->allocated_clusters += is_active;
        c->fragmented_clusters += is_active;
        return;
    }
    if (q->ext_l2 && bitmap & bitmap >> 32 & UINT32_MAX) {
        say(k, "ERROR offset=%" PRIx64 ": Allocated cluster with corrupted subcluster allocation bitmap", offset);
        c->corruptions++;
    }
    if (!offset) {
        return;
    }
    if (is_active) {
        c->allocated_clusters++;
        c->fragmented_clusters += k->next_data && offset != k->next_data;
        k->next_data = offset + q->cluster_size;
    }
    if (!qcow2_aligned(q, offset)) {
        say(k, "ERROR offset=%" PRIx64 ": Data cluster is not properly aligned; L2 entry corrupted.", offset);
        c->corruptions++;
    }
    refer(k, offset, q->cluster_size);
}

static void refer_table(Check *k, uint64_t offset, bool is_active)
{
    g_autofree uint8_t *table = g_try_malloc(k->q->cluster_size);
    int ret = table ? block_run_read(k->q->file, offset, table, k->q->cluster_size) : -ENOMEM;

    if (ret) {
        say(k, "ERROR: I/O error in check_refcounts_l2");
        k->c->check_errors++;
        return;
    }
    for (uint32_t at = 0; at < k->q->cluster_size; at += k->q->entry_size) {
        refer_cluster(k, load_be64(table + at), k->q->ext_l2 ? load_be64(table + at + 8) : 0, is_active);
    }
}

/* False when it was there: a hostile image could otherwise have one table walked millions of times. */
static bool first_time(GHashTable *seen, uint64_t offset)
{
    return g_hash_table_add(seen, g_memdup2(&offset, sizeof(offset)));
}

static void refer_l1(Check *k, uint64_t l1_offset, uint32_t l1_size, bool is_active)
{
    g_autoptr(GHashTable) tables = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    g_autofree uint64_t *l1 = NULL;
    uint64_t bytes = l1_size * 8ull;

    if (!l1_size) {
        return;
    }
    refer(k, l1_offset, bytes);
    if (qcow2_read_l1(k->q, l1_offset, l1_size, &l1)) {
        say(k, "ERROR: I/O error in check_refcounts_l1");
        k->c->check_errors++;
        return;
    }
    for (uint32_t i = 0; i < l1_size; i++) {
        uint64_t offset = l1[i] & QCOW2_OFFSET;

        if (!offset) {
            continue;
        }
        if (!qcow2_aligned(k->q, offset)) {
            say(k, "ERROR l2_offset=%" PRIx64 ": Table is not cluster aligned; L1 entry corrupted", offset);
            k->c->corruptions++;
        }
        refer(k, offset, k->q->cluster_size);
        if (offset < k->file_size && first_time(tables, offset)) {
            refer_table(k, offset, is_active);
        }
    }
}

static void refer_snapshots(Check *k)
{
    g_autoptr(GHashTable) l1s = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    Qcow2 *q = k->q;

    for (unsigned i = 0; i < q->n_snapshots; i++) {
        const Qcow2Snapshot *s = &q->snapshots[i];

        if (!first_time(l1s, s->l1_offset)) {
            say(k, "ERROR snapshot %s (%s) l1_offset=%#" PRIx64 ": two snapshots with one L1 table", s->info.id,
                s->info.name, s->l1_offset);
            k->c->corruptions++;
            continue;
        }

        if (!qcow2_aligned(q, s->l1_offset) || s->l1_size > QCOW2_L1_MAX / 8) {
            say(k, "ERROR snapshot %s (%s) l1_offset=%#" PRIx64 ": L1 table is not cluster aligned or too large; "
                "snapshot table entry corrupted", s->info.id, s->info.name, s->l1_offset);
            k->c->corruptions++;
            continue;
        }
        refer_l1(k, s->l1_offset, s->l1_size, false);
    }
    if (q->n_snapshots) {
        refer(k, q->snapshots_offset, q->snapshots_bytes);
    }
}

static void refer_refblocks(Check *k)
{
    Qcow2 *q = k->q;

    refer(k, q->reftable_offset, q->reftable_size * 8ull);
    for (uint32_t i = 0; i < q->reftable_size; i++) {
        uint64_t offset = q->reftable[i];

        if (!offset) {
            continue;
        }
        if (!qcow2_aligned(q, offset)) {
            say(k, "ERROR refcount block %u is not cluster aligned; refcount table entry corrupted", i);
            k->c->corruptions++;
            k->rebuild = true;
            continue;
        }
        if (offset >= k->file_size) {
            say(k, "ERROR refcount block %u is outside image", i);
            k->c->corruptions++;
            k->rebuild = true;
            continue;
        }
        refer(k, offset, q->cluster_size);
        if (counted(k, offset >> q->cluster_bits) != 1) {
            say(k, "ERROR refcount block %u refcount=%" PRIu64, i, counted(k, offset >> q->cluster_bits));
            k->c->corruptions++;
            k->rebuild = true;
        }
    }
}

static void count_all(Check *k, bool with_refblocks)
{
    k->next_data = 0;
    refer(k, 0, k->q->cluster_size);
    refer_l1(k, k->q->l1_offset, k->q->l1_size, true);
    refer_snapshots(k);
    if (with_refblocks) {
        refer_refblocks(k);
    }
}

/* ---- comparing --------------------------------------------------------------------------------------------------- */

static void compare_one(Check *k, uint64_t cluster, uint64_t refs, bool can_set, uint8_t *block, uint64_t index,
                        bool *changed)
{
    uint64_t want = counted(k, cluster);
    bool is_leak = refs > want, fixed;

    if (refs || want) {
        k->end_cluster = MAX(k->end_cluster, cluster + 1);
    }
    if (refs == want) {
        return;
    }
    say(k, "%s cluster %" PRIu64 " refcount=%" PRIu64 " reference=%" PRIu64, is_leak ? "Leaked" : "ERROR", cluster,
        refs, want);
    fixed = k->fix & (is_leak ? BLOCK_FIX_LEAKS | BLOCK_FIX_ERRORS : BLOCK_FIX_ERRORS) && !k->rebuild;
    if (fixed && can_set && want <= qcow2_refcount_max(k->q)) {
        say(k, "Repairing cluster %" PRIu64 " refcount=%" PRIu64 " reference=%" PRIu64, cluster, refs, want);
        qcow2_refcount_put(block, k->q->refcount_order, index, want);
        *changed = true;
        *(is_leak ? &k->c->leaks_fixed : &k->c->corruptions_fixed) += 1;
        return;
    }
    k->rebuild |= !is_leak && !can_set;
    *(is_leak ? &k->c->leaks : &k->c->corruptions) += 1;
}

static void compare_block(Check *k, uint32_t i)
{
    Qcow2 *q = k->q;
    g_autofree uint8_t *block = g_try_malloc(q->cluster_size);
    uint64_t n = 1ull << q->refblock_bits, base = (uint64_t)i << q->refblock_bits;
    bool changed = false;

    if (!block || block_run_read(q->file, q->reftable[i], block, q->cluster_size)) {
        say(k, "Can't get refcount for cluster %" PRIu64 ": Input/output error", base);
        k->c->check_errors++;
        return;
    }
    for (uint64_t j = 0; j < n; j++) {
        compare_one(k, base + j, qcow2_refcount_at(block, q->refcount_order, j), true, block, j, &changed);
    }
    if (changed && block_run_write(q->file, q->reftable[i], block, q->cluster_size)) {
        say(k, "ERROR: refcount block %u could not be written", i);
        k->c->check_errors++;
    }
}

static bool has_block(Qcow2 *q, uint64_t cluster)
{
    uint64_t i = cluster >> q->refblock_bits;

    return i < q->reftable_size && q->reftable[i] && qcow2_aligned(q, q->reftable[i]);
}

static void compare_all(Check *k)
{
    g_autoptr(GArray) keys = qcow2_counts_chunks(&k->counts);
    Qcow2 *q = k->q;

    for (uint32_t i = 0; i < q->reftable_size; i++) {
        if (q->reftable[i] && qcow2_aligned(q, q->reftable[i]) && q->reftable[i] < k->file_size) {
            compare_block(k, i);
        }
    }
    for (unsigned i = 0; i < keys->len; i++) {
        uint64_t base = g_array_index(keys, gint64, i) * QCOW2_COUNTS_CHUNK;

        for (uint64_t c = base; c < base + QCOW2_COUNTS_CHUNK; c++) {
            if (counted(k, c) && !has_block(q, c)) {
                compare_one(k, c, 0, false, NULL, 0, NULL);
            }
        }
    }
}

/* ---- COPIED ------------------------------------------------------------------------------------------------------ */

static bool wrong_copied(Check *k, uint64_t entry)
{
    uint64_t refs;

    return !qcow2_get_refcount(k->q, (entry & QCOW2_OFFSET) >> k->q->cluster_bits, &refs) &&
           (refs == 1) != !!(entry & QCOW2_COPIED);
}

static uint64_t refcount_of(Check *k, uint64_t entry)
{
    uint64_t refs = 0;

    qcow2_get_refcount(k->q, (entry & QCOW2_OFFSET) >> k->q->cluster_bits, &refs);
    return refs;
}

static void copied_found(Check *k)
{
    *(k->fix & BLOCK_FIX_ERRORS ? &k->c->corruptions_fixed : &k->c->corruptions) += 1;
}

static void check_copied_table(Check *k, uint64_t offset)
{
    Qcow2 *q = k->q;
    const char *what = k->fix & BLOCK_FIX_ERRORS ? "Repairing" : "ERROR";
    g_autofree uint8_t *table = g_try_malloc(q->cluster_size);
    bool changed = false;

    if (!table || block_run_read(q->file, offset, table, q->cluster_size)) {
        k->c->check_errors++;
        return;
    }
    for (uint32_t at = 0; at < q->cluster_size; at += q->entry_size) {
        uint64_t entry = load_be64(table + at);

        if (entry & QCOW2_COMPRESSED || !(entry & QCOW2_OFFSET) || !qcow2_aligned(q, entry & QCOW2_OFFSET) ||
            !wrong_copied(k, entry)) {
            continue;
        }
        say(k, "%s OFLAG_COPIED data cluster: l2_entry=%" PRIx64 " refcount=%" PRIu64, what, entry,
            refcount_of(k, entry));
        copied_found(k);
        store_be64(table + at, entry ^ QCOW2_COPIED);
        changed = true;
    }
    if (changed && k->fix & BLOCK_FIX_ERRORS && block_run_write(q->file, offset, table, q->cluster_size)) {
        k->c->check_errors++;
    }
}

static void check_copied(Check *k)
{
    Qcow2 *q = k->q;
    const char *what = k->fix & BLOCK_FIX_ERRORS ? "Repairing" : "ERROR";

    for (uint32_t i = 0; i < q->l1_size; i++) {
        uint64_t offset = q->l1[i] & QCOW2_OFFSET;

        if (!offset || !qcow2_aligned(q, offset) || offset >= k->file_size) {
            continue;
        }
        if (wrong_copied(k, q->l1[i])) {
            say(k, "%s OFLAG_COPIED L2 cluster: l1_index=%u l1_entry=%" PRIx64 " refcount=%" PRIu64, what, i, q->l1[i],
                refcount_of(k, q->l1[i]));
            copied_found(k);
            if (k->fix & BLOCK_FIX_ERRORS) {
                q->l1[i] ^= QCOW2_COPIED;
                qcow2_l1_changed(q, i);
            }
        }
        check_copied_table(k, offset);
    }
}

static void new_check(Check *k, Qcow2 *q, BlockCheck *c, unsigned fix)
{
    *k = (Check){ .q = q, .c = c, .fix = fix, .file_size = block_size(q->file) };
    qcow2_counts_init(&k->counts);
}

static void forget_all(Qcow2 *q)
{
    qcow2_forget(&q->l2_cache, 0, UINT64_MAX);
    qcow2_forget(&q->ref_cache, 0, UINT64_MAX);
    q->free_hint = 0;
    q->compressed_at = 0;
}

static int write_structure(Check *k, unsigned order)
{
    Qcow2 *q = k->q;
    Qcow2Refs refs;
    int ret = qcow2_write_refs(q, &k->counts, NULL, order, MAX(qcow2_clusters(q, k->file_size), k->end_cluster), &refs);

    if (!ret) {
        refs = qcow2_swap_refs(q, refs);
        g_free(refs.entries);
        ret = qcow2_header_write(q);
        ret = ret ? ret : block_run_flush(q->file);
    }
    return ret;
}

int qcow2_rebuild_refcounts(Qcow2 *q, unsigned order)
{
    BlockCheck none = { 0 };
    Check k;
    int ret;

    new_check(&k, q, &none, 0);
    k.quiet = true;
    count_all(&k, false);
    ret = none.check_errors ? -EIO : write_structure(&k, order);
    qcow2_counts_free(&k.counts);
    forget_all(q);
    qcow2_note_metadata(q);
    return ret;
}

/* ---- the check --------------------------------------------------------------------------------------------------- */

static bool repair_structure(Check *k, Error **errp)
{
    int ret;

    say(k, "Rebuilding refcount structure");
    ret = qcow2_rebuild_refcounts(k->q, k->q->refcount_order);
    if (ret) {
        error_set_errno(errp, -ret, "Check failed");
        return false;
    }
    k->c->corruptions_fixed += k->c->corruptions;
    k->c->leaks_fixed += k->c->leaks;
    k->c->corruptions = k->c->leaks = 0;
    k->end_cluster = qcow2_clusters(k->q, block_size(k->q->file));
    return true;
}

bool qcow2_check(BlockNode *n, BlockCheck *c, unsigned fix, Error **errp)
{
    Qcow2 *q = n->state;
    bool ok = true;
    Check k;
    int ret = n->readonly ? 0 : qcow2_flush(q);

    if (ret) {
        error_set_errno(errp, -ret, "Check failed");
        return false;
    }
    new_check(&k, q, c, n->readonly ? 0 : fix);
    c->total_clusters = qcow2_clusters(q, n->size);
    c->has_clusters = true;
    count_all(&k, true);
    compare_all(&k);
    forget_all(q);
    if (k.rebuild && k.fix & BLOCK_FIX_ERRORS) {
        ok = repair_structure(&k, errp);
    } else if (k.rebuild && k.fix) {
        say(&k, "ERROR need to rebuild refcount structures");
        error_set(errp, "Check failed: Input/output error");
        ok = false;
    }
    if (ok) {
        check_copied(&k);
        forget_all(q);
        qcow2_note_metadata(q);
        ret = k.fix ? qcow2_flush(q) : 0;
        if (!ret && k.fix & BLOCK_FIX_ERRORS && !c->corruptions && !c->check_errors) {
            ret = qcow2_set_incompat(q, 0, QCOW2_INCOMPAT_DIRTY | QCOW2_INCOMPAT_CORRUPT);
        }
        if (!ret && k.fix) {
            ret = block_run_flush(q->file);
        }
        if (ret) {
            error_set_errno(errp, -ret, "Check failed");
            ok = false;
        }
    }
    c->image_end = k.end_cluster << q->cluster_bits;
    qcow2_counts_free(&k.counts);
    return ok;
}
