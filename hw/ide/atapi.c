/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PACKET commands of CD-ROM drives: identification only so far. */
#include "qemu/osdep.h"
#include "ide-internal.h"

void atapi_command(IdeDrive *d, uint8_t op)
{
    if (op == 0xa1) {
        atapi_identify(d, d->buf);
        ide_reply(d, SECTOR);
        return;
    }
    if (op == 0xec) {
        ide_set_signature(d);
    }
    ide_abort(d);
}

void atapi_block_ended(IdeDrive *d)
{
    ide_abort(d);
}

void atapi_dma_done(IdeDrive *d, int ret)
{
    ide_abort(d);
}

void atapi_power_on(IdeDrive *d)
{
    d->current = (IdeGeometry){ 1, 1, 1 };
}

const BlkDeviceOps atapi_blk_ops = { NULL };
