/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keyboard controller, its keyboard and its mouse, through ports 60h and 64h. */
#include "qemu/osdep.h"
#include "device-harness.h"
#include "hw/i386/pc.h"
#include "hw/input/i8042.h"

static Device *kbc;
static bool a20 = true;

void pc_set_a20(bool on)
{
    a20 = on;
}

bool pc_get_a20(void)
{
    return a20;
}

static void command(uint8_t c)
{
    out8(0x64, c);
}

static void control(uint8_t val)
{
    command(0x60);
    out8(0x60, val);
}

static void to_mouse(uint8_t val)
{
    command(0xd4);
    out8(0x60, val);
}

static void fresh(void)
{
    kbc->type->reset(kbc);
    for (unsigned key = 0; key < 256; key++) {
        kbd_put_key(kbc, key, false);
    }
    kbc->type->reset(kbc);
    run_for(MS);
    a20 = true;
    memset(line_edges, 0, sizeof(line_edges));
    resets_requested = 0;
}

/* The bytes that arrive, as hex text: "fa aa", mouse bytes as "+fa". Waits 20 ms for the last. */
static const char *receive(void)
{
    static GString *text;
    unsigned idle = 0;

    text = text ? text : g_string_new(NULL);
    g_string_truncate(text, 0);
    while (idle < 20) {
        uint8_t status = in8(0x64);

        if (status & 1) {
            g_string_append_printf(text, "%s%s%02x", text->len ? " " : "", status & 0x20 ? "+" : "", in8(0x60));
            idle = 0;
        } else {
            run_for(MS);
            idle++;
        }
    }
    return text->str;
}

static const char *ask(uint8_t byte)
{
    out8(0x60, byte);
    return receive();
}

static const char *ask_mouse(uint8_t byte)
{
    to_mouse(byte);
    return receive();
}

#define assert_bytes(got, want) g_assert_cmpstr(got, ==, want)

static void test_controller_commands(void)
{
    fresh();
    g_assert_cmphex(in8(0x64), ==, 0x18);
    command(0x20);
    assert_bytes(receive(), "03");
    command(0xaa);
    g_assert_cmphex(in8(0x64), ==, 0x1d);
    assert_bytes(receive(), "55");
    g_assert_cmphex(in8(0x64), ==, 0x1c);
    command(0xab);
    assert_bytes(receive(), "00");
    command(0xa9);
    assert_bytes(receive(), "00");
    command(0xc0);
    assert_bytes(receive(), "80");
    control(0x61);
    command(0x20);
    assert_bytes(receive(), "61");
    command(0xa7);
    command(0x20);
    assert_bytes(receive(), "61");
    command(0xa8);
    command(0x20);
    assert_bytes(receive(), "41");
    command(0xad);
    command(0x20);
    assert_bytes(receive(), "51");
    command(0xae);
    command(0x20);
    assert_bytes(receive(), "41");
    command(0x6a);
    out8(0x60, 0x99);
    command(0x2a);
    assert_bytes(receive(), "99");
}

static void test_loopback_of_both_channels(void)
{
    fresh();
    command(0xd2);
    out8(0x60, 0x77);
    g_assert_cmpint(line_level[1], ==, 1);
    assert_bytes(receive(), "77");
    static const uint8_t probe[] = { 0x5a, 0xf0, 0x56, 0xa4 };

    for (unsigned i = 0; i < ARRAY_SIZE(probe); i++) {
        command(0xd3);
        out8(0x60, probe[i]);
        g_assert_cmphex(in8(0x64) & 0x21, ==, 0x21);
        g_assert_cmpint(line_level[12], ==, 1);
        g_assert_cmphex(in8(0x60), ==, probe[i]);
        g_assert_cmpint(line_level[12], ==, 0);
    }
}

static void test_output_port_drives_a20_and_reset(void)
{
    fresh();
    command(0xd0);
    assert_bytes(receive(), "cf");
    command(0xdd);
    g_assert_false(a20);
    command(0xd0);
    assert_bytes(receive(), "cd");
    command(0xdf);
    g_assert_true(a20);
    command(0xd1);
    out8(0x60, 0x01);
    g_assert_false(a20);
    g_assert_cmpuint(resets_requested, ==, 0);
    command(0xd1);
    out8(0x60, 0x02);
    g_assert_cmpuint(resets_requested, ==, 1);
    command(0xf1);
    g_assert_cmpuint(resets_requested, ==, 1);
    command(0xfe);
    g_assert_cmpuint(resets_requested, ==, 2);
}

static void test_keyboard_commands(void)
{
    fresh();
    assert_bytes(ask(0xff), "fa aa");
    assert_bytes(ask(0xf2), "fa ab 83");
    assert_bytes(ask(0xee), "ee");
    assert_bytes(ask(0xed), "fa");
    assert_bytes(ask(0x05), "fa");
    g_assert_cmphex(kbd_get_leds(kbc), ==, 0x05);
    assert_bytes(ask(0xf0), "fa");
    assert_bytes(ask(0x00), "fa 02");
    assert_bytes(ask(0xf3), "fa");
    assert_bytes(ask(0x20), "fa");
    assert_bytes(ask(0xf5), "fa");
    assert_bytes(ask(0xf4), "fa");
    assert_bytes(ask(0xfe), "fa");
    assert_bytes(ask(0xe5), "fe");
    control(0x41);
    assert_bytes(ask(0xf2), "fa ab 41");
}

static void test_keys_in_each_set(void)
{
    static const struct { uint8_t key; const char *set1, *set2, *set3, *translated; } keys[] = {
        { 0x1e, "1e 9e", "1c f0 1c", "1c", "1e 9e" },
        { 0xcb, "e0 4b e0 cb", "e0 6b e0 f0 6b", "61", "e0 4b e0 cb" },
        { 0x41, "41 c1", "83 f0 83", "37", "41 c1" },
        { 0x1d, "1d 9d", "14 f0 14", "11 f0 11", "1d 9d" },
        { 0x54, "54 d4", "84 f0 84", "57", "54 d4" },
        { 0x59, "59 d9", "0f f0 0f", "", "59 d9" },
        { 0x77, "77 f7", "62 f0 62", "87", "77 f7" },
        { 0xa0, "e0 20 e0 a0", "e0 23 e0 f0 23", "", "e0 20 e0 a0" },
        { 0xae, "e0 2e e0 ae", "e0 21 e0 f0 21", "", "e0 2e e0 ae" },
        { 0xea, "e0 6a e0 ea", "e0 38 e0 f0 38", "", "e0 6a e0 ea" },
        { KEY_PRINT, "e0 2a e0 37 e0 b7 e0 aa", "e0 12 e0 7c e0 f0 7c e0 f0 12", "57", "e0 2a e0 37 e0 b7 e0 aa" },
        { KEY_PAUSE, "e1 1d 45 e1 9d c5", "e1 14 77 e1 f0 14 f0 77", "62", "e1 1d 45 e1 9d c5" },
    };

    for (unsigned set = 1; set <= 4; set++) {
        fresh();
        control(set == 4 ? 0x43 : 0x03);
        ask(0xf0);
        ask(set == 4 ? 2 : set);
        for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
            const char *want[] = { keys[i].set1, keys[i].set2, keys[i].set3, keys[i].translated };

            kbd_put_key(kbc, keys[i].key, true);
            kbd_put_key(kbc, keys[i].key, false);
            assert_bytes(receive(), want[set - 1]);
        }
    }
}

static void test_every_key_translates_to_its_name(void)
{
    fresh();
    control(0x43);
    for (unsigned key = 1; key < 0x59; key++) {
        g_autofree char *want = g_strdup_printf("%02x %02x", key, key | 0x80);
        const char *got;

        kbd_put_key(kbc, key, true);
        kbd_put_key(kbc, key, false);
        got = receive();
        if (*got) {
            assert_bytes(got, want);
        } else {
            g_assert_cmphex(key, ==, 0x55);
        }
    }
}

static void test_every_key_fits_set_3(void)
{
    fresh();
    control(0x03);
    ask(0xf0);
    ask(3);
    for (unsigned key = 1; key < 0x100; key++) {
        kbd_put_key(kbc, key, true);        /* a code behind the table of kinds would end the test */
        kbd_put_key(kbc, key, false);
        receive();
    }
}

static void test_interrupt_for_each_byte_with_time_between(void)
{
    fresh();
    control(0x43);
    kbd_put_key(kbc, 0x1e, true);
    g_assert_cmpint(line_level[1], ==, 1);
    kbd_put_key(kbc, 0x1e, false);
    g_assert_cmphex(in8(0x60), ==, 0x1e);
    g_assert_cmphex(in8(0x64) & 1, ==, 0);
    g_assert_cmphex(in8(0x60), ==, 0x1e);           /* a chained handler sees the same code */
    run_for(MS);
    g_assert_cmpuint(line_edges[1], ==, 2);
    g_assert_cmphex(in8(0x60), ==, 0x9e);
}

static void test_typematic(void)
{
    fresh();
    kbd_put_key(kbc, 0x1e, true);
    assert_bytes(receive(), "1c");
    run_for(400 * MS);
    g_assert_cmphex(in8(0x64) & 1, ==, 0);
    run_for(100 * MS);
    assert_bytes(receive(), "1c");
    run_for(92 * MS);
    assert_bytes(receive(), "1c");
    kbd_put_key(kbc, 0x1e, true);                   /* the host's own repetition is ignored */
    kbd_put_key(kbc, 0x1e, false);
    assert_bytes(receive(), "f0 1c");
    run_for(1000 * MS);
    g_assert_cmphex(in8(0x64) & 1, ==, 0);
}

static void test_overrun_leaves_a_mark(void)
{
    unsigned bytes = 0;

    fresh();
    for (unsigned i = 0; i < 40; i++) {
        kbd_put_key(kbc, 0x1e, true);
        kbd_put_key(kbc, 0x1e, false);
    }
    for (const char *p = receive(); *p; p++) {
        bytes += *p == ' ';
    }
    g_assert_cmpuint(bytes, <=, 17);
    kbd_put_key(kbc, 0x1f, true);
    kbd_put_key(kbc, 0x1f, false);
    assert_bytes(receive(), "1b f0 1b");
}

static void test_disabled_keyboard_keeps_its_keys(void)
{
    fresh();
    command(0xad);
    kbd_put_key(kbc, 0x1e, true);
    g_assert_cmphex(in8(0x64) & 1, ==, 0);
    command(0xae);
    assert_bytes(receive(), "1c");
    kbd_put_key(kbc, 0x1e, false);
    receive();
    ask(0xf5);
    kbd_put_key(kbc, 0x1e, true);
    assert_bytes(receive(), "");
}

static void test_answer_does_not_lose_a_key(void)
{
    fresh();
    kbd_put_key(kbc, 0x1e, true);
    command(0x20);
    assert_bytes(receive(), "03 1c");
}

static void test_mouse_commands(void)
{
    fresh();
    assert_bytes(ask_mouse(0xff), "+fa +aa +00");
    assert_bytes(ask_mouse(0xf2), "+fa +00");
    assert_bytes(ask_mouse(0xe9), "+fa +00 +02 +64");
    assert_bytes(ask_mouse(0xe8), "+fa");
    assert_bytes(ask_mouse(0x03), "+fa");
    assert_bytes(ask_mouse(0xf3), "+fa");
    assert_bytes(ask_mouse(0x28), "+fa");
    assert_bytes(ask_mouse(0xe7), "+fa");
    assert_bytes(ask_mouse(0xf4), "+fa");
    assert_bytes(ask_mouse(0xe9), "+fa +30 +03 +28");
    assert_bytes(ask_mouse(0xf6), "+fa");
    assert_bytes(ask_mouse(0xe9), "+fa +00 +02 +64");
    assert_bytes(ask_mouse(0xee), "+fa");
    assert_bytes(ask_mouse(0x55), "+55");
    assert_bytes(ask_mouse(0xec), "+fa");
}

static void knock(uint8_t a, uint8_t b, uint8_t c)
{
    const uint8_t rates[] = { a, b, c };

    for (unsigned i = 0; i < 3; i++) {
        ask_mouse(0xf3);
        ask_mouse(rates[i]);
    }
}

static void test_wheel_and_five_buttons_need_the_knock(void)
{
    fresh();
    knock(200, 100, 80);
    assert_bytes(ask_mouse(0xf2), "+fa +03");
    ask_mouse(0xf4);
    mouse_put(kbc, 5, 3, 1, MOUSE_LEFT);
    assert_bytes(receive(), "+29 +05 +fd +01");
    knock(200, 200, 80);
    assert_bytes(ask_mouse(0xf2), "+fa +04");
    ask_mouse(0xf4);
    mouse_put(kbc, -1, 0, -1, MOUSE_SIDE);
    assert_bytes(receive(), "+18 +ff +00 +1f");
    assert_bytes(ask_mouse(0xff), "+fa +aa +00");
}

static void test_five_buttons_do_not_need_the_wheel_first(void)
{
    fresh();
    knock(200, 200, 80);
    assert_bytes(ask_mouse(0xf2), "+fa +04");
    assert_bytes(ask_mouse(0xff), "+fa +aa +00");
    assert_bytes(ask_mouse(0xf2), "+fa +00");
}

static void test_mouse_movement_collects_and_clicks_do_not_vanish(void)
{
    fresh();
    mouse_put(kbc, 9, 9, 0, 0);
    assert_bytes(receive(), "");            /* disabled: forgotten */
    ask_mouse(0xf4);
    g_assert_cmpuint(line_edges[12], ==, 1);
    mouse_put(kbc, 1, 0, 0, 0);
    mouse_put(kbc, 2, 0, 0, 0);
    mouse_put(kbc, 3, 0, 0, 0);
    assert_bytes(receive(), "+08 +01 +00 +08 +05 +00");
    mouse_put(kbc, 1, 0, 0, 0);
    mouse_put(kbc, 0, 0, 0, 1);
    mouse_put(kbc, 0, 0, 0, 0);
    assert_bytes(receive(), "+08 +01 +00 +09 +00 +00 +08 +00 +00");
    mouse_put(kbc, 300, -300, 0, 0);
    assert_bytes(receive(), "+08 +ff +ff +08 +2d +2d");
}

static void test_command_cuts_a_packet_off(void)
{
    fresh();
    ask_mouse(0xf4);
    mouse_put(kbc, 1, 2, 0, 0);
    g_assert_cmphex(in8(0x60), ==, 0x28);
    assert_bytes(ask_mouse(0xf2), "+fa +00");
    mouse_put(kbc, 4, 0, 0, 0);
    assert_bytes(receive(), "+08 +04 +00");
}

static void test_state_survives_savevm(void)
{
    fresh();
    control(0x43);
    ask_mouse(0xf4);
    ask(0xed);
    ask(0x02);
    kbd_put_key(kbc, 0x1e, true);
    mouse_put(kbc, 7, 0, 0, 0);
    save_reset_load(kbc);
    g_assert_cmphex(kbd_get_leds(kbc), ==, 0x02);
    assert_bytes(receive(), "1e +08 +07 +00");
    load_nonsense(kbc);
}

int main(int argc, char **argv)
{
    harness_init(&argc, &argv);
    kbc = device_new("i8042");
    device_realize(kbc, NULL, &error_abort);
    g_test_add_func("/i8042/commands", test_controller_commands);
    g_test_add_func("/i8042/loopback", test_loopback_of_both_channels);
    g_test_add_func("/i8042/output-port", test_output_port_drives_a20_and_reset);
    g_test_add_func("/i8042/keyboard-commands", test_keyboard_commands);
    g_test_add_func("/i8042/key-sets", test_keys_in_each_set);
    g_test_add_func("/i8042/translation", test_every_key_translates_to_its_name);
    g_test_add_func("/i8042/set-3-fits", test_every_key_fits_set_3);
    g_test_add_func("/i8042/interrupts", test_interrupt_for_each_byte_with_time_between);
    g_test_add_func("/i8042/typematic", test_typematic);
    g_test_add_func("/i8042/overrun", test_overrun_leaves_a_mark);
    g_test_add_func("/i8042/disabled", test_disabled_keyboard_keeps_its_keys);
    g_test_add_func("/i8042/answer", test_answer_does_not_lose_a_key);
    g_test_add_func("/i8042/mouse-commands", test_mouse_commands);
    g_test_add_func("/i8042/mouse-knock", test_wheel_and_five_buttons_need_the_knock);
    g_test_add_func("/i8042/mouse-knock-at-once", test_five_buttons_do_not_need_the_wheel_first);
    g_test_add_func("/i8042/mouse-movement", test_mouse_movement_collects_and_clicks_do_not_vanish);
    g_test_add_func("/i8042/mouse-cut", test_command_cuts_a_packet_off);
    g_test_add_func("/i8042/savevm", test_state_survives_savevm);
    return g_test_run();
}
