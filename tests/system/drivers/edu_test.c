/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A Linux driver for the edu card, built against Debian's headers by ../build.py: as it binds it lets the card compute
 * and copy, waits for the interrupts and says how it went. messages=0: INTx instead of MSI.
 *
 * Registers: docs/pci.md and hw/misc/edu.c.
 */
#include <linux/completion.h>
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/pci.h>

#define REG_ID          0x00
#define REG_LIVENESS    0x04
#define REG_FACTORIAL   0x08
#define REG_STATUS      0x20
#define STATUS_IRQ      0x80
#define REG_IRQ_STATUS  0x24
#define REG_IRQ_RAISE   0x60
#define REG_IRQ_ACK     0x64
#define REG_DMA_SRC     0x80
#define REG_DMA_DST     0x88
#define REG_DMA_COUNT   0x90
#define REG_DMA_COMMAND 0x98
#define DMA_RUN         1
#define DMA_TO_RAM      2
#define DMA_IRQ         4
#define BUFFER          0x40000
#define LENGTH          1000
#define PATIENCE        (60 * HZ)

static bool messages = true;
module_param(messages, bool, 0444);

struct edu {
    struct pci_dev *pdev;
    void __iomem *regs;
    struct completion happened;
    unsigned int interrupts;
    u8 *ram;
    dma_addr_t bus_addr;
};

static irqreturn_t edu_interrupt(int irq, void *opaque)
{
    struct edu *e = opaque;
    u32 status = readl(e->regs + REG_IRQ_STATUS);

    if (!status) {
        return IRQ_NONE;
    }
    writel(status, e->regs + REG_IRQ_ACK);
    e->interrupts++;
    complete(&e->happened);
    return IRQ_HANDLED;
}

static bool wait_for_interrupt(struct edu *e, const char *what)
{
    if (wait_for_completion_timeout(&e->happened, PATIENCE)) {
        return true;
    }
    dev_err(&e->pdev->dev, "edu_test: no interrupt: %s\n", what);
    return false;
}

static bool computes(struct edu *e)
{
    writel(0x12345678, e->regs + REG_LIVENESS);
    if (readl(e->regs + REG_LIVENESS) != ~0x12345678u) {
        return false;
    }
    writel(STATUS_IRQ, e->regs + REG_STATUS);
    writel(10, e->regs + REG_FACTORIAL);
    return wait_for_interrupt(e, "factorial") && readl(e->regs + REG_FACTORIAL) == 3628800;
}

static bool copies(struct edu *e, u64 from, u64 to, u32 command)
{
    writeq(from, e->regs + REG_DMA_SRC);
    writeq(to, e->regs + REG_DMA_DST);
    writeq(LENGTH, e->regs + REG_DMA_COUNT);
    writeq(command | DMA_RUN | DMA_IRQ, e->regs + REG_DMA_COMMAND);
    return wait_for_interrupt(e, "transfer") && !(readq(e->regs + REG_DMA_COMMAND) & DMA_RUN);
}

static bool copies_both_ways(struct edu *e)
{
    unsigned int i;

    for (i = 0; i < LENGTH; i++) {
        e->ram[i] = i * 7;
    }
    if (!copies(e, e->bus_addr, BUFFER, 0)) {
        return false;
    }
    memset(e->ram, 0, LENGTH);
    if (!copies(e, BUFFER, e->bus_addr, DMA_TO_RAM)) {
        return false;
    }
    for (i = 0; i < LENGTH; i++) {
        if (e->ram[i] != (u8)(i * 7)) {
            return false;
        }
    }
    return true;
}

static bool interrupts_on_request(struct edu *e)
{
    writel(0x5a, e->regs + REG_IRQ_RAISE);
    return wait_for_interrupt(e, "on request");
}

static void try_it(struct edu *e)
{
    bool computing = computes(e), copying = copies_both_ways(e), interrupting = interrupts_on_request(e);

    dev_info(&e->pdev->dev, "edu_test: id %08x, computes %d, copies %d, interrupts %d, %u by %s\n",
             readl(e->regs + REG_ID), computing, copying, interrupting, e->interrupts,
             e->pdev->msi_enabled ? "messages" : "INTx");
}

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
    struct edu *e = devm_kzalloc(&pdev->dev, sizeof(*e), GFP_KERNEL);
    int err;

    if (!e) {
        return -ENOMEM;
    }
    e->pdev = pdev;
    init_completion(&e->happened);
    pci_set_drvdata(pdev, e);
    err = pcim_enable_device(pdev);
    if (err) {
        return err;
    }
    pci_set_master(pdev);
    e->regs = pcim_iomap(pdev, 0, 0);
    if (!e->regs || dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(28))) {
        return -EIO;
    }
    e->ram = dmam_alloc_coherent(&pdev->dev, LENGTH, &e->bus_addr, GFP_KERNEL);
    if (!e->ram) {
        return -ENOMEM;
    }
    err = pci_alloc_irq_vectors(pdev, 1, 1, messages ? PCI_IRQ_MSI : PCI_IRQ_LEGACY);
    if (err < 0) {
        return err;
    }
    err = request_irq(pci_irq_vector(pdev, 0), edu_interrupt, messages ? 0 : IRQF_SHARED, "edu_test", e);
    if (err) {
        return err;
    }
    try_it(e);
    return 0;
}

static void edu_remove(struct pci_dev *pdev)
{
    struct edu *e = pci_get_drvdata(pdev);

    free_irq(pci_irq_vector(pdev, 0), e);
    pci_free_irq_vectors(pdev);
    dev_info(&pdev->dev, "edu_test: card is gone\n");
}

static const struct pci_device_id edu_ids[] = { { PCI_DEVICE(0x1234, 0x11e8) }, { } };
MODULE_DEVICE_TABLE(pci, edu_ids);

static struct pci_driver edu_driver = {
    .name = "edu_test", .id_table = edu_ids, .probe = edu_probe, .remove = edu_remove,
};
module_pci_driver(edu_driver);
MODULE_LICENSE("GPL");
