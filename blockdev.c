/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Drives from the command line: -drive, and the short forms -hda, -cdrom, -fda
 *
 * Left out: copy-on-read.
 */
#include "qemu/osdep.h"
#include "block/commit.h"
#include "chardev/char.h"
#include "qemu/main-loop.h"
#include "sysemu/blockdev.h"
#include "sysemu/runstate.h"

static const struct {
    const char *name;
    int units;                  /* drives on one bus; index = bus * units + unit */
    int max;
} interfaces[DRIVE_IF__COUNT] = { [DRIVE_IDE] = { "ide", 2, 4 }, [DRIVE_FLOPPY] = { "floppy", 2, 2 },
                                  [DRIVE_NONE] = { "none", 0, 0 } };

static GPtrArray *drives;       /* DriveInfo *, in the order given */

/* The keys of throttle_keys[]: each limit in both of its spellings. */
#define THROTTLE_KEYS(plain, dotted, what)                                                                      \
    { plain, KEY_SIZE, .help = what },                                                                          \
    { plain "_max", KEY_SIZE, .help = "in bursts" },                                                            \
    { plain "_max_length", KEY_UINT, .help = "seconds a burst may last (default: 1)" },                         \
    { "throttling." dotted, KEY_SIZE, .help = "the same as " plain },                                           \
    { "throttling." dotted "-max", KEY_SIZE, .help = "the same as " plain "_max" },                             \
    { "throttling." dotted "-max-length", KEY_UINT, .help = "the same as " plain "_max_length" }

const KeyDef drive_keys[] = {
    { "file", KEY_STRING, .help = "the image; without it the drive is empty" },
    { "if", KEY_STRING, .values = "ide|floppy|none",
      .help = "what it is connected to (default: ide); none waits for -device ...,drive=ID" },
    { "index", KEY_UINT, .help = "its place: 0 primary master .. 3 secondary slave; 0 drive A, 1 drive B" },
    { "bus", KEY_UINT, .help = "with unit=: the channel" },
    { "unit", KEY_UINT, .help = "0 master, 1 slave" },
    { "media", KEY_STRING, .values = "disk|cdrom", .help = "what kind of drive (default: disk)" },
    { "format", KEY_STRING, .help = "raw, qcow2 and others; without it the image is looked at" },
    { "readonly", KEY_BOOL, .help = "never write to the image (default: off; cdrom: on)" },
    { "read-only", KEY_BOOL, .help = "the same" },
    { "id", KEY_STRING, .help = "a name for it" },
    { "serial", KEY_STRING, .help = "serial number the guest sees" },
    { "cache", KEY_STRING, .values = "writeback|none|off|writethrough|directsync|unsafe",
      .help = "writeback: the guest's flushes reach the disk (default); none: past the host's page cache; "
      "writethrough, directsync: so does every write; unsafe: flushes are ignored" },
    { "discard", KEY_STRING, .values = "ignore|off|unmap|on",
      .help = "unmap: give back to the host what the guest trims" },
    { "snapshot", KEY_BOOL, .help = "write to a temporary file instead; the image stays as it is (default: off)" },
    { "aio", KEY_STRING, .values = "threads|native|io_uring",
      .help = "who waits for the host's file: threads of ours (default) or its kernel; native needs cache=none" },
    { "werror", KEY_STRING, .values = "report|ignore|stop|enospc",
      .help = "when writing fails: tell the guest, ignore it, stop the machine and try again when it goes on, or stop "
      "when there is no space and else tell the guest (default: enospc)" },
    { "rerror", KEY_STRING, .values = "report|ignore|stop", .help = "when reading fails (default: report)" },
    { "detect-zeroes", KEY_STRING, .values = "off", .help = "accepted" },
    { "locking", KEY_STRING, .values = "auto|on|off",
      .help = "keep other programs from using the image (default: auto)" },
    THROTTLE_KEYS("bps", "bps-total", "bytes a second the guest may read and write (default: no limit)"),
    THROTTLE_KEYS("bps_rd", "bps-read", "bytes a second it may read"),
    THROTTLE_KEYS("bps_wr", "bps-write", "bytes a second it may write"),
    THROTTLE_KEYS("iops", "iops-total", "requests a second"),
    THROTTLE_KEYS("iops_rd", "iops-read", "reads a second"),
    THROTTLE_KEYS("iops_wr", "iops-write", "writes a second"),
    { "iops_size", KEY_SIZE, .help = "a request of more bytes counts as several of this size" },
    { "throttling.iops-size", KEY_SIZE, .help = "the same as iops_size" },
    { "throttling.group", KEY_STRING, .help = "drives of one group share the limits that were given last" },
    { "group", KEY_STRING, .help = "the same as throttling.group" },
    { .name = NULL },
};

static void drive_free(gpointer p)
{
    DriveInfo *d = p;

    g_free(d->name);
    g_free(d->file);
    block_dict_free(d->options);
    g_free(d->format);
    g_free(d->serial);
    g_free(d->throttle_group);
    g_free(d);
}

DriveInfo *drive_get(DriveIf interface, int index)
{
    for (unsigned i = 0; drives && i < drives->len; i++) {
        DriveInfo *d = g_ptr_array_index(drives, i);

        if (d->interface == interface && d->index == index) {
            return d;
        }
    }
    return NULL;
}

/* ---- places and names -------------------------------------------------------------------------------------------- */

static bool choose_place(DriveInfo *d, const KeyList *l, Error **errp)
{
    int units = interfaces[d->interface].units, max = interfaces[d->interface].max;
    bool has_index = keylist_get(l, "index"), has_bus = keylist_get(l, "bus"), has_unit = keylist_get(l, "unit");
    uint64_t index = keylist_get_uint(l, "index", 0), bus = keylist_get_uint(l, "bus", 0);
    uint64_t unit = keylist_get_uint(l, "unit", 0);

    if (d->interface == DRIVE_NONE) {
        d->index = -1;
        return true;
    }
    if (has_index && (has_bus || has_unit)) {
        error_set(errp, "index cannot be used with bus and unit");
        return false;
    }
    if (has_unit && unit >= (uint64_t)units) {
        error_set(errp, "unit %" PRIu64 " too big (max is %d)", unit, units - 1);
        return false;
    }
    if (has_bus || has_unit) {
        index = MIN(bus, 1000) * units + unit;
    }
    if (has_bus && !has_unit) {
        while (index < (bus + 1) * units - 1 && drive_get(d->interface, index)) {
            index++;
        }
    } else if (!has_index && !has_unit) {
        while ((int)index < max && drive_get(d->interface, index)) {
            index++;
        }
    }
    if (index >= (uint64_t)max) {
        error_set(errp, "there are only %d %s drives: index %" PRIu64 " does not exist", max,
                  interfaces[d->interface].name, index);
        return false;
    }
    if (drive_get(d->interface, index)) {
        error_set(errp, "drive with bus=%d, unit=%d (index=%d) exists", (int)index / units, (int)index % units,
                  (int)index);
        return false;
    }
    d->index = index;
    return true;
}

static char *default_name(const DriveInfo *d)
{
    static unsigned n_none;

    if (d->interface == DRIVE_NONE) {
        return g_strdup_printf("none%u", n_none++);
    }
    if (d->interface == DRIVE_FLOPPY) {
        return g_strdup_printf("floppy%d", d->index);
    }
    return g_strdup_printf("ide%d-%s%d", d->index / 2, d->is_cdrom ? "cd" : "hd", d->index % 2);
}

static bool name_is_free(const char *name, Error **errp)
{
    for (unsigned i = 0; i < drives->len; i++) {
        const DriveInfo *d = g_ptr_array_index(drives, i);

        if (!strcmp(d->name, name)) {
            error_set(errp, "there is already a drive with id '%s'", name);
            return false;
        }
    }
    return true;
}

/* ---- one option -------------------------------------------------------------------------------------------------- */

static BlkOnError read_on_error(const KeyList *l, const char *key, BlkOnError def)
{
    static const char *const names[] = { "report", "ignore", "stop", "enospc" };
    const char *text = keylist_get(l, key);

    for (unsigned i = 0; text && i < ARRAY_SIZE(names); i++) {
        if (g_str_equal(text, names[i])) {
            return i;
        }
    }
    return def;
}

static void read_open_options(DriveInfo *d, const KeyList *l)
{
    const char *cache = keylist_get(l, "cache"), *discard = keylist_get(l, "discard"), *aio = keylist_get(l, "aio");

    d->open.readonly = keylist_get_bool(l, "readonly", keylist_get_bool(l, "read-only", d->is_cdrom));
    d->snapshot = keylist_get_bool(l, "snapshot", false);
    d->on_read_error = read_on_error(l, "rerror", BLK_ERROR_REPORT);
    d->on_write_error = read_on_error(l, "werror", BLK_ERROR_ENOSPC);
    d->open.auto_readonly = d->interface == DRIVE_FLOPPY;
    d->open.no_lock = !g_strcmp0(keylist_get(l, "locking"), "off");
    d->open.discard = discard && (g_str_equal(discard, "unmap") || g_str_equal(discard, "on"));
    if (cache) {
        block_cache_parse(cache, &d->open.cache);       /* drive_keys has checked it */
    }
    if (aio) {
        block_aio_parse(aio, &d->open.aio);
    }
}

static bool read_throttle(DriveInfo *d, const KeyList *l, Error **errp)
{
    for (const ThrottleKey *k = throttle_keys; k->plain; k++) {
        uint64_t *v = (uint64_t *)((char *)&d->throttle + k->offset);

        if (keylist_get(l, k->plain) && keylist_get(l, k->dotted)) {
            error_set(errp, "'%s' and its alias '%s' can't be used at the same time", k->dotted, k->plain);
            return false;
        }
        *v = keylist_get_uint(l, k->plain, keylist_get_uint(l, k->dotted, 0));
    }
    d->throttle_group = g_strdup(keylist_get(l, "throttling.group") ? keylist_get(l, "throttling.group") :
                                 keylist_get(l, "group"));
    return throttle_check(&d->throttle, errp);
}

static bool is_drive_key(const char *key)
{
    for (const KeyDef *k = drive_keys; k->name; k++) {
        if (g_str_equal(k->name, key)) {
            return true;
        }
    }
    return false;
}

/* file.driver=, backing.x=, cache.direct=: but not throttling.x=, which is the drive's. */
static bool has_node_options(const KeyList *l)
{
    for (size_t i = 0; i < l->n; i++) {
        const char *key = l->items[i].key;

        if (g_str_equal(key, "driver") || g_str_equal(key, "node-name") || (strchr(key, '.') && !is_drive_key(key))) {
            return true;
        }
    }
    return false;
}

/*
 * Options of the node go into *options; what is left, as text again, is the drive's. Without any, everything is: the
 * table of keys then says what it does not know.
 */
static char *take_node_options(const char *arg, BlockDict **options, Error **errp)
{
    g_autoptr(KeyList) l = keylist_parse(arg, NULL, NULL, errp);
    g_autoptr(GString) rest = g_string_new(NULL);

    if (!l || !has_node_options(l)) {
        return l ? g_strdup(arg) : NULL;
    }
    *options = block_dict_new();
    for (size_t i = 0; i < l->n; i++) {
        const KeyValue *kv = &l->items[i];

        if (is_drive_key(kv->key)) {
            g_auto(GStrv) parts = g_strsplit(kv->value, ",", -1);
            g_autofree char *escaped = g_strjoinv(",,", parts);

            g_string_append_printf(rest, "%s%s=%s", rest->len ? "," : "", kv->key, escaped);
        } else {
            block_dict_set(*options, kv->key, kv->value);
        }
    }
    return g_strdup(rest->str);
}

/* file= and format= of a drive that has options of its node are two more of these. */
static bool join_node_options(DriveInfo *d, Error **errp)
{
    const char *driver = block_dict_get(d->options, "driver");

    if (!d->options) {
        return true;
    }
    if (driver && !block_driver_find(driver)) {
        error_set(errp, "Unknown driver '%s'", driver);
        return false;
    }
    if (driver && d->format) {
        error_set(errp, "Cannot specify both 'driver' and 'format'");
        return false;
    }
    if (d->format) {
        block_dict_set(d->options, "driver", d->format);
    }
    if (d->file && driver && block_driver_find(driver)->is_protocol) {
        block_dict_set(d->options, "filename", d->file);
    } else if (d->file) {
        block_dict_set(d->options, block_find(d->file) ? "file" : "file.filename", d->file);
    }
    return true;
}

static bool drive_read(DriveInfo *d, const KeyList *l, Error **errp)
{
    const char *interface = keylist_get(l, "if"), *id = keylist_get(l, "id");

    for (d->interface = DRIVE_IDE; interface && strcmp(interface, interfaces[d->interface].name); d->interface++) {
    }
    if (id && !option_check_id(id, errp)) {
        return false;
    }
    d->is_cdrom = !g_strcmp0(keylist_get(l, "media"), "cdrom");
    if (d->is_cdrom && d->interface == DRIVE_FLOPPY) {
        error_set(errp, "a floppy drive takes no CD-ROM: media=cdrom goes with if=ide or if=none");
        return false;
    }
    d->file = g_strdup(keylist_get(l, "file"));
    d->format = g_strdup(keylist_get(l, "format"));
    d->serial = g_strdup(keylist_get(l, "serial"));
    if (d->format && !block_format_known(d->format)) {
        error_set(errp, "unknown image format '%s'", d->format);
        return false;
    }
    if (d->file && !*d->file) {
        g_clear_pointer(&d->file, g_free);
    }
    read_open_options(d, l);
    if (!join_node_options(d, errp) || !read_throttle(d, l, errp)) {
        return false;
    }
    if (!choose_place(d, l, errp)) {
        return false;
    }
    d->name = id ? g_strdup(id) : default_name(d);
    return name_is_free(d->name, errp);
}

bool drive_add(const char *arg, Error **errp)
{
    BlockDict *options = NULL;
    g_autofree char *text = take_node_options(arg, &options, errp);
    g_autoptr(KeyList) l = text ? keylist_parse(text, NULL, drive_keys, errp) : NULL;
    DriveInfo *d;

    if (!l) {
        block_dict_free(options);
        return false;
    }
    if (!drives) {
        drives = g_ptr_array_new_with_free_func(drive_free);
    }
    d = g_new0(DriveInfo, 1);
    d->options = options;
    if (!drive_read(d, l, errp)) {
        drive_free(d);
        return false;
    }
    g_ptr_array_add(drives, d);
    return true;
}

bool drive_add_file(DriveIf interface, int index, bool is_cdrom, const char *file, Error **errp)
{
    g_auto(GStrv) parts = g_strsplit(file, ",", -1);
    g_autofree char *escaped = g_strjoinv(",,", parts);
    g_autofree char *arg = g_strdup_printf("if=%s,index=%d,media=%s,file=%s", interfaces[interface].name, index,
                                           is_cdrom ? "cdrom" : "disk", escaped);

    return drive_add(arg, errp);
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

bool drives_snapshot;           /* -snapshot */

static BlockNode *open_image(DriveInfo *d, const BlockOpenOptions *o, Error **errp)
{
    if (!d->options) {
        return block_open(d->file, o, errp);
    }
    return block_open_dict(d->options, o, errp);
}

/*
 * snapshot=on: an image in the folder for temporary files that stands on the drive's. It has no name any more as soon
 * as it is open, so it goes with us however we end.
 */
static BlockNode *open_snapshot(DriveInfo *d, Error **errp)
{
    const char *dir = g_getenv("TMPDIR") ? g_getenv("TMPDIR") : "/var/tmp";
    g_autofree char *path = g_build_filename(dir, "vl.XXXXXX", NULL), *size = NULL;
    g_autoptr(GHashTable) options = block_dict_new();
    BlockOpenOptions below = d->open, top = { .format = "qcow2", .cache = BLOCK_CACHE_UNSAFE, .discard = true };
    BlockNode *base, *n = NULL;
    int fd;

    below.readonly = true;
    base = open_image(d, &below, errp);
    if (!base) {
        return NULL;
    }
    fd = g_mkstemp(path);
    if (fd < 0) {
        error_set_errno(errp, errno, "cannot make a temporary file '%s'", path);
        block_unref(base);
        return NULL;
    }
    close(fd);
    size = g_strdup_printf("%" PRIu64, block_size(base));
    block_dict_set(options, "size", size);
    if (block_driver_find("qcow2")->create(path, options, errp)) {
        n = block_open(path, &top, errp);
    }
    unlink(path);
    if (n) {
        n->backing = base;
    } else {
        block_unref(base);
    }
    return n;
}

static bool drive_open(DriveInfo *d, Error **errp)
{
    BlockNode *node = NULL;

    if (d->file || d->options) {
        bool is_temporary = (d->snapshot || drives_snapshot) && !d->open.readonly && !d->is_cdrom;

        d->open.format = d->format;
        d->open.warn_probed = !is_temporary;
        node = is_temporary ? open_snapshot(d, errp) : open_image(d, &d->open, errp);
        if (!node) {
            return false;
        }
    }
    d->blk = blk_new(d->name);
    if (!d->blk) {
        error_set(errp, "there is already a drive with id '%s'", d->name);
        block_unref(node);
        return false;
    }
    if (node) {
        blk_insert(d->blk, node);
    }
    blk_set_on_error(d->blk, d->on_read_error, d->on_write_error);
    if (d->throttle_group) {
        blk_set_throttle_group(d->blk, d->throttle_group);
    }
    if (!d->throttle_group || throttle_is_on(&d->throttle)) {
        blk_set_throttle(d->blk, &d->throttle);
    }
    return true;
}

/* ---- -blockdev --------------------------------------------------------------------------------------------------- */

static GPtrArray *blockdevs;    /* const char *, in the order given */

bool blockdev_add(const char *arg, Error **errp)
{
    if (!blockdevs) {
        blockdevs = g_ptr_array_new();
    }
    g_ptr_array_add(blockdevs, (gpointer)arg);
    return true;
}

/* The node, and for -device ...,drive=NAME a drive of its name. Nodes are kept until the end. */
static bool blockdev_open(const char *arg, Error **errp)
{
    g_autoptr(GHashTable) dict = block_dict_new();
    BlockOpenOptions o = { 0 };
    BlockNode *n;
    BlockBackend *blk;

    if (!(*arg == '{' ? block_dict_parse_json(dict, arg, errp) : block_dict_parse_keys(dict, arg, errp))) {
        return false;
    }
    if (!block_dict_get(dict, "node-name")) {
        error_set(errp, "'node-name' must be specified for the root node");
        return false;
    }
    n = block_open_dict(dict, &o, errp);
    blk = n ? blk_new(n->node_name) : NULL;
    if (n && !blk) {
        error_set(errp, "there is already a drive with id '%s'", n->node_name);
        block_unref(n);
    }
    if (blk) {
        blk_insert(blk, n);
    }
    return blk;
}

static void stop_on_error(void)
{
    request_stop(RUN_STATE_IO_ERROR);
}

static void run_again(void *opaque, bool running, RunState s)
{
    if (running) {
        blk_retry_parked();
    }
}

void drive_share(const char *name)
{
    for (unsigned i = 0; drives && i < drives->len; i++) {
        DriveInfo *d = g_ptr_array_index(drives, i);

        if (g_str_equal(d->name, name)) {
            d->open.share_write = true;
        }
    }
}

/* ---- what the machine has to stand for --------------------------------------------------------------------------- */

static bool is_busy;            /* big lock: waiting runs the main loop, and monitors with it */

bool drives_hold(Error **errp)
{
    if (is_busy) {
        error_set(errp, "another operation on the drives is under way");
        return false;
    }
    is_busy = true;
    vm_hold();
    if (runstate_is_running()) {
        vm_stop(RUN_STATE_PAUSED);
        vm_start();             /* when it is let go */
    }
    blk_drain_all();
    return true;
}

void drives_let_go(void)
{
    is_busy = false;
    vm_let_go();
}

static bool commit_all(Error **errp)
{
    for (BlockBackend *blk = blk_next(NULL); blk; blk = blk_next(blk)) {
        BlockNode *n = blk_node(blk);

        if (n && n->backing && !n->readonly && !blk_commit(blk, errp)) {
            return false;
        }
    }
    return true;
}

bool drives_commit(const char *name, Error **errp)
{
    bool all = g_str_equal(name, "all"), ok;
    BlockBackend *blk = all ? NULL : blk_find(name);

    if (!all && !blk) {
        error_set(errp, "Device '%s' not found", name);
        return false;
    }
    if (!drives_hold(errp)) {
        return false;
    }
    ok = all ? commit_all(errp) : blk_commit(blk, errp);
    drives_let_go();
    return ok;
}

/* Ctrl-A s. Not in the middle of what else was typed: that comes in while we wait. */
static Bh *save_bh;

static void save_all(void *opaque)
{
    Error *err = NULL;

    if (!drives_commit("all", &err)) {
        error_report_err(err);
    }
}

static void save_key(void)
{
    bh_schedule(save_bh);
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

bool drives_open(Error **errp)
{
    blk_set_stop_handler(stop_on_error);
    save_bh = bh_new(save_all, NULL);
    chardev_mux_set_save_handler(save_key);
    runstate_add_notifier(run_again, NULL);
    for (unsigned i = 0; blockdevs && i < blockdevs->len; i++) {
        const char *arg = g_ptr_array_index(blockdevs, i);

        if (!blockdev_open(arg, errp)) {
            error_prepend(errp, "-blockdev %s: ", arg);
            return false;
        }
    }
    for (unsigned i = 0; drives && i < drives->len; i++) {
        DriveInfo *d = g_ptr_array_index(drives, i);

        if (!drive_open(d, errp)) {
            return false;
        }
    }
    return true;
}

/* ---- while the machine runs -------------------------------------------------------------------------------------- */

bool drive_hot_add(const char *arg, Error **errp)
{
    DriveInfo *d;

    if (!drive_add(arg, errp)) {
        return false;
    }
    d = g_ptr_array_index(drives, drives->len - 1);
    if (d->interface != DRIVE_NONE) {
        error_set(errp, "a drive that is added to a running machine needs if=none, and device_add for a device");
    } else if (drive_open(d, errp)) {
        return true;
    }
    g_ptr_array_remove_index(drives, drives->len - 1);
    return false;
}

static DriveInfo *drive_of(const BlockBackend *blk)
{
    for (unsigned i = 0; drives && i < drives->len; i++) {
        DriveInfo *d = g_ptr_array_index(drives, i);

        if (d->blk == blk) {
            return d;
        }
    }
    return NULL;
}

bool drive_hot_del(const char *name, Error **errp)
{
    BlockBackend *blk = blk_find(name);
    DriveInfo *d = blk ? drive_of(blk) : NULL;

    if (!blk) {
        error_set(errp, "Device '%s' not found", name);
        return false;
    }
    if (!d) {
        error_set(errp, "Deleting device added with blockdev-add is not supported");
        return false;
    }
    if (blk_is_attached(blk)) {
        blk_eject(blk);
        return true;
    }
    g_ptr_array_remove(drives, d);
    blk_delete(blk);
    return true;
}
