/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands of a CD/DVD-ROM drive with one data track
 *
 * Follows: INF-8090 (MMC), SFF-8020i, SPC-2 for INQUIRY and REQUEST SENSE. Media of more than 1.3 million sectors are
 * DVDs.
 * Left out: audio, writing, several sessions; parity bytes (ECC) of raw sectors read as zeros, their EDC is right.
 */
#include "qemu/osdep.h"
#include "atapi-internal.h"
#include "qemu/bitops.h"
#include "qemu/log.h"

enum { NEEDS_MEDIUM = 1 << 0, IGNORES_ATTENTION = 1 << 1 };

#define DVD_SECTORS         1300000u    /* more than this is no CD */
#define LEAD_IN             150         /* frames before LBA 0 */
#define FRAMES_PER_SECOND   75
#define READ_MAX            0x100000u   /* sectors of one command */

#define PROFILE_NONE        0x0000
#define PROFILE_CD_ROM      0x0008
#define PROFILE_DVD_ROM     0x0010

uint32_t cd_sectors(const IdeDrive *d)
{
    return MIN(blk_size(d->blk) / CD_SECTOR, UINT32_MAX);
}

bool cd_has_medium(const IdeDrive *d)
{
    return !d->tray_open && cd_sectors(d);
}

static bool is_dvd(const IdeDrive *d)
{
    return cd_sectors(d) > DVD_SECTORS;
}

static uint16_t profile(const IdeDrive *d)
{
    return !cd_has_medium(d) ? PROFILE_NONE : is_dvd(d) ? PROFILE_DVD_ROM : PROFILE_CD_ROM;
}

static void bad_field(IdeDrive *d)
{
    packet_check(d, SENSE_ILLEGAL, ASC_BAD_FIELD, 0);
}

static uint8_t *cleared(IdeDrive *d, size_t len)
{
    return memset(d->buf, 0, len);
}

/* ---- addresses in minutes, seconds, frames ----------------------------------------------------------------------- */

static void put_msf(uint8_t *p, uint32_t lba)
{
    uint32_t frames = lba + LEAD_IN;

    p[0] = frames / FRAMES_PER_SECOND / 60;
    p[1] = frames / FRAMES_PER_SECOND % 60;
    p[2] = frames % FRAMES_PER_SECOND;
}

static bool get_msf(const uint8_t *p, uint32_t *lba)
{
    uint32_t frames = (p[0] * 60u + p[1]) * FRAMES_PER_SECOND + p[2];

    *lba = frames - LEAD_IN;
    return frames >= LEAD_IN && p[1] < 60 && p[2] < FRAMES_PER_SECOND;
}

/* As READ TOC and friends have it: four bytes, in either form. */
static void put_address(uint8_t *p, uint32_t lba, bool msf)
{
    if (msf) {
        p[0] = 0;
        put_msf(p + 1, lba);
    } else {
        store_be32(p, lba);
    }
}

/* ---- about the drive --------------------------------------------------------------------------------------------- */

static void do_good(IdeDrive *d)
{
    packet_good(d);
}

static void do_request_sense(IdeDrive *d)
{
    uint8_t *p = cleared(d, 18);

    if (!d->sense_key && d->media_state == MEDIA_SAY_RESET) {
        d->sense_key = SENSE_ATTENTION;
        d->asc = ASC_RESET;
        d->media_state = MEDIA_KNOWN;
    }
    p[0] = 0x70;
    p[2] = d->sense_key;
    p[7] = 10;
    p[12] = d->asc;
    p[13] = d->ascq;
    d->sense_key = d->asc = d->ascq = 0;
    packet_reply(d, 18, d->packet[4]);
}

static void put_padded(uint8_t *p, unsigned len, const char *text)
{
    for (unsigned i = 0; i < len; i++) {
        p[i] = *text ? *text++ : ' ';
    }
}

/* Vital product data: the list of pages, and who we are. */
static void inquiry_vpd(IdeDrive *d)
{
    uint8_t *p = cleared(d, 64);

    p[0] = 0x05;
    p[1] = d->packet[2];
    switch (d->packet[2]) {
    case 0x00:
        p[3] = 2;
        p[5] = 0x83;
        packet_reply(d, 6, load_be16(d->packet + 3));
        break;
    case 0x83:
        p[3] = 4 + 20;
        p[4] = 0x02;            /* ASCII, vendor specific */
        p[7] = 20;
        put_padded(p + 8, 20, d->serial);
        packet_reply(d, 28, load_be16(d->packet + 3));
        break;
    default:
        bad_field(d);
        break;
    }
}

static void do_inquiry(IdeDrive *d)
{
    uint8_t *p;

    if (d->packet[1] & 0x01) {
        inquiry_vpd(d);
        return;
    }
    p = cleared(d, 36);
    p[0] = 0x05;                /* CD-ROM */
    p[1] = 0x80;                /* removable */
    p[3] = 0x21;                /* ATAPI, response format 1 */
    p[4] = 31;
    put_padded(p + 8, 8, "QEMU");
    put_padded(p + 16, 16, d->model);
    put_padded(p + 32, 4, d->version);
    packet_reply(d, 36, load_be16(d->packet + 3));
}

/* ---- mode pages -------------------------------------------------------------------------------------------------- */

static const uint8_t page_error_recovery[] = { 0x01, 0x06, 0x00, 0x05, 0x00, 0x00, 0x00, 0x00 };
static const uint8_t page_cd[] = { 0x0d, 0x06, 0x00, 0x0b, 0x00, 60, 0x00, FRAMES_PER_SECOND };
static const uint8_t page_audio[] = {
    0x0e, 0x0e, 0x04, 0x00, 0x00, 0x00, 0x00, FRAMES_PER_SECOND, 0x01, 0xff, 0x02, 0xff, 0x00, 0x00, 0x00, 0x00,
};
/* Reads CD-R, CD-RW, DVD-ROM, DVD-R; mode 2, multi-session; tray; 4x CD speed, 512 KiB of buffer. */
static const uint8_t page_capabilities[] = {
    0x2a, 0x14, 0x3b, 0x00, 0x71, 0x60, 0x29, 0x00, 0x02, 0xc0, 0x00, 0x02, 0x02, 0x00, 0x02, 0xc0,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};

static const struct {
    const uint8_t *page;
    unsigned len;
} mode_pages[] = {
    { page_error_recovery, sizeof(page_error_recovery) }, { page_cd, sizeof(page_cd) },
    { page_audio, sizeof(page_audio) }, { page_capabilities, sizeof(page_capabilities) },
};

static uint8_t medium_type(const IdeDrive *d)
{
    return d->tray_open ? 0x71 : !cd_has_medium(d) ? 0x70 : 0x01;
}

/* The pages asked for, behind a header; 0: there is none, and the command has failed. */
static unsigned put_mode_pages(IdeDrive *d, uint8_t *p, unsigned header)
{
    uint8_t code = d->packet[2] & 0x3f, control = d->packet[2] >> 6;
    unsigned len = header;

    if (control == 3) {
        packet_check(d, SENSE_ILLEGAL, ASC_SAVED_PARAMS, 0);
        return 0;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(mode_pages); i++) {
        uint8_t *at = p + len;

        if (code != 0x3f && code != mode_pages[i].page[0]) {
            continue;
        }
        memcpy(at, mode_pages[i].page, mode_pages[i].len);
        if (control == 1) {
            memset(at + 2, 0, mode_pages[i].len - 2);       /* nothing can be changed */
        } else if (at[0] == 0x2a && d->locked) {
            at[6] |= 0x02;
        }
        len += mode_pages[i].len;
    }
    if (len == header) {
        bad_field(d);
        return 0;
    }
    return len;
}

static void do_mode_sense10(IdeDrive *d)
{
    uint8_t *p = cleared(d, 128);
    unsigned len = put_mode_pages(d, p, 8);

    if (len) {
        store_be16(p, len - 2);
        p[2] = medium_type(d);
        packet_reply(d, len, load_be16(d->packet + 7));
    }
}

static void do_mode_sense6(IdeDrive *d)
{
    uint8_t *p = cleared(d, 128);
    unsigned len = put_mode_pages(d, p, 4);

    if (len) {
        p[0] = len - 1;
        p[1] = medium_type(d);
        packet_reply(d, len, d->packet[4]);
    }
}

static void do_mode_select6(IdeDrive *d)
{
    packet_collect(d, d->packet[4]);
}

static void do_mode_select10(IdeDrive *d)
{
    packet_collect(d, load_be16(d->packet + 7));
}

/* One logical unit, number 0 (SPC-3, "REPORT LUNS"). */
static void do_report_luns(IdeDrive *d)
{
    uint8_t *p = cleared(d, 16);

    if (d->packet[2] > 2 || load_be32(d->packet + 6) < 16) {
        bad_field(d);
        return;
    }
    p[3] = d->packet[2] == 1 ? 0 : 8;           /* 1: well known units only, of which there are none */
    packet_reply(d, 8 + p[3], load_be32(d->packet + 6));
}

/* MMC-3, "READ BUFFER CAPACITY": all of the buffer is free, as nothing is written. */
static void do_buffer_capacity(IdeDrive *d)
{
    uint8_t *p = cleared(d, 12);

    if (d->packet[1] & 1) {                     /* in blocks, which only writers have */
        bad_field(d);
        return;
    }
    p[1] = 10;
    store_be32(p + 4, XFER_BUF);
    store_be32(p + 8, XFER_BUF);
    packet_reply(d, 12, load_be16(d->packet + 7));
}

/* ---- configuration, events --------------------------------------------------------------------------------------- */

static unsigned put_feature(uint8_t *p, uint16_t code, uint8_t flags, const uint8_t *data, unsigned len)
{
    store_be16(p, code);
    p[2] = flags;
    p[3] = len;
    memcpy(p + 4, data, len);
    return 4 + len;
}

static void do_get_configuration(IdeDrive *d)
{
    static const uint8_t core[] = { 0, 0, 0, 2, 0x01, 0, 0, 0 };            /* ATAPI, device busy events */
    static const uint8_t removable[] = { 0x29, 0, 0, 0 };                   /* tray, eject, lock */
    static const uint8_t random_read[] = { 0, 0, 0x08, 0, 0, 1, 0, 0 };     /* blocks of 2048 bytes */
    static const uint8_t cd_read[] = { 0, 0, 0, 0 };
    uint16_t now = profile(d), first = load_be16(d->packet + 2);
    uint8_t only = d->packet[1] & 3, *p = cleared(d, 128), profiles[8] = { 0 };
    bool has_cd = now == PROFILE_CD_ROM, has_dvd = now == PROFILE_DVD_ROM;
    const struct {
        uint16_t code;
        uint8_t flags;          /* version, persistent, current */
        const uint8_t *data;
        unsigned len;
    } features[] = {
        { 0x0000, 0x03, profiles, 8 }, { 0x0001, 0x0b, core, 8 }, { 0x0003, 0x03, removable, 4 },
        { 0x0010, has_cd || has_dvd, random_read, 8 }, { 0x001e, 0x08 | has_cd, cd_read, 4 },
        { 0x001f, has_dvd, cd_read, 4 },
    };
    unsigned len = 8;

    if (only == 3) {
        bad_field(d);
        return;
    }
    store_be16(profiles, PROFILE_DVD_ROM);
    profiles[2] = has_dvd;
    store_be16(profiles + 4, PROFILE_CD_ROM);
    profiles[6] = has_cd;
    for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
        if (only == 2 ? features[i].code == first :
            features[i].code >= first && (only == 0 || features[i].flags & 0x01)) {
            len += put_feature(p + len, features[i].code, features[i].flags, features[i].data, features[i].len);
        }
    }
    store_be32(p, len - 4);
    store_be16(p + 6, now);
    packet_reply(d, len, load_be16(d->packet + 7));
}

static void do_event_status(IdeDrive *d)
{
    uint8_t *p = cleared(d, 8);

    if (!(d->packet[1] & 0x01)) {       /* only polling is supported */
        bad_field(d);
        return;
    }
    p[3] = 0x10;                        /* the class we know: media */
    if (!(d->packet[4] & 0x10)) {
        p[1] = 2;
        p[2] = 0x80;                    /* no such event */
        packet_reply(d, 4, load_be16(d->packet + 7));
        return;
    }
    p[1] = 6;
    p[2] = 0x04;
    p[4] = d->media_event;
    p[5] = (d->tray_open ? 0x01 : 0) | (cd_has_medium(d) ? 0x02 : 0);
    if (d->media_event == EVENT_NEW_MEDIUM && d->media_state == MEDIA_SAY_ABSENT) {
        d->media_state = MEDIA_SAY_CHANGED;     /* the event says as much; Linux would meet the attention in a READ */
    }
    d->media_event = EVENT_NONE;
    packet_reply(d, 8, load_be16(d->packet + 7));
}

static void do_mechanism_status(IdeDrive *d)
{
    uint8_t *p = cleared(d, 8);

    p[1] = d->tray_open ? 0x10 : 0;
    p[5] = 1;
    packet_reply(d, 8, load_be16(d->packet + 8));
}

/* ---- tray -------------------------------------------------------------------------------------------------------- */

static void do_start_stop(IdeDrive *d)
{
    bool start = d->packet[4] & 0x01, load_eject = d->packet[4] & 0x02;

    if (load_eject && !start && d->locked) {
        packet_check(d, cd_has_medium(d) ? SENSE_ILLEGAL : SENSE_NOT_READY, ASC_REMOVAL_PREVENTED, 2);
        return;
    }
    if (load_eject && d->tray_open == start) {
        d->tray_open = !start;
        d->media_event = !start ? EVENT_REMOVAL : cd_has_medium(d) ? EVENT_NEW_MEDIUM : EVENT_NONE;
        if (start && cd_has_medium(d)) {
            d->media_state = MEDIA_SAY_CHANGED;
        }
    }
    packet_good(d);
}

static void do_prevent_allow(IdeDrive *d)
{
    d->locked = d->packet[4] & 0x01;
    packet_good(d);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static void read_range(IdeDrive *d, uint32_t lba, uint32_t count, uint32_t bytes)
{
    uint32_t total = cd_sectors(d);

    if (!count || !bytes) {
        packet_good(d);
    } else if (lba >= total || count > total - lba) {
        packet_check(d, SENSE_ILLEGAL, ASC_LBA_RANGE, 0);
    } else if (count > READ_MAX) {
        bad_field(d);
    } else {
        packet_read(d, lba, count, bytes, d->packet[9]);
    }
}

static void do_read10(IdeDrive *d)
{
    read_range(d, load_be32(d->packet + 2), load_be16(d->packet + 7), CD_SECTOR);
}

static void do_read12(IdeDrive *d)
{
    read_range(d, load_be32(d->packet + 2), load_be32(d->packet + 6), CD_SECTOR);
}

static void do_seek(IdeDrive *d)
{
    if (load_be32(d->packet + 2) >= cd_sectors(d)) {
        packet_check(d, SENSE_ILLEGAL, ASC_LBA_RANGE, 0);
    } else {
        packet_good(d);
    }
}

/* Byte 9 of READ CD: 7 sync, 6:5 headers, 4 data, 3 EDC and ECC. A mode 1 sector has no subheader. */
#define PART_SYNC   0x80u
#define PART_HEADER 0x20u
#define PART_DATA   0x10u
#define PART_EDC    0x08u

unsigned cd_part_bytes(uint8_t parts)
{
    return (parts & PART_SYNC ? 12 : 0) + (parts & PART_HEADER ? 4 : 0) + (parts & PART_DATA ? CD_SECTOR : 0) +
           (parts & PART_EDC ? 288 : 0);
}

/* ECMA-130, "EDC field": x^32 + x^31 + x^16 + x^15 + x^4 + x^3 + x + 1, least significant bit first. */
static uint32_t edc(const uint8_t *p, unsigned len)
{
    uint32_t crc = 0;

    for (unsigned i = 0; i < len; i++) {
        crc ^= p[i];
        for (unsigned bit = 0; bit < 8; bit++) {
            crc = crc & 1 ? crc >> 1 ^ 0xd8018001 : crc >> 1;
        }
    }
    return crc;
}

static uint8_t bcd(unsigned v)
{
    return v / 10 % 10 << 4 | v % 10;
}

unsigned cd_wrap_sector(uint8_t *out, const uint8_t *data, uint32_t lba, uint8_t parts)
{
    uint8_t whole[CD_RAW] = { 0 };
    unsigned len = 0;
    const struct {
        uint8_t part;
        uint16_t at, len;
    } pieces[] = {
        { PART_SYNC, 0, 12 }, { PART_HEADER, 12, 4 }, { PART_DATA, 16, CD_SECTOR }, { PART_EDC, 2064, 288 },
    };

    memset(whole + 1, 0xff, 10);
    put_msf(whole + 12, lba);
    for (unsigned i = 12; i < 15; i++) {
        whole[i] = bcd(whole[i]);
    }
    whole[15] = 1;      /* mode */
    memcpy(whole + 16, data, CD_SECTOR);
    store_le32(whole + 2064, edc(whole, 2064));
    for (unsigned i = 0; i < ARRAY_SIZE(pieces); i++) {
        if (parts & pieces[i].part) {
            memcpy(out + len, whole + pieces[i].at, pieces[i].len);
            len += pieces[i].len;
        }
    }
    return len;
}

static void read_cd(IdeDrive *d, uint32_t lba, uint32_t count)
{
    uint8_t type = d->packet[1] >> 2 & 7;

    if (type != 0 && type != 2) {       /* any, mode 1: what a data track has */
        packet_check(d, SENSE_ILLEGAL, ASC_ILLEGAL_MODE, 0);
    } else {
        read_range(d, lba, count, cd_part_bytes(d->packet[9]));
    }
}

static void do_read_cd(IdeDrive *d)
{
    read_cd(d, load_be32(d->packet + 2), load_be32(d->packet + 5) & 0xffffff);
}

static void do_read_cd_msf(IdeDrive *d)
{
    uint32_t first, end;

    if (!get_msf(d->packet + 3, &first) || !get_msf(d->packet + 6, &end) || end < first) {
        bad_field(d);
    } else {
        read_cd(d, first, end - first);
    }
}

/* ---- about the medium -------------------------------------------------------------------------------------------- */

static void do_read_capacity(IdeDrive *d)
{
    uint8_t *p = cleared(d, 8);

    store_be32(p, cd_sectors(d) - 1);
    store_be32(p + 4, CD_SECTOR);
    packet_reply(d, 8, 8);
}

static void do_format_capacities(IdeDrive *d)
{
    uint8_t *p = cleared(d, 12);

    p[3] = 8;
    store_be32(p + 4, cd_sectors(d));
    store_be32(p + 8, CD_SECTOR);
    p[8] = 0x02;            /* formatted */
    packet_reply(d, 12, load_be16(d->packet + 7));
}

static unsigned put_toc_entry(uint8_t *p, uint8_t track, uint32_t lba, bool msf)
{
    p[1] = 0x14;            /* data track, address in Q */
    p[2] = track;
    put_address(p + 4, lba, msf);
    return 8;
}

/* MMC, "Format 0010b": points A0, A1, A2 and the track, always in minutes, seconds and frames. */
static unsigned put_full_toc(uint8_t *p, uint32_t lead_out)
{
    static const uint8_t points[] = { 0xa0, 0xa1, 0xa2, 0x01 };

    for (unsigned i = 0; i < ARRAY_SIZE(points); i++) {
        uint8_t *e = p + 11 * i;

        e[0] = 1;
        e[1] = 0x14;
        e[3] = points[i];
        if (points[i] == 0xa2) {
            put_msf(e + 8, lead_out);
        } else if (points[i] == 0x01) {
            put_msf(e + 8, 0);
        } else {
            e[8] = 1;
        }
    }
    return 11 * ARRAY_SIZE(points);
}

static void do_read_toc(IdeDrive *d)
{
    /* SFF-8020i had the format in byte 9; both forms are 0 for the plain table. */
    uint8_t format = d->packet[2] & 0x0f ? d->packet[2] & 0x0f : d->packet[9] >> 6, start = d->packet[6];
    bool msf = d->packet[1] & 0x02;
    uint8_t *p = cleared(d, 128);
    unsigned len = 4;

    p[2] = p[3] = 1;        /* first and last track or session */
    switch (format) {
    case 0:
        if (start > 1 && start != 0xaa) {
            bad_field(d);
            return;
        }
        if (start <= 1) {
            len += put_toc_entry(p + len, 1, 0, msf);
        }
        len += put_toc_entry(p + len, 0xaa, cd_sectors(d), msf);
        break;
    case 1:
        len += put_toc_entry(p + len, 1, 0, msf);
        break;
    case 2:
        len += put_full_toc(p + len, cd_sectors(d));
        break;
    default:
        bad_field(d);
        return;
    }
    store_be16(p, len - 2);
    packet_reply(d, len, load_be16(d->packet + 7));
}

static void do_read_header(IdeDrive *d)
{
    uint32_t lba = load_be32(d->packet + 2);
    uint8_t *p = cleared(d, 8);

    if (lba >= cd_sectors(d)) {
        packet_check(d, SENSE_ILLEGAL, ASC_LBA_RANGE, 0);
        return;
    }
    p[0] = 1;               /* mode */
    put_address(p + 4, lba, d->packet[1] & 0x02);
    packet_reply(d, 8, load_be16(d->packet + 7));
}

static void do_read_subchannel(IdeDrive *d)
{
    uint8_t *p = cleared(d, 24);
    bool wanted = d->packet[2] & 0x40;
    unsigned len = wanted ? 16 : 4;

    if (wanted && (d->packet[3] < 1 || d->packet[3] > 3)) {
        bad_field(d);
        return;
    }
    p[1] = 0x15;            /* no audio */
    if (wanted) {
        len = d->packet[3] == 1 ? 16 : 24;
        p[4] = d->packet[3];
        p[5] = d->packet[3] == 1 ? 0x14 : 0;
        p[6] = p[7] = d->packet[3] == 1;
    }
    store_be16(p + 2, len - 4);
    packet_reply(d, len, load_be16(d->packet + 7));
}

static void do_disc_information(IdeDrive *d)
{
    uint8_t *p = cleared(d, 34);

    if (d->packet[1] & 7) {
        bad_field(d);
        return;
    }
    store_be16(p, 32);
    p[2] = 0x0e;            /* complete, last session complete */
    p[3] = p[4] = p[5] = p[6] = 1;
    p[7] = 0x20;            /* unrestricted use */
    packet_reply(d, 34, load_be16(d->packet + 7));
}

static void do_track_information(IdeDrive *d)
{
    uint32_t nr = load_be32(d->packet + 2);
    uint8_t *p = cleared(d, 36);

    if ((d->packet[1] & 3) == 1 ? nr != 1 && nr != 0xff : (d->packet[1] & 3) == 0 ? nr >= cd_sectors(d) : nr != 1) {
        bad_field(d);
        return;
    }
    store_be16(p, 34);
    p[2] = p[3] = 1;        /* track, session */
    p[5] = 0x04;            /* data */
    p[6] = 0x01;            /* mode 1 */
    store_be32(p + 24, cd_sectors(d));
    packet_reply(d, 36, load_be16(d->packet + 7));
}

/* ---- DVD --------------------------------------------------------------------------------------------------------- */

static unsigned put_physical_format(const IdeDrive *d, uint8_t *p)
{
    p[0] = 0x01;            /* DVD-ROM */
    p[1] = 0x0f;            /* 120 mm, no maximum rate */
    p[2] = 0x01;            /* one layer, read only */
    store_be32(p + 4, 0x30000);
    store_be32(p + 8, 0x30000 + cd_sectors(d) - 1);
    return 2048;
}

static void do_dvd_structure(IdeDrive *d)
{
    uint8_t format = d->packet[7], *p = cleared(d, 4 + 2048);
    unsigned len;

    if (!is_dvd(d)) {
        packet_check(d, SENSE_ILLEGAL, 0x30, 2);        /* incompatible medium */
        return;
    }
    switch (format) {
    case 0x00:
        len = put_physical_format(d, p + 4);
        break;
    case 0x01:              /* no copy protection */
        len = 4;
        break;
    case 0x04:              /* manufacturing information: none */
        len = 2048;
        break;
    case 0xff:              /* what there is */
        for (unsigned i = 0; i < 3; i++) {
            p[4 + 4 * i] = i == 2 ? 0x04 : i;
            p[5 + 4 * i] = 0x40;
            store_be16(p + 6 + 4 * i, i == 1 ? 8 : 2052);
        }
        len = 12;
        break;
    default:
        bad_field(d);
        return;
    }
    store_be16(p, len + 2);
    packet_reply(d, 4 + len, load_be16(d->packet + 8));
}

/* ---- dispatch ---------------------------------------------------------------------------------------------------- */

typedef struct MmcCommand {
    uint8_t op, flags;
    void (*run)(IdeDrive *d);
} MmcCommand;

static const MmcCommand commands[] = {
    { 0x00, NEEDS_MEDIUM, do_good },                    /* TEST UNIT READY */
    { 0x03, IGNORES_ATTENTION, do_request_sense },
    { 0x12, IGNORES_ATTENTION, do_inquiry },
    { 0x15, 0, do_mode_select6 },
    { 0x1a, 0, do_mode_sense6 },
    { 0x1b, 0, do_start_stop },
    { 0x1e, 0, do_prevent_allow },
    { 0x23, NEEDS_MEDIUM, do_format_capacities },
    { 0x25, NEEDS_MEDIUM, do_read_capacity },
    { 0x28, NEEDS_MEDIUM, do_read10 },
    { 0x2b, NEEDS_MEDIUM, do_seek },
    { 0x2f, NEEDS_MEDIUM, do_seek },                    /* VERIFY(10) */
    { 0x35, 0, do_good },                               /* SYNCHRONIZE CACHE */
    { 0x42, NEEDS_MEDIUM, do_read_subchannel },
    { 0x43, NEEDS_MEDIUM, do_read_toc },
    { 0x44, NEEDS_MEDIUM, do_read_header },
    { 0x46, IGNORES_ATTENTION, do_get_configuration },
    { 0x4a, IGNORES_ATTENTION, do_event_status },
    { 0x4b, NEEDS_MEDIUM, do_good },                    /* PAUSE/RESUME */
    { 0x4e, NEEDS_MEDIUM, do_good },                    /* STOP PLAY/SCAN */
    { 0x51, NEEDS_MEDIUM, do_disc_information },
    { 0x52, NEEDS_MEDIUM, do_track_information },
    { 0x55, 0, do_mode_select10 },
    { 0x5a, 0, do_mode_sense10 },
    { 0x5c, 0, do_buffer_capacity },
    { 0xa0, IGNORES_ATTENTION, do_report_luns },
    { 0xa8, NEEDS_MEDIUM, do_read12 },
    { 0xad, NEEDS_MEDIUM, do_dvd_structure },
    { 0xb9, NEEDS_MEDIUM, do_read_cd_msf },
    { 0xbb, 0, do_good },                               /* SET CD SPEED */
    { 0xbd, 0, do_mechanism_status },
    { 0xbe, NEEDS_MEDIUM, do_read_cd },
};

static const MmcCommand *find_command(uint8_t op)
{
    for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
        if (commands[i].op == op) {
            return &commands[i];
        }
    }
    return NULL;
}

static void no_medium(IdeDrive *d)
{
    packet_check(d, SENSE_NOT_READY, ASC_NO_MEDIUM, d->tray_open ? 2 : 1);
}

/* True: the command was refused for news that come first, each once. */
static bool tell_news(IdeDrive *d)
{
    switch (d->media_state) {
    case MEDIA_SAY_ABSENT:
        d->media_state = MEDIA_SAY_CHANGED;
        packet_check(d, SENSE_NOT_READY, ASC_NO_MEDIUM, 0);
        return true;
    case MEDIA_SAY_CHANGED:
        d->media_state = MEDIA_KNOWN;
        packet_check(d, SENSE_ATTENTION, ASC_MEDIUM_CHANGED, 0);
        return true;
    case MEDIA_SAY_RESET:
        d->media_state = MEDIA_KNOWN;
        packet_check(d, SENSE_ATTENTION, ASC_RESET, 0);
        return true;
    default:
        return false;
    }
}

void mmc_execute(IdeDrive *d)
{
    const MmcCommand *c = find_command(d->packet[0]);

    if (c && c->flags & IGNORES_ATTENTION) {
        c->run(d);
        return;
    }
    d->sense_key = d->asc = d->ascq = 0;
    if (tell_news(d)) {
        return;
    }
    if (!c) {
        qemu_log_mask(LOG_UNIMP, "ide%u.%u: packet command %02x\n", d->ch->nr, d->unit, d->packet[0]);
        packet_check(d, SENSE_ILLEGAL, ASC_BAD_OPCODE, 0);
    } else if (c->flags & NEEDS_MEDIUM && !cd_has_medium(d)) {
        no_medium(d);
    } else {
        c->run(d);
    }
}
