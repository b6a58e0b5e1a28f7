/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Saved states: a machine whose devices are all in the middle of something is saved, loaded into a fresh process and
 * saved again. Time stands still, so both files must be the same, byte by byte; and the registers are compared, too.
 */
#include "qemu/osdep.h"
#include <sys/wait.h>
#include "disturb.h"
#include "libqtest.h"

static void save(QTest *q, const char *path)
{
    g_free(qtest_ask(q, "vmstate_save %s", path));
}

static void check_same_bytes(const char *a, const char *b)
{
    g_autofree char *x = NULL, *y = NULL;
    gsize nx, ny;

    g_assert_true(g_file_get_contents(a, &x, &nx, NULL));
    g_assert_true(g_file_get_contents(b, &y, &ny, NULL));
    g_assert_cmpuint(nx, ==, ny);
    for (gsize i = 0; i < nx; i++) {
        if (x[i] != y[i]) {
            g_error("byte %zu of %zu: 0x%02x became 0x%02x", (size_t)i, (size_t)nx, (uint8_t)x[i], (uint8_t)y[i]);
        }
    }
}

static void compare_registers(QTest *a, QTest *b)
{
    static const uint16_t ports[] = { 0x21, 0xa1, 0x4d0, 0x4d1, 0x3f9, 0x3fb, 0x3fc, 0x2ff, 0x378, 0x37a,
                                      0x92, 0xb2, 0xb3,  0x3cc, 0x1f2, 0x1f3, 0x1f6, 0x176, 0x64,  0x61 };

    for (unsigned i = 0; i < G_N_ELEMENTS(ports); i++) {
        g_assert_cmphex(qtest_inb(a, ports[i]), ==, qtest_inb(b, ports[i]));
    }
    for (unsigned devfn = 0; devfn < 18 << 3; devfn++) {
        for (unsigned reg = 0; reg < 256; reg += 4) {
            g_assert_cmphex(qtest_pci_readl(a, devfn, reg), ==, qtest_pci_readl(b, devfn, reg));
        }
    }
    g_assert_cmphex(qtest_inl(a, 0xe0), ==, qtest_inl(b, 0xe0));
    g_assert_cmphex(qtest_readl(b, 0xe300000c), ==, 1);
    g_assert_cmphex(qtest_readl(a, 0xe1000024), ==, qtest_readl(b, 0xe1000024));
    g_assert_cmphex(qtest_readq(a, 0xfed000f0), ==, qtest_readq(b, 0xfed000f0));
    g_assert_cmphex(qtest_readq(a, 300007 * 3), ==, qtest_readq(b, 300007 * 3));
    g_assert_cmpint(qtest_clock_step(a, 1000000), ==, qtest_clock_step(b, 1000000));
    g_assert_cmphex(qtest_inl(a, 0xb008), ==, qtest_inl(b, 0xb008));
}

static void test_what_is_loaded_is_what_was_saved(void)
{
    const char *first = qtest_temp_file("", 0), *second = qtest_temp_file("", 0);
    QTest *a = qtest_start(DISTURB_MACHINE), *b;

    disturb_all_devices(a);
    save(a, first);
    b = qtest_start(DISTURB_MACHINE " -incoming file:%s", first);
    save(b, second);
    check_same_bytes(first, second);
    compare_registers(a, b);
    qtest_quit(a);
    qtest_quit(b);
}

static void test_an_undisturbed_machine_is_the_same_too(void)
{
    const char *first = qtest_temp_file("", 0), *second = qtest_temp_file("", 0);
    QTest *a = qtest_start(DISTURB_MACHINE), *b;

    save(a, first);
    qtest_quit(a);
    b = qtest_start(DISTURB_MACHINE " -incoming file:%s", first);
    save(b, second);
    check_same_bytes(first, second);
    qtest_quit(b);
}

static void check_loads(QTest *q, const char *machine)
{
    const char *first = qtest_temp_file("", 0), *second = qtest_temp_file("", 0);

    save(q, first);
    qtest_quit(q);
    q = qtest_start("%s -incoming file:%s", machine, first);
    save(q, second);
    check_same_bytes(first, second);
    qtest_quit(q);
}

/* The first update comes half a second after divider reset, however often. */
static void test_a_clock_that_its_divider_holds_back_loads(void)
{
    QTest *q = qtest_start("-M pc -m 8");

    for (unsigned i = 0; i < 12; i++) {
        qtest_clock_step(q, 490000000);
        qtest_outb(q, 0x70, 0x0a);
        qtest_outb(q, 0x71, 0x76);
        qtest_outb(q, 0x71, 0x26);
    }
    check_loads(q, "-M pc -m 8");
}

static void test_a_floppy_command_that_is_about_to_fail_loads(void)
{
    static const uint8_t bytes[] = { 0x03, 0x10, 0x03, 0x46, 3, 0, 0, 1, 2, 18, 0x1b, 0xff };
    QTest *q = qtest_start("-M pc -m 8");

    qtest_outb(q, 0x3f2, 0x0c);
    qtest_clock_step(q, 10000000);
    for (unsigned i = 0; i < G_N_ELEMENTS(bytes); i++) {
        qtest_outb(q, 0x3f5, bytes[i]);
    }
    g_assert_cmphex(qtest_inb(q, 0x3f4) & 0x10, ==, 0x10);
    check_loads(q, "-M pc -m 8");
}

/* The exit status of a start with this state; standard error has the reason. */
static int load_status(const char *machine, const char *path)
{
    g_autofree char *command = g_strdup_printf("%s -display none -accel qtest -S -incoming file:%s %s",
                                               g_getenv("QEMU"), path, machine);
    g_autofree char *out = NULL, *err = NULL;
    int status;

    g_assert_true(g_spawn_command_line_sync(command, &out, &err, &status, NULL));
    g_assert_nonnull(strstr(err, "-incoming file:"));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_other_machines_and_damage_are_refused(void)
{
    const char *path = qtest_temp_file("", 0);
    QTest *q = qtest_start("-M pc -m 8 -serial null");
    g_autofree char *data = NULL;
    gsize len;

    save(q, path);
    qtest_quit(q);
    g_assert_cmpint(load_status("-M pc -m 16 -serial null", path), ==, 1);
    g_assert_cmpint(load_status("-M pc -m 8 -serial none", path), ==, 1);
    g_assert_cmpint(load_status("-M pc -m 8 -serial null -serial null", path), ==, 1);
    g_assert_cmpint(load_status("-M pc -m 8 -serial null", "/nonexistent/file"), ==, 1);
    g_assert_true(g_file_get_contents(path, &data, &len, NULL));
    g_assert_cmpint(load_status("-M pc -m 8 -serial null", qtest_temp_file(data, len - 1)), ==, 1);
    g_assert_cmpint(load_status("-M pc -m 8 -serial null", qtest_temp_file(data, 100)), ==, 1);
    g_assert_cmpint(load_status("-M pc -m 8 -serial null", qtest_temp_file("", 0)), ==, 1);
    data[0] ^= 1;
    g_assert_cmpint(load_status("-M pc -m 8 -serial null", qtest_temp_file(data, len)), ==, 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/vmstate/what-is-loaded-is-what-was-saved", test_what_is_loaded_is_what_was_saved);
    g_test_add_func("/vmstate/an-undisturbed-machine-is-the-same-too", test_an_undisturbed_machine_is_the_same_too);
    g_test_add_func("/vmstate/a-clock-that-its-divider-holds-back-loads",
                    test_a_clock_that_its_divider_holds_back_loads);
    g_test_add_func("/vmstate/a-floppy-command-that-is-about-to-fail-loads",
                    test_a_floppy_command_that_is_about_to_fail_loads);
    g_test_add_func("/vmstate/other-machines-and-damage-are-refused", test_other_machines_and_damage_are_refused);
    return g_test_run();
}
