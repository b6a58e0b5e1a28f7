/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel 8254 programmable interval timer (ports 40h-43h)
 *
 * Follows: Intel 8254 datasheet. Nothing ticks: a channel remembers at which tick of the 1.193182 MHz clock its
 * counting element held the full count, and counts, outputs and edges are computed from CLOCK_VM. Ticks are whole
 * numbers derived from the clock itself, so no error ever adds up.
 *
 * Channel 0 drives interrupt line 0. In the periodic modes the line stays up and dips just before each rising edge of
 * OUT, instead of following OUT's low phase: an 8259 forgets a request whose line falls before the CPU has taken it,
 * and an emulator's timer may be late by more than half a period. Ticks that a busy host made us miss are made up for,
 * a quarter of a period apart: systems count them to keep time and to calibrate their other clocks.
 *
 *           write count                  next CLK            N ticks
 *   (no count) ───────► waiting (start = now + 1) ───► counting ───► terminal count / reload
 *      ▲ control word        gate low: held at the elapsed count; gate high: goes on (0, 4) or reloads (2, 3)
 */
#include "qemu/osdep.h"
#include "hw/isa/isa.h"
#include "hw/timer/i8254.h"
#include "qemu/bitops.h"
#include "qemu/log.h"
#include "trace/hw-timer.h"

#define PIT_CHANNELS        3
#define PIT_CONTROL         3           /* port offset */

#define CW_BCD              (1u << 0)
#define ACCESS_LATCH        0
#define ACCESS_LSB          1
#define ACCESS_MSB          2
#define ACCESS_BOTH         3
#define RB_NO_COUNT         (1u << 5)   /* read-back command, active low */
#define RB_NO_STATUS        (1u << 4)
#define STATUS_OUT          (1u << 7)
#define STATUS_NULL_COUNT   (1u << 6)

#define TICK_NEVER          INT64_MAX
#define MAX_OWED            250         /* beyond this the guest was not running at all: let it go */
#define MIN_EDGE_TICKS      12          /* 10 us: faster interrupt rates are coalesced */

typedef struct PitChannel {
    uint8_t mode;               /* 0..5 */
    uint8_t access;
    bool bcd, gate;
    bool loaded;                /* a count was written since the control word */
    bool counting;              /* else `held` stands for the elapsed ticks */
    uint32_t count;             /* N of the running cycle, 1..65536 */
    uint32_t next_count;        /* written, takes over at next_tick with its cycle begun at next_start; 0: none */
    int64_t next_tick, next_start;
    int64_t start;              /* tick at which the counting element holds N */
    int64_t held;
    uint8_t write_low;          /* first byte of a two-byte write */
    bool write_high_next, read_high_next;
    bool count_latched, status_latched;
    uint16_t latch;
    uint8_t status;
} PitChannel;

typedef struct Pit {
    Device parent;
    MemoryRegion io;
    PitChannel ch[PIT_CHANNELS];
    Timer timer;                /* channel 0's next rising edge */
    int64_t edge_tick;          /* the same as a tick; TICK_NEVER: none comes */
    uint32_t owed;              /* edges the host missed in a periodic mode, to be made up for; not saved */
    bool irq_off;               /* the HPET has taken line 0 */
} Pit;

/* ---- time ------------------------------------------------------------------------------------------------- */

static int64_t pit_now(void)
{
    return muldiv64(clock_get_ns(CLOCK_VM), PIT_HZ, NANOSECONDS_PER_SECOND);
}

/* First nanosecond that belongs to the tick. */
static int64_t pit_tick_to_ns(int64_t tick)
{
    int64_t ns = muldiv64(tick, NANOSECONDS_PER_SECOND, PIT_HZ);

    return (int64_t)muldiv64(ns, PIT_HZ, NANOSECONDS_PER_SECOND) < tick ? ns + 1 : ns;
}

/* A count written while a cycle runs takes over at the end of the (half) cycle. */
static void ch_sync(PitChannel *c, int64_t now)
{
    if (c->next_count && c->counting && now >= c->next_tick) {
        c->count = c->next_count;
        c->start = c->next_start;
        c->next_count = 0;
    }
}

/* Ticks since the element held N; negative while it still has to be loaded. */
static int64_t ch_elapsed(const PitChannel *c, int64_t now)
{
    return c->counting ? now - c->start : c->held;
}

/* Mode 3: ticks of the high half cycle. */
static uint32_t high_half(uint32_t n)
{
    return (n + 1) / 2;
}

static bool ch_out(PitChannel *c, int64_t now)
{
    int64_t e;

    ch_sync(c, now);
    e = ch_elapsed(c, now);
    if (!c->loaded) {
        return c->mode != 0;
    }
    switch (c->mode) {
    case 0:
        return e >= c->count;
    case 1:
        return e < 0 || e >= c->count;
    case 2:
        return !c->gate || e < 0 || c->count == 1 || e % c->count != c->count - 1;
    case 3:
        return !c->gate || e < 0 || e % c->count < high_half(c->count);
    default:
        return e != c->count;
    }
}

static uint32_t mode3_value(uint32_t n, uint32_t pos)
{
    uint32_t from = n & ~1u;    /* datasheet, mode 3: counts down by two, an odd count starts one lower */

    return pos < high_half(n) ? from - 2 * pos : from - 2 * (pos - high_half(n));
}

static uint16_t ch_value(PitChannel *c, int64_t now)
{
    int64_t modulus = c->bcd ? 10000 : 65536, e, value;

    ch_sync(c, now);
    e = MAX(ch_elapsed(c, now), 0);
    switch (c->mode) {
    case 2:
        value = c->count - e % c->count;
        break;
    case 3:
        value = mode3_value(c->count, e % c->count);
        break;
    default:
        value = ((c->count - e) % modulus + modulus) % modulus;
        break;
    }
    value %= modulus;
    if (c->bcd) {
        value = value / 1000 << 12 | value / 100 % 10 << 8 | value / 10 % 10 << 4 | value % 10;
    }
    return value;
}

/* Status bit 6: the count last written is not in the counting element yet. */
static bool ch_null_count(const PitChannel *c, int64_t now)
{
    return !c->loaded || c->next_count || ch_elapsed(c, now) < 0;
}

/* First start of a cycle of n ticks after `after`; the very first start, where the element is loaded, is no edge. */
static int64_t cycle_after(int64_t start, int64_t n, int64_t after)
{
    return after < start ? start + n : start + ((after - start) / n + 1) * n;
}

/* The first tick after `after` at which OUT rises. */
static int64_t ch_next_rise(PitChannel *c, int64_t after)
{
    int64_t tick;

    if (!c->loaded || !c->counting) {
        return TICK_NEVER;
    }
    switch (c->mode) {
    case 0:
    case 1:
        tick = c->start + c->count;
        break;
    case 2:
    case 3:
        tick = cycle_after(c->start, c->count, after);
        if (c->next_count && tick >= c->next_tick) {
            bool rises = c->next_start == c->next_tick && c->next_tick > after;

            tick = rises ? c->next_tick : cycle_after(c->next_start, c->next_count, after);
        }
        break;
    default:
        tick = c->start + c->count + 1;
        break;
    }
    return tick > after ? tick : TICK_NEVER;
}

/* ---- line 0 ----------------------------------------------------------------------------------------------- */

static void pit_arm(Pit *s, int64_t now)
{
    PitChannel *c = &s->ch[0];
    int64_t edge = s->irq_off ? TICK_NEVER : ch_next_rise(c, now);

    if (edge < now + MIN_EDGE_TICKS && (c->mode == 2 || c->mode == 3)) {
        edge = ch_next_rise(c, now + MIN_EDGE_TICKS);
    }
    s->edge_tick = edge;
    if (edge == TICK_NEVER) {
        s->owed = 0;
        timer_disarm(&s->timer);
    } else {
        int64_t make_up = now + MAX(c->count / 4, MIN_EDGE_TICKS);

        if (s->owed && make_up < edge - MIN_EDGE_TICKS) {
            edge = make_up;
        }
        timer_arm(&s->timer, pit_tick_to_ns(edge));
    }
}

/* An edge that the CPU had no time to take before the next one is owed as well. */
static void pit_edge(Pit *s)
{
    uint64_t merged = __atomic_load_n(&irq_edges_merged, __ATOMIC_RELAXED);

    irq_lower(isa_irq(0));
    irq_raise(isa_irq(0));
    if (__atomic_load_n(&irq_edges_merged, __ATOMIC_RELAXED) != merged && s->owed < MAX_OWED) {
        s->owed++;
    }
}

/* Delivers an edge that is due, so that a register write cannot make the timer forget it. */
static void pit_catch_up(Pit *s, int64_t now)
{
    const PitChannel *c = &s->ch[0];

    if (s->edge_tick <= now) {
        trace_pit_edge(s->edge_tick, now - s->edge_tick);
        if ((c->mode == 2 || c->mode == 3) && c->count >= MIN_EDGE_TICKS) {
            s->owed = (uint32_t)MIN(s->owed + (now - s->edge_tick) / c->count, MAX_OWED);
        }
        s->edge_tick = TICK_NEVER;
        pit_edge(s);
    }
}

static void pit_timer_cb(void *opaque)
{
    Pit *s = opaque;
    int64_t now = pit_now();

    if (s->owed && s->edge_tick > now) {
        s->owed--;              /* comes back if this one is not taken either */
        pit_edge(s);
    }
    pit_catch_up(s, now);
    ch_sync(&s->ch[0], now);
    pit_arm(s, now);
}

/* After channel 0 was reprogrammed. Only mode 0 keeps the line down for long; see the head of the file. */
static void pit_update_line(Pit *s, int64_t now)
{
    PitChannel *c = &s->ch[0];

    s->owed = 0;
    irq_set(isa_irq(0), !s->irq_off && (c->mode == 0 ? ch_out(c, now) : true));
    pit_arm(s, now);
}

/* ---- counts and gates ------------------------------------------------------------------------------------- */

static void ch_start(PitChannel *c, int64_t now)
{
    c->start = now + 1;         /* the next CLK loads the element */
    c->held = -1;
    c->counting = c->gate;
}

/* When and where a new count for a running mode 2 or 3 cycle begins. */
static void ch_schedule(PitChannel *c, uint32_t n, int64_t now)
{
    int64_t e = ch_elapsed(c, now), cycle = e - e % c->count;
    int64_t pos = e % c->count, high = high_half(c->count);

    c->next_count = n;
    if (c->mode == 3 && pos < high) {
        c->next_tick = c->start + cycle + high;             /* OUT falls there: the new cycle is in its low half */
        c->next_start = c->next_tick - high_half(n);
    } else {
        c->next_tick = c->next_start = c->start + cycle + c->count;
    }
}

static void ch_write_count(PitChannel *c, uint32_t raw, int64_t now)
{
    uint32_t n = raw;
    bool fresh;

    if (c->bcd) {
        n = (raw >> 12 & 15) * 1000 + (raw >> 8 & 15) * 100 + (raw >> 4 & 15) * 10 + (raw & 15);
        n = n % 10000 ? n % 10000 : 10000;
    } else if (!n) {
        n = 65536;
    }
    ch_sync(c, now);
    fresh = !c->loaded;
    c->loaded = true;
    switch (c->mode) {
    case 0:
    case 4:
        c->count = n;
        ch_start(c, now);
        break;
    case 1:
    case 5:
        if (fresh) {
            c->count = n;
            c->counting = false;
            c->held = (int64_t)n + 1;       /* not triggered: looks like long past its end */
        } else {
            c->next_count = n;              /* for the next trigger */
            c->next_tick = TICK_NEVER;
        }
        break;
    default:
        if (fresh || !c->counting || ch_elapsed(c, now) < 0) {
            c->count = n;
            c->next_count = 0;
            ch_start(c, now);
        } else {
            ch_schedule(c, n, now);
        }
        break;
    }
}

static void ch_set_gate(PitChannel *c, bool level, int64_t now)
{
    bool rising = level && !c->gate;

    if (level == c->gate) {
        return;
    }
    ch_sync(c, now);
    if (c->mode == 0 || c->mode == 4) {
        if (rising) {
            c->start = now - c->held;
            c->counting = c->loaded;
        } else {
            c->held = ch_elapsed(c, now);
            c->counting = false;
        }
    } else if (rising && c->loaded) {
        c->count = c->next_count ? c->next_count : c->count;
        c->next_count = 0;
        c->start = now + 1;
        c->counting = true;
    } else if (!rising && (c->mode == 2 || c->mode == 3)) {
        c->held = MAX(ch_elapsed(c, now), 0);
        c->counting = false;
    }
    c->gate = level;
}

/* ---- ports ------------------------------------------------------------------------------------------------ */

static void ch_latch_count(PitChannel *c, int64_t now)
{
    if (!c->count_latched) {            /* datasheet: a second latch command before the read is ignored */
        c->latch = ch_value(c, now);
        c->count_latched = true;
    }
}

static void ch_latch_status(PitChannel *c, int64_t now)
{
    if (!c->status_latched) {
        c->status = (ch_out(c, now) ? STATUS_OUT : 0) | (ch_null_count(c, now) ? STATUS_NULL_COUNT : 0) |
                    c->access << 4 | c->mode << 1 | (c->bcd ? CW_BCD : 0);
        c->status_latched = true;
    }
}

static void pit_read_back(Pit *s, uint8_t val, int64_t now)
{
    for (unsigned i = 0; i < PIT_CHANNELS; i++) {
        if (!(val & (2u << i))) {
            continue;
        }
        if (!(val & RB_NO_COUNT)) {
            ch_latch_count(&s->ch[i], now);
        }
        if (!(val & RB_NO_STATUS)) {
            ch_latch_status(&s->ch[i], now);
        }
    }
}

static void ch_control(PitChannel *c, uint8_t val, int64_t now)
{
    unsigned mode = val >> 1 & 7;

    c->held = MAX(ch_elapsed(c, now), 0);
    c->mode = mode > 5 ? mode - 4 : mode;
    c->access = val >> 4 & 3;
    c->bcd = val & CW_BCD;
    c->loaded = c->counting = false;
    c->next_count = 0;
    c->write_high_next = c->read_high_next = c->count_latched = c->status_latched = false;
}

static void pit_control(Pit *s, uint8_t val, int64_t now)
{
    unsigned n = val >> 6;

    if (n == 3) {
        pit_read_back(s, val, now);
    } else if ((val >> 4 & 3) == ACCESS_LATCH) {
        ch_latch_count(&s->ch[n], now);
    } else {
        ch_control(&s->ch[n], val, now);
        if (n == 0) {
            pit_update_line(s, now);
        }
    }
}

/* True when the count is complete. In mode 0 the first of two bytes stops the counter and drops OUT. */
static bool ch_write_byte(PitChannel *c, uint8_t val, int64_t now)
{
    switch (c->access) {
    case ACCESS_LSB:
        ch_write_count(c, val, now);
        return true;
    case ACCESS_MSB:
        ch_write_count(c, val << 8, now);
        return true;
    }
    c->write_high_next = !c->write_high_next;
    if (c->write_high_next) {
        c->write_low = val;
        if (c->mode == 0) {
            c->held = MAX(ch_elapsed(c, now), 0);
            c->loaded = c->counting = false;
        }
        return c->mode == 0;
    }
    ch_write_count(c, val << 8 | c->write_low, now);
    return true;
}

static void pit_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    Pit *s = opaque;
    int64_t now = pit_now();

    trace_pit_write(addr, val);
    pit_catch_up(s, now);
    if (addr == PIT_CONTROL) {
        pit_control(s, val, now);
        if (!timer_armed(&s->timer)) {
            pit_arm(s, now);
        }
    } else if (ch_write_byte(&s->ch[addr], val, now) && addr == 0) {
        pit_update_line(s, now);
    } else if (addr == 0) {
        pit_arm(s, now);
    }
}

static uint8_t ch_read(PitChannel *c, int64_t now)
{
    uint16_t value;
    bool high = c->access == ACCESS_MSB;

    if (c->status_latched) {
        c->status_latched = false;
        return c->status;
    }
    value = c->count_latched ? c->latch : ch_value(c, now);
    if (c->access == ACCESS_BOTH || c->access == 0) {
        high = c->read_high_next;
        c->read_high_next = !high;
    }
    if (!c->read_high_next) {
        c->count_latched = false;       /* fully read */
    }
    return high ? value >> 8 : value;
}

static uint64_t pit_read(void *opaque, hwaddr addr, unsigned size)
{
    Pit *s = opaque;
    uint8_t val = addr == PIT_CONTROL ? 0 : ch_read(&s->ch[addr], pit_now());   /* the control word cannot be read */

    trace_pit_read(addr, val);
    return val;
}

static const MemoryRegionOps pit_ops = {
    .read = pit_read, .write = pit_write, .size = { .min = 1, .max = 1 },
};

/* ---- for the board ---------------------------------------------------------------------------------------- */

static PitChannel *pit_channel(Device *pit, int channel)
{
    return &container_of(pit, Pit, parent)->ch[channel];
}

bool i8254_out(Device *pit, int channel)
{
    return ch_out(pit_channel(pit, channel), pit_now());
}

void i8254_set_gate(Device *pit, int channel, bool level)
{
    Pit *s = container_of(pit, Pit, parent);
    int64_t now = pit_now();

    trace_pit_gate(channel, level);
    pit_catch_up(s, now);
    ch_set_gate(&s->ch[channel], level, now);
    if (channel == 0) {
        pit_update_line(s, now);
    } else if (!timer_armed(&s->timer)) {
        pit_arm(s, now);
    }
}

void i8254_set_irq_enabled(Device *pit, bool on)
{
    Pit *s = container_of(pit, Pit, parent);

    s->irq_off = !on;
    pit_update_line(s, pit_now());
}

/* ---- life ------------------------------------------------------------------------------------------------- */

static bool pit_realize(Device *dev, Error **errp)
{
    Pit *s = container_of(dev, Pit, parent);

    memory_region_init_io(&s->io, dev, &pit_ops, s, "pit", 4);
    isa_map_port(dev, 0x40, &s->io);
    timer_init(&s->timer, CLOCK_VM, pit_timer_cb, s);
    s->edge_tick = TICK_NEVER;
    return true;
}

static void pit_unrealize(Device *dev)
{
    timer_disarm(&container_of(dev, Pit, parent)->timer);
}

/* The datasheet leaves power-on undefined; this is what firmware of this board finds: all counting 65536 in mode 3. */
static void pit_reset(Device *dev)
{
    Pit *s = container_of(dev, Pit, parent);
    int64_t now = pit_now();

    for (unsigned i = 0; i < PIT_CHANNELS; i++) {
        s->ch[i] = (PitChannel) { .mode = 3, .count = 65536, .loaded = true, .counting = i != 2, .gate = i != 2,
                                  .start = now };
    }
    s->irq_off = false;
    pit_update_line(s, now);
}

static bool tick_is_sane(int64_t tick)
{
    return tick > INT64_MIN / 4 && tick < INT64_MAX / 4;
}

static bool pit_post_load(void *opaque, int version, Error **errp)
{
    Pit *s = opaque;

    if (s->edge_tick != TICK_NEVER && !tick_is_sane(s->edge_tick)) {
        error_set(errp, "the timer's next edge is at an impossible time");
        return false;
    }
    for (unsigned i = 0; i < PIT_CHANNELS; i++) {
        const PitChannel *c = &s->ch[i];

        if (c->mode > 5 || c->count < 1 || c->count > 65536 || c->next_count > 65536 || !tick_is_sane(c->start) ||
            !tick_is_sane(c->held) || !tick_is_sane(c->next_start)) {
            error_set(errp, "state of timer channel %u is impossible", i);
            return false;
        }
    }
    return true;
}

static const VMStateDescription pit_channel_vmstate = {
    .name = "i8254-channel", .version = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT8_MASK(mode, PitChannel, 7),
        VMSTATE_UINT8_MASK(access, PitChannel, 3),
        VMSTATE_BOOL(bcd, PitChannel),
        VMSTATE_BOOL(gate, PitChannel),
        VMSTATE_BOOL(loaded, PitChannel),
        VMSTATE_BOOL(counting, PitChannel),
        VMSTATE_UINT32(count, PitChannel),
        VMSTATE_UINT32(next_count, PitChannel),
        VMSTATE_INT64(next_tick, PitChannel),
        VMSTATE_INT64(next_start, PitChannel),
        VMSTATE_INT64(start, PitChannel),
        VMSTATE_INT64(held, PitChannel),
        VMSTATE_UINT8(write_low, PitChannel),
        VMSTATE_BOOL(write_high_next, PitChannel),
        VMSTATE_BOOL(read_high_next, PitChannel),
        VMSTATE_BOOL(count_latched, PitChannel),
        VMSTATE_BOOL(status_latched, PitChannel),
        VMSTATE_UINT16(latch, PitChannel),
        VMSTATE_UINT8(status, PitChannel),
        VMSTATE_END
    },
};

static const VMStateDescription pit_vmstate = {
    .name = "i8254", .version = 1, .post_load = pit_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_STRUCT_ARRAY(ch, Pit, PIT_CHANNELS, pit_channel_vmstate),
        VMSTATE_TIMER(timer, Pit),
        VMSTATE_INT64(edge_tick, Pit),
        VMSTATE_BOOL(irq_off, Pit),
        VMSTATE_END
    },
};

static const DeviceType pit_type = {
    .name = "isa-pit", .desc = "8254 interval timer", .bus = BUS_ISA,
    .instance_size = sizeof(Pit),
    .realize = pit_realize, .unrealize = pit_unrealize, .reset = pit_reset, .vmstate = &pit_vmstate,
};
DEVICE_TYPE(pit_type)
