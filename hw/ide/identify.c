/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IDENTIFY DEVICE and IDENTIFY PACKET DEVICE: the 256 words in which a drive describes itself
 *
 * Follows: ATA/ATAPI-6, "IDENTIFY DEVICE", with words 106, 169 and 217 of ATA8-ACS. The values are those of the drives
 * of the long-lived "pc" machine, so that an installed system finds its disk again.
 */
#include "qemu/osdep.h"
#include "ide-internal.h"
#include "qemu/bitops.h"

typedef struct Word {
    uint8_t nr;
    uint16_t val;
} Word;

static void put(uint8_t *page, unsigned word, uint16_t val)
{
    store_le16(page + 2 * word, val);
}

static void put32(uint8_t *page, unsigned word, uint32_t val)
{
    store_le32(page + 2 * word, val);
}

static void put_all(uint8_t *page, const Word *words, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        put(page, words[i].nr, words[i].val);
    }
}

/* Padded with blanks; the first character of each word is its high byte. */
static void put_text(uint8_t *page, unsigned word, unsigned len, const char *text)
{
    uint8_t *p = page + 2 * word;

    for (unsigned i = 0; i < len; i++) {
        p[i ^ 1] = *text ? *text++ : ' ';
    }
}

static void put_texts(uint8_t *page, const IdeDrive *d)
{
    put_text(page, 10, 20, d->serial);
    put_text(page, 23, 8, d->version);
    put_text(page, 27, 40, d->model);
}

/* Words that are the same for every disk. */
static const Word disk_words[] = {
    { 0, 0x0040 },                          /* ATA, fixed */
    { 4, 0x7e00 }, { 5, SECTOR },           /* bytes of a track and a sector, retired */
    { 20, 3 }, { 21, 512 }, { 22, 4 },      /* buffer, retired */
    { 47, 0x8000 | MULTIPLE_MAX },
    { 48, 0x0001 },                         /* 32-bit data port accesses */
    { 49, 0x0b00 },                         /* DMA, LBA, IORDY */
    { 51, 0x0200 }, { 52, 0x0200 }, { 53, 0x0007 },
    { 64, 0x0003 },                         /* PIO 3, 4 */
    { 65, 120 }, { 66, 120 }, { 67, 120 }, { 68, 120 },     /* ns of a cycle */
    { 80, 0x00f0 }, { 81, 0x0016 },         /* ATA-4 to ATA/ATAPI-7 */
    { 82, 0x4023 },                         /* NOP, write cache, security, SMART */
    { 83, 0x7400 },                         /* FLUSH CACHE (EXT), 48-bit addresses */
    { 84, 0x4000 }, { 87, 0x4000 },
    { 93, 0x6001 },                         /* 80-wire cable, device 0 */
    { 106, 0x6000 },
    { 128, 0x0009 },                        /* security: supported, not enabled, frozen */
};

static const Word trim_words[] = {
    { 69, 0x4000 },                         /* a trimmed sector reads the same each time */
    { 169, 0x0001 },
};

static void put_geometry(uint8_t *page, const IdeDrive *d)
{
    uint64_t chs = (uint64_t)d->current.cyls * d->current.heads * d->current.secs;

    put(page, 1, d->geometry.cyls);
    put(page, 3, d->geometry.heads);
    put(page, 6, d->geometry.secs);
    put(page, 54, d->current.cyls);
    put(page, 55, d->current.heads);
    put(page, 56, d->current.secs);
    put32(page, 57, MIN(chs, UINT32_MAX));
    put32(page, 60, MIN(d->sectors, 0x0fffffff));
    store_le64(page + 2 * 100, d->sectors);
}

static void put_modes(uint8_t *page, const IdeDrive *d)
{
    put(page, 62, 0x0007);
    put(page, 63, 0x0007 | d->mwdma << 8);
    put(page, 88, 0x003f | d->udma << 8);
}

void ata_identify(IdeDrive *d, uint8_t *page)
{
    unsigned ratio = ctz64(d->block.physical / SECTOR);

    memset(page, 0, SECTOR);
    put_all(page, disk_words, ARRAY_SIZE(disk_words));
    if (d->block.discard) {
        put_all(page, trim_words, ARRAY_SIZE(trim_words));
    }
    put_texts(page, d);
    put_geometry(page, d);
    put_modes(page, d);
    if (d->multiple) {
        put(page, 59, 0x0100 | d->multiple);
    }
    put(page, 85, 0x4000 | (d->smart_on ? 0x01 : 0) | (d->write_cache ? 0x20 : 0));
    put(page, 86, 0x3400);
    put(page, 106, 0x6000 | ratio);
    put(page, 217, d->rotation_rate);
    if (d->wwn) {
        put(page, 84, 0x4100);
        put(page, 87, 0x4100);
        for (unsigned i = 0; i < 4; i++) {
            put(page, 108 + i, d->wwn >> (48 - 16 * i));
        }
    }
}

static const Word packet_words[] = {
    { 0, 0x85c0 },                          /* ATAPI, CD-ROM, removable, DRQ within 50 us, 12-byte packets */
    { 20, 3 }, { 21, 512 }, { 22, 4 },
    { 48, 0x0001 },
    { 49, 0x0300 },                         /* DMA, LBA */
    { 53, 0x0007 },
    { 64, 0x0003 },
    { 65, 180 }, { 66, 180 }, { 67, 300 }, { 68, 180 },     /* ns of a cycle */
    { 71, 30 }, { 72, 30 },                 /* us to release the bus */
    { 80, 0x001e },
};

void atapi_identify(IdeDrive *d, uint8_t *page)
{
    memset(page, 0, SECTOR);
    put_all(page, packet_words, ARRAY_SIZE(packet_words));
    put_texts(page, d);
    put_modes(page, d);
}
