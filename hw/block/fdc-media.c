/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Floppy drives, and the disks that fit them: the format follows from the size of the image
 *
 * Formats: ECMA-66, -78, -100, -125 and what DOS, DMF and others make of them.
 */
#include "qemu/osdep.h"
#include "fdc-internal.h"
#include "trace/hw-block.h"

enum { RATE_500K, RATE_300K, RATE_250K, RATE_1M };

static const struct {
    FloppyGeometry disk;
    FloppyType drive;
} formats[] = {
    { { 80, 2, 18, RATE_500K }, FLOPPY_1440K },     /* the first of equal ones is the usual */
    { { 80, 2, 36, RATE_1M }, FLOPPY_2880K },
    { { 80, 2, 9, RATE_250K }, FLOPPY_1440K },
    { { 80, 2, 15, RATE_500K }, FLOPPY_1200K },
    { { 40, 2, 9, RATE_300K }, FLOPPY_1200K },
    { { 40, 2, 8, RATE_300K }, FLOPPY_1200K },
    { { 40, 1, 9, RATE_300K }, FLOPPY_1200K },
    { { 40, 1, 8, RATE_300K }, FLOPPY_1200K },
    { { 80, 2, 20, RATE_500K }, FLOPPY_1440K },
    { { 80, 2, 21, RATE_500K }, FLOPPY_1440K },     /* DMF */
    { { 82, 2, 21, RATE_500K }, FLOPPY_1440K },
    { { 83, 2, 21, RATE_500K }, FLOPPY_1440K },
    { { 80, 2, 22, RATE_500K }, FLOPPY_1440K },
    { { 80, 2, 23, RATE_500K }, FLOPPY_1440K },
    { { 80, 2, 24, RATE_500K }, FLOPPY_1440K },
    { { 82, 2, 10, RATE_250K }, FLOPPY_1440K },
    { { 80, 2, 10, RATE_250K }, FLOPPY_1440K },
    { { 80, 2, 11, RATE_250K }, FLOPPY_1440K },
    { { 80, 1, 9, RATE_250K }, FLOPPY_1440K },
    { { 80, 2, 39, RATE_1M }, FLOPPY_2880K },
    { { 80, 2, 40, RATE_1M }, FLOPPY_2880K },
    { { 80, 2, 44, RATE_1M }, FLOPPY_2880K },
    { { 80, 2, 48, RATE_1M }, FLOPPY_2880K },
};

static unsigned format_sectors(const FloppyGeometry *g)
{
    return g->cyls * g->heads * g->secs;
}

/* An image of an odd size is the start of a disk, of the smallest that holds it; the rest cannot be read. */
static unsigned choose_format(uint64_t sectors)
{
    unsigned best = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(formats); i++) {
        unsigned n = format_sectors(&formats[i].disk);

        if (n == sectors) {
            return i;
        }
        if (n > sectors && (format_sectors(&formats[best].disk) < sectors ||
                            n < format_sectors(&formats[best].disk))) {
            best = i;
        }
    }
    return best;
}

static void look_at_disk(FloppyDrive *d)
{
    uint64_t sectors = blk_size(d->blk) / SECTOR;

    d->disk = sectors ? formats[choose_format(sectors)].disk : (FloppyGeometry){ 0 };
    trace_fdc_medium(d - d->fdc->drive, d->disk.cyls, d->disk.heads, d->disk.secs);
}

/* Opening the door: the drive says so until its head is moved. */
static void disk_changed(void *opaque, bool loaded)
{
    FloppyDrive *d = opaque;

    look_at_disk(d);
    d->changed = true;
}

static const BlkDeviceOps floppy_ops = { .media_changed = disk_changed };

bool fdc_attach(Fdc *s, unsigned n, Error **errp)
{
    FloppyDrive *d = &s->drive[n];
    uint64_t sectors;

    d->fdc = s;
    if (!s->drive_name[n]) {
        return true;
    }
    d->blk = blk_find(s->drive_name[n]);
    if (!d->blk) {
        error_set(errp, "property 'drive%c': there is no drive '%s'", 'A' + n, s->drive_name[n]);
        return false;
    }
    if (!blk_attach(d->blk, &floppy_ops, d, errp)) {
        d->blk = NULL;
        return false;
    }
    look_at_disk(d);
    sectors = blk_size(d->blk) / SECTOR;
    d->type = sectors ? formats[choose_format(sectors)].drive : FLOPPY_2880K;
    return true;
}

bool fdc_has_disk(const FloppyDrive *d)
{
    return d->blk && d->disk.secs && d->disk.rate == (d->fdc->ccr & 3);
}

bool fdc_is_protected(const FloppyDrive *d)
{
    return d->blk && blk_is_readonly(d->blk);
}

void fdc_step(FloppyDrive *d, uint8_t track)
{
    if (track != d->track && d->blk && d->disk.secs) {
        d->changed = false;
    }
    d->track = track;
}
