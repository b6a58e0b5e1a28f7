/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instructions of a processor that has nothing to do: HLT, MONITOR and MWAIT, PAUSE.
 * Follows SDM vol. 2, "MONITOR", "MWAIT"; vol. 3A, "MONITOR/MWAIT Instructions"; APM vol. 3, the same.
 *
 * Stores of other processors do not come by here, so MWAIT sleeps in naps and looks after each whether the line reads
 * as it did when MONITOR saw it. Naps begin short, for somebody who is about to answer, and grow, so that one who waits
 * long costs nearly nothing. An interrupt ends a nap at once. A store of what is there already cannot be seen,
 * therefore MWAIT ends by itself after MWAIT_MAX_NS: it may always end early, and software must look and wait again.
 *
 * Left out: hints (EAX) and power states; leaf 5 of CPUID lists none.
 */
#include "qemu/osdep.h"
#include "exec/cpu-exec.h"
#include "exec/cpu-mem.h"
#include "exec/memory.h"
#include "qemu/timer.h"
#include "target-i386/cpu.h"
#include "target-i386/helper.h"
#include "target-i386/models.h"
#include "target-i386/seg.h"
#include "target-i386/sysregs.h"

#define NAP_MIN_NS 20000            /* about what a sleep and a wake-up cost the host */
#define NAP_MAX_NS 1000000
#define MWAIT_MAX_NS 20000000
#define MWAIT_BREAK_MASKED 1u       /* ECX bit 0: interrupts end it though IF is clear */

void cpu_halt(CPUX86State *env)
{
    env->monitor.sleeping = false;
    env->halted = true;
}

/* ---- the monitored line ------------------------------------------------------------------------------------------ */

/* False: it is not RAM, or not any more. */
static bool line_read(CPUX86State *env, uint64_t line[MONITOR_LINE / 8])
{
    MemorySection s = address_space_resolve(cpu_address_space(env), env->monitor.line);

    if (!s.host || s.len < MONITOR_LINE) {
        return false;
    }
    for (unsigned i = 0; i < MONITOR_LINE / 8; i++) {
        line[i] = __atomic_load_n((uint64_t *)s.host + i, __ATOMIC_RELAXED);
    }
    return true;
}

static bool line_changed(CPUX86State *env)
{
    uint64_t now[MONITOR_LINE / 8];

    return !line_read(env, now) || memcmp(now, env->monitor.seen, sizeof(now)) != 0;
}

/* ---- sleeping ---------------------------------------------------------------------------------------------------- */

bool cpu_mwait_over(CPUX86State *env)
{
    const CpuMonitor *m = &env->monitor;

    return env->halted && m->sleeping &&
           (line_changed(env) || clock_get_ns(CLOCK_RT) >= m->end_ns ||
            (m->break_masked && (__atomic_load_n(&env->interrupt_request, __ATOMIC_ACQUIRE) & CPU_INT_HARD)));
}

bool cpu_mwait_end(CPUX86State *env)
{
    if (!cpu_mwait_over(env)) {
        return false;
    }
    env->monitor.sleeping = env->halted = false;
    return true;
}

int64_t cpu_nap_ns(CPUX86State *env)
{
    int64_t nap = env->monitor.nap_ns;

    if (!env->halted || !env->monitor.sleeping) {
        return 0;
    }
    env->monitor.nap_ns = MIN(nap * 2, NAP_MAX_NS);
    return nap;
}

/* ---- helpers ----------------------------------------------------------------------------------------------------- */

static QEMU_NORETURN void leave_halted(CPUX86State *env)
{
    env->exception_index = EXCP_HLT;
    cpu_loop_exit(env);
}

void helper_hlt(CPUX86State *env, uint64_t next)
{
    if (cpu_cpl(env)) {
        raise_exception_err(env, EXC_GP, 0);
    }
    env->eip = next;
    env->hflags_inhibit &= ~MK_INHIBIT;     /* the shadow of STI covered HLT itself */
    env->eflags &= ~RF_MASK;
    if (unlikely(env->eflags & TF_MASK)) {
        raise_debug(env, DR6_BS, true);     /* the trap ends the halt as soon as it begins */
    }
    cpu_update_mode(env);
    cpu_halt(env);
    leave_halted(env);
}

/* Of MONITOR and MWAIT: rights, and what of ECX exists. */
static void check_monitor(CPUX86State *env, uint32_t extensions)
{
    if (cpu_cpl(env) || !cpu_has_monitor(env)) {
        raise_exception(env, EXC_UD);
    }
    if ((cpu_code64(env) ? env->regs[R_ECX] : (uint32_t)env->regs[R_ECX]) & ~(uint64_t)extensions) {
        raise_exception_err(env, EXC_GP, 0);
    }
}

void helper_monitor(CPUX86State *env, uint64_t addr)
{
    check_monitor(env, 0);
    cpu_probe(env, addr, 1, false, cpu_mmu_index(env));         /* faults as a load of a byte does */
    env->monitor.sleeping = false;
    env->monitor.line = mmu_debug_translate(env, addr) & ~(hwaddr)(MONITOR_LINE - 1);
    env->monitor.armed = line_read(env, env->monitor.seen);
}

/*
 * Without a monitored line, or when it has changed already, it does nothing; with TF, the trap would end it at once.
 */
void helper_mwait(CPUX86State *env, uint64_t next)
{
    CpuMonitor *m = &env->monitor;

    check_monitor(env, MWAIT_BREAK_MASKED);
    env->eip = next;
    if (!m->armed || (env->eflags & TF_MASK) || line_changed(env)) {
        m->armed = false;
        g_thread_yield();
        return;
    }
    m->armed = false;
    m->sleeping = env->halted = true;
    m->break_masked = env->regs[R_ECX] & MWAIT_BREAK_MASKED;
    m->nap_ns = NAP_MIN_NS;
    m->end_ns = clock_get_ns(CLOCK_RT) + MWAIT_MAX_NS;
    env->hflags_inhibit &= ~MK_INHIBIT;     /* as HLT */
    env->eflags &= ~RF_MASK;
    cpu_update_mode(env);
    leave_halted(env);
}

/* With one vCPU nobody can release what the guest spins for; with more, the holder may wait for this host core. */
void helper_pause(CPUX86State *env, uint64_t next)
{
    static __thread unsigned spins;

    if (smp_cpus > 1 && !(++spins & 15)) {
        g_thread_yield();
    }
}
