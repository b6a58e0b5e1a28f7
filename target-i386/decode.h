/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decoder: bytes to Insn, no IR and no guest state besides the mode. Also used to look ahead at a jump's target.
 *
 * Rows follow SDM vol. 2D, appendix A: the letters are the manual's (E: ModRM.rm, G: ModRM.reg, I: immediate, J:
 * relative jump, O: offset, M: memory, S: segment, C/D: control and debug register, B: VEX.vvvv, Z here: register in
 * the opcode), the sizes too (b: 1, w: 2, d: 4, q: 8, v: operand size, y: 4 or 8, z: immediate of 2 or 4 bytes).
 */
#ifndef TARGET_I386_DECODE_H
#define TARGET_I386_DECODE_H

#include "target-i386/translate.h"

typedef enum Operand {
    O_NONE, Eb, Ew, Ed, Ev, Ey, Gb, Gw, Gv, Gy, By, Zb, Zv, Zq, Ma, Sw, Rc, Rd,
    AL, rAX, CL, Ib, Is, Iw, Iz, Iv, One, Jb, Jz, Ap, Ob, Ov, Iwb,
} Operand;

/*
 * What common code does with the operands: load before the emitter, write back after it. WE: the emitter writes
 * operand 0.
 */
enum { R0 = 1, R1 = 2, R2 = 4, W0 = 8, W1 = 16, WE = 32 };

enum {
    A_LOCK = 1 << 0,        /* LOCK is allowed when operand 0 is in memory */
    A_I64 = 1 << 1,         /* invalid in 64-bit mode */
    A_O64 = 1 << 2,         /* 64-bit mode only */
    A_D64 = 1 << 3,         /* operand size is 64 in 64-bit mode, 16 with 66 */
    A_F64 = 1 << 4,         /* operand size is always 64 in 64-bit mode */
    A_PM = 1 << 5,          /* #UD in real and virtual-8086 mode */
    A_PLAIN = 1 << 6,       /* without a memory operand it cannot fault and only touches registers and flags */
    A_MODRM = 1 << 7,       /* has ModRM although no operand says so */
    A_REG = 1 << 8,         /* #UD with a memory operand */
    A_MEM = 1 << 9,         /* #UD without */
    A_MOD3 = 1 << 10,       /* ModRM.mod is ignored: always a register */
    A_COND = 1 << 11,       /* low four bits of the opcode are a condition it tests */
    A_NOACC = 1 << 12,      /* does not access its memory operand */
    A_JMP = 1 << 13,        /* goes to its relative target */
    A_VEX = 1 << 14,        /* VEX encoding only; without this bit VEX is #UD */
    A_XLOCK = 1 << 15,      /* locked even without the prefix (XCHG) */
    A_SERIAL = 1 << 16,     /* serializing: all earlier stores are done before it is */
};

/* CPUID features that make an opcode #UD when absent. */
typedef enum InsnFeature {
    FEAT_ALWAYS, FEAT_I_CMOV, FEAT_I_CX8, FEAT_I_CX16, FEAT_I_POPCNT, FEAT_I_MOVBE, FEAT_I_SSE42, FEAT_I_BMI1,
    FEAT_I_BMI2,
    FEAT_I_LZCNT, FEAT_I_ADX, FEAT_I_RDRAND, FEAT_I_RDSEED, FEAT_I_RDTSCP, FEAT_I_FSGSBASE, FEAT_I_SYSCALL, FEAT_I_SEP,
    FEAT_I_CLFLUSH, FEAT_I_CLFLUSHOPT, FEAT_I_CLWB, FEAT_I_MONITOR, FEAT_I_XSAVE, FEAT_I_INVPCID, FEAT_I_SMAP,
    FEAT_I_RDPID, FEAT_I_LAHF, FEAT_I_PKU,
    FEAT_I_TSC, FEAT_I_MSR, FEAT_I_SSE, FEAT_I_SSE2, FEAT_I__COUNT,
} InsnFeature;

struct InsnRow {
    const char *name;
    void (*emit)(Translator *t, Insn *in);              /* NULL: #UD */
    const InsnRow *group;                               /* eight rows by ModRM.reg */
    const InsnRow *(*select)(const Insn *in, const CodeReader *r);  /* anything else that decides; NULL result: #UD */
    uint8_t o0, o1, o2;                                 /* Operand */
    uint8_t acc;
    uint8_t feat;                                       /* InsnFeature */
    uint32_t attr;
    uint16_t sets, uses;                                /* status flags overwritten always; read */
};
#define ROW(n, op0, op1, access, attrs, ...) \
    { .name = #n, .emit = emit_##n, .o0 = op0, .o1 = op1, .acc = access, .attr = attrs, ##__VA_ARGS__ }
#define GROUP(table, ...) { .name = #table, .group = table, .attr = A_MODRM, ##__VA_ARGS__ }
#define SELECT(fn, attrs, ...) { .name = #fn, .select = fn, .attr = attrs, ##__VA_ARGS__ }

/* Where bytes come from. host covers linear [host_lo, host_hi); the rest is asked of slow(), -1: not to be had now. */
struct CodeReader {
    uint32_t mk;
    uint64_t cs_base;
    uint32_t cs_limit;          /* ~0 in 64-bit mode */
    const uint8_t *host;
    uint64_t host_lo, host_hi;
    int (*slow)(void *opaque, uint64_t linear);
    void *opaque;
    bool (*has)(void *opaque, InsnFeature f);   /* NULL: everything */
};

typedef enum DecodeStatus {
    DECODE_OK,
    DECODE_UD,                  /* #UD */
    DECODE_GP,                  /* #GP(0): longer than 15 bytes, or beyond the limit of CS */
    DECODE_END,                 /* slow() had no byte */
} DecodeStatus;
/* Fills in (row, operands, immediates, next). in->len is right for DECODE_OK only. */
DecodeStatus insn_decode(const CodeReader *r, uint64_t pc, Insn *in);
/* Linear address of an offset in CS. */
uint64_t code_linear(const CodeReader *r, uint64_t pc);
/* Bytes of an operand; 0 for those without a size. */
unsigned operand_size(const Insn *in, unsigned op);
bool operand_is_rm(unsigned op);
/* Status flags that condition code cc tests. */
uint16_t cond_flags(unsigned cc);
/* Target of a relative jump, truncated as the operand size says. */
uint64_t insn_jump_target(const Insn *in, bool code64);

extern const InsnRow decode_map_1b[256], decode_map_0f[256], decode_map_38[256], decode_map_3a[256];
extern const InsnRow decode_vex_0f[256], decode_vex_38[256], decode_vex_3a[256];

/* translate-cc.c: true when the status flags are overwritten before anything can see them, from pc on. */
bool flags_dead_at(Translator *t, uint64_t pc);

/* ---- emitters ---- */
#define EMITTERS(E)                                                                                                   \
    /* translate-alu.c */                                                                                             \
    E(add) E(or) E(adc) E(sbb) E(and) E(sub) E(xor) E(cmp) E(test) E(inc) E(dec) E(not) E(neg) E(mov) E(xchg) E(nop)   \
    E(movzx) E(movsx) E(lea) E(cbw) E(cwd) E(mul) E(imul1) E(imul) E(div) E(idiv) E(xadd) E(cmpxchg) E(cmpxchg8b)      \
    E(bswap) E(cmov) E(setcc) E(bcd) E(aam) E(aad) E(salc) E(lahf) E(sahf) E(clc) E(stc) E(cmc) E(xlat) E(movbe)       \
    E(adcx) E(adox)                                                                                                   \
    /* translate-bit.c */                                                                                             \
    E(rol) E(ror) E(rcl) E(rcr) E(shl) E(shr) E(sar) E(shld) E(shrd) E(bt) E(bts) E(btr) E(btc) E(bsf) E(bsr)          \
    E(tzcnt) E(lzcnt) E(popcnt) E(crc32) E(andn) E(blsr) E(blsmsk) E(blsi) E(bextr) E(bzhi) E(pdep) E(pext) E(mulx)    \
    E(rorx) E(shlx) E(shrx) E(sarx)                                                                                   \
    /* translate-ctl.c */                                                                                             \
    E(jmp) E(jcc) E(call) E(jmp_ind) E(call_ind) E(ret) E(loop) E(loopcc) E(jcxz) E(push) E(pop) E(push_seg) \
    E(pop_seg) E(pusha) E(popa) E(pushf) E(popf) E(enter) E(leave) E(far_jmp) E(far_call) E(far_jmp_ind) \
    E(far_call_ind) \
    E(far_ret) E(iret) E(int) E(int3) E(into) E(icebp) E(bound)                                                       \
    /* translate-string.c */                                                                                          \
    E(movs) E(cmps) E(stos) E(lods) E(scas) E(ins) E(outs) E(in_imm) E(in_dx) E(out_imm) E(out_dx)                     \
    /* translate-sys.c */                                                                                             \
    E(mov_from_seg) E(mov_to_seg) E(lxs) E(arpl) E(lar) E(lsl) E(sldt) E(str) E(lldt) E(ltr) E(verr) E(verw)           \
    E(sgdt) E(sidt) E(lgdt) E(lidt) E(smsw) E(lmsw) E(clts) E(invlpg) E(invpcid) E(swapgs) E(rdtsc) E(rdtscp) E(rdpmc) \
    E(rdmsr) E(wrmsr) E(cpuid) E(syscall) E(sysret) E(sysenter) E(sysexit) E(rsm) E(hlt) E(cli) E(sti) E(cld) E(std)   \
    E(mov_from_cr) E(mov_to_cr) E(mov_from_dr) E(mov_to_dr) E(wbinvd) E(monitor) E(mwait) E(pause) E(xgetbv) E(xsetbv) \
    E(clac) E(stac) E(rdfsgsbase) E(wrfsgsbase) E(rdrand) E(rdpid) E(rdpkru) E(wrpkru) E(fence) E(clflush) E(ud) \
    /* the FPU's and SSE's */                                                                                         \
    E(x87) E(sse) E(avx)
#define EMIT_PROTO(n) void emit_##n(Translator *t, Insn *in);
EMITTERS(EMIT_PROTO)

#endif
