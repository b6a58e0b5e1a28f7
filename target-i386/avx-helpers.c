/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AVX helpers: accesses of single elements (masked moves, gathers) and what needs all registers.
 *
 * Follows: SDM vol. 2C, VMASKMOV, VPMASKMOV, VPGATHERDD; vol. 1, "VEX-Encoded Gather Instructions": an element that is
 * not selected is not accessed and cannot fault; a gather that faults has done the elements before, whose masks are
 * then 0 (AMD's too are those of elements that were not selected; measured).
 */
#include "qemu/osdep.h"
#include "exec/cpu-mem.h"
#include "target-i386/helper-avx.h"
#include "target-i386/seg.h"

DEFINE_HELPERS(HELPERS_AVX)

typedef struct Elements {
    CPUX86State *env;
    XmmReg *dst, *mask;
    const XmmReg *index;
    unsigned size, index_size, scale, seg, len;
    bool addr32;
    uint64_t base;
    int mmu_idx;
} Elements;

static Elements elements(CPUX86State *env, uint32_t how, uint64_t base, uint32_t mmu_idx)
{
    return (Elements){
        .env = env,
        .dst = &env->xmm[how & 15],
        .mask = &env->xmm[how >> 4 & 15],
        .index = &env->xmm[how >> 8 & 15],
        .size = 1u << (how >> 12 & 3),
        .index_size = 1u << (how >> 14 & 3),
        .scale = how >> 16 & 3,
        .seg = how >> 18 & 7,
        .len = how & VEX_LEN32 ? 32 : 16,
        .addr32 = how & VEX_ADDR32,
        .base = base,
        .mmu_idx = (int)mmu_idx,
    };
}

static bool selected(const Elements *e, unsigned i)
{
    return e->size == 4 ? e->mask->l[i] >> 31 : e->mask->q[i] >> 63;
}

/* The linear address of an element; #SS or #GP by its segment. */
static uint64_t linear(const Elements *e, uint64_t off, bool write)
{
    const SegmentCache *sc = &e->env->segs[e->seg];
    uint64_t first;

    if (e->addr32) {
        off = (uint32_t)off;
    }
    if (cpu_code64(e->env)) {
        return e->seg < R_FS ? off : off + sc->base;
    }
    first = off - (write ? sc->w_lo : sc->r_lo);
    if (first > (write ? sc->w_span : sc->r_span) || first + e->size - 1 > (write ? sc->w_span : sc->r_span)) {
        helper_seg_fault(e->env, e->seg);
    }
    return (uint32_t)(off + sc->base);
}

static void put(XmmReg *r, unsigned i, unsigned size, uint64_t v)
{
    if (size == 4) {
        r->l[i] = (uint32_t)v;
    } else {
        r->q[i] = v;
    }
}

void helper_vmaskload(CPUX86State *env, uint32_t how, uint64_t base, uint32_t mmu_idx)
{
    Elements e = elements(env, how, base, mmu_idx);
    XmmReg result = { .q = { 0 } };

    for (unsigned i = 0; i < e.len / e.size; i++) {
        if (selected(&e, i)) {
            put(&result, i, e.size, cpu_ld(env, linear(&e, base + i * e.size, false), e.size, e.mmu_idx));
        }
    }
    *e.dst = result;
}

/* All of it may be stored before anything is. */
void helper_vmaskstore(CPUX86State *env, uint32_t how, uint64_t base, uint32_t mmu_idx)
{
    Elements e = elements(env, how, base, mmu_idx);

    for (unsigned i = 0; i < e.len / e.size; i++) {
        if (selected(&e, i)) {
            cpu_probe(env, linear(&e, base + i * e.size, true), e.size, true, e.mmu_idx);
        }
    }
    for (unsigned i = 0; i < e.len / e.size; i++) {
        if (selected(&e, i)) {
            cpu_st(env, linear(&e, base + i * e.size, true), e.size == 4 ? e.dst->l[i] : e.dst->q[i], e.size,
                   e.mmu_idx);
        }
    }
}

static uint64_t gather_offset(const Elements *e, unsigned i)
{
    int64_t index = e->index_size == 4 ? (int32_t)e->index->l[i] : (int64_t)e->index->q[i];

    return e->base + ((uint64_t)index << e->scale);
}

void helper_vgather(CPUX86State *env, uint32_t how, uint64_t base, uint32_t mmu_idx)
{
    Elements e = elements(env, how, base, mmu_idx);
    unsigned n = e.len / MAX(e.size, e.index_size);

    for (unsigned i = 0; i < n; i++) {
        if (selected(&e, i)) {
            put(e.dst, i, e.size, cpu_ld(env, linear(&e, gather_offset(&e, i), false), e.size, e.mmu_idx));
        }
        put(e.mask, i, e.size, 0);
    }
    *e.mask = (XmmReg) { .q = { 0 } };
    for (unsigned i = n; i < 32 / e.size; i++) {
        put(e.dst, i, e.size, 0);
    }
}

void helper_vzeroall(CPUX86State *env, uint32_t n)
{
    memset(env->xmm, 0, n * sizeof(XmmReg));
}
