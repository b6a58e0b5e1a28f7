/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What operations compute, on constants: shared by the optimiser and the tests. */
#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "tcg-internal.h"

bool ir_eval_cond(IrCond c, IrType type, uint64_t a, uint64_t b)
{
    int64_t sa = type == IR_I32 ? (int32_t)a : (int64_t)a, sb = type == IR_I32 ? (int32_t)b : (int64_t)b;
    uint64_t ua = type == IR_I32 ? (uint32_t)a : a, ub = type == IR_I32 ? (uint32_t)b : b;

    switch (c) {
    case IR_EQ: return ua == ub;
    case IR_NE: return ua != ub;
    case IR_LT: return sa < sb;
    case IR_GE: return sa >= sb;
    case IR_LE: return sa <= sb;
    case IR_GT: return sa > sb;
    case IR_LTU: return ua < ub;
    case IR_GEU: return ua >= ub;
    case IR_LEU: return ua <= ub;
    case IR_GTU: return ua > ub;
    case IR_TSTEQ: return !(ua & ub);
    case IR_TSTNE: return ua & ub;
    case IR_COND__COUNT: break;
    }
    g_assert_not_reached();
}

static uint64_t eval_ext(IrExt kind, uint64_t v)
{
    switch (kind) {
    case IR_U8: return (uint8_t)v;
    case IR_S8: return (int8_t)v;
    case IR_U16: return (uint16_t)v;
    case IR_S16: return (int16_t)v;
    case IR_U32: return (uint32_t)v;
    case IR_S32: return (int32_t)v;
    }
    g_assert_not_reached();
}

static uint64_t rotate_left(uint64_t v, unsigned n, unsigned width)
{
    n %= width;
    return n ? v << n | v >> (width - n) : v;
}

bool ir_eval_op(const IrOp *op, const uint64_t *in, uint64_t *result)
{
    bool is32 = op->type == IR_I32;
    unsigned width = is32 ? 32 : 64, pos = op->c[0] & 0xff, len = op->c[0] >> 8 & 0xff;
    uint64_t a = is32 && op->opc != IRO_ext ? (uint32_t)in[0] : in[0], b = is32 ? (uint32_t)in[1] : in[1], r;
    unsigned n = b & (width - 1);

    switch (op->opc) {
    case IRO_mov: case IRO_trunc: r = a; break;
    case IRO_add: r = a + b; break;
    case IRO_sub: r = a - b; break;
    case IRO_and: r = a & b; break;
    case IRO_or: r = a | b; break;
    case IRO_xor: r = a ^ b; break;
    case IRO_andc: r = a & ~b; break;
    case IRO_mul: r = a * b; break;
    case IRO_neg: r = -a; break;
    case IRO_not: r = ~a; break;
    case IRO_shl: r = a << n; break;
    case IRO_shr: r = a >> n; break;
    case IRO_sar: r = is32 ? (uint64_t)((int32_t)a >> n) : (uint64_t)((int64_t)a >> n); break;
    case IRO_rotl: r = rotate_left(a, n, width); break;
    case IRO_rotr: r = rotate_left(a, width - n, width); break;
    case IRO_clz: r = clz64(a) - (a ? 64 - width : 64 - width); break;
    case IRO_ctz: r = a ? ctz64(a) : width; break;
    case IRO_popcnt: r = (uint64_t)__builtin_popcountll(a); break;
    case IRO_bswap: r = is32 ? __builtin_bswap32((uint32_t)a) : __builtin_bswap64(a); break;
    case IRO_ext: r = eval_ext((IrExt)op->c[0], a); break;
    case IRO_deposit: r = deposit64(a, pos, len, b); break;
    case IRO_extract: r = extract64(a, pos, len); break;
    case IRO_sextract: r = (uint64_t)sextract64(a, pos, len); break;
    case IRO_setcond: r = ir_eval_cond((IrCond)op->cond, (IrType)op->ctype, in[0], in[1]); break;
    default: return false;
    }
    *result = is32 ? (uint32_t)r : r;
    return true;
}
