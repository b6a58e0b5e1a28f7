/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the board tells firmware and guest about itself. Start-up and reset; big lock held. */
#ifndef HW_I386_PC_FIRMWARE_H
#define HW_I386_PC_FIRMWARE_H

#include "hw/i386/pc.h"

/* Real AMD processors with 40 or more address bits lose the last 12 GiB below 1 TiB to HyperTransport. */
#define PC_HT_HOLE_START    0xfd00000000ull
#define PC_HT_HOLE_SIZE     0x0300000000ull
bool pc_has_ht_hole(void);

uint32_t pc_apic_id(unsigned index);                /* of the CPU with that index, from the topology of -smp */

/* fw_cfg, CMOS, ACPI, SMBIOS, -kernel. After every device of the board exists; false: an option does not fit. */
bool pc_firmware_init(PcState *pc, Error **errp);

#endif
