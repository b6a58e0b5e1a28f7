/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Consoles: what a graphics card draws on, and who looks at it.
 *
 * A card makes a console with console_new() and draws into the surface it gives it, but only when somebody asks: a
 * display that listens (then about 30 times a second), or a screendump. Surfaces are pixman images of format
 * x8r8g8b8. Everything here needs the big lock.
 */
#ifndef UI_CONSOLE_H
#define UI_CONSOLE_H

#include <pixman.h>
#include "qemu/error.h"

typedef struct Console Console;
typedef struct Device Device;

/* A screen of text: cells of a VGA text mode (character of code page 437, attribute above it), row by row. */
typedef struct TextScreen {
    unsigned columns, rows;
    uint16_t *cells;            /* owned, by g_malloc() */
    bool blinks;                /* bit 7 of an attribute is blinking, not a bright background */
    int cursor;                 /* index of its cell; -1: not to be seen */
    unsigned width, height;     /* in dots, of a picture */
} TextScreen;

typedef struct ConsoleOps {
    /* Bring the surface up to date: console_set_surface() when its size changes, console_dirty() for what was drawn. */
    void (*update)(void *opaque);
    /* Somebody new looks: the next update draws everything. */
    void (*invalidate)(void *opaque);
    /* What it shows as text, whoever else looks; false, with width and height: a picture. May be NULL: always that. */
    bool (*text)(void *opaque, TextScreen *t);
} ConsoleOps;

/* ---- for graphics cards ------------------------------------------------------------------------------------------ */

/* The first console is the one a screendump shows. It starts with a black surface of 640x480. */
Console *console_new(Device *dev, const ConsoleOps *ops, void *opaque);
void console_free(Console *c);
/* Takes over the image; listeners hear of it. */
void console_set_surface(Console *c, pixman_image_t *image);
/* The same with a fresh black image; false (and the old surface stays) when the host has no memory for it. */
bool console_resize(Console *c, unsigned width, unsigned height);
pixman_image_t *console_surface(Console *c);    /* borrowed until the next update */
void console_dirty(Console *c, int x, int y, int w, int h);

/* ---- for displays ------------------------------------------------------------------------------------------------ */

typedef struct DisplayListener DisplayListener;
struct DisplayListener {
    void (*resized)(DisplayListener *l, pixman_image_t *surface);       /* also once when it is added */
    void (*dirty)(DisplayListener *l, int x, int y, int w, int h);
    void *opaque;
    Console *console;           /* the rest is the console's */
    DisplayListener *next;
};
void display_listener_add(DisplayListener *l, Console *c);
void display_listener_remove(DisplayListener *l);

Console *console_first(void);                   /* NULL when there is no graphics card */
Console *console_of_device(const char *id);     /* the card with that id=; NULL when none */
Console *console_next(Console *c);              /* in order of creation */
bool console_text(Console *c, TextScreen *t);   /* as ConsoleOps.text */
/* By those who fill one: new cells when the size differs; what they hold then is undefined. */
void text_screen_resize(TextScreen *t, unsigned columns, unsigned rows);
void console_update(Console *c);                /* now, without waiting for the timer */

/* ---- screendump -------------------------------------------------------------------------------------------------- */

typedef enum ImageFormat { IMAGE_PPM, IMAGE_PNG } ImageFormat;
bool image_format_parse(const char *name, ImageFormat *format, Error **errp);
/* The picture as it is now, into a file that is replaced. False with an Error; PNG needs a build with libpng. */
bool console_dump(Console *c, const char *path, ImageFormat format, Error **errp);
/* The first console, as PNG when the name ends in ".png", else as PPM. */
bool console_screendump(const char *path, Error **errp);

#endif
