/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instruction tests: the same bytes run translated and on the host's own CPU, from the same registers and memory, and
 * everything a program can see afterwards is compared. docs/testing.md says how they are used.
 *
 *   insn-asm.c      text -> bytes, through the GNU assembler       insn-guest.c    runs bytes translated
 *   insn-forms.c    patterns of operands -> instructions           insn-native.c   runs bytes on the host
 *   insn-state.c    initial registers and memory                   insn-compare.c  which differences count; reports
 *   insn-cases.c    tests/tcg/insn/NAME.t                          insn-flags.c    what mnemonics do to the flags
 *   insn-random.c   sequences, and making a failing one small      insn-fuzz.c     random bytes as instructions
 *   insn-sweep.c    every form by itself                           insn-test.c     command line
 *   insn-coverage.c encodings that no form reaches                 insn-host.c     code for old hosts
 *   insn-mode.c     64-bit, 32-bit, 16-bit, segments
 *
 * Addresses are the same on both sides, so that results compare bit by bit. All of it lies in the low 4 GiB: addresses
 * of 32-bit code reach it too.
 */
#ifndef TESTS_TCG_INSN_TEST_H
#define TESTS_TCG_INSN_TEST_H

#include "qemu/osdep.h"

#define PAGE            0x1000u
#define DATA_BASE       0x10000000u     /* two pages to read and write */
#define READONLY_BASE   0x10002000u
#define MISSING_BASE    0x10003000u
#define DATA2_BASE      0x10004000u     /* a page to read and write, behind the missing one */
#define STACK_BASE      0x10005000u     /* behind it, another missing page */
#define AREA_SIZE       0x6000u         /* from DATA_BASE; all but the missing page is compared */
#define CODE_BASE       0x10010000u
#define CODE_SIZE       0x1f0000u
#define EXIT_BYTES      16              /* room behind each test's code for the way out */
#define GS_BASE         (DATA_BASE + 0x800u)
#define MEM_OPERAND     (DATA_BASE + 0x400u)    /* "mem" in test cases */

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8 };

#define F_C 0x001u
#define F_P 0x004u
#define F_A 0x010u
#define F_Z 0x040u
#define F_S 0x080u
#define F_D 0x400u
#define F_O 0x800u
#define F_STATUS (F_C | F_P | F_A | F_Z | F_S | F_O)
#define F_COMPARED (F_STATUS | F_D)

/* The image of FXSAVE64. */
typedef struct FxImage {
    uint16_t fcw, fsw;
    uint8_t ftw, rsvd;          /* abridged tags: 1 = used, by physical register */
    uint16_t fop;
    uint64_t fip, fdp;
    uint32_t mxcsr, mxcsr_mask;
    struct { uint64_t mant; uint16_t se; uint16_t pad[3]; } st[8];  /* ST(0) first */
    union { uint64_t q[2]; uint32_t d[4]; uint8_t b[16]; } xmm[16];
    uint8_t tail[96];
} FxImage;
_Static_assert(sizeof(FxImage) == 512, "FXSAVE area");

#define ENDED (-1)              /* CpuState.vector: ran to the end */
#define ENDLESS 256             /* ... has been stopped, on the host: a loop whose counter something overwrites */
typedef struct CpuState {
    FxImage fx QEMU_ALIGNED(64);
    uint64_t gpr[16];
    uint64_t rip, flags;
    /* results only */
    int vector;                 /* of the exception it ended with, or ENDED */
    uint32_t error;
    uint64_t cr2;               /* #PF */
    uint64_t ymm_high[16][2];   /* bits 128 to 255 of the vector registers; zeros on hosts without AVX */
} CpuState;

/* Code in the arena; the same bytes in the guest's memory and in the host's. */
typedef struct Code {
    uint32_t off, len;          /* from CODE_BASE */
    uint8_t bits;               /* mode: 64, 32, 16, 33 */
    bool trap;                  /* leaves through INT3 on the host, too: code that may read or write itself */
} Code;

/* ---- insn-mode.c ---- */
enum { SEG_CS, SEG_SS, SEG_DS, SEG_ES, SEG_COUNT, SEG_DEFAULT = SEG_COUNT };
typedef struct TestSegment {
    uint16_t selector;
    uint32_t base, limit;
    bool big, down, code;       /* D/B; expand-down */
} TestSegment;
typedef struct TestMode {
    unsigned id, bits;          /* bits: of the code */
    uint32_t code_size;         /* what CS reaches */
    uint32_t sp;
    bool ldt;                   /* small segments */
    TestSegment seg[SEG_COUNT];
} TestMode;
extern const TestMode test_modes[];
extern const unsigned n_test_modes;
const TestMode *test_mode(unsigned id);
typedef struct Rng { uint64_t s; } Rng;
uint32_t segment_offset(const TestSegment *seg, unsigned size, bool align, Rng *r);

/* ---- insn-asm.c ---- */
/*
 * Assembles texts (Intel syntax; instructions separated by ';') into one arena image, each followed by EXIT_BYTES. The
 * symbols mem, readonly, missing, ... stand for addresses. Returns how many fit; the rest is for the next arena. A text
 * that the assembler rejects gets len 0 and a message on stderr.
 */
unsigned assemble(char *const *texts, unsigned n, unsigned bits, Code *codes, uint8_t *arena);

/* ---- insn-guest.c, insn-native.c ---- */
bool guest_init(const char *cpu_model);
void guest_load_code(const uint8_t *arena, size_t size, const Code *codes, unsigned n);
struct CPUX86State *guest_env(void);
uint8_t *guest_area(void);      /* the guest's memory at DATA_BASE */
void guest_run(const Code *code, const CpuState *in, CpuState *out);

bool native_init(void);
void native_load_code(const uint8_t *arena, size_t size, const Code *codes, unsigned n);
/* A segment may reach the code: is what was loaded still there, with its way out? */
bool native_code_intact(const Code *code);
uint8_t *native_area(void);
void native_run(const Code *code, const CpuState *in, CpuState *out);
bool native_is_intel(void);
bool native_has_mode(unsigned bits);
/* A CPUID feature by its -cpu name ("avx2"), usable under this kernel. */
bool native_has(const char *feature);

/* ---- insn-flags.c ---- */
typedef struct FlagUse {
    uint32_t sets;              /* always written, defined */
    uint32_t undefined;         /* may become anything */
    uint32_t reads;
} FlagUse;
/* For one instruction's text: its mnemonic and operand sizes decide. Adds over the instructions of a sequence. */
FlagUse flag_use(const char *text);
/* Undefined flags after one instruction that started in this state: counts of shifts are looked at. */
uint32_t flags_undefined_after(const char *text, const CpuState *in);

/* ---- insn-forms.c ---- */
typedef enum OpKind {
    OP_NONE, OP_REG8, OP_REG16, OP_REG32, OP_REG64, OP_MEM, OP_IMM, OP_XMM, OP_YMM, OP_MM, OP_ST, OP_FIXED
} OpKind;
typedef struct OpPattern {
    uint8_t kind;
    uint8_t size;               /* of memory, or bits of an immediate */
    bool plain;                 /* memory without a size keyword */
    uint8_t vsib;               /* memory: bytes of a vector that is the index, 0 none */
    char text[12];              /* OP_FIXED: "cl", "1" */
} OpPattern;
enum {
    FORM_BITOFS = 1 << 0,       /* a register operand is a bit offset into memory */
    FORM_CMPXCHG = 1 << 1,
    FORM_DIV = 1 << 2,
    FORM_STRING = 1 << 3,       /* RSI, RDI, RCX */
    FORM_STACK = 1 << 4,
    FORM_ALIGN = 1 << 5,        /* memory should mostly be aligned */
    FORM_FLOAT = 1 << 6,        /* XMM operands hold interesting floats */
    FORM_X87 = 1 << 7,
    FORM_RAXMEM = 1 << 8,       /* XLAT, MASKMOV: an implicit base register */
    FORM_NOSEQ = 1 << 9,        /* not in random sequences */
    FORM_APPROX = 1 << 10,      /* flags that an unmasked SIMD exception leaves are not compared */
    FORM_GATHER4 = 1 << 11,     /* vector indexes of 4 bytes */
    FORM_GATHER8 = 1 << 12,
    FORM_AMD_ANY = 1 << 13,     /* AMD does not check the operand's alignment */
};
typedef struct Form {
    char *text;                 /* template: mnemonic and the operands' places, "add \1, \2" */
    char *name;                 /* as listed: "add r/m64, r64" */
    OpPattern op[6];
    unsigned n_ops;
    unsigned attr;
    unsigned bits;
    const char *group;          /* file it comes from */
    const char *needs;          /* features the host must have, separated by '+'; NULL: none */
} Form;
/* Name of a feature the form needs and the host lacks, NULL when there is none. */
const char *form_lacks(const Form *f);
typedef struct FormList { Form *form; unsigned n; } FormList;
bool forms_load(const char *path, const char *group, FormList *list);
void forms_free(FormList *list);

typedef struct MemRef {
    bool used;
    int8_t base, index;         /* registers, -1 none */
    int8_t vindex;              /* vector register, -1 none; index is -1 then */
    uint8_t scale;              /* 1, 2, 4, 8 */
    int32_t disp;
    uint8_t size;
    bool addr16, addr32, rip_relative, gs, override;
    uint8_t seg;                /* SEG_*, of modes with small segments */
    uint32_t target;            /* rip_relative or no base: the address */
} MemRef;
/* A form with operands chosen. */
typedef struct Instance {
    const Form *form;
    char *text;
    MemRef mem;
    int8_t reg[6];              /* register of operand i, -1 none */
} Instance;
Instance instance_make(const Form *f, Rng *r, bool in_sequence);
void instance_clear(Instance *in);

/* ---- insn-host.c ---- */
/* Before anything is translated: code for a host that has SSE2 and no more. */
void assume_old_host(void);

/* ---- insn-coverage.c ---- */
void print_missing(const FormList *forms);

/* ---- insn-state.c ---- */
uint64_t rng64(Rng *r);
static inline unsigned rng_below(Rng *r, unsigned n) { return (unsigned)((rng64(r) >> 32) * n >> 32); }
static inline bool rng_one_in(Rng *r, unsigned n) { return rng_below(r, n) == 0; }
uint64_t rng_interesting(Rng *r);
void state_random(CpuState *s, Rng *r, unsigned attr);
/* A state for one instruction: its memory operand lies in the area; combination k of interesting operands. */
void state_for_instance(CpuState *s, uint8_t *area, const Instance *in, Rng *r, unsigned k);
/* Registers that sequences use as pointers. */
void state_for_sequence(CpuState *s, Rng *r, unsigned attr, unsigned bits);
void area_fill(uint8_t *area, Rng *r);

/* ---- insn-compare.c ---- */
typedef struct Checks {
    uint32_t undefined;         /* flags not compared */
    bool ignore_x87, ignore_simd_flags;
} Checks;
extern unsigned long undefined_differences;
/* Empty when equal; else one line per difference. Areas are compared as well. */
GString *states_compare(const CpuState *native, const CpuState *guest, const Checks *c);
void state_print(FILE *f, const char *title, const CpuState *s);
void code_print(FILE *f, const uint8_t *bytes, unsigned len, uint64_t addr, unsigned bits);

/* ---- insn-test.c: one run on both sides ---- */
extern uint8_t initial_area[AREA_SIZE];     /* contents of the area before each run */
extern const char *current_test;            /* shown if the program dies */
void run_both(const Code *code, const CpuState *in, CpuState *native, CpuState *guest);
void load_code(const uint8_t *arena, const Code *codes, unsigned n);
typedef struct Options {
    uint64_t seed;
    unsigned count, states, instances, max_len, max_failures;
    bool verbose;
    const char *only;           /* substring of form names or of case texts */
} Options;
extern Options opt;
extern unsigned long tests_run;
/* One failing test; bytes: its code. */
typedef struct Failure {
    const char *what, *text, *differences;
    const Code *code;
    const uint8_t *bytes;
    const CpuState *in;
} Failure;
void report_failure(const Failure *f);
void tap(bool ok, const char *fmt, ...) QEMU_PRINTF(2, 3);
static inline uint64_t hash_text(uint64_t seed, const char *text)
{
    uint64_t h = seed * 0x9e3779b97f4a7c15ull + 0xcbf29ce484222325ull;

    for (; *text; text++) {
        h = (h ^ (uint8_t)*text) * 0x100000001b3ull;
    }
    return h | 1;
}

/* ---- insn-sweep.c, insn-random.c, insn-fuzz.c, insn-cases.c: each prints its TAP lines ---- */
void sweep_forms(const FormList *forms, const char *group);
void random_sequences(const FormList *forms, const char *what, unsigned attrs_allowed, unsigned bits);
void fuzz_bytes(unsigned bits);
void cases_run_file(const char *path);
/* The initial state as the second field of a case: "rax=... cf=1 ...". */
char *case_state_text(const CpuState *s);

#endif
