/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The modes test code runs in, by number:
 *
 *   64   64-bit                 16   16-bit code and stack in small segments
 *   32   32-bit, flat           33   32-bit code in small segments; ES and SS expand down
 *
 * The segments of 16 and 33 are entries of a local descriptor table, the same on both sides: modify_ldt() makes them on
 * the host. Bases are odd multiples of 16, limits end inside of pages: an access may violate the one, the other or
 * both.
 */
#include "insn-test.h"

#define LDT(n) ((n) << 3 | 7)
#define FLAT .limit = 0xffffffff, .big = true

const TestMode test_modes[] = {
    { .id = 64,
      .bits = 64,
      .code_size = CODE_SIZE,
      .sp = STACK_BASE + 0x800,
      .seg = { [SEG_CS] = { .selector = 0x33, FLAT, .code = true },
               [SEG_SS] = { .selector = 0x2b, FLAT },
               [SEG_DS] = { .selector = 0x2b, FLAT },
               [SEG_ES] = { .selector = 0x2b, FLAT } } },
    { .id = 32,
      .bits = 32,
      .code_size = CODE_SIZE,
      .sp = STACK_BASE + 0x800,
      .seg = { [SEG_CS] = { .selector = 0x23, FLAT, .code = true },
               [SEG_SS] = { .selector = 0x2b, FLAT },
               [SEG_DS] = { .selector = 0x2b, FLAT },
               [SEG_ES] = { .selector = 0x2b, FLAT } } },
    { .id = 16,
      .bits = 16,
      .code_size = 0xf000,
      .sp = 0x800,
      .ldt = true,
      .seg = { [SEG_CS] = { .selector = LDT(0), .base = CODE_BASE, .limit = 0xffff, .code = true },
               [SEG_DS] = { .selector = LDT(1), .base = DATA_BASE + 0x10, .limit = 0x1fdf },
               [SEG_ES] = { .selector = LDT(2), .base = DATA2_BASE, .limit = 0xfff },
               [SEG_SS] = { .selector = LDT(3), .base = STACK_BASE, .limit = 0xfff } } },
    { .id = 33,
      .bits = 32,
      .code_size = 0xf0000,
      .sp = 0x20800,
      .ldt = true,
      .seg = { [SEG_CS] = { .selector = LDT(4),
                            .base = CODE_BASE - 0x1000,
                            .limit = 0xfffff,
                            .big = true,
                            .code = true },
               [SEG_DS] = { .selector = LDT(5), .base = DATA_BASE + 0x30, .limit = 0x1fa7, .big = true },
               [SEG_ES] = { .selector = LDT(6),
                            .base = DATA2_BASE - 0x20000,
                            .limit = 0x1ffff,
                            .big = true,
                            .down = true },
               [SEG_SS] = { .selector = LDT(7),
                            .base = STACK_BASE - 0x20000,
                            .limit = 0x1ffff,
                            .big = true,
                            .down = true } } },
};
const unsigned n_test_modes = ARRAY_SIZE(test_modes);

const TestMode *test_mode(unsigned id)
{
    for (unsigned i = 0; i < n_test_modes; i++) {
        if (test_modes[i].id == id) {
            return &test_modes[i];
        }
    }
    g_error("there is no mode %u", id);
}

/* An offset for an operand of `size` bytes: mostly inside, sometimes across the limit, across a page, or outside. */
uint32_t segment_offset(const TestSegment *seg, unsigned size, bool align, Rng *r)
{
    uint32_t lo = seg->down ? seg->limit + 1 : 0, len = seg->down ? PAGE : MIN(seg->limit, 0x2000u) + 1;
    uint32_t inside = 1 + rng_below(r, MAX(size, 2u) - 1), base_misaligned = seg->base & 15;

    switch (rng_below(r, 16)) {
    case 0: return lo + len - inside;
    case 1: return lo - inside;
    case 2: return lo + len - size;
    case 3: return rng_one_in(r, 2) ? lo : lo + len + rng_below(r, 0x100);
    case 4: return ((seg->base + lo + PAGE) & ~(PAGE - 1)) - seg->base - inside;
    default:
        return align ? lo + ((0x20 + rng_below(r, len - 0x80)) & ~15u) - base_misaligned
                     : lo + rng_below(r, len - 0x40);
    }
}
