/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The debug log: lists of categories, address filters, files, records of several threads, trace events. */
#include "qemu/osdep.h"
#include <glib/gstdio.h>
#include "qemu/log.h"
#include "trace/trace.h"

/* Instead of the generated table. */
static TraceEvent event_a = { .name = "pit_write" }, event_b = { .name = "pit_read" }, event_c = { .name = "pic_eoi" };
TraceEvent *const trace_events[] = { &event_a, &event_b, &event_c, NULL };

static void assert_mask(const char *list, uint32_t mask)
{
    g_assert_true(log_set_mask(list, &error_abort));
    g_assert_cmphex(log_mask_active & ~LOG_TRACE, ==, mask);
}

static void test_lists_name_categories(void)
{
    assert_mask("int,cpu", LOG_INT | LOG_CPU);
    assert_mask("guest_errors,unimp,", LOG_GUEST_ERROR | LOG_UNIMP);
    assert_mask("int,none,exec", LOG_EXEC);
    assert_mask("none", 0);
    g_assert_true(log_set_mask("all", &error_abort));
    g_assert_true(log_enabled(LOG_MMU));
    g_assert_false(log_enabled(LOG_NOCHAIN));
    assert_mask("none", 0);
}

static void test_unknown_category_changes_nothing(void)
{
    g_autoptr(Error) err = NULL;

    assert_mask("int", LOG_INT);
    g_assert_false(log_set_mask("cpu,nonsense", &err));
    g_assert_nonnull(strstr(error_get_message(err), "'nonsense'"));
    g_assert_cmphex(log_mask_active, ==, LOG_INT);
    assert_mask("none", 0);
}

static void test_filter_forms(void)
{
    g_assert_true(log_in_filter(0));
    g_assert_true(log_set_filter("0x1000+0x10,0x2fff-0x1000,64..127", &error_abort));
    g_assert_false(log_in_filter(0xfff));
    g_assert_true(log_in_filter(0x1000));
    g_assert_true(log_in_filter(0x100f));
    g_assert_false(log_in_filter(0x1010));
    g_assert_false(log_in_filter(0x1fff));
    g_assert_true(log_in_filter(0x2000));
    g_assert_true(log_in_filter(0x2fff));
    g_assert_false(log_in_filter(0x3000));
    g_assert_true(log_in_filter(127));
    g_assert_true(log_set_filter("0xfffffffffffffff0..0xffffffffffffffff", &error_abort));
    g_assert_true(log_in_filter(UINT64_MAX));
    g_assert_true(log_set_filter("", &error_abort));
    g_assert_true(log_in_filter(5));
}

static void test_bad_filters_are_refused(void)
{
    static const char *const bad[] = {
        "x", "1", "1+", "+1", "1+0", "5-0", "1..", "9..1", "1.2", "1+2+3", "1,,2", "0xfffffffffffffff0+0x20", "-1+2",
        "99999999999999999999+1",
    };

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        g_autoptr(Error) err = NULL;

        if (log_set_filter(bad[i], &err)) {
            g_error("'%s' was accepted", bad[i]);
        }
        g_assert_nonnull(err);
    }
}

static void *write_records(void *opaque)
{
    for (int i = 0; i < 500; i++) {
        qemu_log("thread %p says %0100d\n", opaque, i);
    }
    return NULL;
}

static void test_records_of_threads_do_not_mix(void)
{
    g_autofree char *dir = g_dir_make_tmp("log-XXXXXX", NULL);
    g_autofree char *pattern = g_build_filename(dir, "x.%d.log", NULL);
    g_autofree char *path = g_strdup_printf("%s/x.%d.log", dir, (int)getpid());
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    GThread *t[4];

    g_assert_true(log_set_file(pattern, &error_abort));
    for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
        t[i] = g_thread_new("log", write_records, &t[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
        g_thread_join(t[i]);
    }
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    lines = g_strsplit(text, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, 4 * 500 + 1);
    for (char **l = lines; l[1]; l++) {
        g_assert_true(g_str_has_prefix(*l, "thread 0x"));
        g_assert_cmpuint(strlen(*l), ==, strlen(lines[0]));
    }
    g_unlink(path);
    g_rmdir(dir);
}

static void test_bad_file_names_are_refused(void)
{
    Error *err = NULL;

    g_assert_false(log_set_file("/nonexistent/dir/file", &err));
    g_clear_pointer(&err, error_free);
    g_assert_false(log_set_file("/tmp/%s", &err));
    g_clear_pointer(&err, error_free);
    g_assert_false(log_set_file("/tmp/%d%d", &err));
    g_clear_pointer(&err, error_free);
}

static void test_dump_lock_is_null_when_off(void)
{
    FILE *f;

    assert_mask("none", 0);
    log_mask_active = 0;
    g_assert_null(log_lock());
    log_unlock(NULL);
    assert_mask("cpu", LOG_CPU);
    f = log_lock();
    g_assert_nonnull(f);
    qemu_log("%s", "");      /* a dump may log */
    log_unlock(f);
    assert_mask("none", 0);
}

static void test_trace_patterns(void)
{
    Error *err = NULL;
    g_autoptr(GString) out = g_string_new(NULL);

    g_assert_true(log_set_mask("trace:pit_*", &error_abort));
    g_assert_true(event_a.enabled && event_b.enabled && !event_c.enabled);
    g_assert_true(trace_parse_option("-pit_read,enable=pic_eoi", &error_abort));
    g_assert_true(event_a.enabled && !event_b.enabled && event_c.enabled);
    g_assert_false(trace_parse_option("nonsense", &err));
    g_clear_pointer(&err, error_free);
    g_assert_false(trace_parse_option("events=/nonexistent", &err));
    g_clear_pointer(&err, error_free);
    trace_print_state(out, "pi?_*");
    g_assert_cmpstr(out->str, ==, "pit_write : state 1\npit_read : state 0\npic_eoi : state 1\n");
    g_assert_cmpuint(trace_set_pattern("*", false), ==, 3);
    g_assert_true(trace_is_help("help") && trace_is_help("?") && !trace_is_help("*"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/log/lists_name_categories", test_lists_name_categories);
    g_test_add_func("/log/unknown_category_changes_nothing", test_unknown_category_changes_nothing);
    g_test_add_func("/log/filter_forms", test_filter_forms);
    g_test_add_func("/log/bad_filters_are_refused", test_bad_filters_are_refused);
    g_test_add_func("/log/dump_lock_is_null_when_off", test_dump_lock_is_null_when_off);
    g_test_add_func("/log/records_of_threads_do_not_mix", test_records_of_threads_do_not_mix);
    g_test_add_func("/log/bad_file_names_are_refused", test_bad_file_names_are_refused);
    g_test_add_func("/log/trace_patterns", test_trace_patterns);
    return g_test_run();
}
