/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Character devices against real peers: files, pipes, sockets, pseudo terminals; the mux; a terminal's modes. */
#include "qemu/osdep.h"
#include <fcntl.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include "chardev/char.h"
#include "qemu/main-loop.h"
#include "sysemu/runstate.h"

static char *dir;
static ShutdownCause asked;

/* Instead of the machine's. */
void request_shutdown(ShutdownCause cause)
{
    asked = cause;
}

bool shutdown_requested(void)
{
    return asked != SHUTDOWN_NONE;
}

/* ---- a front end that remembers ---- */

typedef struct Front {
    GString *got;
    GString *events;
    int room;           /* bytes it still takes */
    int writable;
} Front;

static int front_can_read(void *opaque)
{
    return ((Front *)opaque)->room;
}

static void front_read(void *opaque, const uint8_t *buf, int len)
{
    Front *f = opaque;

    g_assert_cmpint(len, <=, f->room);
    f->room -= len;
    g_string_append_len(f->got, (const char *)buf, len);
}

static void front_event(void *opaque, ChardevEvent ev)
{
    g_string_append_c(((Front *)opaque)->events, "OCBio"[ev]);
}

static void front_writable(void *opaque)
{
    ((Front *)opaque)->writable++;
}

static ChardevFrontend front_init(Front *f)
{
    *f = (Front) { .got = g_string_new(NULL), .events = g_string_new(NULL), .room = 1 << 20 };
    return (ChardevFrontend) { front_can_read, front_read, front_event, front_writable, f, false };
}

static void front_free(Front *f)
{
    g_string_free(f->got, TRUE);
    g_string_free(f->events, TRUE);
}

static void spin(void)
{
    for (int i = 0; i < 20; i++) {
        main_loop_wait(1000000);
    }
}

/* Runs the loop until the text has arrived, or too much time has passed. */
static void assert_gets(const GString *s, const char *text)
{
    for (int i = 0; i < 60000 && strcmp(s->str, text); i++) {
        main_loop_wait(1000000);
    }
    g_assert_cmpstr(s->str, ==, text);
}

static void put(Chardev *chr, const char *text)
{
    g_assert_cmpint(chardev_write(chr, (const uint8_t *)text, strlen(text)), ==, (int)strlen(text));
}

static void assert_peer_reads(int fd, const char *text)
{
    char buf[256];
    size_t len = 0;

    while (len < strlen(text)) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        ssize_t n;

        g_assert_cmpint(poll(&p, 1, 60000), ==, 1);
        n = read(fd, buf + len, strlen(text) - len);
        g_assert_cmpint(n, >, 0);
        len += n;
    }
    g_assert_cmpint(memcmp(buf, text, len), ==, 0);
}

static void finish(Chardev *chr, Front *f)
{
    chardev_attach(chr, NULL);
    chardev_free(chr);
    front_free(f);
}

static Chardev *open_ok(const char *fmt, const char *arg)
{
    g_autofree char *spec = g_strdup_printf(fmt, arg);
    Chardev *chr = chardev_open("c0", spec, &error_abort);

    g_assert_nonnull(chr);
    g_assert_true(chardev_find("c0") == chr);
    return chr;
}

/* ---- the command line ---- */

static void test_wrong_arguments_are_refused(void)
{
    static const char *const bad[] = {
        "", "foo", "stdiox", "file:", "tcp:", "tcp:foo", "tcp:host:", "unix:", "unix:/x,serverr",
        "unix:/x,server=maybe",
        "tcp:h:1,reconnect=x", "tcp:127.0.0.1:0,server,reconnect=1", "chardev:none-such", "file:/nonexistent/x",
        "pipe:/nonexistent/x", "unix:/nonexistent/x", "mon:foo", "tcp:127.0.0.1:1", "tcp:999.1.1.1:5,server,nowait",
        "udp:", "udp:host", "udp:127.0.0.1:5@x", "udp:999.1.1.1:5", "udp:127.0.0.1:5@999.1.1.1:6",
        "/dev/null", "/dev/nosuch", "tcp::70000,server,nowait", "udp::70000", "tcp:127.0.0.1:1,nowait",
        "unix:/x,server,nowait,append=on", "unix:/x,server,nowait,port=1", "unix:/x,server,nowait,websocket=on",
    };

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        g_autoptr(Error) err = NULL;

        if (chardev_open("c0", bad[i], &err)) {
            g_error("'%s' was accepted", bad[i]);
        }
        g_assert_nonnull(err);
        g_assert_null(chardev_find("c0"));
    }
    g_assert_null(chardev_open("c0", "none", &error_abort));
}

static void test_long_form(void)
{
    static const char *const bad[][2] = {
        { "bogus,id=x", "'bogus' is not a character device back end" },
        { "msmouse,id=x", "*'msmouse' is not supported by this version" },
        { "null,id=1x", "Parameter 'id' expects an identifier" },
        { "null,id=x,path=y", "parameter 'path' is not for character device 'null'" },
        { "null,id=x,noserver", "parameter 'server' is not for character device 'null'" },
        { "socket,id=x,path=/nonexistent/y,host=h,port=1", "*takes a path, or a host and a port, not both" },
        { "socket,id=x,path=/nonexistent/y,wait=off", "'wait' is for servers,*" },
        { "socket,id=x,path=y,tls-creds=z", "parameter 'tls-creds' is not supported by this version" },
        { "socket,id=x,host=127.0.0.1,port=65536,server=on,wait=off", "port '65536' is outside 0 to 65535" },
    };
    g_autofree char *path = g_build_filename(dir, "a,b", NULL);
    g_autofree char *arg = g_strdup_printf("file,id=log,path=%s/a,,b", dir);
    Error *err = NULL;
    Chardev *chr = chardev_open_option(arg, &error_abort);
    g_autofree char *text = NULL;

    g_assert_null(chardev_open_option("null,id=log", &err));
    g_clear_pointer(&err, error_free);
    g_assert_null(chardev_open_option("null", &err));
    g_clear_pointer(&err, error_free);
    g_assert_null(chardev_open_option("socket,id=x", &err));
    g_clear_pointer(&err, error_free);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        g_assert_null(chardev_open_option(bad[i][0], &err));
        if (!g_pattern_match_simple(bad[i][1], error_get_message(err))) {
            g_error("%s: %s", bad[i][0], error_get_message(err));
        }
        g_clear_pointer(&err, error_free);
    }
    g_assert_true(chardev_open("c0", "chardev:log", &error_abort) == chr);
    put(chr, "hello\n");
    chardev_free(chr);
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "hello\n");
    g_unlink(path);
}

static void test_only_one_front_end_unless_shared(void)
{
    static const ChardevFrontend fe = { .opaque = NULL };
    Chardev *one = chardev_open_option("id=one,backend=memory", &error_abort);
    Chardev *shared = chardev_open_option("null,id=shared,mux=on", &error_abort);
    Error *err = NULL;

    g_assert_true(chardev_check_free(NULL, &error_abort));
    g_assert_true(chardev_check_free(one, &error_abort));
    chardev_attach(one, &fe);
    g_assert_false(chardev_check_free(one, &err));
    g_assert_cmpstr(error_get_message(err), ==, "character device 'one' is in use");
    g_clear_pointer(&err, error_free);
    chardev_attach(one, NULL);
    g_assert_true(chardev_check_free(one, &error_abort));
    for (int i = 0; i < 8; i++) {
        g_assert_true(chardev_check_free(shared, &error_abort));
        chardev_attach(shared, &fe);
    }
    g_assert_false(chardev_check_free(shared, error_ignore));
    chardev_attach(shared, NULL);
    chardev_free(shared);
    chardev_free(one);
}

/* ---- back ends ---- */

static char *take_ring(const char *label, uint64_t max)
{
    g_autoptr(GByteArray) data = chardev_ringbuf_read(label, max, &error_abort);

    return g_strndup(data->len ? (const char *)data->data : "", data->len);
}

static void test_ringbuf_keeps_the_last_bytes(void)
{
    Chardev *chr = chardev_open_option("ringbuf,id=r,size=8", &error_abort), *other;
    g_autofree char *first = NULL, *rest = NULL, *none = NULL;
    Error *err = NULL;

    put(chr, "0123456789");
    g_assert_true(chardev_ringbuf_write("r", "ab", &error_abort));
    first = take_ring("r", 3);
    g_assert_cmpstr(first, ==, "456");
    rest = take_ring("r", UINT64_MAX);
    g_assert_cmpstr(rest, ==, "789ab");
    none = take_ring("r", 1);
    g_assert_cmpstr(none, ==, "");
    other = chardev_open_option("null,id=n", &error_abort);
    g_assert_false(chardev_ringbuf_write("n", "x", &err));
    g_clear_pointer(&err, error_free);
    g_assert_null(chardev_ringbuf_read("nosuch", 1, &err));
    g_clear_pointer(&err, error_free);
    g_assert_null(chardev_open_option("ringbuf,id=q,size=12", &err));
    g_clear_pointer(&err, error_free);
    chardev_free(other);
    chardev_free(chr);
}

static void test_pipe_talks_both_ways_and_obeys_room(void)
{
    g_autofree char *base = g_build_filename(dir, "p", NULL);
    g_autofree char *in = g_strconcat(base, ".in", NULL), *out = g_strconcat(base, ".out", NULL);
    Front f;
    ChardevFrontend fe = front_init(&f);
    Chardev *chr;
    int wr, rd;

    g_assert_cmpint(mkfifo(in, 0600) | mkfifo(out, 0600), ==, 0);
    chr = open_ok("pipe:%s", base);
    wr = open(in, O_WRONLY);
    rd = open(out, O_RDONLY | O_NONBLOCK);
    g_assert_cmpint(write(wr, "abc", 3), ==, 3);
    spin();
    chardev_attach(chr, &fe);
    f.room = 2;
    assert_gets(f.got, "ab");
    spin();
    g_assert_cmpstr(f.got->str, ==, "ab");
    f.room = 5;
    chardev_accept_input(chr);
    assert_gets(f.got, "abc");
    put(chr, "xyz");
    assert_peer_reads(rd, "xyz");
    g_assert_cmpstr(f.events->str, ==, "O");
    close(wr);
    close(rd);
    finish(chr, &f);
    g_unlink(in);
    g_unlink(out);
}

/* "file:" names what the shell redirects to as well: a pipe whose reader sleeps. */
static void test_file_that_is_a_full_pipe_stops_nobody(void)
{
    g_autofree char *path = g_build_filename(dir, "fifo", NULL);
    g_autofree char *logged = g_strdup_printf("null,id=c0,logfile=%s", path);
    g_autofree uint8_t *big = g_malloc0(1 << 20);
    Front f;
    ChardevFrontend fe = front_init(&f);
    Chardev *chr;
    int fd;

    g_assert_cmpint(mkfifo(path, 0600), ==, 0);
    fd = open(path, O_RDWR | O_NONBLOCK);
    chr = chardev_open_option(logged, &error_abort);
    g_assert_cmpint(chardev_write(chr, big, 1 << 20), ==, 1 << 20);
    chardev_free(chr);
    while (read(fd, big, 1 << 20) > 0) {
    }
    chr = open_ok("file:%s", path);
    chardev_attach(chr, &fe);
    g_assert_cmpint(chardev_write(chr, big, 1 << 20), <, 1 << 20);
    g_assert_cmpint(chardev_write(chr, big, 100), ==, 0);
    g_assert_cmpint(read(fd, big, 1 << 20), >, 0);
    spin();
    g_assert_cmpint(f.writable, ==, 1);
    put(chr, "xyz");
    close(fd);
    finish(chr, &f);
    g_unlink(path);
}

static int connect_unix(const char *path)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    strcpy(un.sun_path, path);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&un, sizeof(un)), ==, 0);
    return fd;
}

static void test_unix_server_takes_one_peer_after_the_other(void)
{
    g_autofree char *path = g_build_filename(dir, "s", NULL);
    g_autoptr(GString) info = g_string_new(NULL);
    Front f;
    ChardevFrontend fe = front_init(&f);
    Chardev *chr = open_ok("unix:%s,server=on,wait=off", path);
    int a, b;

    chardev_attach(chr, &fe);
    put(chr, "lost");
    chardev_print(info);
    g_assert_nonnull(strstr(info->str, "c0: filename=disconnected:unix:"));
    a = connect_unix(path);
    assert_gets(f.events, "O");
    b = connect_unix(path);
    g_assert_cmpint(write(b, "two", 3), ==, 3);
    g_assert_cmpint(write(a, "one", 3), ==, 3);
    assert_gets(f.got, "one");
    put(chr, "hi");
    assert_peer_reads(a, "hi");
    close(a);
    assert_gets(f.events, "OCO");
    assert_gets(f.got, "onetwo");
    close(b);
    assert_gets(f.events, "OCOC");
    finish(chr, &f);
    g_assert_cmpint(g_access(path, F_OK), ==, -1);
}

static void test_peer_that_does_not_read_gets_the_rest_later(void)
{
    g_autofree char *path = g_build_filename(dir, "s", NULL);
    g_autofree uint8_t *big = g_malloc0(1 << 20);
    g_autofree char *sink = g_malloc(1 << 20);
    Front f;
    ChardevFrontend fe = front_init(&f);
    Chardev *chr = open_ok("unix:%s,server,nowait", path);
    int fd, n;

    chardev_attach(chr, &fe);
    fd = connect_unix(path);
    assert_gets(f.events, "O");
    n = chardev_write(chr, big, 1 << 20);
    g_assert_cmpint(n, <, 1 << 20);
    g_assert_cmpint(chardev_write(chr, big, 100), ==, 0);
    g_assert_cmpint(chardev_write_all(chr, big, 100), ==, 0);
    spin();
    g_assert_cmpint(f.writable, ==, 0);
    g_assert_cmpint(read(fd, sink, 1 << 20), >, 0);
    spin();
    g_assert_cmpint(f.writable, ==, 1);
    /* Gone with data unread: writes get EPIPE or a reset, and none of it is our end. */
    close(fd);
    chardev_write(chr, big, 1 << 20);
    chardev_write(chr, big, 1 << 20);
    assert_gets(f.events, "OC");
    finish(chr, &f);
}

static void test_tcp_client_and_server(void)
{
    Front fs, fc;
    ChardevFrontend server_fe = front_init(&fs), client_fe = front_init(&fc);
    Chardev *server = open_ok("%s,server=on,wait=off,nodelay", "tcp:127.0.0.1:0");
    g_autoptr(GString) info = g_string_new(NULL);
    g_autofree char *spec = NULL;
    Chardev *client;
    int port;

    chardev_attach(server, &server_fe);
    chardev_print(info);
    g_assert_cmpint(sscanf(info->str, "c0: filename=disconnected:tcp:127.0.0.1:%d,server=on", &port), ==, 1);
    spec = g_strdup_printf("tcp:localhost:%d,reconnect=1", port);
    client = chardev_open("c1", spec, &error_abort);
    chardev_attach(client, &client_fe);
    assert_gets(fs.events, "O");
    assert_gets(fc.events, "O");
    put(server, "down");
    put(client, "up");
    assert_gets(fs.got, "up");
    assert_gets(fc.got, "down");
    finish(server, &fs);
    assert_gets(fc.events, "OC");
    put(client, "nobody hears this");
    finish(client, &fc);
}

/* A datagram socket that knows its port. */
static int udp_peer(int *port)
{
    struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(sa);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    g_assert_cmpint(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&sa, &len), ==, 0);
    *port = ntohs(sa.sin_port);
    return fd;
}

static void test_udp_talks_to_one_peer(void)
{
    struct sockaddr_storage from;
    socklen_t len = sizeof(from);
    char buf[100] = { 0 };
    Front f;
    ChardevFrontend fe = front_init(&f);
    int port, peer = udp_peer(&port);
    g_autofree char *spec = g_strdup_printf("udp:127.0.0.1:%d@127.0.0.1:0", port);
    Chardev *chr = chardev_open("c0", spec, &error_abort);

    f.room = 3;
    chardev_attach(chr, &fe);
    assert_gets(f.events, "O");
    put(chr, "hello");
    g_assert_cmpint(recvfrom(peer, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len), ==, 5);
    g_assert_cmpstr(buf, ==, "hello");
    g_assert_cmpint(sendto(peer, "abcde", 5, 0, (struct sockaddr *)&from, len), ==, 5);
    g_assert_cmpint(sendto(peer, "", 0, 0, (struct sockaddr *)&from, len), ==, 0);     /* ends nothing */
    g_assert_cmpint(sendto(peer, "fgh", 3, 0, (struct sockaddr *)&from, len), ==, 3);
    assert_gets(f.got, "abc");
    spin();
    assert_gets(f.got, "abc");
    f.room = 100;
    chardev_accept_input(chr);
    assert_gets(f.got, "abcdefgh");
    close(peer);
    put(chr, "nobody hears this");
    put(chr, "nor this");           /* the first has been answered with an error */
    spin();
    finish(chr, &f);
}

static void test_output_is_logged(void)
{
    g_autofree char *path = g_build_filename(dir, "log", NULL);
    g_autofree char *first = g_strdup_printf("null,id=c0,logfile=%s", path);
    g_autofree char *second = g_strdup_printf("null,id=c0,mux=on,logfile=%s,logappend=on", path);
    g_autofree char *text = NULL;
    Error *err = NULL;
    Chardev *chr = chardev_open_option(first, &error_abort);

    put(chr, "one ");
    chardev_free(chr);
    chr = chardev_open_option(second, &error_abort);
    put(chr, "two");
    chardev_free(chr);
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "one two");
    g_unlink(path);
    g_assert_null(chardev_open_option("null,id=c0,logfile=/nonexistent/x", &err));
    error_free(err);
}

static void test_telnet_commands_are_no_data(void)
{
    static const char input[] = "a\xff\xfd\x01" "b\xff\xff" "c\xff\xfa\x18\x01junk\xff\xf0"
                                "d\r\0e\r\nf\xff\xf3g\xff\xf4";
    Front f;
    ChardevFrontend fe = front_init(&f);
    Chardev *server = open_ok("%s,server=on,wait=off", "telnet:127.0.0.1:0");
    g_autoptr(GString) info = g_string_new(NULL);
    g_autofree char *spec = NULL;
    Chardev *client;
    int port;

    chardev_attach(server, &fe);
    chardev_print(info);
    g_assert_cmpint(sscanf(info->str, "c0: filename=disconnected:telnet:127.0.0.1:%d", &port), ==, 1);
    spec = g_strdup_printf("tcp:127.0.0.1:%d", port);
    client = chardev_open("c1", spec, &error_abort);
    for (size_t i = 0; i < sizeof(input) - 1; i++) {     /* cut everywhere */
        chardev_write(client, (const uint8_t *)input + i, 1);
        spin();
    }
    assert_gets(f.got, "ab\xff" "cd\re\rfg\003");
    g_assert_cmpstr(f.events->str, ==, "OB");
    chardev_free(client);
    finish(server, &f);
}

/* The line a harness looks for goes to standard output; we know the name from "info chardev" as well. */
static void test_pty_visitors_come_and_go(void)
{
    Front f;
    ChardevFrontend fe = front_init(&f);
    Chardev *chr = open_ok("%s", "pty");
    g_autoptr(GString) info = g_string_new(NULL);
    char name[64];

    chardev_attach(chr, &fe);
    chardev_print(info);
    g_assert_cmpint(sscanf(info->str, "c0: filename=pty:%63s", name), ==, 1);
    spin();
    g_assert_cmpstr(f.events->str, ==, "");
    put(chr, "lost");
    for (int i = 0; i < 2; i++) {
        int fd = open(name, O_RDWR | O_NOCTTY);

        g_string_truncate(f.got, 0);
        g_assert_cmpint(write(fd, "\r\x03x", 3), ==, 3);
        assert_gets(f.got, "\r\x03x");
        put(chr, "a\nb");
        assert_peer_reads(fd, "a\nb");
        close(fd);
        assert_gets(f.events, i ? "OCOC" : "OC");
    }
    finish(chr, &f);
}

/* A pseudo terminal stands for the port; it keeps speed and stop bits, but has no parity and no modem lines. */
static void test_host_port_takes_bytes_breaks_and_format(void)
{
    Front f;
    ChardevFrontend fe = front_init(&f);
    int peer = posix_openpt(O_RDWR | O_NOCTTY);
    struct termios before, t;
    unsigned lines;
    Chardev *chr;

    g_assert_true(peer >= 0 && !grantpt(peer) && !unlockpt(peer) && !tcgetattr(peer, &before));
    chr = open_ok("%s", ptsname(peer));
    chardev_attach(chr, &fe);
    g_assert_cmpstr(f.events->str, ==, "O");
    g_assert_cmpint(write(peer, "\r\xff\x03", 3), ==, 3);
    assert_gets(f.got, "\r\xff\x03");
    put(chr, "a\nb");
    assert_peer_reads(peer, "a\nb");
    chardev_set_line(chr, &(ChardevLine) { .baud = 2400, .data_bits = 8, .stop_bits = 2, .parity = 'N' });
    g_assert_false(tcgetattr(peer, &t));
    g_assert_cmpint(cfgetospeed(&t), ==, B2400);
    g_assert_true(t.c_cflag & CSTOPB);
    g_assert_false(chardev_get_modem(chr, &lines));
    chardev_set_modem(chr, CHR_MODEM_OUTPUTS);
    chardev_set_break(chr, true);
    t.c_iflag &= ~(tcflag_t)PARMRK;                 /* now the peer can write the marks itself */
    tcsetattr(peer, TCSANOW, &t);
    g_string_truncate(f.got, 0);
    g_assert_cmpint(write(peer, "1\xff\0\0" "2\xff\0p\xff\xff", 10), ==, 10);
    assert_gets(f.got, "12p\xff");
    g_assert_cmpstr(f.events->str, ==, "OB");
    finish(chr, &f);
    g_assert_false(tcgetattr(peer, &t));
    g_assert_cmpint(cfgetospeed(&t), ==, cfgetospeed(&before));
    g_assert_cmphex(t.c_lflag, ==, before.c_lflag);
    close(peer);
}

/* ---- the mux ---- */

static void test_mux_escape_keys(void)
{
    g_autofree char *path = g_build_filename(dir, "m", NULL);
    Front serial, mon;
    ChardevFrontend mon_fe = front_init(&mon), serial_fe = front_init(&serial);
    Chardev *chr = open_ok("mon:unix:%s,server,nowait", path);
    int fd;

    g_assert_true(chardev_is_mux(chr));
    mon_fe.background = true;
    chardev_attach(chr, &mon_fe);       /* alone, then the serial port takes over */
    chardev_attach(chr, &serial_fe);
    g_assert_cmpstr(mon.events->str, ==, "io");
    g_assert_cmpstr(serial.events->str, ==, "i");
    fd = connect_unix(path);
    assert_gets(serial.events, "iO");

    g_assert_cmpint(write(fd, "a\003\001\001b\001s\001zc", 10), ==, 10);
    assert_gets(serial.got, "a\003\001bc");
    g_assert_cmpint(write(fd, "d\001", 2), ==, 2);
    spin();
    g_assert_cmpint(write(fd, "cinfo", 5), ==, 5);
    assert_gets(mon.got, "info");
    g_assert_cmpstr(serial.got->str, ==, "a\003\001bcd");
    g_assert_cmpstr(serial.events->str, ==, "iOo");
    g_assert_cmpint(write(fd, "\001c\001b", 4), ==, 4);
    assert_gets(serial.events, "iOoiB");
    put(chr, "out");
    assert_peer_reads(fd, "out");
    g_assert_cmpint(write(fd, "\001h", 2), ==, 2);
    spin();
    assert_peer_reads(fd, "\n\rC-a h    print this help\n\rC-a x    exit emulator\n\r");

    /* A guest that does not read does not keep us from leaving. */
    serial.room = 0;
    g_assert_cmpint(write(fd, "hangs\001x", 7), ==, 7);
    for (int i = 0; i < 60000 && asked == SHUTDOWN_NONE; i++) {
        main_loop_wait(1000000);
    }
    g_assert_cmpint(asked, ==, SHUTDOWN_QUIT);
    asked = SHUTDOWN_NONE;
    serial.room = 3;
    g_string_truncate(serial.got, 0);
    chardev_accept_input(chr);
    g_assert_cmpstr(serial.got->str, ==, "han");
    close(fd);
    front_free(&mon);
    finish(chr, &serial);
    g_assert_null(chardev_find("c0-base"));
}

/* ---- the terminal ---- */

/* A child with the terminal as its standard input and output: returns its status after fn() and exit(). */
static int run_on_terminal(void (*fn)(void), struct termios *during, struct termios *after)
{
    int pt = posix_openpt(O_RDWR | O_NOCTTY);
    int slave, status;
    pid_t pid;

    g_assert_cmpint(grantpt(pt) | unlockpt(pt), ==, 0);
    slave = open(ptsname(pt), O_RDWR | O_NOCTTY);
    pid = fork();
    if (!pid) {
        setsid();
        close(pt);
        dup2(slave, 0);
        dup2(slave, 1);
        close(slave);
        close(open(ttyname(0), O_RDWR));    /* becomes the controlling terminal */
        fn();
        exit(0);
    }
    assert_peer_reads(pt, "R");     /* "ready": the mode is set */
    tcgetattr(slave, during);
    g_assert_cmpint(write(pt, "g", 1), ==, 1);
    waitpid(pid, &status, 0);
    tcgetattr(slave, after);
    close(slave);
    close(pt);
    return status;
}

static void say_ready_and_wait(const char *spec)
{
    Front f;
    ChardevFrontend fe = front_init(&f);
    Chardev *chr = chardev_open("c0", spec, &error_fatal);
    Error *err = NULL;

    chardev_attach(chr, &fe);
    g_assert_null(chardev_open("c1", "stdio", &err));
    g_assert_nonnull(err);
    error_free(err);
    put(chr, "R");
    while (!f.got->len) {
        main_loop_wait(-1);
    }
}

static void plain_stdio(void)
{
    say_ready_and_wait("stdio");
}

static void mon_stdio_dies(void)
{
    say_ready_and_wait("mon:stdio");
    abort();
}

static void test_terminal_is_raw_and_restored_by_exit(void)
{
    struct termios during, after;

    g_assert_cmpint(run_on_terminal(plain_stdio, &during, &after), ==, 0);
    g_assert_false(during.c_lflag & (ICANON | ECHO));
    g_assert_true(during.c_lflag & ISIG);       /* Ctrl-C ends the program */
    g_assert_true(during.c_oflag & OPOST);
    g_assert_true((after.c_lflag & (ICANON | ECHO | ISIG)) == (ICANON | ECHO | ISIG));
}

static void test_terminal_is_restored_by_a_crash(void)
{
    struct termios during, after;
    int status = run_on_terminal(mon_stdio_dies, &during, &after);

    g_assert_true(WIFSIGNALED(status));
    g_assert_cmpint(WTERMSIG(status), ==, SIGABRT);
    g_assert_false(during.c_lflag & ISIG);      /* Ctrl-C is the guest's */
    g_assert_true((after.c_lflag & (ICANON | ECHO | ISIG)) == (ICANON | ECHO | ISIG));
}

static void test_end_of_stdin_is_no_exit(void)
{
    pid_t pid = fork();
    int status;

    if (!pid) {
        Front f;
        ChardevFrontend fe = front_init(&f);
        Chardev *chr;

        dup2(open("/dev/null", O_RDWR), 0);
        dup2(0, 1);
        chr = chardev_open("c0", "stdio", &error_fatal);
        chardev_attach(chr, &fe);
        spin();
        put(chr, "still here");
        _exit(f.got->len + f.events->len == 1 ? 7 : 1);     /* nothing but OPENED */
    }
    waitpid(pid, &status, 0);
    g_assert_cmpint(WEXITSTATUS(status), ==, 7);
}

int main(int argc, char **argv)
{
    int rc;

    g_test_init(&argc, &argv, NULL);
    main_loop_init(&error_abort);
    big_lock();
    dir = g_dir_make_tmp("chardev-XXXXXX", NULL);
    g_test_add_func("/chardev/wrong_arguments_are_refused", test_wrong_arguments_are_refused);
    g_test_add_func("/chardev/long_form", test_long_form);
    g_test_add_func("/chardev/only_one_front_end_unless_shared", test_only_one_front_end_unless_shared);
    g_test_add_func("/chardev/ringbuf_keeps_the_last_bytes", test_ringbuf_keeps_the_last_bytes);
    g_test_add_func("/chardev/pipe_obeys_room", test_pipe_talks_both_ways_and_obeys_room);
    g_test_add_func("/chardev/full_pipe_as_file_stops_nobody", test_file_that_is_a_full_pipe_stops_nobody);
    g_test_add_func("/chardev/unix_server_peer_after_peer", test_unix_server_takes_one_peer_after_the_other);
    g_test_add_func("/chardev/slow_peer_gets_the_rest_later", test_peer_that_does_not_read_gets_the_rest_later);
    g_test_add_func("/chardev/tcp_client_and_server", test_tcp_client_and_server);
    g_test_add_func("/chardev/udp-talks-to-one-peer", test_udp_talks_to_one_peer);
    g_test_add_func("/chardev/output-is-logged", test_output_is_logged);
    g_test_add_func("/chardev/telnet_commands_are_no_data", test_telnet_commands_are_no_data);
    g_test_add_func("/chardev/pty_visitors_come_and_go", test_pty_visitors_come_and_go);
    g_test_add_func("/chardev/host_port_takes_bytes_breaks_and_format", test_host_port_takes_bytes_breaks_and_format);
    g_test_add_func("/chardev/mux_escape_keys", test_mux_escape_keys);
    g_test_add_func("/chardev/terminal_restored_by_exit", test_terminal_is_raw_and_restored_by_exit);
    g_test_add_func("/chardev/terminal_restored_by_a_crash", test_terminal_is_restored_by_a_crash);
    g_test_add_func("/chardev/end_of_stdin_is_no_exit", test_end_of_stdin_is_no_exit);
    rc = g_test_run();
    g_rmdir(dir);
    return rc;
}
