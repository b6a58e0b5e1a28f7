/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Long mode: gates, double faults, stacks of events, interrupts and their shadows. SDM vol. 3A, "Interrupt and
 * Exception Handling".
 */
#include "arch64.h"

#define GATE_INT 0x8e
#define GATE_TRAP 0x8f

static uint64_t handler(unsigned vector)
{
    return (uint64_t)(uintptr_t)(stub_table + vector * 16);
}

/* ---- gates ---- */

TEST(int_n_checks_the_idt)
{
    CHECK_EQ(CATCH(__asm__ volatile("int $0x55")), 0x55);
    idt_load(0x55 * 16 - 1);
    CHECK_FAULT(GP, 0x55 * 8 + 2, __asm__ volatile("int $0x55"));
    idt_load(0x55 * 16 + 14);
    CHECK_FAULT(GP, 0x55 * 8 + 2, __asm__ volatile("int $0x55"));
    idt_load(sizeof(idt_table) - 1);
    idt_set(0x55, CODE64, handler(0x55), 0x0e, 0);
    CHECK_FAULT(NP, 0x55 * 8 + 2, __asm__ volatile("int $0x55"));
    idt_set(0x55, CODE64, handler(0x55), 0x8c, 0);              /* not a gate of this mode */
    CHECK_FAULT(GP, 0x55 * 8 + 2, __asm__ volatile("int $0x55"));
    idt_set(0x55, DATA, handler(0x55), GATE_INT, 0);
    CHECK_FAULT(GP, DATA, __asm__ volatile("int $0x55"));
    idt_set(0x55, 0, handler(0x55), GATE_INT, 0);
    CHECK_FAULT(GP, 0, __asm__ volatile("int $0x55"));
    idt_set(0x55, CODE32, handler(0x55), GATE_INT, 0);
    CHECK_FAULT(GP, CODE32, __asm__ volatile("int $0x55"));
    idt_set(0x55, CODE64, 0x800000000000ull, GATE_INT, 0);
    CHECK_FAULT(GP, 0, __asm__ volatile("int $0x55"));
    idt_default(0x55);
}

TEST(software_interrupts_are_checked_against_the_dpl_of_the_gate)
{
    static uint8_t code[] = { 0xcd, 0x55 };
    static uint8_t icebp[] = { 0xf1 };
    static uint8_t ud2[] = { 0x0f, 0x0b };

    CHECK_EQ(run_user(code, 0), GP);
    CHECK_EQ(trap.f.error, 0x55 * 8 + 2);
    CHECK_EQ(trap.f.ip, (Word)(uintptr_t)USER(code));
    CHECK_EQ(run_user(icebp, 0), DB);               /* neither is ICEBP, nor are faults */
    CHECK_EQ(trap.f.ip, (Word)(uintptr_t)USER(icebp) + 1);
    CHECK_EQ(run_user(ud2, 0), UD);
    CHECK_EQ(trap.f.ip, (Word)(uintptr_t)USER(ud2));
}

TEST(a_gate_that_fails_for_an_exception_says_external)
{
    idt_set(UD, CODE64, handler(UD), 0x0e, 0);
    CHECK_FAULT(NP, UD * 8 + 3, __asm__ volatile("ud2"));
    idt_set(UD, DATA, handler(UD), GATE_INT, 0);
    CHECK_FAULT(GP, DATA + 1, __asm__ volatile("ud2"));
    idt_default(UD);
}

TEST(interrupt_gates_close_and_trap_gates_keep_the_interrupt_flag)
{
    idt_set(0x55, CODE64, handler(0x55), GATE_INT, 0);
    CHECK_EQ(CATCH(write_flags(EF_IF | 2); __asm__ volatile("int $0x55")), 0x55);
    CHECK_EQ(trap.handler_flags & EF_IF, 0);
    CHECK(trap.f.flags & EF_IF);
    idt_set(0x55, CODE64, handler(0x55), GATE_TRAP, 0);
    CHECK_EQ(CATCH(write_flags(EF_IF | EF_NT | 2); __asm__ volatile("int $0x55")), 0x55);
    CHECK_EQ(trap.handler_flags & (EF_IF | EF_NT), EF_IF);
    CHECK(trap.f.flags & EF_NT);
    idt_default(0x55);
}

TEST(frames_are_aligned_and_always_carry_the_stack)
{
    uint64_t sp = 0;

    CHECK_EQ(CATCH(__asm__ volatile("mov %%rsp, %%rax; and $-16, %%rsp; sub $4, %%rsp; mov %%rsp, %0; int $0x55"
                                    : "=r"(sp)
                                    :
                                    : "rax")),
             0x55);
    CHECK_EQ(trap.f.sp & 15, 12);
    CHECK_EQ(trap.f.ss, DATA);
    CHECK_EQ((trap.handler_sp + sizeof(Frame)) & 15, 0);
    CHECK(trap.f.sp - (trap.handler_sp + sizeof(Frame)) < 16);
}

TEST(interrupt_stacks_come_from_the_task)
{
    static uint8_t stack[1024] __attribute__((aligned(16)));
    static uint8_t code[] = { 0xcd, 0x80 };

    tss.ist[1] = (Word)(uintptr_t)(stack + sizeof(stack));
    idt_set(0x55, CODE64, handler(0x55), GATE_INT, 2);
    CHECK_EQ(CATCH(__asm__ volatile("int $0x55")), 0x55);
    CHECK_EQ(trap.handler_sp, (Word)(uintptr_t)(stack + sizeof(stack)) - sizeof(Frame));
    CHECK_EQ(trap.handler_ss, DATA);
    idt_default(0x55);
    tss.ist[1] = 0x800000000000ull;
    idt_set(0x55, CODE64, handler(0x55), GATE_INT, 2);
    CHECK_FAULT(SS, 0, __asm__ volatile("int $0x55"));
    idt_default(0x55);
    CHECK_EQ(run_user(code, 0), 0x80);
    CHECK_EQ(trap.handler_sp, tss.rsp[0] - sizeof(Frame));
    CHECK_EQ(trap.handler_ss, 0);
}

/* ---- errors on errors ---- */

TEST(two_contributory_faults_are_a_double_fault)
{
    idt_set(GP, CODE64, handler(GP), 0x0e, 0);          /* #GP, then #NP */
    CHECK_FAULT(DF, 0, __asm__ volatile("mov %w0, %%ds" : : "r"(CODE64 + 0x200)));
    idt_default(GP);
    idt_set(DE, CODE64, handler(DE), 0x0e, 0);
    CHECK_FAULT(DF, 0, __asm__ volatile("div %b0" : : "r"(0) : "ax", "cc"));
    idt_default(DE);
}

TEST(a_page_fault_and_a_contributory_one_are_a_double_fault)
{
    idt_set(PF, CODE64, handler(PF), 0x0e, 0);
    pages_reset();
    CHECK_FAULT(DF, 0, *(volatile char *)TEST_VA);
    CHECK_EQ(trap.cr2, TEST_VA);
    idt_default(PF);
}

TEST(a_benign_exception_and_a_fault_are_handled_one_after_the_other)
{
    idt_set(UD, CODE64, handler(UD), 0x0e, 0);
    CHECK_FAULT(NP, UD * 8 + 3, __asm__ volatile("ud2"));
    idt_default(UD);
}

TEST(a_page_fault_on_the_interrupt_stack_doubles_only_after_a_page_fault)
{
    pages_reset();
    tss.ist[1] = TEST_VA + 2048;
    idt_set(UD, CODE64, handler(UD), GATE_INT, 2);
    CHECK_FAULT(PF, 2, __asm__ volatile("ud2"));
    CHECK_EQ(trap.cr2, TEST_VA + 2040);
    idt_default(UD);
    idt_set(GP, CODE64, handler(GP), GATE_INT, 2);
    CHECK_FAULT(PF, 2, *(volatile char *)0x800000000000ull);    /* contributory, then page fault: one after the other */
    idt_default(GP);
}

TEST(a_double_fault_that_faults_shuts_down)
{
    if (!on_command_line("shutdown")) {
        skip("its own run");
        return;
    }
    idt_load(0);
    __asm__ volatile("ud2");
}

/* ---- external interrupts: to itself through the local APIC ---- */

static volatile unsigned interrupts;
static volatile Word interrupt_ip;
static volatile uint32_t interrupt_flags;

static bool on_interrupt(Frame *f)
{
    interrupts++;
    interrupt_ip = f->ip;
    interrupt_flags = (uint32_t)f->flags;
    apic_write(0xb0, 0);
    return true;
}

static void send_to_self(unsigned vector)
{
    apic_write(0x300, 0x44000 | vector);
    while (apic_read(0x300) & 0x1000) {
        continue;
    }
}

static void interrupts_begin(void)
{
    apic_enable();
    interrupts = 0;
    trap_hooks[0x60] = on_interrupt;
}

TEST(sti_delays_interrupts_by_one_instruction)
{
    interrupts_begin();
    send_to_self(0x60);
    __asm__ volatile("sti; nop\n" MARK(sti_after) "nop; cli" : : : "memory");
    CHECK_EQ(interrupts, 1);
    CHECK_EQ(interrupt_ip, ADDR(sti_after));
}

TEST(sti_and_cli_let_nothing_through)
{
    interrupts_begin();
    send_to_self(0x60);
    for (unsigned i = 0; i < 1000; i++) {
        __asm__ volatile("sti; cli" : : : "memory");
    }
    CHECK_EQ(interrupts, 0);
    __asm__ volatile("sti; nop; nop; cli" : : : "memory");
    CHECK_EQ(interrupts, 1);
}

TEST(a_second_sti_starts_no_second_shadow)
{
    interrupts_begin();
    send_to_self(0x60);
    __asm__ volatile("sti; sti\n" MARK(sti_sti) "nop; cli" : : : "memory");
    CHECK_EQ(interrupts, 1);
    CHECK_EQ(interrupt_ip, ADDR(sti_sti));
}

TEST(popf_and_iretq_open_interrupts_at_once)
{
    interrupts_begin();
    send_to_self(0x60);
    __asm__ volatile("push $0x202; popfq\n" MARK(popf_after) "nop; cli" : : : "memory", "cc");
    CHECK_EQ(interrupts, 1);
    CHECK_EQ(interrupt_ip, ADDR(popf_after));
    send_to_self(0x60);
    __asm__ volatile("mov %%ss, %%eax; mov %%rsp, %%rcx; push %%rax; push %%rcx; push $0x202; push $8; lea 1f(%%rip), "
                     "%%rax; push %%rax; iretq\n" MARK(iret_after) "1: nop; cli"
                     :
                     :
                     : "rax", "rcx", "memory", "cc");
    CHECK_EQ(interrupts, 2);
    CHECK_EQ(interrupt_ip, ADDR(iret_after));
}

TEST(mov_ss_delays_interrupts_by_one_instruction)
{
    interrupts_begin();
    send_to_self(0x60);
    __asm__ volatile("push $0x202; mov %%ss, %%eax; cli\n"
                     "sti; mov %%eax, %%ss; nop\n" MARK(ss_after) "nop; cli; pop %%rax" : : : "rax", "memory");
    CHECK_EQ(interrupts, 1);
    CHECK(interrupt_ip == ADDR(ss_after) || interrupt_ip == ADDR(ss_after) - 1);
}

TEST(hlt_with_the_shadow_of_sti_wakes_up)
{
    interrupts_begin();
    send_to_self(0x60);
    __asm__ volatile("sti; hlt\n" MARK(hlt_after) "cli" : : : "memory");
    CHECK_EQ(interrupts, 1);
    CHECK_EQ(interrupt_ip, ADDR(hlt_after));
}

TEST(an_interrupted_string_instruction_is_resumed)
{
    static uint8_t a[1 << 16], b[1 << 16];
    uint64_t bad = 0;

    interrupts_begin();
    /* the APIC timer, periodic and fast */
    apic_write(0x3e0, 0xb);
    apic_write(0x320, 0x20060);
    apic_write(0x380, 20000);
    __asm__ volatile("sti");
    for (unsigned round = 0; round < 200 || (!interrupts && round < 1000000); round++) {
        void *to = b, *from = a;
        uint64_t n = sizeof(a);

        for (unsigned i = 0; i < sizeof(a); i += 511) {
            a[i] = (uint8_t)(round + i);
        }
        __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
        for (unsigned i = 0; i < sizeof(a); i += 511) {
            bad += b[i] != (uint8_t)(round + i);
        }
    }
    __asm__ volatile("cli");
    apic_write(0x380, 0);
    apic_write(0x320, 0x10000);
    CHECK_EQ(bad, 0);
    CHECK(interrupts > 0);
}

/* ---- NMI ---- */

static volatile unsigned nmis, nmis_inside;

static bool on_nmi(Frame *f)
{
    (void)f;
    nmis++;
    if (nmis == 1) {
        apic_write(0x300, 0x44400);         /* another one: has to wait for IRET */
        for (volatile unsigned i = 0; i < 1000; i++) {
            continue;
        }
        nmis_inside = nmis;
    }
    return true;
}

TEST(nmis_wait_for_the_end_of_the_handler)
{
    apic_enable();
    nmis = nmis_inside = 0;
    trap_hooks[NMI] = on_nmi;
    apic_write(0x300, 0x44400);
    for (volatile unsigned i = 0; i < 1000; i++) {
        continue;
    }
    CHECK_EQ(nmis_inside, 1);
    CHECK_EQ(nmis, 2);
    trap_hooks[NMI] = NULL;
}
