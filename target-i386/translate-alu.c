/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Emitters: arithmetic, logic, moves, multiplication and division, BCD.
 *
 * Operands are loaded and results written by translate.c; an emitter computes val[0] (and val[1] where the row says so)
 * and leaves in->flags. Under LOCK with other vCPUs about (in->locked) it does the memory access itself, atomically.
 * Undefined flags are those of current Intel CPUs: docs/cpu-flags.md.
 */
#include "qemu/osdep.h"
#include "target-i386/decode.h"
#include "target-i386/helper-int.h"

static IrTemp konst(Translator *t, const Insn *in, int64_t v)
{
    return ir_const(t->ir, in->size == 8 ? IR_I64 : IR_I32, v);
}

static uint64_t size_mask(const Insn *in)
{
    return in->size == 8 ? ~0ull : (1ull << (in->size * 8)) - 1;
}

static IrTemp sign_extend(Translator *t, IrTemp v, unsigned size)
{
    return size == 1 ? ir_ext(t->ir, IR_I32, IR_S8, v) : size == 2 ? ir_ext(t->ir, IR_I32, IR_S16, v) : v;
}

static IrTemp locked_rmw(Translator *t, Insn *in, IrRmw op, IrTemp val)
{
    return ir_atomic_rmw(t->ir, op, in->ea, val, memop(t, in->size));
}

/* ---- addition and subtraction ---- */

void emit_add(Translator *t, Insn *in)
{
    IrTemp b = in->val[1];
    IrTemp a = in->locked ? locked_rmw(t, in, IR_RMW_ADD, b) : in->val[0];

    in->val[0] = ir_add(t->ir, a, b);
    in->flags = flags_of(CC_OP_ADDB, in->size, in->val[0], b);
}

/* C in the width of the operation. */
static IrTemp carry_in(Translator *t, const Insn *in)
{
    IrTemp c = flags_carry(t);

    return in->size == 8 ? ir_ext(t->ir, IR_I64, IR_U32, c) : c;
}

void emit_adc(Translator *t, Insn *in)
{
    IrTemp c = carry_in(t, in), b = in->val[1], a = in->val[0];

    if (in->locked) {
        a = locked_rmw(t, in, IR_RMW_ADD, ir_add(t->ir, b, c));
    }
    in->val[0] = ir_add(t->ir, ir_add(t->ir, a, b), c);
    in->flags = flags_of(CC_OP_ADCB, in->size, in->val[0], b);
    in->flags.src2 = c;
}

static CcState sub_flags(const Insn *in, IrTemp res, IrTemp a, IrTemp b)
{
    CcState f = flags_of(CC_OP_SUBB, in->size, res, b);

    f.a = a;
    f.b = b;
    return f;
}

void emit_sub(Translator *t, Insn *in)
{
    IrTemp b = in->val[1], a = in->val[0];

    if (in->locked) {
        a = locked_rmw(t, in, IR_RMW_ADD, ir_neg(t->ir, b));
    }
    in->val[0] = ir_sub(t->ir, a, b);
    in->flags = sub_flags(in, in->val[0], a, b);
}

void emit_sbb(Translator *t, Insn *in)
{
    IrTemp c = carry_in(t, in), b = in->val[1], a = in->val[0];

    if (in->locked) {
        a = locked_rmw(t, in, IR_RMW_ADD, ir_neg(t->ir, ir_add(t->ir, b, c)));
    }
    in->val[0] = ir_sub(t->ir, ir_sub(t->ir, a, b), c);
    in->flags = flags_of(CC_OP_SBBB, in->size, in->val[0], b);
    in->flags.src2 = c;
}

void emit_cmp(Translator *t, Insn *in)
{
    in->flags = sub_flags(in, ir_sub(t->ir, in->val[0], in->val[1]), in->val[0], in->val[1]);
}

static void inc_dec(Translator *t, Insn *in, int64_t by, unsigned group)
{
    IrTemp a = in->val[0];

    if (in->locked) {
        a = locked_rmw(t, in, IR_RMW_ADD, konst(t, in, by));
    }
    in->val[0] = ir_addi(t->ir, a, by);
    in->flags = flags_of_inc(group, in->size, in->val[0]);
}

void emit_inc(Translator *t, Insn *in)
{
    inc_dec(t, in, 1, CC_OP_INCB);
}

void emit_dec(Translator *t, Insn *in)
{
    inc_dec(t, in, -1, CC_OP_DECB);
}

/*
 * A read-modify-write without a host instruction: one attempt; when another CPU was faster the instruction starts
 * over.
 */
static void locked_attempt(Translator *t, Insn *in, IrTemp expected, IrTemp val)
{
    IrTemp seen = ir_atomic_cas(t->ir, in->ea, expected, val, memop(t, in->size));

    ir_exit_chain_if(t->ir, IR_NE, seen, expected, in->pc, IR_EXIT_LOOP, 0);
}

void emit_neg(Translator *t, Insn *in)
{
    IrTemp a = in->locked ? gen_load_rmw(t, in->ea, in->size) : in->val[0];

    in->val[0] = ir_neg(t->ir, a);
    if (in->locked) {
        locked_attempt(t, in, a, in->val[0]);
    }
    in->flags = sub_flags(in, in->val[0], konst(t, in, 0), a);
}

void emit_xadd(Translator *t, Insn *in)
{
    IrTemp b = in->val[1];
    IrTemp a = in->locked ? locked_rmw(t, in, IR_RMW_ADD, b) : in->val[0];

    in->val[0] = ir_add(t->ir, a, b);
    in->val[1] = a;
    in->flags = flags_of(CC_OP_ADDB, in->size, in->val[0], b);
}

/* ---- logic ---- */

static void logic_flags(Insn *in, IrTemp res)
{
    in->flags = flags_of(CC_OP_LOGICB, in->size, res, IR_NONE);
}

void emit_and(Translator *t, Insn *in)
{
    IrTemp a = in->locked ? locked_rmw(t, in, IR_RMW_AND, in->val[1]) : in->val[0];

    in->val[0] = ir_and(t->ir, a, in->val[1]);
    logic_flags(in, in->val[0]);
}

void emit_or(Translator *t, Insn *in)
{
    IrTemp a = in->locked ? locked_rmw(t, in, IR_RMW_OR, in->val[1]) : in->val[0];

    in->val[0] = ir_or(t->ir, a, in->val[1]);
    logic_flags(in, in->val[0]);
}

static bool same_register(const Insn *in)
{
    return in->has_modrm && !in->is_mem && in->reg == in->rm;
}

void emit_xor(Translator *t, Insn *in)
{
    IrTemp a = in->locked ? locked_rmw(t, in, IR_RMW_XOR, in->val[1]) : in->val[0];

    in->val[0] = same_register(in) && in->row->o1 != Ib && in->row->o1 != Iz && in->row->o1 != Is
                 ? konst(t, in, 0) : ir_xor(t->ir, a, in->val[1]);
    logic_flags(in, in->val[0]);
}

void emit_test(Translator *t, Insn *in)
{
    bool same = in->row->o1 == (in->size == 1 ? Gb : Gv) && same_register(in);
    IrTemp res = same ? in->val[0] : ir_and(t->ir, in->val[0], in->val[1]);

    logic_flags(in, res);
    if (!same) {
        in->flags.a = in->val[0];
        in->flags.b = in->val[1];
    }
}

void emit_not(Translator *t, Insn *in)
{
    if (in->locked) {
        locked_rmw(t, in, IR_RMW_XOR, konst(t, in, (int64_t)size_mask(in)));
    } else {
        in->val[0] = ir_not(t->ir, in->val[0]);
    }
}

/* ---- moves ---- */

void emit_mov(Translator *t, Insn *in)
{
    in->val[0] = in->val[1];
}

void emit_nop(Translator *t, Insn *in)
{
}

void emit_xchg(Translator *t, Insn *in)
{
    IrTemp a = in->val[0], b = in->val[1];

    if (in->locked) {
        in->val[1] = locked_rmw(t, in, IR_RMW_XCHG, b);
        return;
    }
    in->val[0] = b;
    in->val[1] = a;
    if (in->size == 8 && !in->is_mem) {
        /* Both are globals: the one written first needs a copy of what the other gets. */
        IrTemp copy = ir_var_new(t->ir, IR_I64);

        ir_mov(t->ir, copy, b);
        in->val[0] = copy;
    }
}

void emit_movzx(Translator *t, Insn *in)
{
    in->val[0] = in->size == 8 ? ir_ext(t->ir, IR_I64, IR_U32, in->val[1]) : in->val[1];
}

void emit_movsx(Translator *t, Insn *in)
{
    static const IrExt kind[5] = { [1] = IR_S8, [2] = IR_S16, [4] = IR_S32 };

    in->val[0] = ir_ext(t->ir, in->size == 8 ? IR_I64 : IR_I32, kind[operand_size(in, in->row->o1)], in->val[1]);
}

void emit_lea(Translator *t, Insn *in)
{
    IrTemp ea = insn_ea_offset(t, in);

    in->val[0] = in->size == 8 ? ea : ir_trunc(t->ir, ea);
}

void emit_bswap(Translator *t, Insn *in)
{
    in->val[0] = in->size == 2 ? ir_const(t->ir, IR_I32, 0) : ir_bswap(t->ir, in->val[0]);
}

void emit_movbe(Translator *t, Insn *in)
{
    IrTemp v = ir_bswap(t->ir, in->val[1]);

    in->val[0] = in->size == 2 ? ir_shri(t->ir, v, 16) : v;
}

void emit_cmov(Translator *t, Insn *in)
{
    in->val[0] = cond_select(t, in->opcode & 15, in->val[1], in->val[0]);
}

void emit_setcc(Translator *t, Insn *in)
{
    in->val[0] = cond_value(t, in->opcode & 15);
}

void emit_xlat(Translator *t, Insn *in)
{
    IrTemp sum = ir_add(t->ir, x86g.reg[R_EBX], ir_ext(t->ir, IR_I64, IR_U8, x86g.reg[R_EAX]));
    unsigned seg = in->seg_override != SEG_NONE ? in->seg_override : R_DS;
    IrTemp addr = seg_linear(t, in, seg, ea_truncate(t, sum, in->addrsize), 1, EA_READ);

    guest_reg_write(t, R_EAX, gen_load(t, addr, 1), 1);
}

/* CBW, CWDE, CDQE */
void emit_cbw(Translator *t, Insn *in)
{
    IrTemp rax = x86g.reg[R_EAX];

    if (in->opsize == 8) {
        guest_reg_write(t, R_EAX, ir_ext(t->ir, IR_I64, IR_S32, rax), 8);
    } else {
        guest_reg_write(t, R_EAX, ir_ext(t->ir, IR_I32, in->opsize == 4 ? IR_S16 : IR_S8, rax), in->opsize);
    }
}

/* CWD, CDQ, CQO */
void emit_cwd(Translator *t, Insn *in)
{
    IrTemp rax = x86g.reg[R_EAX], v;

    if (in->opsize == 8) {
        v = ir_sari(t->ir, rax, 63);
    } else {
        v = in->opsize == 4 ? ir_trunc(t->ir, rax) : ir_ext(t->ir, IR_I32, IR_S16, rax);
        v = ir_sari(t->ir, v, 31);
    }
    guest_reg_write(t, R_EDX, v, in->opsize);
}

/* ---- compare and exchange ---- */

/*
 * CMPXCHG (SDM vol. 2A). Memory is written in both cases; a register destination keeps its upper half on failure, the
 * accumulator keeps its on success. Flags as CMP accumulator, destination.
 */
void emit_cmpxchg(Translator *t, Insn *in)
{
    IrContext *ir = t->ir;
    unsigned size = in->size;
    IrTemp acc = guest_reg_read(t, R_EAX, size), old = in->val[0], src = in->val[1], res, v;
    IrTemp acc64, rax = x86g.reg[R_EAX];
    CcState f;

    if (in->locked) {
        old = ir_atomic_cas(ir, in->ea, acc, src, memop(t, size));
    } else if (in->is_mem) {
        gen_store(t, in->ea, ir_movcond(ir, IR_EQ, acc, old, src, old), size);
    }
    res = ir_sub(ir, acc, old);
    f = sub_flags(in, res, acc, old);
    acc64 = size == 8 ? old : ir_ext(ir, IR_I64, IR_U32, old);
    if (size < 4) {
        acc64 = ir_deposit(ir, rax, acc64, 0, size * 8);
    }
    flags_commit(t, &f);            /* before registers that its operands name; nothing below faults */
    acc64 = ir_movcond(ir, IR_EQ, acc, old, rax, acc64);
    if (!in->is_mem) {
        unsigned reg = size == 1 && !in->rex && in->rm >= 4 ? in->rm - 4u : in->rm;
        unsigned pos = reg != in->rm ? 8 : 0;
        IrTemp dst = x86g.reg[reg];

        v = size == 8 ? src : ir_ext(ir, IR_I64, IR_U32, src);
        v = size < 4 ? ir_deposit(ir, dst, v, pos, size * 8) : v;
        v = ir_movcond(ir, IR_EQ, acc, old, v, dst);
        /* With the accumulator as destination both agree: acc == old, so it gets the source. */
        if (reg != R_EAX) {
            guest_reg_write(t, R_EAX, acc64, 8);
        } else if (pos) {
            IrTemp fail = ir_deposit(ir, rax, ir_ext(ir, IR_I64, IR_U32, old), 0, 8);

            v = ir_movcond(ir, IR_EQ, acc, old, v, fail);
        }
        guest_reg_write(t, reg, v, 8);
    } else {
        guest_reg_write(t, R_EAX, acc64, 8);
    }
    in->flags = flags_none();
}

static void set_z_only(Translator *t, IrTemp z)
{
    IrTemp f = ir_andi(t->ir, flags_get(t), CC_ALL & ~CC_Z);

    flags_set(t, ir_or(t->ir, f, ir_shli(t->ir, z, 6)));
}

/* Both halves as one I64. */
static IrTemp pair64(Translator *t, unsigned hi, unsigned lo)
{
    return ir_deposit(t->ir, x86g.reg[lo], x86g.reg[hi], 32, 32);
}

void emit_cmpxchg8b(Translator *t, Insn *in)
{
    IrContext *ir = t->ir;
    IrTemp expected, val, old, z;

    if (in->rex_w) {
        insn_ea(t, in, 16, EA_RW);
        ir_call(ir, &ir_helper_cmpxchg16b, in->ea);
        flags_forget(t);
        return;
    }
    insn_ea(t, in, 8, EA_RW);
    expected = pair64(t, R_EDX, R_EAX);
    val = pair64(t, R_ECX, R_EBX);
    if (in->lock && (t->mk & MK_PARALLEL)) {
        old = ir_atomic_cas(ir, in->ea, expected, val, memop(t, 8));
    } else {
        old = gen_load_rmw(t, in->ea, 8);
        gen_store(t, in->ea, ir_movcond(ir, IR_EQ, old, expected, val, old), 8);
    }
    z = ir_setcond(ir, IR_EQ, old, expected);
    set_z_only(t, z);
    guest_reg_write(t, R_EAX, ir_movcond(ir, IR_EQ, old, expected, x86g.reg[R_EAX],
                                         ir_ext(ir, IR_I64, IR_U32, old)), 8);
    guest_reg_write(t, R_EDX, ir_movcond(ir, IR_EQ, old, expected, x86g.reg[R_EDX], ir_shri(ir, old, 32)), 8);
}

/* ---- multiplication ---- */

static void mul_flags(Insn *in, IrTemp lo, IrTemp overflow)
{
    in->flags = flags_of(CC_OP_MULB, in->size, lo, overflow);
}

/* 32-bit operands: the product in an I64. */
static void mul32(Translator *t, Insn *in, bool is_signed)
{
    IrContext *ir = t->ir;
    IrExt kind = is_signed ? IR_S32 : IR_U32;
    IrTemp p = ir_mul(ir, ir_ext(ir, IR_I64, kind, in->val[0]), ir_ext(ir, IR_I64, kind, x86g.reg[R_EAX]));
    IrTemp lo = ir_ext(ir, IR_I64, IR_U32, p), hi = ir_shri(ir, p, 32), over;

    over = is_signed ? ir_ext(ir, IR_I64, IR_U32, ir_setcond(ir, IR_NE, p, ir_ext(ir, IR_I64, IR_S32, p))) : hi;
    guest_reg_write(t, R_EAX, lo, 8);
    guest_reg_write(t, R_EDX, hi, 8);
    in->flags = flags_of(CC_OP_MULL, 1, ir_trunc(ir, lo), over);
}

static void mul64(Translator *t, Insn *in, bool is_signed)
{
    IrContext *ir = t->ir;
    IrTemp lo, hi, over;

    if (is_signed) {
        ir_muls2(ir, &lo, &hi, in->val[0], x86g.reg[R_EAX]);
        over = ir_xor(ir, hi, ir_sari(ir, lo, 63));
    } else {
        ir_mulu2(ir, &lo, &hi, in->val[0], x86g.reg[R_EAX]);
        over = hi;
    }
    guest_reg_write(t, R_EAX, lo, 8);
    guest_reg_write(t, R_EDX, hi, 8);
    mul_flags(in, lo, over);
}

static void mul_narrow(Translator *t, Insn *in, bool is_signed)
{
    IrContext *ir = t->ir;
    unsigned bits = in->size * 8;
    IrTemp a = guest_reg_read(t, R_EAX, in->size), b = in->val[0], p, over;

    if (is_signed) {
        a = sign_extend(t, a, in->size);
        b = sign_extend(t, b, in->size);
    }
    p = ir_mul(ir, a, b);
    over = is_signed ? ir_setcond(ir, IR_NE, p, sign_extend(t, p, in->size)) : ir_shri(ir, p, bits);
    if (in->size == 1) {
        guest_reg_write(t, R_EAX, p, 2);
    } else {
        guest_reg_write(t, R_EAX, p, 2);
        guest_reg_write(t, R_EDX, ir_shri(ir, p, 16), 2);
    }
    mul_flags(in, p, over);
}

static void mul_accumulator(Translator *t, Insn *in, bool is_signed)
{
    switch (in->size) {
    case 4: mul32(t, in, is_signed); break;
    case 8: mul64(t, in, is_signed); break;
    default: mul_narrow(t, in, is_signed); break;
    }
}

void emit_mul(Translator *t, Insn *in)
{
    mul_accumulator(t, in, false);
}

void emit_imul1(Translator *t, Insn *in)
{
    mul_accumulator(t, in, true);
}

/* Two- and three-operand forms. */
void emit_imul(Translator *t, Insn *in)
{
    IrContext *ir = t->ir;
    IrTemp a = in->val[1], b = in->row->acc & R2 ? in->val[2] : in->val[0], p, lo, hi;

    switch (in->size) {
    case 8:
        ir_muls2(ir, &lo, &hi, a, b);
        in->val[0] = lo;
        mul_flags(in, lo, ir_xor(ir, hi, ir_sari(ir, lo, 63)));
        break;
    case 4:
        p = ir_mul(ir, ir_ext(ir, IR_I64, IR_S32, a), ir_ext(ir, IR_I64, IR_S32, b));
        in->val[0] = ir_trunc(ir, p);
        mul_flags(in, in->val[0], ir_setcond(ir, IR_NE, p, ir_ext(ir, IR_I64, IR_S32, p)));
        break;
    default:
        p = ir_mul(ir, sign_extend(t, a, 2), sign_extend(t, b, 2));
        in->val[0] = p;
        mul_flags(in, p, ir_setcond(ir, IR_NE, p, sign_extend(t, p, 2)));
        break;
    }
}

/* ---- division: flags stay as they are ---- */

static void divide(Translator *t, Insn *in, bool is_signed)
{
    IrContext *ir = t->ir;
    IrTemp rax = x86g.reg[R_EAX], rdx = x86g.reg[R_EDX], d = in->val[0], q;

    switch (in->size) {
    case 1:
        q = ir_call(ir, is_signed ? &ir_helper_idiv8 : &ir_helper_div8, guest_reg_read(t, R_EAX, 2), d);
        guest_reg_write(t, R_EAX, q, 2);        /* AL quotient, AH remainder: packed so */
        break;
    case 2:
        q = ir_or(ir, ir_shli(ir, guest_reg_read(t, R_EDX, 2), 16), guest_reg_read(t, R_EAX, 2));
        q = ir_call(ir, is_signed ? &ir_helper_idiv16 : &ir_helper_div16, q, d);
        guest_reg_write(t, R_EAX, q, 2);
        guest_reg_write(t, R_EDX, ir_shri(ir, q, 16), 2);
        break;
    case 4:
        q = ir_deposit(ir, rax, rdx, 32, 32);
        q = ir_call(ir, is_signed ? &ir_helper_idiv32 : &ir_helper_div32, q, d);
        guest_reg_write(t, R_EAX, ir_ext(ir, IR_I64, IR_U32, q), 8);
        guest_reg_write(t, R_EDX, ir_shri(ir, q, 32), 8);
        break;
    default:
        q = ir_call(ir, is_signed ? &ir_helper_idiv64 : &ir_helper_div64, rdx, rax, d);
        guest_reg_write(t, R_EAX, q, 8);
        guest_reg_write(t, R_EDX, ir_ld(ir, IR_I64, ENV_OFF(vec_t0.q[0]), IR_MO_64), 8);
        break;
    }
}

void emit_div(Translator *t, Insn *in)
{
    divide(t, in, false);
}

void emit_idiv(Translator *t, Insn *in)
{
    divide(t, in, true);
}

/* ---- flags and BCD ---- */

static void replace_flag(Translator *t, unsigned flag, IrTemp bit01)
{
    IrTemp f = ir_andi(t->ir, flags_get(t), CC_ALL & ~flag);
    CcState s = flags_of(CC_OP_EFLAGS, 4, IR_NONE, ir_or(t->ir, f, ir_shli(t->ir, bit01, ctz64(flag))));

    if (flag == CC_C) {
        s.carry = bit01;
    }
    flags_commit(t, &s);
}

void emit_clc(Translator *t, Insn *in)
{
    replace_flag(t, CC_C, ir_const(t->ir, IR_I32, 0));
}

void emit_stc(Translator *t, Insn *in)
{
    replace_flag(t, CC_C, ir_const(t->ir, IR_I32, 1));
}

void emit_cmc(Translator *t, Insn *in)
{
    replace_flag(t, CC_C, ir_xor(t->ir, flags_carry(t), ir_const(t->ir, IR_I32, 1)));
}

void emit_lahf(Translator *t, Insn *in)
{
    IrTemp f = ir_andi(t->ir, flags_get(t), CC_S | CC_Z | CC_A | CC_P | CC_C);
    IrTemp ah = ir_ext(t->ir, IR_I64, IR_U32, ir_or(t->ir, f, ir_const(t->ir, IR_I32, 2)));

    guest_reg_write(t, R_EAX, ir_deposit(t->ir, x86g.reg[R_EAX], ah, 8, 8), 8);
}

void emit_sahf(Translator *t, Insn *in)
{
    IrTemp ah = ir_trunc(t->ir, ir_extract(t->ir, x86g.reg[R_EAX], 8, 8));
    IrTemp keep = ir_andi(t->ir, flags_get(t), CC_O);

    flags_set(t, ir_or(t->ir, keep, ir_andi(t->ir, ah, CC_S | CC_Z | CC_A | CC_P | CC_C)));
}

/* AL := C ? FF : 0 (undocumented; SDM vol. 2, opcode D6). */
void emit_salc(Translator *t, Insn *in)
{
    guest_reg_write(t, R_EAX, ir_neg(t->ir, flags_carry(t)), 1);
}

static void bcd_adjust(Translator *t, unsigned what)
{
    IrTemp r = ir_call(t->ir, &ir_helper_bcd, ir_const(t->ir, IR_I32, what), guest_reg_read(t, R_EAX, 2), flags_get(t));

    guest_reg_write(t, R_EAX, r, 2);
    flags_set(t, ir_shri(t->ir, r, 16));
}

/* DAA DAS AAA AAS */
void emit_bcd(Translator *t, Insn *in)
{
    bcd_adjust(t, in->opcode);
}

void emit_aam(Translator *t, Insn *in)
{
    if (!(in->imm & 0xff)) {
        gen_exception(t, EXC_DE);
        return;
    }
    bcd_adjust(t, in->opcode | (unsigned)(in->imm & 0xff) << 8);
}

void emit_aad(Translator *t, Insn *in)
{
    bcd_adjust(t, in->opcode | (unsigned)(in->imm & 0xff) << 8);
}

/* ---- ADX: one flag is the carry, the others stay ---- */

static void add_with_flag(Translator *t, Insn *in, unsigned flag)
{
    IrContext *ir = t->ir;
    IrTemp old = flags_get(t), c01, c, s1, s2, out;

    c01 = ir_andi(ir, ir_shri(ir, old, ctz64(flag)), 1);
    c = in->size == 8 ? ir_ext(ir, IR_I64, IR_U32, c01) : c01;
    s1 = ir_add(ir, in->val[0], in->val[1]);
    s2 = ir_add(ir, s1, c);
    out = ir_or(ir, ir_setcond(ir, IR_LTU, s1, in->val[1]), ir_setcond(ir, IR_LTU, s2, c));
    in->val[0] = s2;
    in->flags = flags_of(CC_OP_EFLAGS, 4, IR_NONE,
                         ir_or(ir, ir_andi(ir, old, CC_ALL & ~flag), ir_shli(ir, out, ctz64(flag))));
}

void emit_adcx(Translator *t, Insn *in)
{
    add_with_flag(t, in, CC_C);
}

void emit_adox(Translator *t, Insn *in)
{
    add_with_flag(t, in, CC_O);
}
