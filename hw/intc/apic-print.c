/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local APIC as "info lapic" shows it
 */
#include "qemu/osdep.h"
#include "hw/intc/apic-internal.h"

static const char *const mode_names[8] = { "Fixed", "...", "SMI", "...", "NMI", "INIT", "...", "ExtINT" };

static void print_set(GString *out, const char *name, const uint64_t *set, const uint64_t *level)
{
    bool any = false;

    g_string_append_printf(out, "%s\t", name);
    for (unsigned v = 0; v < 256; v++) {
        if (vec_test(set, v)) {
            g_string_append_printf(out, " %u%s", v, vec_test(level, v) ? "(level)" : "");
            any = true;
        }
    }
    g_string_append(out, any ? "\n" : " (none)\n");
}

static void print_lvt(GString *out, const char *name, uint32_t lvt, bool is_timer)
{
    static const char *const timer_modes[4] = { "one-shot", "periodic", "tsc-deadline", "..." };
    unsigned mode = extract64(lvt, LVT_MODE_SHIFT, 3);

    g_string_append_printf(out, "%s\t 0x%08x active-%s %-5s %-6s %-7s %-12s %-6s", name, lvt,
                           lvt & LVT_POLARITY ? "lo" : "hi", lvt & LVT_LEVEL ? "level" : "edge",
                           lvt & LVT_MASKED ? "masked" : "", "", is_timer ? timer_modes[extract64(lvt, 17, 2)] : "",
                           mode_names[mode]);
    if (mode == APIC_DM_FIXED || mode == APIC_DM_EXTINT) {
        g_string_append_printf(out, " (vec %u)", lvt & LVT_VECTOR);
    }
    g_string_append_c(out, '\n');
}

static void print_icr(GString *out, const Apic *a)
{
    static const char *const shorthands[4] = { "no-shorthand", "self", "all-self", "all" };
    unsigned shorthand = extract64(a->icr_lo, 18, 2);
    bool logical = extract64(a->icr_lo, 11, 1);

    g_string_append_printf(out, "ICR\t 0x%08x %s %s %s %s\nICR2\t 0x%08x", a->icr_lo, logical ? "logical" : "physical",
                           extract64(a->icr_lo, 15, 1) ? "level" : "edge",
                           extract64(a->icr_lo, 14, 1) ? "assert" : "de-assert", shorthands[shorthand], a->icr_hi);
    if (!shorthand && logical) {
        g_string_append_printf(out, " mask %02x (APIC ID)", a->icr_hi >> 24);
    } else if (!shorthand) {
        g_string_append_printf(out, " cpu %u (APIC ID)", a->icr_hi >> 24);
    }
    g_string_append_c(out, '\n');
}

void apic_print(VCpu *v, GString *out)
{
    static const struct {
        const char *name;
        unsigned lvt;
    } shown[] = { { "LVT0", LVT_LINT0 }, { "LVT1", LVT_LINT1 }, { "LVTPC", LVT_PERF }, { "LVTERR", LVT_ERROR },
                  { "LVTTHMR", LVT_THERMAL }, { "LVTT", LVT_TIMER } };
    Apic *a = apic_of(v);

    if (!a) {
        return;
    }
    pthread_mutex_lock(&a->lock);
    g_string_append_printf(out, "dumping local APIC state for CPU %d \n\n", v->index);
    for (unsigned i = 0; i < ARRAY_SIZE(shown); i++) {
        print_lvt(out, shown[i].name, a->lvt[shown[i].lvt], shown[i].lvt == LVT_TIMER);
    }
    g_string_append_printf(out, "Timer\t DCR=0x%x (divide by %u) initial_count = %u current_count = %u\n", a->divide,
                           apic_divider(a), a->init_count, apic_current_count(a, clock_get_ns(CLOCK_VM)));
    g_string_append_printf(out, "SPIV\t 0x%08x APIC %s, focus=%s, spurious vec %u\n", a->svr,
                           a->svr & SVR_ENABLE ? "enabled" : "disabled", a->svr & 1u << 9 ? "on" : "off",
                           a->svr & 0xff);
    print_icr(out, a);
    g_string_append_printf(out, "ESR\t 0x%08x\n", a->esr);
    print_set(out, "ISR", a->isr, a->tmr);
    print_set(out, "IRR", a->irr, a->tmr);
    g_string_append_printf(out, "\nAPR 0x00 TPR 0x%02x DFR 0x%02x LDR 0x%02x PPR 0x%02x\n", a->tpr, a->dfr >> 28,
                           a->ldr >> 24, apic_ppr(a));
    pthread_mutex_unlock(&a->lock);
}
