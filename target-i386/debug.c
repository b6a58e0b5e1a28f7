/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Debug registers, breakpoints and single-stepping. SDM vol. 3B, "Debug, Branch Profile, TSC, and Intel RDT Features".
 *
 * While a breakpoint is armed the mode key has MK_DB, and every instruction is a block of its own that calls
 * helper_insn_breakpoint() first and helper_single_step() last. Data breakpoints are found by the slow path of loads
 * and stores: pages that hold one are not entered in the fast part of the TLB. Hits collect in pending_db until the
 * instruction ends. Left out: RTM.
 */
#include "qemu/osdep.h"
#include "target-i386/cpu.h"
#include "target-i386/helper.h"
#include "target-i386/seg.h"

#define DR7_FIXED_1  0x00000400u
#define DR7_WRITABLE 0xffff2bffull  /* bits 15, 14, 12 read 0; 11 (RTM) is not supported */
#define DR7_GD       (1u << 13)
#define DR6_FIXED_1  0xffff0ff0u
#define DR6_WRITABLE 0x0000e00full
#define DR6_BD       (1u << 13)
#define DEBUGCTL_BTF 2u

enum { BP_EXEC, BP_WRITE, BP_IO, BP_ACCESS };

static inline unsigned bp_kind(const CPUX86State *env, int n) { return env->dr[7] >> (16 + n * 4) & 3; }
static inline bool bp_enabled(const CPUX86State *env, int n) { return env->dr[7] >> (n * 2) & 3; }
static inline unsigned bp_len(const CPUX86State *env, int n)
{
    static const uint8_t len[4] = { 1, 2, 8, 4 };

    return len[env->dr[7] >> (18 + n * 4) & 3];
}

/* Does [addr, addr+len) touch breakpoint n? Its length aligns it. */
static bool bp_overlaps(const CPUX86State *env, int n, uint64_t addr, unsigned len)
{
    unsigned bp_bytes = bp_len(env, n);
    uint64_t start = env->dr[n] & -(uint64_t)bp_bytes;

    return addr - start < bp_bytes || start - addr < len;
}

/* Pages of data breakpoints change sides in the TLB, and the mode key has MK_DB or loses it. */
void cpu_update_breakpoints(CPUX86State *env)
{
    tlb_flush(env);
    cpu_update_mode(env);
}

/*
 * The trap is due when the instruction has ended: by helper_single_step(), or by the execution loop looking at
 * events.
 */
static void breakpoint_hit(CPUX86State *env, int n)
{
    env->pending_db |= 1u << n;
    __atomic_fetch_or(&env->interrupt_request, CPU_INT_EXIT, __ATOMIC_RELAXED);
    cpu_request_exit(env);
}

bool cpu_page_has_breakpoint(const CPUX86State *env, vaddr page)
{
    if (likely(!(env->dr[7] & 0xff))) {
        return false;
    }
    for (int n = 0; n < 4; n++) {
        if (bp_enabled(env, n) && (bp_kind(env, n) & 1) && ((env->dr[n] ^ page) & TARGET_PAGE_MASK) == 0) {
            return true;
        }
    }
    return false;
}

void cpu_check_breakpoint_data(CPUX86State *env, vaddr addr, unsigned len, bool write)
{
    for (int n = 0; n < 4; n++) {
        unsigned kind = bp_kind(env, n);

        if (bp_enabled(env, n) && (kind == BP_ACCESS || (kind == BP_WRITE && write)) &&
            bp_overlaps(env, n, addr, len)) {
            breakpoint_hit(env, n);
        }
    }
}

void cpu_check_breakpoint_io(CPUX86State *env, unsigned port, unsigned size)
{
    if (!(env->cr4 & CR4_DE)) {
        return;
    }
    for (int n = 0; n < 4; n++) {
        if (bp_enabled(env, n) && bp_kind(env, n) == BP_IO && bp_overlaps(env, n, port, size)) {
            breakpoint_hit(env, n);
        }
    }
}

/* Before each instruction when MK_DB is set and MK_RF is not. Faults: DR6 says which, eip is this instruction. */
void helper_insn_breakpoint(CPUX86State *env, uint64_t eip)
{
    uint64_t addr = cpu_code64(env) ? eip : (uint32_t)(env->segs[R_CS].base + eip);
    uint32_t hits = 0;

    if (env->eflags & RF_MASK || env->hflags_inhibit & INHIBIT_MOV_SS) {
        return;
    }
    for (int n = 0; n < 4; n++) {
        if (bp_enabled(env, n) && bp_kind(env, n) == BP_EXEC && env->dr[n] == addr) {
            hits |= 1u << n;
        }
    }
    if (hits) {
        env->dr[6] &= ~15ull;
        raise_debug(env, hits, false);
    }
}

/* TF counts as it stood when the instruction began. With DEBUGCTL.BTF it stops at transfers only. */
void helper_single_step(CPUX86State *env, uint64_t next, uint32_t how)
{
    uint32_t bits = env->pending_db;

    if ((how & STEP_TF) && (!(env->debugctl & DEBUGCTL_BTF) || (how & STEP_BRANCH))) {
        bits |= DR6_BS;
    }
    if (bits) {
        env->eip = next;
        env->dr[6] &= ~15ull;
        raise_debug(env, bits, true);
    }
}

/* ---- MOV to and from DRn ----------------------------------------------------------------------------------------- */

/* DR4 and DR5 are DR6 and DR7 unless CR4.DE makes them undefined. */
static unsigned dr_check(CPUX86State *env, uint32_t n)
{
    if (n == 4 || n == 5) {
        if (env->cr4 & CR4_DE) {
            raise_exception(env, EXC_UD);
        }
        n += 2;
    }
    if (cpu_cpl(env)) {
        raise_exception_err(env, EXC_GP, 0);
    }
    if (env->dr[7] & DR7_GD) {
        raise_debug(env, DR6_BD, false);
    }
    return n;
}

uint64_t helper_read_dr(CPUX86State *env, uint32_t n)
{
    return env->dr[dr_check(env, n)];
}

void helper_write_dr(CPUX86State *env, uint32_t n, uint64_t val)
{
    n = dr_check(env, n);
    if (!cpu_code64(env)) {
        val = (uint32_t)val;
    }
    if (n >= 6 && val >> 32) {
        raise_exception_err(env, EXC_GP, 0);
    }
    if (n == 6) {
        env->dr[6] = (val & DR6_WRITABLE) | DR6_FIXED_1;
        return;
    }
    val = n == 7 ? (val & DR7_WRITABLE) | DR7_FIXED_1 : val;
    if (env->dr[n] == val) {
        return;
    }
    bool armed = env->dr[7] & 0xff;

    env->dr[n] = val;
    if (armed || (env->dr[7] & 0xff)) {
        cpu_update_breakpoints(env);
    }
}
