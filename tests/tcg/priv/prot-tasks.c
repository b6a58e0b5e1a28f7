/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hardware task switches. SDM vol. 3A, "Task Management", with the table "Exception Conditions Checked During a Task
 * Switch".
 */
#include "arch32.h"

#define CR0_TS 8u
enum { T_A = 0, T_B = 1, T_FAULT = 2 };

/* Tasks: two to switch to, four that faults are sent to. */
static Tss32 tasks[6] __attribute__((aligned(16)));
static uint8_t stacks[6][1024] __attribute__((aligned(16)));
static uint32_t task_error, task_vector, task_count;

static unsigned task_sel(unsigned n)
{
    return (GDT_FREE + 8 + n) * 8;
}

static unsigned task_busy(unsigned n)
{
    return gdt_table[GDT_FREE + 8 + n] >> 41 & 1;
}

static void task_set(unsigned n, Word eip)
{
    Tss32 *t = &tasks[n];

    memset(t, 0, 104);
    t->eip = eip;
    t->eflags = 2;
    t->esp = (Word)(uintptr_t)(stacks[n] + sizeof(stacks[n]) - 16);
    t->cs = CODE;
    t->ss = t->ds = t->es = DATA;
    t->ss0 = DATA;
    t->esp0 = t->esp;
    t->iomap = 104;
    gdt_set(8 + n, descriptor(PHYS(t), 103, 0x89, 0));
}

/* Tasks that take a vector each, with its error code on their stack. */
__asm__(".text\n" MARK(fault_ts) "movl $10, %eax\njmp 1f\n" MARK(fault_np) "movl $11, %eax\njmp 1f\n"
        MARK(fault_ss) "movl $12, %eax\njmp 1f\n" MARK(fault_gp) "movl $13, %eax\n"
        "1: movl %eax, task_vector\npopl task_error\nint $0x80\n");

static void faults_to_tasks(bool on)
{
    const Word entries[] = { ADDR(fault_ts), ADDR(fault_np), ADDR(fault_ss), ADDR(fault_gp) };

    for (unsigned i = 0; i < 4; i++) {
        if (on) {
            task_set(T_FAULT + i, entries[i]);
            idt_set(TS + i, task_sel(T_FAULT + i), 0, 0x85, 0);
        } else {
            idt_default(TS + i);
        }
    }
    task_vector = 0;
    task_error = ~0u;
}

static unsigned current_task(void)
{
    uint32_t sel;

    __asm__ volatile("str %0" : "=r"(sel));
    return sel;
}

typedef struct __attribute__((packed)) FarPointer {
    uint32_t offset;
    uint16_t selector;
} FarPointer;

static void task_jump(unsigned sel)
{
    volatile FarPointer p = { 0x99999999, (uint16_t)sel };

    __asm__ volatile("mov $0x1234567, %%ecx\nljmp *%0\n" MARK(after_task_jump) : : "m"(p) : "ecx", "memory");
}

/* Everything but the stack comes back with the task, as it went. */
static void task_call(unsigned sel)
{
    volatile FarPointer p = { 0x99999999, (uint16_t)sel };

    __asm__ volatile("lcall *%0\n" MARK(after_task_call) : : "m"(p) : "memory", "cc");
}

__asm__(".text\n" MARK(stop_task) "int $0x80\n" MARK(loop_task) "1: incl task_count\niret\njmp 1b\n");

/* ---- switches ---- */

TEST(a_jump_to_a_task_saves_one_and_loads_the_other)
{
    task_set(T_A, ADDR(stop_task));
    tasks[T_A].eax = 0x11;
    tasks[T_A].ebx = 0x22;
    tasks[T_A].esi = 0x33;
    tasks[T_A].eflags = 2 | EF_CF | EF_IOPL(2);
    tasks[T_A].fs = DATA;
    CHECK_EQ(CATCH(task_jump(task_sel(T_A))), 0x80);
    CHECK_EQ(current_task(), task_sel(T_A));
    CHECK_EQ(trap.f.ax, 0x11);
    CHECK_EQ(trap.f.bx, 0x22);
    CHECK_EQ(trap.f.si, 0x33);
    CHECK_EQ(trap.f.fs, DATA);
    CHECK_EQ(trap.f.gs, 0);
    CHECK_EQ(trap.f.flags & (EF_CF | EF_IOPL(3) | EF_NT | EF_IF), EF_CF | EF_IOPL(2));
    CHECK_EQ(trap.f.ip, ADDR(stop_task) + 2);
    CHECK_EQ(read_cr0() & CR0_TS, CR0_TS);
    CHECK_EQ(task_busy(T_A), 1);
    CHECK_EQ(gdt_table[TSS_SEL / 8] >> 41 & 1, 0);      /* the old one is free */
    CHECK_EQ(tss.eip, ADDR(after_task_jump));
    CHECK_EQ(tss.ecx, 0x1234567);
    CHECK_EQ(tss.cs, CODE);
    CHECK_EQ(tss.ss, DATA);
    CHECK_EQ(tasks[T_A].link, 0);
    task_reset();
}

TEST(a_call_nests_and_iret_comes_back)
{
    task_set(T_A, ADDR(loop_task));
    task_count = 0;
    __asm__ volatile("clts");
    CHECK_FINE(task_call(task_sel(T_A)));
    CHECK_EQ(*(volatile uint32_t *)&task_count, 1);
    CHECK_EQ(current_task(), TSS_SEL);
    CHECK_EQ(tasks[T_A].link, TSS_SEL);
    CHECK_EQ(tasks[T_A].eflags & EF_NT, 0);             /* cleared in the image that IRET saves */
    CHECK_EQ(task_busy(T_A), 0);
    CHECK_EQ(gdt_table[TSS_SEL / 8] >> 41 & 1, 1);
    CHECK_EQ(tss.eip, ADDR(after_task_call));
    CHECK_EQ(read_cr0() & CR0_TS, CR0_TS);
    CHECK_FINE(task_call(task_sel(T_A)));               /* goes on behind its IRET */
    CHECK_EQ(*(volatile uint32_t *)&task_count, 2);
    CHECK_EQ(read_flags() & EF_NT, 0);
    task_reset();
}

TEST(nested_tasks_have_nt_and_a_link)
{
    task_set(T_A, ADDR(stop_task));
    CHECK_EQ(CATCH(task_call(task_sel(T_A))), 0x80);
    CHECK_EQ(trap.f.flags & EF_NT, EF_NT);
    CHECK_EQ(tasks[T_A].link, TSS_SEL);
    CHECK_EQ(task_busy(T_A), 1);
    CHECK_EQ(gdt_table[TSS_SEL / 8] >> 41 & 1, 1);      /* both are busy */
    task_reset();
}

static FarPointer call_b;
__asm__(".text\n" MARK(chain_task) "1: incl task_count\nlcall *call_b\nincl task_count\niret\njmp 1b\n");

TEST(tasks_nest_in_depth)
{
    task_set(T_A, ADDR(chain_task));
    task_set(T_B, ADDR(loop_task));
    call_b = (FarPointer) { 0, (uint16_t)task_sel(T_B) };
    __asm__ volatile("" : : "m"(call_b) : "memory");
    task_count = 0;
    CHECK_FINE(task_call(task_sel(T_A)));
    CHECK_EQ(*(volatile uint32_t *)&task_count, 3);
    CHECK_EQ(tasks[T_B].link, task_sel(T_A));
    CHECK_EQ(tasks[T_A].link, TSS_SEL);
    task_reset();
}

TEST(int_through_a_task_gate_nests)
{
    task_set(T_A, ADDR(loop_task));
    task_count = 0;
    idt_set(0x70, task_sel(T_A), 0, 0x85, 0);
    CHECK_FINE(__asm__ volatile("int $0x70\n" MARK(after_int) : : : "memory", "cc"));
    CHECK_EQ(*(volatile uint32_t *)&task_count, 1);
    CHECK_EQ(tss.eip, ADDR(after_int));
    CHECK_EQ(tasks[T_A].link, TSS_SEL);
    CHECK_EQ(run_user((uint8_t[]) { 0xcd, 0x70 }, 0), GP);      /* DPL 0 */
    CHECK_EQ(trap.f.error, 0x70 * 8 + 2);
    idt_set(0x70, task_sel(T_A), 0, 0x05, 0);
    CHECK_FAULT(NP, 0x70 * 8 + 2, __asm__ volatile("int $0x70"));
    idt_set(0x70, DATA, 0, 0x85, 0);
    CHECK_FAULT(GP, DATA, __asm__ volatile("int $0x70"));
    idt_default(0x70);
    task_reset();
}

TEST(an_exception_through_a_task_gate_brings_its_error_code)
{
    faults_to_tasks(true);
    CHECK_EQ(CATCH(__asm__ volatile("mov %0, %%edi\n" MARK(bad_load) "mov %%edi, %%fs" : : "i"(0x7ff8) : "edi")), 0x80);
    CHECK_EQ(task_vector, GP);
    CHECK_EQ(task_error, 0x7ff8);
    CHECK_EQ(tss.eip, ADDR(bad_load));
    CHECK_EQ(tss.edi, 0x7ff8);
    CHECK_EQ(tss.eflags & EF_RF, EF_RF);                /* the image of a fault */
    CHECK_EQ(tasks[T_FAULT + 3].link, TSS_SEL);
    task_reset();
    faults_to_tasks(false);
}

__asm__(".text\n" MARK(df_task) "movl $8, task_vector\npopl task_error\nint $0x80\n");

TEST(a_double_fault_through_a_task_gate)
{
    task_set(T_A, ADDR(df_task));
    idt_set(DF, task_sel(T_A), 0, 0x85, 0);
    idt_set(GP, CODE, 0, 0x0e, 0);                      /* not present: #NP while #GP is delivered */
    CHECK_EQ(CATCH(__asm__ volatile(MARK(df_insn) "mov %w0, %%fs" : : "r"(0x7ff8))), 0x80);
    CHECK_EQ(task_vector, DF);
    CHECK_EQ(task_error, 0);
    CHECK_EQ(tss.eip, ADDR(df_insn));
    idt_default(GP);
    idt_default(DF);
    task_reset();
}

TEST(a_stack_that_is_gone_is_a_double_fault)
{
    task_set(T_A, ADDR(df_task));
    idt_set(DF, task_sel(T_A), 0, 0x85, 0);
    unsigned sel = gdt_set(0, descriptor(0, 0xff, 0x93, 4));

    /* #SS has no stack to go to: #SS, then #SS again is a double fault, and the task has a stack of its own */
    CHECK_EQ(CATCH(__asm__ volatile("mov %w0, %%ss\npush %%eax" : : "r"(sel))), 0x80);
    CHECK_EQ(task_vector, DF);
    CHECK_EQ(tss.ss, sel);
    idt_default(DF);
    task_reset();
}

TEST(a_task_at_level_3)
{
    task_set(T_A, ADDR(stop_task));
    tasks[T_A].cs = USER_CODE;
    tasks[T_A].ss = tasks[T_A].ds = USER_DATA;
    tasks[T_A].es = 0;
    tasks[T_A].esp0 -= 256;
    CHECK_EQ(CATCH(task_jump(task_sel(T_A))), 0x80);
    CHECK_EQ(trap.f.cs, USER_CODE);
    CHECK_EQ(trap.f.ss, USER_DATA);
    CHECK_EQ(trap.f.ds, USER_DATA);
    CHECK_EQ(trap.handler_sp, tasks[T_A].esp0 - (sizeof(Frame) - 16));
    task_reset();
}

TEST(user_code_reaches_tasks_by_a_gate_of_its_level)
{
    static struct __attribute__((packed)) { uint8_t call; uint32_t offset; uint16_t sel; uint8_t end[2]; } code;
    unsigned gate = gdt_set(0, (uint64_t)task_sel(T_A) << 16 | 0xe5ull << 40);

    code.call = 0x9a;
    code.sel = (uint16_t)task_sel(T_A);
    code.end[0] = 0xcd;
    code.end[1] = 0x80;
    task_set(T_A, ADDR(loop_task));
    task_count = 0;
    CHECK_EQ(run_user(&code, 0), GP);                   /* the task's own DPL is 0 */
    CHECK_EQ(trap.f.error, task_sel(T_A));
    code.sel = (uint16_t)(gate | 3);
    CHECK_EQ(run_user(&code, 0), 0x80);
    CHECK_EQ(*(volatile uint32_t *)&task_count, 1);
    CHECK_EQ(trap.f.cs, USER_CODE);
    gdt_set(0, (uint64_t)task_sel(T_A) << 16 | 0x65ull << 40);
    CHECK_EQ(run_user(&code, 0), NP);
    CHECK_EQ(trap.f.error, gate);
    task_reset();
}

TEST(the_t_bit_traps_before_the_first_instruction)
{
    task_set(T_A, ADDR(stop_task));
    tasks[T_A].trap = 1;
    write_dr6(0);
    CHECK_EQ(CATCH(task_jump(task_sel(T_A))), DB);
    CHECK_EQ(trap.f.ip, ADDR(stop_task));
    CHECK_EQ(trap.dr6 & 0xe00f, 0x8000);
    write_dr6(0);
    task_reset();
}

TEST(a_switch_turns_local_breakpoints_off)
{
    task_set(T_A, ADDR(loop_task));
    write_dr0(0x1000);
    write_dr1(0x1000);
    write_dr7(0x400 | 1 | 8);                           /* L0, G1 */
    CHECK_FINE(task_call(task_sel(T_A)));
    CHECK_EQ(read_dr7(), 0x400 | 8);
    write_dr7(0x400);
    task_reset();
}

static uint64_t task_ldt[4];

TEST(a_task_has_its_own_ldt)
{
    unsigned sel = gdt_set(0, descriptor(PHYS(task_ldt), sizeof(task_ldt) - 1, 0x82, 0));

    task_ldt[1] = descriptor(0, 0xfffff, 0x93, 12);
    task_set(T_A, ADDR(stop_task));
    tasks[T_A].ldt = sel;
    tasks[T_A].gs = 0xc;
    CHECK_EQ(CATCH(task_jump(task_sel(T_A))), 0x80);
    CHECK_EQ(trap.f.gs, 0xc);
    uint32_t ldtr;

    __asm__ volatile("sldt %0" : "=r"(ldtr));
    CHECK_EQ(ldtr, sel);
    task_reset();
}

/* ---- 16-bit tasks ---- */

static Tss16 task16 __attribute__((aligned(16)));
static uint8_t code16[] = { 0x40, 0xcf, 0xeb, 0xfc };   /* 1: INC AX; IRET; JMP 1b, in a 16-bit segment */
static uint8_t stack16[256];

TEST(tasks_of_16_bits)
{
    unsigned code = gdt_set(0, descriptor(PHYS(code16), sizeof(code16) - 1, 0x9b, 0));
    unsigned data = gdt_set(1, descriptor(PHYS(stack16), sizeof(stack16) - 1, 0x93, 0));
    unsigned sel = gdt_set(2, descriptor(PHYS(&task16), sizeof(task16) - 1, 0x81, 0));

    memset(&task16, 0, sizeof(task16));
    task16.cs = (uint16_t)code;
    task16.ss = task16.ds = (uint16_t)data;
    task16.sp = sizeof(stack16);
    task16.flags = 2;
    task16.ax = 5;
    CHECK_FINE(task_call(sel));
    CHECK_EQ(task16.ax, 6);
    CHECK_EQ(task16.ip, 2);
    CHECK_EQ(task16.link, TSS_SEL);
    CHECK_FINE(task_call(sel));
    CHECK_EQ(task16.ax, 7);
    gdt_set(2, descriptor(PHYS(&task16), sizeof(task16) - 2, 0x81, 0));
    CHECK_FAULT(TS, sel, task_call(sel));               /* 2Bh is the least limit */
    task_reset();
}

/* ---- what is refused, in the old task ---- */

TEST(a_task_that_is_busy_short_or_absent_is_refused)
{
    unsigned sel = task_sel(T_A);

    task_set(T_A, ADDR(stop_task));
    CHECK_FAULT(GP, TSS_SEL, task_call(TSS_SEL));       /* itself */
    CHECK_FAULT(GP, TSS_SEL, task_jump(TSS_SEL));
    gdt_set(8, descriptor(PHYS(&tasks[T_A]), 103, 0x8b, 0));
    CHECK_FAULT(GP, sel, task_call(sel));
    gdt_set(8, descriptor(PHYS(&tasks[T_A]), 102, 0x89, 0));
    CHECK_FAULT(TS, sel, task_call(sel));
    gdt_set(8, descriptor(PHYS(&tasks[T_A]), 103, 0x09, 0));
    CHECK_FAULT(NP, sel, task_call(sel));
    gdt_set(8, descriptor(PHYS(&tasks[T_A]), 103, 0x89, 0));
    CHECK_FAULT(GP, sel, task_call(sel | 3));           /* RPL above DPL */
    CHECK_EQ(current_task(), TSS_SEL);
    CHECK_EQ(task_busy(T_A), 0);
}

static void iret_with_link(unsigned link)
{
    tss.link = link;
    write_flags(2 | EF_NT);
    __asm__ volatile("iret");
}

TEST(iret_wants_a_busy_task_behind_the_link)
{
    unsigned sel = task_sel(T_A);

    task_set(T_A, ADDR(stop_task));
    CHECK_FAULT(TS, sel, iret_with_link(sel));          /* not busy */
    CHECK_FAULT(TS, 0, iret_with_link(0));
    CHECK_FAULT(TS, DATA, iret_with_link(DATA));
    CHECK_FAULT(TS, 0x7ff8, iret_with_link(0x7ff8));
    gdt_set(8, descriptor(PHYS(&tasks[T_A]), 103, 0x0b, 0));
    CHECK_FAULT(NP, sel, iret_with_link(sel));
    gdt_set(8, descriptor(PHYS(&tasks[T_A]), 103, 0x8b, 0));
    CHECK_EQ(CATCH(iret_with_link(sel)), 0x80);
    CHECK_EQ(current_task(), sel);
    CHECK_EQ(gdt_table[TSS_SEL / 8] >> 41 & 1, 0);
    write_flags(2);
    task_reset();
}

/* ---- what is refused in the new task: the switch has happened ---- */

typedef void ChangeTask(Tss32 *t, unsigned sel);
static void bad_cs(Tss32 *t, unsigned sel) { t->cs = sel; }
static void bad_ss(Tss32 *t, unsigned sel) { t->ss = sel; }
static void bad_ds(Tss32 *t, unsigned sel) { t->ds = sel; }
static void bad_gs(Tss32 *t, unsigned sel) { t->gs = sel; }
static void bad_ldt(Tss32 *t, unsigned sel) { t->ldt = sel; }

TEST(segments_of_the_new_task_fault_in_the_new_task)
{
    unsigned absent_code = gdt_set(0, descriptor(0, 0xfffff, 0x1b, 12));
    unsigned absent_data = gdt_set(1, descriptor(0, 0xfffff, 0x13, 12));
    unsigned read_only = gdt_set(2, descriptor(0, 0xfffff, 0x91, 12));
    unsigned no_read = gdt_set(3, descriptor(0, 0xfffff, 0x99, 12));
    unsigned absent_ldt = gdt_set(4, descriptor(0, 0xff, 0x02, 0));
    const struct { ChangeTask *change; unsigned sel, vector, error;
    } cases[] = {
        { bad_cs, DATA, TS, DATA },
        { bad_cs, 0, TS, 0 },
        { bad_cs, 0x7ff8, TS, 0x7ff8 },
        { bad_cs, USER_CODE & ~3, TS, USER_CODE & ~3 },
        { bad_cs, absent_code, NP, absent_code },
        { bad_ss, 0, TS, 0 },
        { bad_ss, CODE, TS, CODE },
        { bad_ss, read_only, TS, read_only },
        { bad_ss, DATA | 1, TS, DATA },
        { bad_ss, absent_data, SS, absent_data },
        { bad_ds, 0x7ff8, TS, 0x7ff8 },
        { bad_ds, no_read, TS, no_read },
        { bad_ds, TSS_SEL, TS, TSS_SEL },
        { bad_ds, DATA | 3, TS, DATA },
        { bad_ds, absent_data, NP, absent_data },
        { bad_gs, no_read, TS, no_read },
        { bad_gs, absent_data, NP, absent_data },
        { bad_ldt, DATA, TS, DATA },
        { bad_ldt, 4, TS, 4 },
        { bad_ldt, absent_ldt, TS, absent_ldt },
    };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        faults_to_tasks(true);
        task_set(T_A, ADDR(stop_task));
        cases[i].change(&tasks[T_A], cases[i].sel);
        CHECK_EQ(CATCH(task_jump(task_sel(T_A))), 0x80);
        if (task_vector != cases[i].vector || task_error != cases[i].error ||
            tasks[T_FAULT + cases[i].vector - TS].link != task_sel(T_A)) {
            print("# case %u: ", i);
            CHECK_EQ(task_vector, cases[i].vector);
            CHECK_EQ(task_error, cases[i].error);
        }
        CHECK_EQ(task_busy(T_A), 1);
        CHECK_EQ(tasks[T_A].eip, ADDR(stop_task));
        CHECK_EQ(tss.eip, ADDR(after_task_jump));
        task_reset();
        faults_to_tasks(false);
    }
}

TEST(eip_of_the_new_task_is_checked_against_its_segment)
{
    faults_to_tasks(true);
    task_set(T_A, 0x1000);
    tasks[T_A].cs = gdt_set(0, descriptor(0, 0xff, 0x9b, 4));
    CHECK_EQ(CATCH(task_jump(task_sel(T_A))), 0x80);
    CHECK_EQ(task_vector, GP);
    CHECK_EQ(task_error, 0);
    CHECK_EQ(tasks[T_A].eip, 0x1000);
    task_reset();
    faults_to_tasks(false);
}
