/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Negotiating with an NBD server that takes its time. What servers say is the subject of tests/block/cases_nbd.py. */
#include "qemu/osdep.h"
#include <sys/socket.h>
#include "block/nbd.h"
#include "qemu/timer.h"

static char *negotiate_in(int64_t patience_ns, const void *said, size_t len)
{
    NbdExport e;
    Error *err = NULL;
    int fds[2];
    char *text;

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
    g_assert_cmpint(send(fds[1], said, len, 0), ==, (ssize_t)len);
    g_assert_false(nbd_negotiate(fds[0], "x", &e, clock_get_ns(CLOCK_RT) + patience_ns, &err));
    close(fds[0]);
    close(fds[1]);
    text = g_strdup(error_get_message(err));
    error_free(err);
    return text;
}

static void test_a_silent_server_is_left(void)
{
    g_autofree char *nothing = negotiate_in(1000000, "", 0), *some = negotiate_in(1000000, "NBDMAGIC", 8);

    g_assert_cmpstr(nothing, ==, "the NBD server takes too long to negotiate");
    g_assert_cmpstr(some, ==, "the NBD server takes too long to negotiate");
}

static void test_what_has_come_is_looked_at_first(void)
{
    g_autofree char *text = negotiate_in(-1, "NBDMAGICno magic", 16);

    g_assert_cmpstr(text, ==, "the server does not speak NBD's newstyle negotiation");
}

static void test_addresses_are_written_as_they_are_read(void)
{
    static const char *const pairs[][2] = {
        { "nbd:h:1", "nbd://h:1" }, { "nbd://h/x", "nbd://h:10809/x" },
        { "nbd:[::1]:7:exportname=a", "nbd://[::1]:7/a" }, { "nbd:unix:/s", "nbd+unix://?socket=/s" },
        { "nbd+unix:///e?socket=/s", "nbd+unix:///e?socket=/s" },
    };

    for (unsigned i = 0; i < ARRAY_SIZE(pairs); i++) {
        g_auto(NbdAddress) a = { 0 };
        g_autofree char *text = NULL;

        g_assert_true(nbd_address_read(&a, pairs[i][0], NULL, error_ignore));
        text = nbd_address_text(&a);
        g_assert_cmpstr(text, ==, pairs[i][1]);
    }
}

#define TEST(fn) g_test_add_func("/nbd/" #fn, fn)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST(test_a_silent_server_is_left);
    TEST(test_what_has_come_is_looked_at_first);
    TEST(test_addresses_are_written_as_they_are_read);
    return g_test_run();
}
