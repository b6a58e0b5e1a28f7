/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel PIIX3 ISA bridge (82371SB), function 01.0
 *
 * Routes the four PCI interrupt lines to ISA lines and holds the reset control register (CF9).
 * Follows: Intel 82371SB datasheet, "PIRQRC[A:D]" and "Reset Control Register".
 * Left out: what the other registers would do (ISA timing, chip selects, SMI timers): storage, as their reset values
 * say.
 */
#include "qemu/osdep.h"
#include "hw/isa/piix3.h"
#include "qemu/log.h"
#include "sysemu/runstate.h"
#include "trace/hw-isa.h"

#define PIRQRC              0x60        /* 60..63: bit 7 not routed, bits 3:0 ISA line */
#define PIRQRC_DISABLE      0x80u
#define NUM_PIRQS           4
#define SCI_IRQ             9
#define DRIVER_SCI          (1u << NUM_PIRQS)   /* bits below: PIRQ lines */
#define ROUTABLE            0xdef8u     /* datasheet: 3-7, 9-12, 14, 15 */

#define RCR_SYSTEM_RESET    (1u << 1)   /* RW: kind of reset. Stored only: every reset is a full one */
#define RCR_RESET_CPU       (1u << 2)   /* a write of 1 resets */

typedef struct Piix3 {
    PciDevice parent;
    MemoryRegion reset_control;
    Irq *gsi;                       /* of the board; not saved */
    uint8_t rcr;
    uint8_t pirq_level;             /* bit per PIRQ, as the bus drives it */
    bool sci_level;
    /* Derived: who drives each ISA line now, so that lines that share one are wired together. */
    uint8_t drivers[ISA_NUM_IRQS];
} Piix3;

static Piix3 *piix3_of(PciDevice *dev)
{
    return container_of(dev, Piix3, parent);
}

/* ---- interrupt routing ------------------------------------------------------------------------------------------ */

/* ISA line a PIRQ is routed to, -1 for none. */
static int pirq_route(const Piix3 *s, int pirq)
{
    uint8_t reg = s->parent.config[PIRQRC + pirq];
    int irq = reg & 0xf;

    return reg & PIRQRC_DISABLE || !(ROUTABLE >> irq & 1) ? -1 : irq;
}

static void compute_drivers(const Piix3 *s, uint8_t *drivers)
{
    memset(drivers, 0, ISA_NUM_IRQS);
    for (int i = 0; i < NUM_PIRQS; i++) {
        int irq = pirq_route(s, i);

        if (irq >= 0 && s->pirq_level >> i & 1) {
            drivers[irq] |= 1u << i;
        }
    }
    if (s->sci_level) {
        drivers[SCI_IRQ] |= DRIVER_SCI;
    }
}

/* Drives the lines whose OR has changed; lines of plain ISA devices are never touched. */
static void update_lines(Piix3 *s)
{
    uint8_t now[ISA_NUM_IRQS];

    compute_drivers(s, now);
    for (int irq = 0; irq < ISA_NUM_IRQS; irq++) {
        bool was = s->drivers[irq];

        s->drivers[irq] = now[irq];
        if (was != !!now[irq] && s->gsi) {
            irq_set(s->gsi[irq], !was);
        }
    }
}

static void piix3_set_pirq(void *opaque, int pirq, int level)
{
    Piix3 *s = opaque;

    trace_piix3_pirq(pirq, pirq_route(s, pirq), level);
    s->pirq_level = (s->pirq_level & ~(1u << pirq)) | (unsigned)level << pirq;
    update_lines(s);
}

static void piix3_set_sci(void *opaque, int n, int level)
{
    Piix3 *s = container_of((Device *)opaque, Piix3, parent.parent);

    s->sci_level = level;
    update_lines(s);
}

/* The wiring of this board's slots: slot 1 pin A is PIRQA, and each further slot is rotated by one. */
static int map_irq(PciDevice *dev, int pin)
{
    return ((dev->devfn >> 3) + pin - 1) & (NUM_PIRQS - 1);
}

static void piix3_config_written(PciDevice *dev, uint32_t addr, unsigned len)
{
    if (addr < PIRQRC + NUM_PIRQS && addr + len > PIRQRC) {
        update_lines(piix3_of(dev));
    }
}

/* ---- reset control ---------------------------------------------------------------------------------------------- */

static uint64_t rcr_read(void *opaque, hwaddr addr, unsigned size)
{
    Piix3 *s = opaque;

    return s->rcr;
}

static void rcr_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    Piix3 *s = opaque;

    trace_piix3_reset_control(val);
    s->rcr = val & RCR_SYSTEM_RESET;
    if (val & RCR_RESET_CPU) {
        request_reset("port CF9");
    }
}

static const MemoryRegionOps rcr_ops = { .read = rcr_read, .write = rcr_write, .size = { .min = 1, .max = 1 } };

/* ---- life ------------------------------------------------------------------------------------------------------- */

/* Datasheet defaults of what is not zero. */
static const struct {
    uint8_t addr, val;
} config_defaults[] = {
    { 0x4c, 0x4d },                                                             /* ISA recovery timer */
    { 0x4e, 0x03 },                                                             /* XBCS: RTC and keyboard decode */
    { 0x60, 0x80 }, { 0x61, 0x80 }, { 0x62, 0x80 }, { 0x63, 0x80 },             /* PIRQ lines not routed */
    { 0x69, 0x02 },                                                             /* top of memory */
    { 0x70, 0x80 }, { 0x76, 0x0c }, { 0x77, 0x0c },                             /* motherboard IRQ, DMA: not used */
    { 0x78, 0x02 },                                                             /* chip select: off */
    { 0xa0, 0x08 }, { 0xa8, 0x0f },                                             /* SMI control, fast-off timer */
};

static bool piix3_realize(PciDevice *dev, Error **errp)
{
    Piix3 *s = piix3_of(dev);

    dev->config[PCI_STATUS + 1] = 0x02;         /* DEVSEL medium */
    memory_region_init_io(&s->reset_control, &dev->parent, &rcr_ops, s, "piix3-reset-control", 1);
    memory_region_add(pci_bus_io(dev->bus), 0xcf9, &s->reset_control, 1);   /* inside the host bridge's CF8 */
    device_init_irqs(&dev->parent, piix3_set_sci, 1);
    return true;
}

static void piix3_reset(PciDevice *dev)
{
    Piix3 *s = piix3_of(dev);

    memset(dev->config + 0x40, 0, PCI_CONFIG_SIZE - 0x40);
    for (unsigned i = 0; i < ARRAY_SIZE(config_defaults); i++) {
        dev->config[config_defaults[i].addr] = config_defaults[i].val;
    }
    s->rcr = 0;
    update_lines(s);
}

static bool piix3_post_load(void *opaque, int version, Error **errp)
{
    update_lines(opaque);
    return true;
}

static const VMStateDescription piix3_vmstate = {
    .name = "piix3", .version = 1, .min_version = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_STRUCT(parent, Piix3, vmstate_pci_device),
        VMSTATE_UINT8_MASK(rcr, Piix3, RCR_SYSTEM_RESET),
        VMSTATE_UINT8_MASK(pirq_level, Piix3, (1u << NUM_PIRQS) - 1),
        VMSTATE_BOOL(sci_level, Piix3),
        VMSTATE_END
    },
    .post_load = piix3_post_load,
};

static const PciDeviceClass piix3_class = {
    .vendor = 0x8086, .device = 0x7000, .revision = 0x00, .class_id = 0x0601, .header_type = 0x80,
    .realize = piix3_realize, .reset = piix3_reset, .config_written = piix3_config_written,
};

static const DeviceType piix3_type = {
    .name = "PIIX3", .desc = "PIIX3 ISA bridge", .bus = BUS_PCI,
    .instance_size = sizeof(Piix3), .vmstate = &piix3_vmstate, .class_data = &piix3_class,
};
DEVICE_TYPE(piix3_type)

bool piix3_init(PcState *pc, Error **errp)
{
    Piix3 *s;

    pc->piix3 = pci_new("PIIX3", 1 << 3);
    s = piix3_of(pc->piix3);
    s->gsi = pc->gsi;
    if (!pci_realize(pc->piix3, pc->bus, errp)) {
        return false;
    }
    pci_bus_set_irqs(pc->bus, map_irq, piix3_set_pirq, s, NUM_PIRQS);
    isa_bus_init(pci_bus_io(pc->bus), pci_bus_mem(pc->bus), pc->gsi);
    return true;
}

Irq piix3_sci(PciDevice *piix3)
{
    return device_irq_in(&piix3->parent, 0);
}
