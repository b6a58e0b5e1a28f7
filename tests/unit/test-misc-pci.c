/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small PCI functions through their BARs: edu, the i6300esb watchdog, pvpanic. */
#include "qemu/osdep.h"
#include "device-harness.h"
#include "hw/pci/pci.h"

#define EDU     0xe0000000u
#define WDT     0xe0200000u
#define PANIC   0xe0300000u

static PciDevice *edu, *wdt, *panic;
static MemoryRegion ram;
static int intx;

static int map_irq(PciDevice *dev, int pin)
{
    return 0;
}

static void set_irq(void *opaque, int pirq, int level)
{
    intx = level;
}

static uint32_t get(hwaddr addr)
{
    return ldl_phys(address_space_memory, addr);
}

static void set(hwaddr addr, uint32_t v)
{
    stl_phys(address_space_memory, addr, v);
}

static void fresh(void)
{
    device_reset_all();
    pci_config_write(edu, PCI_BAR0, EDU, 4);
    pci_config_write(wdt, PCI_BAR0, WDT, 4);
    pci_config_write(panic, PCI_BAR0, PANIC, 4);
    pci_config_write(edu, PCI_COMMAND, 7, 2);
    pci_config_write(wdt, PCI_COMMAND, 7, 2);
    pci_config_write(panic, PCI_COMMAND, 7, 2);
    resets_requested = shutdowns_requested = 0;
}

static void round_trip(PciDevice *dev)
{
    const VMStateDescription *d = dev->parent.type->vmstate;
    g_autoptr(GByteArray) buf = g_byte_array_new();

    vmstate_save(buf, d, dev);
    fresh();
    g_assert_cmpint(vmstate_load(buf->data, buf->len, d, dev, &error_abort), ==, buf->len);
    for (unsigned i = 0; i < buf->len; i += 1 + i / 64) {
        g_autoptr(GByteArray) bad = g_byte_array_new();
        Error *err = NULL;

        g_byte_array_append(bad, buf->data, buf->len);
        bad->data[i] ^= 0xff;
        if (vmstate_load(bad->data, bad->len, d, dev, &err) < 0) {
            error_free(err);
        }
    }
    vmstate_load(buf->data, buf->len, d, dev, &error_abort);
}

static void test_edu_negates_and_computes(void)
{
    fresh();
    g_assert_cmphex(get(EDU), ==, 0x010000ed);
    set(EDU + 4, 0x12345678);
    g_assert_cmphex(get(EDU + 4), ==, 0xedcba987);
    set(EDU + 0x20, 0x80);
    set(EDU + 8, 10);
    g_assert_cmphex(get(EDU + 0x20), ==, 0x81);
    run_for(1000 * MS);
    g_assert_cmphex(get(EDU + 0x20), ==, 0x80);
    g_assert_cmpuint(get(EDU + 8), ==, 3628800);
    g_assert_cmphex(get(EDU + 0x24), ==, 1);
    g_assert_cmpint(intx, ==, 1);
    set(EDU + 0x64, 1);
    g_assert_cmpint(intx, ==, 0);
    set(EDU + 8, 0xffffffff);
    run_for(1000 * MS);
    g_assert_cmpuint(get(EDU + 8), ==, 0);
    g_assert_cmphex(ldub_phys(address_space_memory, EDU), ==, 0xff);
}

static void edu_dma(uint64_t src, uint64_t dst, uint64_t count, uint64_t command)
{
    stq_phys(address_space_memory, EDU + 0x80, src);
    stq_phys(address_space_memory, EDU + 0x88, dst);
    stq_phys(address_space_memory, EDU + 0x90, count);
    stq_phys(address_space_memory, EDU + 0x98, command);
    run_for(200 * MS);
}

static void test_edu_copies_both_ways(void)
{
    fresh();
    set(0x1000, 0xcafe1234);
    edu_dma(0x1000, 0x40010, 4, 1);
    edu_dma(0x40010, 0x2000, 4, 7);
    g_assert_cmphex(get(0x2000), ==, 0xcafe1234);
    g_assert_cmphex(get(EDU + 0x24), ==, 0x100);
    g_assert_cmphex(get(EDU + 0x98) & 1, ==, 0);
    edu_dma(0x1000, 0x40ffd, 4, 1);             /* out of the buffer, */
    edu_dma(0x1000, ~0ull, ~0ull, 1);           /* and far out */
    edu_dma(EDU, 0x40000, 4096, 1);             /* its own registers */
    edu_dma(0x40000, EDU + 0x80, 64, 3);
    round_trip(edu);
}

static void wdt_unlocked(unsigned reg, uint32_t v)
{
    stw_phys(address_space_memory, WDT + 0xc, 0x80);
    stw_phys(address_space_memory, WDT + 0xc, 0x86);
    set(WDT + reg, v);
}

static void test_watchdog_bites_who_does_not_feed_it(void)
{
    fresh();
    set(WDT + 0, 1);                            /* locked: does nothing */
    wdt_unlocked(0, 2 << 9);                    /* as Linux: two seconds */
    wdt_unlocked(4, 2 << 9);
    pci_config_write(wdt, 0x68, 2, 1);
    for (unsigned i = 0; i < 10; i++) {
        run_for(1500 * MS);
        wdt_unlocked(0xc, 0x100);
    }
    g_assert_cmpuint(resets_requested, ==, 0);
    run_for(1900 * MS);
    round_trip(wdt);
    g_assert_cmpuint(resets_requested, ==, 0);
    run_for(200 * MS);
    g_assert_cmpuint(resets_requested, ==, 1);
    fresh();
    g_assert_cmphex(lduw_phys(address_space_memory, WDT + 0xc), ==, 0x200);
    wdt_unlocked(0xc, 0x200);
    g_assert_cmphex(lduw_phys(address_space_memory, WDT + 0xc), ==, 0);
}

static void test_watchdog_lock(void)
{
    fresh();
    pci_config_write(wdt, 0x68, 3, 1);
    pci_config_write(wdt, 0x68, 0, 1);
    g_assert_cmphex(pci_config_read(wdt, 0x68, 1), ==, 3);
    fresh();
    pci_config_write(wdt, 0x60, 0xffff, 2);     /* no reboot */
    pci_config_write(wdt, 0x68, 2, 1);
    run_for(10000000 * MS);
    g_assert_cmpuint(resets_requested, ==, 0);
}

static void test_pvpanic_ends_the_machine(void)
{
    fresh();
    g_assert_cmphex(ldub_phys(address_space_memory, PANIC), ==, 3);
    stb_phys(address_space_memory, PANIC, 2);
    g_assert_cmpuint(shutdowns_requested, ==, 0);
    stb_phys(address_space_memory, PANIC, 1);
    g_assert_cmpuint(shutdowns_requested, ==, 1);
}

static PciDevice *create(const char *type)
{
    PciDevice *dev = pci_new(type, -1);

    pci_realize(dev, pci_root_bus(), &error_abort);
    return dev;
}

int main(int argc, char **argv)
{
    harness_init(&argc, &argv);
    memory_region_init_ram(&ram, NULL, "ram", 1 * MiB, &error_abort);
    memory_region_add(get_system_memory(), 0, &ram, 0);
    pci_root_bus_new(get_system_memory(), get_system_io(), map_irq, set_irq, NULL, 1);
    edu = create("edu");
    wdt = create("i6300esb");
    panic = create("pvpanic-pci");
    g_test_add_func("/edu/compute", test_edu_negates_and_computes);
    g_test_add_func("/edu/dma", test_edu_copies_both_ways);
    g_test_add_func("/i6300esb/bite", test_watchdog_bites_who_does_not_feed_it);
    g_test_add_func("/i6300esb/lock", test_watchdog_lock);
    g_test_add_func("/pvpanic/event", test_pvpanic_ends_the_machine);
    return g_test_run();
}
