/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random programs: what the reference computes from a list as written, the back end must compute after every set of
 * passes.
 *
 * IR_SEED=0x.. runs one program (a failure prints its seed), IR_RUNS=n another number of them, IR_PASSES=0..6 one set
 * of passes, IR_OLD_HOST=1 the code for an old host.
 */
#include "qemu/osdep.h"
#include "ir-fake.h"

#define MAX_POOL 96
#define N_VARS   3
#define MAX_OPEN 4
#define SP       4

enum { NEED_LABELS = 1, NEED_MEMORY = 2, NEED_CALLS = 4 };

typedef struct Gen {
    IrContext *ir;
    uint64_t seed;
    IrTemp pool[2][MAX_POOL];       /* locals, per type */
    unsigned n_pool[2];
    IrTemp var[2][N_VARS];
    IrLabel open[MAX_OPEN];
    unsigned n_open;
    unsigned have;                  /* NEED_x */
    unsigned n_exits;
    uint64_t pc;
    IrTemp sp;                      /* a pinned global that mostly points to memory */
} Gen;

static unsigned pick(Gen *g, unsigned n)
{
    return (unsigned)((fake_random(&g->seed) >> 33) % n);
}

static bool chance(Gen *g, unsigned percent)
{
    return pick(g, 100) < percent;
}

static IrTemp keep(Gen *g, IrTemp t)
{
    unsigned type = ir_type(g->ir, t);

    if (g->n_pool[type] < MAX_POOL) {
        g->pool[type][g->n_pool[type]++] = t;
    } else {
        g->pool[type][pick(g, MAX_POOL)] = t;
    }
    return t;
}

static IrTemp any_global(Gen *g, IrType type)
{
    return type == IR_I32 ? fake_w(pick(g, N_W)) : pick(g, N_R + N_CC);
}

/* Any to write to: the one that points to memory is left alone most of the time. */
static IrTemp target_global(Gen *g, IrType type)
{
    IrTemp t = any_global(g, type);

    return t == g->sp && chance(g, 80) ? fake_r(0) : t;
}

/* Something of this type that has a value. Recent locals are likelier, so that others die early. */
static IrTemp value(Gen *g, IrType type)
{
    unsigned n = g->n_pool[type];

    switch (pick(g, 10)) {
    case 0: case 1: return ir_const(g->ir, type, (int64_t)fake_interesting(&g->seed));
    case 2: case 3: return any_global(g, type);
    case 4:
        if (g->have & NEED_LABELS) {
            return g->var[type][pick(g, N_VARS)];
        }
        break;
    case 5:
        if (n) {
            return g->pool[type][pick(g, n)];
        }
        break;
    default: break;
    }
    return n ? g->pool[type][n - 1 - pick(g, MIN(n, 6u))] : any_global(g, type);
}

static IrType any_type(Gen *g)
{
    return pick(g, 3) ? IR_I64 : IR_I32;
}

static void assign(Gen *g)
{
    IrType type = any_type(g);
    IrTemp v = value(g, type);

    if ((g->have & NEED_LABELS) && chance(g, 40)) {
        ir_mov(g->ir, g->var[type][pick(g, N_VARS)], v);
    } else {
        ir_mov(g->ir, target_global(g, type), v);
    }
}

/* The result often goes straight to a global, as front ends do. */
static void result(Gen *g, IrTemp t)
{
    keep(g, t);
    if (chance(g, 35)) {
        if (ir_type(g->ir, t) == IR_I32 && chance(g, 60)) {
            t = ir_ext(g->ir, IR_I64, IR_U32, t);
        }
        ir_mov(g->ir, target_global(g, ir_type(g->ir, t)), t);
    }
}

static void gen_binary(Gen *g)
{
    static IrTemp (*const fns[])(IrContext *, IrTemp, IrTemp) = { ir_add, ir_sub, ir_and, ir_or, ir_xor, ir_andc,
        ir_mul, ir_add, ir_sub, ir_and };
    IrType type = any_type(g);
    IrTemp a = value(g, type), b = chance(g, 10) ? a : value(g, type);

    result(g, fns[pick(g, ARRAY_SIZE(fns))](g->ir, a, b));
}

static void gen_unary(Gen *g)
{
    static IrTemp (*const fns[])(IrContext *, IrTemp) = { ir_neg, ir_not, ir_clz, ir_ctz, ir_popcnt, ir_bswap };

    result(g, fns[pick(g, ARRAY_SIZE(fns))](g->ir, value(g, any_type(g))));
}

static void gen_shift(Gen *g)
{
    static IrTemp (*const fns[])(IrContext *, IrTemp, IrTemp) = { ir_shl, ir_shr, ir_sar, ir_rotl, ir_rotr };
    IrType type = any_type(g);
    unsigned width = type == IR_I32 ? 32 : 64;
    IrTemp a = value(g, type), n;

    n = chance(g, 50) ? ir_const(g->ir, type, pick(g, width)) : ir_andi(g->ir, value(g, type), width - 1);
    result(g, fns[pick(g, ARRAY_SIZE(fns))](g->ir, a, n));
}

static void gen_field(Gen *g)
{
    IrType type = any_type(g);
    unsigned width = type == IR_I32 ? 32 : 64, len = chance(g, 50) ? 8u << pick(g, 2) : 1 + pick(g, width),
        pos = pick(g, width - len + 1);

    pos = chance(g, 30) ? 0 : chance(g, 40) && pos > 8 && len <= width - 8 ? 8 : pos;
    switch (pick(g, 3)) {
    case 0: result(g, ir_deposit(g->ir, value(g, type), value(g, type), pos, len)); break;
    case 1: result(g, ir_extract(g->ir, value(g, type), pos, len)); break;
    default: result(g, ir_sextract(g->ir, value(g, type), pos, len)); break;
    }
}

static void gen_convert(Gen *g)
{
    if (chance(g, 25)) {
        result(g, ir_trunc(g->ir, value(g, IR_I64)));
    } else if (chance(g, 40)) {
        result(g, ir_ext(g->ir, IR_I64, chance(g, 50) ? IR_U32 : IR_S32, value(g, IR_I32)));
    } else {
        IrType to = any_type(g);

        result(g, ir_ext(g->ir, to, (IrExt)pick(g, 6), value(g, any_type(g))));
    }
}

static void gen_condition(Gen *g)
{
    IrCond c = (IrCond)pick(g, IR_COND__COUNT);
    IrType ct = any_type(g), type = any_type(g);
    IrTemp a = value(g, ct), b = chance(g, 30) ? ir_const(g->ir, ct, 0) : value(g, ct);

    if (chance(g, 50)) {
        result(g, ir_setcond(g->ir, c, a, b));
    } else {
        IrTemp t = value(g, type);

        result(g, ir_movcond(g->ir, c, a, b, t, value(g, type)));
    }
}

static void gen_mul2(Gen *g)
{
    IrType type = any_type(g);
    IrTemp lo, hi, a = value(g, type);

    (chance(g, 50) ? ir_mulu2 : ir_muls2)(g->ir, &lo, &hi, a, value(g, type));
    if (chance(g, 80)) {
        result(g, lo);
    }
    if (chance(g, 80)) {
        result(g, hi);
    }
}

static void gen_state_access(Gen *g)
{
    IrType type = any_type(g);
    unsigned size = pick(g, type == IR_I32 ? 3 : 4);
    size_t off = offsetof(FakeCpu, field) + pick(g, 56);

    if (chance(g, 50)) {
        result(g, ir_ld(g->ir, type, off, (IrMemOp)(size | (chance(g, 50) ? IR_MO_SIGN : 0))));
    } else {
        ir_st(g->ir, value(g, type), off, (IrMemOp)size);
    }
}

/* Few registers in most programs, so that they meet again. */
static size_t vector(Gen *g)
{
    return offsetof(FakeCpu, xmm) + 32 * pick(g, chance(g, 80) ? 4 : FAKE_N_VEC - 1);
}

static void gen_vec(Gen *g)
{
    unsigned n, len = chance(g, 50) ? 16 : 32;
    uint8_t imm = (uint8_t)pick(g, 256);
    IrTemp v;

    if (chance(g, 5)) {
        ir_vzup(g->ir, 1 + pick(g, FAKE_N_VEC - 1));
        return;
    }
    switch (pick(g, 8)) {
    case 0:
        n = pick(g, fake_n_vget_ops);
        len = n == 2 || n == 3 ? len : 16;
        result(g, ir_vget(g->ir, &fake_vget_ops[n], n ? IR_I32 : IR_I64, len, vector(g), vector(g), imm));
        break;
    case 1:
        n = pick(g, fake_n_vput_ops);
        v = value(g, n ? IR_I32 : IR_I64);
        ir_vput(g->ir, &fake_vput_ops[n], vector(g), vector(g), v, chance(g, 50), imm);
        break;
    case 2: case 3: case 4: {
        size_t dst = vector(g), a = vector(g), b = vector(g), c;

        n = pick(g, fake_n_vex_ops);
        len = n >= fake_first_vex256 ? 32 : len;
        c = fake_vex_ops[n].reads_c && !fake_vex_ops[n].c_in_imm ? dst : vector(g);
        ir_vex(g->ir, &fake_vex_ops[n], len, dst, a, b, c, imm);
        break;
    }
    case 5: {       /* by way of the temporary */
        size_t temp = offsetof(FakeCpu, xmm[FAKE_N_VEC - 1]);

        ir_vec(g->ir, &fake_vec_ops[1], temp, vector(g), imm);
        ir_vec(g->ir, &fake_vec_ops[pick(g, fake_n_vec_ops)], vector(g), temp, imm);
        break;
    }
    default:
        ir_vec(g->ir, &fake_vec_ops[pick(g, fake_n_vec_ops)], vector(g), vector(g), imm);
        break;
    }
}

static IrTemp address(Gen *g)
{
    IrTemp a;

    if (chance(g, 10)) {
        return value(g, IR_I64);
    }
    if (chance(g, 75)) {
        if (chance(g, 20)) {
            ir_mov(g->ir, g->sp, ir_addi(g->ir, g->sp, (int64_t)pick(g, 64) - 32));
        }
        return ir_addi(g->ir, g->sp, chance(g, 20) ? 0 : (int64_t)pick(g, 100) - 50);
    }
    a = ir_addi(g->ir, ir_andi(g->ir, value(g, IR_I64), 0x4fff), MEM_BASE);
    return chance(g, 30) ? keep(g, a) : a;
}

static IrMemOp vector_memop(Gen *g, IrMemOp mo)
{
    return (IrMemOp)((mo & ~IR_MO_SIZE) | (IR_MO_32 + pick(g, 4)) | (chance(g, 50) ? IR_MO_ZERO : 0));
}

static void gen_memory(Gen *g)
{
    IrType type = any_type(g);
    unsigned size = pick(g, type == IR_I32 ? 3 : 4);
    IrMemOp mo = (IrMemOp)(size | IR_MO_MMU(chance(g, 85) ? 1 : pick(g, JIT_NB_MMU))
                           | (chance(g, 5) ? IR_MO_ALIGN : 0));
    IrTemp a = address(g);

    switch (pick(g, 12)) {
    case 0: ir_gldv(g->ir, vector(g), a, vector_memop(g, mo)); break;
    case 1: ir_gstv(g->ir, vector(g), a, vector_memop(g, mo) & ~IR_MO_ZERO); break;
    case 2: result(g, ir_atomic_rmw(g->ir, (IrRmw)pick(g, 5), a, value(g, type), mo)); break;
    case 3: {
        IrTemp e = value(g, type);

        result(g, ir_atomic_cas(g->ir, a, e, value(g, type), mo));
        break;
    }
    case 4: case 5: case 6: case 7: ir_gst(g->ir, a, chance(g, 10) && type == IR_I64 ? a : value(g, type), mo); break;
    default:
        mo |= (chance(g, 30) ? IR_MO_SIGN : 0) | (chance(g, 20) ? IR_MO_RMW : 0);
        result(g, ir_gld(g->ir, type, a, mo));
        break;
    }
}

static IrTemp call_with(Gen *g, const IrHelper *h, const char *types)
{
    IrTemp a[5] = { 0 };

    for (unsigned i = 0; i < h->nargs; i++) {
        a[i] = value(g, types[i] == '3' ? IR_I32 : IR_I64);
    }
    return ir_call(g->ir, h, a[0], a[1], a[2], a[3], a[4]);
}

static void gen_call(Gen *g)
{
    unsigned n = pick(g, fake_n_helpers - 1);       /* not the one that never returns */
    const IrHelper *h = &fake_helpers[n];
    IrTemp r = call_with(g, h, fake_helper_types[n]);

    if (r != IR_NONE) {
        result(g, r);
    }
}

static uint64_t dead_mask(Gen *g)
{
    /* The landing block reads r3 and cc1. */
    uint64_t may = ((1ull << N_GLOBALS) - 1) & ~(1ull << fake_r(3) | 1ull << fake_cc(1));

    return chance(g, 50) ? 0 : fake_random(&g->seed) & may;
}

static uint64_t exit_eip(Gen *g)
{
    return chance(g, 20) ? fake_interesting(&g->seed) : BLOCK_EIP + 1 + pick(g, 4096);
}

static unsigned exit_flags(Gen *g)
{
    return pick(g, 4);
}

static void gen_exit_if(Gen *g)
{
    IrType ct = any_type(g);
    IrTemp a = value(g, ct), b = chance(g, 40) ? ir_const(g->ir, ct, 0) : value(g, ct);
    uint64_t eip = exit_eip(g), dead = dead_mask(g);

    ir_exit_chain_if(g->ir, (IrCond)pick(g, IR_COND__COUNT), a, b, eip, exit_flags(g), dead);
}

/* The block runs a few times: its last exits lead to itself. */
static void gen_loop(Gen *g)
{
    IrTemp n = ir_addi(g->ir, ir_ld(g->ir, IR_I32, offsetof(FakeCpu, loops), IR_MO_32), -1);
    IrTemp zero = ir_const(g->ir, IR_I32, 0);

    ir_st(g->ir, n, offsetof(FakeCpu, loops), IR_MO_32);
    if (chance(g, 50)) {
        ir_exit_chain_if(g->ir, IR_NE, n, zero, BLOCK_EIP, IR_EXIT_LOOP, 0);
    } else {
        ir_exit_chain_if(g->ir, IR_EQ, n, zero, exit_eip(g), exit_flags(g), 0);
        ir_exit_chain(g->ir, BLOCK_EIP, IR_EXIT_LOOP, 0);
    }
}

static void gen_final_exit(Gen *g)
{
    uint64_t eip = exit_eip(g), dead = dead_mask(g);

    switch (pick(g, (g->have & NEED_CALLS) ? 6 : 5)) {
    case 0: (chance(g, 50) ? ir_exit_loop : ir_exit_lookup)(g->ir); break;
    case 1: ir_exit_loop_at(g->ir, eip); break;
    case 2: ir_exit_jump(g->ir, value(g, IR_I64), dead); break;
    case 5: ir_call(g->ir, &fake_helpers[fake_n_helpers - 1], value(g, IR_I32)); ir_exit_loop(g->ir); break;
    default: ir_exit_chain(g->ir, eip, exit_flags(g), dead); break;
    }
}

/* ---- labels ---- */

static void set_label(Gen *g, unsigned i)
{
    ir_label_set(g->ir, g->open[i]);
    g->open[i] = g->open[--g->n_open];
    g->n_pool[0] = g->n_pool[1] = 0;        /* locals do not live across */
    ir_insn_start(g->ir, g->pc += 3);       /* paths from different instructions meet at the start of one */
}

static void gen_branch(Gen *g)
{
    IrType ct = any_type(g);
    IrTemp a, b;
    unsigned l;

    if (g->n_open && chance(g, 45)) {
        set_label(g, pick(g, g->n_open));
        return;
    }
    if (g->n_open < MAX_OPEN && (!g->n_open || chance(g, 60))) {
        g->open[g->n_open++] = ir_label_new(g->ir);
    }
    l = g->open[pick(g, g->n_open)];
    if (chance(g, 20)) {
        if (chance(g, 50)) {
            ir_br(g->ir, l);
        } else {
            gen_final_exit(g);
        }
        set_label(g, pick(g, g->n_open));   /* what follows must be reachable in some way, or not at all */
        return;
    }
    a = value(g, ct);
    b = chance(g, 40) ? ir_const(g->ir, ct, 0) : value(g, ct);
    ir_brcond(g->ir, (IrCond)pick(g, IR_COND__COUNT), a, b, l);
}

typedef void GenFn(Gen *g);
static const struct { GenFn *fn; unsigned weight, needs; } kinds[] = {
    { gen_binary, 30, 0 }, { gen_unary, 6, 0 }, { gen_shift, 10, 0 }, { gen_field, 10, 0 }, { gen_convert, 10, 0 },
    { gen_condition, 10, 0 }, { gen_mul2, 3, 0 }, { gen_state_access, 5, 0 }, { gen_vec, 8, 0 }, { assign, 12, 0 },
    { gen_exit_if, 3, 0 }, { gen_branch, 8, NEED_LABELS }, { gen_memory, 14, NEED_MEMORY }, { gen_call, 5, NEED_CALLS },
};

static GenFn *pick_kind(Gen *g)
{
    for (;;) {
        unsigned i = pick(g, ARRAY_SIZE(kinds));

        if (pick(g, 30) < kinds[i].weight && !(kinds[i].needs & ~g->have)) {
            return kinds[i].fn;
        }
    }
}

static void generate(IrContext *ir, uint64_t seed)
{
    Gen g = { .ir = ir, .seed = seed * 0x9e3779b97f4a7c15ull | 1, .pc = BLOCK_EIP };
    unsigned n = 2 + pick(&g, seed % 16 ? 40 : 300);

    g.sp = fake_r(SP);
    g.have = (chance(&g, 40) ? NEED_LABELS : 0) | (chance(&g, 70) ? NEED_MEMORY : 0)
        | (chance(&g, 40) ? NEED_CALLS : 0);
    ir_insn_start(ir, g.pc);
    for (unsigned i = 0; i < N_VARS && (g.have & NEED_LABELS); i++) {
        for (unsigned type = IR_I32; type <= IR_I64; type++) {
            g.var[type][i] = ir_var_new(ir, (IrType)type);
            ir_mov(ir, g.var[type][i], chance(&g, 50) ? ir_const(ir, (IrType)type, (int64_t)fake_interesting(&g.seed))
                   : any_global(&g, (IrType)type));
        }
    }
    while (n-- && ir->n_exits < IR_MAX_EXITS - 8) {
        if (chance(&g, 30)) {
            g.pc += 1 + pick(&g, 12);
            ir_insn_start(ir, g.pc);
        }
        pick_kind(&g)(&g);
    }
    while (g.n_open) {
        set_label(&g, 0);
        if (chance(&g, 50)) {
            gen_binary(&g);
        }
    }
    if (chance(&g, 25)) {
        gen_loop(&g);
    }
    if (!ir_op_ends(&ir->ops[ir->n_ops - 1])) {
        gen_final_exit(&g);
    }
    g_assert_false(ir_overflow(ir));
    ir_verify(ir, IR_TYPES_EXACT);
}

static void run_one(uint64_t seed)
{
    uint64_t r[5][N_R];
    FakeState st[5];
    IrContext *ir = fake_begin();

    generate(ir, seed);
    for (unsigned i = 0; i < ARRAY_SIZE(st); i++) {
        uint64_t s = seed * ARRAY_SIZE(st) + i, bits = fake_random(&s);

        for (unsigned k = 0; k < N_R; k++) {
            r[i][k] = fake_interesting(&s);
        }
        r[i][SP] = MEM_BASE + fake_random(&s) % MEM_SIZE;
        st[i] = (FakeState) {
            .seed = seed * 8 + i, .r = r[i], .n_r = N_R, .faults = bits & 0x100, .lookup_finds = bits & 0x200,
            .jc_hits = bits & 0x400, .patched = bits & 0x800,
            .exit_requested = !(bits & 0xf000), .interrupted = !(bits & 0x70000),
        };
    }
    if (!fake_compare(ir, st, ARRAY_SIZE(st), NULL)) {
        g_printerr("random program: run again with IR_SEED=0x%" PRIx64 "\n", seed);
        fake_check(ir, st, ARRAY_SIZE(st));
    }
}

static void test_random_programs_compute_what_they_say(void)
{
    const char *seed = getenv("IR_SEED"), *runs = getenv("IR_RUNS");
    uint64_t first = seed ? strtoull(seed, NULL, 0) : 1, n = runs ? strtoull(runs, NULL, 0) : seed ? 1 : 20000;

    for (uint64_t i = 0; i < n; i++) {
        run_one(first + i);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ir/random/programs-compute-what-they-say", test_random_programs_compute_what_they_say);
    return g_test_run();
}
