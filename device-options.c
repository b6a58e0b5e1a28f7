/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -device: a name from the registry of device types, then its properties.
 *
 * Left out: bus=, devices that need a drive or a network back end, and adding devices to a running machine.
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

static void print_types(void)
{
    g_autoptr(GPtrArray) types = g_ptr_array_new();

    device_type_foreach(collect_type, types);
    g_ptr_array_sort(types, compare_types);
    printf("Devices that can be added:\n");
    for (unsigned i = 0; i < types->len; i++) {
        const DeviceType *t = g_ptr_array_index(types, i);

        g_autofree char *desc = t->desc ? g_strdup_printf(", desc \"%s\"", t->desc) : g_strdup("");

        printf("name \"%s\"%s%s%s\n", t->name, t->bus ? ", bus " : "", t->bus ? bus_kind_name(t->bus) : "", desc);
    }
}

static void print_props(const DeviceType *t)
{
    g_autoptr(GString) text = g_string_new(NULL);

    device_print_props(t, text);
    fputs(text->str, stdout);
}

bool device_option_help(const KeyList *l)
{
    const char *name = keylist_get(l, "driver");
    const DeviceType *t;

    if (!keylist_wants_help(l)) {
        return false;
    }
    t = name ? creatable_type(name) : NULL;
    if (t) {
        print_props(t);
        return true;
    }
    /* Help on something that does not exist: the list, and device_option_check() says the rest. */
    if (!name || g_str_equal(name, "help") || g_str_equal(name, "?")) {
        print_types();
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
            error_set(errp, "device '%s' belongs to the board and cannot be added", name);
        } else {
            error_set(errp, "'%s' is not a valid device model name, '-device help' lists them", name);
        }
        return false;
    }
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
            g_free(dev->id);
            dev->id = g_strdup(kv->value);
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
