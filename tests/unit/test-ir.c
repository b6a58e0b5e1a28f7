/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Each operation of the IR by itself, with its operands and results in every kind of place: constants, pinned and
 * unpinned globals, locals that die or live on. The reference is ir-fake.c's own evaluator. Sequences are
 * test-ir-random.c's.
 */
#include "qemu/osdep.h"
#include "ir-fake.h"

/* ---- operands in every place ---- */

/* P_HALF: a 32-bit value that is the low half of a wider one, which dies with it. */
typedef enum Place { P_CONST, P_PINNED, P_UNPINNED, P_DIES, P_LIVES, P_HALF, P__COUNT } Place;

/* Operand n starts in r[n], r[10 + n]; w0 and w1 get their low halves. */
#define OPERANDS 4
static IrTemp operand(IrContext *ir, IrType type, Place p, unsigned n, uint64_t k)
{
    IrTemp r = fake_r(n);

    switch (p) {
    case P_CONST: return ir_const(ir, type, (int64_t)k);
    case P_PINNED: return type == IR_I64 ? r : ir_trunc(ir, r);
    case P_UNPINNED: return type == IR_I64 ? fake_r(10 + n) : n < 2 ? fake_w(n) : ir_trunc(ir, fake_r(10 + n));
    case P_HALF: r = ir_xor(ir, r, fake_r(9)); return type == IR_I64 ? r : ir_trunc(ir, r);
    default: return type == IR_I64 ? ir_xor(ir, r, fake_r(9)) : ir_xor(ir, ir_trunc(ir, r), ir_trunc(ir, fake_r(9)));
    }
}

/* Something that still wants the value. */
static void use_again(IrContext *ir, Place p, IrTemp t, unsigned n)
{
    if (p == P_LIVES) {
        ir_st(ir, t, offsetof(FakeCpu, field) + 8 * n, ir_type(ir, t) == IR_I32 ? IR_MO_32 : IR_MO_64);
    }
}

typedef enum Dest { D_PINNED, D_OPERAND, D_UNPINNED, D_STATE, D__COUNT } Dest;

static void deliver(IrContext *ir, Dest d, IrTemp v, unsigned n)
{
    IrType type = ir_type(ir, v);

    if (d == D_STATE) {
        ir_st(ir, v, offsetof(FakeCpu, field) + 40 + 8 * n, type == IR_I32 ? IR_MO_32 : IR_MO_64);
    } else if (type == IR_I32 && d == D_UNPINNED) {
        ir_mov(ir, fake_w(2), v);
    } else {
        ir_mov(ir, d == D_PINNED ? fake_r(5 + n) : d == D_OPERAND ? fake_r(n) : fake_r(14 + n),
               type == IR_I64 ? v : ir_ext(ir, IR_I64, IR_U32, v));
    }
}

static IrContext *begin(void)
{
    IrContext *ir = fake_begin();

    ir_insn_start(ir, BLOCK_EIP);
    ir_mov(ir, fake_w(0), ir_trunc(ir, fake_r(0)));
    ir_mov(ir, fake_w(1), ir_trunc(ir, fake_r(1)));
    return ir;
}

/* States whose first operands run through interesting pairs. */
static void check_pairs(IrContext *ir, unsigned n)
{
    static uint64_t r[32][16];
    FakeState st[32];
    uint64_t seed = 12345;

    g_assert_cmpuint(n, <=, ARRAY_SIZE(st));
    ir_exit_chain(ir, 0x400200, 0, 0);
    for (unsigned i = 0; i < n; i++) {
        for (unsigned k = 0; k < OPERANDS; k++) {
            r[i][k] = r[i][10 + k] = fake_interesting(&seed);
        }
        if (i % 4 == 1) {
            r[i][1] = r[i][11] = r[i][0];
        } else if (i % 4 == 2) {
            r[i][1] = r[i][11] = fake_random(&seed) >> 58;      /* as a shift count or a small number */
        }
        r[i][9] = 0;
        st[i] = (FakeState) { .seed = i + 1, .r = r[i], .n_r = 16 };
    }
    fake_check(ir, st, n);
}

/* ---- scalar operations ---- */

typedef struct Op2 {
    const char *name;
    IrTemp (*fn)(IrContext *, IrTemp, IrTemp);
    bool shift;
} Op2;
static const Op2 op2s[] = {
    { "add", ir_add, false }, { "sub", ir_sub, false }, { "and", ir_and, false }, { "or", ir_or, false },
    { "xor", ir_xor, false },
    { "andc", ir_andc, false }, { "mul", ir_mul, false }, { "shl", ir_shl, true }, { "shr", ir_shr, true },
    { "sar", ir_sar, true },
    { "rotl", ir_rotl, true }, { "rotr", ir_rotr, true },
};
static const uint64_t constants[] = { 0, 1, 2, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
    0x123456789a, ~0ull, 1ull << 63 };

static void binary_once(const Op2 *o, IrType type, Place pa, Place pb, Dest d, uint64_t ka, uint64_t kb)
{
    IrContext *ir = begin();
    unsigned width = type == IR_I32 ? 32 : 64;
    IrTemp a = operand(ir, type, pa, 0, ka), b = operand(ir, type, pb, 1, o->shift ? kb % width : kb), r;

    if (o->shift && pb != P_CONST) {
        b = ir_andi(ir, b, width - 1);
    }
    r = o->fn(ir, a, b);
    deliver(ir, d, r, 0);
    use_again(ir, pa, a, 0);
    use_again(ir, pb, b, 1);
    check_pairs(ir, pa == P_CONST && pb == P_CONST ? 1 : pb == P_CONST || pa == P_CONST ? 6 : 24);
}

static void test_binary_operations(void)
{
    for (unsigned o = 0; o < ARRAY_SIZE(op2s); o++) {
        for (unsigned i = 0; i < 2 * P__COUNT * P__COUNT * D__COUNT; i++) {
            IrType type = i & 1 ? IR_I64 : IR_I32;
            Place pa = (Place)(i / 2 % P__COUNT), pb = (Place)(i / 2 / P__COUNT % P__COUNT);
            Dest d = (Dest)(i / 2 / P__COUNT / P__COUNT);
            bool any_const = pa == P_CONST || pb == P_CONST;

            for (unsigned k = 0; k < (any_const ? ARRAY_SIZE(constants) : 1); k++) {
                binary_once(&op2s[o], type, pa, pb, d, constants[k], constants[(k * 5 + 3) % ARRAY_SIZE(constants)]);
            }
        }
    }
}

static void test_operand_used_twice(void)
{
    for (unsigned o = 0; o < ARRAY_SIZE(op2s); o++) {
        for (unsigned i = 0; i < 2 * (P__COUNT - 1) * D__COUNT; i++) {
            IrType type = i & 1 ? IR_I64 : IR_I32;
            Place p = (Place)(1 + i / 2 % (P__COUNT - 1));
            IrContext *ir = begin();
            IrTemp a = operand(ir, type, p, 0, 0);

            if (op2s[o].shift) {
                a = ir_andi(ir, a, type == IR_I32 ? 31 : 63);
            }
            deliver(ir, (Dest)(i / 2 / (P__COUNT - 1)), op2s[o].fn(ir, a, a), 0);
            use_again(ir, p, a, 0);
            check_pairs(ir, 16);
        }
    }
}

static void test_unary_operations(void)
{
    static IrTemp (*const fns[])(IrContext *, IrTemp) = { ir_neg, ir_not, ir_clz, ir_ctz, ir_popcnt, ir_bswap };

    for (unsigned o = 0; o < ARRAY_SIZE(fns); o++) {
        for (unsigned i = 0; i < 2 * P__COUNT * D__COUNT * 4; i++) {
            Place p = (Place)(i / 2 % P__COUNT);
            IrContext *ir = begin();
            IrTemp a = operand(ir, i & 1 ? IR_I64 : IR_I32, p, 0, fake_values[i % fake_n_values]);

            deliver(ir, (Dest)(i / 2 / P__COUNT % D__COUNT), fns[o](ir, a), 0);
            use_again(ir, p, a, 0);
            check_pairs(ir, 16);
        }
    }
}

static void test_wide_products(void)
{
    for (unsigned i = 0; i < 2 * 2 * P__COUNT * P__COUNT * D__COUNT * 3; i++) {
        Place pa = (Place)(i / 4 % P__COUNT), pb = (Place)(i / 4 / P__COUNT % P__COUNT);
        Dest d = (Dest)(i / 4 / P__COUNT / P__COUNT % D__COUNT);
        unsigned wanted = i / 4 / P__COUNT / P__COUNT / D__COUNT;        /* both halves, low, high */
        IrType type = i & 1 ? IR_I64 : IR_I32;
        IrContext *ir = begin();
        IrTemp a = operand(ir, type, pa, 0, 0x8000000000000001), b = operand(ir, type, pb, 1, 0xfffffffffffffffd);
        IrTemp lo, hi;

        (i & 2 ? ir_mulu2 : ir_muls2)(ir, &lo, &hi, a, b);
        if (wanted != 2) {
            deliver(ir, d, lo, 0);
        }
        if (wanted != 1) {
            deliver(ir, d, hi, 1);
        }
        use_again(ir, pa, a, 0);
        use_again(ir, pb, b, 1);
        check_pairs(ir, 16);
    }
}

static void test_widening_and_truncation(void)
{
    for (unsigned i = 0; i < 2 * 2 * P__COUNT * D__COUNT * 6; i++) {
        Place p = (Place)(i / 4 % P__COUNT);
        Dest d = (Dest)(i / 4 / P__COUNT % D__COUNT);
        IrExt kind = (IrExt)(i / 4 / P__COUNT / D__COUNT);
        IrContext *ir = begin();
        IrTemp a = operand(ir, i & 1 ? IR_I64 : IR_I32, p, 0, 0xfffffffffffff380);

        deliver(ir, d, ir_ext(ir, i & 2 ? IR_I64 : IR_I32, kind, a), 0);
        use_again(ir, p, a, 0);
        check_pairs(ir, 16);
    }
}

static void test_truncated_values_have_no_upper_half(void)
{
    for (unsigned i = 0; i < 6; i++) {
        IrContext *ir = begin();
        IrTemp t = ir_trunc(ir, i & 1 ? fake_r(0) : fake_r(10));

        switch (i / 2) {
        case 0: deliver(ir, D_PINNED, ir_ext(ir, IR_I64, IR_U32, t), 0); break;
        case 1:
            t = ir_movcond(ir, IR_LT, t, fake_w(1), t, fake_w(0));
            deliver(ir, D_PINNED, ir_ext(ir, IR_I64, IR_U32, t), 0);
            break;
        default:
            ir_mov(ir, fake_w(0), t);
            deliver(ir, D_UNPINNED, ir_add(ir, ir_ext(ir, IR_I64, IR_U32, fake_w(0)), fake_r(1)), 0);
            break;
        }
        check_pairs(ir, 16);
    }
}

static void field_once(IrType type, unsigned pos, unsigned len, Place pa, Place pb)
{
    IrContext *ir = begin();
    IrTemp a = operand(ir, type, pa, 0, 0), b = operand(ir, type, pb, 1, 0x123456789abcdef);

    deliver(ir, (Dest)(pos % D__COUNT), ir_deposit(ir, a, b, pos, len), 0);
    if (pa == P_LIVES) {
        ir_mov(ir, fake_cc(0), ir_ext(ir, IR_I64, IR_U32, ir_ext(ir, IR_I32, IR_U32, ir_extract(ir, a, pos, len))));
        ir_mov(ir, fake_cc(1), ir_ext(ir, IR_I64, IR_U32, ir_sextract(ir, a, pos, len)));
    }
    use_again(ir, pa, a, 0);
    use_again(ir, pb, b, 1);
    check_pairs(ir, 4);
}

static void fields_of_width(IrType type, unsigned width)
{
    for (unsigned len = 1; len <= width; len++) {
        for (unsigned pos = 0; pos + len <= width; pos += width == 64 && len % 8 ? 3 : 1) {
            for (unsigned pa = P_PINNED; pa < P__COUNT && len % 8 == 0 && pos % 8 == 0; pa++) {
                field_once(type, pos, len, (Place)pa, (Place)((pos / 8 + len / 8 + pa) % P__COUNT));
            }
            field_once(type, pos, len, P_LIVES, (Place)((pos / 3 + len) % P__COUNT));
        }
    }
}

static void test_every_field(void)
{
    fields_of_width(IR_I32, 32);
    fields_of_width(IR_I64, 64);
}

static void test_field_of_itself(void)
{
    for (unsigned pos = 0; pos <= 24; pos += 8) {
        IrContext *ir = begin();

        ir_mov(ir, fake_r(0), ir_deposit(ir, fake_r(0), fake_r(0), pos, 8));        /* mov ah, al */
        ir_mov(ir, fake_r(11), ir_deposit(ir, fake_r(11), fake_r(11), pos, 16));
        check_pairs(ir, 16);
    }
}

/* ---- conditions ---- */

typedef enum Consumer { USE_SETCOND, USE_MOVCOND, USE_BRCOND, USE_EXIT, USE__COUNT } Consumer;

static void consume(IrContext *ir, Consumer use, IrCond c, IrTemp a, IrTemp b, unsigned i)
{
    static const uint64_t k[2] = { 0x77, 0xffffffff80000000 };
    IrLabel l;

    switch (use) {
    case USE_SETCOND:
        deliver(ir, (Dest)(i % D__COUNT), ir_setcond(ir, c, a, b), 0);
        break;
    case USE_MOVCOND: {
        IrType type = i & 1 ? IR_I32 : IR_I64;
        IrTemp t = operand(ir, type, (Place)(i / 2 % P__COUNT), 2, k[0]),
            f = operand(ir, type, (Place)(i / 8 % P__COUNT), 3, k[1]);

        deliver(ir, (Dest)(i % D__COUNT), ir_movcond(ir, c, a, b, t, f), 0);
        break;
    }
    case USE_BRCOND:
        l = ir_label_new(ir);
        ir_mov(ir, fake_cc(1), ir_const(ir, IR_I64, 1));
        ir_brcond(ir, c, a, b, l);
        ir_mov(ir, fake_cc(1), ir_const(ir, IR_I64, 2));
        ir_mov(ir, fake_r(6), fake_r(7));
        ir_label_set(ir, l);
        ir_mov(ir, fake_cc(2), fake_cc(1));
        break;
    default:
        ir_mov(ir, fake_cc(1), ir_const(ir, IR_I64, 1));
        ir_exit_chain_if(ir, c, a, b, 0x400300, i & 3, i & 4 ? 1ull << fake_cc(0) : 0);
        ir_mov(ir, fake_cc(1), ir_const(ir, IR_I64, 2));
        break;
    }
}

static void test_conditions(void)
{
    static const uint64_t k[] = { 0, 1, 0x40, 0x80, 0xffffffff, 0x80000000, 0x123456789 };

    for (unsigned i = 0; i < USE__COUNT * IR_COND__COUNT * 2 * P__COUNT * P__COUNT; i++) {
        Consumer use = (Consumer)(i % USE__COUNT);
        IrCond c = (IrCond)(i / USE__COUNT % IR_COND__COUNT);
        IrType type = i / USE__COUNT / IR_COND__COUNT % 2 ? IR_I64 : IR_I32;
        unsigned places = i / USE__COUNT / IR_COND__COUNT / 2;

        for (unsigned n = 0; n < (places < P__COUNT || places % P__COUNT == 0 ? ARRAY_SIZE(k) : 1); n++) {
            IrContext *ir = begin();
            IrTemp a = operand(ir, type, (Place)(places % P__COUNT), 0, k[6 - n]),
                b = operand(ir, type, (Place)(places / P__COUNT), 1, k[n]);

            consume(ir, use, c, a, b, i + n * 7);
            check_pairs(ir, 12);
        }
    }
}

/* The host's flags of the operation before may serve: they must be the right ones. */
static void test_conditions_after_arithmetic(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(op2s) * USE__COUNT * IR_COND__COUNT * 4; i++) {
        const Op2 *o = &op2s[i % ARRAY_SIZE(op2s)];
        IrCond c = (IrCond)(i / ARRAY_SIZE(op2s) % IR_COND__COUNT);
        Consumer use = (Consumer)(i / ARRAY_SIZE(op2s) / IR_COND__COUNT % USE__COUNT);
        unsigned how = i / ARRAY_SIZE(op2s) / IR_COND__COUNT / USE__COUNT;
        IrType type = how & 1 ? IR_I64 : IR_I32;
        IrContext *ir = begin();
        IrTemp a = operand(ir, type, P_DIES, 0, 0), b = operand(ir, type, P_PINNED, 1, 0), r;

        r = o->fn(ir, a, o->shift ? how & 2 ? ir_const(ir, type, 3) : ir_andi(ir, b, 31) : b);
        if (how & 2) {
            ir_mov(ir, type == IR_I64 ? fake_r(4) : fake_w(2), r);
        }
        consume(ir, use, c, r, ir_const(ir, type, 0), i / 3);
        check_pairs(ir, 12);
    }
}

/* ---- CPU state ---- */

static void test_state_loads_and_stores(void)
{
    for (unsigned i = 0; i < 2 * 4 * 2 * P__COUNT * D__COUNT; i++) {
        IrType type = i & 1 ? IR_I64 : IR_I32;
        unsigned size = i / 2 % 4;
        Place p = (Place)(i / 16 % P__COUNT);
        IrContext *ir = begin();
        IrTemp v;

        if (type == IR_I32 && size == 3) {
            continue;
        }
        v = operand(ir, type, p, 0, 0x8182838485868788);
        deliver(ir, (Dest)(i / 16 / P__COUNT), ir_ld(ir, type, offsetof(FakeCpu, field) + 16,
                                                     (IrMemOp)(size | (i & 8 ? IR_MO_SIGN : 0))), 0);
        ir_st(ir, v, offsetof(FakeCpu, field) + 19, (IrMemOp)size);
        check_pairs(ir, 6);
    }
}

static void test_vector_operations(void)
{
    for (unsigned i = 0; i < fake_n_vec_ops * 16; i++) {
        IrContext *ir = begin();
        IrTemp live = ir_add(ir, fake_r(0), fake_r(11));

        ir_vec(ir, &fake_vec_ops[i / 16], offsetof(FakeCpu, xmm[i % 4]), offsetof(FakeCpu, xmm[i / 4 % 4]),
               (uint8_t)(i * 37));
        ir_mov(ir, fake_r(4), live);
        check_pairs(ir, 4);
    }
}

/* ---- guest memory ---- */

/* Addresses: in a page, at its end, crossing into one that is slow to write, absent, faulting; outside. */
static const uint32_t offsets[] = { 0, 8, 0xff8, 0xffd, 0xfff, 0x1010, 0x1ffe, 0x2004, 0x2ffe, 0x3000, 0x3ffc, 0x4ff1,
    0x4fff, 0x8001 };

static void memory_states(IrContext *ir)
{
    static uint64_t r[ARRAY_SIZE(offsets) * 2][16];
    FakeState st[ARRAY_SIZE(offsets) * 2];
    uint64_t seed = 99;

    ir_exit_jump(ir, fake_r(8), 0);
    for (unsigned i = 0; i < ARRAY_SIZE(st); i++) {
        for (unsigned k = 0; k < 16; k++) {
            r[i][k] = fake_interesting(&seed);
        }
        r[i][0] = r[i][10] = MEM_BASE + offsets[i / 2];
        r[i][9] = 0;
        st[i] = (FakeState) { .seed = i + 77, .faults = i & 1, .jc_hits = true, .r = r[i], .n_r = 16 };
    }
    fake_check(ir, st, ARRAY_SIZE(st));
}

/* Dirty globals of each kind, so that what a fault must find in memory is not there yet. */
static IrTemp make_dirty(IrContext *ir)
{
    IrTemp t = ir_add(ir, fake_r(4), fake_r(12));

    ir_mov(ir, fake_r(12), t);                          /* in a scratch register, and a copy of a local */
    ir_mov(ir, fake_cc(0), ir_const(ir, IR_I64, 42));
    ir_mov(ir, fake_cc(1), ir_const(ir, IR_I64, (int64_t)0x8123456789abcdef));
    ir_mov(ir, fake_cc(2), fake_r(5));                  /* a copy of a pinned one, which changes */
    ir_mov(ir, fake_r(5), ir_addi(ir, fake_r(5), 1));
    ir_mov(ir, fake_w(2), ir_trunc(ir, t));
    return t;
}

static void test_guest_loads(void)
{
    for (unsigned i = 0; i < 2 * 4 * 2 * 2 * P__COUNT * D__COUNT; i++) {
        IrType type = i & 1 ? IR_I64 : IR_I32;
        unsigned size = i / 2 % 4;
        IrMemOp mo = (IrMemOp)(size | (i & 8 ? IR_MO_SIGN : 0) | (i & 16 ? IR_MO_RMW : 0) | IR_MO_MMU(i % JIT_NB_MMU)
                               | (i % 7 == 6 ? IR_MO_ALIGN : 0));
        Place p = (Place)(i / 32 % P__COUNT);
        IrContext *ir;
        IrTemp a, live;

        if (type == IR_I32 && size == 3) {
            continue;
        }
        ir = begin();
        ir_insn_start(ir, BLOCK_EIP + 3);
        live = i % 3 ? make_dirty(ir) : fake_r(1);
        a = operand(ir, IR_I64, p, 0, MEM_BASE + offsets[i % ARRAY_SIZE(offsets)]);
        ir_insn_start(ir, BLOCK_EIP + 7);
        deliver(ir, (Dest)(i / 32 / P__COUNT), ir_gld(ir, type, a, mo), 0);
        ir_insn_start(ir, BLOCK_EIP + 9);
        use_again(ir, p, a, 0);
        ir_mov(ir, fake_r(13), live);
        memory_states(ir);
    }
}

static void test_guest_stores(void)
{
    for (unsigned i = 0; i < 2 * 4 * 2 * P__COUNT * P__COUNT; i++) {
        IrType type = i & 1 ? IR_I64 : IR_I32;
        unsigned size = i / 2 % 4;
        IrMemOp mo = (IrMemOp)(size | IR_MO_MMU(i % JIT_NB_MMU) | (i % 7 == 6 ? IR_MO_ALIGN : 0));
        Place pa = (Place)(i / 16 % P__COUNT), pv = (Place)(i / 16 / P__COUNT);
        IrContext *ir;
        IrTemp a, v, live;

        if (type == IR_I32 && size == 3) {
            continue;
        }
        ir = begin();
        live = i & 8 ? make_dirty(ir) : fake_r(1);
        a = operand(ir, IR_I64, pa, 0, MEM_BASE + offsets[i % ARRAY_SIZE(offsets)]);
        v = operand(ir, type, pv, 1, i % 3 ? 0x81 : 0x8182838485868788);
        ir_insn_start(ir, BLOCK_EIP + 7);
        ir_gst(ir, a, v, mo);
        use_again(ir, pa, a, 0);
        use_again(ir, pv, v, 1);
        ir_mov(ir, fake_r(13), live);
        memory_states(ir);
    }
}

static void test_store_of_its_own_address(void)
{
    for (unsigned p = P_PINNED; p < P__COUNT; p++) {
        IrContext *ir = begin();
        IrTemp a = operand(ir, IR_I64, (Place)p, 0, 0);

        ir_gst(ir, a, a, IR_MO_64);
        use_again(ir, (Place)p, a, 0);
        memory_states(ir);
    }
}

static void test_wide_guest_accesses(void)
{
    for (unsigned i = 0; i < 2 * 2 * 2 * P__COUNT; i++) {
        IrMemOp mo = (IrMemOp)(IR_MO_128 | IR_MO_MMU(i % JIT_NB_MMU) | (i & 4 ? IR_MO_ALIGN : 0));
        Place p = (Place)(i / 8);
        IrContext *ir = begin();
        IrTemp live = i & 1 ? make_dirty(ir) : fake_r(1), a = operand(ir, IR_I64, p, 0, MEM_BASE + 0xff1);

        ir_insn_start(ir, BLOCK_EIP + 7);
        (i & 2 ? ir_gldv : ir_gstv)(ir, offsetof(FakeCpu, xmm[1]), a, mo);
        use_again(ir, p, a, 0);
        ir_mov(ir, fake_r(13), live);
        memory_states(ir);
    }
}

static void test_atomics(void)
{
    for (unsigned i = 0; i < 2 * 4 * 2 * 6 * P__COUNT; i++) {
        IrType type = i & 1 ? IR_I64 : IR_I32;
        unsigned size = i / 2 % 4, kind = i / 16 % 6;
        IrMemOp mo = (IrMemOp)(size | (i & 8 ? IR_MO_SIGN : 0) | IR_MO_MMU(i % JIT_NB_MMU));
        Place p = (Place)(i / 96);
        IrContext *ir;
        IrTemp a, v, r, live;

        if (type == IR_I32 && size == 3) {
            continue;
        }
        ir = begin();
        live = make_dirty(ir);
        a = operand(ir, IR_I64, p, 0, MEM_BASE + 0x4ff);
        v = operand(ir, type, p, 1, 0x1234567890);
        ir_insn_start(ir, BLOCK_EIP + 7);
        r = kind < 5 ? ir_atomic_rmw(ir, (IrRmw)kind, a, v, mo)
            : ir_atomic_cas(ir, a, operand(ir, type, P_LIVES, 2, 0), v, mo);
        ir_fence(ir);
        deliver(ir, (Dest)(i % D__COUNT), r, 0);
        ir_mov(ir, fake_r(13), live);
        memory_states(ir);
    }
}

/* ---- calls ---- */

static void test_calls(void)
{
    for (unsigned i = 0; i < fake_n_helpers * P__COUNT * P__COUNT * 2; i++) {
        unsigned n = i % fake_n_helpers;
        const IrHelper *h = &fake_helpers[n];
        Place p = (Place)(i / fake_n_helpers % P__COUNT), q = (Place)(i / fake_n_helpers / P__COUNT % P__COUNT);
        IrContext *ir = begin();
        IrTemp live = i / fake_n_helpers / P__COUNT / P__COUNT ? make_dirty(ir) : fake_r(1),
            other = ir_mul(ir, live, fake_r(2)), a[5] = { 0 }, r;

        for (unsigned k = 0; k < h->nargs; k++) {
            a[k] = operand(ir, fake_helper_types[n][k] == '3' ? IR_I32 : IR_I64, k & 1 ? q : p, k % OPERANDS,
                           0x8000000080000000 + k);
        }
        ir_insn_start(ir, BLOCK_EIP + 7);
        r = ir_call(ir, h, a[0], a[1], a[2], a[3], a[4]);
        ir_insn_start(ir, BLOCK_EIP + 12);
        for (unsigned k = 0; k < h->nargs && k < 3; k++) {
            use_again(ir, k & 1 ? q : p, a[k], k);
        }
        if (r != IR_NONE) {
            deliver(ir, (Dest)(i % D__COUNT), r, 0);
        }
        ir_mov(ir, fake_r(13), live);
        ir_mov(ir, fake_cc(3), other);
        ir_exit_loop(ir);
        fake_check_many(ir, i);
    }
}

/* ---- exits ---- */

static void test_exits(void)
{
    static const uint64_t eips[] = { 0x400200, 0xffffffff80001000, 0x7fffffff, 0x80000000, 0x123456789abc };

    for (unsigned i = 0; i < 6 * 4 * 8 * ARRAY_SIZE(eips); i++) {
        uint64_t eip = eips[i / 192], dead = i & 4 ? (1ull << fake_r(5) | 1ull << fake_cc(0) | 1ull << fake_w(2)) : 0;
        IrContext *ir = begin();
        IrTemp live = i & 8 ? make_dirty(ir) : fake_r(1);

        if (i & 16) {
            ir_exit_chain_if(ir, IR_LT, fake_r(0), fake_r(11), 0x400400, i & 3, dead);
            ir_mov(ir, fake_cc(3), live);
        }
        switch (i / 32 % 6) {
        case 0: ir_exit_loop(ir); break;
        case 5: ir_exit_lookup(ir); break;
        case 1: ir_exit_loop_at(ir, eip); break;
        case 2: ir_exit_jump(ir, operand(ir, IR_I64, (Place)(i % P__COUNT), 0, eip), dead); break;
        default: ir_exit_chain(ir, eip, i & 3, dead); break;
        }
        fake_check_many(ir, i);
    }
}

static void test_jump_cache_is_probed_by_address_and_mode(void)
{
    for (unsigned p = 0; p < P__COUNT; p++) {
        IrContext *ir = begin();

        make_dirty(ir);
        ir_exit_jump(ir, operand(ir, IR_I64, (Place)p, 0, 0x123456789), 0);
        fake_check_many(ir, p);
    }
}

/* ---- control flow, pressure, limits ---- */

static void test_variables_across_labels(void)
{
    for (unsigned i = 0; i < 16; i++) {
        IrContext *ir = begin();
        IrTemp v64 = ir_var_new(ir, IR_I64), v32 = ir_var_new(ir, IR_I32);
        IrLabel join = ir_label_new(ir), other = ir_label_new(ir);

        ir_mov(ir, v64, i & 1 ? ir_const(ir, IR_I64, (int64_t)0x8765432112345678) : fake_r(2));
        ir_mov(ir, v32, i & 2 ? ir_const(ir, IR_I32, -7) : fake_w(2));
        ir_brcond(ir, IR_LTU, fake_r(0), fake_r(1), other);
        ir_mov(ir, v64, ir_add(ir, v64, fake_r(12)));
        if (i & 4) {
            ir_mov(ir, v32, ir_trunc(ir, v64));
        }
        ir_br(ir, join);
        ir_label_set(ir, other);
        ir_mov(ir, v64, ir_mul(ir, v64, v64));
        if (i & 8) {
            ir_mov(ir, fake_r(12), v64);
        }
        ir_label_set(ir, join);
        ir_mov(ir, fake_r(4), v64);
        ir_mov(ir, fake_r(14), ir_ext(ir, IR_I64, IR_S32, v32));
        check_pairs(ir, 16);
    }
}

static void test_more_values_than_registers(void)
{
    for (unsigned n = 2; n <= 100; n += 7) {
        IrContext *ir = begin();
        IrTemp t[100] = { 0 }, sum = fake_r(0);

        for (unsigned i = 0; i < n; i++) {
            t[i] = ir_mul(ir, ir_addi(ir, fake_r(i % N_R), i), fake_r((i + 3) % N_R));
        }
        ir_gst(ir, ir_const(ir, IR_I64, MEM_BASE + 0x1004), t[0], IR_MO_64);
        for (unsigned i = 0; i < n; i++) {
            sum = ir_xor(ir, ir_shli(ir, sum, 1), t[(i * 31) % n]);
        }
        ir_mov(ir, fake_r(4), sum);
        check_pairs(ir, 8);
    }
}

static void test_copies_survive_their_original(void)
{
    for (unsigned n = 2; n <= 15; n++) {
        IrContext *ir = begin();
        IrTemp t = ir_add(ir, fake_r(0), fake_r(11));

        for (unsigned i = 1; i < n; i++) {
            ir_mov(ir, fake_r(i), i & 1 ? fake_r(i - 1) : t);       /* chains of copies */
        }
        ir_mov(ir, fake_r(0), ir_addi(ir, t, 5));
        ir_gst(ir, ir_const(ir, IR_I64, MEM_BASE + 0x1004), fake_r(n - 1), IR_MO_64);
        ir_mov(ir, fake_r(n / 2), fake_r(15));
        check_pairs(ir, 8);
    }
}

static void test_exchange(void)
{
    static const unsigned pairs[][2] = { { 0, 1 }, { 0, 12 }, { 12, 13 }, { 12, 0 }, { 5, 9 } };

    for (unsigned i = 0; i < ARRAY_SIZE(pairs); i++) {
        IrContext *ir = begin();
        IrTemp t = ir_addi(ir, fake_r(pairs[i][0]), 0), u = ir_or(ir, fake_r(pairs[i][1]), ir_const(ir, IR_I64, 0));

        t = ir_or(ir, t, ir_const(ir, IR_I64, 0));
        ir_mov(ir, fake_r(pairs[i][0]), u);
        ir_mov(ir, fake_r(pairs[i][1]), t);
        check_pairs(ir, 4);
    }
}

static void test_longest_block_fits_or_overflows(void)
{
    IrContext *ir = fake_begin();

    while (!ir_overflow(ir)) {
        ir_mov(ir, fake_r(0), ir_add(ir, fake_r(0), fake_r(12)));
    }
    g_assert_cmpuint(ir_num_ops(ir), <=, IR_MAX_OPS);
    ir = begin();
    for (unsigned i = 0; i < 900; i++) {
        ir_mov(ir, fake_r(i % 16), ir_add(ir, fake_r(i * 7 % 16), fake_r(i * 5 % 16)));
    }
    check_pairs(ir, 4);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ir/scalar/binary", test_binary_operations);
    g_test_add_func("/ir/scalar/same-operand-twice", test_operand_used_twice);
    g_test_add_func("/ir/scalar/unary", test_unary_operations);
    g_test_add_func("/ir/scalar/wide-products", test_wide_products);
    g_test_add_func("/ir/scalar/widening-and-truncation", test_widening_and_truncation);
    g_test_add_func("/ir/scalar/truncated-values-have-no-upper-half", test_truncated_values_have_no_upper_half);
    g_test_add_func("/ir/scalar/every-field", test_every_field);
    g_test_add_func("/ir/scalar/field-of-itself", test_field_of_itself);
    g_test_add_func("/ir/condition/all", test_conditions);
    g_test_add_func("/ir/condition/after-arithmetic", test_conditions_after_arithmetic);
    g_test_add_func("/ir/state/loads-and-stores", test_state_loads_and_stores);
    g_test_add_func("/ir/state/vector", test_vector_operations);
    g_test_add_func("/ir/memory/loads", test_guest_loads);
    g_test_add_func("/ir/memory/stores", test_guest_stores);
    g_test_add_func("/ir/memory/store-of-its-own-address", test_store_of_its_own_address);
    g_test_add_func("/ir/memory/wide", test_wide_guest_accesses);
    g_test_add_func("/ir/memory/atomic", test_atomics);
    g_test_add_func("/ir/call/all", test_calls);
    g_test_add_func("/ir/exit/all", test_exits);
    g_test_add_func("/ir/exit/jump-cache-is-probed-by-address-and-mode", test_jump_cache_is_probed_by_address_and_mode);
    g_test_add_func("/ir/flow/variables-across-labels", test_variables_across_labels);
    g_test_add_func("/ir/pressure/more-values-than-registers", test_more_values_than_registers);
    g_test_add_func("/ir/pressure/copies-survive-their-original", test_copies_survive_their_original);
    g_test_add_func("/ir/pressure/exchange", test_exchange);
    g_test_add_func("/ir/limits/longest-block-fits-or-overflows", test_longest_block_fits_or_overflows);
    return g_test_run();
}
