/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The character device with nobody at the other end. */
#include "qemu/osdep.h"
#include "char-int.h"

static bool null_open(Chardev *chr, const ChardevSpec *spec, Error **errp)
{
    chr->be_open = true;
    return true;
}

static int null_write(Chardev *chr, const uint8_t *buf, int len)
{
    return len;
}

const ChardevType chardev_null = {
    .name = "null", .instance_size = sizeof(Chardev), .open = null_open, .write = null_write,
};
