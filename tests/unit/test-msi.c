/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt messages: a card with maskable MSI and one with MSI-X, of this test's own; their messages go to RAM, where
 * they can be read. Also option ROMs, functions of a card, the list of capabilities.
 */
#include "qemu/osdep.h"
#include "device-harness.h"
#include "hw/pci/msi.h"
#include "qemu/bitops.h"

#define VECTORS     4
#define XVECTORS    70          /* more than one quadword of pending bits */
#define MAILBOX     0x1000u
#define BAR         0xe0000000u
#define TABLE_AT    0x000u
#define PBA_AT      0x800u
#define MSI_CAP     0x40u
#define MSIX_CAP    0x40u

typedef struct Card {
    PciDevice parent;
    MemoryRegion bar;
    uint8_t entries[XVECTORS * MSIX_ENTRY_SIZE], pending[MSIX_PBA_SIZE(XVECTORS)];
} Card;

static PciDevice *msi, *msix;
static MemoryRegion ram;
static int intx;

/* ---- the cards --------------------------------------------------------------------------------------------------- */

static bool msi_card_realize(PciDevice *dev, Error **errp)
{
    return msi_init(dev, &(MsiLayout) { .vectors = VECTORS, .is_64 = true, .maskable = true }, errp);
}

static bool msix_card_realize(PciDevice *dev, Error **errp)
{
    Card *c = container_of(dev, Card, parent);

    memory_region_init(&c->bar, &dev->parent, "card-bar", 0x1000);
    pci_register_bar(dev, 0, 0, &c->bar);
    return msix_init(dev, &(MsixLayout) { .vectors = XVECTORS, .bar = &c->bar, .table_at = TABLE_AT,
                                          .pba_at = PBA_AT, .entries = c->entries, .pending = c->pending }, errp);
}

static bool greedy_card_realize(PciDevice *dev, Error **errp)
{
    return msi_init(dev, &(MsiLayout) { .vectors = 1, .at = 0xf8 }, errp);
}

static const VMStateDescription msi_card_vmstate = {
    .name = "msi-card", .version = 1,
    .fields = (const VMStateField[]) { VMSTATE_STRUCT(parent, Card, vmstate_pci_device), VMSTATE_END },
};
static const VMStateDescription msix_card_vmstate = {
    .name = "msix-card", .version = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_STRUCT(parent, Card, vmstate_pci_device),
        VMSTATE_BYTES(entries, Card, XVECTORS * MSIX_ENTRY_SIZE),
        VMSTATE_BYTES(pending, Card, MSIX_PBA_SIZE(XVECTORS)),
        VMSTATE_END
    },
};

static const PciDeviceClass msi_class = { .vendor = 0x1234, .device = 1, .int_pin = 1, .realize = msi_card_realize };
static const PciDeviceClass msix_class = { .vendor = 0x1234, .device = 2, .int_pin = 1, .realize = msix_card_realize };
static const PciDeviceClass greedy_class = { .vendor = 0x1234, .device = 3, .realize = greedy_card_realize };

static const DeviceType msi_type = {
    .name = "msi-card", .bus = BUS_PCI, .instance_size = sizeof(Card), .vmstate = &msi_card_vmstate,
    .class_data = &msi_class,
};
static const DeviceType msix_type = {
    .name = "msix-card", .bus = BUS_PCI, .instance_size = sizeof(Card), .vmstate = &msix_card_vmstate,
    .class_data = &msix_class,
};
static const DeviceType greedy_type = {
    .name = "greedy-card", .bus = BUS_PCI, .instance_size = sizeof(Card), .class_data = &greedy_class,
};
DEVICE_TYPE(msi_type)
DEVICE_TYPE(msix_type)
DEVICE_TYPE(greedy_type)

/* ---- helpers ----------------------------------------------------------------------------------------------------- */

static int map_irq(PciDevice *dev, int pin)
{
    return 0;
}

static void set_irq(void *opaque, int pirq, int level)
{
    intx = level;
}

/* What has arrived since the last look; 0: nothing. */
static uint32_t mailbox(unsigned n)
{
    uint32_t v = ldl_phys(address_space_memory, MAILBOX + 4 * n);

    stl_phys(address_space_memory, MAILBOX + 4 * n, 0);
    return v;
}

static void fresh(void)
{
    device_reset_all();
    pci_config_write(msi, PCI_COMMAND, 7, 2);
    pci_config_write(msix, PCI_BAR0, BAR, 4);
    pci_config_write(msix, PCI_COMMAND, 7, 2);
    for (unsigned i = 0; i < XVECTORS; i++) {
        mailbox(i);
    }
}

static void msi_setup(unsigned log2_granted)
{
    fresh();
    pci_config_write(msi, MSI_CAP + 4, MAILBOX | 3, 4);
    pci_config_write(msi, MSI_CAP + 8, 0, 4);
    pci_config_write(msi, MSI_CAP + 12, 0xab53, 2);
    pci_config_write(msi, MSI_CAP + 2, 1 | log2_granted << 4, 2);
}

static void msix_setup(void)
{
    fresh();
    for (unsigned i = 0; i < XVECTORS; i++) {
        stl_phys(address_space_memory, BAR + i * 16, MAILBOX + 4 * i);
        stl_phys(address_space_memory, BAR + i * 16 + 8, 0x10000 + i);
        stl_phys(address_space_memory, BAR + i * 16 + 12, 0);
    }
    pci_config_write(msix, MSIX_CAP + 2, 0x8000, 2);
}

/* Saved, lost by a reset, loaded. */
static void save_and_load(PciDevice *dev)
{
    const VMStateDescription *d = dev->parent.type->vmstate;
    g_autoptr(GByteArray) buf = g_byte_array_new();

    vmstate_save(buf, d, dev);
    device_reset_all();
    g_assert_cmpint(vmstate_load(buf->data, buf->len, d, dev, &error_abort), ==, buf->len);
}

/* ---- MSI --------------------------------------------------------------------------------------------------------- */

static void test_msi_capability_says_what_the_card_can(void)
{
    fresh();
    g_assert_cmphex(pci_config_read(msi, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST, ==, PCI_STATUS_CAP_LIST);
    g_assert_cmphex(pci_config_read(msi, PCI_CAPABILITY_LIST, 1), ==, MSI_CAP);
    g_assert_cmphex(pci_config_read(msi, MSI_CAP, 4), ==, 0x01840005);      /* maskable, 64 bits, 4 vectors */
    pci_config_write(msi, MSI_CAP, 0xffffffff, 4);
    g_assert_cmphex(pci_config_read(msi, MSI_CAP, 4), ==, 0x01f50005);
    pci_config_write(msi, MSI_CAP + 16, 0xffffffff, 4);
    g_assert_cmphex(pci_config_read(msi, MSI_CAP + 16, 4), ==, 0xf);        /* as many masks as vectors */
    pci_config_write(msi, MSI_CAP + 20, 0xffffffff, 4);
    g_assert_cmphex(pci_config_read(msi, MSI_CAP + 20, 4), ==, 0);          /* pending: for reading only */
    fresh();
    g_assert_cmphex(pci_config_read(msi, MSI_CAP, 4), ==, 0x01840005);
}

static void test_msi_tells_vectors_by_the_lowest_bits(void)
{
    msi_setup(2);
    g_assert_cmpuint(msi_vectors(msi), ==, 4);
    msi_notify(msi, 2);
    g_assert_cmphex(mailbox(0), ==, 0xab52);
    msi_notify(msi, 0);
    g_assert_cmphex(mailbox(0), ==, 0xab50);
    msi_setup(0);                       /* one granted: all are that one */
    msi_notify(msi, 3);
    g_assert_cmphex(mailbox(0), ==, 0xab53);
    msi_setup(7);                       /* more than there are */
    g_assert_cmpuint(msi_vectors(msi), ==, 4);
}

static void test_msi_needs_to_be_enabled_and_a_bus_master(void)
{
    msi_setup(2);
    pci_config_write(msi, MSI_CAP + 2, 2 << 4, 2);
    msi_notify(msi, 1);
    g_assert_cmphex(mailbox(0), ==, 0);
    msi_setup(2);
    pci_config_write(msi, PCI_COMMAND, 3, 2);
    msi_notify(msi, 1);
    g_assert_cmphex(mailbox(0), ==, 0);
}

static void test_msi_masked_vectors_wait(void)
{
    msi_setup(2);
    pci_config_write(msi, MSI_CAP + 16, 0x6, 4);
    msi_notify(msi, 1);
    msi_notify(msi, 2);
    msi_notify(msi, 2);
    g_assert_cmphex(mailbox(0), ==, 0);
    g_assert_cmphex(pci_config_read(msi, MSI_CAP + 20, 4), ==, 0x6);
    save_and_load(msi);
    pci_config_write(msi, MSI_CAP + 16, 0x4, 4);
    g_assert_cmphex(mailbox(0), ==, 0xab51);
    g_assert_cmphex(pci_config_read(msi, MSI_CAP + 20, 4), ==, 0x4);
    pci_config_write(msi, MSI_CAP + 16, 0, 4);
    g_assert_cmphex(mailbox(0), ==, 0xab52);
    g_assert_cmphex(pci_config_read(msi, MSI_CAP + 20, 4), ==, 0);
}

static void test_intx_is_silent_while_messages_are_enabled(void)
{
    msi_setup(0);
    pci_set_irq(msi, 1);
    g_assert_cmpint(intx, ==, 0);
    pci_config_write(msi, MSI_CAP + 2, 0, 2);
    g_assert_cmpint(intx, ==, 1);
    pci_config_write(msi, MSI_CAP + 2, 1, 2);
    g_assert_cmpint(intx, ==, 0);
    msix_setup();
    pci_set_irq(msix, 1);
    g_assert_cmpint(intx, ==, 0);
    pci_config_write(msix, MSIX_CAP + 2, 0, 2);
    g_assert_cmpint(intx, ==, 1);
    pci_set_irq(msix, 0);
    g_assert_cmpint(intx, ==, 0);
}

/* ---- MSI-X ------------------------------------------------------------------------------------------------------- */

static void test_msix_capability_says_where_the_table_is(void)
{
    fresh();
    g_assert_cmphex(pci_config_read(msix, MSIX_CAP, 4), ==, (XVECTORS - 1) << 16 | 0x11);
    g_assert_cmphex(pci_config_read(msix, MSIX_CAP + 4, 4), ==, TABLE_AT);
    g_assert_cmphex(pci_config_read(msix, MSIX_CAP + 8, 4), ==, PBA_AT);
    pci_config_write(msix, MSIX_CAP, 0xffffffff, 4);
    g_assert_cmphex(pci_config_read(msix, MSIX_CAP, 4), ==, 0xc0000011 | (XVECTORS - 1) << 16);
    g_assert_cmphex(ldl_phys(address_space_memory, BAR + 12), ==, 1);       /* masked at reset */
}

static void test_msix_sends_what_the_entry_says(void)
{
    msix_setup();
    msix_notify(msix, 69);
    g_assert_cmphex(mailbox(69), ==, 0x10000 + 69);
    pci_config_write(msix, MSIX_CAP + 2, 0, 2);
    msix_notify(msix, 69);
    g_assert_cmphex(mailbox(69), ==, 0);
}

static void test_msix_masked_vectors_wait(void)
{
    msix_setup();
    stl_phys(address_space_memory, BAR + 65 * 16 + 12, 1);
    msix_notify(msix, 65);
    g_assert_cmphex(mailbox(65), ==, 0);
    g_assert_cmphex(ldq_phys(address_space_memory, BAR + PBA_AT + 8), ==, 2);
    stq_phys(address_space_memory, BAR + PBA_AT + 8, 0);                    /* for reading only */
    g_assert_cmphex(ldq_phys(address_space_memory, BAR + PBA_AT + 8), ==, 2);
    save_and_load(msix);
    stl_phys(address_space_memory, BAR + 65 * 16 + 12, 0);
    g_assert_cmphex(mailbox(65), ==, 0x10000 + 65);
    g_assert_cmphex(ldq_phys(address_space_memory, BAR + PBA_AT + 8), ==, 0);
}

static void test_msix_can_be_masked_as_a_whole(void)
{
    msix_setup();
    pci_config_write(msix, MSIX_CAP + 2, 0xc000, 2);
    msix_notify(msix, 3);
    msix_notify(msix, 68);
    g_assert_cmphex(mailbox(3) | mailbox(68), ==, 0);
    pci_config_write(msix, MSIX_CAP + 2, 0x8000, 2);
    g_assert_cmphex(mailbox(3), ==, 0x10003);
    g_assert_cmphex(mailbox(68), ==, 0x10000 + 68);
}

static void test_msix_table_takes_aligned_words_only(void)
{
    msix_setup();
    stb_phys(address_space_memory, BAR, 0x55);
    stw_phys(address_space_memory, BAR + 2, 0x55);
    stl_phys(address_space_memory, BAR + 2, 0x55);
    stq_phys(address_space_memory, BAR + 4, 0x55);
    g_assert_cmphex(ldl_phys(address_space_memory, BAR), ==, MAILBOX);
    g_assert_cmphex(ldub_phys(address_space_memory, BAR), ==, 0xff);
    stq_phys(address_space_memory, BAR + 8, 0x0000000100000077);
    g_assert_cmphex(ldl_phys(address_space_memory, BAR + 8), ==, 0x77);
    g_assert_cmphex(ldl_phys(address_space_memory, BAR + 12), ==, 1);
}

/* ---- states, and the rest of the bus ----------------------------------------------------------------------------- */

static void test_states_of_other_capabilities_are_refused(void)
{
    const VMStateDescription *d = msi->parent.type->vmstate;
    g_autoptr(GByteArray) buf = g_byte_array_new();
    Error *err = NULL;

    msi_setup(0);
    msi->config[MSI_CAP] = 0x11;
    vmstate_save(buf, d, msi);
    msi->config[MSI_CAP] = 0x05;
    g_assert_cmpint(vmstate_load(buf->data, buf->len, d, msi, &err), ==, -1);
    error_free(err);
}

static void check_refused(const char *type, const char *prop, const char *value, const char *why)
{
    PciDevice *dev = pci_new(type, -1);
    Error *err = NULL;

    if (prop) {
        g_assert_true(device_set_prop(&dev->parent, prop, value, &error_abort));
    }
    g_assert_false(pci_realize(dev, pci_root_bus(), &err));
    g_assert_nonnull(strstr(error_get_message(err), why));
    error_free(err);
    device_unref(&dev->parent);
}

static void test_capabilities_need_room(void)
{
    check_refused("greedy-card", NULL, NULL, "no room");
    check_refused("greedy-card", NULL, NULL, "no room");    /* and leave none behind */
}

static void test_option_rom_is_behind_its_bar(void)
{
    static const uint8_t image[3000] = { 0x55, 0xaa, 0x06 };
    g_autofree char *path = g_build_filename(g_get_tmp_dir(), "test-msi-rom-XXXXXX", NULL);
    PciDevice *dev = pci_new("msi-card", -1);
    int fd = g_mkstemp(path);

    g_assert_cmpint(write(fd, image, sizeof(image)), ==, sizeof(image));
    close(fd);
    g_assert_true(device_set_prop(&dev->parent, "romfile", path, &error_abort));
    g_assert_true(pci_realize(dev, pci_root_bus(), &error_abort));
    unlink(path);
    pci_config_write(dev, PCI_ROM_ADDRESS, 0xffffffff, 4);
    g_assert_cmphex(pci_config_read(dev, PCI_ROM_ADDRESS, 4), ==, 0xfffff001);
    pci_config_write(dev, PCI_ROM_ADDRESS, 0xe8000001, 4);
    g_assert_cmphex(lduw_phys(address_space_memory, 0xe8000000), !=, 0xaa55);
    pci_config_write(dev, PCI_COMMAND, 2, 2);
    g_assert_cmphex(lduw_phys(address_space_memory, 0xe8000000), ==, 0xaa55);
    device_unref(&dev->parent);
    g_assert_cmphex(lduw_phys(address_space_memory, 0xe8000000), !=, 0xaa55);
    check_refused("msi-card", "romfile", "/nonexistent/rom", "/nonexistent/rom");
}

static PciDevice *create(const char *type, const char *addr, const char *multifunction)
{
    PciDevice *dev = pci_new(type, -1);

    g_assert_true(device_set_prop(&dev->parent, "addr", addr, &error_abort));
    g_assert_true(device_set_prop(&dev->parent, "multifunction", multifunction, &error_abort));
    g_assert_true(pci_realize(dev, pci_root_bus(), &error_abort));
    return dev;
}

static void test_more_functions_need_the_first_to_say_so(void)
{
    PciDevice *single = create("msi-card", "10", "off"), *first, *second;

    check_refused("msi-card", "addr", "10.1", "single function device can't be populated in function 10.1");
    device_unref(&single->parent);
    second = create("msi-card", "10.1", "off");
    check_refused("msi-card", "addr", "10", "10.0 indicates single function, but 10.1 is already populated");
    first = create("msi-card", "10", "on");
    g_assert_cmphex(pci_config_read(first, PCI_HEADER_TYPE, 1), ==, 0x80);
    device_unref(&first->parent);
    device_unref(&second->parent);
}

int main(int argc, char **argv)
{
    harness_init(&argc, &argv);
    memory_region_init_ram(&ram, NULL, "ram", 1 * MiB, &error_abort);
    memory_region_add(get_system_memory(), 0, &ram, 0);
    pci_root_bus_new(get_system_memory(), get_system_io(), map_irq, set_irq, NULL, 4);
    msi = pci_new("msi-card", -1);
    msix = pci_new("msix-card", -1);
    pci_realize(msi, pci_root_bus(), &error_abort);
    pci_realize(msix, pci_root_bus(), &error_abort);
    g_test_add_func("/msi/capability-says-what-the-card-can", test_msi_capability_says_what_the_card_can);
    g_test_add_func("/msi/tells-vectors-by-the-lowest-bits", test_msi_tells_vectors_by_the_lowest_bits);
    g_test_add_func("/msi/needs-to-be-enabled-and-a-bus-master", test_msi_needs_to_be_enabled_and_a_bus_master);
    g_test_add_func("/msi/masked-vectors-wait", test_msi_masked_vectors_wait);
    g_test_add_func("/msi/intx-is-silent-while-messages-are-enabled", test_intx_is_silent_while_messages_are_enabled);
    g_test_add_func("/msix/capability-says-where-the-table-is", test_msix_capability_says_where_the_table_is);
    g_test_add_func("/msix/sends-what-the-entry-says", test_msix_sends_what_the_entry_says);
    g_test_add_func("/msix/masked-vectors-wait", test_msix_masked_vectors_wait);
    g_test_add_func("/msix/can-be-masked-as-a-whole", test_msix_can_be_masked_as_a_whole);
    g_test_add_func("/msix/table-takes-aligned-words-only", test_msix_table_takes_aligned_words_only);
    g_test_add_func("/pci/states-of-other-capabilities-are-refused", test_states_of_other_capabilities_are_refused);
    g_test_add_func("/pci/capabilities-need-room", test_capabilities_need_room);
    g_test_add_func("/pci/option-rom-is-behind-its-bar", test_option_rom_is_behind_its_bar);
    g_test_add_func("/pci/more-functions-need-the-first-to-say-so", test_more_functions_need_the_first_to_say_so);
    return g_test_run();
}
