/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IDE on a machine without PCI: two channels at the PC/AT's ports
 *
 * Drives move data by PIO only: their DMA commands wait for a bus master that is not there, as on such a card.
 */
#include "qemu/osdep.h"
#include "ide-internal.h"

typedef struct IsaIde {
    Device parent;
    IdeFunction f;
} IsaIde;

static bool isa_ide_realize(Device *dev, Error **errp)
{
    ide_function_init(&container_of(dev, IsaIde, parent)->f, dev, NULL);
    return true;
}

static void isa_ide_reset(Device *dev)
{
    ide_function_reset(&container_of(dev, IsaIde, parent)->f);
}

static bool isa_ide_post_load(void *opaque, int version, Error **errp)
{
    return ide_function_check(&((IsaIde *)opaque)->f, errp);
}

static const VMStateDescription isa_ide_vmstate = {
    .name = "isa-ide", .version = 1, .post_load = isa_ide_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_STRUCT_ARRAY(f.ch, IsaIde, IDE_CHANNELS, vmstate_ide_channel),
        VMSTATE_END
    },
};

static const DeviceType isa_ide_type = {
    .name = "isa-ide", .desc = "ISA IDE, two channels", .bus = BUS_ISA, .instance_size = sizeof(IsaIde),
    .realize = isa_ide_realize, .reset = isa_ide_reset, .vmstate = &isa_ide_vmstate,
};
DEVICE_TYPE(isa_ide_type)

IdeFunction *isa_ide_create(Error **errp)
{
    Device *dev = device_realize_or_free(device_new("isa-ide"), errp);

    return dev ? &container_of(dev, IsaIde, parent)->f : NULL;
}
