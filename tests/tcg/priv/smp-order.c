/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory order between processors: the classical litmus tests of x86-TSO (SDM vol. 3A, "Memory Ordering"; Sewell et
 * al., "x86-TSO", 2010), and what runs them. smp-litmus.c has more.
 */
#include "litmus.h"

static Slot slots[SLOTS];
static const Litmus *litmus;
static volatile unsigned round_number;

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

/*
 * How often they meet changes from round to round, and so does a small skew behind it: what is rare with one rhythm is
 * frequent with another. Where they do not meet, lines that the others have just written make them drift.
 */
static void run_slots(unsigned cpu)
{
    static const unsigned rhythms[] = { 1, 8, 64, SLOTS };
    unsigned every = rhythms[round_number & 3], skew = round_number >> 2;

    for (unsigned i = 0; i < SLOTS; i++) {
        if (i % every == 0) {
            meet(cpu, i);
            for (volatile unsigned wait = 0; wait < (skew >> cpu & 3); wait++) {
                continue;
            }
        }
        litmus->run(&slots[i], cpu);
    }
}

unsigned litmus_outcomes(const Litmus *l)
{
    unsigned seen = 0;

    if (cpus_start() < l->cpus) {
        skip("not enough processors");
        return 0;
    }
    litmus = l;
    for (unsigned round = 0; round < ROUNDS; round++) {
        memset(slots, 0, sizeof(slots));
        round_number = round;
        for (unsigned i = 0; i < 4; i++) {
            progress[i].at = 0;
        }
        cpus_run(l->cpus, run_slots);
        for (unsigned i = 0; i < SLOTS; i++) {
            seen += l->outcome(&slots[i]);
        }
    }
    return seen;
}

/* ---- store buffering ---- */

static bool both_zero(const Slot *s)
{
    return !s->r[0][0] && !s->r[1][0];
}

SB(sb, "")
SB(sb_fence, "mfence; ")
SB(sb_locked_elsewhere, "lock orl $0, -64(%%rsp); ")    /* drains the stores before it, wherever it is */

static void sb_exchange(Slot *s, unsigned cpu)
{
    if (cpu == 0) {
        XCHG(s->x, 1);
        s->r[0][0] = LOAD(s->y);
    } else {
        XCHG(s->y, 1);
        s->r[1][0] = LOAD(s->x);
    }
}

TEST(sb_stores_may_pass_later_loads)
{
    static const Litmus l = { 2, sb, both_zero };
    unsigned n = litmus_outcomes(&l);

    print("# seen %u times (allowed)\n", n);
}

FORBIDDEN(sb_fences_keep_stores_before_loads, 2, sb_fence, both_zero)
FORBIDDEN(sb_exchanges_keep_stores_before_loads, 2, sb_exchange, both_zero)
FORBIDDEN(sb_locked_operations_elsewhere_are_fences, 2, sb_locked_elsewhere, both_zero)

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

FORBIDDEN(mp_stores_are_seen_in_order, 2, mp, mp_forbidden)

/* ---- load buffering ---- */

static void lb(Slot *s, unsigned cpu)
{
    s->r[cpu][0] = cpu == 0 ? LOAD_STORE(s->x, s->y) : LOAD_STORE(s->y, s->x);
}

static bool both_one(const Slot *s)
{
    return s->r[0][0] == 1 && s->r[1][0] == 1;
}

FORBIDDEN(lb_loads_do_not_see_later_stores, 2, lb, both_one)

/* ---- coherence ---- */

static void corr(Slot *s, unsigned cpu)
{
    if (cpu == 0) {
        STORE(s->x, 1);
    } else {
        LOAD2(s->r[1][0], s->x, s->r[1][1], s->x);
    }
}

FORBIDDEN(corr_a_location_does_not_go_back, 2, corr, mp_forbidden)

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

FORBIDDEN(two_writers_agree_on_the_order, 2, two_plus_two, two_plus_two_forbidden)

/* ---- three and four processors ---- */

static void wrc(Slot *s, unsigned cpu)
{
    if (cpu == 0) {
        STORE(s->x, 1);
    } else if (cpu == 1) {
        s->r[0][0] = LOAD_STORE(s->x, s->y);
    } else {
        LOAD2(s->r[1][0], s->y, s->r[1][1], s->x);
    }
}

static bool wrc_forbidden(const Slot *s)
{
    return s->r[0][0] == 1 && s->r[1][0] == 1 && s->r[1][1] == 0;
}

FORBIDDEN(wrc_what_one_has_seen_others_see, 3, wrc, wrc_forbidden)

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

FORBIDDEN(iriw_readers_agree_on_independent_writes, 4, iriw, iriw_forbidden)

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

/*
 * Vectors of 16 bytes, in a page that has code, and with a translation that is new each time: SDM vol. 3A, "Guaranteed
 * Atomic Operations", for processors with AVX.
 */
static uint8_t mixed[4096] __attribute__((aligned(4096)));

static void write_and_watch_vectors(unsigned cpu)
{
    static volatile uint64_t ones[2] __attribute__((aligned(16))) = { ~0ull, ~0ull };
    static volatile uint64_t zeros[2] __attribute__((aligned(16)));
    volatile uint64_t seen[2] __attribute__((aligned(16)));
    volatile uint64_t *place = (volatile uint64_t *)(mixed + 64);

    if (cpu == 0) {
        for (unsigned i = 0; i < 20000; i++) {
            __asm__ volatile("movdqa %1, %%xmm0; movdqa %%xmm0, %0"
                             : "=m"(*place)
                             : "m"(*(i & 1 ? ones : zeros))
                             : "memory");
            if (i % 16 == 0) {
                ((void (*)(void))(uintptr_t)mixed)();
                invlpg(mixed);
            }
        }
        writer_done = true;
        return;
    }
    while (!writer_done) {
        invlpg(mixed);
        __asm__ volatile("movdqa %1, %%xmm0; movdqa %%xmm0, %0" : "=m"(seen[0]) : "m"(*place) : "memory");
        torn += seen[0] != seen[1];
    }
}

TEST(aligned_vectors_are_never_torn)
{
    if (cpus_start() < 2 || !cpu_has(1, 2, 28)) {
        skip("one processor, or one without AVX");
        return;
    }
    mixed[0] = 0xc3;
    torn = 0;
    writer_done = false;
    cpus_run(2, write_and_watch_vectors);
    CHECK_EQ(torn, 0);
}
