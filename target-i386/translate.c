/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The front end's engine: blocks, the common part of every instruction (operands in, emitter, operands out), exits.
 *
 * A block ends at a taken transfer, a page boundary, an instruction that changes the mode key, or max_insns. A
 * conditional jump not taken goes on inside the block. What raises out of line is collected and emitted after the
 * last instruction, since control flow in the IR goes forward only.
 * Follows docs/cpu-frontend.md; commit order: include/tcg/ir.h, "Precise state".
 * Left out: jumps within the page are not followed into.
 */
#include "qemu/osdep.h"
#include "exec/cpu-mem.h"
#include "exec/translate-all.h"
#include "qemu/log.h"
#include "target-i386/decode.h"
#include "target-i386/helper-int.h"
#include "target-i386/models.h"
#include "target-i386/translate-sse.h"

X86Globals x86g;

void x86_translate_init(IrContext *ir)
{
    /* hottest first: pinned as far as it goes */
    static const struct { uint8_t reg; const char *name; } order[16] = {
        { R_EAX, "rax" }, { R_ECX, "rcx" }, { R_EDX, "rdx" }, { R_EBX, "rbx" }, { R_ESP, "rsp" }, { R_EBP, "rbp" },
        { R_ESI, "rsi" }, { R_EDI, "rdi" }, { 8, "r8" }, { 12, "r12" }, { 13, "r13" }, { 14, "r14" }, { 9, "r9" },
        { 15, "r15" }, { 10, "r10" }, { 11, "r11" },
    };

    for (unsigned i = 0; i < ARRAY_SIZE(order); i++) {
        size_t off = ENV_OFF(regs) + order[i].reg * sizeof(uint64_t);

        x86g.reg[order[i].reg] = ir_global_new(ir, IR_I64, off, order[i].name, (int)i);
    }
    x86g.cc_dst = ir_global_new(ir, IR_I64, ENV_OFF(cc_dst), "cc_dst", -1);
    x86g.cc_src = ir_global_new(ir, IR_I64, ENV_OFF(cc_src), "cc_src", -1);
    x86g.cc_src2 = ir_global_new(ir, IR_I64, ENV_OFF(cc_src2), "cc_src2", -1);
    x86g.cc_inc = ir_global_new(ir, IR_I64, ENV_OFF(cc_inc), "cc_inc", -1);
    x86g.cc_op = ir_global_new(ir, IR_I32, ENV_OFF(cc_op), "cc_op", -1);
}

/* ---- CPUID ---- */

bool translate_has(const Translator *t, unsigned word, uint32_t bit)
{
    return t->env->features[word] & bit;
}

static bool reader_has(void *opaque, InsnFeature f)
{
    static const struct { uint8_t word; uint32_t bit; } bits[FEAT_I__COUNT] = {
        [FEAT_I_CMOV] = { FEAT_1_EDX, CPUID_CMOV }, [FEAT_I_CX8] = { FEAT_1_EDX, CPUID_CX8 },
        [FEAT_I_CX16] = { FEAT_1_ECX, CPUID_CX16 }, [FEAT_I_POPCNT] = { FEAT_1_ECX, CPUID_POPCNT },
        [FEAT_I_MOVBE] = { FEAT_1_ECX, CPUID_MOVBE }, [FEAT_I_SSE42] = { FEAT_1_ECX, CPUID_SSE42 },
        [FEAT_I_BMI1] = { FEAT_7_EBX, CPUID_BMI1 }, [FEAT_I_BMI2] = { FEAT_7_EBX, CPUID_BMI2 },
        [FEAT_I_LZCNT] = { FEAT_8000_0001_ECX, CPUID_EXT_ABM }, [FEAT_I_ADX] = { FEAT_7_EBX, CPUID_ADX },
        [FEAT_I_RDRAND] = { FEAT_1_ECX, CPUID_RDRAND }, [FEAT_I_RDSEED] = { FEAT_7_EBX, CPUID_RDSEED },
        [FEAT_I_RDTSCP] = { FEAT_8000_0001_EDX, CPUID_EXT_RDTSCP }, [FEAT_I_FSGSBASE] = { FEAT_7_EBX, CPUID_FSGSBASE },
        [FEAT_I_SYSCALL] = { FEAT_8000_0001_EDX, CPUID_EXT_SYSCALL }, [FEAT_I_SEP] = { FEAT_1_EDX, CPUID_SEP },
        [FEAT_I_CLFLUSH] = { FEAT_1_EDX, CPUID_CLFLUSH }, [FEAT_I_CLFLUSHOPT] = { FEAT_7_EBX, CPUID_CLFLUSHOPT },
        [FEAT_I_CLWB] = { FEAT_7_EBX, CPUID_CLWB }, [FEAT_I_MONITOR] = { FEAT_1_ECX, CPUID_MONITOR },
        [FEAT_I_XSAVE] = { FEAT_1_ECX, CPUID_XSAVE }, [FEAT_I_INVPCID] = { FEAT_7_EBX, CPUID_INVPCID },
        [FEAT_I_SMAP] = { FEAT_7_EBX, CPUID_SMAP }, [FEAT_I_RDPID] = { FEAT_7_ECX, CPUID_RDPID },
        [FEAT_I_TSC] = { FEAT_1_EDX, CPUID_TSC }, [FEAT_I_MSR] = { FEAT_1_EDX, CPUID_MSR },
        [FEAT_I_SSE] = { FEAT_1_EDX, CPUID_SSE }, [FEAT_I_SSE2] = { FEAT_1_EDX, CPUID_SSE2 },
        [FEAT_I_LAHF] = { FEAT_8000_0001_ECX, CPUID_EXT_LAHF_LM }, [FEAT_I_PKU] = { FEAT_7_ECX, CPUID_PKU },
    };
    const Translator *t = opaque;

    if (f == FEAT_I_LAHF && !t->code64) {
        return true;
    }
    return translate_has(t, bits[f].word, bits[f].bit);
}

/* ---- fetching code ---- */

static int fetch_slow(void *opaque, uint64_t linear)
{
    Translator *t = opaque;

    /* Only the first instruction may touch the next page (and fault there): any other ends the block before itself. */
    if ((linear ^ t->first_page) >= TARGET_PAGE_SIZE && t->n_insns) {
        return -1;
    }
    return cpu_fetch_byte(t->env, linear);
}

static void reader_open(Translator *t, CodeReader *r, uint64_t eip)
{
    uint64_t linear = code_linear(r, eip);

    t->first_page = linear & TARGET_PAGE_MASK;
    if (r->mk & (MK_CS64 | MK_FLAT_CS) || (uint32_t)eip <= r->cs_limit) {
        r->host = cpu_fetch_page(t->env, linear);       /* raises what the fetch raises */
        if (r->host) {
            r->host_lo = t->first_page;
            r->host_hi = t->first_page + TARGET_PAGE_SIZE;
        }
    }
}

/* ---- exceptions ---- */

void gen_exception(Translator *t, int vector)
{
    ir_call(t->ir, &ir_helper_raise, ir_const(t->ir, IR_I32, vector));
    t->done = true;
}

void gen_exception_err(Translator *t, int vector, uint32_t error)
{
    ir_call(t->ir, &ir_helper_raise_err, ir_const(t->ir, IR_I32, vector), ir_const(t->ir, IR_I32, error));
    t->done = true;
}

void gen_fault_if(Translator *t, const Insn *in, IrCond c, IrTemp a, IrTemp b, int kind, uint32_t arg)
{
    FaultLabel *f = NULL;

    for (unsigned i = t->n_faults; i-- > 0 && t->faults[i].pc == in->pc;) {
        if (t->faults[i].kind == kind && t->faults[i].arg == arg) {
            f = &t->faults[i];
            break;
        }
    }
    if (!f) {
        assert(t->n_faults < MAX_FAULT_LABELS);     /* the block loop leaves room */
        f = &t->faults[t->n_faults++];
        *f = (FaultLabel) { .label = ir_label_new(t->ir), .pc = in->pc, .kind = kind, .arg = arg };
    }
    ir_brcond(t->ir, c, a, b, f->label);
}

static void emit_faults(Translator *t)
{
    IrContext *ir = t->ir;

    for (unsigned i = 0; i < t->n_faults; i++) {
        const FaultLabel *f = &t->faults[i];

        ir_label_set(ir, f->label);
        ir_insn_start(ir, f->pc);
        switch (f->kind) {
        case FAULT_SEG:
            ir_call(ir, &ir_helper_seg_fault, ir_const(ir, IR_I32, f->arg));
            break;
        case FAULT_GP0:
            ir_call(ir, &ir_helper_raise_err, ir_const(ir, IR_I32, EXC_GP), ir_const(ir, IR_I32, 0));
            break;
        default:
            ir_call(ir, &ir_helper_cs_limit_changed, ir_const(ir, IR_I64, (int64_t)f->pc));
            break;
        }
    }
}

/* ---- exits ---- */

void gen_end_block(Translator *t)
{
    t->force_end = true;
}

/* The block covers one instruction and must look at events after it. */
static bool exits_to_loop(const Translator *t)
{
    return t->mk & (MK_INHIBIT | MK_RF) || t->force_end;
}

/* Debug traps may be due after this instruction. */
static bool steps(const Translator *t)
{
    return (t->mk & (MK_TF | MK_DB)) && !t->no_step;
}

static IrTemp step_how(Translator *t, bool transfer)
{
    return ir_const(t->ir, IR_I32, (t->mk & MK_TF ? STEP_TF : 0) | (transfer ? STEP_BRANCH : 0));
}

static void gen_single_step(Translator *t, IrTemp eip, IrTemp how)
{
    t->done = true;
    ir_call(t->ir, &ir_helper_single_step, eip, how);
    ir_st(t->ir, eip, ENV_OFF(eip), IR_MO_64);
    ir_exit_loop(t->ir);
}

static bool in_first_page(const Translator *t, uint64_t eip)
{
    return (code_linear(t->code, eip) & TARGET_PAGE_MASK) == t->first_page;
}

static unsigned exit_flags(const Translator *t, uint64_t eip)
{
    return (in_first_page(t, eip) ? 0 : IR_EXIT_CROSS) | (eip <= t->insn->pc ? IR_EXIT_LOOP : 0);
}

bool jump_allowed(const Translator *t, uint64_t eip)
{
    if (eip == t->insn->next) {
        return true;            /* running into it is the next instruction's fault */
    }
    return t->code64 ? addr_is_canonical(eip) : (t->mk & MK_FLAT_CS) || eip <= t->cs_limit;
}

static void exit_const(Translator *t, uint64_t eip, unsigned extra_flags)
{
    IrContext *ir = t->ir;

    t->done = true;
    if (!jump_allowed(t, eip)) {
        gen_exception_err(t, EXC_GP, 0);
    } else if (steps(t)) {
        gen_single_step(t, ir_const(ir, IR_I64, (int64_t)eip), step_how(t, eip != t->insn->next));
    } else if (exits_to_loop(t)) {
        ir_exit_loop_at(ir, eip);
    } else {
        ir_exit_chain(ir, eip, exit_flags(t, eip) | extra_flags, flags_dead_mask(t, eip, in_first_page(t, eip)));
    }
}

/* Leaves for a constant EIP; the block ends. */
void gen_exit(Translator *t, uint64_t eip)
{
    exit_const(t, eip, 0);
}

void gen_exit_polled(Translator *t, uint64_t eip)
{
    exit_const(t, eip, IR_EXIT_LOOP);
}

static void leave_for(Translator *t, IrTemp eip, IrTemp how)
{
    IrContext *ir = t->ir;

    t->done = true;
    if (steps(t)) {
        gen_single_step(t, eip, how);
    } else if (exits_to_loop(t)) {
        ir_st(ir, eip, ENV_OFF(eip), IR_MO_64);
        ir_exit_loop(ir);
    } else {
        ir_exit_jump(ir, eip, 0);
    }
}

/* Leaves for a constant EIP if the condition holds; the block goes on otherwise. */
void gen_exit_if(Translator *t, const Insn *in, IrCond c, IrTemp a, IrTemp b, uint64_t eip)
{
    IrContext *ir = t->ir;

    if (!jump_allowed(t, eip)) {
        gen_fault_if(t, in, c, a, b, FAULT_GP0, 0);
    } else if (steps(t) || (t->mk & (MK_INHIBIT | MK_RF))) {
        IrTemp how = ir_movcond(ir, c, a, b, step_how(t, true), step_how(t, false));

        leave_for(t,
                  ir_movcond(ir, c, a, b, ir_const(ir, IR_I64, (int64_t)eip), ir_const(ir, IR_I64, (int64_t)in->next)),
                  how);
    } else {
        ir_exit_chain_if(ir, c, a, b, eip, exit_flags(t, eip), flags_dead_mask(t, eip, in_first_page(t, eip)));
    }
}

/* Leaves for a computed EIP (I64, truncated by the caller); the limit of CS was checked. */
void gen_exit_to(Translator *t, IrTemp eip)
{
    leave_for(t, eip, step_how(t, true));
}

/* A helper has set env->eip (and perhaps the mode). */
void gen_exit_helper(Translator *t)
{
    t->done = true;
    if (steps(t)) {
        gen_single_step(t, ir_ld(t->ir, IR_I64, ENV_OFF(eip), IR_MO_64), step_how(t, true));
    } else if (t->mk & (MK_TF | MK_DB)) {
        ir_exit_loop(t->ir);
    } else {
        ir_exit_lookup(t->ir);
    }
}

/* ---- operands ---- */

static IrType type_of(unsigned size)
{
    return size == 8 ? IR_I64 : IR_I32;
}

static IrTemp immediate(Translator *t, const Insn *in, int64_t v)
{
    unsigned size = in->size ? in->size : 4;
    uint64_t mask = size == 8 ? ~0ull : (1ull << (size * 8)) - 1;

    return ir_const(t->ir, type_of(size), (int64_t)((uint64_t)v & mask));
}

/* Where the host finds an immediate that the guest keeps changing; NULL: it is as constant as the rest of the code. */
static const uint8_t *soft_immediate(Translator *t, const Insn *in)
{
    uint64_t linear = code_linear(t->code, in->pc + in->imm_off), lo = linear - t->first_page, hi = lo + in->imm_len;
    TranslateResult *res = t->res;

    if (!t->rq->is_soft || linear < t->code->host_lo || linear + in->imm_len > t->code->host_hi ||
        res->n_soft == MAX_SOFT || !t->rq->is_soft(t->rq->opaque, (unsigned)lo, (unsigned)hi)) {
        return NULL;
    }
    res->soft[res->n_soft++] = (SoftBytes) { (uint16_t)lo, (uint16_t)hi };
    return t->code->host + lo;
}

static IrTemp immediate_operand(Translator *t, const Insn *in, bool is_signed)
{
    static const IrMemOp sizes[] = { [1] = IR_MO_8, [2] = IR_MO_16, [4] = IR_MO_32, [8] = IR_MO_64 };
    const uint8_t *host = soft_immediate(t, in);
    unsigned size = in->size ? in->size : 4;
    IrTemp v;

    if (!host) {
        return immediate(t, in, in->imm);
    }
    v = ir_hld(t->ir, type_of(size), host, sizes[in->imm_len] | (is_signed ? IR_MO_SIGN : 0));
    return size < 4 && is_signed && in->imm_len < size ? ir_andi(t->ir, v, (1 << (size * 8)) - 1) : v;
}

static unsigned opcode_reg(const Insn *in)
{
    return (in->opcode & 7) | (in->rex & 1 ? 8 : 0);
}

/* Register that a register operand names. */
static unsigned operand_reg(const Insn *in, unsigned op)
{
    switch (op) {
    case Gb: case Gw: case Gv: case Gy: return in->reg;
    case Zb: case Zv: case Zq: return opcode_reg(in);
    case By: return in->vex_v;
    case AL: case rAX: return R_EAX;
    case CL: return R_ECX;
    default: return in->rm;
    }
}

static IrTemp load_reg(Translator *t, const Insn *in, unsigned op)
{
    unsigned size = operand_size(in, op), reg = operand_reg(in, op);

    return size == 1 && op != AL && op != CL ? guest_reg_read8(t, in, reg) : guest_reg_read(t, reg, size);
}

static bool operand_in_memory(const Insn *in, unsigned op)
{
    return (operand_is_rm(op) && in->is_mem) || op == Ob || op == Ov;
}

static void memory_operand(Translator *t, Insn *in, unsigned op, bool reads, bool writes)
{
    unsigned size = operand_size(in, op);
    EaAccess access = (reads ? EA_READ : 0) | (writes ? EA_WRITE : 0);

    if (op == Ob || op == Ov) {
        in->ea = seg_linear(t, in, in->seg, ir_const(t->ir, IR_I64, in->disp), size, access);
    } else {
        insn_ea(t, in, size, access);
    }
}

static IrTemp load_operand(Translator *t, Insn *in, unsigned op)
{
    switch (op) {
    case Ib: case Iw:
        return immediate_operand(t, in, false);
    case Is: case Iz: case Iv:
        return immediate_operand(t, in, in->imm_len < in->size);
    case One:
        return immediate(t, in, 1);
    default:
        break;
    }
    if (operand_in_memory(in, op)) {
        memory_operand(t, in, op, true, false);
        return gen_load(t, in->ea, operand_size(in, op));
    }
    return load_reg(t, in, op);
}

static void load_operands(Translator *t, Insn *in)
{
    const InsnRow *row = in->row;

    if (operand_in_memory(in, row->o0) && (row->acc & (R0 | W0 | WE)) && !(row->attr & A_NOACC)) {
        memory_operand(t, in, row->o0, row->acc & R0, row->acc & (W0 | WE));
        in->locked = (row->attr & A_LOCK) && (in->lock || (row->attr & A_XLOCK)) && (t->mk & MK_PARALLEL);
        if ((row->acc & R0) && !in->locked) {
            in->val[0] = row->acc & (W0 | WE) ? gen_load_rmw(t, in->ea, in->size) : gen_load(t, in->ea, in->size);
        }
    } else if (row->acc & R0) {
        in->val[0] = load_operand(t, in, row->o0);
    }
    if (row->acc & R1) {
        in->val[1] = load_operand(t, in, row->o1);
    }
    if (row->acc & R2) {
        in->val[2] = load_operand(t, in, row->o2);
    }
}

static void write_reg(Translator *t, const Insn *in, unsigned op, IrTemp val)
{
    unsigned size = operand_size(in, op), reg = operand_reg(in, op);

    if (size == 1 && op != AL) {
        guest_reg_write8(t, in, reg, val);
    } else {
        guest_reg_write(t, reg, val, size);
    }
}

/*
 * Memory precedes registers because a store may fault (SDM vol. 3A, "Program or Task Restart"). Flags come last, unless
 * they name a register that is about to change. Operand 1 precedes operand 0: in "xadd al, al" the sum wins.
 */
static void write_back(Translator *t, Insn *in)
{
    const InsnRow *row = in->row;
    bool to_mem = operand_in_memory(in, row->o0);
    bool w0 = (row->acc & W0) && !to_mem, w1 = row->acc & W1;
    bool early;

    if (t->done) {
        return;
    }
    if ((row->acc & W0) && to_mem && !in->locked) {
        gen_store(t, in->ea, in->val[0], in->size);
    }
    early = in->flags_unless_zero || (w0 && flags_refer_to(&in->flags, x86g.reg[operand_reg(in, row->o0) & 15])) ||
            (w1 && flags_refer_to(&in->flags, x86g.reg[operand_reg(in, row->o1) & 15]));
    if (in->flags_unless_zero) {
        flags_commit_unless_zero(t, &in->flags, in->val[2]);
        in->flags = flags_none();
    } else if (early) {
        flags_commit(t, &in->flags);
    }
    /* What names such a register as an operand of a comparison means its old value. */
    if (w1) {
        write_reg(t, in, row->o1, in->val[1]);
        forget_operand(&in->flags, x86g.reg[operand_reg(in, row->o1) & 15]);
    }
    if (w0) {
        write_reg(t, in, row->o0, in->val[0]);
        forget_operand(&in->flags, x86g.reg[operand_reg(in, row->o0) & 15]);
    }
    if (!early) {
        flags_commit(t, &in->flags);
    }
}

/* ---- instructions ---- */

void emit_x87(Translator *t, Insn *in)
{
    translate_x87(t, in);
}

void emit_sse(Translator *t, Insn *in)
{
    if (!translate_sse(t, in)) {
        gen_exception(t, EXC_UD);
    }
}

void emit_avx(Translator *t, Insn *in)
{
    if (!translate_avx(t, in)) {
        gen_exception(t, EXC_UD);
    }
}

static void translate_insn(Translator *t, Insn *in)
{
    in->flags = flags_none();
    in->locked = in->flags_unless_zero = false;
    if ((in->row->attr & A_SERIAL) && (t->mk & MK_PARALLEL)) {
        ir_fence(t->ir);
    }
    load_operands(t, in);
    in->row->emit(t, in);
    write_back(t, in);
}

static void log_undefined(Translator *t, const Insn *in)
{
    qemu_log_mask(LOG_UNIMP, "undefined opcode at 0x%" PRIx64 ": map %u opcode 0x%02x modrm 0x%02x\n",
                  in->pc, in->map, in->opcode, in->modrm);
}

static void begin_insn(Translator *t, uint64_t pc)
{
    ir_insn_start(t->ir, pc);
    if (t->mk & MK_DB) {
        ir_call(t->ir, &ir_helper_insn_breakpoint, ir_const(t->ir, IR_I64, (int64_t)pc));
    }
    if (t->mk & (MK_INHIBIT | MK_RF)) {
        ir_call(t->ir, &ir_helper_end_shadow);
    }
}

/* A block made while CS had one limit checks that it still has it; what depends on the limit is constant then. */
static void guard_cs_limit(Translator *t, uint64_t pc)
{
    Insn at = { .pc = pc };

    if (!t->code64 && !(t->mk & MK_FLAT_CS)) {
        ir_insn_start(t->ir, pc);
        gen_fault_if(t, &at, IR_NE, ir_ld(t->ir, IR_I32, ENV_OFF(segs[R_CS].limit), IR_MO_32),
                     ir_const(t->ir, IR_I32, t->cs_limit), FAULT_CS_LIMIT, 0);
    }
}

/* Translates the instruction at pc; false when the block ends before it. */
static bool translate_one(Translator *t, uint64_t pc, Insn *in)
{
    DecodeStatus st = insn_decode(t->code, pc, in);
    uint64_t linear = code_linear(t->code, pc);

    if (st == DECODE_END) {
        return false;
    }
    t->insn = in;
    begin_insn(t, pc);
    t->lo = MIN(t->lo, linear);
    t->hi = MAX(t->hi, linear + (st == DECODE_OK ? in->len : 1));
    t->n_insns++;
    if (st == DECODE_OK) {
        t->guest_bytes += in->len;
        translate_insn(t, in);
    } else if (st == DECODE_GP) {
        gen_exception_err(t, EXC_GP, 0);
    } else {
        log_undefined(t, in);
        gen_exception(t, EXC_UD);
    }
    return true;
}

#define FAULTS_PER_INSN 16
#define OPS_PER_BLOCK 1500

static bool room_for_more(const Translator *t)
{
    return t->n_insns < t->max_insns && t->n_faults + FAULTS_PER_INSN < MAX_FAULT_LABELS &&
           ir_num_ops(t->ir) < OPS_PER_BLOCK;
}

static void translate_insns(Translator *t, uint64_t pc)
{
    Insn in;

    for (;;) {
        if (!translate_one(t, pc, &in)) {
            gen_exit(t, pc);
            return;
        }
        if (t->done) {
            return;
        }
        pc = in.next;
        if (t->force_end || !room_for_more(t) || !in_first_page(t, pc) || pc < in.pc) {
            gen_exit(t, pc);
            return;
        }
    }
}

void x86_translate_block(const TranslateRequest *rq, TranslateResult *res)
{
    uint32_t mk = (uint32_t)rq->mode_key;
    Translator t = {
        .rq = rq, .res = res, .ir = rq->ir, .env = rq->env, .mk = mk, .cs_base = rq->mode_key >> 32,
        .cpl = mk & MK_CPL_MASK,
        .code64 = mk & MK_CS64, .code32 = mk & MK_CS32, .ss32 = mk & MK_SS32,
        .first_pc = rq->eip, .lo = ~0ull, .max_insns = rq->max_insns, .cs_limit = rq->env->segs[R_CS].limit,
    };
    CodeReader code = {
        .mk = mk, .cs_base = t.cs_base, .cs_limit = t.cs_limit, .slow = fetch_slow, .has = reader_has, .opaque = &t,
    };

    t.code = &code;
    res->n_soft = 0;
    if (mk & (MK_TF | MK_DB | MK_INHIBIT | MK_RF)) {
        t.max_insns = 1;
    }
    flags_forget(&t);
    reader_open(&t, &code, rq->eip);
    guard_cs_limit(&t, rq->eip);
    translate_insns(&t, rq->eip);
    emit_faults(&t);
    res->n_insns = t.n_insns;
    res->lo = t.lo;
    res->hi = t.hi;
    res->guest_bytes = t.guest_bytes;
}
