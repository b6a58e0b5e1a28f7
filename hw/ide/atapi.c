/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The packet protocol of CD-ROM drives: how commands, data and results travel
 *
 *   PACKET ─► DRQ for 12 bytes ─► mmc_execute() ─┬─► result
 *                                                ├─► blocks of data (PIO) or one DMA transfer ─► result
 *                                                └─► parameters from the host ─► result
 *
 * Follows: ATA/ATAPI-6, "PACKET command protocol"; SFF-8020i for the interrupt reason. Data on a medium that lies in
 * plain RAM or files moves by DMA straight into guest memory.
 * Left out: overlapped commands, a DRQ interrupt for the packet itself (IDENTIFY says so).
 */
#include "qemu/osdep.h"
#include "atapi-internal.h"
#include "qemu/bitops.h"
#include "qemu/log.h"
#include "trace/hw-ide.h"

/* The count register: interrupt reason */
#define REASON_COMMAND      0x01u   /* C/D */
#define REASON_TO_HOST      0x02u   /* I/O */
#define REASON_STATUS       (REASON_COMMAND | REASON_TO_HOST)

#define FEATURE_DMA         0x01u
#define FEATURE_OVERLAP     0x02u
#define PACKET_BYTES        12

/* ---- results ----------------------------------------------------------------------------------------------------- */

void packet_good(IdeDrive *d)
{
    d->tf->count = REASON_STATUS;
    ide_done_later(d);
}

/* The sense stays until it is asked for or another command begins. */
void packet_check(IdeDrive *d, uint8_t key, uint8_t asc, uint8_t ascq)
{
    trace_atapi_check(d->ch->nr, key, asc, ascq);
    d->sense_key = key;
    d->asc = asc;
    d->ascq = ascq;
    d->left = 0;
    d->tf->count = REASON_STATUS;
    d->tf->error = key << 4 | ER_ABRT;
    ide_done_later(d);
}

/* After data: the host has been waiting, no more delay is needed. */
static void result_good(IdeDrive *d)
{
    d->tf->count = REASON_STATUS;
    ide_done(d);
}

/* ---- data to the host -------------------------------------------------------------------------------------------- */

/* ATA/ATAPI-6, "Byte Count Limit": even, unless the rest fits. */
static void next_block(IdeDrive *d)
{
    uint32_t n = d->fill - d->pos;

    if (n > d->byte_limit) {
        n = d->byte_limit & ~1u;
    }
    d->block_end = d->pos + n;
    d->tf->lba[1] = n;
    d->tf->lba[2] = n >> 8;
}

static void block_to_host(IdeDrive *d, bool later)
{
    d->xfer = XFER_PACKET_IN;
    next_block(d);
    d->tf->count = REASON_TO_HOST;
    if (later) {
        ide_drq_later(d);
    } else {
        ide_block_ready(d, true);
    }
}

void packet_reply(IdeDrive *d, uint32_t len, uint32_t allocated)
{
    len = MIN(len, allocated);
    if (!len) {
        packet_good(d);
        return;
    }
    d->pos = 0;
    d->fill = len;
    d->left = 0;
    if (d->packet_dma) {
        d->tf->status = ST_BSY;
        bm_request(d, DMA_REPLY, 0, len);
    } else {
        block_to_host(d, true);
    }
}

static void read_piece(IdeDrive *d);

static void piece_sent(IdeDrive *d)
{
    if (d->left) {
        read_piece(d);
    } else {
        result_good(d);
    }
}

static void medium_error(IdeDrive *d, int ret)
{
    if (ret == -ENOMEDIUM) {
        packet_check(d, SENSE_NOT_READY, ASC_NO_MEDIUM, 0);
    } else {
        packet_check(d, SENSE_MEDIUM_ERROR, ASC_UNRECOVERED_READ, 0);
    }
}

/* In place: from the last to the first where the result is longer than the data, else the other way. */
static void wrap_piece(IdeDrive *d, uint32_t n)
{
    uint8_t raw[CD_RAW];

    for (uint32_t k = 0; k < n; k++) {
        uint32_t i = d->cd_bytes > CD_SECTOR ? n - 1 - k : k;
        unsigned len = cd_wrap_sector(raw, d->buf + i * CD_SECTOR, d->lba + i, d->packet[9]);

        memcpy(d->buf + i * d->cd_bytes, raw, MIN(len, d->cd_bytes));   /* a snapshot may say otherwise than byte 9 */
    }
}

static void piece_read(IdeDrive *d, int ret)
{
    uint32_t n = d->iov.iov_len / CD_SECTOR;

    if (ret < 0) {
        medium_error(d, ret);
        return;
    }
    if (d->cd_bytes != CD_SECTOR) {
        wrap_piece(d, n);
    }
    d->lba += n;
    d->left -= n;
    d->pos = 0;
    d->fill = n * d->cd_bytes;
    if (d->packet_dma) {
        bm_request(d, DMA_REPLY, 0, d->fill);
    } else {
        block_to_host(d, false);
    }
}

static void read_piece(IdeDrive *d)
{
    uint32_t n = MIN(d->left, XFER_BUF / MAX(d->cd_bytes, CD_SECTOR));

    ide_read_medium(d, d->lba * CD_SECTOR, n * CD_SECTOR, piece_read);
}

void packet_read(IdeDrive *d, uint32_t lba, uint32_t count, uint32_t bytes, uint8_t parts)
{
    trace_ata_sectors(d->ch->nr, d->unit, lba, count, false);
    d->lba = lba;
    d->left = count;
    d->cd_bytes = bytes;
    if (d->packet_dma && bytes == CD_SECTOR) {
        d->left = 0;
        d->tf->status = ST_BSY;
        bm_request(d, DMA_READ, (uint64_t)lba * CD_SECTOR, count * CD_SECTOR);
    } else {
        read_piece(d);
    }
}

/* ---- data from the host ------------------------------------------------------------------------------------------ */

void packet_collect(IdeDrive *d, uint32_t len)
{
    d->pos = 0;
    d->fill = MIN(len, XFER_BUF);
    d->left = 0;
    if (!d->fill) {
        packet_good(d);
    } else if (d->packet_dma) {
        d->tf->status = ST_BSY;
        bm_request(d, DMA_PARAMS, 0, d->fill);
    } else {
        d->xfer = XFER_PACKET_OUT;
        next_block(d);
        d->tf->count = 0;
        ide_drq_later(d);
    }
}

/* ---- ends of blocks and transfers -------------------------------------------------------------------------------- */

static void packet_received(IdeDrive *d)
{
    memcpy(d->packet, d->buf, PACKET_BYTES);
    trace_atapi_packet(d->ch->nr, d->packet[0], d->byte_limit, d->packet_dma);
    d->xfer = XFER_NONE;
    d->tf->status = ST_BSY;
    mmc_execute(d);
}

void atapi_block_ended(IdeDrive *d)
{
    switch (d->xfer) {
    case XFER_PACKET:
        packet_received(d);
        break;
    case XFER_PACKET_IN:
        if (d->pos < d->fill) {
            block_to_host(d, false);
        } else {
            piece_sent(d);
        }
        break;
    case XFER_PACKET_OUT:
        if (d->pos < d->fill) {
            next_block(d);
            ide_block_ready(d, true);
        } else {
            result_good(d);
        }
        break;
    default:
        ide_fail(d, ER_ABRT);
        break;
    }
}

void atapi_dma_done(IdeDrive *d, int ret)
{
    if (ret < 0) {
        medium_error(d, ret);
    } else {
        piece_sent(d);
    }
}

/* ---- commands of the command register ---------------------------------------------------------------------------- */

static void cmd_packet(IdeDrive *d)
{
    TaskFile *tf = d->tf;

    if (tf->feature & FEATURE_OVERLAP) {
        ide_abort(d);
        return;
    }
    d->packet_dma = tf->feature & FEATURE_DMA;
    d->byte_limit = tf->lba[1] | tf->lba[2] << 8;
    if (d->byte_limit < 2 || d->byte_limit == 0xffff) {
        d->byte_limit = 0xfffe;
    }
    d->xfer = XFER_PACKET;
    d->pos = 0;
    d->block_end = d->fill = PACKET_BYTES;
    tf->count = REASON_COMMAND;
    ide_block_ready(d, false);
}

static void cmd_identify_packet(IdeDrive *d)
{
    atapi_identify(d, d->buf);
    ide_reply(d, SECTOR);
}

/* ATA commands that ask what kind of device it is get the signature with the refusal. */
static void cmd_not_a_disk(IdeDrive *d)
{
    ide_set_signature(d);
    ide_abort(d);
}

static void cmd_device_reset(IdeDrive *d)
{
    ide_drive_soft_reset(d, false);
}

static void cmd_set_features(IdeDrive *d)
{
    if (ata_set_features(d)) {
        ide_done_later(d);
    } else {
        ide_abort(d);
    }
}

static void cmd_check_power(IdeDrive *d)
{
    d->tf->count = 0xff;
    ide_done_later(d);
}

static const struct {
    uint8_t first, last;
    void (*run)(IdeDrive *d);
} commands[] = {
    { 0x08, 0x08, cmd_device_reset },
    { 0x20, 0x21, cmd_not_a_disk },
    { 0x94, 0x97, ide_done_later },     /* power: old codes, and those of the E0 group */
    { 0x98, 0x98, cmd_check_power },
    { 0x99, 0x99, ide_done_later },
    { 0xa0, 0xa0, cmd_packet },
    { 0xa1, 0xa1, cmd_identify_packet },
    { 0xe0, 0xe3, ide_done_later },
    { 0xe5, 0xe5, cmd_check_power },
    { 0xe6, 0xe6, ide_done_later },
    { 0xec, 0xec, cmd_not_a_disk },
    { 0xef, 0xef, cmd_set_features },
};

void atapi_command(IdeDrive *d, uint8_t op)
{
    for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
        if (op >= commands[i].first && op <= commands[i].last) {
            commands[i].run(d);
            return;
        }
    }
    qemu_log_mask(LOG_UNIMP, "ide%u.%u: command %02x to a CD-ROM drive\n", d->ch->nr, d->unit, op);
    ide_abort(d);
}

void atapi_power_on(IdeDrive *d)
{
    d->current = (IdeGeometry){ 1, 1, 1 };
    d->mwdma = d->pio = 0;
    d->udma = 1u << 5;
    d->sense_key = d->asc = d->ascq = 0;
    d->media_state = MEDIA_SAY_RESET;
    d->media_event = EVENT_NONE;
    d->tray_open = d->locked = false;
}

/* ---- the medium, from the user's side ---------------------------------------------------------------------------- */

/*
 * SFF-8020i: a change shows as "no medium", then as "medium may have changed". Guests that poll want to see both. A
 * tray that is open is closed behind the new medium.
 */
static void medium_changed(void *opaque, bool loaded)
{
    IdeDrive *d = opaque;

    trace_atapi_medium(d->ch ? d->ch->nr : 0, loaded);
    d->media_event = loaded ? EVENT_NEW_MEDIUM : EVENT_REMOVAL;
    d->media_state = loaded ? MEDIA_SAY_ABSENT : MEDIA_KNOWN;
    if (loaded) {
        d->tray_open = false;
    }
}

static bool tray_is_open(void *opaque)
{
    return ((IdeDrive *)opaque)->tray_open;
}

static bool medium_is_locked(void *opaque)
{
    return ((IdeDrive *)opaque)->locked;
}

/* The lock is the guest's, for the medium that is in the drive: a paper clip ends it. */
static bool eject_request(void *opaque, bool force)
{
    IdeDrive *d = opaque;

    if (d->tray_open) {
        return true;
    }
    if (d->locked && !force) {
        d->media_event = EVENT_EJECT_REQUEST;
        return false;
    }
    d->media_event = EVENT_REMOVAL;
    d->locked = false;
    d->tray_open = true;
    return true;
}

const BlkDeviceOps atapi_blk_ops = {
    .media_changed = medium_changed, .is_tray_open = tray_is_open, .is_locked = medium_is_locked,
    .eject_request = eject_request,
};
