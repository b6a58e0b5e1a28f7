/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of instructions that exist with VEX only (helper-avx.h says what a row means).
 *
 * Follows: SDM vol. 2D, appendix A, tables; vol. 2C for W and L. Left out: XOP, FMA4, EVEX.
 */
#include "qemu/osdep.h"
#include "target-i386/helper-avx.h"

/* bytes read of the last operand with VEX.128 and VEX.256; fn: the C function vex_fn */
#define OP(n, m, o, h, sb, sb256, fn, ...)                                                             \
    { .name = #n, .prefix = 0x66, .map = m, .opcode = o, .src_bytes = sb, .src_bytes256 = sb256, .dst_bytes = 16, \
      .host_feature = IR_VEC_##h, .host_feature256 = IR_VEC_##h, .vex = vex_##fn, ##__VA_ARGS__ }
#define ROW_OP(l, i, b, b256, vecop, ...) \
    { .vec = vecop, .kind = V_OP, .isa = VI_##i, .len = VL_##l, .mem = b, .mem256 = b256, ##__VA_ARGS__ }

/* three operands of the vector's length */
#define ABC(o, n, m, l, i, fn)  ROW_OP(l, i, 16, 32, OP(n, m, o, i, 16, 32, fn))
#define ABC_W(o, n, m, l, i, fn) ROW_OP(l, i, 16, 32, OP(n, m, o, i, 16, 32, fn, .w = true))
#define ABC_I(o, n, m, l, i, fn) ROW_OP(l, i, 16, 32, OP(n, m, o, i, 16, 32, fn, .has_imm = true))
/* two operands and an immediate */
#define AB_I(o, n, l, i, fn, ...) \
    ROW_OP(l, i, 16, 32, OP(n, 3, o, i, 16, 32, fn, .has_imm = true, .dst_unread = true, ##__VA_ARGS__))
#define BROADCAST(o, n, l, i, bytes)                                                                   \
    [o] = { ROW_OP(l, i, bytes, bytes, OP(n, 2, o, AVX2, bytes, bytes, vbroadcast##bytes, .dst_unread = true), \
            .isa_reg = VI_AVX2) }
#define BROADCAST128(o, i) [o] = { { .kind = V_BROADCAST128, .isa = VI_##i, .len = VL_256, .mem = 16, .mem256 = 16 } }
#define MASKED(o, k, i, w0, w1, ...) \
    [o] = { { .kind = k, .isa = VI_##i, .elem = w0 }, { .kind = w1 ? k : V_UD, .isa = VI_##i, .elem = w1 } }
#define GATHER(o, ix)                                                                                  \
    [o] = { { .kind = V_GATHER, .isa = VI_AVX2, .elem = 4, .index = ix },                                \
            { .kind = V_GATHER, .isa = VI_AVX2, .elem = 8, .index = ix } }
#define TEST(o, n)                                                                                     \
    [o] = { { .vec = { .name = #n, .prefix = 0x66, .map = 2, .opcode = o, .src_bytes = 16, .src_bytes256 = 32, \
                       .host_feature = IR_VEC_AVX, .host_feature256 = IR_VEC_AVX, .is_flags = true, .get = get_##n }, \
              .kind = V_TEST, .isa = VI_AVX, .mem = 16, .mem256 = 32 } }
#define INSERT(o, n, i) ROW_OP(256, i, 16, 16, OP(n, 3, o, i, 16, 16, vinsertf128, .has_imm = true))
#define EXTRACT(o, n, i)                                                                               \
    { .vec = OP(n, 3, o, i, 16, 32, vextractf128, .has_imm = true, .dst_unread = true, .reg_is_src = true), \
      .kind = V_STORE, .isa = VI_##i, .len = VL_256, .mem = 16, .mem256 = 16 }
#define BLENDV(o, n) \
    [o] = { { .vec = OP(n, 3, o, AVX, 16, 32, n, .reads_c = true, .c_in_imm = true), .kind = V_BLENDV,   \
              .isa = VI_AVX, .mem = 16, .mem256 = 32 } }

/* PSHUFD, as its function sees it */
#define VPERMILPS_I                                                                                    \
    { .name = "vpermilps", .prefix = 0x66, .map = 3, .opcode = 0x04, .src_bytes = 16, .src_bytes256 = 32, \
      .dst_bytes = 16, .host_feature = IR_VEC_AVX, .host_feature256 = IR_VEC_AVX, .fn = fn_pshufd, \
      .has_imm = true, .dst_unread = true }

/* W0 is single, W1 double precision */
#define FMA_VEC(o, n, b, b256, wide) OP(n, 2, o, FMA, b, b256, n, .reads_c = true, .w = wide)
#define FMA_ROW(o, n, l, b, b256, wide) \
    { .vec = FMA_VEC(o, n, b, b256, wide), .kind = V_FMA, .isa = VI_FMA, .len = VL_##l, .mem = b, \
      .mem256 = b256, .fp = true }
#define FMA_P(o, n, order) \
    [o] = { FMA_ROW(o, n##ps##order, ANY, 16, 32, false), FMA_ROW(o, n##pd##order, ANY, 16, 32, true) }
#define FMA_S(o, n, order) \
    [o] = { FMA_ROW(o, n##ss##order, IGNORED, 4, 4, false), FMA_ROW(o, n##sd##order, IGNORED, 8, 8, true) }
#define FMA_ORDER(o, order)                                                                            \
    FMA_P(o + 6, fmaddsub, order), FMA_P(o + 7, fmsubadd, order), FMA_P(o + 8, fmadd, order),          \
    FMA_S(o + 9, fmadd, order), FMA_P(o + 10, fmsub, order), FMA_S(o + 11, fmsub, order),              \
    FMA_P(o + 12, fnmadd, order), FMA_S(o + 13, fnmadd, order),                                       \
    FMA_P(o + 14, fnmsub, order), FMA_S(o + 15, fnmsub, order)

static const VexRow map_0f38[256][2] = {
    [0x0c] = { ABC(0x0c, vpermilps, 2, ANY, AVX, vpermilps) },
    [0x0d] = { ABC(0x0d, vpermilpd, 2, ANY, AVX, vpermilpd) },
    TEST(0x0e, vtestps), TEST(0x0f, vtestpd),
    [0x13] = { ROW_OP(ANY, F16C, 8, 16, OP(vcvtph2ps, 2, 0x13, F16C, 8, 16, vcvtph2ps, .dst_unread = true),
                      .fp = true) },
    [0x16] = { ABC(0x16, vpermps, 2, 256, AVX2, vpermd) },
    BROADCAST(0x18, vbroadcastss, ANY, AVX, 4), BROADCAST(0x19, vbroadcastsd, 256, AVX, 8), BROADCAST128(0x1a, AVX),
    MASKED(0x2c, V_MASK_LOAD, AVX, 4, 0), MASKED(0x2d, V_MASK_LOAD, AVX, 8, 0),
    MASKED(0x2e, V_MASK_STORE, AVX, 4, 0), MASKED(0x2f, V_MASK_STORE, AVX, 8, 0),
    [0x36] = { ABC(0x36, vpermd, 2, 256, AVX2, vpermd) },
    [0x45] = { ABC(0x45, vpsrlvd, 2, ANY, AVX2, vpsrlvd), ABC_W(0x45, vpsrlvq, 2, ANY, AVX2, vpsrlvq) },
    [0x46] = { ABC(0x46, vpsravd, 2, ANY, AVX2, vpsravd) },
    [0x47] = { ABC(0x47, vpsllvd, 2, ANY, AVX2, vpsllvd), ABC_W(0x47, vpsllvq, 2, ANY, AVX2, vpsllvq) },
    BROADCAST(0x58, vpbroadcastd, ANY, AVX2, 4), BROADCAST(0x59, vpbroadcastq, ANY, AVX2, 8), BROADCAST128(0x5a, AVX2),
    BROADCAST(0x78, vpbroadcastb, ANY, AVX2, 1), BROADCAST(0x79, vpbroadcastw, ANY, AVX2, 2),
    MASKED(0x8c, V_MASK_LOAD, AVX2, 4, 8), MASKED(0x8e, V_MASK_STORE, AVX2, 4, 8),
    GATHER(0x90, 4), GATHER(0x91, 8), GATHER(0x92, 4), GATHER(0x93, 8),
    FMA_ORDER(0x90, 132), FMA_ORDER(0xa0, 213), FMA_ORDER(0xb0, 231),
};

static const VexRow map_0f3a[256][2] = {
    [0x00] = { [1] = AB_I(0x00, vpermq, 256, AVX2, vpermq, .w = true) },
    [0x01] = { [1] = AB_I(0x01, vpermpd, 256, AVX2, vpermq, .w = true) },
    [0x02] = { ABC_I(0x02, vpblendd, 3, ANY, AVX2, vpblendd) },
    [0x04] = { ROW_OP(ANY, AVX, 16, 32, VPERMILPS_I) },
    [0x05] = { AB_I(0x05, vpermilpd, ANY, AVX, vpermilpd_i) },
    [0x06] = { ABC_I(0x06, vperm2f128, 3, 256, AVX, vperm2f128) },
    [0x46] = { ABC_I(0x46, vperm2i128, 3, 256, AVX2, vperm2f128) },
    [0x18] = { INSERT(0x18, vinsertf128, AVX) }, [0x38] = { INSERT(0x38, vinserti128, AVX2) },
    [0x19] = { EXTRACT(0x19, vextractf128, AVX) }, [0x39] = { EXTRACT(0x39, vextracti128, AVX2) },
    [0x1d] = { { .vec = OP(vcvtps2ph, 3, 0x1d, F16C, 16, 32, vcvtps2ph, .has_imm = true, .dst_unread = true,
                           .reg_is_src = true), .kind = V_STORE, .isa = VI_F16C, .mem = 8, .mem256 = 16, .fp = true } },
    BLENDV(0x4a, vblendvps), BLENDV(0x4b, vblendvpd), BLENDV(0x4c, vpblendvb),
};

const IrVecOp vec_vinsertf128 = OP(vinsertf128, 3, 0x18, AVX, 16, 16, vinsertf128, .has_imm = true);

const VexRow *vex_row(unsigned map, unsigned opcode, unsigned mandatory, bool w)
{
    static const VexRow none;

    return mandatory != 0x66 || map < 2 ? &none : map == 2 ? &map_0f38[opcode][w] : &map_0f3a[opcode][w];
}
