/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The human monitor's line editor and expressions: what a terminal is sent for which keys, and what numbers mean. */
#include "qemu/osdep.h"
#include "monitor/expr.h"
#include "monitor/line-edit.h"

/* ---- line editor ------------------------------------------------------------------------------------------------- */

typedef struct Terminal {
    LineEdit *edit;
    GString *shown, *accepted;      /* accepted lines, each with a newline */
} Terminal;

static void on_output(void *opaque, const char *text, size_t len)
{
    g_string_append_len(((Terminal *)opaque)->shown, text, (gssize)len);
}

static void on_accept(void *opaque, const char *line)
{
    g_string_append_printf(((Terminal *)opaque)->accepted, "%s\n", line);
}

static void on_complete(void *opaque, const char *line, GPtrArray *list)
{
    static const char *const words[] = { "stats", "status", "history", "here/", NULL };
    const char *word = strrchr(line, ' ') ? strrchr(line, ' ') + 1 : line;

    for (unsigned i = 0; words[i]; i++) {
        if (g_str_has_prefix(words[i], word)) {
            g_ptr_array_add(list, g_strdup(words[i]));
        }
    }
}

static const LineEditOps ops = { .output = on_output, .accept = on_accept, .complete = on_complete };

static Terminal *terminal_new(void)
{
    Terminal *t = g_new0(Terminal, 1);

    t->shown = g_string_new(NULL);
    t->accepted = g_string_new(NULL);
    t->edit = line_edit_new("> ", &ops, t);
    return t;
}

static void terminal_free(Terminal *t)
{
    line_edit_free(t->edit);
    g_string_free(t->shown, TRUE);
    g_string_free(t->accepted, TRUE);
    g_free(t);
}

/* What is sent for these keys. */
static const char *type(Terminal *t, const char *keys)
{
    g_string_truncate(t->shown, 0);
    for (; *keys; keys++) {
        line_edit_key(t->edit, (uint8_t)*keys);
    }
    return t->shown->str;
}

static void check_line(const char *keys, const char *line)
{
    Terminal *t = terminal_new();

    type(t, keys);
    type(t, "\r");
    g_string_append_c(t->shown, '\0');
    g_assert_cmpstr(t->accepted->str, ==, line);
    terminal_free(t);
}

/* As drivers of such monitors expect it: the reference's bytes. */
static void test_each_key_redraws_the_line(void)
{
    Terminal *t = terminal_new();

    g_assert_cmpstr(type(t, "abcd"), ==,
                    "a\033[K\033[Dab\033[K\033[D\033[Dabc\033[K\033[D\033[D\033[Dabcd\033[K");
    g_assert_cmpstr(type(t, "\001"), ==, "\033[D\033[D\033[D\033[D");
    g_assert_cmpstr(type(t, "\005"), ==, "\033[C\033[C\033[C\033[C");
    g_assert_cmpstr(type(t, "\033[D\033[D"), ==, "\033[D\033[D");
    g_assert_cmpstr(type(t, "X"), ==, "\033[D\033[DabXcd\033[K\033[D\033[D");
    g_assert_cmpstr(type(t, "\004"), ==, "\033[D\033[D\033[DabXd\033[K\033[D");
    g_assert_cmpstr(type(t, "\033[3~"), ==, "\033[D\033[D\033[DabX\033[K");
    g_assert_cmpstr(type(t, "\177"), ==, "\033[D\033[D\033[Dab\033[K");
    g_assert_cmpstr(type(t, "\014"), ==, "\033[2J\033[1;1H> ab\033[K");
    terminal_free(t);
}

static void test_keys_edit_the_line(void)
{
    check_line("abc", "abc\n");
    check_line("one two\027three", "one three\n");
    check_line("abc\033[D\033[D\013", "a\n");
    check_line("abc\033[D\025", "c\n");
    check_line("ac\033[Db", "abc\n");
    check_line("bc\033[Ha", "abc\n");
    check_line("bc\033OHa\033OFd", "abcd\n");
    check_line("b\002a\006c", "abc\n");
    check_line("\004\010\177\027x\033[C\033[C", "x\n");
    check_line("a\033[1;5Cb\033[99~c\033xd", "abcd\n");
}

static void test_line_ends_of_all_kinds_count_once(void)
{
    Terminal *t = terminal_new();

    type(t, "a\rb\nc\r\nd\n\r");
    g_assert_cmpstr(t->accepted->str, ==, "a\nb\nc\nd\n\n");
    terminal_free(t);
}

static void test_history_goes_back_and_forth(void)
{
    Terminal *t = terminal_new();

    type(t, "one\rtwo\rone\rhalf");
    g_assert_cmpstr(line_edit_history(t->edit, 0), ==, "two");      /* an equal line has moved to the end */
    g_assert_cmpstr(line_edit_history(t->edit, 1), ==, "one");
    g_assert_null(line_edit_history(t->edit, 2));
    g_string_truncate(t->accepted, 0);
    type(t, "\033[A\033[A\033[A\r");
    type(t, "half\020\016\r\033[B\r");
    g_assert_cmpstr(t->accepted->str, ==, "two\nhalf\n\n");
    terminal_free(t);
}

static void test_history_is_bounded(void)
{
    Terminal *t = terminal_new();

    for (unsigned i = 0; i < 200; i++) {
        g_autofree char *line = g_strdup_printf("%u\r", i);

        type(t, line);
    }
    g_assert_cmpstr(line_edit_history(t->edit, 0), ==, "136");
    g_assert_cmpstr(line_edit_history(t->edit, HISTORY_MAX - 1), ==, "199");
    g_assert_null(line_edit_history(t->edit, HISTORY_MAX));
    terminal_free(t);
}

static void test_tab_completes_and_lists(void)
{
    Terminal *t = terminal_new();

    type(t, "hi\t");
    g_assert_cmpstr(type(t, "s\t"), ==, "\033[D\033[D\033[D\033[D\033[D\033[D\033[D\033[Dhistory s\033[K"
                    "\033[D\033[D\033[D\033[D\033[D\033[D\033[D\033[D\033[Dhistory stat\033[K");
    g_assert_cmpstr(type(t, "\t"), ==, "\nstats     status    \n> history stat\033[K");
    type(t, "u\there\tx\r");
    g_assert_cmpstr(t->accepted->str, ==, "history status here/x\n");
    terminal_free(t);
}

static void test_a_long_line_is_cut(void)
{
    Terminal *t = terminal_new();

    for (unsigned i = 0; i < LINE_MAX_LEN + 100; i++) {
        line_edit_key(t->edit, 'a');
        g_string_truncate(t->shown, 0);
    }
    type(t, "\r");
    g_assert_cmpuint(t->accepted->len, ==, LINE_MAX_LEN + 1);
    terminal_free(t);
}

/* ---- expressions ------------------------------------------------------------------------------------------------- */

static bool reg(void *opaque, const char *name, uint64_t *value)
{
    *value = 0x1234;
    return !strcmp(name, "eax");
}

static void check_value(const char *text, uint64_t want, const char *rest)
{
    const char *p = text;
    uint64_t v;
    Error *err = NULL;

    g_assert_true(expr_eval(&p, reg, NULL, &v, &err));
    g_assert_cmphex(v, ==, want);
    g_assert_cmpstr(p, ==, rest);
}

static void check_mistake(const char *text, const char *want)
{
    uint64_t v;
    Error *err = NULL;

    g_assert_false(expr_eval(&text, reg, NULL, &v, &err));
    g_assert_cmpstr(error_get_message(err), ==, want);
    error_free(err);
}

static void test_expressions_are_those_of_c(void)
{
    check_value("1+2*3", 7, "");
    check_value(" ( 1 + 2 ) * 3 x", 9, "x");
    check_value("0x10|010^3&6", 0x10 | (010 ^ (3 & 6)), "");
    check_value("-1", UINT64_MAX, "");
    check_value("~0-1%5", UINT64_MAX - 1, "");
    check_value("10-3-2", 5, "");
    check_value("$eax + 1", 0x1235, "");
    check_value("'A'", 65, "");
    check_value("1<<4", 1, "<<4");
    check_value("16 /tmp/x", 16, "/tmp/x");
    check_value("16 / 2", 8, "");
    check_value("16/2", 8, "");
}

static void test_mistakes_in_expressions_are_named(void)
{
    check_mistake("", "unexpected end of expression");
    check_mistake("1+", "unexpected end of expression");
    check_mistake("nosuch", "invalid char 'n' in expression");
    check_mistake("$nosuch", "unknown register");
    check_mistake("(1", "')' expected");
    check_mistake("10/0", "division by zero");
    check_mistake("10%(1-1)", "division by zero");
    check_mistake("'ab'", "character constant expected");
    check_mistake("0x10000000000000000", "number too large");
}

static void test_nesting_is_bounded(void)
{
    g_autofree char *deep = g_strnfill(100000, '(');
    g_autofree char *minus = g_strnfill(100000, '-');

    check_mistake(deep, "expression is nested too deeply");
    check_mistake(minus, "expression is nested too deeply");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/monitor/edit/each-key-redraws-the-line", test_each_key_redraws_the_line);
    g_test_add_func("/monitor/edit/keys-edit-the-line", test_keys_edit_the_line);
    g_test_add_func("/monitor/edit/line-ends-of-all-kinds-count-once", test_line_ends_of_all_kinds_count_once);
    g_test_add_func("/monitor/edit/history-goes-back-and-forth", test_history_goes_back_and_forth);
    g_test_add_func("/monitor/edit/history-is-bounded", test_history_is_bounded);
    g_test_add_func("/monitor/edit/tab-completes-and-lists", test_tab_completes_and_lists);
    g_test_add_func("/monitor/edit/a-long-line-is-cut", test_a_long_line_is_cut);
    g_test_add_func("/monitor/expr/expressions-are-those-of-c", test_expressions_are_those_of_c);
    g_test_add_func("/monitor/expr/mistakes-are-named", test_mistakes_in_expressions_are_named);
    g_test_add_func("/monitor/expr/nesting-is-bounded", test_nesting_is_bounded);
    return g_test_run();
}
