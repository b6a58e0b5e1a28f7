/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fw_cfg through its ports and its DMA interface, on a machine of nothing but RAM. */
#include "qemu/osdep.h"
#include <fcntl.h>
#include "qemu/bitops.h"
#include "qemu/main-loop.h"
#include "hw/i386/pc.h"
#include "hw/nvram/firmware.h"
#include "hw/nvram/fw_cfg.h"

#define DESC 0x1000
#define DATA 0x2000

static Device *fw;

static void select_key(uint16_t key)
{
    port_out(0x510, key, 2);
}

static uint32_t read_dword(void)
{
    uint32_t v = 0;

    for (unsigned i = 0; i < 4; i++) {
        v |= (uint32_t)port_in(0x511, 1) << (8 * i);
    }
    return v;
}

static uint32_t dma(uint32_t control, uint32_t len, uint64_t addr)
{
    uint8_t desc[16];

    store_be32(desc, control);
    store_be32(desc + 4, len);
    store_be64(desc + 8, addr);
    address_space_write(address_space_memory, DESC, desc, sizeof(desc));
    port_out(0x518, GUINT32_SWAP_LE_BE(DESC), 4);
    address_space_read(address_space_memory, DESC, desc, sizeof(desc));
    g_assert_cmphex(load_be32(desc + 4), ==, len);
    g_assert_cmphex(load_be64(desc + 8), ==, addr);
    return load_be32(desc);
}

static void test_signature_and_id(void)
{
    select_key(FW_CFG_SIGNATURE);
    g_assert_cmphex(read_dword(), ==, 0x554d4551);
    g_assert_cmphex(read_dword(), ==, 0);               /* past the end */
    select_key(FW_CFG_ID);
    g_assert_cmphex(read_dword(), ==, 3);
    g_assert_cmphex(port_in(0x514, 4), ==, 0x554d4551);
    g_assert_cmphex(port_in(0x518, 4), ==, 0x47464320);
}

static void test_wide_reads_give_zero_and_do_not_advance(void)
{
    select_key(FW_CFG_SIGNATURE);
    g_assert_cmphex(port_in(0x510, 2), ==, 0);
    g_assert_cmphex(port_in(0x510, 1), ==, 'Q');        /* the selector's port passes data bytes too */
    g_assert_cmphex(port_in(0x511, 1), ==, 'E');
}

static void test_bit_14_selects_nothing_and_bit_15_the_architecture(void)
{
    fw_cfg_add_i32(fw, FW_CFG_HPET, 0x11223344);
    fw_cfg_add_i32(fw, FW_CFG_NOGRAPHIC, 0x55667788);
    select_key(FW_CFG_HPET | 0x4000);
    g_assert_cmphex(read_dword(), ==, 0x11223344);
    select_key(FW_CFG_NOGRAPHIC);
    g_assert_cmphex(read_dword(), ==, 0x55667788);
    select_key(0x8fff);
    g_assert_cmphex(read_dword(), ==, 0);
}

static void test_directory_is_sorted_and_keys_follow(void)
{
    uint8_t dir[4 + 3 * 64];

    fw_cfg_add_file(fw, "genroms/z", "zz", 2);
    fw_cfg_add_file(fw, "bootorder", NULL, 0);
    fw_cfg_add_file(fw, "etc/e820", "abcd", 4);
    fw_cfg_item_read(fw, FW_CFG_FILE_DIR, 0, dir, sizeof(dir));
    g_assert_cmpuint(fw_cfg_item_len(fw, FW_CFG_FILE_DIR), ==, sizeof(dir));
    g_assert_cmpuint(load_be32(dir), ==, 3);
    g_assert_cmpstr((char *)dir + 4 + 8, ==, "bootorder");
    g_assert_cmpstr((char *)dir + 4 + 64 + 8, ==, "etc/e820");
    g_assert_cmpstr((char *)dir + 4 + 128 + 8, ==, "genroms/z");
    g_assert_cmpuint(load_be32(dir + 4 + 64), ==, 4);
    g_assert_cmphex(load_be16(dir + 4 + 64 + 4), ==, 0x21);
    g_assert_cmphex(fw_cfg_file_key(fw, "genroms/z"), ==, 0x22);
    select_key(0x21);
    g_assert_cmphex(read_dword(), ==, 0x64636261);
    fw_cfg_set_file(fw, "etc/e820", "xyz", 3);          /* a replaced file keeps its key */
    select_key(0x21);
    g_assert_cmphex(read_dword(), ==, 0x007a7978);
}

static void test_dma_reads_skips_and_zero_fills(void)
{
    uint8_t buf[8];

    fw_cfg_add_bytes(fw, FW_CFG_UUID, "0123456789", 10);
    memset(buf, 0xee, sizeof(buf));
    address_space_write(address_space_memory, DATA, buf, 8);
    g_assert_cmphex(dma(FW_CFG_UUID << 16 | FW_CFG_DMA_SELECT | FW_CFG_DMA_SKIP, 7, 0), ==, 0);
    g_assert_cmphex(dma(FW_CFG_DMA_READ, 6, DATA), ==, 0);
    address_space_read(address_space_memory, DATA, buf, 8);
    g_assert_cmpmem(buf, 8, "789\0\0\0\xee\xee", 8);
    g_assert_cmphex(dma(FW_CFG_UUID << 16 | FW_CFG_DMA_SELECT, 0, 0), ==, 0);
    g_assert_cmphex(port_in(0x511, 1), ==, '0');        /* a selection without transfer serves the port */
}

/* Looks at a transfer that is under way: what has arrived, and that the descriptor is not answered yet. */
static void *look_at_transfer(void *opaque)
{
    uint8_t control[4], data[4];

    big_lock();
    address_space_read(address_space_memory, DATA, data, sizeof(data));
    address_space_read(address_space_memory, DESC, control, sizeof(control));
    *(bool *)opaque = !memcmp(data, "QEMU", 4) && load_be32(control);
    select_key(FW_CFG_ID);          /* does not disturb it */
    big_unlock();
    return NULL;
}

static void test_others_get_the_lock_amid_a_long_transfer(void)
{
    uint32_t len = MiB - 0x10000;
    bool seen = false;
    uint8_t byte = 0xff;
    GThread *t;

    g_assert_cmphex(dma(FW_CFG_ID << 16 | 8 | 2, 4, DATA), ==, 0);
    t = g_thread_new("look", look_at_transfer, &seen);
    while (!big_lock_is_wanted()) {
        g_thread_yield();
    }
    g_assert_cmphex(dma(FW_CFG_SIGNATURE << 16 | 8 | 2, len, DATA), ==, 0);
    g_assert_true(seen);
    g_thread_join(t);
    address_space_read(address_space_memory, DATA + len - 1, &byte, 1);
    g_assert_cmphex(byte, ==, 0);
    g_assert_cmphex(ldl_phys(address_space_memory, DATA + 4), ==, 0);
}

static void test_dma_write_is_refused(void)
{
    g_assert_cmphex(dma(FW_CFG_UUID << 16 | FW_CFG_DMA_SELECT | FW_CFG_DMA_WRITE, 4, DATA), ==, FW_CFG_DMA_ERROR);
}

static void test_nonsense_is_harmless(void)
{
    uint8_t desc[16] = { 0 };

    port_out(0x514, 0xffffffff, 4);
    port_out(0x518, 0xffffffff, 4);                     /* descriptor in nowhere */
    port_out(0x518, 0xffff, 2);
    port_out(0x511, 1, 1);
    store_be32(desc, FW_CFG_DMA_READ);                  /* data over the descriptor itself */
    store_be32(desc + 4, 0x100);
    store_be64(desc + 8, DESC - 8);
    address_space_write(address_space_memory, DESC, desc, sizeof(desc));
    port_out(0x518, GUINT32_SWAP_LE_BE(DESC), 4);
    dma(FW_CFG_DMA_READ, 0x1000, 0xfffffffffffff000ull);
}

static void test_file_extents_join_and_survive_truncation(void)
{
    g_autofree char *path = NULL;
    uint8_t buf[12];
    int fd = g_file_open_tmp("test-fw-cfg-XXXXXX", &path, NULL);
    FwCfgExtent ext[] = {
        { .len = 3, .data = "abc" }, { .len = 2 }, { .len = 4, .fd = fd, .file_offset = 1 }, { .len = 1, .data = "Z" },
    };

    g_assert_cmpint(write(fd, "012345", 6), ==, 6);
    fw_cfg_add_extents(fw, FW_CFG_KERNEL_DATA, ext, ARRAY_SIZE(ext));
    g_assert_cmpuint(fw_cfg_item_len(fw, FW_CFG_KERNEL_DATA), ==, 10);
    g_assert_cmphex(dma(FW_CFG_KERNEL_DATA << 16 | FW_CFG_DMA_SELECT | FW_CFG_DMA_READ, 12, DATA), ==, 0);
    address_space_read(address_space_memory, DATA, buf, 12);
    g_assert_cmpmem(buf, 12, "abc\0\0" "1234Z\0\0", 12);
    g_assert_cmpint(ftruncate(fd, 2), ==, 0);
    fw_cfg_item_read(fw, FW_CFG_KERNEL_DATA, 4, buf, 6);
    g_assert_cmpmem(buf, 6, "\0" "1\0\0\0Z", 6);
    close(fd);
    unlink(path);
}

static void check_rom(const uint8_t *rom, const uint8_t *end)
{
    uint8_t sum = 0, pnp_sum = 0;

    g_assert_cmphex(load_le16(rom), ==, 0xaa55);
    g_assert_cmpuint(rom[2] * 512, ==, end - rom);
    for (const uint8_t *p = rom; p < end; p++) {
        sum += *p;
    }
    g_assert_cmphex(sum, ==, 0);
    rom += load_le16(rom + 0x1a);
    g_assert_cmpmem(rom, 4, "$PnP", 4);
    for (unsigned i = 0; i < rom[5] * 16u; i++) {
        pnp_sum += rom[i];
    }
    g_assert_cmphex(pnp_sum, ==, 0);
}

static void test_option_roms_have_valid_headers(void)
{
    check_rom(optionrom_linuxboot, optionrom_linuxboot_end);
    check_rom(optionrom_multiboot, optionrom_multiboot_end);
}

int main(int argc, char **argv)
{
    static MemoryRegion ram;    /* until the end, as the machine's */

    g_test_init(&argc, &argv, NULL);
    main_loop_init(&error_abort);
    big_lock();
    memory_init();
    g_assert_true(memory_region_init_ram(&ram, NULL, "ram", 1 * MiB, &error_abort));
    memory_region_add(get_system_memory(), 0, &ram, 0);
    isa_bus_init(get_system_io(), get_system_memory(), NULL);
    fw = fw_cfg_create();
    device_realize(fw, NULL, &error_abort);
    device_reset_all();
    g_test_add_func("/fw-cfg/signature-and-id", test_signature_and_id);
    g_test_add_func("/fw-cfg/wide-reads", test_wide_reads_give_zero_and_do_not_advance);
    g_test_add_func("/fw-cfg/key-bits", test_bit_14_selects_nothing_and_bit_15_the_architecture);
    g_test_add_func("/fw-cfg/directory", test_directory_is_sorted_and_keys_follow);
    g_test_add_func("/fw-cfg/dma", test_dma_reads_skips_and_zero_fills);
    g_test_add_func("/fw-cfg/long-dma-shares-the-lock", test_others_get_the_lock_amid_a_long_transfer);
    g_test_add_func("/fw-cfg/dma-write", test_dma_write_is_refused);
    g_test_add_func("/fw-cfg/nonsense", test_nonsense_is_harmless);
    g_test_add_func("/fw-cfg/extents", test_file_extents_join_and_survive_truncation);
    g_test_add_func("/fw-cfg/option-roms", test_option_roms_have_valid_headers);
    return g_test_run();
}
