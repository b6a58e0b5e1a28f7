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

static MachineOptions opts;
static PcState pc;

static uint8_t *build(uint64_t below_4g, uint64_t above_4g, int sockets, size_t *len, uint8_t anchor[31])
{
    uint16_t key;
    uint8_t *data;

    opts.ram_size = below_4g + above_4g;
    pc.opts = &opts;
    pc.below_4g = below_4g;
    pc.above_4g = above_4g;
    smp_cpus = smp_max_cpus = smp_sockets = sockets;
    smp_cores = smp_threads = 1;
    smbios_build(&pc);
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

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    pc.fw_cfg = fw_cfg_create();
    g_test_add_func("/smbios/reference", test_one_cpu_and_1_gib_match_the_reference);
    g_test_add_func("/smbios/large", test_large_machine_is_described_whole);
    g_test_add_func("/smbios/uuid", test_uuid_has_its_first_fields_swapped);
    return g_test_run();
}
