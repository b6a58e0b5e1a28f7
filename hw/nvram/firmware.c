/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding firmware images
 *
 * SeaBIOS and the VGA BIOS come from the distribution (Debian: package seabios); our own option ROMs are part of the
 * program (pc-bios/optionrom/) and need no finding.
 */
#include "qemu/osdep.h"
#include <sys/stat.h>
#include "hw/nvram/firmware.h"

static const char *const default_dirs[] = { "/usr/share/seabios", "/usr/share/qemu", "/usr/local/share/qemu" };

static GPtrArray *user_dirs;    /* start-up only */

void firmware_add_dir(const char *dir)
{
    if (!user_dirs) {
        user_dirs = g_ptr_array_new_with_free_func(g_free);
    }
    g_ptr_array_add(user_dirs, g_strdup(dir));
}

/* pc-bios/ of the source tree or build folder, when the program runs from there. */
static char *program_dir(void)
{
    g_autofree char *exe = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *dir = exe ? g_path_get_dirname(exe) : NULL;

    return dir ? g_build_filename(dir, "pc-bios", NULL) : NULL;
}

static GPtrArray *all_dirs(void)
{
    GPtrArray *dirs = g_ptr_array_new_with_free_func(g_free);
    char *own = program_dir();

    for (unsigned i = 0; user_dirs && i < user_dirs->len; i++) {
        g_ptr_array_add(dirs, g_strdup(g_ptr_array_index(user_dirs, i)));
    }
    if (own) {
        g_ptr_array_add(dirs, own);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(default_dirs); i++) {
        g_ptr_array_add(dirs, g_strdup(default_dirs[i]));
    }
    return dirs;
}

char *firmware_find(const char *name)
{
    g_autoptr(GPtrArray) dirs = NULL;

    if (strchr(name, '/') || g_file_test(name, G_FILE_TEST_IS_REGULAR)) {
        return g_file_test(name, G_FILE_TEST_EXISTS) ? g_strdup(name) : NULL;
    }
    dirs = all_dirs();
    for (unsigned i = 0; i < dirs->len; i++) {
        g_autofree char *path = g_build_filename(g_ptr_array_index(dirs, i), name, NULL);

        if (g_file_test(path, G_FILE_TEST_EXISTS)) {
            return g_steal_pointer(&path);
        }
    }
    return NULL;
}

uint8_t *firmware_load(const char *name, size_t max, size_t *len, Error **errp)
{
    g_autofree char *path = firmware_find(name);
    g_autofree uint8_t *data = NULL;
    g_autoptr(GError) err = NULL;
    struct stat st;

    if (!path) {
        error_set(errp, "could not find firmware file '%s'", name);
        error_append_hint(errp, "Install the Debian package 'seabios', or name the folder that has the file with -L.");
        return NULL;
    }
    if (stat(path, &st) < 0) {
        error_set_errno(errp, errno, "could not open firmware file '%s'", path);
        return NULL;
    }
    if (!S_ISREG(st.st_mode) || st.st_size == 0 || (uint64_t)st.st_size > max) {
        error_set(errp, "firmware file '%s' must be a file of 1 to %zu bytes", path, max);
        return NULL;
    }
    if (!g_file_get_contents(path, (char **)&data, len, &err)) {
        error_set(errp, "could not read firmware file: %s", err->message);
        return NULL;
    }
    return g_steal_pointer(&data);
}

void firmware_print_dirs(void)
{
    g_autoptr(GPtrArray) dirs = all_dirs();

    for (unsigned i = 0; i < dirs->len; i++) {
        printf("%s\n", (char *)g_ptr_array_index(dirs, i));
    }
}
