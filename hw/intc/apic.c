/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local APIC of each CPU: registers, their window, the device (apic-internal.h says what is where)
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
#include "hw/intc/apic-internal.h"
#include "qemu/log.h"
#include "trace/hw-intc.h"

#define COUNT_MAX_NS    (128ll << 32)       /* the longest count; a new divider may put its start before time 0 */

Apic *apics[APIC_MAX];
int apic_count;
static MemoryRegion apic_window;

const uint32_t apic_lvt_writable[LVT__COUNT] = {
    [LVT_TIMER]   = LVT_VECTOR | LVT_MASKED | LVT_PERIODIC | LVT_DEADLINE,
    [LVT_THERMAL] = LVT_VECTOR | 7u << LVT_MODE_SHIFT | LVT_MASKED,
    [LVT_PERF]    = LVT_VECTOR | 7u << LVT_MODE_SHIFT | LVT_MASKED,
    [LVT_LINT0]   = LVT_VECTOR | 7u << LVT_MODE_SHIFT | LVT_POLARITY | LVT_LEVEL | LVT_MASKED,
    [LVT_LINT1]   = LVT_VECTOR | 7u << LVT_MODE_SHIFT | LVT_POLARITY | LVT_LEVEL | LVT_MASKED,
    [LVT_ERROR]   = LVT_VECTOR | LVT_MASKED,
};

/* ---- registers --------------------------------------------------------------------------------------------------- */

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
    val &= apic_lvt_writable[n];
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

void apic_write_icr(Apic *a, uint32_t val, uint32_t dest, bool wide, ApicOutbox *o)
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

uint32_t apic_reg_read(Apic *a, unsigned reg)
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

void apic_reg_write(Apic *a, unsigned reg, uint32_t val, ApicOutbox *o)
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

/* ---- the window at FEE00000h ------------------------------------------------------------------------------------- */

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
    pthread_mutex_lock(&a->lock);
    if (apic_enabled(a) && !apic_is_x2(a)) {
        val = addr & 0xf ? 0 : apic_reg_read(a, addr >> 4);
    }
    pthread_mutex_unlock(&a->lock);
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
    pthread_mutex_lock(&a->lock);
    if (apic_enabled(a) && !apic_is_x2(a)) {
        apic_reg_write(a, addr >> 4, val, &out);
    }
    pthread_mutex_unlock(&a->lock);
    apic_outbox_flush(a, &out);
}

static const MemoryRegionOps apic_mmio_ops = {
    .read = apic_mmio_read, .write = apic_mmio_write, .size = { .min = 4, .max = 4 }, .no_lock = true,
};

/* ---- life -------------------------------------------------------------------------------------------------------- */

/* Everything INIT touches; the ID, the MSR and the LINT0 wire stay (SDM vol. 3A, "Local APIC State After ..."). */
void apic_init_registers(Apic *a)
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
    pthread_mutex_lock(&a->lock);
    apic_init_registers(a);
    if (!init) {
        a->id = a->initial_id << 24;
        a->base = APIC_BASE_ADDR | (has_apic() ? BASE_ENABLE : 0) | (v->index == 0 ? BASE_BSP : 0);
    }
    apic_update_afresh(a);
    pthread_mutex_unlock(&a->lock);
}

static bool apic_realize(Device *dev, Error **errp)
{
    Apic *a = container_of(dev, Apic, parent);

    if (apic_count == 0) {
        memory_region_init_io(&apic_window, NULL, &apic_mmio_ops, NULL, "apic-msi", APIC_WINDOW);
        memory_region_add(get_system_memory(), APIC_BASE_ADDR, &apic_window, 4096);
    }
    pthread_mutex_init(&a->lock, NULL);
    apic_timer_init(a);
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
        if (a->lvt[i] & ~apic_lvt_writable[i]) {
            error_set(errp, "local vector table entry %u of CPU %d has reserved bits set", i, a->cpu->index);
            return false;
        }
    }
    if (a->counting && !a->init_count) {
        error_set(errp, "the APIC timer of CPU %d counts from nothing", a->cpu->index);
        return false;
    }
    if (a->count_start < -COUNT_MAX_NS || a->count_start > INT64_MAX / 2) {
        error_set(errp, "the APIC timer of CPU %d began at an impossible time", a->cpu->index);
        return false;
    }
    pthread_mutex_lock(&a->lock);
    apic_update_afresh(a);
    pthread_mutex_unlock(&a->lock);
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
