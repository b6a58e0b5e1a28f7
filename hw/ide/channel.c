/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An ATA channel: the command block and control block registers of two units, selection, SRST, the interrupt line
 *
 * Follows: ATA/ATAPI-6 (T13/1410D), "Interface register definitions and descriptions" and "Device 0 only
 * configurations". Register writes reach both units' copies; commands the selected one.
 * Left out: that reads of a busy device's command block return its status: they return the registers.
 */
#include "qemu/osdep.h"
#include "ide-internal.h"
#include "qemu/bitops.h"
#include "qemu/log.h"
#include "trace/hw-ide.h"

enum { REG_DATA, REG_ERROR, REG_COUNT, REG_LBA0, REG_LBA1, REG_LBA2, REG_DEVICE, REG_STATUS };
#define CMD_DEVICE_RESET    0x08
#define CMD_DIAGNOSTIC      0x90

static IdeDrive *selected(IdeChannel *ch)
{
    return ch->drive[ch->unit];
}

/* ---- interrupt --------------------------------------------------------------------------------------------------- */

/* The line is the selected device's; the bus master notes its rising edge. */
void ide_update_irq(IdeChannel *ch)
{
    bool level = selected(ch) && ch->tf[ch->unit].intrq && !(ch->control & CTL_NIEN);

    if (level != ch->line) {
        trace_ide_irq(ch->nr, level);
        ch->line = level;
        if (level) {
            ch->bm.status |= 0x04;
        }
        irq_set(ch->irq, level);
    }
}

static void clear_intrq(IdeChannel *ch)
{
    ch->tf[ch->unit].intrq = false;
    ide_update_irq(ch);
}

/* ---- the data register: words between the host and the current block --------------------------------------------- */

static bool wants_data(const IdeDrive *d, bool from_host)
{
    bool out = d->xfer == XFER_WRITE || d->xfer == XFER_PACKET || d->xfer == XFER_PACKET_OUT;

    return d->tf->status & ST_DRQ && d->xfer != XFER_NONE && out == from_host;
}

/* Bytes of the block that one access may move; 0: nobody waits for it. */
static uint32_t block_room(IdeDrive *d, bool from_host)
{
    return d && wants_data(d, from_host) ? d->block_end - d->pos : 0;
}

static void block_advance(IdeDrive *d, uint32_t n)
{
    d->pos += n;
    if (d->pos >= d->block_end) {
        ide_block_ended(d);
    }
}

/* A block's odd last byte comes with a pad byte. */
static uint32_t data_read(IdeChannel *ch, unsigned size)
{
    IdeDrive *d = selected(ch);
    uint32_t n = MIN(block_room(d, false), size), val = 0;

    if (!n) {
        qemu_log_mask(LOG_GUEST_ERROR, "ide%u: read of data that are not there\n", ch->nr);
        return d ? 0 : 0xffffffff;
    }
    memcpy(&val, d->buf + d->pos, n);
    block_advance(d, n);
    return GUINT32_FROM_LE(val);
}

static void data_write(IdeChannel *ch, uint32_t val, unsigned size)
{
    IdeDrive *d = selected(ch);
    uint32_t n = MIN(block_room(d, true), size);

    if (!n) {
        qemu_log_mask(LOG_GUEST_ERROR, "ide%u: write of data nobody asked for\n", ch->nr);
        return;
    }
    val = GUINT32_TO_LE(val);
    memcpy(d->buf + d->pos, &val, n);
    block_advance(d, n);
}

/* A string instruction, up to the end of the block: whole elements only, the odd rest goes the slow way. */
static size_t channel_read_string(void *opaque, hwaddr addr, void *buf, unsigned size, size_t count)
{
    IdeDrive *d = selected(opaque);
    size_t n = addr == REG_DATA ? MIN(block_room(d, false) / size, count) : 0;

    if (n) {
        memcpy(buf, d->buf + d->pos, n * size);
        block_advance(d, n * size);
    }
    return n;
}

static size_t channel_write_string(void *opaque, hwaddr addr, const void *buf, unsigned size, size_t count)
{
    IdeDrive *d = selected(opaque);
    size_t n = addr == REG_DATA ? MIN(block_room(d, true) / size, count) : 0;

    if (n) {
        memcpy(d->buf + d->pos, buf, n * size);
        block_advance(d, n * size);
    }
    return n;
}

/* ---- reading the other registers --------------------------------------------------------------------------------- */

/* For a unit without a drive the other one answers, but its status is 0. Nobody at all: zeros. */
static const TaskFile *answering(const IdeChannel *ch)
{
    if (ch->drive[ch->unit]) {
        return &ch->tf[ch->unit];
    }
    return ch->drive[!ch->unit] ? &ch->tf[!ch->unit] : NULL;
}

static uint8_t register_read(IdeChannel *ch, unsigned reg)
{
    const TaskFile *tf = answering(ch);
    bool hob = ch->control & CTL_HOB;

    if (!tf) {
        return 0;
    }
    switch (reg) {
    case REG_ERROR:
        return hob ? tf->prev_feature : tf->error;
    case REG_COUNT:
        return hob ? tf->prev_count : tf->count;
    case REG_LBA0 ... REG_LBA2:
        return hob ? tf->prev_lba[reg - REG_LBA0] : tf->lba[reg - REG_LBA0];
    case REG_DEVICE:
        return (tf->device & ~DEV_UNIT) | (ch->unit ? DEV_UNIT : 0);
    default:
        return selected(ch) ? tf->status : 0;
    }
}

static uint8_t command_block_read(IdeChannel *ch, unsigned reg)
{
    uint8_t val = register_read(ch, reg);

    if (reg == REG_STATUS) {
        clear_intrq(ch);
    }
    trace_ide_read(ch->nr, ch->unit, reg, val);
    return val;
}

static uint64_t channel_read(void *opaque, hwaddr addr, unsigned size)
{
    IdeChannel *ch = opaque;
    uint64_t val = 0;

    if (addr == REG_DATA) {
        return data_read(ch, size);
    }
    for (unsigned i = 0; i < size; i++) {
        val |= (uint64_t)command_block_read(ch, addr + i) << (8 * i);
    }
    return val;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static void note(uint8_t *reg, uint8_t *prev, uint8_t val)
{
    *prev = *reg;
    *reg = val;
}

static void task_file_write(TaskFile *tf, unsigned reg, uint8_t val)
{
    if (tf->status & ST_BSY) {
        return;
    }
    switch (reg) {
    case REG_ERROR:
        note(&tf->feature, &tf->prev_feature, val);
        break;
    case REG_COUNT:
        note(&tf->count, &tf->prev_count, val);
        break;
    case REG_LBA0 ... REG_LBA2:
        note(&tf->lba[reg - REG_LBA0], &tf->prev_lba[reg - REG_LBA0], val);
        break;
    case REG_DEVICE:
        tf->device = val | DEV_OBSOLETE;
        break;
    }
}

/* EXECUTE DEVICE DIAGNOSTIC: both devices, device 0 answers. */
static void diagnostic(IdeChannel *ch)
{
    IdeDrive *first = ch->drive[0];

    for (unsigned i = 0; i < IDE_UNITS; i++) {
        if (ch->drive[i]) {
            ide_drive_soft_reset(ch->drive[i], false);
        }
    }
    ch->unit = 0;
    if (first && !(first->tf->status & ST_BSY)) {
        first->command = CMD_DIAGNOSTIC;
        first->tf->status = ST_BSY;
        ide_done_later(first);
    }
}

static void command_write(IdeChannel *ch, uint8_t op)
{
    IdeDrive *d = selected(ch);

    clear_intrq(ch);
    if (!d || ch->control & CTL_SRST || (d->asleep && op != CMD_DEVICE_RESET)) {
        return;     /* SLEEP ends with a reset only */
    }
    if (d->tf->status & ST_BSY && !(d->is_cdrom && op == CMD_DEVICE_RESET)) {
        qemu_log_mask(LOG_GUEST_ERROR, "ide%u.%u: command %02x while busy with %02x\n", ch->nr, ch->unit, op,
                      d->command);
        return;
    }
    if (op == CMD_DIAGNOSTIC) {
        diagnostic(ch);
        return;
    }
    trace_ide_command(ch->nr, ch->unit, op);
    bm_cancel(ch);
    d->command = op;
    d->xfer = XFER_NONE;
    d->tf->error = 0;
    d->tf->status = ST_BSY;
    if (d->is_cdrom) {
        atapi_command(d, op);
    } else {
        ata_command(d, op);
    }
}

static void command_block_write(IdeChannel *ch, unsigned reg, uint8_t val)
{
    trace_ide_write(ch->nr, ch->unit, reg, val);
    ch->control &= ~CTL_HOB;
    if (reg == REG_STATUS) {
        command_write(ch, val);
        return;
    }
    for (unsigned i = 0; i < IDE_UNITS; i++) {
        task_file_write(&ch->tf[i], reg, val);
    }
    if (reg == REG_DEVICE) {
        ch->unit = val & DEV_UNIT ? 1 : 0;
        ide_update_irq(ch);
    }
}

static void channel_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    IdeChannel *ch = opaque;

    if (addr == REG_DATA) {
        data_write(ch, val, size);
        return;
    }
    for (unsigned i = 0; i < size; i++) {
        command_block_write(ch, addr + i, val >> (8 * i));
    }
}

static const MemoryRegionOps channel_ops = {
    .read = channel_read, .write = channel_write, .size = { .min = 1, .max = 4 },
    .read_string = channel_read_string, .write_string = channel_write_string,
};

/* ---- control block ----------------------------------------------------------------------------------------------- */

static uint64_t control_read(void *opaque, hwaddr addr, unsigned size)
{
    return register_read(opaque, REG_STATUS);
}

/* SRST holds both devices busy while it is set; they come out of it with their signatures, device 0 selected. */
static void set_srst(IdeChannel *ch, bool on)
{
    bm_cancel(ch);
    for (unsigned i = 0; i < IDE_UNITS; i++) {
        if (ch->drive[i]) {
            ide_drive_soft_reset(ch->drive[i], on);
        } else {
            ch->tf[i] = (TaskFile){ .error = 0x01, .count = 0x01, .lba = { 0x01 }, .device = DEV_OBSOLETE };
        }
    }
    ch->unit = 0;
}

static void control_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    IdeChannel *ch = opaque;
    uint8_t changed = ch->control ^ val;

    trace_ide_control(ch->nr, val);
    ch->control = val & (CTL_NIEN | CTL_SRST | CTL_HOB);
    if (changed & CTL_SRST) {
        set_srst(ch, val & CTL_SRST);
    }
    ide_update_irq(ch);
}

static const MemoryRegionOps control_ops = {
    .read = control_read, .write = control_write, .size = { .min = 1, .max = 1 },
};

/* ---- life -------------------------------------------------------------------------------------------------------- */

void ide_channel_init(IdeChannel *ch, IdeFunction *f, unsigned nr, Device *owner)
{
    static const char *const names[IDE_CHANNELS][2] = { { "ide0-cmd", "ide0-ctl" }, { "ide1-cmd", "ide1-ctl" } };

    ch->function = f;
    ch->nr = nr;
    memory_region_init_io(&ch->cmd_io, owner, &channel_ops, ch, names[nr][0], 8);
    memory_region_init_io(&ch->ctl_io, owner, &control_ops, ch, names[nr][1], 1);
    bm_init(ch);
}

/* Registers only: drives reset themselves. */
void ide_channel_reset(IdeChannel *ch)
{
    bm_reset(ch);
    ch->unit = 0;
    ch->control = 0;
    for (unsigned i = 0; i < IDE_UNITS; i++) {
        if (ch->drive[i]) {
            ch->tf[i].intrq = false;
        } else {
            ch->tf[i] = (TaskFile){ .device = DEV_OBSOLETE };
        }
    }
    ide_update_irq(ch);
}

static const VMStateDescription vmstate_task_file = {
    .name = "ide-task-file", .version = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT8(feature, TaskFile), VMSTATE_UINT8(count, TaskFile), VMSTATE_UINT8_ARRAY(lba, TaskFile, 3),
        VMSTATE_UINT8(device, TaskFile), VMSTATE_UINT8(prev_feature, TaskFile), VMSTATE_UINT8(prev_count, TaskFile),
        VMSTATE_UINT8_ARRAY(prev_lba, TaskFile, 3), VMSTATE_UINT8(status, TaskFile), VMSTATE_UINT8(error, TaskFile),
        VMSTATE_BOOL(intrq, TaskFile),
        VMSTATE_END
    },
};

const VMStateDescription vmstate_ide_channel = {
    .name = "ide-channel", .version = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_STRUCT_ARRAY(tf, IdeChannel, IDE_UNITS, vmstate_task_file),
        VMSTATE_UINT8_MASK(unit, IdeChannel, 1),
        VMSTATE_UINT8_MASK(control, IdeChannel, CTL_NIEN | CTL_SRST | CTL_HOB),
        VMSTATE_BOOL(line, IdeChannel),
        VMSTATE_STRUCT(bm, IdeChannel, vmstate_bus_master),
        VMSTATE_END
    },
};
