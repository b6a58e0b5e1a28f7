/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMBIOS structures
 *
 * Describes system, chassis, processors and memory for dmidecode and for drivers that match on names. Firmware adds
 * type 0 (itself), completes the entry point and puts both where systems look.
 * Follows: DMTF DSP0134, System Management BIOS Reference Specification 2.8.
 * Left out: values only real hardware has (serial numbers, slots, caches, sensors).
 */
#include "qemu/osdep.h"
#include "qemu/put.h"
#include "hw/i386/pc.h"
#include "hw/i386/x86-board.h"

#define FILE_ANCHOR     "etc/smbios/smbios-anchor"
#define FILE_TABLES     "etc/smbios/smbios-tables"

#define MANUFACTURER    "QEMU"
#define PRODUCT         "Standard PC (i440FX + PIIX, 1996)"

#define HANDLE_FIRMWARE 0x0000
#define HANDLE_SYSTEM   0x0100
#define HANDLE_BOARD    0x0200
#define HANDLE_CHASSIS  0x0300
#define HANDLE_CPU      0x0400
#define HANDLE_STRINGS  0x0e00
#define HANDLE_ARRAY    0x1000
#define HANDLE_DIMM     0x1100
#define HANDLE_MAPPED   0x1300
#define HANDLE_BOOT     0x2000
#define HANDLE_END      0x7f00

#define DIMM_MAX        (16 * GiB)
#define SIZE_UNKNOWN32  0x80000000u
#define NOT_PROVIDED    0xffff

typedef struct Smbios {
    GByteArray *out;
    guint start;            /* of the structure being built */
    GString *strings;
    uint8_t n_strings;
    uint16_t count, max_len;
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

/* ---- -smbios ----------------------------------------------------------------------------------------------------- */

const KeyDef smbios_keys[] = {
    { "type", KEY_UINT,
      .help = "the structure: 0 firmware, 1 system, 2 base board, 3 chassis, 4 processor, 11 strings, 17 memory" },
    { "vendor", KEY_STRING, .help = "0" },
    { "date", KEY_STRING, .help = "0" },
    { "release", KEY_STRING, .help = "0: major.minor" },
    { "uefi", KEY_BOOL, .help = "0" },
    { "manufacturer", KEY_STRING, .help = "1, 2, 3, 4, 17" },
    { "product", KEY_STRING, .help = "1, 2" },
    { "version", KEY_STRING, .help = "0 to 4" },
    { "serial", KEY_STRING, .help = "1, 2, 3, 4, 17" },
    { "uuid", KEY_STRING, .help = "1; -uuid does the same" },
    { "sku", KEY_STRING, .help = "1, 3" },
    { "family", KEY_STRING, .help = "1" },
    { "asset", KEY_STRING, .help = "2, 3, 4, 17" },
    { "location", KEY_STRING, .help = "2" },
    { "part", KEY_STRING, .help = "4, 17" },
    { "sock_pfx", KEY_STRING, .help = "4: name before the socket's number" },
    { "loc_pfx", KEY_STRING, .help = "17: name before the module's number" },
    { "bank", KEY_STRING, .help = "17" },
    { "value", KEY_STRING, .help = "11: a string; may be given several times" },
    { .name = NULL },
};

/* What each type takes. */
static const struct {
    uint8_t type;
    const char *keys;
} type_keys[] = {
    { 0, " vendor version date release uefi " },
    { 1, " manufacturer product version serial uuid sku family " },
    { 2, " manufacturer product version serial asset location " },
    { 3, " manufacturer version serial asset sku " },
    { 4, " sock_pfx manufacturer version serial asset part " },
    { 11, " value " },
    { 17, " loc_pfx bank manufacturer serial asset part " },
};

typedef struct Setting {
    uint8_t type;
    char *key, *value;
} Setting;
static GArray *settings;        /* start-up */

static const char *keys_of_type(uint64_t type)
{
    for (size_t i = 0; i < ARRAY_SIZE(type_keys); i++) {
        if (type_keys[i].type == type) {
            return type_keys[i].keys;
        }
    }
    return NULL;
}

bool smbios_option(const KeyList *l, Error **errp)
{
    const char *keys = keys_of_type(keylist_get_uint(l, "type", UINT64_MAX));

    if (!keys) {
        error_set(errp, "type= must be 0, 1, 2, 3, 4, 11 or 17");
        return false;
    }
    if (!settings) {
        settings = g_array_new(FALSE, FALSE, sizeof(Setting));
    }
    for (size_t i = 0; i < l->n; i++) {
        uint8_t type = (uint8_t)keylist_get_uint(l, "type", 0);
        const char *key = l->items[i].key;
        g_autofree char *word = g_strdup_printf(" %s ", key);
        Setting set;

        if (strcmp(key, "type") && !strstr(keys, word)) {
            error_set(errp, "type %u has no '%s'", type, key);
            return false;
        }
        set = (Setting) { type, g_strdup(key), g_strdup(l->items[i].value) };
        g_array_append_val(settings, set);
    }
    return true;
}

static const char *setting(uint8_t type, const char *key, const char *def)
{
    for (unsigned i = 0; settings && i < settings->len; i++) {
        const Setting *set = &g_array_index(settings, Setting, i);

        if (set->type == type && !strcmp(set->key, key)) {
            def = set->value;
        }
    }
    return def;
}

static void put_setting(Smbios *s, uint8_t type, const char *key, const char *def)
{
    const char *text = setting(type, key, def);

    put_string(s, text && *text ? text : NULL);     /* an empty string would end the list */
}

/* ---- structures -------------------------------------------------------------------------------------------------- */

/* The firmware describes itself unless the user has. */
static void add_firmware(Smbios *s)
{
    unsigned major = 0, minor = 0;
    const char *uefi = setting(0, "uefi", "off");

    if (!setting(0, "type", NULL)) {
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
    put_setting(s, 1, "product", PRODUCT);
    put_setting(s, 1, "version", PC_MACHINE_VERSION);
    put_setting(s, 1, "serial", NULL);
    put_uuid(s, pc->uuid);
    put8(s->out, 0x06);          /* woken by the power switch */
    put_setting(s, 1, "sku", NULL);
    put_setting(s, 1, "family", NULL);
    end(s);
}

static void add_base_board(Smbios *s)
{
    if (!setting(2, "type", NULL)) {
        return;
    }
    begin(s, 2, HANDLE_BOARD);
    put_setting(s, 2, "manufacturer", MANUFACTURER);
    put_setting(s, 2, "product", PRODUCT);
    put_setting(s, 2, "version", PC_MACHINE_VERSION);
    put_setting(s, 2, "serial", NULL);
    put_setting(s, 2, "asset", NULL);
    put8(s->out, 0x01);          /* hosting board */
    put_setting(s, 2, "location", NULL);
    put16(s->out, HANDLE_CHASSIS);
    put8(s->out, 0x0a);          /* motherboard */
    put8(s->out, 0);
    end(s);
}

static void add_oem_strings(Smbios *s)
{
    unsigned n = 0;

    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; settings && i < settings->len; i++) {
            const Setting *set = &g_array_index(settings, Setting, i);
            bool counts = set->type == 11 && !strcmp(set->key, "value") && *set->value;

            if (counts && !pass) {
                n++;
            } else if (counts && s->n_strings < 255) {
                g_string_append_len(s->strings, set->value, (gssize)strlen(set->value) + 1);
                s->n_strings++;
            }
        }
        if (!pass && n) {
            begin(s, 11, HANDLE_STRINGS);
            put8(s->out, (uint8_t)MIN(n, 255u));
        } else if (!pass) {
            return;
        }
    }
    end(s);
}

static void add_chassis(Smbios *s)
{
    begin(s, 3, HANDLE_CHASSIS);
    put_setting(s, 3, "manufacturer", MANUFACTURER);
    put8(s->out, 0x01);          /* other */
    put_setting(s, 3, "version", PC_MACHINE_VERSION);
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
    put32(s->out, x86_cpu_cpuid_signature());
    put32(s->out, x86_cpu_cpuid_features());
    put_setting(s, 4, "version", PC_MACHINE_VERSION);
    put8(s->out, 0);
    put16(s->out, 0);            /* external clock unknown */
    put16(s->out, 2000);
    put16(s->out, 2000);
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
    put16(s->out, 0);
    put_setting(s, 17, "manufacturer", MANUFACTURER);
    put_setting(s, 17, "serial", NULL);
    put_setting(s, 17, "asset", NULL);
    put_setting(s, 17, "part", NULL);
    put8(s->out, 0);
    put32(s->out, mib < 0x7fff ? 0 : mib);
    put16(s->out, 0);
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

static void add_memory(Smbios *s, PcState *pc)
{
    uint64_t ram = pc->below_4g + pc->above_4g;
    unsigned dimms = (ram + DIMM_MAX - 1) / DIMM_MAX;

    add_memory_array(s, ram, dimms);
    for (unsigned i = 0; i < dimms; i++) {
        add_dimm(s, i, MIN(DIMM_MAX, ram - i * DIMM_MAX));
    }
    add_mapped_range(s, 0, 0, pc->below_4g);
    if (pc->above_4g) {
        add_mapped_range(s, 1, 4 * GiB, pc->above_4g);
    }
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

void smbios_build(PcState *pc)
{
    Smbios s = { .out = g_byte_array_new(), .strings = g_string_new(NULL) };

    add_firmware(&s);
    add_system(&s, pc);
    add_base_board(&s);
    add_chassis(&s);
    for (int i = 0; i < smp_sockets; i++) {
        add_processor(&s, i);
    }
    add_oem_strings(&s);
    add_memory(&s, pc);
    begin(&s, 32, HANDLE_BOOT);
    for (unsigned i = 0; i < 7; i++) {  /* six reserved bytes, then status 0: no errors */
        put8(s.out, 0);
    }
    end(&s);
    begin(&s, 127, HANDLE_END);
    end(&s);
    put_anchor(pc, &s);
    fw_cfg_add_file(pc->fw_cfg, FILE_TABLES, s.out->data, s.out->len);
    g_byte_array_unref(s.out);
    g_string_free(s.strings, true);
}
