/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which segment was it? Translated code does not keep that for segments without limits; where an access cannot be right
 * the instruction is decoded again. Such faults are rare, and so the fast path stays free of it.
 *
 * A jump to a non-canonical address is the jump's fault (SDM vol. 2, JMP, CALL, RET); translated code finds out when it
 * has jumped.
 *
 * 64-bit mode: a non-canonical address raises #SS(0) when it was reached through SS and #GP(0) otherwise (SDM vol. 1,
 * "Canonical Addressing"). Elsewhere: the last byte of a flat segment is FFFFFFFF, and what goes beyond is a limit
 * violation.
 */
#include "qemu/osdep.h"
#include "target-i386/decode.h"
#include "target-i386/seg.h"

static int code_byte(void *opaque, uint64_t linear)
{
    CPUX86State *env = opaque;
    hwaddr phys = mmu_debug_translate(env, linear);

    return phys == (hwaddr)-1 ? -1 : ldub_phys(cpu_address_space(env), phys);
}

static bool uses_stack(const Insn *in)
{
    static void (*const emitters[])(Translator *, Insn *) = {
        emit_push, emit_pop, emit_push_seg, emit_pop_seg, emit_pusha, emit_popa, emit_pushf, emit_popf, emit_call,
        emit_call_ind,
        emit_ret, emit_enter, emit_leave, emit_far_call_ind, emit_far_ret, emit_iret,
    };

    for (unsigned i = 0; i < ARRAY_SIZE(emitters); i++) {
        if (in->row->emit == emitters[i]) {
            return true;
        }
    }
    return false;
}

/* The explicit operand's linear address. */
static uint64_t operand_address(const CPUX86State *env, const Insn *in, bool code64)
{
    uint64_t off =
        (in->base >= 0 ? env->regs[in->base] : 0) + (in->index >= 0 ? env->regs[in->index] << in->scale : 0) + in->disp;

    if (in->addrsize != 8) {
        off &= in->addrsize == 2 ? 0xffff : 0xffffffff;
    }
    off += !code64 || in->seg >= R_FS ? env->segs[in->seg].base : 0;
    return code64 ? off : (uint32_t)off;
}

static bool decode_at_eip(CPUX86State *env, Insn *in)
{
    uint64_t key = env->jit.mode_key;
    CodeReader code = { .mk = (uint32_t)key, .cs_base = key >> 32, .cs_limit = ~0u, .slow = code_byte, .opaque = env };

    return insn_decode(&code, env->eip, in) == DECODE_OK;
}

/* String instructions: [SI] unless the address is that of [DI], which is always in ES. */
static unsigned segment_of_string(const CPUX86State *env, const Insn *in, vaddr addr)
{
    uint64_t mask = in->addrsize == 2 ? 0xffff : in->addrsize == 4 ? 0xffffffff : ~0ull;
    unsigned seg = in->seg_override == SEG_NONE ? R_DS : in->seg_override;

    return (uint32_t)(addr - (env->regs[R_EDI] & mask) - env->segs[R_ES].base) < 8 ? R_ES : seg;
}

/* Segment of the access at addr. */
static unsigned segment_of_access(const CPUX86State *env, const Insn *in, vaddr addr)
{
    if (!uses_stack(in)) {
        return in->is_mem ? in->seg : segment_of_string(env, in, addr);
    }
    return !in->is_mem || addr - operand_address(env, in, cpu_code64(env)) >= 8 ? R_SS : in->seg;
}

bool insn_faults_on_stack(CPUX86State *env, vaddr addr)
{
    Insn in;

    return decode_at_eip(env, &in) && segment_of_access(env, &in, addr) == R_SS;
}

void cpu_check_flat_wrap(CPUX86State *env, vaddr addr)
{
    Insn in;
    unsigned seg;

    if (!env->jit.host_pc) {
        return;                 /* not an instruction's own access */
    }
    cpu_restore_eip(env);
    if (decode_at_eip(env, &in)) {
        seg = segment_of_access(env, &in, addr);
        if (env->segs[seg].base == 0) {
            raise_exception_err(env, seg == R_SS ? EXC_SS : EXC_GP, 0);
        }
    }
}

void cpu_bad_jump(CPUX86State *env)
{
    uint64_t target = env->eip;
    Insn in;

    cpu_restore_eip(env);
    env->jit.host_pc = 0;
    if (!decode_at_eip(env, &in)) {
        env->eip = target;      /* no jump: execution has left the lower half */
    } else if (in.row->emit == emit_ret) {
        env->regs[R_ESP] -= in.opsize + (in.row->o0 == Iw ? in.imm : 0);
    } else if (in.row->emit != emit_jmp_ind) {
        env->eip = target;      /* calls check beforehand, direct jumps were checked when translated */
    }
    raise_exception_err(env, EXC_GP, 0);
}
