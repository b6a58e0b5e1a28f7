/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Firmware configuration device (ports 510h-511h, DMA at 514h-51Bh)
 *
 * How firmware learns what it cannot probe: RAM layout, ACPI tables, the kernel given on the command line. A selector
 * chooses an item, each read of the data port returns its next byte; or a descriptor in guest memory names item, length
 * and address and one port write copies the lot.
 * Follows: the public description of the fw_cfg interface and what SeaBIOS and Linux rely on; see docs/firmware.md.
 * Left out: items the guest may write. Writing any item by DMA reports an error, as for every read-only item.
 */
#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/log.h"
#include "qemu/main-loop.h"
#include "hw/i386/pc.h"
#include "hw/nvram/fw_cfg.h"

#define FW_CFG_PORT         0x510
#define FW_CFG_DMA_PORT     0x514
#define FW_CFG_NUM_FIXED    0x20        /* keys below the files, and as many with the architecture bit */
#define FW_CFG_MAX_FILES    0x100
#define FW_CFG_NAME_LEN     56          /* with the final NUL */
#define FW_CFG_ENTRY_LEN    64
#define FW_CFG_KEY_MASK     0xbfffu     /* bit 14 asked for write access once; it selects nothing */
#define FW_CFG_VERSION      0x3u        /* traditional interface and DMA */
#define FW_CFG_CHUNK        (64 * KiB)  /* bounce buffer of a transfer: stays in the host's cache */

typedef struct FwCfgItem {
    GArray *extents;        /* FwCfgExtent; data is owned */
    uint64_t len;
} FwCfgItem;

typedef struct FwCfgFile {
    char *name;
    FwCfgItem item;
} FwCfgFile;

typedef struct FwCfg {
    Device parent;
    MemoryRegion ctl, dma;
    FwCfgItem fixed[2][FW_CFG_NUM_FIXED];   /* [architecture bit] */
    GPtrArray *files;                       /* FwCfgFile *, sorted by name: index + FW_CFG_FILE_FIRST is the key */
    bool dir_stale;
    /* guest-visible state */
    uint16_t selector;
    uint64_t offset;
    uint64_t dma_addr;
} FwCfg;

/* ---- items ------------------------------------------------------------------------------------------------------ */

static void item_clear(FwCfgItem *item)
{
    if (item->extents) {
        for (unsigned i = 0; i < item->extents->len; i++) {
            g_free((void *)g_array_index(item->extents, FwCfgExtent, i).data);
        }
        g_array_set_size(item->extents, 0);
    }
    item->len = 0;
}

static void item_set(FwCfgItem *item, const FwCfgExtent *extents, unsigned count)
{
    item_clear(item);
    if (!item->extents) {
        item->extents = g_array_new(false, false, sizeof(FwCfgExtent));
    }
    for (unsigned i = 0; i < count; i++) {
        FwCfgExtent e = extents[i];

        if (!e.len) {
            continue;
        }
        if (e.data) {
            e.data = g_memdup2(e.data, e.len);
        }
        g_array_append_val(item->extents, e);
        item->len += e.len;
    }
}

static void item_set_bytes(FwCfgItem *item, const void *data, size_t len)
{
    item_set(item, &(FwCfgExtent) { .len = len, .data = data }, 1);
}

/* A file that has shrunk since the start reads as zeros there: the guest sees a broken kernel, we see no signal. */
static void file_read(int fd, uint64_t offset, uint8_t *buf, size_t len)
{
    while (len) {
        ssize_t n = pread(fd, buf, len, offset);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            memset(buf, 0, len);
            return;
        }
        buf += n;
        offset += n;
        len -= n;
    }
}

static void item_read(const FwCfgItem *item, uint64_t offset, uint8_t *buf, size_t len)
{
    unsigned count = item->extents ? item->extents->len : 0;

    for (unsigned i = 0; i < count && len; i++) {
        const FwCfgExtent *e = &g_array_index(item->extents, FwCfgExtent, i);
        size_t n;

        if (offset >= e->len) {
            offset -= e->len;
            continue;
        }
        n = MIN(len, e->len - offset);
        if (e->data) {
            memcpy(buf, (const uint8_t *)e->data + offset, n);
        } else if (e->fd > 0) {
            file_read(e->fd, e->file_offset + offset, buf, n);
        } else {
            memset(buf, 0, n);
        }
        buf += n;
        len -= n;
        offset = 0;
    }
    memset(buf, 0, len);
}

/* ---- directory -------------------------------------------------------------------------------------------------- */

static FwCfgFile *file_find(FwCfg *s, const char *name, unsigned *where)
{
    unsigned i;

    for (i = 0; i < s->files->len; i++) {
        FwCfgFile *f = g_ptr_array_index(s->files, i);
        int order = strcmp(f->name, name);

        if (order >= 0) {
            *where = i;
            return order ? NULL : f;
        }
    }
    *where = i;
    return NULL;
}

static void directory_build(FwCfg *s)
{
    size_t len = 4 + s->files->len * FW_CFG_ENTRY_LEN;
    g_autofree uint8_t *dir = g_malloc0(len);

    store_be32(dir, s->files->len);
    for (unsigned i = 0; i < s->files->len; i++) {
        FwCfgFile *f = g_ptr_array_index(s->files, i);
        uint8_t *e = dir + 4 + i * FW_CFG_ENTRY_LEN;

        store_be32(e, f->item.len);
        store_be16(e + 4, FW_CFG_FILE_FIRST + i);
        g_strlcpy((char *)e + 8, f->name, FW_CFG_NAME_LEN);
    }
    item_set_bytes(&s->fixed[0][FW_CFG_FILE_DIR], dir, len);
    s->dir_stale = false;
}

static FwCfgItem *item_find(FwCfg *s, uint16_t key)
{
    bool arch = key & FW_CFG_ARCH;
    unsigned n = key & ~FW_CFG_ARCH;

    if (key == FW_CFG_FILE_DIR && s->dir_stale) {
        directory_build(s);
    }
    if (n < FW_CFG_NUM_FIXED) {
        return &s->fixed[arch][n];
    }
    if (!arch && n - FW_CFG_FILE_FIRST < s->files->len) {
        return &((FwCfgFile *)g_ptr_array_index(s->files, n - FW_CFG_FILE_FIRST))->item;
    }
    return NULL;
}

void fw_cfg_set_file(Device *dev, const char *name, const void *data, size_t len)
{
    FwCfg *s = container_of(dev, FwCfg, parent);
    unsigned where;
    FwCfgFile *f = file_find(s, name, &where);

    assert(strlen(name) < FW_CFG_NAME_LEN && len <= UINT32_MAX);
    if (!f) {
        assert(s->files->len < FW_CFG_MAX_FILES);
        f = g_new0(FwCfgFile, 1);
        f->name = g_strdup(name);
        g_ptr_array_insert(s->files, where, f);
    }
    item_set_bytes(&f->item, data, len);
    s->dir_stale = true;
}

void fw_cfg_add_file(Device *dev, const char *name, const void *data, size_t len)
{
    fw_cfg_set_file(dev, name, data, len);
}

uint16_t fw_cfg_file_key(Device *dev, const char *name)
{
    unsigned where;

    return file_find(container_of(dev, FwCfg, parent), name, &where) ? FW_CFG_FILE_FIRST + where : 0;
}

/* ---- numbered items --------------------------------------------------------------------------------------------- */

void fw_cfg_add_extents(Device *dev, uint16_t key, const FwCfgExtent *extents, unsigned count)
{
    unsigned n = key & ~FW_CFG_ARCH;

    assert(n < FW_CFG_NUM_FIXED);
    item_set(&container_of(dev, FwCfg, parent)->fixed[key / FW_CFG_ARCH][n], extents, count);
}

void fw_cfg_add_bytes(Device *dev, uint16_t key, const void *data, size_t len)
{
    fw_cfg_add_extents(dev, key, &(FwCfgExtent) { .len = len, .data = data }, 1);
}

void fw_cfg_add_i16(Device *dev, uint16_t key, uint16_t v)
{
    v = GUINT16_TO_LE(v);
    fw_cfg_add_bytes(dev, key, &v, sizeof(v));
}

void fw_cfg_add_i32(Device *dev, uint16_t key, uint32_t v)
{
    v = GUINT32_TO_LE(v);
    fw_cfg_add_bytes(dev, key, &v, sizeof(v));
}

void fw_cfg_add_i64(Device *dev, uint16_t key, uint64_t v)
{
    v = GUINT64_TO_LE(v);
    fw_cfg_add_bytes(dev, key, &v, sizeof(v));
}

uint64_t fw_cfg_item_len(Device *dev, uint16_t key)
{
    FwCfgItem *item = item_find(container_of(dev, FwCfg, parent), key);

    return item ? item->len : 0;
}

void fw_cfg_item_read(Device *dev, uint16_t key, uint64_t offset, void *buf, size_t len)
{
    FwCfgItem *item = item_find(container_of(dev, FwCfg, parent), key);

    if (item) {
        item_read(item, offset, buf, len);
    } else {
        memset(buf, 0, len);
    }
}

/* ---- ports ------------------------------------------------------------------------------------------------------ */

static void select_item(FwCfg *s, uint16_t key)
{
    s->selector = key & FW_CFG_KEY_MASK;
    s->offset = 0;
}

/* Wider reads return 0: string instructions of byte width are the only way to read more than a byte. */
static uint64_t ctl_read(void *opaque, hwaddr addr, unsigned size)
{
    FwCfg *s = opaque;
    uint8_t val = 0;

    if (size == 1) {
        fw_cfg_item_read(&s->parent, s->selector, s->offset, &val, 1);
        s->offset++;
    }
    return val;
}

static void ctl_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    if (addr == 0 && size == 2) {
        select_item(opaque, val);
    }
}

static const MemoryRegionOps ctl_ops = { .read = ctl_read, .write = ctl_write, .size = { .min = 1, .max = 2 } };

/* 4 GiB take a second: others get the lock in between. A vCPU that selects another item then does not disturb us. */
static void dma_read_item(FwCfg *s, uint64_t addr, uint32_t len, uint32_t *status)
{
    g_autofree uint8_t *buf = g_malloc(MIN(len, FW_CFG_CHUNK));
    uint16_t key = s->selector;
    uint64_t offset = s->offset;

    s->offset += len;
    while (len) {
        uint32_t n = MIN(len, FW_CFG_CHUNK);

        fw_cfg_item_read(&s->parent, key, offset, buf, n);
        if (dma_memory_write(addr, buf, n) != MEMTX_OK) {
            *status |= FW_CFG_DMA_ERROR;
        }
        offset += n;
        addr += n;
        len -= n;
        big_lock_yield();
    }
}

/* Descriptor, all big endian: +0 control, +4 length, +8 address. Only control is written back. */
static void dma_run(FwCfg *s)
{
    uint64_t desc_addr = s->dma_addr;
    uint8_t desc[16];
    uint32_t control, len, status = 0;

    s->dma_addr = 0;
    if (dma_memory_read(desc_addr, desc, sizeof(desc)) != MEMTX_OK) {
        qemu_log_mask(LOG_GUEST_ERROR, "fw_cfg: DMA descriptor at 0x%" PRIx64 " is not in RAM\n", desc_addr);
        return;
    }
    control = load_be32(desc);
    len = load_be32(desc + 4);
    if (control & FW_CFG_DMA_SELECT) {
        select_item(s, control >> 16);
    }
    if (control & FW_CFG_DMA_READ) {
        dma_read_item(s, load_be64(desc + 8), len, &status);
    } else if (control & FW_CFG_DMA_WRITE) {
        qemu_log_mask(LOG_GUEST_ERROR, "fw_cfg: write to read-only item 0x%04x\n", s->selector);
        status |= FW_CFG_DMA_ERROR;
    } else if (control & FW_CFG_DMA_SKIP) {
        s->offset += len;
    }
    store_be32(desc, status);
    dma_memory_write(desc_addr, desc, 4);
}

static uint64_t dma_read(void *opaque, hwaddr addr, unsigned size)
{
    static const char signature[8] = "QEMU CFG";
    uint64_t val = 0;

    for (unsigned i = 0; i < size; i++) {
        val |= (uint64_t)(uint8_t)signature[(addr + i) & 7] << (8 * i);
    }
    return val;
}

static void dma_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    FwCfg *s = opaque;

    if (size != 4 || addr & 3) {
        return;
    }
    val = GUINT32_SWAP_LE_BE((uint32_t)val);
    if (addr == 0) {
        s->dma_addr = val << 32;
    } else {
        s->dma_addr |= val;
        dma_run(s);
    }
}

static const MemoryRegionOps dma_ops = { .read = dma_read, .write = dma_write, .size = { .min = 1, .max = 4 } };

/* ---- device ----------------------------------------------------------------------------------------------------- */

static bool fw_cfg_realize(Device *dev, Error **errp)
{
    FwCfg *s = container_of(dev, FwCfg, parent);

    memory_region_init_io(&s->ctl, dev, &ctl_ops, s, "fw_cfg", 2);
    memory_region_init_io(&s->dma, dev, &dma_ops, s, "fw_cfg.dma", 8);
    isa_map_port(dev, FW_CFG_PORT, &s->ctl);
    isa_map_port(dev, FW_CFG_DMA_PORT, &s->dma);
    return true;
}

static void fw_cfg_reset(Device *dev)
{
    FwCfg *s = container_of(dev, FwCfg, parent);

    select_item(s, FW_CFG_SIGNATURE);
    s->dma_addr = 0;
}

static const VMStateDescription fw_cfg_vmstate = {
    .name = "fw_cfg", .version = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT16(selector, FwCfg),    /* any value is harmless: unknown items read as zeros */
        VMSTATE_UINT64(offset, FwCfg),
        VMSTATE_UINT64(dma_addr, FwCfg),
        VMSTATE_END     /* the items follow from the command line */
    },
};

static const DeviceType fw_cfg_type = {
    .name = "fw_cfg", .desc = "firmware configuration (510h)", .bus = BUS_ISA,
    .instance_size = sizeof(FwCfg), .realize = fw_cfg_realize, .reset = fw_cfg_reset, .vmstate = &fw_cfg_vmstate,
};
DEVICE_TYPE(fw_cfg_type)

Device *fw_cfg_create(void)
{
    Device *dev = device_new("fw_cfg");
    FwCfg *s = container_of(dev, FwCfg, parent);

    s->files = g_ptr_array_new();
    s->dir_stale = true;
    fw_cfg_add_bytes(dev, FW_CFG_SIGNATURE, "QEMU", 4);
    fw_cfg_add_i32(dev, FW_CFG_ID, FW_CFG_VERSION);
    return dev;
}
