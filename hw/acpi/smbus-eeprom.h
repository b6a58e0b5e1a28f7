/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory modules' EEPROMs on the SMBus, addresses 50h to 57h: 256 bytes each, written at the factory. Big lock
 * held.
 */
#ifndef HW_ACPI_SMBUS_EEPROM_H
#define HW_ACPI_SMBUS_EEPROM_H

#include "qemu/osdep.h"

#define SMBUS_EEPROM_FIRST  0x50
#define SMBUS_EEPROM_COUNT  8
#define SMBUS_EEPROM_SIZE   256

/*
 * Contents of all of them for a machine with this much memory: modules of powers of two, largest first, the rest
 * empty.
 */
void spd_fill(uint8_t data[SMBUS_EEPROM_COUNT][SMBUS_EEPROM_SIZE], uint64_t ram_size);

#endif
