/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Protected mode: limits, loads of segment registers, gates, far transfers, LAR LSL VERR VERW.
 * SDM vol. 3A, "Protected-Mode Memory Management" and "Protection"; vol. 2, pages of the instructions.
 */
#include "arch32.h"

static uint8_t area[0x3000] __attribute__((aligned(4096)));

/* Byte-granular and page-granular data of level 3 over the area. */
#define DATA_DESC(limit, access, flags) descriptor(PHYS(area), limit, access, flags)

/* ---- limits of data ---- */

USER_CODE_AT(load8, "movb %ds:(%ebx), %al");
USER_CODE_AT(load16, "movw %ds:(%ebx), %ax");
USER_CODE_AT(load32, "movl %ds:(%ebx), %eax");
USER_CODE_AT(store32, "movl %eax, %ds:(%ebx)");
USER_CODE_AT(load64, "fildq %ds:(%ebx)");
USER_CODE_AT(add32, "addl %eax, %ds:(%ebx)");
USER_CODE_AT(stack32, "movl (%ebp), %eax");
USER_CODE_AT(movs32, "movsl");
USER_CODE_AT(rep_movs, "rep movsb");

static int with_ds(unsigned sel, Word ip, Word offset)
{
    user_reset();
    user.ds = sel | 3;
    user.ip = ip;
    user.bx = offset;
    return RUN_USER();
}

TEST(data_ends_at_its_limit)
{
    unsigned sel = gdt_set(0, DATA_DESC(0xfff, 0xf3, 4));

    CHECK_EQ(with_ds(sel, ADDR(load8), 0xfff), 0x80);
    CHECK_EQ(with_ds(sel, ADDR(load8), 0x1000), GP);
    CHECK_EQ(trap.f.error, 0);
    CHECK_EQ(trap.f.ip, ADDR(load8));
    CHECK_EQ(with_ds(sel, ADDR(load16), 0xffe), 0x80);
    CHECK_EQ(with_ds(sel, ADDR(load16), 0xfff), GP);
    CHECK_EQ(with_ds(sel, ADDR(load32), 0xffc), 0x80);
    CHECK_EQ(with_ds(sel, ADDR(load32), 0xffd), GP);
    CHECK_EQ(with_ds(sel, ADDR(store32), 0xffc), 0x80);
    CHECK_EQ(with_ds(sel, ADDR(store32), 0xffd), GP);
    CHECK_EQ(with_ds(sel, ADDR(add32), 0xffd), GP);
    CHECK_EQ(with_ds(sel, ADDR(load64), 0xff8), 0x80);
    CHECK_EQ(with_ds(sel, ADDR(load64), 0xff9), GP);
    CHECK_EQ(with_ds(sel, ADDR(load8), 0xffffffff), GP);
    CHECK_EQ(with_ds(sel, ADDR(load32), 0xfffffffe), GP);
}

TEST(a_limit_in_pages_counts_the_last_page_whole)
{
    unsigned sel = gdt_set(0, DATA_DESC(1, 0xf3, 12));

    CHECK_EQ(with_ds(sel, ADDR(load8), 0x1fff), 0x80);
    CHECK_EQ(with_ds(sel, ADDR(load8), 0x2000), GP);
    sel = gdt_set(0, DATA_DESC(0, 0xf3, 4));            /* one byte */
    CHECK_EQ(with_ds(sel, ADDR(load8), 0), 0x80);
    CHECK_EQ(with_ds(sel, ADDR(load8), 1), GP);
    CHECK_EQ(with_ds(sel, ADDR(load16), 0), GP);
}

TEST(expand_down_data_begins_behind_its_limit)
{
    /* the area's third page is the only one inside: base so that FFFFF000..FFFFFFFF wraps onto it */
    unsigned sel = gdt_set(0, descriptor(PHYS(area) + 0x2000, 0xffffe, 0xf7, 12));      /* offsets from FFFFF000 on */

    CHECK_EQ(with_ds(sel, ADDR(load8), 0xfffff000), 0x80);
    CHECK_EQ(with_ds(sel, ADDR(load8), 0xffffefff), GP);
    CHECK_EQ(with_ds(sel, ADDR(load32), 0xffffeffe), GP);
    CHECK_EQ(with_ds(sel, ADDR(load32), 0xfffffffc), 0x80);
    CHECK_EQ(with_ds(sel, ADDR(load8), 0), GP);
    sel = gdt_set(0, DATA_DESC(0xfff, 0xf7, 0));        /* 16-bit: 1000h to FFFFh */
    CHECK_EQ(with_ds(sel, ADDR(load8), 0xfff), GP);
    CHECK_EQ(with_ds(sel, ADDR(load16), 0xfff), GP);
    CHECK_EQ(with_ds(sel, ADDR(load8), 0x1000), 0x80);
    CHECK_EQ(with_ds(sel, ADDR(load8), 0xffff), 0x80);
    CHECK_EQ(with_ds(sel, ADDR(load16), 0xffff), GP);
    CHECK_EQ(with_ds(sel, ADDR(load8), 0x10000), GP);
    sel = gdt_set(0, DATA_DESC(0xfffff, 0xf7, 12));     /* nothing at all */
    CHECK_EQ(with_ds(sel, ADDR(load8), 0), GP);
    CHECK_EQ(with_ds(sel, ADDR(load8), 0xffffffff), GP);
}

TEST(rights_of_segments_are_checked_at_each_access)
{
    unsigned sel = gdt_set(0, DATA_DESC(0xfff, 0xf1, 4));       /* read-only */

    CHECK_EQ(with_ds(sel, ADDR(load32), 0), 0x80);
    CHECK_EQ(with_ds(sel, ADDR(store32), 0), GP);
    CHECK_EQ(with_ds(sel, ADDR(add32), 0), GP);
    sel = gdt_set(0, DATA_DESC(0xfff, 0xfb, 4));                /* readable code */
    CHECK_EQ(with_ds(sel, ADDR(load32), 0), 0x80);
    CHECK_EQ(with_ds(sel, ADDR(store32), 0), GP);
    CHECK_EQ(with_ds(0, ADDR(load8), 0), GP);                   /* null */
    CHECK_EQ(trap.f.error, 0);
    CHECK_EQ(with_ds(0, ADDR(store32), 0), GP);
}

TEST(string_instructions_check_both_segments)
{
    unsigned sel = gdt_set(0, DATA_DESC(0xfff, 0xf3, 4));

    user_reset();
    user.ds = sel | 3;
    user.ip = ADDR(movs32);
    user.si = 0xffd;
    user.di = PHYS(area);
    CHECK_EQ(RUN_USER(), GP);
    CHECK_EQ(trap.f.si, 0xffd);
    user.si = 0xffc;
    CHECK_EQ(RUN_USER(), 0x80);
    user.ds = USER_DATA;
    user.es = sel | 3;
    user.si = PHYS(area);
    user.di = 0xffe;
    CHECK_EQ(RUN_USER(), GP);
    CHECK_EQ(trap.f.di, 0xffe);
    /* REP stops at the byte that does not fit */
    user.ip = ADDR(rep_movs);
    user.di = 0xff0;
    user.cx = 0x20;
    CHECK_EQ(RUN_USER(), GP);
    CHECK_EQ(trap.f.cx, 0x10);
    CHECK_EQ(trap.f.di, 0x1000);
    CHECK_EQ(trap.f.si, PHYS(area) + 0x10);
    CHECK_EQ(trap.f.ip, ADDR(rep_movs));
}

/* ---- the stack ---- */

USER_CODE_AT(push32, "pushl %eax");
USER_CODE_AT(push16, "pushw %ax");
USER_CODE_AT(pop32, "popl %eax");
USER_CODE_AT(pusha, "pusha");
USER_CODE_AT(popa, "popa");
USER_CODE_AT(call_near, "call 1f; 1:");
USER_CODE_AT(enter, "enter $8, $0");
USER_CODE_AT(leave, "leave");
USER_CODE_AT(ret_near, "ret");

static int with_ss(unsigned sel, Word ip, Word sp)
{
    user_reset();
    user.ss = sel | 3;
    user.ip = ip;
    user.sp = user.bp = sp;
    return RUN_USER();
}

TEST(the_stack_faults_beyond_its_limit)
{
    unsigned sel = gdt_set(0, DATA_DESC(0xfff, 0xf3, 4));

    CHECK_EQ(with_ss(sel, ADDR(push32), 0x1000), 0x80);
    CHECK_EQ(with_ss(sel, ADDR(push32), 0x1001), SS);
    CHECK_EQ(trap.f.error, 0);
    CHECK_EQ(trap.f.sp, 0x1001);
    CHECK_EQ(with_ss(sel, ADDR(push32), 4), 0x80);
    CHECK_EQ(with_ss(sel, ADDR(push32), 3), SS);        /* wraps to FFFFFFFF */
    CHECK_EQ(with_ss(sel, ADDR(push32), 0), SS);
    CHECK_EQ(with_ss(sel, ADDR(push16), 0x1002), SS);
    CHECK_EQ(with_ss(sel, ADDR(pop32), 0xffc), 0x80);
    CHECK_EQ(trap.f.sp, 0x1000);
    CHECK_EQ(with_ss(sel, ADDR(pop32), 0xffd), SS);
    CHECK_EQ(trap.f.sp, 0xffd);
    CHECK_EQ(with_ss(sel, ADDR(pusha), 0x20), 0x80);
    CHECK_EQ(with_ss(sel, ADDR(pusha), 0x1c), SS);
    CHECK_EQ(trap.f.sp, 0x1c);
    CHECK_EQ(with_ss(sel, ADDR(popa), 0xff0), SS);
    CHECK_EQ(trap.f.sp, 0xff0);
    CHECK_EQ(with_ss(sel, ADDR(call_near), 0x1002), SS);
    CHECK_EQ(trap.f.ip, ADDR(call_near));
    CHECK_EQ(with_ss(sel, ADDR(ret_near), 0x1000), SS);
    CHECK_EQ(with_ss(sel, ADDR(enter), 2), SS);
    CHECK_EQ(trap.f.sp, 2);
    CHECK_EQ(with_ss(sel, ADDR(leave), 0x1000), SS);
    CHECK_EQ(trap.f.sp, 0x1000);
    CHECK_EQ(with_ss(sel, ADDR(stack32), 0xffc), 0x80);
    CHECK_EQ(with_ss(sel, ADDR(stack32), 0xffd), SS);
}

TEST(a_stack_that_expands_down)
{
    unsigned sel = gdt_set(0, DATA_DESC(0xfff, 0xf7, 4));       /* 1000h to FFFFFFFF */

    CHECK_EQ(with_ss(sel, ADDR(push32), 0x1004), 0x80);
    CHECK_EQ(with_ss(sel, ADDR(push32), 0x1003), SS);
    CHECK_EQ(with_ss(sel, ADDR(pop32), 0xffc), SS);
    CHECK_EQ(with_ss(sel, ADDR(pop32), 0x1000), 0x80);
}

TEST(a_16_bit_stack_wraps_at_64_kib)
{
    static uint8_t big[0x10000] __attribute__((aligned(16)));
    unsigned sel = gdt_set(0, descriptor(PHYS(big), 0xffff, 0xf3, 0));

    *(volatile uint32_t *)(big + 0xfffc) = 0;
    user_reset();
    user.ss = sel | 3;
    user.ip = ADDR(push32);
    user.ax = 0x11223344;
    user.sp = 0x56780000;                               /* the upper half does not count and is kept */
    CHECK_EQ(RUN_USER(), 0x80);
    CHECK_EQ(*(volatile uint32_t *)(big + 0xfffc), 0x11223344);
    CHECK_EQ(trap.f.sp & 0xffff, 0xfffc);
    CHECK_EQ(with_ss(sel, ADDR(push32), 2), SS);        /* a word of four bytes does not wrap */
    CHECK_EQ(with_ss(sel, ADDR(pop32), 0xfffe), SS);
}

/* ---- code ---- */

TEST(code_ends_at_its_limit)
{
    unsigned sel = gdt_set(0, descriptor(PHYS(area), 0xfff, 0xfb, 4));

    memset(area, 0x90, sizeof(area));
    user_reset();
    user.cs = sel | 3;
    user.ip = 0xffe;
    area[0xffe] = 0xcd;                                 /* INT 80h, the last two bytes */
    area[0xfff] = 0x80;
    CHECK_EQ(RUN_USER(), 0x80);
    user.ip = 0xfff;
    area[0xfff] = 0x90;
    CHECK_EQ(RUN_USER(), GP);                           /* runs out behind the NOP */
    CHECK_EQ(trap.f.ip, 0x1000);
    CHECK_EQ(trap.f.error, 0);
    user.ip = 0xffd;
    memcpy(area + 0xffd, (uint8_t[]) { 0xb8, 1, 2 }, 3);        /* MOV EAX, imm32 does not fit */
    CHECK_EQ(RUN_USER(), GP);
    CHECK_EQ(trap.f.ip, 0xffd);
    user.ip = 0xf00;
    memcpy(area + 0xf00, (uint8_t[]) { 0xe9, 0xfb, 0, 0, 0 }, 5);       /* JMP to 1000h: at the jump */
    CHECK_EQ(RUN_USER(), GP);
    CHECK_EQ(trap.f.ip, 0xf00);
    memcpy(area + 0xf00, (uint8_t[]) { 0xe8, 0xfb, 0, 0, 0 }, 5);       /* CALL: the stack stays */
    CHECK_EQ(RUN_USER(), GP);
    CHECK_EQ(trap.f.ip, 0xf00);
    CHECK_EQ(trap.f.sp, user.sp);
    memcpy(area + 0xf00, (uint8_t[]) { 0xff, 0xe0 }, 2);                /* JMP EAX */
    user.ax = 0x1000;
    CHECK_EQ(RUN_USER(), GP);
    CHECK_EQ(trap.f.ip, 0xf00);
    memcpy(area + 0xf00, (uint8_t[]) { 0x68, 0, 0x10, 0, 0, 0xc3 }, 6); /* PUSH 1000h; RET */
    CHECK_EQ(RUN_USER(), GP);
    CHECK_EQ(trap.f.ip, 0xf05);
}

USER_CODE_AT(load_cs, "movl %cs:(%ebx), %eax");
USER_CODE_AT(store_cs, "movl %eax, %cs:(%ebx)");

TEST(code_segments_are_read_when_readable_and_never_written)
{
    unsigned sel = gdt_set(0, descriptor(0, 0xfffff, 0xf9, 12));        /* execute-only */

    user_reset();
    user.bx = PHYS(area);
    user.ip = ADDR(load_cs);
    CHECK_EQ(RUN_USER(), 0x80);
    user.cs = sel | 3;
    CHECK_EQ(RUN_USER(), GP);
    user.ip = ADDR(store_cs);
    CHECK_EQ(RUN_USER(), GP);
    user.cs = USER_CODE;
    CHECK_EQ(RUN_USER(), GP);
}

/* ---- loads ---- */

#define LOAD_SEG(seg, sel) __asm__ volatile("mov %w0, %%" #seg : : "r"(sel))

TEST(null_selectors)
{
    CHECK_FINE(LOAD_SEG(fs, 0));
    CHECK_FINE(LOAD_SEG(fs, 3));
    CHECK_FAULT(GP, 0, __asm__ volatile("mov %%fs:0, %%eax" : : : "eax"));
    CHECK_FAULT(GP, 0, LOAD_SEG(ss, 0));
    CHECK_FAULT(GP, 0, LOAD_SEG(ss, 3));
    CHECK_FAULT(GP, 0, __asm__ volatile("ljmp $0, $0"));
    CHECK_FAULT(GP, 0, __asm__ volatile("ljmp $3, $0"));
    CHECK_FAULT(GP, 0, __asm__ volatile("lcall $0, $0"));
    CHECK_FAULT(GP, 0, __asm__ volatile("pushl $0; pushl $0; lret"));
    CHECK_FAULT(GP, 0, __asm__ volatile("pushl $2; pushl $0; pushl $0; iret"));
    CHECK_FAULT(GP, 0, __asm__ volatile("ltr %w0" : : "r"(0)));
    CHECK_FINE(__asm__ volatile("lldt %w0" : : "r"(0)));
    CHECK_FAULT(GP, 4, LOAD_SEG(fs, 4));                /* with no LDT every selector of it is beyond the limit */
}

TEST(loads_check_type_rights_and_presence)
{
    unsigned sel = gdt_set(0, DATA_DESC(0xfff, 0xf9, 4));       /* execute-only code */

    CHECK_FAULT(GP, sel, LOAD_SEG(ds, sel));
    gdt_set(0, DATA_DESC(0xfff, 0x13, 4));
    CHECK_FAULT(NP, sel, LOAD_SEG(es, sel));
    CHECK_FAULT(SS, sel, LOAD_SEG(ss, sel));
    gdt_set(0, DATA_DESC(0xfff, 0x93, 4));
    CHECK_FAULT(GP, sel, LOAD_SEG(gs, sel | 3));        /* RPL 3, DPL 0 */
    CHECK_FAULT(GP, sel, LOAD_SEG(ss, sel | 1));
    gdt_set(0, DATA_DESC(0xfff, 0x91, 4));
    CHECK_FAULT(GP, sel, LOAD_SEG(ss, sel));            /* not writable */
    gdt_set(0, DATA_DESC(0xfff, 0x82, 0));              /* an LDT */
    CHECK_FAULT(GP, sel, LOAD_SEG(ds, sel));
    CHECK_FAULT(GP, GDT_ENTRIES * 8, LOAD_SEG(ds, GDT_ENTRIES * 8));
    gdt_set(0, DATA_DESC(0xfff, 0x92, 4));
    CHECK_FINE(LOAD_SEG(gs, sel));
    CHECK_EQ(gdt_table[GDT_FREE] >> 40 & 0xff, 0x93);   /* accessed now */
    gdt_set(0, descriptor(0, 0xfffff, 0x9e, 12));       /* conforming readable code: any RPL */
    CHECK_FINE(LOAD_SEG(gs, sel | 3));
    LOAD_SEG(gs, 0);
}

TEST(local_descriptors)
{
    static uint64_t ldt[4];
    unsigned sel = gdt_set(0, descriptor(PHYS(ldt), sizeof(ldt) - 1, 0x82, 0));
    uint32_t v;

    ldt[2] = descriptor(PHYS(area), 0xfff, 0x92, 4);
    *(volatile uint32_t *)area = 0x12345678;
    __asm__ volatile("lldt %w0" : : "r"(sel));
    CHECK_FINE(LOAD_SEG(fs, 0x14));
    __asm__ volatile("mov %%fs:0, %0" : "=r"(v));
    CHECK_EQ(v, 0x12345678);
    CHECK_FAULT(GP, 0x24, LOAD_SEG(fs, 0x24));
    CHECK_FAULT(GP, 4, __asm__ volatile("lldt %w0" : : "r"(4)));        /* an LDT in the LDT */
    CHECK_FAULT(GP, 0x14, __asm__ volatile("ltr %w0" : : "r"(0x14)));
    gdt_set(0, descriptor(PHYS(ldt), sizeof(ldt) - 1, 0x02, 0));
    CHECK_FAULT(NP, sel, __asm__ volatile("lldt %w0" : : "r"(sel)));
    CHECK_FINE(LOAD_SEG(fs, 0x14));                     /* the old one is still there */
    LOAD_SEG(fs, 0);
    __asm__ volatile("lldt %w0" : : "r"(0));
}

/* ---- far transfers at one level ---- */

typedef struct __attribute__((packed)) FarPointer {
    uint32_t offset;
    uint16_t selector;
} FarPointer;

static void far_jump(uint32_t offset, unsigned sel)
{
    volatile FarPointer p = { offset, (uint16_t)sel };

    __asm__ volatile("ljmp *%0" : : "m"(p) : "memory");
}

static void far_call(uint32_t offset, unsigned sel)
{
    volatile FarPointer p = { offset, (uint16_t)sel };

    __asm__ volatile("lcall *%0" : : "m"(p) : "memory", "cc");
}

__asm__(".text\n" MARK(just_ret) "lret\n");

TEST(far_transfers_check_code)
{
    unsigned sel = gdt_set(0, descriptor(0, 0xfffff, 0x1b, 12));

    CHECK_FINE(far_call(ADDR(just_ret), CODE));
    CHECK_FAULT(GP, DATA, far_call(ADDR(just_ret), DATA));
    CHECK_FAULT(NP, sel, far_call(ADDR(just_ret), sel));
    gdt_set(0, descriptor(0, 0xfffff, 0xfb, 12));
    CHECK_FAULT(GP, sel, far_call(ADDR(just_ret), sel | 3));    /* DPL 3 from level 0 */
    CHECK_FAULT(GP, CODE, far_call(ADDR(just_ret), CODE | 3));  /* RPL above the level */
    gdt_set(0, descriptor(0, 0xff, 0x9b, 4));
    CHECK_FAULT(GP, 0, far_call(0x100, sel));
    CHECK_FAULT(GP, 0, far_jump(0x100, sel));
    gdt_set(0, descriptor(0, 0xfffff, 0xff, 12));
    CHECK_FAULT(GP, sel, far_call(ADDR(just_ret), sel));        /* conforming, DPL above the level */
    gdt_set(0, descriptor(0, 0xfffff, 0x82, 12));
    CHECK_FAULT(GP, sel, far_jump(0, sel));
    CHECK_FAULT(GP, sel, __asm__ volatile("push %0; pushl $0; lret" : : "r"(sel)));
}

USER_CODE_AT(conforming, "mov %cs, %eax");

TEST(conforming_code_runs_at_the_level_of_its_caller)
{
    static struct __attribute__((packed)) { uint8_t insn; uint32_t offset; uint16_t selector; } jump;
    unsigned sel = gdt_set(0, descriptor(0, 0xfffff, 0x9f, 12));

    jump.insn = 0xea;
    jump.offset = ADDR(conforming);
    jump.selector = (uint16_t)sel;
    CHECK_EQ(run_user(&jump, 0), 0x80);
    CHECK_EQ(trap.f.ax, sel | 3);
    CHECK_EQ(trap.f.cs, sel | 3);
    jump.selector = CODE;                               /* not conforming */
    CHECK_EQ(run_user(&jump, 0), GP);
    CHECK_EQ(trap.f.error, CODE);
}

/* ---- call gates ---- */

static unsigned gate_set(unsigned n, unsigned sel, uint32_t offset, unsigned count, unsigned access)
{
    return gdt_set(n, (offset & 0xffff) | (uint64_t)sel << 16 | (uint64_t)count << 32 | (uint64_t)access << 40 |
                      (uint64_t)(offset >> 16) << 48);
}

/* What a gate's target finds: its stack, 8 words from ESP on, and SS. */
static uint32_t gate_sp, gate_stack[8], gate_ss;
__asm__(".text\n" MARK(gate_target)
        "mov %esp, %ss:gate_sp\n"
        "pusha; push %ds; push %es; mov %ss, %eax; mov %eax, %ds; mov %eax, %es; mov %eax, gate_ss\n"
        "lea 40(%esp), %esi; mov $gate_stack, %edi; mov $8, %ecx; cld; rep movsl\n"
        "pop %es; pop %ds; popa\n"
        "lret $8\n");
USER_CODE_AT(gate_call, "pushl $0x1111; pushl $0x2222; lcall *(%ebx)");
USER_CODE_AT(gate_jump, "ljmp *(%ebx)");

TEST(a_call_gate_switches_stacks_and_copies_parameters)
{
    static FarPointer p;
    unsigned sel = gate_set(0, CODE, ADDR(gate_target), 2, 0xec);

    __asm__ volatile("" : : "m"(gate_stack), "m"(gate_sp), "m"(gate_ss) : "memory");
    p.offset = 0xdead;
    p.selector = (uint16_t)(sel | 3);
    user_reset();
    user.bx = PHYS(&p);
    user.ip = ADDR(gate_call);
    gdt_table[1] = descriptor(0, 0xfffff, 0x9b, 12);
    CHECK_EQ(RUN_USER(), 0x80);
    CHECK_EQ(trap.f.sp, user.sp);                       /* RET 8 released the parameters on both stacks */
    CHECK_EQ(trap.f.cs, USER_CODE);
    CHECK_EQ(trap.f.ss, USER_DATA);
    CHECK_EQ(((volatile uint32_t *)gate_stack)[1], USER_CODE);
    CHECK_EQ(((volatile uint32_t *)gate_stack)[2], 0x2222);
    CHECK_EQ(((volatile uint32_t *)gate_stack)[3], 0x1111);
    CHECK_EQ(((volatile uint32_t *)gate_stack)[4], user.sp - 8);
    CHECK_EQ(((volatile uint32_t *)gate_stack)[5], USER_DATA);
    CHECK_EQ(gate_ss & 0xffff, DATA);
    CHECK_EQ(*(volatile uint32_t *)&gate_sp, tss.esp0 - 24);
    user.ip = ADDR(gate_jump);
    CHECK_EQ(RUN_USER(), GP);                           /* a jump does not change levels */
    CHECK_EQ(trap.f.error, CODE);
    gate_set(0, CODE, ADDR(gate_target), 2, 0x8c);      /* DPL 0 */
    user.ip = ADDR(gate_call);
    CHECK_EQ(RUN_USER(), GP);
    CHECK_EQ(trap.f.error, sel);
    gate_set(0, CODE, ADDR(gate_target), 2, 0x6c);
    CHECK_EQ(RUN_USER(), NP);
    CHECK_EQ(trap.f.error, sel);
    gate_set(0, DATA, ADDR(gate_target), 2, 0xec);
    CHECK_EQ(RUN_USER(), GP);
    CHECK_EQ(trap.f.error, DATA);
    gate_set(0, 0, ADDR(gate_target), 2, 0xec);
    CHECK_EQ(RUN_USER(), GP);
    CHECK_EQ(trap.f.error, 0);
}

TEST(stacks_of_inner_levels_are_checked)
{
    static FarPointer p;
    unsigned sel = gate_set(0, CODE1 & ~3, ADDR(gate_target), 0, 0xec), bad = 8 * (GDT_FREE + 1);

    p.selector = (uint16_t)(sel | 3);
    user_reset();
    user.bx = PHYS(&p);
    user.ip = ADDR(gate_call);
    tss.ss1 = 0;
    CHECK_EQ(RUN_USER(), TS);
    CHECK_EQ(trap.f.error, 0);
    tss.ss1 = DATA | 1;                                 /* DPL 0 for level 1 */
    CHECK_EQ(RUN_USER(), TS);
    CHECK_EQ(trap.f.error, DATA);
    tss.ss1 = bad | 1;
    gdt_set(1, descriptor(0, 0xfffff, 0x33, 12));
    CHECK_EQ(RUN_USER(), SS);                           /* not present */
    CHECK_EQ(trap.f.error, bad);
    gdt_set(1, descriptor(0, 0xfffff, 0xb1, 12));
    CHECK_EQ(RUN_USER(), TS);                           /* read-only */
    CHECK_EQ(trap.f.error, bad);
    gdt_set(1, descriptor(0, 0xff, 0xb3, 4));
    tss.esp1 = 0x200;
    CHECK_EQ(RUN_USER(), SS);                           /* no room: SDM vol. 2A, CALL: #SS(SS selector) */
    CHECK_EQ(trap.f.error, bad);
    gdt_table[TSS_SEL / 8] = descriptor(PHYS(&tss), 0x10, 0x89, 0);     /* too short for level 1's stack */
    __asm__ volatile("ltr %w0" : : "r"(TSS_SEL));
    CHECK_EQ(RUN_USER(), TS);
    CHECK_EQ(trap.f.error, TSS_SEL);
    task_reset();
}

TEST(call_gates_of_one_level)
{
    unsigned sel = gate_set(0, CODE, ADDR(just_ret), 0, 0x8c);

    CHECK_FINE(far_call(0x12345, sel));
    sel = gate_set(0, CODE, ADDR(just_ret), 31, 0x8c);  /* without a change of stacks nothing is copied */
    CHECK_FINE(far_call(0x12345, sel));
    CHECK_FAULT(GP, sel, far_call(0, sel | 3));         /* RPL above the gate's DPL */
    gate_set(0, CODE, 0, 0, 0x8e);                      /* an interrupt gate is not for calls */
    CHECK_FAULT(GP, sel, far_call(0, sel));
}

TEST(a_16_bit_call_gate_pushes_words)
{
    static uint8_t inner[] = { 0x8b, 0x44, 0x24, 0x00, 0x8b, 0x5c, 0x24, 0x04, 0x66, 0xcb };    /* two dwords; RETF */
    unsigned code = gdt_set(0, descriptor(PHYS(inner), sizeof(inner) - 1, 0x9b, 4));
    unsigned gate = gate_set(1, code, 0, 0, 0xe4);
    unsigned outer = gdt_set(2, descriptor(PHYS(area), 0xfff, 0xfb, 4)) | 3;
    unsigned stack = gdt_set(3, descriptor(PHYS(area), 0x2fff, 0xf3, 4)) | 3;

    memcpy(area, (uint8_t[]) { 0x9a, 0, 0, 0, 0, (uint8_t)gate, (uint8_t)(gate >> 8), 0xcd, 0x80 }, 9);
    user_reset();
    user.cs = outer;
    user.ip = 0;
    user.ss = stack;
    user.sp = 0x2000;
    CHECK_EQ(RUN_USER(), 0x80);
    CHECK_EQ(trap.f.ax, outer << 16 | 7);
    CHECK_EQ(trap.f.bx, stack << 16 | 0x2000);
    CHECK_EQ(trap.f.sp, 0x2000);
    CHECK_EQ(trap.f.ss, stack);
}

/* ---- returns ---- */

USER_CODE_AT(segments_after, "mov %ds, %eax; mov %es, %ebx; mov %fs, %ecx; mov %gs, %edx");

static void return_outside(unsigned gs)
{
    __asm__ volatile(
        "mov %w0, %%fs; mov %w1, %%gs; mov %w2, %%es; push %3; push %4; push %5; push $mark_segments_after\n"
        "lret"
        :
        : "r"(DATA), "r"(gs), "r"(USER_DATA), "i"(USER_DATA), "r"(user_stack + 2048), "i"(USER_CODE));
}

TEST(returns_to_an_outer_level_drop_segments)
{
    unsigned two = gdt_set(0, descriptor(0, 0xfffff, 0xd3, 12));        /* DPL 2 */

    CHECK_EQ(CATCH(return_outside(two)), 0x80);
    CHECK_EQ(trap.f.ax, 0);
    CHECK_EQ(trap.f.bx, USER_DATA);
    CHECK_EQ(trap.f.cx, 0);
    CHECK_EQ(trap.f.dx, 0);
}

static void iret_frame(Word ip, unsigned cs, Word flags, Word sp, unsigned ss)
{
    __asm__ volatile("push %0; push %1; push %2; push %3; push %4\n" MARK(iret32) "iret"
                     : : "r"(ss), "r"(sp), "r"(flags), "r"(cs), "r"(ip) : "memory");
}

TEST(iret_checks_its_frame)
{
    Word sp = (Word)(uintptr_t)(user_stack + 2048);
    unsigned sel = gdt_set(0, descriptor(0, 0xff, 0xfb, 4));

    CHECK_FAULT(GP, DATA, iret_frame(0, DATA, 2, sp, DATA));
    CHECK_FAULT(GP, 0, iret_frame(0x100, sel | 3, 2, sp, USER_DATA));           /* beyond the limit */
    CHECK_EQ(trap.f.ip, ADDR(iret32));
    CHECK_FAULT(GP, 0, iret_frame(0, USER_CODE, 2, sp, 0));
    CHECK_FAULT(GP, 0, iret_frame(0, USER_CODE, 2, sp, 3));
    CHECK_FAULT(GP, DATA, iret_frame(0, USER_CODE, 2, sp, DATA));
    CHECK_FAULT(GP, DATA, iret_frame(0, USER_CODE, 2, sp, DATA | 3));           /* RPL 3, DPL 0 */
    CHECK_FAULT(GP, USER_CODE & ~3, iret_frame(0, USER_CODE, 2, sp, USER_CODE));
    CHECK_FAULT(GP, USER_CODE & ~3, iret_frame(0, USER_CODE & ~3, 2, sp, USER_DATA));
    CHECK_FAULT(GP, 0xfff8, iret_frame(0, 0xfffb, 2, sp, USER_DATA));
    gdt_set(0, descriptor(0, 0xfffff, 0x7b, 12));
    CHECK_FAULT(NP, sel, iret_frame(0, sel | 3, 2, sp, USER_DATA));
    gdt_set(0, descriptor(0, 0xfffff, 0x73, 12));
    CHECK_FAULT(SS, sel, iret_frame(0, USER_CODE, 2, sp, sel | 3));
    CHECK_FAULT(GP, 0, iret_frame(0x12345, 0x1000, 2 | EF_VM, 0x100, 0x2000));  /* vm86: the offset has 16 bits */
}

USER_CODE_AT(pushf_user, "pushfl; popl %eax");
USER_CODE_AT(popf_user, "pushl $0x3202; popfl; pushfl; popl %eax");

TEST(flags_a_level_may_not_change)
{
    user_reset();
    user.ip = ADDR(popf_user);
    CHECK_EQ(RUN_USER(), 0x80);
    CHECK_EQ(trap.f.ax & (EF_IF | EF_IOPL(3)), 0);      /* silently kept */
    user.flags = 2 | EF_IOPL(3);
    CHECK_EQ(RUN_USER(), 0x80);
    CHECK_EQ(trap.f.ax & (EF_IF | EF_IOPL(3)), EF_IF | EF_IOPL(3));     /* IF by IOPL */
    user.ip = ADDR(pushf_user);
    user.flags = 2 | EF_RF;
    CHECK_EQ(RUN_USER(), 0x80);
    CHECK_EQ(trap.f.ax & (EF_RF | EF_VM), 0);
}

/* ---- SYSENTER ---- */

__asm__(".text\n" MARK(sysenter_target) "mov %esp, %esi; mov %ss, %edi; pushf; pop %ebp\n"
        "mov $mark_after_sysexit, %edx; mov %ebx, %ecx; sysexit\n" MARK(after_sysexit)
        "mov %cs, %eax; mov %ss, %ecx; int $0x80\n");
USER_CODE_AT(do_sysenter, "mov %esp, %ebx; sysenter");

TEST(sysenter_and_sysexit_of_32_bits)
{
    static uint8_t stack[256];
    uint64_t old2 = gdt_table[3], old3 = gdt_table[4];

    if (!cpu_has(1, 3, 11)) {
        skip("no SYSENTER");
        return;
    }
    write_msr(0x174, CODE);
    write_msr(0x175, PHYS(stack + 256));
    write_msr(0x176, ADDR(sysenter_target));
    user_reset();
    user.ip = ADDR(do_sysenter);
    user.flags = 2 | EF_IF;
    CHECK_EQ(RUN_USER(), 0x80);
    CHECK_EQ(trap.f.ax, CODE + 16 + 3);
    CHECK_EQ(trap.f.cx, CODE + 24 + 3);
    CHECK_EQ(trap.f.si, PHYS(stack + 256));
    CHECK_EQ(trap.f.di, CODE + 8);
    CHECK_EQ(trap.f.bp & EF_IF, 0);
    CHECK_EQ(trap.f.sp, user.sp);
    write_msr(0x174, 0);
    CHECK_EQ(RUN_USER(), GP);
    CHECK_EQ(trap.f.error, 0);
    CHECK_EQ(run_user((uint8_t[]) { 0x0f, 0x35 }, 0), GP);      /* SYSEXIT at level 3 */
    CHECK_EQ(gdt_table[3] ^ gdt_table[4] ^ old2 ^ old3, 0);     /* no descriptor was read or marked */
}

/* ---- LAR LSL VERR VERW: every type, DPL, RPL and presence ---- */

typedef struct Answer {
    bool lar, lsl, verr, verw;
} Answer;

static Answer ask(unsigned sel)
{
    Answer a;

    __asm__ volatile("lar %4, %%eax; setz %0; lsl %4, %%eax; setz %1; verr %w4; setz %2; verw %w4; setz %3"
                     : "=m"(a.lar), "=m"(a.lsl), "=m"(a.verr), "=m"(a.verw) : "r"(sel) : "eax", "cc");
    return a;
}

/* SDM vol. 2A, LAR and LSL, tables of types; vol. 3A, "Checking Access Rights". */
static Answer expected(unsigned type, unsigned dpl, unsigned rpl)
{
    static const uint16_t lar = 0x1a3e, lsl = 0x0a0e;   /* 1 2 3 4 5 9 B C; 1 2 3 9 B */
    bool seg = type & 16, code = type & 8, conforming = seg && code && (type & 4), second = type & 2;
    bool visible = conforming || dpl >= rpl;
    Answer a = { .lar = visible && (seg || (lar >> type & 1)), .lsl = visible && (seg || (lsl >> type & 1)),
                 .verr = visible && seg && (!code || second), .verw = visible && seg && !code && second };

    return a;
}

TEST(access_rights_of_all_types)
{
    unsigned wrong = 0;

    for (unsigned n = 0; n < 32 * 4 * 4 * 2; n++) {
        unsigned type = n & 31, dpl = n >> 5 & 3, rpl = n >> 7 & 3, present = n >> 9 & 1;
        unsigned sel = gdt_set(0, descriptor(0x1234, 0x5678, type | dpl << 5 | present << 7, 4)) | rpl;
        Answer got = ask(sel), want = expected(type, dpl, rpl);

        if (got.lar != want.lar || got.lsl != want.lsl || got.verr != want.verr || got.verw != want.verw) {
            print("# type %x dpl %u rpl %u: lar %u lsl %u verr %u verw %u\n", type, dpl, rpl, got.lar, got.lsl,
                  got.verr, got.verw);
            wrong++;
        }
    }
    CHECK_EQ(wrong, 0);
}

TEST(lar_and_lsl_give_rights_and_limits)
{
    unsigned sel = gdt_set(0, descriptor(0x12345678, 0xabcde, 0xf3, 13));
    uint32_t rights = 0x55, limit = 0x55;

    __asm__ volatile("lar %2, %0; lsl %2, %1" : "+r"(rights), "+r"(limit) : "r"(sel) : "cc");
    CHECK_EQ(rights & 0xf0ff00, 0xd0f300);              /* bits 19:16 are undefined */
    CHECK_EQ(limit, 0xabcdefff);
    rights = limit = 0x55;
    __asm__ volatile("lar %2, %0; lsl %2, %1" : "+r"(rights), "+r"(limit) : "r"(0) : "cc");
    CHECK_EQ(rights, 0x55);                             /* kept when there is no answer */
    CHECK_EQ(limit, 0x55);
    CHECK_EQ(ask(0xfff8).lar, false);
}

TEST(arpl_raises_the_rpl)
{
    uint32_t v = 0x10;
    bool z;

    __asm__ volatile("arpl %w2, %w0; setz %1" : "+r"(v), "=q"(z) : "r"(3) : "cc");
    CHECK_EQ(v, 0x13);
    CHECK_EQ(z, true);
    __asm__ volatile("arpl %w2, %w0; setz %1" : "+r"(v), "=q"(z) : "r"(1) : "cc");
    CHECK_EQ(v, 0x13);
    CHECK_EQ(z, false);
}
