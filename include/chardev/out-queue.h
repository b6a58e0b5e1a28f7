/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Output to a character device that must not be lost: what the peer has not taken yet is kept. The front end calls
 * out_queue_flush() from its writable(), and takes no input while out_queue_pending() so that nothing grows without
 * bound. Big lock held.
 */
#ifndef CHARDEV_OUT_QUEUE_H
#define CHARDEV_OUT_QUEUE_H

#include "chardev/char.h"

typedef struct OutQueue {
    Chardev *chr;
    GByteArray *bytes;
} OutQueue;

static inline void out_queue_init(OutQueue *q, Chardev *chr)
{
    q->chr = chr;
    q->bytes = g_byte_array_new();
}

static inline void out_queue_put(OutQueue *q, const void *data, size_t len)
{
    g_byte_array_append(q->bytes, data, (guint)len);
}

static inline bool out_queue_pending(const OutQueue *q)
{
    return q->bytes->len;
}

static inline void out_queue_clear(OutQueue *q)
{
    g_byte_array_set_size(q->bytes, 0);
}

static inline void out_queue_flush(OutQueue *q)
{
    guint done = 0;

    while (done < q->bytes->len) {
        int n = chardev_write(q->chr, q->bytes->data + done, (int)MIN(q->bytes->len - done, 65536u));

        if (n <= 0) {
            break;
        }
        done += (guint)n;
    }
    g_byte_array_remove_range(q->bytes, 0, done);
}

#endif
