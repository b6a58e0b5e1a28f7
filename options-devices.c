/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options that connect something to the board: ports, devices, monitors, displays, networks, drives. */
#include "qemu/osdep.h"
#include "block/options.h"
#include "chardev/char.h"
#include "monitor/monitor.h"
#include "qemu/user-object.h"
#include "sysemu/blockdev.h"
#include "options-int.h"

#ifdef CONFIG_CURSES
#define CURSES_NAME "curses\n"
#else
#define CURSES_NAME ""
#endif
#ifdef CONFIG_VNC
#define VNC_NAME "vnc\n"
#else
#define VNC_NAME ""
#endif

/* ---- devices ----------------------------------------------------------------------------------------------------- */

static bool add_port(GPtrArray **list, size_t max, const char *kind, const char *arg, Error **errp)
{
    if (!*list) {
        *list = g_ptr_array_new();
    }
    if ((*list)->len == max) {
        error_set(errp, "there are only %zu %s ports", max, kind);
        return false;
    }
    g_ptr_array_add(*list, (gpointer)arg);
    return true;
}

bool opt_serial(void *dest, const char *arg, Error **errp)
{
    VmOptions *o = dest;

    return add_port(&o->serial, ARRAY_SIZE(o->board.serial), "serial", arg, errp);
}

bool opt_parallel(void *dest, const char *arg, Error **errp)
{
    VmOptions *o = dest;

    return add_port(&o->parallel, ARRAY_SIZE(o->board.parallel), "parallel", arg, errp);
}

bool opt_object(void *dest, const char *arg, Error **errp)
{
    VmOptions *o = dest;
    g_autoptr(GString) text = g_string_new(NULL);

    if (user_object_help(arg, text)) {
        fputs(text->str, stdout);
        exit(0);
    }
    if (!o->objects) {
        o->objects = g_ptr_array_new();
    }
    g_ptr_array_add(o->objects, (gpointer)arg);
    return true;
}

bool opt_chardev(void *dest, const char *arg, Error **errp)
{
    VmOptions *o = dest;

    if (g_str_equal(arg, "help") || g_str_equal(arg, "?")) {
        g_autoptr(GString) text = g_string_new(NULL);

        chardev_print_types(text);
        fputs(text->str, stdout);
        exit(0);
    }
    if (!o->chardevs) {
        o->chardevs = g_ptr_array_new();
    }
    g_ptr_array_add(o->chardevs, (gpointer)arg);
    return true;
}

/* A character code, or the character itself when that is no digit. */
bool opt_escape(void *dest, const char *arg, Error **errp)
{
    uint64_t key = (uint8_t)arg[0];

    if ((g_ascii_isdigit(arg[0]) || strlen(arg) != 1) && !parse_uint(arg, 0, UINT8_MAX, &key, errp)) {
        return false;
    }
    chardev_mux_set_escape((int)key);
    return true;
}

static void keylist_destroy(gpointer l)
{
    keylist_free(l);
}

const KeyDef global_keys[] = {
    { "driver", KEY_STRING, .help = "a device type" },
    { "property", KEY_STRING, .help = "a property of it" },
    { "value", KEY_STRING, .help = "what it is set to" },
    { .name = NULL },
};

/* driver.property=value is taken as it stands, commas included; anything else is a list of keys. */
bool opt_global(void *dest, const char *arg, Error **errp)
{
    size_t driver = strcspn(arg, ".="), property = arg[driver] == '.' ? strcspn(arg + driver + 1, "=") : 0;
    g_autoptr(KeyList) l = NULL;

    if (driver && property && arg[driver + 1 + property] == '=') {
        g_autofree char *d = g_strndup(arg, driver), *p = g_strndup(arg + driver + 1, property);

        device_global_add(d, p, arg + driver + property + 2);
        return true;
    }
    l = keylist_parse(arg, NULL, global_keys, errp);
    if (!l) {
        return false;
    }
    for (const KeyDef *k = global_keys; k->name; k++) {
        if (!keylist_get(l, k->name)) {
            error_set(errp, "parameter '%s' is missing", k->name);
            error_append_hint(errp, "The short form is DRIVER.PROPERTY=VALUE.");
            return false;
        }
    }
    device_global_add(keylist_get(l, "driver"), keylist_get(l, "property"), keylist_get(l, "value"));
    return true;
}

bool opt_device(void *dest, const char *arg, Error **errp)
{
    VmOptions *o = dest;
    g_autofree char *keys = block_json_to_keys(arg, errp);
    g_autoptr(KeyList) l = keys ? keylist_parse(keys, "driver", NULL, errp) : NULL;
    g_autoptr(GString) help = g_string_new(NULL);

    if (!l) {
        return false;
    }
    if (device_option_help(l, help)) {
        fputs(help->str, stdout);
        exit(0);
    }
    if (!device_option_check(l, errp)) {
        return false;
    }
    if (!o->devices) {
        o->devices = g_ptr_array_new_with_free_func(keylist_destroy);
    }
    g_ptr_array_add(o->devices, g_steal_pointer(&l));
    return true;
}

/* What this version has only the "none" of. */
static bool only_none(const char *what, const char *arg, Error **errp)
{
    if (g_str_equal(arg, "none")) {
        return true;
    }
    error_set(errp, "%s '%s' is not supported by this version, only 'none' is", what, arg);
    return false;
}

bool opt_monitor(void *dest, const char *arg, Error **errp)
{
    VmOptions *o = dest;

    if (!o->monitors) {
        o->monitors = g_ptr_array_new();
    }
    g_ptr_array_add(o->monitors, (gpointer)arg);
    return true;
}

bool opt_mon(void *dest, const char *arg, Error **errp)
{
    VmOptions *o = dest;
    KeyList *l = keylist_parse(arg, "chardev", monitor_keys, errp);

    if (!l) {
        return false;
    }
    if (!o->mons) {
        o->mons = g_ptr_array_new_with_free_func(keylist_destroy);
    }
    g_ptr_array_add(o->mons, l);
    return true;
}

bool opt_display(void *dest, const char *arg, Error **errp)
{
    VmOptions *o = dest;

    if (g_str_equal(arg, "help")) {
        printf("Available display backend types:\nnone\n%s%s", CURSES_NAME, VNC_NAME);
        exit(0);
    }
    if (g_str_has_prefix(arg, "vnc=")) {
        return opt_vnc(dest, arg + strlen("vnc="), errp);
    }
    o->curses = g_str_equal(arg, "curses");
    if (!o->curses && !g_str_equal(arg, "none")) {
        error_set(errp, "display '%s' is not supported by this version, '-display help' lists what there is", arg);
        return false;
    }
    return true;
}

bool opt_vnc(void *dest, const char *arg, Error **errp)
{
    VmOptions *o = dest;

    vnc_options_clear(&o->vnc);
    return g_str_equal(arg, "none") || vnc_options_parse(arg, &o->vnc, errp);
}

bool opt_vga(void *dest, const char *arg, Error **errp)
{
    VmOptions *o = dest;

    if (g_str_equal(arg, "help")) {
        printf("none\t\tno graphics card\nstd\t\tstandard VGA (default)\n");
        exit(0);
    }
    o->vga_given = true;
    o->board.no_vga = g_str_equal(arg, "none");
    if (!o->board.no_vga && !g_str_equal(arg, "std")) {
        error_set(errp, "graphics card '%s' is not supported by this version, 'std' and 'none' are", arg);
        return false;
    }
    return true;
}

bool opt_net(void *dest, const char *arg, Error **errp)
{
    return only_none("network", arg, errp);
}

/* ---- drives ------------------------------------------------------------------------------------------------------ */

bool opt_blockdev(void *dest, const char *arg, Error **errp)
{
    return blockdev_add(arg, errp);
}

bool opt_snapshot(void *dest, const char *arg, Error **errp)
{
    drives_snapshot = true;
    return true;
}

bool opt_drive(void *dest, const char *arg, Error **errp)
{
    return drive_add(arg, errp);
}

#define DRIVE_OPTION(name, interface, index, is_cdrom)                                                      \
bool opt_##name(void *dest, const char *arg, Error **errp)                                           \
{                                                                                                           \
    return drive_add_file(interface, index, is_cdrom, arg, errp);                                           \
}
DRIVE_OPTION(hda, DRIVE_IDE, 0, false)      /* also: a word that is no option */
DRIVE_OPTION(hdb, DRIVE_IDE, 1, false)
DRIVE_OPTION(hdc, DRIVE_IDE, 2, false)
DRIVE_OPTION(hdd, DRIVE_IDE, 3, false)
DRIVE_OPTION(cdrom, DRIVE_IDE, 2, true)
DRIVE_OPTION(fda, DRIVE_FLOPPY, 0, false)
DRIVE_OPTION(fdb, DRIVE_FLOPPY, 1, false)
