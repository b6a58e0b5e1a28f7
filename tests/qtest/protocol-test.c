/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The qtest protocol itself: answers in their exact form, mistakes, time, interrupt lines, the end. */
#include "qemu/osdep.h"
#include "libqtest.h"

static void check(QTest *q, const char *request, const char *answer)
{
    g_autofree char *got = qtest_raw(q, request);

    g_assert_cmpstr(got, ==, answer);
}

static void test_answers_have_the_form_harnesses_read(void)
{
    QTest *q = qtest_start("-M pc -m 32");

    check(q, "endianness", "OK little");
    check(q, "outl 0xcf8 0x80000000", "OK");
    check(q, "inl 0xcfc", "OK 0x12378086");
    check(q, "inb 0xcfc", "OK 0x0086");
    check(q, "writew 0x1000 0x11234", "OK");
    check(q, "readw 4096", "OK 0x0000000000001234");
    check(q, "read 0x1000 4", "OK 0x34120000");
    check(q, "write 0x1000 4 0x0102", "OK");
    check(q, "readl 010000", "OK 0x0000000000000201");
    check(q, "b64read 0x1000 4", "OK AQIAAA==");
    check(q, "b64write 0x1000 4 AAEC", "OK");
    check(q, "read 0x1000 4", "OK 0x00010200");
    check(q, "memset 0x1000 3 0xff", "OK");
    check(q, "readq 0x1000", "OK 0x0000000000ffffff");
    check(q, "readq 0xfffffffff000", "OK 0x0000000000000000");
    check(q, "writel 0xfffffff0 0", "OK");
    check(q, "readb 0xfffffff0", "OK 0x00000000000000ea");
    check(q, "module_load a b", "OK");
    qtest_quit(q);
}

static void test_nonsense_fails_and_does_no_harm(void)
{
    static const char *const nonsense[] = {
        "", " ", "foo", "inb", "inb x", "inb 0x10000", "inb 0x3f8 1", "outb 0x80", "read 0 0", "read 0 -1",
        "read 0 0xffffffffffffffff", "write 0 4 0xgg", "clock_step x", "irq_intercept_in nosuch", "b64read 0",
        "set_irq_in ioapic unnamed-gpio-in 24 1", "set_irq_in ioapic other 1 1", "clock_set", "memset 0 1",
    };
    QTest *q = qtest_start("-M pc -m 32");

    for (unsigned i = 0; i < G_N_ELEMENTS(nonsense); i++) {
        g_autofree char *got = qtest_raw(q, nonsense[i]);

        g_assert_true(g_str_has_prefix(got, "FAIL "));
    }
    check(q, "foo bar", "FAIL Unknown command 'foo'");
    check(q, "irq_intercept_in nosuch", "FAIL Unknown device");
    qtest_quit(q);
}

static void test_time_stands_until_it_is_stepped(void)
{
    QTest *q = qtest_start("-M pc -m 32");
    int64_t now = qtest_clock_step(q, 0);

    g_assert_cmpint(qtest_clock_step(q, 0), ==, now);
    g_assert_cmpint(qtest_clock_step(q, 12345), ==, now + 12345);
    check(q, "clock_set 9000000000", "OK 9000000000");
    check(q, "clock_set 5", "OK 9000000000");
    g_assert_cmpint(qtest_clock_step_next(q), >, 9000000000);
    qtest_quit(q);
}

static void test_changes_of_watched_lines_are_reported(void)
{
    QTest *q = qtest_start("-M pc -m 32");

    qtest_watch_inputs(q, "ioapic");
    check(q, "irq_intercept_in isa-pic", "FAIL IRQ intercept already enabled");
    check(q, "irq_intercept_in ioapic", "OK");
    g_assert_false(qtest_irq(q, 5));
    check(q, "set_irq_in ioapic unnamed-gpio-in 5 1", "OK");
    g_assert_true(qtest_irq(q, 5));
    check(q, "set_irq_in ioapic unnamed-gpio-in 5 1", "OK");
    g_assert_cmpuint(qtest_irq_edges(q, 5), ==, 1);
    check(q, "set_irq_in ioapic unnamed-gpio-in 5 0", "OK");
    g_assert_false(qtest_irq(q, 5));
    qtest_quit(q);
}

static void test_output_lines_are_watched_too(void)
{
    QTest *q = qtest_start("-M pc -m 32");

    check(q, "irq_intercept_out isa-pic", "OK");
    qtest_outb(q, 0x20, 0x13);          /* ICW1: single, edge, ICW4 */
    qtest_outb(q, 0x21, 0x20);
    qtest_outb(q, 0x21, 0x01);
    qtest_outb(q, 0x21, 0x00);
    check(q, "set_irq_in isa-pic unnamed-gpio-in 5 1", "OK");
    g_assert_true(qtest_irq(q, 0));
    qtest_outb(q, 0x21, 0xff);
    g_assert_false(qtest_irq(q, 0));
    qtest_quit(q);
}

static void test_the_first_usable_accelerator_wins(void)
{
    QTest *q = qtest_start("-accel kvm -M pc -m 32 -accel tcg");     /* the library says -accel qtest before all */

    check(q, "clock_step 5", "OK 5");
    qtest_quit(q);
}

static void test_two_emulators_do_not_meet(void)
{
    QTest *a = qtest_start("-M pc -m 32"), *b = qtest_start("-M pc -m 32");

    qtest_writeb(a, 0x1000, 1);
    g_assert_cmphex(qtest_readb(b, 0x1000), ==, 0);
    qtest_quit(a);
    qtest_quit(b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/protocol/answers-have-the-form-harnesses-read", test_answers_have_the_form_harnesses_read);
    g_test_add_func("/protocol/nonsense-fails-and-does-no-harm", test_nonsense_fails_and_does_no_harm);
    g_test_add_func("/protocol/time-stands-until-it-is-stepped", test_time_stands_until_it_is_stepped);
    g_test_add_func("/protocol/changes-of-watched-lines-are-reported", test_changes_of_watched_lines_are_reported);
    g_test_add_func("/protocol/output-lines-are-watched-too", test_output_lines_are_watched_too);
    g_test_add_func("/protocol/the-first-usable-accelerator-wins", test_the_first_usable_accelerator_wins);
    g_test_add_func("/protocol/two-emulators-do-not-meet", test_two_emulators_do_not_meet);
    return g_test_run();
}
