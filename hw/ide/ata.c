/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands of ATA disks
 *
 * Follows: ATA/ATAPI-6 (T13/1410D), "Command descriptions"; DATA SET MANAGEMENT of ATA8-ACS.
 * A PIO read fetches as much of the command as the buffer holds at once, and a PIO write collects as much: the host's
 * blocks are cut out of that. An error therefore stops the command at the piece it happened in.
 * Left out: READ/WRITE LONG, queued commands, HPA (SET MAX), security (frozen: all but FREEZE LOCK abort), download of
 * microcode, streaming, general purpose logs.
 */
#include "qemu/osdep.h"
#include "ide-internal.h"
#include "qemu/bitops.h"
#include "qemu/log.h"
#include "trace/hw-ide.h"

enum { F_EXT = 1 << 0, F_WRITE = 1 << 1, F_MULTI = 1 << 2, F_DMA = 1 << 3, F_FUA = 1 << 4 };

typedef struct AtaCommand {
    uint8_t first, last;        /* opcodes */
    uint8_t flags;
    void (*run)(IdeDrive *d, unsigned flags);
} AtaCommand;

/* ---- addresses --------------------------------------------------------------------------------------------------- */

/* 0 means 256, with 48 bits 65536. */
uint32_t ata_count(const IdeDrive *d, bool ext)
{
    uint32_t n = ext ? d->tf->prev_count << 8 | d->tf->count : d->tf->count;

    return n ? n : ext ? 65536 : 256;
}

/* False: no such sector. CHS goes by the current translation (ATA/ATAPI-5, "CHS addressing"). */
static bool get_lba(const IdeDrive *d, bool ext, uint64_t *lba)
{
    const TaskFile *tf = d->tf;
    uint32_t low = tf->lba[0] | tf->lba[1] << 8 | (uint32_t)tf->lba[2] << 16;

    if (ext) {
        *lba = low | (uint64_t)(tf->prev_lba[0] | tf->prev_lba[1] << 8 | (uint32_t)tf->prev_lba[2] << 16) << 24;
        return true;
    }
    if (tf->device & DEV_LBA) {
        *lba = low | (uint32_t)(tf->device & 0x0f) << 24;
        return true;
    }
    if (!tf->lba[0] || tf->lba[0] > d->current.secs || (tf->device & 0x0f) >= d->current.heads) {
        return false;
    }
    *lba = ((low >> 8) * (uint64_t)d->current.heads + (tf->device & 0x0f)) * d->current.secs + tf->lba[0] - 1;
    return true;
}

static void set_lba(IdeDrive *d, bool ext, uint64_t lba)
{
    TaskFile *tf = d->tf;

    if (!ext && !(tf->device & DEV_LBA)) {
        uint64_t track = lba / d->current.secs, cyl = track / d->current.heads;

        tf->lba[0] = lba % d->current.secs + 1;
        tf->lba[1] = cyl;
        tf->lba[2] = cyl >> 8;
        tf->device = (tf->device & 0xf0) | track % d->current.heads;
        return;
    }
    for (unsigned i = 0; i < 3; i++) {
        tf->lba[i] = lba >> (8 * i);
        tf->prev_lba[i] = ext ? lba >> (24 + 8 * i) : 0;
    }
    if (!ext) {
        tf->device = (tf->device & 0xf0) | (lba >> 24 & 0x0f);
    }
}

/* The registers at the end of a command that moves sectors: where it stopped and what is left. */
static void set_result(IdeDrive *d, uint64_t lba, uint32_t left)
{
    set_lba(d, d->ext, lba);
    d->tf->count = left;
    d->tf->prev_count = left >> 8;
}

static void fail_at(IdeDrive *d, uint64_t lba, uint32_t left, uint8_t error)
{
    set_result(d, lba, left);
    ide_fail(d, error);
}

/* The whole range of a command, or IDNF. */
static bool open_range(IdeDrive *d, unsigned flags)
{
    uint32_t n = ata_count(d, flags & F_EXT);
    uint64_t lba;

    d->ext = flags & F_EXT;
    if (!get_lba(d, d->ext, &lba) || lba >= d->sectors || n > d->sectors - lba) {
        qemu_log_mask(LOG_GUEST_ERROR, "ide%u.%u: command %02x beyond the end of the disk\n", d->ch->nr, d->unit,
                      d->command);
        d->tf->error = ER_IDNF;
        ide_done_later(d);
        return false;
    }
    d->lba = lba;
    d->left = n;
    trace_ata_sectors(d->ch->nr, d->unit, lba, n, flags & F_WRITE);
    return true;
}

/* ---- PIO --------------------------------------------------------------------------------------------------------- */

static uint32_t block_bytes(const IdeDrive *d)
{
    return (d->multi ? d->multiple : 1) * SECTOR;
}

static uint8_t error_of(int ret)
{
    return ret == -EIO || ret == -ENOSPC ? ER_UNC : ER_ABRT;
}

static void next_block(IdeDrive *d)
{
    d->block_end = MIN(d->pos + block_bytes(d), d->fill);
}

static void sectors_read(IdeDrive *d, int ret)
{
    uint32_t n = d->fill / SECTOR;

    if (ret < 0) {
        fail_at(d, d->lba, d->left, error_of(ret));
        return;
    }
    d->lba += n;
    d->left -= n;
    d->xfer = XFER_READ;
    d->pos = 0;
    next_block(d);
    ide_block_ready(d, true);
}

static void read_piece(IdeDrive *d)
{
    d->fill = MIN(d->left, XFER_BUF / SECTOR) * SECTOR;
    ide_read_medium(d, d->lba * SECTOR, d->fill, sectors_read);
}

static void cmd_read_pio(IdeDrive *d, unsigned flags)
{
    d->multi = flags & F_MULTI;
    if (d->multi && !d->multiple) {
        ide_abort(d);
    } else if (open_range(d, flags)) {
        read_piece(d);
    }
}

/* ATA/ATAPI-6, PIO data-in protocol: no interrupt after the last block. */
static void read_block_ended(IdeDrive *d)
{
    if (d->pos < d->fill) {
        next_block(d);
        ide_block_ready(d, true);
    } else if (d->left) {
        read_piece(d);
    } else {
        d->xfer = XFER_NONE;
        set_result(d, d->lba - 1, 0);
        d->tf->status = ST_READY;
    }
}

static void collect_piece(IdeDrive *d)
{
    d->xfer = XFER_WRITE;
    d->pos = 0;
    d->fill = MIN(d->left, XFER_BUF / SECTOR) * SECTOR;
    next_block(d);
}

static void sectors_written(IdeDrive *d, int ret)
{
    uint32_t n = d->fill / SECTOR;

    if (ret < 0) {
        fail_at(d, d->lba, d->left, error_of(ret));
        return;
    }
    d->lba += n;
    d->left -= n;
    if (d->left) {
        collect_piece(d);
        ide_block_ready(d, true);
    } else {
        set_result(d, d->lba - 1, 0);
        ide_done(d);
    }
}

static void cmd_write_pio(IdeDrive *d, unsigned flags)
{
    d->multi = flags & F_MULTI;
    if (d->multi && !d->multiple) {
        ide_abort(d);
    } else if (open_range(d, flags)) {
        collect_piece(d);
        ide_block_ready(d, false);      /* PIO data-out protocol: the first block has no interrupt */
    }
}

static void write_block_ended(IdeDrive *d)
{
    if (d->pos < d->fill) {
        next_block(d);
        ide_block_ready(d, true);
    } else {
        ide_write_medium(d, d->lba * SECTOR, d->fill, sectors_written);
    }
}

/* ---- DMA --------------------------------------------------------------------------------------------------------- */

static void cmd_dma(IdeDrive *d, unsigned flags)
{
    if (open_range(d, flags)) {
        d->tf->status = ST_BSY;
        bm_request(d, flags & F_WRITE ? DMA_WRITE : DMA_READ, d->lba * SECTOR, d->left * SECTOR);
    }
}

static void flushed(IdeDrive *d, int ret);
static void params_ready(IdeDrive *d, int ret);

void ata_dma_done(IdeDrive *d, int ret)
{
    bool is_fua = d->command == 0x3d;

    if (d->command == 0x06) {
        params_ready(d, ret);
        return;
    }
    if (ret < 0) {
        /* Where exactly is not known below the piece. */
        fail_at(d, d->lba, d->left, ret == -EBUSY ? ER_ABRT : error_of(ret));
        return;
    }
    set_result(d, d->lba + d->left - 1, 0);
    if (is_fua && blk_write_cache(d->blk)) {
        ide_flush_medium(d, flushed);
    } else {
        ide_done(d);
    }
}

/* ---- verify, seek, flush ----------------------------------------------------------------------------------------- */

static void cmd_verify(IdeDrive *d, unsigned flags)
{
    if (open_range(d, flags)) {
        set_result(d, d->lba + d->left - 1, 0);
        ide_done_later(d);
    }
}

static void cmd_ok(IdeDrive *d, unsigned flags)
{
    ide_done_later(d);
}

static void cmd_seek(IdeDrive *d, unsigned flags)
{
    uint64_t lba;

    if (!get_lba(d, false, &lba) || lba >= d->sectors) {
        d->tf->error = ER_IDNF;
    }
    ide_done_later(d);
}

static void flushed(IdeDrive *d, int ret)
{
    if (ret < 0) {
        ide_fail(d, ER_ABRT);
    } else {
        ide_done(d);
    }
}

static void cmd_flush(IdeDrive *d, unsigned flags)
{
    ide_flush_medium(d, flushed);
}

static void cmd_native_max(IdeDrive *d, unsigned flags)
{
    uint64_t last = d->sectors - 1;

    if (!(d->tf->device & DEV_LBA)) {
        ide_abort(d);
        return;
    }
    set_lba(d, flags & F_EXT, flags & F_EXT ? last : MIN(last, 0x0ffffffe));
    ide_done_later(d);
}

/* ---- settings ---------------------------------------------------------------------------------------------------- */

static void cmd_diag_params(IdeDrive *d, unsigned flags)
{
    uint8_t heads = (d->tf->device & 0x0f) + 1, secs = d->tf->count;
    uint64_t cyls;

    if (!secs) {
        ide_abort(d);
        return;
    }
    cyls = d->sectors / ((uint64_t)heads * secs);
    d->current = (IdeGeometry){ MIN(cyls, 65535), heads, secs };
    ide_done_later(d);
}

static void cmd_set_multiple(IdeDrive *d, unsigned flags)
{
    uint8_t n = d->tf->count;

    if (n > MULTIPLE_MAX || (n && !is_power_of_2(n))) {
        d->multiple = 0;
        ide_abort(d);
        return;
    }
    d->multiple = n;
    ide_done_later(d);
}

/* ATA/ATAPI-6, SET FEATURES, "Set transfer mode": type in bits 7:3, mode in bits 2:0. */
static bool set_transfer_mode(IdeDrive *d, uint8_t val)
{
    uint8_t bit = 1u << (val & 7);

    switch (val >> 3) {
    case 0:             /* default PIO, with or without IORDY */
        if (val > 1) {
            return false;
        }
        d->pio = 0;
        return true;
    case 1:
        if ((val & 7) > 4) {
            return false;
        }
        d->pio = val & 7;
        return true;
    case 4:
        if ((val & 7) > 2) {
            return false;
        }
        d->mwdma = bit;
        d->udma = 0;
        return true;
    case 8:
        if ((val & 7) > 5) {
            return false;
        }
        d->udma = bit;
        d->mwdma = 0;
        return true;
    default:
        return false;
    }
}

bool ata_set_features(IdeDrive *d)
{
    switch (d->tf->feature) {
    case 0x03:
        return set_transfer_mode(d, d->tf->count);
    case 0x05: case 0x85:
        if (d->is_cdrom) {
            return false;
        }
        d->apm_on = d->tf->feature == 0x05;
        return true;
    case 0x55: case 0xaa:
        d->look_ahead = d->tf->feature == 0xaa;
        return true;
    case 0x66: case 0xcc:       /* do or do not go back to defaults at a reset: modes are kept anyway */
        return true;
    case 0x02: case 0x82:
        if (d->is_cdrom) {
            return false;
        }
        d->write_cache = d->tf->feature == 0x02;
        return true;
    default:
        return false;
    }
}

static void write_cache_off(IdeDrive *d, int ret)
{
    blk_set_write_cache(d->blk, false);
    flushed(d, ret);
}

static void cmd_set_features(IdeDrive *d, unsigned flags)
{
    if (!ata_set_features(d)) {
        ide_abort(d);
    } else if (d->tf->feature == 0x82) {
        ide_flush_medium(d, write_cache_off);
    } else {
        blk_set_write_cache(d->blk, d->write_cache);
        ide_done_later(d);
    }
}

/* ---- power ------------------------------------------------------------------------------------------------------- */

static void cmd_check_power(IdeDrive *d, unsigned flags)
{
    d->tf->count = 0xff;        /* active or idle */
    ide_done_later(d);
}

static void cmd_sleep(IdeDrive *d, unsigned flags)
{
    d->asleep = true;           /* until a reset */
    ide_done_later(d);
}

/* ---- IDENTIFY, SMART --------------------------------------------------------------------------------------------- */

static void cmd_identify(IdeDrive *d, unsigned flags)
{
    ata_identify(d, d->buf);
    ide_reply(d, SECTOR);
}

static void cmd_smart(IdeDrive *d, unsigned flags)
{
    ata_smart(d);
}

/* ---- DATA SET MANAGEMENT: ranges the host does not need any more ------------------------------------------------- */

#define DSM_TRIM        0x01

static void discard_next(IdeDrive *d, int ret);

static void discard_done(void *opaque, int ret)
{
    IdeDrive *d = opaque;

    if (ide_io_end(d)) {
        discard_next(d, ret);
    }
}

/* One entry after the other: LBA in bits 47:0, count in 63:48. One that makes no sense ends the command. */
static void discard_next(IdeDrive *d, int ret)
{
    while (ret >= 0 && d->pos < d->fill) {
        uint64_t entry = load_le64(d->buf + d->pos), lba = extract64(entry, 0, 48), n = entry >> 48;

        d->pos += 8;
        if (!n) {
            continue;
        }
        if (lba >= d->sectors || n > d->sectors - lba) {
            ide_fail(d, ER_ABRT);
            return;
        }
        ide_io_begin(d);
        d->tf->status = ST_BSY;
        blk_discard(d->blk, lba * SECTOR, n * SECTOR, discard_done, d);
        return;
    }
    flushed(d, ret);
}

static void cmd_data_set(IdeDrive *d, unsigned flags)
{
    uint32_t n = ata_count(d, true);

    if (!d->block.discard || !(d->tf->feature & DSM_TRIM) || n > XFER_BUF / SECTOR) {
        ide_abort(d);
        return;
    }
    d->fill = n * SECTOR;
    bm_request(d, DMA_PARAMS, 0, d->fill);
}

static void params_ready(IdeDrive *d, int ret)
{
    d->pos = 0;
    if (ret < 0) {
        ide_fail(d, ER_ABRT);
    } else {
        discard_next(d, 0);
    }
}

/* ---- dispatch ---------------------------------------------------------------------------------------------------- */

static const AtaCommand commands[] = {
    { 0x06, 0x06, 0, cmd_data_set },
    { 0x10, 0x1f, 0, cmd_ok },                          /* RECALIBRATE */
    { 0x20, 0x21, 0, cmd_read_pio },
    { 0x24, 0x24, F_EXT, cmd_read_pio },
    { 0x25, 0x25, F_EXT | F_DMA, cmd_dma },
    { 0x27, 0x27, F_EXT, cmd_native_max },
    { 0x29, 0x29, F_EXT | F_MULTI, cmd_read_pio },
    { 0x30, 0x31, F_WRITE, cmd_write_pio },
    { 0x34, 0x34, F_WRITE | F_EXT, cmd_write_pio },
    { 0x35, 0x35, F_WRITE | F_EXT | F_DMA, cmd_dma },
    { 0x39, 0x39, F_WRITE | F_EXT | F_MULTI, cmd_write_pio },
    { 0x3c, 0x3c, F_WRITE, cmd_write_pio },             /* WRITE VERIFY of old disks */
    { 0x3d, 0x3d, F_WRITE | F_EXT | F_DMA | F_FUA, cmd_dma },
    { 0x40, 0x41, 0, cmd_verify },
    { 0x42, 0x42, F_EXT, cmd_verify },
    { 0x70, 0x7f, 0, cmd_seek },
    { 0x91, 0x91, 0, cmd_diag_params },
    { 0x94, 0x94, 0, cmd_flush },                       /* STANDBY IMMEDIATE, old codes of the E0 group */
    { 0x95, 0x97, 0, cmd_ok },
    { 0x98, 0x98, 0, cmd_check_power },
    { 0x99, 0x99, 0, cmd_sleep },
    { 0xb0, 0xb0, 0, cmd_smart },
    { 0xc4, 0xc4, F_MULTI, cmd_read_pio },
    { 0xc5, 0xc5, F_WRITE | F_MULTI, cmd_write_pio },
    { 0xc6, 0xc6, 0, cmd_set_multiple },
    { 0xc8, 0xc9, F_DMA, cmd_dma },
    { 0xca, 0xcb, F_WRITE | F_DMA, cmd_dma },
    { 0xe0, 0xe0, 0, cmd_flush },                       /* STANDBY IMMEDIATE writes the cache out */
    { 0xe1, 0xe3, 0, cmd_ok },                          /* IDLE IMMEDIATE, STANDBY, IDLE: the timers do nothing */
    { 0xe5, 0xe5, 0, cmd_check_power },
    { 0xe6, 0xe6, 0, cmd_sleep },
    { 0xe7, 0xe7, 0, cmd_flush },
    { 0xea, 0xea, F_EXT, cmd_flush },
    { 0xec, 0xec, 0, cmd_identify },
    { 0xef, 0xef, 0, cmd_set_features },
    { 0xf5, 0xf5, 0, cmd_ok },                          /* SECURITY FREEZE LOCK: it is frozen from the start */
    { 0xf8, 0xf8, 0, cmd_native_max },
};

void ata_command(IdeDrive *d, uint8_t op)
{
    for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
        const AtaCommand *c = &commands[i];

        if (op >= c->first && op <= c->last) {
            c->run(d, c->flags);
            return;
        }
    }
    qemu_log_mask(LOG_UNIMP, "ide%u.%u: command %02x\n", d->ch->nr, d->unit, op);
    ide_abort(d);
}

void ata_block_ended(IdeDrive *d)
{
    switch (d->xfer) {
    case XFER_READ:
        read_block_ended(d);
        break;
    case XFER_WRITE:
        write_block_ended(d);
        break;
    default:
        ide_fail(d, ER_ABRT);
        break;
    }
}

void ata_power_on(IdeDrive *d)
{
    d->current = d->geometry;
    d->multiple = MULTIPLE_MAX;
    d->mwdma = d->pio = 0;
    d->udma = 1u << 5;
    d->look_ahead = d->smart_on = true;
    d->write_cache = strcmp(d->block.write_cache, "off");
    d->apm_on = false;
    d->smart_autosave = 1;
    d->smart_selftest = 0;
    blk_set_write_cache(d->blk, d->write_cache);
}
