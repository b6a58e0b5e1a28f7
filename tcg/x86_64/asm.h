/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-64 instruction encoding (Intel SDM vol. 2A, "Instruction Format"). An opcode is a number: the byte, the map and
 * the mandatory prefix, and whether REX.W is set or the register operand is a byte.
 */
#ifndef TCG_X86_64_ASM_H
#define TCG_X86_64_ASM_H

#include "qemu/osdep.h"

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15, NUM_HOST_REGS };

#define X_0F    0x0100u
#define X_0F38  0x0200u
#define X_0F3A  0x0300u
#define X_MAP   0x0300u
#define X_66    0x0400u
#define X_F3    0x0800u
#define X_F2    0x1000u
#define X_W     0x2000u         /* REX.W */
#define X_B8    0x4000u         /* reg is an 8-bit register: needs REX for SPL..DIL */
#define X_RM8   0x8000u         /* rm is an 8-bit register */

/* Group 1 (ADD..CMP) and group 2 (shifts) numbers. */
enum { G1_ADD, G1_OR, G1_ADC, G1_SBB, G1_AND, G1_SUB, G1_XOR, G1_CMP };
enum { G2_ROL, G2_ROR, G2_RCL, G2_RCR, G2_SHL, G2_SHR, G2_SAL, G2_SAR };
/* Condition codes of Jcc, SETcc, CMOVcc. */
enum {
    CCX_O, CCX_NO, CCX_B, CCX_AE, CCX_E, CCX_NE, CCX_BE, CCX_A, CCX_S, CCX_NS, CCX_P, CCX_NP, CCX_L, CCX_GE, CCX_LE,
    CCX_G
};

typedef struct Asm {
    uint8_t *p;             /* next byte, writable view */
    uint8_t *base;          /* start of this block */
    uint8_t *end;
} Asm;

static inline void a8(Asm *a, uint8_t v) { *a->p++ = v; }
static inline void a32(Asm *a, uint32_t v) { memcpy(a->p, &v, 4); a->p += 4; }
static inline void a64(Asm *a, uint64_t v) { memcpy(a->p, &v, 8); a->p += 8; }

static inline void asm_prefix(Asm *a, uint32_t opc, int reg, int index, int base)
{
    unsigned rex = (opc & X_W ? 8 : 0) | (reg & 8 ? 4 : 0) | (index & 8 ? 2 : 0) | (base & 8 ? 1 : 0);

    if (opc & X_66) {
        a8(a, 0x66);
    }
    if (opc & X_F3) {
        a8(a, 0xf3);
    }
    if (opc & X_F2) {
        a8(a, 0xf2);
    }
    if (rex || ((opc & X_B8) && reg >= 4) || ((opc & X_RM8) && base >= 4)) {
        a8(a, 0x40 | rex);
    }
    switch (opc & X_MAP) {
    case X_0F: a8(a, 0x0f); break;
    case X_0F38: a8(a, 0x0f); a8(a, 0x38); break;
    case X_0F3A: a8(a, 0x0f); a8(a, 0x3a); break;
    }
    a8(a, (uint8_t)opc);
}

static inline void asm_rr(Asm *a, uint32_t opc, int reg, int rm)
{
    asm_prefix(a, opc, reg, 0, rm);
    a8(a, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

/* ModRM, SIB and displacement of [base + index * 1 + disp]; index -1: none. */
static inline void asm_modrm_mem(Asm *a, int reg, int base, int index, int32_t disp)
{
    int mod = disp == 0 && (base & 7) != 5 ? 0 : disp == (int8_t)disp ? 1 : 2;

    if (index >= 0 || (base & 7) == 4) {
        a8(a, mod << 6 | (reg & 7) << 3 | 4);
        a8(a, (index < 0 ? 4 : index & 7) << 3 | (base & 7));
    } else {
        a8(a, mod << 6 | (reg & 7) << 3 | (base & 7));
    }
    if (mod == 1) {
        a8(a, (uint8_t)disp);
    } else if (mod == 2) {
        a32(a, (uint32_t)disp);
    }
}

static inline void asm_rmx(Asm *a, uint32_t opc, int reg, int base, int index, int32_t disp)
{
    asm_prefix(a, opc & ~X_RM8, reg, index < 0 ? 0 : index, base);
    asm_modrm_mem(a, reg, base, index, disp);
}

static inline void asm_rm(Asm *a, uint32_t opc, int reg, int base, int32_t disp)
{
    asm_rmx(a, opc, reg, base, -1, disp);
}

/* VEX prefix and opcode (SDM vol. 2A, "The VEX Prefix"): v is the second register, l256 the length. */
static inline void asm_vex_prefix(Asm *a, uint32_t opc, bool l256, int reg, int v, int index, int base)
{
    unsigned pp = opc & X_66 ? 1 : opc & X_F3 ? 2 : opc & X_F2 ? 3 : 0;
    unsigned tail = (~v & 15) << 3 | (unsigned)l256 << 2 | pp;

    if ((opc & X_MAP) == X_0F && !(opc & X_W) && !((index | base) & 8)) {
        a8(a, 0xc5);
        a8(a, (reg & 8 ? 0 : 0x80) | tail);
    } else {
        a8(a, 0xc4);
        a8(a, (reg & 8 ? 0 : 0x80) | (index & 8 ? 0 : 0x40) | (base & 8 ? 0 : 0x20) | (opc & X_MAP) >> 8);
        a8(a, (opc & X_W ? 0x80 : 0) | tail);
    }
    a8(a, (uint8_t)opc);
}

static inline void asm_vex_rr(Asm *a, uint32_t opc, bool l256, int reg, int v, int rm)
{
    asm_vex_prefix(a, opc, l256, reg, v, 0, rm);
    a8(a, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

static inline void asm_vex_rmx(Asm *a, uint32_t opc, bool l256, int reg, int v, int base, int index, int32_t disp)
{
    asm_vex_prefix(a, opc, l256, reg, v, index < 0 ? 0 : index, base);
    asm_modrm_mem(a, reg, base, index, disp);
}

static inline void asm_mov_rr(Asm *a, bool w, int dst, int src)
{
    asm_rr(a, 0x8b | (w ? X_W : 0), dst, src);
}

/* Constant into a register; leaves the flags alone (no XOR). */
static inline void asm_movi(Asm *a, int dst, uint64_t v)
{
    if (v <= 0xffffffffu) {
        asm_prefix(a, 0xb8 | (dst & 7), 0, 0, dst);
        a32(a, (uint32_t)v);
    } else if ((int64_t)v == (int32_t)v) {
        asm_rr(a, 0xc7 | X_W, 0, dst);
        a32(a, (uint32_t)v);
    } else {
        asm_prefix(a, 0xb8 | (dst & 7) | X_W, 0, 0, dst);
        a64(a, v);
    }
}

static inline void asm_g1_ri(Asm *a, bool w, int g1, int rm, int32_t imm)
{
    bool small = imm == (int8_t)imm;

    asm_rr(a, (small ? 0x83 : 0x81) | (w ? X_W : 0), g1, rm);
    if (small) {
        a8(a, (uint8_t)imm);
    } else {
        a32(a, (uint32_t)imm);
    }
}

static inline void asm_g1_rr(Asm *a, bool w, int g1, int dst, int src)
{
    asm_rr(a, (0x03 | g1 << 3) | (w ? X_W : 0), dst, src);
}

static inline void asm_shift_i(Asm *a, bool w, int g2, int rm, unsigned n)
{
    asm_rr(a, (n == 1 ? 0xd1 : 0xc1) | (w ? X_W : 0), g2, rm);
    if (n != 1) {
        a8(a, (uint8_t)n);
    }
}

/* Branches to a writable-view address; rel32 always. */
static inline void asm_rel32(Asm *a, const uint8_t *target) { a32(a, (uint32_t)(target - (a->p + 4))); }
static inline void asm_jmp(Asm *a, const uint8_t *target) { a8(a, 0xe9); asm_rel32(a, target); }
static inline void asm_call(Asm *a, const uint8_t *target) { a8(a, 0xe8); asm_rel32(a, target); }
/* Leaves rel32 for later; returns its address. */
static inline uint8_t *asm_jcc_fix(Asm *a, int cc) { a8(a, 0x0f); a8(a, 0x80 | cc); a32(a, 0); return a->p - 4; }
static inline uint8_t *asm_jmp_fix(Asm *a) { a8(a, 0xe9); a32(a, 0); return a->p - 4; }
static inline void asm_fix(uint8_t *fix, const uint8_t *target)
{
    uint32_t rel = (uint32_t)(target - (fix + 4));
    memcpy(fix, &rel, 4);
}

/* Pads so that a rel32 at p + offset is 4-aligned: patching it is one atomic store. */
static inline void asm_align_rel32(Asm *a, unsigned offset)
{
    static const uint8_t nops[4][3] = { { 0 }, { 0x90 }, { 0x66, 0x90 }, { 0x0f, 0x1f, 0x00 } };
    unsigned n = -((uintptr_t)a->p + offset) & 3;

    memcpy(a->p, nops[n], 3);
    a->p += n;
}

#endif
