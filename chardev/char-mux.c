/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Several front ends on one back end: usually the serial port and the monitor on the terminal.
 *
 * Output of all of them goes out as it comes. Input goes to the one that has the focus; an escape character, Ctrl-A
 * unless -echr says otherwise, and a key act on the mux itself. The rows of escapes[] are the list, and the help.
 * What the focused front end cannot take is kept, so that the escape still gets through when the guest hangs.
 */
#include "qemu/osdep.h"
#include "char-int.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "sysemu/runstate.h"

#define MAX_FRONTENDS   8
#define INPUT_SIZE      4096u       /* per front end; a power of two */

typedef struct MuxInput {
    uint8_t buf[INPUT_SIZE];
    unsigned head, tail;            /* free running: head - tail bytes are in it */
} MuxInput;

typedef struct MuxChardev {
    Chardev parent;
    Chardev *be;
    ChardevFrontend fe[MAX_FRONTENDS];
    MuxInput input[MAX_FRONTENDS];
    int count, focus;
    bool flushing;                  /* the front end that is being fed may ask for more: it gets it anyway */
    bool escaped;                   /* the last byte was the escape character */
    bool timestamps, at_line_start;
    int64_t timestamps_since_ns;
} MuxChardev;

static int escape_key = 1;          /* set while options are parsed; -1: none */
static void (*save_handler)(void);  /* likewise; NULL: none */

void chardev_mux_set_save_handler(void (*save)(void))
{
    save_handler = save;
}

void chardev_mux_set_escape(int key)
{
    escape_key = key;
}

static MuxChardev *to_mux(Chardev *chr)
{
    return container_of(chr, MuxChardev, parent);
}

/* ---- focus ---- */

static void send_event(MuxChardev *m, int n, ChardevEvent ev)
{
    if (n < m->count && m->fe[n].event) {
        m->fe[n].event(m->fe[n].opaque, ev);
    }
}

static void set_focus(MuxChardev *m, int n)
{
    if (n != m->focus) {
        send_event(m, m->focus, CHR_EVENT_MUX_OUT);
        m->focus = n;
        send_event(m, n, CHR_EVENT_MUX_IN);
        chardev_accept_input(&m->parent);
    }
}

/* ---- the escape's keys ---- */

static void mux_print_help(MuxChardev *m);

static void do_exit(MuxChardev *m)
{
    static const char bye[] = "QEMU: Terminated\n\r";

    chardev_write_all(&m->parent, (const uint8_t *)bye, strlen(bye));
    request_shutdown(SHUTDOWN_QUIT);
}

static void do_save(MuxChardev *m)
{
    if (save_handler) {
        save_handler();
    }
}

static void do_timestamps(MuxChardev *m)
{
    m->timestamps = !m->timestamps;
    m->timestamps_since_ns = clock_get_ns(CLOCK_RT);
    m->at_line_start = false;
}

static void do_break(MuxChardev *m)
{
    send_event(m, m->focus, CHR_EVENT_BREAK);
}

static void do_switch(MuxChardev *m)
{
    if (m->count) {
        set_focus(m, (m->focus + 1) % m->count);
    }
}

static const struct Escape {
    char key, other_key;
    void (*fn)(MuxChardev *m);
    const char *help;
} escapes[] = {
    { 'h', '?', mux_print_help, "print this help" },
    { 'x', 0, do_exit, "exit emulator" },
    { 's', 0, do_save, "save disk data back to file (if -snapshot)" },
    { 't', 0, do_timestamps, "toggle console timestamps" },
    { 'b', 0, do_break, "send break (magic sysrq)" },
    { 'c', 0, do_switch, "switch between console and monitor" },
};

static void mux_print_help(MuxChardev *m)
{
    g_autoptr(GString) s = g_string_new("\n\r");
    char name[8] = "C-a";

    if (escape_key >= 1 && escape_key < 27) {
        snprintf(name, sizeof(name), "C-%c", 'a' + escape_key - 1);
    } else {
        snprintf(name, sizeof(name), "0x%02x", escape_key & 0xff);
    }
    for (size_t i = 0; i < ARRAY_SIZE(escapes); i++) {
        g_string_append_printf(s, "%s %c    %s\n\r", name, escapes[i].key, escapes[i].help);
    }
    g_string_append_printf(s, "%s %s  sends %s\n\r", name, name, name);
    chardev_write_all(&m->parent, (const uint8_t *)s->str, s->len);
}

/* ---- input ---- */

static unsigned input_used(const MuxInput *in)
{
    return in->head - in->tail;
}

static void input_flush(MuxChardev *m, int n)
{
    MuxInput *in = &m->input[n];
    const ChardevFrontend *fe = &m->fe[n];

    if (m->flushing || !fe->read || !fe->can_read) {
        return;
    }
    m->flushing = true;
    while (input_used(in)) {
        int room = fe->can_read(fe->opaque);
        unsigned at = in->tail % INPUT_SIZE;
        int len = MIN(input_used(in), INPUT_SIZE - at);

        if (room <= 0) {
            break;
        }
        len = MIN(len, room);
        fe->read(fe->opaque, in->buf + at, len);
        in->tail += len;
    }
    m->flushing = false;
}

static void input_push(MuxChardev *m, uint8_t c)
{
    MuxInput *in = &m->input[m->focus];

    if (m->focus < m->count && input_used(in) < INPUT_SIZE) {
        in->buf[in->head++ % INPUT_SIZE] = c;
    }
}

/* The key after the escape character. Keys that mean nothing are swallowed with it. */
static void act_on_key(MuxChardev *m, uint8_t c)
{
    if (c == escape_key) {
        input_push(m, c);
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(escapes); i++) {
        if (c == escapes[i].key || (c && c == escapes[i].other_key)) {
            input_flush(m, m->focus);   /* what was typed before belongs to the one that has the focus now */
            escapes[i].fn(m);
            return;
        }
    }
}

static int mux_be_can_read(void *opaque)
{
    MuxChardev *m = opaque;

    return m->focus < m->count ? INPUT_SIZE - input_used(&m->input[m->focus]) : 1;
}

static void mux_be_read(void *opaque, const uint8_t *buf, int len)
{
    MuxChardev *m = opaque;

    for (int i = 0; i < len; i++) {
        if (m->escaped) {
            m->escaped = false;
            act_on_key(m, buf[i]);
        } else if (buf[i] == escape_key) {
            m->escaped = true;
        } else {
            input_push(m, buf[i]);
        }
    }
    if (m->count) {
        input_flush(m, m->focus);
    }
}

static void mux_be_event(void *opaque, ChardevEvent ev)
{
    MuxChardev *m = opaque;

    if (ev == CHR_EVENT_BREAK) {
        do_break(m);
        return;
    }
    m->parent.be_open = ev == CHR_EVENT_OPENED;
    m->escaped = false;
    for (int i = 0; i < m->count; i++) {
        send_event(m, i, ev);
    }
}

static void mux_be_writable(void *opaque)
{
    MuxChardev *m = opaque;

    for (int i = 0; i < m->count; i++) {
        if (m->fe[i].writable) {
            m->fe[i].writable(m->fe[i].opaque);
        }
    }
}

/* ---- output ---- */

static void put_timestamp(MuxChardev *m)
{
    int64_t ms = (clock_get_ns(CLOCK_RT) - m->timestamps_since_ns) / 1000000;
    char text[32];

    snprintf(text, sizeof(text), "[%02d:%02d:%02d.%03d] ", (int)(ms / 3600000), (int)(ms / 60000 % 60),
             (int)(ms / 1000 % 60), (int)(ms % 1000));
    chardev_write_all(m->be, (const uint8_t *)text, strlen(text));
}

/* A line's stamp comes with its first byte, and a write ends with a line's last. */
static int mux_write(Chardev *chr, const uint8_t *buf, int len)
{
    MuxChardev *m = to_mux(chr);
    int done = 0;

    if (!m->timestamps) {
        return chardev_write(m->be, buf, len);
    }
    while (done < len) {
        const uint8_t *newline = memchr(buf + done, '\n', len - done);
        int part = newline ? newline + 1 - (buf + done) : len - done;
        int n;

        if (m->at_line_start) {
            m->at_line_start = false;
            put_timestamp(m);
        }
        n = chardev_write(m->be, buf + done, part);
        done += n;
        if (n < part) {
            break;
        }
        m->at_line_start = newline != NULL;
    }
    return done;
}

static bool mux_wait_writable(Chardev *chr, int timeout_ms)
{
    Chardev *be = to_mux(chr)->be;

    return be->type->wait_writable && be->type->wait_writable(be, timeout_ms);
}

/* ---- front ends ---- */

static void mux_attach(Chardev *chr, const ChardevFrontend *fe)
{
    MuxChardev *m = to_mux(chr);
    int n = m->count;

    if (!fe) {
        m->count = m->focus = 0;    /* all of them: a mux is taken apart as a whole */
        m->parent.has_fe = false;
        return;
    }
    if (n == MAX_FRONTENDS) {
        warn_report("character device '%s' has %d users already, one more is ignored", chr->label, MAX_FRONTENDS);
        return;
    }
    m->fe[n] = *fe;
    m->input[n].head = m->input[n].tail = 0;
    m->count++;
    m->parent.has_fe = true;
    if (n == 0) {
        m->focus = 0;
    }
    if (m->parent.be_open) {
        send_event(m, n, CHR_EVENT_OPENED);
    }
    if (n == 0) {
        send_event(m, n, CHR_EVENT_MUX_IN);
    } else if (!fe->background && m->fe[m->focus].background) {
        set_focus(m, n);
    } else {
        send_event(m, n, CHR_EVENT_MUX_OUT);
    }
    main_loop_wake();
}

static bool mux_has_room(const Chardev *chr)
{
    return container_of(chr, MuxChardev, parent)->count < MAX_FRONTENDS;
}

static void mux_accept_input(Chardev *chr)
{
    MuxChardev *m = to_mux(chr);

    if (m->count) {
        input_flush(m, m->focus);
    }
    chardev_accept_input(m->be);
}

static void mux_close(Chardev *chr)
{
    MuxChardev *m = to_mux(chr);

    chardev_attach(m->be, NULL);
    chardev_free(m->be);
}

Chardev *mux_new(const char *label, Chardev *be)
{
    MuxChardev *m = g_new0(MuxChardev, 1);
    ChardevFrontend fe = {
        .can_read = mux_be_can_read, .read = mux_be_read, .event = mux_be_event, .writable = mux_be_writable,
        .opaque = m,
    };

    m->parent.type = &chardev_mux;
    m->parent.label = g_strdup(label);
    m->parent.log_fd = -1;      /* the back end has it */
    m->parent.filename = g_strdup("mux");
    m->be = be;
    chardev_attach(be, &fe);
    return &m->parent;
}

/* The line belongs to whoever sets it; a monitor does not. */
static void mux_set_line(Chardev *chr, const ChardevLine *line)
{
    chardev_set_line(container_of(chr, MuxChardev, parent)->be, line);
}

static void mux_set_break(Chardev *chr, bool on)
{
    chardev_set_break(container_of(chr, MuxChardev, parent)->be, on);
}

static void mux_set_modem(Chardev *chr, unsigned outputs)
{
    chardev_set_modem(container_of(chr, MuxChardev, parent)->be, outputs);
}

static bool mux_get_modem(Chardev *chr, unsigned *inputs)
{
    return chardev_get_modem(container_of(chr, MuxChardev, parent)->be, inputs);
}

const ChardevType chardev_mux = {
    .name = "mux", .instance_size = sizeof(MuxChardev),
    .write = mux_write, .wait_writable = mux_wait_writable, .attach = mux_attach,
    .has_room = mux_has_room, .accept_input = mux_accept_input,
    .close = mux_close,
    .set_line = mux_set_line, .set_break = mux_set_break, .set_modem = mux_set_modem, .get_modem = mux_get_modem,
};
