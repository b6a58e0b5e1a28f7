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
#include "qemu/bitops.h"
#include "hw/i386/pc.h"
#include "hw/i386/x86-board.h"

#define FILE_ANCHOR     "etc/smbios/smbios-anchor"
#define FILE_TABLES     "etc/smbios/smbios-tables"

#define MANUFACTURER    "QEMU"
#define PRODUCT         "Standard PC (i440FX + PIIX, 1996)"

#define HANDLE_SYSTEM   0x0100
#define HANDLE_CHASSIS  0x0300
#define HANDLE_CPU      0x0400
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

static void put8(Smbios *s, uint8_t v)
{
    g_byte_array_append(s->out, &v, 1);
}

static void put16(Smbios *s, uint16_t v)
{
    v = GUINT16_TO_LE(v);
    g_byte_array_append(s->out, (uint8_t *)&v, sizeof(v));
}

static void put32(Smbios *s, uint32_t v)
{
    v = GUINT32_TO_LE(v);
    g_byte_array_append(s->out, (uint8_t *)&v, sizeof(v));
}

static void put64(Smbios *s, uint64_t v)
{
    v = GUINT64_TO_LE(v);
    g_byte_array_append(s->out, (uint8_t *)&v, sizeof(v));
}

static void put_string(Smbios *s, const char *text)
{
    if (!text) {
        put8(s, 0);
        return;
    }
    g_string_append_len(s->strings, text, strlen(text) + 1);
    put8(s, ++s->n_strings);
}

static void begin(Smbios *s, uint8_t type, uint16_t handle)
{
    s->start = s->out->len;
    s->n_strings = 0;
    g_string_truncate(s->strings, 0);
    put8(s, type);
    put8(s, 0);
    put16(s, handle);
}

/* The strings follow the structure; an empty one ends them, two when there are none. */
static void end(Smbios *s)
{
    s->out->data[s->start + 1] = s->out->len - s->start;
    g_byte_array_append(s->out, (uint8_t *)s->strings->str, s->strings->len);
    put8(s, 0);
    if (!s->n_strings) {
        put8(s, 0);
    }
    s->count++;
    s->max_len = MAX(s->max_len, s->out->len - s->start);
}

/* The first three fields of a UUID are stored little endian (DSP0134, "System - UUID"). */
static void put_uuid(Smbios *s, const uint8_t uuid[16])
{
    static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };

    for (unsigned i = 0; i < 16; i++) {
        put8(s, uuid[order[i]]);
    }
}

static void add_system(Smbios *s, PcState *pc)
{
    begin(s, 1, HANDLE_SYSTEM);
    put_string(s, MANUFACTURER);
    put_string(s, PRODUCT);
    put_string(s, PC_MACHINE_VERSION);
    put_string(s, NULL);
    put_uuid(s, pc->uuid);
    put8(s, 0x06);          /* woken by the power switch */
    put_string(s, NULL);
    put_string(s, NULL);
    end(s);
}

static void add_chassis(Smbios *s)
{
    begin(s, 3, HANDLE_CHASSIS);
    put_string(s, MANUFACTURER);
    put8(s, 0x01);          /* other */
    put_string(s, PC_MACHINE_VERSION);
    put_string(s, NULL);
    put_string(s, NULL);
    put8(s, 0x03);          /* boot-up, power supply and thermal state: safe */
    put8(s, 0x03);
    put8(s, 0x03);
    put8(s, 0x02);          /* security status: unknown */
    put32(s, 0);
    put8(s, 0);
    put8(s, 0);
    put8(s, 0);
    put8(s, 0);
    put_string(s, NULL);
    end(s);
}

static void add_processor(Smbios *s, unsigned socket)
{
    g_autofree char *name = g_strdup_printf("CPU %u", socket);

    begin(s, 4, HANDLE_CPU + socket);
    put_string(s, name);
    put8(s, 0x03);          /* central processor */
    put8(s, 0x01);          /* family: other */
    put_string(s, MANUFACTURER);
    put32(s, x86_cpu_cpuid_signature());
    put32(s, x86_cpu_cpuid_features());
    put_string(s, PC_MACHINE_VERSION);
    put8(s, 0);
    put16(s, 0);            /* external clock unknown */
    put16(s, 2000);
    put16(s, 2000);
    put8(s, 0x41);          /* socket populated, CPU enabled */
    put8(s, 0x01);
    put16(s, NOT_PROVIDED); /* caches */
    put16(s, NOT_PROVIDED);
    put16(s, NOT_PROVIDED);
    put_string(s, NULL);
    put_string(s, NULL);
    put_string(s, NULL);
    put8(s, MIN(smp_cores, 0xff));
    put8(s, MIN(smp_cores, 0xff));
    put8(s, MIN(smp_cores * smp_threads, 0xff));
    put16(s, 0x0002);       /* characteristics: unknown */
    put16(s, 0x0001);
    end(s);
}

static void add_memory_array(Smbios *s, uint64_t ram, unsigned dimms)
{
    uint64_t kib = ram / KiB;

    begin(s, 16, HANDLE_ARRAY);
    put8(s, 0x01);
    put8(s, 0x03);          /* system memory */
    put8(s, 0x06);          /* multi-bit ECC */
    put32(s, kib < SIZE_UNKNOWN32 ? kib : SIZE_UNKNOWN32);
    put16(s, 0xfffe);
    put16(s, dimms);
    put64(s, kib < SIZE_UNKNOWN32 ? 0 : ram);
    end(s);
}

static void add_dimm(Smbios *s, unsigned n, uint64_t size)
{
    g_autofree char *name = g_strdup_printf("DIMM %u", n);
    uint64_t mib = size / MiB;

    begin(s, 17, HANDLE_DIMM + n);
    put16(s, HANDLE_ARRAY);
    put16(s, 0xfffe);
    put16(s, NOT_PROVIDED);
    put16(s, NOT_PROVIDED);
    put16(s, mib < 0x7fff ? mib : 0x7fff);
    put8(s, 0x09);          /* DIMM */
    put8(s, 0);
    put_string(s, name);
    put_string(s, NULL);
    put8(s, 0x07);          /* RAM */
    put16(s, 0x0002);
    put16(s, 0);
    put_string(s, MANUFACTURER);
    put_string(s, NULL);
    put_string(s, NULL);
    put_string(s, NULL);
    put8(s, 0);
    put32(s, mib < 0x7fff ? 0 : mib);
    put16(s, 0);
    put16(s, 0);
    put16(s, 0);
    put16(s, 0);
    end(s);
}

static void add_mapped_range(Smbios *s, unsigned n, uint64_t start, uint64_t size)
{
    uint64_t first = start / KiB, last = (start + size) / KiB - 1;
    bool wide = last >= UINT32_MAX;

    begin(s, 19, HANDLE_MAPPED + n);
    put32(s, wide ? UINT32_MAX : first);
    put32(s, wide ? UINT32_MAX : last);
    put16(s, HANDLE_ARRAY);
    put8(s, 1);
    put64(s, wide ? start : 0);
    put64(s, wide ? start + size - 1 : 0);
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

    add_system(&s, pc);
    add_chassis(&s);
    for (int i = 0; i < smp_sockets; i++) {
        add_processor(&s, i);
    }
    add_memory(&s, pc);
    begin(&s, 32, HANDLE_BOOT);
    for (unsigned i = 0; i < 7; i++) {  /* six reserved bytes, then status 0: no errors */
        put8(&s, 0);
    }
    end(&s);
    begin(&s, 127, HANDLE_END);
    end(&s);
    put_anchor(pc, &s);
    fw_cfg_add_file(pc->fw_cfg, FILE_TABLES, s.out->data, s.out->len);
    g_byte_array_unref(s.out);
    g_string_free(s.strings, true);
}
