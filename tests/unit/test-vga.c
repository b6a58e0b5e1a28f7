/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The VGA through its ports, its window and its BARs; pictures through the console. What the graphics controller does
 * to a byte is checked against a plain second model, bit by bit.
 */
#include "qemu/osdep.h"
#include <glib/gstdio.h>
#include "device-harness.h"
#include "exec/ram.h"
#include "hw/display/edid.h"
#include "hw/pci/pci.h"
#include "qemu/bitops.h"
#include "ui/console.h"

#define LFB     0xe0000000u
#define MMIO    0xfebf0000u
#define WINDOW  0xa0000u

static PciDevice *card;
static Console *con;

/* ---- the registers of well-known modes --------------------------------------------------------------------------- */

typedef struct Mode {
    uint8_t misc, seq[4], crtc[25], gc[9], attr_mode;
} Mode;

static const Mode mode_text = {
    0x67,
    { 0x00, 0x03, 0x00, 0x02 },
    { 0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0,
      0,    0,    0,    0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff },
    { 0, 0, 0, 0, 0, 0x10, 0x0e, 0, 0xff },
    0x0c,
};
static const Mode mode_12 = {
    0xe3,
    { 0x01, 0x0f, 0x00, 0x06 },
    { 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0b, 0x3e, 0x00, 0x40, 0,    0,   0,
      0,    0,    0,    0xea, 0x8c, 0xdf, 0x28, 0x00, 0xe7, 0x04, 0xe3, 0xff },
    { 0, 0, 0, 0, 0, 0x00, 0x05, 0x0f, 0xff },
    0x01,
};
static const Mode mode_13 = {
    0x63,
    { 0x01, 0x0f, 0x00, 0x0e },
    { 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0x00, 0x41, 0,    0,   0,
      0,    0,    0,    0x9c, 0x8e, 0x8f, 0x28, 0x40, 0x96, 0xb9, 0xa3, 0xff },
    { 0, 0, 0, 0, 0, 0x40, 0x05, 0x0f, 0xff },
    0x41,
};
static const Mode mode_04 = {
    0x63,
    { 0x09, 0x03, 0x00, 0x02 },
    { 0x2d, 0x27, 0x28, 0x90, 0x2b, 0x80, 0xbf, 0x1f, 0x00, 0xc1, 0,    0,   0,
      0,    0,    0,    0x9c, 0x8e, 0x8f, 0x14, 0x00, 0x96, 0xb9, 0xa2, 0xff },
    { 0, 0, 0, 0, 0, 0x30, 0x0f, 0x0f, 0xff },
    0x01,
};

static void reg(uint16_t port, uint8_t index, uint8_t val)
{
    port_out(port, index | val << 8, 2);
}

static uint8_t get(uint16_t port, uint8_t index)
{
    out8(port, index);
    return in8(port + 1);
}

static void attr(uint8_t index, uint8_t val)
{
    in8(0x3da);
    out8(0x3c0, index);
    out8(0x3c0, val);
    out8(0x3c0, 0x20);
}

static void fresh(void)
{
    device_reset_all();
    pci_config_write(card, PCI_BAR0, LFB, 4);
    pci_config_write(card, PCI_BAR0 + 8, MMIO, 4);
    pci_config_write(card, PCI_COMMAND, 3, 2);
}

static void set_mode(const Mode *m)
{
    fresh();
    out8(0x3c2, m->misc);
    for (unsigned i = 0; i < 4; i++) {
        reg(0x3c4, i + 1, m->seq[i]);
    }
    reg(0x3c4, 0, 3);
    reg(0x3d4, 0x11, 0);
    for (unsigned i = 0; i < 25; i++) {
        reg(0x3d4, i, m->crtc[i]);
    }
    for (unsigned i = 0; i < 9; i++) {
        reg(0x3ce, i, m->gc[i]);
    }
    for (unsigned i = 0; i < 16; i++) {
        attr(i, i);
    }
    attr(0x10, m->attr_mode);
    attr(0x12, 0x0f);
    attr(0x13, m == &mode_text ? 8 : 0);
    out8(0x3c6, 0xff);
    out8(0x3c8, 0);
    for (unsigned i = 0; i < 256; i++) {        /* red is the index, so that pixels name their colour */
        out8(0x3c9, i & 0x3f);
        out8(0x3c9, i >> 2 & 0x3f);
        out8(0x3c9, 0);
    }
    memset(memory_region_ram_ptr(card->bars[0].mr), 0, 512 * KiB);
    console_update(con);
}

static void poke(uint32_t addr, uint8_t val)
{
    stb_phys(address_space_memory, addr, val);
}

static uint8_t peek(uint32_t addr)
{
    return ldub_phys(address_space_memory, addr);
}

static void dispi(uint16_t index, uint16_t val)
{
    port_out(0x1ce, index, 2);
    port_out(0x1cf, val, 2);
}

static uint16_t dispi_get(uint16_t index)
{
    port_out(0x1ce, index, 2);
    return port_in(0x1cf, 2);
}

static void dispi_mode(unsigned w, unsigned h, unsigned bpp, uint16_t flags)
{
    dispi(4, 0);
    dispi(1, w);
    dispi(2, h);
    dispi(3, bpp);
    dispi(4, flags);
}

static uint32_t color_of(uint8_t index)
{
    uint8_t r = index & 0x3f, g = index >> 2 & 0x3f;

    return (r << 2 | (r & 1) * 3) << 16 | (g << 2 | (g & 1) * 3) << 8;
}

static uint32_t pixel(unsigned x, unsigned y)
{
    pixman_image_t *image = console_surface(con);
    const uint8_t *line = (const uint8_t *)pixman_image_get_data(image) + (size_t)y * pixman_image_get_stride(image);

    return ((const uint32_t *)line)[x] & 0xffffff;
}

static void check_size(int w, int h)
{
    g_assert_cmpint(pixman_image_get_width(console_surface(con)), ==, w);
    g_assert_cmpint(pixman_image_get_height(console_surface(con)), ==, h);
}

/* ---- registers --------------------------------------------------------------------------------------------------- */

static void test_mono_or_colour_addresses_answer(void)
{
    fresh();
    g_assert_cmphex(in8(0x3d4), ==, 0xff);
    g_assert_cmphex(in8(0x3b4), ==, 0x00);
    out8(0x3c2, 0x67);
    g_assert_cmphex(in8(0x3cc), ==, 0x67);
    g_assert_cmphex(in8(0x3b4), ==, 0xff);
    g_assert_cmphex(in8(0x3da) & 0xf6, ==, 0x00);
    out8(0x3d4, 0x0e);
    g_assert_cmphex(in8(0x3d4), ==, 0x0e);
}

static void test_registers_keep_the_bits_they_have(void)
{
    static const uint8_t seq[] = { 0x03, 0x3d, 0x0f, 0x3f, 0x0e }, gc[] = { 15, 15, 15, 31, 3, 0x7b, 15, 15, 255 };

    set_mode(&mode_text);
    for (unsigned i = 0; i < ARRAY_SIZE(seq); i++) {
        reg(0x3c4, i, 0xff);
        g_assert_cmphex(get(0x3c4, i), ==, seq[i]);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(gc); i++) {
        reg(0x3ce, i, 0xff);
        g_assert_cmphex(get(0x3ce, i), ==, gc[i]);
    }
    g_assert_cmphex(get(0x3ce, 9), ==, 0);
}

static void test_attribute_flip_flop(void)
{
    set_mode(&mode_text);
    in8(0x3da);
    out8(0x3c0, 0x11);
    g_assert_cmphex(get(0x3d4, 0x24), ==, 0x80);
    out8(0x3c0, 0x5a);
    g_assert_cmphex(get(0x3d4, 0x24), ==, 0x00);
    out8(0x3c0, 0x31);
    g_assert_cmphex(in8(0x3c1), ==, 0x5a);
    g_assert_cmphex(in8(0x3c0), ==, 0x31);
    g_assert_cmphex(get(0x3d4, 0x26), ==, 0x31);
    in8(0x3da);                     /* back to index */
    out8(0x3c0, 0x32);
    g_assert_cmphex(in8(0x3c1), ==, 0x0f);
}

static void test_crtc_protection_spares_line_compare(void)
{
    set_mode(&mode_text);
    reg(0x3d4, 0x11, 0x8e);
    reg(0x3d4, 0x00, 0x12);
    reg(0x3d4, 0x07, 0x00);
    reg(0x3d4, 0x0e, 0x34);
    g_assert_cmphex(get(0x3d4, 0x00), ==, 0x5f);
    g_assert_cmphex(get(0x3d4, 0x07), ==, 0x0f);
    g_assert_cmphex(get(0x3d4, 0x0e), ==, 0x34);
}

static void test_dac_triples(void)
{
    set_mode(&mode_text);
    out8(0x3c8, 10);
    for (unsigned i = 1; i <= 6; i++) {
        out8(0x3c9, i);
    }
    g_assert_cmphex(in8(0x3c8), ==, 12);
    out8(0x3c7, 10);
    g_assert_cmphex(in8(0x3c7), ==, 3);
    for (unsigned i = 1; i <= 6; i++) {
        g_assert_cmphex(in8(0x3c9), ==, i);
    }
    out8(0x3c8, 10);                /* an unfinished triple leaves the colour alone */
    out8(0x3c9, 0x3f);
    g_assert_cmphex(in8(0x3c7), ==, 0);
    out8(0x3c7, 10);
    g_assert_cmphex(in8(0x3c9), ==, 1);
}

/* 70 frames a second of 449 lines; two of them retrace. */
static void test_retrace_follows_the_clock(void)
{
    unsigned vsync = 0, blank = 0, edges = 0;
    uint8_t last = 0;

    set_mode(&mode_text);
    for (unsigned us = 0; us < 1000000; us++) {
        uint8_t v = in8(0x3da);

        vsync += !!(v & 8);
        blank += v & 1;
        edges += (v & 8) && !(last & 8);
        last = v;
        run_for(1 * US);
    }
    g_assert_cmpuint(edges, >=, 69);
    g_assert_cmpuint(edges, <=, 71);
    g_assert_cmpuint(vsync, >=, 4300);
    g_assert_cmpuint(vsync, <=, 4600);
    g_assert_cmpuint(blank, >=, 280000);
    g_assert_cmpuint(blank, <=, 300000);
}

/* ---- the window -------------------------------------------------------------------------------------------------- */

static uint8_t model_planes[4][65536], model_latch[4];

static uint8_t ror8(uint8_t v, unsigned n)
{
    return n ? v >> n | v << (8 - n) : v;
}

/* IBM's description, one plane after the other. */
static void model_write(uint16_t a, uint8_t val, const uint8_t *gc, uint8_t map_mask)
{
    unsigned mode = gc[5] & 3;

    for (unsigned p = 0; p < 4; p++) {
        uint8_t set = gc[0] >> p & 1 ? 0xff : 0, latch = model_latch[p], mask = gc[8], data;

        if (!(map_mask >> p & 1)) {
            continue;
        }
        if (mode == 1) {
            model_planes[p][a] = latch;
            continue;
        }
        data = mode == 0 ? (gc[1] >> p & 1 ? set : ror8(val, gc[3] & 7)) : mode == 2 ? (val >> p & 1 ? 0xff : 0) : set;
        mask &= mode == 3 ? ror8(val, gc[3] & 7) : 0xff;
        switch (gc[3] >> 3) {
        case 1:
            data &= latch;
            break;
        case 2:
            data |= latch;
            break;
        case 3:
            data ^= latch;
            break;
        }
        model_planes[p][a] = (data & mask) | (latch & ~mask);
    }
}

static uint8_t model_read(uint16_t a, const uint8_t *gc)
{
    uint8_t equal = 0xff;

    for (unsigned p = 0; p < 4; p++) {
        model_latch[p] = model_planes[p][a];
        if (gc[7] >> p & 1) {
            equal &= ~(model_latch[p] ^ (gc[2] >> p & 1 ? 0xff : 0));
        }
    }
    return gc[5] & 8 ? equal : model_latch[gc[4] & 3];
}

static void test_write_and_read_modes_match_the_description(void)
{
    static const uint8_t gc_mask[9] = { 15, 15, 15, 31, 3, 0x0b, 0, 15, 255 };
    GRand *rand = g_rand_new_with_seed(1);
    uint8_t gc[9];

    set_mode(&mode_12);
    memset(model_planes, 0, sizeof(model_planes));
    for (unsigned n = 0; n < 20000; n++) {
        uint16_t from = g_rand_int(rand), to = g_rand_int(rand) % 256 * 257;
        uint8_t val = g_rand_int(rand), map = g_rand_int(rand) & 15;

        for (unsigned i = 0; i < 9; i++) {
            gc[i] = g_rand_int(rand) & gc_mask[i];
            if (gc_mask[i]) {
                reg(0x3ce, i, gc[i]);
            }
        }
        from = n % 2 ? to : from;
        reg(0x3c4, 2, map);
        g_assert_cmphex(peek(WINDOW + from), ==, model_read(from, gc));
        model_write(to, val, gc, map);
        poke(WINDOW + to, val);
    }
    reg(0x3ce, 5, 0);
    for (unsigned p = 0; p < 4; p++) {
        reg(0x3ce, 4, p);
        for (unsigned a = 0; a < 65536; a += 257) {
            g_assert_cmphex(peek(WINDOW + a), ==, model_planes[p][a]);
        }
    }
    g_rand_free(rand);
}

static void test_wide_accesses_are_bytes_in_order(void)
{
    set_mode(&mode_12);
    stl_phys(address_space_memory, WINDOW + 100, 0x44332211);
    g_assert_cmphex(peek(WINDOW + 103), ==, 0x44);
    g_assert_cmphex(lduw_phys(address_space_memory, WINDOW + 101), ==, 0x3322);
    stq_phys(address_space_memory, WINDOW + 0xfffc, 0x8877665544332211);    /* the plane wraps where the map ends */
    g_assert_cmphex(peek(WINDOW + 0xffff), ==, 0x44);
}

static void test_odd_even_splits_characters_and_attributes(void)
{
    const uint8_t *mem = memory_region_ram_ptr(card->bars[0].mr);

    set_mode(&mode_text);
    stw_phys(address_space_memory, 0xb8000 + 2 * 7, 0x1e41);
    g_assert_cmphex(mem[4 * 14 + 0], ==, 0x41);
    g_assert_cmphex(mem[4 * 14 + 1], ==, 0x1e);
    g_assert_cmphex(peek(0xb8000 + 15), ==, 0x1e);
    g_assert_cmphex(peek(0xa0000), ==, 0xff);       /* not in this map */
    out8(0x3c2, 0x65);                              /* memory off */
    poke(0xb8000, 0x55);
    out8(0x3c2, 0x67);
    g_assert_cmphex(peek(0xb8000), ==, 0x00);
}

static bool window_is_ram(void)
{
    return address_space_resolve(address_space_memory, WINDOW).host;
}

static void test_linear_modes_are_plain_ram(void)
{
    set_mode(&mode_12);
    g_assert_false(window_is_ram());
    set_mode(&mode_13);
    g_assert_true(window_is_ram());
    poke(WINDOW + 5, 0x77);
    g_assert_cmphex(memory_region_ram_ptr(card->bars[0].mr)[5], ==, 0x77);
    reg(0x3c4, 2, 0x01);                            /* one plane: every fourth byte takes the slow way */
    g_assert_false(window_is_ram());
    poke(WINDOW + 5, 0x11);
    poke(WINDOW + 8, 0x22);
    g_assert_cmphex(peek(WINDOW + 5), ==, 0x77);
    g_assert_cmphex(peek(WINDOW + 8), ==, 0x22);
    reg(0x3c4, 2, 0x0f);
    reg(0x3ce, 8, 0x0f);
    poke(WINDOW + 5, 0x99);
    reg(0x3ce, 8, 0xff);
    g_assert_true(window_is_ram());
    dispi_mode(640, 480, 8, 0x01);
    dispi(5, 3);
    g_assert_true(window_is_ram());
    poke(WINDOW + 1, 0x42);
    g_assert_cmphex(peek(LFB + 0x30001), ==, 0x42);
    dispi_mode(640, 480, 4, 0x01);
    g_assert_false(window_is_ram());
}

/* ---- pictures ---------------------------------------------------------------------------------------------------- */

static void put_glyph(uint8_t c, unsigned row, uint8_t dots, uint16_t font)
{
    memory_region_ram_ptr(card->bars[0].mr)[4 * (font + c * 32 + row) + 2] = dots;
    ram_written(memory_region_ram_addr(card->bars[0].mr), 4096);
}

static void put_char(unsigned n, uint8_t c, uint8_t attribute)
{
    stw_phys(address_space_memory, 0xb8000 + 2 * n, c | attribute << 8);
}

static void check_row(unsigned x, unsigned y, unsigned n, uint32_t dots, uint8_t fg, uint8_t bg)
{
    for (unsigned i = 0; i < n; i++) {
        g_assert_cmphex(pixel(x + i, y), ==, color_of(dots >> (n - 1 - i) & 1 ? fg : bg));
    }
}

static void test_text_cells(void)
{
    set_mode(&mode_text);
    reg(0x3d4, 0x0a, 0x20);
    put_glyph('A', 3, 0xa5, 0);
    put_glyph(0xc4, 3, 0xff, 0);
    put_char(0, 'A', 0x1e);
    put_char(1, 0xc4, 0x70);
    put_char(81, 'A', 0x07);
    console_update(con);
    check_size(720, 400);
    check_row(0, 3, 9, 0xa5 << 1, 14, 1);       /* the ninth dot is background, */
    check_row(9, 3, 9, 0x1ff, 0, 7);            /* but line graphics go through */
    check_row(9, 16 + 3, 9, 0xa5 << 1, 7, 0);
    reg(0x3c4, 1, 0x01);                        /* 8 dots wide */
    attr(0x13, 0);
    console_update(con);
    check_size(640, 400);
    check_row(8, 3, 8, 0xff, 0, 7);
}

static void test_second_font_and_underline(void)
{
    set_mode(&mode_text);
    reg(0x3d4, 0x0a, 0x20);
    put_glyph('B', 0, 0x0f, 0);
    put_glyph('B', 0, 0xf0, 0x4000);
    reg(0x3c4, 3, 0x04);                        /* map A = 1, map B = 0 */
    put_char(0, 'B', 0x07);
    put_char(1, 'B', 0x0f);
    put_char(2, ' ', 0x01);
    put_glyph('C', 12, 0x01, 0);
    put_char(3, 'C', 0x07);
    reg(0x3d4, 0x14, 12);
    console_update(con);
    check_row(0, 0, 9, 0x0f << 1, 7, 0);
    check_row(9, 0, 9, 0xf0 << 1, 15, 0);
    check_row(18, 12, 9, 0x1ff, 1, 0);
    check_row(18, 11, 9, 0x000, 1, 0);
    check_row(27, 12, 9, 0x002, 7, 0);          /* no line under this one: its ninth dot is as in other rows */
}

/* Plane 2 is seen where it is shown, whoever writes it: the window, chain-4, display memory behind the BAR. */
static void test_fonts_written_by_any_route_are_shown(void)
{
    set_mode(&mode_text);
    reg(0x3d4, 0x0a, 0x20);
    put_char(0, 'B', 0x07);
    put_char(1, 'B', 0x0f);
    console_update(con);
    check_row(0, 0, 9, 0, 7, 0);
    poke(LFB + 4 * ('B' * 32) + 2, 0x81);
    console_update(con);
    check_row(0, 0, 9, 0x81 << 1, 7, 0);
    check_row(9, 0, 9, 0x81 << 1, 15, 0);
    reg(0x3c4, 3, 0x04);                        /* map A = 1, map B = 0 */
    console_update(con);
    check_row(9, 0, 9, 0, 15, 0);
    poke(LFB + 4 * (0x4000 + 'B' * 32 + 1) + 2, 0x18);
    console_update(con);
    check_row(0, 1, 9, 0, 7, 0);
    check_row(9, 1, 9, 0x18 << 1, 15, 0);
    reg(0x3c4, 2, 0x04);                        /* as a BIOS loads a font */
    reg(0x3c4, 4, 0x06);
    reg(0x3ce, 5, 0x00);
    reg(0x3ce, 6, 0x04);
    poke(WINDOW + 'B' * 32 + 2, 0x42);
    console_update(con);
    check_row(0, 2, 9, 0x42 << 1, 7, 0);
    reg(0x3c4, 2, 0x0f);
    reg(0x3c4, 4, 0x0e);                        /* chain-4: straight into memory */
    poke(WINDOW + 4 * ('B' * 32 + 3) + 2, 0x24);
    console_update(con);
    check_row(0, 3, 9, 0x24 << 1, 7, 0);
}

/* Winds the clock to where a blinking thing of that many frames begins to be visible. */
static void wind_to_period(unsigned frames)
{
    int64_t frame_ns = 31777 * 449ll, period = frame_ns * frames;

    run_to((clock_get_ns(CLOCK_VM) / period + 1) * period + frame_ns);
}

static void test_cursor_and_blinking(void)
{
    set_mode(&mode_text);
    put_glyph('X', 0, 0xff, 0);
    put_char(0, 'X', 0x87);
    put_char(1, 'X', 0x07);
    reg(0x3d4, 0x0f, 1);
    wind_to_period(32);
    console_update(con);
    check_row(0, 0, 9, 0x1fe, 7, 0);
    check_row(9, 13, 9, 0x1ff, 7, 0);
    check_row(9, 12, 9, 0x000, 7, 0);
    run_for(8 * 31777 * 449);
    console_update(con);
    check_row(9, 13, 9, 0x000, 7, 0);           /* cursor off, text still there */
    check_row(0, 0, 9, 0x1fe, 7, 0);
    run_for(8 * 31777 * 449);
    console_update(con);
    check_row(9, 13, 9, 0x1ff, 7, 0);
    check_row(0, 0, 9, 0x000, 7, 0);            /* text off */
    attr(0x10, 0x04);                           /* no blinking: bright background */
    console_update(con);
    check_row(0, 0, 9, 0x1fe, 7, 8);
}

static void test_cursor_skew_moves_it_right(void)
{
    set_mode(&mode_text);
    reg(0x3d4, 0x0f, 1);
    reg(0x3d4, 0x0b, 0x4e);                     /* two characters */
    g_assert_cmphex(get(0x3d4, 0x0b), ==, 0x4e);
    for (unsigned i = 0; i < 4; i++) {
        put_char(i, ' ', 0x07);
    }
    wind_to_period(32);
    console_update(con);
    check_row(9, 13, 9, 0x000, 7, 0);
    check_row(27, 13, 9, 0x1ff, 7, 0);
}

/* Dots to the left (attribute controller), characters to the left and rows upwards (preset row scan). */
static void test_text_moves_by_dots_bytes_and_rows(void)
{
    set_mode(&mode_text);
    reg(0x3d4, 0x0a, 0x20);
    put_glyph('A', 0, 0x80, 0);
    put_glyph('A', 5, 0x01, 0);
    for (unsigned i = 0; i < 81; i++) {
        put_char(i, ' ', 0x17);
    }
    put_char(1, 'A', 0x17);
    console_update(con);
    check_row(9, 0, 9, 0x80 << 1, 7, 1);
    attr(0x13, 2);                              /* 9 dots wide: 8 is no shift, 2 is three dots */
    console_update(con);
    check_row(6, 0, 9, 0x80 << 1, 7, 1);
    check_row(6, 5, 9, 0x01 << 1, 7, 1);
    attr(0x13, 8);
    reg(0x3d4, 0x08, 0x20);
    console_update(con);
    check_row(0, 0, 9, 0x80 << 1, 7, 1);
    reg(0x3d4, 0x08, 0x05);
    console_update(con);
    check_row(9, 0, 9, 0x01 << 1, 7, 1);
    reg(0x3c4, 1, 0x01);                        /* 8 dots wide: as many as it says */
    reg(0x3d4, 0x08, 0x00);
    attr(0x13, 3);
    console_update(con);
    check_row(5, 0, 8, 0x80, 7, 1);
}

static void test_text_takes_its_colours_through_planes_and_selects(void)
{
    set_mode(&mode_text);
    reg(0x3d4, 0x0a, 0x20);
    put_glyph('A', 0, 0xf0, 0);
    put_char(0, 'A', 0x2f);
    attr(0x12, 0x05);                           /* colour planes */
    console_update(con);
    check_row(0, 0, 9, 0xf0 << 1, 5, 0);
    attr(0x12, 0x0f);
    attr(0x14, 0x0c);                           /* bits 6 and 7 of the DAC's index */
    console_update(con);
    check_row(0, 0, 9, 0xf0 << 1, 0xcf, 0xc2);
    attr(0x10, 0x8c);                           /* and bits 4 and 5 */
    attr(0x14, 0x0e);
    console_update(con);
    check_row(0, 0, 9, 0xf0 << 1, 0xef, 0xe2);
}

/* What a terminal is shown: cells where the picture has them, a size when it is no text. */
static void test_text_screens_are_told_as_text(void)
{
    TextScreen t = { 0 };

    set_mode(&mode_text);
    put_char(0, 'H', 0x1e);
    put_char(80 + 79, 'i', 0x07);
    reg(0x3d4, 0x0f, 81);
    g_assert_true(console_text(con, &t));
    g_assert_cmpuint(t.columns, ==, 80);
    g_assert_cmpuint(t.rows, ==, 25);
    g_assert_cmphex(t.cells[0], ==, 0x1e00 | 'H');
    g_assert_cmphex(t.cells[159], ==, 0x0700 | 'i');
    g_assert_cmpint(t.cursor, ==, 81);
    g_assert_true(t.blinks);
    reg(0x3d4, 0x0a, 0x20);
    reg(0x3d4, 0x0d, 80);                       /* scrolled by a line */
    reg(0x3d4, 0x18, 0x7f);                     /* and split after eight lines of text */
    reg(0x3d4, 0x07, 0x0f);
    reg(0x3d4, 0x09, 0x0f);
    g_assert_true(console_text(con, &t));
    g_assert_cmpuint(t.rows, ==, 25);
    g_assert_cmphex(t.cells[79], ==, 0x0700 | 'i');
    g_assert_cmphex(t.cells[8 * 80], ==, 0x1e00 | 'H');
    g_assert_cmpint(t.cursor, ==, -1);
    reg(0x3c4, 1, 0x20);                        /* switched off */
    g_assert_true(console_text(con, &t));
    g_assert_cmphex(t.cells[0], ==, 0);
    set_mode(&mode_13);
    g_assert_false(console_text(con, &t));
    g_assert_cmpuint(t.width, ==, 640);
    g_assert_cmpuint(t.height, ==, 400);
    g_free(t.cells);
}

static void test_mode_13_doubles_dots_and_lines(void)
{
    set_mode(&mode_13);
    poke(WINDOW, 9);
    poke(WINDOW + 320 * 10 + 319, 0x85);
    console_update(con);
    check_size(640, 400);
    g_assert_cmphex(pixel(0, 1), ==, color_of(9));
    g_assert_cmphex(pixel(1, 0), ==, color_of(9));
    g_assert_cmphex(pixel(2, 0), ==, 0);
    g_assert_cmphex(pixel(638, 20), ==, color_of(0x85));
    g_assert_cmphex(pixel(639, 21), ==, color_of(0x85));
    out8(0x3c6, 0x0f);                          /* pixel mask */
    console_update(con);
    g_assert_cmphex(pixel(639, 21), ==, color_of(0x05));
}

static void test_mode_x_pages_and_pans(void)
{
    set_mode(&mode_13);
    reg(0x3c4, 4, 0x06);
    reg(0x3d4, 0x14, 0x00);
    reg(0x3d4, 0x17, 0xe3);
    reg(0x3c4, 2, 0x04);
    poke(WINDOW + 0x4000 + 80, 33);             /* plane 2: third pixel of the second line of page 1 */
    reg(0x3d4, 0x0c, 0x40);
    console_update(con);
    g_assert_cmphex(pixel(4, 2), ==, color_of(33));
    attr(0x13, 4);                              /* two pixels */
    console_update(con);
    g_assert_cmphex(pixel(0, 2), ==, color_of(33));
    g_assert_cmphex(pixel(4, 2), ==, 0);
}

static void test_split_screen(void)
{
    set_mode(&mode_12);
    reg(0x3c4, 2, 0x02);
    poke(WINDOW, 0xff);
    reg(0x3c4, 2, 0x01);
    poke(WINDOW + 0x2000, 0xff);
    reg(0x3d4, 0x0c, 0x20);
    reg(0x3d4, 0x18, 99);
    reg(0x3d4, 0x07, 0x2e);
    reg(0x3d4, 0x09, 0x00);
    attr(0x13, 3);
    console_update(con);
    g_assert_cmphex(pixel(0, 0), ==, color_of(1));
    g_assert_cmphex(pixel(5, 0), ==, 0);        /* panned by three */
    g_assert_cmphex(pixel(0, 99), ==, 0);
    g_assert_cmphex(pixel(7, 100), ==, 0);
    g_assert_cmphex(pixel(0, 100), ==, color_of(2));
    attr(0x10, 0x21);                           /* panning stops at the split */
    console_update(con);
    g_assert_cmphex(pixel(5, 0), ==, 0);
    g_assert_cmphex(pixel(7, 100), ==, color_of(2));
}

static void test_cga_graphics_interleave_banks(void)
{
    set_mode(&mode_04);
    poke(0xb8000, 0x1b);                        /* 0 1 2 3 */
    poke(0xba000, 0xe4);                        /* 3 2 1 0, next line */
    console_update(con);
    check_size(640, 400);
    for (unsigned i = 0; i < 4; i++) {
        g_assert_cmphex(pixel(2 * i, 0), ==, color_of(i));
        g_assert_cmphex(pixel(2 * i + 1, 1), ==, color_of(i));
        g_assert_cmphex(pixel(2 * i, 2), ==, color_of(3 - i));
    }
}

/* Mode 6: a bit a dot. Mode 0Dh: four planes, each dot twice. */
static void test_cga_2_colours_and_ega_320(void)
{
    Mode mode_06 = mode_04, mode_0d = mode_12;

    mode_06.seq[0] = 0x01;
    mode_06.seq[1] = 0x01;
    mode_06.seq[3] = 0x06;
    mode_06.gc[5] = 0x00;
    mode_06.gc[6] = 0x0d;
    memcpy(mode_06.crtc, (uint8_t[]) { 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80 }, 6);
    mode_06.crtc[0x13] = 0x28;
    mode_06.crtc[0x17] = 0xc2;
    set_mode(&mode_06);
    attr(0x12, 0x01);
    poke(0xb8000, 0xa0);
    poke(0xba000, 0x01);
    console_update(con);
    check_size(640, 400);
    g_assert_cmphex(pixel(0, 0), ==, color_of(1));
    g_assert_cmphex(pixel(1, 0), ==, 0);
    g_assert_cmphex(pixel(2, 1), ==, color_of(1));
    g_assert_cmphex(pixel(7, 2), ==, color_of(1));

    mode_0d.seq[0] = 0x09;
    mode_0d.crtc[1] = 0x27;
    mode_0d.crtc[0x13] = 0x14;
    set_mode(&mode_0d);
    reg(0x3c4, 2, 0x09);
    poke(WINDOW + 39, 0x01);
    console_update(con);
    check_size(640, 480);
    g_assert_cmphex(pixel(637, 0), ==, 0);
    g_assert_cmphex(pixel(638, 0), ==, color_of(9));
    g_assert_cmphex(pixel(639, 0), ==, color_of(9));
}

static void test_blank_screens(void)
{
    set_mode(&mode_13);
    poke(WINDOW, 9);
    console_update(con);
    in8(0x3da);
    out8(0x3c0, 0x00);
    console_update(con);
    check_size(640, 400);
    g_assert_cmphex(pixel(0, 0), ==, 0);
    out8(0x3c0, 0x00);
    in8(0x3da);
    out8(0x3c0, 0x20);
    console_update(con);
    g_assert_cmphex(pixel(0, 0), ==, color_of(9));
    reg(0x3c4, 1, 0x21);
    console_update(con);
    g_assert_cmphex(pixel(0, 0), ==, 0);
}

/* ---- what is drawn ----------------------------------------------------------------------------------------------- */

static unsigned n_rects, n_resized;
static int rect_x, rect_y, rect_w, rect_h;

static void on_resized(DisplayListener *l, pixman_image_t *surface)
{
    n_resized++;
}

static void on_dirty(DisplayListener *l, int x, int y, int w, int h)
{
    n_rects++;
    rect_x = x;
    rect_y = y;
    rect_w = w;
    rect_h = h;
}

static void check_rect(int x, int y, int w, int h)
{
    g_assert_cmpuint(n_rects, ==, 1);
    g_assert_cmpint(rect_x, ==, x);
    g_assert_cmpint(rect_y, ==, y);
    g_assert_cmpint(rect_w, ==, w);
    g_assert_cmpint(rect_h, ==, h);
    n_rects = 0;
}

static void test_only_what_changed_is_drawn(void)
{
    DisplayListener l = { .resized = on_resized, .dirty = on_dirty };

    n_rects = n_resized = 0;
    set_mode(&mode_text);
    reg(0x3d4, 0x0a, 0x20);
    display_listener_add(&l, con);
    g_assert_cmpuint(n_resized, ==, 1);
    console_update(con);
    n_rects = 0;
    console_update(con);
    g_assert_cmpuint(n_rects, ==, 0);
    put_char(80 * 5 + 10, 'x', 0x07);
    put_char(80 * 5 + 12, 'x', 0x07);
    console_update(con);
    check_rect(90, 80, 27, 16);

    dispi_mode(1024, 768, 16, 0x41);
    console_update(con);
    g_assert_cmpuint(n_resized, ==, 2);
    check_rect(0, 0, 1024, 768);
    poke(LFB + 2048 * 100 + 5, 1);
    console_update(con);
    check_rect(0, 100, 1024, 2);                /* a page is two lines */
    poke(LFB + 3 * MiB, 1);                     /* off screen */
    console_update(con);
    g_assert_cmpuint(n_rects, ==, 0);
    display_listener_remove(&l);
}

/* ---- DISPI ------------------------------------------------------------------------------------------------------- */

static void test_dispi_registers(void)
{
    fresh();
    g_assert_cmphex(dispi_get(0), ==, 0xb0c5);
    dispi(0, 0xb0c2);
    g_assert_cmphex(dispi_get(0), ==, 0xb0c2);
    dispi(0, 0xb0c6);
    g_assert_cmphex(dispi_get(0), ==, 0xb0c2);
    g_assert_cmphex(dispi_get(10), ==, 0x100);
    dispi(4, 2);
    g_assert_cmpuint(dispi_get(1), ==, 16000);
    g_assert_cmpuint(dispi_get(2), ==, 12000);
    g_assert_cmpuint(dispi_get(3), ==, 32);
    dispi_mode(800, 600, 32, 0x41);
    g_assert_cmpuint(dispi_get(6), ==, 800);
    g_assert_cmpuint(dispi_get(7), ==, 16 * MiB / 3200);
    dispi(6, 1024);
    g_assert_cmpuint(dispi_get(7), ==, 4096);
    dispi(6, 100);
    g_assert_cmpuint(dispi_get(6), ==, 800);
    dispi(6, 0xffff);
    g_assert_cmpuint(dispi_get(6), ==, 16000);
    g_assert_cmpuint(dispi_get(2), ==, 262);
    dispi(9, 0xffff);
    g_assert_cmpuint(dispi_get(9), ==, 0);
    g_assert_cmphex(lduw_phys(address_space_memory, MMIO + 0x500), ==, dispi_get(0));
    g_assert_cmphex(lduw_phys(address_space_memory, MMIO + 0x502), ==, 800);
    g_assert_cmphex(ldl_phys(address_space_memory, MMIO + 0x500), ==, 800u << 16 | dispi_get(0));
    stl_phys(address_space_memory, MMIO + 0x50a, 1024u << 16 | 3);      /* bank and width */
    g_assert_cmphex(dispi_get(5), ==, 3);
    g_assert_cmphex(dispi_get(6), ==, 1024);
    g_assert_cmphex(ldl_phys(address_space_memory, MMIO + 0x604), ==, 0x1e1e1e1e);
    stw_phys(address_space_memory, MMIO + 0x508, 0);
    g_assert_cmphex(dispi_get(4), ==, 0);
}

static void test_dispi_depths(void)
{
    static const struct {
        unsigned bpp;
        uint32_t bytes, color;
    } cases[] = {
        { 15, 0x7c1f, 0xff00ff }, { 16, 0x07e0, 0x00ff00 }, { 24, 0x123456, 0x123456 }, { 32, 0x87654321, 0x654321 },
    };

    set_mode(&mode_13);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        unsigned bytes = (cases[i].bpp + 7) / 8, at = (10 * 320 + 7) * bytes;

        dispi_mode(320, 200, cases[i].bpp, 0x41);
        stl_phys(address_space_memory, LFB + at, cases[i].bytes);
        console_update(con);
        check_size(320, 200);
        g_assert_cmphex(pixel(7, 10), ==, cases[i].color);
        dispi(6, 640);
        dispi(8, 3);
        dispi(9, 1);
        stl_phys(address_space_memory, LFB + (3 * 640 + 5) * bytes, cases[i].bytes);
        console_update(con);
        g_assert_cmphex(pixel(2, 2), ==, cases[i].color);
    }
    dispi_mode(320, 200, 8, 0x41);
    poke(LFB, 0x85);
    console_update(con);
    g_assert_cmphex(pixel(0, 0), ==, color_of(0x85));
    dispi(4, 0x61);                             /* 8 bits per colour in the DAC */
    console_update(con);
    g_assert_cmphex(pixel(0, 0), ==, 0x052100);
    dispi_mode(800, 600, 4, 0x01);
    reg(0x3c4, 2, 0x05);
    poke(WINDOW + 100, 0x80);                   /* start of the second line */
    console_update(con);
    g_assert_cmphex(pixel(0, 1), ==, color_of(5));
}

static void test_enabling_clears_unless_told_not_to(void)
{
    fresh();
    dispi_mode(640, 480, 32, 0x41);
    poke(LFB + 77, 0x55);
    dispi_mode(640, 480, 32, 0xc1);
    g_assert_cmphex(peek(LFB + 77), ==, 0x55);
    dispi_mode(640, 480, 32, 0x41);
    g_assert_cmphex(peek(LFB + 77), ==, 0x00);
}

static void test_largest_mode(void)
{
    set_mode(&mode_13);
    dispi_mode(2560, 1600, 32, 0x41);
    stl_phys(address_space_memory, LFB + 2560 * 1600 * 4 - 4, 0xabcdef);
    console_update(con);
    check_size(2560, 1600);
    g_assert_cmphex(pixel(2559, 1599), ==, 0xabcdef);
    set_mode(&mode_13);                         /* back to VGA: the surface is memory of its own again */
    check_size(640, 400);
    stl_phys(address_space_memory, LFB + 0x10000, 0xabcdef);
    for (unsigned y = 0; y < 400; y++) {
        check_row(0, y, 1, 0, 0, 0);
    }
}

/* Whatever is written: no picture may reach beyond memory. Run it with sanitizers. */
static void test_random_registers(void)
{
    static const uint16_t ports[] = { 0x3c0, 0x3c2, 0x3c4, 0x3c5, 0x3ce, 0x3cf, 0x3d4, 0x3d5, 0x3b4, 0x3b5, 0x3c9 };
    GRand *rand = g_rand_new_with_seed(7);

    set_mode(&mode_12);
    for (unsigned n = 0; n < 60000; n++) {
        out8(ports[g_rand_int(rand) % ARRAY_SIZE(ports)], g_rand_int(rand));
        if (n % 50 == 0) {
            dispi(g_rand_int(rand) % 11, g_rand_int(rand) >> (g_rand_int(rand) % 16 + 8));
        }
        poke(WINDOW + g_rand_int(rand) % 0x20000, g_rand_int(rand));
        peek(WINDOW + g_rand_int(rand) % 0x20000);
        if (n % 300 == 0) {
            in8(0x3da);
            out8(0x3c0, 0x20);
            console_update(con);
        }
    }
    g_rand_free(rand);
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static void check_full_disk(ImageFormat format)
{
    struct stat st;
    Error *err = NULL;

    if (stat("/dev/full", &st) || !S_ISCHR(st.st_mode)) {
        return;
    }
    g_assert_false(console_dump(con, "/dev/full", format, &err));
    g_assert_nonnull(strstr(error_get_message(err), g_strerror(ENOSPC)));
    error_free(err);
}

static void test_screendump_writes_what_is_shown(void)
{
    g_autofree char *dir = g_dir_make_tmp("test-vga-XXXXXX", NULL), *ppm = g_build_filename(dir, "a.ppm", NULL);
    g_autofree char *png = g_build_filename(dir, "a.png", NULL), *missing = g_build_filename(dir, "no", "a.ppm", NULL);
    g_autofree char *data = NULL, *png_data = NULL;
    Error *err = NULL;
    gsize len;

    set_mode(&mode_13);
    dispi_mode(64, 32, 32, 0x41);
    stl_phys(address_space_memory, LFB + 64 * 4 * 31, 0x102030);
    g_assert_true(console_screendump(ppm, &error_abort));
    g_assert_true(g_file_get_contents(ppm, &data, &len, NULL));
    g_assert_cmpuint(len, ==, strlen("P6\n64 32\n255\n") + 64 * 32 * 3);
    g_assert_cmpint(memcmp(data, "P6\n64 32\n255\n", 13), ==, 0);
    g_assert_cmpint(memcmp(data + 13 + 64 * 31 * 3, "\x10\x20\x30\0\0", 5), ==, 0);
#ifdef CONFIG_PNG
    g_assert_true(console_screendump(png, &error_abort));
    g_assert_true(g_file_get_contents(png, &png_data, &len, NULL));
    g_assert_cmpint(memcmp(png_data, "\x89PNG\r\n\x1a\n", 8), ==, 0);
    g_assert_cmphex(load_be32(png_data + 16), ==, 64);
    g_unlink(png);
    check_full_disk(IMAGE_PNG);
#endif
    check_full_disk(IMAGE_PPM);
    g_assert_false(console_screendump(missing, &err));
    g_assert_nonnull(strstr(error_get_message(err), "failed to open file"));
    error_free(err);
    g_unlink(ppm);
    g_rmdir(dir);
}

static void test_edid_is_whole(void)
{
    uint8_t sum = 0, edid[EDID_SIZE];

    fresh();
    for (unsigned i = 0; i < EDID_SIZE; i++) {
        edid[i] = peek(MMIO + i);
        sum += edid[i];
    }
    g_assert_cmphex(sum, ==, 0);
    g_assert_cmphex(load_be64(edid), ==, 0x00ffffffffffff00);
    g_assert_cmpuint(edid[56] | (edid[58] & 0xf0) << 4, ==, 1280);
    g_assert_cmpuint(edid[59] | (edid[61] & 0xf0) << 4, ==, 800);
    g_assert_cmphex(load_be16(edid + 40), ==, 0xd1c0);      /* 1920x1080, larger than what the monitor likes best */
}

static void save_fresh_load(void)
{
    const VMStateDescription *d = card->parent.type->vmstate;
    g_autoptr(GByteArray) buf = g_byte_array_new();

    vmstate_save(buf, d, card);
    fresh();
    g_assert_cmpint(vmstate_load(buf->data, buf->len, d, card, &error_abort), ==, buf->len);
}

static void load_damaged(void)
{
    const VMStateDescription *d = card->parent.type->vmstate;
    g_autoptr(GByteArray) buf = g_byte_array_new();

    vmstate_save(buf, d, card);
    for (unsigned i = 0; i < buf->len; i++) {
        Error *err = NULL;

        buf->data[i] ^= 0xff;
        if (vmstate_load(buf->data, buf->len, d, card, &err) < 0) {
            error_free(err);
        } else {
            console_update(con);
            poke(WINDOW + i, i);
            peek(WINDOW + 2 * i);
        }
        buf->data[i] ^= 0xff;
        fresh();
    }
}

static void test_state_survives_savevm(void)
{
    set_mode(&mode_12);
    reg(0x3c4, 2, 0x06);
    poke(WINDOW + 80, 0x80);
    peek(WINDOW + 80);
    save_fresh_load();
    console_update(con);
    check_size(640, 480);
    g_assert_cmphex(pixel(0, 1), ==, color_of(6));
    reg(0x3ce, 5, 1);
    poke(WINDOW + 81, 0);                       /* the latches too */
    reg(0x3ce, 5, 0);
    console_update(con);
    g_assert_cmphex(pixel(8, 1), ==, color_of(6));
    dispi_mode(800, 600, 16, 0x41);
    dispi(9, 10);
    save_fresh_load();
    g_assert_cmpuint(dispi_get(9), ==, 10);
    console_update(con);
    check_size(800, 600);
    load_damaged();
}

int main(int argc, char **argv)
{
    harness_init(&argc, &argv);
    pci_root_bus_new(get_system_memory(), get_system_io(), NULL, NULL, NULL, 0);
    card = pci_new("VGA", 2 << 3);
    device_set_prop(&card->parent, "romfile", "", &error_abort);
    pci_realize(card, pci_root_bus(), &error_abort);
    con = console_first();
    g_test_add_func("/vga/addresses", test_mono_or_colour_addresses_answer);
    g_test_add_func("/vga/registers", test_registers_keep_the_bits_they_have);
    g_test_add_func("/vga/flip-flop", test_attribute_flip_flop);
    g_test_add_func("/vga/protection", test_crtc_protection_spares_line_compare);
    g_test_add_func("/vga/dac", test_dac_triples);
    g_test_add_func("/vga/retrace", test_retrace_follows_the_clock);
    g_test_add_func("/vga/write-modes", test_write_and_read_modes_match_the_description);
    g_test_add_func("/vga/wide", test_wide_accesses_are_bytes_in_order);
    g_test_add_func("/vga/odd-even", test_odd_even_splits_characters_and_attributes);
    g_test_add_func("/vga/linear", test_linear_modes_are_plain_ram);
    g_test_add_func("/vga/text", test_text_cells);
    g_test_add_func("/vga/fonts", test_second_font_and_underline);
    g_test_add_func("/vga/fonts-written-by-any-route", test_fonts_written_by_any_route_are_shown);
    g_test_add_func("/vga/blinking", test_cursor_and_blinking);
    g_test_add_func("/vga/cursor-skew", test_cursor_skew_moves_it_right);
    g_test_add_func("/vga/text-moves", test_text_moves_by_dots_bytes_and_rows);
    g_test_add_func("/vga/text-colours", test_text_takes_its_colours_through_planes_and_selects);
    g_test_add_func("/vga/text-as-text", test_text_screens_are_told_as_text);
    g_test_add_func("/vga/modes-06-0d", test_cga_2_colours_and_ega_320);
    g_test_add_func("/vga/mode-13", test_mode_13_doubles_dots_and_lines);
    g_test_add_func("/vga/mode-x", test_mode_x_pages_and_pans);
    g_test_add_func("/vga/split", test_split_screen);
    g_test_add_func("/vga/cga", test_cga_graphics_interleave_banks);
    g_test_add_func("/vga/blank", test_blank_screens);
    g_test_add_func("/vga/dirty", test_only_what_changed_is_drawn);
    g_test_add_func("/vga/dispi", test_dispi_registers);
    g_test_add_func("/vga/depths", test_dispi_depths);
    g_test_add_func("/vga/clear", test_enabling_clears_unless_told_not_to);
    g_test_add_func("/vga/largest", test_largest_mode);
    g_test_add_func("/vga/random", test_random_registers);
    g_test_add_func("/vga/screendump", test_screendump_writes_what_is_shown);
    g_test_add_func("/vga/edid", test_edid_is_whole);
    g_test_add_func("/vga/savevm", test_state_survives_savevm);
    return g_test_run();
}
