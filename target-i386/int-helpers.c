/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Helpers of the integer front end: division, rotates through carry, BCD, CRC, bit scatter and gather, CMPXCHG16B, and
 * the interrupt shadow. Follows SDM vol. 2; what the manual leaves undefined is what current Intel CPUs do
 * (docs/cpu-flags.md).
 */
#include "qemu/osdep.h"
#include "exec/cpu-exec.h"
#include "exec/cpu-mem.h"
#include "exec/translate-all.h"
#include "target-i386/helper-int.h"
#include "target-i386/seg.h"

DEFINE_HELPERS(HELPERS_INT)

/* ---- division: #DE for a divisor of 0 and a quotient that does not fit ---- */

uint32_t helper_div8(CPUX86State *env, uint32_t ax, uint32_t d)
{
    uint32_t q;

    d &= 0xff;
    ax &= 0xffff;
    if (!d || (q = ax / d) > 0xff) {
        raise_exception(env, EXC_DE);
    }
    return q | (ax % d) << 8;
}

uint32_t helper_idiv8(CPUX86State *env, uint32_t ax, uint32_t divisor)
{
    int32_t n = (int16_t)ax, d = (int8_t)divisor, q = d ? n / d : INT32_MAX;

    if (q != (int8_t)q) {
        raise_exception(env, EXC_DE);
    }
    return (uint8_t)q | (uint32_t)(uint8_t)(n % d) << 8;
}

uint32_t helper_div16(CPUX86State *env, uint32_t dxax, uint32_t d)
{
    uint32_t q;

    d &= 0xffff;
    if (!d || (q = dxax / d) > 0xffff) {
        raise_exception(env, EXC_DE);
    }
    return q | (dxax % d) << 16;
}

uint32_t helper_idiv16(CPUX86State *env, uint32_t dxax, uint32_t divisor)
{
    int64_t n = (int32_t)dxax, d = (int16_t)divisor, q = d ? n / d : INT64_MAX;

    if (q != (int16_t)q) {
        raise_exception(env, EXC_DE);
    }
    return (uint16_t)q | (uint32_t)(uint16_t)(n % d) << 16;
}

uint64_t helper_div32(CPUX86State *env, uint64_t n, uint32_t d)
{
    uint64_t q;

    if (!d || (q = n / d) > UINT32_MAX) {
        raise_exception(env, EXC_DE);
    }
    return q | (n % d) << 32;
}

uint64_t helper_idiv32(CPUX86State *env, uint64_t dividend, uint32_t divisor)
{
    int64_t n = (int64_t)dividend, d = (int32_t)divisor;
    int64_t q = !d || (n == INT64_MIN && d == -1) ? INT64_MAX : n / d;

    if (q != (int32_t)q) {
        raise_exception(env, EXC_DE);
    }
    return (uint32_t)q | (uint64_t)(uint32_t)(n % d) << 32;
}

uint64_t helper_div64(CPUX86State *env, uint64_t hi, uint64_t lo, uint64_t d)
{
    unsigned __int128 n = (unsigned __int128)hi << 64 | lo;

    if (hi >= d) {              /* also d == 0 */
        raise_exception(env, EXC_DE);
    }
    if (!hi) {
        env->vec_t0.q[0] = lo % d;
        return lo / d;
    }
    env->vec_t0.q[0] = (uint64_t)(n % d);
    return (uint64_t)(n / d);
}

uint64_t helper_idiv64(CPUX86State *env, uint64_t hi, uint64_t lo, uint64_t divisor)
{
    bool neg_n = (int64_t)hi < 0, neg_d = (int64_t)divisor < 0;
    unsigned __int128 n = (unsigned __int128)hi << 64 | lo, q;
    uint64_t d = neg_d ? 0 - divisor : divisor, r, limit = 1ull << 63;

    n = neg_n ? -n : n;
    if (!d) {
        raise_exception(env, EXC_DE);
    }
    q = n / d;
    if (q > (neg_n != neg_d ? limit : limit - 1)) {
        raise_exception(env, EXC_DE);
    }
    r = (uint64_t)(n % d);
    env->vec_t0.q[0] = neg_n ? 0 - r : r;
    return neg_n != neg_d ? 0 - (uint64_t)q : (uint64_t)q;
}

/* ---- rotates through carry ---- */

static unsigned rotate_count(unsigned n, unsigned bits)
{
    return bits < 32 ? n % (bits + 1) : n;
}

/* The bits + 1 wide ring with C on top, turned left by n in 1..bits. */
static uint64_t rotate_ring(uint64_t v, bool c, unsigned n, unsigned bits, bool *carry_out)
{
    unsigned __int128 one = 1, mask = (one << (bits + 1)) - 1;
    unsigned __int128 ring = (bits == 64 ? v : v & ((1ull << bits) - 1)) | (unsigned __int128)c << bits;

    ring = (ring << n | ring >> (bits + 1 - n)) & mask;
    *carry_out = ring >> bits & 1;
    return bits == 64 ? (uint64_t)ring : (uint64_t)ring & ((1ull << bits) - 1);
}

static uint64_t rotate_through(uint64_t v, unsigned n, unsigned bytes, bool left, bool c, bool *carry_out)
{
    unsigned bits = bytes * 8;

    n = rotate_count(n, bits);
    *carry_out = c;
    return n ? rotate_ring(v, c, left ? n : bits + 1 - n, bits, carry_out) : v;
}

uint64_t helper_rcl(CPUX86State *env, uint64_t v, uint32_t n, uint32_t bytes, uint32_t c)
{
    bool out;

    return rotate_through(v, n, bytes, true, c & 1, &out);
}

uint64_t helper_rcr(CPUX86State *env, uint64_t v, uint32_t n, uint32_t bytes, uint32_t c)
{
    bool out;

    return rotate_through(v, n, bytes, false, c & 1, &out);
}

static uint32_t rotate_image(uint32_t old, bool c, bool o)
{
    return (old & ~(CC_C | CC_O)) | (c ? CC_C : 0) | (o ? CC_O : 0);
}

uint32_t helper_rcl_flags(CPUX86State *env, uint64_t v, uint32_t n, uint32_t bytes, uint32_t old)
{
    unsigned bits = bytes * 8;
    bool c;

    if (!rotate_count(n, bits)) {
        return old;
    }
    rotate_through(v, n, bytes, true, old & CC_C, &c);
    return rotate_image(old, c, (v ^ v << 1) >> (bits - 1) & 1);
}

uint32_t helper_rcr_flags(CPUX86State *env, uint64_t v, uint32_t n, uint32_t bytes, uint32_t old)
{
    unsigned bits = bytes * 8;
    bool c;

    if (!rotate_count(n, bits)) {
        return old;
    }
    rotate_through(v, n, bytes, false, old & CC_C, &c);
    return rotate_image(old, c, (v >> (bits - 1) & 1) ^ (old & CC_C));
}

/* ---- BCD (SDM vol. 2A) ---- */

static uint32_t szp8(uint8_t v)
{
    return (v & 0x80 ? CC_S : 0) | (v ? 0 : CC_Z) | (__builtin_parity(v) ? 0 : CC_P);
}

static uint32_t decimal_adjust(uint32_t ax, uint32_t flags, bool subtract)
{
    uint8_t old = ax, al = ax;
    bool c = flags & CC_C, a = (old & 15) > 9 || (flags & CC_A), carry = false;

    if (a) {
        carry = c || (subtract ? al < 6 : al > 0xf9);
        al += subtract ? -6 : 6;
    }
    if (old > 0x99 || c) {
        al += subtract ? -0x60 : 0x60;
        carry = true;
    }
    return (ax & 0xff00) | al | (szp8(al) | (a ? CC_A : 0) | (carry ? CC_C : 0)) << 16;
}

static uint32_t ascii_adjust(uint32_t ax, uint32_t flags, bool subtract)
{
    bool adjust = (ax & 15) > 9 || (flags & CC_A);

    if (adjust) {
        ax = subtract ? ax - 6 - 0x100 : ax + 0x106;
    }
    ax &= 0xff0f;
    return ax | (szp8(ax) | (adjust ? CC_A | CC_C : 0)) << 16;
}

static uint32_t ascii_multiply(uint32_t ax, uint8_t base)
{
    uint8_t al = ax, hi = al / base, lo = al % base;

    return lo | (uint32_t)hi << 8 | szp8(lo) << 16;
}

static uint32_t ascii_divide(uint32_t ax, uint8_t base)
{
    uint8_t al = ax, add = (uint8_t)((ax >> 8 & 0xff) * base), sum = al + add;
    uint32_t f = szp8(sum);

    f |= sum < al ? CC_C : 0;
    f |= (al ^ add ^ sum) & CC_A;
    f |= (al ^ sum) & (add ^ sum) & 0x80 ? CC_O : 0;
    return sum | f << 16;
}

uint32_t helper_bcd(CPUX86State *env, uint32_t what, uint32_t ax, uint32_t flags)
{
    ax &= 0xffff;
    switch (what & 0xff) {
    case 0x27: return decimal_adjust(ax, flags, false);
    case 0x2f: return decimal_adjust(ax, flags, true);
    case 0x37: return ascii_adjust(ax, flags, false);
    case 0x3f: return ascii_adjust(ax, flags, true);
    case 0xd4: return ascii_multiply(ax, what >> 8);
    default: return ascii_divide(ax, what >> 8);
    }
}

/* ---- CRC32C, PDEP, PEXT ---- */

#define CRC32C_REFLECTED 0x82f63b78u

uint32_t helper_crc32(CPUX86State *env, uint32_t crc, uint64_t v, uint32_t bytes)
{
    for (unsigned i = 0; i < bytes; i++, v >>= 8) {
        crc ^= v & 0xff;
        for (unsigned k = 0; k < 8; k++) {
            crc = crc >> 1 ^ (crc & 1 ? CRC32C_REFLECTED : 0);
        }
    }
    return crc;
}

uint64_t helper_pdep(CPUX86State *env, uint64_t src, uint64_t mask)
{
    uint64_t r = 0;

    for (; mask; mask &= mask - 1, src >>= 1) {
        r |= src & 1 ? mask & -mask : 0;
    }
    return r;
}

uint64_t helper_pext(CPUX86State *env, uint64_t src, uint64_t mask)
{
    uint64_t r = 0;

    for (unsigned i = 0; mask; mask &= mask - 1, i++) {
        r |= (uint64_t)(src & (mask & -mask) ? 1 : 0) << i;
    }
    return r;
}

/* ---- CMPXCHG16B ---- */

/* Stores and returns true when *p equals old[]; else fills old[]. p is aligned RAM. */
static bool host_cas128(uint64_t *p, uint64_t old[2], const uint64_t val[2])
{
    bool done;

#ifdef __x86_64__
    __asm__ volatile("lock cmpxchg16b %1" : "=@ccz"(done), "+m"(*(unsigned __int128 *)p), "+a"(old[0]), "+d"(old[1])
                     : "b"(val[0]), "c"(val[1]) : "memory");
#else
    unsigned __int128 e = (unsigned __int128)old[1] << 64 | old[0], v = (unsigned __int128)val[1] << 64 | val[0];

    done = __atomic_compare_exchange_n((unsigned __int128 *)p, &e, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    old[0] = (uint64_t)e;
    old[1] = (uint64_t)(e >> 64);
#endif
    return done;
}

static bool slow_cas128(CPUX86State *env, vaddr addr, uint64_t old[2], const uint64_t val[2], int mmu_idx)
{
    uint64_t seen[2] = { cpu_ld(env, addr, 8, mmu_idx), cpu_ld(env, addr + 8, 8, mmu_idx) };
    bool same = seen[0] == old[0] && seen[1] == old[1];

    /* Memory is written in both cases. */
    cpu_st(env, addr, same ? val[0] : seen[0], 8, mmu_idx);
    cpu_st(env, addr + 8, same ? val[1] : seen[1], 8, mmu_idx);
    old[0] = seen[0];
    old[1] = seen[1];
    return same;
}

void helper_cmpxchg16b(CPUX86State *env, uint64_t addr)
{
    int mmu_idx = cpu_mmu_index(env);
    uint64_t old[2] = { env->regs[R_EAX], env->regs[R_EDX] }, val[2] = { env->regs[R_EBX], env->regs[R_ECX] };
    uint32_t flags;
    uint64_t *p;
    bool same;

    if (addr & 15) {
        raise_exception_err(env, EXC_GP, 0);
    }
    cpu_probe(env, addr, 16, true, mmu_idx);
    p = cpu_host_ptr(env, addr, 16, true, mmu_idx);
    if (!p && (env->jit.mode_key & MK_PARALLEL)) {
        cpu_restart_exclusive(env);
    }
    same = p ? host_cas128(p, old, val) : slow_cas128(env, addr, old, val, mmu_idx);
    flags = cpu_compute_status_flags(env) & ~CC_Z;
    env->cc_src = flags | (same ? CC_Z : 0);
    env->cc_op = CC_OP_EFLAGS;
    if (!same) {
        env->regs[R_EAX] = old[0];
        env->regs[R_EDX] = old[1];
    }
}

/* ---- the shadow of STI and MOV SS ---- */

void helper_start_shadow(CPUX86State *env)
{
    env->hflags_inhibit |= MK_INHIBIT | INHIBIT_MOV_SS;
    cpu_update_mode(env);
}

void helper_end_shadow(CPUX86State *env)
{
    env->hflags_inhibit = 0;
    env->eflags &= ~RF_MASK;
    cpu_update_mode(env);
}

/* ---- blocks and memory ---- */

void helper_probe_write(CPUX86State *env, uint64_t addr, uint32_t bytes, uint32_t mmu_idx)
{
    cpu_probe(env, addr, bytes, true, (int)mmu_idx);
}

/* The block starting at eip was made under another limit of CS: drop it and let the loop make a new one. */
void helper_cs_limit_changed(CPUX86State *env, uint64_t eip)
{
    vaddr linear = (uint32_t)(eip + env->segs[R_CS].base);
    MmuResult r;
    uint32_t error;

    env->eip = eip;
    if (mmu_translate(env, linear, MMU_FETCH, cpu_cpl(env) == 3 ? MMU_USER : MMU_KERNEL, true, &r, &error)) {
        MemorySection s = address_space_resolve(cpu_address_space(env), r.phys | (linear & ~TARGET_PAGE_MASK));

        if (s.host) {
            ram_addr_t first = (s.ram_addr & TARGET_PAGE_MASK) + (linear & ~TARGET_PAGE_MASK);

            tb_invalidate_phys_range(first, first + 1);
        }
    }
    cpu_loop_exit(env);
}
