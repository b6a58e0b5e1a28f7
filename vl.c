/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The program: options, then the machine, then the main loop until somebody asks for the end, then an orderly exit.
 *
 * What an option means is decided in options*.c; here it is carried out, in the order in which parts need each other.
 */
#include "qemu/osdep.h"
#include <signal.h>
#include "block/backend.h"
#include "block/throttle-group.h"
#include "chardev/char.h"
#include "exec/memory.h"
#include "exec/translate-all.h"
#include "hw/core/device.h"
#include "migration/snapshot.h"
#include "migration/vmstate-stream.h"
#include "monitor/monitor.h"
#include "qemu/daemon.h"
#include "qemu/log.h"
#include "qemu/main-loop.h"
#include "qemu/user-object.h"
#include "sysemu/blockdev.h"
#include "sysemu/cpus.h"
#include "sysemu/options.h"
#include "sysemu/runstate.h"
#include "ui/display.h"

static const char *pidfile;     /* main thread; NULL when there is none to remove */
static GPtrArray *shared_chardevs;      /* Chardev *: those with "mon:", a monitor comes to each. Start-up only */
static Chardev *display_monitor;        /* the monitor a display with text consoles has by default; or NULL */

/* ---- what the options ask for ------------------------------------------------------------------------------------ */

/*
 * The first serial port without a -serial or -device isa-serial: the terminal when there is no other screen (and the
 * escape keys with it, unless -monitor says that nobody listens to them), else nobody.
 */
static const char *default_serial(const VmOptions *o)
{
    if (o->board.nodefaults || o->own_serial) {
        return "none";
    }
    if (o->nographic) {
        return o->monitors || o->mons ? "stdio" : "mon:stdio";
    }
    return "vc";
}

static const char *default_parallel(const VmOptions *o)
{
    return o->board.nodefaults || o->own_parallel ? "none" : o->nographic ? "null" : "vc";
}

static bool open_port(Chardev **chr, const char *kind, unsigned n, const char *spec, Error **errp)
{
    g_autofree char *label = g_strdup_printf("%s%u", kind, n);
    Error *err = NULL;

    *chr = chardev_open(label, spec, &err);
    if (err) {
        error_prepend(&err, "-%s %s: ", kind, spec);
        error_propagate(errp, err);
        return false;
    }
    if (*chr && g_str_has_prefix(spec, "mon:")) {
        g_ptr_array_add(shared_chardevs, *chr);
    }
    return true;
}

/* The ports the user named, or else the first one on what it is by default. */
static bool open_ports(Chardev **chr, const char *kind, const GPtrArray *specs, const char *def, Error **errp)
{
    if (!specs) {
        return open_port(&chr[0], kind, 0, def, errp);
    }
    for (unsigned i = 0; i < specs->len; i++) {
        if (!open_port(&chr[i], kind, i, g_ptr_array_index(specs, i), errp)) {
            return false;
        }
    }
    return true;
}

/*
 * A display that has a screen for it has a monitor without being asked, before the ports. So has -nographic when the
 * terminal is not the first serial port's, because that is a -device.
 */
static bool open_display_monitor(const VmOptions *o, Error **errp)
{
    const char *where = o->curses ? "vc" : o->nographic && o->own_serial && !o->serial ? "stdio" : NULL;
    bool wanted = where && !o->monitors && !o->mons && !o->board.nodefaults;

    display_monitor = wanted ? chardev_open("compat_monitor0", where, errp) : NULL;
    return display_monitor || !wanted;
}

static bool open_chardevs(VmOptions *o, Error **errp)
{
    Error *err = NULL;

    shared_chardevs = g_ptr_array_new();
    for (unsigned i = 0; o->chardevs && i < o->chardevs->len; i++) {
        const char *arg = g_ptr_array_index(o->chardevs, i);

        if (!chardev_open_option(arg, errp)) {
            error_prepend(errp, "-chardev %s: ", arg);
            return false;
        }
    }
    if (!open_display_monitor(o, errp) || !open_ports(o->board.serial, "serial", o->serial, default_serial(o), errp) ||
        !open_ports(o->board.parallel, "parallel", o->parallel, default_parallel(o), errp)) {
        return false;
    }
    if (o->debugcon) {
        o->board.debugcon = chardev_open("debugcon", o->debugcon, &err);
        if (err) {
            error_prepend(&err, "-debugcon %s: ", o->debugcon);
            error_propagate(errp, err);
            return false;
        }
    }
    return true;
}

/*
 * Monitors come last: on a shared character device the port has the keyboard until the user switches. Without -monitor
 * and -mon the only ones are those of "mon:", the one of -nographic among them, and that of a display.
 */
static bool open_monitors(const VmOptions *o, Error **errp)
{
    for (unsigned i = 0; i < shared_chardevs->len; i++) {
        monitor_new(g_ptr_array_index(shared_chardevs, i));
    }
    if (display_monitor) {
        monitor_new(display_monitor);
    }
    for (unsigned i = 0; o->monitors && i < o->monitors->len; i++) {
        const char *spec = g_ptr_array_index(o->monitors, i);
        g_autofree char *label = g_strdup_printf("compat_monitor%u", i);
        Error *err = NULL;
        Chardev *chr = chardev_open(label, spec, &err);

        if (err) {
            error_prepend(&err, "-monitor %s: ", spec);
            error_propagate(errp, err);
            return false;
        }
        if (chr && !chardev_check_free(chr, errp)) {
            error_prepend(errp, "-monitor %s: ", spec);
            return false;
        }
        if (chr) {
            monitor_new(chr);
        }
    }
    for (unsigned i = 0; o->mons && i < o->mons->len; i++) {
        if (!monitor_open_option(g_ptr_array_index(o->mons, i), errp)) {
            return false;
        }
    }
    return true;
}

static bool create_devices(const VmOptions *o, Error **errp)
{
    for (unsigned i = 0; o->devices && i < o->devices->len; i++) {
        if (!device_option_create(g_ptr_array_index(o->devices, i), errp)) {
            return false;
        }
    }
    return true;
}

static bool write_pidfile(const char *path, Error **errp)
{
    FILE *f = fopen(path, "w");

    if (!f) {
        error_set_errno(errp, errno, "cannot write pid file '%s'", path);
        return false;
    }
    fprintf(f, "%ld\n", (long)getpid());
    fclose(f);
    pidfile = path;
    return true;
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

/* Also runs when a part leaves through exit(): the terminal comes back as it was. */
static void restore_host(void)
{
    chardev_cleanup();
    if (pidfile) {
        unlink(pidfile);
        pidfile = NULL;
    }
}

static bool create_objects(const VmOptions *o, Error **errp)
{
    throttle_groups_use_clock(CLOCK_VM);
    for (unsigned i = 0; o->objects && i < o->objects->len; i++) {
        const char *arg = g_ptr_array_index(o->objects, i);

        if (!user_object_add(arg, errp)) {
            error_prepend(errp, "-object %s: ", arg);
            return false;
        }
    }
    return true;
}

static bool build_machine(VmOptions *o, Error **errp)
{
    smp_cpus = (int)o->cpus;
    smp_max_cpus = (int)o->max_cpus;
    smp_sockets = (int)o->sockets;
    smp_cores = (int)o->cores;
    smp_threads = (int)o->threads;
    opt_no_reboot = o->no_reboot;
    opt_no_shutdown = o->no_shutdown;

    memory_init();
    if (!o->accel->init(errp) || !create_objects(o, errp) || !open_chardevs(o, errp) || !drives_open(errp) ||
        !device_globals_check(errp) ||
        !o->machine->init(&o->board, errp) || !create_devices(o, errp)) {
        return false;
    }
    device_globals_warn_unused();
    if (o->pidfile && !write_pidfile(o->pidfile, errp)) {
        return false;
    }
    device_reset_all();
    VCPU_FOREACH(v) {
        if (o->accel->runs_code) {
            vcpu_start_thread(v);
        }
    }
    vcpus_pause_all();      /* before -loadvm or -incoming changes what they start with, each has come to stand */
    return true;
}

/* What the guest asked for before it was stopped happens before anybody looks at the images. */
static void drain_when_stopped(void *opaque, bool running, RunState s)
{
    if (!running) {
        blk_drain_all();
    }
}

static void log_statistics(void)
{
    g_autoptr(GString) text = NULL;

    if (log_enabled(LOG_JITSTATS)) {
        text = g_string_new(NULL);
        tcg_print_stats(text);
        qemu_log("%s", text->str);
    }
}

static int main_loop(void)
{
    int status = 0;

    while (!main_loop_should_exit(&status)) {
        main_loop_wait(-1);
    }
    return status;
}

int main(int argc, char **argv)
{
    VmOptions options;
    Error *err = NULL;
    int status;

    if (argc > 0) {
        error_set_progname(argv[0]);
    }
    if (!vm_options_parse(&options, argc, argv, &err) || (options.daemonize && !daemon_begin(&err)) ||
        !main_loop_init(&err)) {
        error_report_err(err);
        return 1;
    }
    atexit(restore_host);
    runstate_init_signals();
    big_lock();
    if (!build_machine(&options, &err)) {
        error_report_err(err);
        exit(1);
    }
    runstate_add_notifier(drain_when_stopped, NULL);
    if (!open_monitors(&options, &err) || (options.qtest && !qtest_open(options.qtest, options.qtest_log, &err))) {
        error_report_err(err);
        exit(1);
    }
    if (options.incoming && !vm_state_load_file(options.incoming, &err)) {
        error_prepend(&err, "-incoming %s: ", options.incoming);
        error_report_err(err);
        exit(1);
    }
    if (options.loadvm && !snapshot_load(options.loadvm, &err)) {
        error_report_err(err);
        exit(1);
    }
    if (options.curses && !curses_init(&err)) {
        error_report_err(err);
        exit(1);
    }
    if (options.vnc.host && !vnc_init(&options.vnc, options.board.name, &err)) {
        error_prepend(&err, "-vnc %s:%u: ", options.vnc.host, options.vnc.display);
        error_report_err(err);
        exit(1);
    }
    if (!daemon_ready(&err)) {
        error_report_err(err);
        exit(1);
    }
    if (!options.start_stopped) {
        vm_start();
    }
    status = main_loop();

    vnc_close();
    vcpus_shutdown();
    blk_close_all();
    log_statistics();
    big_unlock();
    restore_host();
    vm_options_free(&options);
    return status;
}
