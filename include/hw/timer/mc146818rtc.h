/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The real-time clock and its CMOS memory, "mc146818rtc". device_new(), properties "base-offset" (signed seconds the
 * guest is ahead of the host) and "localtime", device_realize(): ports 70h-71h, ISA line 8. rtc_set_cmos() and
 * rtc_get_cmos() (hw/i386/pc.h) reach cells 0Eh-7Fh as they are. Big lock held.
 */
#ifndef HW_TIMER_MC146818RTC_H
#define HW_TIMER_MC146818RTC_H

#include <time.h>
#include "hw/i386/pc.h"

#define RTC_CENTURY      0x32
#define RTC_CENTURY_PS2  0x37

/* The time the guest's registers show, as UTC-like fields. */
void rtc_get_date(Device *rtc, struct tm *tm);
/* The HPET in legacy replacement mode takes line 8 over. */
void rtc_set_irq_enabled(Device *rtc, bool on);

#endif
