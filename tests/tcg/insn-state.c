/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Initial registers and memory: random, but with the values where arithmetic has its edges. */
#include "insn-test.h"

/* ---- numbers ---- */

/* xorshift64* */
uint64_t rng64(Rng *r)
{
    r->s ^= r->s >> 12;
    r->s ^= r->s << 25;
    r->s ^= r->s >> 27;
    return r->s * 0x2545f4914f6cdd1dull;
}

static const uint64_t edges[] = {
    0, 1, 2, 3, 7, 8, 0xf, 0x10, 0x1f, 0x20, 0x3f, 0x40, 0x7e, 0x7f, 0x80, 0x81, 0xfe, 0xff, 0x100, 0x7fff, 0x8000,
    0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffffffff, 0x8000000000000000,
    0xfffffffffffffffe, 0xffffffffffffffff, 0x8080808080808080, 0x7f7f7f7f7f7f7f7f, 0x5555555555555555,
    0xaaaaaaaaaaaaaaaa, 0x7fff7fff7fff7fff, 0x8000800080008000, 0xffffffff80000000, 0xffffffffffffff80,
    0xffffffffffff8000, 0x0f0f0f0ff0f0f0f0, 0x7fffffff80000000,
};

uint64_t rng_interesting(Rng *r)
{
    uint64_t v = rng64(r);

    switch (rng_below(r, 8)) {
    case 0: case 1: case 2: case 3:
        return edges[rng_below(r, ARRAY_SIZE(edges))];
    case 4:
        return v >> (v & 63);
    case 5:     /* an edge in the low part, noise above: what narrow operations must leave alone */
        return (v & ~0xffffull) | (edges[rng_below(r, ARRAY_SIZE(edges))] & 0xffff);
    default:
        return v;
    }
}

/* ---- floating point ---- */

static const uint32_t floats[] = {
    0, 0x80000000, 0x3f800000, 0xbf800000, 0x3f800001, 0x3f7fffff, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000,
    0x7fc12345, 0x7f800001, 0xff812345, 0x00000001, 0x80000001, 0x007fffff, 0x00800000, 0x80800000, 0x7f7fffff,
    0xff7fffff, 0x4f000000, 0xcf000000, 0x4effffff, 0x5f000000, 0xdf000000, 0x3f000000, 0x3fc00000, 0x40200000,
    0x40490fdb, 0x34000000, 0x4b000000, 0x4b000001, 0x20000000, 0x1fffffff, 0x5f7fffff,
};
static const uint64_t doubles[] = {
    0, 0x8000000000000000, 0x3ff0000000000000, 0xbff0000000000000, 0x3ff0000000000001, 0x3fefffffffffffff,
    0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000, 0xfff8000000000000, 0x7ff8123456789abc,
    0x7ff0000000000001, 0xfff0123456789abc, 1, 0x8000000000000001, 0x000fffffffffffff, 0x0010000000000000,
    0x7fefffffffffffff, 0xffefffffffffffff, 0x41e0000000000000, 0xc1e0000000000000, 0x41dfffffffc00000,
    0x41dfffffffe00000, 0x43e0000000000000, 0xc3e0000000000000, 0x3fe0000000000000, 0x3ff8000000000000,
    0x4004000000000000, 0x400921fb54442d18, 0x3cb0000000000000, 0x4330000000000000, 0x4330000000000001,
    0x380fffffffffffff, 0x36a0000000000000, 0x47efffffe0000000, 0x47f0000000000000, 0x2000000000000000,
    0x5fe0000000000000,
};

static uint32_t random_float(Rng *r)
{
    switch (rng_below(r, 4)) {
    case 0: return (uint32_t)rng64(r);
    case 1: return (uint32_t)((rng64(r) & 0x87ffffff) | 0x38000000);     /* around 1 */
    default: return floats[rng_below(r, ARRAY_SIZE(floats))];
    }
}

static uint64_t random_double(Rng *r)
{
    switch (rng_below(r, 4)) {
    case 0: return rng64(r);
    case 1: return (rng64(r) & 0x80ffffffffffffff) | 0x3f00000000000000;
    default: return doubles[rng_below(r, ARRAY_SIZE(doubles))];
    }
}

static void random_vector(uint8_t *p, unsigned len, Rng *r, bool fp)
{
    unsigned kind = rng_below(r, fp ? 5 : 3);

    for (unsigned i = 0; i < len; i += 8) {
        uint64_t v = kind == 0 ? rng64(r) : kind == 1 ? rng_interesting(r) : 0;

        if (kind == 2) {
            for (unsigned b = 0; b < 8; b++) {
                v = v << 8 | (edges[rng_below(r, ARRAY_SIZE(edges))] & 0xff);
            }
        } else if (kind == 3) {
            v = random_float(r) | (uint64_t)random_float(r) << 32;
        } else if (kind == 4) {
            v = random_double(r);
        }
        memcpy(p + i, &v, MIN(8u, len - i));
    }
}

/* 80-bit: every class, unsupported ones included. */
static void random_x87(uint64_t *mant, uint16_t *se, Rng *r)
{
    static const uint16_t exps[] = { 0,      1,      0x3ffe, 0x3fff, 0x4000, 0x403d, 0x403e,
                                     0x403f, 0x7ffe, 0x7fff, 0x3fbf, 0x4001, 0x3c01, 0x43fe };
    static const uint64_t mants[] = { 0,
                                      1,
                                      0x8000000000000000,
                                      0x8000000000000001,
                                      0xc000000000000000,
                                      0xffffffffffffffff,
                                      0x7fffffffffffffff,
                                      0x4000000000000000,
                                      0xc90fdaa22168c235,
                                      0xa000000000000000,
                                      0xfffffffffffff800,
                                      0xffffffffffffffff,
                                      0x8000000000000400,
                                      0xffffff0000000000 };
    uint16_t sign = (uint16_t)(rng64(r) & 0x8000);

    if (rng_one_in(r, 4)) {     /* an ordinary number */
        *se = (uint16_t)(sign | (0x3fff - 40 + rng_below(r, 80)));
        *mant = rng64(r) | 1ull << 63;
        if (rng_one_in(r, 2)) {
            *mant &= ~0ull << rng_below(r, 64);
            *mant |= 1ull << 63;
        }
        return;
    }
    *se = sign | (rng_one_in(r, 4) ? (uint16_t)(rng64(r) & 0x7fff) : exps[rng_below(r, ARRAY_SIZE(exps))]);
    *mant = rng_one_in(r, 3) ? rng64(r) : mants[rng_below(r, ARRAY_SIZE(mants))];
    if (!rng_one_in(r, 8) && (*se & 0x7fff)) {
        *mant |= 1ull << 63;    /* unsupported formats are rare */
    }
}

static void random_fpu(FxImage *fx, Rng *r, bool interesting)
{
    fx->fcw = 0x37f;
    fx->fsw = 0;
    fx->ftw = 0;
    if (!interesting) {
        return;
    }
    fx->fsw = (uint16_t)(rng_below(r, 8) << 11);
    if (rng_one_in(r, 2)) {
        fx->fcw = (uint16_t)(0x7f | rng_below(r, 16) << 8);
    }
    if (rng_one_in(r, 4)) {
        fx->fsw |= rng64(r) & 0x477f;
    }
    if (rng_one_in(r, 12)) {    /* unmasked exceptions */
        fx->fcw &= (uint16_t)~rng_below(r, 64);
    }
    if (fx->fsw & ~fx->fcw & 0x3f) {
        if (rng_one_in(r, 4)) {
            fx->fsw |= 0x8080;  /* one is pending */
        } else {
            fx->fsw &= (uint16_t)~0x7f;
        }
    }
    fx->ftw = (uint8_t)(rng_one_in(r, 3) ? rng64(r) : 0xff);
    for (unsigned i = 0; i < 8; i++) {
        random_x87(&fx->st[i].mant, &fx->st[i].se, r);
    }
}

static uint32_t random_mxcsr(Rng *r)
{
    uint32_t v = 0x1f80;

    if (rng_one_in(r, 2)) {
        v |= rng_below(r, 4) << 13 | (rng_one_in(r, 4) ? 0x8000 : 0) | (rng_one_in(r, 4) ? 0x40 : 0);
    }
    if (rng_one_in(r, 8)) {
        v &= ~(rng_below(r, 64) << 7);
    }
    if (rng_one_in(r, 4)) {
        v |= rng_below(r, 64);
    }
    return v;
}

/* ---- states ---- */

/* Asked once: CPUID is slow in virtual machines. */
static bool has_ymm(void)
{
    static int known = -1;

    if (known < 0) {
        known = native_has("avx");
    }
    return known;
}

void area_fill(uint8_t *area, Rng *r)
{
    for (unsigned i = 0; i < AREA_SIZE; i += 8) {
        uint64_t v = rng_interesting(r);

        memcpy(area + i, &v, 8);
    }
}

void state_random(CpuState *s, Rng *r, unsigned attr)
{
    bool fp = attr & (FORM_FLOAT | FORM_X87);

    memset(s, 0, sizeof(*s));
    for (unsigned i = 0; i < 16; i++) {
        s->gpr[i] = rng_interesting(r);
    }
    s->gpr[RSP] = STACK_BASE + 0x800 + rng_below(r, 0x80) * 8;
    s->flags = 2 | (rng64(r) & (F_STATUS | (attr & FORM_STRING ? F_D : 0)));
    random_fpu(&s->fx, r, attr & FORM_X87);
    s->fx.mxcsr = attr & FORM_FLOAT ? random_mxcsr(r) : 0x1f80;
    for (unsigned i = 0; i < 16; i++) {
        random_vector(s->fx.xmm[i].b, 16, r, fp);
    }
    for (unsigned i = 0; i < 16 && has_ymm(); i++) {
        random_vector((uint8_t *)s->ymm_high[i], 16, r, fp);
    }
}

/* Where a memory operand of `size` bytes goes. */
static uint32_t choose_target(Rng *r, unsigned size, bool align)
{
    uint32_t mask = align && !rng_one_in(r, 8) ? ~(MAX(size, 16u) - 1) : rng_one_in(r, 2) ? ~(uint32_t)7 : ~0u;
    uint32_t inside = 1 + rng_below(r, MAX(size, 2u) - 1);      /* bytes of it in front of a page's end */

    switch (rng_below(r, 40)) {
    case 0: return MISSING_BASE - inside;           /* into the missing page, from one that can only be read */
    case 1: return READONLY_BASE - inside;
    case 2: return DATA2_BASE - inside;
    case 3: return DATA2_BASE - PAGE + rng_below(r, PAGE - 0x100);
    case 4: return READONLY_BASE + 0x100 + rng_below(r, 0x800);
    case 5: return STACK_BASE + PAGE - inside;      /* into the missing page, from one that can be written */
    case 6: return READONLY_BASE - size;
    case 7: case 8: case 9: return DATA_BASE + PAGE - inside;
    default: return (DATA_BASE + 0x200 + rng_below(r, 0x1c00)) & mask;
    }
}

/* A bit that takes an address out of what 48 bits can say. */
#define NOT_CANONICAL(r) (1ull << (47 + rng_below(r, 17)))

static void solve_address(CpuState *s, const MemRef *m, uint32_t *target, Rng *r, bool wide)
{
    uint64_t offset;

    if (m->rip_relative) {
        *target = m->target;
        return;
    }
    if (m->base < 0) {
        *target = m->target;
        if (m->index >= 0) {
            s->gpr[m->index] = rng_below(r, 16);
            *target += (uint32_t)s->gpr[m->index] * m->scale;
            if (m->addr32) {
                s->gpr[m->index] |= rng64(r) << 32;
            }
        }
        return;
    }
    offset = m->gs ? (uint64_t)*target - GS_BASE : *target;
    if (m->gs && m->addr32 && *target < GS_BASE) {
        offset = 0;             /* 32-bit offsets are zero-extended before the base is added */
        *target = GS_BASE;
    }
    if (m->index >= 0 && rng_one_in(r, 2)) {
        s->gpr[m->index] = (uint64_t)((int64_t)rng_below(r, 0x1000) - 0x800);
    }
    s->gpr[m->base] = offset - (uint64_t)(int64_t)m->disp - (m->index >= 0 ? s->gpr[m->index] * m->scale : 0);
    if (m->addr32) {
        s->gpr[m->base] = (uint32_t)s->gpr[m->base] | rng64(r) << 32;
    } else if (wide && !m->gs && rng_one_in(r, 40)) {
        s->gpr[m->base] ^= NOT_CANONICAL(r);
    }
}

static bool in_area(uint32_t addr, unsigned size)
{
    return addr >= DATA_BASE && addr + size <= DATA_BASE + AREA_SIZE &&
           !(addr < DATA2_BASE && addr + size > MISSING_BASE);
}

static bool writable(uint32_t addr, unsigned size)
{
    return in_area(addr, size) && !(addr < MISSING_BASE && addr + size > READONLY_BASE);
}

/* Registers that strings use. The count is small, or nothing happens at all. */
static void string_registers(CpuState *s, uint8_t *area, const Instance *in, Rng *r)
{
    bool a32 = strstr(in->text, "addr32"), rep = strstr(in->text, "rep");
    uint64_t high = a32 ? rng64(r) << 32 : in->form->bits == 64 && rng_one_in(r, 40) ? NOT_CANONICAL(r) : 0;

    s->gpr[RSI] = high | choose_target(r, 8, false);
    s->gpr[RDI] = high | (rng_one_in(r, 3) ? (uint32_t)s->gpr[RSI] + rng_below(r, 16) - 8 : choose_target(r, 8, false));
    if (rep) {
        s->gpr[RCX] = rng_one_in(r, 6) ? 0 : rng_one_in(r, 12) ? rng_below(r, 1200) : rng_below(r, 24);
        if (a32) {              /* a count of 0 leaves the upper halves alone on AMD, clears them on Intel */
            s->gpr[RCX] |= rng64(r) << 32 | !native_is_intel();
        }
    }
    if (rng_one_in(r, 2)) {     /* a run of equal elements, for CMPS and SCAS */
        for (unsigned i = 0; i < 2; i++) {
            uint32_t at = (uint32_t)s->gpr[i ? RSI : RDI] - 32;

            if (writable(at, 96)) {
                memset(area + (at - DATA_BASE), (int)s->gpr[RAX] & 0xff, 32 + rng_below(r, 64));
            }
        }
        if (rng_one_in(r, 2)) {
            s->gpr[RAX] = 0x0101010101010101ull * (s->gpr[RAX] & 0xff);
        }
    }
}

static void divisible(CpuState *s, Rng *r, unsigned size)
{
    if (rng_one_in(r, 4)) {
        return;
    }
    if (size == 1) {
        s->gpr[RAX] =
            (s->gpr[RAX] & ~0xffffull) | (rng_one_in(r, 2) ? s->gpr[RAX] & 0xff : (uint16_t)(int8_t)s->gpr[RAX]);
    } else if (rng_one_in(r, 2)) {
        s->gpr[RDX] = rng_below(r, 3);
    } else {
        s->gpr[RDX] = (int64_t)(s->gpr[RAX] << (64 - size * 8)) < 0 ? ~0ull : 0;
    }
}

/* Indexes of a gather: mostly within the area, whatever the scale. Both masks and no masks are likely. */
static void gather_registers(CpuState *s, const Instance *in, Rng *r)
{
    uint8_t index[32];
    unsigned v = (unsigned)in->mem.vindex;

    for (unsigned i = 0; i < 32; i += in->form->attr & FORM_GATHER4 ? 4 : 8) {
        int64_t n = rng_one_in(r, 30) ? (int64_t)rng64(r) : (int64_t)rng_below(r, 128) - 64;

        memcpy(index + i, &n, in->form->attr & FORM_GATHER4 ? 4 : 8);
    }
    memcpy(&s->fx.xmm[v], index, 16);
    memcpy(s->ymm_high[v], index + 16, 16);
    if (rng_one_in(r, 4)) {
        memset(&s->fx.xmm[in->reg[2]], 0xff, 16);
        memset(s->ymm_high[in->reg[2]], 0xff, 16);
    }
}

/* ---- small segments ---- */

/* The registers of an address, so that it is offset `off`. */
static void solve_offset(CpuState *s, const MemRef *m, uint32_t *off, Rng *r)
{
    uint32_t mask = m->addr16 ? 0xffff : 0xffffffff, index;

    if (m->base < 0) {
        *off = (uint32_t)m->disp + (m->index >= 0 ? (uint32_t)s->gpr[m->index] * m->scale : 0);
        *off &= mask;
        return;
    }
    if (m->index >= 0 && rng_one_in(r, 2)) {
        s->gpr[m->index] = (s->gpr[m->index] & ~(uint64_t)mask) | rng_below(r, 0x1000);
    }
    index = m->index >= 0 ? (uint32_t)s->gpr[m->index] * m->scale : 0;
    s->gpr[m->base] = (s->gpr[m->base] & ~(uint64_t)mask) | ((*off - (uint32_t)m->disp - index) & mask);
    *off &= mask;
}

static void put_operand(uint8_t *area, uint32_t linear, unsigned size, const Instance *in, Rng *r);

static void segmented_state(CpuState *s, uint8_t *area, const Instance *in, Rng *r)
{
    const TestMode *mode = test_mode(in->form->bits);
    const MemRef *m = &in->mem;
    uint32_t count = rng_one_in(r, 6) ? 0 : rng_one_in(r, 12) ? rng_below(r, 1200) : rng_below(r, 24);

    s->gpr[RSP] = mode->sp + rng_below(r, 0x80) * 2;
    if ((in->form->attr & FORM_STACK) && rng_one_in(r, 4)) {
        s->gpr[RSP] = segment_offset(&mode->seg[SEG_SS], 4, false, r);
    }
    if (in->form->attr & FORM_STRING) {
        bool a16 = mode->bits == 16, rep = strstr(in->text, "rep");
        uint32_t high = a16 ? (uint32_t)rng64(r) & 0xffff0000 : 0;

        s->gpr[RSI] = high | (segment_offset(&mode->seg[SEG_DS], 4, false, r) & (a16 ? 0xffff : ~0u));
        s->gpr[RDI] = high | (segment_offset(&mode->seg[SEG_ES], 4, false, r) & (a16 ? 0xffff : ~0u));
        s->gpr[RCX] = rep ? (high | count) : s->gpr[RCX];
    }
    if (m->used) {
        const TestSegment *seg = &mode->seg[m->seg];
        uint32_t off = segment_offset(seg, m->size, in->form->attr & FORM_ALIGN, r);

        if ((in->form->attr & FORM_BITOFS) && in->reg[1] >= 0) {
            s->gpr[in->reg[1]] = (uint32_t)((int32_t)rng_below(r, 0x1000) - 0x800);
        }
        solve_offset(s, m, &off, r);
        put_operand(area, seg->base + off, m->size, in, r);
    }
}

static unsigned operand_size_of(const Form *f, unsigned i)
{
    return i < f->n_ops ? f->op[i].size : 0;
}

/* The memory operand's value, where it can be written. */
static void put_operand(uint8_t *area, uint32_t linear, unsigned size, const Instance *in, Rng *r)
{
    bool fp = in->form->attr & (FORM_FLOAT | FORM_X87);
    uint8_t *p = area + (linear - DATA_BASE);

    if (!in_area(linear, size)) {
        return;
    }
    random_vector(p, size, r, fp);
    if (size <= 8 && !fp) {
        memcpy(p, &(uint64_t) { rng_interesting(r) }, size);
    } else if (size == 10) {
        uint64_t mant;
        uint16_t se;

        random_x87(&mant, &se, r);
        memcpy(p, &mant, 8);
        memcpy(p + 8, &se, 2);
    }
}

void state_for_instance(CpuState *s, uint8_t *area, const Instance *in, Rng *r, unsigned k)
{
    const Form *f = in->form;
    const MemRef *m = &in->mem;
    uint32_t target = 0;

    state_random(s, r, f->attr);
    for (unsigned i = 0; i < f->n_ops && i < 2; i++) {
        if (in->reg[i] >= 0 && f->op[i].kind <= OP_REG64 && k < ARRAY_SIZE(edges) * ARRAY_SIZE(edges)) {
            s->gpr[in->reg[i]] = edges[i ? k / ARRAY_SIZE(edges) : k % ARRAY_SIZE(edges)];
        }
    }
    if (test_mode(f->bits)->ldt) {
        if (f->attr & FORM_DIV) {
            divisible(s, r, operand_size_of(f, 0));
        }
        segmented_state(s, area, in, r);
        goto narrow;
    }
    if (f->attr & FORM_STRING) {
        string_registers(s, area, in, r);
    }
    if ((f->attr & FORM_STACK) && rng_one_in(r, 8)) {
        s->gpr[RSP] = f->bits == 64 && rng_one_in(r, 2) ? s->gpr[RSP] ^ NOT_CANONICAL(r) : choose_target(r, 8, false);
    }
    if (f->attr & FORM_DIV) {
        divisible(s, r, operand_size_of(f, 0));
    }
    if (m->used) {
        unsigned size = m->size;

        target = choose_target(r, size, f->attr & FORM_ALIGN);
        if (f->attr & (FORM_GATHER4 | FORM_GATHER8)) {
            gather_registers(s, in, r);
        }
        if ((f->attr & FORM_BITOFS) && in->reg[1] >= 0) {
            s->gpr[in->reg[1]] = (uint64_t)((int64_t)rng_below(r, 0x1000) - 0x800);
        }
        solve_address(s, m, &target, r, f->bits == 64);
        put_operand(area, target, size, in, r);
    }
    if ((f->attr & FORM_RAXMEM)) {
        target = choose_target(r, 16, false);
        s->gpr[RDI] = target;
        s->gpr[RBX] = target - (s->gpr[RAX] & 0xff);
    }
    if ((f->attr & FORM_CMPXCHG) && rng_one_in(r, 2) && m->used && in_area(target, m->size) && m->base != RAX &&
        m->index != RAX && m->base != RDX && m->index != RDX) {
        memcpy(&s->gpr[RAX], area + (target - DATA_BASE),
               m->size >= 16                   ? 8
               : m->size == 8 && f->n_ops == 1 ? 4
                                               : m->size);
        if (f->n_ops == 1) {
            memcpy(&s->gpr[RDX], area + (target - DATA_BASE) + m->size / 2, m->size / 2);
        }
    } else if ((f->attr & FORM_CMPXCHG) && !m->used && in->reg[0] >= 0 && rng_one_in(r, 2)) {
        s->gpr[RAX] = s->gpr[in->reg[0]];
    }
narrow:
    for (unsigned i = 0; f->bits != 64 && i < 16; i++) {
        s->gpr[i] = (uint32_t)s->gpr[i];
    }
}

void state_for_sequence(CpuState *s, Rng *r, unsigned attr, unsigned bits)
{
    state_random(s, r, attr);
    s->gpr[RSP] = STACK_BASE + 0x800;
    s->gpr[RBX] = DATA_BASE + 0x800;
    s->gpr[RBP] = DATA2_BASE + 0x600;
    s->gpr[13] = DATA_BASE + PAGE;
    s->gpr[12] = rng_below(r, 8) * 16;
    s->gpr[15] = rng_below(r, 4);
    if (test_mode(bits)->ldt) {
        s->gpr[RSP] = test_mode(bits)->sp;
        s->gpr[RBX] = 0x800;
        s->gpr[RBP] = test_mode(bits)->sp + 0x200;
    }
    for (unsigned i = 0; bits != 64 && i < 16; i++) {
        s->gpr[i] = (uint32_t)s->gpr[i];
    }
}
