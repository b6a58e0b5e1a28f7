/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI machine language encoder
 *
 * Appends terms to a byte array; a term with a length leaves a mark that aml_end() turns into a PkgLength. The length
 * field takes one to four bytes depending on what follows, so it is inserted when its term is complete.
 * Follows: ACPI specification 6.4, "AML Grammar Definition", "Package Length Encoding", "Small/Large Resource Data
 * Type".
 */
#include "qemu/osdep.h"
#include "qemu/put.h"
#include "hw/acpi/aml.h"

#define OP_ZERO         0x00
#define OP_ONE          0x01
#define OP_NAME         0x08
#define OP_BYTE         0x0a
#define OP_WORD         0x0b
#define OP_DWORD        0x0c
#define OP_STRING       0x0d
#define OP_QWORD        0x0e
#define OP_SCOPE        0x10
#define OP_BUFFER       0x11
#define OP_PACKAGE      0x12
#define OP_METHOD       0x14
#define OP_DUAL_NAME    0x2e
#define OP_MULTI_NAME   0x2f
#define OP_EXT          0x5b
#define OP_CREATE_DWORD 0x8a
#define OP_IF           0xa0
#define EXT_MUTEX       0x01
#define EXT_ACQUIRE     0x23
#define EXT_RELEASE     0x27
#define EXT_REGION      0x80
#define EXT_FIELD       0x81
#define EXT_DEVICE      0x82
#define EXT_PROCESSOR   0x83

#define NAME_SEG_LEN    4
#define METHOD_SERIALIZED (1u << 3)
#define FIELD_PRESERVE  0x00            /* no lock, preserve the other bits */
#define WAIT_FOR_EVER   0xffff
#define END_TAG         0x79

typedef struct AmlOpen {
    guint at;               /* where the length goes */
    bool template;          /* a buffer of resources: needs its size and an end tag */
} AmlOpen;

Aml *aml_new(void)
{
    Aml *a = g_new0(Aml, 1);

    a->out = g_byte_array_new();
    a->open = g_array_new(false, false, sizeof(AmlOpen));
    return a;
}

void aml_free(Aml *a)
{
    if (a->out) {
        g_byte_array_unref(a->out);
    }
    g_array_unref(a->open);
    g_free(a);
}

GByteArray *aml_take(Aml *a)
{
    GByteArray *out = g_steal_pointer(&a->out);

    assert(a->open->len == 0);
    aml_free(a);
    return out;
}

/* ---- bytes ------------------------------------------------------------------------------------------------------ */

static void insert(Aml *a, guint at, const uint8_t *p, guint len)
{
    guint tail = a->out->len - at;

    g_byte_array_set_size(a->out, a->out->len + len);
    memmove(a->out->data + at + len, a->out->data + at, tail);
    memcpy(a->out->data + at, p, len);
}

/* One byte up to 63; else the low nibble in the first byte, bits 7:6 counting the bytes behind. Counts itself. */
static unsigned encode_pkg_length(uint8_t buf[4], uint32_t len)
{
    unsigned extra;

    if (len + 1 < 1u << 6) {
        buf[0] = len + 1;
        return 1;
    }
    for (extra = 1; len + 1 + extra >= 1u << (4 + 8 * extra); extra++) {
        assert(extra < 3);
    }
    len += 1 + extra;
    buf[0] = extra << 6 | (len & 0xf);
    for (unsigned i = 1; i <= extra; i++) {
        buf[i] = len >> (8 * i - 4);
    }
    return 1 + extra;
}

static void begin(Aml *a)
{
    g_array_append_val(a->open, ((AmlOpen) { .at = a->out->len }));
}

void aml_end(Aml *a)
{
    AmlOpen open;
    uint8_t len[4];

    assert(a->open->len);
    open = g_array_index(a->open, AmlOpen, a->open->len - 1);
    g_array_set_size(a->open, a->open->len - 1);
    if (open.template) {
        uint8_t size[3] = { OP_WORD };

        put8(a->out, END_TAG);
        put8(a->out, 0);         /* checksum 0: not checked */
        store_le16(size + 1, a->out->len - open.at);
        insert(a, open.at, size, sizeof(size));
    }
    insert(a, open.at, len, encode_pkg_length(len, a->out->len - open.at));
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

static void put_name_seg(Aml *a, const char *seg, size_t len)
{
    char padded[NAME_SEG_LEN] = { '_', '_', '_', '_' };

    assert(len >= 1 && len <= NAME_SEG_LEN);
    memcpy(padded, seg, len);
    put(a->out, padded, sizeof(padded));
}

void aml_path(Aml *a, const char *path)
{
    g_auto(GStrv) segs = NULL;
    unsigned count;

    while (*path == '\\' || *path == '^') {
        put8(a->out, *path++);
    }
    segs = g_strsplit(path, ".", -1);
    count = g_strv_length(segs);
    if (count == 0) {       /* the root itself */
        put8(a->out, 0);
    } else if (count == 2) {
        put8(a->out, OP_DUAL_NAME);
    } else if (count > 2) {
        put8(a->out, OP_MULTI_NAME);
        put8(a->out, count);
    }
    for (unsigned i = 0; i < count; i++) {
        put_name_seg(a, segs[i], strlen(segs[i]));
    }
}

/* ---- data ------------------------------------------------------------------------------------------------------- */

void aml_int(Aml *a, uint64_t v)
{
    if (v <= 1) {
        put8(a->out, v ? OP_ONE : OP_ZERO);
    } else if (v <= UINT8_MAX) {
        put8(a->out, OP_BYTE);
        put8(a->out, v);
    } else if (v <= UINT16_MAX) {
        put8(a->out, OP_WORD);
        put16(a->out, v);
    } else if (v <= UINT32_MAX) {
        put8(a->out, OP_DWORD);
        put32(a->out, v);
    } else {
        put8(a->out, OP_QWORD);
        put64(a->out, v);
    }
}

void aml_string(Aml *a, const char *text)
{
    put8(a->out, OP_STRING);
    put(a->out, text, strlen(text) + 1);
}

/* Three letters of 5 bits and four hexadecimal digits, most significant byte first (ACPI, "_HID", EISA ID). */
void aml_eisaid(Aml *a, const char *id)
{
    uint32_t v = 0;

    assert(strlen(id) == 7);
    for (unsigned i = 0; i < 3; i++) {
        v = v << 5 | ((id[i] - 0x40) & 0x1f);
    }
    v = v << 16 | (uint32_t)strtoul(id + 3, NULL, 16);
    put8(a->out, OP_DWORD);
    put32(a->out, GUINT32_SWAP_LE_BE(v));
}

void aml_buffer(Aml *a, const void *data, size_t len)
{
    put8(a->out, OP_BUFFER);
    begin(a);
    aml_int(a, len);
    put(a->out, data, len);
    aml_end(a);
}

void aml_op(Aml *a, unsigned op)
{
    put8(a->out, op);
}

void aml_arg(Aml *a, unsigned n)
{
    assert(n < 7);
    put8(a->out, AML_ARG0 + n);
}

/* ---- containers ------------------------------------------------------------------------------------------------- */

void aml_scope(Aml *a, const char *path)
{
    put8(a->out, OP_SCOPE);
    begin(a);
    aml_path(a, path);
}

void aml_device(Aml *a, const char *name)
{
    put8(a->out, OP_EXT);
    put8(a->out, EXT_DEVICE);
    begin(a);
    aml_path(a, name);
}

void aml_processor(Aml *a, const char *name, uint8_t id)
{
    put8(a->out, OP_EXT);
    put8(a->out, EXT_PROCESSOR);
    begin(a);
    aml_path(a, name);
    put8(a->out, id);
    put32(a->out, 0);            /* no P_BLK: no throttling, no C2/C3 */
    put8(a->out, 0);
}

void aml_method(Aml *a, const char *name, unsigned argc, bool serialized)
{
    assert(argc < 8);
    put8(a->out, OP_METHOD);
    begin(a);
    aml_path(a, name);
    put8(a->out, argc | (serialized ? METHOD_SERIALIZED : 0));
}

void aml_if(Aml *a)
{
    put8(a->out, OP_IF);
    begin(a);
}

void aml_package(Aml *a, unsigned count)
{
    assert(count <= UINT8_MAX);
    put8(a->out, OP_PACKAGE);
    begin(a);
    put8(a->out, count);
}

void aml_resource_template(Aml *a)
{
    put8(a->out, OP_BUFFER);
    begin(a);
    g_array_index(a->open, AmlOpen, a->open->len - 1).template = true;
}

/* ---- declarations ----------------------------------------------------------------------------------------------- */

void aml_name(Aml *a, const char *name)
{
    put8(a->out, OP_NAME);
    aml_path(a, name);
}

void aml_name_int(Aml *a, const char *name, uint64_t v)
{
    aml_name(a, name);
    aml_int(a, v);
}

void aml_name_eisaid(Aml *a, const char *name, const char *id)
{
    aml_name(a, name);
    aml_eisaid(a, id);
}

void aml_name_string(Aml *a, const char *name, const char *text)
{
    aml_name(a, name);
    aml_string(a, text);
}

void aml_method_return_int(Aml *a, const char *name, uint64_t v)
{
    aml_method(a, name, 0, false);
    aml_op(a, AML_RETURN);
    aml_int(a, v);
    aml_end(a);
}

void aml_mutex(Aml *a, const char *name)
{
    put8(a->out, OP_EXT);
    put8(a->out, EXT_MUTEX);
    aml_path(a, name);
    put8(a->out, 0);            /* sync level */
}

void aml_acquire(Aml *a, const char *mutex)
{
    put8(a->out, OP_EXT);
    put8(a->out, EXT_ACQUIRE);
    aml_path(a, mutex);
    put16(a->out, WAIT_FOR_EVER);
}

void aml_release(Aml *a, const char *mutex)
{
    put8(a->out, OP_EXT);
    put8(a->out, EXT_RELEASE);
    aml_path(a, mutex);
}

void aml_region(Aml *a, const char *name, enum AmlSpace space, uint64_t offset, uint64_t len)
{
    put8(a->out, OP_EXT);
    put8(a->out, EXT_REGION);
    aml_path(a, name);
    put8(a->out, space);
    aml_int(a, offset);
    aml_int(a, len);
}

/* The length of a field element is encoded like a package length, but does not count itself. */
static void put_field_bits(Aml *a, unsigned bits)
{
    if (bits < 1u << 6) {
        put8(a->out, bits);
        return;
    }
    assert(bits < 1u << 12);
    put8(a->out, 1u << 6 | (bits & 0xf));
    put8(a->out, bits >> 4);
}

void aml_field(Aml *a, const char *region, enum AmlAccess access, const AmlField *fields, unsigned count)
{
    put8(a->out, OP_EXT);
    put8(a->out, EXT_FIELD);
    begin(a);
    aml_path(a, region);
    put8(a->out, access | FIELD_PRESERVE);
    for (unsigned i = 0; i < count; i++) {
        if (fields[i].name) {
            put_name_seg(a, fields[i].name, strlen(fields[i].name));
        } else {
            put8(a->out, 0);
        }
        put_field_bits(a, fields[i].bits);
    }
    aml_end(a);
}

void aml_create_dword_field_path(Aml *a, const char *buffer, unsigned offset, const char *name)
{
    put8(a->out, OP_CREATE_DWORD);
    aml_path(a, buffer);
    aml_int(a, offset);
    aml_path(a, name);
}

void aml_create_dword_field_arg(Aml *a, unsigned arg, unsigned offset, const char *name)
{
    put8(a->out, OP_CREATE_DWORD);
    aml_arg(a, arg);
    aml_int(a, offset);
    aml_path(a, name);
}

/* ---- resources -------------------------------------------------------------------------------------------------- */

#define SMALL_IRQ       0x22    /* without flags byte: edge, active high, exclusive */
#define SMALL_DMA       0x2a
#define SMALL_IO        0x47
#define LARGE_MEMORY32_FIXED 0x86
#define LARGE_DWORD     0x87
#define LARGE_WORD      0x88
#define LARGE_INTERRUPT 0x89
#define LARGE_QWORD     0x8a

#define SPACE_MEMORY    0
#define SPACE_IO        1
#define SPACE_BUS       2
#define SPACE_FIXED     0x0c    /* producer, positive decode, min and max fixed */
#define IO_ENTIRE_RANGE 0x03
#define MEM_READ_WRITE  0x01
#define MEM_CACHEABLE   0x02

void aml_res_io(Aml *a, uint16_t min, uint16_t max, uint8_t align, uint8_t len)
{
    put8(a->out, SMALL_IO);
    put8(a->out, 1);
    put16(a->out, min);
    put16(a->out, max);
    put8(a->out, align);
    put8(a->out, len);
}

void aml_res_irq(Aml *a, uint16_t mask)
{
    put8(a->out, SMALL_IRQ);
    put16(a->out, mask);
}

void aml_res_dma(Aml *a, uint8_t mask)
{
    put8(a->out, SMALL_DMA);
    put8(a->out, mask);
    put8(a->out, 0);
}

void aml_res_memory32_fixed(Aml *a, uint32_t base, uint32_t len, bool writable)
{
    put8(a->out, LARGE_MEMORY32_FIXED);
    put16(a->out, 9);
    put8(a->out, writable);
    put32(a->out, base);
    put32(a->out, len);
}

void aml_res_interrupt(Aml *a, const uint32_t *irqs, unsigned count, bool shared)
{
    put8(a->out, LARGE_INTERRUPT);
    put16(a->out, 2 + 4 * count);
    put8(a->out, 0x01 | (shared ? 0x08 : 0));    /* consumer, level, active high */
    put8(a->out, count);
    for (unsigned i = 0; i < count; i++) {
        put32(a->out, irqs[i]);
    }
}

/* Address space descriptors differ in the width of five numbers: granularity, min, max, translation, length. */
static void address_space(Aml *a, unsigned width, uint8_t space, uint8_t flags, uint64_t min, uint64_t max)
{
    uint64_t values[5] = { 0, min, max, 0, max - min + 1 };
    static const uint8_t tag[] = { [2] = LARGE_WORD, [4] = LARGE_DWORD, [8] = LARGE_QWORD };

    put8(a->out, tag[width]);
    put16(a->out, 3 + 5 * width);
    put8(a->out, space);
    put8(a->out, SPACE_FIXED);
    put8(a->out, flags);
    for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
        uint64_t v = GUINT64_TO_LE(values[i]);

        put(a->out, &v, width);
    }
}

void aml_res_word_bus(Aml *a, uint16_t min, uint16_t max)
{
    address_space(a, 2, SPACE_BUS, 0, min, max);
}

void aml_res_word_io(Aml *a, uint16_t min, uint16_t max)
{
    address_space(a, 2, SPACE_IO, IO_ENTIRE_RANGE, min, max);
}

void aml_res_dword_memory(Aml *a, uint32_t min, uint32_t max, bool cacheable)
{
    address_space(a, 4, SPACE_MEMORY, MEM_READ_WRITE | (cacheable ? MEM_CACHEABLE : 0), min, max);
}

void aml_res_qword_memory(Aml *a, uint64_t min, uint64_t max, bool cacheable)
{
    address_space(a, 8, SPACE_MEMORY, MEM_READ_WRITE | (cacheable ? MEM_CACHEABLE : 0), min, max);
}
