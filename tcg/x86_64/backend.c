/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The x86-64 back end's frame: host features, the thunks at the start of the code buffer, one block from list to code.
 * Thunks move the pinned guest registers between their host registers and the CPU state; blocks never do.
 */
#include "qemu/osdep.h"
#include "qemu/log.h"
#include "disas/disas.h"
#include "x86_64/host.h"
#include <cpuid.h>
#include <xmmintrin.h>

/* spill slots; with six pushes and the return address RSP ends 16-aligned */
#define FRAME_SIZE (NUM_SLOTS * 8 + 8)
#define HOST_MXCSR_DEFAULT 0x1f80

const char tcg_backend_name[] = "x86_64";
HostInfo host_info;

static uint32_t features_if(unsigned word, unsigned bit, unsigned feature)
{
    return word & bit ? 1u << feature : 0;
}

/* The operating system saves YMM registers. */
static bool os_has_ymm(unsigned leaf1_ecx)
{
    uint32_t low = 0, high;

    if (leaf1_ecx & bit_OSXSAVE) {
        __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    }
    return (low & 6) == 6;
}

static void detect_features(void)
{
    unsigned a, b, c, d;
    bool ymm = false;
    uint32_t f = 1u << IR_VEC_SSE2;

    if (__get_cpuid(1, &a, &b, &c, &d)) {
        ymm = os_has_ymm(c) && (c & bit_AVX);
        f |= features_if(c, bit_SSE3, IR_VEC_SSE3) | features_if(c, bit_SSSE3, IR_VEC_SSSE3)
            | features_if(c, bit_SSE4_1, IR_VEC_SSE41) | features_if(c, bit_SSE4_2, IR_VEC_SSE42)
            | features_if(c, bit_AES, IR_VEC_AES) | features_if(c, bit_PCLMUL, IR_VEC_PCLMUL);
        if (ymm) {
            f |= 1u << IR_VEC_AVX | features_if(c, bit_FMA, IR_VEC_FMA) | features_if(c, bit_F16C, IR_VEC_F16C);
        }
    }
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
        host_info.have_bmi1 = b & bit_BMI;
        host_info.have_bmi2 = b & bit_BMI2;
        f |= features_if(b, bit_SHA, IR_VEC_SHA);
        if (ymm) {
            f |= features_if(b, bit_AVX2, IR_VEC_AVX2) | features_if(c, bit_GFNI, IR_VEC_GFNI)
                | features_if(c, bit_VAES, IR_VEC_VAES) | features_if(c, bit_VPCLMULQDQ, IR_VEC_VPCLMUL);
        }
    }
    if (__get_cpuid(0x80000001, &a, &b, &c, &d)) {
        host_info.have_lzcnt = (c & bit_LZCNT) && host_info.have_bmi1;
        f |= features_if(c, bit_SSE4a, IR_VEC_SSE4A);
    }
    host_info.vec_features = f;
}

void tcg_backend_assign_pins(IrContext *ir)
{
    /* Hottest first: those that survive C calls. */
    static const int8_t regs[] = { RBX, R14, R15, R12, R13, RSI, R8, R9, R10, R11 };

    memset(host_info.pinned_temp, 0xff, sizeof(host_info.pinned_temp));
    for (unsigned order = 0; order < ARRAY_SIZE(regs); order++) {
        for (IrTemp t = 0; t < ir->n_globals; t++) {
            if (ir->temps[t].pin_order == (int)order && ir->temps[t].type == IR_I64) {
                int r = regs[order];

                ir->temps[t].pin = r;
                host_info.pinned_temp[r] = t;
                host_info.pinned_off[r] = ir->temps[t].off;
                host_info.pinned_mask |= 1u << r;
                if (r == RSI || (r >= R8 && r <= R11)) {
                    host_info.pinned_caller_saved |= 1u << r;
                }
            }
        }
    }
}

/* ---- thunks ---- */

static void move_pinned(Asm *a, uint32_t mask, bool store)
{
    for (int r = 0; r < NUM_HOST_REGS; r++) {
        if (mask >> r & 1) {
            asm_rm(a, (store ? 0x89 : 0x8b) | X_W, r, ENV_REG, env_disp(host_info.pinned_off[r]));
        }
    }
}

/* C code may be built for SSE: mixing that with dirty upper halves is slow. */
static void emit_vzeroupper(Asm *a)
{
    if (host_info.vec_features >> IR_VEC_AVX & 1) {
        a8(a, 0xc5);
        a8(a, 0xf8);
        a8(a, 0x77);
    }
}

static void emit_enter(Asm *a)      /* uintptr_t enter(void *env, const void *code) */
{
    static const int8_t saved[] = { RBP, RBX, R12, R13, R14, R15 };

    for (unsigned i = 0; i < ARRAY_SIZE(saved); i++) {
        asm_prefix(a, 0x50 | (saved[i] & 7), 0, 0, saved[i]);
    }
    asm_g1_ri(a, true, G1_SUB, RSP, FRAME_SIZE);
    asm_rm(a, 0x8d | X_W, ENV_REG, RDI, JIT_ENV_BIAS);
    asm_rm(a, 0x89 | X_W, RSP, ENV_REG, env_disp(host_info.layout.host_sp));
    asm_rm(a, 0xae | X_0F, 2, ENV_REG, env_disp(host_info.layout.mxcsr_host));     /* LDMXCSR */
    asm_mov_rr(a, true, RAX, RSI);
    move_pinned(a, host_info.pinned_mask, false);
    asm_rr(a, 0xff, 4, RAX);
}

static void emit_leave(Asm *a)
{
    static const int8_t saved[] = { R15, R14, R13, R12, RBX, RBP };

    host_info.exit_loop_rw = a->p;
    asm_movi(a, RAX, 0);
    host_info.exit_cookie_rw = a->p;
    emit_vzeroupper(a);
    move_pinned(a, host_info.pinned_mask, true);
    asm_rm(a, 0xae | X_0F, 3, ENV_REG, env_disp(host_info.layout.mxcsr_host));     /* STMXCSR */
    asm_rm(a, 0xc7, 0, RSP, 0);                                                     /* a spill slot serves as operand */
    a32(a, HOST_MXCSR_DEFAULT);
    asm_rm(a, 0xae | X_0F, 2, RSP, 0);
    asm_rm(a, 0xc7 | X_W, 0, ENV_REG, env_disp(host_info.layout.host_sp));
    a32(a, 0);
    asm_g1_ri(a, true, G1_ADD, RSP, FRAME_SIZE);
    for (unsigned i = 0; i < ARRAY_SIZE(saved); i++) {
        asm_prefix(a, 0x58 | (saved[i] & 7), 0, 0, saved[i]);
    }
    a8(a, 0xc3);
}

static void emit_save_host_pc(Asm *a)
{
    asm_rm(a, 0x8b | X_W, RDX, RSP, 0);
    asm_rm(a, 0x89 | X_W, RDX, ENV_REG, env_disp(host_info.layout.host_pc));
}

/* RAX: function; arguments in the CPU state. kind 0 pure, 1 reads, 2 writes the globals. */
static void emit_call_thunk(Asm *a, unsigned kind)
{
    static const int8_t arg_regs[] = { RSI, RDX, RCX, R8, R9 };
    uint32_t keep = host_info.pinned_caller_saved;

    host_info.call_rw[kind] = a->p;
    if (kind) {
        emit_save_host_pc(a);
    }
    move_pinned(a, kind ? host_info.pinned_mask : keep, true);
    for (unsigned i = 0; i < ARRAY_SIZE(arg_regs); i++) {
        asm_rm(a, 0x8b | X_W, arg_regs[i], ENV_REG, env_disp(host_info.layout.args + 8 * i));
    }
    asm_rm(a, 0x8d | X_W, RDI, ENV_REG, -JIT_ENV_BIAS);
    emit_vzeroupper(a);
    asm_g1_ri(a, true, G1_SUB, RSP, 8);
    asm_rr(a, 0xff, 2, RAX);
    asm_g1_ri(a, true, G1_ADD, RSP, 8);
    move_pinned(a, kind == 2 ? host_info.pinned_mask : keep, false);
    a8(a, 0xc3);
}

/* RDI address, RCX memop, RDX value -> RAX. */
static void emit_slow_thunk(Asm *a, StubKind kind, void *fn)
{
    host_info.slow_rw[kind] = a->p;
    asm_rm(a, 0x8b | X_W, RAX, RSP, 0);
    asm_rm(a, 0x89 | X_W, RAX, ENV_REG, env_disp(host_info.layout.host_pc));
    move_pinned(a, host_info.pinned_mask, true);
    asm_mov_rr(a, true, RSI, RDI);
    asm_rr(a, 0x87 | X_W, RCX, RDX);
    asm_rm(a, 0x8d | X_W, RDI, ENV_REG, -JIT_ENV_BIAS);
    emit_vzeroupper(a);
    asm_g1_ri(a, true, G1_SUB, RSP, 8);
    asm_movi(a, RAX, (uintptr_t)fn);
    asm_rr(a, 0xff, 2, RAX);
    asm_g1_ri(a, true, G1_ADD, RSP, 8);
    move_pinned(a, host_info.pinned_caller_saved, false);
    a8(a, 0xc3);
}

/* EIP is stored: find the block, or leave. Called, so that it knows the instruction; never returns. */
static void emit_jc_miss_thunk(Asm *a)
{
    uint8_t *none;

    host_info.jc_miss_rw = a->p;
    asm_rm(a, 0x8f, 0, ENV_REG, env_disp(host_info.layout.host_pc));    /* POP */
    move_pinned(a, host_info.pinned_mask, true);
    asm_rm(a, 0x8d | X_W, RDI, ENV_REG, -JIT_ENV_BIAS);
    emit_vzeroupper(a);
    asm_movi(a, RAX, (uintptr_t)host_info.layout.lookup);
    asm_rr(a, 0xff, 2, RAX);
    move_pinned(a, host_info.pinned_caller_saved, false);
    asm_rr(a, 0x85 | X_W, RAX, RAX);
    none = asm_jcc_fix(a, CCX_E);
    asm_rr(a, 0xff, 4, RAX);
    asm_fix(none, a->p);
    asm_jmp(a, host_info.exit_loop_rw);
}

size_t tcg_backend_init(IrContext *ir, const TcgEnvLayout *layout, uint8_t *rw, const uint8_t *rx, size_t capacity)
{
    Asm a = { .p = rw, .base = rw, .end = rw + capacity };

    detect_features();
    host_info.layout = *layout;
    host_info.thunks_rw = rw;
    host_info.enter_rx = rx;
    emit_enter(&a);
    emit_leave(&a);
    for (unsigned kind = 0; kind < 3; kind++) {
        emit_call_thunk(&a, kind);
    }
    emit_slow_thunk(&a, STUB_LOAD, (void *)layout->slow_ld);
    emit_slow_thunk(&a, STUB_STORE, (void *)layout->slow_st);
    emit_slow_thunk(&a, STUB_LOADV, (void *)layout->slow_ldv);
    emit_slow_thunk(&a, STUB_STOREV, (void *)layout->slow_stv);
    emit_jc_miss_thunk(&a);
    return (size_t)(a.p - rw);
}

/* ---- one block ---- */

static void fix_labels(Host *h)
{
    for (unsigned i = 0; i < h->n_label_fix; i++) {
        asm_fix(h->label_fix[i].fix, h->label_at[h->label_fix[i].label]);
    }
}

static int restore_compare(const void *a, const void *b)
{
    uint32_t x = ((const TcgRestore *)a)->code_off, y = ((const TcgRestore *)b)->code_off;

    return x < y ? -1 : x > y;
}

bool tcg_backend_generate(IrContext *ir, TcgCode *code, bool *too_complex)
{
    static GPrivate scratch = G_PRIVATE_INIT(g_free);
    Host *h = tcg_scratch(&scratch, sizeof(*h));

    h->a = (Asm) { .p = code->rw, .base = code->rw, .end = code->rw + code->capacity };
    h->ir = ir;
    h->code = code;
    h->too_complex = h->unreachable = false;
    h->n_label_fix = h->n_stubs = 0;
    h->zf_at = NULL;
    h->insn_eip = code->eip;
    code->n_restore = code->n_out = 0;
    memset(code->exits, 0, ir->n_exits * sizeof(code->exits[0]));
    regs_start(h);
    vec_start(h);
    for (unsigned i = 0; i < ir->n_ops && !h->too_complex && h->a.p < h->a.end - 1024; i++) {
        lower_op(h, &ir->ops[i]);
    }
    if (!h->too_complex) {
        stubs_emit(h);
    }
    *too_complex = h->too_complex;
    if (h->too_complex || h->a.p > h->a.end - 512 || code->n_out == TCG_MAX_OUT) {
        return false;
    }
    fix_labels(h);
    /* Calls come in order, slow paths after them: both already ascend. */
    qsort(code->restore, code->n_restore, sizeof(code->restore[0]), restore_compare);
    code->size = (size_t)(h->a.p - h->a.base);
    return true;
}

/* Rel32 of a jump or call to a thunk: the distance is known when the code has its place. */
static void out_rel32(Host *h, const uint8_t *thunk)
{
    TcgCode *c = h->code;

    if (c->n_out < TCG_MAX_OUT) {           /* else it is too big: tcg_backend_generate() */
        c->out[c->n_out++] = (TcgOut) {
            .code_off = (uint32_t)(h->a.p - h->a.base), .to = (uint32_t)(thunk - host_info.thunks_rw)
        };
    }
    a32(&h->a, 0);
}

void out_jmp(Host *h, const uint8_t *thunk)
{
    a8(&h->a, 0xe9);
    out_rel32(h, thunk);
}

void out_call(Host *h, const uint8_t *thunk)
{
    a8(&h->a, 0xe8);
    out_rel32(h, thunk);
}

void tcg_backend_place(TcgCode *code, uint8_t *rw, const uint8_t *rx)
{
    memcpy(rw, code->rw, code->size);
    for (unsigned i = 0; i < code->n_out; i++) {
        asm_fix(rw + code->out[i].code_off, host_info.thunks_rw + code->out[i].to);
    }
    code->rw = rw;
    code->rx = rx;
}

void tcg_backend_patch(uint8_t *patch_rw, const uint8_t *patch_rx, const void *target_rx)
{
    /* Aligned by construction: other threads see the old target or the new one. */
    __atomic_store_n((uint32_t *)(void *)patch_rw, (uint32_t)((const uint8_t *)target_rx - (patch_rx + 4)),
                     __ATOMIC_RELEASE);
}

uintptr_t tcg_backend_run(void *env, const void *code)
{
    uintptr_t (*enter)(void *, const void *) = (uintptr_t (*)(void *, const void *))(uintptr_t)host_info.enter_rx;

    return enter(env, code);
}

void tcg_backend_unwound(void *env)
{
    uint64_t *host_sp = (uint64_t *)((uint8_t *)env + host_info.layout.host_sp);

    if (*host_sp) {
        *(uint32_t *)((uint8_t *)env + host_info.layout.mxcsr_host) = _mm_getcsr();
        _mm_setcsr(HOST_MXCSR_DEFAULT);
        *host_sp = 0;
    }
}

void tcg_backend_disassemble(const TcgCode *code, FILE *f)
{
    disas_host(f, code->rw, (uintptr_t)code->rx, code->size);
}
