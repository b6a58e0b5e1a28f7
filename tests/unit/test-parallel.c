/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parallel port through its ports, with a character device the test holds in its hands. */
#include "qemu/osdep.h"
#include "device-harness.h"
#include "fake-chardev.h"

#define LPT1    0x378
enum { DATA, STATUS, CONTROL };

static Chardev chr;
static Device *lpt;

static uint8_t get(unsigned reg)
{
    return in8(LPT1 + reg);
}

static void set(unsigned reg, uint8_t val)
{
    out8(LPT1 + reg, val);
}

static void fresh(void)
{
    lpt->type->reset(lpt);
    chardev_fresh(&chr);
}

static void print(uint8_t c, uint8_t control)
{
    set(DATA, c);
    set(CONTROL, control | 0x01);
    set(CONTROL, control);
}

static void test_registers_at_reset(void)
{
    fresh();
    g_assert_cmphex(get(DATA), ==, 0xff);
    g_assert_cmphex(get(STATUS), ==, 0xd9);
    g_assert_cmphex(get(CONTROL), ==, 0xcc);
    g_assert_cmphex(get(3), ==, 0xff);
    set(STATUS, 0x12);
    g_assert_cmphex(get(STATUS), ==, 0xd9);
}

/* What Linux looks for: "PCSPP,TRISTATE". */
static void test_latches_and_direction(void)
{
    fresh();
    set(DATA, 0xaa);
    g_assert_cmphex(get(DATA), ==, 0xaa);
    set(DATA, 0x55);
    g_assert_cmphex(get(DATA), ==, 0x55);
    set(CONTROL, 0x2c);
    g_assert_cmphex(get(DATA), ==, 0xff);
    set(CONTROL, 0x0e);
    g_assert_cmphex(get(CONTROL), ==, 0xce);
    g_assert_cmphex(get(DATA), ==, 0x55);
}

static void test_strobe_prints_once(void)
{
    fresh();
    print('a', 0x0c);
    print('b', 0x0c);
    set(CONTROL, 0x0d);
    set(CONTROL, 0x0d);
    g_assert_cmpstr(chr.sent->str, ==, "abb");
    g_assert_cmphex(get(STATUS), ==, 0x99);     /* ACK# */
    g_assert_cmphex(get(STATUS), ==, 0xd9);
    g_assert_cmpuint(line_edges[7], ==, 0);
}

static void test_acknowledge_interrupt(void)
{
    fresh();
    print('a', 0x1c);
    g_assert_cmpint(line_level[7], ==, 1);
    get(STATUS);
    g_assert_cmpint(line_level[7], ==, 0);
    print('b', 0x1c);
    print('c', 0x1c);                           /* unread: still an edge each */
    g_assert_cmpuint(line_edges[7], ==, 3);
    set(CONTROL, 0x0c);
    g_assert_cmpint(line_level[7], ==, 0);
}

static void test_full_device_means_busy(void)
{
    fresh();
    chr.room = 1;
    print('a', 0x0c);
    get(STATUS);
    print('b', 0x0c);
    g_assert_cmphex(get(STATUS), ==, 0x59);
    print('x', 0x0c);                           /* lost */
    chr.room = 10;
    chr.fe.writable(chr.fe.opaque);
    g_assert_cmpstr(chr.sent->str, ==, "ab");
    get(STATUS);
    g_assert_cmphex(get(STATUS), ==, 0xd9);
}

static void test_state_survives_savevm(void)
{
    fresh();
    chr.room = 0;
    set(CONTROL, 0x1c);
    print('z', 0x1c);
    save_reset_load(lpt);
    g_assert_cmphex(get(STATUS), ==, 0x59);
    chr.room = 1;
    run_for(0);
    g_assert_cmpstr(chr.sent->str, ==, "z");    /* nobody says writable(): another process's device was full */
    load_nonsense(lpt);
}

int main(int argc, char **argv)
{
    harness_init(&argc, &argv);
    chardev_fresh(&chr);
    lpt = isa_port_create("isa-parallel", 0, &chr, &error_abort);
    g_test_add_func("/parallel/reset", test_registers_at_reset);
    g_test_add_func("/parallel/latches", test_latches_and_direction);
    g_test_add_func("/parallel/strobe", test_strobe_prints_once);
    g_test_add_func("/parallel/interrupt", test_acknowledge_interrupt);
    g_test_add_func("/parallel/busy", test_full_device_means_busy);
    g_test_add_func("/parallel/savevm", test_state_survives_savevm);
    return g_test_run();
}
