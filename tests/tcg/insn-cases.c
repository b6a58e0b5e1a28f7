/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Test cases from text files, one per line:
 *
 *   instructions | initial state | what is expected          # remark
 *
 *   initial state   REG=hex (al, ax, eax, rax; xmm0=32 digits, ymm0 its upper half; st0=se:mantissa; cf pf af zf sf
 *                   df of, mxcsr fcw fsw ftw),
 *                   SYMBOL=bytes or @address=bytes in memory order (mem, mem2, edge, readonly, data2, stack)
 *   expected        native: everything equals the host. Besides or instead: #PF, #UD, ... and REG=hex, checked of the
 *   translated
 *                   run alone; "-of" leaves a flag out of the comparison
 *
 * A line "bits 32" switches to 32-bit code for those that follow; likewise the other modes of insn-mode.c. "needs avx2"
 * leaves them out on hosts without, "needs" alone ends that.
 */
#include "insn-test.h"

typedef struct Field { const char *name; uint16_t off; uint8_t size; } Field;
#define GPR(n, r) { n, (uint16_t)(offsetof(CpuState, gpr) + 8 * (r)), 0 }
static const char *const gprs[16] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                      "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15" };
static const struct { const char *name; uint32_t bit; } flag_names[] = {
    { "cf", F_C }, { "pf", F_P }, { "af", F_A }, { "zf", F_Z }, { "sf", F_S }, { "df", F_D }, { "of", F_O },
};
static const struct { const char *name; uint32_t addr; } symbols[] = {
    { "mem2", DATA_BASE + 0x800 }, { "mem", MEM_OPERAND }, { "edge", DATA_BASE + PAGE }, { "data2", DATA2_BASE },
    { "stack", STACK_BASE },
};
static const char *const exceptions[20] = { "#DE", "#DB", "#NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "#9",
                                            "#TS", "#NP", "#SS",  "#GP", "#PF", "#15", "#MF", "#AC", "#MC", "#XM" };

typedef struct Case {
    char *text;
    char *state, *expect;
    unsigned line, bits;
    const char *needs;          /* feature the host must have; NULL: none */
} Case;

/* ---- names of parts of the state ---- */

/* A general register or part of one: where it lies in gpr[], its size; 32-bit names mean the zero-extended register. */
static bool find_gpr(const char *name, unsigned *byte_off, unsigned *size)
{
    static const char *const low8[] = { "al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil" };
    static const char *const high8[] = { "ah", "ch", "dh", "bh" };

    for (unsigned i = 0; i < 16; i++) {
        const char *r = gprs[i];
        size_t len = strlen(r);

        *byte_off = i * 8;
        if (!strcmp(name, r)) {
            *size = 8;
            return true;
        }
        if (i < 8 && ((name[0] == 'e' && !strcmp(name + 1, r + 1)) || !strcmp(name, r + 1))) {
            *size = name[0] == 'e' ? 8 : 2;
            return true;
        }
        if (i < 8 && !strcmp(name, low8[i])) {
            *size = 1;
            return true;
        }
        if (i >= 8 && !strncmp(name, r, len) && strlen(name) == len + 1 && strchr("dwb", name[len])) {
            *size = name[len] == 'd' ? 8 : name[len] == 'w' ? 2 : 1;
            return true;
        }
        if (i < 4 && !strcmp(name, high8[i])) {
            *byte_off = i * 8 + 1;
            *size = 1;
            return true;
        }
    }
    return false;
}

static bool set_vector(CpuState *s, const char *name, const char *val)
{
    unsigned n = (unsigned)atoi(name + (name[0] == 'x' || name[0] == 'y' ? 3 : 2));

    if ((g_str_has_prefix(name, "xmm") || g_str_has_prefix(name, "ymm")) && n < 16) {
        uint64_t *q = name[0] == 'x' ? s->fx.xmm[n].q : s->ymm_high[n];
        char digits[33];
        size_t len = 0;

        for (; *val && len < 32; val++) {
            if (*val != '_') {
                digits[len++] = *val;
            }
        }
        digits[len] = 0;
        q[0] = strtoull(len > 16 ? digits + len - 16 : digits, NULL, 16);
        digits[len > 16 ? len - 16 : 0] = 0;
        q[1] = len > 16 ? strtoull(digits, NULL, 16) : 0;
        return true;
    }
    if (g_str_has_prefix(name, "st") && g_ascii_isdigit(name[2]) && n < 8) {
        char *colon;

        s->fx.st[n].se = (uint16_t)strtoul(val, &colon, 16);
        s->fx.st[n].mant = *colon ? strtoull(colon + 1, NULL, 16) : 0;
        s->fx.ftw |= 1u << (((s->fx.fsw >> 11) + n) & 7);
        return true;
    }
    return false;
}

static bool set_word(CpuState *s, const char *name, const char *val)
{
    uint64_t v = strtoull(val, NULL, 16);

    if (!strcmp(name, "mxcsr")) {
        s->fx.mxcsr = (uint32_t)v;
    } else if (!strcmp(name, "fcw")) {
        s->fx.fcw = (uint16_t)v;
    } else if (!strcmp(name, "fsw")) {
        s->fx.fsw = (uint16_t)v;
    } else if (!strcmp(name, "ftw")) {
        s->fx.ftw = (uint8_t)v;
    } else {
        return false;
    }
    return true;
}

static bool set_memory(const char *name, const char *val)
{
    uint32_t addr = name[0] == '@' ? (uint32_t)strtoul(name + 1, NULL, 16) : 0;
    const char *plus = strchr(name, '+');
    g_autofree char *symbol = plus ? g_strndup(name, (size_t)(plus - name)) : g_strdup(name);

    for (unsigned i = 0; !addr && i < ARRAY_SIZE(symbols); i++) {
        if (!strcmp(symbol, symbols[i].name)) {
            addr = symbols[i].addr + (plus ? (uint32_t)strtoul(plus + 1, NULL, 0) : 0);
        }
    }
    if (addr < DATA_BASE || addr + strlen(val) / 2 > DATA_BASE + AREA_SIZE) {
        return false;
    }
    for (; val[0] && val[1]; val += val[2] == '_' ? 3 : 2) {
        initial_area[addr++ - DATA_BASE] = (uint8_t)(g_ascii_xdigit_value(val[0]) << 4 | g_ascii_xdigit_value(val[1]));
    }
    return true;
}

static bool set_part(CpuState *s, const char *name, const char *val)
{
    unsigned off, size;

    if (find_gpr(name, &off, &size)) {
        uint64_t v = strtoull(val, NULL, 16);

        memcpy((uint8_t *)s->gpr + off, &v, size);
        return true;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(flag_names); i++) {
        if (!strcmp(name, flag_names[i].name)) {
            s->flags = (s->flags & ~(uint64_t)flag_names[i].bit) | (*val == '1' ? flag_names[i].bit : 0);
            return true;
        }
    }
    return set_word(s, name, val) || set_vector(s, name, val) || set_memory(name, val);
}

static bool part_is(const CpuState *s, const char *name, const char *val)
{
    CpuState want = *s;

    if (!set_part(&want, name, val)) {
        return false;
    }
    return !memcmp(want.gpr, s->gpr, sizeof(want.gpr)) && want.flags == s->flags &&
           !memcmp(&want.fx, &s->fx, sizeof(want.fx)) && !memcmp(want.ymm_high, s->ymm_high, sizeof(want.ymm_high));
}

static void append_flags(GString *t, uint64_t flags)
{
    for (unsigned i = 0; i < ARRAY_SIZE(flag_names); i++) {
        g_string_append_printf(t, "%s=%d ", flag_names[i].name, (flags & flag_names[i].bit) != 0);
    }
}

char *case_state_text(const CpuState *s)
{
    GString *t = g_string_new(NULL);

    append_flags(t, s->flags);
    for (unsigned i = 0; i < 16; i++) {
        g_string_append_printf(t, "%s=%" PRIx64 " ", gprs[i], s->gpr[i]);
    }
    g_string_append_printf(t, "mxcsr=%x fcw=%x fsw=%x", s->fx.mxcsr, s->fx.fcw, s->fx.fsw);
    return g_string_free(t, FALSE);
}

/* ---- running ---- */

/* The same for every case, so that a case says all that matters to it. */
static void default_state(CpuState *s, unsigned bits)
{
    Rng r = { 0x123456789abcdef1ull };

    area_fill(initial_area, &r);
    memset(s, 0, sizeof(*s));
    for (unsigned i = 0; i < 16; i++) {
        s->gpr[i] = bits == 64 ? i * 0x1111111111111111ull : i * 0x11111111u;
    }
    s->gpr[RSP] = test_mode(bits)->sp;
    s->flags = 2;
    s->fx.fcw = 0x37f;
    s->fx.mxcsr = 0x1f80;
}

static bool apply_state(const Case *c, CpuState *s, GString *problems)
{
    g_auto(GStrv) words = g_strsplit_set(c->state, " \t", -1);

    default_state(s, c->bits);
    for (char **w = words; *w; w++) {
        char *equals = strchr(*w, '=');

        if (!**w) {
            continue;
        }
        if (!equals) {
            g_string_append_printf(problems, "    '%s' in the state is not NAME=VALUE\n", *w);
            return false;
        }
        *equals = 0;
        if (!set_part(s, *w, equals + 1)) {
            g_string_append_printf(problems, "    nothing is called '%s'\n", *w);
            return false;
        }
    }
    return true;
}

static void check_word(const char *word, const CpuState *guest, Checks *checks, bool *native, GString *problems)
{
    const char *equals = strchr(word, '=');

    if (!strcmp(word, "native")) {
        *native = true;
    } else if (*word == '#') {
        if (guest->vector < 0 || guest->vector >= 20 || strcmp(exceptions[guest->vector], word)) {
            g_string_append_printf(problems, "    stop: wanted %s, got %s\n", word,
                                   guest->vector >= 0 && guest->vector < 20 ? exceptions[guest->vector] : "none");
        }
    } else if (*word == '-') {
        for (unsigned i = 0; i < ARRAY_SIZE(flag_names); i++) {
            checks->undefined |= !strcmp(word + 1, flag_names[i].name) ? flag_names[i].bit : 0;
        }
    } else if (equals) {
        g_autofree char *name = g_strndup(word, (size_t)(equals - word));

        if (!part_is(guest, name, equals + 1)) {
            g_string_append_printf(problems, "    wanted %s\n", word);
        }
    } else {
        g_string_append_printf(problems, "    '%s' is no expectation\n", word);
    }
}

static void run_case(const Case *c, const Code *code, GString *problems, CpuState *in)
{
    g_auto(GStrv) words = g_strsplit_set(c->expect, " \t,", -1);
    CpuState native = { 0 }, guest = { 0 };
    Checks checks = { 0 };
    bool as_native = false;

    if (!apply_state(c, in, problems)) {
        return;
    }
    current_test = c->text;
    run_both(code, in, &native, &guest);
    checks.undefined = native.vector == ENDED && !native_is_intel() ? flags_undefined_after(c->text, in) : 0;
    for (char **w = words; *w; w++) {
        if (**w) {
            check_word(*w, &guest, &checks, &as_native, problems);
        }
    }
    if (as_native) {
        GString *diff = states_compare(&native, &guest, &checks);

        g_string_append(problems, diff->str);
        g_string_free(diff, TRUE);
    } else if (guest.vector != ENDED && !strchr(c->expect, '#')) {
        g_string_append_printf(problems, "    stopped by exception %d\n", guest.vector);
    }
}

/* ---- files ---- */

/* A '#' that begins a remark: not one of "#PF". */
static void strip_remark(char *line)
{
    for (char *p = line; (p = strchr(p, '#')); p++) {
        if (p == line || (g_ascii_isspace(p[-1]) && !g_ascii_isupper(p[1]))) {
            *p = 0;
            return;
        }
    }
}

static GPtrArray *parse_cases(char *text)
{
    GPtrArray *cases = g_ptr_array_new();
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    unsigned bits = 64;
    const char *needs = NULL;

    for (unsigned i = 0; lines[i]; i++) {
        g_auto(GStrv) fields = NULL;
        unsigned n;
        Case *c;

        strip_remark(lines[i]);
        g_strstrip(lines[i]);
        if (g_str_has_prefix(lines[i], "bits ")) {
            bits = (unsigned)atoi(lines[i] + 5);
            continue;
        }
        if (g_str_has_prefix(lines[i], "needs")) {
            needs = lines[i][5] ? g_intern_string(g_strstrip(lines[i] + 5)) : NULL;
            continue;
        }
        fields = g_strsplit(lines[i], "|", -1);
        n = g_strv_length(fields);
        if (n < 1 || !*lines[i]) {
            continue;
        }
        c = g_new0(Case, 1);
        *c = (Case) { .text = g_strdup(g_strstrip(fields[0])), .state = g_strdup(n > 1 ? fields[1] : ""),
                      .expect = g_strdup(n > 2 ? fields[2] : "native"), .line = i + 1, .bits = bits,
                      .needs = needs };
        g_ptr_array_add(cases, c);
    }
    return cases;
}

static unsigned run_cases(GPtrArray *cases, unsigned bits, const char *path)
{
    g_autoptr(GPtrArray) texts = g_ptr_array_new(), chosen = g_ptr_array_new();
    g_autofree Code *codes = g_new0(Code, cases->len + 1);
    g_autofree uint8_t *arena = g_malloc0(CODE_SIZE);
    unsigned failures = 0;

    for (unsigned i = 0; i < cases->len; i++) {
        Case *c = cases->pdata[i];

        if (c->bits == bits && c->needs && !native_has(c->needs)) {
            printf("# skipped, the host lacks %s: %s\n", c->needs, c->text);
        } else if (c->bits == bits && (!opt.only || strstr(c->text, opt.only))) {
            g_ptr_array_add(texts, c->text);
            g_ptr_array_add(chosen, c);
        }
    }
    for (unsigned done = 0, fit; done < texts->len; done += fit) {
        fit = assemble((char **)texts->pdata + done, texts->len - done, bits, codes, arena);
        load_code(arena, codes, fit);
        for (unsigned i = 0; i < fit; i++) {
            Case *c = chosen->pdata[done + i];
            GString *problems = g_string_new(NULL);
            CpuState in;

            if (codes[i].len) {
                run_case(c, &codes[i], problems, &in);
            } else {
                g_string_append(problems, "    the assembler does not know it\n");
            }
            if (problems->len && failures++ < opt.max_failures) {
                g_autofree char *what = g_strdup_printf("%s:%u", path, c->line);

                report_failure(&(Failure){ .what = what,
                                           .text = c->text,
                                           .differences = problems->str,
                                           .code = &codes[i],
                                           .bytes = arena + codes[i].off,
                                           .in = &in });
            }
            g_string_free(problems, TRUE);
        }
    }
    return failures;
}

void cases_run_file(const char *path)
{
    g_autofree char *text = NULL, *name = g_path_get_basename(path);
    g_autoptr(GPtrArray) cases = NULL;
    unsigned failures = 0;

    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        tap(false, "%s cannot be read", path);
        return;
    }
    cases = parse_cases(text);
    for (unsigned i = 0; i < n_test_modes; i++) {
        failures += native_has_mode(test_modes[i].id) ? run_cases(cases, test_modes[i].id, path) : 0;
    }
    tap(!failures, "%s: %u cases, %u differ", name, cases->len, failures);
    for (unsigned i = 0; i < cases->len; i++) {
        Case *c = cases->pdata[i];

        g_free(c->text);
        g_free(c->state);
        g_free(c->expect);
        g_free(c);
    }
}
