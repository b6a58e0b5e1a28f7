/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instructions on the system part of EFLAGS: PUSHF, POPF, CLI, STI, CLAC, STAC.
 * Follows SDM vol. 2 and, for VIF and VIP, vol. 3B, "Virtual-8086 Mode" (VME) and "Protected-Mode Virtual Interrupts"
 * (PVI). Deviation: with VME a 32-bit PUSHF of a vm86 task with IOPL < 3 gives VIF as IF like the 16-bit one;
 * hardware faults.
 */
#include "qemu/osdep.h"
#include "target-i386/cpu.h"
#include "target-i386/helper.h"
#include "target-i386/models.h"
#include "target-i386/seg.h"

static inline bool vm86_restricted(const CPUX86State *env)
{
    return (env->eflags & VM_MASK) && cpu_iopl(env) < 3;
}

uint32_t helper_read_eflags(CPUX86State *env)
{
    uint32_t flags = cpu_compute_eflags(env) & ~(VM_MASK | RF_MASK);

    if (unlikely(vm86_restricted(env))) {
        flags = (flags & ~IF_MASK) | IOPL_MASK | (env->eflags & VIF_MASK ? IF_MASK : 0);
    }
    return flags;
}

void helper_pushf_check(CPUX86State *env)
{
    if (vm86_restricted(env) && !(env->cr4 & CR4_VME)) {
        raise_exception_err(env, EXC_GP, 0);
    }
}

/* VME, 16-bit operand: IF of the image goes to VIF. */
static uint32_t popf_vme(CPUX86State *env, uint32_t image)
{
    if ((image & TF_MASK) || ((image & IF_MASK) && (env->eflags & VIP_MASK))) {
        raise_exception_err(env, EXC_GP, 0);
    }
    return image & IF_MASK ? VIF_MASK : 0;
}

void helper_popf(CPUX86State *env, uint64_t val, uint32_t opsize)
{
    uint32_t mask = CC_ALL | TF_MASK | DF_MASK | NT_MASK, image = val, old;

    if (opsize != 2) {
        mask |= AC_MASK | ID_MASK;
    }
    if (unlikely(vm86_restricted(env))) {
        if (!(env->cr4 & CR4_VME) || opsize != 2) {
            raise_exception_err(env, EXC_GP, 0);
        }
        image = (image & ~VIF_MASK) | popf_vme(env, image);
        mask |= VIF_MASK;
    } else {
        unsigned cpl = cpu_cpl(env);

        if (cpl == 0) {
            mask |= IOPL_MASK | IF_MASK;
        } else if (cpl <= cpu_iopl(env)) {
            mask |= IF_MASK;
        }
    }
    old = cpu_compute_eflags(env);
    image = ((old & ~mask) | (image & mask)) & ~RF_MASK;
    eflags_set_image(env, image);
    if ((old ^ image) & (TF_MASK | IOPL_MASK | AC_MASK | RF_MASK)) {
        cpu_update_mode(env);
    }
    if (image & IF_MASK & ~old) {
        cpu_recheck_interrupts(env);
    }
}

/* Who may not change IF: true when VIF stands in for it; #GP otherwise. False when IF may be changed. */
static bool uses_vif(CPUX86State *env)
{
    unsigned cpl = cpu_cpl(env);

    if (likely(cpl <= cpu_iopl(env))) {
        return false;
    }
    if (env->eflags & VM_MASK ? env->cr4 & CR4_VME : cpl == 3 && (env->cr4 & CR4_PVI)) {
        return true;
    }
    raise_exception_err(env, EXC_GP, 0);
}

void helper_cli(CPUX86State *env)
{
    env->eflags &= ~(uses_vif(env) ? VIF_MASK : IF_MASK);
}

void helper_sti(CPUX86State *env)
{
    if (uses_vif(env)) {
        if (env->eflags & VIP_MASK) {
            raise_exception_err(env, EXC_GP, 0);
        }
        env->eflags |= VIF_MASK;
        return;
    }
    if (!(env->eflags & IF_MASK)) {
        env->eflags |= IF_MASK;
        env->hflags_inhibit |= MK_INHIBIT;
        env->jit.mode_key |= MK_INHIBIT;
    }
    cpu_recheck_interrupts(env);
}

void helper_clac_stac(CPUX86State *env, uint32_t set)
{
    if (cpu_cpl(env) || !cpu_has(env, FEAT_7_EBX, CPUID_SMAP)) {
        raise_exception(env, EXC_UD);
    }
    env->eflags = set ? env->eflags | AC_MASK : env->eflags & ~AC_MASK;
    cpu_update_mode(env);
}
