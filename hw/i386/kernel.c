/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -kernel, -initrd, -append
 *
 * Publishes a kernel's parts in fw_cfg with the addresses they belong to; an option ROM of ours (pc-bios/optionrom/)
 * moves them there when firmware boots. Only headers are read here: the files stay open and are read by the ROM's DMA.
 * Follows: Linux kernel documentation, "The Linux/x86 Boot Protocol"; Multiboot kernels are multiboot.c's.
 * Left out: protocols before 2.00, 32- and 64-bit entry, ELF kernels without a Multiboot header.
 */
#include "qemu/osdep.h"
#include <fcntl.h>
#include <sys/stat.h>
#include "qemu/bitops.h"
#include "hw/i386/kernel.h"
#include "hw/nvram/firmware.h"
#include "hw/nvram/fw_cfg.h"

/* Offsets in the setup header, boot protocol "The Real-Mode Kernel Header". */
#define HDR_CMDLINE_MAGIC   0x020       /* before 2.02 */
#define HDR_CMDLINE_OFFSET  0x022
#define HDR_SETUP_SECTS     0x1f1
#define HDR_SYSSIZE         0x1f4
#define HDR_VID_MODE        0x1fa
#define HDR_BOOT_FLAG       0x1fe
#define HDR_MAGIC           0x202
#define HDR_VERSION         0x206
#define HDR_LOADER_TYPE     0x210
#define HDR_LOADFLAGS       0x211
#define HDR_RAMDISK         0x218
#define HDR_RAMDISK_SIZE    0x21c
#define HDR_HEAP_END        0x224
#define HDR_CMDLINE_PTR     0x228
#define HDR_INITRD_MAX      0x22c
#define HDR_CMDLINE_SIZE    0x238
#define HDR_PREF_ADDRESS    0x258
#define HDR_INIT_SIZE       0x260
#define HDR_END             0x268

#define LOADED_HIGH         (1u << 0)
#define CAN_USE_HEAP        (1u << 7)
#define LOADER_TYPE         0xb0        /* assigned to loaders of this family */
#define OLD_CMDLINE_MAGIC   0xa33f
#define MAX_SETUP_SECTS     64
#define OLD_INITRD_MAX      0x37ffffffu
#define OLD_CMDLINE_MAX     255
#define MAX_CMDLINE         0x10000

/* Where the parts go: kernels that load high use 10000h for setup, older ones want it at 90000h. */
typedef struct LinuxLayout {
    uint32_t setup, kernel, cmdline, heap_end;
} LinuxLayout;
static const LinuxLayout layout_high = { 0x10000, 0x100000, 0x20000, 0x10000 };
static const LinuxLayout layout_old = { 0x90000, 0x100000, 0x9a000, 0x9800 };
static const LinuxLayout layout_low = { 0x90000, 0x10000, 0x9a000, 0x9800 };
#define LOW_KERNEL_END      0x90000
#define OLD_CMDLINE_END     LOW_RAM_END

/* ---- files ------------------------------------------------------------------------------------------------------ */

int kernel_open_file(const char *what, const char *path, uint64_t *size, Error **errp)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0) {
        error_set_errno(errp, errno, "could not open %s '%s'", what, path);
        return -1;
    }
    if (fstat(fd, &st) < 0) {
        error_set_errno(errp, errno, "could not examine %s '%s'", what, path);
    } else if (!S_ISREG(st.st_mode)) {
        error_set(errp, "%s '%s' is not a regular file", what, path);
    } else if (st.st_size == 0) {
        error_set(errp, "%s '%s' is empty", what, path);
    } else {
        *size = st.st_size;
        return fd;
    }
    close(fd);
    return -1;
}

bool kernel_read(const KernelImage *k, uint64_t offset, void *buf, size_t len)
{
    return offset <= k->size && len <= k->size - offset && pread(k->fd, buf, len, offset) == (ssize_t)len;
}

static bool kernel_open(KernelImage *k, const char *path, Error **errp)
{
    k->path = path;
    k->fd = kernel_open_file("kernel", path, &k->size, errp);
    if (k->fd < 0) {
        return false;
    }
    if (!kernel_read(k, 0, k->head, MIN(k->size, sizeof(k->head)))) {
        error_set(errp, "could not read kernel '%s'", path);
        return false;
    }
    return true;
}

void kernel_add_boot_rom(PcState *pc, const char *name, const uint8_t *rom, const uint8_t *end)
{
    fw_cfg_add_file(pc->fw_cfg, name, rom, end - rom);
    pc->boot_rom = name;
}

/* ---- Linux ------------------------------------------------------------------------------------------------------ */

typedef struct LinuxKernel {
    const KernelImage *image;
    uint16_t version;
    uint64_t setup_size, kernel_size;
    const LinuxLayout *layout;
    uint8_t setup[(MAX_SETUP_SECTS + 1) * 512];
} LinuxKernel;

static bool linux_detect(const KernelImage *k)
{
    return load_le16(k->head + HDR_BOOT_FLAG) == 0xaa55 && memcmp(k->head + HDR_MAGIC, "HdrS", 4) == 0;
}

static bool linux_parse(LinuxKernel *l, PcState *pc, Error **errp)
{
    const KernelImage *k = l->image;
    unsigned sects = k->head[HDR_SETUP_SECTS] ?: 4;
    bool high = k->head[HDR_LOADFLAGS] & LOADED_HIGH;
    uint64_t limit;

    l->version = load_le16(k->head + HDR_VERSION);
    l->setup_size = (sects + 1) * 512;
    if (l->version < 0x200) {
        error_set(errp, "kernel '%s' speaks boot protocol %u.%02u, 2.00 or later is needed", k->path, l->version >> 8,
                  l->version & 0xff);
        return false;
    }
    if (sects > MAX_SETUP_SECTS) {
        error_set(errp, "kernel '%s' is damaged: %u sectors of setup code", k->path, sects);
        return false;
    }
    l->kernel_size = k->size - MIN(k->size, l->setup_size);
    if (!l->kernel_size || (l->version >= 0x204 && l->kernel_size + 15 < load_le32(k->head + HDR_SYSSIZE) * 16ull)) {
        error_set(errp, "kernel '%s' is truncated", k->path);
        return false;
    }
    if (!kernel_read(k, 0, l->setup, l->setup_size)) {
        error_set(errp, "could not read kernel '%s'", k->path);
        return false;
    }
    l->layout = !high ? &layout_low : l->version < 0x202 ? &layout_old : &layout_high;
    limit = high ? pc->below_4g - MIN(pc->below_4g, FIRMWARE_TOP) : LOW_KERNEL_END;
    if (l->layout->kernel + l->kernel_size > limit) {
        error_set(errp, "kernel '%s' does not fit into %llu MiB of memory", k->path, pc->opts->ram_size / MiB);
        return false;
    }
    return true;
}

/* vga=MODE of the command line belongs into the header: the setup code sees no command line yet. */
static void linux_set_video_mode(LinuxKernel *l, const char *cmdline)
{
    static const struct { const char *name; uint16_t mode; } named[] = {
        { "normal", 0xffff }, { "ext", 0xfffe }, { "ask", 0xfffd },
    };
    const char *p = cmdline, *arg;

    while ((arg = strstr(p, "vga=")) && arg != cmdline && arg[-1] != ' ') {
        p = arg + 4;
    }
    if (!arg) {
        return;
    }
    arg += 4;
    for (unsigned i = 0; i < ARRAY_SIZE(named); i++) {
        if (g_str_has_prefix(arg, named[i].name)) {
            store_le16(l->setup + HDR_VID_MODE, named[i].mode);
            return;
        }
    }
    store_le16(l->setup + HDR_VID_MODE, strtoul(arg, NULL, 0));
}

static bool linux_add_cmdline(LinuxKernel *l, PcState *pc, Error **errp)
{
    const char *text = pc->opts->append ? pc->opts->append : "";
    size_t len = strlen(text) + 1;
    size_t space = l->layout == &layout_high ? MAX_CMDLINE : OLD_CMDLINE_END - l->layout->cmdline;
    size_t wanted = l->version >= 0x206 ? load_le32(l->setup + HDR_CMDLINE_SIZE) : OLD_CMDLINE_MAX;

    if (len > space) {
        error_set(errp, "the kernel's command line has %zu characters, at most %zu are possible", len - 1, space - 1);
        return false;
    }
    if (len - 1 > wanted) {
        warn_report("the kernel's command line has %zu characters, this kernel looks at %zu", len - 1, wanted);
    }
    if (l->version >= 0x202) {
        store_le32(l->setup + HDR_CMDLINE_PTR, l->layout->cmdline);
    } else {
        store_le16(l->setup + HDR_CMDLINE_MAGIC, OLD_CMDLINE_MAGIC);
        store_le16(l->setup + HDR_CMDLINE_OFFSET, l->layout->cmdline - l->layout->setup);
    }
    linux_set_video_mode(l, text);
    fw_cfg_add_i32(pc->fw_cfg, FW_CFG_CMDLINE_ADDR, l->layout->cmdline);
    fw_cfg_add_i32(pc->fw_cfg, FW_CFG_CMDLINE_SIZE, len);
    fw_cfg_add_bytes(pc->fw_cfg, FW_CFG_CMDLINE_DATA, text, len);
    return true;
}

/* As high as kernel and firmware allow: a kernel unpacks itself upwards from where it was loaded. */
static bool linux_add_initrd(LinuxKernel *l, PcState *pc, Error **errp)
{
    const char *path = pc->opts->initrd;
    uint64_t top = l->version >= 0x203 ? load_le32(l->setup + HDR_INITRD_MAX) : OLD_INITRD_MAX;
    uint64_t lowest = MAX(l->layout->kernel + l->kernel_size, MiB), size, addr;
    int fd;

    if (!path) {
        return true;
    }
    fd = kernel_open_file("initrd", path, &size, errp);
    if (fd < 0) {
        return false;
    }
    top = MIN(top + 1, pc->below_4g - FIRMWARE_TOP);
    if (size > top || top - size < ALIGN_UP(lowest, 4096)) {
        error_set(errp, "initrd '%s' (%llu MiB) does not fit into %llu MiB of memory beside the kernel", path,
                  (size + MiB - 1) / MiB, pc->opts->ram_size / MiB);
        close(fd);
        return false;
    }
    addr = ROUND_DOWN(top - size, 4096);
    if (l->version >= 0x20a && addr < load_le64(l->setup + HDR_PREF_ADDRESS) + load_le32(l->setup + HDR_INIT_SIZE)) {
        warn_report("the kernel may need the memory that holds initrd '%s': give the guest more with -m", path);
    }
    store_le32(l->setup + HDR_RAMDISK, addr);
    store_le32(l->setup + HDR_RAMDISK_SIZE, size);
    fw_cfg_add_i32(pc->fw_cfg, FW_CFG_INITRD_ADDR, addr);
    fw_cfg_add_i32(pc->fw_cfg, FW_CFG_INITRD_SIZE, size);
    fw_cfg_add_extents(pc->fw_cfg, FW_CFG_INITRD_DATA, &(FwCfgExtent) { .len = size, .fd = fd }, 1);
    return true;
}

static bool linux_load(PcState *pc, const KernelImage *k, Error **errp)
{
    g_autofree LinuxKernel *l = g_new0(LinuxKernel, 1);
    FwCfgExtent kernel;

    l->image = k;
    if (!linux_parse(l, pc, errp) || !linux_add_cmdline(l, pc, errp) || !linux_add_initrd(l, pc, errp)) {
        return false;
    }
    l->setup[HDR_LOADER_TYPE] = LOADER_TYPE;
    if (l->version >= 0x201) {
        l->setup[HDR_LOADFLAGS] |= CAN_USE_HEAP;
        store_le16(l->setup + HDR_HEAP_END, l->layout->heap_end - 0x200);
    }
    kernel = (FwCfgExtent) { .len = l->kernel_size, .fd = k->fd, .file_offset = l->setup_size };
    fw_cfg_add_i32(pc->fw_cfg, FW_CFG_KERNEL_ADDR, l->layout->kernel);
    fw_cfg_add_i32(pc->fw_cfg, FW_CFG_KERNEL_SIZE, l->kernel_size);
    fw_cfg_add_extents(pc->fw_cfg, FW_CFG_KERNEL_DATA, &kernel, 1);
    fw_cfg_add_i32(pc->fw_cfg, FW_CFG_SETUP_ADDR, l->layout->setup);
    fw_cfg_add_i32(pc->fw_cfg, FW_CFG_SETUP_SIZE, l->setup_size);
    fw_cfg_add_bytes(pc->fw_cfg, FW_CFG_SETUP_DATA, l->setup, l->setup_size);
    kernel_add_boot_rom(pc, "genroms/linuxboot.bin", optionrom_linuxboot, optionrom_linuxboot_end);
    return true;
}

/* ---- entry ------------------------------------------------------------------------------------------------------ */

static bool kernel_load(PcState *pc, const KernelImage *k, Error **errp)
{
    if (linux_detect(k)) {
        return linux_load(pc, k, errp);
    }
    if (multiboot_detect(k)) {
        return multiboot_load(pc, k, errp);
    }
    error_set(errp, "'%s' is neither a Linux kernel (bzImage) nor a Multiboot kernel", k->path);
    return false;
}

bool pc_load_kernel(PcState *pc, Error **errp)
{
    const MachineOptions *o = pc->opts;
    g_autofree KernelImage *k = g_new0(KernelImage, 1);

    if (!o->kernel) {
        if (o->initrd || o->append) {
            error_set(errp, "%s needs -kernel", o->initrd ? "-initrd" : "-append");
            return false;
        }
        return true;
    }
    k->fd = -1;
    if (!kernel_open(k, o->kernel, errp) || !kernel_load(pc, k, errp)) {
        if (k->fd >= 0) {
            close(k->fd);
        }
        return false;
    }
    return true;
}
