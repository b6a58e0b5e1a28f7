/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bits, fields and unaligned loads and stores of a stated byte order. */
#ifndef QEMU_BITOPS_H
#define QEMU_BITOPS_H

#include "qemu/osdep.h"

static inline uint64_t extract64(uint64_t v, unsigned pos, unsigned len) { return (v >> pos) & (~0ull >> (64 - len)); }
static inline int64_t sextract64(uint64_t v, unsigned pos, unsigned len)
{
    return (int64_t)(v << (64 - len - pos)) >> (64 - len);
}
static inline uint64_t deposit64(uint64_t v, unsigned pos, unsigned len, uint64_t field)
{
    uint64_t mask = (~0ull >> (64 - len)) << pos;
    return (v & ~mask) | ((field << pos) & mask);
}
static inline unsigned ctz64(uint64_t v) { return v ? (unsigned)__builtin_ctzll(v) : 64; }
static inline unsigned clz64(uint64_t v) { return v ? (unsigned)__builtin_clzll(v) : 64; }
static inline bool is_power_of_2(uint64_t v) { return v && !(v & (v - 1)); }
static inline uint64_t pow2ceil(uint64_t v) { return v <= 1 ? 1 : 1ull << (64 - __builtin_clzll(v - 1)); }

#define LOAD_STORE(bits, swapl, swapb)                                                                     \
static inline uint##bits##_t load_le##bits(const void *p)                                                  \
{ uint##bits##_t v; memcpy(&v, p, sizeof(v)); return swapl(v); }                                           \
static inline uint##bits##_t load_be##bits(const void *p)                                                  \
{ uint##bits##_t v; memcpy(&v, p, sizeof(v)); return swapb(v); }                                           \
static inline void store_le##bits(void *p, uint##bits##_t v) { v = swapl(v); memcpy(p, &v, sizeof(v)); }   \
static inline void store_be##bits(void *p, uint##bits##_t v) { v = swapb(v); memcpy(p, &v, sizeof(v)); }
LOAD_STORE(16, GUINT16_TO_LE, GUINT16_TO_BE)
LOAD_STORE(32, GUINT32_TO_LE, GUINT32_TO_BE)
LOAD_STORE(64, GUINT64_TO_LE, GUINT64_TO_BE)
#undef LOAD_STORE

#endif
