/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The IO-APIC: 24 interrupt inputs turned into messages to local APICs (FEC00000h)
 *
 * Follows: Intel 82093AA datasheet for index, data and redirection table; the version 20h part adds the EOI register
 * at 40h (ICH family datasheets, "EOI Register"). Inputs are modelled active high: the polarity bit is kept and
 * ignored, because every wire of this board is already "1 = asserted".
 * Left out: ExtINT pins (the 8259 pair reaches the CPU through LINT0 only) and the retry of messages nobody accepted.
 */
#include "qemu/osdep.h"
#include "hw/i386/pc.h"
#include "hw/intc/apic.h"
#include "qemu/bitops.h"
#include "qemu/log.h"
#include "trace/hw-intc.h"

#define IOAPIC_BASE         0xfec00000u
#define IOAPIC_WINDOW       0x1000u

#define IOAPIC_REG_SELECT   0x00
#define IOAPIC_REG_DATA     0x10
#define IOAPIC_REG_EOI      0x40

#define IOAPIC_ID           0x00
#define IOAPIC_VERSION      0x01
#define IOAPIC_ARB          0x02
#define IOAPIC_TABLE        0x10        /* two words per pin */

#define IOAPIC_VERSION_VAL  (((IOAPIC_NUM_PINS - 1) << 16) | 0x20)
#define IOAPIC_ID_MASK      0x0f000000u

#define RTE_VECTOR          0xffu
#define RTE_DELIVERY_SHIFT  8
#define RTE_LOGICAL         (1u << 11)
#define RTE_PENDING         (1u << 12)  /* RO; delivery is immediate, so always 0 */
#define RTE_ACTIVE_LOW      (1u << 13)
#define RTE_REMOTE_IRR      (1u << 14)  /* RO */
#define RTE_LEVEL           (1u << 15)
#define RTE_MASKED          (1u << 16)
#define RTE_READ_ONLY       (RTE_PENDING | RTE_REMOTE_IRR)
#define RTE_DEST_SHIFT      56

typedef struct IoApic {
    Device parent;
    MemoryRegion io;
    uint32_t lines;                     /* levels of the inputs */
    uint8_t index;
    uint32_t id;
    uint64_t table[IOAPIC_NUM_PINS];
    uint64_t edges[IOAPIC_NUM_PINS];    /* info irq: how often each input rose */
} IoApic;

/* The EOI broadcast of local APICs names no IO-APIC. Set when the machine is built; big lock. */
static IoApic *broadcast_target;

static void ioapic_send(IoApic *s, unsigned pin)
{
    uint64_t e = s->table[pin];
    unsigned mode = extract64(e, RTE_DELIVERY_SHIFT, 3);

    trace_ioapic_send(pin, e);
    if (mode == APIC_DM_EXTINT) {
        qemu_log_mask(LOG_GUEST_ERROR, "ioapic: pin %u is set to ExtINT, which no wire of this board serves\n", pin);
        return;
    }
    apic_deliver(e >> RTE_DEST_SHIFT, e & RTE_LOGICAL, mode, e & RTE_VECTOR, e & RTE_LEVEL);
}

/* A level input that is up, open and not waiting for its EOI sends one message and then waits. */
static void ioapic_service_level(IoApic *s, unsigned pin)
{
    uint64_t e = s->table[pin];

    if ((e & RTE_LEVEL) && !(e & (RTE_MASKED | RTE_REMOTE_IRR)) && (s->lines & (1u << pin))) {
        s->table[pin] |= RTE_REMOTE_IRR;
        ioapic_send(s, pin);
    }
}

static void ioapic_set_irq(void *opaque, int n, int level)
{
    IoApic *s = opaque;
    uint32_t bit = 1u << n;
    bool rising = level && !(s->lines & bit);

    trace_ioapic_set_irq(n, level);
    s->lines = level ? s->lines | bit : s->lines & ~bit;
    s->edges[n] += rising;
    if (s->table[n] & RTE_LEVEL) {
        ioapic_service_level(s, n);
    } else if (rising && !(s->table[n] & RTE_MASKED)) {
        ioapic_send(s, n);              /* an edge that comes while masked is lost (82093AA, "Interrupt Mask") */
    }
}

static void ioapic_do_eoi(IoApic *s, uint8_t vector)
{
    trace_ioapic_eoi(vector);
    for (unsigned pin = 0; pin < IOAPIC_NUM_PINS; pin++) {
        uint64_t e = s->table[pin];

        if ((e & RTE_REMOTE_IRR) && (e & RTE_VECTOR) == vector) {
            s->table[pin] &= ~(uint64_t)RTE_REMOTE_IRR;
            ioapic_service_level(s, pin);
        }
    }
}

void ioapic_eoi(uint8_t vector)
{
    if (broadcast_target) {
        ioapic_do_eoi(broadcast_target, vector);
    }
}

static uint32_t ioapic_reg_read(IoApic *s)
{
    unsigned entry = (s->index - IOAPIC_TABLE) / 2;

    switch (s->index) {
    case IOAPIC_ID:
    case IOAPIC_ARB:
        return s->id;
    case IOAPIC_VERSION:
        return IOAPIC_VERSION_VAL;
    }
    if (s->index >= IOAPIC_TABLE && entry < IOAPIC_NUM_PINS) {
        return s->table[entry] >> (s->index & 1 ? 32 : 0);
    }
    qemu_log_mask(LOG_GUEST_ERROR, "ioapic: read of register 0x%02x, which does not exist\n", s->index);
    return 0;
}

static void ioapic_entry_write(IoApic *s, unsigned pin, bool high, uint32_t val)
{
    uint64_t old = s->table[pin], e;

    if (high) {
        e = deposit64(old, 32, 32, val);
    } else {
        e = deposit64(old, 0, 32, (val & 0x1ffff & ~RTE_READ_ONLY) | (old & RTE_READ_ONLY));
    }
    if (!(e & RTE_LEVEL)) {
        e &= ~(uint64_t)RTE_REMOTE_IRR;     /* Linux clears a stuck pin by passing through edge mode */
    }
    s->table[pin] = e;
    ioapic_service_level(s, pin);
}

static void ioapic_reg_write(IoApic *s, uint32_t val)
{
    unsigned entry = (s->index - IOAPIC_TABLE) / 2;

    if (s->index == IOAPIC_ID) {
        s->id = val & IOAPIC_ID_MASK;
    } else if (s->index >= IOAPIC_TABLE && entry < IOAPIC_NUM_PINS) {
        ioapic_entry_write(s, entry, s->index & 1, val);
    } else {
        qemu_log_mask(LOG_GUEST_ERROR, "ioapic: write 0x%08x to read-only or absent register 0x%02x\n", val, s->index);
    }
}

static uint64_t ioapic_read(void *opaque, hwaddr addr, unsigned size)
{
    IoApic *s = opaque;
    uint32_t val = 0;

    if (addr == IOAPIC_REG_SELECT) {
        val = s->index;
    } else if (addr == IOAPIC_REG_DATA) {
        val = ioapic_reg_read(s);
    } else if (addr != IOAPIC_REG_EOI) {
        qemu_log_mask(LOG_GUEST_ERROR, "ioapic: read at offset 0x%03x, where nothing is\n", (unsigned)addr);
    }
    trace_ioapic_read((unsigned)addr, s->index, val);
    return val;
}

static void ioapic_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    IoApic *s = opaque;

    trace_ioapic_write((unsigned)addr, s->index, (uint32_t)val);
    if (addr == IOAPIC_REG_SELECT) {
        s->index = val;
    } else if (addr == IOAPIC_REG_DATA) {
        ioapic_reg_write(s, val);
    } else if (addr == IOAPIC_REG_EOI) {
        ioapic_do_eoi(s, val);
    } else {
        qemu_log_mask(LOG_GUEST_ERROR, "ioapic: write at offset 0x%03x, where nothing is\n", (unsigned)addr);
    }
}

static const MemoryRegionOps ioapic_ops = {
    .read = ioapic_read, .write = ioapic_write, .size = { .min = 4, .max = 4 },
};

static bool ioapic_realize(Device *dev, Error **errp)
{
    IoApic *s = container_of(dev, IoApic, parent);

    if (broadcast_target) {
        error_set(errp, "this board has room for one ioapic");
        return false;
    }
    memory_region_init_io(&s->io, dev, &ioapic_ops, s, "ioapic", IOAPIC_WINDOW);
    memory_region_add(get_system_memory(), IOAPIC_BASE, &s->io, 4096);
    device_init_irqs(dev, ioapic_set_irq, IOAPIC_NUM_PINS);
    broadcast_target = s;
    return true;
}

static void ioapic_unrealize(Device *dev)
{
    IoApic *s = container_of(dev, IoApic, parent);

    broadcast_target = NULL;
    memory_region_del(&s->io);
    memory_region_destroy(&s->io);
}

static void ioapic_reset(Device *dev)
{
    IoApic *s = container_of(dev, IoApic, parent);

    s->index = 0;
    s->id = 0;
    for (unsigned pin = 0; pin < IOAPIC_NUM_PINS; pin++) {
        s->table[pin] = RTE_MASKED;
    }
}

static bool ioapic_post_load(void *opaque, int version, Error **errp)
{
    IoApic *s = opaque;

    for (unsigned pin = 0; pin < IOAPIC_NUM_PINS; pin++) {
        if (s->table[pin] & (RTE_PENDING | 0xfffe0000u)) {
            error_set(errp, "redirection entry %u of the ioapic has reserved bits set", pin);
            return false;
        }
    }
    return true;
}

static const VMStateDescription ioapic_vmstate = {
    .name = "ioapic", .version = 1, .post_load = ioapic_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32_MASK(lines, IoApic, (1u << IOAPIC_NUM_PINS) - 1),
        VMSTATE_UINT8(index, IoApic),
        VMSTATE_UINT32_MASK(id, IoApic, IOAPIC_ID_MASK),
        VMSTATE_UINT64_ARRAY(table, IoApic, IOAPIC_NUM_PINS),
        VMSTATE_END
    },
};

const uint64_t *ioapic_irq_counts(Device *dev)
{
    return container_of(dev, IoApic, parent)->edges;
}

static void print_pins(GString *out, const char *name, uint32_t pins)
{
    g_string_append_printf(out, "  %-8s%s", name, pins ? "" : " (none)");
    for (unsigned pin = 0; pin < IOAPIC_NUM_PINS; pin++) {
        if (pins & 1u << pin) {
            g_string_append_printf(out, " %u", pin);
        }
    }
    g_string_append_c(out, '\n');
}

void ioapic_print(Device *dev, GString *out)
{
    static const char *const modes[8] = { "fixed", "lowest", "SMI", "...", "NMI", "INIT", "...", "extINT" };
    IoApic *s = container_of(dev, IoApic, parent);
    uint32_t waiting = 0;

    g_string_append_printf(out, "ioapic0: ver=0x20 id=0x%02x sel=0x%02x\n", s->id >> 24, s->index);
    for (unsigned pin = 0; pin < IOAPIC_NUM_PINS; pin++) {
        uint64_t e = s->table[pin];

        waiting |= e & RTE_REMOTE_IRR ? 1u << pin : 0;
        g_string_append_printf(out, "  pin %-2u 0x%016" PRIx64 " dest=%x vec=%-3u active-%s %-5s %-6s %-6s %s\n", pin,
                               e, (unsigned)(e >> RTE_DEST_SHIFT), (unsigned)(e & RTE_VECTOR),
                               e & RTE_ACTIVE_LOW ? "lo" : "hi", e & RTE_LEVEL ? "level" : "edge",
                               e & RTE_MASKED ? "masked" : "", modes[extract64(e, RTE_DELIVERY_SHIFT, 3)],
                               e & RTE_LOGICAL ? "logical" : "physical");
    }
    print_pins(out, "IRR", s->lines);
    print_pins(out, "Remote IRR", waiting);
}

static const DeviceType ioapic_type = {
    .name = "ioapic", .desc = "IO-APIC, 24 inputs", .bus = BUS_SYSTEM,
    .instance_size = sizeof(IoApic),
    .realize = ioapic_realize, .unrealize = ioapic_unrealize, .reset = ioapic_reset,
    .vmstate = &ioapic_vmstate,
};
DEVICE_TYPE(ioapic_type)
