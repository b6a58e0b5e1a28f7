/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -device: a name from the registry of device types, then its properties.
 *
 * Left out: devices that need a network back end.
 */
#include "qemu/osdep.h"
#include "hw/core/device.h"
#include "sysemu/options.h"

static const DeviceType *creatable_type(const char *name)
{
    const DeviceType *t = device_type_find(name);

    return t && t->user_creatable ? t : NULL;
}

static void collect_type(const DeviceType *t, void *list)
{
    if (t->user_creatable) {
        g_ptr_array_add(list, (gpointer)t);
    }
}

static gint compare_types(gconstpointer a, gconstpointer b)
{
    return strcmp((*(const DeviceType *const *)a)->name, (*(const DeviceType *const *)b)->name);
}

static void print_types(GString *out)
{
    g_autoptr(GPtrArray) types = g_ptr_array_new();

    device_type_foreach(collect_type, types);
    g_ptr_array_sort(types, compare_types);
    g_string_append(out, "Devices that can be added:\n");
    for (unsigned i = 0; i < types->len; i++) {
        const DeviceType *t = g_ptr_array_index(types, i);
        g_autofree char *desc = t->desc ? g_strdup_printf(", desc \"%s\"", t->desc) : g_strdup("");

        g_string_append_printf(out, "name \"%s\"%s%s%s\n", t->name, t->bus ? ", bus " : "",
                               t->bus ? bus_kind_name(t->bus) : "", desc);
    }
}

bool device_option_help(const KeyList *l, GString *out)
{
    const char *name = keylist_get(l, "driver");
    const DeviceType *t;

    if (!keylist_wants_help(l)) {
        return false;
    }
    t = name ? creatable_type(name) : NULL;
    if (t) {
        device_print_props(t, out);
        return true;
    }
    /* Help on something that does not exist: the list, and device_option_check() says the rest. */
    if (!name || g_str_equal(name, "help") || g_str_equal(name, "?")) {
        print_types(out);
        return true;
    }
    return false;
}

bool device_option_check(const KeyList *l, Error **errp)
{
    const char *name = keylist_get(l, "driver");

    if (!name) {
        error_set(errp, "parameter 'driver' is missing");
        return false;
    }
    if (!creatable_type(name)) {
        if (device_type_find(name)) {
            error_set(errp, "Parameter 'driver' expects a pluggable device type");
            error_append_hint(errp, "'%s' belongs to the board.", name);
        } else {
            error_set(errp, "'%s' is not a valid device model name, '-device help' lists them", name);
        }
        return false;
    }
    return true;
}

static bool set_id(Device *dev, const char *id, Error **errp)
{
    if (!option_check_id(id, errp)) {
        return false;
    }
    if (device_find(id)) {
        error_set(errp, "Duplicate device ID '%s'", id);
        return false;
    }
    device_set_id(dev, id);
    return true;
}

static bool set_props(Device *dev, const KeyList *l, Error **errp)
{
    for (size_t i = 0; i < l->n; i++) {
        const KeyValue *kv = &l->items[i];

        if (g_str_equal(kv->key, "driver")) {
            continue;
        }
        if (g_str_equal(kv->key, "id")) {
            if (!set_id(dev, kv->value, errp)) {
                return false;
            }
        } else if (!device_set_prop(dev, kv->key, kv->value, errp)) {
            return false;
        }
    }
    return true;
}

bool device_option_create(const KeyList *l, Error **errp)
{
    const char *name = keylist_get(l, "driver");
    Device *dev = device_new(name);

    if (!set_props(dev, l, errp) || !device_realize(dev, NULL, errp)) {
        error_prepend(errp, "-device %s: ", name);
        device_unref(dev);
        return false;
    }
    return true;
}

bool device_option_plug(const KeyList *l, Error **errp)
{
    Device *dev = device_new(keylist_get(l, "driver"));

    if (!set_props(dev, l, errp) || !device_plug(dev, errp)) {
        device_unref(dev);
        return false;
    }
    return true;
}
