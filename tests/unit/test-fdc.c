/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The floppy controller through its ports and the 8237, with an image in drive A. */
#include "qemu/osdep.h"
#include <glib/gstdio.h>
#include "device-harness.h"
#include "block/backend.h"
#include "hw/block/fdc.h"

#define DMA_ADDR    0x20000

static Device *fdc, *dma;
static BlockBackend *blk;
static char *path;

static uint8_t pattern(unsigned offset)
{
    return offset * 5 + offset / 512 * 11;
}

static void let_pass(void)
{
    for (unsigned i = 0; i < 20; i++) {
        run_for(100 * US);
        main_loop_wait(0);
    }
    blk_drain_all();
    run_for(100 * US);
}

static void put(uint8_t val)
{
    g_assert_cmphex(in8(0x3f4) & 0xc0, ==, 0x80);
    out8(0x3f5, val);
}

static uint8_t get(void)
{
    g_assert_cmphex(in8(0x3f4) & 0xc0, ==, 0xc0);
    return in8(0x3f5);
}

#define COMMAND(...) command((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))
static void command(const uint8_t *bytes, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        put(bytes[i]);
    }
}

static void assert_result(const char *hex)
{
    g_autoptr(GString) got = g_string_new(NULL);

    while (in8(0x3f4) & 0x40) {
        g_string_append_printf(got, "%s%02x", got->len ? " " : "", in8(0x3f5));
    }
    g_assert_cmpstr(got->str, ==, hex);
    g_assert_cmphex(in8(0x3f4), ==, 0x80);
}

static void sense(const char *hex)
{
    put(0x08);
    assert_result(hex);
}

static void wait_irq(void)
{
    let_pass();
    g_assert_cmpint(line_level[6], ==, 1);
}

static void setup(void)
{
    device_reset_all();
    out8(0x3f2, 0x00);
    out8(0x3f2, 0x1c);          /* drive A, its motor, DMA gate */
    out8(0x3f7, 0x00);          /* 500 kbit/s */
    let_pass();
    for (unsigned i = 0; i < 4; i++) {
        put(0x08);
        get();
        get();
    }
    COMMAND(0x03, 0xdf, 0x02);
    line_edges[6] = 0;
}

static void program_dma(uint8_t mode, unsigned len)
{
    out8(0x0a, 0x06);
    out8(0x0c, 0);
    out8(0x0b, mode);
    out8(0x04, 0);
    out8(0x04, 0);
    out8(0x81, DMA_ADDR >> 16);
    out8(0x05, (len - 1) & 0xff);
    out8(0x05, (len - 1) >> 8);
    out8(0x0a, 0x02);
}

static void assert_memory(unsigned offset, unsigned len)
{
    g_autofree uint8_t *buf = g_malloc(len);

    address_space_read(address_space_memory, DMA_ADDR, buf, len);
    for (unsigned i = 0; i < len; i++) {
        g_assert_cmphex(buf[i], ==, pattern(offset + i));
    }
}

static unsigned lba(unsigned c, unsigned h, unsigned s)
{
    return (c * 2 + h) * 18 + s - 1;
}

static void test_reset_polls_four_drives(void)
{
    device_reset_all();
    out8(0x3f2, 0x00);
    g_assert_cmphex(in8(0x3f4), ==, 0x00);
    out8(0x3f2, 0x0c);
    wait_irq();
    sense("c0 00");
    g_assert_cmpint(line_level[6], ==, 0);
    sense("c1 00");
    sense("c2 00");
    sense("c3 00");
    sense("80");
}

static void test_identification(void)
{
    setup();
    put(0x10);
    assert_result("90");
    put(0x18);
    assert_result("41");
    COMMAND(0x13, 0x00, 0x57, 0x00);
    put(0x0e);
    assert_result("00 00 00 00 df 02 ff 00 57 00");
    put(0x94);
    assert_result("10");
    put(0x14);
    assert_result("00");
    put(0x1f);
    assert_result("80");
    g_assert_cmpuint(line_edges[6], ==, 0);
    g_assert_cmpint(fdc_drive_type(fdc, 0), ==, FLOPPY_1440K);
    g_assert_cmpint(fdc_drive_type(fdc, 1), ==, FLOPPY_NONE);
}

static void test_seek_and_recalibrate(void)
{
    setup();
    g_assert_cmphex(in8(0x3f7) & 0x80, ==, 0x80);       /* disk changed since power on */
    COMMAND(0x07, 0x00);
    g_assert_cmphex(in8(0x3f4), ==, 0x81);              /* moving, and ready for commands */
    wait_irq();
    sense("20 00");
    g_assert_cmphex(in8(0x3f7) & 0x80, ==, 0x80);       /* no step was needed */
    COMMAND(0x0f, 0x00, 0x01);
    wait_irq();
    sense("20 01");
    g_assert_cmphex(in8(0x3f7) & 0x80, ==, 0);
    COMMAND(0x04, 0x00);
    assert_result("28");
    COMMAND(0x07, 0x00);
    wait_irq();
    sense("20 00");
    COMMAND(0x04, 0x00);
    assert_result("38");
    COMMAND(0x07, 0x01);                                /* nobody there */
    wait_irq();
    sense("71 00");
}

static void test_read_one_sector_by_dma(void)
{
    setup();
    program_dma(0x46, 512);
    COMMAND(0xe6, 0x00, 0, 0, 3, 2, 18, 0x1b, 0xff);
    wait_irq();
    g_assert_cmphex(in8(0x3f4), ==, 0xd0);
    assert_result("00 00 00 00 00 04 02");
    g_assert_cmpint(line_level[6], ==, 0);
    assert_memory(2 * 512, 512);
}

static void test_both_sides_in_one_command(void)
{
    setup();
    program_dma(0x46, 36 * 512);
    COMMAND(0xe6, 0x00, 5, 0, 1, 2, 18, 0x1b, 0xff);    /* implied seek to cylinder 5 */
    wait_irq();
    assert_result("00 00 00 06 00 01 02");
    assert_memory(lba(5, 0, 1) * 512, 36 * 512);
}

static void test_without_tc_the_track_ends(void)
{
    setup();
    program_dma(0x46, 18 * 512 * 3);
    COMMAND(0x46, 0x04, 2, 1, 17, 2, 18, 0x1b, 0xff);
    wait_irq();
    assert_result("44 80 00 03 01 01 02");
    assert_memory(lba(2, 1, 17) * 512, 2 * 512);
}

static void test_late_dma_setup_is_waited_for(void)
{
    setup();
    out8(0x0a, 0x06);
    COMMAND(0xe6, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
    let_pass();
    g_assert_cmphex(in8(0x3f4), ==, 0x10);
    program_dma(0x46, 1024);
    wait_irq();
    assert_result("00 00 00 00 00 03 02");
    assert_memory(0, 1024);
}

static void test_write_reaches_the_image(void)
{
    uint8_t out[512], in[512];

    setup();
    memset(out, 0x77, sizeof(out));
    address_space_write(address_space_memory, DMA_ADDR, out, sizeof(out));
    program_dma(0x4a, 512);
    COMMAND(0xc5, 0x04, 70, 1, 9, 2, 18, 0x1b, 0xff);
    wait_irq();
    assert_result("04 00 00 46 01 0a 02");
    g_assert_cmpint(blk_pread_sync(blk, lba(70, 1, 9) * 512, in, 512), ==, 0);
    g_assert_cmpmem(in, 512, out, 512);
}

static void test_format_fills_a_side(void)
{
    uint8_t in[512], ids[72];

    setup();
    for (unsigned i = 0; i < 18; i++) {
        memcpy(ids + 4 * i, (uint8_t[]){ 75, 0, i + 1, 2 }, 4);
    }
    address_space_write(address_space_memory, DMA_ADDR, ids, sizeof(ids));
    COMMAND(0x0f, 0x00, 75);
    wait_irq();
    sense("20 4b");
    program_dma(0x4a, sizeof(ids));
    COMMAND(0x4d, 0x00, 2, 18, 0x6c, 0xf6);
    wait_irq();
    g_assert_cmphex(get(), ==, 0x00);
    for (unsigned i = 0; i < 6; i++) {
        get();
    }
    g_assert_cmpint(blk_pread_sync(blk, lba(75, 0, 18) * 512, in, 512), ==, 0);
    for (unsigned i = 0; i < 512; i++) {
        g_assert_cmphex(in[i], ==, 0xf6);
    }
}

static void test_what_is_not_there_is_not_found(void)
{
    setup();
    program_dma(0x46, 512);
    COMMAND(0xe6, 0x00, 0, 0, 19, 2, 36, 0x1b, 0xff);   /* sector */
    wait_irq();
    assert_result("40 04 00 00 00 13 02");
    COMMAND(0xe6, 0x00, 0, 1, 1, 2, 18, 0x1b, 0xff);    /* head in the ID */
    wait_irq();
    assert_result("40 04 00 00 00 01 02");
    COMMAND(0xe6, 0x01, 0, 0, 1, 2, 18, 0x1b, 0xff);    /* drive */
    wait_irq();
    assert_result("41 01 00 00 00 01 02");
    out8(0x3f7, 0x02);                                  /* data rate */
    COMMAND(0x4a, 0x00);
    wait_irq();
    assert_result("40 01 00 00 00 01 02");
    out8(0x3f7, 0x00);
    COMMAND(0x4a, 0x00);
    wait_irq();
    g_assert_cmphex(get(), ==, 0x00);
    for (unsigned i = 0; i < 6; i++) {
        get();
    }
}

static void test_without_dma_bytes_come_through_the_fifo(void)
{
    setup();
    COMMAND(0x03, 0xdf, 0x03);
    COMMAND(0x46, 0x00, 1, 0, 18, 2, 18, 0x1b, 0xff);
    wait_irq();
    for (unsigned i = 0; i < 512; i++) {
        g_assert_cmphex(in8(0x3f4), ==, 0xf0);
        g_assert_cmphex(in8(0x3f5), ==, pattern(lba(1, 0, 18) * 512 + i));
    }
    let_pass();
    assert_result("40 80 00 02 00 01 02");
    COMMAND(0x45, 0x00, 78, 0, 18, 2, 18, 0x1b, 0xff);
    let_pass();
    for (unsigned i = 0; i < 512; i++) {
        g_assert_cmphex(in8(0x3f4), ==, 0xb0);
        out8(0x3f5, 0x31);
    }
    wait_irq();
    assert_result("40 80 00 4f 00 01 02");
}

static void test_the_gate_holds_the_interrupt_back(void)
{
    setup();
    out8(0x3f2, 0x14);
    COMMAND(0x0f, 0x00, 0x02);
    let_pass();
    g_assert_cmpint(line_level[6], ==, 0);
    out8(0x3f2, 0x1c);
    g_assert_cmpint(line_level[6], ==, 1);
    sense("20 02");
}

static void test_a_new_disk_is_noticed(void)
{
    BlockNode *node = blk_node(blk);

    setup();
    COMMAND(0x0f, 0x00, 0x03);
    wait_irq();
    sense("20 03");
    g_assert_cmphex(in8(0x3f7) & 0x80, ==, 0);
    block_ref(node);
    blk_eject(blk);
    g_assert_cmphex(in8(0x3f7) & 0x80, ==, 0x80);
    COMMAND(0x0f, 0x00, 0x04);
    wait_irq();
    sense("20 04");
    g_assert_cmphex(in8(0x3f7) & 0x80, ==, 0x80);       /* as long as there is none */
    COMMAND(0x4a, 0x00);
    wait_irq();
    assert_result("40 01 00 04 00 01 02");
    blk_insert(blk, node);
    g_assert_cmphex(in8(0x3f7) & 0x80, ==, 0x80);
    COMMAND(0x0f, 0x00, 0x05);
    wait_irq();
    sense("20 05");
    g_assert_cmphex(in8(0x3f7) & 0x80, ==, 0);
}

/* ---- formats ----------------------------------------------------------------------------------------------------- */

typedef struct Format {
    unsigned kib;
    uint8_t cyls, heads, secs, rate;    /* as a 1.44 MB drive has it; rate as in CCR */
} Format;

static const Format all_formats[] = {
    { 160, 40, 1, 8, 2 }, { 180, 40, 1, 9, 2 }, { 320, 40, 2, 8, 2 }, { 360, 40, 2, 9, 2 }, { 720, 80, 2, 9, 2 },
    { 800, 80, 2, 10, 2 }, { 820, 82, 2, 10, 2 }, { 880, 80, 2, 11, 2 }, { 1200, 80, 2, 15, 0 }, { 1440, 80, 2, 18, 0 },
    { 1600, 80, 2, 20, 0 }, { 1680, 80, 2, 21, 0 }, { 1722, 82, 2, 21, 0 }, { 1743, 83, 2, 21, 0 },
    { 1760, 80, 2, 22, 0 }, { 1840, 80, 2, 23, 0 }, { 1920, 80, 2, 24, 0 }, { 2880, 80, 2, 36, 3 },
    { 3120, 80, 2, 39, 3 }, { 3200, 80, 2, 40, 3 }, { 3520, 80, 2, 44, 3 }, { 3840, 80, 2, 48, 3 },
    { 1, 80, 2, 18, 0 }, { 1000, 80, 2, 18, 0 }, { 1500, 80, 2, 20, 0 },    /* the start of a disk */
};

/* A sector: its first byte is the low byte of its number, its last the high byte. */
static char *new_image(unsigned sectors)
{
    g_autofree uint8_t *data = g_malloc0(sectors * 512);
    char *name;
    int fd = g_file_open_tmp("fdc-test-XXXXXX", &name, NULL);

    for (unsigned i = 0; i < sectors; i++) {
        data[i * 512] = i;
        data[i * 512 + 511] = i >> 8;
    }
    g_assert_cmpint(write(fd, data, sectors * 512), ==, sectors * 512);
    close(fd);
    return name;
}

static void read_id_at(uint8_t rate, bool found)
{
    out8(0x3f7, rate);
    COMMAND(0x4a, 0x00);
    wait_irq();
    g_assert_cmphex(get(), ==, found ? 0x00 : 0x40);
    g_assert_cmphex(get(), ==, found ? 0x00 : 0x01);
    for (unsigned i = 0; i < 5; i++) {
        get();
    }
}

static void check_last_side(const Format *f)
{
    uint8_t head = f->heads - 1, c = f->cyls - 1;
    unsigned first = (c * f->heads + head) * f->secs, n = f->kib * 2;
    g_autofree uint8_t *buf = g_malloc(f->secs * 512);

    program_dma(0x46, f->secs * 512);
    COMMAND(0x66, head << 2, c, head, 1, 2, f->secs, 0x1b, 0xff);
    wait_irq();
    g_assert_cmphex(get(), ==, head << 2);
    for (unsigned i = 0; i < 6; i++) {
        get();
    }
    address_space_read(address_space_memory, DMA_ADDR, buf, f->secs * 512);
    for (unsigned i = 0; i < f->secs; i++) {
        unsigned nr = first + i < n ? first + i : 0;    /* zeros behind the image's end */

        g_assert_cmphex(buf[i * 512] | buf[i * 512 + 511] << 8, ==, nr & 0xffff);
    }
    COMMAND(0x66, head << 2, c, head, f->secs + 1, 2, f->secs + 1, 0x1b, 0xff);
    wait_irq();
    g_assert_cmphex(get(), ==, 0x40 | head << 2);
    g_assert_cmphex(get(), ==, 0x04);
    for (unsigned i = 0; i < 5; i++) {
        get();
    }
}

/* A driver for a drive of 80 cylinders steps twice from one to the next of a disk that has 40. */
static void test_forty_cylinders_by_single_and_double_steps(void)
{
    BlockOpenOptions o = { .format = "raw" };
    BlockNode *node = blk_node(blk);
    g_autofree char *name = new_image(720);

    block_ref(node);
    blk_eject(blk);
    blk_insert(blk, block_open(name, &o, &error_abort));
    setup();
    COMMAND(0x13, 0x00, 0x10, 0x00);                    /* no implied seek, no polling */
    out8(0x3f7, 2);
    for (unsigned step = 1; step <= 2; step++) {
        COMMAND(0x0f, 0x00, 38 * step);
        wait_irq();
        put(0x08);
        get();
        get();
        program_dma(0x46, 512);
        COMMAND(0x66, 0x00, 38, 0, 1, 2, 1, 0x2a, 0xff);
        wait_irq();
        assert_result("00 00 00 27 00 01 02");
        COMMAND(0x66, 0x00, 37, 0, 1, 2, 1, 0x2a, 0xff);
        wait_irq();
        assert_result("40 04 10 25 00 01 02");
    }
    COMMAND(0x4a, 0x00);
    wait_irq();
    get();
    g_assert_cmphex(get(), ==, 0x00);
    get();
    g_assert_cmphex(get(), ==, 38);
    for (unsigned i = 0; i < 3; i++) {
        get();
    }
    g_unlink(name);
    blk_eject(blk);
    blk_insert(blk, node);
}

static void test_every_format_is_read_at_its_rate(void)
{
    BlockOpenOptions o = { .format = "raw" };
    BlockNode *node = blk_node(blk);

    block_ref(node);
    for (unsigned i = 0; i < ARRAY_SIZE(all_formats); i++) {
        const Format *f = &all_formats[i];
        g_autofree char *name = new_image(f->kib * 2);

        g_test_message("%u KiB", f->kib);
        blk_eject(blk);
        blk_insert(blk, block_open(name, &o, &error_abort));
        setup();
        for (unsigned rate = 0; rate < 4; rate++) {
            read_id_at(rate, rate == f->rate);
        }
        out8(0x3f7, f->rate);
        check_last_side(f);
        g_unlink(name);
    }
    blk_eject(blk);
    blk_insert(blk, node);
}

/* ---- more commands ----------------------------------------------------------------------------------------------- */

static void test_read_track_starts_at_the_index(void)
{
    setup();
    program_dma(0x46, 18 * 512);
    COMMAND(0x42, 0x00, 2, 0, 7, 2, 18, 0x1b, 0xff);
    wait_irq();
    assert_result("00 00 00 03 00 01 02");
    assert_memory(lba(2, 0, 1) * 512, 18 * 512);
}

static void test_ordinary_sectors_are_no_deleted_ones(void)
{
    setup();
    program_dma(0x46, 4 * 512);
    COMMAND(0x4c, 0x00, 2, 0, 7, 2, 18, 0x1b, 0xff);    /* the first is read, and it ends there */
    wait_irq();
    assert_result("00 00 40 02 00 07 02");
    assert_memory(lba(2, 0, 7) * 512, 512);
    COMMAND(0x6c, 0x00, 2, 0, 7, 2, 18, 0x1b, 0xff);    /* all are skipped */
    wait_irq();
    assert_result("00 00 40 03 00 01 02");
}

static void test_verify_counts_or_goes_to_eot(void)
{
    setup();
    COMMAND(0x56, 0x00, 2, 0, 5, 2, 18, 0x1b, 0xff);
    wait_irq();
    assert_result("00 00 00 03 00 01 02");
    COMMAND(0x56, 0x00, 2, 0, 5, 2, 19, 0x1b, 0xff);    /* there is no sector 19 */
    wait_irq();
    assert_result("40 04 00 02 00 13 02");
    COMMAND(0x56, 0x80, 2, 0, 5, 2, 18, 0x1b, 4);       /* EC: four sectors */
    wait_irq();
    assert_result("00 00 00 02 00 09 02");
    COMMAND(0x56, 0x80, 2, 0, 5, 2, 18, 0x1b, 15);
    wait_irq();
    assert_result("40 80 00 03 00 01 02");
    COMMAND(0xd6, 0x80, 2, 0, 5, 2, 18, 0x1b, 32);      /* MT: the other side too */
    wait_irq();
    assert_result("00 00 00 03 00 01 02");
    COMMAND(0xd6, 0x00, 2, 0, 1, 2, 18, 0x1b, 0xff);
    wait_irq();
    assert_result("00 00 00 03 00 01 02");
    g_assert_cmpint(line_level[6], ==, 0);
}

/* Sectors of cylinder 60 hold their numbers. */
static void put_sectors(void)
{
    uint8_t out[36 * 512];

    for (unsigned i = 0; i < sizeof(out); i++) {
        out[i] = i / 512 + 1;
    }
    address_space_write(address_space_memory, DMA_ADDR, out, sizeof(out));
    program_dma(0x4a, sizeof(out));
    COMMAND(0xc5, 0x00, 60, 0, 1, 2, 18, 0x1b, 0xff);
    wait_irq();
    assert_result("00 00 00 3d 00 01 02");
}

static void scan(uint8_t op, uint8_t host, unsigned sectors, uint8_t first, uint8_t step, const char *result)
{
    g_autofree uint8_t *data = g_malloc(sectors * 512);

    memset(data, host, sectors * 512);
    data[3] = 0xff;                                     /* equals everything */
    address_space_write(address_space_memory, DMA_ADDR, data, sectors * 512);
    program_dma(0x4a, sectors * 512);
    COMMAND(op, 0x00, 60, 0, first, 2, 18, 0x1b, step);
    wait_irq();
    assert_result(result);
}

static void test_scan_compares_with_what_the_host_sends(void)
{
    setup();
    put_sectors();
    scan(0x51, 7, 18, 1, 1, "00 00 08 3c 00 07 02");
    scan(0x51, 7, 18, 1, 2, "00 00 08 3c 00 07 02");
    scan(0x51, 8, 18, 1, 2, "00 00 04 3d 00 01 02");    /* odd sectors only */
    scan(0x51, 7, 3, 1, 1, "00 00 04 3c 00 03 02");     /* terminal count comes first */
    scan(0x51, 20, 36, 1, 1, "00 00 04 3d 00 01 02");
    scan(0xd1, 20, 36, 1, 1, "04 00 08 3c 01 02 02");   /* MT: on the other side */
    scan(0xd1, 99, 40, 1, 1, "00 00 04 3d 00 01 02");
    scan(0x59, 4, 18, 2, 1, "00 00 00 3c 00 02 02");    /* the disk's is lower */
    scan(0x59, 4, 18, 4, 1, "00 00 08 3c 00 04 02");
    scan(0x59, 4, 18, 5, 1, "00 00 04 3d 00 01 02");
    scan(0x5d, 4, 18, 1, 1, "00 00 08 3c 00 04 02");
    scan(0x5d, 4, 18, 5, 1, "00 00 00 3c 00 05 02");
    COMMAND(0x03, 0xdf, 0x03);                          /* without DMA */
    COMMAND(0x51, 0x00, 60, 0, 2, 2, 18, 0x1b, 1);
    let_pass();
    for (unsigned i = 0; i < 512; i++) {
        g_assert_cmphex(in8(0x3f4), ==, 0xb0);
        out8(0x3f5, 2);
    }
    wait_irq();
    assert_result("00 00 08 3c 00 02 02");
}

static void test_format_and_write_brings_its_data(void)
{
    uint8_t out[18 * 516], in[512];

    setup();
    for (unsigned i = 0; i < 18; i++) {
        memcpy(out + 516 * i, (uint8_t[]){ 62, 1, 18 - i, 2 }, 4);
        memset(out + 516 * i + 4, 0x80 + i, 512);
    }
    address_space_write(address_space_memory, DMA_ADDR, out, sizeof(out));
    COMMAND(0x0f, 0x04, 62);
    wait_irq();
    sense("24 3e");
    program_dma(0x4a, sizeof(out));
    COMMAND(0xed, 0x04, 2, 18, 0x6c, 0xf6);
    wait_irq();
    g_assert_cmphex(get(), ==, 0x04);
    for (unsigned i = 0; i < 6; i++) {
        get();
    }
    for (unsigned i = 0; i < 18; i++) {
        g_assert_cmpint(blk_pread_sync(blk, lba(62, 1, 18 - i) * 512, in, 512), ==, 0);
        g_assert_cmphex(in[0], ==, 0x80 + i);
        g_assert_cmphex(in[511], ==, 0x80 + i);
    }
}

static void test_formatting_takes_the_ids_through_the_fifo(void)
{
    uint8_t in[512];

    setup();
    COMMAND(0x03, 0xdf, 0x03);
    COMMAND(0x0f, 0x04, 64);
    wait_irq();
    sense("24 40");
    COMMAND(0x4d, 0x04, 2, 18, 0x6c, 0xe5);
    for (unsigned i = 0; i < 72; i++) {
        g_assert_cmphex(in8(0x3f4), ==, 0xb0);
        out8(0x3f5, i % 4 == 2 ? i / 4 + 1 : 2);
    }
    wait_irq();
    g_assert_cmphex(get(), ==, 0x04);
    for (unsigned i = 0; i < 6; i++) {
        get();
    }
    g_assert_cmpint(blk_pread_sync(blk, lba(64, 1, 1) * 512, in, 512), ==, 0);
    g_assert_cmphex(in[0], ==, 0xe5);
    COMMAND(0x4d, 0x04, 2, 9, 0x50, 0xe5);              /* not the disk's format */
    wait_irq();
    assert_result("44 04 00 40 01 01 02");
}

static void test_a_seek_is_over_before_the_next_command(void)
{
    setup();
    COMMAND(0x0f, 0x00, 9);
    COMMAND(0x4a, 0x00);
    wait_irq();
    g_assert_cmphex(get(), ==, 0x00);
    for (unsigned i = 0; i < 6; i++) {
        get();
    }
    sense("20 09");
    sense("80");
}

static void test_the_gate_holds_dma_back(void)
{
    setup();
    out8(0x3f2, 0x14);
    program_dma(0x46, 512);
    COMMAND(0xe6, 0x00, 0, 0, 3, 2, 18, 0x1b, 0xff);
    let_pass();
    g_assert_cmphex(in8(0x3f4), ==, 0x10);
    out8(0x3f2, 0x1c);
    wait_irq();
    assert_result("00 00 00 00 00 04 02");
    assert_memory(2 * 512, 512);
}

static void test_a_command_survives_a_snapshot(void)
{
    setup();
    COMMAND(0xe6, 0x00, 1, 0);                          /* between two bytes of it */
    save_reset_load(fdc);
    program_dma(0x46, 512);
    COMMAND(1, 2, 18, 0x1b, 0xff);
    wait_irq();
    assert_result("00 00 00 01 00 02 02");
    assert_memory(lba(1, 0, 1) * 512, 512);
}

static void test_random_register_traffic_does_no_harm(void)
{
    setup();
    assert_refused(fdc, 2, 1);          /* waits for DMA without a command */
    load_nonsense(fdc);
    setup();
    for (unsigned i = 0; i < 100000; i++) {
        uint32_t r = g_test_rand_int();
        uint16_t port = 0x3f0 + (r & 7);

        if (port == 0x3f6) {
            continue;
        }
        if (r & 8) {
            port = 0x3f5;
        }
        if (port == 0x3f2 && r & 0x30) {
            continue;
        }
        if (r & 0x40) {
            out8(port, r >> 8);
        } else {
            in8(port);
        }
        if (i % 32 == 0) {
            program_dma(r & 0x80 ? 0x46 : 0x4a, (r >> 16 & 0x7fff) + 1);
            run_for(50 * US);
            main_loop_wait(0);
        }
    }
    blk_drain_all();
    setup();
    put(0x10);
    assert_result("90");
}

static void create(void)
{
    static MemoryRegion ram;
    BlockOpenOptions o = { .format = "raw" };
    int fd = g_file_open_tmp("fdc-test-XXXXXX", &path, NULL);

    for (unsigned i = 0; i < 2880; i++) {
        uint8_t sector[512];

        for (unsigned k = 0; k < 512; k++) {
            sector[k] = pattern(i * 512 + k);
        }
        g_assert_cmpint(write(fd, sector, 512), ==, 512);
    }
    close(fd);
    memory_region_init_ram(&ram, NULL, "ram", MiB, &error_abort);
    memory_region_add(get_system_memory(), 0, &ram, 0);
    blk = blk_new("fd");
    blk_insert(blk, block_open(path, &o, &error_abort));
    dma = device_new("i8257");
    device_realize(dma, NULL, &error_abort);
    fdc = device_new("isa-fdc");
    fdc_set_board(dma, "fd", NULL);
    device_realize(fdc, NULL, &error_abort);
}

int main(int argc, char **argv)
{
    int status;

    harness_init(&argc, &argv);
    create();
#define T(name) g_test_add_func("/fdc/" #name, name)
    T(test_reset_polls_four_drives);
    T(test_identification);
    T(test_seek_and_recalibrate);
    T(test_read_one_sector_by_dma);
    T(test_both_sides_in_one_command);
    T(test_without_tc_the_track_ends);
    T(test_late_dma_setup_is_waited_for);
    T(test_write_reaches_the_image);
    T(test_format_fills_a_side);
    T(test_what_is_not_there_is_not_found);
    T(test_without_dma_bytes_come_through_the_fifo);
    T(test_the_gate_holds_the_interrupt_back);
    T(test_a_new_disk_is_noticed);
    T(test_every_format_is_read_at_its_rate);
    T(test_forty_cylinders_by_single_and_double_steps);
    T(test_read_track_starts_at_the_index);
    T(test_ordinary_sectors_are_no_deleted_ones);
    T(test_verify_counts_or_goes_to_eot);
    T(test_scan_compares_with_what_the_host_sends);
    T(test_format_and_write_brings_its_data);
    T(test_formatting_takes_the_ids_through_the_fifo);
    T(test_a_seek_is_over_before_the_next_command);
    T(test_the_gate_holds_dma_back);
    T(test_a_command_survives_a_snapshot);
    T(test_random_register_traffic_does_no_harm);
    status = g_test_run();
    blk_close_all();
    g_unlink(path);
    return status;
}
