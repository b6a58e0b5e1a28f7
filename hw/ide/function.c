/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two IDE channels at the PC/AT's ports with ISA lines 14 and 15: what the PCI function and the ISA card share
 */
#include "qemu/osdep.h"
#include "hw/isa/isa.h"
#include "ide-internal.h"

static const struct {
    uint16_t command, control;
    int irq;
} places[IDE_CHANNELS] = { { 0x1f0, 0x3f6, 14 }, { 0x170, 0x376, 15 } };

void ide_function_init(IdeFunction *f, Device *owner, PciDevice *pci)
{
    f->owner = owner;
    f->pci = pci;
    for (unsigned i = 0; i < IDE_CHANNELS; i++) {
        IdeChannel *ch = &f->ch[i];

        ide_channel_init(ch, f, i, owner);
        ch->irq = isa_irq(places[i].irq);
        isa_map_port(owner, places[i].command, &ch->cmd_io);
        isa_map_port(owner, places[i].control, &ch->ctl_io);
    }
    ide_set_default_function(f);
}

void ide_function_reset(IdeFunction *f)
{
    for (unsigned i = 0; i < IDE_CHANNELS; i++) {
        ide_channel_reset(&f->ch[i]);
    }
}

Device *ide_function_device(const IdeFunction *f)
{
    return f->owner;
}

/* What the engine is told to do must lie in the drive's buffer; an ISA card has none to be told. */
bool ide_function_check(const IdeFunction *f, Error **errp)
{
    for (unsigned i = 0; i < IDE_CHANNELS; i++) {
        const BusMaster *bm = &f->ch[i].bm;
        bool buffered = bm->kind == DMA_REPLY || bm->kind == DMA_PARAMS;

        if (bm->kind > DMA_PARAMS || (bm->kind != DMA_NONE && !f->ch[i].drive[bm->unit]) ||
            (buffered && (bm->left > XFER_BUF || bm->reply_pos > XFER_BUF - bm->left)) || bm->prd_left > 0x10000 ||
            (!f->pci && bm->command)) {
            error_set(errp, "state of IDE channel %u's bus master is impossible", i);
            return false;
        }
    }
    return true;
}

bool ide_disk_info(const IdeFunction *f, unsigned channel, unsigned unit, IdeDiskInfo *info)
{
    const IdeDrive *d = f->ch[channel].drive[unit];

    if (!d || d->is_cdrom) {
        return false;
    }
    *info = (IdeDiskInfo) { d->geometry.cyls, d->geometry.heads, d->geometry.secs, d->translation };
    return true;
}

void ide_foreach_bootindex(const IdeFunction *f, IdeBootFn *fn, void *opaque)
{
    for (unsigned c = 0; c < IDE_CHANNELS; c++) {
        for (unsigned u = 0; u < IDE_UNITS; u++) {
            const IdeDrive *d = f->ch[c].drive[u];

            if (d && (int32_t)d->bootindex >= 0) {
                fn(d->bootindex, c, u, opaque);
            }
        }
    }
}
