/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel 82078 floppy disk controller, as on a PC: ports 3F0h-3F5h and 3F7h, ISA line 6, DMA channel 2
 *
 *             last parameter             TC, end of track, error
 *   COMMAND ──────────────────► EXECUTION ─────────────────────► RESULT ──┐
 *      ▲  └──────────── commands that only have a result ──────────┘      │ last result byte
 *      └───────────────────────────────────────────────────────────────────┘
 *
 * Follows: Intel 82078 datasheet (64-pin part in AT mode), and what drivers for the 82077AA expect of it.
 * Left out: real speed (a seek takes 0.1 ms, a track is read at once), tape, automatic power down.
 */
#include "qemu/osdep.h"
#include "fdc-internal.h"
#include "hw/dma/i8237.h"
#include "hw/isa/isa.h"
#include "qemu/bitops.h"
#include "qemu/log.h"
#include "qemu/main-loop.h"
#include "trace/hw-block.h"

enum { REG_SRA, REG_SRB, REG_DOR, REG_TDR, REG_MSR, REG_FIFO, REG_DIR = 7 };

#define FDC_PORT        0x3f0
#define FDC_IRQ         6
#define FDC_DMA         2

#define DSR_RESET       0x80u
#define DSR_WRITABLE    0x7fu
#define MSR_RQM         0x80u
#define MSR_DIO         0x40u
#define MSR_NDMA        0x20u
#define MSR_BUSY        0x10u

#define RESET_NS        20000
#define SEEK_NS         100000
#define TRACKS_MAX      79          /* steps of one RECALIBRATE */

typedef struct FdcCommand {
    uint8_t mask, op;           /* matches when (byte & mask) == op */
    uint8_t params;
    const char *name;
    void (*run)(Fdc *s);
} FdcCommand;

/* What the board says, and all controllers, the board's own first: start-up only. */
static Device *board_dma;
static const char *board_drive[FDC_REAL_DRIVES];
static GPtrArray *controllers;      /* Fdc * */

/* ---- interrupt --------------------------------------------------------------------------------------------------- */

/* Controllers may share a line; those whose gate is closed do not drive it. */
static void update_irq(Fdc *s)
{
    bool level = false;

    for (unsigned i = 0; i < controllers->len; i++) {
        const Fdc *c = g_ptr_array_index(controllers, i);

        level = level || (c->irq_nr == s->irq_nr && c->irq && fdc_is_gated(c));
    }
    irq_set(isa_irq(s->irq_nr), level);
}

static void dma_ready(void *opaque)
{
    const Fdc *of_channel = opaque;

    for (unsigned i = 0; i < controllers->len; i++) {
        Fdc *c = g_ptr_array_index(controllers, i);

        if (c->dma_nr == of_channel->dma_nr) {
            fdc_dma_ready(c);
        }
    }
}

void fdc_raise(Fdc *s)
{
    trace_fdc_irq(1);
    s->irq = true;
    update_irq(s);
}

void fdc_lower(Fdc *s)
{
    if (s->irq) {
        trace_fdc_irq(0);
    }
    s->irq = s->result_irq = false;
    update_irq(s);
}

/* ---- phases ------------------------------------------------------------------------------------------------------ */

void fdc_idle(Fdc *s)
{
    s->phase = PHASE_COMMAND;
    s->fifo_pos = s->fifo_len = 0;
}

void fdc_result(Fdc *s, const uint8_t *bytes, unsigned n)
{
    assert(n && n <= sizeof(s->fifo));
    memcpy(s->fifo, bytes, n);
    s->fifo_pos = 0;
    s->fifo_len = n;
    s->phase = PHASE_RESULT;
}

static bool is_polling(const Fdc *s)
{
    return !(s->config & CONF_POLL_OFF);
}

/* 82078, "Drive Polling": after a reset each drive reports once that its ready line changed. */
static void reset_over(Fdc *s)
{
    if (is_polling(s)) {
        for (unsigned i = 0; i < FDC_DRIVES; i++) {
            s->drive[i].seek_pending = true;
            s->drive[i].seek_st0 = ST0_POLLED | i;
        }
        fdc_raise(s);
    }
}

static void seek_over(Fdc *s)
{
    for (unsigned i = 0; i < FDC_DRIVES; i++) {
        if (s->drive[i].seeking) {
            s->drive[i].seeking = false;
            s->drive[i].seek_pending = true;
        }
    }
    fdc_raise(s);
}

void fdc_after(Fdc *s, FdcTimer what, int64_t ns)
{
    if (s->timer_for == TIMER_SEEK && what != TIMER_SEEK) {
        seek_over(s);           /* what the command of now would have waited for */
    }
    s->timer_for = what;
    timer_arm(&s->timer, clock_get_ns(CLOCK_VM) + ns);
}

static void timer_over(void *opaque)
{
    Fdc *s = opaque;
    uint8_t what = s->timer_for;

    s->timer_for = TIMER_NONE;
    switch (what) {
    case TIMER_RESET:
        reset_over(s);
        break;
    case TIMER_SEEK:
        seek_over(s);
        break;
    case TIMER_RESULT:
        fdc_data_result(s);
        break;
    }
}

/* What DOR's and DSR's reset bits do. Tracks stay known; LOCK keeps the FIFO's parameters. */
static void chip_reset(Fdc *s)
{
    timer_disarm(&s->timer);
    s->timer_for = TIMER_NONE;
    fdc_abort_transfer(s);
    fdc_lower(s);
    fdc_idle(s);
    for (unsigned i = 0; i < FDC_DRIVES; i++) {
        s->drive[i].seek_pending = s->drive[i].seeking = false;
    }
    if (!s->lock) {
        s->config = CONF_EIS | 0x20;
        s->pretrk = 0;
    }
    s->perpendicular &= ~3u;
}

/* ---- commands: control ------------------------------------------------------------------------------------------- */

static void result_byte(Fdc *s, uint8_t val)
{
    fdc_result(s, &val, 1);
}

static void cmd_invalid(Fdc *s)
{
    qemu_log_mask(LOG_GUEST_ERROR, "fdc: invalid command %02x\n", s->fifo[0]);
    result_byte(s, ST0_INVALID);
}

static void cmd_specify(Fdc *s)
{
    s->srt_hut = s->fifo[1];
    s->hlt_nd = s->fifo[2];
    fdc_idle(s);
}

static void cmd_sense_drive(Fdc *s)
{
    uint8_t hds = s->fifo[1] & 7;
    const FloppyDrive *d = fdc_unit(s, hds & 3);

    result_byte(s, 0x28 | hds | (d->track ? 0 : 0x10) | (fdc_is_protected(d) ? 0x40 : 0));
}

static void cmd_sense_interrupt(Fdc *s)
{
    fdc_lower(s);
    for (unsigned i = 0; i < FDC_DRIVES; i++) {
        FloppyDrive *d = &s->drive[i];

        if (d->seek_pending) {
            uint8_t r[2] = { d->seek_st0, d->track };

            d->seek_pending = false;
            fdc_result(s, r, sizeof(r));
            return;
        }
    }
    result_byte(s, ST0_INVALID);
}

/* The chip takes other commands while heads move. */
static void start_seek(Fdc *s, FloppyDrive *d, uint8_t st0)
{
    d->seek_st0 = st0 | (d - s->drive);
    d->seeking = true;
    d->seek_pending = false;
    fdc_idle(s);
    fdc_after(s, TIMER_SEEK, SEEK_NS);
}

static void cmd_recalibrate(Fdc *s)
{
    FloppyDrive *d = fdc_unit(s, s->fifo[1] & 3);

    if (!d->blk) {      /* nobody pulls TRK0: all steps in vain */
        start_seek(s, d, ST0_ABNORMAL | ST0_SEEK_END | ST0_EQUIPMENT);
        return;
    }
    fdc_step(d, d->track > TRACKS_MAX ? d->track - TRACKS_MAX : 0);
    start_seek(s, d, ST0_SEEK_END | (d->track ? ST0_ABNORMAL | ST0_EQUIPMENT : 0));
}

static void cmd_seek(Fdc *s)
{
    FloppyDrive *d = fdc_unit(s, s->fifo[1] & 3);

    fdc_step(d, s->fifo[2]);
    start_seek(s, d, ST0_SEEK_END | (s->fifo[1] & 4));
}

static void cmd_relative_seek(Fdc *s)
{
    FloppyDrive *d = fdc_unit(s, s->fifo[1] & 3);
    int to = d->track + (s->fifo[0] & 0x40 ? s->fifo[2] : -s->fifo[2]);

    fdc_step(d, CLAMP(to, 0, 255));
    start_seek(s, d, ST0_SEEK_END | (s->fifo[1] & 4));
}

static void cmd_version(Fdc *s)
{
    result_byte(s, 0x90);       /* an enhanced controller */
}

static void cmd_part_id(Fdc *s)
{
    result_byte(s, 0x41);
}

static void cmd_dumpreg(Fdc *s)
{
    uint8_t r[10] = { s->drive[0].track, s->drive[1].track, s->drive[2].track, s->drive[3].track, s->srt_hut,
                      s->hlt_nd, s->eot, s->lock << 7 | s->perpendicular, s->config, s->pretrk };

    fdc_result(s, r, sizeof(r));
}

static void cmd_configure(Fdc *s)
{
    s->config = s->fifo[2] & 0x7f;
    s->pretrk = s->fifo[3];
    fdc_idle(s);
}

/* OW: only then the drives' bits are written. */
static void cmd_perpendicular(Fdc *s)
{
    s->perpendicular = s->fifo[1] & 0x80 ? s->fifo[1] & 0x3f : (s->perpendicular & ~3u) | (s->fifo[1] & 3);
    fdc_idle(s);
}

static void cmd_lock(Fdc *s)
{
    s->lock = s->fifo[0] & 0x80;
    result_byte(s, s->lock << 4);
}

/* 82078, "Save": what RESTORE takes back in the same order. */
static void cmd_save(Fdc *s)
{
    uint8_t r[16] = { s->dsr & 0x60, 0, s->drive[0].track, s->drive[1].track, s->drive[2].track, s->drive[3].track,
                      s->srt_hut, s->hlt_nd, s->eot, s->lock << 7 | s->perpendicular, s->config, s->pretrk };

    fdc_result(s, r, sizeof(r));
}

static void cmd_restore(Fdc *s)
{
    for (unsigned i = 0; i < FDC_DRIVES; i++) {
        s->drive[i].track = s->fifo[3 + i];
    }
    s->srt_hut = s->fifo[7];
    s->hlt_nd = s->fifo[8];
    s->eot = s->fifo[9];
    s->lock = s->fifo[10] & 0x80;
    s->perpendicular = s->fifo[10] & 0x3f;
    s->config = s->fifo[11] & 0x7f;
    s->pretrk = s->fifo[12];
    fdc_idle(s);
}

static void cmd_option(Fdc *s)
{
    fdc_idle(s);
}

/* Answers with the specification of all drives when the last byte says so. */
static void cmd_drive_spec(Fdc *s)
{
    static const uint8_t specs[4] = { 0x00, 0x02, 0x04, 0x06 };

    if (s->fifo[s->fifo_pos - 1] & 0x40) {
        fdc_idle(s);
    } else {
        fdc_result(s, specs, sizeof(specs));
    }
}

static void cmd_powerdown(Fdc *s)
{
    result_byte(s, s->fifo[1]);
}

static const FdcCommand commands[] = {
    { 0x1f, 0x06, 8, "read data", fdc_read_data },
    { 0x3f, 0x05, 8, "write data", fdc_write_data },
    { 0xff, 0x07, 1, "recalibrate", cmd_recalibrate },
    { 0xff, 0x08, 0, "sense interrupt", cmd_sense_interrupt },
    { 0xff, 0x0f, 2, "seek", cmd_seek },
    { 0xff, 0x03, 2, "specify", cmd_specify },
    { 0xff, 0x04, 1, "sense drive", cmd_sense_drive },
    { 0xbf, 0x0a, 1, "read id", fdc_read_id },
    { 0xbf, 0x0d, 5, "format track", fdc_format },
    { 0xbf, 0xad, 5, "format and write", fdc_format },
    { 0x1f, 0x0c, 8, "read deleted data", fdc_read_deleted },
    { 0x3f, 0x09, 8, "write deleted data", fdc_write_data },
    { 0x9f, 0x02, 8, "read track", fdc_read_data },
    { 0x1f, 0x16, 8, "verify", fdc_verify },
    { 0x1f, 0x11, 8, "scan equal", fdc_scan },
    { 0x1f, 0x19, 8, "scan low or equal", fdc_scan },
    { 0x1f, 0x1d, 8, "scan high or equal", fdc_scan },
    { 0xbf, 0x8f, 2, "relative seek", cmd_relative_seek },
    { 0xff, 0x10, 0, "version", cmd_version },
    { 0xff, 0x18, 0, "part id", cmd_part_id },
    { 0xff, 0x0e, 0, "dump registers", cmd_dumpreg },
    { 0xff, 0x13, 3, "configure", cmd_configure },
    { 0xff, 0x12, 1, "perpendicular mode", cmd_perpendicular },
    { 0x7f, 0x14, 0, "lock", cmd_lock },
    { 0xff, 0x2e, 0, "save", cmd_save },
    { 0xff, 0x4e, 16, "restore", cmd_restore },
    { 0xff, 0x33, 1, "option", cmd_option },
    { 0xff, 0x8e, 6, "drive specification", cmd_drive_spec },
    { 0xff, 0x17, 1, "power down", cmd_powerdown },
    { 0x00, 0x00, 0, "invalid", cmd_invalid },
};

static const FdcCommand *command_of(uint8_t op)
{
    const FdcCommand *c = commands;

    while ((op & c->mask) != c->op) {
        c++;
    }
    return c;
}

static void command_byte(Fdc *s, uint8_t val)
{
    const FdcCommand *c;

    s->fifo[s->fifo_pos++] = val;
    c = command_of(s->fifo[0]);
    /* The drive specification has as many parameters as it takes until one with the top bit set. */
    if (s->fifo_pos == c->params + 1 || (c->run == cmd_drive_spec && s->fifo_pos > 1 && val & 0x80)) {
        trace_fdc_command(s->fifo[0], c->name);
        c->run(s);
    }
}

/* ---- registers --------------------------------------------------------------------------------------------------- */

/* In AT mode SRA is not there and SRB only says which drive is selected in its unused way. */
static uint8_t main_status(const Fdc *s)
{
    uint8_t val = 0;

    if (!(s->dor & DOR_RUN) || s->timer_for == TIMER_RESET) {
        return 0;
    }
    for (unsigned i = 0; i < FDC_DRIVES; i++) {
        val |= s->drive[i].seeking << i;
    }
    switch (s->phase) {
    case PHASE_COMMAND:
        val |= MSR_RQM | (s->fifo_pos ? MSR_BUSY : 0);
        break;
    case PHASE_EXECUTION:
        val |= MSR_BUSY;
        if (s->pio && !s->io_busy && s->timer_for == TIMER_NONE) {
            val |= MSR_RQM | MSR_NDMA | (s->write ? 0 : MSR_DIO);
        }
        break;
    case PHASE_RESULT:
        val |= MSR_RQM | MSR_DIO | MSR_BUSY;
        break;
    }
    return val;
}

static uint8_t fifo_read(Fdc *s)
{
    uint8_t status = main_status(s), val;

    if (!(status & MSR_RQM) || !(status & MSR_DIO)) {
        return 0;
    }
    if (s->phase == PHASE_EXECUTION) {
        return fdc_pio_read(s);
    }
    if (s->result_irq) {
        fdc_lower(s);
    }
    val = s->fifo[s->fifo_pos++];
    if (s->fifo_pos == s->fifo_len) {
        fdc_idle(s);
    }
    return val;
}

static void fifo_write(Fdc *s, uint8_t val)
{
    uint8_t status = main_status(s);

    if (!(status & MSR_RQM) || status & MSR_DIO) {
        qemu_log_mask(LOG_GUEST_ERROR, "fdc: write of %02x with status %02x\n", val, status);
        return;
    }
    if (s->phase == PHASE_EXECUTION) {
        fdc_pio_write(s, val);
    } else {
        command_byte(s, val);
    }
}

/* Disk change of the selected drive, while its motor is on. A drive that is not there pulls no line. */
static uint8_t digital_input(const Fdc *s)
{
    const FloppyDrive *d = &s->drive[s->dor & 3];
    bool motor = s->dor >> 4 & 1u << (s->dor & 3);

    return d->blk && motor && (d->changed || !d->disk.secs) ? 0x80 : 0;
}

static void dor_write(Fdc *s, uint8_t val)
{
    uint8_t changed = s->dor ^ val;

    s->dor = val;
    if (changed & DOR_RUN) {
        chip_reset(s);
        if (val & DOR_RUN) {
            fdc_after(s, TIMER_RESET, RESET_NS);
        }
    }
    update_irq(s);
    if (fdc_is_gated(s)) {
        fdc_dma_ready(s);
    }
}

static void dsr_write(Fdc *s, uint8_t val)
{
    s->dsr = val & DSR_WRITABLE;
    s->ccr = val & 3;
    if (val & DSR_RESET && s->dor & DOR_RUN) {
        chip_reset(s);
        fdc_after(s, TIMER_RESET, RESET_NS);
    }
}

static uint64_t fdc_read(void *opaque, hwaddr addr, unsigned size)
{
    Fdc *s = opaque;
    uint8_t val = 0xff;

    switch (addr) {
    case REG_SRB:
        val = 0xc0 | (s->dor & 1) << 5 | (s->dor >> 4 & 3);
        break;
    case REG_DOR:
        val = s->dor;
        break;
    case REG_TDR:
        val = s->tdr;
        break;
    case REG_MSR:
        val = main_status(s);
        break;
    case REG_FIFO:
        val = fifo_read(s);
        break;
    }
    trace_fdc_read(addr, val);
    return val;
}

static void fdc_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    Fdc *s = opaque;

    trace_fdc_write(addr, val);
    switch (addr) {
    case REG_DOR:
        dor_write(s, val);
        break;
    case REG_TDR:
        s->tdr = val & 3;
        break;
    case REG_MSR:
        dsr_write(s, val);
        break;
    case REG_FIFO:
        fifo_write(s, val);
        break;
    }
}

static uint64_t fdc_read7(void *opaque, hwaddr addr, unsigned size)
{
    uint8_t val = digital_input(opaque);

    trace_fdc_read(REG_DIR, val);
    return val;
}

static void fdc_write7(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    Fdc *s = opaque;

    trace_fdc_write(REG_DIR, val);
    s->ccr = val & 3;
}

static const MemoryRegionOps fdc_ops = { .read = fdc_read, .write = fdc_write, .size = { .min = 1, .max = 1 } };
static const MemoryRegionOps fdc_ops7 = { .read = fdc_read7, .write = fdc_write7, .size = { .min = 1, .max = 1 } };

/* ---- life -------------------------------------------------------------------------------------------------------- */

void fdc_set_board(Device *dma, const char *drive_a, const char *drive_b)
{
    board_dma = dma;
    board_drive[0] = drive_a;
    board_drive[1] = drive_b;
}

Device *fdc_first(void)
{
    return controllers ? &((Fdc *)g_ptr_array_index(controllers, 0))->parent : NULL;
}

Fdc *fdc_of_bus(const char *bus)
{
    for (unsigned i = 0; controllers && i < controllers->len; i++) {
        Fdc *s = g_ptr_array_index(controllers, i);
        g_autofree char *name = s->parent.id ? g_strdup_printf("%s.0", s->parent.id)
                                             : g_strdup_printf("floppy-bus.%u", i);

        if (!bus || g_str_equal(bus, name)) {
            return s;
        }
    }
    return NULL;
}

uint16_t fdc_port(Device *fdc)
{
    return container_of(fdc, Fdc, parent)->iobase;
}

FloppyType fdc_drive_type(Device *fdc, unsigned drive)
{
    return container_of(fdc, Fdc, parent)->drive[drive].type;
}

uint32_t fdc_bootindex(Device *fdc, unsigned drive)
{
    const Fdc *s = container_of(fdc, Fdc, parent);

    return s->drive[drive].blk ? s->bootindex[drive] : UINT32_MAX;
}

static bool check_types(Fdc *s, Error **errp)
{
    static const char *const names[] = { "fdtypeA", "fdtypeB" };

    for (unsigned i = 0; i < FDC_REAL_DRIVES; i++) {
        if (!floppy_type_parse(names[i], s->fdtype[i], &s->bay_type[i], errp)) {
            return false;
        }
    }
    if (!floppy_type_parse("fallback", s->fallback, &s->fallback_type, errp)) {
        return false;
    }
    if (s->fallback_type == FLOPPY_AUTO) {
        error_set(errp, "Cannot choose a fallback FDrive type of 'auto'");
        return false;
    }
    return true;
}

static bool check_resources(const Fdc *s, Error **errp)
{
    if (s->iobase > 0xfff8 || s->iobase % 8) {
        error_set(errp, "'iobase' of isa-fdc is 0x%x, which is no place for 8 ports", s->iobase);
        return false;
    }
    if (s->irq_nr >= ISA_NUM_IRQS || s->dma_nr > 3) {
        error_set(errp, "isa-fdc has irq=%u,dma=%u, but lines are 0 to 15 and channels for bytes 0 to 3", s->irq_nr,
                  s->dma_nr);
        return false;
    }
    for (unsigned i = 0; controllers && i < controllers->len; i++) {
        if (((Fdc *)g_ptr_array_index(controllers, i))->iobase == s->iobase) {
            error_set(errp, "multiple floppy disk controllers with iobase=0x%x", s->iobase);
            return false;
        }
    }
    return true;
}

static bool create_board_drives(Fdc *s, Error **errp)
{
    for (unsigned i = 0; i < FDC_REAL_DRIVES; i++) {
        if (board_drive[i] && !floppy_create(s, i, board_drive[i], errp)) {
            return false;
        }
        board_drive[i] = NULL;
    }
    return true;
}

static bool fdc_realize(Device *dev, Error **errp)
{
    Fdc *s = container_of(dev, Fdc, parent);

    if (!check_types(s, errp) || !check_resources(s, errp)) {
        return false;
    }
    assert(board_dma);
    s->dma = board_dma;
    for (unsigned i = 0; i < FDC_DRIVES; i++) {
        s->drive[i].fdc = s;
    }
    if (!create_board_drives(s, errp)) {
        return false;
    }
    timer_init(&s->timer, CLOCK_VM, timer_over, s);
    i8257_set_notify(s->dma, s->dma_nr, dma_ready, s);
    memory_region_init_io(&s->io, dev, &fdc_ops, s, "fdc", 6);
    memory_region_init_io(&s->io7, dev, &fdc_ops7, s, "fdc-dir", 1);
    isa_map_port(dev, s->iobase, &s->io);
    isa_map_port(dev, s->iobase + 7, &s->io7);
    controllers = controllers ? controllers : g_ptr_array_new();
    g_ptr_array_add(controllers, s);
    return true;
}

static void fdc_reset(Device *dev)
{
    Fdc *s = container_of(dev, Fdc, parent);

    fdc_abort_transfer(s);
    for (unsigned i = 0; i < FDC_DRIVES; i++) {
        if (s->drive[i].blk) {
            blk_drain(s->drive[i].blk);
        }
        s->drive[i].track = 0;
        s->drive[i].changed = true;
    }
    s->lock = false;
    chip_reset(s);
    s->dor = DOR_RUN | DOR_GATE;
    s->tdr = s->dsr = s->ccr = 0;
    s->srt_hut = s->hlt_nd = s->perpendicular = 0;
    s->eot = 0xff;
    s->mt = s->write = s->is_format = s->tc = false;
    s->pos = s->len = 0;
}

static bool fdc_post_load(void *opaque, int version, Error **errp)
{
    Fdc *s = opaque;
    bool moving = s->phase == PHASE_EXECUTION && s->timer_for != TIMER_RESULT && (s->pio || s->waiting_dma);

    if (s->phase >= PHASE__COUNT || s->timer_for >= TIMER__COUNT || s->fifo_pos > FDC_PARAMS_MAX ||
        s->fifo_len > FDC_PARAMS_MAX || s->len > FDC_BUF || s->pos > s->len || s->unit >= FDC_DRIVES || s->head > 1 ||
        (s->phase == PHASE_RESULT && s->fifo_pos >= s->fifo_len) ||
        (s->phase == PHASE_COMMAND && s->fifo_pos && s->fifo_pos > command_of(s->fifo[0])->params) ||
        (s->waiting_dma && !moving) ||
        (moving && (s->pos >= s->len || !s->drive[s->unit].blk || !fdc_data_fits(s)))) {
        error_set(errp, "state of the floppy controller is impossible");
        return false;
    }
    s->io_busy = s->abandoned = false;
    return true;
}

static const VMStateDescription vmstate_floppy_drive = {
    .name = "fdc-drive", .version = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT8(track, FloppyDrive), VMSTATE_BOOL(changed, FloppyDrive), VMSTATE_UINT8(seek_st0, FloppyDrive),
        VMSTATE_BOOL(seek_pending, FloppyDrive), VMSTATE_BOOL(seeking, FloppyDrive),
        VMSTATE_END
    },
};

static bool has_data(void *opaque)
{
    return ((Fdc *)opaque)->phase == PHASE_EXECUTION;
}

static const VMStateDescription vmstate_fdc_data = {
    .name = "fdc/data", .version = 1, .needed = has_data,
    .fields = (const VMStateField[]) { VMSTATE_BYTES(buf, Fdc, FDC_BUF), VMSTATE_END },
};

static const VMStateDescription fdc_vmstate = {
    .name = "fdc", .version = 1, .post_load = fdc_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_STRUCT_ARRAY(drive, Fdc, FDC_DRIVES, vmstate_floppy_drive),
        VMSTATE_UINT8(dor, Fdc), VMSTATE_UINT8(tdr, Fdc), VMSTATE_UINT8(dsr, Fdc), VMSTATE_UINT8_MASK(ccr, Fdc, 3),
        VMSTATE_UINT8(phase, Fdc), VMSTATE_BYTES(fifo, Fdc, FDC_PARAMS_MAX),
        VMSTATE_UINT8(fifo_pos, Fdc), VMSTATE_UINT8(fifo_len, Fdc), VMSTATE_BOOL(irq, Fdc),
        VMSTATE_BOOL(result_irq, Fdc), VMSTATE_UINT8(srt_hut, Fdc), VMSTATE_UINT8(hlt_nd, Fdc),
        VMSTATE_UINT8(config, Fdc), VMSTATE_UINT8(pretrk, Fdc), VMSTATE_UINT8_MASK(perpendicular, Fdc, 0x3f),
        VMSTATE_BOOL(lock, Fdc), VMSTATE_TIMER(timer, Fdc), VMSTATE_UINT8(timer_for, Fdc),
        VMSTATE_UINT8_MASK(unit, Fdc, 3), VMSTATE_UINT8_MASK(head, Fdc, 1), VMSTATE_UINT8(cyl, Fdc),
        VMSTATE_UINT8(sec, Fdc), VMSTATE_UINT8(eot, Fdc), VMSTATE_UINT8(st1, Fdc), VMSTATE_UINT8(st2, Fdc),
        VMSTATE_BOOL(mt, Fdc), VMSTATE_BOOL(write, Fdc), VMSTATE_BOOL(is_format, Fdc), VMSTATE_BOOL(pio, Fdc),
        VMSTATE_UINT8(fill_byte, Fdc), VMSTATE_UINT32(pos, Fdc), VMSTATE_UINT32(len, Fdc), VMSTATE_BOOL(tc, Fdc),
        VMSTATE_BOOL(waiting_dma, Fdc),
        VMSTATE_END
    },
    .subsections = (const VMStateDescription *const[]) { &vmstate_fdc_data, NULL },
};

static const DeviceType fdc_type = {
    .name = "isa-fdc", .desc = "82078 floppy disk controller", .bus = BUS_ISA, .user_creatable = true,
    .instance_size = sizeof(Fdc),
    .props = (const Property[]) {
        PROP_UINT32("iobase", Fdc, iobase, FDC_PORT), PROP_UINT32("irq", Fdc, irq_nr, FDC_IRQ),
        PROP_UINT32("dma", Fdc, dma_nr, FDC_DMA),
        { .name = "fdtypeA", .kind = PROPK_STRING, .offset = offsetof(Fdc, fdtype[0]), .def_str = "auto",
          .help = "type of a drive A that says none: 144/288/120/none/auto" },
        { .name = "fdtypeB", .kind = PROPK_STRING, .offset = offsetof(Fdc, fdtype[1]), .def_str = "auto",
          .help = "the same of drive B" },
        { .name = "fallback", .kind = PROPK_STRING, .offset = offsetof(Fdc, fallback), .def_str = "288",
          .help = "type of a drive without a disk to tell it by" },
        PROP_INT32("bootindexA", Fdc, bootindex[0], -1),
        PROP_INT32("bootindexB", Fdc, bootindex[1], -1),
        PROP_END
    },
    .realize = fdc_realize, .reset = fdc_reset, .vmstate = &fdc_vmstate,
};
DEVICE_TYPE(fdc_type)
