/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line of the system emulator: one table that the parser, -help and the manual page read.
 *
 * Names, arguments and defaults are those users of such programs know (docs/options.md). What this version lacks is in
 * the table too, so that it is refused by name and not taken for a misspelling.
 */
#include "qemu/osdep.h"
#include <time.h>
#include "chardev/char.h"
#include "exec/translate-all.h"
#include "hw/i386/x86-board.h"
#include "hw/nvram/fw_cfg.h"
#include "hw/watchdog/watchdog.h"
#include "hw/nvram/firmware.h"
#include "monitor/monitor.h"
#include "qemu/log.h"
#include "qemu/user-object.h"
#include "sysemu/blockdev.h"
#include "sysemu/options.h"
#include "sysemu/runstate.h"
#include "trace/trace.h"

#ifdef CONFIG_CURSES
#define CURSES_NAME "curses\n"
#else
#define CURSES_NAME ""
#endif

/* ---- machine, accelerator, CPU ----------------------------------------------------------------------------------- */

static const MachineType *machine_find(const char *name)
{
    for (const MachineType *const *m = machine_types; *m; m++) {
        if (name ? g_str_equal((*m)->name, name) || !g_strcmp0((*m)->alias, name) : (*m)->is_default) {
            return *m;
        }
    }
    return NULL;
}

static void QEMU_NORETURN machine_help(void)
{
    printf("Supported machines are:\n");
    for (const MachineType *const *m = machine_types; *m; m++) {
        if ((*m)->alias) {
            printf("%-20s %s (alias of %s)\n", (*m)->alias, (*m)->desc, (*m)->name);
        }
        printf("%-20s %s%s\n", (*m)->name, (*m)->desc, (*m)->is_default ? " (default)" : "");
    }
    exit(0);
}

static void hint_machines(Error **errp)
{
    g_autoptr(GString) names = g_string_new(NULL);

    for (const MachineType *const *m = machine_types; *m; m++) {
        g_string_append_printf(names, "%s%s%s%s", names->len ? ", " : "", (*m)->alias ? (*m)->alias : "",
                               (*m)->alias ? ", " : "", (*m)->name);
    }
    error_append_hint(errp, "Known are %s; '-machine help' describes them.", names->str);
}

/*
 * "kvm:tcg" takes the first one there is, and so do several options. Whether any of them is there is known when all
 * have been read.
 */
static bool accel_choose(VmOptions *o, const char *option, const char *list, Error **errp)
{
    static const char *const others[] = { "kvm", "xen", "hax", "hvf", "nvmm", "whpx", NULL };
    g_auto(GStrv) names = g_strsplit(list, ":", -1);

    for (char **n = names; *n; n++) {
        const AccelType *a = accel_find(*n);

        if (!a && !g_strv_contains(others, *n)) {
            error_set(errp, "invalid accelerator '%s', '-accel help' lists what there is", *n);
            return false;
        }
        o->accel = o->accel ? o->accel : a;
    }
    if (!o->accel && !o->accel_missing) {
        o->accel_missing = g_intern_string(list);
        o->accel_option = option;
    }
    return true;
}

static const KeyDef machine_keys[] = {
    { "type", KEY_STRING, .help = "the machine (this key's name may be left out); 'help' lists them" },
    { "accel", KEY_STRING,
      .help = "the accelerator, or several separated by ':' of which the first available is used" },
    { "acpi", KEY_BOOL, .help = "give the guest ACPI tables (default: on)" },
    { "hpet", KEY_BOOL, .help = "high precision event timer (default: on)" },
    { "graphics", KEY_BOOL,
      .help = "off tells the firmware to talk to the serial port (default: on, off with -nographic)" },
    { "usb", KEY_STRING, .values = "off", .help = "there is no USB controller yet" },
    { "pcspk-audiodev", KEY_STRING, .help = "refused: the speaker is silent, this version makes no sound" },
    { "vmport", KEY_STRING, .values = "off|auto", .help = "there is no VMware port yet" },
    { "dump-guest-core", KEY_BOOL, .help = "accepted, no effect" },
    { "mem-merge", KEY_BOOL, .help = "accepted, no effect" },
    { .name = NULL },
};

static bool opt_machine(void *dest, const char *arg, Error **errp)
{
    VmOptions *o = dest;
    g_autoptr(KeyList) l = keylist_parse(arg, "type", machine_keys, errp);
    const char *name, *accel;

    if (!l) {
        return false;
    }
    if (keylist_wants_help(l)) {
        machine_help();
    }
    name = keylist_get(l, "type");
    if (name) {
        o->machine = machine_find(name);
        if (!o->machine) {
            error_set(errp, "unsupported machine type '%s'", name);
            hint_machines(errp);
            return false;
        }
    }
    accel = keylist_get(l, "accel");
    if (accel && !accel_choose(o, "-machine accel=", accel, errp)) {
        return false;
    }
    if (keylist_get(l, "pcspk-audiodev")) {
        error_set(errp, "parameter 'pcspk-audiodev': this version makes no sound");
        return false;
    }
    o->board.no_acpi = !keylist_get_bool(l, "acpi", !o->board.no_acpi);
    o->board.no_hpet = !keylist_get_bool(l, "hpet", !o->board.no_hpet);
    if (keylist_get(l, "graphics")) {
        o->graphics_given = true;
        o->board.nographic = !keylist_get_bool(l, "graphics", true);
    }
    return true;
}

#define TB_SIZE_MIN (1 * MiB)
#define TB_SIZE_MAX (2 * GiB)   /* jumps inside the buffer are 32-bit relative */

static const KeyDef accel_keys[] = {
    { "accel", KEY_STRING, .help = "the accelerator (this key's name may be left out); 'help' lists them" },
    { "thread", KEY_STRING, .values = "single|multi", .help = "each vCPU has a thread of its own in any case" },
    { "one-insn-per-tb", KEY_BOOL, .help = "translate one guest instruction per block, as -singlestep" },
    { "tb-size", KEY_SIZE, .unit = MiB, .help = "size of the buffer for translated code, in MiB" },
    { "split-wx", KEY_BOOL, .help = "accepted: translated code is never writable and executable through one mapping" },
    { .name = NULL },
};

static bool opt_accel(void *dest, const char *arg, Error **errp)
{
    VmOptions *o = dest;
    g_autoptr(KeyList) l = keylist_parse(arg, "accel", accel_keys, errp);
    const char *name;
    uint64_t tb_size;

    if (!l) {
        return false;
    }
    if (keylist_wants_help(l)) {
        accel_print_names();
        exit(0);
    }
    name = keylist_get(l, "accel");
    if (name && !accel_choose(o, "-accel ", name, errp)) {
        return false;
    }
    tb_size = keylist_get_uint(l, "tb-size", 0);
    if (tb_size && (tb_size < TB_SIZE_MIN || tb_size > TB_SIZE_MAX)) {
        error_set(errp, "parameter 'tb-size' must be 1 to %" PRIu64 " MiB", (uint64_t)(TB_SIZE_MAX / MiB));
        return false;
    }
    if (tb_size) {
        tcg_opt_buffer_size = tb_size;
    }
    tcg_opt_singlestep = keylist_get_bool(l, "one-insn-per-tb", tcg_opt_singlestep);
    return true;
}

static bool opt_singlestep(void *dest, const char *arg, Error **errp)
{
    tcg_opt_singlestep = true;
    return true;
}

static bool opt_cpu(void *dest, const char *arg, Error **errp)
{
    VmOptions *o = dest;

    if (g_str_equal(arg, "help") || g_str_equal(arg, "?")) {
        x86_cpu_models_print();
        exit(0);
    }
    o->board.cpu_model = arg;
    return true;
}

static const KeyDef smp_keys[] = {
    { "cpus", KEY_UINT, .help = "how many the guest starts with (this key's name may be left out)" },
    { "maxcpus", KEY_UINT, .help = "how many there may be (default: the product of the others, or cpus)" },
    { "sockets", KEY_UINT, .help = "packages (default: 1)" },
    { "dies", KEY_UINT, .values = "1", .help = "dies in a package" },
    { "clusters", KEY_UINT, .values = "1", .help = "clusters in a die" },
    { "cores", KEY_UINT, .help = "cores in a package (default: what makes the product fit)" },
    { "threads", KEY_UINT, .help = "threads in a core (default: 1)" },
    { .name = NULL },
};

/* One number of -smp: 0 when not given, so that the rest can be derived. */
static bool smp_get(const KeyList *l, const char *key, unsigned *out, Error **errp)
{
    uint64_t v = keylist_get_uint(l, key, 0);

    if (v == 0 && keylist_get(l, key)) {
        error_set(errp, "parameter '%s' must be greater than zero", key);
        return false;
    }
    if (v > UINT16_MAX) {
        error_set(errp, "parameter '%s': %" PRIu64 " is too large", key, v);
        return false;
    }
    *out = (unsigned)v;
    return true;
}

static bool opt_smp(void *dest, const char *arg, Error **errp)
{
    VmOptions *o = dest;
    g_autoptr(KeyList) l = keylist_parse(arg, "cpus", smp_keys, errp);
    unsigned cpus, max, sockets, cores, threads, dies, clusters;
    uint64_t product;

    if (!l || !smp_get(l, "cpus", &cpus, errp) || !smp_get(l, "maxcpus", &max, errp) ||
        !smp_get(l, "sockets", &sockets, errp) || !smp_get(l, "cores", &cores, errp) ||
        !smp_get(l, "threads", &threads, errp) || !smp_get(l, "dies", &dies, errp) ||
        !smp_get(l, "clusters", &clusters, errp)) {
        return false;
    }
    if (dies > 1 || clusters > 1) {
        error_set(errp, "this machine has neither dies nor clusters: only 1 of them in each package");
        return false;
    }
    /* Missing numbers follow from the given ones; cores before sockets, as guests expect of one package. */
    if (!max) {
        max = cpus;
    }
    if (!max) {
        sockets = MAX(sockets, 1);
        cores = MAX(cores, 1);
        threads = MAX(threads, 1);
    } else if (!cores) {
        sockets = MAX(sockets, 1);
        threads = MAX(threads, 1);
        cores = MAX(max / (sockets * threads), 1);
    } else if (!sockets) {
        threads = MAX(threads, 1);
        sockets = MAX(max / (cores * threads), 1);
    } else if (!threads) {
        threads = MAX(max / (sockets * cores), 1);
    }
    product = (uint64_t)sockets * cores * threads;
    if (product > UINT16_MAX) {
        error_set(errp, "invalid CPU topology: sockets (%u) * cores (%u) * threads (%u) is too large", sockets, cores,
                  threads);
        return false;
    }
    max = max ? max : (unsigned)product;
    if (product != max) {
        error_set(errp, "invalid CPU topology: sockets (%u) * cores (%u) * threads (%u) is not maxcpus (%u)",
                  sockets, cores, threads, max);
        return false;
    }
    cpus = cpus ? cpus : max;
    if (cpus > max) {
        error_set(errp, "invalid CPU topology: maxcpus (%u) is less than cpus (%u)", max, cpus);
        return false;
    }
    o->cpus = cpus;
    o->max_cpus = max;
    o->sockets = sockets;
    o->cores = cores;
    o->threads = threads;
    return true;
}

static const KeyDef memory_keys[] = {
    { "size", KEY_SIZE, .unit = MiB,
      .help = "in MiB without a suffix (this key's name may be left out; default: 128)" },
    { .name = NULL },
};

static bool opt_memory(void *dest, const char *arg, Error **errp)
{
    VmOptions *o = dest;
    g_autoptr(KeyList) l = keylist_parse(arg, "size", memory_keys, errp);
    uint64_t size;

    if (!l) {
        return false;
    }
    size = keylist_get_uint(l, "size", o->board.ram_size);
    if (size < RAM_SIZE_MIN) {
        error_set(errp, "guest memory is too small: the firmware needs at least %" PRIu64 " MiB",
                  (uint64_t)(RAM_SIZE_MIN / MiB));
        return false;
    }
    /* The page tables of the architecture end at 52 bits; what the CPU model can do is checked later. */
    if (size > 1ull << 52) {
        error_set(errp, "guest memory is too large: at most 4 PiB, addresses have 52 bits");
        return false;
    }
    o->board.ram_size = ROUND_UP(size, 8 * KiB);
    o->board.ram_text = arg;
    return true;
}

static bool is_uuid(const char *s)
{
    static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

    for (unsigned i = 0; i < sizeof(shape) - 1; i++) {
        if (shape[i] == 'x' ? !g_ascii_isxdigit(s[i]) : s[i] != '-') {
            return false;
        }
    }
    return s[sizeof(shape) - 1] == '\0';
}

static bool opt_uuid(void *dest, const char *arg, Error **errp)
{
    VmOptions *o = dest;

    if (!is_uuid(arg)) {
        error_set(errp, "'%s' is not a UUID: expected 8-4-4-4-12 hex digits", arg);
        return false;
    }
    o->board.uuid = arg;
    return true;
}

static bool opt_fw_cfg(void *dest, const char *arg, Error **errp)
{
    g_autoptr(KeyList) l = keylist_parse(arg, "name", fw_cfg_keys, errp);

    return l && fw_cfg_option(l, errp);
}

static bool opt_option_rom(void *dest, const char *arg, Error **errp)
{
    return fw_cfg_option_rom(arg, errp);
}

static bool opt_smbios(void *dest, const char *arg, Error **errp)
{
    VmOptions *o = dest;
    g_autoptr(KeyList) l = keylist_parse(arg, NULL, smbios_keys, errp);
    const char *uuid = l ? keylist_get(l, "uuid") : NULL;

    if (uuid && !is_uuid(uuid)) {
        error_set(errp, "'%s' is not a UUID: expected 8-4-4-4-12 hex digits", uuid);
        return false;
    }
    if (uuid) {
        o->board.uuid = g_intern_string(uuid);
    }
    return l && smbios_option(l, errp);
}

static const KeyDef name_keys[] = {
    { "guest", KEY_STRING, .help = "the guest's name (this key's name may be left out)" },
    { "process", KEY_STRING, .help = "accepted, no effect" },
    { "debug-threads", KEY_BOOL, .help = "accepted: threads always have names" },
    { .name = NULL },
};

static bool opt_name(void *dest, const char *arg, Error **errp)
{
    VmOptions *o = dest;
    g_autoptr(KeyList) l = keylist_parse(arg, "guest", name_keys, errp);
    const char *name;

    if (!l) {
        return false;
    }
    name = keylist_get(l, "guest");
    if (name) {
        o->board.name = g_intern_string(name);
    }
    return true;
}

/* ---- boot -------------------------------------------------------------------------------------------------------- */

#define BOOT_WAIT_MAX   65535u

static const KeyDef boot_keys[] = {
    { "order", KEY_STRING,
      .help = "drives to try: a, b floppy; c hard disk; d CD-ROM; n network (this key's name may be left out)" },
    { "once", KEY_STRING, .help = "the order of the first boot only" },
    { "menu", KEY_BOOL, .help = "let the firmware ask where to boot from" },
    { "strict", KEY_BOOL, .help = "fail rather than boot from a device without a boot index" },
    { "splash", KEY_STRING, .help = "a picture (JPEG or BMP of 24 bits) that the firmware shows with menu=on" },
    { "splash-time", KEY_UINT, .help = "how long picture and menu wait for a key, in ms" },
    { "reboot-timeout", KEY_STRING,
      .help = "start anew so many ms after nothing could be booted (default: -1, stay there)" },
    { .name = NULL },
};

/* Plus 1, so that 0 is "not given", or for ever. */
static bool boot_splash_time(const KeyList *l, uint32_t *ms, Error **errp)
{
    uint64_t v = keylist_get_uint(l, "splash-time", UINT64_MAX);

    if (v != UINT64_MAX && v > BOOT_WAIT_MAX) {
        error_set(errp, "splash-time is invalid, it should be a value between 0 and %u", BOOT_WAIT_MAX);
        return false;
    }
    *ms = v == UINT64_MAX ? *ms : (uint32_t)v + 1;
    return true;
}

static bool boot_reboot_timeout(const KeyList *l, uint32_t *ms, Error **errp)
{
    const char *text = keylist_get(l, "reboot-timeout");
    uint64_t v;

    if (!text) {
        return true;
    }
    if (g_str_equal(text, "-1")) {
        *ms = 0;
        return true;
    }
    if (!parse_uint(text, 0, BOOT_WAIT_MAX, &v, NULL)) {
        error_set(errp, "reboot timeout is invalid, it should be a value between -1 and %u", BOOT_WAIT_MAX);
        return false;
    }
    *ms = (uint32_t)v + 1;
    return true;
}

static bool opt_boot(void *dest, const char *arg, Error **errp)
{
    VmOptions *o = dest;
    g_autoptr(KeyList) l = keylist_parse(arg, "order", boot_keys, errp);
    const char *order, *once, *splash;

    if (!l) {
        return false;
    }
    splash = keylist_get(l, "splash");
    order = keylist_get(l, "order");
    once = keylist_get(l, "once");
    if ((order && !pc_check_boot_order(order, errp)) || (once && !pc_check_boot_order(once, errp))) {
        return false;
    }
    if (!boot_splash_time(l, &o->board.splash_time, errp) ||
        !boot_reboot_timeout(l, &o->board.reboot_timeout, errp) ||
        (splash && !fw_cfg_option_splash(splash, errp))) {
        return false;
    }
    o->board.boot_order = order ? g_intern_string(order) : o->board.boot_order;
    o->board.boot_once = once ? g_intern_string(once) : o->board.boot_once;
    o->board.boot_menu = keylist_get_bool(l, "menu", o->board.boot_menu);
    o->board.boot_strict = keylist_get_bool(l, "strict", o->board.boot_strict);
    return true;
}

static bool opt_firmware_dir(void *dest, const char *arg, Error **errp)
{
    if (g_str_equal(arg, "help") || g_str_equal(arg, "?")) {
        firmware_print_dirs();
        exit(0);
    }
    firmware_add_dir(arg);
    return true;
}

static const KeyDef rtc_keys[] = {
    { "base", KEY_STRING, .help = "utc (default), localtime, or a date such as 2006-06-17T16:01:21 or 2006-06-17" },
    { "clock", KEY_STRING, .values = "host|rt|vm",
      .help = "what moves it: the host's time of day (default), also when that is set; one that only goes forward; or "
      "the machine's, which stands while the guest does (default with -accel qtest)" },
    { "driftfix", KEY_STRING, .values = "none|slew",
      .help = "slew: periodic interrupts that come too late for a guest that counts them are made up for" },
    { .name = NULL },
};

static ClockType rtc_clock(const char *name)
{
    static const struct {
        const char *name;
        ClockType clock;
    } clocks[] = { { "host", CLOCK_HOST }, { "rt", CLOCK_RT }, { "vm", CLOCK_VM } };
    unsigned i = 0;

    while (strcmp(clocks[i].name, name)) {
        i++;
    }
    return clocks[i].clock;
}

/* "YYYY-MM-DD[THH:MM:SS]" as seconds since 1970, read as UTC. */
static bool parse_date(const char *text, int64_t *out)
{
    static const char *const formats[] = { "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d" };

    for (unsigned i = 0; i < ARRAY_SIZE(formats); i++) {
        struct tm tm = { 0 };
        const char *end = strptime(text, formats[i], &tm);

        if (end && !*end) {
            /* strptime() takes the 31st of any month; timegm() would carry it into the next. */
            int day = tm.tm_mday;

            *out = timegm(&tm);
            return tm.tm_mday == day;
        }
    }
    return false;
}

static bool opt_rtc(void *dest, const char *arg, Error **errp)
{
    VmOptions *o = dest;
    g_autoptr(KeyList) l = keylist_parse(arg, NULL, rtc_keys, errp);
    const char *base;
    int64_t start_s;

    if (!l) {
        return false;
    }
    if (keylist_get(l, "clock")) {
        o->board.rtc_clock = rtc_clock(keylist_get(l, "clock"));
        o->rtc_clock_given = true;
    }
    o->board.rtc_slew = !g_strcmp0(keylist_get(l, "driftfix"), "slew");
    base = keylist_get(l, "base");
    if (!base) {
        return true;
    }
    o->board.rtc_localtime = g_str_equal(base, "localtime");
    o->board.rtc_base_offset_s = 0;
    if (!o->board.rtc_localtime && !g_str_equal(base, "utc")) {
        if (!parse_date(base, &start_s)) {
            error_set(errp, "invalid date '%s': expected utc, localtime, 2006-06-17T16:01:21 or 2006-06-17", base);
            return false;
        }
        o->board.rtc_base_offset_s = start_s - (int64_t)time(NULL);
    }
    return true;
}

/* ---- devices ----------------------------------------------------------------------------------------------------- */

static bool add_port(GPtrArray **list, size_t max, const char *kind, const char *arg, Error **errp)
{
    if (!*list) {
        *list = g_ptr_array_new();
    }
    if ((*list)->len == max) {
        error_set(errp, "there are only %zu %s ports", max, kind);
        return false;
    }
    g_ptr_array_add(*list, (gpointer)arg);
    return true;
}

static bool opt_serial(void *dest, const char *arg, Error **errp)
{
    VmOptions *o = dest;

    return add_port(&o->serial, ARRAY_SIZE(o->board.serial), "serial", arg, errp);
}

static bool opt_parallel(void *dest, const char *arg, Error **errp)
{
    VmOptions *o = dest;

    return add_port(&o->parallel, ARRAY_SIZE(o->board.parallel), "parallel", arg, errp);
}

static bool opt_object(void *dest, const char *arg, Error **errp)
{
    VmOptions *o = dest;
    g_autoptr(GString) text = g_string_new(NULL);

    if (user_object_help(arg, text)) {
        fputs(text->str, stdout);
        exit(0);
    }
    if (!o->objects) {
        o->objects = g_ptr_array_new();
    }
    g_ptr_array_add(o->objects, (gpointer)arg);
    return true;
}

static bool opt_chardev(void *dest, const char *arg, Error **errp)
{
    VmOptions *o = dest;

    if (g_str_equal(arg, "help") || g_str_equal(arg, "?")) {
        g_autoptr(GString) text = g_string_new(NULL);

        chardev_print_types(text);
        fputs(text->str, stdout);
        exit(0);
    }
    if (!o->chardevs) {
        o->chardevs = g_ptr_array_new();
    }
    g_ptr_array_add(o->chardevs, (gpointer)arg);
    return true;
}

/* A character code, or the character itself when that is no digit. */
static bool opt_escape(void *dest, const char *arg, Error **errp)
{
    uint64_t key = (uint8_t)arg[0];

    if ((g_ascii_isdigit(arg[0]) || strlen(arg) != 1) && !parse_uint(arg, 0, UINT8_MAX, &key, errp)) {
        return false;
    }
    chardev_mux_set_escape((int)key);
    return true;
}

static void keylist_destroy(gpointer l)
{
    keylist_free(l);
}

static const KeyDef global_keys[] = {
    { "driver", KEY_STRING, .help = "a device type" },
    { "property", KEY_STRING, .help = "a property of it" },
    { "value", KEY_STRING, .help = "what it is set to" },
    { .name = NULL },
};

/* driver.property=value is taken as it stands, commas included; anything else is a list of keys. */
static bool opt_global(void *dest, const char *arg, Error **errp)
{
    size_t driver = strcspn(arg, ".="), property = arg[driver] == '.' ? strcspn(arg + driver + 1, "=") : 0;
    g_autoptr(KeyList) l = NULL;

    if (driver && property && arg[driver + 1 + property] == '=') {
        g_autofree char *d = g_strndup(arg, driver), *p = g_strndup(arg + driver + 1, property);

        device_global_add(d, p, arg + driver + property + 2);
        return true;
    }
    l = keylist_parse(arg, NULL, global_keys, errp);
    if (!l) {
        return false;
    }
    for (const KeyDef *k = global_keys; k->name; k++) {
        if (!keylist_get(l, k->name)) {
            error_set(errp, "parameter '%s' is missing", k->name);
            error_append_hint(errp, "The short form is DRIVER.PROPERTY=VALUE.");
            return false;
        }
    }
    device_global_add(keylist_get(l, "driver"), keylist_get(l, "property"), keylist_get(l, "value"));
    return true;
}

static bool opt_device(void *dest, const char *arg, Error **errp)
{
    VmOptions *o = dest;
    g_autoptr(KeyList) l = keylist_parse(arg, "driver", NULL, errp);
    g_autoptr(GString) help = g_string_new(NULL);

    if (!l) {
        return false;
    }
    if (device_option_help(l, help)) {
        fputs(help->str, stdout);
        exit(0);
    }
    if (!device_option_check(l, errp)) {
        return false;
    }
    if (!o->devices) {
        o->devices = g_ptr_array_new_with_free_func(keylist_destroy);
    }
    g_ptr_array_add(o->devices, g_steal_pointer(&l));
    return true;
}

/* What this version has only the "none" of. */
static bool only_none(const char *what, const char *arg, Error **errp)
{
    if (g_str_equal(arg, "none")) {
        return true;
    }
    error_set(errp, "%s '%s' is not supported by this version, only 'none' is", what, arg);
    return false;
}

static bool opt_monitor(void *dest, const char *arg, Error **errp)
{
    VmOptions *o = dest;

    if (!o->monitors) {
        o->monitors = g_ptr_array_new();
    }
    g_ptr_array_add(o->monitors, (gpointer)arg);
    return true;
}

static bool opt_mon(void *dest, const char *arg, Error **errp)
{
    VmOptions *o = dest;
    KeyList *l = keylist_parse(arg, "chardev", monitor_keys, errp);

    if (!l) {
        return false;
    }
    if (!o->mons) {
        o->mons = g_ptr_array_new_with_free_func(keylist_destroy);
    }
    g_ptr_array_add(o->mons, l);
    return true;
}

static bool opt_display(void *dest, const char *arg, Error **errp)
{
    VmOptions *o = dest;

    if (g_str_equal(arg, "help")) {
        printf("Available display backend types:\nnone\n%s", CURSES_NAME);
        exit(0);
    }
    o->curses = g_str_equal(arg, "curses");
    if (!o->curses && !g_str_equal(arg, "none")) {
        error_set(errp, "display '%s' is not supported by this version, '-display help' lists what there is", arg);
        return false;
    }
    return true;
}

static bool opt_vga(void *dest, const char *arg, Error **errp)
{
    VmOptions *o = dest;

    if (g_str_equal(arg, "help")) {
        printf("none\t\tno graphics card\nstd\t\tstandard VGA (default)\n");
        exit(0);
    }
    o->vga_given = true;
    o->board.no_vga = g_str_equal(arg, "none");
    if (!o->board.no_vga && !g_str_equal(arg, "std")) {
        error_set(errp, "graphics card '%s' is not supported by this version, 'std' and 'none' are", arg);
        return false;
    }
    return true;
}

static bool opt_net(void *dest, const char *arg, Error **errp)
{
    return only_none("network", arg, errp);
}

/* ---- drives ------------------------------------------------------------------------------------------------------ */

static bool opt_blockdev(void *dest, const char *arg, Error **errp)
{
    return blockdev_add(arg, errp);
}

static bool opt_snapshot(void *dest, const char *arg, Error **errp)
{
    drives_snapshot = true;
    return true;
}

static bool opt_drive(void *dest, const char *arg, Error **errp)
{
    return drive_add(arg, errp);
}

#define DRIVE_OPTION(name, interface, index, is_cdrom)                                                      \
static bool opt_##name(void *dest, const char *arg, Error **errp)                                           \
{                                                                                                           \
    return drive_add_file(interface, index, is_cdrom, arg, errp);                                           \
}
DRIVE_OPTION(hda, DRIVE_IDE, 0, false)      /* also: a word that is no option */
DRIVE_OPTION(hdb, DRIVE_IDE, 1, false)
DRIVE_OPTION(hdc, DRIVE_IDE, 2, false)
DRIVE_OPTION(hdd, DRIVE_IDE, 3, false)
DRIVE_OPTION(cdrom, DRIVE_IDE, 2, true)
DRIVE_OPTION(fda, DRIVE_FLOPPY, 0, false)
DRIVE_OPTION(fdb, DRIVE_FLOPPY, 1, false)

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
    { "device", .arg = "NAME[,PROPERTY=VALUE...]", .help = "add a device; 'help' lists them, NAME,help its properties",
      FN(opt_device) },
    { "global", .arg = "DRIVER.PROPERTY=VALUE",
      .help = "the default of a property of all devices of a type, the board's too; or "
              "driver=DRIVER,property=PROPERTY,value=VALUE", .keys = global_keys, FN(opt_global) },
    { "nographic", .help = "no display; first serial port and escape keys on this terminal", FLAG(nographic) },
    { "display", .arg = "TYPE", .help = "who shows the screen: none (default), or curses: text modes on this terminal, "
      "Alt-2 and up monitor and ports; 'help' lists what there is", FN(opt_display) },
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
      STRING(incoming) },
    { "loadvm", .arg = "TAG", .help = "start from a snapshot that the monitor command 'savevm' has made",
      STRING(loadvm) },
    { "no-reboot", .help = "leave when the guest resets the machine", FLAG(no_reboot) },
    { "no-shutdown", .help = "stop but do not leave when the guest switches the machine off", FLAG(no_shutdown) },
    { "action", .arg = "EVENT=ACTION[,...]", .help = "what to do when", .keys = action_keys, FN(opt_action) },
    { "watchdog-action", .arg = "ACTION", .help = "the same as -action watchdog=ACTION", FN(opt_watchdog_action) },
    { "pidfile", .arg = "FILE", .help = "write the process number to FILE; removed at the end", STRING(pidfile) },
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
    REFUSED("netdev", "..."), REFUSED("vnc", "..."), REFUSED("spice", "..."), REFUSED("full-screen", NULL),
    REFUSED("k", "LANGUAGE"), REFUSED("usb", NULL), REFUSED("usbdevice", "NAME"), REFUSED("audio", "..."),
    REFUSED("audiodev", "..."), REFUSED("soundhw", "..."), REFUSED("qmp", "DEV"),
    REFUSED("qmp-pretty", "DEV"), REFUSED("gdb", "DEV"), REFUSED("s", NULL), REFUSED("enable-kvm", NULL),
    REFUSED("icount", "..."), REFUSED("daemonize", NULL),
    REFUSED("acpitable", "..."),
    REFUSED("set", "..."), REFUSED("readconfig", "FILE"),
    REFUSED("numa", "..."), REFUSED("mem-path", "FILE"), REFUSED("mem-prealloc", NULL),
    REFUSED("seed", "NUMBER"), REFUSED("msg", "..."), REFUSED("tpmdev", "..."),
    REFUSED("sandbox", "..."), REFUSED("runas", "USER"), REFUSED("chroot", "FOLDER"), REFUSED("preconfig", NULL),
    REFUSED("overcommit", "..."), REFUSED("plugin", "..."), REFUSED("add-fd", "..."), REFUSED("compat", "..."),
    REFUSED("only-migratable", NULL), REFUSED("dump-vmstate", "FILE"), REFUSED("win2k-hack", NULL),
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
    if (o->nographic && o->curses) {
        error_set(errp, "-nographic and -display curses both want this terminal");
        return false;
    }
    if (!o->board.cpu_model) {
        o->board.cpu_model = o->machine->cpu_model ? o->machine->cpu_model : default_cpu_model();
    }
    if (o->max_cpus > o->machine->max_cpus) {
        error_set(errp, "invalid SMP CPUs %u: the max CPUs supported by machine '%s' is %u", o->max_cpus,
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

/* Who brings drives of a kind wants none that are there by default. */
static void choose_default_devices(VmOptions *o)
{
    MachineOptions *b = &o->board;
    const KeyList *fdc = find_device(o, "isa-fdc");

    b->no_vga = o->vga_given ? b->no_vga : b->nodefaults || find_device(o, "VGA");
    b->no_floppy = b->nodefaults || fdc || find_device(o, "floppy");
    b->no_cdrom = b->nodefaults || find_device(o, "ide-cd") || find_device(o, "ide-hd");
    b->own_fdc = takes_floppy_ports(fdc);
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
