/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 8259 pair through its ports. */
#include "qemu/osdep.h"
#include "device-harness.h"
#include "hw/i386/pc.h"

static Device *pic;
static int intr;

static void intr_set(void *opaque, int n, int level)
{
    intr = level;
}

static void line(int n, int level)
{
    irq_set(device_irq_in(pic, n), level);
}

/* Bases 30h and 38h as Linux has them; icw4 of both. */
static void program(uint8_t icw4)
{
    for (int n = 0; n < 16; n++) {
        line(n, 0);
    }
    pic->type->reset(pic);
    out8(0x20, 0x11);
    out8(0x21, 0x30);
    out8(0x21, 0x04);
    out8(0x21, icw4);
    out8(0xa0, 0x11);
    out8(0xa1, 0x38);
    out8(0xa1, 0x02);
    out8(0xa1, icw4);
}

static uint8_t irr(uint16_t port)
{
    out8(port, 0x0a);
    return in8(port);
}

static uint8_t isr(uint16_t port)
{
    out8(port, 0x0b);
    return in8(port);
}

static void test_edge_is_delivered_once(void)
{
    program(1);
    line(4, 1);
    g_assert_cmpint(intr, ==, 1);
    g_assert_cmphex(irr(0x20), ==, 0x10);
    g_assert_cmphex(i8259_ack(pic), ==, 0x34);
    g_assert_cmpint(intr, ==, 0);
    g_assert_cmphex(isr(0x20), ==, 0x10);
    out8(0x20, 0x20);
    g_assert_cmphex(isr(0x20), ==, 0);
    g_assert_cmpint(intr, ==, 0);       /* the line is still up: no new edge */
    line(4, 0);
    line(4, 1);
    g_assert_cmpint(intr, ==, 1);
}

static void test_edge_withdrawn_before_inta_is_spurious(void)
{
    program(1);
    line(4, 1);
    line(4, 0);
    g_assert_cmpint(intr, ==, 0);
    g_assert_cmphex(i8259_ack(pic), ==, 0x37);
    g_assert_cmphex(isr(0x20), ==, 0);
}

static void test_spurious_of_slave_leaves_cascade_in_service(void)
{
    program(1);
    line(12, 1);
    g_assert_cmpint(intr, ==, 1);
    g_assert_cmphex(i8259_ack(pic), ==, 0x3c);
    g_assert_cmphex(isr(0x20), ==, 0x04);
    g_assert_cmphex(isr(0xa0), ==, 0x10);
    out8(0xa0, 0x20);
    g_assert_cmphex(isr(0x20), ==, 0x04);
    out8(0x20, 0x62);
    g_assert_cmphex(isr(0x20), ==, 0);
}

static void test_level_follows_line(void)
{
    program(1);
    out8(0x4d1, 0x08);      /* line 11 */
    g_assert_cmphex(in8(0x4d1), ==, 0x08);
    line(11, 1);
    g_assert_cmphex(i8259_ack(pic), ==, 0x3b);
    out8(0xa0, 0x20);
    out8(0x20, 0x20);
    g_assert_cmpint(intr, ==, 1);       /* still up */
    line(11, 0);
    g_assert_cmpint(intr, ==, 0);
    g_assert_cmphex(irr(0xa0), ==, 0);
}

static void test_elcr_keeps_only_its_bits(void)
{
    program(1);
    out8(0x4d0, 0xff);
    out8(0x4d1, 0xff);
    g_assert_cmphex(in8(0x4d0), ==, 0xf8);
    g_assert_cmphex(in8(0x4d1), ==, 0xde);
}

static void test_priority_is_nested(void)
{
    program(1);
    line(5, 1);
    g_assert_cmphex(i8259_ack(pic), ==, 0x35);
    line(6, 1);
    g_assert_cmpint(intr, ==, 0);       /* lower: waits */
    line(1, 1);
    g_assert_cmpint(intr, ==, 1);       /* higher: interrupts the handler */
    g_assert_cmphex(i8259_ack(pic), ==, 0x31);
    g_assert_cmphex(isr(0x20), ==, 0x22);
    out8(0x20, 0x20);
    g_assert_cmphex(isr(0x20), ==, 0x20);
    out8(0x20, 0x20);
    g_assert_cmpint(intr, ==, 1);
    g_assert_cmphex(i8259_ack(pic), ==, 0x36);
}

static void test_second_request_of_slave_follows_the_first(void)
{
    program(1);
    line(14, 1);
    line(15, 1);
    g_assert_cmphex(i8259_ack(pic), ==, 0x3e);
    out8(0xa0, 0x20);
    out8(0x20, 0x20);
    g_assert_cmpint(intr, ==, 1);
    g_assert_cmphex(i8259_ack(pic), ==, 0x3f);
}

static void test_mask_keeps_the_request(void)
{
    program(1);
    out8(0x21, 0xfb);
    g_assert_cmphex(in8(0x21), ==, 0xfb);
    line(3, 1);
    g_assert_cmpint(intr, ==, 0);
    g_assert_cmphex(irr(0x20), ==, 0x08);
    out8(0x21, 0x00);
    g_assert_cmpint(intr, ==, 1);
}

static void test_special_mask_lets_lower_levels_through(void)
{
    program(1);
    line(1, 1);
    g_assert_cmphex(i8259_ack(pic), ==, 0x31);
    line(4, 1);
    g_assert_cmpint(intr, ==, 0);
    out8(0x21, 0x02);
    out8(0x20, 0x68);
    g_assert_cmpint(intr, ==, 1);
    g_assert_cmphex(i8259_ack(pic), ==, 0x34);
    out8(0x20, 0x20);                   /* non-specific: passes over the masked level 1 */
    g_assert_cmphex(isr(0x20), ==, 0x02);
    out8(0x20, 0x48);
}

static void test_rotation_makes_the_served_level_last(void)
{
    program(1);
    line(3, 1);
    g_assert_cmphex(i8259_ack(pic), ==, 0x33);
    out8(0x20, 0xa0);
    line(3, 0);
    line(3, 1);
    line(4, 1);
    g_assert_cmphex(i8259_ack(pic), ==, 0x34);
    out8(0x20, 0xc2);                   /* set priority: 2 is last, 3 first */
    g_assert_cmpint(intr, ==, 1);
    g_assert_cmphex(i8259_ack(pic), ==, 0x33);
    out8(0x20, 0xe3);                   /* specific EOI of 3, which becomes last */
    g_assert_cmphex(isr(0x20), ==, 0x10);
}

static void test_auto_eoi(void)
{
    program(3);
    line(4, 1);
    g_assert_cmphex(i8259_ack(pic), ==, 0x34);
    g_assert_cmphex(isr(0x20), ==, 0);
}

static void test_poll_acknowledges(void)
{
    program(1);
    line(6, 1);
    out8(0x20, 0x0c);
    g_assert_cmphex(in8(0x20), ==, 0x86);
    g_assert_cmphex(isr(0x20), ==, 0x40);
    out8(0x20, 0x0c);
    g_assert_cmphex(in8(0x21), ==, 0x00);
    g_assert_cmphex(in8(0x21), ==, 0x00);       /* the mask again */
}

static void test_special_fully_nested_lets_slave_interrupt_itself(void)
{
    program(1);
    line(12, 1);
    i8259_ack(pic);
    line(8, 1);
    g_assert_cmpint(intr, ==, 0);               /* plain nesting: the master's input 2 is in service */
    program(0x11);
    line(12, 1);
    i8259_ack(pic);
    line(8, 1);
    g_assert_cmpint(intr, ==, 1);
    g_assert_cmphex(i8259_ack(pic), ==, 0x38);
}

static void test_icw1_resets_edges_and_mask(void)
{
    program(1);
    out8(0x21, 0xff);
    line(4, 1);
    out8(0x20, 0x11);
    out8(0x21, 0x08);
    out8(0x21, 0x04);
    out8(0x21, 0x01);
    g_assert_cmphex(in8(0x21), ==, 0);
    g_assert_cmphex(irr(0x20), ==, 0);
    g_assert_cmpint(intr, ==, 0);
}

static void test_state_survives_savevm(void)
{
    program(1);
    out8(0x21, 0x40);
    line(4, 1);
    i8259_ack(pic);
    line(1, 1);
    save_reset_load(pic);
    g_assert_cmphex(in8(0x21), ==, 0x40);
    g_assert_cmphex(isr(0x20), ==, 0x10);
    g_assert_cmphex(irr(0x20), ==, 0x02);
    g_assert_cmpint(intr, ==, 1);
    g_assert_cmphex(i8259_ack(pic), ==, 0x31);
    load_nonsense(pic);
}

int main(int argc, char **argv)
{
    harness_init(&argc, &argv);
    pic = i8259_create(irq_new(intr_set, NULL, 0));
    g_test_add_func("/pic/edge", test_edge_is_delivered_once);
    g_test_add_func("/pic/edge-withdrawn", test_edge_withdrawn_before_inta_is_spurious);
    g_test_add_func("/pic/cascade", test_spurious_of_slave_leaves_cascade_in_service);
    g_test_add_func("/pic/level", test_level_follows_line);
    g_test_add_func("/pic/elcr", test_elcr_keeps_only_its_bits);
    g_test_add_func("/pic/priority", test_priority_is_nested);
    g_test_add_func("/pic/slave-twice", test_second_request_of_slave_follows_the_first);
    g_test_add_func("/pic/mask", test_mask_keeps_the_request);
    g_test_add_func("/pic/special-mask", test_special_mask_lets_lower_levels_through);
    g_test_add_func("/pic/rotation", test_rotation_makes_the_served_level_last);
    g_test_add_func("/pic/auto-eoi", test_auto_eoi);
    g_test_add_func("/pic/poll", test_poll_acknowledges);
    g_test_add_func("/pic/special-nested", test_special_fully_nested_lets_slave_interrupt_itself);
    g_test_add_func("/pic/icw1", test_icw1_resets_edges_and_mask);
    g_test_add_func("/pic/savevm", test_state_survives_savevm);
    return g_test_run();
}
