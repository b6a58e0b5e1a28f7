/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Command lines as data: a table of options yields the parser, -help and the manual page; a table of keys yields
 * the parser of "key=value,key=value" arguments and their part of the help. Called while starting, by one thread.
 *
 * Grammar: one or two dashes before an option's name; its argument is the next word. In a key list ',' separates,
 * ',,' is a comma, the first item may leave out its (implied) key, a bare 'key' is key=on and 'nokey' key=off.
 */
#ifndef QEMU_OPTION_H
#define QEMU_OPTION_H

#include "qemu/error.h"

/* ---- numbers ------------------------------------------------------------------------------------------------- */

/*
 * A size: decimal with an optional fraction, or 0x and hex digits; then an optional suffix b, k, M, G, T, P, E (powers
 * of 1024, any case). Without suffix it counts in unit bytes. The whole text has to be a number that fits 64 bits:
 * errno is ERANGE when that alone is wrong.
 */
bool parse_size(const char *text, uint64_t unit, uint64_t *out, Error **errp);
/* Decimal, 0x hex or 0 octal, in min..max. */
bool parse_uint(const char *text, uint64_t min, uint64_t max, uint64_t *out, Error **errp);
/* on/off, yes/no, true/false, y/n. */
bool parse_bool(const char *text, bool *out, Error **errp);
/* "a,b,,c" is "a" and "b,c"; "a," is "a" and "". */
GStrv option_split_commas(const char *text);
/* The value of an 'id' key: a letter, then letters, digits, '-', '.' and '_'. */
bool option_check_id(const char *id, Error **errp);

/* ---- key=value lists ------------------------------------------------------------------------------------------- */

typedef enum KeyKind { KEY_STRING, KEY_BOOL, KEY_UINT, KEY_SIZE } KeyKind;

typedef struct KeyDef {
    const char *name;           /* NULL ends a table */
    KeyKind kind;
    uint64_t unit;              /* KEY_SIZE: what a number without suffix counts; 0 means bytes */
    const char *values;         /* KEY_STRING: what is allowed, "a|b|c"; NULL: anything. Others: shown in the help */
    const char *help;
} KeyDef;

typedef struct KeyValue {
    char *key, *value;
} KeyValue;

typedef struct KeyList {        /* in the order given; a key given twice keeps both, the getters see the last */
    const KeyDef *defs;
    KeyValue *items;
    size_t n;
} KeyList;

/*
 * Splits text. The first item, when it has no '=', is the value of implied (which may be NULL: then it is a bare key).
 * With defs every key has to be in the table and every value of its kind, so that the getters cannot fail; without,
 * anything goes. NULL and an error when it does not fit.
 */
KeyList *keylist_parse(const char *text, const char *implied, const KeyDef *defs, Error **errp);
void keylist_free(KeyList *l);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KeyList, keylist_free)
const char *keylist_get(const KeyList *l, const char *key);                     /* NULL: not given */
bool keylist_get_bool(const KeyList *l, const char *key, bool def);
uint64_t keylist_get_uint(const KeyList *l, const char *key, uint64_t def);     /* KEY_UINT and KEY_SIZE */
/* Was help asked for: an item "help" or "?", or the implied key with that value? */
bool keylist_wants_help(const KeyList *l);

/* ---- options --------------------------------------------------------------------------------------------------- */

/* Acts on one option. dest is the object the whole command line fills, arg is NULL for options without one. */
typedef bool OptionFn(void *dest, const char *arg, Error **errp);

typedef enum OptionKind {
    OPTION_FN,          /* fn does it */
    OPTION_FLAG,        /* sets a bool at offset */
    OPTION_STRING,      /* stores the argument at offset (const char *, argv's own memory); the last one counts */
    OPTION_REFUSED,     /* known to users of such programs but not in this version: says so */
} OptionKind;

typedef struct OptionDef {
    const char *name;           /* without dashes; NULL with a group starts a group; NULL and no group ends the table */
    const char *alias;          /* a second spelling or NULL */
    const char *group;          /* heading, in group rows */
    const char *arg;            /* how the help shows the argument; NULL: the option takes none */
    const char *help;           /* sentences; '\n' starts a new line. NULL: not listed */
    const KeyDef *keys;         /* listed below the help */
    OptionKind kind;
    OptionFn *fn;
    size_t offset;
} OptionDef;

/*
 * Walks argv[1..]. A word without dashes goes to positional. On failure errp holds the message and the error location
 * stays set, so that the report names the option; on success it is clear.
 */
bool options_parse(const OptionDef *table, void *dest, int argc, char **argv, OptionFn *positional, Error **errp);
/* The name (or alias) in the table that is most like the misspelt one; NULL when nothing is near. */
const char *options_nearest(const OptionDef *table, const char *name);
/* The lists for people: text for a terminal, and the OPTIONS section of a man page (troff). */
void options_print_help(const OptionDef *table, FILE *f);
void options_print_man(const OptionDef *table, FILE *f);

#endif
