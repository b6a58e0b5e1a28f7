/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * First include of every .c file: the C library, GLib, and the handful of words the whole house uses.
 */
#ifndef QEMU_OSDEP_H
#define QEMU_OSDEP_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "config-host.h"
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
#include <glib.h>

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#ifndef container_of
#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))
#endif

#define ARRAY_SIZE(a)         (sizeof(a) / sizeof((a)[0]))
#define ROUND_UP(n, d)        (((n) + (d) - 1) / (d) * (d))      /* any d > 0 */
#define ROUND_DOWN(n, d)      ((n) / (d) * (d))
#define ALIGN_UP(n, d)        (((n) + (d) - 1) & -(uint64_t)(d)) /* d a power of two */
#define QEMU_ALIGNED(n)       __attribute__((aligned(n)))
#define QEMU_PACKED           __attribute__((packed))
#define QEMU_NORETURN         __attribute__((noreturn))
#define QEMU_PRINTF(f, a)     __attribute__((format(printf, f, a)))
#define QEMU_UNUSED           __attribute__((unused))

#define KiB (1024ull)
#define MiB (1024ull * KiB)
#define GiB (1024ull * MiB)

typedef uint64_t hwaddr;      /* guest-physical address */
typedef uint64_t vaddr;       /* guest-linear address */
typedef uint64_t ram_addr_t;  /* offset in the flat space of all RAM blocks (dirty bitmaps) */

#define PRIx_HWADDR "016" PRIx64

#endif
