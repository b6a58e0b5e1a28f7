/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -object and object_add: a name from the registry of object types, an id, and keys of the type's own. */
#include "qemu/osdep.h"
#include "block/options.h"
#include "qemu/user-object.h"

#define TYPES_MAX 16
static const UserObjectType *types[TYPES_MAX + 1];      /* written by constructors; NULL at the end */

typedef struct UserObject {
    char *id;
    const UserObjectType *type;
    struct UserObject *next;
} UserObject;

static UserObject *objects;     /* big lock; newest first */

/* Known to users, missing here: how the names begin, and why. */
static const char *const missing[][2] = {
    { "secret", "encrypted images are not supported" }, { "tls-", "TLS is not supported" },
    { "iothread", "there is one IO thread" }, { "memory-backend-", "memory is what -m says" },
    { "authz-", "there are no servers that ask" }, { "rng-", "virtio-rng is not supported" },
    { "filter-", "there is no network" }, { "cryptodev-", "virtio-crypto is not supported" },
    { "sev-guest", "encrypted guests are not supported" }, { "can-", "there is no CAN bus" },
};

void user_object_register(const UserObjectType *t)
{
    unsigned n = 0;

    while (types[n]) {
        n++;
    }
    assert(n < TYPES_MAX);
    types[n] = t;
}

static const UserObjectType *find_type(const char *name)
{
    for (unsigned i = 0; types[i]; i++) {
        if (g_str_equal(types[i]->name, name)) {
            return types[i];
        }
    }
    return NULL;
}

static UserObject *find_object(const char *id)
{
    UserObject *o = objects;

    while (o && strcmp(o->id, id)) {
        o = o->next;
    }
    return o;
}

/* ---- creating ---------------------------------------------------------------------------------------------------- */

static KeyDef *keys_of(const UserObjectType *t)
{
    static const KeyDef common[] = { { "qom-type", KEY_STRING, .help = NULL }, { "id", KEY_STRING, .help = NULL } };
    unsigned n = 0;
    KeyDef *all;

    while (t->keys[n].name) {
        n++;
    }
    all = g_new0(KeyDef, ARRAY_SIZE(common) + n + 1);
    memcpy(all, common, sizeof(common));
    memcpy(all + ARRAY_SIZE(common), t->keys, n * sizeof(*all));
    return all;
}

static bool refuse_type(const char *name, Error **errp)
{
    for (unsigned i = 0; i < ARRAY_SIZE(missing); i++) {
        if (g_str_has_prefix(name, missing[i][0])) {
            error_set(errp, "object type '%s' is not supported: %s", name, missing[i][1]);
            return false;
        }
    }
    error_set(errp, "Parameter 'qom-type' does not accept value '%s'", name);
    error_append_hint(errp, "'help' lists the types.");
    return false;
}

static bool check_id(const char *id, Error **errp)
{
    if (!id) {
        error_set(errp, "Parameter 'id' is missing");
        return false;
    }
    if (!option_check_id(id, errp)) {
        return false;
    }
    if (find_object(id)) {
        error_set(errp, "there is already an object with id '%s'", id);
        return false;
    }
    return true;
}

bool user_object_add(const char *text, Error **errp)
{
    g_autofree char *keys = block_json_to_keys(text, errp);
    g_autoptr(KeyList) any = keys ? keylist_parse(keys, "qom-type", NULL, errp) : NULL;
    const char *name = any ? keylist_get(any, "qom-type") : NULL;
    const UserObjectType *t = name ? find_type(name) : NULL;
    g_autofree KeyDef *defs = t ? keys_of(t) : NULL;
    g_autoptr(KeyList) l = NULL;
    UserObject *o;

    if (!any) {
        return false;
    }
    if (!name) {
        error_set(errp, "Parameter 'qom-type' is missing");
        return false;
    }
    if (!t) {
        return refuse_type(name, errp);
    }
    l = keylist_parse(keys, "qom-type", defs, errp);
    if (!l || !check_id(keylist_get(l, "id"), errp) || !t->create(keylist_get(l, "id"), l, errp)) {
        return false;
    }
    o = g_new0(UserObject, 1);
    o->id = g_strdup(keylist_get(l, "id"));
    o->type = t;
    o->next = objects;
    objects = o;
    return true;
}

bool user_object_remove(const char *id, Error **errp)
{
    UserObject **at = &objects, *o = find_object(id);

    if (!o) {
        error_set(errp, "object '%s' not found", id);
        return false;
    }
    if (!o->type->remove(id, errp)) {
        return false;
    }
    while (*at != o) {
        at = &(*at)->next;
    }
    *at = o->next;
    g_free(o->id);
    g_free(o);
    return true;
}

/* ---- lists ------------------------------------------------------------------------------------------------------- */

bool user_object_help(const char *text, GString *out)
{
    static const char *const kinds[] = { [KEY_STRING] = "str", [KEY_BOOL] = "bool", [KEY_UINT] = "num",
                                         [KEY_SIZE] = "size" };
    g_autoptr(KeyList) l = keylist_parse(text, "qom-type", NULL, NULL);
    const UserObjectType *t = l && keylist_get(l, "qom-type") ? find_type(keylist_get(l, "qom-type")) : NULL;

    if (!l || !keylist_wants_help(l)) {
        return false;
    }
    if (t) {
        g_string_append_printf(out, "%s options:\n", t->name);
        for (const KeyDef *k = t->keys; k->name; k++) {
            g_string_append_printf(out, "  %s=<%s> - %s\n", k->name, kinds[k->kind], k->help);
        }
        return true;
    }
    g_string_append(out, "List of user creatable objects:\n");
    for (unsigned i = 0; types[i]; i++) {
        g_string_append_printf(out, "  %s - %s\n", types[i]->name, types[i]->help);
    }
    return true;
}
