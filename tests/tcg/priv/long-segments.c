/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Long mode: segment loads, far transfers, IRET, canonical addresses, system tables. SDM vol. 2 and vol. 3A,
 * "Protection".
 */
#include "arch64.h"

#define NON_CANONICAL 0x800000000000ull

static void load_ds(unsigned sel) { __asm__ volatile("mov %w0, %%ds" : : "r"(sel)); }
static void load_ss(unsigned sel) { __asm__ volatile("mov %w0, %%ss" : : "r"(sel)); }
static void load_fs(unsigned sel) { __asm__ volatile("mov %w0, %%fs" : : "r"(sel)); }

static void iretq_frame(uint64_t ip, uint64_t cs, uint64_t flags, uint64_t sp, uint64_t ss)
{
    __asm__ volatile("push %0; push %1; push %2; push %3; push %4\n" MARK(iretq) "iretq"
                     : : "r"(ss), "r"(sp), "r"(flags), "r"(cs), "r"(ip) : "memory");
}

static void far_jump(uint64_t offset, unsigned sel)
{
    struct __attribute__((packed)) { uint64_t offset; uint16_t sel; } target = { offset, (uint16_t)sel };

    __asm__ volatile("rex.w ljmp *%0" : : "m"(target));
}

/* ---- segment registers ---- */

TEST(null_selectors_load_into_data_segments_and_keep_their_rpl)
{
    unsigned ds;

    CHECK_FINE(load_ds(3));
    __asm__ volatile("mov %%ds, %0" : "=r"(ds));
    CHECK_EQ(ds & 0xffff, 3);
    load_ds(DATA);
}

TEST(a_selector_beyond_the_table_is_a_general_protection_fault)
{
    gdt_load(GDT_FREE);
    CHECK_FAULT(GP, GDT_FREE * 8, load_ds(GDT_FREE * 8 | 3));
    CHECK_FAULT(GP, GDT_FREE * 8 + 4, load_ds(GDT_FREE * 8 | 4 | 3));    /* no LDT */
    gdt_load(GDT_ENTRIES);
}

TEST(data_segments_are_checked_for_type_rights_and_presence)
{
    unsigned sel = gdt_set(0, descriptor(0, 0xfffff, 0x13, 12));     /* not present */

    CHECK_FAULT(NP, sel, load_ds(sel));
    CHECK_FAULT(SS, sel, load_ss(sel));
    CHECK_FAULT(GP, sel, load_ds(sel | 3));                          /* rights come first */
    gdt_set(0, descriptor(0, 0xfffff, 0x99, 12));                    /* execute only */
    CHECK_FAULT(GP, sel, load_ds(sel));
    gdt_set(0, descriptor(0, 0xfffff, 0x9b, 12));                    /* readable code */
    CHECK_FINE(load_ds(sel));
    CHECK_FAULT(GP, sel, load_ds(sel | 3));                          /* DPL 0, RPL 3 */
    gdt_set(0, descriptor(0, 0xfffff, 0x9f, 12));                    /* conforming: no check of levels */
    CHECK_FINE(load_ds(sel | 3));
    gdt_set(0, descriptor(0, 0xfffff, 0x89, 12));                    /* a TSS */
    CHECK_FAULT(GP, sel, load_ds(sel));
    CHECK_FAULT(GP, TSS_SEL, load_fs(TSS_SEL));
    load_ds(DATA);
    load_fs(0);
}

TEST(ss_takes_null_only_with_the_rpl_of_the_level)
{
    CHECK_FINE(load_ss(0); load_ss(DATA));
    CHECK_FAULT(GP, 0, load_ss(1));
    CHECK_FAULT(GP, 0, load_ss(3));
    CHECK_FAULT(GP, USER_DATA & ~3, load_ss(USER_DATA));
    CHECK_FAULT(GP, CODE64, load_ss(CODE64));
    load_ss(DATA);
}

TEST(loading_sets_the_accessed_bit)
{
    unsigned sel = gdt_set(0, descriptor(0, 0xfffff, 0x92, 12));

    load_ds(sel);
    CHECK_EQ(((volatile uint64_t *)gdt_table)[sel / 8] >> 40 & 0xff, 0x93);
    load_ds(DATA);
}

TEST(user_code_may_not_load_a_null_ss_or_kernel_segments)
{
    __asm__ goto("jmp %l0\n" MARK(u_null_ss) "xor %%eax, %%eax; mov %%eax, %%ss; int $0x80\n"
                 MARK(u_kernel_ds) "mov $0x10, %%eax; mov %%eax, %%ds; int $0x80\n" : : : : over);
over:
    CHECK_EQ(run_user((void *)ADDR(u_null_ss), 0), GP);
    CHECK_EQ(trap.f.error, 0);
    CHECK_EQ(run_user((void *)ADDR(u_kernel_ds), 0), GP);
    CHECK_EQ(trap.f.error, 0x10);
}

/* ---- system tables ---- */

TEST(ltr_wants_an_available_tss)
{
    CHECK_FAULT(GP, TSS_SEL, __asm__ volatile("ltr %w0" : : "r"(TSS_SEL)));     /* busy since the start */
    CHECK_FAULT(GP, 0, __asm__ volatile("ltr %w0" : : "r"(0)));
    CHECK_FAULT(GP, DATA, __asm__ volatile("ltr %w0" : : "r"(DATA)));

    unsigned sel = gdt_set_system(0, PHYS(&tss), sizeof(tss) - 1, 0x09);

    CHECK_FAULT(NP, sel, __asm__ volatile("ltr %w0" : : "r"(sel)));
    gdt_set_system(0, PHYS(&tss), sizeof(tss) - 1, 0x81);                        /* a 16-bit one */
    CHECK_FAULT(GP, sel, __asm__ volatile("ltr %w0" : : "r"(sel)));
    gdt_set_system(0, PHYS(&tss), sizeof(tss) - 1, 0x89);
    CHECK_FINE(__asm__ volatile("ltr %w0" : : "r"(sel)));
    CHECK_EQ(((volatile uint64_t *)gdt_table)[sel / 8] >> 40 & 0xff, 0x8b);
    gdt_set_system(0, PHYS(&tss), sizeof(tss) - 1, 0x89);
    gdt_table[sel / 8 + 1] = 0xffff;                                             /* base not canonical */
    CHECK_FAULT(GP, sel, __asm__ volatile("ltr %w0" : : "r"(sel)));
    gdt_table[TSS_SEL / 8] &= ~(2ull << 40);
    __asm__ volatile("ltr %w0" : : "r"(TSS_SEL));
}

TEST(lldt_wants_an_ldt)
{
    unsigned sel = gdt_set_system(0, PHYS(gdt_table), 0xffff, 0x82);

    CHECK_FINE(__asm__ volatile("lldt %w0" : : "r"(sel)));
    CHECK_FINE(load_ds(DATA + 4));
    CHECK_FINE(__asm__ volatile("lldt %w0" : : "r"(0)));
    CHECK_FAULT(GP, DATA + 4, load_ds(DATA + 4));
    CHECK_FAULT(GP, DATA, __asm__ volatile("lldt %w0" : : "r"(DATA)));
    CHECK_FAULT(GP, sel + 4, __asm__ volatile("lldt %w0" : : "r"(sel + 4)));
    gdt_set_system(0, PHYS(gdt_table), 0xffff, 0x02);
    CHECK_FAULT(NP, sel, __asm__ volatile("lldt %w0" : : "r"(sel)));
    load_ds(DATA);
}

TEST(tables_take_canonical_bases_only)
{
    struct __attribute__((packed)) { uint16_t limit; uint64_t base; } p = { 0xffff, NON_CANONICAL };

    CHECK_FAULT(GP, 0, __asm__ volatile("lgdt %0" : : "m"(p)));
    CHECK_FAULT(GP, 0, __asm__ volatile("lidt %0" : : "m"(p)));
}

TEST(lar_and_lsl_answer_in_the_zero_flag)
{
    uint32_t r = 0x55;
    uint8_t z;

    __asm__("lar %2, %0; setz %1" : "+r"(r), "=q"(z) : "r"(CODE64) : "cc");
    CHECK(z);
    CHECK_EQ(r & 0xf0ff00, 0xa09b00);
    __asm__("lsl %2, %0; setz %1" : "+r"(r), "=q"(z) : "r"(DATA) : "cc");
    CHECK(z);
    CHECK_EQ(r, 0xffffffff);
    r = 0x55;
    __asm__("lar %2, %0; setz %1" : "+r"(r), "=q"(z) : "r"(0) : "cc");
    CHECK(!z);
    CHECK_EQ(r, 0x55);
    gdt_set(0, descriptor(0, 0xfffff, 0x93 & 0x7f, 12));            /* presence does not matter */
    __asm__("lar %2, %0; setz %1" : "+r"(r), "=q"(z) : "r"(GDT_FREE * 8) : "cc");
    CHECK(z);
    r = 0x55;
    gdt_set(0, descriptor(0, 0xffff, 0x86, 0)); /* types that only LAR of other modes knows, or nobody */
    __asm__("lar %2, %0; setz %1" : "+r"(r), "=q"(z) : "r"(GDT_FREE * 8) : "cc");
    CHECK(!z);
    __asm__("verw %w1; setz %0" : "=q"(z) : "r"(CODE64) : "cc");
    CHECK(!z);
    __asm__("verr %w1; setz %0" : "=q"(z) : "r"(CODE64) : "cc");
    CHECK(z);
}

/* ---- canonical addresses ---- */

TEST(non_canonical_data_is_a_general_protection_fault)
{
    CHECK_FAULT(GP, 0, *(volatile char *)NON_CANONICAL);
    CHECK_FAULT(GP, 0, *(volatile char *)NON_CANONICAL = 1);
    CHECK_FAULT(GP, 0, *(volatile char *)0xffff7fffffffffffull);
    /* of eight bytes the last ones only */
    CHECK(CATCH(*(volatile uint64_t *)0x7ffffffffffcull) == GP || trap.f.vector == PF);
}

TEST(non_canonical_stack_is_a_stack_fault)
{
    CHECK_FAULT(SS, 0, __asm__ volatile("mov %0, %%rbp; mov (%%rbp), %%eax" : : "r"(NON_CANONICAL) : "rax", "rbp"));
    CHECK_FAULT(SS, 0, __asm__ volatile("mov %0, %%rsp; push %%rax" : : "r"(NON_CANONICAL + 64)));
    CHECK_FAULT(SS, 0, __asm__ volatile("mov %0, %%rsp; pop %%rax" : : "r"(NON_CANONICAL + 64) : "rax"));
    CHECK_FAULT(SS, 0, __asm__ volatile("mov %0, %%rsp; call 1f; 1:" : : "r"(NON_CANONICAL + 64)));
}

TEST(a_jump_to_a_non_canonical_address_faults_at_the_jump)
{
    CHECK_FAULT(GP, 0, __asm__ volatile(MARK(nc_jmp) "jmp *%0" : : "r"(NON_CANONICAL)));
    CHECK_EQ(trap.f.ip, ADDR(nc_jmp));
}

TEST(a_call_to_a_non_canonical_address_faults_at_the_call)
{
    volatile uint64_t target = NON_CANONICAL;
    static uint64_t sp;

    CHECK_FAULT(GP, 0, __asm__ volatile("mov %%rsp, %0\n" MARK(nc_call) "call *%1" : "=m"(sp) : "r"(NON_CANONICAL)));
    CHECK_EQ(trap.f.ip, ADDR(nc_call));
    CHECK_EQ(trap.f.sp, sp);
    CHECK_FAULT(GP, 0, __asm__ volatile(MARK(nc_call_m) "call *%0" : : "m"(target)));
    CHECK_EQ(trap.f.ip, ADDR(nc_call_m));
}

TEST(a_return_to_a_non_canonical_address_faults_at_the_return)
{
    static uint64_t sp;

    CHECK_FAULT(GP, 0, __asm__ volatile("push %1; mov %%rsp, %0\n" MARK(nc_ret) "ret" : "=m"(sp) : "r"(NON_CANONICAL)));
    CHECK_EQ(trap.f.ip, ADDR(nc_ret));
    CHECK_EQ(trap.f.sp, sp);
    CHECK_FAULT(GP, 0,
                __asm__ volatile("push %1; mov %%rsp, %0\n" MARK(nc_ret_n) "ret $16"
                                 : "=m"(sp)
                                 : "r"(NON_CANONICAL)));
    CHECK_EQ(trap.f.ip, ADDR(nc_ret_n));
    CHECK_EQ(trap.f.sp, sp);
}

/* The last page of the lower half: code at its end. */
static volatile uint8_t *last_page(void)
{
    static uint64_t pt[512] __attribute__((aligned(4096))), pd[512] __attribute__((aligned(4096)));
    static uint64_t pdpt[512] __attribute__((aligned(4096)));

    pages_reset();
    pt[511] = PHYS(test_memory[0]) | PTE_P | PTE_W;
    pd[511] = PHYS(pt) | PTE_P | PTE_W;
    pdpt[511] = PHYS(pd) | PTE_P | PTE_W;
    boot_pml4[255] = PHYS(pdpt) | PTE_P | PTE_W;
    flush_tlb();
    return (uint8_t *)0x7ffffffff000ull;
}

TEST(running_out_of_the_lower_half_faults_behind_it)
{
    volatile uint8_t *p = last_page();

    p[4095] = 0x90;
    CHECK_FAULT(GP, 0, ((void (*)(void))(p + 4095))());
    CHECK_EQ(trap.f.ip, NON_CANONICAL);
}

TEST(a_relative_jump_out_of_the_lower_half_faults_at_the_jump)
{
    volatile uint8_t *p = last_page();

    p[4090] = 0xeb;                             /* JMP +16 */
    p[4091] = 16;
    CHECK_FAULT(GP, 0, ((void (*)(void))(p + 4090))());
    CHECK_EQ(trap.f.ip, (Word)(uintptr_t)p + 4090);
    p[4080] = 0x31;                             /* XOR EAX, EAX; JZ +16 */
    p[4081] = 0xc0;
    p[4082] = 0x74;
    p[4083] = 16;
    CHECK_FAULT(GP, 0, ((void (*)(void))(p + 4080))());
    CHECK_EQ(trap.f.ip, (Word)(uintptr_t)p + 4082);
    p[4070] = 0xe8;                             /* CALL +256 */
    p[4071] = 0;
    p[4072] = 1;
    CHECK_FAULT(GP, 0, ((void (*)(void))(p + 4070))());
    CHECK_EQ(trap.f.ip, (Word)(uintptr_t)p + 4070);
}

TEST(registers_for_addresses_take_canonical_values_only)
{
    static const uint32_t msrs[] = { 0xc0000082, 0xc0000100, 0xc0000101, 0xc0000102, 0x175, 0x176 };

    for (unsigned i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++) {
        CHECK_FAULT(GP, 0, write_msr(msrs[i], NON_CANONICAL));
        CHECK_FAULT(GP, 0, write_msr(msrs[i], 0xffff000000000000ull));
    }
}

/* ---- far transfers ---- */

TEST(far_jumps_check_the_code_segment)
{
    unsigned sel = gdt_set(0, descriptor(0, 0xfffff, 0x9b, 14));     /* L and D */

    CHECK_FAULT(GP, 0, far_jump(0, 0));
    CHECK_FAULT(GP, DATA, far_jump(0, DATA));
    CHECK_FAULT(GP, sel, far_jump(0, sel));
    CHECK_FAULT(GP, 0, far_jump(NON_CANONICAL, CODE64));
    gdt_set(0, descriptor(0, 0xfffff, 0x1b, 10));
    CHECK_FAULT(NP, sel, far_jump(0, sel));
    gdt_set(0, descriptor(0, 0xfffff, 0xfb, 10));                    /* DPL 3 */
    CHECK_FAULT(GP, sel, far_jump(0, sel | 3));
    CHECK_FAULT(GP, TSS_SEL, far_jump(0, TSS_SEL));                  /* no task switches in long mode */
}


TEST(call_gates_work_and_are_checked)
{
    struct __attribute__((packed)) { uint64_t offset; uint16_t sel; } p = { 0, 0 };
    extern char mark_gate_far[];
    uint64_t target = (uint64_t)(uintptr_t)mark_gate_far, sp, inside = 0, after = 0;
    unsigned sel = gdt_set(0, (target & 0xffff) | CODE64 << 16 | 0x8cull << 40 | (target >> 16 & 0xffff) << 48);

    gdt_set(1, target >> 32);
    p.sel = (uint16_t)sel;
    __asm__ volatile("mov %%rsp, %0; rex.w lcall *%3; jmp 1f\n" MARK(gate_far) "mov %%rsp, %1; lretq; 1: mov %%rsp, %2"
                     : "=&r"(sp), "=&r"(inside), "=&r"(after) : "m"(p) : "memory");
    CHECK_EQ(sp - inside, 16);
    CHECK_EQ(after, sp);
    gdt_set(0, (target & 0xffff) | CODE64 << 16 | 0x0cull << 40 | (target >> 16 & 0xffff) << 48);
    CHECK_FAULT(NP, sel, __asm__ volatile("rex.w lcall *%0" : : "m"(p)));
    gdt_set(0, (target & 0xffff) | CODE32 << 16 | 0x8cull << 40 | (target >> 16 & 0xffff) << 48);
    CHECK_FAULT(GP, CODE32, __asm__ volatile("rex.w lcall *%0" : : "m"(p)));
    gdt_set(0, (target & 0xffff) | CODE64 << 16 | 0x84ull << 40 | (target >> 16 & 0xffff) << 48);
    CHECK_FAULT(GP, sel, __asm__ volatile("rex.w lcall *%0" : : "m"(p)));     /* 16-bit gates do not exist here */
    gdt_set(0, (target & 0xffff) | CODE64 << 16 | 0x8cull << 40 | (target >> 16 & 0xffff) << 48);
    gdt_set(1, target >> 32 | 0x100ull << 32);                          /* a type in the upper half */
    CHECK_FAULT(GP, sel, __asm__ volatile("rex.w lcall *%0" : : "m"(p)));
}

TEST(a_call_gate_from_user_level_switches_stacks)
{
    extern char mark_gate_user[];
    uint64_t target = (uint64_t)(uintptr_t)mark_gate_user;
    static uint64_t seen[5];
    static struct __attribute__((packed)) { uint64_t offset; uint16_t sel; } p;
    unsigned sel = gdt_set(0, (target & 0xffff) | CODE64 << 16 | 0xecull << 40 | (target >> 16 & 0xffff) << 48);

    gdt_set(1, target >> 32);
    p.sel = (uint16_t)(sel | 3);
    __asm__ goto("jmp %l2\n"
                 MARK(u_gate) "rex.w lcall *%0; mov %%ss, %%eax; int $0x80\n"
                 MARK(gate_user) "lea %1, %%r11; pop (%%r11); pop 8(%%r11); pop 16(%%r11); pop 24(%%r11)\n"
                 "push 24(%%r11); push 16(%%r11); push 8(%%r11); push (%%r11); mov %%ss, 32(%%r11); lretq"
                 : : "m"(p), "m"(seen) : "memory" : over);
over:
    CHECK_EQ(run_user((void *)ADDR(u_gate), 0), 0x80);
    CHECK_EQ(seen[1], USER_CODE64);
    CHECK_EQ(seen[3], USER_DATA);
    CHECK_EQ(seen[4] & 0xffff, 0);                  /* SS is null with the new level */
    CHECK_EQ(trap.f.ax, USER_DATA);
}

/* ---- IRET ---- */

TEST(iretq_checks_its_frame)
{
    uint64_t sp = (uint64_t)(uintptr_t)(user_stack + 2048);

    CHECK_FAULT(GP, 0, iretq_frame(NON_CANONICAL, CODE64, 2, sp, DATA));
    CHECK_EQ(trap.f.ip, ADDR(iretq));
    CHECK_FAULT(GP, 0, iretq_frame(NON_CANONICAL, USER_CODE64, 2, sp, USER_DATA));
    CHECK_EQ(trap.f.cs, CODE64);
    CHECK_FAULT(GP, 0, iretq_frame(0x1000, 0, 2, sp, DATA));
    CHECK_FAULT(GP, DATA, iretq_frame(0x1000, DATA, 2, sp, DATA));
    CHECK_FAULT(GP, 0, iretq_frame(0x1000, USER_CODE64, 2, sp, 3));             /* null SS at level 3 */
    CHECK_FAULT(GP, DATA, iretq_frame(0x1000, USER_CODE64, 2, sp, DATA));       /* RPL 0 */
    CHECK_FAULT(GP, USER_CODE64 & ~3, iretq_frame(0x1000, USER_CODE64, 2, sp, USER_CODE64));
    CHECK_FAULT(GP, USER_CODE64 & ~3, iretq_frame(0x1000, USER_CODE64 & ~3, 2, sp, DATA));     /* RPL 0, DPL 3 */

    unsigned sel = gdt_set(0, descriptor(0, 0xfffff, 0x7b, 10));

    CHECK_FAULT(NP, sel, iretq_frame(0x1000, sel | 3, 2, sp, USER_DATA));
    gdt_set(0, descriptor(0, 0xfffff, 0x73, 12));
    CHECK_FAULT(SS, sel, iretq_frame(0x1000, USER_CODE64, 2, sp, sel | 3));
    gdt_set(0, descriptor(0, 0xfffff, 0xfb, 14));
    CHECK_FAULT(GP, sel, iretq_frame(0x1000, sel | 3, 2, sp, USER_DATA));
}

TEST(iretq_with_nested_task_set_faults)
{
    uint64_t sp = (uint64_t)(uintptr_t)(user_stack + 2048);

    CHECK_FAULT(GP, 0, write_flags(EF_NT | 2); iretq_frame(0x1000, CODE64, 2, sp, DATA));
    write_flags(2);
}

TEST(iretq_returns_to_compatibility_mode)
{
    /* 32-bit code: DEC EAX is a REX prefix in 64-bit mode; INT 80h */
    static uint8_t code[] = { 0xb8, 0x10, 0, 0, 0, 0x48, 0x90, 0xcd, 0x80 };

    CHECK_EQ(CATCH(iretq_frame((Word)(uintptr_t)USER(code), USER_CODE32, 2, (Word)(uintptr_t)USER(user_stack + 2048),
                               USER_DATA)),
             0x80);
    CHECK_EQ(trap.f.ax, 0xf);
    CHECK_EQ(trap.f.cs, USER_CODE32);
}

TEST(returning_to_user_level_drops_kernel_segments)
{
    __asm__ goto("jmp %l0\n" MARK(u_segments) "mov %%ds, %%eax; mov %%es, %%ebx; mov %%fs, %%ecx; int $0x80\n"
                 :
                 :
                 :
                 : over);
over:
    __asm__ volatile("mov %w0, %%ds; mov %w1, %%es; mov %w0, %%fs" : : "r"(DATA), "r"(USER_DATA));
    CHECK_EQ(run_user((void *)ADDR(u_segments), 0), 0x80);
    CHECK_EQ(trap.f.ax, 0);
    CHECK_EQ(trap.f.bx, USER_DATA);
    CHECK_EQ(trap.f.cx, 0);
    __asm__ volatile("mov %w0, %%ds; mov %w0, %%es; mov %w1, %%fs" : : "r"(DATA), "r"(0));
}

/* ---- SYSCALL and SYSENTER ---- */

static void set_star(void)
{
    write_msr(0xc0000081, (uint64_t)0x20 << 48 | (uint64_t)CODE64 << 32);
}

TEST(syscall_enters_and_sysret_leaves)
{
    set_star();
    write_msr(0xc0000084, EF_IF | EF_CF);
    __asm__ goto("jmp %l0\n" MARK(u_syscall) "stc\n" MARK(u_syscall_insn) "syscall\n" MARK(
                     u_after) "mov %%cs, %%eax; mov %%ss, %%ebx; setc %%dl; int "
                              "$0x80\n" MARK(k_syscall) "mov %%rcx, %%r8; mov %%r11, "
                                                        "%%r9; mov %%cs, %%r10d; mov "
                                                        "%%ss, %%r12d; setc %%r13b; "
                                                        "sysretq\n"
                 :
                 :
                 :
                 : over);
over:
    write_msr(0xc0000082, ADDR(k_syscall));
    CHECK_EQ(run_user((void *)ADDR(u_syscall), EF_IF), 0x80);
    CHECK_EQ(trap.f.r8, ADDR(u_after) + USER_OFFSET);
    CHECK_EQ(trap.f.r9 & (EF_IF | EF_CF | EF_RF), EF_IF | EF_CF);
    CHECK_EQ(trap.f.r10, CODE64);
    CHECK_EQ(trap.f.r12, DATA);
    CHECK_EQ(trap.f.r13 & 0xff, 0);
    CHECK_EQ(trap.f.ax, USER_CODE64);
    CHECK_EQ(trap.f.bx, USER_DATA);
    CHECK_EQ(trap.f.dx & 0xff, 1);
    CHECK(trap.f.flags & EF_IF);
}

TEST(syscall_is_undefined_without_sce)
{
    uint64_t efer = read_msr(0xc0000080);

    write_msr(0xc0000080, efer & ~1ull);
    CHECK_FAULT(UD, 0, __asm__ volatile("syscall" : : : "rcx", "r11"));
    CHECK_FAULT(UD, 0, __asm__ volatile("sysretq"));
    write_msr(0xc0000080, efer);
}

TEST(sysret_to_a_non_canonical_address_faults_at_level_0)
{
    if (cpuid_word(0, 1) != 0x756e6547) {
        skip("a rule of Intel processors");
        return;
    }
    set_star();
    CHECK_FAULT(GP, 0, __asm__ volatile(MARK(nc_sysret) "sysretq" : : "c"(NON_CANONICAL)));
    CHECK_EQ(trap.f.ip, ADDR(nc_sysret));
    CHECK_EQ(trap.f.cs, CODE64);
}

TEST(sysenter_and_sysexit_work_in_64_bit_mode)
{
    static uint8_t stack[512];

    write_msr(0x174, CODE64);
    write_msr(0x175, (Word)(uintptr_t)(stack + sizeof(stack)));
    __asm__ goto("jmp %l0\n" MARK(u_sysenter) "sysenter\n" MARK(
                     k_sysenter) "mov %%rsp, %%r8; mov %%cs, %%r9d; mov %%ss, %%r10d; pushf; pop %%r12; int $0x81\n"
                 :
                 :
                 :
                 : over);
over:
    write_msr(0x176, ADDR(k_sysenter));
    CHECK_EQ(run_user((void *)ADDR(u_sysenter), EF_IF), 0x81);
    CHECK_EQ(trap.f.r8, (Word)(uintptr_t)(stack + sizeof(stack)));
    CHECK_EQ(trap.f.r9, CODE64);
    CHECK_EQ(trap.f.r10, DATA);
    CHECK_EQ(trap.f.r12 & EF_IF, 0);
    write_msr(0x174, 0);
    CHECK_FAULT(GP, 0, __asm__ volatile("sysenter"));
    CHECK_FAULT(GP, 0, __asm__ volatile("sysexitl"));
    CHECK_EQ(run_user((void *)ADDR(u_sysenter), 0), GP);
}

/* ---- user level ---- */

TEST(privileged_instructions_fault_at_user_level)
{
    static const struct { uint8_t bytes[4], len;
    } insns[] = {
        { { 0xf4 }, 1 },
        { { 0x0f, 0x06 }, 2 },
        { { 0x0f, 0x20, 0xc0 }, 3 },
        { { 0x0f, 0x22, 0xc0 }, 3 },
        { { 0x0f, 0x21, 0xf0 }, 3 },
        { { 0x0f, 0x32 }, 2 },
        { { 0x0f, 0x30 }, 2 },
        { { 0x0f, 0x09 }, 2 },
        { { 0x0f, 0x08 }, 2 },
        { { 0xfa }, 1 },
        { { 0xfb }, 1 },
        { { 0xe4, 0x80 }, 2 },
        { { 0xe6, 0x80 }, 2 },
        { { 0x6c }, 1 },
        { { 0x0f, 0x01, 0xf0 }, 3 },
        { { 0x0f, 0x00, 0xd0 }, 3 },
        { { 0x0f, 0x00, 0xd8 }, 3 },
        { { 0x0f, 0x35 }, 2 },
    };
    static uint8_t code[16];

    for (unsigned i = 0; i < sizeof(insns) / sizeof(insns[0]); i++) {
        memcpy(code, insns[i].bytes, 4);
        code[insns[i].len] = 0xcd;
        code[insns[i].len + 1] = 0x80;
        if (run_user(code, 0) != GP || trap.f.error) {
            print("# instruction %x %x: ", insns[i].bytes[0], insns[i].bytes[1]);
            CHECK_EQ(trap.f.vector, GP);
        }
    }
}

TEST(the_io_bitmap_opens_ports)
{
    static uint8_t code[] = { 0xe4, 0x80, 0xe5, 0x80, 0xcd, 0x80 };     /* IN AL, 80h; IN EAX, 80h */

    tss.bitmap[0x80 / 8] = 0xfe;
    CHECK_EQ(run_user(code, 0), GP);
    CHECK_EQ(trap.f.ip, (Word)(uintptr_t)USER(code) + 2);
    tss.bitmap[0x80 / 8] = 0xf0;
    CHECK_EQ(run_user(code, 0), 0x80);
    tss.bitmap[0x80 / 8] = 0xff;
    CHECK_EQ(run_user(code, EF_IOPL(3)), 0x80);
}

TEST(umip_hides_the_tables)
{
    static uint8_t code[] = { 0x0f, 0x01, 0xe0, 0xcd, 0x80 };           /* SMSW EAX */

    if (!cpu_has(7, 2, 2)) {
        skip("no UMIP");
        return;
    }
    CHECK_EQ(run_user(code, 0), 0x80);
    write_cr4(read_cr4() | 1 << 11);
    CHECK_EQ(run_user(code, 0), GP);
    write_cr4(read_cr4() & ~(1 << 11));
}

TEST(misaligned_user_accesses_are_alignment_faults_when_asked_for)
{
    /* MOV EAX, [RSP+1]; INT 80h: aligned with offset 0 */
    static uint8_t code[] = { 0x8b, 0x44, 0x24, 0x01, 0xcd, 0x80 };
    /* MOVUPS XMM0, [RSP+1]; PUSH RAX with RSP odd by 4 */
    static uint8_t push[] = { 0x48, 0x83, 0xec, 0x04, 0x50, 0xcd, 0x80 };
    static uint8_t stos[] = { 0x48, 0x8d, 0x7c, 0x24, 0xe1, 0xab, 0xcd, 0x80 };     /* LEA RDI, [RSP-31]; STOSD */
    static uint8_t rep[] = { 0xb9, 2, 0, 0, 0, 0x48, 0x8d, 0x7c, 0x24, 0xe1, 0xf3, 0xab, 0xcd, 0x80 };
    static uint8_t xadd[] = { 0xf0, 0x0f, 0xc1, 0x44, 0x24, 0xf1, 0xcd, 0x80 };     /* LOCK XADD [RSP-15], EAX */
    static uint8_t fld[] = { 0xdd, 0x44, 0x24, 0x04, 0xcd, 0x80 };                  /* FLD m64 [RSP+4] */

    write_cr0(read_cr0() | 1 << 18);
    CHECK_EQ(run_user(code, 0), 0x80);
    CHECK_EQ(run_user(code, EF_AC), AC);
    CHECK_EQ(trap.f.error, 0);
    CHECK_EQ(trap.f.ip, (Word)(uintptr_t)USER(code));
    CHECK_EQ(run_user(push, EF_AC), AC);
    CHECK_EQ(run_user(stos, EF_AC), AC);
    CHECK_EQ(run_user(rep, EF_AC), AC);
    CHECK_EQ(run_user(xadd, EF_AC), AC);
    CHECK_EQ(run_user(fld, EF_AC), AC);
    code[3] = 4;
    CHECK_EQ(run_user(code, EF_AC), 0x80);
    code[3] = 1;
    write_cr0(read_cr0() & ~(1ull << 18));
    CHECK_EQ(run_user(code, EF_AC), 0x80);
}

TEST(alignment_is_not_checked_at_level_0)
{
    uint32_t v[2] = { 0 };

    write_cr0(read_cr0() | 1 << 18);
    CHECK_FINE(write_flags(EF_AC | 2); *(volatile uint32_t *)((char *)v + 1); write_flags(2));
    write_cr0(read_cr0() & ~(1ull << 18));
}
