/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Character devices from the inside: what a back end provides, and the fd stream most of them are built on.
 *
 * A back end is one file with one const ChardevType; char.c lists them. Big lock held throughout.
 */
#ifndef CHARDEV_CHAR_INT_H
#define CHARDEV_CHAR_INT_H

#include <netdb.h>
#include <sys/socket.h>
#include "chardev/char.h"

/* A back end's description, from either spelling of the command line. */
typedef struct ChardevSpec {
    const char *label;
    char *path;                 /* file, pipe, unix socket, serial port */
    char *host, *port;          /* tcp, udp */
    char *local_host, *local_port;      /* udp */
    char *logfile;              /* a copy of the output */
    bool logappend;
    int8_t ipv4, ipv6;          /* 1 wanted, -1 not, 0 not said */
    int8_t wait;                /* the same: for the first peer of a server, which is so unless it is -1 */
    bool server, telnet, nodelay, append, signal, mux;
    uint64_t reconnect_s;       /* 0: never */
    uint64_t size;              /* ringbuf: bytes; 0: the default */
} ChardevSpec;

typedef struct ChardevType {
    const char *name;
    const char *alias;          /* an older name, or NULL */
    size_t instance_size;       /* starts with Chardev */
    const char *params;         /* "path append": those of spec_params[] it takes besides what all take. NULL: none */
    /* What is needed beyond a name, e.g. "path"; the parser checks it. */
    bool needs_path, needs_address;
    bool (*open)(Chardev *chr, const ChardevSpec *spec, Error **errp);
    /* Bytes taken. After fewer than len the back end calls chr_be_writable() when there is room again. */
    int (*write)(Chardev *chr, const uint8_t *buf, int len);
    /* Waits until write() would take something; false: it has not, or will not. NULL: write() takes all. */
    bool (*wait_writable)(Chardev *chr, int timeout_ms);
    void (*attach)(Chardev *chr, const ChardevFrontend *fe);    /* NULL: chr_attach_common() */
    bool (*has_room)(const Chardev *chr);       /* for one more front end. NULL: when it has none yet */
    void (*accept_input)(Chardev *chr);                         /* NULL: nothing to do, can_read is polled */
    void (*close)(Chardev *chr);        /* also after a failed open() */
    /* Of a real line, see chardev_set_line() and its kin. May be NULL. */
    void (*set_line)(Chardev *chr, const ChardevLine *line);
    void (*set_break)(Chardev *chr, bool on);
    void (*set_modem)(Chardev *chr, unsigned outputs);
    bool (*get_modem)(Chardev *chr, unsigned *inputs);
    void (*emergency)(Chardev *chr);    /* the program ends: what must not stay behind. No allocation. May be NULL */
} ChardevType;

struct Chardev {
    const ChardevType *type;
    char *label;
    char *filename;             /* info chardev */
    ChardevFrontend fe;
    bool has_fe;
    bool be_open;               /* there is a peer: OPENED has been, or will be at attach */
    bool stalled;               /* chardev_write_all() has given up waiting */
    int log_fd;                 /* -1: none */
    Chardev *next;
};

extern const ChardevType chardev_null, chardev_vc, chardev_stdio, chardev_file, chardev_pipe, chardev_pty;
extern const ChardevType chardev_socket, chardev_mux, chardev_ringbuf, chardev_udp, chardev_serial;

/* From back end to front end. */
int chr_be_can_read(Chardev *chr);
void chr_be_read(Chardev *chr, const uint8_t *buf, int len);
void chr_be_event(Chardev *chr, ChardevEvent ev);
void chr_be_writable(Chardev *chr);
void chr_attach_common(Chardev *chr, const ChardevFrontend *fe);
void chr_set_filename(Chardev *chr, const char *fmt, ...) QEMU_PRINTF(2, 3);

/* The mux puts itself in front of a back end that is open already; owns it from then on. */
Chardev *mux_new(const char *label, Chardev *be);

/* ---- addresses of the network ---- */
typedef struct ChrAddress {
    struct sockaddr_storage sa;
    socklen_t len;
} ChrAddress;
typedef int TryAddress(void *opaque, const ChrAddress *a, Error **errp);        /* an fd, or -1 */
/* try()'s fd for the first address of host (empty: this machine, or any for AI_PASSIVE) for which it is not -1. */
int chr_each_address(const char *host, const char *port, const struct addrinfo *hints, TryAddress *try, void *opaque,
                     Error **errp);
int chr_new_socket(const ChrAddress *a, int type, Error **errp);        /* not blocking; -1 */
int chr_address_family(const ChardevSpec *spec);                        /* as ipv4= and ipv6= say */

/* ---- a stream over one or two fds ---- */
typedef struct FdStream {
    Chardev *chr;
    int in_fd, out_fd;          /* -1: none. May be the same */
    bool poll_first;            /* out_fd blocks: ask for room before each small write */
    bool paused;                /* in_fd has nothing more to say */
    bool want_writable;
    int (*filter)(Chardev *chr, uint8_t *buf, int len);     /* shortens what has been read; may be NULL */
    void (*hangup)(Chardev *chr);       /* end of file or an error; once, from the IO thread */
} FdStream;

void fd_stream_open(FdStream *s, Chardev *chr, int in_fd, int out_fd);
void fd_stream_update(FdStream *s);     /* paused or an fd has changed */
int fd_stream_write(FdStream *s, const uint8_t *buf, int len);  /* taken; -1: the peer is gone */
bool fd_stream_wait_writable(FdStream *s, int timeout_ms);
void fd_stream_close(FdStream *s);      /* removes the handlers and closes the fds */
/*
 * Opens what a user calls a file, to write to. It may be a pipe or a terminal: nobody who reads slowly, or not at all,
 * stops the machine. -1 with errno when that fails; an fd is the caller's.
 */
int fd_open_output(const char *path, bool append);
/* Closes fd and fails when select() cannot handle it. */
bool fd_is_usable(int fd, Error **errp);

#endif
