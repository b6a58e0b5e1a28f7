/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locked operations on guest memory: the TLB probe of a store, then the host's locked instruction; what the probe
 * refuses (another page, I/O, code, breakpoints) calls C out of line.
 *
 *   operation                   main path behind the probe, p: host address
 *   exchange                    mov d, val; xchg [p], d
 *   add                         mov d, val; lock xadd [p], d
 *   add, and, or, xor whose     lock OP [p], val
 *     old value nobody wants
 *   and, or, xor                mov rax, [p]; 1: mov x, rax; OP x, [args + 8]; lock cmpxchg [p], x; jne 1b
 *   compare and exchange        mov rax, [args + 8]; mov x, [args + 16]; lock cmpxchg [p], x
 *
 * The last two have more operands than there are scratch registers: theirs wait in the helper's argument slots, where
 * the slow path wants them anyway. A locked instruction of the host is the full fence that one of the guest is.
 */
#include "qemu/osdep.h"
#include "x86_64/host.h"

/* INSN r/m, reg for 1, 2, 4 and 8 bytes; at is the opcode for bytes, the next is that of the other sizes. */
static uint32_t sized(uint32_t at, unsigned size)
{
    static const uint32_t how[] = { X_B8, 1 | X_66, 1, 1 | X_W };

    return at + how[size];
}

static void emit_locked(Host *h, uint32_t opc, int reg, int base)
{
    a8(&h->a, 0xf0);
    asm_rmx(&h->a, opc, reg, base, -1, 0);
}

/* The result as a container: what a load of that kind leaves. Locked instructions of 32 bits clear the upper half. */
static void emit_extend(Host *h, IrMemOp mo, bool to64, int d)
{
    static const uint32_t widen[2][2] = {
        { 0xb6 | X_0F | X_RM8, 0xb7 | X_0F }, { 0xbe | X_0F | X_RM8, 0xbf | X_0F },
    };
    unsigned size = mo & IR_MO_SIZE;
    bool sign = mo & IR_MO_SIGN;

    if (size < 2) {
        asm_rr(&h->a, widen[sign][size] | (sign && to64 ? X_W : 0), d, d);
    } else if (size == 2 && sign && to64) {
        asm_rr(&h->a, 0x63 | X_W, d, d);
    }
}

/* A register, or the constant v when reg is -1. */
static void put_arg(Host *h, unsigned n, int reg, int64_t v)
{
    int32_t disp = env_disp(host_info.layout.args + 8 * n);

    if (reg >= 0) {
        asm_rm(&h->a, 0x89 | X_W, reg, ENV_REG, disp);
    } else {
        asm_rm(&h->a, 0xc7 | X_W, 0, ENV_REG, disp);
        a32(&h->a, (uint32_t)v);
    }
}

static void get_arg(Host *h, unsigned n, uint32_t opc, int reg)
{
    asm_rm(&h->a, opc, reg, ENV_REG, env_disp(host_info.layout.args + 8 * n));
}

/*
 * Everything that may go wrong is out of line; behind it p->idx is the host address and p->x free. The result's
 * register is p->x, or RAX and then the caller's to define when the value is there.
 */
static Stub *begin(Host *h, const IrOp *op, const Probe *p, bool in_rax)
{
    IrMemOp mo = (IrMemOp)(uint32_t)op->c[0];
    Stub *s = stub_new(h, STUB_ATOMIC);

    s->is64 = op->type == IR_I64;
    s->rmw = op->opc == IRO_atomic_rmw ? (int8_t)(op->c[0] >> 32) : -1;
    regs_sync_list(h, &s->sync, 0);
    s->data = in_rax ? RAX : regs_def(h, op->arg[0], p->x);
    note_saved(h, s, s->data);
    vec_note_live(h, s);
    probe_emit(h, p, mo, true, s);
    asm_rr(&h->a, 0x03 | X_W, p->idx, p->x);
    return s;
}

/* One locked instruction, operands in registers. */
static void lower_rmw_direct(Host *h, const IrOp *op)
{
    static const uint8_t g1[] = {
        [IR_RMW_ADD] = G1_ADD, [IR_RMW_AND] = G1_AND, [IR_RMW_OR] = G1_OR, [IR_RMW_XOR] = G1_XOR
    };
    IrMemOp mo = (IrMemOp)(uint32_t)op->c[0];
    IrRmw rmw = (IrRmw)(op->c[0] >> 32);
    unsigned size = mo & IR_MO_SIZE;
    Probe p = { .addr = regs_use(h, op->arg[1]) };
    int val = regs_use(h, op->arg[2]), d;
    bool wanted = !(op->dies & 1);
    Stub *s;

    regs_kill_operands(h, op);
    regs_prepare_def(h, op->arg[0]);
    probe_alloc(h, &p, op->arg[1] != op->arg[2] && p.addr != val);
    s = begin(h, op, &p, false);
    d = s->data;
    s->val_reg = val;
    if (!wanted && rmw != IR_RMW_XCHG) {
        emit_locked(h, sized(g1[rmw] << 3, size), val, p.idx);
    } else {
        asm_mov_rr(&h->a, true, d, val);
        if (rmw == IR_RMW_XCHG) {
            asm_rmx(&h->a, sized(0x86, size), d, p.idx, -1, 0);
        } else {
            emit_locked(h, sized(0xc0 | X_0F, size), d, p.idx);
        }
        emit_extend(h, mo, s->is64, d);
    }
    s->back = h->a.p;
}

/* Around LOCK CMPXCHG: the old value is in RAX. */
static void lower_cmpxchg(Host *h, const IrOp *op)
{
    static const uint32_t combine[] = { [IR_RMW_AND] = 0x23, [IR_RMW_OR] = 0x0b, [IR_RMW_XOR] = 0x33 };
    IrMemOp mo = (IrMemOp)(uint32_t)op->c[0];
    unsigned size = mo & IR_MO_SIZE;
    uint32_t w = size == 3 ? X_W : 0;
    bool rmw = op->opc == IRO_atomic_rmw;
    Probe p;
    Stub *s;

    for (unsigned i = 1; i < op->nin; i++) {
        int64_t v;
        int r = regs_const(h, op->arg[1 + i], &v) && fits_s32(v) ? -1 : regs_use(h, op->arg[1 + i]);

        put_arg(h, i, r, v);
        h->locked = 0;
    }
    regs_take(h, RAX);
    p.addr = regs_use(h, op->arg[1]);
    regs_kill_operands(h, op);
    regs_prepare_def(h, op->arg[0]);
    probe_alloc(h, &p, true);
    s = begin(h, op, &p, true);
    s->val_reg = -1;
    if (rmw) {
        uint8_t *again;

        asm_rmx(&h->a, 0x8b | w, RAX, p.idx, -1, 0);
        again = h->a.p;
        asm_mov_rr(&h->a, true, p.x, RAX);
        get_arg(h, 1, combine[op->c[0] >> 32] | w, p.x);
        emit_locked(h, sized(0xb0 | X_0F, size), p.x, p.idx);
        asm_fix(asm_jcc_fix(&h->a, CCX_NE), again);
    } else {
        get_arg(h, 1, 0x8b | w, RAX);
        get_arg(h, 2, 0x8b | w, p.x);
        emit_locked(h, sized(0xb0 | X_0F, size), p.x, p.idx);
    }
    emit_extend(h, mo, s->is64, RAX);
    s->back = h->a.p;
    regs_def_in(h, op->arg[0], RAX);
}

void lower_atomic(Host *h, const IrOp *op)
{
    IrRmw rmw = (IrRmw)(op->c[0] >> 32);

    if (op->opc == IRO_atomic_rmw && (rmw == IR_RMW_XCHG || rmw == IR_RMW_ADD || (op->dies & 1))) {
        lower_rmw_direct(h, op);
    } else {
        lower_cmpxchg(h, op);
    }
}

void stub_emit_atomic(Host *h, Stub *s)
{
    bool cas = s->rmw < 0;

    stub_begin_slow(h, s);
    put_arg(h, 0, s->addr, 0);
    if (s->val_reg >= 0) {
        put_arg(h, 1, s->val_reg, 0);
    }
    put_arg(h, cas ? 3 : 2, -1, s->memop | (cas ? 0 : s->rmw << 16));
    asm_movi(&h->a, RAX, cas ? (uintptr_t)host_info.layout.atomic_cas : (uintptr_t)host_info.layout.atomic_rmw);
    out_call(h, host_info.call_rw[1]);
    note_restore(h, s->insn_eip);
    stub_end_slow(h, s, true);
}
