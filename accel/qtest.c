/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qtest: a test outside takes the processor's place
 *
 * One line of words is a request, one line that begins with OK or FAIL is its answer; "IRQ raise N" and
 * "IRQ lower N" may come before any answer. The rows of commands[] are the protocol, docs/qtest.md explains it. Runs in
 * the IO thread with the big lock. A peer can send anything: what does not fit is answered with FAIL, and sizes are
 * bounded.
 */
#include "qemu/osdep.h"
#include "chardev/out-queue.h"
#include "exec/memory.h"
#include "migration/vmstate-stream.h"
#include "qemu/option.h"
#include "qemu/timer.h"
#include "qtest-int.h"
#include "sysemu/accel.h"
#include "sysemu/runstate.h"

#define BLOCK_MAX       (16 * MiB)          /* bytes of one read or write */
#define LINE_MAX_LEN    (2 * BLOCK_MAX + KiB)
#define PORTS           0x10000u

static struct {
    OutQueue out;
    GString *line;              /* what has come of the next request */
    bool overlong, busy;
    FILE *log;
    int64_t opened_ns;
} qtest;

/* ---- channel ----------------------------------------------------------------------------------------------------- */

static void QEMU_PRINTF(2, 3) log_line(char kind, const char *fmt, ...)
{
    int64_t t_us = (clock_get_ns(CLOCK_RT) - qtest.opened_ns) / 1000;
    va_list ap;

    if (qtest.log) {
        fprintf(qtest.log, "[%c +%" PRId64 ".%06d] ", kind, t_us / 1000000, (int)(t_us % 1000000));
        va_start(ap, fmt);
        vfprintf(qtest.log, fmt, ap);
        va_end(ap);
        fputc('\n', qtest.log);
        fflush(qtest.log);
    }
}

static void send_line(const char *text)
{
    log_line('S', "%s", text);
    out_queue_put(&qtest.out, text, strlen(text));
    out_queue_put(&qtest.out, "\n", 1);
    out_queue_flush(&qtest.out);
}

static void QEMU_PRINTF(1, 2) reply(const char *fmt, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    send_line(text);
}

void qtest_send_irq(int n, bool level)
{
    reply("IRQ %s %d", level ? "raise" : "lower", n);
}

static void reply_ok(bool ok, Error *err)
{
    if (ok) {
        send_line("OK");
    } else {
        reply("FAIL %s", error_get_message(err));
        error_free(err);
    }
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

/* C notation, modulo 2^64 for negative ones. Answers FAIL by itself. */
static bool get_number(const char *word, uint64_t *v)
{
    char *end;

    errno = 0;
    *v = g_ascii_strtoull(word, &end, 0);
    if (end == word || *end || errno) {
        reply("FAIL '%s' is no number", word);
        return false;
    }
    return true;
}

static bool get_size(const char *word, uint64_t *size)
{
    if (!get_number(word, size)) {
        return false;
    }
    if (!*size || *size > BLOCK_MAX) {
        reply("FAIL sizes are 1 to %" PRIu64 " bytes", (uint64_t)BLOCK_MAX);
        return false;
    }
    return true;
}

static bool get_port(const char *word, unsigned size, uint64_t *port)
{
    if (!get_number(word, port)) {
        return false;
    }
    if (*port + size > PORTS) {
        reply("FAIL there is no port %s", word);
        return false;
    }
    return true;
}

static unsigned size_of_suffix(char c)
{
    return c == 'b' ? 1 : c == 'w' ? 2 : c == 'l' ? 4 : 8;
}

/* ---- ports and memory -------------------------------------------------------------------------------------------- */

static void do_in(char **w)
{
    unsigned size = size_of_suffix(w[0][2]);
    uint64_t port;

    if (get_port(w[1], size, &port)) {
        reply("OK 0x%04" PRIx64, port_in((uint32_t)port, size));
    }
}

static void do_out(char **w)
{
    unsigned size = size_of_suffix(w[0][3]);
    uint64_t port, v;

    if (get_port(w[1], size, &port) && get_number(w[2], &v)) {
        port_out((uint32_t)port, size == 4 ? (uint32_t)v : size == 2 ? (uint16_t)v : (uint8_t)v, size);
        send_line("OK");
    }
}

static void do_load(char **w)
{
    unsigned size = size_of_suffix(w[0][4]);
    uint64_t addr, v = 0;

    if (get_number(w[1], &addr)) {
        address_space_read(address_space_memory, addr, &v, size);
        reply("OK 0x%016" PRIx64, GUINT64_FROM_LE(v));
    }
}

static void do_store(char **w)
{
    unsigned size = size_of_suffix(w[0][5]);
    uint64_t addr, v;

    if (get_number(w[1], &addr) && get_number(w[2], &v)) {
        v = GUINT64_TO_LE(v);
        address_space_write(address_space_memory, addr, &v, size);
        send_line("OK");
    }
}

static uint8_t *read_block(char **w, uint64_t *size)
{
    uint64_t addr;
    uint8_t *buf;

    if (!get_number(w[1], &addr) || !get_size(w[2], size)) {
        return NULL;
    }
    buf = g_malloc0(*size);
    address_space_read(address_space_memory, addr, buf, *size);
    return buf;
}

static void do_read(char **w)
{
    uint64_t size;
    g_autofree uint8_t *buf = read_block(w, &size);
    g_autoptr(GString) text = NULL;

    if (buf) {
        text = g_string_sized_new(2 * size + 8);
        g_string_append(text, "OK 0x");
        for (uint64_t i = 0; i < size; i++) {
            g_string_append_printf(text, "%02x", buf[i]);
        }
        send_line(text->str);
    }
}

static void do_b64read(char **w)
{
    uint64_t size;
    g_autofree uint8_t *buf = read_block(w, &size);
    g_autofree char *text = buf ? g_base64_encode(buf, size) : NULL;

    if (text) {
        reply("OK %s", text);
    }
}

static bool decode_hex(const char *text, uint8_t *buf, uint64_t size)
{
    size_t digits;

    if (text[0] == '0' && text[1] == 'x') {
        text += 2;
    }
    digits = strlen(text);
    for (uint64_t i = 0; i < size && 2 * i + 1 < digits; i++) {
        int hi = g_ascii_xdigit_value(text[2 * i]), lo = g_ascii_xdigit_value(text[2 * i + 1]);

        if (hi < 0 || lo < 0) {
            send_line("FAIL data is not hexadecimal");
            return false;
        }
        buf[i] = (uint8_t)(hi << 4 | lo);
    }
    return true;
}

static void do_write(char **w)
{
    uint64_t addr, size;
    g_autofree uint8_t *buf = NULL;

    if (!get_number(w[1], &addr) || !get_size(w[2], &size)) {
        return;
    }
    buf = g_malloc0(size);      /* short data: zeros follow */
    if (decode_hex(w[3], buf, size)) {
        address_space_write(address_space_memory, addr, buf, size);
        send_line("OK");
    }
}

static void do_b64write(char **w)
{
    uint64_t addr, size;
    gsize len = 0;
    g_autofree uint8_t *data = NULL, *buf = NULL;

    if (!get_number(w[1], &addr) || !get_size(w[2], &size)) {
        return;
    }
    data = g_base64_decode(w[3], &len);
    buf = g_malloc0(size);
    memcpy(buf, data, MIN(len, size));
    address_space_write(address_space_memory, addr, buf, size);
    send_line("OK");
}

static void do_memset(char **w)
{
    uint64_t addr, size, v;
    g_autofree uint8_t *buf = NULL;

    if (get_number(w[1], &addr) && get_size(w[2], &size) && get_number(w[3], &v)) {
        buf = g_malloc(size);
        memset(buf, (int)(v & 0xff), size);
        address_space_write(address_space_memory, addr, buf, size);
        send_line("OK");
    }
}

/* ---- time -------------------------------------------------------------------------------------------------------- */

/* Each timer sees the clock at its own deadline, never later. */
static void clock_advance(int64_t target)
{
    while (!shutdown_requested()) {
        int64_t next = timers_next_expiry(CLOCK_VM);

        if (next < 0 || next > target) {
            break;
        }
        clock_vm_set(MAX(next, clock_get_ns(CLOCK_VM)));
        timers_run();
    }
    clock_vm_set(MAX(target, clock_get_ns(CLOCK_VM)));
    timers_run();
    reply("OK %" PRId64, clock_get_ns(CLOCK_VM));
}

static bool clock_is_ours(void)
{
    if (!clock_vm_is_manual()) {
        send_line("FAIL the clock runs by itself without -accel qtest");
        return false;
    }
    return true;
}

static void do_clock_step(char **w)
{
    int64_t now = clock_get_ns(CLOCK_VM), next = timers_next_expiry(CLOCK_VM);
    uint64_t ns = next > now ? (uint64_t)(next - now) : 0;

    if (clock_is_ours() && (!w[1] || get_number(w[1], &ns))) {
        clock_advance(ns > (uint64_t)(INT64_MAX - now) ? INT64_MAX : now + (int64_t)ns);
    }
}

static void do_clock_set(char **w)
{
    uint64_t ns;

    if (clock_is_ours() && get_number(w[1], &ns)) {
        clock_advance((int64_t)MIN(ns, (uint64_t)INT64_MAX));
    }
}

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

static void do_intercept_in(char **w)
{
    Error *err = NULL;
    bool ok = qtest_intercept(w[1], false, &err);

    reply_ok(ok, err);
}

static void do_intercept_out(char **w)
{
    Error *err = NULL;
    bool ok = qtest_intercept(w[1], true, &err);

    reply_ok(ok, err);
}

/* PATH NAME NUM LEVEL; our devices have one unnamed set of inputs. */
static void do_set_irq_in(char **w)
{
    uint64_t n, level;
    Error *err = NULL;

    if (strcmp(w[2], "unnamed-gpio-in")) {
        send_line("FAIL Unknown line");
    } else if (get_number(w[3], &n) && get_number(w[4], &level)) {
        bool ok = qtest_set_irq_in(w[1], (int)MIN(n, 0xffffu), level != 0, &err);

        reply_ok(ok, err);
    }
}

/* Ours, for tests of vmstate descriptions: the machine stands, as nothing runs it. */
static void do_vmstate_save(char **w)
{
    Error *err = NULL;
    bool ok = vm_state_save_file(w[1], &err);

    reply_ok(ok, err);
}

static void do_endianness(char **w)
{
    send_line("OK little");
}

static void do_nothing(char **w)
{
    send_line("OK");
}

static const struct {
    const char *names;          /* separated by blanks */
    unsigned min, max;          /* arguments */
    void (*fn)(char **words);
} commands[] = {
    { "outb outw outl", 2, 2, do_out },
    { "inb inw inl", 1, 1, do_in },
    { "writeb writew writel writeq", 2, 2, do_store },
    { "readb readw readl readq", 1, 1, do_load },
    { "read", 2, 2, do_read },
    { "write", 3, 3, do_write },
    { "b64read", 2, 2, do_b64read },
    { "b64write", 3, 3, do_b64write },
    { "memset", 3, 3, do_memset },
    { "clock_step", 0, 1, do_clock_step },
    { "clock_set", 1, 1, do_clock_set },
    { "irq_intercept_in", 1, 1, do_intercept_in },
    { "irq_intercept_out", 1, 1, do_intercept_out },
    { "set_irq_in", 4, 4, do_set_irq_in },
    { "vmstate_save", 1, 1, do_vmstate_save },
    { "endianness", 0, 0, do_endianness },
    { "module_load", 2, 2, do_nothing },     /* nothing here is loaded at run time */
};

static bool is_named(const char *names, const char *word)
{
    g_auto(GStrv) all = g_strsplit(names, " ", -1);

    return g_strv_contains((const char *const *)all, word);
}

static void run_request(const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    unsigned n = g_strv_length(words);

    if (!n || !*words[0]) {
        send_line("FAIL empty request");
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        if (is_named(commands[i].names, words[0])) {
            if (n - 1 < commands[i].min || n - 1 > commands[i].max) {
                reply("FAIL '%s' takes %u arguments", words[0], commands[i].max);
            } else {
                commands[i].fn(words);
            }
            return;
        }
    }
    reply("FAIL Unknown command '%s'", words[0]);
}

/* ---- the character device's side --------------------------------------------------------------------------------- */

static int qtest_can_read(void *opaque)
{
    return qtest.busy || out_queue_pending(&qtest.out) ? 0 : 4096;
}

static void take_line(void)
{
    g_autofree char *line = g_strdup(qtest.line->str);

    g_string_truncate(qtest.line, 0);
    if (qtest.overlong) {
        qtest.overlong = false;
        send_line("FAIL request is too long");
        return;
    }
    log_line('R', "%s", line);
    run_request(line);
}

static void qtest_read(void *opaque, const uint8_t *buf, int len)
{
    qtest.busy = true;      /* a device may run the loop itself: requests wait for their turn */
    for (int i = 0; i < len; i++) {
        if (buf[i] == '\n') {
            take_line();
        } else if (buf[i] && qtest.line->len < LINE_MAX_LEN) {
            g_string_append_c(qtest.line, (char)buf[i]);
        } else {
            qtest.overlong = true;
        }
    }
    qtest.busy = false;
}

static void qtest_writable(void *opaque)
{
    out_queue_flush(&qtest.out);
    if (!out_queue_pending(&qtest.out)) {
        chardev_accept_input(qtest.out.chr);
    }
}

static void qtest_event(void *opaque, ChardevEvent ev)
{
    if (ev == CHR_EVENT_OPENED) {
        qtest.opened_ns = clock_get_ns(CLOCK_RT);
        if (qtest.log) {
            fprintf(qtest.log, "[I 0.000000] OPENED\n");
        }
    } else if (ev == CHR_EVENT_CLOSED) {
        log_line('I', "CLOSED");
        out_queue_clear(&qtest.out);
        g_string_truncate(qtest.line, 0);
    }
}

static bool open_log(const char *path, Error **errp)
{
    if (!path) {
        qtest.log = stderr;
        return true;
    }
    if (strcmp(path, "none")) {
        qtest.log = fopen(path, "w");
        if (!qtest.log) {
            error_set_errno(errp, errno, "-qtest-log: cannot write '%s'", path);
            return false;
        }
    }
    return true;
}

bool qtest_open(const char *chardev, const char *log, Error **errp)
{
    static const ChardevFrontend fe = {
        .can_read = qtest_can_read, .read = qtest_read, .event = qtest_event, .writable = qtest_writable,
    };
    Error *err = NULL;
    Chardev *chr;

    if (!open_log(log, errp)) {
        return false;
    }
    chr = chardev_open("qtest", chardev, &err);
    if (err) {
        error_prepend(&err, "-qtest %s: ", chardev);
        error_propagate(errp, err);
        return false;
    }
    if (!chr) {
        return true;            /* "none" */
    }
    if (!chardev_check_free(chr, errp)) {
        error_prepend(errp, "-qtest %s: ", chardev);
        return false;
    }
    out_queue_init(&qtest.out, chr);
    qtest.line = g_string_new(NULL);
    chardev_attach(chr, &fe);
    return true;
}
