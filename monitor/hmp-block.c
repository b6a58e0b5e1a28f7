/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Monitor commands that make, remove and resize drives and the objects they name. */
#include "qemu/osdep.h"
#include "block/backend.h"
#include "hmp.h"
#include "qemu/option.h"
#include "qemu/user-object.h"
#include "sysemu/blockdev.h"

/* device size: bytes with a suffix, else MiB. The guest sees it after a reset. */
void hmp_block_resize(Monitor *m, const Arg *a)
{
    BlockBackend *blk = blk_find(a[0].s);
    Error *err = NULL;
    uint64_t size;

    if (!blk) {
        error_set(&err, "Cannot find device='%s' nor node-name=''", a[0].s);
    } else if (!blk_node(blk)) {
        error_set(&err, "Device '%s' has no medium", a[0].s);
    } else if (blk_is_readonly(blk)) {
        error_set(&err, "Device '%s' is read-only", a[0].s);
    } else if (parse_size(a[1].s, MiB, &size, &err) && size > INT64_MAX) {
        error_set(&err, "size %s is more than a disk can have", a[1].s);
    } else if (!err) {
        blk_drain(blk);
        block_truncate(blk_node(blk), ROUND_UP(size, BLOCK_SECTOR_SIZE), PREALLOC_OFF, &err);
    }
    hmp_handle_error(m, err);
}

void hmp_commit(Monitor *m, const Arg *a)
{
    Error *err = NULL;

    drives_commit(a[0].s, &err);
    hmp_handle_error(m, err);
}

/* [-n] slot drive: the slot is of times when drives were PCI devices, and is not looked at. */
void hmp_drive_add(Monitor *m, const Arg *a)
{
    Error *err = NULL;

    if (a[0].given) {
        error_set(&err, "drive_add -n is not supported");
    } else if (drive_hot_add(a[2].s, &err)) {
        monitor_puts(m, "OK\n");
    }
    hmp_handle_error(m, err);
}

void hmp_drive_del(Monitor *m, const Arg *a)
{
    Error *err = NULL;

    drive_hot_del(a[0].s, &err);
    hmp_handle_error(m, err);
}

void hmp_object_add(Monitor *m, const Arg *a)
{
    g_autoptr(GString) text = g_string_new(NULL);
    Error *err = NULL;

    if (user_object_help(a[0].s, text)) {
        monitor_puts(m, text->str);
        return;
    }
    user_object_add(a[0].s, &err);
    hmp_handle_error(m, err);
}

void hmp_object_del(Monitor *m, const Arg *a)
{
    Error *err = NULL;

    user_object_remove(a[0].s, &err);
    hmp_handle_error(m, err);
}
