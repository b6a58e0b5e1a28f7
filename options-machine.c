/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options that choose the board: machine, processors, memory, tables, boot order, firmware, clock. */
#include "qemu/osdep.h"
#include <sys/prctl.h>
#include <time.h>
#include "exec/translate-all.h"
#include "hw/i386/x86-board.h"
#include "hw/nvram/firmware.h"
#include "hw/nvram/fw_cfg.h"
#include "options-int.h"

/* ---- machine, accelerator, CPU ----------------------------------------------------------------------------------- */

const MachineType *machine_find(const char *name)
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

const KeyDef machine_keys[] = {
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
    { "smm", KEY_STRING, .values = "on|auto", .help = "system management mode is always there" },
    { "i8042", KEY_STRING, .values = "on", .help = "the keyboard controller is part of the board" },
    { "pic", KEY_STRING, .values = "on|auto", .help = "so are both 8259s" },
    { "pit", KEY_STRING, .values = "on|auto", .help = "the 8254" },
    { "smbus", KEY_STRING, .values = "on", .help = "and the SMBus controller" },
    { "sata", KEY_STRING, .values = "on|off", .help = "no effect: this chipset has IDE" },
    { "nvdimm", KEY_STRING, .values = "off", .help = "there is no persistent memory" },
    { "kernel-irqchip", KEY_STRING, .values = "off", .help = "interrupt controllers are part of this program" },
    { "kernel_irqchip", KEY_STRING, .values = "off", .help = "the same" },
    { "dump-guest-core", KEY_BOOL, .help = "accepted, no effect" },
    { "mem-merge", KEY_BOOL, .help = "accepted, no effect" },
    { .name = NULL },
};

bool opt_machine(void *dest, const char *arg, Error **errp)
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

const KeyDef accel_keys[] = {
    { "accel", KEY_STRING, .help = "the accelerator (this key's name may be left out); 'help' lists them" },
    { "thread", KEY_STRING, .values = "single|multi", .help = "each vCPU has a thread of its own in any case" },
    { "one-insn-per-tb", KEY_BOOL, .help = "translate one guest instruction per block, as -singlestep" },
    { "tb-size", KEY_SIZE, .unit = MiB, .help = "size of the buffer for translated code, in MiB" },
    { "split-wx", KEY_BOOL, .help = "accepted: translated code is never writable and executable through one mapping" },
    { .name = NULL },
};

bool opt_accel(void *dest, const char *arg, Error **errp)
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

bool opt_singlestep(void *dest, const char *arg, Error **errp)
{
    tcg_opt_singlestep = true;
    return true;
}

bool opt_cpu(void *dest, const char *arg, Error **errp)
{
    VmOptions *o = dest;

    if (g_str_equal(arg, "help") || g_str_equal(arg, "?")) {
        x86_cpu_models_print();
        exit(0);
    }
    o->board.cpu_model = arg;
    return true;
}

const KeyDef smp_keys[] = {
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

bool opt_smp(void *dest, const char *arg, Error **errp)
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

const KeyDef memory_keys[] = {
    { "size", KEY_SIZE, .unit = MiB,
      .help = "in MiB without a suffix (this key's name may be left out; default: 128)" },
    { "slots", KEY_STRING, .values = "0", .help = "memory cannot be plugged in later" },
    { "maxmem", KEY_SIZE, .unit = MiB, .help = "accepted when it is the size" },
    { .name = NULL },
};

bool opt_memory(void *dest, const char *arg, Error **errp)
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
    if (keylist_get_uint(l, "maxmem", size) != size) {
        error_set(errp, "parameter 'maxmem': memory cannot be plugged in later, it stays what 'size' says");
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

bool opt_uuid(void *dest, const char *arg, Error **errp)
{
    VmOptions *o = dest;

    if (!is_uuid(arg)) {
        error_set(errp, "'%s' is not a UUID: expected 8-4-4-4-12 hex digits", arg);
        return false;
    }
    o->board.uuid = arg;
    return true;
}

bool opt_fw_cfg(void *dest, const char *arg, Error **errp)
{
    g_autoptr(KeyList) l = keylist_parse(arg, "name", fw_cfg_keys, errp);

    return l && fw_cfg_option(l, errp);
}

bool opt_option_rom(void *dest, const char *arg, Error **errp)
{
    return fw_cfg_option_rom(arg, errp);
}

bool opt_smbios(void *dest, const char *arg, Error **errp)
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

const KeyDef name_keys[] = {
    { "guest", KEY_STRING, .help = "the guest's name (this key's name may be left out)" },
    { "process", KEY_STRING, .help = "how the host's ps shows this program (15 characters)" },
    { "debug-threads", KEY_BOOL, .help = "accepted: threads always have names" },
    { .name = NULL },
};

bool opt_name(void *dest, const char *arg, Error **errp)
{
    VmOptions *o = dest;
    g_autoptr(KeyList) l = keylist_parse(arg, "guest", name_keys, errp);
    const char *name;

    if (!l) {
        return false;
    }
    name = keylist_get(l, "process");
    if (name) {
        prctl(PR_SET_NAME, name);       /* of the main thread; the others have their own */
    }
    name = keylist_get(l, "guest");
    if (name) {
        o->board.name = g_intern_string(name);
    }
    return true;
}

/* ---- boot -------------------------------------------------------------------------------------------------------- */

#define BOOT_WAIT_MAX   65535u

const KeyDef boot_keys[] = {
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

bool opt_boot(void *dest, const char *arg, Error **errp)
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

bool opt_firmware_dir(void *dest, const char *arg, Error **errp)
{
    if (g_str_equal(arg, "help") || g_str_equal(arg, "?")) {
        firmware_print_dirs();
        exit(0);
    }
    firmware_add_dir(arg);
    return true;
}

const KeyDef rtc_keys[] = {
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

bool opt_rtc(void *dest, const char *arg, Error **errp)
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
