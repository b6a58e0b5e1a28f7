/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device model: type registry, life of an instance, the tree, reset.
 *
 * Types register themselves before main(); their descriptors are const and stay where they are. The lists below are
 * written during start-up and hot plug, with the big lock held once vCPUs run.
 */
#include "qemu/osdep.h"
#include "hw/core/device.h"
#include "props.h"

static GPtrArray *types;                    /* const DeviceType *, sorted by name */
static const BusOps *all_bus_ops[BUS__COUNT];
static GList *root_devices;                 /* Device *, without a parent, realized */
static GList *unrealized_devices;           /* so that device_find() sees them */

typedef struct ResetHandler {
    void (*fn)(void *opaque);
    void *opaque;
} ResetHandler;
static GList *reset_handlers;

/* ---- types and buses -------------------------------------------------------------------------------------------- */

void device_type_register(DeviceType *t)
{
    unsigned i = 0;

    if (!types) {
        types = g_ptr_array_new();
    }
    while (i < types->len && strcmp(((const DeviceType *)g_ptr_array_index(types, i))->name, t->name) < 0) {
        i++;
    }
    g_ptr_array_insert(types, i, t);
}

const DeviceType *device_type_find(const char *name)
{
    for (unsigned i = 0; types && i < types->len; i++) {
        const DeviceType *t = g_ptr_array_index(types, i);

        if (!strcmp(t->name, name)) {
            return t;
        }
    }
    return NULL;
}

void device_type_foreach(void (*fn)(const DeviceType *t, void *opaque), void *opaque)
{
    for (unsigned i = 0; types && i < types->len; i++) {
        fn(g_ptr_array_index(types, i), opaque);
    }
}

void bus_ops_register(BusKind kind, const BusOps *ops)
{
    assert(!all_bus_ops[kind]);
    all_bus_ops[kind] = ops;
}

const BusOps *bus_ops(BusKind kind)
{
    return all_bus_ops[kind];
}

const char *bus_kind_name(BusKind kind)
{
    static const char *const names[BUS__COUNT] = {
        [BUS_NONE] = NULL, [BUS_SYSTEM] = "System", [BUS_ISA] = "ISA", [BUS_PCI] = "PCI",
        [BUS_IDE] = "IDE", [BUS_FLOPPY] = "floppy-bus",
    };

    return names[kind];
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

Device *device_new_plain(const char *type_name)
{
    const DeviceType *t = device_type_find(type_name);
    const BusOps *bus;
    Device *dev;

    if (!t) {
        g_error("device type '%s' does not exist", type_name);
    }
    assert(t->instance_size >= sizeof(Device));
    dev = g_malloc0(t->instance_size);
    dev->type = t;
    bus = bus_ops(t->bus);
    if (bus && bus->instance_init) {
        bus->instance_init(dev);
    }
    props_init(dev);
    unrealized_devices = g_list_append(unrealized_devices, dev);
    return dev;
}

Device *device_new(const char *type_name)
{
    Device *dev = device_new_plain(type_name);

    globals_apply(dev);
    return dev;
}

void device_set_id(Device *dev, const char *id)
{
    g_free(dev->id);
    dev->id = g_strdup(id);
}

static void link_into_tree(Device *dev, Device *parent)
{
    GList **list = parent ? &parent->children : &root_devices;

    unrealized_devices = g_list_remove(unrealized_devices, dev);
    dev->parent_dev = parent;
    *list = g_list_append(*list, dev);
}

void device_unlink(Device *dev)
{
    GList **list = dev->parent_dev ? &dev->parent_dev->children : &root_devices;

    *list = g_list_remove(*list, dev);
    dev->parent_dev = NULL;
    unrealized_devices = g_list_remove(unrealized_devices, dev);    /* where a retired one is already */
    unrealized_devices = g_list_append(unrealized_devices, dev);
}

static bool call_realize(Device *dev, Error **errp)
{
    const BusOps *bus = bus_ops(dev->type->bus);

    if (bus && bus->realize) {
        return bus->realize(dev, errp);
    }
    return !dev->type->realize || dev->type->realize(dev, errp);
}

bool device_realize(Device *dev, Device *parent, Error **errp)
{
    const BusOps *bus = bus_ops(dev->type->bus);
    bool ok;

    assert(!dev->realized);
    if (!parent && bus && bus->owner) {
        parent = bus->owner(dev);
    }
    link_into_tree(dev, parent);        /* first: a device may realize children of its own */
    memory_transaction_begin();
    ok = call_realize(dev, errp);
    memory_transaction_commit();
    if (!ok) {
        device_unlink(dev);
        return false;
    }
    dev->realized = true;
    if (dev->type->vmstate) {
        vmstate_register(dev->type->vmstate, -1, dev);
    }
    return true;
}

Device *device_realize_or_free(Device *dev, Error **errp)
{
    if (!device_realize(dev, NULL, errp)) {
        device_unref(dev);
        return NULL;
    }
    return dev;
}

static void device_unrealize(Device *dev)
{
    const BusOps *bus = bus_ops(dev->type->bus);

    if (dev->type->vmstate) {
        vmstate_unregister(dev->type->vmstate, dev);
    }
    memory_transaction_begin();
    if (bus && bus->unrealize) {
        bus->unrealize(dev);
    }
    if (dev->type->unrealize) {
        dev->type->unrealize(dev);
    }
    memory_transaction_commit();
    dev->realized = false;
    device_unlink(dev);
}

void device_unref(Device *dev)
{
    if (!dev) {
        return;
    }
    while (dev->children) {     /* also those of a device whose realize failed half way */
        device_unref(g_list_last(dev->children)->data);
    }
    if (dev->realized) {
        device_unrealize(dev);
    }
    unrealized_devices = g_list_remove(unrealized_devices, dev);
    if (dev->irq_in) {
        irq_free_array(dev->irq_in, dev->n_irq_in);
    }
    g_free(dev->irq_out);
    props_free(dev);
    g_free(dev->id);
    g_free(dev);
}

void device_init_irqs(Device *dev, IrqHandler *handler, int count)
{
    assert(!dev->irq_in);
    dev->irq_in = irq_new_array(handler, dev, count);
    dev->n_irq_in = count;
}

Irq device_irq_in(Device *dev, int n)
{
    assert(n >= 0 && n < dev->n_irq_in);
    return dev->irq_in[n];
}

void device_add_irq_out(Device *dev, Irq *line)
{
    dev->irq_out = g_renew(Irq *, dev->irq_out, dev->n_irq_out + 1);
    dev->irq_out[dev->n_irq_out++] = line;
}

/* ---- the tree --------------------------------------------------------------------------------------------------- */

/* Parents before children. fn may not change the tree. */
static void walk(GList *list, void (*fn)(Device *dev, void *opaque), void *opaque)
{
    for (GList *l = list; l; l = l->next) {
        Device *dev = l->data;

        fn(dev, opaque);
        walk(dev->children, fn, opaque);
    }
}

void device_foreach(void (*fn)(Device *dev, void *opaque), void *opaque)
{
    walk(root_devices, fn, opaque);
}

typedef struct FindById {
    const char *id;
    Device *found;
} FindById;

static void match_id(Device *dev, void *opaque)
{
    FindById *f = opaque;

    if (dev->id && !strcmp(dev->id, f->id)) {
        f->found = dev;
    }
}

Device *device_find(const char *id)
{
    FindById f = { .id = id };

    device_foreach(match_id, &f);
    walk(unrealized_devices, match_id, &f);
    return f.found;
}

void device_reset(Device *dev)
{
    const BusOps *bus = bus_ops(dev->type->bus);

    if (!dev->realized) {
        return;
    }
    if (bus && bus->reset) {
        bus->reset(dev);
    }
    if (dev->type->reset) {
        dev->type->reset(dev);
    }
}

static void reset_one(Device *dev, void *opaque)
{
    device_reset(dev);
}

void device_reset_all(void)
{
    memory_transaction_begin();
    device_foreach(reset_one, NULL);
    memory_transaction_commit();
    for (GList *l = reset_handlers; l; l = l->next) {
        ResetHandler *h = l->data;

        h->fn(h->opaque);
    }
}

void reset_handler_add(void (*fn)(void *opaque), void *opaque)
{
    ResetHandler *h = g_new(ResetHandler, 1);

    *h = (ResetHandler) { fn, opaque };
    reset_handlers = g_list_append(reset_handlers, h);
}

static void print_device(Device *dev, GString *out, int indent)
{
    const BusOps *bus = bus_ops(dev->type->bus);
    const char *bus_name = bus_kind_name(dev->type->bus);

    g_string_append_printf(out, "%*sdev: %s, id \"%s\"\n", indent, "", dev->type->name, dev->id ? dev->id : "");
    if (dev->n_irq_in) {
        g_string_append_printf(out, "%*sgpio-in \"\" %d\n", indent + 2, "", dev->n_irq_in);
    }
    props_print(dev, out, indent + 2);
    if (bus && bus->print) {
        bus->print(dev, out, indent + 2);
    }
    if (bus_name && dev->type->bus != BUS_SYSTEM) {
        g_string_append_printf(out, "%*sbus = %s\n", indent + 2, "", bus_name);
    }
    if (dev->type->print) {
        dev->type->print(dev, out);
    }
    for (GList *l = dev->children; l; l = l->next) {
        print_device(l->data, out, indent + 2);
    }
}

void device_print_tree(GString *out)
{
    g_string_append(out, "bus: main-system-bus\n  type System\n");
    for (GList *l = root_devices; l; l = l->next) {
        print_device(l->data, out, 2);
    }
}
