/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The programmable interval timer "isa-pit". device_new() + device_realize() puts it at 40h-43h with channel 0 on ISA
 * line 0. i8254_out() and i8254_set_gate() are in hw/i386/pc.h. Big lock held.
 */
#ifndef HW_TIMER_I8254_H
#define HW_TIMER_I8254_H

#include "hw/i386/pc.h"

#define PIT_HZ 1193182

/* The HPET in legacy replacement mode takes line 0 over: the channel goes on counting in silence. */
void i8254_set_irq_enabled(Device *pit, bool on);

#endif
