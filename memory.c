/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory tree, its flat views and the search in them.
 *
 * A change of the tree marks it; the outermost commit renders each address space into a fresh, sorted FlatView and
 * publishes it with one pointer store. Readers never lock: docs/memory.md, "Retiring a view", has the proof.
 * Accesses themselves (RAM blocks, dispatch, DMA) are in exec.c.
 */
#include "qemu/osdep.h"
#include "exec/memory.h"
#include "exec/ram.h"
#include "qemu/log.h"
#include "qemu/main-loop.h"

/* Sums of a base and an offset do not fit into 64 bits while a region is only partly inside its container. */
typedef __int128 Wide;

typedef struct FlatRange {
    hwaddr start, last;         /* inclusive, so that 2^64 - 1 can end a range */
    MemoryRegion *mr;
    hwaddr offset;              /* of start, in mr */
    uint8_t *host;              /* of start; NULL for I/O */
    ram_addr_t ram_addr;
    bool readonly;
} FlatRange;

struct FlatView {
    uint64_t id;                /* never used twice: a cache keyed by it cannot mistake a new view for an old one */
    uint64_t retired_at;        /* epoch that was current when the view was replaced */
    FlatView *next_retired;
    unsigned n, capacity;
    FlatRange *ranges;
};

struct AddressSpace {
    char *name;
    MemoryRegion *root;
    FlatView *view;             /* atomic */
    unsigned index;
    AddressSpace *next;
};

AddressSpace *address_space_memory, *address_space_io;

/* All guarded by the big lock, once vCPUs run. */
static AddressSpace *address_spaces;
static unsigned transaction_depth;
static bool topology_changed;
static FlatView *retired_views;
static GArray *listeners;       /* MemoryListener */
static MemoryRegion system_memory, system_io;

typedef struct MemoryListener {
    void (*commit)(void *opaque);
    void *opaque;
} MemoryListener;

/* ---- readers and retired views --------------------------------------------------------------------------------- */

/*
 * One slot per thread that ever looked something up. in_epoch is 0 outside of a look-up. Slots are never freed (a
 * thread costs one cache line), so that the writer may walk the list without a lock.
 */
typedef struct Reader {
    uint64_t in_epoch;          /* atomic */
    struct Reader *next;
} QEMU_ALIGNED(64) Reader;

static Reader *readers;                 /* atomic, push only */
static uint64_t current_epoch = 1;      /* atomic */
static __thread Reader *this_reader;

static Reader *reader_new(void)
{
    Reader *r = g_aligned_alloc0(1, sizeof(*r), 64);

    r->next = __atomic_load_n(&readers, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&readers, &r->next, r, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
    }
    this_reader = r;
    return r;
}

static inline const FlatView *view_enter(const AddressSpace *as)
{
    Reader *r = this_reader;

    if (unlikely(!r)) {
        r = reader_new();
    }
    __atomic_store_n(&r->in_epoch, __atomic_load_n(&current_epoch, __ATOMIC_ACQUIRE), __ATOMIC_SEQ_CST);
    return __atomic_load_n(&as->view, __ATOMIC_SEQ_CST);
}

static inline void view_leave(void)
{
    __atomic_store_n(&this_reader->in_epoch, 0, __ATOMIC_RELEASE);
}

static void view_free(FlatView *v)
{
    g_free(v->ranges);
    g_free(v);
}

/* The view has just been unpublished: readers that entered in this epoch or before may still hold it. */
static void view_retire(FlatView *v)
{
    v->retired_at = __atomic_fetch_add(&current_epoch, 1, __ATOMIC_SEQ_CST);
    v->next_retired = retired_views;
    retired_views = v;
}

static bool view_is_quiet(const FlatView *v)
{
    for (Reader *r = __atomic_load_n(&readers, __ATOMIC_SEQ_CST); r; r = r->next) {
        uint64_t e = __atomic_load_n(&r->in_epoch, __ATOMIC_SEQ_CST);

        if (e && e <= v->retired_at) {
            return false;
        }
    }
    return true;
}

static void views_reclaim(void)
{
    FlatView **p = &retired_views;

    while (*p) {
        FlatView *v = *p;

        if (view_is_quiet(v)) {
            *p = v->next_retired;
            view_free(v);
        } else {
            p = &v->next_retired;       /* the next commit tries again */
        }
    }
}

/* ---- rendering -------------------------------------------------------------------------------------------------- */

static FlatRange *view_insert_slot(FlatView *v, unsigned pos)
{
    if (v->n == v->capacity) {
        v->capacity = v->capacity ? v->capacity * 2 : 32;
        v->ranges = g_renew(FlatRange, v->ranges, v->capacity);
    }
    memmove(&v->ranges[pos + 1], &v->ranges[pos], (v->n - pos) * sizeof(FlatRange));
    v->n++;
    return &v->ranges[pos];
}

static void flat_range_set(FlatRange *fr, hwaddr start, hwaddr last, MemoryRegion *mr, hwaddr offset, bool readonly)
{
    *fr = (FlatRange) { .start = start, .last = last, .mr = mr, .offset = offset };
    if (mr->is_ram) {
        fr->host = mr->ram->host + offset;
        fr->ram_addr = mr->ram->offset + offset;
        fr->readonly = readonly;
    }
}

/*
 * Fills what is still free of [start, last]: whoever came before has a higher priority. base: address of mr's offset 0.
 */
static void view_fill_gaps(FlatView *v, hwaddr start, hwaddr last, MemoryRegion *mr, Wide base, bool readonly)
{
    unsigned i = 0;

    while (i < v->n && v->ranges[i].last < start) {
        i++;
    }
    for (;;) {
        bool taken = i < v->n && v->ranges[i].start <= last;

        if (!taken || v->ranges[i].start > start) {
            hwaddr gap_last = taken ? v->ranges[i].start - 1 : last;

            flat_range_set(view_insert_slot(v, i), start, gap_last, mr, (hwaddr)(start - base), readonly);
            i++;
        }
        if (!taken || v->ranges[i].last >= last) {
            return;
        }
        start = v->ranges[i].last + 1;
        i++;
    }
}

/*
 * Renders mr, whose offset 0 is at base, into [lo, hi] of the view. Children come first: they lie above their parent.
 */
static void render(FlatView *v, MemoryRegion *mr, Wide base, Wide lo, Wide hi, bool readonly)
{
    Wide last = base + mr->size_minus1;

    if (!mr->enabled) {
        return;
    }
    lo = MAX(lo, base);
    hi = MIN(hi, last);
    if (lo > hi) {
        return;
    }
    readonly |= mr->readonly;
    if (mr->alias) {
        render(v, mr->alias, base - mr->alias_offset, lo, hi, readonly);
        return;
    }
    for (GList *l = mr->children; l; l = l->next) {
        MemoryRegion *child = l->data;

        render(v, child, base + child->addr, lo, hi, readonly);
    }
    if (mr->terminates) {
        view_fill_gaps(v, (hwaddr)lo, (hwaddr)hi, mr, base, readonly);
    }
}

static bool ranges_join(const FlatRange *a, const FlatRange *b)
{
    return a->mr == b->mr && a->readonly == b->readonly && a->last + 1 == b->start &&
           a->offset + (a->last - a->start) + 1 == b->offset;
}

static void view_simplify(FlatView *v)
{
    unsigned out = 0;

    for (unsigned i = 1; i < v->n; i++) {
        if (ranges_join(&v->ranges[out], &v->ranges[i])) {
            v->ranges[out].last = v->ranges[i].last;
        } else {
            v->ranges[++out] = v->ranges[i];
        }
    }
    v->n = v->n ? out + 1 : 0;
}

static FlatView *view_render(MemoryRegion *root)
{
    static uint64_t last_id;
    FlatView *v = g_new0(FlatView, 1);

    v->id = ++last_id;
    render(v, root, 0, 0, UINT64_MAX, false);
    view_simplify(v);
    return v;
}

static bool view_equal(const FlatView *a, const FlatView *b)
{
    if (a->n != b->n) {
        return false;
    }
    for (unsigned i = 0; i < a->n; i++) {
        const FlatRange *x = &a->ranges[i], *y = &b->ranges[i];

        if (x->start != y->start || x->last != y->last || x->mr != y->mr || x->offset != y->offset ||
            x->host != y->host || x->readonly != y->readonly) {
            return false;
        }
    }
    return true;
}

static void print_view(GString *out, const AddressSpace *as);

static bool address_space_update(AddressSpace *as)
{
    FlatView *old = as->view, *new = view_render(as->root);

    if (old && view_equal(old, new)) {
        view_free(new);
        return false;
    }
    __atomic_store_n(&as->view, new, __ATOMIC_SEQ_CST);
    if (old) {
        view_retire(old);
    }
    if (log_enabled(LOG_PAGE)) {
        g_autoptr(GString) text = g_string_new(NULL);

        print_view(text, as);
        qemu_log("%s", text->str);
    }
    return true;
}

/* ---- transactions ----------------------------------------------------------------------------------------------- */

static void commit_changes(void)
{
    bool changed = false;

    topology_changed = false;
    for (AddressSpace *as = address_spaces; as; as = as->next) {
        changed |= address_space_update(as);
    }
    views_reclaim();
    for (unsigned i = 0; changed && listeners && i < listeners->len; i++) {
        MemoryListener *l = &g_array_index(listeners, MemoryListener, i);

        l->commit(l->opaque);
    }
}

void memory_transaction_begin(void)
{
    transaction_depth++;
}

void memory_transaction_commit(void)
{
    assert(transaction_depth);
    if (--transaction_depth == 0 && topology_changed) {
        commit_changes();
    }
}

static void memory_changed(void)
{
    topology_changed = true;
    if (!transaction_depth) {
        commit_changes();
    }
}

void memory_listener_add(void (*commit)(void *opaque), void *opaque)
{
    MemoryListener l = { commit, opaque };

    if (!listeners) {
        listeners = g_array_new(false, false, sizeof(MemoryListener));
    }
    g_array_append_val(listeners, l);
}

/* ---- regions ---------------------------------------------------------------------------------------------------- */

void memory_region_init(MemoryRegion *mr, Device *owner, const char *name, uint64_t size)
{
    *mr = (MemoryRegion) { .name = g_strdup(name), .owner = owner, .size_minus1 = size - 1, .enabled = true };
}

void memory_region_init_io(MemoryRegion *mr, Device *owner, const MemoryRegionOps *ops, void *opaque,
                           const char *name, uint64_t size)
{
    memory_region_init(mr, owner, name, size);
    mr->ops = ops;
    mr->opaque = opaque;
    mr->terminates = true;
}

bool memory_region_init_ram(MemoryRegion *mr, Device *owner, const char *name, uint64_t size, Error **errp)
{
    RamBlock *rb = ram_block_new(name, size, errp);

    if (!rb) {
        return false;
    }
    memory_region_init(mr, owner, name, size);
    mr->ram = rb;
    mr->is_ram = true;
    mr->terminates = true;
    return true;
}

bool memory_region_init_rom(MemoryRegion *mr, Device *owner, const char *name, uint64_t size, Error **errp)
{
    if (!memory_region_init_ram(mr, owner, name, size, errp)) {
        return false;
    }
    mr->readonly = true;
    return true;
}

void memory_region_init_alias(MemoryRegion *mr, Device *owner, const char *name, MemoryRegion *orig, hwaddr offset,
                              uint64_t size)
{
    memory_region_init(mr, owner, name, size);
    mr->alias = orig;
    mr->alias_offset = offset;
}

void memory_region_destroy(MemoryRegion *mr)
{
    assert(!mr->container && !mr->children);
    if (mr->ram) {
        ram_block_free(mr->ram);
    }
    g_free((char *)mr->name);
    memset(mr, 0, sizeof(*mr));
}

static void insert_child(MemoryRegion *container, MemoryRegion *mr)
{
    GList *l = container->children;

    while (l && ((MemoryRegion *)l->data)->priority > mr->priority) {
        l = l->next;
    }
    container->children = g_list_insert_before(container->children, l, mr);
}

void memory_region_add(MemoryRegion *container, hwaddr addr, MemoryRegion *mr, int priority)
{
    assert(!mr->container && !container->alias);
    mr->container = container;
    mr->addr = addr;
    mr->priority = priority;
    insert_child(container, mr);
    memory_changed();
}

void memory_region_del(MemoryRegion *mr)
{
    if (!mr->container) {
        return;
    }
    mr->container->children = g_list_remove(mr->container->children, mr);
    mr->container = NULL;
    memory_changed();
}

void memory_region_set_enabled(MemoryRegion *mr, bool enabled)
{
    if (mr->enabled != enabled) {
        mr->enabled = enabled;
        memory_changed();
    }
}

void memory_region_set_readonly(MemoryRegion *mr, bool readonly)
{
    if (mr->readonly != readonly) {
        mr->readonly = readonly;
        memory_changed();
    }
}

void memory_region_set_address(MemoryRegion *mr, hwaddr addr)
{
    if (mr->addr != addr) {
        mr->addr = addr;
        memory_changed();
    }
}

void memory_region_set_alias_offset(MemoryRegion *mr, hwaddr offset)
{
    assert(mr->alias);
    if (mr->alias_offset != offset) {
        mr->alias_offset = offset;
        memory_changed();
    }
}

uint8_t *memory_region_ram_ptr(MemoryRegion *mr)
{
    assert(mr->is_ram);
    return mr->ram->host;
}

ram_addr_t memory_region_ram_addr(MemoryRegion *mr)
{
    assert(mr->is_ram);
    return mr->ram->offset;
}

uint64_t memory_region_size(const MemoryRegion *mr)
{
    return mr->size_minus1 == UINT64_MAX ? UINT64_MAX : mr->size_minus1 + 1;
}

MemoryRegion *get_system_memory(void)
{
    return &system_memory;
}

MemoryRegion *get_system_io(void)
{
    return &system_io;
}

bool address_space_init(AddressSpace **pas, MemoryRegion *root, const char *name)
{
    static unsigned count;
    AddressSpace *as = g_new0(AddressSpace, 1), **end = &address_spaces;

    as->name = g_strdup(name);
    as->root = root;
    as->index = count++;
    address_space_update(as);
    while (*end) {
        end = &(*end)->next;
    }
    *end = as;
    *pas = as;
    return true;
}

void memory_init(void)
{
    memory_region_init(&system_memory, NULL, "system", 0);
    memory_region_init(&system_io, NULL, "io", 64 * KiB);
    address_space_init(&address_space_memory, &system_memory, "memory");
    address_space_init(&address_space_io, &system_io, "I/O");
}

/* ---- look-up ---------------------------------------------------------------------------------------------------- */

/* Index of the first range that ends at or after addr; n when there is none. */
static unsigned view_search(const FlatView *v, hwaddr addr)
{
    unsigned lo = 0, hi = v->n;

    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;

        if (v->ranges[mid].last < addr) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

static inline uint64_t saturated_len(hwaddr first, hwaddr last)
{
    return last - first == UINT64_MAX ? UINT64_MAX : last - first + 1;
}

/* Accesses come in runs: each thread remembers where the last one of an address space went. */
typedef struct LastHit {
    uint64_t view_id;
    unsigned index;
} LastHit;
static __thread LastHit last_hits[4];

MemorySection address_space_resolve(AddressSpace *as, hwaddr addr)
{
    MemorySection s = { 0 };
    LastHit *hit = &last_hits[as->index % ARRAY_SIZE(last_hits)];
    const FlatView *v = view_enter(as);
    const FlatRange *fr;

    if (hit->view_id != v->id || addr < v->ranges[hit->index].start || addr > v->ranges[hit->index].last) {
        unsigned i = view_search(v, addr);

        if (i == v->n || addr < v->ranges[i].start) {
            s.len = saturated_len(addr, i == v->n ? UINT64_MAX : v->ranges[i].start - 1);
            view_leave();
            return s;
        }
        *hit = (LastHit) { v->id, i };
    }
    fr = &v->ranges[hit->index];
    s.mr = fr->mr;
    s.offset = fr->offset + (addr - fr->start);
    s.len = saturated_len(addr, fr->last);
    s.readonly = fr->readonly;
    if (fr->host) {
        s.host = fr->host + (addr - fr->start);
        s.ram_addr = fr->ram_addr + (addr - fr->start);
    }
    view_leave();
    return s;
}

uint64_t address_space_generation(const AddressSpace *as)
{
    uint64_t id = view_enter(as)->id;

    view_leave();
    return id;
}

/* ---- info mtree ------------------------------------------------------------------------------------------------- */

static const char *region_kind(const MemoryRegion *mr, bool readonly)
{
    while (mr->alias) {
        readonly |= mr->readonly;
        mr = mr->alias;
    }
    readonly |= mr->readonly;
    return !mr->is_ram ? "i/o" : readonly ? "rom" : "ram";
}

static gint compare_for_print(gconstpointer a, gconstpointer b)
{
    const MemoryRegion *x = a, *y = b;

    if (x->addr != y->addr) {
        return x->addr < y->addr ? -1 : 1;
    }
    return x->priority > y->priority ? -1 : x->priority < y->priority;
}

static void print_region(GString *out, const MemoryRegion *mr, hwaddr base, int indent, GList **targets)
{
    hwaddr start = base + mr->addr;
    GList *sorted;

    if (!mr->enabled) {
        return;
    }
    g_string_append_printf(out, "%*s%" PRIx_HWADDR "-%" PRIx_HWADDR " (prio %d, %s): ", indent, "", start,
                           start + mr->size_minus1, mr->priority, region_kind(mr, false));
    if (mr->alias) {
        g_string_append_printf(out, "alias %s @%s %" PRIx_HWADDR "-%" PRIx_HWADDR "\n", mr->name, mr->alias->name,
                               mr->alias_offset, mr->alias_offset + mr->size_minus1);
        if (!g_list_find(*targets, mr->alias)) {
            *targets = g_list_append(*targets, mr->alias);
        }
        return;
    }
    g_string_append_printf(out, "%s\n", mr->name);
    sorted = g_list_sort(g_list_copy(mr->children), compare_for_print);
    for (GList *l = sorted; l; l = l->next) {
        print_region(out, l->data, start, indent + 2, targets);
    }
    g_list_free(sorted);
}

static void print_trees(GString *out)
{
    GList *targets = NULL;

    for (AddressSpace *as = address_spaces; as; as = as->next) {
        g_string_append_printf(out, "address-space: %s\n", as->name);
        print_region(out, as->root, 0, 2, &targets);
        g_string_append_c(out, '\n');
    }
    for (GList *l = targets; l; l = l->next) {      /* grows while it is walked */
        const MemoryRegion *mr = l->data;

        g_string_append_printf(out, "memory-region: %s\n", mr->name);
        print_region(out, mr, 0, 2, &targets);
        g_string_append_c(out, '\n');
    }
    g_list_free(targets);
}

static void print_view(GString *out, const AddressSpace *as)
{
    const FlatView *v = as->view;

    g_string_append_printf(out, "FlatView #%u\n AS \"%s\", root: %s\n Root memory region: %s\n", as->index, as->name,
                           as->root->name, as->root->name);
    for (unsigned i = 0; i < v->n; i++) {
        const FlatRange *fr = &v->ranges[i];

        g_string_append_printf(out, "  %" PRIx_HWADDR "-%" PRIx_HWADDR " (prio %d, %s): %s", fr->start, fr->last,
                               fr->mr->priority, region_kind(fr->mr, fr->readonly), fr->mr->name);
        if (fr->offset) {
            g_string_append_printf(out, " @%" PRIx_HWADDR, fr->offset);
        }
        g_string_append_c(out, '\n');
    }
    if (!v->n) {
        g_string_append(out, "  No rendered FlatView\n");
    }
    g_string_append_c(out, '\n');
}

void memory_print_tree(GString *out, bool flat)
{
    if (!flat) {
        print_trees(out);
        return;
    }
    for (AddressSpace *as = address_spaces; as; as = as->next) {
        print_view(out, as);
    }
}
