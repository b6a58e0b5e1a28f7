/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The x86-64 back end's inside: register map, allocator state, and the functions its files call of each other.
 *
 *   RSP  host stack, spill slots at [RSP + 8 n]        RBP  CPU state + JIT_ENV_BIAS
 *   RAX RCX RDX RDI  scratch: allocated inside a block, clobbered by every call
 *   RBX R12-R15      pinned guest registers, survive C calls
 *   RSI R8-R11       pinned guest registers, saved around C calls
 *   XMM2-XMM14       vector slots of the block (vec.c); XMM0, XMM1, XMM15 scratch of one operation
 */
#ifndef TCG_X86_64_HOST_H
#define TCG_X86_64_HOST_H

#include "backend.h"
#include "exec/cpu-jit.h"
#include "x86_64/asm.h"

#define ENV_REG       RBP
#define SCRATCH_MASK  (1u << RAX | 1u << RCX | 1u << RDX | 1u << RDI)
#define NUM_SLOTS     128
#define MAX_SYNC      24
#define MAX_ALIASES   32
#define MAX_VEC_SLOTS 24

typedef enum Loc {
    LOC_NONE,       /* no value: dead, or not yet defined */
    LOC_REG,        /* in reg */
    LOC_MEM,        /* in its home only */
    LOC_CONST,      /* is val */
    LOC_ALIAS,      /* equals temp `of`, which is no alias itself */
} Loc;

typedef struct TempLoc {
    uint8_t loc;
    int8_t reg;
    bool coherent;      /* its home holds the value too */
    bool is_alias;      /* on the alias list */
    IrTemp of;
    int16_t slot;       /* spill slot, -1 none */
    int64_t val;
} TempLoc;

/* Vector slots by number: their low 16 bytes, all 32, only the upper 16. */
typedef struct VecMasks {
    uint32_t low, all, upper;
} VecMasks;

/* A store to a global's home that was put off: done in out-of-line code only. */
typedef struct SyncEntry {
    bool is_const, is64;
    int8_t reg;
    uint32_t off;
    int64_t val;
} SyncEntry;
typedef struct SyncList {
    unsigned n;
    SyncEntry e[MAX_SYNC];
    VecMasks vec;
} SyncList;

typedef enum StubKind {
    STUB_LOAD, STUB_STORE, STUB_LOADV, STUB_STOREV, STUB_ATOMIC, STUB_EXIT_IF, STUB_EXIT, STUB_JC_MISS
} StubKind;

/* Out-of-line code, emitted after the block's main path. */
typedef struct Stub {
    uint8_t kind;
    bool is64;                  /* result or value is 64 bits */
    bool addr_xored;            /* addr register holds addr ^ tag: undo first */
    bool loop, cross;
    int8_t addr, idx, data;     /* host registers; data -1: constant val */
    /* atomics: operand (-1: among the arguments already), IrRmw (-1: compare and exchange) */
    int8_t val_reg, rmw;
    uint16_t memop;
    int16_t next_delta;         /* TcgRestore's */
    uint16_t exit;              /* number */
    uint32_t tag_disp;
    int64_t val;
    uint64_t eip, insn_eip;
    uint8_t *fix[3];            /* rel32s that jump here; NULL ends */
    uint8_t *back;              /* where the main path goes on */
    SyncList sync;
    VecMasks reload;            /* vectors to load: after a slow path, before a jump to the block's own start */
    VecMasks keep;              /* dirty at a jump to the block's own start: stored if it leads elsewhere */
    bool loops_back;
    uint8_t n_saved;
    /* scratch registers live across the call */
    struct { int8_t reg, base; bool store; int32_t disp; uint32_t w; } saved[4];
} Stub;

typedef struct VecSlot {
    int8_t reg;                 /* -1: none, lives in memory */
    uint8_t valid, dirty;       /* bytes in the register; of them, bytes that memory lacks */
    uint8_t width;              /* the most the block uses */
    bool written;
    uint16_t uses;
} VecSlot;
typedef struct VecState {
    VecSlot slot[MAX_VEC_SLOTS];
    uint32_t loop_off;          /* where jumps to the block's own start go; 0: nothing special */
} VecState;

/* An access to guest memory: address, then offset of the TLB entry and host address, offset in the page. */
typedef struct Probe {
    int addr, idx, x;
    bool xored;                 /* x is the address register itself */
} Probe;

typedef struct Host {
    Asm a;
    IrContext *ir;
    TcgCode *code;
    bool too_complex;
    bool unreachable;                   /* the last operation ended control flow */
    TempLoc temp[IR_MAX_TEMPS];
    IrTemp in_reg[NUM_HOST_REGS];       /* what a scratch register holds, IR_NONE free */
    uint32_t locked;                    /* registers of the operation at hand */
    IrTemp aliases[MAX_ALIASES];
    unsigned n_aliases;
    uint64_t slots_used[NUM_SLOTS / 64];
    uint64_t insn_eip;
    uint8_t *label_at[IR_MAX_LABELS];
    struct { uint8_t *fix; uint16_t label; } label_fix[IR_MAX_LABELS * 4];
    unsigned n_label_fix;
    Stub stubs[512];
    unsigned n_stubs;
    /* ZF and SF say of zf_reg whether it is 0 and negative, as long as nothing was emitted since zf_at. */
    uint8_t *zf_at;
    int8_t zf_reg;
    bool zf_w;
    VecState vec;
} Host;

typedef struct HostInfo {
    TcgEnvLayout layout;
    uint8_t *thunks_rw;                 /* start of them all */
    uint8_t *exit_loop_rw;              /* RAX = 0, then leave */
    uint8_t *exit_cookie_rw;            /* leave with RAX */
    uint8_t *jc_miss_rw;                /* look up eip, run or leave */
    uint8_t *call_rw[3];                /* RAX = function: pure, reads, writes */
    uint8_t *slow_rw[4];                /* STUB_LOAD .. STUB_STOREV */
    const void *enter_rx;
    uint32_t pinned_mask, pinned_caller_saved;
    IrTemp pinned_temp[NUM_HOST_REGS];
    uint32_t pinned_off[NUM_HOST_REGS];
    bool have_bmi1, have_bmi2, have_lzcnt;
    uint32_t vec_features;              /* bit IR_VEC_x */
} HostInfo;
extern HostInfo host_info;

static inline int32_t env_disp(size_t off) { return (int32_t)off - JIT_ENV_BIAS; }
static inline bool is_pinned_reg(int r) { return host_info.pinned_mask >> r & 1; }
static inline IrTempInfo *temp_info(Host *h, IrTemp t) { return &h->ir->temps[t]; }
static inline bool temp_is_pinned(Host *h, IrTemp t) { return h->ir->temps[t].pin >= 0; }
static inline bool fits_s32(int64_t v) { return v == (int32_t)v; }

/* backend.c: to a thunk of host_info */
void out_jmp(Host *h, const uint8_t *thunk);
void out_call(Host *h, const uint8_t *thunk);

/* regs.c */
void regs_start(Host *h);
int regs_alloc(Host *h, uint32_t avoid);            /* a free scratch register, locked; spills if it must */
void regs_take(Host *h, int reg);                   /* makes this scratch register free and locks it */
int regs_use(Host *h, IrTemp t);                    /* register holding t, locked */
int regs_peek(Host *h, IrTemp t);                   /* register if t is in one now, else -1 */
bool regs_const(Host *h, IrTemp t, int64_t *v);     /* t is known to be this */
void regs_kill_operands(Host *h, const IrOp *op);   /* operands that die here; their registers stay locked */
void regs_prepare_def(Host *h, IrTemp t);           /* aliases of t get their own place */
/* register for a result; hint: a scratch register that may be reused, or -1 */
int regs_def(Host *h, IrTemp t, int hint);
void regs_def_in(Host *h, IrTemp t, int reg);       /* the result is in this (locked, free) scratch register */
void regs_def_const(Host *h, IrTemp t, int64_t v);
void regs_def_alias(Host *h, IrTemp t, IrTemp of);
void regs_end_op(Host *h, const IrOp *op);          /* drops unused results, unlocks */
void regs_kill(Host *h, IrTemp t);
void regs_sync_list(Host *h, SyncList *s, uint64_t dead);       /* what a fault or exit here must store */
void regs_emit_sync(Host *h, const SyncList *s);
void regs_sync_globals(Host *h, uint64_t dead);     /* store now; values stay in registers */
void regs_sync_vars(Host *h);
void regs_spill_scratch(Host *h);                   /* a call clobbers them */
void regs_materialize_aliases(Host *h);             /* pinned registers change under us */
void regs_globals_in_memory(Host *h);               /* unpinned globals were written by C */
void regs_at_label(Host *h);
void regs_home(Host *h, IrTemp t, int *base, int32_t *disp);    /* allocates a slot for locals */
uint32_t regs_home_w(Host *h, IrTemp t);                        /* X_W where the home has 64 bits */

/* lower.c */
void lower_op(Host *h, const IrOp *op);
int lower_cmp(Host *h, const IrOp *op, unsigned first);         /* emits the comparison, returns CCX_* */
/* mem.c, exits.c */
void lower_gld(Host *h, const IrOp *op);
void lower_gst(Host *h, const IrOp *op);
void lower_gchk(Host *h, const IrOp *op);
void lower_hld(Host *h, const IrOp *op);
void lower_hst(Host *h, const IrOp *op);
void lower_call(Host *h, const IrOp *op, const IrHelper *helper);
void lower_exit(Host *h, const IrOp *op);
Stub *stub_new(Host *h, StubKind kind);
void stubs_emit(Host *h);
void stub_emit_memory(Host *h, Stub *s);
void stub_begin_slow(Host *h, Stub *s);
void stub_end_slow(Host *h, Stub *s, bool result);
void stub_emit_exit(Host *h, Stub *s);
void note_restore(Host *h, uint64_t insn_eip);
int16_t next_insn_delta(Host *h, const IrOp *op);   /* of a store that ends its instruction: TcgRestore's */
void probe_alloc(Host *h, Probe *p, bool addr_dies);
void probe_emit(Host *h, const Probe *p, IrMemOp mo, bool write, Stub *s);
void note_saved(Host *h, Stub *s, int result);      /* scratch registers that live across the slow path */

/* atomic.c */
void lower_atomic(Host *h, const IrOp *op);
void stub_emit_atomic(Host *h, Stub *s);

/* vec.c */
void vec_start(Host *h);                            /* at the entry of the block */
void vec_insn_start(Host *h);                       /* the front end's temporaries are dead */
void vec_sync(Host *h);                             /* store now; values stay in registers */
void vec_sync_temps(Host *h);                       /* the temporaries too */
void vec_forget(Host *h);                           /* behind a label */
void vec_before_call(Host *h);
void vec_flush_range(Host *h, size_t off, unsigned bytes, bool write);  /* something else touches the CPU state there */
VecMasks vec_dirty(Host *h, bool temps);
void vec_note_live(Host *h, Stub *s);
void vec_emit_moves(Host *h, VecMasks m, bool store);
bool vec_loops_back(Host *h, const IrOp *exit);
VecMasks vec_loop_loads(Host *h);
void lower_vec(Host *h, const IrOp *op);
void lower_vex(Host *h, const IrOp *op);
void lower_vget(Host *h, const IrOp *op);
void lower_vput(Host *h, const IrOp *op);
void lower_vzup(Host *h, const IrOp *op);
void lower_gldv(Host *h, const IrOp *op);
void lower_gstv(Host *h, const IrOp *op);

#endif
