/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs byte code. The guest's order of memory accesses (x86: total store order) holds on any host: loads acquire,
 * stores release.
 *
 * What may raise stores the address behind its head in host_pc first: inside the block, as a return address would be. A
 * helper that unwinds leaves by siglongjmp; nothing here needs undoing.
 */
#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "tci/tci.h"

typedef struct Vm {
    uint8_t *env;
    const uint8_t *block;               /* start of the one running: its constants */
    uint64_t frame[TCI_NUM_SLOTS];
} Vm;

/* ---- values ---- */

static inline uint64_t load64(const void *p)
{
    uint64_t v;

    memcpy(&v, p, 8);
    return v;
}

static inline uint64_t get(const Vm *vm, uint32_t arg)
{
    uint32_t off = arg >> 3, v32;

    switch (arg & 7) {
    case TCI_ARG_SLOT: return load64((const uint8_t *)vm->frame + off);
    case TCI_ARG_ENV64: return load64(vm->env + off);
    case TCI_ARG_IMM: return (uint64_t)((int32_t)arg >> 3);
    case TCI_ARG_POOL: return load64(vm->block + off);
    default: memcpy(&v32, vm->env + off, 4); return v32;
    }
}

static inline void put(Vm *vm, uint32_t arg, uint64_t v)
{
    uint32_t off = arg >> 3, v32 = (uint32_t)v;

    switch (arg & 7) {
    case TCI_ARG_SLOT: memcpy((uint8_t *)vm->frame + off, &v, 8); break;
    case TCI_ARG_ENV64: memcpy(vm->env + off, &v, 8); break;
    default: memcpy(vm->env + off, &v32, 4); break;
    }
}

static inline uint64_t tail64(const uint32_t *p)
{
    return p[0] | (uint64_t)p[1] << 32;
}

static inline uint64_t narrow(TciHead h, uint64_t v)
{
    return h.is64 ? v : (uint32_t)v;
}

static inline bool holds(TciHead h, uint64_t a, uint64_t b)
{
    return ir_eval_cond((IrCond)h.cond, h.cmp64 ? IR_I64 : IR_I32, a, b);
}

/* ---- scalar operations with at most two operands and one result ---- */

static inline uint64_t rotate_left(TciHead h, uint64_t v, unsigned n)
{
    unsigned width = h.is64 ? 64 : 32;

    n &= width - 1;
    return n ? v << n | v >> (width - n) : v;
}

static inline uint64_t arithmetic(TciHead h, uint64_t a, uint64_t b)
{
    unsigned n = (unsigned)b & (h.is64 ? 63 : 31);

    switch (h.opc) {
    case IRO_add: return a + b;
    case IRO_sub: return a - b;
    case IRO_and: return a & b;
    case IRO_or: return a | b;
    case IRO_xor: return a ^ b;
    case IRO_andc: return a & ~b;
    case IRO_mul: return a * b;
    case IRO_shl: return a << n;
    case IRO_shr: return narrow(h, a) >> n;
    case IRO_sar: return h.is64 ? (uint64_t)((int64_t)a >> n) : (uint64_t)((int32_t)a >> n);
    case IRO_rotl: return rotate_left(h, narrow(h, a), n);
    case IRO_rotr: return rotate_left(h, narrow(h, a), -n);
    case IRO_deposit: return deposit64(a, h.imm & 0xff, h.imm >> 8, b);
    default: g_assert_not_reached();
    }
}

static inline uint64_t widen(IrExt kind, uint64_t v)
{
    switch (kind) {
    case IR_U8: return (uint8_t)v;
    case IR_S8: return (uint64_t)(int8_t)v;
    case IR_U16: return (uint16_t)v;
    case IR_S16: return (uint64_t)(int16_t)v;
    case IR_U32: return (uint32_t)v;
    case IR_S32: return (uint64_t)(int32_t)v;
    }
    g_assert_not_reached();
}

static inline uint64_t unary(TciHead h, uint64_t a)
{
    uint64_t v = narrow(h, a);

    switch (h.opc) {
    case IRO_mov: case IRO_trunc: return a;
    case IRO_neg: return -a;
    case IRO_not: return ~a;
    case IRO_clz: return clz64(v) - (h.is64 ? 0 : 32);
    case IRO_ctz: return v ? ctz64(v) : h.is64 ? 64 : 32;
    case IRO_popcnt: return (uint64_t)__builtin_popcountll(v);
    case IRO_bswap: return h.is64 ? __builtin_bswap64(a) : __builtin_bswap32((uint32_t)a);
    case IRO_ext: return widen((IrExt)h.imm, a);
    case IRO_extract: return extract64(v, h.imm & 0xff, h.imm >> 8);
    case IRO_sextract: return (uint64_t)sextract64(v, h.imm & 0xff, h.imm >> 8);
    default: g_assert_not_reached();
    }
}

static void wide_product(Vm *vm, TciHead h, const uint32_t *arg)
{
    uint64_t a = narrow(h, get(vm, arg[2])), b = narrow(h, get(vm, arg[3])), lo, hi;

    if (!h.is64) {
        lo = h.opc == IRO_mulu2 ? a * b : (uint64_t)((int64_t)(int32_t)a * (int32_t)b);
        hi = lo >> 32;
    } else {
        uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;      /* not every host has __int128 */
        uint64_t low = a0 * b0, m1 = a1 * b0 + (low >> 32), m2 = a0 * b1 + (uint32_t)m1;

        lo = a * b;
        hi = a1 * b1 + (m1 >> 32) + (m2 >> 32);
        if (h.opc == IRO_muls2) {
            hi -= ((int64_t)a < 0 ? b : 0) + ((int64_t)b < 0 ? a : 0);
        }
    }
    put(vm, arg[0], narrow(h, lo));
    put(vm, arg[1], narrow(h, hi));
}

/* ---- CPU state and guest memory ---- */

static uint64_t load_native(const uint8_t *p, unsigned size)
{
    switch (size) {
    case IR_MO_8: return *p;
    case IR_MO_16: { uint16_t v; memcpy(&v, p, 2); return v; }
    case IR_MO_32: { uint32_t v; memcpy(&v, p, 4); return v; }
    default: return load64(p);
    }
}

static void store_native(uint8_t *p, unsigned size, uint64_t v)
{
    uint16_t v16 = (uint16_t)v;
    uint32_t v32 = (uint32_t)v;

    switch (size) {
    case IR_MO_8: *p = (uint8_t)v; break;
    case IR_MO_16: memcpy(p, &v16, 2); break;
    case IR_MO_32: memcpy(p, &v32, 4); break;
    default: memcpy(p, &v, 8); break;
    }
}

static uint64_t sign_or_zero(IrMemOp mo, uint64_t v)
{
    unsigned bits = 8u << (mo & 3);

    return mo & IR_MO_SIGN ? (uint64_t)sextract64(v, 0, bits) : extract64(v, 0, bits);
}

#define ALIGNED(p, type) (!((uintptr_t)(p) % sizeof(type)))
#define ATOMIC_LOAD(p, type) __atomic_load_n((const type *)(const void *)(p), __ATOMIC_ACQUIRE)
#define ATOMIC_STORE(p, type, v) __atomic_store_n((type *)(void *)(p), (type)(v), __ATOMIC_RELEASE)

/* Aligned accesses are single; others may be seen in pieces, as on any x86. */
static uint64_t load_guest(const uint8_t *p, unsigned size)
{
    uint64_t v;

    if (size == IR_MO_16 && ALIGNED(p, uint16_t)) {
        return GUINT16_FROM_LE(ATOMIC_LOAD(p, uint16_t));
    } else if (size == IR_MO_32 && ALIGNED(p, uint32_t)) {
        return GUINT32_FROM_LE(ATOMIC_LOAD(p, uint32_t));
    } else if (size == IR_MO_64 && ALIGNED(p, uint64_t) && sizeof(void *) == 8) {
        return GUINT64_FROM_LE(ATOMIC_LOAD(p, uint64_t));
    }
    v = size == IR_MO_8 ? *p : size == IR_MO_16 ? load_le16(p) : size == IR_MO_32 ? load_le32(p) : load_le64(p);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return v;
}

static void store_guest(uint8_t *p, unsigned size, uint64_t v)
{
    if (size == IR_MO_16 && ALIGNED(p, uint16_t)) {
        ATOMIC_STORE(p, uint16_t, GUINT16_TO_LE((uint16_t)v));
        return;
    } else if (size == IR_MO_32 && ALIGNED(p, uint32_t)) {
        ATOMIC_STORE(p, uint32_t, GUINT32_TO_LE((uint32_t)v));
        return;
    } else if (size == IR_MO_64 && ALIGNED(p, uint64_t) && sizeof(void *) == 8) {
        ATOMIC_STORE(p, uint64_t, GUINT64_TO_LE(v));
        return;
    }
    __atomic_thread_fence(__ATOMIC_RELEASE);
    switch (size) {
    case IR_MO_8: *p = (uint8_t)v; break;
    case IR_MO_16: store_le16(p, (uint16_t)v); break;
    case IR_MO_32: store_le32(p, (uint32_t)v); break;
    default: store_le64(p, v); break;
    }
}

static inline const TlbEntry *tlb_entry(const Vm *vm, uint64_t addr, IrMemOp mo)
{
    const void *table = vm->env + tci_layout.tlb[ir_mo_mmu(mo)];

    return (const TlbEntry *)table + (addr >> TARGET_PAGE_BITS & (JIT_TLB_SIZE - 1));
}

/* Host address on a TLB hit, else NULL. The compare covers misses and page crossings (exec/cpu-jit.h). */
static inline uint8_t *probe(const Vm *vm, uint64_t addr, IrMemOp mo, bool write)
{
    const TlbEntry *e = tlb_entry(vm, addr, mo);
    uint64_t off = addr ^ __atomic_load_n(write ? &e->write : &e->read, __ATOMIC_RELAXED);  /* others may flush */

    if (off > TARGET_PAGE_SIZE - ir_mo_bytes(mo) || ((mo & IR_MO_ALIGN) && (off & (ir_mo_bytes(mo) - 1)))) {
        return NULL;
    }
    return (uint8_t *)e->host + off;
}

static void guest_load(Vm *vm, TciHead h, const uint32_t *arg)
{
    IrMemOp mo = h.imm;
    uint64_t addr = get(vm, arg[1]);
    const uint8_t *p = probe(vm, addr, mo, mo & IR_MO_RMW);
    uint64_t v = p ? sign_or_zero(mo, load_guest(p, mo & IR_MO_SIZE)) : tci_layout.slow_ld(vm->env, addr, mo);

    put(vm, arg[0], narrow(h, v));
}

static void guest_store(Vm *vm, TciHead h, const uint32_t *arg)
{
    uint64_t addr = get(vm, arg[0]), v = get(vm, arg[1]);
    uint8_t *p = probe(vm, addr, h.imm, true);

    if (p) {
        store_guest(p, h.imm & IR_MO_SIZE, v);
    } else {
        tci_layout.slow_st(vm->env, addr, h.imm, v);
    }
}

/* The host address of a range that lies in one page of plain memory; false where it does not. */
static bool guest_check(Vm *vm, TciHead h, const uint32_t *arg)
{
    uint64_t addr = get(vm, arg[1]) + (uint64_t)(int64_t)(int32_t)arg[2];
    const TlbEntry *e = tlb_entry(vm, addr, h.imm);
    uint64_t off = addr ^ __atomic_load_n(h.imm & IR_MO_RMW ? &e->write : &e->read, __ATOMIC_RELAXED);

    if (off > TARGET_PAGE_SIZE - arg[3]) {
        return false;
    }
    put(vm, arg[0], e->host + off);
    return true;
}

static void host_load(Vm *vm, TciHead h, const uint32_t *arg)
{
    const uint8_t *p = (const uint8_t *)(uintptr_t)get(vm, arg[1]) + arg[2];

    put(vm, arg[0], narrow(h, sign_or_zero(h.imm, load_guest(p, h.imm & IR_MO_SIZE))));
}

static void host_store(Vm *vm, TciHead h, const uint32_t *arg)
{
    store_guest((uint8_t *)(uintptr_t)get(vm, arg[0]) + arg[2], h.imm & IR_MO_SIZE, get(vm, arg[1]));
}

static void guest_loadv(Vm *vm, TciHead h, const uint32_t *arg)
{
    uint64_t addr = get(vm, arg[0]);
    const uint8_t *p = probe(vm, addr, h.imm, h.imm & IR_MO_RMW);
    unsigned size = ir_mo_bytes(h.imm);

    if (p) {
        uint8_t v[32] = { 0 };

        memcpy(v, p, size);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        memcpy(vm->env + arg[1], v, h.imm & IR_MO_ZERO ? 32 : MAX(size, 16u));
    } else {
        tci_layout.slow_ldv(vm->env, addr, h.imm, arg[1]);
    }
}

static void guest_storev(Vm *vm, TciHead h, const uint32_t *arg)
{
    uint64_t addr = get(vm, arg[0]);
    uint8_t *p = probe(vm, addr, h.imm, true);

    if (p) {
        __atomic_thread_fence(__ATOMIC_RELEASE);
        memcpy(p, vm->env + arg[1], ir_mo_bytes(h.imm));
    } else {
        tci_layout.slow_stv(vm->env, addr, h.imm, arg[1]);
    }
}

static void atomic_rmw(Vm *vm, TciHead h, const uint32_t *arg)
{
    uint64_t v = tci_layout.atomic_rmw(vm->env, get(vm, arg[1]), get(vm, arg[2]), h.imm | (uint64_t)h.cond << 16);

    put(vm, arg[0], narrow(h, v));
}

static void atomic_cas(Vm *vm, TciHead h, const uint32_t *arg)
{
    uint64_t v = tci_layout.atomic_cas(vm->env, get(vm, arg[1]), get(vm, arg[2]), get(vm, arg[3]), h.imm);

    put(vm, arg[0], narrow(h, v));
}

/* ---- calls ---- */

/* Returns behind the instruction. The head says how many arguments there are: the helper's pointer is behind them. */
static const uint32_t *call(Vm *vm, TciHead h, const uint32_t *arg)
{
    unsigned nargs = TCI_CALL_NIN(h), nout = TCI_CALL_NOUT(h);
    const uint32_t *tail = arg + nout + nargs;
    uint64_t v[5], r;

    for (unsigned i = 0; i < nargs; i++) {
        v[i] = get(vm, arg[nout + i]);
    }
    r = tci_call((const IrHelper *)(uintptr_t)tail64(tail), h.imm, vm->env, v);
    if (nout) {
        put(vm, arg[0], r);
    }
    return tail + 2;
}

static void zero_upper_halves(Vm *vm, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        memset(vm->env + tci_layout.vec + 32 * i + 16, 0, 16);
    }
}

static void vector(Vm *vm, TciHead h, const uint32_t *arg)
{
    unsigned nargs = ir_op_defs[h.opc].nout + ir_op_defs[h.opc].nin;
    const uint32_t *tail = arg + nargs;
    const IrVecOp *v = (const IrVecOp *)(uintptr_t)tail64(tail);
    uint32_t imm_len = (h.imm & 0xff) | (h.cond ? 32 : 16) << 8;

    switch (h.opc) {
    case IRO_vec: ir_vec_run(vm->env, v, tail64(tail + 2), h.imm); break;
    case IRO_vex: ir_vex_run(vm->env, v, tail64(tail + 2), tail64(tail + 4), imm_len); break;
    case IRO_vget: put(vm, arg[0], narrow(h, ir_vget_run(vm->env, v, tail64(tail + 2), imm_len))); break;
    default: ir_vput_run(vm->env, v, tail64(tail + 2), get(vm, arg[0]), (h.imm & 0xff) | (uint32_t)h.cond << 8); break;
    }
}

/* ---- leaving ---- */

static bool exit_requested(const Vm *vm)
{
    return __atomic_load_n((const int32_t *)(const void *)(vm->env + tci_layout.exit_request), __ATOMIC_RELAXED);
}

/* By anybody, for anything. */
static bool wanted(const Vm *vm)
{
    const uint32_t *interrupt_request = (const uint32_t *)(const void *)(vm->env + tci_layout.interrupt_request);

    return exit_requested(vm) || __atomic_load_n(interrupt_request, __ATOMIC_RELAXED);
}

static void set_eip(Vm *vm, uint64_t eip)
{
    memcpy(vm->env + tci_layout.eip, &eip, 8);
}

/* Where the interpreter is: finds the guest instruction. NULL: behind a complete one. */
static void note_place(Vm *vm, const uint32_t *arg)
{
    uint64_t here = (uintptr_t)arg;

    memcpy(vm->env + tci_layout.host_pc, &here, 8);
}

/* The look-up checks where a computed jump leads, and sees exit requests itself. */
static const uint32_t *looked_up(Vm *vm, uint64_t eip)
{
    set_eip(vm, eip);
    return tci_layout.lookup(vm->env);
}

/* The block at this offset, or NULL: back to the execution loop, which finds eip stored. */
static const uint32_t *jump(Vm *vm, uint64_t eip)
{
    const JumpCacheEntry *e = (const JumpCacheEntry *)(const void *)(vm->env + tci_layout.jc)
        + ((eip >> 12 ^ eip) & (JIT_JC_SIZE - 1));
    const uint32_t *code;

    if (e->eip == eip && e->mode_key == load64(vm->env + tci_layout.mode_key)) {
        code = e->code;
    } else {
        code = looked_up(vm, eip);
    }
    vm->block = (const uint8_t *)code;
    return code;
}

uintptr_t tci_run(uint8_t *env, const uint32_t *code)
{
    Vm vm;
    const uint32_t *pc = code;

    vm.env = env;
    vm.block = (const uint8_t *)code;
    for (;;) {
        TciHead h = tci_unpack(*pc);
        const uint32_t *arg = pc + 1;
        uint64_t eip;
        int32_t distance;

        switch (h.opc) {
        case IRO_add: case IRO_sub: case IRO_and: case IRO_or: case IRO_xor: case IRO_andc: case IRO_mul:
        case IRO_shl: case IRO_shr: case IRO_sar: case IRO_rotl: case IRO_rotr: case IRO_deposit:
            put(&vm, arg[0], narrow(h, arithmetic(h, get(&vm, arg[1]), get(&vm, arg[2]))));
            pc += 4;
            break;
        case IRO_mov: case IRO_neg: case IRO_not: case IRO_clz: case IRO_ctz: case IRO_popcnt: case IRO_bswap:
        case IRO_ext: case IRO_trunc: case IRO_extract: case IRO_sextract:
            put(&vm, arg[0], narrow(h, unary(h, get(&vm, arg[1]))));
            pc += 3;
            break;
        case IRO_mulu2: case IRO_muls2:
            wide_product(&vm, h, arg);
            pc += 5;
            break;
        case IRO_setcond:
            put(&vm, arg[0], holds(h, get(&vm, arg[1]), get(&vm, arg[2])));
            pc += 4;
            break;
        case IRO_movcond:
            put(&vm, arg[0], narrow(h, get(&vm, holds(h, get(&vm, arg[1]), get(&vm, arg[2])) ? arg[3] : arg[4])));
            pc += 6;
            break;
        case IRO_br:
            pc = arg + arg[0];
            break;
        case IRO_brcond:
            pc = holds(h, get(&vm, arg[0]), get(&vm, arg[1])) ? arg + 2 + arg[2] : pc + 4;
            break;
        case IRO_ld:
            put(&vm, arg[0], narrow(h, sign_or_zero(h.imm, load_native(env + arg[1], h.imm & 3))));
            pc += 3;
            break;
        case IRO_st:
            store_native(env + arg[1], h.imm & 3, get(&vm, arg[0]));
            pc += 3;
            break;
        case IRO_gld: case IRO_gst: case IRO_gldv: case IRO_gstv: case IRO_atomic_rmw: case IRO_atomic_cas: {
            static void (*const fns[IRO__COUNT])(Vm *, TciHead, const uint32_t *) = {
                [IRO_gld] = guest_load, [IRO_gst] = guest_store, [IRO_gldv] = guest_loadv,
                [IRO_gstv] = guest_storev,
                [IRO_atomic_rmw] = atomic_rmw, [IRO_atomic_cas] = atomic_cas,
            };

            note_place(&vm, arg);
            fns[h.opc](&vm, h, arg);
            pc += h.opc == IRO_atomic_cas ? 5 : h.opc == IRO_atomic_rmw ? 4 : 3;
            break;
        }
        case IRO_gchk:
            pc += guest_check(&vm, h, arg) ? 6 + arg[4] : 6;    /* past its exit, or into it */
            break;
        case IRO_hld:
            host_load(&vm, h, arg);
            pc += 4;
            break;
        case IRO_hst:
            host_store(&vm, h, arg);
            pc += 4;
            break;
        case IRO_call: {
            uint64_t here = (uintptr_t)arg;

            memcpy(env + tci_layout.host_pc, &here, 8);
            pc = call(&vm, h, arg);
            break;
        }
        case IRO_fence:
            __atomic_thread_fence(__ATOMIC_SEQ_CST);
            pc += 1;
            break;
        case IRO_vzup:
            zero_upper_halves(&vm, h.imm);
            pc += 1;
            break;
        case IRO_vec:
            vector(&vm, h, arg);
            pc += 5;
            break;
        case IRO_vex:
            vector(&vm, h, arg);
            pc += 7;
            break;
        case IRO_vget: case IRO_vput:
            vector(&vm, h, arg);
            pc += 6;
            break;
        case TCI_SKIP_UNLESS:
            pc += holds(h, get(&vm, arg[0]), get(&vm, arg[1])) ? 4 : 4 + arg[2];
            break;
        case TCI_CHAIN:
            if ((h.imm & IR_EXIT_LOOP) && exit_requested(&vm)) {
                set_eip(&vm, tail64(arg + 1));
                return 0;
            }
            distance = __atomic_load_n((const int32_t *)(const void *)arg, __ATOMIC_ACQUIRE);
            pc = (const uint32_t *)(const void *)((const uint8_t *)arg + distance);
            vm.block = (const uint8_t *)pc;         /* a stub has no constants: this is right for a block */
            break;
        case TCI_STUB:
            set_eip(&vm, tail64(arg));
            return (uintptr_t)tail64(arg + 2);
        case TCI_CROSS:
            eip = tail64(arg);
            if ((h.imm & IR_EXIT_LOOP) && exit_requested(&vm)) {
                set_eip(&vm, eip);
                return 0;
            }
            note_place(&vm, NULL);
            pc = jump(&vm, eip);
            if (!pc) {
                return 0;
            }
            break;
        case IRO_exit_jump:
            eip = get(&vm, arg[0]);
            if (h.imm) {
                set_eip(&vm, eip);
                return 0;
            }
            note_place(&vm, arg);
            pc = exit_requested(&vm) ? looked_up(&vm, eip) : jump(&vm, eip);
            if (!pc) {
                return 0;
            }
            break;
        case IRO_exit_loop_at:
            set_eip(&vm, tail64(arg));
            return 0;
        case IRO_exit_loop:
            note_place(&vm, NULL);
            pc = h.imm && !wanted(&vm) ? jump(&vm, load64(env + tci_layout.eip)) : NULL;
            if (!pc) {
                return 0;
            }
            break;
        default:
            g_assert_not_reached();
        }
    }
}
