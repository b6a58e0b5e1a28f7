/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A line editor for a terminal at the other end of a byte stream: keys in, characters and escape sequences out. It
 * never blocks and knows nothing of where the bytes come from. One per monitor; IO thread.
 */
#ifndef MONITOR_LINE_EDIT_H
#define MONITOR_LINE_EDIT_H

#include "qemu/osdep.h"

#define LINE_MAX_LEN    4095    /* what is typed beyond is ignored */
#define HISTORY_MAX     64

typedef struct LineEdit LineEdit;

typedef struct LineEditOps {
    void (*output)(void *opaque, const char *text, size_t len);
    void (*accept)(void *opaque, const char *line);     /* Enter; the editor is ready for the next line already */
    /* What may stand in the place of the last word of line (which ends at the cursor): char * into list, owned. */
    void (*complete)(void *opaque, const char *line, GPtrArray *list);
} LineEditOps;

LineEdit *line_edit_new(const char *prompt, const LineEditOps *ops, void *opaque);
void line_edit_free(LineEdit *e);
void line_edit_start(LineEdit *e);                  /* shows the prompt and an empty line */
void line_edit_key(LineEdit *e, uint8_t byte);
void line_edit_reset(LineEdit *e);                  /* another peer: line, history and half a key are forgotten */
/* The n-th oldest line, NULL behind the last. */
const char *line_edit_history(const LineEdit *e, unsigned n);

#endif
