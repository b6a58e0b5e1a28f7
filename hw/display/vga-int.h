/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The VGA core as its files see it: registers (vga.c), the CPU's way to display memory (vga-mem.c), the Bochs display
 * interface (vga-dispi.c) and the picture (vga-draw.c). A card embeds a VgaState and gives it places. Big lock held.
 *
 * Display memory is an array of dwords: byte p of dword n is address n of plane p. CPU accesses through chain-4 go to
 * the same array linearly, so that these modes can be plain RAM for the guest.
 */
#ifndef HW_DISPLAY_VGA_INT_H
#define HW_DISPLAY_VGA_INT_H

#include "hw/core/device.h"
#include "ui/console.h"

#define VGA_WINDOW_BASE     0xa0000u
#define VGA_WINDOW_SIZE     0x20000u
#define VGA_BANK_SIZE       0x10000u
#define VGA_FONT_SIZE       0x2000u     /* bytes of plane 2: 256 characters of 32 lines */
#define VGA_PLANE_SIZE      0x10000u    /* what CRTC and CPU address without DISPI */

/* ---- registers --------------------------------------------------------------------------------------------------- */

enum { SEQ_RESET, SEQ_CLOCKING, SEQ_MAP_MASK, SEQ_CHAR_MAP, SEQ_MEMORY_MODE, SEQ_COUNT = 8 };
#define CLOCKING_8_DOTS     0x01u
#define CLOCKING_HALF_CLOCK 0x08u
#define CLOCKING_OFF        0x20u
#define MEMORY_SEQUENTIAL   0x04u       /* 0: odd/even */
#define MEMORY_CHAIN4       0x08u

enum { GC_SET_RESET, GC_ENABLE_SR, GC_COMPARE, GC_ROTATE, GC_READ_PLANE, GC_MODE, GC_MISC, GC_DONT_CARE, GC_BIT_MASK,
       GC_COUNT = 16 };
#define GC_MODE_WRITE       0x03u
#define GC_MODE_READ        0x08u
#define GC_MODE_ODD_EVEN    0x10u
#define GC_MODE_INTERLEAVE  0x20u
#define GC_MODE_256         0x40u
#define GC_MISC_GRAPHICS    0x01u
#define GC_MISC_CHAIN_OE    0x02u
#define GC_MISC_MAP(v)      ((v) >> 2 & 3)

enum { CRTC_HTOTAL, CRTC_HDISP_END, CRTC_HBLANK_START, CRTC_HBLANK_END, CRTC_HSYNC_START, CRTC_HSYNC_END, CRTC_VTOTAL,
       CRTC_OVERFLOW, CRTC_PRESET_ROW, CRTC_MAX_SCAN, CRTC_CURSOR_START, CRTC_CURSOR_END, CRTC_START_HIGH,
       CRTC_START_LOW, CRTC_CURSOR_HIGH, CRTC_CURSOR_LOW, CRTC_VSYNC_START, CRTC_VSYNC_END, CRTC_VDISP_END,
       CRTC_OFFSET, CRTC_UNDERLINE, CRTC_VBLANK_START, CRTC_VBLANK_END, CRTC_MODE, CRTC_LINE_COMPARE, CRTC_COUNT,
       CRTC_LATCH = 0x22, CRTC_FLIP_FLOP = 0x24, CRTC_ATTR_INDEX = 0x26 };
#define CRTC_PROTECT        0x80u       /* in CRTC_VSYNC_END: registers 0-7 */
#define OVERFLOW_LC8        0x10u
#define MAX_SCAN_DOUBLE     0x80u
#define MAX_SCAN_LC9        0x40u
#define CURSOR_OFF          0x20u
#define UNDERLINE_DWORD     0x40u
#define UNDERLINE_COUNT4    0x20u
#define MODE_ROW0_IS_A13    0x01u       /* 0: row bit 0 replaces address bit 13 */
#define MODE_ROW1_IS_A14    0x02u
#define MODE_COUNT2         0x08u
#define MODE_WRAP           0x20u       /* word mode: A15 (1) or A13 (0) becomes A0 */
#define MODE_BYTE           0x40u
#define MODE_SYNC           0x80u

enum { ATTR_PALETTE = 0, ATTR_MODE = 16, ATTR_OVERSCAN, ATTR_PLANES, ATTR_PAN, ATTR_COLOR_SELECT, ATTR_COUNT };
#define ATTR_PAS            0x20u       /* in the index: 0 blanks the screen */
#define ATTR_LINE_GRAPHICS  0x04u
#define ATTR_BLINK          0x08u
#define ATTR_PAN_COMPAT     0x20u
#define ATTR_P54_SELECT     0x80u

#define MISC_COLOR          0x01u
#define MISC_RAM_ENABLE     0x02u
#define MISC_CLOCK(v)       ((v) >> 2 & 3)

enum { DISPI_ID, DISPI_XRES, DISPI_YRES, DISPI_BPP, DISPI_ENABLE, DISPI_BANK, DISPI_VIRT_WIDTH, DISPI_VIRT_HEIGHT,
       DISPI_X_OFFSET, DISPI_Y_OFFSET, DISPI_MEMORY_64K, DISPI_COUNT };
#define DISPI_ENABLED       0x01u
#define DISPI_GETCAPS       0x02u
#define DISPI_8BIT_DAC      0x20u
#define DISPI_NO_CLEAR      0x80u
#define DISPI_IOPORT_INDEX  0x1ceu

/* How long lines and frames take: for status register 1 and for what blinks. */
typedef struct VgaTiming {
    uint32_t line_ns;
    uint32_t lines, display_lines, sync_start, sync_end;    /* of a frame */
    uint32_t chars, display_chars;                          /* of a line */
} VgaTiming;

/* What the picture depends on beyond memory and colours. Compared bytewise: cleared before it is filled. */
typedef struct VgaPicture {
    uint32_t kind;                  /* PICTURE_*: vga-draw.c */
    uint32_t width, height;
    uint32_t lines;                 /* of memory: DISPI */
    uint32_t start, pitch;          /* DISPI: bytes. else: CRTC address units */
    uint32_t bpp;
    uint32_t line_compare;
    uint16_t chars;
    uint8_t char_width, dot_repeat, repeat, max_row, first_row, byte_pan, pan, pan_after_split;
    uint8_t address_mode, row_mode, shift_mode, chain4, attr_mode, underline, planes;
    uint8_t cursor_start, cursor_end;
    uint16_t cursor;
    uint16_t fonts[2];              /* for attribute bit 3 = 0, 1 */
} VgaPicture;

typedef struct VgaState {
    Device *owner;
    MemoryRegion vram;
    uint8_t *mem;
    ram_addr_t mem_addr;
    uint32_t mem_size;              /* bytes, a power of two */
    uint32_t vgamem_mb;             /* property */

    MemoryRegion window;            /* container at A0000: both of these */
    MemoryRegion window_io, window_direct;
    bool direct;                    /* the lower 64 KiB of the window are RAM now */
    bool window_on;                 /* memory decoding is enabled */
    MemoryRegion ports[8];

    uint8_t misc, feature;
    uint8_t seq_index, gc_index, crtc_index, attr_index;
    bool attr_flip_flop;            /* the next write to 3C0h is data */
    uint8_t seq[SEQ_COUNT], gc[GC_COUNT], crtc[CRTC_COUNT], attr[ATTR_COUNT];
    uint8_t dac_state, dac_mask, dac_read, dac_write, dac_part;
    uint8_t dac_latch[3];
    uint8_t palette[768];
    uint32_t latch;

    uint16_t dispi_index;
    uint16_t dispi[DISPI_COUNT];
    uint32_t dispi_start, dispi_pitch;  /* derived: bytes */

    VgaTiming timing;               /* derived */

    Console *con;
    VgaPicture shown;               /* what the surface holds */
    bool redraw;                    /* all of it */
    bool colors_changed;
    bool surface_is_vram;
    uint32_t colors[256];           /* DAC entries as pixels */
    uint32_t colors16[16];          /* through the attribute controller */
    uint64_t *dirty;                /* scratch: pages of vram */
    uint32_t *cells;                /* text: what each cell shows */
    uint32_t n_cells;
    uint8_t fonts_shown[2][VGA_FONT_SIZE];  /* text: the dots the cells were drawn with */
} VgaState;

/* vga.c. realize creates memory and console; the card places vram, window and ports. */
bool vga_realize(VgaState *s, Device *owner, Error **errp);
void vga_unrealize(VgaState *s);
void vga_reset(VgaState *s);
void vga_map_legacy(VgaState *s, MemoryRegion *mem, MemoryRegion *io);
uint8_t vga_port_read(VgaState *s, uint16_t port);
void vga_port_write(VgaState *s, uint16_t port, uint8_t val);
void vga_update_timing(VgaState *s);
extern const VMStateDescription vga_vmstate;

/* vga-mem.c */
extern const MemoryRegionOps vga_window_ops;
void vga_update_window(VgaState *s);        /* after registers that decide how the window is decoded */

/* vga-dispi.c */
uint16_t dispi_read(VgaState *s, unsigned index);
void dispi_write(VgaState *s, unsigned index, uint16_t val);
void dispi_update(VgaState *s);             /* derived values: after load */
extern const MemoryRegionOps dispi_port_ops;

static inline bool dispi_on(const VgaState *s)
{
    return s->dispi[DISPI_ENABLE] & DISPI_ENABLED;
}

/* DISPI modes of 8 and more bits per pixel know no planes. */
static inline bool dispi_packed(const VgaState *s)
{
    return dispi_on(s) && s->dispi[DISPI_BPP] > 4;
}

/* vga-draw.c */
extern const ConsoleOps vga_console_ops;

/* CRTC values spread over several registers. */
static inline unsigned crtc_vdisp_end(const VgaState *s)
{
    return s->crtc[CRTC_VDISP_END] | (s->crtc[CRTC_OVERFLOW] & 0x02u) << 7 | (s->crtc[CRTC_OVERFLOW] & 0x40u) << 3;
}

#endif
