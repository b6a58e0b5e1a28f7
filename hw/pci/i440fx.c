/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel 440FX host bridge (82441FX PMC), function 00.0
 *
 * Configuration mechanism 1, and who answers in A0000-FFFFF: RAM, RAM that cannot be written, or PCI (PAM); the VGA
 * window or the RAM behind it (SMRAM).
 * Follows: Intel 82441FX (PMC) datasheet, "PAM[6:0]" and "SMRAM".
 * Left out: DRAM timing and row registers (storage only), D_CLS. A PAM nibble of 2 (read PCI, write RAM) acts as 3:
 * what reads the ROM while it writes the RAM below would make every fetch from there an I/O access, and firmware
 * written for this board copies from the ROM's high address. PAM and SMRAM survive a machine reset: firmware's warm
 * start and the S3 wake path run in the shadow copy.
 */
#include "qemu/osdep.h"
#include "hw/i386/x86-board.h"
#include "hw/pci/i440fx.h"
#include "qemu/bitops.h"
#include "qemu/log.h"
#include "trace/hw-pci.h"

#define PAM0            0x59        /* 59: high nibble F0000; 5A..5F: two segments of 16 KiB from C0000 */
#define PAM_SEGMENTS    13
#define PAM_READ_RAM    1u
#define RAM_UNITS       0x57        /* DRAM control in the datasheet; firmware of this machine reads the size of RAM */
#define RAM_UNIT        (8 * MiB)
#define SMRAM           0x72
#define SMRAM_D_OPEN    (1u << 6)
#define SMRAM_D_LCK     (1u << 4)
#define SMRAM_G_SMRAME  (1u << 3)
#define SMRAM_BASE_SEG  2u          /* bits 2:0, read only: A0000-BFFFF */
#define SMRAM_WRITABLE  0x78u

#define VGA_BASE        0xa0000u
#define VGA_SIZE        0x20000u
#define CONFIG_ENABLE   (1u << 31)

AddressSpace *address_space_smm;

typedef struct PamSegment {
    MemoryRegion pci;           /* reads and writes go to PCI */
    MemoryRegion shadow;        /* RAM, writes dropped */
} PamSegment;

typedef struct I440fx {
    PciDevice parent;
    MemoryRegion config_address, config_data;
    MemoryRegion vga_window;                /* A0000: to PCI, unless D_OPEN */
    MemoryRegion smm_root, smm_system, smm_ram;
    PamSegment pam[PAM_SEGMENTS];
    uint32_t config_reg;                    /* CF8 */
} I440fx;

/* They outlive every bridge, and the bus needs one before the bridge exists. */
static MemoryRegion pci_memory, pci_hole;

static I440fx *i440fx_of(PciDevice *dev)
{
    return container_of(dev, I440fx, parent);
}

/* ---- configuration mechanism 1 ---------------------------------------------------------------------------------- */

/* Only a doubleword access is the register; anything narrower passes to the bus, where nobody claims it. */
static uint64_t config_address_read(void *opaque, hwaddr addr, unsigned size)
{
    I440fx *s = opaque;

    return addr == 0 && size == 4 ? s->config_reg : ~0ull;
}

static void config_address_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    I440fx *s = opaque;

    if (addr == 0 && size == 4) {
        s->config_reg = val;
    }
}

static uint64_t config_data_read(void *opaque, hwaddr addr, unsigned size)
{
    I440fx *s = opaque;

    if (!(s->config_reg & CONFIG_ENABLE)) {
        return ~0ull;
    }
    return pci_data_read(s->parent.bus, (s->config_reg & 0xfffffcu) | addr, size);
}

static void config_data_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    I440fx *s = opaque;

    if (s->config_reg & CONFIG_ENABLE) {
        pci_data_write(s->parent.bus, (s->config_reg & 0xfffffcu) | addr, val, size);
    }
}

static const MemoryRegionOps config_address_ops = {
    .read = config_address_read, .write = config_address_write, .size = { .min = 1, .max = 4 },
};

static const MemoryRegionOps config_data_ops = {
    .read = config_data_read, .write = config_data_write, .size = { .min = 1, .max = 4 },
};

/* ---- who answers below 1 MiB ------------------------------------------------------------------------------------ */

static hwaddr pam_base(unsigned i)
{
    return i == 0 ? 0xf0000 : 0xc0000 + (i - 1) * 0x4000;
}

static hwaddr pam_size(unsigned i)
{
    return i == 0 ? 0x10000 : 0x4000;
}

static unsigned pam_state(const I440fx *s, unsigned i)
{
    unsigned reg = s->parent.config[PAM0 + (i + 1) / 2];

    return (i % 2 ? reg : reg >> 4) & 3;        /* segment 0 is a high nibble, 1 a low one, and so on */
}

static void update_pam(I440fx *s)
{
    memory_transaction_begin();
    for (unsigned i = 0; i < PAM_SEGMENTS; i++) {
        unsigned state = pam_state(s, i);

        trace_i440fx_pam(i, state);
        memory_region_set_enabled(&s->pam[i].pci, state == 0);
        memory_region_set_enabled(&s->pam[i].shadow, state == PAM_READ_RAM);
    }
    memory_transaction_commit();
}

static void update_smram(I440fx *s)
{
    uint8_t val = s->parent.config[SMRAM];

    trace_i440fx_smram(val);
    memory_transaction_begin();
    memory_region_set_enabled(&s->vga_window, !(val & SMRAM_D_OPEN));
    memory_region_set_enabled(&s->smm_ram, val & SMRAM_G_SMRAME);
    memory_transaction_commit();
}

static void lock_smram(I440fx *s)
{
    uint8_t *reg = &s->parent.config[SMRAM];

    if (*reg & SMRAM_D_LCK) {
        *reg &= ~SMRAM_D_OPEN;
        s->parent.wmask[SMRAM] = 0;
    } else {
        s->parent.wmask[SMRAM] = SMRAM_WRITABLE;
    }
}

static bool touches(uint32_t addr, unsigned len, uint32_t first, uint32_t last)
{
    return addr <= last && addr + len > first;
}

static void i440fx_config_written(PciDevice *dev, uint32_t addr, unsigned len)
{
    I440fx *s = i440fx_of(dev);

    if (touches(addr, len, PAM0, PAM0 + 6)) {
        update_pam(s);
    }
    if (touches(addr, len, SMRAM, SMRAM)) {
        lock_smram(s);
        update_smram(s);
    }
}

/* ---- the parts' life -------------------------------------------------------------------------------------------- */

/* What nobody on PCI claims below 1 MiB. Without it the RAM underneath would shine through the windows above. */
static uint64_t hole_read(void *opaque, hwaddr addr, unsigned size)
{
    return 0;
}

static const MemoryRegionOps hole_ops = { .read = hole_read, .size = { .min = 1, .max = 8 }, .no_lock = true };

static void map_windows(I440fx *s, MemoryRegion *ram)
{
    MemoryRegion *sys = get_system_memory();
    Device *owner = &s->parent.parent;

    memory_region_init_alias(&s->vga_window, owner, "smram-region", &pci_memory, VGA_BASE, VGA_SIZE);
    memory_region_add(sys, VGA_BASE, &s->vga_window, 1);
    for (unsigned i = 0; i < PAM_SEGMENTS; i++) {
        PamSegment *seg = &s->pam[i];

        memory_region_init_alias(&seg->pci, owner, "pam-pci", &pci_memory, pam_base(i), pam_size(i));
        memory_region_init_alias(&seg->shadow, owner, "pam-rom", ram, pam_base(i), pam_size(i));
        seg->shadow.readonly = true;
        seg->shadow.enabled = false;
        memory_region_add(sys, pam_base(i), &seg->pci, 1);
        memory_region_add(sys, pam_base(i), &seg->shadow, 1);
    }
}

static void map_smm(I440fx *s, MemoryRegion *ram)
{
    Device *owner = &s->parent.parent;

    memory_region_init(&s->smm_root, owner, "memory", 0);
    memory_region_init_alias(&s->smm_system, owner, "memory", get_system_memory(), 0, 0);
    memory_region_init_alias(&s->smm_ram, owner, "smram", ram, VGA_BASE, VGA_SIZE);
    memory_region_add(&s->smm_root, 0, &s->smm_system, 0);
    memory_region_add(&s->smm_root, VGA_BASE, &s->smm_ram, 1);
    address_space_init(&address_space_smm, &s->smm_root, "cpu-smm-0");
}

static bool i440fx_realize(PciDevice *dev, Error **errp)
{
    I440fx *s = i440fx_of(dev);
    Device *owner = &dev->parent;

    dev->config[SMRAM] = SMRAM_BASE_SEG;
    dev->wmask[SMRAM] = SMRAM_WRITABLE;
    memory_region_init_io(&s->config_address, owner, &config_address_ops, s, "pci-conf-idx", 4);
    memory_region_init_io(&s->config_data, owner, &config_data_ops, s, "pci-conf-data", 4);
    memory_region_add(pci_bus_io(dev->bus), 0xcf8, &s->config_address, 0);
    memory_region_add(pci_bus_io(dev->bus), 0xcfc, &s->config_data, 0);
    return true;
}

static void i440fx_reset(PciDevice *dev)
{
    I440fx *s = i440fx_of(dev);

    s->config_reg = 0;
    dev->config[SMRAM] &= ~SMRAM_D_LCK;     /* datasheet: only a reset unlocks */
    lock_smram(s);
    update_pam(s);
    update_smram(s);
}

static bool i440fx_post_load(void *opaque, int version, Error **errp)
{
    I440fx *s = opaque;

    lock_smram(s);
    update_pam(s);
    update_smram(s);
    return true;
}

static const VMStateDescription i440fx_vmstate = {
    .name = "i440fx", .version = 1, .min_version = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_STRUCT(parent, I440fx, vmstate_pci_device),
        VMSTATE_UINT32(config_reg, I440fx),
        VMSTATE_END
    },
    .post_load = i440fx_post_load,
};

static const PciDeviceClass i440fx_class = {
    .vendor = 0x8086, .device = 0x1237, .revision = 0x02, .class_id = 0x0600,
    .realize = i440fx_realize, .reset = i440fx_reset, .config_written = i440fx_config_written,
};

static const DeviceType i440fx_type = {
    .name = "i440FX", .desc = "440FX host bridge", .bus = BUS_PCI,
    .instance_size = sizeof(I440fx), .vmstate = &i440fx_vmstate, .class_data = &i440fx_class,
};
DEVICE_TYPE(i440fx_type)

bool i440fx_init(PcState *pc, Error **errp)
{
    I440fx *s;

    memory_transaction_begin();
    memory_region_init(&pci_memory, NULL, "pci", 0);
    memory_region_init_io(&pci_hole, NULL, &hole_ops, NULL, "pci-unclaimed", 0x100000 - VGA_BASE);
    memory_region_add(&pci_memory, VGA_BASE, &pci_hole, -1000);
    memory_region_add(get_system_memory(), 0, &pci_memory, -1);
    pc->bus = pci_root_bus_new(&pci_memory, get_system_io(), NULL, NULL, NULL, 0);
    pc->i440fx = pci_new("i440FX", 0);
    s = i440fx_of(pc->i440fx);
    if (!pci_realize(pc->i440fx, pc->bus, errp)) {
        memory_transaction_commit();
        return false;
    }
    pc->i440fx->config[RAM_UNITS] = (uint8_t)MIN(pc->opts->ram_size / RAM_UNIT, 0xff);
    map_windows(s, &pc->ram);
    map_smm(s, &pc->ram);
    update_pam(s);
    update_smram(s);
    memory_transaction_commit();
    return true;
}
