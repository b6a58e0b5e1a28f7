/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decoder by itself: lengths, prefixes, operand sizes, what is undefined, and that no bytes can confuse it.
 */
#include "qemu/osdep.h"
#include "target-i386/decode.h"

#define LINEAR 0x1000ull

static int no_byte(void *opaque, uint64_t linear)
{
    return -1;
}

static CodeReader reader(const uint8_t *bytes, size_t n, uint32_t mk)
{
    return (CodeReader) {
        .mk = mk, .cs_limit = ~0u, .host = bytes, .host_lo = LINEAR, .host_hi = LINEAR + n, .slow = no_byte,
    };
}

#define M64 (MK_CS64 | MK_PE | MK_LMA | MK_FLAT_CS)
#define M32 (MK_CS32 | MK_PE | MK_FLAT_CS)
#define M16 (MK_PE | MK_FLAT_CS)
#define MREAL MK_FLAT_CS

static DecodeStatus decode_text(const char *hex, uint32_t mk, Insn *in)
{
    uint8_t bytes[64];
    size_t n = 0;
    CodeReader r;

    for (const char *p = hex; *p;) {
        char *end;

        bytes[n++] = (uint8_t)strtoul(p, &end, 16);
        p = end;
        while (*p == ' ') {
            p++;
        }
    }
    r = reader(bytes, n, mk);
    return insn_decode(&r, LINEAR, in);
}

typedef struct Case {
    const char *hex;
    uint32_t mk;
    const char *name;           /* of the row; NULL: #UD */
    uint8_t len, opsize;
} Case;

static const Case cases[] = {
    { "90", M64, "nop", 1, 4 },
    { "41 90", M64, "xchg", 2, 4 },
    { "f3 90", M64, "pause", 2, 4 },
    { "f3 41 90", M64, "pause", 3, 4 },
    { "48 66 ff c0", M64, "inc", 4, 2 },            /* REX before a legacy prefix does not count */
    { "66 48 ff c0", M64, "inc", 4, 8 },
    { "40 48 ff c0", M64, "inc", 4, 8 },
    { "ff c0", M64, "inc", 2, 4 },
    { "40", M32, "inc", 1, 4 },
    { "66 40", M32, "inc", 2, 2 },
    { "40", MREAL, "inc", 1, 2 },
    { "50", M64, "push", 1, 8 },
    { "66 50", M64, "push", 2, 2 },
    { "66 e9 00 00 00 00", M64, "jmp", 6, 8 },
    { "66 e9 00 00", M32, "jmp", 4, 2 },
    { "48 b8 01 02 03 04 05 06 07 08", M64, "mov", 10, 8 },
    { "48 a1 01 02 03 04 05 06 07 08", M64, "mov", 10, 8 },
    { "67 a1 01 02 03 04", M64, "mov", 6, 4 },
    { "a1 01 02", MREAL, "mov", 3, 2 },
    { "f2 f3 0f b8 c1", M64, "popcnt", 5, 4 },
    { "f3 f2 0f b8 c1", M64, NULL, 0, 0 },
    { "66 f3 0f b8 c1", M64, "popcnt", 5, 2 },
    { "f3 0f 1e fa", M64, "nop", 4, 4 },
    { "0f 1f 84 00 00 00 00 00", M64, "nop", 8, 4 },
    { "0f 0b", M64, "ud", 2, 4 },
    { "f0 01 00", M64, "add", 3, 4 },
    { "f0 01 c0", M64, NULL, 0, 0 },                /* LOCK needs memory */
    { "f0 03 00", M64, NULL, 0, 0 },
    { "f0 39 00", M64, NULL, 0, 0 },                /* ... and not CMP */
    { "f0 90", M64, NULL, 0, 0 },
    { "f0 0f ba 20 01", M64, NULL, 0, 0 },          /* ... nor BT */
    { "f0 0f ba 28 01", M64, "bts", 5, 4 },
    { "f0 0f c7 08", M64, "cmpxchg8b", 4, 4 },
    { "0f c7 c8", M64, NULL, 0, 0 },
    { "c4 00", M32, "lxs", 2, 4 },
    { "c4 e2 78 f2 c1", M32, "andn", 5, 4 },
    { "c4 e2 78 f2 c1", MREAL, NULL, 0, 0 },
    { "66 c4 e2 78 f2 c1", M64, NULL, 0, 0 },
    { "c4 e2 f8 f2 c1", M64, "andn", 5, 8 },
    { "63 c1", M64, "mov", 2, 4 },
    { "48 63 c1", M64, "movsx", 3, 8 },
    { "63 c1", M32, "arpl", 2, 4 },
    { "63 c1", MREAL, NULL, 0, 0 },
    { "06", M64, NULL, 0, 0 },
    { "82 c0 01", M64, NULL, 0, 0 },
    { "82 c0 01", M32, "add", 3, 4 },
    { "d6", M32, "salc", 1, 4 },
    { "d6", M64, NULL, 0, 0 },
    { "8d c0", M64, NULL, 0, 0 },                   /* LEA of a register */
    { "8f c0", M64, "pop", 2, 8 },
    { "8f c8", M64, NULL, 0, 0 },
    { "c7 c8 00 00 00 00", M64, NULL, 0, 0 },
    { "c6 00 01", M64, "mov", 3, 4 },
    { "fe d0", M64, NULL, 0, 0 },
    { "ff f8", M64, NULL, 0, 0 },
    { "ff d8", M64, NULL, 0, 0 },
    { "f6 c8 01", M64, "test", 3, 4 },              /* alias */
    { "c0 f0 01", M64, "shl", 3, 4 },               /* alias */
    { "0f 20 00", M64, "mov_from_cr", 3, 4 },       /* mod does not matter */
    { "0f 01 d0", M64, "xgetbv", 3, 4 },
    { "66 0f 01 d0", M64, NULL, 0, 0 },
    { "0f 01 f8", M64, "swapgs", 3, 4 },
    { "0f 01 f8", M32, NULL, 0, 0 },
    { "0f 01 38", M64, "invlpg", 3, 4 },
    { "0f ae e8", M64, "fence", 3, 4 },
    { "f3 0f ae d0", M64, "wrfsgsbase", 4, 4 },
    { "f3 0f ae d0", M32, NULL, 0, 0 },
    { "0f 38 f0 00", M64, "movbe", 4, 4 },
    { "0f 38 f0 c0", M64, NULL, 0, 0 },
    { "f2 0f 38 f1 c0", M64, "crc32", 5, 4 },
    { "66 0f 58 c1", M64, "sse", 4, 2 },
    { "c8 34 12 05", M64, "enter", 4, 8 },
    { "ea 78 56 34 12 08 00", M32, "far_jmp", 7, 4 },
    { "ea 78 56 08 00", MREAL, "far_jmp", 5, 2 },
    { "ea 78 56 34 12 08 00", M64, NULL, 0, 0 },
};

static void test_rows(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        const Case *c = &cases[i];
        Insn in;
        DecodeStatus st = decode_text(c->hex, c->mk, &in);

        if (!c->name) {
            if (st != DECODE_UD) {
                g_error("%s: status %d, wanted #UD", c->hex, st);
            }
            continue;
        }
        if (st != DECODE_OK || strcmp(in.row->name, c->name) || in.len != c->len || in.opsize != c->opsize) {
            g_error("%s: status %d, %s, %u bytes, operand size %u; wanted %s, %u, %u", c->hex, st,
                    st == DECODE_OK ? in.row->name : "-", in.len, in.opsize, c->name, c->len, c->opsize);
        }
    }
}

static void test_fifteen_bytes_are_fine_and_sixteen_are_not(void)
{
    Insn in;

    g_assert_cmpint(decode_text("2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 90", M64, &in), ==, DECODE_OK);
    g_assert_cmpint(in.len, ==, 15);
    g_assert_cmpint(decode_text("2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 90", M64, &in), ==, DECODE_GP);
    /* A byte that cannot be fetched comes first. */
    g_assert_cmpint(decode_text("2e 2e 2e", M64, &in), ==, DECODE_END);
}

static void test_limit_of_cs_ends_fetching(void)
{
    const uint8_t bytes[] = { 0xb8, 1, 2, 3, 4 };
    CodeReader r = reader(bytes, sizeof(bytes), MK_CS32 | MK_PE);
    Insn in;

    r.cs_limit = LINEAR + 4;
    g_assert_cmpint(insn_decode(&r, LINEAR, &in), ==, DECODE_OK);
    r.cs_limit = LINEAR + 3;
    g_assert_cmpint(insn_decode(&r, LINEAR, &in), ==, DECODE_GP);
}

static void test_memory_operands(void)
{
    Insn in;

    g_assert_cmpint(decode_text("8b 44 8b f0", M64, &in), ==, DECODE_OK);       /* mov eax, [rbx+rcx*4-16] */
    g_assert_true(in.is_mem && in.base == R_EBX && in.index == R_ECX && in.scale == 2);
    g_assert_true(in.disp == -16 && in.seg == R_DS);
    g_assert_cmpint(decode_text("8b 05 10 00 00 00", M64, &in), ==, DECODE_OK); /* RIP-relative */
    g_assert_true(in.base == -1 && in.disp == (int64_t)LINEAR + 6 + 0x10);
    g_assert_cmpint(decode_text("c7 05 10 00 00 00 01 00 00 00", M64, &in), ==, DECODE_OK);
    g_assert_true(in.disp == (int64_t)LINEAR + 10 + 0x10 && in.imm == 1);       /* counted after the immediate */
    g_assert_cmpint(decode_text("8b 45 00", M64, &in), ==, DECODE_OK);
    g_assert_cmpint(in.seg, ==, R_SS);
    g_assert_cmpint(decode_text("41 8b 45 00", M64, &in), ==, DECODE_OK);       /* R13 is no BP */
    g_assert_cmpint(in.seg, ==, R_DS);
    g_assert_cmpint(decode_text("8b 42 fe", MREAL, &in), ==, DECODE_OK);        /* [bp+si-2] */
    g_assert_true(in.base == R_EBP && in.index == R_ESI && in.seg == R_SS && in.disp == -2 && in.addrsize == 2);
    g_assert_cmpint(decode_text("8b 06 34 12", MREAL, &in), ==, DECODE_OK);
    g_assert_true(in.base == -1 && in.disp == 0x1234);
    g_assert_cmpint(decode_text("43 8b 04 24", M64, &in), ==, DECODE_OK);       /* SIB index 4 with REX.X is R12 */
    g_assert_true(in.base == 12 && in.index == 12);
}

static void test_ignored_override_keeps_fs(void)
{
    Insn in;

    g_assert_cmpint(decode_text("64 2e 8b 00", M64, &in), ==, DECODE_OK);
    g_assert_cmpint(in.seg, ==, R_FS);
    g_assert_cmpint(decode_text("64 2e 8b 00", M32, &in), ==, DECODE_OK);
    g_assert_cmpint(in.seg, ==, R_CS);
}

static void test_jump_targets(void)
{
    Insn in;

    g_assert_cmpint(decode_text("eb fe", M64, &in), ==, DECODE_OK);
    g_assert_cmphex(insn_jump_target(&in, true), ==, LINEAR);
    g_assert_cmpint(decode_text("66 e9 00 f0", M32, &in), ==, DECODE_OK);
    g_assert_cmphex(insn_jump_target(&in, false), ==, 4);                       /* truncated to 16 bits */
}

/* Any bytes in any mode: a status, and a sane length. */
/* ---- LOCK: every opcode, extension and kind of operand against the list of SDM vol. 2A, "LOCK" ---- */

static bool is_one_of(unsigned v, const uint8_t *list, unsigned n)
{
    return memchr(list, (int)v, n) != NULL;
}
#define ONE_OF(v, ...) is_one_of(v, (const uint8_t[]) { __VA_ARGS__ }, sizeof((const uint8_t[]) { __VA_ARGS__ }))

/* With a destination in memory. */
static bool may_be_locked(unsigned map, unsigned op, unsigned extension, bool code64)
{
    if (map == 0) {
        return (op < 0x38 && (op & 7) < 2) ||                                   /* ADD OR ADC SBB AND SUB XOR */
               (ONE_OF(op, 0x80, 0x81, 0x83) && extension != 7) || (op == 0x82 && extension != 7 && !code64) ||
               ONE_OF(op, 0x86, 0x87) ||                                        /* XCHG */
               (ONE_OF(op, 0xf6, 0xf7) && ONE_OF(extension, 2, 3)) ||           /* NOT NEG */
               (ONE_OF(op, 0xfe, 0xff) && extension < 2);                       /* INC DEC */
    }
    return map == 1 && (ONE_OF(op, 0xab, 0xb3, 0xbb) || (op == 0xba && extension >= 5) ||       /* BTS BTR BTC */
                        ONE_OF(op, 0xb0, 0xb1, 0xc0, 0xc1) || (op == 0xc7 && extension == 1));  /* CMPXCHG XADD .. */
}

static void check_lock(unsigned map, unsigned op, unsigned modrm, uint32_t mk, const char *mode)
{
    static const uint8_t escapes[4][3] = { { 0 }, { 0x0f }, { 0x0f, 0x38 }, { 0x0f, 0x3a } };
    static const uint8_t lengths[4] = { 0, 1, 2, 2 };
    uint8_t bytes[16] = { 0xf0 };
    unsigned n = 1;
    Insn in;
    CodeReader r;
    bool legal;

    memcpy(bytes + n, escapes[map], lengths[map]);
    n += lengths[map];
    bytes[n++] = (uint8_t)op;
    bytes[n] = (uint8_t)modrm;
    r = reader(bytes, sizeof(bytes), mk);
    legal = modrm < 0xc0 && may_be_locked(map, op, modrm >> 3 & 7, mk & MK_CS64);
    if ((insn_decode(&r, LINEAR, &in) == DECODE_OK) != legal) {
        g_error("%s: lock, map %u, opcode %02x, modrm %02x: %s", mode, map, op, modrm, legal ? "refused" : "accepted");
    }
}

static bool is_prefix(unsigned map, unsigned op, bool code64)
{
    return map == 0 && (ONE_OF(op, 0x0f, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3) ||
                        (code64 && (op & 0xf0) == 0x40));
}

static void test_lock_is_for_what_the_manual_lists(void)
{
    static const struct {
        uint32_t mk;
        const char *name;
    } modes[] = { { M64, "64-bit" }, { M32, "32-bit" }, { M16, "16-bit" } };

    for (unsigned m = 0; m < G_N_ELEMENTS(modes); m++) {
        for (unsigned n = 0; n < 4 * 256 * 16; n++) {
            unsigned map = n >> 12, op = n >> 4 & 255, modrm = (n & 7) << 3 | (n & 8 ? 0xc1 : 0x01);

            if (!is_prefix(map, op, modes[m].mk & MK_CS64) && !(map == 1 && ONE_OF(op, 0x38, 0x3a))) {
                check_lock(map, op, modrm, modes[m].mk, modes[m].name);
            }
        }
    }
}

static void test_random_bytes(void)
{
    static const uint32_t modes[] = { M64, M32, M16, MREAL, MK_VM86, MK_CS32 | MK_PE };
    GRand *rand = g_rand_new_with_seed(1);

    for (unsigned n = 0; n < 300000; n++) {
        uint8_t bytes[24];
        CodeReader r = reader(bytes, g_rand_int_range(rand, 1, 24), modes[n % ARRAY_SIZE(modes)]);
        Insn in;
        DecodeStatus st;

        for (unsigned i = 0; i < sizeof(bytes); i++) {
            bytes[i] = (uint8_t)g_rand_int(rand);
        }
        if (n & 1) {
            bytes[0] = 0x0f;
        }
        st = insn_decode(&r, LINEAR, &in);
        if (st == DECODE_OK) {
            g_assert_nonnull(in.row->emit);
            g_assert_cmpint(in.len, <=, 15);
            g_assert_cmpint(in.len, <=, (int)(r.host_hi - r.host_lo));
            g_assert_true(in.opsize == 2 || in.opsize == 4 || in.opsize == 8);
        }
    }
    g_rand_free(rand);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/decode/rows", test_rows);
    g_test_add_func("/decode/fifteen-bytes", test_fifteen_bytes_are_fine_and_sixteen_are_not);
    g_test_add_func("/decode/cs-limit", test_limit_of_cs_ends_fetching);
    g_test_add_func("/decode/memory-operands", test_memory_operands);
    g_test_add_func("/decode/ignored-override-keeps-fs", test_ignored_override_keeps_fs);
    g_test_add_func("/decode/jump-targets", test_jump_targets);
    g_test_add_func("/decode/lock", test_lock_is_for_what_the_manual_lists);
    g_test_add_func("/decode/random-bytes", test_random_bytes);
    return g_test_run();
}
