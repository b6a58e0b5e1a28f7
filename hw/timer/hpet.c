/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * High precision event timer: a 64-bit counter at 100 MHz and three comparators
 *
 * Follows: IA-PC HPET (High Precision Event Timers) Specification 1.0a.
 * Left out: FSB (message) interrupts: no timer says it can, the enable bit is only remembered.
 *
 * The counter is CLOCK_VM in units of 10 ns plus an offset that changes when a guest stops it and writes it. A
 * comparator is armed with the counter value it matches next, unwrapped to 64 bits, so that "due" is one comparison in
 * 32-bit mode too. A host timer runs for each comparator whose match the clock can reach.
 *
 *   periodic:  match ─► interrupt, comparator += period ─► next match on the same grid, missed ones merge into one
 *   one shot:  match ─► interrupt; matches again when the counter has gone all the way round
 */
#include "qemu/osdep.h"
#include "hw/isa/isa.h"
#include "hw/timer/hpet.h"
#include "hw/timer/i8254.h"
#include "hw/timer/mc146818rtc.h"
#include "qemu/log.h"
#include "qemu/timer.h"
#include "trace/hw-timer.h"

#define HPET_TIMERS         3
#define TICK_NS             10
#define PERIOD_FS           (TICK_NS * 1000000ull)
#define HPET_ROUTE          2           /* I/O APIC pin: the only bit of the routing capability */
#define MIN_INTERVAL        1000u       /* ticks between two interrupts of a comparator: 10 ns are no attack */
#define MATCH_REACH         ((uint64_t)INT64_MAX / TICK_NS / 2)     /* ticks: more than a thousand years */

enum {
    REG_CAP = 0x000, REG_CONFIG = 0x010, REG_STATUS = 0x020, REG_COUNTER = 0x0f0,
    REG_TIMERS = 0x100, REG_TIMER_SIZE = 0x20, REG_TIMERS_END = REG_TIMERS + HPET_TIMERS * REG_TIMER_SIZE,
};
enum { TIMER_CONFIG = 0x00, TIMER_COMPARATOR = 0x08, TIMER_FSB = 0x10 };

/* Vendor 8086h, legacy replacement, 64-bit counter, three timers, revision 1. */
#define CAP_VALUE           (PERIOD_FS << 32 | 0x8086a001u | (HPET_TIMERS - 1) << 8)

#define CONFIG_ENABLE       1u
#define CONFIG_LEGACY       2u
#define CONFIG_WRITABLE     (CONFIG_ENABLE | CONFIG_LEGACY)

#define TN_LEVEL            (1u << 1)
#define TN_ENABLE           (1u << 2)
#define TN_PERIODIC         (1u << 3)
#define TN_CAPABILITIES     0x30u       /* periodic, 64 bits */
#define TN_SETVAL           (1u << 6)
#define TN_32BIT            (1u << 8)
#define TN_ROUTE(config)    ((config) >> 9 & 0x1f)
#define TN_WRITABLE         0x7f4eu
#define TN_FIXED            (1ull << HPET_ROUTE << 32 | TN_CAPABILITIES)

typedef struct HpetTimer {
    struct Hpet *hpet;
    Timer timer;
    uint32_t config;        /* writable bits */
    uint64_t comparator;
    uint64_t period;
    uint64_t fsb;
    uint64_t match;         /* counter value of the next match, unwrapped: modulo 2^64 in 32-bit mode too */
    bool reachable;         /* match lies less than MATCH_REACH ahead, or just behind; otherwise it never comes */
    unsigned n;
} HpetTimer;

typedef struct Hpet {
    Device parent;
    MemoryRegion io;
    Device *pit, *rtc;      /* properties */
    Irq gsi2;
    uint32_t config, status;
    int gsi2_level;         /* follows from status and configs */
    uint64_t counter;       /* while stopped: its value; while it runs: value minus CLOCK_VM ticks, modulo 2^64 */
    HpetTimer timers[HPET_TIMERS];
} Hpet;

/* ---- time -------------------------------------------------------------------------------------------------------- */

static uint64_t vm_ticks(void)
{
    return clock_get_ns(CLOCK_VM) / TICK_NS;
}

static uint64_t hpet_counter(const Hpet *s)
{
    return s->config & CONFIG_ENABLE ? s->counter + vm_ticks() : s->counter;
}

static bool timer_is_32bit(const HpetTimer *t)
{
    return t->config & TN_32BIT;
}

/* Ticks from now to when the counter equals the comparator, 0 when it does. */
static uint64_t ticks_to_match(const HpetTimer *t, uint64_t now)
{
    uint64_t diff = t->comparator - now;

    return timer_is_32bit(t) ? (uint32_t)diff : diff;
}

/* What is not more than MATCH_REACH ahead can be told from what is behind, wherever the counter wraps. */
static bool match_has_come(const HpetTimer *t, uint64_t now)
{
    return t->reachable && t->match - now - 1 >= MATCH_REACH;
}

static void set_match(HpetTimer *t, uint64_t now, uint64_t match)
{
    t->match = match;
    t->reachable = match - now < MATCH_REACH;
}

static void timer_arm_host(HpetTimer *t, uint64_t now)
{
    const Hpet *s = t->hpet;
    uint64_t ahead = match_has_come(t, now) ? 0 : t->match - now;

    if (!(s->config & CONFIG_ENABLE) || !(t->config & TN_ENABLE) || !t->reachable) {
        timer_disarm(&t->timer);
        return;
    }
    timer_arm(&t->timer, (int64_t)((vm_ticks() + ahead) * TICK_NS));
}

/* After anything that moves the match: comparator, mode, counter. */
static void timer_restart(HpetTimer *t)
{
    uint64_t now = hpet_counter(t->hpet), diff = ticks_to_match(t, now);

    set_match(t, now, now + diff);
    timer_arm_host(t, now);
}

/* ---- interrupts -------------------------------------------------------------------------------------------------- */

static bool takes_legacy_line(const HpetTimer *t)
{
    return t->hpet->config & CONFIG_LEGACY && t->n < 2;
}

/* Where the timer's interrupt goes; NULL when to a pin it cannot reach. */
static Irq timer_line(const HpetTimer *t)
{
    if (takes_legacy_line(t)) {
        return isa_irq(t->n ? 8 : 0);
    }
    return TN_ROUTE(t->config) == HPET_ROUTE ? t->hpet->gsi2 : NULL;
}

/* A level interrupt stands while its status bit does. Timers share pins, so levels are ORed. */
static void update_levels(Hpet *s)
{
    int level = 0;

    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        HpetTimer *t = &s->timers[i];
        bool active = (t->config & TN_LEVEL) && (t->config & TN_ENABLE) && s->status & 1u << i;

        if (takes_legacy_line(t)) {
            if (t->config & TN_LEVEL) {
                irq_set(timer_line(t), active);
            }
        } else if (TN_ROUTE(t->config) == HPET_ROUTE) {
            level |= active;
        }
    }
    if (level != s->gsi2_level) {       /* the 8254 drives the same pin: leave it alone otherwise */
        s->gsi2_level = level;
        irq_set(s->gsi2, level);
    }
}

/*
 * An edge: the line dips and stays up, as the 8254's does (docs/timers.md, "Line 0"). Somebody else may have held it
 * up, and an 8259 forgets a request whose line falls before the CPU has taken it.
 */
static void make_edge(HpetTimer *t)
{
    Irq line = timer_line(t);

    irq_lower(line);
    irq_raise(line);
    if (line == t->hpet->gsi2) {
        t->hpet->gsi2_level = 1;
    }
}

static void timer_fire(HpetTimer *t)
{
    Hpet *s = t->hpet;

    trace_hpet_fire(t->n, t->comparator);
    if (t->config & TN_LEVEL) {
        s->status |= 1u << t->n;
        update_levels(s);
    } else if (t->config & TN_ENABLE) {
        make_edge(t);
    }
}

/* Brings one comparator up to the present. */
static void timer_sync(HpetTimer *t)
{
    Hpet *s = t->hpet;
    uint64_t now = hpet_counter(s), late;

    if (!(s->config & CONFIG_ENABLE) || !match_has_come(t, now)) {
        return;
    }
    late = now - t->match;
    if ((t->config & TN_PERIODIC) && t->period) {
        uint64_t steps = late / t->period + 1, next = t->match + steps * t->period;
        bool too_soon = t->config & TN_ENABLE && next - now < MIN_INTERVAL;

        t->comparator = timer_is_32bit(t) ? (uint32_t)next : next;
        set_match(t, now, too_soon ? now + MIN_INTERVAL : next);
    } else if (timer_is_32bit(t)) {
        set_match(t, now, t->match + ((late >> 32) + 1) * (1ull << 32));
    } else {
        t->reachable = false;   /* all the way round takes thousands of years */
    }
    timer_arm_host(t, now);
    timer_fire(t);
}

static void hpet_timer_cb(void *opaque)
{
    HpetTimer *t = opaque;

    timer_sync(t);
    if (!timer_armed(&t->timer)) {
        timer_arm_host(t, hpet_counter(t->hpet));
    }
}

static void sync_all(Hpet *s)
{
    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        timer_sync(&s->timers[i]);
    }
}

/* ---- registers --------------------------------------------------------------------------------------------------- */

static uint64_t timer_read(HpetTimer *t, unsigned reg)
{
    switch (reg) {
    case TIMER_CONFIG:
        return TN_FIXED | t->config;
    case TIMER_COMPARATOR:
        timer_sync(t);
        return t->comparator;
    case TIMER_FSB:
        return t->fsb;
    default:
        return 0;
    }
}

static uint64_t hpet_read64(Hpet *s, unsigned reg)
{
    switch (reg) {
    case REG_CAP:
        return CAP_VALUE;
    case REG_CONFIG:
        return s->config;
    case REG_STATUS:
        sync_all(s);
        return s->status;
    case REG_COUNTER:
        return hpet_counter(s);
    default:
        if (reg >= REG_TIMERS && reg < REG_TIMERS_END) {
            return timer_read(&s->timers[(reg - REG_TIMERS) / REG_TIMER_SIZE], reg % REG_TIMER_SIZE);
        }
        qemu_log_mask(LOG_GUEST_ERROR, "hpet: read of register 0x%03x that does not exist\n", reg);
        return 0;
    }
}

static void write_timer_config(HpetTimer *t, uint64_t val)
{
    uint32_t changed = (t->config ^ val) & TN_WRITABLE;

    timer_sync(t);
    t->config = val & TN_WRITABLE;
    if (timer_is_32bit(t)) {
        t->comparator = (uint32_t)t->comparator;
        t->period = (uint32_t)t->period;
    }
    if (!(t->config & TN_LEVEL)) {
        t->hpet->status &= ~(1u << t->n);
    }
    if (changed & (TN_32BIT | TN_PERIODIC)) {
        timer_restart(t);
    } else if (changed & TN_ENABLE) {
        timer_arm_host(t, hpet_counter(t->hpet));
    }
    update_levels(t->hpet);
}

/*
 * A periodic timer's register is comparator and period at once: with SETVAL set a write goes to the comparator and
 * clears SETVAL, without it to the period. The first write after the mode was chosen therefore says when, the second
 * how often. In one-shot mode there is only the comparator.
 */
static void write_comparator(HpetTimer *t, uint64_t val, uint64_t mask)
{
    timer_sync(t);
    if (!(t->config & TN_PERIODIC) || t->config & TN_SETVAL) {
        t->comparator = (t->comparator & ~mask) | (val & mask);
    }
    if (t->config & TN_PERIODIC) {
        t->period = (t->period & ~mask) | (val & mask);
    }
    if (timer_is_32bit(t)) {
        t->comparator = (uint32_t)t->comparator;
        t->period = (uint32_t)t->period;
    }
    t->config &= ~TN_SETVAL;
    timer_restart(t);
}

static void timer_write(HpetTimer *t, unsigned reg, uint64_t val, uint64_t mask)
{
    switch (reg) {
    case TIMER_CONFIG:
        write_timer_config(t, (t->config & ~mask) | (val & mask));
        break;
    case TIMER_COMPARATOR:
        write_comparator(t, val, mask);
        break;
    case TIMER_FSB:
        t->fsb = (t->fsb & ~mask) | (val & mask);
        break;
    }
}

static void set_legacy(Hpet *s, bool on)
{
    i8254_set_irq_enabled(s->pit, !on);
    rtc_set_irq_enabled(s->rtc, !on);
}

static void write_config(Hpet *s, uint32_t val)
{
    uint32_t changed = s->config ^ val;

    if (changed & CONFIG_ENABLE) {      /* the counter goes on, or stops, where it is */
        s->counter += val & CONFIG_ENABLE ? -vm_ticks() : vm_ticks();
    }
    if (changed & CONFIG_LEGACY) {
        irq_lower(isa_irq(0));
        irq_lower(isa_irq(8));
    }
    s->config = val;
    if (changed & CONFIG_LEGACY) {
        set_legacy(s, val & CONFIG_LEGACY);
        update_levels(s);
    }
    for (unsigned i = 0; changed & CONFIG_ENABLE && i < HPET_TIMERS; i++) {
        timer_restart(&s->timers[i]);
    }
}

static void write_counter(Hpet *s, uint64_t val, uint64_t mask)
{
    if (s->config & CONFIG_ENABLE) {
        qemu_log_mask(LOG_GUEST_ERROR, "hpet: write to the counter while it runs\n");
        return;
    }
    s->counter = (s->counter & ~mask) | (val & mask);
    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        timer_restart(&s->timers[i]);
    }
}

/* mask: the bits of the 64-bit register that the access covers. */
static void hpet_write64(Hpet *s, unsigned reg, uint64_t val, uint64_t mask)
{
    switch (reg) {
    case REG_CONFIG:
        sync_all(s);
        write_config(s, ((s->config & ~mask) | (val & mask)) & CONFIG_WRITABLE);
        break;
    case REG_STATUS:
        sync_all(s);
        s->status &= ~(val & mask);
        update_levels(s);
        break;
    case REG_COUNTER:
        write_counter(s, val, mask);
        break;
    default:
        if (reg >= REG_TIMERS && reg < REG_TIMERS_END) {
            timer_write(&s->timers[(reg - REG_TIMERS) / REG_TIMER_SIZE], reg % REG_TIMER_SIZE, val, mask);
        } else {
            qemu_log_mask(LOG_GUEST_ERROR, "hpet: write to register 0x%03x that cannot be written\n", reg);
        }
    }
}

static uint64_t hpet_read(void *opaque, hwaddr addr, unsigned size)
{
    unsigned shift = 8 * (addr & 4);
    uint64_t val = hpet_read64(opaque, addr & ~7u) >> shift;

    trace_hpet_read(addr, size, val);
    return val;
}

static void hpet_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    unsigned shift = 8 * (addr & 4);
    uint64_t mask = (size == 8 ? ~0ull : 0xffffffffull) << shift;

    trace_hpet_write(addr, size, val);
    hpet_write64(opaque, addr & ~7u, val << shift, mask);
}

static const MemoryRegionOps hpet_ops = {
    .read = hpet_read, .write = hpet_write, .size = { .min = 4, .max = 8 },
};

/* ---- life -------------------------------------------------------------------------------------------------------- */

static bool hpet_realize(Device *dev, Error **errp)
{
    Hpet *s = container_of(dev, Hpet, parent);

    if (!s->pit || !s->rtc) {
        error_set(errp, "hpet needs its 'pit' and 'rtc' properties");
        return false;
    }
    memory_region_init_io(&s->io, dev, &hpet_ops, s, "hpet", HPET_SIZE);
    memory_region_add(get_system_memory(), HPET_BASE, &s->io, 0);
    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        s->timers[i].hpet = s;
        s->timers[i].n = i;
        timer_init(&s->timers[i].timer, CLOCK_VM, hpet_timer_cb, &s->timers[i]);
    }
    return true;
}

static void hpet_unrealize(Device *dev)
{
    Hpet *s = container_of(dev, Hpet, parent);

    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        timer_disarm(&s->timers[i].timer);
    }
    memory_region_del(&s->io);
    memory_region_destroy(&s->io);
}

static void hpet_reset(Device *dev)
{
    Hpet *s = container_of(dev, Hpet, parent);

    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        HpetTimer *t = &s->timers[i];

        timer_disarm(&t->timer);
        t->config = 0;
        t->comparator = t->match = ~0ull;
        t->reachable = false;
        t->period = t->fsb = 0;
    }
    if (s->config & CONFIG_LEGACY) {
        set_legacy(s, false);
    }
    s->config = s->status = 0;
    s->counter = 0;
    update_levels(s);
}

static bool hpet_post_load(void *opaque, int version, Error **errp)
{
    Hpet *s = opaque;

    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        HpetTimer *t = &s->timers[i];

        if (timer_is_32bit(t) && (t->comparator >> 32 || t->period >> 32)) {
            error_set(errp, "hpet: timer %u is in 32-bit mode with a comparator beyond it", i);
            return false;
        }
        timer_arm_host(t, hpet_counter(s));
    }
    update_levels(s);
    return true;
}

static const VMStateDescription hpet_timer_vmstate = {
    .name = "hpet-timer", .version = 2, .min_version = 2,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32_MASK(config, HpetTimer, TN_WRITABLE),
        VMSTATE_UINT64(comparator, HpetTimer),
        VMSTATE_UINT64(period, HpetTimer),
        VMSTATE_UINT64(fsb, HpetTimer),
        VMSTATE_UINT64(match, HpetTimer),
        VMSTATE_BOOL(reachable, HpetTimer),
        VMSTATE_END
    },
};

static const VMStateDescription hpet_vmstate = {
    .name = "hpet", .version = 2, .min_version = 2, .post_load = hpet_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32_MASK(config, Hpet, CONFIG_WRITABLE),
        VMSTATE_UINT32_MASK(status, Hpet, (1u << HPET_TIMERS) - 1),
        VMSTATE_UINT64(counter, Hpet),
        VMSTATE_STRUCT_ARRAY(timers, Hpet, HPET_TIMERS, hpet_timer_vmstate),
        VMSTATE_END     /* who drives lines 0 and 8 meanwhile is in the state of 8254 and RTC */
    },
};

static const Property hpet_props[] = { PROP_DEVICE("pit", Hpet, pit), PROP_DEVICE("rtc", Hpet, rtc), PROP_END };

static const DeviceType hpet_type = {
    .name = "hpet", .desc = "high precision event timer", .bus = BUS_SYSTEM,
    .instance_size = sizeof(Hpet), .props = hpet_props,
    .realize = hpet_realize, .unrealize = hpet_unrealize, .reset = hpet_reset, .vmstate = &hpet_vmstate,
};
DEVICE_TYPE(hpet_type)

Device *hpet_create(Device *pit, Device *rtc, Irq gsi2, Error **errp)
{
    Device *dev = device_new("hpet");

    device_set_prop_ptr(dev, "pit", pit);
    device_set_prop_ptr(dev, "rtc", rtc);
    container_of(dev, Hpet, parent)->gsi2 = gsi2;
    return device_realize_or_free(dev, errp);
}
