/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of everything that has state in a snapshot, in order of registration. Guarded by the big lock. */
#include "qemu/osdep.h"
#include "hw/core/device.h"

typedef struct VMStateEntry {
    const VMStateDescription *desc;
    int instance;
    void *obj;
} VMStateEntry;

static GList *entries;

static VMStateEntry *entry_find(const char *name, int instance)
{
    for (GList *l = entries; l; l = l->next) {
        VMStateEntry *e = l->data;

        if (e->instance == instance && !strcmp(e->desc->name, name)) {
            return e;
        }
    }
    return NULL;
}

void vmstate_register(const VMStateDescription *d, int instance, void *opaque)
{
    VMStateEntry *e;

    if (instance < 0) {
        instance = 0;
        while (entry_find(d->name, instance)) {
            instance++;
        }
    }
    assert(!entry_find(d->name, instance));
    e = g_new(VMStateEntry, 1);
    *e = (VMStateEntry) { d, instance, opaque };
    entries = g_list_append(entries, e);
}

/* A machine that was started with what is left counts from 0 again: the later ones move up. */
static void close_gap(const char *name, int instance)
{
    for (GList *l = entries; l; l = l->next) {
        VMStateEntry *e = l->data;

        e->instance -= e->instance > instance && !strcmp(e->desc->name, name);
    }
}

void vmstate_unregister(const VMStateDescription *d, void *opaque)
{
    for (GList *l = entries; l; l = l->next) {
        VMStateEntry *e = l->data;

        if (e->desc == d && e->obj == opaque) {
            entries = g_list_delete_link(entries, l);
            close_gap(d->name, e->instance);
            g_free(e);
            return;
        }
    }
}

void vmstate_foreach(void (*fn)(const VMStateDescription *d, int instance, void *obj, void *opaque), void *opaque)
{
    for (GList *l = entries; l; l = l->next) {
        VMStateEntry *e = l->data;

        fn(e->desc, e->instance, e->obj, opaque);
    }
}
