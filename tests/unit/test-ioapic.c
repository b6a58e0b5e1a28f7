/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The IO-APIC through its window, with a list of messages in the place of the local APICs. */
#include "qemu/osdep.h"
#include "device-harness.h"
#include "hw/i386/pc.h"

static Device *ioapic;
static struct { uint8_t dest, mode, vector; bool logical, level; unsigned count; } sent;

void apic_deliver(uint8_t dest, bool logical, uint8_t mode, uint8_t vector, bool level)
{
    sent.dest = dest;
    sent.logical = logical;
    sent.mode = mode;
    sent.vector = vector;
    sent.level = level;
    sent.count++;
}

static uint32_t get(uint8_t index)
{
    stl_phys(address_space_memory, 0xfec00000, index);
    return ldl_phys(address_space_memory, 0xfec00010);
}

static void set(uint8_t index, uint32_t val)
{
    stl_phys(address_space_memory, 0xfec00000, index);
    stl_phys(address_space_memory, 0xfec00010, val);
}

static void entry(unsigned pin, uint32_t low, uint32_t high)
{
    set(0x11 + 2 * pin, high);
    set(0x10 + 2 * pin, low);
}

static void line(int n, int level)
{
    irq_set(device_irq_in(ioapic, n), level);
}

static void fresh(void)
{
    for (int n = 0; n < 24; n++) {
        line(n, 0);
    }
    ioapic->type->reset(ioapic);
    memset(&sent, 0, sizeof(sent));
}

static void test_registers(void)
{
    fresh();
    g_assert_cmphex(get(1), ==, 0x00170020);
    set(0, 0xffffffff);
    g_assert_cmphex(get(0), ==, 0x0f000000);
    g_assert_cmphex(get(0x10), ==, 0x00010000);
    g_assert_cmphex(get(0x3e), ==, 0x00010000);
    set(0x11, 0xffffffff);
    g_assert_cmphex(get(0x11), ==, 0xffffffff);
    set(0x10, 0xffffffff);
    g_assert_cmphex(get(0x10), ==, 0x0001afff);
    g_assert_cmphex(get(0x40), ==, 0);
    set(0x50, 1);
}

static void test_edge_sends_once(void)
{
    fresh();
    entry(2, 0x0930, 0x05000000);
    line(2, 1);
    line(2, 1);
    g_assert_cmpuint(sent.count, ==, 1);
    g_assert_cmphex(sent.vector, ==, 0x30);
    g_assert_cmphex(sent.mode, ==, 1);
    g_assert_cmphex(sent.dest, ==, 5);
    g_assert_true(sent.logical);
    g_assert_false(sent.level);
    line(2, 0);
    line(2, 1);
    g_assert_cmpuint(sent.count, ==, 2);
}

static void test_masked_edge_is_lost(void)
{
    fresh();
    entry(4, 0x10044, 0);
    line(4, 1);
    entry(4, 0x00044, 0);
    g_assert_cmpuint(sent.count, ==, 0);
}

static void test_level_waits_for_eoi(void)
{
    fresh();
    entry(11, 0x8055, 0);
    line(11, 1);
    g_assert_cmpuint(sent.count, ==, 1);
    g_assert_true(sent.level);
    g_assert_cmphex(get(0x26), ==, 0xc055);
    line(11, 0);
    line(11, 1);
    g_assert_cmpuint(sent.count, ==, 1);        /* remote IRR holds it */
    ioapic_eoi(0x54);
    g_assert_cmpuint(sent.count, ==, 1);
    ioapic_eoi(0x55);
    g_assert_cmpuint(sent.count, ==, 2);        /* still up: again */
    line(11, 0);
    ioapic_eoi(0x55);
    g_assert_cmpuint(sent.count, ==, 2);
    g_assert_cmphex(get(0x26), ==, 0x8055);
}

static void test_eoi_register(void)
{
    fresh();
    entry(9, 0x8061, 0);
    line(9, 1);
    line(9, 0);
    stl_phys(address_space_memory, 0xfec00040, 0x61);
    g_assert_cmphex(get(0x22), ==, 0x8061);
}

static void test_unmasking_a_level_that_is_up_sends(void)
{
    fresh();
    entry(10, 0x18070, 0);
    line(10, 1);
    g_assert_cmpuint(sent.count, ==, 0);
    entry(10, 0x08070, 0);
    g_assert_cmpuint(sent.count, ==, 1);
}

static void test_edge_mode_clears_remote_irr(void)
{
    fresh();
    entry(10, 0x8070, 0);
    line(10, 1);
    g_assert_cmphex(get(0x24) & 0x4000, ==, 0x4000);
    set(0x24, 0x10070);
    g_assert_cmphex(get(0x24), ==, 0x10070);
}

static void test_state_survives_savevm(void)
{
    fresh();
    entry(10, 0x8070, 0x03000000);
    line(10, 1);
    save_reset_load(ioapic);
    g_assert_cmphex(get(0x24), ==, 0xc070);
    g_assert_cmphex(get(0x25), ==, 0x03000000);
    ioapic_eoi(0x70);
    g_assert_cmpuint(sent.count, ==, 2);
    load_nonsense(ioapic);
}

int main(int argc, char **argv)
{
    harness_init(&argc, &argv);
    ioapic = device_new("ioapic");
    device_realize(ioapic, NULL, &error_abort);
    g_test_add_func("/ioapic/registers", test_registers);
    g_test_add_func("/ioapic/edge", test_edge_sends_once);
    g_test_add_func("/ioapic/masked-edge", test_masked_edge_is_lost);
    g_test_add_func("/ioapic/level", test_level_waits_for_eoi);
    g_test_add_func("/ioapic/eoi-register", test_eoi_register);
    g_test_add_func("/ioapic/unmask", test_unmasking_a_level_that_is_up_sends);
    g_test_add_func("/ioapic/to-edge", test_edge_mode_clears_remote_irr);
    g_test_add_func("/ioapic/savevm", test_state_survives_savevm);
    return g_test_run();
}
