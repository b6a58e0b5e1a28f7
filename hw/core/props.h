/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What device.c, props.c and globals.c share. */
#ifndef HW_CORE_PROPS_INTERNAL_H
#define HW_CORE_PROPS_INTERNAL_H

#include "hw/core/device.h"

const BusOps *bus_ops(BusKind kind);    /* NULL when the bus adds nothing */
Device *device_new_plain(const char *type_name);    /* device_new() without the user's defaults */
void device_unlink(Device *dev);        /* out of the tree, as one that is not realized */
void props_init(Device *dev);           /* defaults */
void globals_apply(Device *dev);        /* the user's defaults */
void props_free(Device *dev);           /* owned strings */
void props_print(Device *dev, GString *out, int indent);

#endif
