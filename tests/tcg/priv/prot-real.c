/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Real mode: vectors, limits, "unreal" segments, A20; system management mode from outside.
 * SDM vol. 3B, "8086 Emulation"; vol. 3A, "Switching Back to Real-Address Mode"; vol. 3C, "System Management Mode".
 *
 * Test code is copied to 7200h and called there; an exception leaves it for good, with what it pushed in struct Result.
 */
#include "arch32.h"

#define ENTRY_AT 0x7000
#define BODY_AT  0x7200
#define STUBS_AT 0x7800

/* At 6000h: what the asm below stores. */
typedef struct __attribute__((packed)) Result {
    uint16_t vector, ip, cs, flags;
    uint32_t value[4];          /* the test's */
} Result;
#define RESULT ((volatile Result *)0x6000)

__asm__(".text\n.code16\n"
        "real_begin:\n"
        "mov $0x30, %ax; mov %ax, %ds; mov %ax, %es; mov %ax, %fs; mov %ax, %gs; mov %ax, %ss\n"
        "mov %cr0, %eax; and $0xfe, %al; mov %eax, %cr0; ljmp $0, $0x7000 + real_next - real_begin\n"
        "real_next: xor %ax, %ax; mov %ax, %ds; mov %ax, %es; mov %ax, %ss; mov %ax, %fs; mov $0x6f00, %esp\n"
        "mov $0x7200, %ax; call *%ax; movw $0xffff, 0x6000\n"
        "real_out: cli; cld; mov %cr0, %eax; or $1, %al; mov %eax, %cr0; ljmpl $8, $real_back\n"
        /* vector n pushes n and comes here */
        "real_caught: xor %ax, %ax; mov %ax, %ds; pop 0x6000; pop 0x6002; pop 0x6004; pop 0x6006; jmp real_out\n"
        "real_end:\n"
        ".code32\n"
        "real_enter: pusha; mov %esp, real_sp; sidt real_idt; lidt real_ivt; ljmp $0x28, $0x7000\n"
        "real_back: mov $0x10, %eax; mov %eax, %ds; mov %eax, %es; mov %eax, %ss; mov real_sp, %esp\n"
        "lidt real_idt; xor %eax, %eax; mov %eax, %fs; mov %eax, %gs; popa; ret\n"
        ".data\nreal_sp: .long 0\nreal_idt: .long 0, 0\nreal_ivt: .word 0x3ff\n.long 0\n.text\n");
extern char real_begin[], real_end[], real_caught[];
void real_enter(void);

static int real_run(const char *begin, const char *end)
{
    static uint32_t old[256];
    static volatile uintptr_t vectors;
    static void (*volatile enter)(void) = real_enter;

    memcpy(old, (void *)vectors, sizeof(old));
    memset((void *)RESULT, 0, sizeof(*RESULT));
    memcpy((void *)ENTRY_AT, real_begin, (size_t)(real_end - real_begin));
    memcpy((void *)BODY_AT, begin, (size_t)(end - begin));
    for (unsigned n = 0; n < 32; n++) {
        uint8_t *stub = (uint8_t *)(STUBS_AT + n * 8);
        uint16_t to = (uint16_t)(ENTRY_AT + (real_caught - real_begin) - (STUBS_AT + n * 8 + 5));

        memcpy(stub, (uint8_t[]) { 0x6a, (uint8_t)n, 0xe9, (uint8_t)to, (uint8_t)(to >> 8) }, 5);
        ((volatile uint32_t *)0)[n] = STUBS_AT + n * 8;
    }
    enter();
    memcpy((void *)vectors, old, sizeof(old));
    return RESULT->vector == 0xffff ? NONE : RESULT->vector;
}

#define REAL(name, text)                                                                                        \
    __asm__(".text\n.code16\n" MARK(name) text "\nret\n" MARK(name##_end) ".code32\n");                         \
    static int name(void) { return real_run((char *)ADDR(name), (char *)ADDR(name##_end)); }

/* ---- vectors ---- */

REAL(real_nothing, "movl $0x12345678, 0x6008")
REAL(real_int5, "int $5")
REAL(real_ud2, "nop; ud2")
REAL(real_divide, "xor %cx, %cx; div %cx")
REAL(real_int3, "int3")
REAL(real_step, "pushf; orw $0x100, (%esp); popf; nop; nop")
REAL(real_sti_flags, "sti; nop; int $5")

TEST(events_go_through_the_vector_table)
{
    CHECK_EQ(real_nothing(), NONE);
    CHECK_EQ(RESULT->value[0], 0x12345678);
    CHECK_EQ(real_int5(), 5);
    CHECK_EQ(RESULT->ip, BODY_AT + 2);
    CHECK_EQ(RESULT->cs, 0);
    CHECK_EQ(real_ud2(), UD);
    CHECK_EQ(RESULT->ip, BODY_AT + 1);
    CHECK_EQ(real_divide(), DE);
    CHECK_EQ(RESULT->ip, BODY_AT + 2);
    CHECK_EQ(real_int3(), BP);
    CHECK_EQ(RESULT->ip, BODY_AT + 1);
    CHECK_EQ(real_step(), DB);
    CHECK_EQ(RESULT->flags & EF_TF, EF_TF);
    write_dr6(0);
    CHECK_EQ(real_sti_flags(), 5);
    CHECK_EQ(RESULT->flags & EF_IF, EF_IF);
}

/* ---- what does not exist ---- */

REAL(real_sldt, "sldt %ax")
REAL(real_ltr, "ltr %ax")
REAL(real_lar, "lar %ax, %bx")
REAL(real_verr, "verr %ax")
REAL(real_arpl, "arpl %ax, %bx")
REAL(real_mov_cs, ".byte 0x8e, 0xc8")
REAL(real_lock, ".byte 0xf0, 0x90")
REAL(real_sysenter, "sysenter")
REAL(real_smsw, "smsw %ax; mov %ax, 0x6008")
REAL(real_lgdt, "sgdt 0x6100; lgdt 0x6100; clts; mov %cr0, %eax; mov %eax, %cr0")

TEST(instructions_of_protected_mode_are_undefined_in_real_mode)
{
    CHECK_EQ(real_sldt(), UD);
    CHECK_EQ(real_ltr(), UD);
    CHECK_EQ(real_lar(), UD);
    CHECK_EQ(real_verr(), UD);
    CHECK_EQ(real_arpl(), UD);
    CHECK_EQ(real_mov_cs(), UD);
    CHECK_EQ(real_lock(), UD);
    CHECK_EQ(real_sysenter(), cpu_has(1, 3, 11) ? GP : UD);
    CHECK_EQ(real_smsw(), NONE);
    CHECK_EQ(RESULT->value[0] & 1, 0);
    CHECK_EQ(real_lgdt(), NONE);
}

/* ---- limits ---- */

REAL(real_word_at_end, "mov 0xffff, %ax")
REAL(real_byte_at_end, "mov 0xffff, %al")
REAL(real_stack_at_end, "mov %ss:0xffff, %ax")
REAL(real_beyond, "mov $0x10000, %ebx; addr32 mov (%ebx), %al")
REAL(real_code_beyond, "mov $0x10000, %eax; jmp *%eax")
REAL(real_string, "mov $0xfff8, %si; mov $0x6100, %di; mov $16, %cx; cld; rep movsw")

TEST(segments_end_at_64_kib)
{
    CHECK_EQ(real_word_at_end(), GP);
    CHECK_EQ(RESULT->ip, BODY_AT);
    CHECK_EQ(real_byte_at_end(), NONE);
    CHECK_EQ(real_stack_at_end(), SS);
    CHECK_EQ(real_beyond(), GP);
    CHECK_EQ(real_code_beyond(), GP);
    CHECK_EQ(real_string(), NONE);                      /* SI wraps to 0 after a word at FFFEh */
}

REAL(real_base, "mov $0x1234, %ax; mov %ax, %es; movw $0xabcd, %es:0x10; xor %ax, %ax; mov %ax, %es")

TEST(a_segments_base_is_16_times_its_selector)
{
    volatile uint16_t *p = (volatile uint16_t *)0x12350;
    uint16_t old = *p;

    CHECK_EQ(real_base(), NONE);
    CHECK_EQ(*p, 0xabcd);
    *p = old;
}

/* ---- unreal mode: a limit of protected mode stays ---- */

static uint32_t far_away = 0x600df00d;
REAL(real_unreal, "mov %cr0, %eax; or $1, %al; mov %eax, %cr0; jmp 1f; 1: mov $0x10, %bx; mov %bx, %fs\n"
     "and $0xfe, %al; mov %eax, %cr0; jmp 2f; 2: mov 0x6100, %ebx\n"
     "addr32 mov %fs:(%ebx), %ecx; mov %ecx, 0x6008\n"
     "xor %ax, %ax; mov %ax, %fs; addr32 mov %fs:(%ebx), %ecx; mov %ecx, 0x600c\n"      /* a load keeps the limit */
     "mov $1, %ax; mov %ax, %fs; sub $16, %ebx; addr32 mov %fs:(%ebx), %ecx; mov %ecx, 0x6010")
REAL(real_not_unreal, "mov 0x6100, %ebx; addr32 mov %fs:(%ebx), %ecx")

TEST(limits_outlive_protected_mode)
{
    *(volatile uint32_t *)0x6100 = PHYS(&far_away);
    CHECK_EQ(real_not_unreal(), GP);
    CHECK_EQ(real_unreal(), NONE);
    CHECK_EQ(RESULT->value[0], far_away);
    CHECK_EQ(RESULT->value[1], far_away);
    CHECK_EQ(RESULT->value[2], far_away);               /* FS 1 is 16 bytes up */
}

/* ---- A20: port 92h, bit 1 ---- */

REAL(real_a20, "mov $0xffff, %ax; mov %ax, %es; in $0x92, %al; mov %al, %bl\n"
     "movw $0x1111, 0x6200; movw $0x2222, %es:0x6210; mov 0x6200, %ax; mov %ax, 0x6008\n"
     "mov %bl, %al; and $0xfd, %al; out %al, $0x92\n"
     "movw $0x3333, %es:0x6210; mov 0x6200, %ax; mov %ax, 0x600a\n"
     "mov %bl, %al; or $2, %al; out %al, $0x92\n"
     "mov %es:0x6210, %ax; mov %ax, 0x600c; xor %ax, %ax; mov %ax, %es")

TEST(a20_makes_memory_wrap_at_1_mib)
{
    static uint8_t old[2];
    volatile uint8_t *beyond = (volatile uint8_t *)0x106200;

    old[0] = beyond[0];
    old[1] = beyond[1];
    CHECK_EQ(real_a20(), NONE);
    CHECK_EQ(RESULT->value[0] & 0xffff, 0x1111);        /* open: FFFF:6210 is 106200h */
    CHECK_EQ(RESULT->value[0] >> 16, 0x3333);           /* masked: it is 6200h */
    CHECK_EQ(RESULT->value[1] & 0xffff, 0x2222);
    beyond[0] = old[0];
    beyond[1] = old[1];
}

/* ---- system management mode ---- */

TEST(rsm_outside_of_smm_is_undefined)
{
    CHECK_FAULT(UD, 0, __asm__ volatile("rsm"));
    CHECK_EQ(run_user((uint8_t[]) { 0x0f, 0xaa }, 0), UD);
}

/* The firmware's handler sees a command it does not know and returns: nothing may have changed. */
TEST(an_smi_leaves_no_trace)
{
    static struct { uint32_t regs[6], flags, cr0, cr4; } before, after;

    before.cr0 = read_cr0();
    before.cr4 = read_cr4();
    __asm__ volatile("pusha; mov $0x11, %%ebx; mov $0x22, %%ecx; mov $0x33, %%esi; mov $0x44, %%edi; mov $0xb2, %%edx\n"
                     "mov $0x7e, %%eax; stc; std; out %%al, %%dx; nop; mov %%eax, %0; mov %%ebx, %1; mov %%ecx, %2\n"
                     "mov %%edx, %3; mov %%esi, %4; mov %%edi, %5; pushf; pop %6; cld; popa"
                     : "=m"(after.regs[0]), "=m"(after.regs[1]), "=m"(after.regs[2]), "=m"(after.regs[3]),
                       "=m"(after.regs[4]), "=m"(after.regs[5]), "=m"(after.flags) : : "memory", "cc");
    CHECK_EQ(after.regs[0], 0x7e);
    CHECK_EQ(after.regs[1], 0x11);
    CHECK_EQ(after.regs[2], 0x22);
    CHECK_EQ(after.regs[3], 0xb2);
    CHECK_EQ(after.regs[4], 0x33);
    CHECK_EQ(after.regs[5], 0x44);
    CHECK_EQ(after.flags & (EF_CF | 0x400), EF_CF | 0x400);
    CHECK_EQ(read_cr0(), before.cr0);
    CHECK_EQ(read_cr4(), before.cr4);
}
