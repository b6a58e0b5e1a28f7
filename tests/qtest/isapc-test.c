/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine without PCI: what is there and what is not, drives by PIO, the VGA's memory, saved state. */
#include "qemu/osdep.h"
#include "libqtest.h"

#define SECTOR  512

static void test_there_is_no_pci(void)
{
    QTest *q = qtest_start("-M isapc -m 16");

    qtest_outl(q, 0xcf8, 0x80000000);
    g_assert_cmphex(qtest_inl(q, 0xcfc), ==, 0xffffffff);
    g_assert_cmphex(qtest_inb(q, 0xcf9), ==, 0xff);
    g_assert_cmphex(qtest_inb(q, 0xb2), ==, 0xff);
    g_assert_cmphex(qtest_readl(q, 0xfec00000), ==, 0);
    g_assert_cmphex(qtest_readl(q, 0xfed00000), ==, 0);
    qtest_quit(q);
}

/* Its variables live next to its code. */
static void test_firmware_can_write_where_it_runs(void)
{
    QTest *q = qtest_start("-M isapc -m 16");
    uint8_t reset_vector = qtest_readb(q, 0xffff0);

    g_assert_cmphex(reset_vector, ==, 0xea);            /* a far jump */
    g_assert_cmphex(qtest_readb(q, 0xfffffff0), ==, reset_vector);
    qtest_writel(q, 0xf0000, 0x12345678);
    g_assert_cmphex(qtest_readl(q, 0xf0000), ==, 0x12345678);
    qtest_writel(q, 0xc8000, 0x9abcdef0);               /* option ROMs are copied to RAM */
    g_assert_cmphex(qtest_readl(q, 0xc8000), ==, 0x9abcdef0);
    qtest_quit(q);
}

static void read_identity(QTest *q, uint16_t *words)
{
    qtest_outb(q, 0x1f6, 0xa0);
    qtest_outb(q, 0x1f7, 0xec);
    qtest_until(q, (qtest_inb(q, 0x3f6) & 0x88) == 0x08);
    g_assert_true(qtest_irq(q, 14));
    for (unsigned i = 0; i < 256; i++) {
        words[i] = qtest_inw(q, 0x1f0);
    }
}

static void test_ide_reads_by_pio(void)
{
    static uint8_t data[64 * SECTOR];
    uint16_t words[256];
    QTest *q;

    data[3 * SECTOR] = 0x5a;
    q = qtest_start("-M isapc -m 16 -drive file=%s,format=raw,if=ide", qtest_temp_file(data, sizeof(data)));
    qtest_watch_inputs(q, "isa-pic");
    read_identity(q, words);
    g_assert_cmpuint(words[60], ==, 64);
    qtest_outb(q, 0x1f6, 0xe0);
    qtest_outb(q, 0x1f2, 1);
    qtest_outb(q, 0x1f3, 3);
    qtest_outb(q, 0x1f4, 0);
    qtest_outb(q, 0x1f5, 0);
    qtest_outb(q, 0x1f7, 0x20);
    qtest_until(q, (qtest_inb(q, 0x3f6) & 0x88) == 0x08);
    g_assert_cmphex(qtest_inw(q, 0x1f0), ==, 0x5a);
    qtest_quit(q);
}

/* A command for a bus master that is not there waits, and the next reset ends it. */
static void test_ide_dma_waits_for_ever(void)
{
    static uint8_t data[64 * SECTOR];
    QTest *q = qtest_start("-M isapc -m 16 -drive file=%s,format=raw,if=ide", qtest_temp_file(data, sizeof(data)));

    qtest_outb(q, 0x1f6, 0xe0);
    qtest_outb(q, 0x1f2, 1);
    qtest_outb(q, 0x1f7, 0xc8);
    qtest_clock_step(q, 1000000000);
    g_assert_cmphex(qtest_inb(q, 0x3f6) & 0x81, ==, 0x80);
    qtest_outb(q, 0x3f6, 0x04);
    qtest_outb(q, 0x3f6, 0x00);
    qtest_until(q, !(qtest_inb(q, 0x1f7) & 0x80));
    qtest_quit(q);
}

static void test_vga_has_its_memory_below_4_gib(void)
{
    QTest *q = qtest_start("-M isapc -m 16");

    qtest_outw(q, 0x1ce, 0);
    g_assert_cmphex(qtest_inw(q, 0x1cf) & 0xfff0, ==, 0xb0c0);
    qtest_writel(q, 0xe0000000, 0x00ff00ff);
    g_assert_cmphex(qtest_readl(q, 0xe0000000), ==, 0x00ff00ff);
    qtest_outb(q, 0x3c2, 0x67);
    g_assert_cmphex(qtest_inb(q, 0x3cc), ==, 0x67);
    qtest_quit(q);
}

static void test_its_state_loads(void)
{
    const char *first = qtest_temp_file("", 0), *second = qtest_temp_file("", 0);
    g_autofree char *a = NULL, *b = NULL;
    QTest *q = qtest_start("-M isapc -m 16 -serial null");
    gsize na, nb;

    qtest_outb(q, 0x3c2, 0x67);
    qtest_outb(q, 0x176, 0xa0);
    qtest_outb(q, 0x172, 0x12);
    qtest_outb(q, 0x21, 0xb8);
    qtest_writel(q, 0xf0000, 0x12345678);
    qtest_writel(q, 0xe0000100, 0x55aa55aa);
    g_free(qtest_ask(q, "vmstate_save %s", first));
    qtest_quit(q);
    q = qtest_start("-M isapc -m 16 -serial null -incoming file:%s", first);
    g_assert_cmphex(qtest_readl(q, 0xf0000), ==, 0x12345678);
    g_assert_cmphex(qtest_readl(q, 0xe0000100), ==, 0x55aa55aa);
    g_assert_cmphex(qtest_inb(q, 0x172), ==, 0x12);
    g_free(qtest_ask(q, "vmstate_save %s", second));
    qtest_quit(q);
    g_assert_true(g_file_get_contents(first, &a, &na, NULL));
    g_assert_true(g_file_get_contents(second, &b, &nb, NULL));
    g_assert_cmpmem(a, na, b, nb);
}

static void test_what_needs_more_is_refused(void)
{
    qtest_refused("-M isapc -device edu", "No 'PCI' bus found for device 'edu'");
    qtest_refused("-M isapc -smp 2", "Invalid SMP CPUs 2. The max CPUs");
}

/* ---- what firmware is told of a disk's geometry ------------------------------------------------------------------ */

static uint8_t translation(const char *props)
{
    static uint8_t data[64 * SECTOR];
    QTest *q = qtest_start("-M isapc -m 16 -drive if=none,id=d,format=raw,file=%s -device ide-hd,drive=d%s",
                           qtest_temp_file(data, sizeof(data)), props);
    uint8_t v;

    qtest_outb(q, 0x70, 0x39);
    v = qtest_inb(q, 0x71);
    qtest_quit(q);
    return v;
}

static void test_bios_sees_the_translation_that_is_asked_for(void)
{
    static const uint8_t sectors[SECTOR] = { 0 };
    g_autofree char *bad = NULL;

    g_assert_cmphex(translation(""), ==, 0);
    g_assert_cmphex(translation(",cyls=2000,heads=16,secs=63"), ==, 2);
    g_assert_cmphex(translation(",cyls=2000,heads=16,secs=63,bios-chs-trans=lba"), ==, 1);
    g_assert_cmphex(translation(",bios-chs-trans=large"), ==, 2);
    g_assert_cmphex(translation(",bios-chs-trans=rechs"), ==, 3);
    g_assert_cmphex(translation(",cyls=2000,heads=16,secs=63,bios-chs-trans=none"), ==, 0);
    bad = g_strdup_printf("-M isapc -drive if=none,id=d,format=raw,file=%s -device ide-hd,drive=d,bios-chs-trans=x",
                          qtest_temp_file(sectors, sizeof(sectors)));
    qtest_refused(bad, "Parameter 'bios-chs-trans' does not accept value 'x'");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/isapc/there-is-no-pci", test_there_is_no_pci);
    g_test_add_func("/isapc/firmware-can-write-where-it-runs", test_firmware_can_write_where_it_runs);
    g_test_add_func("/isapc/ide-reads-by-pio", test_ide_reads_by_pio);
    g_test_add_func("/isapc/ide-dma-waits-for-ever", test_ide_dma_waits_for_ever);
    g_test_add_func("/isapc/vga-has-its-memory-below-4-gib", test_vga_has_its_memory_below_4_gib);
    g_test_add_func("/isapc/its-state-loads", test_its_state_loads);
    g_test_add_func("/isapc/what-needs-more-is-refused", test_what_needs_more_is_refused);
    g_test_add_func("/isapc/bios-sees-the-translation-that-is-asked-for",
                    test_bios_sees_the_translation_that_is_asked_for);
    return g_test_run();
}
