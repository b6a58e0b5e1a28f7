/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of the local APIC share
 *
 * apic.c has registers, their window and the device; apic-lines.c priorities and what reaches the CPU; apic-timer.c the
 * timer; apic-bus.c messages between APICs and from devices; apic-msr.c the registers as MSRs; apic-print.c
 * "info lapic". Functions that take an Apic want its lock held and leave it held, unless they say otherwise.
 */
#ifndef HW_INTC_APIC_INTERNAL_H
#define HW_INTC_APIC_INTERNAL_H

#include <pthread.h>
#include "hw/intc/apic.h"
#include "qemu/bitops.h"

/* Register numbers: offset / 10h in the window, index - 800h among the x2APIC MSRs. */
enum {
    REG_ID = 0x02, REG_VERSION = 0x03, REG_TPR = 0x08, REG_APR = 0x09, REG_PPR = 0x0a, REG_EOI = 0x0b, REG_RRD = 0x0c,
    REG_LDR = 0x0d, REG_DFR = 0x0e, REG_SVR = 0x0f, REG_ISR = 0x10, REG_TMR = 0x18, REG_IRR = 0x20, REG_ESR = 0x28,
    REG_ICR_LO = 0x30, REG_ICR_HI = 0x31, REG_LVT = 0x32, REG_INIT_COUNT = 0x38, REG_COUNT = 0x39, REG_DIVIDE = 0x3e,
    REG_SELF_IPI = 0x3f,
};

enum { LVT_TIMER, LVT_THERMAL, LVT_PERF, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVT__COUNT };

#define APIC_VERSION        (0x14u | (LVT__COUNT - 1) << 16)
#define APIC_MAX            288
#define MSR_X2APIC_FIRST    0x800
#define MSR_TSC_DEADLINE    0x6e0

#define BASE_BSP            (1ull << 8)
#define BASE_X2             (1ull << 10)
#define CPUID_EDX_APIC      (1u << 9)
#define BASE_ENABLE         (1ull << 11)
#define BASE_RESERVED       0x2ffull        /* below the address; bits above the CPU's width are reserved too */

#define SVR_ENABLE          (1u << 8)
#define SVR_NO_FOCUS        (1u << 9)
#define SVR_MASK            0x3ffu

#define LVT_VECTOR          0xffu
#define LVT_MODE_SHIFT      8
#define LVT_POLARITY        (1u << 13)
#define LVT_LEVEL           (1u << 15)
#define LVT_MASKED          (1u << 16)
#define LVT_PERIODIC        (1u << 17)
#define LVT_DEADLINE        (1u << 18)

#define ICR_LOGICAL         (1u << 11)
#define ICR_ASSERT          (1u << 14)
#define ICR_LEVEL           (1u << 15)
#define ICR_SHORTHAND_SHIFT 18
#define ICR_MASK            0x000ccfffu
enum { SHORTHAND_NONE, SHORTHAND_SELF, SHORTHAND_ALL, SHORTHAND_OTHERS };

#define ESR_SEND_ILLEGAL    (1u << 5)
#define ESR_RECV_ILLEGAL    (1u << 6)
#define ESR_BAD_REGISTER    (1u << 7)

#define DIVIDE_MASK         0x0bu

typedef struct Apic {
    Device parent;
    VCpu *cpu;
    pthread_mutex_t lock;       /* guards all below */
    uint64_t base;              /* MSR 1Bh */
    uint32_t initial_id;        /* what the CPU was born with: the x2APIC ID */
    uint32_t id;                /* xAPIC ID register, bits 31:24 */
    uint32_t tpr, ldr, dfr, svr, icr_lo, icr_hi, divide, init_count;
    uint32_t esr, esr_pending;  /* as read, and what collects until the next write */
    uint32_t lvt[LVT__COUNT];
    uint64_t irr[4], isr[4], tmr[4];
    Timer timer;
    int64_t count_start;        /* CLOCK_VM when the count was init_count */
    bool counting;
    uint64_t tsc_deadline;      /* 0: disarmed */
    bool lint0;                 /* level of the 8259 pair's output; only the BSP is wired to it */
    bool hard;                  /* what CPU_INT_HARD says now */
} Apic;

/* What a register write wants done outside the APIC, after its lock is dropped. */
typedef struct ApicOutbox {
    int eoi_vector;             /* -1: none */
    bool ipi;
    uint32_t icr, dest;
    bool wide;                  /* 32-bit destination */
} ApicOutbox;
#define APIC_OUTBOX_EMPTY { .eoi_vector = -1 }

/* A message on the bus between APICs. wide: the sender speaks 32-bit destinations. */
typedef struct ApicMessage {
    uint32_t dest;
    bool logical, wide, level;
    uint8_t mode, vector;
} ApicMessage;

/* One per CPU, by index. Filled before the CPUs run, never shrinks: read without a lock. */
extern Apic *apics[APIC_MAX];
extern int apic_count;

/* Bits of each local vector table entry that exist, the delivery status apart. */
extern const uint32_t apic_lvt_writable[LVT__COUNT];

static inline Apic *apic_of(const VCpu *v)
{
    return v && v->index >= 0 && v->index < apic_count ? apics[v->index] : NULL;
}

static inline bool apic_enabled(const Apic *a)
{
    return a->base & BASE_ENABLE;
}

static inline bool apic_is_x2(const Apic *a)
{
    return (a->base & (BASE_ENABLE | BASE_X2)) == (BASE_ENABLE | BASE_X2);
}

/* ---- 256-bit vectors --------------------------------------------------------------------------------------------- */

static inline void vec_set(uint64_t *set, uint8_t v)
{
    set[v >> 6] |= 1ull << (v & 63);
}

static inline void vec_clear(uint64_t *set, uint8_t v)
{
    set[v >> 6] &= ~(1ull << (v & 63));
}

static inline bool vec_test(const uint64_t *set, uint8_t v)
{
    return set[v >> 6] >> (v & 63) & 1;
}

static inline int vec_highest(const uint64_t *set)
{
    for (int i = 3; i >= 0; i--) {
        if (set[i]) {
            return i * 64 + 63 - (int)clz64(set[i]);
        }
    }
    return -1;
}

static inline uint32_t vec_word(const uint64_t *set, unsigned word)
{
    return set[word / 2] >> (word & 1 ? 32 : 0);
}

/* ---- apic-lines.c ------------------------------------------------------------------------------------------------ */

/* The processor priority register. */
uint8_t apic_ppr(const Apic *a);

/* Tells the CPU whether there is an interrupt for it. After a change of anything that decides that. */
void apic_update(Apic *a);

/* The same when nobody knows what the CPU's bit says: after a reset or a load. */
void apic_update_afresh(Apic *a);

/* Takes a fixed interrupt into IRR; vectors below 16 are an error that the guest can read. */
void apic_accept_fixed(Apic *a, uint8_t vector, bool level);

/* SMI, NMI, INIT, which need no vector; false: mode is none of them. */
bool apic_deliver_plain(Apic *a, unsigned mode);

/* An event of the APIC itself, routed by its local vector table entry n. */
void apic_local_event(Apic *a, unsigned n);

/* Sets an ESR bit, with the interrupt for it. */
void apic_error(Apic *a, uint32_t bit);

/* ---- apic-timer.c ------------------------------------------------------------------------------------------------ */

void apic_timer_init(Apic *a);
unsigned apic_divider(const Apic *a);
uint32_t apic_current_count(const Apic *a, int64_t now);

/* Arms or disarms the host timer for the next expiry that somebody waits for. */
void apic_timer_arm(Apic *a, int64_t now);

void apic_write_init_count(Apic *a, uint32_t val);
void apic_write_divide(Apic *a, uint32_t val);
void apic_write_lvt_timer(Apic *a, uint32_t val);
uint64_t apic_read_deadline(Apic *a);
void apic_write_deadline(Apic *a, uint64_t val);

/* ---- apic-bus.c -------------------------------------------------------------------------------------------------- */

/* Takes a message that is for this APIC. Takes the lock itself. */
void apic_accept(Apic *a, const ApicMessage *m);

/* Does what a register write of a has left to be done outside. Without the lock; takes the big lock if it must. */
void apic_outbox_flush(Apic *a, const ApicOutbox *o);

/* ---- apic.c ------------------------------------------------------------------------------------------------------ */

/* As after INIT: everything but the ID, the MSR and the LINT0 wire. */
void apic_init_registers(Apic *a);

uint32_t apic_reg_read(Apic *a, unsigned reg);
void apic_reg_write(Apic *a, unsigned reg, uint32_t val, ApicOutbox *o);

/* wide: dest has 32 bits. An illegal vector is noted in ESR and nothing is sent. */
void apic_write_icr(Apic *a, uint32_t val, uint32_t dest, bool wide, ApicOutbox *o);

#endif
