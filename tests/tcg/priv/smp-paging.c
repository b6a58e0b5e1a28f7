/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Accessed and dirty bits against locked changes of the same entry by another processor. SDM vol. 3A, "Accessed and
 * Dirty Flags": they are set by locked operations, and only in entries that allow the access.
 */
#include "arch64.h"

#define WRITES 6000
#define WALKS 500                               /* what three processors count fits into the ignored bits up to NX */
#define PAGE 9
#define IGNORED(n) ((uint64_t)(n) << 52)        /* 58:52 of an entry are software's, 62:59 keys that are off */

static volatile uint64_t *entry;
static volatile uint64_t *page, *frame;         /* the page, and its memory under another address */
static volatile unsigned wrong;
static volatile uint32_t answered, done;

static bool begin(void)
{
    if (cpus_start() < 2) {
        skip("one processor");
        return false;
    }
    pages_reset();
    entry = &test_pt[PAGE];
    frame = (volatile uint64_t *)test_memory[0];
    page = (volatile uint64_t *)page_map(PAGE, PHYS(test_memory[0]), PTE_P | PTE_W);
    wrong = answered = done = 0;
    return true;
}

/* Waits for an absent page. */
static bool on_fault(Frame *f)
{
    (void)f;
    return true;
}

static bool on_ipi(Frame *f)
{
    (void)f;
    invlpg((void *)page);
    answered = answered + 1;
    apic_write(0xb0, 0);
    return true;
}

static void shoot_down(unsigned id)
{
    uint32_t before = answered;

    apic_write(0x310, id << 24);
    apic_write(0x300, 0x4061);
    while (answered == before) {
        __asm__ volatile("pause");
    }
}

/*
 * Processor 0 writes 1, 2, 3...; processor 1 takes the page away, as a kernel that reclaims memory does: exchange the
 * entry with 0, drop the translation there. Then nothing is written any more, the entry stays as it is, and what has
 * been written since last time shows in the dirty bit that the exchange brought.
 */
static void write_or_reclaim(unsigned cpu)
{
    uint64_t last = 0;

    if (cpu == 0) {
        __asm__ volatile("sti");
        for (uint64_t i = 1; i <= WRITES; i++) {
            __asm__ volatile("movq %1, %0" : "=m"(*page) : "r"(i) : "memory");
        }
        done = 1;
        while (done != 2) {                     /* answers as long as somebody asks */
            __asm__ volatile("pause");
        }
        __asm__ volatile("cli");
        return;
    }
    while (cpu == 1 && !done) {
        uint64_t old = __atomic_exchange_n(entry, 0, __ATOMIC_SEQ_CST), now;

        shoot_down(0);
        now = *frame;
        wrong += now != last && !(old & PTE_D);
        wrong += (old & PTE_D) && !(old & PTE_A);
        for (unsigned i = 0; i < 50; i++) {
            wrong += *entry != 0 || *frame != now;
        }
        last = now;
        __atomic_store_n(entry, PHYS(test_memory[0]) | PTE_P | PTE_W, __ATOMIC_SEQ_CST);
        for (unsigned i = 0; i < 20 && *frame == now; i++) {
            __asm__ volatile("pause");
        }
    }
    done = 2;
}

TEST(no_write_goes_to_a_page_that_was_taken_away_and_none_is_without_its_dirty_bit)
{
    if (!begin()) {
        return;
    }
    trap_hooks[PF] = on_fault;
    trap_hooks[0x61] = on_ipi;
    cpus_run(2, write_or_reclaim);
    trap_hooks[PF] = NULL;
    CHECK_EQ(wrong, 0);
    CHECK_EQ(*frame, WRITES);
}

/* Write permission comes and goes: a dirty bit never appears in an entry that does not allow writes. */
static void write_or_protect(unsigned cpu)
{
    if (cpu == 0) {
        __asm__ volatile("sti");
        for (uint64_t i = 1; i <= WRITES; i++) {
            __asm__ volatile("movq %1, %0" : "=m"(*page) : "r"(i) : "memory");
        }
        done = 1;
        while (done != 2) {
            __asm__ volatile("pause");
        }
        __asm__ volatile("cli");
        return;
    }
    while (cpu == 1 && !done) {
        uint64_t old = __atomic_fetch_and(entry, ~(PTE_W | PTE_D), __ATOMIC_SEQ_CST), now;

        shoot_down(0);
        now = *frame;
        for (unsigned i = 0; i < 50; i++) {
            wrong += (*entry & PTE_D) || *frame != now;
        }
        wrong += !(old & PTE_W);
        __atomic_fetch_or(entry, PTE_W, __ATOMIC_SEQ_CST);
        for (unsigned i = 0; i < 20 && *frame == now; i++) {
            __asm__ volatile("pause");
        }
    }
    done = 2;
}

TEST(a_write_protected_entry_never_becomes_dirty)
{
    if (!begin()) {
        return;
    }
    trap_hooks[PF] = on_fault;
    trap_hooks[0x61] = on_ipi;
    cpus_run(2, write_or_protect);
    trap_hooks[PF] = NULL;
    CHECK_EQ(wrong, 0);
    CHECK_EQ(*frame, WRITES);
}

/* All levels: processor 0 clears accessed bits and walks, the others count in bits that the walk ignores. */
static void walk_or_count(unsigned cpu)
{
    volatile uint64_t *levels[] = { entry, &test_pd[0], &boot_pdpt[1] };

    for (unsigned i = 0; i < WALKS; i++) {
        for (unsigned n = 0; n < 3; n++) {
            if (cpu) {
                __atomic_fetch_add(levels[n], IGNORED(1), __ATOMIC_SEQ_CST);
            } else {
                __atomic_fetch_and(levels[n], ~PTE_A, __ATOMIC_SEQ_CST);
            }
        }
        if (cpu == 0) {
            flush_tlb();
            invlpg((void *)page);
            (void)*page;
            for (unsigned n = 0; n < 3; n++) {
                wrong += !(*levels[n] & PTE_A);
            }
        }
    }
}

TEST(accessed_bits_of_all_levels_are_set_atomically)
{
    unsigned cpus = cpus_start();
    uint64_t count = (cpus - 1) * (WALKS) & 0x7f;

    if (!begin()) {
        return;
    }
    cpus_run(cpus, walk_or_count);
    CHECK_EQ(wrong, 0);
    CHECK_EQ(*entry >> 52 & 0x7f, count);
    CHECK_EQ(test_pd[0] >> 52 & 0x7f, count);
    CHECK_EQ(boot_pdpt[1] >> 52 & 0x7f, count);
    pages_reset();
}
