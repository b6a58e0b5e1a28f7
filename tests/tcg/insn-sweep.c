/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every form by itself: some choices of operands, many initial states each. */
#include "insn-test.h"

typedef struct Sweep {
    const Form *forms;
    GPtrArray *texts;
    GArray *instances;          /* Instance */
    GHashTable *failed;         /* forms with a failure */
    unsigned n_forms, n_skipped;
} Sweep;

static bool selected(const Form *f)
{
    return !opt.only || strstr(f->name, opt.only);
}

/* All instances get made in one go; the state of the generator depends on the form's name only. */
static void make_instances(Sweep *w, const FormList *forms, const char *group, unsigned bits)
{
    for (unsigned i = 0; i < forms->n; i++) {
        const Form *f = &forms->form[i];
        Rng r = { hash_text(opt.seed, f->name) };

        if (strcmp(f->group, group) || f->bits != bits || !selected(f)) {
            continue;
        }
        if (form_lacks(f)) {
            printf("# skipped, the host lacks %s: %s\n", form_lacks(f), f->name);
            w->n_skipped++;
            continue;
        }
        w->n_forms++;
        for (unsigned k = 0; k < (f->n_ops ? opt.instances : 1); k++) {
            Instance in = instance_make(f, &r, false);

            g_array_append_val(w->instances, in);
            g_ptr_array_add(w->texts, in.text);
        }
    }
}

/* A repeated comparison that faults: AMD has flags of the last element, Intel those from before the instruction. */
static bool comparison_faulted(const Form *f, const CpuState *native)
{
    return (f->attr & FORM_STRING) && native->vector != ENDED && (strstr(f->name, "cmps") || strstr(f->name, "scas"));
}

static uint32_t undefined_flags(const Instance *in, const CpuState *before, const CpuState *native)
{
    if (native_is_intel()) {
        return 0;
    }
    if (native->vector == ENDED) {
        return flags_undefined_after(in->text, before);
    }
    return comparison_faulted(in->form, native) ? F_STATUS : strchr(in->text, ';') ? flag_use(in->text).undefined : 0;
}

static bool test_state(Sweep *w, const Instance *in, const Code *code, const uint8_t *arena, Rng *r, unsigned k)
{
    CpuState s, native = { 0 }, guest = { 0 };
    Checks checks = { 0 };
    g_autofree char *diff = NULL;

    state_for_instance(&s, initial_area, in, r, k);
    run_both(code, &s, &native, &guest);
    if ((in->form->attr & FORM_AMD_ANY) && !native_is_intel() && guest.vector == 13 && native.vector != 13) {
        return true;
    }
    checks.undefined = undefined_flags(in, &s, &native);
    /* MASKMOVQ that faults: AMD has switched to MMX already. */
    checks.ignore_x87 = native.vector == 14 && strstr(in->form->name, "maskmovq") && !native_is_intel();
    checks.ignore_simd_flags = native.vector == 19 && (in->form->attr & FORM_APPROX);
    diff = g_string_free(states_compare(&native, &guest, &checks), FALSE);
    if (!*diff) {
        return true;
    }
    if (!g_hash_table_contains(w->failed, in->form)) {
        g_hash_table_add(w->failed, (gpointer)in->form);
        if (g_hash_table_size(w->failed) <= opt.max_failures) {
            report_failure(&(Failure) { .what = in->form->name, .text = in->text, .differences = diff, .code = code,
                                        .bytes = arena + code->off, .in = &s });
        }
    }
    return false;
}

static void run_instances(Sweep *w, unsigned bits)
{
    unsigned n = w->texts->len;
    g_autofree Code *codes = g_new0(Code, n + 1);
    g_autofree uint8_t *arena = g_malloc0(CODE_SIZE);

    for (unsigned done = 0, fit; done < n; done += fit) {
        fit = assemble((char **)w->texts->pdata + done, n - done, bits, codes, arena);
        load_code(arena, codes, fit);
        for (unsigned i = 0; i < fit; i++) {
            const Instance *in = &g_array_index(w->instances, Instance, done + i);
            Rng r = { hash_text(opt.seed, in->text) };

            current_test = in->text;
            area_fill(initial_area, &r);
            for (unsigned k = 0; codes[i].len && k < opt.states; k++) {
                if (!test_state(w, in, &codes[i], arena, &r, k)) {
                    break;
                }
            }
        }
    }
}

static void sweep_bits(const FormList *forms, const char *group, unsigned bits)
{
    Sweep w = { .texts = g_ptr_array_new(), .instances = g_array_new(FALSE, FALSE, sizeof(Instance)),
                .failed = g_hash_table_new(NULL, NULL) };
    unsigned long before = tests_run;

    make_instances(&w, forms, group, bits);
    if (w.n_skipped && !w.n_forms) {
        tap(true, "%s, %u-bit # SKIP the host lacks the instructions", group, bits);
    }
    if (w.n_forms) {
        run_instances(&w, bits);
        tap(g_hash_table_size(w.failed) == 0, "%s, mode %u: %u forms, %lu runs, %u forms differ", group, bits,
            w.n_forms, tests_run - before, g_hash_table_size(w.failed));
    }
    for (unsigned i = 0; i < w.instances->len; i++) {
        instance_clear(&g_array_index(w.instances, Instance, i));
    }
    g_array_free(w.instances, TRUE);
    g_ptr_array_free(w.texts, TRUE);
    g_hash_table_destroy(w.failed);
}

void sweep_forms(const FormList *forms, const char *group)
{
    for (unsigned i = 0; i < n_test_modes; i++) {
        if (native_has_mode(test_modes[i].id)) {
            sweep_bits(forms, group, test_modes[i].id);
        }
    }
}
