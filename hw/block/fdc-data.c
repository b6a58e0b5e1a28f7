/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Floppy commands that move sectors
 *
 *   seven or eight parameters ─► check ─► a piece (rest of the track side) between disk and buf ─► DMA or FIFO ─► next
 *   piece ... ─► terminal count, end of track or error ─► ST0 ST1 ST2 C H R N, interrupt
 *
 * Follows: Intel 82078 datasheet, "Data Transfer Commands".
 * SCAN: Intel 82077AA datasheet. Left out: sectors of other sizes than 512 bytes, deleted data marks on disk (an image
 * has none), gaps.
 */
#include "qemu/osdep.h"
#include "fdc-internal.h"
#include "hw/dma/i8237.h"
#include "qemu/log.h"
#include "trace/hw-block.h"

#define RESULT_NS   20000       /* commands that find out without the disk turning */
#define SIZE_512    2

/* Parameters of a data command: after the opcode */
enum { P_HDS = 1, P_C, P_H, P_R, P_N, P_EOT, P_GPL, P_DTL };
enum { F_HDS = 1, F_N, F_SC, F_GPL, F_D };

/* What is under way, by its opcode without MT, MFM and SK. */
enum { OP_READ_TRACK = 0x02, OP_READ_DELETED = 0x0c, OP_SCAN_EQUAL = 0x11, OP_VERIFY = 0x16, OP_SCAN_LOW = 0x19,
       OP_SCAN_HIGH = 0x1d };
#define HDS_EC      0x80u       /* VERIFY: the last parameter counts sectors */
#define OP_SKIP     0x20u
#define OP_WITH_DATA 0x80u      /* FORMAT AND WRITE */

static uint8_t operation(const Fdc *s)
{
    return s->fifo[0] & 0x1f;
}

static bool is_scan(const Fdc *s)
{
    uint8_t op = operation(s);

    return op == OP_SCAN_EQUAL || op == OP_SCAN_LOW || op == OP_SCAN_HIGH;
}

static FloppyDrive *current(Fdc *s)
{
    return fdc_unit(s, s->unit);
}

/* ---- results ----------------------------------------------------------------------------------------------------- */

void fdc_data_result(Fdc *s)
{
    uint8_t failed = s->st1 || s->st2 & ~ST2_NO_FAILURE ? ST0_ABNORMAL : 0;
    uint8_t r[7] = { failed | s->head << 2 | s->unit, s->st1, s->st2, s->cyl, s->head, s->sec, SIZE_512 };

    trace_fdc_result(r[0], r[1], r[2], r[3], r[4], r[5]);
    s->pio = s->waiting_dma = false;
    fdc_result(s, r, sizeof(r));
    s->result_irq = true;
    fdc_raise(s);
}

static void fail(Fdc *s, uint8_t st1, uint8_t st2)
{
    s->st1 |= st1;
    s->st2 |= st2;
    fdc_after(s, TIMER_RESULT, RESULT_NS);
}

/* Past the last sector of the side (82078, "Result Phase Table"): the other side with MT, then the next cylinder. */
static void next_side(Fdc *s)
{
    s->sec = 1;
    if (s->mt) {
        s->head ^= 1;
        s->cyl += !s->head;
    } else {
        s->cyl++;
    }
}

static void advance(Fdc *s, unsigned sectors)
{
    for (; sectors; sectors--) {
        if (s->sec >= s->eot) {
            next_side(s);
        } else {
            s->sec++;
        }
    }
}

/* ---- starting ---------------------------------------------------------------------------------------------------- */

/* True: the disk turns and the head is where the command wants it. */
static bool find_track(Fdc *s, uint8_t cyl)
{
    FloppyDrive *d = current(s);

    if (!fdc_has_disk(d)) {
        fail(s, ST1_NO_MARK, 0);
        return false;
    }
    if (s->config & CONF_EIS && cyl < d->disk.cyls) {
        fdc_step(d, cyl);
    }
    if (!fdc_is_over(d, cyl) || cyl >= d->disk.cyls) {
        fail(s, ST1_NO_DATA, ST2_WRONG_CYL);
        return false;
    }
    if (s->head >= d->disk.heads) {
        fail(s, ST1_NO_MARK, 0);
        return false;
    }
    return true;
}

static bool open_transfer(Fdc *s, bool write)
{
    s->phase = PHASE_EXECUTION;
    s->unit = s->fifo[P_HDS] & 3;
    s->head = s->fifo[P_HDS] >> 2 & 1;
    s->cyl = s->fifo[P_C];
    s->sec = s->fifo[P_R];
    s->eot = s->fifo[P_EOT];
    s->mt = s->fifo[0] & 0x80;
    s->write = write;
    s->st1 = s->st2 = 0;
    s->tc = s->is_format = false;
    s->pio = s->hlt_nd & 1;
    if (!find_track(s, s->cyl)) {
        return false;
    }
    if (s->fifo[P_H] != s->head || s->fifo[P_N] != SIZE_512) {
        qemu_log_mask(LOG_GUEST_ERROR, "fdc: command %02x wants head %u, sector size code %u\n", s->fifo[0],
                      s->fifo[P_H], s->fifo[P_N]);
        fail(s, ST1_NO_DATA, 0);
        return false;
    }
    if (write && fdc_is_protected(current(s))) {
        fail(s, ST1_PROTECTED, 0);
        return false;
    }
    return true;
}

/* Sectors from here to the end of the side; 0: there is no such sector, and the command has failed. */
static unsigned piece_sectors(Fdc *s)
{
    const FloppyGeometry *g = &current(s)->disk;

    if (!s->sec || s->sec > g->secs) {
        fail(s, ST1_NO_DATA, 0);
        return 0;
    }
    return MAX(MIN(s->eot, g->secs), s->sec) - s->sec + 1;
}

static uint64_t piece_offset(const Fdc *s)
{
    const FloppyGeometry *g = &s->drive[s->unit].disk;

    return (((uint64_t)s->cyl * g->heads + s->head) * g->secs + s->sec - 1) * SECTOR;
}

/* ---- block requests ---------------------------------------------------------------------------------------------- */

static void disk_read(void *opaque, int ret);
static void disk_written(void *opaque, int ret);

/* Where an image ends before its disk does, zeros are read and nothing can be written. */
static void start_io(Fdc *s, unsigned sectors, bool write)
{
    FloppyDrive *d = current(s);
    uint64_t at = piece_offset(s), size = blk_size(d->blk);

    trace_fdc_transfer(s->unit, piece_offset(s) / SECTOR, sectors, write);
    assert(sectors * SECTOR <= FDC_BUF);
    s->io_busy = true;
    s->iov = (struct iovec){ s->buf, sectors * SECTOR };
    if (write) {
        blk_writev(d->blk, at, &s->iov, 1, disk_written, s);
        return;
    }
    memset(s->buf, 0, sectors * SECTOR);
    s->len = sectors * SECTOR;
    s->iov.iov_len = at < size ? MIN(s->len, size - at) : 0;
    blk_readv(d->blk, MIN(at, size), &s->iov, 1, disk_read, s);
}

/* False: a reset has put an end to it. */
static bool end_io(Fdc *s)
{
    bool wanted = !s->abandoned;

    s->io_busy = s->abandoned = false;
    return wanted;
}

void fdc_abort_transfer(Fdc *s)
{
    s->abandoned = s->io_busy;
    s->pio = s->waiting_dma = false;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* After next_side(): the command goes on there. */
static bool has_other_side(const Fdc *s)
{
    return s->mt && s->head == 1 && s->sec == 1 && s->cyl == s->fifo[P_C] && s->drive[s->unit].disk.heads > 1;
}

/* A whole piece went over. Without terminal count the transfer goes on where MT leads, or has come to its end. */
static bool piece_over(Fdc *s)
{
    if (operation(s) == OP_READ_DELETED) {
        fdc_data_result(s);     /* a sector with the wrong mark is the last one, and stays the address */
        return false;
    }
    advance(s, s->len / SECTOR);
    if (!s->tc && s->sec > 1) {
        return true;        /* EOT lies beyond the track: the next sector will not be found */
    }
    if (!has_other_side(s) || s->tc) {
        s->st1 |= s->tc ? 0 : ST1_END_OF_CYL;
        fdc_data_result(s);
        return false;
    }
    return true;
}

static void read_piece(Fdc *s)
{
    unsigned n;

    if (s->io_busy) {
        fail(s, ST1_NO_DATA, 0);        /* an abandoned request still has the buffer */
        return;
    }
    n = piece_sectors(s);
    if (operation(s) == OP_READ_DELETED || is_scan(s)) {
        n = MIN(n, 1);
    } else if (operation(s) == OP_VERIFY) {
        n = MIN(n, s->verify_left);
    }
    if (n) {
        start_io(s, n, false);
    }
}

static void verified(Fdc *s)
{
    unsigned n = s->len / SECTOR;

    s->verify_left -= n;
    s->tc = !s->verify_left;
    if (piece_over(s)) {
        read_piece(s);
    }
}

static void scan_sector(Fdc *s);
static void ask_host(Fdc *s);

static void read_by_dma(Fdc *s)
{
    size_t n = fdc_is_gated(s) ? i8257_write(s->dma, s->dma_nr, s->buf + s->pos, s->len - s->pos, &s->tc) : 0;

    s->pos += n;
    if (s->tc) {
        advance(s, operation(s) == OP_READ_DELETED ? 0 : ROUND_UP(s->pos, SECTOR) / SECTOR);
        fdc_data_result(s);
    } else if (s->pos < s->len) {
        s->waiting_dma = true;
    } else if (piece_over(s)) {
        read_piece(s);
    }
}

static void disk_read(void *opaque, int ret)
{
    Fdc *s = opaque;

    if (!end_io(s)) {
        return;
    }
    if (ret < 0) {
        fail(s, ST1_NO_DATA | ST1_CRC, 0);
        return;
    }
    s->pos = 0;
    if (operation(s) == OP_VERIFY) {
        verified(s);
    } else if (is_scan(s)) {
        scan_sector(s);
    } else if (s->pio) {
        fdc_raise(s);
    } else {
        read_by_dma(s);
    }
}

void fdc_read_data(Fdc *s)
{
    if (!open_transfer(s, false)) {
        return;
    }
    if (operation(s) == OP_READ_TRACK) {
        s->sec = 1;                     /* from the index hole */
    }
    read_piece(s);
}

/* 82078, "Read Deleted Data": ordinary sectors are skipped, or end the command as the first of them is read. */
void fdc_read_deleted(Fdc *s)
{
    unsigned n;

    if (!open_transfer(s, false)) {
        return;
    }
    s->st2 |= ST2_CONTROL;
    if (!(s->fifo[0] & OP_SKIP)) {
        read_piece(s);
        return;
    }
    n = piece_sectors(s);
    if (n) {
        advance(s, n);
        fdc_after(s, TIMER_RESULT, RESULT_NS);
    }
}

/* 82078, "Verify": so many sectors, or up to EOT, on both sides with MT; read, but not for the host. */
void fdc_verify(Fdc *s)
{
    unsigned to_eot;

    if (!open_transfer(s, false)) {
        return;
    }
    s->pio = false;
    to_eot = MAX(s->eot, s->sec) - s->sec + 1 + (s->mt && !s->head ? s->eot : 0);
    s->verify_left = !(s->fifo[P_HDS] & HDS_EC) ? to_eot : s->fifo[P_DTL] ? s->fifo[P_DTL] : 256;
    read_piece(s);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* The rest of a sector that the host ended early is zeros (82078, "Write Data"). */
static void write_collected(Fdc *s)
{
    uint32_t whole = ROUND_UP(s->pos, SECTOR);

    memset(s->buf + s->pos, 0, whole - s->pos);
    s->len = whole;
    if (whole) {
        start_io(s, whole / SECTOR, true);
    } else {
        fdc_data_result(s);
    }
}

static void write_piece(Fdc *s)
{
    unsigned n;

    if (s->io_busy) {
        fail(s, ST1_NO_DATA, 0);
        return;
    }
    n = piece_sectors(s);
    if (!n) {
        return;
    }
    s->pos = 0;
    s->len = n * SECTOR;
    ask_host(s);
}

static void disk_written(void *opaque, int ret)
{
    Fdc *s = opaque;

    if (!end_io(s)) {
        return;
    }
    if (ret < 0) {
        fail(s, ST1_NO_DATA | ST1_CRC, 0);
    } else if (s->is_format) {
        fdc_data_result(s);
    } else if (s->tc) {
        advance(s, s->len / SECTOR);
        fdc_data_result(s);
    } else if (piece_over(s)) {
        write_piece(s);
    }
}

void fdc_write_data(Fdc *s)
{
    if (open_transfer(s, true)) {
        write_piece(s);
    }
}

/* ---- scanning ---------------------------------------------------------------------------------------------------- */

/*
 * The disk's sector is in the first half of what is used of buf, the host's bytes come behind it. 8272A, "Scan
 * Commands": FFh of the host equals everything; SH says equal, SN that the condition is not met.
 */
static void scan_sector(Fdc *s)
{
    s->pos = SECTOR;
    s->len = 2 * SECTOR;
    ask_host(s);
}

/* Below 0: the disk's is less than the host's. */
static int compare_scanned(const Fdc *s)
{
    for (unsigned i = 0; i < s->pos - SECTOR; i++) {
        uint8_t host = s->buf[SECTOR + i];

        if (host != 0xff && s->buf[i] != host) {
            return s->buf[i] - host;
        }
    }
    return 0;
}

/* STP, in the place of DTL: each sector, or every other one. False: that was the last. */
static bool scan_on(Fdc *s)
{
    unsigned step = s->fifo[P_DTL] == 2 ? 2 : 1;

    if (s->sec + step <= s->eot) {
        s->sec += step;
        return true;
    }
    next_side(s);
    return has_other_side(s);
}

bool fdc_data_fits(const Fdc *s)
{
    return !is_scan(s) || (s->pos >= SECTOR && s->len == 2 * SECTOR);
}

static void scan_compare(Fdc *s)
{
    int order = compare_scanned(s);

    if (!order || (order < 0 && operation(s) == OP_SCAN_LOW) || (order > 0 && operation(s) == OP_SCAN_HIGH)) {
        s->st2 |= order ? 0 : ST2_SCAN_HIT;
        fdc_data_result(s);
    } else if (s->tc || !scan_on(s)) {
        s->st2 |= ST2_SCAN_MISS;
        fdc_data_result(s);
    } else {
        read_piece(s);
    }
}

void fdc_scan(Fdc *s)
{
    if (open_transfer(s, false)) {
        s->write = true;        /* as seen from the host */
        read_piece(s);
    }
}

/* ---- formatting -------------------------------------------------------------------------------------------------- */

/*
 * C H R N of each sector comes from the host; only where the disk already has such sectors can an image follow. The
 * whole side becomes the filler byte, or, with FORMAT AND WRITE, the 512 bytes behind each C H R N.
 */
static unsigned format_entry(const Fdc *s)
{
    return s->fifo[0] & OP_WITH_DATA ? 4 + SECTOR : 4;
}

static void format_collected(Fdc *s)
{
    const FloppyGeometry *g = &current(s)->disk;
    unsigned size = format_entry(s), bytes = g->secs * SECTOR;
    g_autofree uint8_t *side = g_malloc(bytes);

    if (s->pos && fdc_is_over(current(s), s->buf[0]) && s->buf[0] < g->cyls) {
        s->cyl = s->buf[0];     /* as the host counts, by single or double steps */
    }
    memset(side, s->fill_byte, bytes);
    for (unsigned at = 0; size > 4 && at + size <= s->pos; at += size) {
        uint8_t sec = s->buf[at + 2];

        if (sec && sec <= g->secs) {
            memcpy(side + (sec - 1) * SECTOR, s->buf + at + 4, SECTOR);
        }
    }
    memcpy(s->buf, side, bytes);
    s->sec = 1;
    start_io(s, g->secs, true);
}

void fdc_format(Fdc *s)
{
    s->phase = PHASE_EXECUTION;
    s->unit = s->fifo[F_HDS] & 3;
    s->head = s->fifo[F_HDS] >> 2 & 1;
    s->cyl = fdc_cylinder(current(s));
    s->sec = 1;
    s->st1 = s->st2 = 0;
    s->mt = s->tc = false;
    s->write = s->is_format = true;
    s->pio = s->hlt_nd & 1;
    s->fill_byte = s->fifo[F_D];
    s->pos = s->len = 0;
    if (!find_track(s, s->cyl)) {
        return;
    }
    if (fdc_is_protected(current(s))) {
        fail(s, ST1_PROTECTED, 0);
    } else if (s->fifo[F_N] != SIZE_512 || s->fifo[F_SC] != current(s)->disk.secs || s->io_busy) {
        fail(s, ST1_NO_DATA, 0);
    } else {
        s->len = format_entry(s) * s->fifo[F_SC];
        ask_host(s);
    }
}

/* ---- bytes from the host ----------------------------------------------------------------------------------------- */

static void collected(Fdc *s)
{
    if (s->is_format) {
        format_collected(s);
    } else if (is_scan(s)) {
        scan_compare(s);
    } else {
        write_collected(s);
    }
}

static void collect_by_dma(Fdc *s)
{
    if (fdc_is_gated(s)) {
        s->pos += i8257_read(s->dma, s->dma_nr, s->buf + s->pos, s->len - s->pos, &s->tc);
    }
    if (s->tc || s->pos == s->len) {
        collected(s);
    } else {
        s->waiting_dma = true;
    }
}

static void ask_host(Fdc *s)
{
    if (s->pio) {
        fdc_raise(s);
    } else {
        collect_by_dma(s);
    }
}

/* ---- READ ID ----------------------------------------------------------------------------------------------------- */

/* The sector under the head follows from the time: 300 turns a minute. */
void fdc_read_id(Fdc *s)
{
    const FloppyDrive *d;

    s->phase = PHASE_EXECUTION;
    s->unit = s->fifo[P_HDS] & 3;
    s->head = s->fifo[P_HDS] >> 2 & 1;
    s->st1 = s->st2 = 0;
    d = current(s);
    s->cyl = fdc_cylinder(d);
    s->sec = 1;
    if (!fdc_has_disk(d) || s->head >= d->disk.heads || s->cyl >= d->disk.cyls) {
        fail(s, ST1_NO_MARK, 0);
        return;
    }
    s->sec = clock_get_ns(CLOCK_VM) / (200 * 1000 * 1000 / d->disk.secs) % d->disk.secs + 1;
    fdc_after(s, TIMER_RESULT, RESULT_NS);
}

/* ---- without DMA: the FIFO --------------------------------------------------------------------------------------- */

uint8_t fdc_pio_read(Fdc *s)
{
    uint8_t val = s->buf[s->pos++];

    if (s->pos == s->len) {
        fdc_lower(s);
        if (piece_over(s)) {
            read_piece(s);
        }
    }
    return val;
}

void fdc_pio_write(Fdc *s, uint8_t val)
{
    s->buf[s->pos++] = val;
    if (s->pos == s->len) {
        fdc_lower(s);
        collected(s);
    }
}

/* The guest has programmed the channel after the command, or opened the gate to it. */
void fdc_dma_ready(Fdc *s)
{
    if (!s->waiting_dma) {
        return;
    }
    s->waiting_dma = false;
    if (s->write) {
        collect_by_dma(s);
    } else {
        read_by_dma(s);
    }
}
