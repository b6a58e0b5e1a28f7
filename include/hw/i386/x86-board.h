/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The seam between the guest CPU (target-i386) and the board (hw/). Each side implements its half; nothing else
 * crosses.
 */
#ifndef HW_I386_X86_BOARD_H
#define HW_I386_X86_BOARD_H

#include "hw/core/irq.h"
#include "sysemu/cpus.h"

/* ---- implemented by the CPU (target-i386/), called by the board ------------------------------------------------ */

/* request bits; set from any thread, cleared by the vCPU itself or by the board where noted */
typedef enum CpuInterrupt {
    CPU_INT_HARD = 1 << 0,          /* level: a maskable interrupt waits at PIC or APIC. Board sets and clears */
    CPU_INT_NMI = 1 << 1,
    CPU_INT_SMI = 1 << 2,
    CPU_INT_INIT = 1 << 3,
    CPU_INT_SIPI = 1 << 4,          /* vector in x86_cpu_sipi() */
    CPU_INT_EXIT = 1 << 5,          /* leave translated code once */
    CPU_INT_RESET = 1 << 6,
} CpuInterrupt;

void cpu_interrupt(VCpu *v, uint32_t mask);         /* any thread: sets bits, kicks */
void cpu_interrupt_clear(VCpu *v, uint32_t mask);
void x86_cpu_sipi(VCpu *v, uint8_t vector);
/* -cpu text; thread not started */
VCpu *x86_cpu_create(int index, uint32_t apic_id, const char *model, Error **errp);
void x86_cpu_models_print(void);                    /* -cpu help */
void x86_cpu_set_a20(VCpu *v, bool on);             /* flushes that TLB; runs on the vCPU */
uint32_t x86_cpu_cpuid_signature(void);             /* CPUID 1 EAX of the model: reset EDX, SMBIOS */
uint32_t x86_cpu_cpuid_features(void);              /* CPUID 1 EDX: SMBIOS */
bool x86_cpu_is_amd_vendor(void);
const char *x86_cpu_model_name(void);
/* of all that CPUID says of the model: other features, other hash */
uint64_t x86_cpu_model_hash(void);
unsigned x86_cpu_phys_bits(void);
uint64_t x86_cpu_tsc_hz(void);                      /* TSC = clock_vm * hz / 1e9: 1 GHz unless calibrated otherwise */

/* ---- implemented by the board (hw/), called by the CPU --------------------------------------------------------- */

/*
 * Acknowledges the highest maskable interrupt (APIC first, then ExtINT from the 8259 pair through LINT0):
 * returns its vector, or -1 when it is gone. Big lock held by the caller.
 */
int x86_board_ack_interrupt(VCpu *v);
void x86_board_ferr(bool level);                    /* CR0.NE = 0 and an unmasked x87 exception: IRQ 13 */
/* Called with the CPU reset/INIT already done: resets the local APIC (keeps the ID on init). */
void apic_reset_cpu(VCpu *v, bool init);
void apic_create(VCpu *v, uint32_t apic_id);        /* board's hook when a CPU is created */
uint64_t apic_get_base(VCpu *v);                    /* MSR 1Bh */
bool apic_set_base(VCpu *v, uint64_t val);          /* false: #GP */
uint8_t apic_get_tpr(VCpu *v);                      /* CR8: bits 7:4 of TPR */
void apic_set_tpr(VCpu *v, uint8_t cr8);
bool apic_msr_read(VCpu *v, uint32_t index, uint64_t *val);     /* x2APIC 800h..8FFh, TSC deadline 6E0h; false: #GP */
bool apic_msr_write(VCpu *v, uint32_t index, uint64_t val);

/* Reading a TSC value: derived from CLOCK_VM. */
uint64_t x86_board_tsc(void);

struct AddressSpace;
/* what a CPU in SMM sees; set by the host bridge, NULL until then */
extern struct AddressSpace *address_space_smm;

#endif
