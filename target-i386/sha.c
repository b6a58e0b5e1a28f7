/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SHA-1 and SHA-256 steps, and SSE4a's bit fields, in portable C.
 *
 * Follows: SDM vol. 2B, "SHA1RNDS4" to "SHA256MSG2"; FIPS 180-4; APM vol. 4, "EXTRQ" and "INSERTQ". Lane 3 holds the
 * first word (A, W0), as the manual's pictures have it on the left.
 */
#include "qemu/osdep.h"
#include "target-i386/helper-avx.h"

typedef struct Words {
    uint32_t w[4];
} Words;

static Words words(const void *p)
{
    Words v;

    memcpy(&v, p, 16);
    return v;
}

static uint32_t rotl(uint32_t v, unsigned n) { return v << n | v >> (32 - n); }
static uint32_t rotr(uint32_t v, unsigned n) { return v >> n | v << (32 - n); }

#define FN(name) void fn_##name(void *env QEMU_UNUSED, void *dst, const void *src, uint32_t imm QEMU_UNUSED)

/* ---- SHA-1 ---- */

static uint32_t choose(uint32_t b, uint32_t c, uint32_t d) { return (b & c) ^ (~b & d); }
static uint32_t parity(uint32_t b, uint32_t c, uint32_t d) { return b ^ c ^ d; }
static uint32_t majority(uint32_t b, uint32_t c, uint32_t d) { return (b & c) ^ (b & d) ^ (c & d); }

FN(sha1rnds4)
{
    static uint32_t (*const f[4])(uint32_t, uint32_t, uint32_t) = { choose, parity, majority, parity };
    static const uint32_t k[4] = { 0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6 };
    Words s = words(dst), m = words(src);
    uint32_t a = s.w[3], b = s.w[2], c = s.w[1], d = s.w[0], e = 0;     /* E is in the message's first word */

    for (int i = 3; i >= 0; i--) {
        uint32_t next = f[imm & 3](b, c, d) + rotl(a, 5) + m.w[i] + e + k[imm & 3];

        e = d;
        d = c;
        c = rotl(b, 30);
        b = a;
        a = next;
    }
    memcpy(dst, &(Words) { { d, c, b, a } }, 16);
}

FN(sha1nexte)
{
    Words s = words(dst), m = words(src);

    m.w[3] += rotl(s.w[3], 30);
    memcpy(dst, &m, 16);
}

FN(sha1msg1)
{
    Words a = words(dst), b = words(src);

    memcpy(dst, &(Words) { { b.w[2] ^ a.w[0], b.w[3] ^ a.w[1], a.w[0] ^ a.w[2], a.w[1] ^ a.w[3] } }, 16);
}

FN(sha1msg2)
{
    Words a = words(dst), b = words(src), r;

    r.w[3] = rotl(a.w[3] ^ b.w[2], 1);
    r.w[2] = rotl(a.w[2] ^ b.w[1], 1);
    r.w[1] = rotl(a.w[1] ^ b.w[0], 1);
    r.w[0] = rotl(a.w[0] ^ r.w[3], 1);
    memcpy(dst, &r, 16);
}

/* ---- SHA-256 ---- */

/* Two rounds. dst is C D G H, src A B E F, the words plus constants are in XMM0. */
FN(sha256rnds2)
{
    Words cdgh = words(dst), abef = words(src), wk = words(&((CPUX86State *)env)->xmm[0]);
    uint32_t a = abef.w[3], b = abef.w[2], e = abef.w[1], f = abef.w[0];
    uint32_t c = cdgh.w[3], d = cdgh.w[2], g = cdgh.w[1], h = cdgh.w[0];

    for (unsigned i = 0; i < 2; i++) {
        uint32_t t1 = h + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + choose(e, f, g) + wk.w[i];
        uint32_t t2 = (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + majority(a, b, c);

        h = g;
        g = f;
        f = e;
        e = d + t1;
        d = c;
        c = b;
        b = a;
        a = t1 + t2;
    }
    memcpy(dst, &(Words) { { f, e, b, a } }, 16);
}

static uint32_t sigma0(uint32_t v) { return rotr(v, 7) ^ rotr(v, 18) ^ v >> 3; }
static uint32_t sigma1(uint32_t v) { return rotr(v, 17) ^ rotr(v, 19) ^ v >> 10; }

FN(sha256msg1)
{
    Words a = words(dst), b = words(src);

    memcpy(dst,
           &(Words){
               { a.w[0] + sigma0(a.w[1]), a.w[1] + sigma0(a.w[2]), a.w[2] + sigma0(a.w[3]), a.w[3] + sigma0(b.w[0]) } },
           16);
}

FN(sha256msg2)
{
    Words a = words(dst), b = words(src), r;

    r.w[0] = a.w[0] + sigma1(b.w[2]);
    r.w[1] = a.w[1] + sigma1(b.w[3]);
    r.w[2] = a.w[2] + sigma1(r.w[0]);
    r.w[3] = a.w[3] + sigma1(r.w[1]);
    memcpy(dst, &r, 16);
}

/* ---- SSE4a ---- */

static uint64_t field_mask(unsigned length)
{
    return length ? (1ull << length) - 1 : ~0ull;   /* 0 stands for 64 */
}

static XmmReg *xmm_at(CPUX86State *env, uint32_t offset)
{
    return (XmmReg *)((char *)env + offset);
}

/* how: length in 5:0, index in 13:8. */
void helper_extrq(CPUX86State *env, uint32_t dst, uint32_t src, uint32_t how)
{
    XmmReg *d = xmm_at(env, dst);

    how = how == ~0u ? xmm_at(env, src)->w[0] : how;
    d->q[0] = d->q[0] >> (how >> 8 & 63) & field_mask(how & 63);
    d->q[1] = 0;
}

void helper_insertq(CPUX86State *env, uint32_t dst, uint32_t src, uint32_t how)
{
    XmmReg *d = xmm_at(env, dst);
    uint64_t v = xmm_at(env, src)->q[0], mask;
    unsigned index;

    how = how == ~0u ? xmm_at(env, src)->w[4] : how;
    index = how >> 8 & 63;
    mask = field_mask(how & 63) << index;
    d->q[0] = (d->q[0] & ~mask) | (v << index & mask);
    d->q[1] = 0;
}
