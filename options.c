/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line of the system emulator: one table that the parser, -help and the manual page read. The functions in
 * it are here, in options-machine.c and in options-devices.c.
 *
 * Names, arguments and defaults are those users of such programs know (docs/options.md). What this version lacks is in
 * the table too, so that it is refused by name and not taken for a misspelling.
 */
#include "qemu/osdep.h"
#include "chardev/char.h"
#include "exec/translate-all.h"
#include "hw/nvram/fw_cfg.h"
#include "hw/watchdog/watchdog.h"
#include "monitor/monitor.h"
#include "options-int.h"
#include "qemu/log.h"
#include "sysemu/blockdev.h"
#include "sysemu/runstate.h"
#include "trace/trace.h"

/* ---- when things end --------------------------------------------------------------------------------------------- */

static const KeyDef action_keys[] = {
    { "reboot", KEY_STRING, .values = "reset|shutdown", .help = "when the guest resets the machine (default: reset)" },
    { "shutdown", KEY_STRING, .values = "poweroff|pause",
      .help = "when the guest switches it off (default: poweroff)" },
    { "panic", KEY_STRING, .values = "shutdown|pause|exit-failure|none",
      .help = "when the guest reports by pvpanic that it is dead (default: shutdown)" },
    { "watchdog", KEY_STRING, .values = "reset|shutdown|poweroff|inject-nmi|pause|debug|none",
      .help = "when a watchdog is not fed (default: reset)" },
    { .name = NULL },
};

static const char *const panic_actions[] = {
    [PANIC_SHUTDOWN] = "shutdown", [PANIC_PAUSE] = "pause", [PANIC_EXIT_FAILURE] = "exit-failure",
    [PANIC_NONE] = "none",
};

static bool opt_action(void *dest, const char *arg, Error **errp)
{
    VmOptions *o = dest;
    g_autoptr(KeyList) l = keylist_parse(arg, NULL, action_keys, errp);
    const char *v;

    if (!l) {
        return false;
    }
    v = keylist_get(l, "reboot");
    o->no_reboot = v ? g_str_equal(v, "shutdown") : o->no_reboot;
    v = keylist_get(l, "shutdown");
    o->no_shutdown = v ? g_str_equal(v, "pause") : o->no_shutdown;
    v = keylist_get(l, "panic");
    for (unsigned i = 0; v && i < ARRAY_SIZE(panic_actions); i++) {
        opt_panic_action = g_str_equal(v, panic_actions[i]) ? i : opt_panic_action;
    }
    v = keylist_get(l, "watchdog");
    return !v || watchdog_set_action(v, errp);
}

static bool opt_watchdog_action(void *dest, const char *arg, Error **errp)
{
    return watchdog_set_action(arg, errp);
}

/* ---- states ------------------------------------------------------------------------------------------------------ */

static bool opt_incoming(void *dest, const char *arg, Error **errp)
{
    VmOptions *o = dest;

    o->incoming = arg;
    if (g_str_has_prefix(arg, "file:")) {
        return true;
    }
    error_set(errp, "only file:PATH is supported by this version");
    error_append_hint(errp, "The monitor command 'migrate file:PATH' saves such a state.");
    return false;
}

/* ---- logs -------------------------------------------------------------------------------------------------------- */

static bool opt_log(void *dest, const char *arg, Error **errp)
{
    if (g_str_equal(arg, "help") || g_str_equal(arg, "?")) {
        log_print_help();
        exit(0);
    }
    return log_set_mask(arg, errp);
}

static bool opt_log_file(void *dest, const char *arg, Error **errp)
{
    return log_set_file(arg, errp);
}

static bool opt_log_filter(void *dest, const char *arg, Error **errp)
{
    return log_set_filter(arg, errp);
}

static bool opt_trace(void *dest, const char *arg, Error **errp)
{
    if (trace_is_help(arg)) {
        trace_print_help();
        exit(0);
    }
    return trace_parse_option(arg, errp);
}

/* ---- help -------------------------------------------------------------------------------------------------------- */

#define SUMMARY "emulates a PC: runs an operating system for x86 processors by translating its machine code"

static void print_version(void)
{
    printf("QEMU-compatible emulator %s version " QEMU_VERSION "\n"
           "Free software under the GNU General Public License, version 2 or later; no warranty.\n",
           error_get_progname());
}

static bool opt_version(void *dest, const char *arg, Error **errp)
{
    print_version();
    exit(0);
}

static bool opt_help(void *dest, const char *arg, Error **errp)
{
    print_version();
    printf("usage: %s [options]\n", error_get_progname());
    options_print_help(vm_option_table, stdout);
    printf("\nWith -nographic: ctrl-a x leaves the emulator, ctrl-a h shows the other keys.\n");
    exit(0);
}

/* The manual page; make writes it to docs/. */
static bool opt_help_man(void *dest, const char *arg, Error **errp)
{
    printf(".TH QEMU\\-SYSTEM\\-X86_64 1 \"\" \"version " QEMU_VERSION "\" \"User Commands\"\n.ad l\n"
           ".SH NAME\nqemu\\-system\\-x86_64, qemu\\-system\\-i386 \\- " SUMMARY "\n"
           ".SH SYNOPSIS\n.B qemu\\-system\\-x86_64\n[\\fIoptions\\fR]\n"
           ".SH DESCRIPTION\n"
           "The program builds a virtual PC from its options and runs the operating system in it until that\n"
           "switches the machine off. \\fBqemu\\-system\\-i386\\fR is the same program with a 32\\-bit processor\n"
           "as its default.\n"
           ".SH OPTIONS\n"
           "One or two dashes may stand before a name. Lists are \\fIkey\\fR=\\fIvalue\\fR items separated by\n"
           "commas; a comma inside a value is written twice. Sizes take the suffixes k, M, G and T.\n");
    options_print_man(vm_option_table, stdout);
    printf(".SH KEYS\nWith \\fB\\-nographic\\fR: ctrl\\-a x leaves the emulator, ctrl\\-a h shows the other keys.\n"
           ".SH EXIT STATUS\n"
           "0 when the guest switched the machine off, the user left, or a signal asked the program to end; 1 when\n"
           "an option or the start failed; with the device isa\\-debug\\-exit twice the value the guest wrote, plus\n"
           "one.\n");
    exit(0);
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

#define FN(f)      .kind = OPTION_FN, .fn = (f)
#define FLAG(f)    .kind = OPTION_FLAG, .offset = offsetof(VmOptions, f)
#define STRING(f)  .kind = OPTION_STRING, .offset = offsetof(VmOptions, f)
#define REFUSED(n, a) { (n), .arg = (a), .kind = OPTION_REFUSED }

const OptionDef vm_option_table[] = {
    { .group = "Machine" },
    { "machine", "M", .arg = "[type=]NAME[,...]", .help = "choose the machine", .keys = machine_keys, FN(opt_machine) },
    { "cpu", .arg = "MODEL[,+FEATURE|-FEATURE...]", .help = "choose the processor; 'help' lists models", FN(opt_cpu) },
    { "accel", .arg = "[accel=]NAME[,...]", .help = "choose what runs the guest's code", .keys = accel_keys,
      FN(opt_accel) },
    { "smp", .arg = "[cpus=]N[,...]", .help = "number of virtual processors (default: 1) and how the guest sees them",
      .keys = smp_keys, FN(opt_smp) },
    { "m", .arg = "[size=]SIZE", .help = "guest memory", .keys = memory_keys, FN(opt_memory) },
    { "rtc", .arg = "base=...[,...]", .help = "time of the guest's clock at start", .keys = rtc_keys, FN(opt_rtc) },
    { "name", .arg = "NAME[,...]", .help = "a name for the guest", .keys = name_keys, FN(opt_name) },
    { "uuid", .arg = "UUID", .help = "the machine's identity in its SMBIOS tables", FN(opt_uuid) },
    { "smbios", .arg = "type=N[,...]|file=FILE", .help = "fields or structures of the machine's SMBIOS tables",
      .keys = smbios_keys, FN(opt_smbios) },
    { "no-acpi", .help = "same as -machine acpi=off", FLAG(board.no_acpi) },
    { "no-hpet", .help = "same as -machine hpet=off", FLAG(board.no_hpet) },
    { "no-fd-bootchk", .help = "boot a floppy disk without the boot signature too", FLAG(board.no_fd_bootchk) },

    { .group = "Boot" },
    { "kernel", .arg = "FILE", .help = "start this Linux kernel (bzImage) or multiboot image", STRING(board.kernel) },
    { "initrd", .arg = "FILE", .help = "its initial RAM disk; for multiboot: modules, separated by commas",
      STRING(board.initrd) },
    { "append", .arg = "TEXT", .help = "its command line", STRING(board.append) },
    { "bios", .arg = "FILE", .help = "firmware image (default: bios-256k.bin of the seabios package)",
      STRING(board.bios) },
    { "option-rom", .arg = "FILE", .help = "an option ROM the firmware runs", FN(opt_option_rom) },
    { "fw_cfg", .arg = "[name=]NAME,string=TEXT|file=FILE", .help = "a file for the guest's firmware or its system",
      .keys = fw_cfg_keys, FN(opt_fw_cfg) },
    { "L", .arg = "FOLDER", .help = "look for firmware here first; 'help' prints where it is looked for",
      FN(opt_firmware_dir) },
    { "boot", .arg = "[order=]DRIVES[,...]", .help = "what the firmware boots from", .keys = boot_keys, FN(opt_boot) },

    { .group = "Drives" },
    { "hda", .arg = "FILE", .help = "image of the first hard disk; -hdb, -hdc, -hdd: of the others", FN(opt_hda) },
    { "hdb", .arg = "FILE", FN(opt_hdb) },
    { "hdc", .arg = "FILE", FN(opt_hdc) },
    { "hdd", .arg = "FILE", FN(opt_hdd) },
    { "cdrom", .arg = "FILE", .help = "image in the CD-ROM drive (in the place of -hdc)", FN(opt_cdrom) },
    { "fda", .arg = "FILE", .help = "image in floppy drive A; -fdb: in drive B", FN(opt_fda) },
    { "fdb", .arg = "FILE", FN(opt_fdb) },
    { "blockdev", .arg = "driver=DRIVER,node-name=NAME[,...]", .help = "an image as a node (options also as JSON), for "
      "-device ...,drive=NAME; what it stands on is file.driver=,file.filename= or file=NAME", FN(opt_blockdev) },
    { "snapshot", .help = "write to temporary files instead of the images", FN(opt_snapshot) },
    { "object", .arg = "TYPE,id=ID[,...]", .help = "make an object that others name: throttle-group, limits of rate "
      "for -drive throttling.group=ID and -blockdev driver=throttle,throttle-group=ID; 'TYPE,help' lists its keys",
      FN(opt_object) },
    { "drive", .arg = "[file=FILE][,...]", .help = "a drive and its image; driver=, file.driver= "
      "and other options of nodes as for -blockdev", .keys = drive_keys, FN(opt_drive) },

    { .group = "Devices" },
    { "serial", .arg = "DEV",
      .help = "connect the next serial port (up to 4) to the host's DEV: stdio, mon:stdio, null, none, "
      "file:PATH, pipe:PATH, pty, /dev/TTY (a port of the host), unix:PATH[,server=on|off][,wait=on|off], "
      "tcp:HOST:PORT[,server=on|off][,wait=on|off], udp:HOST:PORT[@HOST:PORT]",
      FN(opt_serial) },
    { "chardev", .arg = "TYPE,id=ID[,...]",
      .help = "open a character device for others to use: -serial chardev:ID, or a property chardev=ID. TYPE is null, "
      "stdio, file, pipe, pty, ringbuf, socket or udp ('help' lists them); path=, host=, port=, localaddr=, "
      "localport=, size=, server=on|off, wait=on|off, mux=on|off, logfile=FILE and logappend=on|off go with them",
      FN(opt_chardev) },
    { "echr", .arg = "CODE", .help = "the key before escape keys, a character code (default: 1, ctrl-a)",
      FN(opt_escape) },
    { "debugcon", .arg = "DEV", .help = "show what the guest's firmware writes to port 0xe9; DEV as for -serial",
      STRING(debugcon) },
    { "device", .arg = "NAME[,PROPERTY=VALUE...]",
      .help = "add a device (options also as JSON); 'help' lists them, NAME,help its properties",
      FN(opt_device) },
    { "global", .arg = "DRIVER.PROPERTY=VALUE",
      .help = "the default of a property of all devices of a type, the board's too; or "
              "driver=DRIVER,property=PROPERTY,value=VALUE", .keys = global_keys, FN(opt_global) },
    { "nographic", .help = "no display; first serial port and escape keys on this terminal", FLAG(nographic) },
    { "display", .arg = "TYPE", .help = "who shows the screen: none (default), vnc=..., or curses: text modes on this "
      "terminal, Alt-2 and up monitor and ports; 'help' lists what there is", FN(opt_display) },
    { "vnc", .arg = "[HOST]:DISPLAY[,...]", .help = "show the screen to VNC clients, on port 5900 + DISPLAY",
      .keys = vnc_keys, FN(opt_vnc) },
    { "vga", .arg = "CARD", .help = "graphics card: std (default) or none", FN(opt_vga) },
    { "net", "nic", .arg = "none", .help = "no network", FN(opt_net) },
    { "parallel", .arg = "DEV",
      .help = "what is printed to the next parallel port (up to 3) goes to the host's DEV; as for -serial",
      FN(opt_parallel) },
    { "monitor", .arg = "DEV", .help = "a monitor on the host's DEV, as for -serial; none: no monitor",
      FN(opt_monitor) },
    { "mon", .arg = "[chardev=]ID[,...]", .help = "a monitor on a -chardev", .keys = monitor_keys, FN(opt_mon) },
    { "nodefaults", .help = "no devices but those asked for", FLAG(board.nodefaults) },

    { .group = "Running" },
    { "S", .help = "build the machine but do not start it", FLAG(start_stopped) },
    { "incoming", .arg = "file:PATH", .help = "start with the state that the monitor command 'migrate' has saved there",
      FN(opt_incoming) },
    { "loadvm", .arg = "TAG", .help = "start from a snapshot that the monitor command 'savevm' has made",
      STRING(loadvm) },
    { "no-reboot", .help = "leave when the guest resets the machine", FLAG(no_reboot) },
    { "no-shutdown", .help = "stop but do not leave when the guest switches the machine off", FLAG(no_shutdown) },
    { "action", .arg = "EVENT=ACTION[,...]", .help = "what to do when", .keys = action_keys, FN(opt_action) },
    { "watchdog-action", .arg = "ACTION", .help = "the same as -action watchdog=ACTION", FN(opt_watchdog_action) },
    { "pidfile", .arg = "FILE", .help = "write the process number to FILE; removed at the end", STRING(pidfile) },
    { "daemonize", .help = "go on in the background once the machine is built; errors of the start are still shown",
      FLAG(daemonize) },
    { "no-user-config", .help = "accepted: no configuration files are read", FLAG(no_user_config) },

    { .group = "Looking inside" },
    { "d", .arg = "ITEM[,...]",
      .help = "log what the emulator does; 'help' lists items, trace:PATTERN adds trace events", FN(opt_log) },
    { "D", .arg = "FILE", .help = "where the log goes (default: standard error); %d becomes the process number",
      FN(opt_log_file) },
    { "dfilter", .arg = "RANGE[,...]",
      .help = "log code at these guest addresses only: START+LENGTH, START-LENGTH or START..END",
      FN(opt_log_filter) },
    { "trace", .arg = "[enable=]PATTERN[,events=FILE][,file=FILE]", .help = "switch on trace events; 'help' lists them",
      FN(opt_trace) },
    { "qtest", .arg = "DEV", .help = "a test on the host's DEV drives the machine, see docs/qtest.md", STRING(qtest) },
    { "qtest-log", .arg = "FILE", .help = "where its requests and answers are written (default: standard error); none",
      STRING(qtest_log) },
    { "singlestep", .help = "translate one guest instruction per block", FN(opt_singlestep) },
    { "help", "h", .help = "print this list", FN(opt_help) },
    { "version", .help = "print the version", FN(opt_version) },
    { "help-man", FN(opt_help_man) },

    /* Known to users, missing here. */
    REFUSED("pflash", "FILE"), REFUSED("sd", "FILE"),
    REFUSED("mtdblock", "FILE"), REFUSED("fsdev", "..."), REFUSED("virtfs", "..."), REFUSED("iscsi", "..."),
    REFUSED("netdev", "..."), REFUSED("spice", "..."), REFUSED("full-screen", NULL),
    REFUSED("k", "LANGUAGE"), REFUSED("usb", NULL), REFUSED("usbdevice", "NAME"), REFUSED("audio", "..."),
    REFUSED("audiodev", "..."), REFUSED("soundhw", "..."), REFUSED("qmp", "DEV"),
    REFUSED("qmp-pretty", "DEV"), REFUSED("gdb", "DEV"), REFUSED("s", NULL), REFUSED("enable-kvm", NULL),
    REFUSED("icount", "..."),
    REFUSED("acpitable", "..."),
    REFUSED("set", "..."), REFUSED("readconfig", "FILE"),
    REFUSED("numa", "..."), REFUSED("mem-path", "FILE"), REFUSED("mem-prealloc", NULL),
    REFUSED("seed", "NUMBER"), REFUSED("msg", "..."), REFUSED("tpmdev", "..."),
    REFUSED("sandbox", "..."), REFUSED("runas", "USER"), REFUSED("chroot", "FOLDER"), REFUSED("preconfig", NULL),
    REFUSED("overcommit", "..."), REFUSED("plugin", "..."), REFUSED("add-fd", "..."), REFUSED("compat", "..."),
    REFUSED("only-migratable", NULL), REFUSED("dump-vmstate", "FILE"), REFUSED("win2k-hack", NULL),
    REFUSED("async-teardown", NULL), REFUSED("audio-help", NULL), REFUSED("dtb", "FILE"),
    REFUSED("enable-sync-profile", NULL), REFUSED("portrait", NULL), REFUSED("rotate", "DEGREES"),
    REFUSED("writeconfig", "FILE"), REFUSED("xen-attach", NULL), REFUSED("xen-domid", "ID"),
    REFUSED("xen-domid-restrict", NULL),
    { .name = NULL },
};

/* ---- all of it --------------------------------------------------------------------------------------------------- */

/* NULL: the accelerator's. */
static const char *default_cpu_model(void)
{
    return g_str_has_suffix(error_get_progname(), "i386") ? "qemu32" : NULL;
}

/* What only makes sense when everything has been read. */
static bool check_together(VmOptions *o, Error **errp)
{
    if (!o->accel && o->accel_missing) {
        error_set(errp, "%s%s: accelerator '%s' is not supported by this version, use 'tcg'", o->accel_option,
                  o->accel_missing, o->accel_missing);
        return false;
    }
    o->accel = o->accel ? o->accel : &accel_tcg;
    if (!o->rtc_clock_given) {
        o->board.rtc_clock = o->accel->runs_code ? CLOCK_HOST : CLOCK_VM;
    }
    if (o->board.initrd && !o->board.kernel) {
        error_set(errp, "-initrd only allowed with -kernel option");
        return false;
    }
    if (o->board.append && !o->board.kernel) {
        error_set(errp, "-append only allowed with -kernel option");
        return false;
    }
    if (o->daemonize && (o->nographic || o->curses)) {
        error_set(errp, "%s cannot be used with -daemonize", o->nographic ? "-nographic" : "-display curses");
        error_append_hint(errp, "Use '-display none', and -serial and -monitor with sockets, files or pty.");
        return false;
    }
    if (o->nographic && o->curses) {
        error_set(errp, "-nographic and -display curses both want this terminal");
        return false;
    }
    if (!o->board.cpu_model) {
        o->board.cpu_model = o->machine->cpu_model ? o->machine->cpu_model : default_cpu_model();
    }
    if (o->max_cpus > o->machine->max_cpus) {
        error_set(errp, "Invalid SMP CPUs %u. The max CPUs supported by machine '%s' is %u", o->max_cpus,
                  o->machine->name, o->machine->max_cpus);
        return false;
    }
    return true;
}

static const KeyList *find_device(const VmOptions *o, const char *driver)
{
    for (unsigned i = 0; o->devices && i < o->devices->len; i++) {
        const KeyList *l = g_ptr_array_index(o->devices, i);

        if (g_str_equal(keylist_get(l, "driver"), driver)) {
            return l;
        }
    }
    return NULL;
}

/* Images are opened, and locked, before there are devices. */
static void share_drives(const VmOptions *o)
{
    for (unsigned i = 0; o->devices && i < o->devices->len; i++) {
        const KeyList *l = g_ptr_array_index(o->devices, i);
        const char *drive = keylist_get(l, "drive"), *share = keylist_get(l, "share-rw");

        if (drive && share && strchr("oyt", share[0]) && strcmp(share, "off")) {    /* on, yes, true */
            drive_share(drive);
        }
    }
}

/* A controller at the usual ports, which only one can have. */
static bool takes_floppy_ports(const KeyList *fdc)
{
    const char *port = fdc ? keylist_get(fdc, "iobase") : NULL;

    return fdc && (!port || g_ascii_strtoull(port, NULL, 0) == 0x3f0);
}

/* Who brings drives or ports of a kind wants none that are there by default. */
static void choose_default_devices(VmOptions *o)
{
    MachineOptions *b = &o->board;
    const KeyList *fdc = find_device(o, "isa-fdc");

    b->no_vga = o->vga_given ? b->no_vga : b->nodefaults || find_device(o, "VGA");
    b->no_floppy = b->nodefaults || fdc || find_device(o, "floppy");
    b->no_cdrom = b->nodefaults || find_device(o, "ide-cd") || find_device(o, "ide-hd");
    b->own_fdc = takes_floppy_ports(fdc);
    o->own_serial = find_device(o, "isa-serial");
    o->own_parallel = find_device(o, "isa-parallel");
}

bool vm_options_parse(VmOptions *o, int argc, char **argv, Error **errp)
{
    *o = (VmOptions){
        .board = {
            .ram_size = RAM_SIZE_DEFAULT, .ram_text = "128M",
        },
        .cpus = 1, .max_cpus = 1, .sockets = 1, .cores = 1, .threads = 1,
        .machine = machine_find(NULL),
    };
    assert(o->machine);
    if (!options_parse(vm_option_table, o, argc, argv, opt_hda, errp) || !check_together(o, errp)) {
        return false;
    }
    o->board.machine = o->machine->name;
    if (!o->graphics_given) {
        o->board.nographic = o->nographic;
    }
    choose_default_devices(o);
    share_drives(o);
    return true;
}

void vm_options_free(VmOptions *o)
{
    vnc_options_clear(&o->vnc);
    if (o->objects) {
        g_ptr_array_free(o->objects, TRUE);
    }
    if (o->chardevs) {
        g_ptr_array_free(o->chardevs, TRUE);
    }
    if (o->serial) {
        g_ptr_array_free(o->serial, TRUE);
    }
    if (o->parallel) {
        g_ptr_array_free(o->parallel, TRUE);
    }
    if (o->devices) {
        g_ptr_array_free(o->devices, TRUE);
    }
    if (o->monitors) {
        g_ptr_array_free(o->monitors, TRUE);
    }
    if (o->mons) {
        g_ptr_array_free(o->mons, TRUE);
    }
    memset(o, 0, sizeof(*o));
}
