/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel for tests of the emulator from outside: it does what the last words of its command line ask for.
 *
 *   exit N      leaves through isa-debug-exit at port F4h with value N
 *   info        writes what the boot loader says to the debug console (E9h), then "end"
 *   echo        first serial port: "ready", then every byte received as <hex>; 'q' leaves with value 0
 *   spin, halt  writes "here" to the debug console, then loops, or halts with interrupts disabled
 *   triple, kbc, cf9, port92
 *               writes "here", then resets the machine by that way
 *
 * Follows: Multiboot Specification 0.6.96, "Boot information format"; 16550 by polling.
 */
#include <stdint.h>

#define DEBUG_CONSOLE   0xe9
#define DEBUG_EXIT      0xf4
#define COM1            0x3f8

typedef struct MultibootInfo {
    uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4];
    uint32_t mmap_length, mmap_addr, drives[2], config_table, boot_loader_name;
} MultibootInfo;

typedef struct Module {
    uint32_t start, end, string, reserved;
} Module;

typedef struct __attribute__((packed)) MapEntry {
    uint32_t size;
    uint64_t base, length;
    uint32_t type;
} MapEntry;

void probe_main(uint32_t magic, const MultibootInfo *info);
void triple_fault(void);

static inline void out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t in8(uint16_t port)
{
    uint8_t value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static void halt(void)
{
    for (;;) {
        __asm__ volatile("cli; hlt");
    }
}

/* ---- output ---- */

static void put_debug(char c)
{
    out8(DEBUG_CONSOLE, (uint8_t)c);
}

static void put_serial(char c)
{
    while (!(in8(COM1 + 5) & 0x20)) {       /* LSR: transmitter holding register empty */
    }
    out8(COM1, (uint8_t)c);
}

static void print(void (*put)(char), const char *text)
{
    while (*text) {
        put(*text++);
    }
}

static void print_hex(void (*put)(char), uint64_t v, int digits)
{
    while (digits--) {
        put("0123456789abcdef"[v >> digits * 4 & 15]);
    }
}

/* ---- the command line ---- */

static const char *last_words(const char *text, unsigned n)
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

static int is_word(const char *text, const char *word)
{
    while (*word && *word == *text) {
        word++;
        text++;
    }
    return !*word && (!*text || *text == ' ');
}

/* ---- what it can do ---- */

static void do_info(uint32_t magic, const MultibootInfo *info)
{
    const Module *mods = (const Module *)info->mods_addr;

    print(put_debug, "magic=");
    print_hex(put_debug, magic, 8);
    print(put_debug, " flags=");
    print_hex(put_debug, info->flags, 8);
    print(put_debug, " lower=");
    print_hex(put_debug, info->mem_lower, 8);
    print(put_debug, " upper=");
    print_hex(put_debug, info->mem_upper, 8);
    print(put_debug, "\ncmdline=");
    print(put_debug, (const char *)info->cmdline);
    print(put_debug, "\n");
    for (uint32_t i = 0; i < info->mods_count; i++) {
        uint32_t sum = 0;

        for (const uint8_t *p = (const uint8_t *)mods[i].start; p < (const uint8_t *)mods[i].end; p++) {
            sum = sum * 31 + *p;
        }
        print(put_debug, "module length=");
        print_hex(put_debug, mods[i].end - mods[i].start, 8);
        print(put_debug, mods[i].start & 0xfff ? " unaligned" : " aligned");
        print(put_debug, " sum=");
        print_hex(put_debug, sum, 8);
        print(put_debug, " string=");
        print(put_debug, (const char *)mods[i].string);
        print(put_debug, "\n");
    }
    for (uint32_t at = 0; at < info->mmap_length;) {
        const MapEntry *e = (const MapEntry *)(info->mmap_addr + at);

        print(put_debug, "memory base=");
        print_hex(put_debug, e->base, 16);
        print(put_debug, " length=");
        print_hex(put_debug, e->length, 16);
        print(put_debug, " type=");
        print_hex(put_debug, e->type, 1);
        print(put_debug, "\n");
        at += e->size + 4;
    }
    print(put_debug, "end\n");
    out8(DEBUG_EXIT, 0);
    halt();
}

static void do_exit(const char *arg)
{
    uint32_t n = 0;

    while (*arg >= '0' && *arg <= '9') {
        n = n * 10 + (uint32_t)(*arg++ - '0');
    }
    out8(DEBUG_EXIT, (uint8_t)n);
    halt();
}

static void do_echo(void)
{
    uint8_t c;

    out8(COM1 + 1, 0);          /* no interrupts */
    out8(COM1 + 3, 0x80);       /* divisor latch: 115200 */
    out8(COM1, 1);
    out8(COM1 + 1, 0);
    out8(COM1 + 3, 3);          /* 8N1 */
    out8(COM1 + 2, 7);          /* FIFOs on and empty */
    out8(COM1 + 4, 3);          /* DTR, RTS */
    print(put_serial, "ready\r\n");
    do {
        while (!(in8(COM1 + 5) & 1)) {
        }
        c = in8(COM1);
        put_serial('<');
        print_hex(put_serial, c, 2);
        put_serial('>');
    } while (c != 'q');
    while (!(in8(COM1 + 5) & 0x40)) {       /* LSR: everything is on the wire */
    }
    out8(DEBUG_EXIT, 0);
    halt();
}

static void do_spin(void)
{
    for (;;) {
        __asm__ volatile("");
    }
}

static void do_kbc(void)
{
    out8(0x64, 0xfe);
    halt();
}

static void do_cf9(void)
{
    out8(0xcf9, 2);
    out8(0xcf9, 6);
    halt();
}

static void do_port92(void)
{
    out8(0x92, in8(0x92) & 0xfe);
    out8(0x92, in8(0x92) | 1);
    halt();
}

static const struct { const char *name; void (*fn)(void); } here_and[] = {
    { "spin", do_spin }, { "halt", halt }, { "triple", triple_fault }, { "kbc", do_kbc }, { "cf9", do_cf9 },
    { "port92", do_port92 },
};

void probe_main(uint32_t magic, const MultibootInfo *info)
{
    const char *cmdline = (const char *)info->cmdline;
    const char *word = last_words(cmdline, 1);

    if (is_word(word, "info")) {
        do_info(magic, info);
    }
    if (is_word(word, "echo")) {
        do_echo();
    }
    if (is_word(last_words(cmdline, 2), "exit")) {
        do_exit(word);
    }
    for (unsigned i = 0; i < sizeof(here_and) / sizeof(here_and[0]); i++) {
        if (is_word(word, here_and[i].name)) {
            print(put_debug, "here\n");
            here_and[i].fn();
        }
    }
    print(put_debug, "what? ");
    print(put_debug, cmdline);
    halt();
}
