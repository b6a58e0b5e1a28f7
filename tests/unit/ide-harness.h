/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An IDE function on a bare PCI bus, with RAM to do DMA to and image files made for the test. One thread. */
#ifndef TESTS_UNIT_IDE_HARNESS_H
#define TESTS_UNIT_IDE_HARNESS_H

#include "device-harness.h"
#include <glib/gstdio.h>
#include "block/backend.h"
#include "hw/ide/ide.h"
#include "qemu/bitops.h"

#define BMDMA           0xc000
#define RAM_SIZE        (4 * MiB)
#define BSY             0x80
#define DRDY            0x40
#define DRQ             0x08
#define ERR             0x01

static PciDevice *ide;
static char *image_path[4];

static int no_irq(PciDevice *dev, int pin)
{
    return 0;
}

static void drop_irq(void *opaque, int pirq, int level)
{
}

static inline void ide_harness_init(int *argc, char ***argv)
{
    static MemoryRegion ram;

    harness_init(argc, argv);
    memory_region_init_ram(&ram, NULL, "ram", RAM_SIZE, &error_abort);
    memory_region_add(get_system_memory(), 0, &ram, 0);
    ide = piix3_ide_create(pci_root_bus_new(get_system_memory(), get_system_io(), no_irq, drop_irq, NULL, 4), 9,
                           &error_abort);
}

/* A byte of sector n of a test image: differs between neighbours and between sectors. */
static inline uint8_t pattern(uint64_t offset)
{
    return (uint8_t)(offset * 7 + offset / 512 * 13 + offset / 65536);
}

static inline BlockBackend *image_new(unsigned slot, const char *name, uint64_t size, bool readonly)
{
    int fd = g_file_open_tmp("ide-test-XXXXXX", &image_path[slot], NULL);
    BlockOpenOptions o = { .format = "raw", .readonly = readonly };
    g_autofree uint8_t *data = g_malloc(MIN(size, MiB));
    BlockBackend *blk = blk_new(name);

    for (unsigned i = 0; i < MIN(size, MiB); i++) {
        data[i] = pattern(i);
    }
    g_assert_cmpint(write(fd, data, MIN(size, MiB)), ==, MIN(size, MiB));
    g_assert_cmpint(ftruncate(fd, size), ==, 0);
    close(fd);
    blk_insert(blk, block_open(image_path[slot], &o, &error_abort));
    return blk;
}

static inline void images_free(void)
{
    blk_close_all();
    for (unsigned i = 0; i < ARRAY_SIZE(image_path); i++) {
        if (image_path[i]) {
            g_unlink(image_path[i]);
        }
        g_free(image_path[i]);
    }
}

static inline Device *drive_new(bool is_cdrom, unsigned channel, unsigned unit, const char *blk)
{
    Device *dev = ide_drive_new(piix3_ide_function(ide), is_cdrom, channel, unit);

    if (blk) {
        device_set_prop(dev, "drive", blk, &error_abort);
    }
    device_realize(dev, &ide->parent, &error_abort);
    return dev;
}

/* The machine as firmware leaves it: bus master enabled, its registers at BMDMA. */
static inline void machine_reset(void)
{
    device_reset_all();
    pci_config_write(ide, PCI_BAR0 + 16, BMDMA, 4);
    pci_config_write(ide, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MASTER, 2);
    memset(line_edges, 0, sizeof(line_edges));
}

/* Lets time pass until the drive is not busy; its status, read without side effects. */
static inline uint8_t wait_ready(uint16_t base)
{
    for (unsigned i = 0; i < 5000 && in8(base + 0x206) & BSY; i++) {
        run_for(10 * US);
        main_loop_wait(1 * MS);
    }
    return in8(base + 0x206);
}

static inline void regs(uint16_t base, uint8_t feature, uint8_t count, uint32_t lba, uint8_t device)
{
    out8(base + 6, device | (lba >> 24 & 0xf));
    out8(base + 1, feature);
    out8(base + 2, count);
    out8(base + 3, lba);
    out8(base + 4, lba >> 8);
    out8(base + 5, lba >> 16);
}

static inline void read_words(uint16_t base, void *buf, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        store_le16((uint8_t *)buf + 2 * i, port_in(base, 2));
    }
}

static inline void write_words(uint16_t base, const void *buf, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        port_out(base, load_le16((const uint8_t *)buf + 2 * i), 2);
    }
}

static inline void assert_pattern(const uint8_t *p, uint64_t offset, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (p[i] != pattern(offset + i)) {
            g_error("byte %zu is 0x%02x, expected 0x%02x", i, p[i], pattern(offset + i));
        }
    }
}

static inline void put_prd(unsigned i, uint32_t addr, uint32_t len, bool last)
{
    stl_phys(address_space_memory, 0x1000 + 8 * i, addr);
    stl_phys(address_space_memory, 0x1004 + 8 * i, (len & 0xffff) | (last ? 0x80000000u : 0));
}

static inline void start_dma(bool to_memory)
{
    port_out(BMDMA + 4, 0x1000, 4);
    out8(BMDMA + 2, 0x66);      /* clears what is pending */
    out8(BMDMA, to_memory ? 0x08 : 0x00);
    out8(BMDMA, to_memory ? 0x09 : 0x01);
}

#endif
