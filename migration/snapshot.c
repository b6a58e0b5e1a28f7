/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshots of the machine and its disks, inside the disks' images
 *
 *   savevm   stop ─► state into the first drive ─► every drive gets a snapshot ─► older of that tag go ─► run again
 *   loadvm   stop ─► is the state of this machine? ─► every drive goes back ─► reset, load ─► run again
 *
 * Up to the third step of loadvm a failure changes nothing; a savevm that fails leaves the drives as they were.
 */
#include "qemu/osdep.h"
#include <time.h>
#include "block/backend.h"
#include "hw/core/device.h"
#include "migration/snapshot.h"
#include "migration/vmstate-stream.h"
#include "qemu/timer.h"
#include "sysemu/blockdev.h"
#include "sysemu/runstate.h"

/* ---- the drives -------------------------------------------------------------------------------------------------- */

/* Those whose contents may change: with a device, or (of -blockdev) not merely what another node stands on. */
static bool is_concerned(const BlockBackend *b)
{
    const BlockNode *n = blk_node(b);

    return n && !blk_is_readonly(b) && (blk_is_attached(b) || !block_is_below(n));
}

static bool can_snapshot(const BlockBackend *b)
{
    return blk_node(b)->drv->vmstate_write && blk_node(b)->drv->snapshot_create;
}

static GPtrArray *concerned_drives(void)
{
    GPtrArray *drives = g_ptr_array_new();

    for (BlockBackend *b = blk_next(NULL); b; b = blk_next(b)) {
        if (is_concerned(b)) {
            g_ptr_array_add(drives, b);
        }
    }
    return drives;
}

static BlockBackend *drive_at(const GPtrArray *drives, unsigned i)
{
    return g_ptr_array_index(drives, i);
}

/* The first one holds the state. NULL with an Error when one of them cannot do it, or there is none. */
static GPtrArray *snapshot_drives(Error **errp)
{
    g_autoptr(GPtrArray) drives = concerned_drives();

    for (unsigned i = 0; i < drives->len; i++) {
        if (!can_snapshot(drive_at(drives, i))) {
            error_set(errp, "Device '%s' is writable but does not support snapshots", blk_name(drive_at(drives, i)));
            return NULL;
        }
    }
    if (!drives->len) {
        error_set(errp, "no block device can store vmstate for snapshot");
        return NULL;
    }
    return g_steal_pointer(&drives);
}

/* ---- lists of snapshots ------------------------------------------------------------------------------------------ */

static void free_snapshot(gpointer p)
{
    block_snapshot_clear(p);
    g_free(p);
}

/* BlockSnapshot *, oldest first; empty for who has none. */
static GPtrArray *snapshots_of(const BlockBackend *b)
{
    GPtrArray *out = g_ptr_array_new_with_free_func(free_snapshot);
    BlockNode *n = blk_node(b);
    BlockSnapshot *list = NULL;
    unsigned count = n->drv->snapshot_list ? n->drv->snapshot_list(n, &list) : 0;

    for (unsigned i = 0; i < count; i++) {
        g_ptr_array_add(out, g_memdup2(&list[i], sizeof(*list)));
    }
    g_free(list);
    return out;
}

static BlockSnapshot *snapshot_at(const GPtrArray *list, unsigned i)
{
    return g_ptr_array_index(list, i);
}

/* The newest of that tag: two are there when a savevm was cut short between making the new and deleting the old one. */
static const BlockSnapshot *find_tag(const GPtrArray *list, const char *tag)
{
    for (unsigned i = list->len; i > 0; i--) {
        if (g_str_equal(snapshot_at(list, i - 1)->name, tag)) {
            return snapshot_at(list, i - 1);
        }
    }
    return NULL;
}

static bool has_tag(const BlockBackend *b, const char *tag)
{
    g_autoptr(GPtrArray) list = snapshots_of(b);

    return find_tag(list, tag);
}

/* Of all snapshots with that tag, but for the newest when it is to be kept. */
static bool delete_tag(BlockBackend *b, const char *tag, bool keep_newest, Error **errp)
{
    g_autoptr(GPtrArray) list = snapshots_of(b);
    const BlockSnapshot *newest = find_tag(list, tag);
    BlockNode *n = blk_node(b);

    for (unsigned i = 0; i < list->len; i++) {
        const BlockSnapshot *s = snapshot_at(list, i);

        if (g_str_equal(s->name, tag) && !(keep_newest && s == newest) && !n->drv->snapshot_delete(n, s->id, errp)) {
            error_prepend(errp, "drive '%s': ", blk_name(b));
            return false;
        }
    }
    return true;
}

/* ---- the state as a stream --------------------------------------------------------------------------------------- */

typedef struct StateFile {
    BlockBackend *blk;
    const char *id;             /* reading: of the snapshot */
    uint64_t size;              /* reading: of the state */
    uint64_t offset;            /* of the byte behind buf */
    uint8_t *buf;               /* BLOCK_VMSTATE_CHUNK */
    size_t at, have;            /* bytes of buf that are done with; reading: that are there */
} StateFile;

static bool write_chunk(StateFile *f, Error **errp)
{
    size_t len = ROUND_UP(f->at, BLOCK_SECTOR_SIZE);
    BlockNode *n = blk_node(f->blk);
    int ret;

    memset(f->buf + f->at, 0, len - f->at);
    ret = n->drv->vmstate_write(n, f->offset, f->buf, len);
    if (ret) {
        error_set_errno(errp, -ret, "cannot write the machine's state to drive '%s'", blk_name(f->blk));
        return false;
    }
    f->offset += f->at;
    f->at = 0;
    return true;
}

static bool state_write(void *opaque, const void *data, size_t len, Error **errp)
{
    StateFile *f = opaque;

    while (len) {
        size_t part = MIN(len, BLOCK_VMSTATE_CHUNK - f->at);

        memcpy(f->buf + f->at, data, part);
        f->at += part;
        data = (const uint8_t *)data + part;
        len -= part;
        if (f->at == BLOCK_VMSTATE_CHUNK && !write_chunk(f, errp)) {
            return false;
        }
    }
    return true;
}

static bool read_chunk(StateFile *f, Error **errp)
{
    size_t len = MIN(BLOCK_VMSTATE_CHUNK, f->size - f->offset);
    BlockNode *n = blk_node(f->blk);
    int ret;

    if (!len) {
        error_set(errp, "saved state ends too early");
        return false;
    }
    ret = n->drv->vmstate_read(n, f->id, f->offset, f->buf, ROUND_UP(len, BLOCK_SECTOR_SIZE));
    if (ret) {
        error_set_errno(errp, -ret, "cannot read the machine's state from drive '%s'", blk_name(f->blk));
        return false;
    }
    f->offset += len;
    f->have = len;
    f->at = 0;
    return true;
}

static bool state_read(void *opaque, void *data, size_t len, Error **errp)
{
    StateFile *f = opaque;

    while (len) {
        size_t part = MIN(len, f->have - f->at);

        if (!part && !read_chunk(f, errp)) {
            return false;
        }
        memcpy(data, f->buf + f->at, part);
        f->at += part;
        data = (uint8_t *)data + part;
        len -= part;
    }
    return true;
}

/* ---- savevm ------------------------------------------------------------------------------------------------------ */

static bool write_state(BlockBackend *blk, uint64_t *size, Error **errp)
{
    StateFile f = { .blk = blk, .buf = g_malloc(BLOCK_VMSTATE_CHUNK) };
    VmStateIo io = { .write = state_write, .opaque = &f };
    bool ok = vm_state_save(&io, errp) && (!f.at || write_chunk(&f, errp));

    *size = f.offset;
    g_free(f.buf);
    if (!ok) {
        blk_node(blk)->drv->vmstate_drop(blk_node(blk));    /* what fails here has been reported as the reason */
    }
    return ok;
}

/* What was made goes again; snapshots are added at the end. */
static void delete_behind(BlockBackend *b, unsigned count)
{
    g_autoptr(GPtrArray) list = snapshots_of(b);
    BlockNode *n = blk_node(b);

    for (unsigned i = count; i < list->len; i++) {
        Error *err = NULL;

        if (!n->drv->snapshot_delete(n, snapshot_at(list, i)->id, &err)) {
            warn_report("drive '%s': snapshot '%s' is incomplete: %s", blk_name(b), snapshot_at(list, i)->name,
                        error_get_message(err));
            error_free(err);
        }
    }
}

static bool create_on(const GPtrArray *drives, unsigned i, const BlockSnapshot *info, Error **errp)
{
    BlockBackend *b = drive_at(drives, i);
    g_autoptr(GPtrArray) before = snapshots_of(b);
    BlockSnapshot own = *info;
    BlockNode *n = blk_node(b);

    own.vm_state_size = i ? 0 : info->vm_state_size;
    if (!n->drv->snapshot_create(n, &own, errp)) {
        error_prepend(errp, "drive '%s': ", blk_name(b));
        if (!i) {
            n->drv->vmstate_drop(n);
        }
    } else if (i + 1 == drives->len || create_on(drives, i + 1, info, errp)) {
        return true;
    }
    delete_behind(b, before->len);
    return false;
}

static char *tag_from_date(void)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_local();

    return g_date_time_format(now, "vm-%Y%m%d%H%M%S");
}

static bool save_held(const char *tag, Error **errp)
{
    g_autofree char *own = tag && *tag ? NULL : tag_from_date();
    g_autoptr(GPtrArray) drives = snapshot_drives(errp);
    BlockSnapshot info = { .name = own ? own : (char *)tag, .icount = UINT64_MAX };
    int64_t now_us = g_get_real_time();

    if (!drives || !write_state(drive_at(drives, 0), &info.vm_state_size, errp)) {
        return false;
    }
    info.date_sec = (uint32_t)(now_us / G_USEC_PER_SEC);
    info.date_nsec = (uint32_t)(now_us % G_USEC_PER_SEC * 1000);
    info.vm_clock_ns = (uint64_t)clock_get_ns(CLOCK_VM);
    if (!create_on(drives, 0, &info, errp)) {
        return false;
    }
    for (unsigned i = 0; i < drives->len; i++) {
        if (!delete_tag(drive_at(drives, i), info.name, true, errp)) {
            return false;
        }
    }
    return true;
}

bool snapshot_save(const char *tag, Error **errp)
{
    bool ok;

    if (!drives_hold(errp)) {
        return false;
    }
    ok = save_held(tag, errp);
    drives_let_go();
    return ok;
}

/* ---- loadvm ------------------------------------------------------------------------------------------------------ */

/* Which snapshot it is on each drive: ids, in their order. NULL with an Error when one has none. */
static GPtrArray *ids_of_tag(const GPtrArray *drives, const char *tag, uint64_t *state_size, Error **errp)
{
    g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);

    for (unsigned i = 0; i < drives->len; i++) {
        g_autoptr(GPtrArray) list = snapshots_of(drive_at(drives, i));
        const BlockSnapshot *s = find_tag(list, tag);

        if (!s) {
            error_set(errp, "Snapshot '%s' does not exist in one or more devices", tag);
            return NULL;
        }
        *state_size = i ? *state_size : s->vm_state_size;
        g_ptr_array_add(ids, g_strdup(s->id));
    }
    if (!*state_size) {
        error_set(errp, "This is a disk-only snapshot. Revert to it offline using qemu-img");
        return NULL;
    }
    return g_steal_pointer(&ids);
}

static bool read_state(bool (*fn)(const VmStateIo *io, Error **errp), BlockBackend *blk, const char *id, uint64_t size,
                       Error **errp)
{
    StateFile f = { .blk = blk, .id = id, .size = size, .buf = g_malloc(BLOCK_VMSTATE_CHUNK) };
    VmStateIo io = { .read = state_read, .opaque = &f };
    bool ok = fn(&io, errp);

    g_free(f.buf);
    return ok;
}

/* *touched: something is no longer what it was. */
static bool apply_to_drives(const GPtrArray *drives, const GPtrArray *ids, bool *touched, Error **errp)
{
    for (unsigned i = 0; i < drives->len; i++) {
        BlockNode *n = blk_node(drive_at(drives, i));

        if (!n->drv->snapshot_apply(n, g_ptr_array_index(ids, i), errp)) {
            error_prepend(errp, "drive '%s': ", blk_name(drive_at(drives, i)));
            return false;
        }
        *touched = true;
    }
    return true;
}

static bool load_held(const char *tag, bool *touched, Error **errp)
{
    g_autoptr(GPtrArray) drives = snapshot_drives(errp);
    uint64_t size = 0;
    g_autoptr(GPtrArray) ids = drives ? ids_of_tag(drives, tag, &size, errp) : NULL;
    Error *err = NULL;
    bool ok;

    if (!ids) {
        return false;
    }
    ok = read_state(vm_state_check, drive_at(drives, 0), g_ptr_array_index(ids, 0), size, &err);
    if (ok) {
        blk_cancel_parked();    /* their disk goes back to another day */
        blk_drain_all();
        ok = apply_to_drives(drives, ids, touched, &err);
    }
    if (ok) {
        device_reset_all();
        ok = read_state(vm_state_load, drive_at(drives, 0), g_ptr_array_index(ids, 0), size, &err);
    }
    if (!ok) {
        error_prepend(&err, "snapshot '%s' cannot be loaded: ", tag);
        error_propagate(errp, err);
    }
    return ok;
}

bool snapshot_load(const char *tag, Error **errp)
{
    bool was_running = runstate_is_running(), touched = false, ok;

    if (!drives_hold(errp)) {
        return false;
    }
    ok = load_held(tag, &touched, errp);
    if (touched && !ok) {
        vm_stop(RUN_STATE_RESTORE_VM);      /* half one machine, half the other: only a reset helps */
    } else if (ok && !was_running && runstate_get() != RUN_STATE_PRELAUNCH) {
        vm_stop(RUN_STATE_PAUSED);          /* also one that slept or was switched off has something to do again */
    }
    drives_let_go();
    return ok;
}

/* ---- delvm, info snapshots --------------------------------------------------------------------------------------- */

bool snapshot_delete(const char *tag, Error **errp)
{
    g_autoptr(GPtrArray) drives = NULL;
    bool ok;

    if (!drives_hold(errp)) {
        return false;
    }
    drives = snapshot_drives(errp);
    ok = drives;
    for (unsigned i = 0; ok && i < drives->len; i++) {
        ok = delete_tag(drive_at(drives, i), tag, false, errp);
    }
    drives_let_go();
    return ok;
}

static bool is_everywhere(const GPtrArray *drives, const char *tag)
{
    for (unsigned i = 0; i < drives->len; i++) {
        if (!has_tag(drive_at(drives, i), tag)) {
            return false;
        }
    }
    return true;
}

/* Those of one drive that are on all, or those that are not. How many. */
static unsigned print_rows(GString *out, const GPtrArray *drives, const BlockBackend *b, bool complete)
{
    g_autoptr(GPtrArray) list = snapshots_of(b);
    unsigned rows = 0;

    for (unsigned i = 0; i < list->len; i++) {
        const BlockSnapshot *s = snapshot_at(list, i);
        g_autofree char *row = NULL;

        if (is_everywhere(drives, s->name) != complete) {
            continue;
        }
        if (!complete && !rows) {
            g_string_append_printf(out, "\nList of partial (non-loadable) snapshots on '%s':\n", blk_name(b));
        }
        row = block_snapshot_row(s, !complete);
        g_string_append_printf(out, "%s%s", rows ? "" : block_snapshot_head, row);
        rows++;
    }
    return rows;
}

static const BlockBackend *first_capable(const GPtrArray *drives)
{
    for (unsigned i = 0; i < drives->len; i++) {
        if (can_snapshot(drive_at(drives, i))) {
            return drive_at(drives, i);
        }
    }
    return NULL;
}

bool snapshot_print(GString *out, Error **errp)
{
    g_autoptr(GPtrArray) drives = concerned_drives();
    g_autoptr(GString) partial = g_string_new(NULL), complete = g_string_new(NULL);
    const BlockBackend *first = first_capable(drives);

    if (!first) {
        error_set(errp, "no block device can store vmstate for snapshot");
        return false;
    }
    for (unsigned i = 0; i < drives->len; i++) {
        print_rows(partial, drives, drive_at(drives, i), false);
    }
    if (!print_rows(complete, drives, first, true)) {
        if (!partial->len) {
            g_string_append(out, "There is no snapshot available.\n");
            return true;
        }
        g_string_append(complete, "None\n");
    }
    g_string_append_printf(out, "List of snapshots present on all disks:\n%s%s", complete->str, partial->str);
    return true;
}

void snapshot_foreach_tag(void (*fn)(void *opaque, const char *tag), void *opaque)
{
    g_autoptr(GPtrArray) drives = concerned_drives();
    const BlockBackend *first = first_capable(drives);
    g_autoptr(GPtrArray) list = first ? snapshots_of(first) : NULL;

    for (unsigned i = 0; list && i < list->len; i++) {
        fn(opaque, snapshot_at(list, i)->name);
    }
}
