/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linux' floppy driver from a shell: "fdtool set DEVICE SIZE SECT HEAD TRACK STRETCH GAP RATE SPEC1 FMT_GAP" says what
 * disk is in the drive, "fdtool format DEVICE TRACK HEAD" formats a track of it. Static, for the demo guest.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

static int fail(const char *what)
{
    printf("fdtool: %s: %s\n", what, strerror(errno));
    return 1;
}

static int set(int fd, char **n)
{
    struct floppy_struct g = {
        .size = atoi(n[0]), .sect = atoi(n[1]), .head = atoi(n[2]), .track = atoi(n[3]), .stretch = atoi(n[4]),
        .gap = strtoul(n[5], NULL, 0), .rate = strtoul(n[6], NULL, 0), .spec1 = strtoul(n[7], NULL, 0),
        .fmt_gap = strtoul(n[8], NULL, 0),
    };

    return ioctl(fd, FDSETPRM, &g) ? fail("FDSETPRM") : 0;
}

static int format(int fd, char **n)
{
    struct format_descr d = { .device = 0, .track = atoi(n[0]), .head = atoi(n[1]) };

    return ioctl(fd, FDFMTBEG, NULL) ? fail("FDFMTBEG") : ioctl(fd, FDFMTTRK, &d) ? fail("FDFMTTRK") :
           ioctl(fd, FDFMTEND, NULL) ? fail("FDFMTEND") : 0;
}

int main(int argc, char **argv)
{
    int fd = argc > 2 ? open(argv[2], O_RDWR | O_NDELAY) : -1;

    if (fd < 0) {
        return fail("open");
    }
    if (argc == 12 && !strcmp(argv[1], "set")) {
        return set(fd, argv + 3);
    }
    if (argc == 5 && !strcmp(argv[1], "format")) {
        return format(fd, argv + 3);
    }
    printf("usage: fdtool set DEVICE 9 NUMBERS | format DEVICE TRACK HEAD\n");
    return 2;
}
