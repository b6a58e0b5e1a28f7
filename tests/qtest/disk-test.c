/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disks through ports: PIIX3 IDE in PIO and by bus master, the floppy controller with the 8237. */
#include "qemu/osdep.h"
#include "libqtest.h"
#include "qmonitor.h"

#define IDE_DEVFN   (1 << 3 | 1)
#define BM_BASE     0xc000
#define SECTOR      512

enum { DATA = 0x1f0, COUNT = 0x1f2, LBA0, LBA1, LBA2, DRIVE, COMMAND, CONTROL = 0x3f6 };
enum { BSY = 0x80, DRDY = 0x40, DRQ = 0x08, ERR = 0x01 };

static uint8_t *pattern(size_t len)
{
    uint8_t *p = g_malloc(len);

    for (size_t i = 0; i < len; i++) {
        p[i] = (uint8_t)(i / SECTOR + i * 7);
    }
    return p;
}

static void ide_command(QTest *q, uint8_t command, uint32_t lba, uint8_t count)
{
    qtest_outb(q, DRIVE, (uint8_t)(0xe0 | lba >> 24));
    qtest_outb(q, COUNT, count);
    qtest_outb(q, LBA0, (uint8_t)lba);
    qtest_outb(q, LBA1, (uint8_t)(lba >> 8));
    qtest_outb(q, LBA2, (uint8_t)(lba >> 16));
    qtest_outb(q, COMMAND, command);
}

static void ide_identify(QTest *q, uint16_t id[256])
{
    ide_command(q, 0xec, 0, 0);
    qtest_until(q, qtest_inb(q, COMMAND) == (DRDY | 0x10 | DRQ));
    for (unsigned i = 0; i < 256; i++) {
        id[i] = qtest_inw(q, DATA);
    }
}

static void test_ide_identify_tells_the_whole_size(void)
{
    g_autofree uint8_t *data = pattern(3 << 20);
    QTest *q = qtest_start("-M pc -m 32 -drive file=%s,format=raw,if=ide,serial=ABC", qtest_temp_file(data, 3 << 20));
    uint16_t id[256];

    ide_identify(q, id);
    g_assert_cmphex(qtest_inb(q, COMMAND), ==, DRDY | 0x10);
    g_assert_cmpuint(id[60] | (uint32_t)id[61] << 16, ==, 3 << 11);
    g_assert_cmphex(id[10], ==, 'A' << 8 | 'B');
    qtest_quit(q);
}

static void test_ide_pio_reads_and_writes(void)
{
    g_autofree uint8_t *data = pattern(1 << 20);
    const char *path = qtest_temp_file(data, 1 << 20);
    QTest *q = qtest_start("-M pc -m 32 -drive file=%s,format=raw,if=ide", path);
    g_autofree char *after = NULL;
    gsize len;

    qtest_watch_inputs(q, "isa-pic");
    ide_command(q, 0x20, 5, 2);
    for (unsigned s = 5; s < 7; s++) {
        qtest_until(q, qtest_irq(q, 14));
        g_assert_cmphex(qtest_inb(q, COMMAND) & (BSY | DRQ | ERR), ==, DRQ);
        for (unsigned i = 0; i < SECTOR; i += 2) {
            g_assert_cmphex(qtest_inw(q, DATA), ==, data[s * SECTOR + i] | data[s * SECTOR + i + 1] << 8);
        }
    }
    ide_command(q, 0x30, 9, 1);
    qtest_until(q, qtest_inb(q, COMMAND) & DRQ);
    for (unsigned i = 0; i < SECTOR; i += 2) {
        qtest_outw(q, DATA, 0xa55a);
    }
    qtest_until(q, !(qtest_inb(q, COMMAND) & (BSY | DRQ)));
    ide_command(q, 0xe7, 0, 0);         /* FLUSH CACHE */
    qtest_until(q, !(qtest_inb(q, COMMAND) & BSY));
    qtest_quit(q);
    g_assert_true(g_file_get_contents(path, &after, &len, NULL));
    g_assert_cmphex((uint8_t)after[9 * SECTOR], ==, 0x5a);
    g_assert_cmphex((uint8_t)after[9 * SECTOR + 511], ==, 0xa5);
    g_assert_cmpint(memcmp(after, data, 9 * SECTOR), ==, 0);
}

static void test_ide_dma_follows_the_scatter_list(void)
{
    g_autofree uint8_t *data = pattern(1 << 20);
    QTest *q = qtest_start("-M pc -m 32 -drive file=%s,format=raw,if=ide", qtest_temp_file(data, 1 << 20));
    uint32_t list[4] = { 0x10000, 3 * SECTOR, 0x20000, SECTOR | 0x80000000u };
    uint8_t got[3 * SECTOR];

    qtest_watch_inputs(q, "isa-pic");
    qtest_pci_writel(q, IDE_DEVFN, 0x20, BM_BASE);
    qtest_pci_writel(q, IDE_DEVFN, 4, 5);               /* I/O, bus master */
    qtest_memwrite(q, 0x8000, list, sizeof(list));
    qtest_outb(q, BM_BASE, 0x08);                       /* to memory */
    qtest_outb(q, BM_BASE + 2, 0x06);
    qtest_outl(q, BM_BASE + 4, 0x8000);
    ide_command(q, 0xc8, 100, 4);
    qtest_outb(q, BM_BASE, 0x09);
    qtest_until(q, (qtest_inb(q, BM_BASE + 2) & 0x05) == 0x04);
    g_assert_true(qtest_irq(q, 14));
    g_assert_cmphex(qtest_inb(q, COMMAND) & (BSY | DRQ | ERR), ==, 0);
    g_assert_false(qtest_irq(q, 14));
    qtest_memread(q, 0x10000, got, 3 * SECTOR);
    g_assert_cmpint(memcmp(got, data + 100 * SECTOR, 3 * SECTOR), ==, 0);
    qtest_memread(q, 0x20000, got, SECTOR);
    g_assert_cmpint(memcmp(got, data + 103 * SECTOR, SECTOR), ==, 0);
    qtest_quit(q);
}

static void test_ide_dma_without_bus_mastering_changes_nothing(void)
{
    g_autofree uint8_t *data = pattern(1 << 20);
    QTest *q = qtest_start("-M pc -m 32 -drive file=%s,format=raw,if=ide", qtest_temp_file(data, 1 << 20));
    uint32_t list[2] = { 0x10000, SECTOR | 0x80000000u };

    qtest_pci_writel(q, IDE_DEVFN, 0x20, BM_BASE);
    qtest_pci_writel(q, IDE_DEVFN, 4, 1);
    qtest_memwrite(q, 0x8000, list, sizeof(list));
    qtest_outl(q, BM_BASE + 4, 0x8000);
    ide_command(q, 0xc8, 1, 1);
    qtest_outb(q, BM_BASE, 0x09);
    qtest_clock_step(q, 1000000000);
    g_assert_cmphex(qtest_readl(q, 0x10000), ==, 0);
    qtest_quit(q);
}

static void test_ide_sectors_behind_the_end_are_an_error(void)
{
    g_autofree uint8_t *data = pattern(1 << 20);
    QTest *q = qtest_start("-M pc -m 32 -drive file=%s,format=raw,if=ide", qtest_temp_file(data, 1 << 20));

    ide_command(q, 0x20, 2048, 1);
    qtest_until(q, !(qtest_inb(q, COMMAND) & BSY));
    g_assert_cmphex(qtest_inb(q, COMMAND) & (ERR | DRQ), ==, ERR);
    g_assert_cmphex(qtest_inb(q, 0x1f1) & 0x14, !=, 0);     /* IDNF or ABRT */
    qtest_quit(q);
}

/* One sector by PIO. The error register; 0: all is well. */
static uint8_t pio_read(QTest *q, uint32_t lba)
{
    ide_command(q, 0x20, lba, 1);
    qtest_until(q, !(qtest_inb(q, COMMAND) & BSY));
    if (qtest_inb(q, COMMAND) & ERR) {
        return qtest_inb(q, 0x1f1);
    }
    for (unsigned i = 0; i < SECTOR; i += 2) {
        qtest_inw(q, DATA);
    }
    return 0;
}

static uint8_t pio_write(QTest *q, uint32_t lba)
{
    ide_command(q, 0x30, lba, 1);
    qtest_until(q, qtest_inb(q, COMMAND) & DRQ);
    for (unsigned i = 0; i < SECTOR; i += 2) {
        qtest_outw(q, DATA, 0x1234);
    }
    qtest_until(q, !(qtest_inb(q, COMMAND) & BSY));
    return qtest_inb(q, COMMAND) & ERR ? qtest_inb(q, 0x1f1) : 0;
}

static void test_ide_shows_the_guest_what_the_host_cannot_read(void)
{
    static const char rules[] =
        "[inject-error]\nevent = \"none\"\nerrno = \"5\"\niotype = \"read\"\nsector = \"9\"\n\n"
        "[inject-error]\nevent = \"none\"\nerrno = \"28\"\niotype = \"write\"\nsector = \"20\"\nonce = \"on\"\n";
    g_autofree uint8_t *data = pattern(1 << 20);
    g_autofree char *path = g_strdup(qtest_temp_file(data, 1 << 20));
    QTest *q = qtest_start("-M pc -m 32 -drive file=blkdebug:%s:%s,format=raw,if=ide,werror=report",
                           qtest_temp_file(rules, sizeof(rules) - 1), path);

    g_assert_cmphex(pio_read(q, 8), ==, 0);
    g_assert_cmphex(pio_read(q, 9), !=, 0);
    g_assert_cmphex(qtest_inb(q, LBA0), ==, 9);
    g_assert_cmphex(pio_read(q, 10), ==, 0);
    g_assert_cmphex(pio_write(q, 20), !=, 0);
    g_assert_cmphex(pio_write(q, 20), ==, 0);
    g_assert_cmphex(pio_write(q, 9), ==, 0);
    qtest_quit(q);
}

/* Full, not allowed, read-only, broken: ABRT for the guest, which can go on; the image is as it was. */
static void test_ide_shows_the_guest_what_the_host_cannot_write(void)
{
    static const int errors[] = { EIO, ENOSPC, EDQUOT, EPERM, EROFS, ENXIO };

    for (unsigned i = 0; i < G_N_ELEMENTS(errors); i++) {
        g_autofree char *rules = g_strdup_printf("[inject-error]\nevent = \"none\"\nerrno = \"%d\"\n"
                                                 "iotype = \"write\"\nsector = \"20\"\nonce = \"on\"\n", errors[i]);
        g_autofree uint8_t *data = pattern(1 << 20);
        g_autofree char *path = g_strdup(qtest_temp_file(data, 1 << 20)), *now = NULL;
        QTest *q = qtest_start("-M pc -m 32 -drive file=blkdebug:%s:%s,format=raw,if=ide,werror=report",
                               qtest_temp_file(rules, strlen(rules)), path);

        g_assert_cmphex(pio_write(q, 20), !=, 0);
        g_assert_cmphex(pio_read(q, 20), ==, 0);
        g_assert_true(g_file_get_contents(path, &now, NULL, NULL));
        g_assert_cmpmem(now, 1 << 20, data, 1 << 20);
        g_assert_cmphex(pio_write(q, 20), ==, 0);
        qtest_quit(q);
    }
}

static bool says(QMonitor *m, const char *command, const char *wanted)
{
    g_autofree char *answer = qmonitor_ask(m, command);

    return strstr(answer, wanted);
}

/* Somebody cuts the image off while the machine runs. Told to stop, it stands until the file is whole again. */
static void test_ide_notices_that_the_file_has_become_shorter(void)
{
    for (int stops = 0; stops < 2; stops++) {
        g_autofree uint8_t *data = pattern(1 << 20);
        g_autofree char *path = g_strdup(qtest_temp_file(data, 1 << 20));
        QMonitor *m = qmonitor_place();
        QTest *q = qtest_start("-M pc -m 32 -drive file=%s,format=raw,if=ide,rerror=%s " QMONITOR_ARGS, path,
                               stops ? "stop" : "report", qmonitor_path(m));

        qmonitor_connect(m);
        g_assert_cmphex(pio_read(q, 2000), ==, 0);
        g_assert_cmpint(truncate(path, 1 << 19), ==, 0);
        g_assert_cmphex(pio_read(q, 1000), ==, 0);
        if (stops) {
            ide_command(q, 0x20, 2000, 1);
            qtest_until(q, says(m, "info status", "paused (io-error)"));
            g_assert_cmpint(truncate(path, 1 << 20), ==, 0);
            g_free(qmonitor_ask(m, "cont"));
            qtest_until(q, !(qtest_inb(q, COMMAND) & BSY));
            g_assert_cmphex(qtest_inb(q, COMMAND) & (ERR | DRQ), ==, DRQ);
        } else {
            g_assert_cmphex(pio_read(q, 2000), !=, 0);
            g_assert_cmphex(pio_write(q, 2047), ==, 0);         /* as long as before */
            g_assert_cmphex(pio_read(q, 2000), ==, 0);
        }
        qtest_quit(q);
        qmonitor_free(m);
    }
}

static void test_ide_waits_for_its_rate_of_virtual_time(void)
{
    g_autofree uint8_t *data = pattern(1 << 20);
    QTest *q = qtest_start("-M pc -m 32 -drive file=%s,format=raw,if=ide,iops=10", qtest_temp_file(data, 1 << 20));
    int64_t start = qtest_clock_step(q, 1);

    for (unsigned i = 0; i < 22; i++) {
        g_assert_cmphex(pio_read(q, i), ==, 0);
    }
    start = qtest_clock_step(q, 1) - start;
    g_assert_cmpint(start, >, 1950000000);
    g_assert_cmpint(start, <, 4000000000);      /* looking costs time: the more, the busier the host */
    qtest_quit(q);
}

static void test_atapi_has_its_signature(void)
{
    QTest *q = qtest_start("-M pc -m 32");

    qtest_outb(q, 0x376, 0x04);
    qtest_outb(q, 0x376, 0x00);
    qtest_clock_step(q, 10000000);
    qtest_until(q, !(qtest_inb(q, 0x177) & BSY));
    qtest_outb(q, 0x176, 0xa0);
    g_assert_cmphex(qtest_inb(q, 0x174), ==, 0x14);
    g_assert_cmphex(qtest_inb(q, 0x175), ==, 0xeb);
    qtest_quit(q);
}

/* A packet without data, or whose data nobody fetches; its status at the end. */
static uint8_t cd_packet(QTest *q, uint8_t op, uint8_t byte4)
{
    const uint8_t cdb[12] = { op, 0, 0, 0, byte4 };

    qtest_outb(q, 0x176, 0xa0);
    qtest_outb(q, 0x177, 0xa0);
    qtest_until(q, (qtest_inb(q, 0x376) & 0x88) == 0x08);
    for (unsigned i = 0; i < sizeof(cdb); i += 2) {
        qtest_outw(q, 0x170, (uint16_t)(cdb[i] | cdb[i + 1] << 8));
    }
    qtest_until(q, !(qtest_inb(q, 0x376) & 0x80));
    return qtest_inb(q, 0x177);
}

static void check_answer(QMonitor *m, const char *command, const char *wanted)
{
    g_autofree char *answer = qmonitor_ask(m, command);

    if (!*wanted) {
        g_assert_cmpstr(answer, ==, "");
    } else if (!strstr(answer, wanted)) {
        g_error("%s: '%s' is not in '%s'", command, wanted, answer);
    }
}

static void test_a_locked_tray_needs_force(void)
{
    static const uint8_t sectors[4096] = { 0 };
    g_autofree char *change = g_strdup_printf("change ide1-cd0 %s raw", qtest_temp_file(sectors, sizeof(sectors)));
    const char *image = qtest_temp_file(sectors, sizeof(sectors));
    QMonitor *m = qmonitor_place();
    QTest *q = qtest_start("-M pc -m 8 -cdrom %s " QMONITOR_ARGS, image, qmonitor_path(m));

    qmonitor_connect(m);
    cd_packet(q, 0x00, 0);                      /* news of the reset */
    g_assert_cmphex(cd_packet(q, 0x1e, 1), ==, 0x50);
    check_answer(m, "info block ide1-cd0", "Removable device: locked, tray closed");
    check_answer(m, "eject ide1-cd0", "Device 'ide1-cd0' is locked and force was not specified, wait for tray to open");
    check_answer(m, change, "Device 'ide1-cd0' is locked and force was not specified, wait for tray to open");
    g_assert_cmphex(cd_packet(q, 0x00, 0), ==, 0x50);
    check_answer(m, "eject -f ide1-cd0", "");
    check_answer(m, "info block ide1-cd0", "not locked, tray open");
    check_answer(m, "info block ide1-cd0", "[not inserted]");
    g_assert_cmphex(cd_packet(q, 0x00, 0), ==, 0x51);
    check_answer(m, change, "");
    check_answer(m, "info block ide1-cd0", "(raw, read-only)");
    check_answer(m, "info block ide1-cd0", "not locked, tray closed");
    qtest_quit(q);
    qmonitor_free(m);
}

static unsigned ide_megabytes(QTest *q)
{
    uint16_t id[256];

    ide_identify(q, id);
    return (id[60] | (uint32_t)id[61] << 16) >> 11;
}

static void test_a_disk_has_its_new_size_after_a_reset(void)
{
    g_autofree uint8_t *data = pattern(3 << 20);
    QMonitor *m = qmonitor_place();
    QTest *q = qtest_start("-M pc -m 8 -drive file=%s,format=raw,if=ide " QMONITOR_ARGS,
                           qtest_temp_file(data, 3 << 20), qmonitor_path(m));

    qmonitor_connect(m);
    g_assert_cmpuint(ide_megabytes(q), ==, 3);
    check_answer(m, "block_resize ide0-hd0 5", "");
    g_assert_cmpuint(ide_megabytes(q), ==, 3);
    check_answer(m, "info block -v ide0-hd0", "virtual size: 5 MiB (5242880 bytes)");
    check_answer(m, "system_reset", "");
    qtest_until(q, ide_megabytes(q) == 5);
    check_answer(m, "block_resize ide0-hd0 foo", "Error: ");
    check_answer(m, "block_resize nosuch 1", "Cannot find device='nosuch' nor node-name=''");
    check_answer(m, "block_resize ide1-cd0 1", "Device 'ide1-cd0' has no medium");
    qtest_quit(q);
    qmonitor_free(m);
}

static void test_a_drive_takes_options_of_its_node(void)
{
    g_autofree uint8_t *data = pattern(3 << 20);
    QMonitor *m = qmonitor_place();
    QTest *q = qtest_start("-M pc -m 8 -drive driver=raw,offset=1M,size=2M,file.driver=file,file.filename=%s,"
                           "node-name=n,cache.direct=off,if=ide,id=d " QMONITOR_ARGS,
                           qtest_temp_file(data, 3 << 20), qmonitor_path(m));

    qmonitor_connect(m);
    g_assert_cmpuint(ide_megabytes(q), ==, 2);
    check_answer(m, "info block -n", "n: ");
    check_answer(m, "drive_add 0 if=none,id=x,driver=null-co,foo=1", "does not support the option 'foo'");
    check_answer(m, "drive_add 0 if=none,id=x,driver=null-co,format=raw", "Cannot specify both 'driver' and 'format'");
    check_answer(m, "drive_add 0 if=none,id=x,driver=null-co,size=1M", "OK");
    check_answer(m, "info block x", "(null-co)");
    qtest_quit(q);
    qmonitor_free(m);
}

static void test_drives_and_objects_come_and_go(void)
{
    static const uint8_t sectors[4096] = { 0 };
    const char *image = qtest_temp_file(sectors, sizeof(sectors));
    g_autofree char *add = g_strdup_printf("drive_add 0 if=none,id=x,format=raw,file=%s,throttling.group=g", image);
    QMonitor *m = qmonitor_place();
    QTest *q = qtest_start("-M pc -m 8 " QMONITOR_ARGS, qmonitor_path(m));

    qmonitor_connect(m);
    check_answer(m, "object_add throttle-group,id=g,x-iops-total=7", "");
    check_answer(m, "object_add throttle-group,id=g", "there is already an object with id 'g'");
    check_answer(m, add, "OK");
    check_answer(m, add, "there is already a drive with id 'x'");
    check_answer(m, "info block x", "iops=7 iops_max=0");
    check_answer(m, "info block -n", "(raw)");
    check_answer(m, "object_del g", "object 'g' is in use");
    check_answer(m, "drive_del x", "");
    check_answer(m, "info block x", "");
    check_answer(m, "object_del g", "");
    check_answer(m, "object_del g", "object 'g' not found");
    check_answer(m, "drive_add 0 if=ide,id=y", "if=none");
    check_answer(m, "drive_del y", "Device 'y' not found");
    check_answer(m, add, "OK");
    qtest_quit(q);
    qmonitor_free(m);
}

/* ---- floppy and 8237 --------------------------------------------------------------------------------------------- */

enum { DOR = 0x3f2, MSR = 0x3f4, FIFO = 0x3f5 };

static void fdc_send(QTest *q, const uint8_t *bytes, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        qtest_until(q, (qtest_inb(q, MSR) & 0xc0) == 0x80);
        qtest_outb(q, FIFO, bytes[i]);
    }
}

static uint8_t fdc_receive(QTest *q)
{
    qtest_until(q, (qtest_inb(q, MSR) & 0xc0) == 0xc0);
    return qtest_inb(q, FIFO);
}

/* Commands take time on the machine's clock, and reads on the host's: the limit is for what hangs. */
static void fdc_wait_irq(QTest *q)
{
    for (unsigned i = 0; i < 200000 && !qtest_irq(q, 6); i++) {
        qtest_clock_step(q, 1000000);
        qtest_inb(q, MSR);
    }
    g_assert_true(qtest_irq(q, 6));
}

static void fdc_sense(QTest *q)
{
    fdc_send(q, (const uint8_t[]) { 0x08 }, 1);
    fdc_receive(q);
    fdc_receive(q);
}

static void test_floppy_read_goes_through_the_dma_controller(void)
{
    g_autofree uint8_t *data = pattern(1474560);
    QTest *q = qtest_start("-M pc -m 32 -drive file=%s,format=raw,if=floppy", qtest_temp_file(data, 1474560));
    uint8_t got[SECTOR];

    qtest_watch_inputs(q, "isa-pic");
    qtest_outb(q, DOR, 0x00);
    qtest_outb(q, DOR, 0x1c);           /* motor A, DMA and interrupt, no reset */
    fdc_wait_irq(q);
    for (unsigned i = 0; i < 4; i++) {
        fdc_sense(q);
    }
    fdc_send(q, (const uint8_t[]) { 0x03, 0xaf, 0x02 }, 3);
    fdc_send(q, (const uint8_t[]) { 0x07, 0x00 }, 2);
    fdc_wait_irq(q);
    fdc_sense(q);
    qtest_outb(q, 0x0a, 0x06);          /* 8237: mask channel 2 */
    qtest_outb(q, 0x0c, 0);
    qtest_outb(q, 0x0b, 0x46);          /* single, write to memory, channel 2 */
    qtest_outb(q, 0x04, 0x00);
    qtest_outb(q, 0x04, 0x60);
    qtest_outb(q, 0x81, 0x03);          /* page: 36000h */
    qtest_outb(q, 0x05, 0xff);
    qtest_outb(q, 0x05, 0x01);
    qtest_outb(q, 0x0a, 0x02);
    fdc_send(q, (const uint8_t[]) { 0xe6, 0, 0, 0, 4, 2, 18, 0x1b, 0xff }, 9);
    fdc_wait_irq(q);
    g_assert_cmphex(fdc_receive(q) & 0xc0, ==, 0);
    for (unsigned i = 0; i < 6; i++) {
        fdc_receive(q);
    }
    qtest_memread(q, 0x36000, got, SECTOR);
    g_assert_cmpint(memcmp(got, data + 3 * SECTOR, SECTOR), ==, 0);
    qtest_outb(q, 0x0c, 0);
    g_assert_cmphex(qtest_inb(q, 0x08) & 0x04, ==, 0x04);       /* terminal count of channel 2 */
    qtest_quit(q);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ide/identify-tells-the-whole-size", test_ide_identify_tells_the_whole_size);
    g_test_add_func("/ide/pio-reads-and-writes", test_ide_pio_reads_and_writes);
    g_test_add_func("/ide/dma-follows-the-scatter-list", test_ide_dma_follows_the_scatter_list);
    g_test_add_func("/ide/dma-without-bus-mastering-changes-nothing",
                    test_ide_dma_without_bus_mastering_changes_nothing);
    g_test_add_func("/ide/sectors-behind-the-end-are-an-error", test_ide_sectors_behind_the_end_are_an_error);
    g_test_add_func("/ide/shows-the-guest-what-the-host-cannot-read",
                    test_ide_shows_the_guest_what_the_host_cannot_read);
    g_test_add_func("/ide/shows-the-guest-what-the-host-cannot-write",
                    test_ide_shows_the_guest_what_the_host_cannot_write);
    g_test_add_func("/ide/notices-that-the-file-has-become-shorter", test_ide_notices_that_the_file_has_become_shorter);
    g_test_add_func("/ide/waits-for-its-rate-of-virtual-time", test_ide_waits_for_its_rate_of_virtual_time);
    g_test_add_func("/atapi/has-its-signature", test_atapi_has_its_signature);
    g_test_add_func("/atapi/a-locked-tray-needs-force", test_a_locked_tray_needs_force);
    g_test_add_func("/ide/a-disk-has-its-new-size-after-a-reset", test_a_disk_has_its_new_size_after_a_reset);
    g_test_add_func("/drives/drives-and-objects-come-and-go", test_drives_and_objects_come_and_go);
    g_test_add_func("/drives/a-drive-takes-options-of-its-node", test_a_drive_takes_options_of_its_node);
    g_test_add_func("/floppy/read-goes-through-the-dma-controller", test_floppy_read_goes_through_the_dma_controller);
    return g_test_run();
}
