/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An interrupt line: a wire with one driver and one handler. Level 0 or 1. Big lock held for set. */
#ifndef HW_CORE_IRQ_H
#define HW_CORE_IRQ_H

#include "qemu/osdep.h"

typedef void IrqHandler(void *opaque, int n, int level);
typedef struct IrqLine {
    IrqHandler *handler;
    void *opaque;
    int n;
} IrqLine;
typedef IrqLine *Irq;       /* NULL: not connected */

static inline void irq_set(Irq irq, int level)
{
    if (irq) {
        irq->handler(irq->opaque, irq->n, level);
    }
}
static inline void irq_raise(Irq irq) { irq_set(irq, 1); }
static inline void irq_lower(Irq irq) { irq_set(irq, 0); }
static inline void irq_pulse(Irq irq) { irq_set(irq, 1); irq_set(irq, 0); }

/*
 * Edges that found their request still pending at an interrupt controller and so reached the CPU as one with it. A
 * timer that compares the count before and after its edge knows that the CPU missed a tick. Any thread.
 */
extern uint64_t irq_edges_merged;
static inline void irq_note_merge(void) { __atomic_fetch_add(&irq_edges_merged, 1, __ATOMIC_RELAXED); }

Irq irq_new(IrqHandler *handler, void *opaque, int n);
/* n = 0..count-1; g_free() the result's lines with irq_free_array */
Irq *irq_new_array(IrqHandler *handler, void *opaque, int count);
void irq_free_array(Irq *irqs, int count);
Irq irq_split(Irq a, Irq b);    /* drives both */

#endif
