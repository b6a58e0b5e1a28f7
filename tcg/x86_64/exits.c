/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Leaving a block: chained exits, the jump-cache probe, returns to the execution loop.
 *
 * A chain exit is a jump whose target is patched. Unchained it goes to a stub that stores EIP and returns the exit's
 * cookie, so that the execution loop can find the successor and patch. Exits that may close a loop test the exit
 * request first.
 */
#include "qemu/osdep.h"
#include "x86_64/host.h"

_Static_assert(sizeof(JumpCacheEntry) == 32, "index arithmetic");

static void emit_store_eip(Host *h, uint64_t eip)
{
    if (fits_s32((int64_t)eip)) {
        asm_rm(&h->a, 0xc7 | X_W, 0, ENV_REG, env_disp(host_info.layout.eip));
        a32(&h->a, (uint32_t)eip);
    } else {
        asm_movi(&h->a, RAX, eip);
        asm_rm(&h->a, 0x89 | X_W, RAX, ENV_REG, env_disp(host_info.layout.eip));
    }
}

static uint8_t *emit_exit_test(Host *h)
{
    asm_rm(&h->a, 0x83, G1_CMP, ENV_REG, env_disp(host_info.layout.exit_request));
    a8(&h->a, 0);
    return asm_jcc_fix(&h->a, CCX_NE);
}

/* The patchable jump, at first to its stub. */
static void emit_chain_jump(Host *h, unsigned exit, Stub *s)
{
    asm_align_rel32(&h->a, 1);
    h->code->exits[exit].patch_off = (uint32_t)(h->a.p + 1 - h->a.base);
    s->fix[0] = asm_jmp_fix(&h->a);
}

/* Jump cache probe for the offset in reg (kept); leaves the entry's offset in a register of its own. */
static void emit_probe_compare(Host *h, int reg, int idx, int tmp, Stub *s)
{
    int32_t jc = env_disp(host_info.layout.jc);

    asm_rmx(&h->a, 0x39 | X_W, reg, ENV_REG, idx, jc + (int32_t)offsetof(JumpCacheEntry, eip));
    s->fix[0] = asm_jcc_fix(&h->a, CCX_NE);
    asm_rm(&h->a, 0x8b | X_W, tmp, ENV_REG, env_disp(host_info.layout.mode_key));
    asm_rmx(&h->a, 0x39 | X_W, tmp, ENV_REG, idx, jc + (int32_t)offsetof(JumpCacheEntry, mode_key));
    s->fix[1] = asm_jcc_fix(&h->a, CCX_NE);
    asm_rmx(&h->a, 0xff, 4, ENV_REG, idx, jc + (int32_t)offsetof(JumpCacheEntry, code));
}

/* A constant target in another page. All values are stored; any scratch register may go. */
static void emit_cross(Host *h, uint64_t eip, bool loop)
{
    Stub *s = stub_new(h, STUB_JC_MISS);
    uint32_t index = (((uint32_t)eip >> 12) ^ (uint32_t)eip) & (JIT_JC_SIZE - 1);
    int32_t jc = env_disp(host_info.layout.jc) + (int32_t)(index * sizeof(JumpCacheEntry));

    s->addr = RDI;
    asm_movi(&h->a, RDI, eip);
    if (loop) {
        s->fix[2] = emit_exit_test(h);
    }
    asm_rm(&h->a, 0x39 | X_W, RDI, ENV_REG, jc + (int32_t)offsetof(JumpCacheEntry, eip));
    s->fix[0] = asm_jcc_fix(&h->a, CCX_NE);
    asm_rm(&h->a, 0x8b | X_W, RAX, ENV_REG, env_disp(host_info.layout.mode_key));
    asm_rm(&h->a, 0x39 | X_W, RAX, ENV_REG, jc + (int32_t)offsetof(JumpCacheEntry, mode_key));
    s->fix[1] = asm_jcc_fix(&h->a, CCX_NE);
    asm_rm(&h->a, 0xff, 4, ENV_REG, jc + (int32_t)offsetof(JumpCacheEntry, code));
}

/* keep: vectors that are stored if a jump to the block's own start leads elsewhere; NULL for other jumps. */
static void emit_chain(Host *h, unsigned exit, uint64_t eip, unsigned flags, const VecMasks *keep)
{
    Stub *s;

    if (h->code->leave) {
        emit_store_eip(h, eip);
        out_jmp(h, host_info.exit_loop_rw);
        return;
    }
    if (flags & IR_EXIT_CROSS) {
        emit_cross(h, eip, flags & IR_EXIT_LOOP);
        return;
    }
    s = stub_new(h, STUB_EXIT);
    s->exit = exit;
    s->eip = eip;
    if (keep) {
        s->keep = *keep;
        h->code->exits[exit].loop_off = h->vec.loop_off;
    }
    s->fix[1] = flags & IR_EXIT_LOOP ? emit_exit_test(h) : NULL;
    emit_chain_jump(h, exit, s);
}

static void lower_exit_chain(Host *h, const IrOp *op)
{
    VecMasks keep;

    regs_sync_globals(h, op->c[1]);
    if (!vec_loops_back(h, op)) {
        vec_sync(h);
        emit_chain(h, op->slot, op->c[0], op->pos, NULL);
        return;
    }
    vec_emit_moves(h, vec_loop_loads(h), false);
    keep = vec_dirty(h, false);
    emit_chain(h, op->slot, op->c[0], op->pos, &keep);
}

static void lower_exit_chain_if(Host *h, const IrOp *op)
{
    SyncList sync;
    Stub *s;
    int cc = lower_cmp(h, op, 0);

    regs_sync_list(h, &sync, op->c[1]);     /* what this emits leaves the flags alone */
    regs_kill_operands(h, op);
    if (!sync.n && !(sync.vec.low | sync.vec.all) && !(op->pos & (IR_EXIT_LOOP | IR_EXIT_CROSS)) && !h->code->leave) {
        s = stub_new(h, STUB_EXIT);         /* the branch itself can be chained */
        s->exit = op->slot;
        s->eip = op->c[0];
        asm_align_rel32(&h->a, 2);
        h->code->exits[op->slot].patch_off = (uint32_t)(h->a.p + 2 - h->a.base);
        s->fix[0] = asm_jcc_fix(&h->a, cc);
        return;
    }
    s = stub_new(h, STUB_EXIT_IF);
    s->sync = sync;
    s->exit = op->slot;
    s->eip = op->c[0];
    s->loop = op->pos & IR_EXIT_LOOP;
    s->cross = op->pos & IR_EXIT_CROSS;
    s->loops_back = vec_loops_back(h, op);
    if (s->loops_back) {
        s->reload = vec_loop_loads(h);
        s->keep = sync.vec;
        s->sync.vec = (VecMasks) { 0 };
    }
    s->fix[0] = asm_jcc_fix(&h->a, cc);
}

/* Jump through the cache to the offset in t; idx and tmp are free. */
static void emit_computed_jump(Host *h, int t, int idx, int tmp, Stub *s)
{
    s->addr = t;
    asm_mov_rr(&h->a, false, idx, t);
    asm_shift_i(&h->a, false, G2_SHR, idx, 12);
    asm_g1_rr(&h->a, false, G1_XOR, idx, t);
    asm_g1_ri(&h->a, false, G1_AND, idx, JIT_JC_SIZE - 1);
    asm_shift_i(&h->a, false, G2_SHL, idx, 5);
    emit_probe_compare(h, t, idx, tmp, s);
}

static void lower_exit_jump(Host *h, const IrOp *op)
{
    int t, idx, tmp;
    Stub *s;

    regs_sync_globals(h, op->c[1]);
    vec_sync(h);
    t = regs_use(h, op->arg[0]);
    if (h->code->leave) {
        asm_rm(&h->a, 0x89 | X_W, t, ENV_REG, env_disp(host_info.layout.eip));
        out_jmp(h, host_info.exit_loop_rw);
        return;
    }
    idx = regs_alloc(h, 0);
    tmp = regs_alloc(h, 0);
    s = stub_new(h, STUB_JC_MISS);
    s->loop = true;
    s->fix[2] = emit_exit_test(h);
    emit_computed_jump(h, t, idx, tmp, s);
}

/* EIP and mode are in the CPU state. Any scratch register may go. */
static void lower_exit_loop(Host *h, bool lookup)
{
    Stub *s;

    regs_sync_globals(h, 0);
    vec_sync(h);
    if (!lookup || h->code->leave) {
        out_jmp(h, host_info.exit_loop_rw);
        return;
    }
    asm_rm(&h->a, 0x8b, RAX, ENV_REG, env_disp(host_info.layout.exit_request));
    asm_rm(&h->a, 0x0b, RAX, ENV_REG, env_disp(host_info.layout.interrupt_request));
    asm_rm(&h->a, 0x8b | X_W, RDI, ENV_REG, env_disp(host_info.layout.eip));
    s = stub_new(h, STUB_JC_MISS);
    s->fix[2] = asm_jcc_fix(&h->a, CCX_NE);
    emit_computed_jump(h, RDI, RCX, RDX, s);
}

void lower_exit(Host *h, const IrOp *op)
{
    switch (op->opc) {
    case IRO_exit_chain:
        lower_exit_chain(h, op);
        break;
    case IRO_exit_chain_if:
        lower_exit_chain_if(h, op);
        break;
    case IRO_exit_jump:
        lower_exit_jump(h, op);
        break;
    case IRO_exit_loop_at:
        regs_sync_globals(h, 0);
        vec_sync(h);
        emit_store_eip(h, op->c[0]);
        out_jmp(h, host_info.exit_loop_rw);
        break;
    default:
        lower_exit_loop(h, op->pos);
        break;
    }
}

/* ---- out of line ---- */

static void emit_exit_stub(Host *h, const Stub *s)
{
    TcgCode *code = h->code;

    code->exits[s->exit].stub_off = (uint32_t)(h->a.p - h->a.base);
    asm_fix(s->fix[0], h->a.p);
    vec_emit_moves(h, s->keep, true);
    emit_store_eip(h, s->eip);
    asm_movi(&h->a, RAX, code->cookies + s->exit * code->cookie_stride);
    out_jmp(h, host_info.exit_cookie_rw);
    if (s->fix[1]) {                /* an exit was requested */
        asm_fix(s->fix[1], h->a.p);
        vec_emit_moves(h, s->keep, true);
        emit_store_eip(h, s->eip);
        out_jmp(h, host_info.exit_loop_rw);
    }
}

static void emit_jc_miss(Host *h, const Stub *s)
{
    int32_t eip = env_disp(host_info.layout.eip);

    asm_fix(s->fix[0], h->a.p);
    asm_fix(s->fix[1], h->a.p);
    /* a computed jump: the look-up checks where it leads, and sees the exit request too */
    if (s->loop) {
        asm_fix(s->fix[2], h->a.p);
    }
    asm_rm(&h->a, 0x89 | X_W, s->addr, ENV_REG, eip);
    out_call(h, host_info.jc_miss_rw);
    note_restore(h, s->insn_eip);
    if (s->fix[2] && !s->loop) {
        asm_fix(s->fix[2], h->a.p);
        asm_rm(&h->a, 0x89 | X_W, s->addr, ENV_REG, eip);
        out_jmp(h, host_info.exit_loop_rw);
    }
}

void stub_emit_exit(Host *h, Stub *s)
{
    switch ((StubKind)s->kind) {
    case STUB_EXIT:
        emit_exit_stub(h, s);
        break;
    case STUB_JC_MISS:
        emit_jc_miss(h, s);
        break;
    default:
        asm_fix(s->fix[0], h->a.p);
        regs_emit_sync(h, &s->sync);
        vec_emit_moves(h, s->reload, false);
        emit_chain(h, s->exit, s->eip, (s->loop ? IR_EXIT_LOOP : 0) | (s->cross ? IR_EXIT_CROSS : 0),
                   s->loops_back ? &s->keep : NULL);
        break;
    }
}

/* Stubs may add stubs (a side exit's jump has its own): the list grows while it is walked. */
void stubs_emit(Host *h)
{
    for (unsigned i = 0; i < h->n_stubs && !h->too_complex; i++) {
        Stub *s = &h->stubs[i];

        if (h->a.p > h->a.end - 512) {
            return;
        }
        if (s->kind <= STUB_STOREV) {
            stub_emit_memory(h, s);
        } else if (s->kind == STUB_ATOMIC) {
            stub_emit_atomic(h, s);
        } else {
            stub_emit_exit(h, s);
        }
    }
}
