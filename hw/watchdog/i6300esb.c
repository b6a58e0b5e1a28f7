/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Watchdog timer of the Intel 6300ESB I/O controller hub: PCI 8086:25AB
 *
 * Follows: Intel 6300ESB datasheet, "Watchdog Timer".
 * Left out: the interrupts of the first stage; it only leads to the second.
 *
 * Two stages count down one after the other. Who lets both run out finds the machine reset, and bit 9 of the reload
 * register set afterwards. A write to a timer register counts only right after the two unlocking ones.
 */
#include "qemu/osdep.h"
#include "hw/pci/pci.h"
#include "hw/watchdog/watchdog.h"
#include "qemu/bitops.h"
#include "qemu/log.h"
#include "qemu/timer.h"
#include "trace/hw-watchdog.h"

#define PCI_CLOCK_HZ        33000000
#define PRELOAD_MASK        0xfffffu
#define CONFIG_REG          0x60        /* configuration space, word */
#define CONFIG_1MHZ         0x04u
#define CONFIG_NO_REBOOT    0x20u
#define CONFIG_WRITABLE     0x27u
#define LOCK_REG            0x68        /* configuration space, byte */
#define LOCK_LOCKED         0x01u
#define LOCK_ENABLE         0x02u
#define LOCK_FREE_RUN       0x04u

enum { REG_TIMER1 = 0x0, REG_TIMER2 = 0x4, REG_INTERRUPT = 0x8, REG_RELOAD = 0xc };
#define RELOAD_RESTART      0x100u
#define RELOAD_FIRED        0x200u
#define MIN_STAGE_NS        (NANOSECONDS_PER_SECOND / 1000)     /* running free, shorter ones would never end */
#define UNLOCK_FIRST        0x80u
#define UNLOCK_SECOND       0x86u

typedef struct Watchdog {
    PciDevice parent;
    MemoryRegion bar;
    Timer timer;
    uint32_t preload[2];
    uint8_t unlock;             /* how many of the two writes have come: 2 opens for one */
    uint8_t stage;              /* 0, 1: which preload runs */
    bool fired;                 /* survives the reset it caused */
} Watchdog;

static Watchdog *wdt_of(PciDevice *dev)
{
    return container_of(dev, Watchdog, parent);
}

static int64_t stage_ns(const Watchdog *s)
{
    unsigned shift = load_le16(s->parent.config + CONFIG_REG) & CONFIG_1MHZ ? 5 : 15;

    int64_t ns = muldiv64((uint64_t)s->preload[s->stage] << shift, NANOSECONDS_PER_SECOND, PCI_CLOCK_HZ);

    return MAX(ns, MIN_STAGE_NS);
}

static void start(Watchdog *s, unsigned stage)
{
    s->stage = stage;
    if (s->parent.config[LOCK_REG] & LOCK_ENABLE) {
        timer_arm(&s->timer, clock_get_ns(CLOCK_VM) + stage_ns(s));
    } else {
        timer_disarm(&s->timer);
    }
}

static void stage_over(void *opaque)
{
    Watchdog *s = opaque;

    trace_i6300esb_stage(s->stage);
    if (s->stage == 0) {
        start(s, 1);
        return;
    }
    if (!(load_le16(s->parent.config + CONFIG_REG) & CONFIG_NO_REBOOT)) {
        s->fired = true;
        watchdog_bite();
    }
    if (s->parent.config[LOCK_REG] & LOCK_FREE_RUN) {
        start(s, 0);
    }
}

/* The lock register can be locked, the others never. */
static void wdt_config_written(PciDevice *dev, uint32_t addr, unsigned len)
{
    Watchdog *s = wdt_of(dev);

    if (addr > LOCK_REG || addr + len <= LOCK_REG) {
        return;
    }
    if (dev->config[LOCK_REG] & LOCK_LOCKED) {
        dev->wmask[LOCK_REG] = 0;
    }
    if (!(dev->config[LOCK_REG] & LOCK_ENABLE) || !timer_armed(&s->timer)) {
        start(s, 0);
    }
}

static uint64_t wdt_read(void *opaque, hwaddr addr, unsigned size)
{
    const Watchdog *s = opaque;

    return addr == REG_RELOAD && s->fired ? RELOAD_FIRED : 0;
}

static void write_unlocked(Watchdog *s, hwaddr addr, uint32_t val)
{
    switch (addr) {
    case REG_TIMER1:
    case REG_TIMER2:
        s->preload[addr / 4] = val & PRELOAD_MASK;
        break;
    case REG_RELOAD:
        if (val & RELOAD_FIRED) {
            s->fired = false;
        }
        if (val & RELOAD_RESTART) {
            start(s, 0);
        }
        break;
    }
}

static void wdt_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    Watchdog *s = opaque;

    trace_i6300esb_write(addr, val);
    if (addr == REG_RELOAD && val == UNLOCK_FIRST) {
        s->unlock = 1;
    } else if (addr == REG_RELOAD && val == UNLOCK_SECOND && s->unlock == 1) {
        s->unlock = 2;
    } else if (s->unlock == 2) {
        s->unlock = 0;
        write_unlocked(s, addr, val);
    } else if (addr != REG_INTERRUPT) {
        qemu_log_mask(LOG_GUEST_ERROR, "i6300esb: write to 0x%" PRIx64 " without unlocking\n", addr);
    }
}

static const MemoryRegionOps wdt_ops = { .read = wdt_read, .write = wdt_write, .size = { .min = 1, .max = 4 } };

static bool wdt_realize(PciDevice *dev, Error **errp)
{
    Watchdog *s = wdt_of(dev);

    memory_region_init_io(&s->bar, &dev->parent, &wdt_ops, s, "i6300esb", 16);
    pci_register_bar(dev, 0, 0, &s->bar);
    store_le16(dev->wmask + CONFIG_REG, CONFIG_WRITABLE);
    timer_init(&s->timer, CLOCK_VM, stage_over, s);
    return true;
}

static void wdt_unrealize(Device *dev)
{
    Watchdog *s = container_of(dev, Watchdog, parent.parent);

    timer_disarm(&s->timer);
    memory_region_destroy(&s->bar);
}

static void wdt_reset(PciDevice *dev)
{
    Watchdog *s = wdt_of(dev);

    timer_disarm(&s->timer);
    s->preload[0] = s->preload[1] = PRELOAD_MASK;
    s->unlock = s->stage = 0;
    store_le16(dev->config + CONFIG_REG, 0);
    dev->config[LOCK_REG] = 0;
    dev->wmask[LOCK_REG] = LOCK_LOCKED | LOCK_ENABLE | LOCK_FREE_RUN;
}

static bool wdt_post_load(void *opaque, int version, Error **errp)
{
    Watchdog *s = opaque;

    if (s->unlock > 2 || s->stage > 1) {
        error_set(errp, "state of the watchdog is impossible");
        return false;
    }
    s->parent.wmask[LOCK_REG] =
        s->parent.config[LOCK_REG] & LOCK_LOCKED ? 0 : LOCK_LOCKED | LOCK_ENABLE | LOCK_FREE_RUN;
    return true;
}

static const VMStateDescription wdt_vmstate = {
    .name = "i6300esb", .version = 1, .post_load = wdt_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_STRUCT(parent, Watchdog, vmstate_pci_device),
        VMSTATE_TIMER(timer, Watchdog),
        VMSTATE_UINT32_ARRAY(preload, Watchdog, 2),
        VMSTATE_UINT8(unlock, Watchdog),
        VMSTATE_UINT8(stage, Watchdog),
        VMSTATE_BOOL(fired, Watchdog),
        VMSTATE_END
    },
};

static const PciDeviceClass wdt_class = {
    .vendor = 0x8086, .device = 0x25ab, .class_id = 0x0880,
    .realize = wdt_realize, .reset = wdt_reset, .config_written = wdt_config_written,
};

static const DeviceType wdt_type = {
    .name = "i6300esb", .desc = "Intel 6300ESB watchdog", .bus = BUS_PCI, .user_creatable = true,
    .instance_size = sizeof(Watchdog), .unrealize = wdt_unrealize, .vmstate = &wdt_vmstate, .class_data = &wdt_class,
};
DEVICE_TYPE(wdt_type)
