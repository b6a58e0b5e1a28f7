/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Vector operations by their C functions: what the interpreter runs, and translated code where the host lacks an
 * instruction.
 */
#include "qemu/osdep.h"
#include "tcg-internal.h"

static uint8_t *at(void *env, uint64_t offset)
{
    return (uint8_t *)env + (uint32_t)offset;
}

void ir_vec_run(void *env, const IrVecOp *v, uint64_t dst_src, uint32_t imm)
{
    v->fn(env, at(env, dst_src), at(env, dst_src >> 32), imm);
}

/*
 * In halves of 16 bytes: the result of the SSE form, whose destination is the first operand too. b may be one for both
 * (a shift count), or half as long as the result (widening).
 */
static void vex_by_halves(void *env, const IrVecOp *v, const IrVexArgs *x)
{
    unsigned step = v->src_bytes256 == 32 ? 16 : v->src_bytes256 == v->src_bytes ? 0 : v->src_bytes;

    for (unsigned i = 0; i < x->len / 16; i++) {
        uint8_t *dst = (uint8_t *)x->dst + 16 * i;

        if (!v->dst_unread) {
            memcpy(dst, (const uint8_t *)x->a + 16 * i, 16);
        }
        v->fn(env, dst, (const uint8_t *)x->b + step * i, x->imm >> (i * v->imm_shift256));
    }
}

void ir_vex_compute(void *env, const IrVecOp *v, const IrVexArgs *x)
{
    if (v->vex) {
        v->vex(env, x);
    } else {
        vex_by_halves(env, v, x);
    }
}

void ir_vex_run(void *env, const IrVecOp *v, uint64_t dst_a, uint64_t b_c, uint32_t imm_len)
{
    uint8_t result[32] __attribute__((aligned(32))) = { 0 };
    IrVexArgs x = { .dst = result, .a = at(env, dst_a >> 32), .b = at(env, b_c), .c = at(env, b_c >> 32),
                    .len = imm_len >> 8, .imm = imm_len & 0xff };

    ir_vex_compute(env, v, &x);
    memcpy(at(env, dst_a), result, 32);
}

uint64_t ir_vget_run(void *env, const IrVecOp *v, uint64_t a_b, uint32_t imm_len)
{
    return v->get(env, at(env, a_b), at(env, a_b >> 32), imm_len >> 8, imm_len & 0xff);
}

void ir_vput_run(void *env, const IrVecOp *v, uint64_t dst_a, uint64_t val, uint32_t imm_zero)
{
    uint8_t result[32] __attribute__((aligned(32))) = { 0 };

    memcpy(result, at(env, dst_a >> 32), 16);
    v->put(env, result, val, imm_zero & 0xff);
    memcpy(at(env, dst_a), result, imm_zero >> 8 ? 32 : 16);
}
