/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The list of capabilities behind a function's header
 *
 * Follows: PCI Local Bus Specification 2.2, "Capabilities List".
 */
#include "qemu/osdep.h"
#include "pci-internal.h"
#include "qemu/bitops.h"

#define CAP_FIRST       0x40
#define CAP_ALIGN       4
#define CAP_NEXT        1       /* offset in a capability of the one that follows */

static uint8_t *last_link(PciDevice *dev)
{
    uint8_t *link = &dev->config[PCI_CAPABILITY_LIST];

    while (*link) {
        link = &dev->config[*link + CAP_NEXT];
    }
    return link;
}

/* The first offset with nothing but free bytes behind it for size. */
static unsigned find_room(const PciDevice *dev, unsigned size)
{
    unsigned at = CAP_FIRST;

    for (unsigned i = 0; i < PCI_CAPS_MAX; i++) {
        at = MAX(at, dev->caps[i].at + dev->caps[i].size);
    }
    at = (at + CAP_ALIGN - 1) & ~(CAP_ALIGN - 1u);
    return at + size <= PCI_CONFIG_SIZE ? at : 0;
}

static bool is_free(const PciDevice *dev, unsigned at, unsigned size)
{
    for (unsigned i = 0; i < PCI_CAPS_MAX; i++) {
        if (at < dev->caps[i].at + (unsigned)dev->caps[i].size && dev->caps[i].at < at + size) {
            return false;
        }
    }
    return at >= CAP_FIRST && at % CAP_ALIGN == 0 && at + size <= PCI_CONFIG_SIZE;
}

unsigned pci_add_capability(PciDevice *dev, uint8_t id, unsigned at, unsigned size, Error **errp)
{
    unsigned slot = 0;

    while (slot < PCI_CAPS_MAX && dev->caps[slot].size) {
        slot++;
    }
    at = at ? at : find_room(dev, size);
    if (slot == PCI_CAPS_MAX || !is_free(dev, at, size)) {
        error_set(errp, "PCI: no room in the configuration space of %s for capability %02x", dev->parent.type->name,
                  id);
        return 0;
    }
    dev->caps[slot] = (PciCap) { .at = at, .size = size };
    *last_link(dev) = at;
    memset(dev->config + at, 0, size);
    memset(dev->wmask + at, 0, size);
    dev->config[at] = id;
    store_le16(dev->config + PCI_STATUS, load_le16(dev->config + PCI_STATUS) | PCI_STATUS_CAP_LIST);
    return at;
}

/* Capabilities are the function's, not the machine's that saved: only what a guest can write may differ. */
bool pci_caps_are_sane(const PciDevice *dev)
{
    for (unsigned i = 0; i < PCI_CAPS_MAX; i++) {
        for (unsigned at = dev->caps[i].at, end = at + dev->caps[i].size; at < end; at++) {
            if ((dev->config[at] ^ dev->config_reset[at]) & ~dev->wmask[at] & ~dev->volatile_mask[at]) {
                return false;
            }
        }
    }
    return dev->config[PCI_CAPABILITY_LIST] == dev->config_reset[PCI_CAPABILITY_LIST];
}

void pci_caps_reset(PciDevice *dev)
{
    for (unsigned i = 0; i < PCI_CAPS_MAX; i++) {
        memcpy(dev->config + dev->caps[i].at, dev->config_reset + dev->caps[i].at, dev->caps[i].size);
    }
}
