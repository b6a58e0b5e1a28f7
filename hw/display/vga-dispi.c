/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Bochs display interface (DISPI): plain modes up to 32 bits per pixel behind two 16-bit registers
 *
 * Follows: the interface as drivers use it (Linux bochs-drm, SeaBIOS' VGA BIOS): version B0C5, ports 1CEh and 1CFh.
 * Left out: byte accesses.
 *
 * Registers take any value at any time; values are made to fit when they matter, that is while the interface is
 * enabled. So drivers may write them in any order.
 */
#include "qemu/osdep.h"
#include "exec/ram.h"
#include "qemu/bitops.h"
#include "qemu/log.h"
#include "trace/hw-display.h"
#include "vga-int.h"

#define ID_FIRST        0xb0c0u
#define ID_LAST         0xb0c5u
#define MAX_XRES        16000u
#define MAX_YRES        12000u
#define MAX_BPP         32u

static unsigned bits_in_memory(unsigned bpp)
{
    return bpp == 15 ? 16 : bpp;
}

static uint32_t pitch_of(unsigned width, unsigned bpp)
{
    return width * bits_in_memory(bpp) / 8;
}

static uint16_t valid_bpp(uint16_t bpp)
{
    switch (bpp) {
    case 4:
    case 8:
    case 15:
    case 16:
    case 24:
    case 32:
        return bpp;
    default:
        return 8;
    }
}

/* Brings the registers to values that fit each other and memory. */
static void fit_registers(VgaState *s)
{
    uint16_t *r = s->dispi;
    uint32_t rows;

    r[DISPI_BPP] = valid_bpp(r[DISPI_BPP]);
    r[DISPI_XRES] = MAX(MIN(r[DISPI_XRES], MAX_XRES) & ~7u, 8u);
    r[DISPI_VIRT_WIDTH] = MIN(r[DISPI_VIRT_WIDTH], MAX_XRES) & ~7u;
    r[DISPI_VIRT_WIDTH] = MAX(r[DISPI_VIRT_WIDTH], r[DISPI_XRES]);
    s->dispi_pitch = pitch_of(r[DISPI_VIRT_WIDTH], r[DISPI_BPP]);
    rows = s->mem_size / s->dispi_pitch;
    r[DISPI_YRES] = MAX(MIN(MIN(r[DISPI_YRES], MAX_YRES), rows), 1u);
    r[DISPI_VIRT_HEIGHT] = MIN(rows, UINT16_MAX);
}

static uint64_t picture_end(const VgaState *s)
{
    return s->dispi_start + (uint64_t)(s->dispi[DISPI_YRES] - 1) * s->dispi_pitch +
           pitch_of(s->dispi[DISPI_XRES], s->dispi[DISPI_BPP]);
}

/* The picture starts at the offsets, as far as it then still lies in memory. */
static void fit_offsets(VgaState *s)
{
    uint16_t *r = s->dispi;
    uint32_t x;

    r[DISPI_X_OFFSET] = MIN(r[DISPI_X_OFFSET], MAX_XRES);
    x = r[DISPI_BPP] == 4 ? r[DISPI_X_OFFSET] / 8 * 4 : pitch_of(r[DISPI_X_OFFSET], r[DISPI_BPP]);
    s->dispi_start = r[DISPI_Y_OFFSET] * s->dispi_pitch + x;
    if (r[DISPI_Y_OFFSET] > r[DISPI_VIRT_HEIGHT] || picture_end(s) > s->mem_size) {
        r[DISPI_Y_OFFSET] = 0;
        s->dispi_start = x;
    }
    if (picture_end(s) > s->mem_size) {
        r[DISPI_X_OFFSET] = 0;
        s->dispi_start = 0;
    }
}

void dispi_update(VgaState *s)
{
    if (dispi_on(s)) {
        fit_registers(s);
        fit_offsets(s);
    }
}

/* VGA's own registers follow, for those who look at them and for what is left of VGA: the 4-bit mode's planes. */
static void set_vga_registers(VgaState *s)
{
    unsigned vde = s->dispi[DISPI_YRES] - 1;

    s->gc[GC_MISC] = GC_MISC_GRAPHICS | 1 << 2;
    s->gc[GC_MODE] = s->dispi[DISPI_BPP] == 4 ? 0 : GC_MODE_256;
    s->crtc[CRTC_VSYNC_END] &= ~CRTC_PROTECT;
    s->crtc[CRTC_HDISP_END] = s->dispi[DISPI_XRES] / 8 - 1;
    s->crtc[CRTC_OFFSET] = s->dispi_pitch / 8;
    s->crtc[CRTC_VDISP_END] = vde;
    s->crtc[CRTC_OVERFLOW] = (s->crtc[CRTC_OVERFLOW] & ~0x42u) | (vde >> 7 & 0x02) | (vde >> 3 & 0x40) | OVERFLOW_LC8;
    s->crtc[CRTC_MAX_SCAN] = MAX_SCAN_LC9;
    s->crtc[CRTC_MODE] |= MODE_ROW0_IS_A13 | MODE_ROW1_IS_A14;
    s->crtc[CRTC_LINE_COMPARE] = 0xff;
}

static void enable(VgaState *s, uint16_t val)
{
    uint16_t *r = s->dispi;

    r[DISPI_VIRT_WIDTH] = r[DISPI_XRES];
    r[DISPI_X_OFFSET] = r[DISPI_Y_OFFSET] = 0;
    dispi_update(s);
    set_vga_registers(s);
    if (!(val & DISPI_NO_CLEAR)) {
        uint32_t bytes = r[DISPI_YRES] * s->dispi_pitch;

        memset(s->mem, 0, bytes);
        ram_written(s->mem_addr, bytes);
    }
    trace_vga_dispi_mode(r[DISPI_XRES], r[DISPI_YRES], r[DISPI_BPP]);
}

static void write_enable(VgaState *s, uint16_t val)
{
    bool was_on = dispi_on(s);

    s->colors_changed |= (s->dispi[DISPI_ENABLE] ^ val) & DISPI_8BIT_DAC;
    s->dispi[DISPI_ENABLE] = val & 0xff;
    if (dispi_on(s) && !was_on) {
        enable(s, val);
    } else {
        dispi_update(s);
    }
    vga_update_window(s);
    vga_update_timing(s);
}

void dispi_write(VgaState *s, unsigned index, uint16_t val)
{
    trace_vga_dispi_write(index, val);
    switch (index) {
    case DISPI_ID:
        if (val >= ID_FIRST && val <= ID_LAST) {
            s->dispi[DISPI_ID] = val;
        }
        break;
    case DISPI_ENABLE:
        write_enable(s, val);
        break;
    case DISPI_BANK:
        s->dispi[DISPI_BANK] = val & (s->mem_size / VGA_BANK_SIZE - 1);
        vga_update_window(s);
        break;
    case DISPI_XRES:
    case DISPI_YRES:
    case DISPI_BPP:
    case DISPI_VIRT_WIDTH:
    case DISPI_X_OFFSET:
    case DISPI_Y_OFFSET:
        s->dispi[index] = val;
        dispi_update(s);
        vga_update_window(s);           /* 4 bits per pixel or more */
        vga_update_timing(s);
        break;
    case DISPI_VIRT_HEIGHT:             /* follows from the width */
        break;
    default:
        qemu_log_mask(LOG_GUEST_ERROR, "vga: write to DISPI register 0x%x that cannot be written\n", index);
    }
}

uint16_t dispi_read(VgaState *s, unsigned index)
{
    static const uint16_t caps[] = { [DISPI_XRES] = MAX_XRES, [DISPI_YRES] = MAX_YRES, [DISPI_BPP] = MAX_BPP };
    uint16_t val = 0;

    if (s->dispi[DISPI_ENABLE] & DISPI_GETCAPS && index >= DISPI_XRES && index <= DISPI_BPP) {
        val = caps[index];
    } else if (index == DISPI_MEMORY_64K) {
        val = s->mem_size / VGA_BANK_SIZE;
    } else if (index < DISPI_COUNT) {
        val = s->dispi[index];
    }
    trace_vga_dispi_read(index, val);
    return val;
}

/* ---- ports 1CEh: index, 1CFh and 1D0h: data, each 16 bits wide --------------------------------------------------- */

static uint64_t dispi_port_read(void *opaque, hwaddr addr, unsigned size)
{
    VgaState *s = opaque;

    return addr ? dispi_read(s, s->dispi_index) : s->dispi_index;
}

static void dispi_port_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    VgaState *s = opaque;

    if (addr) {
        dispi_write(s, s->dispi_index, val);
    } else {
        s->dispi_index = val;
    }
}

const MemoryRegionOps dispi_port_ops = {
    .read = dispi_port_read, .write = dispi_port_write, .size = { .min = 1, .max = 2 },
    .access = { .min = 2, .max = 2 },
};
