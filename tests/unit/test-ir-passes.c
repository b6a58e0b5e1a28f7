/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The passes one by one, on IR as text: what goes in is built, what comes out is written down here. */
#include "qemu/osdep.h"
#include "tcg-internal.h"

static IrContext *ir;
static IrTemp rax, rbx, cc, lo;

/* rax and rbx pinned, cc not, lo a 32-bit one. */
static void begin(void)
{
    if (!ir) {
        ir = ir_context_new();
        rax = ir_global_new(ir, IR_I64, 0, "rax", 0);
        rbx = ir_global_new(ir, IR_I64, 8, "rbx", 1);
        cc = ir_global_new(ir, IR_I64, 16, "cc", -1);
        lo = ir_global_new(ir, IR_I32, 24, "lo", -1);
        ir->temps[rax].pin = 1;
        ir->temps[rbx].pin = 2;
    }
    ir_reset(ir);
}

static void expect_text(const char *want)
{
    g_autoptr(GString) text = g_string_new(NULL);

    ir_dump(ir, text);
    g_assert_cmpstr(text->str, ==, want);
    ir_verify(ir, IR_TYPES_CONTAINERS);
}

static IrTemp k(int64_t v) { return ir_const(ir, IR_I64, v); }

typedef void PassFn(IrContext *);
#define PASSES(...) for (PassFn **p = (PassFn *[]) { __VA_ARGS__, NULL }; *p; p++) { (*p)(ir); }

/* ---- text ---- */

static void test_dump_shows_every_part(void)
{
    static const IrHelper h = { "helper_x", (void *)begin, 1, IR_I64, IR_CALL_WRITES };
    IrLabel l;
    IrTemp v;

    begin();
    l = ir_label_new(ir);
    v = ir_var_new(ir, IR_I32);
    ir_insn_start(ir, 0x7c00);
    ir_mov(ir, v, lo);
    ir_mov(ir, rax, ir_movcond(ir, IR_LTU, lo, v, rbx, k(-1)));
    ir_gst(ir, rax, ir_gld(ir, IR_I32, rbx, IR_MO_16 | IR_MO_SIGN | IR_MO_RMW | IR_MO_MMU(2)), IR_MO_32 | IR_MO_ALIGN);
    ir_brcond(ir, IR_TSTNE, lo, ir_const(ir, IR_I32, 64), l);
    ir_mov(ir, rax, ir_call(ir, &h, ir_ext(ir, IR_I64, IR_S8, lo)));
    ir_label_set(ir, l);
    ir_exit_chain_if(ir, IR_LE, lo, v, 0x7c10, IR_EXIT_LOOP, 4);
    ir_exit_jump(ir, ir_deposit(ir, rax, rbx, 8, 16), 0);
    expect_text(" ---- 0x0000000000007c00\n"
                " mov.i32 v0,lo\n"
                " movcond.i64 t2,lo,v0,rbx,$0xffffffffffffffff,ltu.i32\n"
                " mov.i64 rax,t2\n"
                " gld.i32 t3,rbx,s16+rmw,mmu2\n"
                " gst.i32 rax,t3,u32+align,mmu0\n"
                " brcond.i32 lo,$0x40,tstne,L0\n"
                " ext.i64 t5,lo,s8\n"
                " call.i64 helper_x,t6,t5\n"
                " mov.i64 rax,t6\n"
                " label L0\n"
                " exit_chain_if.i32 lo,v0,le #0 eip=0x7c10 loop dead=0x4\n"
                " deposit.i64 t7,rax,rbx,8,16\n"
                " exit_jump.i64 t7\n");
}

/* ---- optimize ---- */

static void test_constants_fold(void)
{
    begin();
    ir_mov(ir, rax, ir_add(ir, ir_shl(ir, k(3), k(4)), ir_not(ir, k(0))));
    ir_mov(ir, lo, ir_trunc(ir, ir_mul(ir, rax, k(2))));
    ir_exit_loop(ir);
    PASSES(ir_optimize, ir_liveness);
    expect_text(" mov.i64 rax,$0x2f\n"
                " mov.i32 lo,$0x5e\n"
                " exit_loop\n");
}

static void test_algebra(void)
{
    begin();
    ir_mov(ir, rax, ir_or(ir, ir_xor(ir, rbx, rbx), ir_and(ir, cc, k(-1))));
    ir_mov(ir, rbx, ir_mul(ir, cc, k(8)));
    ir_mov(ir, cc, ir_and(ir, cc, k(0xff)));
    ir_exit_loop(ir);
    PASSES(ir_optimize, ir_liveness);
    expect_text(" mov.i64 rax,cc\n"
                " shl.i64 t5,cc,$0x3\n"
                " mov.i64 rbx,t5    dead: t5\n"
                " ext.i64 t7,cc,u8    dead: cc\n"
                " mov.i64 cc,t7    dead: t7\n"
                " exit_loop\n");
}

static void test_copies_are_seen_through_until_the_original_changes(void)
{
    begin();
    ir_mov(ir, cc, rax);
    ir_mov(ir, rbx, ir_add(ir, cc, k(1)));          /* of rax */
    ir_mov(ir, rax, k(5));
    ir_st(ir, cc, 64, IR_MO_64);                    /* no longer */
    ir_exit_loop(ir);
    PASSES(ir_optimize, ir_liveness);
    expect_text(" mov.i64 cc,rax\n"
                " add.i64 t1,rax,$0x1    dead: rax\n"
                " mov.i64 rbx,t1    dead: t1\n"
                " mov.i64 rax,$0x5\n"
                " st.i64 cc,env+0x40,64\n"
                " exit_loop\n");
}

static void test_zero_extension_of_a_32_bit_result_is_a_copy(void)
{
    begin();
    ir_mov(ir, rax, ir_ext(ir, IR_I64, IR_U32, ir_add(ir, ir_trunc(ir, rax), ir_trunc(ir, rbx))));
    ir_exit_loop(ir);
    PASSES(ir_optimize, ir_liveness);
    expect_text(" add.i32 t2,rax,rbx    dead: rax\n"
                " mov.i64 rax,t2    dead: t2\n"
                " exit_loop\n");
}

static void test_zero_extension_of_a_truncation_stays(void)
{
    begin();
    ir_mov(ir, rax, ir_ext(ir, IR_I64, IR_U32, ir_trunc(ir, rbx)));
    ir_exit_loop(ir);
    PASSES(ir_optimize, ir_liveness);
    expect_text(" ext.i64 t1,rbx,u32\n"
                " mov.i64 rax,t1    dead: t1\n"
                " exit_loop\n");
}

static void test_decided_branches(void)
{
    IrLabel l;

    begin();
    l = ir_label_new(ir);
    ir_exit_chain_if(ir, IR_EQ, k(1), k(2), 0x10, 0, 0);
    ir_brcond(ir, IR_LT, k(-1), k(0), l);
    ir_mov(ir, rax, k(7));
    ir_label_set(ir, l);
    ir_exit_chain_if(ir, IR_GTU, k(3), k(2), 0x20, 0, 0);
    ir_mov(ir, rbx, k(7));
    ir_exit_chain(ir, 0x30, 0, 0);
    PASSES(ir_optimize, ir_liveness);
    expect_text(" br L0\n"
                " label L0\n"
                " exit_chain #1 eip=0x20\n");
}

static void test_constants_move_right(void)
{
    begin();
    ir_exit_chain_if(ir, IR_LT, k(5), rax, 0x10, 0, 0);
    ir_mov(ir, rbx, ir_add(ir, k(6), rax));
    ir_exit_loop(ir);
    PASSES(ir_optimize, ir_liveness);
    expect_text(" exit_chain_if.i64 rax,$0x5,gt #0 eip=0x10\n"
                " add.i64 t2,rax,$0x6\n"
                " mov.i64 rbx,t2    dead: t2\n"
                " exit_loop\n");
}

static void test_addresses_of_32_bit_code(void)
{
    begin();
    ir_mov(ir, rax, ir_gld(ir, IR_I64, ir_ext(ir, IR_I64, IR_U32, ir_add(ir, rbx, k(-8))), IR_MO_64));
    ir_exit_loop(ir);
    PASSES(ir_optimize, ir_coalesce, ir_liveness);
    expect_text(" add.i32 t2,rbx,$0xfffffffffffffff8\n"
                " gld.i64 rax,t2,u64,mmu0    dead: t2\n"
                " exit_loop\n");
}

static void test_an_extension_of_an_extension(void)
{
    begin();
    ir_mov(ir, rax, ir_ext(ir, IR_I64, IR_U32, ir_trunc(ir, ir_ext(ir, IR_I64, IR_U16, rbx))));
    ir_exit_loop(ir);
    PASSES(ir_optimize, ir_coalesce, ir_liveness);
    expect_text(" ext.i64 rax,rbx,u16\n"
                " exit_loop\n");
}

/* ---- coalesce ---- */

static void test_results_go_straight_to_pinned_globals(void)
{
    begin();
    ir_mov(ir, rax, ir_add(ir, rax, rbx));
    ir_mov(ir, cc, ir_sub(ir, rax, rbx));           /* not pinned: as it was */
    ir_exit_loop(ir);
    PASSES(ir_coalesce, ir_liveness);
    expect_text(" add.i64 rax,rax,rbx    dead: rax\n"
                " sub.i64 t1,rax,rbx\n"
                " mov.i64 cc,t1    dead: t1\n"
                " exit_loop\n");
}

static void test_later_uses_name_the_global(void)
{
    IrTemp t;

    begin();
    t = ir_add(ir, rax, rbx);
    ir_st(ir, t, 64, IR_MO_64);
    ir_mov(ir, rax, t);
    ir_mov(ir, rbx, t);
    ir_exit_loop(ir);
    PASSES(ir_optimize, ir_coalesce, ir_liveness);
    expect_text(" add.i64 rax,rax,rbx    dead: rax rbx\n"
                " st.i64 rax,env+0x40,64\n"
                " mov.i64 rbx,rax\n"
                " exit_loop\n");
}

/* Between the result and its mov stands what would see the global too early. */
static void test_nothing_moves_over_an_observer(void)
{
    IrTemp t;

    begin();
    t = ir_add(ir, rax, rbx);
    ir_gst(ir, rbx, t, IR_MO_64);
    ir_mov(ir, rax, t);
    ir_exit_loop(ir);
    PASSES(ir_coalesce, ir_liveness);
    expect_text(" add.i64 t0,rax,rbx\n"
                " gst.i64 rbx,t0,u64,mmu0\n"
                " mov.i64 rax,t0    dead: t0\n"
                " exit_loop\n");

    begin();
    t = ir_add(ir, rax, rbx);
    ir_st(ir, rax, 64, IR_MO_64);                   /* the old value */
    ir_mov(ir, rax, t);
    ir_exit_loop(ir);
    PASSES(ir_coalesce, ir_liveness);
    expect_text(" add.i64 t0,rax,rbx\n"
                " st.i64 rax,env+0x40,64    dead: rax\n"
                " mov.i64 rax,t0    dead: t0\n"
                " exit_loop\n");
}

/* ---- liveness ---- */

static void test_overwritten_flags_are_never_computed(void)
{
    begin();
    ir_mov(ir, cc, ir_add(ir, rax, rbx));
    ir_mov(ir, cc, ir_sub(ir, rax, rbx));
    ir_exit_loop(ir);
    PASSES(ir_liveness);
    expect_text(" sub.i64 t1,rax,rbx\n"
                " mov.i64 cc,t1    dead: t1\n"
                " exit_loop\n");
}

static void test_a_fault_keeps_them(void)
{
    begin();
    ir_mov(ir, cc, ir_add(ir, rax, rbx));
    ir_gst(ir, rax, rbx, IR_MO_64);
    ir_mov(ir, cc, ir_sub(ir, rax, rbx));
    ir_exit_loop(ir);
    PASSES(ir_liveness);
    expect_text(" add.i64 t0,rax,rbx\n"
                " mov.i64 cc,t0    dead: t0\n"
                " gst.i64 rax,rbx,u64,mmu0\n"
                " sub.i64 t1,rax,rbx\n"
                " mov.i64 cc,t1    dead: t1\n"
                " exit_loop\n");
}

static void test_an_exit_says_what_is_dead(void)
{
    begin();
    ir_mov(ir, cc, ir_add(ir, rax, rbx));
    ir_exit_chain_if(ir, IR_EQ, rax, rbx, 0x10, 0, 1ull << cc);
    ir_exit_chain(ir, 0x20, 0, 1ull << cc);
    PASSES(ir_liveness);
    expect_text(" exit_chain_if.i64 rax,rbx,eq #0 eip=0x10 dead=0x4\n"
                " exit_chain #1 eip=0x20 dead=0x4\n");

    begin();
    ir_mov(ir, cc, ir_add(ir, rax, rbx));
    ir_exit_chain_if(ir, IR_EQ, rax, rbx, 0x10, 0, 0);
    ir_exit_chain(ir, 0x20, 0, 1ull << cc);
    PASSES(ir_liveness);
    expect_text(" add.i64 t0,rax,rbx\n"
                " mov.i64 cc,t0    dead: t0\n"
                " exit_chain_if.i64 rax,rbx,eq #0 eip=0x10\n"
                " exit_chain #1 eip=0x20 dead=0x4\n");
}

static void test_unused_calls_go_if_they_may(void)
{
    static const IrHelper pure = { "pure", (void *)begin, 0, IR_I64, IR_CALL_PURE };
    static const IrHelper silent = { "silent", (void *)begin, 0, IR_I64, IR_CALL_READS | IR_CALL_NO_SIDE };
    static const IrHelper reads = { "reads", (void *)begin, 0, IR_I64, IR_CALL_READS };

    begin();
    ir_call(ir, &pure);
    ir_call(ir, &silent);
    ir_call(ir, &reads);
    ir_exit_loop(ir);
    PASSES(ir_liveness);
    expect_text(" call.i64 reads,t2    dead: t2\n"
                " exit_loop\n");
}

static void test_what_no_path_reaches_goes(void)
{
    IrLabel l;

    begin();
    l = ir_label_new(ir);
    ir_br(ir, l);
    ir_mov(ir, rax, k(1));
    ir_label_set(ir, l);
    ir_exit_loop(ir);
    PASSES(ir_liveness);
    expect_text(" br L0\n"
                " label L0\n"
                " exit_loop\n");
}

static void test_variables_live_to_labels(void)
{
    IrTemp v;
    IrLabel l;

    begin();
    v = ir_var_new(ir, IR_I64);
    l = ir_label_new(ir);
    ir_mov(ir, v, rax);
    ir_brcond(ir, IR_EQ, rax, rbx, l);
    ir_mov(ir, v, rbx);
    ir_label_set(ir, l);
    ir_mov(ir, rax, v);
    ir_exit_loop(ir);
    PASSES(ir_liveness);
    expect_text(" mov.i64 v0,rax\n"
                " brcond.i64 rax,rbx,eq,L0\n"
                " mov.i64 v0,rbx\n"
                " label L0\n"
                " mov.i64 rax,v0    dead: v0\n"
                " exit_loop\n");
}

#define ADD(fn) g_test_add_func("/ir/passes/" #fn, test_##fn)
int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(dump_shows_every_part);
    ADD(constants_fold);
    ADD(algebra);
    ADD(copies_are_seen_through_until_the_original_changes);
    ADD(zero_extension_of_a_32_bit_result_is_a_copy);
    ADD(zero_extension_of_a_truncation_stays);
    ADD(decided_branches);
    ADD(addresses_of_32_bit_code);
    ADD(an_extension_of_an_extension);
    ADD(constants_move_right);
    ADD(results_go_straight_to_pinned_globals);
    ADD(later_uses_name_the_global);
    ADD(nothing_moves_over_an_observer);
    ADD(overwritten_flags_are_never_computed);
    ADD(a_fault_keeps_them);
    ADD(an_exit_says_what_is_dead);
    ADD(unused_calls_go_if_they_may);
    ADD(what_no_path_reaches_goes);
    ADD(variables_live_to_labels);
    return g_test_run();
}
