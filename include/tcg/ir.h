/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The IR as front ends see it: types, temporaries, and one builder function per operation.
 *
 * A block is a list of typed three-address operations. Values live in
 *   globals    guest state with a home in the CPU state (a guest register, the lazy flags); some are pinned to a
 *              host register across blocks, which the front end need not know;
 *   locals     single-assignment results of the builder functions, dead at the end of the block, never live across a
 *              label;
 *   variables  ir_var_new(): locals that may be written more than once and stay valid across labels (slower);
 *   constants  ir_const(): usable wherever a value is.
 * Control flow inside a block goes forward only (ir_br, ir_brcond, to a label set later). It leaves by exits.
 *
 * Precise state: at every operation that may fault (guest loads and stores, calls with IR_CALL_RAISES) all globals hold
 * the values assigned before it in program order; so a front end assigns guest registers only after the last
 * faulting operation of an instruction, memory first, flags last (docs/tcg.md, "Commit order").
 *
 * One IrContext is used by one thread at a time. Builder functions never fail: a block that grows over IR_MAX_OPS sets
 * ir->overflow and the block is translated again with fewer instructions.
 */
#ifndef TCG_IR_H
#define TCG_IR_H

#include "qemu/osdep.h"

typedef enum IrType { IR_I32, IR_I64 } IrType;
typedef uint16_t IrTemp;
#define IR_NONE ((IrTemp)0xffff)

/* Conditions. TST*: of a & b. */
typedef enum IrCond {
    IR_EQ, IR_NE, IR_LT, IR_GE, IR_LE, IR_GT, IR_LTU, IR_GEU, IR_LEU, IR_GTU, IR_TSTEQ, IR_TSTNE, IR_COND__COUNT,
} IrCond;
/* pairs: EQ/NE LT/GE LE/GT LTU/GEU LEU/GTU TST */
static inline IrCond ir_cond_invert(IrCond c) { return (IrCond)(c ^ 1); }

/* How narrow values widen. */
typedef enum IrExt { IR_U8, IR_S8, IR_U16, IR_S16, IR_U32, IR_S32 } IrExt;

/*
 * A guest memory access: log2 of its size, sign extension, the MMU mode to check rights in.
 * IR_MO_RMW on a load: check for write access too (the load half of a read-modify-write faults as a write).
 */
typedef uint16_t IrMemOp;
#define IR_MO_8     0
#define IR_MO_16    1
#define IR_MO_32    2
#define IR_MO_64    3
#define IR_MO_128   4
#define IR_MO_256   5
#define IR_MO_SIZE  7
#define IR_MO_SIGN  (1 << 3)
#define IR_MO_RMW   (1 << 4)
#define IR_MO_ZERO  (1 << 6)        /* vector loads: bytes up to 32 become 0, not only those up to 16 */
#define IR_MO_ALIGN (1 << 5)        /* must be aligned to its size: the slow path raises the target's exception */
#define IR_MO_MMU_SHIFT 8
#define IR_MO_MMU(i) ((i) << IR_MO_MMU_SHIFT)
static inline unsigned ir_mo_bytes(IrMemOp mo) { return 1u << (mo & IR_MO_SIZE); }
static inline unsigned ir_mo_mmu(IrMemOp mo) { return mo >> IR_MO_MMU_SHIFT; }

/* Helpers: C functions that translated code calls. First argument is always the CPU state. */
typedef enum IrCallFlags {
    IR_CALL_PURE = 0,               /* touches no global, cannot raise; goes when its result is unused */
    IR_CALL_READS = 1 << 0,         /* may read any global in the CPU state */
    IR_CALL_WRITES = 1 << 1,        /* may write any global (implies READS) */
    IR_CALL_RAISES = 1 << 2,        /* may raise a guest exception (implies READS) */
    IR_CALL_NORETURN = 1 << 3,      /* always raises */
    IR_CALL_NO_SIDE = 1 << 4,       /* result unused: may be dropped */
    IR_CALL_STATE = 1 << 5,         /* as PURE, but has effects besides its result (x87, MXCSR): stays */
} IrCallFlags;
typedef struct IrHelper {
    const char *name;
    void *fn;                       /* uint64_t|uint32_t|void fn(CPUState *env, up to 5 uint32_t/uint64_t arguments) */
    uint8_t nargs;                  /* besides env */
    int8_t ret;                     /* -1 none, IR_I32, IR_I64 */
    uint8_t flags;                  /* IrCallFlags */
} IrHelper;

/*
 * Vector operations work on operands in the CPU state (docs/tcg.md, "Vector operations"). A descriptor says how the
 * guest's own instruction is encoded; the x86-64 back end copies it. Others, and hosts that lack it, call the C
 * function.
 *
 *   ir_vec   dst = op(dst, src, imm); bytes of dst beyond dst_bytes are kept. fn
 *   ir_vex   dst = op(a, b, c, imm), 16 or 32 bytes, the rest up to 32 becomes 0. vex, or else fn on each half
 *   ir_vget  a general value = op(a, b, imm). get
 *   ir_vput  dst = op(a, general value, imm). put
 */
typedef struct IrVexArgs {
    void *dst;                      /* 32 bytes of 0, no operand among them */
    const void *a, *b, *c;
    unsigned len;                   /* 16 or 32: what VEX.L says */
    uint32_t imm;
} IrVexArgs;
typedef struct IrVecOp {
    const char *name;
    uint8_t prefix;                 /* mandatory prefix: 0, 0x66, 0xf2, 0xf3 */
    uint8_t map;                    /* 1: 0F, 2: 0F38, 3: 0F3A */
    uint8_t opcode;
    uint8_t src_bytes;              /* bytes of src (b) that count: 2, 4, 8, 16 */
    uint8_t dst_bytes;              /* ir_vec: bytes of dst written: 4, 8, 16 */
    bool has_imm;
    bool dst_unread;                /* old dst does not matter; ir_vex: there is no a (pshufd, sqrtpd, cvt, ...) */
    bool mmx;                       /* 64-bit MMX operands: fn only unless prefix etc. fit */
    uint8_t host_feature;           /* CPUID requirement of the copy, see IR_VEC_* */
    /* uses the host's current rounding mode and MXCSR-like flags */
    void (*fn)(void *env, void *dst, const void *src, uint32_t imm);
    uint8_t host_feature256;        /* the same of ir_vex on 32 bytes */
    uint8_t src_bytes256;           /* ir_vex on 32 bytes: bytes read of b: 4, 8, 16, 32 */
    uint8_t group;                  /* not 0: ModRM.reg extends the opcode, operand and result are ModRM.rm (PSLLW) */
    uint8_t imm_shift256;           /* fn on the upper half takes the immediate shifted down by this */
    bool w;                         /* REX.W, VEX.W */
    bool no_vex;                    /* the instruction has no VEX form */
    bool reg_is_src;                /* ModRM.reg names b, rm the result: VEXTRACTF128, PEXTRD, ... */
    bool reads_c;                   /* a third operand: the old dst (FMA) unless c_in_imm or c_is_first */
    bool c_in_imm;                  /* its register is in the immediate byte (VBLENDVPS) */
    bool c_is_first;                /* ir_vec: it is the first vector register (SHA256RNDS2) */
    bool is_flags;                  /* ir_vget: the value is Z, P, C of EFLAGS after op(a, b) */
    void (*vex)(void *env, const IrVexArgs *x);
    uint64_t (*get)(void *env, const void *a, const void *b, unsigned len, uint32_t imm);
    void (*put)(void *env, void *dst, uint64_t v, uint32_t imm);        /* dst: 16 bytes, a to begin with */
} IrVecOp;
enum {
    IR_VEC_SSE2, IR_VEC_SSE3, IR_VEC_SSSE3, IR_VEC_SSE41, IR_VEC_SSE42, IR_VEC_AES, IR_VEC_PCLMUL,
    IR_VEC_AVX, IR_VEC_AVX2, IR_VEC_FMA, IR_VEC_F16C, IR_VEC_SHA, IR_VEC_SSE4A, IR_VEC_GFNI, IR_VEC_VAES,
    IR_VEC_VPCLMUL,
    IR_VEC_FN_ONLY = 255,
};

typedef enum IrRmw { IR_RMW_XCHG, IR_RMW_ADD, IR_RMW_AND, IR_RMW_OR, IR_RMW_XOR } IrRmw;

typedef struct IrContext IrContext;

/* ---- values ---- */
/*
 * off: byte offset of the home in the CPU state; pin: preference order for pinning (0 = first, -1 = never). At start-up
 * only.
 */
IrTemp ir_global_new(IrContext *ir, IrType type, size_t off, const char *name, int pin);
IrTemp ir_const(IrContext *ir, IrType type, int64_t value);     /* I32: low 32 bits count */
IrTemp ir_var_new(IrContext *ir, IrType type);
IrType ir_type(IrContext *ir, IrTemp t);
bool ir_is_const(IrContext *ir, IrTemp t, int64_t *value);

/* ---- scalar operations; operands have the type of the result unless said ---- */
void ir_mov(IrContext *ir, IrTemp global_or_var, IrTemp src);
IrTemp ir_add(IrContext *ir, IrTemp a, IrTemp b);
IrTemp ir_sub(IrContext *ir, IrTemp a, IrTemp b);
IrTemp ir_and(IrContext *ir, IrTemp a, IrTemp b);
IrTemp ir_or(IrContext *ir, IrTemp a, IrTemp b);
IrTemp ir_xor(IrContext *ir, IrTemp a, IrTemp b);
IrTemp ir_andc(IrContext *ir, IrTemp a, IrTemp b);              /* a & ~b */
IrTemp ir_mul(IrContext *ir, IrTemp a, IrTemp b);
IrTemp ir_neg(IrContext *ir, IrTemp a);
IrTemp ir_not(IrContext *ir, IrTemp a);
IrTemp ir_addi(IrContext *ir, IrTemp a, int64_t b);
IrTemp ir_andi(IrContext *ir, IrTemp a, int64_t b);
IrTemp ir_shli(IrContext *ir, IrTemp a, unsigned n);
IrTemp ir_shri(IrContext *ir, IrTemp a, unsigned n);
IrTemp ir_sari(IrContext *ir, IrTemp a, unsigned n);
/* Counts must be below the width (mask first); their type equals the value's type. */
IrTemp ir_shl(IrContext *ir, IrTemp a, IrTemp n);
IrTemp ir_shr(IrContext *ir, IrTemp a, IrTemp n);
IrTemp ir_sar(IrContext *ir, IrTemp a, IrTemp n);
IrTemp ir_rotl(IrContext *ir, IrTemp a, IrTemp n);
IrTemp ir_rotr(IrContext *ir, IrTemp a, IrTemp n);
void ir_mulu2(IrContext *ir, IrTemp *lo, IrTemp *hi, IrTemp a, IrTemp b);   /* full unsigned product */
void ir_muls2(IrContext *ir, IrTemp *lo, IrTemp *hi, IrTemp a, IrTemp b);
IrTemp ir_clz(IrContext *ir, IrTemp a);         /* width for 0 */
IrTemp ir_ctz(IrContext *ir, IrTemp a);
IrTemp ir_popcnt(IrContext *ir, IrTemp a);
IrTemp ir_bswap(IrContext *ir, IrTemp a);       /* all 4 or 8 bytes */
/* Widen the low bits of a (of any type) to type. U32/S32 to I64 take an I32 or I64. */
IrTemp ir_ext(IrContext *ir, IrType type, IrExt kind, IrTemp a);
IrTemp ir_trunc(IrContext *ir, IrTemp a);       /* I64 -> I32 */
IrTemp ir_deposit(IrContext *ir, IrTemp base, IrTemp val, unsigned pos, unsigned len);  /* types equal */
IrTemp ir_extract(IrContext *ir, IrTemp a, unsigned pos, unsigned len);
IrTemp ir_sextract(IrContext *ir, IrTemp a, unsigned pos, unsigned len);
IrTemp ir_setcond(IrContext *ir, IrCond c, IrTemp a, IrTemp b);                 /* I32: 0 or 1 */
/* a,b share a type; the values share a type */
IrTemp ir_movcond(IrContext *ir, IrCond c, IrTemp a, IrTemp b, IrTemp if_true, IrTemp if_false);

/* ---- CPU state fields that are no globals ---- */
IrTemp ir_ld(IrContext *ir, IrType type, size_t off, IrMemOp size_sign);
void ir_st(IrContext *ir, IrTemp val, size_t off, IrMemOp size);

/* ---- guest memory; addr is I64 and canonical checks are the slow path's ---- */
IrTemp ir_gld(IrContext *ir, IrType type, IrTemp addr, IrMemOp mo);
void ir_gst(IrContext *ir, IrTemp addr, IrTemp val, IrMemOp mo);
/* From memory of the host, which must stay while the block exists; in order with guest stores. */
IrTemp ir_hld(IrContext *ir, IrType type, const void *host, IrMemOp mo);
/*
 * 4 to 32 bytes between guest memory and a vector in the CPU state. A load faults before it writes; the rest up to 16
 * becomes 0.
 */
void ir_gldv(IrContext *ir, size_t dst_off, IrTemp addr, IrMemOp mo);
void ir_gstv(IrContext *ir, size_t src_off, IrTemp addr, IrMemOp mo);
/* Atomic against other vCPUs. Return the old value, zero- or sign-extended by mo to the operand's type. */
IrTemp ir_atomic_rmw(IrContext *ir, IrRmw op, IrTemp addr, IrTemp val, IrMemOp mo);
IrTemp ir_atomic_cas(IrContext *ir, IrTemp addr, IrTemp expected, IrTemp val, IrMemOp mo);
void ir_fence(IrContext *ir);                   /* MFENCE */

/* ---- vector and calls ---- */
/* Operands are offsets in the CPU state. */
void ir_vec(IrContext *ir, const IrVecOp *op, size_t dst, size_t src, uint8_t imm);
void ir_vex(IrContext *ir, const IrVecOp *op, unsigned len, size_t dst, size_t a, size_t b, size_t c, uint8_t imm);
/* The operation itself, by its C function, outside of translated code: x->dst is 32 bytes of zeros and no operand. */
void ir_vex_compute(void *env, const IrVecOp *op, const IrVexArgs *x);
IrTemp ir_vget(IrContext *ir, const IrVecOp *op, IrType type, unsigned len, size_t a, size_t b, uint8_t imm);
/* zero: bytes 16 to 31 of dst become 0. */
void ir_vput(IrContext *ir, const IrVecOp *op, size_t dst, size_t a, IrTemp val, bool zero, uint8_t imm);
/* Bytes 16 to 31 of the first n slots become 0: VZEROUPPER. */
void ir_vzup(IrContext *ir, unsigned n);
/*
 * n values follow, converted by the caller to what the helper takes (I32 for uint32_t, I64 for uint64_t). Result or
 * IR_NONE.
 */
IrTemp ir_call(IrContext *ir, const IrHelper *h, ...);  /* exactly h->nargs IrTemp arguments */

/* ---- control flow ---- */
typedef uint16_t IrLabel;
IrLabel ir_label_new(IrContext *ir);
void ir_label_set(IrContext *ir, IrLabel l);
void ir_br(IrContext *ir, IrLabel l);
void ir_brcond(IrContext *ir, IrCond c, IrTemp a, IrTemp b, IrLabel l);
/* Starts a guest instruction: pc is its EIP/RIP (offset in CS), what a fault inside restores. */
void ir_insn_start(IrContext *ir, uint64_t pc);

/*
 * Exits. eip: the offset in CS where the guest goes on; the back end sees to it that the CPU state holds it when C code
 * runs. dead: bit n = global n is dead at this exit (the successor overwrites it before use).
 * A chain exit jumps straight to its successor once that is known; it must lie in the page of the block
 * (IR_EXIT_CROSS: in another page: goes through the jump cache). IR_EXIT_LOOP: may close a loop: tests for exit
 * requests.
 */
typedef enum IrExitFlags { IR_EXIT_LOOP = 1 << 0, IR_EXIT_CROSS = 1 << 1 } IrExitFlags;
void ir_exit_chain(IrContext *ir, uint64_t eip, unsigned flags, uint64_t dead);
/* The same, taken only if the condition holds; the block goes on otherwise. */
void ir_exit_chain_if(IrContext *ir, IrCond c, IrTemp a, IrTemp b, uint64_t eip, unsigned flags, uint64_t dead);
/* To a computed offset (I64) through the jump cache; tests for exit requests. */
void ir_exit_jump(IrContext *ir, IrTemp eip, uint64_t dead);
/*
 * Back to the execution loop (after instructions that change modes or open interrupts). eip was stored by a helper or
 * ir_st.
 */
void ir_exit_loop(IrContext *ir);
/*
 * As ir_exit_loop where only the mode may have changed: if nobody wants the CPU's attention (exit request, interrupt
 * request) the next block may be looked up and run at once.
 */
void ir_exit_lookup(IrContext *ir);
/* As ir_exit_loop, with eip = the constant. */
void ir_exit_loop_at(IrContext *ir, uint64_t eip);

unsigned ir_num_ops(IrContext *ir);
bool ir_overflow(IrContext *ir);

#endif
