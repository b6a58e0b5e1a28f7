/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The translator's parts to each other: guest bytes -> Insn (decode*.c, no IR) -> IR (translate*.c).
 *
 *   decode.c decode-*.c     prefixes, opcode maps, ModRM, immediates     translate.c        blocks, exits, dispatch
 *   translate-ea.c          effective addresses, segment checks          translate-alu.c    arithmetic, logic, moves
 *   translate-cc.c          lazy flags and conditions                    translate-ctl.c    jumps, calls, stack
 *   translate-string.c      string instructions and ports                translate-sys.c    system instructions
 *   translate-x87.c         D8..DF, 9B                                   translate-sse.c    MMX and SSE
 *                                                                        translate-avx.c    VEX
 *
 * A row's emitter may assume: prefixes legal, LOCK legal, mode legal (else #UD was emitted), immediates fetched.
 * Commit order inside an instruction: everything that may fault, then memory, then registers, flags last.
 */
#ifndef TARGET_I386_TRANSLATE_H
#define TARGET_I386_TRANSLATE_H

#include "target-i386/cpu.h"
#include "target-i386/helper.h"
#include "exec/translate-all.h"
#include "tcg/ir.h"

#define ENV_OFF(field) offsetof(CPUX86State, field)

typedef struct InsnRow InsnRow;
typedef struct Translator Translator;
typedef struct CodeReader CodeReader;

/* ---- flags ---- */
/*
 * A setting of the flags: the lazy operation and its operands (CcOp says what they mean). The translator's own copy
 * describes what cc_* were last set to; a field is IR_NONE when its value is no longer at hand (the globals have it).
 */
typedef struct CcState {
    uint8_t op;                 /* CcOp, CC_OP_DYNAMIC when unknown */
    IrTemp dst, src, src2;      /* I32 or I64 as the operation's width; only the operation's low bits count */
    IrTemp a, b;                /* SUB: the compared values; LOGIC: of AND and TEST, the operands. Zero-extended */
    IrTemp carry;               /* EFLAGS: I32 0/1 that is C */
    IrTemp zval;                /* EFLAGS: Z says that this value is 0 */
    uint8_t inc;                /* an INC or DEC (CcOp) after it has set all but C; 0: none known */
    IrTemp inc_dst;             /* its result */
} CcState;

/* ---- a decoded instruction ---- */
enum { SEG_NONE = 0xff };
typedef struct Insn {
    const InsnRow *row;
    uint64_t pc;                /* EIP/RIP of its first byte */
    uint64_t next;              /* EIP/RIP of the byte after it, truncated to the code size */
    uint8_t len;
    uint8_t map;                /* 0: one byte, 1: 0F, 2: 0F38, 3: 0F3A */
    uint8_t opcode;             /* last opcode byte */
    uint8_t rep;                /* 0, 0xf2, 0xf3: the last one given */
    uint8_t mandatory;          /* 0, 0x66, 0xf2, 0xf3: F2/F3 beat 66 */
    bool opsize_prefix;         /* 66 seen */
    bool addrsize_prefix;       /* 67 seen */
    bool lock;
    uint8_t rex;                /* the byte, 0 when absent */
    bool rex_w;
    uint8_t vex;                /* 0: legacy encoding; 1: VEX */
    uint8_t vex_l, vex_v;       /* VEX.L, the register named by vvvv */
    bool vex_no_v;              /* vvvv is 1111, as it must be where it names nothing: all four bits in every mode */
    bool vex_w;                 /* VEX.W, in every mode; rex_w is what general registers see of it */
    bool vsib, has_vsib;        /* the opcode wants a vector for index; SIB has one: vsib_index, while index is -1 */
    uint8_t vsib_index;
    uint8_t opsize;             /* 2, 4, 8: operand size of "v" operands after the row's habits */
    uint8_t addrsize;           /* 2, 4, 8 */
    uint8_t seg_override;       /* R_ES.. or SEG_NONE; ignored ones in 64-bit mode are not stored */

    bool has_modrm, is_mem;     /* is_mem: ModRM names memory */
    uint8_t modrm;
    uint8_t mod;                /* 0..3 */
    uint8_t op3;                /* ModRM.reg without REX.R: opcode extension, segment, MMX or x87 register */
    uint8_t rm3;                /* ModRM.rm without REX.B: MMX or x87 register */
    uint8_t reg;                /* ModRM.reg with REX.R */
    uint8_t rm;                 /* ModRM.rm with REX.B; a register when !is_mem */
    /* memory operand */
    uint8_t seg;                /* segment in force: override or default */
    int8_t base, index;         /* register or -1 */
    uint8_t scale;              /* 0..3 */
    bool rip_relative;
    int64_t disp;

    int64_t imm;                /* sign-extended as the row says; imm8 of vector ops: 0..255 (use uint8_t) */
    int64_t imm2;               /* ENTER's level, far pointer's selector */
    uint8_t imm_off, imm_len;   /* where imm stands in the instruction; 0, 0: nowhere */

    /* ---- used while translating ---- */
    uint8_t size;               /* bytes of operand 0, for table-driven emitters */
    IrTemp ea;                  /* linear address, once computed */
    IrTemp val[3];
    bool locked;                /* atomic access to a memory operand 0: the emitter does load and store */
    CcState flags;              /* what the emitter leaves to be committed; op CC_OP_DYNAMIC: nothing */
    bool flags_unless_zero;     /* only when val[2], a count, is not 0 */
} Insn;

/* ---- the state of a translation ---- */
typedef struct FaultLabel {
    IrLabel label;
    uint64_t pc;                /* instruction that faults */
    uint8_t kind;               /* FAULT_* */
    uint32_t arg;
} FaultLabel;
enum { FAULT_SEG, FAULT_GP0, FAULT_CS_LIMIT };
#define MAX_FAULT_LABELS 256

struct Translator {
    IrContext *ir;
    const TranslateRequest *rq;
    TranslateResult *res;
    CPUX86State *env;           /* only for fetching code and for CPUID feature bits (fixed once the machine runs) */
    uint32_t mk;                /* MK_* mode key */
    uint32_t cs_base;
    bool code64, code32, ss32;
    uint8_t cpl;
    uint64_t first_pc;          /* of the block */
    uint64_t first_page;        /* linear */
    uint64_t lo, hi;            /* linear range of the bytes the block depends on */
    uint32_t cs_limit;          /* when !MK_FLAT_CS: the limit this block is valid for */
    unsigned n_insns, max_insns, guest_bytes;
    bool done;                  /* an exit that ends the block was emitted */
    bool force_end;             /* end the block after this instruction, exit to the loop */
    bool no_step;               /* no #DB after this instruction though TF is set (MOV SS, POP SS) */
    CcState cc;
    CodeReader *code;
    const Insn *insn;           /* being translated */
    FaultLabel faults[MAX_FAULT_LABELS];
    unsigned n_faults;
};

/* The globals, the same numbers in every context. */
typedef struct X86Globals {
    IrTemp reg[16];             /* I64 */
    IrTemp cc_dst, cc_src, cc_src2, cc_inc;     /* I64 */
    IrTemp cc_op;               /* I32 */
} X86Globals;
extern X86Globals x86g;         /* written by x86_translate_init() only */

/* ---- guest registers ---- */
/*
 * Values of size 1, 2, 4 are I32 (zero-extended), of size 8 I64. size 8 returns the global itself: use before writing
 * it.
 */
IrTemp guest_reg_read(Translator *t, unsigned reg, unsigned size);          /* size 1: low byte of reg */
IrTemp guest_reg_read8(Translator *t, const Insn *in, unsigned reg);        /* AH..BH without REX */
/* Sizes 1 and 2 keep the rest, 4 zeroes the upper half. val: I32, or I64 for size 8. */
void guest_reg_write(Translator *t, unsigned reg, IrTemp val, unsigned size);
void guest_reg_write8(Translator *t, const Insn *in, unsigned reg, IrTemp val);

/* ---- memory operands ---- */
typedef enum EaAccess { EA_READ = 1, EA_WRITE = 2, EA_RW = 3 } EaAccess;
/* Offset without segment (LEA), I64, truncated to the address size. */
IrTemp insn_ea_offset(Translator *t, const Insn *in);
IrTemp ea_truncate(Translator *t, IrTemp offset, unsigned asize);
/* Linear address (I64) of ModRM's operand for an access of nbytes: segment limit and rights checked, base added. */
IrTemp insn_ea(Translator *t, Insn *in, unsigned nbytes, EaAccess access);
/* The same for an offset (I64, within the address size) in any segment. */
IrTemp seg_linear(Translator *t, const Insn *in, unsigned seg, IrTemp offset, unsigned nbytes, EaAccess access);
/* MemOp for an access of size 1, 2, 4, 8, 16 at this CPL. */
IrMemOp memop(const Translator *t, unsigned size);
/* Load/store ModRM's operand of 1, 2, 4 (I32) or 8 (I64) bytes at an address from insn_ea(). */
IrTemp gen_load(Translator *t, IrTemp addr, unsigned size);
IrTemp gen_load_rmw(Translator *t, IrTemp addr, unsigned size);    /* the load half of a read-modify-write */
void gen_store(Translator *t, IrTemp addr, IrTemp val, unsigned size);
/* r/m operand of the general registers, either form: checks, loads. */
IrTemp insn_read_rm(Translator *t, Insn *in, unsigned size);
/* Writes it (memory: stores; size 1 obeys REX for AH..). */
void insn_write_rm(Translator *t, Insn *in, IrTemp val, unsigned size);

/* ---- exceptions and block ends ---- */
/* Emits the exception at this instruction and ends the block. */
void gen_exception(Translator *t, int vector);
void gen_exception_err(Translator *t, int vector, uint32_t error);
/* Raises the fault, FAULT_* with its argument, if the condition holds; out of line. Else the instruction goes on. */
void gen_fault_if(Translator *t, const Insn *in, IrCond c, IrTemp a, IrTemp b, int kind, uint32_t arg);
/* Leaves for a constant EIP (checked against the limit of CS); the block ends. */
void gen_exit(Translator *t, uint64_t eip);
/*
 * As gen_exit, looking at exit requests first: a port may have asked for a reset, which must come before the next
 * instruction.
 */
void gen_exit_polled(Translator *t, uint64_t eip);
/* The same if the condition holds; the block goes on otherwise (t->done may be set all the same: single-stepping). */
void gen_exit_if(Translator *t, const Insn *in, IrCond c, IrTemp a, IrTemp b, uint64_t eip);
/* Leaves for a computed EIP (I64, truncated and checked by the caller). */
void gen_exit_to(Translator *t, IrTemp eip);
/* A helper has set env->eip and the mode. */
void gen_exit_helper(Translator *t);
bool jump_allowed(const Translator *t, uint64_t eip);
/* The block ends after this instruction and goes through the execution loop (the mode key may have changed). */
void gen_end_block(Translator *t);

/* ---- segment registers (translate-sys.c) ---- */
void gen_load_segment(Translator *t, unsigned seg, IrTemp sel);
void gen_start_shadow(Translator *t);               /* after MOV SS, POP SS */

/* ---- flags ---- */
/* value: I32 with CC_ALL bits; all six are set from it. */
void flags_set(Translator *t, IrTemp value);
/* The status flags as I32 (CC_ALL positions). */
IrTemp flags_get(Translator *t);
/* x86 condition code 0..15 as I32 0/1. */
IrTemp cond_value(Translator *t, unsigned cc);
/* Forget what is known: a helper wrote cc_*. */
void flags_forget(Translator *t);
/* A setting of the flags by an operation of a group (CC_OP_ADDB, ...) on operands of size bytes. */
CcState flags_of(unsigned group, unsigned size, IrTemp dst, IrTemp src);
CcState flags_none(void);
/* INC or DEC: all flags but C, which stays what it was. */
CcState flags_of_inc(unsigned group, unsigned size, IrTemp dst);
void flags_commit(Translator *t, const CcState *f);
/* The same unless count (I32 or I64) is 0 when the code runs. */
void flags_commit_unless_zero(Translator *t, const CcState *f, IrTemp count);
void forget_operand(CcState *f, IrTemp global);     /* a or b no longer hold what was compared */
bool flags_refer_to(const CcState *f, IrTemp global);
void flags_reg_written(Translator *t, IrTemp global);
/* C as I32 0/1. */
IrTemp flags_carry(Translator *t);
void cond_get(Translator *t, unsigned cc, IrCond *c, IrTemp *a, IrTemp *b);
/* One of two values of the same type by a condition code. */
IrTemp cond_select(Translator *t, unsigned cc, IrTemp if_true, IrTemp if_false);
/* Globals dead at an exit to target (same_page: it may be looked at). */
uint64_t flags_dead_mask(Translator *t, uint64_t target, bool same_page);

/* ---- CPUID feature of the guest, for #UD ---- */
bool translate_has(const Translator *t, unsigned word, uint32_t bit);

/* ---- implemented by the x87 and SSE parts ---- */
void translate_x87(Translator *t, Insn *in);    /* D8..DF and 9B; emits gen_exception(t, EXC_UD) itself */
/* 0F 10-17 28-2F 50-7F AE(not fences, CLFLUSH*, FSGSBASE) C2 C4-C6 D0-FF(not FF), 0F38xx, 0F3Axx; false: #UD. */
bool translate_sse(Translator *t, Insn *in);

#endif
