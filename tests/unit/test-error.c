/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Error objects: who gets them, what they say, and what the special receivers do. */
#include "qemu/osdep.h"
#include "qemu/error.h"

static bool fail(Error **errp)
{
    error_set(errp, "cluster size %d is odd", 3);
    return false;
}

static void test_message_is_formatted(void)
{
    g_autoptr(Error) err = NULL;

    g_assert_false(fail(&err));
    g_assert_cmpstr(error_get_message(err), ==, "cluster size 3 is odd");
}

static void test_errno_is_appended_and_kept(void)
{
    g_autoptr(Error) err = NULL;

    errno = EBADF;
    error_set_errno(&err, ENOENT, "cannot open '%s'", "x");
    g_assert_cmpint(errno, ==, EBADF);
    g_assert_cmpstr(error_get_message(err), ==, "cannot open 'x': No such file or directory");
}

static void test_nobody_listening_is_fine(void)
{
    Error **nobody = error_ignore;

    g_assert_false(fail(nobody));
    error_append_hint(nobody, "try harder");
    error_prepend(nobody, "x: ");
}

static void test_prepend_puts_context_in_front(void)
{
    g_autoptr(Error) err = NULL;

    fail(&err);
    error_prepend(&err, "disk '%s': ", "a.img");
    g_assert_cmpstr(error_get_message(err), ==, "disk 'a.img': cluster size 3 is odd");
}

static void test_propagate_keeps_the_first(void)
{
    g_autoptr(Error) first = NULL;
    Error *second = NULL;

    fail(&second);
    error_propagate(&first, second);
    g_assert_true(first == second);
    second = NULL;
    error_set(&second, "another");
    error_propagate(&first, second);
    g_assert_cmpstr(error_get_message(first), ==, "cluster size 3 is odd");
    error_propagate(&first, NULL);
    g_assert_nonnull(first);
}

static void fatal_in_child(void)
{
    error_set_location("drive", "file=x");
    error_set(&error_fatal, "no good");
}

static void test_fatal_reports_with_location_and_exits(void)
{
    if (g_test_subprocess()) {
        fatal_in_child();
        return;
    }
    g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*qemu-system-x86_64: -drive file=x: no good\n*");
}

static void test_hint_follows_on_its_own_line(void)
{
    if (g_test_subprocess()) {
        Error *err = NULL;

        error_set_progname("/usr/bin/qemu-img");
        fail(&err);
        error_append_hint(&err, "Use %d.", 4);
        error_report_err(err);
        return;
    }
    g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
    g_test_trap_assert_passed();
    g_test_trap_assert_stderr("*qemu-img: cluster size 3 is odd\nUse 4.\n*");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/error/message_is_formatted", test_message_is_formatted);
    g_test_add_func("/error/errno_is_appended_and_kept", test_errno_is_appended_and_kept);
    g_test_add_func("/error/nobody_listening_is_fine", test_nobody_listening_is_fine);
    g_test_add_func("/error/prepend_puts_context_in_front", test_prepend_puts_context_in_front);
    g_test_add_func("/error/propagate_keeps_the_first", test_propagate_keeps_the_first);
    g_test_add_func("/error/fatal_reports_with_location_and_exits", test_fatal_reports_with_location_and_exits);
    g_test_add_func("/error/hint_follows_on_its_own_line", test_hint_follows_on_its_own_line);
    return g_test_run();
}
