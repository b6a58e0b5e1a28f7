/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MMX and SSE instructions to IR: operands, availability, moves. What they compute is in the table (sse-ops.c).
 *
 * Follows: SDM vol. 2, chapter "Instruction Format", and vol. 3A, "System Programming for Instruction Set Extensions"
 * for #UD and #NM by CR0 and CR4. A memory operand goes to vec_t0 first; all that may fault comes before any change.
 * VEX encodings: translate-avx.c.
 */
#include "qemu/osdep.h"
#include "target-i386/helper-avx.h"
#include "target-i386/helper-fpu.h"
#include "target-i386/models.h"
#include "target-i386/translate-sse.h"

#define H(name) &ir_helper_##name
#define T0 VEC_T0
#define T1 VEC_T1

/* ---- operands ---- */

static size_t mmx_off(unsigned n)
{
    return ENV_OFF(fpregs) + n * sizeof(FpReg);
}

static IrTemp const32(Translator *t, uint32_t v)
{
    return ir_const(t->ir, IR_I32, v);
}

/* MMX registers are no vector slots. */
static IrTemp ld_mmx(Translator *t, unsigned n)
{
    return ir_ld(t->ir, IR_I64, mmx_off(n), IR_MO_64);
}

IrTemp sse_get_low(Translator *t, size_t off, unsigned n)
{
    return ir_vget(t->ir, n == 8 ? &vec_get_q : &vec_get_d, n == 8 ? IR_I64 : IR_I32, 16, off, off, 0);
}

IrTemp sse_mmu_index(Translator *t)
{
    return const32(t, ir_mo_mmu(memop(t, 1)));
}

static IrTemp ea(Translator *t, Insn *in, unsigned nbytes, EaAccess access)
{
    in->ea = insn_ea(t, in, nbytes, access);
    return in->ea;
}

static IrMemOp memop128(Translator *t, bool aligned)
{
    return memop(t, 16) | (aligned ? IR_MO_ALIGN : 0);
}

void sse_load_t0(Translator *t, Insn *in, unsigned n, bool aligned)
{
    IrTemp addr = ea(t, in, n, EA_READ);

    if (n <= 2) {
        ir_vput(t->ir, &vec_put_d, T0, T0, gen_load(t, addr, n), false, 0);
    } else {
        ir_gldv(t->ir, T0, addr, memop(t, n) | (n == 16 && aligned ? IR_MO_ALIGN : 0));
    }
}

/* Where the r/m operand is in the CPU state. */
static size_t xmm_operand(Translator *t, Insn *in, unsigned mem_bytes, bool aligned)
{
    if (!in->is_mem) {
        return xmm_off(in->rm);
    }
    sse_load_t0(t, in, mem_bytes, aligned);
    return T0;
}

static size_t mmx_operand(Translator *t, Insn *in, unsigned mem_bytes)
{
    if (!in->is_mem) {
        return mmx_off(in->rm3);
    }
    sse_load_t0(t, in, mem_bytes, false);
    return T0;
}

/* An MMX instruction makes the x87 registers MMX ones: TOP 0, all valid (SDM vol. 1, "Effect of MMX Instructions"). */
static void enter_mmx(Translator *t)
{
    ir_st(t->ir, const32(t, 0), ENV_OFF(fpstt), IR_MO_32);
    ir_st(t->ir, ir_const(t->ir, IR_I64, 0), ENV_OFF(fptags), IR_MO_64);
}

/* A written MMX register has all ones for sign and exponent. */
static void mmx_written(Translator *t, unsigned n)
{
    ir_st(t->ir, const32(t, 0xffff), mmx_off(n) + 8, IR_MO_16);
}

/* Floating point: on the exact path while an exception is unmasked. */
static void fp_op(Translator *t, const IrVecOp *vec, size_t dst, size_t src, unsigned imm)
{
    if (t->mk & MK_SSE_EXC) {
        ir_call(t->ir, H(sse_exact), ir_const(t->ir, IR_I64, (int64_t)(uintptr_t)vec),
                ir_const(t->ir, IR_I64, (int64_t)((uint64_t)src << 32 | dst)), const32(t, imm));
    } else {
        ir_vec(t->ir, vec, dst, src, imm);
    }
}

static void vec_op(Translator *t, const SseRow *row, size_t dst, size_t src, unsigned imm)
{
    if (row->fp) {
        fp_op(t, &row->vec, dst, src, imm);
    } else {
        ir_vec(t->ir, &row->vec, dst, src, imm);
    }
}

/* Only eight predicates of CMPPS and relatives have this encoding. */
static unsigned imm8(const Insn *in, const SseRow *row)
{
    return !row->vec.has_imm ? 0 : in->map == 1 && in->opcode == 0xc2 ? in->imm & 7 : (uint8_t)in->imm;
}

/* ---- operations of the table ---- */

static bool emit_vec(Translator *t, Insn *in, const SseRow *row)
{
    size_t src = xmm_operand(t, in, row->mem, true);

    vec_op(t, row, xmm_off(in->reg), src, imm8(in, row));
    return true;
}

static bool emit_mmx(Translator *t, Insn *in, const SseRow *row)
{
    size_t src = mmx_operand(t, in, row->mem);

    enter_mmx(t);
    vec_op(t, row, mmx_off(in->op3), src, imm8(in, row));
    mmx_written(t, in->op3);
    return true;
}

/*
 * The memory form leaves the x87 state alone. Otherwise it is an MMX one already when an exception is raised:
 * measured.
 */
static bool emit_pi2xmm(Translator *t, Insn *in, const SseRow *row)
{
    size_t src = mmx_operand(t, in, row->mem);

    if (!in->is_mem) {
        enter_mmx(t);
    }
    vec_op(t, row, xmm_off(in->reg), src, 0);
    return true;
}

static bool emit_xmm2pi(Translator *t, Insn *in, const SseRow *row)
{
    size_t src = xmm_operand(t, in, row->mem, true);

    enter_mmx(t);
    vec_op(t, row, T1, src, 0);
    ir_st(t->ir, sse_get_low(t, T1, 8), mmx_off(in->op3), IR_MO_64);
    mmx_written(t, in->op3);
    return true;
}

static bool emit_shift_xmm(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    const IrVecOp *shift = sse_shift_op(in->opcode, in->op3, false);

    if (in->is_mem || !shift) {
        return false;
    }
    ir_vec(t->ir, shift, xmm_off(in->rm), xmm_off(in->rm), (uint8_t)in->imm);
    return true;
}

static bool emit_shift_mmx(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    const IrVecOp *shift = sse_shift_op(in->opcode, in->op3, true);

    if (in->is_mem || !shift) {
        return false;
    }
    enter_mmx(t);
    ir_vec(t->ir, shift, mmx_off(in->rm3), mmx_off(in->rm3), (uint8_t)in->imm);
    mmx_written(t, in->rm3);
    return true;
}

/* ---- moves of 16 bytes ---- */

static void load128(Translator *t, Insn *in, bool aligned)
{
    if (in->is_mem) {
        ir_gldv(t->ir, xmm_off(in->reg), ea(t, in, 16, EA_READ), memop128(t, aligned));
    } else if (in->reg != in->rm) {
        ir_vec(t->ir, &vec_mov128, xmm_off(in->reg), xmm_off(in->rm), 0);
    }
}

static void store128(Translator *t, Insn *in, bool aligned)
{
    if (in->is_mem) {
        ir_gstv(t->ir, xmm_off(in->reg), ea(t, in, 16, EA_WRITE), memop128(t, aligned));
    } else if (in->reg != in->rm) {
        ir_vec(t->ir, &vec_mov128, xmm_off(in->rm), xmm_off(in->reg), 0);
    }
}

static bool emit_load(Translator *t, Insn *in, const SseRow *row)
{
    if (row->isa == ISA_SSE3 && !in->is_mem) {      /* LDDQU */
        return false;
    }
    load128(t, in, false);
    return true;
}

static bool emit_load_a(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    load128(t, in, true);
    return true;
}

static bool emit_store(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    store128(t, in, false);
    return true;
}

static bool emit_store_a(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    store128(t, in, true);
    return true;
}

static bool emit_store_nt(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    if (in->is_mem) {
        store128(t, in, true);
    }
    return in->is_mem;
}

static bool emit_load_nt(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    if (in->is_mem) {
        load128(t, in, true);
    }
    return in->is_mem;
}

/* ---- moves of 4 and 8 bytes ---- */

static bool emit_movss_ld(Translator *t, Insn *in, const SseRow *row)
{
    size_t dst = xmm_off(in->reg);

    if (in->is_mem) {
        ir_gldv(t->ir, dst, ea(t, in, row->mem, EA_READ), memop(t, row->mem));
    } else {
        ir_vec(t->ir, row->mem == 4 ? &vec_movlow4 : &vec_movlow, dst, xmm_off(in->rm), 0);
    }
    return true;
}

void sse_store(Translator *t, Insn *in, size_t src, unsigned n, bool aligned)
{
    ir_gstv(t->ir, src, ea(t, in, n, EA_WRITE), memop(t, n) | (aligned ? IR_MO_ALIGN : 0));
}

static void store_part(Translator *t, Insn *in, size_t src, unsigned n)
{
    sse_store(t, in, src, n, false);
}

static bool emit_movss_st(Translator *t, Insn *in, const SseRow *row)
{
    if (in->is_mem) {
        store_part(t, in, xmm_off(in->reg), row->mem);
    } else {
        ir_vec(t->ir, row->mem == 4 ? &vec_movlow4 : &vec_movlow, xmm_off(in->rm), xmm_off(in->reg), 0);
    }
    return true;
}

static bool emit_movl_ld(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    if (in->is_mem) {
        sse_load_t0(t, in, 8, false);
        ir_vec(t->ir, &vec_movlow, xmm_off(in->reg), T0, 0);
    } else {
        ir_vec(t->ir, &vec_movhlps, xmm_off(in->reg), xmm_off(in->rm), 0);
    }
    return true;
}

static bool emit_movh_ld(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    ir_vec(t->ir, &vec_movhigh, xmm_off(in->reg), xmm_operand(t, in, 8, false), 0);     /* register: MOVLHPS */
    return true;
}

static bool emit_movlpd_ld(Translator *t, Insn *in, const SseRow *row)
{
    return in->is_mem && emit_movl_ld(t, in, row);
}

static bool emit_movhpd_ld(Translator *t, Insn *in, const SseRow *row)
{
    return in->is_mem && emit_movh_ld(t, in, row);
}

static bool emit_movl_st(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    if (in->is_mem) {
        store_part(t, in, xmm_off(in->reg), 8);
    }
    return in->is_mem;
}

#define UPPER_TO_LOWER 0xee     /* PSHUFD */

static bool emit_movh_st(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    if (in->is_mem) {
        IrTemp addr = ea(t, in, 8, EA_WRITE);

        ir_vec(t->ir, &vec_pshufd, T1, xmm_off(in->reg), UPPER_TO_LOWER);
        ir_gstv(t->ir, T1, addr, memop(t, 8));
    }
    return in->is_mem;
}

static bool emit_movq_ld(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    if (in->is_mem) {
        ir_gldv(t->ir, xmm_off(in->reg), ea(t, in, 8, EA_READ), memop(t, 8));
    } else {
        ir_vec(t->ir, &vec_movq, xmm_off(in->reg), xmm_off(in->rm), 0);
    }
    return true;
}

static bool emit_movq_st(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    if (in->is_mem) {
        store_part(t, in, xmm_off(in->reg), 8);
    } else {
        ir_vec(t->ir, &vec_movq, xmm_off(in->rm), xmm_off(in->reg), 0);
    }
    return true;
}

static bool emit_movq_mm_ld(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    IrTemp v = in->is_mem ? gen_load(t, ea(t, in, 8, EA_READ), 8) : ld_mmx(t, in->rm3);

    enter_mmx(t);
    ir_st(t->ir, v, mmx_off(in->op3), IR_MO_64);
    mmx_written(t, in->op3);
    return true;
}

static bool emit_movq_mm_st(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    if (in->is_mem) {
        gen_store(t, ea(t, in, 8, EA_WRITE), ld_mmx(t, in->op3), 8);
        enter_mmx(t);
    } else {
        enter_mmx(t);
        ir_st(t->ir, ld_mmx(t, in->op3), mmx_off(in->rm3), IR_MO_64);
        mmx_written(t, in->rm3);
    }
    return true;
}

static bool emit_movntq(Translator *t, Insn *in, const SseRow *row)
{
    return in->is_mem && emit_movq_mm_st(t, in, row);
}

static bool emit_movq2dq(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    if (in->is_mem) {
        return false;
    }
    enter_mmx(t);
    ir_vec(t->ir, &vec_movq, xmm_off(in->reg), mmx_off(in->rm3), 0);
    return true;
}

static bool emit_movdq2q(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    if (in->is_mem) {
        return false;
    }
    enter_mmx(t);
    ir_st(t->ir, sse_get_low(t, xmm_off(in->rm), 8), mmx_off(in->op3), IR_MO_64);
    mmx_written(t, in->op3);
    return true;
}

static bool emit_movd_to_mm(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    IrTemp v = insn_read_rm(t, in, in->rex_w ? 8 : 4);

    enter_mmx(t);
    ir_st(t->ir, in->rex_w ? v : ir_ext(t->ir, IR_I64, IR_U32, v), mmx_off(in->op3), IR_MO_64);
    mmx_written(t, in->op3);
    return true;
}

static bool emit_movd_to_xmm(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    size_t dst = xmm_off(in->reg);

    if (in->is_mem) {
        ir_gldv(t->ir, dst, ea(t, in, in->rex_w ? 8 : 4, EA_READ), memop(t, in->rex_w ? 8 : 4));
    } else {
        ir_vput(t->ir, in->rex_w ? &vec_put_q : &vec_put_d, dst, dst, guest_reg_read(t, in->rm, in->rex_w ? 8 : 4),
                false, 0);
    }
    return true;
}

static bool emit_movd_from_mm(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    IrTemp v = ld_mmx(t, in->op3);

    insn_write_rm(t, in, in->rex_w ? v : ir_trunc(t->ir, v), in->rex_w ? 8 : 4);
    enter_mmx(t);
    return true;
}

static bool emit_movd_from_xmm(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    unsigned size = in->rex_w ? 8 : 4;

    if (in->is_mem) {
        store_part(t, in, xmm_off(in->reg), size);
    } else {
        guest_reg_write(t, in->rm, sse_get_low(t, xmm_off(in->reg), size), size);
    }
    return true;
}

static bool emit_movnti(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    unsigned size = in->rex_w ? 8 : 4;

    if (in->is_mem) {
        IrTemp addr = ea(t, in, size, EA_WRITE);
        gen_store(t, addr, guest_reg_read(t, in->reg, size), size);
    }
    return in->is_mem;
}

/* ---- conversions and comparisons with general registers and flags ---- */

/* A 32-bit integer is a double without rounding: that raises nothing. */
static bool emit_cvtsi(Translator *t, Insn *in, const SseRow *row)
{
    bool is_double = row->isa == ISA_SSE2;
    size_t dst = xmm_off(in->reg);
    IrTemp v = insn_read_rm(t, in, in->rex_w ? 8 : 4);

    if ((t->mk & MK_SSE_EXC) && (in->rex_w || !is_double)) {
        ir_vput(t->ir, in->rex_w ? &vec_put_q : &vec_put_d, T0, T0, v, false, 0);
        fp_op(t, in->rex_w ? (is_double ? &vec_cvtsi2sd_q : &vec_cvtsi2ss_q) : &row->vec, dst, T0, 0);
    } else {
        ir_vput(t->ir, &vec_cvtsi[is_double][in->rex_w], dst, dst, v, false, 0);
    }
    return true;
}

static IrTemp to64(Translator *t, IrTemp v)
{
    return ir_type(t->ir, v) == IR_I64 ? v : ir_ext(t->ir, IR_I64, IR_U32, v);
}

static bool emit_cvt2si(Translator *t, Insn *in, const SseRow *row)
{
    unsigned kind = row->arg + (in->rex_w ? SSE_SS2SI_Q - SSE_SS2SI : 0);
    size_t src = xmm_operand(t, in, row->mem, false);
    IrTemp res;

    if (t->mk & MK_SSE_EXC) {
        res = ir_call(t->ir, H(cvt2si_exact), to64(t, sse_get_low(t, src, row->mem)), const32(t, kind));
        res = in->rex_w ? res : ir_trunc(t->ir, res);
    } else {
        res = ir_vget(t->ir, &vec_cvt2si[kind], in->rex_w ? IR_I64 : IR_I32, 16, src, src, 0);
    }
    guest_reg_write(t, in->reg, res, in->rex_w ? 8 : 4);
    return true;
}

static bool emit_comis(Translator *t, Insn *in, const SseRow *row)
{
    size_t a = xmm_off(in->reg), b = xmm_operand(t, in, row->mem, false);

    if (t->mk & MK_SSE_EXC) {
        flags_set(t, ir_call(t->ir, H(comis_exact), to64(t, sse_get_low(t, a, row->mem)),
                             to64(t, sse_get_low(t, b, row->mem)), const32(t, row->arg)));
    } else {
        flags_set(t, ir_vget(t->ir, &row->vec, IR_I32, 16, a, b, 0));
    }
    return true;
}

static bool mask_to_reg(Translator *t, Insn *in, const IrVecOp *op)
{
    size_t src = xmm_off(in->rm);

    if (in->is_mem) {
        return false;
    }
    guest_reg_write(t, in->reg, ir_vget(t->ir, op, IR_I32, 16, src, src, 0), 4);
    return true;
}

static bool emit_movmsk(Translator *t, Insn *in, const SseRow *row)
{
    return mask_to_reg(t, in, row->arg ? &vec_movmskpd : &vec_movmskps);
}

static bool emit_pmovmskb(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    return mask_to_reg(t, in, &vec_pmovmskb);
}

static bool emit_pmovmskb_mm(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    if (in->is_mem) {
        return false;
    }
    enter_mmx(t);
    guest_reg_write(t, in->reg, ir_call(t->ir, H(pmovmskb_mm), const32(t, mmx_off(in->rm3))), 4);
    return true;
}

static bool emit_ptest(Translator *t, Insn *in, const SseRow *row)
{
    size_t src = xmm_operand(t, in, row->mem, true);

    flags_set(t, ir_vget(t->ir, &vec_ptest, IR_I32, 16, xmm_off(in->reg), src, 0));
    return true;
}

/* ---- single elements ---- */

static bool emit_pinsrw(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    IrTemp v = in->is_mem ? insn_read_rm(t, in, 2) : guest_reg_read(t, in->rm, 4);

    ir_vput(t->ir, &vec_pinsrw, xmm_off(in->reg), xmm_off(in->reg), v, false, in->imm & 7);
    return true;
}

static bool emit_pinsrw_mm(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    IrTemp v = in->is_mem ? insn_read_rm(t, in, 2) : guest_reg_read(t, in->rm, 4);

    enter_mmx(t);
    ir_st(t->ir, v, mmx_off(in->op3) + (in->imm & 3) * 2, IR_MO_16);
    mmx_written(t, in->op3);
    return true;
}

static IrTemp get_element(Translator *t, size_t off, unsigned size, unsigned n)
{
    static const IrVecOp *const ops[] = { [1] = &vec_pextrb, [2] = &vec_pextrw, [4] = &vec_pextrd, [8] = &vec_pextrq };

    return ir_vget(t->ir, ops[size], size == 8 ? IR_I64 : IR_I32, 16, off, off, n & (16 / size - 1));
}

static bool emit_pextrw(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    if (in->is_mem) {
        return false;
    }
    guest_reg_write(t, in->reg, get_element(t, xmm_off(in->rm), 2, in->imm), 4);
    return true;
}

static bool emit_pextrw_mm(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    if (in->is_mem) {
        return false;
    }
    enter_mmx(t);
    guest_reg_write(t, in->reg, ir_ld(t->ir, IR_I32, mmx_off(in->rm3) + (in->imm & 3) * 2, IR_MO_16), 4);
    return true;
}

static unsigned element_size(const Insn *in, const SseRow *row)
{
    return row->arg == 4 && in->rex_w && in->opcode != 0x17 ? 8 : row->arg;
}

/* PEXTRB/W/D/Q, EXTRACTPS: to memory of that size, or zero-extended to a register. */
static bool emit_pextr(Translator *t, Insn *in, const SseRow *row)
{
    unsigned size = element_size(in, row);
    IrTemp addr = IR_NONE, v;

    if (in->is_mem) {
        addr = ea(t, in, size, EA_WRITE);
    }
    v = get_element(t, xmm_off(in->reg), size, in->imm);
    if (in->is_mem) {
        gen_store(t, addr, v, size);
    } else {
        guest_reg_write(t, in->rm, v, size == 8 ? 8 : 4);
    }
    return true;
}

static bool emit_pinsr(Translator *t, Insn *in, const SseRow *row)
{
    static const IrVecOp *const ops[] = { [1] = &vec_pinsrb, [4] = &vec_pinsrd, [8] = &vec_pinsrq };
    unsigned size = element_size(in, row);
    IrTemp v = in->is_mem ? gen_load(t, ea(t, in, size, EA_READ), size) : guest_reg_read(t, in->rm, size == 8 ? 8 : 4);

    ir_vput(t->ir, ops[size], xmm_off(in->reg), xmm_off(in->reg), v, false, in->imm & (16 / size - 1));
    return true;
}

static bool emit_insertps(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    size_t src = xmm_operand(t, in, 4, false);

    ir_vec(t->ir, &vec_insertps, xmm_off(in->reg), src, in->is_mem ? in->imm & 0x3f : in->imm);
    return true;
}

/* ---- SSE4a ---- */

static bool bit_field(Translator *t, const IrHelper *helper, unsigned dst, unsigned src, uint32_t how)
{
    ir_call(t->ir, helper, const32(t, xmm_off(dst)), const32(t, xmm_off(src)), const32(t, how));
    return true;
}

static bool emit_extrq_i(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    return bit_field(t, H(extrq), in->rm, in->rm, (uint16_t)in->imm);
}

static bool emit_extrq(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    return bit_field(t, H(extrq), in->reg, in->rm, ~0u);
}

static bool emit_insertq_i(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    return bit_field(t, H(insertq), in->reg, in->rm, (uint16_t)in->imm);
}

static bool emit_insertq(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    return bit_field(t, H(insertq), in->reg, in->rm, ~0u);
}

/* ---- masked stores, strings ---- */

static bool masked_store(Translator *t, Insn *in, size_t data, size_t mask, unsigned n)
{
    IrTemp addr;

    if (in->is_mem) {
        return false;
    }
    addr = guest_reg_read(t, R_EDI, in->addrsize);
    if (in->addrsize != 8) {
        addr = ir_ext(t->ir, IR_I64, IR_U32, addr);
    }
    addr = seg_linear(t, in, in->seg_override == SEG_NONE ? R_DS : in->seg_override, addr, n, EA_WRITE);
    ir_call(t->ir, H(maskmov), const32(t, data), const32(t, mask), const32(t, n), addr, sse_mmu_index(t));
    return true;
}

static bool emit_maskmov(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    return masked_store(t, in, xmm_off(in->reg), xmm_off(in->rm), 16);
}

static bool emit_maskmov_mm(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    if (!masked_store(t, in, mmx_off(in->op3), mmx_off(in->rm3), 8)) {
        return false;
    }
    enter_mmx(t);
    return true;
}

static IrTemp string_length(Translator *t, const Insn *in, unsigned reg)
{
    IrTemp v = guest_reg_read(t, reg, in->rex_w ? 8 : 4);

    return in->rex_w ? v : ir_ext(t->ir, IR_I64, IR_S32, v);
}

/* 60 PCMPESTRM, 61 PCMPESTRI, 62 PCMPISTRM, 63 PCMPISTRI. No alignment is asked for. */
static bool emit_pcmpstr(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    bool implicit = in->opcode & 2, mask = !(in->opcode & 1);
    unsigned imm = (uint8_t)in->imm | (implicit ? PCMPSTR_IMPLICIT : 0) | (mask ? PCMPSTR_MASK : 0);
    size_t src = xmm_operand(t, in, 16, false);
    IrTemp zero = ir_const(t->ir, IR_I64, 0);
    IrTemp res = ir_call(t->ir, H(pcmpstr), const32(t, xmm_off(in->reg)), const32(t, src), const32(t, imm),
                         implicit ? zero : string_length(t, in, R_EAX), implicit ? zero : string_length(t, in, R_EDX));
    IrTemp out = ir_trunc(t->ir, res);

    if (mask) {
        ir_call(t->ir, H(pcmpstrm), out, const32(t, imm));
    } else {
        guest_reg_write(t, R_ECX, out, 4);
    }
    flags_set(t, ir_trunc(t->ir, ir_shri(t->ir, res, 32)));
    return true;
}

/* ---- state ---- */

static bool emit_emms(Translator *t, Insn *in QEMU_UNUSED, const SseRow *row QEMU_UNUSED)
{
    enter_mmx(t);
    ir_st(t->ir, ir_const(t->ir, IR_I64, 0x0101010101010101ll), ENV_OFF(fptags), IR_MO_64);
    return true;
}

static bool has_fxsr(Translator *t)
{
    return translate_has(t, FEAT_1_EDX, CPUID_FXSR);
}

static void emit_xsave(Translator *t, Insn *in, unsigned kind)
{
    IrTemp addr = ea(t, in, 1, EA_WRITE);       /* the helper checks page by page; limits are those of a flat segment */

    ir_call(t->ir, H(xsave), addr, sse_mmu_index(t), const32(t, in->rex_w), const32(t, kind));
}

/* 0F AE with a memory operand. */
static bool emit_state(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    bool xsave = translate_has(t, FEAT_1_ECX, CPUID_XSAVE);
    bool no_fpu = t->mk & (MK_FPU_EM | MK_FPU_TS);
    IrTemp addr;

    if (!in->is_mem) {
        return false;
    }
    switch (in->op3) {
    case 0: case 1:
        if (!has_fxsr(t)) {
            return false;
        }
        if (no_fpu) {
            gen_exception(t, EXC_NM);
            return true;
        }
        addr = ea(t, in, 512, in->op3 ? EA_READ : EA_WRITE);
        if (in->op3 == 0) {
            ir_call(t->ir, H(fxsave), addr, sse_mmu_index(t), const32(t, in->rex_w));
        } else {
            gen_end_block_if(t, in, ir_call(t->ir, H(fxrstor), addr, sse_mmu_index(t), const32(t, in->rex_w)));
        }
        return true;
    case 2: case 3:
        if (!translate_has(t, FEAT_1_EDX, CPUID_SSE) || (t->mk & MK_FPU_EM) || !(t->mk & MK_OSFXSR)) {
            return false;
        }
        if (t->mk & MK_FPU_TS) {
            gen_exception(t, EXC_NM);
            return true;
        }
        addr = ea(t, in, 4, in->op3 == 2 ? EA_READ : EA_WRITE);
        if (in->op3 == 3) {
            gen_store(t, addr, ir_call(t->ir, H(stmxcsr)), 4);
        } else {
            gen_end_block_if(t, in, ir_call(t->ir, H(ldmxcsr), gen_load(t, addr, 4)));
        }
        return true;
    case 4: case 5: case 6:
        if (!xsave || (in->op3 == 6 && !translate_has(t, FEAT_D1_EAX, CPUID_XSAVEOPT))) {
            return false;
        }
        if (t->mk & MK_FPU_TS) {
            gen_exception(t, EXC_NM);
            return true;
        }
        if (in->op3 == 5) {
            addr = ea(t, in, 1, EA_READ);
            gen_end_block_if(t, in, ir_call(t->ir, H(xrstor), addr, sse_mmu_index(t), const32(t, in->rex_w)));
        } else {
            emit_xsave(t, in, in->op3 == 6 ? XSAVE_OPT : XSAVE_PLAIN);
        }
        return true;
    default:
        return false;
    }
}

/* 0F C7 /4 */
static bool emit_xsavec(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    if (!translate_has(t, FEAT_1_ECX, CPUID_XSAVE) || !translate_has(t, FEAT_D1_EAX, CPUID_XSAVEC)) {
        return false;
    }
    if (t->mk & MK_FPU_TS) {
        gen_exception(t, EXC_NM);
    } else {
        emit_xsave(t, in, XSAVE_COMPACT);
    }
    return true;
}

/* ---- dispatch ---- */

typedef bool SseEmit(Translator *t, Insn *in, const SseRow *row);

static SseEmit *const emitters[K__COUNT] = {
    [K_VEC] = emit_vec, [K_MMX] = emit_mmx, [K_PI2XMM] = emit_pi2xmm, [K_XMM2PI] = emit_xmm2pi,
    [K_SHIFT_MMX] = emit_shift_mmx, [K_SHIFT_XMM] = emit_shift_xmm, [K_LOAD] = emit_load, [K_LOAD_A] = emit_load_a,
    [K_STORE] = emit_store, [K_STORE_A] = emit_store_a, [K_STORE_NT] = emit_store_nt, [K_LOAD_NT] = emit_load_nt,
    [K_MOVSS_LD] = emit_movss_ld, [K_MOVSS_ST] = emit_movss_st, [K_MOVL_LD] = emit_movl_ld, [K_MOVH_LD] = emit_movh_ld,
    [K_MOVL_ST] = emit_movl_st, [K_MOVH_ST] = emit_movh_st, [K_MOVLPD_LD] = emit_movlpd_ld,
    [K_MOVHPD_LD] = emit_movhpd_ld, [K_CVTSI] = emit_cvtsi, [K_CVT2SI] = emit_cvt2si, [K_COMIS] = emit_comis,
    [K_MOVMSK] = emit_movmsk, [K_MOVD_TO_MM] = emit_movd_to_mm, [K_MOVD_TO_XMM] = emit_movd_to_xmm,
    [K_MOVD_FROM_MM] = emit_movd_from_mm, [K_MOVD_FROM_XMM] = emit_movd_from_xmm, [K_MOVQ_MM_LD] = emit_movq_mm_ld,
    [K_MOVQ_MM_ST] = emit_movq_mm_st, [K_MOVNTQ] = emit_movntq, [K_MOVQ_LD] = emit_movq_ld, [K_MOVQ_ST] = emit_movq_st,
    [K_MOVQ2DQ] = emit_movq2dq, [K_MOVDQ2Q] = emit_movdq2q, [K_EMMS] = emit_emms, [K_STATE] = emit_state,
    [K_XSAVEC] = emit_xsavec,
    [K_MOVNTI] = emit_movnti, [K_PINSRW_MM] = emit_pinsrw_mm, [K_PEXTRW_MM] = emit_pextrw_mm, [K_PINSRW] = emit_pinsrw,
    [K_PEXTRW] = emit_pextrw, [K_PMOVMSKB_MM] = emit_pmovmskb_mm, [K_PMOVMSKB] = emit_pmovmskb,
    [K_MASKMOV_MM] = emit_maskmov_mm, [K_MASKMOV] = emit_maskmov, [K_PTEST] = emit_ptest, [K_PEXTR] = emit_pextr,
    [K_PINSR] = emit_pinsr, [K_INSERTPS] = emit_insertps, [K_PCMPSTR] = emit_pcmpstr,
    [K_EXTRQ_I] = emit_extrq_i, [K_EXTRQ] = emit_extrq, [K_INSERTQ_I] = emit_insertq_i, [K_INSERTQ] = emit_insertq,
    [K_MOVNTS] = emit_movss_st,
};

bool sse_guest_has(const Translator *t, SseIsa isa)
{
    static const struct {
        uint8_t word;
        uint32_t bit;
    } features[ISA__COUNT] = {
        [ISA_MMX] = { FEAT_1_EDX, CPUID_MMX }, [ISA_SSE] = { FEAT_1_EDX, CPUID_SSE },
        [ISA_SSE2] = { FEAT_1_EDX, CPUID_SSE2 },
        [ISA_SSE3] = { FEAT_1_ECX, CPUID_SSE3 }, [ISA_SSSE3] = { FEAT_1_ECX, CPUID_SSSE3 },
        [ISA_SSE41] = { FEAT_1_ECX, CPUID_SSE41 }, [ISA_SSE42] = { FEAT_1_ECX, CPUID_SSE42 },
        [ISA_AES] = { FEAT_1_ECX, CPUID_AES }, [ISA_PCLMUL] = { FEAT_1_ECX, CPUID_PCLMULQDQ },
        [ISA_SHA] = { FEAT_7_EBX, CPUID_SHA }, [ISA_SSE4A] = { FEAT_8000_0001_ECX, CPUID_EXT_SSE4A },
    };

    return isa == ISA_NONE || translate_has(t, features[isa].word, features[isa].bit);
}

static bool uses_mmx(const Insn *in, const SseRow *row)
{
    switch ((SseKind)row->kind) {
    case K_MMX: case K_SHIFT_MMX: case K_XMM2PI: case K_MOVD_TO_MM: case K_MOVD_FROM_MM: case K_MOVQ_MM_LD:
    case K_MOVQ_MM_ST: case K_MOVNTQ: case K_MOVQ2DQ: case K_MOVDQ2Q: case K_EMMS: case K_PINSRW_MM: case K_PEXTRW_MM:
    case K_PMOVMSKB_MM: case K_MASKMOV_MM:
        return true;
    case K_PI2XMM:
        return !in->is_mem;
    default:
        return false;
    }
}

/* XMM registers are only there when the system says that it saves them (SDM vol. 3A, table "Action Taken for ..."). */
static bool uses_xmm(const SseRow *row)
{
    switch ((SseKind)row->kind) {
    case K_MMX: case K_SHIFT_MMX: case K_MOVD_TO_MM: case K_MOVD_FROM_MM: case K_MOVQ_MM_LD: case K_MOVQ_MM_ST:
    case K_MOVNTQ: case K_EMMS: case K_PINSRW_MM: case K_PEXTRW_MM: case K_PMOVMSKB_MM: case K_MASKMOV_MM:
        return false;
    default:
        return true;
    }
}

/* #UD of an operand of the wrong kind comes before #NM and #MF. */
bool sse_operand_fits(const Insn *in, const SseRow *row)
{
    switch ((SseKind)row->kind) {
    case K_SHIFT_MMX: case K_SHIFT_XMM:
        return !in->is_mem && sse_shift_op(in->opcode, in->op3, row->kind == K_SHIFT_MMX);
    case K_MOVMSK:
    case K_PMOVMSKB:
    case K_PMOVMSKB_MM:
    case K_PEXTRW:
    case K_PEXTRW_MM:
    case K_MASKMOV:
    case K_MASKMOV_MM:
    case K_MOVQ2DQ: case K_MOVDQ2Q: case K_EXTRQ: case K_INSERTQ: case K_INSERTQ_I:
        return !in->is_mem;
    case K_EXTRQ_I:
        return !in->is_mem && in->op3 == 0;
    case K_MOVNTS: case K_MOVNTI:
        return in->is_mem;
    case K_MOVNTQ: case K_STORE_NT: case K_LOAD_NT: case K_MOVL_ST: case K_MOVH_ST: case K_MOVLPD_LD: case K_MOVHPD_LD:
        return in->is_mem;
    case K_LOAD:
        return in->is_mem || row->isa != ISA_SSE3;      /* LDDQU */
    default:
        return true;
    }
}

bool sse_emit(Translator *t, Insn *in, const SseRow *row)
{
    return emitters[row->kind](t, in, row);
}

bool translate_sse(Translator *t, Insn *in)
{
    const SseRow *row = sse_row(in->map, in->opcode, in->mandatory);

    if (row->kind == K_UD || !sse_guest_has(t, row->isa)) {
        return false;
    }
    if (row->kind == K_STATE || row->kind == K_XSAVEC || row->kind == K_MOVNTI) {
        return emitters[row->kind](t, in, row);
    }
    if ((t->mk & MK_FPU_EM) || (uses_xmm(row) && !(t->mk & MK_OSFXSR)) || !sse_operand_fits(in, row)) {
        return false;
    }
    if (t->mk & MK_FPU_TS) {
        gen_exception(t, EXC_NM);
        return true;
    }
    if ((t->mk & MK_FPU_EXC) && uses_mmx(in, row)) {
        ir_call(t->ir, H(fpu_wait));
    }
    return emitters[row->kind](t, in, row);
}
