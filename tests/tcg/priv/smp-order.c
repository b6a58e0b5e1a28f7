/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory order between processors: litmus tests of x86-TSO (SDM vol. 3A, "Memory Ordering"; Sewell et al., "x86-TSO",
 * 2010).
 *
 * Each round runs SLOTS instances of a test, every instance on locations of its own. The processors meet before each
 * instance; a small skew that changes from round to round lets them start in different order. What must not happen is
 * counted.
 */
#include "arch64.h"

#define SLOTS 512
#define ROUNDS 100

typedef struct Slot {           /* a cache line per location */
    volatile uint64_t x __attribute__((aligned(64)));
    volatile uint64_t y __attribute__((aligned(64)));
    volatile uint64_t r[4][2] __attribute__((aligned(64)));
} Slot;

typedef struct Litmus {
    unsigned cpus;
    void (*run)(Slot *s, unsigned cpu);
    bool (*forbidden)(const Slot *s);
} Litmus;

static Slot slots[SLOTS];
static const Litmus *litmus;
static volatile unsigned skew;

static struct { volatile uint32_t at __attribute__((aligned(64))); } progress[4];

/* Waits for the others, but not for ever: there may be fewer host processors. */
static void meet(unsigned cpu, uint32_t i)
{
    progress[cpu].at = i;
    for (unsigned c = 0; c < litmus->cpus; c++) {
        for (unsigned spin = 0; progress[c].at < i && spin < 300; spin++) {
            continue;
        }
    }
}

static void run_slots(unsigned cpu)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        meet(cpu, i);
        for (volatile unsigned wait = 0; wait < (skew >> cpu & 3); wait++) {
            continue;
        }
        litmus->run(&slots[i], cpu);
    }
}

/* How many instances had the outcome. */
static unsigned outcomes(const Litmus *l)
{
    unsigned seen = 0;

    if (cpus_start() < l->cpus) {
        skip("not enough processors");
        return 0;
    }
    litmus = l;
    for (unsigned round = 0; round < ROUNDS; round++) {
        memset(slots, 0, sizeof(slots));
        skew = round;
        for (unsigned i = 0; i < 4; i++) {
            progress[i].at = 0;
        }
        cpus_run(l->cpus, run_slots);
        for (unsigned i = 0; i < SLOTS; i++) {
            seen += l->forbidden(&slots[i]);
        }
    }
    return seen;
}

#define STORE(l, v) __asm__ volatile("movq %1, %0" : "=m"(l) : "i"(v) : "memory")
#define LOAD(r, l) do { uint64_t v_; __asm__ volatile("movq %1, %0" : "=r"(v_) : "m"(l) : "memory"); r = v_; } while (0)
/* Both loads are done before either result is stored. */
#define LOAD2(r0, l0, r1, l1)                                                                                          \
    do {                                                                                                               \
        uint64_t a_, b_;                                                                                               \
        __asm__ volatile("movq %2, %0; movq %3, %1" : "=&r"(a_), "=&r"(b_) : "m"(l0), "m"(l1) : "memory");             \
        r0 = a_;                                                                                                       \
        r1 = b_;                                                                                                       \
    } while (0)

/* ---- store buffering ---- */

static void sb(Slot *s, unsigned cpu)
{
    uint64_t v;

    if (cpu == 0) {
        __asm__ volatile("movq $1, %1; movq %2, %0" : "=r"(v), "=m"(s->x) : "m"(s->y) : "memory");
    } else {
        __asm__ volatile("movq $1, %1; movq %2, %0" : "=r"(v), "=m"(s->y) : "m"(s->x) : "memory");
    }
    s->r[cpu][0] = v;
}

static void sb_fence(Slot *s, unsigned cpu)
{
    uint64_t v;

    if (cpu == 0) {
        __asm__ volatile("movq $1, %1; mfence; movq %2, %0" : "=r"(v), "=m"(s->x) : "m"(s->y) : "memory");
    } else {
        __asm__ volatile("movq $1, %1; mfence; movq %2, %0" : "=r"(v), "=m"(s->y) : "m"(s->x) : "memory");
    }
    s->r[cpu][0] = v;
}

static void sb_locked(Slot *s, unsigned cpu)
{
    uint64_t v, one = 1;

    if (cpu == 0) {
        __asm__ volatile("xchgq %1, %2; movq %3, %0" : "=&r"(v), "+r"(one), "+m"(s->x) : "m"(s->y) : "memory");
    } else {
        __asm__ volatile("xchgq %1, %2; movq %3, %0" : "=&r"(v), "+r"(one), "+m"(s->y) : "m"(s->x) : "memory");
    }
    s->r[cpu][0] = v;
}

/* A locked operation anywhere drains the stores before it. */
static void sb_locked_elsewhere(Slot *s, unsigned cpu)
{
    uint64_t v;

    if (cpu == 0) {
        __asm__ volatile("movq $1, %1; lock orl $0, -64(%%rsp); movq %2, %0"
                         : "=r"(v), "=m"(s->x)
                         : "m"(s->y)
                         : "memory", "cc");
    } else {
        __asm__ volatile("movq $1, %1; lock orl $0, -64(%%rsp); movq %2, %0"
                         : "=r"(v), "=m"(s->y)
                         : "m"(s->x)
                         : "memory", "cc");
    }
    s->r[cpu][0] = v;
}

static bool both_zero(const Slot *s)
{
    return !s->r[0][0] && !s->r[1][0];
}

TEST(sb_stores_may_pass_later_loads)
{
    static const Litmus l = { 2, sb, both_zero };
    unsigned n = outcomes(&l);

    print("# seen %u times (allowed)\n", n);
}

TEST(sb_fences_keep_stores_before_loads)
{
    static const Litmus l = { 2, sb_fence, both_zero };

    CHECK_EQ(outcomes(&l), 0);
}

TEST(sb_exchanges_keep_stores_before_loads)
{
    static const Litmus l = { 2, sb_locked, both_zero };

    CHECK_EQ(outcomes(&l), 0);
}

TEST(sb_locked_operations_elsewhere_are_fences)
{
    static const Litmus l = { 2, sb_locked_elsewhere, both_zero };

    CHECK_EQ(outcomes(&l), 0);
}

/* ---- message passing ---- */

static void mp(Slot *s, unsigned cpu)
{
    if (cpu == 0) {
        STORE(s->x, 1);
        STORE(s->y, 1);
    } else {
        LOAD2(s->r[1][0], s->y, s->r[1][1], s->x);
    }
}

static bool mp_forbidden(const Slot *s)
{
    return s->r[1][0] == 1 && s->r[1][1] == 0;
}

TEST(mp_stores_are_seen_in_order)
{
    static const Litmus l = { 2, mp, mp_forbidden };

    CHECK_EQ(outcomes(&l), 0);
}

/* ---- load buffering ---- */

static void lb(Slot *s, unsigned cpu)
{
    uint64_t v;

    if (cpu == 0) {
        __asm__ volatile("movq %2, %0; movq $1, %1" : "=&r"(v), "=m"(s->y) : "m"(s->x) : "memory");
    } else {
        __asm__ volatile("movq %2, %0; movq $1, %1" : "=&r"(v), "=m"(s->x) : "m"(s->y) : "memory");
    }
    s->r[cpu][0] = v;
}

static bool both_one(const Slot *s)
{
    return s->r[0][0] == 1 && s->r[1][0] == 1;
}

TEST(lb_loads_do_not_see_later_stores)
{
    static const Litmus l = { 2, lb, both_one };

    CHECK_EQ(outcomes(&l), 0);
}

/* ---- coherence ---- */

static void corr(Slot *s, unsigned cpu)
{
    if (cpu == 0) {
        STORE(s->x, 1);
    } else {
        LOAD2(s->r[1][0], s->x, s->r[1][1], s->x);
    }
}

TEST(corr_a_location_does_not_go_back)
{
    static const Litmus l = { 2, corr, mp_forbidden };

    CHECK_EQ(outcomes(&l), 0);
}

static void two_plus_two(Slot *s, unsigned cpu)
{
    if (cpu == 0) {
        STORE(s->x, 1);
        STORE(s->y, 2);
    } else {
        STORE(s->y, 1);
        STORE(s->x, 2);
    }
}

static bool two_plus_two_forbidden(const Slot *s)
{
    return s->x == 1 && s->y == 1;
}

TEST(two_writers_agree_on_the_order)
{
    static const Litmus l = { 2, two_plus_two, two_plus_two_forbidden };

    CHECK_EQ(outcomes(&l), 0);
}

/* ---- three and four processors ---- */

static void wrc(Slot *s, unsigned cpu)
{
    uint64_t v;

    if (cpu == 0) {
        STORE(s->x, 1);
    } else if (cpu == 1) {
        __asm__ volatile("movq %2, %0; movq $1, %1" : "=&r"(v), "=m"(s->y) : "m"(s->x) : "memory");
        s->r[0][0] = v;
    } else {
        LOAD2(s->r[1][0], s->y, s->r[1][1], s->x);
    }
}

static bool wrc_forbidden(const Slot *s)
{
    return s->r[0][0] == 1 && s->r[1][0] == 1 && s->r[1][1] == 0;
}

TEST(wrc_what_one_has_seen_others_see)
{
    static const Litmus l = { 3, wrc, wrc_forbidden };

    CHECK_EQ(outcomes(&l), 0);
}

static void iriw(Slot *s, unsigned cpu)
{
    switch (cpu) {
    case 0:
        STORE(s->x, 1);
        break;
    case 1:
        STORE(s->y, 1);
        break;
    case 2:
        LOAD2(s->r[0][0], s->x, s->r[0][1], s->y);
        break;
    default:
        LOAD2(s->r[1][0], s->y, s->r[1][1], s->x);
        break;
    }
}

static bool iriw_forbidden(const Slot *s)
{
    return s->r[0][0] == 1 && s->r[0][1] == 0 && s->r[1][0] == 1 && s->r[1][1] == 0;
}

TEST(iriw_readers_agree_on_independent_writes)
{
    static const Litmus l = { 4, iriw, iriw_forbidden };

    CHECK_EQ(outcomes(&l), 0);
}

/* ---- width ---- */

static volatile uint64_t wide[16] __attribute__((aligned(64)));
static volatile unsigned torn;
static volatile bool writer_done;

static void write_and_watch(unsigned cpu)
{
    volatile uint64_t *unaligned = (volatile uint64_t *)((volatile char *)wide + 67);     /* within a cache line */

    if (cpu == 0) {
        for (unsigned i = 0; i < 300000; i++) {
            uint64_t v = i & 1 ? ~0ull : 0;

            wide[0] = v;
            *unaligned = v;
        }
        writer_done = true;
        return;
    }
    while (!writer_done) {
        uint64_t a = wide[0], b = *unaligned;

        torn += (a != 0 && a != ~0ull) + (b != 0 && b != ~0ull);
    }
}

TEST(aligned_accesses_are_never_torn)
{
    if (cpus_start() < 2) {
        skip("one processor");
        return;
    }
    torn = 0;
    writer_done = false;
    cpus_run(2, write_and_watch);
    CHECK_EQ(torn, 0);
}
