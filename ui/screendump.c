/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pictures of a console as files
 *
 * Follows: Netpbm's ppm(5) for the binary form of PPM ("P6"); PNG through libpng, when the build has it.
 */
#include "qemu/osdep.h"
#include "ui/console.h"
#ifdef CONFIG_PNG
#include <png.h>
#endif

typedef struct Picture {
    const uint8_t *bits;
    int width, height, stride;
} Picture;

static Picture picture_of(pixman_image_t *image)
{
    return (Picture) {
        .bits = (const uint8_t *)pixman_image_get_data(image), .width = pixman_image_get_width(image),
        .height = pixman_image_get_height(image), .stride = pixman_image_get_stride(image),
    };
}

/* One line as bytes red, green, blue. */
static void picture_line(const Picture *p, int y, uint8_t *rgb)
{
    const uint32_t *src = (const uint32_t *)(p->bits + (size_t)y * p->stride);

    for (int x = 0; x < p->width; x++, rgb += 3) {
        rgb[0] = src[x] >> 16;
        rgb[1] = src[x] >> 8;
        rgb[2] = src[x];
    }
}

static bool write_ppm(FILE *f, const Picture *p, Error **errp)
{
    g_autofree uint8_t *line = g_malloc((size_t)p->width * 3);
    bool ok = fprintf(f, "P6\n%d %d\n255\n", p->width, p->height) > 0;

    for (int y = 0; ok && y < p->height; y++) {
        picture_line(p, y, line);
        ok = fwrite(line, 3, p->width, f) == (size_t)p->width;
    }
    if (!ok) {
        error_set_errno(errp, errno, "failed to write the picture");
    }
    return ok;
}

#ifdef CONFIG_PNG
/* libpng leaves through longjmp: nothing of ours may be allocated between the two, hence the line as argument. */
static bool write_png_lines(FILE *f, const Picture *p, png_struct *png, png_info *info, uint8_t *line)
{
    if (setjmp(png_jmpbuf(png))) {
        return false;
    }
    png_init_io(png, f);
    png_set_IHDR(png, info, p->width, p->height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_BASE,
                 PNG_FILTER_TYPE_BASE);
    png_write_info(png, info);
    for (int y = 0; y < p->height; y++) {
        picture_line(p, y, line);
        png_write_row(png, line);
    }
    png_write_end(png, NULL);
    return true;
}

static bool write_png(FILE *f, const Picture *p, Error **errp)
{
    png_struct *png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_info *info = png ? png_create_info_struct(png) : NULL;
    g_autofree uint8_t *line = g_malloc((size_t)p->width * 3);
    bool ok = info && write_png_lines(f, p, png, info, line);

    png_destroy_write_struct(&png, &info);
    if (!ok) {
        error_set_errno(errp, errno, "failed to write the picture");
    }
    return ok;
}
#else
static bool write_png(FILE *f, const Picture *p, Error **errp)
{
    g_assert_not_reached();
}
#endif

bool image_format_parse(const char *name, ImageFormat *format, Error **errp)
{
    if (!strcmp(name, "ppm")) {
        *format = IMAGE_PPM;
        return true;
    }
    if (!strcmp(name, "png")) {
        *format = IMAGE_PNG;
        return true;
    }
    error_set(errp, "picture format '%s' is unknown, there are 'ppm' and 'png'", name);
    return false;
}

static bool format_is_there(ImageFormat format, Error **errp)
{
#ifndef CONFIG_PNG
    if (format == IMAGE_PNG) {
        error_set(errp, "this build writes no PNG files, use PPM");
        return false;
    }
#endif
    return true;
}

bool console_dump(Console *c, const char *path, ImageFormat format, Error **errp)
{
    Picture p;
    FILE *f;
    bool ok;

    if (!format_is_there(format, errp)) {
        return false;
    }
    f = fopen(path, "wb");
    if (!f) {
        error_set_errno(errp, errno, "failed to open file '%s'", path);
        return false;
    }
    console_update(c);
    p = picture_of(console_surface(c));
    ok = format == IMAGE_PNG ? write_png(f, &p, errp) : write_ppm(f, &p, errp);
    if (fclose(f) && ok) {
        error_set_errno(errp, errno, "failed to write file '%s'", path);
        ok = false;
    }
    return ok;
}

bool console_screendump(const char *path, Error **errp)
{
    Console *c = console_first();

    if (!c) {
        error_set(errp, "There is no console to take a screendump from");
        return false;
    }
    return console_dump(c, path, g_str_has_suffix(path, ".png") ? IMAGE_PNG : IMAGE_PPM, errp);
}
