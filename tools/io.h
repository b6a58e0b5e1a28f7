/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qemu-io: one image, commands that read and write it. The only thread. */
#ifndef TOOLS_IO_H
#define TOOLS_IO_H

#include "tools/img.h"

typedef struct Io {
    BlockNode *n;               /* NULL: no file open */
    char *filename;
    bool by_options;            /* which are its name */
    ImgOpen open;
    bool quit;
    unsigned in_flight;         /* of aio_* */
    int failed;                 /* a command failed: the exit status */
} Io;

bool io_open(Io *io, const char *filename);
/* How images are opened: n U t d, and s C k m, which are refused. False: reported. */
bool io_open_option(Io *io, int c);
void io_close(Io *io);
void io_run_line(Io *io, const char *line);

#endif
