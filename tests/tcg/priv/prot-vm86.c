/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual-8086 mode: what traps, what the virtual-mode extensions let through, ports. SDM vol. 3B, "8086 Emulation",
 * with the table "Software Interrupt Handling Methods While in Virtual-8086 Mode"; "Protected-Mode Virtual Interrupts".
 */
#include "arch32.h"

#define CR4_VME 1u
#define CR4_PVI 2u
#define SEGMENT 0x9000u             /* 90000h: below 640 KiB, nobody's */
#define CODE_AT ((uint8_t *)(SEGMENT << 4))

/* Code of a vm86 task; the stack is at the end of the same segment's first 4 KiB. */
static int vm86(const uint8_t *code, unsigned len, Word flags)
{
    memset(CODE_AT, 0xf1, 256);
    memcpy(CODE_AT, code, len);
    user_reset();
    user.cs = user.ss = SEGMENT;
    user.ds = SEGMENT + 1;
    user.es = SEGMENT + 2;
    user.fs = SEGMENT + 3;
    user.gs = SEGMENT + 4;
    user.sp = 0x1000;
    user.flags = 2 | EF_VM | flags;
    return RUN_USER();
}
#define VM86(flags, ...) vm86((const uint8_t[]) { __VA_ARGS__ }, sizeof((const uint8_t[]) { __VA_ARGS__ }), flags)
#define PUSHED(n) (*(volatile uint16_t *)(CODE_AT + 0x1000 - 2 * (n)))

static bool vme_on(void)
{
    if (!cpu_has(1, 3, 1)) {
        skip("no VME");
        return false;
    }
    write_cr4(read_cr4() | CR4_VME);
    return true;
}

static void vme_off(void)
{
    write_cr4(read_cr4() & ~CR4_VME);
}

/* ---- without extensions ---- */

TEST(an_interrupt_leaves_vm86_with_all_segments_saved)
{
    CHECK_EQ(VM86(EF_IOPL(3), 0xb8, 0x34, 0x12, 0xcd, 0x80), 0x80);     /* MOV AX, 1234h; INT 80h */
    CHECK_EQ(trap.f.ax & 0xffff, 0x1234);
    CHECK_EQ(trap.f.flags & EF_VM, EF_VM);
    CHECK_EQ(trap.f.cs, SEGMENT);
    CHECK_EQ(trap.f.ip, 5);
    CHECK_EQ(trap.f.ss, SEGMENT);
    CHECK_EQ(trap.f.sp, 0x1000);
    CHECK_EQ(trap.f.vm_ds, SEGMENT + 1);
    CHECK_EQ(trap.f.vm_es, SEGMENT + 2);
    CHECK_EQ(trap.f.vm_fs, SEGMENT + 3);
    CHECK_EQ(trap.f.vm_gs, SEGMENT + 4);
    CHECK_EQ(trap.f.ds | trap.f.es | trap.f.fs | trap.f.gs, 0);         /* null in the handler */
    CHECK_EQ(trap.handler_ss, DATA);
    CHECK_EQ(trap.handler_sp, tss.esp0 - sizeof(Frame));
    CHECK_EQ(trap.handler_flags & EF_VM, 0);
}

TEST(the_dpl_of_the_gate_counts_in_vm86)
{
    CHECK_EQ(VM86(EF_IOPL(3), 0xcd, 0x70), GP);
    CHECK_EQ(trap.f.error, 0x70 * 8 + 2);
    idt_set(0x80, CODE1 & ~3u, ADDR(iret32), 0xee, 0);          /* a handler that is not at level 0 */
    CHECK_EQ(VM86(EF_IOPL(3), 0xcd, 0x80), GP);
    CHECK_EQ(trap.f.error, CODE1 & ~3u);
    idt_default(0x80);
}

TEST(instructions_that_trap_below_iopl_3)
{
    static const uint8_t insns[][3] = { { 0xfa }, { 0xfb }, { 0x9c }, { 0x9d }, { 0xcd, 0x80 }, { 0xcf },
                                        { 0x66, 0x9c }, { 0x66, 0x9d }, { 0x66, 0xcf } };

    for (unsigned i = 0; i < sizeof(insns) / sizeof(insns[0]); i++) {
        CHECK_EQ(vm86(insns[i], 3, 0), GP);
        CHECK_EQ(trap.f.error, 0);
        CHECK_EQ(trap.f.ip, 0);
    }
    CHECK_EQ(VM86(0, 0xcc), BP);                                /* INT3 does not look at IOPL */
    CHECK_EQ(VM86(EF_IOPL(3), 0xfb, 0x90, 0xfa, 0x9c, 0x9d, 0xcd, 0x80), 0x80);
}

TEST(instructions_of_protected_mode_do_not_exist_in_vm86)
{
    static const uint8_t undefined[][3] = { { 0x0f, 0x00, 0xc0 }, { 0x0f, 0x00, 0xc8 }, { 0x0f, 0x00, 0xd0 },
                                            { 0x0f, 0x00, 0xd8 }, { 0x0f, 0x00, 0xe0 }, { 0x0f, 0x00, 0xe8 },
                                            { 0x0f, 0x02, 0xc0 }, { 0x0f, 0x03, 0xc0 }, { 0x63, 0xc0 } };
    static const uint8_t forbidden[][3] = {
        { 0xf4 },       { 0x0f, 0x20, 0xc0 }, { 0x0f, 0x22, 0xc0 }, { 0x0f, 0x06 },      { 0x0f, 0x32 },
        { 0x0f, 0x30 }, { 0x0f, 0x01, 0xf0 }, { 0x0f, 0x01, 0x17 }, { 0x0f, 0x01, 0x1f }
    };

    for (unsigned i = 0; i < sizeof(undefined) / sizeof(undefined[0]); i++) {
        CHECK_EQ(vm86(undefined[i], 3, EF_IOPL(3)), UD);
    }
    for (unsigned i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
        bool exists = (forbidden[i][1] & 0xfd) != 0x30 || cpu_has(1, 3, 5);      /* RDMSR, WRMSR */

        CHECK_EQ(vm86(forbidden[i], 3, EF_IOPL(3)), exists ? GP : UD);
        CHECK_EQ(trap.f.error, 0);
    }
}

TEST(segments_of_vm86_are_64_kib_at_16_times_the_selector)
{
    /* MOV AX, 8000h; MOV ES, AX; MOV [ES:10h], AX; MOV AX, [0FFFFh] */
    CHECK_EQ(VM86(EF_IOPL(3), 0xb8, 0, 0x80, 0x8e, 0xc0, 0x26, 0xa3, 0x10, 0, 0xcd, 0x80), 0x80);
    CHECK_EQ(*(volatile uint16_t *)0x80010, 0x8000);
    CHECK_EQ(trap.f.vm_es, 0x8000);
    CHECK_EQ(VM86(EF_IOPL(3), 0xa1, 0xff, 0xff), GP);           /* a word at FFFFh */
    CHECK_EQ(trap.f.error, 0);
    CHECK_EQ(VM86(EF_IOPL(3), 0x36, 0xa1, 0xff, 0xff), SS);
    CHECK_EQ(VM86(EF_IOPL(3), 0x66, 0xbb, 0, 0, 1, 0, 0x67, 0x8a, 0x03), GP);   /* EBX = 10000h; MOV AL, [EBX] */
}

TEST(flags_of_vm86_cannot_change_iopl)
{
    /* PUSH 0; POPF; PUSHF; POP AX */
    CHECK_EQ(VM86(EF_IOPL(3), 0x6a, 0, 0x9d, 0x9c, 0x58, 0xcd, 0x80), 0x80);
    CHECK_EQ(trap.f.ax & EF_IOPL(3), EF_IOPL(3));
    CHECK_EQ(trap.f.flags & EF_IOPL(3), EF_IOPL(3));
}

/* ---- ports ---- */

TEST(the_io_bitmap_rules_in_vm86_whatever_iopl)
{
    CHECK_EQ(VM86(EF_IOPL(3), 0xe4, 0x80, 0xcd, 0x80), GP);
    tss.bitmap[0x80 / 8] = 0xfe;
    CHECK_EQ(VM86(EF_IOPL(3), 0xe4, 0x80, 0xcd, 0x80), 0x80);
    CHECK_EQ(VM86(0, 0xe4, 0x80, 0xcc), BP);
    CHECK_EQ(VM86(EF_IOPL(3), 0xe5, 0x80, 0xcd, 0x80), GP);     /* a word needs two bits */
    tss.bitmap[0x87 / 8] = 0x7f;
    CHECK_EQ(VM86(EF_IOPL(3), 0xe4, 0x87, 0xcd, 0x80), 0x80);
    CHECK_EQ(VM86(EF_IOPL(3), 0xe5, 0x87, 0xcd, 0x80), GP);     /* over the byte's end */
    tss.bitmap[0x88 / 8] = 0xfe;
    CHECK_EQ(VM86(EF_IOPL(3), 0xe5, 0x87, 0xcd, 0x80), 0x80);
    task_reset();
}

TEST(the_io_bitmap_ends_with_the_tss)
{
    /* the bitmap's byte for ports 80h to 87h is the last: the second byte read is beyond the limit */
    tss.bitmap[16] = tss.bitmap[17] = 0;
    gdt_table[TSS_SEL / 8] = descriptor(PHYS(&tss), offsetof(Tss32, bitmap) + 16, 0x89, 0);
    __asm__ volatile("ltr %w0" : : "r"(TSS_SEL));
    CHECK_EQ(VM86(EF_IOPL(3), 0xe4, 0x80, 0xcd, 0x80), GP);
    gdt_table[TSS_SEL / 8] = descriptor(PHYS(&tss), offsetof(Tss32, bitmap) + 17, 0x89, 0);
    __asm__ volatile("ltr %w0" : : "r"(TSS_SEL));
    CHECK_EQ(VM86(EF_IOPL(3), 0xe4, 0x80, 0xcd, 0x80), 0x80);
    task_reset();
}

/* ---- with extensions: software interrupts ---- */

static void real_vector(unsigned n, unsigned offset)
{
    ((volatile uint32_t *)0)[n] = SEGMENT << 16 | offset;
}

TEST(a_clear_bit_sends_int_to_the_tasks_own_vector)
{
    uint32_t old = ((volatile uint32_t *)0)[0x60];

    if (!vme_on()) {
        return;
    }
    real_vector(0x60, 8);
    tss.redirection[0x60 / 8] &= ~1;
    /* 0: INT 60h; 2: INT3. 8: PUSHF; POP BX; INT3 */
    CHECK_EQ(VM86(EF_IOPL(3) | EF_IF, 0xcd, 0x60, 0xcc, 0, 0, 0, 0, 0, 0x9c, 0x5b, 0xcc), BP);
    CHECK_EQ(trap.f.ip, 11);
    CHECK_EQ(trap.f.sp, 0x1000 - 6);
    CHECK_EQ(PUSHED(3), 2);
    CHECK_EQ(PUSHED(2), SEGMENT);
    CHECK_EQ(PUSHED(1) & (EF_IF | EF_IOPL(3)), EF_IF | EF_IOPL(3));
    CHECK_EQ(trap.f.flags & EF_IF, 0);                  /* method 6: IOPL 3 clears the real IF */
    /* method 5: IOPL below 3: VIF is what the task sees as IF, IOPL 3 in the image */
    CHECK_EQ(VM86(EF_IF | EF_VIF, 0xcd, 0x60, 0xcc, 0, 0, 0, 0, 0, 0x9c, 0x5b, 0xcc), BP);
    CHECK_EQ(PUSHED(1) & (EF_IF | EF_IOPL(3)), EF_IF | EF_IOPL(3));
    CHECK_EQ(trap.f.flags & (EF_IF | EF_VIF), EF_IF);
    CHECK_EQ(trap.f.bx & EF_IF, 0);                     /* PUSHF shows VIF */
    /* a set bit: IOPL 3 goes to the protected-mode handler, below it #GP */
    tss.redirection[0x60 / 8] |= 1;
    idt_set(0x60, CODE, (Word)(uintptr_t)(stub_table + 0x60 * 16), 0xee, 0);
    CHECK_EQ(VM86(EF_IOPL(3), 0xcd, 0x60), 0x60);
    CHECK_EQ(VM86(0, 0xcd, 0x60), GP);
    CHECK_EQ(trap.f.error, 0);
    idt_default(0x60);
    ((volatile uint32_t *)0)[0x60] = old;
    vme_off();
    task_reset();
}

TEST(iret_of_a_redirected_interrupt_brings_vif_back)
{
    uint32_t old = ((volatile uint32_t *)0)[0x60];

    if (!vme_on()) {
        return;
    }
    real_vector(0x60, 8);
    tss.redirection[0x60 / 8] &= ~1;
    CHECK_EQ(VM86(EF_IF | EF_VIF, 0xcd, 0x60, 0xcc, 0, 0, 0, 0, 0, 0xcf), BP);  /* the handler is an IRET */
    CHECK_EQ(trap.f.ip, 3);
    CHECK_EQ(trap.f.sp, 0x1000);
    CHECK_EQ(trap.f.flags & (EF_IF | EF_VIF), EF_IF | EF_VIF);
    CHECK_EQ(trap.f.flags & EF_IOPL(3), 0);
    ((volatile uint32_t *)0)[0x60] = old;
    vme_off();
    task_reset();
}

/* ---- with extensions: VIF and VIP ---- */

TEST(cli_and_sti_move_vif)
{
    if (!vme_on()) {
        return;
    }
    CHECK_EQ(VM86(EF_IF, 0xfb, 0xcc), BP);
    CHECK_EQ(trap.f.flags & (EF_IF | EF_VIF), EF_IF | EF_VIF);
    CHECK_EQ(VM86(EF_IF | EF_VIF, 0xfa, 0xcc), BP);
    CHECK_EQ(trap.f.flags & (EF_IF | EF_VIF), EF_IF);
    CHECK_EQ(VM86(EF_VIP, 0xfb, 0xcc), GP);             /* an interrupt waits */
    CHECK_EQ(trap.f.ip, 0);
    CHECK_EQ(VM86(EF_VIP, 0xfa, 0xcc), BP);
    CHECK_EQ(VM86(EF_IOPL(3) | EF_VIP, 0xfb, 0xcc), BP);        /* with IOPL 3 it is the real IF */
    CHECK_EQ(trap.f.flags & EF_IF, EF_IF);
    vme_off();
}

TEST(pushf_and_popf_show_vif_as_if)
{
    if (!vme_on()) {
        return;
    }
    CHECK_EQ(VM86(EF_VIF, 0x9c, 0xcc), BP);
    CHECK_EQ(PUSHED(1) & (EF_IF | EF_IOPL(3)), EF_IF | EF_IOPL(3));
    CHECK_EQ(VM86(EF_IF, 0x9c, 0xcc), BP);
    CHECK_EQ(PUSHED(1) & (EF_IF | EF_IOPL(3)), EF_IOPL(3));
    /* PUSH imm16; POPF */
    CHECK_EQ(VM86(0, 0x68, 0x02, 0x02, 0x9d, 0xcc), BP);
    CHECK_EQ(trap.f.flags & (EF_IF | EF_VIF | EF_IOPL(3)), EF_VIF);
    CHECK_EQ(VM86(EF_VIF | EF_IF, 0x68, 0x02, 0x00, 0x9d, 0xcc), BP);
    CHECK_EQ(trap.f.flags & (EF_IF | EF_VIF), EF_IF);
    CHECK_EQ(VM86(EF_VIP, 0x68, 0x02, 0x02, 0x9d, 0xcc), GP);
    CHECK_EQ(trap.f.sp, 0x1000 - 2);
    CHECK_EQ(VM86(0, 0x68, 0x02, 0x01, 0x9d, 0xcc), GP);        /* TF */
    CHECK_EQ(VM86(0, 0x66, 0x9d), GP);                          /* 32-bit POPF and IRET trap as ever */
    CHECK_EQ(VM86(0, 0x66, 0xcf), GP);
    vme_off();
}

TEST(iret_of_16_bits_moves_vif)
{
    if (!vme_on()) {
        return;
    }
    /* PUSH flags; PUSH cs; PUSH 16; IRET. 16: INT3 */
    CHECK_EQ(VM86(0, 0x68, 0x02, 0x02, 0x0e, 0x6a, 16, 0xcf, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xcc), BP);
    CHECK_EQ(trap.f.flags & (EF_IF | EF_VIF), EF_VIF);
    CHECK_EQ(trap.f.ip, 17);
    CHECK_EQ(VM86(EF_VIP, 0x68, 0x02, 0x02, 0x0e, 0x6a, 16, 0xcf), GP);
    CHECK_EQ(trap.f.ip, 6);
    CHECK_EQ(VM86(0, 0x68, 0x02, 0x01, 0x0e, 0x6a, 16, 0xcf), GP);
    vme_off();
}

/* ---- the same for protected mode ---- */

TEST(protected_mode_virtual_interrupts)
{
    static uint8_t sti[] = { 0xfb, 0xcd, 0x80 }, cli[] = { 0xfa, 0xcd, 0x80 };

    if (!cpu_has(1, 3, 1)) {
        skip("no PVI");
        return;
    }
    CHECK_EQ(run_user(sti, 0), GP);
    write_cr4(read_cr4() | CR4_PVI);
    CHECK_EQ(run_user(sti, EF_IF), 0x80);
    CHECK_EQ(trap.f.flags & (EF_IF | EF_VIF), EF_IF | EF_VIF);
    CHECK_EQ(run_user(cli, EF_IF | EF_VIF), 0x80);
    CHECK_EQ(trap.f.flags & (EF_IF | EF_VIF), EF_IF);
    CHECK_EQ(run_user(sti, EF_VIP), GP);
    CHECK_EQ(run_user(cli, EF_IOPL(3) | EF_IF), 0x80);
    CHECK_EQ(trap.f.flags & EF_IF, 0);
    write_cr4(read_cr4() & ~CR4_PVI);
}

/* ---- a vm86 task by a task switch ---- */

TEST(a_task_switch_may_enter_vm86)
{
    static Tss32 task __attribute__((aligned(16)));
    static struct __attribute__((packed)) { uint32_t offset; uint16_t sel; } p;

    memset(&task, 0, 104);
    p.sel = (uint16_t)gdt_set(0, descriptor(PHYS(&task), 103, 0x89, 0));
    task.eflags = 2 | EF_VM | EF_IOPL(3);
    task.cs = task.ss = SEGMENT;
    task.ds = 0x1234;
    task.esp = 0x1000;
    task.ss0 = DATA;
    task.esp0 = tss.esp0 - 512;
    CODE_AT[0] = 0xcd;
    CODE_AT[1] = 0x80;
    CHECK_EQ(CATCH(__asm__ volatile("ljmp *%0" : : "m"(p) : "memory")), 0x80);
    CHECK_EQ(trap.f.flags & EF_VM, EF_VM);
    CHECK_EQ(trap.f.cs, SEGMENT);
    CHECK_EQ(trap.f.vm_ds, 0x1234);
    task_reset();
}
