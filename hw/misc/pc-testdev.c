/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pc-testdev: what hypervisor unit tests (kvm-unit-tests) use to poke the board from inside. No real chip.
 *
 *   ports E0h-E3h    latch: what was written reads back, 1, 2 or 4 bytes
 *   port  E4h        a write makes every CPU forget the translations it has cached
 *   ports E8h-EBh    the latch again, one byte at a time however wide the access
 *   ports 2000h + n  a write sets interrupt line n to the value's lowest bit, n = 0 to 23
 *   FF000000h        64 KiB of memory behind callbacks, as an emulated device's registers would be
 */
#include "qemu/osdep.h"
#include "hw/i386/pc.h"

#define LATCH_PORT      0xe0
#define FLUSH_PORT      0xe4
#define LATCH_BYTE_PORT 0xe8
#define IRQ_PORT        0x2000
#define IRQ_LINES       24
#define IOMEM_BASE      0xff000000u
#define IOMEM_SIZE      0x10000u
#define FLUSH_ADDR      (IOMEM_BASE - 0x1000u)

typedef struct PcTestdev {
    Device parent;
    MemoryRegion latch_io, latch_byte_io, flush_io, irq_io, iomem, flicker;
    uint32_t latch;
    uint8_t memory[IOMEM_SIZE];
} PcTestdev;

static uint64_t latch_read(void *opaque, hwaddr addr, unsigned size)
{
    return ((PcTestdev *)opaque)->latch >> (8 * addr);
}

static void latch_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    PcTestdev *s = opaque;
    uint32_t mask = (size == 4 ? ~0u : (1u << 8 * size) - 1) << (8 * addr);

    s->latch = (s->latch & ~mask) | (((uint32_t)val << (8 * addr)) & mask);
}

/* A region that comes and goes: each change of topology flushes all TLBs. */
static void flush_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    PcTestdev *s = opaque;

    memory_region_set_enabled(&s->flicker, true);
    memory_region_set_enabled(&s->flicker, false);
}

static void irq_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    irq_set(pc_state.gsi[addr], val & 1);
}

static uint64_t iomem_read(void *opaque, hwaddr addr, unsigned size)
{
    uint64_t val = 0;

    memcpy(&val, ((PcTestdev *)opaque)->memory + addr, size);
    return GUINT64_FROM_LE(val);
}

static void iomem_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    val = GUINT64_TO_LE(val);
    memcpy(((PcTestdev *)opaque)->memory + addr, &val, size);
}

static const MemoryRegionOps latch_ops = {
    .read = latch_read, .write = latch_write, .size = { .min = 1, .max = 4 },
};
static const MemoryRegionOps latch_byte_ops = {
    .read = latch_read, .write = latch_write, .size = { .min = 1, .max = 1 },
};
static const MemoryRegionOps flush_ops = { .write = flush_write, .size = { .min = 1, .max = 4 } };
static const MemoryRegionOps irq_ops = { .write = irq_write, .size = { .min = 1, .max = 1 } };
static const MemoryRegionOps iomem_ops = {
    .read = iomem_read, .write = iomem_write, .size = { .min = 1, .max = 8 },
};
static const MemoryRegionOps nothing_ops = { .size = { .min = 1, .max = 8 } };

static bool testdev_realize(Device *dev, Error **errp)
{
    PcTestdev *s = container_of(dev, PcTestdev, parent);

    if (!pc_state.gsi) {
        error_set(errp, "pc-testdev needs a PC around it");
        return false;
    }
    memory_region_init_io(&s->latch_io, dev, &latch_ops, s, "pc-testdev-ioport", 4);
    memory_region_init_io(&s->latch_byte_io, dev, &latch_byte_ops, s, "pc-testdev-ioport-byte", 4);
    memory_region_init_io(&s->flush_io, dev, &flush_ops, s, "pc-testdev-flush-page", 4);
    memory_region_init_io(&s->irq_io, dev, &irq_ops, s, "pc-testdev-irq-line", IRQ_LINES);
    memory_region_init_io(&s->iomem, dev, &iomem_ops, s, "pc-testdev-iomem", IOMEM_SIZE);
    memory_region_init_io(&s->flicker, dev, &nothing_ops, s, "pc-testdev-flicker", 0x1000);
    s->flicker.enabled = false;
    isa_map_port(dev, LATCH_PORT, &s->latch_io);
    isa_map_port(dev, LATCH_BYTE_PORT, &s->latch_byte_io);
    isa_map_port(dev, FLUSH_PORT, &s->flush_io);
    isa_map_port(dev, IRQ_PORT, &s->irq_io);
    memory_region_add(isa_address_space(), IOMEM_BASE, &s->iomem, 0);
    memory_region_add(isa_address_space(), FLUSH_ADDR, &s->flicker, 0);
    return true;
}

static void testdev_unrealize(Device *dev)
{
    PcTestdev *s = container_of(dev, PcTestdev, parent);
    MemoryRegion *const regions[] = { &s->latch_io, &s->latch_byte_io, &s->flush_io, &s->irq_io, &s->iomem,
                                      &s->flicker };

    for (unsigned i = 0; i < ARRAY_SIZE(regions); i++) {
        memory_region_del(regions[i]);
        memory_region_destroy(regions[i]);
    }
}

static const VMStateDescription testdev_vmstate = {
    .name = "pc-testdev", .version = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(latch, PcTestdev), VMSTATE_BYTES(memory, PcTestdev, IOMEM_SIZE), VMSTATE_END
    },
};

static const DeviceType testdev_type = {
    .name = "pc-testdev", .desc = "ports for hypervisor unit tests", .bus = BUS_ISA, .user_creatable = true,
    .instance_size = sizeof(PcTestdev), .realize = testdev_realize, .unrealize = testdev_unrealize,
    .vmstate = &testdev_vmstate,
};
DEVICE_TYPE(testdev_type)
