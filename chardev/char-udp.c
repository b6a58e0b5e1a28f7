/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * UDP: what is written goes out as datagrams to one peer, what that peer sends comes in
 *
 * There is no connection: a peer that is not there yet, or not any more, loses what it is sent, and nobody is told.
 * Datagrams become a stream; what a front end has no room for is kept, and until it is gone no other is taken.
 */
#include "qemu/osdep.h"
#include <netdb.h>
#include <sys/socket.h>
#include "char-int.h"
#include "qemu/main-loop.h"

#define DATAGRAM_MAX    65536

typedef struct UdpChardev {
    Chardev parent;
    int fd;
    Bh *hand_over;
    const char *local_host, *local_port;    /* while it is being opened */
    int len, pos;               /* of the datagram that the front end is reading */
    uint8_t buf[DATAGRAM_MAX];
} UdpChardev;

static UdpChardev *to_udp(Chardev *chr)
{
    return container_of(chr, UdpChardev, parent);
}

/* ---- input ---- */

static void hand_over(void *opaque)
{
    UdpChardev *u = opaque;
    int n;

    while (u->pos < u->len && (n = MIN(chr_be_can_read(&u->parent), u->len - u->pos)) > 0) {
        u->pos += n;
        chr_be_read(&u->parent, u->buf + u->pos - n, n);
    }
}

static bool udp_can_read(void *opaque)
{
    UdpChardev *u = opaque;

    return u->pos == u->len && chr_be_can_read(&u->parent) > 0;
}

/* An error here is an earlier datagram of ours that nobody wanted. */
static void udp_read(void *opaque)
{
    UdpChardev *u = opaque;
    ssize_t n;

    if (!udp_can_read(u)) {
        return;
    }
    n = recv(u->fd, u->buf, sizeof(u->buf), 0);
    u->pos = 0;
    u->len = MAX(n, 0);
    hand_over(u);
}

/* The event is not for inside a front end's register access. */
static void udp_accept_input(Chardev *chr)
{
    UdpChardev *u = to_udp(chr);

    if (u->pos < u->len) {
        bh_schedule(u->hand_over);
    }
}

static void udp_attach(Chardev *chr, const ChardevFrontend *fe)
{
    UdpChardev *u = to_udp(chr);

    chr_attach_common(chr, fe);
    udp_accept_input(&u->parent);
}

/* ---- output ---- */

static int udp_write(Chardev *chr, const uint8_t *buf, int len)
{
    for (int done = 0; done < len; done += DATAGRAM_MAX / 2) {
        (void)!send(to_udp(chr)->fd, buf + done, MIN(len - done, DATAGRAM_MAX / 2), MSG_NOSIGNAL);
    }
    return len;
}

/* ---- opening ---- */

static int try_bind(void *opaque, const ChrAddress *local, Error **errp)
{
    const int *fd = opaque;

    if (bind(*fd, (const struct sockaddr *)&local->sa, local->len)) {
        error_set_errno(errp, errno, "cannot use the local address");
        return -1;
    }
    return *fd;
}

/* A socket between a local address of the same family and this one. */
static int try_peer(void *opaque, const ChrAddress *peer, Error **errp)
{
    UdpChardev *u = opaque;
    int fd = chr_new_socket(peer, SOCK_DGRAM, errp);
    struct addrinfo hints = { .ai_socktype = SOCK_DGRAM, .ai_family = peer->sa.ss_family, .ai_flags = AI_PASSIVE };

    if (fd < 0) {
        return -1;
    }
    if (chr_each_address(u->local_host, u->local_port, &hints, try_bind, &fd, errp) < 0) {
        close(fd);
        return -1;
    }
    if (connect(fd, (const struct sockaddr *)&peer->sa, peer->len)) {
        error_set_errno(errp, errno, "cannot send to the address");
        close(fd);
        return -1;
    }
    return fd;
}

static bool udp_open(Chardev *chr, const ChardevSpec *spec, Error **errp)
{
    UdpChardev *u = to_udp(chr);
    const char *host = spec->host && *spec->host ? spec->host : "localhost";
    struct addrinfo hints = { .ai_socktype = SOCK_DGRAM, .ai_family = chr_address_family(spec) };

    u->fd = -1;
    u->hand_over = bh_new(hand_over, u);
    if (!spec->port || !*spec->port) {
        error_set(errp, "udp: remote port not specified");
        return false;
    }
    /* Old harnesses mean IPv4 by "no address". */
    if (host != spec->host && hints.ai_family == AF_UNSPEC) {
        hints.ai_family = AF_INET;
    }
    u->local_host = spec->local_host ? spec->local_host : "";
    u->local_port = spec->local_port && *spec->local_port ? spec->local_port : "0";
    u->fd = chr_each_address(host, spec->port, &hints, try_peer, u, errp);
    if (u->fd < 0) {
        error_prepend(errp, "udp %s:%s: ", host, spec->port);
        return false;
    }
    fd_set_handler(u->fd, udp_can_read, udp_read, NULL, u);
    chr_be_event(chr, CHR_EVENT_OPENED);
    return true;
}

static void udp_close(Chardev *chr)
{
    UdpChardev *u = to_udp(chr);

    bh_free(u->hand_over);
    if (u->fd >= 0) {
        fd_set_handler(u->fd, NULL, NULL, NULL, NULL);
        close(u->fd);
    }
}

const ChardevType chardev_udp = {
    .name = "udp", .instance_size = sizeof(UdpChardev), .params = "host port localaddr localport ipv4 ipv6",
    .open = udp_open, .write = udp_write, .attach = udp_attach,
    .accept_input = udp_accept_input, .close = udp_close,
};
