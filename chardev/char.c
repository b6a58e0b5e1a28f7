/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Character devices: the list of them, what users write on the command line, and the calls between back and front end.
 */
#include "qemu/osdep.h"
#include "char-int.h"
#include "qemu/main-loop.h"
#include "qemu/option.h"

/* How long chardev_write_all() waits for a peer that does not read. */
#define STALL_MS    100

static Chardev *chardevs;       /* big lock; in order of creation */

/* ---- what users write ---- */

static void spec_clear(ChardevSpec *spec)
{
    g_free(spec->path);
    g_free(spec->host);
    g_free(spec->port);
    g_free(spec->local_host);
    g_free(spec->local_port);
    g_free(spec->logfile);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ChardevSpec, spec_clear)

#define SPEC_DEFAULTS(l) { .label = (l), .signal = true }

typedef enum ParamKind { PARAM_BOOL, PARAM_CHOICE, PARAM_STRING, PARAM_NUMBER, PARAM_INVERSE } ParamKind;

static const struct SpecParam {
    const char *name;
    ParamKind kind;
    size_t offset;
} spec_params[] = {
    { "path", PARAM_STRING, offsetof(ChardevSpec, path) },
    { "host", PARAM_STRING, offsetof(ChardevSpec, host) },
    { "port", PARAM_STRING, offsetof(ChardevSpec, port) },
    { "server", PARAM_BOOL, offsetof(ChardevSpec, server) },
    { "wait", PARAM_CHOICE, offsetof(ChardevSpec, wait) },
    { "telnet", PARAM_BOOL, offsetof(ChardevSpec, telnet) },
    { "nodelay", PARAM_BOOL, offsetof(ChardevSpec, nodelay) },
    { "delay", PARAM_INVERSE, offsetof(ChardevSpec, nodelay) },
    { "append", PARAM_BOOL, offsetof(ChardevSpec, append) },
    { "signal", PARAM_BOOL, offsetof(ChardevSpec, signal) },
    { "mux", PARAM_BOOL, offsetof(ChardevSpec, mux) },
    { "reconnect", PARAM_NUMBER, offsetof(ChardevSpec, reconnect_s) },
    { "size", PARAM_NUMBER, offsetof(ChardevSpec, size) },
    { "ipv4", PARAM_CHOICE, offsetof(ChardevSpec, ipv4) },
    { "ipv6", PARAM_CHOICE, offsetof(ChardevSpec, ipv6) },
    { "localaddr", PARAM_STRING, offsetof(ChardevSpec, local_host) },
    { "localport", PARAM_STRING, offsetof(ChardevSpec, local_port) },
    { "logfile", PARAM_STRING, offsetof(ChardevSpec, logfile) },
    { "logappend", PARAM_BOOL, offsetof(ChardevSpec, logappend) },
};

static bool set_bool(bool *field, const char *name, const char *value, Error **errp)
{
    if (!value) {
        *field = true;
        return true;
    }
    if (!parse_bool(value, field, error_ignore)) {
        error_set(errp, "parameter '%s' expects 'on' or 'off'", name);
        return false;
    }
    return true;
}

static bool set_choice(int8_t *field, const char *name, const char *value, Error **errp)
{
    bool on;

    if (!set_bool(&on, name, value, errp)) {
        return false;
    }
    *field = on ? 1 : -1;
    return true;
}

static bool set_number(uint64_t *field, const char *name, const char *value, Error **errp)
{
    if (!value || !g_ascii_string_to_unsigned(value, 10, 0, UINT32_MAX, field, NULL)) {
        error_set(errp, "parameter '%s' expects a number", name);
        return false;
    }
    return true;
}

/* Any back end may be shared and have its output written to a file. */
static bool takes_param(const ChardevType *type, const char *name)
{
    static const char *const common[] = { "mux", "logfile", "logappend", NULL };
    g_auto(GStrv) own = g_strsplit(type->params ? type->params : "", " ", -1);

    return g_strv_contains(common, name) || g_strv_contains((const char *const *)own, name);
}

/* "noname" */
static bool switch_off(void *field, ParamKind kind)
{
    if (kind == PARAM_BOOL) {
        *(bool *)field = false;
    } else if (kind == PARAM_CHOICE) {
        *(int8_t *)field = -1;
    }
    return kind == PARAM_BOOL || kind == PARAM_CHOICE;
}

/* One "name", "noname" or "name=value". */
static bool spec_set(ChardevSpec *spec, const ChardevType *type, const char *text, Error **errp)
{
    /* Known to users, missing here. */
    static const char *const missing[] = {
        "abstract", "cols", "fd", "height", "input-path", "rows", "tight", "tls-authz", "tls-creds", "to", "websocket",
        "width", NULL
    };
    const char *eq = strchr(text, '=');
    g_autofree char *name = eq ? g_strndup(text, eq - text) : g_strdup(text);
    const char *value = eq ? eq + 1 : NULL;

    for (size_t i = 0; i < ARRAY_SIZE(spec_params); i++) {
        const struct SpecParam *p = &spec_params[i];
        void *field = (char *)spec + p->offset;
        bool negated = !value && g_str_has_prefix(name, "no") && !strcmp(name + 2, p->name);

        if (!negated && strcmp(name, p->name)) {
            continue;
        }
        if (!takes_param(type, p->name)) {
            error_set(errp, "parameter '%s' is not for character device '%s'", p->name, type->name);
            return false;
        }
        if (negated && switch_off(field, p->kind)) {
            return true;
        }
        switch (p->kind) {
        case PARAM_BOOL:
            return set_bool(field, name, value, errp);
        case PARAM_CHOICE:
            return set_choice(field, name, value, errp);
        case PARAM_NUMBER:
            return set_number(field, name, value, errp);
        case PARAM_INVERSE:
            if (!set_bool(field, name, value, errp)) {
                return false;
            }
            *(bool *)field = !*(bool *)field;
            return true;
        case PARAM_STRING:
            if (!value) {
                break;
            }
            g_free(*(char **)field);
            *(char **)field = g_strdup(value);
            return true;
        }
        error_set(errp, "parameter '%s' needs a value", name);
        return false;
    }
    error_set(errp, g_strv_contains(missing, name) ? "parameter '%s' is not supported by this version"
                                                   : "invalid parameter '%s'", name);
    return false;
}

/* HOST:PORT, [V6HOST]:PORT or :PORT */
static bool split_address(const char *text, char **host_out, char **port_out, Error **errp)
{
    const char *colon = strrchr(text, ':');
    const char *host = text;
    size_t host_len;

    if (!colon || !colon[1]) {
        error_set(errp, "address '%s' is not HOST:PORT", text);
        return false;
    }
    host_len = colon - text;
    if (host_len >= 2 && host[0] == '[' && host[host_len - 1] == ']') {
        host++;
        host_len -= 2;
    }
    *host_out = g_strndup(host, host_len);
    *port_out = g_strdup(colon + 1);
    return true;
}

/* PEER[@LOCAL], each of them HOST:PORT */
static bool split_address_pair(ChardevSpec *spec, const char *text, Error **errp)
{
    const char *at = strchr(text, '@');
    g_autofree char *peer = at ? g_strndup(text, at - text) : g_strdup(text);

    return split_address(peer, &spec->host, &spec->port, errp) &&
           (!at || split_address(at + 1, &spec->local_host, &spec->local_port, errp));
}

typedef enum ArgKind { ARG_NONE, ARG_ANY, ARG_PATH, ARG_WHOLE_PATH, ARG_PATH_OPTS, ARG_ADDRESS_OPTS, ARG_PAIR } ArgKind;

/* The short spelling of -serial and friends. */
static const struct ShortForm {
    const char *prefix;
    const ChardevType *type;
    ArgKind arg;
    bool telnet;
} short_forms[] = {
    { "null", &chardev_null, ARG_NONE, false },
    { "ringbuf", &chardev_ringbuf, ARG_NONE, false },
    { "vc", &chardev_vc, ARG_NONE, false },
    { "vc:", &chardev_vc, ARG_ANY, false },         /* its size */
    { "stdio", &chardev_stdio, ARG_NONE, false },
    { "pty", &chardev_pty, ARG_NONE, false },
    { "file:", &chardev_file, ARG_PATH, false },
    { "pipe:", &chardev_pipe, ARG_PATH, false },
    { "unix:", &chardev_socket, ARG_PATH_OPTS, false },
    { "tcp:", &chardev_socket, ARG_ADDRESS_OPTS, false },
    { "telnet:", &chardev_socket, ARG_ADDRESS_OPTS, true },
    { "udp:", &chardev_udp, ARG_PAIR, false },
    { "/dev/", &chardev_serial, ARG_WHOLE_PATH, false },
};

static bool parse_short_arg(ChardevSpec *spec, const struct ShortForm *form, const char *rest, Error **errp)
{
    g_auto(GStrv) parts = NULL;

    switch (form->arg) {
    case ARG_NONE:
    case ARG_ANY:
        return true;
    case ARG_PATH:
        spec->path = g_strdup(rest);
        return true;
    case ARG_WHOLE_PATH:
        spec->path = g_strconcat(form->prefix, rest, NULL);
        return true;
    case ARG_PAIR:
        return split_address_pair(spec, rest, errp);
    case ARG_PATH_OPTS:
    case ARG_ADDRESS_OPTS:
        break;
    }
    parts = option_split_commas(rest);
    if (form->arg == ARG_PATH_OPTS) {
        spec->path = g_strdup(parts[0]);
    } else if (!split_address(parts[0], &spec->host, &spec->port, errp)) {
        return false;
    }
    for (char **p = parts + (parts[0] != NULL); *p; p++) {
        if (!spec_set(spec, form->type, *p, errp)) {
            return false;
        }
    }
    return true;
}

static const struct ShortForm *find_short_form(const char *text)
{
    for (size_t i = 0; i < ARRAY_SIZE(short_forms); i++) {
        const struct ShortForm *f = &short_forms[i];

        if (f->arg == ARG_NONE ? !strcmp(text, f->prefix) : g_str_has_prefix(text, f->prefix)) {
            return f;
        }
    }
    return NULL;
}

/* ---- creation ---- */

static void list_add(Chardev *chr)
{
    Chardev **end = &chardevs;

    while (*end) {
        end = &(*end)->next;
    }
    *end = chr;
}

static void list_remove(Chardev *chr)
{
    Chardev **p = &chardevs;

    while (*p && *p != chr) {
        p = &(*p)->next;
    }
    if (*p) {
        *p = chr->next;
    }
}

static void destroy(Chardev *chr)
{
    if (chr->type->close) {
        chr->type->close(chr);
    }
    if (chr->log_fd >= 0) {
        close(chr->log_fd);
    }
    g_free(chr->label);
    g_free(chr->filename);
    g_free(chr);
}

static bool check_spec(const ChardevType *type, const ChardevSpec *spec, Error **errp)
{
    bool has_path = spec->path && spec->path[0];

    if (type->needs_path && !has_path) {
        error_set(errp, "character device '%s' needs a path", type->name);
        return false;
    }
    if (type->needs_address && spec->path && (spec->host || spec->port)) {
        error_set(errp, "character device '%s' takes a path, or a host and a port, not both", type->name);
        return false;
    }
    if (type->needs_address && !has_path && !spec->port) {
        error_set(errp, "character device '%s' needs a path, or a host and a port", type->name);
        return false;
    }
    return true;
}

/* -1 when no log is asked for. */
static bool open_log(const ChardevSpec *spec, int *fd, Error **errp)
{
    *fd = -1;
    if (!spec->logfile) {
        return true;
    }
    *fd = fd_open_output(spec->logfile, spec->logappend);
    if (*fd < 0) {
        error_set_errno(errp, errno, "cannot open log file '%s'", spec->logfile);
    }
    return *fd >= 0;
}

static Chardev *create(const ChardevType *type, const char *label, const ChardevSpec *spec, Error **errp)
{
    Chardev *chr;
    int log_fd;

    if (chardev_find(label)) {
        error_set(errp, "there is already a character device '%s'", label);
        return NULL;
    }
    if (!check_spec(type, spec, errp) || !open_log(spec, &log_fd, errp)) {
        return NULL;
    }
    chr = g_malloc0(type->instance_size);
    chr->type = type;
    chr->label = g_strdup(label);
    chr->log_fd = log_fd;
    if (type->open && !type->open(chr, spec, errp)) {
        destroy(chr);
        return NULL;
    }
    if (!chr->filename) {
        chr->filename = g_strdup(type->name);
    }
    list_add(chr);
    return chr;
}

static Chardev *create_maybe_muxed(const ChardevType *type, const ChardevSpec *spec, Error **errp)
{
    g_autofree char *base_label = NULL;
    Chardev *be, *mux;

    if (!spec->mux) {
        return create(type, spec->label, spec, errp);
    }
    base_label = g_strdup_printf("%s-base", spec->label);
    be = create(type, base_label, spec, errp);
    if (!be) {
        return NULL;
    }
    mux = mux_new(spec->label, be);
    list_add(mux);
    return mux;
}

Chardev *chardev_open(const char *label, const char *text, Error **errp)
{
    g_auto(ChardevSpec) spec = SPEC_DEFAULTS(label);
    const struct ShortForm *form;
    Chardev *chr;

    if (!strcmp(text, "none")) {
        return NULL;
    }
    if (g_str_has_prefix(text, "chardev:")) {
        chr = chardev_find(text + strlen("chardev:"));
        if (!chr) {
            error_set(errp, "character device '%s' not found", text + strlen("chardev:"));
        }
        return chr;
    }
    if (g_str_has_prefix(text, "mon:")) {
        text += strlen("mon:");
        spec.mux = true;
        spec.signal = false;    /* Ctrl-C belongs to the guest; Ctrl-A x ends the program */
    }
    form = find_short_form(text);
    if (!form) {
        error_set(errp, "'%s' is not a valid character device", text);
        error_append_hint(errp, "Known are none, null, stdio, mon:stdio, pty, vc, ringbuf, file:PATH, pipe:PATH, "
                          "/dev/TTY, unix:PATH[,server=on][,wait=off], tcp:HOST:PORT[,server=on][,wait=off], "
                          "telnet:HOST:PORT, udp:HOST:PORT[@HOST:PORT], chardev:ID.");
        return NULL;
    }
    spec.telnet = form->telnet;
    if (!parse_short_arg(&spec, form, text + strlen(form->prefix), errp)) {
        return NULL;
    }
    return create_maybe_muxed(form->type, &spec, errp);
}

static const ChardevType *const types[] = {
    &chardev_file, &chardev_null, &chardev_pipe, &chardev_pty, &chardev_ringbuf, &chardev_serial,
    &chardev_socket, &chardev_stdio, &chardev_udp, &chardev_vc,
};

void chardev_print_types(GString *out)
{
    g_string_append(out, "Available chardev backend types:\n");
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        g_string_append_printf(out, "  %s\n", types[i]->name);
    }
}

static const ChardevType *find_type(const char *name, Error **errp)
{
    /* Known to users, missing here. */
    static const char *const missing[] = {
        "braille", "dbus", "hub", "msmouse", "mux", "parallel", "parport", "qemu-vdagent", "spiceport", "spicevmc",
        "testdev", "wctablet", NULL
    };

    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        if (!strcmp(name, types[i]->name) || !g_strcmp0(name, types[i]->alias)) {
            return types[i];
        }
    }
    if (g_strv_contains(missing, name)) {
        error_set(errp, "character device back end '%s' is not supported by this version", name);
    } else {
        error_set(errp, "'%s' is not a character device back end", name);
    }
    error_append_hint(errp, "-chardev help lists them.");
    return NULL;
}

/* "backend=" and "id=" may stand anywhere, so they come first; what else there is depends on them. */
static bool is_key(const char *item, const char *key, const char **value)
{
    bool found = g_str_has_prefix(item, key);

    *value = found ? item + strlen(key) : *value;
    return found;
}

Chardev *chardev_open_option(const char *arg, Error **errp)
{
    g_auto(ChardevSpec) spec = SPEC_DEFAULTS(NULL);
    g_auto(GStrv) parts = option_split_commas(arg);
    const char *backend = NULL, *value = NULL;
    const ChardevType *type;
    char **first = parts;

    if (*first && !is_key(*first, "backend=", &value) && !is_key(*first, "id=", &value)) {
        backend = *first++;
    }
    for (char **p = first; *p; p++) {
        (void)(is_key(*p, "backend=", &backend) || is_key(*p, "id=", &spec.label));
    }
    type = find_type(backend ? backend : "", errp);
    if (!type) {
        return NULL;
    }
    for (char **p = first; *p; p++) {
        if (!is_key(*p, "backend=", &value) && !is_key(*p, "id=", &value) && !spec_set(&spec, type, *p, errp)) {
            return NULL;
        }
    }
    if (!spec.label || !spec.label[0]) {
        error_set(errp, "character device needs an 'id'");
        return NULL;
    }
    return option_check_id(spec.label, errp) ? create_maybe_muxed(type, &spec, errp) : NULL;
}

Chardev *chardev_find(const char *label)
{
    for (Chardev *c = chardevs; c; c = c->next) {
        if (!strcmp(c->label, label)) {
            return c;
        }
    }
    return NULL;
}

void chardev_free(Chardev *chr)
{
    list_remove(chr);
    destroy(chr);
}

void chardev_cleanup(void)
{
    for (Chardev *c = chardevs; c; c = c->next) {
        if (c->type->emergency) {
            c->type->emergency(c);
        }
    }
}

/* ---- front end's calls ---- */

const char *chardev_label(const Chardev *chr)
{
    return chr->label;
}

bool chardev_is_mux(const Chardev *chr)
{
    return chr->type == &chardev_mux;
}

bool chardev_is_busy(const Chardev *chr)
{
    return chr->has_fe;
}

bool chardev_check_free(const Chardev *chr, Error **errp)
{
    if (!chr || (chr->type->has_room ? chr->type->has_room(chr) : !chr->has_fe)) {
        return true;
    }
    error_set(errp, "character device '%s' is in use", chr->label);
    if (!chr->type->has_room) {
        error_append_hint(errp, "With mux=on, or mon: in front of it, a monitor and a port can share one.");
    }
    return false;
}

void chardev_attach(Chardev *chr, const ChardevFrontend *fe)
{
    (chr->type->attach ? chr->type->attach : chr_attach_common)(chr, fe);
}

void chr_attach_common(Chardev *chr, const ChardevFrontend *fe)
{
    chr->has_fe = fe != NULL;
    chr->fe = fe ? *fe : (ChardevFrontend) { 0 };
    if (fe && chr->be_open && fe->event) {
        fe->event(fe->opaque, CHR_EVENT_OPENED);
    }
    main_loop_wake();   /* can_read has something to ask now */
}

int chardev_write(Chardev *chr, const uint8_t *buf, int len)
{
    int n = chr->type->write(chr, buf, len);

    if (chr->log_fd >= 0 && n > 0) {
        (void)!write(chr->log_fd, buf, n);      /* a full disk or pipe does not stop a guest */
    }
    chr->stalled = chr->stalled && n == 0;
    return n;
}

int chardev_write_all(Chardev *chr, const uint8_t *buf, int len)
{
    int done = 0;

    while (done < len) {
        done += chardev_write(chr, buf + done, len - done);
        if (done == len) {
            break;
        }
        /* A peer that has not read for that long does not make every further byte wait as long again. */
        if (!chr->type->wait_writable || !chr->type->wait_writable(chr, chr->stalled ? 0 : STALL_MS)) {
            chr->stalled = true;
            break;
        }
    }
    return done;
}

void chardev_accept_input(Chardev *chr)
{
    if (chr->type->accept_input) {
        chr->type->accept_input(chr);
    }
    if (!in_io_thread()) {
        main_loop_wake();
    }
}

void chardev_send_break(Chardev *chr)
{
    chr_be_event(chr, CHR_EVENT_BREAK);
}

void chardev_set_line(Chardev *chr, const ChardevLine *line)
{
    if (chr->type->set_line) {
        chr->type->set_line(chr, line);
    }
}

void chardev_set_break(Chardev *chr, bool on)
{
    if (chr->type->set_break) {
        chr->type->set_break(chr, on);
    }
}

void chardev_set_modem(Chardev *chr, unsigned outputs)
{
    if (chr->type->set_modem) {
        chr->type->set_modem(chr, outputs);
    }
}

bool chardev_get_modem(Chardev *chr, unsigned *inputs)
{
    return chr->type->get_modem && chr->type->get_modem(chr, inputs);
}

void chardev_print(GString *out)
{
    for (Chardev *c = chardevs; c; c = c->next) {
        g_string_append_printf(out, "%s: filename=%s\n", c->label, c->filename);
    }
}

/* ---- back end's calls ---- */

int chr_be_can_read(Chardev *chr)
{
    return chr->has_fe && chr->fe.can_read ? chr->fe.can_read(chr->fe.opaque) : 0;
}

void chr_be_read(Chardev *chr, const uint8_t *buf, int len)
{
    if (chr->has_fe && chr->fe.read) {
        chr->fe.read(chr->fe.opaque, buf, len);
    }
}

void chr_be_event(Chardev *chr, ChardevEvent ev)
{
    if (ev == CHR_EVENT_OPENED || ev == CHR_EVENT_CLOSED) {
        chr->be_open = ev == CHR_EVENT_OPENED;
        chr->stalled = false;
    }
    if (chr->has_fe && chr->fe.event) {
        chr->fe.event(chr->fe.opaque, ev);
    }
}

void chr_be_writable(Chardev *chr)
{
    if (chr->has_fe && chr->fe.writable) {
        chr->fe.writable(chr->fe.opaque);
    }
}

void chr_set_filename(Chardev *chr, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    g_free(chr->filename);
    chr->filename = g_strdup_vprintf(fmt, ap);
    va_end(ap);
}
