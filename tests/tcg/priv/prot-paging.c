/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two-level and PAE page tables: rights, large pages, reserved bits, cached PDPTEs. SDM vol. 3A, "Paging". */
#include "paging32.h"

uint32_t pd[1024] __attribute__((aligned(4096))), pt[1024] __attribute__((aligned(4096)));
uint64_t pdpt[4] __attribute__((aligned(32))), pae_pd[512] __attribute__((aligned(4096)));
uint64_t pae_test_pd[512] __attribute__((aligned(4096))), pae_pt[512] __attribute__((aligned(4096)));

static volatile uint8_t *at(uint32_t offset)
{
    return (volatile uint8_t *)(VA + offset);
}

void paging_on(void)
{
    memset(pd, 0, sizeof(pd));
    memset(pt, 0, sizeof(pt));
    memset(test_memory, 0, sizeof(test_memory));
    for (unsigned i = 0; i < 4; i++) {
        pd[i] = i << 22 | PS | P | W | U;
    }
    pd[VA >> 22] = PHYS(pt) | P | W | U;
    pt[0] = PHYS(test_memory[0]) | P | W | U;
    write_cr4(read_cr4() | CR4_PSE);
    write_cr3(PHYS(pd));
    write_cr0(read_cr0() | 1u << 31 | 1u << 16);
}

void paging_off(void)
{
    write_cr0(read_cr0() & ~(1u << 31 | 1u << 16));
    write_cr4(read_cr4() & ~(CR4_PSE | CR4_PAE | CR4_SMEP));
}

USER_CODE_AT(page_load, "movb (%ebx), %al");
USER_CODE_AT(page_store, "movb %al, (%ebx)");

static int user_access(Word code, uint32_t offset)
{
    user_reset();
    user.ip = code;
    user.bx = VA + offset;
    return RUN_USER();
}

int page_access_by_user(bool store, uint32_t offset)
{
    return user_access(store ? ADDR(page_store) : ADDR(page_load), offset);
}

TEST(two_levels_of_rights_combine)
{
    paging_on();
    for (unsigned i = 0; i < 16; i++) {
        bool user_page = (i & 1) && (i & 4), writable = (i & 2) && (i & 8);

        pd[VA >> 22] = PHYS(pt) | P | (i & 1 ? U : 0) | (i & 2 ? W : 0);
        pt[0] = PHYS(test_memory[0]) | P | (i & 4 ? U : 0) | (i & 8 ? W : 0);
        reload_cr3();
        CHECK_EQ(user_access(ADDR(page_load), 5), user_page ? 0x80 : PF);
        CHECK_EQ(trap.f.error, user_page ? 0 : F_P | F_U);
        CHECK_EQ(user_access(ADDR(page_store), 5), user_page && writable ? 0x80 : PF);
        CHECK_EQ(trap.f.error, user_page && writable ? 0 : F_P | F_U | F_W);
        CHECK_EQ(CATCH(at(5)[0] = 1), writable ? NONE : PF);
        CHECK_EQ(CATCH(at(5)[0]), NONE);
    }
    write_cr0(read_cr0() & ~(1u << 16));                        /* WP off: the supervisor writes everywhere */
    pt[0] = PHYS(test_memory[0]) | P;
    reload_cr3();
    CHECK_FINE(at(5)[0] = 1);
    paging_off();
}

TEST(accessed_and_dirty_in_both_levels)
{
    paging_on();
    CHECK_EQ((pd[VA >> 22] | pt[0]) & (A | D), 0);
    CHECK_FINE(at(0)[0]);
    CHECK_EQ(((volatile uint32_t *)pd)[VA >> 22] & (A | D), A);
    CHECK_EQ(((volatile uint32_t *)pt)[0] & (A | D), A);
    CHECK_FINE(at(0)[0] = 1);
    CHECK_EQ(((volatile uint32_t *)pd)[VA >> 22] & (A | D), A);
    CHECK_EQ(((volatile uint32_t *)pt)[0] & (A | D), A | D);
    paging_off();
}

TEST(absent_entries_and_the_fetch_bit)
{
    paging_on();
    CHECK_FAULT(PF, F_W, at(0x1000)[0] = 1);
    CHECK_EQ(trap.cr2, VA + 0x1000);
    CHECK_FAULT(PF, 0, ((void (*)(void))(VA + 0x1000))());      /* no NX, no SMEP: bit 4 stays clear */
    if (cpu_has(7, 1, 7)) {
        pd[0] &= ~U;                                            /* or the kernel could not run */
        reload_cr3();
        write_cr4(read_cr4() | CR4_SMEP);
        CHECK_FAULT(PF, F_I, ((void (*)(void))(VA + 0x1000))());
        CHECK_FAULT(PF, F_P | F_I, ((void (*)(void))VA)());
        write_cr4(read_cr4() & ~CR4_SMEP);
        pd[0] |= U;
        reload_cr3();
    }
    CHECK_EQ(user_access(ADDR(page_load), 0x1000), PF);
    CHECK_EQ(trap.f.error, F_U);
    pd[VA >> 22] = 0;
    reload_cr3();
    CHECK_FAULT(PF, 0, at(0)[0]);
    paging_off();
}

TEST(pages_of_4_mib)
{
    paging_on();
    test_memory[1][7] = 0x5a;
    pd[VA >> 22] = (PHYS(test_memory) & 0xffc00000) | PS | P | W;
    reload_cr3();
    CHECK_EQ(at(PHYS(&test_memory[1][7]) & 0x3fffff)[0], 0x5a);
    CHECK_FINE(at(PHYS(&test_memory[1][7]) & 0x3fffff)[0] = 0x5b);
    CHECK_EQ(((volatile uint32_t *)pd)[VA >> 22] & (A | D), A | D);
    CHECK_EQ(((volatile uint8_t *)test_memory[1])[7], 0x5b);
    pd[VA >> 22] |= 1u << 21;                                   /* bit 21 is reserved */
    reload_cr3();
    CHECK_FAULT(PF, F_P | F_RSVD, at(0)[0]);
    paging_off();
}

TEST(without_pse_bit_7_means_nothing)
{
    static uint32_t low[1024] __attribute__((aligned(4096)));

    paging_on();
    paging_off();
    for (unsigned i = 0; i < 1024; i++) {
        low[i] = i << 12 | P | W | U;
    }
    memset(pd, 0, sizeof(pd));
    pd[0] = PHYS(low) | P | W | U;
    pd[VA >> 22] = PHYS(pt) | PS | P | W | U;
    write_cr3(PHYS(pd));
    write_cr0(read_cr0() | 1u << 31);
    CHECK_FINE(at(9)[0] = 3);
    CHECK_EQ(test_memory[0][9], 3);
    paging_off();
}

TEST(pse36_reaches_beyond_4_gib)
{
    if (!cpu_has(1, 3, 17)) {
        skip("no PSE-36");
        return;
    }
    paging_on();
    pd[VA >> 22] = (PHYS(test_memory) & 0xffc00000) | 1u << 13 | PS | P | W;    /* 4 GiB higher: nothing there */
    reload_cr3();
    volatile uint8_t *there = at(PHYS(&test_memory[2][0]) & 0x3fffff);

    CHECK_FINE(there[0] = 7);
    CHECK_EQ(((volatile uint8_t *)test_memory[2])[0], 0);
    paging_off();
}

/* ---- PAE ---- */

bool pae_on(void)
{
    if (!cpu_has(1, 3, 6)) {
        skip("no PAE");
        return false;
    }
    memset(pae_pd, 0, sizeof(pae_pd));
    memset(pae_test_pd, 0, sizeof(pae_test_pd));
    memset(pae_pt, 0, sizeof(pae_pt));
    memset(pdpt, 0, sizeof(pdpt));
    memset(test_memory, 0, sizeof(test_memory));
    for (unsigned i = 0; i < 8; i++) {
        pae_pd[i] = i << 21 | PS | P | W | U;
    }
    pdpt[0] = PHYS(pae_pd) | P;
    pdpt[1] = PHYS(pae_test_pd) | P;
    pae_test_pd[0] = PHYS(pae_pt) | P | W | U;
    pae_pt[0] = PHYS(test_memory[0]) | P | W | U;
    write_cr4(read_cr4() | CR4_PAE);
    write_cr3(PHYS(pdpt));
    write_cr0(read_cr0() | 1u << 31 | 1u << 16);
    return true;
}

void pae_off(void)
{
    if (cpu_has(0x80000001, 3, 20)) {
        write_msr(0xc0000080, 0);
    }
    paging_off();
}

TEST(pae_walks_three_levels)
{
    if (!pae_on()) {
        return;
    }
    test_memory[0][3] = 9;
    CHECK_EQ(at(3)[0], 9);
    CHECK_FAULT(PF, F_W, at(0x1000)[0] = 1);
    CHECK_EQ(user_access(ADDR(page_store), 3), 0x80);
    pae_pt[0] &= ~(uint64_t)U;
    reload_cr3();
    CHECK_EQ(user_access(ADDR(page_store), 3), PF);
    CHECK_EQ(trap.f.error, F_P | F_W | F_U);
    pae_off();
}

TEST(bad_page_directory_pointers_are_refused_when_cr3_is_loaded)
{
    static const uint64_t bits[] = { 2, 4, 0x20, 0x40, 0x80, 0x100, 1ull << 52, 1ull << 63 };

    if (!pae_on()) {
        return;
    }
    for (unsigned i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
        pdpt[2] = PHYS(pae_test_pd) | P | bits[i];
        CHECK_FAULT(GP, 0, reload_cr3());
        CHECK_EQ(read_cr3(), PHYS(pdpt));
        pdpt[2] &= ~(uint64_t)P;                                /* not present: anything goes */
        CHECK_FINE(reload_cr3());
    }
    pdpt[2] = PHYS(pae_test_pd) | P | 0x18 | 0xe00;             /* PWT, PCD and ignored bits */
    CHECK_FINE(reload_cr3());
    pdpt[2] = 0;
    write_cr0(read_cr0() & ~(1u << 31));
    pdpt[2] = P | 2;
    CHECK_FAULT(GP, 0, write_cr0(read_cr0() | 1u << 31));       /* turning paging on loads them too */
    pae_off();
}

TEST(page_directory_pointers_are_cached)
{
    if (!pae_on()) {
        return;
    }
    pdpt[2] = PHYS(pae_test_pd) | P;
    CHECK_FAULT(PF, 0, ((volatile uint8_t *)0x80000000)[0]);
    __asm__ volatile("invlpg (%0)" : : "r"(0x80000000) : "memory");
    CHECK_FAULT(PF, 0, ((volatile uint8_t *)0x80000000)[0]);    /* INVLPG does not load them */
    reload_cr3();
    CHECK_FINE(((volatile uint8_t *)0x80000000)[0]);
    pae_off();
}

TEST(reserved_bits_of_pae_entries)
{
    if (!pae_on()) {
        return;
    }
    for (unsigned bit = 52; bit < 63; bit++) {
        pae_pt[0] = PHYS(test_memory[0]) | P | W | U | 1ull << bit;
        reload_cr3();
        CHECK_FAULT(PF, F_P | F_RSVD, at(0)[0]);
    }
    pae_pt[0] = PHYS(test_memory[0]) | P | W | U | 1ull << 63;  /* NX without NXE */
    reload_cr3();
    CHECK_FAULT(PF, F_P | F_RSVD, at(0)[0]);
    pae_pt[0] = PHYS(test_memory[0]) | P | W | U | 0xe00;       /* bits 11:9 are the system's */
    reload_cr3();
    CHECK_FINE(at(0)[0]);
    pae_test_pd[0] = (PHYS(test_memory) & 0xffe00000) | PS | P | W | 1u << 13;  /* 2 MiB: bits 20:13 */
    reload_cr3();
    CHECK_FAULT(PF, F_P | F_RSVD, at(0)[0]);
    pae_test_pd[0] = (PHYS(test_memory) & 0xffe00000) | PS | P | W | 1u << 12;  /* bit 12 is PAT */
    reload_cr3();
    CHECK_FINE(at(0)[0]);
    pae_off();
}

TEST(no_execute_with_pae)
{
    if (!cpu_has(0x80000001, 3, 20)) {
        skip("no NX");
        return;
    }
    pae_on();
    write_msr(0xc0000080, EFER_NXE);
    at(0)[0] = 0xc3;
    CHECK_FINE(((void (*)(void))VA)());
    pae_pt[0] |= 1ull << 63;
    reload_cr3();
    CHECK_FAULT(PF, F_P | F_I, ((void (*)(void))VA)());
    CHECK_FINE(at(0)[0]);
    pae_pt[0] &= ~(1ull << 63);
    pae_test_pd[0] |= 1ull << 63;                               /* in the directory it counts for all below */
    reload_cr3();
    CHECK_FAULT(PF, F_P | F_I, ((void (*)(void))VA)());
    pae_off();
}
