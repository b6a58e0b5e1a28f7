/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI-to-PCI bridge (1B36:0001): a bus of 32 more slots
 *
 * What is mapped behind it lies in regions of their own; of these the parent bus shows what the windows let through:
 *
 *   1C, 1D, 30   I/O, steps of 4 KiB          20-23  memory, steps of 1 MiB
 *   24-2F        prefetchable memory, 64 bit  3E     VGA memory and ports, secondary bus reset
 *
 * Configuration cycles, interrupts and bus mastering of functions behind it are forwarded by pci.c.
 * Follows: PCI-to-PCI Bridge Architecture Specification 1.1.
 * Left out: a standard hot-plug controller (cards behind it come and go by ACPI), ISA enable, 10-bit VGA aliases, what
 * concerns parity and errors, windows that work against the direction for DMA (all of it goes to system memory).
 */
#include "qemu/osdep.h"
#include "pci-internal.h"
#include "qemu/bitops.h"
#include "trace/hw-pci.h"

#define CAP_ID_SLOT         0x04
#define CAP_SLOT_AT         0x40
#define CAP_SLOT_SIZE       4
#define SLOT_FIRST          0x20u   /* expansion slot register: the first bridge of its chassis */

#define LATENCY             0x0d
#define SECONDARY_LATENCY   0x1b
#define IO_BASE             0x1c
#define IO_LIMIT            0x1d
#define SECONDARY_STATUS    0x1e
#define MEM_BASE            0x20
#define MEM_LIMIT           0x22
#define PREF_BASE           0x24
#define PREF_LIMIT          0x26
#define PREF_BASE_UPPER     0x28
#define PREF_LIMIT_UPPER    0x2c
#define WINDOWS_END         0x34
#define PREF_IS_64          0x1u
#define CONTROL             0x3e
#define CONTROL_VGA         (1u << 3)
#define CONTROL_RESET       (1u << 6)
#define CONTROL_WRITABLE    0x0bffu
#define CONTROL_TIMER       (1u << 10)      /* discard timer status: write 1 to clear */
#define STATUS_FAST         0x00a0u         /* 66 MHz, fast back to back */
#define STATUS_W1C          0xf900u

typedef struct Window {
    bool open;
    uint64_t base, limit;       /* inclusive */
} Window;

#define N_WINDOWS   6

typedef struct PciBridge {
    PciDevice parent;
    PciBus bus;
    MemoryRegion mem, io;               /* all there is behind it */
    MemoryRegion alias[N_WINDOWS];      /* on the parent bus, as far as they are open */
    Window window[N_WINDOWS];
    uint16_t control;                   /* as the guest wrote it last: to see edges */
    uint8_t chassis_nr;                 /* properties */
    bool shpc;
} PciBridge;

static PciBridge *bridge_of(PciDevice *dev)
{
    return container_of(dev, PciBridge, parent);
}

/* ---- windows ----------------------------------------------------------------------------------------------------- */

static Window io_window(const uint8_t *c)
{
    uint64_t base = (c[IO_BASE] & 0xf0) << 8, limit = (c[IO_LIMIT] & 0xf0) << 8 | 0xfff;

    return (Window) { base <= limit, base, limit };
}

static uint64_t mem_bits(const uint8_t *reg)
{
    return (uint64_t)(load_le16(reg) & 0xfff0) << 16;
}

static Window mem_window(const uint8_t *c)
{
    uint64_t base = mem_bits(c + MEM_BASE), limit = mem_bits(c + MEM_LIMIT) | 0xfffff;

    return (Window) { base <= limit, base, limit };
}

static Window pref_window(const uint8_t *c)
{
    uint64_t base = mem_bits(c + PREF_BASE) | (uint64_t)load_le32(c + PREF_BASE_UPPER) << 32;
    uint64_t limit = mem_bits(c + PREF_LIMIT) | (uint64_t)load_le32(c + PREF_LIMIT_UPPER) << 32 | 0xfffff;

    return (Window) { base <= limit, base, limit };
}

static bool vga_enabled(const uint8_t *c)
{
    return load_le16(c + CONTROL) & CONTROL_VGA;
}

static Window vga_mem_window(const uint8_t *c)
{
    return (Window) { vga_enabled(c), 0xa0000, 0xbffff };
}

static Window vga_mono_window(const uint8_t *c)
{
    return (Window) { vga_enabled(c), 0x3b0, 0x3bb };
}

static Window vga_colour_window(const uint8_t *c)
{
    return (Window) { vga_enabled(c), 0x3c0, 0x3df };
}

static const struct {
    const char *name;
    bool is_io;
    Window (*get)(const uint8_t *config);
} windows[N_WINDOWS] = {
    { "pci_bridge_io", true, io_window }, { "pci_bridge_mem", false, mem_window },
    { "pci_bridge_pref_mem", false, pref_window }, { "pci_bridge_vga_mem", false, vga_mem_window },
    { "pci_bridge_vga_io_lo", true, vga_mono_window }, { "pci_bridge_vga_io_hi", true, vga_colour_window },
};

static void window_close(PciBridge *s, unsigned i)
{
    if (s->window[i].open) {
        memory_region_del(&s->alias[i]);
        memory_region_destroy(&s->alias[i]);
        s->window[i].open = false;
    }
}

static void window_open(PciBridge *s, unsigned i, const Window *w)
{
    bool is_io = windows[i].is_io;

    trace_pci_bridge_window(s->bus.name, windows[i].name, w->base, w->limit);
    memory_region_init_alias(&s->alias[i], &s->parent.parent, windows[i].name, is_io ? &s->io : &s->mem, w->base,
                             w->limit - w->base + 1);
    memory_region_add(is_io ? s->parent.bus->io : s->parent.bus->mem, w->base, &s->alias[i], 1);
    s->window[i] = *w;
}

static void update_windows(PciBridge *s)
{
    const uint8_t *c = s->parent.config;
    uint16_t command = load_le16(c + PCI_COMMAND);

    memory_transaction_begin();
    for (unsigned i = 0; i < N_WINDOWS; i++) {
        Window w = windows[i].get(c), *now = &s->window[i];

        w.open = w.open && command & (windows[i].is_io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY);
        if (w.open == now->open && (!w.open || (w.base == now->base && w.limit == now->limit))) {
            continue;
        }
        window_close(s, i);
        if (w.open) {
            window_open(s, i, &w);
        }
    }
    memory_transaction_commit();
}

/* ---- configuration ----------------------------------------------------------------------------------------------- */

/* RST# of the secondary bus, and so of all behind it. */
static void reset_bus(PciBus *bus)
{
    for (unsigned i = 0; i < ARRAY_SIZE(bus->devices); i++) {
        PciDevice *dev = bus->devices[i];

        if (dev) {
            device_reset(&dev->parent);
            if (dev->secondary) {
                reset_bus(dev->secondary);
            }
        }
    }
}

static void bridge_config_written(PciDevice *dev, uint32_t addr, unsigned len)
{
    PciBridge *s = bridge_of(dev);
    uint16_t control = load_le16(dev->config + CONTROL), was = s->control;

    s->control = control;
    if (addr < WINDOWS_END || addr + len > CONTROL) {
        update_windows(s);
    }
    if (control & ~was & CONTROL_RESET) {
        trace_pci_bridge_reset(s->bus.name);
        memory_transaction_begin();
        reset_bus(&s->bus);
        memory_transaction_commit();
    }
}

static void config_init(PciBridge *s)
{
    uint8_t *c = s->parent.config, *w = s->parent.wmask;

    store_le16(c + PCI_STATUS, STATUS_FAST);
    store_le16(c + SECONDARY_STATUS, STATUS_FAST);
    store_le16(c + PREF_BASE, PREF_IS_64);
    store_le16(c + PREF_LIMIT, PREF_IS_64);
    w[LATENCY] = 0xff;
    memset(w + PCI_PRIMARY_BUS, 0xff, SECONDARY_LATENCY + 1 - PCI_PRIMARY_BUS);
    w[IO_BASE] = w[IO_LIMIT] = 0xf0;
    for (unsigned reg = MEM_BASE; reg <= PREF_LIMIT; reg += 2) {
        store_le16(w + reg, 0xfff0);
    }
    memset(w + PREF_BASE_UPPER, 0xff, 8);
    store_le16(w + CONTROL, CONTROL_WRITABLE);
    store_le16(s->parent.w1cmask + CONTROL, CONTROL_TIMER);
    store_le16(s->parent.w1cmask + SECONDARY_STATUS, STATUS_W1C);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

/* The bus is called like the bridge; one without a name has a number, which nobody else gets. */
static char *bus_name(const PciBridge *s)
{
    static unsigned last_number;
    const char *id = s->parent.parent.id;

    last_number++;
    return id ? g_strdup(id) : g_strdup_printf("pci.%u", last_number);
}

static bool check_props(const PciBridge *s, Error **errp)
{
    if (!s->chassis_nr) {
        error_set(errp, "Bridge chassis not specified. "
                  "Each bridge is required to be assigned a unique chassis id > 0.");
        return false;
    }
    if (s->shpc) {
        error_set(errp, "pci-bridge: there is no standard hot-plug controller (shpc=on)");
        error_append_hint(errp, "Cards behind a bridge come and go by ACPI.");
        return false;
    }
    return true;
}

static bool bridge_realize(PciDevice *dev, Error **errp)
{
    PciBridge *s = bridge_of(dev);

    if (!check_props(s, errp)) {
        return false;
    }
    config_init(s);
    if (!pci_add_capability(dev, CAP_ID_SLOT, CAP_SLOT_AT, CAP_SLOT_SIZE, errp)) {
        return false;
    }
    dev->config[CAP_SLOT_AT + 2] = SLOT_FIRST;
    dev->config[CAP_SLOT_AT + 3] = s->chassis_nr;
    dev->wmask[CAP_SLOT_AT + 3] = 0xff;
    memory_region_init(&s->mem, &dev->parent, "pci_bridge_pci", 0);
    memory_region_init(&s->io, &dev->parent, "pci_bridge_io", 0x10000);
    s->bus = (PciBus) { .name = bus_name(s), .bridge = dev, .mem = &s->mem, .io = &s->io };
    pci_bus_number_for_hotplug(&s->bus);
    dev->secondary = &s->bus;
    return true;
}

/* The functions behind it are gone already. */
static void bridge_unrealize(Device *d)
{
    PciBridge *s = container_of(d, PciBridge, parent.parent);

    for (unsigned i = 0; i < N_WINDOWS; i++) {
        window_close(s, i);
    }
    memory_region_destroy(&s->mem);
    memory_region_destroy(&s->io);
    s->parent.secondary = NULL;
    g_free(g_steal_pointer(&s->bus.name));
}

static void bridge_reset(PciDevice *dev)
{
    PciBridge *s = bridge_of(dev);

    s->control = load_le16(dev->config + CONTROL);
    update_windows(s);
}

static bool bridge_post_load(void *opaque, int version, Error **errp)
{
    PciBridge *s = opaque;

    s->control = load_le16(s->parent.config + CONTROL);
    update_windows(s);
    return true;
}

static const VMStateDescription bridge_vmstate = {
    .name = "pci-bridge", .version = 1, .post_load = bridge_post_load,
    .fields = (const VMStateField[]) { VMSTATE_STRUCT(parent, PciBridge, vmstate_pci_device), VMSTATE_END },
};

static const Property bridge_props[] = {
    { .name = "chassis_nr", .kind = PROPK_UINT8, .offset = offsetof(PciBridge, chassis_nr),
      .help = "what the guest is told of where the slots are: 1 to 255, different for each bridge" },
    { .name = "shpc", .kind = PROPK_BOOL, .offset = offsetof(PciBridge, shpc),
      .help = "a standard hot-plug controller: there is none" },
    PROP_END
};

static const PciDeviceClass bridge_class = {
    .vendor = 0x1b36, .device = 0x0001, .class_id = 0x0604, .header_type = PCI_HEADER_BRIDGE,
    .realize = bridge_realize, .reset = bridge_reset, .config_written = bridge_config_written,
};

static const DeviceType bridge_type = {
    .name = "pci-bridge", .desc = "Standard PCI Bridge", .bus = BUS_PCI, .user_creatable = true,
    .instance_size = sizeof(PciBridge), .props = bridge_props, .unrealize = bridge_unrealize,
    .vmstate = &bridge_vmstate, .class_data = &bridge_class,
};
DEVICE_TYPE(bridge_type)
