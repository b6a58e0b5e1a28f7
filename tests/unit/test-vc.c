/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text consoles: what a terminal shows after which bytes, what it answers, its history; and keys of real terminals. */
#include "qemu/osdep.h"
#include "ui/vc.h"
#ifdef CONFIG_CURSES
#define NCURSES_WIDECHAR 1
#include <curses.h>
#include "../../ui/curses-keys.h"
#endif

static GString *typed;

static void on_input(void *opaque, const char *bytes, size_t len)
{
    g_string_append_len(typed, bytes, (gssize)len);
}

/* The console after text, without its title. */
static Vc *vc_after(const char *text)
{
    Vc *vc = vc_new("test", on_input, NULL);

    g_string_truncate(typed, 0);
    vc_write(vc, (const uint8_t *)"\033c", 2);
    vc_write(vc, (const uint8_t *)text, strlen(text));
    return vc;
}

/* Its lines without blanks at their ends, up to the last that has something, and the cursor as "x,y". */
static char *shown(Vc *vc)
{
    g_autoptr(GString) all = g_string_new(NULL);
    TextScreen t = { 0 };

    vc_text(vc, &t);
    g_assert_cmpuint(t.columns, ==, VC_COLUMNS);
    for (unsigned y = 0; y < t.rows; y++) {
        char line[VC_COLUMNS + 1] = "";

        for (unsigned x = 0; x < t.columns; x++) {
            line[x] = (char)t.cells[y * t.columns + x];
        }
        g_string_append_printf(all, "%s\n", g_strchomp(line));
    }
    while (g_str_has_suffix(all->str, "\n")) {
        g_string_truncate(all, all->len - 1);
    }
    if (t.cursor >= 0) {
        g_string_append_printf(all, "@%d,%d", t.cursor % VC_COLUMNS, t.cursor / VC_COLUMNS);
    }
    g_free(t.cells);
    return g_string_free(g_steal_pointer(&all), FALSE);
}

static void test_control_sequences_do_what_the_standard_says(void)
{
    static const struct {
        const char *bytes, *screen;
    } cases[] = {
        { "one\r\ntwo", "one\ntwo@3,1" },
        { "a\tb\bc", "a       c@9,0" },
        { "abc\033[2D\033[Kx", "ax@2,0" },
        { "abc\r\033[1K", " bc@0,0" },
        { "abcdef\033[3G\033[2P", "abef@2,0" },
        { "abcdef\033[3G\033[2@", "ab  cdef@2,0" },
        { "abcdef\033[3G\033[2X", "ab  ef@2,0" },
        { "1\r\n2\r\n3\033[2;1H\033[L", "1\n\n2\n3@0,1" },
        { "1\r\n2\r\n3\033[2;1H\033[M", "1\n3@0,1" },
        { "1\r\n2\r\n3\r\n4\033[2;3r\033[3;1H\n", "1\n3\n\n4@0,2" },
        { "1\r\n2\033[H\033M", "\n1\n2@0,0" },
        { "ab\0337\033[10;10Hx\0338c", "abc\n\n\n\n\n\n\n\n\n         x@3,0" },
        { "\033[3;5Hx\033[A\033[2Dy\033[Bz", "\n   y\n    z@5,2" },
        { "abc\033[2Jd", "   d@4,0" },
        { "x\033[?25ly", "xy" },
        { "\033]0;a title\007x\033]2;b\033\\y", "xy@2,0" },
        { "\033(Bx\033[>0cy\033[12\030z", "xyz@3,0" },
        { "\033[99999999999;99999Hx", NULL },       /* only that it ends well */
        { "\033[1;2;3;4;5;6;7;8;9;10;11;12mx\033[;;;;;;;;;;;;my", "xy@2,0" },
        { "\033[5S\033[30T\033[99L\033[99M\033[99@\033[99Px", "x@1,0" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        Vc *vc = vc_after(cases[i].bytes);
        g_autofree char *screen = shown(vc);

        if (cases[i].screen) {
            g_assert_cmpstr(screen, ==, cases[i].screen);
        }
        vc_free(vc);
    }
}

static void test_a_full_line_wraps_when_the_next_character_comes(void)
{
    g_autofree char *line = g_strnfill(VC_COLUMNS, 'x');
    g_autofree char *more = g_strdup_printf("%s\r\n%sy", line, line);
    g_autofree char *wanted = g_strdup_printf("%s\n%s\ny@1,2", line, line);
    Vc *vc = vc_after(more);
    g_autofree char *screen = shown(vc);

    g_assert_cmpstr(screen, ==, wanted);
    vc_free(vc);
}

static void test_colours_become_those_of_a_vga(void)
{
    Vc *vc = vc_after("a\033[31mb\033[1;44mc\033[7md\033[0me\033[97;103mf\033[39;49mg");
    static const uint8_t attrs[] = { 0x07, 0x04, 0x1c, 0xc1, 0x07, 0xef, 0x07 };
    TextScreen t = { 0 };

    vc_text(vc, &t);
    for (size_t i = 0; i < sizeof(attrs); i++) {
        g_assert_cmphex(t.cells[i] >> 8, ==, attrs[i]);
    }
    g_free(t.cells);
    vc_free(vc);
}

static void test_questions_are_answered(void)
{
    Vc *vc = vc_after("\033[5;7H\033[6n\033[5n\033[c");

    g_assert_cmpstr(typed->str, ==, "\033[5;7R\033[0n\033[?6c");
    vc_free(vc);
}

static void test_lines_that_left_the_screen_can_be_looked_at(void)
{
    Vc *vc = vc_after("");
    g_autofree char *first = NULL, *newest = NULL, *oldest = NULL;

    for (unsigned i = 0; i < 1000; i++) {
        g_autofree char *line = g_strdup_printf("%u\r\n", i);

        vc_write(vc, (const uint8_t *)line, strlen(line));
    }
    newest = shown(vc);
    g_assert_true(g_str_has_prefix(newest, "977\n978\n"));
    vc_scroll(vc, 10);
    first = shown(vc);
    g_assert_true(g_str_has_prefix(first, "967\n"));
    vc_scroll(vc, 100000);
    oldest = shown(vc);
    g_assert_true(g_str_has_prefix(oldest, "489\n"));       /* 512 lines are kept, the 24 in view among them */
    vc_type(vc, "", 0);                                     /* not typed: the view stays */
    g_clear_pointer(&oldest, g_free);
    oldest = shown(vc);
    g_assert_true(g_str_has_prefix(oldest, "489\n"));
    vc_type(vc, "x", 1);
    g_clear_pointer(&newest, g_free);
    newest = shown(vc);
    g_assert_true(g_str_has_prefix(newest, "977\n"));
    vc_free(vc);
}

static void test_random_bytes_do_no_harm(void)
{
    GRand *r = g_rand_new_with_seed(1);
    Vc *vc = vc_after("");

    for (unsigned i = 0; i < 200000; i++) {
        static const char likely[] = "\033[[[0123456789;;?ABCDGHJKLMPSTX@rhlmsun\n\r\tx";
        uint8_t c = (uint8_t)g_rand_int(r);

        c = g_rand_boolean(r) ? (uint8_t)likely[c % (sizeof(likely) - 1)] : c;
        vc_write(vc, &c, 1);
        if (i % 1000 == 0) {
            vc_scroll(vc, (int)c - 128);
            g_free(shown(vc));
        }
    }
    vc_free(vc);
    g_rand_free(r);
}

static void test_consoles_are_counted_from_0(void)
{
    Vc *a = vc_new("a", on_input, NULL), *b = vc_new("b", on_input, NULL);

    g_assert_true(vc_nth(0) == a && vc_nth(1) == b && !vc_nth(2));
    vc_free(a);
    g_assert_true(vc_nth(0) == b && !vc_nth(1));
    vc_free(b);
    vc_free(NULL);
}

#ifdef CONFIG_CURSES
static void test_keys_of_a_terminal_are_keys_of_a_pc(void)
{
    static const struct {
        bool is_function;
        uint32_t n;
        uint8_t code, mods;
    } cases[] = {
        { false, 'a', 0x1e, 0 }, { false, 'A', 0x1e, KEY_MOD_SHIFT }, { false, '~', 0x29, KEY_MOD_SHIFT },
        { false, '\\', 0x2b, 0 }, { false, ' ', 0x39, 0 }, { false, 1, 0x1e, KEY_MOD_CTRL },
        { false, 8, 0x23, KEY_MOD_CTRL }, { false, 9, 0x0f, 0 }, { false, 10, 0x24, KEY_MOD_CTRL },
        { false, 13, 0x1c, 0 }, { false, 27, 0x01, 0 }, { false, 28, 0x2b, KEY_MOD_CTRL }, { false, 127, 0x0e, 0 },
        { false, 0, 0x03, KEY_MOD_CTRL | KEY_MOD_SHIFT }, { false, 0xe4, 0, 0 }, { false, 0x1f600, 0, 0 },
        { true, KEY_F(1), 0x3b, 0 }, { true, KEY_F(12), 0x58, 0 }, { true, KEY_F(13), 0x3b, KEY_MOD_SHIFT },
        { true, KEY_F(26), 0x3c, KEY_MOD_CTRL }, { true, KEY_F(49), 0x3b, KEY_MOD_ALT }, { true, KEY_F(63), 0, 0 },
        { true, KEY_UP, 0xc8, 0 }, { true, KEY_SPREVIOUS, 0xc9, KEY_MOD_SHIFT }, { true, KEY_MOUSE, 0, 0 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CursesKey key = curses_key(cases[i].is_function, cases[i].n);

        g_assert_cmphex(key.code, ==, cases[i].code);
        if (key.code) {
            g_assert_cmphex(key.mods, ==, cases[i].mods);
        }
    }
}
#endif

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    typed = g_string_new(NULL);
    g_test_add_func("/vc/sequences", test_control_sequences_do_what_the_standard_says);
    g_test_add_func("/vc/wrap", test_a_full_line_wraps_when_the_next_character_comes);
    g_test_add_func("/vc/colours", test_colours_become_those_of_a_vga);
    g_test_add_func("/vc/answers", test_questions_are_answered);
    g_test_add_func("/vc/history", test_lines_that_left_the_screen_can_be_looked_at);
    g_test_add_func("/vc/random", test_random_bytes_do_no_harm);
    g_test_add_func("/vc/list", test_consoles_are_counted_from_0);
#ifdef CONFIG_CURSES
    g_test_add_func("/vc/keys", test_keys_of_a_terminal_are_keys_of_a_pc);
#endif
    return g_test_run();
}
