/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Byte code as text: -d out_asm. */
#include "qemu/osdep.h"
#include "tci/tci.h"

/* How many words follow the arguments. */
static unsigned tail_words(TciHead h)
{
    switch (h.opc) {
    case IRO_br: case IRO_brcond: case IRO_ld: case IRO_st: case IRO_gldv: case IRO_gstv:
    case IRO_hld: case IRO_hst: case TCI_SKIP_UNLESS: return 1;
    case IRO_call: case TCI_CROSS: case IRO_exit_loop: case IRO_exit_loop_at: return 2;
    case TCI_CHAIN: case IRO_gchk: return 3;
    case IRO_vec: case IRO_vget: case IRO_vput: case TCI_STUB: return 4;
    case IRO_vex: return 6;
    default: return 0;
    }
}

static unsigned arg_words(TciHead h)
{
    switch (h.opc) {
    case IRO_call: return TCI_CALL_NIN(h) + TCI_CALL_NOUT(h);
    case TCI_SKIP_UNLESS: return 2;
    case TCI_CHAIN: case TCI_CROSS: case TCI_STUB: return 0;
    default: return ir_op_defs[h.opc].nout + ir_op_defs[h.opc].nin;
    }
}

static const char *op_name(TciHead h)
{
    static const char *const own[] = { "stub", "skip_unless", "chain", "cross" };

    return h.opc < IRO__COUNT ? ir_op_defs[h.opc].name : own[h.opc - IRO__COUNT];
}

static bool has_condition(TciHead h)
{
    return h.opc == IRO_setcond || h.opc == IRO_movcond || h.opc == IRO_brcond || h.opc == TCI_SKIP_UNLESS;
}

static void print_arg(const TcgCode *code, FILE *f, uint32_t arg)
{
    uint64_t v;

    switch (arg & 7) {
    case TCI_ARG_ENV64: fprintf(f, " env+0x%x", arg >> 3); break;
    case TCI_ARG_ENV32: fprintf(f, " env32+0x%x", arg >> 3); break;
    case TCI_ARG_SLOT: fprintf(f, " s%u", arg >> 6); break;
    case TCI_ARG_IMM: fprintf(f, " $%d", (int32_t)arg >> 3); break;
    default:
        memcpy(&v, code->rw + (arg >> 3), 8);
        fprintf(f, " $0x%" PRIx64, v);
        break;
    }
}

/* Returns the number of words. */
static unsigned print_insn(const TcgCode *code, FILE *f, const uint32_t *p)
{
    TciHead h = tci_unpack(*p);
    unsigned n = arg_words(h), tail = tail_words(h);

    fprintf(f, "0x%016" PRIx64 ":  %s.%s", (uint64_t)(uintptr_t)(code->rx + ((const uint8_t *)p - code->rw)),
            op_name(h), h.is64 ? "i64" : "i32");
    if (has_condition(h)) {
        fprintf(f, " %s.%s", ir_cond_name((IrCond)h.cond), h.cmp64 ? "i64" : "i32");
    }
    for (unsigned i = 0; i < n; i++) {
        print_arg(code, f, p[1 + i]);
    }
    if (h.imm) {
        fprintf(f, " 0x%x", h.imm);
    }
    for (unsigned i = 0; i < tail; i++) {
        fprintf(f, "%s%08x", i ? "_" : " :", p[1 + n + i]);
    }
    fputc('\n', f);
    return 1 + n + tail;
}

void tci_print(const TcgCode *code, FILE *f)
{
    const uint32_t *p = (const uint32_t *)(const void *)code->rw;

    while (tci_unpack(*p).opc != TCI_END) {
        p += print_insn(code, f, p);
    }
}
