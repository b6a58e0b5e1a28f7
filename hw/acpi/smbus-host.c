/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMBus host controller of the PIIX4
 *
 * Follows: Intel 82371AB datasheet, "SMBus I/O Space Registers".
 * On the bus are the memory modules' EEPROMs, read only; a transfer to any other address ends with a device error.
 * Left out: the controller as a slave (registers 08-0F read as after reset).
 */
#include "qemu/osdep.h"
#include "smbus-host.h"
#include "trace/hw-acpi.h"

enum { SMBHSTSTS = 0, SMBHSTCNT = 2, SMBHSTCMD = 3, SMBHSTADD = 4, SMBHSTDAT0 = 5, SMBHSTDAT1 = 6, SMBBLKDAT = 7,
       SMBSLVDAT1 = 13 };

#define STS_BUSY    (1u << 0)   /* RO */
#define STS_INTR    (1u << 1)
#define STS_DEV_ERR (1u << 2)
#define STS_FAILED  (1u << 4)
#define STS_W1C     0x1eu
#define CNT_INTREN  (1u << 0)
#define CNT_KILL    (1u << 1)
#define CNT_START   (1u << 6)   /* WO */
#define CNT_STORED  0x1fu

enum { PROTO_QUICK = 0, PROTO_BYTE = 1, PROTO_BYTE_DATA = 2, PROTO_WORD_DATA = 3, PROTO_BLOCK = 5 };   /* control 4:2 */

static void update_irq(SmbusHost *s)
{
    s->irq(s->opaque, s->control & CNT_INTREN && s->status & STS_W1C);
}

static void finish(SmbusHost *s)
{
    s->status = (s->status & ~STS_BUSY) | s->outcome;
    update_irq(s);
}

/* SMBus specification, "Bus Protocols": as far as an EEPROM takes part. Writes only set where it reads. */
static uint8_t eeprom_next(SmbusHost *s, unsigned n)
{
    return s->eeprom[n][s->eeprom_at[n]++];
}

static bool eeprom_transfer(SmbusHost *s, unsigned n)
{
    bool is_read = s->address & 1;

    switch (s->control >> 2 & 7) {
    case PROTO_QUICK:
        return true;
    case PROTO_BYTE:
        if (is_read) {
            s->data[0] = eeprom_next(s, n);
        } else {
            s->eeprom_at[n] = s->command;
        }
        return true;
    case PROTO_BYTE_DATA:
    case PROTO_WORD_DATA:
        s->eeprom_at[n] = s->command;
        for (unsigned i = 0; is_read && i < ((s->control >> 2 & 7) == PROTO_WORD_DATA ? 2 : 1); i++) {
            s->data[i] = eeprom_next(s, n);
        }
        return true;
    case PROTO_BLOCK:
        s->eeprom_at[n] = s->command;
        if (is_read) {
            s->data[0] = MIN(eeprom_next(s, n), SMBUS_BLOCK_MAX);
            for (unsigned i = 0; i < s->data[0]; i++) {
                s->block[i] = eeprom_next(s, n);
            }
            s->block_index = 0;
        }
        return true;
    default:
        return false;
    }
}

static bool transfer(SmbusHost *s)
{
    unsigned address = s->address >> 1;

    return address >= SMBUS_EEPROM_FIRST && address < SMBUS_EEPROM_FIRST + SMBUS_EEPROM_COUNT &&
           eeprom_transfer(s, address - SMBUS_EEPROM_FIRST);
}

/*
 * The transfer takes no time of its own: a guest that polls sees "busy" once, as drivers expect
 * after a start, one that waits for the interrupt gets it at once.
 */
static void start(SmbusHost *s)
{
    trace_smbus_start(s->address >> 1, s->control >> 2 & 7, s->command);
    s->outcome = transfer(s) ? STS_INTR : STS_DEV_ERR;
    s->status |= STS_BUSY;
    if (s->control & CNT_INTREN) {
        finish(s);
    }
}

static uint8_t status_read(SmbusHost *s)
{
    uint8_t val = s->status;

    if (val & STS_BUSY) {
        finish(s);
    }
    trace_smbus_status(val);
    return val;
}

static void control_write(SmbusHost *s, uint8_t val)
{
    s->control = val & CNT_STORED;
    if (val & CNT_KILL) {
        if (s->status & STS_BUSY) {
            s->outcome = STS_FAILED;
            finish(s);
        }
    } else if (val & CNT_START && !(s->status & STS_BUSY)) {
        start(s);
    }
    update_irq(s);
}

static uint64_t smbus_read(void *opaque, hwaddr addr, unsigned size)
{
    SmbusHost *s = opaque;

    switch (addr) {
    case SMBHSTSTS:
        return status_read(s);
    case SMBHSTCNT:
        s->block_index = 0;     /* datasheet: this read rewinds the block buffer */
        return s->control;
    case SMBHSTCMD:
        return s->command;
    case SMBHSTADD:
        return s->address;
    case SMBHSTDAT0:
    case SMBHSTDAT1:
        return s->data[addr - SMBHSTDAT0];
    case SMBBLKDAT:
        return s->block[s->block_index++ % SMBUS_BLOCK_MAX];
    case SMBSLVDAT1:
        return 0x02;
    default:
        return 0;
    }
}

static void smbus_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    SmbusHost *s = opaque;

    switch (addr) {
    case SMBHSTSTS:
        s->status &= ~(val & STS_W1C);
        update_irq(s);
        break;
    case SMBHSTCNT:
        control_write(s, val);
        break;
    case SMBHSTCMD:
        s->command = val;
        break;
    case SMBHSTADD:
        s->address = val;
        break;
    case SMBHSTDAT0:
    case SMBHSTDAT1:
        s->data[addr - SMBHSTDAT0] = val;
        break;
    case SMBBLKDAT:
        s->block[s->block_index++ % SMBUS_BLOCK_MAX] = val;
        break;
    default:
        break;
    }
}

static const MemoryRegionOps smbus_ops = { .read = smbus_read, .write = smbus_write, .size = { .min = 1, .max = 1 } };

void smbus_host_init(SmbusHost *s, Device *owner, uint64_t ram_size, void (*irq)(void *opaque, int level),
                     void *opaque)
{
    s->irq = irq;
    s->opaque = opaque;
    spd_fill(s->eeprom, ram_size);
    memory_region_init_io(&s->io, owner, &smbus_ops, s, "pm-smbus", 16);
}

void smbus_host_reset(SmbusHost *s)
{
    s->status = s->control = s->command = s->address = s->outcome = s->block_index = 0;
    memset(s->data, 0, sizeof(s->data));
    memset(s->block, 0, sizeof(s->block));
    memset(s->eeprom_at, 0, sizeof(s->eeprom_at));
    update_irq(s);
}

const VMStateDescription vmstate_smbus_host = {
    .name = "smbus-host", .version = 2, .min_version = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT8_MASK(status, SmbusHost, STS_BUSY | STS_W1C),
        VMSTATE_UINT8_MASK(control, SmbusHost, CNT_STORED),
        VMSTATE_UINT8(command, SmbusHost),
        VMSTATE_UINT8(address, SmbusHost),
        VMSTATE_UINT8_ARRAY(data, SmbusHost, 2),
        VMSTATE_UINT8_MASK(outcome, SmbusHost, STS_W1C),
        VMSTATE_BYTES(block, SmbusHost, SMBUS_BLOCK_MAX),
        VMSTATE_UINT8(block_index, SmbusHost),
        VMS_FIELD(VMS_UINT8, eeprom_at, SmbusHost, SMBUS_EEPROM_COUNT, 0, .size = 1, .version = 2),
        VMSTATE_END
    },
};
