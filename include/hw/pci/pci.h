/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI: functions with 256 bytes of configuration space, BARs that map regions, INTx routed by the host bridge.
 * Follows: PCI Local Bus Specification 2.1. Big lock held.
 */
#ifndef HW_PCI_PCI_H
#define HW_PCI_PCI_H

#include "hw/core/device.h"

#define PCI_CONFIG_SIZE 256
#define PCI_NUM_BARS    6
#define PCI_ROM_SLOT    6
#define PCI_PINS        4

#define PCI_VENDOR_ID 0x00
#define PCI_DEVICE_ID 0x02
#define PCI_COMMAND   0x04
#define PCI_COMMAND_IO (1u << 0)
#define PCI_COMMAND_MEMORY (1u << 1)
#define PCI_COMMAND_MASTER (1u << 2)
#define PCI_COMMAND_SERR (1u << 8)
#define PCI_COMMAND_INTX_DISABLE (1u << 10)
#define PCI_STATUS    0x06
#define PCI_STATUS_INTERRUPT (1u << 3)
#define PCI_STATUS_CAP_LIST (1u << 4)
#define PCI_REVISION  0x08
#define PCI_CLASS_PROG 0x09
#define PCI_CLASS_DEVICE 0x0a
#define PCI_CACHE_LINE_SIZE 0x0c
#define PCI_HEADER_TYPE 0x0e
#define PCI_HEADER_MULTIFUNCTION 0x80u
#define PCI_BAR0      0x10
#define PCI_SUBSYSTEM_VENDOR_ID 0x2c
#define PCI_SUBSYSTEM_ID 0x2e
#define PCI_ROM_ADDRESS 0x30
#define PCI_CAPABILITY_LIST 0x34
/* of bridges, header type 1 */
#define PCI_HEADER_BRIDGE 0x01u
#define PCI_PRIMARY_BUS 0x18
#define PCI_SECONDARY_BUS 0x19
#define PCI_SUBORDINATE_BUS 0x1a
#define PCI_BRIDGE_ROM_ADDRESS 0x38
#define PCI_INTERRUPT_LINE 0x3c
#define PCI_INTERRUPT_PIN 0x3d

typedef struct PciBus PciBus;
typedef struct PciDevice PciDevice;

typedef struct PciDeviceClass {     /* DeviceType.class_data of BUS_PCI types */
    uint16_t vendor, device, class_id;
    uint8_t revision, prog_if, header_type, int_pin;    /* int_pin: 0 none, 1 = A */
    const char *romfile;        /* option ROM unless romfile= says another; NULL: none */
    bool (*realize)(PciDevice *dev, Error **errp);      /* after the header is set up */
    void (*reset)(PciDevice *dev);
    /* After config has changed within [addr, addr+len); NULL when nothing but storage. */
    void (*config_written)(PciDevice *dev, uint32_t addr, unsigned len);
} PciDeviceClass;

typedef struct PciBar {
    MemoryRegion *mr;
    uint64_t size;
    uint8_t type;               /* low bits of the BAR register: 1 = I/O, 8 = prefetchable, 4 = 64-bit */
    uint64_t mapped_at;         /* ~0 when not mapped */
} PciBar;

#define PCI_CAPS_MAX 8

typedef struct PciCap {
    uint8_t at, size;           /* in configuration space; size 0: none */
} PciCap;

struct PciDevice {
    Device parent;
    PciBus *bus;
    PciBus *secondary;          /* behind a bridge; else NULL */
    uint8_t devfn;              /* device << 3 | function */
    int32_t addr_prop;          /* -device addr=; -1: next free */
    uint8_t config[PCI_CONFIG_SIZE];
    uint8_t wmask[PCI_CONFIG_SIZE];     /* writable bits */
    uint8_t w1cmask[PCI_CONFIG_SIZE];   /* write 1 to clear */
    uint8_t volatile_mask[PCI_CONFIG_SIZE];     /* the function changes them: any value may be loaded */
    uint8_t config_reset[PCI_CONFIG_SIZE];
    PciBar bars[PCI_NUM_BARS + 1];
    PciCap caps[PCI_CAPS_MAX];
    uint8_t msi_at, msix_at;    /* of these capabilities; 0: none. msi.h */
    struct PciMsix *msix;
    char *romfile;              /* properties */
    uint32_t rombar;
    bool multifunction;
    MemoryRegion rom;
    int irq_state;              /* INTx level as the device drives it */
    bool gone;                  /* taken out by the guest or the user: waits to be freed */
    int irq_counted;            /* what of it the bus has counted: 0 while the command register disables INTx */
};

/* One root bus per machine, "pci.0". set_irq(opaque, pirq 0..3, level) gets the OR of the lines swizzled by map_irq. */
PciBus *pci_root_bus_new(MemoryRegion *mem, MemoryRegion *io, int (*map_irq)(PciDevice *dev, int pin),
                         void (*set_irq)(void *opaque, int pirq, int level), void *opaque, int n_pirq);
PciBus *pci_root_bus(void);
/* For the bridge that routes interrupts, when it comes after the bus. */
void pci_bus_set_irqs(PciBus *bus, int (*map_irq)(PciDevice *dev, int pin),
                      void (*set_irq)(void *opaque, int pirq, int level), void *opaque, int n_pirq);
MemoryRegion *pci_bus_mem(PciBus *bus);     /* where memory BARs go: what the chipset sends to PCI */
MemoryRegion *pci_bus_io(PciBus *bus);
PciDevice *pci_new(const char *type, int devfn);                /* devfn -1: next free device number */
bool pci_realize(PciDevice *dev, PciBus *bus, Error **errp);    /* wraps device_realize */
/* From the given bus on, as configuration cycles go: through the bridges that the guest has given numbers to. */
PciDevice *pci_find(PciBus *bus, uint8_t bus_nr, uint8_t devfn);
uint8_t pci_bus_nr(const PciBus *bus);      /* as the guest has numbered it; several may have the same */
void pci_register_bar(PciDevice *dev, int bar, uint8_t type, MemoryRegion *mr);
/*
 * For realize: puts a capability of size bytes into the list, at the given offset or, for 0, behind the last one; all
 * of it but its ID and link is 0 and read-only. Its offset; 0 with an Error when there is no room.
 */
unsigned pci_add_capability(PciDevice *dev, uint8_t id, unsigned at, unsigned size, Error **errp);
/* The level of INTx; it does not reach the bus while the guest has disabled it or uses messages (msi.h). */
void pci_set_irq(PciDevice *dev, int level);
uint32_t pci_config_read(PciDevice *dev, uint32_t addr, unsigned len);
void pci_config_write(PciDevice *dev, uint32_t addr, uint32_t val, unsigned len);
/* Configuration mechanism 1 as the host bridge sees it. */
uint32_t pci_data_read(PciBus *bus, uint32_t addr, unsigned len);
void pci_data_write(PciBus *bus, uint32_t addr, uint32_t val, unsigned len);
/* DMA of a function: fails unless it is a bus master. */
MemTxResult pci_dma_read(PciDevice *dev, hwaddr addr, void *buf, uint64_t len);
MemTxResult pci_dma_write(PciDevice *dev, hwaddr addr, const void *buf, uint64_t len);
void pci_device_reset_common(PciDevice *dev);
void pci_update_mappings(PciDevice *dev);   /* after config was changed other than by pci_config_write() */
extern const VMStateDescription vmstate_pci_device;     /* VMSTATE_STRUCT(parent, S, vmstate_pci_device) */

/* ---- hot plug: hw/pci/pci-hotplug.c ------------------------------------------------------------------------------ */

typedef struct PciHotplug {         /* the board's controller, which talks to the guest */
    bool (*takes_part)(void *opaque, const PciBus *bus);
    void (*plugged)(void *opaque, PciDevice *dev);
    void (*unplug_request)(void *opaque, PciDevice *dev);   /* it calls pci_eject() when the guest agrees */
} PciHotplug;
void pci_bus_set_hotplug(PciBus *root, const PciHotplug *ops, void *opaque);
bool pci_bus_takes_part(const PciBus *bus);
int pci_bus_hotplug_nr(const PciBus *bus);                  /* -1: none */
PciBus *pci_bus_by_hotplug_nr(PciBus *root, int nr);        /* NULL: no such bus */
PciDevice *pci_bus_device(const PciBus *bus, uint8_t devfn);
bool pci_is_pluggable(const PciDevice *dev);                /* neither of the board nor a bridge that tables describe */
void pci_eject(PciDevice *dev);     /* from the guest's sight at once, with all behind it; freed soon */

void pci_print(GString *out);                           /* info pci */

#endif
