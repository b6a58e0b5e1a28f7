/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instruction forms from tests/tcg/insn/NAME.forms, and instances of them with operands chosen.
 *
 * A line is assembly text in which words that begin with a capital letter are places for operands:
 *
 *   {add,or} Ev, Rv | attributes      braces: one line for each; a "v" word: one for 16, 32 and 64 bits ("y": 32, 64)
 *
 *   R8 R16 R32 R64   general register          X MM ST        XMM, MMX and x87 register
 *   E8 .. E64        register or memory        X4 .. X16 MM8  the same, or memory of that many bytes
 *   Y Y32            YMM register; or memory of that many bytes
 *   M8 .. M256       memory, bits              N4 .. N512     memory without a size keyword, bytes
 *   VX VY            memory whose index is an XMM or YMM register
 *   I8 I16 I32 I64   immediate of that many bits; Iz: 16, or 32 sign-extended; Is: 8 sign-extended; U5: 5, unsigned
 *   S1 S2            the same register as operand 1, 2
 *   mem              any absolute symbol known to the assembler stands as it is
 *
 * Attributes are the words of attr_names below, bits=N, and needs=FEATURE[+FEATURE]: not run on hosts without. On a
 * line of their own bits= and needs= hold for what follows, and also=32 makes 32-bit code of it, too, where that
 * exists.
 */
#include "insn-test.h"

static const struct { const char *name; unsigned bit; } attr_names[] = {
    { "bitofs", FORM_BITOFS }, { "cmpxchg", FORM_CMPXCHG }, { "div", FORM_DIV }, { "string", FORM_STRING },
    { "stack", FORM_STACK },
    { "align", FORM_ALIGN }, { "float", FORM_FLOAT }, { "x87", FORM_X87 }, { "raxmem", FORM_RAXMEM },
    { "noseq", FORM_NOSEQ },
    { "approx", FORM_APPROX }, { "gather4", FORM_GATHER4 }, { "gather8", FORM_GATHER8 }, { "amdany", FORM_AMD_ANY },
};

/* ---- parsing ---- */

/* Replaces the first {a,b,c}; calls itself for the rest. "\," is a comma inside of an alternative. */
static void expand_braces(const char *line, GPtrArray *out)
{
    const char *open = strchr(line, '{'), *close = open ? strchr(open, '}') : NULL;
    g_auto(GStrv) words = NULL;
    g_autofree char *list = NULL;

    if (!close) {
        g_ptr_array_add(out, g_strdup(line));
        return;
    }
    list = g_strndup(open + 1, (size_t)(close - open - 1));
    for (char *p = list; (p = strstr(p, "\\,")); p++) {     /* a comma that separates nothing here */
        memmove(p, p + 1, strlen(p));
        *p = '\1';
    }
    words = g_strsplit(list, ",", -1);
    for (char **w = words; *w; w++) {
        g_strdelimit(*w, "\1", ',');
        g_autofree char *one = g_strdup_printf("%.*s%s%s", (int)(open - line), line, *w, close + 1);

        expand_braces(one, out);
    }
}

static const char *next_place(const char *p, size_t *len)
{
    for (; *p; p++) {
        if (g_ascii_isalpha(*p) || *p == '_') {
            size_t n = 1;

            while (g_ascii_isalnum(p[n]) || p[n] == '_') {
                n++;
            }
            if (g_ascii_isupper(*p)) {
                *len = n;
                return p;
            }
            p += n - 1;
        } else if (g_ascii_isdigit(*p)) {
            while (g_ascii_isalnum(p[1])) {
                p++;
            }
        }
    }
    return NULL;
}

/* "Ev" -> "E16" "E32" "E64", all v words of a line together; "Ex" -> register and memory. */
static void expand_sizes(const char *line, unsigned bits, GPtrArray *out)
{
    size_t len;

    for (const char *p = next_place(line, &len); p; p = next_place(p + len, &len)) {
        if (p[len - 1] == 'v' || p[len - 1] == 'y') {
            char letter = p[len - 1];

            for (unsigned size = letter == 'v' ? 16 : 32; size <= (bits == 64 ? 64u : 32u); size *= 2) {
                GString *s = g_string_new(NULL);
                const char *from = line;

                for (const char *q = next_place(line, &len); q; q = next_place(q + len, &len)) {
                    g_string_append_len(s, from, q - from);
                    if (q[len - 1] == letter) {
                        g_string_append_printf(s, "%.*s%u", (int)len - 1, q, size);
                    } else if (q[0] == 'I' && q[1] == 'z') {
                        g_string_append(s, size == 16 ? "I16" : size == 32 ? "I32" : "Iz");
                    } else {
                        g_string_append_len(s, q, (gssize)len);
                    }
                    from = q + len;
                }
                g_string_append(s, from);
                expand_sizes(s->str, bits, out);
                g_string_free(s, TRUE);
            }
            return;
        }
    }
    g_ptr_array_add(out, g_strdup(line));
}

/* E32 -> R32 and M32; X16 -> X and M128; MM8 -> MM and M64. */
static void expand_rm(const char *line, GPtrArray *out)
{
    size_t len;

    for (const char *p = next_place(line, &len); p; p = next_place(p + len, &len)) {
        bool e = *p == 'E', x = (*p == 'X' || *p == 'Y') && len > 1, mm = !strncmp(p, "MM8", len) && len == 3;
        unsigned n = (unsigned)strtoul(p + (mm ? 2 : 1), NULL, 10);

        if (e || x || mm) {
            g_autofree char *reg = e ? g_strdup_printf("R%u", n) : g_strdup(x ? (*p == 'X' ? "X" : "Y") : "MM");
            g_autofree char *a = g_strdup_printf("%.*s%s%s", (int)(p - line), line, reg, p + len);
            g_autofree char *b = g_strdup_printf("%.*sM%u%s", (int)(p - line), line, e ? n : n * 8, p + len);

            expand_rm(a, out);
            expand_rm(b, out);
            return;
        }
    }
    g_ptr_array_add(out, g_strdup(line));
}

static OpPattern parse_place(const char *p, size_t len)
{
    unsigned n = len > 1 ? (unsigned)strtoul(p + 1, NULL, 10) : 0;
    OpPattern op = { 0 };

    if (*p == 'R') {
        op.kind = n == 8 ? OP_REG8 : n == 16 ? OP_REG16 : n == 32 ? OP_REG32 : OP_REG64;
        op.size = (uint8_t)(n / 8);
    } else if (*p == 'X') {
        op.kind = OP_XMM;
        op.size = 16;
    } else if (*p == 'Y') {
        op.kind = OP_YMM;
        op.size = 32;
    } else if (len == 2 && *p == 'V') {
        op.kind = OP_MEM;
        op.size = 4;
        op.plain = true;
        op.vsib = p[1] == 'X' ? 16 : 32;
    } else if (len == 2 && !strncmp(p, "MM", 2)) {
        op.kind = OP_MM;
        op.size = 8;
    } else if (*p == 'M' || *p == 'N') {
        op.kind = OP_MEM;
        op.size = (uint8_t)MIN(*p == 'M' ? n / 8 : n, 255u);
        op.plain = *p == 'N';
    } else if (*p == 'I' || *p == 'U') {
        op.kind = OP_IMM;
        op.size = (uint8_t)(p[1] == 's' ? 0x88 : p[1] == 'z' ? 0xa0 : n);      /* 80: sign-extended */
        op.plain = *p == 'U';
    } else if (*p == 'S' && n) {
        op.kind = OP_FIXED;
        op.size = (uint8_t)n;
    } else if (len == 2 && !strncmp(p, "ST", 2)) {
        op.kind = OP_ST;
    } else {
        g_error("unknown operand '%.*s' in a form", (int)len, p);
    }
    return op;
}

typedef struct Attributes {
    unsigned attr, bits;
    unsigned also;              /* bits of a second form, or 0 */
    const char *needs;          /* interned */
} Attributes;

static void add_form(FormList *list, const char *line, const Attributes *a, const char *group)
{
    Form f = { .name = g_strdup(line), .attr = a->attr, .bits = a->bits, .group = group, .needs = a->needs };
    GString *text = g_string_new(NULL);
    const char *from = line;
    size_t len;

    for (const char *p = next_place(line, &len); p; p = next_place(p + len, &len)) {
        g_assert(f.n_ops < ARRAY_SIZE(f.op));
        f.op[f.n_ops] = parse_place(p, len);
        g_string_append_len(text, from, p - from);
        g_string_append_c(text, (char)(1 + f.n_ops++));
        from = p + len;
    }
    g_string_append(text, from);
    f.text = g_string_free(text, FALSE);
    if (list->n % 256 == 0) {
        list->form = g_renew(Form, list->form, list->n + 256);
    }
    list->form[list->n++] = f;
}

static void each(GPtrArray *in, GPtrArray *out, void (*fn)(const char *, GPtrArray *))
{
    for (unsigned i = 0; i < in->len; i++) {
        fn(in->pdata[i], out);
    }
}

const char *form_lacks(const Form *f)
{
    g_auto(GStrv) names = g_strsplit(f->needs ? f->needs : "", "+", -1);

    for (char **n = names; *n; n++) {
        if (**n && !native_has(*n)) {
            return g_intern_string(*n);
        }
    }
    return NULL;
}

static void parse_attrs(const char *text, Attributes *a)
{
    g_auto(GStrv) words = g_strsplit_set(text, " \t", -1);

    for (char **w = words; *w; w++) {
        unsigned i;

        for (i = 0; i < ARRAY_SIZE(attr_names) && strcmp(*w, attr_names[i].name); i++) {
        }
        if (i < ARRAY_SIZE(attr_names)) {
            a->attr |= attr_names[i].bit;
        } else if (g_str_has_prefix(*w, "bits=")) {
            a->bits = (unsigned)atoi(*w + 5);
        } else if (g_str_has_prefix(*w, "needs=")) {
            a->needs = g_intern_string(*w + 6);
        } else if (**w) {
            g_error("unknown attribute '%s' of a form", *w);
        }
    }
}

/* Operands that 32-bit code does not have, registers by name among them, and instructions. */
static bool needs_64_bits(const char *line)
{
    return g_regex_match_simple("\\b([REI]64|r[a-d]x|r[sd]i|r[sbi]p|r[0-9]+[dwb]?|[sd]il|[sb]pl|movsxd|cdqe|cqo|"
                                "cmpxchg16b|v?p(ins|ext)rq|pushfq|popfq|movabs|addr32|jrcxz|(push|pop) M64|"
                                "(movs|stos|lods|scas|cmps)q)\\b", line, 0, 0);
}

static void expand_line(FormList *list, const char *line, const Attributes *a_line, const char *group)
{
    g_autoptr(GPtrArray) a = g_ptr_array_new_with_free_func(g_free), b = g_ptr_array_new_with_free_func(g_free),
                         c = g_ptr_array_new_with_free_func(g_free);

    expand_braces(line, a);
    for (unsigned i = 0; i < a->len; i++) {
        expand_sizes(a->pdata[i], a_line->bits, b);
    }
    each(b, c, expand_rm);
    for (unsigned i = 0; i < c->len; i++) {
        if (!a_line->also || !needs_64_bits(c->pdata[i])) {
            add_form(list, c->pdata[i], a_line, group);
        }
    }
}

static void parse_line(FormList *list, char *line, Attributes a_line, const char *group)
{
    char *bar = strchr(line, '|');
    unsigned also = a_line.also;

    if (bar) {
        parse_attrs(bar + 1, &a_line);
        *bar = 0;
    }
    g_strstrip(line);
    a_line.also = 0;
    expand_line(list, line, &a_line, group);
    if (also && a_line.bits == 64) {
        a_line.bits = a_line.also = also;
        expand_line(list, line, &a_line, group);
    }
}

bool forms_load(const char *path, const char *group, FormList *list)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    g_autoptr(GError) err = NULL;
    Attributes defaults = { .bits = 64 };

    if (!g_file_get_contents(path, &text, NULL, &err)) {
        fprintf(stderr, "%s\n", err->message);
        return false;
    }
    lines = g_strsplit(text, "\n", -1);
    for (char **l = lines; *l; l++) {
        char *hash = strchr(*l, '#');

        if (hash) {
            *hash = 0;
        }
        g_strstrip(*l);
        if (g_str_has_prefix(*l, "bits=")) {
            defaults.bits = (unsigned)atoi(*l + 5);
        } else if (g_str_has_prefix(*l, "also=")) {
            defaults.also = (unsigned)atoi(*l + 5);
        } else if (g_str_has_prefix(*l, "needs=")) {
            defaults.needs = (*l)[6] ? g_intern_string(*l + 6) : NULL;
        } else if (**l) {
            parse_line(list, *l, defaults, group);
        }
    }
    return true;
}

void forms_free(FormList *list)
{
    for (unsigned i = 0; i < list->n; i++) {
        g_free(list->form[i].text);
        g_free(list->form[i].name);
    }
    g_free(list->form);
    *list = (FormList) { 0 };
}

/* ---- instances ---- */

static const char *const names64[16] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                         "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15" };
static const char *const names32[16] = { "eax", "ecx", "edx",  "ebx",  "esp",  "ebp",  "esi",  "edi",
                                         "r8d", "r9d", "r10d", "r11d", "r12d", "r13d", "r14d", "r15d" };
static const char *const names16[16] = { "ax",  "cx",  "dx",   "bx",   "sp",   "bp",   "si",   "di",
                                         "r8w", "r9w", "r10w", "r11w", "r12w", "r13w", "r14w", "r15w" };
static const char *const names8[16] = { "al",  "cl",  "dl",   "bl",   "spl",  "bpl",  "sil",  "dil",
                                        "r8b", "r9b", "r10b", "r11b", "r12b", "r13b", "r14b", "r15b" };
static const char *const names8_legacy[8] = { "al", "cl", "dl", "bl", "ah", "ch", "dh", "bh" };

typedef struct Chooser {
    Rng *r;
    const Form *f;
    bool sequence;
    bool legacy;                /* registers 0 to 7 only and no REX prefix */
} Chooser;

/* In sequences RBX RBP RSP R12 R13 hold pointers and R15 counts; they stay as they are. */
static unsigned choose_reg(const Chooser *c)
{
    static const uint8_t free_regs[] = { RAX, RCX, RDX, RSI, RDI, 8, 9, 10, 11, 14 };
    unsigned n = c->legacy || c->f->bits != 64 ? 8 : 16;

    if (!c->sequence) {
        return rng_below(c->r, n);
    }
    return free_regs[rng_below(c->r, n == 8 ? 5 : ARRAY_SIZE(free_regs))];
}

static void choose_reg8(const Chooser *c, Instance *in, unsigned i, char *buf, size_t size)
{
    unsigned n;

    if (c->legacy || c->f->bits != 64) {
        do {
            n = rng_below(c->r, 8);
        } while (c->sequence && (n == 3 || n == 7));
        in->reg[i] = (int8_t)(n & 3);
        g_strlcpy(buf, names8_legacy[n], size);
    } else {
        n = choose_reg(c);
        in->reg[i] = (int8_t)n;
        g_strlcpy(buf, names8[n], size);
    }
}

static const char *size_keyword(unsigned bytes)
{
    return bytes == 1 ? "byte ptr " : bytes == 2 ? "word ptr " : bytes == 4 ? "dword ptr " : bytes == 8 ? "qword ptr " :
           bytes == 10 ? "tbyte ptr " : bytes == 16 ? "xmmword ptr " : bytes == 32 ? "ymmword ptr " : "";
}

static int32_t random_disp(Rng *r)
{
    switch (rng_below(r, 4)) {
    case 0: return 0;
    case 1: return (int8_t)rng64(r);
    case 2: return (int32_t)rng_below(r, 0x10000) - 0x8000;
    default: return (int32_t)rng64(r) >> 1;
    }
}

static void choose_mem_sequence(const Chooser *c, MemRef *m)
{
    static const int8_t bases[] = { RBX, RBP, 13 };

    if (rng_one_in(c->r, 40)) {     /* somewhere that may fault */
        static const uint32_t at[] = { MISSING_BASE, READONLY_BASE, DATA2_BASE, MISSING_BASE + 0x800,
                                       READONLY_BASE + 0x800 };

        m->disp = (int32_t)at[rng_below(c->r, ARRAY_SIZE(at))];
        m->disp -= c->f->attr & FORM_ALIGN ? 0 : (int32_t)rng_below(c->r, MAX(m->size, 2u));
        return;
    }
    m->base = bases[rng_below(c->r, c->legacy || c->f->bits != 64 ? 2 : 3)];
    m->index = !c->legacy && c->f->bits == 64 && rng_one_in(c->r, 3) ? 12 : -1;
    m->scale = 1u << rng_below(c->r, 4);
    m->disp = (int32_t)rng_below(c->r, 0x80) * 8 - 0x200;
    if (c->f->attr & FORM_ALIGN) {
        m->disp &= ~15;
    } else if (rng_one_in(c->r, 3)) {
        m->disp += (int32_t)rng_below(c->r, 8);
    }
}

static void choose_mem_single(const Chooser *c, MemRef *m)
{
    unsigned n = c->legacy || c->f->bits != 64 ? 8 : 16;
    unsigned kind = m->vindex >= 0 ? 2 : rng_below(c->r, 16);

    m->addr32 = c->f->bits == 64 && rng_one_in(c->r, 12);
    m->gs = c->f->bits == 64 && rng_one_in(c->r, 12);
    m->scale = 1u << rng_below(c->r, 4);
    m->target = DATA_BASE + 0x100 + (rng_below(c->r, 0x1e00) & ~15u);
    if (kind == 0 && c->f->bits == 64) {
        m->rip_relative = true;
        m->gs = m->addr32 = false;
        return;
    }
    if (kind == 1) {
        m->disp = (int32_t)(m->gs ? m->target - GS_BASE : m->target);
        if (rng_one_in(c->r, 2)) {
            do {
                m->index = (int8_t)rng_below(c->r, n);
            } while (m->index == RSP);
        }
        return;
    }
    m->base = (int8_t)rng_below(c->r, n);
    m->disp = random_disp(c->r);
    if (m->vindex < 0 && rng_one_in(c->r, 2)) {
        do {
            m->index = (int8_t)rng_below(c->r, n);
        } while (m->index == RSP || m->index == m->base);
    }
}

/* 16-bit addressing: ModRM's eight combinations. */
static void choose_mem16(const Chooser *c, MemRef *m)
{
    static const int8_t base[8] = { RBX, RBX, RBP, RBP, RSI, RDI, RBP, RBX },
                        index[8] = { RSI, RDI, RSI, RDI, -1, -1, -1, -1 };
    unsigned rm = rng_below(c->r, 9);

    m->addr16 = true;
    m->scale = 1;
    if (rm == 8) {
        m->disp = (int32_t)rng_below(c->r, 0x1f00);
        return;
    }
    m->base = base[rm];
    m->index = index[rm];
    m->disp = rng_one_in(c->r, 3) ? 0 : rng_one_in(c->r, 2) ? (int8_t)rng64(c->r) : (int16_t)rng64(c->r);
}

static void choose_mem_segmented(const Chooser *c, MemRef *m)
{
    bool other = rng_one_in(c->r, 5);

    if (c->sequence) {
        m->addr16 = c->f->bits == 16;
        m->scale = 1;
        m->base = rng_one_in(c->r, 2) ? RBX : RBP;
        m->disp = (int32_t)rng_below(c->r, 0x200) - 0x100;
        return;
    }
    if ((c->f->bits == 16) != other) {
        choose_mem16(c, m);
    } else {
        choose_mem_single(c, m);
        m->disp = m->base < 0 ? (int32_t)rng_below(c->r, 0x1f00) : m->disp;
    }
    m->seg = m->base == RSP || m->base == RBP ? SEG_SS : SEG_DS;
    m->override = rng_one_in(c->r, 5);
    if (m->override) {
        m->seg = (uint8_t)rng_below(c->r, SEG_COUNT);
    }
}

static void mem_text(const Chooser *c, const MemRef *m, const OpPattern *op, char *buf, size_t size)
{
    static const char *const segs[SEG_COUNT] = { "cs:", "ss:", "ds:", "es:" };
    const char *const *names = m->addr16 ? names16 : m->addr32 || c->f->bits != 64 ? names32 : names64;
    GString *s = g_string_new(op->plain ? "" : size_keyword(op->size));

    g_string_append_printf(s, "%s[", m->gs ? "gs:" : m->override ? segs[m->seg] : "");
    if (m->rip_relative) {
        g_string_append_printf(s, "rip + base - %#x", CODE_BASE - m->target);
    } else if (m->base >= 0) {
        g_string_append(s, names[m->base]);
    }
    if (m->index >= 0) {
        g_string_append_printf(s, m->addr16 ? "%s%s" : "%s%s*%u", m->base >= 0 ? " + " : "", names[m->index], m->scale);
    }
    if (m->vindex >= 0) {
        g_string_append_printf(s, " + %cmm%d*%u", op->vsib == 16 ? 'x' : 'y', m->vindex, m->scale);
    }
    if (!m->rip_relative && (m->disp || (m->base < 0 && m->index < 0))) {
        g_string_append_printf(s, "%s%#x", m->disp < 0 ? " - " : m->base >= 0 || m->index >= 0 ? " + " : "",
                               m->disp < 0 ? 0u - (uint32_t)m->disp : (uint32_t)m->disp);
    }
    g_string_append_c(s, ']');
    g_strlcpy(buf, s->str, size);
    g_string_free(s, TRUE);
}

static void imm_text(const Chooser *c, const OpPattern *op, char *buf, size_t size)
{
    unsigned bits = op->size & 0x7f;
    uint64_t v = rng_one_in(c->r, 3) ? rng_below(c->r, 8) : rng_interesting(c->r);

    if (op->size & 0x80) {
        v = (uint64_t)((int64_t)(v << (64 - (bits == 8 ? 8 : 32))) >> (64 - (bits == 8 ? 8 : 32)));
        g_snprintf(buf, size, "%" PRId64, (int64_t)v);
        return;
    }
    if (bits < 64) {
        v &= (1ull << bits) - 1;
    }
    g_snprintf(buf, size, "%#" PRIx64, v);
}

static void operand_text(const Chooser *c, Instance *in, unsigned i, char *buf, size_t size)
{
    const OpPattern *op = &c->f->op[i];

    switch ((OpKind)op->kind) {
    case OP_REG8:
        choose_reg8(c, in, i, buf, size);
        break;
    case OP_REG16: case OP_REG32: case OP_REG64:
        in->reg[i] = (int8_t)choose_reg(c);
        g_strlcpy(buf, (op->kind == OP_REG16 ? names16 : op->kind == OP_REG32 ? names32 : names64)[in->reg[i]], size);
        break;
    case OP_XMM: case OP_YMM: case OP_MM: case OP_ST:
        in->reg[i] = (int8_t)rng_below(
            c->r, (op->kind == OP_XMM || op->kind == OP_YMM) && !c->legacy && c->f->bits == 64 ? 16 : 8);
        g_snprintf(buf, size,
                   op->kind == OP_XMM   ? "xmm%d"
                   : op->kind == OP_YMM ? "ymm%d"
                   : op->kind == OP_MM  ? "mm%d"
                                        : "st(%d)",
                   in->reg[i]);
        break;
    case OP_MEM:
        in->mem.used = true;
        in->mem.size = op->size;
        in->mem.base = in->mem.index = in->mem.vindex = -1;
        if (op->vsib) {
            in->mem.vindex = (int8_t)rng_below(c->r, !c->legacy && c->f->bits == 64 ? 16 : 8);
        }
        if (test_mode(c->f->bits)->ldt) {
            choose_mem_segmented(c, &in->mem);
        } else if (c->sequence) {
            choose_mem_sequence(c, &in->mem);
        } else {
            choose_mem_single(c, &in->mem);
        }
        mem_text(c, &in->mem, op, buf, size);
        break;
    case OP_IMM:
        imm_text(c, op, buf, size);
        break;
    case OP_FIXED: case OP_NONE:
        break;
    }
}

/* What makes an instruction of a sequence do something useful most of the time. */
static void sequence_prefix(const Chooser *c, const Instance *in, GString *s)
{
    bool b64 = c->f->bits == 64;

    if (c->f->attr & FORM_STRING) {
        g_string_append_printf(s, "lea %s, [%s + %#x]; lea %s, [%s + %#x]; mov ecx, %u; ", b64 ? "rsi" : "esi",
                               b64 ? "rbx" : "ebx", rng_below(c->r, 0x200), b64 ? "rdi" : "edi",
                               b64 ? (rng_one_in(c->r, 2) ? "rbp" : "rbx") : "ebp", rng_below(c->r, 0x200),
                               rng_below(c->r, 20));
    }
    if ((c->f->attr & FORM_BITOFS) && in->mem.used) {
        g_string_append_printf(s, "and %s, 0x1ff; ", names32[in->reg[1] >= 0 ? in->reg[1] : 0]);
    }
    if ((c->f->attr & FORM_DIV) && !rng_one_in(c->r, 4)) {
        g_string_append(s, c->f->op[0].size == 1 ? "movzx eax, al; "
                           : rng_one_in(c->r, 2) ? "xor edx, edx; "
                                                 : "mov eax, eax; mov edx, 0; ");
    }
    if (c->f->attr & FORM_RAXMEM) {
        g_string_append_printf(s, b64 ? "lea rdi, [rbx + %#x]; " : "lea edi, [ebx + %#x]; ", rng_below(c->r, 0x200));
    }
}

Instance instance_make(const Form *f, Rng *r, bool in_sequence)
{
    Instance in = { .form = f, .reg = { -1, -1, -1, -1, -1, -1 }, .mem = { .base = -1, .index = -1, .vindex = -1 } };
    Chooser c = { .r = r, .f = f, .sequence = in_sequence, .legacy = rng_one_in(r, 3) };
    char op[6][96] = { "" };
    GString *s = g_string_new(NULL);

    for (unsigned i = 0; i < f->n_ops; i++) {
        if (f->op[i].kind == OP_REG64) {
            c.legacy = false;
        }
    }
    for (unsigned i = 0; i < f->n_ops; i++) {
        if (f->op[i].kind == OP_FIXED) {
            in.reg[i] = in.reg[f->op[i].size - 1];
            g_strlcpy(op[i], op[f->op[i].size - 1], sizeof(op[i]));
        } else {
            operand_text(&c, &in, i, op[i], sizeof(op[i]));
        }
    }
    if (in_sequence) {
        sequence_prefix(&c, &in, s);
    }
    for (const char *p = f->text; *p; p++) {
        if (*p <= 6) {
            g_string_append(s, op[*p - 1]);
        } else {
            g_string_append_c(s, *p);
        }
    }
    in.text = g_string_free(s, FALSE);
    return in;
}

void instance_clear(Instance *in)
{
    g_free(in->text);
    in->text = NULL;
}
