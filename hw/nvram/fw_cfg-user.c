/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files of the firmware configuration device that users bring: -fw_cfg, -option-rom and -boot splash=
 *
 * They are read while options are parsed, so that a mistake is told before there is a machine.
 */
#include "qemu/osdep.h"
#include "hw/nvram/firmware.h"
#include "hw/nvram/fw_cfg.h"

#define FILES_MAX       200u            /* of 256; the board has some of its own */
#define NAME_MAX_LEN    55u             /* of a file: 56 bytes with its 0 */
#define ITEM_MAX        (16 * MiB)
#define ROM_MAX         (256 * KiB)

typedef struct UserFile {
    char *name;
    uint8_t *data;
    size_t len;
} UserFile;

static GArray *files;                   /* start-up only */

const KeyDef fw_cfg_keys[] = {
    { "name", KEY_STRING, .help = "as the guest looks for it, opt/... by custom (this key's name may be left out)" },
    { "string", KEY_STRING, .help = "its content" },
    { "file", KEY_STRING, .help = "a file with its content" },
    { .name = NULL },
};

static bool check_room(const char *name, Error **errp)
{
    for (unsigned i = 0; i < files->len; i++) {
        if (!strcmp(g_array_index(files, UserFile, i).name, name)) {
            error_set(errp, "duplicate fw_cfg file name: %s", name);
            return false;
        }
    }
    if (files->len == FILES_MAX) {
        error_set(errp, "there is room for %u fw_cfg files, '%s' is one too many", FILES_MAX, name);
        return false;
    }
    return true;
}

/* Takes data. */
static bool add(const char *name, uint8_t *data, size_t len, Error **errp)
{
    UserFile f;

    if (!files) {
        files = g_array_new(FALSE, FALSE, sizeof(UserFile));
    }
    if (!check_room(name, errp)) {
        g_free(data);
        return false;
    }
    f = (UserFile) { g_strdup(name), data, len };
    g_array_append_val(files, f);
    return true;
}

static bool check_name(const char *name, Error **errp)
{
    if (!*name || strlen(name) > NAME_MAX_LEN) {
        error_set(errp, "a fw_cfg name has 1 to %u characters", NAME_MAX_LEN);
        return false;
    }
    return true;
}

bool fw_cfg_option(const KeyList *l, Error **errp)
{
    const char *name = keylist_get(l, "name"), *string = keylist_get(l, "string"), *file = keylist_get(l, "file");
    g_autoptr(GError) err = NULL;
    char *data;
    gsize len;

    if (!name || !string == !file) {
        error_set(errp, "name, plus exactly one of file and string, are needed");
        return false;
    }
    if (!check_name(name, errp)) {
        return false;
    }
    if (!g_str_has_prefix(name, "opt/")) {
        warn_report("-fw_cfg: externally provided fw_cfg item names should be prefixed with \"opt/\"");
    }
    if (string) {
        return add(name, (uint8_t *)g_strdup(string), strlen(string), errp);
    }
    if (!g_file_get_contents(file, &data, &len, &err)) {
        error_set(errp, "can't load %s: %s", file, err->message);
        return false;
    }
    if (len > ITEM_MAX) {
        error_set(errp, "can't load %s: it is larger than %llu MiB", file, ITEM_MAX / MiB);
        g_free(data);
        return false;
    }
    return add(name, (uint8_t *)data, len, errp);
}

bool fw_cfg_option_rom(const char *file, Error **errp)
{
    g_autofree char *base = g_path_get_basename(file);
    g_autofree char *name = g_strdup_printf("genroms/%s", base);
    uint8_t *data;
    size_t len;

    if (!check_name(name, errp)) {
        return false;
    }
    data = firmware_load(file, ROM_MAX, &len, errp);
    return data && add(name, data, len, errp);
}

/* What SeaBIOS can show: a JPEG, or a BMP of 24 bits per pixel (field biBitCount of its header). NULL: neither. */
static const char *splash_name(const uint8_t *data, size_t len)
{
    if (len >= 2 && data[0] == 0xff && data[1] == 0xd8) {
        return "bootsplash.jpg";
    }
    return len >= 54 && data[0] == 'B' && data[1] == 'M' && data[28] == 24 && !data[29] ? "bootsplash.bmp" : NULL;
}

bool fw_cfg_option_splash(const char *file, Error **errp)
{
    g_autofree char *path = firmware_find(file);
    const char *name;
    uint8_t *data;
    size_t len;

    if (!path) {
        error_set(errp, "failed to find file '%s'", file);
        return false;
    }
    data = firmware_load(path, ITEM_MAX, &len, errp);
    if (!data) {
        return false;
    }
    name = splash_name(data, len);
    if (!name) {
        error_set(errp, "splash file '%s' format not recognized; must be JPEG or 24 bit BMP", file);
        g_free(data);
        return false;
    }
    return add(name, data, len, errp);
}

void fw_cfg_add_user_files(Device *fw)
{
    for (unsigned i = 0; files && i < files->len; i++) {
        const UserFile *f = &g_array_index(files, UserFile, i);

        fw_cfg_set_file(fw, f->name, f->data, f->len);
    }
}
