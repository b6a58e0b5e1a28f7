/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * edu: a PCI function to learn driver writing with (1234:11E8). No real chip.
 *
 * It negates a number, computes factorials in the background, raises interrupts on request, and copies between guest
 * memory and a 4 KiB buffer of its own by DMA.
 * Interrupts are INTA, level, or one message for each raise when the guest has enabled MSI.
 */
#include "qemu/osdep.h"
#include "hw/pci/msi.h"
#include "qemu/log.h"
#include "qemu/timer.h"
#include "trace/hw-misc.h"

#define EDU_ID              0x010000edu
#define BAR_SIZE            0x100000u
#define BUFFER_START        0x40000u
#define BUFFER_SIZE         4096u
#define FACTORIAL_NS        (1 * 1000000ll)
#define DMA_NS              (100 * 1000000ll)

enum {
    REG_ID = 0x00, REG_LIVENESS = 0x04, REG_FACTORIAL = 0x08, REG_STATUS = 0x20, REG_IRQ_STATUS = 0x24,
    REG_IRQ_RAISE = 0x60, REG_IRQ_ACK = 0x64, REG_DMA_SRC = 0x80, REG_DMA_DST = 0x88, REG_DMA_COUNT = 0x90,
    REG_DMA_COMMAND = 0x98,
};
#define STATUS_BUSY         0x01u
#define STATUS_IRQ          0x80u
#define IRQ_FACTORIAL       0x001u
#define IRQ_DMA             0x100u
#define DMA_RUN             0x1u
#define DMA_TO_RAM          0x2u
#define DMA_IRQ             0x4u

typedef struct Edu {
    PciDevice parent;
    MemoryRegion bar;
    uint64_t dma_mask;                      /* property */
    uint32_t liveness, factorial, status, irq_status;
    uint64_t dma_src, dma_dst, dma_count, dma_command;
    uint8_t buffer[BUFFER_SIZE];
    Timer factorial_timer, dma_timer;
} Edu;

static Edu *edu_of(PciDevice *dev)
{
    return container_of(dev, Edu, parent);
}

static void update_intx(Edu *s)
{
    pci_set_irq(&s->parent, s->irq_status != 0);
}

static void raise_irq(Edu *s, uint32_t bits)
{
    s->irq_status |= bits;
    update_intx(s);
    if (s->irq_status) {
        msi_notify(&s->parent, 0);
    }
}

/* ---- factorial --------------------------------------------------------------------------------------------------- */

static void factorial_done(void *opaque)
{
    Edu *s = opaque;
    uint32_t n = s->factorial, product = 1;

    /* Modulo 2^32 everything from 34! on is 0: however large n is, this is a short loop. */
    while (n > 1 && product) {
        product *= n--;
    }
    s->factorial = product;
    s->status &= ~STATUS_BUSY;
    if (s->status & STATUS_IRQ) {
        raise_irq(s, IRQ_FACTORIAL);
    }
}

static void factorial_start(Edu *s, uint32_t n)
{
    if (s->status & STATUS_BUSY) {
        qemu_log_mask(LOG_GUEST_ERROR, "edu: a factorial is being computed already\n");
        return;
    }
    s->factorial = n;
    s->status |= STATUS_BUSY;
    timer_arm(&s->factorial_timer, clock_get_ns(CLOCK_VM) + FACTORIAL_NS);
}

/* ---- DMA --------------------------------------------------------------------------------------------------------- */

static bool in_buffer(uint64_t addr, uint64_t count)
{
    return addr >= BUFFER_START && addr - BUFFER_START <= BUFFER_SIZE && count <= BUFFER_SIZE - (addr - BUFFER_START);
}

static void dma_copy(Edu *s)
{
    bool to_ram = s->dma_command & DMA_TO_RAM;
    uint64_t in = to_ram ? s->dma_src : s->dma_dst, out = to_ram ? s->dma_dst : s->dma_src;

    trace_edu_dma(s->dma_src, s->dma_dst, s->dma_count, to_ram);
    if (!in_buffer(in, s->dma_count)) {
        qemu_log_mask(LOG_GUEST_ERROR, "edu: DMA of %" PRIu64 " bytes at 0x%" PRIx64 " is outside of the buffer\n",
                      s->dma_count, in);
        return;
    }
    if (out & ~s->dma_mask) {
        qemu_log_mask(LOG_GUEST_ERROR, "edu: DMA address 0x%" PRIx64 " is cut to the mask\n", out);
    }
    if (to_ram) {
        pci_dma_write(&s->parent, out & s->dma_mask, s->buffer + (in - BUFFER_START), s->dma_count);
    } else {
        pci_dma_read(&s->parent, out & s->dma_mask, s->buffer + (in - BUFFER_START), s->dma_count);
    }
}

static void dma_done(void *opaque)
{
    Edu *s = opaque;

    dma_copy(s);
    s->dma_command &= ~(uint64_t)DMA_RUN;
    if (s->dma_command & DMA_IRQ) {
        raise_irq(s, IRQ_DMA);
    }
}

static void dma_write(Edu *s, uint64_t *reg, uint64_t val)
{
    if (s->dma_command & DMA_RUN) {
        qemu_log_mask(LOG_GUEST_ERROR, "edu: DMA register written while a transfer runs\n");
        return;
    }
    *reg = val;
    if (s->dma_command & DMA_RUN) {
        timer_arm(&s->dma_timer, clock_get_ns(CLOCK_VM) + DMA_NS);
    }
}

/* ---- registers --------------------------------------------------------------------------------------------------- */

static bool access_ok(hwaddr addr, unsigned size)
{
    return addr % size == 0 && (addr < REG_DMA_SRC ? size == 4 : size == 4 || size == 8);
}

static uint64_t edu_read(void *opaque, hwaddr addr, unsigned size)
{
    const Edu *s = opaque;

    if (!access_ok(addr, size)) {
        qemu_log_mask(LOG_GUEST_ERROR, "edu: read of %u bytes at 0x%" PRIx64 "\n", size, addr);
        return ~0ull;
    }
    switch (addr) {
    case REG_ID:
        return EDU_ID;
    case REG_LIVENESS:
        return s->liveness;
    case REG_FACTORIAL:
        return s->factorial;
    case REG_STATUS:
        return s->status;
    case REG_IRQ_STATUS:
        return s->irq_status;
    case REG_DMA_SRC:
        return s->dma_src;
    case REG_DMA_DST:
        return s->dma_dst;
    case REG_DMA_COUNT:
        return s->dma_count;
    case REG_DMA_COMMAND:
        return s->dma_command;
    default:
        return ~0ull;
    }
}

static void edu_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    Edu *s = opaque;

    if (!access_ok(addr, size)) {
        qemu_log_mask(LOG_GUEST_ERROR, "edu: write of %u bytes at 0x%" PRIx64 "\n", size, addr);
        return;
    }
    switch (addr) {
    case REG_LIVENESS:
        s->liveness = ~val;
        break;
    case REG_FACTORIAL:
        factorial_start(s, val);
        break;
    case REG_STATUS:
        s->status = (s->status & ~STATUS_IRQ) | (val & STATUS_IRQ);
        break;
    case REG_IRQ_RAISE:
        raise_irq(s, val);
        break;
    case REG_IRQ_ACK:
        s->irq_status &= ~val;
        update_intx(s);
        break;
    case REG_DMA_SRC:
        dma_write(s, &s->dma_src, val);
        break;
    case REG_DMA_DST:
        dma_write(s, &s->dma_dst, val);
        break;
    case REG_DMA_COUNT:
        dma_write(s, &s->dma_count, val);
        break;
    case REG_DMA_COMMAND:
        dma_write(s, &s->dma_command, val & (DMA_RUN | DMA_TO_RAM | DMA_IRQ));
        break;
    default:
        qemu_log_mask(LOG_GUEST_ERROR, "edu: write to 0x%" PRIx64 " where no register is\n", addr);
    }
}

static const MemoryRegionOps edu_ops = { .read = edu_read, .write = edu_write, .size = { .min = 1, .max = 8 } };

/* ---- life -------------------------------------------------------------------------------------------------------- */

static bool edu_realize(PciDevice *dev, Error **errp)
{
    Edu *s = edu_of(dev);

    if (!msi_init(dev, &(MsiLayout) { .vectors = 1, .is_64 = true }, errp)) {
        return false;
    }
    memory_region_init_io(&s->bar, &dev->parent, &edu_ops, s, "edu-mmio", BAR_SIZE);
    pci_register_bar(dev, 0, 0, &s->bar);
    timer_init(&s->factorial_timer, CLOCK_VM, factorial_done, s);
    timer_init(&s->dma_timer, CLOCK_VM, dma_done, s);
    return true;
}

static void edu_unrealize(Device *dev)
{
    Edu *s = container_of(dev, Edu, parent.parent);

    timer_disarm(&s->factorial_timer);
    timer_disarm(&s->dma_timer);
    memory_region_destroy(&s->bar);
}

static void edu_reset(PciDevice *dev)
{
    Edu *s = edu_of(dev);

    timer_disarm(&s->factorial_timer);
    timer_disarm(&s->dma_timer);
    s->liveness = s->factorial = s->status = s->irq_status = 0;
    s->dma_src = s->dma_dst = s->dma_count = s->dma_command = 0;
    memset(s->buffer, 0, sizeof(s->buffer));
}

static const VMStateDescription edu_vmstate = {
    .name = "edu", .version = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_STRUCT(parent, Edu, vmstate_pci_device),
        VMSTATE_UINT32(liveness, Edu),
        VMSTATE_UINT32(factorial, Edu),
        VMSTATE_UINT32_MASK(status, Edu, STATUS_BUSY | STATUS_IRQ),
        VMSTATE_UINT32(irq_status, Edu),
        VMSTATE_UINT64(dma_src, Edu),
        VMSTATE_UINT64(dma_dst, Edu),
        VMSTATE_UINT64(dma_count, Edu),
        VMSTATE_UINT64(dma_command, Edu),
        VMSTATE_BYTES(buffer, Edu, BUFFER_SIZE),
        VMSTATE_TIMER(factorial_timer, Edu),
        VMSTATE_TIMER(dma_timer, Edu),
        VMSTATE_END
    },
};

static const PciDeviceClass edu_class = {
    .vendor = 0x1234, .device = 0x11e8, .class_id = 0x00ff, .revision = 0x10, .int_pin = 1,
    .realize = edu_realize, .reset = edu_reset,
};

static const DeviceType edu_type = {
    .name = "edu", .desc = "device to learn driver writing with", .bus = BUS_PCI, .user_creatable = true,
    .instance_size = sizeof(Edu),
    .props = (const Property[]) { PROP_UINT64("dma_mask", Edu, dma_mask, (1ull << 28) - 1), PROP_END },
    .unrealize = edu_unrealize, .vmstate = &edu_vmstate, .class_data = &edu_class,
};
DEVICE_TYPE(edu_type)
