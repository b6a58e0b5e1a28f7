/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lazy flags: each operation against a plain reading of the manual, one bit of the result at a time and in wider
 * arithmetic.
 */
#include "qemu/osdep.h"
#include "target-i386/helper-int.h"

static const uint64_t values[] = {
    0, 1, 2, 0x0f, 0x10, 0x7f, 0x80, 0x81, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
    0x123456789abcdef0, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff,
};

static uint64_t cut(uint64_t v, unsigned bits)
{
    return bits == 64 ? v : v & ((1ull << bits) - 1);
}

static uint32_t szp(uint64_t r, unsigned bits)
{
    unsigned ones = 0;

    for (unsigned i = 0; i < 8; i++) {
        ones += r >> i & 1;
    }
    return (r >> (bits - 1) & 1 ? CC_S : 0) | (cut(r, bits) ? 0 : CC_Z) | (ones % 2 ? 0 : CC_P);
}

/* A ripple adder: carries into and out of each bit are the flags. */
static uint32_t reference_add(uint64_t a, uint64_t b, unsigned carry, unsigned bits, uint64_t *res)
{
    unsigned c = carry, into_top = 0, half = 0;
    uint64_t r = 0;

    for (unsigned i = 0; i < bits; i++) {
        unsigned sum = (a >> i & 1) + (b >> i & 1) + c;

        into_top = c;
        r |= (uint64_t)(sum & 1) << i;
        c = sum >> 1;
        half = i == 3 ? c : half;
    }
    *res = r;
    return szp(r, bits) | (c ? CC_C : 0) | (c != into_top ? CC_O : 0) | (half ? CC_A : 0);
}

/* a - b - borrow as a + ~b + 1 - borrow, with C and A turned round. */
static uint32_t reference_sub(uint64_t a, uint64_t b, unsigned borrow, unsigned bits, uint64_t *res)
{
    return reference_add(a, ~b, !borrow, bits, res) ^ (CC_C | CC_A);
}

static void check(const char *what, unsigned op, uint64_t dst, uint64_t src, uint64_t src2, uint32_t want)
{
    /* What lies above the width is arbitrary. */
    unsigned bits = 8u << ((op - 1) & 3);
    uint64_t junk = bits == 64 ? 0 : 0xa5a5a5a5a5a5a5a5ull << bits;
    uint32_t got = helper_cc_compute(NULL, dst | junk, src, src2, 0, op);

    if (got != want) {
        g_error("%s, %u bits: dst %" PRIx64 " src %" PRIx64 " src2 %" PRIx64 ": %x, wanted %x", what, bits,
                dst, src, src2, got, want);
    }
}

static void test_sums_and_differences(void)
{
    for (unsigned s = 0; s < 4; s++) {
        unsigned bits = 8u << s;

        for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
            for (unsigned k = 0; k < ARRAY_SIZE(values); k++) {
                uint64_t a = cut(values[i], bits), b = cut(values[k], bits), r;
                uint32_t f;

                f = reference_add(a, b, 0, bits, &r);
                check("add", CC_OP_ADDB + s, r, b, 0, f);
                f = reference_sub(a, b, 0, bits, &r);
                check("sub", CC_OP_SUBB + s, r, b, 0, f);
                for (unsigned c = 0; c < 2; c++) {
                    f = reference_add(a, b, c, bits, &r);
                    check("adc", CC_OP_ADCB + s, r, b, c, f);
                    f = reference_sub(a, b, c, bits, &r);
                    check("sbb", CC_OP_SBBB + s, r, b, c, f);
                }
            }
        }
    }
}

static void test_inc_and_dec_keep_carry(void)
{
    for (unsigned s = 0; s < 4; s++) {
        unsigned bits = 8u << s;

        for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
            for (unsigned c = 0; c < 2; c++) {
                uint64_t a = cut(values[i], bits), r;
                uint32_t f = reference_add(a, 1, 0, bits, &r) & ~CC_C;

                check("inc", CC_OP_INCB + s, r, c, 0, f | c);
                /* over another operation, here one with C set or clear */
                g_assert_cmphex(helper_cc_compute(NULL, 0, 0xff - c, 0, r, CC_OP_EFLAGS | (CC_OP_INCB + s) << 8), ==,
                                f | !c);
                g_assert_cmphex(helper_cc_compute(NULL, 0, c, 0, r, CC_OP_ADDB | (CC_OP_INCB + s) << 8), ==, f | c);
                f = reference_sub(a, 1, 0, bits, &r) & ~CC_C;
                check("dec", CC_OP_DECB + s, r, c, 0, f | c);
                g_assert_cmphex(helper_cc_compute(NULL, 0, c, 0, r, CC_OP_SUBB | (CC_OP_DECB + s) << 8), ==, f);
            }
        }
    }
}

static void test_logic_shift_and_product(void)
{
    for (unsigned s = 0; s < 4; s++) {
        unsigned bits = 8u << s;

        for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
            uint64_t r = cut(values[i], bits);

            check("logic", CC_OP_LOGICB + s, r, 0xdead, 0, szp(r, bits));
            check("shl", CC_OP_SHLB + s, r, CC_C | CC_O, 0, szp(r, bits) | CC_C | CC_O);
            check("sar", CC_OP_SARB + s, r, 0, 0, szp(r, bits));
            check("mul", CC_OP_MULB + s, r, 0, 0, szp(r, bits) & ~CC_Z);
            check("mul", CC_OP_MULB + s, r, 1ull << 40, 0, (szp(r, bits) & ~CC_Z) | CC_C | CC_O);
            check("blsi", CC_OP_BLSIB + s, r, r, 0, (szp(r, bits) & ~CC_P) | (r ? CC_C : 0));
        }
    }
}

static void test_image_is_taken_as_it_is(void)
{
    g_assert_cmphex(helper_cc_compute(NULL, 0, 0xffffffff, 0, 0, CC_OP_EFLAGS), ==, CC_ALL);
    g_assert_cmphex(helper_cc_compute(NULL, 0, CC_P | CC_O, 0, 0, CC_OP_EFLAGS), ==, CC_P | CC_O);
}

/* Dead flags may hold anything at all. */
static void test_garbage_operation_is_harmless(void)
{
    g_assert_cmphex(helper_cc_compute(NULL, 1, 2, 3, 4, CC_OP__COUNT), ==, 0);
    g_assert_cmphex(helper_cc_compute(NULL, 1, 2, 3, 4, 0xdeadbeef), ==, 0);
}

static uint32_t bcd(unsigned op, uint32_t ax, uint32_t flags)
{
    return helper_bcd(NULL, op, ax, flags);
}

static void test_decimal_adjustments(void)
{
    /* SDM vol. 2A, "DAA", "DAS": 79h + 35h = AEh adjusts to 14h with carry; the second step looks at the old AL */
    g_assert_cmphex(bcd(0x27, 0x00ae, 0) & 0xffff, ==, 0x14);
    g_assert_cmphex(bcd(0x27, 0x00ae, 0) >> 16 & (CC_C | CC_A | CC_O), ==, CC_C | CC_A);
    g_assert_cmphex(bcd(0x2f, 0x0047, CC_A | CC_C) & 0xffff, ==, 0xe1);
    g_assert_cmphex(bcd(0x37, 0x000b, 0) & 0xffff, ==, 0x101);
    g_assert_cmphex(bcd(0x37, 0x00fa, 0) & 0xffff, ==, 0x200);
    g_assert_cmphex(bcd(0x3f, 0x0300, CC_A) & 0xffff, ==, 0x10a);
    g_assert_cmphex(bcd(0xd4 | 10 << 8, 0x0045, 0) & 0xffff, ==, 0x609);
    g_assert_cmphex(bcd(0xd5 | 10 << 8, 0x0609, 0) & 0xffff, ==, 0x45);
}

static void test_rotates_through_carry(void)
{
    g_assert_cmphex(helper_rcl(NULL, 0x81, 1, 1, 0), ==, 0x02);
    g_assert_cmphex(helper_rcl(NULL, 0x81, 9, 1, 1), ==, 0x81);     /* nine bits: all the way round */
    g_assert_cmphex(helper_rcl_flags(NULL, 0x81, 9, 1, CC_Z | CC_C), ==, CC_Z | CC_C);
    g_assert_cmphex(helper_rcr(NULL, 1, 1, 8, 1), ==, 1ull << 63);
    g_assert_cmphex(helper_rcr(NULL, 0x12345678, 4, 4, 0), ==, 0x01234567);
    g_assert_cmphex(helper_rcr_flags(NULL, 0x12345678, 4, 4, 0) & CC_C, ==, CC_C);
    g_assert_cmphex(helper_rcl(NULL, 0x8001, 16, 2, 1), ==, 0xc000);
}

static void test_scatter_gather_crc(void)
{
    g_assert_cmphex(helper_pdep(NULL, 0xff, 0x00f0f0f0), ==, 0xf0f0);
    g_assert_cmphex(helper_pext(NULL, 0x00a0b0c0, 0x00f0f0f0), ==, 0xabc);
    /* RFC 3720, appendix B.4: 32 bytes of zero give AA36918A, that is 8A9136AA as a number */
    uint32_t crc = 0xffffffff;

    for (unsigned i = 0; i < 4; i++) {
        crc = helper_crc32(NULL, crc, 0, 8);
    }
    g_assert_cmphex(~crc, ==, 0x8a9136aa);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/flags/sums-and-differences", test_sums_and_differences);
    g_test_add_func("/flags/inc-and-dec-keep-carry", test_inc_and_dec_keep_carry);
    g_test_add_func("/flags/logic-shift-and-product", test_logic_shift_and_product);
    g_test_add_func("/flags/image-is-taken-as-it-is", test_image_is_taken_as_it_is);
    g_test_add_func("/flags/garbage-operation-is-harmless", test_garbage_operation_is_harmless);
    g_test_add_func("/flags/decimal-adjustments", test_decimal_adjustments);
    g_test_add_func("/flags/rotates-through-carry", test_rotates_through_carry);
    g_test_add_func("/flags/scatter-gather-crc", test_scatter_gather_crc);
    return g_test_run();
}
