/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Dictionaries of node options, and the two syntaxes they come from. JSON: RFC 8259. */
#include "qemu/osdep.h"
#include "block/options.h"
#include "qemu/option.h"

#define JSON_DEPTH_MAX 64

/* ---- dictionaries ------------------------------------------------------------------------------------------------ */

BlockDict *block_dict_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

void block_dict_set(BlockDict *d, const char *key, const char *value)
{
    g_hash_table_replace(d, g_strdup(key), g_strdup(value));
}

const char *block_dict_get(BlockDict *d, const char *key)
{
    return d ? g_hash_table_lookup(d, key) : NULL;
}

char *block_dict_take(BlockDict *d, const char *key)
{
    char *value = g_strdup(block_dict_get(d, key));

    if (value) {
        g_hash_table_remove(d, key);
    }
    return value;
}

bool block_dict_take_bool(BlockDict *d, const char *key, bool *out, Error **errp)
{
    g_autofree char *value = block_dict_take(d, key);

    if (value && g_str_equal(value, "on")) {
        *out = true;
    } else if (value && g_str_equal(value, "off")) {
        *out = false;
    } else if (value) {
        error_set(errp, "Parameter '%s' expects 'on' or 'off'", key);
        return false;
    }
    return true;
}

bool block_dict_take_size(BlockDict *d, const char *key, uint64_t *out, Error **errp)
{
    g_autofree char *value = block_dict_take(d, key);

    if (value && !parse_size(value, 1, out, NULL)) {
        error_set(errp, "Parameter '%s' expects a non-negative number below 2^64", key);
        error_append_hint(errp, "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\n"
                          "and exabytes, respectively.");
        return false;
    }
    return true;
}

BlockDict *block_dict_take_sub(BlockDict *d, const char *prefix)
{
    g_autofree char *start = g_strconcat(prefix, ".", NULL);
    BlockDict *sub = NULL;
    GHashTableIter iter;
    gpointer key, value;

    if (!d) {
        return NULL;
    }
    g_hash_table_iter_init(&iter, d);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        if (g_str_has_prefix(key, start)) {
            sub = sub ? sub : block_dict_new();
            block_dict_set(sub, (char *)key + strlen(start), value);
            g_hash_table_iter_remove(&iter);
        }
    }
    return sub;
}

bool block_dict_all_used(BlockDict *d, Error **errp)
{
    GHashTableIter iter;
    gpointer key;

    if (!d) {
        return true;
    }
    g_hash_table_iter_init(&iter, d);
    if (g_hash_table_iter_next(&iter, &key, NULL)) {
        error_set(errp, "Block driver does not support the option '%s'", (char *)key);
        return false;
    }
    return true;
}

/* ---- key=value --------------------------------------------------------------------------------------------------- */

bool block_dict_parse_keys(BlockDict *d, const char *text, Error **errp)
{
    g_autoptr(KeyList) l = keylist_parse(text, NULL, NULL, errp);

    for (size_t i = 0; l && i < l->n; i++) {
        block_dict_set(d, l->items[i].key, l->items[i].value);
    }
    return l;
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

typedef struct Json {
    const char *at;
    BlockDict *dict;
    GString *path;              /* of the value that comes next */
    unsigned depth;
    Error **errp;
} Json;

static bool json_value(Json *j);

static bool json_fail(Json *j, const char *what)
{
    error_set(j->errp, "Could not parse the JSON options: JSON parse error, %s", what);
    return false;
}

static char json_peek(Json *j)
{
    while (*j->at && strchr(" \t\r\n", *j->at)) {
        j->at++;
    }
    return *j->at;
}

static bool json_take(Json *j, char c)
{
    if (json_peek(j) != c) {
        return false;
    }
    j->at++;
    return true;
}

static bool json_hex4(Json *j, gunichar *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++) {
        int digit = g_ascii_xdigit_value(*j->at);

        if (digit < 0) {
            return json_fail(j, "bad escape in a string");
        }
        *out = *out << 4 | digit;
        j->at++;
    }
    return true;
}

static bool json_escape(Json *j, GString *s)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char *at = *j->at ? strchr(names, *j->at) : NULL;
    gunichar c, low;

    if (at) {
        g_string_append_c(s, values[at - names]);
        j->at++;
        return true;
    }
    if (*j->at++ != 'u') {
        return json_fail(j, "bad escape in a string");
    }
    if (!json_hex4(j, &c)) {
        return false;
    }
    if (c >= 0xd800 && c < 0xdc00 && j->at[0] == '\\' && j->at[1] == 'u') {
        j->at += 2;
        if (!json_hex4(j, &low)) {
            return false;
        }
        c = 0x10000 + ((c - 0xd800) << 10) + (low & 0x3ff);
    }
    if (!c || !g_unichar_validate(c)) {
        return json_fail(j, "bad character in a string");
    }
    g_string_append_unichar(s, c);
    return true;
}

static bool json_string(Json *j, GString *s)
{
    char quote = json_peek(j);

    if (quote != '"' && quote != '\'') {
        return json_fail(j, "a string is missing");
    }
    j->at++;
    while (*j->at && *j->at != quote) {
        if (*j->at != '\\') {
            g_string_append_c(s, *j->at++);
            continue;
        }
        j->at++;
        if (!json_escape(j, s)) {
            return false;
        }
    }
    return *j->at++ == quote || (j->at--, json_fail(j, "a string does not end"));
}

static bool json_member(Json *j, const char *name)
{
    size_t len = j->path->len;
    bool ok;

    if (len) {
        g_string_append_c(j->path, '.');
    }
    g_string_append(j->path, name);
    ok = json_value(j);
    g_string_truncate(j->path, len);
    return ok;
}

static bool json_object(Json *j)
{
    if (json_take(j, '}')) {
        return true;
    }
    do {
        g_autoptr(GString) name = g_string_new(NULL);

        if (!json_string(j, name)) {
            return false;
        }
        if (!json_take(j, ':')) {
            return json_fail(j, "':' is missing");
        }
        if (!json_member(j, name->str)) {
            return false;
        }
    } while (json_take(j, ','));
    return json_take(j, '}') || json_fail(j, "'}' is missing");
}

static bool json_array(Json *j)
{
    unsigned n = 0;

    if (json_take(j, ']')) {
        return true;
    }
    do {
        g_autofree char *index = g_strdup_printf("%u", n++);

        if (!json_member(j, index)) {
            return false;
        }
    } while (json_take(j, ','));
    return json_take(j, ']') || json_fail(j, "']' is missing");
}

static bool json_word(Json *j)
{
    static const char *const words[][2] = { { "true", "on" }, { "false", "off" }, { "null", "" } };
    size_t len = strspn(j->at, "+-.0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_");
    g_autofree char *word = g_strndup(j->at, len), *what = NULL;

    for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
        if (g_str_equal(word, words[i][0])) {
            block_dict_set(j->dict, j->path->str, words[i][1]);
            j->at += len;
            return true;
        }
    }
    if (!len || !(g_ascii_isdigit(*word) || *word == '-')) {
        what = g_strdup_printf("invalid keyword '%s'", word);
        return json_fail(j, what);
    }
    block_dict_set(j->dict, j->path->str, word);
    j->at += len;
    return true;
}

static bool json_value(Json *j)
{
    bool ok;

    if (++j->depth > JSON_DEPTH_MAX) {
        return json_fail(j, "nested too deeply");
    }
    if (json_take(j, '{')) {
        ok = json_object(j);
    } else if (json_take(j, '[')) {
        ok = json_array(j);
    } else if (json_peek(j) == '"' || json_peek(j) == '\'') {
        g_autoptr(GString) s = g_string_new(NULL);

        ok = json_string(j, s);
        if (ok) {
            block_dict_set(j->dict, j->path->str, s->str);
        }
    } else {
        ok = json_word(j);
    }
    j->depth--;
    return ok;
}

bool block_dict_parse_json(BlockDict *d, const char *text, Error **errp)
{
    g_autoptr(GString) path = g_string_new(NULL);
    Json j = { .at = text, .dict = d, .path = path, .errp = errp };

    if (!json_take(&j, '{')) {
        return json_fail(&j, "an object is expected");
    }
    return json_object(&j) && (!json_peek(&j) || json_fail(&j, "something follows the object"));
}

char *block_json_to_keys(const char *text, Error **errp)
{
    g_autoptr(GHashTable) d = block_dict_new();
    g_autoptr(GString) s = g_string_new(NULL);
    GHashTableIter iter;
    gpointer key, value;

    if (*text != '{') {
        return g_strdup(text);
    }
    if (!block_dict_parse_json(d, text, errp)) {
        return NULL;
    }
    g_hash_table_iter_init(&iter, d);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        g_auto(GStrv) parts = g_strsplit(value, ",", -1);
        g_autofree char *escaped = g_strjoinv(",,", parts);

        g_string_append_printf(s, "%s%s=%s", s->len ? "," : "", (char *)key, escaped);
    }
    return g_strdup(s->str);
}
