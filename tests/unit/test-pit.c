/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 8254 through its ports and the clock. */
#include "qemu/osdep.h"
#include "device-harness.h"
#include "hw/timer/i8254.h"

static Device *pit;

/* First nanosecond of a tick, computed without the device's help. */
static int64_t tick_ns(int64_t tick)
{
    return (int64_t)(((__int128)tick * NANOSECONDS_PER_SECOND + PIT_HZ - 1) / PIT_HZ);
}

static int64_t now_tick(void)
{
    return (int64_t)((__int128)clock_get_ns(CLOCK_VM) * PIT_HZ / NANOSECONDS_PER_SECOND);
}

/* To the start of the tick that is n after the present one. */
static void ticks(int64_t n)
{
    run_to(tick_ns(now_tick() + n));
}

static void fresh(void)
{
    pit->type->reset(pit);
    run_for(MS);
    ticks(1);
    memset(line_edges, 0, sizeof(line_edges));
}

static void program(unsigned ch, unsigned mode, uint16_t count)
{
    out8(0x43, ch << 6 | 0x30 | mode << 1);
    out8(0x40 + ch, count & 0xff);
    out8(0x40 + ch, count >> 8);
}

static uint16_t read_count(unsigned ch)
{
    uint16_t low;

    out8(0x43, ch << 6);
    low = in8(0x40 + ch);
    return low | in8(0x40 + ch) << 8;
}

static uint8_t status(unsigned ch)
{
    out8(0x43, 0xe0 | 2 << ch);
    return in8(0x40 + ch);
}

static void test_reset_state(void)
{
    fresh();
    for (unsigned ch = 0; ch < 3; ch++) {
        g_assert_cmphex(status(ch), ==, 0x86);
    }
}

static void test_mode0_counts_down_and_raises_out(void)
{
    fresh();
    i8254_set_gate(pit, 2, true);
    program(2, 0, 1000);
    g_assert_false(i8254_out(pit, 2));
    g_assert_cmphex(status(2) & 0xc0, ==, 0x40);        /* null count: loads with the next clock */
    ticks(1);
    g_assert_cmpuint(read_count(2), ==, 1000);
    ticks(999);
    g_assert_cmpuint(read_count(2), ==, 1);
    g_assert_false(i8254_out(pit, 2));
    ticks(1);
    g_assert_true(i8254_out(pit, 2));
    g_assert_cmpuint(read_count(2), ==, 0);
    ticks(1);
    g_assert_cmphex(read_count(2), ==, 0xffff);
    g_assert_true(i8254_out(pit, 2));
}

static void test_mode0_gate_suspends(void)
{
    fresh();
    i8254_set_gate(pit, 2, true);
    program(2, 0, 1000);
    ticks(101);
    i8254_set_gate(pit, 2, false);
    ticks(5000);
    g_assert_cmpuint(read_count(2), ==, 900);
    i8254_set_gate(pit, 2, true);
    ticks(100);
    g_assert_cmpuint(read_count(2), ==, 800);
}

static void test_mode0_first_byte_stops(void)
{
    fresh();
    program(0, 0, 0x0203);
    g_assert_cmpint(line_level[0], ==, 0);
    ticks(3);
    out8(0x40, 0x10);
    ticks(100);
    g_assert_cmphex(read_count(0), ==, 0x0201);
    out8(0x40, 0x00);
    ticks(17);
    g_assert_cmpint(line_level[0], ==, 1);
    g_assert_cmpuint(line_edges[0], ==, 1);
}

static void test_mode1_is_retriggered_by_the_gate(void)
{
    fresh();
    program(2, 1, 10);
    g_assert_true(i8254_out(pit, 2));
    i8254_set_gate(pit, 2, true);
    g_assert_true(i8254_out(pit, 2));
    ticks(1);
    g_assert_false(i8254_out(pit, 2));
    ticks(5);
    i8254_set_gate(pit, 2, false);
    i8254_set_gate(pit, 2, true);
    ticks(10);
    g_assert_false(i8254_out(pit, 2));
    ticks(1);
    g_assert_true(i8254_out(pit, 2));
}

static void test_mode2_period(void)
{
    fresh();
    program(0, 2, 1193);
    ticks(1);
    g_assert_cmpuint(read_count(0), ==, 1193);
    ticks(1192);
    g_assert_cmpuint(read_count(0), ==, 1);
    g_assert_false(i8254_out(pit, 0));
    g_assert_cmpuint(line_edges[0], ==, 0);
    ticks(1);
    g_assert_cmpuint(read_count(0), ==, 1193);
    g_assert_true(i8254_out(pit, 0));
    g_assert_cmpuint(line_edges[0], ==, 1);
}

static void test_periodic_interrupts_do_not_drift(void)
{
    fresh();
    program(0, 2, 11932);
    ticks(1);
    ticks(11932ll * 36000);             /* an hour */
    g_assert_cmpuint(line_edges[0], ==, 36000);
}

static void test_missed_ticks_are_made_up_for(void)
{
    fresh();
    program(0, 3, 1193);
    clock_vm_set(clock_get_ns(CLOCK_VM) + 50 * MS + 700 * US);
    timers_run();
    g_assert_cmpuint(line_edges[0], ==, 1);     /* one at a time: the CPU has to take each */
    g_assert_cmpint(line_level[0], ==, 1);      /* not withdrawn by the low half of OUT */
    run_for(50 * MS);                           /* 50 of their own time, 49 owed, at most 4 in a period */
    g_assert_cmpuint(line_edges[0], >=, 99);
    g_assert_cmpuint(line_edges[0], <=, 101);
    run_for(10 * MS);
    g_assert_cmpuint(line_edges[0], <=, 111);    /* and no more than were missed */
}

static void test_mode3_square_wave(void)
{
    fresh();
    program(0, 3, 10);
    ticks(1);
    for (unsigned cycle = 0; cycle < 3; cycle++) {
        static const uint8_t even[10] = { 10, 8, 6, 4, 2, 10, 8, 6, 4, 2 };

        for (unsigned i = 0; i < 10; i++, ticks(1)) {
            g_assert_cmpuint(read_count(0), ==, even[i]);
            g_assert_cmpint(i8254_out(pit, 0), ==, i < 5);
        }
    }
    program(0, 3, 7);
    ticks(1);
    for (unsigned i = 0; i < 14; i++, ticks(1)) {
        g_assert_cmpint(i8254_out(pit, 0), ==, i % 7 < 4);
        g_assert_cmpuint(read_count(0) % 2, ==, 0);
    }
}

static void test_new_count_waits_for_the_cycle(void)
{
    fresh();
    program(0, 2, 1000);
    ticks(101);
    out8(0x40, 0xf4);
    out8(0x40, 0x01);
    g_assert_cmphex(status(0) & 0x40, ==, 0x40);
    g_assert_cmpuint(read_count(0), ==, 900);
    ticks(900);
    g_assert_cmpuint(read_count(0), ==, 500);
    g_assert_cmphex(status(0) & 0x40, ==, 0);
    g_assert_cmpuint(line_edges[0], ==, 1);
    ticks(500);
    g_assert_cmpuint(line_edges[0], ==, 2);
}

static void test_mode4_strobe(void)
{
    fresh();
    program(0, 4, 1000);
    g_assert_true(i8254_out(pit, 0));
    ticks(1001);
    g_assert_false(i8254_out(pit, 0));
    g_assert_cmpuint(line_edges[0], ==, 0);
    ticks(1);
    g_assert_true(i8254_out(pit, 0));
    g_assert_cmpuint(line_edges[0], ==, 1);
    ticks(200000);
    g_assert_cmpuint(line_edges[0], ==, 1);
}

static void test_latch_holds_until_read(void)
{
    uint16_t value;

    fresh();
    program(0, 2, 50000);
    ticks(101);
    out8(0x43, 0x00);
    ticks(100);
    out8(0x43, 0x00);       /* ignored */
    value = in8(0x40);
    value |= in8(0x40) << 8;
    g_assert_cmpuint(value, ==, 49900);
    value = in8(0x40);
    value |= in8(0x40) << 8;
    g_assert_cmpuint(value, ==, 49800);
}

static void test_read_back_gives_status_first(void)
{
    fresh();
    program(0, 2, 0x1234);
    ticks(1);
    out8(0x43, 0xc2);
    g_assert_cmphex(in8(0x40), ==, 0xb4);
    g_assert_cmphex(in8(0x40), ==, 0x34);
    g_assert_cmphex(in8(0x40), ==, 0x12);
}

static void test_bcd_counts_in_tens(void)
{
    fresh();
    out8(0x43, 0x31);
    out8(0x40, 0x00);
    out8(0x40, 0x10);       /* 1000 */
    ticks(2);
    g_assert_cmphex(read_count(0), ==, 0x0999);
}

static void test_fast_rates_are_bounded(void)
{
    fresh();
    program(0, 2, 2);
    run_for(10 * MS);
    g_assert_cmpuint(line_edges[0], <=, 1000);
    g_assert_cmpuint(line_edges[0], >=, 500);
}

static void test_state_survives_savevm(void)
{
    uint16_t before;

    fresh();
    program(0, 2, 40000);
    ticks(12345);
    before = read_count(0);
    save_reset_load(pit);
    g_assert_cmpuint(read_count(0), ==, before);
    memset(line_edges, 0, sizeof(line_edges));
    ticks(40000);
    g_assert_cmpuint(line_edges[0], ==, 1);
    assert_refused(pit, 10, 0x80);      /* the next edge long before the clock's start */
    load_nonsense(pit);
}

int main(int argc, char **argv)
{
    harness_init(&argc, &argv);
    pit = device_new("isa-pit");
    device_realize(pit, NULL, &error_abort);
    g_test_add_func("/pit/reset", test_reset_state);
    g_test_add_func("/pit/mode0", test_mode0_counts_down_and_raises_out);
    g_test_add_func("/pit/mode0-gate", test_mode0_gate_suspends);
    g_test_add_func("/pit/mode0-first-byte", test_mode0_first_byte_stops);
    g_test_add_func("/pit/mode1", test_mode1_is_retriggered_by_the_gate);
    g_test_add_func("/pit/mode2", test_mode2_period);
    g_test_add_func("/pit/no-drift", test_periodic_interrupts_do_not_drift);
    g_test_add_func("/pit/late", test_missed_ticks_are_made_up_for);
    g_test_add_func("/pit/mode3", test_mode3_square_wave);
    g_test_add_func("/pit/new-count", test_new_count_waits_for_the_cycle);
    g_test_add_func("/pit/mode4", test_mode4_strobe);
    g_test_add_func("/pit/latch", test_latch_holds_until_read);
    g_test_add_func("/pit/read-back", test_read_back_gives_status_first);
    g_test_add_func("/pit/bcd", test_bcd_counts_in_tens);
    g_test_add_func("/pit/fast", test_fast_rates_are_bounded);
    g_test_add_func("/pit/savevm", test_state_survives_savevm);
    return g_test_run();
}
