/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Saving and loading what a VMStateDescription lists.
 *
 *   state      := version:be32 fields subsection* 00
 *   subsection := 05 length:u8 name state
 *   fields     := numbers big endian, bytes as they are, timers as their deadline (-1: not armed), structs as state
 *
 * The closing 00 makes a state self-delimiting, so that it may stand within another one. Loading trusts nothing:
 * lengths, versions, masks, bools and names are checked before they are used, but fields read before the error was
 * found stay changed; whoever loads a machine must be ready to reset it.
 */
#include "qemu/osdep.h"
#include "hw/core/vmstate.h"
#include "qemu/bitops.h"

#define MARK_END        0x00
#define MARK_SUBSECTION 0x05

/* ---- saving ----------------------------------------------------------------------------------------------------- */

static void put_number(GByteArray *buf, uint64_t v, unsigned size)
{
    uint8_t raw[8];

    store_be64(raw, v);
    g_byte_array_append(buf, raw + 8 - size, size);
}

static unsigned number_size(VMStateKind kind)
{
    switch (kind) {
    case VMS_UINT8:
    case VMS_BOOL:
        return 1;
    case VMS_UINT16:
        return 2;
    case VMS_UINT32:
        return 4;
    case VMS_UINT64:
    case VMS_TIMER:
        return 8;
    case VMS_BYTES:
    case VMS_STRUCT:
    case VMS_END:
        break;
    }
    return 0;
}

static uint64_t element_get(const VMStateField *f, const void *p)
{
    switch (f->kind) {
    case VMS_UINT8:
        return *(const uint8_t *)p;
    case VMS_UINT16:
        return *(const uint16_t *)p;
    case VMS_UINT32:
        return *(const uint32_t *)p;
    case VMS_UINT64:
        return *(const uint64_t *)p;
    case VMS_BOOL:
        return *(const bool *)p;
    case VMS_TIMER:
        return __atomic_load_n(&((const Timer *)p)->expire_ns, __ATOMIC_RELAXED);
    case VMS_BYTES:
    case VMS_STRUCT:
    case VMS_END:
        break;
    }
    return 0;
}

static void save_field(GByteArray *buf, const VMStateField *f, uint8_t *p)
{
    for (unsigned i = 0; i < f->count; i++, p += f->size) {
        switch (f->kind) {
        case VMS_BYTES:
            g_byte_array_append(buf, p, f->size);
            break;
        case VMS_STRUCT:
            vmstate_save(buf, f->sub, p);
            break;
        case VMS_END:
        case VMS_UINT8:
        case VMS_UINT16:
        case VMS_UINT32:
        case VMS_UINT64:
        case VMS_BOOL:
        case VMS_TIMER:
            put_number(buf, element_get(f, p), number_size(f->kind));
            break;
        }
    }
}

static void save_subsections(GByteArray *buf, const VMStateDescription *d, void *opaque)
{
    for (unsigned i = 0; d->subsections && d->subsections[i]; i++) {
        const VMStateDescription *sub = d->subsections[i];

        if (!sub->needed || sub->needed(opaque)) {
            put_number(buf, MARK_SUBSECTION, 1);
            put_number(buf, strlen(sub->name), 1);
            g_byte_array_append(buf, (const uint8_t *)sub->name, strlen(sub->name));
            vmstate_save(buf, sub, opaque);
        }
    }
}

void vmstate_save(GByteArray *buf, const VMStateDescription *d, void *opaque)
{
    if (d->pre_save) {
        d->pre_save(opaque);
    }
    put_number(buf, d->version, 4);
    for (const VMStateField *f = d->fields; f && f->kind != VMS_END; f++) {
        if (!f->exists || f->exists(opaque)) {
            save_field(buf, f, (uint8_t *)opaque + f->offset);
        }
    }
    save_subsections(buf, d, opaque);
    put_number(buf, MARK_END, 1);
}

/* ---- loading ---------------------------------------------------------------------------------------------------- */

typedef struct Input {
    const uint8_t *p, *end;
} Input;

static bool need(const Input *in, size_t n, const VMStateDescription *d, Error **errp)
{
    if ((size_t)(in->end - in->p) < n) {
        error_set(errp, "state of '%s' ends too early", d->name);
        return false;
    }
    return true;
}

static uint64_t get_number(Input *in, unsigned size)
{
    uint64_t v = 0;

    while (size--) {
        v = v << 8 | *in->p++;
    }
    return v;
}

static void element_set(const VMStateField *f, void *p, uint64_t v)
{
    switch (f->kind) {
    case VMS_UINT8:
        *(uint8_t *)p = v;
        break;
    case VMS_UINT16:
        *(uint16_t *)p = v;
        break;
    case VMS_UINT32:
        *(uint32_t *)p = v;
        break;
    case VMS_UINT64:
        *(uint64_t *)p = v;
        break;
    case VMS_BOOL:
        *(bool *)p = v;
        break;
    case VMS_TIMER:
        if ((int64_t)v < 0) {
            timer_disarm(p);
        } else {
            timer_arm(p, v);
        }
        break;
    case VMS_BYTES:
    case VMS_STRUCT:
    case VMS_END:
        break;
    }
}

static bool load_number(Input *in, const VMStateDescription *d, const VMStateField *f, void *p, Error **errp)
{
    unsigned size = number_size(f->kind);
    uint64_t v;

    if (!need(in, size, d, errp)) {
        return false;
    }
    v = get_number(in, size);
    if ((f->mask && (v & ~f->mask)) || (f->kind == VMS_BOOL && v > 1)) {
        error_set(errp, "state of '%s': value 0x%" PRIx64 " of '%s' is not possible", d->name, v, f->name);
        return false;
    }
    element_set(f, p, v);
    return true;
}

static bool load_state(Input *in, const VMStateDescription *d, void *opaque, Error **errp);

static bool load_field(Input *in, const VMStateDescription *d, const VMStateField *f, uint8_t *p, Error **errp)
{
    for (unsigned i = 0; i < f->count; i++, p += f->size) {
        if (f->kind == VMS_BYTES) {
            if (!need(in, f->size, d, errp)) {
                return false;
            }
            memcpy(p, in->p, f->size);
            in->p += f->size;
        } else if (f->kind == VMS_STRUCT) {
            if (!load_state(in, f->sub, p, errp)) {
                return false;
            }
        } else if (!load_number(in, d, f, p, errp)) {
            return false;
        }
    }
    return true;
}

static const VMStateDescription *subsection_find(const VMStateDescription *d, const uint8_t *name, unsigned len)
{
    for (unsigned i = 0; d->subsections && d->subsections[i]; i++) {
        if (strlen(d->subsections[i]->name) == len && !memcmp(d->subsections[i]->name, name, len)) {
            return d->subsections[i];
        }
    }
    return NULL;
}

static bool load_subsection(Input *in, const VMStateDescription *d, void *opaque, Error **errp)
{
    const VMStateDescription *sub;
    unsigned len;

    if (!need(in, 1, d, errp)) {
        return false;
    }
    len = get_number(in, 1);
    if (!need(in, len, d, errp)) {
        return false;
    }
    sub = subsection_find(d, in->p, len);
    if (!sub) {
        error_set(errp, "state of '%s' has a part that is not known here", d->name);
        return false;
    }
    in->p += len;
    return load_state(in, sub, opaque, errp);
}

static bool load_subsections(Input *in, const VMStateDescription *d, void *opaque, Error **errp)
{
    for (;;) {
        uint8_t mark;

        if (!need(in, 1, d, errp)) {
            return false;
        }
        mark = get_number(in, 1);
        if (mark == MARK_END) {
            return true;
        }
        if (mark != MARK_SUBSECTION) {
            error_set(errp, "state of '%s' does not end where it should", d->name);
            return false;
        }
        if (!load_subsection(in, d, opaque, errp)) {
            return false;
        }
    }
}

static bool load_state(Input *in, const VMStateDescription *d, void *opaque, Error **errp)
{
    int64_t version;

    if (!need(in, 4, d, errp)) {
        return false;
    }
    version = get_number(in, 4);
    if (version > d->version || version < d->min_version) {
        error_set(errp, "state of '%s' has version %" PRId64 ", only %d to %d are known here", d->name, version,
                  d->min_version, d->version);
        return false;
    }
    for (const VMStateField *f = d->fields; f && f->kind != VMS_END; f++) {
        if (f->version > version || (f->exists && !f->exists(opaque))) {
            continue;
        }
        if (!load_field(in, d, f, (uint8_t *)opaque + f->offset, errp)) {
            return false;
        }
    }
    if (!load_subsections(in, d, opaque, errp)) {
        return false;
    }
    return !d->post_load || d->post_load(opaque, version, errp);
}

ssize_t vmstate_load(const uint8_t *p, size_t len, const VMStateDescription *d, void *opaque, Error **errp)
{
    Input in = { p, p + len };

    return load_state(&in, d, opaque, errp) ? in.p - p : -1;
}
