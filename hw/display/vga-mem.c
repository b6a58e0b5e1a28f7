/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VGA: the CPU's way to display memory through the window at A0000
 *
 * Follows: IBM PS/2 Hardware Interface Technical Reference, "Video Subsystem": sequencer and graphics controller.
 * Left out: the high-order page bit of odd/even addressing (miscellaneous output bit 5); chain-4 does not load the
 * latches while it is plain RAM.
 *
 *   write: CPU byte ─► rotate ─► set/reset ─► function with latch ─► bit mask ─► planes of the map mask
 *   read:  latch := all four planes; CPU gets one plane (mode 0) or the planes that match a colour (mode 1)
 *
 * Modes in which a byte of the window is a byte of memory need none of this: the window is then an alias of memory.
 */
#include "qemu/osdep.h"
#include "exec/ram.h"
#include "qemu/bitops.h"
#include "trace/hw-display.h"
#include "vga-int.h"

/* Four plane bits as four bytes of 00 or FF. */
static const uint32_t plane_bytes[16] = {
    0x00000000, 0x000000ff, 0x0000ff00, 0x0000ffff, 0x00ff0000, 0x00ff00ff, 0x00ffff00, 0x00ffffff,
    0xff000000, 0xff0000ff, 0xff00ff00, 0xff00ffff, 0xffff0000, 0xffff00ff, 0xffffff00, 0xffffffff,
};

/* ---- which address ----------------------------------------------------------------------------------------------- */

#define NOT_DECODED     (~0u)

/* Offset in the memory map that the graphics controller has chosen, by graphics controller "memory map". */
static uint32_t window_offset(const VgaState *s, hwaddr addr)
{
    static const struct {
        uint32_t base, size;
    } maps[4] = { { 0, 0x20000 }, { 0, 0x10000 }, { 0x10000, 0x8000 }, { 0x18000, 0x8000 } };
    unsigned map = GC_MISC_MAP(s->gc[GC_MISC]);

    if (dispi_on(s)) {
        return addr < VGA_BANK_SIZE ? addr + s->dispi[DISPI_BANK] * VGA_BANK_SIZE : NOT_DECODED;
    }
    addr -= maps[map].base;
    return addr < maps[map].size ? addr & (VGA_PLANE_SIZE - 1) : NOT_DECODED;
}

/* DISPI modes are packed, or planes one after the other, whatever the sequencer was left with. */
static bool chain4(const VgaState *s)
{
    return dispi_on(s) ? dispi_packed(s) : s->seq[SEQ_MEMORY_MODE] & MEMORY_CHAIN4;
}

static bool odd_even(const VgaState *s)
{
    return !dispi_on(s) && !(s->seq[SEQ_MEMORY_MODE] & MEMORY_SEQUENTIAL);
}

/* The dword that byte a of the map selects when not in chain-4. The array wraps at the end of memory. */
static uint32_t dword_index(const VgaState *s, uint32_t a)
{
    if (s->gc[GC_MISC] & GC_MISC_CHAIN_OE) {
        a &= ~1u;
    }
    return a & (s->mem_size / 4 - 1);
}

static uint32_t load_dword(const VgaState *s, uint32_t index)
{
    return load_le32(s->mem + 4 * (size_t)index);
}

/* ---- reads ------------------------------------------------------------------------------------------------------- */

static uint8_t color_compare(const VgaState *s)
{
    uint32_t diff = (s->latch ^ plane_bytes[s->gc[GC_COMPARE]]) & plane_bytes[s->gc[GC_DONT_CARE]];

    diff |= diff >> 16;
    return ~(diff | diff >> 8);
}

static uint8_t read_byte(VgaState *s, uint32_t a)
{
    unsigned plane = s->gc[GC_READ_PLANE];
    uint32_t index;

    if (chain4(s)) {
        a &= s->mem_size - 1;
        plane = a & 3;
        index = a / 4;
    } else {
        index = dword_index(s, a);
        if (s->gc[GC_MODE] & GC_MODE_ODD_EVEN) {
            plane = (plane & 2) | (a & 1);
        }
    }
    s->latch = load_dword(s, index);
    if (s->gc[GC_MODE] & GC_MODE_READ && !dispi_packed(s)) {
        return color_compare(s);
    }
    return s->latch >> (8 * plane);
}

static uint64_t window_read(void *opaque, hwaddr addr, unsigned size)
{
    VgaState *s = opaque;
    uint64_t val = 0;

    for (unsigned i = 0; i < size; i++) {
        uint32_t a = window_offset(s, addr + i);

        val |= (uint64_t)(a == NOT_DECODED ? 0xff : read_byte(s, a)) << (8 * i);
    }
    trace_vga_mem_read(addr, size, val);
    return val;
}

/* ---- writes ------------------------------------------------------------------------------------------------------ */

static inline uint8_t rotate(const VgaState *s, uint8_t val)
{
    unsigned n = s->gc[GC_ROTATE] & 7;

    return val >> n | val << (8 - n);
}

static uint32_t combine(const VgaState *s, uint32_t data)
{
    switch (s->gc[GC_ROTATE] >> 3) {
    case 0:
        return data;
    case 1:
        return data & s->latch;
    case 2:
        return data | s->latch;
    default:
        return data ^ s->latch;
    }
}

/* What the four planes would get, before the map mask. */
static uint32_t write_data(const VgaState *s, uint8_t val)
{
    uint32_t bit_mask = s->gc[GC_BIT_MASK] * 0x01010101u, data, enable;

    switch (s->gc[GC_MODE] & GC_MODE_WRITE) {
    case 0:
        enable = plane_bytes[s->gc[GC_ENABLE_SR]];
        data = rotate(s, val) * 0x01010101u;
        data = (data & ~enable) | (plane_bytes[s->gc[GC_SET_RESET]] & enable);
        break;
    case 1:
        return s->latch;
    case 2:
        data = plane_bytes[val & 15];
        break;
    default:
        data = plane_bytes[s->gc[GC_SET_RESET]];
        bit_mask &= rotate(s, val) * 0x01010101u;
        break;
    }
    return (combine(s, data) & bit_mask) | (s->latch & ~bit_mask);
}

static void write_byte(VgaState *s, uint32_t a, uint8_t val)
{
    unsigned planes = s->seq[SEQ_MAP_MASK];
    uint32_t index, mask;
    uint8_t *p;

    if (dispi_packed(s)) {
        s->mem[a & (s->mem_size - 1)] = val;
        return;
    }
    if (chain4(s)) {
        planes &= 1u << (a & 3);
        index = (a & (s->mem_size - 1)) / 4;
    } else {
        index = dword_index(s, a);
        if (odd_even(s)) {
            planes &= a & 1 ? 0xa : 0x5;
        }
    }
    mask = plane_bytes[planes];
    p = s->mem + 4 * (size_t)index;
    store_le32(p, (load_le32(p) & ~mask) | (write_data(s, val) & mask));
}

static void mark_written(VgaState *s, uint32_t a, unsigned size)
{
    uint32_t first, end;

    if (chain4(s)) {
        first = a & (s->mem_size - 1);
        end = first + size;
    } else {
        first = 4 * dword_index(s, a);
        end = first + 4 * size;
    }
    ram_written(s->mem_addr + first, MIN(end, s->mem_size) - first);
    if (unlikely(end > s->mem_size)) {
        ram_written(s->mem_addr, end - s->mem_size);
    }
}

static void window_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    VgaState *s = opaque;
    uint32_t first = window_offset(s, addr);

    trace_vga_mem_write(addr, size, val);
    for (unsigned i = 0; i < size; i++, val >>= 8) {
        uint32_t a = window_offset(s, addr + i);

        if (a != NOT_DECODED) {
            write_byte(s, a, val);
        }
    }
    if (first != NOT_DECODED) {
        mark_written(s, first, size);
    }
}

const MemoryRegionOps vga_window_ops = { .read = window_read, .write = window_write, .size = { .min = 1, .max = 8 } };

/* ---- direct access ----------------------------------------------------------------------------------------------- */

/* A byte written lands unchanged in one byte of memory, and reads back from there. */
static bool window_is_linear(const VgaState *s)
{
    if (dispi_packed(s)) {
        return true;
    }
    return !dispi_on(s) && (s->seq[SEQ_MEMORY_MODE] & MEMORY_CHAIN4) && s->seq[SEQ_MAP_MASK] == 0x0f &&
           GC_MISC_MAP(s->gc[GC_MISC]) < 2 && !(s->gc[GC_MODE] & (GC_MODE_WRITE | GC_MODE_READ)) &&
           !s->gc[GC_ENABLE_SR] && !s->gc[GC_ROTATE] && s->gc[GC_BIT_MASK] == 0xff;
}

void vga_update_window(VgaState *s)
{
    bool on = s->misc & MISC_RAM_ENABLE || dispi_on(s), direct = window_is_linear(s);
    hwaddr offset = dispi_on(s) ? s->dispi[DISPI_BANK] * VGA_BANK_SIZE & (s->mem_size - 1) : 0;

    if (!s->window.name) {
        return;     /* a card that decodes nothing but its BARs */
    }
    if (on == s->window_on && direct == s->direct && (!direct || offset == s->window_direct.alias_offset)) {
        return;
    }
    trace_vga_window(on, direct, offset);
    s->window_on = on;
    s->direct = direct;
    memory_transaction_begin();
    memory_region_set_enabled(&s->window, on);
    memory_region_set_alias_offset(&s->window_direct, direct ? offset : s->window_direct.alias_offset);
    memory_region_set_enabled(&s->window_direct, direct);
    memory_transaction_commit();
}
