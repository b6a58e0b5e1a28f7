/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Emitters: segment registers, descriptor tables, control and debug registers, MSRs, and the rest of the system
 * instructions. The work is done by helpers (helper-sys.h); here stands who is #UD when, and whether the block goes on.
 */
#include "qemu/osdep.h"
#include "target-i386/decode.h"
#include "target-i386/helper-int.h"

static IrTemp k32(Translator *t, int64_t v)
{
    return ir_const(t->ir, IR_I32, v);
}

static IrTemp wide(Translator *t, IrTemp v)
{
    return ir_type(t->ir, v) == IR_I64 ? v : ir_ext(t->ir, IR_I64, IR_U32, v);
}

static IrTemp next_const(Translator *t, const Insn *in)
{
    return ir_const(t->ir, IR_I64, (int64_t)in->next);
}

/* A helper that may change anything but the way code is translated. */
static void plain_call(Translator *t, const IrHelper *h)
{
    ir_call(t->ir, h);
    flags_forget(t);
}

/* ---- segment registers ---- */

void gen_load_segment(Translator *t, unsigned seg, IrTemp sel)
{
    ir_call(t->ir, &ir_helper_load_seg, k32(t, seg), sel);
    /* DS, ES and SS may stop or begin to be flat; FS and GS are never part of the key. */
    if (seg < R_FS) {
        gen_end_block(t);
    }
}

/* Interrupts and debug traps wait for the next instruction, but not for ever: of two in a row only the first counts. */
void gen_start_shadow(Translator *t)
{
    if (t->mk & MK_INHIBIT) {
        ir_call(t->ir, &ir_helper_end_shadow);
        return;
    }
    ir_call(t->ir, &ir_helper_start_shadow);
    t->no_step = true;
    gen_end_block(t);
}

void emit_mov_from_seg(Translator *t, Insn *in)
{
    IrTemp sel;

    if (in->op3 > R_GS) {
        gen_exception(t, EXC_UD);
        return;
    }
    sel = ir_ld(t->ir, IR_I32, ENV_OFF(segs[in->op3].selector), IR_MO_16);
    if (in->is_mem) {
        insn_write_rm(t, in, sel, 2);
    } else {
        guest_reg_write(t, in->rm, in->opsize == 8 ? wide(t, sel) : sel, in->opsize);
    }
}

void emit_mov_to_seg(Translator *t, Insn *in)
{
    if (in->op3 > R_GS || in->op3 == R_CS) {
        gen_exception(t, EXC_UD);
        return;
    }
    gen_load_segment(t, in->op3, insn_read_rm(t, in, 2));
    if (in->op3 == R_SS) {
        gen_start_shadow(t);
    }
}

/* LES LDS LSS LFS LGS */
void emit_lxs(Translator *t, Insn *in)
{
    unsigned seg = in->map == 0 ? (in->opcode == 0xc4 ? R_ES : R_DS) : in->opcode & 7u;
    IrTemp addr = insn_ea(t, in, in->opsize + 2, EA_READ);
    IrTemp off = gen_load(t, addr, in->opsize);
    IrTemp sel = gen_load(t, ir_addi(t->ir, addr, in->opsize), 2);

    gen_load_segment(t, seg, sel);
    guest_reg_write(t, in->reg, off, in->opsize);
}

/*
 * ARPL (SDM vol. 2A): raises the RPL of the destination to that of the source. Memory is written only when it
 * changes.
 */
void emit_arpl(Translator *t, Insn *in)
{
    IrContext *ir = t->ir;
    IrTemp dst = insn_read_rm(t, in, 2), src = guest_reg_read(t, in->reg, 2), lower = ir_var_new(ir, IR_I32), raised, f;
    IrLabel same = ir_label_new(ir);

    ir_mov(ir, lower, ir_setcond(ir, IR_LTU, ir_andi(ir, dst, 3), ir_andi(ir, src, 3)));
    raised = ir_or(ir, ir_andi(ir, dst, 0xfffc), ir_andi(ir, src, 3));
    ir_brcond(ir, IR_EQ, lower, k32(t, 0), same);
    insn_write_rm(t, in, raised, 2);
    ir_label_set(ir, same);
    flags_forget(t);
    f = ir_andi(ir, flags_get(t), CC_ALL & ~CC_Z);
    flags_set(t, ir_or(ir, f, ir_shli(ir, lower, 6)));
}

static void segment_query(Translator *t, Insn *in, const IrHelper *h)
{
    IrTemp sel = in->val[1], r;

    r = ir_call(t->ir, h, sel, wide(t, in->val[0]));
    flags_forget(t);
    guest_reg_write(t, in->reg, in->opsize == 8 ? r : ir_trunc(t->ir, r), in->opsize);
}

void emit_lar(Translator *t, Insn *in)
{
    segment_query(t, in, &ir_helper_lar);
}

void emit_lsl(Translator *t, Insn *in)
{
    segment_query(t, in, &ir_helper_lsl);
}

void emit_verr(Translator *t, Insn *in)
{
    ir_call(t->ir, &ir_helper_verr, in->val[0]);
    flags_forget(t);
}

void emit_verw(Translator *t, Insn *in)
{
    ir_call(t->ir, &ir_helper_verw, in->val[0]);
    flags_forget(t);
}

/* ---- tables ---- */

/* 16 bits to memory always; registers by operand size, zero-extended. */
static void store_selector(Translator *t, Insn *in, IrTemp v)
{
    if (in->is_mem) {
        insn_write_rm(t, in, v, 2);
    } else {
        guest_reg_write(t, in->rm, in->opsize == 8 ? wide(t, v) : v, in->opsize);
    }
}

/* UMIP can be on at any CPL 3: it is not part of the key, so the helper asks. */
static void umip(Translator *t)
{
    if (t->cpl) {
        ir_call(t->ir, &ir_helper_check_umip);
    }
}

void emit_sldt(Translator *t, Insn *in)
{
    umip(t);
    store_selector(t, in, ir_ld(t->ir, IR_I32, ENV_OFF(segs[R_LDTR].selector), IR_MO_16));
}

void emit_str(Translator *t, Insn *in)
{
    umip(t);
    store_selector(t, in, ir_ld(t->ir, IR_I32, ENV_OFF(segs[R_TR].selector), IR_MO_16));
}

/* In memory always 16 bits; a register gets as many of CR0 as it holds. */
void emit_smsw(Translator *t, Insn *in)
{
    IrTemp cr0;

    umip(t);
    cr0 = ir_ld(t->ir, IR_I64, ENV_OFF(cr0), IR_MO_64);
    if (in->is_mem) {
        insn_write_rm(t, in, ir_trunc(t->ir, cr0), 2);
    } else {
        guest_reg_write(t, in->rm, in->opsize == 8 ? cr0 : ir_trunc(t->ir, cr0), in->opsize);
    }
}

void emit_lldt(Translator *t, Insn *in)
{
    ir_call(t->ir, &ir_helper_check_cpl0);
    ir_call(t->ir, &ir_helper_lldt, in->val[0]);
    flags_forget(t);
}

void emit_ltr(Translator *t, Insn *in)
{
    ir_call(t->ir, &ir_helper_check_cpl0);
    ir_call(t->ir, &ir_helper_ltr, in->val[0]);
    flags_forget(t);
}

static void store_table(Translator *t, Insn *in, size_t base_off, size_t limit_off)
{
    unsigned base_bytes = t->code64 ? 8 : 4;
    IrTemp addr;

    umip(t);
    addr = insn_ea(t, in, base_bytes + 2, EA_WRITE);
    gen_store(t, addr, ir_ld(t->ir, IR_I32, limit_off, IR_MO_16), 2);
    gen_store(t, ir_addi(t->ir, addr, 2),
              ir_ld(t->ir, base_bytes == 8 ? IR_I64 : IR_I32, base_off, base_bytes == 8 ? IR_MO_64 : IR_MO_32),
              base_bytes);
}

void emit_sgdt(Translator *t, Insn *in)
{
    store_table(t, in, ENV_OFF(gdt.base), ENV_OFF(gdt.limit));
}

void emit_sidt(Translator *t, Insn *in)
{
    store_table(t, in, ENV_OFF(idt.base), ENV_OFF(idt.limit));
}

/* A 16-bit operand loads 24 bits of base. */
static void load_table(Translator *t, Insn *in, const IrHelper *h)
{
    unsigned base_bytes = t->code64 ? 8 : 4;
    IrTemp addr, limit, base;

    ir_call(t->ir, &ir_helper_check_cpl0);
    addr = insn_ea(t, in, base_bytes + 2, EA_READ);
    limit = gen_load(t, addr, 2);
    base = wide(t, gen_load(t, ir_addi(t->ir, addr, 2), base_bytes));
    if (!t->code64 && in->opsize == 2) {
        base = ir_andi(t->ir, base, 0xffffff);
    }
    ir_call(t->ir, h, base, limit);
    flags_forget(t);
}

void emit_lgdt(Translator *t, Insn *in)
{
    load_table(t, in, &ir_helper_lgdt);
}

void emit_lidt(Translator *t, Insn *in)
{
    load_table(t, in, &ir_helper_lidt);
}

/* ---- control and debug registers ---- */

static bool valid_cr(const Insn *in)
{
    return in->reg == 0 || in->reg == 2 || in->reg == 3 || in->reg == 4 || in->reg == 8;
}

static unsigned native_size(const Translator *t)
{
    return t->code64 ? 8 : 4;
}

static void write_native(Translator *t, const Insn *in, IrTemp v)
{
    guest_reg_write(t, in->rm, t->code64 ? v : ir_trunc(t->ir, v), native_size(t));
}

void emit_mov_from_cr(Translator *t, Insn *in)
{
    if (!valid_cr(in)) {
        gen_exception(t, EXC_UD);
        return;
    }
    write_native(t, in, ir_call(t->ir, &ir_helper_read_cr, k32(t, in->reg)));
}

void emit_mov_to_cr(Translator *t, Insn *in)
{
    if (!valid_cr(in)) {
        gen_exception(t, EXC_UD);
        return;
    }
    ir_call(t->ir, &ir_helper_write_cr, k32(t, in->reg), wide(t, guest_reg_read(t, in->rm, native_size(t))));
    flags_forget(t);
    if (in->reg != 2) {
        gen_end_block(t);
    }
}

void emit_mov_from_dr(Translator *t, Insn *in)
{
    if (in->reg > 7) {
        gen_exception(t, EXC_UD);
        return;
    }
    write_native(t, in, ir_call(t->ir, &ir_helper_read_dr, k32(t, in->reg)));
}

void emit_mov_to_dr(Translator *t, Insn *in)
{
    if (in->reg > 7) {
        gen_exception(t, EXC_UD);
        return;
    }
    ir_call(t->ir, &ir_helper_write_dr, k32(t, in->reg), wide(t, guest_reg_read(t, in->rm, native_size(t))));
    flags_forget(t);
    gen_end_block(t);
}

void emit_lmsw(Translator *t, Insn *in)
{
    ir_call(t->ir, &ir_helper_lmsw, in->val[0]);
    flags_forget(t);
    gen_end_block(t);
}

void emit_clts(Translator *t, Insn *in)
{
    plain_call(t, &ir_helper_clts);
    gen_end_block(t);
}

/* ---- TLB and caches ---- */

void emit_invlpg(Translator *t, Insn *in)
{
    /* No access, so no limit check: only the base counts. */
    IrTemp off = insn_ea_offset(t, in);

    if (!t->code64 || in->seg >= R_FS) {
        off = ir_add(t->ir, off, ir_ld(t->ir, IR_I64, ENV_OFF(segs[in->seg].base), IR_MO_64));
        off = t->code64 ? off : ir_ext(t->ir, IR_I64, IR_U32, off);
    }
    ir_call(t->ir, &ir_helper_invlpg, off);
    flags_forget(t);
    gen_end_block(t);
}

void emit_invpcid(Translator *t, Insn *in)
{
    IrTemp type = guest_reg_read(t, in->reg, native_size(t));

    ir_call(t->ir, &ir_helper_invpcid, wide(t, type), insn_ea(t, in, 16, EA_READ));
    flags_forget(t);
    gen_end_block(t);
}

void emit_wbinvd(Translator *t, Insn *in)
{
    ir_call(t->ir, &ir_helper_wbinvd);
}

/* CLFLUSH, CLFLUSHOPT, CLWB: the byte is read, as far as faults go. */
void emit_clflush(Translator *t, Insn *in)
{
    gen_load(t, insn_ea(t, in, 1, EA_READ), 1);
}

void emit_fence(Translator *t, Insn *in)
{
    ir_fence(t->ir);
}

/* ---- MSRs, time, CPUID ---- */

/* The result may tell that an interrupt is due (TSC deadline, APIC): the execution loop looks. */
void emit_wrmsr(Translator *t, Insn *in)
{
    plain_call(t, &ir_helper_wrmsr);
    gen_end_block(t);
}

void emit_rdmsr(Translator *t, Insn *in)
{
    plain_call(t, &ir_helper_rdmsr);
}

void emit_rdtsc(Translator *t, Insn *in)
{
    plain_call(t, &ir_helper_rdtsc);
}

void emit_rdtscp(Translator *t, Insn *in)
{
    plain_call(t, &ir_helper_rdtscp);
}

void emit_rdpmc(Translator *t, Insn *in)
{
    plain_call(t, &ir_helper_rdpmc);
}

void emit_rdpid(Translator *t, Insn *in)
{
    IrTemp v = ir_call(t->ir, &ir_helper_rdpid);

    guest_reg_write(t, in->rm, t->code64 ? v : ir_trunc(t->ir, v), native_size(t));
}

void emit_cpuid(Translator *t, Insn *in)
{
    plain_call(t, &ir_helper_cpuid);
}

void emit_xgetbv(Translator *t, Insn *in)
{
    plain_call(t, &ir_helper_xgetbv);
}

void emit_xsetbv(Translator *t, Insn *in)
{
    plain_call(t, &ir_helper_xsetbv);
    gen_end_block(t);
}

void emit_rdpkru(Translator *t, Insn *in)
{
    plain_call(t, &ir_helper_rdpkru);
}

/* Rights of pages change: what is behind it is translated anew. */
void emit_wrpkru(Translator *t, Insn *in)
{
    plain_call(t, &ir_helper_wrpkru);
    gen_end_block(t);
}

void emit_rdrand(Translator *t, Insn *in)
{
    IrTemp v = ir_call(t->ir, &ir_helper_rdrand, k32(t, in->opsize));

    flags_forget(t);
    guest_reg_write(t, in->rm, in->opsize == 8 ? v : ir_trunc(t->ir, v), in->opsize);
}

void emit_swapgs(Translator *t, Insn *in)
{
    plain_call(t, &ir_helper_swapgs);
}

/* F3 0F AE /0../3: FS or GS by the low bit. */
void emit_rdfsgsbase(Translator *t, Insn *in)
{
    IrTemp v = ir_call(t->ir, &ir_helper_rdfsgsbase, k32(t, R_FS + (in->op3 & 1)));

    guest_reg_write(t, in->rm, in->opsize == 8 ? v : ir_trunc(t->ir, v), in->opsize == 8 ? 8 : 4);
}

void emit_wrfsgsbase(Translator *t, Insn *in)
{
    IrTemp v = guest_reg_read(t, in->rm, in->opsize == 8 ? 8 : 4);

    ir_call(t->ir, &ir_helper_wrfsgsbase, k32(t, R_FS + (in->op3 & 1)), wide(t, v));
    flags_forget(t);
}

/* ---- fast system calls, SMM, halting ---- */

void emit_syscall(Translator *t, Insn *in)
{
    ir_call(t->ir, &ir_helper_syscall, next_const(t, in));
    t->no_step = true;              /* the helper knows better */
    gen_exit_helper(t);
}

void emit_sysret(Translator *t, Insn *in)
{
    ir_call(t->ir, &ir_helper_sysret, k32(t, in->rex_w));
    t->no_step = true;
    gen_exit_helper(t);
}

void emit_sysenter(Translator *t, Insn *in)
{
    ir_call(t->ir, &ir_helper_sysenter);
    gen_exit_helper(t);
}

void emit_sysexit(Translator *t, Insn *in)
{
    ir_call(t->ir, &ir_helper_sysexit, k32(t, in->rex_w));
    gen_exit_helper(t);
}

void emit_rsm(Translator *t, Insn *in)
{
    ir_call(t->ir, &ir_helper_rsm);
    gen_exit_helper(t);
}

void emit_hlt(Translator *t, Insn *in)
{
    ir_call(t->ir, &ir_helper_hlt, next_const(t, in));
    gen_exit_helper(t);
}

void emit_monitor(Translator *t, Insn *in)
{
    IrTemp off = ea_truncate(t, x86g.reg[R_EAX], in->addrsize);
    unsigned seg = in->seg_override != SEG_NONE ? in->seg_override : R_DS;

    ir_call(t->ir, &ir_helper_monitor, seg_linear(t, in, seg, off, 1, EA_READ));
}

void emit_mwait(Translator *t, Insn *in)
{
    ir_call(t->ir, &ir_helper_mwait, next_const(t, in));
    gen_end_block(t);
}

void emit_pause(Translator *t, Insn *in)
{
    ir_call(t->ir, &ir_helper_pause, next_const(t, in));
    flags_forget(t);
}

/* ---- control flags ---- */

void emit_cli(Translator *t, Insn *in)
{
    plain_call(t, &ir_helper_cli);
}

/* The helper starts the shadow. */
void emit_sti(Translator *t, Insn *in)
{
    plain_call(t, &ir_helper_sti);
    gen_end_block(t);
}

void emit_cld(Translator *t, Insn *in)
{
    ir_st(t->ir, k32(t, 1), ENV_OFF(df), IR_MO_32);
}

void emit_std(Translator *t, Insn *in)
{
    ir_st(t->ir, k32(t, -1), ENV_OFF(df), IR_MO_32);
}

static void set_ac(Translator *t, unsigned on)
{
    if (t->cpl) {
        gen_exception(t, EXC_UD);
        return;
    }
    ir_call(t->ir, &ir_helper_clac_stac, k32(t, on));
    flags_forget(t);
    gen_end_block(t);
}

void emit_clac(Translator *t, Insn *in)
{
    set_ac(t, 0);
}

void emit_stac(Translator *t, Insn *in)
{
    set_ac(t, 1);
}

/* UD0, UD1, UD2 */
void emit_ud(Translator *t, Insn *in)
{
    gen_exception(t, EXC_UD);
}
