/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -global: defaults that the user gives the properties of a device type
 *
 * They count for every device of the type, the board's too, in the order given; what the board or -device sets on a
 * device comes later and wins. Written while options are read, then read only.
 */
#include "qemu/osdep.h"
#include "props.h"

typedef struct GlobalProp {
    char *driver, *name, *value;
    bool used;
} GlobalProp;

static GPtrArray *globals;      /* GlobalProp * */

static void global_free(gpointer opaque)
{
    GlobalProp *g = opaque;

    g_free(g->driver);
    g_free(g->name);
    g_free(g->value);
    g_free(g);
}

void device_global_add(const char *driver, const char *name, const char *value)
{
    GlobalProp *g = g_new0(GlobalProp, 1);

    if (!globals) {
        globals = g_ptr_array_new_with_free_func(global_free);
    }
    g->driver = g_strdup(driver);
    g->name = g_strdup(name);
    g->value = g_strdup(value);
    g_ptr_array_add(globals, g);
}

void device_globals_clear(void)
{
    g_clear_pointer(&globals, g_ptr_array_unref);
}

static GlobalProp *global_at(unsigned i)
{
    return globals && i < globals->len ? g_ptr_array_index(globals, i) : NULL;
}

/* A device that is never realized tries them all, so that those which the board creates later cannot fail. */
bool device_globals_check(Error **errp)
{
    const GlobalProp *g;

    for (unsigned i = 0; (g = global_at(i)); i++) {
        Device *dev;
        bool ok;

        if (!device_type_find(g->driver)) {
            warn_report("-global %s.%s has invalid class name, '-device help' lists most", g->driver, g->name);
            continue;
        }
        dev = device_new_plain(g->driver);
        ok = device_set_prop(dev, g->name, g->value, errp);
        device_unref(dev);
        if (!ok) {
            error_prepend(errp, "-global %s.%s=%s: ", g->driver, g->name, g->value);
            return false;
        }
    }
    return true;
}

void globals_apply(Device *dev)
{
    GlobalProp *g;

    for (unsigned i = 0; (g = global_at(i)); i++) {
        if (!strcmp(g->driver, dev->type->name)) {
            device_set_prop(dev, g->name, g->value, &error_abort);
            g->used = true;
        }
    }
}

void device_globals_warn_unused(void)
{
    const GlobalProp *g;

    for (unsigned i = 0; (g = global_at(i)); i++) {
        if (!g->used && device_type_find(g->driver)) {
            warn_report("-global %s.%s=%s not used: there is no such device", g->driver, g->name, g->value);
        }
    }
}
