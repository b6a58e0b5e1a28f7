/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PIIX bus-master engine of a channel: moves a drive's data along a table of guest memory regions
 *
 * Follows: SFF-8038i, "Programming Interface for Bus Master IDE Controller"; Intel 82371SB datasheet.
 * A transfer runs in pieces. Memory that is plain RAM is read and written where it lies; otherwise (holes, MMIO, more
 * regions than one system call takes) through a buffer. The host may clear START at any time: what is under way then
 * still ends, but nobody hears of it, and the drive stays busy until it is reset, as real ones do.
 * Left out: the simplex bit; both channels always work at once.
 */
#include "qemu/osdep.h"
#include "exec/memory.h"
#include "ide-internal.h"
#include "qemu/bitops.h"
#include "qemu/log.h"
#include "trace/hw-ide.h"

#define CMD_START       0x01u
#define CMD_TO_MEMORY   0x08u
#define CMD_WRITABLE    (CMD_START | CMD_TO_MEMORY)

#define BMS_ACTIVE      0x01u
#define BMS_ERROR       0x02u
#define BMS_INTR        0x04u
#define BMS_CAPABLE     0x60u

#define PRD_LAST        0x80000000u
#define PRD_SIZE        8
#define TABLE_SIZE      (64u * 1024)
#define PIECE_MAX       (1024u * 1024)
#define SPANS_DIRECT    512             /* more go through a buffer */

typedef struct DmaSpan {
    hwaddr addr;
    uint32_t len;
} DmaSpan;

static void engine_stop(IdeChannel *ch, uint8_t status)
{
    ch->bm.status = (ch->bm.status & ~BMS_ACTIVE) | status;
    trace_bm_end(ch->nr, ch->bm.status);
}

static void tell_drive(IdeDrive *d, int ret)
{
    if (d->is_cdrom) {
        atapi_dma_done(d, ret);
    } else {
        ata_dma_done(d, ret);
    }
}

static void finish(IdeDrive *d, int ret)
{
    d->ch->bm.kind = DMA_NONE;
    tell_drive(d, ret);
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

/* Next region. False: there is none, or it cannot be read; *error says which. */
static bool next_region(IdeChannel *ch, bool *error)
{
    BusMaster *bm = &ch->bm;
    uint32_t prd[2];

    *error = false;
    if (bm->prd_last || bm->next_prd >= TABLE_SIZE) {
        return false;
    }
    if (pci_dma_read(ch->function->pci, bm->table + bm->next_prd, prd, sizeof(prd)) != MEMTX_OK) {
        qemu_log_mask(LOG_GUEST_ERROR, "ide%u: no PRD table at %08x\n", ch->nr, bm->table + bm->next_prd);
        *error = true;
        return false;
    }
    bm->next_prd += PRD_SIZE;
    bm->prd_addr = GUINT32_FROM_LE(prd[0]) & ~1u;
    bm->prd_left = GUINT32_FROM_LE(prd[1]) & 0xfffe;
    bm->prd_left = bm->prd_left ? bm->prd_left : 0x10000;
    bm->prd_last = GUINT32_FROM_LE(prd[1]) & PRD_LAST;
    return true;
}

/* Takes regions for up to want bytes off the table into spans; how many bytes there are. */
static uint32_t collect(IdeChannel *ch, uint32_t want, bool *error)
{
    BusMaster *bm = &ch->bm;
    uint32_t got = 0;

    *error = false;
    g_array_set_size(bm->spans, 0);
    while (got < want) {
        DmaSpan span;

        if (!bm->prd_left && !next_region(ch, error)) {
            break;
        }
        span = (DmaSpan){ bm->prd_addr, MIN(bm->prd_left, want - got) };
        g_array_append_val(bm->spans, span);
        bm->prd_addr += span.len;
        bm->prd_left -= span.len;
        got += span.len;
    }
    return got;
}

/* A table that ends within a sector: the rest of it is not used. */
static void trim_spans(BusMaster *bm, uint32_t excess)
{
    while (excess) {
        DmaSpan *last = &g_array_index(bm->spans, DmaSpan, bm->spans->len - 1);
        uint32_t part = MIN(last->len, excess);

        last->len -= part;
        excess -= part;
        if (!last->len) {
            g_array_set_size(bm->spans, bm->spans->len - 1);
        }
    }
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static DmaSpan *span_at(BusMaster *bm, unsigned i)
{
    return &g_array_index(bm->spans, DmaSpan, i);
}

/* The spans as host memory. False: some of it is no RAM. */
static bool map_spans(BusMaster *bm, bool to_memory)
{
    g_array_set_size(bm->iov, 0);
    g_array_set_size(bm->ram, 0);
    if (bm->spans->len > SPANS_DIRECT) {
        return false;
    }
    for (unsigned i = 0; i < bm->spans->len; i++) {
        DmaSpan *span = span_at(bm, i);
        hwaddr addr = span->addr;
        size_t left = span->len;

        while (left) {
            struct iovec v = { .iov_len = left };
            ram_addr_t ram;

            v.iov_base = dma_memory_map(addr, &v.iov_len, to_memory, &ram);
            if (!v.iov_base) {
                return false;
            }
            g_array_append_val(bm->iov, v);
            g_array_append_val(bm->ram, ram);
            addr += v.iov_len;
            left -= v.iov_len;
        }
    }
    return true;
}

static void copy_spans(BusMaster *bm, uint8_t *buf, bool to_memory)
{
    for (unsigned i = 0; i < bm->spans->len; i++) {
        DmaSpan *span = span_at(bm, i);

        if (to_memory) {
            dma_memory_write(span->addr, buf, span->len);
        } else {
            dma_memory_read(span->addr, buf, span->len);
        }
        buf += span->len;
    }
}

static void memory_written(BusMaster *bm)
{
    if (bm->bounce) {
        copy_spans(bm, bm->bounce, true);
        return;
    }
    for (unsigned i = 0; i < bm->iov->len; i++) {
        dma_memory_written(g_array_index(bm->ram, ram_addr_t, i), g_array_index(bm->iov, struct iovec, i).iov_len);
    }
}

/* ---- the engine -------------------------------------------------------------------------------------------------- */

static void run(IdeChannel *ch);

/* The table is at its end and the drive is not: it goes on waiting, and so does the host, until it resets it. */
static void table_too_short(IdeChannel *ch)
{
    qemu_log_mask(LOG_GUEST_ERROR, "ide%u: PRD table ends %u bytes before the transfer\n", ch->nr, ch->bm.left);
    engine_stop(ch, 0);
}

static void piece_done(void *opaque, int ret)
{
    IdeDrive *d = opaque;
    IdeChannel *ch = d->ch;
    BusMaster *bm = &ch->bm;

    bm->running = false;
    /* Also when nobody waits for it any more: what was written where it lies has been written. */
    if (bm->piece_to_memory && (bm->bounce ? !ret && !bm->stopped : true)) {
        memory_written(bm);
    }
    g_clear_pointer(&bm->bounce, g_free);
    if (!ide_io_end(d) || bm->stopped) {
        return;
    }
    if (ret < 0) {
        engine_stop(ch, 0);
        finish(d, ret);
        return;
    }
    bm->offset += bm->piece;
    bm->left -= bm->piece;
    if (bm->left) {
        run(ch);
        return;
    }
    if (!bm->prd_left && bm->prd_last) {
        engine_stop(ch, 0);     /* else: active stays, the table was longer than the transfer */
    }
    finish(d, 0);
}

/* An answer that lies in the drive's buffer, or parameters that go there. */
static void run_buffered(IdeChannel *ch, IdeDrive *d)
{
    BusMaster *bm = &ch->bm;
    bool error;
    uint32_t got = collect(ch, bm->left, &error);

    copy_spans(bm, d->buf + bm->reply_pos, bm->kind == DMA_REPLY);
    bm->reply_pos += got;
    bm->left -= got;
    if (error) {
        engine_stop(ch, BMS_ERROR);
        finish(d, -EIO);
    } else if (bm->left) {
        table_too_short(ch);
    } else {
        if (!bm->prd_left && bm->prd_last) {
            engine_stop(ch, 0);
        }
        finish(d, 0);
    }
}

/*
 * What the host has in memory, or takes into it, has been moved before the write that started the engine returns, with
 * its interrupt: three thread switches less. Long transfers leave the vCPU its time.
 */
static void run_piece(BusMaster *bm, IdeDrive *d)
{
    const struct iovec *iov = (const struct iovec *)(void *)bm->iov->data;

    bm->running = true;
    ide_io_begin(d);
    if (bm->left <= PIECE_MAX &&
        (bm->piece_to_memory ? blk_try_readv : blk_try_writev)(d->blk, bm->offset, iov, bm->iov->len)) {
        piece_done(d, 0);
    } else {
        (bm->piece_to_memory ? blk_readv : blk_writev)(d->blk, bm->offset, iov, bm->iov->len, piece_done, d);
    }
}

static void run(IdeChannel *ch)
{
    BusMaster *bm = &ch->bm;
    IdeDrive *d = ch->drive[bm->unit];
    bool to_memory = bm->kind == DMA_READ || bm->kind == DMA_REPLY, error, direct;
    uint32_t got;

    if (!d || bm->kind == DMA_NONE || bm->running) {
        return;
    }
    if (to_memory != !!(bm->command & CMD_TO_MEMORY)) {
        qemu_log_mask(LOG_GUEST_ERROR, "ide%u: bus master runs against the direction of command %02x\n", ch->nr,
                      d->command);
    }
    if (bm->kind == DMA_REPLY || bm->kind == DMA_PARAMS) {
        run_buffered(ch, d);
        return;
    }
    got = collect(ch, MIN(bm->left, PIECE_MAX), &error);
    trim_spans(bm, got % SECTOR);
    got -= got % SECTOR;
    if (error) {
        engine_stop(ch, BMS_ERROR);
        finish(d, -EIO);
        return;
    }
    if (!got) {
        table_too_short(ch);
        return;
    }
    direct = map_spans(bm, to_memory);
    trace_bm_piece(ch->nr, bm->offset, got, bm->spans->len, direct);
    if (!direct) {
        struct iovec v = { g_malloc(got), got };

        bm->bounce = v.iov_base;
        g_array_set_size(bm->iov, 0);
        g_array_set_size(bm->ram, 0);
        g_array_append_val(bm->iov, v);
        if (!to_memory) {
            copy_spans(bm, bm->bounce, false);
        }
    }
    bm->piece = got;
    bm->piece_to_memory = to_memory;
    run_piece(bm, d);
}

void bm_request(IdeDrive *d, DmaKind kind, uint64_t offset, uint32_t bytes)
{
    BusMaster *bm = &d->ch->bm;

    if (bm->running) {      /* for the other unit, which the host has given up without a reset */
        qemu_log_mask(LOG_GUEST_ERROR, "ide%u: DMA command while the other drive's DMA is under way\n", d->ch->nr);
        tell_drive(d, -EBUSY);
        return;
    }
    bm->unit = d->unit;
    bm->kind = kind;
    bm->offset = offset;
    bm->left = bytes;
    bm->reply_pos = 0;
    bm->stopped = false;
    if (bm->command & CMD_START && bm->status & BMS_ACTIVE) {
        run(d->ch);
    }
}

/* The drive has forgotten the transfer. */
void bm_cancel(IdeChannel *ch)
{
    if (ch->bm.running) {
        ch->bm.stopped = true;
    } else {
        ch->bm.kind = DMA_NONE;
    }
}

/* ---- registers --------------------------------------------------------------------------------------------------- */

uint8_t bm_read(IdeChannel *ch, unsigned reg)
{
    switch (reg) {
    case 0:
        return ch->bm.command;
    case 2:
        return ch->bm.status;
    case 4 ... 7:
        return ch->bm.table >> (8 * (reg - 4));
    default:
        return 0xff;
    }
}

static void start(IdeChannel *ch)
{
    BusMaster *bm = &ch->bm;

    if (bm->running) {
        return;     /* the piece of a transfer that was stopped is still under way */
    }
    bm->status |= BMS_ACTIVE;
    bm->next_prd = bm->prd_left = 0;
    bm->prd_last = bm->stopped = false;
    run(ch);
}

static void stop(IdeChannel *ch)
{
    BusMaster *bm = &ch->bm;

    bm->status &= ~BMS_ACTIVE;
    bm->stopped = bm->running;
}

void bm_write(IdeChannel *ch, unsigned reg, uint8_t val)
{
    BusMaster *bm = &ch->bm;
    uint8_t changed;

    switch (reg) {
    case 0:
        trace_bm_command(ch->nr, val);
        changed = bm->command ^ val;
        bm->command = val & CMD_WRITABLE;
        if (changed & CMD_START) {
            if (val & CMD_START) {
                start(ch);
            } else {
                stop(ch);
            }
        }
        break;
    case 2:
        bm->status = (bm->status & BMS_ACTIVE) | (val & BMS_CAPABLE) |
                     (bm->status & ~val & (BMS_ERROR | BMS_INTR));
        break;
    case 4 ... 7:
        bm_table_write(ch, (uint32_t)val << (8 * (reg - 4)), 0xffu << (8 * (reg - 4)));
        break;
    }
}

void bm_table_write(IdeChannel *ch, uint32_t val, uint32_t mask)
{
    ch->bm.table = ((ch->bm.table & ~mask) | (val & mask)) & ~3u;
}

void bm_init(IdeChannel *ch)
{
    ch->bm.spans = g_array_new(FALSE, FALSE, sizeof(DmaSpan));
    ch->bm.iov = g_array_new(FALSE, FALSE, sizeof(struct iovec));
    ch->bm.ram = g_array_new(FALSE, FALSE, sizeof(ram_addr_t));
}

/* Nothing runs: the drives are drained before. */
void bm_reset(IdeChannel *ch)
{
    BusMaster *bm = &ch->bm;

    bm_cancel(ch);
    bm->command = bm->status = 0;
    bm->table = 0;
    bm->next_prd = bm->prd_addr = bm->prd_left = bm->left = 0;
    bm->prd_last = false;
}

const VMStateDescription vmstate_bus_master = {
    .name = "ide-bus-master", .version = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT8_MASK(command, BusMaster, CMD_WRITABLE),
        VMSTATE_UINT8_MASK(status, BusMaster, BMS_ACTIVE | BMS_ERROR | BMS_INTR | BMS_CAPABLE),
        VMSTATE_UINT32_MASK(table, BusMaster, ~3u),
        VMSTATE_UINT8_MASK(kind, BusMaster, 7),
        VMSTATE_UINT8_MASK(unit, BusMaster, 1),
        VMSTATE_UINT64(offset, BusMaster),
        VMSTATE_UINT32(left, BusMaster),
        VMSTATE_UINT32(reply_pos, BusMaster),
        VMSTATE_UINT32(next_prd, BusMaster),
        VMSTATE_UINT32(prd_addr, BusMaster),
        VMSTATE_UINT32(prd_left, BusMaster),
        VMSTATE_BOOL(prd_last, BusMaster),
        VMSTATE_BOOL(stopped, BusMaster),
        VMSTATE_END
    },
};
