/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one-byte opcode map: SDM vol. 2D, appendix A, tables.
 * Left out on purpose: 0F-prefixed maps (decode-0f.c), D8..DF and 9B (one row: the x87 part decodes itself).
 */
#include "qemu/osdep.h"
#include "target-i386/decode.h"

#define SETS_ALL .sets = CC_ALL
#define NOT_C (CC_ALL & ~CC_C)
#define RMW (R0 | R1 | W0)

/* The six forms that open each row of the map's upper left quarter. */
#define ALU_FORMS(base, n, access, lock, ...)                                           \
    [base + 0] = ROW(n, Eb, Gb, access, A_PLAIN | lock, SETS_ALL, ##__VA_ARGS__),       \
    [base + 1] = ROW(n, Ev, Gv, access, A_PLAIN | lock, SETS_ALL, ##__VA_ARGS__),       \
    [base + 2] = ROW(n, Gb, Eb, access, A_PLAIN, SETS_ALL, ##__VA_ARGS__),              \
    [base + 3] = ROW(n, Gv, Ev, access, A_PLAIN, SETS_ALL, ##__VA_ARGS__),              \
    [base + 4] = ROW(n, AL, Ib, access, A_PLAIN, SETS_ALL, ##__VA_ARGS__),              \
    [base + 5] = ROW(n, rAX, Iz, access, A_PLAIN, SETS_ALL, ##__VA_ARGS__)

#define GROUP1(name, e, i, attrs)                                                       \
static const InsnRow name[8] = {                                                        \
    ROW(add, e, i, RMW, A_PLAIN | A_LOCK | attrs, SETS_ALL),                            \
    ROW(or, e, i, RMW, A_PLAIN | A_LOCK | attrs, SETS_ALL),                             \
    ROW(adc, e, i, RMW, A_PLAIN | A_LOCK | attrs, SETS_ALL, .uses = CC_C),              \
    ROW(sbb, e, i, RMW, A_PLAIN | A_LOCK | attrs, SETS_ALL, .uses = CC_C),              \
    ROW(and, e, i, RMW, A_PLAIN | A_LOCK | attrs, SETS_ALL),                            \
    ROW(sub, e, i, RMW, A_PLAIN | A_LOCK | attrs, SETS_ALL),                            \
    ROW(xor, e, i, RMW, A_PLAIN | A_LOCK | attrs, SETS_ALL),                            \
    ROW(cmp, e, i, R0 | R1, A_PLAIN | attrs, SETS_ALL),                                 \
}
GROUP1(group1_eb_ib, Eb, Ib, 0);
GROUP1(group1_ev_iz, Ev, Iz, 0);
GROUP1(group1_ev_is, Ev, Is, 0);
GROUP1(group1_alias, Eb, Ib, A_I64);

static const InsnRow group1a[8] = {
    ROW(pop, Ev, O_NONE, 0, A_D64),
};

/* A count of 0 changes no flags, so nothing is promised to be overwritten but by the form with 1. */
#define GROUP2(name, e, n, all)                                                         \
static const InsnRow name[8] = {                                                        \
    ROW(rol, e, n, RMW, A_PLAIN, .uses = CC_ALL), ROW(ror, e, n, RMW, A_PLAIN, .uses = CC_ALL), \
    ROW(rcl, e, n, RMW, A_PLAIN, .uses = CC_ALL), ROW(rcr, e, n, RMW, A_PLAIN, .uses = CC_ALL), \
    ROW(shl, e, n, RMW, A_PLAIN, .sets = all), ROW(shr, e, n, RMW, A_PLAIN, .sets = all),       \
    ROW(shl, e, n, RMW, A_PLAIN, .sets = all), ROW(sar, e, n, RMW, A_PLAIN, .sets = all),       \
}
GROUP2(group2_eb_ib, Eb, Ib, 0);
GROUP2(group2_ev_ib, Ev, Ib, 0);
GROUP2(group2_eb_1, Eb, One, CC_ALL);
GROUP2(group2_ev_1, Ev, One, CC_ALL);
GROUP2(group2_eb_cl, Eb, CL, 0);
GROUP2(group2_ev_cl, Ev, CL, 0);

#define GROUP3(name, e, i)                                                              \
static const InsnRow name[8] = {                                                        \
    ROW(test, e, i, R0 | R1, A_PLAIN, SETS_ALL), ROW(test, e, i, R0 | R1, A_PLAIN, SETS_ALL), \
    ROW(not, e, O_NONE, R0 | W0, A_PLAIN | A_LOCK), ROW(neg, e, O_NONE, R0 | W0, A_PLAIN | A_LOCK, SETS_ALL), \
    ROW(mul, e, O_NONE, R0, A_PLAIN, SETS_ALL), ROW(imul1, e, O_NONE, R0, A_PLAIN, SETS_ALL), \
    ROW(div, e, O_NONE, R0, 0), ROW(idiv, e, O_NONE, R0, 0),                            \
}
GROUP3(group3_eb, Eb, Ib);
GROUP3(group3_ev, Ev, Iz);

static const InsnRow group4[8] = {
    ROW(inc, Eb, O_NONE, R0 | W0, A_PLAIN | A_LOCK, .sets = NOT_C),
    ROW(dec, Eb, O_NONE, R0 | W0, A_PLAIN | A_LOCK, .sets = NOT_C),
};
static const InsnRow group5[8] = {
    ROW(inc, Ev, O_NONE, R0 | W0, A_PLAIN | A_LOCK, .sets = NOT_C),
    ROW(dec, Ev, O_NONE, R0 | W0, A_PLAIN | A_LOCK, .sets = NOT_C),
    ROW(call_ind, Ev, O_NONE, R0, A_F64),
    ROW(far_call_ind, Ma, O_NONE, 0, A_MEM),
    ROW(jmp_ind, Ev, O_NONE, R0, A_F64),
    ROW(far_jmp_ind, Ma, O_NONE, 0, A_MEM),
    ROW(push, Ev, O_NONE, R0, A_D64),
};
static const InsnRow group11_b[8] = { ROW(mov, Eb, Ib, R1 | W0, A_PLAIN) };
static const InsnRow group11_v[8] = { ROW(mov, Ev, Iz, R1 | W0, A_PLAIN) };

/* 90: XCHG with itself is NOP; with REX.B it exchanges, unless F3 makes it PAUSE. */
static const InsnRow *nop_xchg_pause(const Insn *in, const CodeReader *r)
{
    static const InsnRow row_nop = ROW(nop, O_NONE, O_NONE, 0, A_PLAIN);
    static const InsnRow row_pause = ROW(pause, O_NONE, O_NONE, 0, 0);
    static const InsnRow row_xchg = ROW(xchg, Zv, rAX, R0 | R1 | W0 | W1, A_PLAIN);

    return in->rep == 0xf3 ? &row_pause : in->rex & 1 ? &row_xchg : &row_nop;
}

/* 63: ARPL in protected mode, MOVSXD in 64-bit mode. Without REX.W that is a plain move. */
static const InsnRow *arpl_movsxd(const Insn *in, const CodeReader *r)
{
    static const InsnRow row_arpl = ROW(arpl, Ew, Gw, R0 | R1, A_PM);
    static const InsnRow row_movsxd = ROW(movsx, Gv, Ed, R1 | W0, A_PLAIN);
    static const InsnRow row_mov = ROW(mov, Gv, Ev, R1 | W0, A_PLAIN);

    return !(r->mk & MK_CS64) ? &row_arpl : in->rex_w ? &row_movsxd : &row_mov;
}

const InsnRow decode_map_1b[256] = {
    ALU_FORMS(0x00, add, RMW, A_LOCK),
    ALU_FORMS(0x08, or, RMW, A_LOCK),
    ALU_FORMS(0x10, adc, RMW, A_LOCK, .uses = CC_C),
    ALU_FORMS(0x18, sbb, RMW, A_LOCK, .uses = CC_C),
    ALU_FORMS(0x20, and, RMW, A_LOCK),
    ALU_FORMS(0x28, sub, RMW, A_LOCK),
    ALU_FORMS(0x30, xor, RMW, A_LOCK),
    ALU_FORMS(0x38, cmp, R0 | R1, 0),
    [0x06] = ROW(push_seg, O_NONE, O_NONE, 0, A_I64), [0x07] = ROW(pop_seg, O_NONE, O_NONE, 0, A_I64),
    [0x0e] = ROW(push_seg, O_NONE, O_NONE, 0, A_I64),
    [0x16] = ROW(push_seg, O_NONE, O_NONE, 0, A_I64), [0x17] = ROW(pop_seg, O_NONE, O_NONE, 0, A_I64),
    [0x1e] = ROW(push_seg, O_NONE, O_NONE, 0, A_I64), [0x1f] = ROW(pop_seg, O_NONE, O_NONE, 0, A_I64),
    [0x27] = ROW(bcd, O_NONE, O_NONE, 0, A_I64), [0x2f] = ROW(bcd, O_NONE, O_NONE, 0, A_I64),
    [0x37] = ROW(bcd, O_NONE, O_NONE, 0, A_I64), [0x3f] = ROW(bcd, O_NONE, O_NONE, 0, A_I64),
    [0x40 ... 0x47] = ROW(inc, Zv, O_NONE, R0 | W0, A_PLAIN | A_I64, .sets = NOT_C),
    [0x48 ... 0x4f] = ROW(dec, Zv, O_NONE, R0 | W0, A_PLAIN | A_I64, .sets = NOT_C),
    [0x50 ... 0x57] = ROW(push, Zv, O_NONE, R0, A_D64),
    [0x58 ... 0x5f] = ROW(pop, Zv, O_NONE, 0, A_D64),
    [0x60] = ROW(pusha, O_NONE, O_NONE, 0, A_I64), [0x61] = ROW(popa, O_NONE, O_NONE, 0, A_I64),
    [0x62] = ROW(bound, Gv, Ma, R0, A_I64 | A_MEM),
    [0x63] = SELECT(arpl_movsxd, A_MODRM),
    [0x68] = ROW(push, Iz, O_NONE, R0, A_D64),
    [0x69] = ROW(imul, Gv, Ev, R1 | R2 | W0, A_PLAIN, .o2 = Iz, SETS_ALL),
    [0x6a] = ROW(push, Is, O_NONE, R0, A_D64),
    [0x6b] = ROW(imul, Gv, Ev, R1 | R2 | W0, A_PLAIN, .o2 = Is, SETS_ALL),
    [0x6c ... 0x6d] = ROW(ins, O_NONE, O_NONE, 0, 0), [0x6e ... 0x6f] = ROW(outs, O_NONE, O_NONE, 0, 0),
    [0x70 ... 0x7f] = ROW(jcc, Jb, O_NONE, 0, A_F64 | A_COND),
    [0x80] = GROUP(group1_eb_ib), [0x81] = GROUP(group1_ev_iz),
    [0x82] = GROUP(group1_alias), [0x83] = GROUP(group1_ev_is),
    [0x84] = ROW(test, Eb, Gb, R0 | R1, A_PLAIN, SETS_ALL), [0x85] = ROW(test, Ev, Gv, R0 | R1, A_PLAIN, SETS_ALL),
    [0x86] = ROW(xchg, Eb, Gb, R0 | R1 | W0 | W1, A_PLAIN | A_LOCK | A_XLOCK),
    [0x87] = ROW(xchg, Ev, Gv, R0 | R1 | W0 | W1, A_PLAIN | A_LOCK | A_XLOCK),
    [0x88] = ROW(mov, Eb, Gb, R1 | W0, A_PLAIN), [0x89] = ROW(mov, Ev, Gv, R1 | W0, A_PLAIN),
    [0x8a] = ROW(mov, Gb, Eb, R1 | W0, A_PLAIN), [0x8b] = ROW(mov, Gv, Ev, R1 | W0, A_PLAIN),
    [0x8c] = ROW(mov_from_seg, O_NONE, Sw, 0, 0), [0x8e] = ROW(mov_to_seg, Sw, O_NONE, 0, 0),
    [0x8d] = ROW(lea, Gv, Ma, W0, A_PLAIN | A_MEM | A_NOACC),
    [0x8f] = GROUP(group1a),
    [0x90] = SELECT(nop_xchg_pause, 0),
    [0x91 ... 0x97] = ROW(xchg, Zv, rAX, R0 | R1 | W0 | W1, A_PLAIN),
    [0x98] = ROW(cbw, O_NONE, O_NONE, 0, A_PLAIN), [0x99] = ROW(cwd, O_NONE, O_NONE, 0, A_PLAIN),
    [0x9a] = ROW(far_call, Ap, O_NONE, 0, A_I64),
    [0x9b] = ROW(x87, O_NONE, O_NONE, 0, 0),
    [0x9c] = ROW(pushf, O_NONE, O_NONE, 0, A_D64), [0x9d] = ROW(popf, O_NONE, O_NONE, 0, A_D64),
    [0x9e] = ROW(sahf, O_NONE, O_NONE, 0, 0, .feat = FEAT_I_LAHF),
    [0x9f] = ROW(lahf, O_NONE, O_NONE, 0, 0, .feat = FEAT_I_LAHF),
    [0xa0] = ROW(mov, AL, Ob, R1 | W0, 0), [0xa1] = ROW(mov, rAX, Ov, R1 | W0, 0),
    [0xa2] = ROW(mov, Ob, AL, R1 | W0, 0), [0xa3] = ROW(mov, Ov, rAX, R1 | W0, 0),
    [0xa4 ... 0xa5] = ROW(movs, O_NONE, O_NONE, 0, 0), [0xa6 ... 0xa7] = ROW(cmps, O_NONE, O_NONE, 0, 0),
    [0xa8] = ROW(test, AL, Ib, R0 | R1, A_PLAIN, SETS_ALL), [0xa9] = ROW(test, rAX, Iz, R0 | R1, A_PLAIN, SETS_ALL),
    [0xaa ... 0xab] = ROW(stos, O_NONE, O_NONE, 0, 0), [0xac ... 0xad] = ROW(lods, O_NONE, O_NONE, 0, 0),
    [0xae ... 0xaf] = ROW(scas, O_NONE, O_NONE, 0, 0),
    [0xb0 ... 0xb7] = ROW(mov, Zb, Ib, R1 | W0, A_PLAIN), [0xb8 ... 0xbf] = ROW(mov, Zv, Iv, R1 | W0, A_PLAIN),
    [0xc0] = GROUP(group2_eb_ib), [0xc1] = GROUP(group2_ev_ib),
    [0xc2] = ROW(ret, Iw, O_NONE, 0, A_F64), [0xc3] = ROW(ret, O_NONE, O_NONE, 0, A_F64),
    [0xc4] = ROW(lxs, Gv, Ma, 0, A_I64 | A_MEM), [0xc5] = ROW(lxs, Gv, Ma, 0, A_I64 | A_MEM),
    [0xc6] = GROUP(group11_b), [0xc7] = GROUP(group11_v),
    [0xc8] = ROW(enter, Iwb, O_NONE, 0, A_D64), [0xc9] = ROW(leave, O_NONE, O_NONE, 0, A_D64),
    [0xca] = ROW(far_ret, Iw, O_NONE, 0, 0), [0xcb] = ROW(far_ret, O_NONE, O_NONE, 0, 0),
    [0xcc] = ROW(int3, O_NONE, O_NONE, 0, 0), [0xcd] = ROW(int, Ib, O_NONE, 0, 0),
    [0xce] = ROW(into, O_NONE, O_NONE, 0, A_I64), [0xcf] = ROW(iret, O_NONE, O_NONE, 0, A_SERIAL),
    [0xd0] = GROUP(group2_eb_1), [0xd1] = GROUP(group2_ev_1),
    [0xd2] = GROUP(group2_eb_cl), [0xd3] = GROUP(group2_ev_cl),
    [0xd4] = ROW(aam, Ib, O_NONE, 0, A_I64), [0xd5] = ROW(aad, Ib, O_NONE, 0, A_I64),
    [0xd6] = ROW(salc, O_NONE, O_NONE, 0, A_I64), [0xd7] = ROW(xlat, O_NONE, O_NONE, 0, 0),
    [0xd8 ... 0xdf] = ROW(x87, O_NONE, O_NONE, 0, A_MODRM),
    [0xe0 ... 0xe1] = ROW(loopcc, Jb, O_NONE, 0, A_F64), [0xe2] = ROW(loop, Jb, O_NONE, 0, A_F64),
    [0xe3] = ROW(jcxz, Jb, O_NONE, 0, A_F64),
    [0xe4] = ROW(in_imm, AL, Ib, 0, 0), [0xe5] = ROW(in_imm, rAX, Ib, 0, 0),
    [0xe6] = ROW(out_imm, AL, Ib, 0, 0), [0xe7] = ROW(out_imm, rAX, Ib, 0, 0),
    [0xe8] = ROW(call, Jz, O_NONE, 0, A_F64),
    [0xe9] = ROW(jmp, Jz, O_NONE, 0, A_F64 | A_JMP), [0xeb] = ROW(jmp, Jb, O_NONE, 0, A_F64 | A_JMP),
    [0xea] = ROW(far_jmp, Ap, O_NONE, 0, A_I64),
    [0xec] = ROW(in_dx, AL, O_NONE, 0, 0), [0xed] = ROW(in_dx, rAX, O_NONE, 0, 0),
    [0xee] = ROW(out_dx, AL, O_NONE, 0, 0), [0xef] = ROW(out_dx, rAX, O_NONE, 0, 0),
    [0xf1] = ROW(icebp, O_NONE, O_NONE, 0, 0), [0xf4] = ROW(hlt, O_NONE, O_NONE, 0, 0),
    [0xf5] = ROW(cmc, O_NONE, O_NONE, 0, A_PLAIN, .uses = CC_ALL),
    [0xf6] = GROUP(group3_eb), [0xf7] = GROUP(group3_ev),
    [0xf8] = ROW(clc, O_NONE, O_NONE, 0, A_PLAIN, .sets = CC_C),
    [0xf9] = ROW(stc, O_NONE, O_NONE, 0, A_PLAIN, .sets = CC_C),
    [0xfa] = ROW(cli, O_NONE, O_NONE, 0, 0), [0xfb] = ROW(sti, O_NONE, O_NONE, 0, 0),
    [0xfc] = ROW(cld, O_NONE, O_NONE, 0, A_PLAIN), [0xfd] = ROW(std, O_NONE, O_NONE, 0, A_PLAIN),
    [0xfe] = GROUP(group4), [0xff] = GROUP(group5),
};
