/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parts of the NBD client that know no block nodes: where a server is, and what it says of an export. Any thread. */
#ifndef BLOCK_NBD_H
#define BLOCK_NBD_H

#include "block/options.h"

typedef struct NbdAddress {
    char *host, *port;          /* or */
    char *path;                 /* of a socket */
    char *name;                 /* of the export; NULL: "" */
} NbdAddress;

void nbd_address_clear(NbdAddress *a);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(NbdAddress, nbd_address_clear)
/* From a name ("nbd": there is none) and options, of which the known ones are taken out. d may be NULL. */
bool nbd_address_read(NbdAddress *a, const char *filename, BlockDict *d, Error **errp);
char *nbd_address_text(const NbdAddress *a);    /* as an URI; the caller frees */
/* A connected socket; -1 with an Error. Blocks, until deadline_ns of CLOCK_RT at the latest (names apart). */
int nbd_connect(const NbdAddress *a, int64_t deadline_ns, Error **errp);

#define NBD_READ_ONLY   (1u << 1)   /* flags of an export */
#define NBD_FLUSH       (1u << 2)
#define NBD_FUA         (1u << 3)
#define NBD_TRIM        (1u << 5)
#define NBD_ZEROES      (1u << 6)
#define NBD_FAST_ZERO   (1u << 11)

typedef struct NbdExport {
    uint64_t size;
    uint16_t flags;
    uint32_t min_block;         /* requests are multiples of it: a power of two, at most a sector */
    uint32_t max_block;         /* and carry at most this much data: a multiple of sectors */
    bool structured;            /* replies come in chunks */
    bool has_status;            /* of context: it says where nothing is stored */
    uint32_t context;
} NbdExport;

/* Agrees with the server on an export; false with an Error. Blocks, until deadline_ns at the latest. */
bool nbd_negotiate(int fd, const char *name, NbdExport *e, int64_t deadline_ns, Error **errp);

#endif
