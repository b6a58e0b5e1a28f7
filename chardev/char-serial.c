/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A serial port of the host (or another terminal): bytes, line format, breaks and modem lines pass between it and the
 * guest's.
 *
 * Follows: termios(3), ioctl_tty(2). The terminal marks what is special in its input (PARMRK): FF 00 00 is a break,
 * FF 00 X a character with a wrong parity bit, which the guest gets as it is, FF FF an ordinary FF. Speeds that the
 * host has no name for leave its port as it is.
 */
#include "qemu/osdep.h"
#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include "char-int.h"

typedef enum MarkState { MARK_NONE, MARK_FF, MARK_ERROR } MarkState;

typedef struct SerialChardev {
    Chardev parent;
    FdStream stream;
    struct termios saved;       /* as we have found it; saved_valid: to be put back */
    bool saved_valid;
    MarkState mark;             /* of the input */
} SerialChardev;

static const struct {
    uint32_t baud;
    speed_t speed;
} speeds[] = {
    { 50, B50 }, { 75, B75 }, { 110, B110 }, { 134, B134 }, { 150, B150 }, { 200, B200 }, { 300, B300 },
    { 600, B600 }, { 1200, B1200 }, { 1800, B1800 }, { 2400, B2400 }, { 4800, B4800 }, { 9600, B9600 },
    { 19200, B19200 }, { 38400, B38400 }, { 57600, B57600 }, { 115200, B115200 },
};

static const struct {
    unsigned modem;
    int host;
} modem_lines[] = {
    { CHR_MODEM_DTR, TIOCM_DTR }, { CHR_MODEM_RTS, TIOCM_RTS }, { CHR_MODEM_CTS, TIOCM_CTS },
    { CHR_MODEM_DSR, TIOCM_DSR }, { CHR_MODEM_RI, TIOCM_RI }, { CHR_MODEM_DCD, TIOCM_CD },
};

static SerialChardev *serial_of(Chardev *chr)
{
    return container_of(chr, SerialChardev, parent);
}

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

static int unmark(Chardev *chr, uint8_t *buf, int len)
{
    SerialChardev *s = serial_of(chr);
    int n = 0;

    for (int i = 0; i < len; i++) {
        uint8_t c = buf[i];

        if (s->mark == MARK_NONE && c == 0xff) {
            s->mark = MARK_FF;
        } else if (s->mark == MARK_FF && c == 0) {
            s->mark = MARK_ERROR;
        } else if (s->mark == MARK_ERROR && c == 0) {
            s->mark = MARK_NONE;
            chr_be_read(chr, buf, n);           /* what came before the break */
            n = 0;
            chr_be_event(chr, CHR_EVENT_BREAK);
        } else {
            s->mark = MARK_NONE;
            buf[n++] = c;
        }
    }
    return n;
}

static int serial_write(Chardev *chr, const uint8_t *buf, int len)
{
    int n = fd_stream_write(&serial_of(chr)->stream, buf, len);

    return n < 0 ? len : n;     /* the port is gone: as with a cable that is not plugged in */
}

static bool serial_wait_writable(Chardev *chr, int timeout_ms)
{
    return fd_stream_wait_writable(&serial_of(chr)->stream, timeout_ms);
}

static void serial_hangup(Chardev *chr)
{
    chr_be_event(chr, CHR_EVENT_CLOSED);
}

/* ---- the line ---------------------------------------------------------------------------------------------------- */

static tcflag_t format_flags(const ChardevLine *line)
{
    static const tcflag_t sizes[] = { CS5, CS6, CS7, CS8 };
    tcflag_t flags = sizes[line->data_bits - 5];

    flags |= line->stop_bits == 2 ? CSTOPB : 0;
    flags |= line->parity != 'N' ? PARENB : 0;
    flags |= line->parity == 'O' || line->parity == 'M' ? PARODD : 0;
    flags |= line->parity == 'M' || line->parity == 'S' ? CMSPAR : 0;
    return flags;
}

static void serial_set_line(Chardev *chr, const ChardevLine *line)
{
    SerialChardev *s = serial_of(chr);
    struct termios t;

    if (tcgetattr(s->stream.in_fd, &t)) {
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(speeds); i++) {
        if (speeds[i].baud == line->baud) {
            cfsetspeed(&t, speeds[i].speed);
        }
    }
    t.c_cflag = (t.c_cflag & ~(tcflag_t)(CSIZE | CSTOPB | PARENB | PARODD | CMSPAR)) | format_flags(line);
    t.c_iflag = line->parity == 'N' ? t.c_iflag & ~(tcflag_t)INPCK : t.c_iflag | INPCK;
    tcsetattr(s->stream.in_fd, TCSANOW, &t);
}

static void serial_set_break(Chardev *chr, bool on)
{
    ioctl(serial_of(chr)->stream.in_fd, on ? TIOCSBRK : TIOCCBRK);
}

static void serial_set_modem(Chardev *chr, unsigned outputs)
{
    int fd = serial_of(chr)->stream.in_fd, bits;

    if (ioctl(fd, TIOCMGET, &bits)) {
        return;
    }
    bits &= ~(TIOCM_DTR | TIOCM_RTS);
    for (size_t i = 0; i < ARRAY_SIZE(modem_lines); i++) {
        bits |= outputs & modem_lines[i].modem & CHR_MODEM_OUTPUTS ? modem_lines[i].host : 0;
    }
    ioctl(fd, TIOCMSET, &bits);
}

static bool serial_get_modem(Chardev *chr, unsigned *inputs)
{
    int bits;

    if (ioctl(serial_of(chr)->stream.in_fd, TIOCMGET, &bits)) {
        return false;
    }
    *inputs = 0;
    for (size_t i = 0; i < ARRAY_SIZE(modem_lines); i++) {
        *inputs |= bits & modem_lines[i].host ? modem_lines[i].modem & ~CHR_MODEM_OUTPUTS : 0;
    }
    return true;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

/* 8N1 until the guest says otherwise; no flow control of the host's own, which would be in the guest's way. */
static bool make_transparent(SerialChardev *s, int fd)
{
    struct termios t;

    if (tcgetattr(fd, &t)) {
        return false;
    }
    s->saved = t;
    s->saved_valid = true;
    cfmakeraw(&t);
    t.c_iflag |= PARMRK;
    t.c_cflag = (t.c_cflag & ~(tcflag_t)(CRTSCTS | CSTOPB)) | CLOCAL | CREAD;
    t.c_cc[VMIN] = 1;
    t.c_cc[VTIME] = 0;
    return tcsetattr(fd, TCSANOW, &t) == 0;
}

static bool serial_open(Chardev *chr, const ChardevSpec *spec, Error **errp)
{
    SerialChardev *s = serial_of(chr);
    int fd = open(spec->path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    s->stream.in_fd = s->stream.out_fd = -1;
    if (fd < 0) {
        error_set_errno(errp, errno, "cannot open serial port '%s'", spec->path);
        return false;
    }
    if (!fd_is_usable(fd, errp)) {
        return false;
    }
    if (!make_transparent(s, fd)) {
        error_set(errp, "'%s' is not a serial port or terminal", spec->path);
        close(fd);
        return false;
    }
    s->stream.hangup = serial_hangup;
    s->stream.filter = unmark;
    fd_stream_open(&s->stream, chr, fd, fd);
    chr_set_filename(chr, "serial:%s", spec->path);
    chr_be_event(chr, CHR_EVENT_OPENED);
    return true;
}

static void restore(Chardev *chr)
{
    SerialChardev *s = serial_of(chr);

    if (s->saved_valid && s->stream.in_fd >= 0) {
        tcsetattr(s->stream.in_fd, TCSANOW, &s->saved);
    }
}

static void serial_close(Chardev *chr)
{
    restore(chr);
    fd_stream_close(&serial_of(chr)->stream);
}

const ChardevType chardev_serial = {
    .name = "serial", .alias = "tty", .instance_size = sizeof(SerialChardev), .params = "path", .needs_path = true,
    .open = serial_open, .write = serial_write, .wait_writable = serial_wait_writable, .close = serial_close,
    .emergency = restore,
    .set_line = serial_set_line, .set_break = serial_set_break, .set_modem = serial_set_modem,
    .get_modem = serial_get_modem,
};
