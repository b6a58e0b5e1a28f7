/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where firmware images come from: the directories of -L, then pc-bios/ beside the program, then those the
 * distribution's
 * packages fill. The product ships none but its own option ROMs. Start-up only, one thread.
 */
#ifndef HW_NVRAM_FIRMWARE_H
#define HW_NVRAM_FIRMWARE_H

#include "qemu/error.h"

void firmware_add_dir(const char *dir);             /* -L: searched in the order given, before the defaults */
/* Path (caller frees) or NULL; a name with '/' and an existing file stand for themselves. */
char *firmware_find(const char *name);
/* Whole file; NULL with an Error that names the file, where it was looked for and the Debian package that has it. */
uint8_t *firmware_load(const char *name, size_t max, size_t *len, Error **errp);
void firmware_print_dirs(void);                     /* -L help */

/* Option ROMs of pc-bios/optionrom/, complete with checksums. */
extern const uint8_t optionrom_linuxboot[], optionrom_linuxboot_end[];
extern const uint8_t optionrom_multiboot[], optionrom_multiboot_end[];

#endif
