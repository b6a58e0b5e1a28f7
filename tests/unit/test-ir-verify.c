/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rules of the verifier: each broken once, by a list built correctly and then spoiled where the builder would not
 * let us.
 */
#include "qemu/osdep.h"
#include "ir-fake.h"

static uint64_t helper_fn(void *env, uint32_t a, uint64_t b) { return a + b; }
static const IrHelper helper = { "helper", (void *)helper_fn, 2, IR_I64, IR_CALL_PURE };

static IrOp *op_at(IrContext *ir, int n)        /* negative: from the end */
{
    return &ir->ops[n < 0 ? (int)ir->n_ops + n : n];
}

static void expect_bad_typed(IrContext *ir, IrTyping typing, const char *reason)
{
    g_autoptr(GString) why = g_string_new(NULL);

    g_assert_false(ir_check(ir, typing, why));
    if (!strstr(why->str, reason)) {
        g_error("wanted '%s', got '%s'", reason, why->str);
    }
}

static void expect_bad(IrContext *ir, const char *reason)
{
    expect_bad_typed(ir, IR_TYPES_EXACT, reason);
}

static void expect_good(IrContext *ir, IrTyping typing)
{
    g_autoptr(GString) why = g_string_new(NULL);

    if (!ir_check(ir, typing, why)) {
        g_error("%s", why->str);
    }
}

static void test_good_lists_pass(void)
{
    IrContext *ir = fake_begin();
    IrLabel l = ir_label_new(ir);
    IrTemp v = ir_var_new(ir, IR_I64);

    ir_insn_start(ir, 0x1000);
    ir_mov(ir, v, fake_r(0));
    ir_brcond(ir, IR_EQ, fake_r(0), fake_r(1), l);
    ir_mov(ir, v, ir_gld(ir, IR_I64, fake_r(2), IR_MO_64));
    ir_label_set(ir, l);
    ir_mov(ir, fake_r(3), ir_call(ir, &helper, ir_trunc(ir, v), v));
    ir_exit_chain_if(ir, IR_NE, fake_w(0), fake_w(1), 0x2000, 0, 0);
    ir_exit_chain(ir, 0x3000, 0, 0);
    expect_good(ir, IR_TYPES_EXACT);
    expect_good(ir, IR_TYPES_CONTAINERS);
}

static void test_operation_must_exist(void)
{
    IrContext *ir = fake_begin();

    ir_exit_loop(ir);
    op_at(ir, 0)->opc = IRO__COUNT;
    expect_bad(ir, "unknown operation");
}

static void test_types_must_agree_as_built(void)
{
    IrContext *ir = fake_begin();

    ir_mov(ir, fake_r(0), ir_add(ir, fake_r(1), fake_r(2)));
    ir_exit_loop(ir);
    op_at(ir, 0)->arg[2] = fake_w(0);
    expect_bad(ir, "argument 2 has the wrong type");
    expect_bad_typed(ir, IR_TYPES_CONTAINERS, "garbage");
    /* the low halves of two I64 values: fine after copy propagation */
    op_at(ir, 0)->type = IR_I32;
    expect_bad(ir, "wrong type");
    expect_good(ir, IR_TYPES_CONTAINERS);
}

static void test_garbage_is_no_64_bit_value(void)
{
    IrContext *ir = fake_begin();
    IrTemp clean = ir_add(ir, fake_w(0), fake_w(1)), dirty = ir_trunc(ir, fake_r(0));

    ir_mov(ir, fake_r(1), ir_add(ir, fake_r(2), fake_r(3)));
    ir_exit_loop(ir);
    op_at(ir, 2)->arg[1] = clean;
    expect_good(ir, IR_TYPES_CONTAINERS);
    op_at(ir, 2)->arg[1] = dirty;
    expect_bad_typed(ir, IR_TYPES_CONTAINERS, "garbage");
}

static void test_argument_must_exist(void)
{
    IrContext *ir = fake_begin();

    ir_mov(ir, fake_r(0), fake_r(1));
    ir_exit_loop(ir);
    op_at(ir, 0)->arg[1] = ir->n_temps;
    expect_bad(ir, "does not exist");
}

static void test_counts_must_be_the_operations(void)
{
    IrContext *ir = fake_begin();

    ir_mov(ir, fake_r(0), ir_neg(ir, fake_r(1)));
    ir_exit_loop(ir);
    op_at(ir, 0)->nin = 2;
    expect_bad(ir, "1 results and 2 operands");
}

static void test_call_must_suit_its_helper(void)
{
    IrContext *ir = fake_begin();

    ir_call(ir, &helper, fake_w(0), fake_r(0));
    ir_exit_loop(ir);
    expect_good(ir, IR_TYPES_EXACT);
    op_at(ir, 0)->nin = 1;
    expect_bad(ir, "do not suit 'helper'");
    op_at(ir, 0)->nin = 2;
    op_at(ir, 0)->arg[2] = fake_w(1);
    expect_bad(ir, "wrong type");
}

static void test_local_is_assigned_once(void)
{
    IrContext *ir = fake_begin();
    IrTemp t = ir_neg(ir, fake_r(0));

    ir_not(ir, fake_r(1));
    ir_exit_loop(ir);
    op_at(ir, 1)->arg[0] = t;
    expect_bad(ir, "defined twice");
}

static void test_local_is_defined_before_use(void)
{
    IrContext *ir = fake_begin();
    IrTemp late;

    ir_mov(ir, fake_r(0), ir_neg(ir, fake_r(0)));
    late = ir_not(ir, fake_r(1));
    ir_exit_loop(ir);
    op_at(ir, 0)->arg[1] = late;
    expect_bad(ir, "before it is defined");
}

static void test_local_ends_at_a_label(void)
{
    IrContext *ir = fake_begin();
    IrLabel l = ir_label_new(ir);
    IrTemp t = ir_neg(ir, fake_r(0));

    ir_brcond(ir, IR_EQ, fake_r(0), fake_r(1), l);
    ir_label_set(ir, l);
    ir_mov(ir, fake_r(0), t);
    ir_exit_loop(ir);
    expect_bad(ir, "beyond a label");
}

static void test_variable_is_defined_on_every_path(void)
{
    IrContext *ir = fake_begin();
    IrLabel l = ir_label_new(ir);
    IrTemp v = ir_var_new(ir, IR_I64);

    ir_brcond(ir, IR_EQ, fake_r(0), fake_r(1), l);
    ir_mov(ir, v, fake_r(2));
    ir_label_set(ir, l);
    ir_mov(ir, fake_r(0), v);
    ir_exit_loop(ir);
    expect_bad(ir, "not defined on every path");
}

static void test_constant_is_no_result(void)
{
    IrContext *ir = fake_begin();

    ir_neg(ir, fake_r(0));
    op_at(ir, 0)->arg[0] = ir_const(ir, IR_I64, 5);
    ir_exit_loop(ir);
    expect_bad(ir, "the result is a constant");
}

static void test_only_mov_writes_globals_as_built(void)
{
    IrContext *ir = fake_begin();

    ir_neg(ir, fake_r(0));
    ir_exit_loop(ir);
    op_at(ir, 0)->arg[0] = fake_r(3);
    expect_bad(ir, "the result is no local");
    expect_good(ir, IR_TYPES_CONTAINERS);
}

static void test_what_has_died_is_not_used(void)
{
    IrContext *ir = fake_begin();
    IrTemp t = ir_neg(ir, fake_r(0));

    ir_mov(ir, fake_r(1), t);
    ir_mov(ir, fake_r(2), t);
    ir_exit_loop(ir);
    op_at(ir, 1)->dies = 2;
    expect_bad_typed(ir, IR_TYPES_CONTAINERS, "has died before");
}

static void test_label_is_set_once_and_ahead(void)
{
    IrContext *ir = fake_begin();
    IrLabel l = ir_label_new(ir);

    ir_label_set(ir, l);
    ir_br(ir, l);
    expect_bad(ir, "branch back");

    ir = fake_begin();
    l = ir_label_new(ir);
    ir_br(ir, l);
    ir_label_set(ir, l);
    ir_label_set(ir, l);
    ir_exit_loop(ir);
    expect_bad(ir, "set twice");

    ir = fake_begin();
    l = ir_label_new(ir);
    ir_br(ir, l);
    expect_bad(ir, "never set");

    ir = fake_begin();
    ir_br(ir, 3);
    expect_bad(ir, "does not exist");
}

static void test_exits_are_numbered(void)
{
    IrContext *ir = fake_begin();

    ir_exit_chain_if(ir, IR_EQ, fake_r(0), fake_r(1), 1, 0, 0);
    ir_exit_chain_if(ir, IR_EQ, fake_r(0), fake_r(2), 2, 0, 0);
    ir_exit_chain(ir, 3, 0, 0);
    expect_good(ir, IR_TYPES_EXACT);
    op_at(ir, 1)->slot = 2;
    op_at(ir, 2)->slot = 1;
    expect_bad(ir, "out of order");
    expect_good(ir, IR_TYPES_CONTAINERS);
    op_at(ir, 1)->slot = 0;
    expect_bad_typed(ir, IR_TYPES_CONTAINERS, "used twice");
    op_at(ir, 1)->slot = 3;
    expect_bad_typed(ir, IR_TYPES_CONTAINERS, "does not exist");
}

static void test_block_ends(void)
{
    IrContext *ir = fake_begin();

    ir_mov(ir, fake_r(0), fake_r(1));
    expect_bad(ir, "falls off the end");
    ir = fake_begin();
    expect_bad(ir, "falls off the end");
}

static void test_fields_fit_their_type(void)
{
    IrContext *ir = fake_begin();

    ir_extract(ir, fake_w(0), 20, 13);
    ir_exit_loop(ir);
    expect_bad(ir, "bits 20..33 of 32");
    op_at(ir, 0)->c[0] = 4;                 /* no bits */
    expect_bad(ir, "bits 4..4");
}

static void test_shift_counts_are_below_the_width(void)
{
    IrContext *ir = fake_begin();

    ir_shl(ir, fake_w(0), ir_const(ir, IR_I32, 32));
    ir_exit_loop(ir);
    expect_bad(ir, "shift by 0x20");
}

static void test_sizes_fit_their_type(void)
{
    IrContext *ir = fake_begin();

    ir_gld(ir, IR_I32, fake_r(0), IR_MO_64);
    ir_exit_loop(ir);
    expect_bad(ir, "64 bits of a smaller value");
    ir = fake_begin();
    ir_st(ir, fake_w(0), 0, IR_MO_64);
    ir_exit_loop(ir);
    expect_bad(ir, "64 bits of a smaller value");
    ir = fake_begin();
    ir_gst(ir, fake_r(0), fake_r(1), IR_MO_64 | IR_MO_RMW);
    ir_exit_loop(ir);
    expect_bad(ir, "only loads");
}

static void test_overflowed_lists_are_not_judged(void)
{
    IrContext *ir = fake_begin();

    while (!ir_overflow(ir)) {
        ir_neg(ir, fake_r(0));
    }
    expect_good(ir, IR_TYPES_EXACT);
}

#define ADD(fn) g_test_add_func("/ir/verify/" #fn, test_##fn)
int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(good_lists_pass);
    ADD(operation_must_exist);
    ADD(types_must_agree_as_built);
    ADD(garbage_is_no_64_bit_value);
    ADD(argument_must_exist);
    ADD(counts_must_be_the_operations);
    ADD(call_must_suit_its_helper);
    ADD(local_is_assigned_once);
    ADD(local_is_defined_before_use);
    ADD(local_ends_at_a_label);
    ADD(variable_is_defined_on_every_path);
    ADD(constant_is_no_result);
    ADD(only_mov_writes_globals_as_built);
    ADD(what_has_died_is_not_used);
    ADD(label_is_set_once_and_ahead);
    ADD(exits_are_numbered);
    ADD(block_ends);
    ADD(fields_fit_their_type);
    ADD(shift_counts_are_below_the_width);
    ADD(sizes_fit_their_type);
    ADD(overflowed_lists_are_not_judged);
    return g_test_run();
}
