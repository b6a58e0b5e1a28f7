/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two 8237A through their ports and a few bytes of memory. */
#include "qemu/osdep.h"
#include "device-harness.h"
#include "hw/dma/i8237.h"

static Device *dma;
static unsigned opened;

static void note_open(void *opaque)
{
    opened++;
}

static void put_memory(uint64_t addr, const char *text)
{
    address_space_write(address_space_memory, addr, text, strlen(text));
}

static void assert_memory(uint64_t addr, const char *text)
{
    char got[64];

    address_space_read(address_space_memory, addr, got, strlen(text));
    g_assert_cmpmem(got, strlen(text), text, strlen(text));
}

/* Channel 2 as a floppy driver does it. */
static void program(uint8_t mode, uint32_t addr, uint16_t count)
{
    out8(0x0a, 0x06);
    out8(0x0c, 0);
    out8(0x0b, mode);
    out8(0x04, addr & 0xff);
    out8(0x04, addr >> 8 & 0xff);
    out8(0x81, addr >> 16);
    out8(0x05, count & 0xff);
    out8(0x05, count >> 8);
    out8(0x0a, 0x02);
}

static void fresh(void)
{
    dma->type->reset(dma);
    opened = 0;
}

static void test_write_reaches_memory_and_terminal_count(void)
{
    bool tc;

    fresh();
    program(0x46, 0x12345, 9);
    g_assert_cmpuint(opened, ==, 1);
    g_assert_cmpuint(i8257_remaining(dma, 2), ==, 10);
    g_assert_cmpuint(i8257_write(dma, 2, "abcdef", 6, &tc), ==, 6);
    g_assert_false(tc);
    g_assert_cmphex(in8(0x04), ==, 0x4b);
    g_assert_cmphex(in8(0x04), ==, 0x23);
    g_assert_cmpuint(i8257_write(dma, 2, "ghijklm", 7, &tc), ==, 4);
    g_assert_true(tc);
    assert_memory(0x12345, "abcdefghij");
    g_assert_cmphex(in8(0x08), ==, 0x04);
    g_assert_cmphex(in8(0x08), ==, 0x00);       /* cleared by the read */
    g_assert_cmphex(in8(0x0f), ==, 0xff);       /* masked itself */
    g_assert_cmpuint(i8257_write(dma, 2, "x", 1, &tc), ==, 0);
}

static void test_read_takes_from_memory(void)
{
    char buf[8];
    bool tc;

    fresh();
    put_memory(0x2000, "12345678");
    program(0x4a, 0x2000, 7);
    g_assert_cmpuint(i8257_write(dma, 2, "x", 1, &tc), ==, 0);      /* the other direction */
    g_assert_cmpuint(i8257_read(dma, 2, buf, 8, &tc), ==, 8);
    g_assert_true(tc);
    g_assert_cmpmem(buf, 8, "12345678", 8);
}

static void test_address_wraps_in_its_64k(void)
{
    bool tc;

    fresh();
    program(0x46, 0x1fffe, 3);
    g_assert_cmpuint(i8257_write(dma, 2, "abcd", 4, &tc), ==, 4);
    assert_memory(0x1fffe, "ab");
    assert_memory(0x10000, "cd");
}

static void test_auto_init_reloads(void)
{
    bool tc;

    fresh();
    program(0x56, 0x3000, 1);
    g_assert_cmpuint(i8257_write(dma, 2, "abcd", 4, &tc), ==, 2);
    g_assert_true(tc);
    g_assert_cmpuint(i8257_write(dma, 2, "cd", 2, &tc), ==, 2);
    assert_memory(0x3000, "cd");
}

static void test_decrement(void)
{
    bool tc;

    fresh();
    program(0x66, 0x3003, 3);
    g_assert_cmpuint(i8257_write(dma, 2, "abcd", 4, &tc), ==, 4);
    assert_memory(0x3000, "dcba");
}

static void test_word_channel(void)
{
    bool tc;

    fresh();
    out8(0xd4, 0x05);
    out8(0xd8, 0);
    out8(0xd6, 0x45);
    out8(0xc4, 0x00);
    out8(0xc4, 0x90);       /* word 9000h of page 2: byte 32000h */
    out8(0x8b, 0x03);
    out8(0xc6, 0x01);
    out8(0xc6, 0x00);
    out8(0xd4, 0x01);
    g_assert_cmpuint(i8257_remaining(dma, 5), ==, 4);
    g_assert_cmpuint(i8257_write(dma, 5, "wxyz", 4, &tc), ==, 4);
    g_assert_true(tc);
    assert_memory(0x32000, "wxyz");
    g_assert_cmphex(in8(0xd0), ==, 0x02);
}

static void test_master_clear_and_disable(void)
{
    bool tc;

    fresh();
    program(0x46, 0x4000, 9);
    out8(0x08, 0x04);
    g_assert_cmpuint(i8257_write(dma, 2, "x", 1, &tc), ==, 0);
    out8(0x08, 0x00);
    g_assert_cmpuint(opened, ==, 2);
    out8(0x0d, 0);
    g_assert_false(i8257_channel_open(dma, 2));
    out8(0x0e, 0);
    g_assert_true(i8257_channel_open(dma, 2));
    out8(0x82, 0x5a);
    g_assert_cmphex(in8(0x82), ==, 0x5a);
}

static void test_state_survives_savevm(void)
{
    bool tc;

    fresh();
    program(0x46, 0x5000, 9);
    i8257_write(dma, 2, "abc", 3, &tc);
    save_reset_load(dma);
    g_assert_cmpuint(i8257_remaining(dma, 2), ==, 7);
    i8257_write(dma, 2, "def", 3, &tc);
    assert_memory(0x5000, "abcdef");
    load_nonsense(dma);
}

int main(int argc, char **argv)
{
    static MemoryRegion ram;    /* until the end, as the machine's */

    harness_init(&argc, &argv);
    g_assert_true(memory_region_init_ram(&ram, NULL, "ram", 1 * MiB, &error_abort));
    memory_region_add(get_system_memory(), 0, &ram, 0);
    dma = device_new("i8257");
    device_realize(dma, NULL, &error_abort);
    i8257_set_notify(dma, 2, note_open, NULL);
    g_test_add_func("/dma/write", test_write_reaches_memory_and_terminal_count);
    g_test_add_func("/dma/read", test_read_takes_from_memory);
    g_test_add_func("/dma/wrap", test_address_wraps_in_its_64k);
    g_test_add_func("/dma/auto-init", test_auto_init_reloads);
    g_test_add_func("/dma/decrement", test_decrement);
    g_test_add_func("/dma/words", test_word_channel);
    g_test_add_func("/dma/clear", test_master_clear_and_disable);
    g_test_add_func("/dma/savevm", test_state_survives_savevm);
    return g_test_run();
}
