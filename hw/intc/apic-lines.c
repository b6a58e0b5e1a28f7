/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local APIC: priorities, local vector table, and the lines to the CPU
 *
 * Follows: Intel SDM vol. 3A, "Task and Processor Priorities", "Local Vector Table", "Error Handling".
 */
#include "qemu/osdep.h"
#include "hw/intc/apic-internal.h"
#include "qemu/main-loop.h"
#include "trace/hw-intc.h"

uint8_t apic_ppr(const Apic *a)
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

void apic_update(Apic *a)
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
void apic_update_afresh(Apic *a)
{
    a->hard = false;
    cpu_interrupt_clear(a->cpu, CPU_INT_HARD);
    apic_update(a);
}

void apic_accept_fixed(Apic *a, uint8_t vector, bool level)
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

/*
 * What needs no vector; false: not such a delivery mode. A start-up IPI that a halted CPU has not looked at came when
 * nobody waited for one, and INIT must not find it.
 */
bool apic_deliver_plain(Apic *a, unsigned mode)
{
    static const struct {
        uint8_t mode;
        CpuInterrupt what, lost;
    } plain[] = {
        { APIC_DM_SMI, CPU_INT_SMI, 0 }, { APIC_DM_NMI, CPU_INT_NMI, 0 },
        { APIC_DM_INIT, CPU_INT_INIT, CPU_INT_SIPI },
    };

    for (unsigned i = 0; i < ARRAY_SIZE(plain); i++) {
        if (plain[i].mode == mode) {
            cpu_interrupt_clear(a->cpu, plain[i].lost);
            cpu_interrupt(a->cpu, plain[i].what);
            return true;
        }
    }
    return false;
}

/* An event of the APIC itself, routed by its local vector table entry. */
void apic_local_event(Apic *a, unsigned n)
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
void apic_error(Apic *a, uint32_t bit)
{
    bool first = !a->esr_pending;

    trace_apic_error(a->cpu->index, bit);
    a->esr_pending |= bit;
    if (first && (a->lvt[LVT_ERROR] & LVT_VECTOR) >= 16) {
        apic_local_event(a, LVT_ERROR);
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
    pthread_mutex_lock(&a->lock);
    rising = level && !a->lint0;
    a->lint0 = level;
    if (rising) {
        apic_local_event(a, LVT_LINT0);
    }
    apic_update(a);
    pthread_mutex_unlock(&a->lock);
}

int x86_board_ack_interrupt(VCpu *v)
{
    Apic *a = apic_of(v);
    int vector = -1;
    bool extint = false;

    if (!a) {
        return -1;
    }
    pthread_mutex_lock(&a->lock);
    vector = apic_deliverable(a);
    if (vector >= 0) {
        vec_clear(a->irr, vector);
        vec_set(a->isr, vector);
        apic_update(a);
    } else {
        extint = apic_extint_waits(a);
    }
    pthread_mutex_unlock(&a->lock);
    if (extint) {
        bool taken = big_lock_enter();

        /* Moves the pair's output and so comes back through apic_pic_output(). */
        vector = i8259_output(pc_state.pic) ? i8259_ack(pc_state.pic) : -1;
        big_lock_leave(taken);
    }
    trace_apic_ack(v->index, vector, extint);
    return vector;
}

void apic_inject_nmi(void)
{
    for (int i = 0; i < apic_count; i++) {
        if (apics[i]) {
            pthread_mutex_lock(&apics[i]->lock);
            apic_local_event(apics[i], LVT_LINT1);
            pthread_mutex_unlock(&apics[i]->lock);
        }
    }
}
