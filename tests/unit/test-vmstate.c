/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Saved state: what is written, and that nothing that was tampered with is taken. */
#include "qemu/osdep.h"
#include "hw/core/device.h"
#include "qemu/main-loop.h"

typedef struct Inner {
    uint8_t a;
    uint16_t b;
} Inner;

typedef struct State {
    uint8_t u8;
    uint16_t u16[3];
    uint32_t u32;
    uint64_t u64;
    bool flag;
    uint8_t raw[5];
    Inner inner[2];
    Timer timer;
    uint32_t newer, optional, extra;
    int loaded;
} State;

static const VMStateDescription vmstate_inner = {
    .name = "inner", .version = 1, .min_version = 1,
    .fields = (const VMStateField[]) { VMSTATE_UINT8(a, Inner), VMSTATE_UINT16(b, Inner), VMSTATE_END },
};

static bool extra_needed(void *opaque)
{
    return ((State *)opaque)->extra;
}

static const VMStateDescription vmstate_extra = {
    .name = "state/extra", .version = 1, .min_version = 1, .needed = extra_needed,
    .fields = (const VMStateField[]) { VMSTATE_UINT32(extra, State), VMSTATE_END },
};

static bool optional_exists(void *opaque)
{
    return ((State *)opaque)->flag;
}

static bool post_load(void *opaque, int version, Error **errp)
{
    State *s = opaque;

    s->loaded = version;
    if (s->u32 == 0xdead) {
        error_set(errp, "refused");
        return false;
    }
    return true;
}

static const VMStateField state_fields[] = {
    VMSTATE_UINT8_MASK(u8, State, 0x0f),
    VMSTATE_UINT16_ARRAY(u16, State, 3),
    VMSTATE_UINT32(u32, State),
    VMSTATE_UINT64(u64, State),
    VMSTATE_BOOL(flag, State),
    VMSTATE_BYTES(raw, State, 5),
    VMSTATE_STRUCT_ARRAY(inner, State, 2, vmstate_inner),
    VMSTATE_TIMER(timer, State),
    VMS_FIELD(VMS_UINT32, newer, State, 1, 0, .size = 4, .version = 2),
    VMS_FIELD(VMS_UINT32, optional, State, 1, 0, .size = 4, .exists = optional_exists),
    VMSTATE_END
};

static const VMStateDescription vmstate_state = {
    .name = "state", .version = 2, .min_version = 1, .fields = state_fields, .post_load = post_load,
    .subsections = (const VMStateDescription *const[]) { &vmstate_extra, NULL },
};

static void nop(void *opaque)
{
}

static void fill(State *s)
{
    *s = (State) {
        .u8 = 0x0a, .u16 = { 0x1122, 0x3344, 0x5566 }, .u32 = 0x778899aa, .u64 = 0x0102030405060708, .flag = true,
        .raw = { 9, 8, 7, 6, 5 }, .inner = { { 1, 2 }, { 3, 4 } }, .newer = 77, .optional = 88, .extra = 99,
    };
    timer_init(&s->timer, CLOCK_VM, nop, NULL);
    timer_arm(&s->timer, 1000000000000);
}

static GByteArray *saved(State *s)
{
    GByteArray *buf = g_byte_array_new();

    vmstate_save(buf, &vmstate_state, s);
    return buf;
}

static void test_all_kinds_come_back(void)
{
    State a, b = { .u8 = 0 };
    GByteArray *buf;

    fill(&a);
    timer_init(&b.timer, CLOCK_VM, nop, NULL);
    buf = saved(&a);
    g_assert_cmpint(vmstate_load(buf->data, buf->len, &vmstate_state, &b, &error_abort), ==, buf->len);
    g_assert_cmphex(b.u8, ==, a.u8);
    g_assert_cmpmem(b.u16, sizeof(b.u16), a.u16, sizeof(a.u16));
    g_assert_cmphex(b.u32, ==, a.u32);
    g_assert_cmphex(b.u64, ==, a.u64);
    g_assert_true(b.flag);
    g_assert_cmpmem(b.raw, 5, a.raw, 5);
    g_assert_cmphex(b.inner[1].b, ==, 4);
    g_assert_cmpint(b.timer.expire_ns, ==, 1000000000000);
    g_assert_cmpuint(b.newer, ==, 77);
    g_assert_cmpuint(b.optional, ==, 88);
    g_assert_cmpuint(b.extra, ==, 99);
    g_assert_cmpint(b.loaded, ==, 2);
    timer_disarm(&a.timer);
    timer_disarm(&b.timer);
    g_byte_array_unref(buf);
}

static void test_numbers_are_big_endian(void)
{
    State s;
    GByteArray *buf;
    static const uint8_t head[] = { 0, 0, 0, 2, 0x0a, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa };

    fill(&s);
    buf = saved(&s);
    g_assert_cmpmem(buf->data, sizeof(head), head, sizeof(head));
    timer_disarm(&s.timer);
    g_byte_array_unref(buf);
}

static void test_unarmed_timer_disarms(void)
{
    State a, b;
    GByteArray *buf;

    fill(&a);
    fill(&b);
    timer_disarm(&a.timer);
    buf = saved(&a);
    g_assert_cmpint(vmstate_load(buf->data, buf->len, &vmstate_state, &b, &error_abort), ==, buf->len);
    g_assert_false(timer_armed(&b.timer));
    g_byte_array_unref(buf);
}

static void assert_refused(const uint8_t *p, size_t len)
{
    State s;
    Error *err = NULL;

    fill(&s);
    g_assert_cmpint(vmstate_load(p, len, &vmstate_state, &s, &err), ==, -1);
    g_assert_nonnull(err);
    error_free(err);
    timer_disarm(&s.timer);
}

static void test_every_truncation_is_refused(void)
{
    State s;
    GByteArray *buf;

    fill(&s);
    buf = saved(&s);
    for (unsigned len = 0; len < buf->len; len++) {
        g_autofree uint8_t *copy = g_memdup2(buf->data, len);   /* so that a sanitizer sees an overrun */

        assert_refused(copy, len);
    }
    timer_disarm(&s.timer);
    g_byte_array_unref(buf);
}

static void test_impossible_values_are_refused(void)
{
    State s;
    GByteArray *buf;

    fill(&s);
    buf = saved(&s);
    buf->data[4] = 0x1a;        /* u8: bit outside of the mask */
    assert_refused(buf->data, buf->len);
    buf->data[4] = 0x0a;
    buf->data[23] = 2;          /* flag */
    assert_refused(buf->data, buf->len);
    buf->data[23] = 1;
    buf->data[3] = 3;           /* version */
    assert_refused(buf->data, buf->len);
    buf->data[3] = 0;
    assert_refused(buf->data, buf->len);
    buf->data[3] = 2;
    buf->data[buf->len - 1] = 7;    /* the closing mark */
    assert_refused(buf->data, buf->len);
    timer_disarm(&s.timer);
    g_byte_array_unref(buf);
}

static void test_post_load_may_refuse(void)
{
    State s;
    GByteArray *buf;

    fill(&s);
    s.u32 = 0xdead;
    buf = saved(&s);
    assert_refused(buf->data, buf->len);
    timer_disarm(&s.timer);
    g_byte_array_unref(buf);
}

static void test_unknown_subsection_is_refused(void)
{
    static const VMStateDescription plain = {
        .name = "state", .version = 2, .min_version = 1, .fields = state_fields,
    };
    State s;
    GByteArray *buf;
    Error *err = NULL;

    fill(&s);
    buf = saved(&s);
    g_assert_cmpint(vmstate_load(buf->data, buf->len, &plain, &s, &err), ==, -1);
    g_assert_nonnull(err);
    error_free(err);
    timer_disarm(&s.timer);
    g_byte_array_unref(buf);
}

static void test_old_version_lacks_newer_fields(void)
{
    const VMStateDescription old = {
        .name = "small", .version = 1, .min_version = 1,
        .fields = (const VMStateField[]) { VMSTATE_UINT32(u32, State), VMSTATE_END },
    };
    const VMStateDescription new = {
        .name = "small", .version = 2, .min_version = 1,
        .fields = (const VMStateField[]) {
            VMSTATE_UINT32(u32, State), VMS_FIELD(VMS_UINT32, newer, State, 1, 0, .size = 4, .version = 2), VMSTATE_END
        },
    };
    State s = { .u32 = 5, .newer = 6 };
    GByteArray *buf = g_byte_array_new();

    vmstate_save(buf, &old, &s);
    s.u32 = 0;
    g_assert_cmpint(vmstate_load(buf->data, buf->len, &new, &s, &error_abort), ==, buf->len);
    g_assert_cmpuint(s.u32, ==, 5);
    g_assert_cmpuint(s.newer, ==, 6);
    g_byte_array_unref(buf);
}

static void count_entry(const VMStateDescription *d, int instance, void *obj, void *opaque)
{
    GString *out = opaque;

    g_string_append_printf(out, "%s:%d ", d->name, instance);
}

static void test_registry_numbers_instances(void)
{
    g_autoptr(GString) out = g_string_new(NULL);
    int a, b, c;

    vmstate_register(&vmstate_inner, -1, &a);
    vmstate_register(&vmstate_state, 4, &c);
    vmstate_register(&vmstate_inner, -1, &b);
    vmstate_foreach(count_entry, out);
    g_assert_cmpstr(out->str, ==, "inner:0 state:4 inner:1 ");
    vmstate_unregister(&vmstate_inner, &a);
    vmstate_register(&vmstate_inner, -1, &a);
    g_string_truncate(out, 0);
    vmstate_foreach(count_entry, out);
    g_assert_cmpstr(out->str, ==, "state:4 inner:0 inner:1 ");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    big_lock();
    g_test_add_func("/vmstate/all_kinds_come_back", test_all_kinds_come_back);
    g_test_add_func("/vmstate/numbers_are_big_endian", test_numbers_are_big_endian);
    g_test_add_func("/vmstate/unarmed_timer_disarms", test_unarmed_timer_disarms);
    g_test_add_func("/vmstate/every_truncation_is_refused", test_every_truncation_is_refused);
    g_test_add_func("/vmstate/impossible_values_are_refused", test_impossible_values_are_refused);
    g_test_add_func("/vmstate/post_load_may_refuse", test_post_load_may_refuse);
    g_test_add_func("/vmstate/unknown_subsection_is_refused", test_unknown_subsection_is_refused);
    g_test_add_func("/vmstate/old_version_lacks_newer_fields", test_old_version_lacks_newer_fields);
    g_test_add_func("/vmstate/registry_numbers_instances", test_registry_numbers_instances);
    return g_test_run();
}
