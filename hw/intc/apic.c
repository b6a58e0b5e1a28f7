/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local APIC of each CPU: registers, priorities, timer, interprocessor interrupts, message delivery
 *
 * Follows: Intel SDM vol. 3A, "Advanced Programmable Interrupt Controller (APIC)"; version 14h, six LVT entries. The
 * timer counts 1 GHz (one tick per nanosecond at divide 1), the rate guests of this board expect to measure.
 * Left out: the window cannot be moved away from FEE00000h (the MSR remembers the address), ExtINT messages, delivery
 * errors nobody observes (send/receive accept), performance and thermal events.
 *
 * EOI, TPR and ICR are the hottest registers of an SMP guest, so nothing here needs the big lock: each APIC has a
 * lock of its own, held for a register access or the acceptance of a message and never together with another one.
 * What has to leave the chip (an IPI, an EOI broadcast) is noted in an ApicOutbox and done after unlocking.
 */
#include "qemu/osdep.h"
#include "hw/intc/apic.h"
#include "qemu/bitops.h"
#include "qemu/log.h"
#include "qemu/main-loop.h"
#include "trace/hw-intc.h"

/* Register numbers: offset / 10h in the window, index - 800h among the x2APIC MSRs. */
enum {
    REG_ID = 0x02, REG_VERSION = 0x03, REG_TPR = 0x08, REG_APR = 0x09, REG_PPR = 0x0a, REG_EOI = 0x0b, REG_RRD = 0x0c,
    REG_LDR = 0x0d, REG_DFR = 0x0e, REG_SVR = 0x0f, REG_ISR = 0x10, REG_TMR = 0x18, REG_IRR = 0x20, REG_ESR = 0x28,
    REG_ICR_LO = 0x30, REG_ICR_HI = 0x31, REG_LVT = 0x32, REG_INIT_COUNT = 0x38, REG_COUNT = 0x39, REG_DIVIDE = 0x3e,
    REG_SELF_IPI = 0x3f,
};

enum { LVT_TIMER, LVT_THERMAL, LVT_PERF, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVT__COUNT };

#define APIC_VERSION        (0x14u | (LVT__COUNT - 1) << 16)
#define APIC_MAX            288
#define MSR_X2APIC_FIRST    0x800
#define MSR_TSC_DEADLINE    0x6e0

#define BASE_BSP            (1ull << 8)
#define BASE_X2             (1ull << 10)
#define CPUID_EDX_APIC      (1u << 9)
#define BASE_ENABLE         (1ull << 11)
#define BASE_RESERVED       0x2ffull        /* below the address; bits above the CPU's width are reserved too */

#define SVR_ENABLE          (1u << 8)
#define SVR_NO_FOCUS        (1u << 9)
#define SVR_MASK            0x3ffu

#define LVT_VECTOR          0xffu
#define LVT_MODE_SHIFT      8
#define LVT_POLARITY        (1u << 13)
#define LVT_LEVEL           (1u << 15)
#define LVT_MASKED          (1u << 16)
#define LVT_PERIODIC        (1u << 17)
#define LVT_DEADLINE        (1u << 18)

#define ICR_LOGICAL         (1u << 11)
#define ICR_ASSERT          (1u << 14)
#define ICR_LEVEL           (1u << 15)
#define ICR_SHORTHAND_SHIFT 18
#define ICR_MASK            0x000ccfffu
enum { SHORTHAND_NONE, SHORTHAND_SELF, SHORTHAND_ALL, SHORTHAND_OTHERS };

#define ESR_SEND_ILLEGAL    (1u << 5)
#define ESR_RECV_ILLEGAL    (1u << 6)
#define ESR_BAD_REGISTER    (1u << 7)

#define DIVIDE_MASK         0x0bu
#define PERIOD_FLOOR_NS     20000           /* a guest asking for more than 50000 ticks a second gets them coalesced */

typedef struct Apic {
    Device parent;
    VCpu *cpu;
    GMutex lock;                /* guards all below */
    uint64_t base;              /* MSR 1Bh */
    uint32_t initial_id;        /* what the CPU was born with: the x2APIC ID */
    uint32_t id;                /* xAPIC ID register, bits 31:24 */
    uint32_t tpr, ldr, dfr, svr, icr_lo, icr_hi, divide, init_count;
    uint32_t esr, esr_pending;  /* as read, and what collects until the next write */
    uint32_t lvt[LVT__COUNT];
    uint64_t irr[4], isr[4], tmr[4];
    Timer timer;
    int64_t count_start;        /* CLOCK_VM when the count was init_count */
    bool counting;
    uint64_t tsc_deadline;      /* 0: disarmed */
    bool lint0;                 /* level of the 8259 pair's output; only the BSP is wired to it */
    bool hard;                  /* what CPU_INT_HARD says now */
} Apic;

/* What a register write wants done outside the APIC, after its lock is dropped. */
typedef struct ApicOutbox {
    int eoi_vector;             /* -1: none */
    bool ipi;
    uint32_t icr, dest;
    bool wide;                  /* 32-bit destination */
} ApicOutbox;
#define APIC_OUTBOX_EMPTY { .eoi_vector = -1 }

/* A message on the bus between APICs. wide: the sender speaks 32-bit destinations. */
typedef struct ApicMessage {
    uint32_t dest;
    bool logical, wide, level;
    uint8_t mode, vector;
} ApicMessage;

/* One per CPU, by index. Filled before the CPUs run, never shrinks: read without a lock. */
static Apic *apics[APIC_MAX];
static int apic_count;
static MemoryRegion apic_window;
static unsigned lowest_turn;    /* ties in lowest-priority arbitration rotate; any value is right */

static const uint32_t lvt_writable[LVT__COUNT] = {
    [LVT_TIMER]   = LVT_VECTOR | LVT_MASKED | LVT_PERIODIC | LVT_DEADLINE,
    [LVT_THERMAL] = LVT_VECTOR | 7u << LVT_MODE_SHIFT | LVT_MASKED,
    [LVT_PERF]    = LVT_VECTOR | 7u << LVT_MODE_SHIFT | LVT_MASKED,
    [LVT_LINT0]   = LVT_VECTOR | 7u << LVT_MODE_SHIFT | LVT_POLARITY | LVT_LEVEL | LVT_MASKED,
    [LVT_LINT1]   = LVT_VECTOR | 7u << LVT_MODE_SHIFT | LVT_POLARITY | LVT_LEVEL | LVT_MASKED,
    [LVT_ERROR]   = LVT_VECTOR | LVT_MASKED,
};

static Apic *apic_of(const VCpu *v)
{
    return v && v->index >= 0 && v->index < apic_count ? apics[v->index] : NULL;
}

static bool apic_enabled(const Apic *a)
{
    return a->base & BASE_ENABLE;
}

static bool apic_is_x2(const Apic *a)
{
    return (a->base & (BASE_ENABLE | BASE_X2)) == (BASE_ENABLE | BASE_X2);
}

/* ---- 256-bit vectors -------------------------------------------------------------------------------------- */

static void vec_set(uint64_t *set, uint8_t v)
{
    set[v >> 6] |= 1ull << (v & 63);
}

static void vec_clear(uint64_t *set, uint8_t v)
{
    set[v >> 6] &= ~(1ull << (v & 63));
}

static bool vec_test(const uint64_t *set, uint8_t v)
{
    return set[v >> 6] >> (v & 63) & 1;
}

static int vec_highest(const uint64_t *set)
{
    for (int i = 3; i >= 0; i--) {
        if (set[i]) {
            return i * 64 + 63 - (int)clz64(set[i]);
        }
    }
    return -1;
}

static uint32_t vec_word(const uint64_t *set, unsigned word)
{
    return set[word / 2] >> (word & 1 ? 32 : 0);
}

/* ---- priorities and the line to the CPU (SDM vol. 3A, "Task and Processor Priorities") -------------------- */

static uint8_t apic_ppr(const Apic *a)
{
    int isrv = vec_highest(a->isr);
    uint8_t in_service = isrv < 0 ? 0 : isrv & 0xf0;

    return (a->tpr & 0xf0) >= in_service ? a->tpr : in_service;
}

/* The vector the CPU would get from this APIC now, or -1. */
static int apic_deliverable(const Apic *a)
{
    int irrv;

    if (!apic_enabled(a) || !(a->svr & SVR_ENABLE)) {
        return -1;
    }
    irrv = vec_highest(a->irr);
    return irrv >= 0 && (irrv & 0xf0) > (apic_ppr(a) & 0xf0) ? irrv : -1;
}

/* Does the 8259 pair's output reach the CPU? With the APIC off in its MSR, LINT0 is the plain INTR pin. */
static bool apic_extint_waits(const Apic *a)
{
    uint32_t lvt = a->lvt[LVT_LINT0];

    if (!a->lint0) {
        return false;
    }
    return !apic_enabled(a) || (!(lvt & LVT_MASKED) && (lvt >> LVT_MODE_SHIFT & 7) == APIC_DM_EXTINT);
}

static void apic_update(Apic *a)
{
    bool hard = apic_deliverable(a) >= 0 || apic_extint_waits(a);

    if (hard == a->hard) {
        return;
    }
    a->hard = hard;
    if (hard) {
        cpu_interrupt(a->cpu, CPU_INT_HARD);
    } else {
        cpu_interrupt_clear(a->cpu, CPU_INT_HARD);
    }
}

/* After a reset or a load nobody knows what the CPU's bit says: state it again. */
static void apic_update_afresh(Apic *a)
{
    a->hard = false;
    cpu_interrupt_clear(a->cpu, CPU_INT_HARD);
    apic_update(a);
}

static void apic_error(Apic *a, uint32_t bit);

static void apic_accept_fixed(Apic *a, uint8_t vector, bool level)
{
    if (vector < 16) {
        apic_error(a, ESR_RECV_ILLEGAL);
        return;
    }
    if (!(a->svr & SVR_ENABLE)) {
        return;
    }
    if (!level && vec_test(a->irr, vector)) {
        irq_note_merge();
    }
    vec_set(a->irr, vector);
    if (level) {
        vec_set(a->tmr, vector);
    } else {
        vec_clear(a->tmr, vector);
    }
    apic_update(a);
}

/* What needs no vector; false: not such a delivery mode. */
static bool apic_deliver_plain(Apic *a, unsigned mode)
{
    static const struct {
        uint8_t mode;
        CpuInterrupt what;
    } plain[] = { { APIC_DM_SMI, CPU_INT_SMI }, { APIC_DM_NMI, CPU_INT_NMI }, { APIC_DM_INIT, CPU_INT_INIT } };

    for (unsigned i = 0; i < ARRAY_SIZE(plain); i++) {
        if (plain[i].mode == mode) {
            cpu_interrupt(a->cpu, plain[i].what);
            return true;
        }
    }
    return false;
}

/* An event of the APIC itself, routed by its local vector table entry. */
static void apic_local_event(Apic *a, unsigned n)
{
    uint32_t lvt = a->lvt[n];
    unsigned mode = n == LVT_TIMER || n == LVT_ERROR ? APIC_DM_FIXED : lvt >> LVT_MODE_SHIFT & 7;

    if (!apic_enabled(a) || (lvt & LVT_MASKED)) {
        return;
    }
    trace_apic_local_event(a->cpu->index, n, lvt);
    if (mode == APIC_DM_FIXED) {
        apic_accept_fixed(a, lvt & LVT_VECTOR, n == LVT_LINT0 && (lvt & LVT_LEVEL));
    } else {
        apic_deliver_plain(a, mode);    /* ExtINT is a level, see apic_extint_waits(); the rest is reserved */
    }
}

/*
 * Errors collect until ESR is written; the interrupt comes with the first of them. An illegal LVT vector must not
 * recurse.
 */
static void apic_error(Apic *a, uint32_t bit)
{
    bool first = !a->esr_pending;

    trace_apic_error(a->cpu->index, bit);
    a->esr_pending |= bit;
    if (first && (a->lvt[LVT_ERROR] & LVT_VECTOR) >= 16) {
        apic_local_event(a, LVT_ERROR);
    }
}

/* ---- timer (SDM vol. 3A, "APIC Timer") -------------------------------------------------------------------- */

static unsigned apic_divider(const Apic *a)
{
    unsigned code = (a->divide & 3) | (a->divide >> 1 & 4);

    return code == 7 ? 1 : 2u << code;
}

static int64_t apic_period_ns(const Apic *a)
{
    return (int64_t)a->init_count * apic_divider(a);
}

static uint32_t apic_current_count(const Apic *a, int64_t now)
{
    uint64_t elapsed;

    if (!a->counting || !a->init_count || (a->lvt[LVT_TIMER] & LVT_DEADLINE)) {
        return 0;
    }
    elapsed = (uint64_t)(now - a->count_start) / apic_divider(a);
    if (a->lvt[LVT_TIMER] & LVT_PERIODIC) {
        return a->init_count - elapsed % a->init_count;
    }
    return elapsed >= a->init_count ? 0 : a->init_count - elapsed;
}

/* First nanosecond at which the TSC has reached the deadline. */
static int64_t tsc_deadline_ns(uint64_t deadline)
{
    uint64_t hz = x86_cpu_tsc_hz();
    unsigned __int128 ns = ((unsigned __int128)deadline * NANOSECONDS_PER_SECOND + hz - 1) / hz;

    return ns > INT64_MAX ? INT64_MAX : (int64_t)ns;
}

static void apic_timer_arm_deadline(Apic *a)
{
    if (a->tsc_deadline) {
        timer_arm(&a->timer, tsc_deadline_ns(a->tsc_deadline));
    } else {
        timer_disarm(&a->timer);
    }
}

/*
 * Expiries lie at count_start + k * period, so lateness never adds up; those missed meanwhile merge into one.
 * A masked timer counts without anybody waiting for it.
 */
static void apic_timer_arm(Apic *a, int64_t now)
{
    uint32_t lvt = a->lvt[LVT_TIMER];
    int64_t period = apic_period_ns(a), next;

    if (lvt & LVT_DEADLINE) {
        apic_timer_arm_deadline(a);
        return;
    }
    if (!a->counting || !period || (lvt & LVT_MASKED)) {
        timer_disarm(&a->timer);
        return;
    }
    next = a->count_start + period;
    if ((lvt & LVT_PERIODIC) && next <= now) {
        next = a->count_start + ((now - a->count_start) / period + 1) * period;
    }
    if ((lvt & LVT_PERIODIC) && period < PERIOD_FLOOR_NS && next < now + PERIOD_FLOOR_NS) {
        next = a->count_start + ((now + PERIOD_FLOOR_NS - a->count_start) / period + 1) * period;
    }
    timer_arm(&a->timer, next);
}

static void apic_timer_cb(void *opaque)
{
    Apic *a = opaque;
    int64_t now = clock_get_ns(CLOCK_VM);

    g_mutex_lock(&a->lock);
    if (a->lvt[LVT_TIMER] & LVT_DEADLINE) {
        /* The vCPU may have moved the deadline between this timer's expiry and the lock. */
        if (a->tsc_deadline && tsc_deadline_ns(a->tsc_deadline) <= now) {
            a->tsc_deadline = 0;
            apic_local_event(a, LVT_TIMER);
        }
        apic_timer_arm_deadline(a);
    } else if (a->counting && apic_period_ns(a)) {
        bool periodic = a->lvt[LVT_TIMER] & LVT_PERIODIC;

        if (now - a->count_start >= apic_period_ns(a)) {
            int64_t periods = (now - a->count_start) / apic_period_ns(a);

            a->counting = periodic;
            a->count_start += periodic ? periods * apic_period_ns(a) : 0;
            apic_local_event(a, LVT_TIMER);
        }
        apic_timer_arm(a, now);
    }
    g_mutex_unlock(&a->lock);
}

static void apic_write_init_count(Apic *a, uint32_t val)
{
    int64_t now = clock_get_ns(CLOCK_VM);

    if (a->lvt[LVT_TIMER] & LVT_DEADLINE) {
        return;                 /* SDM: ignored in TSC-deadline mode */
    }
    a->init_count = val;
    a->counting = val != 0;
    a->count_start = now;
    apic_timer_arm(a, now);
}

/* The count goes on from where it is, at the new rate. */
static void apic_write_divide(Apic *a, uint32_t val)
{
    int64_t now = clock_get_ns(CLOCK_VM);
    uint32_t left = apic_current_count(a, now);

    a->divide = val & DIVIDE_MASK;
    a->counting = a->counting && left;
    a->count_start = now - (int64_t)(a->init_count - left) * apic_divider(a);
    apic_timer_arm(a, now);
}

static void apic_write_lvt_timer(Apic *a, uint32_t val)
{
    int64_t now = clock_get_ns(CLOCK_VM);
    uint32_t old = a->lvt[LVT_TIMER];

    if ((old ^ val) & LVT_DEADLINE) {
        a->counting = false;
        a->init_count = 0;
        a->tsc_deadline = 0;
    } else if (a->counting && !(old & LVT_PERIODIC) && !apic_current_count(a, now)) {
        a->counting = false;    /* ran out while masked: stays out, whatever the new mode */
    } else if (a->counting && (old & LVT_PERIODIC) && apic_period_ns(a)) {
        a->count_start += (now - a->count_start) / apic_period_ns(a) * apic_period_ns(a);
    }
    if (a->tsc_deadline && (old & LVT_MASKED) && tsc_deadline_ns(a->tsc_deadline) <= now) {
        a->tsc_deadline = 0;    /* passed while masked: lost */
    }
    a->lvt[LVT_TIMER] = val;
    apic_timer_arm(a, now);
}

/* ---- messages --------------------------------------------------------------------------------------------- */

static bool apic_matches_x2(const Apic *a, const ApicMessage *m)
{
    uint32_t ldr = (a->initial_id >> 4) << 16 | 1u << (a->initial_id & 15);

    if (m->wide ? m->dest == 0xffffffffu : m->dest == 0xff) {
        return true;
    }
    if (!m->logical) {
        return m->dest == a->initial_id;
    }
    return m->dest >> 16 == ldr >> 16 && (m->dest & ldr & 0xffff);
}

static bool apic_matches_x1(const Apic *a, const ApicMessage *m)
{
    uint8_t ldr = a->ldr >> 24, dest = m->dest;

    if (m->wide ? m->dest == 0xffffffffu : m->dest == 0xff) {
        return true;
    }
    if (m->dest > 0xff) {
        return false;
    }
    if (!m->logical) {
        return dest == a->id >> 24;
    }
    if (a->dfr >> 28 == 0xf) {
        return ldr & dest;
    }
    return (ldr & 0xf0) == (dest & 0xf0) && (ldr & dest & 0x0f);
}

static bool apic_matches(Apic *a, const ApicMessage *m)
{
    bool match;

    g_mutex_lock(&a->lock);
    match = apic_enabled(a) && (apic_is_x2(a) ? apic_matches_x2(a, m) : apic_matches_x1(a, m));
    g_mutex_unlock(&a->lock);
    return match;
}

static void apic_accept(Apic *a, const ApicMessage *m)
{
    trace_apic_accept(a->cpu->index, m->mode, m->vector, m->level);
    g_mutex_lock(&a->lock);
    if (apic_enabled(a)) {
        if (m->mode == APIC_DM_FIXED || m->mode == APIC_DM_LOWEST) {
            apic_accept_fixed(a, m->vector, m->level);
        } else if (m->mode == APIC_DM_SIPI) {
            x86_cpu_sipi(a->cpu, m->vector);
        } else {
            apic_deliver_plain(a, m->mode);
        }
    }
    g_mutex_unlock(&a->lock);
}

/*
 * Rank for lowest-priority delivery: a CPU that already has the vector is the focus and wins; disabled ones never do.
 */
static int apic_arbitration_rank(Apic *a, uint8_t vector)
{
    int rank;

    g_mutex_lock(&a->lock);
    if (!(a->svr & SVR_ENABLE)) {
        rank = INT_MAX;
    } else if (!(a->svr & SVR_NO_FOCUS) && (vec_test(a->irr, vector) || vec_test(a->isr, vector))) {
        rank = -1;
    } else {
        rank = apic_ppr(a);
    }
    g_mutex_unlock(&a->lock);
    return rank;
}

static void apic_deliver_lowest(const ApicMessage *m, const Apic *except)
{
    int best_rank = INT_MAX;
    Apic *best = NULL;
    unsigned turn = __atomic_fetch_add(&lowest_turn, 1, __ATOMIC_RELAXED);

    for (int i = 0; i < apic_count; i++) {
        Apic *a = apics[(turn + i) % apic_count];
        int rank;

        if (a == except || !apic_matches(a, m)) {
            continue;
        }
        rank = apic_arbitration_rank(a, m->vector);
        if (rank < best_rank) {
            best_rank = rank;
            best = a;
        }
    }
    if (best) {
        apic_accept(best, m);
    }
}

static void apic_bus_send(const ApicMessage *m, const Apic *except)
{
    trace_apic_bus_send(m->dest, m->logical, m->mode, m->vector, m->level);
    if (m->mode == APIC_DM_LOWEST) {
        apic_deliver_lowest(m, except);
        return;
    }
    for (int i = 0; i < apic_count; i++) {
        if (apics[i] != except && apic_matches(apics[i], m)) {
            apic_accept(apics[i], m);
        }
    }
}

void apic_deliver(uint8_t dest, bool logical, uint8_t delivery_mode, uint8_t vector, bool level_trigger)
{
    apic_bus_send(&(ApicMessage) { .dest = dest, .logical = logical, .mode = delivery_mode, .vector = vector,
                                   .level = level_trigger }, NULL);
}

/*
 * SDM vol. 3A, "Message Signalled Interrupts": address FEEddxxxh, bit 2 logical; data: vector, mode, assert, trigger.
 */
void apic_deliver_msi(uint64_t addr, uint32_t data)
{
    bool level = data & ICR_LEVEL;

    trace_apic_msi(addr, data);
    if (level && !(data & ICR_ASSERT)) {
        return;
    }
    apic_deliver(addr >> 12 & 0xff, addr & 4, data >> 8 & 7, data & 0xff, level);
}

static void apic_send_ipi(Apic *src, const ApicOutbox *o)
{
    ApicMessage m = {
        .dest = o->dest, .logical = o->icr & ICR_LOGICAL, .wide = o->wide, .mode = o->icr >> 8 & 7,
        .vector = o->icr & 0xff, .level = o->icr & ICR_LEVEL,
    };
    unsigned shorthand = o->icr >> ICR_SHORTHAND_SHIFT & 3;

    trace_apic_ipi(src->cpu->index, o->icr, o->dest);
    if (m.mode == APIC_DM_INIT && m.level && !(o->icr & ICR_ASSERT)) {
        return;                     /* INIT level de-assert: nothing since the Pentium 4 */
    }
    if (m.mode == APIC_DM_FIXED || m.mode == APIC_DM_LOWEST) {
        m.level = false;            /* SDM, "Interrupt Command Register": the trigger bit is for INIT de-assert only */
    }
    if (shorthand == SHORTHAND_SELF) {
        apic_accept(src, &m);
        return;
    }
    if (shorthand != SHORTHAND_NONE) {
        m.dest = 0xffffffffu;
        m.wide = true;
        m.logical = false;
    }
    apic_bus_send(&m, shorthand == SHORTHAND_OTHERS ? src : NULL);
}

/* 8259 pair and IO-APIC are under the big lock; the caller may have it or not. Returns what release wants to know. */
static bool big_lock_take(void)
{
    bool held = big_lock_held();

    if (!held) {
        big_lock();
    }
    return held;
}

static void big_lock_release(bool held)
{
    if (!held) {
        big_unlock();
    }
}

static void apic_outbox_flush(Apic *a, const ApicOutbox *o)
{
    if (o->ipi) {
        apic_send_ipi(a, o);
    }
    if (o->eoi_vector >= 0) {
        bool held = big_lock_take();

        ioapic_eoi(o->eoi_vector);
        big_lock_release(held);
    }
}

/* The wire from the 8259 pair. ExtINT follows its level, other modes its rising edge. */
void apic_pic_output(int level)
{
    Apic *a = apics[0];
    bool rising;

    if (!a) {
        return;
    }
    g_mutex_lock(&a->lock);
    rising = level && !a->lint0;
    a->lint0 = level;
    if (rising) {
        apic_local_event(a, LVT_LINT0);
    }
    apic_update(a);
    g_mutex_unlock(&a->lock);
}

int x86_board_ack_interrupt(VCpu *v)
{
    Apic *a = apic_of(v);
    int vector = -1;
    bool extint = false;

    if (!a) {
        return -1;
    }
    g_mutex_lock(&a->lock);
    vector = apic_deliverable(a);
    if (vector >= 0) {
        vec_clear(a->irr, vector);
        vec_set(a->isr, vector);
        apic_update(a);
    } else {
        extint = apic_extint_waits(a);
    }
    g_mutex_unlock(&a->lock);
    if (extint) {
        bool held = big_lock_take();

        /* Moves the pair's output and so comes back through apic_pic_output(). */
        vector = i8259_output(pc_state.pic) ? i8259_ack(pc_state.pic) : -1;
        big_lock_release(held);
    }
    trace_apic_ack(v->index, vector, extint);
    return vector;
}

/* ---- registers -------------------------------------------------------------------------------------------- */

static void apic_eoi(Apic *a, ApicOutbox *o)
{
    int isrv = vec_highest(a->isr);

    if (isrv < 0) {
        return;
    }
    vec_clear(a->isr, isrv);
    if (vec_test(a->tmr, isrv)) {
        o->eoi_vector = isrv;
    }
    apic_update(a);
}

static void apic_write_svr(Apic *a, uint32_t val)
{
    a->svr = val & SVR_MASK;
    if (!(val & SVR_ENABLE)) {
        for (unsigned i = 0; i < LVT__COUNT; i++) {
            a->lvt[i] |= LVT_MASKED;
        }
        apic_timer_arm(a, clock_get_ns(CLOCK_VM));
    }
    apic_update(a);
}

static void apic_write_lvt(Apic *a, unsigned n, uint32_t val)
{
    val &= lvt_writable[n];
    if (!(a->svr & SVR_ENABLE)) {
        val |= LVT_MASKED;
    }
    if (n == LVT_TIMER) {
        apic_write_lvt_timer(a, val);
        return;
    }
    a->lvt[n] = val;
    apic_update(a);
}

static void apic_write_icr(Apic *a, uint32_t val, uint32_t dest, bool wide, ApicOutbox *o)
{
    unsigned mode = val >> 8 & 7;

    a->icr_lo = val & ICR_MASK;     /* delivery is immediate: the busy bit always reads 0 */
    if ((mode == APIC_DM_FIXED || mode == APIC_DM_LOWEST) && (val & 0xff) < 16) {
        apic_error(a, ESR_SEND_ILLEGAL);
        return;
    }
    o->ipi = true;
    o->icr = a->icr_lo;
    o->dest = dest;
    o->wide = wide;
}

static uint32_t apic_reg_read(Apic *a, unsigned reg)
{
    switch (reg) {
    case REG_ID:
        return apic_is_x2(a) ? a->initial_id : a->id;
    case REG_VERSION:
        return APIC_VERSION;
    case REG_TPR:
        return a->tpr;
    case REG_APR:
    case REG_PPR:
        return apic_ppr(a);
    case REG_EOI:
    case REG_RRD:
        return 0;
    case REG_LDR:
        return apic_is_x2(a) ? (a->initial_id >> 4) << 16 | 1u << (a->initial_id & 15) : a->ldr;
    case REG_DFR:
        return a->dfr;
    case REG_SVR:
        return a->svr;
    case REG_ISR ... REG_ISR + 7:
        return vec_word(a->isr, reg - REG_ISR);
    case REG_TMR ... REG_TMR + 7:
        return vec_word(a->tmr, reg - REG_TMR);
    case REG_IRR ... REG_IRR + 7:
        return vec_word(a->irr, reg - REG_IRR);
    case REG_ESR:
        return a->esr;
    case REG_ICR_LO:
        return a->icr_lo;
    case REG_ICR_HI:
        return a->icr_hi;
    case REG_LVT ... REG_LVT + LVT__COUNT - 1:
        return a->lvt[reg - REG_LVT];
    case REG_INIT_COUNT:
        return a->init_count;
    case REG_COUNT:
        return apic_current_count(a, clock_get_ns(CLOCK_VM));
    case REG_DIVIDE:
        return a->divide;
    default:
        qemu_log_mask(LOG_GUEST_ERROR, "apic: read of register 0x%02x0, which does not exist\n", reg);
        apic_error(a, ESR_BAD_REGISTER);
        return 0;
    }
}

static void apic_reg_write(Apic *a, unsigned reg, uint32_t val, ApicOutbox *o)
{
    switch (reg) {
    case REG_ID:
        a->id = val & 0xff000000u;
        break;
    case REG_TPR:
        __atomic_store_n(&a->tpr, val & 0xff, __ATOMIC_RELAXED);
        apic_update(a);
        break;
    case REG_EOI:
        apic_eoi(a, o);
        break;
    case REG_LDR:
        a->ldr = val & 0xff000000u;
        break;
    case REG_DFR:
        a->dfr = val | 0x0fffffffu;
        break;
    case REG_SVR:
        apic_write_svr(a, val);
        break;
    case REG_ESR:
        a->esr = a->esr_pending;
        a->esr_pending = 0;
        break;
    case REG_ICR_LO:
        apic_write_icr(a, val, a->icr_hi >> 24, false, o);
        break;
    case REG_ICR_HI:
        a->icr_hi = val & 0xff000000u;
        break;
    case REG_LVT ... REG_LVT + LVT__COUNT - 1:
        apic_write_lvt(a, reg - REG_LVT, val);
        break;
    case REG_INIT_COUNT:
        apic_write_init_count(a, val);
        break;
    case REG_DIVIDE:
        apic_write_divide(a, val);
        break;
    case REG_VERSION:
    case REG_APR:
    case REG_PPR:
    case REG_RRD:
    case REG_ISR ... REG_ISR + 7:
    case REG_TMR ... REG_TMR + 7:
    case REG_IRR ... REG_IRR + 7:
    case REG_COUNT:
        break;                      /* read only */
    default:
        qemu_log_mask(LOG_GUEST_ERROR, "apic: write 0x%08x to register 0x%02x0, which does not exist\n", val, reg);
        apic_error(a, ESR_BAD_REGISTER);
        break;
    }
}

/* ---- the window at FEE00000h ------------------------------------------------------------------------------ */

/*
 * Writes by devices are MSIs. The low 12 bits of an MSI address are 0..Fh, where the register page has nothing, so
 * what was meant is clear even when a vCPU thread does the DMA.
 */
static bool addr_is_msi(hwaddr addr)
{
    return addr >= 0x1000 || addr < 0x10 || !current_vcpu;
}

static uint64_t apic_mmio_read(void *opaque, hwaddr addr, unsigned size)
{
    Apic *a = apic_of(current_vcpu);
    uint32_t val = 0xffffffffu;

    if (!a || addr >= 0x1000) {
        return val;
    }
    g_mutex_lock(&a->lock);
    if (apic_enabled(a) && !apic_is_x2(a)) {
        val = addr & 0xf ? 0 : apic_reg_read(a, addr >> 4);
    }
    g_mutex_unlock(&a->lock);
    trace_apic_mmio_read(a->cpu->index, (unsigned)addr, val);
    return val;
}

static void apic_mmio_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    Apic *a = apic_of(current_vcpu);
    ApicOutbox out = APIC_OUTBOX_EMPTY;

    if (addr_is_msi(addr)) {
        apic_deliver_msi(APIC_BASE_ADDR + addr, val);
        return;
    }
    if (!a || (addr & 0xf)) {
        return;
    }
    trace_apic_mmio_write(a->cpu->index, (unsigned)addr, (uint32_t)val);
    g_mutex_lock(&a->lock);
    if (apic_enabled(a) && !apic_is_x2(a)) {
        apic_reg_write(a, addr >> 4, val, &out);
    }
    g_mutex_unlock(&a->lock);
    apic_outbox_flush(a, &out);
}

static const MemoryRegionOps apic_mmio_ops = {
    .read = apic_mmio_read, .write = apic_mmio_write, .size = { .min = 4, .max = 4 }, .no_lock = true,
};

/* ---- MSRs ------------------------------------------------------------------------------------------------- */

uint64_t apic_get_base(VCpu *v)
{
    Apic *a = apic_of(v);
    uint64_t base;

    if (!a) {
        return 0;
    }
    g_mutex_lock(&a->lock);
    base = a->base;
    g_mutex_unlock(&a->lock);
    return base;
}

static void apic_init_registers(Apic *a);

/*
 * SDM vol. 3A, "x2APIC State Transitions": off -> xAPIC -> x2APIC -> off; x2APIC needs the enable bit and does not go
 * back to xAPIC directly. Whether the CPU has x2APIC at all is for the caller to check, who knows CPUID.
 */
static bool base_transition_ok(uint64_t old, uint64_t new)
{
    bool was_on = old & BASE_ENABLE, on = new & BASE_ENABLE, was_x2 = old & BASE_X2, x2 = new & BASE_X2;

    if (x2 && (!on || !was_on)) {
        return false;
    }
    return !(was_x2 && on && !x2);
}

bool apic_set_base(VCpu *v, uint64_t val)
{
    Apic *a = apic_of(v);
    bool ok;

    if (!a || (val & BASE_RESERVED & ~BASE_BSP) || val >> x86_cpu_phys_bits()) {
        return false;
    }
    g_mutex_lock(&a->lock);
    ok = base_transition_ok(a->base, val);
    if (ok) {
        uint64_t changed = a->base ^ val;

        trace_apic_set_base(v->index, val);
        a->base = val;
        if ((changed & BASE_ENABLE) && !(val & BASE_ENABLE)) {
            apic_init_registers(a);     /* SDM: after being disabled in the MSR the APIC starts as after reset */
            a->id = a->initial_id << 24;
        }
        apic_update(a);
    }
    g_mutex_unlock(&a->lock);
    if (ok && (val & ~0xfffull) != APIC_BASE_ADDR) {
        qemu_log_mask(LOG_UNIMP, "apic: registers asked to move to page 0x%" PRIx64 ", they stay at 0x%x\n", val >> 12,
                      APIC_BASE_ADDR);
    }
    return ok;
}

uint8_t apic_get_tpr(VCpu *v)
{
    Apic *a = apic_of(v);

    return a ? __atomic_load_n(&a->tpr, __ATOMIC_RELAXED) >> 4 : 0;
}

void apic_set_tpr(VCpu *v, uint8_t cr8)
{
    Apic *a = apic_of(v);

    if (a) {
        g_mutex_lock(&a->lock);
        __atomic_store_n(&a->tpr, (cr8 & 15u) << 4, __ATOMIC_RELAXED);
        apic_update(a);
        g_mutex_unlock(&a->lock);
    }
}

static bool x2_readable(unsigned reg)
{
    switch (reg) {
    case REG_ID: case REG_VERSION: case REG_TPR: case REG_PPR: case REG_LDR: case REG_SVR: case REG_ISR ... REG_IRR + 7:
    case REG_ESR: case REG_ICR_LO: case REG_LVT ... REG_INIT_COUNT: case REG_COUNT: case REG_DIVIDE:
        return true;
    default:
        return false;
    }
}

/* SDM vol. 3A, "x2APIC Register Address Space": bits a WRMSR may set; false for registers that cannot be written. */
static bool x2_writable(unsigned reg, uint64_t *mask)
{
    switch (reg) {
    case REG_EOI: case REG_ESR:
        *mask = 0;
        return true;
    case REG_TPR: case REG_SELF_IPI:
        *mask = 0xff;
        return true;
    case REG_SVR:
        *mask = SVR_MASK;
        return true;
    case REG_ICR_LO:
        *mask = 0xffffffff00000000ull | ICR_MASK;
        return true;
    case REG_LVT ... REG_LVT + LVT__COUNT - 1:
        *mask = lvt_writable[reg - REG_LVT] | 1u << 12 | 1u << 14;  /* status bits: read only, not reserved */
        return true;
    case REG_INIT_COUNT:
        *mask = 0xffffffffu;
        return true;
    case REG_DIVIDE:
        *mask = DIVIDE_MASK;
        return true;
    default:
        return false;
    }
}

static uint64_t apic_read_deadline(Apic *a)
{
    if (a->tsc_deadline && tsc_deadline_ns(a->tsc_deadline) <= clock_get_ns(CLOCK_VM)) {
        return 0;           /* passed; the timer thread may just not have said so yet */
    }
    return a->tsc_deadline;
}

static void apic_write_deadline(Apic *a, uint64_t val)
{
    if (!(a->lvt[LVT_TIMER] & LVT_DEADLINE)) {
        return;
    }
    a->tsc_deadline = val;
    if (val && tsc_deadline_ns(val) <= clock_get_ns(CLOCK_VM)) {
        a->tsc_deadline = 0;
        apic_local_event(a, LVT_TIMER);
    }
    apic_timer_arm_deadline(a);
}

bool apic_msr_read(VCpu *v, uint32_t index, uint64_t *val)
{
    Apic *a = apic_of(v);
    unsigned reg = index - MSR_X2APIC_FIRST;
    bool ok = false;

    if (!a) {
        return false;
    }
    g_mutex_lock(&a->lock);
    if (index == MSR_TSC_DEADLINE) {
        *val = apic_read_deadline(a);
        ok = true;
    } else if (apic_is_x2(a) && x2_readable(reg)) {
        *val = apic_reg_read(a, reg);
        if (reg == REG_ICR_LO) {
            *val |= (uint64_t)a->icr_hi << 32;
        }
        ok = true;
    }
    g_mutex_unlock(&a->lock);
    trace_apic_msr_read(v->index, index, ok ? *val : 0, ok);
    return ok;
}

static void apic_x2_write(Apic *a, unsigned reg, uint64_t val, ApicOutbox *o)
{
    if (reg == REG_ICR_LO) {
        a->icr_hi = val >> 32;
        apic_write_icr(a, val, val >> 32, true, o);
    } else if (reg == REG_SELF_IPI) {
        apic_accept_fixed(a, val, false);
    } else {
        apic_reg_write(a, reg, val, o);
    }
}

bool apic_msr_write(VCpu *v, uint32_t index, uint64_t val)
{
    Apic *a = apic_of(v);
    unsigned reg = index - MSR_X2APIC_FIRST;
    ApicOutbox out = APIC_OUTBOX_EMPTY;
    uint64_t mask;
    bool ok = false;

    if (!a) {
        return false;
    }
    g_mutex_lock(&a->lock);
    if (index == MSR_TSC_DEADLINE) {
        apic_write_deadline(a, val);
        ok = true;
    } else if (apic_is_x2(a) && x2_writable(reg, &mask) && !(val & ~mask)) {
        apic_x2_write(a, reg, val, &out);
        ok = true;
    }
    g_mutex_unlock(&a->lock);
    trace_apic_msr_write(v->index, index, val, ok);
    apic_outbox_flush(a, &out);
    return ok;
}

/* ---- life ------------------------------------------------------------------------------------------------- */

/* Everything INIT touches; the ID, the MSR and the LINT0 wire stay (SDM vol. 3A, "Local APIC State After ..."). */
static void apic_init_registers(Apic *a)
{
    __atomic_store_n(&a->tpr, 0, __ATOMIC_RELAXED);
    a->ldr = a->icr_lo = a->icr_hi = a->divide = a->init_count = a->esr = a->esr_pending = 0;
    a->dfr = 0xffffffffu;
    a->svr = 0xff;
    for (unsigned i = 0; i < LVT__COUNT; i++) {
        a->lvt[i] = LVT_MASKED;
    }
    memset(a->irr, 0, sizeof(a->irr));
    memset(a->isr, 0, sizeof(a->isr));
    memset(a->tmr, 0, sizeof(a->tmr));
    a->counting = false;
    a->tsc_deadline = 0;
    timer_disarm(&a->timer);
}

/* A model without one keeps it disabled for good: the 8259s drive its INTR pin, and there are no registers. */
static bool has_apic(void)
{
    return x86_cpu_cpuid_features() & CPUID_EDX_APIC;
}

void apic_reset_cpu(VCpu *v, bool init)
{
    Apic *a = apic_of(v);

    if (!a) {
        return;
    }
    trace_apic_reset(v->index, init);
    g_mutex_lock(&a->lock);
    apic_init_registers(a);
    if (!init) {
        a->id = a->initial_id << 24;
        a->base = APIC_BASE_ADDR | (has_apic() ? BASE_ENABLE : 0) | (v->index == 0 ? BASE_BSP : 0);
    }
    apic_update_afresh(a);
    g_mutex_unlock(&a->lock);
}

static bool apic_realize(Device *dev, Error **errp)
{
    Apic *a = container_of(dev, Apic, parent);

    if (apic_count == 0) {
        memory_region_init_io(&apic_window, NULL, &apic_mmio_ops, NULL, "apic-msi", APIC_WINDOW);
        memory_region_add(get_system_memory(), APIC_BASE_ADDR, &apic_window, 4096);
    }
    g_mutex_init(&a->lock);
    timer_init(&a->timer, CLOCK_VM, apic_timer_cb, a);
    apics[a->cpu->index] = a;
    apic_count = MAX(apic_count, a->cpu->index + 1);
    return true;
}

static void apic_device_reset(Device *dev)
{
    apic_reset_cpu(container_of(dev, Apic, parent)->cpu, false);
}

static bool apic_post_load(void *opaque, int version, Error **errp)
{
    Apic *a = opaque;

    for (unsigned i = 0; i < LVT__COUNT; i++) {
        if (a->lvt[i] & ~lvt_writable[i]) {
            error_set(errp, "local vector table entry %u of CPU %d has reserved bits set", i, a->cpu->index);
            return false;
        }
    }
    if (a->counting && !a->init_count) {
        error_set(errp, "the APIC timer of CPU %d counts from nothing", a->cpu->index);
        return false;
    }
    g_mutex_lock(&a->lock);
    apic_update_afresh(a);
    g_mutex_unlock(&a->lock);
    return true;
}

static const VMStateDescription apic_vmstate = {
    .name = "apic", .version = 1, .post_load = apic_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT64(base, Apic),
        VMSTATE_UINT32_MASK(id, Apic, 0xff000000u),
        VMSTATE_UINT32_MASK(tpr, Apic, 0xff),
        VMSTATE_UINT32_MASK(ldr, Apic, 0xff000000u),
        VMSTATE_UINT32(dfr, Apic),
        VMSTATE_UINT32_MASK(svr, Apic, SVR_MASK),
        VMSTATE_UINT32_MASK(icr_lo, Apic, ICR_MASK),
        VMSTATE_UINT32(icr_hi, Apic),
        VMSTATE_UINT32_MASK(divide, Apic, DIVIDE_MASK),
        VMSTATE_UINT32(init_count, Apic),
        VMSTATE_UINT32_MASK(esr, Apic, 0xff),
        VMSTATE_UINT32_MASK(esr_pending, Apic, 0xff),
        VMSTATE_UINT32_ARRAY(lvt, Apic, LVT__COUNT),
        VMSTATE_UINT64_ARRAY(irr, Apic, 4),
        VMSTATE_UINT64_ARRAY(isr, Apic, 4),
        VMSTATE_UINT64_ARRAY(tmr, Apic, 4),
        VMSTATE_TIMER(timer, Apic),
        VMSTATE_INT64(count_start, Apic),
        VMSTATE_BOOL(counting, Apic),
        VMSTATE_UINT64(tsc_deadline, Apic),
        VMSTATE_BOOL(lint0, Apic),
        VMSTATE_END
    },
};

/* ---- info lapic -------------------------------------------------------------------------------------------------- */

static const char *const mode_names[8] = { "Fixed", "...", "SMI", "...", "NMI", "INIT", "...", "ExtINT" };

static void print_set(GString *out, const char *name, const uint64_t *set, const uint64_t *level)
{
    bool any = false;

    g_string_append_printf(out, "%s\t", name);
    for (unsigned v = 0; v < 256; v++) {
        if (vec_test(set, v)) {
            g_string_append_printf(out, " %u%s", v, vec_test(level, v) ? "(level)" : "");
            any = true;
        }
    }
    g_string_append(out, any ? "\n" : " (none)\n");
}

static void print_lvt(GString *out, const char *name, uint32_t lvt, bool is_timer)
{
    static const char *const timer_modes[4] = { "one-shot", "periodic", "tsc-deadline", "..." };
    unsigned mode = extract64(lvt, LVT_MODE_SHIFT, 3);

    g_string_append_printf(out, "%s\t 0x%08x active-%s %-5s %-6s %-7s %-12s %-6s", name, lvt,
                           lvt & LVT_POLARITY ? "lo" : "hi", lvt & LVT_LEVEL ? "level" : "edge",
                           lvt & LVT_MASKED ? "masked" : "", "", is_timer ? timer_modes[extract64(lvt, 17, 2)] : "",
                           mode_names[mode]);
    if (mode == APIC_DM_FIXED || mode == APIC_DM_EXTINT) {
        g_string_append_printf(out, " (vec %u)", lvt & LVT_VECTOR);
    }
    g_string_append_c(out, '\n');
}

static void print_icr(GString *out, const Apic *a)
{
    static const char *const shorthands[4] = { "no-shorthand", "self", "all-self", "all" };
    unsigned shorthand = extract64(a->icr_lo, 18, 2);
    bool logical = extract64(a->icr_lo, 11, 1);

    g_string_append_printf(out, "ICR\t 0x%08x %s %s %s %s\nICR2\t 0x%08x", a->icr_lo, logical ? "logical" : "physical",
                           extract64(a->icr_lo, 15, 1) ? "level" : "edge",
                           extract64(a->icr_lo, 14, 1) ? "assert" : "de-assert", shorthands[shorthand], a->icr_hi);
    if (!shorthand && logical) {
        g_string_append_printf(out, " mask %02x (APIC ID)", a->icr_hi >> 24);
    } else if (!shorthand) {
        g_string_append_printf(out, " cpu %u (APIC ID)", a->icr_hi >> 24);
    }
    g_string_append_c(out, '\n');
}

void apic_print(VCpu *v, GString *out)
{
    static const struct {
        const char *name;
        unsigned lvt;
    } shown[] = { { "LVT0", LVT_LINT0 }, { "LVT1", LVT_LINT1 }, { "LVTPC", LVT_PERF }, { "LVTERR", LVT_ERROR },
                  { "LVTTHMR", LVT_THERMAL }, { "LVTT", LVT_TIMER } };
    Apic *a = apic_of(v);

    if (!a) {
        return;
    }
    g_mutex_lock(&a->lock);
    g_string_append_printf(out, "dumping local APIC state for CPU %d \n\n", v->index);
    for (unsigned i = 0; i < ARRAY_SIZE(shown); i++) {
        print_lvt(out, shown[i].name, a->lvt[shown[i].lvt], shown[i].lvt == LVT_TIMER);
    }
    g_string_append_printf(out, "Timer\t DCR=0x%x (divide by %u) initial_count = %u current_count = %u\n", a->divide,
                           apic_divider(a), a->init_count, apic_current_count(a, clock_get_ns(CLOCK_VM)));
    g_string_append_printf(out, "SPIV\t 0x%08x APIC %s, focus=%s, spurious vec %u\n", a->svr,
                           a->svr & SVR_ENABLE ? "enabled" : "disabled", a->svr & 1u << 9 ? "on" : "off",
                           a->svr & 0xff);
    print_icr(out, a);
    g_string_append_printf(out, "ESR\t 0x%08x\n", a->esr);
    print_set(out, "ISR", a->isr, a->tmr);
    print_set(out, "IRR", a->irr, a->tmr);
    g_string_append_printf(out, "\nAPR 0x00 TPR 0x%02x DFR 0x%02x LDR 0x%02x PPR 0x%02x\n", a->tpr, a->dfr >> 28,
                           a->ldr >> 24, apic_ppr(a));
    g_mutex_unlock(&a->lock);
}

void apic_inject_nmi(void)
{
    for (int i = 0; i < apic_count; i++) {
        if (apics[i]) {
            g_mutex_lock(&apics[i]->lock);
            apic_local_event(apics[i], LVT_LINT1);
            g_mutex_unlock(&apics[i]->lock);
        }
    }
}

static const DeviceType apic_type = {
    .name = "apic", .desc = "local APIC", .bus = BUS_SYSTEM,
    .instance_size = sizeof(Apic),
    .realize = apic_realize, .reset = apic_device_reset, .vmstate = &apic_vmstate,
};
DEVICE_TYPE(apic_type)

void apic_create(VCpu *v, uint32_t apic_id)
{
    Device *dev = device_new("apic");
    Apic *a = container_of(dev, Apic, parent);

    assert(v->index >= 0 && v->index < APIC_MAX);
    a->cpu = v;
    a->initial_id = apic_id;
    device_realize(dev, NULL, &error_abort);
    apic_reset_cpu(v, false);
}
