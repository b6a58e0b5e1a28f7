/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Was it the stack? A non-canonical address raises #SS(0) when it was reached through SS and #GP(0) otherwise (SDM vol. 1,
 * "Canonical Addressing"). 64-bit code keeps no segment with an access, so the instruction is decoded again: such faults
 * are rare, and so the fast path stays free of it.
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
        emit_push, emit_pop, emit_push_seg, emit_pop_seg, emit_pushf, emit_popf, emit_call, emit_call_ind, emit_ret, emit_enter,
        emit_leave, emit_far_call_ind, emit_far_ret, emit_iret,
    };

    for (unsigned i = 0; i < ARRAY_SIZE(emitters); i++) {
        if (in->row->emit == emitters[i]) {
            return true;
        }
    }
    return false;
}

/* The explicit operand's linear address, for a 64-bit address size: others cannot be non-canonical. */
static uint64_t operand_address(const CPUX86State *env, const Insn *in)
{
    return (in->base >= 0 ? env->regs[in->base] : 0) + (in->index >= 0 ? env->regs[in->index] << in->scale : 0) + in->disp +
           (in->seg >= R_FS ? env->segs[in->seg].base : 0);
}

bool insn_faults_on_stack(CPUX86State *env, vaddr addr)
{
    CodeReader code = { .mk = (uint32_t)env->jit.mode_key, .cs_limit = ~0u, .slow = code_byte, .opaque = env };
    Insn in;

    if (insn_decode(&code, env->eip, &in) != DECODE_OK) {
        return false;
    }
    if (!uses_stack(&in)) {
        return in.is_mem && in.seg == R_SS;
    }
    return !in.is_mem || in.seg == R_SS || addr - operand_address(env, &in) >= 8;
}
