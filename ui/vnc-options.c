/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stands behind -vnc. */
#include "qemu/osdep.h"
#include "qemu/option.h"
#include "ui/vnc.h"

#define BASE_PORT   5900u

const KeyDef vnc_keys[] = {
    { "vnc", KEY_STRING, .help = "[HOST]:DISPLAY, which listens on port 5900 + DISPLAY, or none" },
    { "password", KEY_BOOL, .help = "clients need the password that the monitor's set_password has set" },
    { "share", KEY_STRING, .values = "allow-exclusive|ignore",
      .help = "may a client ask to be alone (default), or does nobody mind" },
    { .name = NULL },
};

/* HOST:DISPLAY, [V6HOST]:DISPLAY, :DISPLAY */
static bool parse_address(const char *text, VncOptions *o, Error **errp)
{
    const char *colon = strrchr(text, ':'), *host = text;
    size_t len = colon ? (size_t)(colon - text) : 0;
    uint64_t display;

    if (g_str_has_prefix(text, "unix:")) {
        error_set(errp, "unix sockets are not supported, use HOST:DISPLAY");
        return false;
    }
    if (!colon || !colon[1]) {
        error_set(errp, "no vnc port specified");
        return false;
    }
    if (!g_ascii_string_to_unsigned(colon + 1, 10, 0, UINT32_MAX, &display, NULL)) {
        error_set(errp, "can't convert to a number: %s", colon + 1);
        return false;
    }
    if (display > 65535 - BASE_PORT) {
        error_set(errp, "port %s out of range", colon + 1);
        return false;
    }
    if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
        host++;
        len -= 2;
    }
    o->host = g_strndup(host, len);
    o->display = (unsigned)display;
    return true;
}

bool vnc_options_parse(const char *arg, VncOptions *o, Error **errp)
{
    g_autoptr(KeyList) l = keylist_parse(arg, "vnc", vnc_keys, errp);
    const char *address = l ? keylist_get(l, "vnc") : NULL;

    *o = (VncOptions){ 0 };
    if (!l) {
        return false;
    }
    if (!address) {
        error_set(errp, "no vnc port specified");
        return false;
    }
    o->shared = !g_strcmp0(keylist_get(l, "share"), "ignore");
    o->password = keylist_get_bool(l, "password", false);
    return parse_address(address, o, errp);
}

void vnc_options_clear(VncOptions *o)
{
    g_free(o->host);
    o->host = NULL;
}
