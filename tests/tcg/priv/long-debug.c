/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Single-stepping, breakpoints, debug registers. SDM vol. 3B, "Debug, Branch Profile, TSC, and Intel RDT Features". */
#include "arch64.h"

#define DR6_FIXED 0xffff0ff0u
#define BS (1u << 14)
#define BD (1u << 13)
#define DR7_FIXED 0x400u
#define DR7(n, kind, len) (DR7_FIXED | 1u << ((n) * 2) | (kind) << (16 + (n) * 4) | (len) << (18 + (n) * 4))
enum { ON_EXECUTE, ON_WRITE, ON_IO, ON_ACCESS };
enum { BYTES_1, BYTES_2, BYTES_8, BYTES_4 };

/* All debug traps while something runs. */
static struct {
    unsigned n;
    Word ip[64];
    uint32_t dr6[64], flags[64], cx[64];
    bool resume;        /* sets RF in the image: goes on behind an instruction breakpoint */
    bool stop_step;     /* clears TF in the image of the last one expected */
    unsigned limit;
} hits;

static bool on_debug(Frame *f)
{
    if (hits.n < 64) {
        hits.ip[hits.n] = f->ip;
        hits.dr6[hits.n] = (uint32_t)read_dr6();
        hits.flags[hits.n] = (uint32_t)f->flags;
        hits.cx[hits.n] = (uint32_t)f->cx;
    }
    hits.n++;
    write_dr6(0);
    if (hits.resume) {
        f->flags |= EF_RF;
    }
    if (hits.n == hits.limit) {
        f->flags &= ~(Word)EF_TF;
        write_dr7(DR7_FIXED);
    }
    return true;
}

static void begin(void)
{
    hits.n = 0;
    hits.resume = false;
    hits.limit = 60;
    write_dr6(0);
    trap_hooks[DB] = on_debug;
}

static void end(void)
{
    write_dr7(DR7_FIXED);
    write_dr6(0);
    trap_hooks[DB] = NULL;
}

#define STEP_ON "pushfq; orl $0x100, (%%rsp); popfq\n"
#define STEP_OFF "pushfq; andl $~0x100, (%%rsp); popfq\n"

/* ---- single-stepping ---- */

TEST(single_step_traps_after_each_instruction)
{
    begin();
    __asm__ volatile(STEP_ON "nop\n" MARK(st1) "mov $1, %%eax\n" MARK(st2) "nop\n" MARK(st3) STEP_OFF MARK(st4) "nop"
                     :
                     :
                     : "rax", "memory", "cc");
    CHECK_EQ(hits.n, 6);                    /* the trap after POPF, which turned stepping off, is the last */
    CHECK_EQ(hits.ip[0], ADDR(st1));
    CHECK_EQ(hits.ip[1], ADDR(st2));
    CHECK_EQ(hits.ip[2], ADDR(st3));
    CHECK_EQ(hits.ip[5], ADDR(st4));
    for (unsigned i = 0; i < 6; i++) {
        CHECK_EQ(hits.dr6[i], DR6_FIXED | BS);
        CHECK_EQ(hits.flags[i] & EF_RF, 0);
    }
    end();
}

TEST(single_step_follows_jumps)
{
    begin();
    __asm__ volatile(
        STEP_ON "jmp 1f; ud2\n" MARK(sj1) "1: xor %%eax, %%eax\n" MARK(sj2) "jnz 2f\n" MARK(sj3) "jz 2f; ud2\n" MARK(
            sj4) "2: lea 3f(%%rip), %%rax\n" MARK(sj5) "jmp *%%rax; ud2\n" MARK(sj6) "3: " STEP_OFF
        :
        :
        : "rax", "memory", "cc");
    CHECK_EQ(hits.ip[0], ADDR(sj1));
    CHECK_EQ(hits.ip[1], ADDR(sj2));
    CHECK_EQ(hits.ip[2], ADDR(sj3));
    CHECK_EQ(hits.ip[3], ADDR(sj4));
    CHECK_EQ(hits.ip[4], ADDR(sj5));
    CHECK_EQ(hits.ip[5], ADDR(sj6));
    end();
}

TEST(a_repeated_string_instruction_traps_in_each_iteration)
{
    uint8_t buffer[8];

    begin();
    __asm__ volatile(STEP_ON MARK(rep_step) "rep stosb\n" MARK(rep_end) STEP_OFF
                     :
                     : "D"(buffer), "c"(3), "a"(0)
                     : "memory", "cc");
    CHECK_EQ(hits.ip[0], ADDR(rep_step));
    CHECK_EQ(hits.cx[0], 2);
    CHECK_EQ(hits.flags[0] & EF_RF, EF_RF);
    CHECK_EQ(hits.ip[1], ADDR(rep_step));
    CHECK_EQ(hits.cx[1], 1);
    CHECK_EQ(hits.ip[2], ADDR(rep_end));
    CHECK_EQ(hits.cx[2], 0);
    CHECK_EQ(hits.flags[2] & EF_RF, 0);
    end();
}

TEST(mov_ss_holds_the_trap_back)
{
    begin();
    __asm__ volatile("mov %%ss, %%eax\n" STEP_ON "nop\n" MARK(ms0) "mov %%eax, %%ss; nop\n" MARK(ms1) "nop\n" MARK(ms2)
                         STEP_OFF
                     :
                     :
                     : "rax", "memory", "cc");
    CHECK_EQ(hits.ip[0], ADDR(ms0));
    CHECK_EQ(hits.ip[1], ADDR(ms1));        /* none between MOV SS and NOP */
    CHECK_EQ(hits.ip[2], ADDR(ms2));
    end();
}

TEST(int_n_drops_the_trap)
{
    begin();
    CHECK_EQ(CATCH(__asm__ volatile(STEP_ON "int $0x55" : : : "memory", "cc")), 0x55);
    CHECK_EQ(hits.n, 0);
    CHECK(trap.f.flags & EF_TF);
    CHECK_EQ(trap.handler_flags & EF_TF, 0);
    end();
}

TEST(an_exception_drops_the_trap)
{
    begin();
    CHECK_EQ(CATCH(__asm__ volatile(STEP_ON "ud2" : : : "memory", "cc")), UD);
    CHECK_EQ(hits.n, 0);
    end();
}

TEST(iretq_that_sets_tf_traps_after_the_next_instruction)
{
    begin();
    __asm__ volatile("mov %%ss, %%eax; mov %%rsp, %%rcx; push %%rax; push %%rcx; push $0x102; push $8; lea 1f(%%rip), "
                     "%%rax; push %%rax; iretq\n"
                     "1: nop\n" MARK(is1) STEP_OFF
                     :
                     :
                     : "rax", "rcx", "memory", "cc");
    CHECK_EQ(hits.ip[0], ADDR(is1));
    end();
}

TEST(syscall_with_tf_masked_does_not_trap)
{
    static uint8_t code[] = {
        0x9c, 0x81, 0x0c, 0x24, 0, 1, 0, 0, 0x9d, 0x0f, 0x05
    }; /* PUSHF; OR [RSP], TF; POPF; SYSCALL */

    write_msr(0xc0000081, (uint64_t)0x20 << 48 | (uint64_t)CODE64 << 32);
    write_msr(0xc0000084, EF_TF);
    __asm__ goto("jmp %l0\n" MARK(k_tf) "nop; int $0x81" : : : : over);
over:
    write_msr(0xc0000082, ADDR(k_tf));
    CHECK_EQ(run_user(code, 0), 0x81);
}

TEST(sysret_that_sets_tf_traps_before_the_first_user_instruction)
{
    static uint8_t code[] = { 0x90, 0x90, 0xcd, 0x80 };

    if (cpuid_word(0, 1) != 0x756e6547) {
        skip("a rule of Intel processors");
        return;
    }
    CHECK_EQ(CATCH(__asm__ volatile("mov %0, %%rcx; mov %1, %%r11d; mov %2, %%rsp; sysretq"
                                    :
                                    : "r"((Word)(uintptr_t)USER(code)), "i"(EF_TF | 2),
                                      "r"((Word)(uintptr_t)USER(user_stack + 2048))
                                    : "rcx", "r11")),
             DB);
    CHECK_EQ(trap.f.ip, (Word)(uintptr_t)USER(code));
    CHECK_EQ(trap.dr6 & BS, BS);
    write_dr6(0);
}

TEST(btf_traps_at_taken_branches_only)
{
    begin();
    CHECK_FINE(write_msr(0x1d9, 2));
    hits.limit = 1;
    __asm__ volatile(STEP_ON "nop; nop; test %%eax, %%eax; jne 1f; nop; jmp 1f; ud2\n" MARK(btf) "1: nop"
                     :
                     : "a"(0)
                     : "memory", "cc");
    CHECK_EQ(hits.n, 1);
    CHECK_EQ(hits.ip[0], ADDR(btf));
    CHECK_EQ(read_msr(0x1d9) & 2, 0);
    end();
}

TEST(icebp_traps_without_a_trace_in_dr6)
{
    begin();
    __asm__ volatile(".byte 0xf1\n" MARK(icebp) "nop");
    CHECK_EQ(hits.n, 1);
    CHECK_EQ(hits.ip[0], ADDR(icebp));
    CHECK_EQ(hits.dr6[0], DR6_FIXED);
    end();
}

TEST(hlt_does_not_keep_the_trap)
{
    begin();
    __asm__ volatile(STEP_ON "hlt\n" MARK(hlt_step) STEP_OFF : : : "memory", "cc");
    CHECK_EQ(hits.ip[0], ADDR(hlt_step));
    end();
}

/* ---- instruction breakpoints ---- */

TEST(an_instruction_breakpoint_is_a_fault_before_it)
{
    unsigned value = 0;

    begin();
    hits.resume = true;
    write_dr0(ADDR(bp1));
    write_dr7(DR7(0, ON_EXECUTE, BYTES_1));
    __asm__ volatile("nop\n" MARK(bp1) "inc %0\n" MARK(bp1_next) "nop" : "+r"(value));
    CHECK_EQ(value, 1);
    CHECK_EQ(hits.n, 1);
    CHECK_EQ(hits.ip[0], ADDR(bp1));
    CHECK_EQ(hits.dr6[0], DR6_FIXED | 1);
    CHECK_EQ(hits.flags[0] & EF_RF, 0);
    end();
}

TEST(rf_lasts_for_one_instruction)
{
    unsigned rounds = 0;

    begin();
    hits.resume = true;
    write_dr1(ADDR(bp2));
    write_dr7(DR7(1, ON_EXECUTE, BYTES_1));
    __asm__ volatile("1:\n" MARK(bp2) "inc %0; cmp $3, %0; jb 1b" : "+r"(rounds));
    CHECK_EQ(hits.n, 3);
    CHECK_EQ(hits.dr6[2], DR6_FIXED | 2);
    end();
}

TEST(a_fault_pushes_rf_so_that_the_breakpoint_does_not_fire_again)
{
    begin();
    hits.resume = true;
    write_dr0(ADDR(bp3));
    write_dr7(DR7(0, ON_EXECUTE, BYTES_1));
    CHECK_EQ(CATCH(__asm__ volatile(MARK(bp3) "ud2")), UD);
    CHECK_EQ(hits.n, 1);
    CHECK(trap.f.flags & EF_RF);
    end();
}

TEST(a_breakpoint_behind_mov_ss_is_passed_over)
{
    begin();
    hits.resume = true;
    write_dr0(ADDR(bp_ss));
    write_dr7(DR7(0, ON_EXECUTE, BYTES_1));
    __asm__ volatile("mov %%ss, %%eax; mov %%eax, %%ss\n" MARK(bp_ss) "nop" : : : "rax");
    CHECK_EQ(hits.n, 0);
    end();
}

TEST(breakpoints_work_in_a_page_that_was_translated_before)
{
    extern char mark_bp_hot[];

    begin();
    hits.resume = true;
    for (unsigned i = 0; i < 5; i++) {
        write_dr0((Word)(uintptr_t)mark_bp_hot);
        write_dr7(i & 1 ? DR7(0, ON_EXECUTE, BYTES_1) : DR7_FIXED);
        __asm__ volatile("call 1f; jmp 2f; 1: nop\n.if %c0 == 1\n" MARK(bp_hot) ".endif\nnop; ret; 2:"
                         :
                         : "i"(1)
                         : "memory");
    }
    CHECK_EQ(hits.n, 2);
    end();
}

/* ---- data and port breakpoints ---- */

static volatile uint32_t watched[4] __attribute__((aligned(16)));

TEST(a_data_breakpoint_traps_behind_the_write)
{
    begin();
    write_dr2((Word)(uintptr_t)&watched[1]);
    write_dr7(DR7(2, ON_WRITE, BYTES_4));
    __asm__ volatile("movl $1, %0\n" MARK(dw0) "movl $2, %1\n" MARK(dw1) "nop; mov %1, %%eax; nop"
                     : "=m"(watched[0]), "=m"(watched[1])
                     :
                     : "rax");
    CHECK_EQ(hits.n, 1);
    CHECK_EQ(hits.ip[0], ADDR(dw1));
    CHECK_EQ(hits.dr6[0] & ~0xbu, DR6_FIXED | 4);
    CHECK_EQ(watched[1], 2);
    end();
}

TEST(a_breakpoint_on_access_sees_loads_and_any_overlap)
{
    begin();
    write_dr0((Word)(uintptr_t)&watched[1]);
    write_dr7(DR7(0, ON_ACCESS, BYTES_4));
    __asm__ volatile("mov %0, %%eax\n" MARK(da0) "nop; movb $0, %1\n" MARK(da1) "mov %2, %%rax\n" MARK(da2) "nop"
                     :
                     : "m"(watched[1]), "m"(*((volatile char *)watched + 7)),
                       "m"(*(volatile uint64_t *)((volatile char *)watched + 1))
                     : "rax", "memory");
    CHECK_EQ(hits.n, 3);
    CHECK_EQ(hits.ip[0], ADDR(da0));
    CHECK_EQ(hits.ip[1], ADDR(da1));
    CHECK_EQ(hits.ip[2], ADDR(da2));
    hits.n = 0;
    __asm__ volatile("mov %0, %%eax; mov %1, %%eax" : : "m"(watched[0]), "m"(watched[2]) : "rax");
    CHECK_EQ(hits.n, 0);
    end();
}

TEST(data_breakpoints_see_locked_and_string_instructions)
{
    void *to;
    uint64_t n;

    begin();
    write_dr0((Word)(uintptr_t)&watched[1]);
    write_dr7(DR7(0, ON_WRITE, BYTES_4));
    __asm__ volatile("lock incl %0\n" MARK(dl0) "nop" : "+m"(watched[1]));
    CHECK_EQ(hits.n, 1);
    CHECK_EQ(hits.ip[0], ADDR(dl0));
    hits.n = 0;
    to = (void *)watched;
    n = 4;
    __asm__ volatile(MARK(dl1) "rep stosl\n" MARK(dl2) "nop" : "+D"(to), "+c"(n) : "a"(7) : "memory");
    CHECK_EQ(hits.n, 1);
    CHECK_EQ(hits.ip[0], ADDR(dl1));
    CHECK_EQ(hits.cx[0], 2);
    CHECK_EQ(watched[3], 7);
    __asm__ volatile("push %%rax; mov %%rsp, %%rax; pop %%rax" : : : "memory");
    end();
}

TEST(data_and_step_are_one_trap)
{
    begin();
    write_dr0((Word)(uintptr_t)&watched[1]);
    write_dr7(DR7(0, ON_WRITE, BYTES_4));
    hits.limit = 1;
    __asm__ volatile(STEP_ON "movl $1, %0\n" MARK(ds1) "nop" : "=m"(watched[1]) : : "memory", "cc");
    CHECK_EQ(hits.n, 1);
    CHECK_EQ(hits.ip[0], ADDR(ds1));
    CHECK_EQ(hits.dr6[0], DR6_FIXED | BS | 1);
    end();
}

TEST(a_faulting_access_triggers_no_breakpoint)
{
    pages_reset();
    begin();
    write_dr0(TEST_VA);
    write_dr7(DR7(0, ON_ACCESS, BYTES_4));
    CHECK_FAULT(PF, 0, *(volatile uint32_t *)TEST_VA);
    CHECK_EQ(hits.n, 0);
    end();
}

TEST(a_port_breakpoint_traps_behind_in_and_out)
{
    begin();
    write_cr4(read_cr4() | 8);
    write_dr0(0x80);
    write_dr7(DR7(0, ON_IO, BYTES_1));
    __asm__ volatile("out %%al, $0x80\n" MARK(io0) "nop; in $0x80, %%al\n" MARK(io1) "nop" : : : "rax");
    CHECK_EQ(hits.n, 2);
    CHECK_EQ(hits.ip[0], ADDR(io0));
    CHECK_EQ(hits.ip[1], ADDR(io1));
    end();
    write_cr4(read_cr4() & ~8ull);
}

/* ---- the registers ---- */

TEST(general_detect_guards_the_debug_registers)
{
    write_dr7(DR7_FIXED | 1 << 13);
    CHECK_EQ(CATCH(read_dr0()), DB);
    CHECK_EQ(trap.dr6 & BD, BD);
    CHECK_EQ(read_dr7(), DR7_FIXED);        /* the handler may use them */
    write_dr6(0);
}

TEST(reserved_bits_of_dr6_and_dr7_are_fixed)
{
    write_dr6(0);
    CHECK_EQ(read_dr6(), DR6_FIXED);
    write_dr7(0);
    CHECK_EQ(read_dr7(), DR7_FIXED);
    CHECK_FAULT(GP, 0, write_dr6(1ull << 32));
    CHECK_FAULT(GP, 0, write_dr7(1ull << 32));
    __asm__ volatile("mov %0, %%db2" : : "r"(0x1234567890ull));
    CHECK_EQ(read_dr2(), 0x1234567890ull);
}

TEST(dr4_and_dr5_are_aliases_until_debugging_extensions)
{
    Word v;

    CHECK_FINE(__asm__ volatile(".byte 0x0f, 0x21, 0xe0" : "=a"(v)); CHECK_EQ(v, DR6_FIXED));       /* MOV RAX, DR4 */
    write_cr4(read_cr4() | 8);
    CHECK_FAULT(UD, 0, __asm__ volatile(".byte 0x0f, 0x21, 0xe0" : "=a"(v)));
    write_cr4(read_cr4() & ~8ull);
}
