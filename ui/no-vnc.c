/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where configure has not found libvncserver: -vnc is refused by name. */
#include "qemu/osdep.h"
#include "ui/vnc.h"

bool vnc_init(const VncOptions *o, const char *name, Error **errp)
{
    error_set(errp, "this program was built without VNC (libvncserver)");
    return false;
}

bool vnc_set_password(const char *password, Error **errp)
{
    error_set(errp, "Could not set password");
    return false;
}

void vnc_print(GString *out)
{
    g_string_append(out, "None\n");
}

void vnc_close(void)
{
}
