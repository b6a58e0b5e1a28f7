/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Command lines as data: the engine behind tables of options and of keys (see qemu/option.h for the grammar).
 *
 * Left out: reading options from files, and arguments in JSON.
 */
#include "qemu/osdep.h"
#include "qemu/option.h"

/* ---- numbers ------------------------------------------------------------------------------------------------- */

#define SIZE_SUFFIXES "bkmgtpe"     /* each 1024 times the one before */

/* "1.5" in units of unit bytes, exactly and rounded down; false when it does not fit. */
static bool scale_decimal(const char *digits, size_t n_int, const char *fraction, size_t n_frac, uint64_t unit,
                          uint64_t *out)
{
    unsigned __int128 whole = 0, part = 0, divisor = 1;

    for (size_t i = 0; i < n_int; i++) {
        whole = whole * 10 + (unsigned)(digits[i] - '0');
        if (whole > UINT64_MAX) {
            return false;
        }
    }
    /* Beyond 18 digits a fraction is below the resolution of any unit. */
    for (size_t i = 0; i < MIN(n_frac, 18); i++) {
        part = part * 10 + (unsigned)(fraction[i] - '0');
        divisor *= 10;
    }
    whole = whole * unit + part * unit / divisor;
    if (whole > UINT64_MAX) {
        return false;
    }
    *out = (uint64_t)whole;
    return true;
}

static bool scale_hex(const char *digits, size_t n, uint64_t unit, uint64_t *out)
{
    unsigned __int128 v = 0;

    for (size_t i = 0; i < n; i++) {
        v = v * 16 + (unsigned)g_ascii_xdigit_value(digits[i]);
        if (v > UINT64_MAX) {
            return false;
        }
    }
    v *= unit;
    *out = (uint64_t)v;
    return v <= UINT64_MAX;
}

bool parse_size(const char *text, uint64_t unit, uint64_t *out, Error **errp)
{
    bool is_hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const char *digits = is_hex ? text + 2 : text, *fraction = NULL;
    /* In hex, 'b' and 'e' are digits. */
    size_t n_int = strspn(digits, is_hex ? "0123456789abcdefABCDEF" : "0123456789"), n_frac = 0;
    const char *p = digits + n_int, *suffix;
    uint64_t value = 0;

    if (n_int > 0 && !is_hex && *p == '.') {
        fraction = p + 1;
        n_frac = strspn(fraction, "0123456789");
        p = fraction + n_frac;
    }
    if (n_int == 0 || (fraction && n_frac == 0)) {
        goto bad;
    }
    if (*p) {
        suffix = strchr(SIZE_SUFFIXES, g_ascii_tolower(*p));
        if (!suffix || p[1]) {
            goto bad;
        }
        unit = 1ull << (10 * (suffix - SIZE_SUFFIXES));
    }
    if (!(is_hex ? scale_hex(digits, n_int, unit, &value)
                 : scale_decimal(digits, n_int, fraction, n_frac, unit, &value))) {
        error_set(errp, "size '%s' does not fit 64 bits", text);
        errno = ERANGE;
        return false;
    }
    *out = value;
    return true;

bad:
    error_set(errp, "'%s' is not a size: expected a number and an optional suffix k, M, G, T, P or E", text);
    errno = EINVAL;
    return false;
}

bool parse_uint(const char *text, uint64_t min, uint64_t max, uint64_t *out, Error **errp)
{
    char *end;
    uint64_t v;

    errno = 0;
    v = strtoull(text, &end, 0);
    if (!g_ascii_isdigit(text[0]) || *end) {    /* strtoull() itself would take blanks and a sign */
        error_set(errp, "'%s' is not a number", text);
        return false;
    }
    if (errno == ERANGE || v < min || v > max) {
        error_set(errp, "%s is outside %" PRIu64 " to %" PRIu64, text, min, max);
        return false;
    }
    *out = v;
    return true;
}

bool parse_bool(const char *text, bool *out, Error **errp)
{
    static const char *const words[2][4] = { { "off", "no", "false", "n" }, { "on", "yes", "true", "y" } };

    for (unsigned v = 0; v < 2; v++) {
        for (unsigned i = 0; i < ARRAY_SIZE(words[v]); i++) {
            if (g_str_equal(text, words[v][i])) {
                *out = v;
                return true;
            }
        }
    }
    error_set(errp, "'%s' is neither 'on' nor 'off'", text);
    return false;
}

bool option_check_id(const char *id, Error **errp)
{
    if (g_ascii_isalpha(*id) && !id[strspn(id, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-._")]) {
        return true;
    }
    error_set(errp, "Parameter 'id' expects an identifier");
    error_append_hint(errp, "Identifiers consist of letters, digits, '-', '.', '_', starting with a letter.");
    return false;
}

/* ---- key=value lists ------------------------------------------------------------------------------------------- */

static const KeyDef *key_find(const KeyDef *defs, const char *name)
{
    for (const KeyDef *d = defs; d && d->name; d++) {
        if (g_str_equal(d->name, name)) {
            return d;
        }
    }
    return NULL;
}

static bool is_one_of(const char *alternatives, const char *value)
{
    g_auto(GStrv) words = g_strsplit(alternatives, "|", -1);

    return g_strv_contains((const char *const *)words, value);
}

static bool key_check(const KeyDef *d, const char *value, Error **errp)
{
    uint64_t number;
    bool flag, ok = true;

    switch (d->kind) {
    case KEY_BOOL:
        ok = parse_bool(value, &flag, errp);
        break;
    case KEY_UINT:
        ok = parse_uint(value, 0, UINT64_MAX, &number, errp);
        break;
    case KEY_SIZE:
        ok = parse_size(value, d->unit ? d->unit : 1, &number, errp);
        break;
    case KEY_STRING:
        if (d->values && !is_one_of(d->values, value)) {
            error_set(errp, "parameter '%s' does not accept value '%s', only %s", d->name, value, d->values);
            return false;
        }
        break;
    }
    if (!ok) {
        error_prepend(errp, "parameter '%s': ", d->name);
    }
    return ok;
}

GStrv option_split_commas(const char *text)
{
    g_autoptr(GPtrArray) parts = g_ptr_array_new();
    GString *cur = g_string_new(NULL);

    for (const char *p = text; *p; p++) {
        if (*p == ',' && p[1] != ',') {
            g_ptr_array_add(parts, g_string_free(cur, FALSE));
            cur = g_string_new(NULL);
            continue;
        }
        p += *p == ',';
        g_string_append_c(cur, *p);
    }
    g_ptr_array_add(parts, g_string_free(cur, FALSE));
    g_ptr_array_add(parts, NULL);
    return (GStrv)g_ptr_array_free(g_steal_pointer(&parts), FALSE);
}

static bool is_help(const char *word)
{
    return g_str_equal(word, "help") || g_str_equal(word, "?");
}

static void keylist_add(KeyList *l, const char *key, const char *value)
{
    l->items = g_renew(KeyValue, l->items, l->n + 1);
    l->items[l->n++] = (KeyValue){ g_strdup(key), g_strdup(value) };
}

/* An item without '=': a switch turned on, or off when its name has "no" in front. */
static bool add_bare(KeyList *l, const char *item, Error **errp)
{
    const KeyDef *d = key_find(l->defs, item);

    if (!l->defs || is_help(item) || (d && d->kind == KEY_BOOL)) {
        keylist_add(l, item, "on");
        return true;
    }
    if (d) {
        error_set(errp, "parameter '%s' needs a value: %s=...", item, item);
        return false;
    }
    d = g_str_has_prefix(item, "no") ? key_find(l->defs, item + 2) : NULL;
    if (d && d->kind == KEY_BOOL) {
        keylist_add(l, d->name, "off");
        return true;
    }
    error_set(errp, "invalid parameter '%s'", item);
    return false;
}

static bool add_pair(KeyList *l, const char *key, const char *value, Error **errp)
{
    const KeyDef *d = key_find(l->defs, key);

    if (l->defs && !d) {
        error_set(errp, "invalid parameter '%s'", key);
        return false;
    }
    if (d && !is_help(value) && !key_check(d, value, errp)) {
        return false;
    }
    keylist_add(l, key, value);
    return true;
}

KeyList *keylist_parse(const char *text, const char *implied, const KeyDef *defs, Error **errp)
{
    g_autoptr(KeyList) l = g_new0(KeyList, 1);
    g_auto(GStrv) items = option_split_commas(text);

    l->defs = defs;
    for (char **p = items; *p && (**p || p[1]); p++) {      /* nothing behind a last comma is no item */
        char *item = *p, *eq = strchr(item, '=');
        bool ok;

        if (eq) {
            *eq = '\0';
            ok = add_pair(l, item, eq + 1, errp);
        } else if (p == items && implied) {
            ok = add_pair(l, implied, item, errp);
        } else if (!*item) {
            error_set(errp, "empty item in the list of parameters");
            ok = false;
        } else {
            ok = add_bare(l, item, errp);
        }
        if (!ok) {
            return NULL;
        }
    }
    return g_steal_pointer(&l);
}

void keylist_free(KeyList *l)
{
    if (!l) {
        return;
    }
    for (size_t i = 0; i < l->n; i++) {
        g_free(l->items[i].key);
        g_free(l->items[i].value);
    }
    g_free(l->items);
    g_free(l);
}

const char *keylist_get(const KeyList *l, const char *key)
{
    for (size_t i = l->n; i-- > 0;) {
        if (g_str_equal(l->items[i].key, key)) {
            return l->items[i].value;
        }
    }
    return NULL;
}

bool keylist_get_bool(const KeyList *l, const char *key, bool def)
{
    const char *v = keylist_get(l, key);

    if (v) {
        parse_bool(v, &def, &error_abort);      /* checked by keylist_parse() */
    }
    return def;
}

uint64_t keylist_get_uint(const KeyList *l, const char *key, uint64_t def)
{
    const KeyDef *d = key_find(l->defs, key);
    const char *v = keylist_get(l, key);

    assert(d && (d->kind == KEY_UINT || d->kind == KEY_SIZE));
    if (v && d->kind == KEY_SIZE) {
        parse_size(v, d->unit ? d->unit : 1, &def, &error_abort);
    } else if (v) {
        parse_uint(v, 0, UINT64_MAX, &def, &error_abort);
    }
    return def;
}

bool keylist_wants_help(const KeyList *l)
{
    for (size_t i = 0; i < l->n; i++) {
        if (is_help(l->items[i].key) || (i == 0 && is_help(l->items[i].value))) {
            return true;
        }
    }
    return false;
}

/* ---- options --------------------------------------------------------------------------------------------------- */

static bool row_ends(const OptionDef *o)
{
    return !o->name && !o->group;
}

static const OptionDef *option_find(const OptionDef *table, const char *name)
{
    for (const OptionDef *o = table; !row_ends(o); o++) {
        if (o->name && (g_str_equal(o->name, name) || (o->alias && g_str_equal(o->alias, name)))) {
            return o;
        }
    }
    return NULL;
}

/* Insertions, deletions, replacements and swaps of neighbours between a and b (optimal string alignment). */
static unsigned edit_distance(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b), w = lb + 1;
    g_autofree unsigned *d = g_new(unsigned, (la + 1) * w);

    for (size_t i = 0; i <= la; i++) {
        for (size_t j = 0; j <= lb; j++) {
            unsigned best;

            if (i == 0 || j == 0) {
                d[i * w + j] = (unsigned)(i + j);
                continue;
            }
            best = d[(i - 1) * w + j - 1] + (a[i - 1] != b[j - 1]);
            best = MIN(best, d[(i - 1) * w + j] + 1);
            best = MIN(best, d[i * w + j - 1] + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                best = MIN(best, d[(i - 2) * w + j - 2] + 1);
            }
            d[i * w + j] = best;
        }
    }
    return d[la * w + lb];
}

const char *options_nearest(const OptionDef *table, const char *name)
{
    size_t len = strlen(name);
    /* A third of the letters may be wrong, one always: farther away it is a guess and no help. */
    unsigned best = (unsigned)MAX(1, len / 3) + 1;
    const char *found = NULL;

    if (len > 64) {
        return NULL;
    }
    for (const OptionDef *o = table; !row_ends(o); o++) {
        const char *const spellings[] = { o->name, o->alias };

        for (unsigned i = 0; i < ARRAY_SIZE(spellings); i++) {
            unsigned d = spellings[i] ? edit_distance(name, spellings[i]) : best;

            /* A one-letter option is one edit away from any other letter. */
            if (d < best && d < len) {
                best = d;
                found = spellings[i];
            }
        }
    }
    return found;
}

static void error_invalid_option(const OptionDef *table, const char *word, const char *name, Error **errp)
{
    const char *nearest = options_nearest(table, name);

    if (nearest) {
        error_set(errp, "%s: invalid option, did you mean '-%s'?", word, nearest);
    } else {
        error_set(errp, "%s: invalid option, '-help' lists all", word);
    }
}

static bool option_apply(const OptionDef *o, void *dest, const char *arg, Error **errp)
{
    switch (o->kind) {
    case OPTION_FN:
        return o->fn(dest, arg, errp);
    case OPTION_FLAG:
        *(bool *)((char *)dest + o->offset) = true;
        return true;
    case OPTION_STRING:
        *(const char **)((char *)dest + o->offset) = arg;
        return true;
    case OPTION_REFUSED:
        error_set(errp, "not supported by this version");
        return false;
    }
    g_assert_not_reached();
}

bool options_parse(const OptionDef *table, void *dest, int argc, char **argv, OptionFn *positional, Error **errp)
{
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i], *arg = NULL;
        const char *name = word + strspn(word, "-");
        const OptionDef *o;

        if (word[0] != '-') {
            error_set_location(NULL, NULL);
            if (!positional(dest, word, errp)) {
                return false;
            }
            continue;
        }
        o = name - word <= 2 && *name ? option_find(table, name) : NULL;
        if (!o) {
            error_set_location(NULL, NULL);
            error_invalid_option(table, word, name, errp);
            return false;
        }
        error_set_location(word, NULL);
        if (o->arg) {
            /* What is refused is refused before its argument is asked for. */
            if (i + 1 == argc && o->kind != OPTION_REFUSED) {
                error_set(errp, "requires an argument: %s %s", word, o->arg);
                return false;
            }
            arg = argv[++i];
            error_set_location(word, arg);
        }
        if (!option_apply(o, dest, arg, errp)) {
            return false;
        }
    }
    error_set_location(NULL, NULL);
    return true;
}

/* ---- help and manual ------------------------------------------------------------------------------------------- */

#define HELP_INDENT 16
#define HELP_WIDTH  79

/* Prints words wrapped, each line indented; starts at column, which is within the indentation or ends the line. */
static void print_wrapped(FILE *f, const char *text, int column)
{
    while (*text) {
        int len = (int)strcspn(text, " \n");

        if (column > HELP_INDENT && column + 1 + len > HELP_WIDTH) {
            fputc('\n', f);
            column = 0;
        }
        if (column < HELP_INDENT) {
            fprintf(f, "%*s", HELP_INDENT - column, "");
            column = HELP_INDENT;
        } else if (column > HELP_INDENT) {
            fputc(' ', f);
            column++;
        }
        fwrite(text, 1, (size_t)len, f);
        column += len;
        text += len;
        if (*text == '\n') {
            fputc('\n', f);
            column = 0;
        }
        text += *text != '\0';
    }
    fputc('\n', f);
}

/* "name=a|b" or "name=on|off", as both lists show a key. */
static char *key_syntax(const KeyDef *k)
{
    static const char *const kinds[] = {
        [KEY_STRING] = "text", [KEY_BOOL] = "on|off", [KEY_UINT] = "number", [KEY_SIZE] = "size",
    };

    return g_strdup_printf("%s=%s", k->name, k->values ? k->values : kinds[k->kind]);
}

void options_print_help(const OptionDef *table, FILE *f)
{
    for (const OptionDef *o = table; !row_ends(o); o++) {
        int column;

        if (!o->name) {
            fprintf(f, "\n%s:\n", o->group);
        }
        if (!o->name || !o->help) {
            continue;
        }
        column = fprintf(f, "-%s", o->name);
        if (o->alias) {
            column += fprintf(f, ", -%s", o->alias);
        }
        if (o->arg) {
            column += fprintf(f, " %s", o->arg);
        }
        if (column >= HELP_INDENT) {
            fputc('\n', f);
            column = 0;
        }
        print_wrapped(f, o->help, column);
        for (const KeyDef *k = o->keys; k && k->name; k++) {
            g_autofree char *syntax = key_syntax(k);
            g_autofree char *line = g_strdup_printf("%s: %s", syntax, k->help);

            print_wrapped(f, line, 0);
        }
    }
}

/* Text for troff: backslashes, dashes, and dots and quotes that would start a request. */
static void man_text(FILE *f, const char *text)
{
    bool line_start = true;

    for (; *text; text++) {
        if (line_start && (*text == '.' || *text == '\'')) {
            fputs("\\&", f);
        }
        line_start = *text == '\n';
        if (*text == '\\') {
            fputs("\\e", f);
        } else if (*text == '-') {
            fputs("\\-", f);
        } else if (*text == '\n') {
            fputs("\n.br\n", f);
        } else {
            fputc(*text, f);
        }
    }
}

void options_print_man(const OptionDef *table, FILE *f)
{
    for (const OptionDef *o = table; !row_ends(o); o++) {
        if (!o->name) {
            fputs(".SS ", f);
            man_text(f, o->group);
            fputc('\n', f);
        }
        if (!o->name || !o->help) {
            continue;
        }
        fputs(".TP\n\\fB\\-", f);
        man_text(f, o->name);
        if (o->alias) {
            fputs("\\fR, \\fB\\-", f);
            man_text(f, o->alias);
        }
        fputs("\\fR", f);
        if (o->arg) {
            fputs(" \\fI", f);
            man_text(f, o->arg);
            fputs("\\fR", f);
        }
        fputc('\n', f);
        man_text(f, o->help);
        fputc('\n', f);
        for (const KeyDef *k = o->keys; k && k->name; k++) {
            g_autofree char *syntax = key_syntax(k);

            fprintf(f, k == o->keys ? ".RS\n.TP\n\\fB" : ".TP\n\\fB");
            man_text(f, syntax);
            fputs("\\fR\n", f);
            man_text(f, k->help);
            fputs(k[1].name ? "\n" : "\n.RE\n", f);
        }
    }
}
