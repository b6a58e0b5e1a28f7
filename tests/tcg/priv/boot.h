/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Test kernels: what the tests of privileged behaviour share. A kernel runs all tests of its table, prints TAP on the
 * debug console (port E9h) and leaves through isa-debug-exit (port F4h).
 *
 *   TEST(a_sentence_that_must_be_true) { CHECK(...); }
 *   CATCH(statement)       the vector of the exception the statement raised, -1 for none; trap says more
 *
 * After an exception the statement is left for good: the stack is that of CATCH, the level 0, interrupts are off.
 */
#ifndef BOOT_H
#define BOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DE = 0, DB, NMI, BP, OF, BR, UD, NM, DF, TS = 10, NP, SS, GP, PF, MF = 16, AC, MC, XM, NONE = -1 };

#define EF_CF (1u << 0)
#define EF_ZF (1u << 6)
#define EF_TF (1u << 8)
#define EF_IF (1u << 9)
#define EF_IOPL(n) ((n) << 12)
#define EF_NT (1u << 14)
#define EF_RF (1u << 16)
#define EF_VM (1u << 17)
#define EF_AC (1u << 18)
#define EF_VIF (1u << 19)
#define EF_VIP (1u << 20)

#ifdef __x86_64__
/* Memory again, with user rights. */
#define USER_OFFSET 0x80000000ull
#define USER(p) ((void *)((uintptr_t)(p) + USER_OFFSET))
typedef uint64_t Word;
typedef struct Frame {
    uint64_t ax, bx, cx, dx, si, di, bp, r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t vector, error, ip, cs, flags, sp, ss;
} Frame;
typedef struct SavePoint { uint64_t regs[8]; } SavePoint;
#else
typedef uint32_t Word;
typedef struct Frame {
    uint32_t gs, fs, es, ds, di, si, bp, sp0, bx, dx, cx, ax;
    uint32_t vector, error, ip, cs, flags, sp, ss;      /* sp and ss only when the level changed */
    uint32_t vm_es, vm_ds, vm_fs, vm_gs;                /* only out of vm86 */
} Frame;
typedef struct SavePoint { uint32_t regs[6]; } SavePoint;
#endif

/* The last exception; cr2 and dr6 as the handler found them. */
typedef struct Trap {
    Frame f;
    Word cr2, dr6, handler_ss, handler_sp, handler_flags;
} Trap;
extern Trap trap;
extern unsigned trap_count;             /* since trap_begin() */

/* A handler of its own for a vector: returns true when the interrupted code is to go on (with *f as it is then). */
typedef bool TrapHook(Frame *f);
extern TrapHook *trap_hooks[256];

extern SavePoint trap_save;
extern volatile bool trap_armed;
int save_point(SavePoint *sp) __attribute__((returns_twice));
void back_to(SavePoint *sp) __attribute__((noreturn));
void trap_begin(void);

#define CATCH(...) ({                                       \
    trap_begin();                                           \
    if (!save_point(&trap_save)) {                          \
        trap_armed = true;                                  \
        __VA_ARGS__;                                        \
        trap_armed = false;                                 \
    }                                                       \
    trap.f.vector == (Word)-1 ? NONE : (int)trap.f.vector;  \
})

/* ---- tests ---- */
typedef struct Test {
    const char *name;
    void (*fn)(void);
} Test;
#define TEST(id)                                                                                                \
    static void test_##id(void);                                                                                \
    static const Test entry_##id __attribute__((section(".tests"), used, aligned(sizeof(void *)))) = {              \
        #id, test_##id                                                                                          \
    };                                                                                                          \
    static void test_##id(void)

void check_failed(const char *file, int line, const char *what);
void check_values(const char *file, int line, const char *what, uint64_t got, uint64_t want);
void check_trap(const char *file, int line, int got, int want, Word error);
void skip(const char *why);
#define CHECK(c) do { if (!(c)) { check_failed(__FILE__, __LINE__, #c); } } while (0)
#define CHECK_EQ(a, b) do { uint64_t a_ = (uint64_t)(a), b_ = (uint64_t)(b); \
                            if (a_ != b_) { check_values(__FILE__, __LINE__, #a, a_, b_); } } while (0)
/* An exception with this error code, out of the statements. */
#define CHECK_FAULT(v, e, ...) check_trap(__FILE__, __LINE__, CATCH(__VA_ARGS__), v, e)
#define CHECK_FINE(...) check_trap(__FILE__, __LINE__, CATCH(__VA_ARGS__), NONE, 0)

/* A place in code: MARK(name) inside asm text, ADDR(name) in C. */
#define MARK(name) ".globl mark_" #name "\nmark_" #name ":\n"
#define ADDR(name) ({ extern char mark_##name[]; (Word)(uintptr_t)mark_##name; })

void print(const char *format, ...) __attribute__((format(printf, 1, 2)));     /* %s %d %u %x %lx %c only */
extern const char *command_line;
bool on_command_line(const char *word);
void leave(unsigned value) __attribute__((noreturn));

/* ---- tables ---- */
#define GDT_FREE 16                     /* first entry that tests may use */
#define GDT_ENTRIES 64
extern uint64_t gdt_table[GDT_ENTRIES];
extern uint64_t idt_table[512];
void gdt_load(unsigned entries);
void idt_load(unsigned limit);
/* type: P, DPL, S, type as the access byte; flags: G 8, D/B 4, L 2, AVL 1 */
uint64_t descriptor(uint32_t base, uint32_t limit, unsigned access, unsigned flags);
/* Sets entry GDT_FREE + n and gives its selector. */
unsigned gdt_set(unsigned n, uint64_t desc);
void idt_set(unsigned vector, unsigned selector, Word offset, unsigned access, unsigned ist);
void idt_default(unsigned vector);      /* the kernel's own handler; DPL 3 for 3, 4 and 80h */
extern char stub_table[];

/* ---- the machine ---- */
static inline void out8(uint16_t port, uint8_t v) { __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port)); }
static inline uint8_t in8(uint16_t port) { uint8_t v; __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port)); return v; }
#define REG_ACCESSORS(name, reg)                                                                                \
static inline Word read_##name(void) { Word v; __asm__ volatile("mov %%" reg ", %0" : "=r"(v)); return v; }       \
static inline void write_##name(Word v) { __asm__ volatile("mov %0, %%" reg : : "r"(v) : "memory"); }
REG_ACCESSORS(cr0, "cr0")
REG_ACCESSORS(cr2, "cr2")
REG_ACCESSORS(cr3, "cr3")
REG_ACCESSORS(cr4, "cr4")
REG_ACCESSORS(dr0, "db0")
REG_ACCESSORS(dr1, "db1")
REG_ACCESSORS(dr2, "db2")
REG_ACCESSORS(dr3, "db3")
REG_ACCESSORS(dr6, "db6")
REG_ACCESSORS(dr7, "db7")
static inline uint64_t read_msr(uint32_t n)
{
    uint32_t lo, hi;

    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(n));
    return lo | (uint64_t)hi << 32;
}
static inline void write_msr(uint32_t n, uint64_t v)
{
    __asm__ volatile("wrmsr" : : "c"(n), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}
static inline void cpuid(uint32_t leaf, uint32_t sub, uint32_t r[4])
{
    __asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(sub));
}
static inline uint32_t cpuid_word(uint32_t leaf, unsigned reg)
{
    uint32_t r[4];

    cpuid(leaf, 0, r);
    return r[reg];
}
static inline void invlpg(const void *p) { __asm__ volatile("invlpg (%0)" : : "r"(p) : "memory"); }
static inline void flush_tlb(void) { write_cr3(read_cr3()); }
static inline Word read_flags(void) { Word f; __asm__ volatile("pushf; pop %0" : "=r"(f)); return f; }
static inline void write_flags(Word f) { __asm__ volatile("push %0; popf" : : "r"(f) : "memory", "cc"); }

/* ---- user level: runs code at a user address until it traps; a trap is the only way back ---- */
/* Where the stack of a user program begins; size 4096. */
extern uint8_t user_stack[4096];
void enter_user(Word ip, Word sp, Word flags) __attribute__((noreturn));
void *memcpy(void *to, const void *from, size_t n);
void *memset(void *p, int c, size_t n);
/* A piece of user code between MARK(name) and MARK(name_end). */
int run_user(const void *code, Word flags);

#endif
