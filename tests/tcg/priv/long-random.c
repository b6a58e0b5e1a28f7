/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random page tables and descriptors, with a fixed seed, against a model of the rules written from the manual alone.
 * SDM vol. 3A, "Paging" (access rights, reserved bits, error codes) and "Protection" (loading segment registers).
 */
#include "arch64.h"
#include "descriptor-model.h"
#include "random.h"

#define ROUNDS 4000
#define CR0_WP (1ull << 16)
#define CR4_SMEP (1ull << 20)
enum { LOAD, STORE, FETCH, KINDS };

/* ---- page tables ---- */

/* A table's or page's address with bits that are mostly right; PS and reserved bits now and then. */
static uint64_t random_entry(uint64_t address, bool large_possible)
{
    uint64_t bits = (one_in(8) ? 0 : PTE_P) | (one_in(3) ? 0 : PTE_W) | (one_in(3) ? 0 : PTE_U);

    bits |= random_word() & (PTE_A | PTE_D | PTE_G | 0xe00 | 0x7ff0000000000000ull);
    bits |= one_in(6) ? PTE_NX : 0;
    bits |= one_in(12) ? 1ull << (phys_bits() + random_word() % (52 - phys_bits())) : 0;
    if (large_possible && one_in(4)) {
        bits |= PTE_PS;
        address = one_in(3) ? address : 0;
    }
    return address | bits;
}

typedef struct Walk {
    bool fault, reserved;
    bool w, u, nx;
    uint64_t *leaf;
} Walk;

static Walk model_walk(void)
{
    uint64_t *entries[] = { &boot_pdpt[1], &test_pd[0], &test_pt[0] };
    uint64_t above = ~((1ull << phys_bits()) - 1) & 0x000fffffffffffffull;
    static const uint64_t low[] = { 0x3fffe000, 0x1fe000, 0 };     /* address bits that a large page must not have */
    Walk k = { .w = true, .u = true };

    for (unsigned i = 0; i < 3; i++) {
        uint64_t e = *entries[i];
        bool leaf = i == 2 || (e & PTE_PS);

        if (!(e & PTE_P)) {
            k.fault = true;
            return k;
        }
        k.w &= (e & PTE_W) != 0;
        k.u &= (e & PTE_U) != 0;
        k.nx |= (e & PTE_NX) != 0;
        if ((e & above) || (leaf && (e & low[i]))) {
            k.fault = k.reserved = true;
            return k;
        }
        if (leaf) {
            k.leaf = entries[i];
            return k;
        }
    }
    return k;
}

/* The vector, and the error code of a page fault. */
static int model_access(unsigned kind, bool user, Word *error)
{
    Walk k = model_walk();
    bool denied = user && !k.u;

    *error = (kind == STORE ? 2 : 0) | (user ? 4 : 0) | (kind == FETCH ? 16 : 0);
    if (k.fault) {
        *error |= k.reserved ? 9 : 0;
        return PF;
    }
    denied |= kind == STORE && !k.w && (user || (read_cr0() & CR0_WP));
    denied |= kind == FETCH && (k.nx || (!user && k.u && (read_cr4() & CR4_SMEP)));
    *error |= 1;
    return denied ? PF : NONE;
}

static int do_access(unsigned kind, bool user)
{
    volatile uint8_t *p = (volatile uint8_t *)TEST_VA;

    if (user) {
        static const uint8_t load[] = { 0xb8, 0, 0, 0, 0x40, 0x8a, 0x00, 0xcd, 0x80 };
        static const uint8_t store[] = { 0xb8, 0, 0, 0, 0x40, 0xc6, 0x00, 0xc3, 0xcd, 0x80 };

        return run_user(kind == LOAD ? load : store, 0) == PF ? PF : NONE;
    }
    switch (kind) {
    case LOAD: return CATCH((void)*p);
    case STORE: return CATCH(*p = 0xc3);
    default: return CATCH(((void (*)(void))(uintptr_t)p)());
    }
}

TEST(random_page_tables_give_what_the_rules_say)
{
    unsigned wrong = 0;
    bool smep = cpu_has(7, 1, 7);

    pages_reset();
    seed = 0x9e3779b97f4a7c15ull;
    for (unsigned i = 0; i < ROUNDS && wrong < 5; i++) {
        unsigned kind = random_word() % KINDS;
        bool user = kind != FETCH && one_in(2);
        Word error;
        int want, got;

        test_memory[0][0] = 0xc3;
        *(volatile uint8_t *)0x0 = 0xc3;
        boot_pdpt[1] = random_entry(PHYS(test_pd), cpu_has(0x80000001, 3, 26));
        test_pd[0] = random_entry(PHYS(test_pt), true);
        test_pt[0] = random_entry(PHYS(test_memory[0]), false) & ~PTE_G;
        write_cr0((read_cr0() & ~CR0_WP) | (one_in(2) ? CR0_WP : 0));
        if (smep) {
            write_cr4((read_cr4() & ~CR4_SMEP) | (one_in(2) ? CR4_SMEP : 0));
        }
        invlpg((void *)TEST_VA);
        flush_tlb();
        want = model_access(kind, user, &error);
        got = do_access(kind, user);
        if (got != want || (want == PF && trap.f.error != error)) {
            print("# round %u kind %u user %u entries %lx %lx %lx: vector %d error %x, wanted %d %x\n", i, kind, user,
                  boot_pdpt[1], test_pd[0], test_pt[0], got, (unsigned)trap.f.error, want, (unsigned)error);
            wrong++;
        } else if (want == NONE) {
            uint64_t leaf = *(volatile uint64_t *)model_walk().leaf;

            wrong += !(leaf & PTE_A) || (kind == STORE && !(leaf & PTE_D));
        }
    }
    CHECK_EQ(wrong, 0);
    write_cr0(read_cr0() | CR0_WP);
    write_cr4(read_cr4() & ~CR4_SMEP);
    pages_reset();
}

/* ---- descriptors ---- */

TEST(random_descriptors_load_as_the_rules_say)
{
    unsigned wrong = 0;

    seed = 0x123456789abcdefull;
    for (unsigned i = 0; i < ROUNDS && wrong < 5; i++) {
        unsigned access = random_word() & 0xff, rpl = random_word() & 3;
        uint64_t desc = (random_word() & 0xffff00ffffffffffull) | (uint64_t)access << 40;
        unsigned sel = gdt_set(0, desc) | rpl;
        bool is_ss = one_in(3);
        int want = model_load(access, rpl, is_ss), got;

        if (is_ss) {
            got = CATCH(__asm__ volatile("mov %w0, %%ss; nop; mov %w1, %%ss" : : "r"(sel), "r"(DATA)));
        } else {
            got = CATCH(__asm__ volatile("mov %w0, %%fs" : : "r"(sel)));
        }
        if (got != want || (want != NONE && trap.f.error != (sel & ~3u)) ||
            (want == NONE && !(gdt_table[GDT_FREE] >> 40 & 1))) {
            print("# access %x rpl %u ss %u: vector %d, wanted %d\n", access, rpl, is_ss, got, want);
            wrong++;
        }
    }
    CHECK_EQ(wrong, 0);
    __asm__ volatile("mov %w0, %%fs" : : "r"(0));
}

/* Nothing is expected of LTR, LLDT and far calls to random system descriptors but an exception or none. */
TEST(random_system_descriptors_do_no_harm)
{
    struct __attribute__((packed)) { uint64_t offset; uint16_t sel; } p = { 0, 0 };
    unsigned faults = 0;

    seed = 0xfedcba987654321ull;
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned sel = gdt_set(0, random_word());

        gdt_set(1, one_in(3) ? 0 : random_word());
        p.sel = (uint16_t)sel;
        faults += CATCH(__asm__ volatile("lldt %w0" : : "r"(sel))) != NONE;
        if ((gdt_table[GDT_FREE] >> 40 & 0x1f) != 9) {
            faults += CATCH(__asm__ volatile("ltr %w0" : : "r"(sel))) != NONE;
        }
        if (!(gdt_table[GDT_FREE] >> 40 & 0x10) && (gdt_table[GDT_FREE] >> 40 & 0xf) != 0xc) {
            faults += CATCH(__asm__ volatile("rex.w lcall *%0" : : "m"(p))) != NONE;
        }
        __asm__ volatile("lldt %w0" : : "r"(0));
    }
    CHECK(faults > ROUNDS);
}
