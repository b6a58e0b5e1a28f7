/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * REP string instructions in bulk.
 *
 * An instruction is cut into chunks that lie in one page, in their segments and before the address size wraps, for
 * source and destination alike; a chunk in plain RAM is moved by the host's memmove and friends, anything else (I/O,
 * pages with translated code, elements across a page) goes one element at a time through the TLB. Registers are
 * updated after each chunk, so a fault leaves exactly the completed iterations (SDM vol. 2B,
 * "REP/REPE/REPZ/REPNE/REPNZ"), and between chunks a request to leave translated code is honoured with EIP still at
 * the instruction.
 */
#include "qemu/osdep.h"
#include "exec/cpu-exec.h"
#include "exec/cpu-mem.h"
#include "target-i386/helper-int.h"

typedef struct StringOp {
    CPUX86State *env;
    uint32_t how;
    unsigned size;              /* bytes per element */
    uint64_t amask;             /* of the address size */
    bool down;                  /* DF */
    int mmu_idx;
} StringOp;

/* One side of the operation, for the chunk at hand. */
typedef struct Side {
    unsigned reg, seg;
    bool write;
    uint64_t off, linear;       /* of the first element */
} Side;

static StringOp string_open(CPUX86State *env, uint32_t how)
{
    unsigned asize = STRING_ASIZE(how);

    env->rep_interrupted = false;
    return (StringOp) {
        .env = env, .how = how, .size = STRING_SIZE(how), .down = env->df < 0, .mmu_idx = cpu_mmu_index(env),
        .amask = asize == 8 ? ~0ull : (1ull << (asize * 8)) - 1,
    };
}

/* ---- registers ---- */

static uint64_t reg_get(const StringOp *s, unsigned reg)
{
    return s->env->regs[reg] & s->amask;
}

static void reg_put(const StringOp *s, unsigned reg, uint64_t v)
{
    uint64_t *r = &s->env->regs[reg];

    *r = STRING_ASIZE(s->how) == 2 ? (*r & ~0xffffull) | (v & 0xffff) : v & s->amask;
}

static void reg_move(const StringOp *s, unsigned reg, uint64_t n)
{
    uint64_t by = n * s->size;

    reg_put(s, reg, s->env->regs[reg] + (s->down ? -by : by));
}

/* ---- chunks ---- */

/* Elements from off on that the segment lets through; faults when not even one. */
static uint64_t within_segment(const StringOp *s, const Side *side)
{
    const SegmentCache *sc = &s->env->segs[side->seg];
    uint64_t lo = side->write ? sc->w_lo : sc->r_lo, span = side->write ? sc->w_span : sc->r_span;
    uint64_t first = side->off - lo;

    if (cpu_code64(s->env)) {
        return UINT64_MAX;
    }
    if (first > span || first + (s->size - 1) > span) {
        helper_seg_fault(s->env, side->seg);
    }
    return s->down ? first / s->size + 1 : (span - first + 1) / s->size;
}

/*
 * Elements before the offset wraps. One that wraps inside itself counts as 1 and is left to the checks of a single
 * access.
 */
static uint64_t before_wrap(const StringOp *s, const Side *side)
{
    uint64_t n = s->down ? side->off / s->size : (s->amask - side->off) / s->size;

    if (s->down || (s->amask - side->off) % s->size == s->size - 1) {
        n = n == UINT64_MAX ? n : n + 1;
    }
    return MAX(n, 1);
}

/* Elements that lie wholly in the page of the first; 0 when the first crosses its end. */
static uint64_t within_page(const StringOp *s, const Side *side)
{
    unsigned in_page = side->linear & ~TARGET_PAGE_MASK, room = TARGET_PAGE_SIZE - in_page;

    if (room < s->size) {
        return 0;
    }
    return s->down ? in_page / s->size + 1 : room / s->size;
}

static uint64_t side_open(const StringOp *s, Side *side)
{
    uint64_t n, base = 0;

    side->off = reg_get(s, side->reg);
    n = MIN(within_segment(s, side), before_wrap(s, side));
    if (!cpu_code64(s->env) || side->seg >= R_FS) {
        base = s->env->segs[side->seg].base;
    }
    side->linear = side->off + base;
    if (!cpu_code64(s->env)) {
        side->linear = (uint32_t)side->linear;
    }
    if (unlikely(s->env->jit.mode_key & MK_AC) && (side->linear & (s->size - 1))) {
        raise_misaligned(s->env, s->size);
    }
    return MIN(n, within_page(s, side));
}

/* Host address of the lowest byte of a chunk of n elements; NULL when it must go one by one. */
static uint8_t *side_host(const StringOp *s, const Side *side, uint64_t n)
{
    uint64_t lowest = s->down ? side->linear - (n - 1) * s->size : side->linear;

    if (s->down && n > 1) {
        /* the first element is the one that faults */
        cpu_probe(s->env, side->linear, s->size, side->write, s->mmu_idx);
    }
    return n ? cpu_host_ptr(s->env, lowest, (unsigned)(n * s->size), side->write, s->mmu_idx) : NULL;
}

static uint64_t side_load(const StringOp *s, const Side *side)
{
    return cpu_ld(s->env, side->linear, s->size, s->mmu_idx);
}

static void side_store(const StringOp *s, const Side *side, uint64_t v)
{
    cpu_st(s->env, side->linear, v, s->size, s->mmu_idx);
}

/* Counts n iterations. True: go on with the next chunk. False: done. Leaves when asked to, EIP at the instruction. */
static bool string_next(const StringOp *s, uint64_t n)
{
    CPUX86State *env = s->env;
    uint64_t left = reg_get(s, R_ECX) - n;

    reg_put(s, R_ECX, left);
    if (!left) {
        return false;
    }
    if (unlikely(s->how & STRING_STEP || env->pending_db)) {
        cpu_restore_eip(env);
        env->rep_interrupted = true;
        helper_single_step(env, env->eip, s->how & STRING_STEP ? STEP_TF : 0);
        env->rep_interrupted = false;
    }
    if (unlikely(__atomic_load_n(&env->jit.exit_request, __ATOMIC_RELAXED))) {
        cpu_restore_eip(env);
        env->rep_interrupted = true;
        cpu_loop_exit(env);
    }
    return true;
}

static uint64_t chunk_limit(const StringOp *s)
{
    return s->how & STRING_STEP ? 1 : reg_get(s, R_ECX);
}

/* Nothing is done for a count of 0 but what the address size does to the registers. */
static bool count_is_zero(const StringOp *s, bool uses_si, bool uses_di)
{
    if (reg_get(s, R_ECX)) {
        return false;
    }
    if (STRING_ASIZE(s->how) == 4) {
        reg_put(s, R_ECX, 0);
        if (uses_si) {
            reg_put(s, R_ESI, s->env->regs[R_ESI]);
        }
        if (uses_di) {
            reg_put(s, R_EDI, s->env->regs[R_EDI]);
        }
    }
    return true;
}

static uint64_t element_get(const uint8_t *p, unsigned size)
{
    uint64_t v = 0;

    switch (size) {
    case 1: return *p;
    case 2: return load_le16(p);
    case 4: return load_le32(p);
    default: v = load_le64(p); return v;
    }
}

static void element_put(uint8_t *p, uint64_t v, unsigned size)
{
    switch (size) {
    case 1: *p = v; break;
    case 2: store_le16(p, v); break;
    case 4: store_le32(p, v); break;
    default: store_le64(p, v); break;
    }
}

/* ---- MOVS ---- */

/*
 * Source and destination overlap so that later elements read what earlier ones wrote: the order is part of the
 * result.
 */
static void move_in_order(uint8_t *dst, const uint8_t *src, uint64_t n, unsigned size, bool down)
{
    for (uint64_t i = 0; i < n; i++) {
        uint64_t at = (down ? n - 1 - i : i) * size;

        element_put(dst + at, element_get(src + at, size), size);
    }
}

/* At least an element apart the result is periodic: what has been written so far is the source of twice as much. */
static void move_up_overlapping(uint8_t *dst, const uint8_t *src, uint64_t len, unsigned size)
{
    if ((uint64_t)(dst - src) < size) {
        move_in_order(dst, src, len / size, size, false);
        return;
    }
    while (len) {
        uint64_t part = MIN(len, (uint64_t)(dst - src));

        memcpy(dst, src, part);
        dst += part;
        len -= part;
    }
}

static void move_chunk(uint8_t *dst, const uint8_t *src, uint64_t n, unsigned size, bool down)
{
    uint64_t len = n * size;

    if (!down && dst > src && dst < src + len) {
        move_up_overlapping(dst, src, len, size);
    } else if (down && dst < src && src < dst + len) {
        move_in_order(dst, src, n, size, true);
    } else {
        memmove(dst, src, len);
    }
}

void helper_rep_movs(CPUX86State *env, uint32_t how)
{
    StringOp s = string_open(env, how);
    Side src = { .reg = R_ESI, .seg = STRING_SEG(how) }, dst = { .reg = R_EDI, .seg = R_ES, .write = true };
    uint64_t n;

    if (count_is_zero(&s, true, true)) {
        return;
    }
    env->jit.smc_repeat = true;
    do {
        uint8_t *ps, *pd = NULL;

        n = MIN(chunk_limit(&s), side_open(&s, &src));
        n = MIN(n, side_open(&s, &dst));
        ps = side_host(&s, &src, n);
        pd = ps ? side_host(&s, &dst, n) : NULL;
        if (pd) {
            move_chunk(pd, ps, n, s.size, s.down);
        } else {
            n = 1;
            side_store(&s, &dst, side_load(&s, &src));
        }
        reg_move(&s, R_ESI, n);
        reg_move(&s, R_EDI, n);
    } while (string_next(&s, n));
    env->jit.smc_repeat = false;
}

/* ---- STOS, LODS ---- */

static void fill_chunk(uint8_t *p, uint64_t v, uint64_t n, unsigned size)
{
    uint64_t len = n * size, done = size;

    if (size == 1) {
        memset(p, (int)v, len);
        return;
    }
    element_put(p, v, size);
    while (done < len) {
        uint64_t part = MIN(done, len - done);

        memcpy(p + done, p, part);
        done += part;
    }
}

void helper_rep_stos(CPUX86State *env, uint32_t how)
{
    StringOp s = string_open(env, how);
    Side dst = { .reg = R_EDI, .seg = R_ES, .write = true };
    uint64_t n;

    if (count_is_zero(&s, false, true)) {
        return;
    }
    env->jit.smc_repeat = true;
    do {
        uint8_t *p;

        n = MIN(chunk_limit(&s), side_open(&s, &dst));
        p = side_host(&s, &dst, n);
        if (p) {
            fill_chunk(p, env->regs[R_EAX], n, s.size);
        } else {
            n = 1;
            side_store(&s, &dst, env->regs[R_EAX]);
        }
        reg_move(&s, R_EDI, n);
    } while (string_next(&s, n));
    env->jit.smc_repeat = false;
}

static void acc_put(CPUX86State *env, uint64_t v, unsigned size)
{
    uint64_t keep = size == 1 ? ~0xffull : size == 2 ? ~0xffffull : 0;

    env->regs[R_EAX] = (env->regs[R_EAX] & keep) | v;
}

void helper_rep_lods(CPUX86State *env, uint32_t how)
{
    StringOp s = string_open(env, how);
    Side src = { .reg = R_ESI, .seg = STRING_SEG(how) };
    uint64_t n;

    if (count_is_zero(&s, true, false)) {
        return;
    }
    do {
        uint8_t *p;

        n = MIN(chunk_limit(&s), side_open(&s, &src));
        p = side_host(&s, &src, n);
        if (p) {
            acc_put(env, element_get(s.down ? p : p + (n - 1) * s.size, s.size), s.size);
        } else {
            n = 1;
            acc_put(env, side_load(&s, &src), s.size);
        }
        reg_move(&s, R_ESI, n);
    } while (string_next(&s, n));
}

/* ---- CMPS, SCAS ---- */

/* Flags as of "a - b"; only when the instruction ends, a fault before shows those from before it. */
static void compare_done(CPUX86State *env, uint64_t a, uint64_t b, unsigned size)
{
    env->cc_dst = a - b;
    env->cc_src = b;
    env->cc_op = CC_OP_SUBB + ctz64(size);
}

/* Bytes that are equal at the start of both, at most len: the bulk of a REPE CMPS going up. */
static uint64_t equal_prefix(const uint8_t *a, const uint8_t *b, uint64_t len)
{
    uint64_t i = 0;

    while (i + 8 <= len) {
        uint64_t diff = load_le64(a + i) ^ load_le64(b + i);

        if (diff) {
            return i + (ctz64(diff) >> 3);
        }
        i += 8;
    }
    while (i < len && a[i] == b[i]) {
        i++;
    }
    return i;
}

/*
 * Compares up to n elements; returns how many were looked at, *decided when the last one ended the repetition.
 * b == NULL: against the constant key instead.
 */
typedef struct Comparison {
    const uint8_t *a, *b;
    uint64_t key;
    uint64_t last_a, last_b;    /* the last elements compared */
    bool decided;
} Comparison;

static uint64_t compare_chunk(const StringOp *s, Comparison *c, uint64_t n)
{
    bool stop_on_equal = s->how & STRING_REPNE;
    uint64_t i = 0;

    if (c->a && c->b && !stop_on_equal && !s->down) {
        i = MIN(equal_prefix(c->a, c->b, n * s->size) / s->size, n - 1);
    } else if (c->a && !c->b && stop_on_equal && !s->down && s->size == 1) {
        const uint8_t *hit = memchr(c->a, (int)(c->key & 0xff), n);

        i = hit ? (uint64_t)(hit - c->a) : n - 1;
    }
    for (; i < n; i++) {
        uint64_t at = (s->down ? n - 1 - i : i) * s->size;

        c->last_a = c->b ? element_get(c->a + at, s->size) : c->key;
        c->last_b = element_get(c->b ? c->b + at : c->a + at, s->size);
        if ((c->last_a == c->last_b) == stop_on_equal) {
            c->decided = true;
            return i + 1;
        }
    }
    return n;
}

void helper_rep_cmps(CPUX86State *env, uint32_t how)
{
    StringOp s = string_open(env, how);
    Side src = { .reg = R_ESI, .seg = STRING_SEG(how) }, dst = { .reg = R_EDI, .seg = R_ES };
    Comparison c = { .decided = false };
    uint64_t n;

    if (count_is_zero(&s, true, true)) {
        return;
    }
    do {
        n = MIN(chunk_limit(&s), side_open(&s, &src));
        n = MIN(n, side_open(&s, &dst));
        c.a = side_host(&s, &src, n);
        c.b = c.a ? side_host(&s, &dst, n) : NULL;
        if (c.b) {
            n = compare_chunk(&s, &c, n);
        } else {
            n = 1;
            c.last_a = side_load(&s, &src);
            c.last_b = side_load(&s, &dst);
            c.decided = (c.last_a == c.last_b) == !!(how & STRING_REPNE);
        }
        reg_move(&s, R_ESI, n);
        reg_move(&s, R_EDI, n);
        if (c.decided) {
            reg_put(&s, R_ECX, reg_get(&s, R_ECX) - n);
            break;
        }
    } while (string_next(&s, n));
    compare_done(env, c.last_a, c.last_b, s.size);
}

void helper_rep_scas(CPUX86State *env, uint32_t how)
{
    StringOp s = string_open(env, how);
    Side dst = { .reg = R_EDI, .seg = R_ES };
    uint64_t mask = s.size == 8 ? ~0ull : (1ull << (s.size * 8)) - 1;
    Comparison c = { .key = env->regs[R_EAX] & mask };
    uint64_t n;

    if (count_is_zero(&s, false, true)) {
        return;
    }
    do {
        n = MIN(chunk_limit(&s), side_open(&s, &dst));
        c.a = side_host(&s, &dst, n);
        if (c.a) {
            n = compare_chunk(&s, &c, n);
        } else {
            n = 1;
            c.last_a = c.key;
            c.last_b = side_load(&s, &dst);
            c.decided = (c.last_a == c.last_b) == !!(how & STRING_REPNE);
        }
        reg_move(&s, R_EDI, n);
        if (c.decided) {
            reg_put(&s, R_ECX, reg_get(&s, R_ECX) - n);
            break;
        }
    } while (string_next(&s, n));
    compare_done(env, c.last_a, c.last_b, s.size);
}

/* ---- INS, OUTS: the permission comes first, then memory, then the port ---- */

static void check_port(const StringOp *s, uint32_t port)
{
    if (s->how & STRING_CHECK_IO) {
        helper_check_io(s->env, port, s->size);
    }
}

static bool io_next(const StringOp *s, uint64_t n)
{
    return !(s->how & STRING_ONCE) && string_next(s, n);
}

/* Upwards, in plain RAM, and nobody watches ports: the device may take what lies in this page at once. */
static uint64_t bulk_limit(const StringOp *s, uint64_t n)
{
    if (s->how & STRING_ONCE || s->down || s->env->dr[7] & 0xff) {
        return 0;
    }
    return MIN(chunk_limit(s), n);
}

void helper_rep_ins(CPUX86State *env, uint32_t how)
{
    StringOp s = string_open(env, how);
    Side dst = { .reg = R_EDI, .seg = R_ES, .write = true };
    uint32_t port = (uint16_t)env->regs[R_EDX];
    uint64_t n;

    if (!(how & STRING_ONCE) && count_is_zero(&s, false, true)) {
        return;
    }
    check_port(&s, port);
    env->jit.smc_repeat = true;
    do {
        uint8_t *p;

        n = bulk_limit(&s, side_open(&s, &dst));
        p = n > 1 ? side_host(&s, &dst, n) : NULL;
        n = p ? port_in_string(port, s.size, p, n) : 0;
        if (!n) {
            n = 1;
            /* The port must not be read when the store would fault. */
            cpu_probe(env, dst.linear, s.size, true, s.mmu_idx);
            side_store(&s, &dst, helper_in(env, port, s.size));
        }
        reg_move(&s, R_EDI, n);
    } while (io_next(&s, n));
    env->jit.smc_repeat = false;
}

void helper_rep_outs(CPUX86State *env, uint32_t how)
{
    StringOp s = string_open(env, how);
    Side src = { .reg = R_ESI, .seg = STRING_SEG(how) };
    uint32_t port = (uint16_t)env->regs[R_EDX];
    uint64_t n;

    if (!(how & STRING_ONCE) && count_is_zero(&s, true, false)) {
        return;
    }
    check_port(&s, port);
    do {
        const uint8_t *p;

        n = bulk_limit(&s, side_open(&s, &src));
        p = n > 1 ? side_host(&s, &src, n) : NULL;
        n = p ? port_out_string(port, s.size, p, n) : 0;
        if (!n) {
            n = 1;
            helper_out(env, port, s.size, (uint32_t)side_load(&s, &src));
        }
        reg_move(&s, R_ESI, n);
    } while (io_next(&s, n));
}
