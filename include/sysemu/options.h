/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the command line of the system emulator says, checked and turned into numbers and choices, but not yet acted on.
 * Filled once by vm_options_parse(); vl.c carries it out. Main thread, before other threads exist.
 */
#ifndef SYSEMU_OPTIONS_H
#define SYSEMU_OPTIONS_H

#include "hw/i386/pc.h"
#include "qemu/option.h"
#include "sysemu/accel.h"
#include "ui/vnc.h"

#define RAM_SIZE_DEFAULT (128 * MiB)
/* SeaBIOS moves itself to the end of memory below 4 GiB and needs room between 1 MiB and there. */
#define RAM_SIZE_MIN     (2 * MiB)

typedef struct VmOptions {
    MachineOptions board;       /* strings are argv's or owned here; serial[] and debugcon are opened by vl.c */
    const MachineType *machine;
    /* -smp, complete: sockets * cores * threads == max_cpus */
    unsigned cpus, max_cpus, sockets, cores, threads;
    GPtrArray *objects;         /* const char *: the arguments of -object, in order; NULL: none */
    GPtrArray *chardevs;        /* const char *: the arguments of -chardev; NULL when there were none, as below */
    GPtrArray *serial;          /* const char *: the arguments of -serial */
    GPtrArray *parallel;        /* the same of -parallel */
    GPtrArray *monitors;        /* const char *: the arguments of -monitor */
    GPtrArray *mons;            /* KeyList *: -mon */
    const char *debugcon;
    GPtrArray *devices;         /* KeyList *: -device */
    const AccelType *accel;     /* the first of those asked for that this program has; never NULL when parsed */
    const char *accel_missing, *accel_option;   /* one that it has not, and where it was asked for */
    const char *qtest, *qtest_log, *incoming, *loadvm;
    const char *pidfile;
    /* -nographic; board.nographic is what the firmware is told, -machine graphics= decides */
    bool nographic;
    bool graphics_given, vga_given, rtc_clock_given;
    bool own_serial, own_parallel;      /* by -device: there is none by default */
    bool curses;                /* -display curses */
    VncOptions vnc;             /* host NULL: no server */
    bool start_stopped, no_reboot, no_shutdown, no_user_config, daemonize;
} VmOptions;

/*
 * Reads the command line. Options that only print (-help, -version, "help" arguments) print and leave the program.
 * False with an Error when something does not fit; error_report_err() then names the option.
 */
bool vm_options_parse(VmOptions *o, int argc, char **argv, Error **errp);
void vm_options_free(VmOptions *o);
/* The table itself, for the tests. */
extern const OptionDef vm_option_table[];

/* -device: device-options.c */
bool device_option_check(const KeyList *l, Error **errp);   /* the driver exists and users may create it */
bool device_option_create(const KeyList *l, Error **errp);  /* after the board */
bool device_option_plug(const KeyList *l, Error **errp);    /* device_add: when the machine exists */
bool device_option_help(const KeyList *l, GString *out);    /* help text when asked for: true */

#endif
