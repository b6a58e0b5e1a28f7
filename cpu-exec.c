/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The execution loop of one vCPU: events, find the block, run it, again.
 *
 *      +--> exception to deliver? --> interrupt, stop request? --> find or translate --> chain --> run --+
 *      |                                                                                                 |
 *      +------------ helper unwinds (siglongjmp) <-------------------------------------- exit ----------+
 */
#include "qemu/osdep.h"
#include <setjmp.h>
#include "disas/disas.h"
#include "exec/cpu-exec.h"
#include "exec/cpu-mem.h"
#include "exec/translate-all.h"
#include "qemu/log.h"
#include "target-i386/cpu.h"
#include "tcg/backend.h"

static __thread sigjmp_buf *unwind_target;

void cpu_request_exit(CPUX86State *env)
{
    __atomic_store_n(&env->jit.exit_request, 1, __ATOMIC_SEQ_CST);
}

void cpu_loop_exit(CPUX86State *env)
{
    siglongjmp(*unwind_target, 1);
}

void cpu_restore_eip(CPUX86State *env)
{
    uint64_t eip;

    if (env->jit.host_pc && tb_restore_eip(env->jit.host_pc, &eip)) {
        env->eip = eip;
    }
}

void cpu_loop_exit_restore(CPUX86State *env)
{
    cpu_restore_eip(env);
    env->jit.host_pc = 0;
    cpu_loop_exit(env);
}

void cpu_restart_exclusive(CPUX86State *env)
{
    env->exception_index = EXCP_ATOMIC;
    cpu_loop_exit_restore(env);
}

/* Nothing more to do in here: *result says why. */
static bool handle_events(CPUX86State *env, int *result)
{
    if (unlikely(env->exception_index >= 0)) {
        if (env->exception_index >= EXCP_INTERRUPT) {
            *result = env->exception_index;
            env->exception_index = -1;
            return true;
        }
        cpu_deliver_exception(env);
    }
    if (unlikely(__atomic_load_n(&env->jit.exit_request, __ATOMIC_ACQUIRE))) {
        __atomic_store_n(&env->jit.exit_request, 0, __ATOMIC_SEQ_CST);
        if (env->vcpu && vcpu_must_leave(env->vcpu)) {
            *result = EXCP_INTERRUPT;
            return true;
        }
    }
    if (__atomic_load_n(&env->interrupt_request, __ATOMIC_ACQUIRE)) {
        cpu_process_interrupts(env);
    }
    if (env->halted && !cpu_mwait_end(env)) {
        *result = EXCP_HLT;
        return true;
    }
    return false;
}

static void log_block(CPUX86State *env, const TranslationBlock *tb)
{
    if (log_enabled(LOG_EXEC)) {
        qemu_log("Trace %d: %p [%016" PRIx64 "/%08x]\n", env->vcpu ? env->vcpu->index : 0, tb_code(tb), tb_eip(tb),
                 (uint32_t)env->jit.mode_key);
    }
    if (log_enabled(LOG_CPU)) {
        cpu_log_state(env);
    }
}

/* One block and all that are chained to it. */
static void run_blocks(CPUX86State *env)
{
    uintptr_t cookie = 0;

    do {
        bool plain = env->jit.smc_single || tb_exit_is_plain(cookie);
        TranslationBlock *tb;

        env->jit.host_pc = 0;           /* fetch faults are of eip itself */
        tb = tb_find(env, plain);
        if (!tb) {
            tb = tb_generate(env, plain);
            cookie = 0;                 /* making room may have dropped the block we came from */
        }
        if (cookie && !env->jit.smc_single) {
            tb_chain(cookie, tb);
        }
        if (log_enabled(LOG_EXEC | LOG_CPU)) {
            log_block(env, tb);
        }
        cookie = tcg_backend_run(env, tb_code(tb));
        env->jit.smc_single = false;
        /* No cookie: modes or events may have changed. */
    } while (cookie && !__atomic_load_n(&env->jit.exit_request, __ATOMIC_RELAXED));
}

static int exec_loop(CPUX86State *env)
{
    int result;

    while (!handle_events(env, &result)) {
        run_blocks(env);
    }
    return result;
}

int cpu_exec(CPUX86State *env)
{
    sigjmp_buf here, *outer = unwind_target;
    int result;

    if (env->halted && !cpu_has_work(env)) {
        return EXCP_HALTED;
    }
    unwind_target = &here;
    if (sigsetjmp(here, 0)) {
        tcg_backend_unwound(env);
        tb_unwound();
        env->jit.smc_repeat = false;
    }
    result = exec_loop(env);
    unwind_target = outer;
    return result;
}

/*
 * In a block of its own that nobody else finds, without atomic operations: the others stand. Faults are left pending.
 */
void cpu_exec_exclusive(CPUX86State *env)
{
    sigjmp_buf here, *outer = unwind_target;

    unwind_target = &here;
    if (!sigsetjmp(here, 0)) {
        env->jit.mode_key &= ~(uint64_t)MK_PARALLEL;
        env->jit.smc_single = true;
        env->jit.host_pc = 0;
        tcg_backend_run(env, tb_code(tb_generate(env, true)));
    } else {
        tcg_backend_unwound(env);
        tb_unwound();
    }
    unwind_target = outer;
    env->jit.smc_single = false;
    cpu_update_mode(env);
}
