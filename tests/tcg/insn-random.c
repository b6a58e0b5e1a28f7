/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random sequences: instructions in one block see what the ones before left in registers, flags and the optimiser's
 * mind. A sequence that differs is made smaller by leaving instructions out while it still does.
 */
#include "insn-test.h"

#define PER_BATCH 1000
#define STATES 3

typedef struct Sequence {
    GPtrArray *texts;           /* one per step */
    uint32_t undefined_end;     /* flags not to be compared when it ran to the end */
    uint32_t undefined_ever;    /* ... when it stopped anywhere */
    uint64_t seed;
    unsigned attrs;
} Sequence;

/*
 * Steps that make a sequence more than a straight line. A jump over some steps goes to "7:", a loop begins at "6:".
 * Each is there at most once.
 */
#define SKIP    " 7f"
#define SKIP_TO "7:"
#define LOOP    " 6:"
#define LOOP_TO " 6b"

static bool has(const char *step, const char *end)
{
    return g_str_has_suffix(step, end);
}

/* False when a flag is read that may be undefined there. loop: flags undefined at the end of the loop's last round. */
static bool check_flags_once(Sequence *s, uint32_t *loop)
{
    uint32_t undefined = 0, skipped = 0;

    s->undefined_ever = 0;
    for (unsigned i = 0; i < s->texts->len; i++) {
        const char *step = s->texts->pdata[i];
        FlagUse u = flag_use(step);

        if (has(step, LOOP)) {
            undefined |= *loop;
        } else if (has(step, SKIP_TO)) {
            undefined |= skipped;
        }
        if (u.reads & undefined && !native_is_intel()) {
            return false;
        }
        undefined = (undefined & ~u.sets) | u.undefined;
        s->undefined_ever |= undefined;
        if (has(step, SKIP)) {
            skipped = undefined;
        } else if (has(step, LOOP_TO)) {
            *loop |= undefined;
        }
    }
    s->undefined_end = undefined;
    return true;
}

static bool check_flags(Sequence *s)
{
    uint32_t loop = 0;

    return check_flags_once(s, &loop) && check_flags_once(s, &loop) && check_flags_once(s, &loop);
}

static bool is_complete(const Sequence *s)
{
    int skip = 0, loop = 0;

    for (unsigned i = 0; i < s->texts->len; i++) {
        skip += has(s->texts->pdata[i], SKIP) - has(s->texts->pdata[i], SKIP_TO);
        loop += has(s->texts->pdata[i], LOOP) - has(s->texts->pdata[i], LOOP_TO);
    }
    return !skip && !loop;
}

static void insert_two(Sequence *s, Rng *r, const char *first, const char *second)
{
    unsigned at = rng_below(r, s->texts->len), len = 1 + rng_below(r, s->texts->len - at);

    g_ptr_array_insert(s->texts, (int)(at + len), g_strdup(second));
    g_ptr_array_insert(s->texts, (int)at, g_strdup(first));
}

static void add_jumps(Sequence *s, Rng *r, unsigned bits)
{
    static const char *const cc[] = { "o", "no", "b", "nb", "z", "nz", "be", "nbe",
                                      "s", "ns", "p", "np", "l", "nl", "le", "nle" };
    bool in_memory = bits != 64 || rng_one_in(r, 2);

    if (rng_one_in(r, 2)) {
        g_autofree char *jump = g_strdup_printf("j%s 7f", cc[rng_below(r, 16)]);

        insert_two(s, r, jump, "7:");
    }
    if (rng_one_in(r, 2)) {     /* may begin inside of what is jumped over: the counter is small from the start */
        const char *counter = !in_memory ? "r15d" : test_mode(bits)->ldt ? "dword ptr [0x10]" : "dword ptr [stack]";
        g_autofree char *begin = g_strdup_printf("mov %s, %u; 6:", counter, 1 + rng_below(r, 5));
        g_autofree char *end = g_strdup_printf("dec %s; jg 6b", counter);

        insert_two(s, r, begin, end);
    }
}

/* Puts something that defines all flags before steps that would read undefined ones. */
static void repair_flags(Sequence *s, unsigned bits)
{
    for (unsigned i = 0; i < s->texts->len && !check_flags(s); i++) {
        if (flag_use(s->texts->pdata[i]).reads) {
            g_ptr_array_insert(s->texts, (int)i++, g_strdup(bits == 64 ? "cmp rax, rcx" : "cmp eax, ecx"));
        }
    }
    g_assert(check_flags(s));
}

static void sequence_free(gpointer p)
{
    Sequence *s = p;

    g_ptr_array_free(s->texts, TRUE);
    g_free(s);
}

static Sequence *sequence_make(GPtrArray *forms, uint64_t seed)
{
    Sequence *s = g_new0(Sequence, 1);
    Rng r = { hash_text(seed, "sequence") };
    unsigned n = 1 + rng_below(&r, opt.max_len), bits = ((Form *)forms->pdata[0])->bits;

    s->seed = seed;
    s->texts = g_ptr_array_new_with_free_func(g_free);
    while (s->texts->len < n) {
        const Form *f = forms->pdata[rng_below(&r, forms->len)];
        Instance in = instance_make(f, &r, true);

        g_ptr_array_add(s->texts, in.text);
        s->attrs |= f->attr;
    }
    add_jumps(s, &r, bits);
    repair_flags(s, bits);
    return s;
}

static char *sequence_text(const Sequence *s)
{
    GString *t = g_string_new(NULL);

    for (unsigned i = 0; i < s->texts->len; i++) {
        g_string_append_printf(t, "%s%s", i ? "; " : "", (char *)s->texts->pdata[i]);
    }
    return g_string_free(t, FALSE);
}

static char *run_sequence(Sequence *s, const Code *code, const CpuState *in)
{
    CpuState native = { 0 }, guest = { 0 };
    Checks checks = { 0 };

    run_both(code, in, &native, &guest);
    if (!native_is_intel()) {
        checks.undefined = native.vector == ENDED ? s->undefined_end : s->undefined_ever;
        for (unsigned i = 0; native.vector != ENDED && i < s->texts->len; i++) {
            /* a repeated comparison that faults: see comparison_faulted() in insn-sweep.c */
            checks.undefined |= strstr(s->texts->pdata[i], "cmps") || strstr(s->texts->pdata[i], "scas") ? F_STATUS : 0;
        }
    }
    return g_string_free(states_compare(&native, &guest, &checks), FALSE);
}

/* Runs the sequence alone; the differences, or NULL when there are none. */
static char *try_sequence(Sequence *s, unsigned bits, const CpuState *in, uint8_t *arena, Code *code)
{
    g_autofree char *text = sequence_text(s);
    char *diff;

    if (!is_complete(s) || !check_flags(s)) {
        return NULL;
    }
    assemble(&text, 1, bits, code, arena);
    if (!code->len) {
        return NULL;
    }
    load_code(arena, code, 1);
    diff = run_sequence(s, code, in);
    if (!*diff) {
        g_free(diff);
        return NULL;
    }
    return diff;
}

/* first: what differed where the sequence stood among others. */
static void report_small(Sequence *s, unsigned bits, const CpuState *in, const char *first)
{
    g_autofree uint8_t *arena = g_malloc0(CODE_SIZE);
    g_autofree char *diff = NULL, *text = NULL, *what = NULL;
    Code code = { 0 };

    diff = try_sequence(s, bits, in, arena, &code);
    for (int i = (int)s->texts->len - 1; diff && i >= 0 && s->texts->len > 1; i--) {
        char *left_out = g_ptr_array_steal_index(s->texts, (unsigned)i),
             *again = try_sequence(s, bits, in, arena, &code);

        if (again) {
            g_free(diff);
            diff = again;
            g_free(left_out);
            i = MIN(i, (int)s->texts->len);
        } else {
            g_ptr_array_insert(s->texts, i, left_out);
        }
    }
    g_free(diff);
    diff = try_sequence(s, bits, in, arena, &code);
    if (!diff) {
        diff = g_strdup_printf("    only together with the sequences before it:\n%s", first);
    }
    text = sequence_text(s);
    what = g_strdup_printf("sequence; all of it: --random --seed %" PRIu64 " --count 1", s->seed);
    report_failure(&(Failure) { .what = what, .text = text, .code = &code, .bytes = arena + code.off, .in = in,
                                .differences = diff });
}

static unsigned run_batch(GPtrArray *sequences, unsigned bits)
{
    unsigned n = sequences->len, failures = 0;
    g_autofree Code *codes = g_new0(Code, n);
    g_autofree uint8_t *arena = g_malloc0(CODE_SIZE);
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);

    for (unsigned i = 0; i < n; i++) {
        g_ptr_array_add(texts, sequence_text(sequences->pdata[i]));
    }
    for (unsigned done = 0, fit; done < n; done += fit) {
        fit = assemble((char **)texts->pdata + done, n - done, bits, codes, arena);
        load_code(arena, codes, fit);
        for (unsigned i = 0; i < fit; i++) {
            Sequence *s = sequences->pdata[done + i];
            Rng r = { hash_text(s->seed, "state") };

            if (!codes[i].len) {
                continue;
            }
            current_test = texts->pdata[done + i];
            area_fill(initial_area, &r);
            memcpy(initial_area + STACK_BASE - DATA_BASE, &(uint32_t) { 3 }, 4);    /* loop counters */
            memcpy(initial_area + test_mode(16)->seg[SEG_DS].base + 0x10 - DATA_BASE, &(uint32_t) { 3 }, 4);
            memcpy(initial_area + test_mode(33)->seg[SEG_DS].base + 0x10 - DATA_BASE, &(uint32_t) { 3 }, 4);
            for (unsigned k = 0; k < STATES; k++) {
                CpuState in;
                g_autofree char *diff = NULL;

                state_for_sequence(&in, &r, s->attrs, bits);
                if (!native_code_intact(&codes[i])) {
                    load_code(arena, codes, fit);   /* what flags may differ is known of this code only */
                }
                diff = run_sequence(s, &codes[i], &in);
                if (*diff) {
                    if (failures++ < opt.max_failures) {
                        report_small(s, bits, &in, diff);
                        load_code(arena, codes, fit);
                    }
                    break;
                }
            }
        }
    }
    return failures;
}

void random_sequences(const FormList *forms, const char *what, unsigned attrs_allowed, unsigned bits)
{
    g_autoptr(GPtrArray) usable = g_ptr_array_new();
    unsigned failures = 0;

    for (unsigned i = 0; i < forms->n; i++) {
        Form *f = &forms->form[i];

        if (f->bits == bits && !(f->attr & FORM_NOSEQ) && !(f->attr & (FORM_FLOAT | FORM_X87) & ~attrs_allowed) &&
            (!opt.only || strstr(f->name, opt.only)) && !form_lacks(f)) {
            g_ptr_array_add(usable, f);
        }
    }
    if (!usable->len) {
        return;
    }
    for (unsigned done = 0; done < opt.count; done += PER_BATCH) {
        g_autoptr(GPtrArray) batch = g_ptr_array_new_with_free_func(sequence_free);

        for (unsigned i = done; i < opt.count && i < done + PER_BATCH; i++) {
            g_ptr_array_add(batch, sequence_make(usable, opt.seed + i));
        }
        failures += run_batch(batch, bits);
    }
    tap(!failures, "random %s, mode %u: %u sequences from seed %" PRIu64 ", %u differ", what, bits, opt.count, opt.seed,
        failures);
}
