/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Consoles and those who look at them
 *
 * Nothing is drawn while nobody looks: the refresh timer runs as long as a console has listeners, and a screendump
 * updates by itself.
 */
#include "qemu/osdep.h"
#include "hw/core/device.h"
#include "qemu/timer.h"
#include "ui/console.h"

#define REFRESH_NS      (30 * 1000000ll)
#define START_WIDTH     640
#define START_HEIGHT    480

struct Console {
    Device *dev;
    const ConsoleOps *ops;
    void *opaque;
    pixman_image_t *surface;
    DisplayListener *listeners;
    Timer refresh;
    Console *next;
};

static Console *consoles;       /* big lock; in order of creation */

/* ---- surfaces ---------------------------------------------------------------------------------------------------- */

void console_set_surface(Console *c, pixman_image_t *image)
{
    pixman_image_t *old = c->surface;

    c->surface = image;
    for (DisplayListener *l = c->listeners; l; l = l->next) {
        l->resized(l, image);
    }
    if (old) {
        pixman_image_unref(old);
    }
}

bool console_resize(Console *c, unsigned width, unsigned height)
{
    pixman_image_t *image = pixman_image_create_bits(PIXMAN_x8r8g8b8, (int)width, (int)height, NULL, 0);

    if (image) {
        console_set_surface(c, image);      /* pixman clears what it allocates */
    }
    return image;
}

pixman_image_t *console_surface(Console *c)
{
    return c->surface;
}

void console_dirty(Console *c, int x, int y, int w, int h)
{
    for (DisplayListener *l = c->listeners; l; l = l->next) {
        l->dirty(l, x, y, w, h);
    }
}

void console_update(Console *c)
{
    c->ops->update(c->opaque);
}

/* ---- text -------------------------------------------------------------------------------------------------------- */

void text_screen_resize(TextScreen *t, unsigned columns, unsigned rows)
{
    if (t->columns != columns || t->rows != rows) {
        t->cells = g_renew(uint16_t, t->cells, (size_t)columns * rows);
        t->columns = columns;
        t->rows = rows;
    }
}

bool console_text(Console *c, TextScreen *t)
{
    if (c->ops->text) {
        return c->ops->text(c->opaque, t);
    }
    t->width = (unsigned)pixman_image_get_width(c->surface);
    t->height = (unsigned)pixman_image_get_height(c->surface);
    return false;
}

/* ---- listeners --------------------------------------------------------------------------------------------------- */

static void refresh_cb(void *opaque)
{
    Console *c = opaque;

    console_update(c);
    if (c->listeners) {
        timer_arm(&c->refresh, clock_get_ns(CLOCK_RT) + REFRESH_NS);
    }
}

void display_listener_add(DisplayListener *l, Console *c)
{
    l->console = c;
    l->next = c->listeners;
    c->listeners = l;
    c->ops->invalidate(c->opaque);
    l->resized(l, c->surface);
    timer_arm(&c->refresh, clock_get_ns(CLOCK_RT));
}

void display_listener_remove(DisplayListener *l)
{
    DisplayListener **p = &l->console->listeners;

    while (*p != l) {
        p = &(*p)->next;
    }
    *p = l->next;
    if (!l->console->listeners) {
        timer_disarm(&l->console->refresh);
    }
    l->console = NULL;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

Console *console_new(Device *dev, const ConsoleOps *ops, void *opaque)
{
    Console *c = g_new0(Console, 1), **end = &consoles;

    c->dev = dev;
    c->ops = ops;
    c->opaque = opaque;
    timer_init(&c->refresh, CLOCK_RT, refresh_cb, c);
    console_resize(c, START_WIDTH, START_HEIGHT);
    while (*end) {
        end = &(*end)->next;
    }
    *end = c;
    return c;
}

void console_free(Console *c)
{
    Console **p = &consoles;

    if (!c) {
        return;
    }
    while (c->listeners) {
        display_listener_remove(c->listeners);
    }
    while (*p != c) {
        p = &(*p)->next;
    }
    *p = c->next;
    if (c->surface) {
        pixman_image_unref(c->surface);
    }
    g_free(c);
}

Console *console_first(void)
{
    return consoles;
}

Console *console_next(Console *c)
{
    return c->next;
}

Console *console_of_device(const char *id)
{
    for (Console *c = consoles; c; c = c->next) {
        if (c->dev && !g_strcmp0(c->dev->id, id)) {
            return c;
        }
    }
    return NULL;
}
