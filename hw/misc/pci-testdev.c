/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pci-testdev: what hypervisor unit tests (kvm-unit-tests) measure accesses to a card with (1B36:0005). No real chip.
 *
 *   BAR 0  4 KiB of memory, BAR 1  256 ports; BAR 2, with membar=SIZE, memory that ignores writes and reads as 0
 *
 * Writing a number to byte 0 of either BAR selects a test of that kind of access; both BARs then show its header:
 *
 *   +00 test (8 bits; those of I/O are 3 to 5)   +01 width of the access
 *   +04 offset where to write   +08 what to write   +0c hits   +10 name, ends with 0
 *
 * Test 0 counts the writes of that byte to that offset, of either BAR; wider writes are taken as their bytes. Tests 1
 * and 2 are about writes that a hypervisor turns into events of the host without asking the device: all that start at
 * the offset, and those of the one value in one byte. They are not counted here either; nothing waits for the events.
 */
#include "qemu/osdep.h"
#include "hw/pci/pci.h"
#include "qemu/bitops.h"
#include "trace/hw-misc.h"

#define MEM_SIZE        0x1000u
#define IO_SIZE         0x100u
#define MEM_OFFSET      0x800u      /* of test 0; test n: + n */
#define IO_OFFSET       0x83u
#define NO_TEST         0xffu       /* the header reads as 0 */

enum { HDR_TEST = 0, HDR_WIDTH = 1, HDR_OFFSET = 4, HDR_DATA = 8, HDR_COUNT = 12, HDR_NAME = 16, HDR_SIZE = 44 };

typedef enum Absorbs { ABSORBS_NOTHING, ABSORBS_ALL, ABSORBS_MATCH } Absorbs;

static const struct {
    const char *name;           /* behind "mmio-" or "portio-" */
    uint8_t data;
    Absorbs absorbs;            /* writes that become events */
} tests[] = {
    { "no-eventfd", 0xfa, ABSORBS_NOTHING },
    { "wildcard-eventfd", 0xce, ABSORBS_ALL },
    { "datamatch-eventfd", 0xfa, ABSORBS_MATCH },
};

typedef struct PciTestdev {
    PciDevice parent;
    MemoryRegion mem, io, extra;
    uint64_t membar;            /* property */
    uint8_t test;               /* NO_TEST: none */
    bool test_is_io;
    uint32_t count;
} PciTestdev;

static uint32_t offset_of(const PciTestdev *s)
{
    return (s->test_is_io ? IO_OFFSET : MEM_OFFSET) + s->test;
}

static void fill_header(const PciTestdev *s, uint8_t *hdr)
{
    memset(hdr, 0, HDR_SIZE);
    if (s->test == NO_TEST) {
        return;
    }
    hdr[HDR_TEST] = s->test + (s->test_is_io ? ARRAY_SIZE(tests) : 0);
    hdr[HDR_WIDTH] = 1;
    store_le32(hdr + HDR_OFFSET, offset_of(s));
    store_le32(hdr + HDR_DATA, tests[s->test].data);
    store_le32(hdr + HDR_COUNT, s->count);
    snprintf((char *)hdr + HDR_NAME, HDR_SIZE - HDR_NAME, "%s-%s", s->test_is_io ? "portio" : "mmio",
             tests[s->test].name);
}

static uint64_t header_read(void *opaque, hwaddr addr, unsigned size)
{
    uint8_t hdr[HDR_SIZE];
    uint64_t val = 0;

    fill_header(opaque, hdr);
    for (unsigned i = 0; i < size && addr + i < HDR_SIZE; i++) {
        val |= (uint64_t)hdr[addr + i] << (8 * i);
    }
    return val;
}

static void test_select(PciTestdev *s, bool io, uint8_t test)
{
    s->test = test < ARRAY_SIZE(tests) ? test : NO_TEST;
    s->test_is_io = io && s->test != NO_TEST;
    s->count = 0;
    trace_pci_testdev_select(io, test);
}

static bool is_absorbed(const PciTestdev *s, hwaddr addr, uint64_t val, unsigned size)
{
    Absorbs kind = tests[s->test].absorbs;

    return addr == offset_of(s) &&
           (kind == ABSORBS_ALL || (kind == ABSORBS_MATCH && size == 1 && val == tests[s->test].data));
}

static void byte_write(PciTestdev *s, bool io, hwaddr addr, uint8_t val)
{
    if (addr == HDR_TEST) {
        test_select(s, io, val);
    } else if (s->test != NO_TEST && addr == offset_of(s) &&
               (tests[s->test].absorbs == ABSORBS_ALL || val == tests[s->test].data)) {
        s->count++;
        trace_pci_testdev_hit(s->count);
    }
}

static void write_common(PciTestdev *s, bool io, hwaddr addr, uint64_t val, unsigned size)
{
    if (s->test != NO_TEST && s->test_is_io == io && is_absorbed(s, addr, val, size)) {
        return;
    }
    for (unsigned i = 0; i < size; i++) {
        byte_write(s, io, addr + i, val >> (8 * i));
    }
}

static void mem_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    write_common(opaque, false, addr, val, size);
}

static void io_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    write_common(opaque, true, addr, val, size);
}

static uint64_t extra_read(void *opaque, hwaddr addr, unsigned size)
{
    return 0;
}

static void extra_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
}

static const MemoryRegionOps mem_ops = { .read = header_read, .write = mem_write, .size = { .min = 1, .max = 4 } };
static const MemoryRegionOps io_ops = { .read = header_read, .write = io_write, .size = { .min = 1, .max = 4 } };
static const MemoryRegionOps extra_ops = { .read = extra_read, .write = extra_write, .size = { .min = 1, .max = 8 } };

static bool testdev_realize(PciDevice *dev, Error **errp)
{
    PciTestdev *s = container_of(dev, PciTestdev, parent);

    if (s->membar && (!is_power_of_2(s->membar) || s->membar < 16)) {
        error_set(errp, "pci-testdev: the size of a BAR is a power of two of at least 16 bytes, not membar=%" PRIu64,
                  s->membar);
        return false;
    }
    memory_region_init_io(&s->mem, &dev->parent, &mem_ops, s, "pci-testdev-mmio", MEM_SIZE);
    memory_region_init_io(&s->io, &dev->parent, &io_ops, s, "pci-testdev-portio", IO_SIZE);
    pci_register_bar(dev, 0, 0, &s->mem);
    pci_register_bar(dev, 1, 1, &s->io);
    if (s->membar) {
        memory_region_init_io(&s->extra, &dev->parent, &extra_ops, s, "pci-testdev-membar", s->membar);
        pci_register_bar(dev, 2, 4 | 8, &s->extra);
    }
    return true;
}

static void testdev_unrealize(Device *dev)
{
    PciTestdev *s = container_of(dev, PciTestdev, parent.parent);

    memory_region_destroy(&s->mem);
    memory_region_destroy(&s->io);
    if (s->membar) {
        memory_region_destroy(&s->extra);
    }
}

static void testdev_reset(PciDevice *dev)
{
    PciTestdev *s = container_of(dev, PciTestdev, parent);

    s->test = NO_TEST;
    s->test_is_io = false;
    s->count = 0;
}

static bool testdev_post_load(void *opaque, int version, Error **errp)
{
    const PciTestdev *s = opaque;

    if (s->test != NO_TEST && s->test >= ARRAY_SIZE(tests)) {
        error_set(errp, "pci-testdev has no test %u", s->test);
        return false;
    }
    return true;
}

static const VMStateDescription testdev_vmstate = {
    .name = "pci-testdev", .version = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_STRUCT(parent, PciTestdev, vmstate_pci_device),
        VMSTATE_UINT8(test, PciTestdev),
        VMSTATE_BOOL(test_is_io, PciTestdev),
        VMSTATE_UINT32(count, PciTestdev),
        VMSTATE_END
    },
    .post_load = testdev_post_load,
};

static const PciDeviceClass testdev_class = {
    .vendor = 0x1b36, .device = 0x0005, .class_id = 0x00ff, .realize = testdev_realize, .reset = testdev_reset,
};

static const DeviceType testdev_type = {
    .name = "pci-testdev", .desc = "PCI Test Device", .bus = BUS_PCI, .user_creatable = true,
    .instance_size = sizeof(PciTestdev),
    .props = (const Property[]) { PROP_SIZE("membar", PciTestdev, membar, 0), PROP_END },
    .unrealize = testdev_unrealize, .vmstate = &testdev_vmstate, .class_data = &testdev_class,
};
DEVICE_TYPE(testdev_type)
