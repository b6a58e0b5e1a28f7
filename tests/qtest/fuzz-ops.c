/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random acts of a guest: single accesses anywhere, and sequences that get far enough into a device to matter (a
 * command with its parameters, a DMA descriptor before the register that starts it). Registers and their meaning:
 * docs/pc.md, docs/storage.md and the datasheets named in the devices' files.
 */
#include "qemu/osdep.h"
#include "fuzz-ops.h"

#define PORT(lo, hi)    { (lo), (hi) - (lo) + 1 }
#define BMDMA           0xc000u
#define PM_BASE         0xb000u
#define HOT_PLUG        0xae00u
#define EDU             0xe1000000u
#define I6300ESB        0xe2000000u
#define VGA_REGS        0xe3000000u
#define PANIC           0xe4000000u
#define VGA2_REGS       0xe5000000u
#define VGA_FB          0xe8000000u
#define VGA2_FB         0xea000000u
#define IOAPIC          0xfec00000u
#define HPET            0xfed00000u
#define APIC            0xfee00000u
#define TESTDEV         0xff000000u
#define PCI_TESTDEV     0xe5200000u
#define PCI_TESTDEV_IO  0xd000u
#define BRIDGE          (8u << 3)       /* an edu is behind it, in slot 1 of bus 1 */
#define BRIDGED_EDU     (0x100u | 1 << 3)
#define HOT_EDU         (0x100u | 2 << 3)   /* when the user has added it */
#define BRIDGED         0xe6000000u
#define DMA_AREA        0x10000u        /* descriptors are written here */

typedef struct Range {
    uint32_t base, len;
} Range;

static const Range port_ranges[] = {
    PORT(0x00, 0x0f), PORT(0x20, 0x21), PORT(0x40, 0x43), PORT(0x60, 0x64), PORT(0x70, 0x71), PORT(0x80, 0x8f),
    PORT(0x92, 0x92), PORT(0xa0, 0xa1), PORT(0xb2, 0xb3), PORT(0xc0, 0xdf), PORT(0xe0, 0xe7), PORT(0xe9, 0xe9),
    PORT(0xf0, 0xf0),
    PORT(0x170, 0x177), PORT(0x1ce, 0x1d1), PORT(0x1f0, 0x1f7), PORT(0x2f8, 0x2ff), PORT(0x376, 0x376),
    PORT(0x378, 0x37f), PORT(0x3b4, 0x3ba), PORT(0x3c0, 0x3cf), PORT(0x3d4, 0x3da), PORT(0x3f0, 0x3f7),
    PORT(0x3f8, 0x3ff), PORT(0x4d0, 0x4d1), PORT(0x505, 0x505), PORT(0x510, 0x51b), PORT(0xcf8, 0xcff),
    PORT(0x2000, 0x2017), PORT(0xafe0, 0xafe3), PORT(PM_BASE, PM_BASE + 3), PORT(PM_BASE + 8, PM_BASE + 0x3f),
    PORT(0xb100, 0xb10f), PORT(BMDMA, BMDMA + 15),
    PORT(PCI_TESTDEV_IO, PCI_TESTDEV_IO + 0x2f), PORT(PCI_TESTDEV_IO + 0x80, PCI_TESTDEV_IO + 0x88),
};

static const Range mem_ranges[] = {
    { 0xa0000, 0x20000 }, { 0xc0000, 0x40000 }, { EDU, 0xa0 }, { EDU + 0x40000, 0x1008 }, { I6300ESB, 0x10 },
    { VGA_REGS, 0x1000 }, { VGA_REGS + 0x400, 0x120 }, { PANIC, 4 }, { VGA2_REGS, 0x620 }, { VGA_FB, 0x1000000 },
    { VGA2_FB, 0x1000000 }, { IOAPIC, 0x50 }, { HPET, 0x160 }, { APIC, 0x1000 }, { TESTDEV, 0x10008 },
    { PCI_TESTDEV, 0x30 }, { PCI_TESTDEV + 0x7fc, 0x10 }, { BRIDGED, 0xa0 },
};

static const uint16_t pci_functions[] = {       /* bus << 8 | slot << 3 | function */
    0, 1 << 3, 1 << 3 | 1, 1 << 3 | 2, 1 << 3 | 3, 2 << 3, 3 << 3, 4 << 3, 5 << 3, 6 << 3, 7 << 3, BRIDGE, BRIDGED_EDU,
    HOT_EDU,
};

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

Fuzz *fuzz_new(uint64_t seed)
{
    Fuzz *f = g_new0(Fuzz, 1);

    f->state = seed;
    f->out = g_string_new(NULL);
    return f;
}

void fuzz_free(Fuzz *f)
{
    g_string_free(f->out, TRUE);
    g_free(f);
}

/* SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators"): any seed will do, 0 too. */
uint64_t fuzz_random(Fuzz *f)
{
    uint64_t z = f->state += 0x9e3779b97f4a7c15ull;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

unsigned fuzz_below(Fuzz *f, unsigned n)
{
    return (unsigned)(fuzz_random(f) % n);
}

static bool one_in(Fuzz *f, unsigned n)
{
    return fuzz_below(f, n) == 0;
}

/* Where DMA may be told to go: mostly RAM, its end, and now and then a device or nothing at all. */
static uint64_t dma_address(Fuzz *f)
{
    const Range *r = &mem_ranges[fuzz_below(f, G_N_ELEMENTS(mem_ranges))];

    switch (fuzz_below(f, 8)) {
    case 0:
        return r->base + fuzz_below(f, r->len);
    case 1:
        return FUZZ_RAM_MIB * MiB - fuzz_below(f, 0x2000);
    case 2:
        return fuzz_random(f);
    default:
        return fuzz_below(f, FUZZ_RAM_MIB * MiB);
    }
}

static uint64_t value(Fuzz *f)
{
    switch (fuzz_below(f, 8)) {
    case 0:
        return 0;
    case 1:
        return UINT64_MAX;
    case 2:
        return 1ull << fuzz_below(f, 64);
    case 3:
        return dma_address(f);
    case 4:
        return fuzz_random(f);
    default:
        return fuzz_below(f, 0x100);
    }
}

/* ---- requests ---------------------------------------------------------------------------------------------------- */

static void ask(Fuzz *f, const char *name, uint64_t addr)
{
    g_string_append_printf(f->out, "%s 0x%" PRIx64 "\n", name, addr);
}

static void tell(Fuzz *f, const char *name, uint64_t addr, uint64_t v)
{
    g_string_append_printf(f->out, "%s 0x%" PRIx64 " 0x%" PRIx64 "\n", name, addr, v);
}

static void outb(Fuzz *f, unsigned port, uint64_t v) { tell(f, "outb", port, v & 0xff); }
static void outw(Fuzz *f, unsigned port, uint64_t v) { tell(f, "outw", port, v & 0xffff); }
static void outl(Fuzz *f, unsigned port, uint64_t v) { tell(f, "outl", port, v & 0xffffffff); }
static void inb(Fuzz *f, unsigned port) { ask(f, "inb", port); }

static void outb_value(Fuzz *f, unsigned port)
{
    outb(f, port, value(f));
}

static void indexed(Fuzz *f, unsigned port, unsigned index, uint64_t v)
{
    outb(f, port, index);
    outb(f, port + 1, v);
}

static void pci_write(Fuzz *f, unsigned devfn, unsigned reg, uint32_t v)
{
    outl(f, 0xcf8, 0x80000000u | devfn << 8 | reg);
    outl(f, 0xcfc, v);
}

/* ---- single accesses --------------------------------------------------------------------------------------------- */

static void port_access(Fuzz *f, unsigned port)
{
    static const char *const in[] = { "inb", "inw", "inl" }, *const out[] = { "outb", "outw", "outl" };
    unsigned size = one_in(f, 2) ? 0 : fuzz_below(f, 3);
    bool ejects = size == 2 && port > HOT_PLUG + 4 && port < HOT_PLUG + 12;    /* also what the other machine has */

    if (one_in(f, 2) || ejects) {
        ask(f, in[size], port);
    } else {
        tell(f, out[size], port, value(f) & 0xffffffff);
    }
}

static void mem_access(Fuzz *f, uint64_t addr)
{
    static const char *const load[] = { "readb", "readw", "readl", "readq" },
                      *const store[] = { "writeb", "writew", "writel", "writeq" };
    unsigned size = fuzz_below(f, 4);

    if (one_in(f, 2)) {
        addr &= ~(((uint64_t)1 << size) - 1);
    }
    if (one_in(f, 2)) {
        ask(f, load[size], addr);
    } else {
        tell(f, store[size], addr, value(f));
    }
}

static void poke_ports(Fuzz *f)
{
    const Range *r = &port_ranges[fuzz_below(f, G_N_ELEMENTS(port_ranges))];

    for (unsigned n = 1 + fuzz_below(f, 32); n; n--) {
        port_access(f, r->base + fuzz_below(f, r->len));
    }
}

static void poke_memory(Fuzz *f)
{
    const Range *r = &mem_ranges[fuzz_below(f, G_N_ELEMENTS(mem_ranges))];

    for (unsigned n = 1 + fuzz_below(f, 32); n; n--) {
        mem_access(f, r->base + fuzz_below(f, r->len));
    }
}

static void poke_anywhere(Fuzz *f)
{
    for (unsigned n = 1 + fuzz_below(f, 8); n; n--) {
        if (one_in(f, 2)) {
            port_access(f, fuzz_below(f, 0x10000));
        } else {
            mem_access(f, dma_address(f));
        }
    }
}

/* Blocks: an access that crosses from one device into the next, or into a hole. */
static void poke_block(Fuzz *f)
{
    const Range *r = &mem_ranges[fuzz_below(f, G_N_ELEMENTS(mem_ranges))];
    uint64_t addr = one_in(f, 2) ? r->base + r->len - fuzz_below(f, 64) : dma_address(f);

    g_string_append_printf(f->out, "memset 0x%" PRIx64 " %u 0x%x\n", addr, 1 + fuzz_below(f, 4096),
                           fuzz_below(f, 256));
    g_string_append_printf(f->out, "b64read 0x%" PRIx64 " %u\n", addr, 1 + fuzz_below(f, 512));
}

/* ---- PCI --------------------------------------------------------------------------------------------------------- */

void fuzz_setup(Fuzz *f)
{
    static const struct {
        uint16_t devfn;
        uint8_t reg;
        uint32_t v;
    } words[] = {
        { 1 << 3 | 1, 0x20, BMDMA | 1 }, { 1 << 3 | 1, 0x04, 5 }, { 1 << 3 | 1, 0x40, 0x80008000 },
        { 1 << 3 | 3, 0x40, PM_BASE | 1 }, { 1 << 3 | 3, 0x80, 1 }, { 1 << 3 | 3, 0x90, 0xb101 },
        { 1 << 3 | 3, 0xd0, 0x01000000 }, { 1 << 3, 0x60, 0x0b0b0a0a },
        { 2 << 3, 0x10, VGA_FB }, { 2 << 3, 0x18, VGA_REGS }, { 2 << 3, 0x04, 7 },
        { 3 << 3, 0x10, EDU }, { 3 << 3, 0x04, 7 }, { 4 << 3, 0x10, I6300ESB }, { 4 << 3, 0x04, 7 },
        { 5 << 3, 0x10, PANIC }, { 5 << 3, 0x04, 7 },
        { 6 << 3, 0x10, VGA2_FB }, { 6 << 3, 0x18, VGA2_REGS }, { 6 << 3, 0x04, 7 },
        { 7 << 3, 0x10, PCI_TESTDEV }, { 7 << 3, 0x14, PCI_TESTDEV_IO }, { 7 << 3, 0x04, 7 },
        { BRIDGE, 0x18, 0x00010100 }, { BRIDGE, 0x20, BRIDGED >> 16 | BRIDGED }, { BRIDGE, 0x04, 7 },
        { BRIDGED_EDU, 0x10, BRIDGED }, { BRIDGED_EDU, 0x04, 7 }, { HOT_EDU, 0x10, BRIDGED }, { HOT_EDU, 0x04, 7 },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++) {
        pci_write(f, words[i].devfn, words[i].reg, words[i].v);
    }
}

static void pci_config(Fuzz *f)
{
    unsigned devfn = pci_functions[fuzz_below(f, G_N_ELEMENTS(pci_functions))];

    for (unsigned n = 1 + fuzz_below(f, 8); n; n--) {
        unsigned reg = fuzz_below(f, one_in(f, 2) ? 0x40 : 0x100), bus = one_in(f, 16) ? fuzz_below(f, 256) : 0;

        outl(f, 0xcf8, 0x80000000u | bus << 16 | devfn << 8 | (reg & 0xfc));
        port_access(f, 0xcfc + (reg & 3));
    }
}

/* ---- disks ------------------------------------------------------------------------------------------------------- */

#define IDE_STATUS_CMD  7

static void write_prds(Fuzz *f, uint32_t at)
{
    for (unsigned n = 1 + fuzz_below(f, 6); n; n--, at += 8) {
        tell(f, "writel", at, dma_address(f) & 0xffffffff);
        tell(f, "writel", at + 4, (fuzz_random(f) & 0xfffe) | (n == 1 && !one_in(f, 8) ? 0x80000000u : 0));
    }
}

static void start_bus_master(Fuzz *f, unsigned channel)
{
    unsigned base = BMDMA + 8 * channel;
    uint32_t table = one_in(f, 8) ? (uint32_t)dma_address(f) : DMA_AREA + fuzz_below(f, 0x100) * 4;

    if (!one_in(f, 8)) {
        write_prds(f, table);
    }
    outl(f, base + 4, table);
    outb(f, base + 2, 6);
    outb(f, base, one_in(f, 2) ? 9 : 1);
}

static void move_data(Fuzz *f, unsigned port)
{
    static const char *const in[] = { "inw", "inl" };
    unsigned wide = fuzz_below(f, 2);

    for (unsigned n = fuzz_below(f, 40); n; n--) {
        if (one_in(f, 2)) {
            ask(f, in[wide], port);
        } else {
            tell(f, wide ? "outl" : "outw", port, value(f) & 0xffff);
        }
    }
}

static void ide_command(Fuzz *f)
{
    static const uint8_t known[] = {
        0x20, 0x24, 0x25, 0x29, 0x30, 0x34, 0x35, 0x39, 0x40, 0xc4, 0xc5, 0xc6, 0xc8, 0xca, 0xec, 0xa1, 0xe7, 0xea,
        0xef, 0x08, 0x90, 0x91, 0xb0, 0xe0, 0xe1, 0xe5, 0xf8, 0x27, 0x37, 0xf9, 0x10, 0x70,
    };
    unsigned channel = fuzz_below(f, 2), base = channel ? 0x170 : 0x1f0;
    bool dma = one_in(f, 2);

    outb(f, base + 6, 0xa0 | (fuzz_random(f) & 0x5f));
    for (unsigned reg = 1; reg < 6; reg++) {
        if (one_in(f, 2)) {
            outb_value(f, base + reg);
        }
        outb(f, base + reg, one_in(f, 3) ? fuzz_below(f, 256) : fuzz_below(f, 4));
    }
    outb(f, base + IDE_STATUS_CMD,
         one_in(f, 4) ? fuzz_below(f, 256) : known[fuzz_below(f, G_N_ELEMENTS(known))]);
    if (dma) {
        start_bus_master(f, channel);
    }
    move_data(f, base);
    inb(f, base + IDE_STATUS_CMD);
    if (dma && one_in(f, 2)) {
        outb(f, BMDMA + 8 * channel, 0);
    }
    if (one_in(f, 16)) {
        outb(f, channel ? 0x376 : 0x3f6, 4);        /* SRST */
        outb(f, channel ? 0x376 : 0x3f6, one_in(f, 2) ? 2 : 0);
    }
}

static void atapi_packet(Fuzz *f)
{
    static const uint8_t known[] = {
        0x00, 0x03, 0x12, 0x1b, 0x1e, 0x23, 0x25, 0x28, 0x2b, 0x35, 0x42, 0x43, 0x44, 0x46, 0x4a, 0x51, 0x52, 0x55,
        0x5a, 0xa8, 0xac, 0xad, 0xbb, 0xbd, 0xbe, 0xb9,
    };
    uint8_t cdb[12];
    bool dma = one_in(f, 2);

    for (unsigned i = 0; i < sizeof(cdb); i++) {
        cdb[i] = (uint8_t)(one_in(f, 2) ? 0 : value(f));
    }
    cdb[0] = one_in(f, 6) ? (uint8_t)fuzz_random(f) : known[fuzz_below(f, G_N_ELEMENTS(known))];
    outb(f, 0x176, one_in(f, 8) ? 0xb0 : 0xa0);
    outb(f, 0x171, dma);
    outb(f, 0x174, one_in(f, 4) ? fuzz_below(f, 4) : fuzz_random(f));
    outb(f, 0x175, one_in(f, 2) ? fuzz_below(f, 4) : fuzz_random(f));
    outb(f, 0x177, 0xa0);
    for (unsigned i = 0; i < sizeof(cdb); i += 2) {
        outw(f, 0x170, cdb[i] | cdb[i + 1] << 8);
    }
    if (dma) {
        start_bus_master(f, 1);
    }
    move_data(f, 0x170);
    inb(f, 0x177);
}

/* ---- floppy and 8237 --------------------------------------------------------------------------------------------- */

static void program_dma(Fuzz *f, unsigned channel)
{
    static const uint8_t page[] = { 0x87, 0x83, 0x81, 0x82 };

    outb(f, 0x0a, 4 | channel);
    outb(f, 0x0b, (fuzz_random(f) & 0xfc) | channel);
    outb(f, 0x0c, 0);
    for (unsigned reg = 0; reg < 4; reg++) {
        outb(f, 2 * channel + reg / 2, fuzz_random(f));
    }
    outb(f, page[channel], fuzz_random(f) & (one_in(f, 4) ? 0xff : 0x0f));
    outb(f, 0x0a, channel);
    if (one_in(f, 4)) {
        outb(f, 0x08, fuzz_random(f) & 0x10);
        outb(f, 0xd6, 0xc0);
        outb(f, 0xd4, 0);
    }
}

static void floppy_command(Fuzz *f)
{
    static const uint8_t known[] = {
        0x03, 0x04, 0x07, 0x08, 0x0a, 0x0e, 0x0f, 0x10, 0x12, 0x13, 0x14, 0x18, 0x33, 0x46, 0x66, 0xe6, 0xc6, 0x45,
        0xc5, 0x4d, 0x42, 0x4a, 0x4c, 0x8f, 0xcf, 0x51, 0x59, 0x5d, 0x56, 0x94, 0x34, 0x8e, 0xae,
    };

    outb(f, 0x3f2, one_in(f, 8) ? fuzz_random(f) : 0x1c | (fuzz_random(f) & 0x21));
    if (one_in(f, 4)) {
        outb_value(f, 0x3f7);
    }
    if (!one_in(f, 4)) {
        program_dma(f, 2);
    }
    outb(f, 0x3f5, one_in(f, 6) ? fuzz_random(f) : known[fuzz_below(f, G_N_ELEMENTS(known))]);
    for (unsigned n = fuzz_below(f, 10); n; n--) {
        outb(f, 0x3f5, one_in(f, 3) ? fuzz_random(f) : fuzz_below(f, 20));
    }
    for (unsigned n = fuzz_below(f, 12); n; n--) {
        inb(f, one_in(f, 3) ? 0x3f4 : 0x3f5);
    }
}

static void dma_controller(Fuzz *f)
{
    program_dma(f, fuzz_below(f, 4));
    outb(f, 0x09, fuzz_random(f) & 7);      /* software request */
    outb(f, 0xd2, fuzz_random(f) & 7);
}

/* ---- firmware configuration -------------------------------------------------------------------------------------- */

static void tell_be(Fuzz *f, uint64_t addr, uint64_t v)
{
    tell(f, "writeq", addr, GUINT64_SWAP_LE_BE(v));
}

/* A descriptor: control (key in its upper half), length, address; all big endian. */
static void fw_cfg_dma(Fuzz *f)
{
    uint32_t at = one_in(f, 8) ? (uint32_t)dma_address(f) : DMA_AREA + fuzz_below(f, 0x1000);
    uint32_t key = one_in(f, 4) ? fuzz_below(f, 0x10000) : fuzz_below(f, 0x40), len;

    len = one_in(f, 8) ? (uint32_t)fuzz_random(f) : fuzz_below(f, 0x4000);
    tell_be(f, at, (uint64_t)(key << 16 | (fuzz_random(f) & 0x1f)) << 32 | len);
    tell_be(f, at + 8, dma_address(f));
    if (one_in(f, 2)) {
        outl(f, 0x514, one_in(f, 8) ? fuzz_random(f) : 0);
    }
    outl(f, 0x518, GUINT32_SWAP_LE_BE(at));
}

static void fw_cfg_select(Fuzz *f)
{
    outw(f, 0x510, one_in(f, 4) ? fuzz_random(f) : fuzz_below(f, 0x40));
    for (unsigned n = fuzz_below(f, 20); n; n--) {
        port_access(f, 0x511);
    }
}

/* ---- timers and interrupts --------------------------------------------------------------------------------------- */

static void hpet_timers(Fuzz *f)
{
    unsigned timer = fuzz_below(f, 4);
    uint64_t base = HPET + 0x100 + 0x20 * timer;

    tell(f, "writeq", base, value(f) & 0x7fff);
    tell(f, "writeq", base + 8, one_in(f, 2) ? fuzz_random(f) & 0xffff : value(f));
    tell(f, "writeq", base + 0x10, (APIC + (value(f) & 0xfffff)) << 32 | fuzz_below(f, 0x10000));
    if (one_in(f, 4)) {
        tell(f, "writeq", HPET + 0xf0, value(f));
    }
    tell(f, "writeq", HPET + 0x10, fuzz_below(f, 4));
    tell(f, "writeq", HPET + 0x20, value(f));
}

static void ioapic_entry(Fuzz *f)
{
    tell(f, "writel", IOAPIC, fuzz_below(f, 0x48));
    tell(f, "writel", IOAPIC + 0x10, value(f) & 0xffffffff);
    ask(f, "readl", IOAPIC + 0x10);
}

/* Message-signalled interrupts: any address of the window, any data. */
static void send_msi(Fuzz *f)
{
    tell(f, "writel", APIC + (fuzz_random(f) & 0xffffc), value(f) & 0xffffffff);
}

static void pic_init(Fuzz *f)
{
    unsigned base = one_in(f, 2) ? 0x20 : 0xa0;

    outb(f, base, 0x10 | (fuzz_random(f) & 0xf));
    for (unsigned n = 0; n < 4; n++) {
        outb_value(f, base + 1);
    }
    outb_value(f, base);
    inb(f, base);
}

static void pit_counter(Fuzz *f)
{
    unsigned ctl = fuzz_below(f, 256);

    outb(f, 0x43, ctl);
    for (unsigned n = fuzz_below(f, 5); n; n--) {
        outb(f, 0x40 + fuzz_below(f, 3), one_in(f, 2) ? fuzz_below(f, 4) : fuzz_random(f));
    }
    outb(f, 0x61, fuzz_random(f) & 3);
    inb(f, 0x40 + fuzz_below(f, 3));
}

static void rtc_register(Fuzz *f)
{
    for (unsigned n = 1 + fuzz_below(f, 6); n; n--) {
        indexed(f, 0x70, fuzz_below(f, one_in(f, 4) ? 256 : 15), value(f));
    }
    outb(f, 0x70, 0x0c);
    inb(f, 0x71);
}

static void pass_time(Fuzz *f)
{
    if (one_in(f, 3)) {
        g_string_append(f->out, "clock_step\n");
    } else {
        g_string_append_printf(f->out, "clock_step %" PRIu64 "\n", fuzz_random(f) >> (40 + fuzz_below(f, 24)));
    }
}

/* ---- the others -------------------------------------------------------------------------------------------------- */

static void vga_registers(Fuzz *f)
{
    static const struct {
        uint16_t port;
        uint8_t count;
    } sets[] = { { 0x3c4, 5 }, { 0x3ce, 9 }, { 0x3d4, 0x19 }, { 0x3b4, 0x19 } };

    for (unsigned n = 1 + fuzz_below(f, 12); n; n--) {
        unsigned set = fuzz_below(f, G_N_ELEMENTS(sets));
        unsigned index = one_in(f, 16) ? fuzz_below(f, 256) : fuzz_below(f, sets[set].count);

        indexed(f, sets[set].port, index, one_in(f, 2) ? fuzz_random(f) : value(f));
    }
    inb(f, 0x3da);
    outb(f, 0x3c0, fuzz_below(f, 0x40));
    outb_value(f, 0x3c0);
    outb(f, 0x3c0, 0x20);
    outb_value(f, 0x3c2);
}

static void vbe_mode(Fuzz *f)
{
    static const uint16_t bpp[] = { 4, 8, 15, 16, 24, 32, 0, 64 };
    uint16_t v[11];

    for (unsigned i = 0; i < G_N_ELEMENTS(v); i++) {
        v[i] = (uint16_t)(one_in(f, 4) ? fuzz_random(f) : fuzz_below(f, 2600));
    }
    v[0] = 0xb0c0 | (v[0] & 7);
    v[3] = bpp[fuzz_below(f, G_N_ELEMENTS(bpp))];
    v[4] = (uint16_t)(fuzz_random(f) & 0xe7);
    for (unsigned i = 0; i < G_N_ELEMENTS(v); i++) {
        unsigned index = i == 4 ? 10 : i == 10 ? 4 : i;     /* enabled last */

        if (!one_in(f, 4)) {
            outw(f, 0x1ce, index);
            outw(f, 0x1d0, v[index]);
            tell(f, "writew", (one_in(f, 2) ? VGA_REGS : VGA2_REGS) + 0x500 + 2 * index, v[index]);
        }
    }
}

static void keyboard_command(Fuzz *f)
{
    outb(f, 0x64, one_in(f, 2) ? 0xd0 + fuzz_below(f, 5) : fuzz_below(f, 0xf0));
    outb_value(f, 0x60);
    outb(f, 0x60, 0xe0 + fuzz_below(f, 32));
    outb_value(f, 0x60);
    for (unsigned n = fuzz_below(f, 6); n; n--) {
        inb(f, 0x60);
    }
}

static void edu_dma(Fuzz *f)
{
    tell(f, "writeq", EDU + 0x80, one_in(f, 2) ? 0x40000 + fuzz_below(f, 0x1100) : dma_address(f));
    tell(f, "writeq", EDU + 0x88, one_in(f, 2) ? 0x40000 + fuzz_below(f, 0x1100) : dma_address(f));
    tell(f, "writeq", EDU + 0x90, one_in(f, 4) ? value(f) : fuzz_below(f, 0x1200));
    tell(f, "writeq", EDU + 0x98, value(f) | 1);
    tell(f, "writel", EDU + 0x08, value(f) & 0xffffffff);
    tell(f, "writel", EDU + 0x64, value(f) & 0xffffffff);
}

/* Interrupts by message: to the local APICs, to memory, to the card itself. */
static void edu_message(Fuzz *f)
{
    pci_write(f, 3 << 3, 0x44, one_in(f, 2) ? APIC | fuzz_below(f, 0x100000) : one_in(f, 2) ? EDU + 0x60 : value(f));
    pci_write(f, 3 << 3, 0x48, one_in(f, 4) ? value(f) : 0);
    pci_write(f, 3 << 3, 0x4c, value(f));
    pci_write(f, 3 << 3, 0x40, value(f) | 0x10000);
    tell(f, "writel", EDU + 0x60, value(f) & 0xffffffff);
    tell(f, "writel", EDU + 0x64, value(f) & 0xffffffff);
}

static void serial_port(Fuzz *f)
{
    for (unsigned n = 1 + fuzz_below(f, 40); n; n--) {
        port_access(f, (one_in(f, 2) ? 0x3f8 : 0x2f8) + fuzz_below(f, 8));
    }
}

static void smbus(Fuzz *f)
{
    outb(f, 0xb100, 0x1f);
    outb(f, 0xb104, one_in(f, 2) ? 0xa0 + fuzz_below(f, 16) : fuzz_random(f));
    outb_value(f, 0xb103);
    outb_value(f, 0xb105);
    outb_value(f, 0xb106);
    outb(f, 0xb102, fuzz_random(f));
    for (unsigned n = fuzz_below(f, 40); n; n--) {
        port_access(f, one_in(f, 2) ? 0xb107 : 0xb100);
    }
}

/* On the bus behind the bridge; of the cards there only the one that the user has added is given back. */
static void hot_plug(Fuzz *f)
{
    for (unsigned n = 1 + fuzz_below(f, 6); n; n--) {
        outl(f, HOT_PLUG + 0x10, one_in(f, 4) ? fuzz_below(f, 300) : 1);
        ask(f, one_in(f, 4) ? "inb" : "inl", HOT_PLUG + fuzz_below(f, 6) * 4);
        outl(f, HOT_PLUG + 0x08, FUZZ_HOT_SLOTS);
    }
}

static void watchdog(Fuzz *f)
{
    for (unsigned n = fuzz_below(f, 5); n; n--) {
        tell(f, "writew", I6300ESB + 0x0c, one_in(f, 2) ? 0x80 : one_in(f, 2) ? 0x86 : 0x100);
        tell(f, "writel", I6300ESB + fuzz_below(f, 4) * 4, value(f) & 0xfffff);
    }
    pci_write(f, 4 << 3, 0x60 + fuzz_below(f, 4) * 4, (uint32_t)value(f));
}

/* Sleeping and switching off are rare, as little happens afterwards until a reset. */
static void power(Fuzz *f)
{
    outw(f, PM_BASE + 4, (one_in(f, 8) ? 0x2000 : 0) | fuzz_below(f, 8) << 10 | fuzz_below(f, 8));
}

static void reset(Fuzz *f)
{
    switch (fuzz_below(f, 4)) {
    case 0:
        outb(f, 0xcf9, 2);
        outb(f, 0xcf9, 6);
        break;
    case 1:
        outb(f, 0x64, 0xfe);
        break;
    case 2:
        outb(f, 0x92, 1);
        break;
    default:
        outb(f, 0xcf9, 0x0e);
        break;
    }
    g_string_append(f->out, "clock_step 1000\n");
    fuzz_setup(f);
}

static const struct {
    void (*fn)(Fuzz *f);
    unsigned weight;
} acts[] = {
    { poke_ports, 60 }, { poke_memory, 30 }, { poke_anywhere, 20 }, { poke_block, 5 }, { pci_config, 10 },
    { fuzz_setup, 10 }, { ide_command, 60 }, { atapi_packet, 40 }, { floppy_command, 40 }, { dma_controller, 5 },
    { fw_cfg_dma, 15 }, { fw_cfg_select, 5 }, { hpet_timers, 15 }, { ioapic_entry, 10 }, { send_msi, 5 },
    { pic_init, 8 }, { pit_counter, 10 }, { rtc_register, 10 }, { pass_time, 50 }, { vga_registers, 20 },
    { vbe_mode, 15 }, { keyboard_command, 15 }, { edu_dma, 10 }, { edu_message, 5 },
    { serial_port, 15 }, { smbus, 8 }, { hot_plug, 4 }, { watchdog, 6 },
    { power, 2 }, { reset, 2 },
};

void fuzz_round(Fuzz *f)
{
    unsigned sum = 0, i = 0, n;

    for (unsigned k = 0; k < G_N_ELEMENTS(acts); k++) {
        sum += acts[k].weight;
    }
    for (n = fuzz_below(f, sum); n >= acts[i].weight; i++) {
        n -= acts[i].weight;
    }
    acts[i].fn(f);
}
