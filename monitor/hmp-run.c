/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Monitor commands that run, stop, reset and log: what they ask for is runstate.c's, the board's or the log's to do. */
#include "qemu/osdep.h"
#include "exec/translate-all.h"
#include "hmp.h"
#include "hw/acpi/piix4.h"
#include "hw/i386/pc.h"
#include "hw/intc/apic.h"
#include "hw/watchdog/watchdog.h"
#include "qemu/log.h"
#include "sysemu/runstate.h"
#include "trace/trace.h"

void hmp_stop(Monitor *m, const Arg *a)
{
    if (vm_is_to_run()) {
        vm_stop(RUN_STATE_PAUSED);
    }
}

void hmp_cont(Monitor *m, const Arg *a)
{
    RunState s = runstate_get();

    if (s == RUN_STATE_SHUTDOWN || s == RUN_STATE_INTERNAL_ERROR || s == RUN_STATE_RESTORE_VM) {
        monitor_puts(m, "Error: Resetting the Virtual Machine is required\n");
    } else if (s != RUN_STATE_SUSPENDED) {      /* asleep: an event wakes it, or system_wakeup */
        vm_start();
    }
}

void hmp_system_reset(Monitor *m, const Arg *a)
{
    request_reset("monitor");
}

void hmp_system_powerdown(Monitor *m, const Arg *a)
{
    if (pc_state.piix4_pm) {
        piix4_pm_power_button(&pc_state.piix4_pm->parent);
    }
}

void hmp_system_wakeup(Monitor *m, const Arg *a)
{
    if (runstate_get() != RUN_STATE_SUSPENDED) {
        monitor_puts(m, "Error: Unable to wake up: guest is not in suspended state\n");
    } else {
        request_wakeup();
    }
}

void hmp_boot_set(Monitor *m, const Arg *a)
{
    Error *err = NULL;

    pc_check_boot_order(a[0].s, &err);
    if (!hmp_handle_error(m, err)) {
        pc_set_boot_order(a[0].s);
        monitor_printf(m, "boot device list now set to %s\n", a[0].s);
    }
}

void hmp_watchdog_action(Monitor *m, const Arg *a)
{
    Error *err = NULL;

    watchdog_set_action(a[0].s, &err);
    hmp_handle_error(m, err);
}

void hmp_quit(Monitor *m, const Arg *a)
{
    monitor_end(m);
    request_shutdown(SHUTDOWN_QUIT);
}

void hmp_nmi(Monitor *m, const Arg *a)
{
    apic_inject_nmi();
}

void hmp_cpu(Monitor *m, const Arg *a)
{
    if (!monitor_set_cpu(m, a[0].n)) {
        monitor_puts(m, "invalid CPU index\n");
    }
}

/* ---- logs -------------------------------------------------------------------------------------------------------- */

static void print_log_items(Monitor *m)
{
    monitor_puts(m, "Log items (comma separated):\n");
    monitor_printf(m, "%-15s %s\n", "none", "remove all logs");
    for (const LogItem *i = log_items; i->name; i++) {
        monitor_printf(m, "%-15s %s\n", i->name, i->help);
    }
}

void complete_log_item(Monitor *m, const char *prefix, GPtrArray *list)
{
    complete_add(list, prefix, "none");
    for (const LogItem *i = log_items; i->name; i++) {
        complete_add(list, prefix, i->name);
    }
}

void hmp_log(Monitor *m, const Arg *a)
{
    g_autoptr(Error) err = NULL;

    /* The list is not an error, and what is misspelt is answered with it. */
    if (!strcmp(a[0].s, "help") || !log_set_mask(a[0].s, &err)) {
        print_log_items(m);
    }
}

void hmp_logfile(Monitor *m, const Arg *a)
{
    Error *err = NULL;

    log_set_file(a[0].s, &err);
    hmp_handle_error(m, err);
}

void complete_trace_event(Monitor *m, const char *prefix, GPtrArray *list)
{
    for (TraceEvent *const *e = trace_events; *e; e++) {
        complete_add(list, prefix, (*e)->name);
    }
}

/* "on" and "off", as commands take them. */
static bool parse_switch(Monitor *m, const char *text, bool *on)
{
    g_autoptr(Error) err = NULL;

    if (!parse_bool(text, on, &err)) {
        monitor_puts(m, "Expected 'on' or 'off'\n");
    }
    return !err;
}

void hmp_trace_event(Monitor *m, const Arg *a)
{
    bool on;

    if (parse_switch(m, a[1].s, &on) && !trace_set_pattern(a[0].s, on)) {
        monitor_printf(m, "unknown event \"%s\"\n", a[0].s);
    }
}

void hmp_singlestep(Monitor *m, const Arg *a)
{
    bool on = true;

    if (a[0].given && !parse_switch(m, a[0].s, &on)) {
        return;
    }
    if (tcg_opt_singlestep != on) {
        bool running = runstate_is_running();

        if (running) {
            vm_stop(RUN_STATE_PAUSED);
        }
        tcg_opt_singlestep = on;
        tb_flush_all();
        if (running) {
            vm_start();
        }
    }
}
