/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random registers and DMA descriptors for every device: the emulator may not die, hang or grow, and the state that it
 * is left in can be saved and loaded.
 *
 *   fuzz-test --seconds=600              new seeds for so long (SLOW=1: two minutes); FUZZ_SECONDS=600 does the same
 *   fuzz-test --seed=N --sessions=1      that session again; --log=FILE keeps its requests, for -qtest stdio
 *
 * A session is one emulator and one seed, printed before it starts. One in four is a machine without PCI. Nobody reads
 * what is printed or sent: soon the serial port's and the printer's peers are full.
 */
#include "qemu/osdep.h"
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include "fuzz-ops.h"
#include "libqtest.h"
#include "qmonitor.h"

#define BATCH_BYTES     8192
/* Guest memory, and for each of two cards 16 MiB that at 4 bits a pixel make a picture of 128 MiB at 32. */
#define GROWTH_MAX      (384 * MiB)
#define MACHINES        "-M %s -m %dM -no-shutdown -serial file:%s -serial null -parallel file:%s " \
                        "-debugcon file:%s " \
                        "-drive if=ide,index=0,format=raw,file=%s -cdrom %s -drive if=floppy,format=raw,file=%s " \
                        "-drive if=floppy,format=raw,file=%s %s"
#define SLOW_BYTES      4096            /* a pipe's smallest size */

static gint64 opt_seed = 1;
static int opt_sessions = 3, opt_seconds, opt_requests = 8000;
static char *opt_log;

static const GOptionEntry entries[] = {
    { "seed", 0, 0, G_OPTION_ARG_INT64, &opt_seed, "of the first session", "N" },
    { "sessions", 0, 0, G_OPTION_ARG_INT, &opt_sessions, "how many", "N" },
    { "seconds", 0, 0, G_OPTION_ARG_INT, &opt_seconds, "as many sessions as fit", "N" },
    { "requests", 0, 0, G_OPTION_ARG_INT, &opt_requests, "in a session, about", "N" },
    { "log", 0, 0, G_OPTION_ARG_FILENAME, &opt_log, "write the requests to a file", "FILE" },
    { 0 },
};

/* ---- the monitor: what looks at guest state and changes it from the other side ---------------------------------- */

static void act_of_the_user(Fuzz *f, QMonitor *m, const char *picture)
{
    static const char *const commands[] = {
        NULL, NULL, NULL, "info pic", "info ioapic", "info pci", "info mtree", "info qtree", "info irq", "info lapic",
        "sendkey ctrl-alt-delete", "mouse_move 10 -300", "mouse_button 5", "system_powerdown", "nmi", "info registers",
        "eject -f ide1-cd0", "eject -f floppy0", "stop", "cont", "system_reset", "cont", "xp /40xb 0xfffe0",
        "device_add " FUZZ_HOT_CARD, "device_del hot",
    };
    const char *command = commands[fuzz_below(f, G_N_ELEMENTS(commands))];
    g_autofree char *screendump = g_strdup_printf("screendump %s", picture);

    g_free(qmonitor_ask(m, command ? command : screendump));
}

/* ---- a session --------------------------------------------------------------------------------------------------- */

typedef struct Session {
    Fuzz *fuzz;
    QMonitor *monitor;
    QTest *q;
    char *machine;
    const char *picture;
} Session;

static const char *image(size_t len)
{
    g_autofree uint8_t *data = g_malloc(len);

    for (size_t i = 0; i < len; i++) {
        data[i] = (uint8_t)(i >> 9 ^ i);
    }
    return qtest_temp_file(data, len);
}

/* A pipe that takes some bytes and no more. */
static const char *slow_reader(void)
{
    static const uint8_t filling[SLOW_BYTES - 16] = { 0 };
    const char *path = qtest_temp_file("", 0);
    int fd;

    g_unlink(path);
    g_assert_cmpint(mkfifo(path, 0600), ==, 0);
    fd = open(path, O_RDWR | O_CLOEXEC);        /* until the end */
    g_assert_cmpint(fcntl(fd, F_SETPIPE_SZ, SLOW_BYTES), >=, SLOW_BYTES);
    g_assert_cmpint(write(fd, filling, sizeof(filling)), ==, sizeof(filling));
    return path;
}

static char *machine_new(uint64_t seed)
{
    static const char *disk, *cd, *floppy, *small_floppy, *slow;
    bool isa = seed % 4 == 3;

    if (!disk) {
        slow = slow_reader();
        disk = image(2 * MiB);
        cd = image(MiB + 2048);
        floppy = image(1440 * KiB);
        small_floppy = image(720 * KiB);
    }
    return g_strdup_printf(MACHINES, isa ? "isapc" : "pc -smp 2", FUZZ_RAM_MIB, slow, slow, slow, disk, cd, floppy,
                           small_floppy, isa ? FUZZ_ISA_DEVICES : FUZZ_DEVICES);
}

static void send_requests(Session *s)
{
    if (opt_log) {
        FILE *log = fopen(opt_log, "a");

        g_assert_nonnull(log);
        fputs(s->fuzz->out->str, log);
        fclose(log);
    }
    qtest_batch(s->q, s->fuzz->out->str);
    g_string_truncate(s->fuzz->out, 0);
}

static unsigned count_lines(const char *text)
{
    unsigned n = 0;

    for (; *text; text++) {
        n += *text == '\n';
    }
    return n;
}

static void disturb(Session *s)
{
    size_t before = qtest_resident_bytes(s->q), now = before;
    int done = 0;

    fuzz_setup(s->fuzz);
    while (done < opt_requests) {
        while (s->fuzz->out->len < BATCH_BYTES) {
            fuzz_round(s->fuzz);
        }
        done += (int)count_lines(s->fuzz->out->str);
        send_requests(s);
        if (fuzz_below(s->fuzz, 4) == 0) {
            act_of_the_user(s->fuzz, s->monitor, s->picture);
        }
        now = qtest_resident_bytes(s->q);
        if (now > before + GROWTH_MAX) {
            g_error("%d requests made the emulator grow from %zu to %zu MiB", done, before >> 20, now >> 20);
        }
    }
    g_test_message("%d requests, %zu MiB grew by %zd KiB", done, before >> 20, (ssize_t)(now - before) / 1024);
}

/* A state that a guest can reach is one that can be loaded. */
static void check_state_loads(Session *s)
{
    const char *state = qtest_temp_file("", 0);

    g_free(qmonitor_ask(s->monitor, "system_wakeup"));      /* a sleeping machine cannot be saved */
    g_free(qmonitor_ask(s->monitor, "stop"));
    g_free(qtest_ask(s->q, "outl 0xae10 1"));               /* the machine that loads has no added cards */
    g_free(qtest_ask(s->q, "outl 0xae08 0x%x", FUZZ_HOT_SLOTS));
    g_free(qtest_ask(s->q, "vmstate_save %s", state));
    qtest_quit(s->q);
    s->q = qtest_start("%s -S -incoming file:%s", s->machine, state);
    g_free(qtest_ask(s->q, "vmstate_save %s", state));
    truncate(state, 0);
}

static void session(uint64_t seed)
{
    Session s = { .fuzz = fuzz_new(seed), .monitor = qmonitor_place(), .machine = machine_new(seed),
                  .picture = qtest_temp_file("", 0) };

    g_test_message("session --seed=%" PRIu64, seed);
    s.q = qtest_start("%s " QMONITOR_ARGS, s.machine, qmonitor_path(s.monitor));
    qmonitor_connect(s.monitor);
    disturb(&s);
    check_state_loads(&s);
    qtest_quit(s.q);
    qmonitor_free(s.monitor);
    truncate(s.picture, 0);
    fuzz_free(s.fuzz);
    g_free(s.machine);
}

static void test_no_guest_kills_hangs_or_swells_the_emulator(void)
{
    gint64 end = g_get_monotonic_time() + opt_seconds * G_TIME_SPAN_SECOND;

    for (int i = 0; opt_seconds ? g_get_monotonic_time() < end : i < opt_sessions; i++) {
        session((uint64_t)opt_seed + (unsigned)i);
    }
}

static void read_options(int *argc, char ***argv)
{
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    const char *seconds = g_getenv("FUZZ_SECONDS"), *slow = g_getenv("SLOW");
    g_autoptr(GError) err = NULL;

    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_set_ignore_unknown_options(context, TRUE);
    opt_seconds = seconds ? atoi(seconds) : slow && *slow ? 120 : 0;
    if (!g_option_context_parse(context, argc, argv, &err)) {
        g_printerr("%s\n", err->message);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    read_options(&argc, &argv);     /* first: GLib knows another --seed */
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fuzz/no-guest-kills-hangs-or-swells-the-emulator",
                    test_no_guest_kills_hangs_or_swells_the_emulator);
    return g_test_run();
}
