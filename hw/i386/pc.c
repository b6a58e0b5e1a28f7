/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PC: a 440FX/PIIX3 board with the devices every such machine has, and what came before it, with ISA cards only
 *
 * Creates the parts in the order in which they need each other and wires their interrupt lines; what firmware learns
 * about the machine is pc-firmware.c's.
 *
 *   ISA line n ─► gsi[n] ─┬► 8259 pair, input n ──► LINT0 of CPU 0
 *                         └► IO-APIC, pin n; line 0 goes to pin 2
 *   PIRQA..D ──► PIIX3 ──► gsi[5, 10, 11, ...]     SCI ──► gsi[9]
 */
#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "hw/acpi/piix4.h"
#include "hw/block/fdc.h"
#include "hw/char/debugcon.h"
#include "hw/i386/pc-firmware.h"
#include "hw/i386/x86-board.h"
#include "hw/ide/ide.h"
#include "hw/intc/apic.h"
#include "hw/isa/piix3.h"
#include "hw/nvram/firmware.h"
#include "hw/nvram/fw_cfg.h"
#include "hw/pci/i440fx.h"
#include "hw/timer/hpet.h"
#include "qemu/main-loop.h"
#include "sysemu/blockdev.h"

#define IOAPIC_ADDR         0xfec00000u
#define PIT_GSI             0
#define PIT_IOAPIC_PIN      2
#define CASCADE_GSI         2
#define FPU_IRQ             13
#define FPU_PORT            0xf0

#define BIOS_DEFAULT        "bios-256k.bin"
#define BIOS_FALLBACK       "bios.bin"
#define BIOS_MAX            (16 * MiB)
#define BIOS_GRANULE        (64 * KiB)
#define BIOS_ISA_WINDOW     (128 * KiB)

#define LOW_RAM_MAX         0xe0000000ull   /* more than this is split, */
#define LOW_RAM_SPLIT       0xc0000000ull   /* here: PCI gets a whole GiB */

PcState pc_state;               /* the board; written at start-up, then read only */

/* ---- interrupts -------------------------------------------------------------------------------------------------- */

static void gsi_set(void *opaque, int n, int level)
{
    PcState *pc = opaque;

    if (n < ISA_NUM_IRQS && pc->pic) {
        irq_set(device_irq_in(pc->pic, n), level);
    }
    if (pc->ioapic && n != CASCADE_GSI) {
        irq_set(device_irq_in(pc->ioapic, n == PIT_GSI ? PIT_IOAPIC_PIN : n), level);
    }
}

static void intr_set(void *opaque, int n, int level)
{
    apic_pic_output(level);
}

static bool create_interrupt_controllers(PcState *pc, Error **errp)
{
    pc->pic = i8259_create(irq_new(intr_set, pc, 0));
    if (!pc->bus) {
        return true;            /* older than I/O APICs */
    }
    pc->ioapic = device_new("ioapic");
    return device_realize(pc->ioapic, NULL, errp);
}

/* ---- x87 errors -------------------------------------------------------------------------------------------------- */

/*
 * The AT's way to report an x87 exception: FERR# sets a flip-flop that drives line 13; a write to port F0h clears it.
 * Left out: IGNNE#, by which that write also lets the CPU go on while the exception is pending; handlers clear both.
 */
static void fpu_port_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    irq_lower(isa_irq(FPU_IRQ));
}

static uint64_t fpu_port_read(void *opaque, hwaddr addr, unsigned size)
{
    return 0xff;
}

static const MemoryRegionOps fpu_port_ops = {
    .read = fpu_port_read, .write = fpu_port_write, .size = { .min = 1, .max = 1 },
};

void x86_board_ferr(bool level)
{
    bool taken = big_lock_enter();

    irq_set(isa_irq(FPU_IRQ), level);
    big_lock_leave(taken);
}

static void create_fpu_port(void)
{
    static MemoryRegion port;

    memory_region_init_io(&port, NULL, &fpu_port_ops, NULL, "ioportF0", 1);
    memory_region_add(isa_address_space_io(), FPU_PORT, &port, 0);
}

/* ---- CPUs -------------------------------------------------------------------------------------------------------- */

uint64_t x86_board_tsc(void)
{
    return muldiv64(clock_get_ns(CLOCK_VM), x86_cpu_tsc_hz(), NANOSECONDS_PER_SECOND);
}

/* SDM vol. 3A, "Hierarchical Mapping of Shared Resources": each level of the topology has whole bits of the ID. */
uint32_t pc_apic_id(unsigned index)
{
    unsigned thread_bits = ctz64(pow2ceil(smp_threads)), core_bits = ctz64(pow2ceil(smp_cores));
    unsigned thread = index % smp_threads;
    unsigned core = index / smp_threads % smp_cores;
    unsigned socket = index / smp_threads / smp_cores;

    return thread | core << thread_bits | socket << (thread_bits + core_bits);
}

static bool create_cpus(PcState *pc, Error **errp)
{
    if (pc_apic_id(smp_max_cpus - 1) >= 0xff) {
        error_set(errp, "-smp: this topology needs APIC IDs above 254; fewer CPUs, or cores and threads that are "
                  "powers of two, would not");
        return false;
    }
    for (int i = 0; i < smp_cpus; i++) {
        if (!x86_cpu_create(i, pc_apic_id(i), pc->opts->cpu_model, errp)) {
            if (pc->opts->cpu_model) {
                error_prepend(errp, "-cpu %s: ", pc->opts->cpu_model);
            }
            return false;
        }
    }
    return true;
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static bool create_ram(PcState *pc, Error **errp)
{
    uint64_t size = pc->opts->ram_size;

    pc->below_4g = size < LOW_RAM_MAX ? size : LOW_RAM_SPLIT;
    pc->above_4g = size - pc->below_4g;
    if (!memory_region_init_ram(&pc->ram, NULL, "pc.ram", size, errp)) {
        error_prepend(errp, "-m %s: ", pc->opts->ram_text);
        return false;
    }
    memory_region_init_alias(&pc->ram_low, NULL, "ram-below-4g", &pc->ram, 0, pc->below_4g);
    memory_region_add(get_system_memory(), 0, &pc->ram_low, 0);
    if (pc->above_4g) {
        memory_region_init_alias(&pc->ram_high, NULL, "ram-above-4g", &pc->ram, pc->below_4g, pc->above_4g);
        memory_region_add(get_system_memory(), 4 * GiB, &pc->ram_high, 0);
    }
    return true;
}

static bool check_ram_is_addressable(PcState *pc, Error **errp)
{
    uint64_t limit = 1ull << x86_cpu_phys_bits(), end = pc->above_4g ? 4 * GiB + pc->above_4g : pc->below_4g;

    if (pc_has_ht_hole()) {
        limit = MIN(limit, PC_HT_HOLE_START);
    }
    if (end > limit) {
        error_set(errp, "-m %s: memory ends above what this CPU model can address (%llu MiB)",
                  pc->opts->ram_text, limit / MiB);
        return false;
    }
    return true;
}

/*
 * The image ends at 4 GiB, where the CPU starts; its last 128 KiB are seen below 1 MiB as well. Firmware keeps
 * variables next to its code: behind PCI it moves to RAM first, by the host bridge's PAM; without, it runs from memory
 * that can be written, shadowed from the start as on later AT boards.
 */
static bool load_bios(PcState *pc, Error **errp)
{
    static MemoryRegion rom, isa_alias;
    MemoryRegion *where = pc->bus ? pci_bus_mem(pc->bus) : get_system_memory();
    const char *name = pc->opts->bios;
    g_autofree uint8_t *image = NULL;
    g_autofree char *found = NULL;
    size_t size, window;

    if (!name && !pc->bus) {
        name = BIOS_FALLBACK;       /* the other does not fit below 1 MiB, from where nothing could move it */
    } else if (!name) {
        found = firmware_find(BIOS_DEFAULT);
        name = found || !(found = firmware_find(BIOS_FALLBACK)) ? BIOS_DEFAULT : BIOS_FALLBACK;
    }
    image = firmware_load(name, BIOS_MAX, &size, errp);
    if (!image) {
        return false;
    }
    if (size % BIOS_GRANULE) {
        error_set(errp, "the size of firmware file '%s' is no multiple of 64 KiB", name);
        return false;
    }
    if (!(pc->bus ? memory_region_init_rom : memory_region_init_ram)(&rom, NULL, "pc.bios", size, errp)) {
        return false;
    }
    memcpy(memory_region_ram_ptr(&rom), image, size);
    window = MIN(size, BIOS_ISA_WINDOW);
    memory_region_init_alias(&isa_alias, NULL, "isa-bios", &rom, size - window, window);
    memory_region_add(where, 4 * GiB - size, &rom, pc->bus ? 0 : 1);
    memory_region_add(where, MiB - window, &isa_alias, pc->bus ? 0 : 1);
    return true;
}

/* ---- devices ----------------------------------------------------------------------------------------------------- */

static bool create_timers(PcState *pc, Error **errp)
{
    pc->pit = device_new("isa-pit");
    pc->rtc = device_new("mc146818rtc");
    device_set_prop_uint(pc->rtc, "base-offset", (uint64_t)pc->opts->rtc_base_offset_s);
    device_set_prop_uint(pc->rtc, "localtime", pc->opts->rtc_localtime);
    device_set_prop_uint(pc->rtc, "clock", pc->opts->rtc_clock);
    device_set_prop_uint(pc->rtc, "slew", pc->opts->rtc_slew);
    if (!device_realize(pc->pit, NULL, errp) || !device_realize(pc->rtc, NULL, errp) || !portb_create(pc->pit, errp)) {
        return false;
    }
    pc->has_hpet = !pc->opts->no_hpet && pc->ioapic;
    return !pc->has_hpet || hpet_create(pc->pit, pc->rtc, device_irq_in(pc->ioapic, PIT_IOAPIC_PIN), errp);
}

static bool create_serial_ports(PcState *pc, Error **errp)
{
    for (unsigned i = 0; i < ARRAY_SIZE(pc->opts->serial); i++) {
        if (!pc->opts->serial[i]) {
            continue;
        }
        if (!isa_port_create("isa-serial", i, pc->opts->serial[i], errp)) {
            return false;
        }
    }
    return true;
}

static bool create_parallel_ports(PcState *pc, Error **errp)
{
    for (unsigned i = 0; i < ARRAY_SIZE(pc->opts->parallel); i++) {
        if (pc->opts->parallel[i] && !isa_port_create("isa-parallel", i, pc->opts->parallel[i], errp)) {
            return false;
        }
    }
    return true;
}

static bool create_debugcon(PcState *pc, Error **errp)
{
    return !pc->opts->debugcon || debugcon_create(pc->opts->debugcon, errp);
}

/* Those that need no more than their place; where: who else wants to know them. */
static bool create_plain_devices(PcState *pc, Error **errp)
{
    const struct {
        const char *type;
        Device **where;
    } plain[] = { { "i8042", &pc->kbd }, { "i8257", &pc->dma }, { "port80", NULL } };

    for (unsigned i = 0; i < ARRAY_SIZE(plain); i++) {
        Device *dev = device_new(plain[i].type);

        if (plain[i].where) {
            *plain[i].where = dev;
        }
        if (!device_realize(dev, NULL, errp)) {
            return false;
        }
    }
    return true;
}

static bool create_isa_devices(PcState *pc, Error **errp)
{
    create_fpu_port();
    pc->fw_cfg = fw_cfg_create();
    return create_interrupt_controllers(pc, errp) && create_timers(pc, errp) && port92_create(errp) &&
           create_plain_devices(pc, errp) && create_serial_ports(pc, errp) &&
           create_parallel_ports(pc, errp) && create_debugcon(pc, errp) && device_realize(pc->fw_cfg, NULL, errp);
}

/* ---- drives ------------------------------------------------------------------------------------------------------ */

#define IDE_INDEX_CDROM     2       /* secondary master: an empty CD-ROM drive when nothing else is asked for */

static bool create_ide_drive(PcState *pc, unsigned index, const DriveInfo *info, Error **errp)
{
    Device *dev = ide_drive_new(pc->ide, !info || info->is_cdrom, index / IDE_UNITS, index % IDE_UNITS);

    if (info && (!device_set_prop(dev, "drive", info->name, errp) ||
                 (info->serial && !device_set_prop(dev, "serial", info->serial, errp)))) {
        return false;
    }
    return device_realize(dev, ide_function_device(pc->ide), errp);
}

static IdeFunction *create_ide_card(PcState *pc, Error **errp)
{
    PciDevice *dev;

    if (!pc->bus) {
        return isa_ide_create(errp);
    }
    dev = piix3_ide_create(pc->bus, 1 << 3 | 1, errp);
    return dev ? piix3_ide_function(dev) : NULL;
}

static bool create_ide(PcState *pc, Error **errp)
{
    pc->ide = create_ide_card(pc, errp);
    for (unsigned i = 0; pc->ide && i < IDE_CHANNELS * IDE_UNITS; i++) {
        const DriveInfo *info = drive_get(DRIVE_IDE, i);

        if ((info || (i == IDE_INDEX_CDROM && !pc->opts->no_cdrom)) && !create_ide_drive(pc, i, info, errp)) {
            return false;
        }
    }
    return pc->ide;
}

/* Without any -fda: one empty drive. */
static bool choose_floppies(PcState *pc, const char *names[2], Error **errp)
{
    for (unsigned i = 0; i < 2; i++) {
        const DriveInfo *info = drive_get(DRIVE_FLOPPY, i);

        names[i] = info ? info->name : NULL;
    }
    if (!names[0] && !pc->opts->no_floppy) {
        names[0] = "floppy0";
        if (!blk_new(names[0])) {
            error_set(errp, "the name '%s' is the empty floppy drive's", names[0]);
            return false;
        }
    }
    return true;
}

/* A controller that the user puts in its place takes the board's drives. */
static bool create_fdc(PcState *pc, Error **errp)
{
    const char *names[2];

    if (!choose_floppies(pc, names, errp)) {
        return false;
    }
    fdc_set_board(pc->dma, names[0], names[1]);
    return pc->opts->own_fdc || device_realize(device_new("isa-fdc"), NULL, errp);
}

/* The first card on the bus after the chipset: device 2, as firmware and guests have always found it. */
static bool create_vga(PcState *pc, Error **errp)
{
    if (pc->opts->no_vga) {
        return true;
    }
    return pc->bus ? pci_realize(pci_new("VGA", -1), pc->bus, errp)
                   : device_realize(device_new("isa-vga"), NULL, errp);
}

static bool pc_init(const MachineOptions *o, Error **errp)
{
    PcState *pc = &pc_state;

    pc->opts = o;
    pc->gsi = irq_new_array(gsi_set, pc, IOAPIC_NUM_PINS);
    return create_ram(pc, errp) && i440fx_init(pc, errp) && create_cpus(pc, errp) &&
           check_ram_is_addressable(pc, errp) && piix3_init(pc, errp) && load_bios(pc, errp) &&
           create_isa_devices(pc, errp) && create_ide(pc, errp) && create_fdc(pc, errp) &&
           piix4_pm_init(pc, errp) && create_vga(pc, errp) && pc_firmware_init(pc, errp);
}

/* No PCI, and so no SMM, ACPI, HPET or I/O APIC: a PC of about 1990, as operating systems before PCI know it. */
static bool isapc_init(const MachineOptions *o, Error **errp)
{
    PcState *pc = &pc_state;

    pc->opts = o;
    pc->gsi = irq_new_array(gsi_set, pc, IOAPIC_NUM_PINS);
    isa_bus_init(get_system_io(), get_system_memory(), pc->gsi);
    return create_ram(pc, errp) && create_cpus(pc, errp) && check_ram_is_addressable(pc, errp) && load_bios(pc, errp) &&
           create_isa_devices(pc, errp) && create_ide(pc, errp) && create_fdc(pc, errp) && create_vga(pc, errp) &&
           pc_firmware_init(pc, errp);
}

/* ---- machine types ----------------------------------------------------------------------------------------------- */

static const MachineType machine_pc = {
    .name = PC_MACHINE_VERSION, .alias = "pc", .desc = "Standard PC (i440FX + PIIX, 1996)",
    .init = pc_init, .is_default = true, .max_cpus = 255,
};

static const MachineType machine_isapc = {
    .name = "isapc", .desc = "ISA-only PC", .init = isapc_init, .max_cpus = 1, .cpu_model = "486",
};

const MachineType *const machine_types[] = { &machine_pc, &machine_isapc, NULL };
