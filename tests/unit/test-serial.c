/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 16550A through its ports, with a character device the test holds in its hands. */
#include "qemu/osdep.h"
#include "device-harness.h"
#include "fake-chardev.h"
#include "hw/char/debugcon.h"

#define COM1    0x3f8
enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR };

static Chardev chr;
static Device *uart;

static uint8_t get(unsigned reg)
{
    return in8(COM1 + reg);
}

static void set(unsigned reg, uint8_t val)
{
    out8(COM1 + reg, val);
}

static void fresh(void)
{
    uart->type->reset(uart);
    chardev_fresh(&chr);
}

static void type(const char *text)
{
    g_assert_cmpint(chr.fe.can_read(chr.fe.opaque), >=, (int)strlen(text));
    chr.fe.read(chr.fe.opaque, (const uint8_t *)text, strlen(text));
}

static void test_reset_values(void)
{
    static const uint8_t values[] = { 0x00, 0x00, 0x01, 0x00, 0x08, 0x60, 0xb0, 0x00 };

    fresh();
    for (unsigned reg = 0; reg < 8; reg++) {
        g_assert_cmphex(get(reg), ==, values[reg]);
    }
    set(LCR, 0x80);
    g_assert_cmphex(get(DATA), ==, 12);
    g_assert_cmphex(get(IER), ==, 0);
}

/* What Linux's 8250 driver does to find out what it has. */
static void test_looks_like_a_16550a(void)
{
    fresh();
    set(IER, 0x00);
    g_assert_cmphex(get(IER), ==, 0x00);
    set(IER, 0x0f);
    g_assert_cmphex(get(IER), ==, 0x0f);
    set(IER, 0x00);
    set(MCR, 0x1a);
    g_assert_cmphex(get(MSR) & 0xf0, ==, 0x90);
    set(MCR, 0x08);
    set(LCR, 0xbf);
    set(IIR, 0x00);
    g_assert_cmphex(get(IIR) & 0xc0, ==, 0x00);     /* no EFR there */
    set(LCR, 0x00);
    set(IIR, 0x01);
    g_assert_cmphex(get(IIR), ==, 0xc1);
    set(IIR, 0x00);
    g_assert_cmphex(get(IIR), ==, 0x01);
    set(SCR, 0xa5);
    g_assert_cmphex(get(SCR), ==, 0xa5);
}

static void test_thre_interrupt_follows_enable_and_write(void)
{
    fresh();
    set(IER, 0x02);
    g_assert_cmpint(line_level[4], ==, 1);
    g_assert_cmphex(get(IIR), ==, 0x02);        /* reading acknowledges */
    g_assert_cmphex(get(IIR), ==, 0x01);
    g_assert_cmpint(line_level[4], ==, 0);
    set(IER, 0x02);                             /* no 0 -> 1: nothing */
    g_assert_cmphex(get(IIR), ==, 0x01);
    set(IER, 0x00);
    set(IER, 0x02);
    g_assert_cmphex(get(IIR), ==, 0x02);
    set(DATA, 'x');                             /* sent at once: empty again, a new edge */
    g_assert_cmpuint(line_edges[4], ==, 3);
    g_assert_cmphex(get(IIR), ==, 0x02);
    g_assert_cmpstr(chr.sent->str, ==, "x");
}

static void test_blocked_host_keeps_the_bytes(void)
{
    fresh();
    set(IIR, 0x01);
    set(IER, 0x02);
    get(IIR);
    chr.room = 3;
    for (const char *p = "hello"; *p; p++) {
        set(DATA, *p);
    }
    g_assert_cmpstr(chr.sent->str, ==, "hel");
    g_assert_cmphex(get(LSR), ==, 0x00);
    g_assert_cmphex(get(IIR), ==, 0xc1);
    chr.room = INT_MAX;
    chr.fe.writable(chr.fe.opaque);
    g_assert_cmpstr(chr.sent->str, ==, "hello");
    g_assert_cmphex(get(LSR), ==, 0x60);
    g_assert_cmphex(get(IIR), ==, 0xc2);
}

static void test_receive_without_fifo(void)
{
    fresh();
    set(IER, 0x01);
    g_assert_cmpint(chr.fe.can_read(chr.fe.opaque), ==, 1);
    type("a");
    g_assert_cmpint(chr.fe.can_read(chr.fe.opaque), ==, 0);
    g_assert_cmpint(line_level[4], ==, 1);
    g_assert_cmphex(get(IIR), ==, 0x04);
    g_assert_cmphex(get(LSR), ==, 0x61);
    g_assert_cmphex(get(DATA), ==, 'a');
    g_assert_cmpint(line_level[4], ==, 0);
    g_assert_cmphex(get(LSR), ==, 0x60);
}

static void test_trigger_level_and_timeout(void)
{
    fresh();
    set(IIR, 0x81);             /* 8 bytes */
    set(IER, 0x01);
    type("1234567");
    g_assert_cmpint(line_level[4], ==, 0);
    run_for(2900 * US);                 /* four characters of 1 + 5 + 1 bits at 9600 baud are 2917 us */
    g_assert_cmpint(line_level[4], ==, 0);
    run_for(20 * MS);
    g_assert_cmphex(get(IIR), ==, 0xcc);
    g_assert_cmphex(get(DATA), ==, '1');
    g_assert_cmphex(get(IIR), ==, 0xc1);        /* the read starts the time anew */
    type("89");
    g_assert_cmphex(get(IIR), ==, 0xc4);
    for (const char *p = "23456789"; *p; p++) {
        g_assert_cmphex(get(DATA), ==, *p);
    }
    run_for(20 * MS);
    g_assert_cmphex(get(IIR), ==, 0xc1);
}

static void test_new_character_does_not_take_a_timeout_back(void)
{
    fresh();
    set(IIR, 0x81);             /* 8 bytes */
    set(IER, 0x01);
    type("1");
    run_for(20 * MS);
    g_assert_cmphex(get(IIR), ==, 0xcc);
    type("2");
    g_assert_cmpint(line_level[4], ==, 1);
    g_assert_cmphex(get(IIR), ==, 0xcc);
    g_assert_cmphex(get(DATA), ==, '1');
    g_assert_cmphex(get(IIR), ==, 0xc1);        /* a read does, and the time starts anew */
    run_for(20 * MS);
    g_assert_cmphex(get(IIR), ==, 0xcc);
    set(IIR, 0x83);                             /* so does a reset of the receiver */
    g_assert_cmphex(get(IIR), ==, 0xc1);
}

static void test_fifo_takes_sixteen(void)
{
    fresh();
    set(IIR, 0x01);
    g_assert_cmpint(chr.fe.can_read(chr.fe.opaque), ==, 16);
    type("0123456789abcdef");
    g_assert_cmpint(chr.fe.can_read(chr.fe.opaque), ==, 0);
    chr.fe.read(chr.fe.opaque, (const uint8_t *)"X", 1);        /* a careless back end */
    g_assert_cmphex(get(LSR) & 0x03, ==, 0x03);
    for (const char *p = "0123456789abcdef"; *p; p++) {
        g_assert_cmphex(get(DATA), ==, *p);
    }
    set(IIR, 0x01);
    type("xyz");
    set(IIR, 0x03);                             /* receiver reset */
    g_assert_cmphex(get(LSR), ==, 0x60);
}

static void test_loopback(void)
{
    static const struct { uint8_t mcr, msr; } lines[] = { { 1, 0x20 }, { 2, 0x10 }, { 4, 0x40 }, { 8, 0x80 } };

    fresh();
    for (unsigned i = 0; i < ARRAY_SIZE(lines); i++) {
        set(MCR, 0x10 | lines[i].mcr);
        g_assert_cmphex(get(MSR) & 0xf0, ==, lines[i].msr);
    }
    set(MCR, 0x10);
    g_assert_cmpint(chr.fe.can_read(chr.fe.opaque), ==, 0);
    set(DATA, 0x42);
    g_assert_cmphex(get(LSR), ==, 0x61);
    g_assert_cmphex(get(DATA), ==, 0x42);
    g_assert_cmpuint(chr.sent->len, ==, 0);
    set(MCR, 0x08);
    g_assert_cmphex(get(MSR) & 0xf0, ==, 0xb0);
}

static void test_modem_deltas_interrupt(void)
{
    fresh();
    set(IER, 0x08);
    set(MCR, 0x1f);
    get(MSR);
    set(MCR, 0x1b);             /* RI falls: trailing edge */
    g_assert_cmphex(get(IIR), ==, 0x00);
    g_assert_cmphex(get(MSR), ==, 0xb4);
    g_assert_cmphex(get(IIR), ==, 0x01);
    set(MCR, 0x19);             /* CTS */
    g_assert_cmphex(get(MSR), ==, 0xa1);
}

static void test_break_is_a_zero_with_bi(void)
{
    fresh();
    set(IIR, 0x01);
    set(IER, 0x04);
    chr.fe.event(chr.fe.opaque, CHR_EVENT_BREAK);
    g_assert_cmphex(get(IIR), ==, 0xc6);
    g_assert_cmphex(get(LSR), ==, 0xf1);
    g_assert_cmphex(get(IIR), ==, 0xc1);
    g_assert_cmphex(get(DATA), ==, 0);
}

static void test_priority_of_interrupts(void)
{
    fresh();
    set(IER, 0x0f);
    chr.fe.event(chr.fe.opaque, CHR_EVENT_BREAK);
    g_assert_cmphex(get(IIR), ==, 0x06);
    get(LSR);
    g_assert_cmphex(get(IIR), ==, 0x04);
    get(DATA);
    g_assert_cmphex(get(IIR), ==, 0x02);
    g_assert_cmphex(get(IIR), ==, 0x01);
}

static void test_state_survives_savevm(void)
{
    fresh();
    set(IIR, 0x81);
    set(IER, 0x01);
    set(LCR, 0x03);
    set(SCR, 0x77);
    type("abc");
    chr.room = 0;
    set(DATA, 'q');
    save_reset_load(uart);
    g_assert_cmphex(get(SCR), ==, 0x77);
    g_assert_cmphex(get(LSR), ==, 0x01);
    chr.room = 1;
    run_for(20 * MS);
    g_assert_cmpstr(chr.sent->str, ==, "q");    /* nobody says writable(): another process's device was full */
    g_assert_cmphex(get(IIR), ==, 0xcc);
    g_assert_cmphex(get(DATA), ==, 'a');
    load_nonsense(uart);
}

static void test_ports_by_index(void)
{
    Device *com2 = isa_port_create("isa-serial", 1, NULL, &error_abort);
    Device *next = device_new("isa-serial");
    Error *err = NULL;

    g_assert_cmphex(in8(0x2f8 + MSR), ==, 0x00);        /* not reset yet */
    com2->type->reset(com2);
    g_assert_cmphex(in8(0x2f8 + MSR), ==, 0xb0);
    out8(0x2f8, 'x');                                   /* into the void */
    g_assert_cmphex(in8(0x2f8 + LSR), ==, 0x60);
    g_assert_true(device_realize(next, NULL, &error_abort));
    next->type->reset(next);
    g_assert_cmphex(in8(0x3e8 + LSR), ==, 0x60);
    g_assert_null(isa_port_create("isa-serial", 7, NULL, &err));
    error_free(err);
}

static void test_debugcon(void)
{
    Chardev log = { .room = INT_MAX, .sent = g_string_new(NULL) };

    device_global_add("isa-debugcon", "iobase", "0x402");
    g_assert_nonnull(debugcon_create(&log, &error_abort));
    device_globals_clear();
    g_assert_cmphex(in8(0x402), ==, 0xe9);
    out8(0x402, 'S');
    out8(0x402, 'B');
    g_assert_cmpstr(log.sent->str, ==, "SB");
    g_string_free(log.sent, TRUE);
}

/* What a port of the host hears of it: format, breaks, DTR and RTS. */
static void test_a_real_line_hears_what_the_guest_sets(void)
{
    fresh();
    g_assert_cmpuint(chr.line.baud, ==, 9600);
    set(LCR, 0x80);
    set(DATA, 96);
    set(IER, 0);
    set(LCR, 0x1e);                             /* 7 bits, 2 stop bits, even */
    g_assert_cmpuint(chr.line.baud, ==, 1200);
    g_assert_cmpuint(chr.line.data_bits, ==, 7);
    g_assert_cmpuint(chr.line.stop_bits, ==, 2);
    g_assert_cmpint(chr.line.parity, ==, 'E');
    set(LCR, 0x2b);
    g_assert_cmpint(chr.line.parity, ==, 'M');
    set(LCR, 0x43);
    g_assert_true(chr.sends_break && chr.line.parity == 'N');
    set(LCR, 0x03);
    g_assert_false(chr.sends_break);
    set(MCR, 0x03);
    g_assert_cmphex(chr.modem_out, ==, CHR_MODEM_DTR | CHR_MODEM_RTS);
    set(MCR, 0x13);
    g_assert_cmphex(chr.modem_out, ==, 0);      /* a loop shows nothing outside */
}

static void test_modem_lines_of_a_real_port_are_looked_at(void)
{
    static Chardev real = { .real = true, .modem_in = CHR_MODEM_DSR | CHR_MODEM_RI };
    Device *dev;

    real.sent = g_string_new(NULL);
    real.room = INT_MAX;
    dev = isa_port_create("isa-serial", 1, &real, &error_abort);
    dev->type->reset(dev);
    g_assert_cmphex(in8(0x2f8 + MSR), ==, 0x60);
    out8(0x2f8 + IER, 0x08);
    real.modem_in = CHR_MODEM_DSR | CHR_MODEM_CTS | CHR_MODEM_DCD;
    run_for(10 * 1000000);
    g_assert_cmpint(line_level[3], ==, 1);
    g_assert_cmphex(in8(0x2f8 + MSR), ==, 0xbd);        /* CTS and DCD came, RI went */
    g_assert_cmphex(in8(0x2f8 + MSR), ==, 0xb0);
    g_string_free(real.sent, TRUE);
    device_unref(dev);
}

int main(int argc, char **argv)
{
    harness_init(&argc, &argv);
    chardev_fresh(&chr);
    uart = isa_port_create("isa-serial", 0, &chr, &error_abort);
    g_test_add_func("/serial/reset", test_reset_values);
    g_test_add_func("/serial/probe", test_looks_like_a_16550a);
    g_test_add_func("/serial/thre", test_thre_interrupt_follows_enable_and_write);
    g_test_add_func("/serial/blocked", test_blocked_host_keeps_the_bytes);
    g_test_add_func("/serial/receive", test_receive_without_fifo);
    g_test_add_func("/serial/timeout", test_trigger_level_and_timeout);
    g_test_add_func("/serial/timeout-stays", test_new_character_does_not_take_a_timeout_back);
    g_test_add_func("/serial/fifo", test_fifo_takes_sixteen);
    g_test_add_func("/serial/loopback", test_loopback);
    g_test_add_func("/serial/modem", test_modem_deltas_interrupt);
    g_test_add_func("/serial/line", test_a_real_line_hears_what_the_guest_sets);
    g_test_add_func("/serial/real-modem", test_modem_lines_of_a_real_port_are_looked_at);
    g_test_add_func("/serial/break", test_break_is_a_zero_with_bi);
    g_test_add_func("/serial/priority", test_priority_of_interrupts);
    g_test_add_func("/serial/savevm", test_state_survives_savevm);
    g_test_add_func("/serial/index", test_ports_by_index);
    g_test_add_func("/debugcon", test_debugcon);
    return g_test_run();
}
