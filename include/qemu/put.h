/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tables that grow at their end: little-endian numbers, appended to a GByteArray. Any thread, the array's owner.
 */
#ifndef QEMU_PUT_H
#define QEMU_PUT_H

#include "qemu/bitops.h"

static inline void put(GByteArray *t, const void *p, size_t len)
{
    g_byte_array_append(t, p, (guint)len);
}

static inline void put8(GByteArray *t, uint8_t v)
{
    put(t, &v, 1);
}

#define PUT_LE(bits)                                                    \
static inline void put##bits(GByteArray *t, uint##bits##_t v)           \
{                                                                       \
    store_le##bits(&v, v);                                              \
    put(t, &v, sizeof(v));                                              \
}
PUT_LE(16)
PUT_LE(32)
PUT_LE(64)
#undef PUT_LE

static inline void put_zeros(GByteArray *t, unsigned n)
{
    while (n--) {
        put8(t, 0);
    }
}

#endif
