/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MSI: the capability, its masks, and the message itself
 *
 *   +00  05, next   +02 message control   +04 address   (+08 its upper half)   then data: 16 bits
 *   maskable: then, on a multiple of four, mask bits and pending bits: 32 each
 *
 * All of its state lies in configuration space.
 * Follows: PCI Local Bus Specification 3.0, "MSI Capability Structure".
 */
#include "qemu/osdep.h"
#include "hw/pci/msi.h"
#include "pci-internal.h"
#include "qemu/bitops.h"
#include "trace/hw-pci.h"

#define CAP_ID_MSI      0x05
#define CONTROL         2
#define CONTROL_ENABLE  0x0001u
#define CONTROL_MMC     1           /* shift: log2 of the vectors the function can use, */
#define CONTROL_MME     4           /* and of those the guest grants */
#define CONTROL_MME_MASK (7u << CONTROL_MME)
#define CONTROL_64      0x0080u
#define CONTROL_MASK    0x0100u
#define ADDRESS         4
#define ADDRESS_MASK    0xfffffffcu

static uint16_t control(const PciDevice *dev)
{
    return load_le16(dev->config + dev->msi_at + CONTROL);
}

static unsigned data_at(const PciDevice *dev)
{
    return dev->msi_at + (control(dev) & CONTROL_64 ? 0x0c : 0x08);
}

static uint8_t *mask_bits(PciDevice *dev)
{
    return control(dev) & CONTROL_MASK ? dev->config + data_at(dev) + 4 : NULL;
}

static uint8_t *pending_bits(PciDevice *dev)
{
    return dev->config + data_at(dev) + 8;
}

static unsigned cap_size(const MsiLayout *l)
{
    return (l->is_64 ? 0x0e : 0x0a) + (l->maskable ? 10 : 0);
}

bool msi_init(PciDevice *dev, const MsiLayout *l, Error **errp)
{
    unsigned at = pci_add_capability(dev, CAP_ID_MSI, l->at, cap_size(l), errp), log2_vectors = ctz64(l->vectors);
    uint32_t vectors = (1ull << l->vectors) - 1;

    assert(is_power_of_2(l->vectors) && l->vectors <= MSI_VECTORS_MAX && !dev->msi_at);
    if (!at) {
        return false;
    }
    dev->msi_at = at;
    store_le16(dev->config + at + CONTROL, log2_vectors << CONTROL_MMC | (l->is_64 ? CONTROL_64 : 0) |
               (l->maskable ? CONTROL_MASK : 0));
    store_le16(dev->wmask + at + CONTROL, CONTROL_ENABLE | (l->vectors > 1 ? CONTROL_MME_MASK : 0));
    store_le32(dev->wmask + at + ADDRESS, ADDRESS_MASK);
    if (l->is_64) {
        store_le32(dev->wmask + at + ADDRESS + 4, 0xffffffffu);
    }
    store_le16(dev->wmask + data_at(dev), 0xffff);
    if (l->maskable) {
        store_le32(dev->wmask + data_at(dev) + 4, vectors);
        store_le32(dev->volatile_mask + data_at(dev) + 8, vectors);
    }
    return true;
}

bool msi_enabled(const PciDevice *dev)
{
    return dev->msi_at && control(dev) & CONTROL_ENABLE;
}

/* More than the function asked for is a mistake of the guest; it has what it can use. */
unsigned msi_vectors(const PciDevice *dev)
{
    unsigned granted = control(dev) >> CONTROL_MME & 7, able = control(dev) >> CONTROL_MMC & 7;

    return 1u << MIN(granted, able);
}

/* The message's lowest data bits tell the vectors apart. */
static void send(PciDevice *dev, unsigned vector)
{
    const uint8_t *cap = dev->config + dev->msi_at;
    uint64_t addr = control(dev) & CONTROL_64 ? load_le64(cap + ADDRESS) : load_le32(cap + ADDRESS);
    uint32_t data = load_le16(dev->config + data_at(dev));

    data = (data & ~(msi_vectors(dev) - 1)) | vector;
    trace_pci_msi_send(dev->parent.type->name, vector, addr, data);
    pci_send_message(dev, addr, data);
}

void msi_notify(PciDevice *dev, unsigned vector)
{
    uint8_t *mask, *pending;

    if (!msi_enabled(dev)) {
        return;
    }
    vector = MIN(vector, msi_vectors(dev) - 1);
    mask = mask_bits(dev);
    if (mask && load_le32(mask) >> vector & 1) {
        pending = pending_bits(dev);
        store_le32(pending, load_le32(pending) | 1u << vector);
        return;
    }
    send(dev, vector);
}

/* What waited for its mask to go is sent now. */
void msi_config_written(PciDevice *dev)
{
    uint8_t *mask = dev->msi_at ? mask_bits(dev) : NULL, *pending;
    uint32_t due;

    if (!mask || !msi_enabled(dev)) {
        return;
    }
    pending = pending_bits(dev);
    due = load_le32(pending) & ~load_le32(mask) & (uint32_t)((1ull << msi_vectors(dev)) - 1);
    store_le32(pending, load_le32(pending) & ~due);
    for (; due; due &= due - 1) {
        send(dev, ctz64(due));
    }
}
