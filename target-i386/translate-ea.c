/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers and memory operands: effective addresses, segment checks, loads and stores.
 *
 * Follows SDM vol. 1, "Operand Addressing", and vol. 3A, "Limit Checking". In 64-bit mode only FS and GS have a base
 * and nothing has a limit; elsewhere the mode key says which segments are flat, and the others are checked inline
 * against the ranges of their hidden part (cpu.h, SegmentCache).
 */
#include "qemu/osdep.h"
#include "target-i386/decode.h"

/* ---- registers ---- */

IrTemp guest_reg_read(Translator *t, unsigned reg, unsigned size)
{
    switch (size) {
    case 1: return ir_ext(t->ir, IR_I32, IR_U8, x86g.reg[reg]);
    case 2: return ir_ext(t->ir, IR_I32, IR_U16, x86g.reg[reg]);
    case 4: return ir_trunc(t->ir, x86g.reg[reg]);
    default: return x86g.reg[reg];
    }
}

static bool is_high_byte(const Insn *in, unsigned reg)
{
    return !in->rex && !in->vex && reg >= 4 && reg < 8;
}

IrTemp guest_reg_read8(Translator *t, const Insn *in, unsigned reg)
{
    if (is_high_byte(in, reg)) {
        return ir_trunc(t->ir, ir_extract(t->ir, x86g.reg[reg - 4], 8, 8));
    }
    return guest_reg_read(t, reg, 1);
}

static void reg_set(Translator *t, unsigned reg, IrTemp val)
{
    flags_reg_written(t, x86g.reg[reg]);
    if (val != x86g.reg[reg]) {
        ir_mov(t->ir, x86g.reg[reg], val);
    }
}

static IrTemp as_i64(Translator *t, IrTemp val)
{
    int64_t c;

    if (ir_type(t->ir, val) == IR_I64) {
        return val;
    }
    if (ir_is_const(t->ir, val, &c)) {
        return ir_const(t->ir, IR_I64, (int64_t)(uint32_t)c);
    }
    return ir_ext(t->ir, IR_I64, IR_U32, val);
}

static void reg_deposit(Translator *t, unsigned reg, IrTemp val, unsigned pos, unsigned len)
{
    reg_set(t, reg, ir_deposit(t->ir, x86g.reg[reg], as_i64(t, val), pos, len));
}

void guest_reg_write(Translator *t, unsigned reg, IrTemp val, unsigned size)
{
    switch (size) {
    case 1:
        reg_deposit(t, reg, val, 0, 8);
        break;
    case 2:
        reg_deposit(t, reg, val, 0, 16);
        break;
    case 4:
        reg_set(t, reg, as_i64(t, val));
        break;
    default:
        reg_set(t, reg, val);
        break;
    }
}

void guest_reg_write8(Translator *t, const Insn *in, unsigned reg, IrTemp val)
{
    if (is_high_byte(in, reg)) {
        reg_deposit(t, reg - 4, val, 8, 8);
    } else {
        reg_deposit(t, reg, val, 0, 8);
    }
}

/* ---- offsets ---- */

IrTemp ea_truncate(Translator *t, IrTemp offset, unsigned asize)
{
    int64_t c;

    if (asize == 8) {
        return offset;
    }
    if (ir_is_const(t->ir, offset, &c)) {
        return ir_const(t->ir, IR_I64, asize == 4 ? (int64_t)(uint32_t)c : (int64_t)(uint16_t)c);
    }
    return ir_ext(t->ir, IR_I64, asize == 4 ? IR_U32 : IR_U16, offset);
}

IrTemp insn_ea_offset(Translator *t, const Insn *in)
{
    IrContext *ir = t->ir;
    IrTemp sum = IR_NONE;

    if (in->base >= 0) {
        sum = x86g.reg[in->base];
    }
    if (in->index >= 0) {
        IrTemp index = ir_shli(ir, x86g.reg[in->index], in->scale);

        sum = sum == IR_NONE ? index : ir_add(ir, sum, index);
    }
    if (sum == IR_NONE) {
        return ea_truncate(t, ir_const(ir, IR_I64, in->disp), in->addrsize);
    }
    return ea_truncate(t, ir_addi(ir, sum, in->disp), in->addrsize);
}

/* ---- segments ---- */

static bool segment_is_flat(const Translator *t, unsigned seg)
{
    switch (seg) {
    case R_DS: return t->mk & MK_FLAT_DS;
    case R_ES: return t->mk & MK_FLAT_ES;
    case R_SS: return t->mk & MK_FLAT_SS;
    default: return false;
    }
}

static void check_range(Translator *t, const Insn *in, unsigned seg, IrTemp offset, unsigned nbytes, bool write)
{
    IrContext *ir = t->ir;
    size_t lo_off = write ? ENV_OFF(segs[seg].w_lo) : ENV_OFF(segs[seg].r_lo);
    size_t span_off = write ? ENV_OFF(segs[seg].w_span) : ENV_OFF(segs[seg].r_span);
    IrTemp lo = ir_ld(ir, IR_I64, lo_off, IR_MO_64), span = ir_ld(ir, IR_I64, span_off, IR_MO_64);
    IrTemp first = ir_sub(ir, offset, lo), last = first;

    if (nbytes > 1) {
        /* A first byte just below lo (expand-down) must not become inside by adding the length. */
        last = ir_or(ir, ir_addi(ir, first, (int64_t)nbytes - 1), ir_sari(ir, first, 63));
    }
    gen_fault_if(t, in, IR_GTU, last, span, FAULT_SEG, seg);
}

IrTemp seg_linear(Translator *t, const Insn *in, unsigned seg, IrTemp offset, unsigned nbytes, EaAccess access)
{
    IrContext *ir = t->ir;

    if (t->code64) {
        return seg < R_FS ? offset : ir_add(ir, offset, ir_ld(ir, IR_I64, ENV_OFF(segs[seg].base), IR_MO_64));
    }
    if (segment_is_flat(t, seg)) {
        return offset;      /* an access across FFFFFFFF is the slow path's: it crosses a page */
    }
    if (access & EA_READ) {
        check_range(t, in, seg, offset, nbytes, false);
    }
    if (access & EA_WRITE) {
        check_range(t, in, seg, offset, nbytes, true);
    }
    return ir_ext(ir, IR_I64, IR_U32, ir_add(ir, offset, ir_ld(ir, IR_I64, ENV_OFF(segs[seg].base), IR_MO_64)));
}

IrTemp insn_ea(Translator *t, Insn *in, unsigned nbytes, EaAccess access)
{
    in->ea = seg_linear(t, in, in->seg, insn_ea_offset(t, in), nbytes, access);
    return in->ea;
}

/* ---- accesses ---- */

IrMemOp memop(const Translator *t, unsigned size)
{
    unsigned idx = t->cpl == 3 ? MMU_USER : t->mk & MK_SMAP ? MMU_KSMAP : MMU_KERNEL;
    IrMemOp mo = IR_MO_MMU(idx) | ctz64(size);

    /* unaligned 16-byte loads and stores are never checked */
    return t->mk & MK_AC && size < 16 ? mo | IR_MO_ALIGN : mo;
}

IrTemp gen_load(Translator *t, IrTemp addr, unsigned size)
{
    return ir_gld(t->ir, size == 8 ? IR_I64 : IR_I32, addr, memop(t, size));
}

IrTemp gen_load_rmw(Translator *t, IrTemp addr, unsigned size)
{
    return ir_gld(t->ir, size == 8 ? IR_I64 : IR_I32, addr, memop(t, size) | IR_MO_RMW);
}

void gen_store(Translator *t, IrTemp addr, IrTemp val, unsigned size)
{
    ir_gst(t->ir, addr, val, memop(t, size));
}

IrTemp insn_read_rm(Translator *t, Insn *in, unsigned size)
{
    if (in->is_mem) {
        return gen_load(t, insn_ea(t, in, size, EA_READ), size);
    }
    return size == 1 ? guest_reg_read8(t, in, in->rm) : guest_reg_read(t, in->rm, size);
}

void insn_write_rm(Translator *t, Insn *in, IrTemp val, unsigned size)
{
    if (in->is_mem) {
        gen_store(t, insn_ea(t, in, size, EA_WRITE), val, size);
    } else if (size == 1) {
        guest_reg_write8(t, in, in->rm, val);
    } else {
        guest_reg_write(t, in->rm, val, size);
    }
}
