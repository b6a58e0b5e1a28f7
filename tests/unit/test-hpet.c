/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The HPET through its registers and the clock. */
#include "qemu/osdep.h"
#include "device-harness.h"
#include "hw/timer/hpet.h"

#define CONFIG      0x010
#define STATUS      0x020
#define COUNTER     0x0f0
#define T(n, reg)   (0x100 + 0x20 * (n) + (reg))
#define T_ENABLE    0x004u
#define T_LEVEL     0x002u
#define T_PERIODIC  0x008u
#define T_SETVAL    0x040u
#define T_32BIT     0x100u
#define T_GSI2      0x400u

static Device *hpet, *pit, *rtc;
static int gsi2_level;
static unsigned gsi2_edges;

static void gsi2_set(void *opaque, int n, int level)
{
    gsi2_edges += level && !gsi2_level;
    gsi2_level = level;
}

static uint32_t get(unsigned reg)
{
    return ldl_phys(address_space_memory, HPET_BASE + reg);
}

static uint64_t get64(unsigned reg)
{
    return ldq_phys(address_space_memory, HPET_BASE + reg);
}

static void set(unsigned reg, uint32_t v)
{
    stl_phys(address_space_memory, HPET_BASE + reg, v);
}

static void set64(unsigned reg, uint64_t v)
{
    stq_phys(address_space_memory, HPET_BASE + reg, v);
}

static void fresh(void)
{
    pit->type->reset(pit);
    rtc->type->reset(rtc);
    hpet->type->reset(hpet);
    out8(0x43, 0x30);           /* the 8254 waits for a count and is silent */
    gsi2_edges = 0;
    memset(line_edges, 0, sizeof(line_edges));
}

static void test_registers_at_reset(void)
{
    fresh();
    g_assert_cmphex(get64(0), ==, 0x009896808086a201);
    g_assert_cmphex(get(4), ==, 0x00989680);
    g_assert_cmphex(get64(CONFIG), ==, 0);
    g_assert_cmphex(get64(COUNTER), ==, 0);
    for (unsigned n = 0; n < 3; n++) {
        g_assert_cmphex(get64(T(n, 0)), ==, 0x0000000400000030);
        g_assert_cmphex(get64(T(n, 8)), ==, ~0ull);
        set(T(n, 0), 0xffffffff);
        g_assert_cmphex(get(T(n, 0)), ==, 0x7f7e);
    }
    g_assert_cmphex(get64(T(3, 0)), ==, 0);
}

static void test_counter_runs_only_when_enabled(void)
{
    fresh();
    set64(COUNTER, 0x123456789abcdef0);
    run_for(1 * MS);
    g_assert_cmphex(get64(COUNTER), ==, 0x123456789abcdef0);
    set(CONFIG, 1);
    run_for(1 * MS);
    g_assert_cmphex(get64(COUNTER), ==, 0x123456789abcdef0 + 100000);
    set64(COUNTER, 0);                                      /* not while it runs */
    g_assert_cmphex(get(COUNTER + 4), ==, 0x12345678);
    set(CONFIG, 0);
    run_for(1 * MS);
    g_assert_cmphex(get64(COUNTER), ==, 0x123456789abcdef0 + 100000);
    set(COUNTER, 0);                                        /* one half at a time */
    g_assert_cmphex(get64(COUNTER), ==, 0x1234567800000000);
}

static void test_one_shot_fires_once_at_its_time(void)
{
    fresh();
    set(CONFIG, 1);
    set(T(0, 0), T_ENABLE | T_GSI2);
    set64(T(0, 8), 5000);
    run_for(49 * US);
    g_assert_cmpuint(gsi2_edges, ==, 0);
    run_for(1 * US);
    g_assert_cmpuint(gsi2_edges, ==, 1);
    run_for(100000 * MS);
    g_assert_cmpuint(gsi2_edges, ==, 1);
    g_assert_cmphex(get64(T(0, 8)), ==, 5000);
}

static void test_32_bit_one_shot_fires_at_each_wrap(void)
{
    fresh();
    set(CONFIG, 1);
    set(T(1, 0), T_ENABLE | T_GSI2 | T_32BIT);
    set(T(1, 8), 5000);
    run_for(50 * US);
    g_assert_cmpuint(gsi2_edges, ==, 1);
    run_for((1ll << 32) * 10);
    g_assert_cmpuint(gsi2_edges, ==, 2);
    /* A comparator just passed waits for the wrap too. */
    set(T(1, 8), get(COUNTER) - 1);
    run_for(1000 * MS);
    g_assert_cmpuint(gsi2_edges, ==, 2);
    run_for((1ll << 32) * 10);
    g_assert_cmpuint(gsi2_edges, ==, 3);
}

/* As Linux does it: mode with SETVAL, first match, then the period. */
static void start_periodic(unsigned n, uint32_t flags, uint32_t first, uint32_t period)
{
    set(T(n, 0), T_ENABLE | T_PERIODIC | T_SETVAL | flags);
    set64(T(n, 8), get(COUNTER) + first);
    set64(T(n, 8), period);
}

static void test_periodic_keeps_its_grid(void)
{
    fresh();
    set(CONFIG, 1);
    start_periodic(0, T_GSI2 | T_32BIT, 100, 100000);
    g_assert_cmphex(get(T(0, 0)) & T_SETVAL, ==, 0);
    run_for(1 * US);
    g_assert_cmpuint(gsi2_edges, ==, 1);
    run_for(100 * MS - 1);
    g_assert_cmpuint(gsi2_edges, ==, 100);
    run_for(1);
    g_assert_cmpuint(gsi2_edges, ==, 101);
    g_assert_cmpuint(get(T(0, 8)), ==, 100 + 101 * 100000);
    clock_vm_set(clock_get_ns(CLOCK_VM) + 5 * MS);          /* the host was busy: late ones merge */
    timers_run();
    g_assert_cmpuint(gsi2_edges, ==, 102);
    run_for(1 * MS);
    g_assert_cmpuint(gsi2_edges, ==, 103);
}

static void test_tiny_period_is_thinned_out(void)
{
    fresh();
    set(CONFIG, 1);
    start_periodic(0, T_GSI2, 1, 1);
    run_for(1 * MS);
    g_assert_cmpuint(gsi2_edges, >=, 10);
    g_assert_cmpuint(gsi2_edges, <=, 101);
    start_periodic(0, T_GSI2, 1, 0);
    run_for(1 * MS);
}

static void test_level_interrupt_stands_until_status_is_cleared(void)
{
    fresh();
    set(CONFIG, 1);
    set(T(2, 0), T_ENABLE | T_LEVEL | T_GSI2);
    set64(T(2, 8), 100);
    run_for(1 * MS);
    g_assert_cmphex(get(STATUS), ==, 4);
    g_assert_cmpint(gsi2_level, ==, 1);
    set(STATUS, 3);
    g_assert_cmpint(gsi2_level, ==, 1);
    set(STATUS, 4);
    g_assert_cmphex(get(STATUS), ==, 0);
    g_assert_cmpint(gsi2_level, ==, 0);
}

static void test_disabled_timer_sets_status_only(void)
{
    fresh();
    set(CONFIG, 1);
    set(T(2, 0), T_LEVEL | T_GSI2);
    set64(T(2, 8), 100);
    run_for(1 * MS);
    g_assert_cmphex(get(STATUS), ==, 4);
    g_assert_cmpint(gsi2_level, ==, 0);
}

static void test_legacy_replacement_takes_lines_0_and_8(void)
{
    fresh();
    out8(0x43, 0x34);           /* 8254 at 1 kHz */
    out8(0x40, 0xa9);
    out8(0x40, 0x04);
    run_for(10 * MS);
    g_assert_cmpuint(line_edges[0], >=, 9);
    set(CONFIG, 3);
    memset(line_edges, 0, sizeof(line_edges));
    run_for(10 * MS);
    g_assert_cmpuint(line_edges[0], ==, 0);
    start_periodic(0, T_32BIT, 100000, 100000);
    start_periodic(1, T_32BIT, 200000, 200000);
    run_for(10 * MS);
    g_assert_cmpuint(line_edges[0], ==, 10);
    g_assert_cmpuint(line_edges[8], ==, 5);
    g_assert_cmpuint(gsi2_edges, ==, 0);
    set(CONFIG, 0);
    memset(line_edges, 0, sizeof(line_edges));
    run_for(10 * MS);
    g_assert_cmpuint(line_edges[0], >=, 9);
}

static void test_routes_that_do_not_exist_are_silent(void)
{
    fresh();
    set(CONFIG, 1);
    set(T(0, 0), T_ENABLE | 5u << 9);
    set64(T(0, 8), 100);
    run_for(1 * MS);
    g_assert_cmpuint(gsi2_edges, ==, 0);
}

static void test_nonsense_is_harmless(void)
{
    fresh();
    for (unsigned reg = 0; reg < HPET_SIZE; reg += 4) {
        set(reg, 0xffffffff);
        get64(reg & ~7u);
        run_for(1 * MS);
        stb_phys(address_space_memory, HPET_BASE + reg + 1, 0x5a);
        ldub_phys(address_space_memory, HPET_BASE + reg + 3);
    }
    stq_phys(address_space_memory, HPET_BASE + 0x104, ~0ull);
    g_assert_cmphex(get64(0), ==, 0x009896808086a201);
}

static void test_state_survives_savevm(void)
{
    fresh();
    set(CONFIG, 1);
    start_periodic(0, T_GSI2 | T_32BIT, 100, 100000);
    set(T(2, 0), T_ENABLE | T_LEVEL | T_GSI2);
    set64(T(2, 8), 10000000);
    run_for(10 * MS);
    save_reset_load(hpet);
    gsi2_edges = 0;
    run_for(10 * MS);
    g_assert_cmpuint(gsi2_edges, ==, 10);
    run_for(90 * MS);
    g_assert_cmphex(get(STATUS), ==, 4);
    save_reset_load(hpet);
    g_assert_cmpint(gsi2_level, ==, 1);
    load_nonsense(hpet);
}

/* Linux leaves the comparator it calibrated with running, periodic and with its interrupt off. */
static void test_disabled_timer_does_not_wake_the_host(void)
{
    fresh();
    set(CONFIG, 1);
    set(T(0, 0), T_ENABLE | T_LEVEL | T_PERIODIC | T_SETVAL | T_GSI2);
    set64(T(0, 8), 1000);
    set64(T(0, 8), 1000);
    g_assert_cmpint(timers_next_expiry(CLOCK_VM), >=, 0);
    set(T(0, 0), T_LEVEL | T_PERIODIC | T_GSI2);
    g_assert_cmpint(timers_next_expiry(CLOCK_VM), ==, -1);
    run_for(25 * US);
    g_assert_cmphex(get(STATUS), ==, 1);                    /* and yet it counts */
    g_assert_cmpuint(get64(T(0, 8)), ==, 3000);
    g_assert_cmpuint(gsi2_edges, ==, 0);
    set(STATUS, 1);
    set(T(0, 0), T_ENABLE | T_LEVEL | T_PERIODIC | T_GSI2);
    run_for(5 * US);
    g_assert_cmpuint(gsi2_edges, ==, 1);
}

int main(int argc, char **argv)
{
    harness_init(&argc, &argv);
    pit = device_new("isa-pit");
    rtc = device_new("mc146818rtc");
    device_realize(pit, NULL, &error_abort);
    device_realize(rtc, NULL, &error_abort);
    hpet = hpet_create(pit, rtc, irq_new(gsi2_set, NULL, 2), &error_abort);
    g_test_add_func("/hpet/reset", test_registers_at_reset);
    g_test_add_func("/hpet/counter", test_counter_runs_only_when_enabled);
    g_test_add_func("/hpet/one-shot", test_one_shot_fires_once_at_its_time);
    g_test_add_func("/hpet/32-bit", test_32_bit_one_shot_fires_at_each_wrap);
    g_test_add_func("/hpet/periodic", test_periodic_keeps_its_grid);
    g_test_add_func("/hpet/tiny-period", test_tiny_period_is_thinned_out);
    g_test_add_func("/hpet/level", test_level_interrupt_stands_until_status_is_cleared);
    g_test_add_func("/hpet/disabled", test_disabled_timer_sets_status_only);
    g_test_add_func("/hpet/disabled-sleeps", test_disabled_timer_does_not_wake_the_host);
    g_test_add_func("/hpet/legacy", test_legacy_replacement_takes_lines_0_and_8);
    g_test_add_func("/hpet/routes", test_routes_that_do_not_exist_are_silent);
    g_test_add_func("/hpet/nonsense", test_nonsense_is_harmless);
    g_test_add_func("/hpet/savevm", test_state_survives_savevm);
    return g_test_run();
}
