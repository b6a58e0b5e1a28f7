/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt controllers, ports and cards through their registers: 8259, IO-APIC, 16550, parallel port, i8042, fw_cfg,
 * VGA, watchdog, pvpanic, the ways to reset.
 */
#include "qemu/osdep.h"
#include "libqtest.h"
#include "qmonitor.h"

static void check_monitor(QMonitor *m, const char *command, const char *answer)
{
    g_autofree char *got = qmonitor_ask(m, command);

    g_assert_cmpstr(got, ==, answer);
}

/* ---- 8259 -------------------------------------------------------------------------------------------------------- */

static void set_line(QTest *q, const char *device, unsigned n, unsigned level)
{
    g_free(qtest_ask(q, "set_irq_in %s unnamed-gpio-in %u %u", device, n, level));
}

static void pic_init(QTest *q)
{
    static const uint8_t master[] = { 0x11, 0x20, 0x04, 0x01 }, slave[] = { 0x11, 0x28, 0x02, 0x01 };

    for (unsigned i = 0; i < 4; i++) {
        qtest_outb(q, i ? 0x21 : 0x20, master[i]);
        qtest_outb(q, i ? 0xa1 : 0xa0, slave[i]);
    }
    qtest_outb(q, 0x21, 0x00);
    qtest_outb(q, 0xa1, 0x00);
}

static uint8_t pic_reg(QTest *q, uint16_t port, uint8_t ocw3)
{
    qtest_outb(q, port, ocw3);
    return qtest_inb(q, port);
}

static void test_pic_latches_edges_and_polls(void)
{
    QTest *q = qtest_start("-M pc -m 32");

    pic_init(q);
    set_line(q, "isa-pic", 5, 1);
    g_assert_cmphex(pic_reg(q, 0x20, 0x0a) & 0x20, ==, 0x20);       /* IRR */
    qtest_outb(q, 0x21, 0xdf);
    qtest_outb(q, 0x20, 0x0c);                                      /* poll: acknowledges */
    g_assert_cmphex(qtest_inb(q, 0x20), ==, 0x85);
    g_assert_cmphex(pic_reg(q, 0x20, 0x0b), ==, 0x20);              /* ISR */
    g_assert_cmphex(pic_reg(q, 0x20, 0x0a) & 0x20, ==, 0);
    qtest_outb(q, 0x20, 0x20);                                      /* EOI */
    g_assert_cmphex(pic_reg(q, 0x20, 0x0b), ==, 0);
    qtest_quit(q);
}

static void test_pic_slave_asks_through_input_2(void)
{
    QTest *q = qtest_start("-M pc -m 32");

    pic_init(q);
    set_line(q, "isa-pic", 11, 1);
    g_assert_cmphex(pic_reg(q, 0x20, 0x0a) & 0x04, ==, 0x04);
    qtest_outb(q, 0xa1, 0xff);
    g_assert_cmphex(pic_reg(q, 0x20, 0x0a) & 0x04, ==, 0);
    qtest_quit(q);
}

static void test_pic_elcr_refuses_edge_only_lines(void)
{
    QTest *q = qtest_start("-M pc -m 32");

    qtest_outb(q, 0x4d0, 0xff);
    qtest_outb(q, 0x4d1, 0xff);
    g_assert_cmphex(qtest_inb(q, 0x4d0), ==, 0xf8);
    g_assert_cmphex(qtest_inb(q, 0x4d1), ==, 0xde);
    qtest_quit(q);
}

/* ---- IO-APIC ----------------------------------------------------------------------------------------------------- */

#define IOAPIC 0xfec00000u

static uint32_t ioapic(QTest *q, unsigned reg)
{
    qtest_writel(q, IOAPIC, reg);
    return qtest_readl(q, IOAPIC + 0x10);
}

static void ioapic_set(QTest *q, unsigned reg, uint32_t v)
{
    qtest_writel(q, IOAPIC, reg);
    qtest_writel(q, IOAPIC + 0x10, v);
}

static void test_ioapic_level_waits_for_eoi(void)
{
    QTest *q = qtest_start("-M pc -m 32");

    g_assert_cmphex(ioapic(q, 1), ==, 0x00170020);
    ioapic_set(q, 0x10 + 2 * 20, 0x8051);               /* pin 20: vector 51h, level */
    g_assert_cmphex(ioapic(q, 0x10 + 2 * 20), ==, 0x8051);
    set_line(q, "ioapic", 20, 1);
    g_assert_cmphex(ioapic(q, 0x10 + 2 * 20), ==, 0xc051);      /* remote IRR */
    set_line(q, "ioapic", 20, 0);
    g_assert_cmphex(ioapic(q, 0x10 + 2 * 20), ==, 0xc051);
    qtest_writel(q, IOAPIC + 0x40, 0x51);
    g_assert_cmphex(ioapic(q, 0x10 + 2 * 20), ==, 0x8051);
    qtest_quit(q);
}

static void test_ioapic_reserved_bits_stay_clear(void)
{
    QTest *q = qtest_start("-M pc -m 32");

    ioapic_set(q, 0x10, 0xffffffff);
    g_assert_cmphex(ioapic(q, 0x10) & 0xfffe5000, ==, 0);
    qtest_quit(q);
}

/* ---- 16550 ------------------------------------------------------------------------------------------------------- */

static void test_serial_loops_back_and_interrupts(void)
{
    QTest *q = qtest_start("-M pc -m 32 -serial null");

    qtest_watch_inputs(q, "isa-pic");
    qtest_outb(q, 0x3fb, 0x83);
    qtest_outb(q, 0x3f8, 1);            /* 115200 */
    qtest_outb(q, 0x3f9, 0);
    qtest_outb(q, 0x3fb, 0x03);
    qtest_outb(q, 0x3fc, 0x1b);         /* loop, OUT2, DTR, RTS */
    qtest_outb(q, 0x3f9, 0x01);
    g_assert_cmphex(qtest_inb(q, 0x3fe) & 0xf0, ==, 0xb0);
    qtest_outb(q, 0x3f8, 'x');
    qtest_clock_step(q, 10000000);
    g_assert_cmphex(qtest_inb(q, 0x3fd) & 1, ==, 1);
    g_assert_cmphex(qtest_inb(q, 0x3f8), ==, 'x');
    g_assert_cmphex(qtest_inb(q, 0x3fd) & 1, ==, 0);
    qtest_quit(q);
}

static void test_serial_interrupts_reach_line_4(void)
{
    QTest *q = qtest_start("-M pc -m 32 -serial null");

    qtest_watch_inputs(q, "isa-pic");
    qtest_outb(q, 0x3fc, 0x08);         /* OUT2: the line's gate */
    qtest_outb(q, 0x3f9, 0x02);         /* transmitter empty, which it is */
    g_assert_true(qtest_irq(q, 4));
    g_assert_cmphex(qtest_inb(q, 0x3fa) & 0x0f, ==, 0x02);
    g_assert_false(qtest_irq(q, 4));    /* reading it is the answer */
    qtest_quit(q);
}

static void test_serial_scratch_register_tells_a_16550(void)
{
    QTest *q = qtest_start("-M pc -m 32 -serial null");

    qtest_outb(q, 0x3ff, 0xa5);
    g_assert_cmphex(qtest_inb(q, 0x3ff), ==, 0xa5);
    qtest_outb(q, 0x3fa, 0x01);
    g_assert_cmphex(qtest_inb(q, 0x3fa) & 0xc0, ==, 0xc0);
    g_assert_cmphex(qtest_inb(q, 0x2ff), ==, 0xff);     /* there is one port only */
    qtest_quit(q);
}

/* ---- parallel port ----------------------------------------------------------------------------------------------- */

static void test_parallel_strobe_prints_and_acknowledges(void)
{
    const char *path = qtest_temp_file("", 0);
    QTest *q = qtest_start("-M pc -m 32 -parallel file:%s", path);
    g_autofree char *text = NULL;

    qtest_watch_inputs(q, "isa-pic");
    qtest_outb(q, 0x37a, 0x1c);         /* initialised, selected, interrupt */
    for (const char *c = "lp"; *c; c++) {
        qtest_outb(q, 0x378, (uint8_t)*c);
        g_assert_cmphex(qtest_inb(q, 0x379) & 0x80, ==, 0x80);
        qtest_outb(q, 0x37a, 0x1d);
        qtest_outb(q, 0x37a, 0x1c);
        qtest_clock_step(q, 1000000);
    }
    g_assert_cmpuint(qtest_irq_edges(q, 7), >=, 1);
    qtest_quit(q);
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "lp");
}

/* ---- i8042 ------------------------------------------------------------------------------------------------------- */

static uint8_t kbd_read(QTest *q)
{
    qtest_until(q, qtest_inb(q, 0x64) & 1);
    return qtest_inb(q, 0x60);
}

/* What it had to say before the test, such as the keyboard's own after power-on. */
static void kbd_drain(QTest *q)
{
    while (qtest_inb(q, 0x64) & 1) {
        qtest_inb(q, 0x60);
    }
}

static void test_i8042_tests_itself_and_its_keyboard(void)
{
    QTest *q = qtest_start("-M pc -m 32");

    kbd_drain(q);
    qtest_outb(q, 0x64, 0xaa);
    g_assert_cmphex(kbd_read(q), ==, 0x55);
    qtest_outb(q, 0x64, 0xae);
    qtest_outb(q, 0x60, 0xff);
    g_assert_cmphex(kbd_read(q), ==, 0xfa);
    g_assert_cmphex(kbd_read(q), ==, 0xaa);
    qtest_outb(q, 0x60, 0xf2);
    g_assert_cmphex(kbd_read(q), ==, 0xfa);
    g_assert_cmphex(kbd_read(q), ==, 0xab);
    qtest_quit(q);
}

static void test_i8042_interrupts_are_lines_1_and_12(void)
{
    QTest *q = qtest_start("-M pc -m 32");

    qtest_watch_inputs(q, "isa-pic");
    kbd_drain(q);
    qtest_outb(q, 0x64, 0x60);
    qtest_outb(q, 0x60, 0x03);
    qtest_outb(q, 0x60, 0xee);          /* echo */
    qtest_until(q, qtest_irq(q, 1));
    g_assert_cmphex(kbd_read(q), ==, 0xee);
    g_assert_false(qtest_irq(q, 1));
    qtest_outb(q, 0x64, 0xa8);
    qtest_outb(q, 0x64, 0xd4);
    qtest_outb(q, 0x60, 0xf2);
    qtest_until(q, qtest_irq(q, 12));
    g_assert_cmphex(qtest_inb(q, 0x64) & 0x21, ==, 0x21);
    g_assert_cmphex(kbd_read(q), ==, 0xfa);
    qtest_quit(q);
}

static void check_kbd_reads(QTest *q, const uint8_t *want, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        g_assert_cmphex(kbd_read(q), ==, want[i]);
    }
}

/* The keys are held for long: breaks would come by the host's clock. */
static void test_monitor_types_sysrq_and_media_keys(void)
{
    QMonitor *m = qmonitor_place();
    QTest *q = qtest_start("-M pc -m 8 " QMONITOR_ARGS, qmonitor_path(m));

    qmonitor_connect(m);
    kbd_drain(q);
    qtest_outb(q, 0x64, 0x60);
    qtest_outb(q, 0x60, 0x43);
    qtest_outb(q, 0x60, 0xf4);
    g_assert_cmphex(kbd_read(q), ==, 0xfa);
    check_monitor(m, "sendkey alt-sysrq 60000", "");
    check_kbd_reads(q, (const uint8_t[]) { 0x38, 0x54 }, 2);
    check_monitor(m, "sendkey audiomute 60000", "");
    check_kbd_reads(q, (const uint8_t[]) { 0xd4, 0xb8, 0xe0, 0x20 }, 4);
    check_monitor(m, "sendkey \"\"", "invalid parameter: \n");
    qtest_quit(q);
    qmonitor_free(m);
}

static void test_monitor_turns_the_wheel_away_from_the_user(void)
{
    static const uint8_t knock[] = { 0xf3, 200, 0xf3, 100, 0xf3, 80, 0xf4 };
    QMonitor *m = qmonitor_place();
    QTest *q = qtest_start("-M pc -m 8 " QMONITOR_ARGS, qmonitor_path(m));

    qmonitor_connect(m);
    kbd_drain(q);
    qtest_outb(q, 0x64, 0xa8);
    for (unsigned i = 0; i < sizeof(knock); i++) {
        qtest_outb(q, 0x64, 0xd4);
        qtest_outb(q, 0x60, knock[i]);
        g_assert_cmphex(kbd_read(q), ==, 0xfa);
    }
    check_monitor(m, "mouse_move 1 2 1", "");
    check_kbd_reads(q, (const uint8_t[]) { 0x28, 0x01, 0xfe, 0xff }, 4);
    qtest_quit(q);
    qmonitor_free(m);
}

/* ---- fw_cfg ------------------------------------------------------------------------------------------------------ */

static void fw_cfg_read(QTest *q, uint16_t key, void *buf, size_t len)
{
    qtest_outw(q, 0x510, key);
    for (size_t i = 0; i < len; i++) {
        ((uint8_t *)buf)[i] = qtest_inb(q, 0x511);
    }
}

static void test_host_bridge_says_how_much_ram_there_is(void)
{
    static const struct {
        const char *options;
        unsigned units;
    } sizes[] = { { "-M pc -m 32", 4 }, { "-M pc -m 1G", 128 }, { "-M pc -m 3000", 255 } };

    for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
        QTest *q = qtest_start(sizes[i].options);

        qtest_outl(q, 0xcf8, 0x80000054);
        g_assert_cmpuint(qtest_inb(q, 0xcff), ==, sizes[i].units);
        qtest_quit(q);
    }
}

static void test_fw_cfg_has_signature_and_memory_size(void)
{
    QTest *q = qtest_start("-M pc -m 48 -smp 2");
    char sig[5] = "";
    uint64_t ram;
    uint16_t cpus;

    fw_cfg_read(q, 0, sig, 4);
    g_assert_cmpstr(sig, ==, "QEMU");
    fw_cfg_read(q, 3, &ram, 8);
    g_assert_cmpuint(GUINT64_FROM_LE(ram), ==, 48 << 20);
    fw_cfg_read(q, 5, &cpus, 2);
    g_assert_cmpuint(GUINT16_FROM_LE(cpus), ==, 2);
    qtest_quit(q);
}

static void test_fw_cfg_dma_reads_the_same(void)
{
    QTest *q = qtest_start("-M pc -m 32");
    uint32_t request[4] = { GUINT32_TO_BE(0u << 16 | 0x0a), GUINT32_TO_BE(4), 0, GUINT32_TO_BE(0x3000) };
    char sig[5] = "";

    qtest_memwrite(q, 0x2000, request, sizeof(request));
    qtest_outl(q, 0x514, 0);
    qtest_outl(q, 0x518, GUINT32_SWAP_LE_BE(0x2000));
    g_assert_cmphex(qtest_readl(q, 0x2000), ==, 0);
    qtest_memread(q, 0x3000, sig, 4);
    g_assert_cmpstr(sig, ==, "QEMU");
    qtest_quit(q);
}

/* The contents of a file; fails when there is none of that name. */
static GByteArray *fw_cfg_file(QTest *q, const char *name)
{
    uint8_t count[4], entry[64];
    GByteArray *data = g_byte_array_new();

    fw_cfg_read(q, 0x19, count, 4);
    for (unsigned i = 0; i < count[3]; i++) {
        for (unsigned k = 0; k < sizeof(entry); k++) {
            entry[k] = qtest_inb(q, 0x511);
        }
        if (!strcmp((char *)entry + 8, name)) {
            g_byte_array_set_size(data, (guint)(entry[1] << 16 | entry[2] << 8 | entry[3]));
            fw_cfg_read(q, (uint16_t)(entry[4] << 8 | entry[5]), data->data, data->len);
            return data;
        }
    }
    g_error("fw_cfg has no file %s", name);
}

static void check_file(QTest *q, const char *name, const void *want, size_t len)
{
    g_autoptr(GByteArray) got = fw_cfg_file(q, name);

    g_assert_cmpmem(got->data, got->len, want, len);
}

static void test_fw_cfg_has_the_users_files(void)
{
    static const uint8_t rom[512] = { 0x55, 0xaa, 0x01 };
    const char *path = qtest_temp_file(rom, sizeof(rom)), *text = qtest_temp_file("a file", 6);
    g_autofree char *base = g_path_get_basename(path), *rom_name = g_strdup_printf("genroms/%s", base);
    QTest *q = qtest_start("-M pc -m 8 -fw_cfg name=opt/org.a,string=hello -fw_cfg opt/org.b,file=%s -option-rom %s "
                           "-boot splash-time=2000,reboot-timeout=5000", text, path);

    check_file(q, "opt/org.a", "hello", 5);
    check_file(q, "opt/org.b", "a file", 6);
    check_file(q, rom_name, rom, sizeof(rom));
    check_file(q, "etc/boot-menu-wait", "\xd0\x07", 2);
    check_file(q, "etc/boot-fail-wait", "\x88\x13\0\0", 4);
    qtest_quit(q);
}

static void test_boot_splash_is_told_by_its_bytes(void)
{
    static const uint8_t jpeg[4] = { 0xff, 0xd8, 0xff, 0xe0 };
    uint8_t bmp[60] = { 'B', 'M' };
    QTest *q;

    q = qtest_start("-M pc -m 8 -boot menu=on,splash=%s,reboot-timeout=-1", qtest_temp_file(jpeg, sizeof(jpeg)));
    check_file(q, "bootsplash.jpg", jpeg, sizeof(jpeg));
    check_file(q, "etc/boot-fail-wait", "\xff\xff\xff\xff", 4);
    qtest_quit(q);
    bmp[28] = 24;
    q = qtest_start("-M pc -m 8 -boot splash=%s", qtest_temp_file(bmp, sizeof(bmp)));
    check_file(q, "bootsplash.bmp", bmp, sizeof(bmp));
    qtest_quit(q);
}

static void test_boot_indexes_make_an_order(void)
{
    static const char want[] = "/pci@i0cf8/ide@1,1/drive@1/disk@0\n/pci@i0cf8/ide@1,1/drive@0/disk@1";
    QTest *q = qtest_start("-M pc,sata=on,i8042=on,pit=on,pic=on,smbus=on -m 8 -device ide-cd,bootindex=-1 "
                           "-device ide-cd,bootindex=2 -device ide-cd,bootindex=1");

    check_file(q, "bootorder", want, sizeof(want));
    qtest_quit(q);
}

static void check_port(QTest *q, uint16_t reg, bool exists)
{
    qtest_outb(q, reg, 0x5a);
    g_assert_cmphex(qtest_inb(q, reg), ==, exists ? 0x5a : 0xff);
}

/* Who brings ports of a kind gets the first places. */
static void test_ports_of_the_user_are_in_place_of_the_default_ones(void)
{
    QTest *q = qtest_start("-M pc -m 8 -device isa-serial -device isa-parallel -device isa-parallel");

    check_port(q, 0x3ff, true);
    check_port(q, 0x2ff, false);
    check_port(q, 0x378, true);
    check_port(q, 0x278, true);
    qtest_quit(q);
    q = qtest_start("-M pc -m 8 -serial null -device isa-serial");
    check_port(q, 0x3ff, true);
    check_port(q, 0x2ff, true);
    qtest_quit(q);
}

static uint8_t cmos_cell(QTest *q, uint8_t index)
{
    qtest_outb(q, 0x70, index);
    return qtest_inb(q, 0x71);
}

static uint16_t boot_cells(QTest *q)
{
    uint8_t first = cmos_cell(q, 0x3d);

    return (uint16_t)(first << 8 | cmos_cell(q, 0x38));
}

/* A reset is carried out between two requests: the graphics card's interrupt line tells that it was. */
static void reset_and_wait(QTest *q)
{
    qtest_pci_writel(q, 2 << 3, 0x3c, 5);
    qtest_outb(q, 0xcf9, 6);
    qtest_until(q, !(qtest_pci_readl(q, 2 << 3, 0x3c) & 0xff));
}

/* CMOS 3Dh: second and first drive, 38h: third; 1 floppy, 2 disk, 3 CD-ROM, 4 network. */
static void test_boot_order_is_once_then_order_unless_the_monitor_says_otherwise(void)
{
    QMonitor *m = qmonitor_place();
    QTest *q = qtest_start("-M pc -m 8 -boot order=adn,once=dc " QMONITOR_ARGS, qmonitor_path(m));

    qmonitor_connect(m);
    g_assert_cmphex(boot_cells(q), ==, 0x2300);
    reset_and_wait(q);
    g_assert_cmphex(boot_cells(q), ==, 0x3140);
    check_monitor(m, "boot_set z", "Error: invalid boot device 'z'\n");
    check_monitor(m, "boot_set cc", "Error: boot device 'c' was given twice\n");
    g_assert_cmphex(boot_cells(q), ==, 0x3140);
    check_monitor(m, "boot_set ca", "boot device list now set to ca\n");
    reset_and_wait(q);
    g_assert_cmphex(boot_cells(q), ==, 0x1200);
    qtest_quit(q);
    qmonitor_free(m);
}

/* String number n (1 is the first) of the first structure of a type; NULL: none. Caller frees. */
static char *smbios_string(const GByteArray *t, uint8_t type, unsigned n)
{
    for (guint at = 0; at + 4 < t->len; ) {
        guint p = at + t->data[at + 1];

        for (unsigned k = 1; t->data[p]; k++, p += (guint)strlen((char *)t->data + p) + 1) {
            if (t->data[at] == type && k == n) {
                return g_strdup((char *)t->data + p);
            }
        }
        at = p == at + t->data[at + 1] ? p + 2 : p + 1;
    }
    return NULL;
}

static void check_string(const GByteArray *t, uint8_t type, unsigned n, const char *want)
{
    g_autofree char *got = smbios_string(t, type, n);

    g_assert_cmpstr(got, ==, want);
}

static void test_smbios_says_what_the_user_says(void)
{
    QTest *q = qtest_start("-M pc -m 32 -smbios type=0,vendor=Me,version=1.2,release=3.4 "
                           "-smbios type=1,serial=S1,sku=K -smbios type=2,product=Board "
                           "-smbios type=11,value=one,value=two "
                           "-smbios type=17,loc_pfx=Slot,serial= "
                           "-smbios type=41,designation=Board,pcidev=e -device edu,id=e,addr=5");
    g_autoptr(GByteArray) t = fw_cfg_file(q, "etc/smbios/smbios-tables");

    check_string(t, 0, 1, "Me");
    check_string(t, 0, 2, "1.2");
    check_string(t, 1, 1, "QEMU");
    check_string(t, 1, 4, "S1");
    check_string(t, 1, 5, "K");
    check_string(t, 2, 2, "Board");
    check_string(t, 11, 2, "two");
    check_string(t, 11, 3, NULL);
    check_string(t, 17, 1, "Slot 0");
    check_string(t, 41, 1, "Board");
    check_string(t, 127, 1, NULL);
    qtest_quit(q);
}

/* ---- VGA --------------------------------------------------------------------------------------------------------- */

static void test_vga_planes_latch_and_mask(void)
{
    QTest *q = qtest_start("-M pc -m 32");

    qtest_pci_writel(q, 2 << 3, 4, 3);
    qtest_outb(q, 0x3c2, 0x63);
    qtest_outw(q, 0x3c4, 0x0604);       /* memory mode: extended, sequential */
    qtest_outw(q, 0x3c4, 0x0f02);       /* all planes */
    qtest_outw(q, 0x3ce, 0x0005);
    qtest_outw(q, 0x3ce, 0x0506);       /* A0000, graphics */
    qtest_outw(q, 0x3ce, 0xff08);
    qtest_writeb(q, 0xa0010, 0x5a);
    for (unsigned plane = 0; plane < 4; plane++) {
        qtest_outw(q, 0x3ce, (uint16_t)(plane << 8 | 4));
        g_assert_cmphex(qtest_readb(q, 0xa0010), ==, 0x5a);
    }
    qtest_outw(q, 0x3ce, 0x0f08);       /* only the low bits: the latches keep the rest */
    qtest_readb(q, 0xa0010);
    qtest_writeb(q, 0xa0010, 0xff);
    g_assert_cmphex(qtest_readb(q, 0xa0010), ==, 0x5f);
    qtest_quit(q);
}

static void test_vga_dispi_has_its_id_and_a_framebuffer(void)
{
    QTest *q = qtest_start("-M pc -m 32");

    qtest_outw(q, 0x1ce, 0);
    g_assert_cmphex(qtest_inw(q, 0x1cf) & 0xfff0, ==, 0xb0c0);
    qtest_pci_writel(q, 2 << 3, 0x10, 0xe0000000);
    qtest_pci_writel(q, 2 << 3, 4, 3);
    qtest_writel(q, 0xe0000100, 0x12345678);
    g_assert_cmphex(qtest_readl(q, 0xe0000100), ==, 0x12345678);
    qtest_quit(q);
}

static void test_vga_without_legacy_window_sets_modes_by_its_bar(void)
{
    QTest *q = qtest_start("-M pc -m 32 -device secondary-vga,addr=6");
    static const uint16_t mode[][2] = { { 1, 640 }, { 2, 480 }, { 3, 32 }, { 4, 0x41 }, { 4, 0 }, { 5, 3 } };

    qtest_pci_writel(q, 6 << 3, 0x18, 0xe5000000);
    qtest_pci_writel(q, 6 << 3, 4, 2);
    for (unsigned i = 0; i < G_N_ELEMENTS(mode); i++) {
        qtest_writew(q, 0xe5000500 + 2 * mode[i][0], mode[i][1]);
    }
    g_assert_cmphex(qtest_readw(q, 0xe5000502), ==, 640);
    qtest_quit(q);
}

/* ---- what ends or resets the machine ----------------------------------------------------------------------------- */

static void test_debug_exit_is_the_status(void)
{
    QTest *q = qtest_start("-M pc -m 32 -device isa-debug-exit,iobase=0xf4,iosize=4");

    g_free(qtest_raw(q, "outl 0xf4 3"));
    g_assert_cmpint(qtest_wait_exit(q), ==, 7);
}

static bool console_has(const char *path, const char *text)
{
    g_autofree char *got = NULL;

    g_assert_true(g_file_get_contents(path, &got, NULL, NULL));
    return g_str_equal(got, text);
}

static void test_globals_reach_the_boards_devices_and_added_ones(void)
{
    const char *log = qtest_temp_file("", 0);
    QTest *q = qtest_start("-M pc -m 32 -debugcon file:%s -global isa-debugcon.iobase=0x402 -device isa-debug-exit "
                           "-global driver=isa-debugcon,property=readback,value=0x41 "
                           "-global isa-debug-exit.iobase=0x7f0 -global nosuch.x=1", log);

    g_assert_cmphex(qtest_inb(q, 0x402), ==, 0x41);
    g_assert_cmphex(qtest_inb(q, 0xe9), ==, 0xff);
    qtest_outb(q, 0x402, 'x');
    qtest_outb(q, 0xe9, 'y');
    g_assert_true(console_has(log, "x"));
    qtest_outb(q, 0x501, 0);        /* nobody */
    g_assert_cmphex(qtest_inb(q, 0x402), ==, 0x41);
    g_free(qtest_raw(q, "outb 0x7f0 3"));
    g_assert_cmpint(qtest_wait_exit(q), ==, 3 << 1 | 1);
}

static void test_pvpanic_knows_its_events(void)
{
    QTest *q = qtest_start("-M pc -m 32 -device pvpanic");

    g_assert_cmphex(qtest_inb(q, 0x505) & 3, ==, 3);
    qtest_outb(q, 0x505, 0x80);         /* no such event: nothing happens */
    g_assert_cmphex(qtest_inb(q, 0x505) & 3, ==, 3);
    qtest_quit(q);
}

/* A reset is carried out between two steps of the loop, which each request is. */
static void check_reset(const char *request)
{
    QTest *q = qtest_start("-M pc -m 32");

    qtest_pci_writel(q, 0, 0x70, 0x12345678);           /* chipset registers that a reset clears */
    qtest_outb(q, 0x3ff, 0);
    qtest_pci_writel(q, 2 << 3, 0x3c, 5);
    g_assert_cmphex(qtest_pci_readl(q, 2 << 3, 0x3c) & 0xff, ==, 5);
    g_free(qtest_ask(q, "%s", request));
    qtest_until(q, !(qtest_pci_readl(q, 2 << 3, 0x3c) & 0xff));
    qtest_quit(q);
}

static void test_reset_by_port_cf9(void)
{
    check_reset("outb 0xcf9 6");
}

static void test_reset_by_keyboard_controller(void)
{
    check_reset("outb 0x64 0xfe");
}

static void test_reset_by_port_92(void)
{
    check_reset("outb 0x92 1");
}

#define WATCHDOG    0xe2000000u

/* Two stages of about a second each, in slot 5. */
static void watchdog_start_with(QTest *q, uint32_t preload, uint8_t lock)
{
    qtest_pci_writel(q, 5 << 3, 0x10, WATCHDOG);
    qtest_pci_writel(q, 5 << 3, 4, 2);
    qtest_pci_writel(q, 5 << 3, 0x3c, 5);
    for (unsigned timer = 0; timer < 2; timer++) {
        qtest_writel(q, WATCHDOG + 0xc, 0x80);
        qtest_writel(q, WATCHDOG + 0xc, 0x86);
        qtest_writel(q, WATCHDOG + timer * 4, preload);
    }
    qtest_pci_writel(q, 5 << 3, 0x68, lock);
}

static void watchdog_start(QTest *q)
{
    watchdog_start_with(q, 1000, 2);
}

/* Timers of no length, one after the other: time goes on all the same. */
static void test_watchdog_without_time_runs_free(void)
{
    QTest *q = qtest_start("-M pc -m 32 -device i6300esb,addr=5 -watchdog-action none");

    watchdog_start_with(q, 0, 2 | 4);
    qtest_clock_step(q, 1000000000);
    g_assert_cmphex(qtest_pci_readl(q, 5 << 3, 0x3c) & 0xff, ==, 5);
    qtest_quit(q);
}

static void test_watchdog_resets_the_machine(void)
{
    QTest *q = qtest_start("-M pc -m 32 -device i6300esb,addr=5");

    watchdog_start(q);
    qtest_clock_step(q, 1500000000);
    g_assert_cmphex(qtest_pci_readl(q, 5 << 3, 0x3c) & 0xff, ==, 5);
    qtest_clock_step(q, 1000000000);
    qtest_until(q, !(qtest_pci_readl(q, 5 << 3, 0x3c) & 0xff));
    qtest_quit(q);
}

static void check_status(QMonitor *m, const char *wanted)
{
    g_autofree char *answer = qmonitor_ask(m, "info status");

    g_assert_cmpstr(answer, ==, wanted);
}

static void test_watchdog_does_what_the_user_wants(void)
{
    QMonitor *m = qmonitor_place();
    QTest *q = qtest_start("-M pc -m 32 -device i6300esb,addr=5 -action watchdog=pause " QMONITOR_ARGS,
                           qmonitor_path(m));

    qmonitor_connect(m);
    check_status(m, "VM status: running\n");
    watchdog_start(q);
    qtest_clock_step(q, 2500000000);
    g_assert_cmphex(qtest_pci_readl(q, 5 << 3, 0x3c) & 0xff, ==, 5);
    check_status(m, "VM status: paused (watchdog)\n");
    g_free(qmonitor_ask(m, "watchdog_action reset"));
    g_free(qmonitor_ask(m, "cont"));
    watchdog_start(q);
    qtest_clock_step(q, 2500000000);
    qtest_until(q, !(qtest_pci_readl(q, 5 << 3, 0x3c) & 0xff));
    qtest_quit(q);
    qmonitor_free(m);
    q = qtest_start("-M pc -m 32 -device i6300esb,addr=5 -watchdog-action poweroff");
    watchdog_start(q);
    g_free(qtest_raw(q, "clock_step 2500000000"));
    g_assert_cmpint(qtest_wait_exit(q), ==, 0);
}

static void test_panic_does_what_the_user_wants(void)
{
    QMonitor *m = qmonitor_place();
    QTest *q = qtest_start("-M pc -m 32 -device pvpanic -action panic=pause " QMONITOR_ARGS, qmonitor_path(m));

    qmonitor_connect(m);
    qtest_outb(q, 0x505, 1);
    check_status(m, "VM status: paused (guest-panicked)\n");
    qtest_quit(q);
    qmonitor_free(m);
    q = qtest_start("-M pc -m 32 -device pvpanic -action panic=exit-failure");
    g_free(qtest_raw(q, "outb 0x505 1"));
    g_assert_cmpint(qtest_wait_exit(q), ==, 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pic/latches-edges-and-polls", test_pic_latches_edges_and_polls);
    g_test_add_func("/pic/slave-asks-through-input-2", test_pic_slave_asks_through_input_2);
    g_test_add_func("/pic/elcr-refuses-edge-only-lines", test_pic_elcr_refuses_edge_only_lines);
    g_test_add_func("/ioapic/level-waits-for-eoi", test_ioapic_level_waits_for_eoi);
    g_test_add_func("/ioapic/reserved-bits-stay-clear", test_ioapic_reserved_bits_stay_clear);
    g_test_add_func("/serial/loops-back-and-interrupts", test_serial_loops_back_and_interrupts);
    g_test_add_func("/serial/interrupts-reach-line-4", test_serial_interrupts_reach_line_4);
    g_test_add_func("/serial/scratch-register-tells-a-16550", test_serial_scratch_register_tells_a_16550);
    g_test_add_func("/parallel/strobe-prints-and-acknowledges", test_parallel_strobe_prints_and_acknowledges);
    g_test_add_func("/i8042/tests-itself-and-its-keyboard", test_i8042_tests_itself_and_its_keyboard);
    g_test_add_func("/i8042/interrupts-are-lines-1-and-12", test_i8042_interrupts_are_lines_1_and_12);
    g_test_add_func("/i8042/monitor-types-sysrq-and-media-keys", test_monitor_types_sysrq_and_media_keys);
    g_test_add_func("/i8042/monitor-turns-the-wheel", test_monitor_turns_the_wheel_away_from_the_user);
    g_test_add_func("/i440fx/says-how-much-ram-there-is", test_host_bridge_says_how_much_ram_there_is);
    g_test_add_func("/fw-cfg/has-signature-and-memory-size", test_fw_cfg_has_signature_and_memory_size);
    g_test_add_func("/fw-cfg/dma-reads-the-same", test_fw_cfg_dma_reads_the_same);
    g_test_add_func("/fw-cfg/has-the-users-files", test_fw_cfg_has_the_users_files);
    g_test_add_func("/fw_cfg/splash", test_boot_splash_is_told_by_its_bytes);
    g_test_add_func("/fw_cfg/boot-order", test_boot_order_is_once_then_order_unless_the_monitor_says_otherwise);
    g_test_add_func("/smbios/says-what-the-user-says", test_smbios_says_what_the_user_says);
    g_test_add_func("/vga/planes-latch-and-mask", test_vga_planes_latch_and_mask);
    g_test_add_func("/vga/dispi-has-its-id-and-a-framebuffer", test_vga_dispi_has_its_id_and_a_framebuffer);
    g_test_add_func("/vga/without-legacy-window-sets-modes-by-its-bar",
                    test_vga_without_legacy_window_sets_modes_by_its_bar);
    g_test_add_func("/debug-exit/is-the-status", test_debug_exit_is_the_status);
    g_test_add_func("/global/reaches-the-boards-devices-and-added-ones",
                    test_globals_reach_the_boards_devices_and_added_ones);
    g_test_add_func("/pvpanic/knows-its-events", test_pvpanic_knows_its_events);
    g_test_add_func("/reset/port-cf9", test_reset_by_port_cf9);
    g_test_add_func("/reset/keyboard-controller", test_reset_by_keyboard_controller);
    g_test_add_func("/reset/port-92", test_reset_by_port_92);
    g_test_add_func("/watchdog/resets-the-machine", test_watchdog_resets_the_machine);
    g_test_add_func("/watchdog/runs-free-without-time", test_watchdog_without_time_runs_free);
    g_test_add_func("/watchdog/does-what-the-user-wants", test_watchdog_does_what_the_user_wants);
    g_test_add_func("/pvpanic/does-what-the-user-wants", test_panic_does_what_the_user_wants);
    g_test_add_func("/pc/boot-indexes", test_boot_indexes_make_an_order);
    g_test_add_func("/pc/ports-of-the-user", test_ports_of_the_user_are_in_place_of_the_default_ones);
    return g_test_run();
}
