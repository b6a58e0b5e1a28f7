/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The builder: appends operations to a block's list. Nothing is optimised here but what costs nothing to see.
 */
#include "qemu/osdep.h"
#include "tcg-internal.h"

#define SIDE  OPF_SIDE
#define FAULT OPF_FAULT
#define LEAVE OPF_LEAVE
#define END   OPF_END
#define COMM  OPF_COMM
#define FLAT  OPF_FLAT
const IrOpDef ir_op_defs[IRO__COUNT] = {
#define IR_OP(name_, outs, ins, flags_) [IRO_##name_] = { .name = #name_, .nout = outs, .nin = ins, .flags = flags_ },
#include "tcg-op.def"
#undef IR_OP
};

IrContext *ir_context_new(void)
{
    return g_new0(IrContext, 1);
}

IrContext *ir_context_clone(const IrContext *of)
{
    IrContext *ir = ir_context_new();

    memcpy(ir->temps, of->temps, of->n_globals * sizeof(ir->temps[0]));
    ir->n_globals = ir->n_temps = of->n_globals;
    return ir;
}

void ir_context_free(IrContext *ir)
{
    g_free(ir);
}

void ir_reset(IrContext *ir)
{
    ir->n_ops = 0;
    ir->n_temps = ir->n_globals;
    ir->n_labels = ir->n_exits = ir->n_vars = 0;
    ir->overflow = ir->has_labels = false;
    memset(ir->const_hash, 0xff, sizeof(ir->const_hash));
}

unsigned ir_num_ops(IrContext *ir)
{
    return ir->n_ops;
}

bool ir_overflow(IrContext *ir)
{
    return ir->overflow;
}

/* ---- temporaries ---- */

static IrTemp temp_new(IrContext *ir, IrTempKind kind, IrType type)
{
    IrTemp t = ir->n_temps;

    if (t >= IR_MAX_TEMPS - 1) {
        ir->overflow = true;
        t = ir->n_temps - 1;        /* contents no longer matter: the block is thrown away */
    } else {
        ir->n_temps++;
    }
    ir->temps[t] = (IrTempInfo) { .kind = kind, .type = type, .pin = -1, .pin_order = -1 };
    return t;
}

IrTemp ir_global_new(IrContext *ir, IrType type, size_t off, const char *name, int pin)
{
    IrTemp t;

    assert(ir->n_temps == ir->n_globals && ir->n_globals < IR_MAX_GLOBALS);
    t = temp_new(ir, IRT_GLOBAL, type);
    ir->temps[t].off = off;
    ir->temps[t].name = name;
    ir->temps[t].pin_order = pin;
    ir->n_globals++;
    return t;
}

IrTemp ir_const(IrContext *ir, IrType type, int64_t value)
{
    int64_t v = type == IR_I32 ? (int64_t)(uint32_t)value : value;
    unsigned h = ((unsigned)(v ^ v >> 13 ^ v >> 31) * 2 + type) % IR_CONST_HASH;
    IrTemp t = ir->const_hash[h];

    if (t != IR_NONE && ir->temps[t].val == v && ir->temps[t].type == type) {
        return t;
    }
    t = temp_new(ir, IRT_CONST, type);
    ir->temps[t].val = v;
    ir->const_hash[h] = t;
    return t;
}

IrTemp ir_var_new(IrContext *ir, IrType type)
{
    ir->n_vars++;
    return temp_new(ir, IRT_VAR, type);
}

IrType ir_type(IrContext *ir, IrTemp t)
{
    return ir->temps[t].type;
}

bool ir_is_const(IrContext *ir, IrTemp t, int64_t *value)
{
    if (ir->temps[t].kind != IRT_CONST) {
        return false;
    }
    *value = ir->temps[t].type == IR_I32 ? (int32_t)ir->temps[t].val : ir->temps[t].val;
    return true;
}

/* ---- appending ---- */

static IrOp *op_new(IrContext *ir, IrOpcode opc, IrType type)
{
    IrOp *op = &ir->ops[ir->n_ops];

    if (ir->n_ops >= IR_MAX_OPS - 1) {
        ir->overflow = true;
    } else {
        ir->n_ops++;
    }
    *op = (IrOp) { .opc = opc, .type = type, .ctype = type, .nout = ir_op_defs[opc].nout, .nin = ir_op_defs[opc].nin };
    return op;
}

static IrTemp local_new(IrContext *ir, IrType type)
{
    return temp_new(ir, IRT_LOCAL, type);
}

static IrTemp op1(IrContext *ir, IrOpcode opc, IrType type, IrTemp a)
{
    IrOp *op = op_new(ir, opc, type);

    op->arg[0] = local_new(ir, type);
    op->arg[1] = a;
    return op->arg[0];
}

static IrTemp op2(IrContext *ir, IrOpcode opc, IrTemp a, IrTemp b)
{
    IrType type = ir_type(ir, a);
    IrOp *op = op_new(ir, opc, type);

    assert(ir_type(ir, b) == type);
    op->arg[0] = local_new(ir, type);
    op->arg[1] = a;
    op->arg[2] = b;
    return op->arg[0];
}

static IrTemp same_const(IrContext *ir, IrTemp like, int64_t v)
{
    return ir_const(ir, ir_type(ir, like), v);
}

void ir_mov(IrContext *ir, IrTemp dst, IrTemp src)
{
    IrOp *op;

    assert(ir_type(ir, dst) == ir_type(ir, src));
    assert(ir->temps[dst].kind == IRT_GLOBAL || ir->temps[dst].kind == IRT_VAR);
    op = op_new(ir, IRO_mov, ir_type(ir, dst));
    op->arg[0] = dst;
    op->arg[1] = src;
}

#define BUILD2(name) IrTemp ir_##name(IrContext *ir, IrTemp a, IrTemp b) { return op2(ir, IRO_##name, a, b); }
BUILD2(add) BUILD2(sub) BUILD2(and) BUILD2(or) BUILD2(xor) BUILD2(andc) BUILD2(mul)
BUILD2(shl) BUILD2(shr) BUILD2(sar) BUILD2(rotl) BUILD2(rotr)
#define BUILD1(name) IrTemp ir_##name(IrContext *ir, IrTemp a) { return op1(ir, IRO_##name, ir_type(ir, a), a); }
BUILD1(neg) BUILD1(not) BUILD1(clz) BUILD1(ctz) BUILD1(popcnt) BUILD1(bswap)

IrTemp ir_addi(IrContext *ir, IrTemp a, int64_t b) { return b ? ir_add(ir, a, same_const(ir, a, b)) : a; }
IrTemp ir_andi(IrContext *ir, IrTemp a, int64_t b) { return ir_and(ir, a, same_const(ir, a, b)); }
IrTemp ir_shli(IrContext *ir, IrTemp a, unsigned n) { return n ? ir_shl(ir, a, same_const(ir, a, n)) : a; }
IrTemp ir_shri(IrContext *ir, IrTemp a, unsigned n) { return n ? ir_shr(ir, a, same_const(ir, a, n)) : a; }
IrTemp ir_sari(IrContext *ir, IrTemp a, unsigned n) { return n ? ir_sar(ir, a, same_const(ir, a, n)) : a; }

static void mul2(IrContext *ir, IrOpcode opc, IrTemp *lo, IrTemp *hi, IrTemp a, IrTemp b)
{
    IrType type = ir_type(ir, a);
    IrOp *op = op_new(ir, opc, type);

    assert(ir_type(ir, b) == type);
    *lo = op->arg[0] = local_new(ir, type);
    *hi = op->arg[1] = local_new(ir, type);
    op->arg[2] = a;
    op->arg[3] = b;
}
void ir_mulu2(IrContext *ir, IrTemp *lo, IrTemp *hi, IrTemp a, IrTemp b) { mul2(ir, IRO_mulu2, lo, hi, a, b); }
void ir_muls2(IrContext *ir, IrTemp *lo, IrTemp *hi, IrTemp a, IrTemp b) { mul2(ir, IRO_muls2, lo, hi, a, b); }

IrTemp ir_ext(IrContext *ir, IrType type, IrExt kind, IrTemp a)
{
    IrTemp r;

    if (type == IR_I32 && (kind == IR_U32 || kind == IR_S32)) {
        return ir_type(ir, a) == IR_I32 ? a : ir_trunc(ir, a);
    }
    r = op1(ir, IRO_ext, type, a);
    ir->ops[ir->n_ops - 1].c[0] = kind;
    return r;
}

IrTemp ir_trunc(IrContext *ir, IrTemp a)
{
    IrTemp r;

    assert(ir_type(ir, a) == IR_I64);
    if (ir->temps[a].kind == IRT_CONST) {
        return ir_const(ir, IR_I32, ir->temps[a].val);
    }
    r = op1(ir, IRO_trunc, IR_I32, a);
    ir->temps[r].upper_garbage = true;
    return r;
}

static void set_field(IrContext *ir, unsigned pos, unsigned len)
{
    ir->ops[ir->n_ops - 1].c[0] = pos | len << 8;
}

IrTemp ir_deposit(IrContext *ir, IrTemp base, IrTemp val, unsigned pos, unsigned len)
{
    IrTemp r = op2(ir, IRO_deposit, base, val);

    set_field(ir, pos, len);
    return r;
}

IrTemp ir_extract(IrContext *ir, IrTemp a, unsigned pos, unsigned len)
{
    IrTemp r = op1(ir, IRO_extract, ir_type(ir, a), a);

    set_field(ir, pos, len);
    return r;
}

IrTemp ir_sextract(IrContext *ir, IrTemp a, unsigned pos, unsigned len)
{
    IrTemp r = op1(ir, IRO_sextract, ir_type(ir, a), a);

    set_field(ir, pos, len);
    return r;
}

IrTemp ir_setcond(IrContext *ir, IrCond c, IrTemp a, IrTemp b)
{
    IrOp *op = op_new(ir, IRO_setcond, IR_I32);

    assert(ir_type(ir, a) == ir_type(ir, b));
    op->cond = c;
    op->ctype = ir_type(ir, a);
    op->arg[0] = local_new(ir, IR_I32);
    op->arg[1] = a;
    op->arg[2] = b;
    return op->arg[0];
}

IrTemp ir_movcond(IrContext *ir, IrCond c, IrTemp a, IrTemp b, IrTemp if_true, IrTemp if_false)
{
    IrType type = ir_type(ir, if_true);
    IrOp *op = op_new(ir, IRO_movcond, type);

    assert(ir_type(ir, a) == ir_type(ir, b) && ir_type(ir, if_false) == type);
    op->cond = c;
    op->ctype = ir_type(ir, a);
    op->arg[0] = local_new(ir, type);
    op->arg[1] = a;
    op->arg[2] = b;
    op->arg[3] = if_true;
    op->arg[4] = if_false;
    return op->arg[0];
}

IrTemp ir_ld(IrContext *ir, IrType type, size_t off, IrMemOp mo)
{
    IrOp *op = op_new(ir, IRO_ld, type);

    op->arg[0] = local_new(ir, type);
    op->c[0] = off;
    op->c[1] = mo;
    return op->arg[0];
}

void ir_st(IrContext *ir, IrTemp val, size_t off, IrMemOp mo)
{
    IrOp *op = op_new(ir, IRO_st, ir_type(ir, val));

    op->arg[0] = val;
    op->c[0] = off;
    op->c[1] = mo;
}

IrTemp ir_gld(IrContext *ir, IrType type, IrTemp addr, IrMemOp mo)
{
    IrTemp r;

    assert(ir_type(ir, addr) == IR_I64);
    r = op1(ir, IRO_gld, type, addr);
    ir->ops[ir->n_ops - 1].c[0] = mo;
    return r;
}

IrTemp ir_hld(IrContext *ir, IrType type, const void *host, IrMemOp mo)
{
    IrTemp r = op1(ir, IRO_hld, type, ir_const(ir, IR_I64, (int64_t)(uintptr_t)host));

    ir->ops[ir->n_ops - 1].c[0] = mo;
    return r;
}

void ir_gst(IrContext *ir, IrTemp addr, IrTemp val, IrMemOp mo)
{
    IrOp *op = op_new(ir, IRO_gst, ir_type(ir, val));

    assert(ir_type(ir, addr) == IR_I64);
    op->arg[0] = addr;
    op->arg[1] = val;
    op->c[0] = mo;
}

static void memv(IrContext *ir, IrOpcode opc, size_t off, IrTemp addr, IrMemOp mo)
{
    IrOp *op = op_new(ir, opc, IR_I64);

    op->arg[0] = addr;
    op->c[0] = mo;
    op->c[1] = off;
}
void ir_gldv(IrContext *ir, size_t off, IrTemp addr, IrMemOp mo) { memv(ir, IRO_gldv, off, addr, mo); }
void ir_gstv(IrContext *ir, size_t off, IrTemp addr, IrMemOp mo) { memv(ir, IRO_gstv, off, addr, mo); }

IrTemp ir_atomic_rmw(IrContext *ir, IrRmw rmw, IrTemp addr, IrTemp val, IrMemOp mo)
{
    IrOp *op = op_new(ir, IRO_atomic_rmw, ir_type(ir, val));

    op->arg[0] = local_new(ir, ir_type(ir, val));
    op->arg[1] = addr;
    op->arg[2] = val;
    op->c[0] = mo | (uint64_t)rmw << 32;
    return op->arg[0];
}

IrTemp ir_atomic_cas(IrContext *ir, IrTemp addr, IrTemp expected, IrTemp val, IrMemOp mo)
{
    IrOp *op = op_new(ir, IRO_atomic_cas, ir_type(ir, val));

    op->arg[0] = local_new(ir, ir_type(ir, val));
    op->arg[1] = addr;
    op->arg[2] = expected;
    op->arg[3] = val;
    op->c[0] = mo;
    return op->arg[0];
}

void ir_fence(IrContext *ir)
{
    op_new(ir, IRO_fence, IR_I64);
}

static IrOp *vec_op(IrContext *ir, IrOpcode opc, IrType type, const IrVecOp *vop, size_t first, size_t second,
                    uint8_t imm)
{
    IrOp *op = op_new(ir, opc, type);

    op->c[0] = (uintptr_t)vop;
    op->c[1] = first | (uint64_t)second << 32;
    op->pos = imm;
    return op;
}

void ir_vec(IrContext *ir, const IrVecOp *vop, size_t dst, size_t src, uint8_t imm)
{
    vec_op(ir, IRO_vec, IR_I64, vop, dst, src, imm);
}

void ir_vex(IrContext *ir, const IrVecOp *vop, unsigned len, size_t dst, size_t a, size_t b, size_t c, uint8_t imm)
{
    IrOp *op = vec_op(ir, IRO_vex, IR_I64, vop, dst, a, imm);

    op->c[2] = b | (uint64_t)c << 32;
    op->slot = (uint16_t)len;
}

IrTemp ir_vget(IrContext *ir, const IrVecOp *vop, IrType type, unsigned len, size_t a, size_t b, uint8_t imm)
{
    IrOp *op = vec_op(ir, IRO_vget, type, vop, a, b, imm);

    op->slot = (uint16_t)len;
    op->arg[0] = local_new(ir, type);
    return op->arg[0];
}

void ir_vput(IrContext *ir, const IrVecOp *vop, size_t dst, size_t a, IrTemp val, bool zero, uint8_t imm)
{
    IrOp *op = vec_op(ir, IRO_vput, ir_type(ir, val), vop, dst, a, imm);

    op->slot = zero;
    op->arg[0] = val;
}

void ir_vzup(IrContext *ir, unsigned n)
{
    op_new(ir, IRO_vzup, IR_I64)->pos = (uint8_t)n;
}

IrTemp ir_call(IrContext *ir, const IrHelper *h, ...)
{
    IrOp *op = op_new(ir, IRO_call, h->ret == IR_I32 ? IR_I32 : IR_I64);
    va_list ap;

    assert(h->nargs <= 5);
    op->c[0] = (uintptr_t)h;
    op->nout = h->ret >= 0;
    op->nin = h->nargs;
    va_start(ap, h);
    for (unsigned i = 0; i < h->nargs; i++) {
        op->arg[op->nout + i] = (IrTemp)va_arg(ap, int);    /* IrTemp promotes to int */
        op->pos |= (ir_type(ir, op->arg[op->nout + i]) == IR_I64) << i;
    }
    va_end(ap);
    if (op->nout) {
        op->arg[0] = local_new(ir, h->ret);
        return op->arg[0];
    }
    return IR_NONE;
}

/* ---- control flow ---- */

IrLabel ir_label_new(IrContext *ir)
{
    ir->has_labels = true;
    if (ir->n_labels >= IR_MAX_LABELS - 1) {
        ir->overflow = true;
        return ir->n_labels;
    }
    return ir->n_labels++;
}

void ir_label_set(IrContext *ir, IrLabel l)
{
    op_new(ir, IRO_label, IR_I64)->slot = l;
}

void ir_br(IrContext *ir, IrLabel l)
{
    op_new(ir, IRO_br, IR_I64)->slot = l;
}

void ir_brcond(IrContext *ir, IrCond c, IrTemp a, IrTemp b, IrLabel l)
{
    IrOp *op = op_new(ir, IRO_brcond, ir_type(ir, a));

    assert(ir_type(ir, a) == ir_type(ir, b));
    op->cond = c;
    op->slot = l;
    op->arg[0] = a;
    op->arg[1] = b;
}

void ir_insn_start(IrContext *ir, uint64_t pc)
{
    op_new(ir, IRO_insn_start, IR_I64)->c[0] = pc;
}

static IrOp *exit_new(IrContext *ir, IrOpcode opc, uint64_t eip, unsigned flags, uint64_t dead)
{
    IrOp *op = op_new(ir, opc, IR_I64);

    op->c[0] = eip;
    op->c[1] = dead;
    op->pos = flags;
    op->slot = ir->n_exits;
    if (ir->n_exits >= IR_MAX_EXITS - 1) {
        ir->overflow = true;
    } else {
        ir->n_exits++;
    }
    return op;
}

void ir_exit_chain(IrContext *ir, uint64_t eip, unsigned flags, uint64_t dead)
{
    exit_new(ir, IRO_exit_chain, eip, flags, dead);
}

void ir_exit_chain_if(IrContext *ir, IrCond c, IrTemp a, IrTemp b, uint64_t eip, unsigned flags, uint64_t dead)
{
    IrOp *op = exit_new(ir, IRO_exit_chain_if, eip, flags, dead);

    assert(ir_type(ir, a) == ir_type(ir, b));
    op->cond = c;
    op->ctype = ir_type(ir, a);
    op->arg[0] = a;
    op->arg[1] = b;
}

void ir_exit_jump(IrContext *ir, IrTemp eip, uint64_t dead)
{
    IrOp *op = op_new(ir, IRO_exit_jump, IR_I64);

    assert(ir_type(ir, eip) == IR_I64);
    op->arg[0] = eip;
    op->c[1] = dead;
}

void ir_exit_loop(IrContext *ir)
{
    op_new(ir, IRO_exit_loop, IR_I64);
}

void ir_exit_lookup(IrContext *ir)
{
    op_new(ir, IRO_exit_loop, IR_I64)->pos = 1;
}

void ir_exit_loop_at(IrContext *ir, uint64_t eip)
{
    op_new(ir, IRO_exit_loop_at, IR_I64)->c[0] = eip;
}
