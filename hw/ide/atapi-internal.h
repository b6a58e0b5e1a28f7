/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the packet protocol (atapi.c) and the commands it carries (mmc.c). A command calls exactly one of these. */
#ifndef HW_IDE_ATAPI_INTERNAL_H
#define HW_IDE_ATAPI_INTERNAL_H

#include "ide-internal.h"

/* Sense keys */
enum { SENSE_NONE = 0, SENSE_NOT_READY = 2, SENSE_MEDIUM_ERROR = 3, SENSE_ILLEGAL = 5, SENSE_ATTENTION = 6 };
/* Additional sense codes */
enum {
    ASC_UNRECOVERED_READ = 0x11, ASC_BAD_OPCODE = 0x20, ASC_LBA_RANGE = 0x21, ASC_BAD_FIELD = 0x24,
    ASC_MEDIUM_CHANGED = 0x28, ASC_RESET = 0x29, ASC_SAVED_PARAMS = 0x39, ASC_NO_MEDIUM = 0x3a,
    ASC_REMOVAL_PREVENTED = 0x53, ASC_ILLEGAL_MODE = 0x64,
};
/* What the next command hears first: IdeDrive.media_state. Saved: values stay. */
enum { MEDIA_KNOWN, MEDIA_SAY_ABSENT, MEDIA_SAY_CHANGED, MEDIA_SAY_RESET, MEDIA__COUNT };
/* GET EVENT STATUS NOTIFICATION, media class: IdeDrive.media_event */
enum { EVENT_NONE, EVENT_EJECT_REQUEST, EVENT_NEW_MEDIUM, EVENT_REMOVAL };

void packet_good(IdeDrive *d);
void packet_check(IdeDrive *d, uint8_t key, uint8_t asc, uint8_t ascq);
void packet_reply(IdeDrive *d, uint32_t len, uint32_t allocated);   /* buf[0..len), at most what the host allocated */
void packet_collect(IdeDrive *d, uint32_t len);                     /* parameters into buf, then packet_good() */
/*
 * Sectors to the host: bytes of each is 2048, or up to 2352 with parts chosen by parts (byte 9 of READ CD), which are
 * made up around the data.
 */
void packet_read(IdeDrive *d, uint32_t lba, uint32_t count, uint32_t bytes, uint8_t parts);

/* mmc.c */
void mmc_execute(IdeDrive *d);
uint32_t cd_sectors(const IdeDrive *d);
bool cd_has_medium(const IdeDrive *d);          /* and the tray is closed */
/* The raw form of a sector in buf, where its 2048 bytes of data are at buf + data_at. Returns its length. */
unsigned cd_wrap_sector(uint8_t *out, const uint8_t *data, uint32_t lba, uint8_t parts);
unsigned cd_part_bytes(uint8_t parts);

#endif
