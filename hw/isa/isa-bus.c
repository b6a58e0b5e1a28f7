/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ISA bus: where its ports and memory go, and its 16 interrupt lines. One per machine, set once by the bridge. */
#include "qemu/osdep.h"
#include "hw/isa/isa.h"

static MemoryRegion *bus_io, *bus_mem;
static Irq *bus_irqs;

void isa_bus_init(MemoryRegion *io, MemoryRegion *mem, Irq *irqs)
{
    bus_io = io;
    bus_mem = mem;
    bus_irqs = irqs;
}

Irq isa_irq(int n)
{
    assert(n >= 0 && n < ISA_NUM_IRQS);
    return bus_irqs ? bus_irqs[n] : NULL;
}

void isa_map_port(Device *dev, uint16_t port, MemoryRegion *mr)
{
    memory_region_add(bus_io, port, mr, 0);
}

void isa_unmap_port(MemoryRegion *mr)
{
    memory_region_del(mr);
    memory_region_destroy(mr);
}

MemoryRegion *isa_address_space(void)
{
    return bus_mem;
}

MemoryRegion *isa_address_space_io(void)
{
    return bus_io;
}

Device *isa_port_create(const char *type, unsigned index, Chardev *chr, Error **errp)
{
    Device *dev = device_new(type);

    device_set_prop_uint(dev, "index", index);
    device_set_prop_ptr(dev, "chardev", chr);
    return device_realize_or_free(dev, errp);
}

typedef struct Search {
    const char *type, *prop;
    uint64_t value;
    bool found;
} Search;

static void compare_device(Device *dev, void *opaque)
{
    Search *s = opaque;

    s->found |= dev->realized && g_str_equal(dev->type->name, s->type) &&
                device_get_prop_uint(dev, s->prop) == s->value;
}

bool isa_port_exists(const char *type, const char *prop, uint64_t value)
{
    Search s = { .type = type, .prop = prop, .value = value };

    device_foreach(compare_device, &s);
    return s.found;
}

uint32_t isa_port_free_index(const char *type, uint32_t max)
{
    uint32_t i = 0;

    while (i < max && isa_port_exists(type, "index", i)) {
        i++;
    }
    return i;
}

static bool isa_bus_realize(Device *dev, Error **errp)
{
    if (!bus_io) {
        error_set(errp, "No 'ISA' bus found for device '%s'", dev->type->name);
        return false;
    }
    return !dev->type->realize || dev->type->realize(dev, errp);
}

static bool isa_bus_parse_prop(Device *dev, const char *name, const char *value, bool *known, Error **errp)
{
    *known = !strcmp(name, "bus");
    if (*known && strcmp(value, "isa.0")) {
        error_set(errp, "Bus '%s' not found", value);
        return false;
    }
    return *known;
}

static const BusOps isa_bus_ops = { .name = "ISA", .parse_prop = isa_bus_parse_prop, .realize = isa_bus_realize };

__attribute__((constructor)) static void register_isa_bus(void)
{
    bus_ops_register(BUS_ISA, &isa_bus_ops);
}
