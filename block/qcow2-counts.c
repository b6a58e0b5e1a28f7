/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2: counters for all clusters at once, and a refcount structure made of them beside the one in use
 *
 * Counters exist only where something is counted, because an image may say anything about where its clusters are. The
 * new structure is blocks, then the table, in a row; it is complete and stable before anybody may point to it.
 */
#include "qemu/osdep.h"
#include "qcow2.h"

#define CHUNK   QCOW2_COUNTS_CHUNK

/* ---- counters ---------------------------------------------------------------------------------------------------- */

void qcow2_counts_init(Qcow2Counts *c)
{
    *c = (Qcow2Counts){ .chunks = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free) };
}

void qcow2_counts_free(Qcow2Counts *c)
{
    g_clear_pointer(&c->chunks, g_hash_table_destroy);
}

/* The last one is remembered, because most walks go up. */
static uint32_t *find_chunk(Qcow2Counts *c, uint64_t cluster)
{
    gint64 key = cluster / CHUNK;

    if (!c->last || c->last_key != key) {
        c->last = g_hash_table_lookup(c->chunks, &key);
        c->last_key = key;
    }
    return c->last;
}

uint32_t *qcow2_counter(Qcow2Counts *c, uint64_t cluster)
{
    gint64 key = cluster / CHUNK;

    if (!find_chunk(c, cluster)) {
        c->last = g_new0(uint32_t, CHUNK);
        g_hash_table_insert(c->chunks, g_memdup2(&key, sizeof(key)), c->last);
    }
    return &c->last[cluster % CHUNK];
}

uint32_t qcow2_counted(Qcow2Counts *c, uint64_t cluster)
{
    uint32_t *chunk = find_chunk(c, cluster);

    return chunk ? chunk[cluster % CHUNK] : 0;
}

static int compare_keys(const void *a, const void *b)
{
    gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;

    return x < y ? -1 : x > y;
}

/* The numbers that are keys of the set, smallest first. */
static GArray *sorted_keys(GHashTable *set)
{
    GArray *keys = g_array_new(FALSE, FALSE, sizeof(gint64));
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init(&iter, set);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        g_array_append_val(keys, *(gint64 *)key);
    }
    g_array_sort(keys, compare_keys);
    return keys;
}

GArray *qcow2_counts_chunks(const Qcow2Counts *c)
{
    return sorted_keys(c->chunks);
}

uint64_t qcow2_counts_gap(Qcow2Counts *c, uint64_t from, uint64_t n)
{
    uint64_t start = from;

    for (uint64_t at = from; at < start + n;) {
        uint32_t *chunk = find_chunk(c, at);

        if (!chunk) {
            at = (at / CHUNK + 1) * CHUNK;
            continue;
        }
        if (chunk[at % CHUNK]) {
            start = at + 1;
        }
        at++;
    }
    return start;
}

/* ---- a new refcount structure ------------------------------------------------------------------------------------ */

typedef struct Plan {
    Qcow2 *q;
    Qcow2Counts *used, *freed;          /* freed: NULL for none */
    unsigned order, block_bits;
    uint64_t start, n_blocks, table;    /* clusters: of the first block; of blocks; of the table */
    GHashTable *regions;                /* gint64: what each block counts */
} Plan;

static uint64_t final_count(const Plan *p, uint64_t cluster)
{
    uint32_t used = qcow2_counted(p->used, cluster), freed = p->freed ? qcow2_counted(p->freed, cluster) : 0;

    return used - MIN(used, freed);
}

static void add_region(Plan *p, uint64_t cluster)
{
    gint64 region = cluster >> p->block_bits;

    if (!g_hash_table_contains(p->regions, &region)) {
        g_hash_table_add(p->regions, g_memdup2(&region, sizeof(region)));
    }
}

static int find_regions(Plan *p)
{
    g_autoptr(GArray) keys = qcow2_counts_chunks(p->used);
    uint64_t max_refs = p->order == 6 ? INT64_MAX : (1ull << (1u << p->order)) - 1;

    for (unsigned i = 0; i < keys->len; i++) {
        uint64_t base = g_array_index(keys, gint64, i) * CHUNK;

        for (uint64_t c = base; c < base + CHUNK; c++) {
            uint64_t refs = final_count(p, c);

            if (refs > max_refs) {
                return -EFBIG;
            }
            if (refs) {
                add_region(p, c);
            }
        }
    }
    return 0;
}

/* The new blocks and the table are counted too: until nothing changes any more. */
static int place(Plan *p, uint64_t from, uint64_t *n_entries)
{
    uint64_t total = 0, last = 1;

    while (total != last) {
        uint64_t table;

        last = total;
        p->start = qcow2_counts_gap(p->used, from, MAX(total, 1));
        for (uint64_t c = p->start >> p->block_bits; c <= (p->start + total) >> p->block_bits; c++) {
            add_region(p, c << p->block_bits);
        }
        p->n_blocks = g_hash_table_size(p->regions);
        table = qcow2_clusters(p->q, (((p->start + total) >> p->block_bits) + 1) * 8);
        p->table = MAX(p->table, table);
        total = p->n_blocks + p->table;
    }
    *n_entries = (p->table << p->q->cluster_bits) / 8;
    if (*n_entries * 8 > QCOW2_REFTABLE_MAX && p->table > 1) {
        return -EFBIG;
    }
    for (uint64_t c = p->start; c < p->start + total; c++) {
        *qcow2_counter(p->used, c) = 1;
    }
    return 0;
}

static int write_blocks(const Plan *p, uint64_t *entries, uint64_t n_entries)
{
    Qcow2 *q = p->q;
    g_autoptr(GArray) list = sorted_keys(p->regions);
    g_autofree uint8_t *buf = g_try_malloc(q->cluster_size);
    int ret = buf ? 0 : -ENOMEM;

    for (unsigned i = 0; i < list->len && !ret; i++) {
        uint64_t region = g_array_index(list, gint64, i);

        if (region >= n_entries) {
            return -EFBIG;
        }
        memset(buf, 0, q->cluster_size);
        for (uint64_t j = 0; j < 1ull << p->block_bits; j++) {
            qcow2_refcount_put(buf, p->order, j, final_count(p, (region << p->block_bits) + j));
        }
        entries[region] = (p->start + i) << q->cluster_bits;
        ret = block_run_write(q->file, entries[region], buf, q->cluster_size);
    }
    return ret;
}

int qcow2_write_refs(Qcow2 *q, Qcow2Counts *used, Qcow2Counts *freed, unsigned order, uint64_t from, Qcow2Refs *out)
{
    g_autoptr(GHashTable) regions = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    g_autofree uint64_t *entries = NULL;
    Plan p = { q, used, freed, order, q->cluster_bits + 3 - order, .regions = regions };
    uint64_t n_entries = 0, table;
    int ret = find_regions(&p);

    ret = ret ? ret : place(&p, from, &n_entries);
    if (ret) {
        return ret;
    }
    table = (p.start + p.n_blocks) << q->cluster_bits;
    entries = g_try_new0(uint64_t, n_entries);
    ret = entries ? write_blocks(&p, entries, n_entries) : -ENOMEM;
    ret = ret ? ret : qcow2_write_be64s(q, table, entries, 0, n_entries);
    ret = ret ? ret : block_run_flush(q->file);
    if (!ret) {
        *out = (Qcow2Refs){ g_steal_pointer(&entries), n_entries, table, order };
    }
    return ret;
}

Qcow2Refs qcow2_swap_refs(Qcow2 *q, Qcow2Refs new)
{
    Qcow2Refs old = { q->reftable, q->reftable_size, q->reftable_offset, q->refcount_order };

    q->reftable = new.entries;
    q->reftable_size = new.n_entries;
    q->reftable_offset = new.offset;
    q->refcount_order = new.order;
    q->refblock_bits = q->cluster_bits + 3 - new.order;
    q->reftable_dirty_from = UINT32_MAX;
    q->reftable_dirty_to = 0;
    return old;
}
