/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Emitters: jumps, calls, returns, the stack, software interrupts, far transfers.
 *
 * Nothing of an instruction is committed before all that may fault is done: a push stores first and moves RSP then.
 * Follows SDM vol. 2; sizes of near transfers in 64-bit mode are always 64 bits (as on Intel CPUs).
 */
#include "qemu/osdep.h"
#include "target-i386/decode.h"
#include "target-i386/helper-int.h"

/* ---- the stack ---- */

static unsigned stack_bytes(const Translator *t)
{
    return t->code64 ? 8 : t->ss32 ? 4 : 2;
}

/* Stack pointer plus n, as an offset in SS. */
static IrTemp stack_offset(Translator *t, int64_t n)
{
    return ea_truncate(t, ir_addi(t->ir, x86g.reg[R_ESP], n), stack_bytes(t));
}

static void stack_set(Translator *t, IrTemp offset)
{
    if (stack_bytes(t) == 2) {
        guest_reg_write(t, R_ESP, ir_trunc(t->ir, offset), 2);
    } else {
        guest_reg_write(t, R_ESP, offset, 8);
    }
}

static void stack_store(Translator *t, Insn *in, IrTemp offset, IrTemp val, unsigned size)
{
    gen_store(t, seg_linear(t, in, R_SS, offset, size, EA_WRITE), val, size);
}

static IrTemp stack_load(Translator *t, Insn *in, IrTemp offset, unsigned size)
{
    return gen_load(t, seg_linear(t, in, R_SS, offset, size, EA_READ), size);
}

static void push(Translator *t, Insn *in, IrTemp val, unsigned size)
{
    IrTemp offset = stack_offset(t, -(int64_t)size);

    stack_store(t, in, offset, val, size);
    stack_set(t, offset);
}

static IrTemp konst(Translator *t, unsigned size, uint64_t v)
{
    return ir_const(t->ir, size == 8 ? IR_I64 : IR_I32, (int64_t)v);
}

static IrTemp wide(Translator *t, IrTemp v)
{
    return ir_type(t->ir, v) == IR_I64 ? v : ir_ext(t->ir, IR_I64, IR_U32, v);
}

void emit_push(Translator *t, Insn *in)
{
    push(t, in, in->val[0], in->opsize);
}

/* POP (SDM vol. 2B): an address that uses ESP is computed after the increment; POP SP takes the popped value. */
void emit_pop(Translator *t, Insn *in)
{
    unsigned size = in->opsize;
    IrTemp val = stack_load(t, in, stack_offset(t, 0), size), next = stack_offset(t, size);

    if (in->is_mem) {
        if (in->base == R_ESP) {
            in->disp += size;
        }
        insn_write_rm(t, in, val, size);
        stack_set(t, next);
        return;
    }
    stack_set(t, next);
    guest_reg_write(t, in->has_modrm ? in->rm : (in->opcode & 7u) | (in->rex & 1 ? 8u : 0u), val, size);
}

static unsigned opcode_segment(const Insn *in)
{
    return in->opcode >> 3 & 7;     /* 06 0E 16 1E, 0F A0, 0F A8 */
}

void emit_push_seg(Translator *t, Insn *in)
{
    IrTemp sel = ir_ld(t->ir, IR_I32, ENV_OFF(segs[opcode_segment(in)].selector), IR_MO_16);

    push(t, in, in->opsize == 8 ? wide(t, sel) : sel, in->opsize);
}

void emit_pop_seg(Translator *t, Insn *in)
{
    unsigned seg = opcode_segment(in);
    IrTemp val = stack_load(t, in, stack_offset(t, 0), in->opsize), next = stack_offset(t, in->opsize);
    IrTemp sel = ir_andi(t->ir, in->opsize == 8 ? ir_trunc(t->ir, val) : val, 0xffff);

    gen_load_segment(t, seg, sel);
    stack_set(t, next);             /* by the stack size of before */
    if (seg == R_SS) {
        gen_start_shadow(t);
    }
}

void emit_pusha(Translator *t, Insn *in)
{
    unsigned size = in->opsize;
    IrTemp offset = IR_NONE;

    for (unsigned r = 0; r < 8; r++) {
        offset = stack_offset(t, -(int64_t)(size * (r + 1)));
        stack_store(t, in, offset, guest_reg_read(t, r, size), size);
    }
    stack_set(t, offset);
}

void emit_popa(Translator *t, Insn *in)
{
    unsigned size = in->opsize;
    IrTemp val[8] = { 0 }, next = stack_offset(t, 8 * size);

    for (unsigned i = 0; i < 8; i++) {
        val[i] = stack_load(t, in, stack_offset(t, size * i), size);
    }
    stack_set(t, next);
    for (unsigned i = 0; i < 8; i++) {
        if (7 - i != R_ESP) {
            guest_reg_write(t, 7 - i, val[i], size);
        }
    }
}

void emit_pushf(Translator *t, Insn *in)
{
    IrTemp flags;

    if (t->mk & MK_VM86) {
        ir_call(t->ir, &ir_helper_pushf_check);
    }
    flags = ir_call(t->ir, &ir_helper_read_eflags);
    push(t, in, in->opsize == 8 ? wide(t, flags) : flags, in->opsize);
}

void emit_popf(Translator *t, Insn *in)
{
    IrTemp val = stack_load(t, in, stack_offset(t, 0), in->opsize), next = stack_offset(t, in->opsize);

    ir_call(t->ir, &ir_helper_popf, wide(t, val), ir_const(t->ir, IR_I32, in->opsize));
    stack_set(t, next);
    flags_forget(t);
    gen_end_block(t);
}

/* ENTER (SDM vol. 2A): the old frame pointers are copied before anything is committed. */
void emit_enter(Translator *t, Insn *in)
{
    IrContext *ir = t->ir;
    unsigned size = in->opsize, level = in->imm2 & 31;
    IrTemp frame = stack_offset(t, -(int64_t)size), new_bp, top;
    int64_t depth = size;

    stack_store(t, in, frame, guest_reg_read(t, R_EBP, size), size);
    for (unsigned i = 1; i < level; i++) {
        IrTemp from = ea_truncate(t, ir_addi(ir, x86g.reg[R_EBP], -(int64_t)(size * i)), stack_bytes(t));

        depth += size;
        stack_store(t, in, stack_offset(t, -depth), stack_load(t, in, from, size), size);
    }
    /* A 16-bit stack moves SP only: EBP gets the rest of ESP too. */
    new_bp = stack_bytes(t) == 2 ? ir_deposit(ir, x86g.reg[R_ESP], frame, 0, 16) : frame;
    new_bp = size == 8 ? new_bp : ir_trunc(ir, new_bp);
    if (level) {
        depth += size;
        stack_store(t, in, stack_offset(t, -depth), new_bp, size);
    }
    top = stack_offset(t, -depth - (in->imm & 0xffff));
    /* The stack must take a write at its new top (SDM, "ENTER", last step). */
    ir_call(ir, &ir_helper_probe_write, seg_linear(t, in, R_SS, top, size, EA_WRITE), ir_const(ir, IR_I32, size),
            ir_const(ir, IR_I32, ir_mo_mmu(memop(t, 1))));
    stack_set(t, top);
    guest_reg_write(t, R_EBP, new_bp, size);
}

void emit_leave(Translator *t, Insn *in)
{
    unsigned size = in->opsize;
    IrTemp bp = ea_truncate(t, x86g.reg[R_EBP], stack_bytes(t));
    IrTemp val = stack_load(t, in, bp, size);

    stack_set(t, ea_truncate(t, ir_addi(t->ir, x86g.reg[R_EBP], size), stack_bytes(t)));
    guest_reg_write(t, R_EBP, val, size);
}

/* ---- near transfers ---- */

static bool fault_on_target(Translator *t, uint64_t target)
{
    if (!jump_allowed(t, target)) {
        gen_exception_err(t, EXC_GP, 0);
        return true;
    }
    return false;
}

/*
 * A computed target: truncated to the operand size, checked against the limit of CS. A non-canonical one is found when
 * the jump has missed the jump cache and is taken back then (cpu_bad_jump), but for calls, which store, and where the
 * cache is not used.
 */
static IrTemp indirect_target(Translator *t, Insn *in, IrTemp val)
{
    IrContext *ir = t->ir;
    IrTemp target = wide(t, val);

    if (t->code64) {
        if (in->row->emit == emit_call_ind || (t->mk & (MK_TF | MK_DB | MK_INHIBIT | MK_RF))) {
            gen_fault_if(t, in, IR_GTU, ir_addi(ir, ir_sari(ir, target, 47), 1), ir_const(ir, IR_I64, 1), FAULT_GP0, 0);
        }
    } else if (!(t->mk & MK_FLAT_CS)) {
        gen_fault_if(t, in, IR_GTU, target, ir_const(ir, IR_I64, (int64_t)(uint64_t)t->cs_limit), FAULT_GP0, 0);
    }
    return target;
}

void emit_jmp(Translator *t, Insn *in)
{
    gen_exit(t, insn_jump_target(in, t->code64));
}

void emit_jcc(Translator *t, Insn *in)
{
    IrCond c;
    IrTemp a, b;

    cond_get(t, in->opcode & 15, &c, &a, &b);
    gen_exit_if(t, in, c, a, b, insn_jump_target(in, t->code64));
}

void emit_call(Translator *t, Insn *in)
{
    uint64_t target = insn_jump_target(in, t->code64);

    if (!fault_on_target(t, target)) {
        push(t, in, konst(t, in->opsize, in->next), in->opsize);
        gen_exit(t, target);
    }
}

void emit_jmp_ind(Translator *t, Insn *in)
{
    gen_exit_to(t, indirect_target(t, in, in->val[0]));
}

void emit_call_ind(Translator *t, Insn *in)
{
    IrTemp target = indirect_target(t, in, in->val[0]);

    if (target == x86g.reg[R_ESP]) {
        IrTemp copy = ir_var_new(t->ir, IR_I64);    /* CALL RSP goes to the old value */

        ir_mov(t->ir, copy, target);
        target = copy;
    }
    push(t, in, konst(t, in->opsize, in->next), in->opsize);
    gen_exit_to(t, target);
}

void emit_ret(Translator *t, Insn *in)
{
    IrTemp val = stack_load(t, in, stack_offset(t, 0), in->opsize);
    IrTemp target = indirect_target(t, in, val);

    stack_set(t, stack_offset(t, in->opsize + (in->row->o0 == Iw ? in->imm : 0)));
    gen_exit_to(t, target);
}

/* ---- loops ---- */

static IrTemp counter(Translator *t, const Insn *in)
{
    return guest_reg_read(t, R_ECX, in->addrsize);
}

static void loop_if(Translator *t, Insn *in, IrTemp also)
{
    IrContext *ir = t->ir;
    uint64_t target = insn_jump_target(in, t->code64);
    IrTemp left = ir_addi(ir, counter(t, in), -1), zero, go;

    if (in->addrsize == 2) {
        left = ir_ext(ir, IR_I32, IR_U16, left);
    }
    zero = ir_const(ir, in->addrsize == 8 ? IR_I64 : IR_I32, 0);
    if (also != IR_NONE) {
        go = ir_and(ir, ir_setcond(ir, IR_NE, left, zero), also);
        left = in->addrsize == 8 ? left : wide(t, left);
    }
    if (!jump_allowed(t, target)) {     /* the fault precedes the decrement */
        if (also == IR_NONE) {
            gen_fault_if(t, in, IR_NE, left, zero, FAULT_GP0, 0);
        } else {
            gen_fault_if(t, in, IR_NE, go, ir_const(ir, IR_I32, 0), FAULT_GP0, 0);
        }
    }
    if (also == IR_NONE) {
        guest_reg_write(t, R_ECX, left, in->addrsize);
        gen_exit_if(t, in, IR_NE, left, zero, target);
    } else {
        guest_reg_write(t, R_ECX, in->addrsize == 8 ? left : ir_trunc(ir, left), in->addrsize);
        gen_exit_if(t, in, IR_NE, go, ir_const(ir, IR_I32, 0), target);
    }
}

void emit_loop(Translator *t, Insn *in)
{
    loop_if(t, in, IR_NONE);
}

/* LOOPNE (E0), LOOPE (E1) */
void emit_loopcc(Translator *t, Insn *in)
{
    loop_if(t, in, cond_value(t, in->opcode == 0xe1 ? 4 : 5));
}

void emit_jcxz(Translator *t, Insn *in)
{
    IrTemp zero = ir_const(t->ir, in->addrsize == 8 ? IR_I64 : IR_I32, 0);

    gen_exit_if(t, in, IR_EQ, counter(t, in), zero, insn_jump_target(in, t->code64));
}

/* ---- far transfers and interrupts ---- */

static IrTemp opsize_const(Translator *t, const Insn *in)
{
    return ir_const(t->ir, IR_I32, in->opsize);
}

static IrTemp next_const(Translator *t, const Insn *in)
{
    return ir_const(t->ir, IR_I64, (int64_t)in->next);
}

static void far_direct(Translator *t, Insn *in, const IrHelper *h)
{
    ir_call(t->ir, h, ir_const(t->ir, IR_I32, in->imm2), ir_const(t->ir, IR_I64, in->imm), opsize_const(t, in),
            next_const(t, in));
    gen_exit_helper(t);
}

void emit_far_jmp(Translator *t, Insn *in)
{
    far_direct(t, in, &ir_helper_far_jmp);
}

void emit_far_call(Translator *t, Insn *in)
{
    far_direct(t, in, &ir_helper_far_call);
}

static void far_indirect(Translator *t, Insn *in, const IrHelper *h)
{
    IrTemp addr = insn_ea(t, in, in->opsize + 2, EA_READ);
    IrTemp off = wide(t, gen_load(t, addr, in->opsize));
    IrTemp sel = gen_load(t, ir_addi(t->ir, addr, in->opsize), 2);

    ir_call(t->ir, h, sel, off, opsize_const(t, in), next_const(t, in));
    gen_exit_helper(t);
}

void emit_far_jmp_ind(Translator *t, Insn *in)
{
    far_indirect(t, in, &ir_helper_far_jmp);
}

void emit_far_call_ind(Translator *t, Insn *in)
{
    far_indirect(t, in, &ir_helper_far_call);
}

void emit_far_ret(Translator *t, Insn *in)
{
    ir_call(t->ir, &ir_helper_far_ret, opsize_const(t, in), ir_const(t->ir, IR_I32, in->row->o0 == Iw ? in->imm : 0));
    gen_exit_helper(t);
}

void emit_iret(Translator *t, Insn *in)
{
    ir_call(t->ir, &ir_helper_iret, opsize_const(t, in), next_const(t, in));
    gen_exit_helper(t);
}

void emit_int(Translator *t, Insn *in)
{
    ir_call(t->ir, &ir_helper_int, ir_const(t->ir, IR_I32, in->imm & 0xff), next_const(t, in));
    t->done = true;
}

void emit_int3(Translator *t, Insn *in)
{
    ir_call(t->ir, &ir_helper_int3, next_const(t, in));
    t->done = true;
}

void emit_icebp(Translator *t, Insn *in)
{
    ir_call(t->ir, &ir_helper_icebp, next_const(t, in));
    t->done = true;
}

void emit_into(Translator *t, Insn *in)
{
    ir_call(t->ir, &ir_helper_into, next_const(t, in));
    flags_forget(t);
}

void emit_bound(Translator *t, Insn *in)
{
    IrTemp index = ir_ext(t->ir, IR_I64, in->opsize == 2 ? IR_S16 : IR_S32, in->val[0]);

    insn_ea(t, in, 2u * in->opsize, EA_READ);
    ir_call(t->ir, &ir_helper_bound, ir_const(t->ir, IR_I32, in->opsize), index, in->ea);
}
