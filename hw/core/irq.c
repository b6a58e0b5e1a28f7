/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interrupt lines: making, splitting and freeing them. Driving one is inline in the header. */
#include "qemu/osdep.h"
#include "hw/core/irq.h"

uint64_t irq_edges_merged;

Irq irq_new(IrqHandler *handler, void *opaque, int n)
{
    Irq irq = g_new(IrqLine, 1);

    *irq = (IrqLine) { handler, opaque, n };
    return irq;
}

Irq *irq_new_array(IrqHandler *handler, void *opaque, int count)
{
    Irq *irqs = g_new(Irq, count);

    for (int i = 0; i < count; i++) {
        irqs[i] = irq_new(handler, opaque, i);
    }
    return irqs;
}

void irq_free_array(Irq *irqs, int count)
{
    for (int i = 0; i < count; i++) {
        g_free(irqs[i]);
    }
    g_free(irqs);
}

static void split_handler(void *opaque, int n, int level)
{
    Irq *ends = opaque;

    irq_set(ends[0], level);
    irq_set(ends[1], level);
}

/* Lives as long as the machine: the pair is never freed. */
Irq irq_split(Irq a, Irq b)
{
    Irq *ends = g_new(Irq, 2);

    ends[0] = a;
    ends[1] = b;
    return irq_new(split_handler, ends, 0);
}
