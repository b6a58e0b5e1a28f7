/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two halves of the qtest server: lines and commands (qtest.c), watched interrupt lines (qtest-irq.c). */
#ifndef ACCEL_QTEST_INT_H
#define ACCEL_QTEST_INT_H

#include "hw/core/device.h"

void qtest_send_irq(int n, bool level);         /* "IRQ raise N" */
/*
 * From now on changes of the device's input or output lines are sent. name: an id, a type, or a path whose last part is
 * one. False with an Error when there is none, or another device is watched already.
 */
bool qtest_intercept(const char *name, bool outputs, Error **errp);
bool qtest_set_irq_in(const char *name, int n, int level, Error **errp);

#endif
