/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Model-specific registers: memory types, machine checks, APIC modes, deadlines, feature enables.
 * SDM vol. 3A, "Memory Cache Control", "Advanced Programmable Interrupt Controller"; vol. 3B, "Machine-Check
 * Architecture".
 */
#include "arch64.h"

#define APIC_BASE_MSR 0x1b
#define X2 (1ull << 10)
#define EN (1ull << 11)
#define EFER 0xc0000080

/* ---- memory types ---- */

TEST(memory_types_that_do_not_exist_are_refused)
{
    static const uint8_t bad[] = { 2, 3, 7, 8, 0x80, 0xff };
    uint64_t def = read_msr(0x2ff), pat = read_msr(0x277);

    CHECK(read_msr(0xfe) & 0x100);
    CHECK_FAULT(GP, 0, write_msr(0xfe, 0));                     /* MTRRCAP is read-only */
    for (unsigned i = 0; i < sizeof(bad); i++) {
        CHECK_FAULT(GP, 0, write_msr(0x2ff, bad[i]));
        CHECK_FAULT(GP, 0, write_msr(0x250, (uint64_t)bad[i] << 8));
        CHECK_FAULT(GP, 0, write_msr(0x200, bad[i]));
        if (bad[i] != 7) {                                      /* 7 is UC- in the PAT */
            CHECK_FAULT(GP, 0, write_msr(0x277, (uint64_t)bad[i] << 40));
        }
    }
    CHECK_FAULT(GP, 0, write_msr(0x2ff, 1ull << 8));
    CHECK_FAULT(GP, 0, write_msr(0x201, 1ull << 10));
    CHECK_FAULT(GP, 0, write_msr(0x201, 1ull << phys_bits()));
    CHECK_FAULT(GP, 0, write_msr(0x200, 1ull << phys_bits()));
    CHECK_FINE(write_msr(0x277, 0x0007040600070406ull));
    CHECK_EQ(read_msr(0x277), 0x0007040600070406ull);
    write_msr(0x277, pat);
    CHECK_EQ(read_msr(0x2ff), def);
}

TEST(memory_type_ranges_keep_what_is_written)
{
    unsigned n = read_msr(0xfe) & 0xff;

    for (unsigned i = 0; i < n; i++) {
        uint64_t base = read_msr(0x200 + 2 * i), mask = read_msr(0x201 + 2 * i);

        write_msr(0x200 + 2 * i, 0x12345000 | 6);
        write_msr(0x201 + 2 * i, 0xfffff000 | 0x800);
        CHECK_EQ(read_msr(0x200 + 2 * i), 0x12345006);
        CHECK_EQ(read_msr(0x201 + 2 * i), 0xfffff800);
        write_msr(0x201 + 2 * i, mask);
        write_msr(0x200 + 2 * i, base);
    }
    CHECK_FAULT(GP, 0, read_msr(0x200 + 2 * n));
}

/* ---- machine checks ---- */

TEST(machine_check_banks_are_cleared_and_not_set)
{
    unsigned n = read_msr(0x179) & 0xff;

    CHECK(n);
    CHECK_FAULT(GP, 0, write_msr(0x179, 0));
    for (unsigned i = 0; i < n; i++) {
        CHECK_FINE(write_msr(0x401 + 4 * i, 0));
        CHECK_FAULT(GP, 0, write_msr(0x401 + 4 * i, 1));
        CHECK_EQ(read_msr(0x401 + 4 * i), 0);
    }
    CHECK_FAULT(GP, 0, read_msr(0x400 + 4 * n));
    CHECK_FINE(write_cr4(read_cr4() | 1 << 6));
    write_cr4(read_cr4() & ~(1ull << 6));
}

/* ---- APIC modes: SDM vol. 3A, figure "Local x2APIC State Transitions" ---- */

static volatile unsigned got;

static bool on_vector(Frame *f)
{
    (void)f;
    got++;
    write_msr(0x80b, 0);
    return true;
}

TEST(x2apic_modes_change_along_the_arrows_only)
{
    uint64_t base = read_msr(APIC_BASE_MSR);
    uint32_t id;

    if (!cpu_has(1, 2, 21)) {
        skip("no x2APIC");
        return;
    }
    apic_enable();
    id = apic_read(0x20) >> 24;
    CHECK_FAULT(GP, 0, read_msr(0x802));                        /* not in this mode */
    CHECK_FAULT(GP, 0, write_msr(APIC_BASE_MSR, (base & ~EN) | X2));    /* X2 without EN */
    CHECK_FINE(write_msr(APIC_BASE_MSR, base | X2));
    CHECK_EQ(read_msr(0x802), id);                              /* 32 bits, not shifted */
    CHECK_EQ(read_msr(0x80d), (id >> 4) << 16 | 1u << (id & 15));       /* logical ID follows from it */
    CHECK_FAULT(GP, 0, write_msr(0x802, 0));                    /* read-only */
    CHECK_FAULT(GP, 0, write_msr(0x80d, 0));
    CHECK_FAULT(GP, 0, read_msr(0x80e));                        /* DFR is gone */
    CHECK_FAULT(GP, 0, read_msr(0x831));                        /* the upper half of ICR too */
    CHECK_FAULT(GP, 0, read_msr(0x80b));                        /* EOI is written */
    CHECK_FAULT(GP, 0, write_msr(0x80b, 1));
    CHECK_FAULT(GP, 0, read_msr(0x83f));
    CHECK_FAULT(GP, 0, write_msr(0x808, 0x100));
    CHECK_FAULT(GP, 0, write_msr(APIC_BASE_MSR, base));         /* back to xAPIC only by way of off */
    trap_hooks[0x61] = on_vector;
    got = 0;
    write_msr(0x83f, 0x61);                                     /* to itself */
    __asm__ volatile("sti; nop; nop; cli");
    CHECK_EQ(got, 1);
    write_msr(0x830, (uint64_t)id << 32 | 0x61);
    __asm__ volatile("sti; nop; nop; cli");
    CHECK_EQ(got, 2);
    CHECK_FINE(write_msr(APIC_BASE_MSR, base & ~(EN | X2)));
    CHECK_EQ(cpuid_word(1, 3) >> 9 & 1, 0);                     /* off: CPUID hides it */
    CHECK_FAULT(GP, 0, read_msr(0x802));
    CHECK_FAULT(GP, 0, write_msr(APIC_BASE_MSR, base | X2));    /* off to x2APIC at once */
    CHECK_FINE(write_msr(APIC_BASE_MSR, base));
    CHECK_EQ(cpuid_word(1, 3) >> 9 & 1, 1);
    CHECK_FAULT(GP, 0, write_msr(APIC_BASE_MSR, base | 1ull << phys_bits()));
    apic_enable();
}

TEST(a_deadline_in_the_past_fires_at_once)
{
    if (!cpu_has(1, 2, 24)) {
        skip("no TSC deadline");
        return;
    }
    apic_enable();
    got = 0;
    trap_hooks[0x62] = NULL;
    apic_write(0x320, 0x40062);
    CHECK_EQ(read_msr(0x6e0), 0);
    write_msr(0x6e0, ~0ull >> 1);
    CHECK_EQ(read_msr(0x6e0), ~0ull >> 1);
    write_msr(0x6e0, 0);                                        /* disarms */
    CHECK_EQ(read_msr(0x6e0), 0);
    write_msr(0x6e0, 1);
    CHECK_EQ(CATCH(__asm__ volatile("sti; 1: pause; jmp 1b")), 0x62);
    CHECK_EQ(read_msr(0x6e0), 0);
    apic_write(0xb0, 0);
    apic_write(0x320, 0x10000);
    CHECK_EQ(read_msr(0x6e0), 0);                               /* another mode: reads 0 */
}

/* ---- enables ---- */

TEST(efer_refuses_what_does_not_exist)
{
    uint64_t efer = read_msr(EFER);

    for (unsigned bit = 0; bit < 64; bit++) {
        if (bit == 0 || bit == 8 || bit == 10 || bit == 11 || (bit >= 12 && bit <= 15)) {
            continue;
        }
        CHECK_FAULT(GP, 0, write_msr(EFER, efer | 1ull << bit));
    }
    CHECK_FINE(write_msr(EFER, efer ^ 1ull << 10));             /* LMA cannot be written and is ignored */
    CHECK_EQ(read_msr(EFER), efer);
    CHECK_FAULT(GP, 0, write_msr(EFER, efer & ~(1ull << 8)));   /* LME with paging on */
}

TEST(cr4_refuses_what_does_not_exist)
{
    uint64_t cr4 = read_cr4();
    static const struct { uint8_t bit, leaf, reg, feature; } bits[] = {
        { 11, 7, 2, 2 }, { 16, 7, 1, 0 }, { 17, 1, 2, 17 }, { 18, 1, 2, 26 }, { 20, 7, 1, 7 }, { 21, 7, 1, 20 },
        { 22, 7, 2, 3 }, { 12, 7, 2, 16 }, { 13, 1, 2, 5 }, { 14, 1, 2, 6 }, { 23, 7, 2, 7 }, { 24, 7, 2, 31 },
    };

    for (unsigned i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
        bool has = cpu_has(bits[i].leaf, bits[i].reg, bits[i].feature);

        if (bits[i].bit == 12 || bits[i].bit == 21) { /* LA57 cannot change here; SMAP needs the kernel's care */
            continue;
        }
        CHECK_EQ(CATCH(write_cr4(cr4 | 1ull << bits[i].bit); write_cr4(cr4)), has ? NONE : GP);
    }
    for (unsigned bit = 26; bit < 64; bit++) {
        CHECK_FAULT(GP, 0, write_cr4(cr4 | 1ull << bit));
    }
}

TEST(model_specific_registers_need_level_0)
{
    static uint8_t rd[] = { 0xb9, 0x10, 0, 0, 0, 0x0f, 0x32, 0xcd, 0x80 };
    static uint8_t tsc[] = { 0x0f, 0x31, 0xcd, 0x80 };

    CHECK_EQ(run_user(rd, 0), GP);
    CHECK_EQ(run_user(tsc, 0), 0x80);
    write_cr4(read_cr4() | 1 << 2);                             /* TSD */
    CHECK_EQ(run_user(tsc, 0), GP);
    CHECK_FINE(__asm__ volatile("rdtsc" : : : "rax", "rdx"));
    write_cr4(read_cr4() & ~4ull);
    CHECK_FAULT(GP, 0, read_msr(0x12345678));
    CHECK_FAULT(GP, 0, write_msr(0x12345678, 0));
}

/* ---- SMM, as a 64-bit kernel sees it ---- */

TEST(an_smi_keeps_the_64_bit_state)
{
    uint64_t gs = read_msr(0xc0000101), star = read_msr(0xc0000081), cr3 = read_cr3(), efer = read_msr(EFER), ok;

    write_msr(0xc0000101, 0x123456789000ull);
    __asm__ volatile("mov $0x8888888899999999, %%r8; mov %%r8, %%r15; not %%r15; mov $0x7e, %%eax\n"
                     "out %%al, $0xb2; nop; not %%r15; xor %%rax, %%rax; cmp %%r8, %%r15; sete %%al"
                     : "=a"(ok) : : "r8", "r15", "memory", "cc");
    CHECK_EQ(ok, 1);
    CHECK_EQ(read_msr(0xc0000101), 0x123456789000ull);
    CHECK_EQ(read_msr(0xc0000081), star);
    CHECK_EQ(read_cr3(), cr3);
    CHECK_EQ(read_msr(EFER), efer);
    write_msr(0xc0000101, gs);
}
