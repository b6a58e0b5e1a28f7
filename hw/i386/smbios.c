/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMBIOS structures
 *
 * Describes system, chassis, processors and memory for dmidecode and for drivers that match on names. Firmware adds
 * type 0 (itself), completes the entry point and puts both where systems look.
 * Follows: DMTF DSP0134, System Management BIOS Reference Specification 2.8.
 * Left out: values only real hardware has (serial numbers, slots, caches, sensors).
 * What the user wants to read there: smbios-options.c.
 */
#include "qemu/osdep.h"
#include "qemu/put.h"
#include "hw/i386/pc.h"
#include "hw/i386/x86-board.h"
#include "hw/pci/pci.h"
#include "smbios-int.h"

#define FILE_ANCHOR     "etc/smbios/smbios-anchor"
#define FILE_TABLES     "etc/smbios/smbios-tables"

#define MANUFACTURER    "QEMU"
#define PRODUCT         "Standard PC (i440FX + PIIX, 1996)"
#define PRODUCT_ISA     "ISA-only PC"
#define VERSION_ISA     "isapc"

#define HANDLE_FIRMWARE 0x0000
#define HANDLE_SYSTEM   0x0100
#define HANDLE_BOARD    0x0200
#define HANDLE_CHASSIS  0x0300
#define HANDLE_CPU      0x0400
#define HANDLE_CONNECTOR 0x0800
#define HANDLE_STRINGS  0x0e00
#define HANDLE_ARRAY    0x1000
#define HANDLE_DIMM     0x1100
#define HANDLE_MAPPED   0x1300
#define HANDLE_BOOT     0x2000
#define HANDLE_DEVICE   0x2900
#define HANDLE_END      0x7f00

#define CPU_MHZ         2000
#define DIMM_MAX        (16 * GiB)
#define SIZE_UNKNOWN32  0x80000000u
#define NOT_PROVIDED    0xffff

typedef struct Smbios {
    GByteArray *out;
    guint start;            /* of the structure being built */
    GString *strings;
    uint8_t n_strings;
    uint16_t count, max_len;
    const char *product, *version;      /* the machine's */
} Smbios;

static void put_string(Smbios *s, const char *text)
{
    if (!text) {
        put8(s->out, 0);
        return;
    }
    g_string_append_len(s->strings, text, strlen(text) + 1);
    put8(s->out, ++s->n_strings);
}

static void begin(Smbios *s, uint8_t type, uint16_t handle)
{
    s->start = s->out->len;
    s->n_strings = 0;
    g_string_truncate(s->strings, 0);
    put8(s->out, type);
    put8(s->out, 0);
    put16(s->out, handle);
}

/* The strings follow the structure; an empty one ends them, two when there are none. */
static void end(Smbios *s)
{
    s->out->data[s->start + 1] = s->out->len - s->start;
    g_byte_array_append(s->out, (uint8_t *)s->strings->str, s->strings->len);
    put8(s->out, 0);
    if (!s->n_strings) {
        put8(s->out, 0);
    }
    s->count++;
    s->max_len = MAX(s->max_len, s->out->len - s->start);
}

/* The first three fields of a UUID are stored little endian (DSP0134, "System - UUID"). */
static void put_uuid(Smbios *s, const uint8_t uuid[16])
{
    static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };

    for (unsigned i = 0; i < 16; i++) {
        put8(s->out, uuid[order[i]]);
    }
}

/* ---- structures -------------------------------------------------------------------------------------------------- */

static const char *setting(uint8_t type, const char *key, const char *def)
{
    return smbios_setting(type, SMBIOS_ANY, key, def);
}

static void put_text(Smbios *s, const char *text)
{
    put_string(s, text && *text ? text : NULL);     /* an empty string would end the list */
}

static void put_setting(Smbios *s, uint8_t type, const char *key, const char *def)
{
    put_text(s, setting(type, key, def));
}

static void put_entry(Smbios *s, uint8_t type, unsigned entry, const char *key)
{
    put_text(s, smbios_setting(type, entry, key, NULL));
}

/* The firmware describes itself unless the user has. */
static void add_firmware(Smbios *s, PcState *pc)
{
    unsigned major = 0, minor = 0;
    const char *uefi = setting(0, "uefi", "off");

    if (!smbios_entries(0)) {
        return;
    }
    sscanf(setting(0, "release", "0.0"), "%u.%u", &major, &minor);
    begin(s, 0, HANDLE_FIRMWARE);
    put_setting(s, 0, "vendor", NULL);
    put_setting(s, 0, "version", NULL);
    put16(s->out, 0xe800);       /* segment of the firmware */
    put_setting(s, 0, "date", NULL);
    put8(s->out, 0);             /* size: 64 KiB */
    put64(s->out, 0x08);         /* characteristics are not given */
    put8(s->out, 0);
    put8(s->out, 0x14 | (g_str_equal(uefi, "on") ? 0x08 : 0));   /* virtual machine, targeted content distribution */
    put8(s->out, (uint8_t)major);
    put8(s->out, (uint8_t)minor);
    put8(s->out, 0xff);          /* no embedded controller */
    put8(s->out, 0xff);
    end(s);
}

static void add_system(Smbios *s, PcState *pc)
{
    begin(s, 1, HANDLE_SYSTEM);
    put_setting(s, 1, "manufacturer", MANUFACTURER);
    put_setting(s, 1, "product", s->product);
    put_setting(s, 1, "version", s->version);
    put_setting(s, 1, "serial", NULL);
    put_uuid(s, pc->uuid);
    put8(s->out, 0x06);          /* woken by the power switch */
    put_setting(s, 1, "sku", NULL);
    put_setting(s, 1, "family", NULL);
    end(s);
}

static void add_base_board(Smbios *s, PcState *pc)
{
    if (!smbios_entries(2)) {
        return;
    }
    begin(s, 2, HANDLE_BOARD);
    put_setting(s, 2, "manufacturer", MANUFACTURER);
    put_setting(s, 2, "product", s->product);
    put_setting(s, 2, "version", s->version);
    put_setting(s, 2, "serial", NULL);
    put_setting(s, 2, "asset", NULL);
    put8(s->out, 0x01);          /* hosting board */
    put_setting(s, 2, "location", NULL);
    put16(s->out, HANDLE_CHASSIS);
    put8(s->out, 0x0a);          /* motherboard */
    put8(s->out, 0);
    end(s);
}

/* Port connectors: handles of their own, and nothing inside the chassis to plug in. */
static void add_connectors(Smbios *s, PcState *pc)
{
    for (unsigned i = 0; i < smbios_entries(8); i++) {
        begin(s, 8, HANDLE_CONNECTOR + i);
        put_entry(s, 8, i, "internal_reference");
        put8(s->out, 0);
        put_entry(s, 8, i, "external_reference");
        put8(s->out, (uint8_t)smbios_number(8, i, "connector_type", 0));
        put8(s->out, (uint8_t)smbios_number(8, i, "port_type", 0));
        end(s);
    }
}

static void add_oem_strings(Smbios *s, PcState *pc)
{
    const GPtrArray *texts = smbios_strings();
    guint n = texts ? MIN(texts->len, 255u) : 0;

    if (!n) {
        return;
    }
    begin(s, 11, HANDLE_STRINGS);
    put8(s->out, (uint8_t)n);
    for (guint i = 0; i < n; i++) {
        const char *text = g_ptr_array_index(texts, i);

        g_string_append_len(s->strings, text, (gssize)strlen(text) + 1);
        s->n_strings++;
    }
    end(s);
}

static void add_chassis(Smbios *s, PcState *pc)
{
    begin(s, 3, HANDLE_CHASSIS);
    put_setting(s, 3, "manufacturer", MANUFACTURER);
    put8(s->out, 0x01);          /* other */
    put_setting(s, 3, "version", s->version);
    put_setting(s, 3, "serial", NULL);
    put_setting(s, 3, "asset", NULL);
    put8(s->out, 0x03);          /* boot-up, power supply and thermal state: safe */
    put8(s->out, 0x03);
    put8(s->out, 0x03);
    put8(s->out, 0x02);          /* security status: unknown */
    put32(s->out, 0);
    put8(s->out, 0);
    put8(s->out, 0);
    put8(s->out, 0);
    put8(s->out, 0);
    put_setting(s, 3, "sku", NULL);
    end(s);
}

static void add_processor(Smbios *s, unsigned socket)
{
    const char *prefix = setting(4, "sock_pfx", "CPU");
    g_autofree char *name = g_strdup_printf("%s %u", prefix, socket);

    begin(s, 4, HANDLE_CPU + socket);
    put_string(s, name);
    put8(s->out, 0x03);          /* central processor */
    put8(s->out, 0x01);          /* family: other */
    put_setting(s, 4, "manufacturer", MANUFACTURER);
    put64(s->out, smbios_number(4, SMBIOS_ANY, "processor-id",
                                (uint64_t)x86_cpu_cpuid_features() << 32 | x86_cpu_cpuid_signature()));
    put_setting(s, 4, "version", s->version);
    put8(s->out, 0);
    put16(s->out, 0);            /* external clock unknown */
    put16(s->out, (uint16_t)smbios_number(4, SMBIOS_ANY, "max-speed", CPU_MHZ));
    put16(s->out, (uint16_t)smbios_number(4, SMBIOS_ANY, "current-speed", CPU_MHZ));
    put8(s->out, 0x41);          /* socket populated, CPU enabled */
    put8(s->out, 0x01);
    put16(s->out, NOT_PROVIDED); /* caches */
    put16(s->out, NOT_PROVIDED);
    put16(s->out, NOT_PROVIDED);
    put_setting(s, 4, "serial", NULL);
    put_setting(s, 4, "asset", NULL);
    put_setting(s, 4, "part", NULL);
    put8(s->out, MIN(smp_cores, 0xff));
    put8(s->out, MIN(smp_cores, 0xff));
    put8(s->out, MIN(smp_cores * smp_threads, 0xff));
    put16(s->out, 0x0002);       /* characteristics: unknown */
    put16(s->out, 0x0001);
    end(s);
}

static unsigned dimm_count(uint64_t ram)
{
    return (ram + DIMM_MAX - 1) / DIMM_MAX;
}

static void add_memory_array(Smbios *s, uint64_t ram, unsigned dimms)
{
    uint64_t kib = ram / KiB;

    begin(s, 16, HANDLE_ARRAY);
    put8(s->out, 0x01);
    put8(s->out, 0x03);          /* system memory */
    put8(s->out, 0x06);          /* multi-bit ECC */
    put32(s->out, kib < SIZE_UNKNOWN32 ? kib : SIZE_UNKNOWN32);
    put16(s->out, 0xfffe);
    put16(s->out, dimms);
    put64(s->out, kib < SIZE_UNKNOWN32 ? 0 : ram);
    end(s);
}

static void add_dimm(Smbios *s, unsigned n, uint64_t size)
{
    const char *prefix = setting(17, "loc_pfx", "DIMM");
    g_autofree char *name = g_strdup_printf("%s %u", prefix, n);
    uint16_t speed = (uint16_t)smbios_number(17, SMBIOS_ANY, "speed", 0);
    uint64_t mib = size / MiB;

    begin(s, 17, HANDLE_DIMM + n);
    put16(s->out, HANDLE_ARRAY);
    put16(s->out, 0xfffe);
    put16(s->out, NOT_PROVIDED);
    put16(s->out, NOT_PROVIDED);
    put16(s->out, mib < 0x7fff ? mib : 0x7fff);
    put8(s->out, 0x09);          /* DIMM */
    put8(s->out, 0);
    put_string(s, name);
    put_setting(s, 17, "bank", NULL);
    put8(s->out, 0x07);          /* RAM */
    put16(s->out, 0x0002);
    put16(s->out, speed);
    put_setting(s, 17, "manufacturer", MANUFACTURER);
    put_setting(s, 17, "serial", NULL);
    put_setting(s, 17, "asset", NULL);
    put_setting(s, 17, "part", NULL);
    put8(s->out, 0);
    put32(s->out, mib < 0x7fff ? 0 : mib);
    put16(s->out, speed);
    put16(s->out, 0);
    put16(s->out, 0);
    put16(s->out, 0);
    end(s);
}

static void add_mapped_range(Smbios *s, unsigned n, uint64_t start, uint64_t size)
{
    uint64_t first = start / KiB, last = (start + size) / KiB - 1;
    bool wide = last >= UINT32_MAX;

    begin(s, 19, HANDLE_MAPPED + n);
    put32(s->out, wide ? UINT32_MAX : first);
    put32(s->out, wide ? UINT32_MAX : last);
    put16(s->out, HANDLE_ARRAY);
    put8(s->out, 1);
    put64(s->out, wide ? start : 0);
    put64(s->out, wide ? start + size - 1 : 0);
    end(s);
}

/* Entry point of SMBIOS 2.8, 31 bytes; firmware fills in address and both checksums. */
static void put_anchor(PcState *pc, const Smbios *s)
{
    uint8_t anchor[31] = { '_', 'S', 'M', '_', 0, sizeof(anchor), 2, 8 };

    store_le16(anchor + 8, s->max_len);
    memcpy(anchor + 16, "_DMI_", 5);
    store_le16(anchor + 22, s->out->len);
    store_le16(anchor + 28, s->count);
    anchor[30] = 0x28;
    fw_cfg_add_file(pc->fw_cfg, FILE_ANCHOR, anchor, sizeof(anchor));
}

/* Where the PCI device with that id= is. */
static bool find_pci_device(const char *id, uint8_t *devfn, Error **errp)
{
    Device *dev = device_find(id);

    if (!dev || dev->type->bus != BUS_PCI) {
        error_set(errp, "no PCI device %s for SMBIOS type 41", id);
        return false;
    }
    *devfn = container_of(dev, PciDevice, parent)->devfn;
    return true;
}

static bool add_onboard_devices(Smbios *s, Error **errp)
{
    for (unsigned i = 0; i < smbios_entries(41); i++) {
        const char *id = smbios_setting(41, i, "pcidev", NULL);
        uint8_t devfn = 0;

        if (id && !find_pci_device(id, &devfn, errp)) {
            return false;
        }
        begin(s, 41, HANDLE_DEVICE + i);
        put_entry(s, 41, i, "designation");
        put8(s->out, 0x80 | smbios_device_kind(smbios_setting(41, i, "kind", "other")));    /* enabled */
        put8(s->out, (uint8_t)smbios_number(41, i, "instance", 1));
        put16(s->out, 0);       /* segment */
        put8(s->out, 0);        /* bus: firmware numbers those behind bridges later */
        put8(s->out, devfn);
        end(s);
    }
    return true;
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

static void add_files(Smbios *s)
{
    const GByteArray *data = smbios_file_structures(&s->count, &s->max_len);

    if (data) {
        g_byte_array_append(s->out, data->data, data->len);
    }
}

static void add_processors(Smbios *s, PcState *pc)
{
    for (int i = 0; i < smp_sockets; i++) {
        add_processor(s, i);
    }
}

static void add_array(Smbios *s, PcState *pc)
{
    uint64_t ram = pc->below_4g + pc->above_4g;

    add_memory_array(s, ram, dimm_count(ram));
}

static void add_dimms(Smbios *s, PcState *pc)
{
    uint64_t ram = pc->below_4g + pc->above_4g;

    for (unsigned i = 0; i < dimm_count(ram); i++) {
        add_dimm(s, i, MIN(DIMM_MAX, ram - i * DIMM_MAX));
    }
}

static void add_mapped_ranges(Smbios *s, PcState *pc)
{
    add_mapped_range(s, 0, 0, pc->below_4g);
    if (pc->above_4g) {
        add_mapped_range(s, 1, 4 * GiB, pc->above_4g);
    }
}

static void add_boot_status(Smbios *s, PcState *pc)
{
    begin(s, 32, HANDLE_BOOT);
    for (unsigned i = 0; i < 7; i++) {  /* six reserved bytes, then status 0: no errors */
        put8(s->out, 0);
    }
    end(s);
}

/* In the order of the tables; a type the user brings in a file is left to him. */
static const struct {
    uint8_t type;
    void (*add)(Smbios *s, PcState *pc);
} structures[] = {
    { 0, add_firmware }, { 1, add_system }, { 2, add_base_board }, { 3, add_chassis }, { 4, add_processors },
    { 8, add_connectors }, { 11, add_oem_strings }, { 16, add_array }, { 17, add_dimms }, { 19, add_mapped_ranges },
    { 32, add_boot_status },
};

static bool add_structures(Smbios *s, PcState *pc, Error **errp)
{
    add_files(s);
    for (size_t i = 0; i < ARRAY_SIZE(structures); i++) {
        if (!smbios_file_has(structures[i].type)) {
            structures[i].add(s, pc);
        }
    }
    if (!add_onboard_devices(s, errp)) {
        return false;
    }
    begin(s, 127, HANDLE_END);
    end(s);
    if (s->out->len > UINT16_MAX) {
        error_set(errp, "SMBIOS tables of %u bytes are too large: at most %u", s->out->len, UINT16_MAX);
        return false;
    }
    return true;
}

bool smbios_build(PcState *pc, Error **errp)
{
    Smbios s = {
        .out = g_byte_array_new(), .strings = g_string_new(NULL),
        .product = pc->bus ? PRODUCT : PRODUCT_ISA, .version = pc->bus ? PC_MACHINE_VERSION : VERSION_ISA,
    };
    bool ok = add_structures(&s, pc, errp);

    if (ok) {
        put_anchor(pc, &s);
        fw_cfg_add_file(pc->fw_cfg, FILE_TABLES, s.out->data, s.out->len);
    }
    g_byte_array_unref(s.out);
    g_string_free(s.strings, true);
    return ok;
}
