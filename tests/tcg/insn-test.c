/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instruction tests against the host CPU: command line, and the one run that all kinds of tests share. See
 * insn-test.h.
 */
#include "insn-test.h"
#include <getopt.h>
#include "exec/translate-all.h"

uint8_t initial_area[AREA_SIZE];
const char *current_test = "(none)";
Options opt = { .seed = 1, .count = 3000, .states = 60, .instances = 4, .max_len = 16, .max_failures = 10 };
unsigned long tests_run;
static unsigned long tests_endless;
static unsigned tap_count, tap_failed;

void tap(bool ok, const char *fmt, ...)
{
    va_list ap;

    tap_failed += !ok;
    printf("%sok %u - ", ok ? "" : "not ", ++tap_count);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
    fflush(stdout);
}

/* ---- one run ---- */

void load_code(const uint8_t *arena, const Code *codes, unsigned n)
{
    size_t size = 0;

    for (unsigned i = 0; i < n; i++) {
        size = MAX(size, (size_t)codes[i].off + codes[i].len + EXIT_BYTES);
    }
    if (n && test_mode(codes[0].bits)->ldt) {
        /* the small modes' segments reach what other batches have left there: the same on both sides */
        size = CODE_SIZE;
    }
    guest_load_code(arena, size, codes, n);
    native_load_code(arena, size, codes, n);
}

static void restore_area(uint8_t *area, bool readonly_too)
{
    for (unsigned off = 0; off < AREA_SIZE; off += PAGE) {
        if (DATA_BASE + off != MISSING_BASE && (readonly_too || DATA_BASE + off != READONLY_BASE)) {
            memcpy(area + off, initial_area + off, PAGE);
        }
    }
}

void run_both(const Code *code, const CpuState *in, CpuState *native, CpuState *guest)
{
    const unsigned ro = READONLY_BASE - DATA_BASE;

    memcpy(initial_area + ro, native_area() + ro, PAGE);    /* nobody writes there, us included */
    restore_area(guest_area(), true);
    restore_area(native_area(), false);
    native_run(code, in, native);
    if (native->vector == ENDLESS) {
        *guest = *native;
        memcpy(guest_area(), native_area(), MISSING_BASE - DATA_BASE);
        memcpy(guest_area() + (DATA2_BASE - DATA_BASE), native_area() + (DATA2_BASE - DATA_BASE), 2 * PAGE);
        tests_endless++;
        return;
    }
    guest_run(code, in, guest);
    tests_run++;
}

void report_failure(const Failure *f)
{
    g_autofree char *state = case_state_text(f->in);

    fflush(stdout);
    printf("# ---- %s\n# %s\n", f->what, f->text);
    fflush(stdout);
    code_print(stdout, f->bytes, f->code->len, CODE_BASE + f->code->off, test_mode(f->code->bits)->bits);
    printf("%s", f->differences);
    if (opt.verbose) {
        state_print(stdout, "before", f->in);
    }
    printf("  as a case: %s | %s | native\n", f->text, state);
    fflush(stdout);
}

/* ---- command line ---- */

static const char usage[] =
    "usage: insn-test [options] [FILE.t ...]\n"
    "  --dir DIR        where *.forms are (default: tests/tcg/insn below the source folder)\n"
    "  --sweep          every form by itself\n"
    "  --random         random sequences\n"
    "  --fuzz           random bytes as instructions\n"
    "  --cases          every *.t of the folder\n"
    "  --list-forms     the forms, and how many\n"
    "  --list-missing   encodings the emulator has and no form reaches\n"
    "  --only TEXT      only forms and cases with this in their text\n"
    "  --group NAME     only forms of NAME.forms\n"
    "  --seed N         of everything random\n"
    "  --count N        sequences or byte strings\n"
    "  --length N       instructions in a sequence, at most\n"
    "  --states N       initial states per choice of operands\n"
    "  --instances N    choices of operands per form\n"
    "  --failures N     how many are shown\n"
    "  --verbose        show whole initial states\n"
    "  --singlestep     one guest instruction per translated block\n"
    "  --no-passes      translate without optimising\n"
    "  --old-host       translate as for a host with SSE2 and no more\n";

enum {
    O_DIR = 256,
    O_SWEEP,
    O_RANDOM,
    O_FUZZ,
    O_CASES,
    O_LIST,
    O_MISSING,
    O_ONLY,
    O_GROUP,
    O_SEED,
    O_COUNT,
    O_LENGTH,
    O_STATES,
    O_INSTANCES,
    O_FAILURES,
    O_VERBOSE,
    O_SINGLESTEP,
    O_NO_PASSES,
    O_OLD_HOST
};
static const struct option options[] = {
    { "dir", 1, NULL, O_DIR }, { "sweep", 0, NULL, O_SWEEP }, { "random", 0, NULL, O_RANDOM },
    { "fuzz", 0, NULL, O_FUZZ }, { "cases", 0, NULL, O_CASES },
    { "list-forms", 0, NULL, O_LIST }, { "list-missing", 0, NULL, O_MISSING }, { "only", 1, NULL, O_ONLY },
    { "group", 1, NULL, O_GROUP }, { "seed", 1, NULL, O_SEED },
    { "count", 1, NULL, O_COUNT }, { "length", 1, NULL, O_LENGTH }, { "states", 1, NULL, O_STATES },
    { "instances", 1, NULL, O_INSTANCES }, { "failures", 1, NULL, O_FAILURES }, { "verbose", 0, NULL, O_VERBOSE },
    { "singlestep", 0, NULL, O_SINGLESTEP },
    { "no-passes", 0, NULL, O_NO_PASSES }, { "old-host", 0, NULL, O_OLD_HOST }, { 0 },
};

typedef struct Wish {
    const char *dir, *group;
    bool sweep, random, fuzz, cases, list, missing, old_host;
} Wish;

static bool parse_options(int argc, char **argv, Wish *w)
{
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        unsigned n = optarg ? (unsigned)strtoul(optarg, NULL, 0) : 0;

        switch (c) {
        case O_DIR: w->dir = optarg; break;
        case O_SWEEP: w->sweep = true; break;
        case O_RANDOM: w->random = true; break;
        case O_FUZZ: w->fuzz = true; break;
        case O_CASES: w->cases = true; break;
        case O_LIST: w->list = true; break;
        case O_MISSING: w->missing = true; break;
        case O_ONLY: opt.only = optarg; break;
        case O_GROUP: w->group = optarg; break;
        case O_SEED: opt.seed = strtoull(optarg, NULL, 0); break;
        case O_COUNT: opt.count = n; break;
        case O_LENGTH: opt.max_len = n; break;
        case O_STATES: opt.states = n; break;
        case O_INSTANCES: opt.instances = n; break;
        case O_FAILURES: opt.max_failures = n; break;
        case O_VERBOSE: opt.verbose = true; break;
        case O_SINGLESTEP: tcg_opt_singlestep = true; break;
        case O_OLD_HOST: w->old_host = true; break;
        case O_NO_PASSES: tcg_opt_no_passes = true; break;
        default: fputs(usage, stderr); return false;
        }
    }
    return true;
}

/* Sorted names (without the suffix) of the folder's files with it. */
static GPtrArray *files_with(const char *dir, const char *suffix)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    GDir *d = g_dir_open(dir, 0, NULL);
    const char *name;

    while (d && (name = g_dir_read_name(d))) {
        if (g_str_has_suffix(name, suffix)) {
            g_ptr_array_add(names, g_strndup(name, strlen(name) - strlen(suffix)));
        }
    }
    if (d) {
        g_dir_close(d);
    }
    g_ptr_array_sort(names, (GCompareFunc)(void (*)(void))g_strcmp0);
    for (unsigned i = 1; i < names->len; i++) {
        for (unsigned k = i; k && strcmp(names->pdata[k - 1], names->pdata[k]) > 0; k--) {
            gpointer t = names->pdata[k];

            names->pdata[k] = names->pdata[k - 1];
            names->pdata[k - 1] = t;
        }
    }
    return names;
}

static void list_forms(const FormList *forms)
{
    for (unsigned i = 0; i < forms->n; i++) {
        printf("%-10s %2u  %s\n", forms->form[i].group, forms->form[i].bits, forms->form[i].name);
    }
    printf("%u forms\n", forms->n);
}

static void run_wishes(const Wish *w, const FormList *forms, GPtrArray *groups)
{
    for (unsigned i = 0; w->sweep && i < groups->len; i++) {
        sweep_forms(forms, groups->pdata[i]);
    }
    for (unsigned i = 0; w->random && i < n_test_modes; i++) {
        if (native_has_mode(test_modes[i].id)) {
            random_sequences(forms, "integer", 0, test_modes[i].id);
            random_sequences(forms, "with floating point", FORM_FLOAT | FORM_X87, test_modes[i].id);
        }
    }
    for (unsigned i = 0; w->fuzz && i < n_test_modes; i++) {
        if (native_has_mode(test_modes[i].id)) {
            fuzz_bytes(test_modes[i].id);
        }
    }
    if (w->cases) {
        g_autoptr(GPtrArray) names = files_with(w->dir, ".t");

        for (unsigned i = 0; i < names->len; i++) {
            g_autofree char *path = g_strdup_printf("%s/%s.t", w->dir, (char *)names->pdata[i]);

            cases_run_file(path);
        }
    }
}

int main(int argc, char **argv)
{
    Wish w = { 0 };
    FormList forms = { 0 };
    g_autoptr(GPtrArray) groups = NULL;
    g_autofree char *dir = NULL;

    if (!parse_options(argc, argv, &w)) {
        return 2;
    }
    if (!w.dir) {
        dir = g_build_filename(g_getenv("SRC") ? g_getenv("SRC") : ".", "tests/tcg/insn", NULL);
        w.dir = dir;
    }
    groups = files_with(w.dir, ".forms");
    for (unsigned i = 0; i < groups->len; i++) {
        g_autofree char *path = g_strdup_printf("%s/%s.forms", w.dir, (char *)groups->pdata[i]);

        if ((!w.group || !strcmp(w.group, groups->pdata[i])) && !forms_load(path, groups->pdata[i], &forms)) {
            return 2;
        }
    }
    if (w.list) {
        list_forms(&forms);
        return 0;
    }
    if (!native_init()) {
        printf("ok 1 - instruction tests # SKIP this host cannot run x86-64 test code\n1..1\n");
        return 0;
    }
    if (!guest_init("max")) {
        return 2;
    }
    if (w.old_host) {
        assume_old_host();
    }
    if (w.missing) {
        print_missing(&forms);
        return 0;
    }
    run_wishes(&w, &forms, groups);
    for (int i = optind; i < argc; i++) {
        cases_run_file(argv[i]);
    }
    printf("1..%u\n# %lu runs, %lu endless; undefined flags differed in %lu\n", tap_count, tests_run, tests_endless,
           undefined_differences);
    forms_free(&forms);
    return tap_failed ? 1 : 0;
}
