/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decoder's engine: prefixes, opcode maps, ModRM and SIB, immediates, and the rules that make an encoding
 * undefined.
 *
 * Follows SDM vol. 2A, "Instruction Format", and vol. 2D, appendix A. The rules on top of the manual (which F2/F3
 * wins, when REX counts, what LOCK may precede) are listed in docs/cpu-frontend.md.
 * Left out: EVEX and XOP (#UD).
 */
#include "qemu/osdep.h"
#include "target-i386/decode.h"

#define MAX_INSN_LEN 15

typedef struct Decode {
    const CodeReader *r;
    Insn *in;
    uint64_t start;             /* EIP of the first byte */
    unsigned len;
    DecodeStatus status;        /* the first failure */
} Decode;

uint64_t code_linear(const CodeReader *r, uint64_t pc)
{
    return r->mk & MK_CS64 ? pc : (uint32_t)(pc + r->cs_base);
}

/* ---- bytes ---- */

static uint8_t fetch8(Decode *d)
{
    uint64_t pc, linear;
    int byte;

    if (d->status != DECODE_OK) {
        return 0;
    }
    pc = d->start + d->len;
    if (!(d->r->mk & MK_CS64)) {
        pc = (uint32_t)pc;
        if (!(d->r->mk & MK_FLAT_CS) && pc > d->r->cs_limit) {
            d->status = DECODE_GP;
            return 0;
        }
    }
    if (d->len >= MAX_INSN_LEN) {
        d->status = DECODE_GP;
        return 0;
    }
    linear = code_linear(d->r, pc);
    if (likely(linear >= d->r->host_lo && linear < d->r->host_hi)) {
        byte = d->r->host[linear - d->r->host_lo];
    } else {
        byte = d->r->slow(d->r->opaque, linear);
        if (byte < 0) {
            d->status = DECODE_END;
            return 0;
        }
    }
    d->len++;
    return byte;
}

static uint64_t fetch(Decode *d, unsigned bytes)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < bytes; i++) {
        v |= (uint64_t)fetch8(d) << (8 * i);
    }
    return v;
}

static int64_t fetch_signed(Decode *d, unsigned bytes)
{
    return sextract64(fetch(d, bytes), 0, bytes * 8);
}

/* ---- prefixes ---- */

static void set_segment(Decode *d, unsigned seg)
{
    /* 64-bit mode: CS DS ES SS overrides are ignored and do not cancel FS or GS. */
    if (!(d->r->mk & MK_CS64) || seg >= R_FS) {
        d->in->seg_override = seg;
    }
}

/* Takes b as a legacy prefix; false when it is none. */
static bool legacy_prefix(Decode *d, uint8_t b)
{
    switch (b) {
    case 0x26: set_segment(d, R_ES); break;
    case 0x2e: set_segment(d, R_CS); break;
    case 0x36: set_segment(d, R_SS); break;
    case 0x3e: set_segment(d, R_DS); break;
    case 0x64: set_segment(d, R_FS); break;
    case 0x65: set_segment(d, R_GS); break;
    case 0x66: d->in->opsize_prefix = true; break;
    case 0x67: d->in->addrsize_prefix = true; break;
    case 0xf0: d->in->lock = true; break;
    case 0xf2:
    case 0xf3: d->in->rep = b; break;
    default: return false;
    }
    return true;
}

/* Returns the first byte of the opcode. REX counts only right before it. */
static uint8_t decode_prefixes(Decode *d)
{
    for (;;) {
        uint8_t b = fetch8(d);

        if (d->status != DECODE_OK) {
            return 0;
        }
        if (legacy_prefix(d, b)) {
            d->in->rex = 0;
        } else if ((b & 0xf0) == 0x40 && (d->r->mk & MK_CS64)) {
            d->in->rex = b;
        } else {
            return b;
        }
    }
}

/* C4 or C5 was read. In 16- and 32-bit code LES and LDS unless what follows looks like a register operand. */
static bool is_vex(Decode *d)
{
    uint64_t linear;
    int b;

    if (d->r->mk & MK_CS64) {
        return true;
    }
    if (!(d->r->mk & MK_PE)) {
        return false;
    }
    linear = code_linear(d->r, d->start + d->len);
    if (linear >= d->r->host_lo && linear < d->r->host_hi) {
        b = d->r->host[linear - d->r->host_lo];
    } else {
        Decode probe = *d;

        b = fetch8(&probe);
        if (probe.status != DECODE_OK) {
            d->status = probe.status;
        }
    }
    return b >= 0xc0;
}

static const InsnRow *vex_opcode(Decode *d, uint8_t first)
{
    Insn *in = d->in;
    uint8_t p1 = fetch8(d), p2 = p1, map = 1;
    static const uint8_t pp[4] = { 0, 0x66, 0xf3, 0xf2 };
    bool bad = in->rep || in->opsize_prefix || in->lock || in->rex;
    static const InsnRow *const maps[3] = { decode_vex_0f, decode_vex_38, decode_vex_3a };
    const InsnRow *row;

    in->rex = 0x40 | (p1 & 0x80 ? 0 : 4);
    if (first == 0xc4) {
        in->rex |= (p1 & 0x40 ? 0 : 2) | (p1 & 0x20 ? 0 : 1);
        map = p1 & 0x1f;
        p2 = fetch8(d);
        in->rex |= p2 & 0x80 ? 8 : 0;
    }
    if (!(d->r->mk & MK_CS64)) {
        in->rex = 0x40;             /* W counts as 0 for general registers, R X B must be inverted zeroes */
    }
    in->vex = 1;
    in->vex_l = p2 >> 2 & 1;
    in->vex_w = first == 0xc4 && (p2 & 0x80);
    in->vex_no_v = (p2 & 0x78) == 0x78;
    in->vex_v = ~(p2 >> 3) & (d->r->mk & MK_CS64 ? 15 : 7);
    in->mandatory = pp[p2 & 3];
    in->map = map;
    in->opcode = fetch8(d);
    in->vsib = map == 2 && in->opcode >= 0x90 && in->opcode <= 0x93;
    row = map >= 1 && map <= 3 ? &maps[map - 1][in->opcode] : NULL;
    return bad || (in->vex_l && row && row->emit != emit_avx) ? NULL : row;
}

static const InsnRow *decode_opcode(Decode *d)
{
    Insn *in = d->in;
    uint8_t b = decode_prefixes(d);

    if (d->status != DECODE_OK) {
        return NULL;
    }
    if ((b == 0xc4 || b == 0xc5) && is_vex(d)) {
        return vex_opcode(d, b);
    }
    in->mandatory = in->rep ? in->rep : in->opsize_prefix ? 0x66 : 0;
    in->opcode = b;
    if (b != 0x0f) {
        return &decode_map_1b[b];
    }
    in->map = 1;
    in->opcode = fetch8(d);
    if (in->opcode == 0x38) {
        in->map = 2;
        in->opcode = fetch8(d);
        return &decode_map_38[in->opcode];
    }
    if (in->opcode == 0x3a) {
        in->map = 3;
        in->opcode = fetch8(d);
        return &decode_map_3a[in->opcode];
    }
    return &decode_map_0f[in->opcode];
}

/* ---- ModRM ---- */

static void modrm_mem16(Decode *d)
{
    static const int8_t base[8] = { R_EBX, R_EBX, R_EBP, R_EBP, R_ESI, R_EDI, R_EBP, R_EBX };
    static const int8_t index[8] = { R_ESI, R_EDI, R_ESI, R_EDI, -1, -1, -1, -1 };
    Insn *in = d->in;

    in->base = base[in->rm3];
    in->index = index[in->rm3];
    if (in->mod == 0 && in->rm3 == 6) {
        in->base = -1;
        in->disp = fetch_signed(d, 2);
    } else if (in->mod) {
        in->disp = fetch_signed(d, in->mod);
    }
    in->seg = in->base == R_EBP ? R_SS : R_DS;
}

static void modrm_mem32(Decode *d)
{
    Insn *in = d->in;
    unsigned base = in->rm3;

    if (base == 4) {
        uint8_t sib = fetch8(d);
        unsigned index = (sib >> 3 & 7) | (in->rex & 2 ? 8 : 0);

        base = sib & 7;
        in->scale = sib >> 6;
        in->has_vsib = in->vsib;
        in->vsib_index = (uint8_t)index;
        in->index = index == 4 || in->vsib ? -1 : (int8_t)index;
    } else if (base == 5 && in->mod == 0) {
        in->rip_relative = d->r->mk & MK_CS64;
    }
    in->seg = R_DS;
    if (base == 5 && in->mod == 0) {
        in->disp = fetch_signed(d, 4);
        return;
    }
    if (base == R_ESP || base == R_EBP) {
        in->seg = in->rex & 1 ? R_DS : R_SS;
    }
    in->base = base | (in->rex & 1 ? 8 : 0);
    if (in->mod) {
        in->disp = fetch_signed(d, in->mod == 1 ? 1 : 4);
    }
}

static void decode_modrm(Decode *d, unsigned attr)
{
    Insn *in = d->in;

    in->modrm = fetch8(d);
    in->has_modrm = true;
    in->mod = in->modrm >> 6;
    in->op3 = in->modrm >> 3 & 7;
    in->rm3 = in->modrm & 7;
    in->reg = in->op3 | (in->rex & 4 ? 8 : 0);
    in->rm = in->rm3 | (in->rex & 1 ? 8 : 0);
    in->is_mem = in->mod != 3 && !(attr & A_MOD3);
    if (in->is_mem) {
        if (in->addrsize == 2) {
            modrm_mem16(d);
        } else {
            modrm_mem32(d);
        }
        if (in->seg_override != SEG_NONE) {
            in->seg = in->seg_override;
        }
    }
}

/* ---- operands ---- */

bool operand_is_rm(unsigned op)
{
    return op == Eb || op == Ew || op == Ed || op == Ev || op == Ey || op == Ma;
}

static bool operand_needs_modrm(unsigned op)
{
    switch (op) {
    case Eb: case Ew: case Ed: case Ev: case Ey: case Gb: case Gw: case Gv: case Gy: case Ma: case Sw: case Rc: case Rd:
        return true;
    default:
        return false;
    }
}

unsigned operand_size(const Insn *in, unsigned op)
{
    switch (op) {
    case Eb: case Gb: case Zb: case AL: case CL: case Ob:
        return 1;
    case Ew: case Gw: case Sw: case Iw:
        return 2;
    case Ed:
        return 4;
    case Ey: case Gy: case By:
        return in->rex_w ? 8 : 4;
    case Ev: case Gv: case Zv: case rAX: case Ov: case Iz: case Iv: case Is:
        return in->opsize;
    case Zq:
        return 8;
    default:
        return 0;
    }
}

static void fetch_immediate(Decode *d, unsigned op)
{
    Insn *in = d->in;

    switch (op) {
    case Ib:
        in->imm = fetch8(d);
        break;
    case Is:
    case Jb:
        in->imm = fetch_signed(d, 1);
        break;
    case Iw:
        in->imm = fetch(d, 2);
        break;
    case Iwb:                           /* ENTER */
        in->imm = fetch(d, 2);
        in->imm2 = fetch8(d);
        break;
    case Iz:
    case Jz:
        in->imm = fetch_signed(d, in->opsize == 2 ? 2 : 4);
        break;
    case Iv:
        in->imm = fetch_signed(d, in->opsize);
        break;
    case Ap:
        in->imm = fetch(d, in->opsize == 2 ? 2 : 4);
        in->imm2 = fetch(d, 2);
        break;
    case Ob:
    case Ov:
        in->disp = fetch(d, in->addrsize);
        in->seg = in->seg_override != SEG_NONE ? in->seg_override : R_DS;
        break;
    default:
        break;
    }
}

/* ---- rules ---- */

static void decode_sizes(Decode *d, unsigned attr)
{
    Insn *in = d->in;
    uint32_t mk = d->r->mk;
    bool p66 = in->vex ? false : in->opsize_prefix;

    in->rex_w = in->rex & 8;
    if (mk & MK_CS64) {
        in->addrsize = in->addrsize_prefix ? 4 : 8;
        if (attr & A_F64) {
            in->opsize = 8;
        } else if (in->rex_w) {
            in->opsize = 8;
        } else {
            in->opsize = p66 ? 2 : attr & A_D64 ? 8 : 4;
        }
    } else {
        bool code32 = mk & MK_CS32;

        in->addrsize = code32 != in->addrsize_prefix ? 4 : 2;
        in->opsize = code32 != p66 ? 4 : 2;
    }
}

static bool lock_allowed(const Insn *in)
{
    return !in->lock || ((in->row->attr & A_LOCK) && in->is_mem && operand_is_rm(in->row->o0));
}

static bool row_allowed(const Decode *d)
{
    const Insn *in = d->in;
    const InsnRow *row = in->row;
    unsigned attr = row->attr;

    if (!row->emit || !lock_allowed(in) || !(attr & A_VEX) != !in->vex) {
        return false;
    }
    if ((attr & (d->r->mk & MK_CS64 ? A_I64 : A_O64)) || ((attr & A_PM) && !(d->r->mk & MK_PE))) {
        return false;
    }
    if (((attr & A_REG) && in->is_mem) || ((attr & A_MEM) && !in->is_mem)) {
        return false;
    }
    if (row->feat && d->r->has && !d->r->has(d->r->opaque, row->feat)) {
        return false;
    }
    return true;
}

static const InsnRow *resolve_row(Decode *d, const InsnRow *row)
{
    while (row && (row->group || row->select)) {
        row = row->group ? &row->group[d->in->op3] : row->select(d->in, d->r);
    }
    return row;
}

DecodeStatus insn_decode(const CodeReader *r, uint64_t pc, Insn *in)
{
    Decode d = { .r = r, .in = in, .start = pc };
    const InsnRow *row;

    memset(in, 0, offsetof(Insn, val));
    in->pc = pc;
    in->seg_override = SEG_NONE;
    in->seg = R_DS;
    in->base = in->index = -1;

    row = decode_opcode(&d);
    if (d.status != DECODE_OK) {
        return d.status;
    }
    if (!row || (!row->emit && !row->group && !row->select)) {
        return DECODE_UD;
    }
    decode_sizes(&d, row->attr);
    if ((row->attr & A_MODRM) || operand_needs_modrm(row->o0) || operand_needs_modrm(row->o1)) {
        decode_modrm(&d, row->attr);
    }
    if (row->group || row->select) {
        row = resolve_row(&d, row);
        if (d.status != DECODE_OK) {
            return d.status;
        }
        if (!row) {
            return DECODE_UD;
        }
        decode_sizes(&d, row->attr);
    }
    in->row = row;
    in->imm_off = d.len;
    fetch_immediate(&d, row->o0);
    fetch_immediate(&d, row->o1);
    fetch_immediate(&d, row->o2);
    in->imm_len = d.len - in->imm_off;
    if (d.status != DECODE_OK) {
        return d.status;
    }
    if (!row_allowed(&d)) {
        return DECODE_UD;
    }
    in->len = d.len;
    in->next = pc + d.len;
    if (!(r->mk & MK_CS64)) {
        in->next = (uint32_t)in->next;
    }
    if (in->rip_relative) {
        in->disp += in->next;
    }
    in->size = operand_size(in, row->o0);
    return DECODE_OK;
}

/* ---- what others ask about an instruction ---- */

uint16_t cond_flags(unsigned cc)
{
    static const uint16_t flags[8] = {
        CC_O, CC_C, CC_Z, CC_C | CC_Z, CC_S, CC_P, CC_S | CC_O, CC_S | CC_O | CC_Z,
    };

    return flags[cc >> 1 & 7];
}

uint64_t insn_jump_target(const Insn *in, bool code64)
{
    uint64_t target = in->next + in->imm;

    return code64 ? target : in->opsize == 2 ? (uint16_t)target : (uint32_t)target;
}
