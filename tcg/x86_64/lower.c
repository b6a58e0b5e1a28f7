/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scalar operations to host instructions: one small function per shape, one table row per operation.
 *
 * Order inside each: operands into registers, dying operands released (their registers stay locked), result register,
 * instructions. The result may share a register with an operand; each function says how it copes.
 */
#include "qemu/osdep.h"
#include "x86_64/host.h"

static uint32_t opw(const IrOp *op)
{
    return op->type == IR_I64 ? X_W : 0;
}

static int64_t imm_of(const IrOp *op, int64_t v)
{
    return op->type == IR_I32 ? (int32_t)v : v;
}

/* Operand i is a constant that fits an immediate. */
static bool operand_imm(Host *h, const IrOp *op, unsigned i, int32_t *imm)
{
    int64_t v;

    if (!regs_const(h, op->arg[i], &v)) {
        return false;
    }
    v = imm_of(op, v);
    if (!fits_s32(v)) {
        return false;
    }
    *imm = (int32_t)v;
    return true;
}

static void note_zf(Host *h, int reg, uint32_t w)
{
    h->zf_at = h->a.p;
    h->zf_reg = reg;
    h->zf_w = w;
}

/* Register to compute into: the result's, or that of a first operand that dies here. */
static int def_like(Host *h, const IrOp *op, int preferred)
{
    return regs_def(h, op->arg[0], preferred);
}

/* ---- ADD SUB AND OR XOR IMUL: two-address with a choice of forms ---- */

static void alu_rr(Host *h, const IrOp *op, int d, int s)
{
    static const uint8_t g1[IRO__COUNT] = {
        [IRO_add] = G1_ADD, [IRO_sub] = G1_SUB, [IRO_and] = G1_AND, [IRO_or] = G1_OR, [IRO_xor] = G1_XOR,
    };

    if (op->opc == IRO_mul) {
        asm_rr(&h->a, 0xaf | X_0F | opw(op), d, s);
        return;
    }
    asm_g1_rr(&h->a, opw(op), g1[op->opc], d, s);
    note_zf(h, d, opw(op));
}

static void alu_ri(Host *h, const IrOp *op, int d, int s, int32_t imm)
{
    if (op->opc == IRO_mul) {
        asm_rr(&h->a, 0x69 | opw(op), d, s);
        a32(&h->a, (uint32_t)imm);
        return;
    }
    if (d != s && (op->opc == IRO_add || (op->opc == IRO_sub && imm != INT32_MIN))) {
        asm_rm(&h->a, 0x8d | opw(op), d, s, op->opc == IRO_add ? imm : -imm);
        return;
    }
    if (d != s) {
        asm_mov_rr(&h->a, op->type == IR_I64, d, s);
    }
    asm_g1_ri(&h->a, opw(op), op->opc == IRO_add ? G1_ADD : op->opc == IRO_sub ? G1_SUB : op->opc == IRO_and ? G1_AND
              : op->opc == IRO_or ? G1_OR : G1_XOR, d, imm);
    note_zf(h, d, opw(op));
}

static void lower_alu(Host *h, const IrOp *op)
{
    int32_t imm;
    int a, b, d;

    if (operand_imm(h, op, 2, &imm)) {
        a = regs_use(h, op->arg[1]);
        regs_kill_operands(h, op);
        d = def_like(h, op, a);
        alu_ri(h, op, d, a, imm);
        return;
    }
    a = regs_use(h, op->arg[1]);
    b = regs_use(h, op->arg[2]);
    regs_kill_operands(h, op);
    if ((ir_def(op)->flags & OPF_COMM) && (SCRATCH_MASK >> a & 1) && h->in_reg[a] != IR_NONE) {
        int t = a;              /* a lives on, b may not: compute into b */

        a = b;
        b = t;
    }
    d = def_like(h, op, a);
    if (d == a) {
        alu_rr(h, op, d, b);
    } else if (op->opc == IRO_add && d != b) {
        asm_rmx(&h->a, 0x8d | opw(op), d, (a & 7) == 5 ? b : a, (a & 7) == 5 ? a : b, 0);
    } else if (d == b && (ir_def(op)->flags & OPF_COMM)) {
        alu_rr(h, op, d, a);
    } else if (d == b) {        /* d = a - d */
        asm_rr(&h->a, 0xf7 | opw(op), 3, d);
        asm_g1_rr(&h->a, opw(op), G1_ADD, d, a);
        note_zf(h, d, opw(op));
    } else {
        asm_mov_rr(&h->a, op->type == IR_I64, d, a);
        alu_rr(h, op, d, b);
    }
}

/* ---- a result that must not share a register with operand b ---- */

static int def_apart(Host *h, const IrOp *op, int a, int b, bool *moved)
{
    int d = regs_def(h, op->arg[0], a == b ? -1 : a);

    *moved = d == b && a != b;
    return *moved ? regs_alloc(h, 0) : d;
}

static void lower_andc(Host *h, const IrOp *op)
{
    int a = regs_use(h, op->arg[1]), b = regs_use(h, op->arg[2]), d;

    regs_kill_operands(h, op);
    if (host_info.have_bmi1) {
        d = def_like(h, op, a);
        /* VEX.LZ.0F38 F2 /r: ANDN d, b(inverted, vvvv), a */
        a8(&h->a, 0xc4);
        a8(&h->a, (d & 8 ? 0 : 0x80) | 0x40 | (a & 8 ? 0 : 0x20) | 2);
        a8(&h->a, (opw(op) ? 0x80 : 0) | (~b & 15) << 3);
        a8(&h->a, 0xf2);
        a8(&h->a, 0xc0 | (d & 7) << 3 | (a & 7));
        note_zf(h, d, opw(op));
    } else {
        int t = regs_alloc(h, 0);

        d = def_like(h, op, a);
        asm_mov_rr(&h->a, true, t, b);
        asm_rr(&h->a, 0xf7 | opw(op), 2, t);
        if (d != a) {
            asm_mov_rr(&h->a, op->type == IR_I64, d, a);
        }
        asm_g1_rr(&h->a, opw(op), G1_AND, d, t);
    }
}

static void lower_neg_not(Host *h, const IrOp *op)
{
    int a = regs_use(h, op->arg[1]), d;

    regs_kill_operands(h, op);
    d = def_like(h, op, a);
    if (d != a) {
        asm_mov_rr(&h->a, op->type == IR_I64, d, a);
    }
    asm_rr(&h->a, 0xf7 | opw(op), op->opc == IRO_neg ? 3 : 2, d);
}

/* ---- shifts ---- */

static unsigned shift_group(const IrOp *op)
{
    switch (op->opc) {
    case IRO_shl: return G2_SHL;
    case IRO_shr: return G2_SHR;
    case IRO_sar: return G2_SAR;
    case IRO_rotl: return G2_ROL;
    default: return G2_ROR;
    }
}

/* SHLX, SHRX, SARX d, a, count: VEX.LZ.{66,F2,F3}.0F38 F7 */
static void shift_bmi2(Host *h, const IrOp *op, int d, int a, int n)
{
    unsigned pp = op->opc == IRO_shl ? 1 : op->opc == IRO_sar ? 2 : 3;

    a8(&h->a, 0xc4);
    a8(&h->a, (d & 8 ? 0 : 0x80) | 0x40 | (a & 8 ? 0 : 0x20) | 2);
    a8(&h->a, (opw(op) ? 0x80 : 0) | (~n & 15) << 3 | pp);
    a8(&h->a, 0xf7);
    a8(&h->a, 0xc0 | (d & 7) << 3 | (a & 7));
}

static void shift_by_cl(Host *h, const IrOp *op)
{
    int a, n, d;
    bool moved;

    regs_take(h, RCX);
    n = regs_use(h, op->arg[2]);
    a = regs_use(h, op->arg[1]);
    asm_mov_rr(&h->a, false, RCX, n);
    regs_kill_operands(h, op);
    d = def_apart(h, op, a, n, &moved);
    if (d != a) {
        asm_mov_rr(&h->a, op->type == IR_I64, d, a);
    }
    asm_rr(&h->a, 0xd3 | opw(op), shift_group(op), d);
    if (moved) {
        asm_mov_rr(&h->a, true, regs_peek(h, op->arg[0]), d);
    }
}

static void lower_shift(Host *h, const IrOp *op)
{
    int64_t n;
    int a, d;

    if (regs_const(h, op->arg[2], &n)) {
        n &= op->type == IR_I64 ? 63 : 31;
        a = regs_use(h, op->arg[1]);
        regs_kill_operands(h, op);
        d = def_like(h, op, a);
        if (d != a) {
            asm_mov_rr(&h->a, op->type == IR_I64, d, a);
        }
        if (n) {
            asm_shift_i(&h->a, opw(op), shift_group(op), d, (unsigned)n);
        } else if (d == a && op->type == IR_I32) {
            asm_mov_rr(&h->a, false, d, d);
        }
        if (n && (op->opc == IRO_shl || op->opc == IRO_shr || op->opc == IRO_sar)) {
            note_zf(h, d, opw(op));
        }
        return;
    }
    if (!host_info.have_bmi2 || op->opc == IRO_rotl || op->opc == IRO_rotr) {
        shift_by_cl(h, op);
        return;
    }
    a = regs_use(h, op->arg[1]);
    n = regs_use(h, op->arg[2]);
    regs_kill_operands(h, op);
    d = def_like(h, op, a);
    shift_bmi2(h, op, d, a, (int)n);
}

/* ---- wide multiplication: RDX:RAX = RAX * r ---- */

static void lower_mul2(Host *h, const IrOp *op)
{
    int a, b;

    regs_take(h, RAX);
    regs_take(h, RDX);
    a = regs_use(h, op->arg[2]);
    b = regs_use(h, op->arg[3]);
    regs_kill_operands(h, op);
    if (b == RAX) {             /* cannot be: RAX was taken before operands were placed */
        h->too_complex = true;
    }
    if (a != RAX) {
        asm_mov_rr(&h->a, op->type == IR_I64, RAX, a);
    }
    asm_rr(&h->a, 0xf7 | opw(op), op->opc == IRO_mulu2 ? 4 : 5, b);
    regs_def_in(h, op->arg[0], RAX);
    regs_def_in(h, op->arg[1], RDX);
}

/* ---- bit counting ---- */

static void lower_count(Host *h, const IrOp *op)
{
    unsigned width = op->type == IR_I64 ? 64 : 32;
    int a = regs_use(h, op->arg[1]), d, t;

    regs_kill_operands(h, op);
    if (op->opc == IRO_popcnt || host_info.have_lzcnt) {
        d = def_like(h, op, a);
        asm_rr(&h->a, (op->opc == IRO_popcnt ? 0xb8 : op->opc == IRO_clz ? 0xbd : 0xbc) | X_0F | X_F3 | opw(op), d, a);
        return;
    }
    t = regs_alloc(h, 0);
    d = def_like(h, op, a);
    asm_movi(&h->a, t, op->opc == IRO_clz ? 2 * width - 1 : width);
    asm_rr(&h->a, (op->opc == IRO_clz ? 0xbd : 0xbc) | X_0F | opw(op), d, a);
    asm_rr(&h->a, 0x40 | CCX_E | X_0F | opw(op), d, t);
    if (op->opc == IRO_clz) {
        asm_g1_ri(&h->a, opw(op), G1_XOR, d, (int32_t)width - 1);
    }
}

static void lower_bswap(Host *h, const IrOp *op)
{
    int a = regs_use(h, op->arg[1]), d;

    regs_kill_operands(h, op);
    d = def_like(h, op, a);
    if (d != a) {
        asm_mov_rr(&h->a, op->type == IR_I64, d, a);
    }
    asm_prefix(&h->a, 0xc8 | (d & 7) | X_0F | opw(op), 0, 0, d);
}

/* ---- widening and fields ---- */

static void emit_ext(Host *h, IrExt kind, bool to64, int d, int s)
{
    uint32_t w = to64 ? X_W : 0;

    switch (kind) {
    case IR_U8: asm_rr(&h->a, 0xb6 | X_0F | X_RM8, d, s); break;
    case IR_S8: asm_rr(&h->a, 0xbe | X_0F | X_RM8 | w, d, s); break;
    case IR_U16: asm_rr(&h->a, 0xb7 | X_0F, d, s); break;
    case IR_S16: asm_rr(&h->a, 0xbf | X_0F | w, d, s); break;
    case IR_U32: asm_mov_rr(&h->a, false, d, s); break;
    case IR_S32: asm_rr(&h->a, 0x63 | X_W, d, s); break;
    }
}

static void lower_ext(Host *h, const IrOp *op)
{
    int a = regs_use(h, op->arg[1]), d;

    regs_kill_operands(h, op);
    d = def_like(h, op, a);
    emit_ext(h, (IrExt)op->c[0], op->type == IR_I64, d, a);
}

static void lower_extract(Host *h, const IrOp *op)
{
    unsigned pos = op->c[0] & 0xff, len = op->c[0] >> 8, width = op->type == IR_I64 ? 64 : 32;
    bool sign = op->opc == IRO_sextract;
    int a = regs_use(h, op->arg[1]), d;

    regs_kill_operands(h, op);
    d = def_like(h, op, a);
    if (pos == 0 && (len == 8 || len == 16)) {
        emit_ext(h, len == 8 ? (sign ? IR_S8 : IR_U8) : (sign ? IR_S16 : IR_U16), op->type == IR_I64, d, a);
        return;
    }
    if (d != a) {
        asm_mov_rr(&h->a, op->type == IR_I64, d, a);
    }
    if (!sign && len == 8) {
        asm_shift_i(&h->a, opw(op), G2_SHR, d, pos);
        emit_ext(h, IR_U8, false, d, d);
        return;
    }
    if (!sign && len < 31 && pos + len < width) {
        if (pos) {
            asm_shift_i(&h->a, opw(op), G2_SHR, d, pos);
        }
        asm_g1_ri(&h->a, false, G1_AND, d, (int32_t)((1u << len) - 1));
        return;
    }
    if (pos + len < width) {
        asm_shift_i(&h->a, opw(op), G2_SHL, d, width - pos - len);
    }
    if (len < width) {
        asm_shift_i(&h->a, opw(op), sign ? G2_SAR : G2_SHR, d, width - len);
    } else if (op->type == IR_I32) {
        asm_mov_rr(&h->a, false, d, d);
    }
}

/* d (holding the base) gets the low bits of v. */
static void emit_deposit(Host *h, const IrOp *op, int d, int v)
{
    unsigned pos = op->c[0] & 0xff, len = op->c[0] >> 8, width = op->type == IR_I64 ? 64 : 32;

    if (pos == 0 && len == 8) {
        asm_rr(&h->a, 0x8a | X_B8 | X_RM8, d, v);
    } else if (pos == 0 && len == 16) {
        asm_rr(&h->a, 0x8b | X_66, d, v);
    } else if (len == 8 || len == 16) {         /* rotate the field down, replace it, rotate back */
        asm_shift_i(&h->a, opw(op), G2_ROR, d, pos);
        asm_rr(&h->a, len == 8 ? 0x8a | X_B8 | X_RM8 : 0x8b | X_66, d, v);
        asm_shift_i(&h->a, opw(op), G2_ROL, d, pos);
    } else {
        int t = regs_alloc(h, 0);

        asm_mov_rr(&h->a, true, t, v);
        asm_shift_i(&h->a, opw(op), G2_ROR, d, (pos + len) % width ? (pos + len) % width : width);
        asm_shift_i(&h->a, opw(op), G2_SHL, d, len);
        asm_shift_i(&h->a, opw(op), G2_SHL, t, width - len);
        asm_shift_i(&h->a, opw(op), G2_SHR, t, width - len);
        asm_g1_rr(&h->a, opw(op), G1_OR, d, t);
        if (pos) {
            asm_shift_i(&h->a, opw(op), G2_ROL, d, pos);
        }
    }
}

static void lower_deposit(Host *h, const IrOp *op)
{
    unsigned len = op->c[0] >> 8, width = op->type == IR_I64 ? 64 : 32;
    int a = regs_use(h, op->arg[1]), v = regs_use(h, op->arg[2]), d;
    bool moved;

    if (len == width) {
        regs_kill_operands(h, op);
        d = def_like(h, op, v);
        asm_mov_rr(&h->a, op->type == IR_I64, d, v);
        return;
    }
    regs_kill_operands(h, op);
    d = def_apart(h, op, a, v, &moved);
    if (a == v && d == a) {     /* the value would be rotated away under our feet */
        int t = regs_alloc(h, 0);

        asm_mov_rr(&h->a, true, t, v);
        v = t;
    }
    if (d != a || op->type == IR_I32) {     /* partial writes keep what is above: it must be zero for I32 */
        asm_mov_rr(&h->a, op->type == IR_I64, d, a);
    }
    emit_deposit(h, op, d, v);
    if (moved) {
        asm_mov_rr(&h->a, true, regs_peek(h, op->arg[0]), d);
    }
}

/* ---- conditions ---- */

static int host_cond(IrCond c)
{
    static const uint8_t cc[IR_COND__COUNT] = {
        [IR_EQ] = CCX_E, [IR_NE] = CCX_NE, [IR_LT] = CCX_L, [IR_GE] = CCX_GE, [IR_LE] = CCX_LE, [IR_GT] = CCX_G,
        [IR_LTU] = CCX_B, [IR_GEU] = CCX_AE, [IR_LEU] = CCX_BE, [IR_GTU] = CCX_A, [IR_TSTEQ] = CCX_E,
        [IR_TSTNE] = CCX_NE,
    };
    return cc[c];
}

/* Against 0, when the flags already tell. */
static int cond_from_zf(Host *h, const IrOp *op, int a, uint32_t w)
{
    if (h->zf_at != h->a.p || h->zf_reg != a || h->zf_w != (w != 0)) {
        return -1;
    }
    switch (op->cond) {
    case IR_EQ: return CCX_E;
    case IR_NE: return CCX_NE;
    case IR_LT: return CCX_S;
    case IR_GE: return CCX_NS;
    default: return -1;
    }
}

int lower_cmp(Host *h, const IrOp *op, unsigned first)
{
    uint32_t w = op->ctype == IR_I64 ? X_W : 0;
    bool test = op->cond == IR_TSTEQ || op->cond == IR_TSTNE;
    int64_t v;
    int a = regs_use(h, op->arg[first]), b, cc;

    if (regs_const(h, op->arg[first + 1], &v)) {
        v = op->ctype == IR_I32 ? (int32_t)v : v;
        if (v == 0 && !test) {
            cc = cond_from_zf(h, op, a, w);
            if (cc >= 0) {
                return cc;
            }
            asm_rr(&h->a, 0x85 | w, a, a);
            return host_cond((IrCond)op->cond);
        }
        if (test && (v & ~0x7fll) == 0) {
            asm_rr(&h->a, 0xf6 | X_RM8, 0, a);
            a8(&h->a, (uint8_t)v);
            return host_cond((IrCond)op->cond);
        }
        if (fits_s32(v)) {
            if (test) {
                asm_rr(&h->a, 0xf7 | w, 0, a);
                a32(&h->a, (uint32_t)v);
            } else {
                asm_g1_ri(&h->a, w, G1_CMP, a, (int32_t)v);
            }
            return host_cond((IrCond)op->cond);
        }
    }
    b = regs_use(h, op->arg[first + 1]);
    asm_rr(&h->a, (test ? 0x85 : 0x3b) | w, a, b);
    return host_cond((IrCond)op->cond);
}

/* Whatever the allocator emits after the comparison is a move: the flags live. */
static void lower_setcond(Host *h, const IrOp *op)
{
    int cc = lower_cmp(h, op, 1), a = regs_peek(h, op->arg[1]), d;

    regs_kill_operands(h, op);
    d = regs_def(h, op->arg[0], a);
    asm_rr(&h->a, 0x90 | cc | X_0F | X_RM8, 0, d);
    emit_ext(h, IR_U8, false, d, d);
}

static void lower_movcond(Host *h, const IrOp *op)
{
    int t, f, cc = lower_cmp(h, op, 1), d;
    int64_t v;
    bool f_const = regs_const(h, op->arg[4], &v);

    h->locked = 0;
    t = regs_use(h, op->arg[3]);
    f = f_const ? -1 : regs_use(h, op->arg[4]);
    regs_kill_operands(h, op);
    if (f_const) {
        d = regs_def(h, op->arg[0], -1);
        if (d == t) {
            int r = regs_alloc(h, 0);

            asm_movi(&h->a, r, (uint64_t)imm_of(op, v));
            asm_rr(&h->a, 0x40 | (cc ^ 1) | X_0F | X_W, d, r);
            if (op->type == IR_I32) {
                asm_mov_rr(&h->a, false, d, d);
            }
            return;
        }
        asm_movi(&h->a, d, op->type == IR_I32 ? (uint32_t)v : (uint64_t)v);
        asm_rr(&h->a, 0x40 | cc | X_0F | opw(op), d, t);
        return;
    }
    d = regs_def(h, op->arg[0], f);
    if (d == t && t != f) {
        asm_rr(&h->a, 0x40 | (cc ^ 1) | X_0F | opw(op), d, f);
        return;
    }
    if (d != f) {
        asm_mov_rr(&h->a, op->type == IR_I64, d, f);
    }
    asm_rr(&h->a, 0x40 | cc | X_0F | opw(op), d, t);
}

/* ---- moves ---- */

static void lower_mov(Host *h, const IrOp *op)
{
    IrTemp d = op->arg[0], s = op->arg[1];
    bool dies = op->dies >> 1 & 1;
    int64_t v;
    int r;

    if (regs_const(h, s, &v)) {
        regs_kill_operands(h, op);
        regs_def_const(h, d, op->type == IR_I32 ? (uint32_t)v : v);
        return;
    }
    if (!temp_is_pinned(h, d)) {
        regs_def_alias(h, d, s);
        if (dies) {
            regs_kill(h, s);
        }
        return;
    }
    r = regs_use(h, s);
    if (dies) {
        regs_kill(h, s);
    }
    if (r == h->temp[d].reg) {
        return;                 /* the value is there already (s was a copy of d) */
    }
    regs_prepare_def(h, d);
    asm_mov_rr(&h->a, true, h->temp[d].reg, r);
}

static void lower_ld(Host *h, const IrOp *op)
{
    int d = regs_def(h, op->arg[0], -1);
    unsigned size = op->c[1] & IR_MO_SIZE;
    bool sign = op->c[1] & IR_MO_SIGN;
    static const uint32_t load[2][4] = {
        { 0xb6 | X_0F, 0xb7 | X_0F, 0x8b, 0x8b | X_W }, { 0xbe | X_0F, 0xbf | X_0F, 0x63, 0x8b | X_W },
    };
    uint32_t opc = load[sign][size];

    if (sign && size < 3) {
        opc = op->type == IR_I64 ? opc | X_W : size == 2 ? 0x8b : opc;
    }
    vec_flush_range(h, op->c[0], 1u << size, false);
    asm_rm(&h->a, opc, d, ENV_REG, env_disp(op->c[0]));
}

static void lower_st(Host *h, const IrOp *op)
{
    static const uint32_t store_r[] = { 0x88 | X_B8, 0x89 | X_66, 0x89, 0x89 | X_W };
    static const uint32_t store_i[] = { 0xc6, 0xc7 | X_66, 0xc7, 0xc7 | X_W };
    unsigned size = op->c[1] & IR_MO_SIZE;
    int64_t v;

    vec_flush_range(h, op->c[0], 1u << size, true);
    if (regs_const(h, op->arg[0], &v) && (size < 3 || fits_s32(v))) {
        asm_rm(&h->a, store_i[size], 0, ENV_REG, env_disp(op->c[0]));
        if (size == 0) {
            a8(&h->a, (uint8_t)v);
        } else if (size == 1) {
            a8(&h->a, (uint8_t)v);
            a8(&h->a, (uint8_t)(v >> 8));
        } else {
            a32(&h->a, (uint32_t)v);
        }
    } else {
        asm_rm(&h->a, store_r[size], regs_use(h, op->arg[0]), ENV_REG, env_disp(op->c[0]));
    }
    regs_kill_operands(h, op);
}

/* ---- control flow inside the block ---- */

static void branch_to(Host *h, unsigned label, uint8_t *fix)
{
    if (h->n_label_fix == ARRAY_SIZE(h->label_fix)) {
        h->too_complex = true;
        return;
    }
    h->label_fix[h->n_label_fix].fix = fix;
    h->label_fix[h->n_label_fix++].label = label;
}

static void lower_brcond(Host *h, const IrOp *op)
{
    int cc;

    regs_sync_globals(h, 0);
    regs_sync_vars(h);
    vec_sync_temps(h);
    h->locked = 0;
    cc = lower_cmp(h, op, 0);
    regs_kill_operands(h, op);
    branch_to(h, op->slot, asm_jcc_fix(&h->a, cc));
}

static void lower_br(Host *h, const IrOp *op)
{
    regs_sync_globals(h, 0);
    regs_sync_vars(h);
    vec_sync_temps(h);
    branch_to(h, op->slot, asm_jmp_fix(&h->a));
}

static void lower_label(Host *h, const IrOp *op)
{
    if (!h->unreachable) {
        regs_sync_globals(h, 0);
        regs_sync_vars(h);
        vec_sync_temps(h);
    }
    regs_at_label(h);
    vec_forget(h);
    h->label_at[op->slot] = h->a.p;
    h->zf_at = NULL;
}

static void lower_insn_start(Host *h, const IrOp *op)
{
    h->insn_eip = op->c[0];
    if (op->slot != IR_DROPPED) {
        vec_insn_start(h);
    }
}

static void lower_fence(Host *h, const IrOp *op)
{
    a8(&h->a, 0x0f);
    a8(&h->a, 0xae);
    a8(&h->a, 0xf0);
}

static void lower_helper(Host *h, const IrOp *op)
{
    lower_call(h, op, ir_op_helper(op));
}

typedef void LowerFn(Host *h, const IrOp *op);
static LowerFn *const lower_fns[IRO__COUNT] = {
    [IRO_insn_start] = lower_insn_start, [IRO_label] = lower_label, [IRO_br] = lower_br, [IRO_brcond] = lower_brcond,
    [IRO_mov] = lower_mov, [IRO_trunc] = lower_mov,
    [IRO_add] = lower_alu, [IRO_sub] = lower_alu, [IRO_and] = lower_alu, [IRO_or] = lower_alu, [IRO_xor] = lower_alu,
    [IRO_mul] = lower_alu, [IRO_andc] = lower_andc, [IRO_neg] = lower_neg_not, [IRO_not] = lower_neg_not,
    [IRO_shl] = lower_shift, [IRO_shr] = lower_shift, [IRO_sar] = lower_shift, [IRO_rotl] = lower_shift,
    [IRO_rotr] = lower_shift,
    [IRO_mulu2] = lower_mul2, [IRO_muls2] = lower_mul2,
    [IRO_clz] = lower_count, [IRO_ctz] = lower_count, [IRO_popcnt] = lower_count, [IRO_bswap] = lower_bswap,
    [IRO_ext] = lower_ext, [IRO_extract] = lower_extract, [IRO_sextract] = lower_extract, [IRO_deposit] = lower_deposit,
    [IRO_setcond] = lower_setcond, [IRO_movcond] = lower_movcond, [IRO_ld] = lower_ld, [IRO_st] = lower_st,
    [IRO_gld] = lower_gld, [IRO_gst] = lower_gst,
    [IRO_gchk] = lower_gchk, [IRO_hld] = lower_hld, [IRO_hst] = lower_hst, [IRO_gldv] = lower_gldv,
    [IRO_gstv] = lower_gstv,
    [IRO_atomic_rmw] = lower_atomic, [IRO_atomic_cas] = lower_atomic, [IRO_fence] = lower_fence,
    [IRO_vec] = lower_vec, [IRO_vex] = lower_vex, [IRO_vget] = lower_vget, [IRO_vput] = lower_vput,
    [IRO_vzup] = lower_vzup,
    [IRO_call] = lower_helper,
    [IRO_exit_chain] = lower_exit, [IRO_exit_chain_if] = lower_exit, [IRO_exit_jump] = lower_exit,
    [IRO_exit_loop] = lower_exit, [IRO_exit_loop_at] = lower_exit,
};

void lower_op(Host *h, const IrOp *op)
{
    lower_fns[op->opc](h, op);
    h->unreachable = ir_op_ends(op);
    regs_end_op(h, op);
}
