/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the PC tells its firmware: fw_cfg items, the memory map, CMOS cells, the boot order
 *
 * Follows: what SeaBIOS reads (docs/firmware.md lists it) and the PC/AT's use of CMOS cells, as in the IBM PC/AT
 * Technical Reference, "CMOS RAM".
 * Left out: NUMA nodes.
 */
#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "hw/block/fdc.h"
#include "hw/i386/pc-firmware.h"
#include "hw/i386/x86-board.h"
#include "hw/ide/ide.h"
#include "hw/nvram/fw_cfg.h"

#define E820_ENTRY          20
#define E820_RAM            1
#define E820_RESERVED       2

enum CmosCell {
    CMOS_FLOPPY = 0x10, CMOS_DISKS = 0x12, CMOS_DISK_TYPE = 0x19, CMOS_DISK_TABLE = 0x1b,
    CMOS_TRANSLATION = 0x39, CMOS_EQUIPMENT = 0x14, CMOS_BASE_MEM = 0x15, CMOS_EXT_MEM = 0x17, CMOS_EXT_MEM_POST = 0x30,
    CMOS_MEM_16M = 0x34, CMOS_BOOT_THIRD = 0x38, CMOS_BOOT_FIRST = 0x3d, CMOS_MEM_4G = 0x5b, CMOS_CPUS = 0x5f,
};
#define EQUIPMENT_FLOPPY    0x01
#define EQUIPMENT_FPU       0x02
#define EQUIPMENT_DISPLAY   0x04
#define EQUIPMENT_TWO       0x40    /* the second of two floppy drives */
#define BOOT_NO_FD_CHECK    0x01    /* in CMOS_BOOT_THIRD */
#define BOOT_ORDER_DEFAULT  "cad"
#define BOOT_ORDER_MAX      3       /* CMOS has as many nibbles for them */

/* ---- memory map -------------------------------------------------------------------------------------------------- */

bool pc_has_ht_hole(void)
{
    return x86_cpu_is_amd_vendor() && x86_cpu_phys_bits() >= 40;
}

static void e820_add(GByteArray *map, uint64_t start, uint64_t len, uint32_t type)
{
    uint8_t e[E820_ENTRY];

    store_le64(e, start);
    store_le64(e + 8, len);
    store_le32(e + 16, type);
    g_byte_array_append(map, e, sizeof(e));
}

static void add_e820(PcState *pc)
{
    g_autoptr(GByteArray) map = g_byte_array_new();

    if (pc_has_ht_hole()) {
        e820_add(map, PC_HT_HOLE_START, PC_HT_HOLE_SIZE, E820_RESERVED);
    }
    e820_add(map, 0, pc->below_4g, E820_RAM);
    if (pc->above_4g) {
        e820_add(map, 4 * GiB, pc->above_4g, E820_RAM);
    }
    fw_cfg_add_file(pc->fw_cfg, "etc/e820", map->data, map->len);
}

/* ---- fw_cfg items ------------------------------------------------------------------------------------------------ */

/* "550e8400-e29b-41d4-a716-446655440000", checked when the option was read. */
static void parse_uuid(const char *text, uint8_t uuid[16])
{
    for (unsigned n = 0; text && *text && n < 32; text++) {
        int digit = g_ascii_xdigit_value(*text);

        if (digit >= 0) {
            uuid[n / 2] |= digit << (n % 2 ? 0 : 4);
            n++;
        }
    }
}

/* Count and one descriptor; the old interface, ACPI's table says the same. */
static void add_hpet_item(PcState *pc)
{
    uint8_t hpet[121] = { pc->has_hpet };

    if (pc->has_hpet) {
        store_le32(hpet + 1, 0x8086a201);
        store_le64(hpet + 5, 0xfed00000);
    }
    fw_cfg_add_bytes(pc->fw_cfg, FW_CFG_HPET, hpet, sizeof(hpet));
}

static void add_numbers(PcState *pc)
{
    Device *fw = pc->fw_cfg;
    size_t numa_len = (1 + smp_max_cpus) * sizeof(uint64_t);
    g_autofree uint8_t *no_numa = g_malloc0(numa_len);
    uint8_t irq0_override = 1;

    parse_uuid(pc->opts->uuid, pc->uuid);
    fw_cfg_add_bytes(fw, FW_CFG_UUID, pc->uuid, sizeof(pc->uuid));
    fw_cfg_add_i64(fw, FW_CFG_RAM_SIZE, pc->opts->ram_size);
    fw_cfg_add_i16(fw, FW_CFG_NOGRAPHIC, pc->opts->nographic);
    fw_cfg_add_i16(fw, FW_CFG_NB_CPUS, smp_cpus);
    fw_cfg_add_i16(fw, FW_CFG_BOOT_MENU, pc->opts->boot_menu);
    fw_cfg_add_i16(fw, FW_CFG_MAX_CPUS, pc_apic_id(smp_max_cpus - 1) + 1);
    fw_cfg_add_bytes(fw, FW_CFG_NUMA, no_numa, numa_len);
    fw_cfg_add_i16(fw, FW_CFG_ACPI_TABLES, 0);
    fw_cfg_add_i16(fw, FW_CFG_SMBIOS_ENTRIES, 0);
    fw_cfg_add_bytes(fw, FW_CFG_IRQ0_OVERRIDE, &irq0_override, 1);
    fw_cfg_add_i32(fw, FW_CFG_E820_TABLE, 0);
    add_hpet_item(pc);
}

/* ---- boot order ------------------------------------------------------------------------------------------------- */

typedef struct BootEntry {
    uint32_t index;
    char *path;
} BootEntry;

static gint compare_boot_entries(gconstpointer a, gconstpointer b)
{
    const BootEntry *x = a, *y = b;

    return x->index < y->index ? -1 : x->index > y->index;
}

static void add_ide_entry(uint32_t index, unsigned channel, unsigned unit, void *entries)
{
    BootEntry e = { index, g_strdup_printf("/pci@i0cf8/ide@1,1/drive@%u/disk@%u", channel, unit) };

    g_array_append_val((GArray *)entries, e);
}

static void add_floppy_entry(PcState *pc, unsigned n, GArray *entries)
{
    BootEntry e = { fdc_bootindex(fdc_first(), n), NULL };

    if ((int32_t)e.index >= 0) {
        e.path = g_strdup_printf("/pci@i0cf8/isa@1/fdc@%04x/floppy@%u", fdc_port(fdc_first()), n);
        g_array_append_val(entries, e);
    }
}

static bool check_boot_entries(const GArray *sorted, Error **errp)
{
    for (unsigned i = 1; i < sorted->len; i++) {
        uint32_t index = g_array_index(sorted, BootEntry, i).index;

        if (index == g_array_index(sorted, BootEntry, i - 1).index) {
            error_set(errp, "The bootindex %" PRIu32 " has already been used", index);
            return false;
        }
    }
    return true;
}

/* Device paths, one per line, NUL at the end. Empty: firmware goes by CMOS. */
static bool set_boot_order(PcState *pc, Error **errp)
{
    bool ok;
    g_autoptr(GString) order = g_string_new(NULL);
    g_autoptr(GArray) entries = g_array_new(FALSE, FALSE, sizeof(BootEntry));

    if (pc->ide) {
        ide_foreach_bootindex(pc->ide, add_ide_entry, entries);
    }
    for (unsigned i = 0; pc->has_fdc && i < ARRAY_SIZE(pc->floppy_type); i++) {
        add_floppy_entry(pc, i, entries);
    }
    g_array_sort(entries, compare_boot_entries);
    ok = check_boot_entries(entries, errp);
    if (pc->boot_rom) {
        g_string_append_printf(order, "/rom@%s\n", pc->boot_rom);
    }
    for (unsigned i = 0; i < entries->len; i++) {
        BootEntry *e = &g_array_index(entries, BootEntry, i);

        g_string_append_printf(order, "%s\n", e->path);
        g_free(e->path);
    }
    if (order->len && pc->opts->boot_strict) {
        g_string_append(order, "HALT\n");
    }
    g_string_truncate(order, order->len ? order->len - 1 : 0);
    fw_cfg_set_file(pc->fw_cfg, "bootorder", order->str, order->len ? order->len + 1 : 0);
    return ok;
}

static void add_boot_files(PcState *pc)
{
    uint8_t fail_wait[4], menu_wait[2];

    fw_cfg_add_file(pc->fw_cfg, "bootorder", "", 0);
    store_le32(fail_wait, pc->opts->reboot_timeout ? pc->opts->reboot_timeout - 1 : UINT32_MAX);   /* for ever */
    fw_cfg_add_file(pc->fw_cfg, "etc/boot-fail-wait", fail_wait, sizeof(fail_wait));
    if (pc->opts->splash_time) {
        store_le16(menu_wait, pc->opts->splash_time - 1);
        fw_cfg_add_file(pc->fw_cfg, "etc/boot-menu-wait", menu_wait, sizeof(menu_wait));
    }
}

/* ---- CMOS -------------------------------------------------------------------------------------------------------- */

static void cmos_set16(PcState *pc, uint8_t cell, uint64_t val)
{
    val = MIN(val, 0xffff);
    rtc_set_cmos(pc->rtc, cell, val);
    rtc_set_cmos(pc->rtc, cell + 1, val >> 8);
}

static void cmos_set_memory(PcState *pc)
{
    uint64_t ext = pc->below_4g - MIN(pc->below_4g, MiB), above_16m = pc->below_4g - MIN(pc->below_4g, 16 * MiB);
    uint64_t units_4g = pc->above_4g / (64 * KiB);

    cmos_set16(pc, CMOS_BASE_MEM, 640);
    cmos_set16(pc, CMOS_EXT_MEM, ext / KiB);
    cmos_set16(pc, CMOS_EXT_MEM_POST, ext / KiB);
    cmos_set16(pc, CMOS_MEM_16M, above_16m / (64 * KiB));
    rtc_set_cmos(pc->rtc, CMOS_MEM_4G, units_4g);
    rtc_set_cmos(pc->rtc, CMOS_MEM_4G + 1, units_4g >> 8);
    rtc_set_cmos(pc->rtc, CMOS_MEM_4G + 2, units_4g >> 16);
}

static void cmos_set_equipment(PcState *pc)
{
    uint8_t equipment = EQUIPMENT_FPU | EQUIPMENT_DISPLAY;

    if (pc->floppy_type[0] || pc->floppy_type[1]) {
        equipment |= EQUIPMENT_FLOPPY;
    }
    if (pc->floppy_type[0] && pc->floppy_type[1]) {
        equipment |= EQUIPMENT_TWO;
    }
    rtc_set_cmos(pc->rtc, CMOS_FLOPPY, pc->floppy_type[0] << 4 | pc->floppy_type[1]);
    rtc_set_cmos(pc->rtc, CMOS_EQUIPMENT, equipment);
}

/*
 * Type 47, "user defined", and its parameters, for the two drives of the first channel. Translation, 2 bits for every
 * drive: what the user says (bios-chs-trans=), or none for what fits a BIOS call's 1024 cylinders, else "large" or,
 * when that does not reach the end, LBA.
 */
static void cmos_set_disk(PcState *pc, unsigned unit, const IdeDiskInfo *d)
{
    uint8_t cell = CMOS_DISK_TABLE + 9 * unit;
    uint8_t table[9] = {
        d->cyls, d->cyls >> 8, d->heads, 0xff, 0xff, 0xc0 | (d->heads > 8) << 3, d->cyls, d->cyls >> 8, d->secs,
    };

    rtc_set_cmos(pc->rtc, CMOS_DISK_TYPE + unit, 47);
    for (unsigned i = 0; i < sizeof(table); i++) {
        rtc_set_cmos(pc->rtc, cell + i, table[i]);
    }
}

static uint8_t translation_of(const IdeDiskInfo *d)
{
    if (d->translation != CHS_AUTO) {
        return d->translation;
    }
    return d->cyls <= 1024 && d->heads <= 16 ? CHS_NONE : (uint32_t)d->cyls * d->heads <= 131072 ? CHS_LARGE : CHS_LBA;
}

static void cmos_set_disks(PcState *pc)
{
    uint8_t types = 0, translation = 0;

    for (unsigned i = 0; pc->ide && i < IDE_CHANNELS * IDE_UNITS; i++) {
        IdeDiskInfo disk;

        if (!ide_disk_info(pc->ide, i / IDE_UNITS, i % IDE_UNITS, &disk)) {
            continue;
        }
        translation |= translation_of(&disk) << (2 * i);
        if (i < IDE_UNITS) {
            types |= i ? 0x0f : 0xf0;
            cmos_set_disk(pc, i, &disk);
        }
    }
    rtc_set_cmos(pc->rtc, CMOS_DISKS, types);
    rtc_set_cmos(pc->rtc, CMOS_TRANSLATION, translation);
}

static uint8_t boot_code(char letter)
{
    switch (letter) {
    case 'a':
    case 'b':
        return 1;
    case 'c':
        return 2;
    case 'd':
        return 3;
    case 'n' ... 'p':
        return 4;
    default:
        return 0;
    }
}

static void cmos_set_boot_order(PcState *pc, const char *order)
{
    uint8_t codes[BOOT_ORDER_MAX] = { 0 };

    for (unsigned i = 0; i < BOOT_ORDER_MAX && order[i]; i++) {
        codes[i] = boot_code(order[i]);
    }
    rtc_set_cmos(pc->rtc, CMOS_BOOT_FIRST, codes[1] << 4 | codes[0]);
    rtc_set_cmos(pc->rtc, CMOS_BOOT_THIRD, codes[2] << 4 | (pc->opts->no_fd_bootchk ? BOOT_NO_FD_CHECK : 0));
}

bool pc_check_boot_order(const char *order, Error **errp)
{
    if (strlen(order) > BOOT_ORDER_MAX) {
        error_set(errp, "Too many boot devices for PC");
        return false;
    }
    for (const char *c = order; *c; c++) {
        if (*c < 'a' || *c > 'p') {
            error_set(errp, "invalid boot device '%c'", *c);
            return false;
        }
        if (strchr(c + 1, *c)) {
            error_set(errp, "boot device '%c' was given twice", *c);
            return false;
        }
    }
    return true;
}

static bool boot_order_set;     /* big lock: by pc_set_boot_order() */

void pc_set_boot_order(const char *order)
{
    boot_order_set = true;
    cmos_set_boot_order(&pc_state, order);
}

void pc_set_cmos(PcState *pc)
{
    cmos_set_memory(pc);
    rtc_set_cmos(pc->rtc, CMOS_CPUS, smp_cpus - 1);
    cmos_set_boot_order(pc, pc->opts->boot_once ? pc->opts->boot_once
                            : pc->opts->boot_order ? pc->opts->boot_order : BOOT_ORDER_DEFAULT);
}

/* -boot once=: the first reset is the one that starts the machine, the next ends what "once" meant. */
static void end_boot_once(void *opaque)
{
    static unsigned resets;
    PcState *pc = opaque;

    if (++resets == 2 && !boot_order_set) {
        cmos_set_boot_order(pc, pc->opts->boot_order ? pc->opts->boot_order : BOOT_ORDER_DEFAULT);
    }
}

static void find_floppies(PcState *pc)
{
    pc->has_fdc = fdc_first();
    for (unsigned i = 0; pc->has_fdc && i < ARRAY_SIZE(pc->floppy_type); i++) {
        pc->floppy_type[i] = fdc_drive_type(fdc_first(), i);
    }
}

/* Those at the usual places, whether they are the board's or a -device. */
static void find_ports(PcState *pc)
{
    static const uint16_t com[] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };

    for (unsigned i = 0; i < ARRAY_SIZE(com); i++) {
        pc->serial_mask |= isa_port_exists("isa-serial", "iobase", com[i]) << i;
    }
    pc->has_parallel = isa_port_exists("isa-parallel", "iobase", 0x378);
}

/* Users' devices come after the board: the reset that starts the machine is the first moment when all are there. */
static void describe_devices(void *opaque)
{
    static bool done;
    PcState *pc = opaque;
    Error *err = NULL;

    if (!done) {
        done = true;
        if (!smbios_build(pc, &err)) {
            error_report_err(err);
            exit(1);            /* a mistake on the command line, found as early as it can be */
        }
        find_floppies(pc);
        find_ports(pc);
        if (!set_boot_order(pc, &err)) {
            error_report_err(err);
            exit(1);
        }
        cmos_set_equipment(pc);
        cmos_set_disks(pc);
        if (!pc->opts->no_acpi && pc->bus) {
            acpi_build(pc);
        }
    }
}

/* ---- entry ------------------------------------------------------------------------------------------------------- */

bool pc_firmware_init(PcState *pc, Error **errp)
{
    add_numbers(pc);
    add_e820(pc);
    if (!pc_load_kernel(pc, errp)) {
        return false;
    }
    add_boot_files(pc);
    fw_cfg_add_user_files(pc->fw_cfg);
    pc_set_cmos(pc);
    reset_handler_add(describe_devices, pc);
    if (pc->opts->boot_once) {
        reset_handler_add(end_boot_once, pc);
    }
    return true;
}
