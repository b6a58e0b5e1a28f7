/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMART of a disk that never gets worse
 *
 * Follows: ATA/ATAPI-6, "SMART" (B0h) and its subcommands; the attribute tables of SFF-8035i.
 * Left out: logs other than their directory, the empty error log and the self-test log with the last test's result;
 * selective tests. A self-test ends at once and finds nothing.
 */
#include "qemu/osdep.h"
#include "ide-internal.h"
#include "qemu/bitops.h"

#define SMART_LBA_MID   0x4f
#define SMART_LBA_HIGH  0xc2

#define LOG_DIRECTORY   0x00
#define LOG_ERRORS      0x01
#define LOG_SELFTEST    0x06

typedef struct Attribute {
    uint8_t id, flags, value, worst, threshold;
    uint8_t raw[3];
} Attribute;

static const Attribute attributes[] = {
    { 0x01, 0x03, 0x64, 0x64, 0x06, { 0 } },            /* read error rate */
    { 0x03, 0x03, 0x64, 0x64, 0x00, { 0 } },            /* spin-up time */
    { 0x04, 0x02, 0x64, 0x64, 0x14, { 100 } },          /* start/stop count */
    { 0x05, 0x03, 0x64, 0x64, 0x24, { 0 } },            /* reallocated sectors */
    { 0x09, 0x03, 0x64, 0x64, 0x00, { 1 } },            /* power-on hours */
    { 0x0c, 0x03, 0x64, 0x64, 0x00, { 0 } },            /* power cycles */
    { 0xbe, 0x03, 0x45, 0x45, 0x32, { 31, 0, 31 } },    /* temperature */
};

/* The last byte makes the sum of all 512 zero. */
static void put_checksum(uint8_t *page)
{
    uint8_t sum = 0;

    for (unsigned i = 0; i < SECTOR - 1; i++) {
        sum += page[i];
    }
    page[SECTOR - 1] = -sum;
}

static void reply(IdeDrive *d)
{
    put_checksum(d->buf);
    ide_reply(d, SECTOR);
}

static void read_data(IdeDrive *d)
{
    uint8_t *p = d->buf;

    memset(p, 0, SECTOR);
    p[0] = 0x01;
    for (unsigned i = 0; i < ARRAY_SIZE(attributes); i++) {
        const Attribute *a = &attributes[i];
        uint8_t *e = p + 2 + 12 * i;

        e[0] = a->id;
        e[1] = a->flags;
        e[3] = a->value;
        e[4] = a->worst;
        memcpy(e + 5, a->raw, sizeof(a->raw));
    }
    p[362] = 0x02 | (d->smart_autosave ? 0x80 : 0);     /* off-line collection: done */
    p[363] = 0x00;                                      /* last self-test: no error */
    store_le16(p + 364, 288);                           /* seconds an off-line collection would take */
    p[367] = 0x19;                                      /* immediate off-line and self-tests */
    store_le16(p + 368, 0x0003);                        /* saves before power saving */
    p[370] = 0x01;                                      /* error log */
    p[372] = 0x02;                                      /* minutes: short test */
    p[373] = 0x36;                                      /* extended test */
    reply(d);
}

static void read_thresholds(IdeDrive *d)
{
    memset(d->buf, 0, SECTOR);
    d->buf[0] = 0x01;
    for (unsigned i = 0; i < ARRAY_SIZE(attributes); i++) {
        d->buf[2 + 12 * i] = attributes[i].id;
        d->buf[3 + 12 * i] = attributes[i].threshold;
    }
    reply(d);
}

static void read_log(IdeDrive *d)
{
    uint8_t *p = d->buf;

    memset(p, 0, SECTOR);
    p[0] = 0x01;
    switch (d->tf->lba[0]) {
    case LOG_DIRECTORY:
        p[2 * LOG_ERRORS] = 1;      /* sectors of each log */
        p[2 * LOG_SELFTEST] = 1;
        break;
    case LOG_ERRORS:
        break;
    case LOG_SELFTEST:
        if (d->smart_selftest) {    /* the newest of 21 entries, and its number */
            p[2] = d->smart_selftest;
            p[508] = 1;
        }
        break;
    default:
        ide_abort(d);
        return;
    }
    reply(d);
}

static void execute_offline(IdeDrive *d)
{
    switch (d->tf->lba[0]) {
    case 1: case 2: case 129: case 130:     /* short and extended tests, in either mode */
        d->smart_selftest = d->tf->lba[0];
        ide_done_later(d);
        break;
    case 0: case 127:                       /* off-line collection; abort */
        ide_done_later(d);
        break;
    default:
        ide_abort(d);
        break;
    }
}

void ata_smart(IdeDrive *d)
{
    TaskFile *tf = d->tf;

    if (tf->lba[1] != SMART_LBA_MID || tf->lba[2] != SMART_LBA_HIGH || (!d->smart_on && tf->feature != 0xd8)) {
        ide_abort(d);
        return;
    }
    switch (tf->feature) {
    case 0xd0:
        read_data(d);
        break;
    case 0xd1:
        read_thresholds(d);
        break;
    case 0xd2:
        d->smart_autosave = tf->count == 0xf1;
        ide_done_later(d);
        break;
    case 0xd3:          /* SAVE ATTRIBUTE VALUES: they never change */
    case 0xda:          /* RETURN STATUS: 4F C2 stay, nothing is wrong */
        ide_done_later(d);
        break;
    case 0xd4:
        execute_offline(d);
        break;
    case 0xd5:
        read_log(d);
        break;
    case 0xd8: case 0xd9:
        d->smart_on = tf->feature == 0xd8;
        ide_done_later(d);
        break;
    default:
        ide_abort(d);
        break;
    }
}
