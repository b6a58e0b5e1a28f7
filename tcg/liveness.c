/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Backward pass: drops operations whose results nobody needs and marks where each value dies.
 *
 * Globals are needed at every exit (but those the exit declares dead), at every operation that may fault or leave, and
 * by helpers that read them. A flag-setting instruction followed by another before any of these costs nothing for that
 * reason.
 */
#include "qemu/osdep.h"
#include "tcg-internal.h"

typedef struct Liveness {
    IrContext *ir;
    bool live[IR_MAX_TEMPS];
} Liveness;

static void globals_live(Liveness *l, uint64_t dead)
{
    for (IrTemp t = 0; t < l->ir->n_globals; t++) {
        l->live[t] |= !(dead >> t & 1);
    }
}

static void vars_live(Liveness *l, bool live)
{
    if (!l->ir->n_vars) {
        return;
    }
    for (IrTemp t = l->ir->n_globals; t < l->ir->n_temps; t++) {
        if (l->ir->temps[t].kind == IRT_VAR) {
            l->live[t] = live;
        }
    }
}

static void at_end(Liveness *l, const IrOp *op)
{
    memset(l->live, 0, l->ir->n_temps);
    globals_live(l, op->opc == IRO_exit_chain || op->opc == IRO_exit_jump ? op->c[1] : 0);
    if (op->opc == IRO_br) {
        vars_live(l, true);
    }
}

static bool results_unused(const Liveness *l, const IrOp *op)
{
    if (!op->nout) {
        return false;
    }
    for (unsigned i = 0; i < op->nout; i++) {
        if (l->live[op->arg[i]]) {
            return false;
        }
    }
    return true;
}

static bool removable(const Liveness *l, const IrOp *op)
{
    if (op->opc == IRO_insn_start) {
        return op->slot == IR_DROPPED;
    }
    if (ir_op_is_call(op)) {
        return (ir_op_helper(op)->flags & IR_CALL_NO_SIDE || ir_op_helper(op)->flags == IR_CALL_PURE) &&
               results_unused(l, op);
    }
    return (!(ir_def(op)->flags & OPF_SIDE) && results_unused(l, op)) ||
           (op->opc == IRO_mov && op->arg[0] == op->arg[1]);
}

/* Returns false when the operation goes. */
static bool visit(Liveness *l, IrOp *op)
{
    op->dies = 0;
    if (ir_op_ends(op)) {
        at_end(l, op);
    } else if (removable(l, op)) {
        return false;
    } else if (op->opc == IRO_label || op->opc == IRO_brcond) {
        globals_live(l, 0);
        vars_live(l, true);
    }
    for (unsigned i = 0; i < op->nout; i++) {
        if (!l->live[op->arg[i]]) {
            op->dies |= 1u << i;
        }
        l->live[op->arg[i]] = false;
    }
    if (op->opc == IRO_exit_chain_if) {
        globals_live(l, op->c[1]);
    } else if (ir_op_observes(op)) {
        globals_live(l, 0);
    }
    for (unsigned i = op->nout; i < op->nout + op->nin; i++) {
        if (!l->live[op->arg[i]]) {
            op->dies |= 1u << i;
        }
        l->live[op->arg[i]] = true;
    }
    return true;
}

/* Nothing runs between the end of control flow and the next label. */
static void drop_unreachable(IrContext *ir)
{
    unsigned out = 0;
    bool reachable = true;

    for (unsigned i = 0; i < ir->n_ops; i++) {
        if (ir->ops[i].opc == IRO_label) {
            reachable = true;
        }
        if (reachable) {
            ir->ops[out++] = ir->ops[i];
            reachable = !ir_op_ends(&ir->ops[i]);
        }
    }
    ir->n_ops = out;
}

void ir_liveness(IrContext *ir)
{
    static GPrivate scratch = G_PRIVATE_INIT(g_free);
    Liveness *l = tcg_scratch(&scratch, sizeof(*l));
    unsigned first = ir->n_ops;

    if (ir->has_labels) {
        drop_unreachable(ir);
        first = ir->n_ops;
    }
    l->ir = ir;
    memset(l->live, 0, ir->n_temps);
    for (unsigned i = ir->n_ops; i-- > 0;) {
        IrOp op = ir->ops[i];

        if (visit(l, &op)) {
            ir->ops[--first] = op;
        }
    }
    ir->n_ops -= first;
    memmove(ir->ops, ir->ops + first, ir->n_ops * sizeof(IrOp));
}
