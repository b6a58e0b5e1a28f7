/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs test code on the host's CPU, in this process.
 *
 * The area and the code arena are mapped at the addresses they have in the guest. native_enter() loads every register
 * the test program sees, jumps to the code, and the code's way out stores them again. Exceptions arrive as signals:
 * Linux gives vector, error code and CR2 in the signal frame. 32-bit code runs in the compatibility segment every Linux
 * process has.
 */
#include "insn-test.h"
#include "qemu/sanitizers.h"

#ifdef __x86_64__
#include <asm/ldt.h>
#include <asm/prctl.h>
#include <cpuid.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>

#define EXIT_PAGE 0x37a5b000u     /* away from everything an operand may hit */
#define CS_64 0x33
#define DS_USER 0x2b
#define TICK_MS 100
#define MAX_TICKS 3             /* no test takes a millisecond */

typedef struct FarPointer { uint32_t offset; uint16_t selector; } QEMU_PACKED FarPointer;

extern void native_enter(const CpuState *in, CpuState *out);
extern char native_exit[], native_leave[];

/* Used by the assembly below: one test runs at a time. */
uint64_t native_host_rsp, native_out, native_saved_rdi, native_entry;
FarPointer native_entry32;
uint32_t native_is_32, native_has_ymm, native_ss, native_ds, native_es;
static volatile sig_atomic_t in_test;
static CpuState *fault_state;
static volatile sig_atomic_t ticks;     /* of processor time, TICK_MS each */
static sig_atomic_t started;
static uint8_t *exit_page;              /* below 4 GiB: test code comes back through it */

_Static_assert(offsetof(CpuState, gpr) == 512 && offsetof(CpuState, flags) == 648 &&
                   offsetof(CpuState, ymm_high) == 672,
               "known to the assembly");

asm(".intel_syntax noprefix\n"
    ".text\n"
    ".globl native_enter, native_exit, native_leave\n"
    "native_enter:\n"
    "    push rbp; push rbx; push r12; push r13; push r14; push r15\n"
    "    mov [rip + native_out], rsi\n"
    "    mov [rip + native_host_rsp], rsp\n"
    "    fxrstor64 [rdi]\n"
    "    cmp dword ptr [rip + native_has_ymm], 0\n"
    "    je 2f\n"
    "    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
    "    vinsertf128 ymm\\n, ymm\\n, [rdi + 672 + 16 * \\n], 1\n"
    "    .endr\n"
    "2:\n"
    "    cmp dword ptr [rip + native_is_32], 0\n"
    "    jne 1f\n"
    "    push qword ptr [rdi + 648]\n"
    "    popfq\n"
    "    mov rax, [rdi + 512]; mov rcx, [rdi + 520]; mov rdx, [rdi + 528]; mov rbx, [rdi + 536]\n"
    "    mov rsp, [rdi + 544]; mov rbp, [rdi + 552]; mov rsi, [rdi + 560]\n"
    "    mov r8, [rdi + 576]; mov r9, [rdi + 584]; mov r10, [rdi + 592]; mov r11, [rdi + 600]\n"
    "    mov r12, [rdi + 608]; mov r13, [rdi + 616]; mov r14, [rdi + 624]; mov r15, [rdi + 632]\n"
    "    mov rdi, [rdi + 568]\n"
    "    jmp [rip + native_entry]\n"
    "1:  push qword ptr [rdi + 648]\n"
    "    popfq\n"
    "    mov eax, [rip + native_ds]; mov ds, eax\n"
    "    mov eax, [rip + native_es]; mov es, eax\n"
    "    mov eax, [rip + native_ss]; mov ss, eax\n"
    "    mov rax, [rdi + 512]; mov rcx, [rdi + 520]; mov rdx, [rdi + 528]; mov rbx, [rdi + 536]\n"
    "    mov rsp, [rdi + 544]; mov rbp, [rdi + 552]; mov rsi, [rdi + 560]\n"
    "    mov r8, [rdi + 576]; mov r9, [rdi + 584]; mov r10, [rdi + 592]; mov r11, [rdi + 600]\n"
    "    mov r12, [rdi + 608]; mov r13, [rdi + 616]; mov r14, [rdi + 624]; mov r15, [rdi + 632]\n"
    "    mov rdi, [rdi + 568]\n"
    "    jmp fword ptr [rip + native_entry32]\n"
    "native_exit:\n"
    "    mov [rip + native_saved_rdi], rdi\n"
    "    mov rdi, [rip + native_out]\n"
    "    mov [rdi + 512], rax; mov [rdi + 520], rcx; mov [rdi + 528], rdx; mov [rdi + 536], rbx\n"
    "    mov [rdi + 544], rsp; mov [rdi + 552], rbp; mov [rdi + 560], rsi\n"
    "    mov [rdi + 576], r8; mov [rdi + 584], r9; mov [rdi + 592], r10; mov [rdi + 600], r11\n"
    "    mov [rdi + 608], r12; mov [rdi + 616], r13; mov [rdi + 624], r14; mov [rdi + 632], r15\n"
    "    mov rsp, [rip + native_host_rsp]\n"
    "    pushfq\n"
    "    pop qword ptr [rdi + 648]\n"
    "    mov rax, [rip + native_saved_rdi]\n"
    "    mov [rdi + 568], rax\n"
    "    fxsave64 [rdi]\n"
    "    cmp dword ptr [rip + native_has_ymm], 0\n"
    "    je native_leave\n"
    "    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
    "    vextractf128 [rdi + 672 + 16 * \\n], ymm\\n, 1\n"
    "    .endr\n"
    "native_leave:\n"
    "    mov eax, 0x2b; mov ss, eax; mov ds, eax; mov es, eax\n"
    "    cmp dword ptr [rip + native_has_ymm], 0\n"
    "    je 3f\n"
    "    vzeroupper\n"
    "3:\n"
    "    push 0x202\n"             /* DF, AC */
    "    popfq\n"
    "    fninit\n"
    "    push 0x1f80\n"
    "    ldmxcsr [rsp]\n"
    "    pop rax\n"
    "    pop r15; pop r14; pop r13; pop r12; pop rbx; pop rbp\n"
    "    ret\n"
    ".att_syntax\n");

/* Upper halves from the frame's XSAVE area, which is in the standard format; absent means zeros. */
static void take_ymm(CpuState *s, const void *fpregs)
{
    const uint8_t *area = fpregs;
    uint32_t magic;
    uint64_t bv;

    memcpy(&magic, area + 464, 4);                  /* struct _fpx_sw_bytes */
    memcpy(&bv, area + 512, 8);
    if (magic == 0x46505853 && (bv & 4)) {
        memcpy(s->ymm_high, area + 576, sizeof(s->ymm_high));
    } else {
        memset(s->ymm_high, 0, sizeof(s->ymm_high));
    }
}

/* Takes the registers as the exception found them and resumes behind the test. */
static void __attribute__((noinline)) take_state(int sig, siginfo_t *info, void *context)
{
    static const uint8_t order[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                       REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15 };
    ucontext_t *uc = context;
    greg_t *g = uc->uc_mcontext.gregs;
    CpuState *s = fault_state;

    if (!in_test) {
        signal(sig, SIG_DFL);       /* not in the test's code: the emulator or this program has failed */
        dprintf(2, "# died of signal %d at %#llx in: %s\n", sig, (unsigned long long)g[REG_RIP], current_test);
        return;
    }
    for (unsigned i = 0; i < 16; i++) {
        s->gpr[i] = (uint64_t)g[order[i]];
    }
    s->rip = (uint64_t)g[REG_RIP];
    s->flags = (uint64_t)g[REG_EFL];
    s->vector = (int)g[REG_TRAPNO];
    s->error = (uint32_t)g[REG_ERR];
    s->cr2 = (uint64_t)g[REG_CR2];
    memcpy(&s->fx, uc->uc_mcontext.fpregs, sizeof(s->fx));
    take_ymm(s, uc->uc_mcontext.fpregs);
    uc->uc_mcontext.fpregs->cwd = 0x37f;
    uc->uc_mcontext.fpregs->swd = 0;
    uc->uc_mcontext.fpregs->mxcsr = 0x1f80;
    g[REG_EFL] = 0x202;
    g[REG_RIP] = (greg_t)(uintptr_t)native_leave;
    g[REG_RSP] = (greg_t)native_host_rsp;
    g[REG_CSGSFS] = (g[REG_CSGSFS] & 0x0000ffffffff0000ll) | CS_64 | (greg_t)DS_USER << 48;
}

/* A signal does not clear AC as it clears TF and DF, and a compiler may access what it likes unaligned. */
static void on_signal(int sig, siginfo_t *info, void *context)
{
    asm volatile("pushfq; andl $0xfffbffff, (%%rsp); popfq" : : : "cc", "memory");
    take_state(sig, info, context);
}

/* A test that does not come to an end is left like one that faults; its state means nothing. */
static void on_tick(int sig, siginfo_t *info, void *context)
{
    ticks++;
    if (in_test && ticks - started > MAX_TICKS) {
        on_signal(sig, info, context);
        fault_state->vector = ENDLESS;
    }
}

static void start_ticks(void)
{
    struct sigaction sa = { .sa_sigaction = on_tick, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };
    struct itimerval every = { { 0, TICK_MS * 1000 }, { 0, TICK_MS * 1000 } };

    sigaction(SIGVTALRM, &sa, NULL);
    setitimer(ITIMER_VIRTUAL, &every, NULL);
}

/* ---- features ---- */

static bool os_saves_ymm(void)
{
    uint32_t low, high;
    unsigned a, b, c = 0, d;

    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) {
        return false;
    }
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & 6) == 6;
}

bool native_has(const char *feature)
{
    static const struct {
        const char *name;
        uint32_t leaf;
        uint8_t reg, bit;
        bool ymm;
    } known[] = {
        { "avx", 1, 2, 28, true },
        { "fma", 1, 2, 12, true },
        { "f16c", 1, 2, 29, true },
        { "avx2", 7, 1, 5, true },
        { "sha-ni", 7, 1, 29, false },
        { "vaes", 7, 2, 9, true },
        { "vpclmulqdq", 7, 2, 10, true },
        { "clwb", 7, 1, 24, false },
        { "clflushopt", 7, 1, 23, false },
        { "rdpid", 7, 2, 22, false },
        { "aes", 1, 2, 25, false },
        { "pclmulqdq", 1, 2, 1, false },
        { "sse4a", 0x80000001, 2, 6, false },
        { "rdtscp", 0x80000001, 3, 27, false },
    };

    for (unsigned i = 0; i < ARRAY_SIZE(known); i++) {
        unsigned r[4] = { 0 };

        if (!strcmp(known[i].name, feature)) {
            return __get_cpuid_count(known[i].leaf, 0, &r[0], &r[1], &r[2], &r[3]) &&
                   (r[known[i].reg] >> known[i].bit & 1) && (!known[i].ymm || os_saves_ymm());
        }
    }
    g_error("unknown feature '%s'", feature);
}

static void *map_at(uintptr_t addr, size_t size, int prot)
{
    void *p = mmap((void *)addr, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

    return p == (void *)addr ? p : NULL;
}

/* The way home: a jump to native_exit whose pointer is aligned, as alignment checks may be on. */
static void make_exit_page(void)
{
    static const uint8_t jump[] = { 0xff, 0x25, 2, 0, 0, 0 };   /* jmp qword ptr [rip + 2] */

    memcpy(exit_page, jump, sizeof(jump));
    memcpy(exit_page + 8, &(uint64_t) { (uintptr_t)native_exit }, 8);
}

static bool has_ldt;

/* The segments of the modes that have their own. */
static void make_ldt(void)
{
    has_ldt = true;
    for (unsigned i = 0; i < n_test_modes; i++) {
        for (unsigned k = 0; test_modes[i].ldt && k < SEG_COUNT; k++) {
            const TestSegment *seg = &test_modes[i].seg[k];
            struct user_desc d = {
                .entry_number = seg->selector >> 3,
                .base_addr = seg->base,
                .limit = seg->limit,
                .seg_32bit = seg->big,
                .contents = seg->code   ? MODIFY_LDT_CONTENTS_CODE
                            : seg->down ? MODIFY_LDT_CONTENTS_STACK
                                        : MODIFY_LDT_CONTENTS_DATA,
                .useable = 1,
            };

            has_ldt &= syscall(SYS_modify_ldt, 1, &d, sizeof(d)) == 0;
        }
    }
}

bool native_init(void)
{
    static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP };
    struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
    static uint8_t signal_stack[256 * KiB];
    stack_t alt = { .ss_sp = signal_stack, .ss_size = sizeof(signal_stack) };

    if (!map_at(DATA_BASE, 2 * PAGE, PROT_READ | PROT_WRITE) || !map_at(READONLY_BASE, PAGE, PROT_READ) ||
        !map_at(DATA2_BASE, 2 * PAGE, PROT_READ | PROT_WRITE) ||
        !map_at(CODE_BASE, CODE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC) ||
        !(exit_page = map_at(EXIT_PAGE, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC))) {
        return false;
    }
    make_exit_page();
    native_has_ymm = native_has("avx");
    make_ldt();
    sigaltstack(&alt, NULL);
    for (unsigned i = 0; i < ARRAY_SIZE(signals); i++) {
        sigaction(signals[i], &sa, NULL);
    }
    asm volatile("mov %0, %%ds; mov %0, %%es" : : "r"(DS_USER));
    start_ticks();
    return syscall(SYS_arch_prctl, ARCH_SET_GS, (unsigned long)GS_BASE) == 0;
}

bool native_has_mode(unsigned bits)
{
    return !test_mode(bits)->ldt || has_ldt;
}

static void write_exit(uint8_t *p, unsigned bits)
{
    uint32_t target = (uint32_t)(uintptr_t)exit_page;

    if (bits == 64) {
        *p = 0xe9;              /* jmp */
        target -= (uint32_t)(uintptr_t)p + 5;
    } else {
        if (bits == 16) {
            *p++ = 0x66;
        }
        *p = 0xea;              /* jmp far, to the 64-bit segment */
        memcpy(p + 5, &(uint16_t) { CS_64 }, 2);
    }
    memcpy(p + 1, &target, 4);
}

static uint8_t loaded_code[CODE_SIZE];

void native_load_code(const uint8_t *arena, size_t size, const Code *codes, unsigned n)
{
    memcpy((void *)(uintptr_t)CODE_BASE, arena, size);
    for (unsigned i = 0; i < n; i++) {
        if (codes[i].trap) {
            memset((uint8_t *)(uintptr_t)CODE_BASE + codes[i].off + codes[i].len, 0xcc, EXIT_BYTES);
        } else if (codes[i].len) {
            write_exit((uint8_t *)(uintptr_t)CODE_BASE + codes[i].off + codes[i].len, codes[i].bits);
        }
    }
    memcpy(loaded_code, (const void *)(uintptr_t)CODE_BASE, MIN(size + EXIT_BYTES, CODE_SIZE));
}

bool native_code_intact(const Code *code)
{
    return !memcmp(loaded_code + code->off, (const uint8_t *)(uintptr_t)CODE_BASE + code->off, code->len + EXIT_BYTES);
}

uint8_t *native_area(void)
{
    return (uint8_t *)(uintptr_t)DATA_BASE;
}

/*
 * The address sanitizer keeps its notes on the memory below 2 GiB between 2 and 4 GiB, where 32-bit code can reach
 * them: not while a test runs.
 */
static void protect_sanitizer(bool on)
{
#if defined(QEMU_ASAN)
    uint8_t *low = (uint8_t *)0x7fff8000, *end = (uint8_t *)0x8fff7000;

    if (mprotect(low, (size_t)(end - low), on ? PROT_NONE : PROT_READ | PROT_WRITE)) {
        g_error("the sanitizer's memory is not where it is expected: %s", g_strerror(errno));
    }
#endif
}

void native_run(const Code *code, const CpuState *in, CpuState *out)
{
    const TestMode *m = test_mode(code->bits);
    uint64_t start = CODE_BASE + code->off;
    uint64_t offset = start - m->seg[SEG_CS].base;

    native_entry = start;
    native_entry32 = (FarPointer) { .offset = (uint32_t)offset, .selector = m->seg[SEG_CS].selector };
    native_is_32 = m->bits != 64;
    native_ss = m->seg[SEG_SS].selector;
    native_ds = m->seg[SEG_DS].selector;
    native_es = m->seg[SEG_ES].selector;
    fault_state = out;
    out->vector = ENDED;
    out->error = 0;
    out->cr2 = 0;
    out->rip = offset + code->len;
    started = ticks;
    protect_sanitizer(true);
    asm volatile("" : : : "memory");
    in_test = 1;
    native_enter(in, out);
    in_test = 0;
    protect_sanitizer(false);
    if (m->bits != 64) {
        /* above, Linux leaves a trace of itself when SS is a 16-bit segment */
        out->gpr[RSP] = (uint32_t)out->gpr[RSP];
    }
    if (code->trap && out->vector == 3 && out->rip == offset + code->len + 1) {
        out->vector = ENDED;
        out->rip--;
    }
}

bool native_is_intel(void)
{
    unsigned a, b, c, d;

    return __get_cpuid(0, &a, &b, &c, &d) && b == signature_INTEL_ebx;
}

#else

bool native_init(void) { return false; }
bool native_has_mode(unsigned bits) { return false; }
void native_load_code(const uint8_t *arena, size_t size, const Code *codes, unsigned n) { }
bool native_code_intact(const Code *code) { return true; }
uint8_t *native_area(void) { return NULL; }
void native_run(const Code *code, const CpuState *in, CpuState *out) { }
bool native_is_intel(void) { return false; }
bool native_has(const char *feature) { return false; }

#endif
