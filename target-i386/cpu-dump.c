/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The registers as text: info registers, -d cpu and -d int, the triple-fault report. The layout is the one that scripts
 * and readers of such logs know.
 */
#include "qemu/osdep.h"
#include "qemu/log.h"
#include "target-i386/cpu.h"
#include "target-i386/seg.h"

static void dump_general(CPUX86State *env, FILE *f, bool code64)
{
    static const char *const names[8] = { "AX", "BX", "CX", "DX", "SI", "DI", "BP", "SP" };
    static const uint8_t order[8] = { R_EAX, R_EBX, R_ECX, R_EDX, R_ESI, R_EDI, R_EBP, R_ESP };

    for (unsigned i = 0; i < 8; i++) {
        uint64_t v = env->regs[order[i]];
        const char *end = i % 4 == 3 ? "\n" : " ";

        if (code64) {
            fprintf(f, "R%s=%016" PRIx64 "%s", names[i], v, end);
        } else {
            fprintf(f, "E%s=%08x%s", names[i], (uint32_t)v, end);
        }
    }
    for (unsigned i = 8; code64 && i < 16; i++) {
        fprintf(f, "R%-2u=%016" PRIx64 "%s", i, env->regs[i], i % 4 == 3 ? "\n" : " ");
    }
}

static void dump_flags(CPUX86State *env, FILE *f, bool code64)
{
    static const struct {
        uint32_t bit;
        char letter;
    } shown[] = { { DF_MASK, 'D' }, { CC_O, 'O' }, { CC_S, 'S' }, { CC_Z, 'Z' },
                  { CC_A, 'A' },    { CC_P, 'P' }, { CC_C, 'C' } };
    uint32_t flags = cpu_compute_eflags(env);
    char text[ARRAY_SIZE(shown) + 1] = "";

    for (unsigned i = 0; i < ARRAY_SIZE(shown); i++) {
        text[i] = flags & shown[i].bit ? shown[i].letter : '-';
    }
    if (code64) {
        fprintf(f, "RIP=%016" PRIx64 " RFL=%08x", env->eip, flags);
    } else {
        fprintf(f, "EIP=%08x EFL=%08x", (uint32_t)env->eip, flags);
    }
    fprintf(f, " [%s] CPL=%u II=%d A20=%d SMM=%d HLT=%d\n", text, cpu_cpl(env), (env->hflags_inhibit & MK_INHIBIT) != 0,
            !env->a20_masked, env->in_smm, env->halted);
}

static void dump_attr(CPUX86State *env, FILE *f, uint32_t attr)
{
    static const char *const system[2][16] = {
        { "Reserved", "TSS16-avl", "LDT", "TSS16-busy", "CallGate16", "TaskGate", "IntGate16", "TrapGate16", "Reserved",
          "TSS32-avl", "Reserved", "TSS32-busy", "CallGate32", "Reserved", "IntGate32", "TrapGate32" },
        { "<hiword>", "Reserved", "LDT", "Reserved", "Reserved", "Reserved", "Reserved", "Reserved", "Reserved",
          "TSS64-avl", "Reserved", "TSS64-busy", "CallGate64", "Reserved", "IntGate64", "TrapGate64" },
    };
    bool lma = cpu_long_mode(env);

    fprintf(f, " DPL=%u ", desc_dpl(attr));
    if (!(attr & DESC_S)) {
        fprintf(f, "%s", system[lma][desc_type(attr)]);
    } else if (attr & DESC_CODE) {
        fprintf(f, "%s [%c%c", lma && (attr & DESC_L) ? "CS64" : attr & DESC_B ? "CS32" : "CS16",
                attr & DESC_C ? 'C' : '-', attr & DESC_R ? 'R' : '-');
    } else {
        fprintf(f, "%s [%c%c", attr & DESC_B || lma ? "DS  " : "DS16", attr & DESC_E ? 'E' : '-',
                attr & DESC_W ? 'W' : '-');
    }
    if (attr & DESC_S) {
        fprintf(f, "%c]", attr & DESC_A ? 'A' : '-');
    }
}

static void dump_segment(CPUX86State *env, FILE *f, const char *name, int seg, bool wide)
{
    const SegmentCache *sc = &env->segs[seg];
    uint32_t raw_limit = sc->attr & DESC_G ? sc->limit >> 12 : sc->limit;

    fprintf(f, "%-3s=%04x ", name, sc->selector);
    if (wide) {
        fprintf(f, "%016" PRIx64, sc->base);
    } else {
        fprintf(f, "%08x", (uint32_t)sc->base);
    }
    fprintf(f, " %08x %08x", sc->limit, sc->attr | (raw_limit & 0xf0000));
    if ((env->cr0 & CR0_PE) && (sc->attr & DESC_P)) {
        dump_attr(env, f, sc->attr);
    }
    fprintf(f, "\n");
}

static void dump_control(CPUX86State *env, FILE *f, bool wide)
{
    int digits = wide ? 16 : 8;

    fprintf(f, "GDT=     %0*" PRIx64 " %08x\n", digits, env->gdt.base, env->gdt.limit);
    fprintf(f, "IDT=     %0*" PRIx64 " %08x\n", digits, env->idt.base, env->idt.limit);
    fprintf(f, "CR0=%08x CR2=%0*" PRIx64 " CR3=%0*" PRIx64 " CR4=%08x\n", (uint32_t)env->cr0, digits, env->cr2, digits,
            env->cr3, (uint32_t)env->cr4);
    for (unsigned i = 0; i < 4; i++) {
        fprintf(f, "DR%u=%016" PRIx64 " ", i, env->dr[i]);
    }
    fprintf(f, "\nDR6=%016" PRIx64 " DR7=%016" PRIx64 "\n", env->dr[6], env->dr[7]);
    fprintf(f, "EFER=%016" PRIx64 "\n", env->efer);
}

/* All of them where the system has AVX on. */
static void dump_vectors(CPUX86State *env, FILE *f, unsigned n)
{
    bool avx = env->jit.mode_key & MK_OSXSAVE;

    for (unsigned i = 0; i < n; i++) {
        const uint64_t *q = env->xmm[i].q;

        if (avx) {
            fprintf(f, "YMM%02u=%016" PRIx64 " %016" PRIx64 " %016" PRIx64 " %016" PRIx64 "\n", i, q[3], q[2], q[1],
                    q[0]);
        } else {
            fprintf(f, "XMM%02u=%016" PRIx64 " %016" PRIx64 "%s", i, q[1], q[0], i & 1 ? "\n" : " ");
        }
    }
}

static void dump_fpu(CPUX86State *env, FILE *f, bool code64)
{
    unsigned used = 0;

    for (unsigned i = 0; i < 8; i++) {
        used |= !env->fptags[i] << i;
    }
    fprintf(f, "FCW=%04x FSW=%04x [ST=%u] FTW=%02x MXCSR=%08x\n", env->fpuc,
            (env->fpus & ~0x3800) | (env->fpstt & 7) << 11, env->fpstt & 7, used, env->mxcsr);
    for (unsigned i = 0; i < 8; i++) {
        fprintf(f, "FPR%u=%016" PRIx64 " %04x%s", i, env->fpregs[i].mant, env->fpregs[i].se, i & 1 ? "\n" : " ");
    }
    dump_vectors(env, f, code64 ? 16 : 8);
}

static void dump_integer(CPUX86State *env, FILE *f)
{
    static const char *const names[] = { "ES", "CS", "SS", "DS", "FS", "GS", "LDT", "TR" };
    bool code64 = cpu_code64(env), wide = cpu_long_mode(env);

    dump_general(env, f, code64);
    dump_flags(env, f, code64);
    for (unsigned i = 0; i < NUM_SEGS; i++) {
        dump_segment(env, f, names[i], i, wide);
    }
    dump_control(env, f, wide);
}

void cpu_dump_state(CPUX86State *env, FILE *f)
{
    dump_integer(env, f);
    dump_fpu(env, f, cpu_code64(env));
}

void cpu_log_state(CPUX86State *env)
{
    FILE *f = log_lock();

    if (f) {
        dump_integer(env, f);
        if (log_enabled(LOG_FPU)) {
            dump_fpu(env, f, cpu_code64(env));
        }
        log_unlock(f);
    }
}
