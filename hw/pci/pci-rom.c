/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Option ROMs of PCI cards: a firmware file behind the expansion ROM BAR
 *
 * Follows: PCI Local Bus Specification 2.1, "Expansion ROM Base Address Register".
 */
#include "qemu/osdep.h"
#include "hw/nvram/firmware.h"
#include "pci-internal.h"
#include "qemu/bitops.h"

#define ROM_MAX     (16 * MiB)
#define ROM_MIN     (2 * KiB)

bool pci_add_rom(PciDevice *dev, Error **errp)
{
    const PciDeviceClass *k = dev->parent.type->class_data;
    const char *file = dev->romfile ? dev->romfile : k->romfile;
    g_autofree uint8_t *image = NULL;
    g_autofree char *name = NULL;
    size_t len;

    if (!file || !*file || !dev->rombar) {
        return true;
    }
    image = firmware_load(file, ROM_MAX, &len, errp);
    if (!image) {
        return false;
    }
    name = g_strdup_printf("%s.rom", dev->parent.type->name);
    if (!memory_region_init_rom(&dev->rom, &dev->parent, name, MAX(pow2ceil(len), ROM_MIN), errp)) {
        return false;
    }
    memcpy(memory_region_ram_ptr(&dev->rom), image, len);
    pci_register_bar(dev, PCI_ROM_SLOT, 0, &dev->rom);
    return true;
}

/* Its BAR is gone already. */
void pci_remove_rom(PciDevice *dev)
{
    if (dev->rom.name) {
        memory_region_destroy(&dev->rom);
    }
}
