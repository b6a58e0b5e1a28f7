/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VGA: from memory to picture
 *
 * Follows: IBM PS/2 Hardware Interface Technical Reference, "Video Subsystem": CRTC addressing, attribute controller.
 * Left out: what a guest changes in the middle of a frame, the overscan border, interlace, skews other than
 * the cursor's.
 *
 * update() collects everything the picture depends on into a VgaPicture. When that differs from what the surface
 * holds, all is drawn; else only lines whose memory pages are dirty (graphics) or whose cells differ (text).
 *
 * A picture is as large as on a monitor: 720x400 in text mode, 640x400 in mode 13h, dots and lines repeated. DISPI
 * modes are drawn as they are; with 32 bits per pixel the surface is display memory itself.
 */
#include "qemu/osdep.h"
#include "exec/ram.h"
#include "qemu/bitops.h"
#include "qemu/timer.h"
#include "trace/hw-display.h"
#include "vga-int.h"

enum { PICTURE_NONE, PICTURE_BLANK, PICTURE_TEXT, PICTURE_GRAPHICS, PICTURE_DISPI };
enum { SHIFT_PLANES, SHIFT_INTERLEAVE, SHIFT_256 };
enum { ADDRESS_BYTE, ADDRESS_WORD, ADDRESS_DWORD };
#define COUNT_BY_2      0x10u           /* with the address mode: the counter moves every 2nd or 4th character */
#define COUNT_BY_4      0x20u
#define WRAP_A15        0x40u

#define MAX_CHARS       256u
#define MAX_DOTS        (2 * (MAX_CHARS + 1) * 9)
#define FONT_BYTES_OF_PAGE  (TARGET_PAGE_SIZE / 4)      /* they are in plane 2, each in a dword of memory */
#define FRAMES_CURSOR   16              /* a period: half of it visible */
#define FRAMES_BLINK    32

/* A cell of text as drawn: character, attribute, what blinks away and the cursor. Never equal to CELL_UNKNOWN. */
#define CELL_HIDDEN     0x10000u
#define CELL_CURSOR     0x20000u
#define CELL_UNKNOWN    0xffffffffu

/* ---- colours ----------------------------------------------------------------------------------------------------- */

/* 6 bits to 8. The two bits below repeat the lowest: what widespread emulators show, and pictures stay comparable. */
static uint8_t dac_level(const VgaState *s, uint8_t v)
{
    if (dispi_on(s) && s->dispi[DISPI_ENABLE] & DISPI_8BIT_DAC) {
        return v;
    }
    return (v & 0x3f) << 2 | (v & 1 ? 3 : 0);
}

static uint8_t attr_color(const VgaState *s, unsigned i)
{
    uint8_t v = s->attr[ATTR_PALETTE + i], select = s->attr[ATTR_COLOR_SELECT];

    if (s->attr[ATTR_MODE] & ATTR_P54_SELECT) {
        v = (v & 0x0f) | (select & 3) << 4;
    }
    return (v & 0x3f) | (select & 0x0c) << 4;
}

static void update_colors(VgaState *s)
{
    uint8_t mask = s->dac_mask;

    for (unsigned i = 0; i < 256; i++) {
        const uint8_t *c = &s->palette[3 * (i & mask)];

        s->colors[i] = (uint32_t)dac_level(s, c[0]) << 16 | dac_level(s, c[1]) << 8 | dac_level(s, c[2]);
    }
    for (unsigned i = 0; i < 16; i++) {
        s->colors16[i] = s->colors[attr_color(s, i)];
    }
    s->colors_changed = false;
    s->redraw = true;
}

/* ---- what the registers ask for ---------------------------------------------------------------------------------- */

static bool screen_is_off(const VgaState *s)
{
    if (!(s->attr_index & ATTR_PAS)) {
        return true;
    }
    return !dispi_on(s) && (s->seq[SEQ_CLOCKING] & CLOCKING_OFF || !(s->crtc[CRTC_MODE] & MODE_SYNC));
}

static void picture_of_dispi(const VgaState *s, VgaPicture *p)
{
    p->kind = PICTURE_DISPI;
    p->width = s->dispi[DISPI_XRES];
    p->height = s->dispi[DISPI_YRES];
    p->bpp = s->dispi[DISPI_BPP];
    p->start = s->dispi_start;
    p->pitch = s->dispi_pitch;
    p->planes = p->bpp == 4 ? s->attr[ATTR_PLANES] & 15 : 0;
}

static uint16_t font_offset(unsigned n)
{
    static const uint16_t offsets[8] = { 0x0000, 0x4000, 0x8000, 0xc000, 0x2000, 0x6000, 0xa000, 0xe000 };

    return offsets[n];
}

static void picture_of_text(const VgaState *s, VgaPicture *p)
{
    uint8_t map = s->seq[SEQ_CHAR_MAP];

    p->kind = PICTURE_TEXT;
    p->char_width = s->seq[SEQ_CLOCKING] & CLOCKING_8_DOTS ? 8 : 9;
    p->fonts[1] = font_offset((map >> 2 & 3) | (map >> 3 & 4));
    p->fonts[0] = font_offset((map & 3) | (map >> 2 & 4));
    p->underline = s->crtc[CRTC_UNDERLINE] & 0x1f;
    p->cursor = (s->crtc[CRTC_CURSOR_HIGH] << 8 | s->crtc[CRTC_CURSOR_LOW]) + (s->crtc[CRTC_CURSOR_END] >> 5 & 3);
    p->cursor_start = s->crtc[CRTC_CURSOR_START] & 0x3f;
    p->cursor_end = s->crtc[CRTC_CURSOR_END] & 0x1f;
    if (p->char_width == 9) {       /* 8: no shift, 0: one dot, ... 7: eight dots */
        p->pan = (s->attr[ATTR_PAN] & 15) == 8 ? 0 : (s->attr[ATTR_PAN] & 7) + 1;
    } else {
        p->pan = s->attr[ATTR_PAN] & 7;
    }
}

static void picture_of_graphics(const VgaState *s, VgaPicture *p)
{
    p->kind = PICTURE_GRAPHICS;
    p->char_width = 8;
    p->shift_mode = s->gc[GC_MODE] & GC_MODE_256 ? SHIFT_256 :
                    s->gc[GC_MODE] & GC_MODE_INTERLEAVE ? SHIFT_INTERLEAVE : SHIFT_PLANES;
    p->pan = s->attr[ATTR_PAN] & (p->shift_mode == SHIFT_256 ? 6 : 7);
    p->chain4 = s->seq[SEQ_MEMORY_MODE] & MEMORY_CHAIN4;
}

static void picture_addressing(const VgaState *s, VgaPicture *p)
{
    uint8_t mode = s->crtc[CRTC_MODE], underline = s->crtc[CRTC_UNDERLINE];

    p->address_mode = underline & UNDERLINE_DWORD ? ADDRESS_DWORD : mode & MODE_BYTE ? ADDRESS_BYTE : ADDRESS_WORD;
    p->address_mode |= underline & UNDERLINE_COUNT4 ? COUNT_BY_4 : mode & MODE_COUNT2 ? COUNT_BY_2 : 0;
    p->address_mode |= mode & MODE_WRAP ? WRAP_A15 : 0;
    p->row_mode = mode & (MODE_ROW0_IS_A13 | MODE_ROW1_IS_A14);
    p->start = s->crtc[CRTC_START_HIGH] << 8 | s->crtc[CRTC_START_LOW];
    p->pitch = s->crtc[CRTC_OFFSET] * 2u;
    p->byte_pan = s->crtc[CRTC_PRESET_ROW] >> 5 & 3;
    p->line_compare = s->crtc[CRTC_LINE_COMPARE] | (s->crtc[CRTC_OVERFLOW] & OVERFLOW_LC8 ? 0x100 : 0) |
                      (s->crtc[CRTC_MAX_SCAN] & MAX_SCAN_LC9 ? 0x200 : 0);
    p->first_row = s->crtc[CRTC_PRESET_ROW] & 0x1f;
    p->max_row = s->crtc[CRTC_MAX_SCAN] & 0x1f;
    p->repeat = s->crtc[CRTC_MAX_SCAN] & MAX_SCAN_DOUBLE ? 2 : 1;
}

static void picture_of(const VgaState *s, VgaPicture *p)
{
    memset(p, 0, sizeof(*p));
    if (screen_is_off(s)) {
        p->kind = PICTURE_BLANK;
        return;
    }
    if (dispi_on(s)) {
        picture_of_dispi(s, p);
        return;
    }
    if (s->gc[GC_MISC] & GC_MISC_GRAPHICS) {
        picture_of_graphics(s, p);
    } else {
        picture_of_text(s, p);
    }
    picture_addressing(s, p);
    p->planes = s->attr[ATTR_PLANES] & 15;
    p->attr_mode = s->attr[ATTR_MODE];
    p->pan_after_split = p->attr_mode & ATTR_PAN_COMPAT ? 0 : p->pan;
    p->chars = s->crtc[CRTC_HDISP_END] + 1;
    p->dot_repeat = s->seq[SEQ_CLOCKING] & CLOCKING_HALF_CLOCK ? 2 : 1;
    p->width = p->chars * p->char_width * p->dot_repeat;
    p->height = crtc_vdisp_end(s) + 1;
}

/* ---- dirty pages ------------------------------------------------------------------------------------------------- */

static bool range_dirty(const VgaState *s, uint32_t first, uint32_t last)
{
    for (uint32_t page = first / TARGET_PAGE_SIZE; page <= last / TARGET_PAGE_SIZE; page++) {
        if (s->dirty[page / 64] >> (page % 64) & 1) {
            return true;
        }
    }
    return false;
}

/* Lines found dirty one after the other, told as one rectangle. */
typedef struct Span {
    uint32_t first, end;
} Span;

static void span_flush(VgaState *s, Span *span)
{
    if (span->end > span->first) {
        console_dirty(s->con, 0, span->first, s->shown.width, span->end - span->first);
    }
    span->first = span->end = 0;
}

static void span_add(VgaState *s, Span *span, uint32_t y)
{
    if (span->end != y || span->first == span->end) {
        span_flush(s, span);
        span->first = y;
    }
    span->end = y + 1;
}

static uint32_t *surface_line(VgaState *s, uint32_t y)
{
    pixman_image_t *image = console_surface(s->con);

    return (uint32_t *)((uint8_t *)pixman_image_get_data(image) + (size_t)y * pixman_image_get_stride(image));
}

/* ---- CRTC addresses ---------------------------------------------------------------------------------------------- */

/* Address counter to address in the planes: "byte, word and doubleword addressing". */
static uint32_t plane_address(const VgaPicture *p, uint32_t counter, unsigned row)
{
    uint32_t a;

    counter &= 0xffff;
    switch (p->address_mode & 3) {
    case ADDRESS_WORD:
        a = counter << 1 | (counter >> (p->address_mode & WRAP_A15 ? 15 : 13) & 1);
        break;
    case ADDRESS_DWORD:
        a = p->chain4 ? counter : counter << 2 | counter >> 14;     /* chain-4 is stored without the gaps */
        break;
    default:
        a = counter;
    }
    if (!(p->row_mode & MODE_ROW0_IS_A13)) {
        a = (a & ~0x2000u) | (row & 1) << 13;
    }
    if (!(p->row_mode & MODE_ROW1_IS_A14)) {
        a = (a & ~0x4000u) | (row & 2) << 13;
    }
    return a & (VGA_PLANE_SIZE - 1);
}

static uint32_t counter_at(const VgaPicture *p, uint32_t start, unsigned column)
{
    return start + (p->address_mode & COUNT_BY_4 ? column / 4 : p->address_mode & COUNT_BY_2 ? column / 2 : column);
}

static uint32_t plane_dword(const VgaState *s, uint32_t a)
{
    return load_le32(s->mem + (4 * (size_t)a & (s->mem_size - 1)));
}

/* Where a scan line comes from. */
typedef struct ScanLine {
    uint32_t counter;       /* at its left edge */
    uint8_t row;            /* of the character */
    uint8_t pan;
} ScanLine;

/* The CRTC's vertical counters, stepped line by line. */
typedef struct Beam {
    const VgaPicture *p;
    uint32_t y, row_start;
    uint8_t row, repeats_left;
    bool below_split;
} Beam;

static void beam_init(Beam *b, const VgaPicture *p)
{
    *b = (Beam) { .p = p, .row_start = p->start + p->byte_pan, .row = p->first_row, .repeats_left = p->repeat };
}

static ScanLine beam_line(const Beam *b)
{
    return (ScanLine) {
        .counter = b->row_start, .row = b->row, .pan = b->below_split ? b->p->pan_after_split : b->p->pan,
    };
}

static void beam_next(Beam *b)
{
    const VgaPicture *p = b->p;

    if (b->y++ == p->line_compare) {        /* the split: from the next line on, memory from its start */
        b->row_start = 0;
        b->row = 0;
        b->repeats_left = p->repeat;
        b->below_split = true;
    } else if (--b->repeats_left == 0) {
        b->repeats_left = p->repeat;
        b->row = (b->row + 1) & 0x1f;
        if (b->row == ((p->max_row + 1) & 0x1f)) {
            b->row = 0;
            b->row_start += p->pitch;
        }
    }
}

/* ---- graphics ---------------------------------------------------------------------------------------------------- */

/* 8 plane bits as 8 bytes of 0 or 1, leftmost dot first in memory. */
static uint64_t spread(uint8_t bits)
{
    return GUINT64_TO_LE((bits * 0x8040201008040201ull) >> 7 & 0x0101010101010101ull);
}

static void dots_of_planes(uint32_t d, uint8_t *dots)
{
    uint64_t v = spread(d) | spread(d >> 8) << 1 | spread(d >> 16) << 2 | spread(d >> 24) << 3;

    memcpy(dots, &v, 8);
}

/* Planes 0 and 2 hold the left four dots, 1 and 3 the right ones, two bits each. */
static void dots_interleaved(uint32_t d, uint8_t *dots)
{
    for (unsigned i = 0; i < 8; i++) {
        unsigned shift = 6 - 2 * (i & 3) + (i & 4 ? 8 : 0);

        dots[i] = (d >> shift & 3) | (d >> (shift + 16) & 3) << 2;
    }
}

static void dots_of_bytes(uint32_t d, uint8_t *dots)
{
    for (unsigned i = 0; i < 4; i++) {
        dots[2 * i] = dots[2 * i + 1] = d >> (8 * i);
    }
}

static void decode_line(const VgaState *s, const VgaPicture *p, const ScanLine *line, uint8_t *dots)
{
    unsigned n = p->chars + (line->pan ? 1 : 0);

    for (unsigned i = 0; i < n; i++, dots += 8) {
        uint32_t d = plane_dword(s, plane_address(p, counter_at(p, line->counter, i), line->row));

        switch (p->shift_mode) {
        case SHIFT_PLANES:
            dots_of_planes(d, dots);
            break;
        case SHIFT_INTERLEAVE:
            dots_interleaved(d, dots);
            break;
        default:
            dots_of_bytes(d, dots);
        }
    }
}

static void put_dots(const VgaPicture *p, const uint8_t *dots, const uint32_t *colors, uint8_t mask, uint32_t *out)
{
    if (p->dot_repeat == 1) {
        for (uint32_t x = 0; x < p->width; x++) {
            out[x] = colors[dots[x] & mask];
        }
    } else {
        for (uint32_t x = 0; x < p->width; x++) {
            out[x] = colors[dots[x / 2] & mask];
        }
    }
}

static void draw_graphics_line(VgaState *s, const ScanLine *line, uint32_t y)
{
    const VgaPicture *p = &s->shown;
    uint8_t dots[MAX_DOTS];
    bool direct = p->shift_mode == SHIFT_256;

    decode_line(s, p, line, dots);
    put_dots(p, dots + line->pan, direct ? s->colors : s->colors16, direct ? 0xff : p->planes, surface_line(s, y));
}

static bool line_dirty(const VgaState *s, const ScanLine *line)
{
    const VgaPicture *p = &s->shown;
    uint32_t first = plane_address(p, line->counter, line->row);
    uint32_t last = plane_address(p, counter_at(p, line->counter, p->chars), line->row);

    return last < first ? range_dirty(s, 0, 4 * VGA_PLANE_SIZE - 1) : range_dirty(s, 4 * first, 4 * last + 3);
}

static bool same_source(const VgaPicture *p, const ScanLine *a, const ScanLine *b)
{
    uint8_t rows = ~p->row_mode & 3;        /* bits of the row that are part of the address */

    return a->counter == b->counter && a->pan == b->pan && !((a->row ^ b->row) & rows);
}

static void draw_graphics(VgaState *s)
{
    const VgaPicture *p = &s->shown;
    ScanLine last = { 0 };
    Span span = { 0 };
    bool drawn = false;
    Beam beam;

    for (beam_init(&beam, p); beam.y < p->height; beam_next(&beam)) {
        ScanLine line = beam_line(&beam);

        if (beam.y && same_source(p, &line, &last)) {
            if (drawn) {
                memcpy(surface_line(s, beam.y), surface_line(s, beam.y - 1), 4 * p->width);
            }
        } else {
            drawn = s->redraw || line_dirty(s, &line);
            if (drawn) {
                draw_graphics_line(s, &line, beam.y);
            }
            last = line;
        }
        if (drawn) {
            span_add(s, &span, beam.y);
        }
    }
    span_flush(s, &span);
}

/* ---- text -------------------------------------------------------------------------------------------------------- */

/* What blinks goes by frames, as the chip counts them. */
static bool phase_visible(const VgaState *s, unsigned period)
{
    uint64_t frame = clock_get_ns(CLOCK_VM) / ((uint64_t)s->timing.line_ns * s->timing.lines);

    return frame % period < period / 2;
}

static uint16_t text_at(const VgaState *s, const VgaPicture *p, uint32_t counter)
{
    return plane_dword(s, plane_address(p, counter, 0)) & 0xffff;
}

static uint32_t cell_at(const VgaState *s, uint32_t counter, bool cursor, bool blink_hidden)
{
    const VgaPicture *p = &s->shown;
    uint32_t cell = text_at(s, p, counter);

    if (blink_hidden && p->attr_mode & ATTR_BLINK && cell & 0x8000) {
        cell |= CELL_HIDDEN;
    }
    if (cursor && (counter & 0xffff) == p->cursor) {
        cell |= CELL_CURSOR;
    }
    return cell;
}

/* Dots of one row of a cell, the first in the highest bit. */
static uint32_t cell_dots(const VgaState *s, uint32_t cell, unsigned row)
{
    const VgaPicture *p = &s->shown;
    uint8_t c = cell, attr = cell >> 8;
    uint32_t dots = plane_dword(s, p->fonts[attr >> 3 & 1] + c * 32 + row) >> 16 & 0xff;

    if (cell & CELL_HIDDEN) {
        dots = 0;
    }
    if (p->char_width == 9) {
        bool extend = p->attr_mode & ATTR_LINE_GRAPHICS && c >= 0xc0 && c <= 0xdf;

        dots = dots << 1 | (extend ? dots & 1 : 0);
    }
    if (row == p->underline && (attr & 0x77) == 0x01) {
        dots = 0x1ff;
    }
    if (cell & CELL_CURSOR && row >= (p->cursor_start & 0x1f) && row <= p->cursor_end) {
        dots = 0x1ff;
    }
    return dots << (32 - p->char_width);
}

static void draw_cell_row(const VgaState *s, uint32_t cell, unsigned row, uint32_t *out)
{
    const VgaPicture *p = &s->shown;
    uint32_t dots = cell_dots(s, cell, row);
    uint8_t attr = cell >> 8, back = attr >> 4 & (p->attr_mode & ATTR_BLINK ? 7 : 15);
    uint32_t fg = s->colors16[attr & 15 & p->planes], bg = s->colors16[back & p->planes];

    for (unsigned i = 0; i < p->char_width; i++, dots <<= 1) {
        uint32_t color = dots & 0x80000000 ? fg : bg;

        for (unsigned r = 0; r < p->dot_repeat; r++) {
            *out++ = color;
        }
    }
}

/* One scan line of text, into a buffer that has room for the column that panning uncovers. */
static void draw_text_line(VgaState *s, const uint32_t *cells, const ScanLine *line, uint32_t y, unsigned first,
                           unsigned last)
{
    const VgaPicture *p = &s->shown;
    unsigned cell_width = p->char_width * p->dot_repeat, pan = line->pan * p->dot_repeat;
    uint32_t buf[MAX_DOTS];

    for (unsigned i = first; i <= last; i++) {
        draw_cell_row(s, cells[i], line->row, buf + i * cell_width);
    }
    if (pan) {
        memcpy(surface_line(s, y), buf + pan, 4 * p->width);
    } else {
        memcpy(surface_line(s, y) + first * cell_width, buf + first * cell_width, 4 * (last + 1 - first) * cell_width);
    }
}

/* A band: scan lines that show the same cells. first, last: columns that differ from what is on the surface. */
typedef struct Band {
    uint32_t *cells;
    unsigned columns, first, last;
    bool changed;
} Band;

static void band_begin(VgaState *s, Band *b, uint32_t counter, bool cursor, bool hidden, unsigned pan)
{
    const VgaPicture *p = &s->shown;

    b->columns = p->chars + 1;      /* one more than fits: panning */
    b->changed = false;
    for (unsigned i = 0; i < b->columns; i++) {
        uint32_t cell = cell_at(s, counter_at(p, counter, i), cursor, hidden);

        if (cell == b->cells[i]) {
            continue;
        }
        b->cells[i] = cell;
        b->first = b->changed ? b->first : i;
        b->last = i;
        b->changed = true;
    }
    if (pan && b->changed) {
        b->first = 0;
        b->last = b->columns - 1;
    } else if (b->changed && b->first == b->columns - 1) {
        b->changed = false;
    } else if (b->changed) {
        b->last = MIN(b->last, b->columns - 2);
    }
}

static void band_end(VgaState *s, const Band *b, uint32_t y0, uint32_t y1)
{
    const VgaPicture *p = &s->shown;
    unsigned width = p->char_width * p->dot_repeat;

    if (b->changed && y1 > y0) {
        unsigned x = b->first * width, w = MIN((b->last + 1) * width, p->width) - x;

        console_dirty(s->con, x, y0, w, y1 - y0);
    }
}

/* Room for the cells of as many bands as there can be: one per line. */
static bool cells_ready(VgaState *s)
{
    uint32_t n = (s->shown.chars + 1) * s->shown.height;

    if (n != s->n_cells) {
        g_free(s->cells);
        s->cells = g_try_new(uint32_t, n);
        s->n_cells = s->cells ? n : 0;
        s->redraw = true;
    }
    if (s->cells && s->redraw) {
        memset(s->cells, 0xff, (size_t)n * 4);      /* CELL_UNKNOWN */
    }
    return s->cells;
}

/* Whether dots from at on differ from what was shown, which they become. */
static bool take_dots(const VgaState *s, uint32_t at, uint8_t shown[FONT_BYTES_OF_PAGE])
{
    bool changed = false;

    for (unsigned i = 0; i < FONT_BYTES_OF_PAGE; i++) {
        uint8_t dots = plane_dword(s, at + i) >> 16;

        changed |= dots != shown[i];
        shown[i] = dots;
    }
    return changed;
}

/*
 * Fonts share their pages with the cells, which change often, and are written by many routes: comparing the dots of
 * dirty pages is all that is needed.
 */
static bool take_font(VgaState *s, unsigned n)
{
    uint32_t first = s->shown.fonts[n];
    bool changed = false;

    for (unsigned i = 0; i < VGA_FONT_SIZE; i += FONT_BYTES_OF_PAGE) {
        if (s->redraw || range_dirty(s, 4 * (first + i), 4 * (first + i))) {
            changed |= take_dots(s, first + i, s->fonts_shown[n] + i);
        }
    }
    return changed;
}

static void take_fonts(VgaState *s)
{
    for (unsigned n = 0; n < ARRAY_SIZE(s->fonts_shown); n++) {
        s->redraw |= take_font(s, n);
    }
}

static void draw_text(VgaState *s)
{
    const VgaPicture *p = &s->shown;
    bool cursor = !(p->cursor_start & CURSOR_OFF) && phase_visible(s, FRAMES_CURSOR);
    bool hidden = !phase_visible(s, FRAMES_BLINK);
    Band band = { 0 };
    uint32_t band_y = 0, next = 0;
    ScanLine line = { 0 };
    Beam beam;

    take_fonts(s);
    if (!cells_ready(s)) {
        return;
    }
    for (beam_init(&beam, p); beam.y < p->height; beam_next(&beam)) {
        ScanLine now = beam_line(&beam);

        if (beam.y == 0 || now.counter != line.counter || now.pan != line.pan) {
            band_end(s, &band, band_y, beam.y);
            band.cells = s->cells + next;
            next += p->chars + 1;
            band_y = beam.y;
            band_begin(s, &band, now.counter, cursor, hidden, now.pan);
        }
        line = now;
        if (band.changed) {
            draw_text_line(s, band.cells, &line, beam.y, band.first, band.last);
        }
    }
    band_end(s, &band, band_y, beam.y);
}

/* ---- text for those who cannot show pictures --------------------------------------------------------------------- */

/* Rows of text; where each begins, as the CRTC counts, into counters[] when it is not NULL. */
static unsigned text_rows(const VgaPicture *p, uint32_t *counters)
{
    unsigned n = 0;
    uint32_t last = 0;
    Beam beam;

    for (beam_init(&beam, p); beam.y < p->height; beam_next(&beam)) {
        uint32_t counter = beam_line(&beam).counter;

        if (!n || counter != last) {
            if (counters) {
                counters[n] = counter;
            }
            n++;
        }
        last = counter;
    }
    return n;
}

static void text_of_picture(const VgaState *s, const VgaPicture *p, TextScreen *t)
{
    unsigned rows = text_rows(p, NULL);
    g_autofree uint32_t *counters = g_new(uint32_t, rows);
    bool cursor = !(p->cursor_start & CURSOR_OFF) && (p->cursor_start & 0x1f) <= p->cursor_end;

    text_rows(p, counters);
    text_screen_resize(t, p->chars, rows);
    t->blinks = p->attr_mode & ATTR_BLINK;
    t->cursor = -1;
    for (unsigned i = 0; i < rows * p->chars; i++) {
        uint32_t counter = counter_at(p, counters[i / p->chars], i % p->chars);

        t->cells[i] = text_at(s, p, counter);
        if (cursor && t->cursor < 0 && (counter & 0xffff) == p->cursor) {
            t->cursor = (int)i;
        }
    }
}

static bool vga_draw_text_screen(void *opaque, TextScreen *t)
{
    const VgaState *s = opaque;
    VgaPicture p;

    picture_of(s, &p);
    t->width = p.width;
    t->height = p.height;
    if (p.kind == PICTURE_TEXT) {
        text_of_picture(s, &p, t);
    } else if (p.kind == PICTURE_BLANK) {
        text_screen_resize(t, 1, 1);
        t->cells[0] = 0;
        t->cursor = -1;
    }
    return p.kind == PICTURE_TEXT || p.kind == PICTURE_BLANK;
}

/* ---- DISPI modes ------------------------------------------------------------------------------------------------- */

static void dispi_line_4(const VgaState *s, const uint8_t *src, uint32_t *out, uint32_t width)
{
    uint8_t dots[8];

    for (uint32_t x = 0; x < width; x += 8, src += 4) {
        dots_of_planes(load_le32(src), dots);
        for (unsigned i = 0; i < 8; i++) {
            out[x + i] = s->colors16[dots[i] & s->shown.planes];
        }
    }
}

static void dispi_line_8(const VgaState *s, const uint8_t *src, uint32_t *out, uint32_t width)
{
    for (uint32_t x = 0; x < width; x++) {
        out[x] = s->colors[src[x]];
    }
}

static uint32_t widen5(uint32_t v)
{
    return v << 3 | v >> 2;
}

static uint32_t widen6(uint32_t v)
{
    return v << 2 | v >> 4;
}

static void dispi_line_15(const VgaState *s, const uint8_t *src, uint32_t *out, uint32_t width)
{
    for (uint32_t x = 0; x < width; x++) {
        uint32_t v = load_le16(src + 2 * x);

        out[x] = widen5(v >> 10 & 31) << 16 | widen5(v >> 5 & 31) << 8 | widen5(v & 31);
    }
}

static void dispi_line_16(const VgaState *s, const uint8_t *src, uint32_t *out, uint32_t width)
{
    for (uint32_t x = 0; x < width; x++) {
        uint32_t v = load_le16(src + 2 * x);

        out[x] = widen5(v >> 11) << 16 | widen6(v >> 5 & 63) << 8 | widen5(v & 31);
    }
}

static void dispi_line_24(const VgaState *s, const uint8_t *src, uint32_t *out, uint32_t width)
{
    for (uint32_t x = 0; x < width; x++, src += 3) {
        out[x] = (uint32_t)src[2] << 16 | src[1] << 8 | src[0];
    }
}

static void dispi_line_32(const VgaState *s, const uint8_t *src, uint32_t *out, uint32_t width)
{
    for (uint32_t x = 0; x < width; x++) {
        out[x] = load_le32(src + 4 * x);
    }
}

typedef void DispiLine(const VgaState *s, const uint8_t *src, uint32_t *out, uint32_t width);
static DispiLine *const dispi_lines[33] = {
    [4] = dispi_line_4, [8] = dispi_line_8, [15] = dispi_line_15, [16] = dispi_line_16, [24] = dispi_line_24,
    [32] = dispi_line_32,
};

static void draw_dispi(VgaState *s)
{
    const VgaPicture *p = &s->shown;
    uint32_t bytes = p->width * (p->bpp == 15 ? 16 : p->bpp) / 8;
    Span span = { 0 };

    for (uint32_t y = 0, at = p->start; y < p->height; y++, at += p->pitch) {
        if (!s->redraw && !range_dirty(s, at, at + bytes - 1)) {
            continue;
        }
        if (!s->surface_is_vram) {
            dispi_lines[p->bpp](s, s->mem + at, surface_line(s, y), p->width);
        }
        span_add(s, &span, y);
    }
    span_flush(s, &span);
}

/* ---- update ------------------------------------------------------------------------------------------------------ */

static void draw_blank(VgaState *s)
{
    pixman_image_t *image = console_surface(s->con);
    int w = pixman_image_get_width(image), h = pixman_image_get_height(image);

    if (!s->redraw) {
        return;
    }
    for (int y = 0; y < h; y++) {
        memset(surface_line(s, y), 0, 4 * (size_t)w);
    }
    console_dirty(s->con, 0, 0, w, h);
}

/* Pixels of a 32-bit DISPI mode are those of the surface: no copy. */
static bool share_vram(VgaState *s, const VgaPicture *p)
{
    pixman_image_t *image;

    if (G_BYTE_ORDER != G_LITTLE_ENDIAN || p->kind != PICTURE_DISPI || p->bpp != 32 || p->start % 4 || p->pitch % 4) {
        return false;
    }
    image = pixman_image_create_bits(PIXMAN_x8r8g8b8, p->width, p->height, (uint32_t *)(s->mem + p->start), p->pitch);
    if (image) {
        console_set_surface(s->con, image);
        s->surface_is_vram = true;
    }
    return image;
}

/* A surface for p. A blank screen keeps the size it had, but memory that the guest goes on using is no place for it. */
static bool surface_ready(VgaState *s, const VgaPicture *p)
{
    pixman_image_t *image = console_surface(s->con);
    uint32_t w = p->width, h = p->height;

    if (p->kind == PICTURE_BLANK && image) {
        w = pixman_image_get_width(image);
        h = pixman_image_get_height(image);
    }
    if (share_vram(s, p)) {
        return true;
    }
    if (image && !s->surface_is_vram && w == (uint32_t)pixman_image_get_width(image) &&
        h == (uint32_t)pixman_image_get_height(image)) {
        return true;
    }
    s->surface_is_vram = false;
    trace_vga_surface(w, h);
    return console_resize(s->con, w, h);
}

static void (*const draw[])(VgaState *s) = {
    [PICTURE_BLANK] = draw_blank, [PICTURE_TEXT] = draw_text, [PICTURE_GRAPHICS] = draw_graphics,
    [PICTURE_DISPI] = draw_dispi,
};

static void vga_draw_update(void *opaque)
{
    VgaState *s = opaque;
    VgaPicture now;

    picture_of(s, &now);
    if (s->colors_changed) {
        update_colors(s);
    }
    if (memcmp(&now, &s->shown, sizeof(now))) {
        if (!surface_ready(s, &now)) {
            s->shown.kind = PICTURE_NONE;       /* no memory for it: try again next time */
            return;
        }
        s->shown = now;
        s->redraw = true;
    }
    ram_dirty_take(s->mem_addr, s->mem_size, DIRTY_VGA, s->dirty);
    draw[now.kind](s);
    s->redraw = false;
}

static void vga_draw_invalidate(void *opaque)
{
    ((VgaState *)opaque)->redraw = true;
}

const ConsoleOps vga_console_ops = {
    .update = vga_draw_update, .invalidate = vga_draw_invalidate,
    .text = vga_draw_text_screen,
};
