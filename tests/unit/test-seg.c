/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Segments, events and far transfers in every mode. SDM vol. 3A, "Protection" and "Interrupt and Exception Handling",
 * is the oracle.
 */
#include "qemu/osdep.h"
#include "guest-cpu.h"

static void put_gate32(unsigned vector, uint16_t sel, uint32_t off, uint32_t type, unsigned dpl)
{
    poke32(IDT + vector * 8, (uint32_t)sel << 16 | (off & 0xffff));
    poke32(IDT + vector * 8 + 4, (off & 0xffff0000) | DESC_P | DPL(dpl) | type << DESC_TYPE_SHIFT);
}

static void put_gate64(unsigned vector, uint16_t sel, uint64_t off, uint32_t type, unsigned dpl, unsigned ist)
{
    poke32(IDT + vector * 16, (uint32_t)sel << 16 | (off & 0xffff));
    poke32(IDT + vector * 16 + 4, (off & 0xffff0000) | DESC_P | DPL(dpl) | type << DESC_TYPE_SHIFT | ist);
    poke64(IDT + vector * 16 + 8, off >> 32);
}

/* Without what the x87 control word of power-up adds. */
static uint64_t mode_key(void)
{
    return env->jit.mode_key & ~(uint64_t)MK_FPU_EXC;
}

static uint64_t rsp(void)
{
    return env->regs[R_ESP];
}

static struct {
    int vector;
    uint32_t error;
} raised;

static void __attribute__((noinline)) deliver_once(void)
{
    raised.vector = FAULT_OF(env->exception_index = raised.vector; env->exception_error = raised.error;
                             cpu_deliver_exception(env));
    raised.error = env->exception_error;
}

/*
 * What the execution loop does with a raised exception, double faults included. Returns how many faults delivery met.
 */
static int deliver(int vector, uint32_t error)
{
    int faults = 0;

    raised.vector = vector;
    raised.error = error;
    for (deliver_once(); raised.vector >= 0 && faults < 4; deliver_once()) {
        faults++;
    }
    return faults;
}

/* ---- check ranges ---- */

static bool may(int seg, uint64_t off, unsigned n, bool write)
{
    const SegmentCache *sc = &env->segs[seg];

    return off - (write ? sc->w_lo : sc->r_lo) + (n - 1) <= (write ? sc->w_span : sc->r_span);
}

static void test_ranges_follow_limit_and_type(void)
{
    guest_reset(NULL);
    guest_protected();
    seg_set(env, R_DS, 0x30, 0x1000, 0x1ff, DESC_P | DESC_S | DESC_W);
    g_assert_true(may(R_DS, 0x1fc, 4, true));
    g_assert_false(may(R_DS, 0x1fd, 4, false));
    seg_set(env, R_DS, 0x30, 0, 0xfff, DESC_P | DESC_S | DESC_W | DESC_E | DESC_B);
    g_assert_false(may(R_DS, 0xfff, 1, false));
    g_assert_true(may(R_DS, 0x1000, 1, false));
    g_assert_true(may(R_DS, 0xfffffffc, 4, true));
    g_assert_false(may(R_DS, 0xfffffffd, 4, true));
    seg_set(env, R_DS, 0x30, 0, 0xfff, DESC_P | DESC_S | DESC_W | DESC_E);
    g_assert_false(may(R_DS, 0xffff, 2, true));
    seg_set(env, R_DS, 0x30, 0, 0xffffffff, FLAT_CODE);
    g_assert_true(may(R_DS, 0, 4, false));
    g_assert_false(may(R_DS, 0, 4, true));
    g_assert_false(may(R_DS, 0xffffffff, 4, false));    /* no wrap, even in a flat segment */
    seg_set_null(env, R_DS, 3);
    g_assert_false(may(R_DS, 0, 1, false));
}

static void test_mode_key_of_modes(void)
{
    guest_reset(NULL);
    g_assert_cmphex(mode_key(), ==, 0xffff000000000000ull);
    guest_protected();
    g_assert_cmphex(mode_key(), ==,
                    MK_PE | MK_CS32 | MK_SS32 | MK_FLAT_CS | MK_FLAT_DS | MK_FLAT_ES | MK_FLAT_SS);
    guest_long();
    guest_user(0x1b, 0x23);
    g_assert_cmphex(mode_key(), ==,
                    3 | MK_PE | MK_LMA | MK_CS64 | MK_SS32 | MK_FLAT_CS | MK_FLAT_DS | MK_FLAT_ES | MK_FLAT_SS);
}

/* ---- loading segment registers ---- */

static void test_loads_are_checked_in_the_manuals_order(void)
{
    guest_reset(NULL);
    guest_protected();
    put_desc(0x30, 0, 0xfff, DESC_P | DESC_S | DESC_CODE);                  /* execute only */
    put_desc(0x38, 0, 0xfff, DESC_S | DESC_W);                              /* not present */
    put_desc(0x40, 0, 0xfff, DESC_P | DESC_S | DESC_W | DPL(0));
    assert_faults(helper_load_seg(env, R_DS, 0x30), EXC_GP, 0x30);
    assert_faults(helper_load_seg(env, R_DS, 0x38), EXC_NP, 0x38);
    assert_faults(helper_load_seg(env, R_SS, 0x38), EXC_SS, 0x38);
    assert_faults(helper_load_seg(env, R_DS, 0x1f8), EXC_GP, 0x1f8);        /* beyond the table */
    assert_faults(helper_load_seg(env, R_DS, 0x0f), EXC_GP, 0x0c);          /* no LDT: TI stays in the code */
    assert_faults(helper_load_seg(env, R_SS, 0), EXC_GP, 0);
    assert_faults(helper_load_seg(env, R_SS, 0x23), EXC_GP, 0x20);
    assert_works(helper_load_seg(env, R_DS, 3));
    g_assert_cmphex(env->segs[R_DS].selector, ==, 3);
    assert_works(helper_load_seg(env, R_DS, 0x40));
    g_assert_cmphex(peek32(GDT + 0x44) & DESC_A, ==, DESC_A);
    guest_user(0x1b, 0x23);
    assert_faults(helper_load_seg(env, R_ES, 0x40), EXC_GP, 0x40);
    g_assert_cmphex(env->segs[R_ES].selector, ==, 0x10);                    /* untouched by the fault */
}

static void test_big_real_mode_keeps_limits(void)
{
    guest_reset(NULL);
    guest_protected();
    assert_works(helper_write_cr(env, 0, env->cr0 & ~(uint64_t)CR0_PE));
    assert_works(helper_load_seg(env, R_DS, 0x1234));
    g_assert_cmphex(env->segs[R_DS].base, ==, 0x12340);
    g_assert_cmphex(env->segs[R_DS].limit, ==, 0xffffffff);
    g_assert_true(may(R_DS, 0x123456, 4, true));
    g_assert_true(may(R_CS, 0, 4, true));       /* real mode may write through CS */
}

static void test_lar_lsl_and_verify(void)
{
    guest_reset(NULL);
    guest_protected();
    put_desc(0x30, 0, 0xfff, DESC_S | DESC_W);                              /* P is not looked at */
    put_desc(0x38, 0, 0xfff, DESC_P | SYS_INT32 << DESC_TYPE_SHIFT);
    g_assert_cmphex(helper_lar(env, 0x10, 7), ==, 0x00cf9300);
    g_assert_cmphex(cpu_compute_status_flags(env) & CC_Z, ==, CC_Z);
    g_assert_cmphex(helper_lsl(env, 0x10, 7), ==, 0xffffffff);
    g_assert_cmphex(helper_lar(env, 0x38, 7), ==, 7);
    g_assert_cmphex(cpu_compute_status_flags(env) & CC_Z, ==, 0);
    g_assert_cmphex(helper_lar(env, 0, 9), ==, 9);
    helper_verr(env, 0x30);
    g_assert_cmphex(cpu_compute_status_flags(env) & CC_Z, ==, CC_Z);
    helper_verw(env, 0x08);
    g_assert_cmphex(cpu_compute_status_flags(env) & CC_Z, ==, 0);
    g_assert_cmphex(helper_arpl(env, 0x10, 0x1b), ==, 0x13);
}

static void test_ltr_and_lldt(void)
{
    guest_reset(NULL);
    guest_protected();
    g_assert_cmphex(peek32(GDT + 0x2c) >> 8 & 15, ==, SYS_TSS32_BUSY);
    assert_faults(helper_ltr(env, 0x28), EXC_GP, 0x28);                     /* busy */
    assert_faults(helper_lldt(env, 0x28), EXC_GP, 0x28);
    put_desc(0x30, 0x5000, 0xff, DESC_P | SYS_LDT << DESC_TYPE_SHIFT);
    assert_works(helper_lldt(env, 0x30));
    poke32(0x5008, 0xffff);
    poke32(0x500c, FLAT_DATA | 0xf0000);
    assert_works(helper_load_seg(env, R_DS, 0x0c));
    assert_works(helper_lldt(env, 0));
    assert_faults(helper_load_seg(env, R_DS, 0x0c), EXC_GP, 0x0c);
}

/* ---- events ---- */

static void test_real_mode_interrupt_and_iret(void)
{
    guest_reset(NULL);
    poke32(0x21 * 4, 0x12340056);
    env->idt = (DescTable) { 0, 0x3ff };
    helper_load_seg(env, R_SS, 0x100);
    env->regs[R_ESP] = 0xabcd0000;              /* SP wraps */
    env->eflags |= IF_MASK;
    env->eip = 0x10;
    cpu_do_interrupt(env, 0x21, true, false, false, 0, 0x12);
    g_assert_cmphex(env->segs[R_CS].base, ==, 0x12340);
    g_assert_cmphex(env->eip, ==, 0x56);
    g_assert_cmphex(rsp(), ==, 0xabcdfffa);
    g_assert_cmphex(peek64(0x1000 + 0xfffa) & 0xffffffffffff, ==, 0x0202f0000012);
    g_assert_cmphex(env->eflags & IF_MASK, ==, 0);
    assert_works(helper_iret(env, 2, 0));
    g_assert_cmphex(env->eip, ==, 0x12);
    g_assert_cmphex(env->segs[R_CS].selector, ==, 0xf000);
    g_assert_cmphex(env->eflags & IF_MASK, ==, IF_MASK);
    g_assert_cmphex(rsp(), ==, 0xabcd0000);
}

static void test_protected_interrupt_changes_stack(void)
{
    guest_reset(NULL);
    guest_protected();
    put_gate32(0x80, 0x08, 0x12345678, SYS_INT32, 3);
    put_gate32(0x0d, 0x08, 0x4444, SYS_TRAP32, 0);
    guest_user(0x1b, 0x23);
    env->eflags |= IF_MASK;
    cpu_do_interrupt(env, 0x80, true, false, false, 0, 0x4002);
    g_assert_cmphex(env->eip, ==, 0x12345678);
    g_assert_cmphex(rsp(), ==, 0x9000 - 20);
    g_assert_cmphex(peek32(0x9000 - 20), ==, 0x4002);
    g_assert_cmphex(peek32(0x9000 - 16), ==, 0x1b);
    g_assert_cmphex(peek32(0x9000 - 12), ==, 0x202);
    g_assert_cmphex(peek32(0x9000 - 8), ==, 0x8000);
    g_assert_cmphex(peek32(0x9000 - 4), ==, 0x23);
    g_assert_cmphex(cpu_cpl(env), ==, 0);
    g_assert_cmphex(env->eflags & IF_MASK, ==, 0);
    assert_works(helper_iret(env, 4, 0));
    g_assert_cmphex(cpu_cpl(env), ==, 3);
    g_assert_cmphex(rsp(), ==, 0x8000);
    g_assert_cmphex(env->segs[R_DS].attr, ==, 0);       /* level 0 data does not leak */
    assert_faults(cpu_do_interrupt(env, 0x0d, true, false, false, 0, 0x4002), EXC_GP, 0x0d * 8 + 2);
    cpu_do_interrupt(env, 0x0d, false, false, true, 0x55, 0x4000);
    g_assert_cmphex(peek32(0x9000 - 24), ==, 0x55);
    g_assert_cmphex(peek32(0x9000 - 12) & RF_MASK, ==, RF_MASK);
}

static void test_faults_of_delivery_carry_ext(void)
{
    guest_reset(NULL);
    guest_protected();
    put_gate32(0x20, 0x38, 0, SYS_INT32, 0);
    put_gate32(0x21, 0x10, 0, SYS_INT32, 0);
    put_gate32(0x22, 0x08, 0, SYS_CALL32, 0);
    put_gate32(0x23, 0x00, 0, SYS_INT32, 0);
    assert_faults(cpu_do_interrupt(env, 0x20, false, true, false, 0, 0), EXC_GP, 0x39);
    assert_faults(cpu_do_interrupt(env, 0x20, true, false, false, 0, 0), EXC_GP, 0x38);
    assert_faults(cpu_do_interrupt(env, 0x21, false, true, false, 0, 0), EXC_GP, 0x11);
    assert_faults(cpu_do_interrupt(env, 0x22, false, true, false, 0, 0), EXC_GP, 0x22 * 8 + 3);
    assert_faults(cpu_do_interrupt(env, 0x23, false, true, false, 0, 0), EXC_GP, 1);
    env->idt.limit = 0xff;
    assert_faults(cpu_do_interrupt(env, 0x80, true, false, false, 0, 0), EXC_GP, 0x80 * 8 + 2);
}

static void test_second_fault_becomes_double_fault(void)
{
    guest_reset(NULL);
    guest_protected();
    put_gate32(EXC_DF, 0x08, 0x8888, SYS_INT32, 0);
    put_gate32(EXC_GP, 0x30, 0x1, SYS_INT32, 0);                /* its code segment does not exist */
    g_assert_cmpint(deliver(EXC_GP, 0), ==, 1);
    g_assert_cmphex(env->eip, ==, 0x8888);
    g_assert_cmphex(peek32(rsp()), ==, 0);
    put_gate32(EXC_UD, 0x30, 0x1, SYS_INT32, 0);                /* benign first: serially */
    put_gate32(EXC_GP, 0x08, 0xdddd, SYS_INT32, 0);
    g_assert_cmpint(deliver(EXC_UD, 0), ==, 1);
    g_assert_cmphex(env->eip, ==, 0xdddd);
}

static void test_vm86_interrupt_and_return(void)
{
    guest_reset(NULL);
    guest_protected();
    put_gate32(0x0d, 0x08, 0x4444, SYS_INT32, 0);
    poke32(0x7000, 0x34);           /* IRET to vm86 from level 0 */
    poke32(0x7004, 0x1000);
    poke32(0x7008, VM_MASK | 3 << IOPL_SHIFT | 2);
    poke32(0x700c, 0xfffe);
    poke32(0x7010, 0x2000);
    for (unsigned i = 0; i < 4; i++) {
        poke32(0x7014 + i * 4, 0x3000 + i);
    }
    env->regs[R_ESP] = 0x7000;
    assert_works(helper_iret(env, 4, 0));
    g_assert_cmphex(env->jit.mode_key & (MK_VM86 | MK_PE | 3), ==, MK_VM86 | 3);
    g_assert_cmphex(env->segs[R_ES].selector, ==, 0x3000);
    g_assert_cmphex(env->segs[R_GS].base, ==, 0x30030);
    g_assert_cmphex(env->segs[R_SS].base, ==, 0x20000);
    cpu_do_interrupt(env, EXC_GP, false, false, true, 0, env->eip);
    g_assert_cmphex(env->eflags & VM_MASK, ==, 0);
    g_assert_cmphex(rsp(), ==, 0x9000 - 40);
    g_assert_cmphex(peek32(0x9000 - 4), ==, 0x3003);            /* GS */
    g_assert_cmphex(peek32(0x9000 - 16), ==, 0x3000);           /* ES */
    g_assert_cmphex(peek32(0x9000 - 20), ==, 0x2000);
    g_assert_cmphex(env->segs[R_DS].attr, ==, 0);
}

static void test_long_mode_interrupt(void)
{
    guest_reset(NULL);
    guest_long();
    put_gate64(0x20, 0x08, 0xffffffff80001234ull, SYS_INT32, 0, 0);
    put_gate64(EXC_PF, 0x08, 0x5678, SYS_INT32, 0, 1);
    env->idt.limit = 0xfff;
    env->regs[R_ESP] = 0x800b;
    cpu_do_interrupt(env, 0x20, false, true, false, 0, 0x4000);
    g_assert_cmphex(env->eip, ==, 0xffffffff80001234ull);
    g_assert_cmphex(rsp(), ==, 0x8000 - 40);                    /* aligned, SS:RSP pushed at the same level too */
    g_assert_cmphex(peek64(0x8000 - 16), ==, 0x800b);
    assert_works(helper_iret(env, 8, 0));
    g_assert_cmphex(rsp(), ==, 0x800b);
    g_assert_cmphex(env->eip, ==, 0x4000);
    guest_user(0x1b, 0x23);
    cpu_do_interrupt(env, 0x20, false, true, false, 0, 0x4000);
    g_assert_cmphex(rsp(), ==, 0x9000 - 40);
    g_assert_cmphex(env->segs[R_SS].selector, ==, 0);
    g_assert_cmphex(cpu_cpl(env), ==, 0);
    assert_works(helper_iret(env, 8, 0));
    g_assert_cmphex(cpu_cpl(env), ==, 3);
    cpu_do_interrupt(env, EXC_PF, false, false, true, 6, 0x4000);
    g_assert_cmphex(rsp(), ==, 0xa000 - 48);                    /* IST1 */
    g_assert_cmphex(peek64(rsp()), ==, 6);
}

static void test_iret_to_non_canonical_faults_at_level_0(void)
{
    guest_reset(NULL);
    guest_long();
    env->regs[R_ESP] = 0x7000;
    poke64(0x7000, 0x0000800000000000ull);
    poke64(0x7008, 0x1b);
    poke64(0x7010, 2);
    poke64(0x7018, 0x1000);
    poke64(0x7020, 0x23);
    assert_faults(helper_iret(env, 8, 0), EXC_GP, 0);
    g_assert_cmphex(cpu_cpl(env), ==, 0);
    g_assert_cmphex(rsp(), ==, 0x7000);
}

static void test_interrupts_wait_for_the_shadow_and_the_flag(void)
{
    guest_reset(NULL);
    guest_protected();
    put_gate32(2, 0x08, 0x2222, SYS_INT32, 0);
    env->interrupt_request = CPU_INT_NMI;
    env->hflags_inhibit = MK_INHIBIT;
    g_assert_false(cpu_process_interrupts(env));
    env->hflags_inhibit = 0;
    g_assert_true(cpu_process_interrupts(env));
    g_assert_cmphex(env->eip, ==, 0x2222);
    env->interrupt_request = CPU_INT_NMI;       /* masked until IRET */
    g_assert_false(cpu_process_interrupts(env));
    assert_works(helper_iret(env, 4, 0));
    g_assert_true(cpu_process_interrupts(env));
}

/* Between MOV SS and the next instruction, and amid REP: what is pushed next depends on it. */
static void test_a_snapshot_keeps_shadow_and_repetition(void)
{
    g_autoptr(GByteArray) state = g_byte_array_new();

    guest_reset(NULL);
    env->hflags_inhibit = MK_INHIBIT | INHIBIT_MOV_SS;
    env->rep_interrupted = true;
    vmstate_save(state, &vmstate_cpu, env);
    guest_reset(NULL);
    g_assert_false(env->rep_interrupted);
    g_assert_cmpint(vmstate_load(state->data, state->len, &vmstate_cpu, env, &error_abort), ==, state->len);
    g_assert_cmphex(env->hflags_inhibit, ==, MK_INHIBIT | INHIBIT_MOV_SS);
    g_assert_true(env->rep_interrupted);
}

/* ---- far transfers ---- */

static void test_far_jump_and_call_checks(void)
{
    guest_reset(NULL);
    guest_protected();
    put_desc(0x30, 0, 0x1f, DESC_P | DESC_S | DESC_CODE | DESC_R | DESC_B);
    assert_faults(helper_far_jmp(env, 0, 0, 4, 0), EXC_GP, 0);
    assert_faults(helper_far_jmp(env, 0x10, 0, 4, 0), EXC_GP, 0x10);        /* data */
    assert_faults(helper_far_jmp(env, 0x1b, 0, 4, 0), EXC_GP, 0x18);        /* wrong level */
    assert_faults(helper_far_jmp(env, 0x30, 0x20, 4, 0), EXC_GP, 0);        /* beyond the limit */
    assert_works(helper_far_call(env, 0x30, 0x1f, 4, 0x4007));
    g_assert_cmphex(env->eip, ==, 0x1f);
    g_assert_cmphex(peek32(0x8000 - 8), ==, 0x4007);
    g_assert_cmphex(peek32(0x8000 - 4), ==, 0x08);
    assert_works(helper_far_ret(env, 4, 8));
    g_assert_cmphex(env->eip, ==, 0x4007);
    g_assert_cmphex(rsp(), ==, 0x8008);
}

static void test_call_gate_copies_parameters(void)
{
    guest_reset(NULL);
    guest_protected();
    poke32(GDT + 0x30, 0x08 << 16 | 0x4321);
    poke32(GDT + 0x34, DESC_P | DPL(3) | SYS_CALL32 << DESC_TYPE_SHIFT | 2);
    guest_user(0x1b, 0x23);
    env->regs[R_ESP] = 0x7ff8;
    poke32(0x7ff8, 0x11);
    poke32(0x7ffc, 0x22);
    assert_faults(helper_far_jmp(env, 0x33, 0, 4, 0), EXC_GP, 0x08);        /* JMP cannot change the level */
    assert_works(helper_far_call(env, 0x33, 0xdead, 4, 0x4007));
    g_assert_cmphex(cpu_cpl(env), ==, 0);
    g_assert_cmphex(env->eip, ==, 0x4321);
    g_assert_cmphex(rsp(), ==, 0x9000 - 24);
    g_assert_cmphex(peek32(0x9000 - 12), ==, 0x22);
    g_assert_cmphex(peek32(0x9000 - 16), ==, 0x11);
    assert_works(helper_far_ret(env, 4, 8));
    g_assert_cmphex(cpu_cpl(env), ==, 3);
    g_assert_cmphex(rsp(), ==, 0x8000);
}

static void test_syscall_and_sysret(void)
{
    guest_reset(NULL);
    guest_long();
    guest_user(0x33, 0x2b);
    env->star = 0x0023001000000000ull;
    env->lstar = 0xffffffff81000000ull;
    env->fmask = IF_MASK | TF_MASK;
    env->eflags |= IF_MASK;
    assert_works(helper_syscall(env, 0x4002));
    g_assert_cmphex(env->eip, ==, 0xffffffff81000000ull);
    g_assert_cmphex(env->regs[R_ECX], ==, 0x4002);
    g_assert_cmphex(env->regs[11], ==, 0x202);
    g_assert_cmphex(env->eflags & IF_MASK, ==, 0);
    g_assert_cmphex(env->segs[R_CS].selector, ==, 0x10);
    g_assert_cmphex(env->segs[R_SS].selector, ==, 0x18);
    g_assert_cmphex(cpu_cpl(env), ==, 0);
    assert_works(helper_sysret(env, 1));
    g_assert_cmphex(env->segs[R_CS].selector, ==, 0x33);
    g_assert_cmphex(env->segs[R_SS].selector, ==, 0x2b);
    g_assert_cmphex(env->jit.mode_key & (MK_CS64 | 3), ==, MK_CS64 | 3);
    g_assert_cmphex(env->eflags & IF_MASK, ==, IF_MASK);
    assert_faults(helper_sysret(env, 1), EXC_GP, 0);
}

static void test_sysenter_and_sysexit(void)
{
    guest_reset(NULL);
    guest_protected();
    guest_user(0x1b, 0x23);
    assert_faults(helper_sysenter(env), EXC_GP, 0);
    env->sysenter_cs = 0x60;
    env->sysenter_eip = 0x1111;
    env->sysenter_esp = 0x2222;
    assert_works(helper_sysenter(env));
    g_assert_cmphex(env->eip, ==, 0x1111);
    g_assert_cmphex(env->segs[R_SS].selector, ==, 0x68);
    env->regs[R_EDX] = 0x3333;
    env->regs[R_ECX] = 0x4444;
    assert_works(helper_sysexit(env, 0));
    g_assert_cmphex(env->segs[R_CS].selector, ==, 0x73);
    g_assert_cmphex(env->segs[R_SS].selector, ==, 0x7b);
    g_assert_cmphex(env->eip, ==, 0x3333);
    g_assert_cmphex(rsp(), ==, 0x4444);
}

/* ---- task switch ---- */

static void test_task_switch_by_call_and_back(void)
{
    guest_reset(NULL);
    guest_protected();
    put_desc(0x30, 0x6000, 0x67, DESC_P | SYS_TSS32 << DESC_TYPE_SHIFT);
    poke32(0x6020, 0x5555);             /* EIP */
    poke32(0x6024, 2);
    poke32(0x6028, 0xaaaa);             /* EAX */
    poke32(0x6038, 0xb000);             /* ESP */
    poke32(0x6048, 0x10);
    poke32(0x604c, 0x08);
    poke32(0x6050, 0x10);
    poke32(0x6054, 0x10);
    env->regs[R_EAX] = 0x1234;
    assert_works(helper_far_call(env, 0x30, 0, 4, 0x4007));
    g_assert_cmphex(env->eip, ==, 0x5555);
    g_assert_cmphex(env->regs[R_EAX], ==, 0xaaaa);
    g_assert_cmphex(env->segs[R_TR].selector, ==, 0x30);
    g_assert_cmphex(env->eflags & NT_MASK, ==, NT_MASK);
    g_assert_cmphex(env->cr0 & CR0_TS, ==, CR0_TS);
    g_assert_cmphex(peek32(0x6000) & 0xffff, ==, 0x28);         /* back link */
    g_assert_cmphex(peek32(0x3020), ==, 0x4007);
    g_assert_cmphex(peek32(0x3028), ==, 0x1234);
    assert_works(helper_iret(env, 4, 0x5556));
    g_assert_cmphex(env->segs[R_TR].selector, ==, 0x28);
    g_assert_cmphex(env->eip, ==, 0x4007);
    g_assert_cmphex(env->regs[R_EAX], ==, 0x1234);
    g_assert_cmphex(peek32(0x6020), ==, 0x5556);
    g_assert_cmphex(peek32(GDT + 0x34) >> 8 & 15, ==, SYS_TSS32);
    g_assert_cmphex(peek32(GDT + 0x2c) >> 8 & 15, ==, SYS_TSS32_BUSY);
    put_desc(0x30, 0x6000, 0x66, DESC_P | SYS_TSS32 << DESC_TYPE_SHIFT);
    assert_faults(helper_far_jmp(env, 0x30, 0, 4, 0x4007), EXC_TS, 0x30);   /* one byte too short */
}

static void test_io_bitmap_needs_both_bytes(void)
{
    guest_reset(NULL);
    guest_protected();
    put_desc(0x30, 0x6000, 0x69, DESC_P | SYS_TSS32 << DESC_TYPE_SHIFT);
    poke32(0x6064, 0x68u << 16);
    poke32(0x6068, 0xff02);             /* port 1 denied; a byte of ones behind */
    assert_works(helper_ltr(env, 0x30));
    assert_works(helper_check_io(env, 1, 1));                   /* level 0 */
    guest_user(0x1b, 0x23);
    assert_works(helper_check_io(env, 0, 1));
    assert_faults(helper_check_io(env, 1, 1), EXC_GP, 0);
    assert_faults(helper_check_io(env, 0, 2), EXC_GP, 0);
    assert_works(helper_check_io(env, 2, 4));
    assert_faults(helper_check_io(env, 8, 1), EXC_GP, 0);       /* beyond the limit */
    env->eflags |= 3 << IOPL_SHIFT;
    assert_works(helper_check_io(env, 1, 1));
}

/* ---- system management mode ---- */

static void test_smm_saves_and_restores_everything(void)
{
    SegmentCache segs[NUM_SEGS];

    guest_reset(NULL);
    guest_long();
    guest_user(0x1b, 0x23);
    for (unsigned i = 0; i < 16; i++) {
        env->regs[i] = 0x1111111111111111ull * i;
    }
    env->eflags |= IF_MASK | AC_MASK;
    memcpy(segs, env->segs, sizeof(segs));
    cpu_enter_smm(env);
    g_assert_cmphex(env->segs[R_CS].selector, ==, 0x3000);
    g_assert_cmphex(env->eip, ==, 0x8000);
    g_assert_cmphex(mode_key(), ==, 0x0003000000000000ull | MK_SMM | MK_FLAT_DS | MK_FLAT_ES | MK_FLAT_SS);
    g_assert_cmphex(peek32(0x3fefc), ==, 0x00020064);
    g_assert_cmphex(peek64(0x3fff0), ==, 0x1111111111111111ull);        /* RCX */
    g_assert_cmphex(peek64(0x3ff50), ==, 0x10000);                      /* CR3 */
    poke32(0x3ff00, 0xa0000);
    memset(env->regs, 0, sizeof(env->regs));
    assert_works(helper_rsm(env));
    g_assert_cmphex(env->smbase, ==, 0xa0000);
    g_assert_cmphex(env->regs[15], ==, 0xffffffffffffffffull);
    g_assert_cmphex(env->eflags, ==, IF_MASK | AC_MASK | 2);
    g_assert_cmphex(cpu_cpl(env), ==, 3);
    g_assert_cmpmem(segs, sizeof(segs), env->segs, sizeof(segs));
    assert_faults(helper_rsm(env), EXC_UD, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    guest_init();
    g_test_add_func("/seg/ranges", test_ranges_follow_limit_and_type);
    g_test_add_func("/seg/mode-key", test_mode_key_of_modes);
    g_test_add_func("/seg/load", test_loads_are_checked_in_the_manuals_order);
    g_test_add_func("/seg/big-real", test_big_real_mode_keeps_limits);
    g_test_add_func("/seg/lar", test_lar_lsl_and_verify);
    g_test_add_func("/seg/ltr", test_ltr_and_lldt);
    g_test_add_func("/event/real", test_real_mode_interrupt_and_iret);
    g_test_add_func("/event/protected", test_protected_interrupt_changes_stack);
    g_test_add_func("/event/ext", test_faults_of_delivery_carry_ext);
    g_test_add_func("/event/double-fault", test_second_fault_becomes_double_fault);
    g_test_add_func("/event/vm86", test_vm86_interrupt_and_return);
    g_test_add_func("/event/long", test_long_mode_interrupt);
    g_test_add_func("/event/iret-non-canonical", test_iret_to_non_canonical_faults_at_level_0);
    g_test_add_func("/event/pending", test_interrupts_wait_for_the_shadow_and_the_flag);
    g_test_add_func("/event/snapshot", test_a_snapshot_keeps_shadow_and_repetition);
    g_test_add_func("/far/checks", test_far_jump_and_call_checks);
    g_test_add_func("/far/call-gate", test_call_gate_copies_parameters);
    g_test_add_func("/far/syscall", test_syscall_and_sysret);
    g_test_add_func("/far/sysenter", test_sysenter_and_sysexit);
    g_test_add_func("/task/call", test_task_switch_by_call_and_back);
    g_test_add_func("/task/io-bitmap", test_io_bitmap_needs_both_bytes);
    g_test_add_func("/smm/save-area", test_smm_saves_and_restores_everything);
    return g_test_run();
}
