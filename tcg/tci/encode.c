/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A block's operation list to byte code. One walk: locals get a frame slot when they are defined and give it back where
 * they die; variables keep theirs, since every path to a label must agree on it. Labels and large constants are filled
 * in at the end.
 */
#include "qemu/osdep.h"
#include "tci/tci.h"

#define MAX_POOL 1024

typedef struct Fix {
    uint32_t at;                /* word to fill in */
    uint32_t what;              /* label, number of the constant, or exit */
} Fix;

typedef struct Encoder {
    IrContext *ir;
    TcgCode *code;
    uint32_t *p;                /* words so far */
    uint32_t n, max;
    bool full, too_complex;
    uint64_t insn_eip;
    int16_t slot[IR_MAX_TEMPS];
    bool slot_used[TCI_NUM_SLOTS];
    uint32_t label_at[IR_MAX_LABELS];
    Fix label_fix[IR_MAX_OPS], pool_fix[IR_MAX_OPS * 4];
    unsigned n_label_fix, n_pool_fix, n_pool;
    uint64_t pool[MAX_POOL];
    struct { unsigned exit; uint64_t eip; } stubs[IR_MAX_EXITS];
    unsigned n_stubs;
} Encoder;

static void word(Encoder *e, uint32_t w)
{
    if (e->n >= e->max) {
        e->full = true;
        return;
    }
    e->p[e->n++] = w;
}

static void word64(Encoder *e, uint64_t v)
{
    word(e, (uint32_t)v);
    word(e, (uint32_t)(v >> 32));
}

static void head(Encoder *e, const IrOp *op, unsigned opc, unsigned imm)
{
    word(e, tci_pack((TciHead) {
        .opc = (uint8_t)opc, .is64 = op->type == IR_I64, .cmp64 = op->ctype == IR_I64, .cond = op->cond,
        .imm = (uint16_t)imm,
    }));
}

/* Before the head. What is noted is the word behind it, which run.c keeps in host_pc: never the block's first byte. */
static void note_restore(Encoder *e)
{
    if (e->code->n_restore == ARRAY_SIZE(e->code->restore)) {
        e->too_complex = true;
        return;
    }
    e->code->restore[e->code->n_restore++] = (TcgRestore) {
        .code_off = (e->n + 1) * 4, .eip_delta = (int16_t)(e->insn_eip - e->code->eip),
    };
}

/* ---- arguments ---- */

static unsigned slot_of(Encoder *e, IrTemp t)
{
    for (int i = 0; e->slot[t] < 0 && i < TCI_NUM_SLOTS; i++) {
        if (!e->slot_used[i]) {
            e->slot_used[i] = true;
            e->slot[t] = (int16_t)i;
        }
    }
    if (e->slot[t] < 0) {
        e->too_complex = true;
        return 0;
    }
    return (unsigned)e->slot[t];
}

static void release(Encoder *e, IrTemp t)
{
    if (e->ir->temps[t].kind == IRT_LOCAL && e->slot[t] >= 0) {
        e->slot_used[e->slot[t]] = false;
        e->slot[t] = -1;
    }
}

static void constant(Encoder *e, int64_t v)
{
    unsigned i = 0;

    if (v >= -(1 << 28) && v < 1 << 28) {
        word(e, (uint32_t)v << 3 | TCI_ARG_IMM);
        return;
    }
    while (i < e->n_pool && e->pool[i] != (uint64_t)v) {
        i++;
    }
    if (i == MAX_POOL || e->n_pool_fix == ARRAY_SIZE(e->pool_fix)) {
        e->too_complex = true;
        return;
    }
    e->pool[i] = (uint64_t)v;
    e->n_pool = MAX(e->n_pool, i + 1);
    e->pool_fix[e->n_pool_fix++] = (Fix) { e->n, i };
    word(e, TCI_ARG_POOL);
}

static void argument(Encoder *e, IrTemp t)
{
    const IrTempInfo *ti = &e->ir->temps[t];

    switch ((IrTempKind)ti->kind) {
    case IRT_GLOBAL: word(e, ti->off << 3 | (ti->type == IR_I32 ? TCI_ARG_ENV32 : TCI_ARG_ENV64)); break;
    case IRT_CONST: constant(e, ti->val); break;
    case IRT_LOCAL: case IRT_VAR: word(e, (slot_of(e, t) * 8) << 3 | TCI_ARG_SLOT); break;
    }
}

/* Results come first in the code, but only after operands that die here have left their slots. */
static void arguments(Encoder *e, const IrOp *op)
{
    uint32_t operands[IR_MAX_ARGS], at = e->n;

    if (e->n + IR_MAX_ARGS > e->max) {
        e->full = true;
        return;
    }

    for (unsigned i = op->nout; i < op->nout + op->nin; i++) {
        argument(e, op->arg[i]);
        operands[i] = e->p[e->n - 1];
    }
    for (unsigned i = 0; i < e->n_pool_fix; i++) {          /* fixes of these operands move with them */
        e->pool_fix[i].at += e->pool_fix[i].at >= at ? op->nout : 0u;
    }
    for (unsigned i = op->nout; i < op->nout + op->nin; i++) {
        if (op->dies >> i & 1) {
            release(e, op->arg[i]);
        }
    }
    e->n = at;
    for (unsigned i = 0; i < op->nout; i++) {
        argument(e, op->arg[i]);
    }
    for (unsigned i = op->nout; i < op->nout + op->nin; i++) {
        word(e, operands[i]);
    }
}

static void results_unused(Encoder *e, const IrOp *op)
{
    for (unsigned i = 0; i < op->nout; i++) {
        if (op->dies >> i & 1) {
            release(e, op->arg[i]);
        }
    }
}

/* ---- operations ---- */

static void encode_scalar(Encoder *e, const IrOp *op)
{
    head(e, op, op->opc, (unsigned)op->c[0]);       /* a field or IrExt, where there is one */
    arguments(e, op);
}

static void encode_insn_start(Encoder *e, const IrOp *op)
{
    e->insn_eip = op->c[0];
}

static void branch_distance(Encoder *e, unsigned label)
{
    e->label_fix[e->n_label_fix++] = (Fix) { e->n, label };
    word(e, 0);
}

static void encode_label(Encoder *e, const IrOp *op)
{
    e->label_at[op->slot] = e->n;
}

static void encode_branch(Encoder *e, const IrOp *op)
{
    head(e, op, op->opc, 0);
    arguments(e, op);
    branch_distance(e, op->slot);
}

static void encode_state(Encoder *e, const IrOp *op)
{
    head(e, op, op->opc, (unsigned)op->c[1]);
    arguments(e, op);
    word(e, (uint32_t)op->c[0]);
}

static void encode_memory(Encoder *e, const IrOp *op)
{
    IrOp o = *op;

    if (op->opc == IRO_atomic_rmw) {
        o.cond = (uint8_t)(op->c[0] >> 32);
    }
    note_restore(e);
    head(e, &o, op->opc, (unsigned)(op->c[0] & 0xffff));
    arguments(e, op);
    if (op->opc == IRO_gldv || op->opc == IRO_gstv) {
        word(e, (uint32_t)op->c[1]);
    }
}

static void encode_chain(Encoder *e, const IrOp *op)
{
    if (e->code->leave) {
        head(e, op, IRO_exit_loop_at, 0);
        word64(e, op->c[0]);
        return;
    }
    if (op->pos & IR_EXIT_CROSS) {
        head(e, op, TCI_CROSS, op->pos);
    } else {
        head(e, op, TCI_CHAIN, op->pos);
        e->code->exits[op->slot].patch_off = e->n * 4;
        e->stubs[e->n_stubs].exit = op->slot;
        e->stubs[e->n_stubs++].eip = op->c[0];
        word(e, 0);
    }
    word64(e, op->c[0]);
}

/* Its exit follows it, and is what runs when the check fails. */
static void encode_check(Encoder *e, const IrOp *op)
{
    IrOp leave = { .opc = IRO_exit_chain, .slot = op->slot };
    uint32_t at;

    leave.c[0] = e->insn_eip;
    head(e, op, op->opc, (unsigned)(op->c[0] & 0xffff));
    arguments(e, op);
    word64(e, op->c[1]);
    at = e->n;
    word(e, 0);
    encode_chain(e, &leave);
    e->code->exits[op->slot].plain = true;
    if (!e->full) {
        e->p[at] = e->n - (at + 1);
    }
}

static void encode_host_access(Encoder *e, const IrOp *op)
{
    head(e, op, op->opc, (unsigned)(op->c[0] & 0xffff));
    arguments(e, op);
    word(e, (uint32_t)op->c[1]);
}

static void encode_fence(Encoder *e, const IrOp *op)
{
    head(e, op, op->opc, 0);
}

static void encode_vzup(Encoder *e, const IrOp *op)
{
    head(e, op, op->opc, op->pos);
}

static void encode_vec(Encoder *e, const IrOp *op)
{
    head(e, op, op->opc, op->pos);
    word64(e, op->c[0]);
    word64(e, op->c[1]);
}

/* Vectors with other values than offsets: the length is the field for conditions. */
static void encode_vex(Encoder *e, const IrOp *op)
{
    IrOp o = *op;

    o.cond = op->opc == IRO_vput ? (uint8_t)op->slot : op->slot == 32;
    head(e, &o, op->opc, op->pos);
    arguments(e, op);
    word64(e, op->c[0]);
    word64(e, op->c[1]);
    if (op->opc == IRO_vex) {
        word64(e, op->c[2]);
    }
}

static void encode_call(Encoder *e, const IrOp *op)
{
    IrOp o = *op;

    o.cond = TCI_CALL_COND(op->nout, op->nin);
    note_restore(e);
    head(e, &o, op->opc, op->pos);
    arguments(e, op);
    word64(e, op->c[0]);
}

static void encode_chain_if(Encoder *e, const IrOp *op)
{
    uint32_t at;

    head(e, op, TCI_SKIP_UNLESS, 0);
    arguments(e, op);
    at = e->n;
    word(e, 0);
    encode_chain(e, op);
    if (!e->full) {
        e->p[at] = e->n - (at + 1);
    }
}

static void encode_jump(Encoder *e, const IrOp *op)
{
    note_restore(e);
    head(e, op, op->opc, e->code->leave);
    arguments(e, op);
}

static void encode_leave(Encoder *e, const IrOp *op)
{
    head(e, op, op->opc, op->pos && !e->code->leave);
    word64(e, op->c[0]);
}

typedef void EncodeFn(Encoder *e, const IrOp *op);
static EncodeFn *const encoders[IRO__COUNT] = {     /* NULL: encode_scalar */
    [IRO_insn_start] = encode_insn_start, [IRO_label] = encode_label, [IRO_br] = encode_branch,
    [IRO_brcond] = encode_branch,
    [IRO_ld] = encode_state, [IRO_st] = encode_state, [IRO_gld] = encode_memory, [IRO_gst] = encode_memory,
    [IRO_gldv] = encode_memory, [IRO_gstv] = encode_memory, [IRO_atomic_rmw] = encode_memory,
    [IRO_atomic_cas] = encode_memory,
    [IRO_gchk] = encode_check, [IRO_hld] = encode_host_access, [IRO_hst] = encode_host_access,
    [IRO_fence] = encode_fence, [IRO_vzup] = encode_vzup, [IRO_vec] = encode_vec,
    [IRO_vex] = encode_vex, [IRO_vget] = encode_vex, [IRO_vput] = encode_vex, [IRO_call] = encode_call,
    [IRO_exit_chain] = encode_chain, [IRO_exit_chain_if] = encode_chain_if, [IRO_exit_jump] = encode_jump,
    [IRO_exit_loop] = encode_leave, [IRO_exit_loop_at] = encode_leave,
};

/* ---- the block ---- */

static void encode_stubs(Encoder *e)
{
    static const IrOp none = { .opc = IRO_exit_loop };

    for (unsigned i = 0; i < e->n_stubs; i++) {
        TcgExit *x = &e->code->exits[e->stubs[i].exit];

        x->stub_off = e->n * 4;
        if (!e->full) {
            e->p[x->patch_off / 4] = x->stub_off - x->patch_off;
        }
        head(e, &none, TCI_STUB, 0);
        word64(e, e->stubs[i].eip);
        word64(e, e->code->cookies + e->stubs[i].exit * e->code->cookie_stride);
    }
}

static void encode_pool(Encoder *e)
{
    word(e, TCI_END);
    if (e->n & 1) {
        word(e, TCI_END);                                   /* constants are aligned as the block is */
    }
    for (unsigned i = 0; i < e->n_pool_fix && !e->full; i++) {
        e->p[e->pool_fix[i].at] = (e->n * 4 + 8 * e->pool_fix[i].what) << 3 | TCI_ARG_POOL;
    }
    for (unsigned i = 0; i < e->n_pool && e->n + 2 <= e->max; i++) {
        memcpy(&e->p[e->n], &e->pool[i], 8);
        e->n += 2;
    }
    e->full |= e->n + 2 > e->max;
}

static void fill_branches(Encoder *e)
{
    for (unsigned i = 0; i < e->n_label_fix; i++) {
        e->p[e->label_fix[i].at] = e->label_at[e->label_fix[i].what] - e->label_fix[i].at;
    }
}

bool tcg_backend_generate(IrContext *ir, TcgCode *code, bool *too_complex)
{
    static GPrivate scratch = G_PRIVATE_INIT(g_free);
    Encoder *e = tcg_scratch(&scratch, sizeof(*e));

    assert(!((uintptr_t)code->rw & 7));
    e->ir = ir;
    e->code = code;
    e->p = (uint32_t *)(void *)code->rw;
    e->n = e->n_label_fix = e->n_pool_fix = e->n_pool = e->n_stubs = 0;
    e->max = (uint32_t)(code->capacity / 4);
    e->full = e->too_complex = false;
    e->insn_eip = code->eip;
    memset(e->slot, 0xff, ir->n_temps * sizeof(e->slot[0]));
    memset(e->slot_used, 0, sizeof(e->slot_used));
    code->n_restore = 0;
    memset(code->exits, 0, ir->n_exits * sizeof(code->exits[0]));
    for (unsigned i = 0; i < ir->n_ops && !e->full && !e->too_complex; i++) {
        const IrOp *op = &ir->ops[i];

        (encoders[op->opc] ? encoders[op->opc] : encode_scalar)(e, op);
        results_unused(e, op);
    }
    encode_stubs(e);
    encode_pool(e);
    *too_complex = e->too_complex;
    if (e->full || e->too_complex) {
        return false;
    }
    fill_branches(e);
    code->size = e->n * 4;
    return true;
}
