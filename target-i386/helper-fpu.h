/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87 and MMX-state helpers: rows for translated code (see helper.h), and what fpu-*.c and translate-*.c share.
 *
 * Most rows are declared PURE, or STATE when they also return something: they touch only the x87 part of the CPU state,
 * which holds no IR globals, and they never raise. That is true as long as the mode key says that no x87 exception can
 * be pending (MK_FPU_EXC clear); with it set the translator calls fpu_wait first and uses the rows marked "exact"
 * (docs/cpu-fpu.md).
 */
#ifndef TARGET_I386_HELPER_FPU_H
#define TARGET_I386_HELPER_FPU_H

#include "target-i386/helper.h"

/*
 * Mode key: the x87 control word unmasks an exception, or one is pending. Computed by fpu_mode_bits(), which
 * cpu_update_mode() includes in the key.
 */
#define MK_FPU_EXC (1u << 28)
uint32_t fpu_mode_bits(const CPUX86State *env);         /* MK_FPU_EXC, MK_SSE_EXC as the state wants them */

void fpu_reset(CPUX86State *env);                       /* power-up: FCW 40h, tags 5555h, MXCSR 1F80h */
void fpu_pre_save(CPUX86State *env);                    /* snapshots: around the saved fields; no mode update */
void fpu_post_load(CPUX86State *env);
uint64_t fpu_components_in_use(const CPUX86State *env);  /* XINUSE, within XCR0 */
void fpu_init(CPUX86State *env);                        /* FNINIT */
uint16_t fpu_status_word(const CPUX86State *env);       /* with TOP in place */
uint16_t fpu_tag_word(const CPUX86State *env);          /* two bits each, from contents */
void fpu_set_control(CPUX86State *env, uint16_t cw);    /* sets ES/B as flags and masks want; no mode update */
void fpu_set_status(CPUX86State *env, uint16_t sw);     /* TOP included; likewise */

/* Low bits of spec arguments: ST(i). */
#define FPU_POP   8                                     /* pop afterwards */
#define FPU_POP2  16                                    /* once more (FCOMPP) */
#define FPU_QUIET 32                                    /* FSTP1: an empty register is not an error, and not copied */

/* What an x87 store writes; argument of fpu_store. */
typedef enum FpuStore {
    FPU_ST_M32, FPU_ST_M64, FPU_ST_M80, FPU_ST_I16, FPU_ST_I32, FPU_ST_I64,
    FPU_ST_T16, FPU_ST_T32, FPU_ST_T64, FPU_ST_BCD,
    FPU_ST__COUNT,
} FpuStore;

/* FSTENV and friends. */
#define FPU_ENV_32  1                                   /* 32-bit operand size */

#define HELPERS_FPU_ARITH(H, op)                                                                       \
    H(f##op##_st0, void, PURE, i32 /*i*/)               /* ST(0) := ST(0) op ST(i) */                  \
    H(f##op##_sti, void, PURE, i32 /*i | FPU_POP*/)     /* ST(i) := ST(i) op ST(0) */                  \
    H(f##op##_m32, void, PURE, i32) H(f##op##_m64, void, PURE, i64) H(f##op##_i32, void, PURE, i32 /*or extended*/)

#define HELPERS_FPU(H)                                                                                 \
    HELPERS_FPU_ARITH(H, add) HELPERS_FPU_ARITH(H, mul) HELPERS_FPU_ARITH(H, sub)                      \
    HELPERS_FPU_ARITH(H, subr) HELPERS_FPU_ARITH(H, div) HELPERS_FPU_ARITH(H, divr)                    \
    H(fcom, void, PURE, i32 /*i | FPU_POP | FPU_POP2*/) H(fucom, void, PURE, i32)                      \
    H(fcom_m32, void, PURE, i32, i32 /*FPU_POP*/) H(fcom_m64, void, PURE, i64, i32) H(fcom_i32, void, PURE, i32, i32) \
    H(fcomi, i32, STATE, i32 /*i | FPU_POP*/) H(fucomi, i32, STATE, i32)      /* status flags */         \
    H(fld_m32, void, PURE, i32) H(fld_m64, void, PURE, i64) H(fld_m80, void, PURE, i64, i32)           \
    H(fild, void, PURE, i64) H(fld_sti, void, PURE, i32) H(fld_const, void, PURE, i32)                 \
    H(fbld, void, PURE, i64 /*low 64 bits*/, i32 /*high 16*/)                                          \
    H(fst_sti, void, PURE, i32 /*i | FPU_POP*/) H(fxch, void, PURE, i32)                               \
    H(fcmov, void, PURE, i32 /*i*/, i32 /*condition*/)                                                 \
    /* Stores in two steps, so that a page fault between them leaves the x87 state alone: value, then fst_done. */ \
    H(fst_m32, i32, STATE) H(fst_m64, i64, STATE)                                                      \
    H(fist_i16, i32, STATE) H(fist_i32, i32, STATE) H(fist_i64, i64, STATE)                            \
    H(fistt_i16, i32, STATE) H(fistt_i32, i32, STATE) H(fistt_i64, i64, STATE)                            \
    H(fst_done, void, PURE, i32 /*FPU_POP*/)                                                           \
    H(fpu_store, void, RAISES, i32 /*FpuStore*/, i64 /*linear*/, i32 /*MMU mode*/, i32 /*FPU_POP*/) /* exact */ \
    H(fchs, void, PURE) H(fabs, void, PURE) H(ftst, void, PURE) H(fxam, void, PURE)                    \
    H(fsqrt, void, PURE) H(frndint, void, PURE) H(f2xm1, void, PURE) H(fscale, void, PURE)             \
    H(fprem, void, PURE) H(fprem1, void, PURE) H(fyl2x, void, PURE) H(fyl2xp1, void, PURE)             \
    H(fpatan, void, PURE) H(fsin, void, PURE) H(fcos, void, PURE) H(fsincos, void, PURE)               \
    H(fptan, void, PURE) H(fxtract, void, PURE)                                                        \
    H(fstp_top, void, PURE, i32 /*7, 1: FDECSTP, FINCSTP*/) H(ffree, void, PURE, i32 /*i | FPU_POP*/) \
    /* control: fpu-state.c. Those that return i32 say whether the mode key has changed. */            \
    H(fpu_wait, void, RAISES)                           /* pending exception: #MF or FERR# */          \
    H(fninit, i32, STATE) H(fnclex, i32, STATE) H(fldcw, i32, STATE, i32)                                 \
    H(fnstsw, i32, STATE)                                                                               \
    H(fnstenv, i32, RAISES, i64 /*linear*/, i32 /*MMU mode*/, i32 /*FPU_ENV_32*/)                      \
    H(fldenv, i32, RAISES, i64, i32, i32) H(fnsave, i32, RAISES, i64, i32, i32) H(frstor, i32, RAISES, i64, i32, i32) \
    H(fxsave, void, RAISES, i64 /*linear*/, i32 /*MMU mode*/, i32 /*REX.W*/)                           \
    H(fxrstor, i32, RAISES, i64, i32, i32)                                                             \
    H(xsave, void, RAISES, i64, i32, i32 /*REX.W*/, i32 /*XSAVE_* */)                                  \
    H(xrstor, i32, RAISES, i64, i32, i32)                                                              \
    H(ldmxcsr, i32, RAISES, i32) H(stmxcsr, i32, STATE)
HELPERS_FPU(HELPER_PROTO)

/*
 * translate-x87.c: leaves the block after this instruction if changed (I32) is not 0, because the mode key is
 * another.
 */
struct Translator;
struct Insn;
void gen_end_block_if(struct Translator *t, const struct Insn *in, IrTemp changed);

enum { XSAVE_PLAIN, XSAVE_OPT, XSAVE_COMPACT };

#endif
