/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pair of 8259A interrupt controllers of the PC/AT (ports 20h-21h, A0h-A1h) with the edge/level registers
 * (4D0h-4D1h)
 *
 * Follows: Intel 8259A datasheet; Intel 82371SB (PIIX3) datasheet for the edge/level control registers, which replace
 * the LTIM bit of ICW1. The cascade is wired: the slave's output is the master's input 2, so ICW3 is taken and not
 * looked at.
 * Left out: MCS-80/85 mode (ICW4 bit 0 = 0 behaves like 8086 mode) and buffered mode, which is about board wiring
 * only.
 *
 *   line ──► latch (edge) or line (level) = IRR ──► & ~IMR ──► priority against ISR ──► INT
 *                     ▲ INTA clears the latch                       ▲ INTA sets, EOI clears
 */
#include "qemu/osdep.h"
#include "hw/i386/pc.h"
#include "hw/isa/isa.h"
#include "qemu/bitops.h"
#include "qemu/log.h"
#include "trace/hw-intc.h"

#define PIC_MASTER      0
#define PIC_SLAVE       1
#define PIC_CASCADE     2           /* the master's input that carries the slave */

#define ICW1_IC4        (1u << 0)
#define ICW1_SNGL       (1u << 1)
#define ICW1_SELECT     (1u << 4)   /* tells ICW1 from OCW2 and OCW3 */
#define OCW3_SELECT     (1u << 3)
#define ICW4_AEOI       (1u << 1)
#define ICW4_SFNM       (1u << 4)
#define OCW3_RIS        (1u << 0)
#define OCW3_RR         (1u << 1)
#define OCW3_POLL       (1u << 2)
#define OCW3_SMM        (1u << 5)
#define OCW3_ESMM       (1u << 6)
#define POLL_PENDING    (1u << 7)

typedef struct PicChip {
    MemoryRegion io, elcr_io;
    struct Pic *pair;
    uint8_t lines;          /* levels of the eight inputs */
    uint8_t latch;          /* rising edges seen and neither acknowledged nor withdrawn */
    uint8_t imr, isr;
    uint8_t elcr;           /* 1: level triggered */
    uint8_t vector_base;
    uint8_t top;            /* the input that has the highest priority */
    uint8_t next_icw;       /* 2..4 while initialising, else 0 */
    bool wants_icw4, single;
    bool read_isr, poll, special_mask, auto_eoi, rotate_on_auto_eoi, special_nested;
} PicChip;

typedef struct Pic {
    Device parent;
    PicChip chip[2];
    Irq intr;               /* to the CPU */
    bool out;
    uint64_t edges[16];     /* info irq: how often each input rose */
} Pic;

static const uint8_t elcr_writable[2] = { 0xf8, 0xde };    /* timer, keyboard, cascade, RTC and FPU are always edge */

static bool is_master(const PicChip *c)
{
    return c == &c->pair->chip[PIC_MASTER];
}

static uint8_t pic_irr(const PicChip *c)
{
    /* The cascade behaves like a level: a slave with one more request keeps asking. */
    uint8_t level = c->elcr | (is_master(c) ? 1u << PIC_CASCADE : 0);

    return (c->latch & ~level) | (c->lines & level);
}

/* The request that would be acknowledged now, or -1. Fully nested: an equal or higher level in service blocks. */
static int pic_pending(const PicChip *c)
{
    uint8_t req = pic_irr(c) & ~c->imr;

    if (c->special_mask) {
        req &= ~c->isr;
    }
    for (unsigned rank = 0; req && rank < 8; rank++) {
        unsigned n = (c->top + rank) & 7;
        uint8_t bit = 1u << n;
        bool nests_itself = c->special_nested && is_master(c) && n == PIC_CASCADE;

        if (!c->special_mask && (c->isr & bit)) {
            return nests_itself && (req & bit) ? (int)n : -1;
        }
        if (req & bit) {
            return n;
        }
    }
    return -1;
}

static void chip_set_line(PicChip *c, unsigned n, bool level)
{
    uint8_t bit = 1u << n;

    if (!level) {
        if (c->latch & ~c->imr & bit) {
            irq_note_merge();   /* the pulses of a timer: the next edge takes the place of this one */
        }
        c->lines &= ~bit;
        c->latch &= ~bit;       /* datasheet: the request must stay up until INTA, or it is gone */
    } else if (!(c->lines & bit)) {
        c->lines |= bit;
        c->latch |= bit;
    }
}

static void pic_update(Pic *s)
{
    bool out;

    chip_set_line(&s->chip[PIC_MASTER], PIC_CASCADE, pic_pending(&s->chip[PIC_SLAVE]) >= 0);
    out = pic_pending(&s->chip[PIC_MASTER]) >= 0;
    if (out != s->out) {
        s->out = out;
        trace_pic_intr(out);
        irq_set(s->intr, out);
    }
}

static void pic_set_irq(void *opaque, int n, int level)
{
    Pic *s = opaque;

    trace_pic_set_irq(n, level);
    if (n == PIC_CASCADE) {
        return;                 /* not a pin of the board: the slave sits there */
    }
    s->edges[n] += level && !(s->chip[n >> 3].lines & 1u << (n & 7));
    chip_set_line(&s->chip[n >> 3], n & 7, level);
    pic_update(s);
}

/* What an INTA cycle does inside the chip that owns the request. */
static void chip_ack(PicChip *c, unsigned n)
{
    c->latch &= ~(1u << n);
    if (!c->auto_eoi) {
        c->isr |= 1u << n;
    } else if (c->rotate_on_auto_eoi) {
        c->top = (n + 1) & 7;
    }
}

/* One chip's part of INTA: the vector it drives. With nothing pending that is input 7, which then is not in service. */
static int chip_inta(PicChip *c, int *input)
{
    *input = pic_pending(c);
    if (*input < 0) {
        return c->vector_base + 7;
    }
    chip_ack(c, *input);
    return c->vector_base + *input;
}

int i8259_ack(Device *pic)
{
    Pic *s = container_of(pic, Pic, parent);
    int input, slave_input;
    int vector = chip_inta(&s->chip[PIC_MASTER], &input);

    if (input == PIC_CASCADE) {
        vector = chip_inta(&s->chip[PIC_SLAVE], &slave_input);
        input = slave_input < 0 ? -1 : 8 + slave_input;
    }
    trace_pic_ack(input, vector);
    pic_update(s);
    return vector;
}

bool i8259_output(Device *pic)
{
    return container_of(pic, Pic, parent)->out;
}

/* Highest priority in service, or -1; a non-specific EOI in special mask mode passes over masked levels. */
static int pic_in_service(const PicChip *c)
{
    uint8_t isr = c->special_mask ? c->isr & ~c->imr : c->isr;

    for (unsigned rank = 0; rank < 8; rank++) {
        unsigned n = (c->top + rank) & 7;

        if (isr & (1u << n)) {
            return n;
        }
    }
    return -1;
}

static void pic_init_start(PicChip *c, uint8_t icw1)
{
    c->latch = 0;           /* edge sense is reset: an input must fall and rise again */
    c->imr = c->isr = 0;
    c->top = 0;
    c->read_isr = c->poll = c->special_mask = false;
    c->auto_eoi = c->rotate_on_auto_eoi = c->special_nested = false;
    c->wants_icw4 = icw1 & ICW1_IC4;
    c->single = icw1 & ICW1_SNGL;
    c->next_icw = 2;
}

static void pic_icw_write(PicChip *c, uint8_t val)
{
    switch (c->next_icw) {
    case 2:
        c->vector_base = val & 0xf8;
        c->next_icw = !c->single ? 3 : c->wants_icw4 ? 4 : 0;
        break;
    case 3:
        c->next_icw = c->wants_icw4 ? 4 : 0;
        break;
    case 4:
        c->auto_eoi = val & ICW4_AEOI;
        c->special_nested = val & ICW4_SFNM;
        c->next_icw = 0;
        break;
    }
}

/* OCW2 (datasheet, "Operation Command Word 2"): bit 7 rotate, bit 6 specific, bit 5 EOI. */
static void pic_ocw2(PicChip *c, uint8_t val)
{
    bool rotate = val & 0x80, specific = val & 0x40, eoi = val & 0x20;
    int n = specific ? val & 7 : pic_in_service(c);

    if (!eoi && !specific) {
        c->rotate_on_auto_eoi = rotate;
        return;
    }
    if (n < 0) {
        return;                                 /* EOI with nothing in service */
    }
    if (eoi) {
        c->isr &= ~(1u << n);
    }
    if (rotate) {
        c->top = (n + 1) & 7;
    }
}

static void pic_ocw3(PicChip *c, uint8_t val)
{
    if (val & OCW3_ESMM) {
        c->special_mask = val & OCW3_SMM;
    }
    if (val & OCW3_POLL) {
        c->poll = true;
    } else if (val & OCW3_RR) {
        c->read_isr = val & OCW3_RIS;
    }
}

static uint8_t pic_poll(PicChip *c)
{
    int n = pic_pending(c);

    c->poll = false;
    if (n < 0) {
        return 0;
    }
    chip_ack(c, n);
    pic_update(c->pair);
    return POLL_PENDING | n;
}

static uint64_t pic_read(void *opaque, hwaddr addr, unsigned size)
{
    PicChip *c = opaque;
    uint8_t val;

    if (c->poll) {
        val = pic_poll(c);
    } else if (addr == 1) {
        val = c->imr;
    } else {
        val = c->read_isr ? c->isr : pic_irr(c);
    }
    trace_pic_read(!is_master(c), addr, val);
    return val;
}

static void pic_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    PicChip *c = opaque;

    trace_pic_write(!is_master(c), addr, val);
    if (addr == 0 && (val & ICW1_SELECT)) {
        pic_init_start(c, val);
    } else if (addr == 0 && (val & OCW3_SELECT)) {
        pic_ocw3(c, val);
    } else if (addr == 0) {
        pic_ocw2(c, val);
    } else if (c->next_icw) {
        pic_icw_write(c, val);
    } else {
        c->imr = val;
    }
    pic_update(c->pair);
}

static uint64_t elcr_read(void *opaque, hwaddr addr, unsigned size)
{
    return ((PicChip *)opaque)->elcr;
}

static void elcr_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    PicChip *c = opaque;

    trace_pic_elcr(!is_master(c), val);
    c->elcr = val & elcr_writable[!is_master(c)];
    pic_update(c->pair);
}

static const MemoryRegionOps pic_ops = {
    .read = pic_read, .write = pic_write, .size = { .min = 1, .max = 1 },
};
static const MemoryRegionOps elcr_ops = {
    .read = elcr_read, .write = elcr_write, .size = { .min = 1, .max = 1 },
};

static bool pic_realize(Device *dev, Error **errp)
{
    Pic *s = container_of(dev, Pic, parent);

    for (int i = 0; i < 2; i++) {
        PicChip *c = &s->chip[i];

        c->pair = s;
        memory_region_init_io(&c->io, dev, &pic_ops, c, i ? "pic-slave" : "pic-master", 2);
        memory_region_init_io(&c->elcr_io, dev, &elcr_ops, c, i ? "elcr-slave" : "elcr-master", 1);
        isa_map_port(dev, i ? 0xa0 : 0x20, &c->io);
        isa_map_port(dev, 0x4d0 + i, &c->elcr_io);
    }
    device_init_irqs(dev, pic_set_irq, 16);
    device_add_irq_out(dev, &container_of(dev, Pic, parent)->intr);
    return true;
}

/* The inputs are wires and keep their levels; a line that is up counts as a request, as after power-on. */
static void pic_reset(Device *dev)
{
    Pic *s = container_of(dev, Pic, parent);

    for (int i = 0; i < 2; i++) {
        PicChip *c = &s->chip[i];

        pic_init_start(c, 0);
        c->next_icw = 0;
        c->vector_base = 0;
        c->elcr = 0;
        c->latch = c->lines;
    }
    pic_update(s);
}

static bool pic_post_load(void *opaque, int version, Error **errp)
{
    Pic *s = opaque;

    for (int i = 0; i < 2; i++) {
        PicChip *c = &s->chip[i];

        if (c->next_icw == 1 || c->next_icw > 4 || (c->elcr & ~elcr_writable[i])) {
            error_set(errp, "state of interrupt controller %d is impossible", i);
            return false;
        }
    }
    irq_set(s->intr, s->out);
    return true;
}

static const VMStateDescription pic_chip_vmstate = {
    .name = "i8259-chip", .version = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT8(lines, PicChip),
        VMSTATE_UINT8(latch, PicChip),
        VMSTATE_UINT8(imr, PicChip),
        VMSTATE_UINT8(isr, PicChip),
        VMSTATE_UINT8(elcr, PicChip),
        VMSTATE_UINT8_MASK(vector_base, PicChip, 0xf8),
        VMSTATE_UINT8_MASK(top, PicChip, 7),
        VMSTATE_UINT8_MASK(next_icw, PicChip, 7),
        VMSTATE_BOOL(wants_icw4, PicChip),
        VMSTATE_BOOL(single, PicChip),
        VMSTATE_BOOL(read_isr, PicChip),
        VMSTATE_BOOL(poll, PicChip),
        VMSTATE_BOOL(special_mask, PicChip),
        VMSTATE_BOOL(auto_eoi, PicChip),
        VMSTATE_BOOL(rotate_on_auto_eoi, PicChip),
        VMSTATE_BOOL(special_nested, PicChip),
        VMSTATE_END
    },
};

static const VMStateDescription pic_vmstate = {
    .name = "i8259", .version = 1, .post_load = pic_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_STRUCT_ARRAY(chip, Pic, 2, pic_chip_vmstate),
        VMSTATE_BOOL(out, Pic),
        VMSTATE_END
    },
};

void i8259_print(Device *dev, GString *out)
{
    Pic *s = container_of(dev, Pic, parent);

    for (int i = 1; i >= 0; i--) {
        const PicChip *c = &s->chip[i];

        g_string_append_printf(out, "pic%d: irr=%02x imr=%02x isr=%02x hprio=%d irq_base=%02x rr_sel=%d elcr=%02x "
                               "fnm=%d\n", i, pic_irr(c), c->imr, c->isr, c->top, c->vector_base, c->read_isr, c->elcr,
                               c->special_nested);
    }
}

const uint64_t *i8259_irq_counts(Device *dev)
{
    return container_of(dev, Pic, parent)->edges;
}

static const DeviceType pic_type = {
    .name = "isa-pic", .desc = "pair of 8259A interrupt controllers", .bus = BUS_ISA,
    .instance_size = sizeof(Pic),
    .realize = pic_realize, .reset = pic_reset, .vmstate = &pic_vmstate,
};
DEVICE_TYPE(pic_type)

Device *i8259_create(Irq parent_intr)
{
    Device *dev = device_new("isa-pic");

    container_of(dev, Pic, parent)->intr = parent_intr;
    device_realize(dev, NULL, &error_abort);
    return dev;
}
