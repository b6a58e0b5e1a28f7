/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What VEX-only instructions do to integers and to the places of elements, in portable C (avx-ops.c has the rows).
 *
 * Follows: SDM vol. 2C, the "Operation" sections. The result is 32 bytes of zeros to begin with and none of the
 * operands.
 */
#include "qemu/osdep.h"
#include "target-i386/helper-avx.h"

#define VEX(name) void vex_##name(void *env QEMU_UNUSED, const IrVexArgs *x)

static XmmReg *dst(const IrVexArgs *x) { return x->dst; }
static const XmmReg *reg(const void *p) { return p; }

/* ---- permutations ---- */

VEX(vpermilps)
{
    for (unsigned i = 0; i < x->len / 4; i++) {
        dst(x)->l[i] = reg(x->a)->l[(i & 4) + (reg(x->b)->l[i] & 3)];
    }
}

VEX(vpermilpd)
{
    for (unsigned i = 0; i < x->len / 8; i++) {
        dst(x)->q[i] = reg(x->a)->q[(i & 2) + (reg(x->b)->q[i] >> 1 & 1)];
    }
}

VEX(vpermilpd_i)
{
    for (unsigned i = 0; i < x->len / 8; i++) {
        dst(x)->q[i] = reg(x->b)->q[(i & 2) + (x->imm >> i & 1)];
    }
}

VEX(vpermd)
{
    for (unsigned i = 0; i < 8; i++) {
        dst(x)->l[i] = reg(x->b)->l[reg(x->a)->l[i] & 7];
    }
}

VEX(vpermq)
{
    for (unsigned i = 0; i < 4; i++) {
        dst(x)->q[i] = reg(x->b)->q[x->imm >> (2 * i) & 3];
    }
}

/* Each half: 0, 1 the halves of a, 2, 3 those of b; bit 3 of its nibble: zeros. */
VEX(vperm2f128)
{
    for (unsigned i = 0; i < 2; i++) {
        unsigned sel = x->imm >> (4 * i);

        if (!(sel & 8)) {
            memcpy(dst(x)->b + 16 * i, reg(sel & 2 ? x->b : x->a)->b + 16 * (sel & 1), 16);
        }
    }
}

VEX(vinsertf128)
{
    memcpy(x->dst, x->a, 32);
    memcpy(dst(x)->b + 16 * (x->imm & 1), x->b, 16);
}

VEX(vextractf128)
{
    memcpy(x->dst, reg(x->b)->b + 16 * (x->imm & 1), 16);
}

#define BROADCAST(bytes, field)                                                                        \
VEX(vbroadcast##bytes)                                                                                 \
{                                                                                                      \
    for (unsigned i = 0; i < x->len / (bytes); i++) {                                                  \
        dst(x)->field[i] = reg(x->b)->field[0];                                                        \
    }                                                                                                  \
}
BROADCAST(1, b)
BROADCAST(2, w)
BROADCAST(4, l)
BROADCAST(8, q)

/* ---- blends ---- */

VEX(vpblendd)
{
    for (unsigned i = 0; i < x->len / 4; i++) {
        dst(x)->l[i] = reg(x->imm >> i & 1 ? x->b : x->a)->l[i];
    }
}

#define BLENDV(name, field, bits)                                                                      \
VEX(name)                                                                                              \
{                                                                                                      \
    for (unsigned i = 0; i < x->len * 8 / (bits); i++) {                                               \
        dst(x)->field[i] = reg(reg(x->c)->field[i] >> ((bits) - 1) ? x->b : x->a)->field[i];           \
    }                                                                                                  \
}
BLENDV(vpblendvb, b, 8)
BLENDV(vblendvps, l, 32)
BLENDV(vblendvpd, q, 64)

/* ---- shifts with a count for each element ---- */

#define SHIFT_EACH(name, field, bits, expr)                                                            \
VEX(name)                                                                                              \
{                                                                                                      \
    for (unsigned i = 0; i < x->len * 8 / (bits); i++) {                                               \
        uint##bits##_t a = reg(x->a)->field[i], n = reg(x->b)->field[i];                               \
        dst(x)->field[i] = (expr);                                                                     \
    }                                                                                                  \
}
SHIFT_EACH(vpsrlvd, l, 32, n < 32 ? a >> n : 0)
SHIFT_EACH(vpsrlvq, q, 64, n < 64 ? a >> n : 0)
SHIFT_EACH(vpsllvd, l, 32, n < 32 ? a << n : 0)
SHIFT_EACH(vpsllvq, q, 64, n < 64 ? a << n : 0)
SHIFT_EACH(vpsravd, l, 32, (uint32_t)((int32_t)a >> MIN(n, 31u)))

/* ---- flags ---- */

#define SIGN_TEST(name, field, bits)                                                                   \
uint64_t get_##name(void *env QEMU_UNUSED, const void *a, const void *b, unsigned len, uint32_t imm QEMU_UNUSED) \
{                                                                                                      \
    uint64_t both = 0, rest = 0;                                                                       \
                                                                                                       \
    for (unsigned i = 0; i < len * 8 / (bits); i++) {                                                  \
        both |= reg(a)->field[i] & reg(b)->field[i];                                                   \
        rest |= ~reg(a)->field[i] & reg(b)->field[i];                                                  \
    }                                                                                                  \
    return (both >> ((bits) - 1) & 1 ? 0 : CC_Z) | (rest >> ((bits) - 1) & 1 ? 0 : CC_C);              \
}
SIGN_TEST(vtestps, l, 32)
SIGN_TEST(vtestpd, q, 64)
