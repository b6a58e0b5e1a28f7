/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs test code translated: one CPU without a board, in user mode of a small 64-bit "kernel".
 *
 * The kernel is data only: page tables, a GDT with Linux's selectors, an IDT whose handlers are HLT, and a TSS. Test
 * code ends with INT3; that and every exception arrive at a HLT of their own, whose address tells the vector, with the
 * registers in the frame on the kernel's stack. Nothing of the emulator is replaced or looked into besides the CPU
 * state.
 */
#include "insn-test.h"
#include "exec/cpu-exec.h"
#include "exec/cpu-mem.h"
#include "exec/memory.h"
#include "exec/translate-all.h"
#include "qemu/bitops.h"
#include "qemu/main-loop.h"
#include "target-i386/cpu.h"
#include "target-i386/helper-fpu.h"
#include "target-i386/models.h"
#include "target-i386/seg.h"

/* Guest-physical layout; the kernel sees it at KERNEL_BASE. */
#define KERNEL_BASE     0xffff800000000000ull
#define P_PML4          0x1000
#define P_PDPT          0x2000          /* user */
#define P_PD            0x3000
#define P_PT            0x4000          /* 10000000..101fffff */
#define P_KPDPT         0x5000
#define P_KPD           0x6000
#define P_GDT           0x7000
#define P_IDT           0x8000
#define P_TSS           0x9000
#define P_LDT           0x9800
#define P_HANDLERS      0xa000
#define P_STACK_TOP     0xc000
#define P_AREA          0x10000
#define P_CODE          0x20000
#define RAM_SIZE        (P_CODE + CODE_SIZE)

#define SEL_KERNEL_CS   0x10
#define SEL_KERNEL_DS   0x18
#define SEL_USER32_CS   0x23
#define SEL_USER_DS     0x2b
#define SEL_USER_CS     0x33
#define SEL_TSS         0x40
#define VECTOR_BP       3

static MemoryRegion ram;
static uint8_t *ram_host;
static CPUX86State *env;

static void put64(uint64_t phys, uint64_t v)
{
    memcpy(ram_host + phys, &v, 8);
}

static void make_page_tables(void)
{
    const uint64_t user = 7, kernel = 3;

    put64(P_PML4, P_PDPT | user);
    put64(P_PML4 + 256 * 8, P_KPDPT | kernel);
    put64(P_KPDPT, P_KPD | kernel);
    put64(P_KPD, 0 | kernel | 0x80);                        /* 2 MiB page */
    put64(P_PDPT, P_PD | user);
    put64(P_PD + (DATA_BASE >> 21 & 511) * 8, P_PT | user);
    for (unsigned i = 0; i < AREA_SIZE / PAGE; i++) {
        uint32_t addr = DATA_BASE + i * PAGE;
        uint64_t rights = addr == MISSING_BASE ? 0 : addr == READONLY_BASE ? 5 : 7;

        put64(P_PT + (addr >> 12 & 511) * 8, rights ? (P_AREA + i * PAGE) | rights | 1ull << 63 : 0);
    }
    for (unsigned i = 0; i < CODE_SIZE / PAGE; i++) {
        put64(P_PT + ((CODE_BASE >> 12 & 511) + i) * 8, (P_CODE + i * PAGE) | 7);
    }
}

/* Flat descriptors as Linux has them. */
static void make_tables(void)
{
    static const struct { uint16_t selector; uint64_t desc; } gdt[] = {
        { SEL_KERNEL_CS, 0x00af9b000000ffff }, { SEL_KERNEL_DS, 0x00cf93000000ffff },
        { SEL_USER32_CS, 0x00cffb000000ffff }, { SEL_USER_DS, 0x00cff3000000ffff }, { SEL_USER_CS, 0x00affb000000ffff },
    };
    uint64_t tss = KERNEL_BASE + P_TSS;

    for (unsigned i = 0; i < ARRAY_SIZE(gdt); i++) {
        put64(P_GDT + (gdt[i].selector & ~7u), gdt[i].desc);
    }
    put64(P_GDT + SEL_TSS, 0x67 | (tss & 0xffffff) << 16 | 0x8bull << 40 | (tss >> 24 & 0xff) << 56);
    put64(P_GDT + SEL_TSS + 8, tss >> 32);
    for (unsigned v = 0; v < 256; v++) {
        uint64_t handler = KERNEL_BASE + P_HANDLERS + v;
        unsigned dpl = v == 3 || v == 4 ? 3 : 0;

        put64(P_IDT + v * 16, (handler & 0xffff) | SEL_KERNEL_CS << 16 | (0x8eull | dpl << 5) << 40 |
              (handler >> 16 & 0xffff) << 48);
        put64(P_IDT + v * 16 + 8, handler >> 32);
        ram_host[P_HANDLERS + v] = 0xf4;                    /* HLT */
    }
    put64(P_TSS + 4, KERNEL_BASE + P_STACK_TOP);
    *(uint16_t *)(ram_host + P_TSS + 0x66) = 0x68;          /* no I/O map */
}

static uint32_t segment_attr(const TestSegment *seg, bool code64)
{
    uint32_t attr = DESC_P | 3 << DESC_DPL_SHIFT | DESC_S | DESC_A | (seg->limit == 0xffffffff ? DESC_G : 0);

    if (seg->code) {
        return attr | DESC_CODE | DESC_R | (code64 ? DESC_L : seg->big ? DESC_B : 0);
    }
    return attr | DESC_W | (seg->big ? DESC_B : 0) | (seg->down ? DESC_E : 0);
}

static void make_ldt(void)
{
    for (unsigned i = 0; i < n_test_modes; i++) {
        for (unsigned k = 0; test_modes[i].ldt && k < SEG_COUNT; k++) {
            const TestSegment *s = &test_modes[i].seg[k];
            uint64_t hi =
                segment_attr(s, false) | (s->base & 0xff000000) | (s->base >> 16 & 0xff) | (s->limit & 0xf0000);

            put64(P_LDT + (s->selector & ~7u), hi << 32 | (s->base & 0xffff) << 16 | (s->limit & 0xffff));
        }
    }
}

/* CPL follows SS.DPL. */
static void enter_user_mode(const TestMode *m)
{
    static const int regs[SEG_COUNT] = { R_CS, R_SS, R_DS, R_ES };

    for (unsigned i = 0; i < SEG_COUNT; i++) {
        const TestSegment *s = &m->seg[i];

        seg_set(env, regs[i], s->selector, s->base, s->limit, segment_attr(s, m->bits == 64));
    }
    seg_set(env, R_FS, 0, 0, 0, 0);
    seg_set(env, R_GS, 0, GS_BASE, 0, 0);
}

static void set_mode(void)
{
    env->cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG;
    env->cr4 = CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_FSGSBASE | CR4_OSXSAVE;
    env->xcr0 = 7;
    env->efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
    env->cr3 = P_PML4;
    env->gdt = (DescTable) { .base = KERNEL_BASE + P_GDT, .limit = 0x4f };
    env->idt = (DescTable) { .base = KERNEL_BASE + P_IDT, .limit = 0xfff };
    seg_set(env, R_TR, SEL_TSS, KERNEL_BASE + P_TSS, 0x67, DESC_P | SYS_TSS32_BUSY << DESC_TYPE_SHIFT);
    seg_set(env, R_LDTR, 0x50, KERNEL_BASE + P_LDT, 63, DESC_P | SYS_LDT << DESC_TYPE_SHIFT);
    tlb_flush(env);
}

/* Instruction sets are tested from the day they work, whether or not a CPU model shows them. */
static void show_all_instructions(void)
{
    env->features[FEAT_1_ECX] |= CPUID_SSE3 | CPUID_SSSE3 | CPUID_SSE41 | CPUID_SSE42 | CPUID_PCLMULQDQ | CPUID_AES |
                                 CPUID_MOVBE | CPUID_POPCNT | CPUID_CX16;
    env->features[FEAT_7_EBX] |= CPUID_BMI1 | CPUID_BMI2 | CPUID_ADX | CPUID_FSGSBASE;
    env->features[FEAT_8000_0001_ECX] |= CPUID_EXT_LAHF_LM | CPUID_EXT_ABM;
}

bool guest_init(const char *cpu_model)
{
    Error *err = NULL;
    VCpu *v;

    if (!main_loop_init(&err)) {
        goto failed;
    }
    big_lock();
    memory_init();
    if (!tcg_init(&err) || !memory_region_init_ram(&ram, NULL, "ram", RAM_SIZE, &err)) {
        goto failed;
    }
    memory_region_add(get_system_memory(), 0, &ram, 0);
    v = x86_cpu_create(0, 0, cpu_model, &err);
    if (!v) {
        goto failed;
    }
    ram_host = memory_region_ram_ptr(&ram);
    env = vcpu_env(v);
    show_all_instructions();
    make_page_tables();
    make_tables();
    make_ldt();
    set_mode();
    big_unlock();
    current_vcpu = v;
    vcpus_resume_all();
    return true;

failed:
    error_report_err(err);
    return false;
}

CPUX86State *guest_env(void)
{
    return env;
}

uint8_t *guest_area(void)
{
    return ram_host + P_AREA;
}

/* The copy of the code that the guest runs leaves through INT3. */
void guest_load_code(const uint8_t *arena, size_t size, const Code *codes, unsigned n)
{
    g_autofree uint8_t *copy = g_memdup2(arena, size);

    for (unsigned i = 0; i < n; i++) {
        memset(copy + codes[i].off + codes[i].len, 0xcc, EXIT_BYTES);
    }
    address_space_write(address_space_memory, P_CODE, copy, size);
}

static void load_fpu(const FxImage *fx)
{
    fpu_set_control(env, fx->fcw);
    fpu_set_status(env, fx->fsw);
    for (unsigned i = 0; i < 8; i++) {
        FpReg *r = &env->fpregs[(env->fpstt + i) & 7];

        r->mant = fx->st[i].mant;
        r->se = fx->st[i].se;
        env->fptags[i] = !(fx->ftw >> i & 1);
    }
    for (unsigned i = 0; i < 16; i++) {
        memcpy(&env->xmm[i], &fx->xmm[i], 16);
    }
    mxcsr_set(env, fx->mxcsr);
}

static void load_ymm(const CpuState *in)
{
    for (unsigned i = 0; i < 16; i++) {
        memcpy(env->xmm[i].b + 16, in->ymm_high[i], 16);
    }
}

static void store_ymm(CpuState *out)
{
    for (unsigned i = 0; i < 16; i++) {
        memcpy(out->ymm_high[i], env->xmm[i].b + 16, 16);
    }
}

static void store_fpu(FxImage *fx)
{
    fx->fcw = env->fpuc;
    fx->fsw = fpu_status_word(env);
    fx->ftw = 0;
    for (unsigned i = 0; i < 8; i++) {
        const FpReg *r = &env->fpregs[(env->fpstt + i) & 7];

        fx->st[i].mant = r->mant;
        fx->st[i].se = r->se;
        fx->ftw |= !env->fptags[i] << i;
    }
    for (unsigned i = 0; i < 16; i++) {
        memcpy(&fx->xmm[i], &env->xmm[i], 16);
    }
    fx->mxcsr = mxcsr_get(env);
}

static bool has_error_code(int vector)
{
    return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17;
}

/* What the handler found: its address and the frame it was given. */
static void store_result(CpuState *out, uint64_t start, uint64_t end)
{
    const uint64_t *frame;

    out->vector = (int)(env->eip - 1 - (KERNEL_BASE + P_HANDLERS));
    memcpy(out->gpr, env->regs, sizeof(out->gpr));
    frame = (const uint64_t *)(ram_host + P_STACK_TOP - 40);
    out->error = 0;
    if (has_error_code(out->vector)) {
        out->error = (uint32_t)frame[-1];
    }
    out->rip = frame[0];
    out->flags = frame[2];
    out->gpr[RSP] = frame[3];
    out->cr2 = out->vector == EXC_PF ? env->cr2 : 0;
    if (out->vector == VECTOR_BP && out->rip == end + 1) {
        out->vector = ENDED;
        out->rip = end;
    }
    store_fpu(&out->fx);
    store_ymm(out);
}

void guest_run(const Code *code, const CpuState *in, CpuState *out)
{
    const TestMode *m = test_mode(code->bits);
    uint64_t start = CODE_BASE + code->off - m->seg[SEG_CS].base;
    int result;

    memcpy(env->regs, in->gpr, sizeof(env->regs));
    env->eip = start;
    eflags_set_image(env, (uint32_t)in->flags | IF_MASK);
    enter_user_mode(m);
    load_fpu(&in->fx);
    load_ymm(in);
    env->halted = false;
    cpu_update_mode(env);
    result = cpu_exec(env);
    if (result != EXCP_HLT) {
        fprintf(stderr, "# the guest left its loop with %#x at %#" PRIx64 "\n", result, env->eip);
    }
    store_result(out, start, start + code->len);
}
