/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Option ROMs of PCI cards: a firmware file behind the expansion ROM BAR
 *
 * Follows: PCI Local Bus Specification 2.1, "Expansion ROM Base Address Register".
 */
#include "qemu/osdep.h"
#include "hw/nvram/firmware.h"
#include "hw/pci/pci.h"
#include "qemu/bitops.h"

#define ROM_MAX     (16 * MiB)
#define ROM_MIN     (2 * KiB)

bool pci_add_rom(PciDevice *dev, MemoryRegion *mr, const char *file, Error **errp)
{
    g_autofree uint8_t *image = NULL;
    g_autofree char *name = NULL;
    size_t len;

    if (!file || !*file) {
        return true;
    }
    image = firmware_load(file, ROM_MAX, &len, errp);
    if (!image) {
        return false;
    }
    name = g_strdup_printf("%s.rom", dev->parent.type->name);
    if (!memory_region_init_rom(mr, &dev->parent, name, MAX(pow2ceil(len), ROM_MIN), errp)) {
        return false;
    }
    memcpy(memory_region_ram_ptr(mr), image, len);
    pci_register_bar(dev, PCI_ROM_SLOT, 0, mr);
    return true;
}
