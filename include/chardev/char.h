/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Character devices: one byte stream between a back end (stdio, pty, socket, file, ...) and a front end
 * (serial port, debug console, monitor). Big lock held; callbacks come from the IO thread.
 */
#ifndef CHARDEV_CHAR_H
#define CHARDEV_CHAR_H

#include "qemu/error.h"

typedef struct Chardev Chardev;
typedef enum ChardevEvent {
    CHR_EVENT_OPENED, CHR_EVENT_CLOSED, CHR_EVENT_BREAK, CHR_EVENT_MUX_IN, CHR_EVENT_MUX_OUT
} ChardevEvent;

/* What two ends of a serial line agree on. */
typedef struct ChardevLine {
    uint32_t baud;
    uint8_t data_bits;          /* 5 to 8 */
    uint8_t stop_bits;          /* 1 or 2 */
    char parity;                /* N, E, O, M(ark), S(pace) */
} ChardevLine;

#define CHR_MODEM_DTR       0x01u
#define CHR_MODEM_RTS       0x02u
#define CHR_MODEM_OUTPUTS   0x03u
#define CHR_MODEM_CTS       0x10u
#define CHR_MODEM_DSR       0x20u
#define CHR_MODEM_RI        0x40u
#define CHR_MODEM_DCD       0x80u

typedef struct ChardevFrontend {
    int (*can_read)(void *opaque);                              /* bytes it can take now */
    void (*read)(void *opaque, const uint8_t *buf, int len);
    void (*event)(void *opaque, ChardevEvent ev);               /* may be NULL */
    void (*writable)(void *opaque);                             /* after a short write: try again. May be NULL */
    void *opaque;
    bool background;    /* on a mux: gets the keyboard only while it is alone or the user switches to it (monitors) */
} ChardevFrontend;

/*
 * Opens the back end a -serial/-debugcon/-monitor argument names: stdio, null, none (NULL result, no error), file:PATH,
 * pipe:PATH, pty, /dev/TTY, unix:PATH[,server=on|off][,wait=on|off], tcp:HOST:PORT[,server][,nowait],
 * udp:HOST:PORT[@HOST:PORT], mon:stdio (mux), vc (a text console, ui/vc.h). Two users of stdio: refused with a message
 * that names "mon:stdio" as the way out.
 */
Chardev *chardev_open(const char *label, const char *spec, Error **errp);
Chardev *chardev_find(const char *label);
/*
 * The argument of -chardev: BACKEND,id=ID[,path=..][,host=..][,port=..][,server=on][,wait=off][,mux=on][,signal=off]...
 */
Chardev *chardev_open_option(const char *arg, Error **errp);
bool chardev_is_mux(const Chardev *chr);
const char *chardev_label(const Chardev *chr);
/*
 * Connects the front end (copied). A mux accepts several, anything else one: ask chardev_check_free() before. NULL
 * disconnects. When the back end has a peer already, CHR_EVENT_OPENED comes from within this call.
 */
void chardev_attach(Chardev *chr, const ChardevFrontend *fe);
/* bytes taken, never blocks; rest: wait for writable() */
int chardev_write(Chardev *chr, const uint8_t *buf, int len);
int chardev_write_all(Chardev *chr, const uint8_t *buf, int len);   /* may block briefly; for debug consoles */
void chardev_accept_input(Chardev *chr);                        /* the front end has room again */
void chardev_send_break(Chardev *chr);                          /* as if the peer had sent a break */
/* For back ends that end in a real line; the others take no notice. The outputs are those that are active. */
void chardev_set_line(Chardev *chr, const ChardevLine *line);
void chardev_set_break(Chardev *chr, bool on);
void chardev_set_modem(Chardev *chr, unsigned outputs);
bool chardev_get_modem(Chardev *chr, unsigned *inputs);         /* false: there are no such lines */
bool chardev_is_busy(const Chardev *chr);                       /* somebody is connected, or a mux stands on it */
/* Before chardev_attach(): one more front end may come. NULL is free. */
bool chardev_check_free(const Chardev *chr, Error **errp);
/* closes it; the front end must have been disconnected */
void chardev_free(Chardev *chr);
void chardev_mux_set_save_handler(void (*save)(void));          /* of the escape's key "s"; NULL: it does nothing */
void chardev_mux_set_escape(int key);                           /* -echr; 1 (Ctrl-A) unless set */
void chardev_cleanup(void);                                     /* restores the terminal; also safe from exit paths */
/*
 * A ringbuf's bytes: data is added as if the front end had written it; up to max of the oldest are taken out (caller
 * unrefs). False, NULL: there is none of that name, or it is another kind.
 */
bool chardev_ringbuf_write(const char *label, const char *data, Error **errp);
GByteArray *chardev_ringbuf_read(const char *label, uint64_t max, Error **errp);
void chardev_print(GString *out);                               /* info chardev */
void chardev_print_types(GString *out);                         /* -chardev help */

#endif
