/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rates of drives: the buckets by themselves, and a drive on a clock that only the test moves. */
#include "qemu/osdep.h"
#include "block/throttle-group.h"
#include "block/backend.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "qemu/user-object.h"

#define SECOND NANOSECONDS_PER_SECOND

/* How many requests of this size pass within the time, when each goes as soon as it may. */
static uint64_t count_until(Throttle *t, bool is_write, uint64_t bytes, int64_t *now, int64_t end)
{
    for (uint64_t n = 0;; n++) {
        int64_t wait = throttle_wait_ns(t, is_write, *now);

        if (*now + wait > end) {
            *now = end;
            return n;
        }
        *now += wait;
        g_assert_cmpint(throttle_wait_ns(t, is_write, *now), ==, 0);
        throttle_account(t, is_write, bytes);
    }
}

static Throttle with(ThrottleKind kind, ThrottleLimit limit)
{
    ThrottleConfig cfg = { 0 };
    Throttle t;

    cfg.limit[kind] = limit;
    g_assert_true(throttle_check(&cfg, &error_abort));
    throttle_set(&t, &cfg, 0);
    return t;
}

static void test_the_average_is_kept_over_time(void)
{
    Throttle t = with(THROTTLE_IOPS_TOTAL, (ThrottleLimit){ .avg = 100 });
    int64_t now = 0;

    g_assert_cmpuint(count_until(&t, false, 4096, &now, 100 * SECOND), <=, 10011);
    t = with(THROTTLE_BPS_WRITE, (ThrottleLimit){ .avg = 1 * MiB });
    now = 0;
    g_assert_cmpuint(count_until(&t, true, 64 * KiB, &now, 60 * SECOND), >=, 960);
    now = 0;
    t = with(THROTTLE_BPS_WRITE, (ThrottleLimit){ .avg = 1 * MiB });
    g_assert_cmpuint(count_until(&t, true, 64 * KiB, &now, 60 * SECOND), <=, 963);
}

static void test_a_limit_of_one_direction_leaves_the_other_alone(void)
{
    Throttle t = with(THROTTLE_IOPS_READ, (ThrottleLimit){ .avg = 1 });

    for (unsigned i = 0; i < 1000; i++) {
        g_assert_cmpint(throttle_wait_ns(&t, true, 0), ==, 0);
        throttle_account(&t, true, 512);
    }
    throttle_account(&t, false, 512);
    g_assert_cmpint(throttle_wait_ns(&t, false, 0), >, 0);
}

static void test_a_burst_lasts_as_long_as_it_may(void)
{
    Throttle t = with(THROTTLE_IOPS_TOTAL, (ThrottleLimit){ .avg = 10, .max = 100 });
    int64_t now = 0;

    /* Without a length: a second's worth of max at once, then the average. */
    g_assert_cmpuint(count_until(&t, false, 512, &now, 1), ==, 101);
    g_assert_cmpuint(count_until(&t, false, 512, &now, 10 * SECOND), <=, 100);
    /* For five seconds: never faster than max, and then the average again. */
    t = with(THROTTLE_IOPS_TOTAL, (ThrottleLimit){ .avg = 10, .max = 100, .length_s = 5 });
    now = 0;
    g_assert_cmpuint(count_until(&t, false, 512, &now, 1), ==, 11);
    g_assert_cmpuint(count_until(&t, false, 512, &now, 4 * SECOND), <=, 400);
    g_assert_cmpuint(count_until(&t, false, 512, &now, 20 * SECOND), <, 400);
    now += 100 * SECOND;
    g_assert_cmpuint(count_until(&t, false, 512, &now, now + 1), ==, 11);
}

static void test_large_requests_count_as_several(void)
{
    ThrottleConfig cfg = { .limit[THROTTLE_IOPS_TOTAL].avg = 100, .iops_size = 4096 };
    int64_t now = 0;
    Throttle t;

    throttle_set(&t, &cfg, 0);
    g_assert_cmpuint(count_until(&t, false, 40960, &now, 10 * SECOND), <=, 102);
}

static void test_settings_that_contradict_each_other_are_refused(void)
{
    static const struct {
        ThrottleConfig cfg;
        const char *text;
    } rows[] = {
        { { .limit[THROTTLE_BPS_TOTAL].avg = 1, .limit[THROTTLE_BPS_READ].avg = 1 }, "total values and read/write" },
        { { .limit[THROTTLE_IOPS_WRITE].max = 1 }, "require corresponding" },
        { { .limit[THROTTLE_IOPS_WRITE] = { .avg = 2, .max = 1 } }, "cannot be lower" },
        { { .limit[THROTTLE_BPS_TOTAL].avg = 2000000000000000 }, "must be within" },
        { { .limit[THROTTLE_BPS_TOTAL] = { .avg = 1, .length_s = 2 } }, "without burst rate" },
        { { .limit[THROTTLE_BPS_TOTAL] = { .avg = 1, .max = 1000000, .length_s = UINT64_MAX } }, "too high" },
        { { .limit[THROTTLE_BPS_TOTAL].avg = 1, .iops_size = 1 }, "iops size requires" },
    };

    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        Error *err = NULL;

        g_assert_false(throttle_check(&rows[i].cfg, &err));
        g_assert_nonnull(strstr(error_get_message(err), rows[i].text));
        error_free(err);
    }
}

/* ---- a drive ----------------------------------------------------------------------------------------------------- */

static unsigned n_done;

static void done(void *opaque, int ret)
{
    unsigned *of_drive = opaque;

    g_assert_cmpint(ret, ==, 0);
    n_done++;
    *of_drive += 1;
}

static void settle(void)
{
    for (unsigned i = 0; i < 20; i++) {
        main_loop_wait(0);
    }
}

static BlockBackend *drive(const char *name, uint64_t iops)
{
    ThrottleConfig cfg = { .limit[THROTTLE_IOPS_TOTAL].avg = iops };
    BlockBackend *blk = blk_new(name);

    blk_insert(blk, block_open("null-co://", &(BlockOpenOptions){ .format = "null-co" }, &error_abort));
    blk_set_throttle(blk, &cfg);
    return blk;
}

static void submit_counted(BlockBackend *blk, unsigned n, unsigned *of_drive)
{
    static uint8_t buf[512];
    static struct iovec iov = { buf, sizeof(buf) };

    n_done = 0;
    for (unsigned i = 0; i < n; i++) {
        (i % 2 ? blk_readv : blk_writev)(blk, 0, &iov, 1, done, of_drive);
    }
    settle();
}

static void submit(BlockBackend *blk, unsigned n)
{
    static unsigned of_drive;

    submit_counted(blk, n, &of_drive);
}

static void test_a_drive_answers_at_its_rate_of_virtual_time(void)
{
    BlockBackend *blk = drive("rate", 10);
    int64_t start = clock_get_ns(CLOCK_VM);

    submit(blk, 10);
    g_assert_cmpuint(n_done, ==, 2);            /* a tenth of a second's worth, and the one that makes it full */
    for (unsigned i = 3; i <= 10; i++) {
        clock_vm_set(start + (i - 2) * SECOND / 10 - 1000);
        settle();
        g_assert_cmpuint(n_done, ==, i - 1);
        clock_vm_set(start + (i - 2) * SECOND / 10 + 1000);
        settle();
        g_assert_cmpuint(n_done, ==, i);
    }
}

static void test_draining_does_not_wait_for_a_clock_that_stands(void)
{
    BlockBackend *blk = drive("drain", 1);

    submit(blk, 8);
    g_assert_cmpuint(n_done, <, 8);
    blk_drain(blk);
    g_assert_cmpuint(n_done, ==, 8);
}

static void test_no_limit_any_more_lets_all_go(void)
{
    BlockBackend *blk = drive("free", 1);

    submit(blk, 8);
    g_assert_cmpuint(n_done, <, 8);
    blk_set_throttle(blk, &(ThrottleConfig){ 0 });
    settle();
    g_assert_cmpuint(n_done, ==, 8);
}

/* Two drives with ten requests a second together: each gets its share, whichever came first. */
static void test_drives_of_a_group_share_its_limits_and_take_turns(void)
{
    BlockBackend *first = drive("first", 0), *second = drive("second", 0), *other = drive("other", 0);
    ThrottleConfig cfg = { .limit[THROTTLE_IOPS_TOTAL].avg = 10 };
    int64_t start = clock_get_ns(CLOCK_VM);
    unsigned of_drive[2] = { 0 };

    g_assert_null(blk_throttle_group(first));
    blk_set_throttle_group(first, "g");
    blk_set_throttle_group(second, "g");
    g_assert_cmpstr(blk_throttle_group(second), ==, "g");
    blk_set_throttle(first, &cfg);
    g_assert_cmpuint(blk_throttle(second)->limit[THROTTLE_IOPS_TOTAL].avg, ==, 10);
    g_assert_cmpuint(blk_throttle(other)->limit[THROTTLE_IOPS_TOTAL].avg, ==, 0);
    submit_counted(first, 20, &of_drive[0]);
    submit_counted(second, 20, &of_drive[1]);
    g_assert_cmpuint(n_done, ==, 0);            /* the group's burst went to the first */
    for (unsigned i = 1; i <= 10; i++) {
        clock_vm_set(start + i * SECOND / 10 + 1000);
        settle();
    }
    g_assert_cmpuint(n_done, ==, 10);
    g_assert_cmpuint(of_drive[0], ==, 2 + 5);
    g_assert_cmpuint(of_drive[1], ==, 5);
    submit(other, 8);
    g_assert_cmpuint(n_done, ==, 8);
    blk_drain(first);
    blk_drain(second);
    blk_set_throttle_group(second, NULL);
    submit(second, 8);
    g_assert_cmpuint(n_done, ==, 8);
}

static BlockNode *filter_node(const char *options, Error **errp)
{
    g_autoptr(GHashTable) dict = block_dict_new();

    g_assert_true(block_dict_parse_keys(dict, options, &error_abort));
    return block_open_dict(dict, &(BlockOpenOptions){ 0 }, errp);
}

/* A node and a drive share the limits of an object, which stays as long as they do. */
static void test_a_node_waits_for_its_group(void)
{
    static const char options[] = "driver=throttle,throttle-group=obj,file.driver=null-co,file.size=1M";
    BlockBackend *node = drive("node", 0), *plain = drive("plain", 0);
    int64_t start = clock_get_ns(CLOCK_VM);
    g_autoptr(Error) none = NULL, used = NULL;

    g_assert_null(filter_node(options, &none));
    g_assert_cmpstr(error_get_message(none), ==,
                    "Throttle group 'obj' does not exist: -object throttle-group,id=obj makes it");
    g_assert_true(user_object_add("throttle-group,id=obj,x-iops-total=10", &error_abort));
    blk_eject(node);
    blk_insert(node, filter_node(options, &error_abort));
    blk_set_throttle_group(plain, "obj");
    submit(node, 8);
    g_assert_cmpuint(n_done, ==, 2);
    clock_vm_set(start + SECOND / 10 + 1000);
    settle();
    g_assert_cmpuint(n_done, ==, 3);
    g_assert_cmpuint(blk_throttle(plain)->limit[THROTTLE_IOPS_TOTAL].avg, ==, 10);
    g_assert_false(user_object_remove("obj", &used));
    blk_drain(node);                            /* the clock stands still */
    g_assert_cmpuint(n_done, ==, 8);
    blk_eject(node);
    blk_set_throttle_group(plain, NULL);
    g_assert_true(user_object_remove("obj", &error_abort));
    g_assert_false(user_object_remove("obj", error_ignore));
}

static void test_objects_that_make_no_sense_are_refused(void)
{
    static const char *const cases[][2] = {
        { "throttle-group", "Parameter 'id' is missing" },
        { "throttle-group,id=7", "Parameter 'id' expects an identifier" },
        { "secret,id=s,data=x", "object type 'secret' is not supported: encrypted images are not supported" },
        { "foo,id=s", "Parameter 'qom-type' does not accept value 'foo'" },
        { "throttle-group,id=a,x-iops-total=1,limits.iops-read=1",
          "bps/iops/max total values and read/write values cannot be used at the same time" },
        { "{\"qom-type\": \"throttle-group\", \"id\": \"a\", \"limits\": {\"iops-total-max\": 9}}",
          "bps_max/iops_max require corresponding bps/iops values" },
    };

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        g_autoptr(Error) err = NULL;

        g_assert_false(user_object_add(cases[i][0], &err));
        g_assert_cmpstr(error_get_message(err), ==, cases[i][1]);
    }
}

#define TEST(fn) g_test_add_func("/throttle/" #fn, fn)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    main_loop_init(&error_abort);
    big_lock();
    clock_vm_set_manual(true);
    throttle_groups_use_clock(CLOCK_VM);
    TEST(test_the_average_is_kept_over_time);
    TEST(test_a_limit_of_one_direction_leaves_the_other_alone);
    TEST(test_a_burst_lasts_as_long_as_it_may);
    TEST(test_large_requests_count_as_several);
    TEST(test_settings_that_contradict_each_other_are_refused);
    TEST(test_a_drive_answers_at_its_rate_of_virtual_time);
    TEST(test_draining_does_not_wait_for_a_clock_that_stands);
    TEST(test_no_limit_any_more_lets_all_go);
    TEST(test_drives_of_a_group_share_its_limits_and_take_turns);
    TEST(test_a_node_waits_for_its_group);
    TEST(test_objects_that_make_no_sense_are_refused);
    return g_test_run();
}
