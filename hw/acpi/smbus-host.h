/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The SMBus host controller inside the PIIX4 power management function. */
#ifndef HW_ACPI_SMBUS_HOST_H
#define HW_ACPI_SMBUS_HOST_H

#include "hw/core/device.h"
#include "smbus-eeprom.h"

#define SMBUS_BLOCK_MAX 32

typedef struct SmbusHost {
    MemoryRegion io;                    /* 16 ports; the owner maps them */
    void (*irq)(void *opaque, int level);
    void *opaque;
    uint8_t status, control, command, address, data[2];
    uint8_t outcome;                    /* status once the transfer in flight has ended */
    uint8_t block[SMBUS_BLOCK_MAX], block_index;
    uint8_t eeprom[SMBUS_EEPROM_COUNT][SMBUS_EEPROM_SIZE];  /* fixed: follows from the memory's size */
    uint8_t eeprom_at[SMBUS_EEPROM_COUNT];                  /* where each goes on reading */
} SmbusHost;

/* With the EEPROMs of memory modules of ram_size bytes in all; irq(opaque) is told of every change of the line. */
void smbus_host_init(SmbusHost *s, Device *owner, uint64_t ram_size, void (*irq)(void *opaque, int level),
                     void *opaque);
void smbus_host_reset(SmbusHost *s);
extern const VMStateDescription vmstate_smbus_host;

#endif
