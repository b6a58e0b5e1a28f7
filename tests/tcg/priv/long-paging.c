/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Long mode: page tables, rights, reserved bits, accessed and dirty, invalidation, PCID, protection keys. SDM vol.
 * 3A, "Paging".
 */
#include "arch64.h"

/* Page-fault error codes. */
#define F_P 1u
#define F_W 2u
#define F_U 4u
#define F_RSVD 8u
#define F_I 16u
#define F_PK 32u

#define RW (PTE_P | PTE_W)
#define URW (RW | PTE_U)

static volatile uint64_t *pte(unsigned n)
{
    return &((volatile uint64_t *)test_pt)[n];
}

static void call(volatile uint8_t *p)
{
    ((void (*)(void))(uintptr_t)p)();
}

static volatile uint8_t *page_with_ret(uint64_t bits)
{
    test_memory[0][0] = 0xc3;
    return page_map(0, PHYS(test_memory[0]), bits);
}

/* A user program that loads, stores or jumps: address in RAX as the code has it. */
static int user_access(volatile uint8_t *p, unsigned kind)
{
    static uint8_t code[3][16] = {
        { 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0x8a, 0x00, 0xcd, 0x80 },        /* MOV RAX, imm64; MOV AL, [RAX] */
        { 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0x88, 0x00, 0xcd, 0x80 },        /* MOV [RAX], AL */
        { 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xe0 },                    /* JMP RAX */
    };
    uint64_t a = (uint64_t)(uintptr_t)p;

    memcpy(code[kind] + 2, &a, 8);
    return run_user(code[kind], 0);
}
enum { LOAD, STORE, JUMP };

/* ---- rights ---- */

TEST(a_page_that_is_not_present_faults_with_its_address)
{
    pages_reset();
    volatile uint8_t *p = page_map(3, 0, 0);

    CHECK_FAULT(PF, 0, p[5]);
    CHECK_EQ(trap.cr2, (Word)(uintptr_t)p + 5);
    CHECK_FAULT(PF, F_W, p[6] = 1);
    CHECK_EQ(trap.cr2, (Word)(uintptr_t)p + 6);
    CHECK_FAULT(PF, F_I, call(p + 7));
    CHECK_EQ(trap.f.ip, (Word)(uintptr_t)p + 7);
    CHECK_EQ(user_access(p, LOAD), PF);
    CHECK_EQ(trap.f.error, F_U);
    test_pd[0] = 0;
    invlpg((void *)p);
    CHECK_FAULT(PF, 0, p[5]);
}

TEST(pages_that_become_present_need_no_invalidation)
{
    pages_reset();
    volatile uint8_t *p = page_map(3, 0, 0);

    CHECK_FAULT(PF, 0, p[5]);
    *pte(3) = PHYS(test_memory[1]) | RW;
    CHECK_FINE(p[5]);
}

TEST(read_only_pages_stop_the_supervisor_when_wp_is_set)
{
    pages_reset();
    volatile uint8_t *p = page_map(0, PHYS(test_memory[0]), PTE_P);

    CHECK_FINE(p[0]);
    CHECK_FAULT(PF, F_P | F_W, p[0] = 1);
    write_cr0(read_cr0() & ~(1ull << 16));
    CHECK_FINE(p[0] = 2);
    write_cr0(read_cr0() | 1ull << 16);
    CHECK_EQ(test_memory[0][0], 2);
    CHECK_FAULT(PF, F_P | F_W, p[0] = 1);
    test_pd[0] = PHYS(test_pt) | PTE_P;                  /* the directory's right counts too */
    page_map(0, PHYS(test_memory[0]), RW);
    CHECK_FAULT(PF, F_P | F_W, p[0] = 1);
}

TEST(user_code_needs_the_user_bit_at_every_level)
{
    pages_reset();
    volatile uint8_t *p = page_map(0, PHYS(test_memory[0]), URW);

    CHECK_EQ(user_access(p, STORE), 0x80);
    page_map(0, PHYS(test_memory[0]), RW);
    CHECK_EQ(user_access(p, LOAD), PF);
    CHECK_EQ(trap.f.error, F_P | F_U);
    CHECK_EQ(user_access(p, STORE), PF);
    CHECK_EQ(trap.f.error, F_P | F_U | F_W);
    CHECK_EQ(user_access(p, JUMP), PF);
    CHECK_EQ(trap.f.error, F_P | F_U | F_I);
    page_map(0, PHYS(test_memory[0]), PTE_P | PTE_U);
    CHECK_EQ(user_access(p, LOAD), 0x80);
    CHECK_EQ(user_access(p, STORE), PF);
    CHECK_EQ(trap.f.error, F_P | F_U | F_W);
    test_pd[0] &= ~PTE_U;
    flush_tlb();
    CHECK_EQ(user_access(p, LOAD), PF);
    CHECK_EQ(trap.f.error, F_P | F_U);
}

TEST(no_execute_pages_do_not_run)
{
    pages_reset();
    volatile uint8_t *p = page_with_ret(URW | PTE_NX);

    CHECK_FINE(p[0]);
    CHECK_FAULT(PF, F_P | F_I, call(p));
    CHECK_EQ(trap.cr2, (Word)(uintptr_t)p);
    CHECK_EQ(user_access(p, JUMP), PF);
    CHECK_EQ(trap.f.error, F_P | F_U | F_I);
    page_with_ret(URW);
    CHECK_FINE(call(p));
    test_pd[0] |= PTE_NX;
    flush_tlb();
    CHECK_FAULT(PF, F_P | F_I, call(p));
}

TEST(smep_keeps_the_supervisor_off_user_code)
{
    if (!cpu_has(7, 1, 7)) {
        skip("no SMEP");
        return;
    }
    pages_reset();
    volatile uint8_t *p = page_with_ret(URW);

    CHECK_FINE(call(p));
    write_cr4(read_cr4() | 1 << 20);
    CHECK_FAULT(PF, F_P | F_I, call(p));
    CHECK_FINE(p[0]);
    page_with_ret(RW);
    CHECK_FINE(call(p));
    write_cr4(read_cr4() & ~(1ull << 20));
}

TEST(smap_keeps_the_supervisor_off_user_data_unless_ac_is_set)
{
    if (!cpu_has(7, 1, 20)) {
        skip("no SMAP");
        return;
    }
    pages_reset();
    volatile uint8_t *p = page_with_ret(URW);

    write_cr4(read_cr4() | 1 << 21);
    CHECK_FAULT(PF, F_P, p[0]);
    CHECK_FAULT(PF, F_P | F_W, p[0] = 0xc3);
    CHECK_FINE(call(p));                                /* code is SMEP's matter */
    CHECK_FINE(__asm__ volatile("stac"); p[0]; __asm__ volatile("clac"));
    CHECK_FAULT(PF, F_P, __asm__ volatile("stac; clac"); p[0]);
    CHECK_EQ(user_access(p, LOAD), 0x80);
    CHECK_FAULT(PF, F_P | F_W, __asm__ volatile("rep stosb" : : "D"(p), "c"(4), "a"(0) : "memory"));
    write_cr4(read_cr4() & ~(1ull << 21));
    CHECK_FINE(p[0]);
}

TEST(smap_ignores_ac_for_descriptor_tables)
{
    unsigned sel;

    if (!cpu_has(7, 1, 20)) {
        skip("no SMAP");
        return;
    }
    pages_reset();
    memcpy(test_memory[0], gdt_table, sizeof(gdt_table));
    sel = gdt_set_system(0, (uint64_t)(uintptr_t)page_map(0, PHYS(test_memory[0]), URW), sizeof(gdt_table) - 1, 0x82);
    __asm__ volatile("lldt %w0" : : "r"(sel));
    CHECK_FINE(__asm__ volatile("mov %w0, %%ds" : : "r"(DATA | 4)));
    write_cr4(read_cr4() | 1 << 21);
    CHECK_FAULT(PF, F_P, __asm__ volatile("stac; mov %w0, %%ds" : : "r"(DATA | 4)));
    write_cr4(read_cr4() & ~(1ull << 21));
    __asm__ volatile("lldt %w0" : : "r"(0));
}

/* ---- reserved bits ---- */

TEST(address_bits_beyond_the_physical_width_are_reserved)
{
    pages_reset();
    volatile uint8_t *p = page_map(0, PHYS(test_memory[0]), RW | 1ull << 51);

    if (phys_bits() > 51) {
        skip("all address bits exist");
        return;
    }
    CHECK_FAULT(PF, F_P | F_RSVD, p[0]);
    CHECK_FAULT(PF, F_P | F_RSVD | F_W, p[0] = 1);
    page_map(0, PHYS(test_memory[0]), RW | 1ull << phys_bits());
    CHECK_FAULT(PF, F_P | F_RSVD, p[0]);
    page_map(0, PHYS(test_memory[0]), RW);
    CHECK_FINE(p[0]);
    test_pd[0] |= 1ull << phys_bits();
    flush_tlb();
    CHECK_FAULT(PF, F_P | F_RSVD, p[0]);
    CHECK_EQ(user_access(p, LOAD), PF);
    CHECK_EQ(trap.f.error, F_P | F_RSVD | F_U);
}

TEST(ignored_bits_are_ignored)
{
    pages_reset();
    volatile uint8_t *p = page_map(0, PHYS(test_memory[0]), RW | 0xe00 | 0x7f0ull << 52);

    CHECK_FINE(p[0]);
}

TEST(the_execute_disable_bit_is_reserved_without_nxe)
{
    pages_reset();
    volatile uint8_t *p = page_map(0, PHYS(test_memory[0]), RW | PTE_NX);
    uint64_t efer = read_msr(0xc0000080);

    CHECK_FINE(p[0]);
    write_msr(0xc0000080, efer & ~(1ull << 11));
    CHECK_FAULT(PF, F_P | F_RSVD, p[0]);
    page_map(1, 0, 0);
    CHECK_FAULT(PF, 0, call((uint8_t *)TEST_VA + 4096));         /* no I in the error code either */
    write_msr(0xc0000080, efer);
}

TEST(large_pages_reserve_their_low_address_bits)
{
    volatile uint8_t *p = (uint8_t *)TEST_VA + 0x200000;

    pages_reset();
    test_pd[1] = 0x200000 | RW | PTE_PS;
    flush_tlb();
    CHECK_FINE(p[0]);
    test_pd[1] = 0x200000 | RW | PTE_PS | 1 << 12;              /* PAT */
    flush_tlb();
    CHECK_FINE(p[0]);
    test_pd[1] = 0x200000 | RW | PTE_PS | 1 << 13;
    flush_tlb();
    CHECK_FAULT(PF, F_P | F_RSVD, p[0]);
}

TEST(the_top_level_has_no_large_pages)
{
    pages_reset();
    boot_pml4[1] = RW | PTE_PS;
    flush_tlb();
    CHECK_FAULT(PF, F_P | F_RSVD, *(volatile char *)(1ull << 39));
    boot_pml4[1] = 0;
}

TEST(pages_of_1_gib)
{
    static uint64_t pdpt[512] __attribute__((aligned(4096)));
    volatile uint64_t *p = (volatile uint64_t *)((1ull << 39) + PHYS(test_memory[2]));
    bool have = cpu_has(0x80000001, 3, 26);

    pages_reset();
    pdpt[0] = RW | PTE_PS;
    boot_pml4[1] = PHYS(pdpt) | RW;
    flush_tlb();
    if (have) {
        *(volatile uint64_t *)test_memory[2] = 0x1234;
        CHECK_FINE(CHECK_EQ(*p, 0x1234); *p = 0x4321);
        CHECK_EQ(*(volatile uint64_t *)test_memory[2], 0x4321);
        CHECK_EQ(pdpt[0] & (PTE_A | PTE_D), PTE_A | PTE_D);
        pdpt[0] |= 1 << 13;
        flush_tlb();
    }
    CHECK_FAULT(PF, F_P | F_RSVD, *p);
    boot_pml4[1] = 0;
}

/* ---- accessed and dirty ---- */

TEST(reads_set_accessed_and_writes_dirty)
{
    pages_reset();
    test_pd[0] &= ~PTE_A;
    flush_tlb();
    volatile uint8_t *p = page_map(0, PHYS(test_memory[0]), RW);

    p[0];
    CHECK_EQ(*pte(0) & (PTE_A | PTE_D), PTE_A);
    CHECK(test_pd[0] & PTE_A);
    p[0] = 1;
    CHECK_EQ(*pte(0) & (PTE_A | PTE_D), PTE_A | PTE_D);
    page_map(0, PHYS(test_memory[0]), RW);
    p[0] = 1;
    CHECK_EQ(*pte(0) & (PTE_A | PTE_D), PTE_A | PTE_D);
    page_with_ret(RW);
    call(p);
    CHECK_EQ(*pte(0) & (PTE_A | PTE_D), PTE_A);
}

TEST(a_faulting_write_leaves_the_page_clean)
{
    pages_reset();
    volatile uint8_t *p = page_map(0, PHYS(test_memory[0]), PTE_P);

    CHECK_FAULT(PF, F_P | F_W, p[0] = 1);
    CHECK_EQ(*pte(0) & PTE_D, 0);
}

TEST(a_compare_that_fails_writes_all_the_same)
{
    pages_reset();
    volatile uint8_t *p = page_map(0, PHYS(test_memory[0]), RW);

    __asm__ volatile("lock cmpxchg %1, %0" : "+m"(*(volatile uint32_t *)p) : "r"(1), "a"(99) : "cc");
    CHECK_EQ(*pte(0) & PTE_D, PTE_D);
    page_map(0, PHYS(test_memory[0]), PTE_P);
    CHECK_FAULT(PF, F_P | F_W,
                __asm__ volatile("cmpxchg %1, %0"
                                 : "+m"(*(volatile uint32_t *)p)
                                 : "r"(1), "a"(99)
                                 : "cc"));
}

TEST(an_access_across_pages_is_all_or_nothing)
{
    pages_reset();
    volatile uint8_t *p = page_map(0, PHYS(test_memory[0]), RW);

    page_map(1, 0, 0);
    CHECK_FAULT(PF, F_W, *(volatile uint64_t *)(p + 4092) = ~0ull);
    CHECK_EQ(trap.cr2, (Word)(uintptr_t)p + 4096);
    CHECK_EQ(*(volatile uint32_t *)(p + 4092), 0);
    CHECK_FAULT(PF, 0, *(volatile uint64_t *)(p + 4092));
    CHECK_EQ(trap.cr2, (Word)(uintptr_t)p + 4096);
    page_map(1, PHYS(test_memory[5]), RW);
    *(volatile uint64_t *)(p + 4092) = 0x1122334455667788ull;
    CHECK_EQ(*(volatile uint32_t *)(test_memory[0] + 4092), 0x55667788);
    CHECK_EQ(*(volatile uint32_t *)test_memory[5], 0x11223344);
    page_map(0, 0, 0);
    CHECK_FAULT(PF, F_W, *(volatile uint64_t *)(p + 4092) = 0);
    CHECK_EQ(trap.cr2, (Word)(uintptr_t)p + 4092);
    CHECK_EQ(*(volatile uint32_t *)test_memory[5], 0x11223344);
}

TEST(rep_movs_stops_exactly_where_it_faults)
{
    pages_reset();
    volatile uint8_t *p = page_map(0, PHYS(test_memory[0]), RW);

    page_map(1, 0, 0);
    CHECK_FAULT(PF, F_W,
                __asm__ volatile(MARK(rep_stos) "rep stosl"
                                 :
                                 : "D"(p + 4096 - 22), "c"(100), "a"(0x55555555)
                                 : "memory"));
    CHECK_EQ(trap.f.ip, ADDR(rep_stos));
    CHECK_EQ(trap.f.cx, 95);
    CHECK_EQ(trap.f.di, (Word)(uintptr_t)p + 4094);
    CHECK_EQ(trap.cr2, (Word)(uintptr_t)p + 4096);
    CHECK_EQ(p[4093], 0x55);
    CHECK_EQ(p[4094], 0);
    CHECK(trap.f.flags & EF_RF);
}

/* ---- invalidation ---- */

TEST(invlpg_makes_changes_of_a_mapping_seen)
{
    pages_reset();
    test_memory[1][0] = 1;
    test_memory[2][0] = 2;
    volatile uint8_t *p = page_map(0, PHYS(test_memory[1]), RW);

    CHECK_EQ(p[0], 1);
    page_map(0, PHYS(test_memory[2]), RW);
    CHECK_EQ(p[0], 2);
    page_map(0, PHYS(test_memory[1]), RW | PTE_G);
    write_cr4(read_cr4() | 1 << 7);
    CHECK_EQ(p[0], 1);
    page_map(0, PHYS(test_memory[2]), RW | PTE_G);      /* INVLPG drops global pages too */
    CHECK_EQ(p[0], 2);
    *pte(0) = PHYS(test_memory[1]) | RW | PTE_G;
    write_cr4(read_cr4() & ~(1ull << 7));
    CHECK_EQ(p[0], 1);
}

TEST(invlpg_drops_all_of_a_large_page)
{
    volatile uint8_t *p = (uint8_t *)TEST_VA + 0x200000;

    pages_reset();
    test_pd[1] = (PHYS(test_memory) & ~0x1fffffull) | RW | PTE_PS;
    flush_tlb();
    volatile uint8_t *a = p + (PHYS(test_memory[1]) & 0x1fffff), *b = p + (PHYS(test_memory[9]) & 0x1fffff);

    test_memory[1][0] = 1;
    test_memory[9][0] = 9;
    CHECK_EQ(a[0] + b[0], 10);
    test_pd[1] = 0;
    invlpg((void *)b);
    CHECK_FAULT(PF, 0, a[0]);
    CHECK_FAULT(PF, 0, b[0]);
}

TEST(a_write_to_cr3_drops_pages_that_are_not_global)
{
    pages_reset();
    test_memory[1][0] = 1;
    test_memory[2][0] = 2;
    volatile uint8_t *p = page_map(0, PHYS(test_memory[1]), RW);

    CHECK_EQ(p[0], 1);
    *pte(0) = PHYS(test_memory[2]) | RW;
    flush_tlb();
    CHECK_EQ(p[0], 2);
}

TEST(code_of_a_page_that_is_mapped_anew_is_the_new_code)
{
    static const uint8_t one[] = { 0xb8, 1, 0, 0, 0, 0xc3 }, two[] = { 0xb8, 2, 0, 0, 0, 0xc3 };

    pages_reset();
    memcpy(test_memory[1] + 16, one, 6);
    memcpy(test_memory[2] + 16, two, 6);
    volatile uint8_t *p = page_map(0, PHYS(test_memory[1]), RW);
    unsigned (*f)(void) = (unsigned (*)(void))(uintptr_t)(p + 16);

    CHECK_EQ(f(), 1);
    page_map(0, PHYS(test_memory[2]), RW);
    CHECK_EQ(f(), 2);
    *pte(0) = PHYS(test_memory[1]) | RW;
    flush_tlb();
    CHECK_EQ(f(), 1);
}

/* An instruction that begins in one page and ends in the next, whose mapping then changes. */
TEST(an_instruction_across_pages_follows_the_mapping_of_the_second)
{
    static const uint8_t begin[] = { 0xb8, 1, 0 }, end_a[] = { 0, 0, 0xc3 }, end_b[] = { 0, 0x10, 0xc3 };

    pages_reset();
    memcpy(test_memory[0] + 4093, begin, 3);
    memcpy(test_memory[1], end_a, 3);
    memcpy(test_memory[2], end_b, 3);
    volatile uint8_t *p = page_map(0, PHYS(test_memory[0]), RW);
    unsigned (*f)(void) = (unsigned (*)(void))(uintptr_t)(p + 4093);

    page_map(1, PHYS(test_memory[1]), RW);
    CHECK_EQ(f(), 1);
    CHECK_EQ(f(), 1);
    page_map(1, PHYS(test_memory[2]), RW);
    CHECK_EQ(f(), 0x10000001);
    page_map(1, 0, 0);
    CHECK_FAULT(PF, F_I, f());
    CHECK_EQ(trap.cr2, (Word)(uintptr_t)p + 4096);
    CHECK_EQ(trap.f.ip, (Word)(uintptr_t)p + 4093);
    page_map(1, PHYS(test_memory[1]), RW | PTE_NX);
    CHECK_FAULT(PF, F_I | F_P, f());
}

/* ---- PCID ---- */

static void invpcid(uint64_t type, uint64_t pcid, const void *p)
{
    struct { uint64_t pcid, address; } d = { pcid, (uint64_t)(uintptr_t)p };

    __asm__ volatile("invpcid %0, %1" : : "m"(d), "r"(type) : "memory");
}

static bool have_pcid(void)
{
    if (!cpu_has(1, 2, 17) || !cpu_has(7, 1, 10)) {
        skip("no PCID or INVPCID");
        return false;
    }
    return true;
}

TEST(pcide_has_conditions)
{
    if (!have_pcid()) {
        return;
    }
    write_cr3(read_cr3() | 8);                          /* PWT, but as a PCID it is 8 */
    CHECK_FAULT(GP, 0, write_cr4(read_cr4() | 1 << 17));
    write_cr3(read_cr3() & ~0xfffull);
    CHECK_FINE(write_cr4(read_cr4() | 1 << 17));
    CHECK_FAULT(GP, 0, write_cr0(read_cr0() & ~(1ull << 31)));
    write_cr4(read_cr4() & ~(1ull << 17));
    CHECK_FAULT(GP, 0, write_cr3(read_cr3() | 1ull << 63));
}

TEST(address_spaces_with_pcids_are_apart)
{
    static uint64_t other_pml4[512] __attribute__((aligned(4096))), other_pdpt[512] __attribute__((aligned(4096)));
    static uint64_t other_pd[512] __attribute__((aligned(4096))), other_pt[512] __attribute__((aligned(4096)));
    uint64_t a, b;

    if (!have_pcid()) {
        return;
    }
    pages_reset();
    test_memory[1][0] = 1;
    test_memory[2][0] = 2;
    test_memory[3][0] = 3;
    volatile uint8_t *p = page_map(0, PHYS(test_memory[1]), RW);

    memcpy(other_pml4, boot_pml4, 4096);
    memcpy(other_pdpt, boot_pdpt, 4096);
    other_pml4[0] = PHYS(other_pdpt) | URW;
    other_pdpt[1] = PHYS(other_pd) | URW;
    other_pd[0] = PHYS(other_pt) | URW;
    other_pt[0] = PHYS(test_memory[2]) | RW;
    write_cr4(read_cr4() | 1 << 17);
    a = read_cr3() | 1;
    b = PHYS(other_pml4) | 2;
    for (unsigned i = 0; i < 3; i++) {
        write_cr3(a | 1ull << 63);
        CHECK_EQ(read_cr3(), a);
        CHECK_EQ(p[0], 1);
        write_cr3(b | 1ull << 63);
        CHECK_EQ(p[0], 2);
    }
    /* a change in the other space, told by its PCID */
    ((volatile uint64_t *)other_pt)[0] = PHYS(test_memory[3]) | RW;
    write_cr3(a | 1ull << 63);
    invpcid(0, 2, (void *)p);
    write_cr3(b | 1ull << 63);
    CHECK_EQ(p[0], 3);
    ((volatile uint64_t *)other_pt)[0] = PHYS(test_memory[2]) | RW;
    write_cr3(a | 1ull << 63);
    invpcid(1, 2, NULL);
    write_cr3(b | 1ull << 63);
    CHECK_EQ(p[0], 2);
    ((volatile uint64_t *)other_pt)[0] = PHYS(test_memory[3]) | RW;
    write_cr3(a | 1ull << 63);
    invpcid(3, 0, NULL);
    write_cr3(b | 1ull << 63);
    CHECK_EQ(p[0], 3);
    ((volatile uint64_t *)other_pt)[0] = PHYS(test_memory[2]) | RW;
    write_cr3(a | 1ull << 63);
    invpcid(2, 0, NULL);
    write_cr3(b | 1ull << 63);
    CHECK_EQ(p[0], 2);
    ((volatile uint64_t *)other_pt)[0] = PHYS(test_memory[3]) | RW;
    write_cr3(a | 1ull << 63);
    write_cr3(b);                                       /* without bit 63: drops its own */
    CHECK_EQ(p[0], 3);
    invpcid(0, 1, (void *)p);
    write_cr3(read_cr3() & ~0xfffull);
    write_cr3(a & ~0xfffull);
    write_cr4(read_cr4() & ~(1ull << 17));
}

TEST(invpcid_checks_its_descriptor)
{
    if (!have_pcid()) {
        return;
    }
    CHECK_FAULT(GP, 0, invpcid(4, 0, NULL));
    CHECK_FAULT(GP, 0, invpcid(0, 0x1000, NULL));
    CHECK_FAULT(GP, 0, invpcid(0, 1, NULL));            /* PCIDE is off: only 0 exists */
    CHECK_FAULT(GP, 0, invpcid(0, 0, (void *)0x800000000000ull));
    CHECK_FINE(invpcid(2, 0, NULL));
}

/* ---- protection keys ---- */

static void write_pkru(uint32_t v)
{
    __asm__ volatile("wrpkru" : : "a"(v), "c"(0), "d"(0) : "memory");
}

TEST(protection_keys_guard_user_pages)
{
    uint32_t v;

    if (!cpu_has(7, 2, 3)) {
        skip("no protection keys");
        return;
    }
    pages_reset();
    CHECK_FAULT(UD, 0, write_pkru(0));
    write_cr4(read_cr4() | 1 << 22);
    volatile uint8_t *p = page_map(0, PHYS(test_memory[0]), URW | 5ull << 59);

    CHECK_FINE(write_pkru(0); p[0] = 0xc3);
    write_pkru(2u << 10);                               /* no writes with key 5 */
    __asm__ volatile("rdpkru" : "=a"(v) : "c"(0) : "rdx");
    CHECK_EQ(v, 2u << 10);
    CHECK_FINE(p[0]);
    CHECK_FAULT(PF, F_P | F_W | F_PK, p[0] = 1);
    CHECK_EQ(user_access(p, STORE), PF);
    CHECK_EQ(trap.f.error, F_P | F_W | F_U | F_PK);
    CHECK_EQ(user_access(p, LOAD), 0x80);
    write_cr0(read_cr0() & ~(1ull << 16));
    CHECK_FINE(p[0] = 0xc3);                            /* the supervisor's writes obey WP */
    write_cr0(read_cr0() | 1ull << 16);
    write_pkru(1u << 10);                               /* no data accesses */
    CHECK_FAULT(PF, F_P | F_PK, p[0]);
    CHECK_FINE(call(p));                                /* fetches are not data */
    CHECK_EQ(user_access(p, LOAD), PF);
    CHECK_EQ(trap.f.error, F_P | F_U | F_PK);
    page_map(0, PHYS(test_memory[0]), RW | 5ull << 59); /* a supervisor page has no key */
    CHECK_FINE(p[0]);
    write_pkru(0);
    CHECK_FAULT(GP, 0, __asm__ volatile("wrpkru" : : "a"(0), "c"(1), "d"(0)));
    CHECK_FAULT(GP, 0, __asm__ volatile("rdpkru" : : "c"(1) : "rax", "rdx"));
    write_cr4(read_cr4() & ~(1ull << 22));
}

/* ---- control registers ---- */

TEST(control_registers_refuse_impossible_values)
{
    uint64_t cr0 = read_cr0(), cr4 = read_cr4();

    CHECK_FAULT(GP, 0, write_cr0(cr0 & ~1ull));                 /* paging without protection */
    CHECK_FAULT(GP, 0, write_cr0(cr0 | 1ull << 29));            /* NW without CD */
    CHECK_FAULT(GP, 0, write_cr0(cr0 | 1ull << 32));
    CHECK_FAULT(GP, 0, write_cr0(cr0 & ~(1ull << 31)));         /* paging off in 64-bit mode */
    CHECK_FAULT(GP, 0, write_cr4(cr4 & ~(1ull << 5)));          /* PAE off in long mode */
    CHECK_FAULT(GP, 0, write_cr4(cr4 | 1ull << 31));
    CHECK_FAULT(GP, 0, write_cr3(read_cr3() | 1ull << phys_bits()));
    CHECK_FAULT(GP, 0, __asm__ volatile("mov %0, %%cr8" : : "r"(16ull)));
    CHECK_FAULT(UD, 0, __asm__ volatile("mov %0, %%cr1" : : "r"(0ull)));
    CHECK_FAULT(UD, 0, __asm__ volatile(".byte 0x0f, 0x20, 0xe8"));             /* CR5 */
    CHECK_FAULT(GP, 0, write_msr(0xc0000080, read_msr(0xc0000080) & ~(1ull << 8)));
    CHECK_FAULT(GP, 0, write_msr(0xc0000080, read_msr(0xc0000080) | 1ull << 9));
    CHECK_FAULT(GP, 0, write_msr(0x277, 2));                    /* PAT: a type that does not exist */
    CHECK_FAULT(GP, 0, write_msr(0x2ff, 0x1002));
    CHECK_FAULT(GP, 0, read_msr(0x4567));
    CHECK_FINE(write_cr0(cr0));
    CHECK_FINE(write_cr4(cr4));
}

TEST(tsc_adjust_follows_the_counter)
{
    uint64_t before, after;

    if (!cpu_has(7, 1, 1)) {
        skip("no TSC_ADJUST");
        return;
    }
    CHECK_EQ(read_msr(0x3b), 0);
    before = read_msr(0x10);
    write_msr(0x3b, 1ull << 40);
    after = read_msr(0x10);
    CHECK(after - before > (1ull << 40) && after - before < (1ull << 40) + (1ull << 36));
    write_msr(0x10, read_msr(0x10) - (1ull << 40));
    CHECK(read_msr(0x3b) < 1ull << 36 || read_msr(0x3b) > -(1ull << 36));
    write_msr(0x3b, 0);
    CHECK_EQ(read_msr(0x3b), 0);
}
