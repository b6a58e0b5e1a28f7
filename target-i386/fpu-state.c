/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87 and SSE state as a whole: control and status words, environments, FXSAVE and XSAVE images, MXCSR, reset.
 *
 * Follows: SDM vol. 1, "x87 FPU Instruction and Data (Operand) Pointers", "Managing State Using the XSAVE Feature Set";
 * vol. 2A, FXSAVE, FSTENV. XSAVE knows x87, SSE, AVX and PKRU, in the standard and in the compacted format.
 * Left out: FCS and FDS are the selectors at the time of saving, not those of the last instruction. The opcode is
 * saved only while an exception is pending, as processors since the Pentium 4 do.
 */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "exec/cpu-mem.h"
#include "target-i386/fpu-host.h"
#include "target-i386/helper-fpu.h"
#include "target-i386/models.h"
#ifdef __SSE2__
#include <immintrin.h>
#else
#include <fenv.h>
#endif

DEFINE_HELPERS(HELPERS_FPU)

#define FPUC_WRITABLE 0x1f3f    /* bit 6 reads as 1 */
#define MXCSR_DEFAULT 0x1f80u
#define MXCSR_VALID   0xffffu
#define MXCSR_FLAGS   0x003fu
#define MXCSR_UM      0x0800u
#define MXCSR_FTZ     0x8000u
#define MXCSR_MASKS   0x1f80u

#define FPOP_RAN 0x8000         /* env->fpop: recorded by translated code, not loaded from an image */

/* ---- mode ---- */

uint32_t fpu_mode_bits(const CPUX86State *env)
{
    bool x87 = (env->fpuc & FPUC_MASKS) != FPUC_MASKS || (env->fpus & FPUS_ES);
    bool sse = (env->mxcsr & MXCSR_MASKS) != MXCSR_MASKS;

    return (x87 ? MK_FPU_EXC : 0) | (sse ? MK_SSE_EXC : 0);
}

static uint32_t mode_changed(CPUX86State *env)
{
    uint64_t old = env->jit.mode_key;

    cpu_update_mode(env);
    return old != env->jit.mode_key;
}

/* ES and B follow from flags and masks. */
static void update_summary(CPUX86State *env)
{
    bool was = env->fpus & FPUS_ES;

    env->fpus &= ~(FPUS_ES | FPUS_B);
    if (env->fpus & ~env->fpuc & FPUS_EXC) {
        env->fpus |= FPUS_ES | FPUS_B;
    } else if (was && !(env->cr0 & CR0_NE)) {
        x86_board_ferr(false);
    }
}

/* ---- words ---- */

uint16_t fpu_status_word(const CPUX86State *env)
{
    return env->fpus | env->fpstt << 11;
}

void fpu_set_control(CPUX86State *env, uint16_t cw)
{
    env->fpuc = (cw & FPUC_WRITABLE) | 0x40;
    update_summary(env);
}

void fpu_set_status(CPUX86State *env, uint16_t sw)
{
    env->fpstt = sw >> 11 & 7;
    env->fpus = (sw & (FPUS_CC | FPUS_EXC | FPUS_SF)) | (env->fpus & FPUS_ES);
    update_summary(env);
}

static unsigned tag_of(const FpReg *r)
{
    unsigned exp = r->se & 0x7fff;

    if (exp == 0 && r->mant == 0) {
        return 1;
    }
    return exp == 0 || exp == 0x7fff || !(r->mant >> 63) ? 2 : 0;
}

uint16_t fpu_tag_word(const CPUX86State *env)
{
    unsigned tw = 0;

    for (int i = 0; i < 8; i++) {
        tw |= (env->fptags[i] ? 3 : tag_of(&env->fpregs[i])) << (2 * i);
    }
    return tw;
}

static void set_tag_word(CPUX86State *env, uint16_t tw)
{
    for (int i = 0; i < 8; i++) {
        env->fptags[i] = (tw >> (2 * i) & 3) == 3;
    }
}

static uint8_t abridged_tags(const CPUX86State *env)
{
    unsigned used = 0;

    for (int i = 0; i < 8; i++) {
        used |= !env->fptags[i] << i;
    }
    return used;
}

/* Registers and MXCSR stay. */
void fpu_init(CPUX86State *env)
{
    env->fpuc = 0x37f;
    env->fpus &= FPUS_ES;
    env->fpstt = 0;
    memset(env->fptags, 1, sizeof(env->fptags));
    env->fpip = env->fpdp = 0;
    env->fpop = env->fpcs = env->fpds = 0;
    update_summary(env);
}

static uint32_t host_mxcsr(uint32_t v)
{
    /* Flush-to-zero counts only while underflow is masked. */
    return (v & ~MXCSR_MASKS & (v & MXCSR_UM ? ~0u : ~MXCSR_FTZ)) | MXCSR_MASKS;
}

void fpu_reset(CPUX86State *env)
{
    memset(env->fpregs, 0, sizeof(env->fpregs));
    memset(env->fptags, 0, sizeof(env->fptags));        /* tag word 5555h: all zero, none empty */
    memset(env->xmm, 0, sizeof(env->xmm));
    env->fpuc = 0x40;
    env->fpus = 0;
    env->fpstt = 0;
    env->fpip = env->fpdp = 0;
    env->fpop = env->fpcs = env->fpds = 0;
    env->mxcsr = MXCSR_DEFAULT;
    env->jit.mxcsr_host = host_mxcsr(MXCSR_DEFAULT);
}

/* ---- MXCSR ---- */

/* For snapshots: the host's part of MXCSR into env->mxcsr, and the reverse. Not inside translated code. */
void fpu_pre_save(CPUX86State *env)
{
    mxcsr_get(env);
}

void fpu_post_load(CPUX86State *env)
{
    env->mxcsr &= MXCSR_VALID;
    env->jit.mxcsr_host = host_mxcsr(env->mxcsr);
    fpu_set_control(env, env->fpuc);
}

#ifdef __SSE2__
static bool in_translated_code(const CPUX86State *env)
{
    return env->jit.host_sp != 0;
}
#endif

uint32_t mxcsr_get(CPUX86State *env)
{
#ifdef __SSE2__
    uint32_t host = in_translated_code(env) ? _mm_getcsr() : env->jit.mxcsr_host;
#else
    int f = fetestexcept(FE_ALL_EXCEPT);
    uint32_t host = (f & FE_INVALID ? 0x01 : 0) | (f & FE_DIVBYZERO ? 0x04 : 0) | (f & FE_OVERFLOW ? 0x08 : 0)
                    | (f & FE_UNDERFLOW ? 0x10 : 0) | (f & FE_INEXACT ? 0x20 : 0);
#endif

    env->mxcsr |= host & MXCSR_FLAGS;
    return env->mxcsr;
}

void mxcsr_set(CPUX86State *env, uint32_t v)
{
    env->mxcsr = v;
    env->jit.mxcsr_host = host_mxcsr(v);
#ifdef __SSE2__
    if (in_translated_code(env)) {
        _mm_setcsr(env->jit.mxcsr_host);
    }
#else
    {
        static const int mode[4] = { FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO };

        feclearexcept(FE_ALL_EXCEPT);
        fesetround(mode[v >> 13 & 3]);
    }
#endif
    cpu_update_mode(env);
}

uint32_t helper_ldmxcsr(CPUX86State *env, uint32_t v)
{
    uint64_t old = env->jit.mode_key;

    if (v & ~MXCSR_VALID) {
        raise_exception_err(env, EXC_GP, 0);
    }
    mxcsr_set(env, v);
    return old != env->jit.mode_key;
}

uint32_t helper_stmxcsr(CPUX86State *env)
{
    return mxcsr_get(env);
}

/* ---- control instructions ---- */

/* With CR0.NE clear the error goes to the interrupt controller as IRQ 13, and the instruction runs. */
void helper_fpu_wait(CPUX86State *env)
{
    if (likely(!(env->fpus & FPUS_ES))) {
        return;
    }
    if (env->cr0 & CR0_NE) {
        raise_exception(env, EXC_MF);
    }
    x86_board_ferr(true);
}

uint32_t helper_fninit(CPUX86State *env)
{
    fpu_init(env);
    return mode_changed(env);
}

uint32_t helper_fnclex(CPUX86State *env)
{
    env->fpus &= FPUS_CC | FPUS_ES;
    update_summary(env);
    return mode_changed(env);
}

uint32_t helper_fldcw(CPUX86State *env, uint32_t cw)
{
    bool plain = (cw & env->fpuc & FPUC_MASKS) == FPUC_MASKS;   /* rounding only: the key stays what it is */

    fpu_set_control(env, cw);
    return plain ? 0 : mode_changed(env);
}

uint32_t helper_fnstsw(CPUX86State *env)
{
    return fpu_status_word(env);
}

/* ---- environments (SDM vol. 1, "Saving the x87 FPU's State") ---- */

typedef struct FpuPointers {
    uint64_t ip, dp;
    uint16_t cs, ds, op;
} FpuPointers;

static FpuPointers get_pointers(const CPUX86State *env)
{
    FpuPointers p = { env->fpip, env->fpdp, env->fpcs, env->fpds, env->fpop & 0x7ff };

    if (env->fpop & FPOP_RAN) {
        bool no_selectors = cpu_has(env, FEAT_7_EBX, CPUID_NO_FPU_CS_DS);

        p.cs = no_selectors ? 0 : env->segs[R_CS].selector;
        p.ds = no_selectors ? 0 : env->segs[R_DS].selector;
        p.op = env->fpus & FPUS_ES ? p.op : 0;
    }
    return p;
}

static bool protected_format(const CPUX86State *env)
{
    return env->jit.mode_key & MK_PE;
}

static unsigned env_len(uint32_t flags)
{
    return flags & FPU_ENV_32 ? 28 : 14;
}

static void put_env(CPUX86State *env, uint8_t *buf, uint32_t flags)
{
    FpuPointers p = get_pointers(env);
    unsigned n = flags & FPU_ENV_32 ? 4 : 2;
    uint32_t w[7] = { env->fpuc, fpu_status_word(env), fpu_tag_word(env) };

    if (n == 4) {
        w[0] |= 0xffff0000u;            /* reserved halves read as ones */
        w[1] |= 0xffff0000u;
        w[2] |= 0xffff0000u;
    }
    if (protected_format(env)) {
        w[3] = p.ip;
        w[4] = p.cs | (n == 4 ? (uint32_t)p.op << 16 : 0);
        w[5] = p.dp;
        w[6] = p.ds | (n == 4 ? 0xffff0000u : 0);
    } else {
        uint32_t ip = p.ip + p.cs * 16, dp = p.dp + p.ds * 16;

        w[3] = ip & 0xffff;
        w[4] = (n == 4 ? ip >> 16 << 12 : ip >> 16 << 12 & 0xf000) | p.op;
        w[5] = dp & 0xffff;
        w[6] = n == 4 ? dp >> 16 << 12 : dp >> 16 << 12 & 0xf000;
        if (n == 4) {
            w[3] |= 0xffff0000u;
            w[5] |= 0xffff0000u;
        }
    }
    for (unsigned i = 0; i < 7; i++) {
        if (n == 4) {
            store_le32(buf + 4 * i, w[i]);
        } else {
            store_le16(buf + 2 * i, w[i]);
        }
    }
}

static void get_env(CPUX86State *env, const uint8_t *buf, uint32_t flags)
{
    bool is32 = flags & FPU_ENV_32;
    uint32_t w[7];

    for (unsigned i = 0; i < 7; i++) {
        w[i] = is32 ? load_le32(buf + 4 * i) : load_le16(buf + 2 * i);
    }
    fpu_set_control(env, w[0]);
    fpu_set_status(env, w[1]);
    set_tag_word(env, w[2]);
    if (protected_format(env)) {
        env->fpip = w[3];
        env->fpcs = w[4];
        env->fpop = is32 ? w[4] >> 16 & 0x7ff : 0;
        env->fpdp = w[5];
        env->fpds = w[6];
    } else {
        env->fpip = (w[3] & 0xffff) | (w[4] >> 12 & (is32 ? 0xffff : 0xf)) << 16;
        env->fpop = w[4] & 0x7ff;
        env->fpdp = (w[5] & 0xffff) | (w[6] >> 12 & (is32 ? 0xffff : 0xf)) << 16;
        env->fpcs = env->fpds = 0;
    }
}

uint32_t helper_fnstenv(CPUX86State *env, uint64_t addr, uint32_t mmu_idx, uint32_t flags)
{
    uint8_t buf[28];

    put_env(env, buf, flags);
    cpu_probe(env, addr, env_len(flags), true, mmu_idx);
    cpu_st_bytes(env, addr, buf, env_len(flags), mmu_idx);
    fpu_set_control(env, env->fpuc | FPUC_MASKS);
    return mode_changed(env);
}

uint32_t helper_fldenv(CPUX86State *env, uint64_t addr, uint32_t mmu_idx, uint32_t flags)
{
    uint8_t buf[28];

    cpu_ld_bytes(env, addr, buf, env_len(flags), mmu_idx);
    get_env(env, buf, flags);
    return mode_changed(env);
}

uint32_t helper_fnsave(CPUX86State *env, uint64_t addr, uint32_t mmu_idx, uint32_t flags)
{
    unsigned n = env_len(flags);
    uint8_t buf[28 + 80];

    put_env(env, buf, flags);
    for (unsigned i = 0; i < 8; i++) {
        memcpy(buf + n + 10 * i, env->fpregs[(env->fpstt + i) & 7].b, 10);
    }
    cpu_probe(env, addr, n + 80, true, mmu_idx);
    cpu_st_bytes(env, addr, buf, n + 80, mmu_idx);
    fpu_init(env);
    return mode_changed(env);
}

uint32_t helper_frstor(CPUX86State *env, uint64_t addr, uint32_t mmu_idx, uint32_t flags)
{
    unsigned n = env_len(flags);
    uint8_t buf[28 + 80];

    cpu_ld_bytes(env, addr, buf, n + 80, mmu_idx);
    get_env(env, buf, flags);
    for (unsigned i = 0; i < 8; i++) {
        memcpy(env->fpregs[(env->fpstt + i) & 7].b, buf + n + 10 * i, 10);
    }
    return mode_changed(env);
}

/* ---- FXSAVE image (SDM vol. 2A, FXSAVE) ---- */

enum { FX_FCW = 0, FX_FSW = 2, FX_FTW = 4, FX_FOP = 6, FX_FIP = 8, FX_FDP = 16, FX_MXCSR = 24, FX_MASK = 28,
       FX_ST = 32, FX_XMM = 160, FX_LEN = 512 };

static unsigned num_xmm(const CPUX86State *env)
{
    return cpu_code64(env) ? 16 : 8;
}

static void put_x87(const CPUX86State *env, uint8_t *buf, bool rex_w)
{
    FpuPointers p = get_pointers(env);

    store_le16(buf + FX_FCW, env->fpuc);
    store_le16(buf + FX_FSW, fpu_status_word(env));
    buf[FX_FTW] = abridged_tags(env);
    buf[FX_FTW + 1] = 0;
    store_le16(buf + FX_FOP, p.op);
    if (rex_w) {
        store_le64(buf + FX_FIP, p.ip);
        store_le64(buf + FX_FDP, p.dp);
    } else {
        store_le64(buf + FX_FIP, (uint32_t)p.ip | (uint64_t)p.cs << 32);
        store_le64(buf + FX_FDP, (uint32_t)p.dp | (uint64_t)p.ds << 32);
    }
    for (unsigned i = 0; i < 8; i++) {
        memset(buf + FX_ST + 16 * i, 0, 16);
        memcpy(buf + FX_ST + 16 * i, env->fpregs[(env->fpstt + i) & 7].b, 10);
    }
}

static void get_x87(CPUX86State *env, const uint8_t *buf, bool rex_w)
{
    fpu_set_control(env, load_le16(buf + FX_FCW));
    fpu_set_status(env, load_le16(buf + FX_FSW));
    for (unsigned i = 0; i < 8; i++) {
        env->fptags[i] = !(buf[FX_FTW] >> i & 1);
        memcpy(env->fpregs[(env->fpstt + i) & 7].b, buf + FX_ST + 16 * i, 10);
    }
    env->fpop = load_le16(buf + FX_FOP) & 0x7ff;
    env->fpip = rex_w ? load_le64(buf + FX_FIP) : load_le32(buf + FX_FIP);
    env->fpdp = rex_w ? load_le64(buf + FX_FDP) : load_le32(buf + FX_FDP);
    env->fpcs = rex_w ? 0 : load_le16(buf + FX_FIP + 4);
    env->fpds = rex_w ? 0 : load_le16(buf + FX_FDP + 4);
}

static void init_x87(CPUX86State *env)
{
    fpu_init(env);
    memset(env->fpregs, 0, sizeof(env->fpregs));
}

static void put_xmm(const CPUX86State *env, uint8_t *buf)
{
    for (unsigned i = 0; i < num_xmm(env); i++) {
        memcpy(buf + FX_XMM + 16 * i, env->xmm[i].b, 16);
    }
}

static void get_xmm(CPUX86State *env, const uint8_t *buf)
{
    for (unsigned i = 0; i < num_xmm(env); i++) {
        memcpy(env->xmm[i].b, buf + FX_XMM + 16 * i, 16);
    }
}

static void check_aligned(CPUX86State *env, uint64_t addr, unsigned n)
{
    if (addr & (n - 1)) {
        raise_exception_err(env, EXC_GP, 0);
    }
}

/* AMD's FFXSR leaves XMM out for a 64-bit kernel. */
static bool fast_fxsr(const CPUX86State *env)
{
    return (env->efer & EFER_FFXSR) && cpu_code64(env) && cpu_cpl(env) == 0;
}

void helper_fxsave(CPUX86State *env, uint64_t addr, uint32_t mmu_idx, uint32_t rex_w)
{
    uint8_t buf[FX_LEN];
    unsigned len = fast_fxsr(env) ? FX_XMM : FX_XMM + 16 * num_xmm(env);

    check_aligned(env, addr, 16);
    cpu_probe(env, addr, FX_LEN, true, mmu_idx);
    put_x87(env, buf, rex_w);
    store_le32(buf + FX_MXCSR, mxcsr_get(env));
    store_le32(buf + FX_MASK, MXCSR_VALID);
    put_xmm(env, buf);
    cpu_st_bytes(env, addr, buf, len, mmu_idx);
}

static uint32_t checked_mxcsr(CPUX86State *env, const uint8_t *buf)
{
    uint32_t v = load_le32(buf + FX_MXCSR);

    if (v & ~MXCSR_VALID) {
        raise_exception_err(env, EXC_GP, 0);
    }
    return v;
}

uint32_t helper_fxrstor(CPUX86State *env, uint64_t addr, uint32_t mmu_idx, uint32_t rex_w)
{
    uint64_t old = env->jit.mode_key;
    uint8_t buf[FX_LEN];
    uint32_t mxcsr;

    check_aligned(env, addr, 16);
    cpu_ld_bytes(env, addr, buf, FX_LEN, mmu_idx);
    mxcsr = checked_mxcsr(env, buf);
    get_x87(env, buf, rex_w);
    if (!fast_fxsr(env)) {
        get_xmm(env, buf);
    }
    mxcsr_set(env, mxcsr);
    return old != env->jit.mode_key;
}

/* ---- XSAVE (SDM vol. 1, "Operation of XSAVE" and its neighbours) ---- */

#define XS_X87  (1u << 0)
#define XS_SSE  (1u << 1)
#define XS_AVX  (1u << 2)
#define XS_PKRU (1u << 9)
#define XS_COMPACT (1ull << 63)
enum { XS_HEADER = 512, XS_EXT = 576, XS_PKRU_STD = 0xa80, XS_AVX_LEN = 256, XS_MAX = XS_PKRU_STD + 8 };

static bool x87_initial(const CPUX86State *env)
{
    uint64_t any = env->fpus | env->fpstt | env->fpip | env->fpdp | (env->fpop & 0x7ff);

    for (unsigned i = 0; i < 8; i++) {
        any |= env->fpregs[i].mant | env->fpregs[i].se | (env->fptags[i] ^ 1);
    }
    return !any && env->fpuc == 0x37f;
}

/* XINUSE: components that differ from their initial state. MXCSR belongs to none of them. */
uint64_t fpu_components_in_use(const CPUX86State *env)
{
    uint64_t low = 0, high = 0;

    for (unsigned i = 0; i < 16; i++) {
        low |= env->xmm[i].q[0] | env->xmm[i].q[1];
        high |= env->xmm[i].q[2] | env->xmm[i].q[3];
    }
    return ((x87_initial(env) ? 0 : XS_X87) | (low ? XS_SSE : 0) | (high ? XS_AVX : 0) | (env->pkru ? XS_PKRU : 0))
           & env->xcr0;
}

static uint64_t requested(CPUX86State *env, uint64_t addr)
{
    if (!(env->cr4 & CR4_OSXSAVE)) {
        raise_exception(env, EXC_UD);
    }
    check_aligned(env, addr, 64);
    return (env->regs[R_EDX] << 32 | (uint32_t)env->regs[R_EAX]) & env->xcr0;
}

static unsigned pkru_offset(uint64_t compacted)
{
    return !compacted ? XS_PKRU_STD : XS_EXT + (compacted & XS_AVX ? XS_AVX_LEN : 0);
}

static void xsave_components(CPUX86State *env, uint64_t addr, int mmu_idx, bool rex_w, uint64_t which, unsigned pkru_at)
{
    uint8_t buf[FX_LEN];

    if (which & XS_X87) {
        put_x87(env, buf, rex_w);
        cpu_st_bytes(env, addr, buf, FX_MXCSR, mmu_idx);
        cpu_st_bytes(env, addr + FX_ST, buf + FX_ST, FX_XMM - FX_ST, mmu_idx);
    }
    if (which & XS_SSE) {
        put_xmm(env, buf);
        cpu_st_bytes(env, addr + FX_XMM, buf + FX_XMM, 16 * num_xmm(env), mmu_idx);
    }
    for (unsigned i = 0; (which & XS_AVX) && i < num_xmm(env); i++) {
        cpu_st_bytes(env, addr + XS_EXT + 16 * i, env->xmm[i].b + 16, 16, mmu_idx);
    }
    if (which & XS_PKRU) {
        cpu_st(env, addr + pkru_at, (uint32_t)env->pkru, 8, mmu_idx);
    }
}

/*
 * XSAVE writes all that is asked for, the others leave out what is in its initial state. XSTATE_BV says what is not.
 * XSAVEC counts MXCSR as part of the SSE component and does not read the area; the others write MXCSR whenever SSE or
 * AVX is asked for, and keep the bits of XSTATE_BV that were not.
 */
void helper_xsave(CPUX86State *env, uint64_t addr, uint32_t mmu_idx, uint32_t rex_w, uint32_t kind)
{
    uint64_t rfbm = requested(env, addr), bv = rfbm & fpu_components_in_use(env), saved;
    uint64_t compacted = kind == XSAVE_COMPACT ? rfbm | XS_COMPACT : 0;
    uint32_t mxcsr = mxcsr_get(env);
    unsigned pkru_at = pkru_offset(compacted);

    if (compacted && (rfbm & XS_SSE) && mxcsr != MXCSR_DEFAULT) {
        bv |= XS_SSE;
    }
    saved = kind == XSAVE_PLAIN ? rfbm : bv;
    cpu_probe(env, addr, XS_EXT, true, mmu_idx);
    if (saved & XS_AVX) {
        cpu_probe(env, addr + XS_EXT, XS_AVX_LEN, true, mmu_idx);
    }
    if (saved & XS_PKRU) {
        cpu_probe(env, addr + pkru_at, 8, true, mmu_idx);
    }
    if (!compacted) {
        bv |= cpu_ld(env, addr + XS_HEADER, 8, mmu_idx) & ~rfbm;
    }
    xsave_components(env, addr, mmu_idx, rex_w, saved, pkru_at);
    if (compacted ? saved & XS_SSE : rfbm & (XS_SSE | XS_AVX)) {
        cpu_st(env, addr + FX_MXCSR, mxcsr | (uint64_t)MXCSR_VALID << 32, 8, mmu_idx);
    }
    cpu_st(env, addr + XS_HEADER, bv, 8, mmu_idx);
    if (compacted) {
        cpu_st(env, addr + XS_HEADER + 8, compacted, 8, mmu_idx);
    }
}

/* What XRSTOR refuses (SDM vol. 1, "Operation of XRSTOR"). */
static bool header_ok(const CPUX86State *env, const uint8_t *h)
{
    uint64_t bv = load_le64(h), comp = load_le64(h + 8);

    for (unsigned i = 16; i < (comp ? 64u : 24u); i++) {
        if (h[i]) {
            return false;
        }
    }
    if (!comp) {
        return !(bv & ~env->xcr0);
    }
    return (comp & XS_COMPACT) && cpu_has(env, FEAT_D1_EAX, CPUID_XSAVEC) && !(comp & ~XS_COMPACT & ~env->xcr0)
           && !(bv & ~comp);
}

uint32_t helper_xrstor(CPUX86State *env, uint64_t addr, uint32_t mmu_idx, uint32_t rex_w)
{
    uint64_t old = env->jit.mode_key, rfbm = requested(env, addr), bv, comp;
    uint8_t buf[XS_MAX];
    uint32_t mxcsr = mxcsr_get(env);

    cpu_ld_bytes(env, addr, buf, XS_EXT, mmu_idx);
    if (!header_ok(env, buf + XS_HEADER)) {
        raise_exception_err(env, EXC_GP, 0);
    }
    bv = load_le64(buf + XS_HEADER);
    comp = load_le64(buf + XS_HEADER + 8);
    if (comp ? rfbm & bv & XS_SSE : rfbm & (XS_SSE | XS_AVX)) {
        mxcsr = checked_mxcsr(env, buf);
    } else if (comp && (rfbm & XS_SSE)) {
        mxcsr = MXCSR_DEFAULT;
    }
    if (rfbm & bv & XS_AVX) {
        cpu_ld_bytes(env, addr + XS_EXT, buf + XS_EXT, XS_AVX_LEN, mmu_idx);
    }
    if (rfbm & XS_PKRU) {
        uint64_t pkru = bv & XS_PKRU ? (uint32_t)cpu_ld(env, addr + pkru_offset(comp), 4, mmu_idx) : 0;

        if (pkru != env->pkru) {
            env->pkru = pkru;
            tlb_flush(env);
        }
    }
    if (rfbm & bv & XS_X87) {
        get_x87(env, buf, rex_w);
    } else if (rfbm & XS_X87) {
        init_x87(env);
    }
    if (rfbm & XS_SSE) {
        if (!(bv & XS_SSE)) {
            memset(buf + FX_XMM, 0, 256);
        }
        get_xmm(env, buf);
    }
    for (unsigned i = 0; (rfbm & XS_AVX) && i < num_xmm(env); i++) {
        if (bv & XS_AVX) {
            memcpy(env->xmm[i].b + 16, buf + XS_EXT + 16 * i, 16);
        } else {
            memset(env->xmm[i].b + 16, 0, 16);
        }
    }
    mxcsr_set(env, mxcsr);
    return old != env->jit.mode_key;
}
