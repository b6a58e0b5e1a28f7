/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VEX-encoded vector instructions to IR.
 *
 * Those that SSE has too take the operation from its table (sse-ops.c), with a destination of its own and bytes up to
 * 32 zeroed; the table here says what VEX adds to each kind: whether vvvv names a source (else it must be 1111), which
 * lengths exist. The others have rows of their own (avx-ops.c).
 *
 * Follows: SDM vol. 2A, "Intel Advanced Vector Extensions (Intel AVX)" and "VEX Encoding and Exception Classes"; vol.
 * 2C. Memory operands need no alignment but for the aligned moves. CR0.EM and CR4.OSFXSR do not count, XCR0 does.
 */
#include "qemu/osdep.h"
#include "target-i386/helper-avx.h"
#include "target-i386/helper-int.h"
#include "target-i386/models.h"
#include "target-i386/translate-sse.h"

#define H(name) &ir_helper_##name
#define T0 VEC_T0
#define T1 VEC_T1

static unsigned vector_bytes(const Insn *in)
{
    return in->vex_l ? 32 : 16;
}

static IrTemp const32(Translator *t, uint32_t v)
{
    return ir_const(t->ir, IR_I32, v);
}

static IrTemp const64(Translator *t, uint64_t v)
{
    return ir_const(t->ir, IR_I64, (int64_t)v);
}

static size_t dst_off(const Insn *in) { return xmm_off(in->reg); }
static size_t vvvv_off(const Insn *in) { return xmm_off(in->vex_v); }
static size_t rm_off(const Insn *in) { return xmm_off(in->rm); }

/* dst = op(a, b, c): on the exact path while an exception is unmasked. */
static void vex_op(Translator *t, const IrVecOp *op, bool fp, unsigned len, size_t dst, size_t a, size_t b, size_t c,
                   unsigned imm)
{
    if (fp && (t->mk & MK_SSE_EXC)) {
        ir_call(t->ir, H(vex_exact), const64(t, (uintptr_t)op), const64(t, dst | (uint64_t)a << 32),
                const64(t, b | (uint64_t)c << 32), const32(t, imm | len << 8));
    } else {
        ir_vex(t->ir, op, len, dst, a, b, c, (uint8_t)imm);
    }
}

static void copy(Translator *t, unsigned len, size_t dst, size_t src)
{
    ir_vex(t->ir, &vec_mov128, len, dst, src, src, src, 0);
}

/* Where the r/m operand is: its register, or T0 after a load of n bytes. */
static size_t operand(Translator *t, Insn *in, unsigned n)
{
    if (!in->is_mem) {
        return rm_off(in);
    }
    sse_load_t0(t, in, n, false);
    return T0;
}

/* ---- SSE's operations ---- */

static bool is_scalar(const SseRow *row)
{
    return row->vec.src_bytes < 16 && !row->vec.src_bytes256;
}

static bool emit_vec(Translator *t, Insn *in, const SseRow *row)
{
    unsigned len = is_scalar(row) ? 16 : vector_bytes(in);
    size_t b = operand(t, in, len == 32 ? row->vec.src_bytes256 : row->mem);

    vex_op(t, &row->vec, row->fp, len, dst_off(in), vvvv_off(in), b, b, row->vec.has_imm ? (uint8_t)in->imm : 0);
    return true;
}

/* vvvv is the destination. */
static bool emit_shift(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    ir_vex(t->ir, sse_shift_op(in->opcode, in->op3, false), vector_bytes(in), vvvv_off(in), rm_off(in), rm_off(in),
           rm_off(in), (uint8_t)in->imm);
    return true;
}

static void load(Translator *t, Insn *in, unsigned n, bool aligned)
{
    IrTemp addr = insn_ea(t, in, n, EA_READ);

    ir_gldv(t->ir, dst_off(in), addr, memop(t, n) | IR_MO_ZERO | (aligned ? IR_MO_ALIGN : 0));
}

static bool load_vector(Translator *t, Insn *in, bool aligned)
{
    if (in->is_mem) {
        load(t, in, vector_bytes(in), aligned);
    } else {
        copy(t, vector_bytes(in), dst_off(in), rm_off(in));
    }
    return true;
}

static bool store_vector(Translator *t, Insn *in, bool aligned)
{
    if (in->is_mem) {
        sse_store(t, in, dst_off(in), vector_bytes(in), aligned);
    } else {
        copy(t, vector_bytes(in), rm_off(in), dst_off(in));
    }
    return true;
}

static bool emit_load(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED) { return load_vector(t, in, false); }
static bool emit_load_a(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED) { return load_vector(t, in, true); }
static bool emit_store(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED) { return store_vector(t, in, false); }
static bool emit_store_a(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED) { return store_vector(t, in, true); }

/* VMOVSS and VMOVSD: three registers, or a load that clears the rest. */
static bool emit_movss_ld(Translator *t, Insn *in, const SseRow *row)
{
    if (in->is_mem) {
        load(t, in, row->mem, false);
    } else {
        ir_vex(t->ir, row->mem == 4 ? &vec_movlow4 : &vec_movlow, 16, dst_off(in), vvvv_off(in), rm_off(in), rm_off(in),
               0);
    }
    return true;
}

static bool emit_movss_st(Translator *t, Insn *in, const SseRow *row)
{
    if (in->is_mem) {
        sse_store(t, in, dst_off(in), row->mem, false);
    } else {
        ir_vex(t->ir, row->mem == 4 ? &vec_movlow4 : &vec_movlow, 16, rm_off(in), vvvv_off(in), dst_off(in),
               dst_off(in), 0);
    }
    return true;
}

static bool emit_movl_ld(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    size_t b = operand(t, in, 8);

    ir_vex(t->ir, in->is_mem ? &vec_movlow : &vec_movhlps, 16, dst_off(in), vvvv_off(in), b, b, 0);
    return true;
}

static bool emit_movh_ld(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    size_t b = operand(t, in, 8);

    ir_vex(t->ir, &vec_movhigh, 16, dst_off(in), vvvv_off(in), b, b, 0);
    return true;
}

static bool emit_movq_ld(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    if (in->is_mem) {
        load(t, in, 8, false);
    } else {
        ir_vex(t->ir, &vec_movq, 16, dst_off(in), rm_off(in), rm_off(in), rm_off(in), 0);
    }
    return true;
}

static bool emit_movq_st(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    if (in->is_mem) {
        sse_store(t, in, dst_off(in), 8, false);
    } else {
        ir_vex(t->ir, &vec_movq, 16, rm_off(in), dst_off(in), dst_off(in), dst_off(in), 0);
    }
    return true;
}

static bool emit_movd(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    unsigned size = in->rex_w ? 8 : 4;

    if (in->is_mem) {
        load(t, in, size, false);
    } else {
        ir_vput(t->ir, size == 8 ? &vec_put_q : &vec_put_d, dst_off(in), dst_off(in), guest_reg_read(t, in->rm, size),
                true, 0);
    }
    return true;
}

static bool emit_cvtsi(Translator *t, Insn *in, const SseRow *row)
{
    bool is_double = row->isa == ISA_SSE2;
    IrTemp v = insn_read_rm(t, in, in->rex_w ? 8 : 4);

    if ((t->mk & MK_SSE_EXC) && (in->rex_w || !is_double)) {
        ir_vput(t->ir, in->rex_w ? &vec_put_q : &vec_put_d, T0, T0, v, false, 0);
        vex_op(t, in->rex_w ? (is_double ? &vec_cvtsi2sd_q : &vec_cvtsi2ss_q) : &row->vec, true, 16, dst_off(in),
               vvvv_off(in), T0, T0, 0);
    } else {
        ir_vput(t->ir, &vec_cvtsi[is_double][in->rex_w], dst_off(in), vvvv_off(in), v, true, 0);
    }
    return true;
}

static bool signs_to_reg(Translator *t, Insn *in, const IrVecOp *op)
{
    guest_reg_write(t, in->reg, ir_vget(t->ir, op, IR_I32, vector_bytes(in), rm_off(in), rm_off(in), 0), 4);
    return true;
}

static bool emit_movmsk(Translator *t, Insn *in, const SseRow *row)
{
    return signs_to_reg(t, in, row->arg ? &vec_movmskpd : &vec_movmskps);
}

static bool emit_pmovmskb(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    return signs_to_reg(t, in, &vec_pmovmskb);
}

static bool test(Translator *t, Insn *in, const IrVecOp *op)
{
    size_t b = operand(t, in, vector_bytes(in));

    flags_set(t, ir_vget(t->ir, op, IR_I32, vector_bytes(in), dst_off(in), b, 0));
    return true;
}

static bool emit_ptest(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    return test(t, in, &vec_ptest);
}

static bool insert(Translator *t, Insn *in, unsigned size)
{
    static const IrVecOp *const ops[] = { [1] = &vec_pinsrb, [2] = &vec_pinsrw, [4] = &vec_pinsrd, [8] = &vec_pinsrq };
    IrTemp v =
        in->is_mem ? gen_load(t, insn_ea(t, in, size, EA_READ), size) : guest_reg_read(t, in->rm, size == 8 ? 8 : 4);

    ir_vput(t->ir, ops[size], dst_off(in), vvvv_off(in), v, true, in->imm & (16 / size - 1));
    return true;
}

static bool emit_pinsr(Translator *t, Insn *in, const SseRow *row)
{
    return insert(t, in, row->arg == 4 && in->rex_w ? 8 : row->arg);
}

static bool emit_pinsrw(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    return insert(t, in, 2);
}

static bool emit_insertps(Translator *t, Insn *in, const SseRow *row QEMU_UNUSED)
{
    size_t b = operand(t, in, 4);

    ir_vex(t->ir, &vec_insertps, 16, dst_off(in), vvvv_off(in), b, b, in->is_mem ? in->imm & 0x3f : in->imm);
    return true;
}

/* VPCMPxSTRM clears the upper half of XMM0 as well. */
static bool emit_pcmpstr(Translator *t, Insn *in, const SseRow *row)
{
    sse_emit(t, in, row);
    if (!(in->opcode & 1)) {
        copy(t, 16, xmm_off(0), xmm_off(0));
    }
    return true;
}

/* What VEX adds to the kinds of sse-ops.c. Kinds that are not here have no VEX form. */
typedef bool VexEmit(Translator *t, Insn *in, const SseRow *row);
enum { THREE = 1, REGS };       /* vvvv is an operand; REGS: of the register form only */
#define KIND(e, l, ...) { .emit = e, .len = VL_##l, ##__VA_ARGS__ }
static const struct {
    VexEmit *emit;
    uint8_t len;                /* VexLen */
    uint8_t vvvv;               /* 0, THREE, REGS */
    bool avx2;                  /* 256 bits came with AVX2 */
} sse_kinds[K__COUNT] = {
    [K_VEC] = KIND(emit_vec, ANY, .vvvv = THREE),
    [K_SHIFT_XMM] = KIND(emit_shift, ANY, .vvvv = THREE, .avx2 = true),
    [K_LOAD] = KIND(emit_load, ANY),
    [K_LOAD_A] = KIND(emit_load_a, ANY),
    [K_STORE] = KIND(emit_store, ANY),
    [K_STORE_A] = KIND(emit_store_a, ANY),
    [K_STORE_NT] = KIND(emit_store_a, ANY),
    [K_LOAD_NT] = KIND(emit_load_a, ANY, .avx2 = true),
    [K_MOVSS_LD] = KIND(emit_movss_ld, IGNORED, .vvvv = REGS),
    [K_MOVSS_ST] = KIND(emit_movss_st, IGNORED, .vvvv = REGS),
    [K_MOVL_LD] = KIND(emit_movl_ld, 128, .vvvv = THREE),
    [K_MOVH_LD] = KIND(emit_movh_ld, 128, .vvvv = THREE),
    [K_MOVLPD_LD] = KIND(emit_movl_ld, 128, .vvvv = THREE),
    [K_MOVHPD_LD] = KIND(emit_movh_ld, 128, .vvvv = THREE),
    [K_MOVL_ST] = KIND(sse_emit, 128),
    [K_MOVH_ST] = KIND(sse_emit, 128),
    [K_MOVQ_LD] = KIND(emit_movq_ld, 128),
    [K_MOVQ_ST] = KIND(emit_movq_st, 128),
    [K_MOVD_TO_XMM] = KIND(emit_movd, 128),
    [K_MOVD_FROM_XMM] = KIND(sse_emit, 128),
    [K_CVTSI] = KIND(emit_cvtsi, IGNORED, .vvvv = THREE),
    [K_CVT2SI] = KIND(sse_emit, IGNORED),
    [K_COMIS] = KIND(sse_emit, IGNORED),
    [K_MOVMSK] = KIND(emit_movmsk, ANY),
    [K_PMOVMSKB] = KIND(emit_pmovmskb, ANY, .avx2 = true),
    [K_PTEST] = KIND(emit_ptest, ANY),
    [K_PINSRW] = KIND(emit_pinsrw, 128, .vvvv = THREE),
    [K_PINSR] = KIND(emit_pinsr, 128, .vvvv = THREE),
    [K_PEXTRW] = KIND(sse_emit, 128),
    [K_PEXTR] = KIND(sse_emit, 128),
    [K_INSERTPS] = KIND(emit_insertps, 128, .vvvv = THREE),
    [K_MASKMOV] = KIND(sse_emit, 128),
    [K_PCMPSTR] = KIND(emit_pcmpstr, 128),
    [K_STATE] = KIND(sse_emit, 128), /* VLDMXCSR, VSTMXCSR */
};

static bool length_exists(const Insn *in, unsigned len)
{
    return len == VL_ANY || len == VL_IGNORED || (len == VL_256) == in->vex_l;
}

/* 256 bits of a K_VEC row: the host feature it names is the guest's as well. */
static bool wide_form_exists(const Translator *t, const IrVecOp *v)
{
    switch (v->src_bytes256 ? v->host_feature256 : IR_VEC_FN_ONLY) {
    case IR_VEC_AVX: return true;
    case IR_VEC_AVX2: return translate_has(t, FEAT_7_EBX, CPUID_AVX2);
    case IR_VEC_VAES: return translate_has(t, FEAT_7_ECX, CPUID_VAES);
    case IR_VEC_VPCLMUL: return translate_has(t, FEAT_7_ECX, CPUID_VPCLMULQDQ);
    default: return false;
    }
}

static bool sse_form_exists(const Translator *t, const Insn *in, const SseRow *row)
{
    bool three = sse_kinds[row->kind].vvvv == THREE || (sse_kinds[row->kind].vvvv == REGS && !in->is_mem);

    if (!sse_kinds[row->kind].emit || !length_exists(in, sse_kinds[row->kind].len) || !sse_operand_fits(in, row)) {
        return false;
    }
    if ((row->isa == ISA_AES || row->isa == ISA_PCLMUL) && !sse_guest_has(t, row->isa)) {
        return false;
    }
    if (in->vex_l && sse_kinds[row->kind].avx2 && !translate_has(t, FEAT_7_EBX, CPUID_AVX2)) {
        return false;
    }
    if (row->kind == K_VEC) {
        three = !row->vec.dst_unread;
        if (row->vec.c_is_first || row->vec.no_vex ||
            (in->vex_l && !is_scalar(row) && !wide_form_exists(t, &row->vec))) {
            return false;
        }
    }
    if ((row->kind == K_PINSR || row->kind == K_PEXTR) && in->vex_w && !t->code64 && row->arg == 4 &&
        in->opcode != 0x17) {
        return false;           /* VPINSRQ, VPEXTRQ */
    }
    if (row->kind == K_STATE && !(in->is_mem && (in->op3 == 2 || in->op3 == 3))) {
        return false;
    }
    return three || in->vex_no_v;
}

/* ---- instructions with VEX only ---- */

static bool emit_vex_op(Translator *t, Insn *in, const VexRow *row)
{
    unsigned len = row->len == VL_IGNORED ? 16 : vector_bytes(in);
    size_t b = operand(t, in, in->vex_l ? row->mem256 : row->mem), c = b;

    if (row->kind == V_FMA) {
        c = dst_off(in);
    } else if (row->kind == V_BLENDV) {
        c = xmm_off(in->imm >> 4 & (t->code64 ? 15 : 7));
    }
    vex_op(t, &row->vec, row->fp, len, dst_off(in), vvvv_off(in), b, c, (uint8_t)in->imm);
    return true;
}

static bool emit_broadcast128(Translator *t, Insn *in, const VexRow *row)
{
    sse_load_t0(t, in, row->mem, false);
    ir_vex(t->ir, &vec_vinsertf128, 32, dst_off(in), T0, T0, T0, 1);
    return true;
}

/* The store is checked first: MXCSR keeps its flags if it faults. */
static bool emit_vex_store(Translator *t, Insn *in, const VexRow *row)
{
    unsigned bytes = in->vex_l ? row->mem256 : row->mem;

    if (!in->is_mem) {
        vex_op(t, &row->vec, row->fp, vector_bytes(in), rm_off(in), dst_off(in), dst_off(in), dst_off(in),
               (uint8_t)in->imm);
        return true;
    }
    if (row->fp) {
        ir_call(t->ir, H(probe_write), insn_ea(t, in, bytes, EA_WRITE), const32(t, bytes), sse_mmu_index(t));
    }
    vex_op(t, &row->vec, row->fp, vector_bytes(in), T1, dst_off(in), dst_off(in), dst_off(in), (uint8_t)in->imm);
    sse_store(t, in, T1, bytes, false);
    return true;
}

static bool emit_vex_test(Translator *t, Insn *in, const VexRow *row)
{
    return test(t, in, &row->vec);
}

/* What the helpers of single elements are told. */
static uint32_t element_word(const Insn *in, const VexRow *row)
{
    return VEX_DST(in->reg) | VEX_MASK((uint32_t)in->vex_v) | VEX_ELEM(row->elem == 4 ? 2u : 3u) |
           VEX_SEG((uint32_t)in->seg) | (in->vex_l ? VEX_LEN32 : 0);
}

static bool emit_masked(Translator *t, Insn *in, const VexRow *row)
{
    ir_call(t->ir, row->kind == V_MASK_LOAD ? H(vmaskload) : H(vmaskstore), const32(t, element_word(in, row)),
            insn_ea_offset(t, in), sse_mmu_index(t));
    return true;
}

static bool emit_gather(Translator *t, Insn *in, const VexRow *row)
{
    uint32_t word = element_word(in, row) | VEX_INDEX((uint32_t)in->vsib_index) |
                    VEX_INDEX_ELEM(row->index == 4 ? 2u : 3u) | VEX_SCALE((uint32_t)in->scale) |
                    (in->addrsize == 8 ? 0 : VEX_ADDR32);

    ir_call(t->ir, H(vgather), const32(t, word), insn_ea_offset(t, in), sse_mmu_index(t));
    return true;
}

static bool gather_operands_differ(const Insn *in)
{
    return in->reg != in->vex_v && in->reg != in->vsib_index && in->vex_v != in->vsib_index;
}

typedef bool VexRowEmit(Translator *t, Insn *in, const VexRow *row);
enum { MEM_ONLY = 1, NO_VVVV = 2 };
static const struct {
    VexRowEmit *emit;
    uint8_t rules;
} vex_kinds[] = {
    [V_OP] = { .emit = emit_vex_op },
    [V_FMA] = { .emit = emit_vex_op },
    [V_BLENDV] = { .emit = emit_vex_op },
    [V_BROADCAST128] = { .emit = emit_broadcast128, .rules = MEM_ONLY | NO_VVVV },
    [V_STORE] = { .emit = emit_vex_store, .rules = NO_VVVV },
    [V_TEST] = { .emit = emit_vex_test, .rules = NO_VVVV },
    [V_MASK_LOAD] = { .emit = emit_masked, .rules = MEM_ONLY },
    [V_MASK_STORE] = { .emit = emit_masked, .rules = MEM_ONLY },
    [V_GATHER] = { .emit = emit_gather, .rules = MEM_ONLY },
};

static bool guest_has(const Translator *t, VexIsa isa)
{
    static const struct {
        uint8_t word;
        uint32_t bit;
    } features[] = {
        [VI_AVX] = { FEAT_1_ECX, CPUID_AVX },
        [VI_AVX2] = { FEAT_7_EBX, CPUID_AVX2 },
        [VI_FMA] = { FEAT_1_ECX, CPUID_FMA },
        [VI_F16C] = { FEAT_1_ECX, CPUID_F16C },
    };

    return translate_has(t, features[isa].word, features[isa].bit);
}

static bool vex_form_exists(const Translator *t, const Insn *in, const VexRow *row)
{
    unsigned rules = vex_kinds[row->kind].rules;

    if (!length_exists(in, row->len) || !guest_has(t, in->is_mem ? row->isa : MAX(row->isa, row->isa_reg))) {
        return false;
    }
    if (((rules & MEM_ONLY) && !in->is_mem) || (((rules & NO_VVVV) || row->vec.dst_unread) && !in->vex_no_v)) {
        return false;
    }
    return row->kind != V_GATHER || (in->has_vsib && gather_operands_differ(in));
}

/* ---- dispatch ---- */

/* VZEROUPPER, VZEROALL: of the eight or sixteen registers there are. */
static void emit_vzero(Translator *t, const Insn *in)
{
    if (in->vex_l) {
        ir_call(t->ir, H(vzeroall), const32(t, t->code64 ? 16 : 8));
    } else {
        ir_vzup(t->ir, t->code64 ? 16 : 8);
    }
}

static bool is_vzero(const Insn *in)
{
    return in->map == 1 && in->opcode == 0x77 && !in->mandatory && in->vex_no_v;
}

bool avx_insn_exists(const Translator *t, const Insn *in)
{
    const VexRow *row = vex_row(in->map, in->opcode, in->mandatory, in->vex_w);

    if (is_vzero(in) || !guest_has(t, VI_AVX)) {
        return guest_has(t, VI_AVX);
    }
    return row->kind == V_UD ? sse_form_exists(t, in, sse_row(in->map, in->opcode, in->mandatory))
                             : vex_form_exists(t, in, row);
}

bool avx_ignores_length(const Insn *in)
{
    const VexRow *row = vex_row(in->map, in->opcode, in->mandatory, in->vex_w);
    const SseRow *sse = sse_row(in->map, in->opcode, in->mandatory);

    if (row->kind != V_UD) {
        return row->len == VL_IGNORED;
    }
    return sse_kinds[sse->kind].len == VL_IGNORED || (sse->kind == K_VEC && is_scalar(sse));
}

bool translate_avx(Translator *t, Insn *in)
{
    const VexRow *row = vex_row(in->map, in->opcode, in->mandatory, in->vex_w);
    const SseRow *sse = sse_row(in->map, in->opcode, in->mandatory);

    if (!(t->mk & MK_OSXSAVE) || !avx_insn_exists(t, in)) {
        return false;
    }
    if (t->mk & MK_FPU_TS) {
        gen_exception(t, EXC_NM);
        return true;
    }
    if (is_vzero(in)) {
        emit_vzero(t, in);
        return true;
    }
    return row->kind == V_UD ? sse_kinds[sse->kind].emit(t, in, sse) : vex_kinds[row->kind].emit(t, in, row);
}
