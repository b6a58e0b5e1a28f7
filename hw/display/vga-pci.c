/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The standard VGA card: PCI 1234:1111
 *
 *   BAR 0   display memory, prefetchable
 *   BAR 2   4 KiB: 000 EDID of the monitor, 400 ports 3C0h-3DFh, 500 DISPI registers, 600 byte order of the pixels
 *   ROM     VGA BIOS of the distribution's SeaBIOS package
 *   legacy  A0000-BFFFF and the VGA ports, whatever the command register says: nobody else on this board wants them
 *
 * "secondary-VGA" is the same without the legacy places and without ROM, for a second monitor.
 * Left out: big endian pixels. The register takes the value that asks for little endian only.
 */
#include "qemu/osdep.h"
#include "hw/display/edid.h"
#include "hw/pci/pci.h"
#include "qemu/bitops.h"
#include "qemu/log.h"
#include "vga-int.h"

#define MMIO_SIZE       0x1000u
#define MMIO_EDID       0x000u
#define MMIO_EDID_END   0x180u
#define MMIO_PORTS      0x400u
#define MMIO_PORTS_END  0x420u
#define MMIO_DISPI      0x500u
#define MMIO_DISPI_END  (MMIO_DISPI + 2 * DISPI_COUNT)
#define MMIO_EXT        0x600u
#define MMIO_ENDIAN     0x604u
#define MMIO_EXT_END    0x608u
#define LITTLE_ENDIAN_PIXELS 0x1e1e1e1eu

typedef struct VgaPci {
    PciDevice parent;
    VgaState vga;
    MemoryRegion mmio;
    uint32_t xres, yres;        /* properties: of the monitor */
    bool edid;                  /* property: there is one */
    uint8_t edid_data[EDID_SIZE];
} VgaPci;

static VgaPci *vga_pci(PciDevice *dev)
{
    return container_of(dev, VgaPci, parent);
}

/* ---- BAR 2 ------------------------------------------------------------------------------------------------------- */

static uint64_t read_edid(const VgaPci *s, hwaddr addr, unsigned size)
{
    uint64_t val = 0;

    for (unsigned i = 0; i < size && s->edid && addr + i < EDID_SIZE; i++) {
        val |= (uint64_t)s->edid_data[addr + i] << (8 * i);
    }
    return val;
}

static uint64_t read_ports(VgaPci *s, hwaddr addr, unsigned size)
{
    uint64_t val = 0;

    for (unsigned i = 0; i < size; i++) {
        val |= (uint64_t)vga_port_read(&s->vga, 0x3c0 + addr - MMIO_PORTS + i) << (8 * i);
    }
    return val;
}

/* A dword is two registers. */
static uint64_t read_dispi(VgaPci *s, hwaddr addr, unsigned size)
{
    unsigned index = (addr - MMIO_DISPI) / 2;
    uint64_t val = dispi_read(&s->vga, index) >> (8 * (addr & 1));

    return size == 4 ? val | (uint64_t)dispi_read(&s->vga, index + 1) << 16 : val;
}

static void write_dispi(VgaPci *s, hwaddr addr, uint64_t val, unsigned size)
{
    unsigned index = (addr - MMIO_DISPI) / 2;

    dispi_write(&s->vga, index, val);
    if (size == 4) {
        dispi_write(&s->vga, index + 1, val >> 16);
    }
}

static uint64_t mmio_read(void *opaque, hwaddr addr, unsigned size)
{
    VgaPci *s = opaque;

    if (addr < MMIO_EDID_END) {
        return read_edid(s, addr, size);
    }
    if (addr >= MMIO_PORTS && addr < MMIO_PORTS_END) {
        return read_ports(s, addr, size);
    }
    if (addr >= MMIO_DISPI && addr < MMIO_DISPI_END) {
        return read_dispi(s, addr, size);
    }
    if (addr >= MMIO_EXT && addr < MMIO_EXT_END) {
        return (addr < MMIO_ENDIAN ? MMIO_EXT_END - MMIO_EXT : LITTLE_ENDIAN_PIXELS) >> (8 * (addr & 3));
    }
    return ~0ull;
}

static void mmio_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    VgaPci *s = opaque;

    if (addr >= MMIO_PORTS && addr < MMIO_PORTS_END) {
        for (unsigned i = 0; i < size; i++) {
            vga_port_write(&s->vga, 0x3c0 + addr - MMIO_PORTS + i, val >> (8 * i));
        }
    } else if (addr >= MMIO_DISPI && addr < MMIO_DISPI_END && size >= 2) {
        write_dispi(s, addr, val, size);
    } else if (addr != MMIO_ENDIAN || val != LITTLE_ENDIAN_PIXELS) {
        qemu_log_mask(LOG_GUEST_ERROR, "vga: write of 0x%" PRIx64 ", %u bytes, to offset 0x%" PRIx64 " of BAR 2\n", val,
                      size, addr);
    }
}

static const MemoryRegionOps mmio_ops = { .read = mmio_read, .write = mmio_write, .size = { .min = 1, .max = 4 } };

/* ---- life -------------------------------------------------------------------------------------------------------- */

static bool realize_common(PciDevice *dev, Error **errp)
{
    VgaPci *s = vga_pci(dev);

    if (!vga_realize(&s->vga, &dev->parent, errp)) {
        return false;
    }
    edid_generate(s->edid_data, CLAMP(s->xres, 320, 4088), CLAMP(s->yres, 200, 4088));
    memory_region_init_io(&s->mmio, &dev->parent, &mmio_ops, s, "vga.mmio", MMIO_SIZE);
    pci_register_bar(dev, 0, 8, &s->vga.vram);
    pci_register_bar(dev, 2, 0, &s->mmio);
    return true;
}

static bool vga_pci_realize(PciDevice *dev, Error **errp)
{
    VgaPci *s = vga_pci(dev);

    if (!realize_common(dev, errp)) {
        return false;
    }
    vga_map_legacy(&s->vga, pci_bus_mem(dev->bus), pci_bus_io(dev->bus));
    return true;
}

static void vga_pci_unrealize(Device *dev)
{
    VgaPci *s = container_of(dev, VgaPci, parent.parent);

    vga_unrealize(&s->vga);
    memory_region_destroy(&s->mmio);
}

static void vga_pci_reset(PciDevice *dev)
{
    vga_reset(&vga_pci(dev)->vga);
}

static const VMStateDescription vga_pci_vmstate = {
    .name = "VGA", .version = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_STRUCT(parent, VgaPci, vmstate_pci_device),
        VMSTATE_STRUCT(vga, VgaPci, vga_vmstate),
        VMSTATE_END
    },
};

#define COMMON_PROPS                                                                                \
    PROP_UINT32("vgamem_mb", VgaPci, vga.vgamem_mb, 16), PROP_UINT32("xres", VgaPci, xres, 1280),   \
    PROP_UINT32("yres", VgaPci, yres, 800), PROP_BOOL("edid", VgaPci, edid, true)

static const Property vga_pci_props[] = { COMMON_PROPS, PROP_END };

static const PciDeviceClass vga_pci_class = {
    .vendor = 0x1234, .device = 0x1111, .class_id = 0x0300, .revision = 2, .romfile = "vgabios-stdvga.bin",
    .realize = vga_pci_realize, .reset = vga_pci_reset,
};

static const DeviceType vga_pci_type = {
    .name = "VGA", .desc = "standard VGA with Bochs display interface", .bus = BUS_PCI, .user_creatable = true,
    .no_hotplug = true,
    .instance_size = sizeof(VgaPci), .props = vga_pci_props, .unrealize = vga_pci_unrealize,
    .vmstate = &vga_pci_vmstate, .class_data = &vga_pci_class,
};
DEVICE_TYPE(vga_pci_type)

static const Property secondary_props[] = { COMMON_PROPS, PROP_END };

static const PciDeviceClass secondary_class = {
    .vendor = 0x1234, .device = 0x1111, .class_id = 0x0380, .revision = 2,
    .realize = realize_common, .reset = vga_pci_reset,
};

static const DeviceType secondary_type = {
    .name = "secondary-vga", .desc = "the same for a second monitor, without legacy ports", .bus = BUS_PCI,
    .user_creatable = true, .instance_size = sizeof(VgaPci), .props = secondary_props, .unrealize = vga_pci_unrealize,
    .vmstate = &vga_pci_vmstate, .class_data = &secondary_class,
};
DEVICE_TYPE(secondary_type)
