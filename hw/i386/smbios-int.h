/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the user wants to read in SMBIOS structures: -smbios, as smbios.c asks for it. Start-up. */
#ifndef HW_I386_SMBIOS_INT_H
#define HW_I386_SMBIOS_INT_H

#include "qemu/osdep.h"

/*
 * The text of a field of a type, def when it was not given: the last one given counts. entry: of the n-th -smbios of
 * that type only; SMBIOS_ANY: of all of them.
 */
#define SMBIOS_ANY  UINT_MAX
const char *smbios_setting(uint8_t type, unsigned entry, const char *key, const char *def);
uint64_t smbios_number(uint8_t type, unsigned entry, const char *key, uint64_t def);
unsigned smbios_entries(uint8_t type);          /* how many -smbios of that type there were */
const GPtrArray *smbios_strings(void);          /* type 11: const char *, in order; none of them is empty */

/* Structures from files: whole ones, one after the other; and whether one of that type is among them. */
const GByteArray *smbios_file_structures(uint16_t *count, uint16_t *max_len);
bool smbios_file_has(uint8_t type);

/* type=41,kind=: DSP0134, "Onboard Devices Extended - Onboard Device Types". 0: no such kind. */
uint8_t smbios_device_kind(const char *name);

#endif
