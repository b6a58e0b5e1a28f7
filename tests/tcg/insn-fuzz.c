/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random bytes as instructions: prefixes in any number and order, VEX, every opcode, any ModRM. What the decoder takes
 * for an instruction must be one on the host, of the same length and with the same effect; what it refuses, the host
 * must refuse with the same exception.
 *
 * Left out: what would leave the test (system calls, far transfers, FS), what two runs cannot agree on (time, random
 * numbers, CPUID), jumps (they are in the sweeps), and instruction sets that the emulator does not have.
 */
#include "insn-test.h"
#include "target-i386/decode.h"

#define SLOT 64
#define PER_BATCH 4000
#define STATES 3

typedef struct Fuzz {
    uint8_t bytes[24];
    unsigned prefixes, len;     /* len: what the decoder says, or of the part that is kept when it refuses */
    unsigned map, opcode, modrm;
    uint8_t rep;                /* last of F2, F3 */
    bool p66, vex;
    uint64_t seed;
    DecodeStatus status;
} Fuzz;

static int no_more_bytes(void *opaque, uint64_t linear)
{
    return -1;
}

static DecodeStatus decode(const uint8_t *bytes, unsigned n, unsigned bits, unsigned *len)
{
    uint32_t size = test_mode(bits)->bits == 64 ? MK_CS64 : test_mode(bits)->bits == 32 ? MK_CS32 : 0;
    CodeReader code = { .mk = MK_PE | MK_LMA | MK_FLAT_CS | size, .cs_limit = ~0u, .host = bytes, .host_lo = 0x1000,
                        .host_hi = 0x1000 + n, .slow = no_more_bytes };
    Insn in;
    DecodeStatus st = insn_decode(&code, 0x1000, &in);

    *len = in.len;
    return st;
}

/* ---- making ---- */

static bool have_vex(void)
{
    static int known = -1;

    if (known < 0) {
        known = native_has("avx2") && native_has("fma") && native_has("f16c") && native_has("vaes") &&
                native_has("vpclmulqdq");
    }
    return known;
}

/* Fields that have to have one value mostly have it. */
static uint8_t *random_vex(Fuzz *f, uint8_t *p, Rng *r, unsigned bits)
{
    uint8_t last = (uint8_t)((rng_one_in(r, 2) ? 0x78 : rng_below(r, 16) << 3) | rng_below(r, 8));

    f->vex = true;
    f->map = rng_one_in(r, 40) ? rng_below(r, 32) : 1 + rng_below(r, 3);
    if (rng_one_in(r, 4)) {
        f->map = 1;
        *p++ = 0xc5;
        *p++ = bits != 64 ? last | 0xc0 : last | (rng_one_in(r, 2) ? 0 : 0x80);     /* 32-bit: else LDS */
    } else {
        *p++ = 0xc4;
        *p++ = (uint8_t)(f->map | (bits == 64 ? rng_below(r, 8) << 5 : 0xc0 | rng_below(r, 2) << 5));
        *p++ = last | (uint8_t)(rng_below(r, 2) << 7);
    }
    return p;
}

static uint8_t *random_legacy(Fuzz *f, uint8_t *p, Rng *r)
{
    f->map = rng_below(r, 10);
    f->map = f->map < 4 ? 0 : f->map < 8 ? 1 : f->map - 6;
    if (f->map) {
        *p++ = 0x0f;
    }
    if (f->map > 1) {
        *p++ = f->map == 2 ? 0x38 : 0x3a;
    }
    return p;
}

static void random_bytes(Fuzz *f, Rng *r, unsigned bits)
{
    static const uint8_t prefixes[] = { 0x66, 0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x3e, 0x26, 0x36, 0x65 };
    uint8_t *p = f->bytes;

    for (unsigned n = rng_one_in(r, 3) ? rng_below(r, 4) : rng_below(r, 2); n; n--) {
        *p = prefixes[rng_below(r, ARRAY_SIZE(prefixes) - (bits != 64))];
        f->rep = *p == 0xf2 || *p == 0xf3 ? *p : f->rep;
        f->p66 |= *p++ == 0x66;
    }
    if (rng_one_in(r, 3) && have_vex()) {
        p = rng_one_in(r, 8) ? p : f->bytes;            /* prefixes make it undefined */
        f->prefixes = (unsigned)(p - f->bytes);
        p = random_vex(f, p, r, bits);
    } else {
        if (bits == 64 && rng_one_in(r, 2)) {
            *p++ = (uint8_t)(0x40 | rng_below(r, 16));
        }
        f->prefixes = (unsigned)(p - f->bytes);
        p = random_legacy(f, p, r);
    }
    *p++ = (uint8_t)(f->opcode = rng_below(r, 256));
    *p++ = (uint8_t)(f->modrm = rng_below(r, 256));
    for (unsigned i = 0; p < f->bytes + sizeof(f->bytes); i++) {    /* SIB, displacement, immediate: often small */
        uint64_t v = rng_one_in(r, 3) ? rng64(r) : rng_below(r, 0x180);

        *p++ = (uint8_t)(v >> 8 * (i & 3));
    }
}

/* ---- what is left out ---- */

static bool in_list(unsigned op, const char *list)
{
    for (const char *p = list; *p; p += strcspn(p, " "), p += *p == ' ') {
        char *end;
        unsigned lo = (unsigned)strtoul(p, &end, 16), hi = *end == '-' ? (unsigned)strtoul(end + 1, NULL, 16) : lo;

        if (op >= lo && op <= hi) {
            return true;
        }
    }
    return false;
}

static bool unwanted_1b(const Fuzz *f, unsigned bits)
{
    unsigned op = f->opcode, reg = f->modrm >> 3 & 7;

    /* FS prefix, BOUND/EVEX, jumps, POPF, far RET and IRET, VEX, INT n, ICEBP, CALL and JMP */
    if (in_list(op, "0f 26 2e 36 3e 62 64-67 70-7f 9a 9d c4 c5 ca cb cd cf e0-e3 e8-eb ea f0 f1 f2 f3") ||
        (bits == 64 && (op & 0xf0) == 0x40)) {
        return true;
    }
    if (bits != 64 && in_list(op, "07 17 1f")) {
        return true;
    }
    /* AMD: PAUSE with REX.B exchanges; INS and OUTS check the port though the count is 0 */
    if ((op == 0x90 && f->rep == 0xf3) || in_list(op, "6c-6f")) {
        return true;
    }
    /* MOV to a segment register; XOP; far and near indirect transfers; RET */
    /* and FNSTENV, FNSAVE: the pointers they store differ between vendors */
    return op == 0x8e || ((op == 0xd9 || op == 0xdd) && reg == 6 && f->modrm < 0xc0) || (op == 0x8f && reg) ||
           (op == 0xff && reg >= 2 && reg <= 5) || op == 0xc2 || op == 0xc3 || op == 0xd6 ||
           (op == 0xc7 && f->modrm == 0xf8) || (op == 0xc6 && f->modrm == 0xf8);
}

static bool unwanted_0f(const Fuzz *f, unsigned bits)
{
    unsigned op = f->opcode, reg = f->modrm >> 3 & 7;

    /* system calls, time, CPUID, jumps, POP FS/GS, LSS and LFS, 3DNow!, SSE4a, EVEX remains, UD0 */
    if (in_list(op,
                "00 01 02 03 05 07 0e 0f 1a 1b 1c 1e 31 33 34 35 37 77 78 79 80-8f a1 a2 a6 a7 a9 b2 b4 b5 b9 ff")) {
        return true;
    }
    return (op == 0xc7 && reg != 1) || op == 0xae || (op == 0x2b && f->rep) || (op == 0x0d) || (op == 0x18) ||
           op == 0x38 || op == 0x3a || (op >= 0x20 && op <= 0x23) ||
           (f->p66 != (bits == 16) && in_list(op, "a4 a5 ac ad")) || (op == 0xbc && f->rep == 0xf2) ||
           (op == 0xbd && f->rep == 0xf2) || (op == 0xb8 && f->rep != 0xf3);
}

/*
 * Opmask registers, (V)LDMXCSR; VNNI, NE-CONVERT, IFMA, SHA512, SM3, SM4, AMX, GFNI, CMPccXADD; FMA4. VPERMQ and
 * VPERMPD with W0, which AMD accepts.
 */
static bool unwanted_vex(const Fuzz *f)
{
    switch (f->map) {
    case 1: return in_list(f->opcode, "41-4b 90-93 98 99 ae");
    case 2: return in_list(f->opcode, "48-6f 72 b0 b1 b4 b5 ca-d3 da e0-ef f2-f7") && !in_list(f->opcode, "58-5a");
    case 3: return in_list(f->opcode, "00 01 30-33 48-7f cc-cf de f0") && !in_list(f->opcode, "60-63 4a-4c");
    default: return f->map != 0;        /* no such map, today */
    }
}

static bool unwanted(const Fuzz *f, unsigned bits)
{
    if (f->vex) {
        return unwanted_vex(f);
    }
    switch (f->map) {
    case 0: return unwanted_1b(f, bits);
    case 1: return unwanted_0f(f, bits);
    /* SHA, GFNI, key locker, MOVDIR, INVPCID */
    case 2: return in_list(f->opcode, "80-82 c8-cf d8 dc-df f2-f5 f7-ff 50-5f 8a-8b");
    default: return in_list(f->opcode, "cc ce cf f0");
    }
}

static void fuzz_make(Fuzz *f, uint64_t seed, unsigned bits)
{
    Rng r = { hash_text(seed, "bytes") };

    do {
        memset(f, 0, sizeof(*f));
        random_bytes(f, &r, bits);
    } while (unwanted(f, bits));
    f->seed = seed;
    f->status = decode(f->bytes, sizeof(f->bytes), bits, &f->len);
    if (f->status != DECODE_OK) {       /* of what follows nothing may run */
        f->len = f->prefixes + (f->vex ? (f->bytes[f->prefixes] == 0xc4 ? 4 : 3) : f->map > 1 ? 3 : f->map + 1) + 1;
    }
}

/* ---- running ---- */

/* Every register may be a base: half of them point into the area, the others are small. */
static void fuzz_state(CpuState *s, Rng *r, unsigned bits)
{
    state_random(s, r, FORM_FLOAT | FORM_X87);
    for (unsigned i = 0; i < 16; i++) {
        unsigned kind = rng_below(r, 4);

        s->gpr[i] = kind == 0 ? rng_interesting(r) : kind == 1 ? rng_below(r, 0x200) :
                    0x400 + rng_below(r, 0x1800) + (test_mode(bits)->ldt ? 0 : DATA_BASE);
        if (bits != 64) {
            s->gpr[i] = (uint32_t)s->gpr[i];
        }
    }
    s->gpr[RCX] = rng_one_in(r, 2) ? rng_below(r, 40) : s->gpr[RCX];    /* REP */
    s->gpr[RCX] = (s->gpr[RCX] & 0xffff) | !native_is_intel();      /* see string_registers() in insn-state.c */
    if (rng_one_in(r, 2)) {
        s->gpr[RSP] = test_mode(bits)->sp;
    }
}

static char *disassemble(const Fuzz *f, const Code *c)
{
    char *text = NULL, *line;
    size_t size;
    FILE *m = open_memstream(&text, &size);

    code_print(m, f->bytes, f->len, CODE_BASE + c->off, test_mode(c->bits)->bits);
    fclose(m);
    line = g_strndup(text, strcspn(text, "\n"));
    free(text);
    return line;
}

/* "0x...:  bytes   mnemonic operands" */
static const char *mnemonic_in(const char *line)
{
    const char *p = strstr(line, ":  ");

    p = p ? strstr(p + 3, "  ") : NULL;
    return p ? p + strspn(p, " ") : "";
}

/* Flags that two CPUs may disagree on; the count of a shift may be anything. */
static uint32_t fuzz_undefined(const char *mnemonic, const CpuState *native)
{
    static const char *const partial[] = { "scas", "cmps" };
    g_autofree char *m = NULL;

    for (unsigned i = 0; native->vector != ENDED && i < ARRAY_SIZE(partial); i++) {
        if (strstr(mnemonic, partial[i])) {
            return F_STATUS;
        }
    }
    if (native->vector != ENDED) {
        return 0;
    }
    m = g_strdup(mnemonic);
    return flag_use(m).undefined | (strstr(m, "sal ") ? F_O | F_A | F_C : 0);
}

/* Two things are wrong: misaligned and beyond the limit of SS, source and destination of a string. Vendors differ. */
static bool faults_in_other_order(const Fuzz *f, const CpuState *native, const CpuState *guest)
{
    return (f->map && native->vector == 13 && guest->vector == 12) ||
           (!f->map && in_list(f->opcode, "a4-a7") && native->vector >= 12 && guest->vector >= 12 &&
            native->vector != guest->vector);
}

static bool fuzz_one(const Fuzz *f, const Code *code, unsigned *failures)
{
    Rng r = { hash_text(f->seed, "state") };
    g_autofree char *line = disassemble(f, code);

    current_test = line;
    area_fill(initial_area, &r);
    for (unsigned k = 0; k < STATES; k++) {
        CpuState s, native = { 0 }, guest = { 0 };
        Checks checks = { 0 };
        g_autofree char *diff = NULL;

        fuzz_state(&s, &r, code->bits);
        run_both(code, &s, &native, &guest);
        if (!native_is_intel()) {
            checks.undefined = fuzz_undefined(mnemonic_in(line), &native);
            checks.ignore_simd_flags = native.vector == 19;
            checks.ignore_x87 = native.vector != ENDED && f->map == 1 && f->opcode == 0xf7;
        }
        if (!native_is_intel() && faults_in_other_order(f, &native, &guest)) {
            continue;
        }
        diff = g_string_free(states_compare(&native, &guest, &checks), FALSE);
        if (*diff && memcmp((void *)(uintptr_t)(CODE_BASE + code->off), f->bytes, f->len)) {
            /* a test before it has written here: what runs now is not what the flags are known of */
            return true;
        }
        if (*diff) {
            if ((*failures)++ < opt.max_failures) {
                g_autofree char *what = g_strdup_printf("bytes (%s); again: --fuzz --seed %" PRIu64 " --count 1",
                                                        f->status == DECODE_OK ? "an instruction" : "refused", f->seed);

                report_failure(&(Failure) { .what = what, .text = mnemonic_in(line), .differences = diff, .code = code,
                                            .bytes = f->bytes, .in = &s });
            }
            return false;
        }
    }
    return true;
}

static void fuzz_batch(uint64_t seed, unsigned n, unsigned bits, unsigned *failures)
{
    g_autofree Fuzz *all = g_new0(Fuzz, n);
    g_autofree Code *codes = g_new0(Code, n);
    g_autofree uint8_t *arena = g_malloc(CODE_SIZE);

    memset(arena, 0xcc, CODE_SIZE);
    for (unsigned i = 0; i < n; i++) {
        fuzz_make(&all[i], seed + i, bits);
        codes[i] = (Code) { .off = i * SLOT, .len = all[i].len, .bits = (uint8_t)bits, .trap = true };
        memcpy(arena + codes[i].off, all[i].bytes, all[i].len);
    }
    load_code(arena, codes, n);
    for (unsigned i = 0; i < n; i++) {
        fuzz_one(&all[i], &codes[i], failures);
    }
}

void fuzz_bytes(unsigned bits)
{
    const unsigned batch = MIN(PER_BATCH, test_mode(bits)->code_size / SLOT);
    unsigned failures = 0;

    for (unsigned done = 0; done < opt.count; done += batch) {
        fuzz_batch(opt.seed + done, MIN(opt.count - done, batch), bits, &failures);
    }
    tap(!failures, "random bytes, mode %u: %u from seed %" PRIu64 ", %u differ", bits, opt.count, opt.seed, failures);
}
