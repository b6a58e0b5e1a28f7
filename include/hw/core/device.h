/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device model: a DeviceType descriptor registered by a constructor, instances in a tree.
 *
 * Life: device_new() -> properties -> device_realize() -> device_reset_all() ... -> device_unrealize() -> free.
 * A device's instance struct starts with Device (or PciDevice). Everything here needs the big lock.
 */
#ifndef HW_CORE_DEVICE_H
#define HW_CORE_DEVICE_H

#include "exec/memory.h"
#include "hw/core/irq.h"
#include "hw/core/vmstate.h"

typedef enum BusKind { BUS_NONE, BUS_SYSTEM, BUS_ISA, BUS_PCI, BUS_IDE, BUS_FLOPPY, BUS__COUNT } BusKind;
typedef struct DeviceType DeviceType;
typedef struct BusOps BusOps;
typedef struct Chardev Chardev;

typedef enum PropKind {
    PROPK_END, PROPK_BOOL, PROPK_UINT8, PROPK_UINT16, PROPK_UINT32, PROPK_INT32, PROPK_UINT64, PROPK_SIZE, PROPK_STRING,
    PROPK_DEVICE, PROPK_CHARDEV
} PropKind;
typedef struct Property {
    const char *name;
    PropKind kind;
    size_t offset;
    uint64_t def;               /* numbers and bools */
    const char *def_str;
    const char *help;
} Property;
#define PROP_BOOL(n, s, f, d)    { .name = (n), .kind = PROPK_BOOL, .offset = offsetof(s, f), .def = (d) }
#define PROP_UINT8(n, s, f, d)   { .name = (n), .kind = PROPK_UINT8, .offset = offsetof(s, f), .def = (d) }
#define PROP_UINT16(n, s, f, d)  { .name = (n), .kind = PROPK_UINT16, .offset = offsetof(s, f), .def = (d) }
#define PROP_UINT32(n, s, f, d)  { .name = (n), .kind = PROPK_UINT32, .offset = offsetof(s, f), .def = (d) }
/* in a uint32_t: UINT32_MAX is -1 */
#define PROP_INT32(n, s, f, d)   { .name = (n), .kind = PROPK_INT32, .offset = offsetof(s, f), .def = (uint32_t)(d) }
#define PROP_UINT64(n, s, f, d)  { .name = (n), .kind = PROPK_UINT64, .offset = offsetof(s, f), .def = (d) }
#define PROP_SIZE(n, s, f, d)    { .name = (n), .kind = PROPK_SIZE, .offset = offsetof(s, f), .def = (d) }
/* char *, owned; Device *, borrowed; Chardev *, borrowed */
#define PROP_STRING(n, s, f, d)  { .name = (n), .kind = PROPK_STRING, .offset = offsetof(s, f), .def_str = (d) }
#define PROP_DEVICE(n, s, f)     { .name = (n), .kind = PROPK_DEVICE, .offset = offsetof(s, f) }
#define PROP_CHARDEV(n, s, f)    { .name = (n), .kind = PROPK_CHARDEV, .offset = offsetof(s, f) }
#define PROP_END                 { .kind = PROPK_END }

struct Device {
    const DeviceType *type;
    char *id;                   /* user's id= or NULL */
    Device *parent_dev;
    GList *children;            /* Device * */
    bool realized;
    bool hotplugged;            /* came while the machine existed */
    Irq *irq_in;                /* lines others drive into this device: device_init_irqs() */
    int n_irq_in;
    Irq **irq_out;              /* where it keeps the lines it drives, as far as it says: device_add_irq_out() */
    int n_irq_out;
};

struct DeviceType {
    const char *name, *desc;
    BusKind bus;
    bool user_creatable;        /* -device may name it */
    bool no_hotplug;            /* but device_add and device_del may not */
    size_t instance_size;
    const Property *props;
    bool (*realize)(Device *dev, Error **errp);
    void (*unrealize)(Device *dev);
    void (*reset)(Device *dev);         /* only what is its own; any order */
    const VMStateDescription *vmstate;
    void (*print)(Device *dev, GString *out);   /* extra lines for info qtree; may be NULL */
    const void *class_data;             /* the bus's own descriptor, e.g. PciDeviceClass */
    const DeviceType *next;             /* registry */
};

void device_type_register(DeviceType *t);
#define DEVICE_TYPE(t) \
    __attribute__((constructor)) static void register_##t(void) { device_type_register((DeviceType *)&t); }
const DeviceType *device_type_find(const char *name);
void device_type_foreach(void (*fn)(const DeviceType *t, void *opaque), void *opaque);   /* sorted by name */

/* What a bus adds to the life of the devices on it. Members may be NULL. Registered once per kind, by a constructor. */
struct BusOps {
    const char *name;                           /* as in -device help: "PCI" */
    /* settable on every device of the bus; offsets in its instance struct */
    const Property *props;
    bool (*parse_prop)(Device *dev, const char *name, const char *value, bool *known, Error **errp);   /* odd ones */
    const Property *parsed_props;               /* what parse_prop() knows, for help */
    void (*instance_init)(Device *dev);
    Device *(*owner)(Device *dev);                  /* of the bus that was chosen for it; NULL: the machine */
    bool (*realize)(Device *dev, Error **errp);     /* in place of DeviceType.realize: calls it if there is one */
    void (*unrealize)(Device *dev);                 /* before DeviceType.unrealize */
    void (*reset)(Device *dev);                     /* before DeviceType.reset */
    void (*print)(Device *dev, GString *out, int indent);
    /* hot plug */
    bool (*hotplug_check)(Device *dev, Error **errp);   /* can the bus that it is on, or is to be on, tell the guest? */
    void (*plugged)(Device *dev);                       /* it is there: the guest is to be told */
    void (*unplug_request)(Device *dev);                /* the guest is to be asked; later, if ever, device_retire() */
};
void bus_ops_register(BusKind kind, const BusOps *ops);
const char *bus_kind_name(BusKind kind);

/* unrealized, properties at defaults; aborts when unknown (our bug) */
Device *device_new(const char *type_name);
bool device_set_prop(Device *dev, const char *name, const char *value, Error **errp);    /* text form, from -device */
void device_set_prop_uint(Device *dev, const char *name, uint64_t v);                    /* code: asserts it exists */
void device_set_prop_ptr(Device *dev, const char *name, void *p);                        /* PROP_DEVICE, PROP_CHARDEV */
uint64_t device_get_prop_uint(Device *dev, const char *name);                            /* the same */
/* A text property; NULL when it is not set or the device has none of that name. */
const char *device_get_prop_str(Device *dev, const char *name);
bool device_realize(Device *dev, Device *parent, Error **errp);     /* parent NULL: by its bus */
Device *device_realize_or_free(Device *dev, Error **errp);          /* by its bus; NULL and freed when it fails */
void device_unref(Device *dev);                     /* unrealizes if needed, frees */
void device_init_irqs(Device *dev, IrqHandler *handler, int count); /* opaque is dev */
Irq device_irq_in(Device *dev, int n);
/*
 * From realize: dev drives *line, by irq_set(*line, ...) only. What looks at wires (qtest) may put another line
 * there.
 */
void device_add_irq_out(Device *dev, Irq *line);
void device_reset(Device *dev);                     /* one, as far as it is realized; not its children */
void device_reset_all(void);                        /* every realized device, parents before children */
void device_foreach(void (*fn)(Device *dev, void *opaque), void *opaque);
void device_print_tree(GString *out);               /* info qtree */
Device *device_find(const char *id);                /* user's id=, realized or not yet; NULL when none */
void device_set_id(Device *dev, const char *id);    /* copies; the caller has checked that it is free */
void device_print_props(const DeviceType *t, GString *out);     /* -device NAME,help */
/*
 * -global: the default of a type's property for every device_new() from now on (copies). check() says what is wrong
 * with one, warns of types that do not exist, and belongs before the first device; warn_unused() after the last.
 */
void device_global_add(const char *driver, const char *name, const char *value);
bool device_globals_check(Error **errp);
void device_globals_warn_unused(void);
void device_globals_clear(void);
/* Hot plug: hw/core/hotplug.c. Of a kind that may come and go? */
bool device_type_can_hotplug(const DeviceType *t, Error **errp);
bool device_plug(Device *dev, Error **errp);        /* device_realize() and what follows from the machine's running */
bool device_unplug(Device *dev, Error **errp);      /* asks the guest; true says no more than that */
/* The bus has let go of it: out of the tree with all of its children, freed soon. Not while the tree is walked. */
void device_retire(Device *dev);
/* Anything else that must be reset with the machine (CPUs, ROM images). */
void reset_handler_add(void (*fn)(void *opaque), void *opaque);

/*
 * vmstate of things that are no devices (CPUs, timers). When one goes, those of its name with a higher instance move up
 * by one, as in a machine that never had it.
 */
void vmstate_register(const VMStateDescription *d, int instance, void *opaque);    /* instance -1: next free one */
void vmstate_unregister(const VMStateDescription *d, void *opaque);
/* In order of registration: what a snapshot consists of. Devices are registered by device_realize(). */
void vmstate_foreach(void (*fn)(const VMStateDescription *d, int instance, void *obj, void *opaque), void *opaque);

#endif
