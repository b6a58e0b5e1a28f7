/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local APIC: IA32_APIC_BASE, CR8, the registers as MSRs (x2APIC), the TSC deadline
 *
 * Follows: Intel SDM vol. 3A, "Extended XAPIC (x2APIC)".
 */
#include "qemu/osdep.h"
#include "hw/intc/apic-internal.h"
#include "qemu/log.h"
#include "trace/hw-intc.h"

uint64_t apic_get_base(VCpu *v)
{
    Apic *a = apic_of(v);
    uint64_t base;

    if (!a) {
        return 0;
    }
    pthread_mutex_lock(&a->lock);
    base = a->base;
    pthread_mutex_unlock(&a->lock);
    return base;
}

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
    pthread_mutex_lock(&a->lock);
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
    pthread_mutex_unlock(&a->lock);
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
        pthread_mutex_lock(&a->lock);
        __atomic_store_n(&a->tpr, (cr8 & 15u) << 4, __ATOMIC_RELAXED);
        apic_update(a);
        pthread_mutex_unlock(&a->lock);
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
        *mask = apic_lvt_writable[reg - REG_LVT] | 1u << 12 | 1u << 14;  /* status bits: read only, not reserved */
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

bool apic_msr_read(VCpu *v, uint32_t index, uint64_t *val)
{
    Apic *a = apic_of(v);
    unsigned reg = index - MSR_X2APIC_FIRST;
    bool ok = false;

    if (!a) {
        return false;
    }
    pthread_mutex_lock(&a->lock);
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
    pthread_mutex_unlock(&a->lock);
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
    pthread_mutex_lock(&a->lock);
    if (index == MSR_TSC_DEADLINE) {
        apic_write_deadline(a, val);
        ok = true;
    } else if (apic_is_x2(a) && x2_writable(reg, &mask) && !(val & ~mask)) {
        apic_x2_write(a, reg, val, &out);
        ok = true;
    }
    pthread_mutex_unlock(&a->lock);
    trace_apic_msr_write(v->index, index, val, ok);
    apic_outbox_flush(a, &out);
    return ok;
}
