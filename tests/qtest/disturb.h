/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine with one of each device, and what brings all of them out of the state they have after a reset. */
#ifndef TESTS_QTEST_DISTURB_H
#define TESTS_QTEST_DISTURB_H

#include "libqtest.h"

#define DISTURB_MACHINE "-M pc -m 8 -smp 2 -serial null -serial null -parallel null -rtc base=2020-02-02 " \
                "-device edu,addr=8 -device i6300esb,addr=9 -device pvpanic -device secondary-vga,addr=10 " \
                "-device pci-testdev,addr=11 -device pc-testdev " \
                "-device pci-bridge,chassis_nr=1,id=br -device edu,bus=br"
#define DISTURB_NS      12345678        /* how far the clock is then */

void disturb_all_devices(QTest *q);

#endif
