/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine's state as a stream
 *
 *   stream  := "QVMS" version:be32 fact* 00 clock_ns:be64 section* 00
 *   fact    := kind:u8 name value:be64                (what the machine consists of, so that others know at once)
 *   section := 01 block:name size:be64 page* 01 | 02 device:name instance:be32 len:be32 state
 *   page    := 02 offset:be64 4096 bytes            (pages that are not there are zero)
 *   name    := length:u8 bytes
 *
 * Loading trusts nothing: blocks and devices must be those of this machine, each exactly once, and a device must read
 * all of its state. What a device makes of its own numbers is checked by its description (hw/core/vmstate.h).
 */
#include "qemu/osdep.h"
#include <sys/stat.h>
#include "block/backend.h"
#include "exec/ram.h"
#include "hw/core/device.h"
#include "hw/i386/pc.h"
#include "hw/i386/x86-board.h"
#include "migration/vmstate-stream.h"
#include "qemu/bitops.h"
#include "qemu/timer.h"
#include "sysemu/runstate.h"

#define MAGIC           "QVMS"
#define VERSION         2
#define DEVICE_MAX      (64 * MiB)      /* bytes of one device's state: far more than any has */

/* The value is 0 for names alone, the size of a block, the instance of a device, the hash of a CPU's features. */
enum { HAS_END = 0, HAS_MACHINE = 'M', HAS_CPU = 'C', HAS_FEATURES = 'F', HAS_BLOCK = 'R', HAS_DEVICE = 'D' };
enum { MARK_END = 0, MARK_RAM = 1, MARK_DEVICE = 2, MARK_PAGE = 2, MARK_RAM_END = 1 };

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

static bool put(const VmStateIo *io, const void *data, size_t len, Error **errp)
{
    return io->write(io->opaque, data, len, errp);
}

static bool put_be(const VmStateIo *io, uint64_t v, unsigned size, Error **errp)
{
    uint8_t raw[8];

    store_be64(raw, v);
    return put(io, raw + 8 - size, size, errp);
}

static bool put_name(const VmStateIo *io, const char *name, Error **errp)
{
    size_t len = MIN(strlen(name), 255u);

    return put_be(io, len, 1, errp) && put(io, name, len, errp);
}

static bool get(const VmStateIo *io, void *data, size_t len, Error **errp)
{
    return io->read(io->opaque, data, len, errp);
}

static bool get_be(const VmStateIo *io, uint64_t *v, unsigned size, Error **errp)
{
    uint8_t raw[8] = { 0 };
    bool ok = get(io, raw + 8 - size, size, errp);

    *v = load_be64(raw);
    return ok;
}

static bool get_name(const VmStateIo *io, char name[256], Error **errp)
{
    uint64_t len;

    if (!get_be(io, &len, 1, errp) || !get(io, name, len, errp)) {
        return false;
    }
    name[len] = '\0';
    return true;
}

/* ---- saving ------------------------------------------------------------------------------------------------------ */

static bool save_page(const VmStateIo *io, const RamBlock *rb, uint64_t offset, Error **errp)
{
    static const uint8_t zeros[TARGET_PAGE_SIZE];
    const uint8_t *p = rb->host + offset;

    return !memcmp(p, zeros, sizeof(zeros)) ||
           (put_be(io, MARK_PAGE, 1, errp) && put_be(io, offset, 8, errp) && put(io, p, TARGET_PAGE_SIZE, errp));
}

static bool save_block(const VmStateIo *io, const RamBlock *rb, Error **errp)
{
    if (!put_be(io, MARK_RAM, 1, errp) || !put_name(io, rb->name, errp) || !put_be(io, rb->size, 8, errp)) {
        return false;
    }
    for (uint64_t offset = 0; offset < rb->size; offset += TARGET_PAGE_SIZE) {
        if (!save_page(io, rb, offset, errp)) {
            return false;
        }
    }
    return put_be(io, MARK_RAM_END, 1, errp);
}

typedef struct SaveDevices {
    const VmStateIo *io;
    Error *err;
} SaveDevices;

static void save_device(const VMStateDescription *d, int instance, void *obj, void *opaque)
{
    SaveDevices *s = opaque;
    g_autoptr(GByteArray) buf = g_byte_array_new();

    if (s->err) {
        return;
    }
    vmstate_save(buf, d, obj);
    if (put_be(s->io, MARK_DEVICE, 1, &s->err) && put_name(s->io, d->name, &s->err) &&
        put_be(s->io, (uint32_t)instance, 4, &s->err) && put_be(s->io, buf->len, 4, &s->err)) {
        put(s->io, buf->data, buf->len, &s->err);
    }
}

static bool save_devices(const VmStateIo *io, Error **errp)
{
    SaveDevices s = { .io = io };

    vmstate_foreach(save_device, &s);
    if (s.err) {
        error_propagate(errp, s.err);
        return false;
    }
    return true;
}

static const char *machine_name(void)
{
    return pc_state.opts && pc_state.opts->machine ? pc_state.opts->machine : "";
}

/* ---- what the machine consists of -------------------------------------------------------------------------------- */

typedef struct Fact {
    uint8_t kind;
    const char *name;
    uint64_t value;
} Fact;

static void add_fact(GArray *facts, uint8_t kind, const char *name, uint64_t value)
{
    Fact f = { kind, name, value };

    g_array_append_val(facts, f);
}

static void add_device(const VMStateDescription *d, int instance, void *obj, void *opaque)
{
    add_fact(opaque, HAS_DEVICE, d->name, (uint32_t)instance);
}

static GArray *machine_facts(void)
{
    GArray *facts = g_array_new(FALSE, FALSE, sizeof(Fact));

    add_fact(facts, HAS_MACHINE, machine_name(), 0);
    add_fact(facts, HAS_CPU, x86_cpu_model_name(), 0);
    add_fact(facts, HAS_FEATURES, x86_cpu_model_name(), x86_cpu_model_hash());
    RAM_BLOCK_FOREACH (rb) {
        add_fact(facts, HAS_BLOCK, rb->name, rb->size);
    }
    vmstate_foreach(add_device, facts);
    return facts;
}

static bool save_facts(const VmStateIo *io, Error **errp)
{
    g_autoptr(GArray) facts = machine_facts();

    for (unsigned i = 0; i < facts->len; i++) {
        const Fact *f = &g_array_index(facts, Fact, i);

        if (!put_be(io, f->kind, 1, errp) || !put_name(io, f->name, errp) || !put_be(io, f->value, 8, errp)) {
            return false;
        }
    }
    return put_be(io, HAS_END, 1, errp);
}

/* The local fact of that kind (and name, where there may be several) that has not been found yet; NULL: none. */
static Fact *find_fact(GArray *facts, uint8_t kind, const char *name, uint64_t value)
{
    for (unsigned i = 0; i < facts->len; i++) {
        Fact *f = &g_array_index(facts, Fact, i);

        if (f->kind == kind && ((kind != HAS_BLOCK && kind != HAS_DEVICE) || !strcmp(f->name, name)) &&
            (kind != HAS_DEVICE || f->value == value)) {
            return f;
        }
    }
    return NULL;
}

/* Says what does not fit; true: it does. */
static bool check_fact(GArray *facts, uint8_t kind, const char *name, uint64_t value, Error **errp)
{
    Fact *f = find_fact(facts, kind, name, value);

    if (f && !strcmp(f->name, name) && f->value == value) {
        f->kind = HAS_END;
        return true;
    }
    if (kind == HAS_MACHINE && f) {
        error_set(errp, "Machine type received is '%s' and local is '%s'", name, f->name);
    } else if (kind == HAS_CPU && f) {
        error_set(errp, "CPU model received is '%s' and local is '%s'", name, f->name);
    } else if (kind == HAS_FEATURES && f) {
        error_set(errp, "CPU model '%s' has other features here than when it was saved", name);
    } else if (kind == HAS_BLOCK && f) {
        error_set(errp, "Size mismatch: %s: 0x%" PRIx64 " != 0x%" PRIx64, name, value, f->value);
    } else if (kind == HAS_BLOCK) {
        error_set(errp, "Unknown ramblock \"%s\", cannot accept saved state", name);
    } else if (kind == HAS_DEVICE) {
        error_set(errp, "Unknown savevm section or instance '%s' %" PRIu64 ". Make sure that your current VM setup "
                  "matches your saved VM setup, including any hotplugged devices", name, value);
    } else {
        error_set(errp, "saved state is damaged: fact of type %u", kind);
    }
    return false;
}

static bool check_all_found(const GArray *facts, Error **errp)
{
    for (unsigned i = 0; i < facts->len; i++) {
        const Fact *f = &g_array_index(facts, Fact, i);

        if (f->kind == HAS_DEVICE) {
            error_set(errp, "saved state has nothing about '%s' %" PRIu64 " of this machine", f->name, f->value);
            return false;
        }
        if (f->kind != HAS_END) {
            error_set(errp, "saved state has nothing about '%s' of this machine", f->name);
            return false;
        }
    }
    return true;
}

static bool check_facts(const VmStateIo *io, Error **errp)
{
    g_autoptr(GArray) facts = machine_facts();
    uint64_t kind, value;
    char name[256];

    while (get_be(io, &kind, 1, errp)) {
        if (kind == HAS_END) {
            return check_all_found(facts, errp);
        }
        if (!get_name(io, name, errp) || !get_be(io, &value, 8, errp) ||
            !check_fact(facts, (uint8_t)kind, name, value, errp)) {
            return false;
        }
    }
    return false;
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

/* What is no part of any device's state. */
static bool check_savable(Error **errp)
{
    const BlockBackend *waiting = blk_find_parked();

    if (waiting) {
        error_set(errp, "drive '%s' has failed requests that wait for the machine to go on; no state can be saved "
                  "before that", blk_name(waiting));
    } else if (runstate_get() == RUN_STATE_SUSPENDED) {
        error_set(errp, "the guest sleeps; no state can be saved before it wakes up (system_wakeup)");
    } else {
        return true;
    }
    return false;
}

bool vm_state_save(const VmStateIo *io, Error **errp)
{
    if (!check_savable(errp) || !put(io, MAGIC, 4, errp) || !put_be(io, VERSION, 4, errp) || !save_facts(io, errp) ||
        !put_be(io, (uint64_t)clock_get_ns(CLOCK_VM), 8, errp)) {
        return false;
    }
    RAM_BLOCK_FOREACH (rb) {
        if (!save_block(io, rb, errp)) {
            return false;
        }
    }
    return save_devices(io, errp) && put_be(io, MARK_END, 1, errp);
}

/* ---- loading ----------------------------------------------------------------------------------------------------- */

typedef struct Expected {       /* a row of the registry */
    const VMStateDescription *desc;
    int instance;
    void *obj;
    bool loaded;
} Expected;

typedef struct Loader {
    const VmStateIo *io;
    GArray *devices;            /* Expected */
    GPtrArray *blocks;          /* RamBlock, those that have not come yet */
} Loader;

static void expect_device(const VMStateDescription *d, int instance, void *obj, void *opaque)
{
    Expected e = { .desc = d, .instance = instance, .obj = obj };

    g_array_append_val((GArray *)opaque, e);
}

bool vm_state_check(const VmStateIo *io, Error **errp)
{
    char magic[4];
    uint64_t version;

    if (!get(io, magic, sizeof(magic), errp)) {
        return false;
    }
    if (memcmp(magic, MAGIC, sizeof(magic))) {
        error_set(errp, "this is no saved state of this program");
        return false;
    }
    if (!get_be(io, &version, 4, errp)) {
        return false;
    }
    if (version != VERSION) {
        error_set(errp, "saved state has version %" PRIu64 ", this program reads version %d", version, VERSION);
        return false;
    }
    return check_facts(io, errp);
}

static bool load_clock(Loader *l, Error **errp)
{
    uint64_t clock_ns;

    if (!get_be(l->io, &clock_ns, 8, errp)) {
        return false;
    }
    if (clock_ns > INT64_MAX / 2) {
        error_set(errp, "saved state is damaged: impossible time");
        return false;
    }
    clock_vm_set((int64_t)clock_ns);
    return true;
}

/* Pages that follow one another; those between them are zero. */
static bool load_pages(Loader *l, RamBlock *rb, Error **errp)
{
    uint64_t mark, offset, expected = 0;

    while (get_be(l->io, &mark, 1, errp)) {
        if (mark == MARK_RAM_END) {
            memset(rb->host + expected, 0, rb->size - expected);
            ram_written(rb->offset, rb->size);
            return true;
        }
        if (mark != MARK_PAGE || !get_be(l->io, &offset, 8, errp)) {
            break;
        }
        if (offset % TARGET_PAGE_SIZE || offset < expected || offset >= rb->size) {
            error_set(errp, "saved state is damaged: page 0x%" PRIx64 " of %s", offset, rb->name);
            return false;
        }
        memset(rb->host + expected, 0, offset - expected);
        if (!get(l->io, rb->host + offset, TARGET_PAGE_SIZE, errp)) {
            return false;
        }
        expected = offset + TARGET_PAGE_SIZE;
    }
    if (errp && !*errp) {
        error_set(errp, "saved state is damaged: pages of %s", rb->name);
    }
    return false;
}

/* By name: cards that have come and gone leave the blocks of equal machines in another order. */
static RamBlock *take_block(Loader *l, const char *name)
{
    for (unsigned i = 0; i < l->blocks->len; i++) {
        RamBlock *rb = g_ptr_array_index(l->blocks, i);

        if (!strcmp(rb->name, name)) {
            g_ptr_array_remove_index(l->blocks, i);
            return rb;
        }
    }
    return NULL;
}

static bool load_block(Loader *l, Error **errp)
{
    RamBlock *rb;
    char name[256];
    uint64_t size;

    if (!get_name(l->io, name, errp) || !get_be(l->io, &size, 8, errp)) {
        return false;
    }
    rb = take_block(l, name);
    if (!rb) {
        error_set(errp, "Unknown ramblock \"%s\", cannot accept saved state", name);
        return false;
    }
    if (size != rb->size) {
        error_set(errp, "Size mismatch: %s: 0x%" PRIx64 " != 0x%" PRIx64, name, size, rb->size);
        return false;
    }
    return load_pages(l, rb, errp);
}

static Expected *find_expected(Loader *l, const char *name, uint64_t instance)
{
    for (unsigned i = 0; i < l->devices->len; i++) {
        Expected *e = &g_array_index(l->devices, Expected, i);

        if (!e->loaded && (uint64_t)e->instance == instance && !strcmp(e->desc->name, name)) {
            return e;
        }
    }
    return NULL;
}

static bool load_device(Loader *l, Error **errp)
{
    g_autofree uint8_t *data = NULL;
    uint64_t instance, len;
    char name[256];
    Expected *e;
    ssize_t used;

    if (!get_name(l->io, name, errp) || !get_be(l->io, &instance, 4, errp) || !get_be(l->io, &len, 4, errp)) {
        return false;
    }
    e = find_expected(l, name, instance);
    if (!e) {
        error_set(errp, "Unknown savevm section or instance '%s' %" PRIu64 ". Make sure that your current VM setup "
                  "matches your saved VM setup, including any hotplugged devices", name, instance);
        return false;
    }
    if (len > DEVICE_MAX) {
        error_set(errp, "saved state is damaged: %" PRIu64 " bytes for '%s'", len, name);
        return false;
    }
    data = g_malloc(len + 1);
    if (!get(l->io, data, len, errp)) {
        return false;
    }
    used = vmstate_load(data, len, e->desc, e->obj, errp);
    if (used >= 0 && (uint64_t)used != len) {
        error_set(errp, "saved state of '%s' is longer than what it reads", name);
        used = -1;
    }
    if (used < 0) {
        error_prepend(errp, "error while loading state for instance 0x%" PRIx64 " of device '%s': ", instance, name);
    }
    e->loaded = true;
    return used >= 0;
}

static bool check_complete(const Loader *l, Error **errp)
{
    if (l->blocks->len) {
        error_set(errp, "saved state has no memory '%s'", ((RamBlock *)g_ptr_array_index(l->blocks, 0))->name);
        return false;
    }
    for (unsigned i = 0; i < l->devices->len; i++) {
        const Expected *e = &g_array_index(l->devices, Expected, i);

        if (!e->loaded) {
            error_set(errp, "saved state has nothing about '%s' %d of this machine", e->desc->name, e->instance);
            return false;
        }
    }
    return true;
}

static bool load_sections(Loader *l, Error **errp)
{
    uint64_t mark;

    while (get_be(l->io, &mark, 1, errp)) {
        bool ok;

        switch (mark) {
        case MARK_END:
            return check_complete(l, errp);
        case MARK_RAM:
            ok = load_block(l, errp);
            break;
        case MARK_DEVICE:
            ok = load_device(l, errp);
            break;
        default:
            error_set(errp, "saved state is damaged: section of type %" PRIu64, mark);
            ok = false;
        }
        if (!ok) {
            return false;
        }
    }
    return false;
}

bool vm_state_load(const VmStateIo *io, Error **errp)
{
    Loader l = { .io = io, .blocks = g_ptr_array_new() };
    Error *err = NULL;
    bool ok;

    l.devices = g_array_new(FALSE, FALSE, sizeof(Expected));
    vmstate_foreach(expect_device, l.devices);
    RAM_BLOCK_FOREACH (rb) {
        g_ptr_array_add(l.blocks, rb);
    }
    ok = vm_state_check(io, &err);
    memory_transaction_begin();
    ok = ok && load_clock(&l, &err) && load_sections(&l, &err);
    memory_transaction_commit();
    g_array_unref(l.devices);
    g_ptr_array_unref(l.blocks);
    error_propagate(errp, err);
    return ok;
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static bool file_write(void *opaque, const void *data, size_t len, Error **errp)
{
    if (fwrite(data, 1, len, opaque) != len) {
        error_set_errno(errp, errno, "cannot write saved state");
        return false;
    }
    return true;
}

static bool file_read(void *opaque, void *data, size_t len, Error **errp)
{
    if (fread(data, 1, len, opaque) == len) {
        return true;
    }
    if (ferror((FILE *)opaque)) {
        error_set_errno(errp, errno, "cannot read saved state");
    } else {
        error_set(errp, "saved state ends too early");
    }
    return false;
}

static const char *path_of(const char *uri)
{
    return g_str_has_prefix(uri, "file:") ? uri + 5 : uri;
}

/* path: what the user calls it */
static bool write_file(const char *file, const char *path, Error **errp)
{
    FILE *f = fopen(file, "wb");
    VmStateIo io = { .write = file_write, .opaque = f };
    bool ok;

    if (!f) {
        error_set_errno(errp, errno, "cannot write saved state to '%s'", path);
        return false;
    }
    ok = vm_state_save(&io, errp);
    if (ok && (fflush(f) || (fsync(fileno(f)) && errno != EINVAL && errno != EROFS))) {
        error_set_errno(errp, errno, "cannot write saved state to '%s'", path);
        ok = false;
    }
    if (fclose(f) && ok) {
        error_set_errno(errp, errno, "cannot write saved state to '%s'", path);
        ok = false;
    }
    return ok;
}

/* What was in the file stays until the new state is there as a whole. Pipes and devices are written as they are. */
bool vm_state_save_file(const char *uri, Error **errp)
{
    const char *path = path_of(uri);
    g_autofree char *partial = g_strconcat(path, ".partial", NULL);
    struct stat st;

    if (!stat(path, &st) && !S_ISREG(st.st_mode)) {
        return write_file(path, path, errp);
    }
    if (!write_file(partial, path, errp)) {
        unlink(partial);
        return false;
    }
    if (rename(partial, path)) {
        error_set_errno(errp, errno, "cannot write saved state to '%s'", path);
        unlink(partial);
        return false;
    }
    return true;
}

bool vm_state_load_file(const char *uri, Error **errp)
{
    const char *path = path_of(uri);
    FILE *f = fopen(path, "rb");
    VmStateIo io = { .read = file_read, .opaque = f };
    bool ok;

    if (!f) {
        error_set_errno(errp, errno, "cannot read saved state from '%s'", path);
        return false;
    }
    ok = vm_state_load(&io, errp);
    fclose(f);
    return ok;
}
