/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Port instructions: permission and access. SDM vol. 1, "Input/Output".
 */
#include "qemu/osdep.h"
#include "exec/memory.h"
#include "target-i386/cpu.h"
#include "target-i386/helper.h"
#include "target-i386/seg.h"

void helper_check_io(CPUX86State *env, uint32_t port, uint32_t size)
{
    if (!(env->cr0 & CR0_PE)) {
        return;
    }
    if (((env->eflags & VM_MASK) || cpu_cpl(env) > cpu_iopl(env)) && !tss_io_allowed(env, port & 0xffff, size)) {
        raise_exception_err(env, EXC_GP, 0);
    }
}

uint32_t helper_in(CPUX86State *env, uint32_t port, uint32_t size)
{
    uint32_t val = port_in(port & 0xffff, size);

    if (unlikely(env->dr[7] & 0xff)) {
        cpu_check_breakpoint_io(env, port & 0xffff, size);
    }
    return val;
}

void helper_out(CPUX86State *env, uint32_t port, uint32_t size, uint32_t val)
{
    port_out(port & 0xffff, size == 4 ? val : val & ((1u << size * 8) - 1), size);
    if (unlikely(env->dr[7] & 0xff)) {
        cpu_check_breakpoint_io(env, port & 0xffff, size);
    }
}
