/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Extended display identification data
 *
 * Follows: VESA E-EDID Standard, Release A, revision 2 (EDID structure 1.4).
 * Left out: extension blocks.
 */
#include "qemu/osdep.h"
#include "hw/display/edid.h"
#include "qemu/bitops.h"

#define DPI             100
#define REFRESH_HZ      75
#define DESCRIPTOR      18
#define DESCRIPTORS_AT  54
#define STANDARD_AT     38
#define CHROMA_AT       25

/* "Vendor & Product ID": three letters of five bits. */
static void put_vendor(uint8_t *p, const char *letters)
{
    uint16_t id = 0;

    for (unsigned i = 0; i < 3; i++) {
        id = id << 5 | (letters[i] - 'A' + 1);
    }
    store_be16(p, id);
}

/* "Established Timings I & II": what every PC monitor does, at 60 Hz and more. */
static void put_established(uint8_t *p)
{
    p[0] = 0x21;        /* 640x480, 800x600 */
    p[1] = 0x08;        /* 1024x768 */
}

/* "Standard Timings": width, aspect ratio and refresh rate in two bytes. Larger ones too: nothing here has a size. */
static void put_standard(uint8_t *p)
{
    static const struct {
        uint16_t width, height;
        uint8_t aspect;
    } modes[] = {
        { 2048, 1152, 3 }, { 1920, 1080, 3 }, { 1920, 1200, 0 }, { 1600, 1200, 1 }, { 1680, 1050, 0 }, { 1440, 900, 0 },
        { 1280, 1024, 2 }, { 1280, 960, 1 },
    };

    G_STATIC_ASSERT(ARRAY_SIZE(modes) == 8);
    for (unsigned i = 0; i < ARRAY_SIZE(modes); i++) {
        p[2 * i] = modes[i].width / 8 - 31;
        p[2 * i + 1] = modes[i].aspect << 6;
    }
}

/* "Detailed Timing": the preferred mode, with generous blanking. */
static void put_detailed(uint8_t *p, unsigned width, unsigned height, unsigned width_mm, unsigned height_mm)
{
    unsigned hblank = width * 35 / 100, hfront = width * 25 / 100, hsync = width * 3 / 100;
    unsigned vblank = height * 35 / 1000 + 1, vfront = height * 5 / 1000 + 1, vsync = height * 5 / 1000 + 1;
    unsigned clock = (uint64_t)REFRESH_HZ * (width + hblank) * (height + vblank) / 10000;

    store_le16(p, MIN(clock, 0xffff));
    p[2] = width;
    p[3] = hblank;
    p[4] = (width >> 8) << 4 | hblank >> 8;
    p[5] = height;
    p[6] = vblank;
    p[7] = (height >> 8) << 4 | vblank >> 8;
    p[8] = hfront;
    p[9] = hsync;
    p[10] = (vfront & 15) << 4 | (vsync & 15);
    p[11] = (hfront >> 8) << 6 | (hsync >> 8) << 4 | (vfront >> 4 & 3) << 2 | (vsync >> 4 & 3);
    p[12] = width_mm;
    p[13] = height_mm;
    p[14] = (width_mm >> 8) << 4 | height_mm >> 8;
    p[17] = 0x18;                   /* digital separate sync */
}

static void put_text(uint8_t *p, uint8_t tag, const char *text)
{
    size_t len = strlen(text);

    p[3] = tag;
    memset(p + 5, ' ', 13);
    memcpy(p + 5, text, len);
    p[5 + len] = '\n';
}

/* "Display Range Limits": 50-125 Hz, 30-160 kHz, the clock without meaning. */
static void put_range(uint8_t *p)
{
    static const uint8_t range[DESCRIPTOR] = {
        0, 0, 0, 0xfd, 0, 50, 125, 30, 160, 0xff, 0x01, '\n', ' ', ' ', ' ', ' ', ' ', ' ',
    };

    memcpy(p, range, DESCRIPTOR);
}

void edid_generate(uint8_t edid[EDID_SIZE], unsigned width, unsigned height)
{
    static const uint8_t header[8] = { 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00 };
    static const uint8_t srgb[10] = { 0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54 };
    unsigned width_mm = width * 254 / (10 * DPI), height_mm = height * 254 / (10 * DPI);
    uint8_t *p = edid + DESCRIPTORS_AT, sum = 0;

    memset(edid, 0, EDID_SIZE);
    memcpy(edid, header, sizeof(header));
    put_vendor(edid + 8, "RHT");
    store_le16(edid + 10, 0x1234);
    edid[16] = 42;                  /* week and year (2014) of manufacture */
    edid[17] = 2014 - 1990;
    edid[18] = 1;                   /* EDID 1.4 */
    edid[19] = 4;
    edid[20] = 0xa5;                /* digital, 8 bits per colour, DisplayPort */
    edid[21] = width_mm / 10;
    edid[22] = height_mm / 10;
    edid[23] = 220 - 100;           /* gamma 2.2 */
    edid[24] = 0x06;                /* sRGB, preferred timing is the native one */
    memcpy(edid + CHROMA_AT, srgb, sizeof(srgb));
    put_established(edid + 35);
    put_standard(edid + STANDARD_AT);
    put_detailed(p, width, height, width_mm, height_mm);
    put_range(p + DESCRIPTOR);
    put_text(p + 2 * DESCRIPTOR, 0xfc, "QEMU Monitor");
    p[3 * DESCRIPTOR + 3] = 0x10;   /* dummy */
    for (unsigned i = 0; i < EDID_SIZE - 1; i++) {
        sum += edid[i];
    }
    edid[EDID_SIZE - 1] = -sum;
}
