/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 16550A serial port
 *
 * Follows: National Semiconductor PC16550D datasheet.
 *
 * Deviations, and why:
 *   - Sent bytes go to the character device at once, not at the line's speed: the transmitter looks empty as soon as
 *     the host has taken the byte. Interrupts keep their order (a write withdraws THRE, an empty transmitter sets it).
 *     When the host is slow the bytes stay in the FIFO and THRE stays 0, so a guest that looks never loses one.
 *   - On a PC OUT2 gates the interrupt line. Here it does not: kernels that never set it (xv6) work on every other
 *     emulator, and none was found that needs the gate. A guest that relies on OUT2 = 0 would change our mind.
 *   - With a serial port of the host behind it, that port gets the line format, breaks, DTR and RTS; its modem inputs
 *     are looked at every 10 ms while the guest's port is not in loop mode. Any other peer is always ready.
 * Left out: DMA mode signals.
 */
#include "qemu/osdep.h"
#include "chardev/char.h"
#include "hw/isa/isa.h"
#include "qemu/bitops.h"
#include "qemu/log.h"
#include "trace/hw-char.h"

#define FIFO_SIZE       16
#define CLOCK_16X_HZ    115200          /* divisor 1: 16 crystal periods per bit of 1.8432 MHz */
#define PORTS           8
#define MAX_PORTS       4

enum { REG_DATA, REG_IER, REG_IIR_FCR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCR };

#define IER_DATA        0x01u
#define IER_THRE        0x02u
#define IER_LINE        0x04u
#define IER_MODEM       0x08u
#define IER_MASK        0x0fu

#define IIR_NONE        0x01u
#define IIR_MODEM       0x00u
#define IIR_THRE        0x02u
#define IIR_DATA        0x04u
#define IIR_LINE        0x06u
#define IIR_TIMEOUT     0x0cu
#define IIR_FIFOS       0xc0u

#define FCR_ENABLE      0x01u
#define FCR_CLEAR_RX    0x02u
#define FCR_CLEAR_TX    0x04u
#define FCR_KEPT        0xc9u           /* trigger level, DMA mode, enable */

#define MODEM_POLL_NS   (10 * 1000000LL)

#define LCR_STOP2       0x04u
#define LCR_PARITY      0x08u
#define LCR_PARITY_SHIFT 4             /* even, stick */
#define LCR_BREAK       0x40u
#define LCR_DLAB        0x80u

#define MCR_LOOP        0x10u
#define MCR_MASK        0x1fu

#define LSR_DR          0x01u
#define LSR_OE          0x02u
#define LSR_BI          0x10u
#define LSR_THRE        0x20u
#define LSR_TEMT        0x40u
#define LSR_FIFO_ERR    0x80u
#define LSR_ERRORS      0x1eu

#define MSR_DELTAS      0x0fu
#define MSR_TERI        0x04u
#define MSR_CTS         0x10u
#define MSR_DSR         0x20u
#define MSR_RI          0x40u
#define MSR_DCD         0x80u

typedef struct Serial {
    Device parent;
    MemoryRegion io;
    uint32_t index, iobase, irq_num;    /* properties */
    Chardev *chr;
    Irq irq;
    uint8_t ier, fcr, lcr, mcr, msr, scr;
    uint16_t divisor;
    uint8_t lsr;                        /* error bits and OE; DR, THRE, TEMT and bit 7 follow from the FIFOs */
    bool thre_pending, timeout_pending;
    uint8_t rx[FIFO_SIZE], rx_errors[FIFO_SIZE], rx_head, rx_count;     /* without FIFOs one entry is used */
    uint8_t tx[FIFO_SIZE], tx_head, tx_count;
    Timer timeout_timer;
    Timer modem_timer;                  /* looks at the lines of a real port; not saved */
    Timer resend_timer;                 /* after a load: nobody promised this host's device a writable(); not saved */
} Serial;

static const uint8_t rx_trigger[4] = { 1, 4, 8, 14 };
static const struct { uint16_t iobase; uint8_t irq; } pc_ports[MAX_PORTS] = {
    { 0x3f8, 4 }, { 0x2f8, 3 }, { 0x3e8, 4 }, { 0x2e8, 3 },
};

static unsigned fifo_depth(const Serial *s)
{
    return s->fcr & FCR_ENABLE ? FIFO_SIZE : 1;
}

/* ---- interrupts (datasheet, table "Interrupt Control Functions") ------------------------------------------ */

static uint8_t serial_interrupt_id(const Serial *s)
{
    unsigned trigger = s->fcr & FCR_ENABLE ? rx_trigger[s->fcr >> 6] : 1;

    if ((s->ier & IER_LINE) && (s->lsr & LSR_ERRORS)) {
        return IIR_LINE;
    }
    if ((s->ier & IER_DATA) && s->rx_count >= trigger) {
        return IIR_DATA;
    }
    if ((s->ier & IER_DATA) && s->timeout_pending) {
        return IIR_TIMEOUT;
    }
    if ((s->ier & IER_THRE) && s->thre_pending) {
        return IIR_THRE;
    }
    if ((s->ier & IER_MODEM) && (s->msr & MSR_DELTAS)) {
        return IIR_MODEM;
    }
    return IIR_NONE;
}

static void serial_update_irq(Serial *s)
{
    irq_set(s->irq, serial_interrupt_id(s) != IIR_NONE);
}

/* Nanoseconds of four characters with the current format; a divisor of 0 counts as 65536. */
static int64_t timeout_ns(const Serial *s)
{
    unsigned bits = 1 + 5 + (s->lcr & 3) + (s->lcr & LCR_PARITY ? 1 : 0) + (s->lcr & LCR_STOP2 ? 2 : 1);

    return 4 * bits * (s->divisor ? s->divisor : 65536) * (NANOSECONDS_PER_SECOND / CLOCK_16X_HZ);
}

/* The clock for stale data starts again with each character that is read, and with each that comes while it runs. */
static void serial_restart_timeout(Serial *s)
{
    s->timeout_pending = false;
    if ((s->fcr & FCR_ENABLE) && s->rx_count) {
        timer_arm(&s->timeout_timer, clock_get_ns(CLOCK_VM) + timeout_ns(s));
    } else {
        timer_disarm(&s->timeout_timer);
    }
}

static void serial_timeout_cb(void *opaque)
{
    Serial *s = opaque;

    s->timeout_pending = s->rx_count != 0;
    serial_update_irq(s);
}

/* ---- receiver --------------------------------------------------------------------------------------------- */

/* LSR error bits describe the character at the top of the FIFO, from when it gets there. */
static void rx_reveal_top(Serial *s)
{
    if (s->rx_count) {
        s->lsr |= s->rx_errors[s->rx_head];
        s->rx_errors[s->rx_head] = 0;
    }
}

static void rx_put(Serial *s, uint8_t byte, uint8_t errors)
{
    unsigned tail;

    if (s->rx_count >= fifo_depth(s)) {
        s->lsr |= LSR_OE;
        if (s->fcr & FCR_ENABLE) {
            return;                     /* the FIFO keeps what it has, the new character is lost */
        }
        s->rx_count = 0;                /* without FIFOs the new one replaces the old */
    }
    tail = (s->rx_head + s->rx_count++) % FIFO_SIZE;
    s->rx[tail] = byte;
    s->rx_errors[tail] = errors;
    if (s->rx_count == 1) {
        rx_reveal_top(s);
    }
    if (!s->timeout_pending) {          /* PC16550D, "FIFO Interrupt Mode Operation": only a read clears a timeout */
        serial_restart_timeout(s);
    }
}

static uint8_t rx_get(Serial *s)
{
    uint8_t byte = s->rx[s->rx_head];

    if (!s->rx_count) {
        return byte;                    /* an empty receiver shows its last character */
    }
    if (--s->rx_count) {
        s->rx_head = (s->rx_head + 1) % FIFO_SIZE;
    }
    rx_reveal_top(s);
    serial_restart_timeout(s);
    return byte;
}

static bool rx_has_errors(const Serial *s)
{
    for (unsigned i = 0; i < s->rx_count; i++) {
        if (s->rx_errors[(s->rx_head + i) % FIFO_SIZE]) {
            return true;
        }
    }
    return s->lsr & (LSR_ERRORS & ~LSR_OE);
}

static void rx_clear(Serial *s)
{
    s->rx_count = 0;
    serial_restart_timeout(s);
}

static int serial_can_receive(void *opaque)
{
    Serial *s = opaque;

    return s->mcr & MCR_LOOP ? 0 : fifo_depth(s) - s->rx_count;
}

static void serial_receive(void *opaque, const uint8_t *buf, int len)
{
    Serial *s = opaque;

    for (int i = 0; i < len; i++) {
        trace_serial_receive(s->index, buf[i]);
        rx_put(s, buf[i], 0);
    }
    serial_update_irq(s);
}

static void serial_event(void *opaque, ChardevEvent ev)
{
    Serial *s = opaque;

    if (ev == CHR_EVENT_BREAK && !(s->mcr & MCR_LOOP)) {
        rx_put(s, 0, LSR_BI);           /* datasheet: one zero character with the break bit */
        serial_update_irq(s);
    }
}

/* ---- transmitter ------------------------------------------------------------------------------------------ */

/* Hands the FIFO to the host or, looped, to our own receiver. What the host does not take waits for writable(). */
static void tx_drain(Serial *s)
{
    while (s->tx_count) {
        unsigned run = MIN(s->tx_count, FIFO_SIZE - s->tx_head);
        int taken = run;

        if (s->mcr & MCR_LOOP) {
            taken = 1;
            rx_put(s, s->tx[s->tx_head], 0);
        } else if (s->chr) {
            taken = chardev_write(s->chr, &s->tx[s->tx_head], run);
        }
        if (taken <= 0) {
            return;
        }
        s->tx_head = (s->tx_head + taken) % FIFO_SIZE;
        s->tx_count -= taken;
    }
    s->thre_pending = true;
}

static void serial_writable(void *opaque)
{
    Serial *s = opaque;

    if (s->tx_count) {
        tx_drain(s);
        serial_update_irq(s);
    }
}

static void tx_put(Serial *s, uint8_t byte)
{
    s->thre_pending = false;
    serial_update_irq(s);               /* the line falls here, so that THRE coming back is an edge */
    if (s->tx_count < fifo_depth(s)) {
        s->tx[(s->tx_head + s->tx_count++) % FIFO_SIZE] = byte;
    } else if (fifo_depth(s) == 1) {
        s->tx[s->tx_head] = byte;       /* the holding register is simply overwritten */
    } else {
        qemu_log_mask(LOG_GUEST_ERROR, "serial%u: byte 0x%02x written to a full transmit FIFO is lost\n", s->index,
                      byte);
    }
    tx_drain(s);
    serial_update_irq(s);
}

/* ---- modem lines ------------------------------------------------------------------------------------------ */

/* The four inputs: looped back from our outputs (DTR->DSR, RTS->CTS, OUT1->RI, OUT2->DCD), else a ready peer. */
static uint8_t modem_inputs(const Serial *s)
{
    if (!(s->mcr & MCR_LOOP)) {
        unsigned real;

        return s->chr && chardev_get_modem(s->chr, &real) ? real : MSR_DCD | MSR_DSR | MSR_CTS;
    }
    return (s->mcr & 0x01 ? MSR_DSR : 0) | (s->mcr & 0x02 ? MSR_CTS : 0) | (s->mcr & 0x0c) << 4;
}

static void update_modem_status(Serial *s)
{
    uint8_t now = modem_inputs(s), changed = (now ^ s->msr) & 0xf0, deltas = changed >> 4;

    if (now & MSR_RI) {
        deltas &= ~MSR_TERI;            /* only the trailing edge of RI counts */
    }
    s->msr = now | (s->msr & MSR_DELTAS) | deltas;
}

static void modem_poll(void *opaque)
{
    Serial *s = opaque;

    update_modem_status(s);
    serial_update_irq(s);
    timer_arm(&s->modem_timer, clock_get_ns(CLOCK_VM) + MODEM_POLL_NS);
}

/* ---- the line of a real port ------------------------------------------------------------------------------ */

static void tell_format(Serial *s)
{
    static const char parities[4] = { 'O', 'E', 'M', 'S' };
    ChardevLine line = {
        .baud = CLOCK_16X_HZ / (s->divisor ? s->divisor : 65536), .data_bits = 5 + (s->lcr & 3),
        .stop_bits = s->lcr & LCR_STOP2 ? 2 : 1,
        .parity = s->lcr & LCR_PARITY ? parities[extract64(s->lcr, LCR_PARITY_SHIFT, 2)] : 'N',
    };

    if (s->chr) {
        chardev_set_line(s->chr, &line);
    }
}

static void tell_modem(Serial *s)
{
    if (s->chr) {
        chardev_set_modem(s->chr, s->mcr & MCR_LOOP ? 0 : s->mcr & CHR_MODEM_OUTPUTS);
    }
}

/* All of it: after a reset or a load. */
static void tell_line(Serial *s)
{
    tell_format(s);
    tell_modem(s);
    if (s->chr) {
        chardev_set_break(s->chr, s->lcr & LCR_BREAK);
    }
}

static void write_lcr(Serial *s, uint8_t val)
{
    uint8_t changed = s->lcr ^ val;

    s->lcr = val;
    if ((changed & LCR_BREAK) && s->chr) {
        chardev_set_break(s->chr, val & LCR_BREAK);
    }
    if (changed & ~LCR_BREAK) {
        tell_format(s);             /* also when DLAB falls: the divisor is complete */
    }
}

/* ---- registers -------------------------------------------------------------------------------------------- */

static uint8_t read_lsr(Serial *s)
{
    uint8_t val = s->lsr;

    val |= s->rx_count ? LSR_DR : 0;
    val |= s->tx_count ? 0 : LSR_THRE | LSR_TEMT;
    val |= (s->fcr & FCR_ENABLE) && rx_has_errors(s) ? LSR_FIFO_ERR : 0;
    s->lsr = 0;
    return val;
}

static uint8_t read_iir(Serial *s)
{
    uint8_t id = serial_interrupt_id(s);

    if (id == IIR_THRE) {
        s->thre_pending = false;        /* reading the identification acknowledges this one */
    }
    return id | (s->fcr & FCR_ENABLE ? IIR_FIFOS : 0);
}

static uint8_t read_data(Serial *s)
{
    uint8_t val;

    if (s->lcr & LCR_DLAB) {
        return s->divisor;
    }
    val = rx_get(s);
    if (s->chr && !(s->mcr & MCR_LOOP)) {
        chardev_accept_input(s->chr);
    }
    return val;
}

static uint8_t read_msr(Serial *s)
{
    uint8_t val = s->msr;

    s->msr &= ~MSR_DELTAS;
    return val;
}

static uint8_t serial_reg_read(Serial *s, unsigned reg)
{
    switch (reg) {
    case REG_DATA:
        return read_data(s);
    case REG_IER:
        return s->lcr & LCR_DLAB ? s->divisor >> 8 : s->ier;
    case REG_IIR_FCR:
        return read_iir(s);
    case REG_LCR:
        return s->lcr;
    case REG_MCR:
        return s->mcr;
    case REG_LSR:
        return read_lsr(s);
    case REG_MSR:
        return read_msr(s);
    default:
        return s->scr;
    }
}

static uint64_t serial_read(void *opaque, hwaddr addr, unsigned size)
{
    Serial *s = opaque;
    uint8_t val = serial_reg_read(s, addr);

    trace_serial_read(s->index, addr, val);
    serial_update_irq(s);
    return val;
}

static void write_ier(Serial *s, uint8_t val)
{
    bool thre_enabled = ~s->ier & val & IER_THRE;

    s->ier = val & IER_MASK;
    if (thre_enabled && !s->tx_count) {
        s->thre_pending = true;         /* enabling it with an empty transmitter raises it; Linux tests for that */
    }
}

static void write_fcr(Serial *s, uint8_t val)
{
    bool toggled = (s->fcr ^ val) & FCR_ENABLE;

    s->fcr = val & FCR_ENABLE ? val & FCR_KEPT : 0;
    if (toggled || (val & FCR_CLEAR_RX)) {
        rx_clear(s);
        s->lsr &= LSR_OE;
    }
    if (toggled || (val & FCR_CLEAR_TX)) {
        s->thre_pending |= s->tx_count != 0;
        s->tx_count = 0;
    }
    if (s->chr && (toggled || (val & FCR_CLEAR_RX))) {
        chardev_accept_input(s->chr);
    }
}

static void write_mcr(Serial *s, uint8_t val)
{
    bool left_loop = (s->mcr & ~val) & MCR_LOOP;

    s->mcr = val & MCR_MASK;
    tell_modem(s);
    update_modem_status(s);
    if (left_loop && s->chr) {
        chardev_accept_input(s->chr);
    }
}

static void serial_reg_write(Serial *s, unsigned reg, uint8_t val)
{
    bool dlab = s->lcr & LCR_DLAB;

    switch (reg) {
    case REG_DATA:
        if (dlab) {
            s->divisor = deposit64(s->divisor, 0, 8, val);
        } else {
            tx_put(s, val);
        }
        break;
    case REG_IER:
        if (dlab) {
            s->divisor = deposit64(s->divisor, 8, 8, val);
        } else {
            write_ier(s, val);
        }
        break;
    case REG_IIR_FCR:
        write_fcr(s, val);
        break;
    case REG_LCR:
        write_lcr(s, val);
        break;
    case REG_MCR:
        write_mcr(s, val);
        break;
    case REG_LSR:
    case REG_MSR:
        break;                          /* factory test only */
    case REG_SCR:
        s->scr = val;
        break;
    }
}

static void serial_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    Serial *s = opaque;

    trace_serial_write(s->index, addr, val);
    serial_reg_write(s, addr, val);
    serial_update_irq(s);
}

static const MemoryRegionOps serial_ops = {
    .read = serial_read, .write = serial_write, .size = { .min = 1, .max = 1 },
};

/* ---- life ------------------------------------------------------------------------------------------------- */

/* Without an index the port becomes the first COMn that is free. */
static bool serial_choose_ports(Serial *s, Error **errp)
{
    if (s->index == UINT32_MAX) {
        s->index = isa_port_free_index("isa-serial", MAX_PORTS);
    }
    if (s->index >= MAX_PORTS && (s->iobase == UINT32_MAX || s->irq_num == UINT32_MAX)) {
        error_set(errp, "isa-serial has %d places, set 'iobase' and 'irq' for more", MAX_PORTS);
        return false;
    }
    if (s->iobase == UINT32_MAX) {
        s->iobase = pc_ports[s->index].iobase;
    }
    if (s->irq_num == UINT32_MAX) {
        s->irq_num = pc_ports[s->index].irq;
    }
    if (s->iobase > 0x10000 - PORTS || s->irq_num >= ISA_NUM_IRQS) {
        error_set(errp, "isa-serial cannot use port 0x%x with IRQ %u", s->iobase, s->irq_num);
        return false;
    }
    return true;
}

static bool serial_realize(Device *dev, Error **errp)
{
    Serial *s = container_of(dev, Serial, parent);
    unsigned lines;

    if (!serial_choose_ports(s, errp) || !chardev_check_free(s->chr, errp)) {
        return false;
    }
    s->irq = isa_irq(s->irq_num);
    device_add_irq_out(dev, &s->irq);
    timer_init(&s->timeout_timer, CLOCK_VM, serial_timeout_cb, s);
    timer_init(&s->modem_timer, CLOCK_VM, modem_poll, s);
    timer_init(&s->resend_timer, CLOCK_VM, serial_writable, s);
    memory_region_init_io(&s->io, dev, &serial_ops, s, "serial", PORTS);
    isa_map_port(dev, s->iobase, &s->io);
    if (s->chr) {
        chardev_attach(s->chr, &(ChardevFrontend) {
            .can_read = serial_can_receive, .read = serial_receive, .event = serial_event, .writable = serial_writable,
            .opaque = s,
        });
        if (chardev_get_modem(s->chr, &lines)) {
            timer_arm(&s->modem_timer, clock_get_ns(CLOCK_VM) + MODEM_POLL_NS);
        }
    }
    return true;
}

static void serial_unrealize(Device *dev)
{
    Serial *s = container_of(dev, Serial, parent);

    timer_disarm(&s->timeout_timer);
    timer_disarm(&s->modem_timer);
    timer_disarm(&s->resend_timer);
    isa_unmap_port(&s->io);
    if (s->chr) {
        chardev_attach(s->chr, NULL);
    }
}

/* MCR comes up with OUT2 set and the divisor at 9600 baud, as firmware of this board finds them. */
static void serial_reset(Device *dev)
{
    Serial *s = container_of(dev, Serial, parent);

    s->ier = s->fcr = s->lcr = s->scr = s->lsr = 0;
    s->mcr = 0x08;
    s->divisor = 12;
    s->thre_pending = s->timeout_pending = false;
    s->rx_head = s->rx_count = s->tx_head = s->tx_count = 0;
    memset(s->rx, 0, sizeof(s->rx));
    tell_line(s);
    s->msr = modem_inputs(s);
    timer_disarm(&s->timeout_timer);
    serial_update_irq(s);
    if (s->chr) {
        chardev_accept_input(s->chr);
    }
}

static bool serial_post_load(void *opaque, int version, Error **errp)
{
    Serial *s = opaque;

    if (s->rx_head >= FIFO_SIZE || s->tx_head >= FIFO_SIZE || s->rx_count > fifo_depth(s) ||
        s->tx_count > fifo_depth(s)) {
        error_set(errp, "FIFO state of serial port %u is impossible", s->index);
        return false;
    }
    tell_line(s);
    serial_update_irq(s);
    if (s->tx_count) {
        timer_arm(&s->resend_timer, clock_get_ns(CLOCK_VM));
    }
    return true;
}

static const VMStateDescription serial_vmstate = {
    .name = "serial", .version = 1, .post_load = serial_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT8_MASK(ier, Serial, IER_MASK),
        VMSTATE_UINT8_MASK(fcr, Serial, FCR_KEPT),
        VMSTATE_UINT8(lcr, Serial),
        VMSTATE_UINT8_MASK(mcr, Serial, MCR_MASK),
        VMSTATE_UINT8(msr, Serial),
        VMSTATE_UINT8(scr, Serial),
        VMSTATE_UINT16(divisor, Serial),
        VMSTATE_UINT8_MASK(lsr, Serial, LSR_ERRORS),
        VMSTATE_BOOL(thre_pending, Serial),
        VMSTATE_BOOL(timeout_pending, Serial),
        VMSTATE_UINT8_ARRAY(rx, Serial, FIFO_SIZE),
        VMSTATE_UINT8_ARRAY(rx_errors, Serial, FIFO_SIZE),
        VMSTATE_UINT8(rx_head, Serial),
        VMSTATE_UINT8(rx_count, Serial),
        VMSTATE_UINT8_ARRAY(tx, Serial, FIFO_SIZE),
        VMSTATE_UINT8(tx_head, Serial),
        VMSTATE_UINT8(tx_count, Serial),
        VMSTATE_TIMER(timeout_timer, Serial),
        VMSTATE_END
    },
};

static const DeviceType serial_type = {
    .name = "isa-serial", .desc = "16550A serial port", .bus = BUS_ISA, .user_creatable = true,
    .instance_size = sizeof(Serial),
    .props = (const Property[]) {
        PROP_UINT32("index", Serial, index, UINT32_MAX),
        PROP_UINT32("iobase", Serial, iobase, UINT32_MAX),
        PROP_UINT32("irq", Serial, irq_num, UINT32_MAX),
        PROP_CHARDEV("chardev", Serial, chr),
        PROP_END
    },
    .realize = serial_realize, .unrealize = serial_unrealize, .reset = serial_reset, .vmstate = &serial_vmstate,
};
DEVICE_TYPE(serial_type)
