/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 8042 keyboard controller (ports 60h and 64h) of the PC/AT and PS/2, with keyboard and mouse attached
 *
 * Follows: IBM PS/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device Controller".
 * Left out: password commands, the multiplexed (active) mode of later controllers, parity and time-out errors.
 *
 *   keyboard ─┐                                  ┌─► IRQ 1
 *             ├─► output buffer (one byte, OBF) ─┤        read 60h empties the buffer, then the next byte moves up:
 *   mouse ────┘   ▲ controller's own answers     └─► IRQ 12    answers at once, events after the time a byte takes
 *
 * The pause between event bytes matters: interrupt handlers that chain to the BIOS read port 60h twice and count on
 * getting the same scan code again.
 */
#include "qemu/osdep.h"
#include "hw/i386/pc.h"
#include "hw/input/i8042.h"
#include "hw/input/ps2.h"
#include "hw/isa/isa.h"
#include "qemu/bitops.h"
#include "qemu/log.h"
#include "sysemu/runstate.h"
#include "trace/hw-input.h"

#define STATUS_OBF      0x01u
#define STATUS_SYS      0x04u
#define STATUS_COMMAND  0x08u       /* the last write was to 64h */
#define STATUS_UNLOCKED 0x10u
#define STATUS_AUX      0x20u       /* the output buffer holds a mouse byte */

#define CTR_KBD_INT     0x01u
#define CTR_AUX_INT     0x02u
#define CTR_SYS         0x04u
#define CTR_KBD_OFF     0x10u
#define CTR_AUX_OFF     0x20u
#define CTR_TRANSLATE   0x40u

#define OUT_RESET       0x01u       /* active low */
#define OUT_A20         0x02u
#define OUT_KBD_OBF     0x10u
#define OUT_AUX_OBF     0x20u
#define OUT_POWER_ON    0xcfu
#define INPUT_PORT      0x80u       /* keyboard not locked */

#define BYTE_NS         500000      /* between two event bytes: 11 bits at the slow end of the clock are 1.1 ms */

enum {
    CMD_READ_RAM = 0x20, CMD_WRITE_RAM = 0x60, CMD_AUX_OFF = 0xa7, CMD_AUX_ON = 0xa8, CMD_AUX_TEST = 0xa9,
    CMD_SELF_TEST = 0xaa, CMD_KBD_TEST = 0xab, CMD_KBD_OFF = 0xad, CMD_KBD_ON = 0xae, CMD_READ_INPUT = 0xc0,
    CMD_READ_OUTPUT = 0xd0, CMD_WRITE_OUTPUT = 0xd1, CMD_WRITE_OBF = 0xd2, CMD_WRITE_AUX_OBF = 0xd3,
    CMD_WRITE_AUX = 0xd4, CMD_A20_OFF = 0xdd, CMD_A20_ON = 0xdf, CMD_TEST_INPUTS = 0xe0, CMD_PULSE = 0xf0,
};

typedef enum Source { FROM_CONTROLLER, FROM_KBD, FROM_AUX } Source;

typedef struct I8042 {
    Device parent;
    MemoryRegion data_io, command_io;
    uint8_t ram[32];                /* [0] is the command byte */
    uint8_t command;                /* waits for its byte at port 60h; 0: none */
    uint8_t status;                 /* SYS, COMMAND, UNLOCKED */
    uint8_t output_port;
    uint8_t obf, obf_source;        /* the output buffer and where its byte came from (Source) */
    bool full, obf_aux;
    uint8_t pushed, pushed_source;  /* a device byte that an answer of the controller pushed aside; comes next */
    bool has_pushed;
    bool break_prefix;              /* translation has seen F0h */
    bool pumping;                   /* inside pump(); no state */
    int64_t next_event_ns;          /* CLOCK_VM before which no further event byte arrives */
    Timer timer;
    Ps2Keyboard kbd;
    Ps2Mouse mouse;
} I8042;

/* Set 2 to set 1, in the controller's mask ROM (IBM PS/2 Technical Reference, "Keyboard Controller", translation). */
static const uint8_t translation[128] = {
    0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59,
    0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b,
    0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d,
    0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f,
    0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61,
    0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76,
    0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f,
    0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45, 0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54,
};

/* ---- output buffer and interrupts ------------------------------------------------------------------------- */

static void update_irqs(I8042 *s)
{
    irq_set(isa_irq(1), s->full && !s->obf_aux && (s->ram[0] & CTR_KBD_INT));
    irq_set(isa_irq(12), s->full && s->obf_aux && (s->ram[0] & CTR_AUX_INT));
}

static void fill_obf(I8042 *s, uint8_t byte, Source source, bool aux)
{
    s->full = false;
    update_irqs(s);                 /* each byte is an edge of its own */
    s->obf = byte;
    s->obf_source = source;
    s->obf_aux = aux;
    s->full = true;
    trace_i8042_obf(byte, source, aux);
    update_irqs(s);
}

/* The controller answers at once, but a byte of a device that waits to be read must not be lost. */
static void answer(I8042 *s, uint8_t byte, bool aux)
{
    if (s->full && s->obf_source != FROM_CONTROLLER && !s->has_pushed) {
        s->pushed = s->obf;
        s->pushed_source = s->obf_source;
        s->has_pushed = true;
    }
    fill_obf(s, byte, FROM_CONTROLLER, aux);
}

/* Returns false when the byte was a prefix and nothing goes to the host. */
static bool translate(I8042 *s, uint8_t *byte)
{
    if (!(s->ram[0] & CTR_TRANSLATE)) {
        s->break_prefix = false;
        return true;
    }
    if (*byte == 0xf0) {
        s->break_prefix = true;
        return false;
    }
    if (*byte < 0x80) {
        *byte = translation[*byte];
    } else if (*byte == 0x83) {
        *byte = 0x41;
    } else if (*byte == 0x84) {
        *byte = 0x54;
    }
    if (s->break_prefix) {
        *byte |= 0x80;
        s->break_prefix = false;
    }
    return true;
}

static bool kbd_ready(const I8042 *s, bool events)
{
    if (s->ram[0] & CTR_KBD_OFF) {
        return false;
    }
    return ps2_wire_has_reply(&s->kbd.wire) || (events && ps2_wire_has_event(&s->kbd.wire));
}

static bool aux_ready(const I8042 *s, bool events)
{
    if (s->ram[0] & CTR_AUX_OFF) {
        return false;
    }
    return ps2_wire_has_reply(&s->mouse.wire) || (events && ps2_wire_has_event(&s->mouse.wire));
}

/* Moves the next byte into the empty output buffer. Event bytes not due yet are waited for with the timer. */
static void pump(I8042 *s)
{
    bool events = clock_get_ns(CLOCK_VM) >= s->next_event_ns;

    if (s->pumping) {
        return;                     /* a device that queues a packet while a byte of the last one is taken */
    }
    s->pumping = true;
    while (!s->full && kbd_ready(s, events)) {
        uint8_t byte = ps2_kbd_read(&s->kbd);

        if (translate(s, &byte)) {
            fill_obf(s, byte, FROM_KBD, false);
        }
    }
    if (!s->full && aux_ready(s, events)) {
        fill_obf(s, ps2_mouse_read(&s->mouse), FROM_AUX, true);
    }
    if (!s->full && !events && (kbd_ready(s, true) || aux_ready(s, true))) {
        timer_arm(&s->timer, s->next_event_ns);
    }
    s->pumping = false;
}

static void pump_cb(void *opaque)
{
    pump(opaque);
}

/* The host has taken the byte. */
static void empty_obf(I8042 *s)
{
    if (!s->full) {
        return;
    }
    s->full = false;
    update_irqs(s);
    if (s->has_pushed) {
        s->has_pushed = false;
        fill_obf(s, s->pushed, s->pushed_source, s->pushed_source == FROM_AUX);
    } else if (s->obf_source != FROM_CONTROLLER) {
        s->next_event_ns = clock_get_ns(CLOCK_VM) + BYTE_NS;
    }
}

static uint64_t data_read(void *opaque, hwaddr addr, unsigned size)
{
    I8042 *s = opaque;
    uint8_t val = s->obf;           /* an empty buffer shows its last byte */

    empty_obf(s);
    pump(s);
    trace_i8042_read_data(val);
    return val;
}

static uint64_t status_read(void *opaque, hwaddr addr, unsigned size)
{
    I8042 *s = opaque;
    uint8_t val = s->status;

    val |= s->full ? STATUS_OBF | (s->obf_aux ? STATUS_AUX : 0) : 0;
    trace_i8042_read_status(val);
    return val;
}

/* ---- commands --------------------------------------------------------------------------------------------- */

static void write_output_port(I8042 *s, uint8_t val)
{
    s->output_port = val;
    pc_set_a20(val & OUT_A20);
    if (!(val & OUT_RESET)) {
        request_reset("keyboard controller output port");
    }
}

static uint8_t read_output_port(const I8042 *s)
{
    uint8_t val = s->output_port & ~(OUT_A20 | OUT_KBD_OBF | OUT_AUX_OBF);

    val |= pc_get_a20() ? OUT_A20 : 0;
    return val | (!s->full ? 0 : s->obf_aux ? OUT_AUX_OBF : OUT_KBD_OBF);
}

static void write_command_byte(I8042 *s, uint8_t val)
{
    s->ram[0] = val;
    s->status = (s->status & ~STATUS_SYS) | (val & CTR_SYS ? STATUS_SYS : 0);
    update_irqs(s);
}

/* F0h..FFh pulse the output port's low bits that are 0 in the command; bit 0 is the CPU's reset. */
static void pulse(uint8_t command)
{
    if (!(command & OUT_RESET)) {
        request_reset("keyboard controller pulse");
    }
}

static void run_command(I8042 *s, uint8_t command)
{
    switch (command) {
    case CMD_READ_RAM ... CMD_READ_RAM + 0x1f:
        answer(s, s->ram[command & 0x1f], false);
        break;
    case CMD_WRITE_RAM ... CMD_WRITE_RAM + 0x1f:
    case CMD_WRITE_OUTPUT:
    case CMD_WRITE_OBF:
    case CMD_WRITE_AUX_OBF:
    case CMD_WRITE_AUX:
        s->command = command;
        break;
    case CMD_AUX_OFF:
        s->ram[0] |= CTR_AUX_OFF;
        break;
    case CMD_AUX_ON:
        s->ram[0] &= ~CTR_AUX_OFF;
        break;
    case CMD_AUX_TEST:
    case CMD_KBD_TEST:
        answer(s, 0x00, false);
        break;
    case CMD_SELF_TEST:
        s->ram[0] |= CTR_SYS;
        s->status |= STATUS_SYS;
        answer(s, 0x55, false);
        break;
    case CMD_KBD_OFF:
        s->ram[0] |= CTR_KBD_OFF;
        break;
    case CMD_KBD_ON:
        s->ram[0] &= ~CTR_KBD_OFF;
        break;
    case CMD_READ_INPUT:
        answer(s, INPUT_PORT, false);
        break;
    case CMD_READ_OUTPUT:
        answer(s, read_output_port(s), false);
        break;
    case CMD_A20_OFF:
        pc_set_a20(false);
        break;
    case CMD_A20_ON:
        pc_set_a20(true);
        break;
    case CMD_TEST_INPUTS:
        answer(s, 0x00, false);
        break;
    case CMD_PULSE ... 0xff:
        pulse(command);
        break;
    default:
        qemu_log_mask(LOG_GUEST_ERROR, "i8042: unknown command 0x%02x\n", command);
        break;
    }
}

static void command_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    I8042 *s = opaque;

    trace_i8042_command(val);
    s->status |= STATUS_COMMAND;
    s->command = 0;
    run_command(s, val);
    pump(s);
}

/* The byte a command waited for. */
static void run_argument(I8042 *s, uint8_t command, uint8_t val)
{
    switch (command) {
    case CMD_WRITE_RAM:
        write_command_byte(s, val);
        break;
    case CMD_WRITE_OUTPUT:
        write_output_port(s, val);
        break;
    case CMD_WRITE_OBF:
        answer(s, val, false);
        break;
    case CMD_WRITE_AUX_OBF:
        answer(s, val, true);
        break;
    case CMD_WRITE_AUX:
        s->ram[0] &= ~CTR_AUX_OFF;          /* talking to a device opens its interface */
        ps2_mouse_write(&s->mouse, val);
        break;
    default:
        s->ram[command & 0x1f] = val;
        break;
    }
}

static void data_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    I8042 *s = opaque;
    uint8_t command = s->command;

    trace_i8042_write_data(val, command);
    s->status &= ~STATUS_COMMAND;
    s->command = 0;
    if (command) {
        run_argument(s, command, val);
    } else {
        s->ram[0] &= ~CTR_KBD_OFF;
        ps2_kbd_write(&s->kbd, val);
    }
    pump(s);
}

static const MemoryRegionOps data_ops = {
    .read = data_read, .write = data_write, .size = { .min = 1, .max = 1 },
};
static const MemoryRegionOps command_ops = {
    .read = status_read, .write = command_write, .size = { .min = 1, .max = 1 },
};

/* ---- events ----------------------------------------------------------------------------------------------- */

void kbd_put_key(Device *i8042, unsigned key, bool down)
{
    ps2_kbd_key(&container_of(i8042, I8042, parent)->kbd, key, down);
    request_wakeup();           /* from S3; else nothing happens */
}

uint8_t kbd_get_leds(Device *i8042)
{
    return container_of(i8042, I8042, parent)->kbd.leds;
}

void mouse_put(Device *i8042, int dx, int dy, int dz, unsigned buttons)
{
    ps2_mouse_move(&container_of(i8042, I8042, parent)->mouse, dx, dy, dz, buttons);
}

/* ---- life ------------------------------------------------------------------------------------------------- */

static bool i8042_realize(Device *dev, Error **errp)
{
    I8042 *s = container_of(dev, I8042, parent);

    memory_region_init_io(&s->data_io, dev, &data_ops, s, "i8042-data", 1);
    memory_region_init_io(&s->command_io, dev, &command_ops, s, "i8042-cmd", 1);
    isa_map_port(dev, 0x60, &s->data_io);
    isa_map_port(dev, 0x64, &s->command_io);
    timer_init(&s->timer, CLOCK_VM, pump_cb, s);
    ps2_kbd_init(&s->kbd, pump_cb, s);
    ps2_mouse_init(&s->mouse, pump_cb, s);
    return true;
}

static void i8042_unrealize(Device *dev)
{
    I8042 *s = container_of(dev, I8042, parent);

    timer_disarm(&s->timer);
    timer_disarm(&s->kbd.repeat_timer);
}

/*
 * What firmware of this board finds: interrupts on, no translation, nothing in the buffer. A20 is the board's to
 * reset.
 */
static void i8042_reset(Device *dev)
{
    I8042 *s = container_of(dev, I8042, parent);

    memset(s->ram, 0, sizeof(s->ram));
    s->ram[0] = CTR_KBD_INT | CTR_AUX_INT;
    s->command = 0;
    s->status = STATUS_COMMAND | STATUS_UNLOCKED;
    s->output_port = OUT_POWER_ON;
    s->obf = s->pushed = 0;
    s->obf_source = s->pushed_source = FROM_CONTROLLER;
    s->full = s->obf_aux = s->has_pushed = s->break_prefix = false;
    s->next_event_ns = 0;
    timer_disarm(&s->timer);
    ps2_wire_reset(&s->kbd.wire);
    ps2_wire_reset(&s->mouse.wire);
    ps2_kbd_reset(&s->kbd);
    ps2_mouse_reset(&s->mouse);
    update_irqs(s);
}

static bool i8042_post_load(void *opaque, int version, Error **errp)
{
    I8042 *s = opaque;

    if (s->obf_source > FROM_AUX || s->pushed_source > FROM_AUX) {
        error_set(errp, "state of the keyboard controller is impossible");
        return false;
    }
    update_irqs(s);
    return true;
}

static const VMStateDescription i8042_vmstate = {
    .name = "i8042", .version = 1, .post_load = i8042_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT8_ARRAY(ram, I8042, 32),
        VMSTATE_UINT8(command, I8042),
        VMSTATE_UINT8_MASK(status, I8042, STATUS_SYS | STATUS_COMMAND | STATUS_UNLOCKED),
        VMSTATE_UINT8(output_port, I8042),
        VMSTATE_UINT8(obf, I8042),
        VMSTATE_UINT8(obf_source, I8042),
        VMSTATE_BOOL(full, I8042),
        VMSTATE_BOOL(obf_aux, I8042),
        VMSTATE_UINT8(pushed, I8042),
        VMSTATE_UINT8(pushed_source, I8042),
        VMSTATE_BOOL(has_pushed, I8042),
        VMSTATE_BOOL(break_prefix, I8042),
        VMSTATE_INT64(next_event_ns, I8042),
        VMSTATE_TIMER(timer, I8042),
        VMSTATE_STRUCT(kbd, I8042, ps2_kbd_vmstate),
        VMSTATE_STRUCT(mouse, I8042, ps2_mouse_vmstate),
        VMSTATE_END
    },
};

static const DeviceType i8042_type = {
    .name = "i8042", .desc = "keyboard controller, keyboard and mouse", .bus = BUS_ISA,
    .instance_size = sizeof(I8042),
    .realize = i8042_realize, .unrealize = i8042_unrealize, .reset = i8042_reset, .vmstate = &i8042_vmstate,
};
DEVICE_TYPE(i8042_type)
