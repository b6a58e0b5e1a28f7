/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text to bytes through the GNU assembler: one call for as many tests as fit into the arena.
 *
 * Each text becomes a line of its own, so that the assembler's messages name it. A second section lists where each
 * begins and how long it is; all differences are within one section, and the object needs no linking.
 */
#include "insn-test.h"
#include <elf.h>

#define MAX_INSN 15

static const char prologue[] =
    ".intel_syntax noprefix; "
    ".set mem, 0x10000400; .set mem2, 0x10000800; .set edge, 0x10001000; .set readonly, 0x10002000; "
    ".set missing, 0x10003000; .set data2, 0x10004000; .set stack, 0x10005000; .section tab, \"a\"; .text; base:\n";

static size_t room_for(const char *text)
{
    size_t insns = 1;

    for (const char *p = text; *p; p++) {
        insns += *p == ';';
    }
    return insns * MAX_INSN + EXIT_BYTES + 16;
}

static char *source_text(char *const *texts, unsigned n, unsigned bits, const bool *bad)
{
    GString *s = g_string_new(prologue);

    g_string_append_printf(s, ".code%u\n", test_mode(bits)->bits);
    for (unsigned i = 0; i < n; i++) {
        g_string_append_printf(
            s, ".p2align 4; 771: %s; 772: .skip %d, 0xcc; .section tab; .long 771b - base, 772b - 771b; .text\n",
            bad[i] ? "" : texts[i], EXIT_BYTES);
    }
    return g_string_free(s, FALSE);
}

static const Elf64_Shdr *find_section(const uint8_t *elf, const char *name)
{
    const Elf64_Ehdr *eh = (const Elf64_Ehdr *)elf;
    const Elf64_Shdr *sh = (const Elf64_Shdr *)(elf + eh->e_shoff);
    const char *names = (const char *)elf + sh[eh->e_shstrndx].sh_offset;

    for (unsigned i = 0; i < eh->e_shnum; i++) {
        if (!strcmp(names + sh[i].sh_name, name)) {
            return &sh[i];
        }
    }
    return NULL;
}

/* Marks the texts that messages "FILE:LINE: Error: ..." name; false when there is none. */
static bool mark_bad(const char *messages, char *const *texts, unsigned n, bool *bad)
{
    g_auto(GStrv) lines = g_strsplit(messages, "\n", -1);
    bool any = false;

    for (char **l = lines; *l; l++) {
        const char *error = strstr(*l, "Error:"), *colon = strchr(*l, ':');
        unsigned line = error && colon ? (unsigned)strtoul(colon + 1, NULL, 10) : 0;

        if (line >= 3 && line - 3 < n && !bad[line - 3]) {
            bad[line - 3] = any = true;
            fprintf(stderr, "# not assembled: %s: %s\n", texts[line - 3], error);
        }
    }
    return any;
}

static bool run_assembler(const char *source, const char *object, char **messages)
{
    const char *as = g_getenv("AS");
    char *argv[] = { (char *)(as ? as : "as"), "--64", "-o", (char *)object, (char *)source, NULL };
    g_autoptr(GError) err = NULL;
    int status;

    if (!g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, messages, &status, &err)) {
        *messages = g_strdup(err->message);
        return false;
    }
    return status == 0;
}

static void take_object(const uint8_t *elf, unsigned n, unsigned bits, const bool *bad, Code *codes, uint8_t *arena)
{
    const Elf64_Shdr *text = find_section(elf, ".text"), *tab = find_section(elf, "tab");

    g_assert(text && tab && tab->sh_size == n * 8);
    memcpy(arena, elf + text->sh_offset, MIN(text->sh_size, CODE_SIZE));
    for (unsigned i = 0; i < n; i++) {
        uint32_t entry[2];      /* start, length */

        memcpy(entry, elf + tab->sh_offset + i * sizeof(entry), sizeof(entry));
        /* Operands may lie in the small modes' code segments: the ways out must look the same. */
        codes[i] = (Code) { .off = entry[0], .len = bad[i] ? 0 : entry[1], .bits = (uint8_t)bits,
                            .trap = test_mode(bits)->ldt };
    }
}

unsigned assemble(char *const *texts, unsigned n, unsigned bits, Code *codes, uint8_t *arena)
{
    g_autofree char *dir = g_dir_make_tmp("insn-XXXXXX", NULL);
    g_autofree char *source = g_build_filename(dir, "a.s", NULL), *object = g_build_filename(dir, "a.o", NULL);
    g_autofree bool *bad = g_new0(bool, n + 1);
    g_autofree char *elf = NULL;
    size_t size = 0;
    unsigned fit = 0;
    bool done = false;

    while (fit < n && size + room_for(texts[fit]) <= test_mode(bits)->code_size) {
        size += room_for(texts[fit++]);
    }
    while (!done) {
        g_autofree char *text = source_text(texts, fit, bits, bad), *messages = NULL;

        g_assert(g_file_set_contents(source, text, -1, NULL));
        done = run_assembler(source, object, &messages);
        if (!done && !mark_bad(messages, texts, fit, bad)) {
            g_error("the assembler failed: %s", messages);
        }
    }
    g_assert(g_file_get_contents(object, &elf, NULL, NULL));
    take_object((const uint8_t *)elf, fit, bits, bad, codes, arena);
    unlink(source);
    unlink(object);
    rmdir(dir);
    return fit;
}
