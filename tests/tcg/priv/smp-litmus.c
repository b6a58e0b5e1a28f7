/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory order between processors, continued: rings of two to four, coherence, causality through a third processor,
 * mixed sizes, locked operations of every kind, serializing instructions. What is forbidden follows from x86-TSO
 * (Sewell et al., "x86-TSO", 2010) and SDM vol. 3A, "Memory Ordering" and "Serializing Instructions".
 */
#include "litmus.h"

/* Location n of a ring. */
static volatile uint64_t *ring(Slot *s, unsigned n)
{
    return n == 0 ? &s->x : n == 1 ? &s->y : n == 2 ? &s->z : &s->w;
}

/* Processor n writes location n and reads the next one; the last reads the first. */
#define SB_RING(name, size, between)                                                                                   \
static void name(Slot *s, unsigned cpu)                                                                                \
{                                                                                                                      \
    s->r[cpu][0] = STORE_LOAD(*ring(s, cpu), between, *ring(s, (cpu + 1) % (size)));                                   \
}
SB_RING(sb3_fence, 3, "mfence; ")
SB_RING(sb4_fence, 4, "mfence; ")
SB_RING(sb4_locked, 4, "lock addl $0, -64(%%rsp); ")
SB(sb_failing_cmpxchg, "xorl %%eax, %%eax; lock cmpxchgq %%rsp, -8(%%rsp); ")   /* a return address is not 0 */
SB(sb_lock_across_lines, "leaq -256(%%rsp), %%rax; orq $63, %%rax; lock orl $0, (%%rax); ")
SB(sb_xadd_byte, "movb $0, %%al; lock xaddb %%al, -64(%%rsp); ")

static bool zeros(const Slot *s, unsigned n)
{
    bool all = true;

    for (unsigned i = 0; i < n; i++) {
        all &= !s->r[i][0];
    }
    return all;
}
static bool zeros2(const Slot *s) { return zeros(s, 2); }
static bool zeros3(const Slot *s) { return zeros(s, 3); }
static bool zeros4(const Slot *s) { return zeros(s, 4); }

FORBIDDEN(sb_of_three_with_fences, 3, sb3_fence, zeros3)
FORBIDDEN(sb_of_four_with_fences, 4, sb4_fence, zeros4)
FORBIDDEN(sb_of_four_with_locked_operations, 4, sb4_locked, zeros4)
FORBIDDEN(sb_a_compare_that_fails_is_a_fence, 2, sb_failing_cmpxchg, zeros2)
FORBIDDEN(sb_a_locked_operation_across_lines_is_a_fence, 2, sb_lock_across_lines, zeros2)
FORBIDDEN(sb_a_locked_byte_is_a_fence, 2, sb_xadd_byte, zeros2)

/* ---- serializing instructions drain the stores before them ---- */

SB(sb_cpuid, "xorl %%eax, %%eax; cpuid; ")
SB(sb_cr3, "movq %%cr3, %%rax; movq %%rax, %%cr3; ")
SB(sb_invlpg, "invlpg -64(%%rsp); ")
SB(sb_wrmsr, "xorl %%eax, %%eax; xorl %%edx, %%edx; movl $0x174, %%ecx; wrmsr; ")
SB(sb_debug, "xorl %%eax, %%eax; movq %%rax, %%db0; ")
SB(sb_iret, "movq %%rsp, %%rbx; movl %%ss, %%eax; pushq %%rax; pushq %%rbx; pushfq; movl %%cs, %%eax; pushq %%rax; "
            "leaq 9f(%%rip), %%rax; pushq %%rax; iretq; 9: ")
SB(sb_uncached, "movl 0xfee00020, %%eax; ")

FORBIDDEN(sb_cpuid_is_a_fence, 2, sb_cpuid, zeros2)
FORBIDDEN(sb_a_write_to_cr3_is_a_fence, 2, sb_cr3, zeros2)
FORBIDDEN(sb_invlpg_is_a_fence, 2, sb_invlpg, zeros2)
FORBIDDEN(sb_wrmsr_is_a_fence, 2, sb_wrmsr, zeros2)
FORBIDDEN(sb_a_write_to_a_debug_register_is_a_fence, 2, sb_debug, zeros2)
FORBIDDEN(sb_iret_is_a_fence, 2, sb_iret, zeros2)
FORBIDDEN(sb_an_uncached_load_waits_for_the_stores, 2, sb_uncached, zeros2)

/* ---- load buffering in rings ---- */

static void lb3(Slot *s, unsigned cpu) { s->r[cpu][0] = LOAD_STORE(*ring(s, cpu), *ring(s, (cpu + 1) % 3)); }
static void lb4(Slot *s, unsigned cpu) { s->r[cpu][0] = LOAD_STORE(*ring(s, cpu), *ring(s, (cpu + 1) % 4)); }
static bool ones3(const Slot *s) { return s->r[0][0] && s->r[1][0] && s->r[2][0]; }
static bool ones4(const Slot *s) { return ones3(s) && s->r[3][0]; }

FORBIDDEN(lb_of_three, 3, lb3, ones3)
FORBIDDEN(lb_of_four, 4, lb4, ones4)

/* ---- own stores are seen at once, and one order of the stores to a location by all ---- */

static void forward(Slot *s, unsigned cpu)
{
    volatile uint64_t *mine = ring(s, cpu), *other = ring(s, 1 - cpu);
    uint64_t a, b;

    __asm__ volatile("movq $1, %2; movq %2, %0; movq %3, %1"
                     : "=&r"(a), "=&r"(b), "+m"(*mine)
                     : "m"(*other)
                     : "memory");
    s->r[cpu][0] = a;
    s->r[cpu][1] = b;
}
static bool not_forwarded(const Slot *s) { return s->r[0][0] != 1 || s->r[1][0] != 1; }
FORBIDDEN(a_store_is_seen_by_its_own_processor_at_once, 2, forward, not_forwarded)

/* Both write the location and read it back. */
static void write_and_read(Slot *s, unsigned cpu)
{
    if (cpu == 0) {
        STORE(s->x, 1);
    } else {
        STORE(s->x, 2);
    }
    s->r[cpu][0] = LOAD(s->x);
}
static bool swapped(const Slot *s) { return s->r[0][0] == 2 && s->r[1][0] == 1; }
static bool cowr_went_back(const Slot *s)
{
    return (s->r[0][0] == 2 && s->x == 1) || (s->r[1][0] == 1 && s->x == 2);
}
FORBIDDEN(two_that_write_do_not_see_each_others_value, 2, write_and_read, swapped)
FORBIDDEN(cowr_a_value_that_was_overwritten_does_not_win, 2, write_and_read, cowr_went_back)

static void read_and_write(Slot *s, unsigned cpu)
{
    s->r[cpu][0] = LOAD(s->x);
    if (cpu == 0) {
        STORE(s->x, 1);
    } else {
        STORE(s->x, 2);
    }
}
static bool corw_went_back(const Slot *s)
{
    return (s->r[0][0] == 2 && s->x == 2) || (s->r[1][0] == 1 && s->x == 1);
}
FORBIDDEN(two_that_read_first_do_not_see_each_others_value, 2, read_and_write, swapped)
FORBIDDEN(corw_a_store_comes_after_what_was_read_before_it, 2, read_and_write, corw_went_back)

/* Two write, two read twice. */
static void corr4(Slot *s, unsigned cpu)
{
    if (cpu == 0) {
        STORE(s->x, 1);
    } else if (cpu == 1) {
        STORE(s->x, 2);
    } else {
        LOAD2(s->r[cpu - 2][0], s->x, s->r[cpu - 2][1], s->x);
    }
}
static bool disagree(const Slot *s)
{
    uint64_t a = s->r[0][0], b = s->r[0][1], c = s->r[1][0], d = s->r[1][1];

    return (a && !b) || (c && !d) || (a && b && a != b && c == b && d == a);
}
FORBIDDEN(corr_readers_agree_on_the_order_of_two_writers, 4, corr4, disagree)

/* ---- two processors, store against load ---- */

static void r_test(Slot *s, unsigned cpu)
{
    if (cpu == 0) {
        STORE(s->x, 1);
        STORE(s->y, 1);
    } else {
        STORE(s->y, 2);
        MFENCE();
        s->r[1][0] = LOAD(s->x);
    }
}
static bool r_seen(const Slot *s) { return s->y == 2 && s->r[1][0] == 0; }
FORBIDDEN(r_the_last_to_write_sees_what_the_other_wrote_before, 2, r_test, r_seen)

static void s_test(Slot *s, unsigned cpu)
{
    if (cpu == 0) {
        STORE(s->x, 2);
        STORE(s->y, 1);
    } else {
        s->r[1][0] = LOAD_STORE(s->y, s->x);
    }
}
static bool s_seen(const Slot *s) { return s->r[1][0] == 1 && s->x == 2; }
FORBIDDEN(s_a_store_comes_after_what_was_seen_before_it, 2, s_test, s_seen)

/* ---- messages: by locked operations, in pieces, of other sizes, across lines ---- */

static bool late(const Slot *s) { return s->r[1][0] == 1 && s->r[1][1] == 0; }

static void mp_locked(Slot *s, unsigned cpu)
{
    if (cpu == 0) {
        XADD(s->x, 1);
        XADD(s->y, 1);
    } else {
        LOAD2(s->r[1][0], s->y, s->r[1][1], s->x);
    }
}
FORBIDDEN(mp_locked_operations_are_seen_in_order, 2, mp_locked, late)

static void mp_locked_reader(Slot *s, unsigned cpu)
{
    if (cpu == 0) {
        STORE(s->x, 1);
        STORE(s->y, 1);
    } else {
        s->r[1][0] = CMPXCHG(s->y, 7, 7);
        s->r[1][1] = XADD(s->x, 0);
    }
}
FORBIDDEN(mp_locked_reads_see_in_order, 2, mp_locked_reader, late)

static void mp_halves(Slot *s, unsigned cpu)
{
    if (cpu == 0) {
        __asm__ volatile("movl $1, %0; movl $1, 4+%0" : "=m"(s->x) : : "memory");
    } else {
        s->r[1][0] = LOAD(s->x);
    }
}
static bool upper_first(const Slot *s) { return s->r[1][0] == 1ull << 32; }
FORBIDDEN(mp_halves_of_a_quad_are_seen_in_order, 2, mp_halves, upper_first)

static void mp_bytes(Slot *s, unsigned cpu)
{
    if (cpu == 0) {
        __asm__ volatile("movb $1, %0; movb $1, %1" : "=m"(s->x), "=m"(s->y) : : "memory");
    } else {
        uint32_t a, b;

        __asm__ volatile("movzbl %2, %0; movzwl %3, %1" : "=&r"(a), "=&r"(b) : "m"(s->y), "m"(s->x) : "memory");
        s->r[1][0] = a;
        s->r[1][1] = b;
    }
}
FORBIDDEN(mp_bytes_are_seen_in_order, 2, mp_bytes, late)

/* The data spans two cache lines (y and z), the flag is x. */
static void mp_split(Slot *s, unsigned cpu)
{
    volatile uint64_t *data = (volatile uint64_t *)((volatile char *)&s->z - 4);

    if (cpu == 0) {
        STORE(*data, -1);
        STORE(s->x, 1);
    } else {
        uint64_t flag, value;

        LOAD2(flag, s->x, value, *data);
        s->r[1][0] = flag;
        s->r[1][1] = value == ~0ull;
    }
}
FORBIDDEN(mp_data_across_lines_is_complete_when_the_flag_is_seen, 2, mp_split, late)

static void mp_string(Slot *s, unsigned cpu)
{
    if (cpu == 0) {
        volatile void *p = &s->x;
        uint64_t n = 8;

        __asm__ volatile("rep stosq; movq $1, %2" : "+D"(p), "+c"(n), "=m"(s->y) : "a"(1ull) : "memory");
    } else {
        LOAD2(s->r[1][0], s->y, s->r[1][1], s->x);
    }
}
FORBIDDEN(mp_a_string_is_stored_before_what_follows, 2, mp_string, late)

/* ---- causality through other processors ---- */

static void isa2(Slot *s, unsigned cpu)
{
    if (cpu == 0) {
        STORE(s->x, 1);
        STORE(s->y, 1);
    } else if (cpu == 1) {
        s->r[0][0] = LOAD_STORE(s->y, s->z);
    } else {
        LOAD2(s->r[1][0], s->z, s->r[1][1], s->x);
    }
}
static bool isa2_seen(const Slot *s) { return s->r[0][0] && s->r[1][0] && !s->r[1][1]; }
FORBIDDEN(isa2_a_message_passed_on_brings_what_came_before, 3, isa2, isa2_seen)

static void isa2_of_four(Slot *s, unsigned cpu)
{
    if (cpu == 0) {
        STORE(s->x, 1);
        STORE(s->y, 1);
    } else if (cpu == 1) {
        s->r[0][0] = LOAD_STORE(s->y, s->z);
    } else if (cpu == 2) {
        s->r[2][0] = LOAD_STORE(s->z, s->w);
    } else {
        LOAD2(s->r[1][0], s->w, s->r[1][1], s->x);
    }
}
static bool isa2_of_four_seen(const Slot *s) { return isa2_seen(s) && s->r[2][0]; }
FORBIDDEN(isa2_a_message_passed_on_twice_brings_what_came_before, 4, isa2_of_four, isa2_of_four_seen)

static void rwc(Slot *s, unsigned cpu)
{
    if (cpu == 0) {
        STORE(s->x, 1);
    } else if (cpu == 1) {
        LOAD2(s->r[0][0], s->x, s->r[0][1], s->y);
    } else {
        s->r[1][0] = STORE_LOAD(s->y, "mfence; ", s->x);
    }
}
static bool rwc_seen(const Slot *s) { return s->r[0][0] && !s->r[0][1] && !s->r[1][0]; }
FORBIDDEN(rwc_a_reader_and_a_fenced_writer_agree, 3, rwc, rwc_seen)

static void w_rwc(Slot *s, unsigned cpu)
{
    if (cpu == 0) {
        STORE(s->x, 1);
        STORE(s->z, 1);
    } else if (cpu == 1) {
        LOAD2(s->r[0][0], s->z, s->r[0][1], s->y);
    } else {
        s->r[1][0] = STORE_LOAD(s->y, "mfence; ", s->x);
    }
}
FORBIDDEN(w_rwc_a_reader_of_a_message_and_a_fenced_writer_agree, 3, w_rwc, rwc_seen)

static void wwc(Slot *s, unsigned cpu)
{
    if (cpu == 0) {
        STORE(s->x, 2);
    } else if (cpu == 1) {
        s->r[0][0] = LOAD_STORE(s->x, s->y);
    } else {
        s->r[1][0] = LOAD_STORE(s->y, s->x);
    }
}
static bool wwc_seen(const Slot *s) { return s->r[0][0] == 2 && s->r[1][0] == 1 && s->x == 2; }
FORBIDDEN(wwc_a_store_comes_after_what_led_to_it, 3, wwc, wwc_seen)

/* ---- independent writes and independent readers, locked ---- */

static bool iriw_seen(const Slot *s) { return s->r[0][0] && !s->r[0][1] && s->r[1][0] && !s->r[1][1]; }

static void iriw_locked_writes(Slot *s, unsigned cpu)
{
    switch (cpu) {
    case 0: XCHG(s->x, 1); break;
    case 1: CMPXCHG(s->y, 0, 1); break;
    case 2: LOAD2(s->r[0][0], s->x, s->r[0][1], s->y); break;
    default: LOAD2(s->r[1][0], s->y, s->r[1][1], s->x); break;
    }
}
FORBIDDEN(iriw_readers_agree_on_locked_writes, 4, iriw_locked_writes, iriw_seen)

static void iriw_locked_reads(Slot *s, unsigned cpu)
{
    switch (cpu) {
    case 0: STORE(s->x, 1); break;
    case 1: STORE(s->y, 1); break;
    case 2:
        s->r[0][0] = XADD(s->x, 0);
        s->r[0][1] = XADD(s->y, 0);
        break;
    default:
        s->r[1][0] = CMPXCHG(s->y, 7, 7);
        s->r[1][1] = CMPXCHG(s->x, 7, 7);
        break;
    }
}
FORBIDDEN(iriw_locked_readers_agree, 4, iriw_locked_reads, iriw_seen)

/* Bytes of one quad: nobody may see them in different orders, whatever the width of the look. */
static void iriw_bytes(Slot *s, unsigned cpu)
{
    switch (cpu) {
    case 0: __asm__ volatile("movb $1, %0" : "+m"(s->x)); break;
    case 1: __asm__ volatile("movb $1, 5+%0" : "+m"(s->x)); break;
    default: s->r[cpu - 2][0] = LOAD(s->x); break;
    }
}
static bool iriw_bytes_seen(const Slot *s)
{
    uint64_t a = s->r[0][0], b = s->r[1][0];

    return (a == 1 && b == 1ull << 40) || (b == 1 && a == 1ull << 40);
}
FORBIDDEN(iriw_readers_agree_on_bytes_of_a_quad, 4, iriw_bytes, iriw_bytes_seen)

/* ---- one winner ---- */

static volatile unsigned players;

#define CONTEST(name, how)                                                                                             \
static void name(Slot *s, unsigned cpu)                                                                                \
{                                                                                                                      \
    s->r[cpu][0] = how;                                                                                                \
}
CONTEST(contest_cmpxchg, CMPXCHG(s->x, 0, cpu + 1))
CONTEST(contest_xchg, XCHG(s->x, cpu + 1))
CONTEST(contest_xadd, XADD(s->x, 1))
CONTEST(contest_bts, ({
    uint8_t before_;
    __asm__ volatile("lock btsq $63, %1; setc %0" : "=q"(before_), "+m"(s->x) : : "cc", "memory");
    before_;
}))

/* The winner has read 0, all others its number. */
static bool cmpxchg_wrong(const Slot *s)
{
    unsigned winners = 0, wrong = 0;

    for (unsigned i = 0; i < players; i++) {
        winners += s->r[i][0] == 0;
        wrong += s->r[i][0] == 0 ? s->x != i + 1 : s->r[i][0] != s->x;
    }
    return winners != 1 || wrong;
}

/* What was read, and what is there in the end, are 0 and everybody's number, each once. */
static bool xchg_wrong(const Slot *s)
{
    unsigned seen = 1u << (s->x & 7);

    for (unsigned i = 0; i < players; i++) {
        seen |= 1u << (s->r[i][0] & 7);
    }
    return seen != (1u << (players + 1)) - 1;
}

static bool xadd_wrong(const Slot *s)
{
    unsigned seen = 0;

    for (unsigned i = 0; i < players; i++) {
        seen |= 1u << (s->r[i][0] & 7);
    }
    return seen != (1u << players) - 1 || s->x != players;
}

static bool bts_wrong(const Slot *s)
{
    unsigned winners = 0;

    for (unsigned i = 0; i < players; i++) {
        winners += !s->r[i][0];
    }
    return winners != 1;
}

/* On all processors that there are. */
static void contest(void (*run)(Slot *s, unsigned cpu), bool (*wrong)(const Slot *s))
{
    Litmus l = { cpus_start(), run, wrong };

    players = l.cpus;
    CHECK_EQ(litmus_outcomes(&l), 0);
}

TEST(one_cmpxchg_wins_and_all_know_which) { contest(contest_cmpxchg, cmpxchg_wrong); }
TEST(exchanges_form_a_chain) { contest(contest_xchg, xchg_wrong); }
TEST(xadd_gives_everybody_a_number_of_its_own) { contest(contest_xadd, xadd_wrong); }
TEST(one_bts_finds_the_bit_clear) { contest(contest_bts, bts_wrong); }
