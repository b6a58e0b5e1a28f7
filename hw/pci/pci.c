/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI: configuration space, BARs, INTx, and the bus behind configuration mechanism 1.
 *
 * Follows: PCI Local Bus Specification 2.1, "Configuration Space"; PCI-to-PCI Bridge Architecture Specification 1.1,
 * "Interrupt Support", for what comes from behind bridges.
 * Left out: parity and SERR# reporting.
 */
#include "qemu/osdep.h"
#include "hw/pci/pci.h"
#include "hw/pci/msi.h"
#include "pci-internal.h"
#include "qemu/bitops.h"
#include "qemu/log.h"
#include "trace/hw-pci.h"

#define SUBSYSTEM_VENDOR    0x1af4u
#define SUBSYSTEM_DEVICE    0x1100u
#define COMMAND_WRITABLE    (PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_SERR | \
                             PCI_COMMAND_INTX_DISABLE)
#define STATUS_W1C          0xf900u     /* parity, SERR, master and target aborts, data parity */
#define HEADER_SIZE         0x40
#define BAR_UNMAPPED        (~0ull)
#define BAR_PRIORITY        1
#define BAR_IO              1u
#define BAR_MEM_64          4u
#define ROM_ENABLE          1u

static PciBus *root_bus;

/* ---- bus -------------------------------------------------------------------------------------------------------- */

PciBus *pci_root_bus_new(MemoryRegion *mem, MemoryRegion *io, int (*map_irq)(PciDevice *dev, int pin),
                         void (*set_irq)(void *opaque, int pirq, int level), void *opaque, int n_pirq)
{
    PciBus *bus = g_new0(PciBus, 1);

    bus->name = g_strdup("pci.0");
    bus->mem = mem;
    bus->io = io;
    pci_bus_set_irqs(bus, map_irq, set_irq, opaque, n_pirq);
    root_bus = bus;
    return bus;
}

void pci_bus_set_irqs(PciBus *bus, int (*map_irq)(PciDevice *dev, int pin),
                      void (*set_irq)(void *opaque, int pirq, int level), void *opaque, int n_pirq)
{
    g_free(bus->pirq_count);
    bus->pirq_count = g_new0(int, n_pirq);
    bus->map_irq = map_irq;
    bus->set_irq = set_irq;
    bus->irq_opaque = opaque;
    bus->n_pirq = n_pirq;
}

PciBus *pci_root_bus(void)
{
    return root_bus;
}

MemoryRegion *pci_bus_mem(PciBus *bus)
{
    return bus->mem;
}

MemoryRegion *pci_bus_io(PciBus *bus)
{
    return bus->io;
}

uint8_t pci_bus_nr(const PciBus *bus)
{
    return bus->bridge ? bus->bridge->config[PCI_SECONDARY_BUS] : 0;
}

/* Type 0 for the bus itself, type 1 for what one of its bridges says is behind it. */
PciDevice *pci_find(PciBus *bus, uint8_t bus_nr, uint8_t devfn)
{
    if (bus_nr == pci_bus_nr(bus)) {
        return bus->devices[devfn];
    }
    for (unsigned i = 0; i < ARRAY_SIZE(bus->devices); i++) {
        const PciDevice *dev = bus->devices[i];

        if (dev && dev->secondary && bus_nr >= dev->config[PCI_SECONDARY_BUS] &&
            bus_nr <= dev->config[PCI_SUBORDINATE_BUS]) {
            return pci_find(dev->secondary, bus_nr, devfn);
        }
    }
    return NULL;
}

static PciBus *find_bus(PciBus *bus, const char *name)
{
    PciBus *found = bus && !strcmp(bus->name, name) ? bus : NULL;

    for (unsigned i = 0; bus && !found && i < ARRAY_SIZE(bus->devices); i++) {
        found = bus->devices[i] ? find_bus(bus->devices[i]->secondary, name) : NULL;
    }
    return found;
}

/* ---- BARs ------------------------------------------------------------------------------------------------------- */

static bool has_bridge_header(const PciDevice *dev)
{
    return (dev->config[PCI_HEADER_TYPE] & ~PCI_HEADER_MULTIFUNCTION) == PCI_HEADER_BRIDGE;
}

/* Of its register in configuration space. */
static unsigned bar_offset(const PciDevice *dev, int bar)
{
    if (bar == PCI_ROM_SLOT) {
        return has_bridge_header(dev) ? PCI_BRIDGE_ROM_ADDRESS : PCI_ROM_ADDRESS;
    }
    return PCI_BAR0 + 4 * bar;
}

void pci_register_bar(PciDevice *dev, int bar, uint8_t type, MemoryRegion *mr)
{
    PciBar *b = &dev->bars[bar];
    uint64_t size = memory_region_size(mr), mask = ~(size - 1);
    unsigned at = bar_offset(dev, bar);

    assert(!b->mr && is_power_of_2(size) && size >= (type & BAR_IO ? 4 : 16));
    *b = (PciBar) { .mr = mr, .size = size, .type = type, .mapped_at = BAR_UNMAPPED };
    store_le32(dev->config + at, bar == PCI_ROM_SLOT ? 0 : type);
    store_le32(dev->wmask + at, (uint32_t)mask | (bar == PCI_ROM_SLOT ? ROM_ENABLE : 0));
    if (type & BAR_MEM_64) {
        assert(bar < PCI_NUM_BARS - 1);
        store_le32(dev->wmask + at + 4, mask >> 32);
    }
}

/* Where the function decodes a BAR now; BAR_UNMAPPED when it does not. */
static uint64_t bar_address(const PciDevice *dev, int bar)
{
    const PciBar *b = &dev->bars[bar];
    const uint8_t *reg = dev->config + bar_offset(dev, bar);
    uint16_t command = load_le16(dev->config + PCI_COMMAND);
    bool is_64 = b->type & BAR_MEM_64 && bar != PCI_ROM_SLOT;
    uint64_t addr = (is_64 ? load_le64(reg) : load_le32(reg)) & ~(b->size - 1), last = addr + b->size - 1;

    if (b->type & BAR_IO) {
        return command & PCI_COMMAND_IO && addr && last <= 0xffff ? addr : BAR_UNMAPPED;
    }
    if (!(command & PCI_COMMAND_MEMORY) || (bar == PCI_ROM_SLOT && !(load_le32(reg) & ROM_ENABLE))) {
        return BAR_UNMAPPED;
    }
    /* Address 0 is a register never set; one that ends at the top of its space is being sized with all ones. */
    if (!addr || last == UINT64_MAX || (!is_64 && last >= UINT32_MAX)) {
        return BAR_UNMAPPED;
    }
    return addr;
}

static void bar_unmap(PciDevice *dev, int bar)
{
    PciBar *b = &dev->bars[bar];

    if (b->mr && b->mapped_at != BAR_UNMAPPED) {
        trace_pci_bar_unmap(dev->parent.type->name, bar);
        memory_region_del(b->mr);
        b->mapped_at = BAR_UNMAPPED;
    }
}

static void bar_update(PciDevice *dev, int bar)
{
    PciBar *b = &dev->bars[bar];
    uint64_t addr = bar_address(dev, bar);

    if (addr == b->mapped_at) {
        return;
    }
    bar_unmap(dev, bar);
    if (addr != BAR_UNMAPPED) {
        trace_pci_bar_map(dev->parent.type->name, bar, addr, b->size);
        memory_region_add(b->type & BAR_IO ? dev->bus->io : dev->bus->mem, addr, b->mr, BAR_PRIORITY);
        b->mapped_at = addr;
    }
}

void pci_update_mappings(PciDevice *dev)
{
    memory_transaction_begin();
    for (int i = 0; i <= PCI_ROM_SLOT; i++) {
        if (dev->bars[i].mr) {
            bar_update(dev, i);
        }
    }
    memory_transaction_commit();
}

/* ---- INTx ------------------------------------------------------------------------------------------------------- */

/* The line of the root bus that INTx arrives at: each bridge on the way rotates by the slot. */
static int route_intx(const PciDevice *dev, PciBus **root)
{
    int pin = dev->config[PCI_INTERRUPT_PIN] - 1;

    while (dev->bus->bridge) {
        pin = (pin + (dev->devfn >> 3)) % PCI_PINS;
        dev = dev->bus->bridge;
    }
    *root = dev->bus;
    return dev->bus->map_irq ? dev->bus->map_irq((PciDevice *)dev, pin) : -1;
}

/* Brings the bus's count in line with what the function drives and whether it may. */
static void irq_update(PciDevice *dev)
{
    PciBus *bus;
    bool disabled = load_le16(dev->config + PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE;
    bool by_message = msi_enabled(dev) || msix_enabled(dev);    /* which forbids the pin */
    int level = dev->irq_state && !disabled && !by_message && !dev->gone;
    int pirq, was;

    if (level == dev->irq_counted || !dev->config[PCI_INTERRUPT_PIN]) {
        return;
    }
    pirq = route_intx(dev, &bus);
    if (pirq < 0) {
        return;
    }
    was = bus->pirq_count[pirq];
    dev->irq_counted = level;
    bus->pirq_count[pirq] += level ? 1 : -1;
    trace_pci_set_irq(dev->parent.type->name, pirq, level);
    if (!was != !bus->pirq_count[pirq]) {
        bus->set_irq(bus->irq_opaque, pirq, !was);
    }
}

void pci_set_irq(PciDevice *dev, int level)
{
    dev->irq_state = !!level;
    /* The status bit tells the truth even while the pin is disabled. Revision 2.3, but guests of any age look. */
    dev->config[PCI_STATUS] = (dev->config[PCI_STATUS] & ~PCI_STATUS_INTERRUPT) | (level ? PCI_STATUS_INTERRUPT : 0);
    irq_update(dev);
}

/* ---- configuration space ---------------------------------------------------------------------------------------- */

static bool ranges_overlap(uint32_t a, unsigned alen, uint32_t b, unsigned blen)
{
    return a < b + blen && b < a + alen;
}

uint32_t pci_config_read(PciDevice *dev, uint32_t addr, unsigned len)
{
    uint32_t val = 0;

    for (unsigned i = 0; i < len && addr + i < PCI_CONFIG_SIZE; i++) {
        val |= (uint32_t)dev->config[addr + i] << (8 * i);
    }
    trace_pci_config_read(dev->parent.type->name, dev->devfn, addr, len, val);
    return val;
}

void pci_config_write(PciDevice *dev, uint32_t addr, uint32_t val, unsigned len)
{
    const PciDeviceClass *k = dev->parent.type->class_data;

    trace_pci_config_write(dev->parent.type->name, dev->devfn, addr, len, val);
    for (unsigned i = 0; i < len && addr + i < PCI_CONFIG_SIZE; i++) {
        uint8_t v = val >> (8 * i), w = dev->wmask[addr + i], *reg = &dev->config[addr + i];

        *reg = (*reg & ~w) | (v & w);
        *reg &= ~(v & dev->w1cmask[addr + i]);
    }
    if (ranges_overlap(addr, len, PCI_COMMAND, 2) || ranges_overlap(addr, len, PCI_BAR0, 4 * PCI_NUM_BARS) ||
        ranges_overlap(addr, len, bar_offset(dev, PCI_ROM_SLOT), 4)) {
        pci_update_mappings(dev);
    }
    irq_update(dev);
    msi_config_written(dev);
    msix_config_written(dev);
    if (k->config_written) {
        k->config_written(dev, addr, len);
    }
}

/* addr as CF8 holds it: bus 23:16, devfn 15:8, register 7:0. */
static PciDevice *data_target(PciBus *bus, uint32_t addr)
{
    return pci_find(bus, addr >> 16 & 0xff, addr >> 8 & 0xff);
}

uint32_t pci_data_read(PciBus *bus, uint32_t addr, unsigned len)
{
    PciDevice *dev = data_target(bus, addr);

    return dev ? pci_config_read(dev, addr & 0xff, len) : ~0u >> (32 - 8 * len);
}

void pci_data_write(PciBus *bus, uint32_t addr, uint32_t val, unsigned len)
{
    PciDevice *dev = data_target(bus, addr);

    if (dev) {
        pci_config_write(dev, addr & 0xff, val, len);
    }
}

/* ---- DMA -------------------------------------------------------------------------------------------------------- */

/* The function itself, and each bridge that has to pass its transfer on. */
static bool may_master(const PciDevice *dev)
{
    for (const PciDevice *d = dev; d; d = d->bus->bridge) {
        if (d->gone || !(load_le16(d->config + PCI_COMMAND) & PCI_COMMAND_MASTER)) {
            qemu_log_mask(LOG_GUEST_ERROR, "%s: DMA while bus mastering of %s is disabled\n", dev->parent.type->name,
                          d->parent.type->name);
            return false;
        }
    }
    return true;
}

MemTxResult pci_dma_read(PciDevice *dev, hwaddr addr, void *buf, uint64_t len)
{
    if (!may_master(dev)) {
        memset(buf, 0xff, len);     /* nobody drives the bus */
        return MEMTX_ERROR;
    }
    return dma_memory_read(addr, buf, len);
}

MemTxResult pci_dma_write(PciDevice *dev, hwaddr addr, const void *buf, uint64_t len)
{
    return may_master(dev) ? dma_memory_write(addr, buf, len) : MEMTX_ERROR;
}

void pci_send_message(PciDevice *dev, uint64_t addr, uint32_t data)
{
    uint8_t buf[4];

    store_le32(buf, data);
    pci_dma_write(dev, addr, buf, sizeof(buf));
}

/* ---- life of a function ----------------------------------------------------------------------------------------- */

static PciDevice *pci_dev(Device *dev)
{
    return container_of(dev, PciDevice, parent);
}

PciDevice *pci_new(const char *type, int devfn)
{
    Device *dev = device_new(type);

    assert(dev->type->bus == BUS_PCI);
    pci_dev(dev)->addr_prop = devfn;
    return pci_dev(dev);
}

bool pci_realize(PciDevice *dev, PciBus *bus, Error **errp)
{
    dev->bus = bus;
    return device_realize(&dev->parent, NULL, errp);
}

static bool slot_is_free(const PciBus *bus, unsigned slot)
{
    for (unsigned fn = 0; fn < 8; fn++) {
        if (bus->devices[slot << 3 | fn]) {
            return false;
        }
    }
    return true;
}

/* Guests look for functions 1 to 7 only where function 0 says that there are some. */
static bool check_multifunction(const PciDevice *dev, Error **errp)
{
    PciDevice *const *card = &dev->bus->devices[dev->devfn & ~7u];
    unsigned slot = dev->devfn >> 3, fn = dev->devfn & 7;

    if (fn && card[0] && dev->parent.hotplugged) {      /* a guest looks at a card when its function 0 comes */
        error_set(errp, "PCI: slot %u function 0 already occupied by %s, new func %s cannot be exposed to guest.", slot,
                  card[0]->parent.type->name, dev->parent.type->name);
        return false;
    }
    if (fn && card[0] && !(card[0]->config[PCI_HEADER_TYPE] & PCI_HEADER_MULTIFUNCTION)) {
        error_set(errp, "PCI: single function device can't be populated in function %x.%x", slot, fn);
        return false;
    }
    for (unsigned i = 1; i < 8 && !fn && !(dev->config[PCI_HEADER_TYPE] & PCI_HEADER_MULTIFUNCTION); i++) {
        if (card[i]) {
            error_set(errp, "PCI: %x.0 indicates single function, but %x.%x is already populated", slot, slot, i);
            return false;
        }
    }
    return true;
}

static bool claim_devfn(PciDevice *dev, Error **errp)
{
    PciBus *bus = dev->bus;
    unsigned slot = 0;

    if (dev->addr_prop >= 0) {
        PciDevice *other = bus->devices[dev->addr_prop];

        if (other) {
            error_set(errp, "PCI: slot %d function %d not available for %s, in use by %s,id=%s", dev->addr_prop >> 3,
                      dev->addr_prop & 7, dev->parent.type->name, other->parent.type->name,
                      other->parent.id ? other->parent.id : "(null)");
            return false;
        }
        dev->devfn = dev->addr_prop;
    } else {
        while (slot < 32 && !slot_is_free(bus, slot)) {
            slot++;
        }
        if (slot == 32) {
            error_set(errp, "PCI: no slot/function available for %s, all in use or reserved",
                      dev->parent.type->name);
            return false;
        }
        dev->devfn = slot << 3;
    }
    if (!check_multifunction(dev, errp)) {
        return false;
    }
    bus->devices[dev->devfn] = dev;
    return true;
}

static void header_init(PciDevice *dev, const PciDeviceClass *k)
{
    uint8_t *c = dev->config;

    store_le16(c + PCI_VENDOR_ID, k->vendor);
    store_le16(c + PCI_DEVICE_ID, k->device);
    c[PCI_REVISION] = k->revision;
    c[PCI_CLASS_PROG] = k->prog_if;
    store_le16(c + PCI_CLASS_DEVICE, k->class_id);
    c[PCI_HEADER_TYPE] = k->header_type | (dev->multifunction ? PCI_HEADER_MULTIFUNCTION : 0);
    if (!has_bridge_header(dev)) {
        store_le16(c + PCI_SUBSYSTEM_VENDOR_ID, SUBSYSTEM_VENDOR);
        store_le16(c + PCI_SUBSYSTEM_ID, SUBSYSTEM_DEVICE);
    }
    c[PCI_INTERRUPT_PIN] = k->int_pin;

    store_le16(dev->wmask + PCI_COMMAND, COMMAND_WRITABLE);
    store_le16(dev->w1cmask + PCI_STATUS, STATUS_W1C);
    dev->wmask[PCI_CACHE_LINE_SIZE] = 0xff;
    dev->wmask[PCI_INTERRUPT_LINE] = 0xff;
    /* What lies behind the header is storage unless the device narrows it. */
    memset(dev->wmask + HEADER_SIZE, 0xff, PCI_CONFIG_SIZE - HEADER_SIZE);
    for (int i = 0; i <= PCI_ROM_SLOT; i++) {
        dev->bars[i].mapped_at = BAR_UNMAPPED;
    }
}

static void pci_bus_instance_init(Device *d)
{
    pci_dev(d)->addr_prop = -1;
}

void pci_leave_bus(PciDevice *dev)
{
    for (int i = 0; i <= PCI_ROM_SLOT; i++) {
        bar_unmap(dev, i);
    }
    if (dev->bus->devices[dev->devfn] == dev) {     /* else the slot has been given to another already */
        dev->bus->devices[dev->devfn] = NULL;
    }
}

/* Nothing of the function is left on the bus. */
static void forget(PciDevice *dev)
{
    pci_leave_bus(dev);
    for (int i = 0; i <= PCI_ROM_SLOT; i++) {
        dev->bars[i].mr = NULL;
    }
    msix_unrealize(dev);
    pci_remove_rom(dev);
}

static bool pci_bus_realize(Device *d, Error **errp)
{
    PciDevice *dev = pci_dev(d);
    const PciDeviceClass *k = d->type->class_data;

    if (!dev->bus) {
        dev->bus = root_bus;
    }
    if (!dev->bus) {
        error_set(errp, "No 'PCI' bus found for device '%s'", d->type->name);
        return false;
    }
    header_init(dev, k);
    if (!claim_devfn(dev, errp)) {
        return false;
    }
    if (!pci_add_rom(dev, errp) || (k->realize && !k->realize(dev, errp)) ||
        (d->type->realize && !d->type->realize(d, errp))) {
        forget(dev);
        return false;
    }
    memcpy(dev->config_reset, dev->config, PCI_CONFIG_SIZE);
    return true;
}

static void pci_bus_unrealize(Device *d)
{
    PciDevice *dev = pci_dev(d);

    pci_set_irq(dev, 0);
    forget(dev);
}

/* Header and capabilities go back to what realize left there; the rest is the function's own: some survives a reset. */
void pci_device_reset_common(PciDevice *dev)
{
    pci_set_irq(dev, 0);
    memcpy(dev->config, dev->config_reset, HEADER_SIZE);
    pci_caps_reset(dev);
    msix_reset(dev);
    pci_update_mappings(dev);
    irq_update(dev);
}

static void pci_bus_reset(Device *d)
{
    const PciDeviceClass *k = d->type->class_data;

    pci_device_reset_common(pci_dev(d));
    if (k->reset) {
        k->reset(pci_dev(d));
    }
}

/* "addr=SLOT[.FUNCTION]", hexadecimal. */
static bool parse_addr(const char *s, int32_t *devfn)
{
    unsigned slot, fn = 0;
    int end = -1;

    if (sscanf(s, "%2x%n", &slot, &end) != 1 || !g_ascii_isxdigit(*s)) {
        return false;
    }
    if (s[end] == '.') {
        if (!g_ascii_isdigit(s[end + 1]) || s[end + 2]) {
            return false;
        }
        fn = s[end + 1] - '0';
    } else if (s[end]) {
        return false;
    }
    *devfn = slot << 3 | fn;
    return slot < 32 && fn < 8;
}

static Device *pci_bus_owner(Device *d)
{
    const PciBus *bus = pci_dev(d)->bus;

    return bus && bus->bridge ? &bus->bridge->parent : NULL;
}

/* "bus=NAME": of the root bus or one behind a bridge. */
static bool set_bus(PciDevice *dev, const char *name, Error **errp)
{
    static const struct {
        const char *name;
        BusKind kind;
    } others[] = { { "isa.0", BUS_ISA }, { "ide.0", BUS_IDE }, { "ide.1", BUS_IDE } };

    dev->bus = find_bus(root_bus, name);
    for (unsigned i = 0; !dev->bus && i < ARRAY_SIZE(others); i++) {
        if (!strcmp(name, others[i].name)) {
            error_set(errp, "Device '%s' can't go on %s bus", dev->parent.type->name, bus_kind_name(others[i].kind));
            return false;
        }
    }
    if (!dev->bus) {
        error_set(errp, "Bus '%s' not found", name);
    }
    return dev->bus;
}

static bool pci_bus_parse_prop(Device *d, const char *name, const char *value, bool *known, Error **errp)
{
    int32_t devfn;

    *known = !strcmp(name, "addr") || !strcmp(name, "bus");
    if (!*known) {
        return false;
    }
    if (!strcmp(name, "bus")) {
        return set_bus(pci_dev(d), value, errp);
    }
    if (!parse_addr(value, &devfn)) {
        error_set(errp, "Property '%s.addr' doesn't take value '%s'", d->type->name, value);
        return false;
    }
    pci_dev(d)->addr_prop = devfn;
    return true;
}

static const Property pci_bus_props[] = {
    { .name = "romfile", .kind = PROPK_STRING, .offset = offsetof(PciDevice, romfile),
      .help = "the card's option ROM; empty for none" },
    { .name = "rombar", .kind = PROPK_UINT32, .offset = offsetof(PciDevice, rombar), .def = 1,
      .help = "0: the option ROM is not there" },
    { .name = "multifunction", .kind = PROPK_BOOL, .offset = offsetof(PciDevice, multifunction),
      .help = "function 0 of a card that has more" },
    PROP_END
};

static const Property pci_parsed_props[] = {
    { .name = "addr", .kind = PROPK_STRING, .help = "slot and, if there is one, function: 06.0 or 06" },
    PROP_END
};

static const BusOps pci_bus_ops = {
    .name = "PCI",
    .props = pci_bus_props,
    .parsed_props = pci_parsed_props,
    .parse_prop = pci_bus_parse_prop,
    .instance_init = pci_bus_instance_init,
    .owner = pci_bus_owner,
    .realize = pci_bus_realize,
    .unrealize = pci_bus_unrealize,
    .reset = pci_bus_reset,
    .print = pci_print_device,
    .hotplug_check = pci_hotplug_check,
    .plugged = pci_plugged,
    .unplug_request = pci_unplug_request,
};

__attribute__((constructor)) static void register_pci_bus(void)
{
    bus_ops_register(BUS_PCI, &pci_bus_ops);
}

/* ---- snapshots -------------------------------------------------------------------------------------------------- */

static bool pci_post_load(void *opaque, int version, Error **errp)
{
    PciDevice *dev = opaque;

    if (memcmp(dev->config, dev->config_reset, PCI_COMMAND) ||
        memcmp(dev->config + PCI_CLASS_PROG, dev->config_reset + PCI_CLASS_PROG, 3) ||
        memcmp(dev->config + PCI_HEADER_TYPE, dev->config_reset + PCI_HEADER_TYPE, 1) || !pci_caps_are_sane(dev)) {
        error_set(errp, "state of '%s' at %02x.%x belongs to another PCI device", dev->parent.type->name,
                  dev->devfn >> 3, dev->devfn & 7);
        return false;
    }
    pci_update_mappings(dev);
    irq_update(dev);
    return true;
}

const VMStateDescription vmstate_pci_device = {
    .name = "pci-device", .version = 1, .min_version = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_BYTES(config, PciDevice, PCI_CONFIG_SIZE),
        VMSTATE_UINT32_MASK(irq_state, PciDevice, 1),
        VMSTATE_END
    },
    .post_load = pci_post_load,
};
