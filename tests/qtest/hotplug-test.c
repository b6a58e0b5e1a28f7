/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cards that come and go: the user at the monitor, the guest at the ports that firmware's byte code reads. */
#include "qemu/osdep.h"
#include "libqtest.h"
#include "qmonitor.h"

#define UP          0xae00
#define DOWN        0xae04
#define EJECT       0xae08
#define REMOVABLE   0xae0c
#define SELECT      0xae10
#define GPE         0xafe0
#define EDU_IDS     0x11e81234u
#define BAR         0xe1000000u
#define MACHINE     "-M pc -m 32 -device pci-bridge,chassis_nr=1,id=br,addr=6 " QMONITOR_ARGS

typedef struct Machine {
    QTest *q;
    QMonitor *m;
} Machine;

static Machine start(const char *more)
{
    QMonitor *m = qmonitor_place();
    QTest *q = qtest_start(MACHINE " %s", qmonitor_path(m), more);

    qmonitor_connect(m);
    return (Machine) { q, m };
}

static void finish(Machine x)
{
    qtest_quit(x.q);
    qmonitor_free(x.m);
}

static void tell(Machine x, const char *command, const char *answer)
{
    g_autofree char *text = qmonitor_ask(x.m, command);

    g_assert_cmpstr(g_strstrip(text), ==, answer);
}

static void check_ports(Machine x, uint32_t up, uint32_t down)
{
    g_assert_cmphex(qtest_inl(x.q, UP), ==, up);
    g_assert_cmphex(qtest_inl(x.q, DOWN), ==, down);
}

static void test_ports_tell_of_cards(void)
{
    Machine x = start("");

    g_assert_cmphex(qtest_inl(x.q, REMOVABLE), ==, ~(1u << 0 | 1u << 1 | 1u << 2 | 1u << 6));
    qtest_pci_writel(x.q, 1 << 3 | 3, 0x40, 0xb001);
    tell(x, "device_add edu,id=e,addr=5", "");
    g_assert_cmphex(qtest_pci_readl(x.q, 5 << 3, 0), ==, EDU_IDS);
    g_assert_cmphex(qtest_inb(x.q, GPE), ==, 2);
    check_ports(x, 1 << 5, 0);
    check_ports(x, 0, 0);                       /* reading clears */
    qtest_outb(x.q, GPE, 2);
    tell(x, "device_del e", "");
    g_assert_cmphex(qtest_inb(x.q, GPE), ==, 2);
    check_ports(x, 0, 1 << 5);
    check_ports(x, 0, 1 << 5);                  /* until the guest has done it */
    g_assert_cmphex(qtest_pci_readl(x.q, 5 << 3, 0), ==, EDU_IDS);
    finish(x);
}

static void test_ejected_cards_leave_nothing(void)
{
    Machine x = start("");

    qtest_watch_inputs(x.q, "isa-pic");
    qtest_pci_writel(x.q, 1 << 3, 0x60, 0x0b0b0b0b);
    for (unsigned round = 0; round < 3; round++) {
        tell(x, "device_add edu,id=e,addr=5", "");
        qtest_pci_writel(x.q, 5 << 3, 0x10, BAR);
        qtest_pci_writel(x.q, 5 << 3, 4, 6);
        g_assert_cmphex(qtest_readl(x.q, BAR), ==, 0x010000ed);
        qtest_writel(x.q, BAR + 0x60, 1);
        g_assert_true(qtest_irq(x.q, 11));
        qtest_writel(x.q, BAR + 8, 5);          /* a timer runs */
        tell(x, "device_del e", "");
        qtest_outl(x.q, EJECT, 1 << 5);
        g_assert_false(qtest_irq(x.q, 11));
        g_assert_cmphex(qtest_pci_readl(x.q, 5 << 3, 0), ==, 0xffffffff);
        g_assert_cmphex(qtest_readl(x.q, BAR), ==, 0);
        check_ports(x, 1 << 5, 0);             /* nobody has looked since it came */
        qtest_clock_step(x.q, 1000000000);
        tell(x, "device_del e", "Error: Device 'e' not found");
    }
    finish(x);
}

static void test_cards_behind_bridges_come_and_go(void)
{
    Machine x = start("");

    qtest_pci_writel(x.q, 6 << 3, 0x18, 0x010100);
    tell(x, "device_add edu,id=e,bus=br,addr=4", "");
    g_assert_cmphex(qtest_pci_readl(x.q, 0x100 | 4 << 3, 0), ==, EDU_IDS);
    check_ports(x, 0, 0);
    qtest_outl(x.q, SELECT, 1);
    g_assert_cmphex(qtest_inl(x.q, REMOVABLE), ==, 0xffffffff);
    check_ports(x, 1 << 4, 0);
    tell(x, "device_del e", "");
    check_ports(x, 0, 1 << 4);
    qtest_outl(x.q, EJECT, 1 << 4);
    check_ports(x, 0, 0);
    g_assert_cmphex(qtest_pci_readl(x.q, 0x100 | 4 << 3, 0), ==, 0xffffffff);
    finish(x);
}

/* Bus 3 is behind 00:07, bus 4 behind 03:01, and all memory above BAR is decoded there. */
static void number_late_buses(Machine x)
{
    static const struct { unsigned at, buses; } bridges[] = { { 7 << 3, 0x040300 }, { 0x300 | 1 << 3, 0x040403 } };

    for (unsigned i = 0; i < G_N_ELEMENTS(bridges); i++) {
        qtest_pci_writel(x.q, bridges[i].at, 0x18, bridges[i].buses);
        qtest_pci_writel(x.q, bridges[i].at, 0x20, (BAR >> 16) * 0x10001u);
        qtest_pci_writel(x.q, bridges[i].at, 4, 7);
    }
}

/* Tables do not know its bus: slot 0 of the root says that there is something to find. */
static void test_a_bridge_that_came_later_takes_cards(void)
{
    Machine x = start("");

    qtest_pci_writel(x.q, 1 << 3 | 3, 0x40, 0xb001);
    tell(x, "device_add pci-bridge,chassis_nr=2,id=late,addr=7", "");
    check_ports(x, 1 << 7, 0);
    qtest_outb(x.q, GPE, 2);
    tell(x, "device_add pci-bridge,chassis_nr=3,id=later,bus=late,addr=1", "");
    check_ports(x, 1 << 0, 0);
    tell(x, "device_add edu,id=e,bus=later,addr=2", "");
    g_assert_cmphex(qtest_inb(x.q, GPE), ==, 2);
    check_ports(x, 1 << 0, 0);
    number_late_buses(x);
    g_assert_cmphex(qtest_pci_readl(x.q, 0x400 | 2 << 3, 0), ==, EDU_IDS);
    tell(x, "device_del e", "");                /* at once: nobody can be asked */
    check_ports(x, 1 << 0, 0);
    g_assert_cmphex(qtest_pci_readl(x.q, 0x400 | 2 << 3, 0), ==, 0xffffffff);
    tell(x, "device_del e", "Error: Device 'e' not found");
    tell(x, "device_add edu,id=e,bus=later,addr=2", "");
    tell(x, "device_del later", "");            /* with the card */
    g_assert_cmphex(qtest_pci_readl(x.q, 0x300 | 1 << 3, 0), ==, 0xffffffff);
    tell(x, "device_add edu,id=e,bus=br", "");
    finish(x);
}

/* Card "e" behind two bridges, of which no table of the guest's knows; it answers at BAR. */
static void plug_behind_late_bridges(Machine x)
{
    tell(x, "device_add pci-bridge,chassis_nr=2,id=late,addr=7", "");
    tell(x, "device_add pci-bridge,chassis_nr=3,id=later,bus=late,addr=1", "");
    tell(x, "device_add edu,id=e,bus=later,addr=2", "");
    number_late_buses(x);
    qtest_pci_writel(x.q, 0x400 | 2 << 3, 0x10, BAR);
    qtest_pci_writel(x.q, 0x400 | 2 << 3, 4, 6);
}

static void test_a_bridge_goes_with_all_behind_it(void)
{
    Machine x = start("");

    plug_behind_late_bridges(x);
    qtest_watch_inputs(x.q, "isa-pic");
    qtest_pci_writel(x.q, 1 << 3, 0x60, 0x0b0b0b0b);
    qtest_writel(x.q, BAR + 0x60, 1);
    g_assert_true(qtest_irq(x.q, 11));
    qtest_writel(x.q, BAR + 8, 5);              /* a timer runs */
    tell(x, "device_del late", "");
    qtest_outl(x.q, EJECT, 1 << 7);
    g_assert_false(qtest_irq(x.q, 11));
    g_assert_cmphex(qtest_pci_readl(x.q, 7 << 3, 0), ==, 0xffffffff);
    g_assert_cmphex(qtest_pci_readl(x.q, 0x400 | 2 << 3, 0), ==, 0xffffffff);
    g_assert_cmphex(qtest_readl(x.q, BAR), ==, 0);
    qtest_clock_step(x.q, 1000000000);
    tell(x, "device_del e", "Error: Device 'e' not found");
    tell(x, "device_add edu,bus=late", "Error: Bus 'late' not found");
    tell(x, "device_del br", "");               /* what tables describe stays */
    qtest_outl(x.q, EJECT, 1 << 6);
    g_assert_cmphex(qtest_pci_readl(x.q, 6 << 3, 0), ==, 0x00011b36);
    finish(x);
}

static void test_a_reset_takes_what_was_asked_for(void)
{
    Machine x = start("-device edu,id=old,addr=8");

    tell(x, "device_add edu,id=e,addr=5", "");
    tell(x, "device_del e", "");
    tell(x, "device_del old", "");
    qtest_outb(x.q, 0xcf9, 0x06);
    qtest_until(x.q, qtest_pci_readl(x.q, 5 << 3, 0) == 0xffffffff);
    g_assert_cmphex(qtest_pci_readl(x.q, 8 << 3, 0), ==, 0xffffffff);
    check_ports(x, 0, 0);
    tell(x, "device_del e", "Error: Device 'e' not found");
    tell(x, "device_add edu,id=old,addr=8", "");
    finish(x);
}

/*
 * The second read of a drive waits for a long time, and the reset for it. The emulator takes 4 KiB of requests at once,
 * so it finds those behind them while it waits, unless the read is faster.
 */
static void eject_amid_reset(const char *args)
{
    g_autoptr(GString) text = g_string_new("outb 0x1f7 0x20\noutb 0xcf9 0x06\n");
    g_autofree char *answer = NULL;
    Machine x = start(args);

    qtest_pci_writel(x.q, 5 << 3, 0x10, BAR);
    qtest_pci_writel(x.q, 5 << 3, 4, 6);
    g_assert_cmphex(qtest_readl(x.q, BAR), ==, 0x010000edu);
    qtest_outb(x.q, 0x1f2, 1);
    qtest_outb(x.q, 0x1f6, 0xe0);
    qtest_outb(x.q, 0x1f7, 0x20);
    qtest_until(x.q, !(qtest_inb(x.q, 0x1f7) & 0x80));
    while (text->len < 4096) {
        g_string_append(text, "inb 0x80\n");
    }
    g_string_append_printf(text, "outl 0x%x 0x%x\nreadl 0x%x\n", EJECT, 1 << 5, BAR);
    answer = qtest_batch_last(x.q, text->str);
    g_assert_cmpstr(answer, ==, "OK 0x0000000000000000");
    qtest_until(x.q, qtest_inb(x.q, 0x1f7) == 0x50);
    g_assert_cmphex(qtest_pci_readl(x.q, 5 << 3, 0), ==, 0xffffffff);
    finish(x);
}

static void test_a_card_may_go_while_a_reset_waits_for_a_drive(void)
{
    static const uint8_t sectors[4096] = { 0 };
    const char *image = qtest_temp_file(sectors, sizeof(sectors));
    g_autofree char *args = g_strdup_printf("-drive if=ide,format=raw,throttling.bps-total=1,file=%s "
                                            "-device edu,addr=5", image);

    for (unsigned i = 0; i < 10; i++) {
        eject_amid_reset(args);
    }
}

/* Sleep type 1 is S3 here; the guest's drivers are still there when it wakes up. */
static void test_a_sleeping_guest_is_told_when_it_wakes_up(void)
{
    Machine x = start("-device edu,id=old,addr=8");

    qtest_pci_writel(x.q, 1 << 3 | 3, 0x40, 0xb001);
    qtest_pci_writel(x.q, 1 << 3 | 3, 0x80, 1);
    qtest_outw(x.q, 0xb004, 0x2400);
    tell(x, "device_add edu,id=e,addr=5", "");
    tell(x, "device_del old", "");
    tell(x, "info status", "VM status: paused (suspended)");
    tell(x, "system_wakeup", "");
    qtest_until(x.q, qtest_inb(x.q, GPE) == 2);
    g_assert_cmphex(qtest_pci_readl(x.q, 8 << 3, 0), ==, EDU_IDS);
    check_ports(x, 1 << 5, 1 << 8);
    finish(x);
}

static void test_strange_accesses_do_no_harm(void)
{
    Machine x = start("-device edu,id=old,addr=8");

    qtest_outl(x.q, SELECT, 0xffffffff);
    for (unsigned port = UP; port < UP + 0x18; port += 4) {
        g_assert_cmphex(qtest_inl(x.q, port), ==, 0);
        qtest_outl(x.q, port, 0xffffffff);
    }
    for (unsigned nr = 1; nr < 256; nr += 127) {
        qtest_outl(x.q, SELECT, nr);
        qtest_outl(x.q, EJECT, 0xffffffff);
        g_assert_cmphex(qtest_inl(x.q, SELECT), ==, nr);
        g_assert_cmphex(qtest_inl(x.q, REMOVABLE), ==, 0xffffffff);
    }
    qtest_outl(x.q, SELECT, 0);
    g_assert_cmphex(qtest_pci_readl(x.q, 8 << 3, 0), ==, EDU_IDS);
    qtest_outl(x.q, EJECT, 0xffffffff);         /* the board stays */
    g_assert_cmphex(qtest_pci_readl(x.q, 8 << 3, 0), ==, 0xffffffff);
    g_assert_cmphex(qtest_pci_readl(x.q, 1 << 3, 0), ==, 0x70008086);
    g_assert_cmphex(qtest_pci_readl(x.q, 2 << 3, 0), ==, 0x11111234);
    g_assert_cmphex(qtest_pci_readl(x.q, 6 << 3, 0), ==, 0x00011b36);
    finish(x);
}

static void test_mistakes_of_the_user_are_told(void)
{
    static const char *const cases[][2] = {
        { "device_add edu,bus=nix", "Error: Bus 'nix' not found" },
        { "device_add VGA", "Error: Parameter 'driver' expects a pluggable device type" },
        { "device_add edu,id=v", "Error: Duplicate device ID 'v'" },
        { "device_add edu,addr=5.1",
          "Error: PCI: slot 5 function 0 already occupied by edu, new func edu cannot be exposed to guest." },
        { "device_add isa-serial", "Error: Bus 'isa.0' does not support hotplugging" },
        { "device_del v", "Error: Device 'VGA' does not support hotplugging" },
    };
    Machine x = start("-vga none -device VGA,id=v -device edu,addr=5");

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        tell(x, cases[i][0], cases[i][1]);
    }
    check_ports(x, 0, 0);
    finish(x);
}

static void test_hot_plug_can_be_switched_off(void)
{
    Machine x = start("-global PIIX4_PM.acpi-root-pci-hotplug=off");

    tell(x, "device_add edu", "Error: Bus 'pci.0' does not support hotplugging");
    tell(x, "device_add edu,bus=br", "");
    finish(x);
    x = start("-global PIIX4_PM.acpi-pci-hotplug-with-bridge-support=off");
    tell(x, "device_add edu,bus=br", "Error: Bus 'br' does not support hotplugging");
    tell(x, "device_add pci-bridge,chassis_nr=2,id=late", "");
    tell(x, "device_add edu,bus=late", "Error: Bus 'late' does not support hotplugging");
    finish(x);
}

/* A machine that was started with what the other one was given later takes its state. */
static void test_plugged_cards_are_part_of_saved_states(void)
{
    const char *path = qtest_temp_file("", 0);
    g_autofree char *later = g_strdup_printf("-device edu,id=e,addr=5 -incoming file:%s", path);
    Machine x = start("-device edu,id=gone,addr=9");

    tell(x, "device_add edu,id=e,addr=5", "");
    qtest_outl(x.q, EJECT, 1 << 9);
    qtest_pci_writel(x.q, 5 << 3, 0x10, BAR);
    qtest_pci_writel(x.q, 5 << 3, 4, 6);
    qtest_writel(x.q, BAR + 4, 0x1234);
    tell(x, "device_del e", "");
    g_free(qtest_ask(x.q, "vmstate_save %s", path));
    finish(x);
    x = start(later);
    g_assert_cmphex(qtest_readl(x.q, BAR + 4), ==, ~0x1234u);
    check_ports(x, 1 << 5, 1 << 5);
    qtest_outl(x.q, EJECT, 1 << 5);
    tell(x, "device_del e", "Error: Device 'e' not found");
    finish(x);
}

static void test_what_is_behind_a_later_bridge_is_saved_too(void)
{
    const char *path = qtest_temp_file("", 0);
    g_autofree char *later = g_strdup_printf("-device pci-bridge,chassis_nr=2,id=late,addr=7 "
                                             "-device pci-bridge,chassis_nr=3,id=later,bus=late,addr=1 "
                                             "-device edu,id=e,bus=later,addr=2 -incoming file:%s", path);
    Machine x = start("");

    plug_behind_late_bridges(x);
    qtest_writel(x.q, BAR + 4, 0x1234);
    g_free(qtest_ask(x.q, "vmstate_save %s", path));
    finish(x);
    x = start(later);
    g_assert_cmphex(qtest_readl(x.q, BAR + 4), ==, ~0x1234u);
    check_ports(x, 1 << 7 | 1 << 0, 0);
    finish(x);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hotplug/ports-tell-of-cards", test_ports_tell_of_cards);
    g_test_add_func("/hotplug/ejected-cards-leave-nothing", test_ejected_cards_leave_nothing);
    g_test_add_func("/hotplug/cards-behind-bridges-come-and-go", test_cards_behind_bridges_come_and_go);
    g_test_add_func("/hotplug/a-bridge-that-came-later-takes-cards", test_a_bridge_that_came_later_takes_cards);
    g_test_add_func("/hotplug/a-bridge-goes-with-all-behind-it", test_a_bridge_goes_with_all_behind_it);
    g_test_add_func("/hotplug/a-reset-takes-what-was-asked-for", test_a_reset_takes_what_was_asked_for);
    g_test_add_func("/hotplug/a-card-may-go-while-a-reset-waits-for-a-drive",
                    test_a_card_may_go_while_a_reset_waits_for_a_drive);
    g_test_add_func("/hotplug/a-sleeping-guest-is-told-when-it-wakes-up",
                    test_a_sleeping_guest_is_told_when_it_wakes_up);
    g_test_add_func("/hotplug/strange-accesses-do-no-harm", test_strange_accesses_do_no_harm);
    g_test_add_func("/hotplug/mistakes-of-the-user-are-told", test_mistakes_of_the_user_are_told);
    g_test_add_func("/hotplug/can-be-switched-off", test_hot_plug_can_be_switched_off);
    g_test_add_func("/hotplug/plugged-cards-are-part-of-saved-states", test_plugged_cards_are_part_of_saved_states);
    g_test_add_func("/hotplug/what-is-behind-a-later-bridge-is-saved-too",
                    test_what_is_behind_a_later_bridge_is_saved_too);
    return g_test_run();
}
