/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The code buffer: it grows when what would have to go is young and of use, and shrinks again. */
#include "qemu/osdep.h"
#include "exec/tb-internal.h"

#define SIZE        (4 * MiB)
#define REGIONS     8
#define LARGEST    (16 * MiB)
#define BLOCK       (32 * KiB)
#define IN_REGION   (SIZE / REGIONS / BLOCK)

static gint64 now;
static bool blocks_live;

/* The buffer's clock, in place of the library's. */
gint64 g_get_monotonic_time(void)
{
    return now;
}

typedef struct Numbers {
    unsigned regions, added, given_back;
} Numbers;

static Numbers numbers(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    const char *line;
    Numbers n;

    tb_buffer_print(text);
    line = strstr(text->str, "regions ");
    g_assert_nonnull(line);
    g_assert_cmpint(sscanf(line, "regions %u of %*u KiB, at most %*u; %u added, %u given back", &n.regions, &n.added,
                           &n.given_back), ==, 3);
    return n;
}

static TranslationBlock *add_block_of(size_t size)
{
    static TcgCode code;
    static uint8_t bytes[BLOCK] QEMU_ALIGNED(TCG_CODE_ALIGN);
    TranslationBlock *tb = g_new0(TranslationBlock, 1);

    code.rw = bytes;
    code.size = size;
    tb->invalid = !blocks_live;
    while (!tb_buffer_has_room(size)) {
        tb_buffer_next();
        tb_buffer_advance();
    }
    tb_buffer_add(tb, &code);
    return tb;
}

static TranslationBlock *add_block(void)
{
    return add_block_of(BLOCK);
}

static void fill(unsigned regions)
{
    for (unsigned i = 0; i < regions * IN_REGION; i++) {
        add_block();
    }
}

static void start(bool live)
{
    blocks_live = live;
    now += G_TIME_SPAN_DAY;
    tb_buffer_clear();
}

static void test_young_blocks_stay(void)
{
    const TranslationBlock *first;
    uint64_t middle;

    start(true);
    first = add_block();
    middle = (uintptr_t)first->rx + BLOCK / 2;
    fill(REGIONS);
    g_assert_cmpuint(numbers().regions, >, REGIONS);
    g_assert_true(tb_of_host_pc(middle) == first);
    fill(4 * LARGEST / SIZE * REGIONS);                 /* there is an end to it */
    g_assert_cmpuint(numbers().regions, ==, LARGEST / (SIZE / REGIONS));
}

static void test_a_region_is_given_back_at_each_turn_while_all_are_old(void)
{
    Numbers before = numbers(), after;

    g_assert_cmpuint(before.regions, >, REGIONS);
    now += 10 * G_TIME_SPAN_MINUTE;
    fill(1);
    after = numbers();
    g_assert_cmpuint(after.given_back, ==, before.given_back + 1);
    for (unsigned i = 0; i < 200; i++) {
        now += 10 * G_TIME_SPAN_MINUTE;
        fill(1);
    }
    g_assert_cmpuint(numbers().regions, ==, REGIONS);
}

static void test_blocks_that_are_gone_are_no_reason_to_grow(void)
{
    unsigned added = numbers().added;

    start(false);
    fill(5 * REGIONS);
    g_assert_cmpuint(numbers().added, ==, added);
}

static void test_old_blocks_are_no_reason_to_grow(void)
{
    unsigned added = numbers().added;

    start(true);
    for (unsigned i = 0; i < 3 * REGIONS; i++) {
        now += 11 * G_TIME_SPAN_SECOND;
        fill(1);
    }
    g_assert_cmpuint(numbers().added, ==, added);
}

static void test_the_last_block_can_be_taken_back(void)
{
    const TranslationBlock *tb;
    const uint8_t *where;

    start(true);
    add_block();
    tb = add_block();
    where = tb->rx;
    g_assert_true(tb_buffer_last() == tb);
    tb_buffer_take_back();
    g_assert_null(tb_of_host_pc((uintptr_t)where + 1));
    g_assert_true(add_block()->rx == where);
}

/* What is kept about the smallest is several times as large as they are. */
static void test_what_is_kept_about_small_blocks_has_a_bound(void)
{
    size_t kept, bound = 0;

    start(true);
    for (size_t sum = 0; sum <= 2 * LARGEST; sum += sizeof(TranslationBlock)) {
        g_autoptr(GString) text = NULL;

        add_block_of(TCG_CODE_ALIGN);
        if (sum % MiB < sizeof(TranslationBlock)) {
            text = g_string_new(NULL);
            tb_buffer_print(text);
            g_assert_cmpint(sscanf(strstr(text->str, "kept about blocks "), "kept about blocks %zu/%zu", &kept, &bound),
                            ==, 2);
            g_assert_cmpuint(kept, <=, bound + 8);      /* KiB: the last block of each region */
        }
    }
    g_assert_cmpuint(bound, ==, 2 * LARGEST / KiB);
    g_assert_cmpuint(kept, >, LARGEST / KiB);
}

int main(int argc, char **argv)
{
    static const TcgEnvLayout layout;
    IrContext *ir = ir_context_new();
    int result;

    g_test_init(&argc, &argv, NULL);
    tb_buffer_init(SIZE, LARGEST, ir, &layout, &error_abort);
    g_test_add_func("/tb-buffer/grows", test_young_blocks_stay);
    g_test_add_func("/tb-buffer/gives-back", test_a_region_is_given_back_at_each_turn_while_all_are_old);
    g_test_add_func("/tb-buffer/gone", test_blocks_that_are_gone_are_no_reason_to_grow);
    g_test_add_func("/tb-buffer/old", test_old_blocks_are_no_reason_to_grow);
    g_test_add_func("/tb-buffer/take-back", test_the_last_block_can_be_taken_back);
    g_test_add_func("/tb-buffer/small", test_what_is_kept_about_small_blocks_has_a_bound);
    result = g_test_run();
    ir_context_free(ir);
    return result;
}
