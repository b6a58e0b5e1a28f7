/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SMBIOS structures: their chain, the entry point, and the table of a known machine byte for byte. */
#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "hw/i386/pc.h"
#include "hw/i386/x86-board.h"
#include "hw/nvram/fw_cfg.h"

/* As the machine whose layout "pc" keeps presents one CPU of its default model and 1 GiB. */
static const char reference[] =
    "011b0001010203000000000000000000000000000000000006000051454d55005374616e64617264"
    "2050432028693434304658202b20504949582c2031393936290070632d6934343066782d372e3200"
    "000316000301010200000303030200000000000000000051454d550070632d6934343066782d372e"
    "320000042a000401030102b10f0600fdfb8b0703000000d007d0074101ffffffffffff0000000101"
    "010200010043505520300051454d550070632d6934343066782d372e320000101700100103060000"
    "1000feff010000000000000000000000112800110010feffffffffff000409000100070200000002"
    "0000000000000000000000000000000044494d4d20300051454d550000131f001300000000ffff0f"
    "00001001000000000000000000000000000000000000200b00200000000000000000007f04007f00"
    "00";

uint32_t x86_cpu_cpuid_signature(void)
{
    return 0x00060fb1;
}

uint32_t x86_cpu_cpuid_features(void)
{
    return 0x078bfbfd;
}

/* No machine: only that there is a PCI bus, and no device on it. */
Device *device_find(const char *id)
{
    return NULL;
}

static MachineOptions opts;
static PcState pc;

static uint8_t *build(uint64_t below_4g, uint64_t above_4g, int sockets, size_t *len, uint8_t anchor[31])
{
    uint16_t key;
    uint8_t *data;

    opts.ram_size = below_4g + above_4g;
    pc.opts = &opts;
    pc.bus = (PciBus *)&opts;       /* "pc", not "isapc": nobody looks into it */
    pc.below_4g = below_4g;
    pc.above_4g = above_4g;
    smp_cpus = smp_max_cpus = smp_sockets = sockets;
    smp_cores = smp_threads = 1;
    g_assert_true(smbios_build(&pc, NULL));
    key = fw_cfg_file_key(pc.fw_cfg, "etc/smbios/smbios-tables");
    *len = fw_cfg_item_len(pc.fw_cfg, key);
    data = g_malloc(*len);
    fw_cfg_item_read(pc.fw_cfg, key, 0, data, *len);
    fw_cfg_item_read(pc.fw_cfg, fw_cfg_file_key(pc.fw_cfg, "etc/smbios/smbios-anchor"), 0, anchor, 31);
    return data;
}

static void test_one_cpu_and_1_gib_match_the_reference(void)
{
    uint8_t anchor[31];
    size_t len;
    g_autofree uint8_t *t = build(1 * GiB, 0, 1, &len, anchor);
    g_autoptr(GString) hex = g_string_new(NULL);

    for (size_t i = 0; i < len; i++) {
        g_string_append_printf(hex, "%02x", t[i]);
    }
    g_assert_cmpstr(hex->str, ==, reference);
    g_assert_cmpmem(anchor, 5, "_SM_\0", 5);
    g_assert_cmpuint(load_le16(anchor + 8), ==, 0x51);
    g_assert_cmpmem(anchor + 16, 5, "_DMI_", 5);
    g_assert_cmpuint(load_le16(anchor + 22), ==, len);
    g_assert_cmpuint(load_le16(anchor + 28), ==, 8);
}

/* Structures by length, then strings up to an empty one; the last is type 127 and ends the table. */
static unsigned walk(const uint8_t *t, size_t len, unsigned count[256])
{
    unsigned n = 0;
    size_t at = 0;

    memset(count, 0, 256 * sizeof(count[0]));
    while (at < len) {
        uint8_t type = t[at];

        g_assert_cmpuint(t[at + 1], >=, 4);
        count[type]++;
        n++;
        at += t[at + 1];
        while (load_le16(t + at)) {
            at++;
        }
        at += 2;
        if (type == 127) {
            break;
        }
    }
    g_assert_cmpuint(at, ==, len);
    return n;
}

static void test_large_machine_is_described_whole(void)
{
    uint8_t anchor[31];
    unsigned count[256];
    size_t len;
    g_autofree uint8_t *t = build(3 * GiB, 30 * GiB, 4, &len, anchor);

    g_assert_cmpuint(walk(t, len, count), ==, load_le16(anchor + 28));
    g_assert_cmpuint(count[4], ==, 4);
    g_assert_cmpuint(count[16], ==, 1);
    g_assert_cmpuint(count[17], ==, 3);     /* 33 GiB in units of 16 */
    g_assert_cmpuint(count[19], ==, 2);
}

static void test_uuid_has_its_first_fields_swapped(void)
{
    uint8_t anchor[31];
    size_t len;
    g_autofree uint8_t *t = NULL;

    for (unsigned i = 0; i < 16; i++) {
        pc.uuid[i] = i;
    }
    t = build(1 * GiB, 0, 1, &len, anchor);
    g_assert_cmpmem(t + 8, 16, "\3\2\1\0\5\4\7\6\10\11\12\13\14\15\16\17", 16);
}

static bool option(const char *arg, Error **errp)
{
    g_autoptr(KeyList) l = keylist_parse(arg, NULL, smbios_keys, errp);

    return l && smbios_option(l, errp);
}

static void test_a_file_has_whole_structures_or_is_refused(void)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *error;          /* NULL: taken */
    } cases[] = {
        { "\x82\x06\x34", 3, "has 3 bytes" },
        { "\x82\x03\x34\x12\0\0", 6, "no whole SMBIOS structure at offset 0" },
        { "\x82\x3c\x34\x12\0\0", 6, "no whole SMBIOS structure at offset 0" },
        { "\x82\x05\x34\x12\xaatext\0", 10, "no whole SMBIOS structure at offset 0" },
        { "\x82\x04\x34\x12\0\0\x82\x04\x34\x12\0", 11, "no whole SMBIOS structure at offset 6" },
        { "\x7f\x04\x34\x12\0\0", 6, "type 127 ends all structures" },
        { "\x82\x06\x34\x12\xaa\x55\0\0\x82\x04\x35\x12one\0two\0\0", 21, NULL },
    };
    uint8_t anchor[31];
    unsigned count[256];
    g_autofree uint8_t *t = NULL;
    size_t len;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autofree char *path = NULL, *arg = NULL;
        int fd = g_file_open_tmp("smbios-XXXXXX", &path, NULL);
        Error *err = NULL;

        g_assert_cmpint(write(fd, cases[i].bytes, cases[i].len), ==, (ssize_t)cases[i].len);
        close(fd);
        arg = g_strdup_printf("file=%s", path);
        if (cases[i].error) {
            g_assert_false(option(arg, &err));
            g_assert_nonnull(strstr(error_get_message(err), cases[i].error));
            error_free(err);
        } else {
            g_assert_true(option(arg, NULL));
        }
        unlink(path);
    }
    t = build(1 * GiB, 0, 1, &len, anchor);
    g_assert_cmpuint(walk(t, len, count), ==, load_le16(anchor + 28));
    g_assert_cmpuint(count[130], ==, 2);
    g_assert_cmpmem(t, 8, "\x82\x06\x34\x12\xaa\x55\0\0", 8);
}

static void test_fields_that_do_not_fit_are_refused(void)
{
    static const struct {
        const char *arg, *error;
    } cases[] = {
        { "vendor=x", "must specify type= or file=" },
        { "type=9", "no fields of SMBIOS type 9" },
        { "type=256", "no fields of SMBIOS type 256" },
        { "type=1,vendor=x", "type 1 has no 'vendor'" },
        { "type=0,release=1", "invalid release '1'" },
        { "type=0,release=1.256", "invalid release '1.256'" },
        { "type=4,max-speed=65536", "SMBIOS CPU speed is too large (> 65535)" },
        { "type=17,speed=65536", "SMBIOS memory speed is too large (> 65535)" },
        { "type=8,port_type=256", "SMBIOS port type is too large (> 255)" },
        { "type=41,kind=foo", "parameter 'kind' does not accept value 'foo'" },
        { "type=130,value=x", "no fields of SMBIOS type 130" },
        { "type=11,path=/nosuch", "cannot read" },
        { "file=/nosuch", "cannot read SMBIOS file" },
        { "file=/nosuch,type=1", "file= goes with nothing else" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        Error *err = NULL;

        g_assert_false(option(cases[i].arg, &err));
        g_assert_nonnull(strstr(error_get_message(err), cases[i].error));
        error_free(err);
    }
}

/* The n-th structure of a type, NULL when there are fewer. */
static const uint8_t *find(const uint8_t *t, size_t len, uint8_t type, unsigned n)
{
    for (size_t at = 0; at < len; ) {
        size_t next = at + t[at + 1];

        while (load_le16(t + next)) {
            next++;
        }
        if (t[at] == type && !n--) {
            return t + at;
        }
        at = next + 2;
    }
    return NULL;
}

static void test_numbers_and_repeated_types_are_where_the_specification_has_them(void)
{
    static const char *const args[] = {
        "type=4,max-speed=4000,current-speed=3000,processor-id=0x1122334455667788",
        "type=17,speed=2400", "type=8,internal_reference=in,external_reference=out,connector_type=18,port_type=13",
        "type=8", "type=41,designation=net,kind=ethernet,instance=3", "type=41",
    };
    uint8_t anchor[31];
    g_autofree uint8_t *t = NULL;
    const uint8_t *p;
    size_t len;

    for (size_t i = 0; i < ARRAY_SIZE(args); i++) {
        g_assert_true(option(args[i], NULL));
    }
    t = build(1 * GiB, 0, 1, &len, anchor);
    p = find(t, len, 4, 0);
    g_assert_cmphex(load_le64(p + 8), ==, 0x1122334455667788);
    g_assert_cmpuint(load_le16(p + 0x14), ==, 4000);
    g_assert_cmpuint(load_le16(p + 0x16), ==, 3000);
    p = find(t, len, 17, 0);
    g_assert_cmpuint(load_le16(p + 0x15), ==, 2400);
    g_assert_cmpuint(load_le16(p + 0x20), ==, 2400);
    g_assert_cmpmem(find(t, len, 8, 0), 16, "\x08\x09\x00\x08\x01\x00\x02\x12\x0din\0out", 16);
    g_assert_cmpmem(find(t, len, 8, 1), 11, "\x08\x09\x01\x08\0\0\0\0\0\0", 11);
    g_assert_cmpmem(find(t, len, 41, 0), 15, "\x29\x0b\x00\x29\x01\x85\x03\0\0\0\0net", 15);
    g_assert_cmpmem(find(t, len, 41, 1), 11, "\x29\x0b\x01\x29\x00\x81\x01\0\0\0\0", 11);
    g_assert_null(find(t, len, 41, 2));
}

static void test_a_device_that_is_not_there_is_an_error(void)
{
    Error *err = NULL;

    g_assert_true(option("type=41,designation=x,pcidev=nosuch", NULL));
    g_assert_false(smbios_build(&pc, &err));
    g_assert_cmpstr(error_get_message(err), ==, "no PCI device nosuch for SMBIOS type 41");
    error_free(err);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    pc.fw_cfg = fw_cfg_create();
    g_test_add_func("/smbios/reference", test_one_cpu_and_1_gib_match_the_reference);
    g_test_add_func("/smbios/large", test_large_machine_is_described_whole);
    g_test_add_func("/smbios/uuid", test_uuid_has_its_first_fields_swapped);
    /* From here on the user's wishes stay. */
    g_test_add_func("/smbios/refused", test_fields_that_do_not_fit_are_refused);
    g_test_add_func("/smbios/file", test_a_file_has_whole_structures_or_is_refused);
    g_test_add_func("/smbios/fields", test_numbers_and_repeated_types_are_where_the_specification_has_them);
    g_test_add_func("/smbios/no-device", test_a_device_that_is_not_there_is_an_error);
    return g_test_run();
}
