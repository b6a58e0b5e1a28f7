/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local APIC: messages, from other APICs, the IO-APIC and devices
 *
 * Follows: Intel SDM vol. 3A, "Issuing Interprocessor Interrupts", "Determining IPI Destination", "Message Signalled
 * Interrupts".
 */
#include "qemu/osdep.h"
#include "hw/intc/apic-internal.h"
#include "qemu/main-loop.h"
#include "trace/hw-intc.h"

static unsigned lowest_turn;    /* ties in lowest-priority arbitration rotate; any value is right */

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

    pthread_mutex_lock(&a->lock);
    match = apic_enabled(a) && (apic_is_x2(a) ? apic_matches_x2(a, m) : apic_matches_x1(a, m));
    pthread_mutex_unlock(&a->lock);
    return match;
}

void apic_accept(Apic *a, const ApicMessage *m)
{
    trace_apic_accept(a->cpu->index, m->mode, m->vector, m->level);
    pthread_mutex_lock(&a->lock);
    if (apic_enabled(a)) {
        if (m->mode == APIC_DM_FIXED || m->mode == APIC_DM_LOWEST) {
            apic_accept_fixed(a, m->vector, m->level);
        } else if (m->mode == APIC_DM_SIPI) {
            x86_cpu_sipi(a->cpu, m->vector);
        } else {
            apic_deliver_plain(a, m->mode);
        }
    }
    pthread_mutex_unlock(&a->lock);
}

/*
 * Rank for lowest-priority delivery: a CPU that already has the vector is the focus and wins; disabled ones never do.
 */
static int apic_arbitration_rank(Apic *a, uint8_t vector)
{
    int rank;

    pthread_mutex_lock(&a->lock);
    if (!(a->svr & SVR_ENABLE)) {
        rank = INT_MAX;
    } else if (!(a->svr & SVR_NO_FOCUS) && (vec_test(a->irr, vector) || vec_test(a->isr, vector))) {
        rank = -1;
    } else {
        rank = apic_ppr(a);
    }
    pthread_mutex_unlock(&a->lock);
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

void apic_outbox_flush(Apic *a, const ApicOutbox *o)
{
    if (o->ipi) {
        apic_send_ipi(a, o);
    }
    if (o->eoi_vector >= 0) {
        bool taken = big_lock_enter();

        ioapic_eoi(o->eoi_vector);
        big_lock_leave(taken);
    }
}
