/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A floppy drive as users see it, "floppy": which back end is in which of a controller's two bays, and of what type
 *
 * The head, the change line and the disk belong to the controller's half (fdc-media.c), where its commands need them;
 * this is the part that has properties. Drives are made by -device, or by the controller for if=floppy.
 */
#include "qemu/osdep.h"
#include "fdc-internal.h"
#include "hw/block/block-props.h"

typedef struct Floppy {
    Device parent;
    Fdc *fdc;                   /* NULL until a place is found */
    FloppyDrive *drive;         /* the controller's half */

    /* properties */
    char *drive_name, *bus_name, *type;
    uint32_t unit;
    BlockProps block;
} Floppy;

/* ---- type of drive ----------------------------------------------------------------------------------------------- */

/* In the order of the words below; the last is no type but a wish. */
static const FloppyType types[] = { FLOPPY_1440K, FLOPPY_2880K, FLOPPY_1200K, FLOPPY_NONE, FLOPPY_AUTO };
static const char *const type_names[] = { "144", "288", "120", "none", "auto", NULL };

bool floppy_type_parse(const char *prop, const char *value, FloppyType *type, Error **errp)
{
    int i = prop_choice(prop, value, type_names, errp);

    if (i >= 0) {
        *type = types[i];
    }
    return i >= 0;
}

static const char *type_name(FloppyType type)
{
    unsigned i = 0;

    while (types[i] != type) {
        i++;
    }
    return type_names[i];
}

/* ---- place ------------------------------------------------------------------------------------------------------- */

static bool find_controller(Floppy *f, Error **errp)
{
    const char *type = f->parent.type->name;

    if (f->fdc) {
        return true;
    }
    f->fdc = fdc_of_bus(f->bus_name);
    if (!f->fdc && f->bus_name) {
        error_set(errp, "Bus '%s' not found", f->bus_name);
    } else if (!f->fdc) {
        error_set(errp, "No 'floppy-bus' bus found for device '%s'", type);
    }
    return f->fdc;
}

static bool find_unit(Floppy *f, Error **errp)
{
    if (f->unit == UINT32_MAX) {
        f->unit = 0;
        while (f->unit < FDC_REAL_DRIVES && f->fdc->drive[f->unit].blk) {
            f->unit++;
        }
    }
    if (f->unit >= FDC_REAL_DRIVES) {
        error_set(errp, "Can't create floppy unit %u, bus supports only %u units", f->unit, FDC_REAL_DRIVES);
        return false;
    }
    if (f->fdc->drive[f->unit].blk) {
        error_set(errp, "Floppy unit %u is in use", f->unit);
        return false;
    }
    return true;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static BlockBackend *take_backend(Floppy *f, Error **errp)
{
    BlockBackend *blk;

    if (!f->drive_name) {
        for (unsigned i = 0; !f->drive_name; i++) {     /* an empty drive, under the first name that is free */
            g_autofree char *name = g_strdup_printf("floppy%u", i);

            f->drive_name = blk_find(name) ? NULL : g_steal_pointer(&name);
        }
        return blk_new(f->drive_name);
    }
    blk = blk_find(f->drive_name);
    if (!blk) {
        error_set(errp, "Property '%s.drive' can't find value '%s'", f->parent.type->name, f->drive_name);
    }
    return blk;
}

static bool check_props(Floppy *f, FloppyType *type, Error **errp)
{
    if (!floppy_type_parse("drive-type", f->type, type, errp) || !block_props_check(&f->block, errp)) {
        return false;
    }
    if (f->block.logical != SECTOR || f->block.physical != SECTOR) {
        error_set(errp, "Physical and logical block size must be 512 for floppy");
        return false;
    }
    return true;
}

static bool floppy_realize(Device *dev, Error **errp)
{
    Floppy *f = container_of(dev, Floppy, parent);
    FloppyType type;
    BlockBackend *blk;

    if (!check_props(f, &type, errp) || !find_controller(f, errp) || !find_unit(f, errp)) {
        return false;
    }
    blk = take_backend(f, errp);
    if (!blk || !fdc_attach(f->fdc, f->unit, blk, type, errp)) {
        return false;
    }
    f->drive = &f->fdc->drive[f->unit];
    g_free(f->type);
    f->type = g_strdup(type_name(f->drive->type));      /* what it came to, for info qtree */
    return true;
}

static void floppy_unrealize(Device *dev)
{
    fdc_detach(container_of(dev, Floppy, parent)->drive);
}

bool floppy_create(Fdc *fdc, unsigned unit, const char *drive, Error **errp)
{
    Device *dev = device_new("floppy");
    Floppy *f = container_of(dev, Floppy, parent);

    f->fdc = fdc;
    f->unit = unit;
    if (!device_set_prop(dev, "drive", drive, errp) || !device_realize(dev, &fdc->parent, errp)) {
        device_unref(dev);
        return false;
    }
    return true;
}

static const DeviceType floppy_type = {
    .name = "floppy", .desc = "virtual floppy drive", .bus = BUS_FLOPPY, .user_creatable = true,
    .instance_size = sizeof(Floppy),
    .props = (const Property[]) {
        { .name = "unit", .kind = PROPK_UINT32, .offset = offsetof(Floppy, unit), .def = UINT32_MAX,
          .help = "0 drive A, 1 drive B; the first free one when not given" },
        { .name = "drive", .kind = PROPK_STRING, .offset = offsetof(Floppy, drive_name), .help = "id of a -drive" },
        { .name = "bus", .kind = PROPK_STRING, .offset = offsetof(Floppy, bus_name),
          .help = "floppy-bus.0, or ID.0 of an isa-fdc" },
        { .name = "drive-type", .kind = PROPK_STRING, .offset = offsetof(Floppy, type), .def_str = "auto",
          .help = "144/288/120/none/auto" },
        BLOCK_PROPS(Floppy, block),
        PROP_END
    },
    .realize = floppy_realize, .unrealize = floppy_unrealize,
};
DEVICE_TYPE(floppy_type)
