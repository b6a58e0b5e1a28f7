/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The code buffer: one memory mapped twice, writable here and executable there, in regions. When the region in use is
 * full the oldest is emptied and becomes the new one. Blocks are freed with their region only, when no vCPU can be
 * inside them any more.
 *
 * What is kept about blocks beside their code is counted too, and bounded: a region is also full when that is large.
 *
 * The buffer starts small. If the oldest region is young when its turn comes, and not full of blocks that are gone
 * anyway, the guest's code does not fit, and another region is taken into use instead; when the oldest is old there are
 * more than it needs, and one is given back.
 */
#include "qemu/osdep.h"
#include <fcntl.h>
#include <sys/mman.h>
#include "exec/tb-internal.h"
#include "exec/ram.h"

#define START_REGIONS   8
#define MAX_REGIONS     64
#define NOTES_FACTOR    2               /* of a region's size: two times what guests need that do work */
#define YOUNG           (10 * G_TIME_SPAN_SECOND)
#define OLD             (5 * G_TIME_SPAN_MINUTE)

typedef struct Region {
    size_t start, end, used;
    size_t notes;                       /* bytes of memory that its blocks take elsewhere */
    gint64 since;                       /* when it became the current one */
    bool in_use;
    GPtrArray *tbs;                     /* in order of code address */
} Region;

static uint8_t *buffer_rw;
static const uint8_t *buffer_rx;
static int buffer_fd = -1;
static size_t region_size;
static Region regions[MAX_REGIONS];
static unsigned n_regions;              /* there may be */
static unsigned current, next_one;      /* next_one == current: not chosen yet */
static unsigned turns, grown, given_back;
static bool gave_back;                  /* since the last turn */
static GPtrArray *none;

static bool buffer_map(size_t size, Error **errp)
{
    void *rw, *rx;

    buffer_fd = memfd_create("translated-code", MFD_CLOEXEC);
    if (buffer_fd < 0 || ftruncate(buffer_fd, (off_t)size) < 0) {
        error_set_errno(errp, errno, "cannot allocate the code buffer of %zu MiB", (size_t)(size / MiB));
        if (buffer_fd >= 0) {
            close(buffer_fd);
        }
        return false;
    }
    rw = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, buffer_fd, 0);
    rx = mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_NORESERVE, buffer_fd, 0);
    if (rw == MAP_FAILED || rx == MAP_FAILED) {
        error_set_errno(errp, errno, "cannot map the code buffer");
        error_append_hint(errp, "The host must allow executable mappings of anonymous files.");
        return false;
    }
    buffer_rw = rw;
    buffer_rx = rx;
    return true;
}

bool tb_buffer_init(size_t size, size_t max, IrContext *ir, const TcgEnvLayout *layout, Error **errp)
{
    size_t thunks;

    region_size = ROUND_UP(size, START_REGIONS * (size_t)TARGET_PAGE_SIZE) / START_REGIONS;
    n_regions = (unsigned)MIN(MAX(max / region_size, START_REGIONS), MAX_REGIONS);
    /* Where files may not be that large (ulimit -f), one that does not grow will do. */
    if (n_regions == START_REGIONS || !buffer_map(n_regions * region_size, error_ignore)) {
        n_regions = START_REGIONS;
        if (!buffer_map(n_regions * region_size, errp)) {
            return false;
        }
    }
    thunks = tcg_backend_init(ir, layout, buffer_rw, buffer_rx, region_size);
    for (unsigned i = 0; i < n_regions; i++) {
        Region *r = &regions[i];

        r->start = i ? i * region_size : ALIGN_UP(thunks, 64);
        r->end = (i + 1) * region_size;
        r->used = r->start;
        r->in_use = i < START_REGIONS;
        r->tbs = g_ptr_array_new();
    }
    regions[0].since = g_get_monotonic_time();
    none = g_ptr_array_new();
    return true;
}

/* ---- the region that is filled ---- */

/* What is kept about a block beside its code: the smallest have several times as much of it. */
static size_t notes_of(const TranslationBlock *tb)
{
    return sizeof(*tb) + tb->n_exits * sizeof(*tb->exits) + tb->n_restore * sizeof(*tb->restore) + sizeof(tb);
}

/* A region of blocks that are all small is full before its code is, so that notes have a bound as well. */
bool tb_buffer_has_room(size_t size)
{
    const Region *r = &regions[current];

    return r->end - r->used >= ALIGN_UP(size, TCG_CODE_ALIGN) && r->notes < NOTES_FACTOR * region_size;
}

static unsigned count_in_use(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < n_regions; i++) {
        n += regions[i].in_use;
    }
    return n;
}

/* It was filled a moment ago, and most of what is in it may still run. */
static bool is_young(const Region *r)
{
    unsigned valid = 0;

    for (unsigned i = 0; i < r->tbs->len; i++) {
        valid += !((const TranslationBlock *)g_ptr_array_index(r->tbs, i))->invalid;
    }
    return valid > r->tbs->len / 2 && g_get_monotonic_time() - r->since < YOUNG;
}

/* An empty one, else the oldest; one that was not in use if the oldest is too young to go. */
static unsigned choose(void)
{
    unsigned oldest = current, unused = current;

    for (unsigned i = 0; i < n_regions; i++) {
        if (!regions[i].in_use) {
            unused = unused == current ? i : unused;
        } else if (i != current && !regions[i].tbs->len) {
            return i;
        } else if (i != current && (oldest == current || regions[i].since < regions[oldest].since)) {
            oldest = i;
        }
    }
    return unused != current && is_young(&regions[oldest]) ? unused : oldest;
}

const GPtrArray *tb_buffer_next(void)
{
    if (next_one == current) {
        next_one = choose();
    }
    return regions[next_one].tbs;
}

unsigned tb_buffer_turns(void)
{
    return turns;
}

static void region_empty(Region *r)
{
    for (unsigned i = 0; i < r->tbs->len; i++) {
        tb_free(g_ptr_array_index(r->tbs, i));
    }
    g_ptr_array_set_size(r->tbs, 0);
    r->used = r->start;
    r->notes = 0;
}

/* The host gets the memory back; what it can't take stays, and is used again one day. */
static void region_give_back(Region *r)
{
    size_t from = ROUND_UP(r->start, TARGET_PAGE_SIZE);

    r->in_use = false;
    (void)!fallocate(buffer_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)(r->end - from));
    given_back++;
}

void tb_buffer_advance(void)
{
    Region *r = &regions[next_one];
    gint64 now = g_get_monotonic_time();

    if (r->tbs->len && !gave_back && now - r->since > OLD && count_in_use() > START_REGIONS) {
        region_empty(r);
        region_give_back(r);
        gave_back = true;               /* and another one's turn it is */
    } else {
        region_empty(r);
        grown += !r->in_use;
        r->in_use = true;
        r->since = now;
        current = next_one;
        gave_back = false;
    }
    next_one = current;
    turns++;
}

void tb_buffer_add(TranslationBlock *tb, TcgCode *code)
{
    Region *r = &regions[current];

    tcg_backend_place(code, buffer_rw + r->used, buffer_rx + r->used);
    tb->rw = code->rw;
    tb->rx = code->rx;
    tb->size = (uint32_t)code->size;
    tb->restore = g_memdup2(code->restore, code->n_restore * sizeof(TcgRestore));
    tb->n_restore = code->n_restore;
    r->used = ALIGN_UP(r->used + code->size, TCG_CODE_ALIGN);
    r->notes += notes_of(tb);
    g_ptr_array_add(r->tbs, tb);
}

TranslationBlock *tb_buffer_last(void)
{
    const GPtrArray *tbs = regions[current].tbs;

    return tbs->len ? g_ptr_array_index(tbs, tbs->len - 1) : NULL;
}

void tb_buffer_take_back(void)
{
    Region *r = &regions[current];
    TranslationBlock *tb = tb_buffer_last();

    r->used = (size_t)(tb->rw - buffer_rw);
    r->notes -= notes_of(tb);
    g_ptr_array_set_size(r->tbs, (int)r->tbs->len - 1);
    tb_free(tb);
}

/* ---- all of them ---- */

const GPtrArray *tb_buffer_blocks(unsigned region)
{
    return region < n_regions ? regions[region].tbs : NULL;
}

void tb_buffer_clear(void)
{
    for (unsigned i = 0; i < n_regions; i++) {
        region_empty(&regions[i]);
    }
    regions[current].since = g_get_monotonic_time();
}

TranslationBlock *tb_of_host_pc(uint64_t host_pc)
{
    size_t off = host_pc - (uintptr_t)buffer_rx;
    const GPtrArray *tbs = off < n_regions * region_size ? regions[off / region_size].tbs : none;
    unsigned lo = 0, hi = tbs->len;

    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        TranslationBlock *tb = g_ptr_array_index(tbs, mid);

        if (host_pc > (uintptr_t)tb->rx + tb->size) {
            lo = mid + 1;
        } else if (host_pc <= (uintptr_t)tb->rx) {
            hi = mid;
        } else {
            return tb;
        }
    }
    return NULL;
}

const TcgRestore *tb_restore_find(uint64_t host_pc, const TranslationBlock **tb)
{
    *tb = tb_of_host_pc(host_pc);
    if (*tb) {
        uint32_t off = (uint32_t)(host_pc - (uintptr_t)(*tb)->rx);
        unsigned lo = 0, hi = (*tb)->n_restore;

        while (lo < hi) {
            unsigned mid = (lo + hi) / 2;

            if ((*tb)->restore[mid].code_off < off) {
                lo = mid + 1;
            } else {
                hi = mid;
            }
        }
        if (lo < (*tb)->n_restore && (*tb)->restore[lo].code_off == off) {
            return &(*tb)->restore[lo];
        }
    }
    return NULL;
}

void tb_buffer_print(GString *out)
{
    size_t used = 0, notes = 0, size = count_in_use() * region_size;
    uint64_t count = 0;

    for (unsigned i = 0; i < n_regions; i++) {
        used += regions[i].used - regions[i].start;
        notes += regions[i].notes;
        count += regions[i].tbs->len;
    }
    g_string_append_printf(out,
        "code buffer         %zu/%zu KiB, %" PRIu64 " blocks in it\n"
        "kept about blocks   %zu/%zu KiB\n"
        "regions             %u of %zu KiB, at most %u; %u added, %u given back\n",
        used / 1024, size / 1024, count, notes / 1024, NOTES_FACTOR * size / 1024, count_in_use(), region_size / 1024,
        n_regions, grown, given_back);
}
