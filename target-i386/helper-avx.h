/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AVX, AVX2, FMA, F16C: the table of encodings that exist with VEX only, and the helpers they need.
 *
 * A VEX form of an SSE instruction has no row here: it is the SSE row's operation with a third operand (sse-ops.c,
 * translate-avx.c). All rows have the mandatory prefix 66; W0 and W1 have rows of their own.
 */
#ifndef TARGET_I386_HELPER_AVX_H
#define TARGET_I386_HELPER_AVX_H

#include "target-i386/helper-sse.h"

typedef enum VexIsa { VI_AVX, VI_AVX2, VI_FMA, VI_F16C } VexIsa;
typedef enum VexLen { VL_ANY, VL_128, VL_256, VL_IGNORED } VexLen;

typedef enum VexKind {
    V_UD,
    V_OP,           /* reg = op(vvvv, r/m); .vec.dst_unread: reg = op(r/m) */
    V_FMA,          /* reg = op(vvvv, r/m, old reg) */
    V_BLENDV,       /* reg = op(vvvv, r/m, register in the immediate) */
    V_BROADCAST128, /* both halves := 16 bytes of memory */
    V_STORE,        /* r/m = op(reg): VEXTRACTF128, VCVTPS2PH */
    V_TEST,         /* flags of reg and r/m */
    V_MASK_LOAD, V_MASK_STORE,      /* elem bytes each, those whose sign in vvvv is set */
    V_GATHER,       /* elem and index: bytes */
} VexKind;

typedef struct VexRow {
    IrVecOp vec;
    uint8_t kind, isa, isa_reg; /* isa_reg: of the register form when that came later */
    uint8_t len;                /* VexLen */
    uint8_t mem, mem256;        /* bytes of a memory operand */
    uint8_t elem, index;
    bool fp;                    /* may raise SIMD floating-point exceptions */
} VexRow;

/* map 2 or 3; w: VEX.W. kind V_UD: no such instruction. */
const VexRow *vex_row(unsigned map, unsigned opcode, unsigned mandatory, bool w);
/* VINSERTF128, on which VBROADCASTF128 rests. */
extern const IrVecOp vec_vinsertf128;

/*
 * Element accesses: what a helper has to know, in one word. Registers by number, sizes as log2 of bytes, segment.
 * Gathers truncate each element's offset to the address size; elements side by side go on beyond its end.
 */
#define VEX_DST(n)      (n)
#define VEX_MASK(n)     ((n) << 4)
#define VEX_INDEX(n)    ((n) << 8)
#define VEX_ELEM(n)     ((n) << 12)
#define VEX_INDEX_ELEM(n) ((n) << 14)
#define VEX_SCALE(n)    ((n) << 16)
#define VEX_SEG(n)      ((n) << 18)
#define VEX_ADDR32      (1u << 21)
#define VEX_LEN32       (1u << 22)

#define HELPERS_AVX(H)                                                                                 \
    /* the exact path: IrVecOp *, offsets dst | a << 32, b | c << 32, immediate | length << 8 */       \
    H(vex_exact, void, RAISES, i64, i64, i64, i32)                                                     \
    /* VEX_* word, offset of the first element (gather: base and displacement), MMU mode */            \
    H(vmaskload, void, RAISES, i32, i64, i32)                                                          \
    H(vmaskstore, void, RAISES, i32, i64, i32)                                                         \
    H(vgather, void, RAISES, i32, i64, i32)                                                            \
    H(vzeroall, void, STATE, i32 /*registers*/)                                                        \
    /* EXTRQ, INSERTQ: offsets of dst and src, length | index << 8, or -1: those of the source */      \
    H(extrq, void, STATE, i32, i32, i32)                                                                \
    H(insertq, void, STATE, i32, i32, i32)
HELPERS_AVX(HELPER_PROTO)

/* C functions of the rows. */
#define AVX_FNS(F) \
    F(vpermilps) F(vpermilpd) F(vpermilpd_i) F(vpermd) F(vpermq) F(vperm2f128) F(vinsertf128) F(vextractf128) \
    F(vpblendd) \
    F(vpsrlvd) F(vpsrlvq) F(vpsravd) F(vpsllvd) F(vpsllvq) F(vbroadcast1) F(vbroadcast2) F(vbroadcast4) F(vbroadcast8) \
    F(vpblendvb) F(vblendvps) F(vblendvpd) F(vcvtph2ps) F(vcvtps2ph)
#define FMA_KINDS(F) F(fmadd) F(fmsub) F(fnmadd) F(fnmsub)
#define VEX_PROTO(n) void vex_##n(void *env, const IrVexArgs *x);
#define VEX_PROTO_ORDERS(n) VEX_PROTO(n##132) VEX_PROTO(n##213) VEX_PROTO(n##231)
#define VEX_PROTO_PACKED(n) VEX_PROTO_ORDERS(n##ps) VEX_PROTO_ORDERS(n##pd)
#define VEX_PROTO_ALL(n) VEX_PROTO_PACKED(n) VEX_PROTO_ORDERS(n##ss) VEX_PROTO_ORDERS(n##sd)
AVX_FNS(VEX_PROTO)
FMA_KINDS(VEX_PROTO_ALL)
VEX_PROTO_PACKED(fmaddsub)
VEX_PROTO_PACKED(fmsubadd)
uint64_t get_vtestps(void *env, const void *a, const void *b, unsigned len, uint32_t imm);
uint64_t get_vtestpd(void *env, const void *a, const void *b, unsigned len, uint32_t imm);

/*
 * Fused multiply-add of one element's three operands in the instruction's order; how: FmaOrder, and what is negated.
 * soft: without the host's instruction, for hosts that lack it and for tests.
 */
typedef enum FmaOrder { FMA_132, FMA_213, FMA_231 } FmaOrder;     /* 132: first * third + second, ... */
#define FMA_NEG_SUM     4u      /* | FmaOrder */
#define FMA_NEG_PRODUCT 8u
uint64_t fma64_bits(const CPUX86State *env, unsigned how, const uint64_t op[3], bool soft);
uint32_t fma32_bits(const CPUX86State *env, unsigned how, const uint32_t op[3], bool soft);

#endif
