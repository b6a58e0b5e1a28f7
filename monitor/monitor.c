/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Human monitors: a line editor on a character device, and from a line to the command it names
 *
 * Commands run in the IO thread between two iterations of its loop, one at a time: a command that runs the loop itself
 * (to drain disks) finds all monitors deaf. What the peer does not read is kept, and no further input is taken until it
 * has been: the memory a silent peer can make us use is the output of one command.
 */
#include "qemu/osdep.h"
#include "chardev/out-queue.h"
#include "expr.h"
#include "hmp.h"
#include "line-edit.h"
#include "qemu/main-loop.h"

#define PROMPT "(qemu) "

struct Monitor {
    Chardev *chr;
    LineEdit *edit;
    OutQueue out;
    bool on_mux, has_focus, greeted;
    bool ended;                 /* after "quit": no further prompt */
    VCpu *cpu;                  /* NULL: the first */
    MemFormat last_format;
};

static bool command_runs;       /* big lock: of any monitor */

/* ---- output ------------------------------------------------------------------------------------------------------ */

/* Line feeds become what a terminal needs. */
static void put_text(Monitor *m, const char *text, size_t len)
{
    while (len) {
        const char *newline = memchr(text, '\n', len);
        size_t part = newline ? (size_t)(newline - text) : len;

        out_queue_put(&m->out, text, part);
        if (newline) {
            out_queue_put(&m->out, "\r\n", 2);
            part++;
        }
        text += part;
        len -= part;
    }
}

void monitor_puts(Monitor *m, const char *text)
{
    put_text(m, text, strlen(text));
}

void monitor_printf(Monitor *m, const char *fmt, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    monitor_puts(m, text);
}

void monitor_put_gstring(Monitor *m, GString *text)
{
    put_text(m, text->str, text->len);
}

void hmp_print(Monitor *m, void (*print)(GString *out))
{
    g_autoptr(GString) text = g_string_new(NULL);

    print(text);
    monitor_put_gstring(m, text);
}

bool hmp_handle_error(Monitor *m, Error *err)
{
    g_autoptr(Error) owned = err;

    if (owned) {
        monitor_printf(m, "Error: %s\n", error_get_message(owned));
    }
    return owned;
}

/* ---- words ------------------------------------------------------------------------------------------------------- */

static void skip_blanks(const char **p)
{
    while (g_ascii_isspace(**p)) {
        (*p)++;
    }
}

static bool unescape(const char **p, GString *word, Error **errp)
{
    static const char names[] = "nr\\'\"", values[] = "\n\r\\'\"";
    const char *found = **p ? strchr(names, **p) : NULL;

    if (!found) {
        error_set(errp, "unsupported escape code: '\\%c'", **p ? **p : ' ');
        return false;
    }
    g_string_append_c(word, values[found - names]);
    (*p)++;
    return true;
}

/* A word, or text in double quotes. NULL with an Error, or without one at the end of the line. */
static char *next_word(const char **p, Error **errp)
{
    g_autoptr(GString) word = g_string_new(NULL);

    skip_blanks(p);
    if (!**p) {
        return NULL;
    }
    if (**p != '"') {
        while (**p && !g_ascii_isspace(**p)) {
            g_string_append_c(word, *(*p)++);
        }
        return g_strdup(word->str);
    }
    for ((*p)++; **p != '"'; ) {
        if (!**p) {
            error_set(errp, "unterminated string");
            return NULL;
        }
        if (**p == '\\') {
            (*p)++;
            if (!unescape(p, word, errp)) {
                return NULL;
            }
        } else {
            g_string_append_c(word, *(*p)++);
        }
    }
    (*p)++;
    return g_strdup(word->str);
}

/* "/4xw" */
static bool parse_format(const char **p, MemFormat *f, Error **errp)
{
    static const char sizes[] = "bhwg";
    const char *size;

    skip_blanks(p);
    if (**p != '/') {
        return true;
    }
    (*p)++;
    for (; g_ascii_isdigit(**p); (*p)++) {
        f->count = MIN(f->count * 10 + (unsigned)(**p - '0'), 1u << 20);
    }
    for (; **p && !g_ascii_isspace(**p); (*p)++) {
        size = strchr(sizes, **p);
        if (size) {
            f->size = (char)(1 << (size - sizes));
        } else if (strchr("oxduic", **p)) {
            f->format = **p;
        } else {
            error_set(errp, "invalid char in format: '%c'", **p);
            return false;
        }
    }
    return true;
}

/* ---- arguments --------------------------------------------------------------------------------------------------- */

typedef struct Command {
    const HmpCommand *def;
    char *typed;                /* the command as the user called it: "p", "info block" */
    Arg args[HMP_ARGS_MAX];
    GPtrArray *strings;         /* owned texts of args */
} Command;

/* The flags that may stand here: *i is the first of them and then the last. */
static bool parse_flags(const char **p, Command *c, unsigned *i, Error **errp)
{
    unsigned first = *i, last = first;

    while (last + 1 < HMP_ARGS_MAX && c->def->args[last + 1].kind == ARG_FLAG) {
        last++;
    }
    *i = last;
    for (skip_blanks(p); (*p)[0] == '-' && g_ascii_isalpha((*p)[1]); skip_blanks(p)) {
        unsigned k = first;

        while (k <= last && c->def->args[k].flag != (*p)[1]) {
            k++;
        }
        if (k > last || ((*p)[2] && !g_ascii_isspace((*p)[2]))) {
            error_set(errp, "%s: unsupported option -%c", c->def->name, (*p)[1]);
            return false;
        }
        c->args[k].given = true;
        *p += 2;
    }
    return true;
}

static bool parse_string(const char **p, Command *c, const ArgDef *d, Arg *a, Error **errp)
{
    static const char *const what[] = {
        [ARG_STRING] = "string", [ARG_FILENAME] = "filename", [ARG_BLOCK] = "block device name",
        [ARG_DEVICE] = "string",
    };
    Error *err = NULL;
    char *word = next_word(p, &err);

    if (err) {
        error_propagate(errp, err);
        return false;
    }
    if (!word && !d->optional) {
        error_set(errp, "%s: %s expected", c->def->name, what[d->kind]);
        return false;
    }
    if (word) {
        g_ptr_array_add(c->strings, word);
        a->given = true;
        a->s = word;
    }
    return true;
}

static bool parse_arg(Monitor *m, const char **p, Command *c, unsigned *i, Error **errp)
{
    const ArgDef *d = &c->def->args[*i];
    Arg *a = &c->args[*i];

    skip_blanks(p);
    switch (d->kind) {
    case ARG_NONE:
        return true;
    case ARG_FLAG:
        return parse_flags(p, c, i, errp);
    case ARG_STRING:
    case ARG_FILENAME:
    case ARG_BLOCK:
    case ARG_DEVICE:
        return parse_string(p, c, d, a, errp);
    case ARG_NUMBER:
        a->given = **p || !d->optional;
        return !a->given || expr_eval(p, hmp_register, m, &a->n, errp);
    case ARG_FORMAT:
        a->given = **p == '/';
        return parse_format(p, &a->fmt, errp);
    case ARG_REST:
        a->given = true;
        a->s = *p;
        *p += strlen(*p);
        return true;
    }
    return true;
}

static bool parse_args(Monitor *m, const char *p, Command *c, Error **errp)
{
    for (unsigned i = 0; i < HMP_ARGS_MAX && c->def->args[i].kind; i++) {
        if (!parse_arg(m, &p, c, &i, errp)) {
            return false;
        }
    }
    skip_blanks(&p);
    if (*p) {
        error_set(errp, "%s%s%s: extraneous characters at the end of line", c->def->name, c->def->alias ? "|" : "",
                  c->def->alias ? c->def->alias : "");
        return false;
    }
    return true;
}

/* ---- finding and running ----------------------------------------------------------------------------------------- */

static const HmpCommand *find_command(const HmpCommand *table, const char *name, size_t len)
{
    for (const HmpCommand *c = table; c->name; c++) {
        if ((strlen(c->name) == len && !strncmp(c->name, name, len)) ||
            (c->alias && strlen(c->alias) == len && !strncmp(c->alias, name, len))) {
            return c;
        }
    }
    return NULL;
}

/* A command's name ends at a blank, or before the slash of a format. */
static size_t name_len(const char *p)
{
    return strcspn(p, " \t/");
}

/* The words of a command from the line; *p moves behind them. NULL: *typed is not known. */
static const HmpCommand *resolve(const char **p, char **typed)
{
    g_autoptr(GString) words = g_string_new(NULL);
    const HmpCommand *table = hmp_commands, *found = NULL;

    while (table) {
        const HmpCommand *next;
        size_t n;

        skip_blanks(p);
        n = name_len(*p);
        if (!n && found) {
            break;
        }
        next = find_command(table, *p, n);
        if (!next && !n) {      /* a name cannot be empty: show what stands there */
            n = strcspn(*p, " \t");
        }
        g_string_append_printf(words, "%s%.*s", words->len ? " " : "", (int)n, *p);
        if (!next) {
            found = NULL;
            break;
        }
        *p += n;
        found = next;
        table = found->sub;
    }
    *typed = g_strdup(words->str);
    return found;
}

static void run_line(Monitor *m, const char *line)
{
    Command c = { 0 };
    g_autoptr(GPtrArray) strings = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *typed = NULL;
    Error *err = NULL;

    skip_blanks(&line);
    if (!*line) {
        return;
    }
    c.def = resolve(&line, &typed);
    c.typed = typed;
    c.strings = strings;
    if (!c.def) {
        monitor_printf(m, "unknown command: '%s'\n", typed);
    } else if (!parse_args(m, line, &c, &err)) {
        monitor_printf(m, "%s\nTry \"help %s\" for more information\n", error_get_message(err), typed);
        error_free(err);
    } else {
        c.def->fn(m, c.args);
    }
}

/* ---- help -------------------------------------------------------------------------------------------------------- */

static void print_help_line(Monitor *m, const char *prefix, const HmpCommand *c)
{
    monitor_printf(m, "%s%s%s%s %s -- %s\n", prefix, c->name, c->alias ? "|" : "", c->alias ? c->alias : "",
                   c->params ? c->params : "", c->help);
}

static void print_help_table(Monitor *m, const char *prefix, const HmpCommand *table)
{
    for (const HmpCommand *c = table; c->name; c++) {
        print_help_line(m, prefix, c);
    }
}

void hmp_help_info(Monitor *m, const Arg *a)
{
    print_help_table(m, "info ", hmp_info_commands);
}

void hmp_help(Monitor *m, const Arg *a)
{
    const char *p = a[0].s;
    g_autofree char *typed = NULL;
    const HmpCommand *c;

    skip_blanks(&p);
    if (!*p) {
        print_help_table(m, "", hmp_commands);
        return;
    }
    c = resolve(&p, &typed);
    if (!c) {
        monitor_printf(m, "unknown command: '%s'\n", typed);
    } else if (c->sub) {
        print_help_table(m, "info ", c->sub);
    } else if (c->fn == hmp_log) {
        c->fn(m, (const Arg[HMP_ARGS_MAX]) { { .given = true, .s = "help" } });
    } else {
        print_help_line(m, g_str_has_prefix(typed, "info ") ? "info " : "", c);
    }
}

/* ---- completion -------------------------------------------------------------------------------------------------- */

static void complete_names(const HmpCommand *table, const char *prefix, GPtrArray *list)
{
    for (const HmpCommand *c = table; c->name; c++) {
        complete_add(list, prefix, c->name);
    }
}

static void complete_file(const char *prefix, GPtrArray *list)
{
    const char *slash = strrchr(prefix, '/');
    g_autofree char *folder = slash ? g_strndup(prefix, slash - prefix + 1) : NULL;
    GDir *dir = g_dir_open(folder ? folder : ".", 0, NULL);
    const char *base = slash ? slash + 1 : prefix, *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_strconcat(folder ? folder : "", name, NULL);

        if (g_str_has_prefix(name, base) && (*base || name[0] != '.')) {
            g_ptr_array_add(list, g_strconcat(path, g_file_test(path, G_FILE_TEST_IS_DIR) ? "/" : "", NULL));
        }
    }
    if (dir) {
        g_dir_close(dir);
    }
}

static void complete_arg(Monitor *m, const ArgDef *d, const char *prefix, GPtrArray *list)
{
    if (d->complete) {
        d->complete(m, prefix, list);
    } else if (d->kind == ARG_FILENAME) {
        complete_file(prefix, list);
    } else if (d->kind == ARG_BLOCK) {
        complete_block(m, prefix, list);
    } else if (d->kind == ARG_DEVICE) {
        complete_device_id(m, prefix, list);
    }
}

/* The argument that word number n of a command's arguments belongs to, counting flags as typed. NULL: none. */
static const ArgDef *arg_of_word(const HmpCommand *c, char **words, unsigned n)
{
    unsigned i = 0;

    for (unsigned w = 0; w <= n; w++) {
        bool is_flag = words[w][0] == '-', is_format = words[w][0] == '/';

        while (i < HMP_ARGS_MAX && ((c->args[i].kind == ARG_FLAG && !is_flag) ||
                                    (c->args[i].kind == ARG_FORMAT && !is_format))) {
            i++;
        }
        if (i == HMP_ARGS_MAX || c->args[i].kind == ARG_NONE) {
            return NULL;
        }
        if (w < n && c->args[i].kind != ARG_REST && !is_flag) {
            i++;
        }
    }
    return &c->args[i];
}

static void complete_line(void *opaque, const char *line, GPtrArray *list)
{
    g_auto(GStrv) parts = g_strsplit_set(line, " \t", -1);
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    const HmpCommand *table = hmp_commands;
    unsigned n, at = 0;

    for (char **p = parts; *p; p++) {
        if (**p || !p[1]) {             /* the last one may be empty: a new word */
            g_ptr_array_add(words, *p);
        }
    }
    n = words->len;
    for (; n && at < n - 1; at++) {     /* whole words: commands, then arguments */
        const char *w = g_ptr_array_index(words, at);
        const HmpCommand *c = find_command(table, w, name_len(w));

        if (!c) {
            return;
        }
        if (c->fn == hmp_help) {        /* help COMMAND */
            table = hmp_commands;
        } else if (c->sub) {
            table = c->sub;
        } else {
            const ArgDef *d = arg_of_word(c, (char **)words->pdata + at + 1, n - at - 2);

            if (d) {
                complete_arg(opaque, d, g_ptr_array_index(words, n - 1), list);
            }
            return;
        }
    }
    complete_names(table, n ? g_ptr_array_index(words, n - 1) : "", list);
}

/* ---- the character device's side --------------------------------------------------------------------------------- */

static void start_prompt(Monitor *m)
{
    if (!m->ended) {
        line_edit_start(m->edit);
    }
}

static void editor_output(void *opaque, const char *text, size_t len)
{
    put_text(opaque, text, len);
}

static void editor_accept(void *opaque, const char *line)
{
    Monitor *m = opaque;

    out_queue_flush(&m->out);
    command_runs = true;
    run_line(m, line);
    command_runs = false;
    start_prompt(m);
}

static const LineEditOps editor_ops = {
    .output = editor_output, .accept = editor_accept, .complete = complete_line,
};

static int monitor_can_read(void *opaque)
{
    Monitor *m = opaque;

    return !command_runs && !out_queue_pending(&m->out);
}

static void monitor_read(void *opaque, const uint8_t *buf, int len)
{
    Monitor *m = opaque;

    for (int i = 0; i < len; i++) {
        line_edit_key(m->edit, buf[i]);
    }
    out_queue_flush(&m->out);
}

static void monitor_writable(void *opaque)
{
    Monitor *m = opaque;

    out_queue_flush(&m->out);
    if (!out_queue_pending(&m->out)) {
        chardev_accept_input(m->chr);
    }
}

static void greet(Monitor *m)
{
    if (!m->greeted) {
        m->greeted = true;
        monitor_puts(m, "QEMU " QEMU_VERSION " monitor - type 'help' for more information\n");
    }
    line_edit_start(m->edit);
    out_queue_flush(&m->out);
}

static void monitor_event(void *opaque, ChardevEvent ev)
{
    Monitor *m = opaque;

    switch (ev) {
    case CHR_EVENT_OPENED:
        m->greeted = false;
        out_queue_clear(&m->out);
        line_edit_reset(m->edit);
        if (m->has_focus) {
            greet(m);
        }
        break;
    case CHR_EVENT_MUX_IN:
        m->has_focus = true;
        greet(m);
        break;
    case CHR_EVENT_MUX_OUT:
        if (m->greeted) {
            monitor_puts(m, "\n");
            out_queue_flush(&m->out);
        }
        m->has_focus = false;
        break;
    case CHR_EVENT_CLOSED:
        out_queue_clear(&m->out);
        line_edit_reset(m->edit);
        break;
    case CHR_EVENT_BREAK:
        break;
    }
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

void monitor_end(Monitor *m)
{
    m->ended = true;
}

VCpu *monitor_cpu(Monitor *m)
{
    return m->cpu ? m->cpu : vcpus;
}

bool monitor_set_cpu(Monitor *m, uint64_t index)
{
    VCPU_FOREACH(v) {
        if ((uint64_t)v->index == index) {
            m->cpu = v;
            return true;
        }
    }
    return false;
}

const char *monitor_history(const Monitor *m, unsigned n)
{
    return line_edit_history(m->edit, n);
}

MemFormat *monitor_last_format(Monitor *m)
{
    return &m->last_format;
}

Monitor *monitor_new(Chardev *chr)
{
    Monitor *m = g_new0(Monitor, 1);
    ChardevFrontend fe = {
        .can_read = monitor_can_read, .read = monitor_read, .event = monitor_event, .writable = monitor_writable,
        .opaque = m, .background = true,
    };

    m->chr = chr;
    m->edit = line_edit_new(PROMPT, &editor_ops, m);
    out_queue_init(&m->out, chr);
    m->on_mux = chardev_is_mux(chr);
    m->has_focus = !m->on_mux;      /* a mux says who has it */
    m->last_format = (MemFormat) { .format = 'x', .size = 4 };
    chardev_attach(chr, &fe);
    return m;
}

const KeyDef monitor_keys[] = {
    { "chardev", KEY_STRING, .help = "id of the -chardev it talks on (this key's name may be left out)" },
    { "mode", KEY_STRING, .values = "readline", .help = "for people (default)" },
    { "default", KEY_BOOL, .help = "accepted, no effect" },
    { .name = NULL },
};

bool monitor_open_option(const KeyList *l, Error **errp)
{
    const char *id = keylist_get(l, "chardev");
    Chardev *chr = id ? chardev_find(id) : NULL;

    if (!id) {
        error_set(errp, "-mon: parameter 'chardev' is missing");
        return false;
    }
    if (!chr) {
        error_set(errp, "-mon %s: chardev \"%s\" not found", id, id);
        return false;
    }
    if (!chardev_check_free(chr, errp)) {
        error_prepend(errp, "-mon %s: ", id);
        return false;
    }
    monitor_new(chr);
    return true;
}
