/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which differences between the two sides count, and how states and code are shown. */
#include "insn-test.h"
#include "disas/disas.h"
#include <sys/mman.h>

unsigned long undefined_differences;

static const char *const gpr_names[16] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                           "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15" };

static void differ(GString *s, const char *what, uint64_t native, uint64_t guest)
{
    if (native != guest) {
        g_string_append_printf(s, "    %-8s host %016" PRIx64 "  translated %016" PRIx64 "\n", what, native, guest);
    }
}

static char *flags_text(uint32_t f)
{
    return g_strdup_printf("%c%c%c%c%c%c%c", f & F_O ? 'O' : '-', f & F_D ? 'D' : '-', f & F_S ? 'S' : '-',
                           f & F_Z ? 'Z' : '-', f & F_A ? 'A' : '-', f & F_P ? 'P' : '-', f & F_C ? 'C' : '-');
}

static void compare_flags(GString *s, uint64_t native, uint64_t guest, uint32_t undefined)
{
    uint32_t diff = (uint32_t)(native ^ guest) & F_COMPARED;

    if (diff & undefined && !(diff & ~undefined)) {
        undefined_differences++;
    }
    if (diff & ~undefined) {
        g_autofree char *n = flags_text((uint32_t)native), *t = flags_text((uint32_t)guest), *u = flags_text(undefined);

        g_string_append_printf(s, "    flags    host %s  translated %s  (undefined: %s)\n", n, t, u);
    }
}

static void compare_x87(GString *s, const FxImage *n, const FxImage *g)
{
    differ(s, "fcw", n->fcw, g->fcw);
    differ(s, "fsw", n->fsw, g->fsw);
    differ(s, "ftw", n->ftw, g->ftw);
    for (unsigned i = 0; i < 8; i++) {
        if (n->st[i].mant != g->st[i].mant || n->st[i].se != g->st[i].se) {
            g_string_append_printf(s, "    st%u      host %04x %016" PRIx64 "  translated %04x %016" PRIx64 "\n", i,
                                   n->st[i].se, n->st[i].mant, g->st[i].se, g->st[i].mant);
        }
    }
}

static void compare_xmm(GString *s, const FxImage *n, const FxImage *g)
{
    for (unsigned i = 0; i < 16; i++) {
        if (memcmp(&n->xmm[i], &g->xmm[i], 16)) {
            g_string_append_printf(
                s, "    xmm%-2u    host %016" PRIx64 "_%016" PRIx64 "  translated %016" PRIx64 "_%016" PRIx64 "\n", i,
                n->xmm[i].q[1], n->xmm[i].q[0], g->xmm[i].q[1], g->xmm[i].q[0]);
        }
    }
}

static void compare_ymm(GString *s, const CpuState *n, const CpuState *g)
{
    for (unsigned i = 0; i < 16; i++) {
        if (memcmp(n->ymm_high[i], g->ymm_high[i], 16)) {
            g_string_append_printf(
                s, "    ymm%-2uh   host %016" PRIx64 "_%016" PRIx64 "  translated %016" PRIx64 "_%016" PRIx64 "\n", i,
                n->ymm_high[i][1], n->ymm_high[i][0], g->ymm_high[i][1], g->ymm_high[i][0]);
        }
    }
}

/* Unmasked overflow and underflow: Intel says that the result was inexact, too. */
static void compare_mxcsr(GString *s, const CpuState *n, const CpuState *g, const Checks *c)
{
    uint32_t ignore = c->ignore_simd_flags                                                               ? 0x3f
                      : n->vector == 19 && g->vector == 19 && !native_is_intel() && (n->fx.mxcsr & 0x18) ? 0x20
                                                                                                         : 0;

    differ(s, "mxcsr", n->fx.mxcsr | ignore, g->fx.mxcsr | ignore);
}

static void compare_memory(GString *s)
{
    const uint8_t *n = native_area(), *g = guest_area();
    unsigned shown = 0;

    for (unsigned off = 0; off < AREA_SIZE; off += PAGE) {
        if (DATA_BASE + off == MISSING_BASE || !memcmp(n + off, g + off, PAGE)) {
            continue;
        }
        for (unsigned i = off; i < off + PAGE && shown < 32; i++) {
            if (n[i] != g[i]) {
                g_string_append_printf(s, "    [%08x] host %02x  translated %02x  (was %02x)\n", DATA_BASE + i, n[i],
                                       g[i], initial_area[i]);
                shown++;
            }
        }
    }
}

/* #UD, #GP, ... as in the manuals. */
static const char *vector_name(int v)
{
    static const char *const names[20] = { "#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "9",
                                           "#TS", "#NP", "#SS", "#GP", "#PF", "15",  "#MF", "#AC", "#MC", "#XM" };

    return v == ENDED ? "end" : v >= 0 && v < 20 ? names[v] : "?";
}

static void compare_end(GString *s, const CpuState *n, const CpuState *g)
{
    uint32_t error_mask = ~0u;

    if (n->vector == 14 && n->cr2 >> 63) {
        error_mask = ~1u;       /* of its own addresses Linux says that all are present */
    }
    if (n->vector != g->vector || (n->vector != ENDED && (n->error ^ g->error) & error_mask)) {
        g_string_append_printf(s, "    stop     host %s(%x)  translated %s(%x)\n", vector_name(n->vector), n->error,
                               vector_name(g->vector), g->error);
    }
    if (n->vector == 14 && g->vector == 14) {
        differ(s, "cr2", n->cr2, g->cr2);
    }
    differ(s, "rip", n->rip, g->rip);
}

/* The host runs the code in our own process, in which more is mapped: libraries, the stack, a sanitizer's shadow. */
static bool only_host_has(uint64_t addr)
{
    unsigned char resident;

    return addr - DATA_BASE >= CODE_BASE + CODE_SIZE - DATA_BASE && addr >> 47 == 0 &&
           mincore((void *)(uintptr_t)(addr & ~(uint64_t)(PAGE - 1)), PAGE, &resident) == 0;
}

GString *states_compare(const CpuState *n, const CpuState *g, const Checks *c)
{
    GString *s = g_string_new(NULL);

    if (g->vector == 14 && !(g->error & 1) && only_host_has(g->cr2)) {
        return s;
    }
    compare_end(s, n, g);
    for (unsigned i = 0; i < 16; i++) {
        differ(s, gpr_names[i], n->gpr[i], g->gpr[i]);
    }
    compare_flags(s, n->flags, g->flags, c->undefined);
    if (!c->ignore_x87) {
        compare_x87(s, &n->fx, &g->fx);
    }
    compare_xmm(s, &n->fx, &g->fx);
    compare_ymm(s, n, g);
    compare_mxcsr(s, n, g, c);
    compare_memory(s);
    return s;
}

void state_print(FILE *f, const char *title, const CpuState *s)
{
    g_autofree char *flags = flags_text((uint32_t)s->flags);

    fprintf(f, "  %s: flags %s mxcsr %04x fcw %04x fsw %04x ftw %02x\n", title, flags, s->fx.mxcsr, s->fx.fcw,
            s->fx.fsw, s->fx.ftw);
    for (unsigned i = 0; i < 16; i++) {
        fprintf(f, "  %s%3s=%016" PRIx64 "%s", i % 4 ? "" : "  ", gpr_names[i], s->gpr[i], i % 4 == 3 ? "\n" : "");
    }
    for (unsigned i = 0; i < 16; i++) {
        fprintf(f, "  %sxmm%-2u=%016" PRIx64 "_%016" PRIx64 "%s", i % 2 ? "" : "  ", i, s->fx.xmm[i].q[1],
                s->fx.xmm[i].q[0], i % 2 ? "\n" : "");
    }
    for (unsigned i = 0; i < 16; i++) {
        fprintf(f, "  %sh%-2u=%016" PRIx64 "_%016" PRIx64 "%s", i % 2 ? "" : "  ", i, s->ymm_high[i][1],
                s->ymm_high[i][0], i % 2 ? "\n" : "");
    }
    for (unsigned i = 0; i < 8; i++) {
        fprintf(f, "  %sst%u=%04x_%016" PRIx64 "%s", i % 4 ? "" : "  ", i, s->fx.st[i].se, s->fx.st[i].mant,
                i % 4 == 3 ? "\n" : "");
    }
}

void code_print(FILE *f, const uint8_t *bytes, unsigned len, uint64_t addr, unsigned bits)
{
    disas_guest_x86(f, bytes, addr, len, bits);
}
