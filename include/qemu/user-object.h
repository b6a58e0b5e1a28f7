/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Objects that users make by name: -object TYPE,id=ID[,...] and object_add. A type registers itself, as devices and
 * image formats do; what an object is and who finds it by its id is the type's own affair. Big lock held.
 */
#ifndef QEMU_USER_OBJECT_H
#define QEMU_USER_OBJECT_H

#include "qemu/option.h"

typedef struct UserObjectType {
    const char *name, *help;
    const KeyDef *keys;         /* without qom-type and id */
    bool (*create)(const char *id, const KeyList *l, Error **errp);
    bool (*remove)(const char *id, Error **errp);       /* false: it is in use */
} UserObjectType;

void user_object_register(const UserObjectType *t);
#define USER_OBJECT(t) \
    __attribute__((constructor)) static void register_##t(void) { user_object_register(&t); }

/* "TYPE,id=ID,..." or JSON. False with an Error; types we know to be missing are named as that. */
bool user_object_add(const char *text, Error **errp);
/* "help" or "TYPE,help": true, and the text is there. */
bool user_object_help(const char *text, GString *out);
bool user_object_remove(const char *id, Error **errp);

#endif
