/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A CPU that exists only for tests of the translator: globals, guest memory of five pages, helpers that leave a trail,
 * a reference evaluator that runs a list as it was written, and a comparison of both after the passes and the back end
 * had their way.
 *
 * fake_check() is what tests call: build a list with the builder API on fake_begin()'s context, then check it.
 */
#ifndef TESTS_IR_FAKE_H
#define TESTS_IR_FAKE_H

#include "exec/cpu-jit.h"
#include "tcg-internal.h"
#include "backend.h"
#include <setjmp.h>

enum { FAKE_N_VEC = 18 };
enum { N_R = 16, N_CC = 4, N_W = 3, N_GLOBALS = N_R + N_CC + N_W, N_PIN = 10 };
#define N_PAGES     5
#define MEM_BASE    0x7f0000ull                 /* guest address of the first page */
#define MEM_SIZE    (N_PAGES * TARGET_PAGE_SIZE)
#define LOG_MAX     1024
#define BLOCK_EIP   0x400100ull
#define LANDING_EIP 0x777000ull                 /* where the block that jumps and chains lead to leaves eip */

/* What each page of guest memory is like. */
enum { PAGE_HIT, PAGE_WRITE_SLOW, PAGE_ABSENT, PAGE_FAULT, PAGE_HIT2 };

typedef struct FakeEvent {
    uint32_t what;
    uint32_t memop;
    uint64_t a[5];
    uint64_t globals;       /* hash of all globals as C saw them */
    uint64_t insn;          /* eip of the guest instruction found */
} FakeEvent;

typedef struct FakeCpu {
    uint64_t r[N_R], cc[N_CC];
    uint32_t w[N_W + 1];
    uint64_t eip;
    uint32_t loops;                 /* how often a block that leads to itself does so */
    uint8_t field[64];              /* for ld, st */
    uint8_t xmm[FAKE_N_VEC][32] QEMU_ALIGNED(32);  /* the last one is a temporary */
    CpuJit jit;
    /* the machinery */
    uint8_t *mem;
    bool tlb_ready;
    uint16_t jc_used[IR_MAX_EXITS + N_R];       /* slots of the jump cache that the last run filled */
    unsigned n_jc_used;
    uint32_t interrupt_request;
    bool leave;                     /* the reference: exits go to the execution loop */
    bool faults;                    /* the fault page faults, helpers raise */
    bool lookup_finds;
    const TcgCode *code;            /* NULL: the reference runs */
    uint64_t ref_insn;
    sigjmp_buf env;
    unsigned n_events;
    FakeEvent events[LOG_MAX];
} FakeCpu;

/* ENDLESS: runs again and again, which shrinking may lead to. */
typedef enum OutcomeKind { OUT_LOOP, OUT_EXIT, OUT_JUMP, OUT_FAULT, OUT_ENDLESS } OutcomeKind;
typedef struct Outcome {
    OutcomeKind kind;
    unsigned exit;
    uint64_t eip;
    uint64_t dead;
} Outcome;

typedef struct FakeState {          /* how a run starts */
    uint64_t seed;
    bool faults, lookup_finds, exit_requested, interrupted, jc_hits, patched;
    const uint64_t *r;              /* first registers, NULL: random */
    unsigned n_r;
} FakeState;

extern const IrHelper fake_helpers[];
extern const char *const fake_helper_types[];  /* '3' or '6' per argument: I32, I64 */
extern const unsigned fake_n_helpers;
extern const IrVecOp fake_vec_ops[];
extern const unsigned fake_n_vec_ops;
extern const IrVecOp fake_vex_ops[], fake_vget_ops[], fake_vput_ops[];
extern const unsigned fake_n_vex_ops, fake_first_vex256, fake_n_vget_ops, fake_n_vput_ops;

/* The first n globals are r0..r15 (pins 0..9 go to r0..r9), then cc0..cc3, then w0..w2 (I32). */
static inline IrTemp fake_r(unsigned n) { return n; }
static inline IrTemp fake_cc(unsigned n) { return N_R + n; }
static inline IrTemp fake_w(unsigned n) { return N_R + N_CC + n; }

uint64_t fake_random(uint64_t *seed);
uint64_t fake_interesting(uint64_t *seed);
extern const uint64_t fake_values[];
extern const unsigned fake_n_values;

IrContext *fake_begin(void);                    /* an empty list */
uint64_t fake_eval(const IrOp *op, const uint64_t *in, uint64_t *hi);       /* an evaluator of its own, not fold.c's */
/*
 * Runs the list by the reference and, after each set of passes, by the back end. False: they differ; report says how.
 */
bool fake_compare(const IrContext *ir, const FakeState *st, unsigned n_states, GString *report);
/* As above; on a difference shrinks the list, prints everything and fails the test. */
void fake_check(const IrContext *ir, const FakeState *st, unsigned n_states);
/* As fake_check with many random states of all sorts. */
void fake_check_many(const IrContext *ir, uint64_t seed);

#endif
