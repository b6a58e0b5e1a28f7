/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Vectors: the guest's own instruction on host registers.
 *
 * The CPU state has an array of vector slots of 32 bytes: the guest's registers, then a few temporaries of the front
 * end that are dead after their instruction. Each slot a block uses gets a host register for the whole block, the 13
 * most used ones at least; XMM0, XMM1 and XMM15 serve the rest. Of a slot with a register the back end knows how many
 * bytes the register holds (valid: 0, 16, 32) and how many of them memory lacks (dirty <= valid). Stores are put off:
 *
 *      faults, side exits      out of line, with the list of globals to store (SyncList)
 *      calls, other exits      stored in place; a call leaves no register valid
 *      labels                  stored in front, nothing valid behind
 *
 * A block that ends by jumping to its own start keeps vectors in registers across the jump: behind its entry all its
 * slots are loaded, and the jump goes there (TcgExit.loop_off). What the block writes counts as dirty there.
 *
 * A host with AVX gets VEX encodings only, so that there is never a transition to pay for; thunks that lead to C clear
 * the upper halves. Legacy results keep bytes 16 to 31 of their slot, which a VEX instruction would clear in the
 * register: so they are valid for 16 bytes, and a dirty upper half is stored before.
 */
#include "qemu/osdep.h"
#include "x86_64/host.h"

enum { XA = 0, XB = 1, XD = 15, FIRST_FIXED = 2, N_FIXED = 13 };

static bool host_has(unsigned feature)
{
    return feature < 32 && (host_info.vec_features >> feature & 1);
}

static bool host_avx(void)
{
    return host_has(IR_VEC_AVX);
}

/* ---- slots ---- */

static int slot_at(size_t off)
{
    size_t rel = off - host_info.layout.vec;

    return rel < host_info.layout.n_vec * 32 && rel % 32 == 0 ? (int)(rel / 32) : -1;
}

static size_t slot_off(unsigned i)
{
    return host_info.layout.vec + 32 * i;
}

static bool slot_is_temp(unsigned i)
{
    return i >= host_info.layout.n_vec - host_info.layout.n_vec_temps;
}

/* The slot at off if it has a register, else NULL. */
static VecSlot *fixed_slot(Host *h, size_t off)
{
    int i = slot_at(off);

    return i >= 0 && h->vec.slot[i].reg >= 0 ? &h->vec.slot[i] : NULL;
}

/* ---- instructions ---- */

static void move(Host *h, unsigned bytes, bool store, int xmm, int base, int index, int32_t disp)
{
    static const uint32_t load_opc[] = {
        [4] = 0x10 | X_0F | X_F3, [8] = 0x7e | X_0F | X_F3, [16] = 0x10 | X_0F, [32] = 0x10 | X_0F
    };
    static const uint32_t store_opc[] = {
        [4] = 0x11 | X_0F | X_F3, [8] = 0xd6 | X_0F | X_66, [16] = 0x11 | X_0F, [32] = 0x11 | X_0F
    };
    uint32_t opc = (store ? store_opc : load_opc)[bytes];

    if (host_avx()) {
        asm_vex_rmx(&h->a, opc, bytes == 32, xmm, 0, base, index, disp);
    } else {
        asm_rmx(&h->a, opc, xmm, base, index, disp);
    }
}

static void state_load(Host *h, unsigned bytes, int xmm, size_t off)
{
    move(h, bytes, false, xmm, ENV_REG, -1, env_disp(off));
}

static void state_store(Host *h, unsigned bytes, int xmm, size_t off)
{
    move(h, bytes, true, xmm, ENV_REG, -1, env_disp(off));
}

static void copy(Host *h, int dst, int src)
{
    if (dst != src) {
        if (host_avx()) {
            asm_vex_rr(&h->a, 0x28 | X_0F, false, dst, 0, src);
        } else {
            asm_rr(&h->a, 0x28 | X_0F, dst, src);
        }
    }
}

/* VINSERTF128, VEXTRACTF128: the upper half of a register from or to its slot. */
static void upper_half(Host *h, bool store, int xmm, size_t off)
{
    asm_vex_rmx(&h->a, (store ? 0x19 : 0x18) | X_0F3A | X_66, true, xmm, store ? 0 : xmm, ENV_REG, -1,
                env_disp(off + 16));
    a8(&h->a, 1);
}

/* Hosts without AVX: the upper half of a slot becomes 0. */
static void zero_upper_in_memory(Host *h, size_t off)
{
    asm_rr(&h->a, 0x57 | X_0F, XA, XA);
    state_store(h, 16, XA, off + 16);
}

static uint32_t opcode_of(const IrVecOp *v)
{
    uint32_t prefix = v->prefix == 0x66 ? X_66 : v->prefix == 0xf2 ? X_F2 : v->prefix == 0xf3 ? X_F3 : 0;

    return v->opcode | (uint32_t)v->map << 8 | prefix | (v->w ? X_W : 0);
}
_Static_assert(X_0F == 1 << 8 && X_0F38 == 2 << 8 && X_0F3A == 3 << 8, "opcode maps");

/* The instruction itself, on registers. Without VEX: b is not d, unless a is d too. */
static void emit_op(Host *h, const IrVecOp *v, bool l256, int d, int a, int b, int c, unsigned imm)
{
    bool vex = host_avx() && !v->no_vex;
    uint32_t opc = opcode_of(v);
    int reg = v->reg_is_src ? b : d, rm = v->reg_is_src ? d : b;

    if (v->group && vex) {
        asm_vex_rr(&h->a, opc, l256, v->group, d, b);
    } else if (v->group) {
        copy(h, d, b);
        asm_rr(&h->a, opc, v->group, d);
    } else if (vex) {
        asm_vex_rr(&h->a, opc, l256, reg, v->dst_unread ? 0 : a, rm);
    } else {
        if (v->c_is_first) {
            copy(h, XA, c);         /* XMM0, implicitly */
        }
        if (!v->dst_unread) {
            copy(h, d, a);
        }
        asm_rr(&h->a, opc, reg, rm);
    }
    if (v->has_imm) {
        a8(&h->a, (uint8_t)imm);
    } else if (vex && (v->c_in_imm || v->c_is_first)) {
        a8(&h->a, (uint8_t)(c << 4));
    }
}

/* ---- memory and registers ---- */

static void slot_store(Host *h, unsigned i)
{
    VecSlot *s = &h->vec.slot[i];

    if (s->dirty) {
        state_store(h, s->dirty, s->reg, slot_off(i));
        s->dirty = 0;
    }
}

static void slot_need(Host *h, VecSlot *s, unsigned bytes)
{
    size_t off = slot_off((unsigned)(s - h->vec.slot));

    if (s->valid >= bytes) {
        return;
    }
    if (s->valid) {
        upper_half(h, false, s->reg, off);
    } else {
        state_load(h, bytes, s->reg, off);
    }
    s->valid = (uint8_t)bytes;
}

/* A result of 16 bytes is about to replace the lower half only. */
static void slot_keep_upper(Host *h, VecSlot *s)
{
    if (s->dirty == 32) {
        upper_half(h, true, s->reg, slot_off((unsigned)(s - h->vec.slot)));
        s->dirty = 16;
    }
}

void vec_flush_range(Host *h, size_t off, unsigned bytes, bool write)
{
    size_t base = host_info.layout.vec, first = off < base ? 0 : (off - base) / 32;

    for (size_t i = first; i < host_info.layout.n_vec && slot_off((unsigned)i) < off + bytes; i++) {
        slot_store(h, (unsigned)i);
        if (write) {
            h->vec.slot[i].valid = 0;
        }
    }
}

/* A register with at least these bytes of an operand: the slot's own, or scratch. */
static int operand(Host *h, size_t off, unsigned bytes, int scratch)
{
    VecSlot *s = fixed_slot(h, off);

    if (s) {
        slot_need(h, s, MAX(bytes, 16u));
        return s->reg;
    }
    vec_flush_range(h, off, bytes, false);
    state_load(h, MAX(bytes, 4u), scratch, off);
    return scratch;
}

/* A result of 16 bytes, or of 32, is in d. */
static void define(Host *h, size_t off, int d, bool all32)
{
    VecSlot *s = fixed_slot(h, off);

    if (s) {
        s->valid = s->dirty = all32 ? 32 : 16;
    } else {
        state_store(h, all32 ? 32 : 16, d, off);
    }
}

/* Where a result goes. keep: it replaces the lower half only. */
static int result_reg(Host *h, size_t off, bool keep)
{
    VecSlot *s = fixed_slot(h, off);

    if (s && keep) {
        slot_keep_upper(h, s);
    }
    return s ? s->reg : XD;
}

static void store_all(Host *h, bool temps)
{
    unsigned n = host_info.layout.n_vec - (temps ? 0 : host_info.layout.n_vec_temps);

    for (unsigned i = 0; i < n; i++) {
        slot_store(h, i);
    }
}

void vec_sync(Host *h)
{
    store_all(h, false);
}

void vec_sync_temps(Host *h)
{
    store_all(h, true);
}

void vec_forget(Host *h)
{
    for (unsigned i = 0; i < host_info.layout.n_vec; i++) {
        h->vec.slot[i].valid = h->vec.slot[i].dirty = 0;
    }
}

void vec_before_call(Host *h)
{
    store_all(h, true);
    vec_forget(h);
}

void vec_insn_start(Host *h)
{
    for (unsigned i = 0; i < host_info.layout.n_vec_temps; i++) {
        VecSlot *s = &h->vec.slot[host_info.layout.n_vec - 1 - i];

        s->valid = s->dirty = 0;
    }
}

/* ---- out of line ---- */

VecMasks vec_dirty(Host *h, bool temps)
{
    unsigned n = host_info.layout.n_vec - (temps ? 0 : host_info.layout.n_vec_temps);
    VecMasks m = { 0 };

    for (unsigned i = 0; i < n; i++) {
        unsigned dirty = h->vec.slot[i].dirty;

        m.low |= (uint32_t)(dirty == 16) << i;
        m.all |= (uint32_t)(dirty == 32) << i;
    }
    return m;
}

/* A slow path stores what is dirty, temporaries too, and loads again what is valid. */
void vec_note_live(Host *h, Stub *s)
{
    VecMasks dirty = vec_dirty(h, true);
    uint32_t temps = ~0u << (host_info.layout.n_vec - host_info.layout.n_vec_temps);

    s->sync.vec.low |= dirty.low & temps;
    s->sync.vec.all |= dirty.all & temps;
    s->reload = (VecMasks) { 0 };
    for (unsigned i = 0; i < host_info.layout.n_vec; i++) {
        unsigned valid = h->vec.slot[i].valid;

        s->reload.low |= (uint32_t)(valid == 16) << i;
        s->reload.all |= (uint32_t)(valid == 32) << i;
    }
}

void vec_emit_moves(Host *h, VecMasks m, bool store)
{
    for (unsigned i = 0; (m.low | m.all | m.upper) >> i; i++) {
        int reg = h->vec.slot[i].reg;

        if ((m.low | m.all) >> i & 1) {
            move(h, m.all >> i & 1 ? 32 : 16, store, reg, ENV_REG, -1, env_disp(slot_off(i)));
        } else if (m.upper >> i & 1) {
            upper_half(h, store, reg, slot_off(i));
        }
    }
}

/* ---- blocks that jump to themselves ---- */

bool vec_loops_back(Host *h, const IrOp *op)
{
    return h->vec.loop_off && op->c[0] == h->code->eip && !(op->pos & IR_EXIT_CROSS);
}

/* What has to be loaded so that registers are as behind the block's entry. */
VecMasks vec_loop_loads(Host *h)
{
    VecMasks m = { 0 };

    for (unsigned i = 0; i < host_info.layout.n_vec; i++) {
        const VecSlot *s = &h->vec.slot[i];

        if (s->reg >= 0 && !slot_is_temp(i) && s->valid < s->width) {
            m.upper |= (uint32_t)(s->valid != 0) << i;
            m.all |= (uint32_t)(!s->valid && s->width == 32) << i;
            m.low |= (uint32_t)(!s->valid && s->width == 16) << i;
        }
    }
    return m;
}

static void use(Host *h, size_t off, unsigned bytes, bool written)
{
    int i = slot_at(off);

    if (i >= 0) {
        VecSlot *s = &h->vec.slot[i];

        s->uses++;
        s->width = MAX(s->width, bytes > 16 ? 32 : 16);
        s->written |= written;
    }
}

static void count_uses(Host *h, const IrOp *op)
{
    const IrVecOp *v = (const IrVecOp *)(uintptr_t)op->c[0];
    size_t first = (uint32_t)op->c[1], second = (size_t)(op->c[1] >> 32);

    switch (op->opc) {
    case IRO_vec:
        use(h, first, 16, true);
        use(h, second, 16, false);
        break;
    case IRO_vex:
        use(h, first, 32, true);
        if (!v->dst_unread) {
            use(h, second, op->slot, false);
        }
        use(h, (uint32_t)op->c[2], op->slot == 32 ? v->src_bytes256 : 16, false);
        if (v->reads_c) {
            use(h, (size_t)(op->c[2] >> 32), op->slot, false);
        }
        break;
    case IRO_vget:
        use(h, first, op->slot, false);
        use(h, second, op->slot, false);
        break;
    case IRO_vput:
        use(h, first, op->slot ? 32 : 16, true);
        use(h, second, 16, false);
        break;
    case IRO_gldv:
        use(h, first, op->c[0] & IR_MO_ZERO ? 32 : ir_mo_bytes((IrMemOp)op->c[0]), true);
        break;
    case IRO_gstv:
        use(h, first, ir_mo_bytes((IrMemOp)op->c[0]), false);
        break;
    default:
        break;
    }
}

static bool jumps_to_start(Host *h, const IrOp *op)
{
    return (op->opc == IRO_exit_chain || op->opc == IRO_exit_chain_if) && op->c[0] == h->code->eip
        && !(op->pos & IR_EXIT_CROSS) && !h->code->leave;
}

static void assign_registers(Host *h)
{
    for (int reg = FIRST_FIXED; reg < FIRST_FIXED + N_FIXED; reg++) {
        int best = -1;

        for (unsigned i = 0; i < host_info.layout.n_vec; i++) {
            const VecSlot *s = &h->vec.slot[i];

            if (s->reg < 0 && s->uses && (best < 0 || s->uses > h->vec.slot[best].uses)) {
                best = (int)i;
            }
        }
        if (best < 0) {
            return;
        }
        h->vec.slot[best].reg = (int8_t)reg;
        if (!host_avx()) {
            h->vec.slot[best].width = 16;
        }
    }
}

void vec_start(Host *h)
{
    bool loops = false, any = false;
    unsigned zeroed = 0;

    for (unsigned i = 0; i < host_info.layout.n_vec; i++) {
        h->vec.slot[i] = (VecSlot) { .reg = -1 };
    }
    h->vec.loop_off = 0;
    for (unsigned i = 0; i < h->ir->n_ops; i++) {
        count_uses(h, &h->ir->ops[i]);
        zeroed = h->ir->ops[i].opc == IRO_vzup ? MAX(zeroed, h->ir->ops[i].pos) : zeroed;
        loops |= jumps_to_start(h, &h->ir->ops[i]);
    }
    assign_registers(h);
    for (unsigned i = 0; i < zeroed; i++) {
        h->vec.slot[i].written |= h->vec.slot[i].width == 32;
    }
    for (unsigned i = 0; i < host_info.layout.n_vec && loops; i++) {
        VecSlot *s = &h->vec.slot[i];

        if (s->reg >= 0 && !slot_is_temp(i)) {
            slot_need(h, s, s->width);
            s->dirty = s->written ? s->width : 0;
            any = true;
        }
    }
    h->vec.loop_off = any ? (uint32_t)(h->a.p - h->a.base) : 0;
}

/* ---- operations ---- */

/* Result or operands that are no whole slots: in memory. */
static void vec_in_memory(Host *h, const IrOp *op, const IrVecOp *v)
{
    size_t dst = (uint32_t)op->c[1], src = (size_t)(op->c[1] >> 32);
    int b = operand(h, src, v->src_bytes, XB);

    vec_flush_range(h, dst, v->dst_bytes, true);
    if (b != XB) {
        copy(h, XB, b);             /* its slot may just have been given up */
    }
    if (!v->dst_unread) {
        state_load(h, v->dst_bytes, XD, dst);
    }
    emit_op(h, v, false, XD, XD, XB, -1, op->pos);
    state_store(h, v->dst_bytes, XD, dst);
}

static void vec_copy(Host *h, const IrOp *op, const IrVecOp *v)
{
    size_t dst = (uint32_t)op->c[1], src = (size_t)(op->c[1] >> 32);
    int b, c = -1, d;

    if (v->dst_bytes < 16 || slot_at(dst) < 0) {
        vec_in_memory(h, op, v);
        return;
    }
    b = operand(h, src, v->src_bytes, XB);
    if (v->c_is_first) {
        c = operand(h, host_info.layout.vec, 16, XA);
    }
    d = v->dst_unread ? result_reg(h, dst, true) : operand(h, dst, 16, XD);
    result_reg(h, dst, true);
    emit_op(h, v, false, d, d, b, c, op->pos);
    define(h, dst, d, false);
}

static void vex_copy(Host *h, const IrOp *op, const IrVecOp *v)
{
    size_t dst = (uint32_t)op->c[1];
    bool l256 = op->slot == 32;
    int b = operand(h, (uint32_t)op->c[2], l256 ? v->src_bytes256 : v->src_bytes, XB);
    int a = v->dst_unread ? -1 : operand(h, (size_t)(op->c[1] >> 32), op->slot, XA);
    int c = v->c_in_imm ? operand(h, (size_t)(op->c[2] >> 32), op->slot, XD) : -1;
    int d = v->reads_c && !v->c_in_imm ? operand(h, dst, op->slot, XD) : result_reg(h, dst, false);

    emit_op(h, v, l256, d, a, b, c, op->pos);
    define(h, dst, d, true);
}

/* C functions: through the ordinary thunk, with offsets for operands. */
static void call_c(Host *h, const IrOp *op, void *fn, const uint64_t *args, unsigned n, IrTemp value)
{
    IrHelper helper = { .name = "vec", .fn = fn, .flags = IR_CALL_STATE };
    IrOp call = { .opc = IRO_call, .type = op->type, .nout = op->nout, .dies = op->dies & 1 };

    vec_before_call(h);
    if (value != IR_NONE) {
        int r = regs_use(h, value);

        asm_rm(&h->a, 0x89 | X_W, r, ENV_REG, env_disp(host_info.layout.args + 8 * 2));
        h->locked &= ~(1u << r);
        regs_kill_operands(h, op);
    }
    for (unsigned i = 0; i < n; i++) {
        if (i != 2 || value == IR_NONE) {
            int r = regs_alloc(h, 0);

            asm_movi(&h->a, r, args[i]);
            asm_rm(&h->a, 0x89 | X_W, r, ENV_REG, env_disp(host_info.layout.args + 8 * i));
            h->locked &= ~(1u << r);
        }
    }
    call.arg[0] = op->arg[0];
    lower_call(h, &call, &helper);
}

void lower_vec(Host *h, const IrOp *op)
{
    const IrVecOp *v = (const IrVecOp *)(uintptr_t)op->c[0];

    if (v->mmx || !host_has(v->host_feature)) {
        uint64_t args[] = { op->c[0], op->c[1], op->pos };

        call_c(h, op, (void *)ir_vec_run, args, 3, IR_NONE);
    } else {
        vec_copy(h, op, v);
    }
}

void lower_vex(Host *h, const IrOp *op)
{
    const IrVecOp *v = (const IrVecOp *)(uintptr_t)op->c[0];

    if (!host_avx() || !host_has(op->slot == 32 ? v->host_feature256 : v->host_feature)) {
        uint64_t args[] = { op->c[0], op->c[1], op->c[2], op->pos | (uint32_t)op->slot << 8 };

        call_c(h, op, (void *)ir_vex_run, args, 4, IR_NONE);
    } else {
        vex_copy(h, op, v);
    }
}

/* Z, P and C as COMISD and PTEST leave them; the others are 0. */
static void get_flags(Host *h, const IrOp *op, const IrVecOp *v, unsigned bytes)
{
    int a, b;

    regs_take(h, RAX);
    b = operand(h, (size_t)(op->c[1] >> 32), bytes, XB);
    a = operand(h, (uint32_t)op->c[1], bytes, XA);
    if (host_avx()) {
        asm_vex_rr(&h->a, opcode_of(v), op->slot == 32, a, 0, b);
    } else {
        asm_rr(&h->a, opcode_of(v), a, b);
    }
    a8(&h->a, 0x9f);                                            /* LAHF */
    asm_rr(&h->a, 0xb6 | X_0F, RAX, RSP);                       /* MOVZX EAX, AH */
    asm_g1_ri(&h->a, false, G1_AND, RAX, 0x45);
    regs_def_in(h, op->arg[0], RAX);
}

void lower_vget(Host *h, const IrOp *op)
{
    const IrVecOp *v = (const IrVecOp *)(uintptr_t)op->c[0];
    unsigned bytes = op->slot == 32 ? v->src_bytes256 : v->src_bytes;
    int d, b;

    if (!host_has(op->slot == 32 ? v->host_feature256 : v->host_feature)) {
        uint64_t args[] = { op->c[0], op->c[1], op->pos | (uint32_t)op->slot << 8 };

        call_c(h, op, (void *)ir_vget_run, args, 3, IR_NONE);
        return;
    }
    if (v->is_flags) {
        get_flags(h, op, v, bytes);
        return;
    }
    d = regs_def(h, op->arg[0], -1);
    b = operand(h, (size_t)(op->c[1] >> 32), bytes, XB);
    if (host_avx()) {
        asm_vex_rr(&h->a, opcode_of(v), op->slot == 32, v->reg_is_src ? b : d, 0, v->reg_is_src ? d : b);
    } else {
        asm_rr(&h->a, opcode_of(v), v->reg_is_src ? b : d, v->reg_is_src ? d : b);
    }
    if (v->has_imm) {
        a8(&h->a, op->pos);
    }
}

void lower_vput(Host *h, const IrOp *op)
{
    const IrVecOp *v = (const IrVecOp *)(uintptr_t)op->c[0];
    size_t dst = (uint32_t)op->c[1];
    bool zero = op->slot;
    int r, a, d;

    if (slot_at(dst) < 0 || !host_has(v->host_feature)) {
        uint64_t args[] = { op->c[0], op->c[1], 0, op->pos | (zero ? 0x100 : 0) };

        call_c(h, op, (void *)ir_vput_run, args, 4, op->arg[0]);
        return;
    }
    r = regs_use(h, op->arg[0]);
    regs_kill_operands(h, op);
    a = v->dst_unread ? -1 : operand(h, (size_t)(op->c[1] >> 32), 16, XA);
    d = result_reg(h, dst, !zero);
    emit_op(h, v, false, d, a, r, -1, op->pos);
    if (zero && !host_avx()) {
        zero_upper_in_memory(h, dst);
    }
    define(h, dst, d, zero && host_avx());
}

/* A register whose slot the block uses as a whole does it itself; of the others the memory has the upper half. */
void lower_vzup(Host *h, const IrOp *op)
{
    bool have_zeros = false;

    for (unsigned i = 0; i < op->pos; i++) {
        VecSlot *s = &h->vec.slot[i];

        if (s->reg >= 0 && s->width == 32 && s->valid) {
            asm_vex_rr(&h->a, 0x28 | X_0F, false, s->reg, 0, s->reg);
            s->valid = s->dirty = 32;
            continue;
        }
        if (!have_zeros && host_avx()) {
            asm_vex_rr(&h->a, 0x57 | X_0F, false, XA, XA, XA);
        } else if (!have_zeros) {
            asm_rr(&h->a, 0x57 | X_0F, XA, XA);
        }
        have_zeros = true;
        state_store(h, 16, XA, slot_off(i) + 16);
    }
}

/* ---- guest memory ---- */

/* Without a register of 32 bytes: two halves, by way of XD. */
static void move_halves(Host *h, bool load, size_t off, const Probe *p)
{
    vec_flush_range(h, off, 32, load);
    for (int i = 0; i < 32; i += 16) {
        if (load) {
            move(h, 16, false, XD, p->idx, p->x, i);
            state_store(h, 16, XD, off + (unsigned)i);
        } else {
            state_load(h, 16, XD, off + (unsigned)i);
            move(h, 16, true, XD, p->idx, p->x, i);
        }
    }
}

void lower_gldv(Host *h, const IrOp *op)
{
    IrMemOp mo = (IrMemOp)op->c[0];
    unsigned bytes = ir_mo_bytes(mo);
    size_t dst = (size_t)op->c[1];
    bool all32 = bytes == 32 || (mo & IR_MO_ZERO), halves = bytes == 32 && !host_avx();
    Probe p = { .addr = regs_use(h, op->arg[0]) };
    Stub *s;
    int d;

    regs_kill_operands(h, op);
    probe_alloc(h, &p, true);
    if (halves || slot_at(dst) < 0) {
        vec_flush_range(h, dst, all32 ? 32 : 16, true);
    }
    d = result_reg(h, dst, !all32);
    s = stub_new(h, STUB_LOADV);
    regs_sync_list(h, &s->sync, 0);
    note_saved(h, s, -1);
    s->data = -1;
    s->val = (int64_t)dst;
    probe_emit(h, &p, mo, mo & IR_MO_RMW, s);
    if (halves) {
        move_halves(h, true, dst, &p);
    } else {
        move(h, bytes, false, d, p.idx, p.x, 0);
        if (all32 && !host_avx()) {
            zero_upper_in_memory(h, dst);
        }
        define(h, dst, d, all32 && host_avx());
    }
    vec_note_live(h, s);
    s->back = h->a.p;
}

void lower_gstv(Host *h, const IrOp *op)
{
    IrMemOp mo = (IrMemOp)op->c[0];
    unsigned bytes = ir_mo_bytes(mo);
    size_t src = (size_t)op->c[1];
    bool halves = bytes == 32 && !host_avx();
    Probe p = { .addr = regs_use(h, op->arg[0]) };
    VecSlot *slot = fixed_slot(h, src);
    Stub *s;

    regs_kill_operands(h, op);
    probe_alloc(h, &p, true);
    if (slot && !halves) {
        slot_need(h, slot, MAX(bytes, 16u));
    } else {
        vec_flush_range(h, src, bytes, false);
    }
    s = stub_new(h, STUB_STOREV);
    regs_sync_list(h, &s->sync, 0);
    note_saved(h, s, -1);
    vec_note_live(h, s);
    s->data = -1;
    s->val = (int64_t)src;
    s->next_delta = next_insn_delta(h, op);
    probe_emit(h, &p, mo, true, s);
    if (halves) {
        move_halves(h, false, src, &p);
    } else {
        int r = slot ? slot->reg : XD;

        if (!slot) {
            state_load(h, bytes, XD, src);
        }
        move(h, bytes, true, r, p.idx, p.x, 0);
    }
    s->back = h->a.p;
}
