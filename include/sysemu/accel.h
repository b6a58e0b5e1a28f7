/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What runs the guest's code: -accel. "tcg" translates it; "qtest" runs none, a test outside plays the processor
 * through -qtest (docs/qtest.md). Chosen while options are parsed.
 */
#ifndef SYSEMU_ACCEL_H
#define SYSEMU_ACCEL_H

#include "qemu/error.h"

typedef struct AccelType {
    const char *name, *desc;
    bool (*init)(Error **errp);     /* before the board is built */
    bool runs_code;                 /* vCPUs get threads */
} AccelType;

extern const AccelType accel_tcg, accel_qtest;

const AccelType *accel_find(const char *name);  /* NULL: this program has none of that name */
void accel_print_names(void);                   /* -accel help */

/* -qtest and -qtest-log: the channel works with any accelerator. log may be NULL (standard error) or "none". */
bool qtest_open(const char *chardev, const char *log, Error **errp);

#endif
