/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices that come and go while a guest runs
 *
 *   device_plug()    realized, reset, then announced by its bus
 *   device_unplug()  the bus asks the guest; a device of no bus just goes
 *   device_retire()  when the guest has agreed: out of the tree at once, freed when nobody can be inside of it
 *
 * Big lock held throughout.
 */
#include "qemu/osdep.h"
#include "props.h"
#include "qemu/main-loop.h"
#include "sysemu/cpus.h"

static GList *retired;          /* Device *: their bus knows them no longer, a vCPU may still be on the way out */

bool device_type_can_hotplug(const DeviceType *t, Error **errp)
{
    static const char *const fixed_buses[BUS__COUNT] = {
        [BUS_SYSTEM] = "main-system-bus", [BUS_ISA] = "isa.0", [BUS_IDE] = "ide.0",
        [BUS_FLOPPY] = "floppy-bus.0",
    };

    if (t->no_hotplug) {
        error_set(errp, "Device '%s' does not support hotplugging", t->name);
    } else if (fixed_buses[t->bus]) {
        error_set(errp, "Bus '%s' does not support hotplugging", fixed_buses[t->bus]);
    }
    return !t->no_hotplug && !fixed_buses[t->bus];
}

static bool check_bus(Device *dev, Error **errp)
{
    const BusOps *bus = bus_ops(dev->type->bus);

    return device_type_can_hotplug(dev->type, errp) && (!bus || !bus->hotplug_check || bus->hotplug_check(dev, errp));
}

bool device_plug(Device *dev, Error **errp)
{
    const BusOps *bus = bus_ops(dev->type->bus);

    dev->hotplugged = true;
    if (!check_bus(dev, errp) || !device_realize(dev, NULL, errp)) {
        return false;
    }
    device_reset(dev);
    if (bus && bus->plugged) {
        bus->plugged(dev);
    }
    return true;
}

bool device_unplug(Device *dev, Error **errp)
{
    const BusOps *bus = bus_ops(dev->type->bus);

    if (!check_bus(dev, errp)) {
        return false;
    }
    if (bus && bus->unplug_request) {
        bus->unplug_request(dev);
    } else {
        device_unref(dev);
    }
    return true;
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static void do_nothing(VCpu *v, void *opaque)
{
}

/*
 * A vCPU that had found a register of the device may be waiting for the big lock to use it, and others have its RAM in
 * their TLBs. Work for a vCPU runs outside of guest code, and after the flush that was asked for when the regions went.
 */
static void free_retired(void *opaque)
{
    GList *list = g_steal_pointer(&retired);

    VCPU_FOREACH(v) {
        vcpu_run_on(v, do_nothing, NULL);
    }
    for (GList *l = list; l; l = l->next) {
        device_unref(l->data);
    }
    g_list_free(list);
}

/* Its name may be used again, and a snapshot has no part of it. */
static void forget(Device *dev)
{
    if (dev->type->vmstate) {
        vmstate_unregister(dev->type->vmstate, dev);
    }
    g_free(g_steal_pointer(&dev->id));
    for (GList *l = dev->children; l; l = l->next) {
        forget(l->data);
    }
}

void device_retire(Device *dev)
{
    static Bh *bh;

    assert(dev->realized);
    forget(dev);
    device_unlink(dev);
    retired = g_list_append(retired, dev);
    if (!bh) {
        bh = bh_new(free_retired, NULL);
    }
    bh_schedule(bh);
}
