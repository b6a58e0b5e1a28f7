/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cards that exist to be tested with, and the bus under them: edu with INTx, MSI and DMA, pci-testdev, pc-testdev. */
#include "qemu/osdep.h"
#include "libqtest.h"

/* ---- edu --------------------------------------------------------------------------------------------------------- */

static void test_pci_bars_tell_their_size(void)
{
    QTest *q = qtest_start("-M pc -m 32 -device edu");
    unsigned devfn = qtest_pci_find(q, 0x1234, 0x11e8);

    qtest_pci_writel(q, devfn, 0x10, 0xffffffff);
    g_assert_cmphex(qtest_pci_readl(q, devfn, 0x10), ==, 0xfff00000);
    g_assert_cmphex(qtest_pci_readl(q, 31 << 3, 0), ==, 0xffffffff);
    qtest_quit(q);
}

#define EDU 0xe1000000u

static QTest *edu_start(void)
{
    QTest *q = qtest_start("-M pc -m 32 -device edu");
    unsigned devfn = qtest_pci_find(q, 0x1234, 0x11e8);

    qtest_pci_writel(q, devfn, 0x10, EDU);
    qtest_pci_writel(q, devfn, 4, 6);
    return q;
}

static void test_edu_computes_factorials(void)
{
    QTest *q = edu_start();

    g_assert_cmphex(qtest_readl(q, EDU), ==, 0x010000ed);
    qtest_writel(q, EDU + 4, 0x12345678);
    g_assert_cmphex(qtest_readl(q, EDU + 4), ==, ~0x12345678u);
    qtest_writel(q, EDU + 8, 10);
    qtest_until(q, !(qtest_readl(q, EDU + 0x20) & 1));
    g_assert_cmpuint(qtest_readl(q, EDU + 8), ==, 3628800);
    qtest_quit(q);
}

static void test_edu_copies_by_dma(void)
{
    QTest *q = edu_start();

    qtest_writel(q, 0x5000, 0xcafebabe);
    for (unsigned back = 0; back < 2; back++) {
        qtest_writeq(q, EDU + 0x80, back ? 0x40000 : 0x5000);
        qtest_writeq(q, EDU + 0x88, back ? 0x6000 : 0x40000);
        qtest_writeq(q, EDU + 0x90, 4);
        qtest_writeq(q, EDU + 0x98, back ? 3 : 1);
        for (unsigned i = 0; i < 100 && qtest_readq(q, EDU + 0x98) & 1; i++) {
            qtest_clock_step(q, 10000000);
        }
    }
    g_assert_cmphex(qtest_readl(q, 0x6000), ==, 0xcafebabe);
    qtest_quit(q);
}

static void test_edu_interrupts_through_the_piix3(void)
{
    QTest *q = qtest_start("-M pc -m 32 -device edu,addr=4");

    qtest_watch_inputs(q, "isa-pic");
    qtest_pci_writel(q, 4 << 3, 0x10, EDU);
    qtest_pci_writel(q, 4 << 3, 4, 6);
    qtest_pci_writel(q, 1 << 3, 0x60, 0x0b0b0b0b);      /* PIRQA..D: line 11 */
    qtest_writel(q, EDU + 0x60, 0x10);
    g_assert_true(qtest_irq(q, 11));
    g_assert_cmphex(qtest_readl(q, EDU + 0x24), ==, 0x10);
    qtest_writel(q, EDU + 0x64, 0x10);
    g_assert_false(qtest_irq(q, 11));
    qtest_quit(q);
}

#define MSI_CAP     0x40u
#define MAILBOX     0x8000u

static void msi_enable(QTest *q, unsigned devfn, uint64_t address, uint16_t data)
{
    qtest_pci_writel(q, devfn, MSI_CAP + 4, (uint32_t)address);
    qtest_pci_writel(q, devfn, MSI_CAP + 8, address >> 32);
    qtest_pci_writel(q, devfn, MSI_CAP + 12, data);
    qtest_pci_writel(q, devfn, MSI_CAP, 0x10000);
}

static void test_edu_sends_messages(void)
{
    QTest *q = edu_start();
    unsigned devfn = qtest_pci_find(q, 0x1234, 0x11e8);

    qtest_watch_inputs(q, "isa-pic");
    qtest_pci_writel(q, 1 << 3, 0x60, 0x0b0b0b0b);
    g_assert_cmphex(qtest_pci_readl(q, devfn, 4) >> 20 & 1, ==, 1);
    g_assert_cmphex(qtest_pci_readl(q, devfn, 0x34) & 0xff, ==, MSI_CAP);
    g_assert_cmphex(qtest_pci_readl(q, devfn, MSI_CAP), ==, 0x00800005);
    qtest_writel(q, MAILBOX, 0);
    msi_enable(q, devfn, MAILBOX, 0x1234);
    qtest_writel(q, EDU + 0x60, 1);
    g_assert_cmphex(qtest_readl(q, MAILBOX), ==, 0x1234);
    g_assert_false(qtest_irq(q, 11));
    qtest_writel(q, MAILBOX, 0);
    qtest_writel(q, EDU + 0x64, 1);                         /* acknowledging sends nothing */
    g_assert_cmphex(qtest_readl(q, MAILBOX), ==, 0);
    qtest_writel(q, EDU + 0x20, 0x80);                      /* a computation that says when it is done */
    qtest_writel(q, EDU + 8, 3);
    qtest_until(q, qtest_readl(q, MAILBOX) == 0x1234);
    qtest_quit(q);
}

/* The local APIC is off in a test, where no processor runs, and lists nothing: its trace has what has arrived. */
static void test_edu_messages_reach_the_local_apics(void)
{
    const char *log = qtest_temp_file("", 0);
    QTest *q = qtest_start("-M pc -m 32 -device edu,addr=4 -trace apic_msi -D %s", log);
    g_autofree char *text = NULL;

    qtest_pci_writel(q, 4 << 3, 0x10, EDU);
    qtest_pci_writel(q, 4 << 3, 4, 6);
    msi_enable(q, 4 << 3, 0xfee01000, 0x4061);
    qtest_writel(q, EDU + 0x60, 1);
    qtest_quit(q);
    g_assert_true(g_file_get_contents(log, &text, NULL, NULL));
    g_assert_nonnull(strstr(text, "apic_msi addr 0xfee01000 data 0x00004061"));
}

static void test_edu_forgets_messages_at_a_reset(void)
{
    QTest *q = edu_start();
    unsigned devfn = qtest_pci_find(q, 0x1234, 0x11e8);

    msi_enable(q, devfn, MAILBOX, 0x1234);
    qtest_outb(q, 0xcf9, 0x06);
    qtest_until(q, qtest_pci_readl(q, devfn, MSI_CAP) == 0x00800005);
    g_assert_cmphex(qtest_pci_readl(q, devfn, MSI_CAP + 4), ==, 0);
    qtest_quit(q);
}

/* ---- behind bridges ---------------------------------------------------------------------------------------------- */

#define BRIDGE      (5u << 3)
#define BRIDGED     (0x100u | 4 << 3)       /* slot 4 of bus 1 */

static QTest *bridged_edu_start(void)
{
    QTest *q = qtest_start("-M pc -m 32 -device pci-bridge,chassis_nr=1,id=br1,addr=5 -device edu,bus=br1,addr=4");

    qtest_pci_writel(q, 1 << 3, 0x60, 0x0b0b0b0b);
    g_assert_cmphex(qtest_pci_readl(q, BRIDGED, 0), ==, 0xffffffff);
    qtest_pci_writel(q, BRIDGE, 0x18, 0x00010100);              /* bus 1 is behind it */
    qtest_pci_writel(q, BRIDGE, 0x20, EDU >> 16 | EDU);
    qtest_pci_writel(q, BRIDGE, 4, 6);
    g_assert_cmphex(qtest_pci_readl(q, BRIDGED, 0), ==, 0x11e81234);
    qtest_pci_writel(q, BRIDGED, 0x10, EDU);
    qtest_pci_writel(q, BRIDGED, 4, 6);
    return q;
}

static void test_edu_works_behind_a_bridge(void)
{
    QTest *q = bridged_edu_start();

    qtest_watch_inputs(q, "isa-pic");
    g_assert_cmphex(qtest_readl(q, EDU), ==, 0x010000ed);
    qtest_writel(q, EDU + 0x60, 1);
    g_assert_true(qtest_irq(q, 11));
    qtest_writel(q, EDU + 0x64, 1);
    g_assert_false(qtest_irq(q, 11));
    qtest_writel(q, MAILBOX, 0);
    msi_enable(q, BRIDGED, MAILBOX, 0x1234);
    qtest_writel(q, EDU + 0x60, 1);
    g_assert_cmphex(qtest_readl(q, MAILBOX), ==, 0x1234);
    qtest_pci_writel(q, BRIDGE, 4, 2);                          /* passes no transfers on */
    qtest_writel(q, MAILBOX, 0);
    qtest_writel(q, EDU + 0x60, 1);
    g_assert_cmphex(qtest_readl(q, MAILBOX), ==, 0);
    qtest_pci_writel(q, BRIDGE, 0x20, 0xe200e200);   /* a window elsewhere */
    g_assert_cmphex(qtest_readl(q, EDU), ==, 0);
    qtest_quit(q);
}

/* ---- pci-testdev ------------------------------------------------------------------------------------------------- */

#define TESTDEV     0xe1200000u
#define TESTDEV_IO  0xc000u

static QTest *testdev_start(const char *props)
{
    QTest *q = qtest_start("-M pc -m 32 -device pci-testdev%s", props);
    unsigned devfn = qtest_pci_find(q, 0x1b36, 0x0005);

    qtest_pci_writel(q, devfn, 0x10, TESTDEV);
    qtest_pci_writel(q, devfn, 0x14, TESTDEV_IO);
    qtest_pci_writel(q, devfn, 4, 3);
    return q;
}

static uint8_t mem_byte(QTest *q, unsigned at)
{
    return qtest_readb(q, TESTDEV + at);
}

static uint8_t io_byte(QTest *q, unsigned at)
{
    return qtest_inb(q, (uint16_t)(TESTDEV_IO + at));
}

static char *header_name(QTest *q, uint8_t (*byte)(QTest *q, unsigned at))
{
    GString *name = g_string_new(NULL);
    uint8_t c;

    for (unsigned at = 16; (c = byte(q, at)); at++) {
        g_string_append_c(name, (char)c);
    }
    return g_string_free(name, FALSE);
}

static void test_testdev_shows_its_tests(void)
{
    static const char *const names[2][3] = {
        { "mmio-no-eventfd", "mmio-wildcard-eventfd", "mmio-datamatch-eventfd" },
        { "portio-no-eventfd", "portio-wildcard-eventfd", "portio-datamatch-eventfd" },
    };
    static const uint8_t data[] = { 0xfa, 0xce, 0xfa };
    QTest *q = testdev_start("");

    g_assert_cmphex(qtest_readl(q, TESTDEV), ==, 0);
    for (unsigned io = 0; io < 2; io++) {
        for (unsigned test = 0; test < 3; test++) {
            g_autofree char *mem_name = NULL, *io_name = NULL;

            if (io) {
                qtest_outb(q, TESTDEV_IO, (uint8_t)test);
            } else {
                qtest_writeb(q, TESTDEV, (uint8_t)test);
            }
            mem_name = header_name(q, mem_byte);
            io_name = header_name(q, io_byte);
            g_assert_cmpstr(mem_name, ==, names[io][test]);
            g_assert_cmpstr(io_name, ==, names[io][test]);
            g_assert_cmphex(qtest_readl(q, TESTDEV), ==, 0x100 + test + 3 * io);
            g_assert_cmphex(qtest_readl(q, TESTDEV + 4), ==, (io ? 0x83 : 0x800) + test);
            g_assert_cmphex(qtest_inl(q, TESTDEV_IO + 8), ==, data[test]);
        }
    }
    qtest_writeb(q, TESTDEV, 3);
    g_assert_cmphex(qtest_readl(q, TESTDEV), ==, 0);
    g_assert_cmphex(qtest_readl(q, TESTDEV + 16), ==, 0);
    qtest_quit(q);
}

static void test_testdev_counts_what_matches(void)
{
    QTest *q = testdev_start("");

    qtest_writeb(q, TESTDEV, 0);
    qtest_writeb(q, TESTDEV + 0x800, 0xfa);
    qtest_writew(q, TESTDEV + 0x800, 0x1fa);
    qtest_writew(q, TESTDEV + 0x7ff, 0xfafa);
    qtest_writeb(q, TESTDEV + 0x800, 0xfb);
    qtest_writeb(q, TESTDEV + 0x801, 0xfa);
    g_assert_cmpuint(qtest_readl(q, TESTDEV + 12), ==, 3);
    qtest_outb(q, TESTDEV_IO, 0);
    qtest_outb(q, TESTDEV_IO + 0x83, 0xfa);
    g_assert_cmpuint(qtest_inl(q, TESTDEV_IO + 12), ==, 1);
    qtest_outb(q, TESTDEV_IO, 2);
    qtest_outb(q, TESTDEV_IO + 0x85, 0xfa);                 /* becomes an event */
    g_assert_cmpuint(qtest_inl(q, TESTDEV_IO + 12), ==, 0);
    qtest_quit(q);
}

static void test_testdev_has_a_third_bar_on_request(void)
{
    QTest *q = testdev_start(",membar=4G");
    unsigned devfn = qtest_pci_find(q, 0x1b36, 0x0005);

    qtest_pci_writel(q, devfn, 0x18, 0xffffffff);
    qtest_pci_writel(q, devfn, 0x1c, 0xffffffff);
    g_assert_cmphex(qtest_pci_readl(q, devfn, 0x18), ==, 0x0000000c);
    g_assert_cmphex(qtest_pci_readl(q, devfn, 0x1c), ==, 0xffffffff);
    qtest_pci_writel(q, devfn, 0x1c, 0x10);
    qtest_writel(q, 0x1000000000ull, 0x1234);
    g_assert_cmphex(qtest_readl(q, 0x1000000000ull), ==, 0);
    qtest_quit(q);
}

/* ---- pc-testdev -------------------------------------------------------------------------------------------------- */

static void test_pc_testdev_latches(void)
{
    QTest *q = qtest_start("-M pc -m 32 -device pc-testdev");

    qtest_outl(q, 0xe0, 0x12345678);
    qtest_outb(q, 0xe1, 0xaa);
    g_assert_cmphex(qtest_inl(q, 0xe0), ==, 0x1234aa78);
    g_assert_cmphex(qtest_inw(q, 0xe2), ==, 0x1234);
    g_assert_cmphex(qtest_inl(q, 0xe8), ==, 0x1234aa78);
    qtest_writeq(q, 0xff000100, 0x1122334455667788ull);
    g_assert_cmphex(qtest_readw(q, 0xff000102), ==, 0x5566);
    qtest_quit(q);
}

static void test_pc_testdev_drives_lines(void)
{
    QTest *q = qtest_start("-M pc -m 32 -device pc-testdev");

    qtest_watch_inputs(q, "isa-pic");
    qtest_outb(q, 0x2005, 1);
    g_assert_true(qtest_irq(q, 5));
    qtest_outb(q, 0x2005, 0);
    g_assert_false(qtest_irq(q, 5));
    qtest_quit(q);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pci/bars-tell-their-size", test_pci_bars_tell_their_size);
    g_test_add_func("/edu/computes-factorials", test_edu_computes_factorials);
    g_test_add_func("/edu/copies-by-dma", test_edu_copies_by_dma);
    g_test_add_func("/edu/interrupts-through-the-piix3", test_edu_interrupts_through_the_piix3);
    g_test_add_func("/edu/sends-messages", test_edu_sends_messages);
    g_test_add_func("/edu/messages-reach-the-local-apics", test_edu_messages_reach_the_local_apics);
    g_test_add_func("/edu/forgets-messages-at-a-reset", test_edu_forgets_messages_at_a_reset);
    g_test_add_func("/edu/works-behind-a-bridge", test_edu_works_behind_a_bridge);
    g_test_add_func("/pci-testdev/shows-its-tests", test_testdev_shows_its_tests);
    g_test_add_func("/pci-testdev/counts-what-matches", test_testdev_counts_what_matches);
    g_test_add_func("/pci-testdev/has-a-third-bar-on-request", test_testdev_has_a_third_bar_on_request);
    g_test_add_func("/pc-testdev/latches", test_pc_testdev_latches);
    g_test_add_func("/pc-testdev/drives-lines", test_pc_testdev_drives_lines);
    return g_test_run();
}
