/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nbd: an export of a network block device server, as its client. Follows the NBD project's doc/proto.md: fixed
 * newstyle negotiation (NBD_OPT_GO, else NBD_OPT_EXPORT_NAME), simple replies.
 *
 *   nbd://HOST[:PORT]/[EXPORT]      nbd:HOST:PORT[:exportname=EXPORT]       server.host=, server.port=, export=
 *   nbd+unix:///[EXPORT]?socket=PATH    nbd:unix:PATH[:exportname=EXPORT]   server.path=, export=
 *
 * One request is under way at a time, in a worker thread; a server that does not answer keeps its requests waiting and
 * nothing else. After a broken connection or a reply that makes no sense every request fails with EIO.
 * Left out: TLS, structured replies, connecting again.
 */
#include "qemu/osdep.h"
#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "block/block.h"
#include "qemu/bitops.h"

#define PORT_DEFAULT    "10809"
#define NAME_MAX_LEN    4096u
#define REPLY_MAX       (64 * KiB)
#define REPLIES_MAX     64
#define REQUEST_MAX     (32 * MiB)      /* what every server takes */
#define OPT_MAGIC       0x49484156454F5054ull   /* IHAVEOPT */
#define REPLY_MAGIC     0x0003e889045565a9ull

enum { OPT_EXPORT_NAME = 1, OPT_GO = 7, REP_ACK = 1, REP_INFO = 3, INFO_EXPORT = 0, INFO_BLOCK_SIZE = 3 };
enum { CMD_READ, CMD_WRITE, CMD_DISC, CMD_FLUSH, CMD_TRIM, CMD_WRITE_ZEROES = 6 };
#define REP_ERROR       (1u << 31)
#define REP_ERR_UNSUP   (REP_ERROR | 1)
#define HAS_READ_ONLY   (1u << 1)
#define HAS_FLUSH       (1u << 2)
#define HAS_FUA         (1u << 3)
#define HAS_TRIM        (1u << 5)
#define HAS_ZEROES      (1u << 6)
#define CMD_FUA         (1u << 0)
#define CMD_NO_HOLE     (1u << 1)

typedef struct Nbd {
    int fd;
    uint16_t flags;             /* of the export */
    uint32_t min_block;         /* requests are multiples of it */
    pthread_mutex_t lock;       /* guards what follows: a request and its reply */
    uint64_t handle;
    bool broken;
} Nbd;

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

/* All of it to or from the socket; false when the other side is gone. */
static bool move_all(int fd, void *buf, size_t len, bool out)
{
    for (uint8_t *p = buf; len;) {
        ssize_t done = out ? send(fd, p, len, MSG_NOSIGNAL) : recv(fd, p, len, 0);

        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return false;
        }
        p += done;
        len -= done;
    }
    return true;
}

static bool send_all(int fd, const void *buf, size_t len)
{
    return move_all(fd, (void *)buf, len, true);
}

static bool recv_all(int fd, void *buf, size_t len)
{
    return move_all(fd, buf, len, false);
}

static bool greet(int fd, void *buf, size_t len, Error **errp)
{
    if (!recv_all(fd, buf, len)) {
        error_set(errp, "the NBD server has closed the connection during negotiation");
        return false;
    }
    return true;
}

/* ---- negotiation ------------------------------------------------------------------------------------------------- */

static bool send_option(int fd, uint32_t option, const void *data, uint32_t len, Error **errp)
{
    uint8_t head[16];

    store_be64(head, OPT_MAGIC);
    store_be32(head + 8, option);
    store_be32(head + 12, len);
    if (!send_all(fd, head, sizeof(head)) || !send_all(fd, data, len)) {
        error_set(errp, "the NBD server has closed the connection during negotiation");
        return false;
    }
    return true;
}

/* What an NBD_REP_INFO tells; unknown ones are skipped. */
static void note_info(BlockNode *n, Nbd *s, const uint8_t *data, uint32_t len, bool *has_export)
{
    if (len >= 12 && load_be16(data) == INFO_EXPORT) {
        n->size = load_be64(data + 2);
        s->flags = load_be16(data + 10);
        *has_export = true;
    } else if (len >= 14 && load_be16(data) == INFO_BLOCK_SIZE) {
        s->min_block = load_be32(data + 2);
    }
}

/* Replies to NBD_OPT_GO until the last. *known: the server has this option. */
static bool take_replies(BlockNode *n, Nbd *s, const char *name, bool *known, Error **errp)
{
    g_autofree uint8_t *data = g_malloc(REPLY_MAX + 1);
    bool has_export = false;

    for (unsigned i = 0; i < REPLIES_MAX; i++) {
        uint8_t head[20];
        uint32_t type, len;

        if (!greet(s->fd, head, sizeof(head), errp)) {
            return false;
        }
        type = load_be32(head + 12);
        len = load_be32(head + 16);
        if (load_be64(head) != REPLY_MAGIC || load_be32(head + 8) != OPT_GO || len > REPLY_MAX) {
            error_set(errp, "the NBD server's answer makes no sense");
            return false;
        }
        if (!greet(s->fd, data, len, errp)) {
            return false;
        }
        data[len] = 0;
        if (type == REP_ACK && has_export) {
            return true;
        }
        if (type == REP_ERR_UNSUP) {
            *known = false;
            return true;
        }
        if (type & REP_ERROR || type == REP_ACK) {
            g_autofree char *text = g_utf8_make_valid((const char *)data, -1);

            error_set(errp, "the NBD server refuses export '%s'%s%s", name, *text ? ": " : "",
                      g_strdelimit(text, "\n\r", ' '));
            return false;
        }
        note_info(n, s, data, len, &has_export);
    }
    error_set(errp, "the NBD server's answer does not end");
    return false;
}

static bool ask_go(BlockNode *n, Nbd *s, const char *name, bool *known, Error **errp)
{
    g_autoptr(GByteArray) data = g_byte_array_new();
    uint8_t len[4], infos[4];

    store_be32(len, strlen(name));
    store_be16(infos, 1);
    store_be16(infos + 2, INFO_BLOCK_SIZE);
    g_byte_array_append(data, len, sizeof(len));
    g_byte_array_append(data, (const uint8_t *)name, strlen(name));
    g_byte_array_append(data, infos, sizeof(infos));
    return send_option(s->fd, OPT_GO, data->data, data->len, errp) && take_replies(n, s, name, known, errp);
}

/* Size and flags, and zeros that servers of old send behind them. */
static bool take_export(BlockNode *n, Nbd *s, size_t zeros, Error **errp)
{
    uint8_t buf[10 + 126];

    if (!greet(s->fd, buf, 10 + zeros, errp)) {
        return false;
    }
    n->size = load_be64(buf);
    s->flags = load_be16(buf + 8);
    return true;
}

static bool negotiate(BlockNode *n, Nbd *s, const char *name, Error **errp)
{
    uint8_t hello[18], flags[4];
    bool known = true, no_zeroes;

    if (!greet(s->fd, hello, 16, errp)) {
        return false;
    }
    if (memcmp(hello, "NBDMAGIC", 8) || load_be64(hello + 8) != OPT_MAGIC) {
        error_set(errp, "the server does not speak NBD's newstyle negotiation");
        return false;
    }
    if (!greet(s->fd, hello + 16, 2, errp)) {
        return false;
    }
    no_zeroes = load_be16(hello + 16) & 2;
    store_be32(flags, 1 | (no_zeroes ? 2 : 0));
    if (!send_all(s->fd, flags, sizeof(flags))) {
        error_set(errp, "the NBD server has closed the connection during negotiation");
        return false;
    }
    if (load_be16(hello + 16) & 1) {            /* fixed: it answers options it does not know */
        if (!ask_go(n, s, name, &known, errp)) {
            return false;
        }
        if (known) {
            return true;
        }
    }
    return send_option(s->fd, OPT_EXPORT_NAME, name, strlen(name), errp) &&
           take_export(n, s, no_zeroes ? 0 : 124, errp);
}

/* ---- requests: worker threads ------------------------------------------------------------------------------------ */

static const struct {
    uint8_t command;
    uint16_t needs;             /* of the export's flags; without: see nbd_run() */
} commands[] = {
    [BLOCK_READ] = { CMD_READ, 0 }, [BLOCK_WRITE] = { CMD_WRITE, 0 }, [BLOCK_FLUSH] = { CMD_FLUSH, HAS_FLUSH },
    [BLOCK_DISCARD] = { CMD_TRIM, HAS_TRIM }, [BLOCK_WRITE_ZEROES] = { CMD_WRITE_ZEROES, HAS_ZEROES },
};

static bool transfer(Nbd *s, const BlockOp *op, uint64_t done, uint64_t bytes)
{
    g_autofree struct iovec *parts = g_new(struct iovec, op->niov);
    int n = iov_slice(parts, op->iov, op->niov, done, bytes);

    for (int i = 0; i < n; i++) {
        if (!move_all(s->fd, parts[i].iov_base, parts[i].iov_len, op->kind == BLOCK_WRITE)) {
            return false;
        }
    }
    return true;
}

static int error_of(uint32_t nbd)
{
    static const int known[] = { EPERM, EIO, ENOMEM, EINVAL, ENOSPC, EOVERFLOW, ENOTSUP };

    for (unsigned i = 0; i < ARRAY_SIZE(known); i++) {
        if (nbd == (uint32_t)known[i]) {
            return -known[i];
        }
    }
    return -EIO;
}

/* 0, -errno as the server says, or 1: the connection is of no use any more. Lock held. */
static int exchange(Nbd *s, const BlockOp *op, uint64_t done, uint32_t bytes)
{
    bool fua = op->flags & BLOCK_FUA && s->flags & HAS_FUA;
    uint16_t flags = (fua ? CMD_FUA : 0) |
                     (op->kind == BLOCK_WRITE_ZEROES && !(op->flags & BLOCK_MAY_UNMAP) ? CMD_NO_HOLE : 0);
    uint8_t request[28], reply[16];

    store_be32(request, 0x25609513);
    store_be16(request + 4, flags);
    store_be16(request + 6, commands[op->kind].command);
    store_be64(request + 8, ++s->handle);
    store_be64(request + 16, op->kind == BLOCK_FLUSH ? 0 : op->offset + done);
    store_be32(request + 24, bytes);
    if (!send_all(s->fd, request, sizeof(request)) ||
        (op->kind == BLOCK_WRITE && !transfer(s, op, done, bytes)) || !recv_all(s->fd, reply, sizeof(reply)) ||
        load_be32(reply) != 0x67446698 || load_be64(reply + 8) != s->handle) {
        return 1;
    }
    if (load_be32(reply + 4)) {
        return error_of(load_be32(reply + 4));
    }
    return op->kind == BLOCK_READ && !transfer(s, op, done, bytes) ? 1 : 0;
}

static int request(Nbd *s, const BlockOp *op)
{
    uint64_t done = 0;
    int ret = 0;

    pthread_mutex_lock(&s->lock);
    do {
        uint32_t bytes = MIN(op->bytes - done, REQUEST_MAX);

        ret = s->broken ? 1 : exchange(s, op, done, bytes);
        done += bytes;
    } while (!ret && done < op->bytes);
    s->broken |= ret > 0;
    pthread_mutex_unlock(&s->lock);
    return ret > 0 ? -EIO : ret;
}

static int write_zero_bytes(Nbd *s, const BlockOp *op)
{
    static const uint8_t zeros[256 * KiB];
    int ret = 0;

    for (uint64_t done = 0, len; done < op->bytes && !ret; done += len) {
        struct iovec iov = { (void *)zeros, MIN(op->bytes - done, sizeof(zeros)) };

        len = iov.iov_len;
        ret = request(s, &(BlockOp){ .kind = BLOCK_WRITE, .flags = op->flags, .offset = op->offset + done,
                                     .bytes = len, .iov = &iov, .niov = 1 });
    }
    return ret;
}

static int nbd_run(BlockNode *n, const BlockOp *op)
{
    Nbd *s = n->state;
    uint16_t needs = commands[op->kind].needs;
    int ret;

    if ((op->offset | op->bytes) & (s->min_block - 1)) {
        return -EINVAL;
    }
    if (op->kind != BLOCK_FLUSH && (op->offset > n->size || op->bytes > n->size - op->offset)) {
        return -EIO;
    }
    if ((op->kind == BLOCK_DISCARD && !n->discard) ||
        (needs && !(s->flags & needs) && op->kind != BLOCK_WRITE_ZEROES)) {
        return 0;               /* advice; a server without FLUSH has nothing to flush */
    }
    if (op->kind == BLOCK_WRITE_ZEROES && !(s->flags & needs)) {
        ret = op->flags & BLOCK_NO_FALLBACK ? -ENOTSUP : write_zero_bytes(s, op);
    } else {
        ret = request(s, op);
    }
    if (!ret && op->flags & BLOCK_FUA && !(s->flags & HAS_FUA) && s->flags & HAS_FLUSH) {
        ret = request(s, &(BlockOp){ .kind = BLOCK_FLUSH });
    }
    return ret;
}

/* ---- addresses --------------------------------------------------------------------------------------------------- */

typedef struct Address {
    char *host, *port, *path, *name;
} Address;

static void address_clear(Address *a)
{
    g_free(a->host);
    g_free(a->port);
    g_free(a->path);
    g_free(a->name);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Address, address_clear)

static bool parse_uri(Address *a, const char *text, Error **errp)
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
static bool parse_plain(Address *a, const char *text, Error **errp)
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
static bool take_options(Address *a, BlockDict *d, Error **errp)
{
    static const char *const keys[][2] = { { "host", "server.host" }, { "port", "server.port" },
                                           { "path", "server.path" }, { "export", "export" } };
    char **const out[] = { &a->host, &a->port, &a->path, &a->name };
    g_autofree char *type = block_dict_take(d, "server.type");

    for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
        for (unsigned j = 0; j < 2; j++) {
            char *value = block_dict_take(d, keys[i][j]);

            if (value) {
                g_free(*out[i]);
                *out[i] = value;
            }
        }
    }
    if (type && strcmp(type, a->path ? "unix" : "inet")) {
        error_set(errp, "Parameter 'server.type' does not accept value '%s'", type);
        return false;
    }
    return true;
}

static bool find_address(Address *a, BlockNode *n, BlockDict *d, Error **errp)
{
    const char *text = n->filename;
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

/* ---- connecting -------------------------------------------------------------------------------------------------- */

static int connect_unix(const char *path, Error **errp)
{
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    int fd = -1;

    if (strlen(path) >= sizeof(sun.sun_path)) {
        error_set(errp, "the path of the socket is too long: '%s'", path);
        return -1;
    }
    strcpy(sun.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&sun, sizeof(sun))) {
        error_set_errno(errp, errno, "Failed to connect to '%s'", path);
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

static int connect_inet(const char *host, const char *port, Error **errp)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
    int ret = getaddrinfo(host, port, &hints, &list), fd = -1, err = 0;

    if (ret) {
        error_set(errp, "address resolution failed for %s:%s: %s", host, port, gai_strerror(ret));
        return -1;
    }
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen)) {
            err = errno;
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    if (fd < 0) {
        error_set_errno(errp, err ? err : ENOTCONN, "Failed to connect to '%s:%s'", host, port);
    }
    return fd;
}

static void nbd_close(BlockNode *n)
{
    Nbd *s = n->state;
    uint8_t bye[28] = { 0 };

    if (s->fd >= 0) {
        if (!s->broken && s->min_block) {
            store_be32(bye, 0x25609513);
            store_be16(bye + 6, CMD_DISC);
            send_all(s->fd, bye, sizeof(bye));      /* a server that is gone already is no loss */
        }
        close(s->fd);
    }
    pthread_mutex_destroy(&s->lock);
}

static bool check_export(BlockNode *n, Nbd *s, const BlockOpenOptions *o, Error **errp)
{
    if (!s->min_block) {
        s->min_block = 1;
    }
    if (!is_power_of_2(s->min_block) || s->min_block > BLOCK_SECTOR_SIZE) {
        error_set(errp, "the NBD server wants requests of %" PRIu32 " bytes", s->min_block);
        return false;
    }
    if (n->size > INT64_MAX) {
        error_set(errp, "the export is too large: %" PRIu64 " bytes", n->size);
        return false;
    }
    if (s->flags & HAS_READ_ONLY && !n->readonly) {
        if (!o->auto_readonly) {
            error_set(errp, "request on write denied without write permission: the export is read-only");
            return false;
        }
        n->readonly = true;
    }
    return true;
}

static bool nbd_open(BlockNode *n, const BlockOpenOptions *o, Error **errp)
{
    g_auto(Address) a = { 0 };
    Nbd *s = n->state;

    s->fd = -1;
    pthread_mutex_init(&s->lock, NULL);
    if (find_address(&a, n, o->dict, errp)) {
        s->fd = a.path ? connect_unix(a.path, errp) : connect_inet(a.host, a.port ? a.port : PORT_DEFAULT, errp);
    }
    if (s->fd < 0 || !negotiate(n, s, a.name ? a.name : "", errp) || !check_export(n, s, o, errp)) {
        s->broken = true;
        nbd_close(n);
        return false;
    }
    return true;
}

static const BlockDriver nbd_driver = {
    .name = "nbd", .alias = "nbd+unix", .is_protocol = true, .state_size = sizeof(Nbd), .open = nbd_open,
    .close = nbd_close, .run = nbd_run,
};
BLOCK_DRIVER(nbd_driver)
