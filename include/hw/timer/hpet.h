/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The high precision event timer "hpet": three comparators on a 100 MHz counter, 1 KiB of registers at FED00000h.
 * Big lock held.
 */
#ifndef HW_TIMER_HPET_H
#define HW_TIMER_HPET_H

#include "hw/i386/pc.h"

#define HPET_BASE 0xfed00000u
#define HPET_SIZE 0x400u

/*
 * pit and rtc lose ISA lines 0 and 8 to it while the guest has legacy replacement switched on. gsi2: the I/O APIC pin
 * that is the only route the timers offer. NULL with an Error when it cannot be.
 */
Device *hpet_create(Device *pit, Device *rtc, Irq gsi2, Error **errp);

#endif
