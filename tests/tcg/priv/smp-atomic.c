/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locked operations of several processors on the same place: aligned, across cache lines, across pages, on code, on
 * page tables.
 */
#include "arch64.h"
#include "locked.h"

#define COUNT 20000

static unsigned cpus;
static uint8_t buffer[3 * 4096] __attribute__((aligned(4096)));
static volatile void *place;
static void (*operation)(volatile void *p);

static void repeat(unsigned cpu)
{
    (void)cpu;
    for (unsigned i = 0; i < COUNT; i++) {
        operation((volatile void *)place);
    }
}

/* What stands at place after COUNT operations by each processor, at every alignment that matters. */
static void count_everywhere(void (*op)(volatile void *), unsigned size, uint64_t step)
{
    static const unsigned offsets[] = { 0, 1, 60, 61, 63, 4090, 4093, 4095, 4096 };
    uint64_t mask = size == 8 ? ~0ull : (1ull << size * 8) - 1, value;

    cpus = cpus_start();
    operation = op;
    for (unsigned i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        if (offsets[i] < 4096 && offsets[i] + size > 4096 && cpus > 2) {
            continue;                       /* exclusive sections: slow, and two processors show it */
        }
        memset(buffer, 0, sizeof(buffer));
        place = buffer + offsets[i];
        cpus_run(cpus, repeat);
        value = 0;
        memcpy(&value, buffer + offsets[i], size);
        if (value != (cpus * COUNT * step & mask)) {
            print("# at offset %u, %u bytes: ", offsets[i], size);
            CHECK_EQ(value, cpus * COUNT * step & mask);
        }
    }
}

static void inc8(volatile void *p) { __asm__ volatile("lock incb %0" : "+m"(*(volatile uint8_t *)p) : : "cc"); }
static void add16(volatile void *p) { __asm__ volatile("lock addw $3, %0" : "+m"(*(volatile uint16_t *)p) : : "cc"); }
static void sub32(volatile void *p) { __asm__ volatile("lock subl $-5, %0" : "+m"(*(volatile uint32_t *)p) : : "cc"); }
static void dec64(volatile void *p) { __asm__ volatile("lock decq %0" : "+m"(*(volatile uint64_t *)p) : : "cc"); }

static void xadd32(volatile void *p)
{
    uint32_t v = 7;

    __asm__ volatile("lock xaddl %1, %0" : "+m"(*(volatile uint32_t *)p), "+r"(v) : : "cc");
}

/* -(~v) is v + 1 in two steps; each is atomic, the pair is counted by parity only */
static void neg_not(volatile void *p)
{
    __asm__ volatile("lock notl %0; lock negl %0" : "+m"(*(volatile uint32_t *)p) : : "cc");
}

TEST(locked_increments_add_up) { count_everywhere(inc8, 1, 1); }
TEST(locked_additions_of_words_add_up) { count_everywhere(add16, 2, 3); }
TEST(locked_subtractions_add_up) { count_everywhere(sub32, 4, 5); }
TEST(locked_decrements_of_quads_add_up) { count_everywhere(dec64, 8, ~0ull); }
TEST(xadd_adds_up) { count_everywhere(xadd32, 4, 7); }
TEST(cmpxchg_loops_add_up) { count_everywhere(cmpxchg64, 8, 1); }
TEST(cmpxchg8b_loops_add_up) { count_everywhere(cmpxchg8b_loop, 8, 1); }

TEST(locked_neg_and_not_keep_within_their_orbit)
{
    uint32_t v;

    cpus = cpus_start();
    memset(buffer, 0, sizeof(buffer));
    place = buffer;
    operation = neg_not;
    cpus_run(cpus, repeat);
    v = *(volatile uint32_t *)buffer;
    CHECK(v <= cpus * COUNT || -v <= cpus * COUNT);
}

static void cmpxchg16b_add(volatile void *p)
{
    __asm__ volatile("mov (%0), %%rax; mov 8(%0), %%rdx\n"
                     "1: mov %%rax, %%rbx; mov %%rdx, %%rcx; add $1, %%rbx; sub $1, %%rcx; lock cmpxchg16b (%0); jne 1b"
                     : : "r"(p) : "rax", "rbx", "rcx", "rdx", "cc", "memory");
}

TEST(cmpxchg16b_changes_both_halves_together)
{
    cpus = cpus_start();
    memset(buffer, 0, sizeof(buffer));
    place = buffer + 16;
    operation = cmpxchg16b_add;
    cpus_run(cpus, repeat);
    CHECK_EQ(((volatile uint64_t *)buffer)[2], cpus * COUNT);
    CHECK_EQ(((volatile uint64_t *)buffer)[3], -(uint64_t)cpus * COUNT);
}

/* ---- bits: each processor turns bits of its own in a shared word ---- */

static volatile unsigned bad_bits;

static void turn_bits(unsigned cpu)
{
    for (unsigned i = 0; i < COUNT; i++) {
        unsigned bit = cpu + 8 * (i & 7);
        uint8_t before, between;

        __asm__ volatile("lock btsq %2, %0; setc %1"
                         : "+m"(*(volatile uint64_t *)place), "=q"(before)
                         : "r"((uint64_t)bit)
                         : "cc");
        __asm__ volatile("lock btrq %2, %0; setc %1"
                         : "+m"(*(volatile uint64_t *)place), "=q"(between)
                         : "r"((uint64_t)bit)
                         : "cc");
        if (before || !between) {
            __atomic_fetch_add(&bad_bits, 1, __ATOMIC_SEQ_CST);
        }
        __asm__ volatile("lock btcq %1, %0; lock btcq %1, %0"
                         : "+m"(*(volatile uint64_t *)place)
                         : "r"((uint64_t)bit)
                         : "cc");
        __asm__ volatile("lock orq %1, %0; lock andq %2, %0; lock xorq %1, %0; lock xorq %1, %0"
                         : "+m"(*(volatile uint64_t *)place) : "r"(1ull << bit), "r"(~(1ull << bit)) : "cc");
    }
}

TEST(locked_bit_operations_leave_the_bits_of_others_alone)
{
    memset(buffer, 0, sizeof(buffer));
    place = buffer + 32;
    bad_bits = 0;
    cpus_run(cpus_start(), turn_bits);
    CHECK_EQ(bad_bits, 0);
    CHECK_EQ(*(volatile uint64_t *)place, 0);
}

/* ---- a lock made of XCHG, which needs no prefix ---- */

static volatile uint32_t *lock;
static volatile uint64_t guarded;

static void lock_and_count(unsigned cpu)
{
    (void)cpu;
    for (unsigned i = 0; i < COUNT; i++) {
        uint32_t one = 1;

        do {
            __asm__ volatile("pause; xchgl %0, %1" : "+r"(one), "+m"(*lock) : : "memory");
        } while (one);
        guarded = guarded + 1;
        __asm__ volatile("movl $0, %0" : "=m"(*lock) : : "memory");
    }
}

TEST(a_spin_lock_of_xchg_excludes)
{
    memset(buffer, 0, sizeof(buffer));
    lock = (volatile uint32_t *)(buffer + 64);
    guarded = 0;
    cpus = cpus_start();
    cpus_run(cpus, lock_and_count);
    CHECK_EQ(guarded, cpus * COUNT);
}

TEST(a_spin_lock_across_pages_excludes)
{
    memset(buffer, 0, sizeof(buffer));
    lock = (volatile uint32_t *)(buffer + 4094);
    guarded = 0;
    cpus = cpus_start() > 2 ? 2 : cpus_start();
    cpus_run(cpus, lock_and_count);
    CHECK_EQ(guarded, cpus * COUNT);
}

/* ---- where code is ---- */

static void count_in_code(unsigned cpu)
{
    unsigned (*f)(void) = (unsigned (*)(void))(uintptr_t)(buffer + 256);

    (void)cpu;
    for (unsigned i = 0; i < COUNT / 4; i++) {
        f();
        __asm__ volatile("lock incl %0" : "+m"(*(volatile uint32_t *)(buffer + 512)) : : "cc");
    }
}

TEST(counters_in_a_page_with_code_add_up)
{
    static const uint8_t program[] = { 0xb8, 1, 0, 0, 0, 0xc3 };

    memset(buffer, 0, sizeof(buffer));
    memcpy(buffer + 256, program, sizeof(program));
    cpus = cpus_start();
    cpus_run(cpus, count_in_code);
    CHECK_EQ(*(volatile uint32_t *)(buffer + 512), cpus * (COUNT / 4));
}

/* ---- page tables: one processor makes its page dirty, others count in ignored bits of the entry ---- */

static volatile bool lost_dirty;

static void dirty_or_count(unsigned cpu)
{
    volatile uint64_t *entry = &test_pt[5];
    volatile uint8_t *page = (volatile uint8_t *)(TEST_VA + 5 * 4096);

    for (unsigned i = 0; i < COUNT / 10; i++) {
        if (cpu) {
            __atomic_fetch_add(entry, 1ull << 52, __ATOMIC_SEQ_CST);
            continue;
        }
        __atomic_fetch_and(entry, ~(PTE_A | PTE_D), __ATOMIC_SEQ_CST);
        invlpg((void *)page);
        page[i & 4095] = 1;
        lost_dirty |= (*entry & (PTE_A | PTE_D)) != (PTE_A | PTE_D);
    }
}

TEST(accessed_and_dirty_bits_are_set_atomically)
{
    cpus = cpus_start();
    pages_reset();
    page_map(5, PHYS(test_memory[0]), PTE_P | PTE_W);
    lost_dirty = false;
    cpus_run(cpus, dirty_or_count);
    CHECK(!lost_dirty);
    CHECK_EQ(test_pt[5] >> 52 & 0x7f, (cpus - 1) * (COUNT / 10) & 0x7f);
    CHECK_EQ(test_pt[5] & 0xfff & ~(PTE_A | PTE_D), PTE_P | PTE_W);
}

/* ---- a locked operation that faults does nothing ---- */

TEST(a_locked_operation_across_pages_faults_before_it_writes)
{
    cpus_start();
    pages_reset();
    volatile uint8_t *p = page_map(0, PHYS(test_memory[0]), PTE_P | PTE_W);

    page_map(1, PHYS(test_memory[1]), PTE_P);
    CHECK_FAULT(PF, 3, __asm__ volatile("lock incl %0" : "+m"(*(volatile uint32_t *)(p + 4094)) : : "cc"));
    CHECK_EQ(trap.cr2, (Word)(uintptr_t)p + 4096);
    CHECK_EQ(p[4094], 0);
    page_map(1, PHYS(test_memory[1]), PTE_P | PTE_W);
    CHECK_FINE(__asm__ volatile("lock decl %0" : "+m"(*(volatile uint32_t *)(p + 4094)) : : "cc"));
    CHECK_EQ(test_memory[1][1], 0xff);
}
