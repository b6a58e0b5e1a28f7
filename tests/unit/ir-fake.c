/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The fake CPU of the translator's tests: reference evaluator, comparison, shrinking. See ir-fake.h. */
#include "qemu/osdep.h"
#include "disas/disas.h"
#include "ir-fake.h"
#include <sys/mman.h>
#ifndef CONFIG_TCG_INTERPRETER
#include "x86_64/host.h"
#endif

#define CODE_SIZE    (4 * MiB)
#define COOKIE_BASE  0x10000u
#define COOKIE_STEP  16u

enum { EV_SLOW_LD = 1, EV_SLOW_ST, EV_SLOW_LDV, EV_SLOW_STV, EV_RMW, EV_CAS, EV_LOOKUP, EV_HELPER };

static FakeCpu *cpu_ref, *cpu_jit;
static IrContext *context, *work;
static uint8_t *code_rw, *code_rx, *mem_pattern;
static size_t thunk_size, landing_off, block_off;
static TcgCode landing_code, block_code;

/* ---- random numbers ---- */

uint64_t fake_random(uint64_t *seed)        /* xorshift64* */
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return *seed * 0x2545f4914f6cdd1dull;
}

const uint64_t fake_values[] = {
    0, 1, 2, 3, 7, 8, 31, 32, 63, 64, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000,
    0xffffffff,
    0x100000000, 0x123456789abcdef0, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffff80000000, 0xffffffff7fffffff,
    0xffffffffffffff80, 0xfffffffffffffffe, 0xffffffffffffffff, MEM_BASE, MEM_BASE + 0x1ffd,
};
const unsigned fake_n_values = ARRAY_SIZE(fake_values);

uint64_t fake_interesting(uint64_t *seed)
{
    uint64_t n = fake_random(seed) >> 32;

    switch (n % 4) {
    case 0: return fake_random(seed);
    case 1: return MEM_BASE + (n >> 8) % (MEM_SIZE + 64);
    default: return fake_values[(n >> 8) % fake_n_values];
    }
}

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0x9e3779b97f4a7c15ull;
    return h ^ h >> 29;
}

/* ---- what translated code calls ---- */

static uint64_t hash_globals(const FakeCpu *c)
{
    uint64_t h = 1;

    for (unsigned i = 0; i < N_R; i++) {
        h = mix(h, c->r[i]);
    }
    for (unsigned i = 0; i < N_CC; i++) {
        h = mix(h, c->cc[i]);
    }
    for (unsigned i = 0; i < N_W; i++) {
        h = mix(h, c->w[i]);
    }
    return h;
}

/* The guest instruction C code was called from. */
static uint64_t current_insn(const FakeCpu *c)
{
    if (!c->code) {
        return c->ref_insn;
    }
    for (unsigned i = 0; i < c->code->n_restore; i++) {
        if ((uintptr_t)c->code->rx + c->code->restore[i].code_off == c->jit.host_pc) {
            return c->code->eip + (uint64_t)(int64_t)c->code->restore[i].eip_delta;
        }
    }
    return ~0ull;
}

static FakeEvent *event(FakeCpu *c, unsigned what)
{
    FakeEvent *e = &c->events[MIN(c->n_events, LOG_MAX - 1u)];

    c->n_events++;
    *e = (FakeEvent) { .what = what };
    return e;
}

static FakeEvent *event_globals(FakeCpu *c, unsigned what)
{
    FakeEvent *e = event(c, what);

    e->globals = hash_globals(c);
    e->insn = current_insn(c);
    return e;
}

static void QEMU_NORETURN raise_fault(FakeCpu *c)
{
    siglongjmp(c->env, 1);
}

static void fill_tlb(FakeCpu *c, unsigned page, bool present)
{
    for (unsigned m = 0; m < JIT_NB_MMU; m++) {
        uint64_t addr = MEM_BASE + page * TARGET_PAGE_SIZE;
        TlbEntry *e = &c->jit.tlb[m][addr >> TARGET_PAGE_BITS & (JIT_TLB_SIZE - 1)];

        *e = (TlbEntry) { JIT_TLB_NEVER(addr), JIT_TLB_NEVER(addr), JIT_TLB_NEVER(addr), 0 };
        if (present) {
            e->read = addr;
            e->write = page == PAGE_WRITE_SLOW ? JIT_TLB_NEVER(addr) : addr;
            e->host = (uintptr_t)(c->mem + page * TARGET_PAGE_SIZE);
        }
    }
}

/* Byte by byte: memory where there is some, otherwise a device whose reads are made up. */
static uint64_t slow_byte(FakeCpu *c, uint64_t addr, bool write, uint8_t v)
{
    uint64_t off = addr - MEM_BASE;

    if (off >= MEM_SIZE) {
        return mix(addr, 77) & 0xff;
    }
    if (off / TARGET_PAGE_SIZE == PAGE_ABSENT) {
        fill_tlb(c, PAGE_ABSENT, true);
    }
    if (write) {
        c->mem[off] = v;
    }
    return c->mem[off];
}

static void check_fault(FakeCpu *c, uint64_t addr, uint32_t memop)
{
    for (unsigned i = 0; i < ir_mo_bytes((IrMemOp)memop) && c->faults; i++) {
        uint64_t off = addr + i - MEM_BASE;

        if (off < MEM_SIZE && off / TARGET_PAGE_SIZE == PAGE_FAULT) {
            raise_fault(c);
        }
    }
    if ((memop & IR_MO_ALIGN) && (addr & (ir_mo_bytes((IrMemOp)memop) - 1)) && c->faults) {
        raise_fault(c);
    }
}

static uint64_t widen(uint64_t v, uint32_t memop)
{
    unsigned shift = 64 - 8 * ir_mo_bytes((IrMemOp)memop & 3);

    return memop & IR_MO_SIGN ? (uint64_t)((int64_t)(v << shift) >> shift) : v << shift >> shift;
}

static uint64_t slow_load(FakeCpu *c, uint64_t addr, uint32_t memop)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < ir_mo_bytes((IrMemOp)memop); i++) {
        v |= slow_byte(c, addr + i, false, 0) << 8 * i;
    }
    return widen(v, memop);
}

static void slow_store(FakeCpu *c, uint64_t addr, uint32_t memop, uint64_t v)
{
    for (unsigned i = 0; i < ir_mo_bytes((IrMemOp)memop); i++) {
        slow_byte(c, addr + i, true, (uint8_t)(v >> 8 * i));
    }
}

static void slow_event(FakeCpu *c, unsigned what, uint64_t addr, uint32_t memop, uint64_t v)
{
    FakeEvent *e = event_globals(c, what);

    e->memop = memop;
    e->a[0] = addr;
    e->a[1] = v;
    check_fault(c, addr, memop);
}

static uint64_t fake_slow_ld(void *env, uint64_t addr, uint32_t memop)
{
    slow_event(env, EV_SLOW_LD, addr, memop, 0);
    return slow_load(env, addr, memop);
}

static void fake_slow_st(void *env, uint64_t addr, uint32_t memop, uint64_t v)
{
    /* only the bytes stored count */
    slow_event(env, EV_SLOW_ST, addr, memop, widen(v, memop & ~(uint32_t)IR_MO_SIGN));
    slow_store(env, addr, memop, v);
}

static void fake_slow_ldv(void *env, uint64_t addr, uint32_t memop, uint64_t off)
{
    unsigned size = ir_mo_bytes((IrMemOp)memop);
    uint8_t v[32] = { 0 };

    slow_event(env, EV_SLOW_LDV, addr, memop, off);
    for (unsigned i = 0; i < size; i++) {
        v[i] = (uint8_t)slow_byte(env, addr + i, false, 0);
    }
    memcpy((uint8_t *)env + off, v, memop & IR_MO_ZERO ? 32 : MAX(size, 16u));
}

static void fake_slow_stv(void *env, uint64_t addr, uint32_t memop, uint64_t off)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < ir_mo_bytes((IrMemOp)memop); i++) {
        sum = mix(sum, ((uint8_t *)env)[off + i]);
    }
    slow_event(env, EV_SLOW_STV, addr, memop, sum);
    for (unsigned i = 0; i < ir_mo_bytes((IrMemOp)memop); i++) {
        slow_byte(env, addr + i, true, ((uint8_t *)env)[off + i]);
    }
}

static uint64_t narrow(uint64_t v, uint32_t memop)
{
    return widen(v, memop & ~(uint32_t)IR_MO_SIGN);
}

/* NULL: the slow path it is. */
static uint8_t *ref_probe(FakeCpu *c, uint64_t addr, IrMemOp mo, bool write)
{
    const TlbEntry *e = &c->jit.tlb[ir_mo_mmu(mo)][addr >> TARGET_PAGE_BITS & (JIT_TLB_SIZE - 1)];
    uint64_t off = addr ^ (write || (mo & IR_MO_RMW) ? e->write : e->read);

    if (off > TARGET_PAGE_SIZE - ir_mo_bytes(mo) || ((mo & IR_MO_ALIGN) && (off & (ir_mo_bytes(mo) - 1)))) {
        return NULL;
    }
    return (uint8_t *)e->host + off;
}

/* A back end may do what the TLB allows itself or call: only what it must call for is an event. */
static void atomic_event(FakeCpu *c, unsigned what, uint64_t addr, uint32_t memop, uint64_t v)
{
    if (!ref_probe(c, addr, (IrMemOp)(memop & 0xffff), true)) {
        slow_event(c, what, addr, memop, v);
    }
}

static uint64_t fake_rmw(void *env, uint64_t addr, uint64_t val, uint64_t memop_rmw)
{
    uint32_t mo = memop_rmw & 0xffff;
    uint64_t old, new;

    val = narrow(val, mo);
    atomic_event(env, EV_RMW, addr, (uint32_t)memop_rmw, val);
    old = slow_load(env, addr, mo);
    switch ((IrRmw)(memop_rmw >> 16)) {
    case IR_RMW_XCHG: new = val; break;
    case IR_RMW_ADD: new = old + val; break;
    case IR_RMW_AND: new = old & val; break;
    case IR_RMW_OR: new = old | val; break;
    case IR_RMW_XOR: new = old ^ val; break;
    default: g_assert_not_reached();
    }
    slow_store(env, addr, mo, new);
    return old;
}

static uint64_t fake_cas(void *env, uint64_t addr, uint64_t expected, uint64_t val, uint64_t memop)
{
    uint64_t old;

    atomic_event(env, EV_CAS, addr, (uint32_t)memop,
                 mix(narrow(expected, (uint32_t)memop), narrow(val, (uint32_t)memop)));
    old = slow_load(env, addr, (uint32_t)memop);
    if (narrow(old, (uint32_t)memop) == narrow(expected, (uint32_t)memop)) {
        slow_store(env, addr, (uint32_t)memop, val);
    }
    return old;
}

static const void *fake_lookup(void *env)
{
    FakeCpu *c = env;

    event(c, EV_LOOKUP)->a[0] = c->eip;
    return c->lookup_finds && !c->jit.exit_request ? code_rx + landing_off : NULL;
}

/* ---- helpers: each leaves a trail of its arguments; results are hashes of them ---- */

static uint64_t h_pure0(void *env) { return 0x1122334455667788; }
static uint32_t h_pure1(void *env, uint32_t a) { return a * 3 + 1; }
static uint64_t h_pure2(void *env, uint64_t a, uint32_t b) { return mix(a, b); }
static uint64_t h_pure5(void *env, uint64_t a, uint64_t b, uint32_t c, uint64_t d, uint32_t e)
{
    return mix(mix(mix(mix(a, b), c), d), e);
}
static uint64_t h_reads_silent(void *env, uint64_t a) { return mix(hash_globals(env), a); }

static void trail(FakeCpu *c, unsigned id, uint64_t a, uint64_t b, uint64_t x, uint64_t y, uint64_t z)
{
    FakeEvent *e = event_globals(c, EV_HELPER + id);

    memcpy(e->a, (uint64_t[]) { a, b, x, y, z }, sizeof(e->a));
}

static void h_reads0(void *env) { trail(env, 0, 0, 0, 0, 0, 0); }
static uint32_t h_reads3(void *env, uint64_t a, uint64_t b, uint32_t c)
{
    trail(env, 1, a, b, c, 0, 0);
    return (uint32_t)mix(a + c, b);
}

static uint64_t h_reads4(void *env, uint32_t a, uint32_t b, uint32_t c, uint64_t d)
{
    trail(env, 2, a, b, c, d, 0);
    return mix(mix(a, b), mix(c, d));
}

static void change_globals(FakeCpu *c, uint64_t h)
{
    c->r[h % N_R] = h;
    c->r[(h >> 8) % N_R] ^= h >> 3;
    c->cc[(h >> 16) % N_CC] += h >> 5;
    c->w[(h >> 24) % N_W] ^= (uint32_t)(h >> 7);
}

static uint64_t h_writes2(void *env, uint64_t a, uint32_t b)
{
    trail(env, 3, a, b, 0, 0, 0);
    change_globals(env, mix(a, b));
    return a - b;
}

static void h_writes5(void *env, uint32_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
    trail(env, 4, a, b, c, d, e);
    change_globals(env, mix(mix(mix(mix(a, b), c), d), e));
}

static uint32_t h_raises1(void *env, uint64_t a)
{
    trail(env, 5, a, 0, 0, 0, 0);
    if (((FakeCpu *)env)->faults && mix(a, 5) % 8 == 0) {
        raise_fault(env);
    }
    return (uint32_t)a ^ 0x5a5a5a5a;
}

static uint64_t h_raises_writes2(void *env, uint64_t a, uint64_t b)
{
    trail(env, 6, a, b, 0, 0, 0);
    change_globals(env, a + b);
    if (((FakeCpu *)env)->faults && mix(a, b) % 8 == 0) {
        raise_fault(env);
    }
    return mix(b, a);
}

static void h_noreturn1(void *env, uint32_t a)
{
    trail(env, 7, a, 0, 0, 0, 0);
    raise_fault(env);
}

const IrHelper fake_helpers[] = {
    { "pure0", (void *)h_pure0, 0, IR_I64, IR_CALL_PURE },
    { "pure1", (void *)h_pure1, 1, IR_I32, IR_CALL_PURE },
    { "pure2", (void *)h_pure2, 2, IR_I64, IR_CALL_PURE },
    { "pure5", (void *)h_pure5, 5, IR_I64, IR_CALL_PURE | IR_CALL_NO_SIDE },
    { "reads_silent", (void *)h_reads_silent, 1, IR_I64, IR_CALL_READS | IR_CALL_NO_SIDE },
    { "reads0", (void *)h_reads0, 0, -1, IR_CALL_READS },
    { "reads3", (void *)h_reads3, 3, IR_I32, IR_CALL_READS },
    { "reads4", (void *)h_reads4, 4, IR_I64, IR_CALL_READS },
    { "writes2", (void *)h_writes2, 2, IR_I64, IR_CALL_WRITES },
    { "writes5", (void *)h_writes5, 5, -1, IR_CALL_WRITES },
    { "raises1", (void *)h_raises1, 1, IR_I32, IR_CALL_RAISES },
    { "raises_writes2", (void *)h_raises_writes2, 2, IR_I64, IR_CALL_RAISES | IR_CALL_WRITES },
    { "noreturn1", (void *)h_noreturn1, 1, -1, IR_CALL_RAISES | IR_CALL_NORETURN },
};
const char *const fake_helper_types[] = { "", "3", "63", "66363", "6", "", "663", "3336", "63", "36666", "6", "66",
                                          "3" };
const unsigned fake_n_helpers = ARRAY_SIZE(fake_helpers);
_Static_assert(ARRAY_SIZE(fake_helper_types) == ARRAY_SIZE(fake_helpers), "a row each");

/* ---- vector operations: integer ones, whose C form has no rounding to argue about ---- */

static void v_paddd(void *env, void *dst, const void *src, uint32_t imm)
{
    uint32_t d[4], s[4];

    memcpy(d, dst, 16);
    memcpy(s, src, 16);
    for (unsigned i = 0; i < 4; i++) {
        d[i] += s[i];
    }
    memcpy(dst, d, 16);
}

static void v_pshufd(void *env, void *dst, const void *src, uint32_t imm)
{
    uint32_t d[4], s[4];

    memcpy(s, src, 16);
    for (unsigned i = 0; i < 4; i++) {
        d[i] = s[imm >> 2 * i & 3];
    }
    memcpy(dst, d, 16);
}

static void v_pshufb(void *env, void *dst, const void *src, uint32_t imm)
{
    uint8_t d[16], s[16], r[16];

    memcpy(d, dst, 16);
    memcpy(s, src, 16);
    for (unsigned i = 0; i < 16; i++) {
        r[i] = s[i] & 0x80 ? 0 : d[s[i] & 15];
    }
    memcpy(dst, r, 16);
}

static void v_palignr(void *env, void *dst, const void *src, uint32_t imm)
{
    uint8_t both[48] = { 0 };

    memcpy(both, src, 16);
    memcpy(both + 16, dst, 16);
    memcpy(dst, both + MIN(imm, 32u), 16);
}

static void v_movss(void *env, void *dst, const void *src, uint32_t imm) { memmove(dst, src, 4); }
static void v_movsd(void *env, void *dst, const void *src, uint32_t imm) { memmove(dst, src, 8); }

static void v_movq(void *env, void *dst, const void *src, uint32_t imm)
{
    memcpy(dst, src, 8);
    memset((uint8_t *)dst + 8, 0, 8);
}

/* From here on: dst = op(a, b[, c]). */
static void v_perm2x128(void *env, const IrVexArgs *x)
{
    for (unsigned i = 0; i < 2; i++) {
        unsigned sel = x->imm >> (4 * i) & 15;

        if (!(sel & 8)) {
            memcpy((uint8_t *)x->dst + 16 * i, (const uint8_t *)(sel & 2 ? x->b : x->a) + 16 * (sel & 1), 16);
        }
    }
}

static void v_blendvb(void *env, const IrVexArgs *x)
{
    for (unsigned i = 0; i < x->len; i++) {
        ((uint8_t *)x->dst)[i] = ((const uint8_t *)(((const int8_t *)x->c)[i] < 0 ? x->b : x->a))[i];
    }
}

static void v_widen_bytes(void *env, const IrVexArgs *x)
{
    for (unsigned i = 0; i < x->len / 2; i++) {
        ((uint8_t *)x->dst)[2 * i] = ((const uint8_t *)x->b)[i];
    }
}

static void v_upper(void *env, const IrVexArgs *x)
{
    memcpy(x->dst, (const uint8_t *)x->b + 16 * (x->imm & 1), 16);
}

/* Reads the old destination, as FMA does. */
static void v_select(void *env, const IrVexArgs *x)
{
    for (unsigned i = 0; i < x->len / 4; i++) {
        uint32_t d, a, b;

        memcpy(&d, (const uint8_t *)x->c + 4 * i, 4);
        memcpy(&a, (const uint8_t *)x->a + 4 * i, 4);
        memcpy(&b, (const uint8_t *)x->b + 4 * i, 4);
        d = (d & ~a) | (b & a);
        memcpy((uint8_t *)x->dst + 4 * i, &d, 4);
    }
}

static uint64_t v_get_q(void *env, const void *a, const void *b, unsigned len, uint32_t imm)
{
    uint64_t v;

    memcpy(&v, b, 8);
    return v;
}

static uint64_t v_get_w(void *env, const void *a, const void *b, unsigned len, uint32_t imm)
{
    uint16_t v;

    memcpy(&v, (const uint8_t *)b + 2 * (imm & 7), 2);
    return v;
}

static uint64_t v_movmskb(void *env, const void *a, const void *b, unsigned len, uint32_t imm)
{
    uint32_t v = 0;

    for (unsigned i = 0; i < len; i++) {
        v |= (uint32_t)(((const int8_t *)b)[i] < 0) << i;
    }
    return v;
}

static uint64_t v_test(void *env, const void *a, const void *b, unsigned len, uint32_t imm)
{
    unsigned and = 0, andn = 0;

    for (unsigned i = 0; i < len; i++) {
        and |= ((const uint8_t *)a)[i] & ((const uint8_t *)b)[i];
        andn |= ~((const uint8_t *)a)[i] & ((const uint8_t *)b)[i];
    }
    return (and ? 0 : 0x40) | (andn ? 0 : 1);
}

static void v_put_q(void *env, void *dst, uint64_t v, uint32_t imm)
{
    memset(dst, 0, 16);
    memcpy(dst, &v, 8);
}

static void v_put_d(void *env, void *dst, uint64_t v, uint32_t imm)
{
    memset(dst, 0, 16);
    memcpy(dst, &v, 4);
}

static void v_insert_w(void *env, void *dst, uint64_t v, uint32_t imm)
{
    memcpy((uint8_t *)dst + 2 * (imm & 7), &v, 2);
}

const IrVecOp fake_vec_ops[] = {
    { .name = "paddd", .prefix = 0x66, .map = 1, .opcode = 0xfe, .src_bytes = 16, .dst_bytes = 16,
      .host_feature = IR_VEC_SSE2, .fn = v_paddd },
    { .name = "pshufd", .prefix = 0x66, .map = 1, .opcode = 0x70, .src_bytes = 16, .dst_bytes = 16,
      .has_imm = true, .dst_unread = true,
      .host_feature = IR_VEC_SSE2, .fn = v_pshufd },
    { .name = "pshufb", .prefix = 0x66, .map = 2, .opcode = 0x00, .src_bytes = 16, .dst_bytes = 16,
      .host_feature = IR_VEC_SSSE3, .fn = v_pshufb },
    { .name = "palignr", .prefix = 0x66, .map = 3, .opcode = 0x0f, .src_bytes = 16, .dst_bytes = 16, .has_imm = true,
      .host_feature = IR_VEC_SSSE3, .fn = v_palignr },
    { .name = "movss", .prefix = 0xf3, .map = 1, .opcode = 0x10, .src_bytes = 4, .dst_bytes = 4,
      .host_feature = IR_VEC_SSE2, .fn = v_movss },
    { .name = "movsd", .prefix = 0xf2, .map = 1, .opcode = 0x10, .src_bytes = 8, .dst_bytes = 8,
      .host_feature = IR_VEC_SSE2, .fn = v_movsd },
    { .name = "movsd16", .prefix = 0xf2, .map = 1, .opcode = 0x10, .src_bytes = 8, .dst_bytes = 16,
      .host_feature = IR_VEC_SSE2, .fn = v_movsd },
    { .name = "movq", .prefix = 0xf3, .map = 1, .opcode = 0x7e, .src_bytes = 8, .dst_bytes = 16, .dst_unread = true,
      .host_feature = IR_VEC_SSE2, .fn = v_movq },
    { .name = "paddd_fn", .prefix = 0x66, .map = 1, .opcode = 0xfe, .src_bytes = 16, .dst_bytes = 16,
      .host_feature = IR_VEC_FN_ONLY, .fn = v_paddd },
    { .name = "pshufd_fn", .prefix = 0x66, .map = 1, .opcode = 0x70, .src_bytes = 16, .dst_bytes = 16,
      .has_imm = true, .dst_unread = true,
      .host_feature = IR_VEC_FN_ONLY, .fn = v_pshufd },
};
#define AVX_BOTH                                                                                       \
    .host_feature = IR_VEC_AVX, .host_feature256 = IR_VEC_AVX2, .src_bytes = 16, .src_bytes256 = 32, .dst_bytes = 16
const IrVecOp fake_vex_ops[] = {
    { .name = "vpaddd", .prefix = 0x66, .map = 1, .opcode = 0xfe, AVX_BOTH, .fn = v_paddd },
    { .name = "vpshufd", .prefix = 0x66, .map = 1, .opcode = 0x70,
      AVX_BOTH, .has_imm = true, .dst_unread = true, .fn = v_pshufd },
    { .name = "vpshufb", .prefix = 0x66, .map = 2, .opcode = 0x00, AVX_BOTH, .fn = v_pshufb },
    { .name = "vpblendvb", .prefix = 0x66, .map = 3, .opcode = 0x4c,
      AVX_BOTH, .reads_c = true, .c_in_imm = true, .vex = v_blendvb },
    { .name = "vpmovzxbw", .prefix = 0x66, .map = 2, .opcode = 0x30,
      .host_feature = IR_VEC_AVX, .host_feature256 = IR_VEC_AVX2,
      .src_bytes = 8, .src_bytes256 = 16, .dst_unread = true, .vex = v_widen_bytes },
    { .name = "vpaddd_fn", .prefix = 0x66, .map = 1, .opcode = 0xfe, .host_feature = IR_VEC_FN_ONLY,
      .host_feature256 = IR_VEC_FN_ONLY, .fn = v_paddd },
    { .name = "select_fn", .prefix = 0x66, .map = 1, .opcode = 0xfe, .host_feature = IR_VEC_FN_ONLY,
      .host_feature256 = IR_VEC_FN_ONLY, .reads_c = true, .vex = v_select },
    /* 32 bytes only */
    { .name = "vperm2i128", .prefix = 0x66, .map = 3, .opcode = 0x46, AVX_BOTH, .has_imm = true, .vex = v_perm2x128 },
    { .name = "vextracti128", .prefix = 0x66, .map = 3, .opcode = 0x39, AVX_BOTH, .has_imm = true, .dst_unread = true,
      .reg_is_src = true, .vex = v_upper },
};
const unsigned fake_n_vex_ops = ARRAY_SIZE(fake_vex_ops), fake_first_vex256 = ARRAY_SIZE(fake_vex_ops) - 2;
/* Results: I64, then I32. */
const IrVecOp fake_vget_ops[] = {
    { .name = "movq", .prefix = 0x66, .map = 1, .opcode = 0x7e, .w = true, .reg_is_src = true, .src_bytes = 8,
      .host_feature = IR_VEC_SSE2, .get = v_get_q },
    { .name = "pextrw", .prefix = 0x66, .map = 1, .opcode = 0xc5, .src_bytes = 16, .has_imm = true,
      .host_feature = IR_VEC_SSE2, .get = v_get_w },
    { .name = "pmovmskb", .prefix = 0x66, .map = 1, .opcode = 0xd7, .src_bytes = 16, .src_bytes256 = 32,
      .host_feature = IR_VEC_SSE2, .host_feature256 = IR_VEC_AVX2, .get = v_movmskb },
    { .name = "ptest", .prefix = 0x66, .map = 2, .opcode = 0x17, .src_bytes = 16, .src_bytes256 = 32, .is_flags = true,
      .host_feature = IR_VEC_SSE41, .host_feature256 = IR_VEC_AVX, .get = v_test },
    { .name = "pextrw_fn", .host_feature = IR_VEC_FN_ONLY, .get = v_get_w },
};
const unsigned fake_n_vget_ops = ARRAY_SIZE(fake_vget_ops);
/* Values: I64, then I32. */
const IrVecOp fake_vput_ops[] = {
    { .name = "movq", .prefix = 0x66, .map = 1, .opcode = 0x6e, .w = true, .dst_unread = true,
      .host_feature = IR_VEC_SSE2,
      .put = v_put_q },
    { .name = "movd", .prefix = 0x66, .map = 1, .opcode = 0x6e, .dst_unread = true,
      .host_feature = IR_VEC_SSE2, .put = v_put_d },
    { .name = "pinsrw", .prefix = 0x66, .map = 1, .opcode = 0xc4, .has_imm = true,
      .host_feature = IR_VEC_SSE2, .put = v_insert_w },
    { .name = "pinsrw_fn", .host_feature = IR_VEC_FN_ONLY, .put = v_insert_w },
};
const unsigned fake_n_vput_ops = ARRAY_SIZE(fake_vput_ops);
const unsigned fake_n_vec_ops = ARRAY_SIZE(fake_vec_ops);

/* ---- the reference ---- */

static uint64_t mask_of(unsigned type)
{
    return type == IR_I32 ? 0xffffffffull : ~0ull;
}

static int64_t signed_of(unsigned type, uint64_t v)
{
    return type == IR_I32 ? (int32_t)v : (int64_t)v;
}

static bool holds(unsigned cond, unsigned type, uint64_t a, uint64_t b)
{
    int64_t sa = signed_of(type, a), sb = signed_of(type, b);
    bool invert = cond & 1;

    a &= mask_of(type);
    b &= mask_of(type);
    switch (cond & ~1u) {
    case IR_EQ: return (a == b) ^ invert;
    case IR_LT: return (sa < sb) ^ invert;
    case IR_LE: return (sa <= sb) ^ invert;
    case IR_LTU: return (a < b) ^ invert;
    case IR_LEU: return (a <= b) ^ invert;
    case IR_TSTEQ: return ((a & b) == 0) ^ invert;
    }
    g_assert_not_reached();
}

static unsigned count_leading(uint64_t v, unsigned width)
{
    unsigned n = 0;

    while (n < width && !(v >> (width - 1 - n) & 1)) {
        n++;
    }
    return n;
}

static unsigned count_trailing(uint64_t v, unsigned width)
{
    unsigned n = 0;

    while (n < width && !(v >> n & 1)) {
        n++;
    }
    return n;
}

static uint64_t bits_of(const IrOp *op)         /* a field's mask, at bit 0 */
{
    unsigned len = op->c[0] >> 8;

    return len == 64 ? ~0ull : (1ull << len) - 1;
}

static uint64_t eval_widen(unsigned kind, uint64_t v)
{
    unsigned shift = kind <= IR_S8 ? 56 : kind <= IR_S16 ? 48 : 32;

    return kind & 1 ? (uint64_t)((int64_t)(v << shift) >> shift) : v << shift >> shift;
}

uint64_t fake_eval(const IrOp *op, const uint64_t *in, uint64_t *hi)
{
    unsigned width = op->type == IR_I32 ? 32 : 64, pos = op->c[0] & 0xff;
    uint64_t m = mask_of(op->type), a = in[0] & m, b = in[1] & m, r = 0;
    unsigned n = (unsigned)(b % width);

    switch (op->opc) {
    case IRO_mov: case IRO_trunc: r = a; break;
    case IRO_add: r = a + b; break;
    case IRO_sub: r = a - b; break;
    case IRO_and: r = a & b; break;
    case IRO_or: r = a | b; break;
    case IRO_xor: r = a ^ b; break;
    case IRO_andc: r = a & ~b; break;
    case IRO_mul: r = a * b; break;
    case IRO_neg: r = 0 - a; break;
    case IRO_not: r = ~a; break;
    case IRO_shl: r = a << n; break;
    case IRO_shr: r = a >> n; break;
    case IRO_sar: r = (uint64_t)(signed_of(op->type, a) >> n); break;
    case IRO_rotl: r = a << n | (n ? a >> (width - n) : 0); break;
    case IRO_rotr: r = a >> n | (n ? a << (width - n) : 0); break;
    case IRO_mulu2: {
        unsigned __int128 p = (unsigned __int128)a * b;
        r = (uint64_t)p;
        *hi = (uint64_t)(p >> width) & m;
        break;
    }
    case IRO_muls2: {
        __int128 p = (__int128)signed_of(op->type, a) * signed_of(op->type, b);
        r = (uint64_t)p;
        *hi = (uint64_t)(p >> width) & m;
        break;
    }
    case IRO_clz: r = count_leading(a, width); break;
    case IRO_ctz: r = count_trailing(a, width); break;
    case IRO_popcnt:
        for (unsigned i = 0; i < width; i++) {
            r += a >> i & 1;
        }
        break;
    case IRO_bswap:
        for (unsigned i = 0; i < width; i += 8) {
            r |= (a >> i & 0xff) << (width - 8 - i);
        }
        break;
    case IRO_ext: r = eval_widen((unsigned)op->c[0], in[0]); break;
    case IRO_deposit: r = (a & ~(bits_of(op) << pos)) | (b & bits_of(op)) << pos; break;
    case IRO_extract: r = a >> pos & bits_of(op); break;
    case IRO_sextract:
        r = a >> pos & bits_of(op);
        r |= r & (bits_of(op) ^ bits_of(op) >> 1) ? ~bits_of(op) : 0;
        break;
    case IRO_setcond: r = holds(op->cond, op->ctype, in[0], in[1]); break;
    case IRO_movcond: r = holds(op->cond, op->ctype, in[0], in[1]) ? in[2] : in[3]; break;
    default: g_assert_not_reached();
    }
    return r & m;
}

static uint64_t val[IR_MAX_TEMPS];

static uint64_t get(const IrContext *ir, const FakeCpu *c, IrTemp t)
{
    const IrTempInfo *ti = &ir->temps[t];
    uint64_t v;

    if (ti->kind == IRT_GLOBAL) {
        memcpy(&v, (const uint8_t *)c + ti->off, 8);
    } else {
        v = ti->kind == IRT_CONST ? (uint64_t)ti->val : val[t];
    }
    return v & mask_of(ti->type);
}

static void set(const IrContext *ir, FakeCpu *c, IrTemp t, uint64_t v)
{
    const IrTempInfo *ti = &ir->temps[t];

    if (ti->kind != IRT_GLOBAL) {
        val[t] = v;
    } else {
        memcpy((uint8_t *)c + ti->off, &v, ti->type == IR_I32 ? 4 : 8);
    }
}

static void ref_memory(const IrContext *ir, FakeCpu *c, const IrOp *op)
{
    IrMemOp mo = (IrMemOp)op->c[0];
    bool write = op->opc == IRO_gst || op->opc == IRO_gstv;
    uint64_t addr = get(ir, c, op->arg[op->nout]), v = 0;
    uint8_t *host = ref_probe(c, addr, mo, write);

    switch (op->opc) {
    case IRO_gld:
        if (host) {
            memcpy(&v, host, ir_mo_bytes(mo));
            v = widen(v, mo);
        } else {
            v = fake_slow_ld(c, addr, mo);
        }
        set(ir, c, op->arg[0], v & mask_of(op->type));
        break;
    case IRO_gst:
        v = get(ir, c, op->arg[1]);
        if (host) {
            memcpy(host, &v, ir_mo_bytes(mo));
        } else {
            fake_slow_st(c, addr, mo, v);
        }
        break;
    case IRO_gldv:
        if (host) {
            uint8_t vec[32] = { 0 };

            memcpy(vec, host, ir_mo_bytes(mo));
            memcpy((uint8_t *)c + op->c[1], vec, mo & IR_MO_ZERO ? 32 : MAX(ir_mo_bytes(mo), 16u));
        } else {
            fake_slow_ldv(c, addr, mo, op->c[1]);
        }
        break;
    case IRO_gstv:
        if (host) {
            memcpy(host, (uint8_t *)c + op->c[1], ir_mo_bytes(mo));
        } else {
            fake_slow_stv(c, addr, mo, op->c[1]);
        }
        break;
    case IRO_atomic_rmw:
        v = fake_rmw(c, addr, get(ir, c, op->arg[2]), (op->c[0] & 0xffffffff) | op->c[0] >> 32 << 16);
        set(ir, c, op->arg[0], v & mask_of(op->type));
        break;
    case IRO_atomic_cas:
        v = fake_cas(c, addr, get(ir, c, op->arg[2]), get(ir, c, op->arg[3]), op->c[0]);
        set(ir, c, op->arg[0], v & mask_of(op->type));
        break;
    }
}

/* Each helper by its exact type. */
static uint64_t ref_helper(FakeCpu *c, const IrHelper *h, const uint64_t *a)
{
    if (h->fn == (void *)h_pure0) { return h_pure0(c); }
    if (h->fn == (void *)h_pure1) { return h_pure1(c, (uint32_t)a[0]); }
    if (h->fn == (void *)h_pure2) { return h_pure2(c, a[0], (uint32_t)a[1]); }
    if (h->fn == (void *)h_pure5) { return h_pure5(c, a[0], a[1], (uint32_t)a[2], a[3], (uint32_t)a[4]); }
    if (h->fn == (void *)h_reads_silent) { return h_reads_silent(c, a[0]); }
    if (h->fn == (void *)h_reads0) { h_reads0(c); return 0; }
    if (h->fn == (void *)h_reads3) { return h_reads3(c, a[0], a[1], (uint32_t)a[2]); }
    if (h->fn == (void *)h_reads4) { return h_reads4(c, (uint32_t)a[0], (uint32_t)a[1], (uint32_t)a[2], a[3]); }
    if (h->fn == (void *)h_writes2) { return h_writes2(c, a[0], (uint32_t)a[1]); }
    if (h->fn == (void *)h_writes5) { h_writes5(c, (uint32_t)a[0], a[1], a[2], a[3], a[4]); return 0; }
    if (h->fn == (void *)h_raises1) { return h_raises1(c, a[0]); }
    if (h->fn == (void *)h_raises_writes2) { return h_raises_writes2(c, a[0], a[1]); }
    if (h->fn == (void *)h_noreturn1) { h_noreturn1(c, (uint32_t)a[0]); }
    g_assert_not_reached();
}

static void ref_call(const IrContext *ir, FakeCpu *c, const IrOp *op)
{
    uint64_t in[IR_MAX_ARGS] = { 0 }, v;

    for (unsigned i = 0; i < op->nin; i++) {
        in[i] = get(ir, c, op->arg[op->nout + i]);
    }
    v = ref_helper(c, ir_op_helper(op), in);
    if (op->nout) {
        set(ir, c, op->arg[0], v & mask_of(op->type));
    }
}

static void ref_state_access(const IrContext *ir, FakeCpu *c, const IrOp *op)
{
    uint8_t *p = (uint8_t *)c + op->c[0];
    uint64_t v = 0;

    if (op->opc == IRO_ld) {
        memcpy(&v, p, ir_mo_bytes(op->c[1] & 3));
        set(ir, c, op->arg[0], widen(v, (uint32_t)op->c[1]) & mask_of(op->type));
    } else {
        v = get(ir, c, op->arg[0]);
        memcpy(p, &v, ir_mo_bytes(op->c[1] & 3));
    }
}

static unsigned label_index(const IrContext *ir, unsigned from, unsigned label)
{
    for (unsigned i = from; i < ir->n_ops; i++) {
        if (ir->ops[i].opc == IRO_label && ir->ops[i].slot == label) {
            return i;
        }
    }
    g_assert_not_reached();
}

/* A jump through the cache, to the landing block on a hit or when the look-up finds it. */
static Outcome ref_jump(FakeCpu *c, uint64_t eip, uint64_t dead, bool test_request, bool hit)
{
    Outcome out = { .kind = OUT_LOOP, .eip = eip, .dead = dead };

    if ((test_request && c->jit.exit_request) || c->leave) {
        return out;
    }
    if (!hit) {
        c->eip = eip;
        if (!fake_lookup(c)) {
            return out;
        }
    }
    out.eip = LANDING_EIP;
    c->r[3] += 0x1234;
    c->cc[1] ^= 0x55;
    return out;
}

static bool ref_jc_hit(const FakeCpu *c, uint64_t eip)
{
    const JumpCacheEntry *e = &c->jit.jc[(eip >> 12 ^ eip) & (JIT_JC_SIZE - 1)];

    return e->eip == eip && e->mode_key == c->jit.mode_key;
}

static Outcome ref_chain(FakeCpu *c, const IrOp *op, bool patched)
{
    bool loop = op->pos & IR_EXIT_LOOP;

    if ((op->pos & IR_EXIT_CROSS) || c->leave) {
        return ref_jump(c, op->c[0], op->c[1], loop, ref_jc_hit(c, op->c[0]));
    }
    if (patched) {
        return ref_jump(c, op->c[0], op->c[1], loop, true);
    }
    if (loop && c->jit.exit_request) {
        return (Outcome) { .kind = OUT_LOOP, .eip = op->c[0], .dead = op->c[1] };
    }
    return (Outcome) { .kind = OUT_EXIT, .exit = op->slot, .eip = op->c[0], .dead = op->c[1] };
}

/* A patched exit to the block's own start. */
static bool ref_runs_again(const FakeCpu *c, const IrOp *op, bool patched)
{
    return patched && !c->leave && op->c[0] == BLOCK_EIP && !(op->pos & IR_EXIT_CROSS) && !c->jit.exit_request;
}

static Outcome ref_run(const IrContext *ir, FakeCpu *c, bool patched, const uint64_t *stop_at)
{
    uint64_t hi = 0;
    unsigned rounds = 0;

    c->ref_insn = BLOCK_EIP;
    for (unsigned i = 0; i < ir->n_ops; i++) {
        const IrOp *op = &ir->ops[i];
        const IrVecOp *v = (const IrVecOp *)(uintptr_t)op->c[0];
        uint64_t in[IR_MAX_ARGS] = { 0 };

        for (unsigned k = 0; k < op->nin && !ir_op_is_call(op); k++) {
            in[k] = get(ir, c, op->arg[op->nout + k]);
        }
        switch (op->opc) {
        case IRO_insn_start:
            if (stop_at && *stop_at == op->c[0] && c->loops == cpu_jit->loops) {
                return (Outcome) { .kind = OUT_EXIT, .eip = op->c[0] };
            }
            c->ref_insn = op->c[0];
            break;
        case IRO_label: case IRO_fence: break;
        case IRO_br: i = label_index(ir, i, op->slot); break;
        case IRO_brcond:
            if (holds(op->cond, op->ctype, in[0], in[1])) {
                i = label_index(ir, i, op->slot);
            }
            break;
        case IRO_ld: case IRO_st: ref_state_access(ir, c, op); break;
        case IRO_gld: case IRO_gst: case IRO_gldv: case IRO_gstv: case IRO_atomic_rmw: case IRO_atomic_cas:
            ref_memory(ir, c, op);
            break;
        case IRO_vec: v->fn(c, (uint8_t *)c + (uint32_t)op->c[1], (uint8_t *)c + (op->c[1] >> 32), op->pos); break;
        case IRO_vex: ir_vex_run(c, v, op->c[1], op->c[2], op->pos | (uint32_t)op->slot << 8); break;
        case IRO_vget:
            set(ir, c, op->arg[0], ir_vget_run(c, v, op->c[1], op->pos | (uint32_t)op->slot << 8) & mask_of(op->type));
            break;
        case IRO_vzup:
            for (unsigned k = 0; k < op->pos; k++) {
                memset(c->xmm[k] + 16, 0, 16);
            }
            break;
        case IRO_vput: ir_vput_run(c, v, op->c[1], in[0], op->pos | (uint32_t)op->slot << 8); break;
        case IRO_call: ref_call(ir, c, op); break;
        case IRO_exit_chain:
            if (ref_runs_again(c, op, patched) && ++rounds < 16) {
                i = ~0u;
                break;
            }
            return rounds == 16 ? (Outcome) { .kind = OUT_ENDLESS } : ref_chain(c, op, patched);
        case IRO_exit_chain_if:
            if (holds(op->cond, op->ctype, in[0], in[1])) {
                if (ref_runs_again(c, op, patched) && ++rounds < 16) {
                    i = ~0u;
                    break;
                }
                return rounds == 16 ? (Outcome) { .kind = OUT_ENDLESS } : ref_chain(c, op, patched);
            }
            break;
        case IRO_exit_jump:     /* with an exit request it is the look-up that says no */
            return ref_jump(c, in[0], op->c[1], false, !c->jit.exit_request && ref_jc_hit(c, in[0]));
        case IRO_exit_loop:
            if (op->pos && !c->jit.exit_request && !c->interrupt_request) {
                return ref_jump(c, c->eip, 0, false, ref_jc_hit(c, c->eip));
            }
            return (Outcome) { .kind = OUT_LOOP, .eip = c->eip };
        case IRO_exit_loop_at: return (Outcome) { .kind = OUT_LOOP, .eip = op->c[0] };
        default: {
            uint64_t r = fake_eval(op, in, &hi);

            set(ir, c, op->arg[0], r);
            if (op->nout == 2) {
                set(ir, c, op->arg[1], hi);
            }
            break;
        }
        }
    }
    g_assert_not_reached();     /* the list does not end with an exit */
}

/* ---- set-up ---- */

static bool generate(IrContext *ir, TcgCode *code, size_t off, bool leave)
{
    bool too_complex = false;

    static uint8_t space[CODE_SIZE] QEMU_ALIGNED(TCG_CODE_ALIGN);

    *code = (TcgCode) {
        .rw = space, .capacity = CODE_SIZE - off, .eip = BLOCK_EIP, .cookies = COOKIE_BASE,
        .cookie_stride = COOKIE_STEP, .leave = leave,
    };
    if (!tcg_backend_generate(ir, code, &too_complex)) {
        return false;
    }
    tcg_backend_place(code, code_rw + off, code_rx + off);
    return true;
}

static void init_once(void)
{
    static const TcgEnvLayout layout = {
        .eip = offsetof(FakeCpu, eip), .exit_request = offsetof(FakeCpu, jit.exit_request),
        .interrupt_request = offsetof(FakeCpu, interrupt_request),
        .mxcsr_host = offsetof(FakeCpu, jit.mxcsr_host), .mode_key = offsetof(FakeCpu, jit.mode_key),
        .host_pc = offsetof(FakeCpu, jit.host_pc), .host_sp = offsetof(FakeCpu, jit.host_sp),
        .args = offsetof(FakeCpu, jit.args),
        .jc = offsetof(FakeCpu, jit.jc), .vec = offsetof(FakeCpu, xmm), .n_vec = FAKE_N_VEC, .n_vec_temps = 1,
        .tlb = { offsetof(FakeCpu, jit.tlb[0]), offsetof(FakeCpu, jit.tlb[1]), offsetof(FakeCpu, jit.tlb[2]) },
        .slow_ld = fake_slow_ld, .slow_st = fake_slow_st, .slow_ldv = fake_slow_ldv, .slow_stv = fake_slow_stv,
        .atomic_rmw = fake_rmw, .atomic_cas = fake_cas, .lookup = fake_lookup,
    };
    static char names[N_GLOBALS][8];
    int fd = memfd_create("test-ir", 0);
    uint64_t seed = 4711;

    g_assert_cmpint(ftruncate(fd, CODE_SIZE), ==, 0);
    code_rw = mmap(NULL, CODE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    code_rx = mmap(NULL, CODE_SIZE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    g_assert(code_rw != MAP_FAILED && code_rx != MAP_FAILED);
    close(fd);

    context = ir_context_new();
    work = ir_context_new();
    for (unsigned i = 0; i < N_GLOBALS; i++) {
        bool is_r = i < N_R, is_cc = !is_r && i < N_R + N_CC;
        unsigned n = is_r ? i : is_cc ? i - N_R : i - N_R - N_CC;

        snprintf(names[i], sizeof(names[i]), "%s%u", is_r ? "r" : is_cc ? "cc" : "w", n);
        ir_global_new(context, is_r || is_cc ? IR_I64 : IR_I32, is_r ? offsetof(FakeCpu, r) + 8 * n : is_cc
                      ? offsetof(FakeCpu, cc) + 8 * n
                      : offsetof(FakeCpu, w) + 4 * n, names[i], i < N_PIN ? (int)i : -1);
    }
    tcg_backend_assign_pins(context);
    thunk_size = tcg_backend_init(context, &layout, code_rw, code_rx, CODE_SIZE);
#ifndef CONFIG_TCG_INTERPRETER
    if (getenv("IR_OLD_HOST")) {                    /* as a host without BMI, LZCNT and SSSE3 */
        host_info.have_bmi1 = host_info.have_bmi2 = host_info.have_lzcnt = false;
        host_info.vec_features = 1u << IR_VEC_SSE2;
    }
#endif
    landing_off = ROUND_UP(thunk_size, 64);

    ir_reset(context);
    ir_mov(context, fake_r(3), ir_addi(context, fake_r(3), 0x1234));
    ir_mov(context, fake_cc(1), ir_xor(context, fake_cc(1), ir_const(context, IR_I64, 0x55)));
    ir_exit_loop_at(context, LANDING_EIP);
    ir_liveness(context);
    if (!generate(context, &landing_code, landing_off, false)) {
        g_error("not even the landing block could be generated");
    }
    block_off = ROUND_UP(landing_off + landing_code.size, 64);

    cpu_ref = aligned_alloc(64, sizeof(FakeCpu));
    cpu_jit = aligned_alloc(64, sizeof(FakeCpu));
    memset(cpu_ref, 0, sizeof(*cpu_ref));
    memset(cpu_jit, 0, sizeof(*cpu_jit));
    memset(cpu_ref->jit.jc, 0xff, sizeof(cpu_ref->jit.jc));
    memset(cpu_jit->jit.jc, 0xff, sizeof(cpu_jit->jit.jc));
    cpu_ref->mem = g_malloc0(MEM_SIZE + 64);
    cpu_jit->mem = g_malloc0(MEM_SIZE + 64);
    mem_pattern = g_malloc(MEM_SIZE);
    for (unsigned i = 0; i < MEM_SIZE; i++) {
        mem_pattern[i] = (uint8_t)(fake_random(&seed) >> 56);
    }
}

IrContext *fake_begin(void)
{
    if (!context) {
        init_once();
    }
    ir_reset(context);
    return context;
}

static void copy_context(IrContext *to, const IrContext *from)
{
    memcpy(to->ops, from->ops, from->n_ops * sizeof(from->ops[0]));
    memcpy(to->temps, from->temps, from->n_temps * sizeof(from->temps[0]));
    memcpy(to->const_hash, from->const_hash, sizeof(from->const_hash));
    to->n_ops = from->n_ops;
    to->n_temps = from->n_temps;
    to->n_globals = from->n_globals;
    to->n_labels = from->n_labels;
    to->n_exits = from->n_exits;
    to->n_vars = from->n_vars;
    to->overflow = from->overflow;
    to->has_labels = from->has_labels;
    to->block_pc = from->block_pc;
}

static void jump_cache_put(FakeCpu *c, uint64_t eip, uint64_t mode_key)
{
    unsigned i = (eip >> 12 ^ eip) & (JIT_JC_SIZE - 1);

    c->jit.jc[i] = (JumpCacheEntry) { .eip = eip, .mode_key = mode_key, .code = code_rx + landing_off };
    c->jc_used[c->n_jc_used++] = (uint16_t)i;
}

/* Constant targets are in the cache, some of another mode; so are the values registers start with. */
static void fill_jump_cache(FakeCpu *c, const IrContext *ir, bool hits)
{
    while (c->n_jc_used) {
        c->jit.jc[c->jc_used[--c->n_jc_used]] = (JumpCacheEntry) { .eip = ~1ull, .mode_key = ~0ull };
    }
    for (unsigned i = 0; i < ir->n_ops && hits; i++) {
        if (ir->ops[i].opc == IRO_exit_chain || ir->ops[i].opc == IRO_exit_chain_if) {
            jump_cache_put(c, ir->ops[i].c[0], i % 5 == 4 ? 0 : c->jit.mode_key);
        }
    }
    for (unsigned i = 0; i < N_R && hits; i++) {
        jump_cache_put(c, c->r[i], i % 5 == 4 ? 0 : c->jit.mode_key);
    }
}

static void init_cpu(FakeCpu *c, const IrContext *ir, const FakeState *st)
{
    uint64_t seed = st->seed * 2 + 1;

    for (unsigned i = 0; i < N_R; i++) {
        c->r[i] = i < st->n_r ? st->r[i] : fake_interesting(&seed);
    }
    for (unsigned i = 0; i < N_CC; i++) {
        c->cc[i] = fake_interesting(&seed);
    }
    for (unsigned i = 0; i < N_W; i++) {
        c->w[i] = (uint32_t)fake_interesting(&seed);
    }
    for (unsigned i = 0; i < sizeof(c->field); i++) {
        c->field[i] = (uint8_t)(fake_random(&seed) >> 56);
    }
    for (unsigned i = 0; i < sizeof(c->xmm); i++) {
        c->xmm[i / 32][i % 32] = (uint8_t)(fake_random(&seed) >> 56);
    }
    memcpy(c->mem, mem_pattern, MEM_SIZE);
    memset(c->jit.args, 0xa5, sizeof(c->jit.args));
    c->eip = c->r[7];               /* what exit_lookup finds */
    c->jit.exit_request = st->exit_requested;
    c->loops = 1 + st->seed % 4;
    c->jit.mxcsr_host = 0x1f80;
    c->jit.mode_key = st->seed ^ 0x1234567;
    c->jit.host_pc = c->jit.host_sp = 0;
    for (unsigned m = 0; m < JIT_NB_MMU; m++) {
        for (uint64_t i = 0; i < JIT_TLB_SIZE && !c->tlb_ready; i++) {
            uint64_t never = JIT_TLB_NEVER(i << TARGET_PAGE_BITS);

            c->jit.tlb[m][i] = (TlbEntry) { never, never, never, 0 };
        }
    }
    c->tlb_ready = true;            /* the rest of the table stays as it is from now on */
    for (unsigned p = 0; p < N_PAGES; p++) {
        fill_tlb(c, p, p != PAGE_ABSENT && p != PAGE_FAULT);
    }
    c->interrupt_request = st->interrupted ? 2 : 0;
    c->faults = st->faults;
    c->lookup_finds = st->lookup_finds;
    c->n_events = 0;
    fill_jump_cache(c, ir, st->jc_hits);
}

/* ---- comparison ---- */

static Outcome jit_outcome(uintptr_t cookie, const IrContext *ir, const Outcome *ref)
{
    Outcome out = { .kind = OUT_LOOP, .eip = cpu_jit->eip, .dead = ref->dead };

    if (cookie) {
        out.kind = OUT_EXIT;
        out.exit = (unsigned)((cookie - COOKIE_BASE) / COOKIE_STEP);
    }
    return out;
}

static void compare_value(GString *s, const char *name, unsigned n, uint64_t want, uint64_t got)
{
    if (want != got) {
        g_string_append_printf(s, "  %s%u: want 0x%" PRIx64 ", got 0x%" PRIx64 "\n", name, n, want, got);
    }
}

static void compare_events(GString *s)
{
    compare_value(s, "number of calls", 0, cpu_ref->n_events, cpu_jit->n_events);
    for (unsigned i = 0; i < MIN(MIN(cpu_ref->n_events, cpu_jit->n_events), (unsigned)LOG_MAX); i++) {
        const FakeEvent *a = &cpu_ref->events[i], *b = &cpu_jit->events[i];

        if (memcmp(a, b, sizeof(*a))) {
            g_string_append_printf(s, " call %u:\n", i);
            compare_value(s, "what", 0, a->what, b->what);
            compare_value(s, "memop", 0, a->memop, b->memop);
            for (unsigned k = 0; k < 5; k++) {
                compare_value(s, "arg", k, a->a[k], b->a[k]);
            }
            compare_value(s, "hash of globals", 0, a->globals, b->globals);
            compare_value(s, "insn", 0, a->insn, b->insn);
            return;
        }
    }
}

static void compare_cpus(GString *s, const Outcome *want, const Outcome *got)
{
    compare_value(s, "outcome", 0, want->kind, got->kind);
    compare_value(s, "exit", 0, want->exit, got->exit);
    compare_value(s, "eip", 0, want->eip, got->eip);
    for (unsigned i = 0; i < N_GLOBALS; i++) {
        if (!(want->dead >> i & 1)) {
            if (i < N_R) {
                compare_value(s, "r", i, cpu_ref->r[i], cpu_jit->r[i]);
            } else if (i < N_R + N_CC) {
                compare_value(s, "cc", i - N_R, cpu_ref->cc[i - N_R], cpu_jit->cc[i - N_R]);
            } else {
                compare_value(s, "w", i - N_R - N_CC, cpu_ref->w[i - N_R - N_CC], cpu_jit->w[i - N_R - N_CC]);
            }
        }
    }
    for (unsigned i = 0; i < sizeof(cpu_ref->field); i++) {
        compare_value(s, "field byte ", i, cpu_ref->field[i], cpu_jit->field[i]);
    }
    for (unsigned i = 0; i < sizeof(cpu_ref->xmm) - 32; i++) {
        compare_value(s, "xmm byte ", i, cpu_ref->xmm[i / 32][i % 32], cpu_jit->xmm[i / 32][i % 32]);
    }
    if (memcmp(cpu_ref->mem, cpu_jit->mem, MEM_SIZE)) {
        g_string_append(s, "  guest memory differs\n");
    }
    compare_value(s, "loops", 0, cpu_ref->loops, cpu_jit->loops);
    compare_value(s, "host_sp", 0, 0, cpu_jit->jit.host_sp);
    compare_events(s);
}

/* stop_at: eip of the instruction before which it ends. */
static Outcome run_reference(const IrContext *ir, const FakeState *st, bool leave, const uint64_t *stop_at)
{
    init_cpu(cpu_ref, ir, st);
    if (sigsetjmp(cpu_ref->env, 0)) {
        return (Outcome) { .kind = OUT_FAULT, .eip = cpu_ref->eip };
    }
    cpu_ref->leave = leave;
    return ref_run(ir, cpu_ref, st->patched, stop_at);
}

static Outcome run_backend(const IrContext *ir, const FakeState *st, const Outcome *ref)
{
    init_cpu(cpu_jit, ir, st);
    cpu_jit->code = &block_code;
    if (sigsetjmp(cpu_jit->env, 0)) {
        tcg_backend_unwound(cpu_jit);
        return (Outcome) { .kind = OUT_FAULT, .eip = cpu_jit->eip };
    }
    return jit_outcome(tcg_backend_run(cpu_jit, block_code.rx), ir, ref);
}

static void patch_exits(const IrContext *ir, bool patched)
{
    for (unsigned i = 0; i < ir->n_ops; i++) {
        const IrOp *op = &ir->ops[i];

        if ((op->opc == IRO_exit_chain || op->opc == IRO_exit_chain_if) && !(op->pos & IR_EXIT_CROSS)) {
            const TcgExit *e = &block_code.exits[op->slot];

            tcg_backend_patch(block_code.rw + e->patch_off, block_code.rx + e->patch_off,
                              !patched ? block_code.rx + e->stub_off
                              : op->c[0] == BLOCK_EIP ? block_code.rx + e->loop_off : code_rx + landing_off);
        }
    }
}

enum { OPTIMIZE = 1, SHARE = 2, COALESCE = 4, LEAVE = 8 };
static const struct { const char *name; unsigned what; } variants[] = {
    { "liveness", 0 }, { "optimize, liveness", OPTIMIZE }, { "optimize, coalesce, liveness", OPTIMIZE | COALESCE },
    { "coalesce, liveness", COALESCE }, { "optimize, share, coalesce, liveness", OPTIMIZE | SHARE | COALESCE },
    { "share, liveness", SHARE }, { "optimize, coalesce, liveness; runs once", OPTIMIZE | COALESCE | LEAVE },
};

static void run_passes(IrContext *ir, unsigned what)
{
    if (what & OPTIMIZE) {
        ir_optimize(ir);
    }
    if (what & SHARE) {
        ir_share_checks(ir);
    }
    if (what & COALESCE) {
        ir_coalesce(ir);
    }
    ir_liveness(ir);
    ir_verify(ir, IR_TYPES_CONTAINERS);
}

static void report_code(GString *report, unsigned variant, const FakeState *st)
{
    g_autofree char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);

    g_string_append_printf(report, "after passes %s, state seed 0x%" PRIx64 "%s%s%s%s%s\n", variants[variant].name,
                           st->seed, st->faults ? " faults" : "",
                           st->lookup_finds ? " lookup_finds" : "", st->exit_requested ? " exit_requested" : "",
                           st->jc_hits ? " jc_hits" : "",
                           st->patched ? " patched" : "");
    ir_dump(work, report);
    tcg_backend_disassemble(&block_code, f);
    fclose(f);
    g_string_append_printf(report, "code:\n%s", text);
}

bool fake_compare(const IrContext *ir, const FakeState *st, unsigned n_states, GString *report)
{
    const char *only = getenv("IR_PASSES");

    for (unsigned variant = 0; variant < ARRAY_SIZE(variants); variant++) {
        bool leave = variants[variant].what & LEAVE;

        if (only && atoi(only) != (int)variant) {
            continue;
        }
        copy_context(work, ir);
        run_passes(work, variants[variant].what);
        if (!generate(work, &block_code, block_off, leave)) {
            if (report) {
                g_string_append(report, "the back end finds this too complex\n");
                report_code(report, variant, st);
            }
            return false;
        }
        for (unsigned i = 0; i < n_states; i++) {
            g_autoptr(GString) diff = g_string_new(NULL);
            Outcome want = run_reference(ir, &st[i], leave, NULL), got;

            if (want.kind == OUT_ENDLESS) {
                continue;
            }
            if (!leave) {
                patch_exits(work, st[i].patched);
            }
            got = run_backend(ir, &st[i], &want);
            if (got.kind == OUT_EXIT && block_code.exits[got.exit].plain) {
                /* A shared check failed: everything is as it was where that instruction starts. */
                want = run_reference(ir, &st[i], leave, &got.eip);
                want.exit = got.exit;
            }
            compare_cpus(diff, &want, &got);
            if (diff->len) {
                if (report) {
                    g_string_append(report, diff->str);
                    report_code(report, variant, &st[i]);
                }
                return false;
            }
        }
    }
    return true;
}

/* ---- shrinking ---- */

static bool used_later(const IrContext *ir, unsigned n)
{
    const IrOp *op = &ir->ops[n];

    for (unsigned k = 0; k < op->nout; k++) {
        if (ir->temps[op->arg[k]].kind == IRT_GLOBAL) {
            continue;
        }
        for (unsigned i = n + 1; i < ir->n_ops; i++) {
            const IrOp *u = &ir->ops[i];

            for (unsigned a = u->nout; a < u->nout + u->nin; a++) {
                if (u->arg[a] == op->arg[k]) {
                    return true;
                }
            }
        }
    }
    return false;
}

static bool label_used(const IrContext *ir, unsigned label)
{
    for (unsigned i = 0; i < ir->n_ops; i++) {
        if ((ir->ops[i].opc == IRO_br || ir->ops[i].opc == IRO_brcond) && ir->ops[i].slot == label) {
            return true;
        }
    }
    return false;
}

static void shrink(IrContext *ir, const FakeState *st, unsigned n_states)
{
    bool progress = true;

    while (progress) {
        progress = false;
        for (unsigned i = ir->n_ops - 1; i-- > 0;) {
            IrOp op = ir->ops[i];

            if (used_later(ir, i) || (op.opc == IRO_label && label_used(ir, op.slot))) {
                continue;
            }
            memmove(&ir->ops[i], &ir->ops[i + 1], (ir->n_ops - i - 1) * sizeof(op));
            ir->n_ops--;
            if (fake_compare(ir, st, n_states, NULL)) {         /* it was needed */
                memmove(&ir->ops[i + 1], &ir->ops[i], (ir->n_ops - i) * sizeof(op));
                ir->ops[i] = op;
                ir->n_ops++;
            } else {
                progress = true;
            }
        }
    }
}

void fake_check(const IrContext *ir, const FakeState *st, unsigned n_states)
{
    g_autoptr(GString) report = g_string_new(NULL);
    IrContext *small;

    ir_verify(ir, IR_TYPES_EXACT);
    if (fake_compare(ir, st, n_states, NULL)) {
        return;
    }
    small = ir_context_new();
    copy_context(small, ir);
    shrink(small, st, n_states);
    g_string_append(report, "as written (shrunk):\n");
    ir_dump(small, report);
    fake_compare(small, st, n_states, report);
    ir_context_free(small);
    g_printerr("%s", report->str);
    g_error("back end and reference disagree");
}

void fake_check_many(const IrContext *ir, uint64_t seed)
{
    FakeState st[12];

    for (unsigned i = 0; i < ARRAY_SIZE(st); i++) {
        st[i] = (FakeState) {
            .seed = seed + i, .faults = i & 1, .lookup_finds = i & 2, .jc_hits = i & 4, .patched = i % 3 == 1,
            .exit_requested = i % 7 == 6, .interrupted = i % 5 == 4,
        };
    }
    fake_check(ir, st, ARRAY_SIZE(st));
}
