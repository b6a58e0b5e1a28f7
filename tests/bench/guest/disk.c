/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random reads of a disk past the guest's cache: no program of a table, because it needs the disk.
 *
 *   bench-guest random-read DEVICE BYTES COUNT
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "bench.h"

#define ALIGN 4096

int random_reads(const char *device, size_t bytes, unsigned count)
{
    uint64_t state = 88172645463325252ull, blocks;
    int fd = open(device, O_RDONLY | O_DIRECT);
    off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    void *buf;

    if (size < 0 || posix_memalign(&buf, ALIGN, bytes)) {
        bench_fail(device);
    }
    blocks = bytes ? (uint64_t)size / bytes : 0;
    if (!blocks) {
        fprintf(stderr, "bench-guest: '%s' has no block of %zu bytes\n", device, bytes);
        return 2;
    }
    while (count--) {
        if (pread(fd, buf, bytes, (off_t)(next_random(&state) % blocks * bytes)) != (ssize_t)bytes) {
            bench_fail(device);
        }
    }
    free(buf);
    close(fd);
    return 0;
}
