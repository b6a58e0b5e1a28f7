/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Forward pass: constants, copies, algebra, known widths.
 *
 * A copy of a global holds until the global is written again; each global and variable has a version for that. Nothing
 * is removed here: operations whose results are no longer used go in the liveness pass.
 */
#include "qemu/osdep.h"
#include "tcg-internal.h"

typedef struct Copy {
    IrTemp of;              /* IR_NONE: not a copy */
    uint32_t version;       /* of `of`, when it can change */
} Copy;

typedef struct Optimizer {
    IrContext *ir;
    Copy copy[IR_MAX_TEMPS];
    uint32_t version[IR_MAX_TEMPS];
    uint8_t width[IR_MAX_TEMPS];        /* bits that may be set in a local's container */
} Optimizer;

static bool is_mutable(const IrContext *ir, IrTemp t)
{
    return ir->temps[t].kind == IRT_GLOBAL || ir->temps[t].kind == IRT_VAR;
}

static bool is_const_temp(const IrContext *ir, IrTemp t)
{
    return ir->temps[t].kind == IRT_CONST;
}

/* Does the container of t hold garbage above 32 bits? */
static bool is_garbage(const IrContext *ir, IrTemp t)
{
    const IrTempInfo *ti = &ir->temps[t];

    return ti->type == IR_I32 && (ti->upper_garbage || ti->kind == IRT_GLOBAL || ti->kind == IRT_VAR);
}

static IrTemp resolve(Optimizer *o, IrTemp t)
{
    Copy c = o->copy[t];

    if (c.of == IR_NONE || (is_mutable(o->ir, c.of) && o->version[c.of] != c.version)) {
        return t;
    }
    return c.of;
}

static void set_copy(Optimizer *o, IrTemp t, IrTemp of)
{
    if (t != of) {
        o->copy[t] = (Copy) { of, o->version[of] };
    }
}

static void forget(Optimizer *o, IrTemp t)
{
    o->version[t]++;
    o->copy[t].of = IR_NONE;
}

static void forget_globals(Optimizer *o)
{
    for (IrTemp t = 0; t < o->ir->n_globals; t++) {
        forget(o, t);
    }
}

static void forget_all(Optimizer *o)
{
    forget_globals(o);
    for (IrTemp t = o->ir->n_globals; t < o->ir->n_temps && o->ir->n_vars; t++) {
        if (o->ir->temps[t].kind == IRT_VAR) {
            forget(o, t);
        }
    }
}

/* The operation's result is just s (an operand as it was named before copies were resolved). */
static void make_copy(Optimizer *o, IrOp *op, IrTemp s_named)
{
    IrTemp s = resolve(o, s_named), d = op->arg[0];
    bool was_mov = op->opc == IRO_mov;

    if (op->type == IR_I32 && is_garbage(o->ir, s_named) && !was_mov && !is_garbage(o->ir, d)) {
        op->opc = IRO_ext;          /* the consumer may rely on a zero-extended container */
        op->c[0] = IR_U32;
        op->nin = 1;
        op->arg[1] = s;
        return;
    }
    op->opc = IRO_mov;
    op->nin = 1;
    op->arg[1] = s;
    if (!is_mutable(o->ir, d)) {
        set_copy(o, d, s);
    }
}

/* A constant made by this pass: its row may hold what an earlier block left. */
static IrTemp new_const(Optimizer *o, unsigned type, uint64_t v)
{
    IrTemp t = ir_const(o->ir, (IrType)type, (int64_t)v);

    o->copy[t].of = IR_NONE;
    return t;
}

static void make_const(Optimizer *o, IrOp *op, uint64_t v)
{
    op->opc = IRO_mov;
    op->nin = 1;
    op->arg[1] = new_const(o, op->type, v);
    if (!is_mutable(o->ir, op->arg[0])) {
        set_copy(o, op->arg[0], op->arg[1]);
    }
}

static uint64_t const_of(const Optimizer *o, IrTemp t)
{
    return (uint64_t)o->ir->temps[t].val;
}

static uint64_t type_mask(const IrOp *op)
{
    return op->type == IR_I32 ? 0xffffffffull : ~0ull;
}

static bool fold_constants(Optimizer *o, IrOp *op)
{
    uint64_t in[IR_MAX_ARGS] = { 0 }, r;

    if (op->nout != 1 || !op->nin || (ir_def(op)->flags & OPF_SIDE)) {
        return false;
    }
    for (unsigned i = 0; i < op->nin; i++) {
        if (!is_const_temp(o->ir, op->arg[1 + i])) {
            return false;
        }
        in[i] = const_of(o, op->arg[1 + i]);
    }
    if (op->opc == IRO_movcond || !ir_eval_op(op, in, &r)) {
        return false;
    }
    make_const(o, op, r);
    return true;
}

/* x op constant, with the constant second. named: operand 0 as it was written. */
static bool simplify_with_const(Optimizer *o, IrOp *op, IrTemp named)
{
    uint64_t k = const_of(o, op->arg[2]) & type_mask(op);

    switch (op->opc) {
    case IRO_add: case IRO_sub: case IRO_or: case IRO_xor: case IRO_shl: case IRO_shr: case IRO_sar:
    case IRO_rotl: case IRO_rotr: case IRO_andc:
        if (k == 0) {
            make_copy(o, op, named);
            return true;
        }
        break;
    case IRO_and:
        if (k == type_mask(op)) {
            make_copy(o, op, named);
            return true;
        }
        if (k == 0) {
            make_const(o, op, 0);
            return true;
        }
        if (k == 0xff || k == 0xffff || k == 0xffffffff) {
            op->opc = IRO_ext;
            op->c[0] = k == 0xff ? IR_U8 : k == 0xffff ? IR_U16 : IR_U32;
            op->nin = 1;
            return true;
        }
        break;
    case IRO_mul:
        if (k == 0) {
            make_const(o, op, 0);
            return true;
        }
        if (!(k & (k - 1))) {
            op->opc = IRO_shl;
            op->arg[2] = new_const(o, op->type, (uint64_t)__builtin_ctzll(k));
            if (k == 1) {
                make_copy(o, op, named);
            }
            return true;
        }
        break;
    }
    return false;
}

static bool simplify_same_operands(Optimizer *o, IrOp *op, IrTemp named)
{
    switch (op->opc) {
    case IRO_xor: case IRO_sub: case IRO_andc:
        make_const(o, op, 0);
        return true;
    case IRO_and: case IRO_or:
        make_copy(o, op, named);
        return true;
    default:
        return false;
    }
}

static unsigned ext_bits(IrExt k)
{
    return k <= IR_S8 ? 8 : k <= IR_S16 ? 16 : 32;
}

static bool ext_is_unsigned(IrExt k)
{
    return k == IR_U8 || k == IR_U16 || k == IR_U32;
}

static bool is_narrow(const Optimizer *o, IrTemp t, unsigned bits)
{
    return o->ir->temps[t].kind == IRT_LOCAL && o->width[t] && o->width[t] <= bits;
}

/*
 * The low half of what the operation before computed in 64 bits, as addresses of 32-bit code are: the same in 32 bits
 * gives it at once, and the wide one mostly has no other use.
 */
static bool narrow_computation(Optimizer *o, IrOp *op)
{
    const IrOp *wide = op - 1;
    IrTemp d = op->arg[0];

    if (op->c[0] != IR_U32 || op == o->ir->ops || wide->nout != 1 || wide->arg[0] != op->arg[1] || wide->type != IR_I64
        || o->ir->temps[wide->arg[0]].kind != IRT_LOCAL) {
        return false;
    }
    switch (wide->opc) {
    case IRO_add: case IRO_sub: case IRO_and: case IRO_or: case IRO_xor: case IRO_andc: case IRO_mul: case IRO_neg:
    case IRO_not:
        *op = *wide;
        op->arg[0] = d;
        op->type = op->ctype = IR_I32;
        return true;
    }
    return false;
}

/* Extension of what is narrow already. */
static bool simplify_ext(Optimizer *o, IrOp *op, IrTemp named)
{
    IrExt k = (IrExt)op->c[0];

    if (!ext_is_unsigned(k)) {
        return false;
    }
    if (k == IR_U32 && o->ir->temps[named].type == IR_I32 && !is_garbage(o->ir, named)) {
        make_copy(o, op, named);
        return true;
    }
    if (is_narrow(o, named, ext_bits(k)) || is_narrow(o, op->arg[1], ext_bits(k))) {
        make_copy(o, op, named);
        return true;
    }
    return narrow_computation(o, op);
}

static void note_width(Optimizer *o, const IrOp *op)
{
    unsigned w = op->type == IR_I32 && op->opc != IRO_trunc ? 32 : 0;

    if (op->nout != 1 || o->ir->temps[op->arg[0]].kind != IRT_LOCAL) {
        return;
    }
    switch (op->opc) {
    case IRO_setcond:
        w = 1;
        break;
    case IRO_ext:
        w = ext_is_unsigned((IrExt)op->c[0]) ? ext_bits((IrExt)op->c[0]) : w;
        break;
    case IRO_gld:
        w = op->c[0] & IR_MO_SIGN ? w : 8u << (op->c[0] & 3);
        break;
    case IRO_extract:
        w = op->c[0] >> 8;
        break;
    }
    o->width[op->arg[0]] = w;
}

/* A conditional branch that is always or never taken. */
static void decide_branch(Optimizer *o, IrOp *op, IrOpcode taken, bool value)
{
    o->ir->has_labels |= value;         /* what follows may be unreachable now: the liveness pass looks */
    op->opc = value ? taken : IRO_insn_start;
    op->nin = 0;
    if (!value) {
        op->slot = IR_DROPPED;
    }
}

/* Conditions with a known outcome, constants to the right. */
static void simplify_condition(Optimizer *o, IrOp *op, const IrTemp *named)
{
    static const uint8_t swapped[IR_COND__COUNT] = {
        [IR_EQ] = IR_EQ, [IR_NE] = IR_NE, [IR_LT] = IR_GT, [IR_GT] = IR_LT, [IR_GE] = IR_LE, [IR_LE] = IR_GE,
        [IR_LTU] = IR_GTU, [IR_GTU] = IR_LTU, [IR_GEU] = IR_LEU, [IR_LEU] = IR_GEU,
        [IR_TSTEQ] = IR_TSTEQ, [IR_TSTNE] = IR_TSTNE,
    };
    IrTemp *a = &op->arg[op->nout], *b = a + 1;
    bool known, value = false;

    if (is_const_temp(o->ir, *a) && !is_const_temp(o->ir, *b)) {
        IrTemp t = *a;

        *a = *b;
        *b = t;
        op->cond = swapped[op->cond];
    }
    known = is_const_temp(o->ir, *a) && is_const_temp(o->ir, *b);
    if (known) {
        value = ir_eval_cond((IrCond)op->cond, (IrType)op->ctype, const_of(o, *a), const_of(o, *b));
    }
    switch (op->opc) {
    case IRO_movcond:
        if (known) {
            make_copy(o, op, named[value ? 3 : 4]);
        } else if (op->arg[3] == op->arg[4]) {
            make_copy(o, op, named[3]);
        }
        break;
    case IRO_brcond:
        if (known) {
            decide_branch(o, op, IRO_br, value);
        }
        break;
    case IRO_exit_chain_if:
        if (known) {
            decide_branch(o, op, IRO_exit_chain, value);
        }
        break;
    }
}

static void note_mov(Optimizer *o, IrOp *op, IrTemp named)
{
    IrTemp d = op->arg[0], s = op->arg[1];

    if (!is_mutable(o->ir, d)) {
        set_copy(o, d, s);
        return;
    }
    forget(o, d);
    if (is_const_temp(o->ir, s)) {
        set_copy(o, d, s);
    } else if (o->ir->temps[s].kind == IRT_LOCAL) {
        if (o->ir->temps[d].pin >= 0) {
            set_copy(o, s, d);          /* the global stays in its register: let the local go */
            if (named != s) {
                set_copy(o, named, d);
            }
        } else {
            set_copy(o, d, s);
        }
    } else if (s != d) {
        set_copy(o, d, s);
    }
}

static void optimize_op(Optimizer *o, IrOp *op)
{
    IrTemp named[IR_MAX_ARGS];
    bool has_cond =
        op->opc == IRO_setcond || op->opc == IRO_movcond || op->opc == IRO_brcond || op->opc == IRO_exit_chain_if;

    for (unsigned i = op->nout; i < op->nout + op->nin; i++) {
        named[i] = op->arg[i];
        op->arg[i] = resolve(o, op->arg[i]);
    }
    if ((ir_def(op)->flags & OPF_COMM) && is_const_temp(o->ir, op->arg[1]) && !is_const_temp(o->ir, op->arg[2])) {
        IrTemp t = op->arg[1], n = named[1];

        op->arg[1] = op->arg[2];
        op->arg[2] = t;
        named[1] = named[2];
        named[2] = n;
    }
    if (fold_constants(o, op)) {
        /* done */
    } else if (has_cond) {
        simplify_condition(o, op, named);
    } else if (op->opc == IRO_ext) {
        simplify_ext(o, op, named[1]);
    } else if (op->opc == IRO_trunc) {
        set_copy(o, op->arg[0], op->arg[1]);
    } else if (op->nin == 2 && op->nout == 1 && !(ir_def(op)->flags & OPF_SIDE)) {
        if (is_const_temp(o->ir, op->arg[2])) {
            simplify_with_const(o, op, named[1]);
        } else if (op->arg[1] == op->arg[2]) {
            simplify_same_operands(o, op, named[1]);
        }
    }
    if (op->opc == IRO_mov) {
        note_mov(o, op, op->nin ? named[1] : op->arg[1]);
        return;
    }
    note_width(o, op);
    for (unsigned i = 0; i < op->nout; i++) {
        if (is_mutable(o->ir, op->arg[i])) {
            forget(o, op->arg[i]);
        }
    }
    if (op->opc == IRO_label) {
        forget_all(o);
    } else if (ir_op_writes_globals(op)) {
        forget_globals(o);
    }
}

void ir_optimize(IrContext *ir)
{
    static GPrivate scratch = G_PRIVATE_INIT(g_free);
    Optimizer *o = tcg_scratch(&scratch, sizeof(*o));

    o->ir = ir;
    for (unsigned t = 0; t < IR_MAX_TEMPS && t < ir->n_temps + 256; t++) {
        o->copy[t].of = IR_NONE;
        o->version[t] = 0;
        o->width[t] = 0;
    }
    for (unsigned i = 0; i < ir->n_ops && !ir->overflow; i++) {
        if (ir->n_temps > IR_MAX_TEMPS - 8) {
            break;
        }
        optimize_op(o, &ir->ops[i]);
    }
}
