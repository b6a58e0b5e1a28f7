/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Several processors: code that others change, shootdown of translations, interrupts between processors, halting. */
#include "arch64.h"

static uint8_t code[2 * 4096] __attribute__((aligned(4096)));
typedef unsigned Function(void);

static void serialize(void)
{
    uint32_t r[4];

    cpuid(0, 0, r);
}

static bool need_two(void)
{
    if (cpus_start() < 2) {
        skip("one processor");
        return false;
    }
    return true;
}

/* ---- code ---- */

static volatile uint32_t published, consumed;
static volatile unsigned wrong;

/* The protocol of the SDM: store code, store a flag; the other sees the flag, serializes, runs. */
static void produce_or_run(unsigned cpu)
{
    for (uint32_t i = 1; i <= 20000; i++) {
        uint8_t *p = code + (i * 48 & 0xff0);

        if (cpu == 0) {
            uint8_t program[] = { 0xb8, (uint8_t)i, (uint8_t)(i >> 8), (uint8_t)(i >> 16), 0, 0xc3 };

            memcpy(p, program, sizeof(program));
            published = i;
            while (consumed != i) {
                __asm__ volatile("pause");
            }
        } else if (cpu == 1) {
            while (published != i) {
                __asm__ volatile("pause");
            }
            serialize();
            wrong += ((Function *)(uintptr_t)p)() != i;
            consumed = i;
        }
    }
}

TEST(code_published_by_another_processor_runs_as_written)
{
    if (!need_two()) {
        return;
    }
    published = consumed = wrong = 0;
    cpus_run(2, produce_or_run);
    CHECK_EQ(wrong, 0);
}

/*
 * One changes an immediate all the time, the others run it: any of the values written, never going back, in the end
 * the last.
 */
static volatile uint32_t last_seen[4];
static volatile bool stop_running;

static void change_or_run(unsigned cpu)
{
    volatile uint32_t *imm = (volatile uint32_t *)(code + 4);
    Function *f = (Function *)(uintptr_t)(code + 3);
    uint32_t last = 0;

    if (cpu == 0) {
        for (uint32_t i = 1; i <= 30000; i++) {
            *imm = i;
        }
        stop_running = true;
        return;
    }
    while (!stop_running) {
        uint32_t v = f();

        wrong += v < last || v > 30000;
        last = v;
    }
    serialize();
    last_seen[cpu] = f();
}

TEST(code_changed_under_way_is_old_or_new_and_in_the_end_new)
{
    unsigned n;

    if (!need_two()) {
        return;
    }
    n = cpus_start();
    for (unsigned round = 0; round < 5; round++) {
        static const uint8_t program[] = { 0xb8, 0, 0, 0, 0, 0xc3 };

        memcpy(code + 3, program, sizeof(program));
        wrong = 0;
        stop_running = false;
        cpus_run(n, change_or_run);
        CHECK_EQ(wrong, 0);
        for (unsigned i = 1; i < n; i++) {
            CHECK_EQ(last_seen[i], 30000);
        }
    }
}

/*
 * The same with an instruction that is changed a second time while the other processor is about to run it for the
 * first: what it read of the code at that moment must not last.
 */
enum { READ_LENGTH = 60, READ_ROUNDS = 3000 };
static const struct { uint8_t modrm; uint32_t result; } read_ops[] = {      /* of 3 and 5 */
    { 0xc0, 8 }, { 0xc8, 7 }, { 0xe8, (uint32_t)-2 }, { 0xf0, 6 }
};

static void write_long_function(void)
{
    static const uint8_t start[] = { 0xb8, 3, 0, 0, 0, 0x83, 0xe0, 5 };     /* mov eax, 3; and eax, 5 */
    uint8_t *p = code;

    memcpy(p, start, sizeof(start));
    p += sizeof(start);
    for (unsigned i = 0; i < READ_LENGTH; i++) {
        *p++ = 0x89;                        /* mov ecx, ecx */
        *p++ = 0xc9;
    }
    *p = 0xc3;
    code[2048] = 0xc3;
    ((Function *)(uintptr_t)(code + 2048))();       /* the page has other code, which stays */
}

static void change_twice_or_run(unsigned cpu)
{
    volatile uint8_t *modrm = code + 6;
    Function *f = (Function *)(uintptr_t)code;

    for (uint32_t i = 1; i <= READ_ROUNDS; i++) {
        if (cpu == 0) {
            *modrm = 0xe0;
            for (unsigned n = i * 37 % 3000; n; n--) {
                __asm__ volatile("" ::: "memory");
            }
            *modrm = read_ops[i % 4].modrm;
            published = i;
            while (consumed != i) {
                __asm__ volatile("pause");
            }
        } else if (cpu == 1) {
            while (published != i) {
                f();
            }
            serialize();
            wrong += f() != read_ops[i % 4].result;
            consumed = i;
        }
    }
}

TEST(code_changed_while_it_is_read_for_the_first_time_does_not_last)
{
    if (!need_two()) {
        return;
    }
    published = consumed = wrong = 0;
    write_long_function();
    cpus_run(2, change_twice_or_run);
    CHECK_EQ(wrong, 0);
}

/* Each processor writes and runs functions in a page that all share. */
static void compile_and_run(unsigned cpu)
{
    uint8_t *p = code + cpu * 16;

    for (uint32_t i = 0; i < 5000; i++) {
        uint8_t program[] = { 0xb8, (uint8_t)i, (uint8_t)(i >> 8), (uint8_t)cpu, 0, 0xc3 };

        memcpy(p + (i & 31) * 64, program, sizeof(program));
        if (((Function *)(uintptr_t)(p + (i & 31) * 64))() != (i | cpu << 16)) {
            __atomic_fetch_add(&wrong, 1, __ATOMIC_SEQ_CST);
        }
    }
}

TEST(processors_that_generate_code_in_one_page_see_their_own)
{
    if (!need_two()) {
        return;
    }
    wrong = 0;
    cpus_run(cpus_start(), compile_and_run);
    CHECK_EQ(wrong, 0);
}

/* ---- interrupts between processors ---- */

static volatile uint32_t ipi_received[4], flush_request;
static volatile uint8_t *flush_page;

static bool on_ipi(Frame *f)
{
    unsigned id = apic_read(0x20) >> 24;

    (void)f;
    if (flush_request) {
        invlpg((void *)flush_page);
    }
    __atomic_fetch_add(&ipi_received[id], 1, __ATOMIC_SEQ_CST);
    apic_write(0xb0, 0);
    return true;
}

static void send_ipi(unsigned id, unsigned vector)
{
    while (apic_read(0x300) & 0x1000) {
        continue;
    }
    apic_write(0x310, id << 24);
    apic_write(0x300, 0x4000 | vector);
}

static volatile uint32_t reader_go, reader_done;

/* Processor 1 reads a page with interrupts open; processor 0 maps it elsewhere and shoots the translation down. */
static void shoot_or_read(unsigned cpu)
{
    volatile uint64_t *entry = &test_pt[7];
    volatile uint32_t *page = (volatile uint32_t *)(TEST_VA + 7 * 4096);

    if (cpu == 1) {
        __asm__ volatile("sti");
        for (uint32_t i = 1; i <= 2000; i++) {
            while (reader_go != i) {
                (void)*page;
                __asm__ volatile("pause");
            }
            wrong += *page != (i & 1);
            reader_done = i;
        }
        __asm__ volatile("cli");
    } else if (cpu == 0) {
        for (uint32_t i = 1; i <= 2000; i++) {
            uint32_t before = ipi_received[1];

            *entry = PHYS(test_memory[i & 1]) | PTE_P | PTE_W;
            send_ipi(1, 0x61);
            while (ipi_received[1] == before) {
                __asm__ volatile("pause");
            }
            reader_go = i;
            while (reader_done != i) {
                __asm__ volatile("pause");
            }
        }
    }
}

TEST(translations_are_gone_when_the_other_processor_has_answered)
{
    if (!need_two()) {
        return;
    }
    pages_reset();
    test_memory[1][0] = 1;
    page_map(7, PHYS(test_memory[0]), PTE_P | PTE_W);
    flush_page = (volatile uint8_t *)(TEST_VA + 7 * 4096);
    flush_request = 1;
    wrong = reader_go = reader_done = 0;
    trap_hooks[0x61] = on_ipi;
    cpus_run(2, shoot_or_read);
    flush_request = 0;
    CHECK_EQ(wrong, 0);
}

/* Everybody halts until everybody else's interrupts have come: none may be lost. */
static volatile uint32_t rounds_done[4];
static unsigned players;

static void ping(unsigned cpu)
{
    unsigned next = (cpu + 1) % players;

    if (cpu == 0) {
        send_ipi(next, 0x61);
    }
    for (uint32_t i = 1; i <= 3000; i++) {
        for (;;) {
            __asm__ volatile("cli" : : : "memory");
            if (ipi_received[cpu] >= i) {
                break;
            }
            __asm__ volatile("sti; hlt" : : : "memory");
        }
        __asm__ volatile("sti" : : : "memory");
        if (cpu || i < 3000) {
            send_ipi(next, 0x61);
        }
        rounds_done[cpu] = i;
    }
    __asm__ volatile("cli");
}

TEST(no_interrupt_between_halting_processors_is_lost)
{
    if (!need_two()) {
        return;
    }
    players = cpus_start();
    trap_hooks[0x61] = on_ipi;
    for (unsigned i = 0; i < players; i++) {
        ipi_received[i] = rounds_done[i] = 0;
    }
    cpus_run(players, ping);
    for (unsigned i = 0; i < players; i++) {
        CHECK_EQ(rounds_done[i], 3000);
    }
}

/* Broadcasts are received by all but the sender. */
static volatile bool broadcast_over;

static void broadcast(unsigned cpu)
{
    if (cpu) {
        __asm__ volatile("sti");
        while (!broadcast_over) {
            __asm__ volatile("pause");
        }
        __asm__ volatile("cli");
        return;
    }
    for (uint32_t i = 1; i <= 500; i++) {
        while (apic_read(0x300) & 0x1000) {
            continue;
        }
        apic_write(0x300, 0xc4061);
        for (unsigned c = 1; c < players; c++) {
            while (ipi_received[c] < i) {
                __asm__ volatile("pause");
            }
        }
    }
    broadcast_over = true;
}

TEST(broadcasts_reach_all_but_the_sender)
{
    if (!need_two()) {
        return;
    }
    players = cpus_start();
    trap_hooks[0x61] = on_ipi;
    for (unsigned i = 0; i < players; i++) {
        ipi_received[i] = 0;
    }
    broadcast_over = false;
    cpus_run(players, broadcast);
    for (unsigned i = 0; i < players; i++) {
        CHECK_EQ(ipi_received[i], i ? 500 : 0);
    }
}
