/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the loaders of -kernel: the opened image, and what each format's loader does with it. */
#ifndef HW_I386_KERNEL_H
#define HW_I386_KERNEL_H

#include "hw/i386/pc.h"

#define KERNEL_HEAD_LEN 8192            /* all formats state themselves in there */
#define FIRMWARE_TOP    0x28000         /* what firmware keeps below the end of low RAM (ACPI tables, its own data) */
#define LOW_RAM_END     0x9f000         /* below the extended BIOS data area */

typedef struct KernelImage {
    const char *path;
    int fd;                             /* stays open: fw_cfg reads from it while the guest boots */
    uint64_t size;
    uint8_t head[KERNEL_HEAD_LEN];      /* zeros behind the end of a short file */
} KernelImage;

/* Opens a regular, non-empty file; what: "kernel", "initrd". -1 with an Error otherwise. */
int kernel_open_file(const char *what, const char *path, uint64_t *size, Error **errp);
bool kernel_read(const KernelImage *k, uint64_t offset, void *buf, size_t len);     /* false: not that long */
/* Publishes a boot ROM and makes it the first boot device. */
void kernel_add_boot_rom(PcState *pc, const char *name, const uint8_t *rom, const uint8_t *end);

bool multiboot_detect(const KernelImage *k);
bool multiboot_load(PcState *pc, const KernelImage *k, Error **errp);

#endif
