/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The firmware configuration device: numbered items and named files that firmware and option ROMs read.
 *
 * An item is made of extents, each of which lies in memory, in an open file or is all zeros: a kernel of any size is
 * published without being read before the guest asks for it. Files get keys 20h, 21h, ... in alphabetical order, so all
 * of them must be added before the guest runs; afterwards fw_cfg_set_file() may replace contents. Adding a key or a
 * name twice replaces the first. Big lock held.
 */
#ifndef HW_NVRAM_FW_CFG_H
#define HW_NVRAM_FW_CFG_H

#include "hw/core/device.h"
#include "qemu/option.h"

enum FwCfgKey {
    FW_CFG_SIGNATURE = 0x00, FW_CFG_ID = 0x01, FW_CFG_UUID = 0x02, FW_CFG_RAM_SIZE = 0x03, FW_CFG_NOGRAPHIC = 0x04,
    FW_CFG_NB_CPUS = 0x05, FW_CFG_KERNEL_ADDR = 0x07, FW_CFG_KERNEL_SIZE = 0x08, FW_CFG_INITRD_ADDR = 0x0a,
    FW_CFG_INITRD_SIZE = 0x0b, FW_CFG_NUMA = 0x0d, FW_CFG_BOOT_MENU = 0x0e, FW_CFG_MAX_CPUS = 0x0f,
    FW_CFG_KERNEL_ENTRY = 0x10, FW_CFG_KERNEL_DATA = 0x11, FW_CFG_INITRD_DATA = 0x12, FW_CFG_CMDLINE_ADDR = 0x13,
    FW_CFG_CMDLINE_SIZE = 0x14, FW_CFG_CMDLINE_DATA = 0x15, FW_CFG_SETUP_ADDR = 0x16, FW_CFG_SETUP_SIZE = 0x17,
    FW_CFG_SETUP_DATA = 0x18, FW_CFG_FILE_DIR = 0x19, FW_CFG_FILE_FIRST = 0x20,
    FW_CFG_ARCH = 0x8000, FW_CFG_ACPI_TABLES = 0x8000, FW_CFG_SMBIOS_ENTRIES = 0x8001, FW_CFG_IRQ0_OVERRIDE = 0x8002,
    FW_CFG_E820_TABLE = 0x8003, FW_CFG_HPET = 0x8004,
};

/* Control word of a DMA descriptor. */
#define FW_CFG_DMA_ERROR  (1u << 0)
#define FW_CFG_DMA_READ   (1u << 1)
#define FW_CFG_DMA_SKIP   (1u << 2)
#define FW_CFG_DMA_SELECT (1u << 3)
#define FW_CFG_DMA_WRITE  (1u << 4)

typedef struct FwCfgExtent {
    uint64_t len;
    const void *data;       /* bytes in memory (copied), or */
    int fd;                 /* when data is NULL: > 0 a file that stays open (borrowed), else zeros */
    uint64_t file_offset;
} FwCfgExtent;

Device *fw_cfg_create(void);        /* not realized: add it to the machine with device_realize() */
void fw_cfg_add_extents(Device *dev, uint16_t key, const FwCfgExtent *extents, unsigned count);
void fw_cfg_set_file(Device *dev, const char *name, const void *data, size_t len);  /* add or replace; copies */
/* For tests and monitors: key of a file, 0 when there is none; length of an item; bytes of it, zeros past the end. */
uint16_t fw_cfg_file_key(Device *dev, const char *name);
uint64_t fw_cfg_item_len(Device *dev, uint16_t key);
void fw_cfg_item_read(Device *dev, uint16_t key, uint64_t offset, void *buf, size_t len);

/* -fw_cfg and -option-rom (fw_cfg-user.c): read and kept; false with an Error. Then what makes files of them. */
extern const KeyDef fw_cfg_keys[];
bool fw_cfg_option(const KeyList *l, Error **errp);
bool fw_cfg_option_rom(const char *file, Error **errp);
bool fw_cfg_option_splash(const char *file, Error **errp);      /* -boot splash= */
void fw_cfg_add_user_files(Device *fw);

#endif
