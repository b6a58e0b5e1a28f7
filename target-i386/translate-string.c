/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Emitters: string instructions, ports.
 *
 * Without REP an element is handled inline; with it, a helper moves as much as it can at once (string-helpers.c) and
 * returns when the count is used up or the comparison has decided. Interrupted, it leaves with the instruction to be
 * run again.
 * Follows SDM vol. 2B, "REP/REPE/REPZ/REPNE/REPNZ", and vol. 1, "I/O Port Protection".
 */
#include "qemu/osdep.h"
#include "target-i386/decode.h"
#include "target-i386/helper-int.h"

/* The low opcode bit tells bytes from words; there are no 64-bit ports. */
static unsigned element_size(const Insn *in)
{
    return in->opcode & 1 ? in->opsize : 1;
}

static unsigned source_segment(const Insn *in)
{
    return in->seg_override != SEG_NONE ? in->seg_override : R_DS;
}

static IrTemp index_offset(Translator *t, const Insn *in, unsigned reg)
{
    return ea_truncate(t, x86g.reg[reg], in->addrsize);
}

/* What the index registers move by. */
static IrTemp string_step(Translator *t, unsigned size)
{
    return ir_shli(t->ir, ir_ld(t->ir, IR_I64, ENV_OFF(df), IR_MO_32 | IR_MO_SIGN), ctz64(size));
}

static void index_advance(Translator *t, const Insn *in, unsigned reg, IrTemp step)
{
    IrTemp sum = ir_add(t->ir, x86g.reg[reg], step);

    guest_reg_write(t, reg, in->addrsize == 8 ? sum : ir_trunc(t->ir, sum), in->addrsize);
}

static IrTemp load_source(Translator *t, const Insn *in, unsigned size)
{
    return gen_load(t, seg_linear(t, in, source_segment(in), index_offset(t, in, R_ESI), size, EA_READ), size);
}

static IrTemp destination(Translator *t, const Insn *in, unsigned size, EaAccess access)
{
    return seg_linear(t, in, R_ES, index_offset(t, in, R_EDI), size, access);
}

/* ---- REP ---- */

static void repeat(Translator *t, Insn *in, const IrHelper *h, unsigned size, uint32_t more)
{
    static const uint8_t written[] = { R_EAX, R_ECX, R_ESI, R_EDI };
    uint32_t how = ctz64(size) | ctz64(in->addrsize) << 2 | source_segment(in) << 4 | more;

    how |= in->rep == 0xf2 ? STRING_REPNE : 0;
    how |= t->mk & MK_TF ? STRING_STEP : 0;
    ir_call(t->ir, h, ir_const(t->ir, IR_I32, how));
    for (unsigned i = 0; i < ARRAY_SIZE(written); i++) {
        flags_reg_written(t, x86g.reg[written[i]]);
    }
}

void emit_movs(Translator *t, Insn *in)
{
    unsigned size = element_size(in);
    IrTemp val, step;

    if (in->rep) {
        repeat(t, in, &ir_helper_rep_movs, size, 0);
        gen_exit(t, in->next);          /* what follows may have been overwritten */
        return;
    }
    val = load_source(t, in, size);
    gen_store(t, destination(t, in, size, EA_WRITE), val, size);
    step = string_step(t, size);
    index_advance(t, in, R_ESI, step);
    index_advance(t, in, R_EDI, step);
}

void emit_stos(Translator *t, Insn *in)
{
    unsigned size = element_size(in);

    if (in->rep) {
        repeat(t, in, &ir_helper_rep_stos, size, 0);
        gen_exit(t, in->next);
        return;
    }
    gen_store(t, destination(t, in, size, EA_WRITE), guest_reg_read(t, R_EAX, size), size);
    index_advance(t, in, R_EDI, string_step(t, size));
}

void emit_lods(Translator *t, Insn *in)
{
    unsigned size = element_size(in);
    IrTemp val;

    if (in->rep) {
        repeat(t, in, &ir_helper_rep_lods, size, 0);
        return;
    }
    val = load_source(t, in, size);
    index_advance(t, in, R_ESI, string_step(t, size));
    guest_reg_write(t, R_EAX, val, size);
}

static void compare_flags(Translator *t, IrTemp a, IrTemp b, unsigned size)
{
    CcState f = flags_of(CC_OP_SUBB, size, ir_sub(t->ir, a, b), b);

    f.a = a;
    f.b = b;
    flags_commit(t, &f);
}

void emit_cmps(Translator *t, Insn *in)
{
    unsigned size = element_size(in);
    IrTemp a, b, step;

    if (in->rep) {
        repeat(t, in, &ir_helper_rep_cmps, size, 0);
        flags_forget(t);
        return;
    }
    a = load_source(t, in, size);
    b = gen_load(t, destination(t, in, size, EA_READ), size);
    step = string_step(t, size);
    index_advance(t, in, R_ESI, step);
    index_advance(t, in, R_EDI, step);
    compare_flags(t, a, b, size);
}

void emit_scas(Translator *t, Insn *in)
{
    unsigned size = element_size(in);
    IrTemp b;

    if (in->rep) {
        repeat(t, in, &ir_helper_rep_scas, size, 0);
        flags_forget(t);
        return;
    }
    b = gen_load(t, destination(t, in, size, EA_READ), size);
    index_advance(t, in, R_EDI, string_step(t, size));
    compare_flags(t, guest_reg_read(t, R_EAX, size), b, size);
}

/* ---- ports ---- */

static bool ports_need_check(const Translator *t)
{
    return (t->mk & MK_VM86) || ((t->mk & MK_PE) && t->cpl > (t->mk >> MK_IOPL_SHIFT & 3));
}

static unsigned port_size(const Insn *in)
{
    return in->opcode & 1 ? (in->opsize == 2 ? 2 : 4) : 1;
}

static void string_io(Translator *t, Insn *in, const IrHelper *h)
{
    uint32_t more = (in->rep ? 0 : STRING_ONCE) | (ports_need_check(t) ? STRING_CHECK_IO : 0);

    repeat(t, in, h, port_size(in), more);
}

void emit_ins(Translator *t, Insn *in)
{
    string_io(t, in, &ir_helper_rep_ins);
    gen_exit(t, in->next);
}

void emit_outs(Translator *t, Insn *in)
{
    string_io(t, in, &ir_helper_rep_outs);
}

static void port_check(Translator *t, IrTemp port, IrTemp size)
{
    if (ports_need_check(t)) {
        ir_call(t->ir, &ir_helper_check_io, port, size);
    }
}

static void port_in_to_acc(Translator *t, Insn *in, IrTemp port)
{
    IrTemp size = ir_const(t->ir, IR_I32, port_size(in));

    port_check(t, port, size);
    guest_reg_write(t, R_EAX, ir_call(t->ir, &ir_helper_in, port, size), port_size(in));
}

static void port_out_acc(Translator *t, Insn *in, IrTemp port)
{
    IrTemp size = ir_const(t->ir, IR_I32, port_size(in));

    port_check(t, port, size);
    ir_call(t->ir, &ir_helper_out, port, size, guest_reg_read(t, R_EAX, port_size(in)));
    gen_exit_polled(t, in->next);
}

void emit_in_imm(Translator *t, Insn *in)
{
    port_in_to_acc(t, in, ir_const(t->ir, IR_I32, in->imm & 0xff));
}

void emit_in_dx(Translator *t, Insn *in)
{
    port_in_to_acc(t, in, guest_reg_read(t, R_EDX, 2));
}

void emit_out_imm(Translator *t, Insn *in)
{
    port_out_acc(t, in, ir_const(t->ir, IR_I32, in->imm & 0xff));
}

void emit_out_dx(Translator *t, Insn *in)
{
    port_out_acc(t, in, guest_reg_read(t, R_EDX, 2));
}
