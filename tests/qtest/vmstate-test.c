/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Saved states: a machine whose devices are all in the middle of something is saved, loaded into a fresh process and
 * saved again. Time stands still, so both files must be the same, byte by byte; and the registers are compared, too.
 */
#include "qemu/osdep.h"
#include <sys/wait.h>
#include "libqtest.h"

#define MACHINE "-M pc -m 8 -smp 2 -serial null -serial null -parallel null -rtc base=2020-02-02 " \
                "-device edu,addr=8 -device i6300esb,addr=9 -device pvpanic -device secondary-vga,addr=10 " \
                "-device pci-testdev,addr=11 -device pc-testdev " \
                "-device pci-bridge,chassis_nr=1,id=br -device edu,bus=br"

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

/* Every device leaves the state it has after a reset. */
static void disturb(QTest *q)
{
    static const uint16_t bytes[][2] = {
        { 0x43, 0x34 }, { 0x40, 0x21 }, { 0x40, 0x43 }, { 0x43, 0xb6 }, { 0x42, 0x99 }, { 0x61, 0x03 },
        { 0x20, 0x11 }, { 0x21, 0x20 }, { 0x21, 0x04 }, { 0x21, 0x01 }, { 0x21, 0xb8 }, { 0x4d0, 0x20 },
        { 0x4d1, 0x0c },
        { 0x70, 0x0a }, { 0x71, 0x26 }, { 0x70, 0x0b }, { 0x71, 0x42 }, { 0x70, 0x50 }, { 0x71, 0xaa },
        { 0x3fb, 0x83 }, { 0x3f8, 0x0c }, { 0x3fb, 0x1b }, { 0x3fc, 0x0b }, { 0x3f9, 0x0f }, { 0x3fa, 0x07 },
        { 0x2ff, 0x5a }, { 0x378, 0x41 }, { 0x37a, 0x14 }, { 0x64, 0x60 }, { 0x60, 0x47 }, { 0x60, 0xee },
        { 0x0c, 0x00 }, { 0x04, 0x12 }, { 0x04, 0x34 }, { 0x05, 0xff }, { 0x05, 0x01 }, { 0x0b, 0x46 }, { 0x81, 0x03 },
        { 0x0c, 0x00 }, { 0x04, 0x77 }, { 0x3f2, 0x1c }, { 0x92, 0x02 }, { 0xb2, 0x12 }, { 0xb3, 0x34 },
        { 0x3c2, 0x67 }, { 0x3c4, 0x02 }, { 0x3c5, 0x05 }, { 0x3c8, 0x10 }, { 0x3c9, 0x11 }, { 0x3c9, 0x22 },
        { 0x3ce, 0x05 }, { 0x3cf, 0x01 }, { 0x1f6, 0xe0 }, { 0x1f2, 0x12 }, { 0x1f3, 0x34 }, { 0x176, 0xa0 },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(bytes); i++) {
        qtest_outb(q, bytes[i][0], (uint8_t)bytes[i][1]);
    }
    qtest_pci_writel(q, 0, 0x58, 0x33221100);           /* PAM and SMRAM of the host bridge */
    qtest_pci_writel(q, 1 << 3, 0x60, 0x0a0b0a0b);
    qtest_pci_writel(q, 1 << 3 | 1, 0x20, 0xc001);
    qtest_pci_writel(q, 1 << 3 | 1, 4, 5);
    qtest_pci_writel(q, 1 << 3 | 3, 0x40, 0xb001);
    qtest_pci_writel(q, 1 << 3 | 3, 0x80, 1);
    qtest_outw(q, 0xb002, 0x0101);
    qtest_pci_writel(q, 8 << 3, 0x10, 0xe1000000);
    qtest_pci_writel(q, 8 << 3, 4, 6);
    qtest_writel(q, 0xe1000000 + 0x60, 0x21);
    qtest_pci_writel(q, 8 << 3, 0x44, 0xfee01000);
    qtest_pci_writel(q, 8 << 3, 0x4c, 0x4055);
    qtest_pci_writel(q, 8 << 3, 0x40, 0x10000);
    qtest_pci_writel(q, 17 << 3, 0x10, 0xe3000000);
    qtest_pci_writel(q, 17 << 3, 4, 2);
    qtest_writeb(q, 0xe3000000, 0);
    qtest_writeb(q, 0xe3000800, 0xfa);
    qtest_outl(q, 0xe0, 0x12345678);
    qtest_pci_writel(q, 9 << 3, 0x10, 0xe2000000);
    qtest_pci_writel(q, 9 << 3, 4, 2);
    qtest_pci_writel(q, 9 << 3, 0x68, 2);
    qtest_writel(q, 0xfec00000, 0x12);
    qtest_writel(q, 0xfec00010, 0x18051);
    qtest_writeq(q, 0xfed00100, 0x4c);
    qtest_writeq(q, 0xfed00108, 1000000);
    qtest_writeq(q, 0xfed00010, 1);
    qtest_outw(q, 0x510, 0x19);
    qtest_inb(q, 0x511);
    for (uint64_t addr = 0; addr < 8 << 20; addr += 300007) {
        qtest_writeq(q, addr, addr ^ 0x5555);
    }
    qtest_clock_step(q, 12345678);
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
    QTest *a = qtest_start(MACHINE), *b;

    disturb(a);
    save(a, first);
    b = qtest_start(MACHINE " -incoming file:%s", first);
    save(b, second);
    check_same_bytes(first, second);
    compare_registers(a, b);
    qtest_quit(a);
    qtest_quit(b);
}

static void test_an_undisturbed_machine_is_the_same_too(void)
{
    const char *first = qtest_temp_file("", 0), *second = qtest_temp_file("", 0);
    QTest *a = qtest_start(MACHINE), *b;

    save(a, first);
    qtest_quit(a);
    b = qtest_start(MACHINE " -incoming file:%s", first);
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
