/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -kernel and -initrd: where the parts go, what is patched, and what is refused with which words. */
#include "qemu/osdep.h"
#include <sys/stat.h>
#include <glib/gstdio.h>
#include "qemu/bitops.h"
#include "hw/i386/pc.h"
#include "hw/nvram/fw_cfg.h"

#define SETUP_SECTS 4
#define SETUP_SIZE  ((SETUP_SECTS + 1) * 512)
#define BODY_SIZE   10000

static char *dir, *kernel_path, *initrd_path;
static MachineOptions opts;
static PcState pc;

static void machine(uint64_t ram)
{
    memset(&pc, 0, sizeof(pc));
    memset(&opts, 0, sizeof(opts));
    opts.ram_size = ram;
    opts.kernel = kernel_path;
    pc.opts = &opts;
    pc.below_4g = MIN(ram, 3 * GiB);
    pc.above_4g = ram - pc.below_4g;
    pc.fw_cfg = fw_cfg_create();
}

static uint32_t item32(uint16_t key)
{
    uint8_t b[4];

    fw_cfg_item_read(pc.fw_cfg, key, 0, b, 4);
    return load_le32(b);
}

static void put_file(const char *path, const void *data, size_t len)
{
    g_assert_true(g_file_set_contents(path, data, len, NULL));
}

static void make_bzimage(uint16_t version)
{
    g_autofree uint8_t *k = g_malloc0(SETUP_SIZE + BODY_SIZE);

    for (unsigned i = 0; i < BODY_SIZE; i++) {
        k[SETUP_SIZE + i] = i * 7;
    }
    k[0x1f1] = SETUP_SECTS;
    store_le32(k + 0x1f4, BODY_SIZE / 16);
    store_le16(k + 0x1fe, 0xaa55);
    memcpy(k + 0x202, "HdrS", 4);
    store_le16(k + 0x206, version);
    k[0x211] = 1;
    store_le32(k + 0x22c, 0x7fffffff);
    store_le32(k + 0x238, 2047);
    put_file(kernel_path, k, SETUP_SIZE + BODY_SIZE);
}

static void expect_error(const char *text)
{
    Error *err = NULL;

    g_assert_false(pc_load_kernel(&pc, &err));
    g_assert_nonnull(err);
    if (!strstr(error_get_message(err), text)) {
        g_error("expected '%s', got '%s'", text, error_get_message(err));
    }
    g_assert_null(strchr(error_get_message(err), '\n'));
    error_free(err);
}

static void test_bzimage_is_split_and_patched(void)
{
    uint8_t setup[SETUP_SIZE], body[BODY_SIZE], cmdline[32];

    make_bzimage(0x20f);
    put_file(initrd_path, "initrd!!", 8);
    machine(1 * GiB);
    opts.initrd = initrd_path;
    opts.append = "console=ttyS0 vga=0x317";
    g_assert_true(pc_load_kernel(&pc, &error_abort));
    g_assert_cmphex(item32(FW_CFG_SETUP_ADDR), ==, 0x10000);
    g_assert_cmphex(item32(FW_CFG_SETUP_SIZE), ==, SETUP_SIZE);
    g_assert_cmphex(item32(FW_CFG_KERNEL_ADDR), ==, 0x100000);
    g_assert_cmphex(item32(FW_CFG_KERNEL_SIZE), ==, BODY_SIZE);
    g_assert_cmphex(item32(FW_CFG_CMDLINE_ADDR), ==, 0x20000);
    g_assert_cmphex(item32(FW_CFG_CMDLINE_SIZE), ==, 24);
    g_assert_cmphex(item32(FW_CFG_INITRD_ADDR), ==, 0x3ffd7000);
    g_assert_cmphex(item32(FW_CFG_INITRD_SIZE), ==, 8);
    fw_cfg_item_read(pc.fw_cfg, FW_CFG_SETUP_DATA, 0, setup, sizeof(setup));
    g_assert_cmphex(setup[0x210], ==, 0xb0);
    g_assert_cmphex(setup[0x211], ==, 0x81);
    g_assert_cmphex(load_le16(setup + 0x1fa), ==, 0x317);
    g_assert_cmphex(load_le32(setup + 0x218), ==, 0x3ffd7000);
    g_assert_cmphex(load_le32(setup + 0x21c), ==, 8);
    g_assert_cmphex(load_le16(setup + 0x224), ==, 0xfe00);
    g_assert_cmphex(load_le32(setup + 0x228), ==, 0x20000);
    fw_cfg_item_read(pc.fw_cfg, FW_CFG_KERNEL_DATA, 0, body, sizeof(body));
    g_assert_cmphex(body[1], ==, 7);
    g_assert_cmphex(body[BODY_SIZE - 1], ==, (uint8_t)((BODY_SIZE - 1) * 7));
    fw_cfg_item_read(pc.fw_cfg, FW_CFG_CMDLINE_DATA, 0, cmdline, sizeof(cmdline));
    g_assert_cmpstr((char *)cmdline, ==, opts.append);
    g_assert_nonnull(pc.boot_rom);
    g_assert_cmphex(fw_cfg_file_key(pc.fw_cfg, pc.boot_rom), !=, 0);
}

static void test_old_protocol_gets_its_command_line_from_segment_9000(void)
{
    uint8_t setup[SETUP_SIZE];

    make_bzimage(0x200);
    machine(64 * MiB);
    opts.append = "root=/dev/hda1";
    g_assert_true(pc_load_kernel(&pc, &error_abort));
    g_assert_cmphex(item32(FW_CFG_SETUP_ADDR), ==, 0x90000);
    g_assert_cmphex(item32(FW_CFG_KERNEL_ADDR), ==, 0x100000);
    fw_cfg_item_read(pc.fw_cfg, FW_CFG_SETUP_DATA, 0, setup, sizeof(setup));
    g_assert_cmphex(load_le16(setup + 0x20), ==, 0xa33f);
    g_assert_cmphex(load_le16(setup + 0x22), ==, item32(FW_CFG_CMDLINE_ADDR) - 0x90000);
}

static void test_initrd_stays_below_4g_on_large_machines(void)
{
    make_bzimage(0x20f);
    put_file(initrd_path, "x", 1);
    machine(8 * GiB);
    opts.initrd = initrd_path;
    g_assert_true(pc_load_kernel(&pc, &error_abort));
    g_assert_cmphex(item32(FW_CFG_INITRD_ADDR), ==, 0x7ffff000);    /* initrd_addr_max */
}

static void test_bad_files_are_refused_in_one_line(void)
{
    g_autofree char *missing = g_build_filename(dir, "missing", NULL);
    uint8_t junk[4096] = { 0 };

    machine(128 * MiB);
    opts.kernel = missing;
    expect_error("could not open kernel");
    opts.kernel = dir;
    expect_error("is not a regular file");
    opts.kernel = kernel_path;
    put_file(kernel_path, "", 0);
    expect_error("is empty");
    put_file(kernel_path, junk, 100);
    expect_error("is neither");
    put_file(kernel_path, junk, sizeof(junk));
    expect_error("is neither");
    make_bzimage(0x20f);
    g_assert_cmpint(truncate(kernel_path, SETUP_SIZE + BODY_SIZE - 16), ==, 0);
    expect_error("is truncated");
    g_assert_cmpint(truncate(kernel_path, 0x300), ==, 0);
    expect_error("is truncated");
    make_bzimage(0x1ff);
    expect_error("boot protocol 1.255");
    opts.kernel = NULL;
    opts.append = "x";
    expect_error("needs -kernel");
}

static void test_initrd_must_fit(void)
{
    make_bzimage(0x20f);
    put_file(initrd_path, "", 0);
    machine(32 * MiB);
    opts.initrd = initrd_path;
    expect_error("is empty");
    put_file(initrd_path, "x", 1);
    g_assert_cmpint(truncate(initrd_path, 32 * MiB), ==, 0);
    expect_error("does not fit into 32 MiB");
    g_assert_cmpint(truncate(initrd_path, 8 * GiB), ==, 0);     /* sparse: costs nothing */
    expect_error("does not fit into 32 MiB");
    opts.initrd = dir;
    expect_error("is not a regular file");
}

/* ---- Multiboot -------------------------------------------------------------------------------------------------- */

#define ELF_SIZE 0x3000

/* One segment: file 1000h-1fffh at 100000h, 3000h bytes of memory; the entry is a virtual address 3 GiB higher. */
static void make_elf(uint32_t flags)
{
    g_autofree uint8_t *k = g_malloc0(ELF_SIZE);
    uint8_t *ph = k + 52;

    memcpy(k, "\177ELF\1\1\1", 7);
    store_le16(k + 16, 2);
    store_le16(k + 18, 3);
    store_le32(k + 24, 0xc0100010);
    store_le32(k + 28, 52);
    store_le16(k + 42, 32);
    store_le16(k + 44, 1);
    store_le32(ph, 1);
    store_le32(ph + 4, 0x1000);
    store_le32(ph + 8, 0xc0100000);
    store_le32(ph + 12, 0x100000);
    store_le32(ph + 16, 0x1000);
    store_le32(ph + 20, 0x3000);
    memset(k + 0x1000, 0x5a, 0x1000);
    store_le32(k + 0x1000, 0x1badb002);
    store_le32(k + 0x1004, flags);
    store_le32(k + 0x1008, -(0x1badb002 + flags));
    put_file(kernel_path, k, ELF_SIZE);
}

static void test_multiboot_elf_and_modules(void)
{
    g_autofree char *list = g_strdup_printf("%s first arg,%s", initrd_path, initrd_path);
    uint8_t mbi[88], block[0x4000], image[0x3000];
    uint32_t base = 0x103000, flags;

    make_elf(3);
    put_file(initrd_path, "module data", 11);
    machine(64 * MiB);
    opts.initrd = list;
    opts.append = "a b";
    g_assert_true(pc_load_kernel(&pc, &error_abort));
    g_assert_cmphex(item32(FW_CFG_KERNEL_ADDR), ==, 0x100000);
    g_assert_cmphex(item32(FW_CFG_KERNEL_SIZE), ==, 0x3000);
    g_assert_cmphex(item32(FW_CFG_KERNEL_ENTRY), ==, 0x100010);
    fw_cfg_item_read(pc.fw_cfg, FW_CFG_KERNEL_DATA, 0, image, sizeof(image));
    g_assert_cmphex(image[0xfff], ==, 0x5a);
    g_assert_cmphex(image[0x1000], ==, 0);

    g_assert_cmphex(item32(FW_CFG_INITRD_ADDR), ==, 0x9500);
    fw_cfg_item_read(pc.fw_cfg, FW_CFG_INITRD_DATA, 0, mbi, sizeof(mbi));
    flags = load_le32(mbi);
    g_assert_cmphex(flags, ==, 0x24f);
    g_assert_cmphex(load_le32(mbi + 20), ==, 2);
    g_assert_cmphex(item32(FW_CFG_SETUP_ADDR), ==, base);
    fw_cfg_item_read(pc.fw_cfg, FW_CFG_SETUP_DATA, 0, block, sizeof(block));
    g_assert_cmphex(load_le32(mbi + 24), ==, base);
    g_assert_cmphex(load_le32(block), ==, base + 0x1000);
    g_assert_cmphex(load_le32(block + 4), ==, base + 0x1000 + 11);
    g_assert_cmphex(load_le32(block + 16), ==, base + 0x2000);
    g_assert_cmpmem(block + 0x1000, 11, "module data", 11);
    g_assert_cmpmem(block + 0x2000, 11, "module data", 11);
    g_assert_true(g_str_has_suffix((char *)block + (load_le32(block + 8) - base), " first arg"));
    g_assert_true(g_str_has_suffix((char *)block + (load_le32(mbi + 16) - base), " a b"));
    g_assert_cmpstr((char *)block + (load_le32(mbi + 64) - base), ==, "qemu");
}

static void test_multiboot_mistakes_are_refused(void)
{
    make_elf(0x8);
    machine(64 * MiB);
    expect_error("requires features");
    make_elf(0);
    g_assert_cmpint(truncate(kernel_path, 0x1800), ==, 0);
    expect_error("truncated");
    make_elf(0x10000);                      /* address fields of 5Ah bytes: 1.4 GiB up */
    expect_error("does not fit");
    make_elf(0);
    machine(2 * MiB);
    pc.below_4g = 0x101000 + 0x28000;
    expect_error("does not fit");
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    dir = g_dir_make_tmp("test-kernel-load-XXXXXX", NULL);
    kernel_path = g_build_filename(dir, "kernel", NULL);
    initrd_path = g_build_filename(dir, "initrd", NULL);
    g_test_add_func("/kernel/bzimage", test_bzimage_is_split_and_patched);
    g_test_add_func("/kernel/old-protocol", test_old_protocol_gets_its_command_line_from_segment_9000);
    g_test_add_func("/kernel/initrd-below-4g", test_initrd_stays_below_4g_on_large_machines);
    g_test_add_func("/kernel/bad-files", test_bad_files_are_refused_in_one_line);
    g_test_add_func("/kernel/initrd-must-fit", test_initrd_must_fit);
    g_test_add_func("/kernel/multiboot", test_multiboot_elf_and_modules);
    g_test_add_func("/kernel/multiboot-mistakes", test_multiboot_mistakes_are_refused);
    status = g_test_run();
    g_unlink(kernel_path);
    g_unlink(initrd_path);
    g_rmdir(dir);
    return status;
}
