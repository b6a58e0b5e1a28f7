/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the passes of the translator share: the operation list and the tables around it.
 *
 * Containers. Every value lives in a 64-bit container. An I32 operation reads the low halves of its operands and
 * zero-extends its result; only `trunc` leaves garbage above. That makes I32 -> I64 zero extension a copy nearly
 * always, and lets an I32 operation name an I64 temp as operand (copy propagation does).
 */
#ifndef TCG_INTERNAL_H
#define TCG_INTERNAL_H

#include "tcg/ir.h"

#define IR_MAX_OPS    3072
#define IR_MAX_TEMPS  4096
#define IR_MAX_LABELS 256
#define IR_MAX_EXITS  128
#define IR_MAX_GLOBALS 48
#define IR_CONST_HASH 256
#define IR_MAX_ARGS   6
#define IR_DROPPED    0xffff      /* slot of an insn_start that stands for a removed operation */

typedef enum IrOpcode {
#define IR_OP(name, outs, ins, flags) IRO_##name,
#include "tcg-op.def"
#undef IR_OP
    IRO__COUNT
} IrOpcode;

enum { OPF_SIDE = 1, OPF_FAULT = 2, OPF_LEAVE = 4, OPF_END = 8, OPF_COMM = 16, OPF_FLAT = 32 };
typedef struct IrOpDef {
    const char *name;
    uint8_t nout, nin;
    uint8_t flags;
} IrOpDef;
extern const IrOpDef ir_op_defs[IRO__COUNT];

typedef struct IrOp {
    uint8_t opc;            /* IrOpcode */
    uint8_t type;           /* IrType of the result, or of the operands where there is none */
    uint8_t ctype;          /* of what a condition compares (setcond, movcond, brcond, exit_chain_if) */
    uint8_t cond;
    uint8_t nout, nin;      /* arg[0..nout) are results, arg[nout..nout+nin) operands */
    uint8_t dies;           /* liveness: bit i = arg[i] is not needed after this operation */
    uint8_t pos;            /* exit flags, vector immediate; calls: bit i = operand i is I64 */
    uint16_t slot;          /* exit number, label number, length of a vector */
    IrTemp arg[IR_MAX_ARGS];
    uint64_t c[3];
} IrOp;

typedef enum IrTempKind { IRT_GLOBAL, IRT_LOCAL, IRT_VAR, IRT_CONST } IrTempKind;
typedef struct IrTempInfo {
    uint8_t kind, type;
    int8_t pin;             /* globals: host register number assigned by the back end, -1 none */
    int8_t pin_order;       /* globals: front end's preference */
    bool upper_garbage;     /* result of trunc: not zero-extended */
    uint32_t off;           /* globals: home */
    int64_t val;            /* constants */
    const char *name;
} IrTempInfo;

struct IrContext {
    IrOp ops[IR_MAX_OPS];
    unsigned n_ops;
    IrTempInfo temps[IR_MAX_TEMPS];
    unsigned n_temps, n_globals;
    uint16_t const_hash[IR_CONST_HASH];
    unsigned n_labels, n_exits, n_vars;
    bool overflow;
    bool has_labels;
    uint64_t block_pc;      /* for dumps */
};

IrContext *ir_context_new(void);
IrContext *ir_context_clone(const IrContext *of);       /* with the same globals and nothing else */
void ir_context_free(IrContext *ir);
void ir_reset(IrContext *ir);           /* drop all but the globals */

static inline const IrOpDef *ir_def(const IrOp *op) { return &ir_op_defs[op->opc]; }
static inline bool ir_op_is_call(const IrOp *op) { return op->opc == IRO_call; }
static inline const IrHelper *ir_op_helper(const IrOp *op) { return (const IrHelper *)(uintptr_t)op->c[0]; }
/* The call sees the globals' values in the CPU state. */
static inline bool ir_op_reads_globals(const IrOp *op)
{
    return ir_op_is_call(op) && (ir_op_helper(op)->flags & (IR_CALL_READS | IR_CALL_WRITES | IR_CALL_RAISES));
}
static inline bool ir_op_writes_globals(const IrOp *op)
{
    return ir_op_is_call(op) && (ir_op_helper(op)->flags & IR_CALL_WRITES);
}
static inline bool ir_op_ends(const IrOp *op)
{
    return (ir_def(op)->flags & OPF_END) || (ir_op_is_call(op) && (ir_op_helper(op)->flags & IR_CALL_NORETURN));
}
/* An operation at which the values of all globals matter, whether or not it goes on. */
static inline bool ir_op_observes(const IrOp *op)
{
    return (ir_def(op)->flags & (OPF_FAULT | OPF_LEAVE)) || ir_op_reads_globals(op);
}

/* vector.c: the C forms of vector operations. Offsets in env as in the list: a | b << 32 and so on. */
void ir_vec_run(void *env, const IrVecOp *v, uint64_t dst_src, uint32_t imm);
void ir_vex_run(void *env, const IrVecOp *v, uint64_t dst_a, uint64_t b_c, uint32_t imm_len);   /* imm | len << 8 */
uint64_t ir_vget_run(void *env, const IrVecOp *v, uint64_t a_b, uint32_t imm_len);
void ir_vput_run(void *env, const IrVecOp *v, uint64_t dst_a, uint64_t val, uint32_t imm_zero);  /* imm | zero << 8 */

/* Passes, in this order; each leaves a valid list. See docs/tcg.md. */
void ir_optimize(IrContext *ir);        /* optimize.c: constants, copies, algebra */
void ir_share_checks(IrContext *ir);    /* share.c: one TLB check for accesses that differ by constants; optional */
void ir_coalesce(IrContext *ir);        /* coalesce.c: results go straight to their global */
void ir_liveness(IrContext *ir);        /* liveness.c: removes dead operations, fills `dies` */
/*
 * verify.c: the rules of a list, see there. A list as built has exact types, one that passes have seen containers
 * that suit.
 */
typedef enum IrTyping { IR_TYPES_EXACT, IR_TYPES_CONTAINERS } IrTyping;
/* why: gets the reason of a false; may be NULL */
bool ir_check(const IrContext *ir, IrTyping typing, GString *why);
void ir_verify(const IrContext *ir, IrTyping typing);                  /* aborts instead: debug builds */
void ir_dump(const IrContext *ir, GString *out);    /* dump.c */
const char *ir_cond_name(IrCond c);

/* Value of a condition on constants. */
bool ir_eval_cond(IrCond c, IrType type, uint64_t a, uint64_t b);
/* Folds one operation on constants; false when it has no constant value. */
bool ir_eval_op(const IrOp *op, const uint64_t *in, uint64_t *result);

/*
 * A pass's working memory, too large for the stack: one block per thread, made at the first use, freed when the thread
 * ends. Zero when new, afterwards as the last use left it. The key is G_PRIVATE_INIT(g_free).
 */
static inline void *tcg_scratch(GPrivate *key, size_t size)
{
    void *p = g_private_get(key);

    if (unlikely(!p)) {
        p = g_malloc0(size);
        g_private_set(key, p);
    }
    return p;
}

#endif
