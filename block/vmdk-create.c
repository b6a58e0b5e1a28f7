/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMDK, new images: monolithicSparse, streamOptimized, monolithicFlat, twoGbMaxExtentSparse, twoGbMaxExtentFlat.
 *
 *   sector 0     header
 *          1     descriptor, 20 sectors
 *          21    a grain directory, its tables; then both once more; then grains
 *
 * monolithicFlat: the file is the descriptor alone, the data stands in NAME-flat.vmdk. twoGbMaxExtent...: the same with
 * as many files as it takes, NAME-f001.vmdk or, sparse and without a descriptor of their own, NAME-s001.vmdk.
 */
#include "qemu/osdep.h"
#include "table.h"
#include "vmdk.h"

#define GRAIN           128u            /* sectors */
#define PER_TABLE       512u            /* grains a table has */
#define TABLE_SECTORS   (PER_TABLE * 4 / 512)
#define DESC_SECTORS    20u
#define SPLIT_SECTORS   (2 * GiB / 512)
#define SECTORS_MAX     (1ull << 33)    /* so that tables stay small and entries have room: 4 TiB */

const BlockCreateOption vmdk_create_options[] = {
    { "size", CREATE_SIZE, NULL, "Virtual disk size", false },
    { "adapter_type", CREATE_STRING, NULL, "Virtual adapter type, can be one of ide (default), lsilogic, buslogic or "
      "legacyESX", false },
    { "compat6", CREATE_BOOL, "off", "VMDK version 6 image", false },
    { "hwversion", CREATE_STRING, "undefined", "VMDK hardware version", false },
    { "subformat", CREATE_STRING, NULL, "VMDK flat extent format, can be one of {monolithicSparse (default) | "
      "monolithicFlat | twoGbMaxExtentSparse | twoGbMaxExtentFlat | streamOptimized} ", false },
    { "toolsversion", CREATE_STRING, NULL, "VMware guest tools version", false },
    { .name = NULL },
};

typedef struct Plan {
    uint64_t sectors;
    char *adapter, *hw_version, *tools_version, *subformat;
    bool is_flat, is_stream, is_split;
} Plan;

static void plan_clear(Plan *p)
{
    g_free(p->adapter);
    g_free(p->hw_version);
    g_free(p->tools_version);
    g_free(p->subformat);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Plan, plan_clear)

static bool is_one_of(const char *text, const char *const *words, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (g_str_equal(text, words[i])) {
            return true;
        }
    }
    return false;
}

static char *take_or(BlockDict *d, const char *key, const char *def)
{
    char *value = block_dict_take(d, key);

    return value ? value : g_strdup(def);
}

static bool is_number(const char *text)
{
    return *text && strlen(text) < 20 && !text[strspn(text, "0123456789")];
}

static bool plan_read(Plan *p, BlockDict *d, Error **errp)
{
    static const char *const adapters[] = { "ide", "lsilogic", "buslogic", "legacyESX" };
    static const char *const formats[] = { "monolithicSparse", "monolithicFlat", "twoGbMaxExtentSparse",
                                           "twoGbMaxExtentFlat", "streamOptimized" };
    g_autofree char *hw = block_dict_take(d, "hwversion");
    bool compat6 = false;
    uint64_t size = 0;

    if (!block_dict_take_size(d, "size", &size, errp) || !block_dict_take_bool(d, "compat6", &compat6, errp)) {
        return false;
    }
    p->adapter = take_or(d, "adapter_type", "ide");
    p->subformat = take_or(d, "subformat", formats[0]);
    p->tools_version = take_or(d, "toolsversion", "2147483647");
    if (hw && compat6 && strcmp(hw, "undefined")) {
        error_set(errp, "compat6 cannot be enabled with hwversion set");
        return false;
    }
    p->hw_version = g_strdup(compat6 ? "6" : hw && strcmp(hw, "undefined") ? hw : "4");
    if (!is_one_of(p->adapter, adapters, ARRAY_SIZE(adapters))) {
        error_set(errp, "Parameter 'adapter_type' does not accept value '%s'", p->adapter);
        return false;
    }
    if (!is_one_of(p->subformat, formats, ARRAY_SIZE(formats))) {
        error_set(errp, "Parameter 'subformat' does not accept value '%s'", p->subformat);
        return false;
    }
    if (!is_number(p->hw_version) || !is_number(p->tools_version)) {
        error_set(errp, "hwversion and toolsversion are numbers");
        return false;
    }
    p->is_flat = g_str_has_suffix(p->subformat, "Flat");
    p->is_split = g_str_has_prefix(p->subformat, "twoGb");
    p->is_stream = g_str_equal(p->subformat, "streamOptimized");
    p->sectors = size / 512 + !!(size % 512);
    if (p->sectors > SECTORS_MAX) {
        error_set(errp, "The image size is too large for file format 'vmdk'");
        return false;
    }
    return true;
}

/* The line of an extent: the file that has the data is named as it stands next to the descriptor. */
static void add_extent_line(GString *lines, const Plan *p, uint64_t sectors, const char *name)
{
    g_string_append_printf(lines, "RW %" PRIu64 " %s \"%s\"%s\n", sectors, p->is_flat ? "FLAT" : "SPARSE", name,
                           p->is_flat ? " 0" : "");
}

static char *make_descriptor(const Plan *p, const char *extent_lines)
{
    unsigned heads = g_str_equal(p->adapter, "ide") ? 16 : 255;

    return g_strdup_printf(
        "# Disk DescriptorFile\nversion=1\nCID=%08x\nparentCID=ffffffff\ncreateType=\"%s\"\n\n"
        "# Extent description\n%s\n"
        "# The Disk Data Base\n#DDB\n\n"
        "ddb.virtualHWVersion = \"%s\"\nddb.geometry.cylinders = \"%" PRIu64 "\"\nddb.geometry.heads = \"%u\"\n"
        "ddb.geometry.sectors = \"63\"\nddb.adapterType = \"%s\"\nddb.toolsVersion = \"%s\"\n",
        g_random_int_range(0, INT32_MAX), p->subformat, extent_lines, p->hw_version, p->sectors / (63 * heads),
        heads, p->adapter, p->tools_version);
}

/* ---- sparse ------------------------------------------------------------------------------------------------------ */

typedef struct Layout {
    uint64_t tables, gd_sectors, second, first, grains;     /* sectors, but for the number of tables */
} Layout;

static Layout layout_of(uint64_t sectors)
{
    uint64_t grains = (sectors + GRAIN - 1) / GRAIN;
    Layout l = { .tables = (grains + PER_TABLE - 1) / PER_TABLE, .second = 1 + DESC_SECTORS };

    l.gd_sectors = (l.tables * 4 + 511) / 512;
    l.first = l.second + l.gd_sectors + l.tables * TABLE_SECTORS;
    l.grains = ROUND_UP(l.first + l.gd_sectors + l.tables * TABLE_SECTORS, GRAIN);
    return l;
}

static void make_header(uint8_t *h, const Plan *p, uint64_t sectors, const Layout *l)
{
    memcpy(h, "KDMV", 4);
    store_le32(h + 4, p->is_stream ? 3 : 1);
    store_le32(h + 8, FLAG_NEWLINES | FLAG_REDUNDANT | (p->is_stream ? FLAG_COMPRESSED | FLAG_MARKERS : 0));
    store_le64(h + 12, sectors);
    store_le64(h + 20, GRAIN);
    store_le64(h + 28, p->is_split ? 0 : 1);
    store_le64(h + 36, p->is_split ? 0 : DESC_SECTORS);
    store_le32(h + 44, PER_TABLE);
    store_le64(h + 48, l->second);
    store_le64(h + 56, l->first);
    store_le64(h + 64, l->grains);
    memcpy(h + 73, "\n \r\n", 4);
    store_le16(h + 77, p->is_stream);
}

/* The tables themselves are empty: holes. */
static int write_directory(BlockNode *file, uint64_t at, const Layout *l)
{
    g_autofree uint8_t *gd = g_try_malloc0(l->gd_sectors * 512);

    if (!gd) {
        return l->gd_sectors ? -ENOMEM : 0;
    }
    for (uint64_t i = 0; i < l->tables; i++) {
        store_le32(gd + i * 4, at + l->gd_sectors + i * TABLE_SECTORS);
    }
    return block_run_write(file, at * 512, gd, l->gd_sectors * 512);
}

/* text: the descriptor within, or "". */
static int write_sparse(BlockNode *file, const Plan *p, uint64_t sectors, const char *text)
{
    uint8_t head[(1 + DESC_SECTORS) * 512] = { 0 };
    Layout l = layout_of(sectors);
    Error *err = NULL;
    int ret;

    if (strlen(text) >= DESC_SECTORS * 512) {
        return -ENAMETOOLONG;
    }
    make_header(head, p, sectors, &l);
    memcpy(head + 512, text, strlen(text));
    if (!block_truncate(file, l.grains * 512, PREALLOC_OFF, &err)) {
        error_free(err);
        return -ENOSPC;
    }
    ret = write_directory(file, l.second, &l);
    ret = ret ? ret : write_directory(file, l.first, &l);
    return ret ? ret : block_run_write(file, 0, head, sizeof(head));
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

/* NAME-flat.vmdk, NAME-f001.vmdk, NAME-s001.vmdk */
static char *extent_name(const Plan *p, const char *filename, unsigned number)
{
    size_t len = strlen(filename) - (g_str_has_suffix(filename, ".vmdk") ? strlen(".vmdk") : 0);

    return p->is_split ? g_strdup_printf("%.*s-%c%03u.vmdk", (int)len, filename, p->is_flat ? 'f' : 's', number) :
           g_strdup_printf("%.*s-flat.vmdk", (int)len, filename);
}

static bool create_flat(const char *path, uint64_t sectors, Error **errp)
{
    g_autoptr(GHashTable) d = block_dict_new();
    g_autofree char *size = g_strdup_printf("%" PRIu64, sectors * 512);

    block_dict_set(d, "size", size);
    return block_driver_find("file")->create(path, d, errp);
}

static bool create_sparse(const Plan *p, const char *path, uint64_t sectors, const char *text, Error **errp)
{
    BlockNode *file = table_create(path, errp);

    return file && table_created(file, write_sparse(file, p, sectors, text), errp);
}

/* The files that have the data, and a line for each. */
static bool create_extents(const Plan *p, const char *filename, GString *lines, Error **errp)
{
    uint64_t left = p->sectors;
    unsigned number = 1;

    do {
        uint64_t sectors = p->is_split ? MIN(left, SPLIT_SECTORS) : left;
        g_autofree char *path = extent_name(p, filename, number++), *name = g_path_get_basename(path);

        if (p->is_flat ? !create_flat(path, sectors, errp) : !create_sparse(p, path, sectors, "", errp)) {
            return false;
        }
        add_extent_line(lines, p, sectors, name);
        left -= sectors;
    } while (left);
    return true;
}

bool vmdk_create(const char *filename, BlockDict *options, Error **errp)
{
    g_auto(Plan) p = { 0 };
    g_autofree char *name = g_path_get_basename(filename), *text = NULL;
    g_autoptr(GString) lines = g_string_new(NULL);
    BlockNode *file;

    if (strchr(name, '"') || strchr(name, '\n')) {
        error_set(errp, "a VMDK descriptor cannot name a file with quotes or line ends: '%s'", name);
        return false;
    }
    if (!plan_read(&p, options, errp)) {
        return false;
    }
    if (!p.is_flat && !p.is_split) {
        add_extent_line(lines, &p, p.sectors, name);
        text = make_descriptor(&p, lines->str);
        return create_sparse(&p, filename, p.sectors, text, errp);
    }
    if (!create_extents(&p, filename, lines, errp)) {
        return false;
    }
    text = make_descriptor(&p, lines->str);
    file = table_create(filename, errp);
    return file && table_created(file, block_run_write(file, 0, text, strlen(text)), errp);
}
