/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PC's timers through registers and a clock that is stepped: 8254, MC146818, HPET, ACPI PM timer, port 61h. */
#include "qemu/osdep.h"
#include "libqtest.h"

#define PIT_HZ  1193182
#define SECOND  1000000000ll

/* ---- 8254 -------------------------------------------------------------------------------------------------------- */

static void pit_program(QTest *q, unsigned channel, unsigned mode, uint16_t count)
{
    qtest_outb(q, 0x43, (uint8_t)(channel << 6 | 3 << 4 | mode << 1));
    qtest_outb(q, (uint16_t)(0x40 + channel), count & 0xff);
    qtest_outb(q, (uint16_t)(0x40 + channel), count >> 8);
}

static uint16_t pit_latch(QTest *q, unsigned channel)
{
    uint8_t lo;

    qtest_outb(q, 0x43, (uint8_t)(channel << 6));
    lo = qtest_inb(q, (uint16_t)(0x40 + channel));
    return (uint16_t)(lo | qtest_inb(q, (uint16_t)(0x40 + channel)) << 8);
}

static void test_pit_counts_with_the_clock(void)
{
    QTest *q = qtest_start("-M pc -m 32");
    uint16_t a, b;

    pit_program(q, 0, 2, 0xffff);
    qtest_clock_step(q, 10000);
    a = pit_latch(q, 0);
    g_assert_cmphex(pit_latch(q, 0), ==, a);
    qtest_clock_step(q, SECOND / 100);
    b = pit_latch(q, 0);
    g_assert_cmpint(ABS((int)(a - b) - PIT_HZ / 100), <=, 1);
    qtest_quit(q);
}

static void test_pit_interrupts_at_its_rate(void)
{
    QTest *q = qtest_start("-M pc -m 32");
    unsigned before;

    qtest_watch_inputs(q, "isa-pic");
    qtest_outb(q, 0x21, 0xff);          /* nobody acknowledges: ticks that merge at an open 8259 would come again */
    pit_program(q, 0, 2, PIT_HZ / 100);
    qtest_clock_step(q, 1000);
    before = qtest_irq_edges(q, 0);
    qtest_clock_step(q, SECOND);
    g_assert_cmpint(ABS((int)(qtest_irq_edges(q, 0) - before) - 100), <=, 1);
    qtest_quit(q);
}

static void test_pit_mode_0_fires_once(void)
{
    QTest *q = qtest_start("-M pc -m 32");
    unsigned before;

    qtest_watch_inputs(q, "isa-pic");
    pit_program(q, 0, 0, 1000);
    qtest_clock_step(q, 500 * SECOND / PIT_HZ);
    before = qtest_irq_edges(q, 0);
    g_assert_false(qtest_irq(q, 0));
    qtest_clock_step(q, 510 * SECOND / PIT_HZ);
    g_assert_true(qtest_irq(q, 0));
    qtest_clock_step(q, SECOND);
    g_assert_cmpuint(qtest_irq_edges(q, 0), ==, before + 1);
    qtest_quit(q);
}

static void test_pit_read_back_tells_mode_and_count(void)
{
    QTest *q = qtest_start("-M pc -m 32");

    pit_program(q, 2, 3, 0x1234);
    qtest_outb(q, 0x43, 0xc8);          /* read back: count and status of channel 2 */
    g_assert_cmphex(qtest_inb(q, 0x42) & 0x3f, ==, 0x36);
    qtest_quit(q);
}

/* ---- port 61h ---------------------------------------------------------------------------------------------------- */

static void test_refresh_bit_follows_time_not_reads(void)
{
    QTest *q = qtest_start("-M pc -m 32");
    uint8_t before = qtest_inb(q, 0x61);

    g_assert_cmphex(qtest_inb(q, 0x61), ==, before);
    qtest_clock_step(q, 15085);
    g_assert_cmphex(qtest_inb(q, 0x61) ^ before, ==, 0x10);
    qtest_quit(q);
}

#define GATE2   0x01
#define SPEAKER 0x02
#define OUT2    0x20

static void channel_2_set(QTest *q, uint8_t control, uint16_t count)
{
    qtest_outb(q, 0x43, control);
    qtest_outb(q, 0x42, (uint8_t)count);
    qtest_outb(q, 0x42, count >> 8);
}

static bool speaker_out(QTest *q)
{
    return qtest_inb(q, 0x61) & OUT2;
}

/* A tone of 1 kHz, as a BIOS beeps: 1193 clocks of 838 ns, half of them high. */
static void test_speaker_follows_channel_2(void)
{
    QTest *q = qtest_start("-M pc -m 32");
    unsigned changes = 0;
    bool was;

    channel_2_set(q, 0xb6, 1193);
    qtest_outb(q, 0x61, GATE2 | SPEAKER);
    g_assert_cmphex(qtest_inb(q, 0x61) & 0x0f, ==, GATE2 | SPEAKER);
    was = speaker_out(q);
    for (unsigned us = 0; us < 10000; us += 100) {
        bool now;

        qtest_clock_step(q, 100000);
        now = speaker_out(q);
        changes += now != was;
        was = now;
    }
    g_assert_cmpuint(changes, >=, 19);
    g_assert_cmpuint(changes, <=, 21);
    qtest_outb(q, 0x61, 0);                     /* gate low: the output of mode 3 is high at once */
    g_assert_true(speaker_out(q));
    qtest_clock_step(q, 700000);
    g_assert_true(speaker_out(q));
    qtest_quit(q);
}

/* How kernels measure the TSC: mode 0 counts while the gate is high, and OUT tells the end. */
static void test_gate_of_channel_2_holds_its_count(void)
{
    QTest *q = qtest_start("-M pc -m 32");

    qtest_outb(q, 0x61, 0);
    channel_2_set(q, 0xb0, 11932);              /* 10 ms */
    g_assert_false(speaker_out(q));
    qtest_clock_step(q, 20000000);
    g_assert_false(speaker_out(q));             /* it has not counted */
    qtest_outb(q, 0x61, GATE2);
    qtest_clock_step(q, 9000000);
    g_assert_false(speaker_out(q));
    qtest_outb(q, 0x61, 0);
    qtest_clock_step(q, 9000000);
    g_assert_false(speaker_out(q));
    qtest_outb(q, 0x61, GATE2);
    qtest_clock_step(q, 1100000);
    g_assert_true(speaker_out(q));
    qtest_quit(q);
}

static void test_portb_keeps_what_can_be_written(void)
{
    QTest *q = qtest_start("-M pc -m 32");

    g_assert_cmphex(qtest_inb(q, 0x61) & 0xcf, ==, 0);
    qtest_outb(q, 0x61, 0xff);
    g_assert_cmphex(qtest_inb(q, 0x61) & 0xcf, ==, 0x0f);
    qtest_outb(q, 0xcf9, 0x06);
    qtest_until(q, (qtest_inb(q, 0x61) & 0xcf) == 0);
    qtest_quit(q);
}

/* ---- MC146818 ---------------------------------------------------------------------------------------------------- */

static uint8_t cmos(QTest *q, uint8_t reg)
{
    qtest_outb(q, 0x70, reg);
    return qtest_inb(q, 0x71);
}

static void cmos_set(QTest *q, uint8_t reg, uint8_t v)
{
    qtest_outb(q, 0x70, reg);
    qtest_outb(q, 0x71, v);
}

static void test_rtc_starts_where_it_is_told_and_ticks(void)
{
    QTest *q = qtest_start("-M pc -m 32 -rtc base=2006-06-17T16:01:21");

    g_assert_cmphex(cmos(q, 9), ==, 0x06);
    g_assert_cmphex(cmos(q, 0x32), ==, 0x20);
    g_assert_cmphex(cmos(q, 8), ==, 0x06);
    g_assert_cmphex(cmos(q, 7), ==, 0x17);
    g_assert_cmphex(cmos(q, 4), ==, 0x16);
    g_assert_cmphex(cmos(q, 2), ==, 0x01);
    qtest_clock_step(q, 3600 * SECOND);
    g_assert_cmphex(cmos(q, 4), ==, 0x17);
    qtest_clock_step(q, 24 * 3600 * SECOND);
    g_assert_cmphex(cmos(q, 7), ==, 0x18);
    qtest_quit(q);
}

static void test_rtc_periodic_interrupts_come_at_1024_hz(void)
{
    QTest *q = qtest_start("-M pc -m 32");
    unsigned n = 0;

    qtest_watch_inputs(q, "isa-pic");
    cmos_set(q, 0x0a, 0x26);
    cmos_set(q, 0x0b, 0x42);            /* 24 h, periodic */
    cmos(q, 0x0c);
    for (unsigned i = 0; i < 1024; i++) {
        qtest_clock_step(q, SECOND / 1024);
        n += cmos(q, 0x0c) >> 7;
    }
    g_assert_cmpint(ABS((int)n - 1024), <=, 2);
    g_assert_cmpuint(qtest_irq_edges(q, 8), >=, 1000);
    qtest_quit(q);
}

static void test_rtc_alarm_rings(void)
{
    QTest *q = qtest_start("-M pc -m 32 -rtc base=2006-06-17T16:01:00");

    qtest_watch_inputs(q, "isa-pic");
    cmos_set(q, 1, 0x30);
    cmos_set(q, 3, 0x01);
    cmos_set(q, 5, 0x16);
    cmos_set(q, 0x0b, 0x22);
    cmos(q, 0x0c);
    qtest_clock_step(q, 25 * SECOND);
    g_assert_false(qtest_irq(q, 8));
    qtest_clock_step(q, 10 * SECOND);
    g_assert_true(qtest_irq(q, 8));
    g_assert_cmphex(cmos(q, 0x0c) & 0xa0, ==, 0xa0);      /* the periodic flag comes with or without its enable */
    g_assert_false(qtest_irq(q, 8));
    qtest_quit(q);
}

/* ---- HPET -------------------------------------------------------------------------------------------------------- */

#define HPET 0xfed00000u

static void test_hpet_counts_and_interrupts(void)
{
    QTest *q = qtest_start("-M pc -m 32");
    uint64_t period_fs = qtest_readq(q, HPET) >> 32, ticks;
    unsigned pin = (unsigned)g_bit_nth_lsf(qtest_readq(q, HPET + 0x120) >> 32, -1);     /* the first it may go to */
    unsigned before;

    g_assert_cmpuint(pin, <, 24);
    g_assert_cmpuint(period_fs, >, 0);
    g_assert_cmpuint(period_fs, <=, 100000000);
    qtest_watch_inputs(q, "ioapic");
    qtest_writeq(q, HPET + 0x10, 0);
    qtest_writeq(q, HPET + 0xf0, 0);
    ticks = 1000000 * 1000000ull / period_fs;                       /* one ms */
    qtest_writeq(q, HPET + 0x120, pin << 9 | 1 << 2);               /* timer 1: edge, enabled */
    qtest_writeq(q, HPET + 0x128, ticks);
    before = qtest_irq_edges(q, pin);
    qtest_writeq(q, HPET + 0x10, 1);
    qtest_clock_step(q, 900000);
    g_assert_cmpuint(qtest_irq_edges(q, pin) - before, ==, 0);
    qtest_clock_step(q, 200000);
    g_assert_cmpuint(qtest_irq_edges(q, pin) - before, ==, 1);
    g_assert_cmpuint(qtest_readq(q, HPET + 0xf0), ==, ticks * 11 / 10);
    qtest_writeq(q, HPET + 0x10, 0);
    qtest_clock_step(q, 1000000);
    g_assert_cmpuint(qtest_readq(q, HPET + 0xf0), ==, ticks * 11 / 10);
    qtest_quit(q);
}

/* Timer 1 for this match, the counter running from there. */
static unsigned start_hpet(QTest *q, uint64_t counter, uint64_t comparator)
{
    unsigned pin = (unsigned)g_bit_nth_lsf(qtest_readq(q, HPET + 0x120) >> 32, -1);

    qtest_watch_inputs(q, "ioapic");
    qtest_writeq(q, HPET + 0x10, 0);
    qtest_writeq(q, HPET + 0xf0, counter);
    qtest_writeq(q, HPET + 0x120, pin << 9 | 1 << 2);
    qtest_writeq(q, HPET + 0x128, comparator);
    qtest_writeq(q, HPET + 0x10, 1);
    return pin;
}

static void test_hpet_matches_behind_the_wrap_of_its_counter(void)
{
    QTest *q = qtest_start("-M pc -m 32");
    unsigned pin = start_hpet(q, (uint64_t)-1000, 500), before = qtest_irq_edges(q, pin);

    qtest_clock_step(q, 14000);
    g_assert_cmpuint(qtest_irq_edges(q, pin) - before, ==, 0);
    qtest_clock_step(q, 2000);
    g_assert_cmpuint(qtest_irq_edges(q, pin) - before, ==, 1);
    g_assert_cmpuint(qtest_readq(q, HPET + 0xf0), ==, 600);
    qtest_quit(q);
}

static void test_hpet_matches_at_the_last_count(void)
{
    QTest *q = qtest_start("-M pc -m 32");
    unsigned pin = start_hpet(q, (uint64_t)-100, UINT64_MAX), before = qtest_irq_edges(q, pin);

    qtest_clock_step(q, 2000);
    g_assert_cmpuint(qtest_irq_edges(q, pin) - before, ==, 1);
    qtest_quit(q);
}

static void test_hpet_legacy_route_takes_the_place_of_the_pit(void)
{
    QTest *q = qtest_start("-M pc -m 32");
    unsigned before;

    qtest_watch_inputs(q, "isa-pic");
    pit_program(q, 0, 2, 1000);
    qtest_writeq(q, HPET + 0x10, 3);
    before = qtest_irq_edges(q, 0);
    qtest_clock_step(q, SECOND / 10);
    g_assert_cmpuint(qtest_irq_edges(q, 0), ==, before);
    qtest_writeq(q, HPET + 0x10, 0);
    qtest_clock_step(q, SECOND / 10);
    g_assert_cmpuint(qtest_irq_edges(q, 0), >, before + 50);
    qtest_quit(q);
}

static void test_no_hpet_when_it_is_not_wanted(void)
{
    QTest *q = qtest_start("-M pc,hpet=off -m 32");

    g_assert_cmphex(qtest_readl(q, HPET) >> 16, !=, 0x8086);
    qtest_quit(q);
}

/* ---- ACPI -------------------------------------------------------------------------------------------------------- */

#define PM_DEVFN    (1 << 3 | 3)
#define PM_BASE     0xb000
#define SMB_BASE    0xb100

static void pm_map(QTest *q)
{
    qtest_pci_writel(q, PM_DEVFN, 0x40, PM_BASE | 1);
    qtest_pci_writel(q, PM_DEVFN, 0x80, 1);
}

static void test_pm_timer_counts_at_its_rate(void)
{
    QTest *q = qtest_start("-M pc -m 32");
    uint32_t a;

    pm_map(q);
    a = qtest_inl(q, PM_BASE + 8);
    qtest_clock_step(q, SECOND);
    g_assert_cmpint(ABS((int)((qtest_inl(q, PM_BASE + 8) - a) & 0xffffff) - 3579545), <=, 1);
    qtest_quit(q);
}

static void test_pm_timer_overflow_raises_the_sci(void)
{
    QTest *q = qtest_start("-M pc -m 32");

    pm_map(q);
    qtest_watch_inputs(q, "isa-pic");
    qtest_outw(q, PM_BASE, 0xffff);
    qtest_outw(q, PM_BASE + 4, 1);              /* SCI_EN: events go to ACPI, not to SMM */
    qtest_outw(q, PM_BASE + 2, 1);              /* TMR_EN */
    qtest_clock_step(q, 3 * SECOND);
    g_assert_true(qtest_irq(q, 9));
    g_assert_cmphex(qtest_inw(q, PM_BASE) & 1, ==, 1);
    qtest_outw(q, PM_BASE, 1);
    g_assert_false(qtest_irq(q, 9));
    qtest_quit(q);
}

/* Byte data of a device on the SMBus; -1: nobody answers. */
static int smbus_read(QTest *q, uint8_t address, uint8_t command)
{
    qtest_outb(q, SMB_BASE, 0x1e);
    qtest_outb(q, SMB_BASE + 4, (uint8_t)(address << 1 | 1));
    qtest_outb(q, SMB_BASE + 3, command);
    qtest_outb(q, SMB_BASE + 2, 0x48);          /* start, byte data */
    qtest_until(q, !(qtest_inb(q, SMB_BASE) & 1));
    return (qtest_inb(q, SMB_BASE) & 0x1e) == 0x02 ? qtest_inb(q, SMB_BASE + 5) : -1;
}

static void test_smbus_has_the_modules_of_the_memory(void)
{
    QTest *q = qtest_start("-M pc -m 768");
    uint8_t sum = 0;

    qtest_pci_writel(q, PM_DEVFN, 0x90, SMB_BASE | 1);
    qtest_pci_writel(q, PM_DEVFN, 0xd0, 0x00090100);    /* SMBHSTCFG at D2: enabled */
    g_assert_cmpint(smbus_read(q, 0x50, 2), ==, 8);
    g_assert_cmpint(smbus_read(q, 0x50, 31), ==, 0x80);
    g_assert_cmpint(smbus_read(q, 0x51, 31), ==, 0x40);
    g_assert_cmpint(smbus_read(q, 0x52, 31), ==, 0);
    g_assert_cmpint(smbus_read(q, 0x58, 0), ==, -1);
    for (unsigned i = 0; i < 63; i++) {
        sum = (uint8_t)(sum + smbus_read(q, 0x50, (uint8_t)i));
    }
    g_assert_cmpint(smbus_read(q, 0x50, 63), ==, sum);
    qtest_quit(q);
}

/* S3, then what wakes: the guest's memory and CMOS stay, the chips are reset, the PM block says why. */
static void suspend(QTest *q)
{
    pm_map(q);
    qtest_writel(q, 0x100000, 0x12345678);
    qtest_pci_writel(q, 2 << 3, 0x3c, 5);
    qtest_outw(q, PM_BASE + 4, 0x2400);         /* SLP_EN, the type of S3 */
}

static void check_awake(QTest *q)
{
    qtest_until(q, !(qtest_pci_readl(q, 2 << 3, 0x3c) & 0xff));
    g_assert_cmphex(qtest_readl(q, 0x100000), ==, 0x12345678);
    g_assert_cmphex(cmos(q, 0x0f), ==, 0xfe);
    pm_map(q);
    g_assert_cmphex(qtest_inw(q, PM_BASE) & 0x8000, ==, 0x8000);        /* WAK_STS */
}

static void test_alarm_wakes_from_suspend(void)
{
    QTest *q = qtest_start("-M pc -m 32 -rtc base=2006-06-17T16:01:00");

    cmos_set(q, 1, 0x30);
    cmos_set(q, 3, 0x01);
    cmos_set(q, 5, 0x16);
    cmos_set(q, 0x0b, 0x22);
    suspend(q);
    qtest_clock_step(q, 10 * SECOND);
    g_assert_cmphex(qtest_pci_readl(q, 2 << 3, 0x3c) & 0xff, ==, 5);
    qtest_clock_step(q, 25 * SECOND);
    check_awake(q);
    qtest_quit(q);
}

/* SLP_EN and the type of S5, or of S4: what the guest has to save is on its disk. */
static void test_soft_off_ends_the_program(void)
{
    static const char *const requests[] = { "outw 0xb004 0x2000", "outw 0xb004 0x2800" };

    for (unsigned i = 0; i < G_N_ELEMENTS(requests); i++) {
        QTest *q = qtest_start("-M pc -m 32");

        pm_map(q);
        g_free(qtest_raw(q, requests[i]));
        g_assert_cmpint(qtest_wait_exit(q), ==, 0);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pit/counts-with-the-clock", test_pit_counts_with_the_clock);
    g_test_add_func("/pit/interrupts-at-its-rate", test_pit_interrupts_at_its_rate);
    g_test_add_func("/pit/mode-0-fires-once", test_pit_mode_0_fires_once);
    g_test_add_func("/pit/read-back-tells-mode-and-count", test_pit_read_back_tells_mode_and_count);
    g_test_add_func("/portb/refresh-bit-follows-time-not-reads", test_refresh_bit_follows_time_not_reads);
    g_test_add_func("/portb/keeps-what-can-be-written", test_portb_keeps_what_can_be_written);
    g_test_add_func("/speaker/follows-channel-2", test_speaker_follows_channel_2);
    g_test_add_func("/speaker/gate-of-channel-2-holds-its-count", test_gate_of_channel_2_holds_its_count);
    g_test_add_func("/rtc/starts-where-it-is-told-and-ticks", test_rtc_starts_where_it_is_told_and_ticks);
    g_test_add_func("/rtc/periodic-interrupts-come-at-1024-hz", test_rtc_periodic_interrupts_come_at_1024_hz);
    g_test_add_func("/rtc/alarm-rings", test_rtc_alarm_rings);
    g_test_add_func("/hpet/counts-and-interrupts", test_hpet_counts_and_interrupts);
    g_test_add_func("/hpet/legacy-route-takes-the-place-of-the-pit", test_hpet_legacy_route_takes_the_place_of_the_pit);
    g_test_add_func("/hpet/matches-behind-the-wrap-of-its-counter", test_hpet_matches_behind_the_wrap_of_its_counter);
    g_test_add_func("/hpet/matches-at-the-last-count", test_hpet_matches_at_the_last_count);
    g_test_add_func("/hpet/none-when-it-is-not-wanted", test_no_hpet_when_it_is_not_wanted);
    g_test_add_func("/pm/timer-counts-at-its-rate", test_pm_timer_counts_at_its_rate);
    g_test_add_func("/pm/timer-overflow-raises-the-sci", test_pm_timer_overflow_raises_the_sci);
    g_test_add_func("/smbus/has-the-modules-of-the-memory", test_smbus_has_the_modules_of_the_memory);
    g_test_add_func("/pm/alarm-wakes-from-suspend", test_alarm_wakes_from_suspend);
    g_test_add_func("/pm/soft-off-ends-the-program", test_soft_off_ends_the_program);
    return g_test_run();
}
