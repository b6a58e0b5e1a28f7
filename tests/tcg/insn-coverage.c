/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which encodings that the emulator has does no form reach? Every opcode is decoded, with each mandatory prefix,
 * ModRM.reg, register and memory operand, VEX.L and VEX.W; then the instructions that the forms become.
 *
 * Two encodings count as one when the decoder's row is the same; vector instructions by opcode, prefix, operand kind
 * and what of VEX their tables look at. What no program of user level can run is listed like the rest: tests/tcg/priv
 * has it.
 */
#include "insn-test.h"
#include "target-i386/decode.h"
#include "target-i386/helper-avx.h"
#include "target-i386/translate-sse.h"

typedef struct Encoding {
    uint8_t bytes[16];
    unsigned len, bits;
} Encoding;

static bool has_extension(unsigned map, unsigned opcode)
{
    return map == 1 && ((opcode >= 0x71 && opcode <= 0x73) || opcode == 0xae || opcode == 0xc7);
}

/* NULL: no such instruction. */
static char *key_of(const Insn *in, const Translator *t)
{
    bool vex_only = in->vex && vex_row(in->map, in->opcode, in->mandatory, in->vex_w)->kind != V_UD;
    int extension = has_extension(in->map, in->opcode) ? in->op3 : -1;

    if (in->row->emit == emit_sse) {
        const SseRow *row = sse_row(in->map, in->opcode, in->mandatory);

        return row->kind == K_UD || !sse_operand_fits(in, row) || (row->kind == K_STATE && !in->is_mem) ? NULL :
               g_strdup_printf("sse %u %02x %02x /%d %d", in->map, in->opcode, in->mandatory, extension, in->is_mem);
    }
    if (in->row->emit == emit_avx) {
        return !avx_insn_exists(t, in)
                   ? NULL
                   : g_strdup_printf("vex %u %02x %02x /%d %d L%d W%d", in->map, in->opcode, in->mandatory, extension,
                                     in->is_mem, in->vex_l && !avx_ignores_length(in), vex_only && in->vex_w);
    }
    return g_strdup_printf("row %p %u %02x", (const void *)in->row, in->map, in->opcode);
}

static int no_more_bytes(void *opaque, uint64_t linear)
{
    return -1;
}

static bool decode(const uint8_t *bytes, unsigned n, unsigned bits, Insn *in)
{
    CodeReader code = { .mk = MK_PE | MK_LMA | MK_FLAT_CS | MK_FLAT_DS | MK_FLAT_ES | MK_FLAT_SS | MK_SS32 |
                              (bits == 64 ? MK_CS64 : MK_CS32), .cs_limit = ~0u, .host = bytes, .host_lo = 0x1000,
                        .host_hi = 0x1000 + n, .slow = no_more_bytes };

    return insn_decode(&code, 0x1000, in) == DECODE_OK;
}

/* ---- what there is ---- */

static void add_encoding(GHashTable *all, const Encoding *e, const Translator *t)
{
    Insn in;
    char *key = decode(e->bytes, sizeof(e->bytes), e->bits, &in) ? key_of(&in, t) : NULL;

    if (key && !g_hash_table_contains(all, key)) {
        Encoding *copy = g_new(Encoding, 1);

        *copy = *e;
        copy->len = in.len;
        g_hash_table_insert(all, key, copy);
    } else {
        g_free(key);
    }
}

/* [rcx + rcx] or the register rcx, or xmm1; in gathers the three vectors differ. */
static void put_operand(Encoding *e, unsigned op3, bool is_mem)
{
    e->bytes[e->len++] = (uint8_t)(op3 << 3 | (is_mem ? 4 : 0xc1));
    if (is_mem) {
        e->bytes[e->len++] = 0x09;
    }
}

static void add_legacy(GHashTable *all, unsigned map, unsigned opcode, unsigned bits, const Translator *t)
{
    static const uint8_t prefixes[] = { 0, 0x66, 0xf3, 0xf2 };

    for (unsigned i = 0; i < 4 * 16; i++) {
        Encoding e = { .bits = bits };

        if (prefixes[i & 3]) {
            e.bytes[e.len++] = prefixes[i & 3];
        }
        if (map) {
            e.bytes[e.len++] = 0x0f;
        }
        if (map > 1) {
            e.bytes[e.len++] = map == 2 ? 0x38 : 0x3a;
        }
        e.bytes[e.len++] = (uint8_t)opcode;
        put_operand(&e, i >> 2 & 7, i >> 5);
        add_encoding(all, &e, t);
    }
}

static void add_vex(GHashTable *all, unsigned map, unsigned opcode, unsigned bits, const Translator *t)
{
    for (unsigned i = 0; i < 4 * 2 * 2 * 16; i++) {
        Encoding e = { .bytes = { 0xc4, (uint8_t)(0xe0 | map), (uint8_t)(0x78 | (i & 7) | (i >> 3 & 1) << 7),
                                  (uint8_t)opcode },
                       .len = 4,
                       .bits = bits };
        unsigned op3 = i >> 4 & 7;

        if (has_extension(map, opcode) || opcode == 0xf3 || op3 == 2) {
            put_operand(&e, op3, i >> 7);
            add_encoding(all, &e, t);
        }
    }
}

/* ---- what forms reach ---- */

static void take_instructions(GHashTable *all, const uint8_t *bytes, unsigned len, unsigned bits, const Translator *t)
{
    Insn in;

    for (unsigned at = 0; at < len && decode(bytes + at, len - at + EXIT_BYTES, bits, &in); at += in.len) {
        g_autofree char *key = key_of(&in, t);

        if (key) {
            g_hash_table_remove(all, key);
        }
    }
}

static void take_forms(GHashTable *all, const FormList *forms, unsigned bits, const Translator *t)
{
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    g_autofree uint8_t *arena = g_malloc0(CODE_SIZE);
    g_autofree Code *codes = NULL;

    for (unsigned i = 0; i < forms->n; i++) {
        Rng r = { hash_text(1, forms->form[i].name) };

        for (unsigned k = 0; k < 16 && forms->form[i].bits == bits; k++) {
            g_ptr_array_add(texts, instance_make(&forms->form[i], &r, false).text);
        }
    }
    codes = g_new0(Code, texts->len + 1);
    for (unsigned done = 0, fit; done < texts->len; done += fit) {
        fit = assemble((char **)texts->pdata + done, texts->len - done, bits, codes, arena);
        for (unsigned i = 0; i < fit; i++) {
            take_instructions(all, arena + codes[i].off, codes[i].len, bits, t);
        }
    }
}

/* The bytes, and what the disassembler makes of them. */
static char *encoding_text(const Encoding *e)
{
    GString *s = g_string_new(NULL);
    const char *mnemonic;
    char *text = NULL;
    size_t size;
    FILE *m = open_memstream(&text, &size);

    code_print(m, e->bytes, e->len, 0, e->bits);
    fclose(m);
    for (unsigned i = 0; i < e->len; i++) {
        g_string_append_printf(s, "%02x ", e->bytes[i]);
    }
    mnemonic = strstr(text, ":  ") ? strstr(strstr(text, ":  ") + 3, "  ") : NULL;
    if (mnemonic) {
        mnemonic += strspn(mnemonic, " ");
        g_string_append_printf(s, "%*s%.*s", (int)(32 - MIN(s->len, 31)), "", (int)strcspn(mnemonic, "\n"), mnemonic);
    }
    free(text);
    return g_string_free(s, FALSE);
}

static gint by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void print_rest(GHashTable *all)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter it;
    gpointer value;

    g_hash_table_iter_init(&it, all);
    while (g_hash_table_iter_next(&it, NULL, &value)) {
        g_ptr_array_add(lines, encoding_text(value));
    }
    g_ptr_array_sort(lines, by_name);
    for (unsigned i = 0; i < lines->len; i++) {
        printf("  %s\n", (char *)lines->pdata[i]);
    }
}

void print_missing(const FormList *forms)
{
    Translator t = { .env = guest_env() };

    for (unsigned bits = 64; bits >= 32; bits /= 2) {
        g_autoptr(GHashTable) all = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        unsigned total;

        t.code64 = bits == 64;
        for (unsigned i = 0; i < 4 * 256; i++) {
            add_legacy(all, i >> 8, i & 255, bits, &t);
            if (i >> 8) {
                add_vex(all, i >> 8, i & 255, bits, &t);
            }
        }
        total = g_hash_table_size(all);
        take_forms(all, forms, bits, &t);
        printf("%u-bit: %u encodings, no form for %u:\n", bits, total, g_hash_table_size(all));
        print_rest(all);
    }
}
