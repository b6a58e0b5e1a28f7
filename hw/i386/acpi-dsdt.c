/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DSDT: the PC as ACPI byte code
 *
 * Names what cannot be probed: the host bridge's windows, interrupt routing through the four PIRQ links, the ISA
 * devices and the sleep states. Everything a present machine lacks is left out instead of reporting itself absent.
 * Follows: ACPI specification 6.4, "Device Configuration", "_PRT"; 82371SB (PIIX3) datasheet, "PIRQ Route Control".
 */
#include "qemu/osdep.h"
#include "hw/acpi/aml.h"
#include "hw/block/fdc.h"
#include "hw/i386/acpi-dsdt.h"

#define PIRQ_DISABLED   0x80            /* bit 7 of PIRQRC */
#define STA_PRESENT     0x0f
#define STA_HIDDEN      0x0b            /* present, enabled, working, not shown in the user interface */
#define STA_DISABLED    0x09
#define PCI_SLOTS       32
#define PCI_PINS        4
#define IOAPIC_ADDR     0xfec00000u     /* the end of the memory window below 4 GiB */
#define WINDOW64_SIZE   0x80000000ull
#define PIIX3_SLOT      1

/* ---- CPUs ------------------------------------------------------------------------------------------------------- */

static void add_cpus(Aml *a)
{
    aml_scope(a, "\\_SB");
    for (int i = 0; i < smp_cpus && i < 0xff; i++) {
        char name[5];

        g_snprintf(name, sizeof(name), "C%03X", i);
        aml_processor(a, name, i);
        aml_end(a);
    }
    aml_end(a);
}

/* ---- PCI -------------------------------------------------------------------------------------------------------- */

/* INTx of device d, pin p goes to PIRQ (d + p - 1) & 3; the power management function's pin is wired to SCI. */
static void add_prt(Aml *a)
{
    static const char *const links[PCI_PINS] = { "LNKD", "LNKA", "LNKB", "LNKC" };

    aml_name(a, "_PRT");
    aml_package(a, PCI_SLOTS * PCI_PINS);
    for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
        for (unsigned pin = 0; pin < PCI_PINS; pin++) {
            bool sci = slot == PIIX3_SLOT && pin == 0;

            aml_package(a, 4);
            aml_int(a, slot << 16 | 0xffff);
            aml_int(a, pin);
            aml_path(a, sci ? "LNKS" : links[(slot + pin) & 3]);
            aml_int(a, 0);
            aml_end(a);
        }
    }
    aml_end(a);
}

static void add_host_bridge_crs(Aml *a, PcState *pc)
{
    uint64_t above = 4 * GiB + pc->above_4g;

    aml_name(a, "_CRS");
    aml_resource_template(a);
    aml_res_word_bus(a, 0, 0xff);
    aml_res_io(a, 0xcf8, 0xcf8, 1, 8);
    aml_res_word_io(a, 0x0000, 0x0cf7);
    aml_res_word_io(a, 0x0d00, 0xffff);
    aml_res_dword_memory(a, 0xa0000, 0xbffff, true);
    aml_res_dword_memory(a, pc->below_4g, IOAPIC_ADDR - 1, false);
    aml_res_qword_memory(a, above, above + WINDOW64_SIZE - 1, true);
    aml_end(a);
}

/*
 * A link: which interrupt line a PIRQ drives, kept in a PIIX3 configuration byte. _CRS and _SRS exchange a template
 * whose interrupt number stands behind tag, length, flags and count: at offset 5.
 */
#define LINK_IRQ_OFFSET 5

static void add_link(Aml *a, const char *name, const char *reg, unsigned uid)
{
    static const uint32_t possible[] = { 5, 10, 11 };
    static const uint32_t none[] = { 0 };

    aml_device(a, name);
    aml_name_eisaid(a, "_HID", "PNP0C0F");
    aml_name_int(a, "_UID", uid);
    aml_name(a, "_PRS");
    aml_resource_template(a);
    aml_res_interrupt(a, possible, ARRAY_SIZE(possible), true);
    aml_end(a);

    aml_method(a, "_STA", 0, false);
    aml_if(a);
    aml_op(a, AML_AND);
    aml_path(a, reg);
    aml_int(a, PIRQ_DISABLED);
    aml_op(a, AML_NO_TARGET);
    aml_op(a, AML_RETURN);
    aml_int(a, STA_DISABLED);
    aml_end(a);
    aml_op(a, AML_RETURN);
    aml_int(a, STA_HIDDEN);
    aml_end(a);

    aml_method(a, "_DIS", 0, false);
    aml_op(a, AML_OR);
    aml_path(a, reg);
    aml_int(a, PIRQ_DISABLED);
    aml_path(a, reg);
    aml_end(a);

    aml_method(a, "_CRS", 0, true);
    aml_name(a, "RES");
    aml_resource_template(a);
    aml_res_interrupt(a, none, 1, true);
    aml_end(a);
    aml_create_dword_field_path(a, "RES", LINK_IRQ_OFFSET, "IRQ");
    aml_if(a);
    aml_op(a, AML_LLESS);
    aml_path(a, reg);
    aml_int(a, PIRQ_DISABLED);
    aml_op(a, AML_STORE);
    aml_path(a, reg);
    aml_path(a, "IRQ");
    aml_end(a);
    aml_op(a, AML_RETURN);
    aml_path(a, "RES");
    aml_end(a);

    aml_method(a, "_SRS", 1, true);
    aml_create_dword_field_arg(a, 0, LINK_IRQ_OFFSET, "IRQ");
    aml_op(a, AML_STORE);
    aml_path(a, "IRQ");
    aml_path(a, reg);
    aml_end(a);
    aml_end(a);
}

/* The SCI's line is hard-wired, but a routing table can name nothing but a link for it. */
static void add_sci_link(Aml *a, unsigned uid)
{
    static const uint32_t sci[] = { ACPI_SCI_IRQ };
    static const char *const names[] = { "_PRS", "_CRS" };

    aml_device(a, "LNKS");
    aml_name_eisaid(a, "_HID", "PNP0C0F");
    aml_name_int(a, "_UID", uid);
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        aml_name(a, names[i]);
        aml_resource_template(a);
        aml_res_interrupt(a, sci, 1, true);
        aml_end(a);
    }
    aml_method_return_int(a, "_STA", STA_HIDDEN);
    aml_method(a, "_DIS", 0, false);
    aml_end(a);
    aml_method(a, "_SRS", 1, false);
    aml_end(a);
    aml_end(a);
}

static void add_links(Aml *a)
{
    static const char *const names[PCI_PINS] = { "LNKA", "LNKB", "LNKC", "LNKD" };
    static const char *const regs[PCI_PINS] = {
        "\\_SB.PCI0.ISA.PRQ0", "\\_SB.PCI0.ISA.PRQ1", "\\_SB.PCI0.ISA.PRQ2", "\\_SB.PCI0.ISA.PRQ3",
    };

    aml_scope(a, "\\_SB");
    for (unsigned i = 0; i < PCI_PINS; i++) {
        add_link(a, names[i], regs[i], i);
    }
    add_sci_link(a, PCI_PINS);
    aml_end(a);
}

/* ---- cards that come and go -------------------------------------------------------------------------------------- */

/*
 * Devices are called S and their address on the bus. PCEJ(bus, slot) ejects; on each bus PCNT() looks at the slots with
 * news and at the buses behind it, and DVNT(slots, event) hands them on: 1: look again, 3: the user wants it back.
 * Slot 0 of the root has no card: its bit says that something has changed that no table has a slot for.
 */
#define NOTIFY_BUS      0
#define NOTIFY_CHECK    1
#define NOTIFY_EJECT    3

static void add_hotplug_ports(Aml *a)
{
    static const AmlField fields[] = {
        { "PCIU", 32 }, { "PCID", 32 }, { "B0EJ", 32 }, { NULL, 32 }, { "BNUM", 32 },
    };

    aml_region(a, "PCST", AML_SYSTEM_IO, ACPI_PCI_HOTPLUG_BASE, 5 * 4);
    aml_field(a, "PCST", AML_DWORD_ACC, fields, ARRAY_SIZE(fields));
    aml_mutex(a, "BLCK");
    aml_method(a, "PCEJ", 2, true);
    aml_acquire(a, "BLCK");
    aml_op(a, AML_STORE);
    aml_arg(a, 0);
    aml_path(a, "BNUM");
    aml_op(a, AML_SHIFT_LEFT);
    aml_int(a, 1);
    aml_arg(a, 1);
    aml_path(a, "B0EJ");
    aml_release(a, "BLCK");
    aml_end(a);
}

static void slot_name(char name[5], unsigned devfn)
{
    g_snprintf(name, 5, "S%02X_", devfn);
}

static void add_slot(Aml *a, int bus_nr, unsigned slot)
{
    char name[5];

    slot_name(name, slot << 3);
    aml_device(a, name);
    aml_name_int(a, "_ADR", slot << 16);
    aml_name_int(a, "_SUN", slot);
    aml_method(a, "_EJ0", 1, false);
    aml_path(a, "PCEJ");
    aml_int(a, bus_nr);
    aml_int(a, slot);
    aml_end(a);
    aml_end(a);
}

/* A slot is for cards unless something that stays is in it. */
static bool is_card_slot(const PciBus *bus, unsigned slot)
{
    bool stays = false;

    for (unsigned fn = 0; fn < 8; fn++) {
        const PciDevice *dev = pci_bus_device(bus, slot << 3 | fn);

        stays |= dev && !pci_is_pluggable(dev);
    }
    return !stays;
}

static bool is_root(const PciBus *bus)
{
    return pci_bus_hotplug_nr(bus) == 0;
}

static void begin_slot_event(Aml *a, unsigned slot, const char *whom)
{
    aml_if(a);
    aml_op(a, AML_AND);
    aml_arg(a, 0);
    aml_int(a, 1u << slot);
    aml_op(a, AML_NO_TARGET);
    aml_op(a, AML_NOTIFY);
    aml_path(a, whom);
}

static void add_slot_events(Aml *a, const PciBus *bus, bool has_slots)
{
    aml_method(a, "DVNT", 2, false);
    if (is_root(bus)) {
        begin_slot_event(a, ACPI_PCI_HOTPLUG_SLOT_BUS, "\\_SB.PCI0");
        aml_int(a, NOTIFY_BUS);
        aml_end(a);
    }
    for (unsigned slot = 0; has_slots && slot < PCI_SLOTS; slot++) {
        char name[5];

        if (is_card_slot(bus, slot)) {
            slot_name(name, slot << 3);
            begin_slot_event(a, slot, name);
            aml_arg(a, 1);
            aml_end(a);
        }
    }
    aml_end(a);
}

static void call_slot_events(Aml *a, const char *slots, unsigned event)
{
    aml_path(a, "DVNT");
    aml_path(a, slots);
    aml_int(a, event);
}

static bool is_described_bridge(const PciDevice *dev)
{
    return dev && dev->secondary && !dev->parent.hotplugged;
}

/* The method that looks for news here, and then behind each bridge. */
static void add_scan(Aml *a, const PciBus *bus, bool has_events)
{
    aml_method(a, "PCNT", 0, false);
    if (has_events) {
        aml_op(a, AML_STORE);
        aml_int(a, pci_bus_hotplug_nr(bus));
        aml_path(a, "BNUM");
        call_slot_events(a, "PCIU", NOTIFY_CHECK);
        call_slot_events(a, "PCID", NOTIFY_EJECT);
    }
    for (unsigned devfn = 0; devfn < PCI_SLOTS << 3; devfn++) {
        if (is_described_bridge(pci_bus_device(bus, devfn))) {
            g_autofree char *path = g_strdup_printf("^S%02X_.PCNT", devfn);

            aml_path(a, path);
        }
    }
    aml_end(a);
}

static void add_slots(Aml *a, const PciBus *bus)
{
    bool has_slots = pci_bus_takes_part(bus), has_events = has_slots || is_root(bus);

    for (unsigned slot = 0; has_slots && slot < PCI_SLOTS; slot++) {
        if (is_card_slot(bus, slot)) {
            add_slot(a, pci_bus_hotplug_nr(bus), slot);
        }
    }
    if (has_events) {
        add_slot_events(a, bus, has_slots);
    }
    for (unsigned devfn = 0; devfn < PCI_SLOTS << 3; devfn++) {
        const PciDevice *dev = pci_bus_device(bus, devfn);
        char name[5];

        if (is_described_bridge(dev)) {
            slot_name(name, devfn);
            aml_device(a, name);
            aml_name_int(a, "_ADR", (devfn >> 3) << 16 | (devfn & 7));
            add_slots(a, dev->secondary);
            aml_end(a);
        }
    }
    add_scan(a, bus, has_events);
}

/* General purpose event 1: its method is called when the bit of that number is set. */
static void add_hotplug_event(Aml *a)
{
    aml_scope(a, "\\_GPE");
    aml_method(a, "_E01", 0, false);
    aml_acquire(a, "\\_SB.PCI0.BLCK");
    aml_path(a, "\\_SB.PCI0.PCNT");
    aml_release(a, "\\_SB.PCI0.BLCK");
    aml_end(a);
    aml_end(a);
}

/* ---- ISA -------------------------------------------------------------------------------------------------------- */

typedef struct IsaResource {
    const char *name, *hid;
    struct { uint16_t base, len; } io[2];
    uint16_t irq_mask;
    uint8_t dma_mask;
    int uid;                            /* 0: none */
} IsaResource;

static const IsaResource isa_kbd = { "KBD", "PNP0303", { { 0x60, 1 }, { 0x64, 1 } }, 1 << 1, 0, 0 };
static const IsaResource isa_mouse = { "MOU", "PNP0F13", { { 0, 0 } }, 1 << 12, 0, 0 };
static const IsaResource isa_rtc = { "RTC", "PNP0B00", { { 0x70, 8 } }, 1 << 8, 0, 0 };
static const IsaResource isa_fdc = { "FDC0", "PNP0700", { { 0x3f2, 4 }, { 0x3f7, 1 } }, 1 << 6, 1 << 2, 0 };
static const IsaResource isa_lpt = { "LPT1", "PNP0400", { { 0x378, 8 } }, 1 << 7, 0, 1 };
static const IsaResource isa_com[4] = {
    { "COM1", "PNP0501", { { 0x3f8, 8 } }, 1 << 4, 0, 1 },
    { "COM2", "PNP0501", { { 0x2f8, 8 } }, 1 << 3, 0, 2 },
    { "COM3", "PNP0501", { { 0x3e8, 8 } }, 1 << 4, 0, 3 },
    { "COM4", "PNP0501", { { 0x2e8, 8 } }, 1 << 3, 0, 4 },
};

static void begin_isa_device(Aml *a, const IsaResource *r)
{
    aml_device(a, r->name);
    aml_name_eisaid(a, "_HID", r->hid);
    if (r->uid) {
        aml_name_int(a, "_UID", r->uid);
    }
    aml_method_return_int(a, "_STA", STA_PRESENT);
    aml_name(a, "_CRS");
    aml_resource_template(a);
    for (unsigned i = 0; i < ARRAY_SIZE(r->io); i++) {
        if (r->io[i].len) {
            aml_res_io(a, r->io[i].base, r->io[i].base, 1, r->io[i].len);
        }
    }
    aml_res_irq(a, r->irq_mask);
    if (r->dma_mask) {
        aml_res_dma(a, r->dma_mask);
    }
    aml_end(a);
}

static void add_isa_device(Aml *a, const IsaResource *r)
{
    begin_isa_device(a, r);
    aml_end(a);
}

/* _FDI: drive, type as CMOS has it, highest cylinder, sectors, highest head, then INT 13h's parameter table. */
typedef struct FloppyForm {
    uint8_t sectors, params[11];
} FloppyForm;
static const FloppyForm floppy_120 = { 15, { 0xdf, 0x02, 0x25, 0x02, 0x0f, 0x1b, 0xff, 0x54, 0xf6, 0x0f, 0x08 } };
static const FloppyForm floppy_144 = { 18, { 0xaf, 0x02, 0x25, 0x02, 0x12, 0x1b, 0xff, 0x6c, 0xf6, 0x0f, 0x08 } };
static const FloppyForm floppy_288 = { 36, { 0xaf, 0x02, 0x25, 0x02, 0x24, 0x1b, 0xff, 0x53, 0xf6, 0x0f, 0x08 } };

static void add_floppy_drive(Aml *a, unsigned n, uint8_t cmos_type)
{
    const FloppyForm *f = cmos_type == FLOPPY_2880K ? &floppy_288
                          : cmos_type == FLOPPY_1200K ? &floppy_120 : &floppy_144;
    char name[5] = { 'F', 'L', 'P', 'A' + n };

    aml_device(a, name);
    aml_name_int(a, "_ADR", n);
    aml_name(a, "_FDI");
    aml_package(a, 16);
    aml_int(a, n);
    aml_int(a, cmos_type);
    aml_int(a, 79);
    aml_int(a, f->sectors);
    aml_int(a, 1);
    for (unsigned i = 0; i < ARRAY_SIZE(f->params); i++) {
        aml_int(a, f->params[i]);
    }
    aml_end(a);
    aml_end(a);
}

static void add_floppy(Aml *a, PcState *pc)
{
    uint8_t fde[20] = { 0 };            /* five dwords: drives 0..3, tape */

    begin_isa_device(a, &isa_fdc);
    for (unsigned i = 0; i < ARRAY_SIZE(pc->floppy_type); i++) {
        if (pc->floppy_type[i]) {
            fde[4 * i] = 1;
            add_floppy_drive(a, i, pc->floppy_type[i]);
        }
    }
    fde[16] = 2;                        /* tape presence unknown */
    aml_name(a, "_FDE");
    aml_buffer(a, fde, sizeof(fde));
    aml_end(a);
}

/* Where a guest's kernel says that it has crashed, and two methods for those that cannot reach ports. */
static void add_pvpanic(Aml *a, uint16_t port)
{
    static const AmlField byte[] = { { "PEPT", 8 } };

    aml_device(a, "PEVT");
    aml_name_string(a, "_HID", "QEMU0001");
    aml_name_int(a, "_STA", STA_PRESENT);
    aml_name(a, "_CRS");
    aml_resource_template(a);
    aml_res_io(a, port, port, 1, 1);
    aml_end(a);
    aml_region(a, "PEOR", AML_SYSTEM_IO, port, 1);
    aml_field(a, "PEOR", AML_BYTE_ACC, byte, ARRAY_SIZE(byte));
    aml_method(a, "RDPT", 0, true);
    aml_op(a, AML_RETURN);
    aml_path(a, "PEPT");
    aml_end(a);
    aml_method(a, "WRPT", 1, true);
    aml_op(a, AML_STORE);
    aml_arg(a, 0);
    aml_path(a, "PEPT");
    aml_end(a);
    aml_end(a);
}

static void add_isa_bridge(Aml *a, PcState *pc)
{
    static const AmlField pirq[] = { { "PRQ0", 8 }, { "PRQ1", 8 }, { "PRQ2", 8 }, { "PRQ3", 8 } };

    aml_device(a, "ISA");
    aml_name_int(a, "_ADR", PIIX3_SLOT << 16);
    aml_region(a, "PIRQ", AML_PCI_CONFIG, 0x60, PCI_PINS);
    aml_field(a, "PIRQ", AML_BYTE_ACC, pirq, ARRAY_SIZE(pirq));
    add_isa_device(a, &isa_kbd);
    add_isa_device(a, &isa_mouse);
    add_isa_device(a, &isa_rtc);
    if (pc->has_fdc) {
        add_floppy(a, pc);
    }
    if (pc->has_parallel) {
        add_isa_device(a, &isa_lpt);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(isa_com); i++) {
        if (pc->serial_mask & 1u << i) {
            add_isa_device(a, &isa_com[i]);
        }
    }
    if (pc->pvpanic_port) {
        add_pvpanic(a, pc->pvpanic_port);
    }
    aml_end(a);
}

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

static void add_fw_cfg(Aml *a)
{
    aml_device(a, "FWCF");
    aml_name_string(a, "_HID", "QEMU0002");
    aml_name_int(a, "_STA", STA_HIDDEN);
    aml_name(a, "_CRS");
    aml_resource_template(a);
    aml_res_io(a, 0x510, 0x510, 1, 12);
    aml_end(a);
    aml_end(a);
}

/* Ports no device's driver claims but that must not be handed out. */
static void add_reserved_ports(Aml *a, const char *name, const char *uid, uint16_t base, uint8_t len)
{
    aml_device(a, name);
    aml_name_eisaid(a, "_HID", "PNP0A06");
    aml_name_string(a, "_UID", uid);
    aml_name_int(a, "_STA", STA_HIDDEN);
    aml_name(a, "_CRS");
    aml_resource_template(a);
    aml_res_io(a, base, base, 1, len);
    aml_end(a);
    aml_end(a);
}

static void add_hpet(Aml *a)
{
    aml_scope(a, "\\_SB");
    aml_device(a, "HPET");
    aml_name_eisaid(a, "_HID", "PNP0103");
    aml_name_int(a, "_UID", 0);
    aml_name_int(a, "_STA", STA_PRESENT);
    aml_name(a, "_CRS");
    aml_resource_template(a);
    aml_res_memory32_fixed(a, ACPI_HPET_BASE, 0x400, false);
    aml_end(a);
    aml_end(a);
    aml_end(a);
}

static void add_pci(Aml *a, PcState *pc)
{
    aml_scope(a, "\\_SB");
    aml_device(a, "PCI0");
    aml_name_eisaid(a, "_HID", "PNP0A03");
    aml_name_int(a, "_UID", 0);
    add_host_bridge_crs(a, pc);
    add_prt(a);
    add_isa_bridge(a, pc);
    add_fw_cfg(a);
    add_reserved_ports(a, "GPE0", "GPE0 resources", ACPI_GPE0_BASE, ACPI_GPE0_LEN);
    add_reserved_ports(a, "PHPR", "PCI Hotplug resources", ACPI_PCI_HOTPLUG_BASE, ACPI_PCI_HOTPLUG_LEN);
    add_hotplug_ports(a);
    add_slots(a, pc->bus);
    aml_end(a);
    aml_end(a);
}

/* _Sx: SLP_TYP values for PM1a and PM1b control, two reserved. */
static void add_sleep_states(Aml *a)
{
    static const struct {
        const char *name;
        uint8_t type;
    } states[] = { { "\\_S3", 1 }, { "\\_S4", 2 }, { "\\_S5", 0 } };

    for (unsigned i = 0; i < ARRAY_SIZE(states); i++) {
        aml_name(a, states[i].name);
        aml_package(a, 4);
        aml_int(a, states[i].type);
        aml_int(a, states[i].type);
        aml_int(a, 0);
        aml_int(a, 0);
        aml_end(a);
    }
}

GByteArray *acpi_dsdt_build(PcState *pc)
{
    Aml *a = aml_new();

    add_pci(a, pc);
    add_hotplug_event(a);
    add_links(a);
    add_cpus(a);
    if (pc->has_hpet) {
        add_hpet(a);
    }
    add_sleep_states(a);
    return aml_take(a);
}
