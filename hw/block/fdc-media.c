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
    { { 80, 2, 39, RATE_1M }, FLOPPY_2880K },
    { { 80, 2, 40, RATE_1M }, FLOPPY_2880K },
    { { 80, 2, 44, RATE_1M }, FLOPPY_2880K },
    { { 80, 2, 48, RATE_1M }, FLOPPY_2880K },
};

static unsigned format_sectors(const FloppyGeometry *g)
{
    return g->cyls * g->heads * g->secs;
}

/* A 2.88 MB drive reads what a 1.44 MB drive reads; a disk of another size has been forced into it. */
static bool fits(unsigned format, FloppyType drive)
{
    FloppyType wanted = formats[format].drive;

    return drive == FLOPPY_AUTO || drive == wanted || (drive == FLOPPY_2880K && wanted == FLOPPY_1440K);
}

/*
 * An image of an odd size is the start of a disk: of the first format in the table, 1.44 MB, or of the smallest that
 * holds it.
 */
static unsigned choose_format(uint64_t sectors, FloppyType drive)
{
    unsigned exact = UINT_MAX, best = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(formats); i++) {
        unsigned n = format_sectors(&formats[i].disk), best_n = format_sectors(&formats[best].disk);

        if (n == sectors && fits(i, drive)) {
            return i;
        }
        if (n == sectors && exact == UINT_MAX) {
            exact = i;
        }
        if (sectors > format_sectors(&formats[0].disk) && n > sectors && (best_n < sectors || n < best_n)) {
            best = i;
        }
    }
    return exact != UINT_MAX ? exact : best;
}

/* A 1.2 MB drive turns faster than others, which shows with disks of double density. */
static uint8_t rate_in(FloppyType drive, uint8_t rate)
{
    bool is_double = rate == RATE_300K || rate == RATE_250K;

    return !is_double ? rate : drive == FLOPPY_1200K ? RATE_300K : RATE_250K;
}

static uint64_t image_sectors(const FloppyDrive *d)
{
    return blk_size(d->blk) / SECTOR;
}

static void look_at_disk(FloppyDrive *d)
{
    uint64_t sectors = d->type == FLOPPY_NONE ? 0 : image_sectors(d);

    d->disk = (FloppyGeometry){ 0 };
    if (sectors) {
        d->disk = formats[choose_format(sectors, d->type)].disk;
        d->disk.rate = rate_in(d->type, d->disk.rate);
    }
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

/* What the drive says, or its bay, or the disk that is in it now. */
static FloppyType choose_type(const FloppyDrive *d, FloppyType wish)
{
    uint64_t sectors = image_sectors(d);

    if (wish == FLOPPY_AUTO) {
        wish = d->fdc->bay_type[d - d->fdc->drive];
    }
    if (wish != FLOPPY_AUTO) {
        return wish;
    }
    return sectors ? formats[choose_format(sectors, FLOPPY_AUTO)].drive : d->fdc->fallback_type;
}

bool fdc_attach(Fdc *s, unsigned n, BlockBackend *blk, FloppyType type, Error **errp)
{
    FloppyDrive *d = &s->drive[n];

    if (!blk_attach(blk, &floppy_ops, d, errp)) {
        return false;
    }
    d->blk = blk;
    d->type = choose_type(d, type);
    look_at_disk(d);
    return true;
}

void fdc_detach(FloppyDrive *d)
{
    blk_drain(d->blk);
    blk_detach(d->blk, d);
    d->blk = NULL;
    d->type = FLOPPY_NONE;
    d->disk = (FloppyGeometry){ 0 };
}

bool fdc_has_disk(const FloppyDrive *d)
{
    return d->blk && d->disk.secs && d->disk.rate == (d->fdc->ccr & 3);
}

bool fdc_is_protected(const FloppyDrive *d)
{
    return d->blk && blk_is_readonly(d->blk);
}

uint8_t fdc_cylinder(const FloppyDrive *d)
{
    return d->disk.cyls == 40 && d->track >= 40 ? d->track / 2 : d->track;
}

bool fdc_is_over(const FloppyDrive *d, uint8_t cyl)
{
    return d->track == cyl || (d->disk.cyls == 40 && d->track == 2 * cyl);
}

void fdc_step(FloppyDrive *d, uint8_t track)
{
    if (track != d->track && d->blk && d->disk.secs) {
        d->changed = false;
    }
    d->track = track;
}
