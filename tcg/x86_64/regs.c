/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Register allocation inside a block: one forward walk over operations that liveness has marked.
 *
 * Pinned globals always sit in their register. Other values float between scratch registers, their home (the CPU state
 * or a spill slot), being a known constant, or being a copy of another value (an alias, which costs nothing until
 * the original changes). Stores of unpinned globals are put off as long as possible: a fault or a side exit does them
 * out of line, from a list taken at that point.
 */
#include "qemu/osdep.h"
#include "x86_64/host.h"

void regs_start(Host *h)
{
    IrContext *ir = h->ir;

    for (IrTemp t = 0; t < ir->n_temps; t++) {
        const IrTempInfo *ti = &ir->temps[t];
        TempLoc *l = &h->temp[t];

        *l = (TempLoc) { .loc = LOC_NONE, .reg = -1, .slot = -1, .of = IR_NONE };
        if (ti->kind == IRT_GLOBAL) {
            l->loc = ti->pin >= 0 ? LOC_REG : LOC_MEM;
            l->reg = ti->pin;
            l->coherent = ti->pin < 0;
        } else if (ti->kind == IRT_CONST) {
            l->loc = LOC_CONST;
            l->val = ti->val;
        }
    }
    for (int r = 0; r < NUM_HOST_REGS; r++) {
        h->in_reg[r] = IR_NONE;
    }
    h->locked = 0;
    h->n_aliases = 0;
    memset(h->slots_used, 0, sizeof(h->slots_used));
}

static bool owns_scratch(Host *h, IrTemp t)
{
    return h->temp[t].loc == LOC_REG && !temp_is_pinned(h, t);
}

void regs_home(Host *h, IrTemp t, int *base, int32_t *disp)
{
    TempLoc *l = &h->temp[t];

    if (temp_info(h, t)->kind == IRT_GLOBAL) {
        *base = ENV_REG;
        *disp = env_disp(temp_info(h, t)->off);
        return;
    }
    for (int i = 0; l->slot < 0 && i < NUM_SLOTS; i++) {
        if (!(h->slots_used[i / 64] >> (i % 64) & 1)) {
            h->slots_used[i / 64] |= 1ull << (i % 64);
            l->slot = i;
        }
    }
    if (l->slot < 0) {
        h->too_complex = true;
        l->slot = 0;
    }
    *base = RSP;
    *disp = l->slot * 8;
}

/* Homes are 64-bit containers, but for I32 globals. */
uint32_t regs_home_w(Host *h, IrTemp t)
{
    const IrTempInfo *ti = temp_info(h, t);

    return ti->kind == IRT_GLOBAL && ti->type == IR_I32 ? 0 : X_W;
}

static void store_home(Host *h, IrTemp t, int reg)
{
    int base;
    int32_t disp;

    regs_home(h, t, &base, &disp);
    asm_rm(&h->a, 0x89 | regs_home_w(h, t), reg, base, disp);
}

static void store_home_const(Host *h, IrTemp t, int64_t v)
{
    int base;
    int32_t disp;
    uint32_t w = regs_home_w(h, t);

    if (w && !fits_s32(v)) {
        int r = regs_alloc(h, 0);

        asm_movi(&h->a, r, (uint64_t)v);
        store_home(h, t, r);
        h->locked &= ~(1u << r);
        return;
    }
    regs_home(h, t, &base, &disp);
    asm_rm(&h->a, 0xc7 | w, 0, base, disp);
    a32(&h->a, (uint32_t)v);
}

static void load_home(Host *h, IrTemp t, int reg)
{
    int base;
    int32_t disp;

    regs_home(h, t, &base, &disp);
    asm_rm(&h->a, 0x8b | regs_home_w(h, t), reg, base, disp);
}

/* From home to home: no general register may be free, and flags must live. */
static void copy_home(Host *h, IrTemp dst, IrTemp src)
{
    int base;
    int32_t disp;

    regs_home(h, src, &base, &disp);
    asm_rm(&h->a, 0x6e | X_0F | X_66 | regs_home_w(h, src), 0, base, disp);      /* MOVD/MOVQ xmm0, src */
    regs_home(h, dst, &base, &disp);
    asm_rm(&h->a, 0x7e | X_0F | X_66 | regs_home_w(h, dst), 0, base, disp);
}

static void spill(Host *h, IrTemp t)
{
    TempLoc *l = &h->temp[t];

    if (!l->coherent) {
        store_home(h, t, l->reg);
        l->coherent = true;
    }
    h->in_reg[l->reg] = IR_NONE;
    l->loc = LOC_MEM;
    l->reg = -1;
}

int regs_alloc(Host *h, uint32_t avoid)
{
    static const int8_t order[] = { RAX, RCX, RDX, RDI };
    int victim = -1;

    for (unsigned i = 0; i < ARRAY_SIZE(order); i++) {
        int r = order[i];

        if ((h->locked | avoid) >> r & 1) {
            continue;
        }
        if (h->in_reg[r] == IR_NONE) {
            h->locked |= 1u << r;
            return r;
        }
        /* A value whose home is up to date leaves without a store. */
        if (victim < 0 || (h->temp[h->in_reg[r]].coherent && !h->temp[h->in_reg[victim]].coherent)) {
            victim = r;
        }
    }
    if (victim < 0) {           /* cannot happen with at most four locked; give the block up rather than crash */
        h->too_complex = true;
        return RAX;
    }
    spill(h, h->in_reg[victim]);
    h->locked |= 1u << victim;
    return victim;
}

void regs_take(Host *h, int reg)
{
    IrTemp t = h->in_reg[reg];

    if (t != IR_NONE) {
        TempLoc *l = &h->temp[t];
        int other = -1;

        for (int r = 0; r < NUM_HOST_REGS && other < 0; r++) {
            if ((SCRATCH_MASK >> r & 1) && r != reg && h->in_reg[r] == IR_NONE && !(h->locked >> r & 1)) {
                other = r;
            }
        }
        if (other >= 0) {
            asm_mov_rr(&h->a, true, other, reg);
            h->in_reg[other] = t;
            h->in_reg[reg] = IR_NONE;
            l->reg = other;
        } else {
            spill(h, t);
        }
    }
    h->locked |= 1u << reg;
}

/* ---- aliases ---- */

static void alias_unlink(Host *h, IrTemp t)
{
    TempLoc *l = &h->temp[t];

    for (unsigned i = 0; i < h->n_aliases; i++) {
        if (h->aliases[i] == t) {
            h->aliases[i] = h->aliases[--h->n_aliases];
            break;
        }
    }
    l->is_alias = false;
    l->of = IR_NONE;
}

/* The temp that holds the value of t. */
static IrTemp origin(Host *h, IrTemp t)
{
    return h->temp[t].loc == LOC_ALIAS ? h->temp[t].of : t;
}

/* Gives an alias a place of its own while the original is still good. in_memory: scratch registers are about to go. */
static void materialize(Host *h, IrTemp t, bool in_memory)
{
    TempLoc *l = &h->temp[t];
    IrTemp of = l->of;
    int src = regs_peek(h, of);

    alias_unlink(h, t);
    l->loc = LOC_MEM;
    if (src < 0) {
        if (!l->coherent) {
            copy_home(h, t, of);
        }
        l->coherent = true;
        return;
    }
    if (temp_info(h, t)->kind == IRT_GLOBAL) {
        if (!l->coherent) {
            store_home(h, t, src);
        }
        l->coherent = true;
        return;
    }
    if (!in_memory) {
        for (int r = 0; r < NUM_HOST_REGS; r++) {
            if ((SCRATCH_MASK >> r & 1) && h->in_reg[r] == IR_NONE && !(h->locked >> r & 1)) {
                asm_mov_rr(&h->a, true, r, src);
                l->loc = LOC_REG;
                l->reg = r;
                l->coherent = false;
                h->in_reg[r] = t;
                return;
            }
        }
    }
    store_home(h, t, src);
    l->coherent = true;
}

static void materialize_aliases_of(Host *h, IrTemp of, bool in_memory)
{
    for (unsigned i = 0; i < h->n_aliases;) {
        IrTemp t = h->aliases[i];

        if (h->temp[t].of == of) {
            materialize(h, t, in_memory);       /* takes t off the list */
        } else {
            i++;
        }
    }
}

/*
 * A local dies while copies of it live on: the first inherits its register. One with a 32-bit home may be a copy of the
 * low half only, so it does not inherit before the others.
 */
static void bequeath(Host *h, IrTemp t)
{
    TempLoc *l = &h->temp[t];
    IrTemp heir = IR_NONE;

    for (unsigned i = 0; i < h->n_aliases; i++) {
        if (h->temp[h->aliases[i]].of == t && (heir == IR_NONE || !regs_home_w(h, heir))) {
            heir = h->aliases[i];
        }
    }
    if (heir == IR_NONE) {
        return;
    }
    if (l->loc == LOC_MEM) {
        int r = regs_use(h, t);

        h->locked &= ~(1u << r);
    }
    alias_unlink(h, heir);
    h->temp[heir].loc = LOC_REG;
    h->temp[heir].reg = l->reg;
    h->in_reg[l->reg] = heir;
    for (unsigned i = 0; i < h->n_aliases; i++) {
        if (h->temp[h->aliases[i]].of == t) {
            h->temp[h->aliases[i]].of = heir;
        }
    }
    l->loc = LOC_NONE;
    l->reg = -1;
}

/* ---- uses ---- */

bool regs_const(Host *h, IrTemp t, int64_t *v)
{
    t = origin(h, t);
    if (h->temp[t].loc != LOC_CONST) {
        return false;
    }
    *v = h->temp[t].val;
    return true;
}

int regs_peek(Host *h, IrTemp t)
{
    t = origin(h, t);
    return h->temp[t].loc == LOC_REG ? h->temp[t].reg : -1;
}

int regs_use(Host *h, IrTemp t)
{
    TempLoc *l;

    t = origin(h, t);
    l = &h->temp[t];
    switch ((Loc)l->loc) {
    case LOC_REG:
        break;
    case LOC_CONST: {
        int r = regs_alloc(h, 0);

        asm_movi(&h->a, r, (uint64_t)l->val);
        if (temp_info(h, t)->kind != IRT_CONST) {
            l->loc = LOC_REG;
            l->reg = r;
            h->in_reg[r] = t;
        }
        return r;
    }
    default: {
        int r = regs_alloc(h, 0);

        load_home(h, t, r);
        l->loc = LOC_REG;
        l->reg = r;
        l->coherent = true;
        h->in_reg[r] = t;
        break;
    }
    }
    h->locked |= 1u << l->reg;
    return l->reg;
}

void regs_kill(Host *h, IrTemp t)
{
    TempLoc *l = &h->temp[t];

    if (temp_is_pinned(h, t) || temp_info(h, t)->kind == IRT_CONST) {
        return;
    }
    if (l->loc == LOC_ALIAS) {
        alias_unlink(h, t);
    } else if (l->loc == LOC_REG || l->loc == LOC_MEM) {
        if (h->n_aliases) {
            bequeath(h, t);
        }
        if (l->loc == LOC_REG) {
            h->in_reg[l->reg] = IR_NONE;
        }
    }
    /* A variable keeps its slot: another path to a label may bring its value there. */
    if (l->slot >= 0 && temp_info(h, t)->kind != IRT_VAR) {
        h->slots_used[l->slot / 64] &= ~(1ull << (l->slot % 64));
        l->slot = -1;
    }
    l->loc = LOC_NONE;
    l->reg = -1;
    l->coherent = false;
}

void regs_kill_operands(Host *h, const IrOp *op)
{
    for (unsigned i = op->nout; i < op->nout + op->nin; i++) {
        if (op->dies >> i & 1) {
            regs_kill(h, op->arg[i]);
        }
    }
}

/* ---- definitions ---- */

void regs_prepare_def(Host *h, IrTemp t)
{
    if (h->n_aliases) {
        materialize_aliases_of(h, t, false);
    }
}

static void drop_old(Host *h, IrTemp t)
{
    TempLoc *l = &h->temp[t];

    if (l->loc == LOC_ALIAS) {
        alias_unlink(h, t);
    } else {
        regs_prepare_def(h, t);
        if (owns_scratch(h, t)) {
            h->in_reg[l->reg] = IR_NONE;
        }
    }
    l->loc = LOC_NONE;
    l->coherent = false;
}

int regs_def(Host *h, IrTemp t, int hint)
{
    int r;

    if (temp_is_pinned(h, t)) {
        regs_prepare_def(h, t);
        return h->temp[t].reg;
    }
    drop_old(h, t);
    if (hint >= 0 && (SCRATCH_MASK >> hint & 1) && h->in_reg[hint] == IR_NONE) {
        r = hint;
        h->locked |= 1u << r;
    } else {
        r = regs_alloc(h, 0);
    }
    h->temp[t].loc = LOC_REG;
    h->temp[t].reg = r;
    h->in_reg[r] = t;
    return r;
}

void regs_def_in(Host *h, IrTemp t, int reg)
{
    if (temp_is_pinned(h, t)) {
        regs_prepare_def(h, t);
        asm_mov_rr(&h->a, true, h->temp[t].reg, reg);
        return;
    }
    drop_old(h, t);
    h->temp[t].loc = LOC_REG;
    h->temp[t].reg = reg;
    h->in_reg[reg] = t;
}

void regs_def_const(Host *h, IrTemp t, int64_t v)
{
    if (temp_is_pinned(h, t)) {
        regs_prepare_def(h, t);
        asm_movi(&h->a, h->temp[t].reg, (uint64_t)v);
        return;
    }
    drop_old(h, t);
    h->temp[t].loc = LOC_CONST;
    h->temp[t].val = v;
}

void regs_def_alias(Host *h, IrTemp t, IrTemp of)
{
    of = origin(h, of);
    if (of == t) {
        return;
    }
    drop_old(h, t);
    if (h->n_aliases == MAX_ALIASES) {
        int src = regs_use(h, of), r = regs_def(h, t, -1);

        asm_mov_rr(&h->a, true, r, src);
        return;
    }
    h->temp[t].loc = LOC_ALIAS;
    h->temp[t].of = of;
    h->temp[t].is_alias = true;
    h->aliases[h->n_aliases++] = t;
}

void regs_end_op(Host *h, const IrOp *op)
{
    for (unsigned i = 0; i < op->nout; i++) {
        if (op->dies >> i & 1) {
            regs_kill(h, op->arg[i]);
        }
    }
    h->locked = 0;
}

/* ---- bringing memory up to date ---- */

static bool needs_store(Host *h, IrTemp t)
{
    const TempLoc *l = &h->temp[t];

    return !l->coherent && (l->loc == LOC_REG || l->loc == LOC_CONST || l->loc == LOC_ALIAS);
}

static void sync_temp(Host *h, IrTemp t);

/*
 * The list names registers as they are now; the caller must not allocate any before the branch that uses the list. A
 * value that is in no register (a copy of a spilled one) is stored at once.
 */
void regs_sync_list(Host *h, SyncList *s, uint64_t dead)
{
    int64_t v;

    for (IrTemp t = 0; t < h->ir->n_globals; t++) {
        if (!temp_is_pinned(h, t) && !(dead >> t & 1) && needs_store(h, t) && regs_peek(h, t) < 0 &&
            !regs_const(h, t, &v)) {
            sync_temp(h, t);
        }
    }
    s->n = 0;
    for (IrTemp t = 0; t < h->ir->n_globals; t++) {
        SyncEntry *e = &s->e[s->n];

        if (temp_is_pinned(h, t) || (dead >> t & 1) || !needs_store(h, t)) {
            continue;
        }
        *e = (SyncEntry) { .off = temp_info(h, t)->off, .is64 = temp_info(h, t)->type == IR_I64, .reg = -1 };
        if (regs_const(h, t, &v)) {
            e->is_const = true;
            e->val = v;
        } else {
            e->reg = regs_peek(h, t);
        }
        s->n++;
        assert(s->n < MAX_SYNC);
    }
    s->vec = vec_dirty(h, false);
}

static void emit_store_const(Host *h, const SyncEntry *e)
{
    int32_t disp = env_disp(e->off);

    if (!e->is64 || fits_s32(e->val)) {
        asm_rm(&h->a, 0xc7 | (e->is64 ? X_W : 0), 0, ENV_REG, disp);
        a32(&h->a, (uint32_t)e->val);
        return;
    }
    for (unsigned half = 0; half < 2; half++) {     /* in two halves: no register is free out here */
        asm_rm(&h->a, 0xc7, 0, ENV_REG, disp + 4 * half);
        a32(&h->a, (uint32_t)((uint64_t)e->val >> (32 * half)));
    }
}

void regs_emit_sync(Host *h, const SyncList *s)
{
    for (unsigned i = 0; i < s->n; i++) {
        const SyncEntry *e = &s->e[i];

        if (e->is_const) {
            emit_store_const(h, e);
        } else {
            asm_rm(&h->a, 0x89 | (e->is64 ? X_W : 0), e->reg, ENV_REG, env_disp(e->off));
        }
    }
    vec_emit_moves(h, s->vec, true);
}

static void sync_temp(Host *h, IrTemp t)
{
    TempLoc *l = &h->temp[t];
    int64_t v;

    if (!needs_store(h, t)) {
        return;
    }
    if (regs_const(h, t, &v)) {
        store_home_const(h, t, v);
    } else if (regs_peek(h, t) < 0) {
        copy_home(h, t, origin(h, t));
    } else {
        store_home(h, t, regs_peek(h, t));
    }
    l->coherent = true;
}

void regs_sync_globals(Host *h, uint64_t dead)
{
    for (IrTemp t = 0; t < h->ir->n_globals; t++) {
        if (!temp_is_pinned(h, t) && !(dead >> t & 1)) {
            sync_temp(h, t);
        }
    }
}

void regs_sync_vars(Host *h)
{
    if (!h->ir->n_vars) {
        return;
    }
    for (IrTemp t = h->ir->n_globals; t < h->ir->n_temps; t++) {
        if (temp_info(h, t)->kind == IRT_VAR) {
            int base;
            int32_t disp;

            regs_home(h, t, &base, &disp);      /* every path to a label must agree on the slot */
            sync_temp(h, t);
        }
    }
}

void regs_spill_scratch(Host *h)
{
    for (int r = 0; r < NUM_HOST_REGS; r++) {
        if ((SCRATCH_MASK >> r & 1) && h->in_reg[r] != IR_NONE) {
            spill(h, h->in_reg[r]);
        }
    }
}

void regs_materialize_aliases(Host *h)
{
    while (h->n_aliases) {
        materialize(h, h->aliases[0], true);
    }
}

void regs_globals_in_memory(Host *h)
{
    for (IrTemp t = 0; t < h->ir->n_globals; t++) {
        if (!temp_is_pinned(h, t)) {
            drop_old(h, t);
            h->temp[t].loc = LOC_MEM;
            h->temp[t].coherent = true;
        }
    }
}

void regs_at_label(Host *h)
{
    for (int r = 0; r < NUM_HOST_REGS; r++) {
        h->in_reg[r] = IR_NONE;
    }
    while (h->n_aliases) {
        alias_unlink(h, h->aliases[0]);
    }
    for (IrTemp t = 0; t < h->ir->n_temps; t++) {
        const IrTempInfo *ti = temp_info(h, t);
        TempLoc *l = &h->temp[t];

        if (ti->kind == IRT_VAR || (ti->kind == IRT_GLOBAL && ti->pin < 0)) {
            l->loc = LOC_MEM;
            l->reg = -1;
            l->coherent = true;
        } else if (ti->kind == IRT_LOCAL) {
            l->loc = LOC_NONE;
        }
    }
}
