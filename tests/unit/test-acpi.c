/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ACPI tables as firmware would place them: script carried out, checksums verified, byte code read back by iasl
 * when
 * it is installed (Debian: acpica-tools).
 */
#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "hw/acpi/aml.h"
#include "hw/i386/pc.h"
#include "hw/nvram/fw_cfg.h"

#define TABLES_AT 0x3ffe0000u
#define RSDP_AT   0x000f5000u

static PcState pc;

typedef struct Blob {
    const char *name;
    uint32_t at;
    uint8_t *data;
    size_t len;
} Blob;

static Blob blobs[] = { { "etc/acpi/tables", TABLES_AT, NULL, 0 }, { "etc/acpi/rsdp", RSDP_AT, NULL, 0 } };

static void fetch(const char *name, uint8_t **data, size_t *len)
{
    uint16_t key = fw_cfg_file_key(pc.fw_cfg, name);

    g_assert_cmphex(key, !=, 0);
    *len = fw_cfg_item_len(pc.fw_cfg, key);
    *data = g_malloc(*len + 1);
    fw_cfg_item_read(pc.fw_cfg, key, 0, *data, *len);
}

static Blob *blob(const uint8_t *name)
{
    for (unsigned i = 0; i < ARRAY_SIZE(blobs); i++) {
        if (!strcmp(blobs[i].name, (const char *)name)) {
            return &blobs[i];
        }
    }
    g_assert_not_reached();
}

static uint8_t sum(const uint8_t *p, size_t len)
{
    uint8_t s = 0;

    while (len--) {
        s += *p++;
    }
    return s;
}

/* What firmware does with etc/table-loader. */
static void run_script(void)
{
    g_autofree uint8_t *script = NULL;
    size_t len;

    fetch("etc/table-loader", &script, &len);
    g_assert_cmpuint(len % 128, ==, 0);
    for (const uint8_t *e = script; e < script + len; e += 128) {
        Blob *b = blob(e + 4), *src;
        uint8_t *field;

        switch (load_le32(e)) {
        case 1:
            g_assert_null(b->data);
            g_assert_true(is_power_of_2(load_le32(e + 60)));
            fetch(b->name, &b->data, &b->len);
            break;
        case 2:
            src = blob(e + 60);
            g_assert_cmpuint(e[120], ==, 4);
            g_assert_cmpuint(load_le32(e + 116) + 4, <=, b->len);
            field = b->data + load_le32(e + 116);
            g_assert_cmpuint(load_le32(field), <, src->len);
            store_le32(field, load_le32(field) + src->at);
            break;
        case 3:
            g_assert_cmpuint(load_le32(e + 64) + load_le32(e + 68), <=, b->len);
            b->data[load_le32(e + 60)] -= sum(b->data + load_le32(e + 64), load_le32(e + 68));
            break;
        default:
            g_assert_not_reached();
        }
    }
}

static const uint8_t *table_at(uint32_t addr)
{
    g_assert_cmphex(addr, >=, TABLES_AT);
    g_assert_cmphex(addr - TABLES_AT + 36, <=, blobs[0].len);
    return blobs[0].data + (addr - TABLES_AT);
}

static const uint8_t *find_table(const char *signature)
{
    const uint8_t *rsdt = table_at(load_le32(blobs[1].data + 16));

    for (uint32_t i = 36; i < load_le32(rsdt + 4); i += 4) {
        const uint8_t *t = table_at(load_le32(rsdt + i));

        if (!memcmp(t, signature, 4)) {
            return t;
        }
    }
    return NULL;
}

static void test_script_yields_valid_tables(void)
{
    const uint8_t *rsdp, *rsdt;

    run_script();
    rsdp = blobs[1].data;
    g_assert_cmpmem(rsdp, 8, "RSD PTR ", 8);
    g_assert_cmphex(sum(rsdp, 20), ==, 0);
    rsdt = table_at(load_le32(rsdp + 16));
    g_assert_cmphex(sum(rsdt, load_le32(rsdt + 4)), ==, 0);
    for (uint32_t i = 36; i < load_le32(rsdt + 4); i += 4) {
        const uint8_t *t = table_at(load_le32(rsdt + i));

        g_assert_cmphex(sum(t, load_le32(t + 4)), ==, 0);
    }
}

/* The FADT of the machine whose layout "pc" keeps, addresses apart. */
static void test_fadt_names_the_chipsets_ports(void)
{
    static const uint8_t expect[] = {
        0x01, 0x00, 0x09, 0x00, 0xb2, 0x00, 0x00, 0x00, 0xf1, 0xf0, 0x00, 0x00, 0x00, 0x06, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x04, 0x06, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x08, 0x06, 0x00, 0x00,
        0xe0, 0xaf, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x02, 0x00, 0x04, 0x04, 0x00, 0x00, 0x00, 0xff, 0x0f,
        0xff, 0x0f, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x32, 0x00, 0x00, 0x00, 0xa5, 0x80, 0x00, 0x00,
    };
    const uint8_t *fadt = find_table("FACP"), *facs;

    g_assert_cmpuint(load_le32(fadt + 4), ==, 116);
    g_assert_cmpmem(fadt + 44, 72, expect, sizeof(expect));
    facs = table_at(load_le32(fadt + 36));
    g_assert_cmpmem(facs, 4, "FACS", 4);
    g_assert_cmphex((facs - blobs[0].data) % 64, ==, 0);
}

static void test_madt_lists_cpus_and_overrides(void)
{
    const uint8_t *madt = find_table("APIC");
    unsigned cpus = 0, overrides = 0;

    for (uint32_t i = 44; i < load_le32(madt + 4); i += madt[i + 1]) {
        cpus += madt[i] == 0;
        overrides += madt[i] == 2;
        g_assert_cmpuint(madt[i + 1], >, 0);
    }
    g_assert_cmpuint(cpus, ==, smp_cpus);
    g_assert_cmpuint(overrides, ==, 5);
    g_assert_null(find_table("HPET"));
}

/* Slots of the root bus (0) and behind the bridge in slot 4 (1): all but the bridge's own. */
static void check_slots(const char *dsdt)
{
    g_autoptr(GString) slots = g_string_new(NULL);
    const char *bridge = strstr(dsdt, "Device (S20)");

    g_assert_nonnull(strstr(dsdt, "Method (_E01, 0, NotSerialized)"));
    for (const char *p = dsdt; (p = strstr(p, "PCEJ (")); p++) {
        g_string_append_printf(slots, "%.*s;", (int)strcspn(p, ")"), p);
    }
    g_assert_nonnull(bridge);
    g_assert_null(strstr(slots->str, "PCEJ (Zero, 0x04;"));
    g_assert_nonnull(strstr(slots->str, "PCEJ (Zero, Zero;PCEJ (Zero, One;PCEJ (Zero, 0x02;PCEJ (Zero, 0x03;"
                            "PCEJ (Zero, 0x05;"));
    g_assert_nonnull(strstr(slots->str, "PCEJ (Zero, 0x1F;PCEJ (One, Zero;PCEJ (One, One;"));
    g_assert_true(g_str_has_suffix(slots->str, "PCEJ (One, 0x1F;"));
    g_assert_nonnull(strstr(bridge, "Notify (S20, Arg1)"));     /* a slot behind the bridge, not the bridge */
    g_assert_nonnull(strstr(bridge, "^S20.PCNT ()"));
}

/*
 * iasl takes the byte code apart and must compile what it wrote without an error or warning. Processor() (3168) is
 * what systems of the age of ACPI 1.0 understand.
 */
static void test_iasl_reads_and_recompiles_the_dsdt(void)
{
    g_autofree char *iasl = g_find_program_in_path("iasl");
    g_autofree char *dir = NULL, *out = NULL, *err = NULL;
    const uint8_t *dsdt = table_at(load_le32(find_table("FACP") + 40));
    const char *script = "iasl -d dsdt.aml && iasl -vw 3168 dsdt.dsl && cat dsdt.dsl";
    g_autofree char *path = NULL;
    int status;
    const char *argv[] = { "/bin/sh", "-c", script, NULL };

    g_assert_cmpmem(dsdt, 4, "DSDT", 4);
    if (!iasl) {
        g_test_skip("iasl is not installed (Debian package acpica-tools)");
        return;
    }
    dir = g_dir_make_tmp("test-acpi-XXXXXX", NULL);
    path = g_build_filename(dir, "dsdt.aml", NULL);
    g_assert_true(g_file_set_contents(path, (const char *)dsdt, load_le32(dsdt + 4), NULL));
    g_assert_true(g_spawn_sync(dir, (char **)argv, NULL, 0, NULL, NULL, &out, &err, &status, NULL));
    if (status || g_getenv("SHOW_DSDT")) {
        g_print("%s%s", out, err);
    }
    g_assert_cmpint(status, ==, 0);
    g_assert_nonnull(strstr(out, "0 Errors, 0 Warnings"));
    g_assert_nonnull(strstr(out, "LNKS"));
    g_assert_nonnull(strstr(out, "QEMU0001"));
    check_slots(out);
    for (unsigned i = 0; i < 3; i++) {
        static const char *const names[] = { "dsdt.aml", "dsdt.dsl", NULL };
        g_autofree char *file = names[i] ? g_build_filename(dir, names[i], NULL) : g_strdup(dir);

        remove(file);
    }
}

static void check_pkg_length(unsigned payload, const uint8_t *expect, unsigned expect_len)
{
    Aml *a = aml_new();
    g_autoptr(GByteArray) out = NULL;

    aml_scope(a, "\\");
    for (unsigned i = 0; i < payload; i++) {
        aml_op(a, 0xa3);                    /* NoOp */
    }
    aml_end(a);
    out = aml_take(a);
    g_assert_cmpmem(out->data + 1, expect_len, expect, expect_len);
    g_assert_cmpuint(out->len, ==, 1 + expect_len + 2 + payload);
}

static void test_package_lengths_at_their_limits(void)
{
    check_pkg_length(60, (uint8_t[]) { 0x3f }, 1);
    check_pkg_length(61, (uint8_t[]) { 0x41, 0x04 }, 2);
    check_pkg_length(4091, (uint8_t[]) { 0x4f, 0xff }, 2);
    check_pkg_length(4092, (uint8_t[]) { 0x81, 0x00, 0x01 }, 3);
}

static void test_eisa_ids(void)
{
    Aml *a = aml_new();
    g_autoptr(GByteArray) out = NULL;

    aml_eisaid(a, "PNP0A03");
    out = aml_take(a);
    g_assert_cmpmem(out->data, out->len, "\x0c\x41\xd0\x0a\x03", 5);
}

static bool takes_part(void *opaque, const PciBus *bus)
{
    return true;
}

static void create_buses(void)
{
    static const PciHotplug hotplug = { .takes_part = takes_part };
    PciDevice *bridge;

    memory_init();
    pc.bus = pci_root_bus_new(get_system_memory(), get_system_io(), NULL, NULL, NULL, 0);
    pci_bus_set_hotplug(pc.bus, &hotplug, NULL);
    bridge = pci_new("pci-bridge", 4 << 3);
    device_set_prop_uint(&bridge->parent, "chassis_nr", 1);
    pci_realize(bridge, pc.bus, &error_abort);
}

int main(int argc, char **argv)
{
    static const MachineOptions opts = { .ram_size = 1 * GiB };

    g_test_init(&argc, &argv, NULL);
    smp_cpus = smp_max_cpus = smp_sockets = 2;
    smp_cores = smp_threads = 1;
    pc.opts = &opts;
    pc.below_4g = 1 * GiB;
    pc.serial_mask = 3;
    pc.has_fdc = pc.has_parallel = true;
    pc.floppy_type[0] = 4;
    pc.pvpanic_port = 0x505;
    create_buses();
    pc.fw_cfg = fw_cfg_create();
    acpi_build(&pc);
    g_test_add_func("/acpi/script", test_script_yields_valid_tables);
    g_test_add_func("/acpi/fadt", test_fadt_names_the_chipsets_ports);
    g_test_add_func("/acpi/madt", test_madt_lists_cpus_and_overrides);
    g_test_add_func("/acpi/dsdt", test_iasl_reads_and_recompiles_the_dsdt);
    g_test_add_func("/acpi/package-length", test_package_lengths_at_their_limits);
    g_test_add_func("/acpi/eisa-id", test_eisa_ids);
    return g_test_run();
}
