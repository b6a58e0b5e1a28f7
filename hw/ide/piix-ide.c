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
#include "hw/isa/isa.h"
#include "ide-internal.h"
#include "qemu/bitops.h"

#define IDETIM          0x40    /* primary; secondary at 42 */
#define SIDETIM         0x44
#define BM_BAR          4
#define BM_SIZE         16
#define BM_CHANNEL      8       /* registers of each channel */

static const struct {
    uint16_t command, control;
    int irq;
} places[IDE_CHANNELS] = { { 0x1f0, 0x3f6, 14 }, { 0x170, 0x376, 15 } };

static IdeFunction *function_of(PciDevice *dev)
{
    return container_of(dev, IdeFunction, parent);
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
    IdeFunction *f = function_of(dev);

    dev->config[PCI_STATUS] = 0x80;             /* fast back-to-back */
    dev->config[PCI_STATUS + 1] = 0x02;         /* DEVSEL medium */
    memset(dev->wmask + IDETIM, 0xff, SIDETIM + 1 - IDETIM);
    memory_region_init_io(&f->bm_io, &dev->parent, &bm_io_ops, f, "piix-bmdma", BM_SIZE);
    pci_register_bar(dev, BM_BAR, 0x01, &f->bm_io);
    for (unsigned i = 0; i < IDE_CHANNELS; i++) {
        IdeChannel *ch = &f->ch[i];

        ide_channel_init(ch, f, i, &dev->parent);
        ch->irq = isa_irq(places[i].irq);
        isa_map_port(&dev->parent, places[i].command, &ch->cmd_io);
        isa_map_port(&dev->parent, places[i].control, &ch->ctl_io);
    }
    ide_set_default_function(f);
    return true;
}

static void piix_ide_reset(PciDevice *dev)
{
    IdeFunction *f = function_of(dev);

    memset(dev->config + IDETIM, 0, SIDETIM + 1 - IDETIM);
    for (unsigned i = 0; i < IDE_CHANNELS; i++) {
        ide_channel_reset(&f->ch[i]);
    }
}

/* What the engine is told to do must lie in the drive's buffer. */
static bool piix_ide_post_load(void *opaque, int version, Error **errp)
{
    IdeFunction *f = opaque;

    for (unsigned i = 0; i < IDE_CHANNELS; i++) {
        const BusMaster *bm = &f->ch[i].bm;
        bool buffered = bm->kind == DMA_REPLY || bm->kind == DMA_PARAMS;

        if (bm->kind > DMA_PARAMS || (bm->kind != DMA_NONE && !f->ch[i].drive[bm->unit]) ||
            (buffered && (bm->left > XFER_BUF || bm->reply_pos > XFER_BUF - bm->left)) || bm->prd_left > 0x10000) {
            error_set(errp, "state of IDE channel %u's bus master is impossible", i);
            return false;
        }
    }
    return true;
}

static const VMStateDescription piix_ide_vmstate = {
    .name = "piix3-ide", .version = 1, .min_version = 1, .post_load = piix_ide_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_STRUCT(parent, IdeFunction, vmstate_pci_device),
        VMSTATE_STRUCT_ARRAY(ch, IdeFunction, IDE_CHANNELS, vmstate_ide_channel),
        VMSTATE_END
    },
};

static const PciDeviceClass piix_ide_class = {
    .vendor = 0x8086, .device = 0x7010, .revision = 0x00, .class_id = 0x0101, .prog_if = 0x80,
    .realize = piix_ide_realize, .reset = piix_ide_reset,
};

static const DeviceType piix_ide_type = {
    .name = "piix3-ide", .desc = "PIIX3 IDE, two channels", .bus = BUS_PCI,
    .instance_size = sizeof(IdeFunction), .vmstate = &piix_ide_vmstate, .class_data = &piix_ide_class,
};
DEVICE_TYPE(piix_ide_type)

/* ---- the board's side -------------------------------------------------------------------------------------------- */

PciDevice *piix3_ide_create(PciBus *bus, int devfn, Error **errp)
{
    PciDevice *dev = pci_new("piix3-ide", devfn);

    return pci_realize(dev, bus, errp) ? dev : NULL;
}

bool ide_disk_geometry(PciDevice *ide, unsigned channel, unsigned unit, uint16_t *cyls, uint8_t *heads, uint8_t *secs)
{
    const IdeDrive *d = function_of(ide)->ch[channel].drive[unit];

    if (!d || d->is_cdrom) {
        return false;
    }
    *cyls = d->geometry.cyls;
    *heads = d->geometry.heads;
    *secs = d->geometry.secs;
    return true;
}

void ide_foreach_bootindex(PciDevice *ide, void (*fn)(uint32_t index, unsigned channel, unsigned unit, void *opaque),
                           void *opaque)
{
    for (unsigned c = 0; c < IDE_CHANNELS; c++) {
        for (unsigned u = 0; u < IDE_UNITS; u++) {
            const IdeDrive *d = function_of(ide)->ch[c].drive[u];

            if (d && d->bootindex != BOOTINDEX_NONE) {
                fn(d->bootindex, c, u, opaque);
            }
        }
    }
}
