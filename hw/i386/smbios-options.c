/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -smbios: fields of structures, and structures from files
 *
 * Everything is checked here, so that smbios.c only writes. A type is either the user's as a whole (file=) or ours with
 * the user's fields, not both.
 * Follows: DMTF DSP0134, System Management BIOS Reference Specification 2.8, 6.1 "Structure standards".
 */
#include "qemu/osdep.h"
#include "hw/i386/pc.h"
#include "qemu/bitops.h"
#include "smbios-int.h"

#define HEADER_LEN      4
#define TYPE_END        127
#define FILE_MAX        0xffffu         /* the entry point has 16 bits for the length of all */

const KeyDef smbios_keys[] = {
    { "file", KEY_STRING, .help = "a file of whole structures, in the place of ours of those types" },
    { "type", KEY_UINT, .help = "the structure: 0 firmware, 1 system, 2 base board, 3 chassis, 4 processor, "
      "8 connector, 11 strings, 17 memory, 41 onboard device" },
    { "vendor", KEY_STRING, .help = "0" },
    { "date", KEY_STRING, .help = "0" },
    { "release", KEY_STRING, .help = "0: major.minor" },
    { "uefi", KEY_BOOL, .help = "0" },
    { "manufacturer", KEY_STRING, .help = "1, 2, 3, 4, 17" },
    { "product", KEY_STRING, .help = "1, 2" },
    { "version", KEY_STRING, .help = "0 to 4" },
    { "serial", KEY_STRING, .help = "1, 2, 3, 4, 17" },
    { "uuid", KEY_STRING, .help = "1; -uuid does the same" },
    { "sku", KEY_STRING, .help = "1, 3" },
    { "family", KEY_STRING, .help = "1" },
    { "asset", KEY_STRING, .help = "2, 3, 4, 17" },
    { "location", KEY_STRING, .help = "2" },
    { "part", KEY_STRING, .help = "4, 17" },
    { "sock_pfx", KEY_STRING, .help = "4: name before the socket's number" },
    { "max-speed", KEY_UINT, .help = "4: in MHz" },
    { "current-speed", KEY_UINT, .help = "4: in MHz" },
    { "processor-id", KEY_UINT, .help = "4: EDX << 32 | EAX of CPUID leaf 1 (default: what the guest's CPUID says)" },
    { "internal_reference", KEY_STRING, .help = "8: name inside the chassis" },
    { "external_reference", KEY_STRING, .help = "8: name outside" },
    { "connector_type", KEY_UINT, .help = "8" },
    { "port_type", KEY_UINT, .help = "8" },
    { "loc_pfx", KEY_STRING, .help = "17: name before the module's number" },
    { "bank", KEY_STRING, .help = "17" },
    { "speed", KEY_UINT, .help = "17: in MT/s" },
    { "value", KEY_STRING, .help = "11: a string; may be given several times" },
    { "path", KEY_STRING, .help = "11: a file that holds a string" },
    { "designation", KEY_STRING, .help = "41: name on the board" },
    { "kind", KEY_STRING, .values = "other|unknown|video|scsi|ethernet|tokenring|sound|pata|sata|sas", .help = "41" },
    { "instance", KEY_UINT, .help = "41: number among those of its kind" },
    { "pcidev", KEY_STRING, .help = "41: id= of the PCI device it is" },
    { .name = NULL },
};

/* What each type takes. */
static const struct {
    uint8_t type;
    const char *keys;
} type_keys[] = {
    { 0, " vendor version date release uefi " },
    { 1, " manufacturer product version serial uuid sku family " },
    { 2, " manufacturer product version serial asset location " },
    { 3, " manufacturer version serial asset sku " },
    { 4, " sock_pfx manufacturer version serial asset part max-speed current-speed processor-id " },
    { 8, " internal_reference external_reference connector_type port_type " },
    { 11, " value path " },
    { 17, " loc_pfx bank manufacturer serial asset part speed " },
    { 41, " designation kind instance pcidev " },
};

/* Fields that are numbers, where the structure has less room than 64 bits. */
static const struct {
    const char *key;
    uint64_t max;
    const char *what;
} limits[] = {
    { "max-speed", UINT16_MAX, "SMBIOS CPU speed" }, { "current-speed", UINT16_MAX, "SMBIOS CPU speed" },
    { "speed", UINT16_MAX, "SMBIOS memory speed" }, { "connector_type", UINT8_MAX, "SMBIOS connector type" },
    { "port_type", UINT8_MAX, "SMBIOS port type" }, { "instance", UINT8_MAX, "SMBIOS device instance" },
};

static const char *const kinds[] = {
    [1] = "other", "unknown", "video", "scsi", "ethernet", "tokenring", "sound", "pata", "sata", "sas",
};

typedef struct Setting {
    uint8_t type;
    unsigned entry;
    char *key, *value;
} Setting;

/* Start-up. */
static GArray *settings;
static GPtrArray *strings;
static GByteArray *file_data;
static uint16_t file_count, file_max_len;
static uint64_t file_types[256 / 64];
static unsigned entries[256];

/* ---- what smbios.c asks ------------------------------------------------------------------------------------------ */

const char *smbios_setting(uint8_t type, unsigned entry, const char *key, const char *def)
{
    for (unsigned i = 0; settings && i < settings->len; i++) {
        const Setting *set = &g_array_index(settings, Setting, i);

        if (set->type == type && (entry == SMBIOS_ANY || set->entry == entry) && !strcmp(set->key, key)) {
            def = set->value;
        }
    }
    return def;
}

uint64_t smbios_number(uint8_t type, unsigned entry, const char *key, uint64_t def)
{
    const char *text = smbios_setting(type, entry, key, NULL);

    if (text) {
        parse_uint(text, 0, UINT64_MAX, &def, &error_abort);    /* checked when the option was read */
    }
    return def;
}

unsigned smbios_entries(uint8_t type)
{
    return entries[type];
}

const GPtrArray *smbios_strings(void)
{
    return strings;
}

const GByteArray *smbios_file_structures(uint16_t *count, uint16_t *max_len)
{
    *count = file_count;
    *max_len = file_max_len;
    return file_data;
}

bool smbios_file_has(uint8_t type)
{
    return file_types[type / 64] >> (type % 64) & 1;
}

uint8_t smbios_device_kind(const char *name)
{
    for (size_t i = 1; i < ARRAY_SIZE(kinds); i++) {
        if (!strcmp(kinds[i], name)) {
            return (uint8_t)i;
        }
    }
    return 0;
}

/* ---- file= ------------------------------------------------------------------------------------------------------- */

/* Length of the structure at p, its strings included; 0: it does not end within len. */
static size_t structure_len(const uint8_t *p, size_t len)
{
    size_t at;

    if (len < HEADER_LEN || p[1] < HEADER_LEN || p[1] + 2u > len) {
        return 0;
    }
    for (at = p[1]; at + 2 <= len; at++) {
        if (!p[at] && !p[at + 1]) {
            return at + 2;
        }
    }
    return 0;
}

static bool check_structure(const uint8_t *p, size_t at, size_t len, Error **errp)
{
    if (!structure_len(p + at, len - at)) {
        error_set(errp, "no whole SMBIOS structure at offset %zu", at);
        return false;
    }
    if (p[at] == TYPE_END) {
        error_set(errp, "type 127 ends all structures, that is not for a file");
        return false;
    }
    if (entries[p[at]]) {
        error_set(errp, "can't load type %u struct, fields already specified!", p[at]);
        return false;
    }
    return true;
}

static bool add_file(const char *path, Error **errp)
{
    g_autofree char *data = NULL;
    g_autoptr(GError) err = NULL;
    const uint8_t *p;
    gsize len;

    if (!g_file_get_contents(path, &data, &len, &err)) {
        error_set(errp, "cannot read SMBIOS file: %s", err->message);
        return false;
    }
    p = (const uint8_t *)data;
    if (len < HEADER_LEN || len > FILE_MAX) {
        error_set(errp, "SMBIOS file '%s' has %zu bytes: a structure has 4 to %u", path, (size_t)len, FILE_MAX);
        return false;
    }
    for (size_t at = 0; at < len; at += structure_len(p + at, len - at)) {
        if (!check_structure(p, at, len, errp)) {
            error_prepend(errp, "SMBIOS file '%s': ", path);
            return false;
        }
    }
    for (size_t at = 0; at < len; at += structure_len(p + at, len - at)) {
        file_types[p[at] / 64] |= 1ull << (p[at] % 64);
        file_count++;
        file_max_len = (uint16_t)MAX(file_max_len, structure_len(p + at, len - at));
    }
    file_data = file_data ? file_data : g_byte_array_new();
    g_byte_array_append(file_data, p, (guint)len);
    return true;
}

/* ---- type= ------------------------------------------------------------------------------------------------------- */

static const char *keys_of_type(uint64_t type)
{
    for (size_t i = 0; i < ARRAY_SIZE(type_keys); i++) {
        if (type_keys[i].type == type) {
            return type_keys[i].keys;
        }
    }
    return NULL;
}

static bool check_release(const char *text, Error **errp)
{
    g_auto(GStrv) parts = g_strsplit(text, ".", -1);
    uint64_t n;

    if (g_strv_length(parts) != 2 || !parse_uint(parts[0], 0, UINT8_MAX, &n, NULL) ||
        !parse_uint(parts[1], 0, UINT8_MAX, &n, NULL)) {
        error_set(errp, "invalid release '%s': expected MAJOR.MINOR, each of them 0 to 255", text);
        return false;
    }
    return true;
}

static bool check_setting(const char *key, const char *value, Error **errp)
{
    uint64_t n;

    if (!strcmp(key, "release")) {
        return check_release(value, errp);
    }
    for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
        if (!strcmp(limits[i].key, key) && !parse_uint(value, 0, limits[i].max, &n, NULL)) {
            error_set(errp, "%s is too large (> %" PRIu64 ")", limits[i].what, limits[i].max);
            return false;
        }
    }
    return true;
}

/* The string of value=, or the one in the file of path=. An empty one would end the list. */
static bool add_string(const char *key, const char *value, Error **errp)
{
    g_autofree char *text = g_strdup(value);
    g_autoptr(GError) err = NULL;
    gsize len = strlen(value);

    if (!strcmp(key, "path")) {
        g_clear_pointer(&text, g_free);
        if (!g_file_get_contents(value, &text, &len, &err)) {
            error_set(errp, "cannot read the string: %s", err->message);
            return false;
        }
    }
    if (strlen(text) != len || len > FILE_MAX) {
        error_set(errp, "'%s' is no string: it has a zero byte or is too long", value);
        return false;
    }
    strings = strings ? strings : g_ptr_array_new();
    if (*text) {
        g_ptr_array_add(strings, g_steal_pointer(&text));
    }
    return true;
}

static bool check_type(const KeyList *l, uint8_t type, const char *keys, Error **errp)
{
    if (smbios_file_has(type)) {
        error_set(errp, "can't add fields, binary file already loaded!");
        return false;
    }
    for (size_t i = 0; i < l->n; i++) {
        g_autofree char *word = g_strdup_printf(" %s ", l->items[i].key);

        if (strcmp(l->items[i].key, "type") && !strstr(keys, word)) {
            error_set(errp, "type %u has no '%s'", type, l->items[i].key);
            return false;
        }
        if (!check_setting(l->items[i].key, l->items[i].value, errp)) {
            return false;
        }
    }
    return true;
}

static bool add_type(const KeyList *l, uint8_t type, Error **errp)
{
    if (!check_type(l, type, keys_of_type(type), errp)) {
        return false;
    }
    settings = settings ? settings : g_array_new(FALSE, FALSE, sizeof(Setting));
    for (size_t i = 0; i < l->n; i++) {
        const char *key = l->items[i].key, *value = l->items[i].value;
        Setting set = { type, entries[type], g_strdup(key), g_strdup(value) };

        g_array_append_val(settings, set);
        if (type == 11 && strcmp(key, "type") && !add_string(key, value, errp)) {
            return false;
        }
    }
    entries[type]++;
    return true;
}

bool smbios_option(const KeyList *l, Error **errp)
{
    const char *path = keylist_get(l, "file");
    uint64_t type = keylist_get_uint(l, "type", UINT64_MAX);

    if (path && l->n > 1) {
        error_set(errp, "file= goes with nothing else");
        return false;
    }
    if (path) {
        return add_file(path, errp);
    }
    if (!keylist_get(l, "type")) {
        error_set(errp, "must specify type= or file=");
        return false;
    }
    if (!keys_of_type(type)) {
        error_set(errp, "no fields of SMBIOS type %" PRIu64 " are known: 0, 1, 2, 3, 4, 8, 11, 17 and 41 are", type);
        return false;
    }
    return add_type(l, (uint8_t)type, errp);
}
