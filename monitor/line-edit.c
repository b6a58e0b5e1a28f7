/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Line editor: cursor, deletion, history, completion
 *
 * What it sends after a key: cursor back to the start of the line, the line, "erase to the end", cursor back to its
 * place; for mere movements only these. Programs that drive monitors expect an echo of this form. The keys are those of
 * ANSI terminals (ECMA-48, "CURSOR LEFT" and so on) and the control characters Emacs users know: the tables below.
 */
#include "qemu/osdep.h"
#include "line-edit.h"

#define COLUMNS         80
#define COLUMN_MIN      10
#define CTRL(c)         ((c) & 0x1f)
#define ESC             0x1b
#define DEL             0x7f

typedef enum KeyState { KEY_PLAIN, KEY_ESC, KEY_CSI } KeyState;

struct LineEdit {
    const LineEditOps *ops;
    void *opaque;
    char *prompt;
    char line[LINE_MAX_LEN + 1];
    unsigned len, cursor;
    KeyState state;
    unsigned csi_param;
    bool after_cr;              /* a line feed now belongs to the carriage return before */
    GPtrArray *history;         /* char *, oldest first */
    unsigned history_at;        /* == history->len: the line that is being typed */
    char *typed;                /* that line, while an older one is shown */
};

static void put(LineEdit *e, const char *text)
{
    e->ops->output(e->opaque, text, strlen(text));
}

static void put_times(LineEdit *e, const char *text, unsigned n)
{
    g_autoptr(GString) s = g_string_new(NULL);

    while (n--) {
        g_string_append(s, text);
    }
    put(e, s->str);
}

/* The terminal shows a line with its cursor at shown_at: now show ours. */
static void redraw(LineEdit *e, unsigned shown_at)
{
    put_times(e, "\033[D", shown_at);
    e->ops->output(e->opaque, e->line, e->len);
    put(e, "\033[K");
    put_times(e, "\033[D", e->len - e->cursor);
}

static void move_to(LineEdit *e, unsigned cursor)
{
    if (cursor < e->cursor) {
        put_times(e, "\033[D", e->cursor - cursor);
    } else {
        put_times(e, "\033[C", cursor - e->cursor);
    }
    e->cursor = cursor;
}

static void insert(LineEdit *e, const char *text, unsigned n)
{
    unsigned shown_at = e->cursor;

    if (n > LINE_MAX_LEN - e->len) {
        return;
    }
    memmove(e->line + e->cursor + n, e->line + e->cursor, e->len - e->cursor + 1);
    memcpy(e->line + e->cursor, text, n);
    e->len += n;
    e->cursor += n;
    redraw(e, shown_at);
}

/* Removes [from, cursor), or [cursor, from). */
static void erase(LineEdit *e, unsigned from)
{
    unsigned shown_at = e->cursor, lo = MIN(from, e->cursor), hi = MAX(from, e->cursor);

    if (lo != hi) {
        memmove(e->line + lo, e->line + hi, e->len - hi + 1);
        e->len -= hi - lo;
        e->cursor = lo;
        redraw(e, shown_at);
    }
}

static void replace(LineEdit *e, const char *text)
{
    unsigned shown_at = e->cursor;

    g_strlcpy(e->line, text, sizeof(e->line));
    e->len = e->cursor = strlen(e->line);
    redraw(e, shown_at);
}

/* ---- history ----------------------------------------------------------------------------------------------------- */

static void history_add(LineEdit *e, const char *line)
{
    for (unsigned i = 0; i < e->history->len; i++) {
        if (!strcmp(g_ptr_array_index(e->history, i), line)) {
            g_ptr_array_remove_index(e->history, i);
            break;
        }
    }
    if (e->history->len == HISTORY_MAX) {
        g_ptr_array_remove_index(e->history, 0);
    }
    g_ptr_array_add(e->history, g_strdup(line));
}

const char *line_edit_history(const LineEdit *e, unsigned n)
{
    return n < e->history->len ? g_ptr_array_index(e->history, n) : NULL;
}

static void key_older(LineEdit *e)
{
    if (e->history_at == 0) {
        return;
    }
    if (e->history_at == e->history->len) {
        g_free(e->typed);
        e->typed = g_strdup(e->line);
    }
    replace(e, g_ptr_array_index(e->history, --e->history_at));
}

static void key_newer(LineEdit *e)
{
    if (e->history_at < e->history->len) {
        e->history_at++;
        replace(e, e->history_at < e->history->len ? g_ptr_array_index(e->history, e->history_at) : e->typed);
    }
}

/* ---- completion -------------------------------------------------------------------------------------------------- */

static unsigned common_prefix(const GPtrArray *list)
{
    const char *first = g_ptr_array_index(list, 0);
    unsigned n = strlen(first);

    for (unsigned i = 1; i < list->len; i++) {
        const char *other = g_ptr_array_index(list, i);
        unsigned same = 0;

        while (same < n && first[same] == other[same]) {
            same++;
        }
        n = same;
    }
    return n;
}

static void list_candidates(LineEdit *e, const GPtrArray *list)
{
    unsigned width = COLUMN_MIN, per_line;

    for (unsigned i = 0; i < list->len; i++) {
        width = MAX(width, strlen(g_ptr_array_index(list, i)) + 2);
    }
    per_line = MAX(COLUMNS / width, 1u);
    put(e, "\n");
    for (unsigned i = 0; i < list->len; i++) {
        g_autofree char *cell = g_strdup_printf("%-*s", (int)width, (const char *)g_ptr_array_index(list, i));

        put(e, cell);
        if (i % per_line == per_line - 1 || i == list->len - 1) {
            put(e, "\n");
        }
    }
    put(e, e->prompt);
    redraw(e, 0);
}

static gint compare_strings(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void key_complete(LineEdit *e)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *before = g_strndup(e->line, e->cursor);
    const char *word = strrchr(before, ' ');
    unsigned word_len = strlen(word ? word + 1 : before), n;

    e->ops->complete(e->opaque, before, list);
    if (!list->len) {
        return;
    }
    g_ptr_array_sort(list, compare_strings);
    n = common_prefix(list);
    if (list->len == 1) {
        const char *only = g_ptr_array_index(list, 0);
        g_autofree char *rest = g_strconcat(only + MIN(word_len, n), g_str_has_suffix(only, "/") ? "" : " ", NULL);

        insert(e, rest, strlen(rest));
    } else if (n > word_len) {
        insert(e, (const char *)g_ptr_array_index(list, 0) + word_len, n - word_len);
    } else {
        list_candidates(e, list);
    }
}

/* ---- keys -------------------------------------------------------------------------------------------------------- */

static void key_home(LineEdit *e)
{
    move_to(e, 0);
}

static void key_end(LineEdit *e)
{
    move_to(e, e->len);
}

static void key_left(LineEdit *e)
{
    move_to(e, e->cursor ? e->cursor - 1 : 0);
}

static void key_right(LineEdit *e)
{
    move_to(e, MIN(e->cursor + 1, e->len));
}

static void key_delete(LineEdit *e)
{
    erase(e, MIN(e->cursor + 1, e->len));
}

static void key_backspace(LineEdit *e)
{
    erase(e, e->cursor ? e->cursor - 1 : 0);
}

static void key_erase_word(LineEdit *e)
{
    unsigned from = e->cursor;

    while (from && e->line[from - 1] == ' ') {
        from--;
    }
    while (from && e->line[from - 1] != ' ') {
        from--;
    }
    erase(e, from);
}

static void key_erase_before(LineEdit *e)
{
    erase(e, 0);
}

static void key_erase_after(LineEdit *e)
{
    erase(e, e->len);
}

static void key_clear(LineEdit *e)
{
    put(e, "\033[2J\033[1;1H");
    put(e, e->prompt);
    redraw(e, 0);
}

static void key_enter(LineEdit *e)
{
    g_autofree char *line = g_strdup(e->line);

    put(e, "\n");
    if (*line) {
        history_add(e, line);
    }
    e->len = e->cursor = 0;
    e->line[0] = '\0';
    e->history_at = e->history->len;
    e->ops->accept(e->opaque, line);
}

static const struct {
    uint8_t byte;
    void (*fn)(LineEdit *e);
} plain_keys[] = {
    { CTRL('A'), key_home }, { CTRL('B'), key_left }, { CTRL('D'), key_delete }, { CTRL('E'), key_end },
    { CTRL('F'), key_right }, { CTRL('H'), key_backspace }, { '\t', key_complete }, { CTRL('K'), key_erase_after },
    { CTRL('L'), key_clear }, { CTRL('N'), key_newer }, { CTRL('P'), key_older }, { CTRL('U'), key_erase_before },
    { CTRL('W'), key_erase_word }, { DEL, key_backspace },
};

/* ESC [ parameter final; ESC O final is the same from a terminal in application mode. */
static const struct {
    uint8_t final;
    unsigned param;
    void (*fn)(LineEdit *e);
} csi_keys[] = {
    { 'A', 0, key_older }, { 'B', 0, key_newer }, { 'C', 0, key_right }, { 'D', 0, key_left }, { 'H', 0, key_home },
    { 'F', 0, key_end }, { '~', 1, key_home }, { '~', 3, key_delete }, { '~', 4, key_end }, { '~', 7, key_home },
    { '~', 8, key_end },
};

static void plain_key(LineEdit *e, uint8_t byte)
{
    char c = (char)byte;

    for (size_t i = 0; i < ARRAY_SIZE(plain_keys); i++) {
        if (plain_keys[i].byte == byte) {
            plain_keys[i].fn(e);
            return;
        }
    }
    if (byte == ESC) {
        e->state = KEY_ESC;
    } else if (byte >= ' ') {
        insert(e, &c, 1);
    }
}

static void csi_key(LineEdit *e, uint8_t byte)
{
    if (g_ascii_isdigit(byte)) {
        e->csi_param = MIN(e->csi_param * 10 + (byte - '0'), 1000u);
        return;
    }
    if (byte == ';') {          /* modifiers follow: a key with Ctrl held is none of ours */
        e->csi_param = 1000;
        return;
    }
    e->state = KEY_PLAIN;
    for (size_t i = 0; i < ARRAY_SIZE(csi_keys); i++) {
        if (csi_keys[i].final == byte && csi_keys[i].param == e->csi_param) {
            csi_keys[i].fn(e);
            return;
        }
    }
}

void line_edit_key(LineEdit *e, uint8_t byte)
{
    bool second_half = byte == '\n' && e->after_cr;

    e->after_cr = byte == '\r';
    if (byte == '\r' || byte == '\n') {
        e->state = KEY_PLAIN;
        if (!second_half) {
            key_enter(e);
        }
        return;
    }
    switch (e->state) {
    case KEY_PLAIN:
        plain_key(e, byte);
        break;
    case KEY_ESC:
        e->csi_param = 0;
        e->state = byte == '[' || byte == 'O' ? KEY_CSI : KEY_PLAIN;
        break;
    case KEY_CSI:
        csi_key(e, byte);
        break;
    }
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

LineEdit *line_edit_new(const char *prompt, const LineEditOps *ops, void *opaque)
{
    LineEdit *e = g_new0(LineEdit, 1);

    e->ops = ops;
    e->opaque = opaque;
    e->prompt = g_strdup(prompt);
    e->history = g_ptr_array_new_with_free_func(g_free);
    return e;
}

void line_edit_free(LineEdit *e)
{
    if (e) {
        g_ptr_array_unref(e->history);
        g_free(e->typed);
        g_free(e->prompt);
        g_free(e);
    }
}

void line_edit_start(LineEdit *e)
{
    put(e, e->prompt);
    if (e->len) {
        redraw(e, 0);
    }
}

void line_edit_reset(LineEdit *e)
{
    g_ptr_array_set_size(e->history, 0);
    e->history_at = e->len = e->cursor = 0;
    e->line[0] = '\0';
    e->state = KEY_PLAIN;
    e->after_cr = false;
}
