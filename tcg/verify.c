/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The verifier: what every pass may rely on, checked. Debug builds run it on each block, tests on each rule.
 *
 * Two kinds of typing. A list as built has exact types. Passes may let an operation name a temp of the other type as
 * long as its container holds the right bits (tcg-internal.h, "Containers"): then only an I64 operand with garbage
 * above is an error.
 *
 * Control flow goes forward only, so one walk suffices: what is defined at a label is what is defined on all paths to
 * it.
 */
#include "qemu/osdep.h"
#include "tcg-internal.h"

#define MAX_MMU 4       /* TcgEnvLayout.tlb */

/*
 * Types of results, then operands, a letter each: t the operation's, c the comparison's, i I32, l I64, * either.
 * NULL: counts vary (calls).
 */
static const char *const signatures[IRO__COUNT] = {
    [IRO_insn_start] = "", [IRO_label] = "", [IRO_br] = "", [IRO_brcond] = "cc",
    [IRO_mov] = "tt", [IRO_add] = "ttt", [IRO_sub] = "ttt", [IRO_and] = "ttt", [IRO_or] = "ttt", [IRO_xor] = "ttt",
    [IRO_andc] = "ttt", [IRO_mul] = "ttt", [IRO_neg] = "tt", [IRO_not] = "tt", [IRO_shl] = "ttt", [IRO_shr] = "ttt",
    [IRO_sar] = "ttt", [IRO_rotl] = "ttt", [IRO_rotr] = "ttt", [IRO_mulu2] = "tttt", [IRO_muls2] = "tttt",
    [IRO_clz] = "tt",
    [IRO_ctz] = "tt", [IRO_popcnt] = "tt", [IRO_bswap] = "tt", [IRO_ext] = "t*", [IRO_trunc] = "il",
    [IRO_deposit] = "ttt",
    [IRO_extract] = "tt", [IRO_sextract] = "tt", [IRO_setcond] = "icc", [IRO_movcond] = "tcctt",
    [IRO_ld] = "t", [IRO_st] = "t", [IRO_gld] = "tl", [IRO_gst] = "lt",
    [IRO_gchk] = "ll", [IRO_hld] = "tl", [IRO_hst] = "lt", [IRO_gldv] = "l", [IRO_gstv] = "l",
    [IRO_atomic_rmw] = "tlt", [IRO_atomic_cas] = "tltt", [IRO_fence] = "", [IRO_vzup] = "", [IRO_vec] = "",
    [IRO_vex] = "", [IRO_vget] = "t",
    [IRO_vput] = "t", [IRO_call] = NULL,
    [IRO_exit_chain] = "", [IRO_exit_chain_if] = "cc", [IRO_exit_jump] = "l", [IRO_exit_loop] = "",
    [IRO_exit_loop_at] = "",
};

typedef struct Check {
    const IrContext *ir;
    IrTyping typing;
    GString *why;
    unsigned at;                            /* operation being looked at */
    unsigned region;                        /* counts labels: locals belong to one */
    int last_exit;
    bool exit_used[IR_MAX_EXITS];
    bool reachable;
    bool label_set[IR_MAX_LABELS];
    bool label_reached[IR_MAX_LABELS];      /* by a branch so far */
    uint16_t defined_in[IR_MAX_TEMPS];      /* region of a local's definition, 0 none */
    bool var_defined[IR_MAX_TEMPS];
    bool dead[IR_MAX_TEMPS];                /* said to die, not written since */
    GPtrArray *label_vars;                  /* per label: bool per temp, or NULL */
} Check;

static bool QEMU_PRINTF(2, 3) wrong(Check *c, const char *fmt, ...)
{
    va_list ap;

    if (c->why) {
        g_string_append_printf(c->why, "operation %u (%s): ", c->at,
                               c->at < c->ir->n_ops && c->ir->ops[c->at].opc < IRO__COUNT
                                   ? ir_def(&c->ir->ops[c->at])->name : "?");
        va_start(ap, fmt);
        g_string_append_vprintf(c->why, fmt, ap);
        va_end(ap);
    }
    return false;
}

static IrTempKind kind_of(const Check *c, IrTemp t)
{
    return (IrTempKind)c->ir->temps[t].kind;
}

/* ---- types ---- */

static bool may_have_garbage(const IrTempInfo *ti)
{
    return ti->type == IR_I32 && (ti->upper_garbage || ti->kind == IRT_GLOBAL || ti->kind == IRT_VAR);
}

static bool check_type(Check *c, const IrOp *op, unsigned i, unsigned want)
{
    const IrTempInfo *ti = &c->ir->temps[op->arg[i]];

    if (c->typing == IR_TYPES_EXACT) {
        return ti->type == want || wrong(c, "argument %u has the wrong type", i);
    }
    if (i < op->nout) {
        /* A mov copies the container: coalescing leaves some of the wider type. */
        return want == IR_I32 || ti->type == IR_I64 || op->opc == IRO_mov
            || wrong(c, "a 64-bit result goes to a 32-bit value");
    }
    return want == IR_I32 || !may_have_garbage(ti) || wrong(c, "argument %u may have garbage in its upper half", i);
}

static bool check_signature(Check *c, const IrOp *op)
{
    const char *sig = signatures[op->opc];

    if (op->nout != ir_def(op)->nout || op->nin != ir_def(op)->nin) {
        return wrong(c, "%u results and %u operands", op->nout, op->nin);
    }
    assert(strlen(sig) == (size_t)op->nout + op->nin);
    for (unsigned i = 0; sig[i]; i++) {
        unsigned want = sig[i] == 't' ? op->type : sig[i] == 'c' ? op->ctype : sig[i] == 'i' ? IR_I32 : IR_I64;

        if (sig[i] != '*' && !check_type(c, op, i, want)) {
            return false;
        }
    }
    return true;
}

static bool check_call(Check *c, const IrOp *op)
{
    const IrHelper *h = ir_op_helper(op);

    if (!h || !h->fn || h->nargs > 5) {
        return wrong(c, "no such helper");
    }
    if (op->nin != h->nargs || op->nout != (h->ret >= 0)) {
        return wrong(c, "%u results and %u operands do not suit '%s'", op->nout, op->nin, h->name);
    }
    if (op->nout && !check_type(c, op, 0, (unsigned)h->ret)) {
        return false;
    }
    for (unsigned i = 0; i < op->nin; i++) {
        if (!check_type(c, op, op->nout + i, op->pos >> i & 1 ? IR_I64 : IR_I32)) {
            return false;
        }
    }
    return true;
}

/* ---- immediate fields ---- */

static bool check_field(Check *c, const IrOp *op)
{
    unsigned pos = op->c[0] & 0xff, len = op->c[0] >> 8 & 0xff, width = op->type == IR_I32 ? 32 : 64;

    return (len && pos + len <= width) || wrong(c, "bits %u..%u of %u", pos, pos + len, width);
}

static bool check_ext(Check *c, const IrOp *op)
{
    return op->c[0] <= IR_S32 || wrong(c, "unknown kind");
}

static bool check_cond(Check *c, const IrOp *op)
{
    return op->cond < IR_COND__COUNT || wrong(c, "unknown condition");
}

static bool check_shift(Check *c, const IrOp *op)
{
    const IrTempInfo *n = &c->ir->temps[op->arg[2]];

    return n->kind != IRT_CONST || (uint64_t)n->val < (op->type == IR_I32 ? 32u : 64u)
        || wrong(c, "shift by 0x%" PRIx64, (uint64_t)n->val);
}

static bool check_size(Check *c, const IrOp *op, unsigned size)
{
    return size <= (op->type == IR_I32 ? IR_MO_32 : IR_MO_64) || wrong(c, "%u bits of a smaller value", 8u << size);
}

static bool check_state(Check *c, const IrOp *op)
{
    return check_size(c, op, op->c[1] & IR_MO_SIZE);
}

static bool check_memop(Check *c, const IrOp *op)
{
    IrMemOp mo = (IrMemOp)op->c[0];
    bool vector = op->opc == IRO_gldv || op->opc == IRO_gstv;

    if (ir_mo_mmu(mo) >= MAX_MMU) {
        return wrong(c, "MMU mode %u", ir_mo_mmu(mo));
    }
    if ((mo & IR_MO_RMW) && op->opc != IRO_gld && op->opc != IRO_gldv && op->opc != IRO_hld) {
        return wrong(c, "only loads check for a write to come");
    }
    if (vector) {
        return ((mo & IR_MO_SIZE) >= IR_MO_32 && (mo & IR_MO_SIZE) <= IR_MO_256) || wrong(c, "not 32 to 256 bits");
    }
    return check_size(c, op, mo & IR_MO_SIZE);
}

static bool check_shared(Check *c, const IrOp *op)
{
    unsigned len = (unsigned)(op->c[1] >> 32);

    return (ir_mo_mmu((IrMemOp)op->c[0]) < MAX_MMU && len && len <= 4096) || wrong(c, "%u bytes", len);
}

static bool check_vec(Check *c, const IrOp *op)
{
    const IrVecOp *v = (const IrVecOp *)(uintptr_t)op->c[0];
    bool known = v && (op->opc == IRO_vec ? v->fn != NULL : op->opc == IRO_vget ? v->get != NULL
                       : op->opc == IRO_vput ? v->put != NULL : v->fn || v->vex);
    bool sized = op->opc != IRO_vex && op->opc != IRO_vget;

    return (known || wrong(c, "no such vector operation"))
           && (sized || op->slot == 16 || op->slot == 32 || wrong(c, "%u bytes", op->slot));
}

typedef bool CheckFn(Check *c, const IrOp *op);
static CheckFn *const immediates[IRO__COUNT] = {
    [IRO_deposit] = check_field, [IRO_extract] = check_field, [IRO_sextract] = check_field, [IRO_ext] = check_ext,
    [IRO_setcond] = check_cond, [IRO_movcond] = check_cond, [IRO_brcond] = check_cond, [IRO_exit_chain_if] = check_cond,
    [IRO_shl] = check_shift, [IRO_shr] = check_shift, [IRO_sar] = check_shift, [IRO_rotl] = check_shift,
    [IRO_rotr] = check_shift,
    [IRO_ld] = check_state, [IRO_st] = check_state, [IRO_gld] = check_memop, [IRO_gst] = check_memop,
    [IRO_gldv] = check_memop,
    [IRO_gchk] = check_shared, [IRO_hld] = check_memop, [IRO_hst] = check_memop,
    [IRO_gstv] = check_memop, [IRO_atomic_rmw] = check_memop, [IRO_atomic_cas] = check_memop, [IRO_vec] = check_vec,
    [IRO_vex] = check_vec, [IRO_vget] = check_vec, [IRO_vput] = check_vec,
};

/* ---- definitions and uses ---- */

static bool check_use(Check *c, const IrOp *op, unsigned i)
{
    IrTemp t = op->arg[i];

    if (kind_of(c, t) == IRT_LOCAL && c->defined_in[t] != c->region) {
        return wrong(c, c->defined_in[t] ? "local t%u is used beyond a label"
                     : "local t%u is used before it is defined",
                     t - c->ir->n_globals);
    }
    if (kind_of(c, t) == IRT_VAR && !c->var_defined[t]) {
        return wrong(c, "variable v%u is not defined on every path", t - c->ir->n_globals);
    }
    return !c->dead[t] || wrong(c, "operand %u has died before", i);
}

static bool check_def(Check *c, const IrOp *op, unsigned i)
{
    IrTemp t = op->arg[i];

    c->dead[t] = false;
    switch (kind_of(c, t)) {
    case IRT_CONST:
        return wrong(c, "the result is a constant");
    case IRT_LOCAL:
        if (c->defined_in[t]) {
            return wrong(c, "local t%u is defined twice", t - c->ir->n_globals);
        }
        if (op->opc == IRO_mov && c->typing == IR_TYPES_EXACT) {
            return wrong(c, "mov to a local");
        }
        c->defined_in[t] = (uint16_t)c->region;
        return true;
    case IRT_VAR:
        c->var_defined[t] = true;
        /* fall through */
    case IRT_GLOBAL:
        return op->opc == IRO_mov || c->typing != IR_TYPES_EXACT || wrong(c, "the result is no local");
    }
    return false;
}

static bool check_args(Check *c, const IrOp *op)
{
    if (op->nout + op->nin > IR_MAX_ARGS) {
        return wrong(c, "too many arguments");
    }
    for (unsigned i = 0; i < op->nout + op->nin; i++) {
        if (op->arg[i] >= c->ir->n_temps) {
            return wrong(c, "argument %u does not exist", i);
        }
    }
    if (!(ir_op_is_call(op) ? check_call(c, op) : check_signature(c, op))
        || (immediates[op->opc] && !immediates[op->opc](c, op))) {
        return false;
    }
    for (unsigned i = op->nout; i < op->nout + op->nin && c->reachable; i++) {
        if (!check_use(c, op, i)) {
            return false;
        }
    }
    for (unsigned i = op->nout; i < op->nout + op->nin; i++) {
        c->dead[op->arg[i]] |= (op->dies >> i & 1) && kind_of(c, op->arg[i]) != IRT_CONST;
    }
    for (unsigned i = 0; i < op->nout; i++) {
        if (!check_def(c, op, i)) {
            return false;
        }
    }
    return true;
}

/* ---- control flow ---- */

/* What variables a label may count on shrinks with each path to it. */
static void merge_into_label(Check *c, unsigned label)
{
    bool *vars = g_ptr_array_index(c->label_vars, label);

    if (!c->reachable) {
        return;
    }
    c->label_reached[label] = true;
    if (!vars) {
        g_ptr_array_index(c->label_vars, label) = g_memdup2(c->var_defined, c->ir->n_temps * sizeof(bool));
        return;
    }
    for (IrTemp t = 0; t < c->ir->n_temps; t++) {
        vars[t] &= c->var_defined[t];
    }
}

static bool check_branch(Check *c, const IrOp *op)
{
    if (op->slot >= c->ir->n_labels) {
        return wrong(c, "label L%u does not exist", op->slot);
    }
    if (c->label_set[op->slot]) {
        return wrong(c, "branch back to L%u", op->slot);
    }
    merge_into_label(c, op->slot);
    return true;
}

static bool check_label(Check *c, const IrOp *op)
{
    if (op->slot >= c->ir->n_labels) {
        return wrong(c, "label L%u does not exist", op->slot);
    }
    if (c->label_set[op->slot]) {
        return wrong(c, "label L%u is set twice", op->slot);
    }
    merge_into_label(c, op->slot);
    c->label_set[op->slot] = true;
    c->reachable = c->label_reached[op->slot];
    if (c->reachable) {
        memcpy(c->var_defined, g_ptr_array_index(c->label_vars, op->slot), c->ir->n_temps * sizeof(bool));
    }
    c->region++;
    memset(c->dead, 0, sizeof(c->dead));
    return true;
}

static bool check_exit_number(Check *c, const IrOp *op)
{
    if (op->slot >= c->ir->n_exits || op->slot >= IR_MAX_EXITS || c->exit_used[op->slot]) {
        return wrong(c, "exit #%u does not exist or is used twice", op->slot);
    }
    c->exit_used[op->slot] = true;
    return c->typing != IR_TYPES_EXACT || op->slot == ++c->last_exit || wrong(c, "exit #%u is out of order", op->slot);
}

static bool check_flow(Check *c, const IrOp *op)
{
    switch (op->opc) {
    case IRO_br: case IRO_brcond:
        return check_branch(c, op);
    case IRO_label:
        return check_label(c, op);
    case IRO_exit_chain: case IRO_exit_chain_if: case IRO_gchk:
        return check_exit_number(c, op);
    default:
        return true;
    }
}

static bool check_op(Check *c, const IrOp *op)
{
    if (op->opc >= IRO__COUNT) {
        return wrong(c, "unknown operation %u", op->opc);
    }
    if (!check_args(c, op) || !check_flow(c, op)) {
        return false;
    }
    if (ir_op_ends(op)) {
        c->reachable = false;
    }
    return true;
}

static bool check_branches_lead_somewhere(Check *c)
{
    for (c->at = 0; c->at < c->ir->n_ops; c->at++) {
        const IrOp *op = &c->ir->ops[c->at];

        if ((op->opc == IRO_br || op->opc == IRO_brcond) && !c->label_set[op->slot]) {
            return wrong(c, "label L%u is never set", op->slot);
        }
    }
    return true;
}

static bool check_list(Check *c)
{
    for (c->at = 0; c->at < c->ir->n_ops; c->at++) {
        if (!check_op(c, &c->ir->ops[c->at])) {
            return false;
        }
    }
    return (!c->reachable || wrong(c, "control falls off the end")) && check_branches_lead_somewhere(c);
}

bool ir_check(const IrContext *ir, IrTyping typing, GString *why)
{
    Check *c;
    bool ok;

    if (ir->overflow) {
        return true;            /* a list that is thrown away */
    }
    c = g_new0(Check, 1);
    c->ir = ir;
    c->typing = typing;
    c->why = why;
    c->region = 1;
    c->last_exit = -1;
    c->reachable = true;
    c->label_vars = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_set_size(c->label_vars, IR_MAX_LABELS);
    ok = check_list(c);
    g_ptr_array_unref(c->label_vars);
    g_free(c);
    return ok;
}

void ir_verify(const IrContext *ir, IrTyping typing)
{
    g_autoptr(GString) why = g_string_new(NULL);

    if (!ir_check(ir, typing, why)) {
        g_string_append_c(why, '\n');
        ir_dump(ir, why);
        g_error("bad IR: %s", why->str);
    }
}
