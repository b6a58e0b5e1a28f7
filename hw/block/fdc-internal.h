/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the floppy controller.
 *
 *   fdc.c           registers, phases, the command table, saved state
 *   fdc-data.c      commands that move sectors
 *   fdc-media.c     what kind of disk is in a drive
 *   floppy.c        drives as devices with properties
 */
#ifndef HW_BLOCK_FDC_INTERNAL_H
#define HW_BLOCK_FDC_INTERNAL_H

#include "block/backend.h"
#include "hw/block/fdc.h"
#include "qemu/timer.h"

#define FDC_DRIVES      4           /* that can be addressed; two can exist */
#define FDC_REAL_DRIVES 2
#define FDC_PARAMS_MAX  20
#define FDC_BUF         (72u * 512) /* a track of the densest disk, both sides */
#define SECTOR          512u

/* Status register 0 */
#define ST0_ABNORMAL    0x40u
#define ST0_INVALID     0x80u
#define ST0_POLLED      0xc0u       /* after a reset */
#define ST0_SEEK_END    0x20u
#define ST0_EQUIPMENT   0x10u
/* 1 */
#define ST1_END_OF_CYL  0x80u
#define ST1_CRC         0x20u
#define ST1_NO_DATA     0x04u
#define ST1_PROTECTED   0x02u
#define ST1_NO_MARK     0x01u
/* 2 */
#define ST2_CONTROL     0x40u
#define ST2_WRONG_CYL   0x10u
#define ST2_SCAN_HIT    0x08u
#define ST2_SCAN_MISS   0x04u
#define ST2_NO_FAILURE  (ST2_CONTROL | ST2_SCAN_HIT | ST2_SCAN_MISS)

/* Configuration byte */
#define CONF_EIS        0x40u       /* implied seek */
#define CONF_POLL_OFF   0x10u

typedef enum FdcPhase { PHASE_COMMAND, PHASE_EXECUTION, PHASE_RESULT, PHASE__COUNT } FdcPhase;   /* saved */

typedef struct FloppyGeometry {
    uint16_t cyls;
    uint8_t heads, secs, rate;      /* rate as in CCR */
} FloppyGeometry;

typedef struct Fdc Fdc;

typedef struct FloppyDrive {
    Fdc *fdc;
    BlockBackend *blk;              /* NULL: no drive */
    FloppyType type;
    FloppyGeometry disk;            /* secs 0: none */
    uint8_t track;
    bool changed;                   /* disk change line */
    uint8_t seek_st0;               /* result of a seek or of a reset's polling */
    bool seek_pending, seeking;
} FloppyDrive;

struct Fdc {
    Device parent;
    MemoryRegion io, io7;
    Device *dma;
    uint32_t iobase, irq_nr, dma_nr, bootindex[FDC_REAL_DRIVES];    /* properties */
    char *fdtype[FDC_REAL_DRIVES], *fallback;
    FloppyType bay_type[FDC_REAL_DRIVES], fallback_type;            /* what these say */
    FloppyDrive drive[FDC_DRIVES];

    uint8_t dor, tdr, dsr, ccr;
    uint8_t phase;                  /* FdcPhase */
    uint8_t fifo[FDC_PARAMS_MAX];
    uint8_t fifo_pos, fifo_len;     /* command: bytes so far and wanted; result: bytes read and there */
    bool irq;                       /* the chip asks */
    bool result_irq;                /* ... for a result: its first byte takes it back */

    uint8_t srt_hut, hlt_nd, config, pretrk, perpendicular;
    bool lock;
    Timer timer;                    /* end of a reset, a seek, or of a command without data */
    uint8_t timer_for;              /* FdcTimer */

    /* the transfer under way */
    uint8_t unit, head, cyl, sec, eot;
    uint8_t st1, st2;
    bool mt, write, is_format, pio;
    uint8_t fill_byte;
    uint32_t pos, len;              /* in buf */
    bool tc;                        /* the DMA controller said that this was all */
    bool waiting_dma;               /* for the channel to be programmed */
    /* never when state is saved: */
    bool io_busy, abandoned;        /* a block request; its result is not wanted */
    unsigned verify_left;           /* sectors */
    struct iovec iov;
    uint8_t buf[FDC_BUF];
};

#define DOR_RUN         0x04u       /* 0: reset */
#define DOR_GATE        0x08u       /* DMA and interrupts reach the bus */

static inline bool fdc_is_gated(const Fdc *s) { return s->dor & DOR_GATE; }

typedef enum FdcTimer { TIMER_NONE, TIMER_RESET, TIMER_SEEK, TIMER_RESULT, TIMER__COUNT } FdcTimer;

/* fdc.c */
void fdc_result(Fdc *s, const uint8_t *bytes, unsigned n);      /* to the result phase */
void fdc_idle(Fdc *s);                                          /* no result: ready for the next command */
void fdc_raise(Fdc *s);
void fdc_lower(Fdc *s);
void fdc_after(Fdc *s, FdcTimer what, int64_t ns);
static inline FloppyDrive *fdc_unit(Fdc *s, unsigned n) { return &s->drive[n % FDC_DRIVES]; }

/* fdc-data.c */
void fdc_read_data(Fdc *s);
void fdc_write_data(Fdc *s);
void fdc_read_deleted(Fdc *s);
void fdc_verify(Fdc *s);
void fdc_scan(Fdc *s);
void fdc_read_id(Fdc *s);
void fdc_format(Fdc *s);
void fdc_data_result(Fdc *s);                   /* TIMER_RESULT: seven bytes, interrupt */
uint8_t fdc_pio_read(Fdc *s);
void fdc_pio_write(Fdc *s, uint8_t val);
void fdc_dma_ready(Fdc *s);
void fdc_abort_transfer(Fdc *s);
bool fdc_data_fits(const Fdc *s);               /* pos and len are what the command may have, after loading */

Fdc *fdc_of_bus(const char *bus);               /* "floppy-bus.0", "ID.0", NULL: the first; NULL when there is none */

/* floppy.c */
bool floppy_type_parse(const char *prop, const char *value, FloppyType *type, Error **errp);
bool floppy_create(Fdc *fdc, unsigned unit, const char *drive, Error **errp);   /* in an empty bay */

/* fdc-media.c */
bool fdc_attach(Fdc *s, unsigned n, BlockBackend *blk, FloppyType type, Error **errp);
void fdc_detach(FloppyDrive *d);
bool fdc_has_disk(const FloppyDrive *d);        /* ... that can be read at the selected rate */
/*
 * Disks of 40 cylinders may be stepped over one by one or, as drives of 80 need it, by two: drivers do either. The
 * cylinder under the head, as far as it is certain, and whether it can be this one.
 */
uint8_t fdc_cylinder(const FloppyDrive *d);
bool fdc_is_over(const FloppyDrive *d, uint8_t cyl);
/* Moves the head; a step clears the change line of a drive with a disk. */
void fdc_step(FloppyDrive *d, uint8_t track);
bool fdc_is_protected(const FloppyDrive *d);

#endif
