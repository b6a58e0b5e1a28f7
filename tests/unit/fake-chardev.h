/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In place of chardev/: a character device the test holds in its hands. Include in one file per program. */
#ifndef TESTS_UNIT_FAKE_CHARDEV_H
#define TESTS_UNIT_FAKE_CHARDEV_H

#include "chardev/char.h"

struct Chardev {
    ChardevFrontend fe;
    GString *sent;
    int room;           /* bytes it takes before it blocks */
    unsigned accepts;
    bool real;          /* ends in a line: the modem's inputs are these */
    unsigned modem_in, modem_out;
    ChardevLine line;
    bool sends_break;
};

void chardev_attach(Chardev *c, const ChardevFrontend *fe)
{
    c->fe = fe ? *fe : (ChardevFrontend) { 0 };
}

int chardev_write(Chardev *c, const uint8_t *buf, int len)
{
    int n = MIN(len, c->room);

    c->room -= n;
    g_string_append_len(c->sent, (const char *)buf, n);
    return n;
}

int chardev_write_all(Chardev *c, const uint8_t *buf, int len)
{
    return chardev_write(c, buf, len);
}

void chardev_accept_input(Chardev *c)
{
    c->accepts++;
}

void chardev_set_line(Chardev *c, const ChardevLine *line)
{
    c->line = *line;
}

void chardev_set_break(Chardev *c, bool on)
{
    c->sends_break = on;
}

void chardev_set_modem(Chardev *c, unsigned outputs)
{
    c->modem_out = outputs;
}

bool chardev_get_modem(Chardev *c, unsigned *inputs)
{
    *inputs = c->modem_in;
    return c->real;
}

bool chardev_check_free(const Chardev *c, Error **errp)
{
    return true;
}

Chardev *chardev_find(const char *label)
{
    return NULL;
}

/* Empty, takes everything; line_edges[] of device-harness.h are counted from now on. */
static inline void chardev_fresh(Chardev *c)
{
    c->room = INT_MAX;
    if (!c->sent) {
        c->sent = g_string_new(NULL);
    }
    g_string_truncate(c->sent, 0);
    memset(line_edges, 0, sizeof(line_edges));
}

#endif
