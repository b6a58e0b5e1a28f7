/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP and unix sockets, as server or client, with or without telnet's in-band commands.
 *
 *   server:  listening --accept--> connected --peer leaves--> listening      one peer at a time, others queue
 *   client:  connected --peer leaves--> silent, or with reconnect=N: a new attempt every N seconds
 *
 * What is written while nobody is connected is lost, as on a cable that is not plugged in.
 * Telnet follows RFC 854 and 857 (echo), 858 (suppress go ahead). Left out: doubling of byte 255 in output.
 */
#include "qemu/osdep.h"
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include "char-int.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "sysemu/runstate.h"

/* How long a blocking wait may overlook a request to end the program. */
#define LOOK_INTERVAL_MS    500

/* RFC 854, "TELNET COMMAND STRUCTURE" */
#define TELNET_SE       240
#define TELNET_BREAK    243
#define TELNET_IP       244
#define TELNET_SB       250
#define TELNET_WILL     251
#define TELNET_DONT     254
#define TELNET_IAC      255
#define TELNET_OPT_ECHO 1
#define TELNET_OPT_SGA  3

typedef enum TelnetState { TN_DATA, TN_CR, TN_IAC, TN_OPTION, TN_SUB, TN_SUB_IAC } TelnetState;

typedef struct SocketChardev {
    Chardev parent;
    FdStream stream;        /* fds -1: nobody connected */
    int listen_fd;
    char *address;          /* "unix:PATH" or "tcp:HOST:PORT", with options, as shown to the user */
    char *path, *host, *port;
    bool server, telnet, nodelay;
    int family;
    TelnetState telnet_state;
    char *unlink_path;      /* the socket file we have made */
    int64_t reconnect_ns;
    Timer reconnect;
    int connecting_fd;      /* -1, or an attempt that is under way */
    Bh *peer_gone;          /* found out inside a front end's write */
} SocketChardev;

static SocketChardev *to_socket(Chardev *chr)
{
    return container_of(chr, SocketChardev, parent);
}

/* ---- addresses ---- */

static bool unix_address(ChrAddress *a, const char *path, Error **errp)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&a->sa;

    if (strlen(path) >= sizeof(un->sun_path)) {
        error_set(errp, "path of unix socket '%s' is longer than %zu bytes", path, sizeof(un->sun_path) - 1);
        return false;
    }
    memset(un, 0, sizeof(*un));
    un->sun_family = AF_UNIX;
    strcpy(un->sun_path, path);
    a->len = sizeof(*un);
    return true;
}

static int try_tcp(SocketChardev *s, TryAddress *try, Error **errp)
{
    struct addrinfo hints = {
        .ai_socktype = SOCK_STREAM, .ai_family = s->family, .ai_flags = s->server ? AI_PASSIVE : 0,
    };

    /* Without a host a server takes everything, and old harnesses expect an IPv4 wildcard to be meant by that. */
    if (s->server && !s->host[0] && s->family == AF_UNSPEC) {
        hints.ai_family = AF_INET;
    }
    return chr_each_address(s->host, s->port, &hints, try, s, errp);
}

static int with_address(SocketChardev *s, TryAddress *try, Error **errp)
{
    ChrAddress a;

    if (!s->path) {
        return try_tcp(s, try, errp);
    }
    return unix_address(&a, s->path, errp) ? try(s, &a, errp) : -1;
}

static char *address_text(const struct sockaddr *sa, socklen_t len)
{
    char host[NI_MAXHOST], port[NI_MAXSERV];

    if (getnameinfo(sa, len, host, sizeof(host), port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV)) {
        return g_strdup("?");
    }
    return g_strdup_printf(strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

/* ---- a peer comes and goes ---- */

static void start_waiting(SocketChardev *s);

static void show_disconnected(SocketChardev *s)
{
    chr_set_filename(&s->parent, "disconnected:%s", s->address);
}

static void show_connected(SocketChardev *s, int fd)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);
    g_autofree char *text = NULL;

    if (s->path || getpeername(fd, (struct sockaddr *)&peer, &len)) {
        chr_set_filename(&s->parent, "%s", s->address);
        return;
    }
    text = address_text((struct sockaddr *)&peer, len);
    chr_set_filename(&s->parent, "%s <-> %s", s->address, text);
}

static void telnet_greet(SocketChardev *s)
{
    /* Character mode: we echo, and lines need no go-ahead. */
    static const uint8_t greeting[] = {
        TELNET_IAC, TELNET_WILL, TELNET_OPT_ECHO, TELNET_IAC, TELNET_WILL, TELNET_OPT_SGA,
    };

    s->telnet_state = TN_DATA;
    fd_stream_write(&s->stream, greeting, sizeof(greeting));
}

static void connected(SocketChardev *s, int fd)
{
    int on = 1;

    if (s->listen_fd >= 0) {
        fd_set_handler(s->listen_fd, NULL, NULL, NULL, NULL);   /* the next one waits */
    }
    if (s->nodelay && !s->path) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    show_connected(s, fd);
    fd_stream_open(&s->stream, &s->parent, fd, fd);
    if (s->telnet) {
        telnet_greet(s);
    }
    chr_be_event(&s->parent, CHR_EVENT_OPENED);
}

static void disconnected(void *opaque)
{
    SocketChardev *s = opaque;

    if (s->stream.in_fd < 0) {
        return;
    }
    fd_stream_close(&s->stream);
    show_disconnected(s);
    chr_be_event(&s->parent, CHR_EVENT_CLOSED);
    chr_be_writable(&s->parent);    /* what waits to be written may be thrown away */
    start_waiting(s);
}

static void socket_hangup(Chardev *chr)
{
    disconnected(to_socket(chr));
}

static int accept_peer(SocketChardev *s)
{
    int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    return fd >= 0 && fd_is_usable(fd, error_ignore) ? fd : -1;
}

static void on_accept(void *opaque)
{
    SocketChardev *s = opaque;
    int fd = accept_peer(s);

    if (fd >= 0) {
        connected(s, fd);
    }
}

/* ---- server ---- */

/* A socket file that a program which is gone has left behind. Never another kind of file. */
static void remove_stale_socket(const char *path)
{
    struct stat st;

    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode)) {
        unlink(path);
    }
}

static int try_listen(void *opaque, const ChrAddress *a, Error **errp)
{
    SocketChardev *s = opaque;
    int on = 1;
    int fd = chr_new_socket(a, SOCK_STREAM, errp);

    if (fd < 0) {
        return -1;
    }
    if (s->path) {
        remove_stale_socket(s->path);
    } else {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    }
    if (bind(fd, (const struct sockaddr *)&a->sa, a->len) || listen(fd, 1)) {
        error_set_errno(errp, errno, "cannot listen on '%s'", s->address);
        close(fd);
        return -1;
    }
    return fd;
}

static bool wait_for_peer(SocketChardev *s, Error **errp)
{
    struct pollfd p = { .fd = s->listen_fd, .events = POLLIN };

    info_report("waiting for a connection on %s", s->address);
    for (;;) {
        int fd;

        if (shutdown_requested()) {
            error_set(errp, "interrupted while waiting for a connection on '%s'", s->address);
            return false;
        }
        if (poll(&p, 1, LOOK_INTERVAL_MS) <= 0) {
            continue;
        }
        fd = accept_peer(s);
        if (fd >= 0) {
            connected(s, fd);
            return true;
        }
    }
}

/* The port may have been 0, "any": show which it is. */
static void show_bound_port(SocketChardev *s)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);
    g_autofree char *text = NULL;

    if (!s->path && getsockname(s->listen_fd, (struct sockaddr *)&sa, &len) == 0) {
        text = address_text((struct sockaddr *)&sa, len);
        g_free(s->address);
        s->address = g_strdup_printf("%s:%s,server=on", s->telnet ? "telnet" : "tcp", text);
    }
}

static bool open_server(SocketChardev *s, bool wait, Error **errp)
{
    s->listen_fd = with_address(s, try_listen, errp);
    if (s->listen_fd < 0) {
        return false;
    }
    s->unlink_path = g_strdup(s->path);
    show_bound_port(s);
    show_disconnected(s);
    if (wait) {
        return wait_for_peer(s, errp);
    }
    start_waiting(s);
    return true;
}

/* ---- client ---- */

static bool connect_result(SocketChardev *s, int fd, Error **errp)
{
    int err = 0;
    socklen_t len = sizeof(err);

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len)) {
        err = errno;
    }
    if (err) {
        error_set_errno(errp, err, "cannot connect to '%s'", s->address);
    }
    return !err;
}

/* The fd may still be connecting. */
static int begin_connect(void *opaque, const ChrAddress *a, Error **errp)
{
    SocketChardev *s = opaque;
    int fd = chr_new_socket(a, SOCK_STREAM, errp);

    if (fd >= 0 && connect(fd, (const struct sockaddr *)&a->sa, a->len) && errno != EINPROGRESS) {
        error_set_errno(errp, errno, "cannot connect to '%s'", s->address);
        close(fd);
        return -1;
    }
    return fd;
}

static int try_connect(void *opaque, const ChrAddress *a, Error **errp)
{
    SocketChardev *s = opaque;
    struct pollfd p = { .events = POLLOUT };

    p.fd = begin_connect(s, a, errp);
    if (p.fd < 0) {
        return -1;
    }
    while (poll(&p, 1, LOOK_INTERVAL_MS) <= 0) {
        if (shutdown_requested()) {
            error_set(errp, "interrupted while connecting to '%s'", s->address);
            close(p.fd);
            return -1;
        }
    }
    if (!connect_result(s, p.fd, errp)) {
        close(p.fd);
        return -1;
    }
    return p.fd;
}

static void try_again_later(SocketChardev *s)
{
    timer_arm(&s->reconnect, clock_get_ns(CLOCK_RT) + s->reconnect_ns);
}

static void on_connected(void *opaque)
{
    SocketChardev *s = opaque;
    int fd = s->connecting_fd;

    s->connecting_fd = -1;
    fd_set_handler(fd, NULL, NULL, NULL, NULL);
    if (connect_result(s, fd, error_ignore)) {
        connected(s, fd);
    } else {
        close(fd);
        try_again_later(s);
    }
}

static void on_reconnect_timer(void *opaque)
{
    SocketChardev *s = opaque;

    s->connecting_fd = with_address(s, begin_connect, error_ignore);
    if (s->connecting_fd >= 0) {
        fd_set_handler(s->connecting_fd, NULL, NULL, on_connected, s);
    } else {
        try_again_later(s);
    }
}

static bool open_client(SocketChardev *s, Error **errp)
{
    int fd;

    show_disconnected(s);
    if (s->reconnect_ns) {
        timer_arm(&s->reconnect, 0);
        return true;
    }
    fd = with_address(s, try_connect, errp);
    if (fd < 0) {
        return false;
    }
    connected(s, fd);
    return true;
}

static void start_waiting(SocketChardev *s)
{
    if (s->server) {
        fd_set_handler(s->listen_fd, NULL, on_accept, NULL, s);
    } else if (s->reconnect_ns) {
        try_again_later(s);
    }
}

/* ---- telnet ---- */

/* Takes the commands out of buf. One byte at a time: they may be cut anywhere. */
static int telnet_filter(Chardev *chr, uint8_t *buf, int len)
{
    SocketChardev *s = to_socket(chr);
    int out = 0;

    for (int i = 0; i < len; i++) {
        uint8_t c = buf[i];

        switch (s->telnet_state) {
        case TN_CR:
            s->telnet_state = TN_DATA;
            if (c == 0 || c == '\n') {
                break;      /* CR NUL and CR LF: the CR has been passed on */
            }
            /* fall through */
        case TN_DATA:
            if (c == TELNET_IAC) {
                s->telnet_state = TN_IAC;
                break;
            }
            s->telnet_state = c == '\r' ? TN_CR : TN_DATA;
            buf[out++] = c;
            break;
        case TN_IAC:
            s->telnet_state = c == TELNET_SB ? TN_SUB : c >= TELNET_WILL && c <= TELNET_DONT ? TN_OPTION : TN_DATA;
            if (c == TELNET_IAC) {
                buf[out++] = c;
            } else if (c == TELNET_BREAK) {
                chr_be_event(chr, CHR_EVENT_BREAK);
            } else if (c == TELNET_IP) {
                buf[out++] = 3;     /* Ctrl-C */
            }
            break;
        case TN_OPTION:
            s->telnet_state = TN_DATA;
            break;
        case TN_SUB:
            s->telnet_state = c == TELNET_IAC ? TN_SUB_IAC : TN_SUB;
            break;
        case TN_SUB_IAC:
            s->telnet_state = c == TELNET_SE ? TN_DATA : TN_SUB;
            break;
        }
    }
    return out;
}

/* ---- the character device ---- */

static int socket_write(Chardev *chr, const uint8_t *buf, int len)
{
    SocketChardev *s = to_socket(chr);
    int n;

    if (s->stream.out_fd < 0) {
        return len;
    }
    n = fd_stream_write(&s->stream, buf, len);
    if (n < 0) {
        bh_schedule(s->peer_gone);      /* the event is not for inside a front end's write */
        return len;
    }
    return n;
}

static bool socket_wait_writable(Chardev *chr, int timeout_ms)
{
    return fd_stream_wait_writable(&to_socket(chr)->stream, timeout_ms);
}

static char *describe(const SocketChardev *s)
{
    const char *suffix = s->server ? ",server=on" : "";

    if (s->path) {
        return g_strdup_printf("unix:%s%s", s->path, suffix);
    }
    return g_strdup_printf("%s:%s:%s%s", s->telnet ? "telnet" : "tcp", s->host, s->port, suffix);
}

static bool socket_open(Chardev *chr, const ChardevSpec *spec, Error **errp)
{
    SocketChardev *s = to_socket(chr);

    s->stream.in_fd = s->stream.out_fd = s->listen_fd = s->connecting_fd = -1;
    s->stream.hangup = socket_hangup;
    s->stream.filter = spec->telnet ? telnet_filter : NULL;
    s->path = g_strdup(spec->path);
    s->host = g_strdup(spec->host ? spec->host : "");
    s->port = g_strdup(spec->port);
    s->server = spec->server;
    s->telnet = spec->telnet;
    s->nodelay = spec->nodelay;
    s->family = chr_address_family(spec);
    s->reconnect_ns = spec->reconnect_s * NANOSECONDS_PER_SECOND;
    s->address = describe(s);
    s->peer_gone = bh_new(disconnected, s);
    timer_init(&s->reconnect, CLOCK_RT, on_reconnect_timer, s);
    if (s->server && s->reconnect_ns) {
        error_set(errp, "'reconnect' is for clients, '%s' is a server", s->address);
        return false;
    }
    if (!s->server && spec->wait) {
        error_set(errp, "'wait' is for servers, '%s' is a client", s->address);
        return false;
    }
    return s->server ? open_server(s, spec->wait >= 0, errp) : open_client(s, errp);
}

static void remove_own_socket(SocketChardev *s)
{
    if (s->unlink_path && s->unlink_path[0]) {
        unlink(s->unlink_path);
        s->unlink_path[0] = 0;      /* once; not freed, because this also runs while the program dies */
    }
}

static void socket_emergency(Chardev *chr)
{
    remove_own_socket(to_socket(chr));
}

static void close_listening(int fd)
{
    if (fd >= 0) {
        fd_set_handler(fd, NULL, NULL, NULL, NULL);
        close(fd);
    }
}

static void socket_close(Chardev *chr)
{
    SocketChardev *s = to_socket(chr);

    timer_disarm(&s->reconnect);
    bh_free(s->peer_gone);
    fd_stream_close(&s->stream);
    close_listening(s->listen_fd);
    close_listening(s->connecting_fd);
    remove_own_socket(s);
    g_free(s->unlink_path);
    g_free(s->address);
    g_free(s->path);
    g_free(s->host);
    g_free(s->port);
}

const ChardevType chardev_socket = {
    .name = "socket", .instance_size = sizeof(SocketChardev), .needs_address = true,
    .params = "path host port server wait telnet nodelay delay reconnect ipv4 ipv6",
    .open = socket_open, .write = socket_write, .wait_writable = socket_wait_writable, .close = socket_close,
    .emergency = socket_emergency,
};
