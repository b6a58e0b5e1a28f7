/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What instructions do to the status flags, by mnemonic: which they define, which they leave undefined, which they
 * read. Follows SDM vol. 1, appendix A ("EFLAGS Cross-Reference") and the sections of vol. 2.
 */
#include "insn-test.h"

#define ALL F_STATUS

typedef struct FlagRow {
    const char *mnemonics;      /* separated by blanks */
    uint32_t sets, undefined, reads;
} FlagRow;

static const FlagRow rows[] = {
    { "add sub cmp neg xadd cmpxchg popcnt rdrand rdseed comiss comisd ucomiss ucomisd ptest "
      "vcomiss vcomisd vucomiss vucomisd vptest vtestps vtestpd vpcmpestri vpcmpestrm vpcmpistri vpcmpistrm "
      "fcomi fcomip fucomi fucomip "
      "pcmpestri pcmpestrm pcmpistri pcmpistrm popf popfq popfw popfd", ALL, 0, 0 },
    { "adc sbb", ALL, 0, F_C },
    { "and or xor test", ALL & ~F_A, F_A, 0 },
    { "inc dec", ALL & ~F_C, 0, 0 },
    /* A count of 0 changes nothing, so nothing is sure to be defined. */
    { "shl sal shr", 0, F_O | F_A | F_C, 0 },
    { "sar", 0, F_O | F_A, 0 },
    { "shld shrd", 0, ALL, 0 },
    { "rol ror", 0, F_O, 0 },
    { "rcl rcr", 0, F_O, F_C },
    { "mul imul", F_O | F_C, ALL & ~(F_O | F_C), 0 },
    { "div idiv", 0, ALL, 0 },
    { "bsf bsr", F_Z, ALL & ~F_Z, 0 },
    { "tzcnt lzcnt", F_C | F_Z, ALL & ~(F_C | F_Z), 0 },
    { "bt bts btr btc", F_C, F_O | F_S | F_A | F_P, 0 },
    { "bzhi blsr blsi blsmsk andn", F_O | F_S | F_Z | F_C, F_A | F_P, 0 },
    { "bextr", F_O | F_Z | F_C, F_A | F_S | F_P, 0 },
    { "adcx", F_C, 0, F_C },
    { "adox", F_O, 0, F_O },
    { "clc stc", F_C, 0, 0 },
    { "cmc salc", F_C, 0, F_C },
    { "lahf", 0, 0, ALL & ~F_O },
    { "sahf", ALL & ~F_O, 0, 0 },
    { "pushf pushfq pushfw pushfd", 0, 0, ALL },
    { "cmpxchg8b cmpxchg16b arpl lar lsl verr verw", F_Z, 0, 0 },
    { "loope loopne loopz loopnz", 0, 0, F_Z },
    { "scasb scasw scasd scasq cmpsb cmpsw cmpsd cmpsq", 0, 0, 0 },
    { "daa das", ALL & ~F_O, F_O, F_A | F_C },
    { "aaa aas", F_A | F_C, ALL & ~(F_A | F_C), F_A },
    { "aam aad", F_S | F_Z | F_P, F_O | F_A | F_C, 0 },
    { "into", 0, 0, F_O },
    { "fcmovb fcmovnb", 0, 0, F_C },
    { "fcmove fcmovne", 0, 0, F_Z },
    { "fcmovbe fcmovnbe", 0, 0, F_C | F_Z },
    { "fcmovu fcmovnu", 0, 0, F_P },
};

/* Condition codes by the letters behind j, set, cmov. */
static const struct { const char *names; uint32_t reads; } conditions[] = {
    { "o no", F_O }, { "b nb c nc ae nae", F_C }, { "e ne z nz", F_Z }, { "be nbe a na", F_C | F_Z }, { "s ns", F_S },
    { "p np pe po", F_P }, { "l nl ge nge", F_S | F_O }, { "le nle g ng", F_S | F_O | F_Z },
};

static bool word_in(const char *word, const char *list)
{
    size_t len = strlen(word);

    for (const char *p = list; (p = strstr(p, word)); p += len) {
        if ((p == list || p[-1] == ' ') && (p[len] == ' ' || !p[len])) {
            return true;
        }
    }
    return false;
}

static uint32_t condition_reads(const char *m)
{
    const char *cond = g_str_has_prefix(m, "set")    ? m + 3
                       : g_str_has_prefix(m, "cmov") ? m + 4
                       : *m == 'j'                   ? m + 1
                                                     : "";

    for (unsigned i = 0; *cond && i < ARRAY_SIZE(conditions); i++) {
        if (word_in(cond, conditions[i].names)) {
            return conditions[i].reads;
        }
    }
    return 0;
}

/* The mnemonic behind labels and prefixes; rest: what follows it. */
static char *mnemonic_of(const char *insn, const char **rest)
{
    static const char prefixes[] =
        "lock rep repe repne repz repnz xacquire xrelease bnd data16 addr32 rex.w rex64 cs ds es ss fs gs";
    g_autofree char *word = NULL;

    for (;;) {
        size_t len;

        insn += strspn(insn, " \t");
        len = strcspn(insn, " \t");
        g_free(word);
        word = g_strndup(insn, len);
        insn += len;
        if (!len || (!g_str_has_suffix(word, ":") && !word_in(word, prefixes) && *word != '{')) {
            *rest = insn;
            return g_steal_pointer(&word);
        }
    }
}

static FlagUse use_of_one(const char *insn)
{
    const char *rest;
    g_autofree char *m = mnemonic_of(insn, &rest);

    for (unsigned i = 0; *m && i < ARRAY_SIZE(rows); i++) {
        if (word_in(m, rows[i].mnemonics)) {
            return (FlagUse) { rows[i].sets, rows[i].undefined, rows[i].reads };
        }
    }
    return (FlagUse) { .reads = condition_reads(m) };
}

/* Instructions that a jump may skip define nothing. */
FlagUse flag_use(const char *text)
{
    g_auto(GStrv) insns = g_strsplit(text, ";", -1);
    bool jumps = strstr(text, "9f") || strstr(text, "9b");
    FlagUse all = { 0 };

    for (char **p = insns; *p; p++) {
        FlagUse u = use_of_one(*p);

        all.reads |= u.reads & ~(jumps ? 0 : all.sets);
        all.undefined = (all.undefined & ~(jumps ? 0 : u.sets)) | u.undefined;
        all.sets = jumps ? 0 : (all.sets & ~u.undefined) | u.sets;
    }
    return all;
}

static unsigned operand_width(const char *op, char size_hint)
{
    if (strstr(op, "byte ptr")) {
        return 8;
    }
    if (strstr(op, "word ptr") && !strstr(op, "dword") && !strstr(op, "qword")) {
        return 16;
    }
    if (strstr(op, "qword ptr")) {
        return 64;
    }
    op += strspn(op, " \t");
    if (*op == 'r') {
        return strchr(op, 'd') && g_ascii_isdigit(op[1])   ? 32
               : strchr(op, 'w')                           ? 16
               : g_ascii_isdigit(op[1]) && strchr(op, 'b') ? 8
                                                           : 64;
    }
    if (*op == 'e') {
        return 32;
    }
    return op[1] == 'l' || op[1] == 'h' || op[2] == 'l' ? 8 : 16;
}

uint32_t flags_undefined_after(const char *text, const CpuState *in)
{
    const char *rest;
    g_autofree char *m = mnemonic_of(text, &rest);
    g_auto(GStrv) ops = NULL;
    unsigned n, width, count;

    if (strchr(text, ';') || !word_in(m, "shl sal shr sar shld shrd rol ror rcl rcr")) {
        return flag_use(text).undefined;
    }
    ops = g_strsplit(rest, ",", -1);
    n = g_strv_length(ops);
    width = operand_width(ops[0], 0);
    count = n < 2                      ? 1
            : strstr(ops[n - 1], "cl") ? (unsigned)in->gpr[RCX] & 0xff
                                       : (unsigned)strtoul(ops[n - 1], NULL, 0);
    count &= width == 64 ? 63 : 31;
    if (!count) {
        return 0;
    }
    if (n == 3) {
        return count > width ? ALL : F_A | (count > 1 ? F_O : 0);
    }
    if (strchr("r", *m)) {
        return count > 1 ? F_O : 0;
    }
    return F_A | (count > 1 && *m == 's' && strcmp(m, "sar") ? F_O : 0) |
           (count >= width && strcmp(m, "sar") ? F_C : 0);
}
