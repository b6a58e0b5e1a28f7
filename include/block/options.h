/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options of nodes as a flat dictionary: "file.filename" -> "disk.img". It comes from dotted key=value text
 * (driver=qcow2,file.filename=disk.img) or from JSON ({"driver": "qcow2", "file": {"filename": "disk.img"}}). Values
 * are text; JSON's true and false become on and off. IO thread.
 */
#ifndef BLOCK_OPTIONS_H
#define BLOCK_OPTIONS_H

#include "qemu/error.h"

typedef GHashTable BlockDict;   /* char * -> char *, both owned */

BlockDict *block_dict_new(void);
static inline void block_dict_free(BlockDict *d)
{
    if (d) {
        g_hash_table_unref(d);
    }
}
void block_dict_set(BlockDict *d, const char *key, const char *value);
const char *block_dict_get(BlockDict *d, const char *key);      /* NULL: not there, or d is NULL */
char *block_dict_take(BlockDict *d, const char *key);           /* removed; the caller frees. NULL: not there */
/* False with an Error when the value is not of its kind; *out stays when the key is not there. */
bool block_dict_take_bool(BlockDict *d, const char *key, bool *out, Error **errp);
bool block_dict_take_size(BlockDict *d, const char *key, uint64_t *out, Error **errp);
/* All keys that start with "prefix.", without it; removed from d. NULL: there are none. */
BlockDict *block_dict_take_sub(BlockDict *d, const char *prefix);
/* False, naming one, when anything is left. */
bool block_dict_all_used(BlockDict *d, Error **errp);

/* Added to d. False with an Error. */
bool block_dict_parse_json(BlockDict *d, const char *text, Error **errp);
bool block_dict_parse_keys(BlockDict *d, const char *text, Error **errp);   /* "a=b,c.d=e"; ",," is a comma */
/* JSON ("{...") as the key list it stands for, other text as it is; the caller frees. NULL with an Error. */
char *block_json_to_keys(const char *text, Error **errp);

#endif
