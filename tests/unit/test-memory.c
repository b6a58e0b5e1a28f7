/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The memory tree, its flat views, dispatch, RAM blocks and dirty bitmaps. */
#include "qemu/osdep.h"
#include "exec/memory.h"
#include "exec/ram.h"
#include "exec/translate-all.h"
#include "qemu/main-loop.h"

/* ---- the translator's side -------------------------------------------------------------------------------------- */

static ram_addr_t invalidated_start, invalidated_end;
static unsigned n_invalidated;

void tb_invalidate_phys_range(ram_addr_t start, ram_addr_t end)
{
    invalidated_start = start;
    invalidated_end = end;
    n_invalidated++;
}

/* ---- a device that remembers what it was asked ------------------------------------------------------------------ */

typedef struct Probe {
    MemoryRegion mr;
    hwaddr addr[16];
    unsigned size[16], n;
    uint64_t last_write;
} Probe;

static void probe_note(Probe *p, hwaddr addr, unsigned size)
{
    g_assert_cmpuint(p->n, <, ARRAY_SIZE(p->addr));
    p->addr[p->n] = addr;
    p->size[p->n++] = size;
}

/* Byte i of the device reads as i. */
static uint64_t probe_read(void *opaque, hwaddr addr, unsigned size)
{
    uint64_t val = 0;

    probe_note(opaque, addr, size);
    for (unsigned i = 0; i < size; i++) {
        val |= (addr + i) << (8 * i);
    }
    return val;
}

static void probe_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    probe_note(opaque, addr, size);
    ((Probe *)opaque)->last_write = val;
}

static const MemoryRegionOps any_ops = { .read = probe_read, .write = probe_write, .size = { .min = 1, .max = 8 } };
static const MemoryRegionOps byte_ops = { .read = probe_read, .write = probe_write, .size = { .min = 1, .max = 1 } };
static const MemoryRegionOps dword_ops = { .read = probe_read, .write = probe_write, .size = { .min = 4, .max = 4 } };
static const MemoryRegionOps strict_ops = {
    .read = probe_read, .write = probe_write, .size = { .min = 1, .max = 4 }, .access = { .min = 2, .max = 2 },
};

/* Names of regions that are forgotten rather than destroyed: see teardown(). */
static const char *kept[1024];
static unsigned n_kept;

static void keep_name(const MemoryRegion *mr)
{
    g_assert_cmpuint(n_kept, <, ARRAY_SIZE(kept));
    kept[n_kept++] = mr->name;
}

static void probe_init(Probe *p, const MemoryRegionOps *ops, const char *name, uint64_t size)
{
    memset(p, 0, sizeof(*p));
    memory_region_init_io(&p->mr, NULL, ops, p, name, size);
    keep_name(&p->mr);
}

/* ---- a fresh address space per test ----------------------------------------------------------------------------- */

typedef struct Fixture {
    MemoryRegion *root;
    AddressSpace *as;
} Fixture;

static void setup(Fixture *f, gconstpointer data)
{
    f->root = g_new0(MemoryRegion, 1);      /* address spaces live for ever, and so do their roots */
    memory_region_init(f->root, NULL, "root", 0);
    address_space_init(&f->as, f->root, "test");
}

/* The test's regions lived on its stack: forget them without a look. */
static void teardown(Fixture *f, gconstpointer data)
{
    g_list_free(f->root->children);
    f->root->children = NULL;
    memory_region_set_enabled(f->root, false);
}

#define assert_resolves(f, addr, expected_mr, expected_offset, expected_len) do {   \
        MemorySection s_ = address_space_resolve((f)->as, (addr));                  \
        g_assert_true(s_.mr == (expected_mr));                                      \
        g_assert_cmphex(s_.offset, ==, (expected_offset));                          \
        g_assert_cmphex(s_.len, ==, (expected_len));                                \
    } while (0)

/* ---- the flat view ---------------------------------------------------------------------------------------------- */

static void test_empty_space_is_one_hole(Fixture *f, gconstpointer data)
{
    assert_resolves(f, 0, NULL, 0, UINT64_MAX);
    assert_resolves(f, UINT64_MAX, NULL, 0, 1);
}

static void test_higher_priority_hides_lower(Fixture *f, gconstpointer data)
{
    Probe low, high;

    probe_init(&low, &any_ops, "low", 0x3000);
    probe_init(&high, &any_ops, "high", 0x1000);
    memory_region_add(f->root, 0x1000, &low.mr, 0);
    memory_region_add(f->root, 0x2000, &high.mr, 1);
    assert_resolves(f, 0x0fff, NULL, 0, 1);
    assert_resolves(f, 0x1000, &low.mr, 0, 0x1000);
    assert_resolves(f, 0x2000, &high.mr, 0, 0x1000);
    assert_resolves(f, 0x3010, &low.mr, 0x2010, 0xff0);
    assert_resolves(f, 0x4000, NULL, 0, UINT64_MAX - 0x3fff);
}

static void test_later_wins_among_equals(Fixture *f, gconstpointer data)
{
    Probe first, second;

    probe_init(&first, &any_ops, "first", 0x1000);
    probe_init(&second, &any_ops, "second", 0x1000);
    memory_region_add(f->root, 0, &first.mr, 0);
    memory_region_add(f->root, 0, &second.mr, 0);
    assert_resolves(f, 0, &second.mr, 0, 0x1000);
    memory_region_del(&second.mr);
    assert_resolves(f, 0, &first.mr, 0, 0x1000);
}

static void test_container_clips_its_children(Fixture *f, gconstpointer data)
{
    MemoryRegion box;
    Probe p;

    memory_region_init(&box, NULL, "box", 0x800);
    keep_name(&box);
    probe_init(&p, &any_ops, "p", 0x1000);
    memory_region_add(&box, 0x400, &p.mr, 0);
    memory_region_add(f->root, 0x10000, &box, 0);
    assert_resolves(f, 0x10000, NULL, 0, 0x400);
    assert_resolves(f, 0x10400, &p.mr, 0, 0x400);
    assert_resolves(f, 0x10800, NULL, 0, UINT64_MAX - 0x107ff);
    memory_region_set_address(&box, 0x20000);
    assert_resolves(f, 0x20401, &p.mr, 1, 0x3ff);
    memory_region_set_enabled(&box, false);
    assert_resolves(f, 0x20401, NULL, 0, UINT64_MAX - 0x20400);
}

static void test_alias_shows_a_part_elsewhere(Fixture *f, gconstpointer data)
{
    MemoryRegion alias;
    Probe p;

    probe_init(&p, &any_ops, "p", 0x1000);
    memory_region_init_alias(&alias, NULL, "alias", &p.mr, 0x800, 0x1000);  /* sticks out of its target */
    keep_name(&alias);
    memory_region_add(f->root, 0x5000, &alias, 0);
    assert_resolves(f, 0x5000, &p.mr, 0x800, 0x800);
    assert_resolves(f, 0x5800, NULL, 0, UINT64_MAX - 0x57ff);
    memory_region_set_alias_offset(&alias, 0);
    assert_resolves(f, 0x5000, &p.mr, 0, 0x1000);
}

static void test_last_byte_of_the_space_is_usable(Fixture *f, gconstpointer data)
{
    Probe p;

    probe_init(&p, &any_ops, "p", 0x1000);
    memory_region_add(f->root, -0x1000ull, &p.mr, 0);
    assert_resolves(f, UINT64_MAX, &p.mr, 0xfff, 1);
    assert_resolves(f, -0x1000ull, &p.mr, 0, 0x1000);
}

static void test_touching_pieces_of_a_region_join(Fixture *f, gconstpointer data)
{
    MemoryRegion left, right;
    Probe p;

    probe_init(&p, &any_ops, "p", 0x2000);
    memory_region_init_alias(&left, NULL, "left", &p.mr, 0, 0x1000);
    keep_name(&left);
    memory_region_init_alias(&right, NULL, "right", &p.mr, 0x1000, 0x1000);
    keep_name(&right);
    memory_region_add(f->root, 0, &left, 0);
    memory_region_add(f->root, 0x1000, &right, 0);
    assert_resolves(f, 0, &p.mr, 0, 0x2000);
}

/* A second, plain renderer: for each address, who is on top? */
static MemoryRegion *owner_at(MemoryRegion *mr, hwaddr addr)
{
    if (!mr->enabled || addr > mr->size_minus1) {
        return NULL;
    }
    for (GList *l = mr->children; l; l = l->next) {
        MemoryRegion *child = l->data, *hit;

        hit = addr >= child->addr ? owner_at(child, addr - child->addr) : NULL;
        if (hit) {
            return hit;
        }
    }
    return mr->terminates ? mr : NULL;
}

static void test_random_trees_equal_a_plain_search(Fixture *f, gconstpointer data)
{
    Probe p[24];

    for (unsigned i = 0; i < ARRAY_SIZE(p); i++) {
        probe_init(&p[i], &any_ops, "p", g_test_rand_int_range(1, 200));
    }
    for (unsigned round = 0; round < 50; round++) {
        memory_transaction_begin();
        for (unsigned i = 0; i < ARRAY_SIZE(p); i++) {
            MemoryRegion *parent = i && g_test_rand_bit() ? &p[g_test_rand_int_range(0, i)].mr : f->root;

            memory_region_add(parent, g_test_rand_int_range(0, 400), &p[i].mr, g_test_rand_int_range(-2, 3));
        }
        memory_transaction_commit();
        for (hwaddr a = 0; a < 1000; a++) {
            MemorySection s = address_space_resolve(f->as, a);

            g_assert_true(s.mr == owner_at(f->root, a));
            g_assert_true(address_space_resolve(f->as, a + s.len - 1).mr == s.mr);
        }
        for (unsigned i = 0; i < ARRAY_SIZE(p); i++) {
            memory_region_del(&p[i].mr);
        }
    }
}

/* ---- transactions and listeners --------------------------------------------------------------------------------- */

static unsigned n_commits;

static void count_commit(void *opaque)
{
    n_commits++;
}

static void test_changes_take_effect_at_outermost_commit(Fixture *f, gconstpointer data)
{
    Probe p;
    unsigned before;

    probe_init(&p, &any_ops, "p", 0x1000);
    before = n_commits;
    memory_transaction_begin();
    memory_transaction_begin();
    memory_region_add(f->root, 0, &p.mr, 0);
    memory_transaction_commit();
    assert_resolves(f, 0, NULL, 0, UINT64_MAX);
    g_assert_cmpuint(n_commits, ==, before);
    memory_transaction_commit();
    assert_resolves(f, 0, &p.mr, 0, 0x1000);
    g_assert_cmpuint(n_commits, ==, before + 1);
}

static void test_listener_hears_only_real_changes(Fixture *f, gconstpointer data)
{
    Probe p, hidden;
    uint64_t generation;
    unsigned before;

    probe_init(&p, &any_ops, "p", 0x1000);
    probe_init(&hidden, &any_ops, "hidden", 0x800);
    memory_region_add(f->root, 0, &p.mr, 5);
    before = n_commits;
    generation = address_space_generation(f->as);
    memory_region_add(f->root, 0x100, &hidden.mr, 0);
    memory_region_set_enabled(&p.mr, true);
    memory_transaction_begin();
    memory_region_set_enabled(&p.mr, false);
    memory_region_set_enabled(&p.mr, true);
    memory_transaction_commit();
    g_assert_cmpuint(n_commits, ==, before);
    g_assert_cmpuint(address_space_generation(f->as), ==, generation);
    memory_region_set_enabled(&p.mr, false);
    g_assert_cmpuint(n_commits, ==, before + 1);
    g_assert_cmpuint(address_space_generation(f->as), !=, generation);
}

static bool stop_readers;

static gpointer reader_thread(gpointer opaque)
{
    AddressSpace *as = opaque;
    uintptr_t n = 0;

    while (!__atomic_load_n(&stop_readers, __ATOMIC_RELAXED)) {
        MemorySection s = address_space_resolve(as, 0x1800);

        g_assert_cmphex(s.offset, ==, s.mr ? 0x800 : 0);
        n++;
    }
    return (gpointer)n;
}

static void test_readers_survive_changes_under_them(Fixture *f, gconstpointer data)
{
    GThread *threads[3];
    Probe p, q;

    probe_init(&p, &any_ops, "p", 0x1000);
    probe_init(&q, &any_ops, "q", 0x1000);
    memory_region_add(f->root, 0x1000, &p.mr, 0);
    stop_readers = false;
    for (unsigned i = 0; i < ARRAY_SIZE(threads); i++) {
        threads[i] = g_thread_new("reader", reader_thread, f->as);
    }
    for (unsigned i = 0; i < 20000; i++) {
        memory_region_add(f->root, 0x1000, &q.mr, 1);
        memory_region_del(&q.mr);
        memory_region_set_enabled(&p.mr, i % 3);
    }
    __atomic_store_n(&stop_readers, true, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < ARRAY_SIZE(threads); i++) {
        g_thread_join(threads[i]);
    }
}

/* ---- dispatch --------------------------------------------------------------------------------------------------- */

static void test_wide_access_is_split_little_endian(Fixture *f, gconstpointer data)
{
    Probe p;
    uint32_t val;

    probe_init(&p, &byte_ops, "p", 0x10);
    memory_region_add(f->root, 0, &p.mr, 0);
    val = ldl_phys(f->as, 4);
    g_assert_cmphex(val, ==, 0x07060504);
    g_assert_cmpuint(p.n, ==, 4);
    g_assert_cmpuint(p.addr[3], ==, 7);
    g_assert_cmpuint(p.size[3], ==, 1);
    p.n = 0;
    stw_phys(f->as, 2, 0xbbaa);
    g_assert_cmpuint(p.n, ==, 2);
    g_assert_cmphex(p.last_write, ==, 0xbb);
}

static void test_narrow_access_is_widened_to_its_lanes(Fixture *f, gconstpointer data)
{
    Probe p;

    probe_init(&p, &dword_ops, "p", 0x10);
    memory_region_add(f->root, 0, &p.mr, 0);
    g_assert_cmphex(ldub_phys(f->as, 6), ==, 6);
    g_assert_cmpuint(p.addr[0], ==, 4);
    g_assert_cmpuint(p.size[0], ==, 4);
    stw_phys(f->as, 6, 0x1234);
    g_assert_cmpuint(p.addr[1], ==, 4);
    g_assert_cmphex(p.last_write, ==, 0x12340000);
    g_assert_cmphex(ldq_phys(f->as, 8), ==, 0x0f0e0d0c0b0a0908);
}

static void test_refused_width_reads_ones_and_writes_nothing(Fixture *f, gconstpointer data)
{
    Probe p;

    probe_init(&p, &strict_ops, "p", 0x10);
    memory_region_add(f->root, 0, &p.mr, 0);
    g_assert_cmphex(ldub_phys(f->as, 0), ==, 0xff);
    g_assert_cmphex(ldl_phys(f->as, 0), ==, 0xffffffff);
    stb_phys(f->as, 0, 1);
    g_assert_cmpuint(p.n, ==, 0);
    g_assert_cmphex(lduw_phys(f->as, 0), ==, 0x0100);
}

static void test_holes_read_zero_and_say_so(Fixture *f, gconstpointer data)
{
    uint8_t buf[16];

    memset(buf, 0xaa, sizeof(buf));
    g_assert_cmpint(address_space_read(f->as, 0x1000, buf, sizeof(buf)), ==, MEMTX_UNASSIGNED);
    g_assert_cmphex(buf[0] | buf[15], ==, 0);
    g_assert_cmpint(address_space_write(f->as, 0x1000, buf, sizeof(buf)), ==, MEMTX_UNASSIGNED);
    g_assert_cmphex(ldl_phys(f->as, 0x1000), ==, 0);
}

typedef struct Ouroboros {
    MemoryRegion mr;
    AddressSpace *as;
    unsigned calls;
} Ouroboros;

static void ouroboros_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    Ouroboros *o = opaque;

    o->calls++;
    stl_phys(o->as, 0, val + 1);
}

static void test_dma_into_ones_own_registers_ends(Fixture *f, gconstpointer data)
{
    static const MemoryRegionOps ops = { .write = ouroboros_write, .size = { .min = 1, .max = 4 } };
    Ouroboros o = { .as = f->as };

    memory_region_init_io(&o.mr, NULL, &ops, &o, "ouroboros", 4);
    keep_name(&o.mr);
    memory_region_add(f->root, 0, &o.mr, 0);
    stl_phys(f->as, 0, 1);
    g_assert_cmpuint(o.calls, ==, 1);
    stl_phys(f->as, 0, 1);
    g_assert_cmpuint(o.calls, ==, 2);
    memory_region_del(&o.mr);
}

static void test_ports_belong_to_who_has_the_first_byte(void)
{
    Probe wide, inner;

    probe_init(&wide, &any_ops, "wide", 4);
    probe_init(&inner, &any_ops, "inner", 1);
    memory_region_add(get_system_io(), 0xcf8, &wide.mr, 0);
    memory_region_add(get_system_io(), 0xcf9, &inner.mr, 1);
    g_assert_cmphex(port_in(0xcf8, 4), ==, 0x03020100);
    g_assert_cmpuint(inner.n, ==, 0);
    g_assert_cmphex(port_in(0xcf9, 1), ==, 0);
    g_assert_cmpuint(inner.n, ==, 1);
    g_assert_cmphex(port_in(0xcfb, 2), ==, 0xff03);         /* the second byte is nobody's */
    g_assert_cmphex(port_in(0x1234, 4), ==, 0xffffffff);
    port_out(0x1234, 0, 4);
    port_out(0xffff, 0, 4);                                 /* wraps, harmless */
    memory_region_del(&wide.mr);
    memory_region_del(&inner.mr);
}

/* ---- RAM -------------------------------------------------------------------------------------------------------- */

static void test_rom_drops_writes_except_the_loaders(Fixture *f, gconstpointer data)
{
    MemoryRegion rom;

    g_assert_true(memory_region_init_rom(&rom, NULL, "rom", 0x1000, NULL));
    memory_region_add(f->root, 0, &rom, 0);
    stl_phys(f->as, 0, 0x12345678);
    g_assert_cmphex(ldl_phys(f->as, 0), ==, 0);
    address_space_write_rom(f->as, 0, "\x78\x56\x34\x12", 4);
    g_assert_cmphex(ldl_phys(f->as, 0), ==, 0x12345678);
    g_assert_true(address_space_resolve(f->as, 0).readonly);
    memory_region_set_readonly(&rom, false);
    stl_phys(f->as, 0, 1);
    g_assert_cmphex(ldl_phys(f->as, 0), ==, 1);
    memory_region_del(&rom);
    memory_region_destroy(&rom);
}

static void test_bulk_write_crosses_ram_hole_and_device(Fixture *f, gconstpointer data)
{
    MemoryRegion ram;
    uint8_t buf[0x30], back[0x30];
    Probe p;

    g_assert_true(memory_region_init_ram(&ram, NULL, "ram", 0x1000, NULL));
    probe_init(&p, &any_ops, "p", 0x10);
    memory_region_add(f->root, 0, &ram, 0);
    memory_region_add(f->root, 0x1010, &p.mr, 0);
    memset(buf, 0x5a, sizeof(buf));
    g_assert_cmpint(address_space_write(f->as, 0xff0, buf, sizeof(buf)), ==, MEMTX_UNASSIGNED);
    g_assert_cmpuint(p.n, ==, 4);
    g_assert_cmpuint(p.size[0], ==, 4);
    p.n = 0;
    address_space_read(f->as, 0xff0, back, sizeof(back));
    g_assert_cmphex(back[0], ==, 0x5a);
    g_assert_cmphex(back[0x10], ==, 0);
    g_assert_cmphex(back[0x2f], ==, 0x0f);
    memory_region_del(&ram);
    memory_region_destroy(&ram);
}

static void test_writes_mark_pages_dirty(Fixture *f, gconstpointer data)
{
    MemoryRegion ram;
    ram_addr_t base;

    g_assert_true(memory_region_init_ram(&ram, NULL, "ram", 0x200000, NULL));
    base = memory_region_ram_addr(&ram);
    memory_region_add(f->root, 0, &ram, 0);
    g_assert_true(ram_dirty_get_all(base));
    g_assert_true(ram_dirty_test_and_clear(base, 0x200000, DIRTY_VGA));
    g_assert_false(ram_dirty_test_and_clear(base, 0x200000, DIRTY_VGA));
    g_assert_true(ram_dirty_get(base, DIRTY_MIGRATION));
    address_space_write(f->as, 0x40ffe, "abcd", 4);         /* the last page of one bitmap word and the next */
    g_assert_true(ram_dirty_get(base + 0x40000, DIRTY_VGA));
    g_assert_true(ram_dirty_get(base + 0x41000, DIRTY_VGA));
    g_assert_false(ram_dirty_get(base + 0x3f000, DIRTY_VGA));
    g_assert_false(ram_dirty_get(base + 0x42000, DIRTY_VGA));
    g_assert_false(ram_dirty_test_and_clear(base + 0x42000, 0x1000, DIRTY_VGA));
    g_assert_true(ram_dirty_test_and_clear(base + 0x41000, 1, DIRTY_VGA));
    memory_region_del(&ram);
    memory_region_destroy(&ram);
}

static ram_addr_t slow_start;
static uint64_t slow_len;

static void note_slow(ram_addr_t start, uint64_t len)
{
    slow_start = start;
    slow_len = len;
}

static void test_writes_to_code_pages_reach_the_translator(Fixture *f, gconstpointer data)
{
    MemoryRegion ram;
    ram_addr_t base;
    unsigned before;

    ram_dirty_set_listener(note_slow);
    g_assert_true(memory_region_init_ram(&ram, NULL, "ram", 0x10000, NULL));
    base = memory_region_ram_addr(&ram);
    memory_region_add(f->root, 0, &ram, 0);
    g_assert_false(ram_page_has_code(base + 0x3000));
    ram_code_protect(base + 0x3000);
    g_assert_true(ram_page_has_code(base + 0x3fff));
    g_assert_cmphex(slow_start, ==, base + 0x3000);
    g_assert_cmphex(slow_len, ==, 0x1000);
    before = n_invalidated;
    stl_phys(f->as, 0x2ffc, 0);
    g_assert_cmpuint(n_invalidated, ==, before);
    stl_phys(f->as, 0x2ffe, 0);
    g_assert_cmpuint(n_invalidated, ==, before + 1);
    g_assert_cmphex(invalidated_start, ==, base + 0x2ffe);
    g_assert_cmphex(invalidated_end, ==, base + 0x3002);
    ram_code_unprotect(base + 0x3000);
    stl_phys(f->as, 0x3000, 0);
    g_assert_cmpuint(n_invalidated, ==, before + 1);
    ram_dirty_set_listener(NULL);
    memory_region_del(&ram);
    memory_region_destroy(&ram);
}

static void test_ram_addresses_find_their_block(void)
{
    RamBlock *a = ram_block_new("a", 5000, NULL), *b = ram_block_new("b", 0x1000, NULL);

    g_assert_cmphex(a->size, ==, 0x2000);
    g_assert_true(ram_block_from_addr(a->offset + 0x1fff) == a);
    g_assert_null(ram_block_from_addr(a->offset + 0x2000));
    g_assert_true(ram_ptr(b->offset + 5) == b->host + 5);
    g_assert_null(ram_ptr(b->offset - 1));
    ram_block_free(a);
    ram_block_free(b);
}

static void test_freed_ram_is_empty_stays_mapped_and_is_used_again(void)
{
    RamBlock *a = ram_block_new("a", 0x2000, NULL), *b = ram_block_new("b", 0x3000, NULL), *c;
    uint8_t *late = a->host;

    late[5] = 1;
    ram_block_free(a);
    g_assert_cmpint(late[5], ==, 0);
    RAM_BLOCK_FOREACH (rb) {
        g_assert_true(rb != a && rb->name);
    }
    late[5] = 2;                                    /* as a transfer that was under way */
    c = ram_block_new("c", 0x2000, NULL);
    g_assert_true(c == a);
    g_assert_cmpstr(c->name, ==, "c");
    g_assert_cmpint(c->host[5], ==, 0);
    ram_block_free(b);
    ram_block_free(c);
}

static void test_absurd_ram_size_is_an_error(void)
{
    Error *err = NULL;

    g_assert_null(ram_block_new("huge", 1ull << 62, &err));
    g_assert_nonnull(err);
    error_free(err);
    err = NULL;
    g_assert_null(ram_block_new("none", 0, &err));
    g_assert_nonnull(err);
    error_free(err);
}

static void test_trees_print(void)
{
    g_autoptr(GString) out = g_string_new(NULL);
    Probe p;

    probe_init(&p, &any_ops, "printed", 0x10);
    memory_region_add(get_system_io(), 0x60, &p.mr, 0);
    memory_print_tree(out, false);
    g_assert_nonnull(strstr(out->str, "address-space: I/O\n  0000000000000000-000000000000ffff (prio 0, i/o): io\n"
                                      "    0000000000000060-000000000000006f (prio 0, i/o): printed\n"));
    g_string_truncate(out, 0);
    memory_print_tree(out, true);
    g_assert_nonnull(strstr(out->str, " AS \"I/O\", root: io\n Root memory region: io\n"
                                      "  0000000000000060-000000000000006f (prio 0, i/o): printed\n"));
    memory_region_del(&p.mr);
}

#define ADD(name, fn) g_test_add("/memory/" name, Fixture, NULL, setup, fn, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    big_lock();
    memory_init();
    memory_listener_add(count_commit, NULL);
    ADD("empty_space_is_one_hole", test_empty_space_is_one_hole);
    ADD("higher_priority_hides_lower", test_higher_priority_hides_lower);
    ADD("later_wins_among_equals", test_later_wins_among_equals);
    ADD("container_clips_its_children", test_container_clips_its_children);
    ADD("alias_shows_a_part_elsewhere", test_alias_shows_a_part_elsewhere);
    ADD("last_byte_of_the_space_is_usable", test_last_byte_of_the_space_is_usable);
    ADD("touching_pieces_of_a_region_join", test_touching_pieces_of_a_region_join);
    ADD("random_trees_equal_a_plain_search", test_random_trees_equal_a_plain_search);
    ADD("changes_take_effect_at_outermost_commit", test_changes_take_effect_at_outermost_commit);
    ADD("listener_hears_only_real_changes", test_listener_hears_only_real_changes);
    ADD("readers_survive_changes_under_them", test_readers_survive_changes_under_them);
    ADD("wide_access_is_split_little_endian", test_wide_access_is_split_little_endian);
    ADD("narrow_access_is_widened_to_its_lanes", test_narrow_access_is_widened_to_its_lanes);
    ADD("refused_width_reads_ones_and_writes_nothing", test_refused_width_reads_ones_and_writes_nothing);
    ADD("holes_read_zero_and_say_so", test_holes_read_zero_and_say_so);
    ADD("dma_into_ones_own_registers_ends", test_dma_into_ones_own_registers_ends);
    g_test_add_func("/memory/ports_belong_to_who_has_the_first_byte", test_ports_belong_to_who_has_the_first_byte);
    ADD("rom_drops_writes_except_the_loaders", test_rom_drops_writes_except_the_loaders);
    ADD("bulk_write_crosses_ram_hole_and_device", test_bulk_write_crosses_ram_hole_and_device);
    ADD("writes_mark_pages_dirty", test_writes_mark_pages_dirty);
    ADD("writes_to_code_pages_reach_the_translator", test_writes_to_code_pages_reach_the_translator);
    g_test_add_func("/memory/ram_addresses_find_their_block", test_ram_addresses_find_their_block);
    g_test_add_func("/memory/freed_ram_is_empty_stays_mapped_and_is_used_again",
                    test_freed_ram_is_empty_stays_mapped_and_is_used_again);
    g_test_add_func("/memory/absurd_ram_size_is_an_error", test_absurd_ram_size_is_an_error);
    g_test_add_func("/memory/trees_print", test_trees_print);
    return g_test_run();
}
