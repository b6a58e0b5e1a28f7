/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Page-table walks: shapes, rights, reserved bits, accessed and dirty flags. SDM vol. 3A, "Paging", is the oracle. */
#include "qemu/osdep.h"
#include "guest-cpu.h"

#define P 1u
#define W 2u
#define U 4u
#define A 0x20u
#define D 0x40u
#define PS 0x80u
#define G 0x100u
#define NX (1ull << 63)
/* error code */
#define EP 1u
#define EW 2u
#define EU 4u
#define ER 8u
#define EI 16u

static MmuResult r;
static uint32_t err;

static bool walk(vaddr addr, MmuAccess access, int idx)
{
    err = 0xdead;
    return mmu_translate(env, addr, access, idx, false, &r, &err);
}

#define assert_fault(addr, access, idx, code) do {  \
    g_assert_false(walk(addr, access, idx));        \
    g_assert_cmphex(err, ==, code);                 \
} while (0)

static void setup32(void)
{
    guest_reset(NULL);
    env->cr0 |= CR0_PE | CR0_PG | CR0_WP;
    env->cr3 = 0x10000;
    env->cr4 = CR4_PSE | CR4_PGE;
    poke32(0x10000, 0x11000 | P | W | U);
    poke32(0x10004, 0x00c00000 | P | W | U | PS | G);
}

static void test_without_paging_linear_is_physical_through_a20(void)
{
    guest_reset(NULL);
    g_assert_true(walk(0x123456, MMU_STORE, MMU_KERNEL));
    g_assert_cmphex(r.phys, ==, 0x123000);
    env->a20_mask = ~(1ull << 20);
    g_assert_true(walk(0x123456, MMU_STORE, MMU_KERNEL));
    g_assert_cmphex(r.phys, ==, 0x23000);
}

static void test_two_levels_set_accessed_and_dirty_when_needed(void)
{
    setup32();
    poke32(0x11008, 0x5000 | P | W | U);
    g_assert_true(walk(0x2345, MMU_LOAD, MMU_KERNEL));
    g_assert_cmphex(r.phys, ==, 0x5000);
    g_assert_cmphex(r.prot, ==, PROT_R | PROT_X);     /* clean: a write must come back */
    g_assert_cmphex(peek32(0x11008), ==, 0x5000 | P | W | U | A);
    g_assert_cmphex(peek32(0x10000), ==, 0x11000 | P | W | U | A);
    g_assert_true(walk(0x2345, MMU_STORE, MMU_KERNEL));
    g_assert_cmphex(r.prot, ==, PROT_R | PROT_W | PROT_X);
    g_assert_cmphex(peek32(0x11008), ==, 0x5000 | P | W | U | A | D);
}

static void test_probe_changes_nothing(void)
{
    setup32();
    poke32(0x11008, 0x5000 | P | W | U);
    g_assert_true(mmu_translate(env, 0x2000, MMU_STORE, MMU_KERNEL, true, &r, &err));
    g_assert_cmphex(peek32(0x11008), ==, 0x5000 | P | W | U);
    g_assert_cmphex(mmu_debug_translate(env, 0x2345), ==, 0x5345);
    g_assert_cmphex(mmu_debug_translate(env, 0x3345), ==, (hwaddr)-1);
}

static void test_rights_of_levels_are_combined(void)
{
    setup32();
    poke32(0x11000, 0x5000 | P | W);            /* supervisor */
    poke32(0x11004, 0x6000 | P | U);            /* read only */
    assert_fault(0x0, MMU_LOAD, MMU_USER, EP | EU);
    assert_fault(0x1000, MMU_STORE, MMU_USER, EP | EU | EW);
    assert_fault(0x1000, MMU_STORE, MMU_KERNEL, EP | EW);
    assert_fault(0x2000, MMU_LOAD, MMU_USER, EU);
    g_assert_cmphex(peek32(0x11004) & D, ==, 0);
    env->cr0 &= ~(uint64_t)CR0_WP;
    g_assert_true(walk(0x1000, MMU_STORE, MMU_KERNEL));
    poke32(0x10000, 0x11000 | P | W);           /* the directory takes U from both */
    assert_fault(0x1000, MMU_LOAD, MMU_USER, EP | EU);
}

static void test_large_page_of_4m(void)
{
    setup32();
    g_assert_true(walk(0x400000 + 0x123456, MMU_STORE, MMU_USER));
    g_assert_cmphex(r.phys, ==, 0xd23000);
    g_assert_cmphex(r.page_size, ==, 4 * MiB);
    g_assert_true(r.global);
    g_assert_cmphex(peek32(0x10004) & (A | D), ==, A | D);
    poke32(0x10004, 0x00c00000 | P | W | PS | 1u << 13);        /* PSE-36: physical bit 32 */
    g_assert_true(walk(0x400000, MMU_LOAD, MMU_KERNEL));
    g_assert_cmphex(r.phys, ==, 0x100c00000ull);
    poke32(0x10004, 0x00c00000 | P | W | PS | 1u << 21);
    assert_fault(0x400000, MMU_LOAD, MMU_KERNEL, EP | ER);
    env->cr4 = 0;                                               /* without PSE it is a table */
    poke32(0x10004, 0x00011000 | P | W | PS);
    poke32(0x11000, 0x7000 | P);
    g_assert_true(walk(0x400000, MMU_LOAD, MMU_KERNEL));
    g_assert_cmphex(r.phys, ==, 0x7000);
}

static void setup_long(void)
{
    guest_reset(NULL);
    guest_long();
    env->cr0 |= CR0_WP;
    poke64(0x12000, 0x13000 | P | W | U);       /* first 2 MiB by 4 KiB pages */
}

static void test_four_levels_and_nx(void)
{
    setup_long();
    poke64(0x13008, 0x5000 | P | W | U | NX);
    g_assert_true(walk(0x1000, MMU_LOAD, MMU_USER));
    g_assert_cmphex(r.prot, ==, PROT_R);
    assert_fault(0x1000, MMU_FETCH, MMU_USER, EP | EU | EI);
    g_assert_true(walk(0x200000 + 0x5678, MMU_FETCH, MMU_USER));
    g_assert_cmphex(r.phys, ==, 0x205000);
    g_assert_cmphex(r.page_size, ==, 2 * MiB);
    poke64(0x10000, 0x11000 | P | W | U | NX);  /* NX of any level counts */
    assert_fault(0x200000, MMU_FETCH, MMU_KERNEL, EP | EI);
    env->efer &= ~(uint64_t)EFER_NXE;           /* and is reserved without NXE */
    assert_fault(0x200000, MMU_LOAD, MMU_KERNEL, EP | ER);
}

static void test_reserved_bits_fault(void)
{
    setup_long();
    poke64(0x13008, 1ull << 45 | 0x5000 | P | W | U);
    assert_fault(0x1000, MMU_STORE, MMU_KERNEL, EP | ER | EW);
    poke64(0x12008, 0x202000 | P | W | U | PS); /* address bit within the large page */
    assert_fault(0x200000, MMU_LOAD, MMU_USER, EP | ER | EU);
    poke64(0x10000, 0x11000 | P | W | U | PS);
    assert_fault(0x400000, MMU_LOAD, MMU_KERNEL, EP | ER);
    poke64(0x13010, 1ull << 52 | 0x5000 | P);   /* ignored in 4-level paging */
    poke64(0x10000, 0x11000 | P | W | U);
    g_assert_true(walk(0x2000, MMU_LOAD, MMU_KERNEL));
}

static void test_gigabyte_page(void)
{
    setup_long();
    poke64(0x11008, 0x0 | P | W | U | PS);
    g_assert_true(walk(0x40000000 + 0x812345, MMU_LOAD, MMU_USER));
    g_assert_cmphex(r.phys, ==, 0x812000);
    g_assert_cmphex(r.page_size, ==, GiB);
}

static void test_smep_and_smap(void)
{
    setup_long();
    poke64(0x13008, 0x5000 | P | W | U);
    poke64(0x13010, 0x6000 | P | W);
    env->cr4 |= CR4_SMEP | CR4_SMAP;
    assert_fault(0x1000, MMU_FETCH, MMU_KERNEL, EP | EI);
    assert_fault(0x1000, MMU_LOAD, MMU_KSMAP, EP);
    assert_fault(0x1000, MMU_STORE, MMU_KSMAP, EP | EW);
    g_assert_true(walk(0x1000, MMU_LOAD, MMU_KERNEL));      /* AC set */
    g_assert_true(walk(0x2000, MMU_FETCH, MMU_KSMAP));
}

static void test_non_canonical_is_general_protection(void)
{
    setup_long();
    assert_fault(0x0000800000000000ull, MMU_LOAD, MMU_KERNEL, 0);
    assert_faults(cpu_ld(env, 0x0000800000000000ull, 4, MMU_KERNEL), EXC_GP, 0);
    assert_faults(cpu_ld(env, 0x0000700000000000ull, 4, MMU_KERNEL), EXC_PF, 0);
    g_assert_cmphex(env->cr2, ==, 0x0000700000000000ull);
}

static void test_pae_pointers_are_cached(void)
{
    guest_reset(NULL);
    guest_protected();
    poke64(0x14000, 0x12000 | P);
    poke64(0x12000, 0x200000 | P | W | PS);
    assert_works(cpu_write_cr4(env, CR4_PAE));
    assert_works(cpu_write_cr3(env, 0x14000));
    assert_works(cpu_write_cr0(env, env->cr0 | CR0_PG));
    poke64(0x14000, 0);                         /* seen at the next load of CR3 only */
    g_assert_true(walk(0x1000, MMU_LOAD, MMU_KERNEL));
    g_assert_cmphex(r.phys, ==, 0x201000);
    poke64(0x12000, 0x200000 | P | W | PS | 1ull << 55);
    assert_fault(0x1000, MMU_LOAD, MMU_KERNEL, EP | ER);    /* bits 62:52 are reserved in PAE */
    assert_works(cpu_write_cr3(env, 0x14000));
    assert_fault(0x1000, MMU_LOAD, MMU_KERNEL, 0);
    poke64(0x14000, 0x12000 | P | W);           /* W is reserved in a pointer */
    assert_faults(cpu_write_cr3(env, 0x14000), EXC_GP, 0);
}

static void test_write_to_read_only_tlb_entry_walks_again(void)
{
    setup32();
    poke32(0x11008, 0x5000 | P | W | U);
    assert_works(cpu_ld(env, 0x2000, 4, MMU_KERNEL));
    assert_works(cpu_st(env, 0x2000, 0x11223344, 4, MMU_KERNEL));
    g_assert_cmphex(peek32(0x5000), ==, 0x11223344);
    g_assert_cmphex(peek32(0x11008) & D, ==, D);
}

static void test_walk_speed(void)
{
    enum { N = 1000000 };
    gint64 start;

    setup_long();
    poke64(0x13008, 0x5000 | P | W | U | A | D);
    start = g_get_monotonic_time();
    for (unsigned i = 0; i < N; i++) {
        g_assert_true(walk(0x1000, MMU_LOAD, MMU_KERNEL));
    }
    g_test_message("4-level walk: %.1f ns", (g_get_monotonic_time() - start) * 1000.0 / N);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    guest_init();
    g_test_add_func("/mmu/off", test_without_paging_linear_is_physical_through_a20);
    g_test_add_func("/mmu/two-levels", test_two_levels_set_accessed_and_dirty_when_needed);
    g_test_add_func("/mmu/probe", test_probe_changes_nothing);
    g_test_add_func("/mmu/rights", test_rights_of_levels_are_combined);
    g_test_add_func("/mmu/4m", test_large_page_of_4m);
    g_test_add_func("/mmu/four-levels", test_four_levels_and_nx);
    g_test_add_func("/mmu/reserved", test_reserved_bits_fault);
    g_test_add_func("/mmu/1g", test_gigabyte_page);
    g_test_add_func("/mmu/smep-smap", test_smep_and_smap);
    g_test_add_func("/mmu/non-canonical", test_non_canonical_is_general_protection);
    g_test_add_func("/mmu/pae", test_pae_pointers_are_cached);
    g_test_add_func("/mmu/rewalk", test_write_to_read_only_tlb_entry_walks_again);
    g_test_add_func("/mmu/speed", test_walk_speed);
    return g_test_run();
}
