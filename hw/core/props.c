/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Device properties: finding one by name, setting it from text or from code, defaults, printing.
 *
 * A device has the properties of its type and those of its bus; the type's come first.
 */
#include "qemu/osdep.h"
#include "chardev/char.h"
#include "hw/core/device.h"
#include "props.h"

static const char *const kind_names[] = {
    [PROPK_BOOL] = "bool", [PROPK_UINT8] = "uint8", [PROPK_UINT16] = "uint16", [PROPK_UINT32] = "uint32",
    [PROPK_INT32] = "int32", [PROPK_UINT64] = "uint64", [PROPK_SIZE] = "size", [PROPK_STRING] = "str",
    [PROPK_DEVICE] = "link", [PROPK_CHARDEV] = "str",
};

static const Property *find_in(const Property *props, const char *name)
{
    for (const Property *p = props; p && p->kind != PROPK_END; p++) {
        if (!strcmp(p->name, name)) {
            return p;
        }
    }
    return NULL;
}

static const Property *prop_find(const DeviceType *t, const char *name)
{
    const BusOps *bus = bus_ops(t->bus);
    const Property *p = find_in(t->props, name);

    return p ? p : bus ? find_in(bus->props, name) : NULL;
}

static void *field_of(Device *dev, const Property *p)
{
    return (char *)dev + p->offset;
}

static uint64_t number_max(PropKind kind)
{
    return kind == PROPK_BOOL ? 1 : kind == PROPK_UINT8 ? UINT8_MAX : kind == PROPK_UINT16 ? UINT16_MAX :
           kind == PROPK_UINT32 || kind == PROPK_INT32 ? UINT32_MAX : UINT64_MAX;
}

static void set_number(Device *dev, const Property *p, uint64_t v)
{
    void *field = field_of(dev, p);

    switch (p->kind) {
    case PROPK_BOOL:
        *(bool *)field = v;
        break;
    case PROPK_UINT8:
        *(uint8_t *)field = v;
        break;
    case PROPK_UINT16:
        *(uint16_t *)field = v;
        break;
    case PROPK_UINT32:
    case PROPK_INT32:
        *(uint32_t *)field = v;
        break;
    case PROPK_UINT64:
    case PROPK_SIZE:
        *(uint64_t *)field = v;
        break;
    case PROPK_STRING:
    case PROPK_DEVICE:
    case PROPK_CHARDEV:
    case PROPK_END:
        g_assert_not_reached();
    }
}

static uint64_t get_number(Device *dev, const Property *p)
{
    const void *field = field_of(dev, p);

    switch (p->kind) {
    case PROPK_BOOL:
        return *(const bool *)field;
    case PROPK_UINT8:
        return *(const uint8_t *)field;
    case PROPK_UINT16:
        return *(const uint16_t *)field;
    case PROPK_UINT32:
    case PROPK_INT32:
        return *(const uint32_t *)field;
    case PROPK_UINT64:
    case PROPK_SIZE:
        return *(const uint64_t *)field;
    case PROPK_STRING:
    case PROPK_DEVICE:
    case PROPK_CHARDEV:
    case PROPK_END:
        break;
    }
    return 0;
}

static void set_string(Device *dev, const Property *p, const char *value)
{
    char **field = field_of(dev, p);
    char *copy = g_strdup(value);

    g_free(*field);
    *field = copy;
}

static bool parse_bool(const char *s, uint64_t *v)
{
    static const char *const words[][2] = { { "off", "on" }, { "no", "yes" }, { "false", "true" }, { "n", "y" } };

    for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
        for (unsigned b = 0; b < 2; b++) {
            if (!strcmp(s, words[i][b])) {
                *v = b;
                return true;
            }
        }
    }
    return false;
}

/* Bytes to shift for a size suffix; -1 when it is none. */
static int suffix_shift(const char *s)
{
    static const char letters[] = "bkmgtpe";
    const char *at = *s ? strchr(letters, g_ascii_tolower(*s)) : letters;

    return at && (!*s || !s[1]) ? 10 * (int)(at - letters) : -1;
}

static bool parse_int32(const char *s, uint64_t *v)
{
    gint64 n;
    bool ok = g_ascii_string_to_signed(s, 10, INT32_MIN, INT32_MAX, &n, NULL);

    *v = ok ? (uint32_t)n : 0;
    return ok;
}

static bool parse_number(const char *s, PropKind kind, uint64_t *v)
{
    char *end;
    int shift;

    if (kind == PROPK_BOOL) {
        return parse_bool(s, v);
    }
    if (kind == PROPK_INT32) {
        return parse_int32(s, v);
    }
    if (!g_ascii_isdigit(*s)) {
        return false;       /* no sign, no blanks */
    }
    errno = 0;
    *v = g_ascii_strtoull(s, &end, 0);
    if (errno || end == s) {
        return false;
    }
    shift = kind == PROPK_SIZE ? suffix_shift(end) : *end ? -1 : 0;
    if (shift < 0 || *v > UINT64_MAX >> shift) {
        return false;
    }
    *v <<= shift;
    return *v <= number_max(kind);
}

static bool set_reference(Device *dev, const Property *p, const char *value, Error **errp)
{
    void *target = p->kind == PROPK_DEVICE ? (void *)device_find(value) : (void *)chardev_find(value);

    if (!target) {
        error_set(errp, "Property '%s.%s' can't find value '%s'", dev->type->name, p->name, value);
        return false;
    }
    *(void **)field_of(dev, p) = target;
    return true;
}

bool device_set_prop(Device *dev, const char *name, const char *value, Error **errp)
{
    const BusOps *bus = bus_ops(dev->type->bus);
    const Property *p = prop_find(dev->type, name);
    bool known = false;
    uint64_t v;

    assert(!dev->realized);
    if (!p) {
        bool ok = bus && bus->parse_prop && bus->parse_prop(dev, name, value, &known, errp);

        if (!known) {
            error_set(errp, "Property '%s.%s' not found", dev->type->name, name);
        }
        return ok;
    }
    if (p->kind == PROPK_STRING) {
        set_string(dev, p, value);
        return true;
    }
    if (p->kind == PROPK_DEVICE || p->kind == PROPK_CHARDEV) {
        return set_reference(dev, p, value, errp);
    }
    if (!parse_number(value, p->kind, &v)) {
        error_set(errp, "Property '%s.%s' doesn't take value '%s'", dev->type->name, name, value);
        return false;
    }
    set_number(dev, p, v);
    return true;
}

void device_set_prop_uint(Device *dev, const char *name, uint64_t v)
{
    const Property *p = prop_find(dev->type, name);

    assert(p && v <= number_max(p->kind));
    set_number(dev, p, v);
}

uint64_t device_get_prop_uint(Device *dev, const char *name)
{
    const Property *p = prop_find(dev->type, name);

    assert(p);
    return get_number(dev, p);
}

const char *device_get_prop_str(Device *dev, const char *name)
{
    const Property *p = prop_find(dev->type, name);

    return p && p->kind == PROPK_STRING ? *(char **)field_of(dev, p) : NULL;
}

void device_set_prop_ptr(Device *dev, const char *name, void *target)
{
    const Property *p = prop_find(dev->type, name);

    assert(p && (p->kind == PROPK_DEVICE || p->kind == PROPK_CHARDEV));
    *(void **)field_of(dev, p) = target;
}

static void set_defaults(Device *dev, const Property *props)
{
    for (const Property *p = props; p && p->kind != PROPK_END; p++) {
        if (p->kind == PROPK_STRING) {
            set_string(dev, p, p->def_str);
        } else if (p->kind != PROPK_DEVICE && p->kind != PROPK_CHARDEV) {
            set_number(dev, p, p->def);
        }
    }
}

static void free_strings(Device *dev, const Property *props)
{
    for (const Property *p = props; p && p->kind != PROPK_END; p++) {
        if (p->kind == PROPK_STRING) {
            g_free(*(char **)field_of(dev, p));
        }
    }
}

static void each_list(Device *dev, void (*fn)(Device *dev, const Property *props))
{
    const BusOps *bus = bus_ops(dev->type->bus);

    if (bus) {
        fn(dev, bus->props);
    }
    fn(dev, dev->type->props);
}

void props_init(Device *dev)
{
    each_list(dev, set_defaults);
}

void props_free(Device *dev)
{
    each_list(dev, free_strings);
}

static void print_value(Device *dev, const Property *p, GString *out)
{
    void *field = field_of(dev, p);

    if (p->kind == PROPK_STRING) {
        g_string_append_printf(out, "\"%s\"", *(char **)field ? *(char **)field : "");
    } else if (p->kind == PROPK_DEVICE) {
        Device *d = *(Device **)field;

        g_string_append_printf(out, "\"%s\"", !d ? "" : d->id ? d->id : d->type->name);
    } else if (p->kind == PROPK_CHARDEV) {
        Chardev *chr = *(Chardev **)field;

        g_string_append_printf(out, "\"%s\"", chr ? chardev_label(chr) : "");
    } else if (p->kind == PROPK_BOOL) {
        g_string_append(out, get_number(dev, p) ? "true" : "false");
    } else {
        uint64_t v = get_number(dev, p);

        if (p->kind == PROPK_INT32) {
            g_string_append_printf(out, "%" PRId32, (int32_t)v);
            return;
        }
        g_string_append_printf(out, "%" PRIu64 " (0x%" PRIx64 ")", v, v);
    }
}

void props_print(Device *dev, GString *out, int indent)
{
    const BusOps *bus = bus_ops(dev->type->bus);
    const Property *lists[] = { dev->type->props, bus ? bus->props : NULL };

    for (unsigned i = 0; i < ARRAY_SIZE(lists); i++) {
        for (const Property *p = lists[i]; p && p->kind != PROPK_END; p++) {
            g_string_append_printf(out, "%*s%s = ", indent, "", p->name);
            print_value(dev, p, out);
            g_string_append_c(out, '\n');
        }
    }
}

static void print_help_line(const Property *p, GString *out)
{
    g_autofree char *head = g_strdup_printf("%s=<%s>", p->name, kind_names[p->kind]);
    bool number = p->kind != PROPK_STRING && p->kind != PROPK_DEVICE && p->kind != PROPK_CHARDEV;

    g_string_append_printf(out, "  %-22s", head);
    if (p->help || number) {
        g_string_append_printf(out, " - %s", p->help ? p->help : "");
    }
    if (p->kind == PROPK_BOOL) {
        g_string_append_printf(out, " (default: %s)", p->def ? "true" : "false");
    } else if (number) {
        g_string_append_printf(out, " (default: %" PRIu64 ")", p->def);
    } else if (p->def_str) {
        g_string_append_printf(out, " (default: %s)", p->def_str);
    }
    g_string_append_c(out, '\n');
}

static gint compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(((const Property *)a)->name, ((const Property *)b)->name);
}

void device_print_props(const DeviceType *t, GString *out)
{
    const BusOps *bus = bus_ops(t->bus);
    const Property *lists[] = { t->props, bus ? bus->props : NULL, bus ? bus->parsed_props : NULL };
    GList *sorted = NULL;

    for (unsigned i = 0; i < ARRAY_SIZE(lists); i++) {
        for (const Property *p = lists[i]; p && p->kind != PROPK_END; p++) {
            sorted = g_list_insert_sorted(sorted, (void *)p, compare_names);
        }
    }
    if (!sorted) {
        g_string_append_printf(out, "There are no options for %s.\n", t->name);
        return;
    }
    g_string_append_printf(out, "%s options:\n", t->name);
    for (GList *l = sorted; l; l = l->next) {
        print_help_line(l->data, out);
    }
    g_list_free(sorted);
}
