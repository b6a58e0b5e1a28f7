/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Emitters: shifts, rotates, bit tests and scans, BMI.
 *
 * A count of 0 (after masking) leaves the flags alone, so with a variable count the flags are merged at run time; all
 * of that is dead code where nobody reads them. Undefined flags are those of current Intel CPUs: docs/cpu-flags.md.
 */
#include "qemu/osdep.h"
#include "target-i386/decode.h"
#include "target-i386/helper-int.h"

/* Operands of a shift. Values narrower than 32 bits are zero-extended I32. */
typedef struct Shift {
    IrType type;
    unsigned bits;              /* width of the operand */
    IrTemp v;
    bool constant;
    unsigned n;                 /* the masked count, when constant */
    IrTemp count;               /* the masked count, of type */
} Shift;

static IrTemp konst(Translator *t, const Shift *s, int64_t v)
{
    return ir_const(t->ir, s->type, v);
}

static Shift shift_operands(Translator *t, Insn *in, IrTemp count)
{
    Shift s = { .type = in->size == 8 ? IR_I64 : IR_I32, .bits = in->size * 8, .v = in->val[0] };
    unsigned mask = in->size == 8 ? 63 : 31;
    int64_t c;

    if (ir_is_const(t->ir, count, &c)) {
        s.constant = true;
        s.n = (unsigned)c & mask;
        s.count = konst(t, &s, s.n);
        return s;
    }
    if (s.type == IR_I64 && ir_type(t->ir, count) == IR_I32) {
        count = ir_ext(t->ir, IR_I64, IR_U32, count);
    }
    s.count = ir_andi(t->ir, count, mask);
    return s;
}

static IrTemp to32(Translator *t, IrTemp v)
{
    return ir_type(t->ir, v) == IR_I64 ? ir_trunc(t->ir, v) : v;
}

/* Bit n of v as I32 0/1. */
static IrTemp bit_of(Translator *t, IrTemp v, unsigned n)
{
    return ir_andi(t->ir, to32(t, ir_shri(t->ir, v, n)), 1);
}

static IrTemp pack_c_o(Translator *t, IrTemp c, IrTemp o)
{
    return o == IR_NONE ? c : ir_or(t->ir, c, ir_shli(t->ir, o, 11));
}

static IrTemp top_bits_differ(Translator *t, const Shift *s)
{
    return bit_of(t, ir_xor(t->ir, s->v, ir_shli(t->ir, s->v, 1)), s->bits - 1);
}

static void shift_flags(Translator *t, const Shift *s, Insn *in, unsigned group, IrTemp c, IrTemp o)
{
    CcState f = flags_of(group, in->size, in->val[0], pack_c_o(t, c, o));

    if (s->constant) {
        in->flags = f;
    } else {
        in->val[2] = s->count;
        in->flags = f;
        in->flags_unless_zero = true;
    }
}

/* ---- shifts ---- */

void emit_shl(Translator *t, Insn *in)
{
    IrContext *ir = t->ir;
    Shift s = shift_operands(t, in, in->val[1]);
    IrTemp before;

    if (s.constant && !s.n) {
        return;
    }
    /*
     * The value one step before the end: its top bit is what C becomes. n - 1 is in range, or n is 0 and nobody
     * looks.
     */
    before = s.constant ? ir_shli(ir, s.v, s.n - 1)
                        : ir_shl(ir, s.v, ir_andi(ir, ir_addi(ir, s.count, -1), in->size == 8 ? 63 : 31));
    in->val[0] = s.constant ? ir_shli(ir, s.v, s.n) : ir_shl(ir, s.v, s.count);
    shift_flags(t, &s, in, CC_OP_SHLB, bit_of(t, before, s.bits - 1), top_bits_differ(t, &s));
}

static void shift_right(Translator *t, Insn *in, bool arithmetic)
{
    IrContext *ir = t->ir;
    Shift s = shift_operands(t, in, in->val[1]);
    IrTemp v = s.v, before, n1;

    if (s.constant && !s.n) {
        return;
    }
    if (arithmetic && s.bits < 32) {
        v = ir_ext(ir, IR_I32, s.bits == 8 ? IR_S8 : IR_S16, v);
    }
    n1 = s.constant ? konst(t, &s, s.n - 1) : ir_andi(ir, ir_addi(ir, s.count, -1), in->size == 8 ? 63 : 31);
    before = arithmetic ? ir_sar(ir, v, n1) : ir_shr(ir, v, n1);
    in->val[0] = arithmetic ? ir_sar(ir, v, s.count) : ir_shr(ir, v, s.count);
    shift_flags(t, &s, in, arithmetic ? CC_OP_SARB : CC_OP_SHRB, bit_of(t, before, 0),
                arithmetic ? IR_NONE : bit_of(t, s.v, s.bits - 1));
}

void emit_shr(Translator *t, Insn *in)
{
    shift_right(t, in, false);
}

void emit_sar(Translator *t, Insn *in)
{
    shift_right(t, in, true);
}

/* ---- rotates: C and O change, the rest stays ---- */

static void rotate_flags(Translator *t, const Shift *s, Insn *in, IrTemp c, IrTemp o)
{
    IrContext *ir = t->ir;
    IrTemp old = flags_get(t);
    IrTemp f = ir_or(ir, ir_andi(ir, old, o == IR_NONE ? CC_ALL & ~CC_C : CC_ALL & ~(CC_C | CC_O)), pack_c_o(t, c, o));

    if (!s->constant) {
        f = ir_movcond(ir, IR_NE, s->count, konst(t, s, 0), f, old);
    }
    in->flags = flags_of(CC_OP_EFLAGS, 4, IR_NONE, f);
    if (s->constant) {
        in->flags.carry = c;
    }
}

/* The value repeated until it fills 32 bits, so that a host rotate does a narrow one. */
static IrTemp replicate(Translator *t, const Shift *s)
{
    if (s->bits == 8) {
        return ir_mul(t->ir, s->v, ir_const(t->ir, IR_I32, 0x01010101));
    }
    return s->bits == 16 ? ir_or(t->ir, s->v, ir_shli(t->ir, s->v, 16)) : s->v;
}

static void rotate(Translator *t, Insn *in, bool left)
{
    IrContext *ir = t->ir;
    Shift s = shift_operands(t, in, in->val[1]);
    bool keeps_o = in->row->o1 == Ib && s.n != 1;       /* by the masked count */
    IrTemp res, o;

    if (s.constant && !s.n) {
        return;
    }
    res = left ? ir_rotl(ir, replicate(t, &s), s.count) : ir_rotr(ir, replicate(t, &s), s.count);
    in->val[0] = res;
    o = left ? top_bits_differ(t, &s) : ir_xor(ir, bit_of(t, s.v, s.bits - 1), bit_of(t, s.v, 0));
    rotate_flags(t, &s, in, bit_of(t, res, left ? 0 : s.bits - 1), keeps_o ? IR_NONE : o);
}

void emit_rol(Translator *t, Insn *in)
{
    rotate(t, in, true);
}

void emit_ror(Translator *t, Insn *in)
{
    rotate(t, in, false);
}

/* Through carry by 1: what compilers and old code use. */
static void rotate_carry_1(Translator *t, Insn *in, const Shift *s, bool left)
{
    IrContext *ir = t->ir;
    IrTemp c = flags_carry(t), wide = s->type == IR_I64 ? ir_ext(ir, IR_I64, IR_U32, c) : c, o;

    if (left) {
        in->val[0] = ir_or(ir, ir_shli(ir, s->v, 1), wide);
        rotate_flags(t, s, in, bit_of(t, s->v, s->bits - 1), top_bits_differ(t, s));
    } else {
        o = ir_xor(ir, bit_of(t, s->v, s->bits - 1), c);
        in->val[0] = ir_or(ir, ir_shri(ir, s->v, 1), ir_shli(ir, wide, s->bits - 1));
        rotate_flags(t, s, in, bit_of(t, s->v, 0), o);
    }
}

static void rotate_carry(Translator *t, Insn *in, bool left)
{
    IrContext *ir = t->ir;
    Shift s = shift_operands(t, in, in->val[1]);
    IrTemp old, v, n, bytes, res;

    if (s.constant && s.n <= 1) {
        if (s.n) {
            rotate_carry_1(t, in, &s, left);
        }
        return;
    }
    old = flags_get(t);
    v = s.type == IR_I64 ? s.v : ir_ext(ir, IR_I64, IR_U32, s.v);
    n = to32(t, s.count);
    bytes = ir_const(ir, IR_I32, in->size);
    res = ir_call(ir, left ? &ir_helper_rcl : &ir_helper_rcr, v, n, bytes, ir_andi(ir, old, CC_C));
    in->flags = flags_of(CC_OP_EFLAGS, 4, IR_NONE,
                         ir_call(ir, left ? &ir_helper_rcl_flags : &ir_helper_rcr_flags, v, n, bytes, old));
    in->val[0] = s.type == IR_I64 ? res : ir_trunc(ir, res);
}

void emit_rcl(Translator *t, Insn *in)
{
    rotate_carry(t, in, true);
}

void emit_rcr(Translator *t, Insn *in)
{
    rotate_carry(t, in, false);
}

/* ---- double shifts ---- */

/* 16 bits: the chain dst:src:dst in an I64, as counts up to 31 are allowed. */
static void double_shift16(Translator *t, Insn *in, const Shift *s, IrTemp src, bool left)
{
    IrContext *ir = t->ir;
    IrTemp v = ir_ext(ir, IR_I64, IR_U32, s->v), m = ir_ext(ir, IR_I64, IR_U32, src);
    IrTemp chain = ir_or(ir, v, ir_or(ir, ir_shli(ir, m, 16), ir_shli(ir, v, 32)));
    IrTemp n = ir_ext(ir, IR_I64, IR_U32, s->count), c, o;

    if (left) {
        IrTemp moved = ir_shl(ir, chain, n);

        in->val[0] = ir_trunc(ir, ir_shri(ir, moved, 32));
        c = bit_of(t, moved, 48);
        o = top_bits_differ(t, s);
    } else {
        in->val[0] = ir_trunc(ir, ir_shr(ir, chain, n));
        c = bit_of(t, ir_shr(ir, chain, ir_andi(ir, ir_addi(ir, n, -1), 63)), 0);
        o = ir_xor(ir, bit_of(t, s->v, 15), bit_of(t, src, 0));
    }
    in->val[0] = ir_ext(ir, IR_I32, IR_U16, in->val[0]);
    shift_flags(t, s, in, CC_OP_SHLB, c, o);
}

static void double_shift(Translator *t, Insn *in, bool left)
{
    IrContext *ir = t->ir;
    IrTemp src = in->val[1], v, rest, n1, c, o;
    Shift s = shift_operands(t, in, in->row->o2 == CL ? in->val[2] : ir_const(ir, IR_I32, in->imm));
    unsigned mask = s.bits == 64 ? 63 : 31;

    if (s.constant && !s.n) {
        return;
    }
    if (s.bits == 16) {
        double_shift16(t, in, &s, src, left);
        return;
    }
    v = s.v;
    /* bits - n in two steps, so that n = 0 contributes nothing */
    rest = s.constant ? konst(t, &s, mask - s.n) : ir_xor(ir, s.count, konst(t, &s, mask));
    n1 = s.constant ? konst(t, &s, s.n - 1) : ir_andi(ir, ir_addi(ir, s.count, -1), mask);
    if (left) {
        in->val[0] = ir_or(ir, ir_shl(ir, v, s.count), ir_shr(ir, ir_shri(ir, src, 1), rest));
        c = bit_of(t, ir_shl(ir, v, n1), s.bits - 1);
        o = top_bits_differ(t, &s);
    } else {
        in->val[0] = ir_or(ir, ir_shr(ir, v, s.count), ir_shl(ir, ir_shli(ir, src, 1), rest));
        c = bit_of(t, ir_shr(ir, v, n1), 0);
        o = ir_xor(ir, bit_of(t, v, s.bits - 1), bit_of(t, src, 0));
    }
    shift_flags(t, &s, in, CC_OP_SHLB, c, o);
}

void emit_shld(Translator *t, Insn *in)
{
    double_shift(t, in, true);
}

void emit_shrd(Translator *t, Insn *in)
{
    double_shift(t, in, false);
}

/* ---- bit tests ---- */

typedef enum BitOp { BIT_TEST, BIT_SET, BIT_RESET, BIT_COMPLEMENT } BitOp;

static IrTemp bit_apply(Translator *t, BitOp op, IrTemp v, IrTemp mask)
{
    switch (op) {
    case BIT_SET: return ir_or(t->ir, v, mask);
    case BIT_RESET: return ir_andc(t->ir, v, mask);
    default: return ir_xor(t->ir, v, mask);
    }
}

static IrTemp bit_apply_locked(Translator *t, Insn *in, BitOp op, IrTemp mask)
{
    static const IrRmw rmw[] = { [BIT_SET] = IR_RMW_OR, [BIT_RESET] = IR_RMW_AND, [BIT_COMPLEMENT] = IR_RMW_XOR };

    return ir_atomic_rmw(t->ir, rmw[op], in->ea, op == BIT_RESET ? ir_not(t->ir, mask) : mask, memop(t, in->size));
}

/* With a register offset the operand is the unit of operand size that holds the bit, before or after the address. */
static void bit_address(Translator *t, Insn *in, EaAccess access)
{
    IrContext *ir = t->ir;
    IrTemp off = in->val[1], sum;
    unsigned unit = ctz64(in->size);

    if (in->row->o1 != Gv) {
        insn_ea(t, in, in->size, access);
        return;
    }
    off = in->size == 8 ? off : ir_ext(ir, IR_I64, in->size == 2 ? IR_S16 : IR_S32, off);
    off = ir_shli(ir, ir_sari(ir, off, 3 + unit), unit);
    sum = ea_truncate(t, ir_add(ir, insn_ea_offset(t, in), off), in->addrsize);
    in->ea = seg_linear(t, in, in->seg, sum, in->size, access);
}

static void bit_test(Translator *t, Insn *in, BitOp op)
{
    IrContext *ir = t->ir;
    IrType type = in->size == 8 ? IR_I64 : IR_I32;
    unsigned wmask = in->size * 8 - 1;
    bool writes = op != BIT_TEST, locked = in->lock && (t->mk & MK_PARALLEL);
    IrTemp v = IR_NONE, n, mask = IR_NONE, res = IR_NONE, c, f;

    n = in->row->o1 == Gv ? ir_andi(ir, in->val[1], wmask) : ir_const(ir, type, in->imm & wmask);
    if (in->is_mem) {
        bit_address(t, in, writes ? EA_RW : EA_READ);
    }
    if (!in->is_mem) {
        v = guest_reg_read(t, in->rm, in->size);
    } else if (!locked) {
        v = writes ? gen_load_rmw(t, in->ea, in->size) : gen_load(t, in->ea, in->size);
    }
    if (writes) {
        mask = in->row->o1 == Gv ? ir_shl(ir, ir_const(ir, type, 1), n)
                                 : ir_const(ir, type, (int64_t)(1ull << (in->imm & wmask)));
        if (locked) {
            v = bit_apply_locked(t, in, op, mask);
        } else {
            res = bit_apply(t, op, v, mask);
            if (in->is_mem) {
                gen_store(t, in->ea, res, in->size);
            }
        }
    }
    c = ir_andi(ir, to32(t, in->row->o1 == Gv ? ir_shr(ir, v, n) : ir_shri(ir, v, (unsigned)(in->imm & wmask))), 1);
    f = ir_or(ir, ir_andi(ir, flags_get(t), CC_ALL & ~CC_C), c);
    in->flags = flags_of(CC_OP_EFLAGS, 4, IR_NONE, f);
    in->flags.carry = c;
    if (writes && !in->is_mem) {
        guest_reg_write(t, in->rm, res, in->size);
    }
}

void emit_bt(Translator *t, Insn *in)
{
    bit_test(t, in, BIT_TEST);
}

void emit_bts(Translator *t, Insn *in)
{
    bit_test(t, in, BIT_SET);
}

void emit_btr(Translator *t, Insn *in)
{
    bit_test(t, in, BIT_RESET);
}

void emit_btc(Translator *t, Insn *in)
{
    bit_test(t, in, BIT_COMPLEMENT);
}

/* ---- scans and counts ---- */

static IrTemp flag_if_zero(Translator *t, IrTemp v, unsigned flag)
{
    return ir_shli(t->ir, ir_setcond(t->ir, IR_EQ, v, ir_const(t->ir, ir_type(t->ir, v), 0)), ctz64(flag));
}

/* BSF, BSR: a source of 0 sets Z and P and leaves the whole destination alone. */
static void bit_scan(Translator *t, Insn *in, bool reverse)
{
    IrContext *ir = t->ir;
    IrTemp src = in->val[1], idx, even, f, wide, dst = x86g.reg[in->reg];
    IrType type = ir_type(ir, src);
    IrTemp zero = ir_const(ir, type, 0);

    if (reverse) {
        idx = ir_xor(ir, ir_clz(ir, src), ir_const(ir, type, type == IR_I64 ? 63 : 31));
    } else {
        idx = ir_ctz(ir, src);
    }
    even = ir_xor(ir, ir_andi(ir, ir_popcnt(ir, to32(t, idx)), 1), ir_const(ir, IR_I32, 1));
    f = ir_movcond(ir, IR_EQ, src, zero, ir_const(ir, IR_I32, CC_Z | CC_P), ir_shli(ir, even, 2));
    wide = type == IR_I64 ? idx : ir_ext(ir, IR_I64, IR_U32, idx);
    if (in->size == 2) {
        wide = ir_deposit(ir, dst, wide, 0, 16);
    }
    in->flags = flags_of(CC_OP_EFLAGS, 4, IR_NONE, f);
    in->flags.zval = src;
    if (src == dst) {
        in->flags.zval = IR_NONE;       /* about to be overwritten */
    }
    guest_reg_write(t, in->reg, ir_movcond(ir, IR_EQ, src, zero, dst, wide), 8);
}

void emit_bsf(Translator *t, Insn *in)
{
    bit_scan(t, in, false);
}

void emit_bsr(Translator *t, Insn *in)
{
    bit_scan(t, in, true);
}

static void count_zeroes(Translator *t, Insn *in, bool leading)
{
    IrContext *ir = t->ir;
    IrTemp src = in->val[1], res;

    if (leading) {
        res = ir_clz(ir, src);
        res = in->size == 2 ? ir_addi(ir, res, -16) : res;
    } else {
        res = ir_ctz(ir, in->size == 2 ? ir_or(ir, src, ir_const(ir, IR_I32, 0x10000)) : src);
    }
    in->val[0] = res;
    in->flags = flags_of(CC_OP_EFLAGS, 4, IR_NONE, ir_or(ir, flag_if_zero(t, src, CC_C), flag_if_zero(t, res, CC_Z)));
}

void emit_tzcnt(Translator *t, Insn *in)
{
    count_zeroes(t, in, false);
}

void emit_lzcnt(Translator *t, Insn *in)
{
    count_zeroes(t, in, true);
}

void emit_popcnt(Translator *t, Insn *in)
{
    in->val[0] = ir_popcnt(t->ir, in->val[1]);
    in->flags = flags_of(CC_OP_EFLAGS, 4, IR_NONE, flag_if_zero(t, in->val[1], CC_Z));
}

void emit_crc32(Translator *t, Insn *in)
{
    IrContext *ir = t->ir;
    unsigned bytes = operand_size(in, in->row->o1);
    IrTemp crc = ir_type(ir, in->val[0]) == IR_I64 ? ir_trunc(ir, in->val[0]) : in->val[0];
    IrTemp v = bytes == 8 ? in->val[1] : ir_ext(ir, IR_I64, IR_U32, in->val[1]);
    IrTemp r = ir_call(ir, &ir_helper_crc32, crc, v, ir_const(ir, IR_I32, bytes));

    in->val[0] = in->size == 8 ? ir_ext(ir, IR_I64, IR_U32, r) : r;
}

/* ---- BMI ---- */

static IrTemp zero_of(Translator *t, const Insn *in)
{
    return ir_const(t->ir, in->size == 8 ? IR_I64 : IR_I32, 0);
}

/* S and Z of the result with C given; O A P are 0. Rare enough for an image. */
static void bmi_flags(Translator *t, Insn *in, IrTemp c, bool z_always_clear)
{
    IrContext *ir = t->ir;
    IrTemp s = ir_shli(ir, ir_setcond(ir, IR_LT, in->val[0], zero_of(t, in)), 7);
    IrTemp f = ir_or(ir, s, c);

    if (!z_always_clear) {
        f = ir_or(ir, f, flag_if_zero(t, in->val[0], CC_Z));
    }
    in->flags = flags_of(CC_OP_EFLAGS, 4, IR_NONE, f);
}

void emit_andn(Translator *t, Insn *in)
{
    in->val[0] = ir_andc(t->ir, in->val[2], in->val[1]);
    bmi_flags(t, in, ir_const(t->ir, IR_I32, 0), false);
}

void emit_blsr(Translator *t, Insn *in)
{
    IrTemp src = in->val[1];

    in->val[0] = ir_and(t->ir, src, ir_addi(t->ir, src, -1));
    bmi_flags(t, in, flag_if_zero(t, src, CC_C), false);
}

void emit_blsmsk(Translator *t, Insn *in)
{
    IrTemp src = in->val[1];

    in->val[0] = ir_xor(t->ir, src, ir_addi(t->ir, src, -1));
    bmi_flags(t, in, flag_if_zero(t, src, CC_C), true);
}

void emit_blsi(Translator *t, Insn *in)
{
    in->val[0] = ir_and(t->ir, in->val[1], ir_neg(t->ir, in->val[1]));
    in->flags = flags_of(CC_OP_BLSIB, in->size, in->val[0], in->val[1]);
}

void emit_bextr(Translator *t, Insn *in)
{
    IrContext *ir = t->ir;
    IrType type = in->size == 8 ? IR_I64 : IR_I32;
    unsigned bits = in->size * 8;
    IrTemp start = ir_andi(ir, in->val[2], 0xff), len = ir_andi(ir, ir_shri(ir, in->val[2], 8), 0xff);
    IrTemp width = ir_const(ir, type, bits), zero = ir_const(ir, type, 0), v, mask;

    v = ir_shr(ir, in->val[1], ir_andi(ir, start, bits - 1));
    v = ir_movcond(ir, IR_LTU, start, width, v, zero);
    mask = ir_addi(ir, ir_shl(ir, ir_const(ir, type, 1), ir_andi(ir, len, bits - 1)), -1);
    mask = ir_movcond(ir, IR_LTU, len, width, mask, ir_const(ir, type, -1));
    in->val[0] = ir_and(ir, v, mask);
    in->flags = flags_of(CC_OP_EFLAGS, 4, IR_NONE, flag_if_zero(t, in->val[0], CC_Z));
}

void emit_bzhi(Translator *t, Insn *in)
{
    IrContext *ir = t->ir;
    IrType type = in->size == 8 ? IR_I64 : IR_I32;
    unsigned bits = in->size * 8;
    IrTemp n = ir_andi(ir, in->val[2], 0xff), width = ir_const(ir, type, bits), mask;

    mask = ir_addi(ir, ir_shl(ir, ir_const(ir, type, 1), ir_andi(ir, n, bits - 1)), -1);
    mask = ir_movcond(ir, IR_LTU, n, width, mask, ir_const(ir, type, -1));
    in->val[0] = ir_and(ir, in->val[1], mask);
    bmi_flags(t, in, ir_setcond(ir, IR_GEU, n, width), false);
}

static IrTemp wide(Translator *t, IrTemp v)
{
    return ir_type(t->ir, v) == IR_I64 ? v : ir_ext(t->ir, IR_I64, IR_U32, v);
}

static void deposit_extract(Translator *t, Insn *in, const IrHelper *h)
{
    IrTemp r = ir_call(t->ir, h, wide(t, in->val[1]), wide(t, in->val[2]));

    in->val[0] = in->size == 8 ? r : ir_trunc(t->ir, r);
}

void emit_pdep(Translator *t, Insn *in)
{
    deposit_extract(t, in, &ir_helper_pdep);
}

void emit_pext(Translator *t, Insn *in)
{
    deposit_extract(t, in, &ir_helper_pext);
}

/* Low half to vvvv first: when both name one register the high half wins. */
void emit_mulx(Translator *t, Insn *in)
{
    IrContext *ir = t->ir;
    IrTemp lo, hi;

    if (in->size == 8) {
        ir_mulu2(ir, &lo, &hi, in->val[2], x86g.reg[R_EDX]);
    } else {
        IrTemp p = ir_mul(ir, wide(t, in->val[2]), ir_ext(ir, IR_I64, IR_U32, x86g.reg[R_EDX]));

        lo = ir_trunc(ir, p);
        hi = ir_trunc(ir, ir_shri(ir, p, 32));
    }
    in->val[0] = hi;
    in->val[1] = lo;
}

void emit_rorx(Translator *t, Insn *in)
{
    IrType type = in->size == 8 ? IR_I64 : IR_I32;

    in->val[0] = ir_rotr(t->ir, in->val[1], ir_const(t->ir, type, in->imm & (in->size * 8 - 1)));
}

static IrTemp masked_count(Translator *t, Insn *in)
{
    return ir_andi(t->ir, in->val[2], in->size * 8 - 1);
}

void emit_shlx(Translator *t, Insn *in)
{
    in->val[0] = ir_shl(t->ir, in->val[1], masked_count(t, in));
}

void emit_shrx(Translator *t, Insn *in)
{
    in->val[0] = ir_shr(t->ir, in->val[1], masked_count(t, in));
}

void emit_sarx(Translator *t, Insn *in)
{
    in->val[0] = ir_sar(t->ir, in->val[1], masked_count(t, in));
}
