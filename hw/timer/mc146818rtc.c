/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MC146818 real-time clock with 128 bytes of CMOS memory (ports 70h-71h)
 *
 * Follows: Motorola MC146818A datasheet; the PC's conventions for the century cells (32h, 37h).
 * Left out: daylight saving (register B bit 0), the square-wave pin, the NMI mask in bit 7 of port 70h (this board
 * raises no NMI).
 *
 * The time registers are plain memory that a running chip advances once a second. Here that happens when somebody
 * looks: a clock of ours plus `phase_ns` counts divider seconds, and rtc_sync() moves the registers by the seconds gone
 * since. Flags of register C come the same way; a host timer runs only while an enabled interrupt is due. The clock is
 * the host's time of day, which may be set back; one that only goes forward; or the machine's, which stands with it.
 *
 *   a divider second: |<------- registers readable ------->|<- UIP = 1, 2228 us ->| registers change, UF, AF
 */
#include "qemu/osdep.h"
#include <time.h>
#include "hw/isa/isa.h"
#include "hw/timer/mc146818rtc.h"
#include "qemu/bitops.h"
#include "qemu/log.h"
#include "sysemu/runstate.h"
#include "trace/hw-timer.h"

enum {
    RTC_SEC, RTC_SEC_ALARM, RTC_MIN, RTC_MIN_ALARM, RTC_HOUR, RTC_HOUR_ALARM, RTC_WDAY, RTC_MDAY, RTC_MONTH, RTC_YEAR,
    RTC_A, RTC_B, RTC_C, RTC_D, RTC_NUM_REGS,
};
#define RTC_CELLS       128

#define A_UIP           0x80u
#define A_DIVIDER       0x70u
#define A_DIVIDER_RUN   0x20u       /* 32768 Hz crystal */
#define A_DIVIDER_RESET 0x60u       /* 11x */
#define A_RATE          0x0fu
#define B_SET           0x80u
#define B_PIE           0x40u
#define B_AIE           0x20u
#define B_UIE           0x10u
#define B_BINARY        0x04u
#define B_24H           0x02u
#define C_IRQF          0x80u
#define C_PF            0x40u
#define C_AF            0x20u
#define C_UF            0x10u
#define D_VRT           0x80u
#define HOUR_PM         0x80u
#define ALARM_ANY       0xc0u       /* both top bits: matches always */

#define CRYSTAL_HZ      32768
#define BACKLOG_MAX     (1 << 20)
#define PERIOD_MAX      (INT64_MAX >> 16)   /* 500 years of 8192 Hz; times the ticks of any rate it fits */
#define UPDATE_NS       2228000     /* UIP: 244 us of warning and a 1984 us update cycle */

typedef struct Rtc {
    Device parent;
    MemoryRegion io;
    uint64_t base_offset_s;     /* property, two's complement */
    bool localtime;             /* property */
    uint8_t clock;              /* property, ClockType */
    bool slew;                  /* property: periodic interrupts that came too late are made up for */
    uint8_t index;
    uint8_t cells[RTC_CELLS];
    int64_t phase_ns;           /* divider time minus the clock's */
    int64_t second;             /* divider second the registers belong to */
    int64_t period;             /* periodic-interrupt period the PF flag belongs to */
    int64_t backlog;            /* slew: periods whose interrupt nobody got */
    int64_t again_ns;           /* divider time when the next of them comes, not before */
    int64_t saved_ns;           /* in a snapshot: the divider, and what it was counted by */
    uint8_t saved_clock;
    Timer timer;
    bool irq_off;
} Rtc;

/* ---- registers as a date ---------------------------------------------------------------------------------- */

static int rtc_decode(const Rtc *s, uint8_t v)
{
    return s->cells[RTC_B] & B_BINARY ? v : (v >> 4) * 10 + (v & 15);
}

static uint8_t rtc_encode(const Rtc *s, int v)
{
    return s->cells[RTC_B] & B_BINARY ? v : v / 10 << 4 | v % 10;
}

static int rtc_decode_hour(const Rtc *s, uint8_t v)
{
    if (s->cells[RTC_B] & B_24H) {
        return rtc_decode(s, v);
    }
    return rtc_decode(s, v & 0x7f) % 12 + (v & HOUR_PM ? 12 : 0);
}

static uint8_t rtc_encode_hour(const Rtc *s, int hour)
{
    if (s->cells[RTC_B] & B_24H) {
        return rtc_encode(s, hour);
    }
    return rtc_encode(s, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? HOUR_PM : 0);
}

static void rtc_registers_to_tm(const Rtc *s, struct tm *tm)
{
    int year = rtc_decode(s, s->cells[RTC_YEAR]), century = rtc_decode(s, s->cells[RTC_CENTURY]);

    *tm = (struct tm) {
        .tm_sec = rtc_decode(s, s->cells[RTC_SEC]), .tm_min = rtc_decode(s, s->cells[RTC_MIN]),
        .tm_hour = rtc_decode_hour(s, s->cells[RTC_HOUR]), .tm_mday = rtc_decode(s, s->cells[RTC_MDAY]),
        .tm_mon = rtc_decode(s, s->cells[RTC_MONTH]) - 1, .tm_wday = s->cells[RTC_WDAY],
        .tm_year = century * 100 + year - 1900,
    };
}

static void rtc_tm_to_registers(Rtc *s, const struct tm *tm)
{
    int year = tm->tm_year + 1900;
    uint8_t century = rtc_encode(s, year / 100 % 100);

    s->cells[RTC_SEC] = rtc_encode(s, tm->tm_sec);
    s->cells[RTC_MIN] = rtc_encode(s, tm->tm_min);
    s->cells[RTC_HOUR] = rtc_encode_hour(s, tm->tm_hour);
    s->cells[RTC_MDAY] = rtc_encode(s, tm->tm_mday);
    s->cells[RTC_MONTH] = rtc_encode(s, tm->tm_mon + 1);
    s->cells[RTC_YEAR] = rtc_encode(s, year % 100);
    if (s->cells[RTC_CENTURY] != century) {
        s->cells[RTC_CENTURY] = s->cells[RTC_CENTURY_PS2] = century;
    }
}

/* The week day is a counter of its own: a guest may number its days as it likes. */
static void rtc_advance(Rtc *s, int64_t seconds)
{
    struct tm tm;
    time_t before, after;

    rtc_registers_to_tm(s, &tm);
    before = timegm(&tm);
    after = before + seconds;
    if (!gmtime_r(&after, &tm)) {
        return;
    }
    rtc_tm_to_registers(s, &tm);
    if (before >= 0) {
        int64_t days = (after / 86400 - before / 86400) % 7;

        s->cells[RTC_WDAY] = (s->cells[RTC_WDAY] + 13 + days) % 7 + 1;
    }
}

static bool alarm_matches(const Rtc *s, unsigned reg, int value)
{
    uint8_t alarm = s->cells[reg];

    if ((alarm & ALARM_ANY) == ALARM_ANY) {
        return true;
    }
    return (reg == RTC_HOUR_ALARM ? rtc_decode_hour(s, alarm) : rtc_decode(s, alarm)) == value;
}

/* Seconds from what the registers show to the next match of the alarm, 1..86400; -1 when it names no time of day. */
static int64_t rtc_alarm_distance(const Rtc *s)
{
    struct tm tm;
    int64_t from;

    rtc_registers_to_tm(s, &tm);
    from = tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec;
    for (int h = tm.tm_hour; h <= tm.tm_hour + 24; h++) {
        if (!alarm_matches(s, RTC_HOUR_ALARM, h % 24)) {
            continue;
        }
        for (int m = h == tm.tm_hour ? tm.tm_min : 0; m < 60; m++) {
            if (!alarm_matches(s, RTC_MIN_ALARM, m)) {
                continue;
            }
            for (int sec = 0; sec < 60; sec++) {
                int64_t at = h * 3600 + m * 60 + sec;

                if (at > from && alarm_matches(s, RTC_SEC_ALARM, sec)) {
                    return at - from;
                }
            }
        }
    }
    return -1;
}

/* ---- time ------------------------------------------------------------------------------------------------- */

static int64_t rtc_divider_ns(const Rtc *s)
{
    return clock_get_ns(s->clock) + s->phase_ns;
}

static bool divider_runs(const Rtc *s)
{
    return (s->cells[RTC_A] & A_DIVIDER) == A_DIVIDER_RUN;
}

static bool registers_run(const Rtc *s)
{
    return divider_runs(s) && !(s->cells[RTC_B] & B_SET);
}

/* Ticks of the 32768 Hz crystal between two periodic interrupts, 0: none (datasheet, "Periodic Interrupt Rate"). */
static int64_t rtc_period_ticks(const Rtc *s)
{
    unsigned rate = s->cells[RTC_A] & A_RATE;

    if (!rate || !divider_runs(s)) {
        return 0;
    }
    return rate < 3 ? 64 << rate : 1 << (rate - 1);
}

static int64_t rtc_current_period(const Rtc *s, int64_t divider_ns)
{
    int64_t ticks = rtc_period_ticks(s);

    return ticks ? (int64_t)muldiv64(divider_ns, CRYSTAL_HZ, NANOSECONDS_PER_SECOND) / ticks : 0;
}

static bool rtc_has_irq(const Rtc *s)
{
    return s->cells[RTC_C] & s->cells[RTC_B] & (C_PF | C_AF | C_UF);
}

static void rtc_set_irqf(Rtc *s)
{
    s->cells[RTC_C] = (s->cells[RTC_C] & ~C_IRQF) | (rtc_has_irq(s) ? C_IRQF : 0);
}

/* Periodic interrupts: one for all periods that have passed; the others are owed, if anybody wants them. */
static void rtc_sync_period(Rtc *s, int64_t ns)
{
    int64_t period = rtc_current_period(s, ns), gone = period - s->period;
    bool is_set = s->cells[RTC_C] & C_PF;

    s->period = period;
    if (gone > 0) {
        s->cells[RTC_C] |= C_PF;
        if (s->slew && s->cells[RTC_B] & B_PIE) {
            s->backlog = MIN(s->backlog + gone - !is_set, BACKLOG_MAX);
        }
    } else if (s->backlog && !is_set && ns >= s->again_ns) {
        s->cells[RTC_C] |= C_PF;
        s->backlog--;
    }
}

/* Brings registers and flags up to the present. The host's time of day may go back; then nothing has happened. */
static void rtc_sync(Rtc *s)
{
    int64_t ns = rtc_divider_ns(s), second = ns / NANOSECONDS_PER_SECOND, gone = second - s->second;

    rtc_sync_period(s, ns);
    s->second = second;
    if (gone && registers_run(s)) {
        int64_t alarm = gone > 0 ? rtc_alarm_distance(s) : -1;

        s->cells[RTC_C] |= (gone > 0 ? C_UF : 0) | (alarm > 0 && alarm <= gone ? C_AF : 0);
        rtc_advance(s, gone);
    }
    rtc_set_irqf(s);
}

static bool rtc_uip(const Rtc *s)
{
    return registers_run(s) && rtc_divider_ns(s) % NANOSECONDS_PER_SECOND >= NANOSECONDS_PER_SECOND - UPDATE_NS;
}

/* Divider time of the next enabled event, -1: none. */
static int64_t rtc_next_event(const Rtc *s)
{
    uint8_t b = s->cells[RTC_B];
    int64_t next = INT64_MAX, ticks = rtc_period_ticks(s), alarm;

    if ((b & B_PIE) && ticks) {
        int64_t at = (s->period + 1) * ticks;

        next = (int64_t)muldiv64(at, NANOSECONDS_PER_SECOND, CRYSTAL_HZ) + 1;
        next = s->backlog ? MIN(next, s->again_ns) : next;
    }
    if (registers_run(s) && (b & B_UIE)) {
        next = MIN(next, (s->second + 1) * NANOSECONDS_PER_SECOND);
    }
    if (registers_run(s) && (b & B_AIE) && (alarm = rtc_alarm_distance(s)) > 0) {
        next = MIN(next, (s->second + alarm) * NANOSECONDS_PER_SECOND);
    }
    return next == INT64_MAX ? -1 : next;
}

static void rtc_arm(Rtc *s)
{
    int64_t next = rtc_has_irq(s) ? -1 : rtc_next_event(s);

    if (next < 0) {
        timer_disarm(&s->timer);
    } else {
        timer_arm(&s->timer, next - s->phase_ns);
    }
}

/*
 * Line 8 is up while an enabled flag is set. Until the guest has read register C no further edge can happen, so no
 * timer runs either: periods that pass meanwhile merge into one, and a guest that sleeps costs nothing.
 */
static void rtc_update(Rtc *s)
{
    bool irq = rtc_has_irq(s);

    rtc_set_irqf(s);
    rtc_arm(s);
    irq_set(isa_irq(8), irq && !s->irq_off);
    if (irq && s->cells[RTC_C] & s->cells[RTC_B] & C_AF) {
        request_wakeup();       /* the alarm clock of a sleeping machine; else nothing happens */
    }
}

static void rtc_timer_cb(void *opaque)
{
    Rtc *s = opaque;

    rtc_sync(s);
    trace_rtc_event(s->cells[RTC_C]);
    rtc_update(s);
}

/* ---- ports ------------------------------------------------------------------------------------------------ */

static uint8_t rtc_read_register(Rtc *s, unsigned reg)
{
    uint8_t val = s->cells[reg];

    if (reg == RTC_A) {
        return val | (rtc_uip(s) ? A_UIP : 0);
    }
    if (reg == RTC_C) {
        s->cells[RTC_C] = 0;            /* datasheet: the read clears all flags and releases IRQ */
        s->again_ns = rtc_divider_ns(s) + rtc_period_ticks(s) * NANOSECONDS_PER_SECOND / CRYSTAL_HZ / 4;
        rtc_update(s);
    }
    return val;
}

/* Leaving divider reset: the first update comes half a second later (datasheet, "Divider Control"). */
static void rtc_write_a(Rtc *s, uint8_t val)
{
    bool was_reset = (s->cells[RTC_A] & A_DIVIDER_RESET) == A_DIVIDER_RESET;

    s->cells[RTC_A] = val & ~A_UIP;
    if (was_reset && divider_runs(s)) {
        int64_t ns = rtc_divider_ns(s);

        s->phase_ns += ROUND_DOWN(ns, NANOSECONDS_PER_SECOND) + NANOSECONDS_PER_SECOND / 2 - ns;
        s->second = rtc_divider_ns(s) / NANOSECONDS_PER_SECOND;
    }
    s->period = rtc_current_period(s, rtc_divider_ns(s));
    s->backlog = 0;                     /* of another rate */
}

static void rtc_write_b(Rtc *s, uint8_t val)
{
    if (val & B_SET) {
        val &= ~B_UIE;                  /* datasheet: SET clears UIE */
    }
    s->cells[RTC_B] = val;
    s->backlog = val & B_PIE ? s->backlog : 0;
}

static void rtc_write_register(Rtc *s, unsigned reg, uint8_t val)
{
    if (reg == RTC_A) {
        rtc_write_a(s, val);
    } else if (reg == RTC_B) {
        rtc_write_b(s, val);
    } else if (reg < RTC_A) {
        s->cells[reg] = val;
    } else {
        qemu_log_mask(LOG_GUEST_ERROR, "rtc: write 0x%02x to read-only register %c\n", val, 'A' + reg - RTC_A);
        return;
    }
    rtc_update(s);
}

static uint64_t rtc_read(void *opaque, hwaddr addr, unsigned size)
{
    Rtc *s = opaque;
    uint8_t val;

    if (addr == 0) {
        return 0xff;                    /* the index is write-only */
    }
    rtc_sync(s);
    val = s->index < RTC_NUM_REGS ? rtc_read_register(s, s->index) : s->cells[s->index];
    trace_rtc_read(s->index, val);
    return val;
}

static void rtc_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    Rtc *s = opaque;

    if (addr == 0) {
        s->index = val & (RTC_CELLS - 1);
        return;
    }
    trace_rtc_write(s->index, val);
    rtc_sync(s);
    if (s->index < RTC_NUM_REGS) {
        rtc_write_register(s, s->index, val);
    } else {
        s->cells[s->index] = val;
    }
}

static const MemoryRegionOps rtc_ops = {
    .read = rtc_read, .write = rtc_write, .size = { .min = 1, .max = 1 },
};

/* ---- for the board ---------------------------------------------------------------------------------------- */

void rtc_set_cmos(Device *rtc, uint8_t addr, uint8_t val)
{
    assert(addr >= RTC_NUM_REGS && addr < RTC_CELLS);
    container_of(rtc, Rtc, parent)->cells[addr] = val;
}

uint8_t rtc_get_cmos(Device *rtc, uint8_t addr)
{
    assert(addr < RTC_CELLS);
    return container_of(rtc, Rtc, parent)->cells[addr];
}

void rtc_get_date(Device *rtc, struct tm *tm)
{
    Rtc *s = container_of(rtc, Rtc, parent);

    rtc_sync(s);
    rtc_update(s);
    rtc_registers_to_tm(s, tm);
    tm->tm_wday = (s->cells[RTC_WDAY] + 6) % 7;
}

void rtc_set_irq_enabled(Device *rtc, bool on)
{
    Rtc *s = container_of(rtc, Rtc, parent);

    s->irq_off = !on;
    rtc_update(s);
}

/* ---- life ------------------------------------------------------------------------------------------------- */

static void rtc_set_from_host(Rtc *s)
{
    int64_t host_ns = clock_get_ns(CLOCK_HOST), now = clock_get_ns(s->clock);
    time_t t = host_ns / NANOSECONDS_PER_SECOND + (int64_t)s->base_offset_s;
    struct tm tm;

    if (!(s->localtime ? localtime_r(&t, &tm) : gmtime_r(&t, &tm))) {
        t = 0;
        gmtime_r(&t, &tm);
    }
    tm.tm_sec = MIN(tm.tm_sec, 59);     /* the chip knows no leap seconds */
    rtc_tm_to_registers(s, &tm);
    s->cells[RTC_WDAY] = tm.tm_wday + 1;
    /* Same fraction of a second as the host, and far enough from zero that a divider reset cannot make it negative. */
    s->phase_ns = host_ns % NANOSECONDS_PER_SECOND + NANOSECONDS_PER_SECOND - now;
    s->second = rtc_divider_ns(s) / NANOSECONDS_PER_SECOND;
    s->period = rtc_current_period(s, rtc_divider_ns(s));
}

static bool rtc_realize(Device *dev, Error **errp)
{
    Rtc *s = container_of(dev, Rtc, parent);

    memory_region_init_io(&s->io, dev, &rtc_ops, s, "rtc", 2);
    isa_map_port(dev, 0x70, &s->io);
    timer_init(&s->timer, s->clock, rtc_timer_cb, s);
    s->cells[RTC_A] = 0x26;             /* running, 1024 Hz */
    s->cells[RTC_B] = B_24H;
    s->cells[RTC_D] = D_VRT;
    rtc_set_from_host(s);
    return true;
}

static void rtc_unrealize(Device *dev)
{
    Rtc *s = container_of(dev, Rtc, parent);

    timer_disarm(&s->timer);
    isa_unmap_port(&s->io);
}

/* The battery keeps time and memory; RESET# clears the interrupt enables and flags (datasheet, "RESET"). */
static void rtc_reset(Device *dev)
{
    Rtc *s = container_of(dev, Rtc, parent);

    rtc_sync(s);
    s->cells[RTC_B] &= ~(B_PIE | B_AIE | B_UIE | 0x08);
    s->cells[RTC_C] = 0;
    s->index = 0;
    s->backlog = 0;
    s->irq_off = false;
    rtc_update(s);
}

static void rtc_pre_save(void *opaque)
{
    Rtc *s = opaque;

    s->saved_ns = rtc_divider_ns(s);
    s->saved_clock = s->clock;
}

/*
 * By the host's time of day the chip has gone on since; the machine's clock is in the snapshot too. Else the divider
 * goes on from where it was.
 */
static bool rtc_post_load(void *opaque, int version, Error **errp)
{
    Rtc *s = opaque;

    if (s->saved_clock != s->clock || s->clock == CLOCK_RT) {
        s->phase_ns = CLAMP(s->saved_ns, 0, INT64_MAX / 4) - clock_get_ns(s->clock);
    }
    /* Negative is possible: leaving divider reset may take it back, but never to before the clock's zero. */
    if (s->phase_ns < -(INT64_MAX / 2) || s->phase_ns > INT64_MAX / 2 || rtc_divider_ns(s) < 0 || s->second < 0 ||
        s->second > INT64_MAX / NANOSECONDS_PER_SECOND || s->period < 0 || s->period > PERIOD_MAX ||
        s->backlog < 0 || s->backlog > BACKLOG_MAX || s->again_ns < 0) {
        error_set(errp, "state of the real-time clock is impossible");
        return false;
    }
    rtc_arm(s);
    return true;
}

static const VMStateDescription rtc_vmstate = {
    .name = "mc146818rtc", .version = 2, .pre_save = rtc_pre_save, .post_load = rtc_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT8_MASK(index, Rtc, RTC_CELLS - 1),
        VMSTATE_UINT8_ARRAY(cells, Rtc, RTC_CELLS),
        VMSTATE_INT64(phase_ns, Rtc),
        VMSTATE_INT64(second, Rtc),
        VMSTATE_INT64(period, Rtc),
        VMSTATE_INT64(backlog, Rtc),
        VMSTATE_INT64(again_ns, Rtc),
        VMSTATE_INT64(saved_ns, Rtc),
        VMSTATE_UINT8(saved_clock, Rtc),
        VMSTATE_TIMER(timer, Rtc),
        VMSTATE_BOOL(irq_off, Rtc),
        VMSTATE_END
    },
};

static void rtc_print(Device *dev, GString *out)
{
    struct tm tm;

    rtc_get_date(dev, &tm);
    g_string_append_printf(out, "date = %04d-%02d-%02d %02d:%02d:%02d\n", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                           tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static const DeviceType rtc_type = {
    .name = "mc146818rtc", .desc = "real-time clock and CMOS memory", .bus = BUS_ISA,
    .instance_size = sizeof(Rtc),
    .props = (const Property[]) {
        PROP_UINT64("base-offset", Rtc, base_offset_s, 0),
        PROP_BOOL("localtime", Rtc, localtime, false),
        PROP_UINT8("clock", Rtc, clock, CLOCK_VM),
        PROP_BOOL("slew", Rtc, slew, false),
        PROP_END
    },
    .realize = rtc_realize, .unrealize = rtc_unrealize, .reset = rtc_reset, .vmstate = &rtc_vmstate, .print = rtc_print,
};
DEVICE_TYPE(rtc_type)
