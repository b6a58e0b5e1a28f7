/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The IDE function of the PIIX3 (82371SB function 1), 01.1
 *
 * Two channels at the PC/AT's ports with ISA interrupt lines 14 and 15, and the bus-master registers of both at BAR 4.
 * Follows: Intel 82371SB (PIIX3) datasheet, "PCI Configuration Registers, function 1".
 * Left out: timings (IDETIM, SIDETIM are storage), that IDETIM's decode enable bit switches the ports: they are always
 * there once the command register's I/O bit is, which it is on this board from the start.
 */
#include "qemu/osdep.h"
#include "ide-internal.h"
#include "qemu/bitops.h"

#define IDETIM          0x40    /* primary; secondary at 42 */
#define SIDETIM         0x44
#define BM_BAR          4
#define BM_SIZE         16
#define BM_CHANNEL      8       /* registers of each channel */

typedef struct PiixIde {
    PciDevice parent;
    MemoryRegion bm_io;
    IdeFunction f;
} PiixIde;

static PiixIde *piix_of(PciDevice *dev)
{
    return container_of(dev, PiixIde, parent);
}

/* ---- bus-master registers: bytes, but the table address is usually written at once ------------------------------- */

static uint64_t bm_io_read(void *opaque, hwaddr addr, unsigned size)
{
    IdeFunction *f = opaque;
    uint64_t val = 0;

    for (unsigned i = 0; i < size; i++) {
        unsigned at = addr + i;

        val |= (uint64_t)bm_read(&f->ch[at / BM_CHANNEL], at % BM_CHANNEL) << (8 * i);
    }
    return val;
}

static void bm_io_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    IdeFunction *f = opaque;

    for (unsigned i = 0; i < size; i++) {
        unsigned at = addr + i;

        bm_write(&f->ch[at / BM_CHANNEL], at % BM_CHANNEL, val >> (8 * i));
    }
}

static const MemoryRegionOps bm_io_ops = {
    .read = bm_io_read, .write = bm_io_write, .size = { .min = 1, .max = 4 },
};

/* ---- life -------------------------------------------------------------------------------------------------------- */

static bool piix_ide_realize(PciDevice *dev, Error **errp)
{
    PiixIde *p = piix_of(dev);

    dev->config[PCI_STATUS] = 0x80;             /* fast back-to-back */
    dev->config[PCI_STATUS + 1] = 0x02;         /* DEVSEL medium */
    memset(dev->wmask + IDETIM, 0xff, SIDETIM + 1 - IDETIM);
    memory_region_init_io(&p->bm_io, &dev->parent, &bm_io_ops, &p->f, "piix-bmdma", BM_SIZE);
    pci_register_bar(dev, BM_BAR, 0x01, &p->bm_io);
    ide_function_init(&p->f, &dev->parent, dev);
    return true;
}

static void piix_ide_reset(PciDevice *dev)
{
    memset(dev->config + IDETIM, 0, SIDETIM + 1 - IDETIM);
    ide_function_reset(&piix_of(dev)->f);
}

static bool piix_ide_post_load(void *opaque, int version, Error **errp)
{
    return ide_function_check(&((PiixIde *)opaque)->f, errp);
}

static const VMStateDescription piix_ide_vmstate = {
    .name = "piix3-ide", .version = 1, .min_version = 1, .post_load = piix_ide_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_STRUCT(parent, PiixIde, vmstate_pci_device),
        VMSTATE_STRUCT_ARRAY(f.ch, PiixIde, IDE_CHANNELS, vmstate_ide_channel),
        VMSTATE_END
    },
};

static const PciDeviceClass piix_ide_class = {
    .vendor = 0x8086, .device = 0x7010, .revision = 0x00, .class_id = 0x0101, .prog_if = 0x80,
    .realize = piix_ide_realize, .reset = piix_ide_reset,
};

static const DeviceType piix_ide_type = {
    .name = "piix3-ide", .desc = "PIIX3 IDE, two channels", .bus = BUS_PCI,
    .instance_size = sizeof(PiixIde), .vmstate = &piix_ide_vmstate, .class_data = &piix_ide_class,
};
DEVICE_TYPE(piix_ide_type)

/* ---- the board's side -------------------------------------------------------------------------------------------- */

PciDevice *piix3_ide_create(PciBus *bus, int devfn, Error **errp)
{
    PciDevice *dev = pci_new("piix3-ide", devfn);

    return pci_realize(dev, bus, errp) ? dev : NULL;
}

IdeFunction *piix3_ide_function(PciDevice *dev)
{
    return &piix_of(dev)->f;
}
