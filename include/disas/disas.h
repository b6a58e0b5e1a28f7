/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disassembly for logs, the monitor and the debugger: one line per instruction,
 *
 *     0x00000000000fe05b:  ea 5b e0 00 f0           ljmp     0xf000:0xe05b
 *
 * through libcapstone; a build without it prints the bytes only, sixteen to a line. Bytes that are no instruction come
 * out as ".byte". Functions here keep no state: any thread may call them.
 */
#ifndef DISAS_DISAS_H
#define DISAS_DISAS_H

#include "qemu/osdep.h"

/* Host code of this process's own architecture; addr is what the first byte is shown at. */
void disas_host(FILE *f, const uint8_t *bytes, uintptr_t addr, size_t len);
/* x86 code as a guest in 16-, 32- or 64-bit mode sees it. */
void disas_guest_x86(FILE *f, const uint8_t *bytes, uint64_t addr, size_t len, unsigned bits);
/*
 * One instruction for the monitor, in AT&T's notation: "0x000fe05b:  ea 5b e0 00 f0           ljmpw    ...". Answers
 * how many bytes it has, at least one.
 */
size_t disas_guest_x86_insn(GString *out, const uint8_t *bytes, uint64_t addr, size_t len, unsigned bits);

#endif
