/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where an NBD server is, and a connection to it. Follows the NBD project's doc/uri.md.
 *
 *   nbd://HOST[:PORT]/[EXPORT]      nbd:HOST:PORT[:exportname=EXPORT]       server.host=, server.port=, export=
 *   nbd+unix:///[EXPORT]?socket=PATH    nbd:unix:PATH[:exportname=EXPORT]   server.path=, export=
 */
#include "qemu/osdep.h"
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "nbd.h"
#include "qemu/timer.h"

#define PORT_DEFAULT    "10809"
#define NAME_MAX_LEN    4096u

void nbd_address_clear(NbdAddress *a)
{
    g_free(a->host);
    g_free(a->port);
    g_free(a->path);
    g_free(a->name);
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

static bool parse_uri(NbdAddress *a, const char *text, Error **errp)
{
    g_autoptr(GError) gerr = NULL;
    g_autoptr(GUri) uri = g_uri_parse(text, G_URI_FLAGS_NONE, &gerr);
    g_autoptr(GHashTable) query = NULL;
    const char *path;

    if (!uri) {
        error_set(errp, "Invalid URI '%s': %s", text, gerr->message);
        return false;
    }
    path = g_uri_get_path(uri);
    a->name = g_strdup(*path == '/' ? path + 1 : path);
    if (g_uri_get_query(uri)) {
        query = g_uri_parse_params(g_uri_get_query(uri), -1, "&", G_URI_PARAMS_NONE, NULL);
    }
    if (g_str_equal(g_uri_get_scheme(uri), "nbd+unix")) {
        a->path = g_strdup(query ? g_hash_table_lookup(query, "socket") : NULL);
        if (!a->path || (g_uri_get_host(uri) && *g_uri_get_host(uri))) {
            error_set(errp, "'%s' needs ?socket=PATH and no host", text);
            return false;
        }
        return true;
    }
    a->host = g_strdup(g_uri_get_host(uri));
    a->port = g_uri_get_port(uri) < 0 ? NULL : g_strdup_printf("%d", g_uri_get_port(uri));
    if (query && g_hash_table_size(query)) {
        error_set(errp, "unknown parameter in '%s'", text);
        return false;
    }
    return true;
}

/* HOST:PORT or unix:PATH, then perhaps :exportname=NAME */
static bool parse_plain(NbdAddress *a, const char *text, Error **errp)
{
    const char *name = strstr(text, ":exportname=");
    g_autofree char *rest = name ? g_strndup(text, name - text) : g_strdup(text);
    char *colon = strrchr(rest, ':');

    a->name = g_strdup(name ? name + strlen(":exportname=") : "");
    if (g_str_has_prefix(rest, "unix:")) {
        a->path = g_strdup(rest + strlen("unix:"));
        return true;
    }
    if (!colon || colon == rest || !colon[1]) {
        error_set(errp, "'nbd:%s': host and port are needed", text);
        return false;
    }
    *colon = 0;
    a->port = g_strdup(colon + 1);
    a->host = *rest == '[' && colon[-1] == ']' ? g_strndup(rest + 1, colon - rest - 2) : g_strdup(rest);
    return true;
}

/* server.host= and the older host=; server.type= says nothing that the others do not. */
static bool take_options(NbdAddress *a, BlockDict *d, Error **errp)
{
    static const char *const keys[][2] = { { "host", "server.host" }, { "port", "server.port" },
                                           { "path", "server.path" }, { "export", "export" } };
    char **const out[] = { &a->host, &a->port, &a->path, &a->name };
    g_autofree char *type = block_dict_take(d, "server.type"), *tls = block_dict_take(d, "tls-creds");

    for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
        for (unsigned j = 0; j < 2; j++) {
            char *value = block_dict_take(d, keys[i][j]);

            if (value) {
                g_free(*out[i]);
                *out[i] = value;
            }
        }
    }
    if (tls) {
        error_set(errp, "tls-creds: TLS is not supported");
        return false;
    }
    if (type && strcmp(type, a->path ? "unix" : "inet")) {
        error_set(errp, "Parameter 'server.type' does not accept value '%s'", type);
        return false;
    }
    return true;
}

bool nbd_address_read(NbdAddress *a, const char *text, BlockDict *d, Error **errp)
{
    bool is_plain = g_str_has_prefix(text, "nbd:") && !g_str_has_prefix(text, "nbd://");
    bool ok = g_str_equal(text, "nbd") || (is_plain ? parse_plain(a, text + strlen("nbd:"), errp) :
                                           parse_uri(a, text, errp));

    if (!ok || (d && !take_options(a, d, errp))) {
        return false;
    }
    if (!(a->host && *a->host) == !(a->path && *a->path)) {
        error_set(errp, "an NBD server is named by host and port, or by the path of its socket");
        return false;
    }
    if (a->name && strlen(a->name) > NAME_MAX_LEN) {
        error_set(errp, "the name of the export is longer than %u bytes", NAME_MAX_LEN);
        return false;
    }
    return true;
}

char *nbd_address_text(const NbdAddress *a)
{
    const char *slash = a->name && *a->name ? "/" : "", *name = a->name ? a->name : "";
    bool is_ipv6 = a->host && strchr(a->host, ':');

    return a->path ? g_strdup_printf("nbd+unix://%s%s?socket=%s", slash, name, a->path) :
           g_strdup_printf("nbd://%s%s%s:%s%s%s", is_ipv6 ? "[" : "", a->host, is_ipv6 ? "]" : "",
                           a->port ? a->port : PORT_DEFAULT, slash, name);
}

/* ---- connecting -------------------------------------------------------------------------------------------------- */

/* 0 or -errno. The socket blocks again when it is connected. */
static int connect_until(int fd, const struct sockaddr *to, socklen_t len, int64_t deadline_ns)
{
    struct pollfd p = { .fd = fd, .events = POLLOUT };
    int flags = fcntl(fd, F_GETFL), ret, err = 0;
    socklen_t err_len = sizeof(err);

    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    if (connect(fd, to, len) && errno != EINPROGRESS) {
        return -errno;
    }
    do {
        int64_t left_ns = deadline_ns - clock_get_ns(CLOCK_RT);

        ret = poll(&p, 1, MAX(left_ns / 1000000, 0));
    } while (ret < 0 && errno == EINTR);
    if (ret <= 0) {
        return ret ? -errno : -ETIMEDOUT;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &err_len)) {
        return -errno;
    }
    fcntl(fd, F_SETFL, flags);
    return -err;
}

static int open_socket(int family, int protocol, const struct sockaddr *to, socklen_t len, int64_t deadline_ns,
                       int *err)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, protocol);

    *err = fd < 0 ? -errno : connect_until(fd, to, len, deadline_ns);
    if (*err && fd >= 0) {
        close(fd);
    }
    return *err ? -1 : fd;
}

static int connect_unix(const char *path, int64_t deadline_ns, Error **errp)
{
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    int fd, err;

    if (strlen(path) >= sizeof(sun.sun_path)) {
        error_set(errp, "the path of the socket is too long: '%s'", path);
        return -1;
    }
    strcpy(sun.sun_path, path);
    fd = open_socket(AF_UNIX, 0, (const struct sockaddr *)&sun, sizeof(sun), deadline_ns, &err);
    if (fd < 0) {
        error_set_errno(errp, -err, "Failed to connect to '%s'", path);
    }
    return fd;
}

static int connect_inet(const char *host, const char *port, int64_t deadline_ns, Error **errp)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
    int ret = getaddrinfo(host, port, &hints, &list), fd = -1, err = -ENOTCONN, on = 1;

    if (ret) {
        error_set(errp, "address resolution failed for %s:%s: %s", host, port, gai_strerror(ret));
        return -1;
    }
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
        fd = open_socket(a->ai_family, a->ai_protocol, a->ai_addr, a->ai_addrlen, deadline_ns, &err);
    }
    freeaddrinfo(list);
    if (fd < 0) {
        error_set_errno(errp, -err, "Failed to connect to '%s:%s'", host, port);
    } else {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    return fd;
}

int nbd_connect(const NbdAddress *a, int64_t deadline_ns, Error **errp)
{
    return a->path ? connect_unix(a->path, deadline_ns, errp) :
           connect_inet(a->host, a->port ? a->port : PORT_DEFAULT, deadline_ns, errp);
}
