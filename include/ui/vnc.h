/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The VNC server: -vnc HOST:DISPLAY, -display vnc=HOST:DISPLAY. One, for the first graphics card. Big lock held. */
#ifndef UI_VNC_H
#define UI_VNC_H

#include "qemu/option.h"

typedef struct VncOptions {
    char *host;                 /* "": all addresses of this machine */
    unsigned display;           /* port 5900 and up */
    bool password;              /* clients need one; until one is set nobody can come in */
    bool shared;                /* a client that wants to be alone does not throw out the others */
} VncOptions;

extern const KeyDef vnc_keys[];
/* What the user wrote behind -vnc, without "none". vnc_options_clear() frees what is in it. */
bool vnc_options_parse(const char *arg, VncOptions *o, Error **errp);
void vnc_options_clear(VncOptions *o);
/* When the machine is there. name: of the guest, for the title; NULL or empty: none. At most once. */
bool vnc_init(const VncOptions *o, const char *name, Error **errp);
bool vnc_set_password(const char *password, Error **errp);
void vnc_print(GString *out);   /* info vnc */
void vnc_close(void);           /* the program ends: what clients still send has no effect */

#endif
