/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blkdebug: a protocol that fails on purpose. It stands between a format and its file and passes requests on, but for
 * those its rules hit:
 *
 *   inject-error   event=, errno= (default 5), once=, sector=, iotype=, state=, immediately=
 *   set-state      event=, state=, new_state=
 *
 * When an event comes (block/event.h), the rules for it whose state= is 0 or the present state take effect together: a
 * set-state rule changes the state, inject-error rules become the active ones. An active rule fails each request of its
 * iotype that touches its sector, until another event brings other rules; with once=on it goes after the first. Rules
 * for the event "none" are active always.
 *
 * Rules come from node options (inject-error.0.event=..., the same as JSON) or from a file of the syntax of git-config:
 * blkdebug:RULES:IMAGE, or config=. Requests fail in the coroutine they run in, so immediately= makes no difference.
 */
#include "qemu/osdep.h"
#include "block/block.h"
#include "qemu/option.h"

#define RULES_MAX   1024

typedef struct Rule {
    bool is_state;              /* set-state, else inject-error */
    BlockEvent event;
    uint64_t state, new_state;
    uint64_t error;
    uint64_t sector;            /* UINT64_MAX: any, and requests without one */
    unsigned kinds;             /* bits of BlockOpKind */
    bool once, immediately;
    bool is_active, is_spent;
} Rule;

typedef struct Blkdebug {
    GArray *rules;              /* Rule */
    uint64_t state;             /* starts as 1 */
} Blkdebug;

/* ---- rules from text --------------------------------------------------------------------------------------------- */

static const char *const event_names[] = {
#define EVENT_NAME(id, name) name,
    BLOCK_EVENTS(EVENT_NAME)
};

static const char *const io_types[] = {
    [BLOCK_READ] = "read", [BLOCK_WRITE] = "write", [BLOCK_FLUSH] = "flush", [BLOCK_DISCARD] = "discard",
    [BLOCK_WRITE_ZEROES] = "write-zeroes",
};

static int find_name(const char *const *names, unsigned n, const char *text)
{
    for (unsigned i = 0; i < n; i++) {
        if (g_str_equal(names[i], text)) {
            return i;
        }
    }
    return -1;
}

static bool take_word(BlockDict *d, const char *key, const char *const *names, unsigned n, int *out, Error **errp)
{
    g_autofree char *text = block_dict_take(d, key);

    if (!text) {
        return true;
    }
    *out = find_name(names, n, text);
    if (*out < 0) {
        error_set(errp, "Invalid %s '%s'", key, text);
    }
    return *out >= 0;
}

static bool take_number(BlockDict *d, const char *key, uint64_t max, uint64_t *out, Error **errp)
{
    g_autofree char *text = block_dict_take(d, key);

    if (!text || (max > INT64_MAX && g_str_equal(text, "-1"))) {
        return true;
    }
    if (!parse_uint(text, 0, max, out, NULL)) {
        error_set(errp, "Parameter '%s' expects a number up to %" PRIu64, key, max);
        return false;
    }
    return true;
}

/* One rule, and nothing else in the dictionary. */
static bool rule_read(Blkdebug *s, bool is_state, BlockDict *d, Error **errp)
{
    Rule r = { .is_state = is_state, .error = EIO, .sector = UINT64_MAX, .kinds = ~0u };
    int event = is_state ? -1 : BLOCK_EVENT_NONE, kind = -1;
    bool ok = take_word(d, "event", event_names, ARRAY_SIZE(event_names), &event, errp) &&
              take_number(d, "state", INT32_MAX, &r.state, errp);

    if (ok && is_state) {
        ok = take_number(d, "new_state", INT32_MAX, &r.new_state, errp);
    } else if (ok) {
        ok = take_number(d, "errno", 4095, &r.error, errp) &&
             take_number(d, "sector", UINT64_MAX, &r.sector, errp) &&
             take_word(d, "iotype", io_types, ARRAY_SIZE(io_types), &kind, errp) &&
             block_dict_take_bool(d, "once", &r.once, errp) &&
             block_dict_take_bool(d, "immediately", &r.immediately, errp);
    }
    if (!ok || !block_dict_all_used(d, errp)) {
        return false;
    }
    if (event < 0) {
        error_set(errp, "Missing event name for rule");
        return false;
    }
    if (s->rules->len >= RULES_MAX) {
        error_set(errp, "more than %d rules", RULES_MAX);
        return false;
    }
    r.event = event;
    r.kinds = kind < 0 ? ~0u : 1u << kind;
    g_array_append_val(s->rules, r);
    return true;
}

/* inject-error.0.event=, inject-error.1. ... */
static bool rules_from_options(Blkdebug *s, bool is_state, BlockDict *options, Error **errp)
{
    BlockDict *all = block_dict_take_sub(options, is_state ? "set-state" : "inject-error");
    bool ok = true;

    for (unsigned i = 0; all && ok; i++) {
        g_autofree char *index = g_strdup_printf("%u", i);
        BlockDict *one = block_dict_take_sub(all, index);

        if (!one) {
            ok = block_dict_all_used(all, errp);
            break;
        }
        ok = rule_read(s, is_state, one, errp);
        block_dict_free(one);
    }
    block_dict_free(all);
    return ok;
}

/* A line of the file: [section], key = "value", or nothing. *section: of the lines that follow. */
static bool file_line(char *line, char **section, BlockDict *d, Error **errp)
{
    char *eq = strchr(line, '='), *value;
    size_t len;

    if (*line == '[' && line[strlen(line) - 1] == ']') {
        g_free(*section);
        *section = g_strndup(line + 1, strlen(line) - 2);
        return true;
    }
    if (!eq || !*section) {
        error_set(errp, eq ? "no group defined" : "parse error");
        return false;
    }
    *eq = 0;
    value = g_strstrip(eq + 1);
    len = strlen(value);
    if (len < 2 || value[0] != '"' || value[len - 1] != '"') {
        error_set(errp, "parse error");
        return false;
    }
    value[len - 1] = 0;
    block_dict_set(d, g_strstrip(line), value + 1);
    return true;
}

static bool end_section(Blkdebug *s, const char *section, BlockDict *d, Error **errp)
{
    bool is_state = section && g_str_equal(section, "set-state");

    if (section && !is_state && strcmp(section, "inject-error")) {
        error_set(errp, "There is no option group '%s'", section);
        return false;
    }
    return !section || rule_read(s, is_state, d, errp);
}

static bool rules_from_file(Blkdebug *s, const char *path, Error **errp)
{
    g_autofree char *text = NULL, *section = NULL;
    g_autoptr(GError) gerr = NULL;
    g_autoptr(GHashTable) d = block_dict_new();
    g_auto(GStrv) lines = NULL;
    bool ok = true;
    unsigned i;

    if (!g_file_get_contents(path, &text, NULL, &gerr)) {
        error_set(errp, "Could not read blkdebug config file: %s", gerr->message);
        return false;
    }
    lines = g_strsplit(text, "\n", -1);
    for (i = 0; lines[i] && ok; i++) {
        char *line = g_strstrip(lines[i]);

        if (*line == '[') {
            ok = end_section(s, section, d, errp);
        }
        ok = ok && (!*line || *line == '#' || file_line(line, &section, d, errp));
    }
    ok = ok && end_section(s, section, d, errp);
    if (!ok) {
        error_prepend(errp, "%s:%u: ", path, i);
    }
    return ok;
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

static void blkdebug_event(BlockNode *n, BlockEvent event)
{
    Blkdebug *s = n->state;
    uint64_t state = s->state;
    bool first = true;

    for (unsigned i = 0; i < s->rules->len; i++) {
        Rule *r = &g_array_index(s->rules, Rule, i);

        if (r->event != event || (r->state && r->state != state)) {
            continue;
        }
        if (r->is_state) {
            s->state = r->new_state;
            continue;
        }
        for (unsigned j = 0; first && j < s->rules->len; j++) {
            g_array_index(s->rules, Rule, j).is_active = false;
        }
        first = false;
        r->is_active = !r->is_spent;
    }
}

static int injected(Blkdebug *s, const BlockOp *op)
{
    for (unsigned i = 0; i < s->rules->len; i++) {
        Rule *r = &g_array_index(s->rules, Rule, i);
        bool is_on = r->event == BLOCK_EVENT_NONE ? !r->state || r->state == s->state : r->is_active;
        uint64_t at = r->sector * 512;

        if (r->is_state || r->is_spent || !is_on || !(r->kinds >> op->kind & 1) ||
            (r->sector != UINT64_MAX && (r->sector > INT64_MAX / 512 || at - op->offset >= op->bytes))) {
            continue;
        }
        r->is_spent = r->once;
        return -(int)r->error;
    }
    return 0;
}

/* ---- the node ---------------------------------------------------------------------------------------------------- */

static int blkdebug_co_run(BlockNode *n, const BlockOp *op)
{
    bool writes = op->kind == BLOCK_WRITE || op->kind == BLOCK_WRITE_ZEROES;
    int ret;

    if (op->kind == BLOCK_FLUSH) {
        blkdebug_event(n, BLOCK_EVENT_FLUSH_TO_OS);
        blkdebug_event(n, BLOCK_EVENT_FLUSH_TO_DISK);
    } else if (writes) {
        blkdebug_event(n, op->kind == BLOCK_WRITE ? BLOCK_EVENT_PWRITEV : BLOCK_EVENT_PWRITEV_ZERO);
    }
    ret = injected(n->state, op);
    ret = ret ? ret : co_block_run(n->file, op);
    if (writes) {
        blkdebug_event(n, BLOCK_EVENT_PWRITEV_DONE);
        __atomic_store_n(&n->size, block_size(n->file), __ATOMIC_RELAXED);
    }
    return ret;
}

static void blkdebug_close(BlockNode *n)
{
    g_array_unref(((Blkdebug *)n->state)->rules);
}

/* blkdebug:RULES:IMAGE, where either may be missing. */
static char *parse_name(BlockNode *n, BlockDict *d)
{
    const char *rest = n->filename + strlen("blkdebug:"), *colon;

    if (!g_str_has_prefix(n->filename, "blkdebug:") || !(colon = strchr(rest, ':'))) {
        return NULL;
    }
    if (colon > rest && !block_dict_get(d, "config")) {
        g_autofree char *config = g_strndup(rest, colon - rest);

        block_dict_set(d, "config", config);
    }
    return g_strdup(colon + 1);
}

static bool open_image(BlockNode *n, BlockDict *d, const BlockOpenOptions *o, Error **errp)
{
    g_autofree char *image = parse_name(n, d);
    BlockOpenOptions below = *o;

    below.dict = NULL;
    below.format = NULL;
    if (image) {
        n->file = block_open_protocol(image, &below, errp);
        return n->file;
    }
    if (!block_open_child(d, "image", &below, &n->file, errp)) {
        return false;
    }
    if (!n->file) {
        error_set(errp, "A block device must be specified for \"image\"");
    }
    return n->file;
}

static bool blkdebug_open(BlockNode *n, const BlockOpenOptions *o, Error **errp)
{
    g_autoptr(GHashTable) own = block_dict_new();
    BlockDict *d = o->dict ? o->dict : own;
    g_autofree char *config = NULL;
    Blkdebug *s = n->state;
    bool ok;

    s->state = 1;
    s->rules = g_array_new(FALSE, TRUE, sizeof(Rule));
    ok = open_image(n, d, o, errp);
    config = block_dict_take(d, "config");
    ok = ok && (!config || rules_from_file(s, config, errp)) && rules_from_options(s, false, d, errp) &&
         rules_from_options(s, true, d, errp);
    if (!ok) {
        block_unref(n->file);
        blkdebug_close(n);
        return false;
    }
    n->size = block_size(n->file);
    n->readonly = n->file->readonly;
    return true;
}

static int blkdebug_status(BlockNode *n, uint64_t offset, uint64_t bytes, BlockStatus *st)
{
    return block_status(n->file, offset, bytes, st);
}

static bool blkdebug_truncate(BlockNode *n, uint64_t size, BlockPrealloc prealloc, Error **errp)
{
    if (!block_truncate(n->file, size, prealloc, errp)) {
        return false;
    }
    n->size = block_size(n->file);
    return true;
}

static uint64_t blkdebug_allocated_size(BlockNode *n)
{
    return block_allocated_size(n->file);
}

static const BlockDriver blkdebug_driver = {
    .name = "blkdebug", .is_protocol = true, .state_size = sizeof(Blkdebug), .open = blkdebug_open,
    .close = blkdebug_close, .co_run = blkdebug_co_run, .event = blkdebug_event, .status = blkdebug_status,
    .truncate = blkdebug_truncate, .allocated_size = blkdebug_allocated_size,
};
BLOCK_DRIVER(blkdebug_driver)
