/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PCI bus and the chipset on it: 440FX, PIIX3, PIIX4, seen through ports and physical memory. */
#include "qemu/osdep.h"
#include "chardev/char.h"
#include "exec/translate-all.h"
#include "hw/acpi/piix4.h"
#include "hw/i386/x86-board.h"
#include "hw/isa/piix3.h"
#include "hw/pci/i440fx.h"
#include "qemu/bitops.h"
#include "qemu/main-loop.h"
#include "sysemu/runstate.h"

/* ---- the neighbours --------------------------------------------------------------------------------------------- */

static unsigned n_resets, n_shutdowns, n_suspends, n_smis;
static uint8_t cmos_addr, cmos_val;
static VCpu the_vcpu;

__thread VCpu *current_vcpu;
VCpu *vcpus = &the_vcpu;

void vcpu_run_on_async(VCpu *v, VCpuWorkFn *fn, void *opaque)
{
    fn(v, opaque);
}

void vcpu_run_on(VCpu *v, VCpuWorkFn *fn, void *opaque)
{
    fn(v, opaque);
}

void tb_invalidate_phys_range(ram_addr_t start, ram_addr_t end)
{
}

Chardev *chardev_find(const char *label)
{
    return NULL;
}

const char *chardev_label(const Chardev *chr)
{
    return "";
}

void request_reset(const char *why)
{
    n_resets++;
}

void request_shutdown(ShutdownCause cause)
{
    n_shutdowns++;
}

static bool waking;

RunState runstate_get(void)
{
    return RUN_STATE_RUNNING;
}

bool runstate_reset_is_wakeup(void)
{
    return waking;
}

void request_wakeup(void)
{
}

void request_suspend(void)
{
    n_suspends++;
}

void rtc_set_cmos(Device *rtc, uint8_t addr, uint8_t val)
{
    cmos_addr = addr;
    cmos_val = val;
}

void cpu_interrupt(VCpu *v, uint32_t mask)
{
    n_smis += mask == CPU_INT_SMI;
}

/* ---- a card ----------------------------------------------------------------------------------------------------- */

typedef struct Card {
    PciDevice parent;
    MemoryRegion mem, io, big;
} Card;

static uint64_t card_read(void *opaque, hwaddr addr, unsigned size)
{
    return 0x5a;
}

static const MemoryRegionOps card_ops = { .read = card_read, .size = { .min = 1, .max = 4 } };

static bool card_realize(PciDevice *dev, Error **errp)
{
    Card *c = container_of(dev, Card, parent);

    memory_region_init_io(&c->mem, &dev->parent, &card_ops, c, "card-mem", 0x1000);
    memory_region_init_io(&c->io, &dev->parent, &card_ops, c, "card-io", 0x20);
    memory_region_init_io(&c->big, &dev->parent, &card_ops, c, "card-big", 0x100000);
    pci_register_bar(dev, 0, 0x8, &c->mem);
    pci_register_bar(dev, 1, 0x1, &c->io);
    pci_register_bar(dev, 2, 0x4, &c->big);
    return true;
}

static void card_unrealize(Device *dev)
{
    Card *c = container_of(dev, Card, parent.parent);
    MemoryRegion *const regions[] = { &c->mem, &c->io, &c->big };

    for (unsigned i = 0; i < ARRAY_SIZE(regions); i++) {
        memory_region_destroy(regions[i]);
    }
}

static const VMStateDescription card_vmstate = {
    .name = "card", .version = 1, .min_version = 1,
    .fields = (const VMStateField[]) { VMSTATE_STRUCT(parent, Card, vmstate_pci_device), VMSTATE_END },
};

static const PciDeviceClass card_class = {
    .vendor = 0x1234, .device = 0x5678, .class_id = 0xff00, .int_pin = 1, .realize = card_realize,
};

static const DeviceType card_type = {
    .name = "card", .bus = BUS_PCI, .user_creatable = true, .instance_size = sizeof(Card),
    .vmstate = &card_vmstate, .unrealize = card_unrealize, .class_data = &card_class,
};
DEVICE_TYPE(card_type)

/* ---- the machine ------------------------------------------------------------------------------------------------ */

static MachineOptions options = { .ram_size = 16 * MiB };
static PcState pc = { .opts = &options };
static PciDevice *card;         /* 02.0 */
static int gsi_level[24];

static void set_gsi(void *opaque, int n, int level)
{
    gsi_level[n] = level;
}

static void machine_new(void)
{
    memory_init();
    pc.gsi = irq_new_array(set_gsi, NULL, 24);
    pc.rtc = (Device *)&pc;     /* never looked into */
    memory_region_init_ram(&pc.ram, NULL, "pc.ram", 16 * MiB, &error_abort);
    memory_region_init_alias(&pc.ram_low, NULL, "ram-below-4g", &pc.ram, 0, 16 * MiB);
    memory_region_add(get_system_memory(), 0, &pc.ram_low, 0);
    g_assert_true(i440fx_init(&pc, &error_abort));
    g_assert_true(piix3_init(&pc, &error_abort));
    g_assert_true(piix4_pm_init(&pc, &error_abort));
    card = pci_new("card", -1);
    g_assert_true(pci_realize(card, pc.bus, &error_abort));
    device_reset_all();
}

static void setup(void)
{
    pci_config_write(pc.i440fx, 0x59, 0, 4);
    pci_config_write(pc.i440fx, 0x5d, 0, 3);
    device_reset_all();
    n_resets = n_shutdowns = n_suspends = n_smis = 0;
}

static uint32_t cf8(unsigned dev, unsigned fn, unsigned reg)
{
    return 0x80000000u | dev << 11 | fn << 8 | (reg & 0xfc);
}

static uint32_t conf_in(unsigned dev, unsigned fn, unsigned reg, unsigned size)
{
    port_out(0xcf8, cf8(dev, fn, reg), 4);
    return port_in(0xcfc + (reg & 3), size);
}

static void conf_out(unsigned dev, unsigned fn, unsigned reg, uint32_t val, unsigned size)
{
    port_out(0xcf8, cf8(dev, fn, reg), 4);
    port_out(0xcfc + (reg & 3), val, size);
}

/* ---- configuration space ---------------------------------------------------------------------------------------- */

static void test_mechanism_1_needs_doublewords_and_the_enable_bit(void)
{
    setup();
    g_assert_cmphex(conf_in(0, 0, 0, 4), ==, 0x12378086);
    g_assert_cmphex(port_in(0xcf8, 4), ==, cf8(0, 0, 0));
    port_out(0xcf8, 0, 1);
    port_out(0xcf8, 0, 2);
    g_assert_cmphex(port_in(0xcf8, 4), ==, cf8(0, 0, 0));
    port_out(0xcf8, 0, 4);
    g_assert_cmphex(port_in(0xcfc, 4), ==, 0xffffffff);
    g_assert_cmphex(conf_in(31, 0, 0, 4), ==, 0xffffffff);
    g_assert_cmphex(conf_in(0, 0, 2, 2), ==, 0x1237);
    g_assert_cmphex(conf_in(0, 0, 3, 1), ==, 0x12);
}

static void test_reset_values_are_the_boards(void)
{
    static const struct { uint8_t dev, fn, reg; uint32_t val; } rows[] = {
        { 0, 0, 0x00, 0x12378086 }, { 0, 0, 0x04, 0x00000000 }, { 0, 0, 0x08, 0x06000002 }, { 0, 0, 0x2c, 0x11001af4 },
        { 0, 0, 0x54, 0x02000000 }, { 0, 0, 0x70, 0x00020000 },
        { 1, 0, 0x00, 0x70008086 }, { 1, 0, 0x04, 0x02000000 }, { 1, 0, 0x08, 0x06010000 }, { 1, 0, 0x0c, 0x00800000 },
        { 1, 0, 0x4c, 0x0003004d }, { 1, 0, 0x60, 0x80808080 }, { 1, 0, 0x68, 0x00000200 }, { 1, 0, 0x74, 0x0c0c0000 },
        { 1, 0, 0xa0, 0x00000008 }, { 1, 0, 0xa8, 0x0000000f },
        { 1, 3, 0x00, 0x71138086 }, { 1, 3, 0x04, 0x02800000 }, { 1, 3, 0x08, 0x06800003 }, { 1, 3, 0x3c, 0x00000100 },
        { 1, 3, 0x40, 0x00000001 }, { 1, 3, 0x5c, 0x10000000 }, { 1, 3, 0x60, 0x60000000 }, { 1, 3, 0x90, 0x0000b101 },
        { 1, 3, 0xd0, 0x00090000 },
    };

    setup();
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        g_test_message("%u.%u register %x", rows[i].dev, rows[i].fn, rows[i].reg);
        g_assert_cmphex(conf_in(rows[i].dev, rows[i].fn, rows[i].reg, 4), ==, rows[i].val);
    }
}

static void test_readonly_bits_ignore_writes(void)
{
    setup();
    conf_out(2, 0, 0x00, 0, 4);
    g_assert_cmphex(conf_in(2, 0, 0x00, 4), ==, 0x56781234);
    conf_out(2, 0, 0x04, 0xffff, 2);
    g_assert_cmphex(conf_in(2, 0, 0x04, 2), ==, 0x0507);
    conf_out(2, 0, 0x0c, 0xffffffff, 4);
    g_assert_cmphex(conf_in(2, 0, 0x0c, 4), ==, 0x000000ff);
    conf_out(2, 0, 0x3c, 0xffffffff, 4);
    g_assert_cmphex(conf_in(2, 0, 0x3c, 4), ==, 0x000001ff);
    conf_out(2, 0, 0x04, 0, 2);
}

/* ---- BARs ------------------------------------------------------------------------------------------------------- */

static void test_all_ones_size_a_bar(void)
{
    static const uint32_t sizes[] = { 0xfffff008, 0xffffffe1, 0xfff00004, 0xffffffff, 0 };

    setup();
    for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
        conf_out(2, 0, 0x10 + 4 * i, 0xffffffff, 4);
        g_assert_cmphex(conf_in(2, 0, 0x10 + 4 * i, 4), ==, sizes[i]);
    }
}

static void test_bar_answers_only_when_enabled(void)
{
    setup();
    conf_out(2, 0, 0x10, 0xe0000000, 4);
    conf_out(2, 0, 0x14, 0xc000, 4);
    conf_out(2, 0, 0x18, 0, 4);
    conf_out(2, 0, 0x1c, 0x80, 4);
    g_assert_cmphex(ldub_phys(address_space_memory, 0xe0000000), ==, 0);
    g_assert_cmphex(port_in(0xc000, 1), ==, 0xff);
    conf_out(2, 0, 0x04, PCI_COMMAND_MEMORY, 2);
    g_assert_cmphex(ldub_phys(address_space_memory, 0xe0000fff), ==, 0x5a);
    g_assert_cmphex(ldub_phys(address_space_memory, 0x80000fffffull), ==, 0x5a);
    g_assert_cmphex(port_in(0xc000, 1), ==, 0xff);
    conf_out(2, 0, 0x04, PCI_COMMAND_IO, 2);
    g_assert_cmphex(ldub_phys(address_space_memory, 0xe0000000), ==, 0);
    g_assert_cmphex(port_in(0xc01f, 1), ==, 0x5a);
    conf_out(2, 0, 0x14, 0xd000, 4);
    g_assert_cmphex(port_in(0xc000, 1), ==, 0xff);
    g_assert_cmphex(port_in(0xd000, 1), ==, 0x5a);
    device_reset_all();
    g_assert_cmphex(port_in(0xd000, 1), ==, 0xff);
    g_assert_cmphex(conf_in(2, 0, 0x14, 4), ==, 1);
}

/* Who sizes a BAR while the card decodes gets no card over the firmware's chip meanwhile. */
static void test_bars_are_nowhere_while_they_are_sized(void)
{
    MemoryRegion *top;

    setup();
    top = address_space_resolve(address_space_memory, 0xfffff000).mr;
    conf_out(2, 0, 0x10, 0xe0000000, 4);
    conf_out(2, 0, 0x14, 0xc000, 4);
    conf_out(2, 0, 0x04, PCI_COMMAND_MEMORY | PCI_COMMAND_IO, 2);
    conf_out(2, 0, 0x10, 0xffffffff, 4);
    conf_out(2, 0, 0x14, 0xffffffff, 4);
    g_assert_true(address_space_resolve(address_space_memory, 0xfffff000).mr == top);
    g_assert_cmphex(ldub_phys(address_space_memory, 0xe0000000), ==, 0);
    g_assert_cmphex(port_in(0xffe0, 1), ==, 0xff);
    conf_out(2, 0, 0x14, 0x1c000, 4);                   /* beyond the last port */
    g_assert_cmphex(port_in(0xc000, 1), ==, 0xff);
    conf_out(2, 0, 0x10, 0xe0000000, 4);
    conf_out(2, 0, 0x14, 0xc000, 4);
    g_assert_cmphex(ldub_phys(address_space_memory, 0xe0000000), ==, 0x5a);
    g_assert_cmphex(port_in(0xc000, 1), ==, 0x5a);
}

static void test_bars_follow_each_write_of_a_part(void)
{
    setup();
    conf_out(2, 0, 0x04, PCI_COMMAND_MEMORY, 2);
    conf_out(2, 0, 0x13, 0xe0, 1);
    g_assert_cmphex(ldub_phys(address_space_memory, 0xe0000000), ==, 0x5a);
    conf_out(2, 0, 0x11, 0x2f, 1);                      /* bits below the size stay 0 */
    g_assert_cmphex(conf_in(2, 0, 0x10, 4), ==, 0xe0002008);
    g_assert_cmphex(ldub_phys(address_space_memory, 0xe0002000), ==, 0x5a);
    g_assert_cmphex(ldub_phys(address_space_memory, 0xe0000000), ==, 0);
    conf_out(2, 0, 0x18, 0xd0000000, 4);                /* lower half: below 4 GiB until the upper one follows */
    g_assert_cmphex(ldub_phys(address_space_memory, 0xd0000000), ==, 0x5a);
    conf_out(2, 0, 0x1c, 1, 4);
    g_assert_cmphex(ldub_phys(address_space_memory, 0xd0000000), ==, 0);
    g_assert_cmphex(ldub_phys(address_space_memory, 0x1d0000000ull), ==, 0x5a);
}

static void test_a_bar_comes_back_from_under_another(void)
{
    Card *c = container_of(card, Card, parent), *other;
    PciDevice *dev = pci_new("card", 9 << 3);

    setup();
    g_assert_true(pci_realize(dev, pc.bus, &error_abort));
    other = container_of(dev, Card, parent);
    conf_out(2, 0, 0x10, 0xe0000000, 4);
    conf_out(2, 0, 0x04, PCI_COMMAND_MEMORY, 2);
    conf_out(9, 0, 0x10, 0xe0000000, 4);
    conf_out(9, 0, 0x18, 0xe0000000, 4);                /* its second one covers the first of both */
    conf_out(9, 0, 0x04, PCI_COMMAND_MEMORY, 2);
    g_assert_true(address_space_resolve(address_space_memory, 0xe0000000).mr == &other->big);
    conf_out(9, 0, 0x18, 0xe0100000, 4);
    g_assert_true(address_space_resolve(address_space_memory, 0xe0000000).mr == &other->mem);
    conf_out(9, 0, 0x04, 0, 2);
    g_assert_true(address_space_resolve(address_space_memory, 0xe0000000).mr == &c->mem);
    conf_out(9, 0, 0x04, PCI_COMMAND_MEMORY, 2);
    device_unref(&dev->parent);
    g_assert_true(address_space_resolve(address_space_memory, 0xe0000000).mr == &c->mem);
}

static void test_dma_needs_bus_mastering(void)
{
    uint32_t val = 0x11223344;

    setup();
    stl_phys(address_space_memory, 0x1000, 0);
    g_assert_cmpint(pci_dma_write(card, 0x1000, &val, 4), ==, MEMTX_ERROR);
    g_assert_cmphex(ldl_phys(address_space_memory, 0x1000), ==, 0);
    conf_out(2, 0, 0x04, PCI_COMMAND_MASTER, 2);
    g_assert_cmpint(pci_dma_write(card, 0x1000, &val, 4), ==, MEMTX_OK);
    g_assert_cmphex(ldl_phys(address_space_memory, 0x1000), ==, 0x11223344);
}

/* ---- interrupts ------------------------------------------------------------------------------------------------- */

static void test_pirq_reaches_the_line_it_is_routed_to(void)
{
    setup();
    pci_set_irq(card, 1);           /* slot 2 pin A: PIRQB */
    g_assert_cmpint(gsi_level[11], ==, 0);
    conf_out(1, 0, 0x61, 11, 1);
    g_assert_cmpint(gsi_level[11], ==, 1);
    g_assert_cmphex(conf_in(2, 0, 0x06, 2) & PCI_STATUS_INTERRUPT, ==, PCI_STATUS_INTERRUPT);
    conf_out(1, 0, 0x61, 10, 1);
    g_assert_cmpint(gsi_level[11], ==, 0);
    g_assert_cmpint(gsi_level[10], ==, 1);
    conf_out(2, 0, 0x04, PCI_COMMAND_INTX_DISABLE, 2);
    g_assert_cmpint(gsi_level[10], ==, 0);
    conf_out(2, 0, 0x04, 0, 2);
    g_assert_cmpint(gsi_level[10], ==, 1);
    conf_out(1, 0, 0x61, 0x8a, 1);
    g_assert_cmpint(gsi_level[10], ==, 0);
    pci_set_irq(card, 0);
}

static void test_sci_and_pirq_share_line_9(void)
{
    setup();
    conf_out(1, 0, 0x61, 9, 1);
    pci_set_irq(card, 1);
    port_out(0xb2, 0xf1, 1);
    port_out(0xafe2, 1, 1);
    piix4_pm_gpe(&pc.piix4_pm->parent, 0);
    pci_set_irq(card, 0);
    g_assert_cmpint(gsi_level[9], ==, 1);
    port_out(0xafe0, 1, 1);
    g_assert_cmpint(gsi_level[9], ==, 0);
}

static void test_reset_control_resets_on_bit_2(void)
{
    setup();
    port_out(0xcf9, 0xf1, 1);
    g_assert_cmphex(port_in(0xcf9, 1), ==, 0);
    port_out(0xcf9, 0x02, 1);
    g_assert_cmphex(port_in(0xcf9, 1), ==, 2);
    g_assert_cmpuint(n_resets, ==, 0);
    port_out(0xcf9, 0x06, 1);
    g_assert_cmpuint(n_resets, ==, 1);
}

/* ---- PAM and SMRAM ---------------------------------------------------------------------------------------------- */

static void test_pam_moves_between_pci_and_ram(void)
{
    setup();
    stl_phys(address_space_memory, 0xc8000, 0x1234);        /* PCI: nobody */
    g_assert_cmphex(ldl_phys(address_space_memory, 0xc8000), ==, 0);
    conf_out(0, 0, 0x5b, 0x03, 1);
    stl_phys(address_space_memory, 0xc8000, 0x1234);
    g_assert_cmphex(ldl_phys(address_space_memory, 0xc8000), ==, 0x1234);
    g_assert_cmphex(ldl_phys(address_space_memory, 0xcc000), ==, 0);
    conf_out(0, 0, 0x5b, 0x01, 1);
    stl_phys(address_space_memory, 0xc8000, 0x5678);
    g_assert_cmphex(ldl_phys(address_space_memory, 0xc8000), ==, 0x1234);
    conf_out(0, 0, 0x59, 0x30, 1);
    stl_phys(address_space_memory, 0xffffc, 0x9abc);
    g_assert_cmphex(ldl_phys(address_space_memory, 0xffffc), ==, 0x9abc);
    device_reset_all();                                     /* the shadow survives */
    g_assert_cmphex(ldl_phys(address_space_memory, 0xc8000), ==, 0x1234);
    conf_out(0, 0, 0x5b, 0x00, 1);
    g_assert_cmphex(ldl_phys(address_space_memory, 0xc8000), ==, 0);
}

static void test_smram_opens_for_all_or_for_smm(void)
{
    setup();
    conf_out(0, 0, 0x72, 0x4a, 1);
    stl_phys(address_space_memory, 0xa8000, 0xcafe);
    g_assert_cmphex(ldl_phys(address_space_memory, 0xa8000), ==, 0xcafe);
    conf_out(0, 0, 0x72, 0x0a, 1);
    g_assert_cmphex(ldl_phys(address_space_memory, 0xa8000), ==, 0);
    g_assert_cmphex(ldl_phys(address_space_smm, 0xa8000), ==, 0xcafe);
    g_assert_cmphex(ldl_phys(address_space_smm, 0x1000), ==, ldl_phys(address_space_memory, 0x1000));
    conf_out(0, 0, 0x72, 0x02, 1);
    g_assert_cmphex(ldl_phys(address_space_smm, 0xa8000), ==, 0);
    conf_out(0, 0, 0x72, 0x5a, 1);          /* locked: closed, and no way back but a reset */
    g_assert_cmphex(conf_in(0, 0, 0x72, 1), ==, 0x1a);
    conf_out(0, 0, 0x72, 0x4a, 1);
    g_assert_cmphex(conf_in(0, 0, 0x72, 1), ==, 0x1a);
    device_reset_all();
    conf_out(0, 0, 0x72, 0x02, 1);
    g_assert_cmphex(conf_in(0, 0, 0x72, 1), ==, 0x02);
}

/* ---- power management ------------------------------------------------------------------------------------------- */

static void enable_pm(void)
{
    setup();
    conf_out(1, 3, 0x40, 0x601, 4);
    conf_out(1, 3, 0x80, 1, 1);
}

static void test_pm_ports_hide_until_base_and_enable(void)
{
    setup();
    conf_out(1, 3, 0x40, 1, 4);
    conf_out(1, 3, 0x80, 1, 1);
    g_assert_cmphex(port_in(0x604, 2), ==, 0xffff);
    enable_pm();
    g_assert_cmphex(port_in(0x604, 2), ==, 0);
    g_assert_cmphex(port_in(0x606, 2), ==, 0xffff);
    g_assert_cmphex(port_in(0x60c, 4), ==, 0xffffffff);
    device_reset_all();
    g_assert_cmphex(port_in(0x604, 2), ==, 0xffff);
    g_assert_cmphex(conf_in(1, 3, 0x40, 4), ==, 0x601);
}

static void test_pm_timer_follows_the_clock(void)
{
    enable_pm();
    clock_vm_set(0);
    g_assert_cmphex(port_in(0x608, 4), ==, 0);
    clock_vm_set(NANOSECONDS_PER_SECOND);
    g_assert_cmphex(port_in(0x608, 4), ==, 3579545);
    clock_vm_set(10 * NANOSECONDS_PER_SECOND);
    g_assert_cmphex(port_in(0x608, 4), ==, 35795450 & 0xffffff);
    g_assert_cmphex(port_in(0x609, 1), ==, 35795450 >> 8 & 0xff);
}

static void test_timer_status_comes_back_with_the_carry(void)
{
    enable_pm();
    clock_vm_set(0);
    port_out(0x600, 0xffff, 2);
    g_assert_cmphex(port_in(0x600, 2), ==, 0);
    clock_vm_set(2343000000);               /* bit 23 flips after 2.3435 s */
    g_assert_cmphex(port_in(0x600, 2), ==, 0);
    clock_vm_set(2344000000);
    g_assert_cmphex(port_in(0x600, 2), ==, 1);
    g_assert_cmpint(gsi_level[9], ==, 0);
    port_out(0xb2, 0xf1, 1);
    port_out(0x602, 1, 2);
    g_assert_cmpint(gsi_level[9], ==, 1);
    port_out(0x600, 1, 2);
    g_assert_cmpint(gsi_level[9], ==, 0);
}

static void test_power_button_raises_sci_when_enabled(void)
{
    enable_pm();
    port_out(0xb2, 0xf1, 1);
    g_assert_cmphex(port_in(0x604, 2), ==, 1);
    piix4_pm_power_button(&pc.piix4_pm->parent);
    g_assert_cmpint(gsi_level[9], ==, 0);
    port_out(0x603, 1, 1);                  /* a byte access is as good */
    g_assert_cmpint(gsi_level[9], ==, 1);
    port_out(0xb2, 0xf0, 1);
    g_assert_cmpint(gsi_level[9], ==, 0);
}

static void test_sleep_types_do_what_the_tables_say(void)
{
    enable_pm();
    port_out(0x604, 0x2000, 2);
    g_assert_cmpuint(n_shutdowns, ==, 1);
    port_out(0x604, 0x2800, 2);
    g_assert_cmpuint(n_shutdowns, ==, 2);
    port_out(0x604, 0x3400, 2);
    port_out(0x604, 0x1c00, 2);
    g_assert_cmpuint(n_shutdowns + n_suspends, ==, 2);
    port_out(0x604, 0x2400, 2);
    g_assert_cmpuint(n_suspends, ==, 1);
    g_assert_cmphex(cmos_addr, ==, 0x0f);
    g_assert_cmphex(cmos_val, ==, 0xfe);
    port_out(0x604, 0xdfff, 2);
    g_assert_cmphex(port_in(0x604, 2), ==, 0x1fff);
    waking = true;
    device_reset_all();
    waking = false;
    conf_out(1, 3, 0x80, 1, 1);
    g_assert_cmphex(port_in(0x600, 2), ==, 0x8001);
}

static void test_command_port_makes_smi_when_enabled(void)
{
    setup();
    port_out(0xb3, 0x5a, 1);
    port_out(0xb2, 0xb5, 1);
    g_assert_cmphex(port_in(0xb2, 2), ==, 0x5ab5);
    g_assert_cmpuint(n_smis, ==, 0);
    conf_out(1, 3, 0x58, 0x02000000, 4);
    port_out(0xb2, 0, 1);
    g_assert_cmpuint(n_smis, ==, 1);
    device_reset_all();
    port_out(0xb2, 0, 1);
    g_assert_cmpuint(n_smis, ==, 1);
}

static void test_gpe_block_clears_by_writing_ones(void)
{
    setup();
    g_assert_cmphex(port_in(0xafe0, 4), ==, 0);
    port_out(0xafe0, 0xffffffff, 4);
    g_assert_cmphex(port_in(0xafe0, 4), ==, 0xffff0000);
}

static void test_absent_smbus_address_is_a_device_error(void)
{
    setup();
    g_assert_cmphex(port_in(0xb10d, 1), ==, 0x02);
    conf_out(1, 3, 0x90, 0x701, 4);
    g_assert_cmphex(port_in(0xb10d, 1), ==, 0xff);
    port_out(0x704, 0x42, 1);
    port_out(0x702, 0x48, 1);
    g_assert_cmphex(port_in(0x700, 1), ==, 0x01);
    g_assert_cmphex(port_in(0x700, 1), ==, 0x04);
    port_out(0x700, 0x04, 1);
    g_assert_cmphex(port_in(0x700, 1), ==, 0x00);
    g_assert_cmpint(gsi_level[9], ==, 0);
    port_out(0x702, 0x49, 1);
    g_assert_cmpint(gsi_level[9], ==, 1);
    port_out(0x700, 0xff, 1);
    g_assert_cmpint(gsi_level[9], ==, 0);
}

/* ---- slots, snapshots, print ------------------------------------------------------------------------------------ */

static void assert_addr_error(const char *addr, const char *message)
{
    PciDevice *dev = pci_new("card", -1);
    Error *err = NULL;

    if (device_set_prop(&dev->parent, "addr", addr, &err)) {
        g_assert_false(device_realize(&dev->parent, NULL, &err));
    }
    g_assert_cmpstr(error_get_message(err), ==, message);
    error_free(err);
    device_unref(&dev->parent);
}

static void test_addr_property_names_slot_and_function(void)
{
    PciDevice *dev = pci_new("card", -1);

    g_assert_true(device_set_prop(&dev->parent, "addr", "1f.7", &error_abort));
    g_assert_true(device_realize(&dev->parent, NULL, &error_abort));
    g_assert_cmphex(conf_in(31, 7, 0, 4), ==, 0x56781234);
    device_unref(&dev->parent);
    g_assert_cmphex(conf_in(31, 7, 0, 4), ==, 0xffffffff);
    assert_addr_error("40", "Property 'card.addr' doesn't take value '40'");
    assert_addr_error("2.8", "Property 'card.addr' doesn't take value '2.8'");
    assert_addr_error("x", "Property 'card.addr' doesn't take value 'x'");
    assert_addr_error("2", "PCI: slot 2 function 0 not available for card, in use by card,id=(null)");
}

static GByteArray *snapshot;
static size_t snapshot_pos;

static void save_one(const VMStateDescription *d, int instance, void *obj, void *opaque)
{
    vmstate_save(snapshot, d, obj);
}

static void load_one(const VMStateDescription *d, int instance, void *obj, void *opaque)
{
    snapshot_pos += vmstate_load(snapshot->data + snapshot_pos, snapshot->len - snapshot_pos, d, obj, &error_abort);
}

static void test_state_survives_a_snapshot(void)
{
    enable_pm();
    conf_out(0, 0, 0x5b, 0x03, 1);
    conf_out(0, 0, 0x72, 0x0a, 1);
    conf_out(1, 0, 0x61, 11, 1);
    conf_out(2, 0, 0x14, 0xc000, 4);
    conf_out(2, 0, 0x04, PCI_COMMAND_IO, 2);
    port_out(0x602, 0x100, 2);
    pci_set_irq(card, 1);
    port_out(0xcf8, 0x80001234, 4);
    snapshot = g_byte_array_new();
    vmstate_foreach(save_one, NULL);

    setup();
    g_assert_cmpint(gsi_level[11], ==, 0);
    vmstate_foreach(load_one, NULL);
    g_assert_cmpuint(snapshot_pos, ==, snapshot->len);
    g_assert_cmphex(port_in(0xcf8, 4), ==, 0x80001234);
    g_assert_cmpint(gsi_level[11], ==, 1);
    g_assert_cmphex(port_in(0xc000, 1), ==, 0x5a);
    g_assert_cmphex(port_in(0x602, 2), ==, 0x100);
    stl_phys(address_space_memory, 0xc8000, 0x4321);
    g_assert_cmphex(ldl_phys(address_space_memory, 0xc8000), ==, 0x4321);
    pci_set_irq(card, 0);
    g_assert_cmpint(gsi_level[11], ==, 0);
    g_byte_array_unref(snapshot);
}

static void test_info_pci_prints_functions(void)
{
    g_autoptr(GString) out = g_string_new(NULL);

    setup();
    pci_print(out);
    g_assert_true(g_str_has_prefix(out->str, "  Bus  0, device   0, function 0:\n"
                                   "    Host bridge: PCI device 8086:1237\n      PCI subsystem 1af4:1100\n"
                                   "      id \"\"\n"));
    g_assert_nonnull(strstr(out->str, "      BAR1: I/O at 0xffffffffffffffff [0x001e].\n"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    big_lock();
    machine_new();
#define ADD(fn) g_test_add_func("/pci/" #fn, fn)
    ADD(test_mechanism_1_needs_doublewords_and_the_enable_bit);
    ADD(test_reset_values_are_the_boards);
    ADD(test_readonly_bits_ignore_writes);
    ADD(test_all_ones_size_a_bar);
    ADD(test_bar_answers_only_when_enabled);
    ADD(test_bars_are_nowhere_while_they_are_sized);
    ADD(test_bars_follow_each_write_of_a_part);
    ADD(test_a_bar_comes_back_from_under_another);
    ADD(test_dma_needs_bus_mastering);
    ADD(test_pirq_reaches_the_line_it_is_routed_to);
    ADD(test_sci_and_pirq_share_line_9);
    ADD(test_reset_control_resets_on_bit_2);
    ADD(test_pam_moves_between_pci_and_ram);
    ADD(test_smram_opens_for_all_or_for_smm);
    ADD(test_pm_ports_hide_until_base_and_enable);
    ADD(test_pm_timer_follows_the_clock);
    ADD(test_timer_status_comes_back_with_the_carry);
    ADD(test_power_button_raises_sci_when_enabled);
    ADD(test_sleep_types_do_what_the_tables_say);
    ADD(test_command_port_makes_smi_when_enabled);
    ADD(test_gpe_block_clears_by_writing_ones);
    ADD(test_absent_smbus_address_is_a_device_error);
    ADD(test_addr_property_names_slot_and_function);
    ADD(test_state_survives_a_snapshot);
    ADD(test_info_pci_prints_functions);
    return g_test_run();
}
