/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -device: a name from the registry of device types, then its properties.
 *
 * Left out: bus=, devices that need a drive or a network back end, and adding devices to a running machine.
 */
#include "qemu/osdep.h"
#include "hw/core/device.h"
#include "sysemu/options.h"

static const char *const bus_names[BUS__COUNT] = {
    [BUS_NONE] = "none", [BUS_SYSTEM] = "system", [BUS_ISA] = "ISA", [BUS_PCI] = "PCI",
    [BUS_IDE] = "IDE",
};

static const char *const prop_kind_names[] = {
    [PROPK_BOOL] = "on|off", [PROPK_UINT8] = "number, 8 bits", [PROPK_UINT16] = "number, 16 bits",
    [PROPK_UINT32] = "number, 32 bits", [PROPK_UINT64] = "number, 64 bits", [PROPK_SIZE] = "size",
    [PROPK_STRING] = "text", [PROPK_DEVICE] = "device", [PROPK_CHARDEV] = "character device",
};

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

        printf("name \"%s\", bus %s%s%s\n", t->name, bus_names[t->bus], t->desc ? ", desc " : "",
               t->desc ? t->desc : "");
    }
}

static void print_props(const DeviceType *t)
{
    printf("%s options:\n", t->name);
    for (const Property *p = t->props; p && p->kind != PROPK_END; p++) {
        g_autofree char *syntax = g_strdup_printf("%s=<%s>", p->name, prop_kind_names[p->kind]);

        printf("  %-30s%s%s", syntax, p->help ? " " : "", p->help ? p->help : "");
        if (p->kind == PROPK_BOOL) {
            printf(" (default: %s)", p->def ? "on" : "off");
        } else if (p->kind < PROPK_STRING) {
            printf(" (default: %" PRIu64 ")", p->def);
        } else if (p->def_str) {
            printf(" (default: %s)", p->def_str);
        }
        printf("\n");
    }
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
