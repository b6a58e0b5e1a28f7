/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The human monitor of an emulator that a test drives, over a socket: place it, name its path in -monitor, connect once
 * the emulator runs. A monitor that is gone or does not answer fails the test that runs.
 *
 *   QMonitor *m = qmonitor_place();
 *   QTest *q = qtest_start("-M pc " QMONITOR_ARGS, qmonitor_path(m));
 *   qmonitor_connect(m);
 */
#ifndef TESTS_QTEST_QMONITOR_H
#define TESTS_QTEST_QMONITOR_H

#include "qemu/osdep.h"

#define QMONITOR_ARGS "-monitor unix:%s,server=on,wait=off"

typedef struct QMonitor QMonitor;

QMonitor *qmonitor_place(void);
const char *qmonitor_path(const QMonitor *m);
void qmonitor_connect(QMonitor *m);
/* What the command answers, without its echo and the prompt; caller frees. */
char *qmonitor_ask(QMonitor *m, const char *command);
void qmonitor_free(QMonitor *m);

#endif
