/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI tables of the PC
 *
 * One blob with all tables ("etc/acpi/tables"), the RSDP ("etc/acpi/rsdp") and a script ("etc/table-loader") that tells
 * firmware where to put both, which fields are addresses to be completed and which bytes are checksums.
 * Follows: ACPI specification 1.0b for the forms of FADT and RSDP (old systems expect them), 6.4 for the rest;
 * docs/firmware.md describes the script.
 * Left out: hot-plug of CPUs, NUMA tables, \_S1 and \_S2.
 */
#include "qemu/osdep.h"
#include "qemu/put.h"
#include "hw/acpi/aml.h"
#include "hw/i386/acpi-dsdt.h"
#include "hw/i386/pc-firmware.h"
#include "hw/nvram/fw_cfg.h"

#define FILE_TABLES     "etc/acpi/tables"
#define FILE_RSDP       "etc/acpi/rsdp"
#define FILE_LOADER     "etc/table-loader"
#define FILE_STATES     "etc/system-states"
#define TABLES_ALIGN    64
#define RSDP_ALIGN      16

/* ---- linker script ---------------------------------------------------------------------------------------------- */

#define SCRIPT_ENTRY    128
#define SCRIPT_NAME     56
enum { SCRIPT_ALLOCATE = 1, SCRIPT_POINTER = 2, SCRIPT_CHECKSUM = 3 };
enum { ZONE_HIGH = 1, ZONE_FSEG = 2 };

typedef struct AcpiBlob {
    GByteArray *tables, *rsdp, *script;
    GArray *rsdt;           /* uint32_t: offsets of the tables the RSDT lists */
} AcpiBlob;

static uint8_t *script_add(AcpiBlob *b, uint32_t command, const char *file)
{
    guint at = b->script->len;

    g_byte_array_set_size(b->script, at + SCRIPT_ENTRY);
    memset(b->script->data + at, 0, SCRIPT_ENTRY);
    store_le32(b->script->data + at, command);
    g_strlcpy((char *)b->script->data + at + 4, file, SCRIPT_NAME);
    return b->script->data + at;
}

static void script_allocate(AcpiBlob *b, const char *file, uint32_t align, uint8_t zone)
{
    uint8_t *e = script_add(b, SCRIPT_ALLOCATE, file);

    store_le32(e + 60, align);
    e[64] = zone;
}

/* The 32-bit field at offset in file holds an offset into the tables: firmware adds their address. */
static void script_pointer(AcpiBlob *b, const char *file, uint32_t offset)
{
    uint8_t *e = script_add(b, SCRIPT_POINTER, file);

    g_strlcpy((char *)e + 60, FILE_TABLES, SCRIPT_NAME);
    store_le32(e + 116, offset);
    e[120] = 4;
}

static void script_checksum(AcpiBlob *b, const char *file, uint32_t at, uint32_t start, uint32_t len)
{
    uint8_t *e = script_add(b, SCRIPT_CHECKSUM, file);

    store_le32(e + 60, at);
    store_le32(e + 64, start);
    store_le32(e + 68, len);
}

/* ---- tables ----------------------------------------------------------------------------------------------------- */

#define HEADER_LEN      36
#define HEADER_LENGTH   4
#define HEADER_CHECKSUM 9

/* Names as on the machine whose guests we take over: some systems match drivers and licences by them. */
static uint32_t table_begin(AcpiBlob *b, const char signature[4])
{
    GByteArray *t = b->tables;
    uint32_t start = t->len;

    put(t, signature, 4);
    put32(t, 0);            /* length: table_end() */
    put8(t, 1);             /* revision */
    put8(t, 0);             /* checksum: firmware */
    put(t, "BOCHS ", 6);
    put(t, "BXPC    ", 8);
    put32(t, 1);
    put(t, "BXPC", 4);
    put32(t, 1);
    return start;
}

static void table_end(AcpiBlob *b, uint32_t start)
{
    store_le32(b->tables->data + start + HEADER_LENGTH, b->tables->len - start);
    script_checksum(b, FILE_TABLES, start + HEADER_CHECKSUM, start, b->tables->len - start);
}

static void list_in_rsdt(AcpiBlob *b, uint32_t start)
{
    g_array_append_val(b->rsdt, start);
}

static uint32_t build_facs(AcpiBlob *b)
{
    uint32_t start = b->tables->len;

    put(b->tables, "FACS", 4);
    put32(b->tables, 64);
    put_zeros(b->tables, 56);   /* no hardware signature, waking vector, global lock */
    return start;
}

static uint32_t build_dsdt(AcpiBlob *b, PcState *pc)
{
    uint32_t start = table_begin(b, "DSDT");
    g_autoptr(GByteArray) aml = acpi_dsdt_build(pc);

    put(b->tables, aml->data, aml->len);
    table_end(b, start);
    return start;
}

/* Flags: WBINVD works, C1 on all CPUs, sleep button is no fixed hardware, RTC wakes from S4, platform clock exists. */
#define FADT_FLAGS      (1u << 0 | 1u << 2 | 1u << 5 | 1u << 7 | 1u << 15)
#define NO_C_STATE      0xfff

static void build_fadt(AcpiBlob *b, uint32_t facs, uint32_t dsdt)
{
    GByteArray *t = b->tables;
    uint32_t start = table_begin(b, "FACP");

    script_pointer(b, FILE_TABLES, t->len);
    put32(t, facs);
    script_pointer(b, FILE_TABLES, t->len);
    put32(t, dsdt);
    put8(t, 1);                         /* interrupt model: multiple APICs */
    put8(t, 0);                         /* preferred profile: unspecified */
    put16(t, ACPI_SCI_IRQ);
    put32(t, ACPI_SMI_PORT);
    put8(t, ACPI_SMI_ENABLE);
    put8(t, ACPI_SMI_DISABLE);
    put8(t, 0);                         /* no S4BIOS */
    put8(t, 0);
    put32(t, ACPI_PM_BASE);             /* PM1a event block */
    put32(t, 0);
    put32(t, ACPI_PM_BASE + 4);         /* PM1a control block */
    put32(t, 0);
    put32(t, 0);                        /* no PM2 control block */
    put32(t, ACPI_PM_BASE + 8);         /* PM timer */
    put32(t, ACPI_GPE0_BASE);
    put32(t, 0);
    put8(t, 4);                         /* lengths of the blocks, in the same order */
    put8(t, 2);
    put8(t, 0);
    put8(t, 4);
    put8(t, ACPI_GPE0_LEN);
    put8(t, 0);
    put8(t, 0);                         /* GPE1 base */
    put8(t, 0);
    put16(t, NO_C_STATE);
    put16(t, NO_C_STATE);
    put_zeros(t, 8);                    /* no flush size, duty cycle, RTC alarm cells */
    put8(t, 0x32);                      /* RTC century */
    put16(t, 0);                        /* boot architecture flags: reserved in revision 1 */
    put8(t, 0);
    put32(t, FADT_FLAGS);
    table_end(b, start);
    list_in_rsdt(b, start);
}

#define LAPIC_BASE      0xfee00000u
#define IOAPIC_BASE     0xfec00000u
#define INTI_DEFAULT    0x0000          /* as the bus says: ISA is edge, active high */
#define INTI_LEVEL_HIGH 0x000d

static void madt_override(GByteArray *t, uint8_t irq, uint32_t gsi, uint16_t flags)
{
    put8(t, 2);
    put8(t, 10);
    put8(t, 0);
    put8(t, irq);
    put32(t, gsi);
    put16(t, flags);
}

static void build_madt(AcpiBlob *b)
{
    static const uint8_t pci_irqs[] = { 5, 9, 10, 11 };
    GByteArray *t = b->tables;
    uint32_t start = table_begin(b, "APIC");

    put32(t, LAPIC_BASE);
    put32(t, 1);                        /* a pair of 8259s exists too */
    for (int i = 0; i < smp_cpus; i++) {
        put8(t, 0);                     /* local APIC */
        put8(t, 8);
        put8(t, i);                     /* as the Processor objects of the DSDT are numbered */
        put8(t, pc_apic_id(i));
        put32(t, 1);
    }
    put8(t, 1);                         /* I/O APIC */
    put8(t, 12);
    put8(t, 0);
    put8(t, 0);
    put32(t, IOAPIC_BASE);
    put32(t, 0);
    madt_override(t, 0, 2, INTI_DEFAULT);   /* the timer's line is wired to pin 2 */
    for (unsigned i = 0; i < ARRAY_SIZE(pci_irqs); i++) {
        madt_override(t, pci_irqs[i], pci_irqs[i], INTI_LEVEL_HIGH);
    }
    put8(t, 4);                         /* NMI: LINT1 of all CPUs */
    put8(t, 6);
    put8(t, 0xff);
    put16(t, INTI_DEFAULT);
    put8(t, 1);
    table_end(b, start);
    list_in_rsdt(b, start);
}

static void build_hpet(AcpiBlob *b)
{
    GByteArray *t = b->tables;
    uint32_t start = table_begin(b, "HPET");

    put32(t, 0x8086a201);               /* low half of the capability register */
    put32(t, 0);                        /* generic address: system memory */
    put64(t, ACPI_HPET_BASE);
    put8(t, 0);
    put16(t, 0);
    put8(t, 0);
    table_end(b, start);
    list_in_rsdt(b, start);
}

/* Windows: the PM timer needs to be read just once. */
static void build_waet(AcpiBlob *b)
{
    uint32_t start = table_begin(b, "WAET");

    put32(b->tables, 1u << 1);
    table_end(b, start);
    list_in_rsdt(b, start);
}

static uint32_t build_rsdt(AcpiBlob *b)
{
    uint32_t start = table_begin(b, "RSDT");

    for (unsigned i = 0; i < b->rsdt->len; i++) {
        script_pointer(b, FILE_TABLES, b->tables->len);
        put32(b->tables, g_array_index(b->rsdt, uint32_t, i));
    }
    table_end(b, start);
    return start;
}

static void build_rsdp(AcpiBlob *b, uint32_t rsdt)
{
    put(b->rsdp, "RSD PTR ", 8);
    put8(b->rsdp, 0);
    put(b->rsdp, "BOCHS ", 6);
    put8(b->rsdp, 0);                   /* ACPI 1.0 */
    put32(b->rsdp, rsdt);
    script_pointer(b, FILE_RSDP, 16);
    script_checksum(b, FILE_RSDP, 8, 0, 20);
}

void acpi_build(PcState *pc)
{
    /* Sleep types as in \_S3, \_S4 and \_S5, bit 7: supported. */
    static const uint8_t states[6] = { 0x80, 0x00, 0x00, 0x81, 0x82, 0x80 };
    AcpiBlob b = {
        .tables = g_byte_array_new(), .rsdp = g_byte_array_new(), .script = g_byte_array_new(),
        .rsdt = g_array_new(false, false, sizeof(uint32_t)),
    };
    uint32_t facs, dsdt;

    script_allocate(&b, FILE_RSDP, RSDP_ALIGN, ZONE_FSEG);
    script_allocate(&b, FILE_TABLES, TABLES_ALIGN, ZONE_HIGH);
    facs = build_facs(&b);              /* first: it wants 64-byte alignment */
    dsdt = build_dsdt(&b, pc);
    build_fadt(&b, facs, dsdt);
    build_madt(&b);
    if (pc->has_hpet) {
        build_hpet(&b);
    }
    build_waet(&b);
    build_rsdp(&b, build_rsdt(&b));

    fw_cfg_add_file(pc->fw_cfg, FILE_TABLES, b.tables->data, b.tables->len);
    fw_cfg_add_file(pc->fw_cfg, FILE_RSDP, b.rsdp->data, b.rsdp->len);
    fw_cfg_add_file(pc->fw_cfg, FILE_LOADER, b.script->data, b.script->len);
    fw_cfg_add_file(pc->fw_cfg, FILE_STATES, states, sizeof(states));
    g_byte_array_unref(b.tables);
    g_byte_array_unref(b.rsdp);
    g_byte_array_unref(b.script);
    g_array_unref(b.rsdt);
}
