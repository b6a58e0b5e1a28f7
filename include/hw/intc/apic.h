/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt messages between IO-APIC, local APICs and MSI. What the board and the CPU call is in hw/i386/pc.h and
 * hw/i386/x86-board.h; this adds the words both controllers share.
 *
 * Locking: every function of hw/intc/apic*.c takes the lock of the one APIC it touches and may be called with or
 * without the big lock, from any thread; never two APIC locks at once. Order: big lock, APIC lock, vCPU work lock,
 * timer lock. Only apic_pic_output() needs the big lock; x86_board_ack_interrupt() takes it by itself when it must ask
 * the 8259s.
 */
#ifndef HW_INTC_APIC_H
#define HW_INTC_APIC_H

#include "hw/i386/pc.h"
#include "hw/i386/x86-board.h"

#define IOAPIC_NUM_PINS 24
#define APIC_BASE_ADDR  0xfee00000u
#define APIC_WINDOW     0x100000u       /* registers of the CPU that looks, and the target of every MSI */

/* Delivery modes, the same three bits in ICR, LVT, redirection entry and MSI data (SDM vol. 3A, "APIC"). */
enum {
    APIC_DM_FIXED = 0, APIC_DM_LOWEST = 1, APIC_DM_SMI = 2, APIC_DM_NMI = 4, APIC_DM_INIT = 5, APIC_DM_SIPI = 6,
    APIC_DM_EXTINT = 7,
};

void apic_print(VCpu *v, GString *out);         /* info lapic */
void ioapic_print(Device *dev, GString *out);   /* info pic, and the next */
void i8259_print(Device *dev, GString *out);
/* How often each input rose: 24 and 16 numbers, of the machine's life. */
const uint64_t *ioapic_irq_counts(Device *dev);
const uint64_t *i8259_irq_counts(Device *dev);
/* The board's NMI button: LINT1 of every CPU. */
void apic_inject_nmi(void);

#endif
