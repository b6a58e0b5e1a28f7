/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A text console of the emulator's display (ui/vc.c). Without a display that shows them nobody sees what is written.
 */
#include "qemu/osdep.h"
#include "char-int.h"
#include "ui/vc.h"

#define TYPED_MAX   4096u           /* a front end that does not read makes the rest vanish */

typedef struct VcChardev {
    Chardev parent;
    Vc *vc;
    GByteArray *typed;
} VcChardev;

static void vc_chr_accept_input(Chardev *chr)
{
    VcChardev *s = container_of(chr, VcChardev, parent);
    int room;

    while (s->typed->len && (room = chr_be_can_read(chr)) > 0) {
        uint8_t part[64];
        guint n = MIN(MIN((guint)room, s->typed->len), (guint)sizeof(part));

        memcpy(part, s->typed->data, n);        /* reading may make the console answer, and the array grow */
        g_byte_array_remove_range(s->typed, 0, n);
        chr_be_read(chr, part, (int)n);
    }
}

static void vc_chr_input(void *opaque, const char *bytes, size_t len)
{
    VcChardev *s = opaque;

    if (s->typed->len + len <= TYPED_MAX) {
        g_byte_array_append(s->typed, (const uint8_t *)bytes, (guint)len);
    }
    vc_chr_accept_input(&s->parent);
}

static bool vc_chr_open(Chardev *chr, const ChardevSpec *spec, Error **errp)
{
    VcChardev *s = container_of(chr, VcChardev, parent);

    s->typed = g_byte_array_new();
    s->vc = vc_new(spec->label, vc_chr_input, s);
    chr->be_open = true;
    return true;
}

static int vc_chr_write(Chardev *chr, const uint8_t *buf, int len)
{
    vc_write(container_of(chr, VcChardev, parent)->vc, buf, (size_t)len);
    return len;
}

static void vc_chr_close(Chardev *chr)
{
    VcChardev *s = container_of(chr, VcChardev, parent);

    vc_free(s->vc);
    if (s->typed) {
        g_byte_array_unref(s->typed);
    }
}

const ChardevType chardev_vc = {
    .name = "vc", .instance_size = sizeof(VcChardev), .open = vc_chr_open, .write = vc_chr_write,
    .accept_input = vc_chr_accept_input, .close = vc_chr_close,
};
