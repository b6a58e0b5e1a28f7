/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Results go straight to their global.
 *
 *      t = add rax, rbx             rax = add rax, rbx
 *      ...                    =>    ...
 *      rax = mov t                  t = mov rax          (dies in the liveness pass when t has no other use)
 *
 * Allowed when nothing in between reads or writes the global, nor could observe it (a fault, an exit, a call).
 * Only pinned globals gain: the others' values move to them without host code.
 */
#include "qemu/osdep.h"
#include "tcg-internal.h"

static bool mentions(const IrOp *op, IrTemp t)
{
    for (unsigned i = 0; i < op->nout + op->nin; i++) {
        if (op->arg[i] == t) {
            return true;
        }
    }
    return false;
}

static bool is_barrier(const IrOp *op)
{
    return ir_op_observes(op) || op->opc == IRO_label || op->opc == IRO_brcond || ir_op_ends(op);
}

static void rename_uses(IrOp *op, IrTemp from, IrTemp to)
{
    for (unsigned i = op->nout; i < op->nout + op->nin; i++) {
        if (op->arg[i] == from) {
            op->arg[i] = to;
        }
    }
}

static void try_coalesce(IrContext *ir, unsigned def, unsigned mov)
{
    IrOp *d = &ir->ops[def], *m = &ir->ops[mov];
    IrTemp global = m->arg[0], local = m->arg[1];

    for (unsigned i = def + 1; i < mov; i++) {
        if (is_barrier(&ir->ops[i]) || mentions(&ir->ops[i], global)) {
            return;
        }
    }
    for (unsigned i = 0; i < d->nout; i++) {
        if (d->arg[i] == global) {
            return;
        }
    }
    for (unsigned i = 0; i < d->nout; i++) {
        if (d->arg[i] == local) {
            d->arg[i] = global;
        }
    }
    for (unsigned i = def + 1; i < mov; i++) {
        rename_uses(&ir->ops[i], local, global);
    }
    m->arg[0] = local;
    m->arg[1] = global;
}

void ir_coalesce(IrContext *ir)
{
    static __thread uint16_t def_at[IR_MAX_TEMPS];

    for (unsigned i = 0; i < ir->n_ops; i++) {
        IrOp *op = &ir->ops[i];

        if (op->opc == IRO_mov && ir->temps[op->arg[0]].kind == IRT_GLOBAL && ir->temps[op->arg[0]].pin >= 0
            && ir->temps[op->arg[1]].kind == IRT_LOCAL) {
            unsigned def = def_at[op->arg[1]];
            const IrOp *d = &ir->ops[def];

            if (d->opc != IRO_trunc && d->opc != IRO_mov && i - def < 64) {
                try_coalesce(ir, def, i);
            }
        }
        for (unsigned k = 0; k < op->nout; k++) {
            def_at[op->arg[k]] = i;
        }
    }
}
