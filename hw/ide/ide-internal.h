/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the IDE folder: channels, drives, transfers.
 *
 *   channel.c    ports, selection, interrupts, SRST; who answers for a drive that is not there
 *   drive.c      one drive's protocol: PIO blocks, delays, ends; life, properties, saved state
 *   ata.c        commands of disks            identify.c   IDENTIFY pages        smart.c   SMART
 *   atapi.c      PACKET commands of CD-ROMs   mmc.c        what they answer
 *   bus-master.c PRD tables and the DMA engine
 *   function.c   two channels and their ports              piix-ide.c, isa-ide.c   the cards with them
 */
#ifndef HW_IDE_INTERNAL_H
#define HW_IDE_INTERNAL_H

#include "hw/block/block-props.h"
#include "hw/ide/ide.h"
#include "qemu/timer.h"

/* Status */
#define ST_ERR      0x01u
#define ST_DRQ      0x08u
#define ST_DSC      0x10u
#define ST_DF       0x20u
#define ST_DRDY     0x40u
#define ST_BSY      0x80u
#define ST_READY    (ST_DRDY | ST_DSC)
/* Error */
#define ER_ABRT     0x04u
#define ER_IDNF     0x10u
#define ER_UNC      0x40u
/* Device */
#define DEV_LBA     0x40u
#define DEV_UNIT    0x10u
#define DEV_OBSOLETE 0xa0u
/* Device control */
#define CTL_NIEN    0x02u
#define CTL_SRST    0x04u
#define CTL_HOB     0x80u

#define SECTOR      BLOCK_SECTOR_SIZE
#define CD_SECTOR   2048u
#define CD_RAW      2352u
#define XFER_BUF    (128u * 1024)       /* a whole 28-bit command; 48-bit ones go in pieces */
#define MULTIPLE_MAX 16u

typedef struct IdeChannel IdeChannel;
typedef struct IdeDrive IdeDrive;

/* The command block. Each unit keeps a copy, also one without a drive. prev: the byte written before (48-bit). */
typedef struct TaskFile {
    uint8_t feature, count, lba[3], device;
    uint8_t prev_feature, prev_count, prev_lba[3];
    uint8_t status, error;
    bool intrq;                 /* the device asks for an interrupt */
} TaskFile;

/* Who goes on when the host has moved the current block, and what that block is. Saved: values stay. */
typedef enum Transfer {
    XFER_NONE,
    XFER_REPLY,                 /* one answer from buf, to the host */
    XFER_READ, XFER_WRITE,      /* sectors of a disk */
    XFER_PACKET,                /* 12 bytes of a packet */
    XFER_PACKET_IN, XFER_PACKET_OUT,
    XFER__COUNT,
} Transfer;

/* What happens when the delay timer ends. Saved: values stay. */
typedef enum Delayed { DELAYED_NONE, DELAYED_DONE, DELAYED_DRQ, DELAYED__COUNT } Delayed;

typedef enum DmaKind { DMA_NONE, DMA_READ, DMA_WRITE, DMA_REPLY, DMA_PARAMS } DmaKind;      /* saved */

typedef struct IdeGeometry {
    uint16_t cyls;
    uint8_t heads, secs;
} IdeGeometry;

struct IdeDrive {
    Device parent;
    bool is_cdrom;
    uint32_t channel_nr, unit;
    IdeFunction *function;
    IdeChannel *ch;
    TaskFile *tf;
    BlockBackend *blk;

    /* properties */
    char *drive_name, *bus_name, *serial, *model, *version, *chs_trans, *rerror, *werror;
    ChsTranslation translation; /* what chs_trans says */
    uint32_t bootindex, prop_cyls, prop_heads, prop_secs;
    uint64_t wwn;
    BlockProps block;
    uint32_t rotation_rate;
    uint32_t unit_prop;

    /* disk */
    uint64_t sectors;
    IdeGeometry geometry;       /* default translation */
    IdeGeometry current;        /* as INITIALIZE DEVICE PARAMETERS left it */
    uint8_t multiple;           /* sectors per block, 0: not set */
    uint8_t mwdma, udma, pio;   /* selected mode as a bit; 0: none */
    bool write_cache, look_ahead, smart_on, apm_on, asleep;
    uint8_t smart_autosave, smart_selftest;

    /* the transfer under way */
    uint8_t command;
    uint8_t xfer;               /* Transfer */
    bool ext, multi;            /* addressed with 48 bits; blocks of several sectors */
    uint64_t lba;               /* next sector to move between medium and buf, or by DMA */
    uint32_t left;              /* sectors not yet moved so */
    uint32_t pos, block_end, fill;  /* in buf: next byte for the host, end of its block, end of what is valid */
    Timer delay;
    uint8_t delayed;            /* Delayed */
    bool io_busy;               /* a block request is under way: never when state is saved */
    bool reset_pending;         /* ... and its result is not wanted any more: a reset waits for it */
    struct iovec iov;

    /* CD-ROM */
    uint8_t packet[12];
    uint8_t sense_key, asc, ascq;
    uint8_t media_event, media_state;
    bool tray_open, locked;
    uint32_t byte_limit;
    uint32_t cd_bytes;          /* of one sector as asked for: 2048, 2352 or parts */
    bool packet_dma;
    uint8_t buf[XFER_BUF];
};

/* Bus-master half of a channel. */
typedef struct BusMaster {
    uint8_t command, status;
    uint32_t table;
    /* the transfer the drive waits for or has under way */
    uint8_t kind;               /* DmaKind */
    uint8_t unit;               /* of the drive */
    bool running;               /* a block request works on guest memory: never when state is saved */
    bool stopped;               /* the host cleared START meanwhile */
    uint64_t offset;            /* of the medium, bytes */
    uint32_t left;              /* bytes */
    uint32_t reply_pos;         /* of DMA_REPLY and DMA_PARAMS in the drive's buf */
    /* cursor in the PRD table */
    uint32_t next_prd, prd_addr, prd_left;
    bool prd_last;
    /* one piece, while it runs */
    GArray *spans;              /* DmaSpan */
    GArray *iov;                /* struct iovec: them as host memory, or the buffer */
    GArray *ram;                /* ram_addr_t of each iov */
    uint8_t *bounce;            /* NULL: iov is guest memory */
    uint32_t piece;             /* bytes */
    bool piece_to_memory;
} BusMaster;

struct IdeChannel {
    IdeFunction *function;
    unsigned nr;
    MemoryRegion cmd_io, ctl_io;
    Irq irq;
    bool line;                  /* level of irq */
    IdeDrive *drive[IDE_UNITS];
    TaskFile tf[IDE_UNITS];
    uint8_t unit;               /* selected */
    uint8_t control;
    BusMaster bm;
};

struct IdeFunction {
    Device *owner;              /* the card */
    PciDevice *pci;             /* the same as a bus master; NULL on ISA */
    IdeChannel ch[IDE_CHANNELS];
};

/* function.c */
void ide_function_init(IdeFunction *f, Device *owner, PciDevice *pci);
void ide_function_reset(IdeFunction *f);
bool ide_function_check(const IdeFunction *f, Error **errp);    /* after a load */

/* channel.c */
void ide_channel_init(IdeChannel *ch, IdeFunction *f, unsigned nr, Device *owner);
void ide_channel_reset(IdeChannel *ch);
void ide_update_irq(IdeChannel *ch);
extern const VMStateDescription vmstate_ide_channel;

/* drive.c: what commands use. Each ends the command or leaves the drive busy. */
void ide_set_signature(IdeDrive *d);
void ide_drive_soft_reset(IdeDrive *d, bool hold);      /* hold: SRST is set; later once more without */
void ide_raise(IdeDrive *d);                            /* INTRQ */
void ide_done(IdeDrive *d);                             /* good end: ready, INTRQ */
void ide_done_later(IdeDrive *d);                       /* busy for some microseconds, then that */
void ide_fail(IdeDrive *d, uint8_t error);              /* ERR, INTRQ, now */
void ide_abort(IdeDrive *d);                            /* ABRT, some microseconds from now */
void ide_drq_later(IdeDrive *d);                        /* busy for some microseconds, then DRQ and INTRQ */
void ide_reply(IdeDrive *d, uint32_t len);              /* buf[0..len) to the host in one block, then idle */
void ide_block_ready(IdeDrive *d, bool interrupt);      /* pos..block_end is set: DRQ */
void ide_block_ended(IdeDrive *d);                      /* the host has moved it all */
/* Block I/O of whole buf, done(d, ret) afterwards unless a reset came in between. */
typedef void IdeIoDone(IdeDrive *d, int ret);
void ide_read_medium(IdeDrive *d, uint64_t offset, uint32_t bytes, IdeIoDone *done);
void ide_write_medium(IdeDrive *d, uint64_t offset, uint32_t bytes, IdeIoDone *done);
void ide_flush_medium(IdeDrive *d, IdeIoDone *done);
void ide_io_begin(IdeDrive *d);
bool ide_io_end(IdeDrive *d);                           /* false: the result is not wanted */

/* Where drives without a place go. */
void ide_set_default_function(IdeFunction *f);

/* ata.c */
void ata_command(IdeDrive *d, uint8_t op);
void ata_block_ended(IdeDrive *d);
void ata_dma_done(IdeDrive *d, int ret);
void ata_power_on(IdeDrive *d);
bool ata_set_features(IdeDrive *d);
uint32_t ata_count(const IdeDrive *d, bool ext);
/* identify.c */
void ata_identify(IdeDrive *d, uint8_t *page);
void atapi_identify(IdeDrive *d, uint8_t *page);
/* smart.c */
void ata_smart(IdeDrive *d);
/* atapi.c */
void atapi_command(IdeDrive *d, uint8_t op);
void atapi_block_ended(IdeDrive *d);
void atapi_dma_done(IdeDrive *d, int ret);
void atapi_power_on(IdeDrive *d);
extern const BlkDeviceOps atapi_blk_ops;

/* bus-master.c */
void bm_init(IdeChannel *ch);
void bm_reset(IdeChannel *ch);
uint8_t bm_read(IdeChannel *ch, unsigned reg);
void bm_write(IdeChannel *ch, unsigned reg, uint8_t val);
void bm_table_write(IdeChannel *ch, uint32_t val, uint32_t mask);
/* The drive has data or wants some; it waits for the host's START. Ends in ata_dma_done() or atapi_dma_done(). */
void bm_request(IdeDrive *d, DmaKind kind, uint64_t offset, uint32_t bytes);
void bm_cancel(IdeChannel *ch);
extern const VMStateDescription vmstate_bus_master;

#endif
