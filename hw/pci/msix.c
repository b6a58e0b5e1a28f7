/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MSI-X: a table of messages and a bit for each that waits, both in a BAR
 *
 *   capability  +00  11, next   +02 message control   +04 table: offset | BAR   +08 pending bits: offset | BAR
 *   table entry +00  address    +04 its upper half    +08 data                  +0c control: bit 0 masks it
 *
 * The function keeps the table and the pending bits, because it is its vmstate that says how many there are.
 * Follows: PCI Local Bus Specification 3.0, "MSI-X Capability & Table Structures".
 */
#include "qemu/osdep.h"
#include "hw/pci/msi.h"
#include "pci-internal.h"
#include "qemu/bitops.h"
#include "qemu/log.h"
#include "trace/hw-pci.h"

#define CAP_ID_MSIX     0x11
#define CAP_SIZE        12
#define CONTROL         2
#define CONTROL_MASKALL 0x4000u
#define CONTROL_ENABLE  0x8000u
#define TABLE           4
#define PBA             8

#define ENTRY_ADDRESS   0x00
#define ENTRY_DATA      0x08
#define ENTRY_CONTROL   0x0c
#define ENTRY_MASKED    1u

struct PciMsix {
    PciDevice *dev;
    MsixLayout layout;
    MemoryRegion table_mr, pba_mr;
};

static uint16_t control(const PciDevice *dev)
{
    return load_le16(dev->config + dev->msix_at + CONTROL);
}

bool msix_enabled(const PciDevice *dev)
{
    return dev->msix_at && control(dev) & CONTROL_ENABLE;
}

static uint8_t *entry_of(const struct PciMsix *m, unsigned vector)
{
    return m->layout.entries + vector * MSIX_ENTRY_SIZE;
}

static bool is_masked(const struct PciMsix *m, unsigned vector)
{
    return control(m->dev) & CONTROL_MASKALL || load_le32(entry_of(m, vector) + ENTRY_CONTROL) & ENTRY_MASKED;
}

static bool is_pending(const struct PciMsix *m, unsigned vector)
{
    return m->layout.pending[vector / 8] >> vector % 8 & 1;
}

static void set_pending(struct PciMsix *m, unsigned vector, bool on)
{
    uint8_t bit = 1u << vector % 8, *p = &m->layout.pending[vector / 8];

    *p = on ? *p | bit : *p & ~bit;
}

void msix_notify(PciDevice *dev, unsigned vector)
{
    struct PciMsix *m = dev->msix;
    const uint8_t *e;

    assert(m && vector < m->layout.vectors);
    if (!msix_enabled(dev)) {
        return;
    }
    if (is_masked(m, vector)) {
        set_pending(m, vector, true);
        return;
    }
    e = entry_of(m, vector);
    trace_pci_msi_send(dev->parent.type->name, vector, load_le64(e + ENTRY_ADDRESS), load_le32(e + ENTRY_DATA));
    pci_send_message(dev, load_le64(e + ENTRY_ADDRESS), load_le32(e + ENTRY_DATA));
}

static void send_if_due(struct PciMsix *m, unsigned vector)
{
    if (is_pending(m, vector) && msix_enabled(m->dev) && !is_masked(m, vector)) {
        set_pending(m, vector, false);
        msix_notify(m->dev, vector);
    }
}

void msix_config_written(PciDevice *dev)
{
    for (unsigned i = 0; dev->msix && i < dev->msix->layout.vectors; i++) {
        send_if_due(dev->msix, i);
    }
}

/* ---- table and pending bits -------------------------------------------------------------------------------------- */

/* "Software must only use aligned DWORD or QWORD accesses": of what is left, the unaligned ones. */
static bool access_ok(hwaddr addr, unsigned size)
{
    if (addr % size == 0) {
        return true;
    }
    qemu_log_mask(LOG_GUEST_ERROR, "pci: access of %u bytes at 0x%" PRIx64 " of an MSI-X table\n", size, addr);
    return false;
}

static uint64_t table_read(void *opaque, hwaddr addr, unsigned size)
{
    const struct PciMsix *m = opaque;

    if (!access_ok(addr, size)) {
        return ~0ull;
    }
    return size == 8 ? load_le64(m->layout.entries + addr) : load_le32(m->layout.entries + addr);
}

static void table_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    struct PciMsix *m = opaque;

    if (!access_ok(addr, size)) {
        return;
    }
    if (size == 8) {
        store_le64(m->layout.entries + addr, val);
    } else {
        store_le32(m->layout.entries + addr, val);
    }
    send_if_due(m, addr / MSIX_ENTRY_SIZE);
}

static uint64_t pba_read(void *opaque, hwaddr addr, unsigned size)
{
    const struct PciMsix *m = opaque;

    if (!access_ok(addr, size)) {
        return ~0ull;
    }
    return size == 8 ? load_le64(m->layout.pending + addr) : load_le32(m->layout.pending + addr);
}

static void pba_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    qemu_log_mask(LOG_GUEST_ERROR, "pci: write to pending bits of MSI-X, which are for reading only\n");
}

static const MemoryRegionOps table_ops = {
    .read = table_read, .write = table_write, .size = { .min = 4, .max = 8 }, .access = { .min = 4, .max = 8 },
};
static const MemoryRegionOps pba_ops = {
    .read = pba_read, .write = pba_write, .size = { .min = 4, .max = 8 }, .access = { .min = 4, .max = 8 },
};

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void check_layout(const MsixLayout *l)
{
    uint32_t table_end = l->table_at + l->vectors * MSIX_ENTRY_SIZE, pba_end = l->pba_at + MSIX_PBA_SIZE(l->vectors);

    assert(l->vectors && l->vectors <= MSIX_VECTORS_MAX && l->table_at % 8 == 0 && l->pba_at % 8 == 0);
    assert(l->bar_nr < PCI_NUM_BARS && (table_end <= l->pba_at || pba_end <= l->table_at));
}

bool msix_init(PciDevice *dev, const MsixLayout *l, Error **errp)
{
    struct PciMsix *m;
    unsigned at;

    check_layout(l);
    assert(!dev->msix);
    at = pci_add_capability(dev, CAP_ID_MSIX, l->at, CAP_SIZE, errp);
    if (!at) {
        return false;
    }
    store_le16(dev->config + at + CONTROL, l->vectors - 1);
    store_le16(dev->wmask + at + CONTROL, CONTROL_ENABLE | CONTROL_MASKALL);
    store_le32(dev->config + at + TABLE, l->table_at | l->bar_nr);
    store_le32(dev->config + at + PBA, l->pba_at | l->bar_nr);
    dev->msix_at = at;
    dev->msix = m = g_new0(struct PciMsix, 1);
    m->dev = dev;
    m->layout = *l;
    memory_region_init_io(&m->table_mr, &dev->parent, &table_ops, m, "msix-table", l->vectors * MSIX_ENTRY_SIZE);
    memory_region_init_io(&m->pba_mr, &dev->parent, &pba_ops, m, "msix-pba", MSIX_PBA_SIZE(l->vectors));
    memory_region_add(l->bar, l->table_at, &m->table_mr, 0);
    memory_region_add(l->bar, l->pba_at, &m->pba_mr, 0);
    msix_reset(dev);
    return true;
}

void msix_reset(PciDevice *dev)
{
    struct PciMsix *m = dev->msix;

    if (!m) {
        return;
    }
    memset(m->layout.entries, 0, m->layout.vectors * MSIX_ENTRY_SIZE);
    memset(m->layout.pending, 0, MSIX_PBA_SIZE(m->layout.vectors));
    for (unsigned i = 0; i < m->layout.vectors; i++) {
        store_le32(entry_of(m, i) + ENTRY_CONTROL, ENTRY_MASKED);
    }
}

void msix_unrealize(PciDevice *dev)
{
    if (dev->msix) {
        memory_region_del(&dev->msix->table_mr);
        memory_region_del(&dev->msix->pba_mr);
        memory_region_destroy(&dev->msix->table_mr);
        memory_region_destroy(&dev->msix->pba_mr);
        g_free(g_steal_pointer(&dev->msix));
    }
}
