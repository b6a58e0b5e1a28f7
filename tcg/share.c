/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One TLB check for many accesses.
 *
 * Stack frames, structures and unrolled loops reach memory through few registers at nearby displacements. Accesses of a
 * block whose addresses differ by constants form a group; one `gchk` at the start of the first member's instruction
 * makes sure that the whole range lies in one page of plain memory that may be accessed so, and yields a host address.
 * The members become loads and stores that cannot fault, which also frees the flags from being recoverable at each of
 * them.
 *
 *      ---- 0x1000                         ---- 0x1000
 *      t1 = add rsi, 8                     h = gchk rsi + 0 .. 72          (else leave, eip 0x1000, plain variant)
 *      rax = gld t1              =>        rax = hld h, 8
 *      ---- 0x1004                         ---- 0x1004
 *      t2 = add rsi, 64                    hst h, 64, rax
 *      gst t2, rax
 *
 * When the check fails nothing of its instruction has happened: the exit leads to a variant of the block that starts
 * there and is translated without this pass, so faults and I/O stay exact.
 *
 * A group ends where the TLB may change under it: at labels and at calls that are not pure.
 */
#include "qemu/osdep.h"
#include "tcg-internal.h"

#define MAX_RANGE    2048
#define MAX_GROUPS   32

/* The value of a temp as root + off; equal roots are equal values. */
typedef struct Expr {
    uint32_t root;
    int64_t off;
} Expr;

typedef struct Group {
    uint32_t root;
    int64_t lo, hi;             /* bytes [lo, hi) relative to the root */
    unsigned mmu;
    unsigned start;             /* index of the insn_start it is checked at */
    IrTemp base;                /* global with a known distance to the root there */
    int64_t base_off;
    unsigned members;
    bool write, open;
    IrTemp host;                /* result of the gchk */
} Group;

typedef struct Sharer {
    IrContext *ir;
    Expr expr[IR_MAX_TEMPS];
    Expr at_insn[IR_MAX_GLOBALS];       /* of globals, at the current insn_start */
    uint32_t next_root;
    unsigned insn;                      /* index of the current insn_start */
    bool insn_valid;                    /* there is one, with no barrier since */
    Group groups[MAX_GROUPS];
    unsigned n_groups;
    uint8_t group_of[IR_MAX_OPS];       /* 0 none, else number + 1 */
    int64_t off[IR_MAX_OPS];            /* of a member, from its root */
    IrOp out[IR_MAX_OPS];
} Sharer;

static bool is_access(const IrOp *op)
{
    return op->opc == IRO_gld || op->opc == IRO_gst;
}

static IrTemp address_of(const IrOp *op)
{
    return op->arg[op->nout];
}

static bool is_write(const IrOp *op)
{
    return op->opc == IRO_gst || (op->c[0] & IR_MO_RMW);
}

static bool is_barrier(const IrOp *op)
{
    return op->opc == IRO_label || (ir_op_is_call(op) && (ir_op_helper(op)->flags & ~IR_CALL_STATE) != IR_CALL_PURE);
}

static void define(Sharer *s, const IrOp *op)
{
    const IrContext *ir = s->ir;
    int64_t k;

    for (unsigned i = 0; i < op->nout; i++) {
        s->expr[op->arg[i]] = (Expr) { s->next_root++, 0 };
    }
    if (op->nout != 1 || op->type != IR_I64) {
        return;
    }
    if (op->opc == IRO_mov && ir->temps[op->arg[1]].type == IR_I64 && ir->temps[op->arg[1]].kind != IRT_CONST) {
        s->expr[op->arg[0]] = s->expr[op->arg[1]];
    } else if ((op->opc == IRO_add || op->opc == IRO_sub) && ir->temps[op->arg[2]].kind == IRT_CONST
               && ir->temps[op->arg[1]].type == IR_I64) {
        Expr e = s->expr[op->arg[1]];

        k = ir->temps[op->arg[2]].val;
        if (k > -(1ll << 30) && k < 1ll << 30) {
            e.off += op->opc == IRO_add ? k : -k;
            s->expr[op->arg[0]] = e;
        }
    }
}

static bool joins(const Group *g, const Expr *e, unsigned size, unsigned mmu)
{
    int64_t lo = MIN(g->lo, e->off), hi = MAX(g->hi, e->off + size);

    return g->open && g->root == e->root && g->mmu == mmu && hi - lo <= MAX_RANGE;
}

/* A global that is root + something when the instruction starts: what the check computes the address from. */
static IrTemp find_base(const Sharer *s, uint32_t root)
{
    for (IrTemp t = 0; t < s->ir->n_globals; t++) {
        if (s->ir->temps[t].pin >= 0 && s->at_insn[t].root == root) {
            return t;
        }
    }
    return IR_NONE;
}

static void add_access(Sharer *s, unsigned index)
{
    const IrOp *op = &s->ir->ops[index];
    const Expr *e = &s->expr[address_of(op)];
    unsigned size = ir_mo_bytes((IrMemOp)op->c[0]), mmu = ir_mo_mmu((IrMemOp)op->c[0]);
    IrTemp base;
    Group *g;

    if (op->c[0] & IR_MO_ALIGN) {
        return;
    }
    s->off[index] = e->off;
    for (unsigned i = 0; i < s->n_groups; i++) {
        g = &s->groups[i];
        if (joins(g, e, size, mmu)) {
            g->lo = MIN(g->lo, e->off);
            g->hi = MAX(g->hi, e->off + size);
            g->write |= is_write(op);
            g->members++;
            s->group_of[index] = i + 1;
            return;
        }
    }
    base = s->insn_valid ? find_base(s, e->root) : IR_NONE;
    if (base == IR_NONE || s->n_groups == MAX_GROUPS) {
        return;
    }
    s->groups[s->n_groups] = (Group) {
        .root = e->root, .lo = e->off, .hi = e->off + size, .mmu = mmu, .start = s->insn, .base = base,
        .base_off = s->at_insn[base].off, .members = 1, .write = is_write(op), .open = true,
    };
    s->group_of[index] = ++s->n_groups;
}

static void collect(Sharer *s)
{
    IrContext *ir = s->ir;

    for (unsigned i = 0; i < ir->n_ops; i++) {
        const IrOp *op = &ir->ops[i];

        s->group_of[i] = 0;
        if (op->opc == IRO_insn_start && op->slot != IR_DROPPED) {
            s->insn = i;
            s->insn_valid = true;
            memcpy(s->at_insn, s->expr, ir->n_globals * sizeof(Expr));
        } else if (is_access(op)) {
            add_access(s, i);
        }
        define(s, op);
        if (is_barrier(op)) {
            for (unsigned g = 0; g < s->n_groups; g++) {
                s->groups[g].open = false;
            }
            s->insn_valid = false;
            if (op->opc == IRO_label || ir_op_writes_globals(op)) {
                for (IrTemp t = 0; t < ir->n_globals; t++) {
                    s->expr[t] = (Expr) { s->next_root++, 0 };
                }
            }
        }
    }
}

static void emit_check(Sharer *s, Group *g, unsigned *n)
{
    IrContext *ir = s->ir;
    IrOp *op = &s->out[(*n)++];

    g->host = ir->n_temps++;
    ir->temps[g->host] = (IrTempInfo) { .kind = IRT_LOCAL, .type = IR_I64, .pin = -1, .pin_order = -1 };
    *op = (IrOp) {
        .opc = IRO_gchk, .type = IR_I64, .ctype = IR_I64, .nout = 1, .nin = 1, .slot = (uint16_t)ir->n_exits++
    };
    op->arg[0] = g->host;
    op->arg[1] = g->base;
    op->c[0] = IR_MO_MMU(g->mmu) | (g->write ? IR_MO_RMW : 0);
    op->c[1] = (uint32_t)(g->lo - g->base_off) | (uint64_t)(g->hi - g->lo) << 32;
}

static void rewrite(Sharer *s)
{
    IrContext *ir = s->ir;
    unsigned n = 0;

    for (unsigned i = 0; i < ir->n_ops; i++) {
        const Group *member_of = s->group_of[i] ? &s->groups[s->group_of[i] - 1] : NULL;
        IrOp *op = &s->out[n++];

        *op = ir->ops[i];
        if (member_of && member_of->members > 1) {
            op->c[1] = (uint64_t)(s->off[i] - member_of->lo);
            op->arg[op->nout] = member_of->host;
            op->opc = op->opc == IRO_gld ? IRO_hld : IRO_hst;
        }
        for (unsigned g = 0; g < s->n_groups; g++) {
            if (s->groups[g].start == i && s->groups[g].members > 1) {
                emit_check(s, &s->groups[g], &n);
            }
        }
    }
    memcpy(ir->ops, s->out, n * sizeof(IrOp));
    ir->n_ops = n;
}

void ir_share_checks(IrContext *ir)
{
    static GPrivate scratch = G_PRIVATE_INIT(g_free);
    Sharer *s = tcg_scratch(&scratch, sizeof(*s));
    unsigned useful = 0;

    s->ir = ir;
    s->n_groups = 0;
    s->insn_valid = false;
    s->next_root = IR_MAX_TEMPS;
    for (unsigned t = 0; t < ir->n_temps; t++) {
        s->expr[t] = (Expr) { t, 0 };
    }
    collect(s);
    for (unsigned i = 0; i < s->n_groups; i++) {
        useful += s->groups[i].members > 1;
    }
    if (useful && ir->n_ops + useful < IR_MAX_OPS && ir->n_temps + useful < IR_MAX_TEMPS - 1
        && ir->n_exits + useful < IR_MAX_EXITS) {
        rewrite(s);
    }
}
