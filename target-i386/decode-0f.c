/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The maps behind 0F: SDM vol. 2D, appendix A, tables A-3 (0F), A-4 (0F38), A-5 (0F3A) and A-6 (groups); the VEX
 * encodings. Vector instructions are one row, "sse", and with VEX "avx": those parts decode further themselves.
 * Left out: EVEX, virtualisation (VMX, SVM), TSX, MPX (its encodings are NOPs, as where MPX is off).
 */
#include "qemu/osdep.h"
#include "target-i386/decode.h"

#define SETS_ALL .sets = CC_ALL
#define RMW (R0 | R1 | W0)
#define RW (R1 | W0)

/* ---- 0F 00, 0F 01 ---- */

static const InsnRow group6[8] = {
    ROW(sldt, O_NONE, O_NONE, 0, A_PM), ROW(str, O_NONE, O_NONE, 0, A_PM),
    ROW(lldt, Ew, O_NONE, R0, A_PM | A_SERIAL), ROW(ltr, Ew, O_NONE, R0, A_PM | A_SERIAL),
    ROW(verr, Ew, O_NONE, R0, A_PM), ROW(verw, Ew, O_NONE, R0, A_PM),
};

static const InsnRow group7_mem[8] = {
    ROW(sgdt, Ma, O_NONE, 0, 0), ROW(sidt, Ma, O_NONE, 0, 0),
    ROW(lgdt, Ma, O_NONE, 0, A_SERIAL), ROW(lidt, Ma, O_NONE, 0, A_SERIAL),
    ROW(smsw, O_NONE, O_NONE, 0, 0), { .name = "ud" }, ROW(lmsw, Ew, O_NONE, R0, 0),
    ROW(invlpg, Ma, O_NONE, 0, A_NOACC | A_SERIAL),
};

static const InsnRow *group7(const Insn *in, const CodeReader *r)
{
    static const InsnRow row_monitor = ROW(monitor, O_NONE, O_NONE, 0, 0, .feat = FEAT_I_MONITOR);
    static const InsnRow row_mwait = ROW(mwait, O_NONE, O_NONE, 0, 0, .feat = FEAT_I_MONITOR);
    static const InsnRow row_clac = ROW(clac, O_NONE, O_NONE, 0, 0, .feat = FEAT_I_SMAP);
    static const InsnRow row_stac = ROW(stac, O_NONE, O_NONE, 0, 0, .feat = FEAT_I_SMAP);
    static const InsnRow row_xgetbv = ROW(xgetbv, O_NONE, O_NONE, 0, 0, .feat = FEAT_I_XSAVE);
    static const InsnRow row_xsetbv = ROW(xsetbv, O_NONE, O_NONE, 0, 0, .feat = FEAT_I_XSAVE);
    static const InsnRow row_rdpkru = ROW(rdpkru, O_NONE, O_NONE, 0, 0, .feat = FEAT_I_PKU);
    static const InsnRow row_wrpkru = ROW(wrpkru, O_NONE, O_NONE, 0, 0, .feat = FEAT_I_PKU);
    static const InsnRow row_swapgs = ROW(swapgs, O_NONE, O_NONE, 0, A_O64);
    static const InsnRow row_rdtscp = ROW(rdtscp, O_NONE, O_NONE, 0, 0, .feat = FEAT_I_RDTSCP);

    if (in->is_mem || in->op3 == 4 || in->op3 == 6) {
        return &group7_mem[in->op3];
    }
    switch (in->modrm) {
    case 0xc8: return in->mandatory ? NULL : &row_monitor;
    case 0xc9: return in->mandatory ? NULL : &row_mwait;
    case 0xca: return in->mandatory ? NULL : &row_clac;
    case 0xcb: return in->mandatory ? NULL : &row_stac;
    case 0xd0: return in->mandatory ? NULL : &row_xgetbv;
    case 0xd1: return in->mandatory ? NULL : &row_xsetbv;
    case 0xee: return in->mandatory ? NULL : &row_rdpkru;
    case 0xef: return in->mandatory ? NULL : &row_wrpkru;
    case 0xf8: return &row_swapgs;
    case 0xf9: return &row_rdtscp;
    default: return NULL;
    }
}

/* ---- groups 8, 9, 15 ---- */

static const InsnRow group8[8] = {
    { .name = "ud" }, { .name = "ud" }, { .name = "ud" }, { .name = "ud" },
    ROW(bt, Ev, Ib, 0, A_PLAIN, .uses = CC_ALL),
    ROW(bts, Ev, Ib, 0, A_PLAIN | A_LOCK, .uses = CC_ALL),
    ROW(btr, Ev, Ib, 0, A_PLAIN | A_LOCK, .uses = CC_ALL),
    ROW(btc, Ev, Ib, 0, A_PLAIN | A_LOCK, .uses = CC_ALL),
};

static const InsnRow row_sse = ROW(sse, O_NONE, O_NONE, 0, A_MODRM);

static const InsnRow *group9(const Insn *in, const CodeReader *r)
{
    static const InsnRow row_cx8 = ROW(cmpxchg8b, Ma, O_NONE, 0, A_LOCK | A_MEM, .feat = FEAT_I_CX8);
    static const InsnRow row_cx16 = ROW(cmpxchg8b, Ma, O_NONE, 0, A_LOCK | A_MEM, .feat = FEAT_I_CX16);
    static const InsnRow row_rdrand = ROW(rdrand, Ev, O_NONE, 0, A_REG, .feat = FEAT_I_RDRAND);
    static const InsnRow row_rdseed = ROW(rdrand, Ev, O_NONE, 0, A_REG, .feat = FEAT_I_RDSEED);
    static const InsnRow row_rdpid = ROW(rdpid, O_NONE, O_NONE, 0, A_REG, .feat = FEAT_I_RDPID);

    if (in->is_mem && in->op3 == 4) {
        return in->mandatory ? NULL : &row_sse;     /* XSAVEC */
    }
    if (in->is_mem) {
        return in->op3 == 1 ? (in->rex_w ? &row_cx16 : &row_cx8) : NULL;     /* F2 and F3 mean nothing */
    }
    if (in->op3 == 7 && in->rep == 0xf3) {
        return &row_rdpid;
    }
    return in->rep ? NULL : in->op3 == 6 ? &row_rdrand : in->op3 == 7 ? &row_rdseed : NULL;
}

static const InsnRow *group15(const Insn *in, const CodeReader *r)
{
    static const InsnRow row_rdbase = ROW(rdfsgsbase, O_NONE, O_NONE, 0, A_O64, .feat = FEAT_I_FSGSBASE);
    static const InsnRow row_wrbase = ROW(wrfsgsbase, O_NONE, O_NONE, 0, A_O64, .feat = FEAT_I_FSGSBASE);
    static const InsnRow row_lfence = ROW(fence, O_NONE, O_NONE, 0, 0, .feat = FEAT_I_SSE2);
    static const InsnRow row_sfence = ROW(fence, O_NONE, O_NONE, 0, 0, .feat = FEAT_I_SSE);
    static const InsnRow row_clflush = ROW(clflush, Ma, O_NONE, 0, 0, .feat = FEAT_I_CLFLUSH);
    static const InsnRow row_clflushopt = ROW(clflush, Ma, O_NONE, 0, 0, .feat = FEAT_I_CLFLUSHOPT);
    static const InsnRow row_clwb = ROW(clflush, Ma, O_NONE, 0, 0, .feat = FEAT_I_CLWB);

    if (!in->is_mem) {
        if (in->rep == 0xf3) {
            return in->op3 < 2 ? &row_rdbase : in->op3 < 4 ? &row_wrbase : NULL;
        }
        return in->mandatory || in->op3 < 5 ? NULL : in->op3 == 7 ? &row_sfence : &row_lfence;
    }
    if (in->op3 == 7 && !in->rep) {
        return in->mandatory == 0x66 ? &row_clflushopt : &row_clflush;
    }
    return in->op3 == 6 && in->mandatory == 0x66 ? &row_clwb : &row_sse;
}

/* ---- single opcodes whose meaning a prefix changes ---- */

static const InsnRow *popcnt(const Insn *in, const CodeReader *r)
{
    static const InsnRow row = ROW(popcnt, Gv, Ev, RW, A_PLAIN, SETS_ALL, .feat = FEAT_I_POPCNT);

    return in->rep == 0xf3 ? &row : NULL;
}

/* Without the feature F3 is ignored, and BSF or BSR is what runs. */
static const InsnRow *tzcnt_bsf(const Insn *in, const CodeReader *r)
{
    static const InsnRow row_bsf = ROW(bsf, Gv, Ev, R1 | WE, A_PLAIN, SETS_ALL);
    static const InsnRow row_tzcnt = ROW(tzcnt, Gv, Ev, RW, A_PLAIN, SETS_ALL);

    return in->rep == 0xf3 && (!r->has || r->has(r->opaque, FEAT_I_BMI1)) ? &row_tzcnt : &row_bsf;
}

static const InsnRow *lzcnt_bsr(const Insn *in, const CodeReader *r)
{
    static const InsnRow row_bsr = ROW(bsr, Gv, Ev, R1 | WE, A_PLAIN, SETS_ALL);
    static const InsnRow row_lzcnt = ROW(lzcnt, Gv, Ev, RW, A_PLAIN, SETS_ALL);

    return in->rep == 0xf3 && (!r->has || r->has(r->opaque, FEAT_I_LZCNT)) ? &row_lzcnt : &row_bsr;
}

/* EXTRQ and INSERTQ: two bytes, length and index. */
static const InsnRow *sse4a_fields(const Insn *in, const CodeReader *r)
{
    static const InsnRow row = ROW(sse, O_NONE, Iw, 0, A_MODRM);

    return in->mandatory == 0x66 || in->mandatory == 0xf2 ? &row : NULL;
}

/* ---- 0F ---- */

#define NOP_EV ROW(nop, Ev, O_NONE, 0, A_PLAIN | A_NOACC)
#define SSE_ROW ROW(sse, O_NONE, O_NONE, 0, A_MODRM)
#define SSE_ROW_IB ROW(sse, O_NONE, Ib, 0, A_MODRM)

const InsnRow decode_map_0f[256] = {
    [0x00] = GROUP(group6),
    [0x01] = SELECT(group7, A_MODRM),
    [0x02] = ROW(lar, Gv, Ew, R0 | R1, A_PM), [0x03] = ROW(lsl, Gv, Ew, R0 | R1, A_PM),
    [0x05] = ROW(syscall, O_NONE, O_NONE, 0, 0, .feat = FEAT_I_SYSCALL),
    [0x06] = ROW(clts, O_NONE, O_NONE, 0, 0),
    [0x07] = ROW(sysret, O_NONE, O_NONE, 0, 0, .feat = FEAT_I_SYSCALL),
    [0x08 ... 0x09] = ROW(wbinvd, O_NONE, O_NONE, 0, A_SERIAL),
    [0x0b] = ROW(ud, O_NONE, O_NONE, 0, 0),
    [0x0d] = NOP_EV,
    [0x10 ... 0x17] = SSE_ROW,
    [0x18 ... 0x1f] = NOP_EV,
    [0x20] = ROW(mov_from_cr, Rc, O_NONE, 0, A_MOD3), [0x21] = ROW(mov_from_dr, Rd, O_NONE, 0, A_MOD3),
    [0x22] = ROW(mov_to_cr, Rc, O_NONE, 0, A_MOD3 | A_SERIAL),
    [0x23] = ROW(mov_to_dr, Rd, O_NONE, 0, A_MOD3 | A_SERIAL),
    [0x28 ... 0x2f] = SSE_ROW,
    [0x30] = ROW(wrmsr, O_NONE, O_NONE, 0, A_SERIAL, .feat = FEAT_I_MSR),
    [0x31] = ROW(rdtsc, O_NONE, O_NONE, 0, 0, .feat = FEAT_I_TSC),
    [0x32] = ROW(rdmsr, O_NONE, O_NONE, 0, 0, .feat = FEAT_I_MSR), [0x33] = ROW(rdpmc, O_NONE, O_NONE, 0, 0),
    [0x34] = ROW(sysenter, O_NONE, O_NONE, 0, 0, .feat = FEAT_I_SEP),
    [0x35] = ROW(sysexit, O_NONE, O_NONE, 0, 0, .feat = FEAT_I_SEP),
    [0x40 ... 0x4f] = ROW(cmov, Gv, Ev, R0 | RW, A_PLAIN | A_COND, .feat = FEAT_I_CMOV),
    [0x50 ... 0x6f] = SSE_ROW,
    [0x70 ... 0x73] = SSE_ROW_IB,
    [0x74 ... 0x76] = SSE_ROW, [0x77] = ROW(sse, O_NONE, O_NONE, 0, 0),
    [0x78] = SELECT(sse4a_fields, A_MODRM), [0x79] = SSE_ROW, [0x7c ... 0x7f] = SSE_ROW,
    [0x80 ... 0x8f] = ROW(jcc, Jz, O_NONE, 0, A_F64 | A_COND),
    [0x90 ... 0x9f] = ROW(setcc, Eb, O_NONE, W0, A_PLAIN | A_COND),
    [0xa0] = ROW(push_seg, O_NONE, O_NONE, 0, A_D64), [0xa1] = ROW(pop_seg, O_NONE, O_NONE, 0, A_D64),
    [0xa2] = ROW(cpuid, O_NONE, O_NONE, 0, A_SERIAL),
    [0xa3] = ROW(bt, Ev, Gv, R1, A_PLAIN, .uses = CC_ALL),
    [0xa4] = ROW(shld, Ev, Gv, RMW, A_PLAIN, .o2 = Ib), [0xa5] = ROW(shld, Ev, Gv, RMW | R2, A_PLAIN, .o2 = CL),
    [0xa8] = ROW(push_seg, O_NONE, O_NONE, 0, A_D64), [0xa9] = ROW(pop_seg, O_NONE, O_NONE, 0, A_D64),
    [0xaa] = ROW(rsm, O_NONE, O_NONE, 0, A_SERIAL),
    [0xab] = ROW(bts, Ev, Gv, R1, A_PLAIN | A_LOCK, .uses = CC_ALL),
    [0xac] = ROW(shrd, Ev, Gv, RMW, A_PLAIN, .o2 = Ib), [0xad] = ROW(shrd, Ev, Gv, RMW | R2, A_PLAIN, .o2 = CL),
    [0xae] = SELECT(group15, A_MODRM),
    [0xaf] = ROW(imul, Gv, Ev, R0 | RW, A_PLAIN, SETS_ALL),
    [0xb0] = ROW(cmpxchg, Eb, Gb, R0 | R1 | WE, A_LOCK), [0xb1] = ROW(cmpxchg, Ev, Gv, R0 | R1 | WE, A_LOCK),
    [0xb2] = ROW(lxs, Gv, Ma, 0, A_MEM),
    [0xb3] = ROW(btr, Ev, Gv, R1, A_PLAIN | A_LOCK, .uses = CC_ALL),
    [0xb4 ... 0xb5] = ROW(lxs, Gv, Ma, 0, A_MEM),
    [0xb6] = ROW(movzx, Gv, Eb, RW, A_PLAIN), [0xb7] = ROW(movzx, Gv, Ew, RW, A_PLAIN),
    [0xb8] = SELECT(popcnt, A_MODRM),
    [0xb9] = ROW(ud, O_NONE, O_NONE, 0, A_MODRM),
    [0xba] = GROUP(group8),
    [0xbb] = ROW(btc, Ev, Gv, R1, A_PLAIN | A_LOCK, .uses = CC_ALL),
    [0xbc] = SELECT(tzcnt_bsf, A_MODRM), [0xbd] = SELECT(lzcnt_bsr, A_MODRM),
    [0xbe] = ROW(movsx, Gv, Eb, RW, A_PLAIN), [0xbf] = ROW(movsx, Gv, Ew, RW, A_PLAIN),
    [0xc0] = ROW(xadd, Eb, Gb, RMW | W1, A_LOCK | A_PLAIN, SETS_ALL),
    [0xc1] = ROW(xadd, Ev, Gv, RMW | W1, A_LOCK | A_PLAIN, SETS_ALL),
    [0xc2] = SSE_ROW_IB, [0xc3] = SSE_ROW, [0xc4 ... 0xc6] = SSE_ROW_IB,
    [0xc7] = SELECT(group9, A_MODRM),
    [0xc8 ... 0xcf] = ROW(bswap, Zv, O_NONE, R0 | W0, A_PLAIN),
    [0xd0 ... 0xfe] = SSE_ROW,
    [0xff] = ROW(ud, O_NONE, O_NONE, 0, A_MODRM),
};

/* ---- 0F38 ---- */

/* F0, F1: CRC32 with F2, else MOVBE. */
static const InsnRow *movbe_crc32(const Insn *in, const CodeReader *r)
{
    static const InsnRow row_crc_b = ROW(crc32, Gy, Eb, R0 | RW, A_PLAIN, .feat = FEAT_I_SSE42);
    static const InsnRow row_crc_v = ROW(crc32, Gy, Ev, R0 | RW, A_PLAIN, .feat = FEAT_I_SSE42);
    static const InsnRow row_load = ROW(movbe, Gv, Ev, RW, A_MEM, .feat = FEAT_I_MOVBE);
    static const InsnRow row_store = ROW(movbe, Ev, Gv, RW, A_MEM, .feat = FEAT_I_MOVBE);

    if (in->rep == 0xf2) {
        return in->opcode == 0xf0 ? &row_crc_b : &row_crc_v;
    }
    return in->rep ? NULL : in->opcode == 0xf0 ? &row_load : &row_store;
}

static const InsnRow *adx(const Insn *in, const CodeReader *r)
{
    static const InsnRow row_adcx = ROW(adcx, Gy, Ey, R0 | RW, A_PLAIN, .uses = CC_ALL, .feat = FEAT_I_ADX);
    static const InsnRow row_adox = ROW(adox, Gy, Ey, R0 | RW, A_PLAIN, .uses = CC_ALL, .feat = FEAT_I_ADX);

    return in->mandatory == 0x66 ? &row_adcx : in->mandatory == 0xf3 ? &row_adox : NULL;
}

static const InsnRow *invpcid(const Insn *in, const CodeReader *r)
{
    static const InsnRow row = ROW(invpcid, O_NONE, Ma, 0, A_MEM | A_SERIAL, .feat = FEAT_I_INVPCID);

    return in->mandatory == 0x66 ? &row : NULL;
}

const InsnRow decode_map_38[256] = {
    [0x00 ... 0x81] = SSE_ROW,
    [0x82] = SELECT(invpcid, A_MODRM),
    [0x83 ... 0xef] = SSE_ROW,
    [0xf0 ... 0xf1] = SELECT(movbe_crc32, A_MODRM),
    [0xf6] = SELECT(adx, A_MODRM),
};

const InsnRow decode_map_3a[256] = {
    [0x00 ... 0xff] = SSE_ROW_IB,
};

/* ---- VEX ---- */

#define AVX_ROW ROW(avx, O_NONE, O_NONE, 0, A_MODRM | A_VEX)
#define AVX_ROW_IB ROW(avx, O_NONE, Ib, 0, A_MODRM | A_VEX)

const InsnRow decode_vex_0f[256] = {
    [0x10 ... 0x17] = AVX_ROW, [0x28 ... 0x2f] = AVX_ROW, [0x50 ... 0x6f] = AVX_ROW, [0x70 ... 0x73] = AVX_ROW_IB,
    [0x74 ... 0x76] = AVX_ROW, [0x77] = ROW(avx, O_NONE, O_NONE, 0, A_VEX), [0x7c ... 0x7f] = AVX_ROW, [0xae] = AVX_ROW,
    [0xc2] = AVX_ROW_IB, [0xc4 ... 0xc6] = AVX_ROW_IB, [0xd0 ... 0xfe] = AVX_ROW,
};

static const InsnRow group17[8] = {
    { .name = "ud" },
    ROW(blsr, By, Ey, RW, A_VEX | A_PLAIN, SETS_ALL, .feat = FEAT_I_BMI1),
    ROW(blsmsk, By, Ey, RW, A_VEX | A_PLAIN, SETS_ALL, .feat = FEAT_I_BMI1),
    ROW(blsi, By, Ey, RW, A_VEX | A_PLAIN, SETS_ALL, .feat = FEAT_I_BMI1),
};

static const InsnRow *vex_group17(const Insn *in, const CodeReader *r)
{
    return in->mandatory ? NULL : &group17[in->op3];
}

static const InsnRow *vex_andn(const Insn *in, const CodeReader *r)
{
    static const InsnRow row = ROW(andn, Gy, By, RW | R2, A_VEX | A_PLAIN, .o2 = Ey, SETS_ALL, .feat = FEAT_I_BMI1);

    return in->mandatory ? NULL : &row;
}

static const InsnRow *vex_f5(const Insn *in, const CodeReader *r)
{
    static const InsnRow row_bzhi = ROW(bzhi, Gy, Ey, RW | R2, A_VEX | A_PLAIN, .o2 = By, SETS_ALL,
                                        .feat = FEAT_I_BMI2);
    static const InsnRow row_pext = ROW(pext, Gy, By, RW | R2, A_VEX | A_PLAIN, .o2 = Ey, .feat = FEAT_I_BMI2);
    static const InsnRow row_pdep = ROW(pdep, Gy, By, RW | R2, A_VEX | A_PLAIN, .o2 = Ey, .feat = FEAT_I_BMI2);

    switch (in->mandatory) {
    case 0: return &row_bzhi;
    case 0xf3: return &row_pext;
    case 0xf2: return &row_pdep;
    default: return NULL;
    }
}

static const InsnRow *vex_f6(const Insn *in, const CodeReader *r)
{
    static const InsnRow row = ROW(mulx, Gy, By, R2 | W0 | W1, A_VEX | A_PLAIN, .o2 = Ey, .feat = FEAT_I_BMI2);

    return in->mandatory == 0xf2 ? &row : NULL;
}

static const InsnRow *vex_f7(const Insn *in, const CodeReader *r)
{
    static const InsnRow row_bextr = ROW(bextr, Gy, Ey, RW | R2, A_VEX | A_PLAIN, .o2 = By, SETS_ALL,
                                         .feat = FEAT_I_BMI1);
    static const InsnRow row_shlx = ROW(shlx, Gy, Ey, RW | R2, A_VEX | A_PLAIN, .o2 = By, .feat = FEAT_I_BMI2);
    static const InsnRow row_sarx = ROW(sarx, Gy, Ey, RW | R2, A_VEX | A_PLAIN, .o2 = By, .feat = FEAT_I_BMI2);
    static const InsnRow row_shrx = ROW(shrx, Gy, Ey, RW | R2, A_VEX | A_PLAIN, .o2 = By, .feat = FEAT_I_BMI2);

    switch (in->mandatory) {
    case 0: return &row_bextr;
    case 0x66: return &row_shlx;
    case 0xf3: return &row_sarx;
    default: return &row_shrx;
    }
}

static const InsnRow *vex_rorx(const Insn *in, const CodeReader *r)
{
    static const InsnRow row = ROW(rorx, Gy, Ey, RW, A_VEX | A_PLAIN, .o2 = Ib, .feat = FEAT_I_BMI2);

    return in->mandatory == 0xf2 && in->vex_no_v ? &row : NULL;
}

const InsnRow decode_vex_38[256] = {
    [0x00 ... 0xef] = AVX_ROW,
    [0xf2] = SELECT(vex_andn, A_MODRM), [0xf3] = SELECT(vex_group17, A_MODRM), [0xf5] = SELECT(vex_f5, A_MODRM),
    [0xf6] = SELECT(vex_f6, A_MODRM), [0xf7] = SELECT(vex_f7, A_MODRM),
};

const InsnRow decode_vex_3a[256] = {
    [0x00 ... 0xef] = AVX_ROW_IB,
    [0xf0] = SELECT(vex_rorx, A_MODRM),
};
