/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Monitor commands about media, devices, character devices and pictures. */
#include "qemu/osdep.h"
#include "block/backend.h"
#include "block/options.h"
#include "hmp.h"
#include "hw/core/device.h"
#include "sysemu/options.h"
#include "ui/console.h"
#include "ui/vnc.h"

/* ---- pictures ---------------------------------------------------------------------------------------------------- */

static Console *console_of_head(const Arg *dev, const Arg *head, Error **errp)
{
    Console *c = dev->given ? console_of_device(dev->s) : console_first();

    if (!c && !dev->given) {
        error_set(errp, "There is no console to take a screendump from");
    } else if (dev->given && !device_find(dev->s)) {
        error_set(errp, "Device '%s' not found", dev->s);
    } else if (!c) {
        error_set(errp, "Device '%s' has no screen", dev->s);
    } else if (head->given && strcmp(head->s, "0")) {       /* cards have one */
        error_set(errp, "Device '%s' has no head %s", dev->s, head->s);
    } else {
        return c;
    }
    return NULL;
}

/* filename [-f format] [device [head]] */
void hmp_screendump(Monitor *m, const Arg *a)
{
    const Arg *dev = a[1].given ? &a[3] : &a[2];    /* without -f the word behind the file is the device */
    ImageFormat format = IMAGE_PPM;
    Error *err = NULL;
    Console *c;

    if (a[1].given && !a[2].given) {
        error_set(&err, "option -f needs a format: ppm or png");
    } else if (!a[1].given && a[4].given) {
        error_set(&err, "there is nothing behind the head but '%s'", a[4].s);
    } else if (!a[1].given || image_format_parse(a[2].s, &format, &err)) {
        c = console_of_head(dev, dev + 1, &err);
        if (c) {
            console_dump(c, a[0].s, format, &err);
        }
    }
    hmp_handle_error(m, err);
}

/* ---- media ------------------------------------------------------------------------------------------------------- */

void complete_block(Monitor *m, const char *prefix, GPtrArray *list)
{
    for (BlockBackend *blk = blk_next(NULL); blk; blk = blk_next(blk)) {
        complete_add(list, prefix, blk_name(blk));
    }
}

typedef struct FindDrive {
    const char *name;
    Device *found;
} FindDrive;

static void match_drive(Device *dev, void *opaque)
{
    FindDrive *f = opaque;

    if (!g_strcmp0(device_get_prop_str(dev, "drive"), f->name)) {
        f->found = dev;
    }
}

Device *hmp_device_of_drive(const char *name)
{
    FindDrive f = { .name = name };

    device_foreach(match_drive, &f);
    return f.found;
}

bool hmp_drive_is_removable(const Device *dev)
{
    return !strcmp(dev->type->name, "ide-cd") || !strcmp(dev->type->name, "floppy");
}

static bool is_removable(const BlockBackend *blk)
{
    const Device *dev = hmp_device_of_drive(blk_name(blk));

    return dev && hmp_drive_is_removable(dev);
}

static bool is_cdrom(const BlockBackend *blk)
{
    const Device *dev = hmp_device_of_drive(blk_name(blk));

    return dev && !strcmp(dev->type->name, "ide-cd");
}

static BlockBackend *find_blk(const char *name, Error **errp)
{
    BlockBackend *blk = blk_find(name);

    if (!blk) {
        error_set(errp, "Device '%s' not found", name);
    }
    return blk;
}

/* Takes the medium out; the guest may forbid it, and is asked to allow it. */
static bool eject(BlockBackend *blk, bool force, Error **errp)
{
    if (!is_removable(blk)) {
        error_set(errp, "Device '%s' is not removable", blk_name(blk));
        return false;
    }
    if (!blk_open_tray(blk, force)) {
        error_set(errp, "Device '%s' is locked and force was not specified, wait for tray to open and try again",
                  blk_name(blk));
        return false;
    }
    blk_eject(blk);
    return true;
}

void hmp_eject(Monitor *m, const Arg *a)
{
    Error *err = NULL;
    BlockBackend *blk = find_blk(a[1].s, &err);

    if (blk) {
        eject(blk, a[0].given, &err);
    }
    hmp_handle_error(m, err);
}

/* What the drive's users may do with the new medium. */
static bool read_mode(const char *mode, const BlockBackend *blk, BlockOpenOptions *o, Error **errp)
{
    if (!strcmp(mode, "retain")) {
        o->readonly = o->readonly || (blk_node(blk) && blk_is_readonly(blk));
    } else if (!strcmp(mode, "read-only")) {
        o->readonly = true;
    } else if (!strcmp(mode, "read-write")) {
        o->readonly = o->auto_readonly = false;
    } else {
        error_set(errp, "Parameter 'read-only-mode' does not accept value '%s'", mode);
        return false;
    }
    return true;
}

/* set_password vnc WORD, change vnc password WORD */
static void set_vnc_password(Monitor *m, const char *password)
{
    Error *err = NULL;

    vnc_set_password(password, &err);
    hmp_handle_error(m, err);
}

void hmp_set_password(Monitor *m, const Arg *a)
{
    Error *err = NULL;

    if (strcmp(a[0].s, "vnc")) {
        error_set(&err, "Parameter 'protocol' does not accept value '%s'", a[0].s);
        hmp_handle_error(m, err);
        return;
    }
    set_vnc_password(m, a[1].s);
}

/* device [-f] filename [format [read-only-mode]] */
void hmp_change(Monitor *m, const Arg *a)
{
    BlockOpenOptions o = { .auto_readonly = true, .warn_probed = false };
    Error *err = NULL;
    BlockBackend *blk;
    BlockNode *node = NULL;

    if (!strcmp(a[0].s, "vnc") && !strcmp(a[2].s, "password") && a[3].given) {
        set_vnc_password(m, a[3].s);
        return;
    }
    blk = find_blk(a[0].s, &err);
    if (blk && !is_removable(blk)) {
        error_set(&err, "Device '%s' is not removable", a[0].s);
    } else if (blk && a[3].given && !block_format_known(a[3].s)) {
        error_set(&err, "Unknown driver '%s'", a[3].s);
    } else if (blk && read_mode(a[4].given ? a[4].s : "retain", blk, &o, &err)) {
        o.format = a[3].given ? a[3].s : NULL;
        o.readonly = o.readonly || is_cdrom(blk);
        node = block_open(a[2].s, &o, &err);
    }
    if (node && eject(blk, a[1].given, &err)) {
        blk_insert(blk, node);
    } else if (node) {
        block_unref(node);
    }
    hmp_handle_error(m, err);
}

/* device bps bps_rd bps_wr iops iops_rd iops_wr. What is not named here, as bursts, has no limit afterwards. */
void hmp_block_set_io_throttle(Monitor *m, const Arg *a)
{
    ThrottleConfig cfg = { 0 };
    Error *err = NULL;
    BlockBackend *blk = find_blk(a[0].s, &err);

    for (unsigned i = 0; i < THROTTLE__COUNT; i++) {
        cfg.limit[i].avg = a[1 + i].n;
    }
    if (blk && throttle_check(&cfg, &err)) {
        blk_set_throttle(blk, &cfg);
    }
    hmp_handle_error(m, err);
}

/* ---- devices ----------------------------------------------------------------------------------------------------- */

static void add_id(Device *dev, void *opaque)
{
    if (dev->id) {
        g_ptr_array_add(opaque, g_strdup(dev->id));
    }
}

void complete_device_id(Monitor *m, const char *prefix, GPtrArray *list)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(g_free);

    device_foreach(add_id, all);
    for (unsigned i = 0; i < all->len; i++) {
        complete_add(list, prefix, g_ptr_array_index(all, i));
    }
}

typedef struct TypePrefix {
    const char *prefix;
    GPtrArray *list;
} TypePrefix;

static void add_type(const DeviceType *t, void *opaque)
{
    TypePrefix *p = opaque;

    if (t->user_creatable) {
        complete_add(p->list, p->prefix, t->name);
    }
}

void complete_device_type(Monitor *m, const char *prefix, GPtrArray *list)
{
    TypePrefix p = { prefix, list };

    device_type_foreach(add_type, &p);
}

static bool check_device_add(const KeyList *l, Error **errp)
{
    const char *driver = keylist_get(l, "driver"), *id = keylist_get(l, "id");
    const DeviceType *t = driver ? device_type_find(driver) : NULL;

    if (!driver) {
        error_set(errp, "Parameter 'driver' is missing");
    } else if (!t) {
        error_set(errp, "'%s' is not a valid device model name", driver);
    } else if (!device_option_check(l, errp)) {
        return false;
    } else if (id && device_find(id)) {
        error_set(errp, "Duplicate device ID '%s'", id);
    } else if (t->no_hotplug) {
        error_set(errp, "Parameter 'driver' expects a pluggable device type");
    } else {
        return device_type_can_hotplug(t, errp);
    }
    return false;
}

void hmp_device_add(Monitor *m, const Arg *a)
{
    Error *err = NULL;
    g_autofree char *keys = block_json_to_keys(a[0].s, &err);
    g_autoptr(KeyList) l = keys ? keylist_parse(keys, "driver", NULL, &err) : NULL;
    g_autoptr(GString) help = g_string_new(NULL);

    if (l && device_option_help(l, help)) {
        monitor_put_gstring(m, help);
    } else if (l && check_device_add(l, &err)) {
        device_option_plug(l, &err);
    }
    hmp_handle_error(m, err);
}

void hmp_device_del(Monitor *m, const Arg *a)
{
    Error *err = NULL;
    Device *dev;

    exclusive_start();      /* no vCPU is inside of it; the big lock was given up meanwhile, so look it up now */
    dev = device_find(a[0].s);
    if (!dev) {
        error_set(&err, "Device '%s' not found", a[0].s);
    } else {
        device_unplug(dev, &err);
    }
    exclusive_end();
    hmp_handle_error(m, err);
}

/* ---- character devices ------------------------------------------------------------------------------------------- */

void complete_chardev(Monitor *m, const char *prefix, GPtrArray *list)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_auto(GStrv) lines = NULL;

    chardev_print(text);
    lines = g_strsplit(text->str, "\n", -1);
    for (char **line = lines; *line; line++) {
        char *colon = strchr(*line, ':');

        if (colon) {
            *colon = '\0';
            complete_add(list, prefix, *line);
        }
    }
}

void hmp_chardev_add(Monitor *m, const Arg *a)
{
    Error *err = NULL;

    if (!strcmp(a[0].s, "help") || !strcmp(a[0].s, "?")) {
        hmp_print(m, chardev_print_types);
        return;
    }
    chardev_open_option(a[0].s, &err);
    hmp_handle_error(m, err);
}

void hmp_chardev_remove(Monitor *m, const Arg *a)
{
    Chardev *chr = chardev_find(a[0].s);

    if (!chr) {
        monitor_printf(m, "Error: Chardev '%s' not found\n", a[0].s);
    } else if (chardev_is_busy(chr)) {
        monitor_printf(m, "Error: Chardev '%s' is busy\n", a[0].s);
    } else {
        chardev_free(chr);
    }
}

void hmp_chardev_send_break(Monitor *m, const Arg *a)
{
    Chardev *chr = chardev_find(a[0].s);

    if (!chr) {
        monitor_printf(m, "Error: Chardev '%s' not found\n", a[0].s);
    } else {
        chardev_send_break(chr);
    }
}

void hmp_ringbuf_write(Monitor *m, const Arg *a)
{
    Error *err = NULL;

    chardev_ringbuf_write(a[0].s, a[1].s, &err);
    hmp_handle_error(m, err);
}

/* What a terminal might take for a command is shown as its code. */
void hmp_ringbuf_read(Monitor *m, const Arg *a)
{
    Error *err = NULL;
    g_autoptr(GByteArray) data = chardev_ringbuf_read(a[0].s, a[1].n, &err);
    g_autoptr(GString) text = g_string_new(NULL);

    if (hmp_handle_error(m, err)) {
        return;
    }
    for (unsigned i = 0; i < data->len; i++) {
        uint8_t c = data->data[i];

        if (c == '\\') {
            g_string_append(text, "\\\\");
        } else if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f) {
            g_string_append_printf(text, "\\u%04X", c);
        } else {
            g_string_append_c(text, (char)c);
        }
    }
    g_string_append_c(text, '\n');
    monitor_put_gstring(m, text);
}
