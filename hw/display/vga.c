/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VGA: registers, DAC and timing
 *
 * Follows: IBM PS/2 Hardware Interface Technical Reference, "Video Subsystem"; the FreeVGA documentation for what
 * clones agree on.
 * Left out: the vertical retrace interrupt, the light pen, port 3C3h (the card is always awake).
 *
 * Nothing ticks: where the beam is follows from CLOCK_VM and the CRTC's values when somebody reads status register 1.
 */
#include "qemu/osdep.h"
#include "exec/ram.h"
#include "qemu/bitops.h"
#include "qemu/log.h"
#include "qemu/timer.h"
#include "trace/hw-display.h"
#include "vga-int.h"

#define MEMORY_MB_MAX       256
#define STATUS0_SENSE       0x10u           /* a colour monitor loads the DAC's outputs */
#define STATUS1_BLANK       0x01u
#define STATUS1_VSYNC       0x08u
#define DAC_READ_STATE      3u
#define DAC_WRITE_STATE     0u

/* ---- timing ------------------------------------------------------------------------------------------------------ */

static unsigned overflow_bits(const VgaState *s, unsigned bit8, unsigned bit9)
{
    return (s->crtc[CRTC_OVERFLOW] >> bit8 & 1) << 8 | (s->crtc[CRTC_OVERFLOW] >> bit9 & 1) << 9;
}

static uint32_t dot_clock(const VgaState *s)
{
    uint32_t hz = MISC_CLOCK(s->misc) == 1 ? 28322000 : 25175000;

    return s->seq[SEQ_CLOCKING] & CLOCKING_HALF_CLOCK ? hz / 2 : hz;
}

/* A monitor's way to say no: what is no picture gets the timing of text mode. */
static bool timing_is_sane(const VgaTiming *t)
{
    return t->chars > t->display_chars && t->lines > t->display_lines && t->sync_start >= t->display_lines &&
           t->sync_start < t->lines && t->line_ns > 1000;
}

void vga_update_timing(VgaState *s)
{
    static const VgaTiming text = {
        .line_ns = 31777, .lines = 449, .display_lines = 400, .sync_start = 412, .sync_end = 414, .chars = 100,
        .display_chars = 80,
    };
    VgaTiming t = { .chars = s->crtc[CRTC_HTOTAL] + 5u, .display_chars = s->crtc[CRTC_HDISP_END] + 1u };
    unsigned dots = s->seq[SEQ_CLOCKING] & CLOCKING_8_DOTS ? 8 : 9;

    t.line_ns = muldiv64(t.chars * dots, NANOSECONDS_PER_SECOND, dot_clock(s));
    t.lines = (s->crtc[CRTC_VTOTAL] | overflow_bits(s, 0, 5)) + 2;
    t.display_lines = crtc_vdisp_end(s) + 1;
    t.sync_start = s->crtc[CRTC_VSYNC_START] | overflow_bits(s, 2, 7);
    t.sync_end = (t.sync_start & ~15u) | (s->crtc[CRTC_VSYNC_END] & 15);
    t.sync_end += t.sync_end <= t.sync_start ? 16 : 0;
    s->timing = !dispi_on(s) && timing_is_sane(&t) ? t : text;
}

static uint8_t status1(const VgaState *s)
{
    const VgaTiming *t = &s->timing;
    uint64_t in_frame = clock_get_ns(CLOCK_VM) % ((uint64_t)t->line_ns * t->lines);
    uint32_t line = in_frame / t->line_ns, in_line = in_frame % t->line_ns;
    bool display = line < t->display_lines && (uint64_t)in_line * t->chars < (uint64_t)t->line_ns * t->display_chars;

    return (display ? 0 : STATUS1_BLANK) | (line >= t->sync_start && line < t->sync_end ? STATUS1_VSYNC : 0);
}

/* ---- attribute controller ---------------------------------------------------------------------------------------- */

static const uint8_t attr_writable[ATTR_COUNT] = {
    [0 ... 15] = 0x3f, [ATTR_MODE] = 0xef, [ATTR_OVERSCAN] = 0xff, [ATTR_PLANES] = 0x3f, [ATTR_PAN] = 0x0f,
    [ATTR_COLOR_SELECT] = 0x0f,
};

static void attr_write(VgaState *s, uint8_t val)
{
    unsigned reg = s->attr_index & 0x1f;

    s->attr_flip_flop = !s->attr_flip_flop;
    if (s->attr_flip_flop) {
        s->attr_index = val & 0x3f;
    } else if (reg < ATTR_COUNT) {
        s->attr[reg] = val & attr_writable[reg];
        s->colors_changed = true;
    } else {
        qemu_log_mask(LOG_GUEST_ERROR, "vga: attribute register 0x%02x does not exist\n", reg);
    }
}

/* ---- sequencer, graphics controller ------------------------------------------------------------------------------ */

static const uint8_t seq_writable[SEQ_COUNT] = { 0x03, 0x3d, 0x0f, 0x3f, 0x0e, 0x00, 0x00, 0xff };
static const uint8_t gc_writable[GC_COUNT] = { 0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff };

static void seq_write(VgaState *s, uint8_t val)
{
    s->seq[s->seq_index] = val & seq_writable[s->seq_index];
    if (s->seq_index == SEQ_CLOCKING) {
        vga_update_timing(s);
    } else if (s->seq_index == SEQ_MAP_MASK || s->seq_index == SEQ_MEMORY_MODE) {
        vga_update_window(s);
    }
}

static void gc_write(VgaState *s, uint8_t val)
{
    s->gc[s->gc_index] = val & gc_writable[s->gc_index];
    vga_update_window(s);
}

/* ---- CRTC -------------------------------------------------------------------------------------------------------- */

static void crtc_write(VgaState *s, uint8_t val)
{
    uint8_t *reg;

    if (s->crtc_index >= CRTC_COUNT) {
        return;
    }
    reg = &s->crtc[s->crtc_index];
    if (s->crtc[CRTC_VSYNC_END] & CRTC_PROTECT && s->crtc_index <= CRTC_OVERFLOW) {
        if (s->crtc_index == CRTC_OVERFLOW) {       /* the split screen may move */
            *reg = (*reg & ~OVERFLOW_LC8) | (val & OVERFLOW_LC8);
        }
        return;
    }
    *reg = val;
    vga_update_timing(s);
}

static uint8_t crtc_read(const VgaState *s)
{
    switch (s->crtc_index) {
    case 0 ... CRTC_COUNT - 1:
        return s->crtc[s->crtc_index];
    case CRTC_LATCH:
        return s->latch >> (8 * s->gc[GC_READ_PLANE]);
    case CRTC_FLIP_FLOP:
        return s->attr_flip_flop ? 0x80 : 0;
    case CRTC_ATTR_INDEX:
        return s->attr_index;
    default:
        return 0;
    }
}

/* ---- DAC --------------------------------------------------------------------------------------------------------- */

static void dac_write(VgaState *s, uint8_t val)
{
    s->dac_latch[s->dac_part++] = val;
    if (s->dac_part == 3) {
        memcpy(&s->palette[3 * s->dac_write], s->dac_latch, 3);
        s->dac_part = 0;
        s->dac_write++;
        s->colors_changed = true;
    }
}

static uint8_t dac_read(VgaState *s)
{
    uint8_t val = s->palette[3 * s->dac_read + s->dac_part];

    if (++s->dac_part == 3) {
        s->dac_part = 0;
        s->dac_read++;
    }
    return val;
}

/* ---- ports ------------------------------------------------------------------------------------------------------- */

/* CRTC, input status 1 and feature control move between 3Bxh and 3Dxh. The other place is silent. */
static bool port_is_decoded(const VgaState *s, uint16_t port)
{
    if (port >= 0x3c0 && port <= 0x3cf) {
        return true;
    }
    return port >> 4 == (s->misc & MISC_COLOR ? 0x3d : 0x3b);
}

uint8_t vga_port_read(VgaState *s, uint16_t port)
{
    uint8_t val = 0;

    if (!port_is_decoded(s, port)) {
        return 0xff;
    }
    switch (port) {
    case 0x3c0:
        val = s->attr_index;
        break;
    case 0x3c1:
        val = (s->attr_index & 0x1f) < ATTR_COUNT ? s->attr[s->attr_index & 0x1f] : 0;
        break;
    case 0x3c2:
        val = STATUS0_SENSE;
        break;
    case 0x3c4:
        val = s->seq_index;
        break;
    case 0x3c5:
        val = s->seq[s->seq_index];
        break;
    case 0x3c6:
        val = s->dac_mask;
        break;
    case 0x3c7:
        val = s->dac_state;
        break;
    case 0x3c8:
        val = s->dac_write;
        break;
    case 0x3c9:
        val = dac_read(s);
        break;
    case 0x3ca:
        val = s->feature;
        break;
    case 0x3cc:
        val = s->misc;
        break;
    case 0x3ce:
        val = s->gc_index;
        break;
    case 0x3cf:
        val = s->gc[s->gc_index];
        break;
    case 0x3b4:
    case 0x3d4:
        val = s->crtc_index;
        break;
    case 0x3b5:
    case 0x3d5:
        val = crtc_read(s);
        break;
    case 0x3ba:
    case 0x3da:
        val = status1(s);
        s->attr_flip_flop = false;
        break;
    }
    trace_vga_port_read(port, val);
    return val;
}

static void misc_write(VgaState *s, uint8_t val)
{
    s->misc = val & ~0x10u;
    vga_update_window(s);
    vga_update_timing(s);
}

void vga_port_write(VgaState *s, uint16_t port, uint8_t val)
{
    trace_vga_port_write(port, val);
    if (!port_is_decoded(s, port)) {
        return;
    }
    switch (port) {
    case 0x3c0:
        attr_write(s, val);
        break;
    case 0x3c2:
        misc_write(s, val);
        break;
    case 0x3c4:
        s->seq_index = val & 7;
        break;
    case 0x3c5:
        seq_write(s, val);
        break;
    case 0x3c6:
        s->dac_mask = val;
        s->colors_changed = true;
        break;
    case 0x3c7:
        s->dac_read = val;
        s->dac_part = 0;
        s->dac_state = DAC_READ_STATE;
        break;
    case 0x3c8:
        s->dac_write = val;
        s->dac_part = 0;
        s->dac_state = DAC_WRITE_STATE;
        break;
    case 0x3c9:
        dac_write(s, val);
        break;
    case 0x3ce:
        s->gc_index = val & 0x0f;
        break;
    case 0x3cf:
        gc_write(s, val);
        break;
    case 0x3b4:
    case 0x3d4:
        s->crtc_index = val;
        break;
    case 0x3b5:
    case 0x3d5:
        crtc_write(s, val);
        break;
    case 0x3ba:
    case 0x3da:
        s->feature = val;
        break;
    }
}

/* One region per range of ports, so that what lies between them stays free. */
static const struct {
    uint16_t first, count;
} port_ranges[] = { { 0x3b4, 2 }, { 0x3ba, 1 }, { 0x3c0, 16 }, { 0x3d4, 2 }, { 0x3da, 1 } };

#define PORT_OPS(n)                                                                             \
static uint64_t ports##n##_read(void *opaque, hwaddr addr, unsigned size)                       \
{                                                                                               \
    return vga_port_read(opaque, port_ranges[n].first + addr);                                  \
}                                                                                               \
static void ports##n##_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)            \
{                                                                                               \
    vga_port_write(opaque, port_ranges[n].first + addr, val);                                   \
}
PORT_OPS(0)
PORT_OPS(1)
PORT_OPS(2)
PORT_OPS(3)
PORT_OPS(4)

#define BYTES .size = { .min = 1, .max = 1 }
static const MemoryRegionOps port_ops[] = {
    { .read = ports0_read, .write = ports0_write, BYTES }, { .read = ports1_read, .write = ports1_write, BYTES },
    { .read = ports2_read, .write = ports2_write, BYTES }, { .read = ports3_read, .write = ports3_write, BYTES },
    { .read = ports4_read, .write = ports4_write, BYTES },
};

/* ---- life -------------------------------------------------------------------------------------------------------- */

void vga_map_legacy(VgaState *s, MemoryRegion *mem, MemoryRegion *io)
{
    unsigned n = ARRAY_SIZE(port_ranges);

    for (unsigned i = 0; i < n; i++) {
        memory_region_init_io(&s->ports[i], s->owner, &port_ops[i], s, "vga", port_ranges[i].count);
        memory_region_add(io, port_ranges[i].first, &s->ports[i], 0);
    }
    memory_region_init_io(&s->ports[n], s->owner, &dispi_port_ops, s, "vbe", 4);
    memory_region_add(io, DISPI_IOPORT_INDEX, &s->ports[n], 0);

    memory_region_init(&s->window, s->owner, "vga-lowmem", VGA_WINDOW_SIZE);
    memory_region_init_io(&s->window_io, s->owner, &vga_window_ops, s, "vga-planes", VGA_WINDOW_SIZE);
    memory_region_init_alias(&s->window_direct, s->owner, "vga-chain4", &s->vram, 0, VGA_BANK_SIZE);
    s->window_direct.enabled = false;
    s->window.enabled = false;
    memory_region_add(&s->window, 0, &s->window_io, 0);
    memory_region_add(&s->window, 0, &s->window_direct, 1);
    memory_region_add(mem, VGA_WINDOW_BASE, &s->window, 1);
}

static void unmap(MemoryRegion *mr)
{
    if (mr->name) {
        memory_region_del(mr);
        memory_region_destroy(mr);
    }
}

bool vga_realize(VgaState *s, Device *owner, Error **errp)
{
    s->owner = owner;
    if (s->vgamem_mb < 1 || s->vgamem_mb > MEMORY_MB_MAX) {
        error_set(errp, "vgamem_mb must be 1 to %d", MEMORY_MB_MAX);
        return false;
    }
    s->mem_size = pow2ceil(s->vgamem_mb) * MiB;
    if (!memory_region_init_ram(&s->vram, owner, "vga.vram", s->mem_size, errp)) {
        return false;
    }
    s->mem = memory_region_ram_ptr(&s->vram);
    s->mem_addr = memory_region_ram_addr(&s->vram);
    s->dirty = g_new0(uint64_t, s->mem_size / TARGET_PAGE_SIZE / 64);
    s->con = console_new(owner, &vga_console_ops, s);
    return true;
}

/* vram is out of its BAR already. */
void vga_unrealize(VgaState *s)
{
    console_free(s->con);
    unmap(&s->window_io);
    unmap(&s->window_direct);
    unmap(&s->window);
    for (unsigned i = 0; i < ARRAY_SIZE(s->ports); i++) {
        unmap(&s->ports[i]);
    }
    unmap(&s->vram);
    g_free(s->dirty);
    g_free(s->cells);
}

void vga_reset(VgaState *s)
{
    s->misc = s->feature = 0;
    s->seq_index = s->gc_index = s->crtc_index = s->attr_index = 0;
    s->attr_flip_flop = false;
    memset(s->seq, 0, sizeof(s->seq));
    memset(s->gc, 0, sizeof(s->gc));
    memset(s->crtc, 0, sizeof(s->crtc));
    memset(s->attr, 0, sizeof(s->attr));
    memset(s->palette, 0, sizeof(s->palette));
    memset(s->dac_latch, 0, sizeof(s->dac_latch));
    s->dac_state = s->dac_mask = s->dac_read = s->dac_write = s->dac_part = 0;
    s->latch = 0;
    s->dispi_index = 0;
    memset(s->dispi, 0, sizeof(s->dispi));
    s->dispi[DISPI_ID] = 0xb0c5;
    s->redraw = s->colors_changed = true;
    vga_update_window(s);
    vga_update_timing(s);
}

static bool within(const uint8_t *regs, const uint8_t *writable, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (regs[i] & ~writable[i]) {
            return false;
        }
    }
    return true;
}

static bool vga_post_load(void *opaque, int version, Error **errp)
{
    VgaState *s = opaque;

    if (s->dac_part > 2 || !within(s->seq, seq_writable, SEQ_COUNT) || !within(s->gc, gc_writable, GC_COUNT) ||
        !within(s->attr, attr_writable, ATTR_COUNT)) {
        error_set(errp, "state of the VGA has bits that no register has");
        return false;
    }
    dispi_update(s);
    s->redraw = s->colors_changed = true;
    vga_update_window(s);
    vga_update_timing(s);
    return true;
}

const VMStateDescription vga_vmstate = {
    .name = "vga", .version = 1, .post_load = vga_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT8(misc, VgaState),
        VMSTATE_UINT8(feature, VgaState),
        VMSTATE_UINT8_MASK(seq_index, VgaState, SEQ_COUNT - 1),
        VMSTATE_UINT8_MASK(gc_index, VgaState, GC_COUNT - 1),
        VMSTATE_UINT8(crtc_index, VgaState),
        VMSTATE_UINT8_MASK(attr_index, VgaState, 0x3f),
        VMSTATE_BOOL(attr_flip_flop, VgaState),
        VMSTATE_UINT8_ARRAY(seq, VgaState, SEQ_COUNT),
        VMSTATE_UINT8_ARRAY(gc, VgaState, GC_COUNT),
        VMSTATE_UINT8_ARRAY(crtc, VgaState, CRTC_COUNT),
        VMSTATE_UINT8_ARRAY(attr, VgaState, ATTR_COUNT),
        VMSTATE_UINT8(dac_state, VgaState),
        VMSTATE_UINT8(dac_mask, VgaState),
        VMSTATE_UINT8(dac_read, VgaState),
        VMSTATE_UINT8(dac_write, VgaState),
        VMSTATE_UINT8(dac_part, VgaState),
        VMSTATE_UINT8_ARRAY(dac_latch, VgaState, 3),
        VMSTATE_UINT8_ARRAY(palette, VgaState, 768),
        VMSTATE_UINT32(latch, VgaState),
        VMSTATE_UINT16(dispi_index, VgaState),
        VMSTATE_UINT16_ARRAY(dispi, VgaState, DISPI_COUNT),
        VMSTATE_END
    },
};
