/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PIIX4 power management (82371AB function 3), here at 01.3 beside a PIIX3
 *
 * ACPI fixed registers and PM timer, the SCI, soft-off and suspend, the SMI command port (B2/B3), general purpose
 * events (AFE0), PCI hot plug (AE00), and the SMBus host controller.
 * Follows: Intel 82371AB datasheet, "Power Management"; ACPI 1.0, "ACPI Hardware Specification".
 * Left out: the global and device-monitor registers at PM base + 0C and up are not decoded (they read as ones), as on
 * the reference board, whose firmware copes with that; RTC_STS and RTC_EN do nothing: the clock's alarm wakes a machine
 * that sleeps whether they are set or not. SMI_CMD values F1 and F0 switch SCI_EN directly, besides the SMI: the
 * board's ACPI tables promise it whatever the firmware's handler does.
 */
#include "qemu/osdep.h"
#include "hw/acpi/piix4.h"
#include "hw/i386/acpi-dsdt.h"
#include "hw/i386/x86-board.h"
#include "hw/isa/piix3.h"
#include "pci-hotplug.h"
#include "qemu/bitops.h"
#include "qemu/log.h"
#include "smbus-host.h"
#include "sysemu/runstate.h"
#include "trace/hw-acpi.h"

/* PCI configuration */
#define PMBASE              0x40    /* bits 15:6; bit 0 reads 1 */
#define DEVACTB_HIGH        0x5b
#define DEVACTB_APMC_EN     (1u << 1)   /* bit 25 of 58: a write to B2 makes an SMI */
#define PMREGMISC           0x80
#define PMREGMISC_PMIOSE    (1u << 0)
#define SMBHSTBASE          0x90
#define SMBHSTCFG           0xd2
#define SMBHSTCFG_ENABLE    (1u << 0)
#define SMBHSTCFG_INTSEL    0x0eu   /* bits 3:1 */
#define SMBHSTCFG_IRQ9      0x08u

/* PM1 event and control registers */
#define PM1_TMR             (1u << 0)
#define PM1_GBL             (1u << 5)
#define PM1_PWRBTN          (1u << 8)
#define PM1_RTC             (1u << 10)
#define PM1_WAK             (1u << 15)      /* status only */
#define PM1_SCI_EVENTS      (PM1_TMR | PM1_GBL | PM1_PWRBTN | PM1_RTC)
#define PM1_CNT_SCI_EN      (1u << 0)
#define PM1_CNT_SLP_TYP(v)  ((v) >> 10 & 7)
#define PM1_CNT_SLP_EN      (1u << 13)      /* write only */
#define PM1_CNT_STORED      0x1fffu

#define PM_TIMER_HZ         3579545
#define PM_TIMER_MASK       0xffffffu
#define PM_TIMER_CARRY      0x800000u       /* TMR_STS is set when bit 23 flips */

#define SLP_TYP_SOFT_OFF    0       /* as \_S5, \_S3 and \_S4 of the board's DSDT have it */
#define SLP_TYP_SUSPEND     1
#define SLP_TYP_DISK        2

#define APM_ENABLE_ACPI     0xf1
#define APM_DISABLE_ACPI    0xf0
#define CMOS_SHUTDOWN       0x0f
#define CMOS_SHUTDOWN_S3    0xfe

typedef struct Piix4Pm {
    PciDevice parent;
    MemoryRegion pm_io;             /* 64 ports at PMBASE */
    MemoryRegion evt, cnt, tmr;     /* within pm_io */
    MemoryRegion apm, gpe;
    SmbusHost smbus;
    AcpiPciHotplug hotplug;
    PcState *pc;
    Irq sci;
    Timer carry_timer;              /* armed while TMR_EN waits for the next carry */
    int64_t carry_ns;               /* when bit 23 flips for the first time since TMR_STS was cleared */
    uint16_t pm1_sts, pm1_en, pm1_cnt;
    uint16_t gpe_sts, gpe_en;
    uint8_t apm_command, apm_status;
    bool smbus_irq;
    bool woken_by_button;       /* between the button and the reset that leaves S3 */
} Piix4Pm;

static Piix4Pm *pm_of(PciDevice *dev)
{
    return container_of(dev, Piix4Pm, parent);
}

/* ---- PM timer and SCI ------------------------------------------------------------------------------------------- */

static uint64_t ticks_at(int64_t ns)
{
    return muldiv64(ns, PM_TIMER_HZ, NANOSECONDS_PER_SECOND);
}

static int64_t next_carry_ns(int64_t now)
{
    uint64_t next = (ticks_at(now) | (PM_TIMER_CARRY - 1)) + 1;

    return muldiv64(next, NANOSECONDS_PER_SECOND, PM_TIMER_HZ) + 1;     /* + 1: ticks_at() rounds down */
}

/* The status bit follows from the clock until somebody looks. */
static uint16_t pm1_status(Piix4Pm *s)
{
    if (clock_get_ns(CLOCK_VM) >= s->carry_ns) {
        s->pm1_sts |= PM1_TMR;
    }
    return s->pm1_sts;
}

static void update_sci(Piix4Pm *s)
{
    uint16_t sts = pm1_status(s);
    bool event = (sts & s->pm1_en & PM1_SCI_EVENTS) || (s->gpe_sts & s->gpe_en);
    int level = (event && s->pm1_cnt & PM1_CNT_SCI_EN) || s->smbus_irq;

    trace_piix4_sci(level);
    irq_set(s->sci, level);
    if (s->pm1_en & PM1_TMR && !(sts & PM1_TMR)) {
        timer_arm(&s->carry_timer, s->carry_ns);
    } else {
        timer_disarm(&s->carry_timer);
    }
}

static void carry_cb(void *opaque)
{
    update_sci(opaque);
}

/* ---- PM1 registers ---------------------------------------------------------------------------------------------- */

/* A register file of 8 or 16 bit accesses: the bytes of val that an access at addr covers, in their place. */
static uint32_t lanes(hwaddr addr, unsigned size)
{
    return (~0u >> (32 - 8 * size)) << (8 * addr);
}

static uint64_t evt_read(void *opaque, hwaddr addr, unsigned size)
{
    Piix4Pm *s = opaque;

    return (pm1_status(s) | (uint32_t)s->pm1_en << 16) >> (8 * addr);
}

static void evt_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    Piix4Pm *s = opaque;
    uint32_t mask = lanes(addr, size), v = (uint32_t)(val << (8 * addr)) & mask;
    uint16_t clear = v;

    pm1_status(s);
    if (clear & s->pm1_sts & PM1_TMR) {
        s->carry_ns = next_carry_ns(clock_get_ns(CLOCK_VM));
    }
    s->pm1_sts &= ~clear;
    s->pm1_en = (s->pm1_en & ~(mask >> 16)) | v >> 16;
    trace_piix4_pm_evt_write(s->pm1_sts, s->pm1_en);
    update_sci(s);
}

static void enter_sleep(Piix4Pm *s, unsigned type)
{
    trace_piix4_pm_sleep(type);
    switch (type) {
    case SLP_TYP_SOFT_OFF:
    case SLP_TYP_DISK:      /* the guest has written its image: off is what the hardware does */
        request_shutdown(SHUTDOWN_GUEST);
        break;
    case SLP_TYP_SUSPEND:
        if (s->pc->rtc) {   /* tells firmware after the wake-up reset that memory is to be kept */
            rtc_set_cmos(s->pc->rtc, CMOS_SHUTDOWN, CMOS_SHUTDOWN_S3);
        }
        request_suspend();
        break;
    default:
        qemu_log_mask(LOG_GUEST_ERROR, "piix4-pm: sleep type %u does not exist\n", type);
        break;
    }
}

static uint64_t cnt_read(void *opaque, hwaddr addr, unsigned size)
{
    Piix4Pm *s = opaque;

    return s->pm1_cnt >> (8 * addr);
}

static void cnt_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    Piix4Pm *s = opaque;
    uint32_t mask = lanes(addr, size), v = (uint32_t)(val << (8 * addr)) & mask;

    trace_piix4_pm_cnt_write(v);
    s->pm1_cnt = ((s->pm1_cnt & ~mask) | v) & PM1_CNT_STORED;
    update_sci(s);
    if (v & PM1_CNT_SLP_EN) {
        enter_sleep(s, PM1_CNT_SLP_TYP(s->pm1_cnt));
    }
}

/* Any byte of the counter may be read alone; guests read all 32 bits. */
static uint64_t tmr_read(void *opaque, hwaddr addr, unsigned size)
{
    return (ticks_at(clock_get_ns(CLOCK_VM)) & PM_TIMER_MASK) >> (8 * addr);
}

static const MemoryRegionOps evt_ops = { .read = evt_read, .write = evt_write, .size = { .min = 1, .max = 2 } };
static const MemoryRegionOps cnt_ops = { .read = cnt_read, .write = cnt_write, .size = { .min = 1, .max = 2 } };
static const MemoryRegionOps tmr_ops = { .read = tmr_read, .size = { .min = 1, .max = 4 }, .no_lock = true };

/* ---- general purpose events ------------------------------------------------------------------------------------- */

/* Bytes 0-1: status, write 1 to clear; 2-3: enable. */
static uint64_t gpe_read(void *opaque, hwaddr addr, unsigned size)
{
    Piix4Pm *s = opaque;

    return (s->gpe_sts | (uint32_t)s->gpe_en << 16) >> (8 * addr);
}

static void gpe_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    Piix4Pm *s = opaque;
    unsigned shift = 8 * (addr & 1);

    trace_piix4_gpe_write(addr, val);
    if (addr < 2) {
        s->gpe_sts &= ~(val << shift);
    } else {
        s->gpe_en = (s->gpe_en & ~(0xffu << shift)) | val << shift;
    }
    update_sci(s);
}

static const MemoryRegionOps gpe_ops = { .read = gpe_read, .write = gpe_write, .size = { .min = 1, .max = 1 } };

void piix4_pm_gpe(Device *pm, unsigned n)
{
    Piix4Pm *s = container_of(pm, Piix4Pm, parent.parent);

    assert(n < 16);
    s->gpe_sts |= 1u << n;
    update_sci(s);
}

static void pci_hotplug_event(void *opaque)
{
    piix4_pm_gpe(opaque, ACPI_PCI_HOTPLUG_GPE);
}

/* ---- SMI command port ------------------------------------------------------------------------------------------- */

static uint64_t apm_read(void *opaque, hwaddr addr, unsigned size)
{
    Piix4Pm *s = opaque;

    return addr ? s->apm_status : s->apm_command;
}

/*
 * SMI# goes to the processor that wrote. On hardware it reaches all of them, but the others still have the start-up
 * SMBASE, which firmware for this board moves for the boot processor only.
 */
static void raise_smi(void)
{
    VCpu *v = current_vcpu ? current_vcpu : vcpus;

    if (v) {
        trace_piix4_smi(v->index);
        cpu_interrupt(v, CPU_INT_SMI);
    }
}

static void apm_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    Piix4Pm *s = opaque;

    trace_piix4_apm_write(addr, val);
    if (addr) {
        s->apm_status = val;
        return;
    }
    s->apm_command = val;
    if (val == APM_ENABLE_ACPI || val == APM_DISABLE_ACPI) {
        piix4_apm_sci_enable(&s->parent.parent, val == APM_ENABLE_ACPI);
    }
    if (s->parent.config[DEVACTB_HIGH] & DEVACTB_APMC_EN) {
        raise_smi();
    }
}

static const MemoryRegionOps apm_ops = { .read = apm_read, .write = apm_write, .size = { .min = 1, .max = 1 } };

void piix4_apm_sci_enable(Device *pm, bool on)
{
    Piix4Pm *s = container_of(pm, Piix4Pm, parent.parent);

    s->pm1_cnt = (s->pm1_cnt & ~PM1_CNT_SCI_EN) | (on ? PM1_CNT_SCI_EN : 0);
    update_sci(s);
}

/* ---- buttons ---------------------------------------------------------------------------------------------------- */

void piix4_pm_power_button(Device *pm)
{
    Piix4Pm *s = container_of(pm, Piix4Pm, parent.parent);

    if (runstate_get() == RUN_STATE_SUSPENDED) {
        s->woken_by_button = true;
        request_wakeup();
        return;
    }
    s->pm1_sts |= PM1_PWRBTN;
    update_sci(s);
}

/* ---- configuration space ---------------------------------------------------------------------------------------- */

static void smbus_irq_cb(void *opaque, int level)
{
    Piix4Pm *s = opaque;
    bool to_irq9 = (s->parent.config[SMBHSTCFG] & SMBHSTCFG_INTSEL) == SMBHSTCFG_IRQ9;

    s->smbus_irq = level && to_irq9;
    update_sci(s);
}

/* A base of 0 is one that was never set: the ports stay hidden rather than on top of the DMA controller. */
static void map_ports(MemoryRegion *mr, uint16_t base, bool enable)
{
    memory_region_set_enabled(mr, enable && base);
    memory_region_set_address(mr, base);
}

static void update_ports(Piix4Pm *s)
{
    const uint8_t *c = s->parent.config;

    memory_transaction_begin();
    map_ports(&s->pm_io, load_le16(c + PMBASE) & 0xffc0, c[PMREGMISC] & PMREGMISC_PMIOSE);
    map_ports(&s->smbus.io, load_le16(c + SMBHSTBASE) & 0xfff0, c[SMBHSTCFG] & SMBHSTCFG_ENABLE);
    memory_transaction_commit();
}

static void piix4_config_written(PciDevice *dev, uint32_t addr, unsigned len)
{
    if (addr >= PMBASE) {
        update_ports(pm_of(dev));
    }
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

static void add_registers(Piix4Pm *s)
{
    Device *owner = &s->parent.parent;
    MemoryRegion *io = pci_bus_io(s->parent.bus);

    memory_region_init(&s->pm_io, owner, "piix4-pm", 64);
    memory_region_init_io(&s->evt, owner, &evt_ops, s, "acpi-evt", 4);
    memory_region_init_io(&s->cnt, owner, &cnt_ops, s, "acpi-cnt", 2);
    memory_region_init_io(&s->tmr, owner, &tmr_ops, s, "acpi-tmr", 4);
    memory_region_add(&s->pm_io, 0, &s->evt, 0);
    memory_region_add(&s->pm_io, 4, &s->cnt, 0);
    memory_region_add(&s->pm_io, 8, &s->tmr, 0);
    memory_region_set_enabled(&s->pm_io, false);
    memory_region_add(io, 0, &s->pm_io, 0);

    memory_region_init_io(&s->apm, owner, &apm_ops, s, "apm-io", 2);
    memory_region_add(io, 0xb2, &s->apm, 0);
    memory_region_init_io(&s->gpe, owner, &gpe_ops, s, "acpi-gpe0", 4);
    memory_region_add(io, 0xafe0, &s->gpe, 0);

    smbus_host_init(&s->smbus, owner, s->pc->opts ? s->pc->opts->ram_size : 0, smbus_irq_cb, s);
    memory_region_set_enabled(&s->smbus.io, false);
    memory_region_add(io, 0, &s->smbus.io, 0);
    acpi_pci_hotplug_init(&s->hotplug, owner, s->parent.bus, pci_hotplug_event, owner);
}

static bool piix4_realize(PciDevice *dev, Error **errp)
{
    Piix4Pm *s = pm_of(dev);

    store_le16(dev->config + PCI_STATUS, 0x0280);       /* DEVSEL medium, fast back to back */
    store_le32(dev->config + PMBASE, 1);
    store_le32(dev->wmask + PMBASE, 0xffc0);
    store_le32(dev->wmask + SMBHSTBASE, 0xfff0);
    timer_init(&s->carry_timer, CLOCK_VM, carry_cb, s);
    add_registers(s);
    return true;
}

static void piix4_unrealize(Device *d)
{
    Piix4Pm *s = container_of(d, Piix4Pm, parent.parent);
    MemoryRegion *const regions[] = { &s->evt, &s->cnt, &s->tmr, &s->pm_io, &s->apm, &s->gpe, &s->smbus.io,
                                      &s->hotplug.io };

    timer_disarm(&s->carry_timer);
    for (unsigned i = 0; i < ARRAY_SIZE(regions); i++) {
        memory_region_del(regions[i]);
        memory_region_destroy(regions[i]);
    }
}

static bool port_is_claimed(uint16_t port)
{
    return address_space_resolve(address_space_io, port).mr;
}

/* Which of the super-I/O's parts exist: firmware and old systems look here (datasheet: DEVRESA, DEVRESB, DEVRESC). */
static void announce_superio(uint8_t *c)
{
    c[0x5f] = 0x10 | (port_is_claimed(0x378) ? 0x80 : 0);
    c[0x63] = 0x60;
    c[0x67] = (port_is_claimed(0x3f8) ? 0x08 : 0) | (port_is_claimed(0x2f8) ? 0x90 : 0);
}

static void piix4_reset(PciDevice *dev)
{
    Piix4Pm *s = pm_of(dev);
    uint16_t pm_base = load_le16(dev->config + PMBASE);

    memset(dev->config + 0x40, 0, PCI_CONFIG_SIZE - 0x40);
    store_le16(dev->config + PMBASE, pm_base | 1);      /* survives: the S3 wake path of firmware uses it */
    announce_superio(dev->config);
    store_le16(dev->config + SMBHSTBASE, 0xb101);
    dev->config[SMBHSTCFG] = SMBHSTCFG_IRQ9 | SMBHSTCFG_ENABLE;

    s->pm1_sts = s->pm1_en = s->pm1_cnt = 0;
    if (runstate_reset_is_wakeup()) {       /* ACPI, "PM1 Status Registers": why the system is awake */
        s->pm1_sts = PM1_WAK | (s->woken_by_button ? PM1_PWRBTN : 0);
    }
    s->woken_by_button = false;
    s->gpe_sts = s->gpe_en = 0;
    s->apm_command = s->apm_status = 0;
    s->carry_ns = 0;        /* TMR_STS reads 1 from the start, as on the reference */
    smbus_host_reset(&s->smbus);
    update_ports(s);
    update_sci(s);
}

static bool piix4_post_load(void *opaque, int version, Error **errp)
{
    if (version < 2) {
        acpi_pci_hotplug_clear(&((Piix4Pm *)opaque)->hotplug);
    }
    update_ports(opaque);
    update_sci(opaque);
    return true;
}

static const VMStateDescription piix4_vmstate = {
    .name = "piix4-pm", .version = 2, .min_version = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_STRUCT(parent, Piix4Pm, vmstate_pci_device),
        VMSTATE_INT64(carry_ns, Piix4Pm),
        VMSTATE_UINT16(pm1_sts, Piix4Pm),
        VMSTATE_UINT16(pm1_en, Piix4Pm),
        VMSTATE_UINT16_MASK(pm1_cnt, Piix4Pm, PM1_CNT_STORED),
        VMSTATE_UINT16(gpe_sts, Piix4Pm),
        VMSTATE_UINT16(gpe_en, Piix4Pm),
        VMSTATE_UINT8(apm_command, Piix4Pm),
        VMSTATE_UINT8(apm_status, Piix4Pm),
        VMSTATE_BOOL(smbus_irq, Piix4Pm),
        VMSTATE_STRUCT(smbus, Piix4Pm, vmstate_smbus_host),
        VMS_FIELD(VMS_STRUCT, hotplug, Piix4Pm, 1, 0, .size = sizeof(AcpiPciHotplug), .sub = &vmstate_acpi_pci_hotplug,
                  .version = 2),
        VMSTATE_END
    },
    .post_load = piix4_post_load,
};

static const Property piix4_props[] = {
    { .name = "acpi-root-pci-hotplug", .kind = PROPK_BOOL, .offset = offsetof(Piix4Pm, hotplug.on_root), .def = true,
      .help = "cards on pci.0 come and go while a guest runs" },
    { .name = "acpi-pci-hotplug-with-bridge-support", .kind = PROPK_BOOL,
      .offset = offsetof(Piix4Pm, hotplug.behind_bridges), .def = true, .help = "so do those behind bridges" },
    PROP_END
};

static const PciDeviceClass piix4_class = {
    .vendor = 0x8086, .device = 0x7113, .revision = 0x03, .class_id = 0x0680, .int_pin = 1,
    .realize = piix4_realize, .reset = piix4_reset, .config_written = piix4_config_written,
};

static const DeviceType piix4_type = {
    .name = "PIIX4_PM", .desc = "PIIX4 power management and SMBus", .bus = BUS_PCI,
    .instance_size = sizeof(Piix4Pm), .props = piix4_props, .vmstate = &piix4_vmstate, .unrealize = piix4_unrealize,
    .class_data = &piix4_class,
};
DEVICE_TYPE(piix4_type)

bool piix4_pm_init(PcState *pc, Error **errp)
{
    Piix4Pm *s;

    pc->piix4_pm = pci_new("PIIX4_PM", 1 << 3 | 3);
    s = pm_of(pc->piix4_pm);
    s->pc = pc;
    s->sci = pc->piix3 ? piix3_sci(pc->piix3) : NULL;
    return pci_realize(pc->piix4_pm, pc->bus, errp);
}
