/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Test kernels: output, the list of tests, exceptions, descriptor tables. */
#include <stdarg.h>
#include "boot.h"

typedef struct MultibootInfo {
    uint32_t flags, mem_lower, mem_upper, boot_device, cmdline;
} MultibootInfo;
extern MultibootInfo *multiboot_info;
extern const Test tests_begin[], tests_end[];
void kernel_main(void);
void arch_init(void);
void trap_handler(Frame *f);

const char *command_line = "";
static unsigned failures;           /* of the running test */
static const char *skipped;

/* ---- output ---- */

static void put(char c)
{
    out8(0xe9, (uint8_t)c);
}

static void put_number(uint64_t v, unsigned base)
{
    char digits[24];
    unsigned n = 0;

    /* No 64-bit division: the 32-bit kernel has no library for it. Decimal numbers are small. */
    do {
        unsigned d = base == 16 ? v & 15 : (uint32_t)v % 10;

        digits[n++] = "0123456789abcdef"[d];
        v = base == 16 ? v >> 4 : (uint32_t)v / 10;
    } while (v);
    while (n) {
        put(digits[--n]);
    }
}

static void put_string(const char *s)
{
    while (*s) {
        put(*s++);
    }
}

static void put_signed(int64_t v)
{
    if (v < 0) {
        put('-');
        v = -v;
    }
    put_number((uint64_t)v, 10);
}

void print(const char *f, ...)
{
    va_list ap;

    va_start(ap, f);
    for (; *f; f++) {
        bool is_long = false;

        if (*f != '%') {
            put(*f);
            continue;
        }
        if (*++f == 'l') {
            is_long = true;
            f++;
        }
        switch (*f) {
        case 's':
            put_string(va_arg(ap, const char *));
            break;
        case 'c':
            put((char)va_arg(ap, int));
            break;
        case 'd':
            put_signed(va_arg(ap, int));
            break;
        default:
            put_number(is_long ? va_arg(ap, unsigned long) : va_arg(ap, unsigned), *f == 'x' ? 16 : 10);
            break;
        }
    }
    va_end(ap);
}

void leave(unsigned value)
{
    for (;;) {
        out8(0xf4, (uint8_t)value);
        __asm__ volatile("cli; hlt");
    }
}

/* ---- checks ---- */

void skip(const char *why)
{
    skipped = why;
}

static void fail_at(const char *file, int line)
{
    failures++;
    print("# %s:%d: ", file, line);
}

void check_failed(const char *file, int line, const char *what)
{
    fail_at(file, line);
    print("%s is false (last trap: vector %d error %x)\n", what, (int)trap.f.vector, (unsigned)trap.f.error);
}

void check_values(const char *file, int line, const char *what, uint64_t got, uint64_t want)
{
    fail_at(file, line);
    print("%s is ", what);
    put_number(got, 16);
    print(", wanted ");
    put_number(want, 16);
    print("\n");
}

void check_trap(const char *file, int line, int got, int want, Word error)
{
    if (got == want && (want == NONE || trap.f.error == error)) {
        return;
    }
    fail_at(file, line);
    print("vector %d error %x at %lx cr2 %lx", got, (unsigned)trap.f.error, (unsigned long)trap.f.ip,
          (unsigned long)trap.cr2);
    if (want == NONE) {
        print(", wanted no exception\n");
    } else {
        print(", wanted vector %d error %x\n", want, (unsigned)error);
    }
}

/* ---- exceptions ---- */

Trap trap;
unsigned trap_count;
TrapHook *trap_hooks[256];
SavePoint trap_save;
volatile bool trap_armed;

void trap_begin(void)
{
    memset(&trap, 0, sizeof(trap));
    trap.f.vector = (Word)-1;
    trap_count = 0;
}

void trap_handler(Frame *f)
{
    Word ss;

    trap_count++;
    if (trap_hooks[f->vector] && trap_hooks[f->vector](f)) {
        return;
    }
    __asm__("mov %%ss, %0" : "=r"(ss));
    if (!trap_armed) {
        print("\nBail out! vector %d error %x at %lx:%lx cr2 %lx sp %lx\n", (int)f->vector, (unsigned)f->error,
              (unsigned long)f->cs, (unsigned long)f->ip, (unsigned long)read_cr2(), (unsigned long)f->sp);
        leave(3);
    }
    trap.f = *f;
    trap.cr2 = read_cr2();
    trap.dr6 = read_dr6();
    trap.handler_ss = ss & 0xffff;
    trap.handler_sp = (Word)(uintptr_t)f;
    trap.handler_flags = read_flags();
    trap_armed = false;
    back_to(&trap_save);
}

/* ---- descriptors ---- */

uint64_t gdt_table[GDT_ENTRIES] __attribute__((aligned(16)));
uint64_t idt_table[512] __attribute__((aligned(16)));

typedef struct __attribute__((packed)) TablePointer {
    uint16_t limit;
    Word base;
} TablePointer;

void gdt_load(unsigned entries)
{
    TablePointer p = { (uint16_t)(entries * 8 - 1), (Word)(uintptr_t)gdt_table };

    __asm__ volatile("lgdt %0" : : "m"(p) : "memory");
}

void idt_load(unsigned limit)
{
    TablePointer p = { (uint16_t)limit, (Word)(uintptr_t)idt_table };

    __asm__ volatile("lidt %0" : : "m"(p) : "memory");
}

uint64_t descriptor(uint32_t base, uint32_t limit, unsigned access, unsigned flags)
{
    uint32_t lo = (base << 16) | (limit & 0xffff);
    uint32_t hi = (base & 0xff000000) | (base >> 16 & 0xff) | (limit & 0xf0000) | access << 8 | flags << 20;

    return lo | (uint64_t)hi << 32;
}

unsigned gdt_set(unsigned n, uint64_t desc)
{
    *(volatile uint64_t *)&gdt_table[GDT_FREE + n] = desc;
    return (GDT_FREE + n) * 8;
}

void idt_default(unsigned vector)
{
    bool user = vector == BP || vector == OF || vector == 0x80;

    idt_set(vector, 8, (Word)(uintptr_t)(stub_table + vector * 16), user ? 0xee : 0x8e, vector == DF || vector == SS);
}

/* ---- what the compiler calls ---- */

void *memset(void *p, int c, size_t n)
{
    void *result = p;

    __asm__ volatile("rep stosb" : "+D"(p), "+c"(n) : "a"(c) : "memory");
    return result;
}

void *memcpy(void *to, const void *from, size_t n)
{
    void *result = to;

    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
    return result;
}

/* ---- the list ---- */

static bool ends_word(char c)
{
    return !c || c == ' ' || c == ',';
}

static bool is_word_in(const char *word, const char *text)
{
    for (; *text; text++) {
        unsigned i = 0;

        while (!ends_word(word[i]) && word[i] == text[i]) {
            i++;
        }
        if (ends_word(word[i])) {
            return true;
        }
    }
    return false;
}

bool on_command_line(const char *word)
{
    return is_word_in(word, command_line);
}

/* "only=a,b" picks tests by parts of their names, "skip=a,b" leaves some out: what is behind the key, or NULL. */
static const char *named(const char *key)
{
    for (const char *p = command_line; *p; p++) {
        unsigned i = 0;

        while (key[i] && p[i] == key[i]) {
            i++;
        }
        if (!key[i]) {
            return p + i;
        }
    }
    return NULL;
}

static void print_name(const char *id)
{
    for (; *id; id++) {
        put(*id == '_' ? ' ' : *id);
    }
}

static bool is_any_in(const char *words, const char *text)
{
    while (!is_word_in(words, text)) {
        while (!ends_word(*words)) {
            words++;
        }
        if (*words++ != ',') {
            return false;
        }
    }
    return true;
}

static bool is_wanted(const Test *t)
{
    const char *only = named("only="), *skip = named("skip=");

    return (!only || is_any_in(only, t->name)) && !(skip && is_any_in(skip, t->name));
}

static unsigned run_tests(void)
{
    unsigned n = 0, failed = 0;

    for (const Test *t = tests_begin; t < tests_end; t++) {
        n += is_wanted(t);
    }
    print("1..%u\n", n);
    n = 0;
    for (const Test *t = tests_begin; t < tests_end; t++) {
        if (!is_wanted(t)) {
            continue;
        }
        failures = 0;
        skipped = NULL;
        t->fn();
        failed += failures != 0;
        print("%s %u - ", failures ? "not ok" : "ok", ++n);
        print_name(t->name);
        if (skipped) {
            print(" # SKIP %s", skipped);
        }
        print("\n");
    }
    return failed;
}

void kernel_main(void)
{
    if (multiboot_info->flags & 4) {
        command_line = (const char *)(uintptr_t)multiboot_info->cmdline;
    }
    out8(0x21, 0xff);       /* the interrupt controllers of the board stay silent */
    out8(0xa1, 0xff);
    for (unsigned v = 0; v < 256; v++) {
        idt_default(v);
    }
    arch_init();
    leave(run_tests() ? 1 : 0);
}
