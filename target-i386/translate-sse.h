/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the translators of SSE and of VEX instructions share. */
#ifndef TARGET_I386_TRANSLATE_SSE_H
#define TARGET_I386_TRANSLATE_SSE_H

#include "target-i386/helper-sse.h"
#include "target-i386/translate.h"

#define VEC_T0 ENV_OFF(vec_t0)
#define VEC_T1 ENV_OFF(vec_t1)

static inline size_t xmm_off(unsigned n)
{
    return ENV_OFF(xmm) + n * sizeof(XmmReg);
}

/* n bytes of ModRM's memory operand (1, 2, 4, 8, 16, 32) to vec_t0, with zeros up to 16. */
void sse_load_t0(Translator *t, Insn *in, unsigned n, bool aligned);
/* The low n bytes of a vector to ModRM's memory operand. */
void sse_store(Translator *t, Insn *in, size_t src, unsigned n, bool aligned);
/* The low 4 or 8 bytes of a vector. */
IrTemp sse_get_low(Translator *t, size_t off, unsigned n);
IrTemp sse_mmu_index(Translator *t);
/* Translates as in the legacy encoding: no checks of state and features. false: #UD. */
bool sse_emit(Translator *t, Insn *in, const SseRow *row);
/* MMX and SSE features by CPUID. */
bool sse_guest_has(const Translator *t, SseIsa isa);
/* Operand of a kind that exists (memory or register). */
bool sse_operand_fits(const Insn *in, const SseRow *row);

/* VEX encodings; false: #UD. */
bool translate_avx(Translator *t, Insn *in);
/* Whether the guest's CPU has this instruction; of t only env and code64 are looked at. */
bool avx_insn_exists(const Translator *t, const Insn *in);
bool avx_ignores_length(const Insn *in);

#endif
