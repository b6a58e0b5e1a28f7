/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two 8237A DMA controllers with page registers, as in the PC/AT (ports 00h-0Fh, C0h-DEh, 81h-8Fh)
 *
 * Follows: Intel 8237A datasheet; Intel 82371SB (PIIX3) datasheet for the page registers and the word channels.
 * Cycles take no time: a device's request moves all it can at once.
 * Left out: memory-to-memory transfers (not wired on a PC), rotating priority and timing bits (nothing competes),
 * software requests other than being remembered in the status register, extended timing and type F.
 */
#include "qemu/osdep.h"
#include "exec/memory.h"
#include "hw/dma/i8237.h"
#include "hw/isa/isa.h"
#include "qemu/log.h"
#include "trace/hw-dma.h"

#define CHANNELS_EACH   4
#define NUM_REGS        16
#define PAGE_BASE       0x81
#define PAGE_REGS       15

/* Registers beyond the channels' own, as offsets of the byte-wide controller. */
enum { REG_STATUS_COMMAND = 8, REG_REQUEST, REG_MASK, REG_MODE, REG_FLIPFLOP, REG_TEMP_CLEAR, REG_CLEAR_MASK,
       REG_ALL_MASK };

#define COMMAND_DISABLE 0x04u

#define MODE_TRANSFER   0x0cu
#define MODE_VERIFY     0x00u
#define MODE_TO_MEMORY  0x04u
#define MODE_FROM_MEM   0x08u
#define MODE_AUTO       0x10u
#define MODE_DOWN       0x20u

typedef struct DmaChannel {
    uint16_t base_addr, base_count;
    uint16_t addr, count;           /* current; count + 1 transfers are left */
    uint8_t mode;                   /* bits 7:2 of the mode register */
    void (*notify)(void *opaque);
    void *opaque;
} DmaChannel;

typedef struct DmaController {
    MemoryRegion io;
    struct Dma *pair;
    DmaChannel ch[CHANNELS_EACH];
    uint8_t command, mask;
    uint8_t tc, request;            /* the halves of the status register */
    bool high_next;                 /* the byte-pointer flip-flop */
} DmaController;

typedef struct Dma {
    Device parent;
    MemoryRegion page_io;
    DmaController ctl[2];
    uint8_t page[PAGE_REGS];        /* 81h..8Fh; those without a channel are plain storage */
} Dma;

/* Page register of each channel (PIIX3 datasheet, "DMA Memory Low Page Registers"); channel 4 has the refresh page. */
static const uint8_t page_port[DMA_CHANNELS] = { 0x87, 0x83, 0x81, 0x82, 0x8f, 0x8b, 0x89, 0x8a };

static unsigned ctl_shift(const DmaController *c)
{
    return c == &c->pair->ctl[1];   /* the second controller moves words */
}

/* ---- transfers -------------------------------------------------------------------------------------------- */

/* Channels 5-7 address words: the page's bit 0 is not used. The page never counts: addresses wrap below it. */
static hwaddr ch_address(const Dma *s, unsigned channel)
{
    unsigned shift = channel / CHANNELS_EACH;
    uint8_t page = s->page[page_port[channel] - PAGE_BASE];
    uint32_t addr = s->ctl[shift].ch[channel % CHANNELS_EACH].addr;

    return (hwaddr)(shift ? page & 0xfe : page) << 16 | addr << shift;
}

bool i8257_channel_open(Device *dma, unsigned channel)
{
    const DmaController *c = &container_of(dma, Dma, parent)->ctl[channel / CHANNELS_EACH];

    return !(c->command & COMMAND_DISABLE) && !(c->mask & (1u << channel % CHANNELS_EACH));
}

size_t i8257_remaining(Device *dma, unsigned channel)
{
    const DmaController *c = &container_of(dma, Dma, parent)->ctl[channel / CHANNELS_EACH];

    return i8257_channel_open(dma, channel) ? ((size_t)c->ch[channel % CHANNELS_EACH].count + 1) << ctl_shift(c) : 0;
}

/* Units until the address wraps within its 64 K, so that a run is contiguous. Downwards: one at a time. */
static size_t run_length(const DmaChannel *ch, size_t units)
{
    size_t left = (size_t)ch->count + 1;

    units = MIN(units, left);
    return ch->mode & MODE_DOWN ? MIN(units, 1) : MIN(units, 0x10000u - ch->addr);
}

/* Datasheet, "Autoinitialize": at terminal count the base values come back, else the channel masks itself. */
static void terminal_count(DmaController *c, unsigned n)
{
    DmaChannel *ch = &c->ch[n];

    trace_dma_terminal_count(ctl_shift(c) * CHANNELS_EACH + n);
    c->tc |= 1u << n;
    c->request &= ~(1u << n);
    if (ch->mode & MODE_AUTO) {
        ch->addr = ch->base_addr;
        ch->count = ch->base_count;
    } else {
        c->mask |= 1u << n;
    }
}

/* One transfer of either direction; buf is written when to_memory is false. */
static size_t dma_run(Dma *s, unsigned channel, uint8_t *buf, size_t len, bool to_memory, bool *tc)
{
    DmaController *c = &s->ctl[channel / CHANNELS_EACH];
    unsigned n = channel % CHANNELS_EACH, shift = ctl_shift(c);
    DmaChannel *ch = &c->ch[n];
    uint8_t kind = ch->mode & MODE_TRANSFER;
    size_t done = 0;

    *tc = false;
    if (!i8257_channel_open(&s->parent, channel) || (kind != MODE_VERIFY && to_memory != (kind == MODE_TO_MEMORY))) {
        return 0;
    }
    while ((len - done) >> shift && !*tc) {
        size_t units = run_length(ch, (len - done) >> shift), bytes = units << shift;

        if (kind == MODE_TO_MEMORY) {
            dma_memory_write(ch_address(s, channel), buf + done, bytes);
        } else if (kind == MODE_FROM_MEM) {
            dma_memory_read(ch_address(s, channel), buf + done, bytes);
        }
        ch->addr += ch->mode & MODE_DOWN ? -units : units;
        *tc = units == (size_t)ch->count + 1;
        ch->count -= units;
        done += bytes;
    }
    trace_dma_run(channel, to_memory, done, *tc);
    if (*tc) {
        terminal_count(c, n);
    }
    return done;
}

size_t i8257_write(Device *dma, unsigned channel, const void *buf, size_t len, bool *tc)
{
    return dma_run(container_of(dma, Dma, parent), channel, (uint8_t *)buf, len, true, tc);
}

size_t i8257_read(Device *dma, unsigned channel, void *buf, size_t len, bool *tc)
{
    return dma_run(container_of(dma, Dma, parent), channel, buf, len, false, tc);
}

void i8257_set_notify(Device *dma, unsigned channel, void (*fn)(void *opaque), void *opaque)
{
    DmaChannel *ch = &container_of(dma, Dma, parent)->ctl[channel / CHANNELS_EACH].ch[channel % CHANNELS_EACH];

    ch->notify = fn;
    ch->opaque = opaque;
}

static void notify_open(DmaController *c, uint8_t was_masked)
{
    uint8_t opened = c->command & COMMAND_DISABLE ? 0 : was_masked & ~c->mask;

    for (unsigned n = 0; n < CHANNELS_EACH; n++) {
        if ((opened & (1u << n)) && c->ch[n].notify) {
            c->ch[n].notify(c->ch[n].opaque);
        }
    }
}

/* ---- registers -------------------------------------------------------------------------------------------- */

/* The 16-bit registers pass through an 8-bit door, low byte first; one flip-flop serves all of a controller. */
static uint8_t channel_read(DmaController *c, unsigned reg)
{
    const DmaChannel *ch = &c->ch[reg / 2];
    uint16_t val = reg & 1 ? ch->count : ch->addr;
    bool high = c->high_next;

    c->high_next = !high;
    return high ? val >> 8 : val;
}

static void channel_write(DmaController *c, unsigned reg, uint8_t val)
{
    DmaChannel *ch = &c->ch[reg / 2];
    uint16_t *base = reg & 1 ? &ch->base_count : &ch->base_addr;

    *base = c->high_next ? (*base & 0x00ff) | val << 8 : (*base & 0xff00) | val;
    if (reg & 1) {
        ch->count = *base;
    } else {
        ch->addr = *base;
    }
    c->high_next = !c->high_next;
}

static void controller_clear(DmaController *c)
{
    c->command = c->tc = c->request = 0;
    c->mask = 0x0f;
    c->high_next = false;
}

static void control_write(DmaController *c, unsigned reg, uint8_t val)
{
    uint8_t bit = 1u << (val & 3), masked = c->mask | (c->command & COMMAND_DISABLE ? 0x0f : 0);

    switch (reg) {
    case REG_STATUS_COMMAND:
        c->command = val;
        break;
    case REG_REQUEST:
        c->request = val & 4 ? c->request | bit : c->request & ~bit;
        break;
    case REG_MASK:
        c->mask = val & 4 ? c->mask | bit : c->mask & ~bit;
        break;
    case REG_MODE:
        c->ch[val & 3].mode = val & 0xfc;
        break;
    case REG_FLIPFLOP:
        c->high_next = false;
        break;
    case REG_TEMP_CLEAR:
        controller_clear(c);
        break;
    case REG_CLEAR_MASK:
        c->mask = 0;
        break;
    case REG_ALL_MASK:
        c->mask = val & 0x0f;
        break;
    }
    notify_open(c, masked);
}

static uint64_t dma_read(void *opaque, hwaddr addr, unsigned size)
{
    DmaController *c = opaque;
    unsigned reg = addr >> ctl_shift(c);
    uint8_t val = 0;

    if (reg < 2 * CHANNELS_EACH) {
        val = channel_read(c, reg);
    } else if (reg == REG_STATUS_COMMAND) {
        val = c->request << 4 | c->tc;
        c->tc = 0;
    } else if (reg == REG_ALL_MASK) {
        val = c->mask | 0xf0;               /* PIIX3: the mask can be read back */
    }
    trace_dma_read(ctl_shift(c), reg, val);
    return val;
}

static void dma_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    DmaController *c = opaque;
    unsigned reg = addr >> ctl_shift(c);

    trace_dma_write(ctl_shift(c), reg, val);
    if (reg < 2 * CHANNELS_EACH) {
        channel_write(c, reg, val);
    } else {
        control_write(c, reg, val);
    }
}

static uint64_t page_read(void *opaque, hwaddr addr, unsigned size)
{
    return ((Dma *)opaque)->page[addr];
}

static void page_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    trace_dma_page(PAGE_BASE + addr, val);
    ((Dma *)opaque)->page[addr] = val;
}

static const MemoryRegionOps dma_ops = {
    .read = dma_read, .write = dma_write, .size = { .min = 1, .max = 1 },
};
static const MemoryRegionOps page_ops = {
    .read = page_read, .write = page_write, .size = { .min = 1, .max = 1 },
};

/* ---- life ------------------------------------------------------------------------------------------------- */

static bool dma_realize(Device *dev, Error **errp)
{
    Dma *s = container_of(dev, Dma, parent);

    for (unsigned i = 0; i < 2; i++) {
        DmaController *c = &s->ctl[i];

        c->pair = s;
        memory_region_init_io(&c->io, dev, &dma_ops, c, i ? "dma-words" : "dma-bytes", NUM_REGS << i);
        isa_map_port(dev, i ? 0xc0 : 0x00, &c->io);
    }
    memory_region_init_io(&s->page_io, dev, &page_ops, s, "dma-page", PAGE_REGS);
    isa_map_port(dev, PAGE_BASE, &s->page_io);
    return true;
}

static void dma_reset(Device *dev)
{
    Dma *s = container_of(dev, Dma, parent);

    for (unsigned i = 0; i < 2; i++) {
        controller_clear(&s->ctl[i]);
        for (unsigned n = 0; n < CHANNELS_EACH; n++) {
            DmaChannel *ch = &s->ctl[i].ch[n];

            ch->base_addr = ch->base_count = ch->addr = ch->count = 0;
            ch->mode = 0;
        }
    }
    memset(s->page, 0, sizeof(s->page));
}

static const VMStateDescription dma_channel_vmstate = {
    .name = "i8257-channel", .version = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT16(base_addr, DmaChannel),
        VMSTATE_UINT16(base_count, DmaChannel),
        VMSTATE_UINT16(addr, DmaChannel),
        VMSTATE_UINT16(count, DmaChannel),
        VMSTATE_UINT8_MASK(mode, DmaChannel, 0xfc),
        VMSTATE_END
    },
};

static const VMStateDescription dma_controller_vmstate = {
    .name = "i8257-controller", .version = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_STRUCT_ARRAY(ch, DmaController, CHANNELS_EACH, dma_channel_vmstate),
        VMSTATE_UINT8(command, DmaController),
        VMSTATE_UINT8_MASK(mask, DmaController, 0x0f),
        VMSTATE_UINT8_MASK(tc, DmaController, 0x0f),
        VMSTATE_UINT8_MASK(request, DmaController, 0x0f),
        VMSTATE_BOOL(high_next, DmaController),
        VMSTATE_END
    },
};

static const VMStateDescription dma_vmstate = {
    .name = "i8257", .version = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_STRUCT_ARRAY(ctl, Dma, 2, dma_controller_vmstate),
        VMSTATE_UINT8_ARRAY(page, Dma, PAGE_REGS),
        VMSTATE_END
    },
};

static const DeviceType dma_type = {
    .name = "i8257", .desc = "two 8237A DMA controllers and page registers", .bus = BUS_ISA,
    .instance_size = sizeof(Dma),
    .realize = dma_realize, .reset = dma_reset, .vmstate = &dma_vmstate,
};
DEVICE_TYPE(dma_type)
