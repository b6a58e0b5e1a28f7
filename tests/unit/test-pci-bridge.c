/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI-to-PCI bridges: two of them, one behind the other, and cards behind each. */
#include "qemu/osdep.h"
#include "device-harness.h"
#include "hw/pci/pci.h"
#include "qemu/bitops.h"

#define MEM         0xe0000000u     /* of the outer window; the inner one is its second half */
#define INNER_MEM   0xe0800000u
#define PREF        0x4000000000ull
#define IO          0xc000u
#define EDU         0xe0900000u
#define EDU_ID      0x010000edu
#define TESTDEV     0xe0000000u
#define COMMAND_ALL 7

static PciDevice *outer, *inner;    /* 2.0; behind it 3.0 */
static PciDevice *edu, *testdev;    /* 4.0 of "inner", 1.0 of "outer" */
static MemoryRegion ram;
static int pirqs[4];

/* The root bus has a line for each slot, and pins rotate by one for each: as between any bus and a bridge. */
static int map_irq(PciDevice *dev, int pin)
{
    return ((dev->devfn >> 3) + pin) % 4;
}

static void set_irq(void *opaque, int pirq, int level)
{
    pirqs[pirq] = level;
}

static PciDevice *create(const char *type, const char *id, const char *const *props)
{
    PciDevice *dev = pci_new(type, -1);

    device_set_id(&dev->parent, id);
    for (; props && *props; props += 2) {
        device_set_prop(&dev->parent, props[0], props[1], &error_abort);
    }
    device_realize(&dev->parent, NULL, &error_abort);
    return dev;
}

static uint32_t config(unsigned bus, unsigned slot, unsigned reg)
{
    return pci_data_read(pci_root_bus(), bus << 16 | slot << 11 | reg, 4);
}

static uint32_t get(hwaddr addr)
{
    return ldl_phys(address_space_memory, addr);
}

static void open_windows(PciDevice *dev, unsigned primary, unsigned secondary, uint32_t mem)
{
    pci_config_write(dev, PCI_PRIMARY_BUS, primary | secondary << 8 | 2 << 16, 3);
    pci_config_write(dev, 0x1c, 0xc0c0, 2);                                 /* I/O C000-CFFF */
    pci_config_write(dev, 0x20, mem >> 16 | (MEM + 0xf00000), 4);           /* up to E0FFFFFF */
    pci_config_write(dev, 0x24, 0, 4);                                      /* PREF, 1 MiB */
    pci_config_write(dev, 0x28, PREF >> 32, 4);
    pci_config_write(dev, 0x2c, PREF >> 32, 4);
    pci_config_write(dev, PCI_COMMAND, COMMAND_ALL, 2);
}

/* What firmware leaves: buses 1 and 2, cards at their places. */
static void fresh(void)
{
    device_reset_all();
    open_windows(outer, 0, 1, MEM);
    open_windows(inner, 1, 2, INNER_MEM);
    pci_config_write(edu, PCI_BAR0, EDU, 4);
    pci_config_write(edu, PCI_COMMAND, COMMAND_ALL, 2);
    pci_config_write(testdev, PCI_BAR0, TESTDEV, 4);
    pci_config_write(testdev, PCI_BAR0 + 4, IO, 4);
    pci_config_write(testdev, PCI_BAR0 + 8, 0, 4);
    pci_config_write(testdev, PCI_BAR0 + 12, PREF >> 32, 4);
    pci_config_write(testdev, PCI_COMMAND, COMMAND_ALL, 2);
}

static bool testdev_answers(void)
{
    stb_phys(address_space_memory, TESTDEV, 0);
    return get(TESTDEV + 4) == 0x800;
}

static bool testdev_has_ports(void)
{
    port_out(IO, 0, 1);
    return port_in(IO + 4, 1) == 0x83;
}

/* ---- configuration ----------------------------------------------------------------------------------------------- */

static void test_header_is_that_of_a_bridge(void)
{
    device_reset_all();
    g_assert_cmphex(config(0, 2, 0x00), ==, 0x00011b36);
    g_assert_cmphex(config(0, 2, 0x04), ==, 0x00b00000);
    g_assert_cmphex(config(0, 2, 0x08), ==, 0x06040000);
    g_assert_cmphex(config(0, 2, 0x0c), ==, 0x00010000);
    g_assert_cmphex(config(0, 2, 0x18), ==, 0);
    g_assert_cmphex(config(0, 2, 0x1c), ==, 0x00a00000);
    g_assert_cmphex(config(0, 2, 0x24), ==, 0x00010001);
    g_assert_cmphex(config(0, 2, 0x2c), ==, 0);         /* no subsystem here, but the end of a window */
    g_assert_cmphex(config(0, 2, 0x34), ==, 0x40);
    g_assert_cmphex(config(0, 2, 0x40), ==, 0x05200004);
}

static void test_readonly_bits_ignore_writes(void)
{
    static const uint32_t ones[] = {        /* from 18 on, after all ones */
        0xffffffff, 0x00a0f0f0, 0xfff0fff0, 0xfff1fff1, 0xffffffff, 0xffffffff, 0, 0x40, 0, 0x0bff00ff, 0xff200004,
    };

    device_reset_all();
    for (unsigned i = 0; i < G_N_ELEMENTS(ones); i++) {
        pci_config_write(outer, 0x18 + 4 * i, 0xffffffff, 4);
        g_assert_cmphex(config(0, 2, 0x18 + 4 * i), ==, ones[i]);
    }
    g_assert_cmphex(config(0, 2, 0x10), ==, 0);         /* without BARs */
    device_reset_all();
    g_assert_cmphex(config(0, 2, 0x40), ==, 0x05200004);
}

static void test_configuration_cycles_follow_the_numbers(void)
{
    device_reset_all();
    g_assert_cmphex(config(1, 1, 0), ==, 0xffffffff);
    fresh();
    g_assert_cmphex(config(1, 1, 0), ==, 0x00051b36);
    g_assert_cmphex(config(1, 3, 0), ==, 0x00011b36);
    g_assert_cmphex(config(2, 4, 0), ==, 0x11e81234);
    g_assert_cmphex(config(0, 4, 0), ==, 0xffffffff);
    g_assert_cmphex(config(3, 4, 0), ==, 0xffffffff);
    pci_config_write(outer, PCI_SUBORDINATE_BUS, 1, 1);     /* bus 2 is no longer behind it */
    g_assert_cmphex(config(2, 4, 0), ==, 0xffffffff);
    g_assert_cmphex(config(1, 1, 0), ==, 0x00051b36);
}

/* ---- windows ----------------------------------------------------------------------------------------------------- */

static void test_windows_let_through_what_is_in_them(void)
{
    fresh();
    g_assert_true(testdev_answers() && testdev_has_ports());
    g_assert_cmphex(get(EDU), ==, EDU_ID);
    pci_config_write(inner, 0x20, (INNER_MEM + 0x200000) >> 16, 2);     /* begins behind edu */
    g_assert_cmphex(get(EDU), ==, 0);
    g_assert_true(testdev_answers());
    pci_config_write(edu, PCI_BAR0, EDU + 0x200000, 4);
    g_assert_cmphex(get(EDU + 0x200000), ==, EDU_ID);
    pci_config_write(outer, 0x22, 0xe000, 2);                           /* ends before the inner one begins */
    g_assert_cmphex(get(EDU + 0x200000), ==, 0);
    pci_config_write(outer, 0x1c, 0xd0c0, 2);
    g_assert_true(testdev_has_ports());
    pci_config_write(outer, 0x1c, 0xc0d0, 2);                           /* limit below base: shut */
    g_assert_false(testdev_has_ports());
    g_assert_true(testdev_answers());
}

static void test_command_register_shuts_windows(void)
{
    fresh();
    pci_config_write(outer, PCI_COMMAND, PCI_COMMAND_IO, 2);
    g_assert_true(testdev_has_ports());
    g_assert_false(testdev_answers());
    g_assert_cmphex(get(EDU), ==, 0);
    pci_config_write(outer, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
    g_assert_false(testdev_has_ports());
    g_assert_cmphex(get(EDU), ==, EDU_ID);
}

static void test_prefetchable_window_reaches_above_4_gib(void)
{
    fresh();
    g_assert_true(address_space_resolve(address_space_memory, PREF).mr);
    g_assert_true(address_space_resolve(address_space_memory, PREF + 0xfffff).mr);
    g_assert_false(address_space_resolve(address_space_memory, PREF + 0x100000).mr);
    pci_config_write(outer, 0x2c, 0, 4);
    g_assert_false(address_space_resolve(address_space_memory, PREF).mr);
}

static void test_vga_comes_through_when_enabled(void)
{
    MemoryRegion mem, io;
    static const MemoryRegionOps ops = { .size = { .min = 1, .max = 4 } };

    fresh();
    memory_region_init_io(&mem, NULL, &ops, NULL, "vga-mem", 0x20000);
    memory_region_init_io(&io, NULL, &ops, NULL, "vga-io", 0x30);
    memory_region_add(pci_bus_mem(outer->secondary), 0xa0000, &mem, 0);
    memory_region_add(pci_bus_io(outer->secondary), 0x3b0, &io, 0);
    memory_region_set_enabled(&ram, false);
    g_assert_null(address_space_resolve(address_space_memory, 0xa0000).mr);
    pci_config_write(outer, 0x3e, 8, 2);
    g_assert_true(address_space_resolve(address_space_memory, 0xa0000).mr == &mem);
    g_assert_true(address_space_resolve(address_space_memory, 0xbffff).mr == &mem);
    g_assert_true(address_space_resolve(address_space_io, 0x3bb).mr == &io);
    g_assert_null(address_space_resolve(address_space_io, 0x3bc).mr);
    g_assert_true(address_space_resolve(address_space_io, 0x3c0).mr == &io);
    pci_config_write(outer, PCI_COMMAND, PCI_COMMAND_IO, 2);
    g_assert_null(address_space_resolve(address_space_memory, 0xa0000).mr);
    memory_region_set_enabled(&ram, true);
    memory_region_del(&mem);
    memory_region_del(&io);
    memory_region_destroy(&mem);
    memory_region_destroy(&io);
}

/* ---- what goes upwards ------------------------------------------------------------------------------------------- */

static void test_interrupts_rotate_at_each_bridge(void)
{
    fresh();
    stl_phys(address_space_memory, EDU + 0x60, 1);
    g_assert_cmpint(pirqs[(2 + 3 + 4) % 4], ==, 1);     /* pin A, and the slots on the way */
    g_assert_cmpint(pirqs[0] + pirqs[1] + pirqs[2] + pirqs[3], ==, 1);
    stl_phys(address_space_memory, EDU + 0x64, 1);
    g_assert_cmpint(pirqs[0] + pirqs[1] + pirqs[2] + pirqs[3], ==, 0);
}

static void test_each_bridge_on_the_way_must_be_a_master(void)
{
    PciDevice *const way[] = { edu, inner, outer };
    uint32_t v = 0x12345678;

    fresh();
    g_assert_cmpint(pci_dma_write(edu, 0x1000, &v, 4), ==, MEMTX_OK);
    g_assert_cmphex(get(0x1000), ==, 0x12345678);
    for (unsigned i = 0; i < G_N_ELEMENTS(way); i++) {
        fresh();
        pci_config_write(way[i], PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
        g_assert_cmpint(pci_dma_write(edu, 0x1000, &v, 4), ==, MEMTX_ERROR);
    }
}

static void test_bus_reset_reaches_all_behind_it(void)
{
    fresh();
    stl_phys(address_space_memory, EDU + 0x60, 1);
    pci_config_write(outer, 0x3e, 0x40, 2);
    g_assert_cmpint(pirqs[0] + pirqs[1] + pirqs[2] + pirqs[3], ==, 0);
    g_assert_cmphex(config(1, 1, 0x10), ==, 0);
    g_assert_cmphex(config(1, 3, 0x18), ==, 0);
    g_assert_cmphex(load_le32(edu->config + PCI_BAR0), ==, 0);
    g_assert_cmphex(config(0, 2, 0x18) & 0xffffff, ==, 0x020100);      /* itself it is as it was */
    pci_config_write(testdev, PCI_BAR0, TESTDEV, 4);
    pci_config_write(outer, 0x3e, 0x40, 2);                            /* held: no new edge */
    g_assert_cmphex(config(1, 1, 0x10), ==, TESTDEV);
    pci_config_write(outer, 0x3e, 0, 2);
    pci_config_write(outer, 0x3e, 0x40, 2);
    g_assert_cmphex(config(1, 1, 0x10), ==, 0);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void assert_fails(const char *type, const char *prop, const char *value, const char *message)
{
    PciDevice *dev = pci_new(type, -1);
    Error *err = NULL;

    if (device_set_prop(&dev->parent, prop, value, &err)) {
        g_assert_false(device_realize(&dev->parent, NULL, &err));
    }
    g_assert_cmpstr(error_get_message(err), ==, message);
    error_free(err);
    device_unref(&dev->parent);
}

static void test_mistakes_are_told(void)
{
    assert_fails("edu", "bus", "nix", "Bus 'nix' not found");
    assert_fails("edu", "bus", "isa.0", "Device 'edu' can't go on ISA bus");
    assert_fails("pci-bridge", "chassis_nr", "0",
                 "Bridge chassis not specified. Each bridge is required to be assigned a unique chassis id > 0.");
    assert_fails("pci-bridge", "chassis_nr", "256", "Property 'pci-bridge.chassis_nr' doesn't take value '256'");
}

static void test_cards_go_with_their_bridge(void)
{
    PciDevice *bridge = create("pci-bridge", "going", (const char *[]) { "chassis_nr", "3", "addr", "9", NULL });
    PciDevice *card = create("edu", "card", (const char *[]) { "bus", "going", NULL });

    g_assert_cmpuint(card->devfn, ==, 0);
    g_assert_true(card->parent.parent_dev == &bridge->parent);
    pci_config_write(bridge, PCI_PRIMARY_BUS, 0x050500, 3);
    pci_config_write(bridge, 0x20, MEM >> 16 | MEM, 4);
    pci_config_write(bridge, PCI_COMMAND, COMMAND_ALL, 2);
    pci_config_write(card, PCI_BAR0, MEM, 4);
    pci_config_write(card, PCI_COMMAND, COMMAND_ALL, 2);
    g_assert_cmphex(config(5, 0, 0), ==, 0x11e81234);
    stl_phys(address_space_memory, MEM + 0x60, 1);
    device_unref(&bridge->parent);
    g_assert_null(device_find("card"));
    g_assert_cmphex(config(0, 9, 0), ==, 0xffffffff);
    g_assert_cmphex(config(5, 0, 0), ==, 0xffffffff);
    g_assert_cmpint(pirqs[0] + pirqs[1] + pirqs[2] + pirqs[3], ==, 0);
    assert_fails("edu", "bus", "going", "Bus 'going' not found");
}

static void test_state_survives_a_snapshot(void)
{
    const VMStateDescription *d = outer->parent.type->vmstate;
    g_autoptr(GByteArray) state = g_byte_array_new();

    fresh();
    vmstate_save(state, d, outer);
    device_reset_all();
    pci_config_write(testdev, PCI_BAR0, TESTDEV, 4);
    pci_config_write(testdev, PCI_COMMAND, COMMAND_ALL, 2);
    g_assert_false(testdev_answers());
    g_assert_cmpint(vmstate_load(state->data, state->len, d, outer, &error_abort), ==, state->len);
    g_assert_true(testdev_answers());
    g_assert_cmphex(config(1, 1, 0), ==, 0x00051b36);
}

static void test_info_pci_follows_bridges(void)
{
    g_autoptr(GString) out = g_string_new(NULL), tree = g_string_new(NULL);

    fresh();
    pci_print(out);
    g_assert_nonnull(strstr(out->str, "  Bus  0, device   2, function 0:\n    PCI bridge: PCI device 1b36:0001\n"
                            "      BUS 0.\n      secondary bus 1.\n      subordinate bus 2.\n"
                            "      IO range [0xc000, 0xcfff]\n      memory range [0xe0000000, 0xe0ffffff]\n"
                            "      prefetchable memory range [0x4000000000, 0x40000fffff]\n      id \"outer\"\n"
                            "  Bus  1, device   1, function 0:\n"));
    g_assert_nonnull(strstr(out->str, "  Bus  2, device   4, function 0:\n"));
    device_print_tree(tree);
    g_assert_nonnull(strstr(tree->str, "    bus: inner\n"));
    g_assert_nonnull(strstr(tree->str, "class Class 00ff, addr 02:04.0, pci id 1234:11e8"));
}

int main(int argc, char **argv)
{
    harness_init(&argc, &argv);
    memory_region_init_ram(&ram, NULL, "ram", 1 * MiB, &error_abort);
    memory_region_add(get_system_memory(), 0, &ram, 0);
    pci_root_bus_new(get_system_memory(), get_system_io(), map_irq, set_irq, NULL, 4);
    outer = create("pci-bridge", "outer", (const char *[]) { "chassis_nr", "5", "addr", "2", NULL });
    inner = create("pci-bridge", "inner", (const char *[]) { "chassis_nr", "6", "addr", "3", "bus", "outer", NULL });
    testdev = create("pci-testdev", "testdev", (const char *[]) { "bus", "outer", "addr", "1", "membar", "1M", NULL });
    edu = create("edu", "edu", (const char *[]) { "addr", "4", "bus", "inner", NULL });
#define ADD(fn) g_test_add_func("/pci-bridge/" #fn, fn)
    ADD(test_header_is_that_of_a_bridge);
    ADD(test_readonly_bits_ignore_writes);
    ADD(test_configuration_cycles_follow_the_numbers);
    ADD(test_windows_let_through_what_is_in_them);
    ADD(test_command_register_shuts_windows);
    ADD(test_prefetchable_window_reaches_above_4_gib);
    ADD(test_vga_comes_through_when_enabled);
    ADD(test_interrupts_rotate_at_each_bridge);
    ADD(test_each_bridge_on_the_way_must_be_a_master);
    ADD(test_bus_reset_reaches_all_behind_it);
    ADD(test_mistakes_are_told);
    ADD(test_cards_go_with_their_bridge);
    ADD(test_state_survives_a_snapshot);
    ADD(test_info_pci_follows_bridges);
    return g_test_run();
}
