/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A device's state as data: versioned fields, read by save, load, tests and the documentation alike.
 * Numbers are saved big endian in field order. Loading is input from outside: masks and ranges are checked and
 * a load that fails leaves an Error. Big lock held.
 */
#ifndef HW_CORE_VMSTATE_H
#define HW_CORE_VMSTATE_H

#include "qemu/error.h"
#include "qemu/timer.h"

typedef enum VMStateKind {
    VMS_END, VMS_UINT8, VMS_UINT16, VMS_UINT32, VMS_UINT64, VMS_BOOL, VMS_BYTES, VMS_TIMER, VMS_STRUCT,
} VMStateKind;

typedef struct VMStateDescription VMStateDescription;
typedef struct VMStateField {
    const char *name;
    VMStateKind kind;
    size_t offset;
    size_t size;                /* of one element */
    unsigned count;             /* elements; 1 for scalars */
    int version;                /* first version that has the field; 0 = always */
    uint64_t mask;              /* bits that may be set; 0 = no check */
    const VMStateDescription *sub;
    bool (*exists)(void *opaque);
} VMStateField;

struct VMStateDescription {
    const char *name;
    int version, min_version;
    const VMStateField *fields;             /* ends with VMSTATE_END */
    void (*pre_save)(void *opaque);
    bool (*post_load)(void *opaque, int version, Error **errp);
    bool (*needed)(void *opaque);           /* subsections: present only when true */
    const VMStateDescription *const *subsections;   /* NULL terminated */
};

#define VMS_FIELD(k, f, s, n, m, ...) \
    { .name = #f, .kind = (k), .offset = offsetof(s, f), .count = (n), .mask = (m), __VA_ARGS__ }
#define VMS_MEMBER(s, f) (((s *)0)->f)
#define VMSTATE_UINT8(f, s)            VMS_FIELD(VMS_UINT8, f, s, 1, 0, .size = 1)
#define VMSTATE_UINT16(f, s)           VMS_FIELD(VMS_UINT16, f, s, 1, 0, .size = 2)
#define VMSTATE_UINT32(f, s)           VMS_FIELD(VMS_UINT32, f, s, 1, 0, .size = 4)
#define VMSTATE_UINT64(f, s)           VMS_FIELD(VMS_UINT64, f, s, 1, 0, .size = 8)
#define VMSTATE_INT32(f, s)            VMS_FIELD(VMS_UINT32, f, s, 1, 0, .size = 4)
#define VMSTATE_INT64(f, s)            VMS_FIELD(VMS_UINT64, f, s, 1, 0, .size = 8)
#define VMSTATE_BOOL(f, s)             VMS_FIELD(VMS_BOOL, f, s, 1, 0, .size = sizeof(bool))
#define VMSTATE_UINT8_MASK(f, s, m)    VMS_FIELD(VMS_UINT8, f, s, 1, m, .size = 1)
#define VMSTATE_UINT16_MASK(f, s, m)   VMS_FIELD(VMS_UINT16, f, s, 1, m, .size = 2)
#define VMSTATE_UINT32_MASK(f, s, m)   VMS_FIELD(VMS_UINT32, f, s, 1, m, .size = 4)
#define VMSTATE_UINT8_ARRAY(f, s, n)   VMS_FIELD(VMS_UINT8, f, s, n, 0, .size = 1)
#define VMSTATE_UINT16_ARRAY(f, s, n)  VMS_FIELD(VMS_UINT16, f, s, n, 0, .size = 2)
#define VMSTATE_UINT32_ARRAY(f, s, n)  VMS_FIELD(VMS_UINT32, f, s, n, 0, .size = 4)
#define VMSTATE_UINT64_ARRAY(f, s, n)  VMS_FIELD(VMS_UINT64, f, s, n, 0, .size = 8)
#define VMSTATE_BYTES(f, s, n)         VMS_FIELD(VMS_BYTES, f, s, 1, 0, .size = (n))
#define VMSTATE_TIMER(f, s)            VMS_FIELD(VMS_TIMER, f, s, 1, 0, .size = sizeof(Timer))
#define VMSTATE_STRUCT(f, s, d)        VMS_FIELD(VMS_STRUCT, f, s, 1, 0, .size = sizeof(VMS_MEMBER(s, f)), .sub = &(d))
#define VMSTATE_STRUCT_ARRAY(f, s, n, d) \
    VMS_FIELD(VMS_STRUCT, f, s, n, 0, .size = sizeof(VMS_MEMBER(s, f)[0]), .sub = &(d))
#define VMSTATE_END                    { .kind = VMS_END }

/* Appends the state of opaque to buf; reads it back from p[0..len), returns bytes consumed or -1 with an Error. */
void vmstate_save(GByteArray *buf, const VMStateDescription *d, void *opaque);
ssize_t vmstate_load(const uint8_t *p, size_t len, const VMStateDescription *d, void *opaque, Error **errp);

#endif
