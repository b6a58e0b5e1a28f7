/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Serial presence detect: what a memory module says about itself
 *
 * Follows: JEDEC Standard 21-C, "Serial Presence Detects for DDR2 SDRAM". The modules are unbuffered DDR2-800 with one
 * rank of 64 bits. Sizes a module of that kind cannot have (below 128 MiB, or what eight of 4 GiB do not hold) are left
 * out: SMBIOS and the firmware's memory map are where systems learn how much there is.
 */
#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "smbus-eeprom.h"

#define MODULE_MIN  (128 * MiB)
#define MODULE_MAX  (4 * GiB)
#define COLUMN_BITS 10
#define WIDTH_BITS  3           /* 64 bits are 8 bytes */

enum {
    SPD_USED = 0,
    SPD_TOTAL = 1,
    SPD_TYPE = 2,
    SPD_ROWS = 3,
    SPD_COLUMNS = 4,
    SPD_RANKS = 5,
    SPD_WIDTH = 6,
    SPD_LEVEL = 8,
    SPD_CYCLE = 9,
    SPD_ACCESS = 10,
    SPD_REFRESH = 12,
    SPD_CHIP_WIDTH = 13,
    SPD_BURST = 16,
    SPD_BANKS = 17,
    SPD_CAS = 18,
    SPD_MODULE = 20,
    SPD_DENSITY = 31,
    SPD_REVISION = 62,
    SPD_CHECKSUM = 63,
    SPD_PART = 73,
};

/* Byte 31: 1 GiB is bit 0, 2 GiB bit 1, ... 16 GiB bit 4, then 128, 256 and 512 MiB. */
static uint8_t density(uint64_t size)
{
    return size >= GiB ? (uint8_t)(size / GiB) : (uint8_t)(size / MODULE_MIN << 5);
}

static void fill_module(uint8_t *spd, uint64_t size)
{
    static const struct {
        uint8_t at, value;
    } same[] = {
        { SPD_USED, 128 }, { SPD_TOTAL, 8 }, { SPD_TYPE, 8 }, { SPD_COLUMNS, COLUMN_BITS }, { SPD_RANKS, 0x60 },
        { SPD_WIDTH, 64 }, { SPD_LEVEL, 5 }, { SPD_CYCLE, 0x25 }, { SPD_ACCESS, 0x40 }, { SPD_REFRESH, 0x82 },
        { SPD_CHIP_WIDTH, 8 }, { SPD_BURST, 0x0c }, { SPD_CAS, 0x70 }, { SPD_MODULE, 0x02 }, { SPD_REVISION, 0x12 },
    };
    unsigned bank_bits = size >= GiB ? 3 : 2;
    uint8_t sum = 0;

    for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
        spd[same[i].at] = same[i].value;
    }
    spd[SPD_BANKS] = (uint8_t)(1u << bank_bits);
    spd[SPD_ROWS] = (uint8_t)(ctz64(size) - COLUMN_BITS - WIDTH_BITS - bank_bits);
    spd[SPD_DENSITY] = density(size);
    memcpy(spd + SPD_PART, "QEMU DIMM         ", 18);
    for (unsigned i = 0; i < SPD_CHECKSUM; i++) {
        sum += spd[i];
    }
    spd[SPD_CHECKSUM] = sum;
}

void spd_fill(uint8_t data[SMBUS_EEPROM_COUNT][SMBUS_EEPROM_SIZE], uint64_t ram_size)
{
    memset(data, 0, SMBUS_EEPROM_COUNT * SMBUS_EEPROM_SIZE);
    for (unsigned i = 0; i < SMBUS_EEPROM_COUNT && ram_size >= MODULE_MIN; i++) {
        uint64_t size = MODULE_MAX;

        while (size > ram_size) {
            size /= 2;
        }
        fill_module(data[i], size);
        ram_size -= size;
    }
}
