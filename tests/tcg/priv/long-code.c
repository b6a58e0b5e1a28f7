/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Code that changes: by itself, ahead of itself, across pages, by a device. SDM vol. 3A, "Handling Self- and Cross-
 * Modifying Code".
 */
#include "arch64.h"

static uint8_t code[3 * 4096] __attribute__((aligned(4096)));

typedef unsigned Function(void);

TEST(a_store_changes_the_next_instruction)
{
    /* MOV byte [RIP+1], 77; MOV EAX, 1; RET: the store hits the immediate of the MOV behind it */
    static const uint8_t program[] = { 0xc6, 0x05, 1, 0, 0, 0, 77, 0xb8, 1, 0, 0, 0, 0xc3 };

    memcpy(code, program, sizeof(program));
    CHECK_EQ(((Function *)(uintptr_t)code)(), 77);
    code[6] = 78;
    CHECK_EQ(((Function *)(uintptr_t)code)(), 78);
}

TEST(a_store_changes_an_instruction_later_in_the_block)
{
    static const uint8_t program[] = {
        0xc6, 0x05, 6, 0, 0, 0, 77, 0x90, 0x90, 0x90, 0x90, 0x90, 0xb8, 1, 0, 0, 0, 0xc3
    };

    memcpy(code + 64, program, sizeof(program));
    for (unsigned i = 0; i < 10; i++) {
        code[64 + 6] = (uint8_t)(i * 3);
        code[64 + 13] = 0xee;
        CHECK_EQ(((Function *)(uintptr_t)(code + 64))(), i * 3);
    }
}

TEST(a_store_before_itself_is_seen_in_the_next_round)
{
    /* XOR EAX, EAX; MOV ECX, 10; 1: ADD EAX, 1 (83 C0 ib); INC byte [RIP-9]; LOOP 1b; RET */
    static const uint8_t program[] = { 0x31, 0xc0, 0xb9, 10,   0,    0,    0,    0x83, 0xc0, 1,
                                       0xfe, 0x05, 0xf9, 0xff, 0xff, 0xff, 0xe2, 0xf5, 0xc3 };

    memcpy(code + 128, program, sizeof(program));
    CHECK_EQ(((Function *)(uintptr_t)(code + 128))(), 55);
}

TEST(a_loop_of_two_blocks_that_patch_each_other)
{
    unsigned sum = 0;

    for (unsigned i = 0; i < 1000; i++) {
        uint8_t program[] = { 0xb8, (uint8_t)i, (uint8_t)(i >> 8), 0, 0, 0xc3 };

        memcpy(code + 256 + (i & 1) * 16, program, sizeof(program));
        sum += ((Function *)(uintptr_t)(code + 256 + (i & 1) * 16))();
    }
    CHECK_EQ(sum, 499500);
}

TEST(an_instruction_across_pages_changes_in_either_page)
{
    uint8_t *p = code + 4096 - 3;
    static const uint8_t program[] = { 0xb8, 1, 2, 3, 4, 0xc3 };

    memcpy(p, program, sizeof(program));
    CHECK_EQ(((Function *)(uintptr_t)p)(), 0x04030201);
    p[1] = 9;
    CHECK_EQ(((Function *)(uintptr_t)p)(), 0x04030209);
    p[4] = 8;
    CHECK_EQ(((Function *)(uintptr_t)p)(), 0x08030209);
    *(volatile uint32_t *)(p + 1) = 0x11223344;             /* one store into both pages */
    CHECK_EQ(((Function *)(uintptr_t)p)(), 0x11223344);
}

TEST(a_store_through_another_mapping_changes_code)
{
    static const uint8_t program[] = { 0xb8, 1, 0, 0, 0, 0xc3 };

    pages_reset();
    volatile uint8_t *alias = page_map(0, PHYS(code), PTE_P | PTE_W);

    memcpy(code + 512, program, sizeof(program));
    CHECK_EQ(((Function *)(uintptr_t)(code + 512))(), 1);
    alias[513] = 2;
    CHECK_EQ(((Function *)(uintptr_t)(code + 512))(), 2);
    CHECK_EQ(((Function *)(uintptr_t)(alias + 512))(), 2);
    code[513] = 3;
    CHECK_EQ(((Function *)(uintptr_t)(alias + 512))(), 3);
}

TEST(a_repeated_string_instruction_may_overwrite_itself)
{
    /* REP STOSB at its own place; then RET from the filler: the running instruction goes on as it began */
    uint8_t *p = code + 1024;
    void *to = p;
    uint64_t n = 64;

    memset(p, 0x90, 128);
    p[0] = 0xf3;
    p[1] = 0xaa;
    p[127] = 0xc3;
    __asm__ volatile("call *%2" : "+D"(to), "+c"(n) : "r"(p), "a"(0x90) : "memory");
    CHECK_EQ(n, 0);
    CHECK_EQ(p[0], 0x90);
    CHECK_EQ(p[63], 0x90);
}

TEST(push_and_call_may_overwrite_what_follows)
{
    /* MOV RSP to just behind the next instruction; PUSH imm8 sign-extended over it: NOPs become zeros: ADD [RAX], AL */
    uint8_t *p = code + 2048;
    static const uint8_t program[] = { 0x48, 0x89, 0xe1, 0x48, 0x89, 0xfc, 0xff, 0xf6, 0xb8, 1,
                                       0,    0,    0,    0x90, 0x90, 0x90, 0x48, 0x89, 0xcc, 0xc3 };
    unsigned result;
    uint64_t value;

    memcpy(p, program, sizeof(program));
    /* RDI: where the 8 bytes B8 01 00 .. 90 end; RSI: their replacement, B8 05 00 00 00 90 90 90 */
    memcpy(&value, (uint8_t[]) { 0xb8, 5, 0, 0, 0, 0x90, 0x90, 0x90 }, 8);
    __asm__ volatile("call *%3" : "=a"(result) : "D"(p + 16), "S"(value), "r"(p) : "rcx", "memory");
    CHECK_EQ(result, 5);
}

TEST(a_locked_store_changes_code)
{
    static const uint8_t program[] = {
        0xf0, 0xfe, 0x05, 1, 0, 0, 0, 0xb8, 1, 0, 0, 0, 0xc3
    }; /* LOCK INC byte [RIP+1]; MOV EAX, 1; RET */

    memcpy(code + 3072, program, sizeof(program));
    CHECK_EQ(((Function *)(uintptr_t)(code + 3072))(), 2);
    CHECK_EQ(((Function *)(uintptr_t)(code + 3072))(), 3);
    static const uint8_t exchange[] = {
        0xb8, 7, 0, 0, 0, 0x86, 0x05, 1, 0, 0, 0, 0xb8, 1, 0, 0, 0, 0xc3
    }; /* XCHG [RIP+1], AL */

    memcpy(code + 3136, exchange, sizeof(exchange));
    CHECK_EQ(((Function *)(uintptr_t)(code + 3136))(), 7);
}

TEST(a_device_changes_code)
{
    /* fw_cfg by DMA: the signature "QEMU", which as code is not to be run; it lands in the immediate of a MOV */
    static struct __attribute__((packed)) { uint32_t control, length; uint64_t address; } dma;
    uint8_t *p = code + 3200;
    static const uint8_t program[] = { 0xb8, 1, 2, 3, 4, 0xc3 };
    uint64_t where = __builtin_bswap64(PHYS(&dma));

    memcpy(p, program, sizeof(program));
    CHECK_EQ(((Function *)(uintptr_t)p)(), 0x04030201);
    dma.length = __builtin_bswap32(4);
    dma.address = __builtin_bswap64(PHYS(p + 1));
    dma.control = __builtin_bswap32(0u << 16 | 8 | 2);              /* select 0, read */
    __asm__ volatile("outl %0, %w1" : : "a"((uint32_t)where), "d"(0x514) : "memory");
    __asm__ volatile("outl %0, %w1" : : "a"((uint32_t)(where >> 32)), "d"(0x518) : "memory");
    while (__builtin_bswap32(*(volatile uint32_t *)&dma.control) & ~1u) {
        continue;
    }
    CHECK_EQ(dma.control, 0);
    CHECK_EQ(((Function *)(uintptr_t)p)(), 0x554d4551);
}

TEST(code_runs_in_a_page_that_data_is_written_to)
{
    uint8_t *p = code + 8192;
    volatile uint32_t *data = (volatile uint32_t *)(p + 2048);
    static const uint8_t program[] = { 0xb8, 5, 0, 0, 0, 0xc3 };
    unsigned sum = 0;

    memcpy(p, program, sizeof(program));
    for (unsigned i = 0; i < 10000; i++) {
        *data += ((Function *)(uintptr_t)p)();
        sum += 5;
    }
    CHECK_EQ(*data, sum);
}
