/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lazy flags while translating: committing them, and conditions from what is known about them (docs/cpu-flags.md).
 *
 * t->cc describes the values cc_* hold. Where the operation is known a condition becomes one comparison of its
 * operands; a field that names a guest register is dropped when the register is overwritten, and the cc_* globals
 * serve instead.
 */
#include "qemu/osdep.h"
#include "target-i386/decode.h"
#include "target-i386/helper-int.h"

typedef struct Cond {
    IrCond c;
    IrTemp a, b;
} Cond;

static const CcState cc_unknown = {
    .op = CC_OP_DYNAMIC, .dst = IR_NONE, .src = IR_NONE, .src2 = IR_NONE, .a = IR_NONE, .b = IR_NONE,
    .carry = IR_NONE, .zval = IR_NONE, .inc_dst = IR_NONE,
};

/* ---- values ---- */

static unsigned op_size(unsigned op)
{
    return op == CC_OP_EFLAGS ? 4 : 1u << ((op - 1) & 3);
}

static unsigned op_group(unsigned op)
{
    return op == CC_OP_EFLAGS ? CC_OP_EFLAGS : ((op - 1) & ~3u) + 1;
}

static IrType op_type(unsigned op)
{
    return op_size(op) == 8 ? IR_I64 : IR_I32;
}

static IrTemp konst(Translator *t, unsigned op, int64_t v)
{
    return ir_const(t->ir, op_type(op), v);
}

static IrTemp to64(Translator *t, IrTemp v)
{
    int64_t c;

    if (ir_is_const(t->ir, v, &c)) {
        return ir_const(t->ir, IR_I64, ir_type(t->ir, v) == IR_I32 ? (int64_t)(uint32_t)c : c);
    }
    return ir_type(t->ir, v) == IR_I64 ? v : ir_ext(t->ir, IR_I64, IR_U32, v);
}

static IrTemp from_global(Translator *t, IrTemp g)
{
    return op_type(t->cc.op) == IR_I64 ? g : ir_trunc(t->ir, g);
}

static IrTemp cc_dst(Translator *t)
{
    return t->cc.dst != IR_NONE ? t->cc.dst : from_global(t, x86g.cc_dst);
}

static IrTemp cc_src(Translator *t)
{
    return t->cc.src != IR_NONE ? t->cc.src : from_global(t, x86g.cc_src);
}

static IrTemp cc_src2(Translator *t)
{
    return t->cc.src2 != IR_NONE ? t->cc.src2 : from_global(t, x86g.cc_src2);
}

static IrTemp widen(Translator *t, IrTemp v, bool is_signed)
{
    switch (op_size(t->cc.op)) {
    case 1: return ir_ext(t->ir, IR_I32, is_signed ? IR_S8 : IR_U8, v);
    case 2: return ir_ext(t->ir, IR_I32, is_signed ? IR_S16 : IR_U16, v);
    default: return v;
    }
}

static uint64_t op_mask(unsigned op)
{
    return op_size(op) == 8 ? ~0ull : (1ull << (op_size(op) * 8)) - 1;
}

static uint64_t op_sign(unsigned op)
{
    return 1ull << (op_size(op) * 8 - 1);
}

/* ---- committing ---- */

static void forget_if(IrTemp *field, IrTemp global)
{
    if (*field == global) {
        *field = IR_NONE;
    }
}

/* A guest register is about to change: what refers to it by name is no longer at hand. */
void flags_reg_written(Translator *t, IrTemp global)
{
    forget_if(&t->cc.dst, global);
    forget_if(&t->cc.src, global);
    forget_if(&t->cc.src2, global);
    forget_if(&t->cc.a, global);
    forget_if(&t->cc.b, global);
    forget_if(&t->cc.zval, global);
    forget_if(&t->cc.inc_dst, global);
}

void forget_operand(CcState *f, IrTemp global)
{
    forget_if(&f->a, global);
    forget_if(&f->b, global);
}

bool flags_refer_to(const CcState *f, IrTemp global)
{
    return f->op != CC_OP_DYNAMIC && (f->dst == global || f->src == global || f->src2 == global);
}

/* The operation before keeps its operands, as C is still its. */
static void commit_inc(Translator *t, const CcState *f)
{
    IrContext *ir = t->ir;
    IrTemp over = ir_const(ir, IR_I32, f->inc << 8);

    ir_mov(ir, x86g.cc_inc, to64(t, f->inc_dst));
    if (t->cc.op == CC_OP_DYNAMIC) {
        ir_mov(ir, x86g.cc_op, ir_or(ir, ir_andi(ir, x86g.cc_op, 0xff), over));
    } else {
        ir_mov(ir, x86g.cc_op, ir_const(ir, IR_I32, t->cc.op | f->inc << 8));
    }
    t->cc.inc = f->inc;
    t->cc.inc_dst = f->inc_dst;
}

void flags_commit(Translator *t, const CcState *f)
{
    IrContext *ir = t->ir;

    if (f->inc) {
        commit_inc(t, f);
        return;
    }
    if (f->op == CC_OP_DYNAMIC) {
        return;
    }
    if (f->dst != IR_NONE) {
        ir_mov(ir, x86g.cc_dst, to64(t, f->dst));
    }
    if (f->src != IR_NONE) {
        ir_mov(ir, x86g.cc_src, to64(t, f->src));
    }
    if (f->src2 != IR_NONE) {
        ir_mov(ir, x86g.cc_src2, to64(t, f->src2));
    }
    ir_mov(ir, x86g.cc_op, ir_const(ir, IR_I32, f->op));
    t->cc = *f;
}

/* The same where a count of 0 leaves the flags alone. count: I32 or I64. */
void flags_commit_unless_zero(Translator *t, const CcState *f, IrTemp count)
{
    IrContext *ir = t->ir;
    IrTemp zero = ir_const(ir, ir_type(ir, count), 0);

    if (f->dst != IR_NONE) {
        ir_mov(ir, x86g.cc_dst, ir_movcond(ir, IR_NE, count, zero, to64(t, f->dst), x86g.cc_dst));
    }
    ir_mov(ir, x86g.cc_src, ir_movcond(ir, IR_NE, count, zero, to64(t, f->src), x86g.cc_src));
    ir_mov(ir, x86g.cc_op, ir_movcond(ir, IR_NE, count, zero, ir_const(ir, IR_I32, f->op), x86g.cc_op));
    t->cc = cc_unknown;
}

CcState flags_of(unsigned group, unsigned size, IrTemp dst, IrTemp src)
{
    CcState f = cc_unknown;

    f.op = group == CC_OP_EFLAGS ? CC_OP_EFLAGS : group + ctz64(size);
    f.dst = dst;
    f.src = src;
    return f;
}

CcState flags_of_inc(unsigned group, unsigned size, IrTemp dst)
{
    CcState f = cc_unknown;

    f.inc = group + ctz64(size);
    f.inc_dst = dst;
    return f;
}

CcState flags_none(void)
{
    return cc_unknown;
}

void flags_forget(Translator *t)
{
    t->cc = cc_unknown;
}

void flags_set(Translator *t, IrTemp value)
{
    CcState f = flags_of(CC_OP_EFLAGS, 4, IR_NONE, value);

    flags_commit(t, &f);
}

/* cc_* that hold nothing, given what is known about the flags. */
static uint64_t dead_operands(const Translator *t)
{
    uint64_t src2 = 1ull << x86g.cc_src2, src = 1ull << x86g.cc_src, dst = 1ull << x86g.cc_dst;
    uint64_t inc = t->cc.inc ? 0 : 1ull << x86g.cc_inc;

    if (t->cc.op == CC_OP_DYNAMIC) {
        return 0;
    }
    switch (op_group(t->cc.op)) {
    case CC_OP_EFLAGS: return dst | src2 | inc;
    case CC_OP_LOGICB: return src | src2 | inc;
    case CC_OP_ADCB: case CC_OP_SBBB: return inc;
    default: return src2 | inc;
    }
}

/* ---- the whole image ---- */

static IrTemp computed_flags(Translator *t)
{
    IrContext *ir = t->ir;
    IrTemp zero = ir_const(ir, IR_I64, 0);
    uint64_t dead = dead_operands(t);

    if (t->cc.op == CC_OP_DYNAMIC) {
        return ir_call(ir, &ir_helper_cc_compute, x86g.cc_dst, x86g.cc_src, x86g.cc_src2, x86g.cc_inc, x86g.cc_op);
    }
    /* Passing what does not matter as constants lets the optimiser drop the stores. */
    return ir_call(ir, &ir_helper_cc_compute, dead >> x86g.cc_dst & 1 ? zero : x86g.cc_dst,
                   dead >> x86g.cc_src & 1 ? zero : x86g.cc_src, dead >> x86g.cc_src2 & 1 ? zero : x86g.cc_src2,
                   t->cc.inc ? x86g.cc_inc : zero, ir_const(ir, IR_I32, t->cc.op | t->cc.inc << 8));
}

IrTemp flags_get(Translator *t)
{
    if (t->cc.op == CC_OP_EFLAGS && !t->cc.inc) {
        return ir_andi(t->ir, cc_src(t), CC_ALL);
    }
    return computed_flags(t);
}

/* ---- conditions from known operations ---- */

static Cond always(Translator *t, bool value)
{
    IrTemp zero = ir_const(t->ir, IR_I32, 0);

    return (Cond) { value ? IR_EQ : IR_NE, zero, zero };
}

static Cond nonzero(Translator *t, IrTemp v)
{
    return (Cond) { IR_NE, v, ir_const(t->ir, ir_type(t->ir, v), 0) };
}

static Cond test_bits(Translator *t, IrTemp v, uint64_t bits)
{
    return (Cond) { IR_TSTNE, v, ir_const(t->ir, ir_type(t->ir, v), (int64_t)bits) };
}

static IrTemp cond_to_value(Translator *t, Cond c)
{
    return ir_setcond(t->ir, c.c, c.a, c.b);
}

static Cond either(Translator *t, Cond x, Cond y)
{
    return nonzero(t, ir_or(t->ir, cond_to_value(t, x), cond_to_value(t, y)));
}

static Cond zero_of_result(Translator *t)
{
    IrTemp res = cc_dst(t);

    if (op_size(t->cc.op) < 4) {
        return (Cond) { IR_TSTEQ, res, konst(t, t->cc.op, (int64_t)op_mask(t->cc.op)) };
    }
    return (Cond) { IR_EQ, res, konst(t, t->cc.op, 0) };
}

static Cond sign_of(Translator *t, IrTemp v)
{
    if (op_size(t->cc.op) < 4) {
        return test_bits(t, v, op_sign(t->cc.op));
    }
    return (Cond) { IR_LT, v, konst(t, t->cc.op, 0) };
}

static Cond parity_of_result(Translator *t)
{
    IrContext *ir = t->ir;
    IrTemp res = cc_dst(t);

    if (ir_type(ir, res) == IR_I64) {
        res = ir_trunc(ir, res);
    }
    return (Cond) { IR_TSTEQ, ir_popcnt(ir, ir_andi(ir, res, 0xff)), ir_const(ir, IR_I32, 1) };
}

/* The minuend, original or recomputed. */
static IrTemp sub_a(Translator *t)
{
    return t->cc.a != IR_NONE ? t->cc.a : ir_add(t->ir, cc_dst(t), cc_src(t));
}

static IrTemp sub_b(Translator *t)
{
    return t->cc.b != IR_NONE ? t->cc.b : cc_src(t);
}

static Cond compare(Translator *t, IrCond c, bool is_signed)
{
    IrTemp a = widen(t, sub_a(t), is_signed), b = widen(t, sub_b(t), is_signed);

    return (Cond) { c, a, b };
}

/* A value whose sign bit is O after an addition (subtract: res, src -> a = res + src) with or without carry. */
static IrTemp overflow_bits(Translator *t, bool subtract, bool with_carry)
{
    IrContext *ir = t->ir;
    IrTemp res = cc_dst(t), src = cc_src(t), a;

    if (subtract) {
        a = ir_add(ir, res, src);
        a = with_carry ? ir_add(ir, a, cc_src2(t)) : a;
        return ir_and(ir, ir_xor(ir, a, src), ir_xor(ir, a, res));
    }
    a = ir_sub(ir, res, src);
    a = with_carry ? ir_sub(ir, a, cc_src2(t)) : a;
    return ir_and(ir, ir_xor(ir, res, a), ir_xor(ir, res, src));
}

static Cond carry_with_carry(Translator *t, bool subtract)
{
    IrContext *ir = t->ir;
    IrTemp src = widen(t, cc_src(t), false), x = cc_dst(t), cin = cc_src2(t), eq;

    if (subtract) {                 /* C: a < src + borrow */
        x = ir_add(ir, ir_add(ir, x, src), cin);
    }
    x = widen(t, x, false);
    if (ir_type(ir, cin) == IR_I64) {
        cin = ir_trunc(ir, cin);
    }
    eq = ir_and(ir, ir_setcond(ir, IR_EQ, x, src), cin);
    return nonzero(t, ir_or(ir, ir_setcond(ir, IR_LTU, x, src), eq));
}

static Cond result_is(Translator *t, uint64_t v)
{
    return (Cond) { IR_EQ, widen(t, cc_dst(t), false), konst(t, t->cc.op, (int64_t)v) };
}

static Cond cond_overflow(Translator *t)
{
    IrTemp src;

    switch (op_group(t->cc.op)) {
    case CC_OP_ADDB: return sign_of(t, overflow_bits(t, false, false));
    case CC_OP_ADCB: return sign_of(t, overflow_bits(t, false, true));
    case CC_OP_SUBB: return sign_of(t, overflow_bits(t, true, false));
    case CC_OP_SBBB: return sign_of(t, overflow_bits(t, true, true));
    case CC_OP_INCB: return result_is(t, op_sign(t->cc.op));
    case CC_OP_DECB: return result_is(t, op_sign(t->cc.op) - 1);
    case CC_OP_MULB:
        src = cc_src(t);
        return nonzero(t, src);
    case CC_OP_LOGICB: case CC_OP_BLSIB: return always(t, false);
    default: return test_bits(t, cc_src(t), CC_O);      /* EFLAGS and the shifts, which pack C and O alike */
    }
}

static Cond cond_carry(Translator *t)
{
    if (t->cc.op == CC_OP_EFLAGS && t->cc.carry != IR_NONE) {
        return nonzero(t, t->cc.carry);
    }
    switch (op_group(t->cc.op)) {
    case CC_OP_ADDB: return (Cond) { IR_LTU, widen(t, cc_dst(t), false), widen(t, cc_src(t), false) };
    case CC_OP_ADCB: return carry_with_carry(t, false);
    case CC_OP_SUBB: return compare(t, IR_LTU, false);
    case CC_OP_SBBB: return carry_with_carry(t, true);
    case CC_OP_LOGICB: return always(t, false);
    case CC_OP_INCB: case CC_OP_DECB: return nonzero(t, cc_src(t));
    case CC_OP_MULB: return nonzero(t, cc_src(t));
    case CC_OP_BLSIB: return nonzero(t, widen(t, cc_src(t), false));
    default: return test_bits(t, cc_src(t), CC_C);
    }
}

static Cond cond_zero(Translator *t)
{
    if (t->cc.op == CC_OP_EFLAGS) {
        if (t->cc.zval != IR_NONE) {
            return (Cond) { IR_EQ, t->cc.zval, ir_const(t->ir, ir_type(t->ir, t->cc.zval), 0) };
        }
        return test_bits(t, cc_src(t), CC_Z);
    }
    if (op_group(t->cc.op) == CC_OP_MULB) {
        return always(t, false);
    }
    if (t->cc.a != IR_NONE && t->cc.b != IR_NONE) {
        return (Cond) { op_group(t->cc.op) == CC_OP_SUBB ? IR_EQ : IR_TSTEQ, t->cc.a, t->cc.b };
    }
    return zero_of_result(t);
}

static Cond cond_sign(Translator *t)
{
    return t->cc.op == CC_OP_EFLAGS ? test_bits(t, cc_src(t), CC_S) : sign_of(t, cc_dst(t));
}

static Cond cond_parity(Translator *t)
{
    switch (op_group(t->cc.op)) {
    case CC_OP_EFLAGS: return test_bits(t, cc_src(t), CC_P);
    case CC_OP_BLSIB: return always(t, false);
    default: return parity_of_result(t);
    }
}

/* S != O */
static Cond cond_less(Translator *t)
{
    IrContext *ir = t->ir;
    IrTemp v, one;

    switch (op_group(t->cc.op)) {
    case CC_OP_SUBB:
        return compare(t, IR_LT, true);
    case CC_OP_LOGICB: case CC_OP_BLSIB:
        return cond_sign(t);
    case CC_OP_ADDB: case CC_OP_ADCB: case CC_OP_SBBB:
        v = overflow_bits(t, op_group(t->cc.op) == CC_OP_SBBB, op_group(t->cc.op) != CC_OP_ADDB);
        return sign_of(t, ir_xor(ir, v, cc_dst(t)));
    case CC_OP_INCB:                /* the true sum a + 1 is negative */
        one = konst(t, t->cc.op, -1);
        return (Cond) { IR_LT, widen(t, ir_addi(ir, cc_dst(t), -1), true), one };
    case CC_OP_DECB:                /* a - 1 is negative */
        return (Cond) { IR_LE, widen(t, ir_addi(ir, cc_dst(t), 1), true), konst(t, t->cc.op, 0) };
    case CC_OP_EFLAGS:
        v = cc_src(t);
        return test_bits(t, ir_xor(ir, ir_shri(ir, v, 4), v), CC_S);    /* O is bit 11, S bit 7 */
    default:
        return nonzero(t, ir_xor(ir, cond_to_value(t, cond_sign(t)), cond_to_value(t, cond_overflow(t))));
    }
}

static Cond cond_less_equal(Translator *t)
{
    switch (op_group(t->cc.op)) {
    case CC_OP_SUBB:
        return compare(t, IR_LE, true);
    case CC_OP_LOGICB:
        return (Cond) { IR_LE, widen(t, cc_dst(t), true), konst(t, t->cc.op, 0) };
    case CC_OP_INCB:
        return (Cond) { IR_LT, widen(t, ir_addi(t->ir, cc_dst(t), -1), true), konst(t, t->cc.op, 0) };
    case CC_OP_DECB:
        return (Cond) { IR_LE, widen(t, ir_addi(t->ir, cc_dst(t), 1), true), konst(t, t->cc.op, 1) };
    default:
        return either(t, cond_less(t), cond_zero(t));
    }
}

static Cond cond_below_equal(Translator *t)
{
    switch (op_group(t->cc.op)) {
    case CC_OP_SUBB:
        return compare(t, IR_LEU, false);
    case CC_OP_LOGICB:
        return cond_zero(t);
    case CC_OP_EFLAGS:
        if (t->cc.carry == IR_NONE && t->cc.zval == IR_NONE) {
            return test_bits(t, cc_src(t), CC_C | CC_Z);
        }
        return either(t, cond_carry(t), cond_zero(t));
    default:
        return either(t, cond_carry(t), cond_zero(t));
    }
}

/* Unknown flags are computed once and then known as an image. */
static void flags_make_known(Translator *t)
{
    if (t->cc.op == CC_OP_DYNAMIC) {
        flags_set(t, computed_flags(t));
    }
}

static Cond (*const cond_base[8])(Translator *) = {
    cond_overflow, cond_carry, cond_zero, cond_below_equal, cond_sign, cond_parity, cond_less, cond_less_equal,
};

/* A condition without C, of an INC or DEC: as if that were all there is. */
static Cond cond_of_inc(Translator *t, unsigned which)
{
    CcState all = t->cc;
    Cond c;

    t->cc = cc_unknown;
    t->cc.op = all.inc;
    t->cc.dst = all.inc_dst != IR_NONE ? all.inc_dst : from_global(t, x86g.cc_inc);
    c = cond_base[which](t);
    t->cc = all;
    return c;
}

enum { COND_Z = 2, COND_BE = 3 };

static Cond cond_prepare(Translator *t, unsigned cc)
{
    unsigned which = cc >> 1 & 7;
    Cond c;

    if (t->cc.inc && !(cond_flags(cc) & CC_C)) {
        c = cond_of_inc(t, which);
    } else {
        flags_make_known(t);
        c = t->cc.inc && which == COND_BE ? either(t, cond_carry(t), cond_of_inc(t, COND_Z)) : cond_base[which](t);
    }
    if (cc & 1) {
        c.c = ir_cond_invert(c.c);
    }
    return c;
}

IrTemp cond_value(Translator *t, unsigned cc)
{
    return cond_to_value(t, cond_prepare(t, cc));
}

IrTemp cond_select(Translator *t, unsigned cc, IrTemp if_true, IrTemp if_false)
{
    Cond c = cond_prepare(t, cc);

    return ir_movcond(t->ir, c.c, c.a, c.b, if_true, if_false);
}

void cond_get(Translator *t, unsigned cc, IrCond *c, IrTemp *a, IrTemp *b)
{
    Cond k = cond_prepare(t, cc);

    *c = k.c;
    *a = k.a;
    *b = k.b;
}

/* Unlike a condition this leaves what is known alone: a dead carry costs nothing then. */
IrTemp flags_carry(Translator *t)
{
    if (t->cc.op == CC_OP_DYNAMIC) {
        return ir_andi(t->ir, computed_flags(t), CC_C);
    }
    return cond_to_value(t, cond_carry(t));
}

/* ---- liveness across jumps ---- */

#define PEEK_INSNS 12
#define PEEK_DEPTH 3

typedef struct Peek {
    Translator *t;
    CodeReader reader;
    uint64_t lo, hi;            /* linear range looked at */
    struct { uint64_t pc; unsigned live; } visited[8];
    unsigned n_visited;
} Peek;

static int peek_no_byte(void *opaque, uint64_t linear)
{
    return -1;
}

/* live: the flags not yet overwritten on this path. */
static bool peek_dead(Peek *p, uint64_t pc, unsigned live, unsigned depth)
{
    Insn in;

    for (unsigned i = 0; i < p->n_visited; i++) {
        if (p->visited[i].pc == pc && !(live & ~p->visited[i].live)) {
            return true;            /* a loop back: least fixpoint */
        }
    }
    if (p->n_visited == ARRAY_SIZE(p->visited)) {
        return false;
    }
    p->visited[p->n_visited].pc = pc;
    p->visited[p->n_visited++].live = live;
    for (unsigned n = 0; n < PEEK_INSNS; n++) {
        const InsnRow *row;
        uint64_t linear = code_linear(&p->reader, pc);
        unsigned uses;

        if (linear < p->reader.host_lo || linear >= p->reader.host_hi ||
            insn_decode(&p->reader, pc, &in) != DECODE_OK) {
            return false;
        }
        p->lo = MIN(p->lo, linear);
        p->hi = MAX(p->hi, linear + in.len);
        row = in.row;
        uses = row->uses | (row->attr & A_COND ? cond_flags(in.opcode & 15) : 0);
        if (uses & live) {
            return false;
        }
        if (row->attr & (A_JMP | A_COND) && (row->o0 == Jb || row->o0 == Jz)) {
            uint64_t target = insn_jump_target(&in, p->t->code64);

            if (!depth || !peek_dead(p, target, live, depth - 1)) {
                return false;
            }
            if (row->attr & A_JMP) {
                return true;
            }
        } else if (!(row->attr & A_PLAIN) || (in.is_mem && !(row->attr & A_NOACC))) {
            return false;
        }
        live &= ~row->sets;
        if (!live) {
            return true;
        }
        pc = in.next;
    }
    return false;
}

bool flags_dead_at(Translator *t, uint64_t pc)
{
    Peek p = { .t = t, .reader = *t->code, .lo = ~0ull };
    uint64_t linear = code_linear(t->code, pc);

    if ((t->mk & (MK_TF | MK_DB)) || linear < t->code->host_lo || linear >= t->code->host_hi) {
        return false;
    }
    p.reader.slow = peek_no_byte;
    if (!peek_dead(&p, pc, CC_ALL, PEEK_DEPTH)) {
        return false;
    }
    /* The answer depends on these bytes: when they change, this block goes too. */
    t->lo = MIN(t->lo, p.lo);
    t->hi = MAX(t->hi, p.hi);
    return true;
}

uint64_t flags_dead_mask(Translator *t, uint64_t target, bool same_page)
{
    if (same_page && flags_dead_at(t, target)) {
        return 1ull << x86g.cc_op | 1ull << x86g.cc_dst | 1ull << x86g.cc_src | 1ull << x86g.cc_src2 |
               1ull << x86g.cc_inc;
    }
    return dead_operands(t);
}
