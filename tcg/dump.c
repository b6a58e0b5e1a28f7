/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IR as text: -d op, -d op_opt, and what tests compare. */
#include "qemu/osdep.h"
#include "tcg-internal.h"

const char *ir_cond_name(IrCond c)
{
    static const char *const names[IR_COND__COUNT] = {
        "eq", "ne", "lt", "ge", "le", "gt", "ltu", "geu", "leu", "gtu", "tsteq", "tstne",
    };
    return names[c];
}

static const char *type_name(unsigned type)
{
    return type == IR_I32 ? ".i32" : ".i64";
}

static void dump_temp(const IrContext *ir, GString *s, IrTemp t)
{
    const IrTempInfo *ti = &ir->temps[t];

    switch ((IrTempKind)ti->kind) {
    case IRT_GLOBAL: g_string_append(s, ti->name); break;
    case IRT_CONST: g_string_append_printf(s, "$0x%" PRIx64, (uint64_t)ti->val); break;
    case IRT_VAR: g_string_append_printf(s, "v%u", t - ir->n_globals); break;
    case IRT_LOCAL: g_string_append_printf(s, "t%u", t - ir->n_globals); break;
    }
}

static void dump_memop(GString *s, IrMemOp mo)
{
    static const char *const sizes[] = { "8", "16", "32", "64", "128", "256" };

    g_string_append_printf(s, ",%s%s%s%s,mmu%u", mo & IR_MO_SIGN ? "s" : "u", sizes[mo & IR_MO_SIZE],
                           mo & IR_MO_RMW ? "+rmw" : "", mo & IR_MO_ALIGN ? "+align" : "", ir_mo_mmu(mo));
}

static void dump_exit(GString *s, const IrOp *op)
{
    g_string_append_printf(s, " #%u eip=0x%" PRIx64 "%s%s", op->slot, op->c[0], op->pos & IR_EXIT_LOOP ? " loop" : "",
                           op->pos & IR_EXIT_CROSS ? " cross" : "");
    if (op->c[1]) {
        g_string_append_printf(s, " dead=0x%" PRIx64, op->c[1]);
    }
}

static void dump_vector(GString *s, const IrOp *op)
{
    const IrVecOp *v = (const IrVecOp *)(uintptr_t)op->c[0];

    g_string_append_printf(s, "%s%s,env+0x%x,env+0x%x", op->opc == IRO_vget || op->opc == IRO_vput ? "," : " ", v->name,
                           (unsigned)op->c[1], (unsigned)(op->c[1] >> 32));
    if (op->opc == IRO_vex) {
        g_string_append_printf(s, ",env+0x%x", (unsigned)op->c[2]);
        if (v->reads_c) {
            g_string_append_printf(s, ",env+0x%x", (unsigned)(op->c[2] >> 32));
        }
    }
    g_string_append_printf(s, ",%u", op->pos);
    if (op->opc == IRO_vput && op->slot) {
        g_string_append(s, ",zero");
    } else if (op->opc == IRO_vex || op->opc == IRO_vget) {
        g_string_append_printf(s, ",%u bytes", op->slot);
    }
}

static void dump_extra(const IrContext *ir, GString *s, const IrOp *op)
{
    static const char *const exts[] = { "u8", "s8", "u16", "s16", "u32", "s32" };

    switch (op->opc) {
    case IRO_ext: g_string_append_printf(s, ",%s", exts[op->c[0]]); break;
    case IRO_deposit: case IRO_extract: case IRO_sextract:
        g_string_append_printf(s, ",%u,%u", (unsigned)(op->c[0] & 0xff), (unsigned)(op->c[0] >> 8));
        break;
    case IRO_setcond: case IRO_movcond:
        g_string_append_printf(s, ",%s%s", ir_cond_name((IrCond)op->cond),
                               op->ctype == op->type ? "" : type_name(op->ctype));
        break;
    case IRO_brcond: g_string_append_printf(s, ",%s,L%u", ir_cond_name((IrCond)op->cond), op->slot); break;
    case IRO_br: case IRO_label: g_string_append_printf(s, " L%u", op->slot); break;
    case IRO_ld: case IRO_st: g_string_append_printf(s, ",env+0x%" PRIx64 ",%u", op->c[0], 8u << (op->c[1] & 7)); break;
    case IRO_gchk:
        g_string_append_printf(s, ",%d,%u", (int32_t)op->c[1], (unsigned)(op->c[1] >> 32));
        dump_memop(s, (IrMemOp)op->c[0]);
        break;
    case IRO_hld: case IRO_hst:
        g_string_append_printf(s, ",+%" PRIu64, op->c[1]);
        dump_memop(s, (IrMemOp)op->c[0]);
        break;
    case IRO_gld: case IRO_gst: case IRO_atomic_rmw: case IRO_atomic_cas:
        dump_memop(s, (IrMemOp)op->c[0]);
        break;
    case IRO_gldv: case IRO_gstv:
        g_string_append_printf(s, ",env+0x%x", (unsigned)op->c[1]);
        dump_memop(s, (IrMemOp)op->c[0]);
        break;
    case IRO_vzup: g_string_append_printf(s, " %u", op->pos); break;
    case IRO_vec: case IRO_vex: case IRO_vget: case IRO_vput: dump_vector(s, op); break;
    case IRO_exit_chain: dump_exit(s, op); break;
    case IRO_exit_chain_if: g_string_append_printf(s, ",%s", ir_cond_name((IrCond)op->cond)); dump_exit(s, op); break;
    case IRO_exit_loop: g_string_append(s, op->pos ? " lookup" : ""); break;
    case IRO_exit_loop_at: g_string_append_printf(s, " eip=0x%" PRIx64, op->c[0]); break;
    default: break;
    }
}

static void dump_deaths(const IrContext *ir, GString *s, const IrOp *op)
{
    const char *sep = "    dead: ";

    for (unsigned i = 0; i < op->nout + op->nin; i++) {
        if ((op->dies >> i & 1) && ir->temps[op->arg[i]].kind != IRT_CONST) {
            g_string_append(s, sep);
            dump_temp(ir, s, op->arg[i]);
            sep = " ";
        }
    }
}

void ir_dump(const IrContext *ir, GString *s)
{
    for (unsigned n = 0; n < ir->n_ops; n++) {
        const IrOp *op = &ir->ops[n];

        if (op->opc == IRO_insn_start) {
            if (op->slot != IR_DROPPED) {
                g_string_append_printf(s, " ---- 0x%016" PRIx64 "\n", op->c[0]);
            }
            continue;
        }
        g_string_append_printf(s, " %s", ir_def(op)->name);
        if (op->nout || op->nin) {
            g_string_append(s, type_name(op->opc == IRO_exit_chain_if ? op->ctype : op->type));
        }
        if (ir_op_is_call(op)) {
            g_string_append_printf(s, " %s", ir_op_helper(op)->name);
        }
        for (unsigned i = 0; i < op->nout + op->nin; i++) {
            g_string_append(s, i || ir_op_is_call(op) ? "," : " ");
            dump_temp(ir, s, op->arg[i]);
        }
        dump_extra(ir, s, op);
        dump_deaths(ir, s, op);
        g_string_append_c(s, '\n');
    }
}
