/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What tools ask of nodes: where data is, how big things are, facts for people. */
#include "qemu/osdep.h"
#include <time.h>
#include "block/block.h"

/* ---- where data is ----------------------------------------------------------------------------------------------- */

/* What is allocated and stands in a file may still be a hole there. */
static void ask_file_for_zeros(BlockNode *n, BlockStatus *st)
{
    BlockStatus below;

    if (n->whole_clusters || !(st->flags & BLOCK_ST_RECURSE) || !(st->flags & BLOCK_ST_OFFSET) ||
        st->map >= block_size(st->file) ||
        block_status(st->file, st->map, MIN(st->bytes, block_size(st->file) - st->map), &below)) {
        return;
    }
    if (below.flags & BLOCK_ST_ZERO) {
        st->bytes = below.bytes;
        st->flags |= BLOCK_ST_ZERO;
    } else if (below.bytes < st->bytes) {
        st->bytes = below.bytes;
    }
}

int block_status(BlockNode *n, uint64_t offset, uint64_t bytes, BlockStatus *st)
{
    int ret;

    assert(bytes);
    *st = (BlockStatus){ .flags = BLOCK_ST_ALLOCATED | BLOCK_ST_DATA, .bytes = bytes };
    if (n->drv->pass_through) {
        uint64_t at = offset + n->window_start, end = block_size(n->file);

        if (at >= end) {
            st->flags = BLOCK_ST_ALLOCATED | BLOCK_ST_ZERO;
            return 0;
        }
        return block_status(n->file, at, MIN(bytes, end - at), st);
    }
    if (!n->drv->status) {
        return 0;
    }
    ret = n->drv->status(n, offset, bytes, st);
    if (ret < 0) {
        return ret;
    }
    assert(st->bytes && st->bytes <= bytes);
    ask_file_for_zeros(n, st);
    st->flags &= ~BLOCK_ST_RECURSE;
    return 0;
}

int block_status_above(BlockNode *n, BlockNode *base, uint64_t offset, uint64_t bytes, BlockStatus *st)
{
    unsigned depth = 0;

    for (;; n = n->backing, depth++) {
        int ret = block_status(n, offset, bytes, st);

        st->depth = depth;
        if (ret < 0 || (st->flags & BLOCK_ST_ALLOCATED)) {
            return ret;
        }
        bytes = st->bytes;
        if (!n->backing || n->backing == base) {
            st->flags |= n->backing ? 0 : BLOCK_ST_ZERO;
            return 0;
        }
        if (offset >= block_size(n->backing)) {     /* the image is longer than what it stands on */
            st->flags |= BLOCK_ST_ZERO;
            return 0;
        }
        bytes = MIN(bytes, block_size(n->backing) - offset);
    }
}

/* ---- sizes ------------------------------------------------------------------------------------------------------- */

bool block_truncate(BlockNode *n, uint64_t size, BlockPrealloc prealloc, Error **errp)
{
    if (n->readonly) {
        error_set(errp, "Image is read-only");
        return false;
    }
    if (!n->drv->truncate) {
        error_set(errp, "Image format driver does not support resize");
        return false;
    }
    return n->drv->truncate(n, size, prealloc, errp);
}

uint64_t block_allocated_size(BlockNode *n)
{
    if (n->drv->allocated_size) {
        return n->drv->allocated_size(n);
    }
    return n->file ? block_allocated_size(n->file) : 0;
}

/* ---- facts ------------------------------------------------------------------------------------------------------- */

static void add_fact(GArray *facts, BlockFact f)
{
    g_array_append_val(facts, f);
}

void block_fact_string(GArray *facts, const char *key, const char *text)
{
    add_fact(facts, (BlockFact){ .kind = FACT_STRING, .key = key, .text = g_strdup(text) });
}

void block_fact_bool(GArray *facts, const char *key, bool value)
{
    add_fact(facts, (BlockFact){ .kind = FACT_BOOL, .key = key, .number = value });
}

void block_fact_uint(GArray *facts, const char *key, uint64_t value)
{
    add_fact(facts, (BlockFact){ .kind = FACT_UINT, .key = key, .number = value });
}

void block_fact_open(GArray *facts, const char *key, BlockFactKind kind)
{
    add_fact(facts, (BlockFact){ .kind = kind, .key = key });
}

void block_fact_close(GArray *facts)
{
    add_fact(facts, (BlockFact){ .kind = FACT_END });
}

void block_get_info(BlockNode *n, BlockInfo *info)
{
    const BlockNode *leaf = n;

    while (leaf->drv->pass_through) {
        leaf = leaf->file;
    }
    *info = (BlockInfo){ .facts = g_array_new(FALSE, TRUE, sizeof(BlockFact)) };
    info->known = leaf->drv->get_info || (leaf->drv->allocated_size && block_allocated_size(n) != BLOCK_SIZE_UNKNOWN);
    if (n->drv->get_info) {
        n->drv->get_info(n, info);
    }
}

void block_info_clear(BlockInfo *info)
{
    for (unsigned i = 0; info->facts && i < info->facts->len; i++) {
        g_free(g_array_index(info->facts, BlockFact, i).text);
    }
    if (info->facts) {
        g_array_free(info->facts, TRUE);
    }
    info->facts = NULL;
}

void block_snapshot_clear(BlockSnapshot *s)
{
    g_free(s->id);
    g_free(s->name);
    s->id = s->name = NULL;
}

/* ---- snapshots for people ---------------------------------------------------------------------------------------- */

/* Three digits; 1000 of a unit are shown in the next one. */
char *block_human_size(uint64_t bytes)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    unsigned unit = 0;
    double v = bytes;

    while (v >= 999.5 + (unit == 0 ? 24.5 : 0) && unit + 1 < ARRAY_SIZE(units)) {
        v /= 1024;
        unit++;
    }
    return g_strdup_printf("%0.3g %s", v, units[unit]);
}

const char block_snapshot_head[] =
    "ID        TAG               VM SIZE                DATE     VM CLOCK     ICOUNT\n";

char *block_snapshot_row(const BlockSnapshot *s, bool with_id)
{
    time_t t = s->date_sec;
    uint64_t ms = s->vm_clock_ns / 1000000;
    g_autofree char *size = block_human_size(s->vm_state_size), *clock = NULL, *icount = NULL;
    char date[32] = "";
    struct tm tm;

    if (localtime_r(&t, &tm)) {
        strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
    }
    clock = g_strdup_printf("%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64 ".%03" PRIu64, ms / 3600000, ms / 60000 % 60,
                            ms / 1000 % 60, ms % 1000);
    icount = s->icount == UINT64_MAX ? g_strdup("") : g_strdup_printf("%" PRIu64, s->icount);
    return g_strdup_printf("%-9s %-16s %8s%20s%13s%11s\n", with_id ? s->id : "--", s->name, size, date, clock, icount);
}
