/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Multiboot 1 kernels
 *
 * An ELF32 or flat image becomes one fw_cfg item of extents (file ranges and zeros) that covers the kernel's memory;
 * modules and all strings form a second block behind it; the information structure lies in low memory, where the boot
 * ROM (pc-bios/optionrom/multiboot.S) adds the BIOS's memory map.
 * Follows: Multiboot Specification 0.6.96; System V ABI, "Object Files" (ELF).
 * Left out: video modes (a kernel that asks for one boots in text mode), symbols, drive and APM information.
 */
#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "hw/i386/kernel.h"
#include "hw/nvram/firmware.h"
#include "hw/nvram/fw_cfg.h"

#define MB_MAGIC            0x1badb002u
#define MB_UNKNOWN_FLAGS    0xfff8u         /* bits 0..15 we do not know must be obeyed, so they refuse the kernel */
#define MB_WANTS_VIDEO      (1u << 2)
#define MB_HAS_ADDRESSES    (1u << 16)

/* Information structure and memory map: multiboot.S relies on both places. */
#define MBI_ADDR            0x9500
#define MMAP_ADDR           0x9000
#define MBI_LEN             88
#define MBI_FLAGS           0x24f           /* memory, boot device, command line, modules, map, loader name */
#define MBI_BOOT_DEVICE     0x8000ffffu
#define MODULE_ENTRY        16

#define KERNEL_LOWEST       0x10000         /* below: BIOS data, our stack and structures */
#define MAX_SEGMENTS        64
#define MAX_MODULES         64

typedef struct Segment {
    uint64_t paddr, filesz, memsz, offset;
} Segment;

typedef struct MbKernel {
    const KernelImage *image;
    uint32_t header_at;
    uint32_t flags;
    uint32_t entry;
    unsigned count;
    Segment seg[MAX_SEGMENTS];              /* sorted by address */
    uint64_t start, end;                    /* memory it covers */
} MbKernel;

static bool find_header(const KernelImage *k, uint32_t *at)
{
    uint64_t len = MIN(k->size, KERNEL_HEAD_LEN);

    for (uint32_t i = 0; i + 12 <= len; i += 4) {
        const uint8_t *h = k->head + i;

        if (load_le32(h) == MB_MAGIC && load_le32(h) + load_le32(h + 4) + load_le32(h + 8) == 0) {
            *at = i;
            return true;
        }
    }
    return false;
}

bool multiboot_detect(const KernelImage *k)
{
    uint32_t at;

    return find_header(k, &at);
}

static bool bad_image(const MbKernel *m, const char *why, Error **errp)
{
    error_set(errp, "Multiboot kernel '%s' %s", m->image->path, why);
    return false;
}

/* ---- where the kernel goes -------------------------------------------------------------------------------------- */

static bool add_segment(MbKernel *m, const Segment *s, Error **errp)
{
    unsigned i = m->count;

    if (s->filesz > s->memsz || s->offset > m->image->size || s->filesz > m->image->size - s->offset) {
        return bad_image(m, "is truncated or damaged", errp);
    }
    if (m->count == MAX_SEGMENTS) {
        return bad_image(m, "has too many segments", errp);
    }
    for (; i > 0 && m->seg[i - 1].paddr > s->paddr; i--) {
        m->seg[i] = m->seg[i - 1];
    }
    m->seg[i] = *s;
    m->count++;
    return true;
}

/* The header states everything ("address fields"): no file format is looked at. */
static bool parse_addresses(MbKernel *m, Error **errp)
{
    const uint8_t *h = m->image->head + m->header_at;
    uint32_t header_addr = load_le32(h + 12), load_addr = load_le32(h + 16);
    uint32_t load_end = load_le32(h + 20), bss_end = load_le32(h + 24);
    Segment s = { .paddr = load_addr };

    if (m->header_at + 32 > MIN(m->image->size, KERNEL_HEAD_LEN) || header_addr < load_addr ||
        header_addr - load_addr > m->header_at) {
        return bad_image(m, "has impossible load addresses", errp);
    }
    s.offset = m->header_at - (header_addr - load_addr);
    s.filesz = load_end ? (uint64_t)load_end - load_addr : m->image->size - s.offset;
    s.memsz = bss_end ? (uint64_t)bss_end - load_addr : s.filesz;
    if ((load_end && load_end < load_addr) || (bss_end && bss_end < load_addr)) {
        return bad_image(m, "has impossible load addresses", errp);
    }
    m->entry = load_le32(h + 28);
    return add_segment(m, &s, errp);
}

#define ELF_MACHINE_386     3
#define ELF_PT_LOAD         1
#define ELF_PHDR_LEN        32

static bool parse_elf(MbKernel *m, Error **errp)
{
    const uint8_t *e = m->image->head;
    uint32_t entry = load_le32(e + 24), phoff = load_le32(e + 28);
    uint16_t phentsize = load_le16(e + 42), phnum = load_le16(e + 44);

    if (memcmp(e, "\177ELF", 4) != 0) {
        return bad_image(m, "is no ELF file and states no load addresses", errp);
    }
    if (e[4] != 1 || e[5] != 1 || load_le16(e + 18) != ELF_MACHINE_386 || phentsize < ELF_PHDR_LEN) {
        return bad_image(m, "must be a 32-bit x86 ELF file", errp);
    }
    m->entry = entry;
    for (unsigned i = 0; i < phnum; i++) {
        uint8_t ph[ELF_PHDR_LEN];
        uint32_t vaddr;
        Segment s;

        if (!kernel_read(m->image, phoff + (uint64_t)i * phentsize, ph, sizeof(ph))) {
            return bad_image(m, "is truncated or damaged", errp);
        }
        vaddr = load_le32(ph + 8);
        s = (Segment) { .offset = load_le32(ph + 4), .paddr = load_le32(ph + 12), .filesz = load_le32(ph + 16),
                        .memsz = load_le32(ph + 20) };
        if (load_le32(ph) != ELF_PT_LOAD || !s.memsz) {
            continue;
        }
        if (!add_segment(m, &s, errp)) {
            return false;
        }
        if (entry - vaddr < s.memsz) {      /* the entry is a virtual address; paging is off */
            m->entry = entry - vaddr + s.paddr;
        }
    }
    return true;
}

static bool check_placement(MbKernel *m, PcState *pc, Error **errp)
{
    uint64_t top = pc->below_4g - FIRMWARE_TOP;

    if (!m->count) {
        return bad_image(m, "has nothing to load", errp);
    }
    m->start = m->end = m->seg[0].paddr;
    for (unsigned i = 0; i < m->count; i++) {
        if (m->seg[i].paddr < m->end) {
            return bad_image(m, "has overlapping segments", errp);
        }
        m->end = m->seg[i].paddr + m->seg[i].memsz;
    }
    if (m->start < KERNEL_LOWEST || (m->start < MiB && m->end > LOW_RAM_END)) {
        return bad_image(m, "wants memory that the BIOS needs", errp);
    }
    if (m->end > top) {
        return bad_image(m, "does not fit into the guest's memory: give it more with -m", errp);
    }
    return true;
}

static bool parse(MbKernel *m, Error **errp)
{
    find_header(m->image, &m->header_at);
    m->flags = load_le32(m->image->head + m->header_at + 4);
    if (m->flags & MB_UNKNOWN_FLAGS) {
        return bad_image(m, "requires features this loader does not have", errp);
    }
    if (m->flags & MB_WANTS_VIDEO) {
        warn_report("Multiboot kernel '%s' asks for a video mode, it gets text mode", m->image->path);
    }
    return m->flags & MB_HAS_ADDRESSES ? parse_addresses(m, errp) : parse_elf(m, errp);
}

static void publish_kernel(PcState *pc, const MbKernel *m)
{
    FwCfgExtent ext[2 * MAX_SEGMENTS];
    uint64_t at = m->start;
    unsigned n = 0;

    for (unsigned i = 0; i < m->count; i++) {
        const Segment *s = &m->seg[i];

        ext[n++] = (FwCfgExtent) { .len = s->filesz, .fd = m->image->fd, .file_offset = s->offset };
        at = i + 1 < m->count ? m->seg[i + 1].paddr : m->end;
        ext[n++] = (FwCfgExtent) { .len = at - s->paddr - s->filesz };      /* bss and the gap to the next segment */
    }
    fw_cfg_add_i32(pc->fw_cfg, FW_CFG_KERNEL_ADDR, m->start);
    fw_cfg_add_i32(pc->fw_cfg, FW_CFG_KERNEL_SIZE, m->end - m->start);
    fw_cfg_add_extents(pc->fw_cfg, FW_CFG_KERNEL_DATA, ext, n);
    fw_cfg_add_i32(pc->fw_cfg, FW_CFG_KERNEL_ENTRY, m->entry);
}

/* ---- modules and strings ---------------------------------------------------------------------------------------- */

typedef struct MbBlock {
    uint64_t addr, len;                 /* page aligned; len covers what has been added */
    GByteArray *head;                   /* module list, then strings */
    FwCfgExtent ext[1 + 2 * MAX_MODULES];
    unsigned n_ext, n_modules;
} MbBlock;

static uint32_t add_string(MbBlock *b, const char *text)
{
    uint32_t addr = b->addr + b->head->len;

    g_byte_array_append(b->head, (const uint8_t *)text, strlen(text) + 1);
    return addr;
}

static bool add_module(MbBlock *b, unsigned n, const char *text, uint64_t top, Error **errp)
{
    g_autofree char *path = g_strndup(text, strcspn(text, " "));
    uint8_t *entry;
    uint64_t size, start = b->addr + b->len;
    int fd = kernel_open_file("module", path, &size, errp);

    if (fd < 0) {
        return false;
    }
    if (start > top || size > top - start) {
        error_set(errp, "module '%s' does not fit into the guest's memory: give it more with -m", path);
        close(fd);
        return false;
    }
    entry = b->head->data + n * MODULE_ENTRY;
    store_le32(entry, start);
    store_le32(entry + 4, start + size);
    b->ext[b->n_ext++] = (FwCfgExtent) { .len = size, .fd = fd };
    b->ext[b->n_ext++] = (FwCfgExtent) { .len = ALIGN_UP(size, 4096) - size };
    b->len += ALIGN_UP(size, 4096);
    return true;
}

/* The list comes first, so that its address and the strings' are known before the files are measured. */
static bool build_block(MbBlock *b, char **modules, uint64_t top, Error **errp)
{
    for (unsigned i = 0; i < b->n_modules; i++) {
        uint32_t text = add_string(b, modules[i]);

        store_le32(b->head->data + i * MODULE_ENTRY + 8, text);
    }
    b->len = ALIGN_UP(b->head->len, 4096);
    b->n_ext = 2;                       /* head and its padding: filled in below */
    for (unsigned i = 0; i < b->n_modules; i++) {
        if (!add_module(b, i, modules[i], top, errp)) {
            return false;
        }
    }
    b->ext[0] = (FwCfgExtent) { .len = b->head->len, .data = b->head->data };
    b->ext[1] = (FwCfgExtent) { .len = ALIGN_UP(b->head->len, 4096) - b->head->len };
    return true;
}

static bool publish_block(PcState *pc, MbBlock *b, const MbKernel *m, Error **errp)
{
    g_autofree char *cmdline = g_strdup_printf("%s %s", m->image->path, pc->opts->append ? pc->opts->append : "");
    g_auto(GStrv) modules = option_split_commas(pc->opts->initrd ? pc->opts->initrd : "");     /* "file args,..." */
    uint64_t top = pc->below_4g - FIRMWARE_TOP;
    uint8_t mbi[MBI_LEN] = { 0 };

    b->n_modules = pc->opts->initrd ? g_strv_length(modules) : 0;
    if (b->n_modules >= MAX_MODULES) {
        error_set(errp, "at most %u modules are possible", MAX_MODULES - 1);
        return false;
    }
    b->addr = ALIGN_UP(MAX(m->end, MiB), 4096);
    if (b->addr + b->n_modules * MODULE_ENTRY + strlen(cmdline) + 2 * 4096 > top) {
        return bad_image(m, "does not fit into the guest's memory: give it more with -m", errp);
    }
    g_byte_array_set_size(b->head, b->n_modules * MODULE_ENTRY);
    if (b->head->len) {
        memset(b->head->data, 0, b->head->len);
    }
    store_le32(mbi, MBI_FLAGS);
    store_le32(mbi + 4, 639);
    store_le32(mbi + 8, (top - MiB) / KiB);
    store_le32(mbi + 12, MBI_BOOT_DEVICE);
    store_le32(mbi + 16, add_string(b, cmdline));
    store_le32(mbi + 20, b->n_modules);
    store_le32(mbi + 24, b->addr);
    store_le32(mbi + 48, MMAP_ADDR);
    store_le32(mbi + 64, add_string(b, "qemu"));
    if (!build_block(b, modules, top, errp)) {
        return false;
    }
    fw_cfg_add_i32(pc->fw_cfg, FW_CFG_SETUP_ADDR, b->addr);
    fw_cfg_add_i32(pc->fw_cfg, FW_CFG_SETUP_SIZE, b->len);
    fw_cfg_add_extents(pc->fw_cfg, FW_CFG_SETUP_DATA, b->ext, b->n_ext);
    fw_cfg_add_i32(pc->fw_cfg, FW_CFG_INITRD_ADDR, MBI_ADDR);
    fw_cfg_add_i32(pc->fw_cfg, FW_CFG_INITRD_SIZE, sizeof(mbi));
    fw_cfg_add_bytes(pc->fw_cfg, FW_CFG_INITRD_DATA, mbi, sizeof(mbi));
    return true;
}

bool multiboot_load(PcState *pc, const KernelImage *k, Error **errp)
{
    g_autofree MbKernel *m = g_new0(MbKernel, 1);
    g_autofree MbBlock *b = g_new0(MbBlock, 1);
    bool ok;

    m->image = k;
    b->head = g_byte_array_new();
    ok = parse(m, errp) && check_placement(m, pc, errp) && publish_block(pc, b, m, errp);
    g_byte_array_unref(b->head);
    if (!ok) {
        return false;
    }
    publish_kernel(pc, m);
    kernel_add_boot_rom(pc, "genroms/multiboot.bin", optionrom_multiboot, optionrom_multiboot_end);
    return true;
}
