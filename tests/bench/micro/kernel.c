/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel that runs one loop of loops.S and leaves.
 *
 * Its command line ends in "LOOP ITERATIONS WARM-UP": after the warm-up it writes '1' to port E9h, runs the loop, and
 * writes '2'; who reads the debug console takes the time between the two. A write to port F4h (isa-debug-exit) ends the
 * emulator. '?' means a wrong command line, '!' an exception.
 */
#include "loops.h"

#define DEBUG_CONSOLE   0xe9
#define DEBUG_EXIT      0xf4
#define BUFFER          0x400000        /* above the kernel, see kernel.ld; identity-mapped */
#define VECTOR_MEASURED 0x40

/* SDM vol. 3A, "64-Bit Mode IDT": type 14, interrupt gate. */
typedef struct Gate {
    uint16_t offset_0, selector, attributes, offset_16;
    uint32_t offset_32, reserved;
} Gate;

typedef struct __attribute__((packed)) TablePointer {
    uint16_t limit;
    uint64_t base;
} TablePointer;

void kernel_main(const uint32_t *multiboot_info);
void kernel_unexpected(void) __attribute__((noreturn));
void interrupt_nothing(void);
void interrupt_unexpected(void);

static Gate idt[VECTOR_MEASURED + 1];

static inline void out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static __attribute__((noreturn)) void leave(char last_word)
{
    out8(DEBUG_CONSOLE, (uint8_t)last_word);
    out8(DEBUG_EXIT, last_word == '2' ? 0 : 1);
    for (;;) {
        __asm__ volatile("hlt");
    }
}

void kernel_unexpected(void)
{
    leave('!');
}

static void set_gate(unsigned vector, void (*handler)(void))
{
    uint64_t offset = (uint64_t)handler;

    idt[vector] = (Gate) {
        .offset_0 = (uint16_t)offset, .selector = 8, .attributes = 0x8e00, .offset_16 = (uint16_t)(offset >> 16),
        .offset_32 = (uint32_t)(offset >> 32),
    };
}

static void load_idt(void)
{
    TablePointer p = { sizeof(idt) - 1, (uint64_t)idt };

    for (unsigned i = 0; i < VECTOR_MEASURED; i++) {
        set_gate(i, interrupt_unexpected);
    }
    set_gate(VECTOR_MEASURED, interrupt_nothing);
    __asm__ volatile("lidt %0" : : "m"(p));
}

/* Start of the n-th last word. */
static const char *word_from_end(const char *text, unsigned n)
{
    const char *p = text;

    while (*p) {
        p++;
    }
    while (n--) {
        while (p > text && p[-1] == ' ') {
            p--;
        }
        while (p > text && p[-1] != ' ') {
            p--;
        }
    }
    return p;
}

static uint64_t number(const char *text)
{
    uint64_t n = 0;

    while (*text >= '0' && *text <= '9') {
        n = n * 10 + (uint64_t)(*text++ - '0');
    }
    return n;
}

void kernel_main(const uint32_t *multiboot_info)
{
    const char *cmdline = multiboot_info[0] & 1u << 2 ? (const char *)(uintptr_t)multiboot_info[4] : "";
    const Loop *loop = loop_find(word_from_end(cmdline, 3));
    uint64_t iterations = number(word_from_end(cmdline, 2)), warm_up = number(word_from_end(cmdline, 1));
    uint64_t *buffer = (uint64_t *)BUFFER;

    if (!loop || !iterations || !warm_up) {
        leave('?');
    }
    load_idt();
    for (unsigned i = 0; i < LOOP_BUFFER_SIZE / sizeof(*buffer); i++) {
        ((volatile uint64_t *)buffer)[i] = 0;
    }
    loop_call(loop->code, buffer, warm_up);
    out8(DEBUG_CONSOLE, '1');
    loop_call(loop->code, buffer, iterations);
    leave('2');
}
