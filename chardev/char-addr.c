/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses of the network: from host and port to sockets, one candidate after the other. */
#include "qemu/osdep.h"
#include <netdb.h>
#include "char-int.h"

int chr_address_family(const ChardevSpec *spec)
{
    if (spec->ipv6 > 0 && spec->ipv4 > 0) {
        return AF_UNSPEC;
    }
    return spec->ipv6 > 0 || spec->ipv4 < 0 ? AF_INET6 : spec->ipv4 > 0 || spec->ipv6 < 0 ? AF_INET : AF_UNSPEC;
}

int chr_each_address(const char *host, const char *port, const struct addrinfo *hints, TryAddress *try, void *opaque,
                     Error **errp)
{
    struct addrinfo *list;
    Error *err = NULL;
    int fd = -1, rc;

    /* The resolver would take a number modulo 65536. */
    if (port[0] && !port[strspn(port, "0123456789")] && g_ascii_strtoull(port, NULL, 10) > UINT16_MAX) {
        error_set(errp, "port '%s' is outside 0 to %u", port, UINT16_MAX);
        return -1;
    }
    rc = getaddrinfo(*host ? host : NULL, port, hints, &list);
    if (rc) {
        error_set(errp, "address '%s:%s' cannot be resolved: %s", host, port, gai_strerror(rc));
        return -1;
    }
    for (struct addrinfo *i = list; i && fd < 0; i = i->ai_next) {
        ChrAddress a = { .len = i->ai_addrlen };

        memcpy(&a.sa, i->ai_addr, i->ai_addrlen);
        error_free(err);
        err = NULL;
        fd = try(opaque, &a, &err);
    }
    freeaddrinfo(list);
    if (fd >= 0) {
        error_free(err);
    } else {
        error_propagate(errp, err);
    }
    return fd;
}

int chr_new_socket(const ChrAddress *a, int type, Error **errp)
{
    int fd = socket(a->sa.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        error_set_errno(errp, errno, "cannot create a socket");
        return -1;
    }
    return fd_is_usable(fd, errp) ? fd : -1;
}
