/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87 instructions to IR: escape opcodes D8..DF and FWAIT.
 *
 * Follows: SDM vol. 2D, appendix A, "Escape Opcode Instructions" (tables ); undocumented aliases as
 * processors have them (FSTP1, FCOM2, FXCH4, FFREEP, ...). One row names what an encoding does; arithmetic is in
 * fpu-helpers.c.
 *
 * While the mode key has MK_FPU_EXC clear, no exception is pending and none can become so: then nothing is checked,
 * no helper raises, and stores go value -> memory -> fst_done. Else every waiting instruction first calls fpu_wait, and
 * stores are one helper that may store nothing.
 */
#include "qemu/osdep.h"
#include "target-i386/helper-fpu.h"
#include "target-i386/models.h"
#include "target-i386/translate.h"

typedef enum X87Kind {
    X_UD,
    /* register forms */
    X_CALL,         /* helper(env) */
    X_CALL_ARG,     /* helper(env, arg) */
    X_CALL_STI,     /* helper(env, i | arg) */
    X_FCOMI,        /* helper(env, i | arg) gives flags */
    X_FCMOV,        /* arg: condition code */
    X_NOP,          /* FENI, FDISI, FSETPM: not waiting */
    X_FNOP,
    X_FNCLEX, X_FNINIT, X_FNSTSW_AX,
    X_GROUP,        /* arg: row of x87_groups */
    /* memory forms; size is of the operand */
    X_LOAD,         /* helper(env, value) */
    X_LOAD_S16,     /* sign-extended to 32 bits */
    X_FILD,         /* sign-extended to 64 bits */
    X_COMPARE, X_COMPARE_S16,   /* helper(env, value, arg) */
    X_FLD80, X_FBLD,
    X_STORE,        /* helper gives the value; arg: FpuStore | pop << 4 */
    X_FLDCW, X_FNSTCW, X_FNSTSW,
    X_IMAGE,        /* waiting: FLDENV, FRSTOR */
    X_IMAGE_NW,     /* FNSTENV, FNSAVE */
} X87Kind;

typedef struct X87Row {
    uint8_t kind, arg, size;
    const IrHelper *helper;
} X87Row;

#define H(name) &ir_helper_##name
#define M32(h) { X_LOAD, 0, 4, H(h) }
#define M64(h) { X_LOAD, 0, 8, H(h) }
#define I16(h) { X_LOAD_S16, 0, 2, H(h) }
#define STORE(h, kind, bytes, pop) { X_STORE, (kind) | ((pop) << 4), bytes, h }

#define ARITH_MEM(form, cmp, suffix)                                                                       \
    { form(fadd_##suffix), form(fmul_##suffix), cmp(fcom_##suffix, 0), cmp(fcom_##suffix, FPU_POP),     \
      form(fsub_##suffix), form(fsubr_##suffix), form(fdiv_##suffix), form(fdivr_##suffix) }
#define CMP32(h, pop) { X_COMPARE, pop, 4, H(h) }
#define CMP64(h, pop) { X_COMPARE, pop, 8, H(h) }
#define CMP16(h, pop) { X_COMPARE_S16, pop, 2, H(h) }

static const X87Row x87_mem[8][8] = {
    /* D8 */ ARITH_MEM(M32, CMP32, m32),
    /* D9 */ { M32(fld_m32), { X_UD, 0, 0, NULL }, STORE(H(fst_m32), FPU_ST_M32, 4, 0),
               STORE(H(fst_m32), FPU_ST_M32, 4, 1),
               { X_IMAGE, 14, 28, H(fldenv) }, { X_FLDCW, 0, 2, NULL }, { X_IMAGE_NW, 14, 28, H(fnstenv) },
               { X_FNSTCW, 0, 2, NULL } },
    /* DA */ ARITH_MEM(M32, CMP32, i32),
    /* DB */ { { X_FILD, 0, 4, NULL }, STORE(H(fistt_i32), FPU_ST_T32, 4, 1), STORE(H(fist_i32), FPU_ST_I32, 4, 0),
               STORE(H(fist_i32), FPU_ST_I32, 4, 1), { X_UD, 0, 0, NULL }, { X_FLD80, 0, 10, NULL },
               { X_UD, 0, 0, NULL },
               STORE(NULL, FPU_ST_M80, 10, 1) },
    /* DC */ ARITH_MEM(M64, CMP64, m64),
    /* DD */ { M64(fld_m64), STORE(H(fistt_i64), FPU_ST_T64, 8, 1), STORE(H(fst_m64), FPU_ST_M64, 8, 0),
               STORE(H(fst_m64), FPU_ST_M64, 8, 1), { X_IMAGE, 94, 108, H(frstor) }, { X_UD, 0, 0, NULL },
               { X_IMAGE_NW, 94, 108, H(fnsave) }, { X_FNSTSW, 0, 2, NULL } },
    /* DE */ ARITH_MEM(I16, CMP16, i32),
    /* DF */ { { X_FILD, 0, 2, NULL }, STORE(H(fistt_i16), FPU_ST_T16, 2, 1), STORE(H(fist_i16), FPU_ST_I16, 2, 0),
               STORE(H(fist_i16), FPU_ST_I16, 2, 1), { X_FBLD, 0, 10, NULL }, { X_FILD, 0, 8, NULL },
               STORE(NULL, FPU_ST_BCD, 10, 1), STORE(H(fist_i64), FPU_ST_I64, 8, 1) },
};

#define STI(h, spec) { X_CALL_STI, spec, 0, H(h) }
#define UD { X_UD, 0, 0, NULL }
#define GROUP(n) { X_GROUP, n, 0, NULL }
#define FCMOV(cc) { X_FCMOV, cc, 0, NULL }
enum { G_D9_D0, G_D9_E0, G_D9_E8, G_D9_F0, G_D9_F8, G_DA_E8, G_DB_E0, G_DE_D8, G_DF_E0, G__COUNT };

static const X87Row x87_reg[8][8] = {
    /* D8 */ { STI(fadd_st0, 0), STI(fmul_st0, 0), STI(fcom, 0), STI(fcom, FPU_POP), STI(fsub_st0, 0),
               STI(fsubr_st0, 0),
               STI(fdiv_st0, 0), STI(fdivr_st0, 0) },
    /* D9 */ { STI(fld_sti, 0), STI(fxch, 0), GROUP(G_D9_D0), STI(fst_sti, FPU_POP | FPU_QUIET), GROUP(G_D9_E0),
               GROUP(G_D9_E8),
               GROUP(G_D9_F0), GROUP(G_D9_F8) },
    /* DA */ { FCMOV(2), FCMOV(4), FCMOV(6), FCMOV(10), UD, GROUP(G_DA_E8), UD, UD },
    /* DB */ { FCMOV(3), FCMOV(5), FCMOV(7), FCMOV(11), GROUP(G_DB_E0), { X_FCOMI, 0, 0, H(fucomi) },
               { X_FCOMI, 0, 0, H(fcomi) }, UD },
    /* DC */ { STI(fadd_sti, 0), STI(fmul_sti, 0), STI(fcom, 0), STI(fcom, FPU_POP), STI(fsubr_sti, 0),
               STI(fsub_sti, 0),
               STI(fdivr_sti, 0), STI(fdiv_sti, 0) },
    /* DD */ { STI(ffree, 0), STI(fxch, 0), STI(fst_sti, 0), STI(fst_sti, FPU_POP), STI(fucom, 0), STI(fucom, FPU_POP),
               UD, UD },
    /* DE */ { STI(fadd_sti, FPU_POP), STI(fmul_sti, FPU_POP), STI(fcom, FPU_POP), GROUP(G_DE_D8),
               STI(fsubr_sti, FPU_POP),
               STI(fsub_sti, FPU_POP), STI(fdivr_sti, FPU_POP), STI(fdiv_sti, FPU_POP) },
    /* DF */ { STI(ffree, FPU_POP), STI(fxch, 0), STI(fst_sti, FPU_POP), STI(fst_sti, FPU_POP), GROUP(G_DF_E0),
               { X_FCOMI, FPU_POP, 0, H(fucomi) }, { X_FCOMI, FPU_POP, 0, H(fcomi) }, UD },
};

#define CALL(h) { X_CALL, 0, 0, H(h) }
#define CONST(n) { X_CALL_ARG, n, 0, H(fld_const) }
#define KIND(k) { k, 0, 0, NULL }

static const X87Row x87_groups[G__COUNT][8] = {
    [G_D9_D0] = { KIND(X_FNOP) },
    [G_D9_E0] = { CALL(fchs), CALL(fabs), UD, UD, CALL(ftst), CALL(fxam), UD, UD },
    [G_D9_E8] = { CONST(0), CONST(1), CONST(2), CONST(3), CONST(4), CONST(5), CONST(6), UD },
    [G_D9_F0] = { CALL(f2xm1), CALL(fyl2x), CALL(fptan), CALL(fpatan), CALL(fxtract), CALL(fprem1),
                  { X_CALL_ARG, 7, 0, H(fstp_top) }, { X_CALL_ARG, 1, 0, H(fstp_top) } },
    [G_D9_F8] = { CALL(fprem), CALL(fyl2xp1), CALL(fsqrt), CALL(fsincos), CALL(frndint), CALL(fscale), CALL(fsin),
                  CALL(fcos) },
    [G_DA_E8] = { UD, { X_CALL_ARG, 1 | FPU_POP | FPU_POP2, 0, H(fucom) } },
    [G_DB_E0] = { KIND(X_NOP), KIND(X_NOP), KIND(X_FNCLEX), KIND(X_FNINIT), KIND(X_NOP), UD, UD, UD },
    [G_DE_D8] = { UD, { X_CALL_ARG, 1 | FPU_POP | FPU_POP2, 0, H(fcom) } },
    [G_DF_E0] = { KIND(X_FNSTSW_AX) },
};

/* ---- common parts ---- */

static IrTemp const32(Translator *t, uint32_t v)
{
    return ir_const(t->ir, IR_I32, v);
}

static bool is_waiting(X87Kind kind)
{
    switch (kind) {
    case X_NOP: case X_FNCLEX: case X_FNINIT: case X_FNSTSW_AX: case X_FNSTCW: case X_FNSTSW: case X_IMAGE_NW:
        return false;
    default:
        return true;
    }
}

/* The instruction, operand and opcode pointers. Control instructions leave them alone. */
static void record(Translator *t, const Insn *in)
{
    unsigned opcode = (in->opcode & 7) << 8 | in->modrm | 0x8000;   /* bit 15: see FPOP_RAN in fpu-state.c */

    ir_st(t->ir, ir_const(t->ir, IR_I64, in->pc), ENV_OFF(fpip), IR_MO_64);
    ir_st(t->ir, const32(t, opcode), ENV_OFF(fpop), IR_MO_16);
    if (in->is_mem) {
        ir_st(t->ir, in->ea, ENV_OFF(fpdp), IR_MO_64);
    }
}

/*
 * changed (I32): the mode key is another one now, so the rest of the block may be wrong. Usually it is not.
 * What was known about operands of flags is lost, because IR locals do not live across labels.
 */
void gen_end_block_if(Translator *t, const Insn *in, IrTemp changed)
{
    IrLabel same;

    if (t->mk & MK_TF) {                /* #DB comes first */
        gen_end_block(t);
        return;
    }
    same = ir_label_new(t->ir);
    ir_brcond(t->ir, IR_EQ, changed, const32(t, 0), same);
    ir_exit_loop_at(t->ir, in->next);
    ir_label_set(t->ir, same);
    flags_forget(t);
}

static IrTemp mmu_index(Translator *t)
{
    return const32(t, ir_mo_mmu(memop(t, 1)));
}

static IrTemp ea(Translator *t, Insn *in, unsigned nbytes, EaAccess access)
{
    in->ea = insn_ea(t, in, nbytes, access);
    return in->ea;
}

static IrTemp load_signed(Translator *t, Insn *in, unsigned size, IrType type)
{
    IrTemp v = gen_load(t, ea(t, in, size, EA_READ), size);

    if (size == 8 || (size == 4 && type == IR_I32)) {
        return v;
    }
    return ir_ext(t->ir, type, size == 2 ? IR_S16 : IR_S32, v);
}

static void store(Translator *t, Insn *in, const X87Row *row)
{
    unsigned kind = row->arg & 15, spec = row->arg >> 4 ? FPU_POP : 0;
    IrTemp addr = ea(t, in, row->size, EA_WRITE);

    if (!row->helper || (t->mk & MK_FPU_EXC)) {
        ir_call(t->ir, H(fpu_store), const32(t, kind), addr, mmu_index(t), const32(t, spec));
    } else {
        gen_store(t, addr, ir_call(t->ir, row->helper), row->size);
        ir_call(t->ir, H(fst_done), const32(t, spec));
    }
    record(t, in);
}

/* 80 bits: the significand, then sign and exponent. */
static void load80(Translator *t, Insn *in, const IrHelper *helper)
{
    IrTemp low, high;

    ea(t, in, 10, EA_READ);
    low = gen_load(t, in->ea, 8);
    high = gen_load(t, ir_addi(t->ir, in->ea, 8), 2);
    record(t, in);
    ir_call(t->ir, helper, low, high);
}

static void fcomi(Translator *t, Insn *in, const X87Row *row)
{
    record(t, in);
    flags_set(t, ir_call(t->ir, row->helper, const32(t, in->rm3 | row->arg)));
}

static void image(Translator *t, Insn *in, const X87Row *row, bool writes)
{
    bool is32 = in->opsize != 2;
    IrTemp addr = ea(t, in, is32 ? row->size : row->arg, writes ? EA_WRITE : EA_READ);

    gen_end_block_if(t, in, ir_call(t->ir, row->helper, addr, mmu_index(t), const32(t, is32 ? FPU_ENV_32 : 0)));
}

/* ---- entry ---- */

static void register_form(Translator *t, Insn *in, const X87Row *row)
{
    switch ((X87Kind)row->kind) {
    case X_CALL:
        record(t, in);
        ir_call(t->ir, row->helper);
        break;
    case X_CALL_ARG:
        record(t, in);
        ir_call(t->ir, row->helper, const32(t, row->arg));
        break;
    case X_CALL_STI:
        record(t, in);
        ir_call(t->ir, row->helper, const32(t, in->rm3 | row->arg));
        break;
    case X_FCOMI:
        fcomi(t, in, row);
        break;
    case X_FCMOV:
        record(t, in);
        ir_call(t->ir, H(fcmov), const32(t, in->rm3), cond_value(t, row->arg));
        break;
    case X_FNOP:
        record(t, in);
        break;
    case X_FNCLEX:
        gen_end_block_if(t, in, ir_call(t->ir, H(fnclex)));
        break;
    case X_FNINIT:
        gen_end_block_if(t, in, ir_call(t->ir, H(fninit)));
        break;
    case X_FNSTSW_AX:
        guest_reg_write(t, R_EAX, ir_call(t->ir, H(fnstsw)), 2);
        break;
    default:                        /* X_NOP */
        break;
    }
}

static void memory_form(Translator *t, Insn *in, const X87Row *row)
{
    IrTemp v;

    switch ((X87Kind)row->kind) {
    case X_LOAD:
    case X_LOAD_S16:
        v = load_signed(t, in, row->size, row->size == 8 ? IR_I64 : IR_I32);
        record(t, in);
        ir_call(t->ir, row->helper, v);
        break;
    case X_COMPARE:
    case X_COMPARE_S16:
        v = load_signed(t, in, row->size, row->size == 8 ? IR_I64 : IR_I32);
        record(t, in);
        ir_call(t->ir, row->helper, v, const32(t, row->arg));
        break;
    case X_FILD:
        v = load_signed(t, in, row->size, IR_I64);
        record(t, in);
        ir_call(t->ir, H(fild), v);
        break;
    case X_FLD80:
        load80(t, in, H(fld_m80));
        break;
    case X_FBLD:
        load80(t, in, H(fbld));
        break;
    case X_STORE:
        store(t, in, row);
        break;
    case X_FLDCW:
        gen_end_block_if(t, in, ir_call(t->ir, H(fldcw), gen_load(t, ea(t, in, 2, EA_READ), 2)));
        break;
    case X_FNSTCW:
        gen_store(t, ea(t, in, 2, EA_WRITE), ir_ld(t->ir, IR_I32, ENV_OFF(fpuc), IR_MO_16), 2);
        break;
    case X_FNSTSW:
        gen_store(t, ea(t, in, 2, EA_WRITE), ir_call(t->ir, H(fnstsw)), 2);
        break;
    case X_IMAGE:
        image(t, in, row, false);
        break;
    default:                        /* X_IMAGE_NW */
        image(t, in, row, true);
        break;
    }
}

/* Instructions that came later than the others. */
static bool lacks_feature(const Translator *t, const Insn *in, const X87Row *row)
{
    switch ((X87Kind)row->kind) {
    case X_FCMOV: case X_FCOMI:
        return !translate_has(t, FEAT_1_EDX, CPUID_CMOV);
    case X_STORE:
        return in->op3 == 1 && !translate_has(t, FEAT_1_ECX, CPUID_SSE3);
    default:
        return false;
    }
}

static void fwait(Translator *t)
{
    if ((t->mk & MK_FPU_MP) && (t->mk & MK_FPU_TS)) {
        gen_exception(t, EXC_NM);
    } else if (t->mk & MK_FPU_EXC) {
        ir_call(t->ir, H(fpu_wait));
    }
}

void translate_x87(Translator *t, Insn *in)
{
    const X87Row *row;

    if (in->opcode == 0x9b) {
        fwait(t);
        return;
    }
    if (t->mk & (MK_FPU_EM | MK_FPU_TS)) {
        gen_exception(t, EXC_NM);
        return;
    }
    row = in->is_mem ? &x87_mem[in->opcode & 7][in->op3] : &x87_reg[in->opcode & 7][in->op3];
    if (row->kind == X_GROUP) {
        row = &x87_groups[row->arg][in->rm3];
    }
    if (row->kind == X_UD || lacks_feature(t, in, row)) {
        gen_exception(t, EXC_UD);
        return;
    }
    if ((t->mk & MK_FPU_EXC) && is_waiting(row->kind)) {
        ir_call(t->ir, H(fpu_wait));
    }
    if (in->is_mem) {
        memory_form(t, in, row);
    } else {
        register_form(t, in, row);
    }
}
