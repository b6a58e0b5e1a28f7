/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One ATA or ATAPI drive: what all its commands have in common, its properties and its saved state
 *
 *   command ─► busy ─┬─ delay timer ──────────► done / DRQ for an answer
 *                    ├─ block request ────────► done / DRQ / error
 *                    └─ bus master ───────────► done / error
 *   DRQ ─ the host moves the block ─► ide_block_ended() ─► the next of these
 *
 * Follows: ATA/ATAPI-6, "Protocol" (states of device 0 and 1) and "Software reset".
 * A command that needs no medium takes some microseconds: drivers prepare for the interrupt after they have written
 * the command. At most one block request is under way for a drive; a reset while it is ends when the request does.
 */
#include "qemu/osdep.h"
#include "ide-internal.h"
#include "qemu/bitops.h"
#include "trace/hw-ide.h"

#define COMMAND_NS  4000

/* ---- ends of commands -------------------------------------------------------------------------------------------- */

static void end(IdeDrive *d, uint8_t status, uint8_t error)
{
    d->xfer = XFER_NONE;
    d->tf->status = status;
    d->tf->error = error;
    trace_ide_end(d->ch->nr, d->unit, d->command, status, error);
}

void ide_raise(IdeDrive *d)
{
    d->tf->intrq = true;
    ide_update_irq(d->ch);
}

void ide_done(IdeDrive *d)
{
    end(d, ST_READY, d->tf->error);
    ide_raise(d);
}

void ide_fail(IdeDrive *d, uint8_t error)
{
    end(d, ST_READY | ST_ERR, error);
    ide_raise(d);
}

static void later(IdeDrive *d, Delayed what)
{
    d->tf->status = ST_BSY;
    d->delayed = what;
    timer_arm(&d->delay, clock_get_ns(CLOCK_VM) + COMMAND_NS);
}

void ide_done_later(IdeDrive *d)
{
    later(d, DELAYED_DONE);
}

/* The error register says so already; DELAYED_DONE looks at it. */
void ide_abort(IdeDrive *d)
{
    d->xfer = XFER_NONE;
    d->tf->error = ER_ABRT;
    later(d, DELAYED_DONE);
}

void ide_block_ready(IdeDrive *d, bool interrupt)
{
    d->tf->status = ST_READY | ST_DRQ;
    if (interrupt) {
        ide_raise(d);
    }
}

void ide_drq_later(IdeDrive *d)
{
    later(d, DELAYED_DRQ);
}

void ide_reply(IdeDrive *d, uint32_t len)
{
    d->xfer = XFER_REPLY;
    d->pos = 0;
    d->block_end = d->fill = len;
    later(d, DELAYED_DRQ);
}

static void delay_over(void *opaque)
{
    IdeDrive *d = opaque;
    uint8_t what = d->delayed;

    d->delayed = DELAYED_NONE;
    if (what == DELAYED_DRQ) {
        ide_block_ready(d, true);
    } else if (what == DELAYED_DONE && d->command == 0x90) {
        end(d, d->is_cdrom ? 0 : ST_READY, d->tf->error);   /* the diagnostic's code is in the error register */
        ide_raise(d);
    } else if (what == DELAYED_DONE && d->tf->error) {
        ide_fail(d, d->tf->error);
    } else if (what == DELAYED_DONE) {
        ide_done(d);
    }
}

void ide_block_ended(IdeDrive *d)
{
    if (d->xfer == XFER_REPLY) {
        end(d, ST_READY, 0);
    } else if (d->is_cdrom) {
        atapi_block_ended(d);
    } else {
        ata_block_ended(d);
    }
}

/* ---- block I/O --------------------------------------------------------------------------------------------------- */

typedef struct IdeIo {
    IdeDrive *d;
    IdeIoDone *done;
} IdeIo;

void ide_io_begin(IdeDrive *d)
{
    assert(!d->io_busy);
    d->io_busy = true;
}

bool ide_io_end(IdeDrive *d)
{
    d->io_busy = false;
    if (d->reset_pending) {
        d->reset_pending = false;
        ide_drive_soft_reset(d, d->ch->control & CTL_SRST);
        return false;
    }
    return true;
}

static void io_done(void *opaque, int ret)
{
    IdeIo io = *(IdeIo *)opaque;

    g_free(opaque);
    if (ide_io_end(io.d)) {
        io.done(io.d, ret);
    }
}

static IdeIo *io_new(IdeDrive *d, uint32_t bytes, IdeIoDone *done)
{
    IdeIo *io = g_new(IdeIo, 1);

    *io = (IdeIo){ d, done };
    ide_io_begin(d);
    d->tf->status = ST_BSY;
    d->iov = (struct iovec){ d->buf, bytes };
    return io;
}

void ide_read_medium(IdeDrive *d, uint64_t offset, uint32_t bytes, IdeIoDone *done)
{
    assert(bytes <= XFER_BUF);
    blk_readv(d->blk, offset, &d->iov, 1, io_done, io_new(d, bytes, done));
}

void ide_write_medium(IdeDrive *d, uint64_t offset, uint32_t bytes, IdeIoDone *done)
{
    assert(bytes <= XFER_BUF);
    blk_writev(d->blk, offset, &d->iov, 1, io_done, io_new(d, bytes, done));
}

void ide_flush_medium(IdeDrive *d, IdeIoDone *done)
{
    blk_flush(d->blk, io_done, io_new(d, 0, done));
}

/* ---- reset ------------------------------------------------------------------------------------------------------- */

/* ATA/ATAPI-6, "Signature and persistence". */
void ide_set_signature(IdeDrive *d)
{
    TaskFile *tf = d->tf;

    tf->count = tf->lba[0] = 0x01;
    tf->lba[1] = d->is_cdrom ? 0x14 : 0x00;
    tf->lba[2] = d->is_cdrom ? 0xeb : 0x00;
    tf->prev_count = tf->prev_lba[0] = tf->prev_lba[1] = tf->prev_lba[2] = 0;
}

/* Also DEVICE RESET and the diagnostic. Modes and settings stay. */
void ide_drive_soft_reset(IdeDrive *d, bool hold)
{
    trace_ide_reset_drive(d->ch->nr, d->unit);
    timer_disarm(&d->delay);
    d->delayed = DELAYED_NONE;
    d->xfer = XFER_NONE;
    d->tf->intrq = false;
    d->asleep = false;
    if (hold || d->io_busy) {
        d->reset_pending = d->io_busy;
        d->tf->status = ST_BSY;
    } else {
        ide_set_signature(d);
        d->tf->device = DEV_OBSOLETE;
        d->tf->error = 0x01;        /* diagnostic code: no error */
        d->tf->status = d->is_cdrom ? 0 : ST_READY;     /* packet devices: DRDY stays 0 until a command */
    }
    ide_update_irq(d->ch);
}

static void drive_reset(Device *dev)
{
    IdeDrive *d = container_of(dev, IdeDrive, parent);

    d->reset_pending = d->io_busy;
    blk_drain(d->blk);
    d->command = 0;
    d->pos = d->block_end = d->fill = d->left = 0;
    d->tf->feature = d->tf->prev_feature = 0;
    if (d->is_cdrom) {
        atapi_power_on(d);
    } else {
        d->sectors = blk_size(d->blk) ? blk_size(d->blk) / SECTOR : d->sectors;     /* block_resize */
        ata_power_on(d);
    }
    ide_drive_soft_reset(d, false);
}

/* ---- realize ----------------------------------------------------------------------------------------------------- */

static const BlkDeviceOps disk_blk_ops = { .any_thread = true };

static bool take_backend(IdeDrive *d, Error **errp)
{
    const char *name = d->drive_name;

    if (!name && d->is_cdrom) {
        name = d->drive_name = g_strdup_printf("ide%u-cd%u", d->channel_nr, d->unit);
        d->blk = blk_new(name);     /* a drive without a medium */
    } else if (name) {
        d->blk = blk_find(name);
    } else {
        error_set(errp, "%s needs its 'drive' property", d->parent.type->name);
        return false;
    }
    if (!d->blk) {
        error_set(errp, "property 'drive': there is no drive '%s'", name);
        return false;
    }
    return blk_attach(d->blk, d->is_cdrom ? &atapi_blk_ops : &disk_blk_ops, d, errp);
}

static bool check_range(const char *name, uint32_t val, uint32_t max, Error **errp)
{
    if (val < 1 || val > max) {
        error_set(errp, "%s must be between 1 and %u", name, max);
        return false;
    }
    return true;
}

/* Neither disks with larger sectors nor such CD-ROM drives exist here; a CD's 2048 bytes are the packet protocol's. */
static bool check_blocks(IdeDrive *d, Error **errp)
{
    if (!block_props_check(&d->block, errp)) {
        return false;
    }
    if (d->block.logical != SECTOR) {
        error_set(errp, "logical_block_size must be 512 for IDE");
        return false;
    }
    if (d->block.discard && d->block.discard != DISCARD_DEFAULT && d->block.discard != SECTOR) {
        error_set(errp, "discard_granularity must be 512 for ide");
        return false;
    }
    return true;
}

/*
 * The translation a BIOS of the time would have chosen: 16 heads of 63 sectors. Small disks keep whole cylinders; all
 * above 8 GB show 16383 cylinders.
 */
static bool choose_geometry(IdeDrive *d, Error **errp)
{
    if (d->prop_cyls || d->prop_heads || d->prop_secs) {
        if (!check_range("cyls", d->prop_cyls, 65535, errp) || !check_range("heads", d->prop_heads, 16, errp) ||
            !check_range("secs", d->prop_secs, 255, errp)) {
            return false;
        }
        d->geometry = (IdeGeometry){ d->prop_cyls, d->prop_heads, d->prop_secs };
        return true;
    }
    d->geometry = (IdeGeometry){ CLAMP(d->sectors / (16 * 63), 2, 16383), 16, 63 };
    return true;
}

static bool check_text(const char *name, const char *text, size_t max, Error **errp)
{
    if (text && strlen(text) > max) {
        error_set(errp, "property '%s' has at most %zu characters", name, max);
        return false;
    }
    return true;
}

static bool parse_translation(IdeDrive *d, Error **errp)
{
    static const char *const names[] = {
        [CHS_NONE] = "none", [CHS_LBA] = "lba", [CHS_LARGE] = "large", [CHS_RECHS] = "rechs", [CHS_AUTO] = "auto", NULL
    };
    int i = prop_choice("bios-chs-trans", d->chs_trans, names, errp);

    d->translation = MAX(i, 0);
    return i >= 0;
}

static bool realize_disk(IdeDrive *d, Error **errp)
{
    if (!blk_node(d->blk)) {
        error_set(errp, "device needs media, but drive '%s' is empty", blk_name(d->blk));
        return false;
    }
    if (blk_is_readonly(d->blk)) {
        error_set(errp, "an IDE disk cannot be read-only, but the image of drive '%s' is", blk_name(d->blk));
        return false;
    }
    d->sectors = blk_size(d->blk) / SECTOR;
    if (!d->sectors) {
        error_set(errp, "the image of drive '%s' is empty: a disk has at least one sector", blk_name(d->blk));
        return false;
    }
    return choose_geometry(d, errp) && parse_translation(d, errp);
}

static void default_texts(IdeDrive *d)
{
    if (!d->serial) {
        d->serial = g_strdup_printf("QM%05u", d->channel_nr * IDE_UNITS + d->unit + 1);
    }
    if (!d->version) {
        d->version = g_strdup("2.5+");
    }
    if (!d->model) {
        d->model = g_strdup(d->is_cdrom ? "QEMU DVD-ROM" : "QEMU HARDDISK");
    }
}

static bool find_place(IdeDrive *d, Error **errp);

static bool drive_realize(Device *dev, Error **errp)
{
    IdeDrive *d = container_of(dev, IdeDrive, parent);
    IdeChannel *ch;

    if (!find_place(d, errp) || !check_text("serial", d->serial, 20, errp) || !check_text("ver", d->version, 8, errp) ||
        !check_text("model", d->model, 40, errp) || !check_blocks(d, errp) || !take_backend(d, errp)) {
        return false;
    }
    if (!block_props_on_error(d->blk, d->rerror, d->werror, errp) || (!d->is_cdrom && !realize_disk(d, errp))) {
        blk_detach(d->blk, d);
        return false;
    }
    default_texts(d);
    ch = &d->function->ch[d->channel_nr];
    d->ch = ch;
    d->tf = &ch->tf[d->unit];
    timer_init(&d->delay, CLOCK_VM, delay_over, d);
    ch->drive[d->unit] = d;
    drive_reset(dev);
    return true;
}

static void drive_unrealize(Device *dev)
{
    IdeDrive *d = container_of(dev, IdeDrive, parent);

    blk_drain(d->blk);
    timer_disarm(&d->delay);
    d->ch->drive[d->unit] = NULL;
    ide_update_irq(d->ch);
    blk_detach(d->blk, d);
}

/* ---- places: -device ide-hd,bus=ide.1,unit=0 --------------------------------------------------------------------- */

static IdeFunction *the_function;       /* for drives that users add; set by the board, start-up only */

static bool find_place(IdeDrive *d, Error **errp)
{
    unsigned first = 0, last = IDE_CHANNELS - 1;

    if (d->function) {
        return true;
    }
    if (!the_function) {
        error_set(errp, "No 'IDE' bus found for device '%s'", d->parent.type->name);
        return false;
    }
    if (d->bus_name) {
        if (strcmp(d->bus_name, "ide.0") && strcmp(d->bus_name, "ide.1")) {
            error_set(errp, "Bus '%s' not found", d->bus_name);
            return false;
        }
        first = last = d->bus_name[4] - '0';
    }
    for (unsigned c = first; c <= last; c++) {
        for (unsigned u = 0; u < IDE_UNITS; u++) {
            if (!the_function->ch[c].drive[u] && (d->unit_prop == UINT32_MAX || d->unit_prop == u)) {
                d->function = the_function;
                d->channel_nr = c;
                d->unit = d->unit_prop = u;
                return true;
            }
        }
    }
    if (d->unit_prop != UINT32_MAX && d->unit_prop >= IDE_UNITS) {
        error_set(errp, "Can't create IDE unit %u, bus supports only %u units", d->unit_prop, IDE_UNITS);
    } else {
        error_set(errp, "IDE unit is in use");
    }
    return false;
}

Device *ide_drive_new(IdeFunction *f, bool is_cdrom, unsigned channel, unsigned unit)
{
    Device *dev = device_new(is_cdrom ? "ide-cd" : "ide-hd");
    IdeDrive *d = container_of(dev, IdeDrive, parent);

    d->function = f;
    d->channel_nr = channel;
    d->unit = d->unit_prop = unit;
    return dev;
}

static void drive_instance_init(Device *dev)
{
    container_of(dev, IdeDrive, parent)->is_cdrom = !strcmp(dev->type->name, "ide-cd");
}

static const BusOps ide_bus_ops = { .name = "IDE", .instance_init = drive_instance_init };

__attribute__((constructor)) static void register_ide_bus(void)
{
    bus_ops_register(BUS_IDE, &ide_bus_ops);
}

void ide_set_default_function(IdeFunction *f)
{
    the_function = f;
}

/* ---- saved state ------------------------------------------------------------------------------------------------- */

static bool drive_post_load(void *opaque, int version, Error **errp)
{
    IdeDrive *d = opaque;

    if (d->pos > d->block_end || d->block_end > XFER_BUF || d->fill > XFER_BUF || d->xfer >= XFER__COUNT ||
        d->delayed >= DELAYED__COUNT || d->multiple > MULTIPLE_MAX || !d->current.heads || d->current.heads > 16 ||
        !d->current.secs || !is_power_of_2(d->multiple | !d->multiple) || d->left > 0x100000 ||
        (d->cd_bytes && d->cd_bytes > CD_RAW) || d->lba > 1ull << 48) {
        error_set(errp, "state of IDE drive %u.%u is impossible", d->channel_nr, d->unit);
        return false;
    }
    if (d->tf->status & ST_DRQ && (d->xfer == XFER_NONE || d->pos == d->block_end)) {
        error_set(errp, "IDE drive %u.%u waits for data of no transfer", d->channel_nr, d->unit);
        return false;
    }
    d->io_busy = d->reset_pending = false;
    blk_set_write_cache(d->blk, d->write_cache);
    return true;
}

static bool has_data(void *opaque)
{
    const IdeDrive *d = opaque;

    return d->xfer != XFER_NONE || d->ch->bm.kind != DMA_NONE;
}

static const VMStateDescription vmstate_geometry = {
    .name = "ide-geometry", .version = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT16(cyls, IdeGeometry), VMSTATE_UINT8(heads, IdeGeometry), VMSTATE_UINT8(secs, IdeGeometry),
        VMSTATE_END
    },
};

/* Only in the middle of a transfer; most snapshots do without. */
static const VMStateDescription vmstate_drive_data = {
    .name = "ide-drive/data", .version = 1, .needed = has_data,
    .fields = (const VMStateField[]) { VMSTATE_BYTES(buf, IdeDrive, XFER_BUF), VMSTATE_END },
};

static const VMStateDescription drive_vmstate = {
    .name = "ide-drive", .version = 1, .post_load = drive_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_STRUCT(current, IdeDrive, vmstate_geometry),
        VMSTATE_UINT8(multiple, IdeDrive),
        VMSTATE_UINT8(mwdma, IdeDrive), VMSTATE_UINT8(udma, IdeDrive), VMSTATE_UINT8(pio, IdeDrive),
        VMSTATE_BOOL(look_ahead, IdeDrive), VMSTATE_BOOL(smart_on, IdeDrive), VMSTATE_BOOL(apm_on, IdeDrive),
        VMSTATE_BOOL(asleep, IdeDrive), VMSTATE_BOOL(write_cache, IdeDrive),
        VMSTATE_UINT8(smart_autosave, IdeDrive), VMSTATE_UINT8(smart_selftest, IdeDrive),
        VMSTATE_UINT8(command, IdeDrive), VMSTATE_UINT8(xfer, IdeDrive),
        VMSTATE_BOOL(ext, IdeDrive), VMSTATE_BOOL(multi, IdeDrive),
        VMSTATE_UINT64(lba, IdeDrive), VMSTATE_UINT32(left, IdeDrive),
        VMSTATE_UINT32(pos, IdeDrive), VMSTATE_UINT32(block_end, IdeDrive), VMSTATE_UINT32(fill, IdeDrive),
        VMSTATE_TIMER(delay, IdeDrive), VMSTATE_UINT8(delayed, IdeDrive),
        VMSTATE_UINT8_ARRAY(packet, IdeDrive, 12),
        VMSTATE_UINT8(sense_key, IdeDrive), VMSTATE_UINT8(asc, IdeDrive), VMSTATE_UINT8(ascq, IdeDrive),
        VMSTATE_UINT8(media_event, IdeDrive), VMSTATE_UINT8(media_state, IdeDrive),
        VMSTATE_BOOL(tray_open, IdeDrive), VMSTATE_BOOL(locked, IdeDrive),
        VMSTATE_UINT32(byte_limit, IdeDrive), VMSTATE_UINT32(cd_bytes, IdeDrive),
        VMSTATE_BOOL(packet_dma, IdeDrive),
        VMSTATE_END
    },
    .subsections = (const VMStateDescription *const[]) { &vmstate_drive_data, NULL },
};

#define COMMON_PROPS \
    { .name = "drive", .kind = PROPK_STRING, .offset = offsetof(IdeDrive, drive_name), .help = "id of a -drive" }, \
    { .name = "bus", .kind = PROPK_STRING, .offset = offsetof(IdeDrive, bus_name), .help = "ide.0 or ide.1" }, \
    { .name = "unit", .kind = PROPK_UINT32, .offset = offsetof(IdeDrive, unit_prop), .def = UINT32_MAX, \
      .help = "0 master, 1 slave; the first free one when not given" }, \
    { .name = "bootindex", .kind = PROPK_INT32, .offset = offsetof(IdeDrive, bootindex), .def = BOOTINDEX_NONE, \
      .help = "place in the boot order, the lowest first; -1: none" }, \
    PROP_STRING("serial", IdeDrive, serial, NULL), PROP_STRING("ver", IdeDrive, version, NULL), \
    PROP_STRING("model", IdeDrive, model, NULL), PROP_UINT64("wwn", IdeDrive, wwn, 0), \
    { .name = "rerror", .kind = PROPK_STRING, .offset = offsetof(IdeDrive, rerror), .def_str = "auto", \
      .help = "when the host cannot read: report/ignore/stop/auto" }, \
    { .name = "werror", .kind = PROPK_STRING, .offset = offsetof(IdeDrive, werror), .def_str = "auto", \
      .help = "when it cannot write: report/ignore/enospc/stop/auto" }, \
    BLOCK_PROPS(IdeDrive, block)

static const DeviceType disk_type = {
    .name = "ide-hd", .desc = "ATA hard disk", .bus = BUS_IDE, .user_creatable = true,
    .instance_size = sizeof(IdeDrive),
    .props = (const Property[]) {
        COMMON_PROPS,
        PROP_UINT32("cyls", IdeDrive, prop_cyls, 0), PROP_UINT32("heads", IdeDrive, prop_heads, 0),
        PROP_UINT32("secs", IdeDrive, prop_secs, 0),
        { .name = "bios-chs-trans", .kind = PROPK_STRING, .offset = offsetof(IdeDrive, chs_trans), .def_str = "auto",
          .help = "how the BIOS sees the geometry: auto, none, lba, large, rechs" },
        PROP_UINT32("rotation_rate", IdeDrive, rotation_rate, 0),
        PROP_END
    },
    .realize = drive_realize, .unrealize = drive_unrealize, .reset = drive_reset, .vmstate = &drive_vmstate,
};
DEVICE_TYPE(disk_type)

static const DeviceType cdrom_type = {
    .name = "ide-cd", .desc = "ATAPI CD-ROM drive", .bus = BUS_IDE, .user_creatable = true,
    .instance_size = sizeof(IdeDrive),
    .props = (const Property[]) { COMMON_PROPS, PROP_END },
    .realize = drive_realize, .unrealize = drive_unrealize, .reset = drive_reset, .vmstate = &drive_vmstate,
};
DEVICE_TYPE(cdrom_type)
