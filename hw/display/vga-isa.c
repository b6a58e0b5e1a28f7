/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The standard VGA on an ISA card: the same chip at its legacy places, its memory in one piece at E0000000
 *
 * Its BIOS comes from the firmware configuration device, because an ISA machine has no ROM BAR; the machine's firmware
 * copies it to C0000.
 */
#include "qemu/osdep.h"
#include "hw/i386/pc.h"
#include "hw/nvram/firmware.h"
#include "vga-int.h"

#define FRAMEBUFFER     0xe0000000u     /* where the VBE of its BIOS looks */
#define ROM_MAX         (64 * KiB)

typedef struct VgaIsa {
    Device parent;
    VgaState vga;
    char *romfile;              /* property */
} VgaIsa;

static VgaIsa *vga_isa(Device *dev)
{
    return container_of(dev, VgaIsa, parent);
}

static bool add_rom(const VgaIsa *s, Error **errp)
{
    g_autofree uint8_t *image = NULL;
    g_autofree char *base = NULL, *name = NULL;
    size_t len;

    if (!s->romfile || !*s->romfile || !pc_state.fw_cfg) {
        return true;
    }
    image = firmware_load(s->romfile, ROM_MAX, &len, errp);
    if (!image) {
        return false;
    }
    base = g_path_get_basename(s->romfile);
    name = g_strdup_printf("vgaroms/%s", base);
    fw_cfg_add_file(pc_state.fw_cfg, name, image, len);
    return true;
}

static bool vga_isa_realize(Device *dev, Error **errp)
{
    VgaIsa *s = vga_isa(dev);

    if (!vga_realize(&s->vga, dev, errp)) {
        return false;
    }
    if (!add_rom(s, errp)) {
        vga_unrealize(&s->vga);
        return false;
    }
    vga_map_legacy(&s->vga, isa_address_space(), isa_address_space_io());
    memory_region_add(isa_address_space(), FRAMEBUFFER, &s->vga.vram, 1);
    return true;
}

static void vga_isa_unrealize(Device *dev)
{
    VgaIsa *s = vga_isa(dev);

    memory_region_del(&s->vga.vram);
    vga_unrealize(&s->vga);
}

static void vga_isa_reset(Device *dev)
{
    vga_reset(&vga_isa(dev)->vga);
}

static const VMStateDescription vga_isa_vmstate = {
    .name = "isa-vga", .version = 1,
    .fields = (const VMStateField[]) { VMSTATE_STRUCT(vga, VgaIsa, vga_vmstate), VMSTATE_END },
};

static const DeviceType vga_isa_type = {
    .name = "isa-vga", .desc = "standard VGA on an ISA card", .bus = BUS_ISA, .user_creatable = true,
    .instance_size = sizeof(VgaIsa),
    .props = (const Property[]) {
        PROP_UINT32("vgamem_mb", VgaIsa, vga.vgamem_mb, 8),
        PROP_STRING("romfile", VgaIsa, romfile, "vgabios-isavga.bin"), PROP_END
    },
    .realize = vga_isa_realize, .unrealize = vga_isa_unrealize, .reset = vga_isa_reset, .vmstate = &vga_isa_vmstate,
};
DEVICE_TYPE(vga_isa_type)
