/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MMX and SSE integer operations in portable C: what an IrVecOp's fn does (sse-ops.c has the rows).
 *
 * fn_NAME works on 16 bytes, fn_NAME_m on the 8 of an MMX register. dst and src may be the same register.
 * Follows: SDM vol. 2, the "Operation" sections. AES: FIPS 197, with the state in column order as AESENC has it.
 */
#include "qemu/osdep.h"
#include "target-i386/sse-fn.h"

/* Registers are looked at with whatever lane type an instruction has. */
#define ALIAS __attribute__((may_alias))
typedef uint8_t ALIAS a_u8;
typedef int8_t ALIAS a_s8;
typedef uint16_t ALIAS a_u16;
typedef int16_t ALIAS a_s16;
typedef uint32_t ALIAS a_u32;
typedef int32_t ALIAS a_s32;
typedef uint64_t ALIAS a_u64;
typedef int64_t ALIAS a_s64;

#define FN(name) void fn_##name(void *env QEMU_UNUSED, void *dst, const void *src QEMU_UNUSED, uint32_t imm QEMU_UNUSED)
#define BODY(name) static inline void name##_body(void *dst, const void *src, unsigned n)
#define BOTH(name)                                                                                     \
    FN(name) { name##_body(dst, src, 16); }                                                            \
    FN(name##_m) { name##_body(dst, src, 8); }

/* d[i] := expr of a = d[i], b = s[i] */
#define LANES(name, T, expr)                                                                           \
BODY(name)                                                                                             \
{                                                                                                      \
    a_##T *d = dst;                                                                                    \
    const a_##T *s = src;                                                                              \
                                                                                                       \
    for (unsigned i = 0; i < n / sizeof(*d); i++) {                                                    \
        a_##T a QEMU_UNUSED = d[i], b = s[i];                                                          \
        d[i] = (expr);                                                                                 \
    }                                                                                                  \
}                                                                                                      \
BOTH(name)

static inline int sat_s8(int v) { return v < -128 ? -128 : v > 127 ? 127 : v; }
static inline int sat_u8(int v) { return v < 0 ? 0 : v > 255 ? 255 : v; }
static inline int sat_s16(int v) { return v < -32768 ? -32768 : v > 32767 ? 32767 : v; }
static inline int sat_u16(int v) { return v < 0 ? 0 : v > 65535 ? 65535 : v; }

LANES(paddb, u8, a + b)
LANES(paddw, u16, a + b)
LANES(paddd, u32, a + b)
LANES(paddq, u64, a + b)
LANES(psubb, u8, a - b)
LANES(psubw, u16, a - b)
LANES(psubd, u32, a - b)
LANES(psubq, u64, a - b)
LANES(paddsb, s8, sat_s8(a + b))
LANES(paddsw, s16, sat_s16(a + b))
LANES(paddusb, u8, sat_u8(a + b))
LANES(paddusw, u16, sat_u16(a + b))
LANES(psubsb, s8, sat_s8(a - b))
LANES(psubsw, s16, sat_s16(a - b))
LANES(psubusb, u8, sat_u8(a - b))
LANES(psubusw, u16, sat_u16(a - b))
LANES(pand, u64, a & b)
LANES(pandn, u64, ~a & b)
LANES(por, u64, a | b)
LANES(pxor, u64, a ^ b)
LANES(pcmpeqb, u8, a == b ? 0xff : 0)
LANES(pcmpeqw, u16, a == b ? 0xffff : 0)
LANES(pcmpeqd, u32, a == b ? 0xffffffffu : 0)
LANES(pcmpeqq, u64, a == b ? ~0ull : 0)
LANES(pcmpgtb, s8, a > b ? -1 : 0)
LANES(pcmpgtw, s16, a > b ? -1 : 0)
LANES(pcmpgtd, s32, a > b ? -1 : 0)
LANES(pcmpgtq, s64, a > b ? -1 : 0)
LANES(pminub, u8, a < b ? a : b)
LANES(pmaxub, u8, a > b ? a : b)
LANES(pminsw, s16, a < b ? a : b)
LANES(pmaxsw, s16, a > b ? a : b)
LANES(pminsb, s8, a < b ? a : b)
LANES(pmaxsb, s8, a > b ? a : b)
LANES(pminuw, u16, a < b ? a : b)
LANES(pmaxuw, u16, a > b ? a : b)
LANES(pminsd, s32, a < b ? a : b)
LANES(pmaxsd, s32, a > b ? a : b)
LANES(pminud, u32, a < b ? a : b)
LANES(pmaxud, u32, a > b ? a : b)
LANES(pavgb, u8, (a + b + 1) >> 1)
LANES(pavgw, u16, (a + b + 1) >> 1)
LANES(pmullw, u16, (unsigned)a * b)
LANES(pmulhuw, u16, ((unsigned)a * b) >> 16)
LANES(pmulhw, s16, (a * b) >> 16)
LANES(pmulhrsw, s16, (((a * b) >> 14) + 1) >> 1)
LANES(pmulld, u32, a * b)
LANES(pmuludq, u64, (a & 0xffffffffu) * (b & 0xffffffffu))
LANES(pmuldq, s64, (int64_t)(int32_t)a * (int32_t)b)
LANES(pabsb, s8, b < 0 ? -b : b)
LANES(pabsw, s16, b < 0 ? -b : b)
LANES(pabsd, u32, (int32_t)b < 0 ? -b : b)
LANES(psignb, s8, b < 0 ? -a : b ? a : 0)
LANES(psignw, s16, b < 0 ? -a : b ? a : 0)
LANES(psignd, u32, (int32_t)b < 0 ? -a : b ? a : 0)

/* Shifts: the count is all 64 bits of the source; too large gives 0, or copies of the sign. */
#define SHIFT(name, T, expr)                                                                           \
BODY(name)                                                                                             \
{                                                                                                      \
    a_##T *d = dst;                                                                                    \
    uint64_t count = *(const a_u64 *)src;                                                              \
    unsigned bits = 8 * sizeof(*d);                                                                    \
                                                                                                       \
    for (unsigned i = 0; i < n / sizeof(*d); i++) {                                                    \
        a_##T a = d[i];                                                                                \
        d[i] = (expr);                                                                                 \
    }                                                                                                  \
}                                                                                                      \
BOTH(name)
SHIFT(psllw, u16, count >= bits ? 0 : a << count)
SHIFT(pslld, u32, count >= bits ? 0 : a << count)
SHIFT(psllq, u64, count >= bits ? 0 : a << count)
SHIFT(psrlw, u16, count >= bits ? 0 : a >> count)
SHIFT(psrld, u32, count >= bits ? 0 : a >> count)
SHIFT(psrlq, u64, count >= bits ? 0 : a >> count)
SHIFT(psraw, s16, a >> (count >= bits ? bits - 1 : count))
SHIFT(psrad, s32, a >> (count >= bits ? bits - 1 : count))

/* The count in the immediate byte. */
#define SHIFT_IMM(name)                                                                                \
FN(name##_i)                                                                                           \
{                                                                                                      \
    uint64_t count = imm;                                                                              \
    memmove(dst, src, 16);                                                                             \
    name##_body(dst, &count, 16);                                                                      \
}                                                                                                      \
FN(name##_i_m)                                                                                         \
{                                                                                                      \
    uint64_t count = imm;                                                                              \
    memmove(dst, src, 8);                                                                              \
    name##_body(dst, &count, 8);                                                                       \
}
SHIFT_IMM(psllw)
SHIFT_IMM(pslld)
SHIFT_IMM(psllq)
SHIFT_IMM(psrlw)
SHIFT_IMM(psrld)
SHIFT_IMM(psrlq)
SHIFT_IMM(psraw)
SHIFT_IMM(psrad)

FN(pslldq_i)
{
    uint8_t v[32] = { 0 };

    imm = imm > 16 ? 16 : imm;
    memcpy(v + 16, src, 16);
    memcpy(dst, v + 16 - imm, 16);
}

FN(psrldq_i)
{
    uint8_t v[32] = { 0 };

    imm = imm > 16 ? 16 : imm;
    memcpy(v, src, 16);
    memcpy(dst, v + imm, 16);
}

BODY(pmaddwd)
{
    a_s16 *d = dst;
    const a_s16 *s = src;

    for (unsigned i = 0; i < n / 4; i++) {
        uint32_t v = (uint32_t)(d[2 * i] * s[2 * i]) + (uint32_t)(d[2 * i + 1] * s[2 * i + 1]);
        ((a_u32 *)dst)[i] = v;
    }
}
BOTH(pmaddwd)

BODY(pmaddubsw)
{
    const a_s8 *s = src;
    a_u8 *d = dst;

    for (unsigned i = 0; i < n / 2; i++) {
        int v = d[2 * i] * s[2 * i] + d[2 * i + 1] * s[2 * i + 1];
        ((a_s16 *)dst)[i] = sat_s16(v);
    }
}
BOTH(pmaddubsw)

BODY(psadbw)
{
    a_u8 *d = dst;
    const a_u8 *s = src;

    for (unsigned q = 0; q < n / 8; q++) {
        unsigned sum = 0;

        for (unsigned i = 8 * q; i < 8 * q + 8; i++) {
            sum += abs(d[i] - s[i]);
        }
        ((a_u64 *)dst)[q] = sum;
    }
}
BOTH(psadbw)

/* ---- pack, unpack ---- */

#define PACK(name, TW, TN, sat)                                                                        \
BODY(name)                                                                                             \
{                                                                                                      \
    unsigned lanes = n / sizeof(a_##TW);                                                               \
    a_##TW tmp[16];                                                                                    \
                                                                                                       \
    memcpy(tmp, dst, n);                                                                               \
    memcpy(tmp + lanes, src, n);                                                                       \
    for (unsigned i = 0; i < 2 * lanes; i++) {                                                         \
        ((a_##TN *)dst)[i] = sat(tmp[i]);                                                              \
    }                                                                                                  \
}                                                                                                      \
BOTH(name)
PACK(packsswb, s16, s8, sat_s8)
PACK(packuswb, s16, u8, sat_u8)
PACK(packssdw, s32, s16, sat_s16)
PACK(packusdw, s32, u16, sat_u16)

#define UNPACK(name, T, high)                                                                          \
BODY(name)                                                                                             \
{                                                                                                      \
    unsigned lanes = n / sizeof(a_##T), from = (high) ? lanes / 2 : 0;                                 \
    a_##T a[16], b[16];                                                                                \
                                                                                                       \
    memcpy(a, dst, n);                                                                                 \
    memcpy(b, src, n);                                                                                 \
    for (unsigned i = 0; i < lanes / 2; i++) {                                                         \
        ((a_##T *)dst)[2 * i] = a[from + i];                                                           \
        ((a_##T *)dst)[2 * i + 1] = b[from + i];                                                       \
    }                                                                                                  \
}
UNPACK(punpcklbw, u8, 0)
BOTH(punpcklbw)
UNPACK(punpcklwd, u16, 0)
BOTH(punpcklwd)
UNPACK(punpckldq, u32, 0)
BOTH(punpckldq)
UNPACK(punpckhbw, u8, 1)
BOTH(punpckhbw)
UNPACK(punpckhwd, u16, 1)
BOTH(punpckhwd)
UNPACK(punpckhdq, u32, 1)
BOTH(punpckhdq)
UNPACK(punpcklqdq, u64, 0)
FN(punpcklqdq) { punpcklqdq_body(dst, src, 16); }
UNPACK(punpckhqdq, u64, 1)
FN(punpckhqdq) { punpckhqdq_body(dst, src, 16); }
FN(unpcklps) { punpckldq_body(dst, src, 16); }
FN(unpckhps) { punpckhdq_body(dst, src, 16); }
FN(unpcklpd) { punpcklqdq_body(dst, src, 16); }
FN(unpckhpd) { punpckhqdq_body(dst, src, 16); }

#define EXTEND(name, TN, TW)                                                                           \
FN(name)                                                                                               \
{                                                                                                      \
    a_##TN tmp[16 / sizeof(a_##TW)];                                                                   \
                                                                                                       \
    memcpy(tmp, src, sizeof(tmp));                                                                     \
    for (unsigned i = 0; i < 16 / sizeof(a_##TW); i++) {                                               \
        ((a_##TW *)dst)[i] = tmp[i];                                                                   \
    }                                                                                                  \
}
EXTEND(pmovsxbw, s8, s16)
EXTEND(pmovsxbd, s8, s32)
EXTEND(pmovsxbq, s8, s64)
EXTEND(pmovsxwd, s16, s32)
EXTEND(pmovsxwq, s16, s64)
EXTEND(pmovsxdq, s32, s64)
EXTEND(pmovzxbw, u8, u16)
EXTEND(pmovzxbd, u8, u32)
EXTEND(pmovzxbq, u8, u64)
EXTEND(pmovzxwd, u16, u32)
EXTEND(pmovzxwq, u16, u64)
EXTEND(pmovzxdq, u32, u64)

/* ---- horizontal ---- */

#define HORIZONTAL(name, T, expr)                                                                      \
BODY(name)                                                                                             \
{                                                                                                      \
    unsigned lanes = n / sizeof(a_##T);                                                                \
    a_##T v[16];                                                                                       \
                                                                                                       \
    memcpy(v, dst, n);                                                                                 \
    memcpy(v + lanes, src, n);                                                                         \
    for (unsigned i = 0; i < lanes; i++) {                                                             \
        a_##T a = v[2 * i], b = v[2 * i + 1];                                                          \
        ((a_##T *)dst)[i] = (expr);                                                                    \
    }                                                                                                  \
}                                                                                                      \
BOTH(name)
HORIZONTAL(phaddw, u16, a + b)
HORIZONTAL(phaddd, u32, a + b)
HORIZONTAL(phaddsw, s16, sat_s16(a + b))
HORIZONTAL(phsubw, u16, a - b)
HORIZONTAL(phsubd, u32, a - b)
HORIZONTAL(phsubsw, s16, sat_s16(a - b))

FN(phminposuw)
{
    const a_u16 *s = src;
    unsigned best = 0;

    for (unsigned i = 1; i < 8; i++) {
        best = s[i] < s[best] ? i : best;
    }
    best = s[best] | best << 16;
    ((a_u64 *)dst)[0] = best;
    ((a_u64 *)dst)[1] = 0;
}

FN(mpsadbw)
{
    unsigned at_d = imm & 4, at_s = (imm & 3) * 4;
    uint8_t d[16], s[16];

    memcpy(d, dst, 16);
    memcpy(s, src, 16);
    for (unsigned i = 0; i < 8; i++) {
        unsigned sum = 0;

        for (unsigned j = 0; j < 4; j++) {
            sum += abs(d[at_d + i + j] - s[at_s + j]);
        }
        ((a_u16 *)dst)[i] = sum;
    }
}

/* ---- shuffles ---- */

BODY(pshufb)
{
    uint8_t v[16], sel[16];

    memcpy(v, dst, n);
    memcpy(sel, src, n);
    for (unsigned i = 0; i < n; i++) {
        ((a_u8 *)dst)[i] = sel[i] & 0x80 ? 0 : v[sel[i] & (n - 1)];
    }
}
BOTH(pshufb)

static void shuffle_words(void *dst, const void *src, unsigned imm)
{
    uint16_t v[4];

    memcpy(v, src, 8);
    for (unsigned i = 0; i < 4; i++, imm >>= 2) {
        ((a_u16 *)dst)[i] = v[imm & 3];
    }
}

FN(pshufw_m) { shuffle_words(dst, src, imm); }

FN(pshuflw)
{
    uint64_t high = ((const a_u64 *)src)[1];

    shuffle_words(dst, src, imm);
    ((a_u64 *)dst)[1] = high;
}

FN(pshufhw)
{
    uint64_t low = ((const a_u64 *)src)[0];

    shuffle_words((a_u64 *)dst + 1, (const a_u64 *)src + 1, imm);
    ((a_u64 *)dst)[0] = low;
}

FN(pshufd)
{
    uint32_t v[4];

    memcpy(v, src, 16);
    for (unsigned i = 0; i < 4; i++, imm >>= 2) {
        ((a_u32 *)dst)[i] = v[imm & 3];
    }
}

FN(shufps)
{
    uint32_t v[8];

    memcpy(v, dst, 16);
    memcpy(v + 4, src, 16);
    for (unsigned i = 0; i < 4; i++, imm >>= 2) {
        ((a_u32 *)dst)[i] = v[(imm & 3) + (i & 2) * 2];
    }
}

FN(shufpd)
{
    uint64_t a = ((a_u64 *)dst)[imm & 1], b = ((const a_u64 *)src)[imm >> 1 & 1];

    ((a_u64 *)dst)[0] = a;
    ((a_u64 *)dst)[1] = b;
}

/* n bytes at offset imm of dst:src, zeros beyond. */
static void align_right(void *dst, const void *src, unsigned imm, unsigned n)
{
    uint8_t v[64] = { 0 };

    memcpy(v, src, n);
    memcpy(v + n, dst, n);
    if (imm > 2 * n) {
        imm = 2 * n;
    }
    memcpy(dst, v + imm, n);
}

FN(palignr) { align_right(dst, src, imm & 0xff, 16); }
FN(palignr_m) { align_right(dst, src, imm & 0xff, 8); }

#define BLEND(name, T)                                                                                 \
FN(name)                                                                                               \
{                                                                                                      \
    for (unsigned i = 0; i < 16 / sizeof(a_##T); i++) {                                                \
        if (imm >> i & 1) {                                                                            \
            ((a_##T *)dst)[i] = ((const a_##T *)src)[i];                                               \
        }                                                                                              \
    }                                                                                                  \
}
BLEND(blendps, u32)
BLEND(blendpd, u64)
BLEND(pblendw, u16)

/* The selecting signs are in XMM0, which may be dst or src. */
#define BLENDV(name, T)                                                                                \
FN(name)                                                                                               \
{                                                                                                      \
    a_##T mask[16 / sizeof(a_##T)];                                                                    \
                                                                                                       \
    memcpy(mask, &((CPUX86State *)env)->xmm[0], 16);                                                   \
    for (unsigned i = 0; i < 16 / sizeof(a_##T); i++) {                                                \
        if (mask[i] < 0) {                                                                             \
            ((a_##T *)dst)[i] = ((const a_##T *)src)[i];                                               \
        }                                                                                              \
    }                                                                                                  \
}
BLENDV(pblendvb, s8)
BLENDV(blendvps, s32)
BLENDV(blendvpd, s64)

FN(movddup) { ((a_u64 *)dst)[1] = ((a_u64 *)dst)[0] = ((const a_u64 *)src)[0]; }
FN(movsldup)
{
    uint32_t v[4];

    memcpy(v, src, 16);
    for (unsigned i = 0; i < 4; i++) {
        ((a_u32 *)dst)[i] = v[i & 2];
    }
}

FN(movshdup)
{
    uint32_t v[4];

    memcpy(v, src, 16);
    for (unsigned i = 0; i < 4; i++) {
        ((a_u32 *)dst)[i] = v[i | 1];
    }
}

/* imm: source lane in 7:6, destination lane in 5:4, lanes to clear in 3:0. */
FN(insertps)
{
    uint32_t v = ((const a_u32 *)src)[imm >> 6 & 3];

    ((a_u32 *)dst)[imm >> 4 & 3] = v;
    for (unsigned i = 0; i < 4; i++) {
        if (imm >> i & 1) {
            ((a_u32 *)dst)[i] = 0;
        }
    }
}

/* ---- moves ---- */

FN(mov128) { memmove(dst, src, 16); }
FN(movlow) { ((a_u64 *)dst)[0] = ((const a_u64 *)src)[0]; }
FN(movlow4) { *(a_u32 *)dst = *(const a_u32 *)src; }
FN(movhigh) { ((a_u64 *)dst)[1] = ((const a_u64 *)src)[0]; }
FN(movq)
{
    ((a_u64 *)dst)[0] = ((const a_u64 *)src)[0];
    ((a_u64 *)dst)[1] = 0;
}

FN(movhlps) { ((a_u64 *)dst)[0] = ((const a_u64 *)src)[1]; }

/* ---- carry-less product, AES ---- */

FN(pclmulqdq)
{
    uint64_t a = ((a_u64 *)dst)[imm & 1], b = ((const a_u64 *)src)[imm >> 4 & 1], low = 0, high = 0;

    for (unsigned i = 0; i < 64; i++) {
        if (b >> i & 1) {
            low ^= a << i;
            high ^= i ? a >> (64 - i) : 0;
        }
    }
    ((a_u64 *)dst)[0] = low;
    ((a_u64 *)dst)[1] = high;
}

static const uint8_t aes_sbox[256] = {
    0x63, 0x7c, 0x77, 0x7b, 0xf2, 0x6b, 0x6f, 0xc5, 0x30, 0x01, 0x67, 0x2b, 0xfe, 0xd7, 0xab, 0x76,
    0xca, 0x82, 0xc9, 0x7d, 0xfa, 0x59, 0x47, 0xf0, 0xad, 0xd4, 0xa2, 0xaf, 0x9c, 0xa4, 0x72, 0xc0,
    0xb7, 0xfd, 0x93, 0x26, 0x36, 0x3f, 0xf7, 0xcc, 0x34, 0xa5, 0xe5, 0xf1, 0x71, 0xd8, 0x31, 0x15,
    0x04, 0xc7, 0x23, 0xc3, 0x18, 0x96, 0x05, 0x9a, 0x07, 0x12, 0x80, 0xe2, 0xeb, 0x27, 0xb2, 0x75,
    0x09, 0x83, 0x2c, 0x1a, 0x1b, 0x6e, 0x5a, 0xa0, 0x52, 0x3b, 0xd6, 0xb3, 0x29, 0xe3, 0x2f, 0x84,
    0x53, 0xd1, 0x00, 0xed, 0x20, 0xfc, 0xb1, 0x5b, 0x6a, 0xcb, 0xbe, 0x39, 0x4a, 0x4c, 0x58, 0xcf,
    0xd0, 0xef, 0xaa, 0xfb, 0x43, 0x4d, 0x33, 0x85, 0x45, 0xf9, 0x02, 0x7f, 0x50, 0x3c, 0x9f, 0xa8,
    0x51, 0xa3, 0x40, 0x8f, 0x92, 0x9d, 0x38, 0xf5, 0xbc, 0xb6, 0xda, 0x21, 0x10, 0xff, 0xf3, 0xd2,
    0xcd, 0x0c, 0x13, 0xec, 0x5f, 0x97, 0x44, 0x17, 0xc4, 0xa7, 0x7e, 0x3d, 0x64, 0x5d, 0x19, 0x73,
    0x60, 0x81, 0x4f, 0xdc, 0x22, 0x2a, 0x90, 0x88, 0x46, 0xee, 0xb8, 0x14, 0xde, 0x5e, 0x0b, 0xdb,
    0xe0, 0x32, 0x3a, 0x0a, 0x49, 0x06, 0x24, 0x5c, 0xc2, 0xd3, 0xac, 0x62, 0x91, 0x95, 0xe4, 0x79,
    0xe7, 0xc8, 0x37, 0x6d, 0x8d, 0xd5, 0x4e, 0xa9, 0x6c, 0x56, 0xf4, 0xea, 0x65, 0x7a, 0xae, 0x08,
    0xba, 0x78, 0x25, 0x2e, 0x1c, 0xa6, 0xb4, 0xc6, 0xe8, 0xdd, 0x74, 0x1f, 0x4b, 0xbd, 0x8b, 0x8a,
    0x70, 0x3e, 0xb5, 0x66, 0x48, 0x03, 0xf6, 0x0e, 0x61, 0x35, 0x57, 0xb9, 0x86, 0xc1, 0x1d, 0x9e,
    0xe1, 0xf8, 0x98, 0x11, 0x69, 0xd9, 0x8e, 0x94, 0x9b, 0x1e, 0x87, 0xe9, 0xce, 0x55, 0x28, 0xdf,
    0x8c, 0xa1, 0x89, 0x0d, 0xbf, 0xe6, 0x42, 0x68, 0x41, 0x99, 0x2d, 0x0f, 0xb0, 0x54, 0xbb, 0x16,
};

static const uint8_t aes_inv_sbox[256] = {
    0x52, 0x09, 0x6a, 0xd5, 0x30, 0x36, 0xa5, 0x38, 0xbf, 0x40, 0xa3, 0x9e, 0x81, 0xf3, 0xd7, 0xfb,
    0x7c, 0xe3, 0x39, 0x82, 0x9b, 0x2f, 0xff, 0x87, 0x34, 0x8e, 0x43, 0x44, 0xc4, 0xde, 0xe9, 0xcb,
    0x54, 0x7b, 0x94, 0x32, 0xa6, 0xc2, 0x23, 0x3d, 0xee, 0x4c, 0x95, 0x0b, 0x42, 0xfa, 0xc3, 0x4e,
    0x08, 0x2e, 0xa1, 0x66, 0x28, 0xd9, 0x24, 0xb2, 0x76, 0x5b, 0xa2, 0x49, 0x6d, 0x8b, 0xd1, 0x25,
    0x72, 0xf8, 0xf6, 0x64, 0x86, 0x68, 0x98, 0x16, 0xd4, 0xa4, 0x5c, 0xcc, 0x5d, 0x65, 0xb6, 0x92,
    0x6c, 0x70, 0x48, 0x50, 0xfd, 0xed, 0xb9, 0xda, 0x5e, 0x15, 0x46, 0x57, 0xa7, 0x8d, 0x9d, 0x84,
    0x90, 0xd8, 0xab, 0x00, 0x8c, 0xbc, 0xd3, 0x0a, 0xf7, 0xe4, 0x58, 0x05, 0xb8, 0xb3, 0x45, 0x06,
    0xd0, 0x2c, 0x1e, 0x8f, 0xca, 0x3f, 0x0f, 0x02, 0xc1, 0xaf, 0xbd, 0x03, 0x01, 0x13, 0x8a, 0x6b,
    0x3a, 0x91, 0x11, 0x41, 0x4f, 0x67, 0xdc, 0xea, 0x97, 0xf2, 0xcf, 0xce, 0xf0, 0xb4, 0xe6, 0x73,
    0x96, 0xac, 0x74, 0x22, 0xe7, 0xad, 0x35, 0x85, 0xe2, 0xf9, 0x37, 0xe8, 0x1c, 0x75, 0xdf, 0x6e,
    0x47, 0xf1, 0x1a, 0x71, 0x1d, 0x29, 0xc5, 0x89, 0x6f, 0xb7, 0x62, 0x0e, 0xaa, 0x18, 0xbe, 0x1b,
    0xfc, 0x56, 0x3e, 0x4b, 0xc6, 0xd2, 0x79, 0x20, 0x9a, 0xdb, 0xc0, 0xfe, 0x78, 0xcd, 0x5a, 0xf4,
    0x1f, 0xdd, 0xa8, 0x33, 0x88, 0x07, 0xc7, 0x31, 0xb1, 0x12, 0x10, 0x59, 0x27, 0x80, 0xec, 0x5f,
    0x60, 0x51, 0x7f, 0xa9, 0x19, 0xb5, 0x4a, 0x0d, 0x2d, 0xe5, 0x7a, 0x9f, 0x93, 0xc9, 0x9c, 0xef,
    0xa0, 0xe0, 0x3b, 0x4d, 0xae, 0x2a, 0xf5, 0xb0, 0xc8, 0xeb, 0xbb, 0x3c, 0x83, 0x53, 0x99, 0x61,
    0x17, 0x2b, 0x04, 0x7e, 0xba, 0x77, 0xd6, 0x26, 0xe1, 0x69, 0x14, 0x63, 0x55, 0x21, 0x0c, 0x7d,
};

static uint8_t gf_mul(uint8_t a, uint8_t b)
{
    uint8_t r = 0;

    for (; b; b >>= 1) {
        r ^= b & 1 ? a : 0;
        a = a << 1 ^ (a & 0x80 ? 0x1b : 0);
    }
    return r;
}

/* ShiftRows and SubBytes: byte (row, column) comes from column + dir * row. */
static void aes_shift_sub(uint8_t out[16], const void *state, const uint8_t *box, int dir)
{
    for (int c = 0; c < 4; c++) {
        for (int r = 0; r < 4; r++) {
            out[4 * c + r] = box[((const a_u8 *)state)[4 * ((c + dir * r) & 3) + r]];
        }
    }
}

static void aes_mix(uint8_t state[16], uint8_t k0, uint8_t k1, uint8_t k2, uint8_t k3)
{
    for (int c = 0; c < 16; c += 4) {
        uint8_t v[4];

        memcpy(v, state + c, 4);
        for (int r = 0; r < 4; r++) {
            state[c + r] = gf_mul(v[r], k0) ^ gf_mul(v[(r + 1) & 3], k1) ^ gf_mul(v[(r + 2) & 3], k2)
                           ^ gf_mul(v[(r + 3) & 3], k3);
        }
    }
}

static void aes_round(void *dst, const void *key, const uint8_t *box, int dir, bool last)
{
    uint8_t state[16], k[16];

    memcpy(k, key, 16);
    aes_shift_sub(state, dst, box, dir);
    if (!last && dir > 0) {
        aes_mix(state, 2, 3, 1, 1);
    } else if (!last) {
        aes_mix(state, 14, 11, 13, 9);
    }
    for (int i = 0; i < 16; i++) {
        ((a_u8 *)dst)[i] = state[i] ^ k[i];
    }
}

FN(aesenc) { aes_round(dst, src, aes_sbox, 1, false); }
FN(aesenclast) { aes_round(dst, src, aes_sbox, 1, true); }
FN(aesdec) { aes_round(dst, src, aes_inv_sbox, -1, false); }
FN(aesdeclast) { aes_round(dst, src, aes_inv_sbox, -1, true); }

FN(aesimc)
{
    uint8_t state[16];

    memcpy(state, src, 16);
    aes_mix(state, 14, 11, 13, 9);
    memcpy(dst, state, 16);
}

static uint32_t sub_word(uint32_t v)
{
    return aes_sbox[v & 255] | aes_sbox[v >> 8 & 255] << 8 | aes_sbox[v >> 16 & 255] << 16
           | (uint32_t)aes_sbox[v >> 24] << 24;
}

FN(aeskeygenassist)
{
    uint32_t x1 = sub_word(((const a_u32 *)src)[1]), x3 = sub_word(((const a_u32 *)src)[3]);

    ((a_u32 *)dst)[0] = x1;
    ((a_u32 *)dst)[1] = (x1 >> 8 | x1 << 24) ^ (imm & 0xff);
    ((a_u32 *)dst)[2] = x3;
    ((a_u32 *)dst)[3] = (x3 >> 8 | x3 << 24) ^ (imm & 0xff);
}
