/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disassembly through libcapstone, a hex dump without it. */
#include "qemu/osdep.h"
#include "disas/disas.h"
#ifdef CONFIG_CAPSTONE
#include <capstone.h>
#endif

#define BYTES_PER_LINE 16
#define HEX_COLUMN     30       /* ten bytes: most x86 instructions */
#define MONITOR_HEX_COLUMN 24

static void print_line(FILE *f, uint64_t addr, const uint8_t *bytes, size_t len, const char *text)
{
    char hex[3 * BYTES_PER_LINE + 1] = "";

    assert(len <= BYTES_PER_LINE);
    for (size_t i = 0; i < len; i++) {
        snprintf(hex + 3 * i, 4, "%02x ", bytes[i]);
    }
    if (text) {
        fprintf(f, "0x%016" PRIx64 ":  %-*s %s\n", addr, HEX_COLUMN, hex, text);
    } else {
        fprintf(f, "0x%016" PRIx64 ":  %s\n", addr, g_strchomp(hex));
    }
}

static void print_bytes(FILE *f, const uint8_t *bytes, uint64_t addr, size_t len)
{
    for (size_t at = 0; at < len; at += BYTES_PER_LINE) {
        print_line(f, addr + at, bytes + at, MIN(len - at, (size_t)BYTES_PER_LINE), NULL);
    }
}

#ifdef CONFIG_CAPSTONE

/* What cannot be decoded is shown a unit at a time: decoding starts anew behind it. */
static void print_insns(FILE *f, csh handle, const uint8_t *bytes, uint64_t addr, size_t len, size_t unit)
{
    cs_insn *insn = cs_malloc(handle);

    while (len) {
        size_t n;

        if (insn && cs_disasm_iter(handle, &(const uint8_t *){ bytes }, &(size_t){ len }, &(uint64_t){ addr }, insn)) {
            g_autofree char *text = g_strdup_printf("%-8s %s", insn->mnemonic, insn->op_str);

            n = insn->size;
            print_line(f, addr, bytes, n, g_strchomp(text));
        } else {
            n = MIN(unit, len);
            print_line(f, addr, bytes, n, ".byte");
        }
        bytes += n;
        addr += n;
        len -= n;
    }
    if (insn) {
        cs_free(insn, 1);
    }
}

static void disas(FILE *f, cs_arch arch, cs_mode mode, const uint8_t *bytes, uint64_t addr, size_t len, size_t unit)
{
    csh handle;

    if (cs_open(arch, mode, &handle) != CS_ERR_OK) {        /* a libcapstone built without this architecture */
        print_bytes(f, bytes, addr, len);
        return;
    }
    print_insns(f, handle, bytes, addr, len, unit);
    cs_close(&handle);
}

void disas_host(FILE *f, const uint8_t *bytes, uintptr_t addr, size_t len)
{
#if defined(__x86_64__)
    disas(f, CS_ARCH_X86, CS_MODE_64, bytes, addr, len, 1);
#elif defined(__i386__)
    disas(f, CS_ARCH_X86, CS_MODE_32, bytes, addr, len, 1);
#elif defined(__aarch64__)
    disas(f, CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN, bytes, addr, len, 4);
#else
    print_bytes(f, bytes, addr, len);
#endif
}

static cs_mode guest_mode(unsigned bits)
{
    return bits == 64 ? CS_MODE_64 : bits == 32 ? CS_MODE_32 : CS_MODE_16;
}

void disas_guest_x86(FILE *f, const uint8_t *bytes, uint64_t addr, size_t len, unsigned bits)
{
    disas(f, CS_ARCH_X86, guest_mode(bits), bytes, addr, len, 1);
}

/* The instruction as text, caller frees; *n its length. NULL: these bytes are none. */
static char *one_insn(const uint8_t *bytes, uint64_t addr, size_t len, unsigned bits, size_t *n)
{
    char *text = NULL;
    cs_insn *insn;
    csh handle;

    if (cs_open(CS_ARCH_X86, guest_mode(bits), &handle) != CS_ERR_OK) {
        return NULL;
    }
    cs_option(handle, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT);
    if (cs_disasm(handle, bytes, len, addr, 1, &insn) == 1) {
        *n = insn->size;
        text = g_strchomp(g_strdup_printf("%-8s %s", insn->mnemonic, insn->op_str));
        cs_free(insn, 1);
    }
    cs_close(&handle);
    return text;
}

#else

static char *one_insn(const uint8_t *bytes, uint64_t addr, size_t len, unsigned bits, size_t *n)
{
    return NULL;
}

void disas_host(FILE *f, const uint8_t *bytes, uintptr_t addr, size_t len)
{
    print_bytes(f, bytes, addr, len);
}

void disas_guest_x86(FILE *f, const uint8_t *bytes, uint64_t addr, size_t len, unsigned bits)
{
    print_bytes(f, bytes, addr, len);
}

#endif

size_t disas_guest_x86_insn(GString *out, const uint8_t *bytes, uint64_t addr, size_t len, unsigned bits)
{
    size_t n = 1;
    g_autofree char *text = one_insn(bytes, addr, len, bits, &n);
    char hex[3 * BYTES_PER_LINE + 1] = "";

    for (size_t i = 0; i < n && i < BYTES_PER_LINE; i++) {
        snprintf(hex + 3 * i, 4, "%02x ", bytes[i]);
    }
    g_string_append_printf(out, "0x%0*" PRIx64 ":  %-*s %s\n", bits == 64 ? 16 : 8, addr, MONITOR_HEX_COLUMN, hex,
                           text ? text : ".byte");
    return n;
}
