/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A character device that keeps the last bytes written to it, until the monitor's ringbuf_read takes them
 *
 * Nothing ever comes from it: ringbuf_write puts bytes into the same buffer as the front end does.
 */
#include "qemu/osdep.h"
#include "char-int.h"
#include "qemu/bitops.h"

#define SIZE_DEFAULT    (64 * KiB)
#define SIZE_MAX_BYTES  (256 * MiB)

typedef struct RingChardev {
    Chardev parent;
    uint8_t *buf;
    uint32_t size;              /* a power of two */
    uint32_t head, tail;        /* bytes ever written and taken, modulo 2^32; head - tail <= size */
} RingChardev;

static RingChardev *ring_of(Chardev *chr)
{
    return container_of(chr, RingChardev, parent);
}

static bool ring_open(Chardev *chr, const ChardevSpec *spec, Error **errp)
{
    RingChardev *r = ring_of(chr);
    uint64_t size = spec->size ? spec->size : SIZE_DEFAULT;

    if (size & (size - 1) || size > SIZE_MAX_BYTES) {
        error_set(errp, "size of ringbuf chardev must be power of two, at most %llu bytes", SIZE_MAX_BYTES);
        return false;
    }
    r->buf = g_try_malloc(size);
    if (!r->buf) {
        error_set(errp, "there is no memory for a ringbuf of %" PRIu64 " bytes", size);
        return false;
    }
    r->size = (uint32_t)size;
    chr->be_open = true;
    return true;
}

/* The oldest bytes make room. */
static int ring_write(Chardev *chr, const uint8_t *buf, int len)
{
    RingChardev *r = ring_of(chr);

    for (int i = 0; i < len; i++) {
        r->buf[r->head++ & (r->size - 1)] = buf[i];
        if (r->head - r->tail > r->size) {
            r->tail = r->head - r->size;
        }
    }
    return len;
}

static void ring_close(Chardev *chr)
{
    g_free(ring_of(chr)->buf);
}

const ChardevType chardev_ringbuf = {
    .name = "ringbuf", .alias = "memory", .instance_size = sizeof(RingChardev), .params = "size",
    .open = ring_open, .write = ring_write, .close = ring_close,
};

static RingChardev *find_ring(const char *label, Error **errp)
{
    Chardev *chr = chardev_find(label);

    if (!chr) {
        error_set(errp, "Device '%s' not found", label);
        return NULL;
    }
    if (chr->type != &chardev_ringbuf) {
        error_set(errp, "%s is not a ringbuf device", label);
        return NULL;
    }
    return ring_of(chr);
}

bool chardev_ringbuf_write(const char *label, const char *data, Error **errp)
{
    RingChardev *r = find_ring(label, errp);

    if (r) {
        ring_write(&r->parent, (const uint8_t *)data, (int)strlen(data));
    }
    return r;
}

GByteArray *chardev_ringbuf_read(const char *label, uint64_t max, Error **errp)
{
    RingChardev *r = find_ring(label, errp);
    GByteArray *data;

    if (!r) {
        return NULL;
    }
    if (!max) {
        error_set(errp, "size must be greater than zero");
        return NULL;
    }
    data = g_byte_array_new();
    while (r->tail != r->head && data->len < max) {
        g_byte_array_append(data, &r->buf[r->tail++ & (r->size - 1)], 1);
    }
    return data;
}
