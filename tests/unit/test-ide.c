/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ATA disks behind the PIIX3 IDE function, through its ports, its bus master and the image files. */
#include "qemu/osdep.h"
#include "ide-harness.h"

#define PRI     0x1f0
#define LBA     0xe0

static Device *disk;
static BlockBackend *disk_blk;

static void setup(void)
{
    machine_reset();
    out8(PRI + 6, 0xa0);
    run_for(1 * MS);
}

static uint8_t command(uint8_t op)
{
    out8(PRI + 7, op);
    return wait_ready(PRI);
}

static uint16_t word(const uint8_t *page, unsigned n)
{
    return load_le16(page + 2 * n);
}

static void identify(uint8_t *page)
{
    g_assert_cmphex(command(0xec), ==, 0x58);
    read_words(PRI, page, 256);
    g_assert_cmphex(in8(PRI + 7), ==, 0x50);
}

/* ---- identity -------------------------------------------------------------------------------------------------- */

static void test_identify_describes_the_image(void)
{
    uint8_t page[512];

    setup();
    identify(page);
    g_assert_cmphex(word(page, 0), ==, 0x0040);
    g_assert_cmpuint(word(page, 1), ==, 20480 / 16 / 63);
    g_assert_cmpuint(word(page, 3), ==, 16);
    g_assert_cmpuint(word(page, 6), ==, 63);
    g_assert_cmpuint(load_le32(page + 120), ==, 20480);
    g_assert_cmpuint(load_le64(page + 200), ==, 20480);
    g_assert_cmphex(word(page, 83), ==, 0x7400);
    g_assert_cmpmem(page + 20, 8, "MQ0000 1", 8);       /* QM00001 with the bytes of each word swapped */
    g_assert_cmpmem(page + 54, 14, "EQUMH RADDSI K", 14);
}

static void test_size_comes_from_the_image_and_not_from_the_geometry(void)
{
    uint8_t page[512];

    setup();
    out8(PRI + 6, 0xb0);
    identify(page);
    g_assert_cmpuint(load_le32(page + 120), ==, 0x0fffffff);
    g_assert_cmpuint(load_le64(page + 200), ==, 0x10000800);
    g_assert_cmpuint(word(page, 1), ==, 16383);
}

static void test_absent_drives_read_as_nothing(void)
{
    setup();
    out8(0x176, 0xb0);          /* secondary slave; its master is there */
    g_assert_cmphex(in8(0x177), ==, 0);
    out8(0x172, 0x55);
    out8(0x177, 0xec);
    run_for(1 * MS);
    g_assert_cmphex(in8(0x177), ==, 0);
    g_assert_cmpuint(line_edges[15], ==, 0);
}

/* ---- PIO ------------------------------------------------------------------------------------------------------- */

static void test_pio_read_interrupts_for_every_sector(void)
{
    uint8_t buf[3 * 512];

    setup();
    regs(PRI, 0, 3, 5, LBA);
    g_assert_cmphex(command(0x20), ==, 0x58);
    for (unsigned i = 0; i < 3; i++) {
        g_assert_cmphex(wait_ready(PRI), ==, 0x58);
        g_assert_cmpint(line_level[14], ==, 1);
        g_assert_cmphex(in8(PRI + 7), ==, 0x58);
        g_assert_cmpint(line_level[14], ==, 0);
        read_words(PRI, buf + 512 * i, 256);
    }
    g_assert_cmpuint(line_edges[14], ==, 3);
    g_assert_cmphex(in8(PRI + 7), ==, 0x50);
    assert_pattern(buf, 5 * 512, sizeof(buf));
    g_assert_cmpuint(in8(PRI + 3), ==, 7);      /* the last one read */
    g_assert_cmpuint(in8(PRI + 2), ==, 0);
}

static void test_pio_write_reaches_the_image(void)
{
    uint8_t out[1024], in[1024];

    setup();
    memset(out, 0xa5, 512);
    memset(out + 512, 0x5a, 512);
    regs(PRI, 0, 2, 3000, LBA);
    g_assert_cmphex(command(0x30), ==, 0x58);
    g_assert_cmpint(line_level[14], ==, 0);     /* the first block is asked for without one */
    write_words(PRI, out, 256);
    g_assert_cmphex(wait_ready(PRI), ==, 0x58);
    g_assert_cmpint(line_level[14], ==, 1);
    g_assert_cmphex(in8(PRI + 7), ==, 0x58);
    write_words(PRI, out + 512, 256);
    g_assert_cmphex(wait_ready(PRI), ==, 0x50);
    g_assert_cmpuint(line_edges[14], ==, 2);
    g_assert_cmpint(blk_pread_sync(disk_blk, 3000 * 512, in, 1024), ==, 0);
    g_assert_cmpmem(in, 1024, out, 1024);
}

static void test_multiple_makes_larger_blocks(void)
{
    uint8_t buf[10 * 512];

    setup();
    regs(PRI, 0, 4, 0, LBA);
    g_assert_cmphex(command(0xc6), ==, 0x50);
    regs(PRI, 0, 10, 40, LBA);
    command(0xc4);
    for (unsigned done = 0; done < 10; done += MIN(4, 10 - done)) {
        g_assert_cmphex(wait_ready(PRI), ==, 0x58);
        in8(PRI + 7);
        read_words(PRI, buf + 512 * done, 256 * MIN(4, 10 - done));
    }
    g_assert_cmphex(wait_ready(PRI), ==, 0x50);
    assert_pattern(buf, 40 * 512, sizeof(buf));
    g_assert_cmpuint(line_edges[14], ==, 1 + 3);
    regs(PRI, 0, 3, 0, LBA);
    g_assert_cmphex(command(0xc6), ==, 0x51);   /* no power of two */
    g_assert_cmphex(in8(PRI + 1), ==, 0x04);
    regs(PRI, 0, 1, 0, LBA);
    g_assert_cmphex(command(0xc4), ==, 0x51);
}

static void test_a_count_of_0_means_256(void)
{
    static uint8_t buf[256 * 512];

    setup();
    regs(PRI, 0, 0, 64, LBA);
    command(0x20);
    for (unsigned i = 0; i < 256; i++) {
        g_assert_cmphex(wait_ready(PRI), ==, 0x58);
        read_words(PRI, buf + 512 * i, 256);
    }
    g_assert_cmphex(wait_ready(PRI), ==, 0x50);
    assert_pattern(buf, 64 * 512, sizeof(buf));
}

static void test_strings_move_in_bulk(void)
{
    uint8_t buf[1024];

    setup();
    regs(PRI, 0, 2, 9, LBA);
    command(0x20);
    g_assert_cmpuint(port_in_string(PRI, 2, buf, 512), ==, 256);    /* up to the end of the block */
    g_assert_cmphex(wait_ready(PRI), ==, 0x58);
    g_assert_cmpuint(port_in_string(PRI, 4, buf + 512, 100), ==, 100);
    g_assert_cmpuint(port_in_string(PRI, 4, buf + 912, 100), ==, 28);
    g_assert_cmpuint(port_in_string(PRI, 4, buf, 1), ==, 0);
    assert_pattern(buf, 9 * 512, sizeof(buf));
    regs(PRI, 0, 1, 3100, LBA);
    command(0x30);
    g_assert_cmpuint(port_out_string(PRI, 4, buf, 200), ==, 128);
    g_assert_cmphex(wait_ready(PRI), ==, 0x50);
    g_assert_cmpint(blk_pread_sync(disk_blk, 3100 * 512, buf + 512, 512), ==, 0);
    g_assert_cmpmem(buf, 512, buf + 512, 512);
}

/* ---- addresses ------------------------------------------------------------------------------------------------- */

static void test_48_bit_registers_are_two_deep(void)
{
    uint8_t buf[512];

    setup();
    out8(PRI + 6, 0x50);
    regs(PRI, 0, 0, 0x000010, 0x50);            /* high: count 00, LBA 000010 << 24 */
    regs(PRI, 0, 1, 0x000000, 0x50);
    out8(0x3f6, 0x80);
    g_assert_cmphex(in8(PRI + 3), ==, 0x10);
    out8(0x3f6, 0x00);
    g_assert_cmphex(in8(PRI + 3), ==, 0x00);
    g_assert_cmphex(command(0x24), ==, 0x58);   /* sector 10000000h: beyond what 28 bits reach */
    read_words(PRI, buf, 256);
    g_assert_cmphex(in8(PRI + 7), ==, 0x50);
    out8(0x3f6, 0x80);
    g_assert_cmphex(in8(PRI + 3), ==, 0x10);
    out8(PRI + 2, 0);                           /* any write ends that view */
    g_assert_cmphex(in8(PRI + 3), ==, 0x00);
}

static void test_chs_goes_by_the_current_translation(void)
{
    uint8_t buf[512];

    setup();
    out8(PRI + 6, 0xa0 | 3);                    /* 4 heads */
    out8(PRI + 2, 10);
    g_assert_cmphex(command(0x91), ==, 0x50);
    regs(PRI, 0, 1, 0, 0xa0);
    out8(PRI + 6, 0xa2);
    out8(PRI + 3, 7);
    out8(PRI + 4, 3);
    g_assert_cmphex(command(0x20), ==, 0x58);
    read_words(PRI, buf, 256);
    assert_pattern(buf, ((3 * 4 + 2) * 10 + 6) * 512, 512);
    out8(PRI + 3, 11);
    g_assert_cmphex(command(0x20), ==, 0x51);
    g_assert_cmphex(in8(PRI + 1), ==, 0x10);
}

static void test_the_end_of_the_disk_is_not_found(void)
{
    setup();
    regs(PRI, 0, 1, 20479, LBA);
    g_assert_cmphex(command(0x40), ==, 0x50);
    regs(PRI, 0, 2, 20479, LBA);
    g_assert_cmphex(command(0x20), ==, 0x51);
    g_assert_cmphex(in8(PRI + 1), ==, 0x10);
    regs(PRI, 0, 1, 20480, LBA);
    g_assert_cmphex(command(0xc8), ==, 0x51);
    g_assert_cmphex(command(0xf8), ==, 0x50);
    g_assert_cmpuint(in8(PRI + 3) | in8(PRI + 4) << 8, ==, 20479);
}

/* ---- other commands -------------------------------------------------------------------------------------------- */

static void test_unknown_commands_abort_with_an_interrupt(void)
{
    static const uint8_t ops[] = { 0x00, 0x08, 0x22, 0xa0, 0xa1, 0xf1, 0xf6, 0xf9, 0xff };

    for (unsigned i = 0; i < ARRAY_SIZE(ops); i++) {
        setup();
        g_assert_cmphex(command(ops[i]), ==, 0x51);
        g_assert_cmphex(in8(PRI + 1), ==, 0x04);
        g_assert_cmpuint(line_edges[14], ==, 1);
    }
}

/* As a BIOS leaves it: to be frozen once more is fine, everything else is refused. */
static void test_security_is_frozen(void)
{
    static const uint8_t refused[] = { 0xf1, 0xf2, 0xf3, 0xf4, 0xf6 };
    uint8_t page[512];

    setup();
    identify(page);
    g_assert_cmphex(word(page, 82) & 2, ==, 2);
    g_assert_cmphex(word(page, 85) & 2, ==, 0);
    g_assert_cmphex(word(page, 128), ==, 0x0009);
    g_assert_cmphex(command(0xf5), ==, 0x50);
    for (unsigned i = 0; i < ARRAY_SIZE(refused); i++) {
        g_assert_cmphex(command(refused[i]), ==, 0x51);
        g_assert_cmphex(in8(PRI + 1), ==, 0x04);
    }
}

static void test_the_interrupt_comes_after_the_command_write(void)
{
    setup();
    out8(PRI + 7, 0xe5);
    g_assert_cmphex(in8(0x3f6), ==, BSY);
    g_assert_cmpint(line_level[14], ==, 0);
    g_assert_cmphex(wait_ready(PRI), ==, 0x50);
    g_assert_cmpint(line_level[14], ==, 1);
    g_assert_cmphex(in8(PRI + 2), ==, 0xff);
}

static void test_nien_holds_the_interrupt_back(void)
{
    setup();
    out8(0x3f6, 0x02);
    command(0xe5);
    g_assert_cmpint(line_level[14], ==, 0);
    out8(0x3f6, 0x00);
    g_assert_cmpint(line_level[14], ==, 1);
    out8(PRI + 6, 0xb0);                        /* the line is the selected device's */
    g_assert_cmpint(line_level[14], ==, 0);
    out8(PRI + 6, 0xa0);
    g_assert_cmpint(line_level[14], ==, 1);
}

static void test_set_features_shows_in_identify(void)
{
    uint8_t page[512];

    setup();
    regs(PRI, 0x03, 0x22, 0, LBA);              /* multiword DMA 2 */
    g_assert_cmphex(command(0xef), ==, 0x50);
    regs(PRI, 0x82, 0, 0, LBA);                 /* write cache off */
    g_assert_cmphex(command(0xef), ==, 0x50);
    g_assert_false(blk_write_cache(disk_blk));
    identify(page);
    g_assert_cmphex(word(page, 63), ==, 0x0407);
    g_assert_cmphex(word(page, 88), ==, 0x003f);
    g_assert_cmphex(word(page, 85) & 0x20, ==, 0);
    regs(PRI, 0x03, 0x27, 0, LBA);
    g_assert_cmphex(command(0xef), ==, 0x51);
    g_assert_cmphex(command(0xe7), ==, 0x50);   /* FLUSH CACHE */
    g_assert_cmpuint(blk_stats(disk_blk)->flushes, >=, 2);
}

static void test_smart_status_is_good(void)
{
    uint8_t page[512], sum = 0;

    setup();
    regs(PRI, 0xda, 0, 0xc24f00, 0xa0);
    g_assert_cmphex(command(0xb0), ==, 0x50);
    g_assert_cmphex(in8(PRI + 4), ==, 0x4f);
    g_assert_cmphex(in8(PRI + 5), ==, 0xc2);
    regs(PRI, 0xd0, 1, 0xc24f00, 0xa0);
    g_assert_cmphex(command(0xb0), ==, 0x58);
    read_words(PRI, page, 256);
    for (unsigned i = 0; i < 512; i++) {
        sum += page[i];
    }
    g_assert_cmpuint(sum, ==, 0);
    regs(PRI, 0xd0, 1, 0, 0xa0);                /* without the key */
    g_assert_cmphex(command(0xb0), ==, 0x51);
}

/* ---- reset ----------------------------------------------------------------------------------------------------- */

static void test_srst_leaves_the_signature(void)
{
    setup();
    regs(PRI, 0, 8, 0, LBA);
    command(0x20);                              /* in the middle of a transfer */
    out8(PRI + 6, 0xb0);
    out8(0x3f6, 0x04);
    g_assert_cmphex(in8(0x3f6), ==, BSY);
    out8(PRI + 7, 0xec);                        /* ignored */
    out8(0x3f6, 0x00);
    g_assert_cmphex(wait_ready(PRI), ==, 0x50);
    g_assert_cmphex(in8(PRI + 1), ==, 0x01);
    g_assert_cmphex(in8(PRI + 2), ==, 0x01);
    g_assert_cmphex(in8(PRI + 3), ==, 0x01);
    g_assert_cmphex(in8(PRI + 4), ==, 0x00);
    g_assert_cmphex(in8(PRI + 5), ==, 0x00);
    g_assert_cmphex(in8(PRI + 6) & 0x10, ==, 0);
    g_assert_cmpint(line_level[14], ==, 0);
}

static void test_srst_waits_for_what_is_under_way(void)
{
    setup();
    put_prd(0, 0x10000, 0x8000, true);
    regs(PRI, 0, 64, 3300, LBA);
    start_dma(false);
    out8(PRI + 7, 0xca);        /* a write is never done at once */
    out8(0x3f6, 0x04);
    out8(0x3f6, 0x00);
    out8(BMDMA, 0x00);
    g_assert_cmphex(wait_ready(PRI), ==, 0x50);
    g_assert_cmpuint(line_edges[14], ==, 0);
    g_assert_cmphex(in8(PRI + 2), ==, 0x01);
}

static void test_diagnostic_selects_device_0(void)
{
    setup();
    out8(PRI + 6, 0xb0);
    out8(PRI + 7, 0x90);
    g_assert_cmphex(wait_ready(PRI), ==, 0x50);
    g_assert_cmphex(in8(PRI + 1), ==, 0x01);
    g_assert_cmphex(in8(PRI + 6) & 0x10, ==, 0);
    g_assert_cmpuint(line_edges[14], ==, 1);
}

/* ---- DMA ------------------------------------------------------------------------------------------------------- */

static void assert_memory_pattern(hwaddr addr, uint64_t offset, size_t len)
{
    g_autofree uint8_t *buf = g_malloc(len);

    address_space_read(address_space_memory, addr, buf, len);
    assert_pattern(buf, offset, len);
}

static void test_dma_read_scatters(void)
{
    setup();
    put_prd(0, 0x20000, 100, false);            /* regions need not be sectors */
    put_prd(1, 0x30002, 0x600, false);
    put_prd(2, 0x40000, 0x1000 - 100 - 0x600, true);
    regs(PRI, 0, 8, 16, LBA);
    start_dma(true);
    out8(PRI + 7, 0xc8);
    g_assert_cmphex(wait_ready(PRI), ==, 0x50);
    g_assert_cmphex(in8(BMDMA + 2), ==, 0x64);  /* interrupt, not active */
    g_assert_cmpint(line_level[14], ==, 1);
    assert_memory_pattern(0x20000, 16 * 512, 100);
    assert_memory_pattern(0x30002, 16 * 512 + 100, 0x600);
    assert_memory_pattern(0x40000, 16 * 512 + 100 + 0x600, 0x1000 - 100 - 0x600);
    out8(BMDMA, 0);
    out8(BMDMA + 2, 0x04);
    g_assert_cmphex(in8(BMDMA + 2) & 0x07, ==, 0);
}

static void test_the_command_may_come_before_the_start(void)
{
    setup();
    put_prd(0, 0x20000, 0, true);               /* 0: 64 KiB */
    regs(PRI, 0, 128, 0, LBA);
    out8(PRI + 7, 0xc8);
    run_for(1 * MS);
    main_loop_wait(0);
    g_assert_cmphex(in8(0x3f6), ==, BSY);
    start_dma(true);
    g_assert_cmphex(wait_ready(PRI), ==, 0x50);
    assert_memory_pattern(0x20000, 0, 65536);
}

/* Whichever of command and START comes second: it returns when all is there, if the host's memory has it. */
static void test_what_the_host_has_in_memory_is_read_at_once(void)
{
    uint8_t buf[4096];
    struct iovec iov = { buf, sizeof(buf) };

    for (unsigned start_last = 0; start_last < 2; start_last++) {
        setup();
        put_prd(0, 0x20000, 4096, true);
        regs(PRI, 0, 8, 16, LBA);
        if (!start_last) {
            start_dma(true);
        }
        if (!blk_try_readv(disk_blk, 16 * 512, &iov, 1)) {
            g_test_skip("this file system cannot tell what is in memory");
            return;
        }
        out8(PRI + 7, 0xc8);
        if (start_last) {
            start_dma(true);
        }
        g_assert_cmphex(in8(BMDMA + 2) & 0x07, ==, 0x04);
        g_assert_cmpint(line_level[14], ==, 1);
        g_assert_cmphex(in8(PRI + 7), ==, 0x50);
        assert_memory_pattern(0x20000, 16 * 512, 4096);
    }
}

static void test_dma_write_gathers(void)
{
    uint8_t in[1024], out[1024];

    setup();
    for (unsigned i = 0; i < sizeof(out); i++) {
        out[i] = i * 3;
    }
    address_space_write(address_space_memory, 0x50000, out, 600);
    address_space_write(address_space_memory, 0x60000, out + 600, 424);
    put_prd(0, 0x50000, 600, false);
    put_prd(1, 0x60000, 424, true);
    regs(PRI, 0, 2, 3200, LBA);
    start_dma(false);
    out8(PRI + 7, 0xca);
    g_assert_cmphex(wait_ready(PRI), ==, 0x50);
    g_assert_cmpint(blk_pread_sync(disk_blk, 3200 * 512, in, 1024), ==, 0);
    g_assert_cmpmem(in, 1024, out, 1024);
}

static void test_holes_and_many_regions_go_through_a_buffer(void)
{
    setup();
    put_prd(0, 0x20000, 512, false);
    put_prd(1, 0xf0000000, 512, false);         /* nobody there */
    put_prd(2, 0x20200, 512, true);
    regs(PRI, 0, 3, 4, LBA);
    start_dma(true);
    out8(PRI + 7, 0xc8);
    g_assert_cmphex(wait_ready(PRI), ==, 0x50);
    assert_memory_pattern(0x20000, 4 * 512, 512);
    assert_memory_pattern(0x20200, 6 * 512, 512);
    for (unsigned i = 0; i < 1024; i++) {
        put_prd(i, 0x80000 + 32 * i, 32, i == 1023);
    }
    regs(PRI, 0, 64, 0, LBA);
    start_dma(true);
    out8(PRI + 7, 0xc8);
    g_assert_cmphex(wait_ready(PRI), ==, 0x50);
    assert_memory_pattern(0x80000, 0, 32768);
}

static void test_a_short_table_leaves_the_drive_waiting(void)
{
    setup();
    put_prd(0, 0x20000, 512, true);
    regs(PRI, 0, 2, 0, LBA);
    start_dma(true);
    out8(PRI + 7, 0xc8);
    for (unsigned i = 0; i < 20; i++) {
        run_for(1 * MS);
        main_loop_wait(1 * MS);
    }
    g_assert_cmphex(in8(BMDMA + 2) & 0x07, ==, 0);
    g_assert_cmphex(in8(0x3f6), ==, BSY);
    out8(0x3f6, 0x04);
    out8(0x3f6, 0x00);
    g_assert_cmphex(wait_ready(PRI), ==, 0x50);
}

static void test_a_long_table_stays_active(void)
{
    setup();
    put_prd(0, 0x20000, 0x1000, true);
    regs(PRI, 0, 1, 0, LBA);
    start_dma(true);
    out8(PRI + 7, 0xc8);
    g_assert_cmphex(wait_ready(PRI), ==, 0x50);
    g_assert_cmphex(in8(BMDMA + 2) & 0x07, ==, 0x05);
    out8(BMDMA, 0x08);
    g_assert_cmphex(in8(BMDMA + 2) & 0x07, ==, 0x04);
}

static void test_without_bus_mastering_nothing_is_fetched(void)
{
    setup();
    pci_config_write(ide, PCI_COMMAND, PCI_COMMAND_IO, 2);
    put_prd(0, 0x20000, 512, true);
    regs(PRI, 0, 1, 0, LBA);
    start_dma(true);
    out8(PRI + 7, 0xc8);
    g_assert_cmphex(wait_ready(PRI) & ERR, ==, ERR);
    g_assert_cmphex(in8(BMDMA + 2) & 0x03, ==, 0x02);
}

static void test_trim_takes_ranges(void)
{
    setup();
    stq_phys(address_space_memory, 0x20000, 8ull << 48 | 1000);
    stq_phys(address_space_memory, 0x20008, 0);
    address_space_write(address_space_memory, 0x20010, (uint8_t[496]){ 0 }, 496);
    put_prd(0, 0x20000, 512, true);
    regs(PRI, 0x01, 1, 0, LBA);
    start_dma(false);
    out8(PRI + 2, 0);
    out8(PRI + 2, 1);
    out8(PRI + 7, 0x06);
    g_assert_cmphex(wait_ready(PRI), ==, 0x50);
    stq_phys(address_space_memory, 0x20000, 8ull << 48 | 20475);
    start_dma(false);
    out8(PRI + 2, 0);
    out8(PRI + 2, 1);
    out8(PRI + 7, 0x06);
    g_assert_cmphex(wait_ready(PRI), ==, 0x51);
}

/* ---- state, nonsense ------------------------------------------------------------------------------------------- */

static void test_a_transfer_survives_a_snapshot(void)
{
    uint8_t buf[1024];
    g_autoptr(GByteArray) drive = g_byte_array_new(), function = g_byte_array_new();

    setup();
    regs(PRI, 0, 2, 3, LBA);
    command(0x20);
    read_words(PRI, buf, 100);
    vmstate_save(function, ide->parent.type->vmstate, ide);
    vmstate_save(drive, disk->type->vmstate, disk);
    machine_reset();
    g_assert_cmpint(vmstate_load(function->data, function->len, ide->parent.type->vmstate, ide, &error_abort), ==,
                    function->len);
    g_assert_cmpint(vmstate_load(drive->data, drive->len, disk->type->vmstate, disk, &error_abort), ==, drive->len);
    read_words(PRI, buf + 200, 156);
    g_assert_cmphex(wait_ready(PRI), ==, 0x58);
    read_words(PRI, buf + 512, 256);
    g_assert_cmphex(wait_ready(PRI), ==, 0x50);
    assert_pattern(buf, 3 * 512, sizeof(buf));
}

static void test_damaged_snapshots_do_no_harm(void)
{
    setup();
    load_nonsense(disk);
    machine_reset();
    load_nonsense(&ide->parent);
    setup();
    g_assert_cmphex(command(0xe5), ==, 0x50);
}

static void test_random_register_traffic_does_no_harm(void)
{
    setup();
    for (unsigned i = 0; i < 60000; i++) {
        uint32_t r = g_test_rand_int();
        uint16_t port = (r & 1 ? 0x1f0 : 0x170) + (r >> 1 & 7);
        unsigned size = 1u << (r >> 4 & 3) % 3;

        if ((r >> 8 & 15) == 0) {
            port = (r & 1 ? 0x3f6 : 0x376);
        } else if ((r >> 8 & 15) < 3) {
            port = BMDMA + (r >> 1 & 15);
        }
        if ((port == 0x1f7 || port == 0x177) && (r >> 12 & 0xff) % 0x3a == 0x30) {
            r &= ~0xff000u;     /* writing commands would destroy the image for later tests: they may, rarely */
        }
        if (r & 0x80) {
            port_out(port, r >> 12, size);
        } else {
            port_in(port, size);
        }
        if (i % 16 == 0) {
            run_for(10 * US);
            main_loop_wait(0);
        }
    }
    blk_drain_all();
    setup();
    g_assert_cmphex(command(0xe5), ==, 0x50);
}

static void test_a_second_user_of_an_image_is_refused(void)
{
    BlockOpenOptions o = { .format = "raw" };
    Error *err = NULL;

    g_assert_null(block_open(image_path[0], &o, &err));
    g_test_message("says: %s", error_get_message(err));
    g_assert_nonnull(strstr(error_get_message(err), "\"write\" lock"));
    error_free(err);
}

int main(int argc, char **argv)
{
    int status;

    ide_harness_init(&argc, &argv);
    disk_blk = image_new(0, "d0", 10 * MiB, false);
    image_new(1, "d1", 0x10000800ull * 512, false);
    disk = drive_new(false, 0, 0, "d0");
    drive_new(false, 0, 1, "d1");
    drive_new(true, 1, 0, NULL);
#define T(name) g_test_add_func("/ide/" #name, name)
    T(test_identify_describes_the_image);
    T(test_size_comes_from_the_image_and_not_from_the_geometry);
    T(test_absent_drives_read_as_nothing);
    T(test_pio_read_interrupts_for_every_sector);
    T(test_pio_write_reaches_the_image);
    T(test_multiple_makes_larger_blocks);
    T(test_a_count_of_0_means_256);
    T(test_strings_move_in_bulk);
    T(test_48_bit_registers_are_two_deep);
    T(test_chs_goes_by_the_current_translation);
    T(test_the_end_of_the_disk_is_not_found);
    T(test_unknown_commands_abort_with_an_interrupt);
    T(test_security_is_frozen);
    T(test_the_interrupt_comes_after_the_command_write);
    T(test_nien_holds_the_interrupt_back);
    T(test_set_features_shows_in_identify);
    T(test_smart_status_is_good);
    T(test_srst_leaves_the_signature);
    T(test_srst_waits_for_what_is_under_way);
    T(test_diagnostic_selects_device_0);
    T(test_dma_read_scatters);
    T(test_the_command_may_come_before_the_start);
    T(test_what_the_host_has_in_memory_is_read_at_once);
    T(test_dma_write_gathers);
    T(test_holes_and_many_regions_go_through_a_buffer);
    T(test_a_short_table_leaves_the_drive_waiting);
    T(test_a_long_table_stays_active);
    T(test_without_bus_mastering_nothing_is_fetched);
    T(test_trim_takes_ranges);
    T(test_a_transfer_survives_a_snapshot);
    T(test_damaged_snapshots_do_no_harm);
    T(test_a_second_user_of_an_image_is_refused);
    T(test_random_register_traffic_does_no_harm);
    status = g_test_run();
    images_free();
    return status;
}
