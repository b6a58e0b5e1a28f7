/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI cards whose BARs one processor moves and switches off while others use them: who looks sees the card or nothing,
 * and who moves it sees it at its new place at once (PCI Local Bus Specification 2.1, "Base Addresses"). Cards: edu
 * (registers), secondary-vga (memory).
 */
#include "arch64.h"

#define MOVES   300
#define HERE    0xe0000000u
#define THERE   0xe8000000u
#define EDU     0x11e81234u
#define EDU_ID  0x010000edu
#define VGA     0x11111234u
#define BAR0    0x10
#define COMMAND 0x04
#define MEMORY  2
#define PATTERN 0x5ac3f00du

static volatile uint32_t *here, *there;
static uint32_t expected;
static volatile uint32_t stop, wrong;
static unsigned devfn;

static void config_address(unsigned reg)
{
    __asm__ volatile("outl %0, %w1" : : "a"(0x80000000u | devfn << 8 | reg), "Nd"(0xcf8));
}

static uint32_t config_read(unsigned reg)
{
    uint32_t v;

    config_address(reg);
    __asm__ volatile("inl %w1, %0" : "=a"(v) : "Nd"(0xcfc));
    return v;
}

static void config_write(unsigned reg, uint32_t v)
{
    config_address(reg);
    __asm__ volatile("outl %0, %w1" : : "a"(v), "Nd"(0xcfc));
}

static void card_off(void)
{
    config_write(COMMAND, 0);       /* the next test has another card in the same place */
}

static bool find_card(uint32_t id)
{
    for (devfn = 0; devfn < 256; devfn++) {
        if (config_read(0) == id) {
            pages_reset();
            here = (volatile uint32_t *)page_map(0, HERE, PTE_P | PTE_W);
            there = (volatile uint32_t *)page_map(1, THERE, PTE_P | PTE_W);
            config_write(BAR0, HERE);
            config_write(COMMAND, MEMORY);
            stop = wrong = 0;
            return true;
        }
    }
    skip("no such card");
    return false;
}

static bool is_nothing(uint32_t v)
{
    return v == 0 || v == 0xffffffff;
}

static void move(unsigned cpu)
{
    if (cpu) {
        while (!stop) {
            uint32_t v = *here;

            wrong |= v != expected && !is_nothing(v);
        }
        return;
    }
    for (unsigned i = 0; i < MOVES; i++) {
        config_write(BAR0, THERE);
        wrong |= *there != expected || !is_nothing(*here);
        config_write(COMMAND, 0);
        wrong |= !is_nothing(*there) || !is_nothing(*here);
        config_write(BAR0, HERE);
        config_write(COMMAND, MEMORY);
        wrong |= *here != expected || !is_nothing(*there);
    }
    stop = 1;
}

TEST(registers_that_move_are_there_or_not)
{
    unsigned n = cpus_start();

    if (find_card(EDU)) {
        expected = EDU_ID;
        cpus_run(n, move);
        CHECK_EQ(wrong, 0);
        card_off();
    }
}

TEST(memory_that_moves_keeps_what_is_in_it)
{
    unsigned n = cpus_start();

    if (find_card(VGA)) {
        expected = *here = PATTERN;
        cpus_run(n, move);
        CHECK_EQ(wrong, 0);
        CHECK_EQ(*here, PATTERN);
        card_off();
    }
}

/* Others write all the time: what does not meet the card is lost, and meets nothing else. */
static void move_under_writers(unsigned cpu)
{
    if (cpu) {
        for (uint32_t i = 1; !stop; i++) {
            here[cpu] = i & 0xffffff;
        }
        return;
    }
    for (unsigned i = 0; i < MOVES; i++) {
        config_write(BAR0, THERE);
        config_write(BAR0, 0xffffffff);         /* as one who sizes it without switching it off */
        config_write(BAR0, HERE);
    }
    stop = 1;
}

TEST(writers_of_memory_that_moves_hit_it_or_nothing)
{
    unsigned n = cpus_start();

    if (find_card(VGA)) {
        *here = PATTERN;
        cpus_run(n, move_under_writers);
        CHECK_EQ(*here, PATTERN);
        for (unsigned cpu = 1; cpu < n; cpu++) {
            here[cpu] = cpu;
            CHECK_EQ(here[cpu], cpu);
        }
        card_off();
    }
}
