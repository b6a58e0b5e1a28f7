/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The device model: properties, life, tree, reset, interrupt lines. */
#include "qemu/osdep.h"
#include "chardev/char.h"
#include "exec/translate-all.h"
#include "hw/core/device.h"
#include "qemu/main-loop.h"

void tb_invalidate_phys_range(ram_addr_t start, ram_addr_t end)
{
}

Chardev *chardev_find(const char *label)
{
    return NULL;
}

static GString *calls;      /* what the devices were asked, in order */

typedef struct Toy {
    Device parent;
    char *text;
    Device *link;
    bool flag, fail;
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64, bytes;
} Toy;

static const char *name_of(Device *dev)
{
    return dev->id ? dev->id : "-";
}

static bool toy_realize(Device *dev, Error **errp)
{
    if (container_of(dev, Toy, parent)->fail) {
        error_set(errp, "toy is broken");
        return false;
    }
    g_string_append_printf(calls, "realize(%s) ", name_of(dev));
    return true;
}

static void toy_unrealize(Device *dev)
{
    g_string_append_printf(calls, "unrealize(%s) ", name_of(dev));
}

static void toy_reset(Device *dev)
{
    g_string_append_printf(calls, "reset(%s) ", name_of(dev));
}

static const DeviceType toy_type = {
    .name = "toy", .desc = "a toy", .bus = BUS_SYSTEM, .user_creatable = true, .instance_size = sizeof(Toy),
    .props = (const Property[]) {
        PROP_STRING("text", Toy, text, "hello"), PROP_DEVICE("link", Toy, link), PROP_BOOL("flag", Toy, flag, true),
        PROP_BOOL("fail", Toy, fail, false), PROP_UINT8("u8", Toy, u8, 8), PROP_UINT16("u16", Toy, u16, 16),
        PROP_UINT32("u32", Toy, u32, 32), PROP_UINT64("u64", Toy, u64, 64), PROP_SIZE("bytes", Toy, bytes, 4096),
        PROP_END
    },
    .realize = toy_realize, .unrealize = toy_unrealize, .reset = toy_reset,
};
DEVICE_TYPE(toy_type)

static Toy *toy_new(const char *id)
{
    Device *dev = device_new("toy");

    device_set_id(dev, id);
    return container_of(dev, Toy, parent);
}

static void test_types_are_found_by_name(void)
{
    g_assert_true(device_type_find("toy") == &toy_type);
    g_assert_null(device_type_find("no-such-device"));
}

static void test_properties_start_at_their_defaults(void)
{
    Toy *t = toy_new("t");

    g_assert_cmpstr(t->text, ==, "hello");
    g_assert_true(t->flag);
    g_assert_cmpuint(t->u8 + t->u16 + t->u32 + t->u64, ==, 8 + 16 + 32 + 64);
    g_assert_cmpuint(t->bytes, ==, 4096);
    device_unref(&t->parent);
}

static void test_properties_parse_text(void)
{
    Toy *t = toy_new("t"), *other = toy_new("other");
    Device *dev = &t->parent;

    g_assert_true(device_set_prop(dev, "text", "bye", NULL) && !strcmp(t->text, "bye"));
    g_assert_true(device_set_prop(dev, "flag", "off", NULL) && !t->flag);
    g_assert_true(device_set_prop(dev, "u8", "0xff", NULL) && t->u8 == 255);
    g_assert_true(device_set_prop(dev, "u64", "18446744073709551615", NULL) && t->u64 == UINT64_MAX);
    g_assert_true(device_set_prop(dev, "bytes", "3M", NULL) && t->bytes == 3 * MiB);
    g_assert_true(device_set_prop(dev, "link", "other", NULL) && t->link == &other->parent);
    device_unref(dev);
    device_unref(&other->parent);
}

static void assert_prop_error(const char *name, const char *value, const char *message)
{
    Toy *t = toy_new("t");
    Error *err = NULL;

    g_assert_false(device_set_prop(&t->parent, name, value, &err));
    g_assert_cmpstr(error_get_message(err), ==, message);
    error_free(err);
    device_unref(&t->parent);
}

static void test_bad_properties_are_refused(void)
{
    assert_prop_error("colour", "red", "Property 'toy.colour' not found");
    assert_prop_error("u8", "256", "Property 'toy.u8' doesn't take value '256'");
    assert_prop_error("u8", "-1", "Property 'toy.u8' doesn't take value '-1'");
    assert_prop_error("u32", "12k", "Property 'toy.u32' doesn't take value '12k'");
    assert_prop_error("u64", "18446744073709551616", "Property 'toy.u64' doesn't take value '18446744073709551616'");
    assert_prop_error("bytes", "16E", "Property 'toy.bytes' doesn't take value '16E'");
    assert_prop_error("flag", "maybe", "Property 'toy.flag' doesn't take value 'maybe'");
    assert_prop_error("link", "nobody", "Property 'toy.link' can't find value 'nobody'");
}

static void test_life_runs_down_and_up_the_tree(void)
{
    Toy *a = toy_new("a"), *b = toy_new("b"), *c = toy_new("c");

    g_string_truncate(calls, 0);
    g_assert_true(device_realize(&a->parent, NULL, NULL));
    g_assert_true(device_realize(&b->parent, &a->parent, NULL));
    g_assert_true(device_realize(&c->parent, &a->parent, NULL));
    g_assert_true(device_find("c") == &c->parent);
    device_reset_all();
    device_unref(&a->parent);
    g_assert_cmpstr(calls->str, ==, "realize(a) realize(b) realize(c) reset(a) reset(b) reset(c) "
                    "unrealize(c) unrealize(b) unrealize(a) ");
    g_assert_null(device_find("a"));
}

static void test_failed_realize_leaves_no_trace(void)
{
    g_autoptr(GString) tree = g_string_new(NULL);
    Toy *t = toy_new("t");
    Error *err = NULL;

    device_set_prop_uint(&t->parent, "fail", 1);
    g_assert_false(device_realize(&t->parent, NULL, &err));
    g_assert_cmpstr(error_get_message(err), ==, "toy is broken");
    error_free(err);
    device_print_tree(tree);
    g_assert_null(strstr(tree->str, "toy"));
    device_unref(&t->parent);
}

static void test_tree_prints_properties(void)
{
    g_autoptr(GString) tree = g_string_new(NULL);
    Toy *t = toy_new("t");

    g_assert_true(device_realize(&t->parent, NULL, NULL));
    device_print_tree(tree);
    g_assert_nonnull(strstr(tree->str, "  dev: toy, id \"t\"\n    text = \"hello\"\n"));
    g_assert_nonnull(strstr(tree->str, "    u32 = 32 (0x20)\n"));
    device_unref(&t->parent);
}

static void count_reset(void *opaque)
{
    ++*(int *)opaque;
}

static void test_reset_handlers_run(void)
{
    static int n;

    reset_handler_add(count_reset, &n);
    device_reset_all();
    g_assert_cmpint(n, ==, 1);
}

static int levels[4];

static void set_level(void *opaque, int n, int level)
{
    levels[n] = level;
}

static void test_lines_reach_their_handlers(void)
{
    static Irq volatile both, neither;      /* splitters live as long as the machine */
    Toy *t = toy_new("t");

    device_init_irqs(&t->parent, set_level, 4);
    irq_raise(device_irq_in(&t->parent, 2));
    g_assert_cmpint(levels[2], ==, 1);
    irq_lower(device_irq_in(&t->parent, 2));
    g_assert_cmpint(levels[2], ==, 0);
    both = irq_split(device_irq_in(&t->parent, 0), device_irq_in(&t->parent, 3));
    irq_raise(both);
    g_assert_cmpint(levels[0] + levels[3], ==, 2);
    irq_raise(NULL);
    neither = irq_split(NULL, NULL);
    irq_raise(neither);
    device_unref(&t->parent);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    big_lock();
    memory_init();
    calls = g_string_new(NULL);
    g_test_add_func("/device/types_are_found_by_name", test_types_are_found_by_name);
    g_test_add_func("/device/properties_start_at_their_defaults", test_properties_start_at_their_defaults);
    g_test_add_func("/device/properties_parse_text", test_properties_parse_text);
    g_test_add_func("/device/bad_properties_are_refused", test_bad_properties_are_refused);
    g_test_add_func("/device/life_runs_down_and_up_the_tree", test_life_runs_down_and_up_the_tree);
    g_test_add_func("/device/failed_realize_leaves_no_trace", test_failed_realize_leaves_no_trace);
    g_test_add_func("/device/tree_prints_properties", test_tree_prints_properties);
    g_test_add_func("/device/reset_handlers_run", test_reset_handlers_run);
    g_test_add_func("/device/lines_reach_their_handlers", test_lines_reach_their_handlers);
    return g_test_run();
}
