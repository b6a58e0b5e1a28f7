/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Command lines: numbers, key lists, tables of options (qemu/option.h). */
#include "qemu/osdep.h"
#include "qemu/option.h"

/* The message of a failed call, freed with the test's strings; fails when there is none. */
static char *take_message(Error **err)
{
    char *text;

    g_assert_nonnull(*err);
    text = g_strdup(error_get_message(*err));
    error_free(*err);
    *err = NULL;
    return text;
}

/* ---- numbers ---- */

static void test_sizes(void)
{
    static const struct { const char *text; uint64_t unit, value; } cases[] = {
        { "0", 1, 0 }, { "1", 1, 1 }, { "128", MiB, 128 * MiB }, { "1b", MiB, 1 }, { "4k", MiB, 4096 },
        { "4K", 1, 4096 }, { "3M", 1, 3 * MiB }, { "2G", MiB, 2 * GiB }, { "1T", 1, 1024 * GiB },
        { "1P", 1, 1ull << 50 }, { "15E", 1, 15ull << 60 }, { "1.5G", 1, 1536 * MiB }, { "0.5", MiB, 512 * KiB },
        { "1.1k", 1, 1126 }, { "0x10", 1, 16 }, { "0x1fM", 1, 31 * MiB },
        { "18446744073709551615", 1, UINT64_MAX }, { "0xffffffffffffffff", 1, UINT64_MAX },
    };

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        uint64_t v = 0;

        g_assert_true(parse_size(cases[i].text, cases[i].unit, &v, &error_abort));
        g_assert_cmpuint(v, ==, cases[i].value);
    }
}

static void test_bad_sizes_are_refused(void)
{
    static const char *const bad[] = {
        "", "abc", "-1", "+1", " 1", "1 ", "1Q", "1MM", "1.", ".5", "1.5.5", "0x", "0xg", "M", "1,5G", "16E",
        "18446744073709551616", "99999999999999999999999999999999999999999999999999", "0x10000000000000000", "1e3",
    };

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        Error *err = NULL;
        uint64_t v = 42;
        g_autofree char *message = NULL;

        g_test_message("size '%s'", bad[i]);
        g_assert_false(parse_size(bad[i], 1, &v, &err));
        g_assert_cmpuint(v, ==, 42);
        message = take_message(&err);
        g_assert_nonnull(strstr(message, bad[i]));
    }
}

static void test_numbers_keep_their_bounds(void)
{
    static const char *const bad[] = { "", "x", "-1", " 1", "1x", "4", "11", "99999999999999999999" };
    uint64_t v = 0;

    g_assert_true(parse_uint("5", 5, 10, &v, &error_abort));
    g_assert_cmpuint(v, ==, 5);
    g_assert_true(parse_uint("0xa", 5, 10, &v, &error_abort));
    g_assert_cmpuint(v, ==, 10);
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        g_assert_false(parse_uint(bad[i], 5, 10, &v, error_ignore));
    }
}

/* ---- key lists ---- */

static const KeyDef keys[] = {
    { "size", KEY_SIZE, .unit = MiB, .help = "size" },
    { "count", KEY_UINT, .help = "count" },
    { "fast", KEY_BOOL, .help = "fast" },
    { "mode", KEY_STRING, .values = "red|green", .help = "mode" },
    { "name", KEY_STRING, .help = "name" },
    { .name = NULL },
};

static void test_key_list_reads_all_kinds(void)
{
    g_autoptr(KeyList) l = keylist_parse("64,count=3,fast=on,mode=green,name=a,,b", "size", keys, &error_abort);

    g_assert_cmpuint(keylist_get_uint(l, "size", 0), ==, 64 * MiB);
    g_assert_cmpuint(keylist_get_uint(l, "count", 0), ==, 3);
    g_assert_true(keylist_get_bool(l, "fast", false));
    g_assert_cmpstr(keylist_get(l, "mode"), ==, "green");
    g_assert_cmpstr(keylist_get(l, "name"), ==, "a,b");
}

static void test_key_list_missing_keys_have_their_defaults(void)
{
    g_autoptr(KeyList) l = keylist_parse("", "size", keys, &error_abort);

    g_assert_cmpuint(keylist_get_uint(l, "count", 7), ==, 7);
    g_assert_true(keylist_get_bool(l, "fast", true));
    g_assert_null(keylist_get(l, "name"));
}

static void test_key_list_bare_switches(void)
{
    g_autoptr(KeyList) on = keylist_parse("count=1,fast", NULL, keys, &error_abort);
    g_autoptr(KeyList) off = keylist_parse("count=1,nofast", NULL, keys, &error_abort);

    g_assert_true(keylist_get_bool(on, "fast", false));
    g_assert_false(keylist_get_bool(off, "fast", true));
}

static void test_key_list_last_value_counts(void)
{
    g_autoptr(KeyList) l = keylist_parse("count=1,count=2", NULL, keys, &error_abort);

    g_assert_cmpuint(keylist_get_uint(l, "count", 0), ==, 2);
}

static void test_key_list_refuses_what_does_not_fit(void)
{
    static const char *const bad[] = {
        "abc", "size=", "1,count=x", "1,count=", "1,fast=maybe", "1,mode=blue", "1,mode", "1,nomode", "1,other=1",
        "1,other", "1,,2", "1,count=1,,", "=1", "size=1Z", "count=-1",
    };

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        Error *err = NULL;
        g_autofree char *message = NULL;

        g_test_message("list '%s'", bad[i]);
        g_assert_null(keylist_parse(bad[i], "size", keys, &err));
        message = take_message(&err);
        g_assert_null(strchr(message, '\n'));
    }
}

static void test_key_list_without_table_takes_anything(void)
{
    g_autoptr(KeyList) l = keylist_parse("thing,iobase=0xf4,flag", "driver", NULL, &error_abort);

    g_assert_cmpuint(l->n, ==, 3);
    g_assert_cmpstr(keylist_get(l, "driver"), ==, "thing");
    g_assert_cmpstr(keylist_get(l, "iobase"), ==, "0xf4");
    g_assert_cmpstr(keylist_get(l, "flag"), ==, "on");
}

static void test_key_list_finds_the_wish_for_help(void)
{
    static const struct { const char *text; bool wanted; } cases[] = {
        { "help", true }, { "?", true }, { "size=help", true }, { "1,help", true }, { "1", false },
        { "1,name=help", false },
    };

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autoptr(KeyList) l = keylist_parse(cases[i].text, "size", keys, &error_abort);

        g_assert_cmpint(keylist_wants_help(l), ==, cases[i].wanted);
    }
}

/* ---- options ---- */

typedef struct Settings {
    bool flag, called;
    const char *text, *arg, *word;
} Settings;

static bool opt_call(void *dest, const char *arg, Error **errp)
{
    Settings *s = dest;

    s->called = true;
    s->arg = arg;
    if (g_str_equal(arg, "bad")) {
        error_set(errp, "bad argument");
        return false;
    }
    return true;
}

static bool opt_word(void *dest, const char *arg, Error **errp)
{
    ((Settings *)dest)->word = arg;
    return true;
}

static const OptionDef table[] = {
    { .group = "Things" },
    { "flag", .help = "a switch", .kind = OPTION_FLAG, .offset = offsetof(Settings, flag) },
    { "text", "t", .arg = "WORD", .help = "a word", .kind = OPTION_STRING, .offset = offsetof(Settings, text) },
    { "call", .arg = "X", .help = "a call\nin two lines", .keys = keys, .kind = OPTION_FN, .fn = opt_call },
    { "hidden", .kind = OPTION_FLAG, .offset = offsetof(Settings, flag) },
    { "old", .arg = "FILE", .kind = OPTION_REFUSED },
    { .name = NULL },
};

/* Words separated by blanks; the strings live as long as the program. */
static bool parse_words(const char *words, Settings *s, Error **errp)
{
    g_autofree char *line = g_strconcat("program ", words, NULL);
    char **argv = g_strsplit(line, " ", -1);

    *s = (Settings){ 0 };
    for (char **a = argv; *a; a++) {
        const char *copy = g_intern_string(*a);

        g_free(*a);
        *a = (char *)copy;
    }
    bool ok = options_parse(table, s, (int)g_strv_length(argv), argv, opt_word, errp);

    g_free(argv);
    error_set_location(NULL, NULL);
    return ok;
}

static void test_one_or_two_dashes(void)
{
    Settings s;

    g_assert_true(parse_words("-flag --text hello -call x disk", &s, &error_abort));
    g_assert_true(s.flag && s.called);
    g_assert_cmpstr(s.text, ==, "hello");
    g_assert_cmpstr(s.arg, ==, "x");
    g_assert_cmpstr(s.word, ==, "disk");
}

static void test_arguments_may_look_like_options(void)
{
    Settings s;

    g_assert_true(parse_words("-text -flag", &s, &error_abort));
    g_assert_cmpstr(s.text, ==, "-flag");
    g_assert_false(s.flag);
}

static void test_alias(void)
{
    Settings s;

    g_assert_true(parse_words("-t a -t b", &s, &error_abort));
    g_assert_cmpstr(s.text, ==, "b");
}

static void test_mistakes_are_named(void)
{
    static const struct { const char *words, *expected; } cases[] = {
        { "-flga", "-flga: invalid option, did you mean '-flag'?" },
        { "--txt", "--txt: invalid option, did you mean '-text'?" },
        { "-nothinglikeit", "-nothinglikeit: invalid option, '-help' lists all" },
        { "-z", "-z: invalid option, '-help' lists all" },
        { "-", "-: invalid option, '-help' lists all" },
        { "--", "--: invalid option, '-help' lists all" },
        { "---flag", "---flag: invalid option, did you mean '-flag'?" },
        { "-text", "requires an argument: -text WORD" },
        { "-call bad", "bad argument" },
        { "-old x", "not supported by this version" },
        { "-old", "not supported by this version" },
    };

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        Settings s;
        Error *err = NULL;
        g_autofree char *message = NULL;

        g_assert_false(parse_words(cases[i].words, &s, &err));
        message = take_message(&err);
        g_assert_cmpstr(message, ==, cases[i].expected);
    }
}

/* What fn prints. */
static char *printed(void (*fn)(const OptionDef *table, FILE *f))
{
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);

    fn(table, f);
    fclose(f);
    return text;
}

static void test_help_shows_every_row_but_hidden_ones(void)
{
    char *help = printed(options_print_help);

    g_assert_nonnull(strstr(help, "\nThings:\n"));
    g_assert_nonnull(strstr(help, "-flag           a switch\n"));
    g_assert_nonnull(strstr(help, "-text, -t WORD  a word\n"));
    g_assert_nonnull(strstr(help, "a call\n                in two lines\n"));
    g_assert_nonnull(strstr(help, "mode=red|green: mode\n"));
    g_assert_null(strstr(help, "hidden"));
    g_assert_null(strstr(help, "old"));
    free(help);
}

static void test_manual_shows_the_same_rows(void)
{
    char *man = printed(options_print_man);

    g_assert_nonnull(strstr(man, ".SS Things\n"));
    g_assert_nonnull(strstr(man, ".TP\n\\fB\\-text\\fR, \\fB\\-t\\fR \\fIWORD\\fR\na word\n"));
    g_assert_nonnull(strstr(man, "a call\n.br\nin two lines\n"));
    g_assert_null(strstr(man, "hidden"));
    free(man);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/option/size/values", test_sizes);
    g_test_add_func("/option/size/refused", test_bad_sizes_are_refused);
    g_test_add_func("/option/number/bounds", test_numbers_keep_their_bounds);
    g_test_add_func("/option/keys/kinds", test_key_list_reads_all_kinds);
    g_test_add_func("/option/keys/defaults", test_key_list_missing_keys_have_their_defaults);
    g_test_add_func("/option/keys/bare", test_key_list_bare_switches);
    g_test_add_func("/option/keys/twice", test_key_list_last_value_counts);
    g_test_add_func("/option/keys/refused", test_key_list_refuses_what_does_not_fit);
    g_test_add_func("/option/keys/free", test_key_list_without_table_takes_anything);
    g_test_add_func("/option/keys/help", test_key_list_finds_the_wish_for_help);
    g_test_add_func("/option/table/dashes", test_one_or_two_dashes);
    g_test_add_func("/option/table/arguments", test_arguments_may_look_like_options);
    g_test_add_func("/option/table/alias", test_alias);
    g_test_add_func("/option/table/mistakes", test_mistakes_are_named);
    g_test_add_func("/option/help", test_help_shows_every_row_but_hidden_ones);
    g_test_add_func("/option/man", test_manual_shows_the_same_rows);
    return g_test_run();
}
