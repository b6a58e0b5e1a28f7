/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The real-time clock through its ports and the clock. */
#include "qemu/osdep.h"
#include "device-harness.h"
#include "hw/timer/mc146818rtc.h"

static Device *rtc;

static uint8_t get(uint8_t index)
{
    out8(0x70, index);
    return in8(0x71);
}

static void set(uint8_t index, uint8_t val)
{
    out8(0x70, index);
    out8(0x71, val);
}

/* Sets the date as Linux does: halted, divider reset; the first update follows half a second after the release. */
static void set_date(const uint8_t *hms, const uint8_t *wdmy, uint8_t century)
{
    set(0x0b, (get(0x0b) & 0x7f) | 0x80);
    set(0x0a, 0x76);
    set(0, hms[2]);
    set(2, hms[1]);
    set(4, hms[0]);
    set(6, wdmy[0]);
    set(7, wdmy[1]);
    set(8, wdmy[2]);
    set(9, wdmy[3]);
    set(0x32, century);
    set(0x0a, 0x26);
    set(0x0b, get(0x0b) & 0x7f);
}

static void fresh(void)
{
    rtc->type->reset(rtc);
    set(0x0a, 0x26);
    set(0x0b, 0x02);
    set_date((uint8_t[]) { 0x12, 0x00, 0x00 }, (uint8_t[]) { 4, 0x01, 0x03, 0x23 }, 0x20);
    get(0x0c);
    memset(line_edges, 0, sizeof(line_edges));
}

static void test_starts_with_the_host_time(void)
{
    g_autoptr(GDateTime) host = g_date_time_new_now_utc();
    struct tm tm;
    int64_t diff;

    rtc_get_date(rtc, &tm);
    diff = g_date_time_to_unix(host) - timegm(&tm);
    g_assert_cmpint(diff, >=, 0);
    g_assert_cmpint(diff, <=, 1);
    g_assert_cmphex(get(0x0a) & 0x7f, ==, 0x26);
    g_assert_cmphex(get(0x0b), ==, 0x02);
    g_assert_cmphex(get(0x0d), ==, 0x80);
    g_assert_cmphex(in8(0x70), ==, 0xff);
}

static void test_time_passes_exactly(void)
{
    fresh();
    run_for(499 * MS);
    g_assert_cmphex(get(0), ==, 0x00);
    run_for(1 * MS);
    g_assert_cmphex(get(0), ==, 0x01);
    run_for(60000 * MS);
    g_assert_cmphex(get(0), ==, 0x01);
    g_assert_cmphex(get(2), ==, 0x01);
    run_for(86400000ll * MS);
    g_assert_cmphex(get(7), ==, 0x02);
    g_assert_cmphex(get(6), ==, 5);
    g_assert_cmphex(get(4), ==, 0x12);
}

static void test_year_and_century_roll_over(void)
{
    fresh();
    set_date((uint8_t[]) { 0x23, 0x59, 0x59 }, (uint8_t[]) { 6, 0x31, 0x12, 0x99 }, 0x19);
    run_for(1000 * MS);
    g_assert_cmphex(get(9), ==, 0x00);
    g_assert_cmphex(get(0x32), ==, 0x20);
    g_assert_cmphex(get(0x37), ==, 0x20);
    g_assert_cmphex(get(8), ==, 0x01);
    g_assert_cmphex(get(7), ==, 0x01);
    g_assert_cmphex(get(6), ==, 7);
    g_assert_cmphex(get(0), ==, 0x00);
}

static void test_binary_and_12_hour_format(void)
{
    fresh();
    set(0x0b, 0x84);
    set(4, 12 | 0x80);      /* noon */
    set(2, 59);
    set(0, 59);
    set(0x0b, 0x04);
    run_for(1000 * MS);
    g_assert_cmphex(get(4), ==, 0x81);
    g_assert_cmpuint(get(2), ==, 0);
    set(0x0b, 0x84);
    set(4, 11 | 0x80);
    set(2, 59);
    set(0, 59);
    set(0x0b, 0x04);
    run_for(1000 * MS);
    g_assert_cmphex(get(4), ==, 12);        /* midnight is 12 AM */
}

static void test_set_freezes_the_registers(void)
{
    fresh();
    set(0x0b, 0x92);
    g_assert_cmphex(get(0x0b), ==, 0x82);   /* and clears UIE */
    run_for(5000 * MS);
    g_assert_cmphex(get(0), ==, 0x00);
    g_assert_cmphex(get(0x0a) & 0x80, ==, 0);
    set(0x0b, 0x02);
    run_for(1000 * MS);
    g_assert_cmphex(get(0), ==, 0x01);
}

static void test_uip_warns_before_the_update(void)
{
    fresh();
    run_for(497 * MS);
    g_assert_cmphex(get(0x0a), ==, 0x26);
    run_for(2 * MS);
    g_assert_cmphex(get(0x0a), ==, 0xa6);
    g_assert_cmphex(get(0), ==, 0x00);
    run_for(1 * MS);
    g_assert_cmphex(get(0x0a), ==, 0x26);
    g_assert_cmphex(get(0), ==, 0x01);
}

static void test_update_interrupt(void)
{
    fresh();
    set(0x0b, 0x12);
    run_for(500 * MS);
    g_assert_cmpint(line_level[8], ==, 1);
    run_for(3000 * MS);
    g_assert_cmpuint(line_edges[8], ==, 1);         /* nothing new until C is read */
    g_assert_cmphex(get(0x0c), ==, 0x90 | 0x40);    /* PF is set as well, enabled or not */
    g_assert_cmpint(line_level[8], ==, 0);
    run_for(1000 * MS);
    g_assert_cmpuint(line_edges[8], ==, 2);
}

static void test_alarm(void)
{
    fresh();
    set(1, 0x05);
    set(3, 0x01);
    set(5, 0xff);           /* any hour */
    set(0x0b, 0x22);
    run_for(64400 * MS);
    g_assert_cmpint(line_level[8], ==, 0);
    run_for(200 * MS);
    g_assert_cmpint(line_level[8], ==, 1);
    g_assert_cmphex(get(0x0c) & 0xa0, ==, 0xa0);
    run_for(3600000ll * MS);
    g_assert_cmphex(get(0x0c) & 0xa0, ==, 0xa0);
    g_assert_cmpuint(line_edges[8], ==, 2);
}

static void test_alarm_flag_without_interrupt(void)
{
    fresh();
    set(1, 0x02);
    set(3, 0xc0);
    set(5, 0xc0);
    get(0x0c);
    run_for(1000 * MS);
    g_assert_cmphex(get(0x0c) & 0x20, ==, 0);
    run_for(1000 * MS);
    g_assert_cmphex(get(0x0c) & 0xa0, ==, 0x20);
}

static void test_periodic_interrupt_rate(void)
{
    static const struct { uint8_t rate; unsigned hz; } rates[] = {
        { 1, 256 }, { 2, 128 }, { 3, 8192 }, { 6, 1024 }, { 15, 2 },
    };

    for (unsigned i = 0; i < ARRAY_SIZE(rates); i++) {
        unsigned count = 0;
        int64_t end;

        fresh();
        set(0x0a, 0x20 | rates[i].rate);
        set(0x0b, 0x42);
        end = clock_get_ns(CLOCK_VM) + 10 * NANOSECONDS_PER_SECOND;
        while (clock_get_ns(CLOCK_VM) < end) {
            run_to(MIN(timers_next_expiry(CLOCK_VM), end));
            count += (get(0x0c) & 0xc0) == 0xc0;
        }
        g_assert_cmpuint(count, >=, 10 * rates[i].hz - 1);
        g_assert_cmpuint(count, <=, 10 * rates[i].hz + 1);
    }
}

static void test_cells_are_memory(void)
{
    fresh();
    rtc_set_cmos(rtc, 0x10, 0x50);
    g_assert_cmphex(get(0x10), ==, 0x50);
    g_assert_cmphex(get(0x90), ==, 0x50);       /* bit 7 is the NMI mask */
    set(0x5f, 0xaa);
    g_assert_cmphex(rtc_get_cmos(rtc, 0x5f), ==, 0xaa);
    set(0x0d, 0);
    g_assert_cmphex(get(0x0d), ==, 0x80);
}

static void test_nonsense_dates_are_harmless(void)
{
    fresh();
    for (unsigned v = 0; v < 256; v += 15) {
        for (unsigned reg = 0; reg < 10; reg++) {
            set(reg, v);
        }
        set(0x32, v);
        set(0x0b, 0x72 | (v & 6));
        run_for(3000 * MS);
        get(0x0c);
    }
}

static void test_state_survives_savevm(void)
{
    fresh();
    run_for(7600 * MS);
    set(0x0b, 0x42);
    save_reset_load(rtc);
    g_assert_cmphex(get(0x0b), ==, 0x42);
    g_assert_cmphex(get(0), ==, 0x08);
    get(0x0c);
    run_for(2 * MS);
    g_assert_cmpint(line_level[8], ==, 1);
    load_nonsense(rtc);
}

/* Of ten periods that nobody could be told of, the guest gets one and nothing, or all ten. */
static void test_owed_periods_come_one_by_one(void)
{
    for (int slew = 0; slew < 2; slew++) {
        int seen = 0;

        device_set_prop_uint(rtc, "slew", slew);
        fresh();
        set(0x0a, 0x2a);                        /* 64 Hz */
        set(0x0b, 0x42);
        get(0x0c);
        run_for(10 * NANOSECONDS_PER_SECOND / 64);
        for (int i = 0; i < 12; i++) {
            seen += (get(0x0c) & 0xc0) == 0xc0;
            run_for(NANOSECONDS_PER_SECOND / 64 / 4);
        }
        g_assert_cmpint(seen, >=, slew ? 12 : 3);
        g_assert_cmpint(seen, <=, slew ? 12 : 4);
        set(0x0b, 0x02);                        /* the debt is off */
        set(0x0b, 0x42);
        get(0x0c);
        run_for(NANOSECONDS_PER_SECOND / 64 / 2);
        g_assert_cmphex(get(0x0c) & 0x80, ==, 0);
    }
    device_set_prop_uint(rtc, "slew", false);
    fresh();
}

/* CLOCK_HOST goes on while the machine stands; nobody waits for it here, so two clocks at once are compared. */
static void test_the_host_moves_a_clock_of_its_own(void)
{
    Device *other = device_new("mc146818rtc");
    struct tm mine, host;
    time_t before = time(NULL);

    device_set_prop_uint(other, "clock", CLOCK_HOST);
    g_assert_true(device_realize(other, NULL, NULL));
    run_for(100 * NANOSECONDS_PER_SECOND);
    rtc_get_date(other, &host);
    rtc_get_date(rtc, &mine);
    g_assert_cmpint(timegm(&host) - before, >=, 0);
    g_assert_cmpint(timegm(&host) - time(NULL), <=, 1);
    save_reset_load(other);
    rtc_get_date(other, &host);
    g_assert_cmpint(timegm(&host) - time(NULL), <=, 1);
    g_assert_cmpint(timegm(&host) - before, >=, 0);
    device_unref(other);
}

/* A machine that has run for years, with the fastest of its interrupts. */
static void test_an_old_machine_can_be_saved(void)
{
    fresh();
    set(0x0a, 0x23);
    set(0x0b, 0x02);
    clock_vm_set(clock_get_ns(CLOCK_VM) + 3000ll * 86400 * NANOSECONDS_PER_SECOND);
    set(0x0b, 0x42);
    get(0x0c);
    save_reset_load(rtc);
    run_for(NANOSECONDS_PER_SECOND / 8192 + 1);
    g_assert_cmphex(get(0x0c) & 0xc0, ==, 0xc0);
    fresh();
}

int main(int argc, char **argv)
{
    harness_init(&argc, &argv);
    rtc = device_new("mc146818rtc");
    device_realize(rtc, NULL, &error_abort);
    g_test_add_func("/rtc/host-time", test_starts_with_the_host_time);
    g_test_add_func("/rtc/time-passes", test_time_passes_exactly);
    g_test_add_func("/rtc/roll-over", test_year_and_century_roll_over);
    g_test_add_func("/rtc/formats", test_binary_and_12_hour_format);
    g_test_add_func("/rtc/set", test_set_freezes_the_registers);
    g_test_add_func("/rtc/uip", test_uip_warns_before_the_update);
    g_test_add_func("/rtc/update-interrupt", test_update_interrupt);
    g_test_add_func("/rtc/alarm", test_alarm);
    g_test_add_func("/rtc/alarm-flag", test_alarm_flag_without_interrupt);
    g_test_add_func("/rtc/periodic", test_periodic_interrupt_rate);
    g_test_add_func("/rtc/slew", test_owed_periods_come_one_by_one);
    g_test_add_func("/rtc/host-clock", test_the_host_moves_a_clock_of_its_own);
    g_test_add_func("/rtc/cells", test_cells_are_memory);
    g_test_add_func("/rtc/nonsense", test_nonsense_dates_are_harmless);
    g_test_add_func("/rtc/old", test_an_old_machine_can_be_saved);
    g_test_add_func("/rtc/savevm", test_state_survives_savevm);
    return g_test_run();
}
