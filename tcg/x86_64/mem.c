/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory: the inline TLB probe and its out-of-line slow path; helper calls.
 *
 *      mov   idx, addr            idx = offset of the TLB entry
 *      shr   idx, 7
 *      and   idx, (SIZE - 1) * 32
 *      mov   x, addr
 *      xor   x, [env + idx + tag]          a hit leaves the offset in the page
 *      cmp   x, 4096 - size                misses and page crossings are both above
 *      ja    slow
 *      mov   idx, [env + idx + host]
 *      mov   result, [idx + x]
 */
#include "qemu/osdep.h"
#include "x86_64/host.h"

_Static_assert(sizeof(TlbEntry) == 32, "index arithmetic");
#define TLB_INDEX_SHIFT (TARGET_PAGE_BITS - 5)
#define TLB_INDEX_MASK  ((JIT_TLB_SIZE - 1) << 5)

void note_restore(Host *h, uint64_t insn_eip)
{
    TcgCode *code = h->code;

    if (code->n_restore == ARRAY_SIZE(code->restore)) {
        h->too_complex = true;
        return;
    }
    code->restore[code->n_restore++] = (TcgRestore) {
        .code_off = (uint32_t)(h->a.p - h->a.base), .eip_delta = (int16_t)(insn_eip - code->eip),
    };
}

/* The instruction's last act is this operation: where the next one starts. */
int16_t next_insn_delta(Host *h, const IrOp *op)
{
    const IrOp *next = op + 1;

    return next->opc == IRO_insn_start && next->slot != IR_DROPPED ? (int16_t)(next->c[0] - h->code->eip) : 0;
}

Stub *stub_new(Host *h, StubKind kind)
{
    Stub *s;

    if (h->n_stubs == ARRAY_SIZE(h->stubs)) {
        h->too_complex = true;
        h->n_stubs--;
    }
    s = &h->stubs[h->n_stubs++];
    s->kind = kind;
    s->fix[0] = s->fix[1] = s->fix[2] = NULL;
    s->n_saved = 0;
    s->loop = false;
    s->sync.n = 0;
    s->sync.vec = s->reload = s->keep = (VecMasks) { 0 };
    s->loops_back = false;
    s->insn_eip = h->insn_eip;
    return s;
}

void probe_alloc(Host *h, Probe *p, bool addr_dies)
{
    p->idx = regs_alloc(h, 0);
    /* An address in a scratch register that nobody owns any more may be destroyed. */
    p->xored = addr_dies && (SCRATCH_MASK >> p->addr & 1) && h->in_reg[p->addr] == IR_NONE;
    p->x = p->xored ? p->addr : regs_alloc(h, 0);
}

void probe_emit(Host *h, const Probe *p, IrMemOp mo, bool write, Stub *s)
{
    unsigned size = ir_mo_bytes(mo);
    int32_t tlb = env_disp(host_info.layout.tlb[ir_mo_mmu(mo)]);

    s->memop = mo;
    s->addr = p->addr;
    s->idx = p->idx;
    s->addr_xored = p->xored;
    s->tag_disp = tlb + (write ? offsetof(TlbEntry, write) : offsetof(TlbEntry, read));
    asm_mov_rr(&h->a, false, p->idx, p->addr);
    asm_shift_i(&h->a, false, G2_SHR, p->idx, TLB_INDEX_SHIFT);
    asm_g1_ri(&h->a, false, G1_AND, p->idx, TLB_INDEX_MASK);
    if (!p->xored) {
        asm_mov_rr(&h->a, true, p->x, p->addr);
    }
    asm_rmx(&h->a, 0x33 | X_W, p->x, ENV_REG, p->idx, (int32_t)s->tag_disp);
    asm_g1_ri(&h->a, true, G1_CMP, p->x, (int32_t)(TARGET_PAGE_SIZE - size));
    s->fix[0] = asm_jcc_fix(&h->a, CCX_A);
    if ((mo & IR_MO_ALIGN) && size > 1) {
        asm_rr(&h->a, 0xf6 | X_RM8, 0, p->x);
        a8(&h->a, size - 1);
        s->fix[1] = asm_jcc_fix(&h->a, CCX_NE);
    }
    asm_rmx(&h->a, 0x8b | X_W, p->idx, ENV_REG, p->idx, tlb + (int32_t)offsetof(TlbEntry, host));
}

/* Scratch registers whose values must survive the slow path, except the result's. */
void note_saved(Host *h, Stub *s, int result)
{
    for (int r = 0; r < NUM_HOST_REGS; r++) {
        IrTemp t = h->in_reg[r];
        int base;
        int32_t disp;

        if (!(SCRATCH_MASK >> r & 1) || t == IR_NONE || r == result) {
            continue;
        }
        regs_home(h, t, &base, &disp);
        s->saved[s->n_saved].reg = r;
        /* Dirty globals are on the sync list. */
        s->saved[s->n_saved].store = !h->temp[t].coherent && temp_info(h, t)->kind != IRT_GLOBAL;
        s->saved[s->n_saved].w = regs_home_w(h, t);
        s->saved[s->n_saved].base = base;
        s->saved[s->n_saved++].disp = disp;
    }
}

static void emit_load(Host *h, IrMemOp mo, bool to64, int d, int base, int index, int32_t disp)
{
    static const uint32_t load[2][4] = {
        { 0xb6 | X_0F, 0xb7 | X_0F, 0x8b, 0x8b | X_W }, { 0xbe | X_0F, 0xbf | X_0F, 0x63 | X_W, 0x8b | X_W },
    };
    unsigned size = mo & IR_MO_SIZE;
    uint32_t opc = load[!!(mo & IR_MO_SIGN)][size];

    if (mo & IR_MO_SIGN) {
        opc = size < 2 && to64 ? opc | X_W : size == 2 && !to64 ? 0x8b : opc;
    }
    asm_rmx(&h->a, opc, d, base, index, disp);
}

void lower_gld(Host *h, const IrOp *op)
{
    IrMemOp mo = (IrMemOp)op->c[0];
    Probe p = { .addr = regs_use(h, op->arg[1]) };
    Stub *s;
    int d;

    regs_kill_operands(h, op);
    regs_prepare_def(h, op->arg[0]);
    probe_alloc(h, &p, true);
    s = stub_new(h, STUB_LOAD);
    regs_sync_list(h, &s->sync, 0);
    d = regs_def(h, op->arg[0], p.idx);
    note_saved(h, s, d);
    vec_note_live(h, s);
    s->data = d;
    s->is64 = op->type == IR_I64;
    probe_emit(h, &p, mo, mo & IR_MO_RMW, s);
    emit_load(h, mo, s->is64, d, p.idx, p.x, 0);
    s->back = h->a.p;
}

/* Stores a register, or the constant v when data is -1. */
static void emit_store(Host *h, unsigned size, int data, int64_t v, int base, int index, int32_t disp)
{
    static const uint32_t store_r[] = { 0x88 | X_B8, 0x89 | X_66, 0x89, 0x89 | X_W };
    static const uint32_t store_i[] = { 0xc6, 0xc7 | X_66, 0xc7, 0xc7 | X_W };

    if (data >= 0) {
        asm_rmx(&h->a, store_r[size], data, base, index, disp);
        return;
    }
    asm_rmx(&h->a, store_i[size], 0, base, index, disp);
    if (size == 0) {
        a8(&h->a, (uint8_t)v);
    } else if (size == 1) {
        a8(&h->a, (uint8_t)v);
        a8(&h->a, (uint8_t)(v >> 8));
    } else {
        a32(&h->a, (uint32_t)v);
    }
}

/* The value to store: -1 and *v when it fits an immediate, else a register. */
static int store_operand(Host *h, IrTemp t, unsigned size, int64_t *v)
{
    *v = 0;
    return regs_const(h, t, v) && (size < 3 || fits_s32(*v)) ? -1 : regs_use(h, t);
}

void lower_gst(Host *h, const IrOp *op)
{
    IrMemOp mo = (IrMemOp)op->c[0];
    Probe p = { .addr = regs_use(h, op->arg[0]) };
    int64_t v;
    int data = store_operand(h, op->arg[1], mo & IR_MO_SIZE, &v);
    Stub *s;

    regs_kill_operands(h, op);
    probe_alloc(h, &p, op->arg[0] != op->arg[1] && p.addr != data);
    s = stub_new(h, STUB_STORE);
    regs_sync_list(h, &s->sync, 0);
    note_saved(h, s, -1);
    vec_note_live(h, s);
    s->data = data;
    s->val = v;
    s->next_delta = next_insn_delta(h, op);
    probe_emit(h, &p, mo, true, s);
    emit_store(h, mo & IR_MO_SIZE, data, v, p.idx, p.x, 0);
    s->back = h->a.p;
}

/* ---- shared checks ---- */

void lower_gchk(Host *h, const IrOp *op)
{
    IrMemOp mo = (IrMemOp)op->c[0];
    int32_t disp = (int32_t)op->c[1], tlb = env_disp(host_info.layout.tlb[ir_mo_mmu(mo)]);
    uint32_t len = (uint32_t)(op->c[1] >> 32);
    int base = regs_use(h, op->arg[1]), idx, d;
    Stub *s;

    regs_kill_operands(h, op);
    idx = regs_alloc(h, 0);
    d = regs_def(h, op->arg[0], -1);
    s = stub_new(h, STUB_EXIT_IF);
    regs_sync_list(h, &s->sync, 0);
    s->exit = op->slot;
    s->eip = h->insn_eip;
    s->loop = s->cross = false;
    asm_rm(&h->a, 0x8d | X_W, d, base, disp);
    asm_mov_rr(&h->a, false, idx, d);
    asm_shift_i(&h->a, false, G2_SHR, idx, TLB_INDEX_SHIFT);
    asm_g1_ri(&h->a, false, G1_AND, idx, TLB_INDEX_MASK);
    asm_rmx(&h->a, 0x33 | X_W, d, ENV_REG, idx,
            tlb + (int32_t)(mo & IR_MO_RMW ? offsetof(TlbEntry, write) : offsetof(TlbEntry, read)));
    asm_g1_ri(&h->a, true, G1_CMP, d, (int32_t)(TARGET_PAGE_SIZE - len));
    s->fix[0] = asm_jcc_fix(&h->a, CCX_A);
    asm_rmx(&h->a, 0x03 | X_W, d, ENV_REG, idx, tlb + (int32_t)offsetof(TlbEntry, host));
    h->code->exits[op->slot].plain = true;
}

void lower_hld(Host *h, const IrOp *op)
{
    int host = regs_use(h, op->arg[1]), d;

    regs_kill_operands(h, op);
    d = regs_def(h, op->arg[0], host);
    emit_load(h, (IrMemOp)op->c[0], op->type == IR_I64, d, host, -1, (int32_t)op->c[1]);
}

void lower_hst(Host *h, const IrOp *op)
{
    unsigned size = op->c[0] & IR_MO_SIZE;
    int host = regs_use(h, op->arg[0]);
    int64_t v;
    int data = store_operand(h, op->arg[1], size, &v);

    emit_store(h, size, data, v, host, -1, (int32_t)op->c[1]);
    regs_kill_operands(h, op);
}

/* Address to RDI, value to RDX, whatever registers they come from. */
static void place_operands(Host *h, const Stub *s)
{
    if (s->data == RDI && s->addr == RDX) {
        asm_rr(&h->a, 0x87 | X_W, RDI, RDX);
        return;
    }
    if (s->data == RDI) {
        asm_mov_rr(&h->a, true, RDX, RDI);
        asm_mov_rr(&h->a, true, RDI, s->addr);
        return;
    }
    if (s->addr != RDI) {
        asm_mov_rr(&h->a, true, RDI, s->addr);
    }
    if (s->kind == STUB_LOAD) {
        return;
    }
    if (s->data < 0) {
        asm_movi(&h->a, RDX, (uint64_t)s->val);
    } else if (s->data != RDX) {
        asm_mov_rr(&h->a, true, RDX, s->data);
    }
}

/* What all slow paths begin with: memory says what a fault must find, and scratch registers have saved their values. */
void stub_begin_slow(Host *h, Stub *s)
{
    for (unsigned i = 0; i < 3 && s->fix[i]; i++) {
        asm_fix(s->fix[i], h->a.p);
    }
    if (s->addr_xored) {
        asm_rmx(&h->a, 0x33 | X_W, s->addr, ENV_REG, s->idx, (int32_t)s->tag_disp);
    }
    regs_emit_sync(h, &s->sync);
    for (unsigned i = 0; i < s->n_saved; i++) {
        if (s->saved[i].store) {
            asm_rm(&h->a, 0x89 | X_W, s->saved[i].reg, s->saved[i].base, s->saved[i].disp);
        }
    }
}

/* And end with. result: RAX is what was loaded. */
void stub_end_slow(Host *h, Stub *s, bool result)
{
    if (result && (s->data != RAX || !s->is64)) {
        asm_mov_rr(&h->a, s->is64, s->data, RAX);
    }
    for (unsigned i = 0; i < s->n_saved; i++) {
        asm_rm(&h->a, 0x8b | s->saved[i].w, s->saved[i].reg, s->saved[i].base, s->saved[i].disp);
    }
    vec_emit_moves(h, s->reload, false);
    asm_jmp(&h->a, s->back);
}

void stub_emit_memory(Host *h, Stub *s)
{
    stub_begin_slow(h, s);
    place_operands(h, s);
    asm_movi(&h->a, RCX, s->memop);
    out_call(h, host_info.slow_rw[s->kind]);
    note_restore(h, s->insn_eip);
    if ((s->kind == STUB_STORE || s->kind == STUB_STOREV) && h->code->n_restore) {
        h->code->restore[h->code->n_restore - 1].next_delta = s->next_delta;
    }
    stub_end_slow(h, s, s->kind == STUB_LOAD);
}

/* ---- calls ---- */

static unsigned call_thunk(const IrHelper *helper)
{
    if (helper->flags & IR_CALL_WRITES) {
        return 2;
    }
    return helper->flags & (IR_CALL_READS | IR_CALL_RAISES) ? 1 : 0;
}

static void store_arg(Host *h, unsigned n, IrTemp t)
{
    int32_t disp = env_disp(host_info.layout.args + 8 * n);
    int64_t v;

    if (regs_const(h, t, &v) && fits_s32(v)) {
        asm_rm(&h->a, 0xc7 | X_W, 0, ENV_REG, disp);
        a32(&h->a, (uint32_t)v);
    } else {
        int r = regs_use(h, t);

        asm_rm(&h->a, 0x89 | X_W, r, ENV_REG, disp);
        h->locked &= ~(1u << r);
    }
}

void lower_call(Host *h, const IrOp *op, const IrHelper *helper)
{
    unsigned thunk = call_thunk(helper);

    vec_before_call(h);
    for (unsigned i = 0; i < op->nin; i++) {
        store_arg(h, i, op->arg[op->nout + i]);
    }
    regs_kill_operands(h, op);
    if (thunk > 0) {
        regs_sync_globals(h, 0);
    }
    if (thunk == 2) {
        regs_materialize_aliases(h);
    }
    regs_spill_scratch(h);
    asm_movi(&h->a, RAX, (uintptr_t)helper->fn);
    out_call(h, host_info.call_rw[thunk]);
    note_restore(h, h->insn_eip);
    if (thunk == 2) {
        regs_globals_in_memory(h);
    }
    if (op->nout) {
        h->locked = 1u << RAX;
        if (op->type == IR_I32) {
            asm_mov_rr(&h->a, false, RAX, RAX);
        }
        regs_def_in(h, op->arg[0], RAX);
    }
}
