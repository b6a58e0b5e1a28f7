/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Drives as -device and its properties make them: what firmware and guests are told, what is refused. */
#include "qemu/osdep.h"
#include "libqtest.h"
#include "qmonitor.h"

static const char *image(size_t kib)
{
    g_autofree uint8_t *data = g_malloc0(kib << 10);

    return qtest_temp_file(data, kib << 10);
}

static uint8_t cmos(QTest *q, uint8_t cell)
{
    qtest_outb(q, 0x70, cell);
    return qtest_inb(q, 0x71);
}

/* ---- floppy drives ----------------------------------------------------------------------------------------------- */

typedef struct FloppyCase {
    const char *args;           /* %s: an image of so many KiB */
    unsigned kib;
    uint8_t types, equipment;   /* CMOS 10h; 14h, bits of floppies */
} FloppyCase;

#define DRIVE "-nodefaults -drive if=none,id=d,format=raw,file=%s -device floppy,drive=d"
static const FloppyCase floppy_cases[] = {
    { "-M pc", 0, 0x50, 0x01 },
    { "-nodefaults", 0, 0x00, 0x00 },
    { "-nodefaults -device floppy", 0, 0x50, 0x01 },
    { "-nodefaults -device floppy -device floppy", 0, 0x55, 0x41 },
    { "-nodefaults -device floppy,unit=1,drive-type=120", 0, 0x02, 0x01 },
    { "-nodefaults -device floppy,drive-type=144 -device floppy,drive-type=none", 0, 0x40, 0x01 },
    { "-global isa-fdc.fallback=144", 0, 0x40, 0x01 },
    { "-global isa-fdc.fallback=none", 0, 0x00, 0x00 },
    { "-global isa-fdc.fdtypeA=120", 0, 0x20, 0x01 },
    { "-global isa-fdc.fdtypeA=120 -device floppy,drive-type=144", 0, 0x40, 0x01 },
    { "-global isa-fdc.fdtypeB=144 -device floppy,unit=1", 0, 0x04, 0x01 },
    { "-drive if=floppy,format=raw,file=%s", 1440, 0x40, 0x01 },
    { "-drive if=floppy,format=raw,file=%s", 720, 0x40, 0x01 },
    { "-drive if=floppy,format=raw,file=%s", 2880, 0x50, 0x01 },
    { "-drive if=floppy,format=raw,file=%s", 1200, 0x20, 0x01 },
    { "-drive if=floppy,format=raw,file=%s", 160, 0x20, 0x01 },
    { "-drive if=floppy,format=raw,file=%s", 1, 0x40, 0x01 },           /* the start of a disk */
    { "-drive if=floppy,format=raw,file=%s", 2000, 0x50, 0x01 },
    { "-drive if=floppy,index=1,format=raw,file=%s", 1440, 0x54, 0x41 },
    { "-drive if=floppy,format=raw,file=%s -device floppy", 1440, 0x45, 0x41 },
    { "-drive if=floppy,format=raw,file=%s -device isa-fdc", 1440, 0x40, 0x01 },
    { DRIVE, 360, 0x20, 0x01 },
    { DRIVE ",unit=1", 360, 0x02, 0x01 },
    { DRIVE ",drive-type=288", 360, 0x50, 0x01 },
    { DRIVE ",drive-type=144", 2880, 0x40, 0x01 },
    { "-M isapc -nodefaults -device isa-fdc,fallback=144 -device floppy", 0, 0x40, 0x01 },
};

static void test_firmware_is_told_of_floppy_drives(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(floppy_cases); i++) {
        const FloppyCase *c = &floppy_cases[i];
        g_auto(GStrv) parts = g_strsplit(c->args, "%s", 2);
        g_autofree char *args = parts[1] ? g_strconcat(parts[0], image(c->kib), parts[1], NULL) : g_strdup(c->args);
        QTest *q = qtest_start("-m 16 %s", args);

        g_test_message("%s, %u KiB", c->args, c->kib);
        g_assert_cmphex(cmos(q, 0x10), ==, c->types);
        g_assert_cmphex(cmos(q, 0x14) & 0xc1, ==, c->equipment);
        qtest_quit(q);
    }
}

static const struct {
    const char *args, *why;
} refused[] = {
    { "-device floppy,unit=2", "Can't create floppy unit 2, bus supports only 2 units" },
    { "-device floppy,unit=0 -device floppy,unit=0", "Floppy unit 0 is in use" },
    { "-device floppy -device floppy -device floppy", "Can't create floppy unit 2, bus supports only 2 units" },
    { "-device floppy,drive-type=360", "Parameter 'drive-type' does not accept value '360'" },
    { "-device floppy,drive=nope", "Property 'floppy.drive' can't find value 'nope'" },
    { "-device floppy,bus=nope", "Bus 'nope' not found" },
    { "-device floppy,physical_block_size=1024", "Physical and logical block size must be 512 for floppy" },
    { "-device floppy,physical_block_size=100", "doesn't take value 100 (minimum: 512, maximum: 2097152)" },
    { "-device floppy,physical_block_size=513", "doesn't take value '513', it's not a power of 2" },
    { "-device floppy,logical_block_size=1k", "logical_block_size > physical_block_size not supported" },
    { "-device floppy,opt_io_size=100", "opt_io_size must be a multiple of logical_block_size" },
    { "-device floppy,write-cache=x", "Parameter 'write-cache' does not accept value 'x'" },
    { "-global isa-fdc.fallback=auto", "Cannot choose a fallback FDrive type of 'auto'" },
    { "-global isa-fdc.fdtypeB=x", "Parameter 'fdtypeB' does not accept value 'x'" },
    { "-device isa-fdc -device isa-fdc", "multiple floppy disk controllers with iobase=0x3f0" },
    { "-device isa-fdc,iobase=0x371", "no place for 8 ports" },
    { "-device isa-fdc,iobase=0x370,irq=16", "lines are 0 to 15" },
    { "-device ide-cd,logical_block_size=4k,physical_block_size=4k", "logical_block_size must be 512 for IDE" },
    { "-device ide-cd,discard_granularity=4k", "discard_granularity must be 512 for ide" },
    { "-device ide-cd,rerror=enospc", "Parameter 'rerror' does not accept value 'enospc'" },
    { "-device ide-cd,werror=x", "Parameter 'werror' does not accept value 'x'" },
    { "-device ide-cd,unit=2", "Can't create IDE unit 2, bus supports only 2 units" },
};

static void test_what_does_not_fit_is_refused(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(refused); i++) {
        qtest_refused(refused[i].args, refused[i].why);
    }
}

/* The disk change line of drive B, its motor on. */
static bool is_changed(QTest *q, uint16_t base)
{
    qtest_outb(q, base + 2, 0x2d);
    return qtest_inb(q, base + 7) & 0x80;
}

static void seek(QTest *q, uint16_t base, uint8_t cylinder)
{
    const uint8_t command[] = { 0x0f, 0x01, cylinder };

    for (unsigned i = 0; i < sizeof(command); i++) {
        qtest_until(q, (qtest_inb(q, base + 4) & 0xc0) == 0x80);
        qtest_outb(q, base + 5, command[i]);
    }
    qtest_until(q, !(qtest_inb(q, base + 4) & 0x0f));
}

static void tell(QMonitor *m, const char *command)
{
    g_autofree char *answer = qmonitor_ask(m, command);

    g_assert_cmpstr(answer, ==, "");
}

/* At a second controller, for the sake of its ports. */
static void test_the_monitor_changes_a_floppy(void)
{
    QMonitor *m = qmonitor_place();
    g_autofree char *change = g_strdup_printf("change d %s raw", image(720));
    QTest *q = qtest_start("-M pc -nodefaults -drive if=none,id=d,format=raw,file=%s -device isa-fdc,iobase=0x370,id=f "
                           "-device floppy,drive=d,unit=1,bus=f.0 " QMONITOR_ARGS, image(1440), qmonitor_path(m));

    qmonitor_connect(m);
    g_assert_true(is_changed(q, 0x370));
    seek(q, 0x370, 1);
    g_assert_false(is_changed(q, 0x370));
    g_assert_false(is_changed(q, 0x3f0));       /* no drive there */
    tell(m, "eject d");
    g_assert_true(is_changed(q, 0x370));
    seek(q, 0x370, 2);
    g_assert_true(is_changed(q, 0x370));        /* still empty */
    tell(m, change);
    g_assert_true(is_changed(q, 0x370));
    seek(q, 0x370, 3);
    g_assert_false(is_changed(q, 0x370));
    qtest_quit(q);
    qmonitor_free(m);
}

/* ---- IDE --------------------------------------------------------------------------------------------------------- */

static void identify(QTest *q, uint16_t base, uint16_t *words)
{
    qtest_outb(q, base + 6, 0xa0);
    qtest_outb(q, base + 7, 0xec);
    qtest_until(q, (qtest_inb(q, base + 0x206) & 0x88) == 0x08);
    for (unsigned i = 0; i < 256; i++) {
        words[i] = qtest_inw(q, base);
    }
}

static void test_disks_are_as_their_properties_say(void)
{
    uint16_t words[256];
    QTest *q = qtest_start("-M pc -m 16 -drive if=none,id=d,format=raw,file=%s -device ide-hd,drive=d,bus=ide.1,unit=0,"
                           "physical_block_size=4096,write-cache=off,discard_granularity=0", image(64));

    identify(q, 0x170, words);              /* in the place of the CD-ROM drive that is there otherwise */
    g_assert_cmphex(words[106], ==, 0x6003);
    g_assert_cmphex(words[85] & 0x20, ==, 0);
    g_assert_cmphex(words[169], ==, 0);
    qtest_quit(q);
    q = qtest_start("-M pc -m 16 -drive if=ide,format=raw,file=%s", image(64));
    identify(q, 0x1f0, words);
    g_assert_cmphex(words[106], ==, 0x6000);
    g_assert_cmphex(words[85] & 0x20, ==, 0x20);
    g_assert_cmphex(words[169], ==, 1);
    qtest_quit(q);
}

static void test_a_shared_image_has_several_writers(void)
{
    const char *path = image(64);
    g_autofree char *args = g_strdup_printf("-M pc -m 16 -drive if=none,id=d,format=raw,file=%s -device ide-hd,drive=d",
                                            path);
    g_autofree char *shared = g_strconcat(args, ",share-rw=on", NULL);
    QTest *q = qtest_start("%s", shared), *second;

    qtest_refused(args, "lock");
    second = qtest_start("%s", shared);
    qtest_quit(second);
    qtest_quit(q);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/drive/firmware-is-told-of-floppy-drives", test_firmware_is_told_of_floppy_drives);
    g_test_add_func("/drive/what-does-not-fit-is-refused", test_what_does_not_fit_is_refused);
    g_test_add_func("/drive/the-monitor-changes-a-floppy", test_the_monitor_changes_a_floppy);
    g_test_add_func("/drive/disks-are-as-their-properties-say", test_disks_are_as_their_properties_say);
    g_test_add_func("/drive/a-shared-image-has-several-writers", test_a_shared_image_has_several_writers);
    return g_test_run();
}
